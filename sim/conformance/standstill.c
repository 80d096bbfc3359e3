/*
 * Kicks with data (VG-31), and what stands still: a suspended device (VIRTIO 1.4, 2.1, 3.4) and a
 * queue that is being reset (VIRTIO 1.3, 2.6.1). Judged by register accesses, notifications and
 * what happens on the rings. Whether a queue works again after its reset is seen by the parser of
 * rings, which loses its way where a device goes on in the old place.
 */
#include "sim/conformance/rings.h"
#include "sim/conformance/watch.h"

#include <ballonet/virtqueue.h>

#include <string.h>

#define DRV CLAUSE_DRIVER
#define DEV CLAUSE_DEVICE

#define SUSPEND   BNT_DEVICE_STATUS_SUSPEND
#define DRIVER_OK BNT_DEVICE_STATUS_DRIVER_OK

static uint32_t bit_of(uint16_t queue)
{
    return queue < 32 ? UINT32_C(1) << queue : 0;
}

static bool shows_suspended(uint8_t status)
{
    return (status & (SUSPEND | DRIVER_OK)) == SUSPEND;
}

/* ---- Suspend ---- */

bool standstill_now(const struct watch *watch)
{
    const struct watch_standstill *s = &watch->standstill;
    return s->asked || s->suspended || (s->resume_asked && !s->resume_seen);
}

static void standstill_reset(struct watch *watch)
{
    watch->standstill = (struct watch_standstill){.asked = false};
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
    struct watch_standstill *s = &watch->standstill;
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
    struct watch_standstill *s = &watch->standstill;
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
    struct watch_standstill *s = &watch->standstill;
    clause_require(watch, DRV, CLAUSE_VG_35, s->seen,
                   "wakes a device that it did not see standing still");
    clause_seen(watch, DRV, CLAUSE_VG_36);
    clause_seen(watch, DEV, CLAUSE_VG_39);
    s->resume_asked = true;
    s->resume_seen = false;
}

/** A device may be live again, and tell of what changed, before the write is over. */
static void standstill_status_writing(struct watch *watch, uint8_t status)
{
    watch->standstill.waking = (status & DRIVER_OK) != 0;
    watch->standstill.told = false;
}

