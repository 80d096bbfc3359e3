/*
 * Free page hinting (VIRTIO 1.3, 5.5.6.4): for each command id of the device, the driver takes free
 * memory from the OS block by block and sends it to the device as hints. The device need not keep
 * the content of these pages. The driver keeps the pages until the device writes DONE, or until the
 * OS wants them back.
 *
 * A buffer with the id begins a run of hints, and a buffer with STOP ends it. One descriptor is
 * always reserved for STOP. If the ring is full, the run waits for used buffers.
 */
#include "lib/guest/features/hint.h"

#include <string.h>

#define COMMAND_BYTES 16u /* DMA memory for each of the two 4-byte commands */

/* Number of slots, which store the kind of each buffer on the hint queue. */
static size_t count_hint_slots(const struct bnt_guest_config *config)
{
    return bnti_guest_wants_features(config, BNT_BALLOON_F_FREE_PAGE_HINT) ? config->queues.size_max
                                                                           : 0;
}

/* Address of the command buffer for an id or for STOP. */
static uint8_t *get_hint_command_buffer(const struct bnt_guest *guest, bool stop)
{
    return guest->dma + bnti_guest_get_feature_dma_offset(guest, BNTI_GUEST_FEATURE_HINT) +
           (stop ? COMMAND_BYTES : 0);
}

static bool is_hinting(const struct bnt_guest *guest)
{
    return bnti_guest_is_queue_in_use(guest, BNTI_GUEST_Q_HINT);
}

static uint64_t count_hinted_pfns(const struct bnt_guest *guest)
{
    return get_hint_state(guest)->ring_pfns +
           (get_hint_state(guest)->pages << guest->config.memory.page_order);
}

/*
 * Clears the state of the session. After a reset, an id is served again even if it was served
 * before the reset.
 */
static void clear_hint_state(struct bnt_guest *guest)
{
    struct hint *hint = get_hint_state(guest);
    hint->command = BNT_BALLOON_HINT_STOP;
    hint->active = BNT_BALLOON_HINT_STOP;
    hint->run = HINT_IDLE;
    hint->pressed = false;
    hint->start_busy = false;
    hint->stop_busy = false;
    hint->stalled = false;
    hint->outstanding = 0;
    for (size_t i = 0; i < count_hint_slots(&guest->config); i++) {
        get_hint_state(guest)->slots[i].kind = HINT_NONE;
    }
}

/* ---- The ring ------------------------------------------------------------------------------ */

static void report_hint(struct bnt_guest *guest, uint32_t command, uint64_t first_pfn,
                        uint64_t pfns)
{
    if (guest->ops.hinting.observe != NULL) {
        const struct bnt_guest_hint told = {.id = get_hint_state(guest)->active,
                                            .command = command,
                                            .first_pfn = first_pfn,
                                            .pfns = pfns};
        guest->ops.hinting.observe(guest->opaque, &told);
    }
}

static void record_hint_buffer(struct bnt_guest *guest, uint16_t head, hint_kind kind,
                               uint64_t first_pfn, uint32_t pfns)
{
    struct hint *hint = get_hint_state(guest);
    get_hint_state(guest)->slots[head] =
        (struct hint_slot){.kind = kind, .first_pfn = first_pfn, .pfns = pfns};
    if (hint->outstanding++ == 0) {
        hint->sent_ns = guest->now_ns;
        hint->wait_ns = guest->config.requests.ack_timeout_ns;
        hint->due_ns = bnti_guest_add_time(guest->now_ns, hint->wait_ns);
    }
}

/* Adds a buffer that begins or ends a run: 4 bytes (BD-24), which the legacy interface has in the
 * guest's byte order (BL-9). The caller has checked that a descriptor is free. */
static void send_hint_command(struct bnt_guest *guest, uint32_t command)
{
    struct hint *hint = get_hint_state(guest);
    const bool stop = command == BNT_BALLOON_HINT_STOP;
    uint8_t *dma = get_hint_command_buffer(guest, stop);
    const bnt_le32 wire = bnt_cpu_to_guest32(command, guest->big_endian);
    memcpy(dma, &wire, sizeof wire);
    const struct bnt_vq_seg seg = {.gpa = guest->dma_gpa + (uint64_t)(dma - guest->dma),
                                   .bytes = sizeof wire};
    uint16_t head = 0;
    const bnt_status added = bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_HINT], &seg, 1, 0, &head);
    BNTI_ASSERT(added == BNT_OK);
    *(stop ? &hint->stop_busy : &hint->start_busy) = true;
    record_hint_buffer(guest, head, stop ? HINT_STOP : HINT_START, 0, 0);
    report_hint(guest, command, 0, 0);
}

