/*
 * VMware's wire on the host: a scripted guest makes calls, whole ones and by batch page. Every
 * status, every pair of capabilities, resets, and what a hostile guest may try.
 */
#include "tests/unit/host/vmware_guest.h"

Suite *test_suite(void);

START_TEST(test_lock_and_unlock_move_one_page_and_bring_the_target)
{
    open_with(0, BNT_HOST_LEDGER_FIXED);
    start(BNT_VMWARE_PROTOCOL_2010, 10);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GET_TARGET, PAGES, 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(result, 10);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 300, 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(result, 10);
    ck_assert_uint_eq(bnt_host_page_state_get(fake.host, 300), BNT_HOST_PAGE_BALLOONED);
    ck_assert_uint_eq(fake.dropped[300 - FAKE_FIRST_PFN], 1);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 300, 0), BNT_VMWARE_PPN_LOCKED);
    ck_assert_uint_eq(result, 0);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, 300, 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake.dropped[300 - FAKE_FIRST_PFN], 0);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, 300, 0), BNT_VMWARE_PPN_UNLOCKED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).vmware.calls_failed, 2);
    fake_close(&fake);
}
END_TEST

START_TEST(test_every_verdict_has_its_status)
{
    static const struct {
        bnt_verdict verdict;
        int32_t status;
    } cases[] = {{BNT_VERDICT_PINNED, BNT_VMWARE_PPN_PINNED},
                 {BNT_VERDICT_INVALID, BNT_VMWARE_PPN_INVALID},
                 {BNT_VERDICT_LOCKED, BNT_VMWARE_PPN_LOCKED},
                 {BNT_VERDICT_NOT_LOCKED, BNT_VMWARE_PPN_UNLOCKED},
                 {BNT_VERDICT_BUSY, BNT_VMWARE_BUSY}};

    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    start(ALL_CAPS, 100);
    for (uint32_t i = 0; i < 5; i++) {
        refuse(300 + i, 300 + i, cases[i].verdict, false);
    }
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 300 + i, 0), cases[i].status);
    }
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 300, 8, 1), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(result, 100);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_int_eq((int32_t)entry_status(i), i < 5 ? cases[i].status : BNT_VMWARE_SUCCESS);
        ck_assert_uint_eq(entry_pfn(i), 300 + i);
    }
    /* A page that the ledger holds is never called unlocked (BX-16). */
    refuse(305, 305, BNT_VERDICT_NOT_LOCKED, true);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, 305, 0), BNT_VMWARE_BUSY);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 3);
    fake_close(&fake);
}
END_TEST

START_TEST(test_locks_beyond_the_target_are_not_needed_and_unlocks_always_are)
{
    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    start(ALL_CAPS, 3);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 300, 5, 1), BNT_VMWARE_SUCCESS);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq((int32_t)entry_status(i),
                         i < 3 ? BNT_VMWARE_SUCCESS : BNT_VMWARE_PPN_NOTNEEDED);
    }
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 310, 0), BNT_VMWARE_PPN_NOTNEEDED);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, 300, 0), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, 301, 0), BNT_VMWARE_SUCCESS);
    fake_close(&fake);
}
END_TEST

START_TEST(test_2m_page_is_taken_whole_or_not_at_all)
{
    for (int ledger = 0; ledger < 2; ledger++) {
        open_with(ALL_CAPS, (bnt_host_ledger)ledger);
        start(ALL_CAPS, 1000);
        refuse(1100, 1100, BNT_VERDICT_PINNED, false);
        ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, 512, 4, 512), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq((int32_t)entry_status(0), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq((int32_t)entry_status(1), BNT_VMWARE_PPN_PINNED);
        ck_assert_int_eq((int32_t)entry_status(2), BNT_VMWARE_SUCCESS); /* over by 24 */
        ck_assert_int_eq((int32_t)entry_status(3), BNT_VMWARE_PPN_NOTNEEDED);
        ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1024);
        ck_assert_uint_eq(fake_info(&fake).totals.huge_pfns, 1024);
        ck_assert_uint_eq(bnt_host_page_state_get(fake.host, 1100), BNT_HOST_PAGE_GUEST);
        ck_assert_uint_eq(bnt_host_page_state_get(fake.host, 1024), BNT_HOST_PAGE_GUEST);
        /* Not aligned; beyond memory; locked already; locked in part. */
        ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, 513, 1, 1), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq((int32_t)entry_status(0), BNT_VMWARE_PPN_INVALID);
        ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, 4096, 1, 1), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq((int32_t)entry_status(0), BNT_VMWARE_PPN_INVALID);
        ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, 512, 1, 1), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq((int32_t)entry_status(0), BNT_VMWARE_PPN_LOCKED);
        ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, 600, 0), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, 512, 3, 512), BNT_VMWARE_SUCCESS);
        ck_assert_int_eq((int32_t)entry_status(0), BNT_VMWARE_PPN_INVALID); /* held in part */
        ck_assert_int_eq((int32_t)entry_status(1), BNT_VMWARE_PPN_UNLOCKED);
        ck_assert_int_eq((int32_t)entry_status(2), BNT_VMWARE_SUCCESS);
        ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 511);
        ck_assert_uint_eq(fake.dropped[512 - FAKE_FIRST_PFN], 1);
        ck_assert_uint_eq(fake.dropped[1536 - FAKE_FIRST_PFN], 0);
        fake_close(&fake);
    }
}
END_TEST

