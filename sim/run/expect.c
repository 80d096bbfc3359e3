/*
 * Checks the expectations of the scenario: conditions that must hold at certain times.
 *
 * ALWAYS and NEVER are checked after every event, EVENTUALLY within its window, AT at its time, and
 * FINALLY at the end. If an EVENTUALLY is not met, this is a liveness error; if another expectation
 * is not met, this is a failure.
 */
#include "sim/run/run_private.h"

#include <inttypes.h>

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

static bool is_expression_true(const struct world *world, const struct expression *expression,
                               uint64_t *left)
{
    *left = world_read_metric(world, expression->left, expression->left_vm);
    const uint64_t right = expression->right_is_metric
                               ? world_read_metric(world, expression->right, expression->right_vm)
                               : expression->value;
    return compare_values(*left, expression->compare, right);
}

static void report_broken_expectation(struct world *world, uint32_t index, const char *what,
                                      uint64_t found)
{
    const struct scenario_expect *expect = &world->scenario->expects[index];
    char value[64];
    world_format_metric(value, sizeof value, expect->expression.left, found);
    const run_verdict verdict = expect->kind == EXPECT_EVENTUALLY ? VERDICT_LIVENESS : VERDICT_FAIL;
    world_fail_run(world, verdict, "%s:%" PRIu32 ":%" PRIu32 ": expected %s: %s; it is %s",
                   world->scenario->path, expect->place.line, expect->place.column, what,
                   expect->expression.text, value);
}

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
    }
}

void expect_check_after_event(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->expect_count; i++) {
        const struct scenario_expect *expect = &scenario->expects[i];
        uint64_t found = 0;
        if (expect->kind == EXPECT_ALWAYS &&
            !is_expression_true(world, &expect->expression, &found)) {
            report_broken_expectation(world, i, "always", found);
        } else if (expect->kind == EXPECT_NEVER &&
                   is_expression_true(world, &expect->expression, &found)) {
            report_broken_expectation(world, i, "never", found);
        } else if (expect->kind == EXPECT_EVENTUALLY && world->expect_open[i] &&
                   is_expression_true(world, &expect->expression, &found)) {
            world->expect_met[i] = true;
            world->expect_open[i] = false;
        }
    }
}

void expect_handle_event(struct world *world, uint32_t index)
{
    const struct scenario_expect *expect = &world->scenario->expects[index];
    uint64_t found = 0;
    if (expect->kind == EXPECT_AT) {
        if (!is_expression_true(world, &expect->expression, &found)) {
            report_broken_expectation(world, index, "at that time", found);
        }
    } else if (engine_get_time_ns(world->engine) == expect->from_ns && !world->expect_met[index] &&
               !world->expect_open[index]) {
        world->expect_open[index] = true;
        if (expect->within_ns == 0) {
            world->expect_open[index] = false;
            world->expect_met[index] = is_expression_true(world, &expect->expression, &found);
        }
    } else if (!world->expect_met[index]) {
        world->expect_open[index] = false;
        world->expect_met[index] = is_expression_true(world, &expect->expression, &found);
        if (!world->expect_met[index]) {
            report_broken_expectation(world, index, "eventually", found);
        }
    }
}

void expect_check_at_end(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->expect_count; i++) {
        const struct scenario_expect *expect = &scenario->expects[i];
        uint64_t found = 0;
        if (expect->kind == EXPECT_FINALLY &&
            !is_expression_true(world, &expect->expression, &found)) {
            report_broken_expectation(world, i, "finally", found);
        }
    }
}
