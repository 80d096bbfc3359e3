/*
 * Free page hinting (VIRTIO 1.3, 5.5.6.4): under each command id of the device, free memory is
 * taken from the OS block by block and named to the device, which need not keep its content. The
 * pages stay with us until the device is DONE, or until the OS wants them back.
 *
 * A run is begun by a buffer with the id and ended by one with STOP. One descriptor is always left
 * for the latter, and nothing spins: a full ring waits for used buffers.
 */
#include "guest_private.h"

#include <string.h>

/* Where the two commands lie: behind the statistics. */
static uint8_t *command_dma(const struct bnt_guest *guest, bool stop)
{
    return guest->dma + guest->hint.dma_offset + (stop ? BNTI_GUEST_DMA_COMMAND : 0);
}

/* Slots that remember what each buffer of the hint queue is. */
size_t bnti_guest_hint_slots(const struct bnt_guest_config *config)
{
    const bool wanted = config->wire == BNT_GUEST_WIRE_VIRTIO &&
                        (config->features_wanted & BNT_BALLOON_F_FREE_PAGE_HINT) != 0;
    return wanted ? config->queue_size_max : 0;
}

bool bnti_guest_hinting(const struct bnt_guest *guest)
{
    return bnti_guest_queue_used(guest, BNTI_GUEST_Q_HINT);
}

uint64_t bnti_guest_hinted_pfns(const struct bnt_guest *guest)
{
    return guest->hint.ring_pfns + (guest->hint.pages << guest->config.page_order);
}

/* Forgets the session: an id that was served before the reset is served again after it. */
void bnti_guest_hint_clear(struct bnt_guest *guest)
{
    struct bnti_guest_hint *hint = &guest->hint;
    hint->command = BNT_BALLOON_HINT_STOP;
    hint->active = BNT_BALLOON_HINT_STOP;
    hint->run = BNTI_GUEST_HINT_IDLE;
    hint->pressed = false;
    hint->start_busy = false;
    hint->stop_busy = false;
    hint->stalled = false;
    hint->outstanding = 0;
    for (size_t i = 0; i < bnti_guest_hint_slots(&guest->config); i++) {
        guest->hint_slots[i].kind = BNTI_GUEST_HINT_NONE;
    }
}

/* ---- Giving back --------------------------------------------------------------------------- */

/* DONE says that the device needs nothing of what we have; before it, pages are to be written. */
static bool initialise(const struct bnt_guest *guest)
{
    return guest->hint.command != BNT_BALLOON_HINT_DONE;
}

static void hinted_free(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    const uint64_t pfns = (uint64_t)count << guest->config.page_order;
    guest->ops.hinted_free(guest->opaque, pages, count, initialise(guest));
    guest->count.hint_returned_pfns += pfns;
    if (initialise(guest)) {
        guest->count.hint_early_pfns += pfns;
    }
}

/* Pages that the device has used: they are in the record. */
static uint64_t record_release(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint32_t most = (uint32_t)bnti_guest_min(pages_max, BNTI_GUEST_BATCH);
    const uint32_t count = bnti_guest_hint_pop(guest, guest->scratch, most);
    if (count > 0) {
        hinted_free(guest, guest->scratch, count);
    }
    return count;
}

/* A block whose buffer the device has not used yet: allowed at any time (BD-30). */
static uint64_t ring_release(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint32_t order = guest->config.page_order;
    for (uint32_t i = 0; i < guest->config.queue_size_max && guest->hint.ring_pfns > 0; i++) {
        struct bnti_guest_hint_slot *slot = &guest->hint_slots[i];
        uint64_t pages = slot->kind == BNTI_GUEST_HINT_BLOCK ? slot->pfns >> order : 0;
        pages = bnti_guest_min(pages, bnti_guest_min(pages_max, BNTI_GUEST_BATCH));
        if (pages == 0) {
            continue;
        }
        for (uint64_t page = 0; page < pages; page++) {
            guest->scratch[page] = slot->first_pfn + (page << order);
        }
        slot->first_pfn += pages << order;
        slot->pfns -= (uint32_t)(pages << order);
        guest->hint.ring_pfns -= pages << order;
        hinted_free(guest, guest->scratch, (uint32_t)pages);
        return pages;
    }
    return 0;
}

