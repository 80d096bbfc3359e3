/*
 * The device side of the negotiation: features and the status register.
 *
 * This file validates what the driver wrote, and a transport acts on the result. The driver is not
 * trusted: a write in the wrong order changes nothing.
 */
#include <ballonet/virtio.h>

#include "lib/base/intake.h"

#include <string.h>

/** Status bits that a driver is allowed to write. Only the device writes NEEDS_RESET; bits unknown
 * to this version are ignored. */
#define DRIVER_BITS                                                                           \
    (BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER | BNT_DEVICE_STATUS_DRIVER_OK | \
     BNT_DEVICE_STATUS_FEATURES_OK | BNT_DEVICE_STATUS_FAILED)

/** Which bits must be set with or before a status bit (VG-22): bits of `together` in the same write
 * or earlier, and bits of `before` in an earlier write, because the driver must do something in
 * between. */
struct status_order {
    uint8_t bit;
    uint8_t together;
    uint8_t before;
};

static const struct status_order status_orders[] = {
    {BNT_DEVICE_STATUS_DRIVER, BNT_DEVICE_STATUS_ACKNOWLEDGE, 0},
    {BNT_DEVICE_STATUS_FEATURES_OK, 0, BNT_DEVICE_STATUS_DRIVER},
    {BNT_DEVICE_STATUS_DRIVER_OK, 0, BNT_DEVICE_STATUS_FEATURES_OK},
};

/** A legacy driver does not use FEATURES_OK (VG-32). */
static const struct status_order status_orders_legacy[] = {
    {BNT_DEVICE_STATUS_DRIVER, BNT_DEVICE_STATUS_ACKNOWLEDGE, 0},
    {BNT_DEVICE_STATUS_DRIVER_OK, 0, BNT_DEVICE_STATUS_DRIVER},
};

/** Whether the offered features have the bits that the interface requires, and no bit that the
 * interface forbids (VG-27, VG-33). */
static bool is_offer_valid(bnt_interface interface, uint64_t offered)
{
    switch (interface) {
    case BNT_INTERFACE_MODERN:
        return (offered & BNT_F_VERSION_1) != 0;
    case BNT_INTERFACE_TRANSITIONAL:
        return (offered & BNT_F_VERSION_1) != 0 && (offered & BNT_F_ANY_LAYOUT) != 0 &&
               (offered & BNT_F_UNUSED) == 0;
    case BNT_INTERFACE_LEGACY:
        return (offered & ~BNT_F_LEGACY_MASK) == 0 && (offered & BNT_F_UNUSED) == 0;
    }
    return false;
}

bnt_status bnt_dev_status_init_with_interface(struct bnt_dev_status *dev, bnt_interface interface,
                                              uint64_t offered,
                                              const struct bnt_feature_rule *rules,
                                              uint32_t rule_count)
{
    if (dev == NULL || (rules == NULL && rule_count > 0)) {
        return BNT_E_ARGUMENT;
    }
    if (!is_offer_valid(interface, offered) ||
        bnt_features_find_invalid(offered, rules, rule_count) != 0) {
        return BNT_E_FEATURES;
    }
    memset(dev, 0, sizeof *dev);
    dev->offered = offered;
    dev->rules = rules;
    dev->rule_count = rule_count;
    dev->interface = interface;
    return BNT_OK;
}

bnt_status bnt_dev_status_init(struct bnt_dev_status *dev, uint64_t offered,
                               const struct bnt_feature_rule *rules, uint32_t rule_count)
{
    return bnt_dev_status_init_with_interface(dev, BNT_INTERFACE_MODERN, offered, rules,
                                              rule_count);
}

