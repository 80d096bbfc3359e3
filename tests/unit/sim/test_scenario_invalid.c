/*
 * Every tests/invalid/NAME.yaml gives exactly the text of NAME.expected.
 *
 * With SCENARIO_UPDATE=1 in the environment the expected texts are written anew, to be reviewed.
 */
#include "tests/support/scenario_files.h"

#include <dirent.h>
#include <unistd.h>

Suite *test_suite(void);

#define TEXT_MAX 65536

static void messages_write(const char *name, char *out, size_t size)
{
    struct arena *arena = arena_open(0xA5);
    struct scenario_errors errors;
    struct scenario *scenario = scenario_load(arena, name, NULL, 0, NULL, 0, &errors);
    ck_assert_msg(scenario == NULL, "%s: loads, but must not", name);
    size_t used = 0;
    for (uint32_t i = 0; i < errors.count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s\n", errors.messages[i]);
        ck_assert_uint_lt(used, size);
    }
    if (errors.more) {
        used += (size_t)snprintf(out + used, size - used, "more\n");
        ck_assert_uint_lt(used, size);
    }
    scenario_free_errors(&errors);
    ck_assert_uint_eq(arena_close(arena), 0);
}

/* Prints the lines where two texts part; returns whether they are the same. */
static bool texts_same(const char *name, const char *expected, const char *found)
{
    if (strcmp(expected, found) == 0) {
        return true;
    }
    printf("%s:\n", name);
    while (*expected != '\0' || *found != '\0') {
        const size_t a = strcspn(expected, "\n");
        const size_t b = strcspn(found, "\n");
        if (a != b || strncmp(expected, found, a) != 0) {
            printf("- %.*s\n+ %.*s\n", (int)a, expected, (int)b, found);
        }
        expected += a + (expected[a] == '\n' ? 1 : 0);
        found += b + (found[b] == '\n' ? 1 : 0);
    }
    fflush(stdout); /* the test's process ends without */
    return false;
}

static bool file_checked(const char *name)
{
    static char found[TEXT_MAX];
    char path[300];
    snprintf(path, sizeof path, "%.*s.expected", (int)(strlen(name) - 5), name);
    messages_write(name, found, sizeof found);
    if (getenv("SCENARIO_UPDATE") != NULL) {
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        fputs(found, file);
        fclose(file);
        return true;
    }
    size_t bytes = 0;
    char *expected = file_read(path, &bytes);
    ck_assert_msg(expected != NULL, "%s is missing", path);
    const bool same = texts_same(name, expected, found);
    free(expected);
    return same;
}

START_TEST(test_each_broken_file_gives_its_expected_text)
{
    unsigned files = 0;
    unsigned different = 0;
    ck_assert_int_eq(chdir(BALLONET_SOURCE_DIR "/tests/invalid"), 0);
    DIR *directory = opendir(".");
    ck_assert_ptr_nonnull(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        const size_t bytes = strlen(entry->d_name);
        if (bytes > 5 && strcmp(entry->d_name + bytes - 5, ".yaml") == 0) {
            files++;
            different += file_checked(entry->d_name) ? 0 : 1;
        }
    }
    closedir(directory);
    ck_assert_int_eq(chdir("../.."), 0);
    ck_assert_uint_eq(different, 0);
    ck_assert_uint_ge(files, 80);
}
END_TEST

START_TEST(test_twenty_mistakes_give_twenty_messages)
{
    struct arena *arena = arena_open(0x5A);
    struct scenario_errors errors;
    ck_assert_ptr_null(scenario_load(arena,
                                     BALLONET_SOURCE_DIR "/tests/invalid/twenty-mistakes.yaml",
                                     NULL, 0, NULL, 0, &errors));
    ck_assert_uint_eq(errors.count, 20);
    scenario_free_errors(&errors);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scenario_invalid");
    TCase *tcase = tcase_create("messages");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_each_broken_file_gives_its_expected_text);
    tcase_add_test(tcase, test_twenty_mistakes_give_twenty_messages);
    suite_add_tcase(suite, tcase);
    return suite;
}
