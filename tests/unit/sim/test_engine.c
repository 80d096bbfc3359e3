/*
 * The engine: total order, cancellation, ends, streams, bounded draws.
 * The hash chain has its own file, test_engine_hash.c.
 */
#include "sim/engine/engine.h"

#include <ballonet/base.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

Suite *test_suite(void);

#define SEEN_MAX 4096

static struct arena *arena;
static struct engine *engine;
static struct engine_event seen[SEEN_MAX];
static size_t seen_count;

static void note(void *world, const struct engine_event *event)
{
    (void)world;
    ck_assert_uint_lt(seen_count, SEEN_MAX);
    ck_assert_uint_eq(engine_get_time_ns(engine), event->time_ns);
    seen[seen_count++] = *event;
}

static void start_with(struct engine_config config)
{
    seen_count = 0;
    arena = arena_open(0x5A);
    config.arena = arena;
    config.hash = true;
    if (config.handle == NULL) {
        config.handle = note;
    }
    engine = engine_create(&config);
}

static void start(void)
{
    start_with((struct engine_config){.seed = 1});
}

static void finish(void)
{
    engine_destroy(engine);
    ck_assert_uint_eq(arena_close(arena), 0);
}

static engine_end run(void)
{
    engine_end end = ENGINE_GOING;
    while (end == ENGINE_GOING) {
        end = engine_run_next_event(engine);
    }
    return end;
}

/* ---- Order ---- */

/** A generator of the test's own. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *state >> 33;
}

static bool comes_before(const struct engine_event *a, const struct engine_event *b)
{
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns;
    }
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    return a->sequence < b->sequence;
}

START_TEST(test_events_come_by_time_then_priority_then_sequence)
{
    uint64_t random = 7;

    start();
    for (uint64_t i = 1; i <= 2000; i++) {
        const uint64_t time = next_random(&random) % 20;
        const uint8_t priority = (uint8_t)(next_random(&random) % 3 * 127);

        ck_assert_uint_eq(engine_schedule_event(engine, time, priority, 9, 8, i, i * 3), i);
    }
    ck_assert_int_eq(run(), ENGINE_EMPTY);
    ck_assert_uint_eq(seen_count, 2000);
    for (size_t i = 0; i < seen_count; i++) {
        ck_assert_uint_eq(seen[i].a, seen[i].sequence);
        ck_assert_uint_eq(seen[i].b, seen[i].sequence * 3);
        ck_assert_uint_eq(seen[i].kind, 9);
        ck_assert_uint_eq(seen[i].actor, 8);
        if (i > 0) {
            ck_assert(comes_before(&seen[i - 1], &seen[i]));
        }
    }
    finish();
}
END_TEST

/** Waiting events as a plain list: what the queue must agree with. */
static struct engine_event waiting[512];
static size_t waiting_count;

static void model_push(uint64_t time_ns, uint8_t priority)
{
    waiting[waiting_count] = (struct engine_event){
        .time_ns = time_ns > engine_get_time_ns(engine) ? time_ns : engine_get_time_ns(engine),
        .priority = priority,
        .sequence = engine_schedule_event(engine, time_ns, priority, 0, 0, 0, 0)};
    waiting_count++;
}

static void model_cancel(size_t index, uint64_t sequence)
{
    const bool there = index < waiting_count && waiting[index].sequence == sequence;

    ck_assert_int_eq(engine_cancel_event(engine, sequence), there);
    ck_assert(!engine_cancel_event(engine, sequence));
    if (there) {
        waiting[index] = waiting[--waiting_count];
    }
}

static void model_step(void)
{
    size_t first = 0;

    for (size_t i = 1; i < waiting_count; i++) {
        if (comes_before(&waiting[i], &waiting[first])) {
            first = i;
        }
    }
    seen_count = 0;
    ck_assert_int_eq(engine_run_next_event(engine),
                     waiting_count > 0 ? ENGINE_GOING : ENGINE_EMPTY);
    if (waiting_count > 0) {
        ck_assert_uint_eq(seen_count, 1);
        ck_assert_uint_eq(seen[0].sequence, waiting[first].sequence);
        ck_assert_uint_eq(seen[0].time_ns, waiting[first].time_ns);
        waiting[first] = waiting[--waiting_count];
    }
}

