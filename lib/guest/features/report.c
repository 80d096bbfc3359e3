/*
 * Free page reporting (VIRTIO 1.3, 5.5.6.7): the driver sends free blocks to the device, which may
 * discard their backing memory. One free page report is in flight at a time. After each delay a
 * burst of reports is sent, so that an idle system reports all of its free memory after a number of
 * delays. A block comes back when the device has used its buffer or was reset, never after a
 * timeout (BD-39). Free page reporting works without inflation.
 */
#include "lib/guest/features/guest_features.h"

#include <string.h>

/*
 * The state of free page reporting: the blocks in flight, and when free blocks are collected next.
 */
struct report {
    bool again;       /* blocks became free since they were last collected */
    bool stalled;     /* it missed its deadline, and STALLED was emitted */
    uint32_t most;    /* maximum number of blocks per report; 0: no reporting */
    uint32_t burst;   /* number of reports before the next delay */
    uint32_t count;   /* number of blocks in flight */
    uint32_t out;     /* buffers in flight: one for all blocks, or one per block */
    uint64_t look_ns; /* next collection; BNT_NEVER: when blocks become free */
    uint64_t sent_ns;
    uint64_t due_ns;
    uint64_t wait_ns;
    uint64_t blocks[BNT_GUEST_REPORT_CAPACITY_MAX];
    uint16_t heads[BNT_GUEST_REPORT_CAPACITY_MAX]; /* heads of the blocks, with DEVICE_INIT */
    bool init[BNT_GUEST_REPORT_CAPACITY_MAX];      /* the device initialised the block */
};

static struct report *get_report_state(const struct bnt_guest *guest)
{
    return bnti_guest_get_feature_state(guest, BNTI_GUEST_FEATURE_REPORT);
}

/* Number of PFNs in one block. */
static uint32_t get_report_block_pfns(const struct bnt_guest *guest)
{
    return UINT32_C(1) << (guest->config.memory.page_order + guest->config.reporting.order);
}

/* After DRIVER_OK: starts to report all free memory (BD-40). A small queue allows only small
 * reports. */
static void start_reporting(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
    if (bnti_guest_is_queue_in_use(guest, BNTI_GUEST_Q_REPORT)) {
        const uint32_t size = guest->vq[BNTI_GUEST_Q_REPORT].config.queue_size;
        report->most =
            size < guest->config.reporting.capacity ? size : guest->config.reporting.capacity;
        report->burst = guest->config.reporting.burst;
        report->look_ns = bnti_guest_add_time(guest->now_ns, guest->config.reporting.delay_ns);
    }
}

/*
 * Adds the blocks as device-writable segments of one buffer, because the device changes their
 * content when it discards them. With DEVICE_INIT_REPORTED each block is its own buffer with its
 * own used length.
 */
static void submit_report_blocks(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
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
        guest->count.reporting.reports++;
    }
}

static void send_report(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
    submit_report_blocks(guest);
    report->stalled = false;
    report->sent_ns = guest->now_ns;
    report->wait_ns = guest->config.requests.ack_timeout_ns;
    report->due_ns = bnti_guest_add_time(guest->now_ns, report->wait_ns);
    bnti_guest_kick_queue(guest, BNTI_GUEST_Q_REPORT);
}

/* No free block is left: blocks are collected again when the OS frees some, or periodically if
 * polling is configured. */
static void end_report_burst(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
    const bool look = report->again || guest->config.sizing.poll_ns != 0;
    report->again = false;
    report->burst = guest->config.reporting.burst;
    report->look_ns =
        look ? bnti_guest_add_time(guest->now_ns, guest->config.reporting.delay_ns) : BNT_NEVER;
}

/* Gives the blocks of a completed report back, first those that the device initialised. */
static void give_back_report_blocks(struct bnt_guest *guest, uint32_t count)
{
    struct report *report = get_report_state(guest);
    uint32_t init = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (report->init[i]) {
            const uint64_t block = report->blocks[i];
            report->blocks[i] = report->blocks[init];
            report->blocks[init++] = block;
        }
    }
    if (init > 0) {
        guest->count.reporting.initialised_pfns += (uint64_t)init * get_report_block_pfns(guest);
        guest->ops.reporting.done(guest->opaque, report->blocks, init, BNT_GUEST_REPORTED_INIT);
    }
    if (init < count) {
        guest->ops.reporting.done(guest->opaque, report->blocks + init, count - init,
                                  BNT_GUEST_REPORTED_ACKED);
    }
}

/* A buffer was used. With DEVICE_INIT_REPORTED a used length of the whole block means that the
 * device initialised the block. Without this draft the used length is ignored. */
static void record_used_report_buffer(struct bnt_guest *guest, uint16_t head, uint32_t len)
{
    struct report *report = get_report_state(guest);
    const uint32_t bytes = get_report_block_pfns(guest) << BNT_PFN_SHIFT;
    report->out--;
    for (uint32_t i = 0; guest->init_reported && i < report->count; i++) {
        if (report->heads[i] == head) {
            report->init[i] = len == bytes;
        }
    }
}

/* Handles a used buffer of a report. After the last buffer of a report, all blocks are given
 * back. */
static void handle_used_report_buffer(struct bnt_guest *guest, uint32_t q, uint16_t head,
                                      uint32_t len)
{
    (void)q;
    struct report *report = get_report_state(guest);
    const uint32_t count = report->count;
    const uint64_t pfns = (uint64_t)count * get_report_block_pfns(guest);
    record_used_report_buffer(guest, head, len);
    if (report->out > 0) {
        return;
    }
    report->count = 0;
    bnti_guest_note_queue_answer(guest, BNTI_GUEST_Q_REPORT, report->sent_ns);
    guest->count.reporting.reported_pfns += pfns;
    if (report->stalled) {
        report->stalled = false;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALL_ENDED,
                              bnti_guest_get_queue_index(guest, BNTI_GUEST_Q_REPORT),
                              guest->now_ns - report->sent_ns);
    }
    give_back_report_blocks(guest, count);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_REPORTED, count, pfns);
    if (report->burst == 0) {
        report->burst = guest->config.reporting.burst;
        report->look_ns = bnti_guest_add_time(guest->now_ns, guest->config.reporting.delay_ns);
    } else {
        report->look_ns = guest->now_ns;
    }
}

