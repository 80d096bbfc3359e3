/*
 * Hinted pages: the record of pages whose hint the device has used, and giving hinted pages back to
 * the OS. hint.c sends the hints.
 */
#include "lib/guest/features/hint.h"

/* The record of hinted pages. */
struct bnti_guest_page_record bnti_guest_get_hint_record(const struct bnt_guest *guest)
{
    struct hint *hint = get_hint_state(guest);
    return (struct bnti_guest_page_record){&hint->pages,
                                           &hint->head,
                                           &hint->cursor,
                                           guest->config.hinting.bits,
                                           guest->config.memory.first_pfn,
                                           guest->config.memory.page_order};
}

/* Whether the OS must write hinted pages before it uses them. This is necessary before DONE,
 * because the device may still discard their content. */
static bool must_initialise_hinted_pages(const struct bnt_guest *guest)
{
    return get_hint_state(guest)->command != BNT_BALLOON_HINT_DONE;
}

static void free_hinted_pages(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    const uint64_t pfns = (uint64_t)count << guest->config.memory.page_order;
    guest->ops.hinting.free(guest->opaque, pages, count, must_initialise_hinted_pages(guest));
    guest->count.hinting.returned_pfns += pfns;
    if (must_initialise_hinted_pages(guest)) {
        guest->count.hinting.early_pfns += pfns;
    }
}

/* Gives back pages of the record, whose hints the device has used. */
static uint64_t release_recorded_hints(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint32_t most = (uint32_t)bnti_guest_min(pages_max, BNTI_GUEST_BATCH);
    const struct bnti_guest_page_record record = bnti_guest_get_hint_record(guest);
    const uint32_t count = bnti_guest_pop_pages_from_record(guest, &record, guest->scratch, most);
    if (count > 0) {
        free_hinted_pages(guest, guest->scratch, count);
    }
    return count;
}

/* Gives back pages of a block whose buffer the device has not used yet, which is always allowed
 * (BD-30). */
static uint64_t release_hints_in_flight(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint32_t order = guest->config.memory.page_order;
    for (uint32_t i = 0; i < guest->config.queues.size_max && get_hint_state(guest)->ring_pfns > 0;
         i++) {
        struct hint_slot *slot = &get_hint_state(guest)->slots[i];
        uint64_t pages = slot->kind == HINT_BLOCK ? slot->pfns >> order : 0;
        pages = bnti_guest_min(pages, bnti_guest_min(pages_max, BNTI_GUEST_BATCH));
        if (pages == 0) {
            continue;
        }
        for (uint64_t page = 0; page < pages; page++) {
            guest->scratch[page] = slot->first_pfn + (page << order);
        }
        slot->first_pfn += pages << order;
        slot->pfns -= (uint32_t)(pages << order);
        get_hint_state(guest)->ring_pfns -= pages << order;
        free_hinted_pages(guest, guest->scratch, (uint32_t)pages);
        return pages;
    }
    return 0;
}

/* Gives back up to `pages_max` pages, at most one batch. Returns how many. */
uint64_t bnti_guest_release_hinted_pages(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint64_t pages = release_recorded_hints(guest, pages_max);
    return pages > 0 || guest->config.hinting.wait_on_ack
               ? pages
               : release_hints_in_flight(guest, pages_max);
}

/* Whether the driver is allowed to give a hinted page back now. */
bool bnti_guest_has_releasable_hints(const struct bnt_guest *guest)
{
    return get_hint_state(guest)->pages > 0 ||
           (get_hint_state(guest)->ring_pfns > 0 && !guest->config.hinting.wait_on_ack);
}

/*
 * Gives hinted pages back because the OS needs memory. Also ends the run, which would otherwise
 * take the same pages again. Returns the number of PFNs.
 */
uint64_t bnti_guest_reclaim_hints(struct bnt_guest *guest, uint64_t pfns)
{
    const uint32_t order = guest->config.memory.page_order;
    const uint64_t mask = (UINT64_C(1) << order) - 1;
    const uint64_t want = (bnti_guest_min(pfns, BNT_PFN_MAX) + mask) >> order;
    uint64_t done = 0;
    for (uint64_t pages = 1; done < want && pages > 0; done += pages) {
        pages = bnti_guest_release_hinted_pages(guest, want - done);
    }
    get_hint_state(guest)->pressed = get_hint_state(guest)->pressed || want > 0;
    if (done > 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HINT_RELEASED, done << order,
                              must_initialise_hinted_pages(guest));
    }
    return done << order;
}

/* After a device reset: gives up to one batch of hinted pages back, whether or not the device has
 * used their buffers. */
uint64_t bnti_guest_give_back_hints(struct bnt_guest *guest)
{
    const uint64_t pages = release_recorded_hints(guest, BNTI_GUEST_BATCH);
    return pages > 0 ? pages : release_hints_in_flight(guest, BNTI_GUEST_BATCH);
}
