/*
 * Recognises a move: the OS wants the memory of a ballooned page, so the driver inflates another
 * page and then deflates the ballooned page. These two requests together do not change the size of
 * the balloon, so that the clauses BX-13 (cycles) and BD-7 (deflation) do not apply. extension.c
 * and deflate.c call this file.
 */
#include "sim/conformance/places.h"

static bool is_pfn_of_page(const struct watch *watch, uint64_t page, uint64_t pfn)
{
    return pfn >= page && pfn - page < UINT64_C(1) << watch->config.page_order;
}

/** Whether all PFNs of a request belong to the given page. */
static bool has_only_pfns_of_page(const struct watch *watch, const struct seen_buffer *buffer,
                                  const struct seen_request *request, uint64_t page)
{
    for (uint32_t i = 0; i < request->count; i++) {
        if (!is_pfn_of_page(watch, page, request_read_pfn(watch, buffer, request, i))) {
            return false;
        }
    }
    return request->count > 0 && !request->huge;
}

bool moves_is_inflate_of_move(const struct watch *watch, const struct seen_buffer *buffer,
                              const struct seen_request *request)
{
    return watch->moves.on && has_only_pfns_of_page(watch, buffer, request, watch->moves.to);
}

bool moves_is_deflate_of_move(struct watch *watch, const struct seen_buffer *buffer,
                              const struct seen_request *request)
{
    if (!watch->moves.on || !has_only_pfns_of_page(watch, buffer, request, watch->moves.from)) {
        return false;
    }
    for (uint64_t k = 0; k < UINT64_C(1) << watch->config.page_order; k++) {
        if ((pages_get_state(watch, watch->moves.to + k) & PAGE_PLACE) != PAGE_BALLOON) {
            return false;
        }
    }
    watch->moves.on = false; /* the move is complete */
    return true;
}

static void observe_pages_freed(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        watch->moves.on = watch->moves.on && pages[i] != watch->moves.to;
    }
}

static void clear_page_move(struct watch *watch)
{
    watch->moves.on = false;
}

const struct watcher watch_moves_watcher = {
    .reset = clear_page_move,
    .guest_new = clear_page_move,
    .pages_given = observe_pages_freed,
};
