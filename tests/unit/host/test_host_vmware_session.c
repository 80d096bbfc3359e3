/*
 * VMware's wire on the host: the session. Doorbells, scripted answers, the guest's limit, many
 * STARTs, and a session that moves with the saved device.
 */
#include "tests/unit/host/vmware_guest.h"

#include <stdlib.h>

Suite *test_suite(void);

static void call_from_inside(struct fake_driver *f)
{
    int32_t status = BNT_VMWARE_FAILURE;
    ck_assert_int_eq(bnt_host_serve_vmware_call(f->host, f->now_ns, BNT_VMWARE_CMD_GET_TARGET,
                                                PAGES, 0, &status, &result),
                     BNT_OK);
    ck_assert_int_eq(bnt_host_target_set(f->host, f->now_ns, 1, 0, NULL), BNT_E_REENTRANT);
}

START_TEST(test_doorbell_rings_when_the_target_changes_or_a_reset_is_wanted)
{
    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    start(ALL_CAPS, 100);
    target(90); /* none is registered */
    ck_assert_uint_eq(fake_count(&fake, FAKE_DOORBELL), 0);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_VMCI_DOORBELL_SET, 17, 4), BNT_VMWARE_SUCCESS);
    fake.on_interrupt = call_from_inside;
    target(80);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DOORBELL), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DOORBELL, 0)->value, 17);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DOORBELL, 0)->extra, 4);
    ck_assert_uint_eq(result, 80);
    target(80); /* the same, and the guest is not there: once more */
    ck_assert_uint_eq(fake_count(&fake, FAKE_DOORBELL), 2);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DOORBELL), 3);
    fake.on_interrupt = NULL;
    ck_assert_int_eq(call(BNT_VMWARE_CMD_START, ALL_CAPS, 0), BNT_VMWARE_SUCCESS_WITH_CAPABILITIES);
    target(70); /* START forgot it */
    ck_assert_uint_eq(fake_info(&fake).vmware.doorbells, 3);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_VMCI_DOORBELL_SET, 17, 4), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq(
        call(BNT_VMWARE_CMD_VMCI_DOORBELL_SET, BNT_VMWARE_DOORBELL_NONE, BNT_VMWARE_DOORBELL_NONE),
        BNT_VMWARE_SUCCESS);
    target(60);
    ck_assert_uint_eq(fake_info(&fake).vmware.doorbells, 3);
    fake_close(&fake);
}
END_TEST

START_TEST(test_scripted_answer_overrides_a_whole_call)
{
    const struct bnt_host_call_rule lost = {BNT_VMWARE_CMD_START, BNT_VMWARE_RESET, 2};
    const struct bnt_host_call_rule fails = {BNT_VMWARE_CMD_BATCHED_LOCK, BNT_VMWARE_FAILURE, 1};

    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &lost), BNT_OK);
    ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &fails), BNT_OK);
    target(100);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_START, ALL_CAPS, 0), BNT_VMWARE_RESET);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GUEST_ID, 1, 0), BNT_VMWARE_RESET);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_START, ALL_CAPS, 0), BNT_VMWARE_RESET);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_START, ALL_CAPS, 0), BNT_VMWARE_SUCCESS_WITH_CAPABILITIES);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GUEST_ID, 1, 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake_info(&fake).vmware.guest_id, 1);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 300, 4, 1), BNT_VMWARE_FAILURE);
    ck_assert_uint_eq(entry_status(0), 31);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 300, 4, 1), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 4);
    fake_close(&fake);
}
END_TEST

START_TEST(test_scripted_answers_go_on_and_give_their_places_up)
{
    const struct bnt_host_call_rule fails = {BNT_VMWARE_CMD_START, BNT_VMWARE_FAILURE, 1};

    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    for (uint32_t i = 0; i < 2 * BNT_HOST_CALL_RULES_MAX; i++) {
        ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &fails), BNT_OK);
    }
    for (uint32_t i = 0; i < 2 * BNT_HOST_CALL_RULES_MAX; i++) {
        ck_assert_int_eq(call(BNT_VMWARE_CMD_START, ALL_CAPS, 0), BNT_VMWARE_FAILURE);
    }
    for (uint32_t i = 0; i < 3 * BNT_HOST_CALL_RULES_MAX; i++) { /* used up, one by one */
        const struct bnt_host_call_rule other = {BNT_VMWARE_CMD_GUEST_ID, (int32_t)i, 1};
        ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &other), BNT_OK);
        ck_assert_int_eq(call(BNT_VMWARE_CMD_GUEST_ID, 1, 0), (int32_t)i);
    }
    for (uint32_t i = 0; i < BNT_HOST_CALL_RULES_MAX; i++) {
        const struct bnt_host_call_rule other = {BNT_VMWARE_CMD_GUEST_ID, (int32_t)i, 1};
        ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &other), BNT_OK);
    }
    ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &fails), BNT_E_LIMIT);
    fake_close(&fake);
}
END_TEST

START_TEST(test_limit_of_the_guest_clamps_the_target_by_name)
{
    bnt_le32 field = bnt_cpu_to_le32(1);

    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    start(ALL_CAPS, 100);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GET_TARGET, 40, 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(result, 40);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_LIMIT, 0)->value, 40);
    ck_assert_uint_eq(fake_info(&fake).target.wanted_pfns, 100);
    ck_assert_uint_eq(fake_info(&fake).target.limit_pfns, 40);
    bnt_host_config_read(fake.host, BNT_BALLOON_CONFIG_GUEST_LIMIT, &field, sizeof field);
    ck_assert_uint_eq(bnt_le32_to_cpu(field), 0); /* the field is VIRTIO's */
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 300, 41, 1), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq((int32_t)entry_status(40), BNT_VMWARE_PPN_NOTNEEDED);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_LIMITED);
    ck_assert_str_eq(bnt_outcome_name(BNT_OUTCOME_LIMITED), "limited");
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GET_TARGET, UINT64_C(0x100000001), 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(result, 100);
    ck_assert_uint_eq(fake_info(&fake).target.limit_pfns, UINT64_C(0x100000001));
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GET_TARGET, 0, 0), BNT_VMWARE_SUCCESS); /* none told */
    ck_assert_uint_eq(result, 100);
    fake_close(&fake);
}
END_TEST

