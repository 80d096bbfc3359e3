/*
 * The target and the epoch: adopting what the device says. Which request a target leads to is
 * sizing.c's, when to read it the front's.
 */
#include "lib/guest/core/core.h"

/*
 * Adopts a target: rounded up to whole pages in 64 bits (a u32 would wrap), capped by memory.
 * A change that the device told of ends waits that it makes pointless: for NOT_NEEDED, and for
 * memory where less is wanted. A wait after refusals it does not end (BX-13), nor does a change
 * found in an answer, so that no device can talk us out of a back-off. With the quirk any word
 * does.
 */
void bnti_guest_set_target(struct bnt_guest *guest, uint64_t num_pages, bool told)
{
    const uint64_t mask = guest->config.unit_pfns - UINT64_C(1);
    const uint64_t wanted = (num_pages + mask) & ~mask;
    const uint64_t most = guest->emptying ? 0 : guest->config.memory_pfns & ~mask;
    const uint64_t target = bnti_guest_min(wanted, most);
    const bool changed = num_pages != guest->num_pages;
    guest->num_pages = num_pages;
    const bool quirk = bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_RETRY_ON_CHANGE);
    if (told && (changed || quirk)) {
        const bool less = target < guest->target_pfns && !guest->inflate_backoff.refused;
        if (less || guest->inflate_backoff.not_needed || quirk) {
            bnti_guest_backoff_end_wait(&guest->inflate_backoff);
        }
        bnti_guest_backoff_end_wait(&guest->deflate_backoff);
    }
    if (target != guest->target_pfns) {
        guest->target_pfns = target;
        guest->reached = false;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_TARGET, target, 0);
    }
}

/* The balloon has what it should: emitted once. */
void bnti_guest_note_target_reached(struct bnt_guest *guest, uint64_t have)
{
    if (!guest->reached) {
        guest->reached = true;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_TARGET_REACHED, have, 0);
    }
}

/* It has not, or not any more. */
void bnti_guest_note_target_missed(struct bnt_guest *guest)
{
    guest->reached = false;
}

/* An attachment begins without a target. */
void bnti_guest_clear_target(struct bnt_guest *guest)
{
    guest->num_pages = 0;
    guest->target_pfns = 0;
    guest->reached = true;
}

/* The latest epoch. */
void bnti_guest_note_latest_epoch(struct bnt_guest *guest, uint32_t epoch)
{
    guest->epoch_seen = epoch;
}

/* The epoch that requests are built under: it is acknowledged. */
void bnti_guest_adopt_epoch(struct bnt_guest *guest, uint32_t epoch)
{
    guest->epoch = epoch;
    guest->epoch_seen = epoch;
}
