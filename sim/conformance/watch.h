/*
 * Private to sim/conformance: what is known of one VM, and what a watcher is.
 *
 * A watcher is a file with a `const struct watcher` whose members are called for what is observed,
 * and a row in the table of conformance.c. Its state is a struct of its own inside `struct watch`.
 * It reports by `clause_count_use` (the clause applied), `clause_require` (it applied, and was kept
 * or not) and `clause_count_violation`.
 */
#ifndef SIM_CONFORMANCE_WATCH_H
#define SIM_CONFORMANCE_WATCH_H

#include "sim/conformance/conformance.h"
#include "sim/conformance/pages.h"
#include "sim/conformance/rings.h"

#include <ballonet/virtio.h>

#include <string.h>

/** What the registers showed so far (registers.c). */
struct watch_registers {
    bool known; /**< a status was written: the driver's history is complete from a reset on */
    bool reset_wanted; /**< 0 was written and not read back yet */
    uint8_t status;    /**< as the driver wrote it last */
    bool offer_read;
    uint64_t offered;
    bool features_written;
    uint64_t features;
    bool features_ok_read;       /**< read back after FEATURES_OK was written, and still set */
    bool features_ok_refused;    /**< read back, and gone */
    unsigned steps;              /**< of initialisation, STEP_* */
    uint32_t queues_enabled;     /**< a bit each */
    bool missing;                /**< a feature that the driver wants was not offered */
    bool unknown_offered;        /**< a feature that no balloon has was offered */
    uint64_t accepted_before[8]; /**< feature sets that the device accepted before */
    uint32_t accepted_count;
};

/** Configuration space (configuration.c). */
struct watch_configuration {
    bool shown; /**< the device's configuration before FEATURES_OK is in shown_config */
    uint8_t shown_config[64];
    uint32_t limit; /**< the guest's limit, as the driver wrote it since the reset; 0: it did not */
    bool generation_known;
    uint32_t generation; /**< last read */
    bool reading;        /**< a field was read, and the generation was not read since */
    bool unsettled;      /**< the generation changed meanwhile: the field must be read again */
    uint32_t reading_offset;
    uint32_t rereads;
    struct {
        bool known;
        uint32_t value;
        uint32_t generation; /**< when it was read */
    } fields[16];            /**< le32 each */
};

/** Free page hinting (hints.c). */
struct watch_hints {
    uint32_t shown;          /**< the command id in configuration space */
    uint32_t read;           /**< the id that the driver read last */
    uint64_t read_ns;        /**< when it read that id first */
    uint32_t sent;           /**< the id that the driver sent last; 0: none since the reset */
    uint32_t begun;          /**< the id whose command buffer the device used last */
    bool running;            /**< the driver has not sent STOP for it */
    uint32_t unused_buffers; /**< hint buffers that the device used without taking a hint */
    uint64_t with_driver;    /**< hinted pages that the driver has not given back */
    uint32_t
        open[32]; /**< ids shown, oldest first, that the device must not show again before a STOP */
    uint32_t open_count;
    uint32_t *pages; /**< the id under which each page was hinted, 0: none; NULL: no page was ever
                        hinted */
};

/** A device that was suspended (suspend.c). */
struct watch_suspend {
    bool asked;        /**< SUSPEND was written, the device does not show it yet */
    bool suspended;    /**< the device is paused */
    bool seen;         /**< and the driver read that it is */
    bool resume_asked; /**< DRIVER_OK was written to resume, and the driver did nothing since */
    bool resume_seen;  /**< and read that the device is live */
    bool resuming;     /**< the write of DRIVER_OK is not complete */
    bool notified;     /**< a configuration interrupt came since that write */
    bool config_due;   /**< it resumed in this event: configuration is to be compared */
    bool config_known;
    uint32_t num_pages; /**< as the device showed it last */
};

/** Queues that were reset, a bit each (queue_reset.c). */
struct watch_queue_resets {
    uint32_t resetting;
    uint32_t reset_read; /**< of these, read back as complete */
    uint32_t fresh;      /**< enabled again, and no buffer was used since */
};

/** The legacy interface (legacy.c). */
struct watch_legacy {
    bool begun;      /**< DRIVER_OK was written in this event */
    bool answered;   /**< a buffer without writable part was used: its length must be ignored */
    bool odd_length; /**< a used length larger than the buffer was seen */
    uint32_t lost;   /**< queues that were reported as unreadable, a bit each */
};

#define WATCH_STATISTICS_MAX 64

