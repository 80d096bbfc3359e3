/*
 * Checks free page hinting (VIRTIO 1.3, 5.5.6.4): command ids, the hints that the driver sends
 * under each id, and how the device uses hinted pages. Free page reports are checked in reports.c.
 *
 * For each guest page this file keeps the id under which the page was hinted, or 0 if the page is
 * not hinted or the guest got it back.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

#define STOP       BNT_BALLOON_HINT_STOP
#define DONE       BNT_BALLOON_HINT_DONE
#define ANSWER_NS  UINT64_C(10000000000) /**< a driver that takes longer ignores the id */
#define RELEASE_NS UINT64_C(10000000000) /**< a driver that takes longer never frees the pages */

static uint64_t count_guest_pages(const struct watch *watch)
{
    return watch->config.pfns >> watch->config.page_order;
}

/** If FREE_PAGE_HINT is not negotiated, the queue with this index is not the hint queue. */
static bool is_hint_queue(const struct watch *watch, const struct seen_queue *queue)
{
    return queue->role == BNT_BALLOON_QUEUE_HINT &&
           (watch->features & BNT_BALLOON_F_FREE_PAGE_HINT) != 0;
}

/** Finds the command id under which the page of this PFN was hinted. NULL if no page was hinted or
 * the guest has no such PFN. */
static uint32_t *find_hint_id(struct watch *watch, uint64_t pfn)
{
    const uint64_t at = (pfn - watch->config.first_pfn) >> watch->config.page_order;
    return watch->hints.pages == NULL || pfn < watch->config.first_pfn ||
                   at >= count_guest_pages(watch)
               ? NULL
               : &watch->hints.pages[at];
}

void hints_free_state(struct watch *watch)
{
    arena_free(watch_get_arena(watch), watch->hints.pages,
               count_guest_pages(watch) * sizeof(uint32_t));
    watch->hints.pages = NULL;
}

static void clear_hints(struct watch *watch)
{
    struct watch_hints *hints = &watch->hints;
    uint32_t *pages = hints->pages;
    for (uint64_t i = 0; pages != NULL && i < count_guest_pages(watch); i++) {
        pages[i] = 0;
    }
    *hints = (struct watch_hints){.pages = pages, .shown = hints->shown};
}

/* ---- What the device shows in configuration space ---- */

static bool is_hint_id_open(const struct watch_hints *hints, uint32_t id)
{
    for (uint32_t i = 0; i < hints->open_count; i++) {
        if (hints->open[i] == id) {
            return true;
        }
    }
    return false;
}

static void observe_hint_command(struct watch *watch, uint32_t command)
{
    struct watch_hints *hints = &watch->hints;
    if (command == hints->shown) {
        return;
    }
    if (command >= BNT_BALLOON_HINT_ID_FIRST) {
        clause_require(watch, CLAUSE_DEVICE, CLAUSE_BV_7, !is_hint_id_open(hints, command),
                       "the device shows command id %" PRIu32
                       " again before the driver sent a STOP buffer",
                       command);
        if (hints->open_count < sizeof hints->open / sizeof hints->open[0]) {
            hints->open[hints->open_count++] = command;
        }
    } else if (command == STOP) {
        clause_count_use(watch, CLAUSE_DEVICE, CLAUSE_BV_6);
    }
    hints->shown = command;
    hints->unused_buffers = 0;
}

/** The migration that used the hints has ended. */
static void observe_hinting_end(struct watch *watch)
{
    clause_require(watch, CLAUSE_DEVICE, CLAUSE_BV_11, watch->hints.shown == DONE,
                   "the device no longer needs hinted pages, but shows command id %" PRIu32
                   " instead of DONE",
                   watch->hints.shown);
}

static void observe_hint_accepted(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    struct watch_hints *hints = &watch->hints;
    hints->unused_buffers = 0;
    for (uint64_t i = 0; i < pfns; i += UINT64_C(1) << watch->config.page_order) {
        const uint32_t *page = find_hint_id(watch, first_pfn + i);
        if (page != NULL && *page != 0) {
            clause_require(watch, CLAUSE_DEVICE, CLAUSE_BV_8, *page == hints->shown,
                           "PFN %" PRIu64 " was hinted under command id %" PRIu32
                           " but accepted under command id %" PRIu32,
                           first_pfn + i, *page, hints->shown);
            return;
        }
    }
}

static void observe_discard(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    const bool hinted = watch->hints.pages != NULL;
    for (uint64_t i = 0; hinted && i < pfns; i += UINT64_C(1) << watch->config.page_order) {
        const uint32_t *page = find_hint_id(watch, first_pfn + i);
        if (page == NULL || *page == 0) {
            continue;
        }
        clause_count_use(watch, CLAUSE_DEVICE, CLAUSE_BV_9);
        clause_require(watch, CLAUSE_DEVICE, CLAUSE_BV_10, watch->hints.shown != DONE,
                       "PFN %" PRIu64 " was hinted, but the device discarded it after DONE",
                       first_pfn + i);
        return;
    }
}