/* A late report stays in flight. The device is notified again, because it is possible that the
 * notification was lost. */
static void handle_overdue_report(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
    const uint16_t queue = bnti_guest_get_queue_index(guest, BNTI_GUEST_Q_REPORT);
    if (!report->stalled) {
        report->stalled = true;
        guest->count.wire.stalls++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALLED, queue,
                              guest->now_ns - report->sent_ns);
    }
    report->wait_ns = bnti_guest_add_time(report->wait_ns, report->wait_ns);
    report->due_ns = bnti_guest_add_time(guest->now_ns, report->wait_ns);
    bnti_guest_mark_config_changed(guest);
    bnti_guest_notify_queue(guest, BNTI_GUEST_Q_REPORT);
}

/* Gives blocks outside the declared memory back at once. */
static uint32_t validate_report_blocks(struct bnt_guest *guest, uint32_t count)
{
    struct report *report = get_report_state(guest);
    uint32_t good = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t block = report->blocks[i];
        const bnt_guest_unusable reason = bnti_guest_find_unusable_reason(
            guest, BNTI_GUEST_USE_BLOCK, block, get_report_block_pfns(guest));
        if (reason == BNT_GUEST_UNUSABLE_COUNT) {
            report->blocks[good++] = block;
        } else {
            guest->ops.reporting.done(guest->opaque, &block, 1, BNT_GUEST_REPORTED_VOID);
            bnti_guest_note_unusable_pages(guest, reason, block,
                                           UINT64_C(1) << guest->config.reporting.order);
        }
    }
    return good;
}

/* In a step: collects free blocks and sends a report. After an OOM, blocks are not reported until
 * the hold-off ends. */
static void run_report_step(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
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
    const uint32_t count = guest->ops.reporting.take(guest->opaque, report->blocks, report->most);
    report->count = validate_report_blocks(guest, count < report->most ? count : report->most);
    if (report->count == 0) {
        end_report_burst(guest);
        return;
    }
    report->burst--;
    send_report(guest);
}

/* After a reset of the device or of the queue: gives the blocks back as not reported. */
static void abort_report(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
    const uint32_t count = report->count;
    report->count = 0;
    report->most = 0;
    if (count > 0) {
        guest->ops.reporting.done(guest->opaque, report->blocks, count, BNT_GUEST_REPORTED_VOID);
    }
}

/* The reset of the queue is complete: reporting starts again. */
static void restart_reporting(struct bnt_guest *guest, uint32_t q)
{
    (void)q;
    abort_report(guest);
    start_reporting(guest);
}

/* The time at which blocks are collected next, or at which the report in flight is late. */
static uint64_t get_report_deadline(const struct bnt_guest *guest)
{
    const struct report *report = get_report_state(guest);
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
    struct report *report = get_report_state(guest);
    report->sent_ns = bnti_guest_add_time(report->sent_ns, slept_ns);
    report->due_ns = bnti_guest_add_time(report->due_ns, slept_ns);
}

static void fill_report_info(const struct bnt_guest *guest, struct bnt_guest_info *info)
{
    info->reporting.inflight_pfns =
        (uint64_t)get_report_state(guest)->count * get_report_block_pfns(guest);
}

static void clear_report_state(struct bnt_guest *guest)
{
    struct report *report = get_report_state(guest);
    memset(report, 0, sizeof *report);
    report->look_ns = BNT_NEVER;
}

void bnt_guest_handle_freed_pages(struct bnt_guest *guest)
{
    guest->freed_marked = true;
    guest->woken = true;
}

/* ---- The row ---- */

static bool is_report_config_valid(const struct bnt_guest_config *config)
{
    return config->reporting.order <= BNT_GUEST_REPORT_PFN_ORDER_MAX - config->memory.page_order &&
           config->reporting.capacity <= BNT_GUEST_REPORT_CAPACITY_MAX;
}

static bool are_report_ops_present(const struct bnt_guest_config *config,
                                   const struct bnt_guest_ops *ops)
{
    return !bnti_guest_wants_features(config, BNT_BALLOON_F_PAGE_REPORTING) ||
           (ops->reporting.take != NULL && ops->reporting.done != NULL);
}

static size_t get_report_state_bytes(const struct bnt_guest_config *config)
{
    (void)config;
    return sizeof(struct report);
}

const struct bnti_guest_feature bnti_guest_feature_report = {
    .features = BNT_BALLOON_WITH(PAGE_REPORTING) | BNT_BALLOON_WITH(DEVICE_INIT_REPORTED),
    .is_valid = is_report_config_valid,
    .has_ops = are_report_ops_present,
    .state_bytes = get_report_state_bytes,
    .start = start_reporting,
    .step = run_report_step,
    .due = get_report_deadline,
    .resume = shift_report_deadlines,
    .info = fill_report_info,
    .release = abort_report,
    .forget = clear_report_state,
    /* A small queue allows only small reports (bug 45). A report has no more segments than the
     * queue has descriptors, so that no indirect table is needed (VS-7). */
    .queues = {{.role = BNTI_GUEST_Q_REPORT,
                .descriptors = 1,
                .direct = true,
                .used = handle_used_report_buffer,
                .renewed = restart_reporting}},
};
