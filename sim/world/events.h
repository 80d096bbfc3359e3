/*
 * The events of the world, which are the kinds of events that the engine handles. One table gives
 * the order of events that have the same time, and their names in traces, messages and documents.
 */
#ifndef SIM_WORLD_EVENTS_H
#define SIM_WORLD_EVENTS_H

#include <stdint.h>

/* clang-format off */
/** X(name in code, name in messages, priority (the lower goes first at the same time), meaning of
 * `a`) */
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

/** The priority of the last event of a migration. If other events have the same time, the VM
 * arrives at the other host before they happen. */
#define WORLD_PRIORITY_SWITCH_OVER 0u

/** Returns the name of an event, such as "host-step"; "unknown" if no event has this number. */
const char *world_get_event_name(uint16_t kind);
/** Returns what the event's `a` means, such as "queue"; "" if it has no meaning. */
const char *world_get_event_operand(uint16_t kind);
uint8_t world_get_event_priority(world_event kind);

struct world;
/** Schedules an event of a VM with the priority of its kind. Returns the event's sequence number,
 * for engine_cancel_event. */
uint64_t world_schedule_event(struct world *world, uint64_t time_ns, world_event kind, uint32_t vm,
                              uint64_t a, uint64_t b);

#endif
