/* How the three layouts number the queues of a balloon. */
#include <ballonet/balloon.h>

#include <check.h>

Suite *test_suite(void);

static const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;

#define STATS  BNT_BALLOON_F_STATS_VQ
#define HINT   BNT_BALLOON_F_FREE_PAGE_HINT
#define REPORT BNT_BALLOON_F_PAGE_REPORTING
#define NONE   BNT_BALLOON_QUEUE_NONE

START_TEST(test_each_layout_numbers_by_its_rule)
{
    static const struct {
        bnt_queue_layout layout;
        uint64_t offered;
        uint64_t negotiated;
        uint16_t index[3]; /* statistics, hints, reports */
    } cases[] = {
        /* the examples of those who met the difference */
        {BNT_QUEUE_LAYOUT_FIXED, STATS | REPORT, STATS | REPORT, {2, NONE, 4}},
        {BNT_QUEUE_LAYOUT_DENSE_OFFERED, STATS | REPORT, STATS | REPORT, {2, NONE, 3}},
        {BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, STATS | REPORT, STATS | REPORT, {2, NONE, 3}},
        {BNT_QUEUE_LAYOUT_FIXED, STATS | HINT | REPORT, STATS | REPORT, {2, 3, 4}},
        {BNT_QUEUE_LAYOUT_DENSE_OFFERED, STATS | HINT | REPORT, STATS | REPORT, {2, 3, 4}},
        {BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, STATS | HINT | REPORT, STATS | REPORT, {2, NONE, 3}},
        {BNT_QUEUE_LAYOUT_FIXED, REPORT, REPORT, {NONE, NONE, 4}},
        {BNT_QUEUE_LAYOUT_DEFAULT, STATS | REPORT, STATS | REPORT, {2, NONE, 4}},
        {BNT_QUEUE_LAYOUT_DENSE_OFFERED, REPORT, REPORT, {NONE, NONE, 2}},
        {BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, REPORT, REPORT, {NONE, NONE, 2}},
        {BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, STATS | HINT | REPORT, 0, {NONE, NONE, NONE}},
    };
    const struct bnt_balloon_queues queues = bnt_balloon_assign_queue_indices(
        cases[_i].layout, cases[_i].offered, cases[_i].negotiated, &binding);
    ck_assert_uint_eq(queues.index[BNT_BALLOON_QUEUE_INFLATE], 0);
    ck_assert_uint_eq(queues.index[BNT_BALLOON_QUEUE_DEFLATE], 1);
    ck_assert_uint_eq(queues.index[BNT_BALLOON_QUEUE_STATS], cases[_i].index[0]);
    ck_assert_uint_eq(queues.index[BNT_BALLOON_QUEUE_HINT], cases[_i].index[1]);
    ck_assert_uint_eq(queues.index[BNT_BALLOON_QUEUE_REPORT], cases[_i].index[2]);
}
END_TEST

START_TEST(test_queue_comes_with_its_feature)
{
    ck_assert(bnt_balloon_has_queue(BNT_BALLOON_QUEUE_DEFLATE, 0, &binding));
    ck_assert(!bnt_balloon_has_queue(BNT_BALLOON_QUEUE_HINT, STATS | REPORT, &binding));
    ck_assert(bnt_balloon_has_queue(BNT_BALLOON_QUEUE_HINT, HINT, &binding));
    ck_assert(!bnt_balloon_has_queue(BNT_BALLOON_QUEUE_COUNT, UINT64_MAX >> 1, &binding));
}
END_TEST

START_TEST(test_each_layout_has_a_name)
{
    ck_assert_str_eq(bnt_queue_layout_name(BNT_QUEUE_LAYOUT_FIXED), "fixed");
    ck_assert_str_eq(bnt_queue_layout_name(BNT_QUEUE_LAYOUT_PROBE), "probe");
    ck_assert_str_eq(bnt_queue_layout_name(BNT_QUEUE_LAYOUT_DEFAULT), "default");
    ck_assert_str_eq(bnt_queue_layout_name(BNT_QUEUE_LAYOUT_PROBE + 1), "unknown");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_layout");
    TCase *tc = tcase_create("layouts");
    tcase_add_loop_test(tc, test_each_layout_numbers_by_its_rule, 0, 11);
    tcase_add_test(tc, test_queue_comes_with_its_feature);
    tcase_add_test(tc, test_each_layout_has_a_name);
    suite_add_tcase(suite, tc);
    return suite;
}
