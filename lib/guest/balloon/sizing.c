/*
 * Sizing chooses the next request that leads to the target, or decides that the driver must wait.
 * An inflate takes pages from the OS, and a deflate takes pages from the record. Only one such
 * request is in flight at a time.
 */
#include "lib/guest/balloon/policy.h"

/* Gives back the pages that do not fill a whole unit. With the quirk ALL_OR_NOTHING, gives all
 * pages back if some are missing. */
static uint32_t keep_pages_of_whole_units(struct bnt_guest *guest, const uint64_t *pages,
                                          uint32_t got, uint32_t want)
{
    const uint32_t unit = guest->config.sizing.granule_pfns >> guest->config.memory.page_order;
    const bool nothing = got < want && bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_ALL_OR_NOTHING);
    const uint32_t keep = nothing ? 0 : got & ~(unit - 1);
    bnti_guest_give_back_pages(guest, pages + keep, got - keep);
    return keep;
}

/*
 * Allocates pages from the OS. Pages that cannot be ballooned are replaced by further pages, up to
 * BNT_GUEST_UNUSABLE_MAX of them. If the OS runs out of memory during an allocation, it is allowed
 * to call bnt_guest_handle_oom, because the state is consistent here. The allocated pages are then
 * given back at once.
 */
static uint32_t allocate_pages(struct bnt_guest *guest, uint32_t want)
{
    uint64_t *pages = guest->requests[BNTI_GUEST_INFLATE].pages;
    uint32_t got = 0;
    bool more = true;
    while (more) {
        const uint32_t asked = want - got;
        bnti_guest_set_allocating(guest, true);
        uint32_t came = guest->ops.pages.alloc(guest->opaque, pages + got, asked);
        bnti_guest_set_allocating(guest, false);
        came = came < asked ? came : asked;
        const uint32_t usable = bnti_guest_validate_pages(guest, false, pages + got, came);
        got += usable;
        if (guest->state != BNT_GUEST_RUNNING || bnti_guest_must_delay_inflate(guest)) {
            (void)bnti_guest_give_back_pages_set_aside(guest);
            bnti_guest_give_back_pages(guest, pages, got);
            return 0;
        }
        more = came == asked && usable < came && !bnti_guest_is_aside_list_full(guest);
    }
    return keep_pages_of_whole_units(guest, pages, got, want);
}

/* The allocator returned only `got` pages: continues with sleeping allocations, or backs off. */
static void handle_short_alloc(struct bnt_guest *guest, uint64_t missing, uint32_t got)
{
    uint64_t wait_ns = 0;
    guest->count.totals.alloc_failures++;
    if (!bnti_guest_pace_handle_short_alloc(guest, guest->config.memory.page_order, got)) {
        wait_ns = bnti_guest_raise_backoff(guest, &guest->inflate_backoff);
    }
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_ALLOC_FAILED, missing - got, wait_ns);
}

/* Allocates pages and sends an inflate. Returns false if the driver has to wait. */
static bool send_inflate(struct bnt_guest *guest, uint64_t missing, uint32_t want)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    const uint32_t parts = bnti_guest_split_held_huge_pages(guest, request->pages, want);
    want = parts > 0 ? parts : want;
    const uint32_t got = parts > 0 ? parts : allocate_pages(guest, want);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_must_delay_inflate(guest)) {
        return true; /* an OOM deflate happened during the allocation */
    }
    bnti_guest_prepare_request(guest, BNTI_GUEST_INFLATE, false, got);
    if (got < want) {
        bnti_guest_mark_request_partial(guest, BNTI_GUEST_INFLATE);
        handle_short_alloc(guest, missing, got);
    }
    if (got > 0) {
        bnti_guest_submit_request(guest, BNTI_GUEST_INFLATE);
    } else if (!guest->pace.on && !guest->pace.sleep) {
        bnti_guest_end_cycle(guest);
        return false;
    }
    return true;
}

