/*
 * Checks status and features: the order of the driver's steps, and the answers of the device
 * (VIRTIO 1.4, 2.1 to 2.4, 3.1). Configuration space is configuration.c's.
 *
 * Every check uses register accesses only. The other watchers use the negotiated features that this
 * file keeps. conformance.c calls this file before all other watchers.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>
#include <string.h>

enum {
    STEP_RESET = 1, /**< the driver wrote status 0 and read it back */
    STEP_ACKNOWLEDGE = 2,
    STEP_DRIVER = 4,
    STEP_OFFER = 8, /**< the driver read the offered features */
    STEP_FEATURES = 16,
    STEP_FEATURES_OK = 32,
    STEP_READ_BACK = 64,
    STEPS_BEFORE_DRIVER_OK = 127
};

/* All features that a balloon device can offer. No other feature is defined for it. */
#define FEATURES_BALLOON UINT64_C(0x3f)
#define FEATURES_RING                                                                            \
    (BNT_F_RING_INDIRECT_DESC | BNT_F_RING_EVENT_IDX | BNT_F_VERSION_1 | BNT_F_ACCESS_PLATFORM | \
     BNT_F_RING_PACKED | BNT_F_IN_ORDER)
#define FEATURES_GENERIC /* features ORDER_PLATFORM to SUSPEND, which any device can have */ \
    ((UINT64_C(1) << 36) | (UINT64_C(1) << 38) | (UINT64_C(1) << 39) | (UINT64_C(1) << 40) | \
     (UINT64_C(1) << 43))
#define FEATURES_LEGACY ((UINT64_C(1) << 24) | (UINT64_C(1) << 27))

static uint64_t get_extension_features(const struct watch *watch)
{
    uint64_t bound[sizeof watch->config.binding / sizeof(uint64_t)];
    uint64_t all = 0;
    memcpy(bound, &watch->config.binding,
           sizeof bound); /* every member of the binding is a mask of features */
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
        all |= bound[i];
    }
    return all;
}

static uint64_t get_known_features(const struct watch *watch)
{
    return FEATURES_BALLOON | FEATURES_RING | FEATURES_GENERIC | FEATURES_LEGACY |
           get_extension_features(watch);
}

/** The first feature in a set that depends on a feature which is not in the set; 0 if there is
 * none. */
static uint64_t find_unmet_feature(const struct watch *watch, uint64_t features)
{
    const struct bnt_balloon_binding *binding = &watch->config.binding;
    const uint64_t dependent = features & (binding->reset | binding->huge_pages);
    return (features & binding->verdicts) == 0 ? dependent & (~dependent + 1) : 0;
}

/* ---- Features ---- */

/** No feature of our extension may be bound to a bit that the standard uses (BX-1). */
static void check_extension_bits(struct watch *watch, clause_party party, uint64_t features)
{
    const uint64_t ours = get_extension_features(watch);
    const uint64_t others = FEATURES_BALLOON | FEATURES_RING | FEATURES_GENERIC | FEATURES_LEGACY;
    if ((features & ours) != 0) {
        clause_require(watch, party, CLAUSE_BX_1, (features & ours & others) == 0,
                       "a party binds a feature of the extension to bits 0x%" PRIx64
                       ", which the standard uses",
                       ours & others);
    }
}

void registers_note_features_read(struct watch *watch, uint64_t offered)
{
    struct watch_registers *r = &watch->registers;
    const struct bnt_balloon_binding *binding = &watch->config.binding;
    r->offer_read = true;
    r->offered = offered;
    r->steps |= STEP_OFFER;
    r->missing = (watch->config.features_wanted & ~offered) != 0;
    r->unknown_offered = (offered & ~get_known_features(watch)) != 0;
    const uint64_t broken = find_unmet_feature(watch, offered);
    clause_require(watch, DEV, CLAUSE_VG_12, broken == 0,
                   "the device offers the feature 0x%" PRIx64
                   " without the features that it depends on",
                   broken);
    check_extension_bits(watch, DEV, offered);
    if ((offered & binding->huge_pages) != 0) {
        clause_require(watch, DEV, CLAUSE_BX_22, (offered & binding->verdicts) != 0,
                       "the device offers HUGE_PAGES without VERDICTS");
    }
    if ((offered & binding->reset) != 0) {
        clause_require(watch, DEV, CLAUSE_BX_2, broken != binding->reset,
                       "the device offers RESET without VERDICTS");
    }
    /* The legacy interface has feature registers of 32 bits, but VERSION_1 is bit 32. */
    const bool short_register = watch->config.legacy_driver && offered >> 32 == 0;
    if (!watch->config.legacy_device && !short_register) {
        clause_require(watch, DEV, CLAUSE_VG_27, (offered & BNT_F_VERSION_1) != 0,
                       "the device offers 0x%" PRIx64 " without VERSION_1", offered);
    }
}