/* ---- What the driver reads in configuration space, and what it sends ---- */

static void check_hint_id_answered(struct watch *watch)
{
    const struct watch_hints *hints = &watch->hints;
    if (hints->read >= BNT_BALLOON_HINT_ID_FIRST && hints->sent != hints->read &&
        watch_get_time_ns(watch) - hints->read_ns > ANSWER_NS) {
        clause_count_violation(watch, CLAUSE_DRIVER, CLAUSE_BD_27,
                               "the driver never answered command id %" PRIu32, hints->read);
    }
}

static void check_hints_released(struct watch *watch, bool late)
{
    const struct watch_hints *hints = &watch->hints;
    if (hints->read == DONE && hints->with_driver > 0 &&
        (late || watch_get_time_ns(watch) - hints->read_ns > RELEASE_NS)) {
        clause_count_violation(watch, CLAUSE_DRIVER, CLAUSE_BD_33,
                               "the driver still keeps %" PRIu64 " hinted pages after DONE",
                               hints->with_driver);
    }
}

static void observe_config_read(struct watch *watch, uint32_t offset, const void *data,
                                uint32_t bytes)
{
    struct watch_hints *hints = &watch->hints;
    if (offset != BNT_BALLOON_CONFIG_HINT_CMD_ID || bytes != sizeof(bnt_le32)) {
        return;
    }
    const uint8_t *at = data;
    const bnt_le32 wire = {{at[0], at[1], at[2], at[3]}};
    const uint32_t command =
        bnt_le32_to_cpu(wire); /* configuration space is always little-endian */
    if (command == hints->read) {
        return;
    }
    check_hint_id_answered(watch);
    if (hints->read == DONE) {
        check_hints_released(watch, false);
    }
    hints->read = command;
    hints->read_ns = watch_get_time_ns(watch);
}

static void check_sent_hint_command(struct watch *watch, uint32_t command)
{
    struct watch_hints *hints = &watch->hints;
    if (command == STOP) {
        if (hints->running) {
            clause_count_use(watch, CLAUSE_DRIVER, CLAUSE_BD_29);
            if (hints->read != hints->sent) {
                clause_count_use(watch, CLAUSE_DRIVER, CLAUSE_BD_28);
            }
        }
        hints->running = false;
        return;
    }
    clause_require(watch, CLAUSE_DRIVER, CLAUSE_BD_25, command == hints->read,
                   "the driver begins a round of hints with id %" PRIu32
                   ", but the current id is %" PRIu32,
                   command, hints->read);
    clause_require(watch, CLAUSE_DRIVER, CLAUSE_BD_26, command != hints->sent || hints->sent == 0,
                   "the driver sent command id %" PRIu32 " twice", command);
    if (hints->running && command != hints->sent) {
        clause_count_violation(watch, CLAUSE_DRIVER, CLAUSE_BD_29,
                               "the driver did not end round %" PRIu32
                               " of hints before it began round %" PRIu32,
                               hints->sent, command);
    }
    hints->sent = command;
    hints->running = true;
}

static void check_sent_hint_block(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    struct watch_hints *hints = &watch->hints;
    clause_require(watch, CLAUSE_DRIVER, CLAUSE_BD_25, hints->running,
                   "PFN %" PRIu64 " was hinted before a round of hints began", first_pfn);
    clause_require(watch, CLAUSE_DRIVER, CLAUSE_BD_28, hints->read == hints->sent,
                   "PFN %" PRIu64 " was hinted after the driver read command id %" PRIu32,
                   first_pfn, hints->read);
    clause_count_use(watch, CLAUSE_DRIVER, CLAUSE_BD_27);
    if (hints->pages == NULL) {
        hints->pages =
            arena_alloc_zeroed(watch_get_arena(watch), count_guest_pages(watch) * sizeof(uint32_t));
    }
    for (uint64_t i = 0; i < pfns; i += UINT64_C(1) << watch->config.page_order) {
        uint32_t *page = find_hint_id(watch, first_pfn + i);
        if (page != NULL) {
            hints->with_driver += *page == 0;
            *page = hints->sent;
        }
    }
}

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    uint8_t raw[4];
    if (!is_hint_queue(watch, queue)) {
        return;
    }
    if (buffer->readable_bytes > 0) {
        clause_require(watch, CLAUSE_DRIVER, CLAUSE_BD_24, buffer->readable_bytes == sizeof raw,
                       "the driver sends an output buffer of %" PRIu64
                       " bytes instead of 4 on the hint queue",
                       buffer->readable_bytes);
        if (watch_read_buffer_bytes(watch, buffer, false, 0, raw, sizeof raw) == sizeof raw) {
            check_sent_hint_command(watch, watch_read_ring_u32(watch, raw));
        }
    }
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer);
    for (uint32_t i = 0; i < buffer->writable_count; i++) {
        const struct bnt_vq_seg *seg = &segs[buffer->readable_count + i];
        check_sent_hint_block(watch, seg->gpa >> BNT_PFN_SHIFT, seg->bytes >> BNT_PFN_SHIFT);
    }
}

