/*
 * Stores the target and the epoch that the device announces. sizing.c chooses the requests that
 * lead to a target; the front decides when the target is read.
 */
#include "lib/guest/core/core.h"

/*
 * Sets a target: rounded up to whole pages in 64 bits (a u32 would wrap), and limited to the
 * guest's memory. A change that the device announced ends a back-off that has become pointless: a
 * back-off after NOT_NEEDED, and a back-off for lack of memory if the target fell. An announced
 * change does not end a back-off after refusals (BX-13). A new target that
 * comes with the answer to a request does not end any back-off; otherwise a device could keep the
 * driver busy. With the quirk RETRY_ON_CHANGE any
 * announcement ends the back-off.
 */
void bnti_guest_set_target(struct bnt_guest *guest, uint64_t num_pages, bool told)
{
    const uint64_t mask = guest->config.sizing.granule_pfns - UINT64_C(1);
    const uint64_t wanted = (num_pages + mask) & ~mask;
    const uint64_t most = guest->emptying ? 0 : guest->config.memory.pfns & ~mask;
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

/* The balloon is at its target: emits TARGET_REACHED, a single time. */
void bnti_guest_note_target_reached(struct bnt_guest *guest, uint64_t have)
{
    if (!guest->reached) {
        guest->reached = true;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_TARGET_REACHED, have, 0);
    }
}

/* The balloon is not, or no longer, at its target. */
void bnti_guest_note_target_missed(struct bnt_guest *guest)
{
    guest->reached = false;
}

/* A new attachment begins without a target. */
void bnti_guest_clear_target(struct bnt_guest *guest)
{
    guest->num_pages = 0;
    guest->target_pfns = 0;
    guest->reached = true;
}

/* Stores the latest epoch that the device announced. */
void bnti_guest_note_latest_epoch(struct bnt_guest *guest, uint32_t epoch)
{
    guest->epoch_seen = epoch;
}

/* Stores the epoch that the driver acknowledges: new requests carry this epoch. */
void bnti_guest_adopt_epoch(struct bnt_guest *guest, uint32_t epoch)
{
    guest->epoch = epoch;
    guest->epoch_seen = epoch;
}