static void check_accepted_features(struct watch *watch, uint64_t features)
{
    const struct watch_registers *r = &watch->registers;
    const uint64_t wanted = watch->config.features_wanted;
    const uint64_t packed = BNT_F_RING_PACKED;
    const uint64_t broken = find_unmet_feature(watch, features);
    clause_require(watch, DRV, CLAUSE_VG_8, (features & ~r->offered) == 0 && broken == 0,
                   "the driver accepts the features 0x%" PRIx64 " although only 0x%" PRIx64
                   " are offered",
                   features, r->offered);
    check_extension_bits(watch, DRV, features);
    if ((features & watch->config.binding.huge_pages) != 0) {
        clause_require(watch, DRV, CLAUSE_BX_22, (features & watch->config.binding.verdicts) != 0,
                       "the driver accepts HUGE_PAGES without VERDICTS");
    }
    if ((features & watch->config.binding.reset) != 0) {
        clause_require(watch, DRV, CLAUSE_BX_2, broken != watch->config.binding.reset,
                       "the driver accepts RESET without VERDICTS");
    }
    if (r->unknown_offered) {
        clause_require(watch, DRV, CLAUSE_VG_9, (features & ~get_known_features(watch)) == 0,
                       "the driver accepts the features 0x%" PRIx64 ", which no balloon has",
                       features & ~get_known_features(watch));
    }
    if ((r->offered & BNT_F_VERSION_1) != 0 && !watch->legacy) {
        clause_require(watch, DRV, CLAUSE_VG_26, (features & BNT_F_VERSION_1) != 0,
                       "the driver accepts 0x%" PRIx64 " without VERSION_1", features);
    }
    if ((r->offered & wanted & BNT_BALLOON_F_MUST_TELL_HOST) != 0) {
        clause_require(watch, DRV, CLAUSE_BD_1, (features & BNT_BALLOON_F_MUST_TELL_HOST) != 0,
                       "the driver declines MUST_TELL_HOST");
    }
    if ((r->offered & wanted & packed) != 0 && (features & BNT_F_VERSION_1) != 0) {
        clause_require(watch, DRV, CLAUSE_VG_29, (features & packed) != 0,
                       "the driver declines RING_PACKED");
    }
}

void registers_note_features_write(struct watch *watch, uint64_t features)
{
    struct watch_registers *r = &watch->registers;
    clause_require(watch, DRV, CLAUSE_VG_23, (r->status & BNT_DEVICE_STATUS_FEATURES_OK) == 0,
                   "the driver writes features after FEATURES_OK");
    watch->legacy = watch->config.legacy_driver && (features & BNT_F_VERSION_1) == 0;
    if (r->offer_read) {
        check_accepted_features(watch, features);
    }
    if (watch->legacy) {
        watch->features = features; /* a legacy driver does not use FEATURES_OK */
    }
    r->features_written = true;
    r->features = features;
    r->steps |= STEP_FEATURES;
}

static bool was_feature_set_accepted_before(const struct watch_registers *r)
{
    for (uint32_t i = 0; i < r->accepted_count; i++) {
        if (r->accepted_before[i] == r->features) {
            return true;
        }
    }
    return false;
}

/** The driver wrote FEATURES_OK and reads back whether the device accepted the features. */
static void check_features_ok_answer(struct watch *watch, bool accepted)
{
    struct watch_registers *r = &watch->registers;
    const bool valid =
        (r->features & ~r->offered) == 0 && find_unmet_feature(watch, r->features) == 0;
    clause_require(watch, DEV, CLAUSE_VG_13, accepted == valid,
                   valid ? "the device refuses the features 0x%" PRIx64
                         : "accepts the features 0x%" PRIx64,
                   r->features);
    if (was_feature_set_accepted_before(r)) {
        clause_require(watch, DEV, CLAUSE_VG_14, accepted,
                       "the device refuses the features 0x%" PRIx64 ", which it accepted before",
                       r->features);
    } else if (accepted && r->accepted_count < sizeof r->accepted_before / sizeof(uint64_t)) {
        r->accepted_before[r->accepted_count++] = r->features;
    }
}

