/*
 * Conformance: watches what crosses the boundary between drivers and devices, and counts for every
 * clause how often it applied to a party, and how often the party violated it.
 *
 * The world calls it for what is observed: register accesses, the device's accesses to guest
 * memory, notifications, pages that the allocator gave or got. It reads the rings in guest memory
 * with a parser of its own. It never asks a library what is right, draws nothing, changes nothing
 * and is in no hash. What it finds does not fail a run; `ballonet conformance` decides.
 *
 * Every call accepts a NULL instance, as in a world without oracles.
 */
#ifndef SIM_CONFORMANCE_CONFORMANCE_H
#define SIM_CONFORMANCE_CONFORMANCE_H

#include "sim/conformance/clauses.h"
#include "sim/engine/engine.h"

#include <ballonet/balloon.h>

struct conformance;

/** The party that acted. */
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

/** A row of the table. */
struct clause {
    const char *name; /**< "BD-1" */
    unsigned who;     /**< clause_who */
    clause_level level;
    clause_watch watch;
    const char *text;
    const char *reason; /**< why NOT_APPLICABLE; else "" */
};

const struct clause *clause_get_row(clause_id id);
/** The literal reading of a clause, where that differs from what is meant; else NULL. */
const char *clause_get_literal_text(clause_id id);
const char *clause_get_level_name(clause_level level);
const char *clause_get_party_name(unsigned who);

#define CLAUSE_PLACE_MAX 192

/** What was observed of a clause, for one party of one VM. */
struct clause_tally {
    uint64_t exercised; /**< times that it applied */
    uint64_t violated;
    uint64_t literal_exercised; /**< the same for the literal reading, where that differs */
    uint64_t literal_violated;
    uint64_t event; /**< of the first violation */
    uint64_t time_ns;
    char *place; /**< what the party did; NULL without a violation */
};

/** A VM at its start. Strings and memory must outlive the instance. */
struct conformance_vm {
    const char *name;
    uint64_t features_wanted; /**< what the driver's embedder lets it accept */
    struct bnt_balloon_binding binding;
    const uint8_t *dma; /**< guest memory in which rings and requests lie */
    uint64_t dma_gpa;
    size_t dma_bytes;
    uint64_t first_pfn;
    uint64_t pfns;
    uint32_t page_order;
    bool
        legacy_driver; /**< the driver may use the legacy interface: no VERSION_1, no FEATURES_OK */
    bool legacy_only;  /**< the driver has no other interface */
    bool legacy_device;          /**< the device has no other interface */
    bool big_endian;             /**< the guest's byte order, that of legacy rings */
    uint32_t held_max;           /**< refused pages that the driver may hold; 0: not known */
    uint64_t retry_min_ns;       /**< the driver's first back-off */
    bool free_expected;          /**< the guest expects a value of its free pages */
    uint64_t report_block_bytes; /**< smallest block of a free page report, as the driver's embedder
                                    wants it */
    bool foreign;                /**< the driver is a recording: its pages are not observed */
};

struct conformance *conformance_create(struct arena *arena, const struct engine *engine,
                                       uint32_t vm_count);
void conformance_destroy(struct conformance *seen);
void conformance_init_vm(struct conformance *seen, uint32_t vm,
                         const struct conformance_vm *config);

/** From now on the parties in `who` (clause_who) follow the script: what they do is counted apart.
 */
void conformance_mark_scripted(struct conformance *seen, uint32_t vm, unsigned who);

/** The script's faults are over: from now on both parties act by themselves. */
void conformance_mark_trusted(struct conformance *seen, uint32_t vm);

/* ---- Registers, as the driver accesses them ---- */

void conformance_observe_features_read(struct conformance *seen, uint32_t vm, uint64_t offered);
void conformance_observe_features_write(struct conformance *seen, uint32_t vm, uint64_t features);
void conformance_observe_status_read(struct conformance *seen, uint32_t vm, uint8_t status);
void conformance_observe_status_write_begun(struct conformance *seen, uint32_t vm, uint8_t status);
/** `now`: what the register holds after the write. */
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
/** `role`: BNT_BALLOON_QUEUE_*, whatever the index of the queue. */
void conformance_observe_queue_enable(struct conformance *seen, uint32_t vm, uint16_t queue,
                                      uint16_t role, uint16_t size, uint64_t desc_gpa,
                                      uint64_t avail_gpa, uint64_t used_gpa);

/** Whether the driver's own system wants the balloon empty. BD-4 and BD-7, about the device's
 * target, do not apply then. */
void conformance_observe_forced_emptying(struct conformance *seen, uint32_t vm, bool emptying);