START_TEST(test_target_is_reached_within_the_slack_but_zero_is_zero)
{
    fake_init(&fake, PAGES, BNT_F_VERSION_1);
    fake.config.wire = BNT_HOST_WIRE_VMWARE;
    fake.config.vmware.capabilities = ALL_CAPS;
    fake.config.target.slack_pfns = 511;
    fake_open(&fake);
    start(ALL_CAPS, 600);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, 512, 2, 512), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_REACHED);
    target(513);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_REACHED);
    target(512);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_PENDING);
    target(0);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, 512, 1, 1), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_PENDING);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, 1024, 1, 1), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_REACHED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_configuration_is_judged)
{
    size_t bytes = 0;

    fake_init(&fake, PAGES, BNT_F_VERSION_1);
    fake.config.vmware.capabilities = BNT_VMWARE_CAP_BASIC; /* of a virtio device */
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_E_ARGUMENT);
    fake.config.wire = BNT_HOST_WIRE_VMWARE;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_OK);
    fake.config.vmware.capabilities = BNT_VMWARE_CAP_BATCHED_2M; /* without batches */
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_E_ARGUMENT);
    fake.config.vmware.capabilities = 1; /* nobody's bit */
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_E_ARGUMENT);
    fake.config.vmware.capabilities = 0;
    fake.config.requests.pfns_max = 256; /* less than a batch */
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_E_ARGUMENT);
    fake.config.requests.pfns_max = 0;
    fake_open(&fake);
    fake_close(&fake);

    int32_t status = 0;
    fake_init(&fake, PAGES, FAKE_ALL);
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_serve_vmware_call(fake.host, 0, 0, 0, 0, &status, &result),
                     BNT_E_UNSUPPORTED);
    ck_assert_int_eq(bnt_host_handle_page_touch(fake.host, 0, 300), BNT_E_UNSUPPORTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_1000_starts_leave_nothing_behind)
{
    open_with(ALL_CAPS, BNT_HOST_LEDGER_LEAVES);
    for (uint32_t i = 0; i < 1000; i++) {
        start(ALL_CAPS, PAGES);
        ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, 512, 3, 512), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 2048, 100, 3), BNT_VMWARE_SUCCESS);
        ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 3 * 512 + 100);
    }
    (void)call(BNT_VMWARE_CMD_START, 0, 0);
    ck_assert_int_eq(fake.leaves_out, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_session_moves_with_the_saved_device)
{
    static uint8_t state[65536];
    struct bnt_host *host = NULL;
    size_t need = 0;

    open_with(ALL_CAPS, BNT_HOST_LEDGER_LEAVES);
    start(ALL_CAPS, 64);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GUEST_ID, 1, 0), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, FAKE_FIRST_PFN, 0), BNT_VMWARE_SUCCESS);
    const struct bnt_host_info before = fake_info(&fake);
    const size_t bytes = bnt_host_state_size_get(fake.host);
    ck_assert_int_eq(bnt_host_save(fake.host, 0, state, bytes), BNT_OK);
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &need), BNT_OK);
    void *storage = calloc(1, need);
    ck_assert_int_eq(
        bnt_host_init(storage, need, &fake.config, &fake.ops, &fake, &fake.mem, NULL, &host),
        BNT_OK);
    ck_assert_int_eq(bnt_host_load(host, 0, state, bytes), BNT_OK);
    bnt_host_fini(fake.host);
    free(fake.storage);
    fake.storage = storage;
    fake.host = host;
    const struct bnt_host_info after = fake_info(&fake);
    ck_assert_uint_eq(after.vmware.capabilities, before.vmware.capabilities);
    ck_assert_uint_eq(after.vmware.guest_id, 1);
    ck_assert_uint_eq(after.vmware.calls, before.vmware.calls);
    ck_assert_uint_eq(after.ledger.pfns, 1);
    ck_assert_uint_eq(after.target.wanted_pfns, 64);
    /* No START is asked for, and what was locked is. */
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, FAKE_FIRST_PFN, 0), BNT_VMWARE_PPN_LOCKED);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, FAKE_FIRST_PFN, 0), BNT_VMWARE_SUCCESS);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_vmware_session");
    TCase *tests = tcase_create("session");

    tcase_add_test(tests, test_doorbell_rings_when_the_target_changes_or_a_reset_is_wanted);
    tcase_add_test(tests, test_scripted_answer_overrides_a_whole_call);
    tcase_add_test(tests, test_scripted_answers_go_on_and_give_their_places_up);
    tcase_add_test(tests, test_limit_of_the_guest_clamps_the_target_by_name);
    tcase_add_test(tests, test_target_is_reached_within_the_slack_but_zero_is_zero);
    tcase_add_test(tests, test_configuration_is_judged);
    tcase_add_test(tests, test_1000_starts_leave_nothing_behind);
    tcase_add_test(tests, test_session_moves_with_the_saved_device);
    suite_add_tcase(suite, tests);
    return suite;
}
