/*
 * Bytes as a sequence of calls of the guest core, of things that its OS does, and of devices that
 * are slow, wrong or hostile. Whatever comes, no page is lost or in two places, no call goes on
 * for ever, and detach gives everything back.
 */
#include "tests/support/fake_device.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGES 600

struct input {
    const uint8_t *data;
    size_t left;
};

static uint8_t input_byte(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

static uint32_t input_word(struct input *in)
{
    const uint32_t low = input_byte(in);
    return low | (uint32_t)input_byte(in) << 8;
}

static uint64_t features_from(uint8_t bits)
{
    static const uint64_t features[] = {
        BNT_BALLOON_F_MUST_TELL_HOST,
        BNT_BALLOON_F_STATS_VQ,
        BNT_BALLOON_F_DEFLATE_ON_OOM,
        UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS,
        UINT64_C(1) << BNT_BALLOON_BIT_RESET,
        BNT_F_RING_INDIRECT_DESC,
        BNT_F_RING_EVENT_IDX,
        BNT_BALLOON_F_PAGE_REPORTING,
    };
    uint64_t mask = BNT_F_VERSION_1;
    for (uint32_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        mask |= bits >> i & 1 ? features[i] : 0;
    }
    if (!(mask & UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS)) {
        mask &= ~(UINT64_C(1) << BNT_BALLOON_BIT_RESET); /* BX-2 */
    }
    /* Hints come with reports, so that the byte has room for the rest. */
    mask |= mask & BNT_BALLOON_F_PAGE_REPORTING ? BNT_BALLOON_F_FREE_PAGE_HINT : 0;
    return mask;
}

/* The poison, the drafts, and working-set reports, on top of the others. */
static uint64_t features_more(uint64_t offered)
{
    const uint64_t verdicts = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    uint64_t more = BNT_BALLOON_F_PAGE_POISON | FAKE_WS;
    more |= (offered & verdicts) == 0 ? FAKE_ON_INFLATE : 0;
    more |= (offered & BNT_BALLOON_F_PAGE_REPORTING) != 0 ? FAKE_ON_REPORT : 0;
    return offered | more;
}

/* Writes where the device may: the used rings, and what the guest lets it answer into. */
static void device_scribbles(struct fake *f, struct input *in)
{
    const uint32_t q = input_byte(in) % FAKE_QUEUES;
    const uint32_t offset = input_word(in);
    const uint8_t value = input_byte(in);
    f->hostile = true;
    if (f->vq[q].size != 0) {
        const uint32_t bytes = 6 + 8u * f->vq[q].size;
        uint8_t *used = (uint8_t *)f->dma + (f->vq[q].used_gpa - FAKE_DMA_GPA);
        used[offset < 8 ? offset : offset % bytes] = value;
    }
}

/* Returns the buffers of a queue without reading them, in any order and with any length. */
static void device_forges(struct fake *f, struct input *in)
{
    const uint32_t q = input_byte(in) % FAKE_QUEUES;
    const uint16_t head = input_byte(in) & 7;
    struct bnt_diag diag = {.size = sizeof diag};
    f->hostile = true;
    if (f->vq[q].size > head &&
        bnt_vq_dev_push(&f->vq[q], &f->mem, head, input_word(in), &diag) == BNT_OK) {
        bnt_guest_handle_interrupt(f->guest, (uint16_t)q);
    }
}

static void stats_return(struct fake *f)
{
    struct bnt_diag diag = {.size = sizeof diag};
    if (f->stats_held && f->vq[2].size != 0) {
        f->stats_held = false;
        const bnt_status status = bnt_vq_dev_push(&f->vq[2], &f->mem, f->stats_head, 0, &diag);
        CHECK(f->hostile || status == BNT_OK);
        bnt_guest_handle_interrupt(f->guest, 2);
    }
}

/* Steps within one instant until nothing is due: that must end. */
static void settle(struct fake *f, uint32_t budget)
{
    for (uint32_t i = 0;; i++) {
        CHECK(i < 4 * PAGES); /* at order 8 a request carries one page */
        const uint64_t served = f->served;
        (void)fake_step(f, budget);
        if (f->deadline_ns > f->now_ns && f->served == served) {
            return;
        }
    }
}

/* Verdicts beside the device's ledger: some are lies, all others a device may give. */
static void verdicts_script(struct fake *f, uint8_t *where, uint8_t verdict)
{
    f->hostile = f->hostile || verdict == BNT_VERDICT_ACCEPTED ||
                 verdict == BNT_VERDICT_NOT_LOCKED || verdict == BNT_VERDICT_RESET;
    memset(where, verdict, 20);
}

static void knobs_turn(struct fake *f, struct input *in)
{
    const uint8_t value = input_byte(in);
    switch (input_byte(in) % 14) {
    case 0:
        f->alloc_limit = value & 1 ? UINT64_MAX : value;
        break;
    case 1:
        f->serve_on_kick = value & 1;
        break;
    case 2:
        f->no_interrupts = value & 1;
        break;
    case 3:
        f->answer_all = value & 1 ? value >> 1 : 0;
        f->hostile = true;
        break;
    case 4:
        f->len_cut = value & 1 ? value : 0;
        break;
    case 5:
        f->len_more = value & 1 ? (uint32_t)value << 24 : 0;
        f->len_more = f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS ? 0 : f->len_more;
        break;
    case 6:
        f->not_needed = value & 1;
        break;
    case 7:
        verdicts_script(f, f->bad + (value << f->setup.page_order), input_byte(in) % 11);
        break;
    case 8:
        verdicts_script(f, f->bad_back + (value << f->setup.page_order), input_byte(in) % 11);
        break;
    case 9:
        f->unsettled = (value & 3) == 1;
        break;
    case 10:
        f->reset_reads = value & 3;
        break;
    case 11:
        f->oom_in_alloc = value;
        break;
    case 12:
        f->stats_tags = value % 40;
        break;
    default:
        f->reenter = value & 1;
        break;
    }
}

/* A page that the fake says is somewhere, if there is one from `from` on. */
static bool page_find(const struct fake *f, uint32_t from, uint8_t owned, uint64_t *page)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        const uint32_t index = (from + i) % PAGES;
        if (f->owned[index] == owned && (owned == 0 || f->exposed[index] == 0)) {
            *page = f->first_pfn + ((uint64_t)index << f->setup.page_order);
            return true;
        }
    }
    return false;
}

