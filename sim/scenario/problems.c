/*
 * Keeps problems, sorted by their line and column, and writes them as messages.
 *
 * The first SCENARIO_ERRORS_MAX problems of the file are kept, even if later ones were found first,
 * since a late check can find a problem at the beginning of the file. Two problems with the same
 * line and column stay in the order in which they were found.
 */
#include "sim/scenario/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROBLEM_TEXT_BYTES 1024
#define MESSAGE_FORM       "%s%s: error: %s%s"
/** The most code points of the source line that a message shows. */
#define PROBLEM_LINE_COLUMNS 120
/** How many code points before the caret a message shows if the line is longer. */
#define PROBLEM_LINE_BEFORE 60

static char *copy_message_text(struct arena *arena, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = arena_alloc(arena, bytes);
    memcpy(copy, text, bytes);
    return copy;
}

static bool is_mark_before(struct yaml_mark a, struct yaml_mark b)
{
    if (a.source != b.source) {
        return a.source < b.source;
    }
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

void problems_add_message(struct problems *problems, struct yaml_mark mark, const char *format, ...)
{
    char text[PROBLEM_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    problems->total++;
    uint32_t at = problems->count;
    while (at > 0 && is_mark_before(mark, problems->list[at - 1].mark)) {
        at--;
    }
    if (at == SCENARIO_ERRORS_MAX) {
        return;
    }
    if (problems->count == SCENARIO_ERRORS_MAX) {
        char *last = problems->list[--problems->count].text;
        arena_free(problems->arena, last, strlen(last) + 1);
    }
    memmove(&problems->list[at + 1], &problems->list[at],
            (problems->count - at) * sizeof problems->list[0]);
    problems->list[at].mark = mark;
    problems->list[at].text = copy_message_text(problems->arena, text);
    problems->count++;
}

size_t problem_count_code_bytes(const char *text, size_t bytes)
{
    const unsigned char lead = (unsigned char)text[0];
    const size_t length = lead < 0xC0 ? 1u : lead < 0xE0 ? 2u : lead < 0xF0 ? 3u : 4u;
    if (length > bytes) {
        return 1;
    }
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) {
            return 1;
        }
    }
    return length;
}

size_t problem_count_break_bytes(const char *text, size_t bytes)
{
    if (bytes == 0) {
        return 0;
    }
    if (text[0] == '\n') {
        return 1;
    }
    if (text[0] == '\r') {
        return bytes > 1 && text[1] == '\n' ? 2 : 1;
    }
    if (bytes >= 2 && memcmp(text, "\xC2\x85", 2) == 0) {
        return 2;
    }
    if (bytes >= 3 &&
        (memcmp(text, "\xE2\x80\xA8", 3) == 0 || memcmp(text, "\xE2\x80\xA9", 3) == 0)) {
        return 3;
    }
    return 0;
}

struct yaml_mark problem_find_mark(uint32_t source, const char *text, size_t bytes, size_t offset)
{
    struct yaml_mark mark = {source, 1, 1};
    for (size_t i = 0; i < offset && i < bytes;) {
        const size_t line_break = problem_count_break_bytes(text + i, bytes - i);
        if (line_break > 0) {
            mark.line++;
            mark.column = 1;
            i += line_break;
        } else {
            mark.column++;
            i += problem_count_code_bytes(text + i, bytes - i);
        }
    }
    return mark;
}

static bool is_code_printable(const char *text, size_t bytes)
{
    const unsigned char c = (unsigned char)text[0];
    if (bytes > 1) {
        return c != 0xC2 || (unsigned char)text[1] >= 0xA0;
    }
    return c >= 0x20 && c < 0x7F;
}

const char *problem_write_quote(char quote[PROBLEM_QUOTE_BYTES], const char *text, size_t bytes)
{
    const size_t room = PROBLEM_QUOTE_BYTES - 6; /* room for two quotation marks, three dots and the
                                                    final NUL */
    size_t used = 0;
    size_t i = 0;
    quote[used++] = '\'';
    while (i < bytes) {
        const size_t code = problem_count_code_bytes(text + i, bytes - i);
        if (used + code > room) {
            break;
        }
        if (is_code_printable(text + i, code)) {
            memcpy(quote + used, text + i, code);
            used += code;
        } else {
            quote[used++] = text[i] == '\n' ? ' ' : '?';
        }
        i += code;
    }
    if (i < bytes) {
        memcpy(quote + used, "...", 3);
        used += 3;
    }
    quote[used++] = '\'';
    quote[used] = '\0';
    return quote;
}

