/*
 * The recording of a real Linux driver, played against the real device: it passes as a whole, and a
 * copy with a line lost, doubled, altered or swapped fails with the line's number and what is
 * wrong.
 */
#include "tests/support/wire_bench.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE 3u

/* ---- Tests ---- */

START_TEST(test_the_whole_recording_passes)
{
    bench_init();
    ck_assert(bench_open(original, original_bytes));
    ck_assert_uint_eq(wire_player_count_lines(bench.player), 753);
    ck_assert_uint_eq(wire_player_get_time_ns(bench.player, 0), 0);
    ck_assert_uint_eq(wire_player_get_time_ns(bench.player, 752), UINT64_C(13935842000));
    ck_assert(!wire_player_is_done(bench.player));
    bench_play();
    ck_assert_str_eq(bench.text, "");
    ck_assert(wire_player_is_done(bench.player));
    const struct wire_player_counts counts = wire_player_get_counts(bench.player);
    ck_assert_uint_eq(counts.requests, 362);
    ck_assert_uint_eq(counts.actuals, 363);
    ck_assert_uint_eq(counts.reports, 3);
    ck_assert_uint_eq(counts.stats, 14);
    ck_assert_uint_eq(counts.targets, 5);
    ck_assert_uint_eq(counts.reported_pfns, 63488);
    const struct bnt_host_info told = bench_info(&bench);
    ck_assert_uint_eq(told.wire.requests, 362);
    ck_assert_uint_eq(told.ledger.pfns, 0);
    ck_assert_uint_eq(told.totals.inflated_pfns, 46000);
    ck_assert_uint_eq(told.totals.deflated_pfns, 46000);
    ck_assert_uint_eq(told.statistics.buffers, 14);
    ck_assert_uint_eq(told.wire.misuses, 0);
    ck_assert_uint_eq(told.wire.breaks, 0);
    ck_assert_int_eq(told.target.outcome, BNT_OUTCOME_REACHED);
    ck_assert_uint_eq(bench.reported_pfns, 63488);
    bench_close();
}
END_TEST

START_TEST(test_a_lost_line_fails)
{
    expect_failure(without(11), "wire.jsonl:11: the driver wrote actual 512, the device's ledger "
                                "holds 256");
    expect_failure(without(12), "wire.jsonl:12: no actual was written after the request of line "
                                "11: a line is lost or moved");
    expect_failure(
        without(1),
        "wire.jsonl:1: the line is region, but the line of the features must come first: a line is lost");
    expect_failure(
        without(2),
        "wire.jsonl:2: the line is queue, but the line of the region must come first: a line is lost");
    expect_failure(
        without(6),
        "wire.jsonl:6: the features need 4 queues, but 3 are set up, or wrong ones: a line is lost");
    expect_failure(without(7),
                   "wire.jsonl:8: the driver inflates by 256 pages with 0 in the balloon, past "
                   "the target of 0: a target line is lost or altered");
    expect_failure(
        without(8),
        "wire.jsonl:8: a request comes before the first statistics, which a driver sends without being asked: a line is lost");
    expect_failure(without(298), "wire.jsonl:298: no statistics for 2000295 us, though the device "
                                 "asks every second: a line is lost");
    expect_failure(
        without(753),
        "wire.jsonl:752: the recording ends before the last write of actual: its end is missing");
}
END_TEST

START_TEST(test_every_lost_line_but_a_report_fails)
{
    for (uint32_t number = 1; number <= 753; number += number < 16 || number > 740 ? 1 : STRIDE) {
        const struct text copy = without(number);
        const bool is_report = strstr(line_of(number).bytes, "\"reporting\"") != NULL &&
                               strstr(line_of(number).bytes, "\"reporting\"") <
                                   line_of(number).bytes + line_of(number).length;
        bench_init();
        ck_assert(bench_open(copy.bytes, copy.length));
        bench_play();
        ck_assert_msg(is_report || bench.failures == 1, "line %u lost", (unsigned)number);
        bench_close();
        free(copy.bytes);
    }
}
END_TEST

START_TEST(test_a_doubled_line_fails)
{
    static const uint32_t numbers[] = {1, 2, 3, 7, 8, 9, 10, 169, 510, 753};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "wire.jsonl:%u: the line repeats the line above",
                       (unsigned)numbers[i] + 1);
        expect_failure(doubled(numbers[i]), text);
    }
}
END_TEST

