/*
 * Gives single and huge pages back to the OS: no other file calls ops.pages.free and ops.huge.free.
 * If the OS expects a poison value, this file also fills the pages with that value (BD-34), except
 * those that the device initialised (the DEVICE_INIT drafts, docs/understand/drafts.md). hint.c and
 * report.c give back hinted and reported pages.
 *
 * The caller's memory contains one bit for each page. From the inflate on, the bit stores whether
 * the device initialised the page. After a reset the bit is ignored, because the content of the
 * page is unknown.
 */
#include "lib/guest/core/core.h"

#include <string.h>

/* Number of parts of a huge page that one call fills. The number is small, because the array of
 * parts is on the stack. */
#define PARTS_MAX 4u

static uint64_t get_index_of_page(const struct bnt_guest *guest, uint64_t page)
{
    return (page - guest->config.memory.first_pfn) >> guest->config.memory.page_order;
}

static void set_init_bit(struct bnt_guest *guest, uint64_t page, bool init)
{
    const uint64_t index = get_index_of_page(guest, page);
    const uint64_t bit = UINT64_C(1) << (index & 63);
    uint64_t *word = &guest->config.device_init.bits[index >> 6];
    *word = init ? *word | bit : *word & ~bit;
}

/* Reads the bit of the page and clears it. */
static bool read_and_clear_init_bit(struct bnt_guest *guest, uint64_t page)
{
    const uint64_t index = get_index_of_page(guest, page);
    const bool init = (guest->config.device_init.bits[index >> 6] >> (index & 63) & 1) != 0;
    if (init) {
        set_init_bit(guest, page, false);
    }
    return init && guest->state == BNT_GUEST_RUNNING;
}

/* Reads the bits of an answered inflate: a page is initialised if each of its PFNs is initialised.
 * Bits beyond the used length are ignored (VS-15). */
void bnti_guest_read_init_bits(struct bnt_guest *guest, const struct bnti_guest_request *request,
                               uint32_t len)
{
    const uint32_t order = guest->config.memory.page_order;
    const uint32_t pfns = request->page_count << order;
    uint8_t bits[(UINT32_C(1) << BNT_GUEST_PAGE_ORDER_MAX) / 8]; /* for a large page or a batch */
    memcpy(bits, request->dma + bnti_guest_get_dma_response_offset(&guest->config),
           (pfns + 7) / 8); /* read once */
    for (uint32_t i = 0; i < request->page_count; i++) {
        bool init = true;
        for (uint32_t pfn = i << order; pfn < (i + 1) << order; pfn++) {
            init = init && pfn / 8 < len && (bits[pfn / 8] >> (pfn % 8) & 1) != 0;
        }
        set_init_bit(guest, request->pages[i], init);
        guest->count.reporting.initialised_pfns += init ? UINT64_C(1) << order : 0;
    }
}

/* Whether the device initialises pages with the value that the OS expects in free pages. */
static bool is_init_value_expected(const struct bnt_guest *guest)
{
    const bool poison = (guest->features & BNT_BALLOON_F_PAGE_POISON) != 0;
    return (poison ? guest->config.poison.val : 0) == guest->config.poison.val;
}

static void initialise_page_run(struct bnt_guest *guest, const uint64_t *pages, uint32_t count,
                                bool init)
{
    const struct bnt_guest_ops *ops = &guest->ops;
    if (init && ops->device_init.initialised != NULL) {
        ops->device_init.initialised(guest->opaque, pages, count);
    }
    if (!guest->config.poison.init_on_free || ops->poison.fill == NULL ||
        (init && is_init_value_expected(guest))) {
        return;
    }
    ops->poison.fill(guest->opaque, pages, count, guest->config.poison.val);
}

/* Fills pages before the OS gets them back. Runs of pages that the device initialised, and runs of
 * other pages, are handled separately. */