/** The driver does not run before this time; a time in the past: it runs again. */
void conformance_observe_driver_stall(struct conformance *seen, uint32_t vm, uint64_t until_ns);
/** The OS asks the driver to move a ballooned page; not `begun`: the driver declined. */
void conformance_observe_page_move(struct conformance *seen, uint32_t vm, bool begun, uint64_t from,
                                   uint64_t to);

/** The driver stopped using this device, without notifying it. */
void conformance_observe_driver_gave_up(struct conformance *seen, uint32_t vm);

/** The device was replaced by one that knows nothing of this driver. */
void conformance_observe_device_replaced(struct conformance *seen, uint32_t vm);
/** Another kernel runs, which does not know which pages the device has. */
void conformance_observe_kernel_replaced(struct conformance *seen, uint32_t vm);

/** RING_RESET: the driver begins the reset of a queue, and reads whether it is complete. */
void conformance_observe_queue_reset(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_queue_reset_read(struct conformance *seen, uint32_t vm, uint16_t queue,
                                          uint16_t value);

/* ---- Notifications: as they are sent, and as they arrive ---- */

void conformance_observe_kick(struct conformance *seen, uint32_t vm, uint16_t queue);
/** A kick with NOTIFICATION_DATA. */
void conformance_observe_kick_data(struct conformance *seen, uint32_t vm, uint32_t data);
void conformance_observe_interrupt(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_config_interrupt(struct conformance *seen, uint32_t vm);
void conformance_observe_kick_arrived(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_interrupt_arrived(struct conformance *seen, uint32_t vm, uint16_t queue);
void conformance_observe_config_interrupt_arrived(struct conformance *seen, uint32_t vm);

/* ---- Guest memory, as the device accesses it ---- */

void conformance_observe_device_read(struct conformance *seen, uint32_t vm, uint64_t gpa,
                                     uint32_t bytes);
/** To be called after the bytes are written. */
void conformance_observe_device_write(struct conformance *seen, uint32_t vm, uint64_t gpa,
                                      uint32_t bytes);
/** A script altered a used ring, or an answer, after the device wrote it. */
void conformance_observe_altered_answer(struct conformance *seen, uint32_t vm, uint16_t queue);
/** The host discards backing, so that the content of the pages changes. */
void conformance_observe_discard(struct conformance *seen, uint32_t vm, uint64_t first_pfn,
                                 uint64_t pfns);

/* ---- Free page hints ---- */

/** The command id in configuration space changed. */
void conformance_observe_hint_command(struct conformance *seen, uint32_t vm, uint32_t command);
/** The migration that used hints is over: hinted pages are needed no longer. */
void conformance_observe_hinting_end(struct conformance *seen, uint32_t vm);
/** The device notifies its VMM that these pages need not be copied. */
void conformance_observe_hint_accepted(struct conformance *seen, uint32_t vm, uint64_t first_pfn,
                                       uint64_t pfns);
/** The driver gave hinted pages back to the OS. */
void conformance_observe_hint_pages_returned(struct conformance *seen, uint32_t vm,
                                             const uint64_t *pages, uint32_t count);
/** The guest reads or writes a page that was hinted and not written since. */
void conformance_observe_hinted_page_access(struct conformance *seen, uint32_t vm, uint64_t pfn,
                                            bool written);

/* ---- Pages, as the driver moves them ---- */

/** The driver allocated pages, or got one to replace a page that moves. First PFN of each. */
void conformance_observe_pages_allocated(struct conformance *seen, uint32_t vm,
                                         const uint64_t *pages, uint32_t count);
/** Its allocator had fewer pages than it asked for. */
void conformance_observe_failed_allocation(struct conformance *seen, uint32_t vm);
/** The driver gave pages back to the OS, which uses them. */
void conformance_observe_pages_freed(struct conformance *seen, uint32_t vm, const uint64_t *pages,
                                     uint32_t count);

/** The driver, or the device in its place, filled pages with the poison value. */
void conformance_observe_pages_filled(struct conformance *seen, uint32_t vm, const uint64_t *pages,
                                      uint32_t count);
/** The guest read or wrote a page of its own. First PFN. */
void conformance_observe_page_access(struct conformance *seen, uint32_t vm, uint64_t page,
                                     bool write);

/* ---- Time ---- */

/** An event that touched this VM is over. `status`, `config`: the device's registers now, observed
 * without an access of the driver. */
void conformance_observe_event_end(struct conformance *seen, uint32_t vm, uint8_t status,
                                   const uint8_t *config, uint32_t config_bytes);
/** The run is over; `quiet`: it ended in a phase without faults. */
void conformance_observe_run_end(struct conformance *seen, uint32_t vm, bool quiet);

/* ---- What was found ---- */

/** For a party of a VM: what the script made it do (`scripted`), or what it did by itself. */
const struct clause_tally *conformance_get_tally(const struct conformance *seen, uint32_t vm,
                                                 clause_party party, bool scripted, clause_id id);

#endif
