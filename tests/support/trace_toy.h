/*
 * A small world that is recorded and replayed: shared by the tests and the fuzz target of traces.
 */
#ifndef TESTS_SUPPORT_TRACE_TOY_H
#define TESTS_SUPPORT_TRACE_TOY_H

#include "sim/trace/trace.h"

#include <stdio.h>
#include <string.h>

/** What a run may do otherwise at its tenth event. */
enum toy_twist {
    TOY_PLAIN,
    TOY_TIME,
    TOY_KIND,
    TOY_ACTOR,
    TOY_OPERAND,
    TOY_PAYLOAD,
    TOY_BOUND,
    TOY_CHOICE_KIND,
    TOY_LONGER,
    TOY_SHORTER
};

struct toy {
    struct engine *engine;
    enum toy_twist twist;
    uint64_t events;
};

static void toy_handle(void *world, const struct engine_event *event)
{
    struct toy *toy = world;
    const uint64_t number = engine_count_events(toy->engine);
    const enum toy_twist twist = number == 10 ? toy->twist : TOY_PLAIN;
    const uint64_t last = toy->twist == TOY_LONGER    ? toy->events + 1
                          : toy->twist == TOY_SHORTER ? toy->events - 1
                                                      : toy->events;
    const uint32_t stream = engine_open_stream(toy->engine, number % 2 == 0 ? "page" : "kick");
    const uint64_t value = engine_draw_choice(toy->engine, stream,
                                              twist == TOY_CHOICE_KIND ? CHOICE_RANGE : CHOICE_PICK,
                                              twist == TOY_BOUND ? 1001 : 1000);

    engine_add_payload_word(toy->engine, twist == TOY_PAYLOAD ? 1 : 0);
    if (number < last) {
        (void)engine_schedule_event(toy->engine, number * 500 + (twist == TOY_TIME ? 1 : 0), 0,
                                    (uint16_t)(number + (twist == TOY_KIND ? 100 : 0)),
                                    twist == TOY_ACTOR ? 1 : 0,
                                    number + value + (twist == TOY_OPERAND ? 1 : 0), event->a);
    }
}

static struct trace_trailer toy_run(struct arena *arena, enum toy_twist twist, uint64_t events,
                                    uint64_t seed, const struct choice_source *source,
                                    const struct engine_observer *observer)
{
    struct toy toy = {.twist = twist, .events = events};
    struct engine_config config = {
        .arena = arena, .seed = seed, .hash = true, .source = source, .world = &toy};

    config.handle = toy_handle;
    if (observer != NULL) {
        config.observer = *observer;
    }
    toy.engine = engine_create(&config);
    (void)engine_schedule_event(toy.engine, 0, 0, 0, 0, 0, 0);
    while (engine_run_next_event(toy.engine) == ENGINE_GOING) {
    }
    const struct trace_trailer trailer = {.events = engine_count_events(toy.engine),
                                          .hash = engine_get_hash(toy.engine)};
    engine_destroy(toy.engine);
    return trailer;
}

#endif
