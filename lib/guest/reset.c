/*
 * A reset by the host (BX-10 to BX-20): every page goes back to the OS without a word about it, in
 * bounded portions; pages in flight only when their buffer is used; then one acknowledgement.
 */
#include "guest_private.h"

void bnti_guest_release_begin(struct bnt_guest *guest)
{
    guest->count.resets++;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_RESET, guest->epoch_seen, bnti_guest_have_pfns(guest));
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
    guest->inflate_backoff.until_ns = 0;
    guest->deflate_backoff.until_ns = 0;
    guest->oom_debt_pfns = 0; /* all of it comes back anyway */
    bnti_guest_sleep_cancel(guest);
    bnti_guest_huge_return(guest); /* the device never took these */
    (void)bnti_guest_aside_return(guest);
    guest->huge.phase = false;
    guest->held_due = false; /* held pages are released with the rest */
    guest->pace.open = false;
    guest->pace.over = false;
    guest->pace.sleep = false;
    guest->pace.tick_ns = guest->now_ns;
    bnti_guest_state_set(guest, BNT_GUEST_RELEASING);
}

static uint32_t held_release(struct bnt_guest *guest, uint32_t count)
{
    (void)bnti_guest_held_pop(guest, guest->scratch, count);
    bnti_guest_give_back(guest, guest->scratch, count);
    guest->count.returned_pages += count;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_RETURNED, count, 0);
    return count;
}

static uint64_t huge_release(struct bnt_guest *guest, uint64_t pfns_max)
{
    const uint64_t wanted = bnti_guest_min(pfns_max, BNTI_GUEST_BATCH << BNT_BALLOON_2M_ORDER);
    const uint32_t most = (uint32_t)((wanted + BNT_BALLOON_2M_PFNS - 1) >> BNT_BALLOON_2M_ORDER);
    uint32_t count = 0;
    while (count < most && guest->huge.kept_count > 0) {
        guest->scratch[count++] = guest->huge_kept[--guest->huge.kept_count];
    }
    count += bnti_guest_huge_pop(guest, guest->scratch + count, most - count);
    guest->count.reset_pfns += (uint64_t)count << BNT_BALLOON_2M_ORDER;
    bnti_guest_give_back_of(guest, true, guest->scratch, count);
    return (uint64_t)count << BNT_BALLOON_2M_ORDER;
}

/*
 * Gives up to `pfns_max` PFNs (at most a batch of pages) back silently: held ones, kept ones, then
 * the record, then those of 2 MiB, of which the last may be more than was asked for. Only when the
 * device has forgotten them. Returns how many.
 */
uint64_t bnti_guest_release_batch(struct bnt_guest *guest, uint64_t pfns_max)
{
    const uint32_t order = guest->config.page_order;
    const uint32_t most = (uint32_t)bnti_guest_min(pfns_max >> order, BNTI_GUEST_BATCH);
    if (guest->held_count > 0) {
        const uint32_t held = guest->held_count < most ? guest->held_count : most;
        return (uint64_t)held_release(guest, held) << order;
    }
    if (guest->record_pages + guest->kept_count == 0) {
        return huge_release(guest, pfns_max);
    }
    uint32_t count = 0;
    while (count < most && guest->kept_count > 0) {
        guest->scratch[count++] = guest->kept[--guest->kept_count];
    }
    count += bnti_guest_record_pop(guest, guest->scratch + count, most - count);
    guest->count.reset_pfns += (uint64_t)count << order;
    bnti_guest_give_back(guest, guest->scratch, count);
    return (uint64_t)count << order;
}

/* Nothing is left: acknowledges the latest epoch, then says `actual` is 0, each once (BX-18). */
static void release_end(struct bnt_guest *guest)
{
    bnti_guest_config_look(guest, false);
    if (guest->state != BNT_GUEST_RELEASING) {
        return; /* broken */
    }
    guest->epoch = guest->epoch_seen;
    bnti_guest_config_le32_write(guest, BNT_BALLOON_CONFIG_EPOCH_ACK, guest->epoch);
    bnti_guest_actual_write(guest, true);
    guest->reached = false;
    bnti_guest_state_set(guest, BNT_GUEST_RUNNING);
    bnti_guest_tell(guest, BNT_GUEST_EVENT_RESET_DONE, guest->epoch, 0);
}

void bnti_guest_release(struct bnt_guest *guest)
{
    if (guest->state != BNT_GUEST_RELEASING) {
        return;
    }
    while (guest->budget > 0 && bnti_guest_release_batch(guest, BNT_NEVER) > 0) {
        guest->budget--;
    }
    if (!bnti_guest_has_any(guest) && !bnti_guest_in_flight(guest)) {
        if (bnti_guest_on_vmware(guest)) {
            bnti_vmware_release_end(guest);
        } else {
            release_end(guest);
        }
    }
}
