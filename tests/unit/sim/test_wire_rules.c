/*
 * Copies of the recording in which one line no longer fits the others: a table of alterations with
 * the message of each; then every block of every report, every statistic, and every two neighbours
 * whose contents trade places. What nobody can notice is listed, too, and docs/use/recordings.md
 * says why.
 */
#include "tests/support/wire_bench.h"

#include <check.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 753u

static const uint32_t report_lines[] = {169, 299, 749};
static const uint32_t stats_lines[] = {8,   167, 168, 229, 298, 300, 376,
                                       507, 508, 682, 683, 750, 751, 752};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Plays a copy, which is freed. Whether it failed, with `wanted` in its text unless NULL. */
static bool fails(struct text copy, const char *wanted)
{
    bench_init();
    bool failed = true;
    if (bench_open(copy.bytes, copy.length)) {
        bench_play();
        failed = bench.failures > 0;
    }
    if (failed && wanted != NULL) {
        const char *text = bench.text[0] != '\0' ? bench.text : bench.error;
        ck_assert_msg(strstr(text, wanted) != NULL, "'%s' instead of '%s'", text, wanted);
    }
    bench_close();
    free(copy.bytes);
    return failed;
}

START_TEST(test_an_altered_line_is_told_with_what_it_contradicts)
{
    static const struct {
        uint32_t number;
        const char *old;
        const char *new;
        const char *text;
    } rows[] = {
        {169, "[140288,1024]", "[139264,1024]",
         "wire.jsonl:169: PFN 139264 is in this report twice"},
        {169, "[139264,1024]", "[139264,2048]",
         "wire.jsonl:169: PFN 140288 is in this report twice"},
        {169, "[111616,1024]", "[111617,1024]",
         "wire.jsonl:169: the range at PFN 111617 with 1024 PFNs is no block of the guest's allocator, whose blocks are powers of two and begin at a multiple of their size"},
        {169, "[111616,1024]", "[111616,1000]",
         "wire.jsonl:169: the range at PFN 111616 with 1000 PFNs is no block of the guest's allocator, whose blocks are powers of two and begin at a multiple of their size"},
        {299, "[107520,1024]", "[140288,1024]",
         "wire.jsonl:299: the range at PFN 140288 with 1024 PFNs was reported free by line 169, and none of its pages was inflated since"},
        {299, "[107520,1024]", "[140800,512]",
         "wire.jsonl:299: the range at PFN 140800 with 512 PFNs was reported free by line 169, and none of its pages was inflated since"},
        {167, "\"0\":0,", "",
         "wire.jsonl:167: the 7 tags differ from the 8 tags of line 8: tag 0 is left out, added or "
         "moved"},
        {167, ",\"7\":6270976", "",
         "wire.jsonl:167: the 7 tags differ from the 8 tags of line 8: tag 7 is left out, added or "
         "moved"},
        {752, "\"0\":0,\"1\":0", "\"1\":0,\"0\":0",
         "wire.jsonl:752: the 8 tags differ from the 8 tags of line 751: tag 0 is left out, added or "
         "moved"},
        {8, "\"0\":0,", "",
         "wire.jsonl:167: the 8 tags differ from the 7 tags of line 8: tag 1 is left out, added or "
         "moved"},
        {8, "\"1\":0", "\"0\":0", "wire.jsonl:8: tag 0 comes twice"},
        {168, "\"3\":2633", "\"3\":1993",
         "wire.jsonl:168: tag 3 decreases from 1994 to 1993, but this counter only grows: lines were altered or swapped"},
        {8, "\"4\":229208064", "\"4\":246460417",
         "wire.jsonl:8: tag 4 is 246460417 bytes, more than all memory (246460416)"},
        {4, "\"index\":1", "\"index\":3",
         "wire.jsonl:5: queue 2 is set up after queue 3, but a driver sets queues up in ascending order"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect_failure(altered(rows[i].number, rows[i].old, rows[i].new), rows[i].text);
    }
}
END_TEST

/** The extents of a report, and how many. */
static uint32_t extents_of(uint32_t number, uint64_t first[64])
{
    const struct text line = line_of(number);
    const char *end = line.bytes + line.length;
    uint32_t count = 0;
    for (const char *at = strstr(line.bytes, "[["); at != NULL && at < end;
         at = strstr(at + 1, ",[")) {
        ck_assert_uint_lt(count, 64);
        ck_assert_int_eq(sscanf(at + 1, "[%" SCNu64 ",1024]", &first[count]) == 1 ||
                             sscanf(at + 2, "%" SCNu64 ",1024]", &first[count]) == 1,
                         1);
        count++;
    }
    return count;
}

static struct text with_first(uint32_t number, uint64_t old, uint64_t first)
{
    char from[32];
    char to[32];
    (void)snprintf(from, sizeof from, "[%" PRIu64 ",1024]", old);
    (void)snprintf(to, sizeof to, "[%" PRIu64 ",1024]", first);
    return altered(number, from, to);
}

START_TEST(test_a_block_named_twice_or_shifted_is_noticed_in_each_report)
{
    uint64_t first[64];
    uint32_t tried = 0;
    for (size_t r = 0; r < COUNT(report_lines); r++) {
        const uint32_t count = extents_of(report_lines[r], first);
        for (uint32_t i = 0; i < count; i++) {
            const uint64_t other = first[(i + 1) % count];
            ck_assert(
                fails(with_first(report_lines[r], first[i], other), "is in this report twice"));
            ck_assert(fails(with_first(report_lines[r], first[i], first[i] + 1), "is no block of"));
            tried++;
        }
    }
    ck_assert_uint_eq(tried, 62);
}
END_TEST

START_TEST(test_a_block_of_an_earlier_report_is_noticed_unless_the_balloon_had_it)
{
    uint64_t earlier[64];
    uint64_t first[64];
    const uint32_t before = extents_of(169, earlier);
    const uint32_t count = extents_of(299, first);
    ck_assert_uint_eq(count, 13);
    for (uint32_t i = 0; i < before; i++) {
        ck_assert(fails(with_first(299, first[i % 13], earlier[i]), "reported free by line 169"));
    }
    /* All of the third report were in the balloon after the first: no two reports contradict. */
    ck_assert_uint_eq(extents_of(749, first), 20);
}
END_TEST

START_TEST(test_a_statistic_left_out_is_noticed_in_each_message)
{
    for (size_t s = 0; s < COUNT(stats_lines); s++) {
        for (uint32_t tag = 0; tag < 8; tag++) {
            const struct text line = line_of(stats_lines[s]);
            char key[16];
            char old[64];
            (void)snprintf(key, sizeof key, "\"%" PRIu32 "\":", tag);
            const char *at = strstr(line.bytes, key);
            ck_assert_ptr_nonnull(at);
            const size_t length = strcspn(at, ",}");
            (void)snprintf(old, sizeof old, "%.*s%s", (int)length, at, tag < 7 ? "," : "");
            if (tag == 7) {
                (void)snprintf(old, sizeof old, ",%.*s", (int)length, at);
            }
            ck_assert(fails(altered(stats_lines[s], old, ""), "is left out, added or moved"));
        }
    }
}
END_TEST

/*
 * Each of these is a line of one side beside one of the other side, or of another queue, and both
 * orders are what a driver and a device could have done. All other neighbours depend on each other.
 */
START_TEST(test_lines_whose_contents_trade_places_are_noticed_unless_they_are_independent)
{
    static const uint32_t independent[] = {7, 169, 228, 229, 376, 748};
    size_t next = 0;
    for (uint32_t number = 1; number < LINES; number++) {
        const bool listed = next < COUNT(independent) && independent[next] == number;
        next += listed;
        ck_assert_msg(fails(swapped(number, true), NULL) != listed, "lines %u and %u",
                      (unsigned)number, (unsigned)number + 1);
    }
    ck_assert_uint_eq(next, COUNT(independent));
}
END_TEST

START_TEST(test_what_nobody_can_notice)
{
    /* A whole block that is in use by the kernel for all that a recording says. */
    ck_assert(!fails(altered(169, "[140288,1024]", "[82944,1024]"), NULL));
    /* A size of the moment, within all memory; a counter that grows less, or more. */
    ck_assert(!fails(altered(167, "\"4\":143069184", "\"4\":143069185"), NULL));
    ck_assert(!fails(altered(167, "\"3\":1994", "\"3\":1995"), NULL));
    /* Statistics of the last line alone have nobody after them who would tell. */
    ck_assert(!fails(altered(752, "\"3\":9673", "\"3\":99673"), NULL));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("wire rules");
    TCase *rules = tcase_create("rules");
    tcase_add_unchecked_fixture(rules, load_original, free_original);
    tcase_set_timeout(rules, 240);
    tcase_add_test(rules, test_an_altered_line_is_told_with_what_it_contradicts);
    tcase_add_test(rules, test_a_block_named_twice_or_shifted_is_noticed_in_each_report);
    tcase_add_test(rules, test_a_block_of_an_earlier_report_is_noticed_unless_the_balloon_had_it);
    tcase_add_test(rules, test_a_statistic_left_out_is_noticed_in_each_message);
    tcase_add_test(rules,
                   test_lines_whose_contents_trade_places_are_noticed_unless_they_are_independent);
    tcase_add_test(rules, test_what_nobody_can_notice);
    suite_add_tcase(suite, rules);
    return suite;
}
