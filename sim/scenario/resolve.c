/*
 * Computes defaults that depend on other values: names that contain a number, the kernel's part of
 * memory, the VM of an item if there is only one, and the length of the run.
 *
 * They are the defaults that rows of keys.c show in parentheses.
 */
#include "sim/scenario/loader.h"

#include <stdio.h>
#include <string.h>

#define RUN_DEFAULT_NS UINT64_C(60000000000)

static const char *get_nth_vm_name(const void *names, uint32_t index)
{
    const struct scenario *scenario = names;
    return index < scenario->vm_count ? scenario->vms[index].name : NULL;
}

uint32_t vm_find_by_name(const struct scenario *scenario, const char *name, size_t bytes)
{
    for (uint32_t i = 0; i < scenario->vm_count; i++) {
        if (strlen(scenario->vms[i].name) == bytes &&
            memcmp(scenario->vms[i].name, name, bytes) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

void vm_report_unknown_name(struct loader *loader, struct yaml_mark mark, const char *label,
                            const char *name)
{
    char quote[PROBLEM_QUOTE_BYTES];
    const char *meant = suggest_nearest_name(name, get_nth_vm_name, loader->scenario);
    problems_add_message(&loader->problems, mark, "%s: there is no VM %s%s%s%s", label,
                         problem_write_quote(quote, name, strlen(name)),
                         meant != NULL ? "; did you mean '" : "; vms names them all",
                         meant != NULL ? meant : "", meant != NULL ? "'?" : "");
}

bool path_join_directory(char *out, size_t size, const char *path, const char *written)
{
    const size_t directory = written[0] == '/' ? 0 : path_count_directory_bytes(path);
    const size_t bytes = strlen(written);
    memset(out, 0, size);
    if (directory + bytes >= size) {
        return false;
    }
    memcpy(out, path, directory);
    memcpy(out + directory, written, bytes + 1);
    return true;
}

size_t path_count_directory_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

void resolve_vm_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                         uint32_t index)
{
    struct scenario_vm *vm = item;
    (void)loader;
    if (vm->name[0] == '\0') {
        snprintf(vm->name, sizeof vm->name, "vm%lu", (unsigned long)index);
    }
    if (yaml_find_item(node, "kernel") == NULL) {
        const uint64_t page = UINT64_C(4096) << vm->page_order;
        vm->kernel_bytes = vm->memory_bytes / 16 / page * page;
    }
    if (vm->driver.config.requests.pfns_max == 0) {
        const struct bnt_guest_config page = {.size = sizeof page,
                                              .memory.page_order = vm->page_order};
        struct bnt_guest_config settings;
        if (bnt_guest_config_resolve(&page, &settings) == BNT_OK) {
            vm->driver.config.requests.pfns_max = settings.requests.pfns_max;
        }
    }
}

/* Finds the VM or the group for an item that does not name one. */
static void resolve_vm_of_item(struct loader *loader, const struct yaml_node *node,
                               const char *title, uint32_t *member)
{
    const struct scenario *scenario = loader->scenario;
    if (yaml_find_item(node, "vm") != NULL) {
        return;
    }
    *member = VM_ALL_MEMBERS;
    if (scenario->vm_count > 1) {
        problems_add_message(&loader->problems, node->mark,
                             "%s has no key 'vm': with %lu VMs it must name one, such as %s", title,
                             (unsigned long)scenario->vm_count, scenario->vms[0].name);
    }
}

void resolve_workload_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                               uint32_t index)
{
    struct scenario_workload *workload = item;
    if (workload->name[0] == '\0') {
        snprintf(workload->name, sizeof workload->name, "workload%lu", (unsigned long)index);
    }
    resolve_vm_of_item(loader, node, "a workload", &workload->member);
}

static const action_party corruption_party[CORRUPTION_COUNT] = {
#define X(name, yaml, who, meaning) [CORRUPT_##name] = PARTY_##who,
    CORRUPTION_MAP(X)
#undef X
};

/* The kind of corruption determines which party violates a rule. If the key `party` is present, it
 * must name this party. */
static void resolve_party_of_corruption(struct loader *loader, const struct yaml_node *node,
                                        struct scenario_action *action)
{
    const action_party party = corruption_party[action->corruption];
    const struct yaml_node *value = yaml_find_value(node, "party");
    if (value != NULL && action->party != party) {
        problems_add_message(&loader->problems, value->mark,
                             "party: '%s' is a corruption by the %s; write %s or remove 'party'",
                             choice_get_name(corruption_choices, action->corruption),
                             party == PARTY_DRIVER ? "driver" : "device",
                             party == PARTY_DRIVER ? "driver" : "device");
    }
    action->party = party;
}

void resolve_action_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                             uint32_t index)
{
    struct scenario_action *action = item;
    (void)index;
    resolve_vm_of_item(loader, node, "an action", &action->member);
    action->trigger = yaml_find_item(node, "when") != NULL ? TRIGGER_EVENT : TRIGGER_AT;
    if (node->failed) {
        return;
    }
    action->guest_memory = action->kind == ACTION_TARGET && yaml_find_item(node, "guest") != NULL;
    if (action->kind == ACTION_CORRUPT) {
        resolve_party_of_corruption(loader, node, action);
    }
    if (action->kind == ACTION_REFUSE && yaml_find_item(node, "pfns") == NULL &&
        action->vm < loader->scenario->vm_count) {
        const struct scenario_vm *vm = &loader->scenario->vms[action->vm];
        action->rule.first_pfn = vm->first_pfn;
        action->rule.last_pfn = vm->first_pfn + (vm->memory_bytes >> BNT_PFN_SHIFT) - 1;
    }
}

