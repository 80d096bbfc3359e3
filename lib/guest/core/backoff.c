/*
 * Back-offs: each wait is twice as long as the last one, up to a bound. The floors above decide
 * which failure starts a back-off.
 */
#include "lib/guest/core/core.h"

#include <string.h>

/* Starts a wait twice as long as the last one, and returns its length. */
uint64_t bnti_guest_backoff_double_wait(struct bnt_guest *guest, struct bnti_guest_backoff *backoff)
{
    const uint64_t doubled = bnti_guest_add_time(backoff->level_ns, backoff->level_ns);
    backoff->level_ns = backoff->level_ns == 0
                            ? guest->config.sizing.retry_min_ns
                            : bnti_guest_min(doubled, guest->config.sizing.retry_max_ns);
    backoff->until_ns = bnti_guest_add_time(guest->now_ns, backoff->level_ns);
    backoff->not_needed = false;
    backoff->refused = false;
    return backoff->level_ns;
}

/*
 * Notes why the back-off began: the device answered NOT_NEEDED, or refused pages up to the bound.
 */
void bnti_guest_backoff_note_cause(struct bnti_guest_backoff *backoff, bool not_needed,
                                   bool refused)
{
    backoff->not_needed = backoff->not_needed || not_needed;
    backoff->refused = backoff->refused || refused;
}

/* Ends the wait at once. The next wait is nevertheless twice as long as this one. */
void bnti_guest_backoff_end_wait(struct bnti_guest_backoff *backoff)
{
    backoff->until_ns = 0;
}

/* After a success, the next wait is the shortest wait again. */
void bnti_guest_backoff_reset_level(struct bnti_guest_backoff *backoff)
{
    backoff->level_ns = 0;
}

void bnti_guest_backoff_clear(struct bnti_guest_backoff *backoff)
{
    memset(backoff, 0, sizeof *backoff);
}
