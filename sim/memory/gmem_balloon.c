/*
 * The balloon driver's allocator: allocations that never wait, allocations that may wait, huge
 * pages of 2 MiB, and the links of the driver's list of ballooned pages. driver_ops.c calls it.
 */
#include "sim/memory/gmem_private.h"

#include <string.h>

/* ---- Pages ---- */

static void add_balloon_pages_to_counters(struct gmem *gmem, uint32_t count)
{
    gmem->in_use[PAGE_USE_BALLOON] += count;
    if (gmem->pool.free_pages < gmem->low) {
        gmem->reclaim_wanted = true;
    }
}

uint32_t gmem_balloon_alloc_free_pages(struct gmem *gmem, uint64_t *pfns, uint32_t count)
{
    uint32_t pages[GMEM_BATCH_MAX];
    const uint32_t room = gmem_count_free_pages_above_watermark(gmem, gmem->min);
    count = count < room ? count : room;
    if (count == 0) {
        return 0;
    }
    gmem_pool_alloc_pages(&gmem->pool, pages, count, (uint8_t)PAGE_USE_BALLOON);
    add_balloon_pages_to_counters(gmem, count);
    for (uint32_t i = 0; i < count; i++) {
        pfns[i] = gmem_get_pfn_of_page_index(gmem, pages[i]);
    }
    if (gmem->config.moved != NULL) {
        gmem->config.moved(gmem->config.opaque, pfns, count, PAGE_USE_FREE, PAGE_USE_BALLOON);
    }
    return count;
}

uint32_t gmem_balloon_alloc_pages(struct gmem *gmem, uint64_t *pages, uint32_t count)
{
    count = count < GMEM_BATCH_MAX ? count : GMEM_BATCH_MAX;
    uint32_t got = gmem_balloon_alloc_free_pages(gmem, pages, count);
    if (got == count) {
        return got;
    }
    gmem->reclaim_wanted = true;
    gmem->direct_reclaims++;
    const uint32_t missing = count - got;
    const uint32_t want = missing > GMEM_RECLAIM_BATCH ? missing : GMEM_RECLAIM_BATCH;
    if (gmem_reclaim_pages(gmem, want, GMEM_RECLAIM_BATCH, &gmem->balloon_cost_ns) > 0) {
        got += gmem_balloon_alloc_free_pages(gmem, pages + got, missing);
    }
    return got;
}

uint32_t gmem_balloon_alloc_pages_nowait(struct gmem *gmem, uint64_t *pages, uint32_t count)
{
    count = count < GMEM_BATCH_MAX ? count : GMEM_BATCH_MAX;
    const uint32_t got = gmem_balloon_alloc_free_pages(gmem, pages, count);
    gmem->reclaim_wanted = gmem->reclaim_wanted || got < count;
    return got;
}

struct gmem_waited gmem_balloon_reclaim_for_pages(struct gmem *gmem, uint32_t count)
{
    struct gmem_waited result = {.ready = gmem_count_free_pages_above_watermark(gmem, gmem->min)};
    if (result.ready >= count) {
        return result;
    }
    gmem->reclaim_wanted = true;
    gmem->direct_reclaims++;
    const uint32_t freed =
        gmem_reclaim_pages(gmem, GMEM_RECLAIM_BATCH, GMEM_RECLAIM_BATCH, &result.cost_ns);
    gmem->balloon_cost_ns += result.cost_ns;
    result.stuck = freed == 0;
    result.ready = gmem_count_free_pages_above_watermark(gmem, gmem->min);
    return result;
}

void gmem_balloon_fill_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = gmem_find_page(gmem, pages[i]);
        if (page != BUDDY_NONE && gmem_is_page_used_for(gmem, page, PAGE_USE_BALLOON)) {
            gmem_fill_page(gmem, page);
        }
    }
}

/** Stores those of the pages that are the balloon's, and makes them free; the same page a second
 * time is not the balloon's any more. Returns how many they are. */
