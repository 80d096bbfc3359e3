/*
 * Private to sim/conformance: what the watchers record about one VM, and the functions that they
 * all call.
 *
 * The state of a watcher is a struct inside `struct watch`; its interface is in watchers.h. To
 * count, a watcher calls `clause_count_use` (the clause applied),
 * `clause_require` (the clause applied; it was violated or not) or `clause_count_violation`.
 */
#ifndef SIM_CONFORMANCE_WATCH_H
#define SIM_CONFORMANCE_WATCH_H

#include "sim/conformance/conformance.h"
#include "sim/conformance/pages.h"
#include "sim/conformance/rings.h"
#include "sim/conformance/watchers.h"

#include <ballonet/virtio.h>

#include <stddef.h>
#include <string.h>

#define WATCHERS_MAX 16

/** What the driver has read and written in the registers so far (registers.c). */
struct watch_registers {
    bool known; /**< the driver wrote a status, so that its history since the reset is known */
    bool reset_wanted; /**< the driver wrote status 0 and has not read it back yet */
    uint8_t status;    /**< the status that the driver wrote last */
    bool offer_read;
    uint64_t offered;
    bool features_written;
    uint64_t features;
    bool features_ok_read;       /**< the driver read back FEATURES_OK, and it was still set */
    bool features_ok_refused;    /**< the driver read back the status, and FEATURES_OK was clear */
    unsigned steps;              /**< of initialisation, STEP_* */
    uint32_t queues_enabled;     /**< a bit each */
    bool missing;                /**< a feature that the driver needs was not offered */
    bool unknown_offered;        /**< the device offered a feature that no balloon has */
    uint64_t accepted_before[8]; /**< sets of features that the device accepted earlier */
    uint32_t accepted_count;
};

/** Configuration space (configuration.c). */
struct watch_configuration {
    bool shown; /**< shown_config contains the device's configuration before FEATURES_OK */
    uint8_t shown_config[64];
    uint32_t
        limit; /**< the guest's limit that the driver wrote since the reset; 0 if it wrote none */
    bool generation_known;
    uint32_t generation; /**< last read */
    bool reading;        /**< the driver read a field and has not read the generation since */
    bool unsettled; /**< the generation changed during the read, so that the driver must read the
                       field again */
    uint32_t reading_offset;
    uint32_t rereads;
    struct {
        bool known;
        uint32_t value;
        uint32_t generation; /**< the generation when the driver read the configuration field */
    } fields[16];            /**< le32 each */
};

/** Free page hinting (hints.c). */
struct watch_hints {
    uint32_t shown;   /**< the command id that configuration space shows */
    uint32_t read;    /**< the command id that the driver read last */
    uint64_t read_ns; /**< when the driver first read that command id */
    uint32_t sent;    /**< the command id that the driver sent last; 0 if none since the reset */
    uint32_t begun;   /**< the command id whose buffer the device used last */
    bool running;     /**< the driver has not yet sent STOP for the command id `sent` */
    uint32_t
        unused_buffers; /**< number of hint buffers that the device used without accepting a hint */
    uint64_t with_driver; /**< number of hinted pages that the driver has not returned to the OS */
    uint32_t open[32];    /**< command ids, oldest first, that the device must not show again before
                               the driver sent STOP */
    uint32_t open_count;
    uint32_t *pages; /**< the command id under which each page was hinted, 0 for none; NULL if no
                        page was ever hinted */
};

/** The state of suspend and resume (suspend.c). */
struct watch_suspend {
    bool asked;        /**< the driver wrote SUSPEND, and the status does not show SUSPEND yet */
    bool suspended;    /**< the device is paused */
    bool seen;         /**< the driver read that the device is suspended */
    bool resume_asked; /**< the driver wrote DRIVER_OK to resume, and did nothing since */
    bool resume_seen;  /**< the driver read that the device resumed */
    bool resuming;     /**< the driver's write of DRIVER_OK is not complete */
    bool notified;     /**< a configuration interrupt was sent since that write */
    bool config_due; /**< the device resumed in this event, so that its configuration is compared */
    bool config_known;
    uint32_t num_pages; /**< the configuration that the device showed last */
};

/** Queues that were reset (queue_reset.c). Each queue has one bit. */
struct watch_queue_resets {
    uint32_t resetting;
    uint32_t reset_read; /**< queues whose reset the driver read as complete */
    uint32_t fresh;      /**< queues that were enabled again and have no used buffer since */
};

