/*
 * Loading of scenarios: defaults, overrides, digest, caps, and no crash on what is cut or damaged.
 */
#include "tests/support/scenario_files.h"

#include <ballonet/guest.h>

#include <inttypes.h>

Suite *test_suite(void);

#define MINIMAL "schema: 1\ntitle: Test\nvms:\n  - memory: 64MiB\n"

static struct arena *arena;
static struct scenario_errors errors;

static void setup(void)
{
    arena = arena_open(0xA5);
}

/* Every test gives everything back. */
static void teardown(void)
{
    scenario_free_errors(&errors);
    ck_assert_uint_eq(arena_close(arena), 0);
}

static struct scenario *load(const char *text, size_t bytes)
{
    scenario_free_errors(&errors);
    return scenario_load(arena, "test.yaml", text, bytes, NULL, 0, &errors);
}

static struct scenario *load_text(const char *text)
{
    struct scenario *scenario = load(text, strlen(text));
    if (scenario == NULL) {
        ck_abort_msg("%s", errors.messages[0]);
    }
    return scenario;
}

static struct scenario *load_set(const char *text, const char *override)
{
    const struct scenario_override set = {override};
    scenario_free_errors(&errors);
    return scenario_load(arena, "test.yaml", text, strlen(text), &set, 1, &errors);
}

static void expect_first_error(const char *message)
{
    ck_assert_uint_ge(errors.count, 1);
    const size_t line = strcspn(errors.messages[0], "\n");
    if (strlen(message) != line || strncmp(errors.messages[0], message, line) != 0) {
        ck_abort_msg("expected %s\nfound    %s", message, errors.messages[0]);
    }
}

START_TEST(test_minimal_scenario_has_the_documented_defaults)
{
    struct scenario *s = load_text(MINIMAL);
    const struct scenario_vm *vm = &s->vms[0];
    ck_assert_str_eq(s->name, "test");
    ck_assert_uint_eq(s->seed, 1);
    ck_assert(!s->has_seed);
    ck_assert_uint_eq(s->events_max, 1000000);
    ck_assert_uint_eq(s->time_max_ns, UINT64_C(60000000000));
    ck_assert_uint_eq(s->phase_count, 1);
    ck_assert_str_eq(s->phases[0].name, "run");
    ck_assert_uint_eq(s->phases[0].duration_ns, UINT64_C(60000000000));
    ck_assert_str_eq(vm->name, "vm0");
    ck_assert_uint_eq(vm->kernel_bytes, 4u << 20);
    ck_assert_uint_eq(vm->driver.config.queues.size_max, 128);
    ck_assert_uint_eq(vm->driver.config.requests.pfns_max, 256);
    ck_assert_uint_eq(vm->driver.config.sizing.refused_pages_max, 16);
    ck_assert_uint_eq(vm->driver.config.sizing.retry_max_ns, UINT64_C(32000000000));
    ck_assert_uint_eq(vm->device.config.queues.size_max, 256);
    ck_assert_int_eq(vm->device.config.queues.layout, BNT_QUEUE_LAYOUT_FIXED);
    ck_assert_uint_eq(vm->link[SIGNAL_CONFIG].latency_ns, 20000);
    ck_assert_uint_eq(vm->link[SIGNAL_KICK].drop.denominator, 1);
    ck_assert_uint_eq(vm->service_ns, 10000);
    ck_assert_uint_eq(vm->driver.config.features.wanted, vm->device.config.features.offered);
    ck_assert_uint_eq(vm->driver.config.features.wanted & BNT_BALLOON_F_MUST_TELL_HOST, 0);
    ck_assert_uint_ne(vm->driver.config.features.wanted & BNT_BALLOON_F_STATS_VQ, 0);
    scenario_free(arena, s);
}
END_TEST

