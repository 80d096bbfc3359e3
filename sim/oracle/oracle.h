/*
 * The oracle is an independent model of which party has which page, with the invariants that must
 * hold.
 *
 * The world reports what it observes at the boundaries to the oracle: pages that the allocator
 * gives to the driver and gets back, requests that the driver submits and the device completes,
 * discards by the host, and register writes. The oracle never uses the state of the libraries to
 * decide what is right; it compares their counters with its own. The time of a check depends on the
 * number of pages that the event changed; only `oracle_audit_pages` examines all pages. Only the
 * first violation is kept. The oracle changes nothing in the world and draws no choices.
 */
#ifndef SIM_ORACLE_ORACLE_H
#define SIM_ORACLE_ORACLE_H

#include "sim/engine/engine.h"
#include "sim/oracle/invariants.h"

#include <ballonet/guest.h>
#include <ballonet/host.h>

struct oracle;

/**
 * Where a page is from the guest's point of view. A page can also be lent. This means that the OS
 * already uses the page while its deflate is in flight, which is allowed without MUST_TELL_HOST.
 */
typedef enum page_place {
    PLACE_OS = 0,     /**< the guest's own */
    PLACE_TAKEN,      /**< owned by the driver, which allocated it just now or is about to free
                           it */
    PLACE_INFLATING,  /**< in an inflate that is in flight */
    PLACE_BALLOON,    /**< ballooned */
    PLACE_DEFLATING,  /**< in a deflate that is in flight */
    PLACE_HELD,       /**< refused on inflate and held by the driver */
    PLACE_REPORTING,  /**< free, in a free page report that is in flight */
    PLACE_REPORTED,   /**< free, in a free page report that the device completed */
    PLACE_HINTED,     /**< free, and kept by the driver as a hint: the device does not have to
                           migrate its content */
    PLACE_HELD_PARTS, /**< part of a huge page that is held: its small pages may be inflated one by
                           one */
    PLACE_COUNT
} page_place;

struct oracle_vm_config {
    const char *name;
    uint64_t first_pfn;
    uint64_t pfns;
    bool host_pages; /**< host pages are larger than a PFN, so that a discard can include PFNs of
                          earlier requests */
    uint32_t page_order;
    uint32_t refused_max;
    uint64_t report_pages;  /**< number of guest pages in a block of a free page report */
    uint32_t vmware_quirks; /**< quirks of VMware's drivers, BNT_GUEST_VMWARE_QUIRK_... */
    uint64_t
        stall_ns; /**< if the balloon makes no progress for this time, the target request ends */
    uint64_t
        answer_ns;    /**< the longest time that an answer or a notification takes without faults */
    uint64_t poll_ns; /**< the interval at which the driver polls configuration */
    bool small; /**< the world is audited after every event, so an audit must look only at what
                     changed; at most ORACLE_SMALL_PFNS PFNs */
    uint64_t reset_empty_ns; /**< after the driver has seen a reset, the balloon must be empty
                                  within this time */
};

#define ORACLE_SMALL_PFNS 4096

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

/** The driver of this VM is a recording, so the oracle cannot observe what the guest does with
 * pages. */
void oracle_mark_driver_recorded(struct oracle *oracle, uint32_t vm);
/** The driver reset the queue with this role. From now on the device completes no buffer of the
 * queue, and the pages of a free page report in flight are free again. */
void oracle_observe_queue_reset(struct oracle *oracle, uint32_t vm, uint32_t role);

/** The driver cannot run before this time. So the time that it has for emptying the balloon after a
 * reset starts again at this time. */
void oracle_observe_driver_stall(struct oracle *oracle, uint32_t vm, uint64_t until_ns);

/** Records whether the driver's next step is due now. On VMware's wire, a call is answered in the
 * same step, but the driver handles the pages of the answer in its next step. */
void oracle_note_driver_step_due(struct oracle *oracle, uint32_t vm, bool goes_on);

