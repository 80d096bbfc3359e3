/*
 * Ticks and adaptive rates: how many pages one tick may inflate or deflate, and how the rates
 * adapt. The arithmetic is that of VMware's driver of 2010, whose loop index is `done_pfns` here.
 * sizing.c chooses the requests; vmware_session.c begins the ticks of VMware's wire.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

static void clear_cycle(struct bnt_guest *guest)
{
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
    guest->pace.huge = false;
    guest->pace.sleep = false;
}

/* A new attachment begins with the largest rates, and its first tick is due at once. */
void bnti_guest_pace_init_rates(struct bnt_guest *guest)
{
    const struct bnt_guest_rates *rates = &guest->config.rates;
    struct bnti_guest_pace *pace = &guest->pace;
    const bool polled = guest->wire->ticks;
    memset(pace, 0, sizeof *pace);
    pace->limited = rates->use == BNT_GUEST_ON;
    pace->on = polled || pace->limited;
    pace->period_ns = polled ? guest->config.sizing.poll_ns : rates->period_ns;
    pace->rate_alloc = rates->alloc_max;
    pace->rate_free = rates->free_max;
    pace->tick_ns = guest->now_ns;
}

void bnti_guest_begin_tick(struct bnt_guest *guest)
{
    guest->pace.open = true;
    guest->pace.over = false;
    bnti_guest_note_work(guest);
}

/* A tick that is due cannot begin, so the next tick is due one period later. */
void bnti_guest_skip_tick(struct bnt_guest *guest)
{
    guest->pace.tick_ns = bnti_guest_add_time(guest->now_ns, guest->pace.period_ns);
}

/* A tick begins: decrements the number of slow ticks that are left. */
void bnti_guest_count_down_slow_ticks(struct bnt_guest *guest)
{
    guest->pace.slow_cycles -= guest->pace.slow_cycles > 0;
}

/* The tick ends when the request in flight is answered. Outside a tick nothing changes. */
void bnti_guest_mark_tick_over(struct bnt_guest *guest)
{
    guest->pace.over = guest->pace.open;
}

/*
 * The device refused pages, so the current tick ends. If no tick is in progress (a migration, an
 * OOM deflate), the next tick on VIRTIO's wire is due one period later. On VMware's wire the time
 * of the next poll does not change. Returns the period.
 */
uint64_t bnti_guest_back_off_to_next_tick(struct bnt_guest *guest)
{
    struct bnti_guest_pace *pace = &guest->pace;
    const uint64_t next_ns = bnti_guest_add_time(guest->now_ns, pace->period_ns);
    bnti_guest_mark_tick_over(guest);
    if (!pace->open && !guest->wire->ticks && pace->tick_ns < next_ns) {
        pace->tick_ns = next_ns;
    }
    return pace->period_ns;
}

/* Begins a cycle that inflates or deflates `pfns` PFNs, but not more than the rate of the tick
 * allows. */
void bnti_guest_pace_begin_cycle(struct bnt_guest *guest, bnti_guest_cycle cycle, uint64_t pfns)
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
    pace->goal_pfns =
        bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_TARGET_FIXED) ? pfns : BNT_NEVER;
    pace->rate = BNT_NEVER;
    if (pace->limited && cycle == BNTI_GUEST_CYCLE_INFLATE) {
        pace->rate = pace->slow_cycles > 0 ? pace->rate_alloc : rates->nosleep_max;
    } else if (pace->limited) {
        pace->rate = pace->rate_free;
    }
}

/* Whether the page that was counted last exceeded the rate: an inflate checks its rate only after
 * it has counted a page. */
static bool is_rate_exceeded(const struct bnti_guest_pace *pace)
{
    return pace->done_pfns > 0 && pace->done_pfns - pace->last_pfns >= pace->rate;
}

/*
 * Returns how many of `pages` pages of 1 << order PFNs the tick still allows. An inflate exceeds
 * its rate by one page, but a deflate stops as soon as it reaches its rate.
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
        if (is_rate_exceeded(pace)) {
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
 * An allocation that does not sleep returned only `got` pages. Returns true if the cycle continues
 * with sleeping allocations; the failure then counts as a page. The next ticks are slow.
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

/* Even a sleeping allocation returned too few pages: the rate of allocation is halved, and the
 * cycle ends. */
void bnti_guest_pace_handle_short_sleeping_alloc(struct bnt_guest *guest)
{
    struct bnti_guest_pace *pace = &guest->pace;
    const uint32_t half = pace->rate_alloc / 2;
    const uint32_t least = guest->config.rates.alloc_min;
    pace->failed = true;
    bnti_guest_mark_tick_over(guest);
    if (pace->limited) {
        set_rate(guest, &pace->rate_alloc, half > least ? half : least, false);
    }
}

/* Counts `pages` pages that the current cycle inflated or deflated. */
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

