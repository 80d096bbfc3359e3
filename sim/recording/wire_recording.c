/*
 * Reads wire recordings: a strict scanner for lines of JSON, with a table of the keys that each
 * kind of line has.
 *
 * The scanner accepts only flat objects with numbers, names and pairs. Anything else is an error,
 * which is reported with its line number, even if it is valid JSON. A recording has many short
 * lines and is read at the start of every run, so a general JSON parser would be too slow. All
 * state of the scanner is in a struct of the caller.
 */
#include "sim/recording/wire_recording.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 32u /* the size for a key or a name; the longest one has ten bytes */

typedef enum key {
    KEY_T_US,
    KEY_EVENT,
    KEY_QUEUE,
    KEY_BITS,
    KEY_FIRST_PFN,
    KEY_PAGES,
    KEY_INDEX,
    KEY_SIZE,
    KEY_NUM_PAGES,
    KEY_PFN_RUNS,
    KEY_TAGS,
    KEY_EXTENTS,
    KEY_COUNT
} key;

typedef enum key_type {
    TYPE_NUMBER,
    TYPE_NAME,
    TYPE_HEX,
    TYPE_PAIRS,
    TYPE_TAGS
} key_type;

struct key_rule {
    const char *name;
    key_type type;
    uint64_t max;       /* the largest number that is allowed; for a pair, the largest second
                           number */
    uint64_t max_first; /* of a pair's first one */
};

static const struct key_rule keys[KEY_COUNT] = {
    [KEY_T_US] = {"t_us", TYPE_NUMBER, WIRE_TIME_US_MAX, 0},
    [KEY_EVENT] = {"event", TYPE_NAME, 0, 0},
    [KEY_QUEUE] = {"queue", TYPE_NAME, 0, 0},
    [KEY_BITS] = {"bits", TYPE_HEX, UINT64_MAX, 0},
    [KEY_FIRST_PFN] = {"first_pfn", TYPE_NUMBER, UINT32_MAX, 0},
    [KEY_PAGES] = {"pages", TYPE_NUMBER, UINT32_MAX, 0},
    [KEY_INDEX] = {"index", TYPE_NUMBER, UINT16_MAX, 0},
    [KEY_SIZE] = {"size", TYPE_NUMBER, UINT16_MAX, 0},
    [KEY_NUM_PAGES] = {"num_pages", TYPE_NUMBER, UINT32_MAX, 0},
    [KEY_PFN_RUNS] = {"pfn_runs", TYPE_PAIRS, UINT32_MAX, UINT32_MAX},
    [KEY_TAGS] = {"tags", TYPE_TAGS, UINT64_MAX, UINT16_MAX},
    [KEY_EXTENTS] = {"extents", TYPE_PAIRS, UINT32_MAX, UINT32_MAX},
};

struct kind_rule {
    const char *name;
    key by; /* KEY_EVENT or KEY_QUEUE */
    key value;
    key extra; /* KEY_COUNT: none */
};

static const struct kind_rule kinds[WIRE_KINDS] = {
    [WIRE_FEATURES] = {"features", KEY_EVENT, KEY_BITS, KEY_COUNT},
    [WIRE_REGION] = {"region", KEY_EVENT, KEY_FIRST_PFN, KEY_PAGES},
    [WIRE_QUEUE] = {"queue", KEY_EVENT, KEY_INDEX, KEY_SIZE},
    [WIRE_TARGET] = {"target", KEY_EVENT, KEY_NUM_PAGES, KEY_COUNT},
    [WIRE_ACTUAL] = {"actual", KEY_EVENT, KEY_PAGES, KEY_COUNT},
    [WIRE_INFLATE] = {"inflate", KEY_QUEUE, KEY_PAGES, KEY_PFN_RUNS},
    [WIRE_DEFLATE] = {"deflate", KEY_QUEUE, KEY_PAGES, KEY_PFN_RUNS},
    [WIRE_STATS] = {"stats", KEY_QUEUE, KEY_TAGS, KEY_COUNT},
    [WIRE_REPORTING] = {"reporting", KEY_QUEUE, KEY_EXTENTS, KEY_COUNT},
};

struct scanner {
    struct wire_recording *recording;
    const char *name;
    const char *at; /* the next character of the current line */
    const char *end;
    uint32_t number;
    char *error;
    size_t error_bytes;
    uint32_t seen; /* one bit for each key of the line */
    uint64_t numbers[KEY_COUNT];
    char names[KEY_COUNT][TEXT_BYTES]; /* of TYPE_NAME */
};

const char *wire_get_kind_name(wire_kind kind)
{
    return (uint32_t)kind < WIRE_KINDS ? kinds[kind].name : "unknown";
}