static void standstill_status_write(struct watch *watch, uint8_t status, uint8_t now)
{
    struct watch_standstill *s = &watch->standstill;
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

static void standstill_status_read(struct watch *watch, uint8_t status)
{
    struct watch_standstill *s = &watch->standstill;
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
    struct watch_standstill *s = &watch->standstill;
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
    if (watch->standstill.suspended && !watch->standstill.waking) {
        clause_require(watch, DEV, CLAUSE_VG_39, false, "%s while it is suspended", what);
    }
}

static void standstill_config_write(struct watch *watch, uint32_t offset, const void *data,
                                    uint32_t bytes)
{
    (void)offset;
    (void)data;
    (void)bytes;
    driver_acts(watch, "writes configuration");
}

static void standstill_config_interrupt(struct watch *watch)
{
    device_acts(watch, "tells of a change");
    watch->standstill.told = true;
}

/** What the device shows must not change while it stands still, and be told when it is live. */
static void judge_config(struct watch *watch, const struct seen_device *device)
{
    struct watch_standstill *s = &watch->standstill;
    bnt_le32 wire;
    memcpy(&wire, device->config + BNT_BALLOON_CONFIG_NUM_PAGES, sizeof wire);
    const uint32_t num_pages = bnt_le32_get(wire);
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

/* ---- The reset of a queue ---- */

static void standstill_queue_reset(struct watch *watch, uint16_t queue)
{
    struct watch_standstill *s = &watch->standstill;
    s->resetting |= bit_of(queue);
    s->reset_read &= ~bit_of(queue);
    s->fresh &= ~bit_of(queue);
}

static void standstill_queue_reset_read(struct watch *watch, uint16_t queue, uint16_t value)
{
    struct watch_standstill *s = &watch->standstill;
    const bool done = (s->reset_read & bit_of(queue)) != 0;
    const bool resetting = (s->resetting & bit_of(queue)) != 0;
    clause_require(watch, DEV, CLAUSE_VG_46, value == 0 || (resetting && !done),
                   "shows a reset of queue %u that is over", queue);
    if (resetting && value == 0) {
        s->reset_read |= bit_of(queue);
        clause_seen(watch, DEV, CLAUSE_VG_42);
    }
}

static void standstill_queue_enable(struct watch *watch, uint16_t queue)
{
    struct watch_standstill *s = &watch->standstill;
    if ((s->resetting & bit_of(queue)) == 0) {
        return;
    }
    const bool complete = (s->reset_read & bit_of(queue)) != 0;
    clause_require(watch, DRV, CLAUSE_VG_44, complete,
                   "sets queue %u up without having seen that its reset is complete", queue);
    if (complete) {
        clause_seen(watch, DRV, CLAUSE_VG_45); /* its memory is used anew */
    }
    clause_seen(watch, DRV, CLAUSE_VG_47);
    s->resetting &= ~bit_of(queue);
    s->fresh |= bit_of(queue);
}

static void standstill_exposed(struct watch *watch, const struct seen_queue *queue,
                               const struct seen_buffer *buffer)
{
    (void)queue;
    (void)buffer;
    driver_acts(watch, "adds a buffer");
}

static void standstill_kick(struct watch *watch, uint16_t queue)
{
    driver_acts(watch, "kicks");
    if ((watch->standstill.resetting & bit_of(queue)) != 0) {
        clause_require(watch, DRV, CLAUSE_VG_47, false,
                       "kicks queue %u, which it reset and did not set up anew", queue);
    }
}

/** Where the next buffer will be that is not available yet, as the driver's own memory says. */
static uint16_t next_place(const struct seen_queue *queue)
{
    if (queue->packed) {
        return (uint16_t)(queue->avail_seen < queue->size
                              ? queue->avail_seen | BNT_VQ_PACKED_EVENT_WRAP
                              : queue->avail_seen - queue->size);
    }
    bnt_le16 index;
    memcpy(&index, queue->avail + 2, sizeof index);
    return bnt_le16_get(index);
}

static void standstill_kick_data(struct watch *watch, uint16_t queue, uint16_t next)
{
    const struct seen_queue *seen = rings_queue(watch, queue);
    if (seen == NULL || seen->lost || watch->legacy) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_VG_31, next == next_place(seen),
                   "names place %u of queue %u, the next one is %u", next, queue, next_place(seen));
}

static void standstill_used(struct watch *watch, const struct seen_queue *queue,
                            const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_standstill *s = &watch->standstill;
    (void)buffer;
    (void)len;
    device_acts(watch, "uses a buffer");
    if ((s->fresh & bit_of(queue->index)) != 0) {
        s->fresh &= ~bit_of(queue->index);
        clause_seen(watch, DEV, CLAUSE_VG_43);
        clause_seen(watch, DEV, CLAUSE_VG_47);
    }
}

static void standstill_interrupt(struct watch *watch, uint16_t queue)
{
    device_acts(watch, "interrupts");
    if ((watch->standstill.resetting & bit_of(queue)) != 0) {
        clause_require(watch, DEV, CLAUSE_VG_42, false, "interrupts for queue %u, which was reset",
                       queue);
    }
}

/** A device that goes on where the queue was leaves no trace that the rings could follow. */
static void judge_fresh(struct watch *watch)
{
    struct watch_standstill *s = &watch->standstill;
    for (uint32_t i = 0; i < SEEN_QUEUES_MAX; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        const uint32_t bit = bit_of(queue->index);
        if (queue->enabled && queue->lost && (s->fresh & bit) != 0) {
            s->fresh &= ~bit;
            clause_require(watch, DEV, CLAUSE_VG_43, false,
                           "goes on in queue %u as if it had not been reset", queue->index);
            clause_require(watch, DEV, CLAUSE_VG_47, false,
                           "does not take queue %u as it was set up anew", queue->index);
        }
    }
}

static void standstill_event_end(struct watch *watch, const struct seen_device *device)
{
    if (watch->live && (watch->features & BNT_F_SUSPEND) != 0) {
        judge_config(watch, device);
    }
    if (watch->standstill.fresh != 0) {
        judge_fresh(watch);
    }
}

static void standstill_end(struct watch *watch, bool quiet)
{
    const struct watch_standstill *s = &watch->standstill;
    if (quiet && s->asked) {
        clause_require(watch, DEV, CLAUSE_VG_40, false,
                       "neither stands still nor asks for a reset");
    }
}

const struct watcher watch_standstill_watcher = {
    .reset = standstill_reset,
    .status_writing = standstill_status_writing,
    .status_write = standstill_status_write,
    .status_read = standstill_status_read,
    .config_write = standstill_config_write,
    .config_interrupt = standstill_config_interrupt,
    .queue_reset = standstill_queue_reset,
    .queue_reset_read = standstill_queue_reset_read,
    .queue_enable = standstill_queue_enable,
    .exposed = standstill_exposed,
    .used = standstill_used,
    .kick = standstill_kick,
    .kick_data = standstill_kick_data,
    .interrupt = standstill_interrupt,
    .event_end = standstill_event_end,
    .end = standstill_end,
};