/* Sends a block as a hint: one device-writable buffer (BD-27). */
static void send_hint_block(struct bnt_guest *guest, uint64_t first_pfn, uint32_t pfns)
{
    const struct bnt_vq_seg seg = {.gpa = first_pfn << BNT_PFN_SHIFT,
                                   .bytes = pfns << BNT_PFN_SHIFT};
    uint16_t head = 0;
    const bnt_status added = bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_HINT], &seg, 0, 1, &head);
    BNTI_ASSERT(added == BNT_OK);
    get_hint_state(guest)->ring_pfns += pfns;
    get_hint_state(guest)->run_pfns += pfns;
    guest->count.hinting.blocks++;
    record_hint_buffer(guest, head, HINT_BLOCK, first_pfn, pfns);
    report_hint(guest, BNT_BALLOON_HINT_STOP, first_pfn, pfns);
}

/* Puts the pages of a used block into the record of hinted pages. */
static void record_used_block(struct bnt_guest *guest, const struct hint_slot *slot)
{
    const uint32_t order = guest->config.memory.page_order;
    uint32_t pages = slot->pfns >> order;
    uint64_t pfn = slot->first_pfn;
    const struct bnti_guest_page_record record = bnti_guest_get_hint_record(guest);
    get_hint_state(guest)->ring_pfns -= slot->pfns;
    while (pages > 0) {
        const uint32_t count = pages < BNTI_GUEST_BATCH ? pages : BNTI_GUEST_BATCH;
        for (uint32_t i = 0; i < count; i++, pfn += UINT64_C(1) << order) {
            guest->scratch[i] = pfn;
        }
        bnti_guest_push_pages_to_record(guest, &record, guest->scratch, count);
        pages -= count;
    }
}

/* Handles the used buffer `head` of the hint queue. */
static void handle_used_hint(struct bnt_guest *guest, uint32_t q, uint16_t head, uint32_t len)
{
    (void)q;
    (void)len;
    struct hint *hint = get_hint_state(guest);
    const struct hint_slot slot = get_hint_state(guest)->slots[head];
    get_hint_state(guest)->slots[head].kind = HINT_NONE;
    hint->start_busy = hint->start_busy && slot.kind != HINT_START;
    hint->stop_busy = hint->stop_busy && slot.kind != HINT_STOP;
    if (hint->stalled) {
        hint->stalled = false;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALL_ENDED,
                              bnti_guest_get_queue_index(guest, BNTI_GUEST_Q_HINT),
                              guest->now_ns - hint->sent_ns);
    }
    hint->outstanding--;
    hint->sent_ns = guest->now_ns;
    hint->wait_ns = guest->config.requests.ack_timeout_ns;
    hint->due_ns = bnti_guest_add_time(guest->now_ns, hint->wait_ns);
    if (slot.kind == HINT_BLOCK) {
        record_used_block(guest, &slot);
    }
}

/* ---- The run ------------------------------------------------------------------------------- */

/* Reads the current command from configuration space. */
static bnt_status read_hint_command(struct bnt_guest *guest)
{
    uint32_t command = BNT_BALLOON_HINT_STOP;
    if (is_hinting(guest)) {
        const bnt_status status =
            bnti_guest_read_config_le32(guest, BNT_BALLOON_CONFIG_HINT_CMD_ID, &command);
        if (status != BNT_OK) {
            return status;
        }
    }
    get_hint_state(guest)->command = command;
    return BNT_OK;
}

static bool is_hint_run_wanted(const struct hint *hint)
{
    return hint->command >= BNT_BALLOON_HINT_ID_FIRST && hint->command != hint->active;
}

/* Gives an unusable block back at once, page by page. */
static void reject_hint_block(struct bnt_guest *guest, bnt_guest_unusable reason,
                              uint64_t first_pfn, uint32_t pfns)
{
    const uint64_t step = UINT64_C(1) << guest->config.memory.page_order;
    for (uint64_t at = 0; at < pfns; at += step) {
        const uint64_t page = first_pfn + at;
        guest->ops.hinting.free(guest->opaque, &page, 1, false);
    }
    bnti_guest_note_unusable_pages(guest, reason, first_pfn,
                                   pfns >> guest->config.memory.page_order);
}

/* Allocates the largest block that the OS can give; returns its PFNs, or 0. */
static uint32_t allocate_hint_block(struct bnt_guest *guest, uint64_t *first_pfn)
{
    uint32_t pfns = guest->config.hinting.block_pfns;
    for (; pfns >= guest->config.hinting.block_pfns_min; pfns >>= 1) {
        if (guest->ops.hinting.alloc(guest->opaque, pfns, first_pfn)) {
            break;
        }
    }
    if (pfns < guest->config.hinting.block_pfns_min) {
        return 0;
    }
    const bnt_guest_unusable reason =
        bnti_guest_find_unusable_reason(guest, BNTI_GUEST_USE_BLOCK, *first_pfn, pfns);
    if (reason != BNT_GUEST_UNUSABLE_COUNT) {
        reject_hint_block(guest, reason, *first_pfn, pfns);
        return 0;
    }
    return pfns;
}

