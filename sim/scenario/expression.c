/*
 * Parses the expressions of `expect`: METRIC OP VALUE or METRIC OP METRIC. The unit of the metric
 * decides which values are valid.
 *
 * The line and column of a message are those of the wrong part of the expression.
 */
#include "sim/scenario/loader.h"
#include "sim/scenario/renamed.h"

#include <stdio.h>
#include <string.h>

#define METRIC_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]"

static const struct {
    const char *sign;
    compare compare;
} operators[] = {
    {"==", COMPARE_EQ}, {"!=", COMPARE_NE}, {"<=", COMPARE_LE},
    {">=", COMPARE_GE}, {"<", COMPARE_LT},  {">", COMPARE_GT},
};

static const char *const unit_words[] = {
    [UNIT_COUNT] = "a count such as 3",           [UNIT_BYTES] = "a size such as 64MiB",
    [UNIT_TIME] = "a time such as 250ms",         [UNIT_OUTCOME] = "an outcome",
    [UNIT_GUEST_STATE] = "a state of the driver", [UNIT_BOOL] = "true or false"};

struct expression_reader {
    struct loader *loader;
    const struct yaml_node *node;
    const char *label;
};

/* Returns the line and column of byte `offset` in the text. */
static struct yaml_mark find_mark_of_expression_part(const struct expression_reader *reader,
                                                     size_t offset)
{
    struct yaml_mark mark = reader->node->mark;
    if (!reader->node->lines) {
        const struct yaml_mark inside =
            problem_find_mark(0, reader->node->text, reader->node->bytes, offset);
        mark.column += inside.column - 1 + (reader->node->plain ? 0 : 1);
    }
    return mark;
}

static struct yaml_node make_node_of_expression_part(const struct expression_reader *reader,
                                                     size_t offset, const char *text)
{
    struct yaml_node node;
    memset(&node, 0, sizeof node);
    node.kind = YAML_TEXT;
    node.plain = true;
    node.mark = find_mark_of_expression_part(reader, offset);
    node.text = text;
    node.bytes = (uint32_t)strlen(text);
    return node;
}

static const char *get_nth_metric(const void *names, uint32_t index)
{
    (void)names;
    return index < METRIC_COUNT ? metric_get_name((metric)index) : NULL;
}

static bool find_metric_by_name(const char *name, bool machine, metric *out)
{
    const uint32_t first = machine ? METRIC_VM_COUNT : 0;
    const uint32_t end = machine ? METRIC_COUNT : METRIC_VM_COUNT;
    for (uint32_t i = first; i < end; i++) {
        if (strcmp(metric_get_name((metric)i), name) == 0) {
            *out = (metric)i;
            return true;
        }
    }
    return false;
}

/* `vm0.balloon`, `balloon`, `machine.free`. */
static bool read_metric_name(const struct expression_reader *reader, size_t offset,
                             const char *text, metric *out, struct vm_reference *of)
{
    char quote[PROBLEM_QUOTE_BYTES];
    const struct scenario *scenario = reader->loader->scenario;
    struct problems *problems = &reader->loader->problems;
    const char *dot = strchr(text, '.');
    const char *name = dot != NULL ? dot + 1 : text;
    *of = (struct vm_reference){0, 0};
    if (find_metric_by_name(text, true, out)) {
        return true;
    }
    if (!find_metric_by_name(name, false, out)) {
        const bool machine = strncmp(text, "machine.", 8) == 0;
        const char *renamed = renamed_find_new_name(RENAMED_METRIC, "", name);
        const char *meant = renamed != NULL
                                ? renamed
                                : suggest_nearest_name(machine ? text : name, get_nth_metric, NULL);
        problems_add_message(
            problems, find_mark_of_expression_part(reader, offset), "%s: unknown metric %s%s%s%s",
            reader->label, problem_write_quote(quote, text, strlen(text)),
            meant != NULL ? "; did you mean '" : "; docs/use/scenarios.md lists them",
            meant != NULL ? meant : "", meant != NULL ? "'?" : "");
        return false;
    }
    if (scenario->vm_count == 0) {
        return false; /* the list of VMs has errors, which were reported already */
    }
    if (dot == NULL && scenario->vm_count > 1) {
        problems_add_message(problems, find_mark_of_expression_part(reader, offset),
                             "%s: '%s' does not name its VM; there are %lu; write '%s.%s'",
                             reader->label, text, (unsigned long)scenario->vm_count,
                             scenario->vms[0].name, text);
        return false;
    }
    of->member = VM_ALL_MEMBERS;
    return dot == NULL ||
           vm_find_reference(reader->loader, find_mark_of_expression_part(reader, offset),
                             reader->label, text, (size_t)(dot - text), of);
}

static bool read_value(const struct expression_reader *reader, size_t offset, const char *text,
                       metric left, uint64_t *out)
{
    struct problems *problems = &reader->loader->problems;
    const struct yaml_node node = make_node_of_expression_part(reader, offset, text);
    const char *label = metric_get_name(left);
    switch (metric_get_unit(left)) {
    case UNIT_BYTES:
        return value_parse_measure(problems, &node, label, size_units, 0, UINT64_MAX, out);
    case UNIT_TIME:
        return value_parse_measure(problems, &node, label, time_units, 0, UINT64_MAX, out);
    case UNIT_OUTCOME:
        return value_parse_choice(problems, &node, label, outcome_choices, out);
    case UNIT_GUEST_STATE:
        return value_parse_choice(problems, &node, label, guest_state_choices, out);
    case UNIT_BOOL: {
        bool value = false;
        const bool valid = value_parse_bool(problems, &node, label, &value);
        *out = value;
        return valid;
    }
    case UNIT_COUNT:
    default:
        return value_parse_count(problems, &node, label, 0, UINT64_MAX, out);
    }
}

