/*
 * Choices are drawn from named streams. Each stream has its own random generator; in a replay, the
 * values come from a recording instead. All code that draws choices calls this file.
 *
 * The n-th raw word of a stream depends only on the seed, the name of the stream and n. So the
 * draws of one part of the world never change the draws of another part.
 */
#include "sim/engine/engine_private.h"

#include <string.h>

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

/* ---- Streams ---- */

static uint64_t hash_stream_name(uint64_t key, const char *name)
{
    struct fold fold = FOLD_START;
    fold_add_word(&fold, key);
    fold_add_bytes(&fold, (const uint8_t *)name, strlen(name));
    return fold_get_result(&fold);
}

/** Finds the entry of a name in the hash table, or the empty entry where it would be stored. At
 * least half of the entries are empty. */
static uint32_t *find_stream_entry(const struct engine *engine, const char *name)
{
    const uint32_t mask = engine->stream_capacity * 2 - 1;
    uint32_t at = UINT32_C(2166136261);
    for (const char *c = name; *c != '\0'; c++) {
        at = (at ^ (uint8_t)*c) * UINT32_C(16777619);
    }
    at ^= at >> 15;
    for (;; at++) {
        uint32_t *entry = &engine->stream_index[at & mask];
        if (*entry == 0 || strcmp(engine->streams[*entry - 1].name, name) == 0) {
            return entry;
        }
    }
}

static void grow_streams(struct engine *engine)
{
    struct arena *arena = engine->config.arena;
    const uint32_t old = engine->stream_capacity;
    engine->stream_capacity = old > 0 ? old * 2 : 16;
    engine->streams = arena_realloc(arena, engine->streams, old * sizeof *engine->streams,
                                    engine->stream_capacity * sizeof *engine->streams);
    arena_free(arena, engine->stream_index, (size_t)old * 2 * sizeof *engine->stream_index);
    engine->stream_index = arena_alloc_zeroed(arena, (size_t)engine->stream_capacity * 2 *
                                                         sizeof *engine->stream_index);
    for (uint32_t i = 0; i < engine->stream_count; i++) {
        *find_stream_entry(engine, engine->streams[i].name) = i + 1;
    }
}

static uint32_t add_stream(struct engine *engine)
{
    if (engine->stream_count == ENGINE_STREAMS_MAX) {
        engine_abort_on_misuse("more streams than ENGINE_STREAMS_MAX");
    }
    if (engine->stream_count == engine->stream_capacity) {
        grow_streams(engine);
    }
    return engine->stream_count++;
}

uint32_t engine_open_stream(struct engine *engine, const char *name)
{
    const uint32_t known = engine->stream_count > 0 ? *find_stream_entry(engine, name) : 0;
    if (known != 0) {
        return known - 1;
    }
    const size_t length = strlen(name);
    if (length == 0 || length >= ENGINE_NAME_MAX) {
        engine_abort_on_misuse("a stream's name is empty or longer than ENGINE_NAME_MAX");
    }
    const uint32_t index = add_stream(engine);
    struct stream *stream = &engine->streams[index];
    memcpy(stream->name, name, length + 1);
    *find_stream_entry(engine, name) = index + 1;
    stream->key = hash_stream_name(engine->config.seed, name);
    stream->whiten = bnt_add_to_hash(stream->key, engine->config.seed);
    stream->counter = 0;
    stream->digest = hash_stream_name(0, name);
    if (engine->config.observer.stream != NULL) {
        engine->config.observer.stream(engine->config.observer.opaque, index, stream->name);
    }
    return index;
}

/* ---- Generator ---- */

static uint64_t draw_raw_word(struct stream *stream)
{
    const uint64_t count = ++stream->counter;
    return bnt_mix64(bnt_mix64(stream->key + count * GOLDEN) ^ stream->whiten);
}

/** Draws as many bits as bound - 1 has, and draws again until the value is below the bound. On
 * average this takes at most two draws. */
static uint64_t draw_below_bound(struct stream *stream, uint64_t bound)
{
    uint64_t mask = bound - 1;
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        mask |= mask >> shift;
    }
    uint64_t value = draw_raw_word(stream) & mask;
    while (value >= bound) {
        value = draw_raw_word(stream) & mask;
    }
    return value;
}

/* ---- Choices ---- */

uint64_t engine_draw_choice(struct engine *engine, uint32_t stream_index, choice_kind kind,
                            uint64_t bound)
{
    if (stream_index >= engine->stream_count || bound == 0) {
        engine_abort_on_misuse("a choice needs an existing stream and a bound of at least 1");
    }
    struct stream *stream = &engine->streams[stream_index];
    struct choice_record choice = {stream_index, (uint32_t)kind, bound, 0};
    const struct choice_source *source = engine->config.source;
    if (engine->diverged) {
        return 0; /* the handler of the current event still runs to its end, but its results are not
                     used */
    }
    if (source == NULL) {
        choice.value = draw_below_bound(stream, bound);
    } else if (!source->next(source->opaque, stream->name, choice.kind, bound, &choice.value) ||
               choice.value >= bound) {
        engine->diverged = true;
        return 0;
    }
    hash_add_choice(engine, stream, &choice);
    if (engine->config.observer.choice != NULL) {
        engine->config.observer.choice(engine->config.observer.opaque, &choice);
    }
    return choice.value;
}

bool engine_draw_chance(struct engine *engine, uint32_t stream, uint64_t numerator,
                        uint64_t denominator)
{
    if (numerator == 0 || numerator >= denominator) {
        return numerator != 0;
    }
    return engine_draw_choice(engine, stream, CHOICE_CHANCE, denominator) < numerator;
}
