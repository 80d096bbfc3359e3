/*
 * Requests on VIRTIO's rings: builds and submits requests, takes used buffers, and handles requests
 * that are late. verdict.c applies the answers.
 */
#include "lib/guest/wire/guest_wire.h"

#include <string.h>

static uint32_t get_queue_of_slot(bnti_guest_slot slot)
{
    return slot == BNTI_GUEST_INFLATE ? BNTI_GUEST_Q_INFLATE : BNTI_GUEST_Q_DEFLATE;
}

/* Notifies the device, with the queue's position if NOTIFICATION_DATA was negotiated (VG-31). */
void bnti_guest_notify_queue(struct bnt_guest *guest, uint32_t q)
{
    const uint16_t index = bnti_guest_get_queue_index(guest, q);
    guest->count.wire.kicks++;
    bnti_guest_note_work(guest);
    if ((guest->features & BNT_F_NOTIFICATION_DATA) != 0) {
        const uint32_t next = bnt_vq_drv_get_notify_data(&guest->vq[q]);
        guest->ops.transport.notify_data(guest->opaque, next << 16 | index);
    } else {
        guest->ops.transport.notify(guest->opaque, index);
    }
}

/* Publishes the added buffers, and notifies the device unless it suppresses notifications. */
void bnti_guest_kick_queue(struct bnt_guest *guest, uint32_t q)
{
    if (bnt_vq_drv_publish(&guest->vq[q])) {
        bnti_guest_notify_queue(guest, q);
    }
}

/* Writes the PFNs of the request's pages; returns the number of 32-bit words written. */
static uint32_t write_request_pfns(const struct bnt_guest *guest,
                                   const struct bnti_guest_request *request)
{
    const uint32_t order =
        request->huge
            ? 0
            : guest->config.memory.page_order; /* its first PFN stands for the whole page */
    const uint32_t within = (UINT32_C(1) << order) - 1;
    const uint32_t count = bnti_guest_count_named_pfns(guest, request);
    const uint64_t *pages = request->pages;
    bnt_le32 *wire = (bnt_le32 *)(void *)(request->dma + BNTI_GUEST_DMA_PFNS);
    if (bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_PFNS_OF_64_BITS) && !guest->verdicts) {
        for (uint32_t i = 0; i < count; i++) {
            wire[2 * i] = bnt_cpu_to_le32((uint32_t)pages[i >> order] + (i & within));
            wire[2 * i + 1] = bnt_cpu_to_le32(0);
        }
        return 2 * count;
    }
    if (guest->big_endian) {
        for (uint32_t i = 0; i < count; i++) {
            wire[i] = bnt_cpu_to_guest32((uint32_t)pages[i >> order] + (i & within), true);
        }
        return count;
    }
    if (order == 0) { /* the common case: a loop that compilers vectorise */
        for (uint32_t i = 0; i < count; i++) {
            wire[i] = bnt_cpu_to_le32((uint32_t)pages[i]);
        }
        return count;
    }
    for (uint32_t i = 0; i < count; i++) {
        wire[i] = bnt_cpu_to_le32((uint32_t)pages[i >> order] + (i & within));
    }
    return count;
}

/* Fills the DMA buffer and its segments: one segment without VERDICTS, two segments with VERDICTS
 * (BX-4). Returns the number of device-writable segments. */