static bool is_unit_ordered(metric_unit unit)
{
    return unit == UNIT_COUNT || unit == UNIT_BYTES || unit == UNIT_TIME;
}

/* Whether the right side of an expression is a metric. A name such as `refused` can be an outcome
 * or state as well as a metric. In this case it is not the metric. */
static bool is_right_side_metric(metric left, const char *text)
{
    metric ignored;
    if (text[0] >= '0' && text[0] <= '9') {
        return false;
    }
    if (strchr(text, '.') != NULL) {
        return true;
    }
    return is_unit_ordered(metric_get_unit(left)) && (find_metric_by_name(text, false, &ignored) ||
                                                      strspn(text, METRIC_LETTERS) == strlen(text));
}

/* Two groups are compared VM by VM, so they must be the same group. */
static bool are_groups_equal(const struct expression_reader *reader, size_t offset,
                             const struct expression *expression)
{
    const struct scenario_vm *vms = reader->loader->scenario->vms;
    const struct scenario_vm *left = &vms[expression->left_vm];
    const struct scenario_vm *right = &vms[expression->right_vm];
    if (left == right || expression->left_member != VM_ALL_MEMBERS ||
        expression->right_member != VM_ALL_MEMBERS || left->count <= 1 || right->count <= 1) {
        return true;
    }
    problems_add_message(&reader->loader->problems, find_mark_of_expression_part(reader, offset),
                         "%s: '%s' and '%s' are different groups; write one VM, such as '%s[0]'",
                         reader->label, left->name, right->name, right->name);
    return false;
}

static bool read_right_side(const struct expression_reader *reader, size_t offset, const char *text,
                            struct expression *out)
{
    if (!is_right_side_metric(out->left, text)) {
        return read_value(reader, offset, text, out->left, &out->value);
    }
    struct vm_reference of;
    out->right_is_metric = true;
    if (!read_metric_name(reader, offset, text, &out->right, &of)) {
        return false;
    }
    out->right_vm = of.vm;
    out->right_member = of.member;
    if (!are_groups_equal(reader, offset, out)) {
        return false;
    }
    const metric_unit left = metric_get_unit(out->left);
    if (left != metric_get_unit(out->right)) {
        problems_add_message(
            &reader->loader->problems, find_mark_of_expression_part(reader, offset),
            "%s: '%s' is %s; '%s' must be compared with %s", reader->label, text,
            unit_words[metric_get_unit(out->right)], metric_get_name(out->left), unit_words[left]);
        return false;
    }
    return true;
}

bool expression_parse(struct loader *loader, const struct yaml_node *node, const char *label,
                      struct expression *out)
{
    const struct expression_reader reader = {loader, node, label};
    static const char *const form = "METRIC OP VALUE such as 'balloon == 64MiB'";
    if (node->kind != YAML_TEXT || node->lines || node->bytes == 0 ||
        node->bytes >= sizeof out->text) {
        return value_report_mistake(&loader->problems, node, label, form);
    }
    memset(out, 0, sizeof *out);
    memcpy(out->text, node->text, node->bytes);

    char part[sizeof out->text];
    const size_t left_at = strspn(node->text, " ");
    const size_t left_bytes = strspn(node->text + left_at, METRIC_LETTERS);
    const size_t sign_at = left_at + left_bytes + strspn(node->text + left_at + left_bytes, " ");
    size_t sign_bytes = 0;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0] && sign_bytes == 0; i++) {
        const size_t length = strlen(operators[i].sign);
        if (strncmp(node->text + sign_at, operators[i].sign, length) == 0) {
            out->compare = operators[i].compare;
            sign_bytes = length;
        }
    }
    if (left_bytes == 0) {
        return value_report_mistake(&loader->problems, node, label, form);
    }
    if (sign_bytes == 0) {
        problems_add_message(&loader->problems, find_mark_of_expression_part(&reader, sign_at),
                             "%s: a comparison is missing here: ==, !=, <, <=, > or >=", label);
        return false;
    }
    const size_t right_at = sign_at + sign_bytes + strspn(node->text + sign_at + sign_bytes, " ");
    if (node->text[right_at] == '\0') {
        problems_add_message(&loader->problems, find_mark_of_expression_part(&reader, right_at),
                             "%s: the right side is missing; write a value or a metric", label);
        return false;
    }
    memcpy(part, node->text + left_at, left_bytes);
    part[left_bytes] = '\0';
    struct vm_reference of;
    if (!read_metric_name(&reader, left_at, part, &out->left, &of)) {
        return false;
    }
    out->left_vm = of.vm;
    out->left_member = of.member;
    if (!is_unit_ordered(metric_get_unit(out->left)) && out->compare != COMPARE_EQ &&
        out->compare != COMPARE_NE) {
        problems_add_message(&loader->problems, find_mark_of_expression_part(&reader, sign_at),
                             "%s: '%s' is %s, which has no order; it must be == or !=", label, part,
                             unit_words[metric_get_unit(out->left)]);
        return false;
    }
    size_t right_bytes = strlen(node->text + right_at);
    memcpy(part, node->text + right_at, right_bytes);
    while (right_bytes > 0 && part[right_bytes - 1] == ' ') {
        right_bytes--;
    }
    part[right_bytes] = '\0';
    return read_right_side(&reader, right_at, part, out);
}
