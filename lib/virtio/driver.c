/*
 * The driver side of the negotiation: reset, features, status, reading configuration space.
 *
 * The code accesses the registers through the caller's transport, and never waits: it returns
 * E_AGAIN if a reset is not complete. The device is not trusted. The guest core chooses the
 * features and sets up the queues.
 */
#include <ballonet/virtio.h>

#include "lib/base/intake.h"

/** Writes the status register, except for a reset: bits are only added (VG-2). */
static void add_drv_status(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                           void *opaque, unsigned bits)
{
    drv->status = (uint8_t)(drv->status | bits);
    transport->status_write(opaque, drv->status);
}

void bnt_drv_begin_reset(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                         void *opaque)
{
    drv->state = BNT_DRV_RESETTING;
    drv->status = 0;
    drv->offered = 0;
    drv->accepted = 0;
    drv->legacy = false;
    transport->status_write(opaque, 0);
}

bnt_status bnt_drv_poll_reset(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                              void *opaque)
{
    if (drv->state == BNT_DRV_DOWN) {
        return BNT_OK;
    }
    if (drv->state != BNT_DRV_RESETTING) {
        return BNT_E_STATE;
    }
    if (transport->status_read(opaque) != 0) {
        return BNT_E_AGAIN;
    }
    drv->state = BNT_DRV_DOWN;
    return BNT_OK;
}

void bnt_drv_set_failed(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                        void *opaque)
{
    drv->state = BNT_DRV_FAILED;
    add_drv_status(drv, transport, opaque, BNT_DEVICE_STATUS_FAILED);
}

/** The reason why the required features `missing` were not accepted. */
static bnt_fault get_missing_fault(uint64_t offered, uint64_t missing)
{
    if ((missing & BNT_F_VERSION_1) != 0) {
        return BNT_FAULT_FEATURE_VERSION_1;
    }
    return (missing & offered) == missing ? BNT_FAULT_FEATURE_DEPENDENCY
                                          : BNT_FAULT_FEATURES_UNOFFERED;
}

