/*
 * OOM deflate: a synchronous call by which an OS without free memory gets pages back. An OOM
 * deflate has its own request slot and allocates nothing. The OS can call it even while the OS
 * allocates pages for the balloon.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

static bool is_oom_request_pending(const struct bnt_guest *guest)
{
    const struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_OOM];
    return request->busy && !request->given_back;
}

/* Deflates up to `pfns` PFNs of the record. Without MUST_TELL_HOST, the OS gets the pages back at
 * once (BD-11). */
static void send_oom_deflate(struct bnt_guest *guest, uint64_t pfns)
{
    const struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_OOM];
    bnti_guest_fill_request_from_record(guest, BNTI_GUEST_OOM, pfns, UINT32_MAX);
    guest->oom_gave_up = false;
    bnti_guest_submit_request(guest, BNTI_GUEST_OOM);
    bnti_guest_apply_ready_answer(guest);
    guest->holdoff_until_ns = bnti_guest_add_time(guest->now_ns, guest->config.oom.holdoff_ns);
    if (request->busy && !guest->must_tell_host &&
        !bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_OOM_TELL_FIRST)) {
        bnti_guest_mark_request_given_back(guest, BNTI_GUEST_OOM);
        const uint64_t freed = bnti_guest_count_request_pfns(guest, request);
        guest->count.totals.deflated_pfns += freed;
        guest->count.totals.oom_pfns += freed;
        guest->oom_freed_pfns += freed;
        bnti_guest_give_back_pages_of_size(guest, request->huge, request->pages,
                                           request->page_count);
    }
}

/* Polls the used ring, at most oom_polls times, until the OOM request is answered. */
static void poll_oom_deflate(struct bnt_guest *guest)
{
    for (uint32_t i = 0; i < guest->config.oom.polls; i++) {
        bnti_guest_pop_used_of_queue(guest, BNTI_GUEST_Q_DEFLATE);
        if (!guest->requests[BNTI_GUEST_OOM].busy || guest->state != BNT_GUEST_RUNNING) {
            return;
        }
        if (guest->ops.oom.relax != NULL) {
            guest->ops.oom.relax(guest->opaque);
        }
    }
}

/*
 * Sends requests until `pfns` PFNs are freed. Pages that an earlier call left in flight are counted
 * if they come back now, because the OS asks again for the same memory.
 */
static uint64_t deflate_for_oom(struct bnt_guest *guest, uint64_t pfns)
{
    const struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_OOM];
    const uint64_t before = guest->oom_freed_pfns;
    guest->oom_gave_up = false;
    for (;;) {
        if (request->busy) {
            poll_oom_deflate(guest);
        }
        if (request->busy || guest->state != BNT_GUEST_RUNNING || guest->oom_gave_up ||
            bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE)) {
            break;
        }
        const uint64_t freed = guest->oom_freed_pfns - before;
        if (freed >= pfns || bnti_guest_count_recorded_pfns(guest) == 0) {
            break;
        }
        send_oom_deflate(guest, pfns - freed);
        if (guest->oom_freed_pfns - before >= pfns) {
            break;
        }
    }
    const uint64_t freed = guest->oom_freed_pfns - before;
    guest->oom_freed_pfns = before; /* this call reports these PFNs, OOM_DONE does not */
    return freed;
}

/* Records how many PFNs must still be sent. The numbers of repeated calls are not added up: their
 * sum could empty the balloon. */
static uint64_t record_unsent_oom_pfns(struct bnt_guest *guest, uint64_t missing_pfns)
{
    const uint64_t waiting =
        is_oom_request_pending(guest)
            ? bnti_guest_count_request_pfns(guest, &guest->requests[BNTI_GUEST_OOM])
            : 0;
    uint64_t debt = missing_pfns > waiting ? missing_pfns - waiting : 0;
    debt = debt > guest->oom_debt_pfns ? debt : guest->oom_debt_pfns;
    debt = bnti_guest_min(debt, bnti_guest_count_recorded_pfns(guest));
    guest->oom_debt_pfns = guest->oom_gave_up ? 0 : debt;
    guest->oom_pending = guest->oom_pending || waiting + guest->oom_debt_pfns > 0;
    return waiting + guest->oom_debt_pfns;
}

void bnti_guest_deflate_on_oom(struct bnt_guest *guest, uint64_t pfns,
                               struct bnt_guest_oom_result *result)
{
    guest->holdoff_until_ns = bnti_guest_add_time(guest->now_ns, guest->config.oom.holdoff_ns);
    bnti_guest_cancel_sleeping_alloc(guest);
    /*
     * Held pages and pages set aside need no message to the device: they were never in the balloon.
     */
    result->freed_pfns += (uint64_t)bnti_guest_give_back_pages_set_aside(guest)
                          << guest->config.memory.page_order;
    if (!bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL)) {
        result->freed_pfns += (uint64_t)guest->held_count << guest->config.memory.page_order;
        bnti_guest_give_back_held_pages(guest);
    }
    if (result->freed_pfns < pfns) {
        result->freed_pfns += deflate_for_oom(guest, pfns - result->freed_pfns);
    }
    if (guest->state == BNT_GUEST_RUNNING) {
        bnti_guest_write_actual(guest, false);
        const uint64_t missing = pfns > result->freed_pfns ? pfns - result->freed_pfns : 0;
        result->pending_pfns = record_unsent_oom_pfns(guest, missing);
    }
}

