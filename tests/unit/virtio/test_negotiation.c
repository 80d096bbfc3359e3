/*
 * Features, device status and configuration reads, by the clauses VG-n.
 */
#include "tests/support/loopback.h"

Suite *test_suite(void);

#define ACK         BNT_DEVICE_STATUS_ACKNOWLEDGE
#define DRIVER      BNT_DEVICE_STATUS_DRIVER
#define FEATURES_OK BNT_DEVICE_STATUS_FEATURES_OK
#define DRIVER_OK   BNT_DEVICE_STATUS_DRIVER_OK
#define NEEDS_RESET BNT_DEVICE_STATUS_NEEDS_RESET
#define FAILED      BNT_DEVICE_STATUS_FAILED

#define F_BASE  (UINT64_C(1) << 50)
#define F_OVER  (UINT64_C(1) << 51) /**< needs F_BASE */
#define F_TOP   (UINT64_C(1) << 52) /**< needs F_OVER */
#define OFFERED (BNT_F_VERSION_1 | F_BASE | F_OVER | F_TOP)

static const struct bnt_feature_rule rules[] = {{F_TOP, F_OVER}, {F_OVER, F_BASE}};

static struct loopback reg;
static struct bnt_drv_status drv;
static struct bnt_diag diag;

static void setup(void)
{
    memset(&reg, 0, sizeof(reg));
    memset(&drv, 0, sizeof(drv));
    memset(&diag, 0, sizeof(diag));
    diag.size = sizeof(diag);
    ck_assert_int_eq(bnt_dev_status_init(&reg.dev, OFFERED, rules, 2), BNT_OK);
    reg.offered_seen = OFFERED;
}

static bnt_status negotiate(uint64_t wanted, uint64_t required)
{
    bnt_drv_begin_reset(&drv, &loopback, &reg);
    ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &reg), BNT_OK);
    return bnt_drv_negotiate(&drv, &loopback, &reg, wanted, required, rules, 2, &diag);
}

static bnt_status dev_write(unsigned value, bnt_dev_action expected)
{
    bnt_dev_action action = BNT_DEV_ACTION_NONE;
    const bnt_status status = bnt_dev_status_write(&reg.dev, (uint8_t)value, &action, &diag);
    ck_assert_int_eq(action, expected);
    return status;
}

/** Brings the device up by hand with all that is offered. */
static void dev_bring_up(unsigned to)
{
    ck_assert_int_eq(dev_write(ACK, BNT_DEV_ACTION_NONE), BNT_OK);
    ck_assert_int_eq(dev_write(ACK | DRIVER, BNT_DEV_ACTION_NONE), BNT_OK);
    ck_assert_int_eq(bnt_dev_features_write(&reg.dev, OFFERED), BNT_OK);
    if ((to & FEATURES_OK) != 0) {
        ck_assert_int_eq(dev_write(ACK | DRIVER | FEATURES_OK, BNT_DEV_ACTION_FEATURES_OK), BNT_OK);
    }
    if ((to & DRIVER_OK) != 0) {
        ck_assert_int_eq(
            dev_write(ACK | DRIVER | FEATURES_OK | DRIVER_OK, BNT_DEV_ACTION_DRIVER_OK), BNT_OK);
    }
}

/* ---- Features -------------------------------------------------------------------------------- */

START_TEST(test_vg8_vg9_vg11_choice_ignores_unknown_bits_and_drops_what_lacks_its_dependency)
{
    const uint64_t unknown = UINT64_C(1) << 63;

    ck_assert(bnt_features_choose(OFFERED | unknown, OFFERED, rules, 2) == OFFERED);
    /* Dropping F_OVER pulls F_TOP down with it, whatever the order of the rules. */
    ck_assert(bnt_features_choose(F_OVER | F_TOP, OFFERED, rules, 2) == 0);
    ck_assert(bnt_features_choose(OFFERED, F_BASE | F_TOP, rules, 2) == F_BASE);
    ck_assert(bnt_features_find_invalid(F_TOP | F_OVER, rules, 2) == F_OVER);
    ck_assert(bnt_features_find_invalid(OFFERED, rules, 2) == 0);
    ck_assert(bnt_features_find_invalid(OFFERED, NULL, 0) == 0);
}
END_TEST

