/*
 * Every name that was renamed is refused at its place with the present name, which is a name.
 */
#include "tests/support/scenario_files.h"

#include "sim/scenario/keys.h"
#include "sim/scenario/renamed.h"

Suite *test_suite(void);

#define TEXT_BYTES 400

/* A scenario that has the name, here written %s, in the place of its row. */
static const struct {
    renamed_kind kind;
    const char *where;
    const char *text;
} places[] = {
    {RENAMED_KEY, "vms[]", "vms:\n  - {memory: 8MiB, %s: 1}\n"},
    {RENAMED_KEY, "vms[].driver", "vms:\n  - {memory: 8MiB, driver: {%s: 1}}\n"},
    {RENAMED_KEY, "vms[].device", "vms:\n  - {memory: 8MiB, device: {%s: 1}}\n"},
    {RENAMED_KEY, "script[]", "vms: [{memory: 8MiB}]\nscript:\n  - {at: 0s, do: stats, %s: 1}\n"},
    {RENAMED_KEY, "regression", "vms: [{memory: 8MiB}]\nregression: {%s: 1}\n"},
    {RENAMED_CHOICE, "do", "vms: [{memory: 8MiB}]\nscript:\n  - {at: 0s, do: %s}\n"},
    {RENAMED_CHOICE, "fault",
     "vms: [{memory: 8MiB}]\nscript:\n  - {do: corrupt, at: 0s, fault: %s}\n"},
    {RENAMED_CHOICE, "quirks", "vms: [{memory: 8MiB, driver: {quirks: [%s]}}]\n"},
    {RENAMED_CHOICE, "quirks", "vms: [{memory: 8MiB, device: {quirks: [%s]}}]\n"},
    {RENAMED_CHOICE, "when", "vms: [{memory: 8MiB}]\nscript:\n  - {when: guest.%s, do: stats}\n"},
    {RENAMED_CHOICE, "when", "vms: [{memory: 8MiB}]\nscript:\n  - {when: world.%s, do: stats}\n"},
    {RENAMED_METRIC, "", "vms: [{memory: 8MiB}]\nexpect:\n  - finally: %s == 0\n"},
    {RENAMED_METRIC, "", "vms: [{memory: 8MiB}]\nexpect:\n  - finally: %s == false\n"},
    {RENAMED_KNOB, "", "vms: [{memory: 8MiB}]\nswarm: {%s: [1, 2]}\n"},
    {RENAMED_KNOB, "", "vms: [{memory: 8MiB}]\nswarm: {vm0.%s: [1, 2]}\n"},
};

/* Loads the text with the name in it; what the loader says of it goes to `said`, a line each. */
static void load_name(const char *text, const char *name, char *said, size_t size)
{
    char whole[TEXT_BYTES];
    char body[TEXT_BYTES];
    const char *gap = strstr(text, "%s");
    struct arena *arena = arena_open(0xA5);
    struct scenario_errors errors;
    size_t used = 0;
    (void)snprintf(body, sizeof body, "%.*s%s%s", (int)(gap - text), text, name, gap + 2);
    const int bytes = snprintf(whole, sizeof whole, "schema: 1\ntitle: Test\n%s", body);
    struct scenario *scenario =
        scenario_load(arena, "test.yaml", whole, (size_t)bytes, NULL, 0, &errors);
    said[0] = '\0';
    for (uint32_t i = 0; scenario == NULL && i < errors.count && used < size; i++) {
        used += (size_t)snprintf(said + used, size - used, "%s\n", errors.messages[i]);
    }
    scenario_free(arena, scenario);
    scenario_free_errors(&errors);
    ck_assert_uint_eq(arena_close(arena), 0);
}

/* "test.yaml:LINE:COLUMN: error: " of the gap in the text, behind two lines of a head. */
static void write_place(char *out, size_t size, const char *text)
{
    const char *gap = strstr(text, "%s");
    unsigned line = 3;
    const char *begin = text;
    for (const char *c = text; c < gap; c++) {
        if (*c == '\n') {
            line++;
            begin = c + 1;
        }
    }
    const char *knob = strncmp(gap - (gap - text >= 4 ? 4 : 0), "vm0.", 4) == 0 ? gap - 4 : gap;
    (void)snprintf(out, size, "test.yaml:%u:%u: error: ", line, (unsigned)(knob - begin) + 1);
}

START_TEST(test_old_name_is_refused_at_its_place_with_the_present_one)
{
    const struct renamed *row = &renamed_names[_i];
    static char said[16384];
    char place[100];
    char meant[100];
    char refused[100];
    unsigned named = 0;
    (void)snprintf(meant, sizeof meant, "did you mean '%s'?", row->name);
    (void)snprintf(refused, sizeof refused, "found '%s'", row->name);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i].kind != row->kind || strcmp(places[i].where, row->where) != 0) {
            continue;
        }
        load_name(places[i].text, row->name, said, sizeof said);
        if (strstr(said, "unknown") != NULL || strstr(said, refused) != NULL) {
            continue; /* a name of the other list: the driver's quirks, the device's */
        }
        load_name(places[i].text, row->old, said, sizeof said);
        write_place(place, sizeof place, places[i].text);
        const char *line = strstr(said, place);
        ck_assert_msg(line != NULL, "%s: nothing is said at %s\n%s", row->old, place, said);
        const char *end = strchr(line, '\n');
        const char *found = strstr(line, meant);
        ck_assert_msg(found != NULL && found < end, "%s: not \"%s\":\n%s", row->old, meant, said);
        named++;
    }
    ck_assert_msg(named > 0, "%s: its row is stale: there is no %s", row->old, row->name);
}
END_TEST

START_TEST(test_a_name_that_was_never_one_is_guessed)
{
    char said[4096];
    load_name("vms: [{memory: 8MiB, driver: {%s: 1}}]\n", "quirsk", said, sizeof said);
    ck_assert_ptr_nonnull(strstr(said, "did you mean 'quirks'?"));
    load_name("vms: [{memory: 8MiB, driver: {%s: 1}}]\n", "xyzzy", said, sizeof said);
    ck_assert_ptr_null(strstr(said, "did you mean"));
    ck_assert_ptr_null(
        renamed_find_new_name(RENAMED_KEY, "vms[]", "habits")); /* of another mapping */
    ck_assert_str_eq(renamed_find_old_name(RENAMED_KEY, "vms[].driver", "vmware_quirks"), "habits");
    ck_assert_str_eq(renamed_find_old_name(RENAMED_KEY, "vms[].driver", "quirks"), "quirks");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scenario_renamed");
    TCase *tcase = tcase_create("names");
    tcase_add_loop_test(tcase, test_old_name_is_refused_at_its_place_with_the_present_one, 0,
                        (int)renamed_count);
    tcase_add_test(tcase, test_a_name_that_was_never_one_is_guessed);
    suite_add_tcase(suite, tcase);
    return suite;
}
