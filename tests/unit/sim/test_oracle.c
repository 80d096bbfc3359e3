/*
 * The oracle by itself: what it blames a driver for, and what not, where the two lie close
 * together. That each invariant fires in a run is tests/negative's.
 */
#include "sim/oracle/oracle.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define LIFE_NS   UINT64_C(1000000000)
#define ANSWER_NS UINT64_C(4000000)
#define STALL_NS  UINT64_C(1000)

static struct arena *arena;
static struct engine *engine;
static struct oracle *oracle;
static uint64_t page = 7;

static void nothing(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
}

static void start(uint32_t vmware_quirks)
{
    arena = arena_open(0x5A);
    const struct engine_config config = {
        .arena = arena, .seed = 1, .hash = true, .handle = nothing};
    const struct oracle_vm_config vm = {.name = "vm0",
                                        .pfns = 64,
                                        .refused_max = 16,
                                        .vmware_quirks = vmware_quirks,
                                        .report_pages = 1,
                                        .answer_ns = ANSWER_NS,
                                        .stall_ns = STALL_NS,
                                        .reset_empty_ns = LIFE_NS};
    engine = engine_create(&config);
    oracle = oracle_create(arena, engine, 1);
    oracle_init_vm(oracle, 0, &vm);
}

static void finish(void)
{
    oracle_destroy(oracle);
    engine_destroy(engine);
    ck_assert_uint_eq(arena_close(arena), 0);
}

static void blames(invariant_id id)
{
    ck_assert_ptr_nonnull(oracle_get_violation(oracle));
    ck_assert_str_eq(invariant_get_name(oracle_get_violation(oracle)->invariant),
                     invariant_get_name(id));
}

static void blames_nobody(void)
{
    const struct oracle_violation *violation = oracle_get_violation(oracle);
    ck_assert_msg(violation == NULL, "%s", violation == NULL ? "" : violation->text);
}

static void request(bool inflate, bool complete, uint8_t verdict, uint64_t features)
{
    const struct bnt_guest_request seen = {
        .inflate = inflate,
        .complete = complete,
        .page_count = 1,
        .pages = &page,
        .verdict_count = complete,
        .verdicts = &verdict,
    };
    oracle_observe_guest_request(oracle, 0, features, &seen);
}

static void served(bool inflate)
{
    const uint32_t pfn = (uint32_t)page;
    const struct bnt_host_request seen = {
        .inflate = inflate, .pfn_count = 1, .pfns = &pfn, .pfns_each = 1};
    oracle_observe_host_request(oracle, 0, &seen);
}

static void inflated(uint64_t features)
{
    oracle_observe_pages_allocated(oracle, 0, &page, 1);
    request(true, false, 0, features);
    served(true);
    request(true, true, BNT_VERDICT_ACCEPTED, features);
    blames_nobody();
}

/* ---- Without MUST_TELL_HOST ---- */

static void lent(void)
{
    start(0);
    inflated(0);
    request(false, false, 0, 0);
    oracle_observe_pages_freed(oracle, 0, &page, 1);
    blames_nobody();
}

START_TEST(test_a_page_whose_deflate_is_in_flight_may_be_taken_and_given_back)
{
    lent();
    oracle_observe_pages_allocated(oracle, 0, &page, 1);
    oracle_observe_pages_freed(oracle, 0, &page, 1);
    oracle_observe_report_pages_isolated(oracle, 0, &page, 1);
    oracle_observe_queue_reset(oracle, 0, BNT_BALLOON_QUEUE_REPORT);
    oracle_observe_report_pages_returned(oracle, 0, &page, 1);
    oracle_observe_pages_allocated(oracle, 0, &page, 1);
    served(false);
    request(false, true, BNT_VERDICT_ACCEPTED, 0);
    ck_assert_int_eq(oracle_get_page_place(oracle, 0, page), PLACE_TAKEN);
    request(true, false, 0, 0);
    blames_nobody();
    finish();
}
END_TEST

START_TEST(test_a_page_whose_deflate_is_in_flight_is_not_inflated)
{
    lent();
    oracle_observe_pages_allocated(oracle, 0, &page, 1);
    request(true, false, 0, 0);
    blames(INVARIANT_ONE_PLACE);
    finish();
}
END_TEST