START_TEST(test_actions_and_expectations_are_resolved)
{
    struct scenario *s =
        load_text(MINIMAL "script:\n"
                          "  - {when: host.outcome, nth: 3, after: 5ms, do: refuse}\n"
                          "  - {at: 10s, every: 10s, do: target, guest: 32MiB}\n"
                          "  - {at: 1s, do: corrupt, fault: used-twice}\n"
                          "expect:\n"
                          "  - {eventually: balloon >= ledger, from: 20s}\n"
                          "  - {finally: outcome == timed-out}\n");
    ck_assert_uint_eq(s->actions[0].trigger, TRIGGER_EVENT);
    ck_assert_uint_eq(s->actions[0].source, TRIGGER_HOST);
    ck_assert_uint_eq(s->actions[0].event, BNT_HOST_EVENT_OUTCOME);
    ck_assert_uint_eq(s->actions[0].nth, 3);
    ck_assert_uint_eq(s->actions[0].at_ns, 5000000);
    ck_assert_uint_eq(s->actions[0].rule.last_pfn, 16383);
    ck_assert(s->actions[0].rule.on_inflate && !s->actions[0].rule.on_deflate);
    ck_assert_uint_eq(s->actions[0].rule.count, UINT64_MAX);
    ck_assert_uint_eq(s->actions[0].rule.verdict, BNT_VERDICT_PINNED);
    ck_assert(s->actions[1].guest_memory);
    ck_assert_uint_eq(s->actions[1].times, 5);
    ck_assert_uint_eq(s->actions[2].party, PARTY_DEVICE);
    ck_assert_uint_eq(s->expects[0].within_ns, UINT64_C(40000000000));
    ck_assert(s->expects[0].expression.right_is_metric);
    ck_assert_uint_eq(s->expects[1].expression.value, BNT_OUTCOME_TIMED_OUT);
    scenario_free(arena, s);
}
END_TEST

/** The digest is the same on every machine. A new key or another default changes it: with
 * SCENARIO_UPDATE=1 in the environment the file is written anew. */
static void expect_golden_digest(uint64_t digest)
{
    static const char path[] = BALLONET_SOURCE_DIR "/tests/golden/scenario-digest.txt";
    char text[24];
    size_t bytes = 0;

    (void)snprintf(text, sizeof text, "%" PRIu64 "\n", digest);
    if (getenv("SCENARIO_UPDATE") != NULL) {
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
    }
    char *golden = file_read(path, &bytes);
    ck_assert_ptr_nonnull(golden);
    ck_assert_msg(strcmp(golden, text) == 0,
                  "the digest is %s, %s has %s: run with SCENARIO_UPDATE=1", text, path, golden);
    free(golden);
}

START_TEST(test_digest_ignores_layout_and_sees_values)
{
    struct scenario *a = load_text(
        MINIMAL
        "seed: 3\n"
        "regression: {bugs: guest-61, switch: oom-holdoff-none, fails: x, verdict: crash}\n");
    struct scenario *b = load_text("# a comment\nseed: 3\nvms: [{memory: 65536KiB, swap: 0}]\n"
                                   "title: Other\nschema: 1\n");
    struct scenario *c = load_text(MINIMAL "seed: 4\n");
    ck_assert_uint_eq(scenario_compute_digest(a), scenario_compute_digest(b));
    ck_assert_uint_ne(scenario_compute_digest(a), scenario_compute_digest(c));
    expect_golden_digest(scenario_compute_digest(a));
    scenario_free(arena, a);
    scenario_free(arena, b);
    scenario_free(arena, c);
}
END_TEST

START_TEST(test_overrides_replace_and_add)
{
    struct scenario *s = load_set(MINIMAL, "vms.0.memory=128MiB");
    ck_assert_uint_eq(s->vms[0].memory_bytes, 128u << 20);
    scenario_free(arena, s);
    s = load_set(MINIMAL, "vms.0.link.kick.drop=1/8");
    ck_assert_uint_eq(s->vms[0].link[SIGNAL_KICK].drop.denominator, 8);
    scenario_free(arena, s);
    s = load_set(MINIMAL, "vms.0.features=[stats]");
    ck_assert_uint_eq(s->vms[0].device.config.features.offered, BNT_BALLOON_F_STATS_VQ);
    scenario_free(arena, s);
    s = load_set(MINIMAL, "swarm.link.kick.drop=[0, 1/8]");
    ck_assert_uint_eq(s->swarm_count, 1);
    scenario_free(arena, s);
}
END_TEST

