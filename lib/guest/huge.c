/*
 * Pages of 2 MiB: taken first, refused ones kept aside and offered in parts when no more of them
 * can be had or enough were refused. They are told by one PFN, and count 512 everywhere. Once a
 * cycle is over to single pages it stays there: a device that refuses every one of them cannot keep
 * us busy.
 */
#include "guest_private.h"

#define WITHIN (BNT_BALLOON_2M_PFNS - 1)

/* After a handshake or a negotiation: whether there are any. */
void bnti_guest_huge_start(struct bnt_guest *guest)
{
    const bool both = bnti_guest_on_vmware(guest)
                          ? (guest->vmware.caps & BNT_VMWARE_CAP_BATCHED_2M) != 0
                          : (guest->features & guest->config.binding.huge_pages) != 0;
    const bool record =
        guest->config.record == BNT_GUEST_RECORD_LINKS || guest->config.record_huge_bits != NULL;
    guest->huge.on = both && record && guest->ops.huge_alloc != NULL &&
                     guest->config.page_order < BNT_BALLOON_2M_ORDER;
}

uint32_t bnti_guest_huge_per_request(const struct bnt_guest *guest)
{
    return bnti_guest_on_vmware(guest) ? guest->config.vmware.batch_max : BNTI_GUEST_BATCH;
}

/*
 * PFNs by which the last page of 2 MiB may go over the target. On VMware's wire no more than the
 * slack: what it went over by would be deflated at once, as a page of 2 MiB, and be missing again.
 */
uint64_t bnti_guest_huge_over(const struct bnt_guest *guest)
{
    const uint64_t most = bnti_guest_on_vmware(guest) ? guest->config.vmware.slack_pfns : WITHIN;
    const bool may = guest->huge.on && guest->config.huge_over == BNT_GUEST_ON;
    return may ? bnti_guest_min(most, WITHIN) : 0;
}

/* From now on this cycle takes single pages. */
void bnti_guest_huge_phase_end(struct bnt_guest *guest)
{
    guest->huge.phase = false;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_SPLIT, guest->huge.held_count, 0);
}

static uint32_t huge_take(struct bnt_guest *guest, uint32_t want)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    guest->call = BNTI_GUEST_CALL_ALLOCATING;
    uint32_t got = guest->ops.huge_alloc(guest->opaque, request->pages, want);
    guest->call = BNTI_GUEST_CALL_BUSY;
    got = bnti_guest_pages_vet(guest, true, request->pages, got < want ? got : want);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_inflate_waits(guest)) {
        bnti_guest_give_back_of(guest, true, request->pages, got);
        return 0;
    }
    return got;
}

/*
 * The next request of the phase, or its end. False if there is nothing to do before something
 * happens; `over` if something else has to be decided first.
 */
bool bnti_guest_huge_next(struct bnt_guest *guest, uint64_t missing_pfns, bool *over)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    const uint64_t units = (missing_pfns + bnti_guest_huge_over(guest)) >> BNT_BALLOON_2M_ORDER;
    const uint32_t most = (uint32_t)bnti_guest_min(units, bnti_guest_huge_per_request(guest));
    const uint32_t want = bnti_guest_pace_allows(guest, BNT_BALLOON_2M_ORDER, most);
    if (most == 0) {
        bnti_guest_huge_phase_end(guest);
        return true;
    }
    if (want == 0) {
        bnti_guest_tick_close(guest);
        return false;
    }
    if (!bnti_guest_spend(guest)) {
        return false;
    }
    const uint32_t got = huge_take(guest, want);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_inflate_waits(guest)) {
        *over = true; /* an OOM deflate came in between */
        return true;
    }
    if (got == 0) {
        bnti_guest_huge_phase_end(guest);
        return true;
    }
    request->huge = true;
    request->page_count = got;
    request->partial = got < want;
    *over = true;
    bnti_guest_request_send(guest, BNTI_GUEST_INFLATE);
    return true;
}

/* Parts of pages that were refused, as single pages to be offered. Returns how many. */
uint32_t bnti_guest_huge_parts(struct bnt_guest *guest, uint64_t *pages, uint32_t count)
{
    const uint32_t order = guest->config.page_order;
    const uint32_t parts = UINT32_C(1) << (BNT_BALLOON_2M_ORDER - order);
    struct bnti_guest_huge *huge = &guest->huge;
    uint32_t found = 0;
    while (found < count && huge->held_count > 0) {
        const uint64_t page = guest->huge_held[huge->held_count - 1];
        if (huge->parts_out == 0) {
            guest->count.huge_splits++;
            guest->ops.huge_split(guest->opaque, page);
        }
        pages[found++] = page + ((uint64_t)huge->parts_out << order);
        if (++huge->parts_out == parts) {
            huge->parts_out = 0;
            huge->held_count--;
        }
    }
    return found;
}

uint64_t bnti_guest_huge_held_pfns(const struct bnt_guest *guest)
{
    return ((uint64_t)guest->huge.held_count << BNT_BALLOON_2M_ORDER) -
           ((uint64_t)guest->huge.parts_out << guest->config.page_order);
}

/* What was not offered in parts goes back: whole, or what is left of a split one. */
void bnti_guest_huge_return(struct bnt_guest *guest)
{
    struct bnti_guest_huge *huge = &guest->huge;
    uint64_t parts[4]; /* on the stack: few */
    if (huge->parts_out > 0) {
        const uint32_t page = huge->held_count - 1;
        uint32_t count = 0;
        do {
            uint32_t wanted = (uint32_t)(sizeof parts / sizeof parts[0]);
            const uint32_t all = UINT32_C(1) << (BNT_BALLOON_2M_ORDER - guest->config.page_order);
            wanted = all - huge->parts_out < wanted ? all - huge->parts_out : wanted;
            count = bnti_guest_huge_parts(guest, parts, wanted);
            bnti_guest_give_back(guest, parts, count);
        } while (huge->held_count > page);
    }
    bnti_guest_give_back_of(guest, true, guest->huge_held, huge->held_count);
    huge->held_count = 0;
}