/** Statistics buffers (statistics.c). */
struct watch_statistics {
    uint32_t in_flight; /**< buffers in flight */
    bool ever;          /**< one was submitted since the reset */
    bool due;           /**< the driver must submit one */
    bool odd_tag;       /**< the buffer in flight has an unknown tag */
    bool odd_order;     /**< or its tags do not ascend */
    uint64_t due_ns;
    uint32_t count; /**< entries of this kernel's last buffer */
    uint16_t tags[WATCH_STATISTICS_MAX];
};

/** Free page reports and the poison (reports.c). */
struct watch_reports {
    uint8_t *marks; /**< a byte a PFN; NULL: the driver can neither report nor poison */
    uint64_t in_flight_pfns;
    uint32_t poison_val;
    bool poison_written;
};

/** The OS moves a ballooned page (moves.c). */
struct watch_moves {
    bool on;
    uint64_t from; /**< first PFN of the page that is to leave the balloon */
    uint64_t to;   /**< first PFN of the page that replaces it */
};

struct watch {
    struct conformance *seen;
    uint32_t vm;
    struct conformance_vm config;
    bool scripted[CLAUSE_PARTIES];
    uint64_t features;         /**< negotiated, once FEATURES_OK stands; else 0 */
    bool emptying;             /**< the driver's own system wants the balloon empty */
    uint64_t stalled_until_ns; /**< the driver does not run before this time */
    bool given_up;             /**< the driver stopped using this device, until it resets it */
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
    const struct watcher *const *watchers; /**< up to the first NULL */
};

/* Short names of the parties, for the calls that name a clause. */
#define DRV CLAUSE_DRIVER
#define DEV CLAUSE_DEVICE

static inline bool is_negotiated(const struct watch *watch, uint64_t feature)
{
    return (watch->features & feature) != 0;
}

/** Configuration space is little-endian, whatever the guest is. */
static inline uint32_t read_le32(const void *data)
{
    bnt_le32 value;
    memcpy(&value, data, sizeof value);
    return bnt_le32_get(value);
}

/** The device's registers at the end of an event. */
struct seen_device {
    uint8_t status;
    uint8_t config[64]; /**< from its beginning; 0 beyond its end */
};

/** What the queue is for; NONE if it is not one of the device's. */
static inline uint16_t seen_find_role(const struct watch *watch, uint16_t index)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->index == index && queue->size > 0) {
            return queue->role;
        }
    }
    return BNT_BALLOON_QUEUE_NONE;
}

/** What a watcher can observe. Members may be NULL. */
struct watcher {
    void (*reset)(struct watch *watch);     /**< the device status became 0, or the device is new */
    void (*guest_new)(struct watch *watch); /**< another kernel runs; called before `reset` */
    void (*live)(struct watch *watch);      /**< DRIVER_OK was set */
    void (*status_read)(struct watch *watch, uint8_t status);
    /** The driver is about to write the status; what the device does during the write is observed
     * before `status_write`. */
    void (*status_writing)(struct watch *watch, uint8_t status);
    /** `now`: what the register holds after the write. Called before `reset` and `live`. */
    void (*status_write)(struct watch *watch, uint8_t status, uint8_t now);
    void (*queue_reset)(struct watch *watch, uint16_t queue);
    void (*queue_reset_read)(struct watch *watch, uint16_t queue, uint16_t value);
    void (*queue_enable)(struct watch *watch, uint16_t queue);
    /** `next`: the upper half of a notification's data. */
    void (*kick_data)(struct watch *watch, uint16_t queue, uint16_t next);
    void (*config_shown)(struct watch *watch, const uint8_t *config, uint32_t bytes);
    void (*config_read)(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes);
    void (*config_write)(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes);
    /** The driver made a buffer available; seen_read_buffer (rings.h) reads its content. */
    void (*submitted)(struct watch *watch, const struct seen_queue *queue,
                      const struct seen_buffer *buffer);
    /** The device used it; it says that it wrote `len` bytes. */
    void (*used)(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len);
    /** A script altered the last answer of the device: `used` follows again, with the altered one.
     */
    void (*answer_withdrawn)(struct watch *watch, const struct seen_queue *queue,
                             const struct seen_buffer *buffer);
    void (*driver_gave_up)(struct watch *watch); /**< it stops using this device */
    void (*kick)(struct watch *watch, uint16_t queue);
    void (*interrupt)(struct watch *watch, uint16_t queue);
    void (*config_interrupt)(struct watch *watch);
    void (*kick_arrived)(struct watch *watch, uint16_t queue);
    void (*interrupt_arrived)(struct watch *watch, uint16_t queue);
    void (*config_arrived)(struct watch *watch);
    void (*device_reads)(struct watch *watch, uint64_t gpa, uint32_t bytes);
    void (*device_wrote)(struct watch *watch, uint64_t gpa, uint32_t bytes);
    void (*discarded)(struct watch *watch, uint64_t first_pfn, uint64_t pfns);
    void (*pages_taken)(struct watch *watch, const uint64_t *pages, uint32_t count);
    void (*pages_refused)(struct watch *watch); /**< by the allocator */
    void (*pages_given)(struct watch *watch, const uint64_t *pages, uint32_t count);
    void (*page_filled)(struct watch *watch, uint64_t page); /**< with the poison value */
    void (*page_touched)(struct watch *watch, uint64_t page, bool write); /**< by the guest */
    void (*event_end)(struct watch *watch, const struct seen_device *device);
    void (*hint_shown)(struct watch *watch, uint32_t command);
    void (*hint_over)(struct watch *watch);
    void (*hinted)(struct watch *watch, uint64_t first_pfn, uint64_t pfns);
    void (*hint_given)(struct watch *watch, const uint64_t *pages, uint32_t count);
    void (*hint_touched)(struct watch *watch, uint64_t pfn, bool written);
    void (*end)(struct watch *watch, bool quiet);
};

