/*
 * The audit of guest memory: it counts every page again from the maps, walks every list and every
 * queue of swap slots, and describes the first error that it finds. It changes nothing.
 */
#include "sim/memory/gmem_private.h"

#include <inttypes.h>
#include <stdio.h>

/** Checks that each use has as many pages as its counter says. */
static bool audit_use_counters(const struct gmem *gmem, char *text, size_t bytes)
{
    uint32_t found[GMEM_USE_MASK + 1] = {0};
    for (uint64_t page = 0; page < gmem->pages;) {
        uint64_t state = 0;
        const uint64_t run = page_map_get_run(&gmem->state, page, &state);
        found[state & GMEM_USE_MASK] += (uint32_t)run;
        page += run;
    }
    for (uint32_t use = 0; use < PAGE_USE_COUNT; use++) {
        const uint64_t counted = gmem_count_pages_in_use(gmem, (page_use)use);
        if (found[use] != counted) {
            (void)snprintf(text, bytes,
                           "%" PRIu32 " pages have the use '%s', but the counter says %" PRIu64,
                           found[use], page_use_get_name((page_use)use), counted);
            return false;
        }
    }
    return true;
}

/** Checks that exactly the free pages are in the pool, and marks them in `seen`. */
static bool audit_free_page_pool(const struct gmem *gmem, struct page_map *seen, char *text,
                                 size_t bytes)
{
    if (!gmem_pool_audit(&gmem->pool, seen, text, bytes)) {
        return false;
    }
    for (uint64_t page = 0; page < gmem->pages;) {
        uint64_t state = 0;
        uint64_t is_seen = 0;
        const uint64_t run = page_map_get_run(&gmem->state, page, &state);
        const uint64_t seen_run = page_map_get_run(seen, page, &is_seen);
        const page_use use = (page_use)(state & GMEM_USE_MASK);
        if ((is_seen != 0) != (use == PAGE_USE_FREE)) {
            (void)snprintf(text, bytes, "page %" PRIu64 " is %s but is %s the pool", page,
                           page_use_get_name(use), is_seen != 0 ? "in" : "not in");
            return false;
        }
        page += run < seen_run ? run : seen_run;
    }
    return true;
}

static bool audit_page_list(const struct gmem *gmem, uint32_t group, page_use use,
                            struct page_map *seen, char *text, size_t bytes)
{
    const struct gmem_list *list = &gmem->groups[group].list[use];
    uint32_t before = BUDDY_NONE;
    uint32_t count = 0;
    for (uint32_t page = list->head; page != BUDDY_NONE;) {
        const char *what = NULL;
        if (page >= gmem->pages || !gmem_is_page_used_for(gmem, page, use)) {
            what = "has another use";
        } else if (page_map_get_bit(seen, page)) {
            what = "is also on another list";
        } else if (page_links_get(gmem->links, page).prev != before) {
            what = "has inconsistent links";
        }
        if (what != NULL) {
            (void)snprintf(text, bytes, "group %" PRIu32 ", list of %s: page %" PRIu32 " %s", group,
                           page_use_get_name(use), page, what);
            return false;
        }
        page_map_set_bit(seen, page, true);
        before = page;
        page = page_links_get(gmem->links, page).next;
        count++;
    }
    if (count != list->count || list->tail != before) {
        (void)snprintf(text, bytes,
                       "group %" PRIu32 ", list of %s: %" PRIu32
                       " pages, but the counter says %" PRIu32 ", or the tail is wrong",
                       group, page_use_get_name(use), count, list->count);
        return false;
    }
    return true;
}

/** Checks that every page that a group uses is on exactly one list of a group. It runs after
 * audit_free_page_pool. */
static bool audit_all_page_lists(const struct gmem *gmem, struct page_map *seen, char *text,
                                 size_t bytes)
{
    for (uint32_t use = PAGE_USE_ANON; use <= PAGE_USE_SLAB; use++) {
        uint64_t total = 0;
        for (uint32_t group = 0; group < gmem->group_count; group++) {
            if (!audit_page_list(gmem, group, (page_use)use, seen, text, bytes)) {
                return false;
            }
            total += gmem->groups[group].list[use].count;
        }
        if (total != gmem->in_use[use]) {
            (void)snprintf(text, bytes,
                           "%" PRIu32 " pages have the use '%s', but %" PRIu64 " are on lists",
                           gmem->in_use[use], page_use_get_name((page_use)use), total);
            return false;
        }
    }
    return true;
}

/** Counts the slots from `first` to the end of the queue. If the result is larger than the number
 * of all slots, the queue contains a loop. */
static uint64_t count_slots_from(const struct gmem *gmem, uint32_t first)
{
    uint64_t count = 0;
    for (uint32_t slot = first; slot != BUDDY_NONE && count <= gmem->swap_slots;) {
        slot = slot < gmem->swap_fresh ? gmem->swap_next[slot] : BUDDY_NONE;
        count++;
    }
    return count;
}

static bool audit_swap_slots(const struct gmem *gmem, char *text, size_t bytes)
{
    uint64_t used = 0;
    for (uint32_t group = 0; group < gmem->group_count; group++) {
        const uint64_t count = count_slots_from(gmem, gmem->groups[group].swap_head);
        if (count != gmem->groups[group].swapped) {
            (void)snprintf(text, bytes,
                           "group %" PRIu32 ": %" PRIu64
                           " pages are swapped out, but the counter says %" PRIu32,
                           group, count, gmem->groups[group].swapped);
            return false;
        }
        used += count;
    }
    const uint64_t unused = count_slots_from(gmem, gmem->swap_free);
    if (used != gmem->swap_used || used + unused != gmem->swap_fresh) {
        (void)snprintf(text, bytes,
                       "swap: %" PRIu64 " slots are in use and %" PRIu64 " are free, of %" PRIu32
                       " that were ever used; the counter of used slots says %" PRIu32,
                       used, unused, gmem->swap_fresh, gmem->swap_used);
        return false;
    }
    return true;
}

bool gmem_audit(const struct gmem *gmem, char *text, size_t text_bytes)
{
    struct page_map seen; /* a bit: the page was found in the pool or on a list */
    page_map_init(&seen, gmem->config.arena, PAGE_WIDTH_BIT, gmem->pages, 0);
    const bool right = audit_use_counters(gmem, text, text_bytes) &&
                       audit_free_page_pool(gmem, &seen, text, text_bytes) &&
                       audit_all_page_lists(gmem, &seen, text, text_bytes) &&
                       audit_swap_slots(gmem, text, text_bytes);
    page_map_destroy(&seen);
    return right;
}

bool gmem_audit_after_changes(struct gmem *gmem, char *text, size_t text_bytes)
{
    if (gmem->changes - gmem->audited_changes < GMEM_AUDIT_CHANGES) {
        return true;
    }
    gmem->audited_changes = gmem->changes;
    return gmem_audit(gmem, text, text_bytes);
}
