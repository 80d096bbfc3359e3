/*
 * Comparing a run with a trace: the same run matches, whatever the seed says, and the first
 * difference is named by event, field and both sides.
 */
#include "sim/trace/format.h"
#include "tests/support/trace_toy.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

Suite *test_suite(void);

#define EVENTS 30

static struct arena *arena;
static uint8_t *bytes;
static size_t length;
static struct trace_check check;
static char error[512];

static void load(const char *path)
{
    FILE *file = fopen(path, "rb");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    length = (size_t)ftell(file);
    rewind(file);
    bytes = arena_alloc(arena, length);
    ck_assert_uint_eq(fread(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static void set_up(void)
{
    char path[] = "/tmp/ballonet-trace-XXXXXX";
    const int file = mkstemp(path);
    const struct trace_header header = {.name = "toy", .text = "", .seed = 77};

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(close(file), 0);
    arena = arena_open(0x99);
    struct trace_writer *writer = trace_writer_open(arena, path, &header, error, sizeof error);
    ck_assert_ptr_nonnull(writer);
    const struct engine_observer observer = trace_writer_get_observer(writer);
    const struct trace_trailer trailer = toy_run(arena, TOY_PLAIN, EVENTS, 77, NULL, &observer);
    ck_assert(trace_writer_close(writer, &trailer, error, sizeof error));
    load(path);
    ck_assert_int_eq(unlink(path), 0);
}

static void tear_down(void)
{
    arena_free(arena, bytes, length);
    ck_assert_uint_eq(arena_close(arena), 0);
}

/** Replays the bytes; `drawing`: the run draws for itself instead. */
static void replay(enum toy_twist twist, uint64_t seed, bool drawing, uint32_t verdict)
{
    struct trace *trace = trace_open(arena, "t", bytes, length, error, sizeof error);

    ck_assert_ptr_nonnull(trace);
    trace_check_begin(&check, trace, NULL);
    const struct engine_observer observer = trace_check_get_observer(&check);
    struct trace_trailer run =
        toy_run(arena, twist, EVENTS, seed, drawing ? NULL : &check.source, &observer);
    run.verdict = verdict;
    trace_check_end(&check, &run);
    trace_close(trace);
}

static void assert_differs(const char *field, uint64_t event, const char *text)
{
    ck_assert(check.differs);
    ck_assert_str_eq(check.first.field, field);
    ck_assert_uint_eq(check.first.event, event);
    if (strstr(check.text, text) == NULL) {
        ck_abort_msg("'%s' does not say '%s'", check.text, text);
    }
}

START_TEST(test_the_same_run_matches)
{
    replay(TOY_PLAIN, 77, false, 0);
    ck_assert_msg(!check.differs, "%s", check.text);
    ck_assert_ptr_null(check.first.field);
    replay(TOY_PLAIN, 77, true, 0);
    ck_assert_msg(!check.differs, "%s", check.text);
}
END_TEST

START_TEST(test_the_seed_does_not_matter_as_choices_come_from_the_file)
{
    write_u64(bytes + 24, 78);
    ck_assert(trace_recompute_hashes(bytes, length));
    replay(TOY_PLAIN, 78, false, 0);
    ck_assert_msg(!check.differs, "%s", check.text);
    replay(TOY_PLAIN, 78, true, 0);
    assert_differs("value", 1, "event 1, choice 1: the value differs; the run: stream kick");
}
END_TEST

static uint8_t *payload_of(block_type type)
{
    uint8_t *at = bytes + read_u32(bytes + 12);

    while (trace_read_frame(at).type != (uint32_t)type) {
        at += FRAME_BYTES + trace_read_frame(at).bytes;
    }
    return at + FRAME_BYTES;
}

START_TEST(test_one_altered_choice_diverges_at_its_event)
{
    uint8_t *value = payload_of(BLOCK_CHOICES) + 4 * CHOICE_BYTES + 16;

    write_u64(value, read_u64(value) ^ 1);
    ck_assert(trace_recompute_hashes(bytes, length));
    replay(TOY_PLAIN, 77, false, 0);
    assert_differs("digest", 5, "event 5: the digest differs; the run: at ");
    ck_assert(check.first.has_expected && check.first.has_actual);
    ck_assert_uint_ne(check.first.expected.digest, check.first.actual.digest);
    ck_assert_uint_eq(check.first.expected.a, check.first.actual.a);
}
END_TEST

START_TEST(test_one_altered_event_diverges_there)
{
    uint8_t *time = payload_of(BLOCK_EVENTS) + 7 * EVENT_BYTES;

    write_u64(time, read_u64(time) + 1);
    ck_assert(trace_recompute_hashes(bytes, length));
    replay(TOY_PLAIN, 77, false, 0);
    assert_differs("time", 8, "event 8: the time differs");
    ck_assert_uint_eq(check.first.expected.time_ns, check.first.actual.time_ns + 1);
}
END_TEST

START_TEST(test_each_way_to_differ_is_named)
{
    static const struct {
        enum toy_twist twist;
        const char *field;
        uint64_t event;
        const char *text;
    } rows[] = {
        {TOY_TIME, "time", 11, "event 11: the time differs; the run: at 5001 ns"},
        {TOY_KIND, "kind", 11, "event 11: the kind differs"},
        {TOY_ACTOR, "actor", 11, "of vm 1, operand"},
        {TOY_OPERAND, "operand", 11, "event 11: the operand differs"},
        {TOY_PAYLOAD, "digest", 10, "event 10: the digest differs"},
        {TOY_BOUND, "bound", 10, "bound 1001"},
        {TOY_CHOICE_KIND, "choice kind", 10, "choice 10: the choice kind differs"},
        {TOY_LONGER, "longer", 31, "choice 31: the run draws"},
        {TOY_SHORTER, "shorter", 30, "event 30: the run ended before this event"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        replay(rows[i].twist, 77, false, 0);
        assert_differs(rows[i].field, rows[i].event, rows[i].text);
    }
    replay(TOY_PLAIN, 77, false, 1);
    assert_differs("verdict", 31, "the verdict differs; the run: 1; recorded: 0");
}
END_TEST

START_TEST(test_another_stream_is_a_divergence)
{
    /* stream 0 made the choices of odd events: give the fifth to stream 1 */
    write_u32(payload_of(BLOCK_CHOICES) + 4 * CHOICE_BYTES, 1);
    ck_assert(trace_recompute_hashes(bytes, length));
    replay(TOY_PLAIN, 77, false, 0);
    assert_differs("stream", 5, "recorded: stream page");
    ck_assert_uint_eq(check.first.choice, 5);
    ck_assert_uint_eq(check.first.expected_choice.stream, 1);
}
END_TEST

START_TEST(test_two_events_swapped_are_told_as_order)
{
    uint8_t *events = payload_of(BLOCK_EVENTS);
    uint8_t record[EVENT_BYTES];

    /* the run comes with what is recorded as the next: numbers stay, the rest changes places */
    memcpy(record, events + 7 * EVENT_BYTES, EVENT_BYTES);
    memcpy(events + 7 * EVENT_BYTES, events + 8 * EVENT_BYTES, EVENT_BYTES);
    memcpy(events + 8 * EVENT_BYTES, record, EVENT_BYTES);
    write_u32(events + 7 * EVENT_BYTES + 8, 8);
    write_u32(events + 8 * EVENT_BYTES + 8, 9);
    ck_assert(trace_recompute_hashes(bytes, length));
    replay(TOY_PLAIN, 77, false, 0);
    assert_differs("order", 8, "event 8: the order differs");
}
END_TEST

START_TEST(test_only_the_end_differs)
{
    uint8_t *trailer = payload_of(BLOCK_TRAILER);
    struct trace_tail tail = trace_read_tail(trailer);
    const struct engine_hash hash = {tail.order, tail.time, tail.payload, tail.state + 1,
                                     tail.draws};

    tail.state++;
    tail.hash_word = engine_combine_hash_words(&hash);
    trace_write_tail(trailer, &tail);
    ck_assert(trace_recompute_hashes(bytes, length));
    replay(TOY_PLAIN, 77, false, 0);
    assert_differs("hash", 31, "the state hash differs at the end");
}
END_TEST

/** Compares a run that draws for itself with the first `count` bytes, as a dead process left them.
 */
static void compare_with_beginning(size_t count, enum toy_twist twist, uint64_t seed)
{
    char directory[] = "/tmp/ballonet-trace-XXXXXX";
    char path[sizeof directory + sizeof "/t" TRACE_PARTIAL_SUFFIX];

    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/t" TRACE_PARTIAL_SUFFIX, directory);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
    struct trace *trace = trace_open_file(arena, path, error, sizeof error);
    ck_assert_ptr_nonnull(trace);
    ck_assert(trace_is_unfinished(trace));
    trace_check_begin(&check, trace, NULL);
    const struct engine_observer observer = trace_check_get_observer(&check);
    const struct trace_trailer run = toy_run(arena, twist, EVENTS, seed, NULL, &observer);
    trace_check_end(&check, &run);
    trace_close(trace);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(test_an_unfinished_trace_is_compared_up_to_its_end)
{
    const size_t records = (size_t)(payload_of(BLOCK_TRAILER) - bytes) - FRAME_BYTES;
    static const struct {
        uint64_t seed;
        enum toy_twist twist;
        const char *field;
    } rows[] = {{77, TOY_PLAIN, NULL},
                {77, TOY_LONGER, NULL},
                {78, TOY_PLAIN, "value"},
                {77, TOY_TIME, "time"},
                {77, TOY_SHORTER, "shorter"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        compare_with_beginning(records, rows[i].twist, rows[i].seed);
        ck_assert_pstr_eq(check.first.field, rows[i].field);
        compare_with_beginning(read_u32(bytes + 12), rows[i].twist, rows[i].seed);
        ck_assert_ptr_null(check.first.field);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("trace_check");
    TCase *tcase = tcase_create("trace_check");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_the_same_run_matches);
    tcase_add_test(tcase, test_the_seed_does_not_matter_as_choices_come_from_the_file);
    tcase_add_test(tcase, test_one_altered_choice_diverges_at_its_event);
    tcase_add_test(tcase, test_one_altered_event_diverges_there);
    tcase_add_test(tcase, test_each_way_to_differ_is_named);
    tcase_add_test(tcase, test_another_stream_is_a_divergence);
    tcase_add_test(tcase, test_two_events_swapped_are_told_as_order);
    tcase_add_test(tcase, test_only_the_end_differs);
    tcase_add_test(tcase, test_an_unfinished_trace_is_compared_up_to_its_end);
    suite_add_tcase(suite, tcase);
    return suite;
}