START_TEST(test_vg12_vg27_device_offers_version_1_and_no_broken_rule)
{
    struct bnt_dev_status dev;

    ck_assert_int_eq(bnt_dev_status_init(&dev, F_BASE, rules, 2), BNT_E_FEATURES);
    ck_assert_int_eq(bnt_dev_status_init(&dev, BNT_F_VERSION_1 | F_OVER, rules, 2), BNT_E_FEATURES);
    ck_assert_int_eq(bnt_dev_status_init(&dev, BNT_F_VERSION_1, rules, 2), BNT_OK);
    ck_assert_int_eq(bnt_dev_status_init(&dev, BNT_F_VERSION_1, NULL, 2), BNT_E_ARGUMENT);
}
END_TEST

/* ---- Device side ----------------------------------------------------------------------------- */

struct order_case {
    const char *name;
    unsigned status;
    unsigned write;
    bnt_fault fault;
};

static const struct order_case order_cases[] = {
    {"DRIVER without ACKNOWLEDGE", 0, DRIVER, BNT_FAULT_STATUS_ORDER},
    {"FEATURES_OK first", 0, FEATURES_OK, BNT_FAULT_STATUS_ORDER},
    {"FEATURES_OK without DRIVER", ACK, ACK | FEATURES_OK, BNT_FAULT_STATUS_ORDER},
    {"FEATURES_OK with DRIVER", ACK, ACK | DRIVER | FEATURES_OK, BNT_FAULT_STATUS_ORDER},
    {"DRIVER_OK first", 0, DRIVER_OK, BNT_FAULT_STATUS_ORDER},
    {"DRIVER_OK after ACKNOWLEDGE", ACK, ACK | DRIVER_OK, BNT_FAULT_STATUS_ORDER},
    {"DRIVER_OK without FEATURES_OK", ACK | DRIVER, ACK | DRIVER | DRIVER_OK,
     BNT_FAULT_STATUS_ORDER},
    {"DRIVER_OK with FEATURES_OK", ACK | DRIVER, ACK | DRIVER | FEATURES_OK | DRIVER_OK,
     BNT_FAULT_STATUS_ORDER},
    {"everything at once", 0, ACK | DRIVER | FEATURES_OK | DRIVER_OK, BNT_FAULT_STATUS_ORDER},
    {"ACKNOWLEDGE cleared", ACK | DRIVER, DRIVER, BNT_FAULT_STATUS_CLEARED},
    {"DRIVER cleared", ACK | DRIVER, ACK, BNT_FAULT_STATUS_CLEARED},
    {"FEATURES_OK cleared", ACK | DRIVER | FEATURES_OK, ACK | DRIVER, BNT_FAULT_STATUS_CLEARED},
    {"DRIVER_OK cleared", ACK | DRIVER | FEATURES_OK | DRIVER_OK, ACK | DRIVER | FEATURES_OK,
     BNT_FAULT_STATUS_CLEARED},
    {"FAILED cleared", ACK | DRIVER | FAILED, ACK | DRIVER, BNT_FAULT_STATUS_CLEARED},
    {"going on after FAILED", ACK | FAILED, ACK | FAILED | DRIVER, BNT_FAULT_STATUS_ORDER},
};

START_TEST(test_vg2_vg3_vg22_illegal_status_write_changes_nothing)
{
    const struct order_case *c = &order_cases[_i];

    reg.dev.status = (uint8_t)c->status;
    reg.dev.accepted = OFFERED;
    ck_assert_msg(dev_write(c->write, BNT_DEV_ACTION_NONE) == BNT_E_FEATURES, "%s", c->name);
    ck_assert_msg(diag.fault == c->fault, "%s: %s", c->name, bnt_fault_name(diag.fault));
    ck_assert_uint_eq(diag.found, c->write);
    ck_assert_uint_eq(reg.dev.status, c->status);
    ck_assert(reg.dev.accepted == OFFERED);
}
END_TEST