static uint32_t build_request_segments(struct bnt_guest *guest, struct bnti_guest_request *request,
                                       struct bnt_vq_seg segs[2])
{
    uint32_t pfns = write_request_pfns(guest, request);
    if (guest->init_inflate && request == &guest->requests[BNTI_GUEST_INFLATE]) {
        segs[0].gpa = request->dma_gpa + BNTI_GUEST_DMA_PFNS;
        segs[0].bytes = 4 * pfns;
        segs[1].gpa = request->dma_gpa + bnti_guest_get_dma_response_offset(&guest->config);
        segs[1].bytes = (pfns + 7) / 8;
        memset(request->dma + bnti_guest_get_dma_response_offset(&guest->config), 0, segs[1].bytes);
        return 1;
    }
    if (!guest->verdicts) {
        segs[0].gpa = request->dma_gpa + BNTI_GUEST_DMA_PFNS;
        segs[0].bytes = 4 * pfns;
        return 0;
    }
    const uint32_t answer = bnti_guest_get_dma_response_offset(&guest->config);
    struct bnt_balloon_request *header = (struct bnt_balloon_request *)(void *)request->dma;
    header->epoch = bnt_cpu_to_le32(request->epoch);
    header->flags = bnt_cpu_to_le32(request->huge ? BNT_BALLOON_REQUEST_2M : 0);
    segs[0].gpa = request->dma_gpa;
    segs[0].bytes = (uint32_t)BNTI_GUEST_DMA_PFNS + 4 * pfns;
    segs[1].gpa = request->dma_gpa + answer;
    segs[1].bytes = (uint32_t)sizeof(struct bnt_balloon_response) + pfns;
    /* The response is zeroed, which later shows whether the device filled it in (BX-6). */
    memset(request->dma + answer, 0, segs[1].bytes);
    return 1;
}

/* Quirk SPLIT_REQUESTS: puts the second half of the PFNs into another descriptor. Returns the
 * number of descriptors. */
static uint32_t split_request_segment(const struct bnt_guest *guest, struct bnt_vq_seg segs[2])
{
    const uint32_t half = segs[0].bytes / 8 * 4;
    if (!bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_SPLIT_REQUESTS) || half == 0) {
        return 1;
    }
    segs[1].gpa = segs[0].gpa + half;
    segs[1].bytes = segs[0].bytes - half;
    segs[0].bytes = half;
    return 2;
}

/* Submits the request of the slot. Its descriptors are reserved, so this cannot fail. */
void bnti_virtio_submit_request(struct bnt_guest *guest, bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    const uint32_t q = get_queue_of_slot(slot);
    struct bnt_vq_seg segs[2];
    const uint32_t writable = build_request_segments(guest, request, segs);
    const uint32_t readable = writable == 0 ? split_request_segment(guest, segs) : 1;
    const bnt_status added =
        bnt_vq_drv_add(&guest->vq[q], segs, readable, writable, &request->head);
    BNTI_ASSERT(added == BNT_OK);
    request->stalled = false;
    request->sent_ns = guest->now_ns;
    request->wait_ns = guest->config.requests.ack_timeout_ns;
    request->due_ns = bnti_guest_add_time(guest->now_ns, request->wait_ns);
    bnti_guest_mark_request_in_flight(guest, slot);
    bnti_guest_kick_queue(guest, q);
}

/* Copies the answer out of shared memory, a single time. Bytes beyond the used length are ignored
 * (VS-15). */
static void read_answer(struct bnt_guest *guest, const struct bnti_guest_request *request,
                        uint32_t len, struct bnti_guest_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    if (!guest->verdicts) {
        return;
    }
    const uint32_t pfns = bnti_guest_count_named_pfns(guest, request);
    const uint32_t header_bytes = (uint32_t)sizeof(struct bnt_balloon_response);
    struct bnt_balloon_response header;
    const uint8_t *response = request->dma + bnti_guest_get_dma_response_offset(&guest->config);
    memcpy(&header, response, sizeof header);
    answer->target_known = len >= sizeof header.num_pages;
    answer->num_pages = bnt_le32_to_cpu(header.num_pages);
    answer->epoch_known = len >= header_bytes;
    answer->epoch = bnt_le32_to_cpu(header.epoch);
    const uint32_t verdicts = len > header_bytes ? len - header_bytes : 0;
    answer->verdict_count = (uint32_t)bnti_guest_min(verdicts, pfns);
    memcpy(guest->verdict_copy, response + sizeof header, answer->verdict_count);
    memset(guest->verdict_copy + answer->verdict_count, 0, pfns - answer->verdict_count);
}