/** The legacy interface (legacy.c). */
struct watch_legacy {
    bool begun;    /**< the driver wrote DRIVER_OK in this event */
    bool answered; /**< the device used a buffer that has no writable part, so that the driver must
                        ignore the used length */
    bool odd_length; /**< the device reported a used length larger than the buffer */
    uint32_t lost;   /**< queues that were counted as unreadable; each queue has one bit */
};

#define WATCH_STATISTICS_MAX 64

/** Statistics buffers (statistics.c). */
struct watch_statistics {
    uint32_t in_flight; /**< buffers in flight */
    bool ever;          /**< the driver submitted a statistics buffer since the reset */
    bool due;           /**< the driver must submit a statistics buffer */
    bool odd_tag;       /**< the statistics buffer in flight has an unknown tag */
    bool odd_order;     /**< the statistics buffer in flight has tags that do not ascend */
    uint64_t due_ns;
    uint32_t count; /**< number of entries in the last statistics buffer of this kernel */
    uint16_t tags[WATCH_STATISTICS_MAX];
};

/** The state of free page reports and of the poison value (reports.c). */
struct watch_reports {
    struct page_facts marks; /**< no PFNs if the driver can neither report nor poison pages */
    uint64_t marked_pfns;    /**< PFNs that have a mark */
    uint64_t in_flight_pfns;
    uint32_t poison_val;
    bool poison_written;
};

/** The move of a ballooned page by the OS (moves.c). */
struct watch_moves {
    bool on;
    uint64_t from; /**< first PFN of the page that must leave the balloon */
    uint64_t to;   /**< first PFN of the page that replaces it in the balloon */
};

struct watch {
    struct conformance *seen;
    uint32_t vm;
    struct conformance_vm config;
    bool scripted[CLAUSE_PARTIES];
    uint64_t features;         /**< the negotiated features; 0 before FEATURES_OK */
    bool emptying;             /**< the guest's own system requires an empty balloon */
    uint64_t stalled_until_ns; /**< the driver does not run before this virtual time */
    bool given_up;             /**< the driver stopped using this device and has not reset it yet */
    bool live;                 /**< DRIVER_OK is set */
    bool legacy;               /**< the driver uses the legacy interface */
    struct watch_registers registers;
    struct watch_configuration configuration;
    struct watch_suspend suspend;
    struct watch_queue_resets queue_resets;
    struct watch_rings rings;
    struct watch_pages pages;
    struct watch_target target;
    struct watch_extension extension;
    struct watch_statistics statistics;
    struct watch_reports reports;
    struct watch_hints hints;
    struct watch_moves moves;
    struct watch_legacy legacy_seen;
    struct clause_tally tallies[CLAUSE_PARTIES][2][CLAUSE_COUNT];
};

struct conformance {
    struct arena *arena;
    const struct engine *engine;
    uint32_t vm_count;
    struct watch *vms;
    /** For each member of struct watcher, the watchers that have it, in order; then NULL. */
    const struct watcher *(*watchers)[WATCHERS_MAX + 1];
};

/* Short names of the two parties, used in calls of the functions that count. */
#define DRV CLAUSE_DRIVER
#define DEV CLAUSE_DEVICE

static inline bool is_feature_negotiated(const struct watch *watch, uint64_t feature)
{
    return (watch->features & feature) != 0;
}

/** Configuration space is little-endian, whatever the guest's byte order is. */
static inline uint32_t read_le32(const void *data)
{
    bnt_le32 value;
    memcpy(&value, data, sizeof value);
    return bnt_le32_to_cpu(value);
}

/** The device's registers at the end of an event. */
struct seen_device {
    uint8_t status;
    uint8_t config[64]; /**< the configuration from its beginning, with zeros beyond its end */
};

/** Whether the rings are big-endian: only a legacy driver in a big-endian guest has such rings
 * (VG-33). */
static inline bool watch_are_rings_swapped(const struct watch *watch)
{
    return watch->config.big_endian && (watch->registers.features & BNT_F_VERSION_1) == 0;
}

/* Numbers in the byte order of the rings; `swapped` is whether they are big-endian. */
static inline uint16_t read_ring_u16(const uint8_t *at, bool swapped)
{
    bnt_le16 wire;
    memcpy(&wire, at, sizeof wire);
    return bnt_guest16_to_cpu(wire, swapped);
}

