/*
 * Checks kicks and interrupts: each party must notify its peer unless the peer suppresses
 * notifications, and must tolerate spurious notifications. Also checks NEEDS_RESET, by which a
 * device shows that it cannot continue. rings_available.c and rings_used.c find the buffers that
 * need a notification.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>

/* ---- Notification suppression ---- */

static bool has_index_passed_event(uint16_t event, uint16_t from, uint16_t to)
{
    return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

/** For a split ring: `ring` is the part of the ring that the peer writes; the event field is at the
 * offset `event_at` in it.
 */
static bool is_split_notification_wanted(const struct watch *watch, const struct seen_queue *queue,
                                         const uint8_t *ring, size_t event_at, uint32_t from,
                                         uint32_t to)
{
    if (!queue->event_idx) {
        return (watch_read_ring_u16(watch, ring) & 1) == 0;
    }
    return has_index_passed_event(watch_read_ring_u16(watch, ring + event_at), (uint16_t)from,
                                  (uint16_t)to);
}

static bool is_packed_notification_wanted(const struct watch *watch, const struct seen_queue *queue,
                                          const uint8_t *event, uint32_t from, uint32_t to)
{
    const uint16_t flags = watch_read_ring_u16(watch, event + 2);
    if (flags != BNT_VQ_PACKED_EVENT_DESC) {
        return flags == BNT_VQ_PACKED_EVENT_ENABLE;
    }
    const uint16_t off_wrap = watch_read_ring_u16(watch, event);
    const uint32_t positions = 2u * queue->size; /* a position includes the wrap counter */
    const uint32_t off = (uint32_t)(off_wrap & 0x7fff) +
                         ((off_wrap & BNT_VQ_PACKED_EVENT_WRAP) != 0 ? 0 : queue->size);
    return (off + positions - from) % positions < (to + positions - from) % positions;
}

static bool driver_must_notify(const struct watch *watch, const struct seen_queue *queue)
{
    return queue->packed ? is_packed_notification_wanted(watch, queue, queue->used,
                                                         queue->avail_checked, queue->avail_seen)
                         : is_split_notification_wanted(watch, queue, queue->used,
                                                        (size_t)4 + (size_t)8 * queue->size,
                                                        queue->avail_checked, queue->avail_seen);
}

static bool device_must_notify(const struct watch *watch, const struct seen_queue *queue)
{
    return queue->packed ? is_packed_notification_wanted(watch, queue, queue->avail,
                                                         queue->used_checked, queue->used_seen)
                         : is_split_notification_wanted(watch, queue, queue->avail,
                                                        (size_t)4 + (size_t)2 * queue->size,
                                                        queue->used_checked, queue->used_seen);
}

static clause_id get_notification_clause(const struct seen_queue *queue)
{
    return queue->packed ? CLAUSE_VP_9 : queue->event_idx ? CLAUSE_VS_12 : CLAUSE_VS_11;
}

/** A party may suppress notifications only by the flag values that the standard defines. */
static void check_event_flags(struct watch *watch, const struct seen_queue *queue,
                              clause_party party)
{
    const uint8_t *own = party == DRV ? queue->avail : queue->used;
    if (queue->packed) {
        const uint16_t flags = watch_read_ring_u16(watch, own + 2);
        clause_require(watch, party, CLAUSE_VP_9, flags <= (queue->event_idx ? 2 : 1),
                       "a party writes the invalid event flags %u of queue %u", flags,
                       queue->index);
        return;
    }
    const uint16_t flags = watch_read_ring_u16(watch, own);
    clause_require(watch, party, get_notification_clause(queue),
                   flags <= (queue->event_idx ? 0 : 1),
                   "a party writes the invalid flags %u of queue %u", flags, queue->index);
}

static void check_kicks(struct watch *watch, struct seen_queue *queue, bool kicked)
{
    if (queue->lost || queue->avail_seen == queue->avail_checked) {
        return;
    }
    const bool wanted = driver_must_notify(watch, queue);
    clause_require(watch, DRV, get_notification_clause(queue), wanted == kicked, "%s queue %u",
                   kicked ? "the driver kicks although the device suppresses notifications of"
                          : "the driver does not kick",
                   queue->index);
    check_event_flags(watch, queue, DRV);
    queue->avail_checked = queue->avail_seen;
}

static void check_interrupts(struct watch *watch, struct seen_queue *queue, bool interrupted)
{
    if (queue->lost || queue->used_seen == queue->used_checked) {
        return;
    }
    const bool wanted = device_must_notify(watch, queue);
    clause_require(watch, DEV, get_notification_clause(queue), wanted == interrupted, "%s queue %u",
                   interrupted
                       ? "the device interrupts although the driver suppresses notifications of"
                       : "the device does not interrupt for",
                   queue->index);
    check_event_flags(watch, queue, DEV);
    queue->used_checked = queue->used_seen;
}

/** If a driver starts a packed ring with wrap counter 0, the device and the watchers do not see the
 * buffers that the driver adds. */
static void check_first_wrap_counter(struct watch *watch, const struct seen_queue *queue)
{
    if (queue->packed && queue->submitted == 0 && !queue->lost) {
        clause_require(watch, DRV, CLAUSE_VP_1, !packed_is_list_available(watch, queue, 0, false),
                       "the driver starts queue %u with wrap counter 0 instead of 1", queue->index);
    }
}

static void observe_kick(struct watch *watch, uint16_t index)
{
    struct seen_queue *queue = rings_find_queue(watch, index);
    rings_read_available(watch);
    if (queue != NULL) {
        check_first_wrap_counter(watch, queue);
        check_kicks(watch, queue, true);
    }
}

/** The ring position of the next buffer that the driver will make available, as read from guest
 * memory. */
static uint16_t read_next_avail_position(const struct seen_queue *queue)
{
    if (queue->packed) {
        return (uint16_t)(queue->avail_seen < queue->size
                              ? queue->avail_seen | BNT_VQ_PACKED_EVENT_WRAP
                              : queue->avail_seen - queue->size);
    }
    bnt_le16 index;
    memcpy(&index, queue->avail + 2, sizeof index);
    return bnt_le16_to_cpu(index);
}

static void observe_kick_data(struct watch *watch, uint16_t queue, uint16_t next)
{
    const struct seen_queue *seen = rings_find_queue(watch, queue);
    if (seen == NULL || seen->lost || watch->legacy) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_VG_31, next == read_next_avail_position(seen),
                   "the driver kicks with position %u of queue %u, but the next position is %u",
                   next, queue, read_next_avail_position(seen));
}