/** The parties in `who` (ASSUMES_*) are hostile from now on: invariants that assume that one of
 * them is correct are suspended. */
void oracle_mark_party_hostile(struct oracle *oracle, uint32_t vm, unsigned who);
/** From now on no party is hostile, because a reset of the device ended all effects of faults. */
void oracle_mark_parties_trusted(struct oracle *oracle, uint32_t vm);
/** Suspends one invariant, because a declared quirk of a party violates it. */
void oracle_suspend_invariant(struct oracle *oracle, uint32_t vm, invariant_id id);
bool oracle_is_invariant_suspended_by_quirk(const struct oracle *oracle, uint32_t vm,
                                            invariant_id id);
bool oracle_is_invariant_suspended(const struct oracle *oracle, uint32_t vm, invariant_id id);

/** This VM uses VMware's wire, which has calls instead of buffers. The driver of this VM does not
 * deflate while the balloon is at most `slack_pfns` above its target. */
void oracle_set_vmware_transport(struct oracle *oracle, uint32_t vm, uint64_t slack_pfns);

/* ---- What the world observes and reports to the oracle ---- */

/** A call on VMware's wire and its answer. */
struct oracle_call {
    uint32_t command;
    int32_t status;
    uint64_t result;
    uint64_t target_pfns; /**< the target that the host had when it answered */
    bool stopping;        /**< the driver is detaching */
};
void oracle_observe_call(struct oracle *oracle, uint32_t vm, const struct oracle_call *call);

/** The driver allocated pages, or freed them. `pages` holds the first PFN of each page. */
void oracle_observe_pages_allocated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                    uint32_t count);
void oracle_observe_pages_freed(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                uint32_t count);
/** The driver took free pages for a free page report, or returned such pages to the allocator.
 * `pages` holds the first PFN of each page. */
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
/** A party other than the driver reset the device. The device forgets all pages, but the driver
 * does not know this. */
void oracle_observe_reset_without_driver(struct oracle *oracle, uint32_t vm);
/** The device status became 0, so the device has no pages any more. */
void oracle_observe_device_reset(struct oracle *oracle, uint32_t vm);
/** A new device replaces the previous device. */
void oracle_observe_device_replaced(struct oracle *oracle, uint32_t vm);
/** A new kernel replaces the previous one and owns all pages, but the device does not know this.
 */
void oracle_observe_kernel_replaced(struct oracle *oracle, uint32_t vm);
/** The host discarded backing memory. The next request or free page report that the device
 * completes must name these PFNs. */
void oracle_observe_discard(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns);
void oracle_observe_host_request(struct oracle *oracle, uint32_t vm,
                                 const struct bnt_host_request *request);
void oracle_observe_report_completed(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                     uint64_t pfns);
void oracle_observe_host_event(struct oracle *oracle, uint32_t vm,
                               const struct bnt_host_event *event);
/** Whether the balloon has a page whose outcome is unknown. */
bool oracle_has_unknown_outcomes(const struct oracle *oracle, uint32_t vm);
/** A configuration interrupt arrived at the driver. */
void oracle_observe_config_interrupt(struct oracle *oracle, uint32_t vm);
/** The device does not run now, because it is stalled, suspended, migrating or unplugged. */
void oracle_observe_device_stall(struct oracle *oracle, uint32_t vm);
/** The VM is paused until this time. */
void oracle_observe_vm_pause(struct oracle *oracle, uint32_t vm, uint64_t until_ns);
/** The driver begins an orderly detach, in which it deflates all pages. If `orderly` is false, a
 * quick detach has replaced an orderly one. */
void oracle_observe_detach(struct oracle *oracle, uint32_t vm, bool orderly);
void oracle_observe_target_set(struct oracle *oracle, uint32_t vm, uint64_t id);
/** The driver took free pages for hints, or returned such pages to the allocator. `pages` holds the
 * first PFN of each page. */
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
/** Called after a migration: `held` is the content that the page had at the source, and `holds` the
 * content that it has at the destination. */