__attribute__((format(printf, 2, 3))) static bool reject_recording_line(struct scanner *scanner,
                                                                        const char *format, ...)
{
    const int head =
        snprintf(scanner->error, scanner->error_bytes,
                 "%.*s:%" PRIu32 ": error: ", (int)WIRE_NAME_MAX, scanner->name, scanner->number);
    if (head >= 0 && (size_t)head < scanner->error_bytes) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(scanner->error + head, scanner->error_bytes - (size_t)head, format,
                        arguments);
        va_end(arguments);
    }
    return false;
}

/* ---- Memory ---- */

static void grow_line_array(struct wire_recording *recording)
{
    if (recording->line_count < recording->line_room) {
        return;
    }
    const uint32_t room = recording->line_room == 0 ? 256 : recording->line_room * 2;
    recording->lines = arena_realloc(recording->arena, recording->lines,
                                     recording->line_room * sizeof *recording->lines,
                                     room * sizeof *recording->lines);
    recording->line_room = room;
}

static void add_number_pair(struct wire_recording *recording, uint64_t first, uint64_t second)
{
    if (recording->pair_count == recording->pair_room) {
        const uint32_t room = recording->pair_room == 0 ? 4096 : recording->pair_room * 2;
        recording->pairs = arena_realloc(recording->arena, recording->pairs,
                                         recording->pair_room * sizeof *recording->pairs,
                                         room * sizeof *recording->pairs);
        recording->pair_room = room;
    }
    recording->pairs[recording->pair_count++] = (struct wire_pair){first, second};
}

void wire_recording_free(struct wire_recording *recording)
{
    arena_free(recording->arena, recording->lines, recording->line_room * sizeof *recording->lines);
    arena_free(recording->arena, recording->pairs, recording->pair_room * sizeof *recording->pairs);
    memset(recording, 0, sizeof *recording);
}

/* ---- Characters ---- */

static void skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\t')) {
        scanner->at++;
    }
}

/** If the next character is `wanted`, skips it and returns true. */
static bool consume_character_if_next(struct scanner *scanner, char wanted)
{
    skip_blanks(scanner);
    if (scanner->at < scanner->end && *scanner->at == wanted) {
        scanner->at++;
        return true;
    }
    return false;
}

static bool consume_required_character(struct scanner *scanner, char wanted, const char *where)
{
    if (consume_character_if_next(scanner, wanted)) {
        return true;
    }
    if (scanner->at == scanner->end) {
        return reject_recording_line(
            scanner, "the line ends where '%c' must come %s: it is cut off", wanted, where);
    }
    const unsigned char found = (unsigned char)*scanner->at;
    if (found < 0x20 || found > 0x7E) {
        return reject_recording_line(scanner, "the line has byte 0x%02x where '%c' must come %s",
                                     (unsigned)found, wanted, where);
    }
    return reject_recording_line(scanner, "the line has '%c' where '%c' must come %s", (char)found,
                                 wanted, where);
}

/** Scans a string without escapes; no string of a recording needs escapes. */
static bool scan_text(struct scanner *scanner, char text[TEXT_BYTES], const char *where)
{
    size_t length = 0;
    if (!consume_required_character(scanner, '"', where)) {
        return false;
    }
    while (scanner->at < scanner->end && *scanner->at != '"') {
        const unsigned char c = (unsigned char)*scanner->at++;
        if (c < 0x20 || c > 0x7E || c == '\\' || length + 1 == TEXT_BYTES) {
            return reject_recording_line(
                scanner, "the text used %s is too long or has a wrong character", where);
        }
        text[length++] = (char)c;
    }
    text[length] = '\0';
    return consume_required_character(scanner, '"', where);
}

static bool parse_digit(char c, uint32_t base, uint32_t *digit)
{
    if (c >= '0' && c <= '9') {
        *digit = (uint32_t)(c - '0');
    } else if (base == 16 && c >= 'a' && c <= 'f') {
        *digit = (uint32_t)(c - 'a') + 10;
    } else if (base == 16 && c >= 'A' && c <= 'F') {
        *digit = (uint32_t)(c - 'A') + 10;
    } else {
        return false;
    }
    return true;
}

/** Scans digits, up to the first character that is not a digit. */
static bool scan_digits(struct scanner *scanner, uint32_t base, uint64_t max, const char *what,
                        uint64_t *value)
{
    const char *begin = scanner->at;
    uint32_t digit = 0;
    uint64_t sum = 0;
    while (scanner->at < scanner->end && parse_digit(*scanner->at, base, &digit)) {
        if (sum > (max - digit) / base) {
            return reject_recording_line(scanner, "%s must be at most %" PRIu64, what, max);
        }
        sum = sum * base + digit;
        scanner->at++;
    }
    if (scanner->at == begin) {
        return reject_recording_line(scanner, "%s must be a whole number", what);
    }
    if (base == 10 && *begin == '0' && scanner->at - begin > 1) {
        return reject_recording_line(scanner, "%s must not begin with the digit 0", what);
    }
    *value = sum;
    return true;
}

