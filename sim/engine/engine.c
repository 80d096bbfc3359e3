/*
 * The engine: events in total order, choices by stream, the hash chain.
 *
 * The queue is in queue.c. Everything here is integers; the only inputs are the seed, the choice
 * source and what the world does.
 */
#include "sim/engine/engine.h"

#include "sim/engine/queue.h"

#include <ballonet/base.h>

#include <string.h>

#define LANES 4

struct stream {
    char name[ENGINE_NAME_MAX];
    uint64_t key;    /**< of the generator: seed and name */
    uint64_t digest; /**< of the name alone, for the hash: a replay may have another seed */
    uint64_t counter;
};

struct engine {
    struct engine_config config;
    struct event_queue queue;
    uint64_t now_ns;
    uint64_t sequence;
    uint64_t handled;
    bool stopped;
    bool diverged;
    struct stream streams[ENGINE_STREAMS_MAX];
    uint32_t stream_count;
    struct engine_hash hash;
    /* of the event being handled */
    uint64_t lanes[LANES];
    uint32_t lane;
    uint64_t draws;
    uint64_t state;
};

struct engine *engine_create(const struct engine_config *config)
{
    struct engine *engine = arena_zalloc(config->arena, sizeof *engine);
    engine->config = *config;
    queue_create(&engine->queue, config->arena);
    return engine;
}

void engine_destroy(struct engine *engine)
{
    queue_destroy(&engine->queue);
    arena_free(engine->config.arena, engine, sizeof *engine);
}

uint64_t engine_now(const struct engine *engine)
{
    return engine->now_ns;
}

uint64_t engine_events(const struct engine *engine)
{
    return engine->handled;
}

/* ---- Events ---- */

uint64_t engine_at(struct engine *engine, uint64_t time_ns, uint8_t priority, uint16_t kind,
                   uint16_t actor, uint64_t a, uint64_t b)
{
    const struct engine_event event = {
        .time_ns = time_ns > engine->now_ns ? time_ns : engine->now_ns,
        .sequence = ++engine->sequence,
        .a = a,
        .b = b,
        .kind = kind,
        .actor = actor,
        .priority = priority,
    };
    queue_push(&engine->queue, &event);
    return event.sequence;
}

bool engine_cancel(struct engine *engine, uint64_t sequence)
{
    return queue_remove(&engine->queue, sequence);
}

void engine_stop(struct engine *engine)
{
    engine->stopped = true;
}

/** The payload of the event that was handled, as one word; the lanes begin anew. */
static uint64_t take_payload(struct engine *engine)
{
    uint64_t payload = engine->lane;
    for (int i = 0; i < LANES; i++) {
        payload = bnt_hash_add(payload, engine->lanes[i]);
        engine->lanes[i] = 0;
    }
    engine->lane = 0;
    return payload;
}

static uint64_t chain(struct engine *engine, const struct engine_event *event)
{
    struct engine_hash *hash = &engine->hash;
    const uint64_t payload = take_payload(engine);
    const uint64_t order = event->sequence << 8 | event->priority;
    const uint64_t what = (uint64_t)event->kind << 16 | event->actor;
    hash->order = bnt_hash_add(hash->order, order ^ what << 40);
    hash->time = bnt_hash_add(hash->time, event->time_ns);
    hash->payload = bnt_hash_add(hash->payload, payload + event->a * 3 + event->b * 5);
    hash->state = bnt_hash_add(hash->state, engine->state);
    hash->draws = bnt_hash_add(hash->draws, engine->draws);
    uint64_t digest = bnt_hash_add(order, event->b);
    digest = bnt_hash_add(digest, payload);
    digest = bnt_hash_add(digest, engine->draws);
    return bnt_hash_add(digest, engine->state);
}

static void finish(struct engine *engine, const struct engine_event *event)
{
    engine->handled++;
    uint64_t digest = 0;
    if (engine->config.hash) {
        digest = chain(engine, event);
    }
    engine->draws = 0;
    if (engine->config.observer.event != NULL) {
        const struct engine_record record = {
            .time_ns = event->time_ns,
            .number = (uint32_t)engine->handled,
            .kind = event->kind,
            .actor = event->actor,
            .a = event->a,
            .digest = digest,
        };
        engine->config.observer.event(engine->config.observer.opaque, &record);
    }
}

engine_end engine_step(struct engine *engine)
{
    if (engine->diverged) {
        return ENGINE_DIVERGED;
    }
    if (engine->stopped) {
        return ENGINE_STOPPED;
    }
    const struct engine_event *first = queue_first(&engine->queue);
    if (first == NULL) {
        return ENGINE_EMPTY;
    }
    if (first->time_ns > engine->config.time_max_ns) {
        return ENGINE_TIME_MAX;
    }
    if (engine->handled == engine->config.events_max || engine->handled == UINT32_MAX) {
        return ENGINE_EVENTS_MAX;
    }
    const struct engine_event event = *first;
    queue_pop(&engine->queue);
    engine->now_ns = event.time_ns;
    engine->config.handle(engine->config.world, &event);
    finish(engine, &event);
    return engine->diverged ? ENGINE_DIVERGED : engine->stopped ? ENGINE_STOPPED : ENGINE_GOING;
}

/* ---- Choices ---- */

static uint64_t name_key(uint64_t seed, const char *name)
{
    uint64_t key = bnt_mix64(seed + UINT64_C(0x9E3779B97F4A7C15));
    for (const char *at = name; *at != '\0'; at++) {
        key = bnt_hash_add(key, (uint8_t)*at);
    }
    return key;
}