START_TEST(test_vg1_legal_status_writes_lead_to_a_live_device)
{
    dev_bring_up(FEATURES_OK);
    ck_assert(!bnt_dev_is_live(&reg.dev)); /* VG-5 */
    ck_assert_int_eq(dev_write(ACK | DRIVER | FEATURES_OK, BNT_DEV_ACTION_NONE), BNT_OK);
    ck_assert_int_eq(dev_write(ACK | DRIVER | FEATURES_OK | DRIVER_OK, BNT_DEV_ACTION_DRIVER_OK),
                     BNT_OK);
    ck_assert(bnt_dev_is_live(&reg.dev));
    ck_assert_int_eq(
        dev_write(ACK | DRIVER | FEATURES_OK | DRIVER_OK | FAILED, BNT_DEV_ACTION_FAILED), BNT_OK);
    ck_assert(!bnt_dev_is_live(&reg.dev));
}
END_TEST

struct failed_case {
    const char *name;
    unsigned status;
    unsigned write;
};

static const struct failed_case failed_cases[] = {
    {"with refused FEATURES_OK", ACK | DRIVER, ACK | DRIVER | FEATURES_OK | FAILED},
    {"with bits out of order", ACK, ACK | DRIVER_OK | FAILED},
    {"alone", ACK | DRIVER | FEATURES_OK, FAILED},
    {"as the first bit", 0, FAILED},
};

START_TEST(test_vg10_failed_is_taken_whatever_is_written_beside_it)
{
    const struct failed_case *c = &failed_cases[_i];

    reg.dev.status = (uint8_t)c->status;
    reg.dev.accepted = UINT64_C(1) << 40;
    ck_assert_msg(dev_write(c->write, BNT_DEV_ACTION_FAILED) == BNT_OK, "%s", c->name);
    ck_assert_msg(reg.dev.status == (c->status | FAILED), "%s: %u", c->name, reg.dev.status);
}
END_TEST

START_TEST(test_bits_that_are_not_the_drivers_are_ignored)
{
    const unsigned suspend = 16;

    ck_assert_int_eq(dev_write(ACK | suspend | NEEDS_RESET, BNT_DEV_ACTION_NONE), BNT_OK);
    ck_assert_uint_eq(reg.dev.status, ACK);
}
END_TEST

START_TEST(test_vg13_unserviceable_features_are_refused_with_the_reason)
{
    static const struct {
        uint64_t features;
        bnt_fault fault;
    } cases[] = {
        {OFFERED | (UINT64_C(1) << 63), BNT_FAULT_FEATURES_UNOFFERED},
        {F_BASE, BNT_FAULT_FEATURE_VERSION_1},
        {BNT_F_VERSION_1 | F_OVER, BNT_FAULT_FEATURE_DEPENDENCY},
    };

    dev_bring_up(0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(bnt_dev_features_write(&reg.dev, cases[i].features), BNT_OK);
        ck_assert_int_eq(dev_write(ACK | DRIVER | FEATURES_OK, BNT_DEV_ACTION_NONE),
                         BNT_E_FEATURES);
        ck_assert_uint_eq(diag.fault, cases[i].fault);
        ck_assert_uint_eq(reg.dev.status, ACK | DRIVER);
    }
    /* A valid subset is accepted afterwards. */
    ck_assert_int_eq(bnt_dev_features_write(&reg.dev, BNT_F_VERSION_1 | F_BASE), BNT_OK);
    ck_assert_int_eq(dev_write(ACK | DRIVER | FEATURES_OK, BNT_DEV_ACTION_FEATURES_OK), BNT_OK);
}
END_TEST

START_TEST(test_vg14_features_once_accepted_are_accepted_again_after_a_reset)
{
    for (unsigned i = 0; i < 3; i++) {
        dev_bring_up(FEATURES_OK | DRIVER_OK);
        ck_assert_int_eq(dev_write(0, BNT_DEV_ACTION_RESET), BNT_OK);
    }
}
END_TEST

START_TEST(test_vg15_reset_clears_status_and_features_in_every_state)
{
    static const unsigned to[] = {0, FEATURES_OK, FEATURES_OK | DRIVER_OK};

    dev_bring_up(to[_i]);
    (void)bnt_dev_set_needs_reset(&reg.dev);
    ck_assert_int_eq(dev_write(0, BNT_DEV_ACTION_RESET), BNT_OK);
    ck_assert_uint_eq(reg.dev.status, 0);
    ck_assert(reg.dev.accepted == 0);
    ck_assert(!bnt_dev_is_live(&reg.dev));
}
END_TEST

