/*
 * The buddy allocator. The state byte of the first page of a free block marks the block, or its
 * element of `large`. So it is enough to read one of them to know whether the buddy of a block is
 * free. Free lists are doubly linked lists of the first pages of blocks. If a run of pages is taken
 * out of a block, the smaller blocks that remain are the same as if the pages were taken one by
 * one.
 */
#include "sim/memory/buddy.h"

#include <inttypes.h>
#include <stdio.h>

void buddy_init(struct buddy *buddy, struct arena *arena, struct page_map *state,
                struct page_links *links, uint32_t pages)
{
    *buddy = (struct buddy){.arena = arena, .state = state, .links = links, .pages = pages};
    buddy->leaves = (pages - 1) / PAGE_LEAF_PAGES + 1;
    buddy->large = arena_alloc_zeroed(arena, buddy->leaves * sizeof *buddy->large);
    for (uint32_t order = 0; order < BUDDY_ORDERS; order++) {
        buddy->head[order] = BUDDY_NONE;
    }
}

void buddy_destroy(struct buddy *buddy)
{
    arena_free(buddy->arena, buddy->large, buddy->leaves * sizeof *buddy->large);
    buddy->large = NULL;
}

/* ---- One block, small or large ---- */

static bool is_large(uint32_t order)
{
    return order >= PAGE_LEAF_ORDER;
}

static bool is_block_free(const struct buddy *buddy, uint32_t order, uint32_t page)
{
    return is_large(order) ? buddy->large[page / PAGE_LEAF_PAGES].mark == order + 1
                           : page_map_get_byte(buddy->state, page) == BUDDY_HEAD(order);
}

static void mark_block(struct buddy *buddy, uint32_t order, uint32_t page, bool is_free)
{
    if (is_large(order)) {
        buddy->large[page / PAGE_LEAF_PAGES].mark = is_free ? (uint8_t)(order + 1) : 0;
    } else {
        page_map_set_byte(buddy->state, page, is_free ? BUDDY_HEAD(order) : 0);
    }
}

static struct page_links get_block_links(const struct buddy *buddy, uint32_t order, uint32_t page)
{
    const struct buddy_large *large = &buddy->large[page / PAGE_LEAF_PAGES];
    return is_large(order) ? (struct page_links){.next = large->next, .prev = large->prev}
                           : page_links_get(buddy->links, page);
}

static void set_block_links(struct buddy *buddy, uint32_t order, uint32_t page, uint32_t next,
                            uint32_t prev)
{
    if (is_large(order)) {
        buddy->large[page / PAGE_LEAF_PAGES].next = next;
        buddy->large[page / PAGE_LEAF_PAGES].prev = prev;
    } else {
        page_links_set(buddy->links, page, next, prev);
    }
}

uint32_t buddy_get_next_block(const struct buddy *buddy, uint32_t order, uint32_t page)
{
    return get_block_links(buddy, order, page).next;
}

/* ---- Free lists ---- */

static void push_free_block(struct buddy *buddy, uint32_t order, uint32_t page)
{
    const uint32_t head = buddy->head[order];
    set_block_links(buddy, order, page, head, BUDDY_NONE);
    if (head != BUDDY_NONE) {
        set_block_links(buddy, order, head, buddy_get_next_block(buddy, order, head), page);
    }
    buddy->head[order] = page;
    buddy->blocks[order]++;
    buddy->nonempty |= UINT32_C(1) << order;
    mark_block(buddy, order, page, true);
}

static void remove_free_block(struct buddy *buddy, uint32_t order, uint32_t page)
{
    const struct page_links links = get_block_links(buddy, order, page);
    if (links.next != BUDDY_NONE) {
        set_block_links(buddy, order, links.next, buddy_get_next_block(buddy, order, links.next),
                        links.prev);
    }
    if (links.prev != BUDDY_NONE) {
        set_block_links(buddy, order, links.prev, links.next,
                        get_block_links(buddy, order, links.prev).prev);
    } else {
        buddy->head[order] = links.next;
    }
    set_block_links(buddy, order, page, BUDDY_NONE, BUDDY_NONE);
    buddy->blocks[order]--;
    if (buddy->head[order] == BUDDY_NONE) {
        buddy->nonempty &= ~(UINT32_C(1) << order);
    }
    mark_block(buddy, order, page, false);
}

/** The largest order of a block that begins or ends at `offset` and has at most `pages` pages. */
static uint32_t find_largest_order(uint32_t offset, uint32_t pages)
{
    uint32_t order = 0;
    while (order + 1 < BUDDY_ORDERS && (offset & ((UINT32_C(2) << order) - 1)) == 0 &&
           UINT32_C(2) << order <= pages) {
        order++;
    }
    return order;
}

/* ---- Allocating and freeing blocks ---- */

uint32_t buddy_alloc_run(struct buddy *buddy, uint32_t want, uint32_t *first)
{
    if (buddy->nonempty == 0) {
        return 0;
    }
    const uint32_t order = (uint32_t)__builtin_ctz(buddy->nonempty);
    const uint32_t size = UINT32_C(1) << order;
    const uint32_t block = buddy->head[order];
    remove_free_block(buddy, order, block);
    *first = block;
    if (want >= size) {
        return size;
    }
    for (uint32_t at = want; at < size;) {
        const uint32_t piece = (uint32_t)__builtin_ctz(at);
        push_free_block(buddy, piece, block + at);
        at += UINT32_C(1) << piece;
    }
    return want;
}

