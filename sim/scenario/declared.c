/*
 * What a personality declares: its name in the results of conformance, and the clauses that it or
 * one of its quirks violates (personalities.c, ballonet/personality.h).
 */
#include "sim/scenario/keys.h"

#include <ballonet/personality.h>

#include <stdio.h>
#include <string.h>

static const char *const driver_quirk_clauses[] = {
#define X(name, bit, text, clauses, sentence) [bit] = clauses,
    BNT_GUEST_QUIRK_MAP(X)
#undef X
};

static const char *const device_quirk_clauses[] = {
#define X(name, bit, text, clauses, sentence) [bit] = clauses,
    BNT_HOST_QUIRK_MAP(X)
#undef X
};

/** Whether a list of clauses, such as "BD-1 VG-24" or "BD-1, VG-24", contains a given clause. */
static bool is_name_listed(const char *clauses, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = clauses; (at = strstr(at, name)) != NULL; at += length) {
        if (at[length] < '0' || at[length] > '9') {
            return true;
        }
    }
    return false;
}

bool scenario_is_clause_declared(bool driver, uint32_t personality, uint32_t quirks,
                                 const char *clause)
{
    const char *const *table = driver ? driver_quirk_clauses : device_quirk_clauses;
    const size_t count = driver ? sizeof driver_quirk_clauses / sizeof driver_quirk_clauses[0]
                                : sizeof device_quirk_clauses / sizeof device_quirk_clauses[0];
    const struct personality *row = driver ? driver_personalities : device_personalities;
    if (is_name_listed(row[personality].clauses, clause)) {
        return true;
    }
    for (size_t bit = 0; bit < count; bit++) {
        if ((quirks >> bit & 1) != 0 && table[bit] != NULL && is_name_listed(table[bit], clause)) {
            return true;
        }
    }
    return false;
}

void scenario_write_personality_name(bool driver, uint32_t personality, uint32_t quirks, char *name,
                                     size_t name_bytes)
{
    const struct personality *row = driver ? driver_personalities : device_personalities;
    const struct choice *choices = driver ? driver_quirk_choices : device_quirk_choices;
    (void)snprintf(name, name_bytes, "%s", row[personality].name);
    for (size_t i = 0; personality == 0 && choices[i].name != NULL; i++) {
        const size_t length = strlen(name);
        if ((quirks & choices[i].value) != 0) {
            (void)snprintf(name + length, name_bytes - length, " with %s", choices[i].name);
        }
    }
}