/* Up to `pages_max` pages, at most a batch; how many. */
static uint64_t release_batch(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint64_t pages = record_release(guest, pages_max);
    return pages > 0 || guest->config.hint_wait_on_ack ? pages : ring_release(guest, pages_max);
}

/* Whether there is anything that may be given back now. */
static bool releasable(const struct bnt_guest *guest)
{
    return guest->hint.pages > 0 || (guest->hint.ring_pfns > 0 && !guest->config.hint_wait_on_ack);
}

/*
 * The OS wants memory: hinted pages go first, and the run ends, or it would take them again.
 * Returns PFNs.
 */
uint64_t bnti_guest_hint_shrink(struct bnt_guest *guest, uint64_t pfns)
{
    const uint32_t order = guest->config.page_order;
    const uint64_t mask = (UINT64_C(1) << order) - 1;
    const uint64_t want = (bnti_guest_min(pfns, BNT_PFN_MAX) + mask) >> order;
    uint64_t done = 0;
    for (uint64_t pages = 1; done < want && pages > 0; done += pages) {
        pages = release_batch(guest, want - done);
    }
    guest->hint.pressed = guest->hint.pressed || want > 0;
    if (done > 0) {
        bnti_guest_tell(guest, BNT_GUEST_EVENT_HINT_RELEASED, done << order, initialise(guest));
    }
    return done << order;
}

/* The device is reset and forgot its buffers: up to `pages_max` of all hinted pages go back. */
uint32_t bnti_guest_hint_release(struct bnt_guest *guest, uint64_t pages_max)
{
    const uint64_t pages = record_release(guest, pages_max);
    return (uint32_t)(pages > 0 ? pages : ring_release(guest, pages_max));
}

/* ---- The ring ------------------------------------------------------------------------------ */

static void hint_tell(struct bnt_guest *guest, uint32_t command, uint64_t first_pfn, uint64_t pfns)
{
    if (guest->ops.hint != NULL) {
        const struct bnt_guest_hint told = {
            .id = guest->hint.active, .command = command, .first_pfn = first_pfn, .pfns = pfns};
        guest->ops.hint(guest->opaque, &told);
    }
}

static void slot_added(struct bnt_guest *guest, uint16_t head, enum bnti_guest_hint_kind kind,
                       uint64_t first_pfn, uint32_t pfns)
{
    struct bnti_guest_hint *hint = &guest->hint;
    guest->hint_slots[head] =
        (struct bnti_guest_hint_slot){.kind = kind, .first_pfn = first_pfn, .pfns = pfns};
    if (hint->outstanding++ == 0) {
        hint->sent_ns = guest->now_ns;
        hint->wait_ns = guest->config.ack_timeout_ns;
        hint->due_ns = bnti_guest_after(guest->now_ns, hint->wait_ns);
    }
}

/* Adds a buffer that begins or ends a run, 4 bytes (BD-24) in the guest's byte order under the
 * legacy interface (BL-9); the caller has seen to the room. */
static void command_send(struct bnt_guest *guest, uint32_t command)
{
    struct bnti_guest_hint *hint = &guest->hint;
    const bool stop = command == BNT_BALLOON_HINT_STOP;
    uint8_t *dma = command_dma(guest, stop);
    const bnt_le32 wire = bnt_guest32_set(command, guest->big_endian);
    memcpy(dma, &wire, sizeof wire);
    const struct bnt_vq_seg seg = {.gpa = guest->dma_gpa + (uint64_t)(dma - guest->dma),
                                   .bytes = sizeof wire};
    uint16_t head = 0;
    const bnt_status added = bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_HINT], &seg, 1, 0, &head);
    BNTI_ASSERT(added == BNT_OK);
    *(stop ? &hint->stop_busy : &hint->start_busy) = true;
    slot_added(guest, head, stop ? BNTI_GUEST_HINT_STOP : BNTI_GUEST_HINT_START, 0, 0);
    hint_tell(guest, command, 0, 0);
}

