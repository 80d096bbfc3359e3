/*
 * The records of ballooned pages, of ballooned huge pages and of hinted pages, in the caller's
 * memory: links in the OS's page structures (last in, first out), or one bit per page (highest
 * address first). Only this file depends on the kind of record.
 */
#include "lib/guest/balloon/policy.h"

/* Index of the highest set bit of a word that is not 0. No compiler builtin is used, because it
 * might call a library function. */
static uint32_t find_highest_bit(uint64_t word)
{
    uint32_t index = 0;
    for (uint32_t half = 32; half > 0; half >>= 1) {
        if (word >> half != 0) {
            word >>= half;
            index += half;
        }
    }
    return index;
}

static void push_pages_to_bitmap(const struct bnti_guest_page_record *record, const uint64_t *pages,
                                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = (pages[i] - record->first_pfn) >> record->order;
        const uint64_t word = index >> 6;
        record->bits[word] |= UINT64_C(1) << (index & 63);
        if (word > *record->cursor) {
            *record->cursor = word;
        }
    }
}

/* Only a push raises the cursor, so each word is scanned a single time while the record is
 * emptied. */
static uint32_t pop_pages_from_bitmap(const struct bnti_guest_page_record *record, uint64_t *pages,
                                      uint32_t count)
{
    uint32_t found = 0;
    while (found < count) {
        uint64_t *word = &record->bits[*record->cursor];
        if (*word == 0) {
            BNTI_ASSERT(*record->cursor > 0);
            --*record->cursor;
            continue;
        }
        const uint32_t bit = find_highest_bit(*word);
        *word &= ~(UINT64_C(1) << bit);
        const uint64_t index = *record->cursor << 6 | bit;
        pages[found++] = record->first_pfn + (index << record->order);
    }
    return found;
}

void bnti_guest_push_pages_to_record(struct bnt_guest *guest,
                                     const struct bnti_guest_page_record *record,
                                     const uint64_t *pages, uint32_t count)
{
    if (count == 0) {
        return;
    }
    if (guest->config.record.kind == BNT_GUEST_RECORD_BITS) {
        push_pages_to_bitmap(record, pages, count);
    } else {
        guest->ops.links.push(guest->opaque, *record->head, pages, count);
        *record->head = pages[count - 1];
    }
    *record->pages += count;
}

uint32_t bnti_guest_pop_pages_from_record(struct bnt_guest *guest,
                                          const struct bnti_guest_page_record *record,
                                          uint64_t *pages, uint32_t count)
{
    const uint32_t taken = (uint32_t)bnti_guest_min(count, *record->pages);
    if (taken == 0) {
        return 0;
    }
    if (guest->config.record.kind == BNT_GUEST_RECORD_BITS) {
        (void)pop_pages_from_bitmap(record, pages, taken);
    } else {
        *record->head = guest->ops.links.pop(guest->opaque, *record->head, pages, taken);
    }
    *record->pages -= taken;
    return taken;
}

static struct bnti_guest_page_record get_page_record(struct bnt_guest *guest)
{
    return (struct bnti_guest_page_record){
        &guest->record_pages,           &guest->record_head,
        &guest->record_cursor,          guest->config.record.bits,
        guest->config.memory.first_pfn, guest->config.memory.page_order};
}

static struct bnti_guest_page_record get_huge_page_record(struct bnt_guest *guest)
{
    const uint64_t within = BNT_BALLOON_2M_PFNS - 1;
    return (struct bnti_guest_page_record){&guest->huge.pages,
                                           &guest->huge.head,
                                           &guest->huge.cursor,
                                           guest->config.record.huge_bits,
                                           guest->config.memory.first_pfn & ~within,
                                           BNT_BALLOON_2M_ORDER};
}

void bnti_guest_push_ballooned_pages(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    const struct bnti_guest_page_record record = get_page_record(guest);
    bnti_guest_push_pages_to_record(guest, &record, pages, count);
}

void bnti_guest_push_ballooned_pages_of_size(struct bnt_guest *guest, bool huge,
                                             const uint64_t *pages, uint32_t count)
{
    const struct bnti_guest_page_record record =
        huge ? get_huge_page_record(guest) : get_page_record(guest);
    bnti_guest_push_pages_to_record(guest, &record, pages, count);
}

/*
 * Fills a request with pages to be deflated: `pfns` PFNs rounded up to whole pages, and at most
 * `pages_max` pages. Single pages come before huge pages. Pages refused in this cycle are not in
 * the record.
 */
void bnti_guest_fill_request_from_record(struct bnt_guest *guest, bnti_guest_slot slot,
                                         uint64_t pfns, uint32_t pages_max)
{
    uint64_t *pages = guest->requests[slot].pages;
    const bool huge = guest->record_pages == 0 && guest->huge.pages > 0;
    const struct bnti_guest_page_record record =
        huge ? get_huge_page_record(guest) : get_page_record(guest);
    const uint64_t within = (UINT64_C(1) << record.order) - 1;
    const uint64_t asked = bnti_guest_min((pfns + within) >> record.order, pages_max);
    const uint32_t most =
        huge ? guest->wire->request_pages(guest, true) : guest->wire->request_pages(guest, false);
    const uint32_t taken = bnti_guest_pop_pages_from_record(guest, &record, pages,
                                                            (uint32_t)bnti_guest_min(asked, most));
    bnti_guest_prepare_request(guest, slot, huge, taken);
}

uint32_t bnti_guest_pop_ballooned_huge_pages(struct bnt_guest *guest, uint64_t *pages,
                                             uint32_t count)
{
    const struct bnti_guest_page_record record = get_huge_page_record(guest);
    return bnti_guest_pop_pages_from_record(guest, &record, pages, count);
}

/* Removes one page from the record; false if the record does not contain it. */
bool bnti_guest_remove_page_from_record(struct bnt_guest *guest, uint64_t page)
{
    if (guest->config.record.kind == BNT_GUEST_RECORD_BITS) {
        const uint64_t index =
            (page - guest->config.memory.first_pfn) >> guest->config.memory.page_order;
        const uint64_t bit = UINT64_C(1) << (index & 63);
        if ((guest->config.record.bits[index >> 6] & bit) == 0) {
            return false;
        }
        guest->config.record.bits[index >> 6] &= ~bit;
    } else if (!guest->ops.links.remove(guest->opaque, &guest->record_head, page)) {
        return false;
    }
    guest->record_pages--;
    return true;
}

/* Removes up to `count` pages from the record, and returns how many it removed. */
uint32_t bnti_guest_pop_ballooned_pages(struct bnt_guest *guest, uint64_t *pages, uint32_t count)
{
    const struct bnti_guest_page_record record = get_page_record(guest);
    return bnti_guest_pop_pages_from_record(guest, &record, pages, count);
}