static inline uint32_t read_ring_u32(const uint8_t *at, bool swapped)
{
    bnt_le32 wire;
    memcpy(&wire, at, sizeof wire);
    return bnt_guest32_to_cpu(wire, swapped);
}

static inline uint64_t read_ring_u64(const uint8_t *at, bool swapped)
{
    bnt_le64 wire;
    memcpy(&wire, at, sizeof wire);
    return bnt_guest64_to_cpu(wire, swapped);
}

static inline uint16_t watch_read_ring_u16(const struct watch *watch, const uint8_t *at)
{
    return read_ring_u16(at, watch_are_rings_swapped(watch));
}

static inline uint32_t watch_read_ring_u32(const struct watch *watch, const uint8_t *at)
{
    return read_ring_u32(at, watch_are_rings_swapped(watch));
}

/** Returns the role of a queue; NONE if the device has no such queue. */
static inline uint16_t watch_find_queue_role(const struct watch *watch, uint16_t index)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->index == index && queue->size > 0) {
            return queue->role;
        }
    }
    return BNT_BALLOON_QUEUE_NONE;
}

/* hints.c */
void hints_free_state(struct watch *watch);

/* suspend.c */
/** Whether the device is suspended, or was asked to suspend, or was asked to resume and its status
 * does not show this yet. */
bool is_device_paused(const struct watch *watch);

/* Functions of watch.c, which all watchers need */
/** Fills `seen->watchers` from the list of all watchers, which ends with NULL. */
void watch_list_watchers(struct conformance *seen, const struct watcher *const *all);
void watch_free_watchers(struct conformance *seen);
struct arena *watch_get_arena(const struct watch *watch);
uint64_t watch_get_time_ns(const struct watch *watch);
void watchers_observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                       const struct seen_buffer *buffer);
/** The device used the buffer earlier, and a script has altered the answer since then. */
void watchers_observe_buffer_used_again(struct watch *watch, const struct seen_queue *queue,
                                        const struct seen_buffer *buffer, uint32_t len);
void watchers_observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                  const struct seen_buffer *buffer, uint32_t len);

/** Counts that the clause applied to this many actions of this party. */
static inline void clause_count_uses(struct watch *watch, clause_party party, clause_id id,
                                     uint64_t count)
{
    watch->tallies[party][watch->scripted[party]][id].exercised += count;
}

/** Counts that the clause applied to an action of this party. */
static inline void clause_count_use(struct watch *watch, clause_party party, clause_id id)
{
    clause_count_uses(watch, party, id, 1);
}

/** Counts that the party violated the clause `count` times; the arguments of printf say what it did
 * first. */
__attribute__((format(printf, 5, 6))) void clause_count_violations(struct watch *watch,
                                                                   clause_party party, clause_id id,
                                                                   uint64_t count,
                                                                   const char *format, ...);

/** Counts that the party violated the clause; the arguments of printf say what it did. */
#define clause_count_violation(watch, party, id, ...) \
    clause_count_violations((watch), (party), (id), 1, __VA_ARGS__)

/** Counts for the literal reading of a clause, which is a row of CLAUSE_LITERAL_MAP. */
void clause_count_literal_reading(struct watch *watch, clause_party party, clause_id id, bool kept);

/** Counts that the clause applied. If `kept` is false, also counts a violation. */
#define clause_require(watch, party, id, kept, ...) \
    clause_require_each((watch), (party), (id), 1, (kept), __VA_ARGS__)

/** The same for `count` actions that do not differ. */
#define clause_require_each(watch, party, id, count, kept, ...)                    \
    do {                                                                           \
        clause_count_uses((watch), (party), (id), (count));                        \
        if (!(kept)) {                                                             \
            clause_count_violations((watch), (party), (id), (count), __VA_ARGS__); \
        }                                                                          \
    } while (0)

/* reports.c */
void reports_init(struct watch *watch);
void reports_free(struct watch *watch);

/* configuration.c, called by conformance.c */
void configuration_note_generation_read(struct watch *watch, uint32_t generation);

/* Functions of registers.c, which conformance.c calls before the watchers */
void registers_note_features_read(struct watch *watch, uint64_t offered);
void registers_note_features_write(struct watch *watch, uint64_t features);
void registers_note_status_read(struct watch *watch, uint8_t status);
void registers_note_status_write(struct watch *watch, uint8_t status, uint8_t now);
void registers_note_queue_enable(struct watch *watch, uint16_t queue);

#endif