/* Names a block to the device: one buffer that it may write (BD-27). */
static void block_send(struct bnt_guest *guest, uint64_t first_pfn, uint32_t pfns)
{
    const struct bnt_vq_seg seg = {.gpa = first_pfn << BNT_PFN_SHIFT,
                                   .bytes = pfns << BNT_PFN_SHIFT};
    uint16_t head = 0;
    const bnt_status added = bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_HINT], &seg, 0, 1, &head);
    BNTI_ASSERT(added == BNT_OK);
    guest->hint.ring_pfns += pfns;
    guest->hint.run_pfns += pfns;
    guest->count.hint_blocks++;
    slot_added(guest, head, BNTI_GUEST_HINT_BLOCK, first_pfn, pfns);
    hint_tell(guest, BNT_BALLOON_HINT_STOP, first_pfn, pfns);
}

/* What is left of a block that the device used joins the record. */
static void block_used(struct bnt_guest *guest, const struct bnti_guest_hint_slot *slot)
{
    const uint32_t order = guest->config.page_order;
    uint32_t pages = slot->pfns >> order;
    uint64_t pfn = slot->first_pfn;
    guest->hint.ring_pfns -= slot->pfns;
    while (pages > 0) {
        const uint32_t count = pages < BNTI_GUEST_BATCH ? pages : BNTI_GUEST_BATCH;
        for (uint32_t i = 0; i < count; i++, pfn += UINT64_C(1) << order) {
            guest->scratch[i] = pfn;
        }
        bnti_guest_hint_push(guest, guest->scratch, count);
        pages -= count;
    }
}

/* The device used the buffer `head`. */
void bnti_guest_hint_used(struct bnt_guest *guest, uint16_t head)
{
    struct bnti_guest_hint *hint = &guest->hint;
    const struct bnti_guest_hint_slot slot = guest->hint_slots[head];
    guest->hint_slots[head].kind = BNTI_GUEST_HINT_NONE;
    hint->start_busy = hint->start_busy && slot.kind != BNTI_GUEST_HINT_START;
    hint->stop_busy = hint->stop_busy && slot.kind != BNTI_GUEST_HINT_STOP;
    if (hint->stalled) {
        hint->stalled = false;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_RESUMED,
                        bnti_guest_queue_index(guest, BNTI_GUEST_Q_HINT),
                        guest->now_ns - hint->sent_ns);
    }
    hint->outstanding--;
    hint->sent_ns = guest->now_ns;
    hint->wait_ns = guest->config.ack_timeout_ns;
    hint->due_ns = bnti_guest_after(guest->now_ns, hint->wait_ns);
    if (slot.kind == BNTI_GUEST_HINT_BLOCK) {
        block_used(guest, &slot);
    }
}

/* ---- The run ------------------------------------------------------------------------------- */

/* The command that configuration space holds now. */
void bnti_guest_hint_command(struct bnt_guest *guest, uint32_t command)
{
    guest->hint.command = command;
}

static bool run_wanted(const struct bnti_guest_hint *hint)
{
    return hint->command >= BNT_BALLOON_HINT_ID_FIRST && hint->command != hint->active;
}

/* What an allocator must not return goes back at once, page by page. */
static void block_reject(struct bnt_guest *guest, uint64_t first_pfn, uint32_t pfns)
{
    const uint64_t step = UINT64_C(1) << guest->config.page_order;
    for (uint64_t at = 0; at < pfns; at += step) {
        const uint64_t page = first_pfn + at;
        guest->ops.hinted_free(guest->opaque, &page, 1, false);
    }
    bnti_guest_unusable_tell_block(guest, first_pfn, pfns >> guest->config.page_order);
}