START_TEST(test_two_swapped_lines_fail)
{
    expect_failure(swapped(7, false), "wire.jsonl:8: t_us goes back from 484389 to 468027: the "
                                      "lines are out of order");
    expect_failure(swapped(9, false),
                   "wire.jsonl:9: the driver wrote actual 256, the device's ledger holds 0");
    expect_failure(swapped(9, true),
                   "wire.jsonl:9: the driver wrote actual 256, the device's ledger holds 0");
    expect_failure(swapped(10, true), "wire.jsonl:10: no actual was written after the request of "
                                      "line 9: a line is lost or moved");
}
END_TEST

START_TEST(test_an_altered_request_fails)
{
    /* An inflate of a page held, of one outside, and fewer than said. */
    expect_failure(
        altered(11, "[141313,1]", "[144397,1]"),
        "wire.jsonl:11: the device reports a violation in this inflate: an inflate names a page "
        "that is in the balloon already (PFN 144397)");
    expect_failure(
        altered(11, "[141313,1]", "[81702,1]"),
        "wire.jsonl:11: the range at PFN 81702 with 1 PFNs is not in the guest's memory");
    expect_failure(
        altered(11, "[141313,1]", "[144544,1]"),
        "wire.jsonl:11: the range at PFN 144544 with 1 PFNs is not in the guest's memory");
    expect_failure(altered(11, "[141313,1],", ""),
                   "wire.jsonl:11: the line says 256 pages, but its runs have 255");
    expect_failure(altered(12, "512", "511"), "wire.jsonl:12: the driver wrote actual 511, the "
                                              "device's ledger holds 512");
    expect_failure(
        altered(11, "\"inflate\"", "\"deflate\""),
        "wire.jsonl:11: the driver deflates by 256 pages with 256 in the balloon, past the target "
        "of 20000: a target line is lost or altered");
}
END_TEST

START_TEST(test_a_deflate_of_a_page_not_held_and_a_report_of_one_held_fail)
{
    const struct text deflate = line_of(171);
    char first[32];
    const char *at = strstr(deflate.bytes, "[[") + 1;
    (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(at, "]") + 1, at);
    bench_init();
    const struct text copy = altered(171, first, "[81703,1]");
    ck_assert(bench_open(copy.bytes, copy.length));
    bench_play();
    ck_assert_ptr_nonnull(strstr(bench.text, "wire.jsonl:171: "));
    bench_close();
    free(copy.bytes);
    expect_failure(
        altered(169, "[140288,1024]", "[144397,1]"),
        "wire.jsonl:169: the device reports a violation in this reporting: a free page report "
        "covers a page in the balloon (PFN 144397)");
    expect_failure(
        altered(169, "[140288,1024]", "[144000,1024]"),
        "wire.jsonl:169: the range at PFN 144000 with 1024 PFNs is not in the guest's memory");
}
END_TEST

START_TEST(test_a_device_that_does_not_answer_fails)
{
    bench_init();
    ck_assert(bench_open(original, original_bytes));
    bench.deaf = true;
    bench_play();
    ck_assert_str_eq(bench.text, "wire.jsonl:10: the device still has the inflate of line 9");
    bench_close();
    bench_init();
    bench.config.statistics.poll_ns = 0;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(bench.text, "wire.jsonl:167: the device still has the stats of line 8");
    bench_close();
}
END_TEST

START_TEST(test_a_scenario_that_does_not_fit_is_told_what_to_write)
{
    bench_init();
    bench.config.features.offered &= ~BNT_BALLOON_F_PAGE_REPORTING;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(bench.text,
                     "wire.jsonl:1: the device does not offer the features 0x20: write "
                     "`device: {features: [must-tell-host, stats, deflate-on-oom, reporting]}`");
    bench_close();
    bench_init();
    bench.first_pfn = 0;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(
        bench.text,
        "wire.jsonl:2: the recorded guest has 62841 PFNs from 81703, the VM has 62841 from 0: write `first_pfn: 81703` and `memory: 251364KiB`");
    bench_close();
    bench_init();
    bench.config.queues.layout = BNT_QUEUE_LAYOUT_FIXED;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(bench.text, "wire.jsonl:6: the device has no queue 3: write `device: "
                                 "{queue_layout: dense-offered}` if its queues have no gaps");
    bench_close();
}
END_TEST

