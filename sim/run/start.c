/*
 * Determines whether a world can start, without creating it. The libraries check the configuration
 * of each VM, with the lowest and with the highest values that the swarm can draw. Sizes are
 * compared with the limits, and recordings are parsed.
 */
#include "sim/run/run_private.h"

#include "sim/faults/faults.h"
#include "sim/life/life.h"
#include "sim/memory/recording_csv.h"
#include "sim/peers/peers.h"
#include "sim/recording/wire_recording.h"
#include "sim/scenario/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/** The arguments of world_can_start. */
struct question {
    const struct scenario *scenario;
    struct arena *arena;
    const struct world_file *files;
    uint32_t file_count;
    struct place *place;
    char *error;
    size_t error_bytes;
};

/** Makes the settings of the VM as a run would, but sets each swarm knob to its lowest or to its
 * highest value. */
static void make_trial_vm_settings(const struct question *question, struct world *world,
                                   uint32_t index, bool highest)
{
    const struct scenario *scenario = question->scenario;
    struct vm *vm = &world->vms[index];
    *vm = (struct vm){.world = world, .index = index, .spec = scenario->vms[index]};
    life_reserve_memory(vm);
    peers_fill_driver_and_device_ops(vm);
    faults_add_interposers(vm);
    for (uint32_t i = 0; i < scenario->swarm_count; i++) {
        const struct scenario_swarm *swarm = &scenario->swarms[i];
        if (scenario_does_swarm_concern(swarm, index)) {
            swarm_apply_setting(&vm->spec, swarm, highest ? swarm->high : swarm->low);
        }
    }
}

static bool check_page_count(const struct question *question)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < question->scenario->vm_count; i++) {
        const struct scenario_vm *vm = &question->scenario->vms[i];
        const uint32_t shift = BNT_PFN_SHIFT + vm->page_order;
        const uint64_t own = (vm->memory_max_bytes >> shift) + (vm->swap_bytes >> shift);
        pages += own;
        if (own > VM_PAGES_MAX || pages > WORLD_PAGES_MAX) {
            const bool alone = own > VM_PAGES_MAX;
            *question->place = vm->place;
            (void)snprintf(question->error, question->error_bytes,
                           "%s: memory and swap%s have more than %" PRIu64
                           " pages, which is what a %s simulates at most; take larger pages "
                           "(page_size) or less memory",
                           vm->name, alone ? "" : " of all VMs",
                           alone ? VM_PAGES_MAX : WORLD_PAGES_MAX, alone ? "VM" : "world");
            return false;
        }
    }
    return true;
}

/** Checks by the rules of the libraries which feature needs which other feature. Messages use the
 * names that features have in YAML. */
static bool check_features(const struct question *question, const char *name, const char *side,
                           uint64_t features)
{
    static const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;
    const struct bnt_balloon_rule_set rules = bnt_balloon_build_feature_rules(&binding);
    for (uint32_t i = 0; i < rules.count; i++) {
        const uint64_t missing = rules.rules[i].needs & ~(features | BNT_F_VERSION_1);
        if ((features & rules.rules[i].feature) != 0 && missing != 0) {
            (void)snprintf(question->error, question->error_bytes,
                           "%s: features of the %s: '%s' needs '%s'; add it, or leave '%s' out",
                           name, side, choice_get_name(feature_choices, rules.rules[i].feature),
                           choice_get_name(feature_choices, missing & (~missing + 1)),
                           choice_get_name(feature_choices, rules.rules[i].feature));
            return false;
        }
    }
    return true;
}

static const struct world_file *find_world_file(const struct question *question, const char *name)
{
    for (uint32_t i = 0; i < question->file_count; i++) {
        if (strcmp(question->files[i].name, name) == 0) {
            return &question->files[i];
        }
    }
    return NULL;
}

static bool is_recording_valid(const struct question *question, const char *name)
{
    const struct world_file *file = name[0] != '\0' ? find_world_file(question, name) : NULL;
    struct wire_recording recording;
    if (file == NULL) {
        return true;
    }
    if (!wire_recording_parse(&recording, question->arena, file->name, file->bytes, file->length,
                              question->error, question->error_bytes)) {
        return false;
    }
    wire_recording_free(&recording);
    return true;
}

static bool are_vm_settings_valid(const struct question *question, struct world *world,
                                  uint32_t index)
{
    struct vm *vm = &world->vms[index];
    bool good = true;
    for (int highest = 0; good && highest < 2; highest++) {
        make_trial_vm_settings(question, world, index, highest != 0);
        good = check_features(question, vm->spec.name, "device",
                              vm->spec.device.config.features.offered) &&
               check_features(question, vm->spec.name, "driver",
                              vm->spec.driver.config.features.wanted) &&
               vm_can_start(vm, question->error, question->error_bytes) &&
               memory_sizes_fit(vm, question->error, question->error_bytes);
    }
    good = good && is_recording_valid(question, vm->spec.recording);
    if (!good) {
        *question->place = vm->spec.place;
    }
    return good;
}

static bool are_workload_settings_valid(const struct question *question,
                                        const struct scenario_workload *work)
{
    const struct scenario_vm *vm = &question->scenario->vms[work->vm];
    const struct world_file *file =
        work->kind == WORKLOAD_RECORDED ? find_world_file(question, work->file) : NULL;
    bool good = true;
    if (vm->recording[0] != '\0') {
        (void)snprintf(question->error, question->error_bytes,
                       "%s: a recording drives this guest, so it can have no workloads", vm->name);
        good = false;
    } else if (file != NULL) {
        struct recording *recording =
            recording_parse(question->arena, file->name, file->bytes, file->length, question->error,
                            question->error_bytes);
        good = recording != NULL;
        if (good) {
            recording_free(recording);
        }
    }
    if (!good) {
        *question->place = work->place;
    }
    return good;
}

bool world_can_start(const struct scenario *scenario, struct arena *arena,
                     const struct world_file *files, uint32_t file_count, struct place *place,
                     char *error, size_t error_bytes)
{
    if (error_bytes > 0) {
        error[0] = '\0';
    }
    const struct question question = {scenario, arena, files,      file_count,
                                      place,    error, error_bytes};
    if (!check_page_count(&question)) {
        return false;
    }
    struct world *world = arena_alloc_zeroed(arena, sizeof *world);
    world->arena = arena;
    world->scenario = scenario;
    world->vm_count = scenario->vm_count;
    world->vms = arena_alloc_zeroed(arena, world->vm_count * sizeof *world->vms);
    bool good = true;
    for (uint32_t i = 0; good && i < scenario->vm_count; i++) {
        good = are_vm_settings_valid(&question, world, i);
    }
    for (uint32_t i = 0; good && i < scenario->workload_count; i++) {
        good = are_workload_settings_valid(&question, &scenario->workloads[i]);
    }
    arena_free(arena, world->vms, world->vm_count * sizeof *world->vms);
    arena_free(arena, world, sizeof *world);
    return good;
}
