/*
 * Free page reporting (VIRTIO 1.3, 5.5.6.7): free blocks go to the device for a while, so that it
 * may drop what backs them. One report is with the device at a time; a burst of them follows each
 * delay, so that a system at rest is through with its free memory in a while. A block comes back by
 * the device's acknowledgement or its reset, never by a timeout (BD-39). Inflation is not needed
 * for any of it, nor does this file know of it.
 */
#include "lib/guest/features/guest_features.h"

#include <string.h>

/* Free page reporting: what is with the device, and when the next look at free pages is due. */
struct report {
    bool again;       /* blocks became free since the last look */
    bool stalled;     /* it missed its deadline and STALLED was told */
    uint32_t most;    /* blocks of one report that the queue allows; 0: there are no reports */
    uint32_t burst;   /* reports left before the next delay */
    uint32_t count;   /* blocks with the device; 0: none */
    uint32_t out;     /* buffers that did not come back: one of all, or one of each block */
    uint64_t look_ns; /* BNT_NEVER: when blocks become free */
    uint64_t sent_ns;
    uint64_t due_ns;
    uint64_t wait_ns;
    uint64_t blocks[BNT_GUEST_REPORT_CAPACITY_MAX];
    uint16_t heads[BNT_GUEST_REPORT_CAPACITY_MAX]; /* of each block's buffer, with DEVICE_INIT */
    bool init[BNT_GUEST_REPORT_CAPACITY_MAX];      /* the device initialised it */
};

static struct report *report_of(const struct bnt_guest *guest)
{
    return bnti_guest_get_feature_state(guest, BNTI_GUEST_FEATURE_REPORT);
}

/* PFNs of one block. */
static uint32_t get_report_block_pfns(const struct bnt_guest *guest)
{
    return UINT32_C(1) << (guest->config.page_order + guest->config.report_order);
}

/* DRIVER_OK: all that is free is to be reported (BD-40); a small queue makes small reports. */
static void report_start(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    if (bnti_guest_is_queue_in_use(guest, BNTI_GUEST_Q_REPORT)) {
        const uint32_t size = guest->vq[BNTI_GUEST_Q_REPORT].config.queue_size;
        report->most = size < guest->config.report_capacity ? size : guest->config.report_capacity;
        report->burst = guest->config.report_burst;
        report->look_ns = bnti_guest_add_time(guest->now_ns, guest->config.report_delay_ns);
    }
}

/* Each block is a device-writable part of one buffer: the device may write, which is to drop. With
 * DEVICE_INIT_REPORTED each is a buffer of its own, so that it has a used length of its own. */
static void submit_report_blocks(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    const uint32_t bytes = get_report_block_pfns(guest) << BNT_PFN_SHIFT;
    const uint32_t each = guest->init_reported ? 1 : report->count;
    struct bnt_vq_seg *segs = guest->segs;
    for (uint32_t i = 0; i < report->count; i++) {
        segs[i].gpa = report->blocks[i] << BNT_PFN_SHIFT;
        segs[i].bytes = bytes;
        report->init[i] = false;
    }
    report->out = guest->init_reported ? report->count : 1;
    for (uint32_t i = 0; i < report->count; i += each) {
        const bnt_status added =
            bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_REPORT], &segs[i], 0, each, &report->heads[i]);
        BNTI_ASSERT(added == BNT_OK);
        guest->count.reports++;
    }
}

static void send_report(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    submit_report_blocks(guest);
    report->stalled = false;
    report->sent_ns = guest->now_ns;
    report->wait_ns = guest->config.ack_timeout_ns;
    report->due_ns = bnti_guest_add_time(guest->now_ns, report->wait_ns);
    bnti_guest_kick_queue(guest, BNTI_GUEST_Q_REPORT);
}

/* Nothing is left to report: the next look is when blocks become free, or when it is polled. */
static void end_report_burst(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    const bool look = report->again || guest->config.poll_ns != 0;
    report->again = false;
    report->burst = guest->config.report_burst;
    report->look_ns =
        look ? bnti_guest_add_time(guest->now_ns, guest->config.report_delay_ns) : BNT_NEVER;
}