static void begin_hint_run(struct bnt_guest *guest)
{
    struct hint *hint = get_hint_state(guest);
    hint->active = hint->command;
    hint->pressed = false;
    hint->run_pfns = 0;
    hint->run = HINT_SENDING;
    guest->count.hinting.runs++;
    send_hint_command(guest, hint->active);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HINT_BEGUN, hint->active, 0);
}

/* Quirk HINT_ID_REPEATED: sends the id again, which a device must accept. A descriptor stays free
 * for STOP. */
static void repeat_hint_id(struct bnt_guest *guest)
{
    if (bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_HINT_ID_REPEATED) &&
        !get_hint_state(guest)->start_busy && guest->vq[BNTI_GUEST_Q_HINT].free_count > 2) {
        send_hint_command(guest, get_hint_state(guest)->active);
    }
}

/* Sends blocks until the budget is spent or the ring is full. Returns true if a buffer was
 * added. */
static bool send_hint_blocks(struct bnt_guest *guest)
{
    struct hint *hint = get_hint_state(guest);
    bool added = false;
    while (hint->command == hint->active && !hint->pressed && guest->budget > 0 &&
           guest->vq[BNTI_GUEST_Q_HINT].free_count > 1) {
        uint64_t first_pfn = 0;
        const uint32_t pfns = allocate_hint_block(guest, &first_pfn);
        if (pfns == 0) {
            hint->run = HINT_ENDING; /* the OS has no more free blocks (BD-29) */
            return added;
        }
        bnti_guest_spend_budget(guest);
        repeat_hint_id(guest);
        send_hint_block(guest, first_pfn, pfns);
        added = true;
    }
    if (hint->command != hint->active || hint->pressed) {
        hint->run = HINT_ENDING; /* BD-28 */
    }
    return added;
}

/* Ends a run with STOP. A descriptor is free, because blocks leave one descriptor free, and a run
 * begins only after the device has used the STOP of the last run. */
static void end_hint_run(struct bnt_guest *guest)
{
    send_hint_command(guest, BNT_BALLOON_HINT_STOP);
    get_hint_state(guest)->run = HINT_IDLE;
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HINT_ENDED, get_hint_state(guest)->active,
                          get_hint_state(guest)->run_pfns);
}

/* Advances the run to the last state that it can reach now. Returns true if a buffer was added. */
static bool advance_hint_run(struct bnt_guest *guest)
{
    struct hint *hint = get_hint_state(guest);
    const struct bnt_vq_drv *vq = &guest->vq[BNTI_GUEST_Q_HINT];
    bool added = false;
    if (hint->run == HINT_SENDING) {
        added = send_hint_blocks(guest);
    }
    if (hint->run == HINT_ENDING) {
        end_hint_run(guest);
        added = true;
    }
    /*
     * Each run sends one buffer with an id, which must be used before the next run begins (BD-26).
     */
    if (hint->run == HINT_IDLE && is_hint_run_wanted(hint) && !hint->start_busy &&
        !hint->stop_busy && vq->free_count > 1) {
        begin_hint_run(guest);
        (void)send_hint_blocks(guest);
        added = true;
    }
    return added;
}

/* After DONE: gives all hinted pages back, one batch for each unit of the budget (BD-33). */
static void release_hints_after_done(struct bnt_guest *guest)
{
    const uint32_t order = guest->config.memory.page_order;
    uint64_t done = 0;
    while (guest->budget > 0 && bnti_guest_has_releasable_hints(guest)) {
        bnti_guest_spend_budget(guest);
        done += bnti_guest_release_hinted_pages(guest, BNTI_GUEST_BATCH);
    }
    if (done > 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HINT_RELEASED, done << order, 0);
    }
}

static void handle_overdue_hints(struct bnt_guest *guest)
{
    struct hint *hint = get_hint_state(guest);
    const uint32_t queue = bnti_guest_get_queue_index(guest, BNTI_GUEST_Q_HINT);
    if (hint->outstanding == 0 || guest->now_ns < hint->due_ns) {
        return;
    }
    if (!hint->stalled) {
        hint->stalled = true;
        guest->count.wire.stalls++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALLED, queue, guest->now_ns - hint->sent_ns);
    }
    hint->wait_ns = bnti_guest_add_time(hint->wait_ns, hint->wait_ns);
    hint->due_ns = bnti_guest_add_time(guest->now_ns, hint->wait_ns);
    bnti_guest_mark_config_changed(guest);
    guest->count.wire.kicks++;
    bnti_guest_note_work(guest);
    guest->ops.transport.notify(guest->opaque, (uint16_t)queue);
}