void oracle_check_migrated_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t held,
                                uint64_t holds);
/** The guest read a page: `expected` is the content that it wrote there, and `found` the content
 * that it read. */
void oracle_check_page_content(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                               uint64_t found);

/** A guest that expects its free pages to contain a certain value is about to use a free page. */
void oracle_check_free_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                            uint64_t found);
/** The device reported that a page is initialised. */
void oracle_check_initialised_page(struct oracle *oracle, uint32_t vm, uint64_t pfn,
                                   uint64_t expected, uint64_t found);

/* ---- Checks ---- */

/** The most steps that one party may make while virtual time does not advance. For each
 * ORACLE_PFNS_PER_STEP PFNs of memory, one more step is allowed, since emptying a large balloon
 * takes many short steps. */
#define ORACLE_STEPS_PER_INSTANT 4096
#define ORACLE_PFNS_PER_STEP     16

/** The library of a party is about to make a step. */
void oracle_check_step_progress(struct oracle *oracle, uint32_t vm, bool device);

/** After an event that touched this VM, compares the counters of its driver and its device with
 * those of the oracle. */
void oracle_check_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host);
/** Audits look at one page after the other from now on, and after each event at every page. This is
 * slow; a test shows that it finds nothing else. */
void oracle_audit_page_by_page(struct oracle *oracle);
/** Computes all counts again, and compares every page. `host` is asked for the device's ledger. */
void oracle_audit_pages(struct oracle *oracle, uint32_t vm, const struct bnt_host *host,
                        uint64_t allocator_pages, uint64_t reported_pages);
/** The same for what changed since the last of these audits, in a small world. */
void oracle_audit_changed_pages(struct oracle *oracle, uint32_t vm, const struct bnt_host *host,
                                uint64_t allocator_pages, uint64_t reported_pages);
/** The device's ledger was loaded from a saved state, so that all of it must be compared. */
void oracle_observe_ledger_loaded(struct oracle *oracle, uint32_t vm);
/** Checks the counters of both sides over the whole run: every PFN that was inflated was later
 * deflated or removed by a reset, or it is still ballooned. */
void oracle_audit_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host);
/** Compares the number of hinted pages with the counts of the allocator and of the driver. */
void oracle_audit_hint_pages(struct oracle *oracle, uint32_t vm, uint64_t allocator_pages,
                             uint64_t driver_pfns);
/** The state of a VM's device at the end of a run. */
typedef enum oracle_device {
    ORACLE_DEVICE_LIVE,
    ORACLE_DEVICE_SUSPENDED, /**< the device is paused, or its driver is broken and does not use it
                                  any more: requests can stay in flight */
    ORACLE_DEVICE_GONE /**< the device is unplugged: it has no pages, and target requests get no
                            outcome
                        */
} oracle_device;
/** Called at the end of a run without active faults: checks that no request is pending. */
void oracle_check_convergence(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host,
                              oracle_device device, uint64_t quiet_since_ns);

/** The first violation, or NULL. */
const struct oracle_violation *oracle_get_violation(const struct oracle *oracle);

/** Only messages and tests use these functions. */
page_place oracle_get_page_place(const struct oracle *oracle, uint32_t vm, uint64_t pfn);
uint64_t oracle_count_pages_in_place(const struct oracle *oracle, uint32_t vm, page_place place);
/** Computes the state word from all pages. After every event, the result must equal
 * engine_get_state_word.
 */
uint64_t oracle_recompute_state(const struct oracle *oracle);
/** The same in a small world, from what changed since the last call. */
uint64_t oracle_recompute_changed_state(struct oracle *oracle);

const char *invariant_get_name(invariant_id id);
const char *invariant_get_text(invariant_id id);
unsigned invariant_get_assumed_parties(invariant_id id);

#endif