/* Moves a page that the guest has to one that is free, or tries to: it may be in no balloon. */
static bnt_status page_moves(struct fake *f, struct input *in)
{
    const uint8_t how = input_byte(in);
    uint64_t old_page = 0;
    uint64_t new_page = 0;
    if (!page_find(f, input_word(in), 1, &old_page) || f->free_count == 0 ||
        fake_pages_alloc(f, &new_page, 1) == 0) {
        return BNT_OK;
    }
    const bnt_status status = bnt_guest_page_migrate(
        f->guest, f->now_ns, how & 2 ? old_page + (how >> 2) : old_page, new_page, how & 1);
    if (status != BNT_OK) { /* it stays the caller's */
        const uint32_t index = (uint32_t)((new_page - f->first_pfn) >> f->setup.page_order);
        f->owned[index] = 0;
        f->stack[f->free_count++] = index;
    }
    fake_audit(f);
    return status;
}

/* The allocation that may wait is over: as many pages as came, or it is not there and fails. */
static void sleep_ends(struct fake *f, uint32_t pages)
{
    pages = pages < f->sleep_asked ? pages : f->sleep_asked;
    pages = pages < f->free_count ? pages : (uint32_t)f->free_count;
    if (f->sleep_asked > 0) {
        fake_sleep_done(f, pages);
    } else {
        CHECK(bnt_guest_handle_alloc_done(f->guest, f->now_ns, NULL, 0) == BNT_E_STATE);
    }
}

/* The device is pulled out; a new one is in its place at the next attach. */
static bnt_status unplugged(struct fake *f)
{
    f->hostile = true; /* its ledger goes with it */
    memset(f->vq, 0, sizeof f->vq);
    memset(f->exposed, 0, PAGES);
    memset(f->ledger, 0, (size_t)PAGES << f->setup.page_order);
    f->ledger_pfns = 0;
    f->stats_held = false;
    const bnt_status status = bnt_guest_handle_unplug(f->guest, f->now_ns);
    fake_audit(f);
    return status;
}

static bnt_status newer_call(struct fake *f, struct input *in)
{
    const uint8_t which = input_byte(in);
    bnt_status status = BNT_OK;
    switch (which % 12) {
    case 0:
    case 1:
        status = page_moves(f, in);
        break;
    case 2:
        sleep_ends(f, input_byte(in));
        break;
    case 3:
        f->sleep_cancels = which & 8;
        break;
    case 4:
        status = unplugged(f);
        break;
    case 5:
        status = bnt_guest_limit_set(f->guest, input_word(in));
        break;
    case 6: /* what the device asks of working sets */
        memset(f->ws_command, 0, sizeof f->ws_command);
        for (uint32_t i = 0; i < sizeof f->ws_command && i < which >> 3; i++) {
            f->ws_command[i] = input_byte(in);
        }
        break;
    case 7:
        status = bnt_guest_deflate_all(f->guest, f->now_ns);
        break;
    case 8:
        status = bnt_guest_target_follow(f->guest, f->now_ns);
        break;
    case 9:
        status = bnt_guest_detach_orderly(f->guest, f->now_ns);
        break;
    case 10:
        bnt_guest_handle_shared_interrupt(f->guest);
        break;
    default:
        f->shrink_in_block = which & 8;
        break;
    }
    fake_audit(f);
    return status;
}

