/*
 * Checks the expectations of the scenario: conditions that must hold at certain times.
 *
 * ALWAYS and NEVER must hold after every event, EVENTUALLY once within its window, AT at its time,
 * and FINALLY at the end. If an EVENTUALLY is not met, this is a liveness error; if another
 * expectation is not met, this is a failure.
 *
 * An event looks only at the expectations that it can have changed: those about the VMs that it
 * concerns and what it called there, and those about time and the machine.
 */
#include "sim/run/run_private.h"

#include <inttypes.h>
#include <stdlib.h>

/** Test builds look at so many expectations after every event, to compare. */
#define EXPECTS_COMPARED_MAX 64u

static bool compare_values(uint64_t left, compare how, uint64_t right)
{
    switch (how) {
    case COMPARE_EQ:
        return left == right;
    case COMPARE_NE:
        return left != right;
    case COMPARE_LT:
        return left < right;
    case COMPARE_LE:
        return left <= right;
    case COMPARE_GT:
        return left > right;
    case COMPARE_GE:
        return left >= right;
    }
    return false;
}

static bool is_expression_true(struct metric_reader *reader, const struct world *world,
                               const struct expression *expression, uint64_t *left)
{
    metric_select_vm(reader, &world->vms[expression->left_vm]);
    *left = metric_read(reader, expression->left);
    uint64_t right = expression->value;
    if (expression->right_is_metric) {
        metric_select_vm(reader, &world->vms[expression->right_vm]);
        right = metric_read(reader, expression->right);
    }
    return compare_values(*left, expression->compare, right);
}

/** Whether an expectation is true now; reads every metric again. */
static bool is_expectation_true(const struct world *world, uint32_t index, uint64_t *found)
{
    struct metric_reader reader;
    metric_reset_reader(&reader);
    return is_expression_true(&reader, world, &world->scenario->expects[index].expression, found);
}

/** Returns the VM that an expression is about if its text names only a group; NULL if the text says
 * everything. */
static const struct scenario_vm *find_vm_of_group(const struct scenario *scenario,
                                                  const struct expression *expression)
{
    const struct scenario_vm *left = &scenario->vms[expression->left_vm];
    const struct scenario_vm *right = &scenario->vms[expression->right_vm];
    if (expression->left_member == VM_ALL_MEMBERS && left->count > 0) {
        return left;
    }
    return expression->right_member == VM_ALL_MEMBERS && right->count > 0 ? right : NULL;
}

static void report_broken_expectation(struct world *world, uint32_t index, const char *what,
                                      uint64_t found)
{
    const struct scenario_expect *expect = &world->scenario->expects[index];
    char value[64];
    world_format_metric(value, sizeof value, expect->expression.left, found);
    const run_verdict verdict = expect->kind == EXPECT_EVENTUALLY ? VERDICT_LIVENESS : VERDICT_FAIL;
    const struct scenario_vm *vm = find_vm_of_group(world->scenario, &expect->expression);
    world_fail_run(world, verdict, "%s:%" PRIu32 ":%" PRIu32 ": expected %s: %s; it is %s%s%s",
                   world->scenario->path, expect->place.line, expect->place.column, what,
                   expect->expression.text, value, vm != NULL ? " in " : "",
                   vm != NULL ? vm->name : "");
}

/* ---- Looks ---- */

/** A look at an expectation after an event. */
struct expect_look {
    uint32_t next; /**< the next look of the same list, plus 1 */
    uint8_t reads; /**< READS_* */
};

/** The progress of an expectation. */
struct expect_state {
    bool met; /**< EVENTUALLY */
    bool open;
};

void expect_create_lists(struct world *world)
{
    const size_t count = world->scenario->expect_count;
    world->expects = arena_alloc_zeroed(world->arena, count * sizeof *world->expects);
    world->looks = arena_alloc_zeroed(world->arena, 2 * count * sizeof *world->looks);
}

void expect_free_lists(struct world *world)
{
    const size_t count = world->scenario->expect_count;
    arena_free(world->arena, world->expects, count * sizeof *world->expects);
    arena_free(world->arena, world->looks, 2 * count * sizeof *world->looks);
}

static void add_look(struct world *world, uint32_t look, uint32_t *first, unsigned reads)
{
    world->looks[look] = (struct expect_look){*first, (uint8_t)reads};
    *first = look + 1;
}

/** Finds out from what the values of an expectation are read, and lists the expectation there. */
static void list_expectation(struct world *world, uint32_t index)
{
    const struct expression *expression = &world->scenario->expects[index].expression;
    struct metric_reader reader;
    uint64_t found = 0;
    metric_reset_reader(&reader);
    (void)is_expression_true(&reader, world, expression, &found);
    if ((reader.reads & READS_WORLD) != 0) {
        add_look(world, index * 2, &world->first_look, reader.reads);
        return;
    }
    add_look(world, index * 2, &world->vms[expression->left_vm].first_look, reader.reads);
    if (expression->right_is_metric && expression->right_vm != expression->left_vm) {
        add_look(world, index * 2 + 1, &world->vms[expression->right_vm].first_look, reader.reads);
    }
}

