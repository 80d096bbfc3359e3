/*
 * Checks statistics on the wire (VIRTIO 1.4, 5.5.6.3): one statistics buffer must always be in
 * flight, and each buffer must have the same entries. The tags are read when the buffer is
 * submitted; how a device uses the values is not visible. legacy.c also checks statistics of legacy
 * drivers.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>

#define ENTRY_BYTES 10u
#define LATE_NS     UINT64_C(1000000000) /**< longest time until the next buffer is submitted */

static bool has_negotiated_statistics(const struct watch *watch)
{
    return (watch->features & BNT_BALLOON_F_STATS_VQ) != 0;
}

static void observe_driver_ok(struct watch *watch)
{
    /* A driver is allowed to submit the first buffer before DRIVER_OK. */
    watch->statistics.due = has_negotiated_statistics(watch) && watch->statistics.in_flight == 0;
    watch->statistics.due_ns = watch_get_time_ns(watch);
}

static void observe_reset(struct watch *watch)
{
    struct watch_statistics *s = &watch->statistics;
    s->in_flight = 0;
    s->ever = false;
    s->due = false;
    s->odd_tag = false;
    s->odd_order = false;
}

static void observe_kernel_replaced(struct watch *watch)
{
    watch->statistics.count = 0;
}

/** After its reset, the statistics queue needs a first buffer again, like after the initialisation
 * of the device. */
static void observe_queue_reset(struct watch *watch, uint16_t queue)
{
    if (watch_find_queue_role(watch, queue) == BNT_BALLOON_QUEUE_STATS) {
        observe_reset(watch);
        observe_driver_ok(watch);
    }
}

static uint32_t read_statistics_tags(const struct watch *watch, const struct seen_buffer *buffer,
                                     uint16_t tags[WATCH_STATISTICS_MAX])
{
    const bool big = watch->legacy && watch->config.big_endian;
    uint32_t count = (uint32_t)(buffer->readable_bytes / ENTRY_BYTES);
    count = count < WATCH_STATISTICS_MAX ? count : WATCH_STATISTICS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t tag[2] = {0, 0};
        (void)watch_read_buffer_bytes(watch, buffer, false, (uint64_t)i * ENTRY_BYTES, tag,
                                      sizeof tag);
        const uint32_t value =
            big ? (uint32_t)tag[0] << 8 | tag[1] : (uint32_t)tag[1] << 8 | tag[0];
        tags[i] = (uint16_t)(value & UINT16_MAX);
    }
    return count;
}

static bool has_tag(const uint16_t *tags, uint32_t count, uint16_t tag)
{
    for (uint32_t i = 0; i < count; i++) {
        if (tags[i] == tag) {
            return true;
        }
    }
    return false;
}

static bool are_tags_equal(const uint16_t *a, uint32_t a_count, const uint16_t *b, uint32_t b_count)
{
    bool same = a_count == b_count;
    for (uint32_t i = 0; same && i < a_count; i++) {
        same = has_tag(b, b_count, a[i]);
    }
    return same;
}

/** Checks the entries of a statistics buffer: they must be in the right order, complete, and
 * initialised. */
static void check_statistics_entries(struct watch *watch, const uint16_t *tags, uint32_t count)
{
    struct watch_statistics *s = &watch->statistics;
    bool ascending = true;
    bool twice = false;
    for (uint32_t i = 1; i < count; i++) {
        ascending = ascending && tags[i] > tags[i - 1];
        twice = twice || has_tag(tags, i, tags[i]);
    }
    clause_require(watch, DRV, CLAUSE_BD_19, count > 0 && !twice,
                   "the driver submits a statistics buffer whose %" PRIu32
                   " entries are not initialised",
                   count);
    if (!ascending) {
        clause_count_use(watch, DRV, CLAUSE_BD_21);
    }
    if (count < BNT_STAT_COUNT) {
        clause_count_use(watch, DRV, CLAUSE_BD_22);
    }
    for (uint32_t i = 0; i < count; i++) {
        s->odd_tag = s->odd_tag || tags[i] >= BNT_STAT_COUNT;
    }
    s->odd_order = s->odd_order || !ascending;
    if (s->count > 0) {
        clause_require(watch, DRV, CLAUSE_BD_23, are_tags_equal(s->tags, s->count, tags, count),
                       "the driver sends %" PRIu32 " statistics that are not the %" PRIu32
                       " that it sent before",
                       count, s->count);
    }
    for (uint32_t i = 0; i < count; i++) {
        s->tags[i] = tags[i];
    }
    s->count = count;
}

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    struct watch_statistics *s = &watch->statistics;
    uint16_t tags[WATCH_STATISTICS_MAX];
    if (queue->role != BNT_BALLOON_QUEUE_STATS) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_BD_16, s->in_flight == 0,
                   "the driver has %" PRIu32 " statistics buffers in flight", s->in_flight + 1);
    clause_require(watch, DRV, CLAUSE_BD_20, buffer->readable_bytes % ENTRY_BYTES == 0,
                   "the driver submits a statistics buffer of %" PRIu64 " bytes",
                   buffer->readable_bytes);
    clause_count_literal_reading(watch, DRV, CLAUSE_BD_20, buffer->readable_bytes % 6 == 0);
    clause_count_use(watch, DRV, s->ever ? CLAUSE_BD_18 : CLAUSE_BD_17);
    s->in_flight++;
    s->ever = true;
    s->due = false;
    check_statistics_entries(watch, tags, read_statistics_tags(watch, buffer, tags));
}

/** If a device uses a statistics buffer, this shows that it accepted the content. */
static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_statistics *s = &watch->statistics;
    (void)buffer;
    (void)len;
    if (queue->role != BNT_BALLOON_QUEUE_STATS) {
        return;
    }
    s->in_flight -= s->in_flight > 0;
    s->due = true;
    s->due_ns = watch_get_time_ns(watch);
    if (s->odd_tag) {
        clause_count_use(watch, DEV, CLAUSE_BV_4);
    }
    if (s->odd_order) {
        clause_count_use(watch, DEV, CLAUSE_BV_5);
    }
    s->odd_tag = false;
    s->odd_order = false;
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    struct watch_statistics *s = &watch->statistics;
    /* A scripted driver can also cause NEEDS_RESET in other ways. */
    if (s->in_flight == 0 || watch->scripted[DRV] ||
        (device->status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0) {
        return;
    }
    if (s->odd_tag) {
        clause_require(watch, DEV, CLAUSE_BV_4, false,
                       "the device sets NEEDS_RESET after a statistic with an unknown tag");
    }
    if (s->odd_order) {
        clause_require(watch, DEV, CLAUSE_BV_5, false,
                       "the device sets NEEDS_RESET after statistics in another order");
    }
    s->odd_tag = false;
    s->odd_order = false;
}

static void observe_run_end(struct watch *watch, bool quiet)
{
    const struct watch_statistics *s = &watch->statistics;
    const bool paused = is_device_paused(watch) || watch->given_up;
    if (quiet && watch->live && !paused && s->due &&
        watch_get_time_ns(watch) - s->due_ns > LATE_NS) {
        clause_require(watch, DRV, s->ever ? CLAUSE_BD_18 : CLAUSE_BD_17, false,
                       "the driver leaves the statistics queue without a buffer");
    }
}

const struct watcher watch_statistics_watcher = {
    .reset = observe_reset,
    .guest_new = observe_kernel_replaced,
    .queue_reset = observe_queue_reset,
    .live = observe_driver_ok,
    .submitted = observe_buffer_submitted,
    .used = observe_buffer_used,
    .event_end = observe_event_end,
    .end = observe_run_end,
};
