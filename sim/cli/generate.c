/*
 * The verb `generate` prints the scenario of a seed: the same text that `run --generated` runs.
 */
#include "sim/cli/cli.h"

#include "sim/explore/explore.h"

#include <stdio.h>

int run_verb_generate(const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct explore_profile *profile = NULL;
    int status = VERDICT_PASS;
    if (options->profile != NULL) {
        profile = explore_profile_load(arena, options->profile, NULL, 0, stderr);
        status = profile != NULL ? VERDICT_PASS : VERDICT_USAGE;
    }
    const uint64_t first = options->has_seed ? options->seed : 1;
    if (status == VERDICT_PASS) {
        struct explore_text text = explore_generate_scenario(arena, first, profile, NULL);
        (void)fwrite(text.text, 1, text.bytes, stdout);
        explore_text_free(arena, &text);
    }
    explore_profile_free(arena, profile);
    (void)arena_close(arena);
    return status;
}
