/*
 * Suggests a name for a wrong one: the most similar of several names, by the edit distance with
 * transpositions.
 *
 * A name is similar enough if only one letter differs, or at most a third of the letters. So
 * `memory` is suggested for `memroy`, and nothing for `foo`. Names that were renamed are looked up
 * first.
 */
#include "sim/scenario/renamed.h"
#include "sim/scenario/values.h"

#include <stdio.h>
#include <string.h>

#define SUGGEST_BYTES 40u

static unsigned get_smaller_number(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static char suggest_normalise_character(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return "abcdefghijklmnopqrstuvwxyz"[c - 'A'];
    }
    if (c == '-') {
        return '_';
    }
    return c;
}

static unsigned compute_edit_distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    unsigned rows[3][SUGGEST_BYTES + 1];
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *now = rows[2];
    for (size_t j = 0; j <= b_bytes; j++) {
        last[j] = (unsigned)j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_bytes; j++) {
            const char x = suggest_normalise_character(a[i - 1]);
            const char y = suggest_normalise_character(b[j - 1]);
            now[j] = get_smaller_number(get_smaller_number(last[j] + 1, now[j - 1] + 1),
                                        last[j - 1] + (x == y ? 0u : 1u));
            if (i > 1 && j > 1 && x == suggest_normalise_character(b[j - 2]) &&
                suggest_normalise_character(a[i - 2]) == y) {
                now[j] = get_smaller_number(now[j], before[j - 2] + 1);
            }
        }
        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_bytes];
}

const char *suggest_nearest_name(const char *text,
                                 const char *(*name)(const void *names, uint32_t index),
                                 const void *names)
{
    const size_t bytes = strlen(text);
    const char *best = NULL;
    unsigned best_distance = UINT32_MAX;
    if (bytes > SUGGEST_BYTES) {
        return NULL;
    }
    for (uint32_t i = 0; name(names, i) != NULL; i++) {
        const char *candidate = name(names, i);
        const size_t length = strlen(candidate);
        if (length > SUGGEST_BYTES) {
            continue;
        }
        const unsigned distance = compute_edit_distance(text, bytes, candidate, length);
        const unsigned allowed = length < 3 ? 1u : (unsigned)(length + 2) / 3;
        if (distance <= allowed && distance < length && distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

static const char *get_nth_choice_name(const void *choices, uint32_t index)
{
    return ((const struct choice *)choices)[index].name;
}

const char *suggest_choice(const struct choice *choices, const char *label, const char *text)
{
    const char *renamed = renamed_find_new_name(RENAMED_CHOICE, label, text);
    return renamed != NULL && choice_find_by_name(choices, renamed) != NULL
               ? renamed
               : suggest_nearest_name(text, get_nth_choice_name, choices);
}

const char *choices_write_names(const struct choice *choices, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const struct choice *c = choices; c->name != NULL; c++) {
        const char *join = c == choices ? "" : c[1].name == NULL ? " or " : ", ";
        const int n = snprintf(out + used, size - used, "%s%s", join, c->name);
        if (n < 0 || (size_t)n >= size - used) {
            break;
        }
        used += (size_t)n;
    }
    return out;
}
