/* The tables of VMware's wire: numbers that are on the wire, names, verdicts, batch entries. */
#include <ballonet/vmware.h>

#include <check.h>
#include <string.h>

Suite *test_suite(void);

START_TEST(test_numbers_are_those_of_the_wire)
{
    ck_assert_int_eq(BNT_VMWARE_CMD_GUEST_ID, 4);
    ck_assert_int_eq(BNT_VMWARE_CMD_BATCHED_LOCK, 6);
    ck_assert_int_eq(BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, 9);
    ck_assert_int_eq(BNT_VMWARE_CMD_VMCI_DOORBELL_SET, 10);
    ck_assert_str_eq(bnt_vmware_command_name(5), "unknown"); /* GET_PROTO is gone for ever */
    ck_assert_int_eq(BNT_VMWARE_FAILURE, -1);
    ck_assert_int_eq(BNT_VMWARE_RESET, 7);
    ck_assert_int_eq(BNT_VMWARE_SUCCESS_WITH_CAPABILITIES, 0x03000000);
    ck_assert_uint_eq(BNT_VMWARE_CAPS_ALL & 1, 0);
    ck_assert_int_eq(BNT_VMWARE_CAP_64_BIT_TARGET, 32);
}
END_TEST

START_TEST(test_names_are_found)
{
    ck_assert_str_eq(bnt_vmware_command_name(BNT_VMWARE_CMD_BATCHED_2M_LOCK), "batched-2m-lock");
    ck_assert_str_eq(bnt_vmware_status_name(BNT_VMWARE_PPN_NOTNEEDED), "page-not-needed");
    ck_assert_str_eq(bnt_vmware_status_name(9), "unknown");
    ck_assert_str_eq(bnt_vmware_cap_name(BNT_VMWARE_CAP_BATCHED), "batched");
    ck_assert_str_eq(bnt_vmware_cap_name(1), "unknown");
    for (uint32_t cap = 1; cap != 0; cap <<= 1) {
        const bool known = (cap & (uint32_t)BNT_VMWARE_CAPS_ALL) != 0;
        ck_assert(!known || strcmp(bnt_vmware_cap_name(cap), "unknown") != 0);
    }
}
END_TEST

START_TEST(test_only_success_takes_a_page)
{
    for (int32_t status = -2; status < 32; status++) {
        ck_assert_int_eq(bnt_vmware_get_verdict_for_status(status) == BNT_VERDICT_ACCEPTED,
                         status == BNT_VMWARE_SUCCESS);
        ck_assert_int_ne(bnt_vmware_get_verdict_for_status(status), BNT_VERDICT_NONE);
    }
    ck_assert_int_eq(bnt_vmware_get_verdict_for_status(BNT_VMWARE_SUCCESS_WITH_CAPABILITIES),
                     BNT_VERDICT_BUSY);
    for (uint32_t v = BNT_VERDICT_ACCEPTED; v < BNT_VERDICT_COUNT; v++) {
        const bnt_vmware_status status = bnt_vmware_get_status_for_verdict((bnt_verdict)v);
        ck_assert_int_eq(bnt_vmware_get_verdict_for_status((int32_t)status), (int)v);
    }
    ck_assert_int_eq(bnt_vmware_get_status_for_verdict(BNT_VERDICT_COUNT), BNT_VMWARE_FAILURE);
}
END_TEST

START_TEST(test_capabilities_are_a_success_of_start_alone)
{
    const int32_t with = BNT_VMWARE_SUCCESS_WITH_CAPABILITIES;
    ck_assert(bnt_vmware_has_call_succeeded(BNT_VMWARE_CMD_START, with));
    ck_assert(!bnt_vmware_has_call_succeeded(BNT_VMWARE_CMD_BATCHED_LOCK, with));
    ck_assert(bnt_vmware_has_call_succeeded(BNT_VMWARE_CMD_BATCHED_LOCK, BNT_VMWARE_SUCCESS));
    ck_assert(!bnt_vmware_has_call_succeeded(BNT_VMWARE_CMD_START, BNT_VMWARE_BUSY));
}
END_TEST

START_TEST(test_commands_know_what_they_bring)
{
    ck_assert(!bnt_vmware_can_command_return_reset(BNT_VMWARE_CMD_START));
    ck_assert(bnt_vmware_can_command_return_reset(BNT_VMWARE_CMD_GUEST_ID));
    ck_assert(!bnt_vmware_can_command_return_reset(5));
    ck_assert(bnt_vmware_does_command_return_target(BNT_VMWARE_CMD_UNLOCK));
    ck_assert(!bnt_vmware_does_command_return_target(BNT_VMWARE_CMD_GUEST_ID));
}
END_TEST

START_TEST(test_entry_holds_a_large_pfn_beside_its_status)
{
    const uint64_t pfns[] = {0, 1, UINT64_C(1) << 20, UINT64_C(1) << 32, BNT_VMWARE_ENTRY_PFN_MAX};
    for (size_t i = 0; i < sizeof pfns / sizeof pfns[0]; i++) {
        const struct bnt_vmware_entry entry = bnt_vmware_make_entry(pfns[i], 31);
        ck_assert_uint_eq(bnt_vmware_get_entry_pfn(entry), pfns[i]);
        ck_assert_uint_eq(bnt_vmware_get_entry_status(entry), 31);
    }
    const struct bnt_vmware_entry entry = bnt_vmware_make_entry(0x12345, 5);
    const uint8_t bytes[8] = {0x05, 0x50, 0x34, 0x12, 0, 0, 0, 0};
    ck_assert_int_eq(memcmp(&entry, bytes, sizeof bytes), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("vmware tables");
    TCase *tc = tcase_create("tables");
    tcase_add_test(tc, test_numbers_are_those_of_the_wire);
    tcase_add_test(tc, test_names_are_found);
    tcase_add_test(tc, test_only_success_takes_a_page);
    tcase_add_test(tc, test_capabilities_are_a_success_of_start_alone);
    tcase_add_test(tc, test_commands_know_what_they_bring);
    tcase_add_test(tc, test_entry_holds_a_large_pfn_beside_its_status);
    suite_add_tcase(suite, tc);
    return suite;
}
