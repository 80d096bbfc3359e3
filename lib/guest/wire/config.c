/*
 * Accesses to configuration space: reads any field, and writes `actual` and the guest's limit. The
 * front decides when these accesses happen.
 */
#include "lib/guest/wire/guest_wire.h"

bnt_status bnti_guest_read_config_le32(struct bnt_guest *guest, uint32_t offset, uint32_t *value)
{
    bnt_le32 wire = {{0, 0, 0, 0}};
    const bnt_status status = bnt_drv_config_read(&guest->ops.transport, guest->opaque, offset,
                                                  &wire, sizeof wire, &guest->diag);
    *value = bnt_le32_to_cpu(wire);
    return status;
}

void bnti_guest_write_config_le32(struct bnt_guest *guest, uint32_t offset, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    guest->ops.transport.config_write(guest->opaque, offset, &wire, sizeof wire);
}

/* Whether the device has set NEEDS_RESET, or was reset by someone other than the driver. In both
 * cases the driver is marked broken. */
bool bnti_guest_check_device_lost(struct bnt_guest *guest)
{
    const uint8_t status = guest->ops.transport.status_read(guest->opaque);
    if (status & BNT_DEVICE_STATUS_NEEDS_RESET) {
        bnti_guest_mark_broken(guest, BNT_E_BROKEN, BNT_FAULT_NEEDS_RESET, 0);
        return true;
    }
    if ((status & BNT_DEVICE_STATUS_DRIVER_OK) == 0) {
        bnti_guest_mark_broken(guest, BNT_E_BROKEN, BNT_FAULT_DEVICE_WAS_RESET, 0);
        return true;
    }
    return false;
}

/* Writes the largest size that the balloon can have (BX-28). */
void bnti_guest_write_guest_limit(struct bnt_guest *guest)
{
    guest->limit_due = false;
    if ((guest->features & guest->config.features.binding.guest_limit) != 0) {
        bnti_guest_write_config_le32(guest, BNT_BALLOON_CONFIG_GUEST_LIMIT,
                                     (uint32_t)bnti_guest_min(guest->limit_pfns, UINT32_MAX));
    }
}

/*
 * Writes `actual`, the number of ballooned PFNs, if it changed or if `always` is set (BX-18). A
 * page in a deflate in flight is still ballooned; a held page is not ballooned (BX-15).
 */
void bnti_guest_write_actual(struct bnt_guest *guest, bool always)
{
    const struct bnti_guest_request *deflate = &guest->requests[BNTI_GUEST_DEFLATE];
    const struct bnti_guest_request *oom = &guest->requests[BNTI_GUEST_OOM];
    uint64_t pfns = bnti_guest_count_ballooned_pfns(guest);
    pfns +=
        deflate->busy && !deflate->given_back ? bnti_guest_count_request_pfns(guest, deflate) : 0;
    pfns += oom->busy && !oom->given_back ? bnti_guest_count_request_pfns(guest, oom) : 0;
    const uint32_t actual = pfns > UINT32_MAX ? UINT32_MAX : (uint32_t)pfns;
    if (guest->state != BNT_GUEST_RUNNING && !always) {
        return;
    }
    if (actual == guest->actual && !always) {
        return;
    }
    guest->actual = actual;
    guest->wire->actual_write(guest);
}

void bnti_virtio_write_actual(struct bnt_guest *guest)
{
    bnti_guest_write_config_le32(guest, BNT_BALLOON_CONFIG_ACTUAL, guest->actual);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_ACTUAL, guest->actual, 0);
}