bool bnt_dev_switch_to_legacy(struct bnt_dev_status *dev)
{
    const uint64_t offered = dev->offered & BNT_F_LEGACY_MASK;

    if (dev->legacy) {
        return true;
    }
    if (dev->interface == BNT_INTERFACE_MODERN || (dev->status & BNT_DEVICE_STATUS_DRIVER) == 0 ||
        (dev->status & BNT_DEVICE_STATUS_FEATURES_OK) != 0 ||
        (dev->accepted & BNT_F_VERSION_1) != 0) {
        return false;
    }
    dev->accepted = bnt_features_choose(offered, dev->accepted, dev->rules, dev->rule_count);
    dev->legacy = true;
    return true;
}

bnt_status bnt_dev_features_write(struct bnt_dev_status *dev, uint64_t features)
{
    const unsigned closed = BNT_DEVICE_STATUS_FEATURES_OK | BNT_DEVICE_STATUS_FAILED;

    if ((dev->status & BNT_DEVICE_STATUS_DRIVER) == 0 || (dev->status & closed) != 0 ||
        dev->legacy) {
        return BNT_E_STATE;
    }
    dev->accepted = features;
    return BNT_OK;
}

/** Finds a fault in the features that the driver accepted. Returns false if there is none. */
static bool find_feature_fault(const struct bnt_dev_status *dev, struct bnt_diag *told)
{
    const uint64_t unoffered = dev->accepted & ~dev->offered;
    const uint64_t broken = bnt_features_find_invalid(dev->accepted, dev->rules, dev->rule_count);

    told->expected = dev->offered;
    if (unoffered != 0) {
        told->fault = BNT_FAULT_FEATURES_UNOFFERED;
        told->found = unoffered;
    } else if ((dev->accepted & BNT_F_VERSION_1) == 0) {
        told->fault = BNT_FAULT_FEATURE_VERSION_1;
        told->found = dev->accepted;
    } else if (broken != 0) {
        told->fault = BNT_FAULT_FEATURE_DEPENDENCY;
        told->found = broken;
    }
    return told->fault != BNT_FAULT_NONE;
}

/** Whether writing `value` violates the order of initialisation. */
static bool is_status_misordered(unsigned status, unsigned value, bool legacy,
                                 struct bnt_diag *told)
{
    const struct status_order *orders = legacy ? status_orders_legacy : status_orders;
    const unsigned set = value & ~status;
    const unsigned count = legacy ? sizeof status_orders_legacy / sizeof status_orders_legacy[0]
                                  : sizeof status_orders / sizeof status_orders[0];

    if ((status & BNT_DEVICE_STATUS_FAILED) != 0 && set != 0) {
        told->expected = status;
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct status_order *order = &orders[i];
        const unsigned before = order->before & ~status;
        const unsigned together = order->together & ~value;
        if ((set & order->bit) != 0 && (before != 0 || together != 0)) {
            told->expected = status | order->before | order->together;
            return true;
        }
    }
    return false;
}

/**
 * The action that follows from the newly set bits; if several actions follow, the most important
 * one.
 */
