/*
 * This folder (sim/conformance) observes the boundary between drivers and devices. For every clause
 * and party it counts how often the clause applied, and how often the party violated the clause.
 *
 * The world reports what it observes: register accesses, the device's accesses to guest memory,
 * notifications, and pages that the driver allocates and frees. The watchers read the rings in
 * guest memory with a parser that is not the libraries' parser. It never asks a library what is
 * right. It draws no choice, changes no state of the run, and adds nothing to the hash. A violated
 * clause does not fail a run; only `ballonet conformance` reports it.
 *
 * Every function accepts NULL as the instance. A world has an instance only if somebody asks for
 * the counts (`clauses` in struct world_config): the verbs `conformance` and `test`, and the judge
 * of generated scenarios. A plain `run` prints no counts and does not pay for them.
 */
#ifndef SIM_CONFORMANCE_CONFORMANCE_H
#define SIM_CONFORMANCE_CONFORMANCE_H

#include "sim/conformance/clauses.h"
#include "sim/engine/engine.h"

#include <ballonet/balloon.h>

struct conformance;

/** The party that performed an action. */
typedef enum clause_party {
    CLAUSE_DRIVER = 0,
    CLAUSE_DEVICE,
    CLAUSE_PARTIES
} clause_party;

typedef enum clause_who {
    CLAUSE_WHO_DRIVER = 1,
    CLAUSE_WHO_DEVICE = 2,
    CLAUSE_WHO_BOTH = 3
} clause_who;

typedef enum clause_level {
    CLAUSE_LEVEL_MUST,
    CLAUSE_LEVEL_MUST_NOT,
    CLAUSE_LEVEL_SHOULD,
    CLAUSE_LEVEL_SHOULD_NOT,
    CLAUSE_LEVEL_MAY
} clause_level;

typedef enum clause_watch {
    CLAUSE_WATCHED,
    CLAUSE_OPEN,
    CLAUSE_NOT_APPLICABLE
} clause_watch;

/** A row of the table of clauses. */
struct clause {
    const char *name; /**< "BD-1" */
    unsigned who;     /**< clause_who */
    clause_level level;
    clause_watch watch;
    const char *text;
    const char *reason; /**< why NOT_APPLICABLE; else "" */
};

const struct clause *clause_get_row(clause_id id);
/** The literal reading of a clause, or NULL if it does not differ from the intended meaning. */
const char *clause_get_literal_text(clause_id id);
const char *clause_get_level_name(clause_level level);
const char *clause_get_party_name(unsigned who);

#define CLAUSE_PLACE_MAX 192

/** The counts of a clause for one party of one VM. */
struct clause_tally {
    uint64_t exercised; /**< how often the clause applied */
    uint64_t violated;
    uint64_t literal_exercised; /**< the same count for the literal reading of the clause, if it
                                     differs from the intended meaning */
    uint64_t literal_violated;
    uint64_t event; /**< number of the event of the first violation */
    uint64_t time_ns;
    char *place; /**< what the party did at the first violation; NULL if there is none */
};

/** The properties of a VM at its start. Strings and memory must outlive the conformance instance.
 */
struct conformance_vm {
    const char *name;
    uint64_t features_wanted; /**< the features that the driver's embedder allows it to accept */
    struct bnt_balloon_binding binding;
    const uint8_t *dma; /**< the guest memory that contains rings and requests */
    uint64_t dma_gpa;
    size_t dma_bytes;
    uint64_t first_pfn;
    uint64_t pfns;
    uint32_t page_order;
    bool legacy_driver;    /**< the driver may use the legacy interface, without VERSION_1 and
                              FEATURES_OK */
    bool legacy_only;      /**< the driver has only the legacy interface */
    bool legacy_device;    /**< the device has only the legacy interface */
    bool big_endian;       /**< the byte order of the guest, in which legacy rings are written */
    uint32_t held_max;     /**< the most refused pages that the driver may hold; 0 if this bound is
                                not known */
    uint64_t retry_min_ns; /**< the driver's first back-off */
    bool free_expected;    /**< the guest expects its free pages to contain a certain value */
    uint64_t report_block_bytes; /**< the smallest block that a free page report may contain, by the
                                      driver's configuration */
    bool foreign;                /**< the driver is replayed from a recording, so that its pages
                                      cannot be observed */
};