/* Called in a step after sizing, because inflates and deflates take precedence over hints. */
static void run_hint_step(struct bnt_guest *guest)
{
    if (!is_hinting(guest)) {
        return;
    }
    if (get_hint_state(guest)->command == BNT_BALLOON_HINT_DONE) {
        release_hints_after_done(guest);
    }
    /* Before a reset is acknowledged, no hint is sent (BX-18). */
    if (guest->state == BNT_GUEST_RUNNING && !guest->leaving && advance_hint_run(guest)) {
        bnti_guest_kick_queue(guest, BNTI_GUEST_Q_HINT);
    }
    handle_overdue_hints(guest);
}

/* The time at which hinting has to act next without a notification. */
static uint64_t get_hint_deadline(const struct bnt_guest *guest)
{
    const struct hint *hint = get_hint_state(guest);
    if (!is_hinting(guest)) {
        return BNT_NEVER;
    }
    const bool room = guest->vq[BNTI_GUEST_Q_HINT].free_count > 1;
    const bool begins = hint->run == HINT_IDLE && is_hint_run_wanted(hint) && !hint->start_busy &&
                        !hint->stop_busy && room;
    const bool sends =
        hint->run == HINT_SENDING && (room || hint->command != hint->active || hint->pressed);
    const bool ends = hint->run == HINT_ENDING;
    const bool gives =
        hint->command == BNT_BALLOON_HINT_DONE && bnti_guest_has_releasable_hints(guest);
    const bool live = guest->state == BNT_GUEST_RUNNING && !guest->leaving;
    if (gives || (live && (begins || sends || ends))) {
        return guest->now_ns;
    }
    return hint->outstanding > 0 ? hint->due_ns : BNT_NEVER;
}

/* ---- The row ------------------------------------------------------------------------------- */

/* Block sizes must be powers of two, at least one page, and fit one segment. */
static bool is_hint_config_valid(const struct bnt_guest_config *c)
{
    const uint32_t most = c->hinting.block_pfns;
    const uint32_t least = c->hinting.block_pfns_min;
    const bool blocks = (most & (most - 1)) == 0 && (least & (least - 1)) == 0 && least <= most &&
                        most <= BNT_GUEST_HINT_BLOCK_PFNS_MAX &&
                        least >= 1u << c->memory.page_order;
    const bool bits = c->record.kind != BNT_GUEST_RECORD_BITS || c->hinting.bits != NULL;
    return count_hint_slots(c) == 0 || (blocks && bits);
}

static bool are_hint_ops_present(const struct bnt_guest_config *config,
                                 const struct bnt_guest_ops *ops)
{
    return !bnti_guest_wants_features(config, BNT_BALLOON_F_FREE_PAGE_HINT) ||
           (ops->hinting.alloc != NULL && ops->hinting.free != NULL);
}

static size_t get_hint_state_bytes(const struct bnt_guest_config *config)
{
    return sizeof(struct hint) + sizeof(struct hint_slot) * count_hint_slots(config);
}

static size_t get_hint_dma_bytes(const struct bnt_guest_config *config)
{
    (void)config;
    return (size_t)2 * COMMAND_BYTES;
}

static void init_hint_state(struct bnt_guest *guest)
{
    get_hint_state(guest)->head = BNT_NEVER;
}

static void fill_guest_hint_info(const struct bnt_guest *guest, struct bnt_guest_info *info)
{
    info->hinting.hinted_pfns = count_hinted_pfns(guest);
}

const struct bnti_guest_feature bnti_guest_feature_hint = {
    .features = BNT_BALLOON_WITH(FREE_PAGE_HINT),
    .is_valid = is_hint_config_valid,
    .has_ops = are_hint_ops_present,
    .state_bytes = get_hint_state_bytes,
    .dma_bytes = get_hint_dma_bytes,
    .init = init_hint_state,
    .read = read_hint_command,
    .step = run_hint_step,
    .due = get_hint_deadline,
    .info = fill_guest_hint_info,
    .pfns = count_hinted_pfns,
    .shrink = bnti_guest_reclaim_hints,
    .give_back = bnti_guest_give_back_hints,
    .forget = clear_hint_state,
    /* One descriptor is for a block, and one is for the STOP after the block. */
    .queues = {{.role = BNTI_GUEST_Q_HINT, .descriptors = 2, .used = handle_used_hint}},
};