/* After a reset of the balloon, pages are released without a message to the device. */
void bnti_guest_release_pages_on_oom(struct bnt_guest *guest, uint64_t pfns,
                                     struct bnt_guest_oom_result *result)
{
    while (result->freed_pfns < pfns) {
        const uint64_t freed = bnti_guest_release_batch(guest, pfns - result->freed_pfns);
        if (freed == 0) {
            return;
        }
        result->freed_pfns += freed;
    }
}

/* The reset of the device is not complete. After the reset, all pages go back to the OS without a
 * message. */
void bnti_guest_defer_oom_to_reset(struct bnt_guest *guest, uint64_t pfns,
                                   struct bnt_guest_oom_result *result)
{
    uint64_t all = bnti_guest_count_ballooned_pfns(guest) +
                   ((uint64_t)guest->held_count << guest->config.memory.page_order) +
                   bnti_guest_count_held_huge_pfns(guest);
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const struct bnti_guest_request *request = &guest->requests[slot];
        const bool returns = request->busy && !request->given_back && !request->gone_on;
        all += returns ? bnti_guest_count_request_pfns(guest, request) : 0;
    }
    result->pending_pfns = bnti_guest_min(pfns, all);
    guest->oom_pending = guest->oom_pending || result->pending_pfns > 0;
}

/* The device answered an OOM deflate: `pfns` PFNs went back to the OS. If `gave_up` is set, the
 * device refused pages, and the current call sends no more requests. */
void bnti_guest_note_oom_answer(struct bnt_guest *guest, uint64_t pfns, bool gave_up)
{
    guest->count.totals.oom_pfns += pfns;
    guest->oom_freed_pfns += pfns;
    guest->oom_gave_up = gave_up;
}

/*
 * A reset of the balloon ended an OOM deflate: `pfns` PFNs went back to the OS without an answer.
 */
void bnti_guest_note_oom_reset(struct bnt_guest *guest, uint64_t pfns)
{
    guest->oom_freed_pfns += pfns;
}

/* Forgets the PFNs that an OOM deflate still had to send, because a reset gives all pages back
 * anyway. */
void bnti_guest_clear_unsent_oom_pfns(struct bnt_guest *guest)
{
    guest->oom_debt_pfns = 0;
}

void bnti_guest_clear_oom_state(struct bnt_guest *guest)
{
    guest->holdoff_until_ns = 0;
    guest->oom_debt_pfns = 0;
    guest->oom_freed_pfns = 0;
    guest->oom_pending = false;
    guest->oom_gave_up = false;
}

/* All pages are back: completes a pending OOM deflate. */
void bnti_guest_complete_oom_deflate(struct bnt_guest *guest)
{
    const uint64_t freed = guest->count.totals.reset_pfns + guest->count.totals.deflated_pfns -
                           guest->given_pfns_before;
    if (guest->oom_pending) {
        guest->oom_pending = false;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_OOM_DONE, guest->oom_freed_pfns + freed, 0);
    }
}

/* In a step: sends the PFNs that an OOM deflate must still send, and emits OOM_DONE at the end. */
void bnti_guest_continue_oom_deflate(struct bnt_guest *guest)
{
    const struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_OOM];
    if (!guest->oom_pending) {
        return;
    }
    if (guest->oom_gave_up) {
        guest->oom_debt_pfns = 0;
    }
    guest->oom_debt_pfns =
        bnti_guest_min(guest->oom_debt_pfns, bnti_guest_count_recorded_pfns(guest));
    if (guest->oom_debt_pfns > 0 && !request->busy && guest->budget > 0 &&
        !bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE)) {
        bnti_guest_spend_budget(guest);
        send_oom_deflate(guest, guest->oom_debt_pfns);
        guest->oom_debt_pfns -=
            bnti_guest_min(guest->oom_debt_pfns, bnti_guest_count_request_pfns(guest, request));
        bnti_guest_write_actual(guest, false);
    }
    if (guest->oom_debt_pfns == 0 && !is_oom_request_pending(guest)) {
        const uint64_t freed = guest->oom_freed_pfns;
        guest->oom_pending = false;
        guest->oom_freed_pfns = 0;
        guest->holdoff_until_ns = bnti_guest_add_time(guest->now_ns, guest->config.oom.holdoff_ns);
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_OOM_DONE, freed, 0);
    }
}
