/*
 * The engine: virtual time, and events that are handled one after the other in their total order.
 *
 * The queue is in queue.c, choices are in choice.c, the hash chain is in hash.c. All values are
 * integers. The result depends only on the seed, on the source of choices, and on what the world
 * does.
 */
#include "sim/engine/engine_private.h"

#include <stdio.h>
#include <stdlib.h>

struct engine *engine_create(const struct engine_config *config)
{
    struct engine *engine = arena_alloc_zeroed(config->arena, sizeof *engine);
    engine->config = *config;
    if (engine->config.events_max == 0 || engine->config.events_max > UINT32_MAX) {
        engine->config.events_max = UINT32_MAX;
    }
    if (engine->config.time_max_ns == 0) {
        engine->config.time_max_ns = UINT64_MAX;
    }
    queue_init_storage(&engine->queue, config->arena);
    hash_start_chains(engine);
    return engine;
}

void engine_destroy(struct engine *engine)
{
    queue_free_storage(&engine->queue);
    arena_free(engine->config.arena, engine->streams,
               engine->stream_capacity * sizeof *engine->streams);
    arena_free(engine->config.arena, engine->stream_index,
               (size_t)engine->stream_capacity * 2 * sizeof *engine->stream_index);
    arena_free(engine->config.arena, engine, sizeof *engine);
}

void engine_abort_on_misuse(const char *sentence)
{
    (void)fprintf(stderr, "ballonet: bug: %s\n", sentence);
    abort();
}

uint64_t engine_get_time_ns(const struct engine *engine)
{
    return engine->now_ns;
}

uint64_t engine_count_events(const struct engine *engine)
{
    return engine->handled;
}

uint64_t engine_schedule_event(struct engine *engine, uint64_t time_ns, uint8_t priority,
                               uint16_t kind, uint16_t actor, uint64_t a, uint64_t b)
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
    if (event.sequence > QUEUE_SEQUENCE_MAX) {
        engine_abort_on_misuse("no sequence number is left for another event");
    }
    queue_add_event(&engine->queue, &event);
    return event.sequence;
}

bool engine_cancel_event(struct engine *engine, uint64_t sequence)
{
    return queue_remove_event(&engine->queue, sequence);
}

void engine_stop_run(struct engine *engine)
{
    engine->stopped = true;
}

/** Determines whether the run has ended, and how it ended. */
static engine_end find_run_end_before_next_event(const struct engine *engine)
{
    if (engine->diverged) {
        return ENGINE_DIVERGED;
    }
    if (engine->stopped) {
        return ENGINE_STOPPED;
    }
    const struct engine_event *first = queue_get_first(&engine->queue);
    if (first == NULL) {
        return ENGINE_EMPTY;
    }
    if (first->time_ns > engine->config.time_max_ns) {
        return ENGINE_TIME_MAX;
    }
    return engine->handled == engine->config.events_max ? ENGINE_EVENTS_MAX : ENGINE_GOING;
}

engine_end engine_run_next_event(struct engine *engine)
{
    if (engine->handling) {
        engine_abort_on_misuse("engine_run_next_event was called by a handler");
    }
    const engine_end end = find_run_end_before_next_event(engine);
    if (end != ENGINE_GOING) {
        return end;
    }
    const struct engine_event event = *queue_get_first(&engine->queue);
    queue_remove_first(&engine->queue);
    engine->now_ns = event.time_ns;
    engine->handled++;
    engine->handling = true;
    engine->config.handle(engine->config.world, &event);
    engine->handling = false;
    hash_add_event(engine, &event);
    if (engine->diverged) {
        return ENGINE_DIVERGED;
    }
    return engine->stopped ? ENGINE_STOPPED : ENGINE_GOING;
}