static bool scan_number(struct scanner *scanner, uint64_t max, const char *what, uint64_t *value)
{
    skip_blanks(scanner);
    return scan_digits(scanner, 10, max, what, value);
}

/* ---- Values ---- */

static bool scan_hex(struct scanner *scanner, const struct key_rule *rule, uint64_t *value)
{
    if (!consume_required_character(scanner, '"', "before a hexadecimal number")) {
        return false;
    }
    if (scanner->end - scanner->at < 2 || scanner->at[0] != '0' || scanner->at[1] != 'x') {
        return reject_recording_line(scanner, "%s must be a text such as \"0x100000001\"",
                                     rule->name);
    }
    scanner->at += 2;
    return scan_digits(scanner, 16, rule->max, rule->name, value) &&
           consume_required_character(scanner, '"', "after a hexadecimal number");
}

static bool scan_pair(struct scanner *scanner, const struct key_rule *rule)
{
    uint64_t first = 0;
    uint64_t second = 0;
    if (!consume_required_character(scanner, '[', "before a pair") ||
        !scan_number(scanner, rule->max_first, rule->name, &first) ||
        !consume_required_character(scanner, ',', "inside a pair") ||
        !scan_number(scanner, rule->max, rule->name, &second) ||
        !consume_required_character(scanner, ']', "after a pair")) {
        return false;
    }
    if (second == 0) {
        return reject_recording_line(scanner, "%s holds an empty range at PFN %" PRIu64, rule->name,
                                     first);
    }
    add_number_pair(scanner->recording, first, second);
    return true;
}

static bool scan_tag(struct scanner *scanner, const struct key_rule *rule)
{
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!consume_required_character(scanner, '"', "before a tag") ||
        !scan_digits(scanner, 10, rule->max_first, "a tag", &tag) ||
        !consume_required_character(scanner, '"', "after a tag") ||
        !consume_required_character(scanner, ':', "after a tag") ||
        !scan_number(scanner, rule->max, "a tag's value", &value)) {
        return false;
    }
    add_number_pair(scanner->recording, tag, value);
    return true;
}

/** Scans a list of pairs or a map of tags; both may be empty. */
static bool scan_list(struct scanner *scanner, const struct key_rule *rule)
{
    const bool tags = rule->type == TYPE_TAGS;
    const char close = tags ? '}' : ']';
    const uint32_t before = scanner->recording->pair_count;
    if (!consume_required_character(scanner, tags ? '{' : '[', "before a list")) {
        return false;
    }
    if (consume_character_if_next(scanner, close)) {
        return true;
    }
    do {
        if (scanner->recording->pair_count - before == WIRE_PAIRS_MAX) {
            return reject_recording_line(scanner, "%s holds more than %u entries", rule->name,
                                         WIRE_PAIRS_MAX);
        }
        if (!(tags ? scan_tag(scanner, rule) : scan_pair(scanner, rule))) {
            return false;
        }
    } while (consume_character_if_next(scanner, ','));
    return consume_required_character(scanner, close, "after a list");
}

static bool scan_value(struct scanner *scanner, key which)
{
    const struct key_rule *rule = &keys[which];
    switch (rule->type) {
    case TYPE_NUMBER:
        return scan_number(scanner, rule->max, rule->name, &scanner->numbers[which]);
    case TYPE_HEX:
        return scan_hex(scanner, rule, &scanner->numbers[which]);
    case TYPE_NAME:
        return scan_text(scanner, scanner->names[which], "as a name");
    case TYPE_PAIRS:
    case TYPE_TAGS:
        return scan_list(scanner, rule);
    }
    return false;
}

/* ---- A line ---- */

static bool scan_member(struct scanner *scanner)
{
    char text[TEXT_BYTES];
    uint32_t which = 0;
    if (!scan_text(scanner, text, "as a key")) {
        return false;
    }
    while (which < KEY_COUNT && strcmp(keys[which].name, text) != 0) {
        which++;
    }
    if (which == KEY_COUNT) {
        return reject_recording_line(scanner, "unknown key \"%s\"", text);
    }
    if ((scanner->seen >> which & 1u) != 0) {
        return reject_recording_line(scanner, "key \"%s\" comes twice", text);
    }
    scanner->seen |= 1u << which;
    return consume_required_character(scanner, ':', "after a key") &&
           scan_value(scanner, (key)which);
}

