/*
 * Checks how many rules a script gives to a host: refusals, and scripted answers to VMware's calls.
 * A host has room for a limited number of each, and removes them only at `clear-refusals`. An
 * action that waits for an event can happen at any time or never, so the worst case is checked.
 */
#include "sim/scenario/checks.h"

#include <ballonet/host.h>

#define CLEARS_MAX 4096u /* the most refusals that are counted; no host has room for so many */

/** Returns how often an action happens if it has a time instead of an event. */
static uint64_t count_action_repetitions(const struct scenario_action *action)
{
    return action->every_ns > 0 && action->times > 1 ? action->times : 1;
}

static uint64_t get_time_of_last_repetition(const struct scenario_action *action)
{
    return action->at_ns + action->every_ns * (count_action_repetitions(action) - 1);
}

/** How often an action happens before the time `time_ns`. */
static uint64_t count_repetitions_before(const struct scenario_action *action, uint64_t time_ns)
{
    if (time_ns <= action->at_ns) {
        return 0;
    }
    if (count_action_repetitions(action) == 1) {
        return 1;
    }
    const uint64_t times = (time_ns - action->at_ns - 1) / action->every_ns + 1;
    return times < count_action_repetitions(action) ? times : count_action_repetitions(action);
}

/** How often an action happens from `from_ns` to `to_ns`, both included. */
static uint64_t count_repetitions_within(const struct scenario_action *action, uint64_t from_ns,
                                         uint64_t to_ns)
{
    const uint64_t end_ns = to_ns < UINT64_MAX ? to_ns + 1 : to_ns;
    return count_repetitions_before(action, end_ns) - count_repetitions_before(action, from_ns);
}

static bool is_rule_of_same_kind(const struct scenario_action *action,
                                 const struct scenario_action *last)
{
    return action->kind == last->kind && does_action_cover(action, last);
}

/** The time of the first `clear-refusals` after `after_ns`, or UINT64_MAX if there is none. */
static uint64_t find_next_rule_clearing(const struct scenario *scenario,
                                        const struct scenario_action *last, uint64_t after_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->kind != ACTION_REFUSE_CLEAR || !does_action_cover(action, last) ||
            action->trigger != TRIGGER_AT || get_time_of_last_repetition(action) <= after_ns) {
            continue;
        }
        const uint64_t before = count_repetitions_before(action, after_ns + 1);
        const uint64_t at_ns = action->at_ns + before * action->every_ns;
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    return next_ns;
}

/** Counts the rules of the same kind as `last` that the script can set between two times at which
 * rules are cleared. */
static uint64_t count_rules_within(const struct scenario *scenario,
                                   const struct scenario_action *last, uint64_t from_ns,
                                   uint64_t to_ns)
{
    uint64_t rules = 0;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (is_rule_of_same_kind(action, last)) {
            rules += action->trigger == TRIGGER_AT
                         ? count_repetitions_within(action, from_ns, to_ns)
                         : 1;
        }
    }
    return rules;
}

/** Counts the rules that are set by actions which wait for an event, up to the action `last`. */
static uint64_t count_event_rules_before(const struct scenario *scenario,
                                         const struct scenario_action *last)
{
    uint64_t rules = 0;
    for (uint32_t i = 0; &scenario->actions[i] <= last; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        rules += is_rule_of_same_kind(action, last) && action->trigger == TRIGGER_EVENT;
    }
    return rules;
}

/** The most rules that the host can have at the time when `last` adds its rule. */
static uint64_t count_rules_max(const struct scenario *scenario, const struct scenario_action *last)
{
    uint64_t most = 0;
    uint64_t from_ns = 0;
    if (last->trigger == TRIGGER_EVENT) {
        return count_event_rules_before(scenario, last);
    }
    for (uint32_t i = 0; i < CLEARS_MAX && from_ns <= get_time_of_last_repetition(last); i++) {
        const uint64_t clear_ns = find_next_rule_clearing(scenario, last, from_ns);
        const uint64_t to_ns = clear_ns < get_time_of_last_repetition(last)
                                   ? clear_ns
                                   : get_time_of_last_repetition(last);
        if (count_repetitions_within(last, from_ns, to_ns) > 0) {
            const uint64_t rules = count_rules_within(scenario, last, from_ns, to_ns);
            most = rules > most ? rules : most;
        }
        if (clear_ns == UINT64_MAX) {
            break;
        }
        from_ns = clear_ns;
    }
    return most;
}

void check_rule_counts(const struct check *c, const struct scenario *scenario,
                       const struct scenario_action *last)
{
    const bool calls = last->kind == ACTION_REFUSE_CALL;
    uint64_t takes = BNT_HOST_RULES_MAX;
    if (calls) {
        takes = BNT_HOST_CALL_RULES_MAX;
    }
    const uint64_t rules = count_rules_max(scenario, last);
    if (rules > takes) {
        problems_add_message(
            &c->loader->problems, check_find_mark(c, "do"),
            "%s: with this action there are %llu %s, but a host keeps at most %llu; remove some or "
            "put 'clear-refusals' before it",
            calls ? "refuse-call" : "refuse", (unsigned long long)rules,
            calls ? "answers" : "refusals", (unsigned long long)takes);
    }
}
