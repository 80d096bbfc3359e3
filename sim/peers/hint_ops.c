/*
 * Free page hints of our driver: allocates and frees blocks for hints, and reports each hint that
 * is sent to the observers.
 */
#include "sim/peers/peers.h"

static bool alloc_hint_block(void *opaque, uint32_t pfns, uint64_t *first_pfn)
{
    struct vm *vm = opaque;
    const uint32_t order = (uint32_t)__builtin_ctz(pfns) - vm->spec.page_order;
    const bool got = gmem_alloc_hint_block(vm->gmem, order, first_pfn);
    OBSERVE(vm, OBSERVED_HINT_BLOCK_TAKEN, .value = got ? *first_pfn : BNT_NEVER);
    return got;
}

/** A workload writes to every page before it reads the page, so no page has to be initialised here
 * (BD-31, BD-32). */
static void free_hinted_pages(void *opaque, const uint64_t *pages, uint32_t count, bool initialise)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_HINT_RETURNED, .pages = pages, .count = count, .flag = initialise);
    gmem_free_hinted_pages(vm->gmem, pages, count);
}

static void observe_sent_hint(void *opaque, const struct bnt_guest_hint *hint)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_GUEST_HINT, .guest_hint = hint);
}

void driver_add_hint_ops(struct bnt_guest_ops *ops)
{
    ops->hinting.alloc = alloc_hint_block;
    ops->hinting.free = free_hinted_pages;
    ops->hinting.observe = observe_sent_hint;
}