/** Calls this member of every watcher that has it. */
#define CALL_WATCHERS(watch, member, ...)                                                      \
    do {                                                                                       \
        for (const struct watcher *const *watcher = (watch)->seen->watchers; *watcher != NULL; \
             watcher++) {                                                                      \
            if ((*watcher)->member != NULL) {                                                  \
                (*watcher)->member(__VA_ARGS__);                                               \
            }                                                                                  \
        }                                                                                      \
    } while (0)

/* In the order in which they are called (conformance.c). */
extern const struct watcher watch_registers_watcher;
extern const struct watcher watch_configuration_watcher;
extern const struct watcher watch_notify_watcher;
extern const struct watcher watch_access_watcher;
extern const struct watcher watch_legacy_watcher;    /**< sees where pages were */
extern const struct watcher watch_extension_watcher; /**< and so does this one */
extern const struct watcher watch_pages_watcher;
extern const struct watcher watch_target_watcher;
extern const struct watcher watch_answers_watcher; /**< sees where pages are now */
extern const struct watcher watch_moves_watcher;   /**< and so does this one */
extern const struct watcher watch_hints_watcher;
extern const struct watcher watch_suspend_watcher;
extern const struct watcher watch_queue_reset_watcher;
extern const struct watcher watch_statistics_watcher;
extern const struct watcher watch_reports_watcher;

/* hints.c */
void hints_free_state(struct watch *watch);

/* suspend.c */
/** Whether the device is paused, was asked to pause, or was asked to resume and does not show it
 * yet. */
bool is_device_paused(const struct watch *watch);

/* watch.c: what all watchers need */
struct arena *watch_get_arena(const struct watch *watch);
uint64_t watch_get_time_ns(const struct watch *watch);
void watchers_observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                       const struct seen_buffer *buffer);
/** The buffer was used already, and a script altered the answer since. */
void watchers_observe_buffer_used_again(struct watch *watch, const struct seen_queue *queue,
                                        const struct seen_buffer *buffer, uint32_t len);
void watchers_observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                  const struct seen_buffer *buffer, uint32_t len);

/** The clause applied to what this party did. */
void clause_count_use(struct watch *watch, clause_party party, clause_id id);
/** The party violated it. printf-like: what it did. */
__attribute__((format(printf, 4, 5))) void clause_count_violation(struct watch *watch,
                                                                  clause_party party, clause_id id,
                                                                  const char *format, ...);
/** Counts the literal reading of the clause, where that differs (CLAUSE_LITERAL_MAP). */
void clause_count_literal(struct watch *watch, clause_party party, clause_id id, bool kept);

/** The clause applied; it was violated unless `kept`. */
#define clause_require(watch, party, id, kept, ...)                      \
    do {                                                                 \
        clause_count_use((watch), (party), (id));                        \
        if (!(kept)) {                                                   \
            clause_count_violation((watch), (party), (id), __VA_ARGS__); \
        }                                                                \
    } while (0)

/* reports.c */
void reports_init(struct watch *watch);
void reports_free(struct watch *watch);

/* configuration.c, called by conformance.c */
void configuration_note_generation_read(struct watch *watch, uint32_t generation);

/* registers.c, called by conformance.c ahead of the watchers */
void registers_note_features_read(struct watch *watch, uint64_t offered);
void registers_note_features_write(struct watch *watch, uint64_t features);
void registers_note_status_read(struct watch *watch, uint8_t status);
void registers_note_status_write(struct watch *watch, uint8_t status, uint8_t now);
void registers_note_queue_enable(struct watch *watch, uint16_t queue);

#endif
