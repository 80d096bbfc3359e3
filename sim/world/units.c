/*
 * Requests of 2 MiB units, told to the oracle as what they are about: 512 pages each, all with the
 * unit's verdict. So the oracle knows pages only, and checks each of them.
 */
#include "sim/world/world_private.h"

#define UNIT BNT_HOST_UNIT_PFNS

void units_guest_request(struct vm *vm, uint64_t features, const struct bnt_guest_request *request)
{
    struct arena *arena = vm->world->arena;
    const size_t pages = (size_t)request->page_count * UNIT;
    uint64_t *all = arena_alloc(arena, pages * sizeof *all);
    uint8_t *verdicts = arena_zalloc(arena, pages);
    struct bnt_guest_request seen = *request;
    for (size_t i = 0; i < pages; i++) {
        all[i] = request->pages[i / UNIT] + i % UNIT;
        if (i / UNIT < request->verdict_count) {
            verdicts[i] = request->verdicts[i / UNIT];
        }
    }
    seen.page_count = (uint32_t)pages;
    seen.pages = all;
    seen.verdict_count = request->verdict_count * UNIT;
    seen.verdicts = verdicts;
    oracle_guest_request(vm->world->oracle, vm->index, features, &seen);
    arena_free(arena, all, pages * sizeof *all);
    arena_free(arena, verdicts, pages);
}

void units_host_request(struct vm *vm, const struct bnt_host_request *request)
{
    struct arena *arena = vm->world->arena;
    const size_t pfns = (size_t)request->pfn_count * UNIT;
    uint32_t *all = arena_alloc(arena, pfns * sizeof *all);
    uint8_t *verdicts = arena_zalloc(arena, pfns);
    struct bnt_host_request seen = *request;
    for (size_t i = 0; i < pfns; i++) {
        all[i] = request->pfns[i / UNIT] + (uint32_t)(i % UNIT);
        verdicts[i] = request->verdicts[i / UNIT];
    }
    seen.pfn_count = (uint32_t)pfns;
    seen.pfns = all;
    seen.verdicts = verdicts;
    seen.unit_pfns = 1;
    oracle_host_request(vm->world->oracle, vm->index, &seen);
    arena_free(arena, all, pfns * sizeof *all);
    arena_free(arena, verdicts, pfns);
}
