/*
 * Comparing a run with a trace: choices come out of it, events must match it, the first difference
 * is told with both sides' fields.
 */
#include "sim/trace/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void differ(struct trace_check *check,
                                                         const char *format, ...)
{
    if (check->differs) {
        return;
    }
    check->differs = true;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(check->text, sizeof check->text, format, arguments);
    va_end(arguments);
}

static const char *stream_name(const struct trace *trace, uint32_t stream)
{
    return stream < trace->stream_count ? trace->streams[stream] : "unnamed";
}

static bool next_choice(void *opaque, const char *stream, uint32_t kind, uint64_t bound,
                        uint64_t *value)
{
    struct trace_check *check = opaque;
    const struct trace *trace = check->trace;
    if (check->next_choice == trace->choices.count) {
        differ(check,
               "choice %" PRIu64 ": the run draws from %s, the recording has no choice left",
               check->next_choice + 1, stream);
        return false;
    }
    const struct choice_record choice = trace_choice(trace, check->next_choice++);
    const char *recorded = stream_name(trace, choice.stream);
    if (strcmp(recorded, stream) != 0 || choice.kind != kind || choice.bound != bound) {
        differ(check,
               "choice %" PRIu64 ": the run draws from %s (kind %" PRIu32 ", bound %" PRIu64
               "), recorded is %s (kind %" PRIu32 ", bound %" PRIu64 ")",
               check->next_choice, stream, kind, bound, recorded, choice.kind, choice.bound);
        return false;
    }
    if (choice.value >= bound) {
        differ(check, "choice %" PRIu64 ": recorded is %" PRIu64 " from %s, its bound is %" PRIu64,
               check->next_choice, choice.value, recorded, bound);
        return false;
    }
    *value = choice.value;
    return true;
}

static const char *first_field(const struct engine_record *a, const struct engine_record *b)
{
    if (a->time_ns != b->time_ns) {
        return "time";
    }
    if (a->kind != b->kind) {
        return "kind";
    }
    if (a->actor != b->actor) {
        return "actor";
    }
    if (a->a != b->a) {
        return "operand";
    }
    return a->digest != b->digest ? "digest" : NULL;
}

static void print_record(const struct trace_check *check, const struct engine_record *record,
                         char *out, size_t bytes)
{
    (void)snprintf(out, bytes,
                   "at %" PRIu64 " ns %s of vm %" PRIu16 ", operand %" PRIu64
                   ", digest %016" PRIx64,
                   record->time_ns, check->kind_name(record->kind), record->actor, record->a,
                   record->digest);
}

static void on_event(void *opaque, const struct engine_record *record)
{
    struct trace_check *check = opaque;
    char run[160];
    char recorded[160];
    if (check->differs) {
        return;
    }
    print_record(check, record, run, sizeof run);
    if (check->next_event == check->trace->events.count) {
        differ(check, "event %" PRIu32 ": the recording ended before it; the run: %s",
               record->number, run);
        return;
    }
    const struct engine_record expected = trace_event(check->trace, check->next_event++);
    const char *field = first_field(record, &expected);
    if (field != NULL) {
        print_record(check, &expected, recorded, sizeof recorded);
        differ(check, "event %" PRIu32 ": the %s differs; the run: %s; recorded: %s",
               record->number, field, run, recorded);
    }
}

void trace_check_begin(struct trace_check *check, struct trace *trace,
                       const char *(*kind_name)(uint16_t kind))
{
    *check = (struct trace_check){.trace = trace, .kind_name = kind_name};
    check->source = (struct choice_source){.opaque = check, .next = next_choice};
}

struct engine_observer trace_check_observer(struct trace_check *check)
{
    return (struct engine_observer){.opaque = check, .event = on_event};
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
                {"draws", run->hash.draws, recorded->hash.draws},
                {"whole", run->hash_word, recorded->hash_word}};
    if (check->next_event < check->trace->events.count) {
        char expected[160];
        const struct engine_record record = trace_event(check->trace, check->next_event);
        print_record(check, &record, expected, sizeof expected);
        differ(check, "event %" PRIu32 ": the run ended before it; recorded: %s", record.number,
               expected);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].run != rows[i].recorded) {
            differ(check, "the %s hash differs: the run %016" PRIx64 ", recorded %016" PRIx64,
                   rows[i].name, rows[i].run, rows[i].recorded);
        }
    }
    if (check->next_choice < check->trace->choices.count) {
        differ(check, "choice %" PRIu64 ": the run ended before it was drawn",
               check->next_choice + 1);
    }
    if (run->verdict != recorded->verdict) {
        differ(check, "the verdict differs: the run %" PRIu32 ", recorded %" PRIu32, run->verdict,
               recorded->verdict);
    }
}
