/*
 * Observations: everything that happens in a world is reported a single time, and all observers of
 * that kind of observation receive it.
 *
 * The code that reports something uses OBSERVE, and does not know the observers. An observer is a
 * struct of functions: one for each kind of observation that it wants. If an observer is switched
 * off, it is not in the lists of the world, and takes no time. The observers of one kind are called
 * in the order of their list.
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
/** X(kind, what happened and which fields have the details) */
#define OBSERVATION_MAP(X)                                                                         \
    /* The driver accesses the registers of its device. A kind that ends in WRITING is observed
     * before the device receives the write. */                                                    \
    X(FEATURES_READ,     "the driver read the offered features; value: the features")              \
    X(FEATURES_WRITING,  "the driver writes the accepted features; value: the features")           \
    X(STATUS_READ,       "the driver read the device status; value: the status")                   \
    X(STATUS_WRITING,    "the driver writes the device status; value: the status")                 \
    X(STATUS_WRITTEN,    "the driver wrote a status; value: it, other: the device's status now")   \
    X(GENERATION_READ,   "the driver read the config generation; value: the generation")           \
    X(CONFIG_READ,       "the driver read configuration; at: offset, data, count: bytes")          \
    X(CONFIG_WRITING,    "the driver writes configuration; at: offset, data, count: bytes")        \
    X(ACTUAL_WRITTEN,    "the driver wrote the field actual; value: PFNs")                         \
    X(QUEUE_ENABLING,    "the driver enables a queue; value: its role, place: its ring")           \
    X(QUEUE_RESETTING,   "the driver starts to reset a queue")                                     \
    X(QUEUE_RESET,       "the reset of a queue is done; value: the role of the queue")             \
    X(QUEUE_RESET_READ,  "the driver read whether a queue is in reset; value: the answer")         \
    X(DRIVER_RESET,      "the driver has reset its device")                                        \
    X(DEVICE_FORGOT,     "the device was reset, and the driver does not know")                     \
    /* Notifications. */                                                                           \
    X(KICKED,            "the driver kicks a queue")                                               \
    X(KICKED_WITH_DATA,  "the driver kicks a queue; value: the notification data")                 \
    X(INTERRUPTED,       "the device sends an interrupt of a queue")                               \
    X(CONFIG_INTERRUPTED, "the device sends a configuration interrupt")                            \
    X(DOORBELL_RUNG,     "the device rings the doorbell; value: context, other: resource")         \
    X(KICK_ARRIVED,      "the kick of a queue has reached the device")                             \
    X(INTERRUPT_ARRIVED, "the interrupt of a queue has reached the driver")                        \
    X(CONFIG_ARRIVED,    "the configuration interrupt has reached the driver")                     \
    X(CALLED,            "the driver called the host over VMware's wire; value: first argument")   \
    /* The device accesses the guest's memory. */                                                  \
    X(DEVICE_READS,      "the device reads memory; at: GPA, count: bytes")                         \
    X(DEVICE_WROTE,      "the device wrote memory; at: GPA, count: bytes")                         \
    X(DISCARDED,         "the host discarded memory; at: first PFN, value: PFNs")                  \
    X(FILLED,            "the host filled memory; at: first PFN, value: PFNs, other: each le32")   \
    X(REPORTED,          "the device got a free page report; at: first PFN, value: PFNs")          \
    X(HINTED,            "the device got a free page hint; at: first PFN, value: PFNs")            \
    /* Events and requests that the two cores report. */                                           \
    X(GUEST_EVENT,       "the driver core emitted an event")                                       \
    X(GUEST_REQUEST,     "the driver submitted or completed a request")                            \
    X(GUEST_HINT,        "the driver core sent a free page hint")                                  \
    X(HOST_EVENT,        "the device core emitted an event")                                       \
    X(HOST_REQUEST,      "the device core served a request")                                       \
    X(TARGET_SET,        "the target was set; value: its id, flag: by a script or recording")      \
    X(LEAVING,           "the driver detaches and must tell the device; flag: orderly")            \
    X(EMPTYING,          "flag: the script wants an empty balloon, whatever the target")           \
    /* The guest's pages. */                                                                       \
    X(PAGES_MOVED,       "pages changed their use; value: use before, other: use now")             \
    X(PAGES_SHORT,       "the allocator gave the driver too few pages")                            \
    X(PAGES_FILLING,     "the driver fills pages before it frees them; value: each le32")          \
    X(PAGES_FILLED,      "the driver has filled pages")                                            \
    X(PAGES_INITIALISED, "the device reported pages as initialised")                               \
    X(PAGE_INITIALISED,  "an initialised page; at: PFN, value: right content, other: content")     \
    X(PAGES_COMING,      "a waiting allocation receives pages; count: pages")                      \
    X(PAGES_CAME,        "the driver has received these pages")                                    \
    X(PAGES_WAITED_FOR,  "an allocation begins to wait")                                           \
    X(PAGE_TOUCHED,      "the guest accesses a page; at: PFN, flag: it writes")                    \
    X(PAGE_DIFFERS,      "wrong content; at: PFN, value: right, other: found, flag: on a write")   \
    X(PAGE_MOVING,       "a page move; at: old PFN, value: new PFN, flag: the move begins")        \
    X(REPORT_TAKEN,      "free blocks were taken for a report; pages: first PFN of each block")    \
    X(REPORT_DONE,       "a free page report was completed; count: blocks")                        \
    X(WORKING_SET,       "the guest measured its working set; bins, count: bins")                  \
    X(HINT_BLOCK_TAKEN,  "a block was taken for hints; value: first PFN or BNT_NEVER")             \
    X(HINT_RETURNED,     "hinted pages were freed; flag: they had to be initialised")              \
    X(HINTS_SHRUNK,      "reclaim asked for hinted pages; value: PFNs freed")                      \
    X(HINTS_OVER,        "the device has ended the use of hints")                                  \
    X(WORKLOAD_TICKED,   "a workload has ticked; value: bytes present, other: bytes of cache")     \
    X(RECLAIMED,         "background reclaim has run; value: pages freed")                         \
    X(OOM_DEFLATED,      "an OOM deflate has run; value: PFNs freed, other: PFNs pending")         \
    X(OOM_KILLED,        "a workload was killed")                                                  \
    /* The life of a machine: suspend, plug, restart, migration. */                                \
    X(DEVICE_SAVED,      "the device's state was saved; value: bytes")                             \
    X(DEVICE_RESTORED,   "a new instance has loaded the saved state")                              \
    X(DEVICE_GONE,       "the device was unplugged; the guest does not know yet")                  \
    X(DEVICE_NEW,        "a new device was powered on")                                            \
    X(HIBERNATED,        "the guest begins to hibernate")                                          \
    X(KERNEL_ENDED,      "another kernel replaces this one, without a shutdown")                   \
    X(KERNEL_STARTED,    "the new kernel's memory and driver are created")                         \
    X(COMPACTED,         "a move has ended; flag: the page was moved")                             \
    X(MEMORY_ADDED,      "memory was added to the guest; value: bytes")                            \
    X(MIGRATE_STARTED,   "a migration starts")                                                     \
    X(MIGRATE_ROUND,     "a round starts")                                                         \
    X(MIGRATE_SENT,      "a migration sent pages; value: bytes, other: the next page")             \
    X(MIGRATE_SWITCHING, "the VM is paused for the switch-over")                                   \
    X(MIGRATE_ARRIVED,   "a page arrived; at: PFN, value: its content, other: content sent")       \
    X(MIGRATE_COUNTED,   "a migration has ended; value: PFNs sent, other: skipped by hints")       \
    X(MIGRATE_DONE,      "the VM runs at the destination")                                         \
    X(MIGRATE_CANCELLED, "a migration was cancelled: the VM stays on its host")                    \
    X(PAUSING,           "the VM is paused; value: the time when it resumes")                      \
    X(PAUSED,            "an event of the VM is delayed until the VM resumes")                     \
    /* Steps. */                                                                                   \
    X(STEPPING,          "flag: the device takes a step, otherwise the driver")                    \
    X(DRIVER_STALLED,    "the driver stalls; value: the time when the stall ends")                 \
    X(STALL_ENDING,      "the driver's stall ends; value: the current time")                       \
    /* Faults. */                                                                                  \
    X(FAULT_STARTED,     "a fault begins; value, other: whose invariants, clauses; flag: secret")  \
    X(FAULT_ENDED,       "a reset of the device has ended the faults")                             \
    X(RING_SPOILED,      "a fault has corrupted the ring of a queue")                              \
    X(PAGE_MEDDLED,      "the guest touched a ballooned page; value: its PFN")
/* clang-format on */

typedef enum observation_kind {
#define X(kind, fields) OBSERVED_##kind,
    OBSERVATION_MAP(X)
#undef X
    OBSERVED_COUNT
} observation_kind;

/** One observation. The table above names the fields that a kind uses; all others are 0. */
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

/** One observer. If the observer does not want a kind of observation, the function for this kind is
 * NULL. */
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

/** For the kinds that the new observer wants, it replaces an observer that was added earlier. */
void observer_replace(struct observer_list *lists, const struct observer *old,
                      const struct observer *observer);

/** OBSERVE(vm, OBSERVED_KICKED, .queue = queue) */
#define OBSERVE(vm, ...) world_notify_observers((vm), &(struct observation){.kind = __VA_ARGS__})

#endif