static bool advance_inflate(struct bnt_guest *guest, uint64_t missing_pfns)
{
    if (bnti_guest_must_delay_inflate(guest)) {
        bnti_guest_close_tick(guest);
        bnti_guest_end_cycle_early(guest);
        return false;
    }
    if (guest->pace.on && guest->cycle == BNTI_GUEST_CYCLE_DEFLATE) {
        bnti_guest_close_tick(guest); /* a tick either inflates or deflates */
        return false;
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_DEFLATE) {
        bnti_guest_end_cycle(guest);
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_NONE) {
        bnti_guest_pace_begin_cycle(guest, BNTI_GUEST_CYCLE_INFLATE, missing_pfns);
    }
    bool over = false;
    if (guest->pace.huge && !bnti_guest_inflate_huge_pages(guest, missing_pfns, &over)) {
        return false;
    }
    if (guest->pace.huge || over) {
        return true;
    }
    const uint64_t unit = guest->config.sizing.granule_pfns;
    const uint64_t missing =
        ((missing_pfns + unit - 1) & ~(unit - 1)) >> guest->config.memory.page_order;
    const uint32_t fit = guest->wire->request_pages(guest, false) &
                         ~(uint32_t)((unit >> guest->config.memory.page_order) - 1);
    const uint32_t most = (uint32_t)bnti_guest_min(missing, fit);
    const uint32_t want = bnti_guest_pace_limit_pages(guest, guest->config.memory.page_order, most);
    if (want == 0) {
        bnti_guest_close_tick(guest);
        return false;
    }
    if (!guest->wire->spend(guest)) {
        return false;
    }
    if (!guest->pace.sleep || guest->huge.held_count > 0) {
        return send_inflate(guest, missing, want);
    }
    bnti_guest_start_sleeping_alloc(guest, want);
    return guest->pace.over;
}

/* Sends the next deflate. Even without MUST_TELL_HOST, the OS gets the pages only when the device
 * has answered. */
static bool advance_deflate(struct bnt_guest *guest, uint64_t excess_pfns)
{
    const bool huge = guest->record_pages == 0 && guest->huge.pages > 0;
    const uint32_t order = bnti_guest_get_page_order(guest, huge);
    if (guest->now_ns < guest->deflate_backoff.until_ns) {
        bnti_guest_end_cycle_early(guest);
        return false;
    }
    if (guest->pace.on && guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        bnti_guest_close_tick(guest);
        return false;
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
        bnti_guest_end_cycle(guest);
    }
    if (guest->cycle == BNTI_GUEST_CYCLE_NONE) {
        bnti_guest_pace_begin_cycle(guest, BNTI_GUEST_CYCLE_DEFLATE, excess_pfns);
    }
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_DEFLATE];
    const uint32_t count = bnti_guest_pace_limit_pages(guest, order, BNTI_GUEST_PAGES);
    if (count == 0) {
        bnti_guest_close_tick(guest);
        return false;
    }
    if (!guest->wire->spend(guest)) {
        return false;
    }
    bnti_guest_fill_request_from_record(guest, BNTI_GUEST_DEFLATE, excess_pfns, count);
    if (request->page_count == 0) {
        /* The device refused all remaining pages in this cycle. */
        (void)bnti_guest_raise_backoff(guest, &guest->deflate_backoff);
        bnti_guest_end_cycle(guest);
        return true;
    }
    bnti_guest_submit_request(guest, BNTI_GUEST_DEFLATE);
    if (request->busy && !guest->must_tell_host &&
        bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_FREE_BEFORE_TELL)) {
        bnti_guest_mark_request_given_back(guest, BNTI_GUEST_DEFLATE);
        guest->count.totals.deflated_pfns += bnti_guest_count_request_pfns(guest, request);
        bnti_guest_give_back_pages_of_size(guest, request->huge, request->pages,
                                           request->page_count);
        bnti_guest_write_actual(guest, false);
    }
    return true;
}

