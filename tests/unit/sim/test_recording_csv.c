/*
 * The CSV of a recorded machine: columns by name, located errors, and no crash on any bytes.
 */
#include "sim/memory/recording_csv.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static char text[512];

static void setup(void)
{
    arena = arena_open(0x5A);
}

static void teardown(void)
{
    ck_assert_uint_eq(arena_close(arena), 0);
}

#define HEADER "time_ms,dirty_kib,x,anonpages_kib,slab_kib,cached_kib,buffers_kib,pagetables_kib\n"

static struct recording *parse(const char *bytes, size_t length)
{
    return recording_parse(arena, "m.csv", bytes, length, text, sizeof text);
}

START_TEST(test_columns_are_found_by_name)
{
    static const char csv[] = HEADER "5,9,junk,100,20,300,40,3\r\n10,999,,1,2,3,4,5\n\n";
    struct recording *recording = parse(csv, strlen(csv));
    ck_assert_msg(recording != NULL, "%s", text);
    ck_assert_uint_eq(recording->row_count, 2);
    const struct recording_row *row = recording_find_row(recording, 9);
    ck_assert_uint_eq(row->time_ms, 5);
    ck_assert_uint_eq(row->anon_kib, 100);
    ck_assert_uint_eq(row->slab_kib, 23);
    ck_assert_uint_eq(row->cache_kib, 340);
    ck_assert_uint_eq(row->dirty_kib, 9);
    ck_assert_uint_eq(recording_find_row(recording, 0)->time_ms, 5);
    ck_assert_uint_eq(recording_find_row(recording, 10)->time_ms, 10);
    ck_assert_uint_eq(recording_find_row(recording, UINT64_MAX)->dirty_kib, 7); /* of 7 of cache */
    ck_assert_uint_eq(recording_get_end_ms(recording), 10);
    recording_free(recording);
}
END_TEST

START_TEST(test_errors_are_located)
{
    static const struct {
        const char *csv;
        const char *message;
    } rows[] = {
        {"",
         "m.csv:1: error: the file is empty; a header line with the columns' names is expected"},
        {"time_ms,slab_kib\n", "m.csv:1: error: the column 'anonpages_kib' is missing"},
        {"slab_kib,slab_kib\n", "m.csv:1: error: the column 'slab_kib' appears twice"},
        {HEADER, "m.csv:1: error: no sample follows the header line"},
        {HEADER "1,2,3\n", "m.csv:2: error: the line has 3 fields; the header line has 8"},
        {HEADER "1,2,3,4,5,6,7,8,9\n",
         "m.csv:2: error: the line has 9 fields; the header line has 8"},
        {HEADER "1,2,3,4,5,6,7,8\n1,2,3,4,5,6,7,8\n",
         "m.csv:3: error: 'time_ms' must be larger than in the line before"},
        {HEADER "1,2,3,4,-5,6,7,8\n", "m.csv:2: error: 'slab_kib' is not a whole number: "
                                      "character 1 of the field is not a digit"},
        {HEADER "1,2,3,,5,6,7,8\n",
         "m.csv:2: error: 'anonpages_kib' is empty; a whole number is expected"},
        {HEADER "1,2,3,99999999999999999999999,5,6,7,8\n",
         "m.csv:2: error: 'anonpages_kib' must be at most 9007199254740992"},
        {HEADER "\n1,2,3,4,5,6,7,8\n",
         "m.csv:2: error: the line has 1 fields; the header line has 8"},
    };
    ck_assert_ptr_null(parse(rows[_i].csv, strlen(rows[_i].csv)));
    ck_assert_str_eq(text, rows[_i].message);
}
END_TEST

START_TEST(test_cut_or_damaged_text_never_crashes)
{
    static const char csv[] = HEADER "1,2,3,4,5,6,7,8\n2,2,3,4,5,6,7,8\n";
    const size_t length = strlen(csv);
    for (size_t cut = 0; cut <= length; cut++) {
        char *copy = malloc(cut + (cut == 0)); /* exact, for the sanitizer */
        memcpy(copy, csv, cut);
        recording_free(parse(copy, cut));
        for (int byte = 0; byte < 256 && cut > 0; byte += 5) {
            copy[cut - 1] = (char)byte;
            recording_free(parse(copy, cut));
        }
        free(copy);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("recording_csv");
    TCase *tcase = tcase_create("recording_csv");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_columns_are_found_by_name);
    tcase_add_loop_test(tcase, test_errors_are_located, 0, 11);
    tcase_add_test(tcase, test_cut_or_damaged_text_never_crashes);
    suite_add_tcase(suite, tcase);
    return suite;
}
