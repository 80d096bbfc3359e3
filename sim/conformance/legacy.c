/*
 * Checks the legacy interface: how a party recognises this interface, which byte orders it has, and
 * what a driver that is older than VIRTIO 1.0 may do (VIRTIO 1.4, 2.2.3, 2.4.3, 5.5.6).
 *
 * This file checks only VMs whose driver did not accept VERSION_1. How a device uses `actual` and
 * statistics is not visible on the wire.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

#define STAT_BYTES 10u

static void observe_reset(struct watch *watch)
{
    watch->legacy_seen = (struct watch_legacy){.begun = false};
}

/** A legacy driver must not have written FEATURES_OK before DRIVER_OK, and the device must accept
 * DRIVER_OK. */
static void observe_driver_ok(struct watch *watch)
{
    const struct watch_registers *r = &watch->registers;
    const uint64_t accepted = r->features;
    if (!watch->legacy) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_VG_32, (r->status & BNT_DEVICE_STATUS_FEATURES_OK) == 0,
                   "the driver asks for FEATURES_OK without VERSION_1");
    clause_require(watch, DRV, CLAUSE_VG_33,
                   (accepted & ~BNT_F_LEGACY_MASK) == 0 && (accepted & BNT_F_UNUSED) == 0,
                   "the driver accepts 0x%" PRIx64 " on the legacy interface", accepted);
    clause_require(watch, DEV, CLAUSE_VG_33, (r->offered & BNT_F_UNUSED) == 0,
                   "the device offers bit 30");
    watch->legacy_seen.begun = true;
}

/** Whether a value is a possible number of PFNs if its bytes are swapped, and is impossible
 * otherwise. */
static bool is_pfn_count_valid_only_byte_swapped(const struct watch *watch, uint32_t value)
{
    return value > watch->config.pfns && __builtin_bswap32(value) <= watch->config.pfns;
}

static void observe_config_read(struct watch *watch, uint32_t offset, const void *data,
                                uint32_t bytes)
{
    if (watch->legacy && offset == BNT_BALLOON_CONFIG_NUM_PAGES && bytes == 4 &&
        read_le32(data) != 0) {
        clause_require(watch, DEV, CLAUSE_BL_3,
                       !is_pfn_count_valid_only_byte_swapped(watch, read_le32(data)),
                       "the device shows num_pages 0x%" PRIx32 ", which is in the wrong byte order",
                       read_le32(data));
    }
}

static void observe_config_write(struct watch *watch, uint32_t offset, const void *data,
                                 uint32_t bytes)
{
    const bool actual =
        offset >= BNT_BALLOON_CONFIG_ACTUAL && offset < BNT_BALLOON_CONFIG_ACTUAL + 4;
    if (!watch->legacy || !actual) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_BL_5, bytes == 4,
                   "the driver writes %" PRIu32 " bytes of actual", bytes);
    if (bytes == 4 && read_le32(data) != 0) {
        clause_require(watch, DRV, CLAUSE_BL_3,
                       !is_pfn_count_valid_only_byte_swapped(watch, read_le32(data)),
                       "the driver writes actual 0x%" PRIx32 ", which is in the wrong byte order",
                       read_le32(data));
    }
}

/** Whether the standard, Linux or crosvm defines a statistics tag. */
static bool is_known_tag(uint16_t tag)
{
    return tag < 64 || tag >= 65534;
}

static void check_statistics_tags(struct watch *watch, const struct seen_buffer *buffer)
{
    bool known = true;
    for (uint64_t at = 0; at + STAT_BYTES <= buffer->readable_bytes; at += STAT_BYTES) {
        uint8_t tag[2];
        if (watch_read_buffer_bytes(watch, buffer, false, at, tag, sizeof tag) == sizeof tag) {
            known = known && is_known_tag(watch_read_ring_u16(watch, tag));
        }
    }
    clause_require(watch, DRV, CLAUSE_BL_7, known,
                   "the driver sends statistics with tags that nobody defines");
}

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    if (!watch->legacy) {
        return;
    }
    if (watch->legacy_seen.answered) { /* a driver that continues has accepted any used length */
        watch->legacy_seen.answered = false;
        watch->legacy_seen.odd_length = false;
        clause_count_use(watch, DRV, CLAUSE_BL_4);
    }
    if (queue->role == BNT_BALLOON_QUEUE_STATS) {
        check_statistics_tags(watch, buffer);
    }
}