/* ---- Status ---- */

/** A driver that gives up the initialisation of the device must write FAILED. */
static void check_failed_is_set(struct watch *watch)
{
    const struct watch_registers *r = &watch->registers;
    const bool failed = (r->status & BNT_DEVICE_STATUS_FAILED) != 0;
    const bool done = (r->status & BNT_DEVICE_STATUS_DRIVER_OK) != 0;
    if (!r->offer_read || (!r->missing && !r->features_ok_refused)) {
        return;
    }
    clause_require(
        watch, DRV, CLAUSE_VG_10, failed || done,
        "the driver stops initialising the device without writing FAILED: the status is %u",
        r->status);
}

static void note_reset_written(struct watch *watch, uint8_t now)
{
    struct watch_registers *r = &watch->registers;
    if (r->known) {
        check_failed_is_set(watch);
    }
    if ((r->status & BNT_DEVICE_STATUS_FAILED) != 0) {
        clause_count_use(watch, DRV, CLAUSE_VG_3);
    }
    const uint32_t accepted_count = r->accepted_count;
    uint64_t accepted_before[sizeof r->accepted_before / sizeof r->accepted_before[0]];
    memcpy(accepted_before, r->accepted_before, sizeof accepted_before);
    *r = (struct watch_registers){.known = true, .reset_wanted = true};
    r->accepted_count = accepted_count;
    memcpy(r->accepted_before, accepted_before, sizeof accepted_before);
    (void)now;
}

static unsigned get_step_of_status_bit(uint8_t bit)
{
    return bit == BNT_DEVICE_STATUS_ACKNOWLEDGE   ? STEP_ACKNOWLEDGE
           : bit == BNT_DEVICE_STATUS_DRIVER      ? STEP_DRIVER
           : bit == BNT_DEVICE_STATUS_FEATURES_OK ? STEP_FEATURES_OK
                                                  : 0;
}

/** The steps that must be complete before the driver may set this status bit. */
static unsigned get_steps_before_status_bit(uint8_t bit, bool legacy)
{
    const unsigned negotiation = legacy ? STEP_FEATURES_OK | STEP_READ_BACK : 0;
    switch (bit) {
    case BNT_DEVICE_STATUS_ACKNOWLEDGE:
        return STEP_RESET;
    case BNT_DEVICE_STATUS_DRIVER:
        return STEP_RESET | STEP_ACKNOWLEDGE;
    case BNT_DEVICE_STATUS_FEATURES_OK:
        return STEP_RESET | STEP_ACKNOWLEDGE | STEP_DRIVER | STEP_OFFER | STEP_FEATURES;
    case BNT_DEVICE_STATUS_DRIVER_OK:
        return STEPS_BEFORE_DRIVER_OK & ~negotiation;
    default:
        return 0;
    }
}

/** A driver must not write FAILED because of an unknown feature in the offer (VG-11). */
static void check_failed_is_justified(struct watch *watch)
{
    const struct watch_registers *r = &watch->registers;
    /* The driver may also write FAILED because it could not set up a queue. */
    const bool queues = (r->steps & get_step_of_status_bit(BNT_DEVICE_STATUS_FEATURES_OK)) != 0 &&
                        (r->queues_enabled & 3) != 3;
    /* The driver may also write FAILED because the device has another interface, or because its
     * configuration changes at each read. */
    const bool modern = watch->config.legacy_only && (r->offered & BNT_F_VERSION_1) != 0;
    clause_require(watch, DRV, CLAUSE_VG_11,
                   r->missing || r->features_ok_refused || queues || modern ||
                       watch->configuration.unsettled,
                   "the driver writes FAILED although only an unknown feature was offered");
}

