/*
 * Free page reporting in the guest's allocator: while free blocks are being reported, they are not
 * in the buddy allocator.
 *
 * One bit for each page records that the page was reported since it became free. If a block merged
 * with pages that were not reported, it is reported again. Blocks on the stack of recently freed
 * pages are not reported. Linux does not report pages on its per-CPU lists either.
 */
#include "sim/memory/gmem_private.h"

#include <ballonet/base.h>

static bool is_range_reported(const struct gmem *gmem, uint32_t first, uint32_t count)
{
    const uint64_t end = (uint64_t)first + count;
    return page_map_find(&gmem->reported, first, end, 0) == end;
}

/** Finds blocks of the reported order that were not reported yet. It searches the smallest free
 * blocks first. Returns their number. */
static uint32_t find_unreported_blocks(const struct gmem *gmem, uint32_t *found, uint32_t count)
{
    const struct buddy *buddy = &gmem->pool.buddy;
    const uint32_t size = UINT32_C(1) << gmem->config.report_order;
    uint32_t n = 0;
    for (uint32_t order = gmem->config.report_order; order < BUDDY_ORDERS; order++) {
        for (uint32_t head = buddy->head[order]; head != BUDDY_NONE;
             head = buddy_get_next_block(buddy, order, head)) {
            for (uint32_t at = head; at < head + (UINT32_C(1) << order) && n < count; at += size) {
                if (!is_range_reported(gmem, at, size)) {
                    found[n++] = at;
                }
            }
            if (n == count) {
                return n;
            }
        }
    }
    return n;
}

/** Notifies the observer about the pages of one block. */
static void notify_block_moved(struct gmem *gmem, uint32_t first, page_use from, page_use to)
{
    const uint32_t size = UINT32_C(1) << gmem->config.report_order;
    uint32_t pages[GMEM_BATCH_MAX];
    for (uint32_t done = 0; done < size;) {
        uint32_t n = 0;
        while (n < GMEM_BATCH_MAX && done < size) {
            pages[n++] = first + done++;
        }
        gmem_notify_moved_pages(gmem, pages, n, from, to);
    }
}

uint32_t gmem_isolate_report_blocks(struct gmem *gmem, uint64_t *blocks, uint32_t count)
{
    const uint32_t order = gmem->config.report_order;
    const uint32_t size = UINT32_C(1) << order;
    uint32_t found[GMEM_BATCH_MAX];
    if (!gmem->config.reports || gmem->pool.kind != PAGES_LIFO) {
        return 0;
    }
    const uint32_t room = gmem_count_free_pages_above_watermark(gmem, gmem->low) >> order;
    count = count < GMEM_BATCH_MAX ? count : GMEM_BATCH_MAX;
    count = room == 0 ? 0 : count < room - 1 ? count : room - 1;
    count = count == 0 ? 0 : find_unreported_blocks(gmem, found, count);
    for (uint32_t i = 0; i < count; i++) {
        (void)gmem_pool_alloc_block(&gmem->pool, found[i], order, PAGE_USE_REPORTED);
        gmem->in_use[PAGE_USE_REPORTED] += size;
        blocks[i] = gmem_get_pfn_of_page_index(gmem, found[i]);
        notify_block_moved(gmem, found[i], PAGE_USE_FREE, PAGE_USE_REPORTED);
    }
    return count;
}

void gmem_return_report_blocks(struct gmem *gmem, const uint64_t *blocks, uint32_t count,
                               bool acked)
{
    const uint32_t order = gmem->config.report_order;
    const uint32_t size = UINT32_C(1) << order;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t first = gmem_find_page(gmem, blocks[i]);
        if (first == BUDDY_NONE || !gmem_is_page_used_for(gmem, first, PAGE_USE_REPORTED)) {
            gmem->bad_frees++;
            continue;
        }
        gmem->in_use[PAGE_USE_REPORTED] -= size;
        gmem_pool_free_block(&gmem->pool, first, order);
        page_map_set_run(&gmem->reported, first, size, acked);
        notify_block_moved(gmem, first, PAGE_USE_REPORTED, PAGE_USE_FREE);
    }
}

bool gmem_poll_report_wanted(struct gmem *gmem)
{
    const bool wanted =
        gmem->config.reports && gmem->pool.largest_freed > gmem->config.report_order;
    gmem->pool.largest_freed = 0;
    return wanted;
}
