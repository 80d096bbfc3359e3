/*
 * Fuzz target: a trace from bytes that nobody vouches for.
 *
 * The first byte says whether the hashes are mended first: without that, almost every input would
 * end at the first hash; with it, contradictions inside the blocks are reached. What opens is read
 * to its end, and a small world is replayed against it. Nothing may be left behind.
 */
#include "tests/support/check.h"
#include "tests/support/trace_toy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all_bytes(struct trace *trace)
{
    const struct trace_header *header = trace_get_header(trace);
    const struct trace_trailer *trailer = trace_get_trailer(trace);
    size_t sum = strlen(header->name) + strlen(header->build) + strlen(header->text);

    for (uint32_t i = 0; i < header->set_count; i++) {
        sum += strlen(header->sets[i]);
    }
    for (uint32_t i = 0; i < header->file_count; i++) {
        sum += strlen(header->files[i].name);
        CHECK(header->files[i].bytes[header->files[i].length] == '\0'); /* a file without its 0 */
    }
    for (uint64_t i = 0; i < trailer->events; i++) {
        CHECK(trace_get_event(trace, i).number == i + 1); /* an event out of turn */
    }
    for (uint64_t i = 0; i < trailer->choices; i++) {
        const struct choice_record choice = trace_get_choice(trace, i);
        CHECK(choice.value < choice.bound); /* a value beyond its bound */
        sum += strlen(trace_get_stream_name(trace, choice.stream));
    }
    CHECK(sum < SIZE_MAX);
}

static void replay(struct arena *arena, struct trace *trace)
{
    struct trace_check check;

    trace_check_begin(&check, trace, NULL);
    const struct engine_observer observer = trace_check_get_observer(&check);
    const struct trace_trailer run =
        toy_run(arena, TOY_PLAIN, 30, trace_get_header(trace)->seed, &check.source, &observer);
    trace_check_end(&check, &run);
    CHECK(check.differs == (check.first.field != NULL)); /* a difference without a field */
    CHECK(!check.differs || check.text[0] != '\0');      /* a difference without a sentence */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct arena *arena = arena_open(0xE7);
    const size_t length = size - 1;
    uint8_t *bytes = arena_alloc(arena, length);
    char error[512] = "";

    memcpy(bytes, data + 1, length);
    if ((data[0] & 1) != 0) {
        (void)trace_recompute_hashes(bytes, length);
    }
    struct trace *trace = trace_open(arena, "fuzz", bytes, length, error, sizeof error);
    CHECK(trace != NULL || error[0] != '\0'); /* a refusal without a sentence */
    if (trace != NULL) {
        read_all_bytes(trace);
        replay(arena, trace);
        trace_close(trace);
    }
    arena_free(arena, bytes, length);
    CHECK(arena_close(arena) == 0); /* something was left behind */
    return 0;
}
