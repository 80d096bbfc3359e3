/*
 * The buddy allocator. The state byte of the first page of a free block marks the block. So it is
 * enough to read one byte to know whether the buddy of a block is free. Free lists are doubly
 * linked lists of the first pages of blocks. If a run of pages is taken out of a block, the smaller
 * blocks that remain are the same as if the pages were taken one by one.
 */
#include "sim/memory/buddy.h"

#include <inttypes.h>
#include <stdio.h>

void buddy_init(struct buddy *buddy, uint8_t *state, uint32_t *next, uint32_t *prev, uint32_t pages)
{
    *buddy = (struct buddy){.pages = pages};
    buddy->state = state;
    buddy->next = next;
    buddy->prev = prev;
    for (uint32_t order = 0; order < BUDDY_ORDERS; order++) {
        buddy->head[order] = BUDDY_NONE;
    }
}

/* ---- Free lists ---- */

static void push_free_block(struct buddy *buddy, uint32_t order, uint32_t page)
{
    const uint32_t head = buddy->head[order];
    buddy->next[page] = head;
    buddy->prev[page] = BUDDY_NONE;
    if (head != BUDDY_NONE) {
        buddy->prev[head] = page;
    }
    buddy->head[order] = page;
    buddy->blocks[order]++;
    buddy->nonempty |= UINT32_C(1) << order;
    buddy->state[page] = BUDDY_HEAD(order);
}

static void remove_free_block(struct buddy *buddy, uint32_t order, uint32_t page)
{
    const uint32_t next = buddy->next[page];
    const uint32_t prev = buddy->prev[page];
    if (next != BUDDY_NONE) {
        buddy->prev[next] = prev;
    }
    if (prev != BUDDY_NONE) {
        buddy->next[prev] = next;
    } else {
        buddy->head[order] = next;
    }
    buddy->blocks[order]--;
    if (buddy->head[order] == BUDDY_NONE) {
        buddy->nonempty &= ~(UINT32_C(1) << order);
    }
    buddy->state[page] = 0;
}

/** The largest order of a block that begins at `offset` and has at most `pages` pages. */
static uint32_t find_largest_order(uint32_t offset, uint32_t pages)
{
    uint32_t order = 0;
    while (order + 1 < BUDDY_ORDERS && (offset & ((UINT32_C(2) << order) - 1)) == 0 &&
           UINT32_C(2) << order <= pages) {
        order++;
    }
    return order;
}

/** The largest order of a block that ends at `end` and begins at or after `first`. */
static uint32_t find_largest_order_before(uint32_t end, uint32_t first)
{
    return find_largest_order(end, end - first);
}

/* ---- Allocating and freeing blocks ---- */

void buddy_free_range(struct buddy *buddy, uint32_t first, uint32_t count)
{
    uint32_t end = first + count;
    while (end > first) {
        const uint32_t order = find_largest_order_before(end, first);
        end -= UINT32_C(1) << order;
        push_free_block(buddy, order, end);
    }
}

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
        if (other >= buddy->pages || buddy->state[other] != BUDDY_HEAD(order)) {
            break;
        }
        remove_free_block(buddy, order, other);
        page &= ~(UINT32_C(1) << order);
        order++;
    }
    push_free_block(buddy, order, page);
    return order;
}

bool buddy_alloc_block_at(struct buddy *buddy, uint32_t page, uint32_t order)
{
    for (uint32_t at = order; at < BUDDY_ORDERS; at++) {
        const uint32_t head = page & ~((UINT32_C(1) << at) - 1);
        if (buddy->state[head] != BUDDY_HEAD(at)) {
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

static bool audit_block(const struct buddy *buddy, uint32_t order, uint32_t page, uint64_t *seen,
                        char *text, size_t bytes)
{
    const uint32_t size = UINT32_C(1) << order;
    if (page >= buddy->pages || size > buddy->pages - page) {
        return write_audit_error(text, bytes, "a free block is outside memory", order, page);
    }
    if ((page & (size - 1)) != 0) {
        return write_audit_error(text, bytes, "a free block is not aligned", order, page);
    }
    const uint32_t other = page ^ size;
    if (order + 1 < BUDDY_ORDERS && other < buddy->pages &&
        buddy->state[other] == BUDDY_HEAD(order)) {
        return write_audit_error(text, bytes, "two free buddies were not merged", order, page);
    }
    for (uint32_t i = page; i < page + size; i++) {
        if (buddy->state[i] != (i == page ? BUDDY_HEAD(order) : 0)) {
            return write_audit_error(text, bytes, "a page of a free block is in use", order, i);
        }
        if ((seen[i / 64] >> (i % 64) & 1) != 0) {
            return write_audit_error(text, bytes, "a page is in two free blocks", order, i);
        }
        seen[i / 64] |= UINT64_C(1) << (i % 64);
    }
    return true;
}

bool buddy_audit(const struct buddy *buddy, uint64_t *seen, char *text, size_t text_bytes)
{
    for (uint32_t order = 0; order < BUDDY_ORDERS; order++) {
        uint32_t before = BUDDY_NONE;
        uint32_t count = 0;
        for (uint32_t page = buddy->head[order]; page != BUDDY_NONE; page = buddy->next[page]) {
            if (!audit_block(buddy, order, page, seen, text, text_bytes)) {
                return false;
            }
            if (buddy->prev[page] != before) {
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