void resolve_expect_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                             uint32_t index)
{
    static const struct {
        const char *key;
        expect_kind kind;
    } kinds[] = {{"always", EXPECT_ALWAYS},
                 {"never", EXPECT_NEVER},
                 {"eventually", EXPECT_EVENTUALLY},
                 {"at", EXPECT_AT},
                 {"finally", EXPECT_FINALLY}};
    struct scenario_expect *expect = item;
    (void)loader;
    (void)index;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (yaml_find_item(node, kinds[i].key) != NULL) {
            expect->kind = kinds[i].kind;
        }
    }
}

static void resolve_phase_defaults(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;
    const struct yaml_node *limits = yaml_find_value(loader->root, "limits");
    const bool timed = limits != NULL && yaml_find_item(limits, "time") != NULL;
    loader->run_ns = 0;
    for (uint32_t i = 0; i < scenario->phase_count; i++) {
        const uint64_t duration_ns = scenario->phases[i].duration_ns;
        const uint64_t room = UINT64_MAX - loader->run_ns;
        loader->run_ns += duration_ns < room ? duration_ns : room;
    }
    if (!timed) {
        scenario->time_max_ns = scenario->phase_count > 0 ? loader->run_ns : RUN_DEFAULT_NS;
    }
    if (scenario->phase_count == 0) {
        scenario->phases = arena_alloc_zeroed(loader->arena, sizeof scenario->phases[0]);
        scenario->phase_count = 1;
        memcpy(scenario->phases[0].name, "run", 4);
        scenario->phases[0].duration_ns = scenario->time_max_ns;
        loader->run_ns = scenario->time_max_ns;
    }
    for (uint32_t i = 0; i < scenario->phase_count; i++) {
        if (scenario->phases[i].duration_ns == 0) {
            loader->run_ns = UINT64_MAX;
        }
    }
}

void resolve_run_defaults(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;
    scenario->has_seed = yaml_find_item(loader->root, "seed") != NULL;
    resolve_phase_defaults(loader);
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        struct scenario_action *action = &scenario->actions[i];
        if (action->every_ns > 0 && action->times == 0 && action->at_ns < loader->run_ns) {
            const uint64_t times = (loader->run_ns - action->at_ns - 1) / action->every_ns + 1;
            action->times = times < UINT32_MAX ? (uint32_t)times : UINT32_MAX;
        }
    }
    for (uint32_t i = 0; i < scenario->expect_count; i++) {
        struct scenario_expect *expect = &scenario->expects[i];
        if (expect->kind == EXPECT_EVENTUALLY && expect->within_ns == 0 &&
            expect->from_ns < loader->run_ns) {
            expect->within_ns = loader->run_ns - expect->from_ns;
        }
    }
}
