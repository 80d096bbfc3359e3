/*
 * What happens in a world, told once: an observation goes to the observers that want its kind.
 *
 * Who sees something happen makes an OBSERVE and knows no observer. An observer is a row of
 * functions, one for each kind that it wants. One that is switched off is not in the list of a
 * world, and costs nothing. The observers of a kind are called in the order of the list.
 */
#ifndef SIM_WORLD_OBSERVATION_H
#define SIM_WORLD_OBSERVATION_H

#include <ballonet/guest.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

struct oracle_call;
struct queue_place;
struct vm;

/* clang-format off */
/** X(kind, what happened and which fields say more) */
#define OBSERVATION_MAP(X)                                                                         \
    /* The driver at the registers of its device. WRITING comes before the device sees it. */      \
    X(FEATURES_READ,     "value: the features offered")                                            \
    X(FEATURES_WRITING,  "value: the features accepted")                                           \
    X(STATUS_READ,       "value")                                                                  \
    X(STATUS_WRITING,    "value")                                                                  \
    X(STATUS_WRITTEN,    "value, other: what the device shows now")                                \
    X(GENERATION_READ,   "value")                                                                  \
    X(CONFIG_READ,       "at: the offset, data, count: bytes")                                     \
    X(CONFIG_WRITING,    "at: the offset, data, count: bytes")                                     \
    X(ACTUAL_WRITTEN,    "value: PFNs")                                                            \
    X(QUEUE_ENABLING,    "queue, value: its role, place")                                          \
    X(QUEUE_RESETTING,   "queue")                                                                  \
    X(QUEUE_RESET,       "value: the role of the queue")                                           \
    X(QUEUE_RESET_READ,  "queue, value")                                                           \
    X(DRIVER_RESET,      "the driver has reset its device")                                        \
    X(DEVICE_FORGOT,     "the device was reset by nobody that the driver knows of")                \
    /* Notifications. */                                                                           \
    X(KICKED,            "queue")                                                                  \
    X(KICKED_WITH_DATA,  "value: the data")                                                        \
    X(INTERRUPTED,       "queue")                                                                  \
    X(CONFIG_INTERRUPTED, "the device says that its configuration changed")                        \
    X(DOORBELL_RUNG,     "value: the context, other: the resource")                                \
    X(KICK_ARRIVED,      "queue")                                                                  \
    X(INTERRUPT_ARRIVED, "queue")                                                                  \
    X(CONFIG_ARRIVED,    "the driver's side has the configuration interrupt")                      \
    X(CALLED,            "call, value: the first argument")                                        \
    /* The device in the guest's memory. */                                                        \
    X(DEVICE_READS,      "at: a GPA, count: bytes")                                                \
    X(DEVICE_WROTE,      "at: a GPA, count: bytes")                                                \
    X(DISCARDED,         "at: the first PFN, value: PFNs")                                         \
    X(FILLED,            "at: the first PFN, value: PFNs, other: what each le32 reads as")         \
    X(REPORTED,          "at: the first PFN, value: PFNs")                                         \
    X(HINTED,            "at: the first PFN, value: PFNs")                                         \
    /* What the cores say of themselves. */                                                        \
    X(GUEST_EVENT,       "guest_event")                                                            \
    X(GUEST_REQUEST,     "guest_request, value: the features that it is judged by")                \
    X(GUEST_HINT,        "guest_hint")                                                             \
    X(HOST_EVENT,        "host_event")                                                             \
    X(HOST_REQUEST,      "host_request")                                                           \
    X(TARGET_SET,        "value: the target's id, flag: by a script or a recording")               \
    X(LEAVING,           "the driver detaches and must tell; flag: in an orderly way")             \
    X(EMPTYING,          "flag: the balloon is to become empty, whatever the target")              \
    /* The guest's pages. */                                                                       \
    X(PAGES_MOVED,       "pages, count, value: their use before, other: their use now")            \
    X(PAGES_SHORT,       "the driver got less pages than it wanted")                               \
    X(PAGES_FILLING,     "value: what each le32 of them is to hold")                               \
    X(PAGES_FILLED,      "pages, count")                                                           \
    X(PAGES_INITIALISED, "pages, count: the device says so")                                       \
    X(PAGE_INITIALISED,  "at: a PFN, value: what it must hold, other: what it holds")              \
    X(PAGES_COMING,      "count: of an allocation that waited")                                    \
    X(PAGES_CAME,        "the driver has them")                                                    \
    X(PAGES_WAITED_FOR,  "an allocation waits")                                                    \
    X(PAGE_TOUCHED,      "at: a PFN, flag: write")                                                 \
    X(PAGE_DIFFERS,      "at: a PFN, value: what it must hold, other: what it holds, flag: write") \
    X(PAGE_MOVING,       "at: from, value: to, flag: it begins")                                   \
    X(REPORT_TAKEN,      "pages: first PFNs of blocks, count")                                     \
    X(REPORT_DONE,       "count: of blocks")                                                       \
    X(WORKING_SET,       "bins, count")                                                            \
    X(HINT_BLOCK_TAKEN,  "value: the first PFN, or BNT_NEVER")                                     \
    X(HINT_RETURNED,     "pages, count, flag: they are initialised")                               \
    X(HINTS_SHRUNK,      "value: PFNs freed")                                                      \
    X(HINTS_OVER,        "the device has said that no hint holds any more")                        \
    X(WORKLOAD_TICKED,   "value: bytes present, other: bytes of cache")                            \
    X(RECLAIMED,         "value: pages")                                                           \
    X(OOM_DEFLATED,      "value: PFNs freed, other: PFNs pending")                                 \
    X(OOM_KILLED,        "a workload was killed")                                                  \
    /* The life of a machine. */                                                                   \
    X(DEVICE_SAVED,      "value: bytes of state")                                                  \
    X(DEVICE_RESTORED,   "another instance goes on from that state")                               \
    X(DEVICE_GONE,       "it was taken out; the guest does not know")                              \
    X(DEVICE_NEW,        "it was powered on")                                                      \
    X(HIBERNATED,        "the guest begins to hibernate")                                          \
    X(KERNEL_ENDED,      "another kernel starts over the head of this one")                        \
    X(KERNEL_STARTED,    "its memory and driver are made")                                         \
    X(COMPACTED,         "flag: a page was moved, else it was not")                                \
    X(MEMORY_ADDED,      "value: bytes")                                                           \
    X(MIGRATE_STARTED,   "a migration starts")                                                     \
    X(MIGRATE_ROUND,     "a round starts")                                                         \
    X(MIGRATE_SENT,      "value: bytes, other: the cursor")                                        \
    X(MIGRATE_SWITCHING, "the VM is paused for the switch-over")                                   \
    X(MIGRATE_ARRIVED,   "at: a PFN, value: what it held, other: what it holds at the destination")\
    X(MIGRATE_COUNTED,   "value: PFNs sent, other: PFNs left out by hints")                        \
    X(MIGRATE_DONE,      "the VM goes on at the destination")                                      \
    X(MIGRATE_CANCELLED, "the VM stays")                                                           \
    X(PAUSING,           "value: until when; the VM is paused")                                    \
    X(PAUSED,            "an event of the VM waits until it goes on")                              \
    /* Steps. */                                                                                   \
    X(STEPPING,          "flag: the device steps, else the driver")                                \
    X(DRIVER_STALLED,    "value: until when")                                                      \
    X(STALL_ENDING,      "value: now; the driver was stalled until here")                          \
    /* Faults. */                                                                                  \
    X(FAULT_STARTED,     "value: whose invariants it breaks, other: whose clauses, flag: a secret")\
    X(FAULT_ENDED,       "what is left of them ended with a reset of the device")                  \
    X(RING_SPOILED,      "queue")                                                                  \
    X(PAGE_MEDDLED,      "value: a PFN that the guest touched, or the host lost")
