/* Names of the guest core's events and states, for messages and traces. */
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
#define BNT_X(name, text, meaning) [BNT_GUEST_##name] = (text),
        BNT_GUEST_STATE_MAP(BNT_X)
#undef BNT_X
    };
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}