START_TEST(test_cancelling_at_random_agrees_with_a_plain_list)
{
    uint64_t random = (uint64_t)_i + 1;

    start();
    waiting_count = 0;
    for (unsigned i = 0; i < 20000; i++) {
        const uint64_t what = next_random(&random) % 100;
        const uint64_t limit = i / 4000 % 2 == 0 ? 60 : 30; /* grow, then drain */

        if (what < limit && waiting_count < 512) {
            const uint64_t time = engine_get_time_ns(engine) + next_random(&random) % 50;
            model_push(time, (uint8_t)(next_random(&random) % 4));
        } else if (what < 80 && waiting_count > 0) {
            const size_t index = (size_t)(next_random(&random) % waiting_count);
            model_cancel(index, waiting[index].sequence);
        } else {
            model_step();
        }
    }
    while (waiting_count > 0) {
        model_step();
    }
    model_step();
    model_cancel(0, 0);
    model_cancel(0, UINT64_MAX);
    finish();
}
END_TEST

START_TEST(test_an_event_in_the_past_is_now)
{
    start();
    (void)engine_schedule_event(engine, 100, 0, 0, 0, 0, 0);
    ck_assert_int_eq(engine_run_next_event(engine), ENGINE_GOING);
    (void)engine_schedule_event(engine, 50, 0, 0, 0, 0, 0);
    ck_assert_int_eq(engine_run_next_event(engine), ENGINE_GOING);
    ck_assert_uint_eq(seen[1].time_ns, 100);
    finish();
}
END_TEST

/* ---- Ends ---- */

static void stop_at_three(void *world, const struct engine_event *event)
{
    (void)world;
    if (event->a == 3) {
        engine_stop_run(engine);
    }
}

START_TEST(test_every_end_has_its_name)
{
    start_with((struct engine_config){.handle = stop_at_three});
    for (uint64_t i = 1; i <= 5; i++) {
        (void)engine_schedule_event(engine, i, 0, 0, 0, i, 0);
    }
    ck_assert_int_eq(run(), ENGINE_STOPPED);
    ck_assert_uint_eq(engine_count_events(engine), 3);
    ck_assert_int_eq(engine_run_next_event(engine), ENGINE_STOPPED);
    finish();

    start_with((struct engine_config){.events_max = 2});
    ck_assert_int_eq(engine_run_next_event(engine), ENGINE_EMPTY);
    for (uint64_t i = 1; i <= 3; i++) {
        (void)engine_schedule_event(engine, i, 0, 0, 0, i, 0);
    }
    ck_assert_int_eq(run(), ENGINE_EVENTS_MAX);
    ck_assert_uint_eq(engine_count_events(engine), 2);
    finish();

    start_with((struct engine_config){.time_max_ns = 10});
    (void)engine_schedule_event(engine, 10, 0, 0, 0, 0, 0);
    (void)engine_schedule_event(engine, 11, 0, 0, 0, 0, 0);
    ck_assert_int_eq(run(), ENGINE_TIME_MAX);
    ck_assert_uint_eq(engine_get_time_ns(engine), 10);
    finish();
}
END_TEST

static void step_inside(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
    (void)engine_run_next_event(engine);
}

START_TEST(test_a_step_inside_a_handler_aborts)
{
    start_with((struct engine_config){.handle = step_inside});
    (void)engine_schedule_event(engine, 0, 0, 0, 0, 0, 0);
    (void)engine_run_next_event(engine);
}
END_TEST

/* ---- Streams ---- */

#define DRAWS 100

static void draw_many(const char *name, uint64_t *out, const char *noise)
{
    if (noise != NULL) {
        (void)engine_draw_choice(engine, engine_open_stream(engine, noise), CHOICE_PICK, 77);
    }
    const uint32_t stream = engine_open_stream(engine, name);
    for (size_t i = 0; i < DRAWS; i++) {
        out[i] = engine_draw_choice(engine, stream, CHOICE_RANGE, UINT64_MAX);
        if (noise != NULL) {
            (void)engine_draw_choice(engine, engine_open_stream(engine, noise), CHOICE_PICK, i + 1);
        }
    }
}