/** Sets FEATURES_OK, and reads it back to check that the device accepted it. */
static bnt_fault set_features_ok(struct bnt_drv_status *drv,
                                 const struct bnt_drv_transport *transport, void *opaque,
                                 uint8_t *found)
{
    transport->features_write(opaque, drv->accepted);
    add_drv_status(drv, transport, opaque, BNT_DEVICE_STATUS_FEATURES_OK);
    *found = transport->status_read(opaque);
    if ((*found & BNT_DEVICE_STATUS_FEATURES_OK) == 0) {
        /* The bit was not accepted, so it is not written again: a device could ignore FAILED if
         * both bits were written together. */
        drv->status = (uint8_t)(drv->status & ~(unsigned)BNT_DEVICE_STATUS_FEATURES_OK);
    }
    if ((*found & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
        return BNT_FAULT_NEEDS_RESET;
    }
    return (*found & BNT_DEVICE_STATUS_FEATURES_OK) != 0 ? BNT_FAULT_NONE
                                                         : BNT_FAULT_FEATURES_REFUSED;
}

/** Whether the legacy interface must be used, given the offered features. */
static bool is_legacy_needed(bnt_interface interface, uint64_t offered)
{
    return interface == BNT_INTERFACE_LEGACY ||
           (interface == BNT_INTERFACE_TRANSITIONAL && (offered & BNT_F_VERSION_1) == 0);
}

bnt_status bnt_drv_negotiate_with_interface(struct bnt_drv_status *drv,
                                            const struct bnt_drv_transport *transport, void *opaque,
                                            bnt_interface interface, uint64_t wanted,
                                            uint64_t required, uint64_t legacy_never,
                                            const struct bnt_feature_rule *rules,
                                            uint32_t rule_count, struct bnt_diag *diag)
{
    struct bnt_diag told = {.status = BNT_E_FEATURES};
    uint64_t missing;
    uint8_t found = 0;

    if (drv->state != BNT_DRV_DOWN || transport->status_read(opaque) != 0) {
        return BNT_E_STATE;
    }
    drv->status = 0;
    add_drv_status(drv, transport, opaque, BNT_DEVICE_STATUS_ACKNOWLEDGE);
    add_drv_status(drv, transport, opaque, BNT_DEVICE_STATUS_DRIVER);
    drv->offered = transport->features_read(opaque);
    drv->legacy = is_legacy_needed(interface, drv->offered);
    const bool modern = (drv->offered & ~BNT_F_LEGACY_MASK) != 0;
    if (drv->legacy) {
        drv->offered &= BNT_F_LEGACY_MASK;
        wanted = (wanted & ~legacy_never) | BNT_F_ANY_LAYOUT;
    } else {
        required |= BNT_F_VERSION_1;
        wanted &= ~(BNT_F_ANY_LAYOUT | BNT_F_NOTIFY_ON_EMPTY);
    }
    drv->accepted = bnt_features_choose(drv->offered, wanted | required, rules, rule_count);

    missing = required & ~drv->accepted;
    told.expected = required;
    told.found = drv->offered;
    if (drv->legacy && modern) {
        told.fault = BNT_FAULT_FEATURE_VERSION_1;
        told.expected = BNT_F_LEGACY_MASK;
    } else if (missing != 0) {
        told.fault = get_missing_fault(drv->offered, missing);
    } else if (drv->legacy) {
        transport->features_write(opaque, drv->accepted);
    } else {
        told.fault = set_features_ok(drv, transport, opaque, &found);
    }
    if (told.fault == BNT_FAULT_FEATURES_REFUSED || told.fault == BNT_FAULT_NEEDS_RESET) {
        told.expected = drv->status;
        told.found = found;
    }
    if (told.fault != BNT_FAULT_NONE) {
        bnt_drv_set_failed(drv, transport, opaque);
        return bnti_write_diag(diag, &told);
    }
    drv->state = BNT_DRV_NEGOTIATED;
    return BNT_OK;
}

bnt_status bnt_drv_negotiate(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                             void *opaque, uint64_t wanted, uint64_t required,
                             const struct bnt_feature_rule *rules, uint32_t rule_count,
                             struct bnt_diag *diag)
{
    return bnt_drv_negotiate_with_interface(drv, transport, opaque, BNT_INTERFACE_MODERN, wanted,
                                            required, 0, rules, rule_count, diag);
}

bnt_status bnt_drv_set_driver_ok(struct bnt_drv_status *drv,
                                 const struct bnt_drv_transport *transport, void *opaque)
{
    if (drv->state != BNT_DRV_NEGOTIATED) {
        return BNT_E_STATE;
    }
    add_drv_status(drv, transport, opaque, BNT_DEVICE_STATUS_DRIVER_OK);
    if (drv->legacy && (transport->status_read(opaque) & BNT_DEVICE_STATUS_DRIVER_OK) == 0) {
        bnt_drv_set_failed(drv, transport, opaque);
        return BNT_E_FEATURES;
    }
    drv->state = BNT_DRV_RUNNING;
    return BNT_OK;
}

bnt_status bnt_drv_begin_suspend(struct bnt_drv_status *drv,
                                 const struct bnt_drv_transport *transport, void *opaque)
{
    if (drv->state != BNT_DRV_RUNNING) {
        return BNT_E_STATE;
    }
    if ((drv->accepted & BNT_F_SUSPEND) == 0) {
        return BNT_E_UNSUPPORTED;
    }
    add_drv_status(drv, transport, opaque, BNT_DEVICE_STATUS_SUSPEND);
    drv->state = BNT_DRV_SUSPENDING;
    return BNT_OK;
}

bnt_status bnt_drv_begin_resume(struct bnt_drv_status *drv,
                                const struct bnt_drv_transport *transport, void *opaque)
{
    if (drv->state != BNT_DRV_SUSPENDED) {
        return BNT_E_STATE;
    }
    add_drv_status(drv, transport, opaque, BNT_DEVICE_STATUS_DRIVER_OK);
    drv->state = BNT_DRV_RESUMING;
    return BNT_OK;
}

bnt_status bnt_drv_poll_suspend_or_resume(struct bnt_drv_status *drv,
                                          const struct bnt_drv_transport *transport, void *opaque)
{
    const unsigned both = BNT_DEVICE_STATUS_SUSPEND | BNT_DEVICE_STATUS_DRIVER_OK;
    const bool suspends = drv->state == BNT_DRV_SUSPENDING;
    const unsigned expected = suspends ? BNT_DEVICE_STATUS_SUSPEND : BNT_DEVICE_STATUS_DRIVER_OK;

    if (!suspends && drv->state != BNT_DRV_RESUMING) {
        return BNT_E_STATE;
    }
    const unsigned found = transport->status_read(opaque);
    if ((found & BNT_DEVICE_STATUS_NEEDS_RESET) != 0 || found == 0) {
        return BNT_E_BROKEN;
    }
    if ((found & both) != expected) {
        return BNT_E_AGAIN;
    }
    /* The device has changed the two bits: a driver never clears a bit itself (VG-2). */
    drv->status = (uint8_t)((drv->status & ~both) | expected);
    drv->state = suspends ? BNT_DRV_SUSPENDED : BNT_DRV_RUNNING;
    return BNT_OK;
}

bnt_status bnt_drv_config_read(const struct bnt_drv_transport *transport, void *opaque,
                               uint32_t offset, void *dst, uint32_t bytes, struct bnt_diag *diag)
{
    struct bnt_diag told = {.status = BNT_E_CONFIG, .fault = BNT_FAULT_CONFIG_UNSETTLED};
    uint32_t before = transport->config_generation(opaque);

    for (unsigned reads = 0; reads < BNT_CONFIG_READS_MAX; reads++) {
        uint32_t after;
        transport->config_read(opaque, offset, dst, bytes);
        after = transport->config_generation(opaque);
        if (after == before) {
            return BNT_OK;
        }
        told.expected = before;
        told.found = after;
        before = after;
    }
    return bnti_write_diag(diag, &told);
}