static uint32_t take_balloon_pages(struct gmem *gmem, uint32_t *pages, uint32_t count)
{
    uint32_t taken = 0;
    for (uint32_t done = 0; done < count;) {
        struct gmem_pool_run run = gmem_pool_find_run(pages + done, count - done);
        const uint64_t end = (uint64_t)run.first + run.count;
        if (end > gmem->pages ||
            page_map_find_other(&gmem->state, run.first, end, PAGE_USE_BALLOON) < end) {
            run = (struct gmem_pool_run){.first = pages[done], .count = 1};
        }
        if (run.first < gmem->pages && gmem_is_page_used_for(gmem, run.first, PAGE_USE_BALLOON)) {
            page_map_set_run(&gmem->state, run.first, run.count, PAGE_USE_FREE);
            memmove(pages + taken, pages + done, run.count * sizeof *pages);
            taken += run.count;
        } else {
            gmem->bad_frees++;
        }
        done += run.count;
    }
    return taken;
}

void gmem_balloon_free_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count)
{
    for (uint32_t done = 0; done < count;) {
        uint32_t batch[GMEM_BATCH_MAX];
        const uint32_t some = count - done < GMEM_BATCH_MAX ? count - done : GMEM_BATCH_MAX;
        for (uint32_t i = 0; i < some; i++) {
            batch[i] = gmem_find_page(gmem, pages[done + i]);
        }
        const uint32_t taken = take_balloon_pages(gmem, batch, some);
        if (taken > 0) {
            gmem_free_pages(gmem, batch, taken, PAGE_USE_BALLOON);
        }
        done += some;
    }
}

/* ---- 2 MiB blocks ---- */

/** Notifies the observer about all pages of a block. */
static void notify_block_moved(struct gmem *gmem, uint32_t first, page_use from, page_use to)
{
    uint32_t pages[GMEM_BATCH_MAX];
    for (uint32_t done = 0; done < GMEM_POOL_BLOCK; done += GMEM_BATCH_MAX) {
        for (uint32_t i = 0; i < GMEM_BATCH_MAX; i++) {
            pages[i] = first + done + i;
        }
        gmem_notify_moved_pages(gmem, pages, GMEM_BATCH_MAX, from, to);
    }
}

uint32_t gmem_balloon_alloc_huge_pages(struct gmem *gmem, uint64_t *firsts, uint32_t count)
{
    uint32_t got = 0;
    if (gmem->config.page_order != 0 || gmem->config.first_pfn % GMEM_POOL_BLOCK != 0) {
        return 0;
    }
    while (got < count &&
           gmem_count_free_pages_above_watermark(gmem, gmem->min) >= GMEM_POOL_BLOCK) {
        uint32_t first = 0;
        if (!gmem_pool_alloc_huge_page(&gmem->pool, &first, (uint8_t)PAGE_USE_BALLOON)) {
            break;
        }
        add_balloon_pages_to_counters(gmem, GMEM_POOL_BLOCK);
        firsts[got++] = gmem_get_pfn_of_page_index(gmem, first);
        notify_block_moved(gmem, first, PAGE_USE_FREE, PAGE_USE_BALLOON);
    }
    return got;
}

/** Whether all pages of a block are ballooned. */
static bool is_block_ballooned(const struct gmem *gmem, uint32_t first)
{
    return first != BUDDY_NONE && first % GMEM_POOL_BLOCK == 0 &&
           gmem->pages - first >= GMEM_POOL_BLOCK &&
           page_map_count(&gmem->state, first, GMEM_POOL_BLOCK, PAGE_USE_BALLOON) ==
               GMEM_POOL_BLOCK;
}

void gmem_balloon_free_huge_pages(struct gmem *gmem, const uint64_t *firsts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t first = gmem_find_page(gmem, firsts[i]);
        if (!is_block_ballooned(gmem, first)) {
            gmem->bad_frees++;
            continue;
        }
        gmem->in_use[PAGE_USE_BALLOON] -= GMEM_POOL_BLOCK;
        if (gmem->config.reports) {
            page_map_set_run(&gmem->reported, first, GMEM_POOL_BLOCK, 0);
        }
        gmem_pool_free_huge_page(&gmem->pool, first);
        notify_block_moved(gmem, first, PAGE_USE_BALLOON, PAGE_USE_FREE);
    }
}

/* ---- The record's links ---- */

