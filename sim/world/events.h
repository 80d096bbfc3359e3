/*
 * Every event of the world: what the engine's kinds mean. One table for traces, messages and docs.
 */
#ifndef SIM_WORLD_EVENTS_H
#define SIM_WORLD_EVENTS_H

#include <stdint.h>

/* clang-format off */
/** name in code, name in messages, priority (lower first at one time), what `a` is. */
#define WORLD_EVENT_MAP(X)                                                                         \
    X(PHASE,        "phase",            0, "phase")                                                \
    X(ATTACH,       "attach",           0, "")                                                     \
    X(ACTION,       "action",           1, "action")                                               \
    X(LIFECYCLE,    "lifecycle",        1, "step")                                                 \
    X(KICK,         "kick",             2, "queue")                                                \
    X(INTERRUPT,    "interrupt",        2, "queue")                                                \
    X(CONFIG,       "config-interrupt", 2, "")                                                     \
    X(HOST_STEP,    "host-step",        3, "")                                                     \
    X(GUEST_STEP,   "guest-step",       4, "")                                                     \
    X(WORKLOAD,     "workload",         5, "workload")                                             \
    X(RECLAIM,      "reclaim",          5, "")                                                     \
    X(OOM_DEADLINE, "oom-deadline",     5, "")                                                     \
    X(ALLOC,        "alloc",            5, "")                                                     \
    X(PRESSURE_END, "pressure-end",     5, "action")                                               \
    X(WIRE,         "wire",             6, "line of the recording")                                \
    X(EXPECT,       "expect",           7, "expectation")                                          \
    X(END,          "end",              8, "")                                                     \
    X(MIGRATION,    "migration",        5, "round")
/* clang-format on */

typedef enum world_event {
    WORLD_EVENT_NONE = 0,
#define X(name, text, priority, a) WORLD_EVENT_##name,
    WORLD_EVENT_MAP(X)
#undef X
    WORLD_EVENT_COUNT
} world_event;

/** "host-step" and so on; "unknown" for what is none. */
const char *world_event_name(uint16_t kind);
/** What the event's `a` counts; "" if nothing. */
const char *world_event_operand(uint16_t kind);

#endif