START_TEST(test_with_must_tell_host_it_does_not_go_back_before_the_answer)
{
    start(0);
    inflated(BNT_BALLOON_F_MUST_TELL_HOST);
    request(false, false, 0, BNT_BALLOON_F_MUST_TELL_HOST);
    oracle_observe_pages_freed(oracle, 0, &page, 1);
    blames(INVARIANT_GIVEN_UNUSED);
    finish();
}
END_TEST

START_TEST(test_it_does_not_go_back_twice)
{
    lent();
    oracle_observe_pages_freed(oracle, 0, &page, 1);
    blames(INVARIANT_GIVEN_UNUSED);
    finish();
}
END_TEST

/* ---- A report ---- */

START_TEST(test_a_report_goes_back_when_the_device_let_go_of_it)
{
    start(0);
    oracle_observe_report_pages_isolated(oracle, 0, &page, 1);
    oracle_observe_queue_reset(oracle, 0, BNT_BALLOON_QUEUE_DEFLATE);
    oracle_observe_report_pages_returned(oracle, 0, &page, 1);
    blames(INVARIANT_GIVEN_UNUSED);
    finish();
}
END_TEST

/* ---- Resets ---- */

static void reset_empty(uint32_t epoch)
{
    oracle_observe_host_event(
        oracle, 0, &(struct bnt_host_event){.kind = BNT_HOST_EVENT_RESET, .value = epoch});
    oracle_observe_guest_event(
        oracle, 0, &(struct bnt_guest_event){.kind = BNT_GUEST_EVENT_RESET, .value = epoch});
    oracle_observe_epoch_acknowledged(oracle, 0, epoch);
    oracle_observe_actual_written(oracle, 0, 0);
}

START_TEST(test_each_reset_has_its_actual_of_zero_and_no_second_one)
{
    start(0);
    reset_empty(2);
    reset_empty(3);
    blames_nobody();
    oracle_observe_actual_written(oracle, 0, 0);
    blames(INVARIANT_RESET_ONCE);
    finish();
}
END_TEST

START_TEST(test_a_new_session_may_write_zero_again)
{
    start(0);
    reset_empty(2);
    oracle_observe_device_reset(oracle, 0);
    oracle_observe_actual_written(oracle, 0, 0);
    blames_nobody();
    finish();
}
END_TEST

/* ---- VMware's wire ---- */

static void call(uint32_t command, int32_t status)
{
    oracle_observe_call(oracle, 0, &(struct oracle_call){.command = command, .status = status});
}

static void calls_start(uint32_t vmware_quirks)
{
    start(vmware_quirks);
    oracle_set_vmware_transport(oracle, 0, 0);
    call(BNT_VMWARE_CMD_START, BNT_VMWARE_SUCCESS);
    oracle_observe_host_event(oracle, 0,
                              &(struct bnt_host_event){.kind = BNT_HOST_EVENT_DRIVER_OK});
    blames_nobody();
}

/** A deflate that is answered by a verdict; where the page is then. */
static page_place unlocked(uint32_t vmware_quirks, uint32_t command, int32_t status,
                           uint8_t verdict)
{
    const uint64_t features = BNT_BALLOON_F_MUST_TELL_HOST | UINT64_C(1)
                                                                 << BNT_BALLOON_BIT_VERDICTS;
    calls_start(vmware_quirks);
    inflated(features);
    request(false, false, 0, features);
    call(command, status);
    request(false, true, verdict, features);
    blames_nobody();
    const page_place place = oracle_get_page_place(oracle, 0, page);
    finish();
    return place;
}

START_TEST(test_habits_say_where_a_page_is_after_an_unlock)
{
    ck_assert_int_eq(
        unlocked(0, BNT_VMWARE_CMD_UNLOCK, BNT_VMWARE_PPN_UNLOCKED, BNT_VERDICT_NOT_LOCKED),
        PLACE_TAKEN);
    ck_assert_int_eq(unlocked(BNT_GUEST_VMWARE_QUIRK_DEFLATE_STOPS, BNT_VMWARE_CMD_UNLOCK,
                              BNT_VMWARE_PPN_UNLOCKED, BNT_VERDICT_NOT_LOCKED),
                     PLACE_BALLOON);
    ck_assert_int_eq(
        unlocked(0, BNT_VMWARE_CMD_BATCHED_UNLOCK, BNT_VMWARE_PPN_UNLOCKED, BNT_VERDICT_NOT_LOCKED),
        PLACE_BALLOON);
    ck_assert_int_eq(
        unlocked(0, BNT_VMWARE_CMD_BATCHED_UNLOCK, BNT_VMWARE_SUCCESS, BNT_VERDICT_NOT_LOCKED),
        PLACE_TAKEN);
    ck_assert_int_eq(unlocked(0, BNT_VMWARE_CMD_UNLOCK, BNT_VMWARE_RESET, BNT_VERDICT_RESET),
                     PLACE_TAKEN);
    ck_assert_int_eq(unlocked(BNT_GUEST_VMWARE_QUIRK_RESET_LATE, BNT_VMWARE_CMD_UNLOCK,
                              BNT_VMWARE_RESET, BNT_VERDICT_RESET),
                     PLACE_BALLOON);
}
END_TEST