static uint32_t get_record_link(const struct gmem *gmem, uint32_t page)
{
    return gmem->record[page];
}

static void set_record_link(struct gmem *gmem, uint32_t page, uint32_t to)
{
    gmem->record[page] = to;
}

/*
 * Links lead from a page to the page below it. To remove a page, the page above it must be found:
 * the first removal walks the list and stores the page above each page. From then on, the stored
 * pages follow the list, so that compaction does not walk the list for each page.
 */

static void forget_links_above(struct gmem *gmem)
{
    if (gmem->above_known) {
        page_map_destroy(&gmem->above);
        gmem->above_known = false;
    }
}

static void learn_links_above(struct gmem *gmem, uint32_t head)
{
    uint32_t above = GMEM_ABOVE_NONE;
    forget_links_above(gmem);
    page_map_init(&gmem->above, gmem->config.arena, PAGE_WIDTH_U32, gmem->pages, 0);
    gmem->above_known = true;
    gmem->above_head = head;
    for (uint32_t page = head; page != BUDDY_NONE; page = get_record_link(gmem, page)) {
        page_map_set_u32(&gmem->above, page, above);
        above = page + 1;
    }
}

/** Whether the pages above are stored for the list that begins with this page. */
static bool are_links_above_known(const struct gmem *gmem, uint32_t head)
{
    return gmem->above_known && gmem->above_head == head;
}

/** Stores the new head of the list. The list that is pushed onto an empty list can be another one,
 * so an empty list is forgotten. */
static void set_head_above(struct gmem *gmem, uint32_t head)
{
    gmem->above_head = head;
    if (head == BUDDY_NONE) {
        forget_links_above(gmem);
    } else {
        page_map_set_u32(&gmem->above, head, GMEM_ABOVE_NONE);
    }
}

void gmem_push_page_links(struct gmem *gmem, uint64_t head, const uint64_t *pages, uint32_t count)
{
    uint32_t link = gmem_find_page(gmem, head);
    const bool known = are_links_above_known(gmem, link);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = gmem_find_page(gmem, pages[i]);
        if (page == BUDDY_NONE) {
            continue;
        }
        set_record_link(gmem, page, link);
        if (known) {
            page_map_set_u32(&gmem->above, link, page + 1);
        }
        link = page;
    }
    if (known) {
        set_head_above(gmem, link);
    }
}

uint64_t gmem_pop_page_links(struct gmem *gmem, uint64_t head, uint64_t *pages, uint32_t count)
{
    uint32_t page = gmem_find_page(gmem, head);
    const bool known = are_links_above_known(gmem, page);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t below = page == BUDDY_NONE ? BUDDY_NONE : get_record_link(gmem, page);
        if (known && page != BUDDY_NONE) {
            page_map_set_u32(&gmem->above, page, 0);
        }
        pages[i] = head;
        head = below == BUDDY_NONE ? GMEM_NONE : gmem_get_pfn_of_page_index(gmem, below);
        page = below;
    }
    if (known) {
        set_head_above(gmem, page);
    }
    return head;
}

bool gmem_remove_page_link(struct gmem *gmem, uint64_t *head, uint64_t pfn)
{
    const uint32_t page = gmem_find_page(gmem, pfn);
    const uint32_t first = *head == GMEM_NONE ? BUDDY_NONE : gmem_find_page(gmem, *head);
    if (page == BUDDY_NONE || first == BUDDY_NONE) {
        return false;
    }
    if (!are_links_above_known(gmem, first)) {
        learn_links_above(gmem, first);
    }
    const uint32_t above = page_map_get_u32(&gmem->above, page);
    if (above == 0) {
        return false;
    }
    const uint32_t below = get_record_link(gmem, page);
    page_map_set_u32(&gmem->above, page, 0);
    if (above == GMEM_ABOVE_NONE) {
        *head = below == BUDDY_NONE ? GMEM_NONE : gmem_get_pfn_of_page_index(gmem, below);
        set_head_above(gmem, below);
        return true;
    }
    set_record_link(gmem, above - 1, below);
    if (below != BUDDY_NONE) {
        page_map_set_u32(&gmem->above, below, above);
    }
    return true;
}