static void one_call(struct fake *f, struct input *in)
{
    bnt_status status = BNT_OK;
    uint64_t freed = 0;
    switch (input_byte(in) % 22) {
    case 0:
    case 1:
        (void)fake_step(f, 1u + input_byte(in) % 9);
        break;
    case 2:
        settle(f, 8);
        break;
    case 3:
        f->now_ns += (uint64_t)input_word(in) * FAKE_MS;
        break;
    case 4:
        fake_target(f, input_word(in) % 1024 << f->setup.page_order);
        break;
    case 5:
        f->num_pages = input_word(in) << (input_byte(in) & 16);
        break;
    case 6:
        fake_serve(f, input_byte(in) % FAKE_QUEUES, 1u + input_byte(in) % 3);
        break;
    case 7:
        status = bnt_guest_handle_oom(f->guest, f->now_ns, input_word(in), &f->oom_result);
        fake_audit(f);
        break;
    case 8:
        fake_host_reset(f);
        break;
    case 9:
        status = bnt_guest_detach(f->guest, f->now_ns);
        fake_audit(f);
        break;
    case 10:
        status = bnt_guest_attach(f->guest, f->now_ns);
        fake_audit(f);
        break;
    case 11:
        device_scribbles(f, in);
        break;
    case 12:
        device_forges(f, in);
        break;
    case 13:
        stats_return(f);
        bnt_guest_handle_interrupt(f->guest, input_byte(in) & 7);
        bnt_guest_handle_freed_pages(f->guest);
        break;
    case 14:
        if (input_byte(in) == 7 && f->dev.status & BNT_DEVICE_STATUS_DRIVER_OK) {
            (void)bnt_dev_set_needs_reset(&f->dev);
        }
        bnt_guest_config_changed(f->guest);
        break;
    case 15:
        fake_hint(f, input_byte(in) % 8);
        break;
    case 16:
        status = bnt_guest_reclaim_hinted_pages(f->guest, f->now_ns, input_word(in), &freed);
        fake_audit(f);
        break;
    case 17:
        status = bnt_guest_queue_reset(f->guest, f->now_ns, input_byte(in) & 7);
        fake_audit(f);
        break;
    case 18:
        status = input_byte(in) & 1 ? bnt_guest_resume(f->guest, f->now_ns)
                                    : bnt_guest_suspend(f->guest, f->now_ns);
        fake_audit(f);
        break;
    case 19:
        f->queue_reset_reads = input_byte(in) & 3;
        f->suspend_reads = input_byte(in) & 3;
        break;
    case 20:
        status = newer_call(f, in);
        break;
    default:
        knobs_turn(f, in);
        break;
    }
    CHECK(status <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    static const uint32_t orders[] = {0, 2, 4, 8};
    const uint8_t shape = input_byte(&in);
    struct fake_setup setup = {
        .pages = PAGES,
        .page_order = orders[shape & 3],
        .record = shape & 4 ? BNT_GUEST_RECORD_BITS : BNT_GUEST_RECORD_LINKS,
        .refused_pages_max = shape & 8 ? 3 : 0,
        .queue_size_max = shape & 16 ? 4 : 0,
        .poll_ns = shape & 32 ? 50 * FAKE_MS : 0,
        .offered = features_from(input_byte(&in)) | BNT_F_RING_RESET | BNT_F_SUSPEND,
        .wanted = FAKE_ALL | BNT_BALLOON_F_PAGE_REPORTING | BNT_BALLOON_F_FREE_PAGE_HINT |
                  BNT_F_RING_RESET | BNT_F_SUSPEND | BNT_BALLOON_F_PAGE_POISON | FAKE_WS |
                  FAKE_ON_INFLATE | FAKE_ON_REPORT,
        .queue_reset_ns = 3 * FAKE_S,
        .recover_tries = 2,
        .report_order_set = true,
        .report_order = 1,
        .hint_block_pfns = 512,
        .hint_block_pfns_min = 1u << orders[shape & 3],
        .hint_wait_on_ack = (shape & 128) != 0,
        .sleeping = (shape & 0x30) == 0x10 ? BNT_GUEST_ON : BNT_GUEST_OFF,
    };
    if ((shape & 0x60) == 0x60) {
        setup.offered = features_more(setup.offered);
        setup.init_on_free = true;
        setup.poison_val = 0xAA;
        setup.init_bits = true;
    }
    struct fake f;
    fake_init(&f, &setup);
    f.init_byte = shape;
    f.ws_bins = shape & 31;
    memset(f.ws_command, 0, sizeof f.ws_command);
    f.ws_command[0] = shape & 3;
    if (!(shape & 64)) {
        CHECK(bnt_guest_attach(f.guest, 0) == BNT_OK);
    }
    while (in.left > 0) {
        one_call(&f, &in);
    }
    f.reenter = false;
    f.reset_reads = 0;
    f.reset_left = f.reset_left > 1 ? 1 : f.reset_left;
    sleep_ends(&f, 0);
    fake_end(&f);
    return 0;
}
