/*
 * Keys of a regression: they name the bug that the scenario reproduces, and say how a test shows
 * that the bug is detected.
 *
 * These keys concern only tests and do not change the run, so they are not part of the digest.
 */
#include "sim/scenario/keys.h"

#define FIELD(member)                             \
    offsetof(struct scenario, regression.member), \
        sizeof(((struct scenario *)NULL)->regression.member)

/* The exit statuses (docs/use/command.md) with which a run that has the bug can end. */
static const struct choice verdict_choices[] = {
    {"fail", 1, "an expectation or invariant failed"},
    {"liveness", 3, "an expectation was not reached in time"},
    {"crash", 5, "an assertion failed, or a signal ended the run"},
    {"limit", 7, "the run had more events than `limits.events`"},
    {NULL, 0, NULL}};

/* clang-format off */
static const struct key_row rows[] = {
    {"bugs", KEY_TEXT, FIELD(bugs), .fallback = "(needed with any of these)",
     .draw = {.reason = "says nothing about the run"}, .doc = "ids of the bugs in docs/prove/regressions.md, separated by blanks"},
    {"switch", KEY_TEXT, FIELD(bug_switch), .fallback = "(needed with any of these)",
     .draw = {.reason = "says nothing about the run"}, .doc = "the switch of ballonet-mutant that brings the bug back"},
    {"fails", KEY_TEXT, FIELD(fails), .fallback = "(needed with any of these)",
     .draw = {.reason = "says nothing about the run"}, .doc = "text that a run with the bug must print"},
    {"verdict", KEY_CHOICE, FIELD(verdict), .choices = verdict_choices, .fallback = "fail",
     .draw = {.reason = "says nothing about the run"}, .doc = "verdict of a run with the bug"},
    {.name = NULL}};
/* clang-format on */
const struct key_table regression_keys = {
    .title = "a regression", .section = "regression", .rows = rows};
