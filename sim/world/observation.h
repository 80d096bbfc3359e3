/*
 * Observations: whatever happens in a world is reported once, and all observers of that kind
 * receive it.
 *
 * Code that sees something happen makes an OBSERVE and knows no observer. An observer is a struct
 * of functions, one for each kind that it wants. An observer that is switched off is not in the
 * list of a world, and costs nothing. The observers of a kind are called in the order of the list.
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
/** X(kind, what happened and which fields hold the details) */
#define OBSERVATION_MAP(X)                                                                         \
    /* The driver accesses the registers of its device. A kind that ends in WRITING is observed
     * before the device receives the write. */                                                    \
    X(FEATURES_READ,     "value: the features that the device offers")                             \
    X(FEATURES_WRITING,  "value: the features that the driver accepts")                            \
    X(STATUS_READ,       "value")                                                                  \
    X(STATUS_WRITING,    "value")                                                                  \
    X(STATUS_WRITTEN,    "value: the status written, other: the device's status now")              \
    X(GENERATION_READ,   "value")                                                                  \
    X(CONFIG_READ,       "at: the offset, data: the bytes, count: their number")                   \
    X(CONFIG_WRITING,    "at: the offset, data: the bytes, count: their number")                   \
    X(ACTUAL_WRITTEN,    "value: PFNs")                                                            \
    X(QUEUE_ENABLING,    "queue, value: the role of the queue, place: its ring")                   \
    X(QUEUE_RESETTING,   "queue")                                                                  \
    X(QUEUE_RESET,       "value: the role of the queue")                                           \
    X(QUEUE_RESET_READ,  "queue, value")                                                           \
    X(DRIVER_RESET,      "the driver has reset its device")                                        \
    X(DEVICE_FORGOT,     "the device was reset, and the driver does not know")                     \
    /* Notifications. */                                                                           \
    X(KICKED,            "queue")                                                                  \
    X(KICKED_WITH_DATA,  "value: the data")                                                        \
    X(INTERRUPTED,       "queue")                                                                  \
    X(CONFIG_INTERRUPTED, "the device says that its configuration changed")                        \
    X(DOORBELL_RUNG,     "value: the doorbell's context, other: its resource")                     \
    X(KICK_ARRIVED,      "queue")                                                                  \
    X(INTERRUPT_ARRIVED, "queue")                                                                  \
    X(CONFIG_ARRIVED,    "the configuration interrupt has reached the driver")                     \
    X(CALLED,            "call, value: the call's first argument")                                 \
    /* The device accesses the guest's memory. */                                                  \
    X(DEVICE_READS,      "at: a GPA, count: bytes")                                                \
    X(DEVICE_WROTE,      "at: a GPA, count: bytes")                                                \
    X(DISCARDED,         "at: the first PFN, value: the number of PFNs")                           \
    X(FILLED,            "at: the first PFN, value: PFNs, other: value of each le32")              \
    X(REPORTED,          "at: the first PFN, value: the number of PFNs")                           \
    X(HINTED,            "at: the first PFN, value: the number of PFNs")                           \
    /* Events and requests that the two cores report. */                                           \
    X(GUEST_EVENT,       "guest_event")                                                            \
    X(GUEST_REQUEST,     "guest_request, value: features by which it is judged")                   \
    X(GUEST_HINT,        "guest_hint")                                                             \
    X(HOST_EVENT,        "host_event")                                                             \
    X(HOST_REQUEST,      "host_request")                                                           \
    X(TARGET_SET,        "value: the target's id, flag: a script or recording set it")             \
    X(LEAVING,           "the driver detaches and must tell the device; flag: orderly")            \
    X(EMPTYING,          "flag: the script wants an empty balloon, whatever the target")           \
    /* The guest's pages. */                                                                       \
    X(PAGES_MOVED,       "pages, count, value: their use before, other: their use now")            \
    X(PAGES_SHORT,       "the allocator gave the driver too few pages")                            \
    X(PAGES_FILLING,     "value: what each le32 of the pages must hold")                           \
    X(PAGES_FILLED,      "pages, count")                                                           \
    X(PAGES_INITIALISED, "pages, count: the device reported them as initialised")                  \
    X(PAGE_INITIALISED,  "at: a PFN, value: what it must hold, other: what it holds")              \
    X(PAGES_COMING,      "count: pages of an allocation that waited")                              \
    X(PAGES_CAME,        "the driver has received these pages")                                    \
    X(PAGES_WAITED_FOR,  "an allocation begins to wait")                                           \
    X(PAGE_TOUCHED,      "at: a PFN, flag: write")                                                 \
    X(PAGE_DIFFERS,      "at: a PFN, value: what it must hold, other: what it holds, flag: write") \
    X(PAGE_MOVING,       "at: old PFN, value: new PFN, flag: the move begins")                     \
    X(REPORT_TAKEN,      "pages: the first PFN of each block, count")                              \
    X(REPORT_DONE,       "count: reported blocks")                                                 \
    X(WORKING_SET,       "bins, count")                                                            \
    X(HINT_BLOCK_TAKEN,  "value: the first PFN, or BNT_NEVER")                                     \
    X(HINT_RETURNED,     "pages, count, flag: the pages are initialised")                          \
    X(HINTS_SHRUNK,      "value: PFNs freed")                                                      \
    X(HINTS_OVER,        "the device has ended the use of hints")                                  \
    X(WORKLOAD_TICKED,   "value: bytes of demand present, other: bytes of cache")                  \
    X(RECLAIMED,         "value: pages")                                                           \
    X(OOM_DEFLATED,      "value: PFNs freed, other: PFNs pending")                                 \
    X(OOM_KILLED,        "a workload was killed")                                                  \
    /* The life of a machine: suspend, plug, restart, migration. */                                \
    X(DEVICE_SAVED,      "value: bytes of state")                                                  \
    X(DEVICE_RESTORED,   "a new instance has loaded the saved state")                              \
    X(DEVICE_GONE,       "the device was unplugged; the guest does not know yet")                  \
    X(DEVICE_NEW,        "a new device was powered on")                                            \
    X(HIBERNATED,        "the guest begins to hibernate")                                          \
    X(KERNEL_ENDED,      "another kernel replaces this one, without a shutdown")                   \
    X(KERNEL_STARTED,    "the new kernel's memory and driver are created")                         \
    X(COMPACTED,         "a move has ended; flag: the page was moved")                             \
    X(MEMORY_ADDED,      "value: bytes")                                                           \
    X(MIGRATE_STARTED,   "a migration starts")                                                     \
    X(MIGRATE_ROUND,     "a round starts")                                                         \
    X(MIGRATE_SENT,      "value: bytes, other: the cursor")                                        \
    X(MIGRATE_SWITCHING, "the VM is paused for the switch-over")                                   \
    X(MIGRATE_ARRIVED,   "at: a PFN, value: its content, other: content that was sent")            \
    X(MIGRATE_COUNTED,   "value: PFNs sent, other: PFNs skipped thanks to hints")                  \
    X(MIGRATE_DONE,      "the VM runs at the destination")                                         \
    X(MIGRATE_CANCELLED, "the VM stays")                                                           \
    X(PAUSING,           "the VM is paused; value: the time when it resumes")                      \
    X(PAUSED,            "an event of the VM is delayed until the VM resumes")                     \
    /* Steps. */                                                                                   \
    X(STEPPING,          "flag: the device takes a step, otherwise the driver")                    \
    X(DRIVER_STALLED,    "value: until when")                                                      \
    X(STALL_ENDING,      "value: the current time; the driver's stall ends")                       \
    /* Faults. */                                                                                  \
    X(FAULT_STARTED,     "value: party whose invariants break, other: clauses, flag: secret")      \
    X(FAULT_ENDED,       "a reset of the device has ended the faults")                             \
    X(RING_SPOILED,      "queue")                                                                  \
    X(PAGE_MEDDLED,      "value: a ballooned PFN that the guest touched")
/* clang-format on */

typedef enum observation_kind {
#define X(kind, fields) OBSERVED_##kind,
    OBSERVATION_MAP(X)
#undef X
    OBSERVED_COUNT
} observation_kind;

/** One observation. A field that its kind does not name is 0. */
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

/** One observer. The function is NULL for each kind that it does not want. */
struct observer {
    const char *name;
    observe_fn on[OBSERVED_COUNT];
};

#define OBSERVERS_MAX 8

/** The observers of one kind of observation. */
struct observer_list {
    uint32_t count;
    observe_fn on[OBSERVERS_MAX];
};

/** Adds an observer to the end of a world's lists. */
void observer_add(struct observer_list *lists, const struct observer *observer);

/** Replaces an observer that was added, for the kinds that the new observer wants. */
void observer_replace(struct observer_list *lists, const struct observer *old,
                      const struct observer *observer);

/** OBSERVE(vm, OBSERVED_KICKED, .queue = queue) */
#define OBSERVE(vm, ...) world_notify_observers((vm), &(struct observation){.kind = __VA_ARGS__})

#endif