START_TEST(test_vg23_features_are_closed_before_driver_and_after_features_ok)
{
    ck_assert_int_eq(bnt_dev_features_write(&reg.dev, OFFERED), BNT_E_STATE);
    dev_bring_up(FEATURES_OK);
    ck_assert_int_eq(bnt_dev_features_write(&reg.dev, BNT_F_VERSION_1), BNT_E_STATE);
    ck_assert(reg.dev.accepted == OFFERED);
}
END_TEST

START_TEST(test_vg6_vg7_needs_reset_is_told_once_and_only_to_a_running_driver)
{
    dev_bring_up(FEATURES_OK);
    ck_assert(!bnt_dev_set_needs_reset(&reg.dev));
    ck_assert_int_eq(dev_write(ACK | DRIVER | FEATURES_OK | DRIVER_OK, BNT_DEV_ACTION_NONE),
                     BNT_OK);
    ck_assert(!bnt_dev_is_live(&reg.dev));

    ck_assert_int_eq(dev_write(0, BNT_DEV_ACTION_RESET), BNT_OK);
    dev_bring_up(FEATURES_OK | DRIVER_OK);
    ck_assert(bnt_dev_set_needs_reset(&reg.dev));
    ck_assert(!bnt_dev_set_needs_reset(&reg.dev));
    ck_assert(!bnt_dev_is_live(&reg.dev));
    ck_assert_uint_eq(reg.dev.status, ACK | DRIVER | FEATURES_OK | DRIVER_OK | NEEDS_RESET);
}
END_TEST

/* ---- Driver side ----------------------------------------------------------------------------- */

START_TEST(test_vg1_vg22_driver_takes_the_steps_in_order)
{
    static const uint8_t steps[] = {0, ACK, ACK | DRIVER, ACK | DRIVER | FEATURES_OK,
                                    ACK | DRIVER | FEATURES_OK | DRIVER_OK};

    ck_assert_int_eq(negotiate(OFFERED, 0), BNT_OK);
    ck_assert_int_eq(drv.state, BNT_DRV_NEGOTIATED);
    ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(drv.state, BNT_DRV_RUNNING);
    ck_assert_uint_eq(reg.write_count, sizeof(steps));
    ck_assert_mem_eq(reg.writes, steps, sizeof(steps));
    ck_assert_uint_eq(reg.features_written_at, 3);
    ck_assert(drv.accepted == OFFERED);
    ck_assert(reg.dev.accepted == OFFERED);
    ck_assert_uint_eq(reg.config_writes, 0); /* VG-23 */
}
END_TEST

START_TEST(test_vg3_failed_driver_goes_on_only_by_a_reset)
{
    bnt_drv_begin_reset(&drv, &loopback, &reg);
    bnt_drv_set_failed(&drv, &loopback, &reg);
    ck_assert_int_eq(drv.state, BNT_DRV_FAILED);
    ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &reg), BNT_E_STATE);
    ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &reg), BNT_E_STATE);
    ck_assert_int_eq(bnt_drv_negotiate(&drv, &loopback, &reg, OFFERED, 0, rules, 2, &diag),
                     BNT_E_STATE);
    ck_assert_int_eq(negotiate(OFFERED, 0), BNT_OK);
}
END_TEST

START_TEST(test_vg10_missing_required_feature_is_failed_with_the_reason)
{
    reg.offered_seen = BNT_F_VERSION_1 | F_OVER;
    ck_assert_int_eq(negotiate(OFFERED, F_BASE), BNT_E_FEATURES);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_FEATURES_UNOFFERED);
    ck_assert_int_eq(drv.state, BNT_DRV_FAILED);
    ck_assert_uint_eq(reg.dev.status, ACK | DRIVER | FAILED);

    ck_assert_int_eq(negotiate(OFFERED, F_OVER), BNT_E_FEATURES);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_FEATURE_DEPENDENCY);
}
END_TEST