START_TEST(test_2m_page_with_a_kept_part_is_given_back_whole)
{
    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    start(ALL_CAPS, 512);
    fake.discard_status = BNT_E_CALLBACK;
    fake.discard_fail_pfn = 600;
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 512, 256, 1), BNT_VMWARE_SUCCESS);
    fake.discard_status = BNT_OK;
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 768, 256, 1), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 256);
    fake_log_clear(&fake);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, 512, 1, 1), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq((int32_t)entry_status(0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 256); /* not of those kept */
    fake_close(&fake);
}
END_TEST

/** What must hold of any two: bit 0 and unknown bits are nobody's, BASIC is everybody's. */
START_TEST(test_every_pair_of_capabilities)
{
    for (uint64_t offered = 0; offered <= ALL_CAPS; offered += 2) {
        if ((offered & BNT_VMWARE_CAP_BATCHED_2M) != 0 && (offered & BNT_VMWARE_CAP_BATCHED) == 0) {
            continue;
        }
        open_with(offered, BNT_HOST_LEDGER_FIXED);
        for (uint64_t asked = 0; asked < 256; asked++) {
            const uint64_t common = (offered & asked) | BNT_VMWARE_CAP_BASIC;
            const uint64_t batches = BNT_VMWARE_CAP_BATCHED;
            const uint64_t huge = batches | BNT_VMWARE_CAP_BATCHED_2M;
            target(PAGES / 2);
            const int32_t status = call(BNT_VMWARE_CMD_START, asked, 0);
            ck_assert_int_eq(status, common == BNT_VMWARE_CAP_BASIC
                                         ? BNT_VMWARE_SUCCESS
                                         : BNT_VMWARE_SUCCESS_WITH_CAPABILITIES);
            ck_assert_uint_eq(result, common == BNT_VMWARE_CAP_BASIC ? 0 : common);
            ck_assert_uint_eq(fake_info(&fake).vmware.capabilities, common);
            ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 2000, 0), BNT_VMWARE_SUCCESS);
            ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 300, 2, 1),
                             (common & batches) != 0 ? BNT_VMWARE_SUCCESS : BNT_VMWARE_CMD_INVALID);
            ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, 512, 1, 1),
                             (common & huge) == huge ? BNT_VMWARE_SUCCESS : BNT_VMWARE_CMD_INVALID);
            ck_assert_int_eq(call(BNT_VMWARE_CMD_VMCI_DOORBELL_SET, 1, 2),
                             (common & BNT_VMWARE_CAP_SIGNALLED_WAKEUP) != 0
                                 ? BNT_VMWARE_SUCCESS
                                 : BNT_VMWARE_CMD_INVALID);
            ck_assert_int_eq(call(BNT_VMWARE_CMD_GET_TARGET, UINT64_C(0x100000001), 0),
                             (common & BNT_VMWARE_CAP_64_BIT_TARGET) != 0 ? BNT_VMWARE_SUCCESS
                                                                          : BNT_VMWARE_CMD_INVALID);
        }
        fake_close(&fake);
    }
}
END_TEST

START_TEST(test_reset_is_the_answer_to_all_but_start_until_start_drops_every_lock)
{
    open_with(ALL_CAPS, BNT_HOST_LEDGER_LEAVES);
    /* Nothing was agreed yet: the same. */
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GET_TARGET, PAGES, 0), BNT_VMWARE_RESET);
    start(ALL_CAPS, 100);
    ck_assert_int_eq(batch(BNT_VMWARE_CMD_BATCHED_LOCK, 300, 50, 1), BNT_VMWARE_SUCCESS);
    fake_log_clear(&fake);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0); /* none is touched */
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_RESET, 0)->extra, 50);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    for (uint32_t command = 1; command < BNT_VMWARE_CMD_COUNT; command++) {
        entry_put(0, 300);
        ck_assert_int_eq(call(command, command == 2 ? 300 : BATCH_PFN, 1),
                         command == 5 ? BNT_VMWARE_CMD_INVALID : BNT_VMWARE_RESET);
        ck_assert_uint_eq(entry_status(0), 31); /* entries are left alone */
    }
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns),
                     BNT_E_STATE); /* it is wanted already */
    target(7);                     /* set before the guest comes back: it stays */
    ck_assert_int_eq(call(BNT_VMWARE_CMD_START, ALL_CAPS, 0), BNT_VMWARE_SUCCESS_WITH_CAPABILITIES);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_RESET_DONE, 0)->value, 2);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_PENDING);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 300, 0), BNT_VMWARE_SUCCESS);
    /* START without a reset drops locks as well. */
    fake_log_clear(&fake);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_START, 0, 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_DEVICE_RESET, 0)->value, 1);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_RESET);
    fake_close(&fake);
}
END_TEST

