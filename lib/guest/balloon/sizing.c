/*
 * Sizing: which request is next on the way to the target, and when it must wait. Inflates take
 * pages from the OS, deflates from the record; one of them is in flight at a time.
 */
#include "lib/guest/balloon/policy.h"

/* Gives back what is no whole unit, or all of it where that is the driver's way. */
static uint32_t whole_units(struct bnt_guest *guest, const uint64_t *pages, uint32_t got,
                            uint32_t want)
{
    const uint32_t unit = guest->config.unit_pfns >> guest->config.page_order;
    const bool nothing = got < want && bnti_guest_quirk(guest, BNT_GUEST_QUIRK_ALL_OR_NOTHING);
    const uint32_t keep = nothing ? 0 : got & ~(unit - 1);
    bnti_guest_give_back(guest, pages + keep, got - keep);
    return keep;
}

/*
 * Asks the OS for pages, and for others in place of those that cannot be ballooned: at most
 * BNT_GUEST_ASIDE_MAX times more. The OS may run out of memory in there and call bnt_guest_oom:
 * nothing of ours is half done at this point, so that works; what we got then goes straight back.
 */
static uint32_t pages_take(struct bnt_guest *guest, uint32_t want)
{
    uint64_t *pages = guest->requests[BNTI_GUEST_INFLATE].pages;
    uint32_t got = 0;
    bool more = true;
    while (more) {
        const uint32_t asked = want - got;
        bnti_guest_allocating(guest, true);
        uint32_t came = guest->ops.pages_alloc(guest->opaque, pages + got, asked);
        bnti_guest_allocating(guest, false);
        came = came < asked ? came : asked;
        const uint32_t usable = bnti_guest_pages_vet(guest, false, pages + got, came);
        got += usable;
        if (guest->state != BNT_GUEST_RUNNING || bnti_guest_inflate_waits(guest)) {
            (void)bnti_guest_aside_return(guest);
            bnti_guest_give_back(guest, pages, got);
            return 0;
        }
        more = came == asked && usable < came && !bnti_guest_aside_full(guest);
    }
    return whole_units(guest, pages, got, want);
}

/* The allocator gave `got` pages, too few: on with allocations that wait, or later. */
static void alloc_short(struct bnt_guest *guest, uint64_t missing, uint32_t got)
{
    uint64_t wait_ns = 0;
    guest->count.alloc_failures++;
    if (!bnti_guest_pace_short(guest, guest->config.page_order, got)) {
        wait_ns = bnti_guest_backoff_raise(guest, &guest->inflate_backoff);
    }
    bnti_guest_tell(guest, BNT_GUEST_EVENT_ALLOC_FAILED, missing - got, wait_ns);
}

/* Takes pages and sends them. False if there is nothing to do before something happens. */
static bool inflate_send(struct bnt_guest *guest, uint64_t missing, uint32_t want)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    const uint32_t parts = bnti_guest_huge_parts(guest, request->pages, want);
    want = parts > 0 ? parts : want;
    const uint32_t got = parts > 0 ? parts : pages_take(guest, want);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_inflate_waits(guest)) {
        return true; /* an OOM deflate came in between */
    }
    bnti_guest_request_fill(guest, BNTI_GUEST_INFLATE, false, got);
    if (got < want) {
        bnti_guest_request_short(guest, BNTI_GUEST_INFLATE);
        alloc_short(guest, missing, got);
    }
    if (got > 0) {
        bnti_guest_request_send(guest, BNTI_GUEST_INFLATE);
    } else if (!guest->pace.on && !guest->pace.sleep) {
        bnti_guest_cycle_end(guest);
        return false;
    }
    return true;
}

static bool inflate_next(struct bnt_guest *guest, uint64_t missing_pfns)
{
    if (bnti_guest_inflate_waits(guest)) {
        bnti_guest_tick_close(guest);
        bnti_guest_cycle_leave(guest);
        return false;
    }
    if (guest->pace.on && guest->cycle == BNTI_GUEST_CYCLE_DEFLATE) {
        bnti_guest_tick_close(guest); /* a tick has one direction */
        return false;
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_DEFLATE) {
        bnti_guest_cycle_end(guest);
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_NONE) {
        bnti_guest_pace_cycle(guest, BNTI_GUEST_CYCLE_INFLATE, missing_pfns);
    }
    bool over = false;
    if (guest->pace.huge && !bnti_guest_huge_next(guest, missing_pfns, &over)) {
        return false;
    }
    if (guest->pace.huge || over) {
        return true;
    }
    const uint64_t unit = guest->config.unit_pfns;
    const uint64_t missing = ((missing_pfns + unit - 1) & ~(unit - 1)) >> guest->config.page_order;
    const uint32_t fit = guest->wire->request_pages(guest, false) &
                         ~(uint32_t)((unit >> guest->config.page_order) - 1);
    const uint32_t most = (uint32_t)bnti_guest_min(missing, fit);
    const uint32_t want = bnti_guest_pace_allows(guest, guest->config.page_order, most);
    if (want == 0) {
        bnti_guest_tick_close(guest);
        return false;
    }
    if (!guest->wire->spend(guest)) {
        return false;
    }
    if (!guest->pace.sleep || guest->huge.held_count > 0) {
        return inflate_send(guest, missing, want);
    }
    bnti_guest_sleep_start(guest, want);
    return guest->pace.over;
}