START_TEST(test_vg10_vg11_wanted_feature_may_be_missing_and_unknown_ones_may_be_offered)
{
    reg.offered_seen = BNT_F_VERSION_1 | F_BASE | (UINT64_C(1) << 40) | (UINT64_C(1) << 63);
    ck_assert_int_eq(negotiate(OFFERED, 0), BNT_OK);
    ck_assert(drv.accepted == (BNT_F_VERSION_1 | F_BASE));
}
END_TEST

START_TEST(test_vg16_reset_is_complete_when_the_status_reads_0)
{
    reg.resets_slow = 2;
    bnt_drv_begin_reset(&drv, &loopback, &reg);
    ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &reg), BNT_E_AGAIN);
    ck_assert_int_eq(bnt_drv_negotiate(&drv, &loopback, &reg, OFFERED, 0, rules, 2, &diag),
                     BNT_E_STATE);
    ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &reg), BNT_E_AGAIN);
    ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(drv.state, BNT_DRV_DOWN);
}
END_TEST

START_TEST(test_vg22_negotiation_needs_a_device_that_was_reset)
{
    reg.dev.status = ACK | DRIVER;
    ck_assert_int_eq(bnt_drv_negotiate(&drv, &loopback, &reg, OFFERED, 0, rules, 2, &diag),
                     BNT_E_STATE);
    ck_assert_uint_eq(reg.write_count, 0);
}
END_TEST

START_TEST(test_vg22_features_ok_that_does_not_stick_is_a_refusal)
{
    reg.refuse = true;
    bnt_drv_begin_reset(&drv, &loopback, &reg);
    ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(bnt_drv_negotiate(&drv, &loopback, &reg, OFFERED, 0, rules, 2, &diag),
                     BNT_E_FEATURES);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_FEATURES_REFUSED);
    ck_assert_int_eq(drv.state, BNT_DRV_FAILED);
    ck_assert_uint_eq(reg.dev.status, ACK | DRIVER | FAILED);
    ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &reg), BNT_E_STATE);
}
END_TEST

START_TEST(test_vg4_device_that_fails_during_negotiation_is_given_up)
{
    reg.breaks = true;
    ck_assert_int_eq(negotiate(OFFERED, 0), BNT_E_FEATURES);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_NEEDS_RESET);
    ck_assert_int_eq(drv.state, BNT_DRV_FAILED);
    /* The reset that follows is the way back. */
    reg.breaks = false;
    ck_assert_int_eq(negotiate(OFFERED, 0), BNT_OK);
}
END_TEST

START_TEST(test_vg26_driver_accepts_version_1_unasked_and_gives_up_without)
{
    ck_assert_int_eq(negotiate(F_BASE, 0), BNT_OK);
    ck_assert(drv.accepted == (BNT_F_VERSION_1 | F_BASE));
    reg.offered_seen = F_BASE;
    ck_assert_int_eq(negotiate(F_BASE, 0), BNT_E_FEATURES);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_FEATURE_VERSION_1);
}
END_TEST

START_TEST(test_vg28_access_platform_is_accepted_if_wanted)
{
    ck_assert_int_eq(bnt_dev_status_init(&reg.dev, OFFERED | BNT_F_ACCESS_PLATFORM, rules, 2),
                     BNT_OK);
    reg.offered_seen = OFFERED | BNT_F_ACCESS_PLATFORM;
    ck_assert_int_eq(negotiate(BNT_F_ACCESS_PLATFORM, 0), BNT_OK);
    ck_assert(drv.accepted == (BNT_F_VERSION_1 | BNT_F_ACCESS_PLATFORM));
}
END_TEST

START_TEST(test_vg17_configuration_is_read_again_while_it_changes)
{
    uint32_t value = 0;

    reg.config = 5;
    reg.generation_steps = 3;
    ck_assert_int_eq(bnt_drv_config_read(&loopback, &reg, 0, &value, sizeof(value), &diag), BNT_OK);
    ck_assert_uint_eq(value, 8);
}
END_TEST

START_TEST(test_vg17_configuration_that_never_settles_is_told)
{
    uint32_t value = 0;

    reg.generation_steps = UINT32_MAX;
    ck_assert_int_eq(bnt_drv_config_read(&loopback, &reg, 0, &value, sizeof(value), &diag),
                     BNT_E_CONFIG);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_CONFIG_UNSETTLED);
    ck_assert_uint_eq(UINT32_MAX - reg.generation_steps, BNT_CONFIG_READS_MAX);
}
END_TEST

