/*
 * A suspended device (VIRTIO 1.4, 2.1, 3.4): neither party uses the device while it is paused, and
 * each shows the other that it resumes. Checked by register accesses, notifications and the rings.
 * The reset of a single queue is queue_reset.c's. Other watchers call `device_is_paused` before
 * they expect progress.
 */
#include "sim/conformance/watch.h"

#define SUSPEND   BNT_DEVICE_STATUS_SUSPEND
#define DRIVER_OK BNT_DEVICE_STATUS_DRIVER_OK

static bool shows_suspended(uint8_t status)
{
    return (status & (SUSPEND | DRIVER_OK)) == SUSPEND;
}

bool device_is_paused(const struct watch *watch)
{
    const struct watch_suspend *s = &watch->suspend;
    return s->asked || s->suspended || (s->resume_asked && !s->resume_seen);
}

static void reset(struct watch *watch)
{
    watch->suspend = (struct watch_suspend){.asked = false};
}

/** A device must use the buffers that it fetched before it pauses, except those that wait for its
 * next request. */
static void check_in_flight(struct watch *watch)
{
    bool finished = true;
    for (uint32_t i = 0; i < SEEN_QUEUES_MAX; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        const bool counts = queue->enabled && !queue->lost && !queue->in_order &&
                            queue->role != BNT_BALLOON_QUEUE_STATS &&
                            queue->role != BNT_BALLOON_QUEUE_WS_DATA &&
                            queue->role != BNT_BALLOON_QUEUE_WS_CMD;
        finished = finished && (!counts || queue->fetched <= queue->used_count);
    }
    clause_require(watch, DEV, CLAUSE_VG_41, finished,
                   "is suspended with buffers that it fetched and did not use");
}

static void suspended(struct watch *watch)
{
    struct watch_suspend *s = &watch->suspend;
    if (s->suspended) {
        return;
    }
    s->suspended = true;
    s->asked = false;
    s->config_known = false;
    clause_exercise(watch, DEV, CLAUSE_VG_40);
    check_in_flight(watch);
}

static void write_suspend(struct watch *watch, uint8_t now)
{
    struct watch_suspend *s = &watch->suspend;
    const bool allowed = watch->live && (watch->features & BNT_F_SUSPEND) != 0;
    clause_require(watch, DRV, CLAUSE_VG_34, allowed,
                   "sets SUSPEND without the feature, or before the device is live");
    if (!allowed) {
        clause_require(watch, DEV, CLAUSE_VG_38, (now & SUSPEND) == 0,
                       "is suspended before it is live, or without the feature");
        return;
    }
    clause_exercise(watch, DEV, CLAUSE_VG_38);
    s->asked = true;
    s->seen = false;
}

static void write_resume(struct watch *watch)
{
    struct watch_suspend *s = &watch->suspend;
    clause_require(watch, DRV, CLAUSE_VG_35, s->seen,
                   "resumes a device without having read that it is suspended");
    clause_exercise(watch, DRV, CLAUSE_VG_36);
    clause_exercise(watch, DEV, CLAUSE_VG_39);
    s->resume_asked = true;
    s->resume_seen = false;
}

/** A device may be live again, and notify of changes, before the write is complete. */
static void status_writing(struct watch *watch, uint8_t status)
{
    watch->suspend.resuming = (status & DRIVER_OK) != 0;
    watch->suspend.notified = false;
}

static void status_write(struct watch *watch, uint8_t status, uint8_t now)
{
    struct watch_suspend *s = &watch->suspend;
    s->resuming = false;
    if (s->suspended && (status & DRIVER_OK) != 0) {
        write_resume(watch);
    } else if (!s->suspended && (status & SUSPEND) != 0 && (!s->resume_asked || s->resume_seen)) {
        s->resume_asked = false;
        write_suspend(watch, now);
    }
    if (s->asked && shows_suspended(now)) {
        suspended(watch);
    }
    if (s->suspended && (now & SUSPEND) == 0) {
        s->suspended = false;
        s->config_due = s->config_known;
        clause_exercise(watch, DEV, CLAUSE_VG_40);
    }
}

