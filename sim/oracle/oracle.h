/*
 * The oracle: an independent model of who has which page, and the invariants over it.
 *
 * The world tells it what it observes at the boundaries: the allocator's moves, requests as the
 * driver exposed them and as the device served them, what the host dropped, registers written. It
 * never asks the libraries' own state for an answer, but compares their counters with its own. Its
 * cost follows the pages an event touched; `oracle_audit` recomputes everything. The first
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
 * Where a page is, as far as its guest goes. Beside that a page may be lent: without MUST_TELL_HOST
 * the OS has it back, and does with it what it likes, while the deflate that names it is in flight.
 */
typedef enum page_place {
    PLACE_OS = 0,    /**< the guest's own */
    PLACE_TAKEN,     /**< the driver's: just allocated, or to be given back */
    PLACE_INFLATING, /**< in an inflate request that the device has */
    PLACE_BALLOON,   /**< accepted */
    PLACE_DEFLATING, /**< in a deflate request that the device has */
    PLACE_HELD,      /**< refused */
    PLACE_REPORTING, /**< free, in a report that the device has */
    PLACE_REPORTED,  /**< the same, and the device let go of it */
    PLACE_HINTED,    /**< free, kept by the driver while the device may leave its content out */
    PLACE_PARTS,     /**< of a unit of 2 MiB that was refused, to be offered one by one */
    PLACE_COUNT
} page_place;