START_TEST(test_what_is_no_recording_is_an_error_with_its_line)
{
    static const struct {
        const char *bytes;
        const char *error;
    } cases[] = {
        {"", "wire.jsonl:1: error: the recording is empty"},
        {"\n", "wire.jsonl:1: error: the line ends where '{' must come at a line's begin: it is "
               "cut off"},
        {"[]\n", "wire.jsonl:1: error: the line has '[' where '{' must come at a line's begin"},
        {"{}\n", "wire.jsonl:1: error: the line has '}' where '\"' must come as a key"},
        {"{\"t_us\":1}\n",
         "wire.jsonl:1: error: a line needs either \"event\" or \"queue\", and has neither"},
        {"{\"t_us\":1,\"event\":\"actual\"}\n",
         "wire.jsonl:1: error: actual lacks the key \"pages\""},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":1,\"size\":2}\n",
         "wire.jsonl:1: error: actual must not have the key \"size\""},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":1} x\n",
         "wire.jsonl:1: error: text follows the JSON object: a line has exactly one object"},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":-1}\n",
         "wire.jsonl:1: error: pages must be a whole number"},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":4294967296}\n",
         "wire.jsonl:1: error: pages must be at most 4294967295"},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":01}\n",
         "wire.jsonl:1: error: pages must not begin with the digit 0"},
        {"{\"t_us\":1,\"t_us\":1}\n", "wire.jsonl:1: error: key \"t_us\" comes twice"},
        {"{\"t_us\":1,\"pagse\":1}\n", "wire.jsonl:1: error: unknown key \"pagse\""},
        {"{\"t_us\":1,\"event\":\"inflate\",\"pages\":1}\n",
         "wire.jsonl:1: error: unknown event \"inflate\""},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":1}\n{\"t_us\":2",
         "wire.jsonl:2: error: the line ends where '}' must come at a line's end: it is cut off"},
        {"{\"t_us\":1,\"queue\":\"inflate\",\"pages\":1,\"pfn_runs\":[[1,0]]}\n",
         "wire.jsonl:1: error: pfn_runs holds an empty range at PFN 1"},
        {"\xff\n",
         "wire.jsonl:1: error: the line has byte 0xff where '{' must come at a line's begin"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_init();
        ck_assert(!bench_open(cases[i].bytes, strlen(cases[i].bytes)));
        ck_assert_str_eq(bench.error, cases[i].error);
        bench_close();
    }
}
END_TEST

/** Any byte of the head of the recording may be any other: nothing crashes, nothing is leaked. */
START_TEST(test_no_altered_byte_crashes)
{
    const size_t head = (size_t)(line_of(9).bytes - original);
    char *copy = malloc(head);
    ck_assert_ptr_nonnull(copy);
    for (size_t i = 0; i < head; i++) {
        memcpy(copy, original, head);
        copy[i] = (char)(copy[i] ^ (1 + (int)(i % 127)));
        bench_init();
        if (bench_open(copy, head - i % 7)) {
            bench_play();
        } else {
            ck_assert_ptr_nonnull(strstr(bench.error, ": error: "));
        }
        bench_close();
    }
    free(copy);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("wire player");
    TCase *plays = tcase_create("plays");
    tcase_add_unchecked_fixture(plays, load_original, free_original);
    tcase_set_timeout(plays, 60);
    tcase_add_test(plays, test_the_whole_recording_passes);
    tcase_add_test(plays, test_a_device_that_does_not_answer_fails);
    tcase_add_test(plays, test_a_scenario_that_does_not_fit_is_told_what_to_write);
    suite_add_tcase(suite, plays);
    TCase *copies = tcase_create("corrupted copies");
    tcase_add_unchecked_fixture(copies, load_original, free_original);
    tcase_set_timeout(copies, 60);
    tcase_add_test(copies, test_a_lost_line_fails);
    tcase_add_test(copies, test_every_lost_line_but_a_report_fails);
    tcase_add_test(copies, test_a_doubled_line_fails);
    tcase_add_test(copies, test_two_swapped_lines_fail);
    tcase_add_test(copies, test_an_altered_request_fails);
    tcase_add_test(copies, test_a_deflate_of_a_page_not_held_and_a_report_of_one_held_fail);
    tcase_add_test(copies, test_what_is_no_recording_is_an_error_with_its_line);
    tcase_add_test(copies, test_no_altered_byte_crashes);
    suite_add_tcase(suite, copies);
    return suite;
}