/* ---- Suspending; the legacy interface; names ---- */

#define F_ALL (OFFERED | BNT_F_SUSPEND)

START_TEST(test_vg35_vg37_suspending_needs_the_feature_and_resuming_a_suspended_device)
{
    ck_assert_int_eq(bnt_dev_status_init(&reg.dev, F_ALL, rules, 2), BNT_OK);
    reg.offered_seen = F_ALL;
    ck_assert_int_eq(bnt_drv_begin_suspend(&drv, &loopback, &reg), BNT_E_STATE);
    ck_assert_int_eq(negotiate(0, 0), BNT_OK);
    ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(bnt_drv_begin_suspend(&drv, &loopback, &reg), BNT_E_UNSUPPORTED);
    ck_assert_int_eq(negotiate(BNT_F_SUSPEND, 0), BNT_OK);
    ck_assert_int_eq(bnt_drv_poll_suspend_or_resume(&drv, &loopback, &reg), BNT_E_STATE);
    ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(bnt_drv_begin_resume(&drv, &loopback, &reg), BNT_E_STATE);
    ck_assert_int_eq(bnt_drv_poll_suspend_or_resume(&drv, &loopback, &reg), BNT_E_STATE);
    ck_assert_int_eq(bnt_drv_begin_suspend(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(bnt_drv_begin_resume(&drv, &loopback, &reg), BNT_E_STATE); /* not yet */
    ck_assert_int_eq(bnt_drv_poll_suspend_or_resume(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(bnt_drv_begin_suspend(&drv, &loopback, &reg), BNT_E_STATE);
    ck_assert(bnt_dev_is_suspended(&reg.dev) && !bnt_dev_is_live(&reg.dev));
    ck_assert_int_eq(bnt_drv_begin_resume(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(bnt_drv_poll_suspend_or_resume(&drv, &loopback, &reg), BNT_OK);
    ck_assert(!bnt_dev_is_suspended(&reg.dev) && bnt_dev_is_live(&reg.dev));
}
END_TEST

START_TEST(test_vg38_suspend_written_again_changes_nothing)
{
    const unsigned suspended = ACK | DRIVER | FEATURES_OK | BNT_DEVICE_STATUS_SUSPEND;

    ck_assert_int_eq(bnt_dev_status_init(&reg.dev, F_ALL, rules, 2), BNT_OK);
    reg.offered_seen = F_ALL;
    ck_assert_int_eq(negotiate(BNT_F_SUSPEND, 0), BNT_OK);
    ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &reg), BNT_OK);
    ck_assert_int_eq(dev_write(suspended | DRIVER_OK, BNT_DEV_ACTION_SUSPEND), BNT_OK);
    ck_assert_uint_eq(reg.dev.status, suspended);
    ck_assert_int_eq(dev_write(suspended, BNT_DEV_ACTION_NONE), BNT_OK);
    ck_assert_uint_eq(reg.dev.status, suspended);
}
END_TEST

START_TEST(test_vg32_legacy_device_that_does_not_take_driver_ok_is_given_up)
{
    const uint64_t offered = 0x3;

    for (uint32_t idle = 0; idle < 2; idle++) {
        ck_assert_int_eq(
            bnt_dev_status_init_with_interface(&reg.dev, BNT_INTERFACE_LEGACY, offered, NULL, 0),
            BNT_OK);
        reg.offered_seen = offered;
        reg.idle = idle != 0;
        bnt_drv_begin_reset(&drv, &loopback, &reg);
        ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &reg), BNT_OK);
        ck_assert_int_eq(bnt_drv_negotiate_with_interface(&drv, &loopback, &reg,
                                                          BNT_INTERFACE_TRANSITIONAL, offered, 0, 0,
                                                          NULL, 0, &diag),
                         BNT_OK);
        ck_assert(drv.legacy);
        ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &reg),
                         idle ? BNT_E_FEATURES : BNT_OK);
        ck_assert_int_eq(drv.state, idle ? BNT_DRV_FAILED : BNT_DRV_RUNNING);
        ck_assert_uint_eq(reg.dev.status & FAILED, idle ? FAILED : 0);
    }
}
END_TEST

