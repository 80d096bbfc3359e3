/*
 * Groups of VMs. An item of `vms` with the key `count` describes many VMs, `web[0]`, `web[1]` and
 * so on. An item of another list that names the whole group stands for one item for each of its
 * VMs.
 *
 * The loader fills and checks the items as they are in the file: there, `vm` is the index of an
 * item of `vms`, and `member` is a VM of this item. After that, this file replaces the lists by
 * lists in which each item concerns one VM.
 */
#include "sim/scenario/checks.h"

#include <stdio.h>
#include <string.h>

/* ---- References to VMs ---- */

/** Reads the number of `web[17]`, of which `text` is the part after the bracket. */
static bool read_member_number(const char *text, size_t bytes, uint32_t *out)
{
    uint32_t value = 0;
    if (bytes < 2 || text[bytes - 1] != ']' || bytes - 1 > 5 || (text[0] == '0' && bytes > 2)) {
        return false;
    }
    for (size_t i = 0; i < bytes - 1; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

bool vm_find_reference(struct loader *loader, struct yaml_mark mark, const char *label,
                       const char *text, size_t bytes, struct vm_reference *out)
{
    struct problems *problems = &loader->problems;
    const struct scenario *scenario = loader->scenario;
    const char *bracket = memchr(text, '[', bytes);
    const size_t name_bytes = bracket != NULL ? (size_t)(bracket - text) : bytes;
    char name[SCENARIO_NAME_MAX];
    (void)snprintf(name, sizeof name, "%.*s", (int)name_bytes, text);
    *out = (struct vm_reference){vm_find_by_name(scenario, text, name_bytes), VM_ALL_MEMBERS};
    if (out->vm == UINT32_MAX) {
        vm_report_unknown_name(loader, mark, label, name);
        return false;
    }
    const uint32_t count = scenario->vms[out->vm].count;
    if (bracket == NULL) {
        return true;
    }
    if (count == 0) {
        problems_add_message(problems, mark, "%s: '%s' is one VM and no group; remove the number",
                             label, name);
        return false;
    }
    if (!read_member_number(bracket + 1, bytes - name_bytes - 1, &out->member) ||
        out->member >= count) {
        problems_add_message(problems, mark,
                             "%s: %.*s is no VM of its group, which has %s[0] to %s[%lu]", label,
                             (int)bytes, text, name, name, (unsigned long)(count - 1));
        return false;
    }
    return true;
}

/** The number of VMs of an item of `vms`. */
static uint32_t count_members(const struct scenario_vm *vm)
{
    return vm->count > 0 ? vm->count : 1;
}

/* ---- Checks ---- */

void check_vm_counts(struct loader *loader, const struct yaml_node *list)
{
    const struct scenario *scenario = loader->scenario;
    uint64_t total = 0;
    uint32_t i = 0;
    for (const struct yaml_item *item = list->first; item != NULL; item = item->next, i++) {
        const struct scenario_vm *vm = &scenario->vms[i];
        const struct check c = {loader, item->value};
        char name[SCENARIO_NAME_MAX + 16];
        const bool fitted = total <= SCENARIO_VMS_MAX;
        total += count_members(vm);
        if (fitted && total > SCENARIO_VMS_MAX) {
            problems_add_message(&loader->problems, check_find_mark(&c, "count"),
                                 "count: with these VMs there are %llu; there must be at most %u",
                                 (unsigned long long)total, (unsigned)SCENARIO_VMS_MAX);
        }
        if (vm->count > 0 && snprintf(name, sizeof name, "%s[%lu]", vm->name,
                                      (unsigned long)(vm->count - 1)) >= SCENARIO_NAME_MAX) {
            problems_add_message(&loader->problems, check_find_mark(&c, "name"),
                                 "name: %s is longer than %d bytes; shorten the name of the group",
                                 name, SCENARIO_NAME_MAX - 1);
        }
    }
}

/* ---- Expansion ---- */

/** The items that replace an item of a list, each about one VM. */
struct expansion {
    const struct scenario *scenario; /**< its `vms` are expanded already */
    uint32_t copy;                   /**< from 0 */
    void *item;
};

/** How the items of a list are expanded. */
struct expanded_list {
    const char *key;
    size_t pointer; /**< offsets in struct scenario */
    size_t count;
    size_t size;
    /** Returns how many items replace an item. */
    uint32_t (*count_copies)(const struct scenario *scenario, const void *item);
    /** Changes a copy of the item. */
    void (*adapt)(const struct expansion *e);
};

static uint32_t count_reference(const struct scenario *scenario, struct vm_reference of)
{
    return of.member == VM_ALL_MEMBERS ? scenario->groups[of.vm].count : 1;
}

/** Returns the index of the VM that a copy of an item is about. */
static uint32_t resolve_reference(const struct expansion *e, struct vm_reference of)
{
    const struct scenario_group *group = &e->scenario->groups[of.vm];
    if (of.member != VM_ALL_MEMBERS) {
        return group->first_vm + of.member;
    }
    return group->first_vm + (group->count > 1 ? e->copy : 0);
}

static uint32_t count_workload_copies(const struct scenario *scenario, const void *item)
{
    const struct scenario_workload *workload = item;
    return count_reference(scenario, (struct vm_reference){workload->vm, workload->member});
}

static void adapt_workload(const struct expansion *e)
{
    struct scenario_workload *workload = e->item;
    const struct scenario_group *group = &e->scenario->groups[workload->vm];
    char name[SCENARIO_NAME_MAX + 16];
    if (group->count > 1 && workload->member == VM_ALL_MEMBERS) {
        (void)snprintf(name, sizeof name, "%.*s[%lu]", SCENARIO_NAME_MAX - 8, workload->name,
                       (unsigned long)e->copy);
        memset(workload->name, 0, sizeof workload->name);
        memcpy(workload->name, name, strlen(name));
    }
    workload->vm = resolve_reference(e, (struct vm_reference){workload->vm, workload->member});
}

static uint32_t count_action_copies(const struct scenario *scenario, const void *item)
{
    const struct scenario_action *action = item;
    return count_reference(scenario, (struct vm_reference){action->vm, action->member});
}

static void adapt_action(const struct expansion *e)
{
    struct scenario_action *action = e->item;
    action->vm = resolve_reference(e, (struct vm_reference){action->vm, action->member});
}

static uint32_t count_expect_copies(const struct scenario *scenario, const void *item)
{
    const struct expression *expression = &((const struct scenario_expect *)item)->expression;
    const uint32_t left = count_reference(
        scenario, (struct vm_reference){expression->left_vm, expression->left_member});
    const uint32_t right = count_reference(
        scenario, (struct vm_reference){expression->right_vm, expression->right_member});
    return left > right ? left : right;
}

static void adapt_expect(const struct expansion *e)
{
    struct expression *expression = &((struct scenario_expect *)e->item)->expression;
    expression->left_vm =
        resolve_reference(e, (struct vm_reference){expression->left_vm, expression->left_member});
    expression->right_vm =
        resolve_reference(e, (struct vm_reference){expression->right_vm, expression->right_member});
}

static const struct expanded_list expanded_lists[] = {
    {"workloads", offsetof(struct scenario, workloads), offsetof(struct scenario, workload_count),
     sizeof(struct scenario_workload), count_workload_copies, adapt_workload},
    {"script", offsetof(struct scenario, actions), offsetof(struct scenario, action_count),
     sizeof(struct scenario_action), count_action_copies, adapt_action},
    {"expect", offsetof(struct scenario, expects), offsetof(struct scenario, expect_count),
     sizeof(struct scenario_expect), count_expect_copies, adapt_expect},
};

static bool is_expanded_list_small(struct loader *loader, const struct expanded_list *list,
                                   uint64_t count)
{
    if (count <= SCENARIO_EXPANDED_MAX) {
        return true;
    }
    problems_add_message(&loader->problems, yaml_find_value(loader->root, list->key)->mark,
                         "%s: for the single VMs of their groups, these are %llu items; there must "
                         "be at most %u",
                         list->key, (unsigned long long)count, (unsigned)SCENARIO_EXPANDED_MAX);
    return false;
}

static void expand_list(struct loader *loader, const struct expanded_list *list)
{
    struct scenario *scenario = loader->scenario;
    char *old = NULL;
    uint32_t old_count = 0;
    uint64_t count = 0;
    memcpy(&old, (char *)scenario + list->pointer, sizeof old);
    memcpy(&old_count, (char *)scenario + list->count, sizeof old_count);
    for (uint32_t i = 0; i < old_count; i++) {
        count += list->count_copies(scenario, old + i * list->size);
    }
    if (old_count == 0 || !is_expanded_list_small(loader, list, count)) {
        return;
    }
    char *items = arena_alloc_zeroed(loader->arena, count * list->size);
    struct expansion e = {scenario, 0, items};
    for (uint32_t i = 0; i < old_count; i++) {
        const uint32_t copies = list->count_copies(scenario, old + i * list->size);
        for (e.copy = 0; e.copy < copies; e.copy++) {
            memcpy(e.item, old + i * list->size, list->size);
            list->adapt(&e);
            e.item = (char *)e.item + list->size;
        }
    }
    arena_free(loader->arena, old, old_count * list->size);
    const uint32_t new_count = (uint32_t)count;
    memcpy((char *)scenario + list->pointer, &items, sizeof items);
    memcpy((char *)scenario + list->count, &new_count, sizeof new_count);
}

static void expand_vms(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;
    uint32_t count = 0;
    scenario->group_count = scenario->vm_count;
    scenario->groups =
        arena_alloc_zeroed(loader->arena, scenario->group_count * sizeof scenario->groups[0]);
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        struct scenario_group *group = &scenario->groups[i];
        memcpy(group->name, scenario->vms[i].name, sizeof group->name);
        group->first_vm = count;
        group->count = count_members(&scenario->vms[i]);
        count += group->count;
    }
    struct scenario_vm *vms = arena_alloc_zeroed(loader->arena, count * sizeof vms[0]);
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        const struct scenario_group *group = &scenario->groups[i];
        for (uint32_t member = 0; member < group->count; member++) {
            struct scenario_vm *vm = &vms[group->first_vm + member];
            *vm = scenario->vms[i];
            vm->memory_max_bytes = vm->memory_bytes;
            if (vm->count > 0) { /* check_vm_counts has checked that the name fits */
                char name[2 * SCENARIO_NAME_MAX];
                memset(vm->name, 0, sizeof vm->name);
                (void)snprintf(name, sizeof name, "%s[%lu]", group->name, (unsigned long)member);
                memcpy(vm->name, name, strlen(name));
            }
        }
    }
    arena_free(loader->arena, scenario->vms, scenario->vm_count * sizeof scenario->vms[0]);
    scenario->vms = vms;
    scenario->vm_count = count;
}

