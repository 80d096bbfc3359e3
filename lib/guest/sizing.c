/*
 * Sizing: which request is next on the way to the target, and when it must wait. Inflates take
 * pages from the OS, deflates from the record; one of them is in flight at a time.
 */
#include "guest_private.h"

/* What counts as ballooned: the record and the pages whose deflate was refused. */
uint64_t bnti_guest_have_pfns(const struct bnt_guest *guest)
{
    return ((guest->record_pages + guest->kept_count) << guest->config.page_order) +
           ((guest->huge.pages + guest->huge.kept_count) << BNT_BALLOON_2M_ORDER);
}

/* Those of the record alone. */
uint64_t bnti_guest_record_pfns(const struct bnt_guest *guest)
{
    return (guest->record_pages << guest->config.page_order) +
           (guest->huge.pages << BNT_BALLOON_2M_ORDER);
}

/*
 * Adopts a target: rounded up to whole pages in 64 bits (a u32 would wrap), capped by memory.
 * A change that the device told of ends waits that it makes pointless: for NOT_NEEDED, and for
 * memory where less is wanted. A wait after refusals it does not end (BX-13), nor does a change
 * found in an answer, so that no device can talk us out of a back-off. With the quirk any word
 * does.
 */
void bnti_guest_target_set(struct bnt_guest *guest, uint64_t num_pages, bool told)
{
    const uint64_t mask = guest->config.unit_pfns - UINT64_C(1);
    const uint64_t wanted = (num_pages + mask) & ~mask;
    const uint64_t most = guest->emptying ? 0 : guest->config.memory_pfns & ~mask;
    const uint64_t target = bnti_guest_min(wanted, most);
    const bool changed = num_pages != guest->num_pages;
    guest->num_pages = num_pages;
    const bool quirk = bnti_guest_quirk(guest, BNT_GUEST_QUIRK_RETRY_ON_CHANGE);
    if (told && (changed || quirk)) {
        const bool less = target < guest->target_pfns && !guest->inflate_backoff.refused;
        if (less || guest->inflate_backoff.not_needed || quirk) {
            guest->inflate_backoff.until_ns = 0;
        }
        guest->deflate_backoff.until_ns = 0;
    }
    if (target != guest->target_pfns) {
        guest->target_pfns = target;
        guest->reached = false;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_TARGET, target, 0);
    }
}

/*
 * Whether inflation must wait: a back-off, the hold-off after an OOM, an OOM not yet met. While an
 * OOM deflate is in flight its pages may be the OS's already: to inflate one of them now would let
 * the device see the two requests in either order.
 */
bool bnti_guest_inflate_waits(const struct bnt_guest *guest)
{
    return guest->now_ns < guest->inflate_backoff.until_ns ||
           guest->now_ns < guest->holdoff_until_ns || guest->oom_pending ||
           guest->requests[BNTI_GUEST_OOM].busy || guest->requests[BNTI_GUEST_INFLATE].gone_on;
}

/* Whether a refused page waits for the end of its cycle. */
bool bnti_guest_refused_any(const struct bnt_guest *guest)
{
    return guest->held_count + guest->kept_count + guest->aside_count + guest->huge.held_count +
               guest->huge.kept_count >
           0;
}

