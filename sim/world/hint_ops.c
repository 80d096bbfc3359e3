/*
 * Free page hints between the cores and the guest's memory: blocks out of the allocator and back,
 * what crosses the boundary, and reclaim that takes hinted pages first.
 */
#include "sim/world/world_private.h"

bool hint_block_alloc(void *opaque, uint32_t pfns, uint64_t *first_pfn)
{
    const struct vm *vm = opaque;
    const uint32_t order = (uint32_t)__builtin_ctz(pfns) - vm->spec.page_order;
    const bool got = gmem_hint_take(vm->gmem, order, first_pfn);
    engine_payload(vm->world->engine, got ? *first_pfn : BNT_NEVER);
    return got;
}

/** Pages are written before anything reads them, whenever that is (BD-31, BD-32). */
void hint_free(void *opaque, const uint64_t *pages, uint32_t count, bool initialise)
{
    const struct vm *vm = opaque;
    engine_payload_words(vm->world->engine, pages, count);
    engine_payload(vm->world->engine, initialise);
    conformance_hint_given(vm->world->conformance, vm->index, pages, count);
    gmem_hint_free(vm->gmem, pages, count);
}

void hint_sent(void *opaque, const struct bnt_guest_hint *hint)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    engine_payload(world->engine, hint->command);
    engine_payload(world->engine, hint->first_pfn);
    engine_payload(world->engine, hint->pfns);
    if (world->oracle != NULL) {
        struct bnt_guest_hint seen = *hint;
        const uint64_t used = gmem_any_page(vm->gmem, PAGE_USE_ANON);
        if (hint->pfns > 0 && used != GMEM_NONE && hostile_take(vm, CORRUPT_HINT_OWNED)) {
            seen.first_pfn = used;
        }
        oracle_hint_sent(world->oracle, vm->index, &seen);
    }
}

void hint_taken(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    vm->touched = true;
    engine_payload(world->engine, first_pfn);
    engine_payload(world->engine, pfns);
    if (world->oracle != NULL) {
        oracle_hint(world->oracle, vm->index, first_pfn, pfns);
    }
    conformance_hinted(world->conformance, vm->index, first_pfn, pfns);
    migration_hinted(vm, first_pfn, pfns);
    script_trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_HINT);
}

/** What the guest's reclaim calls. */
void hint_shrink(void *opaque, uint32_t pages)
{
    struct vm *vm = opaque;
    const uint64_t now_ns = engine_now(vm->world->engine);
    uint64_t freed = 0;
    if (vm->guest == NULL) {
        return;
    }
    const bnt_status status =
        bnt_guest_shrink(vm->guest, now_ns, (uint64_t)pages << vm->spec.page_order, &freed);
    if (status == BNT_OK) {
        vm_schedule(vm, PARTY_DRIVER, now_ns);
    }
    engine_payload(vm->world->engine, freed);
}

/** The guest reads a page that it hinted, before it wrote it. */
void hint_trust(struct vm *vm)
{
    const uint64_t page = gmem_hinted_page(vm->gmem);
    if (page != GMEM_NONE) {
        gmem_peek(vm->gmem, page);
    }
}

/** The device takes a page as hinted, whatever state it is in. */
void hint_late(struct vm *vm)
{
    if (vm->world->oracle != NULL) {
        oracle_hint(vm->world->oracle, vm->index, vm->spec.first_pfn, 1);
    }
}
