/*
 * Free page hinting in the guest's allocator: the balloon driver takes free blocks out of the pool,
 * and later frees their pages.
 *
 * The content of a hinted page is unknown: its tag is GMEM_TAG_UNKNOWN until the guest writes to
 * the page.
 */
#include "sim/memory/gmem_private.h"

#include <ballonet/base.h>

/** Takes a free block of 2^order pages. A pool that does not merge free pages has only blocks of
 * order 0. */
static bool alloc_free_block(struct gmem *gmem, uint32_t order, uint32_t *first)
{
    const struct buddy *buddy = &gmem->pool.buddy;
    if (order == 0) {
        gmem_pool_alloc_pages(&gmem->pool, first, 1, PAGE_USE_HINTED);
        return true;
    }
    if (gmem->pool.kind != PAGES_LIFO || order >= BUDDY_ORDERS || buddy->nonempty >> order == 0) {
        return false;
    }
    const uint32_t smallest = order + (uint32_t)__builtin_ctz(buddy->nonempty >> order);
    *first = buddy->head[smallest];
    return gmem_pool_alloc_block(&gmem->pool, *first, order, PAGE_USE_HINTED);
}

bool gmem_alloc_hint_block(struct gmem *gmem, uint32_t order, uint64_t *first_pfn)
{
    const uint32_t size = UINT32_C(1) << order;
    uint32_t pages[GMEM_BATCH_MAX];
    uint32_t first = 0;
    if (gmem_count_free_pages_above_watermark(gmem, gmem->low) < size ||
        !alloc_free_block(gmem, order, &first)) {
        return false;
    }
    gmem->in_use[PAGE_USE_HINTED] += size;
    page_tags_set_equal(&gmem->tag, first, size, GMEM_TAG_UNKNOWN);
    for (uint32_t done = 0; done < size;) {
        uint32_t n = 0;
        for (; n < GMEM_BATCH_MAX && done < size; done++) {
            pages[n++] = first + done;
        }
        gmem_notify_moved_pages(gmem, pages, n, PAGE_USE_FREE, PAGE_USE_HINTED);
    }
    *first_pfn = gmem_get_pfn_of_page_index(gmem, first);
    return true;
}

void gmem_free_hinted_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count)
{
    uint32_t batch[GMEM_BATCH_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = gmem_find_page(gmem, pages[i]);
        if (page == BUDDY_NONE || !gmem_is_page_used_for(gmem, page, PAGE_USE_HINTED)) {
            gmem->bad_frees++;
            continue;
        }
        /* a second free of the same page counts as bad */
        page_map_set_byte(&gmem->state, page, PAGE_USE_FREE);
        batch[n++] = page;
        if (n == GMEM_BATCH_MAX) {
            gmem_free_pages(gmem, batch, n, PAGE_USE_HINTED);
            n = 0;
        }
    }
    if (n > 0) {
        gmem_free_pages(gmem, batch, n, PAGE_USE_HINTED);
    }
}

uint32_t gmem_reclaim_hints(struct gmem *gmem, uint32_t want)
{
    const uint32_t before = gmem->in_use[PAGE_USE_HINTED];
    if (before == 0 || gmem->config.shrink == NULL) {
        return 0;
    }
    gmem->config.shrink(gmem->config.opaque, want);
    return before - gmem->in_use[PAGE_USE_HINTED];
}

uint64_t gmem_find_hinted_page(const struct gmem *gmem)
{
    const uint64_t page = page_map_find(&gmem->state, 0, gmem->pages, PAGE_USE_HINTED);
    return page < gmem->pages ? gmem_get_pfn_of_page_index(gmem, (uint32_t)page) : GMEM_NONE;
}

void gmem_read_page_at_pfn(struct gmem *gmem, uint64_t pfn)
{
    gmem_read_page(gmem, gmem_find_page(gmem, pfn));
}
