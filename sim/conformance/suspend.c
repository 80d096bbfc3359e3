/*
 * A suspended device (VIRTIO 1.4, 2.1, 3.4): what the driver leaves alone while the device is
 * paused, what the device does not do, and how each shows the other that it goes on. Judged by
 * register accesses, notifications and what happens on the rings. Other watchers ask
 * `device_pauses` before they expect anything.
 */
#include "sim/conformance/watch.h"

#define SUSPEND   BNT_DEVICE_STATUS_SUSPEND
#define DRIVER_OK BNT_DEVICE_STATUS_DRIVER_OK

static bool shows_suspended(uint8_t status)
{
    return (status & (SUSPEND | DRIVER_OK)) == SUSPEND;
}

bool device_pauses(const struct watch *watch)
{
    const struct watch_suspend *s = &watch->suspend;
    return s->asked || s->suspended || (s->resume_asked && !s->resume_seen);
}

static void reset(struct watch *watch)
{
    watch->suspend = (struct watch_suspend){.asked = false};
}

/** A buffer that the device has must be back by now, save those that wait for its next question. */
static void judge_in_flight(struct watch *watch)
{
    bool finished = true;
    for (uint32_t i = 0; i < SEEN_QUEUES_MAX; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        const bool counts = queue->enabled && !queue->lost && !queue->in_order &&
                            queue->role != BNT_BALLOON_QUEUE_STATS &&
                            queue->role != BNT_BALLOON_QUEUE_WS_DATA &&
                            queue->role != BNT_BALLOON_QUEUE_WS_CMD;
        finished = finished && (!counts || queue->taken <= queue->used_count);
    }
    clause_require(watch, DEV, CLAUSE_VG_41, finished, "stands still with buffers that it took");
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
    clause_seen(watch, DEV, CLAUSE_VG_40);
    judge_in_flight(watch);
}

static void suspend_written(struct watch *watch, uint8_t now)
{
    struct watch_suspend *s = &watch->suspend;
    const bool allowed = watch->live && (watch->features & BNT_F_SUSPEND) != 0;
    clause_require(watch, DRV, CLAUSE_VG_34, allowed, "sets SUSPEND where it means nothing");
    if (!allowed) {
        clause_require(watch, DEV, CLAUSE_VG_38, (now & SUSPEND) == 0,
                       "stands still before it is live, or without the feature");
        return;
    }
    clause_seen(watch, DEV, CLAUSE_VG_38);
    s->asked = true;
    s->seen = false;
}

static void resume_written(struct watch *watch)
{
    struct watch_suspend *s = &watch->suspend;
    clause_require(watch, DRV, CLAUSE_VG_35, s->seen,
                   "wakes a device that it did not see standing still");
    clause_seen(watch, DRV, CLAUSE_VG_36);
    clause_seen(watch, DEV, CLAUSE_VG_39);
    s->resume_asked = true;
    s->resume_seen = false;
}

/** A device may be live again, and tell of what changed, before the write is over. */
static void status_writing(struct watch *watch, uint8_t status)
{
    watch->suspend.waking = (status & DRIVER_OK) != 0;
    watch->suspend.told = false;
}

static void status_write(struct watch *watch, uint8_t status, uint8_t now)
{
    struct watch_suspend *s = &watch->suspend;
    s->waking = false;
    if (s->suspended && (status & DRIVER_OK) != 0) {
        resume_written(watch);
    } else if (!s->suspended && (status & SUSPEND) != 0 && (!s->resume_asked || s->resume_seen)) {
        s->resume_asked = false;
        suspend_written(watch, now);
    }
    if (s->asked && shows_suspended(now)) {
        suspended(watch);
    }
    if (s->suspended && (now & SUSPEND) == 0) {
        s->suspended = false;
        s->judged_config = s->config_known;
        clause_seen(watch, DEV, CLAUSE_VG_40);
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
        s->asked = false; /* the other thing that it may do (VG-40) */
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
    if (watch->suspend.suspended && !watch->suspend.waking) {
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
    device_acts(watch, "tells of a change");
    watch->suspend.told = true;
}

static void exposed(struct watch *watch, const struct seen_queue *queue,
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

/** What the device shows must not change while it stands still, and be told when it is live. */
static void judge_config(struct watch *watch, const struct seen_device *device)
{
    struct watch_suspend *s = &watch->suspend;
    const uint32_t num_pages = le32_at(device->config + BNT_BALLOON_CONFIG_NUM_PAGES);
    if (s->suspended && s->config_known) {
        clause_require(watch, DEV, CLAUSE_VG_39, num_pages == s->num_pages,
                       "changes configuration while it is suspended");
    } else if (s->judged_config && num_pages != s->num_pages) {
        clause_require(watch, DEV, CLAUSE_VG_39, s->told,
                       "is live again and does not tell that configuration changed");
    }
    s->judged_config = false;
    s->num_pages = num_pages;
    s->config_known = s->suspended;
}

static void event_end(struct watch *watch, const struct seen_device *device)
{
    if (watch->live && (watch->features & BNT_F_SUSPEND) != 0) {
        judge_config(watch, device);
    }
}

static void end(struct watch *watch, bool quiet)
{
    const struct watch_suspend *s = &watch->suspend;
    if (quiet && s->asked) {
        clause_require(watch, DEV, CLAUSE_VG_40, false,
                       "neither stands still nor asks for a reset");
    }
}

const struct watcher watch_suspend_watcher = {
    .reset = reset,
    .status_writing = status_writing,
    .status_write = status_write,
    .status_read = status_read,
    .config_write = config_write,
    .config_interrupt = config_interrupt,
    .exposed = exposed,
    .used = used,
    .kick = kick,
    .interrupt = interrupt,
    .event_end = event_end,
    .end = end,
};
