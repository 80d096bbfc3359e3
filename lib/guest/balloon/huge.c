/*
 * Huge pages (2 MiB). A cycle inflates huge pages first, and holds the refused huge pages. When the
 * OS has no more huge pages, or the device refused too many, the held huge pages are split, and
 * their parts are inflated. A request contains one PFN for a huge page, which counts as 512 PFNs
 * everywhere. A cycle that has changed to single pages does not return to huge pages. Otherwise a
 * device that refuses all huge pages could keep the driver busy.
 */
#include "lib/guest/balloon/policy.h"

/* Decides after a handshake or a negotiation whether huge pages are used. */
void bnti_guest_enable_huge_pages(struct bnt_guest *guest)
{
    const bool record = guest->config.record.kind == BNT_GUEST_RECORD_LINKS ||
                        guest->config.record.huge_bits != NULL;
    guest->huge.on = guest->wire->has_huge(guest) && record && guest->ops.huge.alloc != NULL &&
                     guest->config.memory.page_order < BNT_BALLOON_2M_ORDER;
}

/* From now on this cycle inflates single pages. */
void bnti_guest_end_huge_phase(struct bnt_guest *guest)
{
    bnti_guest_pace_stop_huge_pages(guest);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HUGE_SPLIT, guest->huge.held_count, 0);
}

void bnti_guest_disable_huge_pages(struct bnt_guest *guest)
{
    guest->huge.on = false;
}

static uint32_t allocate_huge_pages(struct bnt_guest *guest, uint32_t want)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    bnti_guest_set_allocating(guest, true);
    uint32_t got = guest->ops.huge.alloc(guest->opaque, request->pages, want);
    bnti_guest_set_allocating(guest, false);
    got = bnti_guest_validate_pages(guest, true, request->pages, got < want ? got : want);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_must_delay_inflate(guest)) {
        bnti_guest_give_back_pages_of_size(guest, true, request->pages, got);
        return 0;
    }
    return got;
}

/*
 * Sends the next inflate of huge pages, or ends the phase of huge pages. Returns false if the
 * driver has to wait. Sets `over` if the next request must be chosen anew.
 */
bool bnti_guest_inflate_huge_pages(struct bnt_guest *guest, uint64_t missing_pfns, bool *over)
{
    const uint64_t units =
        (missing_pfns + bnti_guest_get_huge_overshoot_max(guest)) >> BNT_BALLOON_2M_ORDER;
    const uint32_t most = (uint32_t)bnti_guest_min(units, guest->wire->request_pages(guest, true));
    const uint32_t want = bnti_guest_pace_limit_pages(guest, BNT_BALLOON_2M_ORDER, most);
    if (most == 0) {
        bnti_guest_end_huge_phase(guest);
        return true;
    }
    if (want == 0) {
        bnti_guest_close_tick(guest);
        return false;
    }
    if (!guest->wire->spend(guest)) {
        return false;
    }
    const uint32_t got = allocate_huge_pages(guest, want);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_must_delay_inflate(guest)) {
        *over = true; /* an OOM deflate happened during the allocation */
        return true;
    }
    if (got == 0) {
        bnti_guest_end_huge_phase(guest);
        return true;
    }
    bnti_guest_prepare_request(guest, BNTI_GUEST_INFLATE, true, got);
    if (got < want) {
        bnti_guest_mark_request_partial(guest, BNTI_GUEST_INFLATE);
    }
    *over = true;
    bnti_guest_submit_request(guest, BNTI_GUEST_INFLATE);
    return true;
}
