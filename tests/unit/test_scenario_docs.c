/*
 * The tables of docs/scenarios.md are those that the loader uses.
 *
 * With SCENARIO_UPDATE=1 in the environment the document's tables are written anew.
 */
#include "tests/unit/scenario_files.h"

Suite *test_suite(void);

#define DOCUMENT BALLONET_SOURCE_DIR "/docs/scenarios.md"
#define BEGIN    "<!-- tables: written by tests/unit/test_scenario_docs.c -->\n"
#define END      "\n<!-- end of tables -->\n"

static char *reference_text(void)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    scenario_reference_write(file);
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

START_TEST(test_reference_has_the_tables_of_the_loader)
{
    size_t bytes = 0;
    char *document = file_read(DOCUMENT, &bytes);
    ck_assert_msg(document != NULL, DOCUMENT " is missing");
    char *begin = strstr(document, BEGIN);
    char *end = strstr(document, END);
    ck_assert_msg(begin != NULL && end != NULL, DOCUMENT " has no place for the tables");
    begin += strlen(BEGIN);
    char *tables = reference_text();
    if (getenv("SCENARIO_UPDATE") != NULL) {
        FILE *file = fopen(DOCUMENT, "wb");
        ck_assert_ptr_nonnull(file);
        fprintf(file, "%.*s%s%s", (int)(begin - document), document, tables, end);
        fclose(file);
    } else {
        ck_assert_msg((size_t)(end - begin) == strlen(tables) &&
                          strncmp(begin, tables, strlen(tables)) == 0,
                      DOCUMENT " is out of date: run this test with SCENARIO_UPDATE=1");
    }
    free(tables);
    free(document);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scenario_docs");
    TCase *tcase = tcase_create("reference");
    tcase_add_test(tcase, test_reference_has_the_tables_of_the_loader);
    suite_add_tcase(suite, tcase);
    return suite;
}
