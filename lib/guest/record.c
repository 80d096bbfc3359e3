/*
 * The record of ballooned pages, in the caller's memory: links beside the OS's own pages (last in,
 * first out) or a bit a page (highest address first). Nothing else knows which.
 */
#include "guest_private.h"

/* Index of the highest bit of a word that is not 0; no compiler helper, which might be a call. */
static uint32_t highest_bit(uint64_t word)
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

static void bits_push(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index =
            (pages[i] - guest->config.memory_first_pfn) >> guest->config.page_order;
        const uint64_t word = index >> 6;
        guest->config.record_bits[word] |= UINT64_C(1) << (index & 63);
        if (word > guest->record_cursor) {
            guest->record_cursor = word;
        }
    }
}

/* The cursor only falls until a push lifts it, so emptying costs one walk over the words. */
static uint32_t bits_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count)
{
    uint32_t found = 0;
    while (found < count) {
        uint64_t *word = &guest->config.record_bits[guest->record_cursor];
        if (*word == 0) {
            BNTI_ASSERT(guest->record_cursor > 0);
            guest->record_cursor--;
            continue;
        }
        const uint32_t bit = highest_bit(*word);
        *word &= ~(UINT64_C(1) << bit);
        const uint64_t index = guest->record_cursor << 6 | bit;
        pages[found++] = guest->config.memory_first_pfn + (index << guest->config.page_order);
    }
    return found;
}

void bnti_guest_record_push(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    if (count == 0) {
        return;
    }
    if (guest->config.record == BNT_GUEST_RECORD_BITS) {
        bits_push(guest, pages, count);
    } else {
        guest->ops.links_push(guest->opaque, guest->record_head, pages, count);
        guest->record_head = pages[count - 1];
    }
    guest->record_pages += count;
}

/* Takes one page out, wherever it is; false if it is not there. */
bool bnti_guest_record_remove(struct bnt_guest *guest, uint64_t page)
{
    if (guest->config.record == BNT_GUEST_RECORD_BITS) {
        const uint64_t index = (page - guest->config.memory_first_pfn) >> guest->config.page_order;
        const uint64_t bit = UINT64_C(1) << (index & 63);
        if ((guest->config.record_bits[index >> 6] & bit) == 0) {
            return false;
        }
        guest->config.record_bits[index >> 6] &= ~bit;
    } else if (!guest->ops.links_remove(guest->opaque, &guest->record_head, page)) {
        return false;
    }
    guest->record_pages--;
    return true;
}

/* Takes up to `count` pages out; returns how many there were. */
uint32_t bnti_guest_record_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count)
{
    const uint32_t taken = (uint32_t)bnti_guest_min(count, guest->record_pages);
    if (taken == 0) {
        return 0;
    }
    if (guest->config.record == BNT_GUEST_RECORD_BITS) {
        (void)bits_pop(guest, pages, taken);
    } else {
        guest->record_head = guest->ops.links_pop(guest->opaque, guest->record_head, pages, taken);
    }
    guest->record_pages -= taken;
    return taken;
}