static void observe_interrupt(struct watch *watch, uint16_t index)
{
    struct seen_queue *queue = rings_find_queue(watch, index);
    if (!watch->live && (watch->registers.features & BNT_F_VERSION_1) != 0) {
        clause_count_violation(watch, DEV,
                               watch->registers.status == 0 ? CLAUSE_VG_15 : CLAUSE_VG_5,
                               "the device interrupts for queue %u while its status is %u", index,
                               watch->registers.status);
    }
    if (queue != NULL) {
        check_interrupts(watch, queue, true);
    }
}

static void observe_config_interrupt(struct watch *watch)
{
    watch->rings.config_interrupted = true;
    if (watch->registers.known && watch->registers.status == 0) {
        clause_count_violation(watch, DEV, CLAUSE_VG_15,
                               "the device sends a configuration interrupt while its status is 0");
    }
}

/* ---- Spurious notifications ---- */

static void observe_kick_arrived(struct watch *watch, uint16_t index)
{
    const struct seen_queue *queue = rings_find_queue(watch, index);
    watch->rings.spurious[DEV] = queue != NULL && queue->in_flight == 0 && !queue->lost;
}

static void observe_interrupt_arrived(struct watch *watch, uint16_t index)
{
    struct seen_queue *queue = rings_find_queue(watch, index);
    if (queue == NULL) {
        return;
    }
    watch->rings.spurious[DRV] = !queue->used_arrived && !queue->lost;
    queue->used_arrived = false;
}