static void handle_target_reached(struct bnt_guest *guest, uint64_t have)
{
    bnti_guest_close_tick(guest);
    bnti_guest_end_cycle_early(guest);
    bnti_guest_note_target_reached(guest, have);
}

/* Whether a tick is in progress. On VIRTIO's wire this function begins a tick that is due; on
 * VMware's wire a poll begins it. */
static bool is_tick_ready(struct bnt_guest *guest)
{
    if (!guest->pace.on || guest->pace.open) {
        return true;
    }
    if (guest->wire->ticks || guest->now_ns < guest->pace.tick_ns) {
        return false;
    }
    guest->count.rates.ticks++;
    bnti_guest_count_down_slow_ticks(guest);
    bnti_guest_begin_tick(guest);
    return true;
}

/* Sends one request or makes one decision. Returns false if the driver has to wait. */
static bool run_sizing_step(struct bnt_guest *guest)
{
    if (guest->held_due) {
        return bnti_guest_give_back_held_pages_portion(guest);
    }
    const uint64_t have = bnti_guest_count_ballooned_pfns(guest);
    if (bnti_guest_awaits_sleeping_alloc(guest)) {
        if (have < guest->target_pfns && !bnti_guest_must_delay_inflate(guest) &&
            !guest->pace.over) {
            return false;
        }
        bnti_guest_cancel_sleeping_alloc(guest);
    }
    if (guest->pace.on && guest->pace.over) {
        bnti_guest_close_tick(guest);
        return guest->held_due;
    }
    if (bnti_guest_is_at_target(guest, have, guest->target_pfns)) {
        handle_target_reached(guest, have);
        return guest->held_due;
    }
    bnti_guest_note_target_missed(guest);
    if (!is_tick_ready(guest)) {
        return false;
    }
    return have < guest->target_pfns ? advance_inflate(guest, guest->target_pfns - have)
                                     : advance_deflate(guest, have - guest->target_pfns);
}

/* Sizes the balloon. If the wire answers each request at once, further requests are sent until the
 * budget is spent. */
void bnti_guest_adjust_balloon_size(struct bnt_guest *guest)
{
    bool more = true;
    while (more && guest->state == BNT_GUEST_RUNNING && !bnti_guest_is_sizing_busy(guest)) {
        more = run_sizing_step(guest) && (guest->pace.on || guest->pace.sleep || guest->huge.on);
        bnti_guest_apply_ready_answer(guest);
    }
}

/* Returns the time at which the next request towards the target, or of an unfinished OOM deflate,
 * is due. */
uint64_t bnti_guest_get_sizing_deadline(const struct bnt_guest *guest)
{
    uint64_t due = BNT_NEVER;
    if (guest->oom_debt_pfns > 0 && !guest->requests[BNTI_GUEST_OOM].busy &&
        !bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE)) {
        return guest->now_ns;
    }
    if (bnti_guest_is_sizing_busy(guest)) {
        return due;
    }
    const uint64_t have = bnti_guest_count_ballooned_pfns(guest);
    if (guest->pace.on) {
        return bnti_guest_pace_get_deadline(guest, have, guest->target_pfns);
    }
    if (bnti_guest_awaits_sleeping_alloc(guest) && have < guest->target_pfns) {
        return due;
    }
    const bool there = bnti_guest_is_at_target(guest, have, guest->target_pfns);
    if (have > guest->target_pfns && !there) {
        due = guest->deflate_backoff.until_ns;
    } else if (have < guest->target_pfns && !guest->oom_pending &&
               !guest->requests[BNTI_GUEST_OOM].busy &&
               !guest->requests[BNTI_GUEST_INFLATE].gone_on) {
        due = guest->inflate_backoff.until_ns > guest->holdoff_until_ns
                  ? guest->inflate_backoff.until_ns
                  : guest->holdoff_until_ns;
    } else if (there && (!guest->reached || bnti_guest_has_refused_pages(guest))) {
        due = guest->now_ns;
    }
    return due > guest->now_ns ? due : guest->now_ns;
}