/* Gives the blocks back that the device let go of, those first that it initialised. */
static void give_back_report_blocks(struct bnt_guest *guest, uint32_t count)
{
    struct report *report = report_of(guest);
    uint32_t init = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (report->init[i]) {
            const uint64_t block = report->blocks[i];
            report->blocks[i] = report->blocks[init];
            report->blocks[init++] = block;
        }
    }
    if (init > 0) {
        guest->count.initialised_pfns += (uint64_t)init * get_report_block_pfns(guest);
        guest->ops.report_done(guest->opaque, report->blocks, init, BNT_GUEST_REPORTED_INIT);
    }
    if (init < count) {
        guest->ops.report_done(guest->opaque, report->blocks + init, count - init,
                               BNT_GUEST_REPORTED_ACKED);
    }
}

/* A buffer came back. A used length of all its bytes says that the device initialised them; the
 * draft knows no other, and without the draft it means nothing. */
static void note_report_buffer(struct bnt_guest *guest, uint16_t head, uint32_t len)
{
    struct report *report = report_of(guest);
    const uint32_t bytes = get_report_block_pfns(guest) << BNT_PFN_SHIFT;
    report->out--;
    for (uint32_t i = 0; guest->init_reported && i < report->count; i++) {
        if (report->heads[i] == head) {
            report->init[i] = len == bytes;
        }
    }
}

/* The used element says that the device let go of a buffer; with the last of them all go back. */
static void handle_report_used(struct bnt_guest *guest, uint32_t q, uint16_t head, uint32_t len)
{
    (void)q;
    struct report *report = report_of(guest);
    const uint32_t count = report->count;
    const uint64_t pfns = (uint64_t)count * get_report_block_pfns(guest);
    note_report_buffer(guest, head, len);
    if (report->out > 0) {
        return;
    }
    report->count = 0;
    bnti_guest_note_queue_answer(guest, BNTI_GUEST_Q_REPORT, report->sent_ns);
    guest->count.reported_pfns += pfns;
    if (report->stalled) {
        report->stalled = false;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RESUMED,
                              bnti_guest_queue_index(guest, BNTI_GUEST_Q_REPORT),
                              guest->now_ns - report->sent_ns);
    }
    give_back_report_blocks(guest, count);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_REPORTED, count, pfns);
    if (report->burst == 0) {
        report->burst = guest->config.report_burst;
        report->look_ns = bnti_guest_add_time(guest->now_ns, guest->config.report_delay_ns);
    } else {
        report->look_ns = guest->now_ns;
    }
}

/* A late report stays where it is; the kick may have been lost. */
static void handle_overdue_report(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    const uint16_t queue = bnti_guest_queue_index(guest, BNTI_GUEST_Q_REPORT);
    if (!report->stalled) {
        report->stalled = true;
        guest->count.stalls++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALLED, queue,
                              guest->now_ns - report->sent_ns);
    }
    report->wait_ns = bnti_guest_add_time(report->wait_ns, report->wait_ns);
    report->due_ns = bnti_guest_add_time(guest->now_ns, report->wait_ns);
    bnti_guest_mark_config_changed(guest);
    bnti_guest_notify_queue(guest, BNTI_GUEST_Q_REPORT);
}

/* Gives straight back what an OS must not give: blocks outside the memory it was declared with. */
static uint32_t validate_report_blocks(struct bnt_guest *guest, uint32_t count)
{
    struct report *report = report_of(guest);
    uint32_t good = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t block = report->blocks[i];
        const bnt_guest_unusable reason = bnti_guest_find_unusable_reason(
            guest, BNTI_GUEST_USE_BLOCK, block, get_report_block_pfns(guest));
        if (reason == BNT_GUEST_UNUSABLE_COUNT) {
            report->blocks[good++] = block;
        } else {
            guest->ops.report_done(guest->opaque, &block, 1, BNT_GUEST_REPORTED_VOID);
            bnti_guest_note_unusable_pages(guest, reason, block,
                                           UINT64_C(1) << guest->config.report_order);
        }
    }
    return good;
}