static void check_status_bit_set(struct watch *watch, uint8_t bit)
{
    struct watch_registers *r = &watch->registers;
    const unsigned needed = get_steps_before_status_bit(bit, watch->legacy);
    clause_require(watch, DRV, CLAUSE_VG_1, (r->steps & needed) == needed,
                   "the driver sets status bit %u before it did the steps 0x%x", bit,
                   needed & ~r->steps);
    r->steps |= get_step_of_status_bit(bit);
    if (bit == BNT_DEVICE_STATUS_DRIVER_OK && !watch->legacy) {
        const bool queues = (r->queues_enabled & 3) == 3;
        clause_require(
            watch, DRV, CLAUSE_VG_22,
            (r->steps & STEPS_BEFORE_DRIVER_OK) == STEPS_BEFORE_DRIVER_OK && queues,
            "the driver sets DRIVER_OK after only the steps 0x%x, with queues 0x%x enabled",
            r->steps, r->queues_enabled);
        clause_require(watch, DRV, CLAUSE_VG_23, !r->features_ok_refused,
                       "the driver sets DRIVER_OK although the device refused its features");
        if (r->missing) {
            clause_count_use(watch, DRV, CLAUSE_VG_10);
        }
        if (r->unknown_offered) {
            clause_count_use(watch, DRV, CLAUSE_VG_11);
        }
    }
    if (bit == BNT_DEVICE_STATUS_FAILED && r->unknown_offered) {
        check_failed_is_justified(watch);
    }
}

void registers_note_status_write(struct watch *watch, uint8_t status, uint8_t now)
{
    struct watch_registers *r = &watch->registers;
    if (status == 0) {
        note_reset_written(watch, now);
        return;
    }
    if (r->reset_wanted) {
        clause_require(watch, DRV, CLAUSE_VG_16, false,
                       "the driver writes status %u before it read back 0 after a reset", status);
        r->reset_wanted = false;
    }
    const uint8_t own = (uint8_t)~BNT_DEVICE_STATUS_NEEDS_RESET;
    clause_require(watch, DRV, CLAUSE_VG_2, (r->status & own & (uint8_t)~status) == 0,
                   "the driver clears bits of status %u by writing %u", r->status, status);
    if ((r->status & BNT_DEVICE_STATUS_FAILED) != 0) {
        clause_require(watch, DRV, CLAUSE_VG_3, status == r->status,
                       "the driver writes status %u after FAILED, without a reset", status);
    }
    const uint8_t fresh = (uint8_t)(status & (uint8_t)~r->status);
    for (unsigned bit = 1; bit <= 128; bit <<= 1) {
        if ((fresh & bit) != 0) {
            check_status_bit_set(watch, (uint8_t)bit);
        }
    }
    r->status = status;
}

void registers_note_status_read(struct watch *watch, uint8_t status)
{
    struct watch_registers *r = &watch->registers;
    if (r->reset_wanted && status == 0) {
        clause_count_use(watch, DRV, CLAUSE_VG_16);
        r->reset_wanted = false;
        r->steps = STEP_RESET;
    }
    const bool asked = (r->status & BNT_DEVICE_STATUS_FEATURES_OK) != 0;
    if (asked && !r->features_ok_read && !r->features_ok_refused) {
        const bool accepted = (status & BNT_DEVICE_STATUS_FEATURES_OK) != 0;
        check_features_ok_answer(watch, accepted);
        r->features_ok_read = accepted;
        r->features_ok_refused = !accepted;
        /* The device did not set the bit. So if the driver later writes a status without the bit,
         * this does not clear the bit.
         */
        r->status &= (uint8_t)(accepted ? UINT8_MAX : ~BNT_DEVICE_STATUS_FEATURES_OK);
        r->steps |= accepted ? STEP_READ_BACK : 0;
        watch->features = accepted ? r->features : 0;
    }
}

void registers_note_queue_enable(struct watch *watch, uint16_t queue)
{
    struct watch_registers *r = &watch->registers;
    if (!watch->legacy) {
        clause_require(watch, DRV, CLAUSE_VG_22, r->features_ok_read,
                       "the driver enables queue %u before the device accepted its features",
                       queue);
    }
    if (queue < 32) {
        r->queues_enabled |= UINT32_C(1) << queue;
    }
}

static void observe_kick(struct watch *watch, uint16_t queue)
{
    clause_require(watch, DRV, CLAUSE_VG_24, watch->live,
                   "the driver kicks queue %u before DRIVER_OK", queue);
}

static void observe_run_end(struct watch *watch, bool quiet)
{
    (void)quiet;
    if (watch->registers.known) {
        check_failed_is_set(watch);
    }
}

const struct watcher watch_registers_watcher = {
    .kick = observe_kick,
    .end = observe_run_end,
};