/* Leaves a cycle that is not at its aim; refused pages do not wait with us. */
void bnti_guest_cycle_leave(struct bnt_guest *guest)
{
    if (guest->cycle != BNTI_GUEST_CYCLE_NONE || bnti_guest_refused_any(guest)) {
        bnti_guest_cycle_end(guest);
    }
}

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
        guest->call = BNTI_GUEST_CALL_ALLOCATING;
        uint32_t came = guest->ops.pages_alloc(guest->opaque, pages + got, asked);
        guest->call = BNTI_GUEST_CALL_BUSY;
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
    request->huge = false;
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_inflate_waits(guest)) {
        return true; /* an OOM deflate came in between */
    }
    request->page_count = got;
    request->partial = got < want;
    if (request->partial) {
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
        guest->huge.phase = guest->huge.on && guest->pace.slow_cycles == 0;
    }
    bool over = false;
    if (guest->huge.phase && !bnti_guest_huge_next(guest, missing_pfns, &over)) {
        return false;
    }
    if (guest->huge.phase || over) {
        return true;
    }
    const uint64_t unit = guest->config.unit_pfns;
    const uint64_t missing = ((missing_pfns + unit - 1) & ~(unit - 1)) >> guest->config.page_order;
    const uint32_t fit =
        bnti_guest_pages_per_request(guest) & ~(uint32_t)((unit >> guest->config.page_order) - 1);
    const uint32_t most = (uint32_t)bnti_guest_min(missing, fit);
    const uint32_t want = bnti_guest_pace_allows(guest, guest->config.page_order, most);
    if (want == 0) {
        bnti_guest_tick_close(guest);
        return false;
    }
    if (!bnti_guest_spend(guest)) {
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
    if (!bnti_guest_spend(guest)) {
        return false;
    }
    bnti_guest_record_take(guest, request, excess_pfns, count);
    if (request->page_count == 0) {
        /* All that is left was refused in this cycle. */
        (void)bnti_guest_backoff_raise(guest, &guest->deflate_backoff);
        bnti_guest_cycle_end(guest);
        return true;
    }
    bnti_guest_request_send(guest, BNTI_GUEST_DEFLATE);
    if (request->busy && !guest->must_tell_host &&
        bnti_guest_quirk(guest, BNT_GUEST_QUIRK_FREE_BEFORE_TELL)) {
        request->given_back = true;
        guest->count.deflated_pfns += bnti_guest_pfns_of(guest, request);
        bnti_guest_give_back_of(guest, request->huge, request->pages, request->page_count);
        bnti_guest_actual_write(guest, false);
    }
    return true;
}

/* Whether a request of sizing, or of a move, is with the device, or its queue cannot take one. */
bool bnti_guest_sizing_in_flight(const struct bnt_guest *guest)
{
    return (guest->requests[BNTI_GUEST_INFLATE].busy &&
            !guest->requests[BNTI_GUEST_INFLATE].gone_on) ||
           guest->requests[BNTI_GUEST_DEFLATE].busy ||
           bnti_guest_queue_resetting(guest, BNTI_GUEST_Q_INFLATE) ||
           bnti_guest_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE);
}

/*
 * Whether the balloon has what it should. A driver of units is there when it is less than one
 * above; on VMware's wire the slack does not start a deflate, nor does on VIRTIO's the rest of a
 * page of 2 MiB where the last one may go over.
 */
bool bnti_guest_at_target(const struct bnt_guest *guest, uint64_t have)
{
    if (guest->emptying) {
        return have == 0;
    }
    const uint64_t unit = guest->config.unit_pfns;
    const uint64_t least = unit >> guest->config.page_order > 1 ? unit - 1 : 0;
    uint64_t over = least;
    if (guest->target_pfns != 0 && guest->cycle != BNTI_GUEST_CYCLE_DEFLATE) {
        const uint64_t rest = bnti_guest_huge_over(guest);
        over = bnti_guest_on_vmware(guest) ? guest->config.vmware.slack_pfns
               : rest > least              ? rest
                                           : least;
    }
    return have >= guest->target_pfns && have - guest->target_pfns <= over;
}

static void target_reach(struct bnt_guest *guest, uint64_t have)
{
    bnti_guest_tick_close(guest);
    bnti_guest_cycle_leave(guest);
    if (!guest->reached) {
        guest->reached = true;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_TARGET_REACHED, have, 0);
    }
}

/* Whether a tick is under way. On VIRTIO's wire one begins here; on VMware's, with a poll. */
static bool tick_ready(struct bnt_guest *guest)
{
    if (!guest->pace.on || guest->pace.open) {
        return true;
    }
    if (bnti_guest_on_vmware(guest) || guest->now_ns < guest->pace.tick_ns) {
        return false;
    }
    guest->count.ticks++;
    guest->pace.slow_cycles -= guest->pace.slow_cycles > 0;
    bnti_guest_tick_open(guest);
    return true;
}

/* Held pages without a bound go back in portions. */
static bool held_portion(struct bnt_guest *guest)
{
    if (guest->budget == 0) {
        return false;
    }
    guest->budget--;
    const uint32_t count = bnti_guest_held_pop(guest, guest->scratch, BNTI_GUEST_BATCH);
    guest->held_due = guest->held_count > 0;
    guest->count.returned_pages += count;
    bnti_guest_give_back(guest, guest->scratch, count);
    bnti_guest_tell(guest, BNT_GUEST_EVENT_RETURNED, count, 0);
    return true;
}

/* One request, or one decision. False if there is nothing to do before something happens. */
static bool size_once(struct bnt_guest *guest)
{
    if (guest->held_due) {
        return held_portion(guest);
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
    guest->reached = false;
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
