/*
 * The parts of a group: lists of pages, which are linked by links that each page has, and queues of
 * swap slots.
 */
#include "sim/memory/gmem_private.h"

void gmem_list_push(struct gmem *gmem, struct gmem_list *list, uint32_t page)
{
    gmem->next[page] = list->head;
    gmem->prev[page] = BUDDY_NONE;
    if (list->head != BUDDY_NONE) {
        gmem->prev[list->head] = page;
    } else {
        list->tail = page;
    }
    list->head = page;
    list->count++;
}

uint32_t gmem_list_pop_head(struct gmem *gmem, struct gmem_list *list)
{
    const uint32_t page = list->head;
    list->head = gmem->next[page];
    if (list->head != BUDDY_NONE) {
        gmem->prev[list->head] = BUDDY_NONE;
    } else {
        list->tail = BUDDY_NONE;
    }
    list->count--;
    return page;
}

uint32_t gmem_list_pop_tail(struct gmem *gmem, struct gmem_list *list)
{
    const uint32_t page = list->tail;
    list->tail = gmem->prev[page];
    if (list->tail != BUDDY_NONE) {
        gmem->next[list->tail] = BUDDY_NONE;
    } else {
        list->head = BUDDY_NONE;
    }
    list->count--;
    return page;
}

void gmem_swap_push_tag(struct gmem *gmem, struct gmem_group *group, uint64_t tag)
{
    uint32_t slot = gmem->swap_free;
    if (slot != BUDDY_NONE) {
        gmem->swap_free = gmem->swap_next[slot];
    } else {
        slot = gmem->swap_fresh++;
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
    return gmem->swap_tag[slot];
}
