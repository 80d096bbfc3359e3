/*
 * The oracle: an independent model of who has which page, and the invariants over it.
 *
 * The world calls it for what is observed at the boundaries: the allocator's moves, requests as the
 * driver submits and as the device completes them, what the host discards, registers written. It
 * never asks the libraries' own state for an answer, but compares their counters with its own. Its
 * cost follows the pages an event touched; `oracle_audit_pages` recomputes everything. The first
 * violation is latched. It changes nothing and draws nothing.
 */
#ifndef SIM_ORACLE_ORACLE_H
#define SIM_ORACLE_ORACLE_H

#include "sim/engine/engine.h"
#include "sim/oracle/invariants.h"

#include <ballonet/guest.h>
#include <ballonet/host.h>

struct oracle;

/**
 * Where a page is, in its guest's view. A page may be lent in addition: without MUST_TELL_HOST the
 * OS already uses it while the deflate that names it is in flight.
 */
typedef enum page_place {
    PLACE_OS = 0,     /**< the guest's own */
    PLACE_TAKEN,      /**< with the driver: just allocated, or to be given back */
    PLACE_INFLATING,  /**< in an inflate in flight */
    PLACE_BALLOON,    /**< ballooned */
    PLACE_DEFLATING,  /**< in a deflate in flight */
    PLACE_HELD,       /**< refused on inflate, set aside by the driver */
    PLACE_REPORTING,  /**< free, in a report in flight */
    PLACE_REPORTED,   /**< free, in a report that the device completed */
    PLACE_HINTED,     /**< free, set aside by the driver while the device may skip its content */
    PLACE_HELD_PARTS, /**< of a refused huge page, whose parts may be offered one by one */
    PLACE_COUNT
} page_place;

struct oracle_vm_config {
    const char *name;
    uint64_t first_pfn;
    uint64_t pfns;
    bool host_pages; /**< host pages are larger than a PFN: a discard may include PFNs of earlier
                        requests */
    uint32_t page_order;
    uint32_t refused_max;
    uint64_t report_pages; /**< guest pages of a reported block */
    uint32_t habits;       /**< quirks of VMware's drivers, BNT_GUEST_HABIT_... */
    uint64_t stall_ns;     /**< a target request without progress ends after so long */
    uint64_t answer_ns;    /**< without faults, an answer or a notification takes at most so long */
    uint64_t poll_ns;      /**< how often the driver polls configuration */
    uint64_t
        reset_empty_ns; /**< promised time from when the driver sees a reset to an empty balloon */
};

struct oracle_violation {
    invariant_id invariant;
    uint32_t vm;
    uint64_t event; /**< number of the event */
    uint64_t time_ns;
    char text[256];
};

struct oracle *oracle_create(struct arena *arena, struct engine *engine, uint32_t vm_count);
void oracle_destroy(struct oracle *oracle);
void oracle_init_vm(struct oracle *oracle, uint32_t vm, const struct oracle_vm_config *config);

/** This VM's driver is a recording: what its guest does with pages is not observed. */
void oracle_mark_driver_recorded(struct oracle *oracle, uint32_t vm);
/** The driver reset the queue of this role: the device completes nothing of it any more, and a
 * report in flight is released. */
void oracle_observe_queue_reset(struct oracle *oracle, uint32_t vm, uint32_t role);

/** The driver could not run until then: the promised time of a reset starts again. */
void oracle_observe_driver_stall(struct oracle *oracle, uint32_t vm, uint64_t until_ns);

/** Whether the driver's next step is due at once. On VMware's wire, calls are answered within a
 * step, and the driver handles the pages of an answer in the next one. */
void oracle_note_driver_step_due(struct oracle *oracle, uint32_t vm, bool goes_on);

/** The parties in `who` (ASSUMES_*) are hostile from now on; their invariants are suspended. */
void oracle_mark_hostile(struct oracle *oracle, uint32_t vm, unsigned who);
/** No party is hostile any more: a reset of the device ended all effects of their faults. */
void oracle_mark_trusted(struct oracle *oracle, uint32_t vm);
/** One invariant is suspended by name: a declared quirk of a party breaks it. */
void oracle_suspend_invariant(struct oracle *oracle, uint32_t vm, invariant_id id);
bool oracle_is_suspended_by_name(const struct oracle *oracle, uint32_t vm, invariant_id id);
bool oracle_is_suspended(const struct oracle *oracle, uint32_t vm, invariant_id id);

/** This VM uses VMware's wire, with calls in place of buffers. Its driver does not deflate while
 * the balloon is at most `slack_pfns` above its target. */
void oracle_use_vmware_wire(struct oracle *oracle, uint32_t vm, uint64_t slack_pfns);

/* ---- What the world observes ---- */

/** A call on VMware's wire, with its answer. */
struct oracle_call {
    uint32_t command;
    int32_t status;
    uint64_t result;
    uint64_t target_pfns; /**< the host's target when it answered */
    bool stopping;        /**< the driver is detaching */
};
void oracle_observe_call(struct oracle *oracle, uint32_t vm, const struct oracle_call *call);

/** The allocator handed pages to the driver, or the driver gave them back. First PFN of each. */
void oracle_observe_pages_allocated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                    uint32_t count);
void oracle_observe_pages_freed(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                uint32_t count);
/** Free pages went into a report, or came back. First PFN of each. */
void oracle_observe_report_pages_taken(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                       uint32_t count);
void oracle_observe_report_pages_returned(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                          uint32_t count);
/** The driver submitted a request, or one was completed. */
void oracle_observe_guest_request(struct oracle *oracle, uint32_t vm, uint64_t features,
                                  const struct bnt_guest_request *request);