uint32_t engine_stream(struct engine *engine, const char *name)
{
    for (uint32_t i = 0; i < engine->stream_count; i++) {
        if (strncmp(engine->streams[i].name, name, ENGINE_NAME_MAX - 1) == 0) {
            return i;
        }
    }
    if (engine->stream_count == ENGINE_STREAMS_MAX) {
        return ENGINE_STREAMS_MAX - 1; /* too many names share the last stream */
    }
    const uint32_t index = engine->stream_count++;
    struct stream *stream = &engine->streams[index];
    strncpy(stream->name, name, ENGINE_NAME_MAX - 1);
    stream->name[ENGINE_NAME_MAX - 1] = '\0';
    stream->key = name_key(engine->config.seed, stream->name);
    stream->digest = name_key(0, stream->name);
    if (engine->config.observer.stream != NULL) {
        engine->config.observer.stream(engine->config.observer.opaque, index, stream->name);
    }
    return index;
}

/** The n-th raw word of a stream: a function of seed, name and n alone. */
static uint64_t raw(struct stream *stream)
{
    stream->counter++;
    return bnt_mix64(stream->key + stream->counter * UINT64_C(0x9E3779B97F4A7C15));
}

/** Unbiased by rejection: words from the last, incomplete round of `bound` are drawn again. */
static uint64_t draw(struct stream *stream, uint64_t bound)
{
    const uint64_t threshold = (0 - bound) % bound;
    uint64_t word = raw(stream);
    while (word < threshold) {
        word = raw(stream);
    }
    return word % bound;
}

uint64_t engine_choose(struct engine *engine, uint32_t stream_index, choice_kind kind,
                       uint64_t bound)
{
    struct stream *stream = &engine->streams[stream_index];
    uint64_t value = 0;
    if (bound <= 1) {
        return 0;
    }
    if (engine->config.source == NULL) {
        value = draw(stream, bound);
    } else if (!engine->config.source->next(engine->config.source->opaque, stream->name,
                                            (uint32_t)kind, bound, &value)) {
        engine->diverged = true;
        value = 0;
    }
    const uint64_t what = stream->digest + (uint64_t)kind;
    engine->draws = bnt_hash_add(bnt_hash_add(engine->draws, what ^ bound), value);
    if (engine->config.observer.choice != NULL) {
        const struct choice_record record = {stream_index, (uint32_t)kind, bound, value};
        engine->config.observer.choice(engine->config.observer.opaque, &record);
    }
    return value;
}

bool engine_chance(struct engine *engine, uint32_t stream, uint64_t numerator, uint64_t denominator)
{
    if (numerator == 0 || numerator >= denominator) {
        return numerator != 0;
    }
    return engine_choose(engine, stream, CHOICE_CHANCE, denominator) < numerator;
}

/* ---- Hash ---- */

void engine_payload(struct engine *engine, uint64_t value)
{
    uint64_t *lane = &engine->lanes[engine->lane % LANES];
    *lane = bnt_hash_add(*lane, value);
    engine->lane++;
}

/** One cheap, order-sensitive step of a lane: a multiplication and a rotation. */
static uint64_t lane_step(uint64_t lane, uint64_t value)
{
    lane = (lane ^ value) * UINT64_C(0xE9846AF9B1A615D);
    return lane << 23 | lane >> 41;
}

void engine_payload_words(struct engine *engine, const uint64_t *words, size_t count)
{
    uint64_t a = engine->lanes[0];
    uint64_t b = engine->lanes[1];
    uint64_t c = engine->lanes[2];
    uint64_t d = engine->lanes[3];
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        a = lane_step(a, words[i]);
        b = lane_step(b, words[i + 1]);
        c = lane_step(c, words[i + 2]);
        d = lane_step(d, words[i + 3]);
    }
    engine->lanes[0] = a;
    engine->lanes[1] = b;
    engine->lanes[2] = c;
    engine->lanes[3] = d;
    for (; i < count; i++) {
        engine->lanes[i % LANES] = lane_step(engine->lanes[i % LANES], words[i]);
    }
    engine->lane += (uint32_t)count;
}

void engine_payload_halves(struct engine *engine, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t *lane = &engine->lanes[i % LANES];
        *lane = lane_step(*lane, words[i]);
    }
    engine->lane += (uint32_t)count;
}

static uint64_t eight_bytes(const uint8_t *bytes)
{
    bnt_le64 word;
    memcpy(&word, bytes, sizeof word);
    return bnt_le64_get(word);
}

void engine_payload_bytes(struct engine *engine, const uint8_t *bytes, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t *lane = &engine->lanes[i / 8 % LANES];
        *lane = lane_step(*lane, eight_bytes(bytes + i));
    }
    for (; i < count; i++) {
        engine->lanes[0] = lane_step(engine->lanes[0], bytes[i]);
    }
    engine->lane += (uint32_t)count;
}

void engine_state_add(struct engine *engine, uint64_t delta)
{
    engine->state += delta;
}

uint64_t engine_state(const struct engine *engine)
{
    return engine->state;
}

struct engine_hash engine_hash_get(const struct engine *engine)
{
    return engine->hash;
}

uint64_t engine_hash_word(const struct engine_hash *hash)
{
    uint64_t word = bnt_hash_add(hash->order, hash->time);
    word = bnt_hash_add(word, hash->payload);
    word = bnt_hash_add(word, hash->state);
    return bnt_hash_add(word, hash->draws);
}
