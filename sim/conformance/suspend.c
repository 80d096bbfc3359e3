/*
 * Checks a suspended device (VIRTIO 1.4, 2.1, 3.4): neither party may use the device while it is
 * suspended, and both must complete the handshakes of suspend and resume. The checks use register
 * accesses, notifications and the rings. The reset of a single queue is checked in queue_reset.c.
 * Other watchers call `is_device_paused` before they expect progress from the device.
 */
#include "sim/conformance/watch.h"

#define SUSPEND   BNT_DEVICE_STATUS_SUSPEND
#define DRIVER_OK BNT_DEVICE_STATUS_DRIVER_OK

static bool is_status_suspended(uint8_t status)
{
    return (status & (SUSPEND | DRIVER_OK)) == SUSPEND;
}

bool is_device_paused(const struct watch *watch)
{
    const struct watch_suspend *s = &watch->suspend;
    return s->asked || s->suspended || (s->resume_asked && !s->resume_seen);
}

static void observe_reset(struct watch *watch)
{
    watch->suspend = (struct watch_suspend){.asked = false};
}

/** Before a device suspends, it must use the buffers that it has fetched, except the buffers that
 * it keeps for later (statistics and working-set buffers). */
static void check_fetched_buffers(struct watch *watch)
{
    bool finished = true;
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        const bool counts = queue->enabled && !queue->lost && !queue->in_order &&
                            queue->role != BNT_BALLOON_QUEUE_STATS &&
                            queue->role != BNT_BALLOON_QUEUE_WS_DATA &&
                            queue->role != BNT_BALLOON_QUEUE_WS_CMD;
        finished = finished && (!counts || queue->fetched <= queue->used_count);
    }
    clause_require(watch, DEV, CLAUSE_VG_41, finished,
                   "the device is suspended although it fetched buffers that it did not use");
}

static void check_suspended_device(struct watch *watch)
{
    struct watch_suspend *s = &watch->suspend;
    if (s->suspended) {
        return;
    }
    s->suspended = true;
    s->asked = false;
    s->config_known = false;
    clause_count_use(watch, DEV, CLAUSE_VG_40);
    check_fetched_buffers(watch);
}

static void check_suspend_request(struct watch *watch, uint8_t now)
{
    struct watch_suspend *s = &watch->suspend;
    const bool allowed = watch->live && (watch->features & BNT_F_SUSPEND) != 0;
    clause_require(watch, DRV, CLAUSE_VG_34, allowed,
                   "the driver sets SUSPEND without the feature, or before the device is live");
    if (!allowed) {
        clause_require(watch, DEV, CLAUSE_VG_38, (now & SUSPEND) == 0,
                       "the device is suspended before it is live, or without the feature");
        return;
    }
    clause_count_use(watch, DEV, CLAUSE_VG_38);
    s->asked = true;
    s->seen = false;
}

static void check_resume_request(struct watch *watch)
{
    struct watch_suspend *s = &watch->suspend;
    clause_require(watch, DRV, CLAUSE_VG_35, s->seen,
                   "the driver resumes a device without having read that it is suspended");
    clause_count_use(watch, DRV, CLAUSE_VG_36);
    clause_count_use(watch, DEV, CLAUSE_VG_39);
    s->resume_asked = true;
    s->resume_seen = false;
}

/** A device may resume and notify the driver before the driver's status write is complete. */
static void observe_status_write_begun(struct watch *watch, uint8_t status)
{
    watch->suspend.resuming = (status & DRIVER_OK) != 0;
    watch->suspend.notified = false;
}

static void observe_status_write(struct watch *watch, uint8_t status, uint8_t now)
{
    struct watch_suspend *s = &watch->suspend;
    s->resuming = false;
    if (s->suspended && (status & DRIVER_OK) != 0) {
        check_resume_request(watch);
    } else if (!s->suspended && (status & SUSPEND) != 0 && (!s->resume_asked || s->resume_seen)) {
        s->resume_asked = false;
        check_suspend_request(watch, now);
    }
    if (s->asked && is_status_suspended(now)) {
        check_suspended_device(watch);
    }
    if (s->suspended && (now & SUSPEND) == 0) {
        s->suspended = false;
        s->config_due = s->config_known;
        clause_count_use(watch, DEV, CLAUSE_VG_40);
    }
}

