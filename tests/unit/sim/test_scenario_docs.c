/*
 * The tables of docs/use/scenarios.md, docs/use/personalities.md and docs/prove/generator.md are
 * those that the loader uses; the table of docs/prove/invariants.md is the oracle's.
 *
 * With SCENARIO_UPDATE=1 in the environment the document's tables are written anew.
 */
#include "sim/explore/explore.h"
#include "sim/oracle/oracle.h"
#include "tests/support/scenario_files.h"

Suite *test_suite(void);

#define BEGIN "<!-- tables: written by tests/unit/sim/test_scenario_docs.c -->\n"
#define END   "\n<!-- end of tables -->\n"

static const char *const assumes_texts[] = {
    [ASSUMES_NOBODY] = "nobody",
    [ASSUMES_DRIVER] = "driver",
    [ASSUMES_DEVICE] = "device",
    [ASSUMES_BOTH] = "both",
};

static void invariants_write(void *file)
{
    fprintf(file, "\n| invariant | assumes | what holds |\n|---|---|---|\n");
    for (int id = 0; id < INVARIANT_COUNT; id++) {
        fprintf(file, "| `%s` | %s | %s |\n", invariant_get_name((invariant_id)id),
                assumes_texts[invariant_get_assumed_parties((invariant_id)id)],
                invariant_get_text((invariant_id)id));
    }
}

static const struct {
    const char *path;
    void (*write)(void *file);
} documents[] = {
    {BALLONET_SOURCE_DIR "/docs/use/scenarios.md", scenario_write_reference},
    {BALLONET_SOURCE_DIR "/docs/use/personalities.md", scenario_write_personalities},
    {BALLONET_SOURCE_DIR "/docs/prove/generator.md", explore_write_reference},
    {BALLONET_SOURCE_DIR "/docs/prove/invariants.md", invariants_write},
};

static char *tables_text(void (*write)(void *file))
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    write(file);
    const long bytes = ftell(file);
    ck_assert_int_gt(bytes, 0);
    rewind(file);
    char *text = malloc((size_t)bytes + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(fread(text, 1, (size_t)bytes, file), (size_t)bytes);
    text[bytes] = '\0';
    fclose(file);
    return text;
}

START_TEST(test_document_has_the_tables_of_the_loader)
{
    size_t bytes = 0;
    const char *path = documents[_i].path;
    char *document = file_read(path, &bytes);
    ck_assert_msg(document != NULL, "%s is missing", path);
    char *begin = strstr(document, BEGIN);
    char *end = strstr(document, END);
    ck_assert_msg(begin != NULL && end != NULL, "%s has no place for the tables", path);
    begin += strlen(BEGIN);
    char *tables = tables_text(documents[_i].write);
    if (getenv("SCENARIO_UPDATE") != NULL) {
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        fprintf(file, "%.*s%s%s", (int)(begin - document), document, tables, end);
        fclose(file);
    } else {
        ck_assert_msg((size_t)(end - begin) == strlen(tables) &&
                          strncmp(begin, tables, strlen(tables)) == 0,
                      "%s is out of date: run this test with SCENARIO_UPDATE=1", path);
    }
    free(tables);
    free(document);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scenario_docs");
    TCase *tcase = tcase_create("reference");
    tcase_add_loop_test(tcase, test_document_has_the_tables_of_the_loader, 0,
                        (int)(sizeof documents / sizeof documents[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