/* Takes the largest block that the OS gives; 0: it gives none. */
static uint32_t block_take(struct bnt_guest *guest, uint64_t *first_pfn)
{
    uint32_t pfns = guest->config.hint_block_pfns;
    for (; pfns >= guest->config.hint_block_pfns_min; pfns >>= 1) {
        if (guest->ops.block_alloc(guest->opaque, pfns, first_pfn)) {
            break;
        }
    }
    if (pfns < guest->config.hint_block_pfns_min) {
        return 0;
    }
    if (!bnti_guest_block_usable(guest, *first_pfn, pfns)) {
        block_reject(guest, *first_pfn, pfns);
        return 0;
    }
    return pfns;
}

static void run_begin(struct bnt_guest *guest)
{
    struct bnti_guest_hint *hint = &guest->hint;
    hint->active = hint->command;
    hint->pressed = false;
    hint->run_pfns = 0;
    hint->run = BNTI_GUEST_HINT_SENDING;
    guest->count.hint_runs++;
    command_send(guest, hint->active);
    bnti_guest_tell(guest, BNT_GUEST_EVENT_HINT_BEGUN, hint->active, 0);
}

/* Some send the id again, which a device must not mind; a descriptor stays for STOP. */
static void id_repeat(struct bnt_guest *guest)
{
    if (bnti_guest_quirk(guest, BNT_GUEST_QUIRK_HINT_ID_REPEATED) && !guest->hint.start_busy &&
        guest->vq[BNTI_GUEST_Q_HINT].free_count > 2) {
        command_send(guest, guest->hint.active);
    }
}

/* As many blocks as budget and ring allow. True if something was added. */
static bool run_send(struct bnt_guest *guest)
{
    struct bnti_guest_hint *hint = &guest->hint;
    bool added = false;
    while (hint->command == hint->active && !hint->pressed && guest->budget > 0 &&
           guest->vq[BNTI_GUEST_Q_HINT].free_count > 1) {
        uint64_t first_pfn = 0;
        const uint32_t pfns = block_take(guest, &first_pfn);
        if (pfns == 0) {
            hint->run = BNTI_GUEST_HINT_ENDING; /* out of pages (BD-29) */
            return added;
        }
        guest->budget--;
        id_repeat(guest);
        block_send(guest, first_pfn, pfns);
        added = true;
    }
    if (hint->command != hint->active || hint->pressed) {
        hint->run = BNTI_GUEST_HINT_ENDING; /* BD-28 */
    }
    return added;
}

/* There is room: blocks leave a descriptor, and no run began before the STOP of the last one was
 * back. */
static void run_end(struct bnt_guest *guest)
{
    command_send(guest, BNT_BALLOON_HINT_STOP);
    guest->hint.run = BNTI_GUEST_HINT_IDLE;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_HINT_ENDED, guest->hint.active, guest->hint.run_pfns);
}

/* Goes as far as it gets; the states follow each other at most twice round. */
static bool run_advance(struct bnt_guest *guest)
{
    struct bnti_guest_hint *hint = &guest->hint;
    const struct bnt_vq_drv *vq = &guest->vq[BNTI_GUEST_Q_HINT];
    bool added = false;
    if (hint->run == BNTI_GUEST_HINT_SENDING) {
        added = run_send(guest);
    }
    if (hint->run == BNTI_GUEST_HINT_ENDING) {
        run_end(guest);
        added = true;
    }
    /* Only one buffer with an id is ever sent, and it must come back before the next (BD-26). */
    if (hint->run == BNTI_GUEST_HINT_IDLE && run_wanted(hint) && !hint->start_busy &&
        !hint->stop_busy && vq->free_count > 1) {
        run_begin(guest);
        (void)run_send(guest);
        added = true;
    }
    return added;
}

