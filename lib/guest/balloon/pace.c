/*
 * Ticks and adaptive rates: how much one tick may take or give back, and how the rates follow. The
 * arithmetic is that of VMware's driver of 2010, whose loop index is `done_pfns` here. Which
 * request is next is sizing.c's; what a tick of VMware's wire begins with is vmware.c's.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

static void clear_cycle(struct bnt_guest *guest)
{
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
    guest->pace.huge = false;
    guest->pace.sleep = false;
}

/* A new attachment begins with the largest rates, and its first tick at once. */
void bnti_guest_pace_start(struct bnt_guest *guest)
{
    const struct bnt_guest_rates *rates = &guest->config.rates;
    struct bnti_guest_pace *pace = &guest->pace;
    const bool polled = guest->wire->ticks;
    memset(pace, 0, sizeof *pace);
    pace->limited = rates->use == BNT_GUEST_ON;
    pace->on = polled || pace->limited;
    pace->period_ns = polled ? guest->config.poll_ns : rates->period_ns;
    pace->rate_alloc = rates->alloc_max;
    pace->rate_free = rates->free_max;
    pace->tick_ns = guest->now_ns;
}

void bnti_guest_tick_begin(struct bnt_guest *guest)
{
    guest->pace.open = true;
    guest->pace.over = false;
    bnti_guest_note_work(guest);
}

/* A tick that is due cannot begin: the next is a period away. */
void bnti_guest_tick_skip(struct bnt_guest *guest)
{
    guest->pace.tick_ns = bnti_guest_add_time(guest->now_ns, guest->pace.period_ns);
}

/* A tick comes: one slow one less. */
void bnti_guest_tick_count_down_slow(struct bnt_guest *guest)
{
    guest->pace.slow_cycles -= guest->pace.slow_cycles > 0;
}

/* The tick ends with what is in flight. Outside of a tick there is none to end. */
void bnti_guest_tick_mark_over(struct bnt_guest *guest)
{
    guest->pace.over = guest->pace.open;
}

/*
 * The device refused something: the tick is over; outside of one (a move, an OOM deflate) the next
 * is a period away on VIRTIO's wire, while VMware's polls keep their time. Returns the wait.
 */
uint64_t bnti_guest_tick_back_off(struct bnt_guest *guest)
{
    struct bnti_guest_pace *pace = &guest->pace;
    const uint64_t next_ns = bnti_guest_add_time(guest->now_ns, pace->period_ns);
    bnti_guest_tick_mark_over(guest);
    if (!pace->open && !guest->wire->ticks && pace->tick_ns < next_ns) {
        pace->tick_ns = next_ns;
    }
    return pace->period_ns;
}

/* A cycle begins: inflating or deflating `pfns`, as far as the tick's rate goes. */
void bnti_guest_pace_begin_cycle(struct bnt_guest *guest, enum bnti_guest_cycle cycle,
                                 uint64_t pfns)
{
    const struct bnt_guest_rates *rates = &guest->config.rates;
    struct bnti_guest_pace *pace = &guest->pace;
    guest->cycle = cycle;
    if (cycle == BNTI_GUEST_CYCLE_INFLATE) {
        pace->huge = guest->huge.on && pace->slow_cycles == 0;
    }
    pace->failed = false;
    pace->sleep = false;
    pace->done_pfns = 0;
    pace->last_pfns = 0;
    pace->goal_pfns = bnti_guest_has_habit(guest, BNT_GUEST_HABIT_TARGET_FIXED) ? pfns : BNT_NEVER;
    pace->rate = BNT_NEVER;
    if (pace->limited && cycle == BNTI_GUEST_CYCLE_INFLATE) {
        pace->rate = pace->slow_cycles > 0 ? pace->rate_alloc : rates->nosleep_max;
    } else if (pace->limited) {
        pace->rate = pace->rate_free;
    }
}

/* Whether the page that was counted last was one past the rate: an inflate looks only then. */
static bool is_rate_passed(const struct bnti_guest_pace *pace)
{
    return pace->done_pfns > 0 && pace->done_pfns - pace->last_pfns >= pace->rate;
}

/*
 * How many of `pages` pages of 1 << order PFNs the tick still allows. An inflate goes one page past
 * its rate; a deflate reaches it, with a larger page passes it.
 */