static void initialise_pages(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    if (!guest->init_inflate) {
        initialise_page_run(guest, pages, count, false);
        return;
    }
    bool init = read_and_clear_init_bit(guest, pages[0]);
    uint32_t first = 0;
    for (uint32_t i = 1; i < count; i++) {
        const bool next = read_and_clear_init_bit(guest, pages[i]);
        if (next != init) {
            initialise_page_run(guest, pages + first, i - first, init);
            first = i;
            init = next;
        }
    }
    initialise_page_run(guest, pages + first, count - first, init);
}

/* Fills a huge page: fills each page of the guest's own size in it. */
static void initialise_huge_page(struct bnt_guest *guest, uint64_t page)
{
    const uint32_t order = guest->config.memory.page_order;
    uint64_t parts[PARTS_MAX];
    for (uint64_t at = 0; at < BNT_BALLOON_2M_PFNS;) {
        uint32_t count = 0;
        for (; count < PARTS_MAX && at < BNT_BALLOON_2M_PFNS; at += UINT64_C(1) << order) {
            parts[count++] = page + at;
        }
        initialise_pages(guest, parts, count);
    }
}

/* Frees pages without filling them. */
void bnti_guest_free_pages(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                           uint32_t count)
{
    if (huge) {
        guest->ops.huge.free(guest->opaque, pages, count);
    } else {
        guest->ops.pages.free(guest->opaque, pages, count);
    }
}

void bnti_guest_give_back_pages_of_size(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                                        uint32_t count)
{
    for (uint32_t i = 0; huge && i < count; i++) {
        initialise_huge_page(guest, pages[i]);
    }
    for (uint32_t i = 0; i < count; i += BNTI_GUEST_BATCH) {
        const uint32_t portion = (uint32_t)bnti_guest_min(count - i, BNTI_GUEST_BATCH);
        if (!huge) {
            initialise_pages(guest, pages + i, portion);
        }
        bnti_guest_free_pages(guest, huge, pages + i, portion);
    }
}

void bnti_guest_give_back_pages(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    bnti_guest_give_back_pages_of_size(guest, false, pages, count);
}

/* Gives pages back without filling them: a page outside the declared memory must not be written. */
void bnti_guest_give_back_pages_unfilled(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i += BNTI_GUEST_BATCH) {
        const uint32_t portion = (uint32_t)bnti_guest_min(count - i, BNTI_GUEST_BATCH);
        bnti_guest_free_pages(guest, huge, pages + i, portion);
    }
}

/* Sets aside a page that cannot be ballooned. The caller has checked that there is room. */
void bnti_guest_set_page_aside(struct bnt_guest *guest, uint64_t page)
{
    guest->aside[guest->aside_count++] = page;
}

/* Gives back the pages that were set aside, and returns how many. No message to the device is
 * needed: no request ever contained these pages. */
uint32_t bnti_guest_give_back_pages_set_aside(struct bnt_guest *guest)
{
    const uint32_t count = guest->aside_count;
    guest->aside_count = 0;
    bnti_guest_give_back_pages_unfilled(guest, false, guest->aside, count);
    return count;
}

/* Notes that the OS is allocating `pages` pages and will call bnt_guest_handle_alloc_done. */
void bnti_guest_note_sleeping_alloc(struct bnt_guest *guest, uint32_t pages)
{
    guest->sleep = (struct bnti_guest_sleep){.outstanding = true, .asked = pages};
}

/* The OS has called bnt_guest_handle_alloc_done. */
void bnti_guest_end_sleeping_alloc(struct bnt_guest *guest)
{
    guest->sleep.outstanding = false;
}

/* The pages of the sleeping allocation are no longer wanted: cancels it, or gives its pages back
 * when they come. */
void bnti_guest_cancel_sleeping_alloc(struct bnt_guest *guest)
{
    if (!bnti_guest_awaits_sleeping_alloc(guest)) {
        return;
    }
    guest->sleep.unwanted = true;
    bnti_guest_note_work(guest);
    if (guest->ops.sleeping.cancel != NULL && guest->ops.sleeping.cancel(guest->opaque)) {
        guest->sleep.outstanding = false;
    }
}