static const struct {
    const char *set;
    const char *message;
} bad_overrides[] = {
    {"vms.0.memory=12", "--set 1:14: error: memory: '12' has no unit; write 12MiB (B, KiB, MiB, "
                        "GiB or TiB)"},
    {"vms.1.memory=1MiB",
     "--set 1:5: error: the list has no such item; write a number from 0 to 0"},
    {"sed=1", "--set 1:1: error: unknown key 'sed' in a scenario; did you mean 'seed'?"},
    {"seed", "--set 1:1: error: this is not KEY=VALUE; write for example vms.0.memory=128MiB"},
    {"=1", "--set 1:1: error: this is not KEY=VALUE; write for example vms.0.memory=128MiB"},
    {"vms..memory=1MiB", "--set 1:5: error: the key has an empty part; write KEY=VALUE such as "
                         "vms.0.memory=128MiB"},
    {"title.x=1", "--set 1:7: error: nothing can be set below a single value"},
    {"seed=[1", "--set 1:8: error: the list has no end; write ',' or ']'"},
    {"seed=", "--set 1:6: error: seed: found nothing; it must be a whole number, 0 to "
              "18446744073709551615"},
    {"seed=&a 1", "--set 1:6: error: anchor 'a': anchors are refused; write the value out where "
                  "it is needed"},
};

START_TEST(test_bad_override_is_told_with_its_column)
{
    ck_assert_ptr_null(load_set(MINIMAL, bad_overrides[_i].set));
    expect_first_error(bad_overrides[_i].message);
}
END_TEST

START_TEST(test_at_most_fifty_errors_come_in_order_of_place)
{
    char text[8192] = "schema: 1\ntitle: Test\nvms:\n";
    for (int i = 0; i < 60; i++) {
        strcat(text, "  - {memory: 1MB, name: 1}\n");
    }
    ck_assert_ptr_null(load(text, strlen(text)));
    ck_assert_uint_eq(errors.count, SCENARIO_ERRORS_MAX);
    ck_assert(errors.more);
    ck_assert_ptr_nonnull(strstr(errors.messages[0], "test.yaml:4:14:"));
    ck_assert_ptr_nonnull(strstr(errors.messages[1], "test.yaml:4:25:"));
    ck_assert_ptr_nonnull(strstr(errors.messages[49], "test.yaml:28:25:"));
}
END_TEST

/* `head`, then `count` times `body`, then `tail`. */
static void expect_error_of_large(const char *head, const char *body, size_t count,
                                  const char *tail, const char *message)
{
    const size_t bytes = strlen(head) + strlen(body) * count + strlen(tail);
    char *text = malloc(bytes + 1);
    ck_assert_ptr_nonnull(text);
    char *end = text + strlen(strcpy(text, head));
    for (size_t i = 0; i < count; i++) {
        memcpy(end, body, strlen(body));
        end += strlen(body);
    }
    strcpy(end, tail);
    ck_assert_ptr_null(load(text, bytes));
    free(text);
    expect_first_error(message);
}

START_TEST(test_large_input_is_refused_with_its_limit)
{
    expect_error_of_large(MINIMAL "shows: \"", "x", 1000000, "\"\n",
                          "test.yaml:5:8: error: a value of 1000000 bytes; at most 65536 are "
                          "allowed");
    expect_error_of_large(MINIMAL "# ", "x", 1100000, "\n",
                          "test.yaml:1:1: error: the file has more than 1 MiB; it must have less");
    expect_error_of_large(
        MINIMAL "swarm: ", "[", 200000, "\n",
        "test.yaml:5:39: error: collections are nested more than 32 deep; a scenario needs 5 levels");
    expect_error_of_large(
        MINIMAL "swarm: ", "{a: ", 100000, "\n",
        "test.yaml:5:132: error: collections are nested more than 32 deep; a scenario needs 5 levels");
    expect_error_of_large(MINIMAL "expect: [", "1, ", 100000, "]\n",
                          "test.yaml:5:196582: error: the file has more than 65536 values");
    expect_error_of_large(MINIMAL "expect: [", "{}, ", 1025, "]\n",
                          "test.yaml:5:9: error: expect: 1025 items; it must have at most 1024");
}
END_TEST