/** Finds the kind of a line by its key `event` or `queue`. */
static bool find_line_kind(struct scanner *scanner, wire_kind *kind)
{
    const bool event = (scanner->seen >> KEY_EVENT & 1u) != 0;
    if (event == ((scanner->seen >> KEY_QUEUE & 1u) != 0)) {
        return reject_recording_line(scanner,
                                     "a line needs either \"event\" or \"queue\", and has %s",
                                     event ? "both" : "neither");
    }
    const key by = event ? KEY_EVENT : KEY_QUEUE;
    for (uint32_t i = 0; i < WIRE_KINDS; i++) {
        if (kinds[i].by == by && strcmp(kinds[i].name, scanner->names[by]) == 0) {
            *kind = (wire_kind)i;
            return true;
        }
    }
    return reject_recording_line(scanner, "unknown %s \"%s\"", keys[by].name, scanner->names[by]);
}

/** Checks that the line has exactly the keys of its kind. */
static bool check_line_keys(struct scanner *scanner, wire_kind kind)
{
    const struct kind_rule *rule = &kinds[kind];
    uint32_t wanted = 1u << KEY_T_US | 1u << rule->by | 1u << rule->value;
    if (rule->extra != KEY_COUNT) {
        wanted |= 1u << rule->extra;
    }
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        if (((wanted ^ scanner->seen) >> i & 1u) != 0) {
            return reject_recording_line(scanner,
                                         (wanted >> i & 1u) != 0
                                             ? "%s lacks the key \"%s\""
                                             : "%s must not have the key \"%s\"",
                                         rule->name, keys[i].name);
        }
    }
    return true;
}

static bool scan_line(struct scanner *scanner, bool again)
{
    struct wire_recording *recording = scanner->recording;
    struct wire_line line = {.again = again, .pair = recording->pair_count};
    scanner->seen = 0;
    memset(scanner->numbers, 0, sizeof scanner->numbers);
    if (!consume_required_character(scanner, '{', "at a line's begin")) {
        return false;
    }
    do {
        if (!scan_member(scanner)) {
            return false;
        }
    } while (consume_character_if_next(scanner, ','));
    if (!consume_required_character(scanner, '}', "at a line's end")) {
        return false;
    }
    skip_blanks(scanner);
    if (scanner->at != scanner->end) {
        return reject_recording_line(scanner,
                                     "text follows the JSON object: a line has exactly one object");
    }
    if (!find_line_kind(scanner, &line.kind) || !check_line_keys(scanner, line.kind)) {
        return false;
    }
    const struct kind_rule *rule = &kinds[line.kind];
    line.t_us = scanner->numbers[KEY_T_US];
    line.at_us = line.t_us;
    if (recording->line_count > 0 &&
        recording->lines[recording->line_count - 1].at_us > line.at_us) {
        line.at_us = recording->lines[recording->line_count - 1].at_us;
    }
    line.value = scanner->numbers[rule->value];
    line.extra = rule->extra != KEY_COUNT ? scanner->numbers[rule->extra] : 0;
    line.pair_count = recording->pair_count - line.pair;
    grow_line_array(recording);
    recording->lines[recording->line_count++] = line;
    return true;
}

static bool scan_all_lines(struct scanner *scanner, const char *bytes, size_t length)
{
    const char *at = bytes;
    const char *end = bytes + length;
    const char *last = NULL;
    size_t last_length = 0;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t line_length = (size_t)((stop != NULL ? stop : end) - at);
        scanner->number++;
        if (line_length > WIRE_LINE_BYTES_MAX) {
            return reject_recording_line(scanner, "the line has more than %u bytes",
                                         WIRE_LINE_BYTES_MAX);
        }
        if (scanner->number > WIRE_LINES_MAX) {
            return reject_recording_line(scanner, "the recording has more than %u lines",
                                         WIRE_LINES_MAX);
        }
        scanner->at = at;
        scanner->end = at + line_length;
        const bool again =
            last != NULL && last_length == line_length && memcmp(last, at, line_length) == 0;
        if (!scan_line(scanner, again)) {
            return false;
        }
        last = at;
        last_length = line_length;
        at += line_length + (stop != NULL ? 1 : 0);
    }
    return true;
}

bool wire_recording_parse(struct wire_recording *recording, struct arena *arena, const char *name,
                          const char *bytes, size_t length, char *error, size_t error_bytes)
{
    struct scanner scanner = {.recording = recording, .name = name, .error_bytes = error_bytes};
    scanner.error = error;
    memset(recording, 0, sizeof *recording);
    recording->arena = arena;
    bool good = false;
    if (length == 0 || length > WIRE_BYTES_MAX) {
        scanner.number = 1;
        good = length == 0 ? reject_recording_line(&scanner, "the recording is empty")
                           : reject_recording_line(&scanner, "the recording has more than %u bytes",
                                                   WIRE_BYTES_MAX);
    } else {
        good = scan_all_lines(&scanner, bytes, length);
    }
    if (!good) {
        wire_recording_free(recording);
    }
    return good;
}
