/*
 * Compares a run with a trace: the choices of the run are taken from the trace, and its events must
 * match. The first difference is kept, with the fields of both sides. Later differences are
 * ignored.
 */
#include "sim/trace/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SIDE_BYTES 160

/** Records a difference if it is the first one; returns whether it is. */
__attribute__((format(printf, 3, 4))) static bool record_first_difference(struct trace_check *check,
                                                                          const char *field,
                                                                          const char *format, ...)
{
    if (check->differs) {
        return false;
    }
    check->differs = true;
    check->first.field = field;
    check->first.event = check->next_event + 1;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(check->text, sizeof check->text, format, arguments);
    va_end(arguments);
    return true;
}

/* ---- Choices ---- */

static void print_choice_record(const char *stream, const struct choice_record *choice, char *out)
{
    (void)snprintf(out, SIDE_BYTES,
                   "stream %s, kind %" PRIu32 ", bound %" PRIu64 ", value %" PRIu64, stream,
                   choice->kind, choice->bound, choice->value);
}

static void record_choice_difference(struct trace_check *check, const char *field, uint64_t index,
                                     const char *stream, const struct choice_record *actual)
{
    char run[SIDE_BYTES];
    char recorded[SIDE_BYTES];
    const struct choice_record expected = trace_get_choice(check->trace, index);
    print_choice_record(stream, actual, run);
    print_choice_record(trace_get_stream_name(check->trace, expected.stream), &expected, recorded);
    if (record_first_difference(check, field,
                                "event %" PRIu64 ", choice %" PRIu64
                                ": the %s differs; the run: %s; recorded: %s",
                                check->next_event + 1, index + 1, field, run, recorded)) {
        check->first.choice = index + 1;
        check->first.expected_choice = expected;
        check->first.actual_choice = *actual;
    }
}

static void record_choice_beyond_end(struct trace_check *check, const char *stream,
                                     const struct choice_record *actual)
{
    if (record_first_difference(check, "longer",
                                "event %" PRIu64 ", choice %" PRIu64
                                ": the run draws from stream %s (kind %" PRIu32 ", bound %" PRIu64
                                "), but the recording has no choice left",
                                check->next_event + 1, check->trace->choices.count + 1, stream,
                                actual->kind, actual->bound)) {
        check->first.choice = check->trace->choices.count + 1;
        check->first.actual_choice = *actual;
    }
}

/** Finds the field of a choice that differs, where the value is not compared; NULL if no field
 * differs. */
static const char *find_choice_difference(const char *stream, const char *recorded,
                                          const struct choice_record *run,
                                          const struct choice_record *expected)
{
    if (strcmp(stream, recorded) != 0) {
        return "stream";
    }
    if (run->kind != expected->kind) {
        return "choice kind";
    }
    return run->bound != expected->bound ? "bound" : NULL;
}

static bool replay_recorded_choice(void *opaque, const char *stream, uint32_t kind, uint64_t bound,
                                   uint64_t *value)
{
    struct trace_check *check = opaque;
    struct trace *trace = check->trace;
    const struct choice_record run = {.kind = kind, .bound = bound};
    if (check->next_choice == trace->choices.count) {
        record_choice_beyond_end(check, stream, &run);
        return false;
    }
    const struct choice_record expected = trace_get_choice(trace, check->next_choice);
    const char *field = find_choice_difference(
        stream, trace_get_stream_name(trace, expected.stream), &run, &expected);
    if (field != NULL) {
        record_choice_difference(check, field, check->next_choice, stream, &run);
        return false;
    }
    check->next_choice++;
    *value = expected.value;
    return true;
}

/** This function is also used for a run that draws its own values. */
static void compare_choice_with_trace(void *opaque, const struct choice_record *choice)
{
    struct trace_check *check = opaque;
    struct trace *trace = check->trace;
    const uint64_t index = check->seen_choice++;
    if (index >= trace->choices.count && trace->is_unfinished) {
        return;
    }
    if (index >= trace->choices.count) {
        record_choice_beyond_end(check, trace_get_stream_name(trace, choice->stream), choice);
        return;
    }
    const struct choice_record expected = trace_get_choice(trace, index);
    const char *stream = trace_get_stream_name(trace, choice->stream);
    const char *field = find_choice_difference(
        stream, trace_get_stream_name(trace, expected.stream), choice, &expected);
    if (field == NULL && choice->value != expected.value) {
        field = "value";
    }
    if (field != NULL) {
        record_choice_difference(check, field, index, stream, choice);
    }
}

static void compare_stream_with_trace(void *opaque, uint32_t stream, const char *name)
{
    struct trace_check *check = opaque;
    if (stream >= check->trace->stream_count && check->trace->is_unfinished) {
        return;
    }
    if (stream >= check->trace->stream_count) {
        (void)record_first_difference(check, "stream",
                                      "event %" PRIu64 ": the run makes stream %" PRIu32
                                      ", %s, but the recording has no stream left",
                                      check->next_event + 1, stream, name);
    } else if (strcmp(trace_get_stream_name(check->trace, stream), name) != 0) {
        (void)record_first_difference(
            check, "stream",
            "event %" PRIu64 ": stream %" PRIu32 " differs; the run: %s; recorded: %s",
            check->next_event + 1, stream, name, trace_get_stream_name(check->trace, stream));
    }
}

/* ---- Events ---- */

static bool are_event_records_equal(const struct engine_record *a, const struct engine_record *b)
{
    return a->time_ns == b->time_ns && a->kind == b->kind && a->actor == b->actor && a->a == b->a;
}