struct conformance *conformance_create(struct arena *arena, const struct engine *engine,
                                       uint32_t vm_count);
void conformance_destroy(struct conformance *seen);
void conformance_init_vm(struct conformance *seen, uint32_t vm,
                         const struct conformance_vm *config);

/** From now on the script controls the parties in `who` (clause_who), and the actions of these
 * parties are counted separately. */
void conformance_mark_party_scripted(struct conformance *seen, uint32_t vm, unsigned who);

/** The faults of the script have ended: from now on, no action is counted as scripted. */
void conformance_mark_parties_unscripted(struct conformance *seen, uint32_t vm);

/* ---- The driver's accesses to registers ---- */

void conformance_observe_features_read(struct conformance *seen, uint32_t vm, uint64_t offered);
void conformance_observe_features_write(struct conformance *seen, uint32_t vm, uint64_t features);
void conformance_observe_status_read(struct conformance *seen, uint32_t vm, uint8_t status);
void conformance_observe_status_write_begun(struct conformance *seen, uint32_t vm, uint8_t status);
/** `now` is the value that the register has after the write. */
void conformance_observe_status_write(struct conformance *seen, uint32_t vm, uint8_t status,
                                      uint8_t now);
void conformance_observe_generation_read(struct conformance *seen, uint32_t vm,
                                         uint32_t generation);
/** The device's configuration before FEATURES_OK, observed without an access of the driver. */
void conformance_observe_early_config(struct conformance *seen, uint32_t vm, const uint8_t *config,
                                      uint32_t bytes);
void conformance_observe_config_read(struct conformance *seen, uint32_t vm, uint32_t offset,
                                     const void *data, uint32_t bytes);
void conformance_observe_config_write(struct conformance *seen, uint32_t vm, uint32_t offset,
                                      const void *data, uint32_t bytes);
/** `role` is one of BNT_BALLOON_QUEUE_*; a queue keeps its role whatever its index is. */
void conformance_observe_queue_enable(struct conformance *seen, uint32_t vm, uint16_t queue,
                                      uint16_t role, uint16_t size, uint64_t desc_gpa,
                                      uint64_t avail_gpa, uint64_t used_gpa);

/** Whether the guest's own system requires an empty balloon. In that case, the clauses BD-4 and
 * BD-7, about the device's target, do not apply. */
void conformance_observe_forced_emptying(struct conformance *seen, uint32_t vm, bool emptying);

/** The driver does not run before this time. A time in the past means that the driver runs
 * again. */
void conformance_observe_driver_stall(struct conformance *seen, uint32_t vm, uint64_t until_ns);
/** The OS asks the driver to move a ballooned page. `begun` is false if the driver declined. */
void conformance_observe_page_move(struct conformance *seen, uint32_t vm, bool begun, uint64_t from,
                                   uint64_t to);

/** The driver stopped using this device and did not notify the device. */
void conformance_observe_driver_gave_up(struct conformance *seen, uint32_t vm);

/** The device was replaced by another one, which has no state of this driver. */
void conformance_observe_device_replaced(struct conformance *seen, uint32_t vm);
/** Another kernel was started; it does not know which pages the device has. */
void conformance_observe_kernel_replaced(struct conformance *seen, uint32_t vm);

