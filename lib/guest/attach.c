/*
 * Begins and ends attachments. Before an attachment begins, its state is cleared. When an
 * attachment ends, every page goes back to the OS. virtio_session.c and vmware_session.c exchange
 * the messages with the device.
 */
#include "lib/guest/front.h"

#include <string.h>

/* Clears the state of one attachment. The counters keep their values. */
void bnti_guest_clear_session(struct bnt_guest *guest)
{
    guest->features = 0;
    guest->verdicts = false;
    guest->resets = false;
    guest->must_tell_host = false;
    guest->big_endian = false;
    guest->init_inflate = false;
    guest->init_reported = false;
    bnti_guest_clear_queue_indices(guest);
    guest->config_marked = false;
    guest->freed_marked = false;
    bnti_guest_clear_queue_resets(guest);
    bnti_guest_clear_used_ring_pass(guest);
    bnti_guest_clear_target(guest);
    bnti_guest_backoff_clear(&guest->inflate_backoff);
    bnti_guest_backoff_clear(&guest->deflate_backoff);
    guest->config_due_ns = BNT_NEVER;
    guest->actual = 0;
    bnti_guest_adopt_epoch(guest, 0);
    bnti_guest_clear_oom_state(guest);
    bnti_guest_cancel_give_back_held(guest);
    bnti_guest_clear_unusable_counts(guest);
    bnti_guest_disable_huge_pages(guest);
    bnti_guest_pace_clear_state(guest);
    memset(&guest->vmware, 0, sizeof guest->vmware);
    bnti_guest_clear_features_state(guest);
}

bnt_status bnt_guest_attach(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (guest->state != BNT_GUEST_DOWN) {
        return BNT_E_STATE;
    }
    bnti_guest_enter_call(guest, now_ns);
    guest->recover_tried = 0;
    guest->recover_wait_ns = 0;
    guest->queue_reset_fails = false;
    bnti_guest_clear_session(guest);
    bnti_guest_set_state(guest, BNT_GUEST_STARTING);
    guest->wire->start(guest);
    bnt_status status = guest->wire->start_poll(guest);
    if (status == BNT_E_AGAIN) {
        status = BNT_OK;
    }
    bnti_guest_leave_call(guest);
    return status;
}

/* After a device reset: gives the pages of all requests in flight back to the OS (BX-17, BX-21). */
static void give_back_pages_in_flight(struct bnt_guest *guest)
{
    bnti_guest_abort_migration(guest);
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const struct bnti_guest_request *request = &guest->requests[slot];
        if (!request->busy) {
            continue;
        }
        bnti_guest_end_request(guest, (bnti_guest_slot)slot);
        if (request->given_back || request->gone_on) {
            continue;
        }
        bnti_guest_give_back_pages_of_size(guest, request->huge, request->pages,
                                           request->page_count);
        if (slot != BNTI_GUEST_INFLATE) {
            guest->count.totals.reset_pfns += bnti_guest_count_request_pfns(guest, request);
        }
    }
}

/*
 * Waits for the device reset, then gives every page back without a message. Returns OK when no page
 * is left, and E_AGAIN if the reset is not complete or the budget is spent.
 */
bnt_status bnti_guest_release_after_reset(struct bnt_guest *guest)
{
    if (guest->drv.state == BNT_DRV_RESETTING && bnti_virtio_poll_reset(guest) != BNT_OK) {
        return BNT_E_AGAIN;
    }
    give_back_pages_in_flight(guest);
    bnti_guest_give_back_held_huge_pages(guest);
    bnti_guest_release_feature_pages(guest);
    while (guest->budget > 0 && (bnti_guest_release_batch(guest, BNT_NEVER) > 0 ||
                                 bnti_guest_give_back_feature_pages(guest) > 0)) {
        bnti_guest_spend_budget(guest);
    }
    return bnti_guest_has_pages(guest) || bnti_guest_count_feature_pfns(guest) > 0 ? BNT_E_AGAIN
                                                                                   : BNT_OK;
}

bnt_status bnti_guest_poll_stop(struct bnt_guest *guest)
{
    if (guest->wire->stop_waits(guest) || bnti_guest_release_after_reset(guest) != BNT_OK) {
        return BNT_E_AGAIN;
    }
    bnti_guest_complete_oom_deflate(guest);
    bnti_guest_clear_session(guest);
    guest->emptying = false;
    bnti_guest_set_state(guest, BNT_GUEST_DOWN);
    return BNT_OK;
}

/* Stops the instance: resets the device, unless `gone` says that the device was unplugged. */
bnt_status bnti_guest_stop_instance(struct bnt_guest *guest, bool gone)
{
    guest->leaving = false;
    if (guest->state != BNT_GUEST_STOPPING) {
        bnti_guest_cancel_sleeping_alloc(guest);
        guest->given_pfns_before =
            guest->count.totals.reset_pfns + guest->count.totals.deflated_pfns;
        (void)bnti_guest_give_back_pages_set_aside(guest);
    }
    if (guest->state != BNT_GUEST_STOPPING && !gone) {
        guest->wire->stop(guest);
    }
    if (gone) { /* the device has no registers any more, and cannot hold a page */
        guest->drv.state = BNT_DRV_DOWN;
        guest->vmware.stop_owed = false;
    }
    if (guest->state != BNT_GUEST_STOPPING) {
        bnti_guest_set_state(guest, BNT_GUEST_STOPPING);
    }
    return bnti_guest_poll_stop(guest);
}

static bnt_status begin_detach_or_unplug(struct bnt_guest *guest, uint64_t now_ns, bool gone)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (guest->state == BNT_GUEST_DOWN) {
        return BNT_OK;
    }
    bnti_guest_enter_call(guest, now_ns);
    guest->budget = BNTI_GUEST_DETACH_BATCHES;
    const bnt_status status = bnti_guest_stop_instance(guest, gone);
    bnti_guest_leave_call(guest);
    return status;
}

bnt_status bnt_guest_detach(struct bnt_guest *guest, uint64_t now_ns)
{
    return begin_detach_or_unplug(guest, now_ns, false);
}

bnt_status bnt_guest_handle_unplug(struct bnt_guest *guest, uint64_t now_ns)
{
    return begin_detach_or_unplug(guest, now_ns, true);
}