static void status_read(struct watch *watch, uint8_t status)
{
    struct watch_suspend *s = &watch->suspend;
    if (s->asked && shows_suspended(status)) {
        suspended(watch);
    }
    s->seen = s->seen || (s->suspended && shows_suspended(status));
    if (s->resume_asked && (status & (SUSPEND | DRIVER_OK)) == DRIVER_OK) {
        s->resume_seen = true;
    }
    if ((status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
        s->asked = false; /* NEEDS_RESET is the other answer that it may give (VG-40) */
        s->resume_asked = false;
    }
}

/** The driver does something with the device. */
static void driver_acts(struct watch *watch, const char *what)
{
    struct watch_suspend *s = &watch->suspend;
    if (s->suspended && s->seen) {
        clause_require(watch, DRV, CLAUSE_VG_36, false, "%s while the device is suspended", what);
    }
    if (s->resume_asked) {
        clause_require(watch, DRV, CLAUSE_VG_37, s->resume_seen,
                       "%s before the device showed that it is live again", what);
        s->resume_asked = false;
    }
}

static void device_acts(struct watch *watch, const char *what)
{
    if (watch->suspend.suspended && !watch->suspend.resuming) {
        clause_require(watch, DEV, CLAUSE_VG_39, false, "%s while it is suspended", what);
    }
}

static void config_write(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes)
{
    (void)offset;
    (void)data;
    (void)bytes;
    driver_acts(watch, "writes configuration");
}

static void config_interrupt(struct watch *watch)
{
    device_acts(watch, "sends a configuration interrupt");
    watch->suspend.notified = true;
}

static void submitted(struct watch *watch, const struct seen_queue *queue,
                      const struct seen_buffer *buffer)
{
    (void)queue;
    (void)buffer;
    driver_acts(watch, "adds a buffer");
}

static void used(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len)
{
    (void)queue;
    (void)buffer;
    (void)len;
    device_acts(watch, "uses a buffer");
}

static void kick(struct watch *watch, uint16_t queue)
{
    (void)queue;
    driver_acts(watch, "kicks");
}

static void interrupt(struct watch *watch, uint16_t queue)
{
    (void)queue;
    device_acts(watch, "interrupts");
}

/** Configuration must not change while the device is paused; a change is notified when it resumes.
 */
static void check_config(struct watch *watch, const struct seen_device *device)
{
    struct watch_suspend *s = &watch->suspend;
    const uint32_t num_pages = le32_at(device->config + BNT_BALLOON_CONFIG_NUM_PAGES);
    if (s->suspended && s->config_known) {
        clause_require(watch, DEV, CLAUSE_VG_39, num_pages == s->num_pages,
                       "changes configuration while it is suspended");
    } else if (s->config_due && num_pages != s->num_pages) {
        clause_require(watch, DEV, CLAUSE_VG_39, s->notified,
                       "is live again and does not notify that configuration changed");
    }
    s->config_due = false;
    s->num_pages = num_pages;
    s->config_known = s->suspended;
}

static void event_end(struct watch *watch, const struct seen_device *device)
{
    if (watch->live && (watch->features & BNT_F_SUSPEND) != 0) {
        check_config(watch, device);
    }
}

static void end(struct watch *watch, bool quiet)
{
    const struct watch_suspend *s = &watch->suspend;
    if (quiet && s->asked) {
        clause_require(watch, DEV, CLAUSE_VG_40, false,
                       "neither is suspended nor sets NEEDS_RESET");
    }
}

const struct watcher watch_suspend_watcher = {
    .reset = reset,
    .status_writing = status_writing,
    .status_write = status_write,
    .status_read = status_read,
    .config_write = config_write,
    .config_interrupt = config_interrupt,
    .submitted = submitted,
    .used = used,
    .kick = kick,
    .interrupt = interrupt,
    .event_end = event_end,
    .end = end,
};
