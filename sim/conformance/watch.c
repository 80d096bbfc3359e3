/*
 * What every watcher needs: the time, memory, and what it says of a clause. The two calls that a
 * watcher may make to all others, since the reader of the rings sees what they are about, are here
 * as well. Which watchers there are is said in conformance.c; this file calls none by name.
 */
#include "sim/conformance/watch.h"

#include <stdarg.h>
#include <stdio.h>

struct arena *watch_arena(const struct watch *watch)
{
    return watch->seen->arena;
}

uint64_t watch_now(const struct watch *watch)
{
    return engine_now(watch->seen->engine);
}

/* ---- What a watcher says ---- */

static struct clause_tally *tally_of(struct watch *watch, clause_party party, clause_id id)
{
    return &watch->tallies[party][watch->scripted[party]][id];
}

void clause_seen(struct watch *watch, clause_party party, clause_id id)
{
    tally_of(watch, party, id)->exercised++;
}

void clause_broken(struct watch *watch, clause_party party, clause_id id, const char *format, ...)
{
    struct clause_tally *tally = tally_of(watch, party, id);
    if (tally->violated++ > 0) {
        return; /* the first place is kept */
    }
    tally->event = engine_events(watch->seen->engine) + 1;
    tally->time_ns = engine_now(watch->seen->engine);
    tally->place = arena_zalloc(watch->seen->arena, CLAUSE_PLACE_MAX);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(tally->place, CLAUSE_PLACE_MAX, format, arguments);
    va_end(arguments);
}

void clause_literal(struct watch *watch, clause_party party, clause_id id, bool kept)
{
    struct clause_tally *tally = tally_of(watch, party, id);
    tally->literal_exercised++;
    tally->literal_violated += !kept;
}

/* ---- What the reader of the rings tells all watchers ---- */

void watch_exposed(struct watch *watch, const struct seen_queue *queue,
                   const struct seen_buffer *buffer)
{
    TELL(watch, exposed, watch, queue, buffer);
}

void watch_used(struct watch *watch, const struct seen_queue *queue,
                const struct seen_buffer *buffer, uint32_t len)
{
    TELL(watch, used, watch, queue, buffer, len);
}

void watch_again(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len)
{
    TELL(watch, answer_withdrawn, watch, queue, buffer);
    watch_used(watch, queue, buffer, len);
}