static void observe_status_read(struct watch *watch, uint8_t status)
{
    struct watch_suspend *s = &watch->suspend;
    if (s->asked && is_status_suspended(status)) {
        check_suspended_device(watch);
    }
    s->seen = s->seen || (s->suspended && is_status_suspended(status));
    if (s->resume_asked && (status & (SUSPEND | DRIVER_OK)) == DRIVER_OK) {
        s->resume_seen = true;
    }
    if ((status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
        s->asked = false; /* NEEDS_RESET is the other answer that the device may give (VG-40) */
        s->resume_asked = false;
    }
}

/** Checks that the driver is allowed to act on the device now. */
static void check_driver_may_act(struct watch *watch, const char *what)
{
    struct watch_suspend *s = &watch->suspend;
    if (s->suspended && s->seen) {
        clause_require(watch, DRV, CLAUSE_VG_36, false,
                       "the driver %s while the device is suspended", what);
    }
    if (s->resume_asked) {
        clause_require(watch, DRV, CLAUSE_VG_37, s->resume_seen,
                       "the driver %s before it read that the device has resumed", what);
        s->resume_asked = false;
    }
}

static void check_device_may_act(struct watch *watch, const char *what)
{
    if (watch->suspend.suspended && !watch->suspend.resuming) {
        clause_require(watch, DEV, CLAUSE_VG_39, false, "the device %s while it is suspended",
                       what);
    }
}

static void observe_config_write(struct watch *watch, uint32_t offset, const void *data,
                                 uint32_t bytes)
{
    (void)offset;
    (void)data;
    (void)bytes;
    check_driver_may_act(watch, "writes configuration");
}

static void observe_config_interrupt(struct watch *watch)
{
    check_device_may_act(watch, "sends a configuration interrupt");
    watch->suspend.notified = true;
}

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    (void)queue;
    (void)buffer;
    check_driver_may_act(watch, "adds a buffer");
}

static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    (void)queue;
    (void)buffer;
    (void)len;
    check_device_may_act(watch, "uses a buffer");
}

static void observe_kick(struct watch *watch, uint16_t queue)
{
    (void)queue;
    check_driver_may_act(watch, "kicks");
}

static void observe_interrupt(struct watch *watch, uint16_t queue)
{
    (void)queue;
    check_device_may_act(watch, "interrupts");
}

/** Configuration must not change while the device is suspended. The device announces a change after
 * it resumes. */
static void check_config_unchanged(struct watch *watch, const struct seen_device *device)
{
    struct watch_suspend *s = &watch->suspend;
    const uint32_t num_pages = read_le32(device->config + BNT_BALLOON_CONFIG_NUM_PAGES);
    if (s->suspended && s->config_known) {
        clause_require(watch, DEV, CLAUSE_VG_39, num_pages == s->num_pages,
                       "the device changes configuration while it is suspended");
    } else if (s->config_due && num_pages != s->num_pages) {
        clause_require(watch, DEV, CLAUSE_VG_39, s->notified,
                       "the device resumes and does not notify that configuration changed");
    }
    s->config_due = false;
    s->num_pages = num_pages;
    s->config_known = s->suspended;
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    if (watch->live && (watch->features & BNT_F_SUSPEND) != 0) {
        check_config_unchanged(watch, device);
    }
}

static void observe_run_end(struct watch *watch, bool quiet)
{
    const struct watch_suspend *s = &watch->suspend;
    if (quiet && s->asked) {
        clause_require(watch, DEV, CLAUSE_VG_40, false,
                       "the device neither suspends nor sets NEEDS_RESET");
    }
}

const struct watcher watch_suspend_watcher = {
    .reset = observe_reset,
    .status_writing = observe_status_write_begun,
    .status_write = observe_status_write,
    .status_read = observe_status_read,
    .config_write = observe_config_write,
    .config_interrupt = observe_config_interrupt,
    .submitted = observe_buffer_submitted,
    .used = observe_buffer_used,
    .kick = observe_kick,
    .interrupt = observe_interrupt,
    .event_end = observe_event_end,
    .end = observe_run_end,
};