bool buddy_alloc_block(struct buddy *buddy, uint32_t order, uint32_t *first)
{
    const uint32_t orders = buddy->nonempty >> order;
    if (orders == 0) {
        return false;
    }
    uint32_t piece = order + (uint32_t)__builtin_ctz(orders);
    *first = buddy->head[piece];
    remove_free_block(buddy, piece, *first);
    while (piece > order) {
        piece--;
        push_free_block(buddy, piece, *first + (UINT32_C(1) << piece));
    }
    return true;
}

uint32_t buddy_free_block(struct buddy *buddy, uint32_t page, uint32_t order)
{
    while (order + 1 < BUDDY_ORDERS) {
        const uint32_t other = page ^ (UINT32_C(1) << order);
        if (other >= buddy->pages || !is_block_free(buddy, order, other)) {
            break;
        }
        remove_free_block(buddy, order, other);
        page &= ~(UINT32_C(1) << order);
        order++;
    }
    push_free_block(buddy, order, page);
    return order;
}

uint32_t buddy_free_run(struct buddy *buddy, uint32_t first, uint32_t count, bool descends)
{
    uint32_t largest = 0;
    while (count > 0) {
        const uint32_t edge = descends ? first + count : first;
        const uint32_t order = find_largest_order(edge, count);
        const uint32_t pages = UINT32_C(1) << order;
        const uint32_t freed = buddy_free_block(buddy, descends ? edge - pages : edge, order);
        largest = freed > largest ? freed : largest;
        first += descends ? 0 : pages;
        count -= pages;
    }
    return largest;
}

bool buddy_alloc_block_at(struct buddy *buddy, uint32_t page, uint32_t order)
{
    for (uint32_t at = order; at < BUDDY_ORDERS; at++) {
        const uint32_t head = page & ~((UINT32_C(1) << at) - 1);
        if (!is_block_free(buddy, at, head)) {
            continue;
        }
        remove_free_block(buddy, at, head);
        while (at > order) { /* put the half that does not contain the wanted block back on a free
                                list */
            at--;
            push_free_block(buddy, at, (page & ~((UINT32_C(1) << at) - 1)) ^ (UINT32_C(1) << at));
        }
        return true;
    }
    return false;
}

/* ---- Audit ---- */

static bool write_audit_error(char *text, size_t bytes, const char *what, uint32_t order,
                              uint32_t page)
{
    (void)snprintf(text, bytes, "buddy: %s: order %" PRIu32 ", page %" PRIu32, what, order, page);
    return false;
}

static bool audit_block(const struct buddy *buddy, uint32_t order, uint32_t page,
                        struct page_map *seen, char *text, size_t bytes)
{
    const uint32_t size = UINT32_C(1) << order;
    if (page >= buddy->pages || size > buddy->pages - page) {
        return write_audit_error(text, bytes, "a free block is outside memory", order, page);
    }
    if ((page & (size - 1)) != 0) {
        return write_audit_error(text, bytes, "a free block is not aligned", order, page);
    }
    const uint32_t other = page ^ size;
    if (order + 1 < BUDDY_ORDERS && other < buddy->pages && is_block_free(buddy, order, other)) {
        return write_audit_error(text, bytes, "two free buddies were not merged", order, page);
    }
    const uint32_t rest = is_large(order) ? page : page + 1;
    const uint64_t used = page_map_find_other(buddy->state, rest, (uint64_t)page + size, 0);
    if (!is_block_free(buddy, order, page) || used < (uint64_t)page + size) {
        return write_audit_error(text, bytes, "a page of a free block is in use", order,
                                 (uint32_t)used);
    }
    const uint64_t twice = page_map_find(seen, page, (uint64_t)page + size, 1);
    if (twice < (uint64_t)page + size) {
        return write_audit_error(text, bytes, "a page is in two free blocks", order,
                                 (uint32_t)twice);
    }
    page_map_set_run(seen, page, size, 1);
    return true;
}

bool buddy_audit(const struct buddy *buddy, struct page_map *seen, char *text, size_t text_bytes)
{
    for (uint32_t order = 0; order < BUDDY_ORDERS; order++) {
        uint32_t before = BUDDY_NONE;
        uint32_t count = 0;
        for (uint32_t page = buddy->head[order]; page != BUDDY_NONE;
             page = buddy_get_next_block(buddy, order, page)) {
            if (!audit_block(buddy, order, page, seen, text, text_bytes)) {
                return false;
            }
            if (get_block_links(buddy, order, page).prev != before) {
                return write_audit_error(text, text_bytes,
                                         "the links of a free list are inconsistent", order, page);
            }
            before = page;
            count++;
        }
        if (count != buddy->blocks[order]) {
            return write_audit_error(text, text_bytes,
                                     "the length of a free list differs from its counter", order,
                                     buddy->head[order]);
        }
        if ((buddy->nonempty >> order & 1) != (count > 0)) {
            return write_audit_error(text, text_bytes, "the set of non-empty orders is wrong",
                                     order, buddy->head[order]);
        }
    }
    return true;
}