START_TEST(test_device_speaks_one_of_the_three_interfaces)
{
    const bnt_interface none = (bnt_interface)(BNT_INTERFACE_LEGACY + 1);

    ck_assert_int_eq(bnt_dev_status_init_with_interface(&reg.dev, none, OFFERED, NULL, 0),
                     BNT_E_FEATURES);
    ck_assert_int_eq(bnt_dev_status_init(NULL, OFFERED, NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_dev_status_init(&reg.dev, OFFERED, NULL, 1), BNT_E_ARGUMENT);
    ck_assert_str_eq(bnt_interface_name(BNT_INTERFACE_MODERN), "modern");
    ck_assert_str_eq(bnt_interface_name(BNT_INTERFACE_TRANSITIONAL), "transitional");
    ck_assert_str_eq(bnt_interface_name(BNT_INTERFACE_LEGACY), "legacy");
    ck_assert_str_eq(bnt_interface_name(none), "unknown");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("negotiation");
    TCase *device = tcase_create("device");
    TCase *driver = tcase_create("driver");

    tcase_add_checked_fixture(device, setup, NULL);
    tcase_add_test(
        device, test_vg8_vg9_vg11_choice_ignores_unknown_bits_and_drops_what_lacks_its_dependency);
    tcase_add_test(device, test_vg12_vg27_device_offers_version_1_and_no_broken_rule);
    tcase_add_loop_test(device, test_vg2_vg3_vg22_illegal_status_write_changes_nothing, 0,
                        sizeof(order_cases) / sizeof(order_cases[0]));
    tcase_add_test(device, test_vg1_legal_status_writes_lead_to_a_live_device);
    tcase_add_loop_test(device, test_vg10_failed_is_taken_whatever_is_written_beside_it, 0,
                        sizeof(failed_cases) / sizeof(failed_cases[0]));
    tcase_add_test(device, test_bits_that_are_not_the_drivers_are_ignored);
    tcase_add_test(device, test_vg13_unserviceable_features_are_refused_with_the_reason);
    tcase_add_test(device, test_vg14_features_once_accepted_are_accepted_again_after_a_reset);
    tcase_add_loop_test(device, test_vg15_reset_clears_status_and_features_in_every_state, 0, 3);
    tcase_add_test(device, test_vg23_features_are_closed_before_driver_and_after_features_ok);
    tcase_add_test(device, test_vg6_vg7_needs_reset_is_told_once_and_only_to_a_running_driver);
    suite_add_tcase(suite, device);

    tcase_add_checked_fixture(driver, setup, NULL);
    tcase_add_test(driver, test_vg1_vg22_driver_takes_the_steps_in_order);
    tcase_add_test(driver, test_vg3_failed_driver_goes_on_only_by_a_reset);
    tcase_add_test(driver, test_vg10_missing_required_feature_is_failed_with_the_reason);
    tcase_add_test(driver,
                   test_vg10_vg11_wanted_feature_may_be_missing_and_unknown_ones_may_be_offered);
    tcase_add_test(driver, test_vg16_reset_is_complete_when_the_status_reads_0);
    tcase_add_test(driver, test_vg22_negotiation_needs_a_device_that_was_reset);
    tcase_add_test(driver, test_vg22_features_ok_that_does_not_stick_is_a_refusal);
    tcase_add_test(driver, test_vg4_device_that_fails_during_negotiation_is_given_up);
    tcase_add_test(driver, test_vg26_driver_accepts_version_1_unasked_and_gives_up_without);
    tcase_add_test(driver, test_vg28_access_platform_is_accepted_if_wanted);
    tcase_add_test(driver, test_vg17_configuration_is_read_again_while_it_changes);
    tcase_add_test(driver, test_vg17_configuration_that_never_settles_is_told);
    tcase_add_test(driver,
                   test_vg35_vg37_suspending_needs_the_feature_and_resuming_a_suspended_device);
    tcase_add_test(driver, test_vg38_suspend_written_again_changes_nothing);
    tcase_add_test(driver, test_vg32_legacy_device_that_does_not_take_driver_ok_is_given_up);
    tcase_add_test(driver, test_device_speaks_one_of_the_three_interfaces);
    suite_add_tcase(suite, driver);
    return suite;
}