START_TEST(test_a_stream_does_not_feel_the_others)
{
    uint64_t alone[DRAWS];
    uint64_t among[DRAWS];
    uint64_t other[DRAWS];

    start();
    draw_many("link.kick", alone, NULL);
    draw_many("link.kicks", other, NULL);
    ck_assert_mem_ne(alone, other, sizeof alone);
    finish();

    start();
    draw_many("link.kick", among, "refuse");
    ck_assert_mem_eq(alone, among, sizeof alone);
    finish();

    start_with((struct engine_config){.seed = 2});
    draw_many("link.kick", other, NULL);
    ck_assert_mem_ne(alone, other, sizeof alone);
    finish();
}
END_TEST

/** These never change: a scenario's seed would mean another run. */
START_TEST(test_draws_are_pinned)
{
    static const uint64_t words[4] = {
        UINT64_C(0x81A934343D9135AD),
        UINT64_C(0xDC307D61FD5CA6D2),
        UINT64_C(0x2191DF2D75AFB57C),
        UINT64_C(0xAB0D69E4C92148A6),
    };
    static const uint64_t small[8] = {0, 4, 0, 6, 9, 5, 8, 6};

    start_with((struct engine_config){.seed = 42});
    const uint32_t stream = engine_open_stream(engine, "pinned");
    for (size_t i = 0; i < 4; i++) {
        const uint64_t value = engine_draw_choice(engine, stream, CHOICE_RANGE, UINT64_MAX);
        ck_assert_uint_eq(value, words[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        const uint64_t value = engine_draw_choice(engine, stream, CHOICE_PICK, 10);
        ck_assert_uint_eq(value, small[i]);
    }
    finish();
}
END_TEST

START_TEST(test_many_streams_and_the_longest_name)
{
    char name[ENGINE_NAME_MAX];

    start();
    for (uint32_t i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "workload.%u", i);
        ck_assert_uint_eq(engine_open_stream(engine, name), i);
    }
    ck_assert_uint_eq(engine_open_stream(engine, "workload.17"), 17);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_uint_eq(engine_open_stream(engine, name), 300);
    ck_assert_uint_eq(engine_open_stream(engine, name), 300);
    finish();
}
END_TEST

START_TEST(test_a_name_too_long_aborts)
{
    char name[ENGINE_NAME_MAX + 1];

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    start();
    (void)engine_open_stream(engine, name);
}
END_TEST

/* ---- Bounded draws ---- */

/**
 * Pearson's statistic, times the expected count, in integers. For k values it is about k, with a
 * deviation of sqrt(2k): 2k + 30 is never reached by a fair generator, and a bias of a tenth is
 * far beyond it.
 */
START_TEST(test_bounded_draws_are_even)
{
    static const uint64_t bounds[] = {2, 3, 5, 6, 7, 10, 12, 100, 129, 255, 256};
    uint64_t counts[256];

    start();
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const uint64_t bound = bounds[i];
        const uint64_t expected = 2000;
        const uint32_t stream = engine_open_stream(engine, "even");
        uint64_t sum = 0;

        memset(counts, 0, sizeof counts);
        for (uint64_t n = 0; n < bound * expected; n++) {
            const uint64_t value = engine_draw_choice(engine, stream, CHOICE_PICK, bound);
            if (value >= bound) { /* ck_assert is slow */
                ck_abort_msg("a value beyond its bound");
            }
            counts[value]++;
        }
        for (uint64_t value = 0; value < bound; value++) {
            const uint64_t off =
                counts[value] > expected ? counts[value] - expected : expected - counts[value];
            sum += off * off;
        }
        ck_assert_uint_lt(sum, (2 * bound + 30) * expected);
        ck_assert_uint_gt(sum, 0);
    }
    finish();
}
END_TEST

START_TEST(test_extreme_bounds_are_kept)
{
    static const uint64_t bounds[] = {1,
                                      2,
                                      UINT64_C(1) << 32,
                                      (UINT64_C(1) << 32) + 1,
                                      UINT64_C(1) << 63,
                                      (UINT64_C(1) << 63) + 1,
                                      UINT64_MAX};

    start();
    const uint32_t stream = engine_open_stream(engine, "bounds");
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        uint64_t most = 0;

        for (unsigned n = 0; n < 1000; n++) {
            const uint64_t value = engine_draw_choice(engine, stream, CHOICE_RANGE, bounds[i]);
            if (value >= bounds[i]) {
                ck_abort_msg("a value beyond its bound");
            }
            most = value > most ? value : most;
        }
        ck_assert_uint_ge(most, bounds[i] / 2);
    }
    finish();
}
END_TEST

