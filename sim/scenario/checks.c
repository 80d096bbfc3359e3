/*
 * Compares keys with each other. These rules concern several keys, so the bounds of single keys
 * cannot express them. This file walks the lists of a scenario; the rules for an item are in
 * checks_vm.c and checks_script.c.
 *
 * If an item has an error, it is not checked further, so that one mistake gives one message.
 */
#include "sim/scenario/checks.h"

#include <string.h>

static void check_workload(const struct check *c, const struct scenario_workload *workload,
                           uint64_t memory_bytes)
{
    struct problems *problems = &c->loader->problems;
    if (memory_bytes > 0) {
        check_value_at_most(c, "size", size_units, workload->size_bytes, memory_bytes,
                            "the VM's memory");
        check_value_at_most(c, "to", size_units, workload->to_bytes, memory_bytes,
                            "the VM's memory");
    }
    if (workload->stop_ns <= workload->start_ns) {
        problems_add_message(problems, check_find_mark(c, "stop"),
                             "stop: the time must be later than start");
    }
    if (workload->start_ns >= c->loader->run_ns) {
        problems_add_message(problems, check_find_mark(c, "start"),
                             "start: this is after the end of the run; it must be earlier");
    }
    if (workload->kind == WORKLOAD_BURST && workload->width_ns >= workload->period_ns) {
        problems_add_message(problems, check_find_mark(c, "width"),
                             "width: the value must be less than period");
    }
    if (workload->kind == WORKLOAD_RANDOM_WALK && workload->to_bytes < workload->size_bytes) {
        problems_add_message(problems, check_find_mark(c, "to"),
                             "to: the value must not be less than size");
    }
}

static void check_expect(const struct check *c, const struct scenario_expect *expect)
{
    if (expect->kind == EXPECT_AT) {
        check_time_in_run(c, "at", expect->from_ns);
    }
    if (expect->kind == EXPECT_EVENTUALLY) {
        check_time_in_run(c, "from", expect->from_ns);
        if (expect->from_ns < c->loader->run_ns &&
            expect->within_ns > c->loader->run_ns - expect->from_ns) {
            problems_add_message(&c->loader->problems, check_find_mark(c, "within"),
                                 "within: the window ends after the run's end");
        }
    }
}

/* Checks that no two items of a list have the same name. */
static void check_names_are_unique(struct loader *loader, const struct yaml_node *list,
                                   const char *names, size_t stride, const char *what)
{
    uint32_t i = 0;
    for (const struct yaml_item *item = list->first; item != NULL; item = item->next, i++) {
        const char *name = names + i * stride;
        const struct check c = {loader, item->value};
        for (uint32_t j = 0; j < i; j++) {
            if (name[0] != '\0' && strcmp(names + j * stride, name) == 0) {
                problems_add_message(&loader->problems, check_find_mark(&c, "name"),
                                     "name: another %s is already named '%s'; names must differ",
                                     what, name);
                break;
            }
        }
    }
}

static const struct yaml_node *find_list_node(const struct loader *loader, const char *key)
{
    const struct yaml_node *list = yaml_find_value(loader->root, key);
    return list != NULL && list->kind == YAML_LIST ? list : NULL;
}

/* Finds a VM by its index; NULL if the definition of the VM has errors. */
static const struct scenario_vm *find_valid_vm(const struct loader *loader, uint32_t index)
{
    const struct yaml_node *list = find_list_node(loader, "vms");
    const struct yaml_item *item = list != NULL ? list->first : NULL;
    for (uint32_t i = 0; i < index && item != NULL; i++) {
        item = item->next;
    }
    const bool sound = item != NULL && item->value->kind == YAML_MAP && !item->value->failed &&
                       index < loader->scenario->vm_count;
    return sound ? &loader->scenario->vms[index] : NULL;
}

static void check_vms(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = find_list_node(loader, "vms");
    if (list == NULL || scenario->vm_count == 0) {
        return;
    }
    uint32_t i = 0;
    for (const struct yaml_item *item = list->first; item != NULL; item = item->next, i++) {
        const struct check c = {loader, item->value};
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_vm(&c, &scenario->vms[i]);
        }
        if (strcmp(scenario->vms[i].name, "machine") == 0) {
            problems_add_message(&loader->problems, check_find_mark(&c, "name"),
                                 "name: metrics use 'machine' for the host; choose another name");
        }
    }
    check_names_are_unique(loader, list, scenario->vms[0].name, sizeof scenario->vms[0], "VM");
    check_vm_counts(loader, list);
}

static void check_workloads(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = find_list_node(loader, "workloads");
    if (list == NULL || scenario->workload_count == 0) {
        return;
    }
    uint32_t i = 0;
    for (const struct yaml_item *item = list->first; item != NULL; item = item->next, i++) {
        const struct check c = {loader, item->value};
        const struct scenario_vm *vm = find_valid_vm(loader, scenario->workloads[i].vm);
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_workload(&c, &scenario->workloads[i], vm != NULL ? vm->memory_bytes : 0);
        }
    }
    check_names_are_unique(loader, list, scenario->workloads[0].name, sizeof scenario->workloads[0],
                           "workload");
}

static void check_actions(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = find_list_node(loader, "script");
    uint32_t i = 0;
    for (const struct yaml_item *item = list != NULL ? list->first : NULL;
         item != NULL && i < scenario->action_count; item = item->next, i++) {
        const struct check c = {loader, item->value};
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_action(&c, scenario, &scenario->actions[i],
                         find_valid_vm(loader, scenario->actions[i].vm));
        }
    }
}

static void check_expects(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = find_list_node(loader, "expect");
    uint32_t i = 0;
    for (const struct yaml_item *item = list != NULL ? list->first : NULL;
         item != NULL && i < scenario->expect_count; item = item->next, i++) {
        const struct check c = {loader, item->value};
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_expect(&c, &scenario->expects[i]);
        }
    }
}

static void check_phases(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = find_list_node(loader, "phases");
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (list == NULL || list->count == 0 || scenario->phase_count != list->count) {
        return;
    }
    if (loader->run_ns != UINT64_MAX && loader->run_ns > scenario->time_max_ns) {
        problems_add_message(&loader->problems, list->mark,
                             "phases: together they take %s, more than limits.time, %s",
                             value_write_text(a, time_units, loader->run_ns),
                             value_write_text(b, time_units, scenario->time_max_ns));
    }
    check_names_are_unique(loader, list, scenario->phases[0].name, sizeof scenario->phases[0],
                           "phase");
}

static void check_regression(struct loader *loader)
{
    const struct scenario_regression *regression = &loader->scenario->regression;
    const struct check c = {loader, yaml_find_value(loader->root, "regression")};
    if (c.node == NULL || c.node->kind != YAML_MAP || c.node->failed) {
        return;
    }
    if (regression->bugs[0] == '\0' || regression->bug_switch[0] == '\0' ||
        regression->fails[0] == '\0') {
        problems_add_message(&loader->problems, c.node->mark,
                             "regression: it needs 'bugs', 'switch' and 'fails'");
    }
}

void checks_check_scenario(struct loader *loader)
{
    check_vms(loader);
    check_workloads(loader);
    check_phases(loader);
    check_actions(loader);
    check_expects(loader);
    check_regression(loader);
}
