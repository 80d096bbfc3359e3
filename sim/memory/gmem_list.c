/*
 * The parts of a group: lists of pages, which are linked by links that each page has, and queues of
 * swap slots.
 */
#include "sim/memory/gmem_private.h"

#define SWAP_SLOTS_FIRST 64 /**< for so many slots, room is made at once */

void gmem_list_push(struct gmem *gmem, struct gmem_list *list, uint32_t page)
{
    page_links_set(gmem->links, page, list->head, BUDDY_NONE);
    if (list->head != BUDDY_NONE) {
        page_links_set_prev(gmem->links, list->head, page);
    } else {
        list->tail = page;
    }
    list->head = page;
    list->count++;
    gmem->changes++;
}

uint32_t gmem_list_pop_head(struct gmem *gmem, struct gmem_list *list)
{
    const uint32_t page = list->head;
    list->head = page_links_get(gmem->links, page).next;
    page_links_set(gmem->links, page, BUDDY_NONE, BUDDY_NONE);
    if (list->head != BUDDY_NONE) {
        page_links_set_prev(gmem->links, list->head, BUDDY_NONE);
    } else {
        list->tail = BUDDY_NONE;
    }
    list->count--;
    gmem->changes++;
    return page;
}

uint32_t gmem_list_pop_tail(struct gmem *gmem, struct gmem_list *list)
{
    const uint32_t page = list->tail;
    list->tail = page_links_get(gmem->links, page).prev;
    page_links_set(gmem->links, page, BUDDY_NONE, BUDDY_NONE);
    if (list->tail != BUDDY_NONE) {
        page_links_set_next(gmem->links, list->tail, BUDDY_NONE);
    } else {
        list->head = BUDDY_NONE;
    }
    list->count--;
    gmem->changes++;
    return page;
}

/** Makes room for one more swap slot. The arrays grow with use: an idle guest has swap too. */
static void grow_swap(struct gmem *gmem)
{
    const uint32_t double_room =
        gmem->swap_room < SWAP_SLOTS_FIRST ? SWAP_SLOTS_FIRST : gmem->swap_room * 2;
    const uint32_t room = double_room < gmem->swap_slots ? double_room : gmem->swap_slots;
    gmem->swap_tag = arena_realloc(gmem->config.arena, gmem->swap_tag,
                                   gmem->swap_room * sizeof(uint64_t), room * sizeof(uint64_t));
    gmem->swap_next = arena_realloc(gmem->config.arena, gmem->swap_next,
                                    gmem->swap_room * sizeof(uint32_t), room * sizeof(uint32_t));
    gmem->swap_room = room;
}

void gmem_swap_push_tag(struct gmem *gmem, struct gmem_group *group, uint64_t tag)
{
    uint32_t slot = gmem->swap_free;
    if (slot != BUDDY_NONE) {
        gmem->swap_free = gmem->swap_next[slot];
    } else {
        slot = gmem->swap_fresh++;
        if (slot == gmem->swap_room) {
            grow_swap(gmem);
        }
    }
    gmem->swap_tag[slot] = tag;
    gmem->swap_next[slot] = BUDDY_NONE;
    if (group->swap_tail != BUDDY_NONE) {
        gmem->swap_next[group->swap_tail] = slot;
    } else {
        group->swap_head = slot;
    }
    group->swap_tail = slot;
    group->swapped++;
    gmem->swap_used++;
    gmem->changes++;
}

uint64_t gmem_swap_pop_tag(struct gmem *gmem, struct gmem_group *group)
{
    const uint32_t slot = group->swap_head;
    group->swap_head = gmem->swap_next[slot];
    if (group->swap_head == BUDDY_NONE) {
        group->swap_tail = BUDDY_NONE;
    }
    gmem->swap_next[slot] = gmem->swap_free;
    gmem->swap_free = slot;
    group->swapped--;
    gmem->swap_used--;
    gmem->changes++;
    return gmem->swap_tag[slot];
}
