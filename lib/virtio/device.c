/*
 * The device's side of negotiation: features and the status register.
 *
 * A judge without registers: a transport passes in what the driver wrote and acts on the answer.
 * The driver is not trusted; what it writes out of order changes nothing. Queues and configuration
 * space are not known here.
 */
#include <ballonet/virtio.h>

#include "lib/base/intake.h"

#include <string.h>

/** Bits that a driver writes. NEEDS_RESET is the device's own; what the standard adds is ignored.
 */
#define DRIVER_BITS                                                                           \
    (BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER | BNT_DEVICE_STATUS_DRIVER_OK | \
     BNT_DEVICE_STATUS_FEATURES_OK | BNT_DEVICE_STATUS_FAILED)

/** What must stand before a status bit is set (VG-22): `together` in the same write or earlier,
 * `before` in an earlier write, since the driver has something to do or to read in between. */
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

bnt_status bnt_dev_status_init(struct bnt_dev_status *dev, uint64_t offered,
                               const struct bnt_feature_rule *rules, uint32_t rule_count)
{
    if (dev == NULL || (rules == NULL && rule_count > 0)) {
        return BNT_E_ARGUMENT;
    }
    if ((offered & BNT_F_VERSION_1) == 0 || bnt_features_broken(offered, rules, rule_count) != 0) {
        return BNT_E_FEATURES;
    }
    memset(dev, 0, sizeof(*dev));
    dev->offered = offered;
    dev->rules = rules;
    dev->rule_count = rule_count;
    return BNT_OK;
}

bnt_status bnt_dev_features_write(struct bnt_dev_status *dev, uint64_t features)
{
    const unsigned closed = BNT_DEVICE_STATUS_FEATURES_OK | BNT_DEVICE_STATUS_FAILED;

    if ((dev->status & BNT_DEVICE_STATUS_DRIVER) == 0 || (dev->status & closed) != 0) {
        return BNT_E_STATE;
    }
    dev->accepted = features;
    return BNT_OK;
}

/** Fills in what is wrong with the features that the driver accepted; false if nothing is. */
static bool dev_features_refused(const struct bnt_dev_status *dev, struct bnt_diag *told)
{
    const uint64_t unoffered = dev->accepted & ~dev->offered;
    const uint64_t broken = bnt_features_broken(dev->accepted, dev->rules, dev->rule_count);

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

/** Whether setting `value` breaks the order of initialisation. */
static bool dev_status_misordered(unsigned status, unsigned value, struct bnt_diag *told)
{
    const unsigned set = value & ~status;
    const unsigned count = sizeof(status_orders) / sizeof(status_orders[0]);

    if ((status & BNT_DEVICE_STATUS_FAILED) != 0 && set != 0) {
        told->expected = status;
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct status_order *order = &status_orders[i];
        const unsigned before = order->before & ~status;
        const unsigned together = order->together & ~value;
        if ((set & order->bit) != 0 && (before != 0 || together != 0)) {
            told->expected = status | order->before | order->together;
            return true;
        }
    }
    return false;
}

/** What follows from the bits that were newly set; the weightiest one. */
static bnt_dev_action dev_action_of(unsigned status, unsigned set)
{
    if ((set & BNT_DEVICE_STATUS_FAILED) != 0) {
        return BNT_DEV_ACTION_FAILED;
    }
    if ((set & BNT_DEVICE_STATUS_DRIVER_OK) != 0) {
        const bool live = (status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0;
        return live ? BNT_DEV_ACTION_DRIVER_OK : BNT_DEV_ACTION_NONE;
    }
    return (set & BNT_DEVICE_STATUS_FEATURES_OK) != 0 ? BNT_DEV_ACTION_FEATURES_OK
                                                      : BNT_DEV_ACTION_NONE;
}

bnt_status bnt_dev_status_write(struct bnt_dev_status *dev, uint8_t value, bnt_dev_action *action,
                                struct bnt_diag *diag)
{
    const unsigned status = dev->status;
    const unsigned wanted = value & DRIVER_BITS;
    const unsigned set = wanted & ~status;
    struct bnt_diag told = {.status = BNT_E_FEATURES, .expected = status, .found = value};

    *action = BNT_DEV_ACTION_NONE;
    if (value == 0) {
        dev->status = 0;
        dev->accepted = 0;
        *action = BNT_DEV_ACTION_RESET;
        return BNT_OK;
    }
    if ((status & DRIVER_BITS & ~wanted) != 0) {
        told.fault = BNT_FAULT_STATUS_CLEARED;
        return bnti_diag_tell(diag, &told);
    }
    if (dev_status_misordered(status, wanted, &told)) {
        told.fault = BNT_FAULT_STATUS_ORDER;
        return bnti_diag_tell(diag, &told);
    }
    if ((set & BNT_DEVICE_STATUS_FEATURES_OK) != 0 && dev_features_refused(dev, &told)) {
        return bnti_diag_tell(diag, &told);
    }
    dev->status = (uint8_t)(status | wanted);
    *action = dev_action_of(status, set);
    return BNT_OK;
}

bool bnt_dev_needs_reset(struct bnt_dev_status *dev)
{
    const unsigned status = dev->status;

    dev->status = (uint8_t)(status | BNT_DEVICE_STATUS_NEEDS_RESET);
    return (status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 &&
           (status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0;
}

bool bnt_dev_live(const struct bnt_dev_status *dev)
{
    const unsigned ends = BNT_DEVICE_STATUS_NEEDS_RESET | BNT_DEVICE_STATUS_FAILED;

    return (dev->status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 && (dev->status & ends) == 0;
}