static void complete_request(struct bnt_guest *guest, bnti_guest_slot slot, uint32_t len)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    struct bnti_guest_answer answer;
    read_answer(guest, request, len, &answer);
    if (guest->init_inflate && slot == BNTI_GUEST_INFLATE) {
        bnti_guest_read_init_bits(guest, request, len);
    }
    bnti_guest_end_request(guest, slot);
    bnti_guest_note_queue_answer(guest, get_queue_of_slot(slot), request->sent_ns);
    if (request->gone_on) {
        bnti_guest_set_request_assumed_done(guest, slot, false);
        return; /* its pages were counted when the answer was late */
    }
    bnti_guest_report_request(guest, slot, true, answer.verdict_count, false);
    if (request->stalled) {
        request->stalled = false;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALL_ENDED, get_queue_of_slot(slot),
                              guest->now_ns - request->sent_ns);
    }
    guest->answered(guest, slot, &answer);
}

/* Passes the used buffer `head` of queue `q` to the feature or the request to which the buffer
 * belongs. */
static void dispatch_used_buffer(struct bnt_guest *guest, uint32_t q, uint16_t head, uint32_t len)
{
    if (guest->roles[q]->used != NULL) {
        guest->roles[q]->used(guest, q, head, len);
        return;
    }
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const struct bnti_guest_request *request = &guest->requests[slot];
        if (request->busy && !request->doubtful && request->head == head &&
            get_queue_of_slot((bnti_guest_slot)slot) == q) {
            complete_request(guest, (bnti_guest_slot)slot, len);
            return;
        }
    }
    /* The ring has checked that the head is in flight, so a request must match. */
    BNTI_ASSERT(false);
}

/* Takes one used buffer; false if there is none or the driver is broken. */
static bool pop_used_buffer(struct bnt_guest *guest, uint32_t q)
{
    uint16_t head = 0;
    uint32_t len = 0;
    struct bnt_diag diag;
    memset(&diag, 0, sizeof diag);
    diag.size = sizeof diag;
    const bnt_status status = bnt_vq_drv_pop(&guest->vq[q], &head, &len, &diag);
    if (status == BNT_E_AGAIN) {
        return false;
    }
    if (status != BNT_OK) {
        guest->diag = diag;
        bnti_guest_mark_broken(guest, status, diag.fault, bnti_guest_get_queue_index(guest, q));
        return false;
    }
    if (diag.fault == BNT_FAULT_USED_LENGTH) {
        guest->count.wire
            .used_length_invalid++; /* real devices report wrong lengths for readable buffers */
    }
    dispatch_used_buffer(guest, q, head, len);
    return true;
}

static bool is_queue_live(const struct bnt_guest *guest, uint32_t q)
{
    const bool state = guest->state == BNT_GUEST_RUNNING || guest->state == BNT_GUEST_RELEASING;
    return state && bnti_guest_is_queue_ready(guest, q);
}

/*
 * Takes the used buffers of one queue without spending budget: at most two requests are in flight.
 */
void bnti_guest_pop_used_of_queue(struct bnt_guest *guest, uint32_t q)
{
    for (uint32_t i = 0; i < 2 && is_queue_live(guest, q); i++) {
        if (!pop_used_buffer(guest, q)) {
            return;
        }
    }
}

/* One queue that a pass over the used rings polls. */
struct polled_queue {
    uint32_t q;
    uint32_t want; /* how often the pass still polls it */
    bool named;    /* its interrupt came */
    bool found;    /* it had a used buffer */
};

/* A pass over the used rings: how many buffers the pass may still take from all queues together,
 * and the queues that it polls, in their order. */
struct used_pass {
    uint32_t left;
    uint32_t open; /* queues that it still polls */
    uint32_t count;
    struct polled_queue queues[BNTI_GUEST_Q_COUNT];
};

/*
 * Plans how often the pass polls each queue: once for each buffer in flight now, and once more to
 * find the ring empty. Therefore a device that returns new buffers at once cannot make the pass
 * longer. If the budget is short, each queue gets an equal share; the function returns this share.
 * Every queue with buffers in flight is polled, even if it is not marked, so that a lost interrupt
 * only costs time.
 */