/* Tells the device first, with or without MUST_TELL_HOST: pages are the OS's when it answered. */
static bool deflate_next(struct bnt_guest *guest, uint64_t excess_pfns)
{
    const bool huge = guest->record_pages == 0 && guest->huge.pages > 0;
    const uint32_t order = bnti_guest_order(guest, huge);
    if (guest->now_ns < guest->deflate_backoff.until_ns) {
        bnti_guest_cycle_leave(guest);
        return false;
    }
    if (guest->pace.on && guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        bnti_guest_tick_close(guest);
        return false;
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        bnti_guest_cycle_end(guest);
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_NONE) {
        bnti_guest_pace_cycle(guest, BNTI_GUEST_CYCLE_DEFLATE, excess_pfns);
    }
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_DEFLATE];
    const uint32_t count = bnti_guest_pace_allows(guest, order, BNTI_GUEST_PAGES);
    if (count == 0) {
        bnti_guest_tick_close(guest);
        return false;
    }
    if (!guest->wire->spend(guest)) {
        return false;
    }
    bnti_guest_record_take(guest, BNTI_GUEST_DEFLATE, excess_pfns, count);
    if (request->page_count == 0) {
        /* All that is left was refused in this cycle. */
        (void)bnti_guest_backoff_raise(guest, &guest->deflate_backoff);
        bnti_guest_cycle_end(guest);
        return true;
    }
    bnti_guest_request_send(guest, BNTI_GUEST_DEFLATE);
    if (request->busy && !guest->must_tell_host &&
        bnti_guest_quirk(guest, BNT_GUEST_QUIRK_FREE_BEFORE_TELL)) {
        bnti_guest_request_give_back(guest, BNTI_GUEST_DEFLATE);
        guest->count.deflated_pfns += bnti_guest_pfns_of(guest, request);
        bnti_guest_give_back_of(guest, request->huge, request->pages, request->page_count);
        bnti_guest_actual_write(guest, false);
    }
    return true;
}

static void target_reach(struct bnt_guest *guest, uint64_t have)
{
    bnti_guest_tick_close(guest);
    bnti_guest_cycle_leave(guest);
    bnti_guest_target_reach(guest, have);
}

/* Whether a tick is under way. On VIRTIO's wire one begins here; on VMware's, with a poll. */
static bool tick_ready(struct bnt_guest *guest)
{
    if (!guest->pace.on || guest->pace.open) {
        return true;
    }
    if (guest->wire->ticks || guest->now_ns < guest->pace.tick_ns) {
        return false;
    }
    guest->count.ticks++;
    bnti_guest_tick_count(guest);
    bnti_guest_tick_open(guest);
    return true;
}

/* One request, or one decision. False if there is nothing to do before something happens. */
static bool size_once(struct bnt_guest *guest)
{
    if (guest->held_due) {
        return bnti_guest_held_portion(guest);
    }
    const uint64_t have = bnti_guest_have_pfns(guest);
    if (bnti_guest_sleeps(guest)) {
        if (have < guest->target_pfns && !bnti_guest_inflate_waits(guest) && !guest->pace.over) {
            return false;
        }
        bnti_guest_sleep_cancel(guest);
    }
    if (guest->pace.on && guest->pace.over) {
        bnti_guest_tick_close(guest);
        return guest->held_due;
    }
    if (bnti_guest_at_target(guest, have)) {
        target_reach(guest, have);
        return guest->held_due;
    }
    bnti_guest_target_miss(guest);
    if (!tick_ready(guest)) {
        return false;
    }
    return have < guest->target_pfns ? inflate_next(guest, guest->target_pfns - have)
                                     : deflate_next(guest, have - guest->target_pfns);
}

/* On VMware's wire an answer is there at once, so it goes on until the budget is used up. */
void bnti_guest_size(struct bnt_guest *guest)
{
    bool more = true;
    while (more && guest->state == BNT_GUEST_RUNNING && !bnti_guest_sizing_in_flight(guest)) {
        more = size_once(guest) && (guest->pace.on || guest->pace.sleep || guest->huge.on);
    }
}

/* When sizing, or an OOM deflate that is owed, has something to do. */
uint64_t bnti_guest_size_due(const struct bnt_guest *guest)
{
    uint64_t due = BNT_NEVER;
    if (guest->oom_debt_pfns > 0 && !guest->requests[BNTI_GUEST_OOM].busy &&
        !bnti_guest_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE)) {
        return guest->now_ns;
    }
    if (bnti_guest_sizing_in_flight(guest)) {
        return due;
    }
    if (guest->pace.on) {
        return bnti_guest_pace_due(guest);
    }
    if (bnti_guest_sleeps(guest) && bnti_guest_have_pfns(guest) < guest->target_pfns) {
        return due;
    }
    const uint64_t have = bnti_guest_have_pfns(guest);
    const bool there = bnti_guest_at_target(guest, have);
    if (have > guest->target_pfns && !there) {
        due = guest->deflate_backoff.until_ns;
    } else if (have < guest->target_pfns && !guest->oom_pending &&
               !guest->requests[BNTI_GUEST_OOM].busy &&
               !guest->requests[BNTI_GUEST_INFLATE].gone_on) {
        due = guest->inflate_backoff.until_ns > guest->holdoff_until_ns
                  ? guest->inflate_backoff.until_ns
                  : guest->holdoff_until_ns;
    } else if (there && (!guest->reached || bnti_guest_refused_any(guest))) {
        due = guest->now_ns;
    }
    return due > guest->now_ns ? due : guest->now_ns;
}