static const char *find_event_difference(const struct trace_check *check,
                                         const struct engine_record *run,
                                         const struct engine_record *expected)
{
    struct trace *trace = check->trace;
    if (are_event_records_equal(run, expected)) {
        return run->digest != expected->digest ? "digest" : NULL;
    }
    if (check->next_event + 1 < trace->events.count) {
        const struct engine_record after = trace_get_event(trace, check->next_event + 1);
        if (are_event_records_equal(run, &after)) {
            return "order";
        }
    }
    if (run->time_ns != expected->time_ns) {
        return "time";
    }
    if (run->kind != expected->kind) {
        return "kind";
    }
    return run->actor != expected->actor ? "actor" : "operand";
}

static void print_event_of_trace(const struct trace_check *check,
                                 const struct engine_record *record, char *out)
{
    char number[24];
    (void)snprintf(number, sizeof number, "kind %" PRIu16, record->kind);
    (void)snprintf(
        out, SIDE_BYTES,
        "at %" PRIu64 " ns %s of vm %" PRIu16 ", operand %" PRIu64 ", digest %016" PRIx64,
        record->time_ns, check->kind_name != NULL ? check->kind_name(record->kind) : number,
        record->actor, record->a, record->digest);
}

static void record_event_difference(struct trace_check *check, const char *field,
                                    const struct engine_record *record,
                                    const struct engine_record *expected)
{
    char run[SIDE_BYTES];
    char recorded[SIDE_BYTES];
    print_event_of_trace(check, record, run);
    print_event_of_trace(check, expected, recorded);
    if (record_first_difference(check, field,
                                "event %" PRIu32 ": the %s differs; the run: %s; recorded: %s",
                                record->number, field, run, recorded)) {
        check->first.has_expected = true;
        check->first.has_actual = true;
        check->first.expected = *expected;
        check->first.actual = *record;
    }
}

static void compare_event_with_trace(void *opaque, const struct engine_record *record)
{
    struct trace_check *check = opaque;
    const bool is_beyond_end = check->next_event == check->trace->events.count;
    if (check->differs || (is_beyond_end && check->trace->is_unfinished)) {
        return;
    }
    if (is_beyond_end) {
        char run[SIDE_BYTES];
        print_event_of_trace(check, record, run);
        (void)record_first_difference(
            check, "longer", "event %" PRIu32 ": the run continues after the recording ended: %s",
            record->number, run);
        check->first.has_actual = true;
        check->first.actual = *record;
        return;
    }
    const struct engine_record expected = trace_get_event(check->trace, check->next_event);
    const char *field = find_event_difference(check, record, &expected);
    if (field != NULL) {
        record_event_difference(check, field, record, &expected);
        return;
    }
    check->next_event++;
}

/* ---- Life ---- */

void trace_check_begin(struct trace_check *check, struct trace *trace,
                       const char *(*kind_name)(uint16_t kind))
{
    *check = (struct trace_check){.trace = trace, .kind_name = kind_name};
    check->source = (struct choice_source){.opaque = check, .next = replay_recorded_choice};
}

struct engine_observer trace_check_get_observer(struct trace_check *check)
{
    return (struct engine_observer){.opaque = check,
                                    .stream = compare_stream_with_trace,
                                    .choice = compare_choice_with_trace,
                                    .event = compare_event_with_trace};
}

static void record_early_end(struct trace_check *check)
{
    struct trace *trace = check->trace;
    const uint64_t drawn =
        check->seen_choice > check->next_choice ? check->seen_choice : check->next_choice;
    if (check->next_event < trace->events.count) {
        char recorded[SIDE_BYTES];
        const struct engine_record expected = trace_get_event(trace, check->next_event);
        print_event_of_trace(check, &expected, recorded);
        if (record_first_difference(check, "shorter",
                                    "event %" PRIu32
                                    ": the run ended before this event; recorded: %s",
                                    expected.number, recorded)) {
            check->first.has_expected = true;
            check->first.expected = expected;
        }
    } else if (drawn < trace->choices.count) {
        if (record_first_difference(
                check, "shorter", "choice %" PRIu64 ": the run ended before this choice was drawn",
                drawn + 1)) {
            check->first.choice = drawn + 1;
            check->first.expected_choice = trace_get_choice(trace, drawn);
        }
    }
}

void trace_check_end(struct trace_check *check, const struct trace_trailer *run)
{
    const struct trace_trailer *recorded = &check->trace->trailer;
    const struct {
        const char *name;
        uint64_t run;
        uint64_t recorded;
    } rows[] = {{"order", run->hash.order, recorded->hash.order},
                {"time", run->hash.time, recorded->hash.time},
                {"payload", run->hash.payload, recorded->hash.payload},
                {"state", run->hash.state, recorded->hash.state},
                {"draws", run->hash.draws, recorded->hash.draws}};
    record_early_end(check);
    if (check->trace->is_unfinished) {
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].run != rows[i].recorded) {
            (void)record_first_difference(check, "hash",
                                          "the %s hash differs at the end; the run: %016" PRIx64
                                          "; recorded: %016" PRIx64,
                                          rows[i].name, rows[i].run, rows[i].recorded);
        }
    }
    if (run->verdict != recorded->verdict) {
        (void)record_first_difference(
            check, "verdict", "the verdict differs; the run: %" PRIu32 "; recorded: %" PRIu32,
            run->verdict, recorded->verdict);
    }
}
