/*
 * What pages hold when the OS gets them back: the poison value, if it expects one (BD-34), and what
 * the device says that it initialised by itself (the DEVICE_INIT drafts, docs/drafts.md).
 *
 * A bit of each page, in the caller's memory, remembers what the device said from the inflate to
 * the end. After a reset nothing that it said counts: nobody knows what the page went through.
 */
#include "guest_private.h"

#include <string.h>

static uint64_t page_index(const struct bnt_guest *guest, uint64_t page)
{
    return (page - guest->config.memory_first_pfn) >> guest->config.page_order;
}

static void init_bit_put(struct bnt_guest *guest, uint64_t page, bool init)
{
    const uint64_t index = page_index(guest, page);
    const uint64_t bit = UINT64_C(1) << (index & 63);
    uint64_t *word = &guest->config.init_bits[index >> 6];
    *word = init ? *word | bit : *word & ~bit;
}

/* Looks the bit up and clears it. */
static bool init_bit_take(struct bnt_guest *guest, uint64_t page)
{
    const uint64_t index = page_index(guest, page);
    const bool init = (guest->config.init_bits[index >> 6] >> (index & 63) & 1) != 0;
    if (init) {
        init_bit_put(guest, page, false);
    }
    return init && guest->state == BNT_GUEST_RUNNING;
}

/* An inflate came back: a page is initialised if each of its PFNs is; bits beyond the used length
 * do not count (VS-15). */
void bnti_guest_init_read(struct bnt_guest *guest, const struct bnti_guest_request *request,
                          uint32_t len)
{
    const uint32_t order = guest->config.page_order;
    const uint32_t pfns = request->page_count << order;
    uint8_t bits[(UINT32_C(1) << BNT_GUEST_PAGE_ORDER_MAX) / 8]; /* a large page, or a batch */
    memcpy(bits, request->dma + bnti_guest_dma_response(&guest->config),
           (pfns + 7) / 8); /* read once */
    for (uint32_t i = 0; i < request->page_count; i++) {
        bool init = true;
        for (uint32_t pfn = i << order; pfn < (i + 1) << order; pfn++) {
            init = init && pfn / 8 < len && (bits[pfn / 8] >> (pfn % 8) & 1) != 0;
        }
        init_bit_put(guest, request->pages[i], init);
        guest->count.initialised_pfns += init ? UINT64_C(1) << order : 0;
    }
}

/* Whether what the device initialises is what the OS expects of its free pages. */
static bool init_serves(const struct bnt_guest *guest)
{
    const bool poison = (guest->features & BNT_BALLOON_F_PAGE_POISON) != 0;
    return (poison ? guest->config.poison_val : 0) == guest->config.poison_val;
}

static void run_initialise(struct bnt_guest *guest, const uint64_t *pages, uint32_t count,
                           bool init)
{
    const struct bnt_guest_ops *ops = &guest->ops;
    if (init && ops->pages_initialised != NULL) {
        ops->pages_initialised(guest->opaque, pages, count);
    }
    if (!guest->config.init_on_free || ops->pages_fill == NULL || (init && init_serves(guest))) {
        return;
    }
    ops->pages_fill(guest->opaque, pages, count, guest->config.poison_val);
}

/* Before pages go back to the OS: in runs of those that the device initialised and those not. */
void bnti_guest_initialise(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    if (!guest->init_inflate) {
        run_initialise(guest, pages, count, false);
        return;
    }
    bool init = init_bit_take(guest, pages[0]);
    uint32_t first = 0;
    for (uint32_t i = 1; i < count; i++) {
        const bool next = init_bit_take(guest, pages[i]);
        if (next != init) {
            run_initialise(guest, pages + first, i - first, init);
            first = i;
            init = next;
        }
    }
    run_initialise(guest, pages + first, count - first, init);
}
