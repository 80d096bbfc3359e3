/*
 * Reads numbers, names and choices from text. If the text is wrong, the message says what would be
 * right.
 *
 * libyaml gives every scalar as text, so that the implicit types of YAML 1.1 (`no`, `0o17`, `1:30`)
 * have no meaning here. If such a text occurs, the message explains this.
 */
#include "sim/scenario/values.h"

#include <stdio.h>
#include <string.h>

#define CHOICES_TEXT_BYTES 512

static const char *const boolean_words[] = {"y",   "Y",   "yes",  "Yes",  "YES",   "n",     "N",
                                            "no",  "No",  "NO",   "on",   "On",    "ON",    "off",
                                            "Off", "OFF", "True", "TRUE", "False", "FALSE", NULL};

static bool is_one_of_words(const char *const *words, const char *text)
{
    for (; *words != NULL; words++) {
        if (strcmp(*words, text) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether YAML 1.1 interprets this word as a boolean if it has no quotation marks. */
static bool is_yaml_boolean(const struct yaml_node *node)
{
    return node->kind == YAML_TEXT && node->plain &&
           (is_one_of_words(boolean_words, node->text) || yaml_is_text(node, "true") ||
            yaml_is_text(node, "false"));
}

static bool is_yaml_null(const struct yaml_node *node)
{
    return node->kind == YAML_TEXT && node->plain &&
           (node->bytes == 0 || yaml_is_text(node, "~") || yaml_is_text(node, "null") ||
            yaml_is_text(node, "Null") || yaml_is_text(node, "NULL"));
}

/* Whether YAML interprets this text as a number or a date if it has no quotation marks. */
static bool is_yaml_number(const struct yaml_node *node)
{
    return node->plain && node->bytes > 0 && strpbrk(node->text, "0123456789") != NULL &&
           strspn(node->text, "0123456789.+-:_eExXoO") == node->bytes;
}

const struct unit *units_find_for_type(key_type type)
{
    return type == KEY_SIZE ? size_units : type == KEY_TIME ? time_units : NULL;
}

bool value_report_mistake(struct problems *problems, const struct yaml_node *node,
                          const char *label, const char *right)
{
    char quote[PROBLEM_QUOTE_BYTES];
    const char *found;
    switch (node->kind) {
    case YAML_REFUSED:
        return false;
    case YAML_LIST:
        found = "a list";
        break;
    case YAML_MAP:
        found = "a mapping";
        break;
    default:
        found =
            is_yaml_null(node) ? "nothing" : problem_write_quote(quote, node->text, node->bytes);
        break;
    }
    const char *hint = "";
    if (is_yaml_boolean(node) && is_one_of_words(boolean_words, node->text)) {
        hint = ", a boolean in YAML 1.1";
    } else if (node->lines) {
        hint = ", of several lines (is the next key indented too far?)";
    }
    problems_add_message(problems, node->mark, "%s: found %s%s; it must be %s", label, found, hint,
                         right);
    return false;
}

const char *value_write_text(char out[VALUE_TEXT_BYTES], const struct unit *units, uint64_t value)
{
    for (; units != NULL && value > 0 && units->name != NULL; units++) {
        if (value % units->factor == 0) {
            snprintf(out, VALUE_TEXT_BYTES, "%llu%s", (unsigned long long)(value / units->factor),
                     units->name);
            return out;
        }
    }
    snprintf(out, VALUE_TEXT_BYTES, "%llu", (unsigned long long)value);
    return out;
}

/* Reads decimal digits from `text`; false if the number does not fit. `digits` receives the number
 * of digits. */
static bool read_digits(const char *text, uint64_t *value, size_t *digits)
{
    uint64_t sum = 0;
    size_t n = strspn(text, "0123456789");
    *digits = n;
    for (size_t i = 0; i < n; i++) {
        const uint64_t digit = (uint64_t)(text[i] - '0');
        if (sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

/* Whether a text is `0x` and hexadecimal digits. Stores their value, and whether the value fits. */
static bool read_hexadecimal(const struct yaml_node *node, uint64_t *value, bool *fits)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    if (node->bytes < 3 || strncmp(node->text, "0x", 2) != 0 ||
        strspn(node->text + 2, digits) != node->bytes - 2) {
        return false;
    }
    *value = 0;
    *fits = true;
    for (const char *at = node->text + 2; *at != '\0'; at++) {
        const uint64_t index = (uint64_t)(strchr(digits, *at) - digits);
        *fits = *fits && *value <= UINT64_MAX >> 4;
        *value = *value << 4 | (index < 16 ? index : index - 6);
    }
    return true;
}

static bool report_out_of_bounds(struct problems *problems, const struct yaml_node *node,
                                 const char *label, const struct unit *units, uint64_t low,
                                 uint64_t high)
{
    char quote[PROBLEM_QUOTE_BYTES];
    char first[VALUE_TEXT_BYTES];
    char last[VALUE_TEXT_BYTES];
    if (low == high) {
        problems_add_message(problems, node->mark, "%s: %s is out of range; it must be %s", label,
                             problem_write_quote(quote, node->text, node->bytes),
                             value_write_text(first, units, low));
    } else {
        problems_add_message(problems, node->mark, "%s: %s is out of range; it must be %s to %s",
                             label, problem_write_quote(quote, node->text, node->bytes),
                             value_write_text(first, units, low),
                             value_write_text(last, units, high));
    }
    return false;
}

bool value_parse_count(struct problems *problems, const struct yaml_node *node, const char *label,
                       uint64_t low, uint64_t high, uint64_t *out)
{
    char right[96];
    char first[VALUE_TEXT_BYTES];
    char last[VALUE_TEXT_BYTES];
    snprintf(right, sizeof right, "a whole number, %s to %s", value_write_text(first, NULL, low),
             value_write_text(last, NULL, high));
    if (low == high) {
        snprintf(right, sizeof right, "%s", first);
    }
    if (node->kind != YAML_TEXT) {
        return value_report_mistake(problems, node, label, right);
    }
    uint64_t value = 0;
    size_t digits = 0;
    bool fits = false;
    const bool hexadecimal = read_hexadecimal(node, &value, &fits);
    if (!hexadecimal) {
        fits = read_digits(node->text, &value, &digits);
    }
    if (!hexadecimal && (digits == 0 || digits != node->bytes)) {
        return value_report_mistake(problems, node, label, right);
    }
    if (!node->plain) {
        problems_add_message(problems, node->mark, "%s: a text in quotes; write %s without quotes",
                             label, node->text);
        return false;
    }
    if (!hexadecimal && digits > 1 && node->text[0] == '0') {
        problems_add_message(problems, node->mark,
                             "%s: a leading zero makes '%.40s' octal in YAML 1.1; leave it out",
                             label, node->text);
        return false;
    }
    if (!fits || value < low || value > high) {
        return report_out_of_bounds(problems, node, label, NULL, low, high);
    }
    *out = value;
    return true;
}

/* Wrong units that people use, each with the unit that is meant. */
static const struct {
    const char *wrong;
    const char *right;
} unit_slips[] = {
    {"K", "KiB"},   {"k", "KiB"},   {"KB", "KiB"},       {"kB", "KiB"},   {"M", "MiB"},
    {"MB", "MiB"},  {"Mb", "MiB"},  {"m", "min"},        {"G", "GiB"},    {"GB", "GiB"},
    {"Gb", "GiB"},  {"T", "TiB"},   {"TB", "TiB"},       {"sec", "s"},    {"secs", "s"},
    {"msec", "ms"}, {"usec", "us"}, {"\xC2\xB5s", "us"}, {"mins", "min"}, {"S", "s"},
};

static const char *get_nth_unit(const void *units, uint32_t index)
{
    return ((const struct unit *)units)[index].name;
}

static const struct unit *find_unit_by_name(const struct unit *units, const char *name)
{
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, name) == 0) {
            return units;
        }
    }
    return NULL;
}

static const char *find_intended_unit(const struct unit *units, const char *name)
{
    for (size_t i = 0; i < sizeof unit_slips / sizeof unit_slips[0]; i++) {
        if (strcmp(unit_slips[i].wrong, name) == 0 &&
            find_unit_by_name(units, unit_slips[i].right)) {
            return unit_slips[i].right;
        }
    }
    return suggest_nearest_name(name, get_nth_unit, units);
}

static bool report_wrong_unit(struct problems *problems, const struct yaml_node *node,
                              const char *label, const struct unit *units, size_t digits)
{
    char quote[PROBLEM_QUOTE_BYTES];
    const bool size = units == size_units;
    const char *known = size ? "B, KiB, MiB, GiB or TiB" : "ns, us, ms, s or min";
    const char *unit = node->text + digits;
    const char *meant = find_intended_unit(units, unit);
    problem_write_quote(quote, node->text, node->bytes);
    if (unit[0] == '\0') {
        problems_add_message(problems, node->mark, "%s: %s has no unit; write %.24s%s (%s)", label,
                             quote, node->text, size ? (digits > 4 ? "B" : "MiB") : "ms", known);
    } else if (unit[0] == '.') {
        problems_add_message(problems, node->mark,
                             "%s: %s is a fraction; write a whole number of a smaller unit (%s)",
                             label, quote, known);
    } else if (unit[0] == ' ') {
        problems_add_message(problems, node->mark,
                             "%s: %s has a space; write number and unit together", label, quote);
    } else if (meant != NULL) {
        problems_add_message(problems, node->mark,
                             "%s: %s has a wrong unit; did you mean %.*s%s? (%s)", label, quote,
                             (int)(digits < 24 ? digits : 24), node->text, meant, known);
    } else {
        problems_add_message(problems, node->mark, "%s: %s has a wrong unit; it must be one of %s",
                             label, quote, known);
    }
    return false;
}

bool value_parse_measure(struct problems *problems, const struct yaml_node *node, const char *label,
                         const struct unit *units, uint64_t low, uint64_t high, uint64_t *out)
{
    const char *right = units == size_units ? "a size such as 64MiB" : "a time such as 250ms";
    uint64_t value = 0;
    size_t digits = 0;
    if (node->kind != YAML_TEXT) {
        return value_report_mistake(problems, node, label, right);
    }
    const bool fits = read_digits(node->text, &value, &digits);
    if (digits == 0) {
        return value_report_mistake(problems, node, label, right);
    }
    if (digits > 1 && node->text[0] == '0') {
        return value_report_mistake(problems, node, label,
                                    units == size_units
                                        ? "a size such as 64MiB, without leading zeros"
                                        : "a time such as 250ms, without leading zeros");
    }
    const struct unit *unit = find_unit_by_name(units, node->text + digits);
    if (unit == NULL && !(fits && value == 0 && node->text[digits] == '\0')) {
        return report_wrong_unit(problems, node, label, units, digits);
    }
    const uint64_t factor = unit != NULL ? unit->factor : 1;
    if (!fits || value > UINT64_MAX / factor || value * factor < low || value * factor > high) {
        return report_out_of_bounds(problems, node, label, units, low, high);
    }
    *out = value * factor;
    return true;
}

bool value_parse_ratio(struct problems *problems, const struct yaml_node *node, const char *label,
                       uint64_t low, uint64_t high, struct ratio *out)
{
    const char *right =
        high == 1 ? "a ratio such as 3/100, or 0, or 1" : "a ratio such as 1/2, or 2";
    uint64_t numerator = 0;
    uint64_t denominator = 1;
    size_t digits = 0;
    if (node->kind != YAML_TEXT) {
        return value_report_mistake(problems, node, label, right);
    }
    bool fits = read_digits(node->text, &numerator, &digits);
    const char *rest = node->text + digits;
    if (digits > 0 && rest[0] == '/') {
        size_t more = 0;
        fits = read_digits(rest + 1, &denominator, &more) && fits;
        rest = more > 0 ? rest + 1 + more : "?";
    }
    if (digits == 0 || rest[0] != '\0') {
        return value_report_mistake(problems, node, label, right);
    }
    if (denominator == 0) {
        return value_report_mistake(problems, node, label, "a ratio whose denominator is not 0");
    }
    if (!fits || numerator > 1000000000 || denominator > 1000000000) {
        return value_report_mistake(problems, node, label, "a ratio of numbers up to 1000000000");
    }
    if (numerator < low || numerator > high * denominator) {
        char text[64];
        snprintf(text, sizeof text, low > 0 ? "more than 0 and at most %lu" : "a ratio, 0 to %lu",
                 (unsigned long)high);
        return value_report_mistake(problems, node, label, text);
    }
    out->numerator = (uint32_t)numerator;
    out->denominator = (uint32_t)denominator;
    return true;
}

bool value_parse_bool(struct problems *problems, const struct yaml_node *node, const char *label,
                      bool *out)
{
    if (node->kind != YAML_TEXT || !(yaml_is_text(node, "true") || yaml_is_text(node, "false"))) {
        return value_report_mistake(problems, node, label, "true or false");
    }
    if (!node->plain) {
        problems_add_message(problems, node->mark, "%s: a text in quotes; write %s without quotes",
                             label, node->text);
        return false;
    }
    *out = yaml_is_text(node, "true");
    return true;
}

bool value_parse_choice(struct problems *problems, const struct yaml_node *node, const char *label,
                        const struct choice *choices, uint64_t *out)
{
    char quote[PROBLEM_QUOTE_BYTES];
    char known[CHOICES_TEXT_BYTES];
    choices_write_names(choices, known, sizeof known);
    const struct choice *choice =
        node->kind == YAML_TEXT ? choice_find_by_name(choices, node->text) : NULL;
    if (choice != NULL) {
        *out = choice->value;
        return true;
    }
    const char *meant = node->kind == YAML_TEXT ? suggest_choice(choices, label, node->text) : NULL;
    if (meant == NULL || is_yaml_boolean(node) || node->lines) {
        return value_report_mistake(problems, node, label, known);
    }
    problems_add_message(problems, node->mark, "%s: unknown %s; did you mean '%s'? (%s)", label,
                         problem_write_quote(quote, node->text, node->bytes), meant, known);
    return false;
}

bool value_parse_text(struct problems *problems, const struct yaml_node *node, const char *label,
                      char *out, size_t size)
{
    if (node->kind != YAML_TEXT || is_yaml_null(node)) {
        return value_report_mistake(problems, node, label, "text");
    }
    if (is_yaml_boolean(node)) {
        problems_add_message(problems, node->mark,
                             "%s: %s is a boolean in YAML 1.1; it must be text: put it in quotes",
                             label, node->text);
        return false;
    }
    if (is_yaml_number(node)) {
        problems_add_message(problems, node->mark,
                             "%s: %.40s is a number in YAML; it must be text: put it in quotes",
                             label, node->text);
        return false;
    }
    if (node->bytes >= size) {
        problems_add_message(problems, node->mark,
                             "%s: text of %lu bytes; it must have at most %lu", label,
                             (unsigned long)node->bytes, (unsigned long)(size - 1));
        return false;
    }
    memset(out, 0, size);
    memcpy(out, node->text, node->bytes);
    return true;
}

bool value_parse_name(struct problems *problems, const struct yaml_node *node, const char *label,
                      char *out, size_t size)
{
    static const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const others =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (node->kind != YAML_TEXT || is_yaml_null(node) || node->lines) {
        return value_report_mistake(problems, node, label, "a name");
    }
    if (is_yaml_boolean(node)) {
        problems_add_message(
            problems, node->mark,
            "%s: %s is a boolean in YAML 1.1; put it in quotes, or take another name", label,
            node->text);
        return false;
    }
    if (node->bytes >= size || strspn(node->text, letters) == 0 ||
        strspn(node->text, others) != node->bytes) {
        return value_report_mistake(problems, node, label,
                                    "a letter, then letters, digits, - and _, at most 63 in all");
    }
    memset(out, 0, size);
    memcpy(out, node->text, node->bytes);
    return true;
}
