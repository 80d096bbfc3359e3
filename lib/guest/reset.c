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
    guest->held_due = false; /* held pages are released with the rest */
    guest->pace.open = false;
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

/*
 * Gives up to `pages_max` pages (at most a batch) back silently: held ones, kept ones, then the
 * record. Only when the device has forgotten them. Returns how many.
 */
uint32_t bnti_guest_release_batch(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint32_t most = (uint32_t)bnti_guest_min(pages_max, BNTI_GUEST_BATCH);
    if (guest->held_count > 0) {
        return held_release(guest, guest->held_count < most ? guest->held_count : most);
    }
    uint32_t count = 0;
    while (count < most && guest->kept_count > 0) {
        guest->scratch[count++] = guest->kept[--guest->kept_count];
    }
    count += bnti_guest_record_pop(guest, guest->scratch + count, most - count);
    guest->count.reset_pfns += (uint64_t)count << guest->config.page_order;
    bnti_guest_give_back(guest, guest->scratch, count);
    return count;
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
    while (guest->budget > 0 && bnti_guest_release_batch(guest, BNTI_GUEST_BATCH) > 0) {
        guest->budget -= BNTI_MUTATION(RELEASE_UNBOUNDED) ? 0 : 1;
    }
    const uint64_t left = guest->record_pages + guest->kept_count + guest->held_count;
    if (left == 0 && !bnti_guest_in_flight(guest)) {
        if (bnti_guest_on_vmware(guest)) {
            bnti_vmware_release_end(guest);
        } else {
            release_end(guest);
        }
    }
}