START_TEST(test_a_page_that_is_not_needed_is_held_by_habit_only)
{
    const uint64_t features = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    for (uint32_t habit = 0; habit < 2; habit++) {
        calls_start(habit * BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL);
        oracle_observe_pages_allocated(oracle, 0, &page, 1);
        request(true, false, 0, features);
        request(true, true, BNT_VERDICT_NOT_NEEDED, features);
        ck_assert_int_eq(oracle_get_page_place(oracle, 0, page), habit ? PLACE_HELD : PLACE_TAKEN);
        finish();
    }
}
END_TEST

/** A balloon of one page over a target of none; the last answer is of a status. */
static void above_target(uint32_t command, int32_t status)
{
    const struct bnt_host_info host = {.ledger.pfns = 1, .target.outcome = BNT_OUTCOME_STALLED};
    calls_start(0);
    call(command, status);
    oracle_check_convergence(oracle, 0, &host, ORACLE_DEVICE_LIVE, UINT64_MAX);
}

START_TEST(test_a_balloon_above_its_target_is_the_drivers_unless_the_host_will_not)
{
    static const uint32_t commands[] = {BNT_VMWARE_CMD_START, BNT_VMWARE_CMD_GET_TARGET,
                                        BNT_VMWARE_CMD_BATCHED_UNLOCK};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        above_target(commands[i], BNT_VMWARE_FAILURE);
        blames_nobody();
        finish();
        above_target(commands[i], BNT_VMWARE_SUCCESS);
        blames(INVARIANT_TARGET_SLACK);
        finish();
    }
    above_target(BNT_VMWARE_CMD_BATCHED_LOCK, BNT_VMWARE_FAILURE);
    blames(INVARIANT_TARGET_SLACK);
    finish();
}
END_TEST

/** A host that wants a reset is no host that refuses: a driver that sends no START is stuck. */
START_TEST(test_an_honest_reset_excuses_no_driver)
{
    const struct bnt_host_info host = {0};
    calls_start(0);
    oracle_observe_host_event(oracle, 0,
                              &(struct bnt_host_event){.kind = BNT_HOST_EVENT_RESET, .value = 2});
    call(BNT_VMWARE_CMD_GET_TARGET, BNT_VMWARE_RESET);
    oracle_observe_guest_event(
        oracle, 0, &(struct bnt_guest_event){.kind = BNT_GUEST_EVENT_RESET, .value = 2});
    oracle_check_convergence(oracle, 0, &host, ORACLE_DEVICE_LIVE, UINT64_MAX);
    blames(INVARIANT_CONVERGES);
    finish();
}
END_TEST

START_TEST(test_held_pages_are_looked_at_when_the_driver_is_at_rest)
{
    const uint64_t features = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    const struct bnt_host_info host = {0};
    const struct bnt_guest_info guest = {.state = BNT_GUEST_RUNNING};
    calls_start(0);
    oracle_observe_pages_allocated(oracle, 0, &page, 1);
    request(true, false, 0, features);
    request(true, true, BNT_VERDICT_PINNED, features);
    oracle_note_driver_step_due(oracle, 0, true);
    oracle_check_counters(oracle, 0, &guest, &host);
    blames_nobody();
    oracle_note_driver_step_due(oracle, 0, false);
    oracle_check_counters(oracle, 0, &guest, &host);
    blames(INVARIANT_HELD_RETURNED);
    finish();
}
END_TEST

/* ---- The end ---- */

