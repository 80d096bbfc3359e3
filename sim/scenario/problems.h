/*
 * The problems of a scenario are collected and sorted by line and column. They are written as
 * `FILE:LINE:COLUMN: error: ...` with the source line and a caret.
 *
 * Every part of the loader adds its problems to this list and continues; scenario_load turns the
 * list into messages.
 */
#ifndef SIM_SCENARIO_PROBLEMS_H
#define SIM_SCENARIO_PROBLEMS_H

#include "sim/scenario/scenario.h"

#include <stddef.h>

/** A position in a text: the source (0 for the file, n for the nth override), and the line and the
 * column in code points, both from 1. */
struct yaml_mark {
    uint32_t source;
    uint32_t line;
    uint32_t column;
};

/** A text in which problems can be: the file or an override. */
struct problem_source {
    const char *label; /**< the path of the file, or `--set` for an override */
    const char *text;
    size_t bytes;
};

struct problem {
    struct yaml_mark mark;
    char *text;
};

struct problems {
    struct arena *arena;
    const struct problem_source *sources;
    uint32_t source_count;
    uint32_t count;
    uint32_t total; /**< number of problems that were found, including those that did not fit */
    struct problem list[SCENARIO_ERRORS_MAX];
};

/** The most bytes of a value that a message quotes. */
#define PROBLEM_QUOTE_BYTES 72

#if defined(__GNUC__)
#define PROBLEM_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define PROBLEM_PRINTF(text, first)
#endif

void problems_add_message(struct problems *problems, struct yaml_mark mark, const char *format, ...)
    PROBLEM_PRINTF(3, 4);

/** Turns the list into messages and moves them to `errors`, which then owns them. Leaves `problems`
 * empty. */
void problems_move_to_errors(struct problems *problems, struct scenario_errors *errors);

/** Copies `text` in quotation marks. The copy is shortened if necessary, and unprintable characters
 * are replaced. Returns `quote`. */
const char *problem_write_quote(char quote[PROBLEM_QUOTE_BYTES], const char *text, size_t bytes);

/** Finds the line and column of a byte. The ends of lines are the same as in libyaml (CR, LF, CR
 * LF, NEL, LS, PS). */
struct yaml_mark problem_find_mark(uint32_t source, const char *text, size_t bytes, size_t offset);

/** Returns the number of bytes of the code point at `text`, which is 1 to 4 and at most `bytes`. If
 * the text is not UTF-8, returns 1. */
size_t problem_count_code_bytes(const char *text, size_t bytes);

/** The number of bytes of the line break at `text`, or 0 if there is none. */
size_t problem_count_break_bytes(const char *text, size_t bytes);

#endif