static void expand_swarms(struct scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->swarm_count; i++) {
        struct scenario_swarm *swarm = &scenario->swarms[i];
        const struct vm_reference of = {swarm->vm, swarm->member};
        const struct expansion first = {scenario, 0, swarm};
        if (swarm->vm != UINT32_MAX) {
            swarm->vm = resolve_reference(&first, of);
            swarm->vm_count = count_reference(scenario, of);
        }
    }
}

/** Stores in each VM what the whole script does to it. */
static void collect_scripts_of_vms(struct scenario *scenario)
{
    _Static_assert(CORRUPTION_COUNT <= 128, "raise the size of scripted_faults");
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        struct scenario_vm *vm = &scenario->vms[action->vm];
        if (action->kind == ACTION_HOT_ADD) {
            vm->memory_max_bytes += action->size_bytes;
        } else if (action->kind == ACTION_CORRUPT) {
            vm->scripted_faults[action->corruption / 64] |= UINT64_C(1) << action->corruption % 64;
        }
    }
}

void groups_expand_scenario(struct loader *loader)
{
    if (loader->problems.total > 0) {
        return;
    }
    expand_vms(loader);
    for (size_t i = 0; i < sizeof expanded_lists / sizeof expanded_lists[0]; i++) {
        expand_list(loader, &expanded_lists[i]);
    }
    expand_swarms(loader->scenario);
    collect_scripts_of_vms(loader->scenario);
}