static bnt_dev_action choose_dev_action(unsigned status, unsigned set)
{
    if ((set & BNT_DEVICE_STATUS_DRIVER_OK) != 0) {
        const bool live = (status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0;
        return live ? BNT_DEV_ACTION_DRIVER_OK : BNT_DEV_ACTION_NONE;
    }
    return (set & BNT_DEVICE_STATUS_FEATURES_OK) != 0 ? BNT_DEV_ACTION_FEATURES_OK
                                                      : BNT_DEV_ACTION_NONE;
}

/** Whether the driver is allowed to set SUSPEND now (VG-38). */
static bool may_dev_suspend(const struct bnt_dev_status *dev)
{
    return bnt_dev_is_live(dev) && !dev->legacy && (dev->accepted & BNT_F_SUSPEND) != 0;
}

/** Suspends or resumes the device if `value` asks for it. */
static bnt_dev_action suspend_or_resume_dev(struct bnt_dev_status *dev, unsigned value)
{
    const unsigned suspend = BNT_DEVICE_STATUS_SUSPEND;
    const unsigned live = BNT_DEVICE_STATUS_DRIVER_OK;

    if (bnt_dev_is_suspended(dev)) {
        if ((value & live) == 0) {
            return BNT_DEV_ACTION_NONE;
        }
        dev->status = (uint8_t)((dev->status & ~suspend) | live);
        return BNT_DEV_ACTION_RESUME;
    }
    if ((value & suspend) == 0 || !may_dev_suspend(dev)) {
        return BNT_DEV_ACTION_NONE;
    }
    dev->status = (uint8_t)((dev->status & ~live) | suspend);
    return BNT_DEV_ACTION_SUSPEND;
}

bnt_status bnt_dev_status_write(struct bnt_dev_status *dev, uint8_t value, bnt_dev_action *action,
                                struct bnt_diag *diag)
{
    const unsigned status = dev->status;
    /* The legacy interface has no bit FEATURES_OK. */
    const bool modern = dev->interface != BNT_INTERFACE_LEGACY && !dev->legacy;
    const unsigned known = modern ? DRIVER_BITS : DRIVER_BITS & ~BNT_DEVICE_STATUS_FEATURES_OK;
    const unsigned wanted = value & known;
    const unsigned set = wanted & ~status;
    struct bnt_diag told = {.status = BNT_E_FEATURES, .expected = status, .found = value};

    *action = BNT_DEV_ACTION_NONE;
    if (value == 0) {
        dev->status = 0;
        dev->accepted = 0;
        dev->legacy = false;
        *action = BNT_DEV_ACTION_RESET;
        return BNT_OK;
    }
    if ((set & BNT_DEVICE_STATUS_FAILED) != 0) {
        /* FAILED is accepted whatever other bits the driver writes with it (VG-10). Writing FAILED
         * does not resume a suspended device. */
        dev->status = (uint8_t)(status | BNT_DEVICE_STATUS_FAILED);
        *action = BNT_DEV_ACTION_FAILED;
        return BNT_OK;
    }
    if ((status & DRIVER_BITS & ~wanted) != 0) {
        told.fault = BNT_FAULT_STATUS_CLEARED;
        return bnti_write_diag(diag, &told);
    }
    if ((set & (BNT_DEVICE_STATUS_DRIVER_OK | BNT_DEVICE_STATUS_FEATURES_OK)) ==
        BNT_DEVICE_STATUS_DRIVER_OK) {
        (void)bnt_dev_switch_to_legacy(dev);
    }
    if (is_status_misordered(status, wanted, dev->legacy, &told)) {
        told.fault = BNT_FAULT_STATUS_ORDER;
        return bnti_write_diag(diag, &told);
    }
    if ((set & BNT_DEVICE_STATUS_FEATURES_OK) != 0 && find_feature_fault(dev, &told)) {
        return bnti_write_diag(diag, &told);
    }
    *action = suspend_or_resume_dev(dev, value);
    if (*action == BNT_DEV_ACTION_NONE) {
        dev->status = (uint8_t)(status | wanted);
        *action = choose_dev_action(status, set);
    }
    return BNT_OK;
}

bool bnt_dev_set_needs_reset(struct bnt_dev_status *dev)
{
    const unsigned status = dev->status;

    dev->status = (uint8_t)(status | BNT_DEVICE_STATUS_NEEDS_RESET);
    return (status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 &&
           (status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0;
}

bool bnt_dev_is_suspended(const struct bnt_dev_status *dev)
{
    return (dev->status & BNT_DEVICE_STATUS_SUSPEND) != 0;
}

bool bnt_dev_is_live(const struct bnt_dev_status *dev)
{
    const unsigned ends = BNT_DEVICE_STATUS_NEEDS_RESET | BNT_DEVICE_STATUS_FAILED;

    const unsigned begun = dev->legacy ? BNT_DEVICE_STATUS_DRIVER : BNT_DEVICE_STATUS_DRIVER_OK;

    return (dev->status & begun) != 0 && (dev->status & ends) == 0;
}