static uint32_t plan_used_ring_pass(struct bnt_guest *guest, struct used_pass *pass)
{
    uint32_t buffers = 0;
    uint32_t q = guest->used_first;
    for (uint32_t i = 0; i < BNTI_GUEST_Q_COUNT; i++) {
        const uint32_t outstanding = guest->vq[q].outstanding;
        const uint8_t mark = guest->queue_marked[q];
        if ((mark != BNTI_GUEST_MARK_NONE || outstanding > 0) && is_queue_live(guest, q)) {
            pass->queues[pass->count++] = (struct polled_queue){
                .q = q, .want = outstanding + 1, .named = mark == BNTI_GUEST_MARK_NAMED};
            pass->open++;
            buffers += outstanding;
        }
        if (mark != BNTI_GUEST_MARK_NONE) {
            guest->queue_marked[q] = BNTI_GUEST_MARK_NONE;
        }
        q = q + 1 < BNTI_GUEST_Q_COUNT ? q + 1 : 0;
    }
    if (buffers <= pass->left) {
        return pass->left; /* the budget suffices for all queues */
    }
    return pass->left > pass->count ? pass->left / pass->count : 1;
}

/* Takes up to `most` used buffers of a queue. */
static void take_used_in_pass(struct bnt_guest *guest, struct used_pass *pass,
                              struct polled_queue *queue, uint32_t most)
{
    uint32_t taken = 0;
    bool more = true;
    while (taken < most && queue->want > 0 && is_queue_live(guest, queue->q) && more) {
        more = pop_used_buffer(guest, queue->q);
        queue->want -= 1;
        taken += more ? 1 : 0;
    }
    queue->found = queue->found || taken > 0;
    pass->left -= taken;
    if (!more || !is_queue_live(guest, queue->q)) {
        queue->want = 0;
    } else if (queue->want == 0) {
        guest->queue_marked[queue->q] =
            BNTI_GUEST_MARK_LOOK; /* new buffers wait for the next step */
    }
    pass->open -= queue->want == 0;
}

/* Serves each queue up to its share, then spends the rest of the budget on queues that need more.
 * The first queue left without budget is the first one of the next step. */
static void run_used_ring_pass(struct bnt_guest *guest, struct used_pass *pass, uint32_t share)
{
    bool full = false;
    guest->used_first = 0;
    for (uint32_t round = 0; round < 2 && pass->open > 0; round++) {
        for (uint32_t i = 0; i < pass->count; i++) {
            struct polled_queue *queue = &pass->queues[i];
            const uint32_t most =
                round == 0 ? (uint32_t)bnti_guest_min(share, pass->left) : pass->left;
            if (queue->want > 0 && pass->left > 0) {
                take_used_in_pass(guest, pass, queue, most);
            } else if (queue->want > 0 && !full) {
                full = true;
                guest->used_first = queue->q;
            }
        }
    }
}

/* Takes at most `budget` used buffers from all queues. */
void bnti_virtio_pop_used_buffers(struct bnt_guest *guest, uint32_t budget)
{
    struct used_pass pass;
    pass.left = budget;
    pass.open = 0;
    pass.count = 0;
    const uint32_t share = plan_used_ring_pass(guest, &pass);
    run_used_ring_pass(guest, &pass, share);
    guest->budget -= budget - pass.left;
    for (uint32_t i = 0; i < pass.count; i++) {
        const struct polled_queue *queue = &pass.queues[i];
        if (queue->want > 0 && is_queue_live(guest, queue->q)) {
            guest->queue_marked[queue->q] =
                queue->named && !queue->found /* no budget was left: poll again */
                    ? BNTI_GUEST_MARK_NAMED
                    : BNTI_GUEST_MARK_LOOK;
        } else if (queue->named && !queue->found && is_queue_live(guest, queue->q)) {
            guest->count.wire.spurious++;
        }
    }
}

/* Takes used buffers of all queues. Used buffers can consume the whole budget of one step, but not
 * of two steps in a row: half of the next step's budget is reserved for sizing and the other
 * stages. */
void bnti_guest_pop_used_buffers(struct bnt_guest *guest)
{
    const uint32_t budget = guest->used_all ? guest->budget / 2 : guest->budget;
    guest->used_kept = guest->budget - budget;
    guest->wire->take(guest, budget);
    guest->used_all = guest->budget == 0;
}

/* After a request was submitted: applies its answer if the wire answers at once. */
void bnti_guest_apply_ready_answer(struct bnt_guest *guest)
{
    if (guest->wire->answers_at_once) {
        guest->wire->take(guest, 0);
    }
}