static void wait_until(uint64_t time_ns)
{
    (void)engine_schedule_event(engine, time_ns, 0, 1, 0, 0, 0);
    ck_assert_int_eq(engine_run_next_event(engine), ENGINE_GOING);
}

START_TEST(test_what_is_in_flight_at_the_end_needs_a_live_device_and_time)
{
    static const struct {
        oracle_device device;
        uint64_t age_ns;
        bool blamed;
    } ends[] = {{ORACLE_DEVICE_LIVE, ANSWER_NS, false},
                {ORACLE_DEVICE_LIVE, ANSWER_NS + 1, true},
                {ORACLE_DEVICE_GONE, ANSWER_NS + 1, true},
                {ORACLE_DEVICE_SUSPENDED, ANSWER_NS + 1, false}};
    const struct bnt_host_info host = {0};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        start(0);
        oracle_observe_pages_allocated(oracle, 0, &page, 1);
        request(true, false, 0, 0);
        wait_until(ends[i].age_ns);
        oracle_check_convergence(oracle, 0, &host, ends[i].device, UINT64_MAX);
        ck_assert_int_eq(oracle_get_violation(oracle) != NULL, ends[i].blamed);
        finish();
    }
}
END_TEST

/** A target of the quiet end has its stall bound; one of before has none left. */
START_TEST(test_a_target_that_a_late_event_set_has_its_stall_bound)
{
    static const struct {
        uint64_t quiet_since_ns;
        uint64_t ends_ns;
        bool blamed;
    } rows[] = {
        {100, 100 + STALL_NS, false}, {100, 101 + STALL_NS, true}, {101, 100 + STALL_NS, true}};
    const struct bnt_host_info host = {.target.outcome = BNT_OUTCOME_PENDING,
                                       .target.target_pfns = 8};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(0);
        wait_until(100);
        oracle_observe_target_set(oracle, 0, 1);
        oracle_check_counters(oracle, 0, NULL, &host);
        wait_until(rows[i].ends_ns);
        oracle_check_convergence(oracle, 0, &host, ORACLE_DEVICE_LIVE, rows[i].quiet_since_ns);
        ck_assert_int_eq(oracle_get_violation(oracle) != NULL, rows[i].blamed);
        finish();
    }
}
END_TEST

START_TEST(test_a_target_without_an_outcome_needs_a_device)
{
    const struct bnt_host_info host = {.target.outcome = BNT_OUTCOME_PENDING};
    start(0);
    oracle_observe_target_set(oracle, 0, 1);
    oracle_check_convergence(oracle, 0, &host, ORACLE_DEVICE_GONE, UINT64_MAX);
    blames_nobody();
    oracle_check_convergence(oracle, 0, &host, ORACLE_DEVICE_LIVE, UINT64_MAX);
    blames(INVARIANT_CONVERGES);
    finish();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("oracle");
    TCase *tcase = tcase_create("oracle");
    tcase_add_test(tcase, test_a_page_whose_deflate_is_in_flight_may_be_taken_and_given_back);
    tcase_add_test(tcase, test_a_page_whose_deflate_is_in_flight_is_not_inflated);
    tcase_add_test(tcase, test_with_must_tell_host_it_does_not_go_back_before_the_answer);
    tcase_add_test(tcase, test_it_does_not_go_back_twice);
    tcase_add_test(tcase, test_a_report_goes_back_when_the_device_let_go_of_it);
    tcase_add_test(tcase, test_each_reset_has_its_actual_of_zero_and_no_second_one);
    tcase_add_test(tcase, test_a_new_session_may_write_zero_again);
    tcase_add_test(tcase, test_habits_say_where_a_page_is_after_an_unlock);
    tcase_add_test(tcase, test_a_page_that_is_not_needed_is_held_by_habit_only);
    tcase_add_test(tcase, test_a_balloon_above_its_target_is_the_drivers_unless_the_host_will_not);
    tcase_add_test(tcase, test_an_honest_reset_excuses_no_driver);
    tcase_add_test(tcase, test_held_pages_are_looked_at_when_the_driver_is_at_rest);
    tcase_add_test(tcase, test_what_is_in_flight_at_the_end_needs_a_live_device_and_time);
    tcase_add_test(tcase, test_a_target_without_an_outcome_needs_a_device);
    tcase_add_test(tcase, test_a_target_that_a_late_event_set_has_its_stall_bound);
    suite_add_tcase(suite, tcase);
    return suite;
}
