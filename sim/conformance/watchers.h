/*
 * Private to sim/conformance: the interface of a watcher, and the list of all watchers.
 *
 * A watcher is a file with a `const struct watcher` that is listed in the table of conformance.c.
 * For each observation, a function of this struct is called. Included by watch.h, which has the
 * state of the watchers and the functions that they call.
 */
#ifndef SIM_CONFORMANCE_WATCHERS_H
#define SIM_CONFORMANCE_WATCHERS_H

#include "sim/conformance/rings.h"

struct seen_device;

/** The functions of a watcher, one for each kind of observation. A member can be NULL. */
struct watcher {
    void (*reset)(
        struct watch *watch); /**< the device status became 0, or the device was replaced */
    void (*guest_new)(struct watch *watch); /**< a new kernel runs; called before `reset` */
    void (*live)(struct watch *watch);      /**< DRIVER_OK was set */
    void (*status_read)(struct watch *watch, uint8_t status);
    /** The driver is about to write the status. What the device does during the write is observed
     * before `status_write` is called. */
    void (*status_writing)(struct watch *watch, uint8_t status);
    /** `now` is the value of the register after the write. Called before `reset` and `live`. */
    void (*status_write)(struct watch *watch, uint8_t status, uint8_t now);
    void (*queue_reset)(struct watch *watch, uint16_t queue);
    void (*queue_reset_read)(struct watch *watch, uint16_t queue, uint16_t value);
    void (*queue_enable)(struct watch *watch, uint16_t queue);
    /** `next` is the ring position in the upper half of the notification data. */
    void (*kick_data)(struct watch *watch, uint16_t queue, uint16_t next);
    void (*config_shown)(struct watch *watch, const uint8_t *config, uint32_t bytes);
    void (*config_read)(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes);
    void (*config_write)(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes);
    /** The driver made a buffer available; watch_read_buffer_bytes (rings.h) reads the content of a
     * buffer, and `watch->pages.request` is the inflate or deflate in it. */
    void (*submitted)(struct watch *watch, const struct seen_queue *queue,
                      const struct seen_buffer *buffer);
    /** The device used a buffer with the used length `len`. */
    void (*used)(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len);
    /** A script altered the last answer of the device: `used` is called again with the altered
     * answer. No request is read before this call. */
    void (*answer_withdrawn)(struct watch *watch, const struct seen_queue *queue,
                             const struct seen_buffer *buffer);
    void (*driver_gave_up)(struct watch *watch); /**< the driver stops using this device */
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
    void (*page_filled)(struct watch *watch,
                        uint64_t page); /**< the page was filled with the poison value */
    void (*page_touched)(struct watch *watch, uint64_t page, bool write); /**< by the guest */
    void (*event_end)(struct watch *watch, const struct seen_device *device);
    void (*hint_shown)(struct watch *watch, uint32_t command);
    void (*hint_over)(struct watch *watch);
    void (*hinted)(struct watch *watch, uint64_t first_pfn, uint64_t pfns);
    void (*hint_given)(struct watch *watch, const uint64_t *pages, uint32_t count);
    void (*hint_touched)(struct watch *watch, uint64_t pfn, bool written);
    void (*end)(struct watch *watch, bool quiet);
};

/** For every watcher that has this member function, calls it. */
#define CALL_WATCHERS(watch, member, ...)                                                        \
    for (const struct watcher *const *watcher =                                                  \
             (watch)->seen->watchers[offsetof(struct watcher, member) / sizeof(void (*)(void))]; \
         *watcher != NULL; watcher++)                                                            \
    (*watcher)->member(__VA_ARGS__)

/* All watchers, in the order in which conformance.c calls them. */
extern const struct watcher watch_registers_watcher;
extern const struct watcher watch_configuration_watcher;
extern const struct watcher watch_notify_watcher;
extern const struct watcher watch_access_watcher;
extern const struct watcher
    watch_legacy_watcher; /**< runs before pages.c updates where each page is */
extern const struct watcher
    watch_extension_watcher; /**< runs at the same point as the watcher above */
extern const struct watcher watch_pages_watcher;
extern const struct watcher watch_target_watcher;
extern const struct watcher watch_answers_watcher; /**< runs after pages.c has updated where each
                                                      page is */
extern const struct watcher watch_moves_watcher; /**< runs at the same point as the watcher above */
extern const struct watcher watch_hints_watcher;
extern const struct watcher watch_suspend_watcher;
extern const struct watcher watch_queue_reset_watcher;
extern const struct watcher watch_statistics_watcher;
extern const struct watcher watch_reports_watcher;

#endif
