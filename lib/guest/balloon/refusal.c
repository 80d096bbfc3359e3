/*
 * Pages that the device refused. A held page was refused on inflate: it is not ballooned, but it
 * stays allocated, so that the allocator returns other pages. A stuck page was refused on deflate:
 * it is still ballooned, but not in the record, so that it is not sent again in this cycle.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

/* Holds a refused page. Returns false if the bound of held pages is reached: then the cycle must
 * end (BX-12, BX-13). */
bool bnti_guest_hold_refused_page(struct bnt_guest *guest, bool huge, uint64_t page)
{
    if (huge) {
        const bool room = guest->huge.held_count < guest->config.sizing.refused_pages_max;
        if (room) {
            guest->huge_held[guest->huge.held_count++] = page;
        }
        return room;
    }
    if (bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL)) {
        guest->ops.links.push(guest->opaque, guest->held_head, &page, 1);
        guest->held_head = page;
        guest->held_count++;
        return true;
    }
    if (guest->held_count == guest->config.sizing.refused_pages_max) {
        return false;
    }
    guest->held[guest->held_count++] = page;
    return true;
}

/* Stores a stuck page, whose deflate was refused. Returns false if the bound of stuck pages is
 * reached. */
bool bnti_guest_mark_page_stuck(struct bnt_guest *guest, bool huge, uint64_t page)
{
    if (huge) {
        const bool room = guest->huge.stuck_count < guest->config.sizing.refused_pages_max;
        if (room) {
            guest->huge_stuck[guest->huge.stuck_count++] = page;
        }
        return room;
    }
    if (guest->stuck_count == guest->config.sizing.refused_pages_max) {
        return false;
    }
    guest->stuck[guest->stuck_count++] = page;
    return true;
}

/* Removes up to `count` held pages, oldest first; from a linked list, newest first. */
uint32_t bnti_guest_pop_held_pages(struct bnt_guest *guest, uint64_t *pages, uint32_t count)
{
    const uint32_t taken = guest->held_count < count ? guest->held_count : count;
    guest->held_count -= taken;
    if (bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL)) {
        guest->held_head = guest->ops.links.pop(guest->opaque, guest->held_head, pages, taken);
        return taken;
    }
    memcpy(pages, guest->held, taken * sizeof pages[0]);
    memmove(guest->held, guest->held + taken, guest->held_count * sizeof guest->held[0]);
    return taken;
}

/* Gives held pages back. The device gets no message, because held pages were never in the balloon.
 * If held pages have no bound, later steps give them back in portions. */
void bnti_guest_give_back_held_pages(struct bnt_guest *guest)
{
    const uint32_t count = guest->held_count;
    if (count == 0) {
        return;
    }
    if (bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL)) {
        guest->held_due = true;
        return;
    }
    guest->held_count = 0;
    guest->count.refusals.returned_pages += count;
    bnti_guest_give_back_pages(guest, guest->held, count);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RETURNED, count, 0);
}

/* Splits held huge pages into single pages that can be inflated. Returns how many. */
uint32_t bnti_guest_split_held_huge_pages(struct bnt_guest *guest, uint64_t *pages, uint32_t count)
{
    const uint32_t order = guest->config.memory.page_order;
    const uint32_t parts = UINT32_C(1) << (BNT_BALLOON_2M_ORDER - order);
    struct bnti_guest_huge *huge = &guest->huge;
    uint32_t found = 0;
    while (found < count && huge->held_count > 0) {
        const uint64_t page = guest->huge_held[huge->held_count - 1];
        if (huge->parts_out == 0) {
            guest->count.huge.splits++;
            guest->ops.huge.split(guest->opaque, page);
        }
        pages[found++] = page + ((uint64_t)huge->parts_out << order);
        if (++huge->parts_out == parts) {
            huge->parts_out = 0;
            huge->held_count--;
        }
    }
    return found;
}

uint64_t bnti_guest_count_held_huge_pfns(const struct bnt_guest *guest)
{
    return ((uint64_t)guest->huge.held_count << BNT_BALLOON_2M_ORDER) -
           ((uint64_t)guest->huge.parts_out << guest->config.memory.page_order);
}

/* Gives back the held huge pages, and the remaining parts of a huge page that was split. */
void bnti_guest_give_back_held_huge_pages(struct bnt_guest *guest)
{
    struct bnti_guest_huge *huge = &guest->huge;
    uint64_t parts[4]; /* small, because it is on the stack */
    if (huge->parts_out > 0) {
        const uint32_t page = huge->held_count - 1;
        uint32_t count = 0;
        do {
            uint32_t wanted = (uint32_t)(sizeof parts / sizeof parts[0]);
            const uint32_t all = UINT32_C(1)
                                 << (BNT_BALLOON_2M_ORDER - guest->config.memory.page_order);
            wanted = all - huge->parts_out < wanted ? all - huge->parts_out : wanted;
            count = bnti_guest_split_held_huge_pages(guest, parts, wanted);
            bnti_guest_give_back_pages(guest, parts, count);
        } while (huge->held_count > page);
    }
    bnti_guest_give_back_pages_of_size(guest, true, guest->huge_held, huge->held_count);
    huge->held_count = 0;
}

/* Puts stuck pages back into the record, so that they can be deflated again. */
void bnti_guest_return_stuck_pages(struct bnt_guest *guest)
{
    if (guest->stuck_count > 0) {
        const uint32_t count = guest->stuck_count;
        guest->stuck_count = 0;
        bnti_guest_push_ballooned_pages(guest, guest->stuck, count);
    }
    bnti_guest_push_ballooned_pages_of_size(guest, true, guest->huge_stuck,
                                            guest->huge.stuck_count);
    guest->huge.stuck_count = 0;
}

/* Removes up to `count` stuck pages, newest first, and returns how many it removed. */
uint32_t bnti_guest_pop_stuck_pages(struct bnt_guest *guest, bool huge, uint64_t *pages,
                                    uint32_t count)
{
    uint32_t *left = huge ? &guest->huge.stuck_count : &guest->stuck_count;
    const uint64_t *stuck = huge ? guest->huge_stuck : guest->stuck;
    uint32_t taken = 0;
    while (*left > 0 && taken < count) {
        pages[taken++] = stuck[--*left];
    }
    return taken;
}

/* Stops giving held pages back in portions. */
void bnti_guest_cancel_give_back_held(struct bnt_guest *guest)
{
    guest->held_due = false;
}

/* Gives one portion of the held pages back. */
bool bnti_guest_give_back_held_pages_portion(struct bnt_guest *guest)
{
    if (guest->budget == 0) {
        return false;
    }
    bnti_guest_spend_budget(guest);
    const uint32_t count = bnti_guest_pop_held_pages(guest, guest->scratch, BNTI_GUEST_BATCH);
    guest->held_due = guest->held_count > 0;
    guest->count.refusals.returned_pages += count;
    bnti_guest_give_back_pages(guest, guest->scratch, count);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RETURNED, count, 0);
    return true;
}