uint32_t bnti_guest_pace_limit_pages(const struct bnt_guest *guest, uint32_t order, uint32_t pages)
{
    const struct bnti_guest_pace *pace = &guest->pace;
    const uint64_t unit = UINT64_C(1) << order;
    if (!pace->on || guest->cycle == BNTI_GUEST_CYCLE_NONE) {
        return pages;
    }
    if (pace->done_pfns >= pace->goal_pfns) {
        return 0;
    }
    uint64_t allowed = ((pace->goal_pfns - pace->done_pfns - 1) >> order) + 1;
    if (pace->rate != BNT_NEVER && guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        if (is_rate_passed(pace)) {
            return 0;
        }
        const uint64_t left = pace->rate > pace->done_pfns ? pace->rate - pace->done_pfns : 0;
        allowed = bnti_guest_min(allowed, (left >> order) + 1);
    } else if (pace->rate != BNT_NEVER) {
        const uint64_t left = pace->rate > pace->done_pfns ? pace->rate - pace->done_pfns : 0;
        allowed = bnti_guest_min(allowed, (left + unit - 1) >> order);
    }
    return (uint32_t)bnti_guest_min(allowed, pages);
}

/*
 * An allocation without waiting brought `got` pages, too few. True if the cycle goes on with those
 * that wait: the failure then counts as a page did. The next ticks are slow.
 */
bool bnti_guest_pace_handle_short_alloc(struct bnt_guest *guest, uint32_t order, uint32_t got)
{
    struct bnti_guest_pace *pace = &guest->pace;
    const uint64_t unit = UINT64_C(1) << order;
    const uint64_t done = pace->done_pfns + ((uint64_t)got << order);
    pace->failed = true;
    if (pace->limited) {
        pace->slow_cycles = guest->config.rates.slow_cycles;
    }
    if (!bnti_guest_can_alloc_sleeping(guest) || (pace->limited && done >= pace->rate_alloc)) {
        return false;
    }
    pace->sleep = true;
    if (pace->limited) {
        pace->rate = pace->rate_alloc;
    }
    pace->done_pfns += unit;
    pace->last_pfns = unit;
    return true;
}

static void set_rate(struct bnt_guest *guest, uint32_t *rate, uint64_t value, bool freeing)
{
    if (*rate != (uint32_t)value) {
        *rate = (uint32_t)value;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RATE, value, freeing);
    }
}

/* Even an allocation that waits fell short: half the rate, and the cycle is over. */
void bnti_guest_pace_handle_short_sleep(struct bnt_guest *guest)
{
    struct bnti_guest_pace *pace = &guest->pace;
    const uint32_t half = pace->rate_alloc / 2;
    const uint32_t least = guest->config.rates.alloc_min;
    pace->failed = true;
    bnti_guest_tick_mark_over(guest);
    if (pace->limited) {
        set_rate(guest, &pace->rate_alloc, half > least ? half : least, false);
    }
}

/* `pages` pages were taken into the balloon, or let out of it, by the present cycle. */
void bnti_guest_pace_count_pages(struct bnt_guest *guest, uint32_t order, uint32_t pages)
{
    struct bnti_guest_pace *pace = &guest->pace;
    if (pages == 0 || guest->cycle == BNTI_GUEST_CYCLE_NONE) {
        return;
    }
    pace->done_pfns += (uint64_t)pages << order;
    pace->last_pfns = UINT64_C(1) << order;
    if (guest->cycle == BNTI_GUEST_CYCLE_INFLATE && !pace->over) {
        pace->failed = false;
    }
}

/* A page was refused on its way back: half the rate, once a tick. */
void bnti_guest_pace_handle_refused_unlock(struct bnt_guest *guest)
{
    struct bnti_guest_pace *pace = &guest->pace;
    const uint32_t half = pace->rate_free / 2;
    const uint32_t least = guest->config.rates.free_min;
    if (!pace->on || guest->cycle != BNTI_GUEST_CYCLE_DEFLATE) {
        return;
    }
    if (bnti_guest_has_habit(guest, BNT_GUEST_HABIT_DEFLATE_STOPS)) {
        bnti_guest_tick_mark_over(guest);
    }
    if (pace->limited && !pace->failed) {
        set_rate(guest, &pace->rate_free, half > least ? half : least, true);
    }
    pace->failed = true;
}

/* What an inflate without a failure at its end does to the rate of slow ticks. */
static void raise_alloc_rate(struct bnt_guest *guest)
{
    const struct bnt_guest_rates *rates = &guest->config.rates;
    struct bnti_guest_pace *pace = &guest->pace;
    const uint64_t done =
        is_rate_passed(pace) ? pace->done_pfns - pace->last_pfns : pace->done_pfns;
    if (!pace->failed && pace->rate_alloc > 0 && done >= pace->rate_alloc) {
        /* A tick of rates does not reach 2^32: one past its rate, and no division of 64 bits. */
        const uint64_t more = (uint64_t)rates->alloc_step * ((uint32_t)done / pace->rate_alloc);
        const uint64_t grown = bnti_guest_min(pace->rate_alloc + more, rates->alloc_max);
        set_rate(guest, &pace->rate_alloc, grown, false);
    }
}

