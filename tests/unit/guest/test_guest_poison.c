/* What pages hold when they come back: the poison value, and what the device initialised. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define POISON (BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_PAGE_REPORTING)
#define PLAIN  (BNT_F_VERSION_1 | BNT_BALLOON_F_MUST_TELL_HOST)

static void begin(struct fake *f, uint64_t offered, struct fake_setup setup)
{
    setup.pages = 64;
    setup.offered = offered;
    setup.wanted = FAKE_ALL | POISON | FAKE_ON_INFLATE | FAKE_ON_REPORT;
    setup.report_order_set = true;
    fake_init(f, &setup);
}

START_TEST(test_poison_is_accepted_only_by_an_os_that_initialises)
{
    struct fake f;
    begin(&f, FAKE_ALL | POISON, (struct fake_setup){.poison_val = 7});
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted & POISON, BNT_BALLOON_F_PAGE_REPORTING);
    fake_end(&f);
    begin(&f, FAKE_ALL | POISON, (struct fake_setup){.init_on_free = true, .poison_val = 7});
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted & POISON, POISON);
    ck_assert_uint_eq(f.poison_val, 7);
    fake_end(&f);
}
END_TEST

START_TEST(test_without_poison_an_os_that_initialises_reports_nothing)
{
    struct fake f;
    begin(&f, FAKE_ALL | BNT_BALLOON_F_PAGE_REPORTING, (struct fake_setup){.init_on_free = true});
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted & POISON, 0);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.report_takes, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_poison_is_written_at_every_attachment)
{
    struct fake f;
    begin(&f, FAKE_ALL | POISON, (struct fake_setup){.init_on_free = true, .poison_val = 0xAA});
    for (uint32_t i = 1; i <= 3; i++) {
        f.poison_val = 0;
        fake_up(&f);
        ck_assert_uint_eq(f.poison_val, 0xAA);
        ck_assert_uint_eq(f.poison_writes, i);
        fake_down(&f);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_all_that_goes_back_is_filled)
{
    struct fake f;
    begin(&f, FAKE_ALL | POISON, (struct fake_setup){.init_on_free = true, .poison_val = 0xAA});
    fake_up(&f);
    fake_target(&f, 40);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.filled, 0);
    fake_target(&f, 30);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.filled, 10);
    fake_host_reset(&f);
    fake_step(&f, 8);
    ck_assert_uint_eq(f.filled, 40);
    fake_end(&f);
}
END_TEST

START_TEST(test_verdicts_are_taken_where_both_are_offered_and_both_required_is_an_error)
{
    struct fake f;
    struct bnt_guest_need need;
    const struct bnt_guest_config config = {
        .size = sizeof config,
        .memory.pfns = 1024,
        .features.binding = BNT_BALLOON_BINDING_DEFAULT,
        .features.required = FAKE_ON_INFLATE | UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS};
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_E_EXCLUSIVE);
    begin(&f, FAKE_ALL | FAKE_ON_INFLATE, (struct fake_setup){.init_bits = true});
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted & FAKE_ON_INFLATE, 0);
    fake_end(&f);
    begin(&f, PLAIN | FAKE_ON_INFLATE, (struct fake_setup){.init_bits = false});
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted & FAKE_ON_INFLATE, 0); /* no room to remember */
    fake_end(&f);
}
END_TEST

START_TEST(test_pages_that_the_device_initialised_are_not_filled_again)
{
    struct fake f;
    begin(&f, PLAIN | POISON | FAKE_ON_INFLATE,
          (struct fake_setup){.init_on_free = true, .poison_val = 0xAA, .init_bits = true});
    fake_up(&f);
    f.init_byte = 0x0F;
    fake_target(&f, 32);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).reporting.initialised_pfns, 16);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.filled, 16);
    ck_assert_uint_eq(f.initialised, 16);
    fake_target(&f, 32); /* what was said of a page counts once */
    f.init_byte = 0;
    fake_run(&f, FAKE_S);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.filled, 48);
    ck_assert_uint_eq(f.initialised, 16);
    fake_end(&f);
}
END_TEST

START_TEST(test_zeroes_of_the_device_are_no_poison_unless_it_knows_the_value)
{
    struct fake f;
    begin(&f, PLAIN | FAKE_ON_INFLATE,
          (struct fake_setup){.init_on_free = true, .poison_val = 0xAA, .init_bits = true});
    fake_up(&f);
    f.init_byte = 0xFF;
    fake_target(&f, 32);
    fake_run(&f, FAKE_S);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.filled, 32);
    fake_end(&f);
}
END_TEST

START_TEST(test_bits_beyond_the_used_length_and_after_a_reset_do_not_count)
{
    struct fake f;
    begin(&f, PLAIN | FAKE_ON_INFLATE, (struct fake_setup){.init_bits = true});
    fake_up(&f);
    f.init_byte = 0xFF;
    f.len_cut = 1;
    fake_target(&f, 32);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).reporting.initialised_pfns, 24);
    fake_down(&f);
    ck_assert_uint_eq(f.initialised, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_block_of_a_report_is_initialised_if_its_whole_length_was_used)
{
    struct fake f;
    begin(&f, PLAIN | BNT_BALLOON_F_PAGE_REPORTING | FAKE_ON_REPORT, (struct fake_setup){0});
    fake_up(&f);
    f.len_more = 4096;
    fake_run(&f, 2100 * FAKE_MS);
    ck_assert_uint_eq(f.report_chain_max, 1); /* each is a buffer of its own */
    ck_assert_uint_eq(f.report_pfns, 64);
    ck_assert_uint_eq(f.blocks_init, 64);
    fake_end(&f);
    begin(&f, PLAIN | BNT_BALLOON_F_PAGE_REPORTING | FAKE_ON_REPORT, (struct fake_setup){0});
    fake_up(&f);
    f.len_more = 4095;
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 64);
    ck_assert_uint_eq(f.blocks_init, 0);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest_poison");
    TCase *tcase = tcase_create("poison");
    tcase_add_test(tcase, test_poison_is_accepted_only_by_an_os_that_initialises);
    tcase_add_test(tcase, test_without_poison_an_os_that_initialises_reports_nothing);
    tcase_add_test(tcase, test_poison_is_written_at_every_attachment);
    tcase_add_test(tcase, test_all_that_goes_back_is_filled);
    tcase_add_test(tcase,
                   test_verdicts_are_taken_where_both_are_offered_and_both_required_is_an_error);
    tcase_add_test(tcase, test_pages_that_the_device_initialised_are_not_filled_again);
    tcase_add_test(tcase, test_zeroes_of_the_device_are_no_poison_unless_it_knows_the_value);
    tcase_add_test(tcase, test_bits_beyond_the_used_length_and_after_a_reset_do_not_count);
    tcase_add_test(tcase, test_a_block_of_a_report_is_initialised_if_its_whole_length_was_used);
    suite_add_tcase(suite, tcase);
    return suite;
}