START_TEST(test_missing_file_is_an_error)
{
    ck_assert_ptr_null(scenario_load(arena, "no/such/file.yaml", NULL, 0, NULL, 0, &errors));
    expect_first_error("no/such/file.yaml:1:1: error: cannot open the file: No such file or "
                       "directory");
    scenario_free_errors(&errors);
    ck_assert_ptr_null(scenario_load(arena, "/", NULL, 0, NULL, 0, &errors));
    expect_first_error("/:1:1: error: cannot read the file: Is a directory");
}
END_TEST

START_TEST(test_shipped_examples_load)
{
    static const char *const names[] = {"minimal", "everything"};
    for (size_t i = 0; i < 2; i++) {
        char path[256];
        snprintf(path, sizeof path, BALLONET_SOURCE_DIR "/tests/valid/%s.yaml", names[i]);
        scenario_free_errors(&errors);
        struct scenario *s = scenario_load(arena, path, NULL, 0, NULL, 0, &errors);
        ck_assert_msg(s != NULL, "%s", errors.count > 0 ? errors.messages[0] : path);
        scenario_free(arena, s);
    }
}
END_TEST

/* Cut after every byte, and with every byte altered: a result or errors, never a crash or a leak.
 */
START_TEST(test_cut_and_damaged_files_end_in_errors_or_load)
{
    size_t bytes = 0;
    char *text = file_read(BALLONET_SOURCE_DIR "/tests/valid/everything.yaml", &bytes);
    ck_assert_ptr_nonnull(text);
    static const char damage[] = {'\0', '\xFF', ':', '[', '"', '\n', '9', '&', '-', '\t'};
    for (size_t i = 0; i < bytes; i++) {
        struct scenario *s = load(text, i);
        ck_assert(s != NULL || errors.count > 0);
        scenario_free(arena, s);
        const char kept = text[i];
        text[i] = damage[i % sizeof damage];
        s = load(text, bytes);
        ck_assert(s != NULL || errors.count > 0);
        scenario_free(arena, s);
        text[i] = kept;
    }
    free(text);
}
END_TEST

#define GROUP                                                                     \
    "schema: 1\ntitle: Test\nvms:\n"                                              \
    "  - {name: db, memory: 8MiB}\n"                                              \
    "  - {name: web, count: 3, memory: 64MiB}\n"                                  \
    "  - {name: one, count: 1, memory: 8MiB}\n"                                   \
    "workloads:\n  - {name: load, vm: web, kind: constant, size: 1MiB}\n"         \
    "script:\n"                                                                   \
    "  - {at: 1s, vm: web, do: target, balloon: 1MiB}\n"                          \
    "  - {at: 2s, vm: \"web[1]\", do: hot-add, size: 2MiB}\n"                     \
    "  - {at: 3s, vm: one, do: target, balloon: 1MiB}\n"                          \
    "swarm:\n  web.link.service: [1us, 2us]\n  web[2].link.kick.drop: [0, 1/2]\n" \
    "expect:\n"                                                                   \
    "  - finally: web.balloon == db.balloon\n"                                    \
    "  - finally: machine.free >= web.free\n"                                     \
    "  - finally: web[2].balloon == web[0].balloon\n"