/** Whether the buffer has a page that is ballooned, or that is named by an inflate in flight. If
 * the device processed the inflate queue before the hint queue, it cannot use such a hint. */
static bool has_ballooned_page(struct watch *watch, const struct seen_buffer *buffer)
{
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer);
    for (uint32_t i = 0; i < buffer->writable_count; i++) {
        const struct bnt_vq_seg *seg = &segs[buffer->readable_count + i];
        for (uint64_t at = 0; at < seg->bytes; at += BNT_PFN_BYTES) {
            const uint64_t pfn = (seg->gpa + at) >> BNT_PFN_SHIFT;
            const unsigned place = pages_get_state(watch, pfn) & PAGE_PLACE;
            if (place == PAGE_INFLATING || place == PAGE_BALLOON) {
                return true;
            }
        }
    }
    return false;
}

static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_hints *hints = &watch->hints;
    uint8_t raw[4];
    (void)len;
    if (!is_hint_queue(watch, queue)) {
        return;
    }
    if (buffer->readable_bytes == 0 && has_ballooned_page(watch, buffer)) {
        return;
    }
    if (buffer->readable_bytes == 0) {
        /* The device uses the buffers of these hints but never tells its VMM about a hinted page.
         */
        hints->unused_buffers++;
        if (hints->unused_buffers == 64 && hints->shown >= BNT_BALLOON_HINT_ID_FIRST &&
            hints->shown == hints->begun) {
            clause_count_violation(watch, CLAUSE_DEVICE, CLAUSE_BV_6,
                                   "the device shows command id %" PRIu32
                                   " although it ignores the hints of that id",
                                   hints->shown);
        }
        return;
    }
    if (watch_read_buffer_bytes(watch, buffer, false, 0, raw, sizeof raw) != sizeof raw) {
        return;
    }
    const uint32_t command = watch_read_ring_u32(watch, raw);
    if (command != STOP) {
        hints->begun = command;
        return;
    }
    /* The device may use again the command ids up to the last one for which the driver began to
     * send hints. */
    uint32_t kept = 0;
    bool later = !is_hint_id_open(hints, hints->begun);
    for (uint32_t i = 0; i < hints->open_count; i++) {
        if (later) {
            hints->open[kept++] = hints->open[i];
        }
        later = later || hints->open[i] == hints->begun;
    }
    hints->open_count = kept;
}

/* ---- Pages ---- */

static void observe_hint_pages_returned(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    struct watch_hints *hints = &watch->hints;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *page = find_hint_id(watch, pages[i]);
        if (page != NULL && *page != 0) {
            *page = 0;
            hints->with_driver--;
        }
    }
    clause_count_use(watch, CLAUSE_DRIVER, hints->read == DONE ? CLAUSE_BD_33 : CLAUSE_BD_30);
}

/** The guest accesses a hinted page that it has not written to since the hint. */
static void observe_hinted_page_access(struct watch *watch, uint64_t pfn, bool written)
{
    clause_require(watch, CLAUSE_DRIVER, CLAUSE_BD_31, written,
                   "PFN %" PRIu64 " was read by the guest after it was hinted", pfn);
    if (watch->hints.read != DONE) {
        clause_require(watch, CLAUSE_DRIVER, CLAUSE_BD_32, written,
                       "PFN %" PRIu64 " was used before DONE without being written first", pfn);
    }
}

static void observe_run_end(struct watch *watch, bool quiet)
{
    if (!quiet || !watch->live || watch->given_up || is_device_paused(watch)) {
        return;
    }
    check_hint_id_answered(watch);
    check_hints_released(watch, true);
    if (watch->hints.running && watch->hints.read != watch->hints.sent) {
        clause_count_violation(watch, CLAUSE_DRIVER, CLAUSE_BD_29,
                               "the driver never ended round %" PRIu32 " of hints",
                               watch->hints.sent);
    }
}

const struct watcher watch_hints_watcher = {
    .reset = clear_hints,
    .config_read = observe_config_read,
    .submitted = observe_buffer_submitted,
    .used = observe_buffer_used,
    .discarded = observe_discard,
    .hint_shown = observe_hint_command,
    .hint_over = observe_hinting_end,
    .hinted = observe_hint_accepted,
    .hint_given = observe_hint_pages_returned,
    .hint_touched = observe_hinted_page_access,
    .end = observe_run_end,
};