void oracle_observe_guest_event(struct oracle *oracle, uint32_t vm,
                                const struct bnt_guest_event *event);
/** Driver writes to configuration space. */
void oracle_observe_actual_written(struct oracle *oracle, uint32_t vm, uint64_t pfns);
void oracle_observe_epoch_acknowledged(struct oracle *oracle, uint32_t vm, uint32_t epoch);
/** Another party than the driver reset the device, which forgets all pages; the driver's view
 * stays. */
void oracle_observe_foreign_reset(struct oracle *oracle, uint32_t vm);
/** The device status became 0: the device holds nothing any more. */
void oracle_observe_device_reset(struct oracle *oracle, uint32_t vm);
/** Another device replaces the one before. */
void oracle_observe_device_replaced(struct oracle *oracle, uint32_t vm);
/** Another kernel replaces the one before: all pages are its own, and the device does not know. */
void oracle_observe_kernel_replaced(struct oracle *oracle, uint32_t vm);
/** The host discarded backing; checked against the request or report that completes next. */
void oracle_observe_discard(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns);
void oracle_observe_host_request(struct oracle *oracle, uint32_t vm,
                                 const struct bnt_host_request *request);
void oracle_observe_report_completed(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                     uint64_t pfns);
void oracle_observe_host_event(struct oracle *oracle, uint32_t vm,
                               const struct bnt_host_event *event);
/** Whether the outcome of some ballooned page is unknown. */
bool oracle_has_unknown_outcomes(const struct oracle *oracle, uint32_t vm);
/** A configuration interrupt arrived at the driver. */
void oracle_observe_config_interrupt(struct oracle *oracle, uint32_t vm);
/** The device does not run now: it is stalled, suspended, migrating, or unplugged. */
void oracle_observe_device_stall(struct oracle *oracle, uint32_t vm);
/** The VM is paused until this time. */
void oracle_observe_vm_pause(struct oracle *oracle, uint32_t vm, uint64_t until_ns);
/** An orderly detach begins, in which the driver deflates all pages; not `orderly`: a quick one
 * replaces it.
 */
void oracle_observe_detach(struct oracle *oracle, uint32_t vm, bool orderly);
void oracle_observe_target_set(struct oracle *oracle, uint32_t vm, uint64_t id);
/** Free pages were taken to be hinted, or came back. First PFN of each. */
void oracle_observe_hint_pages_taken(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                     uint32_t count);
void oracle_observe_hint_pages_returned(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                        uint32_t count);
/** The driver submitted a hint; the device accepted one. */
void oracle_observe_hint_submitted(struct oracle *oracle, uint32_t vm,
                                   const struct bnt_guest_hint *hint);
void oracle_observe_hint_accepted(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                  uint64_t pfns);
/** The guest reads or writes a page that was hinted and not written since. */
void oracle_check_hinted_access(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t found,
                                bool write);
/** After the switch-over of a migration: what a page of the guest held, and what it holds at the
 * destination. */
void oracle_check_migrated_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t held,
                                uint64_t holds);
/** The guest read a page: what it wrote there, and what it found. */
void oracle_check_content(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                          uint64_t found);

/** A free page is about to be used by a guest that expects something of free pages. */
void oracle_check_free_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                            uint64_t found);
/** The device called a page initialised. */
void oracle_check_initialised_page(struct oracle *oracle, uint32_t vm, uint64_t pfn,
                                   uint64_t expected, uint64_t found);

/* ---- Checks ---- */

/** Bound on the steps of one party in one instant: this many, and one more for each
 * ORACLE_PFNS_PER_STEP PFNs of its memory, since a large balloon takes many bounded steps to empty.
 */
#define ORACLE_STEPS_PER_INSTANT 4096
#define ORACLE_PFNS_PER_STEP     16

/** The library of a party is about to make a step. */
void oracle_count_step(struct oracle *oracle, uint32_t vm, bool device);

/** After an event that touched this VM: counters against the oracle's own. */
void oracle_check_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host);
/** Recomputes counts and per-page agreement. `host_page` reads the device's ledger. */
void oracle_audit_pages(struct oracle *oracle, uint32_t vm, const struct bnt_host *host,
                        uint64_t allocator_pages, uint64_t reported_pages);
/** Audits the counters of both sides: all PFNs that were inflated are deflated, reset or still
 * ballooned. */
void oracle_audit_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host);
/** Hinted pages as the allocator and as the driver count them. */
void oracle_audit_hint_pages(struct oracle *oracle, uint32_t vm, uint64_t allocator_pages,
                             uint64_t driver_pfns);
/** What the device of a VM is at the end of a run. */
typedef enum oracle_device {
    ORACLE_DEVICE_LIVE,
    ORACLE_DEVICE_SUSPENDED, /**< paused, or left by a broken driver: requests may stay in flight */
    ORACLE_DEVICE_GONE       /**< unplugged: it has no pages, and targets get no outcome */
} oracle_device;
/** At the end of a quiet run. */
void oracle_check_converged(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host,
                            oracle_device device, uint64_t quiet_since_ns);

/** The first violation, or NULL. */
const struct oracle_violation *oracle_get_violation(const struct oracle *oracle);

/** For reports and tests. */
page_place oracle_get_page_place(const struct oracle *oracle, uint32_t vm, uint64_t pfn);
uint64_t oracle_count_pages_in_place(const struct oracle *oracle, uint32_t vm, page_place place);
/** The state word, computed from all pages: equals engine_get_state after every event. */
uint64_t oracle_recompute_state(const struct oracle *oracle);

const char *invariant_get_name(invariant_id id);
const char *invariant_get_text(invariant_id id);
unsigned invariant_get_assumed_parties(invariant_id id);

#endif