static void observe_driver_gave_up(struct watch *watch)
{
    if (watch->rings.spurious[DRV]) {
        clause_count_violation(watch, DRV, CLAUSE_VS_13,
                               "the driver stops using the device after a spurious interrupt");
        watch->rings.spurious[DRV] = false;
    }
}

static void check_spurious_tolerated(struct watch *watch, bool broke)
{
    bool *spurious = watch->rings.spurious;
    if (spurious[DEV]) {
        clause_require(watch, DEV, CLAUSE_VS_13, !broke,
                       "the device sets NEEDS_RESET after a spurious kick");
        spurious[DEV] = false;
    }
    if (spurious[DRV]) {
        clause_count_use(watch, DRV, CLAUSE_VS_13);
        spurious[DRV] = false;
    }
}

/* ---- NEEDS_RESET: a device that cannot continue ---- */

static void check_needs_reset(struct watch *watch, uint8_t status)
{
    struct watch_rings *rings = &watch->rings;
    const bool was_live = (watch->registers.status & BNT_DEVICE_STATUS_DRIVER_OK) != 0;
    const bool now = (status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0;
    if (now && !rings->needs_reset && was_live) {
        clause_require(watch, DEV, CLAUSE_VG_7, rings->config_interrupted,
                       "the device sets NEEDS_RESET without a configuration interrupt");
    }
    rings->needs_reset = now;
    rings->config_interrupted = false;
}

/** A device must set NEEDS_RESET after it accessed a ring that the driver broke. */
static void check_broken_ring(struct watch *watch, uint8_t status)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (!queue->enabled || !queue->fatal || !queue->looked_at) {
            continue;
        }
        clause_require(watch, DEV, CLAUSE_VG_6, (status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0,
                       "the device continues with queue %u, whose ring the driver broke",
                       queue->index);
        queue->fatal = false; /* checked once */
    }
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    const uint8_t status = device->status;
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->enabled && watch->live) {
            if (!watch->config.foreign) { /* when a recording is replayed, each kick is a separate
                                             event */
                check_kicks(watch, queue, false);
            }
            check_interrupts(watch, queue, false);
        }
    }
    const bool broke = (status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0 && !watch->rings.needs_reset;
    check_needs_reset(watch, status);
    check_broken_ring(watch, status);
    check_spurious_tolerated(watch, broke);
}

/** The driver read NEEDS_RESET, so from now on it must not rely on the device. */
static void observe_status_read(struct watch *watch, uint8_t status)
{
    if ((status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0 && watch->live) {
        /* The script alters only rings and requests. How the driver reacts to a broken device is
         * not scripted. */
        const bool scripted = watch->scripted[DRV];
        watch->scripted[DRV] = false;
        clause_count_use(watch, DRV, CLAUSE_VG_4);
        watch->scripted[DRV] = scripted;
        watch->rings.given_up = true;
    }
    if (status == 0 && watch->registers.status == 0) {
        clause_count_use(watch, DEV, CLAUSE_VG_15);
    }
}

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    if (watch->rings.given_up) {
        clause_count_violation(
            watch, DRV, CLAUSE_VG_4,
            "the driver submits buffer %u of queue %u although the device set NEEDS_RESET",
            buffer->id, queue->index);
    }
}

static void observe_reset(struct watch *watch)
{
    rings_disable_all_queues(watch);
    watch->rings.given_up = false;
    watch->rings.needs_reset = false;
    watch->rings.spurious[DRV] = false;
    watch->rings.spurious[DEV] = false;
}

const struct watcher watch_notify_watcher = {
    .reset = observe_reset,
    .status_read = observe_status_read,
    .kick = observe_kick,
    .kick_data = observe_kick_data,
    .interrupt = observe_interrupt,
    .config_interrupt = observe_config_interrupt,
    .kick_arrived = observe_kick_arrived,
    .interrupt_arrived = observe_interrupt_arrived,
    .driver_gave_up = observe_driver_gave_up,
    .submitted = observe_buffer_submitted,
    .event_end = observe_event_end,
};
