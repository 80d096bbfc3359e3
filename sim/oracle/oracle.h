/*
 * The oracle: an independent model of which party has which page, and the invariants that must
 * hold.
 *
 * The world reports to the oracle what it observes at the boundaries: pages that the allocator
 * hands out and gets back, requests as the driver submits them and as the device completes them,
 * discards of the host, and register writes. The oracle never takes an answer from the libraries'
 * state; it compares their counters with its own. The cost of a check grows with the pages that the
 * event touched; `oracle_audit_pages` recomputes everything. Only the first violation is kept. The
 * oracle changes nothing in the world and draws no choices.
 */
#ifndef SIM_ORACLE_ORACLE_H
#define SIM_ORACLE_ORACLE_H

#include "sim/engine/engine.h"
#include "sim/oracle/invariants.h"

#include <ballonet/guest.h>
#include <ballonet/host.h>

struct oracle;

/**
 * Where a page is from the guest's point of view. A page may also be lent: without MUST_TELL_HOST
 * the OS already uses the page while its deflate is in flight.
 */
typedef enum page_place {
    PLACE_OS = 0,     /**< the guest's own */
    PLACE_TAKEN,      /**< owned by the driver: just allocated, or about to be freed */
    PLACE_INFLATING,  /**< in an inflate that is in flight */
    PLACE_BALLOON,    /**< ballooned */
    PLACE_DEFLATING,  /**< in a deflate that is in flight */
    PLACE_HELD,       /**< refused on inflate and held by the driver */
    PLACE_REPORTING,  /**< free, in a free page report that is in flight */
    PLACE_REPORTED,   /**< free, in a free page report that the device completed */
    PLACE_HINTED,     /**< free, kept by the driver as a hint while the device need not migrate its
                         content */
    PLACE_HELD_PARTS, /**< part of a held huge page, whose pages may be inflated one by one */
    PLACE_COUNT
} page_place;

struct oracle_vm_config {
    const char *name;
    uint64_t first_pfn;
    uint64_t pfns;
    bool host_pages; /**< host pages are larger than a PFN, so that a discard may include PFNs of
                        earlier requests */
    uint32_t page_order;
    uint32_t refused_max;
    uint64_t report_pages; /**< number of guest pages in a block of a free page report */
    uint32_t habits;       /**< quirks of VMware's drivers, BNT_GUEST_VMWARE_QUIRK_... */
    uint64_t
        stall_ns; /**< a target request ends when the balloon makes no progress for this time */
    uint64_t
        answer_ns;    /**< the longest time that an answer or a notification takes without faults */
    uint64_t poll_ns; /**< the interval at which the driver polls configuration */
    uint64_t reset_empty_ns; /**< the longest time from when the driver sees a reset until the
                                balloon is empty */
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

/** The driver of this VM is a recording: the oracle does not observe what the guest does with
 * pages. */
void oracle_mark_driver_recorded(struct oracle *oracle, uint32_t vm);
/** The driver reset the queue of this role: the device completes no buffer of the queue any more,
 * and the pages of a free page report in flight are free again. */
void oracle_observe_queue_reset(struct oracle *oracle, uint32_t vm, uint32_t role);

/** The driver cannot run before this time: the time to empty the balloon after a reset starts again
 * then. */
void oracle_observe_driver_stall(struct oracle *oracle, uint32_t vm, uint64_t until_ns);

/** Whether the driver's next step is due at once. On VMware's wire, calls are answered within a
 * step, and the driver handles the pages of an answer in its next step. */
void oracle_note_driver_step_due(struct oracle *oracle, uint32_t vm, bool goes_on);

/** The parties in `who` (ASSUMES_*) are hostile from now on: invariants that assume them are
 * suspended. */
void oracle_mark_party_hostile(struct oracle *oracle, uint32_t vm, unsigned who);
/** No party is hostile from now on: a reset of the device ended all effects of faults. */
void oracle_mark_parties_trusted(struct oracle *oracle, uint32_t vm);
/** Suspends one invariant, because a declared quirk of a party violates it. */
void oracle_suspend_invariant(struct oracle *oracle, uint32_t vm, invariant_id id);
bool oracle_is_invariant_suspended_by_quirk(const struct oracle *oracle, uint32_t vm,
                                            invariant_id id);
bool oracle_is_invariant_suspended(const struct oracle *oracle, uint32_t vm, invariant_id id);

/** This VM uses VMware's wire, which has calls instead of buffers. The driver of this VM does not
 * deflate while the balloon is at most `slack_pfns` above its target. */
void oracle_set_vmware_transport(struct oracle *oracle, uint32_t vm, uint64_t slack_pfns);

/* ---- What the world observes ---- */

/** A call on VMware's wire, with its answer. */
struct oracle_call {
    uint32_t command;
    int32_t status;
    uint64_t result;
    uint64_t target_pfns; /**< the host's target at the time of the answer */
    bool stopping;        /**< the driver is detaching */
};
void oracle_observe_call(struct oracle *oracle, uint32_t vm, const struct oracle_call *call);

/** The driver allocated pages, or freed them. `pages` holds the first PFN of each page. */
void oracle_observe_pages_allocated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                    uint32_t count);
void oracle_observe_pages_freed(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                uint32_t count);
/** The driver took free pages for a free page report, or returned them to the allocator. `pages`
 * holds the first PFN of each page. */
