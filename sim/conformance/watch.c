/*
 * Functions that every watcher needs. They get the time, read memory, and count how often clauses
 * applied and were violated. The parser of the rings uses this file to call all watchers for each
 * buffer that it finds. The list of watchers is in conformance.c; this file calls no watcher by
 * name.
 */
#include "sim/conformance/places.h"

#include <stdarg.h>
#include <stdio.h>

struct arena *watch_get_arena(const struct watch *watch)
{
    return watch->seen->arena;
}

uint64_t watch_get_time_ns(const struct watch *watch)
{
    return engine_get_time_ns(watch->seen->engine);
}

/* ---- The lists of watchers ---- */

/* All members of struct watcher are pointers to functions. */
#define MEMBERS (sizeof(struct watcher) / sizeof(void (*)(void)))

void watch_list_watchers(struct conformance *seen, const struct watcher *const *all)
{
    seen->watchers = arena_alloc_zeroed(seen->arena, MEMBERS * sizeof *seen->watchers);
    for (size_t member = 0; member < MEMBERS; member++) {
        uint32_t count = 0;
        for (uint32_t i = 0; all[i] != NULL && count < WATCHERS_MAX; i++) {
            void (*function)(void);
            memcpy(&function, (const char *)all[i] + member * sizeof function, sizeof function);
            if (function != NULL) {
                seen->watchers[member][count++] = all[i];
            }
        }
    }
}

void watch_free_watchers(struct conformance *seen)
{
    arena_free(seen->arena, seen->watchers, MEMBERS * sizeof *seen->watchers);
}

/* ---- Counting ---- */

static struct clause_tally *find_clause_tally(struct watch *watch, clause_party party, clause_id id)
{
    return &watch->tallies[party][watch->scripted[party]][id];
}

void clause_count_violations(struct watch *watch, clause_party party, clause_id id, uint64_t count,
                             const char *format, ...)
{
    struct clause_tally *tally = find_clause_tally(watch, party, id);
    tally->violated += count;
    if (tally->violated > count) {
        return; /* only the first violation is described */
    }
    tally->event = engine_count_events(watch->seen->engine) + 1;
    tally->time_ns = engine_get_time_ns(watch->seen->engine);
    tally->place = arena_alloc_zeroed(watch->seen->arena, CLAUSE_PLACE_MAX);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(tally->place, CLAUSE_PLACE_MAX, format, arguments);
    va_end(arguments);
}

void clause_count_literal_reading(struct watch *watch, clause_party party, clause_id id, bool kept)
{
    struct clause_tally *tally = find_clause_tally(watch, party, id);
    tally->literal_exercised++;
    tally->literal_violated += !kept;
}

/* ---- Functions that call all watchers ---- */

void watchers_observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                       const struct seen_buffer *buffer)
{
    struct seen_request request;
    const bool seen = request_read(watch, queue, buffer, &request);
    watch->pages.request = seen ? &request : NULL;
    CALL_WATCHERS(watch, submitted, watch, queue, buffer);
    watch->pages.request = NULL;
}

void watchers_observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                  const struct seen_buffer *buffer, uint32_t len)
{
    struct seen_request request;
    const bool seen = request_read(watch, queue, buffer, &request);
    watch->pages.request = seen ? &request : NULL;
    CALL_WATCHERS(watch, used, watch, queue, buffer, len);
    watch->pages.request = NULL;
}

void watchers_observe_buffer_used_again(struct watch *watch, const struct seen_queue *queue,
                                        const struct seen_buffer *buffer, uint32_t len)
{
    CALL_WATCHERS(watch, answer_withdrawn, watch, queue, buffer);
    watchers_observe_buffer_used(watch, queue, buffer, len);
}