/** Looks at an expectation that must hold, or must become true. Returns whether it is broken. */
static bool look_at_expectation(struct world *world, uint32_t index, struct metric_reader *reader,
                                uint64_t *found)
{
    const struct scenario_expect *expect = &world->scenario->expects[index];
    struct expect_state *state = &world->expects[index];
    if (expect->kind == EXPECT_EVENTUALLY && !state->open) {
        return false;
    }
    const bool holds = is_expression_true(reader, world, &expect->expression, found);
    if (expect->kind == EXPECT_EVENTUALLY) {
        state->met = holds;
        state->open = !holds;
        return false;
    }
    return holds == (expect->kind == EXPECT_NEVER);
}

/** Looks at the expectations of a list that read one of `reads`. Returns the first one that is
 * broken, or `broken` if none before it is. */
static uint32_t look_at_list(struct world *world, uint32_t first, unsigned reads, uint32_t broken,
                             uint64_t *found)
{
    struct metric_reader reader;
    metric_reset_reader(&reader);
    while (first != 0) {
        const struct expect_look *look = &world->looks[first - 1];
        const uint32_t index = (first - 1) / 2;
        uint64_t value = 0;
        if ((look->reads & reads) != 0 && look_at_expectation(world, index, &reader, &value) &&
            index < broken) {
            broken = index;
            *found = value;
        }
        first = look->next;
    }
    return broken;
}

static uint32_t look_at_vm(struct vm *vm, uint32_t broken, uint64_t *found)
{
    const unsigned reads = READS_VM | vm->called_cores;
    vm->called_cores = 0;
    return look_at_list(vm->world, vm->first_look, reads, broken, found);
}

#ifdef BNTI_CHECK_PROGRESS
/** Looks at every expectation: no event may change one without being noticed. */
static bool is_expectation_overlooked(const struct world *world)
{
    const uint32_t count = world->scenario->expect_count;
    for (uint32_t i = 0; i < count && i < EXPECTS_COMPARED_MAX; i++) {
        const expect_kind kind = world->scenario->expects[i].kind;
        uint64_t found = 0;
        if ((kind == EXPECT_ALWAYS || kind == EXPECT_NEVER ||
             (kind == EXPECT_EVENTUALLY && world->expects[i].open)) &&
            is_expectation_true(world, i, &found) != (kind == EXPECT_ALWAYS)) {
            return true;
        }
    }
    return false;
}
#endif

void expect_check_after_event(struct vm *vm)
{
    struct world *world = vm->world;
    uint64_t found = 0;
    uint32_t broken = look_at_list(world, world->first_look, READS_WORLD, UINT32_MAX, &found);
    if (engine_count_events(world->engine) == 1) {
        for (uint32_t i = 0; i < world->vm_count; i++) {
            broken = look_at_vm(&world->vms[i], broken, &found);
        }
    }
    broken = look_at_vm(vm, broken, &found);
    for (uint32_t i = 0; i < world->touched_count; i++) {
        if (world->touched[i] != vm->index) {
            broken = look_at_vm(&world->vms[world->touched[i]], broken, &found);
        }
    }
    if (broken != UINT32_MAX) {
        const bool always = world->scenario->expects[broken].kind == EXPECT_ALWAYS;
        report_broken_expectation(world, broken, always ? "always" : "never", found);
    }
#ifdef BNTI_CHECK_PROGRESS
    if (broken == UINT32_MAX && is_expectation_overlooked(world)) {
        abort();
    }
#endif
}

/* ---- Expectations that have a time ---- */

void expect_schedule_events(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->expect_count; i++) {
        const struct scenario_expect *expect = &scenario->expects[i];
        if (expect->kind == EXPECT_EVENTUALLY || expect->kind == EXPECT_AT) {
            world_schedule_event(world, expect->from_ns, WORLD_EVENT_EXPECT, 0, i, 0);
        }
        if (expect->kind == EXPECT_EVENTUALLY) {
            world_schedule_event(world, expect->from_ns + expect->within_ns, WORLD_EVENT_EXPECT, 0,
                                 i, 1);
        }
        if (expect->kind <= EXPECT_EVENTUALLY) {
            list_expectation(world, i);
        }
    }
}

void expect_handle_event(struct world *world, uint32_t index)
{
    const struct scenario_expect *expect = &world->scenario->expects[index];
    struct expect_state *state = &world->expects[index];
    uint64_t found = 0;
    if (state->met) {
        return;
    }
    const bool holds = is_expectation_true(world, index, &found);
    if (expect->kind == EXPECT_AT) {
        if (!holds) {
            report_broken_expectation(world, index, "at that time", found);
        }
        return;
    }
    const bool begins = engine_get_time_ns(world->engine) == expect->from_ns && !state->open;
    state->met = holds;
    state->open = begins && !holds && expect->within_ns > 0;
    if (!begins && !holds) {
        report_broken_expectation(world, index, "eventually", found);
    }
}

void expect_check_at_end(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->expect_count; i++) {
        uint64_t found = 0;
        if (scenario->expects[i].kind == EXPECT_FINALLY && !is_expectation_true(world, i, &found)) {
            report_broken_expectation(world, i, "finally", found);
        }
    }
}