static uint64_t told;

static void count_choice(void *opaque, const struct choice_record *choice)
{
    (void)opaque;
    (void)choice;
    told++;
}

START_TEST(test_chance_draws_only_where_it_is_open)
{
    unsigned hits = 0;

    told = 0;
    start_with((struct engine_config){.observer = {.choice = count_choice}});
    const uint32_t stream = engine_open_stream(engine, "chance");
    ck_assert(!engine_draw_chance(engine, stream, 0, 10));
    ck_assert(engine_draw_chance(engine, stream, 10, 10));
    ck_assert_uint_eq(told, 0);
    for (unsigned i = 0; i < 10000; i++) {
        hits += engine_draw_chance(engine, stream, 3, 10) ? 1 : 0;
    }
    ck_assert_uint_eq(told, 10000);
    ck_assert_uint_gt(hits, 2800);
    ck_assert_uint_lt(hits, 3200);
    finish();
}
END_TEST

START_TEST(test_each_of_many_streams_is_found_by_its_name)
{
    enum {
        MANY = 10000
    };
    char name[ENGINE_NAME_MAX];
    start();
    for (int again = 0; again < 2; again++) {
        for (uint32_t i = 0; i < MANY; i++) {
            (void)snprintf(name, sizeof name, "workload.load[%u]", i);
            ck_assert_uint_eq(engine_open_stream(engine, name), i);
        }
    }
    finish();
}
END_TEST

/* ---- A source ---- */

static bool serve(void *opaque, const char *stream, uint32_t kind, uint64_t bound, uint64_t *value)
{
    uint64_t *left = opaque;

    ck_assert_str_eq(stream, "s");
    ck_assert_uint_eq(kind, CHOICE_PICK);
    *value = bound - 1;
    return (*left)-- > 0;
}

static void choose_twice(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
    const uint32_t stream = engine_open_stream(engine, "s");
    (void)engine_draw_choice(engine, stream, CHOICE_PICK, 8);
    (void)engine_draw_choice(engine, stream, CHOICE_PICK, 9);
}

START_TEST(test_a_source_without_a_match_ends_the_run)
{
    uint64_t left = 3;
    const struct choice_source source = {&left, serve};

    told = 0;
    start_with((struct engine_config){
        .source = &source, .handle = choose_twice, .observer = {.choice = count_choice}});
    for (unsigned i = 0; i < 4; i++) {
        (void)engine_schedule_event(engine, i, 0, 0, 0, 0, 0);
    }
    ck_assert_int_eq(run(), ENGINE_DIVERGED);
    ck_assert_uint_eq(engine_count_events(engine), 2);
    ck_assert_uint_eq(told, 3);
    ck_assert_int_eq(engine_run_next_event(engine), ENGINE_DIVERGED);
    finish();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("engine");

    tcase_add_test(tcase, test_events_come_by_time_then_priority_then_sequence);
    tcase_add_test(tcase, test_each_of_many_streams_is_found_by_its_name);
    tcase_add_loop_test(tcase, test_cancelling_at_random_agrees_with_a_plain_list, 0, 5);
    tcase_add_test(tcase, test_an_event_in_the_past_is_now);
    tcase_add_test(tcase, test_every_end_has_its_name);
    tcase_add_test_raise_signal(tcase, test_a_step_inside_a_handler_aborts, SIGABRT);
    tcase_add_test(tcase, test_a_stream_does_not_feel_the_others);
    tcase_add_test(tcase, test_draws_are_pinned);
    tcase_add_test(tcase, test_many_streams_and_the_longest_name);
    tcase_add_test_raise_signal(tcase, test_a_name_too_long_aborts, SIGABRT);
    tcase_add_test(tcase, test_bounded_draws_are_even);
    tcase_add_test(tcase, test_extreme_bounds_are_kept);
    tcase_add_test(tcase, test_chance_draws_only_where_it_is_open);
    tcase_add_test(tcase, test_a_source_without_a_match_ends_the_run);
    suite_add_tcase(suite, tcase);
    return suite;
}