/* clang-format on */

typedef enum observation_kind {
#define X(kind, fields) OBSERVED_##kind,
    OBSERVATION_MAP(X)
#undef X
    OBSERVED_COUNT
} observation_kind;

/** What a kind does not name is 0. */
struct observation {
    observation_kind kind;
    uint32_t count;
    uint16_t queue;
    bool flag;
    uint64_t at;
    uint64_t value;
    uint64_t other;
    union {
        const uint64_t *pages;
        const void *data;
        const struct bnt_ws_bin *bins;
        const struct queue_place *place;
        const struct oracle_call *call;
        const struct bnt_guest_event *guest_event;
        const struct bnt_guest_request *guest_request;
        const struct bnt_guest_hint *guest_hint;
        const struct bnt_host_event *host_event;
        const struct bnt_host_request *host_request;
    };
};

typedef void (*observe_fn)(struct vm *vm, const struct observation *seen);

/** NULL for a kind that it does not want. */
struct observer {
    const char *name;
    observe_fn on[OBSERVED_COUNT];
};

#define OBSERVERS_MAX 8

/** The observers of one kind. */
struct observer_list {
    uint32_t count;
    observe_fn on[OBSERVERS_MAX];
};

/** Adds an observer to the end of a world's lists. */
void observer_add(struct observer_list *lists, const struct observer *observer);

/** Puts another in the place of one that was added, for the kinds that the other wants. */
void observer_replace(struct observer_list *lists, const struct observer *old,
                      const struct observer *observer);

/** OBSERVE(vm, OBSERVED_KICKED, .queue = queue) */
#define OBSERVE(vm, ...) world_notify_observers((vm), &(struct observation){.kind = __VA_ARGS__})

#endif
