/*
 * Follows changes of the target and of the epoch: reads configuration space, checks for a new
 * target or epoch before an answer is applied, and begins and acknowledges a reset of the balloon.
 * config.c accesses the fields; release.c gives pages back.
 */
#include "lib/guest/front.h"

/* The host has reset the balloon: no request is sent until the release ends (BX-17). */
void bnti_guest_begin_release(struct bnt_guest *guest)
{
    guest->count.totals.resets++;
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RESET, guest->epoch_seen,
                          bnti_guest_count_ballooned_pfns(guest));
    bnti_guest_backoff_end_wait(&guest->inflate_backoff);
    bnti_guest_backoff_end_wait(&guest->deflate_backoff);
    bnti_guest_clear_unsent_oom_pfns(guest);
    bnti_guest_cancel_sleeping_alloc(guest);
    bnti_guest_give_back_held_huge_pages(guest); /* the device refused these pages */
    (void)bnti_guest_give_back_pages_set_aside(guest);
    bnti_guest_cancel_give_back_held(guest);
    bnti_guest_pace_restart_ticks(guest);
    bnti_guest_set_state(guest, BNT_GUEST_RELEASING);
}

/* A new epoch means that the host reset the balloon. During a release, a new epoch is only stored
 * for later (BX-20). */
static void handle_epoch_change(struct bnt_guest *guest, uint32_t epoch)
{
    if (guest->state == BNT_GUEST_RUNNING && epoch != guest->epoch) {
        bnti_guest_note_latest_epoch(guest, epoch);
        bnti_guest_begin_release(guest);
    } else if (guest->state == BNT_GUEST_RELEASING && epoch != guest->epoch_seen) {
        bnti_guest_note_latest_epoch(guest, epoch);
        guest->count.totals.resets++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RESET, epoch,
                              bnti_guest_count_ballooned_pfns(guest));
    }
}

/*
 * Reads the target and the epoch from configuration space, if the device is present: registers of
 * an unplugged device read as all ones. `told` says that the device announced a change, or that
 * polling is due.
 */
void bnti_guest_read_config(struct bnt_guest *guest, bool told)
{
    uint32_t epoch = 0;
    uint32_t num_pages = 0;
    bnt_status status = BNT_OK;
    if (bnti_guest_check_device_lost(guest)) {
        return;
    }
    if (guest->resets) {
        status = bnti_guest_read_config_le32(guest, BNT_BALLOON_CONFIG_EPOCH, &epoch);
    }
    if (status == BNT_OK) {
        status = bnti_guest_read_config_le32(guest, BNT_BALLOON_CONFIG_NUM_PAGES, &num_pages);
    }
    if (status == BNT_OK) {
        status = bnti_guest_read_features_config(guest);
    }
    if (status != BNT_OK) {
        bnti_guest_mark_broken(guest, status, BNT_FAULT_CONFIG_UNSETTLED, 0);
        return;
    }
    bnti_guest_set_target(guest, num_pages, told);
    if (guest->resets) {
        handle_epoch_change(guest, epoch);
    }
}

/* In a step: reads configuration space if the device announced a change or polling is due. */
void bnti_virtio_poll_config(struct bnt_guest *guest)
{
    if (guest->config.sizing.poll_ns != 0 && guest->config_due_ns == BNT_NEVER) {
        guest->config_due_ns = bnti_guest_add_time(guest->now_ns, guest->config.sizing.poll_ns);
    }
    const bool due = guest->now_ns >= guest->config_due_ns;
    if (!guest->config_marked && !due) {
        return;
    }
    guest->config_marked = false;
    bnti_guest_note_work(guest);
    if (due) {
        guest->config_due_ns = bnti_guest_add_time(guest->now_ns, guest->config.sizing.poll_ns);
    }
    bnti_guest_read_config(guest, true);
}

/* Reads configuration space again if an answer shows that the target or the epoch has changed. */
void bnti_virtio_check_answer(struct bnt_guest *guest, const struct bnti_guest_answer *answer)
{
    bool not_needed = false;
    bool reset = false;
    if (!guest->verdicts) {
        return;
    }
    bnti_guest_count_verdicts(guest, answer->verdict_count, &not_needed, &reset);
    const bool target = answer->target_known && answer->num_pages != guest->num_pages;
    const bool epoch = guest->resets && answer->epoch_known && answer->epoch != guest->epoch_seen;
    if (target || epoch || not_needed || reset) {
        /* The answer may be stale, so the values are read from configuration space. */
        bnti_guest_read_config(guest, false);
    }
    if (reset && guest->state == BNT_GUEST_RUNNING) {
        /* The device answered RESET without a new epoch. The balloon is released, and a back-off
         * keeps the device from causing an endless loop. */
        bnti_guest_begin_release(guest);
        (void)bnti_guest_raise_backoff(guest, &guest->inflate_backoff);
    }
}

/* A request was answered: a new target or epoch is handled first, because it decides what happens
 * to the pages. */
void bnti_guest_handle_answer(struct bnt_guest *guest, bnti_guest_slot slot,
                              const struct bnti_guest_answer *answer)
{
    guest->wire->news(guest, answer);
    bnti_guest_apply_answer(guest, slot, answer);
    bnti_guest_advance_migration(guest, slot);
}

/* The balloon is empty after a reset: acknowledges the latest epoch and writes `actual` 0, each a
 * single time (BX-18). */
void bnti_virtio_end_release(struct bnt_guest *guest)
{
    bnti_guest_read_config(guest, false);
    if (guest->state != BNT_GUEST_RELEASING) {
        return; /* the device is broken */
    }
    bnti_guest_adopt_epoch(guest, guest->epoch_seen);
    bnti_guest_write_config_le32(guest, BNT_BALLOON_CONFIG_EPOCH_ACK, guest->epoch);
    bnti_guest_write_actual(guest, true);
    bnti_guest_note_target_missed(guest);
    bnti_guest_set_state(guest, BNT_GUEST_RUNNING);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RESET_DONE, guest->epoch, 0);
}

void bnti_guest_continue_release(struct bnt_guest *guest)
{
    if (guest->state != BNT_GUEST_RELEASING) {
        return;
    }
    while (guest->budget > 0 && bnti_guest_release_batch(guest, BNT_NEVER) > 0) {
        bnti_guest_spend_budget(guest);
    }
    if (!bnti_guest_has_pages(guest) && !bnti_guest_has_request_in_flight(guest)) {
        guest->wire->release_end(guest);
    }
}