/* The device refused a deflate: halves the rate of deflation, at most once per tick. */
void bnti_guest_pace_handle_refused_unlock(struct bnt_guest *guest)
{
    struct bnti_guest_pace *pace = &guest->pace;
    const uint32_t half = pace->rate_free / 2;
    const uint32_t least = guest->config.rates.free_min;
    if (!pace->on || guest->cycle != BNTI_GUEST_CYCLE_DEFLATE) {
        return;
    }
    if (bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_DEFLATE_STOPS)) {
        bnti_guest_mark_tick_over(guest);
    }
    if (pace->limited && !pace->failed) {
        set_rate(guest, &pace->rate_free, half > least ? half : least, true);
    }
    pace->failed = true;
}

/* Raises the rate of slow ticks after an inflate whose last allocation did not fail. */
static void raise_alloc_rate(struct bnt_guest *guest)
{
    const struct bnt_guest_rates *rates = &guest->config.rates;
    struct bnti_guest_pace *pace = &guest->pace;
    const uint64_t done =
        is_rate_exceeded(pace) ? pace->done_pfns - pace->last_pfns : pace->done_pfns;
    if (!pace->failed && pace->rate_alloc > 0 && done >= pace->rate_alloc) {
        /* A tick with rates handles fewer than 2^32 PFNs, so no 64-bit division is needed. */
        const uint64_t more = (uint64_t)rates->alloc_step * ((uint32_t)done / pace->rate_alloc);
        const uint64_t grown = bnti_guest_min(pace->rate_alloc + more, rates->alloc_max);
        set_rate(guest, &pace->rate_alloc, grown, false);
    }
}

/* Ends the tick and its cycle, so that all refused pages are returned. The next tick is due one
 * period later. */
void bnti_guest_close_tick(struct bnt_guest *guest)
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
    bnti_guest_end_cycle_early(guest);
}

/* From now on this cycle inflates no huge pages. */
void bnti_guest_pace_stop_huge_pages(struct bnt_guest *guest)
{
    guest->pace.huge = false;
}

/* The pages of a doubtful inflate are deflated, so the cycle becomes one that deflates. */
void bnti_guest_pace_begin_doubtful_deflate(struct bnt_guest *guest)
{
    guest->cycle = BNTI_GUEST_CYCLE_DEFLATE;
}

/* The last request of the cycle failed, so the tick ends. */
void bnti_guest_pace_note_failed_request(struct bnt_guest *guest)
{
    bnti_guest_mark_tick_over(guest);
    if (guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        guest->pace.failed = true;
    }
}

/* A reset of the balloon ends the tick and the cycle. The next tick is due at once. */
void bnti_guest_pace_restart_ticks(struct bnt_guest *guest)
{
    clear_cycle(guest);
    guest->pace.open = false;
    guest->pace.over = false;
    guest->pace.tick_ns = guest->now_ns;
}

void bnti_guest_pace_clear_state(struct bnt_guest *guest)
{
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
    memset(&guest->pace, 0, sizeof guest->pace);
}

/* Returns the time at which an instance with ticks has to act next. The instance is in RUNNING,
 * with nothing in flight. `have` is the number of ballooned PFNs, and `target` is the target. */
uint64_t bnti_guest_pace_get_deadline(const struct bnt_guest *guest, uint64_t have, uint64_t target)
{
    const struct bnti_guest_pace *pace = &guest->pace;
    const bool polled = guest->wire->ticks;
    if (guest->held_due) {
        return guest->now_ns;
    }
    if (pace->open) {
        const bool waits = bnti_guest_awaits_sleeping_alloc(guest) && !pace->over &&
                           have < target && !bnti_guest_must_delay_inflate(guest);
        const bool polls =
            polled && !bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_TARGET_FIXED);
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

/* Starts a longer back-off than the last one, or waits for the next tick. Returns the length of the
 * wait. */
uint64_t bnti_guest_raise_backoff(struct bnt_guest *guest, struct bnti_guest_backoff *backoff)
{
    return guest->pace.on ? bnti_guest_back_off_to_next_tick(guest)
                          : bnti_guest_backoff_double_wait(guest, backoff);
}

/* Ends a cycle, for any reason, and returns all refused pages. */
void bnti_guest_end_cycle(struct bnt_guest *guest)
{
    bnti_guest_note_work(guest);
    bnti_guest_give_back_held_pages(guest);
    (void)bnti_guest_give_back_pages_set_aside(guest);
    bnti_guest_end_unusable_cycle(guest);
    bnti_guest_give_back_held_huge_pages(guest);
    bnti_guest_return_stuck_pages(guest);
    clear_cycle(guest);
}

/* Ends a cycle before its target is reached, so that refused pages are not held during the wait. */
void bnti_guest_end_cycle_early(struct bnt_guest *guest)
{
    if (guest->cycle != BNTI_GUEST_CYCLE_NONE || bnti_guest_has_refused_pages(guest)) {
        bnti_guest_end_cycle(guest);
    }
}