struct oracle_vm_config {
    const char *name;
    uint64_t first_pfn;
    uint64_t pfns;
    bool host_pages; /**< the host's are larger than a PFN: a drop may end with a later request */
    uint32_t page_order;
    uint32_t refused_max;
    uint64_t report_pages;   /**< guest pages of a reported block */
    uint32_t habits;         /**< of VMware's drivers, BNT_GUEST_HABIT_... */
    uint64_t stall_ns;       /**< no progress for so long ends a target request */
    uint64_t answer_ns;      /**< with no fault an answer takes at most so long, and so does news */
    uint64_t poll_ns;        /**< the driver hears of configuration so much later */
    uint64_t reset_empty_ns; /**< promised time from the notice of a reset to an empty balloon */
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
void oracle_vm_init(struct oracle *oracle, uint32_t vm, const struct oracle_vm_config *config);

/** This VM's driver is a recording: what its guest does with pages is not seen. */
void oracle_foreign(struct oracle *oracle, uint32_t vm);
/** The driver reset a queue, told by its role: the device serves nothing more of it, and lets go of
 * a report. */
void oracle_queue_reset(struct oracle *oracle, uint32_t vm, uint32_t role);

/** The driver was kept from running until then: the promised time of a reset begins anew. */
void oracle_driver_stalled(struct oracle *oracle, uint32_t vm, uint64_t until_ns);

/** Whether the driver's next step is due at once. Where calls are answered inside of a step, only
 * then is it known what became of an answer's pages. */
void oracle_driver_goes_on(struct oracle *oracle, uint32_t vm, bool goes_on);

/** The parties in `who` (ASSUMES_*) are hostile from now on; their invariants are suspended. */
void oracle_suspend(struct oracle *oracle, uint32_t vm, unsigned who);
/** Both parties are good again: a reset of the device ended all that their faults could do. */
void oracle_trust(struct oracle *oracle, uint32_t vm);
/** One invariant is suspended by name: a declared quirk of a party breaks it. */
void oracle_suspend_one(struct oracle *oracle, uint32_t vm, invariant_id id);
bool oracle_suspended_one(const struct oracle *oracle, uint32_t vm, invariant_id id);
bool oracle_suspended(const struct oracle *oracle, uint32_t vm, invariant_id id);

/** This VM speaks VMware's wire: calls in place of buffers; `slack_pfns` is what its driver does
 * not deflate for. */
void oracle_on_calls(struct oracle *oracle, uint32_t vm, uint64_t slack_pfns);

/* ---- What the world observes ---- */

/** A call of VMware's wire, as the driver got its answer. */
struct oracle_call {
    uint32_t command;
    int32_t status;
    uint64_t result;
    uint64_t target_pfns; /**< the host's now */
    bool stopping;        /**< the driver is detaching */
};
void oracle_call(struct oracle *oracle, uint32_t vm, const struct oracle_call *call);

/** The allocator handed pages to the driver, or the driver gave them back. First PFN of each. */
void oracle_taken(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count);
void oracle_given(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count);
/** Free pages went into a report, or came back. First PFN of each. */
void oracle_report_taken(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count);
void oracle_report_given(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count);
/** The driver exposed a request, or got one back. */
void oracle_guest_request(struct oracle *oracle, uint32_t vm, uint64_t features,
                          const struct bnt_guest_request *request);
void oracle_guest_event(struct oracle *oracle, uint32_t vm, const struct bnt_guest_event *event);
/** Driver writes to configuration space. */
void oracle_actual(struct oracle *oracle, uint32_t vm, uint64_t pfns);
void oracle_epoch_acked(struct oracle *oracle, uint32_t vm, uint32_t epoch);
/** Somebody else than the driver reset the device: what the driver has of it is as before. */
void oracle_device_forgets(struct oracle *oracle, uint32_t vm);
/** The device status became 0: the device holds nothing any more. */
void oracle_device_reset(struct oracle *oracle, uint32_t vm);
/** Another device is in place of the one that there was. */
void oracle_device_new(struct oracle *oracle, uint32_t vm);
/** Another kernel is in place of the one that there was: all pages are its own, and nothing was
 * told to the device. */
void oracle_guest_restart(struct oracle *oracle, uint32_t vm);
/** The host dropped backing; checked against the request or report that follows. */
void oracle_discard(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns);
void oracle_host_request(struct oracle *oracle, uint32_t vm,
                         const struct bnt_host_request *request);
void oracle_report(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns);
void oracle_host_event(struct oracle *oracle, uint32_t vm, const struct bnt_host_event *event);
/** Whether pages are in the balloon of which nobody knows if the device has them, ever since. */
bool oracle_unsure(const struct oracle *oracle, uint32_t vm);
/** A configuration interrupt came to the driver. */
void oracle_config_arrived(struct oracle *oracle, uint32_t vm);
/** The device does not run now: it is stalled, suspended, on its way, or unplugged. */
void oracle_device_waits(struct oracle *oracle, uint32_t vm);
/** The VM stands still until then. */
void oracle_paused(struct oracle *oracle, uint32_t vm, uint64_t until_ns);
/** An orderly detach begins, of a driver that can tell its device; or a quick one takes its place.
 */
void oracle_leaves(struct oracle *oracle, uint32_t vm, bool orderly);
void oracle_target_set(struct oracle *oracle, uint32_t vm, uint64_t id);
/** Free pages were taken to be hinted, or came back. First PFN of each. */
void oracle_hint_taken(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count);
void oracle_hint_given(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count);
/** The driver exposed a hint; the device took one as one that counts. */
void oracle_hint_sent(struct oracle *oracle, uint32_t vm, const struct bnt_guest_hint *hint);
void oracle_hint(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns);
/** The guest reads or writes a page that was hinted and not written since. */
void oracle_content_unknown(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t found,
                            bool write);
/** After a switch-over: what a page of the guest's held, and what it holds at the destination. */
void oracle_arrived(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t held,
                    uint64_t holds);
/** The guest read a page: what it wrote there, and what it found. */
void oracle_content(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                    uint64_t found);

/** A free page is about to be used by a guest that expects something of free pages. */
void oracle_poison(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                   uint64_t found);
/** The device called a page initialised. */
void oracle_initialised(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                        uint64_t found);

/* ---- Checks ---- */

/** Steps of one party in one instant: this many, and one for so many PFNs of its memory. What a
 * step may do is bounded, so that a driver that empties a large balloon needs some. */
#define ORACLE_STEPS_PER_INSTANT 4096
#define ORACLE_PFNS_PER_STEP     16

/** A party's library is about to make a step. */
void oracle_step(struct oracle *oracle, uint32_t vm, bool device);

/** After an event that touched this VM: counters against the oracle's own. */
void oracle_check(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                  const struct bnt_host_info *host);
/** Recomputes counts and per-page agreement. `host_page` reads the device's ledger. */
void oracle_audit(struct oracle *oracle, uint32_t vm, const struct bnt_host *host,
                  uint64_t allocator_pages, uint64_t reported_pages);
/** What went in came out or is there still: the identities of both sides' counters. */
void oracle_audit_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host);
/** Hinted pages as the allocator and as the driver count them. */
void oracle_audit_hinted(struct oracle *oracle, uint32_t vm, uint64_t allocator_pages,
                         uint64_t driver_pfns);
/** What the script left of a device. */
typedef enum oracle_device {
    ORACLE_DEVICE_LIVE,
    ORACLE_DEVICE_SUSPENDED, /**< or left by a broken driver: what is in flight stays so */
    ORACLE_DEVICE_GONE       /**< has nothing, and a target has no outcome */
} oracle_device;
/** At the end of a quiet run. */
void oracle_converged(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host,
                      oracle_device device, uint64_t quiet_since_ns);

/** The first violation, or NULL. */
const struct oracle_violation *oracle_violation(const struct oracle *oracle);

/** For reports and tests. */
page_place oracle_place(const struct oracle *oracle, uint32_t vm, uint64_t pfn);
uint64_t oracle_pages_in(const struct oracle *oracle, uint32_t vm, page_place place);
/** Sum over all facts, made afresh: equals engine_state after every event. */
uint64_t oracle_state_afresh(const struct oracle *oracle);

const char *invariant_name(invariant_id id);
const char *invariant_text(invariant_id id);
unsigned invariant_assumes(invariant_id id);

#endif
