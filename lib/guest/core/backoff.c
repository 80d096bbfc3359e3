/*
 * Back-offs: each wait is twice the last one, up to a bound. Which failure raises one is for the
 * floors above to say.
 */
#include "lib/guest/core/core.h"

#include <string.h>

/* Waits longer than the last time; returns how long. */
uint64_t bnti_guest_backoff_double_wait(struct bnt_guest *guest, struct bnti_guest_backoff *backoff)
{
    const uint64_t doubled = bnti_guest_add_time(backoff->level_ns, backoff->level_ns);
    backoff->level_ns = backoff->level_ns == 0
                            ? guest->config.retry_min_ns
                            : bnti_guest_min(doubled, guest->config.retry_max_ns);
    backoff->until_ns = bnti_guest_add_time(guest->now_ns, backoff->level_ns);
    backoff->not_needed = false;
    backoff->refused = false;
    return backoff->level_ns;
}

/* Why it was raised: pages that were not needed, or refusals up to the bound. */
void bnti_guest_backoff_note_cause(struct bnti_guest_backoff *backoff, bool not_needed,
                                   bool refused)
{
    backoff->not_needed = backoff->not_needed || not_needed;
    backoff->refused = backoff->refused || refused;
}

/* The wait ends at once; the next one is longer still. */
void bnti_guest_backoff_end_wait(struct bnti_guest_backoff *backoff)
{
    backoff->until_ns = 0;
}

/* A success: the next wait is the shortest again. */
void bnti_guest_backoff_reset_level(struct bnti_guest_backoff *backoff)
{
    backoff->level_ns = 0;
}

void bnti_guest_backoff_clear(struct bnti_guest_backoff *backoff)
{
    memset(backoff, 0, sizeof *backoff);
}
