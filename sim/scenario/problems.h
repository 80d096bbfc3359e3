/*
 * Problems of a scenario: collected with their places, kept in order of place, written as
 * `FILE:LINE:COLUMN: error: ...` with the source line and a caret under it.
 *
 * Every part of the loader adds here and goes on; scenario_load turns the list into messages.
 */
#ifndef SIM_SCENARIO_PROBLEMS_H
#define SIM_SCENARIO_PROBLEMS_H

#include "sim/scenario/scenario.h"

#include <stddef.h>

/** Where something stands: a text (0 the file, n the nth override), from 1 line and code point. */
struct yaml_mark {
    uint32_t source;
    uint32_t line;
    uint32_t column;
};

/** A text that problems point into. */
struct problem_source {
    const char *label; /**< path, or `--set`: which one follows from its index */
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
    uint32_t total; /**< found, with those that did not fit */
    struct problem list[SCENARIO_ERRORS_MAX];
};

/** Bytes of a value that a message quotes at most. */
#define PROBLEM_QUOTE_BYTES 72

#if defined(__GNUC__)
#define PROBLEM_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define PROBLEM_PRINTF(text, first)
#endif

void problems_add_message(struct problems *problems, struct yaml_mark mark, const char *format, ...)
    PROBLEM_PRINTF(3, 4);

/** Hands the list over as messages; `errors` owns them. Leaves `problems` empty. */
void problems_move_to_errors(struct problems *problems, struct scenario_errors *errors);

/** Copies `text` in quotes, shortened, with what is not printable replaced. Returns `quote`. */
const char *problem_write_quote(char quote[PROBLEM_QUOTE_BYTES], const char *text, size_t bytes);

/** Line and column of a byte; lines end as libyaml ends them (CR, LF, CR LF, NEL, LS, PS). */
struct yaml_mark problem_find_mark(uint32_t source, const char *text, size_t bytes, size_t offset);

/** Bytes of the code point at `text`, 1 to 4, never beyond `bytes`; 1 for what is not UTF-8. */
size_t problem_count_code_bytes(const char *text, size_t bytes);

/** Bytes of the line break at `text`, 0 if there is none. */
size_t problem_count_break_bytes(const char *text, size_t bytes);

#endif