/* The tick ends, and with it the cycle: nothing refused outlives it. The next is a period away. */
void bnti_guest_tick_close(struct bnt_guest *guest)
{
    const struct bnt_guest_rates *rates = &guest->config.rates;
    struct bnti_guest_pace *pace = &guest->pace;
    if (!pace->open) {
        return;
    }
    if (pace->limited && guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        raise_alloc_rate(guest);
    } else if (pace->limited && guest->cycle == BNTI_GUEST_CYCLE_DEFLATE && !pace->failed) {
        const uint64_t grown = (uint64_t)pace->rate_free + rates->free_step;
        set_rate(guest, &pace->rate_free, bnti_guest_min(grown, rates->free_max), true);
    }
    bnti_guest_note_work(guest);
    pace->open = false;
    pace->over = false;
    pace->tick_ns = bnti_guest_add_time(guest->now_ns, pace->period_ns);
    bnti_guest_leave_cycle(guest);
}

/* From now on this cycle takes no pages of 2 MiB. */
void bnti_guest_pace_stop_huge(struct bnt_guest *guest)
{
    guest->pace.huge = false;
}

/* Pages in doubt are sent by a deflate, whatever the cycle was. */
void bnti_guest_pace_begin_doubt(struct bnt_guest *guest)
{
    guest->cycle = BNTI_GUEST_CYCLE_DEFLATE;
}

/* What the cycle did last had no success, and the tick is over. */
void bnti_guest_pace_note_failure(struct bnt_guest *guest)
{
    bnti_guest_tick_mark_over(guest);
    if (guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        guest->pace.failed = true;
    }
}

/* A reset of the balloon ends tick and cycle; the next tick is due at once. */
void bnti_guest_pace_restart(struct bnt_guest *guest)
{
    clear_cycle(guest);
    guest->pace.open = false;
    guest->pace.over = false;
    guest->pace.tick_ns = guest->now_ns;
}

void bnti_guest_pace_clear(struct bnt_guest *guest)
{
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
    memset(&guest->pace, 0, sizeof guest->pace);
}

/* When a paced instance in RUNNING, with nothing in flight, has something to do. `have` PFNs are
 * ballooned, `target` should be. */
uint64_t bnti_guest_pace_deadline(const struct bnt_guest *guest, uint64_t have, uint64_t target)
{
    const struct bnti_guest_pace *pace = &guest->pace;
    const bool polled = guest->wire->ticks;
    if (guest->held_due) {
        return guest->now_ns;
    }
    if (pace->open) {
        const bool waits = bnti_guest_awaits_sleeping_alloc(guest) && !pace->over &&
                           have < target && !bnti_guest_must_inflate_wait(guest);
        const bool polls = polled && !bnti_guest_has_habit(guest, BNT_GUEST_HABIT_TARGET_FIXED);
        return !waits               ? guest->now_ns
               : !polls             ? BNT_NEVER
               : guest->vmware.rung ? guest->now_ns
                                    : guest->vmware.poll_due_ns;
    }
    if (polled) {
        return guest->vmware.rung ? guest->now_ns : pace->tick_ns;
    }
    if (bnti_guest_is_at_target(guest, have, target)) {
        return guest->reached && !bnti_guest_has_refused_pages(guest) ? BNT_NEVER : guest->now_ns;
    }
    if (have > target) {
        return pace->tick_ns;
    }
    if (guest->oom_pending || guest->requests[BNTI_GUEST_OOM].busy) {
        return BNT_NEVER;
    }
    return pace->tick_ns > guest->holdoff_until_ns ? pace->tick_ns : guest->holdoff_until_ns;
}

/* Waits longer than the last time, or for the next tick; returns how long. */
uint64_t bnti_guest_raise_backoff(struct bnt_guest *guest, struct bnti_guest_backoff *backoff)
{
    return guest->pace.on ? bnti_guest_tick_back_off(guest)
                          : bnti_guest_backoff_double_wait(guest, backoff);
}

/* The end of a cycle, for whatever reason: nothing refused outlives it. */
void bnti_guest_end_cycle(struct bnt_guest *guest)
{
    bnti_guest_note_work(guest);
    bnti_guest_give_back_held(guest);
    (void)bnti_guest_give_back_aside(guest);
    bnti_guest_end_unusable_cycle(guest);
    bnti_guest_give_back_held_huge(guest);
    bnti_guest_return_stuck_pages(guest);
    clear_cycle(guest);
}

/* Leaves a cycle that is not at its aim; refused pages do not wait with us. */
void bnti_guest_leave_cycle(struct bnt_guest *guest)
{
    if (guest->cycle != BNTI_GUEST_CYCLE_NONE || bnti_guest_has_refused_pages(guest)) {
        bnti_guest_end_cycle(guest);
    }
}