/* DONE: everything goes back, a batch for each unit of the budget (BD-33). */
static void done_release(struct bnt_guest *guest)
{
    const uint32_t order = guest->config.page_order;
    uint64_t done = 0;
    while (guest->budget > 0 && releasable(guest)) {
        guest->budget--;
        done += release_batch(guest, BNTI_GUEST_BATCH);
    }
    if (done > 0) {
        bnti_guest_tell(guest, BNT_GUEST_EVENT_HINT_RELEASED, done << order, 0);
    }
}

static void hint_overdue(struct bnt_guest *guest)
{
    struct bnti_guest_hint *hint = &guest->hint;
    const uint32_t queue = bnti_guest_queue_index(guest, BNTI_GUEST_Q_HINT);
    if (hint->outstanding == 0 || guest->now_ns < hint->due_ns) {
        return;
    }
    if (!hint->stalled) {
        hint->stalled = true;
        guest->count.stalls++;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_STALLED, queue, guest->now_ns - hint->sent_ns);
    }
    hint->wait_ns = bnti_guest_after(hint->wait_ns, hint->wait_ns);
    hint->due_ns = bnti_guest_after(guest->now_ns, hint->wait_ns);
    guest->config_marked = true;
    guest->count.kicks++;
    guest->work++;
    guest->ops.transport.notify(guest->opaque, (uint16_t)queue);
}

/* In a step, after sizing: hints never come before what the host asked for. */
void bnti_guest_hint(struct bnt_guest *guest)
{
    if (!bnti_guest_hinting(guest)) {
        return;
    }
    if (guest->hint.command == BNT_BALLOON_HINT_DONE) {
        done_release(guest);
    }
    /* No message about a page goes out before a reset is acknowledged (BX-18). */
    if (guest->state == BNT_GUEST_RUNNING && !guest->leaving && run_advance(guest)) {
        bnti_guest_kick(guest, BNTI_GUEST_Q_HINT);
    }
    hint_overdue(guest);
}

/* When hinting has something to do without being told. */
uint64_t bnti_guest_hint_due(const struct bnt_guest *guest)
{
    const struct bnti_guest_hint *hint = &guest->hint;
    if (!bnti_guest_hinting(guest)) {
        return BNT_NEVER;
    }
    const bool room = guest->vq[BNTI_GUEST_Q_HINT].free_count > 1;
    const bool begins = hint->run == BNTI_GUEST_HINT_IDLE && run_wanted(hint) &&
                        !hint->start_busy && !hint->stop_busy && room;
    const bool sends = hint->run == BNTI_GUEST_HINT_SENDING &&
                       (room || hint->command != hint->active || hint->pressed);
    const bool ends = hint->run == BNTI_GUEST_HINT_ENDING;
    const bool gives = hint->command == BNT_BALLOON_HINT_DONE && releasable(guest);
    const bool live = guest->state == BNT_GUEST_RUNNING && !guest->leaving;
    if (gives || (live && (begins || sends || ends))) {
        return guest->now_ns;
    }
    return hint->outstanding > 0 ? hint->due_ns : BNT_NEVER;
}

/* ---- The OS's call ------------------------------------------------------------------------- */

bnt_status bnt_guest_shrink(struct bnt_guest *guest, uint64_t now_ns, uint64_t pfns,
                            uint64_t *freed_pfns)
{
    if (guest == NULL || freed_pfns == NULL) {
        return BNT_E_ARGUMENT;
    }
    *freed_pfns = 0;
    if (guest->call == BNTI_GUEST_CALL_BUSY) {
        return BNT_E_REENTRANT;
    }
    if (guest->state == BNT_GUEST_BROKEN) {
        return BNT_E_BROKEN;
    }
    if (guest->state == BNT_GUEST_STOPPING && guest->drv.state == BNT_DRV_RESETTING) {
        return BNT_E_STATE; /* the device may still have them */
    }
    if (bnti_guest_hinted_pfns(guest) == 0) {
        return BNT_OK;
    }
    const enum bnti_guest_call caller = guest->call;
    bnti_guest_enter(guest, now_ns);
    *freed_pfns = bnti_guest_hint_shrink(guest, pfns);
    guest->call = caller;
    return BNT_OK;
}