START_TEST(test_a_group_stands_for_each_of_its_vms)
{
    struct scenario *s = load_text(GROUP);
    ck_assert_uint_eq(s->group_count, 3);
    ck_assert_str_eq(s->groups[1].name, "web");
    ck_assert_uint_eq(s->groups[1].first_vm, 1);
    ck_assert_uint_eq(s->groups[1].count, 3);
    ck_assert_uint_eq(s->vm_count, 5);
    ck_assert_str_eq(s->vms[0].name, "db");
    ck_assert_str_eq(s->vms[3].name, "web[2]");
    ck_assert_str_eq(s->vms[4].name, "one[0]");
    ck_assert_uint_eq(s->vms[3].memory_bytes, 64u << 20);
    ck_assert_uint_eq(s->vms[2].memory_max_bytes, 66u << 20);
    ck_assert_uint_eq(s->vms[3].memory_max_bytes, 64u << 20);
    ck_assert_uint_eq(s->workload_count, 3);
    ck_assert_str_eq(s->workloads[2].name, "load[2]");
    ck_assert_uint_eq(s->workloads[2].vm, 3);
    ck_assert_uint_eq(s->action_count, 5);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(s->actions[i].vm, 1 + i);
        ck_assert_uint_eq(s->actions[i].at_ns, UINT64_C(1000000000));
    }
    ck_assert_uint_eq(s->actions[3].vm, 2);
    ck_assert_uint_eq(s->actions[4].vm, 4);
    for (uint32_t vm = 0; vm < s->vm_count; vm++) {
        ck_assert(scenario_does_swarm_concern(&s->swarms[0], vm) == (vm >= 1 && vm <= 3));
        ck_assert(scenario_does_swarm_concern(&s->swarms[1], vm) == (vm == 3));
    }
    ck_assert_uint_eq(s->expect_count, 7);
    ck_assert_uint_eq(s->expects[2].expression.left_vm, 3);
    ck_assert_uint_eq(s->expects[2].expression.right_vm, 0);
    ck_assert_uint_eq(s->expects[5].expression.right_vm, 3);
    ck_assert_uint_eq(s->expects[6].expression.left_vm, 3);
    ck_assert_uint_eq(s->expects[6].expression.right_vm, 1);
    const uint64_t digest = scenario_compute_digest(s);
    scenario_free(arena, s);
    s = load_set(GROUP, "vms.1.count=4");
    ck_assert_uint_eq(s->vm_count, 6);
    ck_assert(scenario_compute_digest(s) != digest);
    scenario_free(arena, s);
}
END_TEST

/* The defaults of so many VMs have more nodes than a file may have. */
START_TEST(test_many_listed_vms_load)
{
    enum {
        LISTED = 1500
    };
    static const char head[] = "schema: 1\ntitle: Test\nvms:\n";
    static const char item[] = "  - {memory: 1MiB}\n";
    static char text[sizeof head + LISTED * sizeof item];
    memcpy(text, head, sizeof head);
    for (size_t i = 0; i < LISTED; i++) {
        memcpy(text + sizeof head - 1 + i * (sizeof item - 1), item, sizeof item);
    }
    struct scenario *s = load_text(text);
    ck_assert_uint_eq(s->vm_count, LISTED);
    ck_assert_str_eq(s->vms[LISTED - 1].name, "vm1499");
    scenario_free(arena, s);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scenario");
    TCase *tcase = tcase_create("load");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_minimal_scenario_has_the_documented_defaults);
    tcase_add_test(tcase, test_actions_and_expectations_are_resolved);
    tcase_add_test(tcase, test_digest_ignores_layout_and_sees_values);
    tcase_add_test(tcase, test_overrides_replace_and_add);
    tcase_add_test(tcase, test_a_group_stands_for_each_of_its_vms);
    tcase_add_test(tcase, test_many_listed_vms_load);
    tcase_add_loop_test(tcase, test_bad_override_is_told_with_its_column, 0,
                        (int)(sizeof bad_overrides / sizeof bad_overrides[0]));
    tcase_add_test(tcase, test_at_most_fifty_errors_come_in_order_of_place);
    tcase_add_test(tcase, test_large_input_is_refused_with_its_limit);
    tcase_add_test(tcase, test_missing_file_is_an_error);
    tcase_add_test(tcase, test_shipped_examples_load);
    tcase_add_test(tcase, test_cut_and_damaged_files_end_in_errors_or_load);
    suite_add_tcase(suite, tcase);
    return suite;
}
