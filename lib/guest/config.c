/*
 * Configuration space as the guest sees it: the target and the epoch are read, `actual` and the
 * acknowledgement are written. Who decides by them is elsewhere.
 */
#include "guest_private.h"

bnt_status bnti_guest_config_le32(struct bnt_guest *guest, uint32_t offset, uint32_t *value)
{
    bnt_le32 wire = {{0, 0, 0, 0}};
    const bnt_status status = bnt_drv_config_read(&guest->ops.transport, guest->opaque, offset,
                                                  &wire, sizeof wire, &guest->diag);
    *value = bnt_le32_get(wire);
    return status;
}

void bnti_guest_config_le32_write(struct bnt_guest *guest, uint32_t offset, uint32_t value)
{
    const bnt_le32 wire = bnt_le32_set(value);
    guest->ops.transport.config_write(guest->opaque, offset, &wire, sizeof wire);
}

/* A reset is known by its epoch; one that comes while releasing only changes the number (BX-20). */
static void epoch_look(struct bnt_guest *guest, uint32_t epoch)
{
    if (guest->state == BNT_GUEST_RUNNING && epoch != guest->epoch) {
        guest->epoch_seen = epoch;
        bnti_guest_release_begin(guest);
    } else if (guest->state == BNT_GUEST_RELEASING && epoch != guest->epoch_seen) {
        guest->epoch_seen = epoch;
        guest->count.resets++;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_RESET, epoch, bnti_guest_have_pfns(guest));
    }
}

/* Whether the device asks to be reset, or was reset behind the driver: the driver is broken then.
 */
bool bnti_guest_device_lost(struct bnt_guest *guest)
{
    const uint8_t status = guest->ops.transport.status_read(guest->opaque);
    if (status & BNT_DEVICE_STATUS_NEEDS_RESET) {
        bnti_guest_break(guest, BNT_E_BROKEN, BNT_FAULT_NEEDS_RESET, 0);
        return true;
    }
    if ((status & BNT_DEVICE_STATUS_DRIVER_OK) == 0) {
        bnti_guest_break(guest, BNT_E_BROKEN, BNT_FAULT_DEVICE_WAS_RESET, 0);
        return true;
    }
    return false;
}

/*
 * Reads the truth, from a device that is there: one that was pulled out reads as all ones, which is
 * neither a target nor an epoch. `told`: the device announced a change, or the time to poll has
 * come.
 */
void bnti_guest_config_look(struct bnt_guest *guest, bool told)
{
    uint32_t epoch = 0;
    uint32_t num_pages = 0;
    uint32_t hint = BNT_BALLOON_HINT_STOP;
    bnt_status status = BNT_OK;
    if (bnti_guest_device_lost(guest)) {
        return;
    }
    if (guest->resets) {
        status = bnti_guest_config_le32(guest, BNT_BALLOON_CONFIG_EPOCH, &epoch);
    }
    if (status == BNT_OK) {
        status = bnti_guest_config_le32(guest, BNT_BALLOON_CONFIG_NUM_PAGES, &num_pages);
    }
    if (status == BNT_OK && bnti_guest_hinting(guest)) {
        status = bnti_guest_config_le32(guest, BNT_BALLOON_CONFIG_HINT_CMD_ID, &hint);
    }
    if (status != BNT_OK) {
        bnti_guest_break(guest, status, BNT_FAULT_CONFIG_UNSETTLED, 0);
        return;
    }
    bnti_guest_hint_command(guest, hint);
    bnti_guest_target_set(guest, num_pages, told);
    if (guest->resets) {
        epoch_look(guest, epoch);
    }
}

void bnti_guest_config_poll(struct bnt_guest *guest)
{
    if (bnti_guest_on_vmware(guest)) {
        return; /* there is no such space */
    }
    if (guest->config.poll_ns != 0 && guest->config_due_ns == BNT_NEVER) {
        guest->config_due_ns = bnti_guest_after(guest->now_ns, guest->config.poll_ns);
    }
    const bool due = guest->now_ns >= guest->config_due_ns;
    if (!guest->config_marked && !due) {
        return;
    }
    guest->config_marked = false;
    guest->work++;
    if (due) {
        guest->config_due_ns = bnti_guest_after(guest->now_ns, guest->config.poll_ns);
    }
    bnti_guest_config_look(guest, true);
}

/* Tells how large the balloon could become (BX-28). */
void bnti_guest_limit_write(struct bnt_guest *guest)
{
    guest->limit_due = false;
    if ((guest->features & guest->config.binding.guest_limit) != 0) {
        bnti_guest_config_le32_write(guest, BNT_BALLOON_CONFIG_GUEST_LIMIT,
                                     (uint32_t)bnti_guest_min(guest->limit_pfns, UINT32_MAX));
    }
}

/*
 * Writes what is ballooned, if it changed or `always` (BX-18). Pages that wait for the
 * acknowledgement of a deflate are ballooned still; held ones never are (BX-15).
 */
void bnti_guest_actual_write(struct bnt_guest *guest, bool always)
{
    const struct bnti_guest_request *deflate = &guest->requests[BNTI_GUEST_DEFLATE];
    const struct bnti_guest_request *oom = &guest->requests[BNTI_GUEST_OOM];
    uint64_t pfns = bnti_guest_have_pfns(guest);
    pfns += deflate->busy && !deflate->given_back ? bnti_guest_pfns_of(guest, deflate) : 0;
    pfns += oom->busy && !oom->given_back ? bnti_guest_pfns_of(guest, oom) : 0;
    const uint32_t actual = pfns > UINT32_MAX ? UINT32_MAX : (uint32_t)pfns;
    if (guest->state != BNT_GUEST_RUNNING && !always) {
        return;
    }
    if (actual == guest->actual && !always) {
        return;
    }
    guest->actual = actual;
    if (bnti_guest_on_vmware(guest)) {
        return; /* the host counts by itself */
    }
    bnti_guest_config_le32_write(guest, BNT_BALLOON_CONFIG_ACTUAL, actual);
    bnti_guest_tell(guest, BNT_GUEST_EVENT_ACTUAL, actual, 0);
}