/* In a step. A system that was out of memory a moment ago keeps its free blocks to itself. */
static void report_step(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    if (report->most == 0) {
        guest->work += guest->freed_marked;
        guest->freed_marked = false;
        return;
    }
    if (guest->freed_marked) {
        guest->freed_marked = false;
        bnti_guest_note_work(guest);
        report->again = true;
    }
    if (!bnti_guest_is_queue_ready(guest, BNTI_GUEST_Q_REPORT)) {
        return;
    }
    if (report->count > 0) {
        if (guest->now_ns >= report->due_ns &&
            !bnti_guest_reset_late_queue(guest, BNTI_GUEST_Q_REPORT, report->sent_ns)) {
            handle_overdue_report(guest);
        }
        return;
    }
    if (report->look_ns == BNT_NEVER && report->again) {
        end_report_burst(guest);
    }
    if (guest->state != BNT_GUEST_RUNNING || guest->leaving || guest->now_ns < report->look_ns ||
        guest->now_ns < guest->holdoff_until_ns || guest->budget == 0) {
        return;
    }
    bnti_guest_spend_budget(guest);
    const uint32_t count = guest->ops.report_take(guest->opaque, report->blocks, report->most);
    report->count = validate_report_blocks(guest, count < report->most ? count : report->most);
    if (report->count == 0) {
        end_report_burst(guest);
        return;
    }
    report->burst--;
    send_report(guest);
}

/* The device is reset and forgot its buffers: the blocks are free again, unreported. */
static void void_report(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    const uint32_t count = report->count;
    report->count = 0;
    report->most = 0;
    if (count > 0) {
        guest->ops.report_done(guest->opaque, report->blocks, count, BNT_GUEST_REPORTED_VOID);
    }
}

/* The queue was reset, and reporting begins anew. */
static void restart_reporting(struct bnt_guest *guest, uint32_t q)
{
    (void)q;
    void_report(guest);
    report_start(guest);
}

/* When the next look, or the deadline of what is with the device, is due. */
static uint64_t report_deadline(const struct bnt_guest *guest)
{
    const struct report *report = report_of(guest);
    if (report->most == 0 || !bnti_guest_is_queue_ready(guest, BNTI_GUEST_Q_REPORT)) {
        return BNT_NEVER;
    }
    if (report->count > 0) {
        return report->due_ns;
    }
    if (guest->state != BNT_GUEST_RUNNING || guest->leaving || report->look_ns == BNT_NEVER) {
        return BNT_NEVER;
    }
    const uint64_t due =
        report->look_ns > guest->holdoff_until_ns ? report->look_ns : guest->holdoff_until_ns;
    return due > guest->now_ns ? due : guest->now_ns;
}

static void shift_report_deadlines(struct bnt_guest *guest, uint64_t slept_ns)
{
    struct report *report = report_of(guest);
    report->sent_ns = bnti_guest_add_time(report->sent_ns, slept_ns);
    report->due_ns = bnti_guest_add_time(report->due_ns, slept_ns);
}

static void report_fill_info(const struct bnt_guest *guest, struct bnt_guest_info *info)
{
    info->reporting_pfns = (uint64_t)report_of(guest)->count * get_report_block_pfns(guest);
}

static void report_clear(struct bnt_guest *guest)
{
    struct report *report = report_of(guest);
    memset(report, 0, sizeof *report);
    report->look_ns = BNT_NEVER;
}

void bnt_guest_pages_freed(struct bnt_guest *guest)
{
    guest->freed_marked = true;
    guest->woken = true;
}

/* ---- The row ---- */

static bool is_report_config_valid(const struct bnt_guest_config *config)
{
    return config->report_order <= BNT_GUEST_REPORT_PFN_ORDER_MAX - config->page_order &&
           config->report_capacity <= BNT_GUEST_REPORT_CAPACITY_MAX;
}

static bool report_has_ops(const struct bnt_guest_config *config, const struct bnt_guest_ops *ops)
{
    return !bnti_guest_wants_features(config, BNT_BALLOON_F_PAGE_REPORTING) ||
           (ops->report_take != NULL && ops->report_done != NULL);
}

static size_t report_state_bytes(const struct bnt_guest_config *config)
{
    (void)config;
    return sizeof(struct report);
}

const struct bnti_guest_feature bnti_guest_feature_report = {
    .features = BNT_BALLOON_WITH(PAGE_REPORTING) | BNT_BALLOON_WITH(DEVICE_INIT_REPORTED),
    .is_valid = is_report_config_valid,
    .has_ops = report_has_ops,
    .state_bytes = report_state_bytes,
    .start = report_start,
    .step = report_step,
    .due = report_deadline,
    .resume = shift_report_deadlines,
    .info = report_fill_info,
    .release = void_report,
    .forget = report_clear,
    /* A small queue makes small reports (bug 45); a report is a chain of the queue's own length at
     * most, so that no table is needed (VS-7). */
    .queues = {{.role = BNTI_GUEST_Q_REPORT,
                .descriptors = 1,
                .direct = true,
                .used = handle_report_used,
                .renewed = restart_reporting}},
};