void oracle_observe_report_pages_isolated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                          uint32_t count);
void oracle_observe_report_pages_returned(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                          uint32_t count);
/** The driver submitted a request, or the driver saw that a request was completed. */
void oracle_observe_guest_request(struct oracle *oracle, uint32_t vm, uint64_t features,
                                  const struct bnt_guest_request *request);
void oracle_observe_guest_event(struct oracle *oracle, uint32_t vm,
                                const struct bnt_guest_event *event);
/** Driver writes to configuration space. */
void oracle_observe_actual_written(struct oracle *oracle, uint32_t vm, uint64_t pfns);
void oracle_observe_epoch_acknowledged(struct oracle *oracle, uint32_t vm, uint32_t epoch);
/** A party other than the driver reset the device: the device forgets all pages, but the driver
 * does not know it. */
void oracle_observe_reset_without_driver(struct oracle *oracle, uint32_t vm);
/** The device status became 0: the device has no pages any more. */
void oracle_observe_device_reset(struct oracle *oracle, uint32_t vm);
/** A new device replaces the previous device. */
void oracle_observe_device_replaced(struct oracle *oracle, uint32_t vm);
/** A new kernel replaces the previous kernel and owns all pages, but the device does not know it.
 */
void oracle_observe_kernel_replaced(struct oracle *oracle, uint32_t vm);
/** The host discarded backing memory. The request or free page report that completes next must name
 * these PFNs. */
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
/** The device does not run now, because it is stalled, suspended, migrating or unplugged. */
void oracle_observe_device_stall(struct oracle *oracle, uint32_t vm);
/** The VM is paused until this time. */
void oracle_observe_vm_pause(struct oracle *oracle, uint32_t vm, uint64_t until_ns);
/** The driver begins an orderly detach, in which it deflates all pages. Without `orderly`, a quick
 * detach replaces it. */
void oracle_observe_detach(struct oracle *oracle, uint32_t vm, bool orderly);
void oracle_observe_target_set(struct oracle *oracle, uint32_t vm, uint64_t id);
/** The driver took free pages for hints, or returned them to the allocator. `pages` holds the first
 * PFN of each page. */
void oracle_observe_hint_pages_allocated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                         uint32_t count);
void oracle_observe_hint_pages_returned(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                        uint32_t count);
/** The driver submitted a hint, or the device accepted a hint. */
void oracle_observe_hint_submitted(struct oracle *oracle, uint32_t vm,
                                   const struct bnt_guest_hint *hint);
void oracle_observe_hint_accepted(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                  uint64_t pfns);
/** The guest accesses a hinted page that it has not written to since the hint. */
void oracle_check_hinted_access(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t found,
                                bool write);
/** After a migration: `held` is what the page held at the source, `holds` what it holds at the
 * destination. */
void oracle_check_migrated_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t held,
                                uint64_t holds);
/** The guest read a page: `expected` is what it wrote there, `found` what it read. */
void oracle_check_page_content(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                               uint64_t found);

/** A guest that expects a value of its free pages is about to use a free page. */
void oracle_check_free_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                            uint64_t found);
/** The device said that a page is initialised. */
void oracle_check_initialised_page(struct oracle *oracle, uint32_t vm, uint64_t pfn,
                                   uint64_t expected, uint64_t found);

/* ---- Checks ---- */

/** The most steps that one party may make in one instant: this number, and one step more for each
 * ORACLE_PFNS_PER_STEP PFNs of memory, since emptying a large balloon takes many bounded steps. */
#define ORACLE_STEPS_PER_INSTANT 4096
#define ORACLE_PFNS_PER_STEP     16

/** The library of a party is about to make a step. */
void oracle_check_step_progress(struct oracle *oracle, uint32_t vm, bool device);

/** Compares the counters of driver and device with the oracle's, after an event that touched this
 * VM. */
void oracle_check_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host);
/** Recomputes all counts and compares every page. `host_page` reads the device's ledger. */
void oracle_audit_pages(struct oracle *oracle, uint32_t vm, const struct bnt_host *host,
                        uint64_t allocator_pages, uint64_t reported_pages);
/** Audits the counters of both sides: every inflated PFN was deflated or reset, or is still
 * ballooned. */
void oracle_audit_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host);
/** Compares the hinted pages with the counts of the allocator and of the driver. */
void oracle_audit_hint_pages(struct oracle *oracle, uint32_t vm, uint64_t allocator_pages,
                             uint64_t driver_pfns);
/** The state of a VM's device at the end of a run. */
typedef enum oracle_device {
    ORACLE_DEVICE_LIVE,
    ORACLE_DEVICE_SUSPENDED, /**< paused, or no longer used by a broken driver: requests may stay in
                                flight */
    ORACLE_DEVICE_GONE /**< unplugged: the device has no pages, and target requests get no outcome
                        */
} oracle_device;
/** Checks at the end of a quiet run that no request is pending. */
void oracle_check_convergence(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host,
                              oracle_device device, uint64_t quiet_since_ns);

/** The first violation, or NULL. */
const struct oracle_violation *oracle_get_violation(const struct oracle *oracle);

/** Only messages and tests use these functions. */
page_place oracle_get_page_place(const struct oracle *oracle, uint32_t vm, uint64_t pfn);
uint64_t oracle_count_pages_in_place(const struct oracle *oracle, uint32_t vm, page_place place);
/** Computes the state word from all pages; it must equal engine_get_state_word after every event.
 */
uint64_t oracle_recompute_state(const struct oracle *oracle);

const char *invariant_get_name(invariant_id id);
const char *invariant_get_text(invariant_id id);
unsigned invariant_get_assumed_parties(invariant_id id);

#endif