START_TEST(test_touching_a_locked_page_asks_for_a_reset)
{
    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    start(ALL_CAPS, 100);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 300, 0), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq(bnt_host_handle_page_touch(fake.host, fake.now_ns, 301), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).vmware.touches, 0);
    ck_assert_int_eq(bnt_host_handle_page_touch(fake.host, fake.now_ns, 300), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).vmware.touches, 1);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_TOUCHED, 0)->value, 300);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, 300, 0), BNT_VMWARE_RESET);
    ck_assert_int_eq(bnt_host_handle_page_touch(fake.host, fake.now_ns, 300),
                     BNT_OK); /* its own by now */
    ck_assert_uint_eq(fake_info(&fake).vmware.touches, 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_hostile_guest_is_answered_and_counted)
{
    open_with(ALL_CAPS, BNT_HOST_LEDGER_FIXED);
    start(ALL_CAPS, 100);
    ck_assert_int_eq(call(5, 0, 0), BNT_VMWARE_CMD_INVALID);
    ck_assert_int_eq(call(UINT32_MAX, 0, 0), BNT_VMWARE_CMD_INVALID);
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, BNT_FAULT_CALL_UNKNOWN);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_BATCHED_LOCK, BATCH_PFN, 513), BNT_VMWARE_CMD_INVALID);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_BATCHED_LOCK, BATCH_PFN, 0), BNT_VMWARE_CMD_INVALID);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_BATCHED_LOCK, BATCH_PFN, UINT64_MAX),
                     BNT_VMWARE_CMD_INVALID);
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, BNT_FAULT_CALL_COUNT);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_BATCHED_LOCK, PAGES + 256, 1), BNT_VMWARE_FAILURE);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_BATCHED_LOCK, UINT64_MAX, 1), BNT_VMWARE_FAILURE);
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, BNT_FAULT_CALL_BATCH_PAGE);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, UINT64_MAX, 0), BNT_VMWARE_PPN_INVALID);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, UINT64_C(0x100000000) + 300, 0),
                     BNT_VMWARE_PPN_INVALID);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 256 + PAGES, 0), BNT_VMWARE_PPN_INVALID);
    entry_put(0, UINT64_C(0x100000000) + 300); /* the low half would be a good page */
    entry_put(1, 300);
    entry_put(2, 300);
    entry_put(3, BNT_VMWARE_ENTRY_PFN_MAX);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_BATCHED_LOCK, BATCH_PFN, 4), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq((int32_t)entry_status(0), BNT_VMWARE_PPN_INVALID);
    ck_assert_int_eq((int32_t)entry_status(1), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq((int32_t)entry_status(2), BNT_VMWARE_PPN_LOCKED);
    ck_assert_int_eq((int32_t)entry_status(3), BNT_VMWARE_PPN_INVALID);
    ck_assert_uint_eq(entry_pfn(0), UINT64_C(0x100000000) + 300);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 7);
    /* The page moved, and the answer cannot be written: counted, nothing worse. */
    entry_put(0, 400);
    fake.copy_fail_at = fake.copies + 2;
    ck_assert_int_eq(call(BNT_VMWARE_CMD_BATCHED_LOCK, BATCH_PFN, 1), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 8);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 2);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_vmware");
    TCase *tests = tcase_create("vmware");

    tcase_add_test(tests, test_lock_and_unlock_move_one_page_and_bring_the_target);
    tcase_add_test(tests, test_every_verdict_has_its_status);
    tcase_add_test(tests, test_locks_beyond_the_target_are_not_needed_and_unlocks_always_are);
    tcase_add_test(tests, test_2m_page_is_taken_whole_or_not_at_all);
    tcase_add_test(tests, test_2m_page_with_a_kept_part_is_given_back_whole);
    tcase_add_test(tests, test_every_pair_of_capabilities);
    tcase_add_test(tests, test_reset_is_the_answer_to_all_but_start_until_start_drops_every_lock);
    tcase_add_test(tests, test_touching_a_locked_page_asks_for_a_reset);
    tcase_add_test(tests, test_hostile_guest_is_answered_and_counted);
    suite_add_tcase(suite, tests);
    return suite;
}
