/*
 * Creates and destroys the oracle, suspends invariants, records the first violation and names the
 * invariants.
 *
 * The other files of this folder check the invariants. Called by the world.
 */
#include "sim/oracle/shadow.h"

#include <stdarg.h>
#include <stdio.h>

struct oracle *oracle_create(struct arena *arena, struct engine *engine, uint32_t vm_count)
{
    struct oracle *oracle = arena_alloc_zeroed(arena, sizeof *oracle);
    oracle->arena = arena;
    oracle->engine = engine;
    oracle->vm_count = vm_count;
    oracle->vms = arena_alloc_zeroed(arena, vm_count * sizeof *oracle->vms);
    return oracle;
}

void oracle_destroy(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->vm_count; i++) {
        struct shadow *shadow = &oracle->vms[i];
        for (uint64_t leaf = 0; leaf < shadow->leaf_count; leaf++) {
            arena_free(oracle->arena, shadow->leaf[leaf], sizeof *shadow->leaf[leaf]);
        }
        arena_free(oracle->arena, shadow->audit.place,
                   shadow->config.small ? shadow->config.pfns : 0);
        arena_free(oracle->arena, shadow->leaf, shadow->leaf_count * sizeof(struct shadow_leaf *));
    }
    arena_free(oracle->arena, oracle->vms, oracle->vm_count * sizeof *oracle->vms);
    arena_free(oracle->arena, oracle, sizeof *oracle);
}

void oracle_init_vm(struct oracle *oracle, uint32_t vm, const struct oracle_vm_config *config)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->config = *config;
    shadow->leaf_count = (config->pfns + SHADOW_LEAF_PFNS - 1) / SHADOW_LEAF_PFNS;
    shadow->leaf =
        arena_alloc_zeroed(oracle->arena, shadow->leaf_count * sizeof(struct shadow_leaf *));
    shadow->in_place[PLACE_OS] = config->pfns >> config->page_order;
    if (config->small) {
        shadow->audit.place = arena_alloc_zeroed(oracle->arena, config->pfns);
        shadow->audit.in_place[PLACE_OS] = config->pfns;
    }
    shadow->epoch = 1;
}

void oracle_mark_driver_recorded(struct oracle *oracle, uint32_t vm)
{
    oracle->vms[vm].foreign = true;
}

void oracle_observe_driver_stall(struct oracle *oracle, uint32_t vm, uint64_t until_ns)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t now_ns = engine_get_time_ns(oracle->engine);
    const uint64_t at_ns = until_ns < now_ns ? until_ns : now_ns;
    shadow->releasing_since_ns =
        shadow->releasing_since_ns > at_ns ? shadow->releasing_since_ns : at_ns;
    shadow->reset_seen_ns = shadow->reset_seen_ns > at_ns ? shadow->reset_seen_ns : at_ns;
}

void oracle_note_driver_step_due(struct oracle *oracle, uint32_t vm, bool goes_on)
{
    oracle->vms[vm].goes_on = goes_on;
}

void oracle_mark_party_hostile(struct oracle *oracle, uint32_t vm, unsigned who)
{
    oracle->vms[vm].hostile |= who;
}

void oracle_mark_parties_trusted(struct oracle *oracle, uint32_t vm)
{
    oracle->vms[vm].hostile = 0;
}

void oracle_suspend_invariant(struct oracle *oracle, uint32_t vm, invariant_id id)
{
    if (invariant_get_assumed_parties(id) !=
        ASSUMES_NOBODY) { /* the invariant host-safety is never suspended */
        oracle->vms[vm].quirky |= UINT64_C(1) << id;
    }
}

bool oracle_is_invariant_suspended_by_quirk(const struct oracle *oracle, uint32_t vm,
                                            invariant_id id)
{
    return (oracle->vms[vm].quirky >> id & 1) != 0;
}

bool oracle_is_invariant_suspended(const struct oracle *oracle, uint32_t vm, invariant_id id)
{
    const struct shadow *shadow = &oracle->vms[vm];
    return (shadow->hostile & invariant_get_assumed_parties(id)) != 0 ||
           (shadow->quirky >> id & 1) != 0;
}

void oracle_record_violation(struct oracle *oracle, uint32_t vm, invariant_id id,
                             const char *format, ...)
{
    if (oracle->violated || oracle_is_invariant_suspended(oracle, vm, id)) {
        return;
    }
    oracle->violated = true;
    oracle->violation.invariant = id;
    oracle->violation.vm = vm;
    oracle->violation.event = engine_count_events(oracle->engine) + 1;
    oracle->violation.time_ns = engine_get_time_ns(oracle->engine);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(oracle->violation.text, sizeof oracle->violation.text, format, arguments);
    va_end(arguments);
}

const struct oracle_violation *oracle_get_violation(const struct oracle *oracle)
{
    return oracle->violated ? &oracle->violation : NULL;
}

page_place oracle_get_page_place(const struct oracle *oracle, uint32_t vm, uint64_t pfn)
{
    return shadow_get_place_without_lent_flag(shadow_get_page_place(&oracle->vms[vm], pfn));
}

uint64_t oracle_count_pages_in_place(const struct oracle *oracle, uint32_t vm, page_place place)
{
    return oracle->vms[vm].in_place[place];
}

/* ---- Tables ---- */

static const struct {
    const char *name;
    const char *text;
    unsigned who;
} invariants[] = {
#define X(name, text, who, sentence) [INVARIANT_##name] = {text, sentence, ASSUMES_##who},
    INVARIANT_MAP(X)
#undef X
};

const char *invariant_get_name(invariant_id id)
{
    return invariants[id].name;
}

const char *invariant_get_text(invariant_id id)
{
    return invariants[id].text;
}

unsigned invariant_get_assumed_parties(invariant_id id)
{
    return invariants[id].who;
}