/* Writes the part of the source line that is around the mark, and a caret below the mark. */
static void write_source_excerpt(const struct problem_source *source, struct yaml_mark mark,
                                 char *out, size_t size)
{
    const char *text = source->text;
    size_t left = source->bytes;
    for (uint32_t line = 1; line < mark.line && left > 0;) {
        const size_t line_break = problem_count_break_bytes(text, left);
        const size_t step = line_break > 0 ? line_break : 1;
        line += line_break > 0 ? 1 : 0;
        text += step;
        left -= step;
    }
    const uint32_t skip =
        mark.column > PROBLEM_LINE_COLUMNS ? mark.column - PROBLEM_LINE_BEFORE : 0;
    uint32_t column = 1;
    size_t used = (size_t)snprintf(out, size, "\n    %s", skip > 0 ? "..." : "");
    while (left > 0 && column < skip + PROBLEM_LINE_COLUMNS && used + 8 < size) {
        if (problem_count_break_bytes(text, left) > 0) {
            break;
        }
        const size_t code = problem_count_code_bytes(text, left);
        if (column > skip) {
            const bool printable = is_code_printable(text, code);
            const char blank = text[0] == '\t' ? ' ' : '?';
            memcpy(out + used, printable ? text : &blank, printable ? code : 1);
            used += printable ? code : 1;
        }
        column++;
        text += code;
        left -= code;
    }
    while (used > 0 && out[used - 1] == ' ') {
        used--;
    }
    const int indent = (int)(mark.column - skip - 1) + (skip > 0 ? 3 : 0);
    snprintf(out + used, size - used, "\n    %*s^", indent, "");
}

static char *write_problem_message(struct problems *problems, const struct problem *problem)
{
    const struct problem_source *source = &problems->sources[problem->mark.source];
    char place[48];
    if (problem->mark.source == 0) {
        snprintf(place, sizeof place, ":%lu:%lu", (unsigned long)problem->mark.line,
                 (unsigned long)problem->mark.column);
    } else {
        snprintf(place, sizeof place, " %lu:%lu", (unsigned long)problem->mark.source,
                 (unsigned long)problem->mark.column);
    }
    char excerpt[4 * PROBLEM_LINE_COLUMNS + 4 * PROBLEM_LINE_COLUMNS];
    excerpt[0] = '\0';
    if (source->bytes > 0) {
        write_source_excerpt(source, problem->mark, excerpt, sizeof excerpt);
    }
    const int length =
        snprintf(NULL, 0, MESSAGE_FORM, source->label, place, problem->text, excerpt);
    char *message = arena_alloc(problems->arena, (size_t)length + 1);
    snprintf(message, (size_t)length + 1, MESSAGE_FORM, source->label, place, problem->text,
             excerpt);
    return message;
}

void problems_move_to_errors(struct problems *problems, struct scenario_errors *errors)
{
    errors->arena = problems->arena;
    errors->count = 0;
    errors->more = problems->total > problems->count;
    errors->messages = NULL;
    if (problems->count == 0) {
        return;
    }
    errors->messages = arena_alloc_zeroed(problems->arena, SCENARIO_ERRORS_MAX * sizeof(char *));
    for (uint32_t i = 0; i < problems->count; i++) {
        struct problem *problem = &problems->list[i];
        errors->messages[errors->count++] = write_problem_message(problems, problem);
        arena_free(problems->arena, problem->text, strlen(problem->text) + 1);
    }
    problems->count = 0;
}

void scenario_set_error(struct scenario_errors *errors, const struct scenario *scenario,
                        struct place place, const char *text)
{
    const bool marked = scenario->text_bytes >= 3 && memcmp(scenario->text, "\xEF\xBB\xBF", 3) == 0;
    const size_t skip = marked ? 3 : 0;
    const struct problem_source source = {scenario->path, scenario->text + skip,
                                          scenario->text_bytes - skip};
    struct problems problems = {.arena = errors->arena, .sources = &source, .source_count = 1};
    const struct yaml_mark mark = {0, place.line, place.column};
    problems_add_message(&problems, mark, "%s", text);
    problems_move_to_errors(&problems, errors);
}

void scenario_free_errors(struct scenario_errors *errors)
{
    for (uint32_t i = 0; i < errors->count; i++) {
        arena_free(errors->arena, errors->messages[i], strlen(errors->messages[i]) + 1);
    }
    if (errors->messages != NULL) {
        arena_free(errors->arena, errors->messages, SCENARIO_ERRORS_MAX * sizeof(char *));
    }
    errors->messages = NULL;
    errors->count = 0;
}