/* Spends on used buffers the reserved budget that the other stages of the step did not use. */
void bnti_guest_pop_remaining_used_buffers(struct bnt_guest *guest)
{
    if (guest->used_kept > 0 && guest->budget > 0) {
        guest->wire->take(guest, guest->budget);
    }
}

/*
 * Handles a late request: its pages stay in flight. Perhaps the notification was lost, so the
 * device is notified again. Perhaps the device has failed, so its status is read in the next step.
 */
static void handle_overdue_request(struct bnt_guest *guest, bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    if (slot == BNTI_GUEST_INFLATE && !request->gone_on && guest->state == BNT_GUEST_RUNNING &&
        bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_PROCEED_UNANSWERED)) {
        const struct bnti_guest_answer none = {0};
        bnti_guest_report_request(guest, slot, true, 0, false);
        guest->answered(guest, slot, &none);
        bnti_guest_set_request_assumed_done(guest, slot, true);
    }
    const uint16_t queue = bnti_guest_get_queue_index(guest, get_queue_of_slot(slot));
    if (!request->stalled) {
        request->stalled = true;
        guest->count.wire.stalls++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALLED, queue,
                              guest->now_ns - request->sent_ns);
    }
    request->wait_ns = bnti_guest_add_time(request->wait_ns, request->wait_ns);
    request->due_ns = bnti_guest_add_time(guest->now_ns, request->wait_ns);
    bnti_guest_mark_config_changed(guest);
    bnti_guest_notify_queue(guest, get_queue_of_slot(slot));
}

/* Returns the time at which a request in flight counts as late, or BNT_NEVER if no answer is
 * expected. */
uint64_t bnti_guest_get_request_deadline(const struct bnt_guest *guest, bnti_guest_slot slot)
{
    const struct bnti_guest_request *request = &guest->requests[slot];
    if (request->doubtful || bnti_guest_is_queue_resetting(guest, get_queue_of_slot(slot))) {
        return BNT_NEVER;
    }
    const uint64_t late_ns =
        bnti_guest_get_queue_reset_deadline(guest, get_queue_of_slot(slot), request->sent_ns);
    return late_ns > guest->now_ns ? bnti_guest_min(request->due_ns, late_ns) : request->due_ns;
}

void bnti_guest_handle_overdue_requests(struct bnt_guest *guest)
{
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const struct bnti_guest_request *request = &guest->requests[slot];
        if (!request->busy ||
            bnti_guest_get_request_deadline(guest, (bnti_guest_slot)slot) == BNT_NEVER ||
            bnti_guest_reset_late_queue(guest, get_queue_of_slot((bnti_guest_slot)slot),
                                        request->sent_ns)) {
            continue;
        }
        if (guest->now_ns >= request->due_ns) {
            handle_overdue_request(guest, (bnti_guest_slot)slot);
        }
    }
}

uint32_t bnti_virtio_get_request_pages_max(const struct bnt_guest *guest, bool huge)
{
    return huge ? BNTI_GUEST_BATCH
                : (uint32_t)guest->config.requests.pfns_max >> guest->config.memory.page_order;
}

uint64_t bnti_virtio_get_pfn_max(const struct bnt_guest *guest)
{
    (void)guest;
    return BNT_PFN_MAX;
}

bool bnti_virtio_spend_budget(struct bnt_guest *guest)
{
    if (guest->budget == 0) {
        return false;
    }
    bnti_guest_spend_budget(guest);
    return true;
}

/* After a suspend, moves the deadlines of requests by the time that the device was suspended. */
void bnti_guest_shift_request_deadlines(struct bnt_guest *guest, uint64_t slept_ns)
{
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        struct bnti_guest_request *request = &guest->requests[slot];
        request->sent_ns = bnti_guest_add_time(request->sent_ns, slept_ns);
        request->due_ns = bnti_guest_add_time(request->due_ns, slept_ns);
    }
}

/* A new attachment begins with empty used rings. */
void bnti_guest_clear_used_ring_pass(struct bnt_guest *guest)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        guest->queue_marked[q] = BNTI_GUEST_MARK_NONE;
    }
    guest->used_first = 0;
    guest->used_all = false;
}
