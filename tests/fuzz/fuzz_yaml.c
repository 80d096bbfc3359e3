/*
 * Any bytes as a scenario: errors or a struct, never a crash, a hang or a leak.
 *
 * Bytes before the first NUL, if the file begins with one, are overrides, one a line; the rest is
 * the file: `\0KEY=VALUE\n...\0FILE`. Without a leading NUL all of it is the file.
 */
#include "sim/scenario/scenario.h"
#include "tests/support/check.h"

#include <string.h>

#define OVERRIDES_MAX  4
#define OVERRIDE_BYTES 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes overrides off the front; returns the bytes taken. */
static size_t overrides_take(const char *text, size_t bytes,
                             char lines[OVERRIDES_MAX][OVERRIDE_BYTES],
                             struct scenario_override *overrides, uint32_t *count)
{
    size_t at = 1;
    while (at < bytes && text[at] != '\0' && *count < OVERRIDES_MAX) {
        size_t used = 0;
        while (at < bytes && text[at] != '\0' && text[at] != '\n') {
            if (used + 1 < OVERRIDE_BYTES) {
                lines[*count][used++] = text[at];
            }
            at++;
        }
        lines[*count][used] = '\0';
        overrides[*count].text = lines[*count];
        (*count)++;
        at += at < bytes && text[at] == '\n' ? 1 : 0;
    }
    return at < bytes ? at + 1 : bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char lines[OVERRIDES_MAX][OVERRIDE_BYTES];
    struct scenario_override overrides[OVERRIDES_MAX];
    struct scenario_errors errors;
    const char *text = size > 0 ? (const char *)data : "";
    uint32_t count = 0;
    size_t taken = 0;
    if (size > 0 && text[0] == '\0') {
        taken = overrides_take(text, size, lines, overrides, &count);
    }
    struct arena *arena = arena_open(0xA5);
    struct scenario *scenario =
        scenario_load(arena, "fuzz.yaml", text + taken, size - taken, overrides, count, &errors);
    CHECK((scenario == NULL) == (errors.count > 0));
    CHECK(errors.count <= SCENARIO_ERRORS_MAX);
    if (scenario != NULL) {
        CHECK(scenario->vm_count > 0 && scenario->phase_count > 0);
        scenario_compute_digest(scenario);
    }
    scenario_free(arena, scenario);
    scenario_free_errors(&errors);
    CHECK(arena_close(arena) == 0);
    return 0;
}
