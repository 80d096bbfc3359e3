/* The balloon's tables: which bits its features take, what they depend on, names of verdicts. */
#include <ballonet/balloon.h>

#include <check.h>

Suite *test_suite(void);

START_TEST(test_bx1_binding_takes_no_bit_of_another_feature)
{
    struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;

    ck_assert(bnt_balloon_is_binding_valid(&binding));
    for (unsigned bit = 0; bit < 64; bit++) {
        const bool low = bit >= 6 && bit <= 23;
        const bool high =
            bit >= 50 && !(bit >= BNT_BALLOON_BIT_RESET && bit <= BNT_BALLOON_BIT_WS_REPORTING);
        binding.verdicts = UINT64_C(1) << bit;
        ck_assert_msg(bnt_balloon_is_binding_valid(&binding) == (low || high), "bit %u", bit);
    }
    binding.verdicts = 0;
    ck_assert(!bnt_balloon_is_binding_valid(&binding)); /* RESET without VERDICTS, BX-2 */
    binding.reset = 0;
    ck_assert(!bnt_balloon_is_binding_valid(&binding)); /* HUGE_PAGES without VERDICTS, BX-22 */
    binding.huge_pages = 0;
    ck_assert(bnt_balloon_is_binding_valid(&binding));
    binding.verdicts = UINT64_C(3) << 50;
    ck_assert(!bnt_balloon_is_binding_valid(&binding));
}
END_TEST

START_TEST(test_bx2_reset_depends_on_verdicts)
{
    const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;
    const struct bnt_balloon_binding none = {0};
    const struct bnt_balloon_rule_set r = bnt_balloon_build_feature_rules(&binding);
    const uint64_t all = BNT_F_VERSION_1 | binding.verdicts | binding.reset;
    const uint64_t huge = BNT_F_VERSION_1 | binding.huge_pages;

    ck_assert(bnt_features_find_invalid(all, r.rules, r.count) == 0);
    ck_assert(bnt_features_find_invalid(all & ~binding.verdicts, r.rules, r.count) ==
              binding.reset);
    ck_assert(bnt_features_find_invalid(huge, r.rules, r.count) == binding.huge_pages);
    ck_assert(bnt_features_choose(binding.guest_limit, binding.guest_limit, r.rules, r.count) == 0);
    ck_assert(bnt_features_choose(all & ~BNT_F_VERSION_1, all, r.rules, r.count) == 0);
    ck_assert_uint_eq(bnt_balloon_build_feature_rules(&none).count, 0);
}
END_TEST

START_TEST(test_number_of_no_feature_has_no_row_and_no_bit)
{
    const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;

    for (uint32_t feature = 0; feature < BNT_BALLOON_FEATURE_COUNT; feature++) {
        ck_assert_ptr_nonnull(bnt_balloon_find_feature_row(feature));
        ck_assert(bnt_balloon_get_feature_mask(feature, &binding) != 0);
    }
    ck_assert_ptr_null(bnt_balloon_find_feature_row(BNT_BALLOON_FEATURE_COUNT));
    ck_assert(bnt_balloon_get_feature_mask(BNT_BALLOON_FEATURE_COUNT, &binding) == 0);
}
END_TEST

START_TEST(test_every_verdict_has_a_name)
{
    ck_assert_str_eq(bnt_verdict_name(BNT_VERDICT_NOT_LOCKED), "not-locked");
    ck_assert_str_eq(bnt_verdict_name(BNT_VERDICT_RESET), "reset");
    ck_assert_str_eq(bnt_verdict_name(BNT_VERDICT_COUNT), "unknown");
    ck_assert_str_eq(bnt_verdict_name(255), "unknown");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("balloon rules");
    TCase *tc = tcase_create("rules");

    tcase_add_test(tc, test_bx1_binding_takes_no_bit_of_another_feature);
    tcase_add_test(tc, test_bx2_reset_depends_on_verdicts);
    tcase_add_test(tc, test_number_of_no_feature_has_no_row_and_no_bit);
    tcase_add_test(tc, test_every_verdict_has_a_name);
    suite_add_tcase(suite, tc);
    return suite;
}
