/* Names of what the guest core tells, for messages and traces. */
#include <ballonet/guest.h>

const char *bnt_guest_event_name(uint32_t kind)
{
    static const char *const names[BNT_GUEST_EVENT_COUNT] = {
#define BNT_X(name, text, meaning) [BNT_GUEST_EVENT_##name] = (text),
        BNT_GUEST_EVENT_MAP(BNT_X)
#undef BNT_X
    };
    return kind < BNT_GUEST_EVENT_COUNT ? names[kind] : "unknown";
}

const char *bnt_guest_state_name(uint32_t state)
{
    static const char *const names[] = {
        [BNT_GUEST_DOWN] = "down",
        [BNT_GUEST_STARTING] = "starting",
        [BNT_GUEST_RUNNING] = "running",
        [BNT_GUEST_RELEASING] = "releasing",
        [BNT_GUEST_BROKEN] = "broken",
        [BNT_GUEST_STOPPING] = "stopping",
        [BNT_GUEST_RECOVERING] = "recovering",
        [BNT_GUEST_SUSPENDING] = "suspending",
        [BNT_GUEST_SUSPENDED] = "suspended",
        [BNT_GUEST_RESUMING] = "resuming",
    };
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}