/** RING_RESET: the driver begins the reset of a queue, and reads whether it is complete. */
void conformance_observe_queue_reset(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_queue_reset_read(struct conformance *seen, uint32_t vm, uint16_t queue,
                                          uint16_t value);

/* ---- Notifications when they are sent and when they arrive ---- */

void conformance_observe_kick(struct conformance *seen, uint32_t vm, uint16_t queue);
/** A kick with NOTIFICATION_DATA. */
void conformance_observe_kick_data(struct conformance *seen, uint32_t vm, uint32_t data);
void conformance_observe_interrupt(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_config_interrupt(struct conformance *seen, uint32_t vm);
void conformance_observe_kick_arrived(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_interrupt_arrived(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_config_interrupt_arrived(struct conformance *seen, uint32_t vm);

/* ---- The device's accesses to guest memory ---- */

void conformance_observe_device_read(struct conformance *seen, uint32_t vm, uint64_t gpa,
                                     uint32_t bytes);
/** Call this after the bytes are written. */
void conformance_observe_device_write(struct conformance *seen, uint32_t vm, uint64_t gpa,
                                      uint32_t bytes);
/** A script changed a used ring or an answer after the device wrote it. */
void conformance_observe_altered_answer(struct conformance *seen, uint32_t vm, uint16_t queue);
/** The host discards backing memory, so that the content of the pages changes. */
void conformance_observe_discard(struct conformance *seen, uint32_t vm, uint64_t first_pfn,
                                 uint64_t pfns);

/* ---- Free page hints ---- */

/** The command id in configuration space changed. */
void conformance_observe_hint_command(struct conformance *seen, uint32_t vm, uint32_t command);
/** The migration that used hints has ended, so the device does not need hinted pages any more. */
void conformance_observe_hinting_end(struct conformance *seen, uint32_t vm);
/** The device informs its VMM that a migration does not have to copy these pages. */
void conformance_observe_hint_accepted(struct conformance *seen, uint32_t vm, uint64_t first_pfn,
                                       uint64_t pfns);
/** The driver returned hinted pages to the OS. */
void conformance_observe_hint_pages_returned(struct conformance *seen, uint32_t vm,
                                             const uint64_t *pages, uint32_t count);
/** The guest accesses a hinted page that it has not written to since the hint. */
void conformance_observe_hinted_page_access(struct conformance *seen, uint32_t vm, uint64_t pfn,
                                            bool written);

/* ---- Pages that the driver allocates, frees or replaces ---- */

/** The driver allocated pages, or the OS gave it a page that is to replace a ballooned page.
 * `pages` contains the first PFN of each page. */
void conformance_observe_pages_allocated(struct conformance *seen, uint32_t vm,
                                         const uint64_t *pages, uint32_t count);
/** The driver's allocator had fewer pages than the driver asked for. */
void conformance_observe_failed_allocation(struct conformance *seen, uint32_t vm);
/** The driver freed pages, which the OS may use from now on. */
void conformance_observe_pages_freed(struct conformance *seen, uint32_t vm, const uint64_t *pages,
                                     uint32_t count);

/** Pages were filled with the poison value, by the driver or by the device on its behalf. */
void conformance_observe_pages_filled(struct conformance *seen, uint32_t vm, const uint64_t *pages,
                                      uint32_t count);
/** The guest read or wrote a page that it owns. First PFN. */
void conformance_observe_page_access(struct conformance *seen, uint32_t vm, uint64_t page,
                                     bool write);

/* ---- Time ---- */

/** An event that concerned this VM is over. `status` and `config` are the device's registers now,
 * observed without an access of the driver. */
void conformance_observe_event_end(struct conformance *seen, uint32_t vm, uint8_t status,
                                   const uint8_t *config, uint32_t config_bytes);
/** The run is over. `quiet` means that no faults were active at the end of the run. */
void conformance_observe_run_end(struct conformance *seen, uint32_t vm, bool quiet);

/* ---- What was found ---- */

/** The counts of a clause for a party of a VM: either those of its scripted actions, or those of
 * its own actions. */
const struct clause_tally *conformance_get_tally(const struct conformance *seen, uint32_t vm,
                                                 clause_party party, bool scripted, clause_id id);

#endif