static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    const bool must_tell = (watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    if (!watch->legacy) {
        return;
    }
    watch->legacy_seen.answered =
        watch->legacy_seen.answered || (buffer->writable_bytes == 0 && buffer->readable_bytes > 0);
    watch->legacy_seen.odd_length = watch->legacy_seen.odd_length || len > buffer->writable_bytes;
    clause_count_use(watch, DEV, CLAUSE_VG_33);
    if (!must_tell && queue->role <= BNT_BALLOON_QUEUE_DEFLATE) {
        clause_count_use(watch, DEV, CLAUSE_BL_1);
    }
}

static void observe_driver_gave_up(struct watch *watch)
{
    if (watch->legacy && watch->legacy_seen.odd_length) {
        clause_require(
            watch, DRV, CLAUSE_BL_4, false,
            "the driver stops using the device because of a used length larger than the buffer");
    }
}

/** The device must tolerate that the guest uses pages before the device answers their deflate
 * (BL-2). */
static void observe_pages_freed(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    const bool must_tell = (watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    for (uint32_t i = 0; watch->legacy && !must_tell && i < count; i++) {
        if ((pages_get_state(watch, pages[i]) & PAGE_PLACE) == PAGE_DEFLATING) {
            clause_count_use(watch, DEV, CLAUSE_BL_2);
        }
    }
}

static void observe_discard(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    const bool must_tell = (watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    for (uint64_t pfn = first_pfn; watch->legacy && !must_tell && pfn < first_pfn + pfns;) {
        const struct page_run run = pages_find_run(watch, pfn, first_pfn + pfns);
        if (run.known && (run.fact & PAGE_PLACE) == PAGE_OWN) {
            clause_require_each(watch, DEV, CLAUSE_BL_2, run.count, false,
                                "the device discards PFN %" PRIu64 ", which the guest uses",
                                run.pfn);
        }
        pfn += run.count;
    }
}

/** Counts one violation for each ring that cannot be read in the guest's byte order. */
static void check_ring_byte_order(struct watch *watch)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        const uint32_t bit = 1u << i;
        if (queue->enabled && queue->lost && (watch->legacy_seen.lost & bit) == 0) {
            watch->legacy_seen.lost |= bit;
            clause_count_violation(
                watch, DRV, CLAUSE_VG_33,
                "the driver wrote the ring of queue %u in a byte order that is not the guest's",
                (unsigned)queue->index);
        }
    }
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    const bool must_tell = (watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    const bool with_us = (device->status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 &&
                         (device->status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0;
    if (!watch->legacy) {
        return;
    }
    if (watch->legacy_seen.begun) {
        watch->legacy_seen.begun = false;
        clause_require(watch, DEV, CLAUSE_VG_32, with_us,
                       "the device does not accept a legacy driver's DRIVER_OK: the status is %u",
                       (unsigned)device->status);
        if (!must_tell) {
            clause_require(watch, DEV, CLAUSE_BL_1, with_us,
                           "the device does not work with a driver without MUST_TELL_HOST");
        }
    }
    check_ring_byte_order(watch);
}

const struct watcher watch_legacy_watcher = {
    .reset = observe_reset,
    .live = observe_driver_ok,
    .config_read = observe_config_read,
    .config_write = observe_config_write,
    .submitted = observe_buffer_submitted,
    .used = observe_buffer_used,
    .driver_gave_up = observe_driver_gave_up,
    .pages_given = observe_pages_freed,
    .discarded = observe_discard,
    .event_end = observe_event_end,
};
