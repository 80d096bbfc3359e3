/*
 * The scripted device: its registers, and how it answers what lies in its queues. It is no model of
 * good behaviour beyond what a test asks for. Reports and huge pages have files of their own.
 */
#include "tests/support/fake_device.h"

#include <string.h>

/* ---- Registers ---- */

static uint64_t fake_features_read(void *opaque)
{
    const struct fake *f = opaque;
    const bool narrow =
        f->setup.driver == BNT_INTERFACE_LEGACY && f->setup.device != BNT_INTERFACE_MODERN;
    return f->dev.offered & (narrow ? BNT_F_LEGACY_MASK : UINT64_MAX);
}

static void fake_features_write(void *opaque, uint64_t features)
{
    struct fake *f = opaque;
    CHECK(bnt_dev_features_write(&f->dev, features) == BNT_OK);
}

/* A device reset, when it is complete, has forgotten the balloon and every buffer (BX-21). */
static void fake_device_forget(struct fake *f)
{
    memset(f->exposed, 0, f->setup.pages);
    for (uint64_t i = 0; f->reporting > 0 && i < f->setup.pages; i++) {
        f->reported[i] = f->reported[i] == 1 ? 2 : f->reported[i];
    }
    memset(f->ledger, 0, f->setup.pages << f->setup.page_order);
    f->ledger_pfns = 0;
    for (uint64_t i = 0; i < f->setup.pages; i++) {
        f->hinted[i] = f->hinted[i] != 0;
    }
}

static uint8_t fake_status_read(void *opaque)
{
    struct fake *f = opaque;
    if (f->reset_left > 0) {
        f->reset_left -= f->reset_left != UINT32_MAX;
        if (f->reset_left == 0) {
            fake_device_forget(f);
        }
        return BNT_DEVICE_STATUS_DRIVER_OK;
    }
    if (f->suspend_left > 0) {
        f->suspend_left--;
        return f->suspend_shows;
    }
    return f->dev.status;
}

static void fake_device_reset(struct fake *f)
{
    memset(f->vq, 0, sizeof f->vq);
    f->epoch_ack = 0;
    f->limit = 0; /* BX-29 */
    f->stats_held = false;
    f->reset_left = f->reset_reads;
    if (f->reset_left == 0) {
        fake_device_forget(f);
    }
}

static void fake_status_write(void *opaque, uint8_t status)
{
    struct fake *f = opaque;
    bnt_dev_action action = BNT_DEV_ACTION_NONE;
    struct bnt_diag diag = {.size = sizeof diag};
    f->suspend_shows = f->dev.status;
    CHECK(bnt_dev_status_write(&f->dev, status, &action, &diag) == BNT_OK);
    if (action == BNT_DEV_ACTION_SUSPEND || action == BNT_DEV_ACTION_RESUME) {
        f->suspend_left = f->suspend_reads;
    }
    if (action == BNT_DEV_ACTION_RESET) {
        fake_device_reset(f);
    }
    f->unsettled = f->unsettled || (f->unsettles && action == BNT_DEV_ACTION_DRIVER_OK);
}

static uint32_t fake_generation(void *opaque)
{
    struct fake *f = opaque;
    f->generation += f->unsettled;
    return f->generation;
}

static void fake_config_read(void *opaque, uint32_t offset, void *dst, uint32_t bytes)
{
    struct fake *f = opaque;
    CHECK(bytes == 4);
    uint32_t value = 0;
    switch (offset) {
    case BNT_BALLOON_CONFIG_NUM_PAGES:
        value = f->num_pages;
        break;
    case BNT_BALLOON_CONFIG_ACTUAL:
        value = f->actual;
        break;
    case BNT_BALLOON_CONFIG_HINT_CMD_ID:
        CHECK(f->dev.accepted & BNT_BALLOON_F_FREE_PAGE_HINT); /* VG-18 */
        value = f->hint_command;
        f->hint_read = value;
        f->generation += f->hint_unsettled;
        break;
    case BNT_BALLOON_CONFIG_WS_NUM_BINS:
        CHECK((f->dev.accepted & FAKE_WS) != 0);
        value = f->ws_bins;
        break;
    case BNT_BALLOON_CONFIG_EPOCH:
        CHECK(f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_RESET); /* VG-18 */
        value = f->epoch;
        break;
    default:
        CHECK(offset == UINT32_MAX); /* a field that this guest has no business with */
    }
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    memcpy(dst, &wire, bytes);
}

static void fake_config_write(void *opaque, uint32_t offset, const void *src, uint32_t bytes)
{
    struct fake *f = opaque;
    bnt_le32 wire;
    CHECK(bytes == sizeof wire);
    CHECK(bnt_dev_negotiated(&f->dev)); /* VG-23 */
    memcpy(&wire, src, sizeof wire);
    f->config_writes++;
    if (offset == BNT_BALLOON_CONFIG_ACTUAL) {
        f->actual = bnt_le32_to_cpu(wire);
        f->actual_writes++;
    } else if (offset == BNT_BALLOON_CONFIG_POISON_VAL) {
        CHECK((f->dev.accepted & BNT_BALLOON_F_PAGE_POISON) != 0 && f->setup.init_on_free);
        CHECK((f->dev.status & BNT_DEVICE_STATUS_DRIVER_OK) == 0); /* BD-35, BD-36 */
        f->poison_val = bnt_le32_to_cpu(wire);
        f->poison_writes++;
    } else if (offset == BNT_BALLOON_CONFIG_GUEST_LIMIT) {
        CHECK((f->dev.accepted & FAKE_LIMIT) != 0);
        f->limit = bnt_le32_to_cpu(wire);
        f->limit_writes++;
        f->limit_early += (f->dev.status & BNT_DEVICE_STATUS_DRIVER_OK) == 0;
    } else {
        CHECK(offset == BNT_BALLOON_CONFIG_EPOCH_ACK);
        f->epoch_ack = bnt_le32_to_cpu(wire);
        f->ack_writes++;
    }
}

/* Whether what is in the guest's byte order lies big-endian. */
static bool fake_big(const struct fake *f)
{
    return f->dev.legacy && f->setup.order == BNT_BYTE_ORDER_BIG;
}

static uint16_t fake_queue_size_max(void *opaque, uint16_t queue)
{
    return queue < FAKE_QUEUES ? ((struct fake *)opaque)->queue_max[queue] : 0;
}

static void fake_queue_enable(void *opaque, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                              uint64_t avail_gpa, uint64_t used_gpa)
{
    struct fake *f = opaque;
    struct bnt_diag diag = {.size = sizeof diag};
    CHECK(queue < FAKE_QUEUES && size <= f->queue_max[queue]);
    if (bnt_dev_switch_to_legacy(&f->dev)) {
        CHECK(bnt_vq_dev_init_legacy(&f->vq[queue], &f->mem, queue, size, desc_gpa, avail_gpa,
                                     used_gpa, f->dev.accepted, fake_big(f), &diag) == BNT_OK);
        return;
    }
    CHECK(bnt_vq_dev_init(&f->vq[queue], &f->mem, queue, size, desc_gpa, avail_gpa, used_gpa,
                          f->dev.accepted, &diag) == BNT_OK);
}

/* Whatever the device had of the queue it neither answers nor looks at any more. */
static void fake_queue_reset(void *opaque, uint16_t queue)
{
    struct fake *f = opaque;
    if (f->no_reset_register) {
        return;
    }
    CHECK(queue < FAKE_QUEUES && f->vq[queue].size != 0);
    memset(&f->vq[queue], 0, sizeof f->vq[queue]);
    f->stats_held = f->stats_held && queue != BNT_BALLOON_QUEUE_STATS;
    f->queue_reset_left[queue] = f->queue_reset_reads;
    f->queue_resets++;
}

static uint16_t fake_queue_reset_read(void *opaque, uint16_t queue)
{
    struct fake *f = opaque;
    if (f->no_reset_register) {
        return f->vq[queue].size != 0;
    }
    const bool left = f->queue_reset_left[queue] > 0;
    f->queue_reset_left[queue] -= left;
    /* Complete: the device let go of what it had. */
    for (uint64_t i = 0; !left && queue == BNT_BALLOON_QUEUE_REPORT && i < f->setup.pages; i++) {
        f->reported[i] = f->reported[i] == 1 ? 2 : f->reported[i];
    }
    return left;
}

static void fake_notify(void *opaque, uint16_t queue)
{
    struct fake *f = opaque;
    CHECK(queue < FAKE_QUEUES && f->vq[queue].size != 0);
    f->kicks++;
    f->kicks_early += !(f->dev.status & BNT_DEVICE_STATUS_DRIVER_OK);
    while (f->stats_back && queue == BNT_BALLOON_QUEUE_STATS && fake_serve(f, queue, 1) > 0) {
        f->stats_returned += fake_stats_return(f);
    }
    /* Not for commands of working sets: a device that has the next one at once never ends. */
    if (f->serve_on_kick && queue != BNT_BALLOON_QUEUE_WS_CMD) {
        (void)fake_serve(f, queue, 2);
    }
}

/* ---- Queues ---- */

static uint8_t fake_verdict(struct fake *f, bool inflate, uint32_t pfn, uint32_t epoch)
{
    const uint64_t at = pfn - f->first_pfn;
    const uint64_t memory = f->setup.pages << f->setup.page_order;
    const bool resets = (f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_RESET) != 0;
    const uint64_t mask = (UINT64_C(1) << f->setup.page_order) - 1;
    const uint64_t target = (f->num_pages + mask) & ~mask;
    if (resets && (epoch != f->epoch || f->epoch_ack != f->epoch)) {
        return BNT_VERDICT_RESET;
    }
    if (f->answer_all != 0) { /* hostile where it is no verdict by the ledger */
        return f->answer_all;
    }
    if (pfn < f->first_pfn || at >= memory) {
        return BNT_VERDICT_INVALID;
    }
    /* A plain driver cannot be told of a refusal, so its deflates are always served (BX-3). */
    const bool verdicts = (f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS) != 0;
    const bool may_refuse = inflate || verdicts;
    const uint8_t scripted = inflate ? f->bad[at] : f->bad_back[at];
    if (scripted != 0 && may_refuse) {
        return scripted;
    }
    if (f->ledger[at] == inflate) {
        return inflate ? BNT_VERDICT_LOCKED : BNT_VERDICT_NOT_LOCKED;
    }
    const bool over =
        inflate ? f->ledger_pfns >= target
                : f->ledger_pfns <= target && !(f->dev.accepted & BNT_BALLOON_F_DEFLATE_ON_OOM);
    if (f->not_needed && over && may_refuse) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    f->ledger[at] = inflate;
    f->ledger_pfns = inflate ? f->ledger_pfns + 1 : f->ledger_pfns - 1;
    return BNT_VERDICT_ACCEPTED;
}

/* An inflate with DEVICE_INIT_ON_INFLATE: all is taken, and told as the script says. */
static uint32_t fake_bitmap(struct fake *f, const struct bnt_vq_chain *chain, const uint8_t *in,
                            uint32_t count)
{
    uint8_t out[(BNT_BALLOON_REQUEST_PFNS_MAX + 7) / 8];
    CHECK(f->hostile || chain->writable_bytes == (count + 7) / 8);
    for (uint32_t i = 0; i < count; i++) {
        bnt_le32 wire;
        memcpy(&wire, in + 4 * i, sizeof wire);
        (void)fake_verdict(f, true, bnt_le32_to_cpu(wire), f->epoch);
    }
    memset(out, f->init_byte, sizeof out);
    CHECK(bnt_vq_chain_write(chain, &f->mem, 0, out, (count + 7) / 8) == BNT_OK || f->hostile);
    f->pfn_messages++;
    const uint32_t bytes = (count + 7) / 8;
    return bytes - (f->len_cut < bytes ? f->len_cut : bytes);
}

static uint32_t fake_answer(struct fake *f, bool inflate, const struct bnt_vq_chain *chain)
{
    uint8_t in[8 + 4 * BNT_GUEST_REQUEST_PFNS_MAX];
    struct {
        struct bnt_balloon_response header;
        uint8_t verdicts[BNT_GUEST_REQUEST_PFNS_MAX];
    } out;
    const bool verdicts = (f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS) != 0;
    const uint32_t skip = verdicts ? 8 : 0;
    if (f->hostile && (chain->readable_bytes <= skip || chain->readable_bytes > sizeof in)) {
        return 0; /* a buffer that this device had answered before it read it */
    }
    CHECK(chain->readable_bytes > skip &&
          chain->readable_bytes <= skip + 4 * BNT_GUEST_REQUEST_PFNS_MAX);
    CHECK(bnt_vq_chain_read(chain, &f->mem, 0, in, (uint32_t)chain->readable_bytes) == BNT_OK);
    const uint32_t count = (uint32_t)(chain->readable_bytes - skip) / 4;
    const bool resets = (f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_RESET) != 0;
    if (inflate && (f->dev.accepted & FAKE_ON_INFLATE) != 0) {
        return fake_bitmap(f, chain, in, count);
    }
    if (f->hostile && chain->writable_bytes != (verdicts ? 8 + count : 0)) {
        return 0;
    }
    CHECK(count * 4 + skip == chain->readable_bytes);
    CHECK(chain->writable_bytes == (verdicts ? 8 + count : 0)); /* BX-4 */
    struct bnt_balloon_request header = {0};
    memcpy(&header, in, skip);
    const bool units = bnt_le32_to_cpu(header.flags) == BNT_BALLOON_REQUEST_2M;
    CHECK(bnt_le32_to_cpu(header.flags) <= ((f->dev.accepted & FAKE_HUGE) != 0)); /* BX-23 */
    CHECK(!units || count <= BNT_BALLOON_REQUEST_PFNS_MAX);                       /* BX-24 */
    CHECK(f->hostile || units || (count & ((1u << f->setup.page_order) - 1)) == 0);
    for (uint32_t i = 0; i < count; i++) {
        bnt_le32 wire;
        memcpy(&wire, in + skip + 4 * i, sizeof wire);
        const uint32_t epoch = verdicts ? bnt_le32_to_cpu(header.epoch) : f->epoch;
        const uint32_t pfn = bnt_guest32_to_cpu(wire, fake_big(f));
        const bool here = !resets || (epoch == f->epoch && f->epoch_ack == f->epoch);
        out.verdicts[i] = units && here ? fake_unit_verdict(f, inflate, pfn)
                                        : fake_verdict(f, inflate, pfn, epoch);
    }
    f->pfn_messages++;
    f->unit_messages += units;
    f->unit_back_messages += units && !inflate;
    f->units_most = units && count > f->units_most ? count : f->units_most;
    if (!verdicts) {
        return f->len_more;
    }
    out.header.num_pages = bnt_cpu_to_le32(f->num_pages);
    out.header.epoch = bnt_cpu_to_le32(resets ? f->epoch : 0);
    if (!f->write_nothing) {
        CHECK(bnt_vq_chain_write(chain, &f->mem, 0, &out, 8 + count) == BNT_OK);
    }
    const uint32_t cut = f->len_cut < 8 + count ? f->len_cut : 8 + count;
    return 8 + count - cut + f->len_more;
}

static void fake_interrupt(struct fake *f, uint32_t queue)
{
    bool due = false;
    struct bnt_diag diag = {.size = sizeof diag};
    const bnt_status status = bnt_vq_dev_check_interrupt_due(&f->vq[queue], &f->mem, &due, &diag);
    CHECK(f->hostile || status == BNT_OK);
    if (due && !f->no_interrupts) {
        bnt_guest_handle_interrupt(f->guest, (uint16_t)queue);
    }
}

/* Keeps the statistics buffer, as a device does between two polls. */
static void fake_stats_take(struct fake *f, const struct bnt_vq_chain *chain)
{
    CHECK(f->hostile || !f->stats_held); /* at most one (BD-16) */
    CHECK(chain->writable_bytes == 0 && chain->readable_bytes <= sizeof f->stats);
    f->stats_held = true;
    f->stats_head = chain->head;
    f->stats_bytes = (uint32_t)chain->readable_bytes;
    CHECK(bnt_vq_chain_read(chain, &f->mem, 0, f->stats, f->stats_bytes) == BNT_OK);
}

/* Commands are exactly 4 bytes (BD-24), pages are single writable segments of whole pages. */
static void fake_hint_take(struct fake *f, const struct bnt_vq_chain *chain)
{
    if (f->hostile && (chain->readable_bytes > 4 || chain->writable_count > 1)) {
        return;
    }
    if (chain->readable_bytes > 0) {
        bnt_le32 wire;
        CHECK(chain->readable_bytes == sizeof wire && chain->writable_bytes == 0);
        CHECK(bnt_vq_chain_read(chain, &f->mem, 0, &wire, sizeof wire) == BNT_OK);
        f->hint_commands[f->hint_command_count++ % 64] = bnt_le32_to_cpu(wire);
        return;
    }
    const uint64_t first = fake_index(f, chain->segs[0].gpa >> BNT_PFN_SHIFT);
    const uint64_t pages = chain->writable_bytes >> BNT_PFN_SHIFT >> f->setup.page_order;
    CHECK(chain->writable_count == 1 && first + pages <= f->setup.pages);
    for (uint64_t i = 0; i < pages; i++) {
        f->hinted[first + i] = f->hinted[first + i] == 2 ? 1 : f->hinted[first + i];
    }
    f->hint_pfns += pages << f->setup.page_order;
}

/* Writes the command that the script has ready; reports are only returned. */
static uint32_t fake_ws_serve(struct fake *f, uint32_t queue, const struct bnt_vq_chain *chain)
{
    const uint32_t bytes = sizeof f->ws_command < chain->writable_bytes
                               ? (uint32_t)sizeof f->ws_command
                               : (uint32_t)chain->writable_bytes;
    if (queue == BNT_BALLOON_QUEUE_WS_DATA) {
        return f->len_more;
    }
    CHECK(bnt_vq_chain_write(chain, &f->mem, 0, f->ws_command, bytes) == BNT_OK || f->hostile);
    return bytes;
}

uint32_t fake_serve(struct fake *f, uint32_t queue, uint32_t count)
{
    uint32_t served = 0;
    while (served < count && bnt_dev_is_live(&f->dev) && f->vq[queue].size != 0 &&
           !f->vq[queue].broken) {
        struct bnt_vq_seg segs[BNT_GUEST_REPORT_CAPACITY_MAX];
        struct bnt_vq_chain chain = {.segs = segs, .seg_max = BNT_GUEST_REPORT_CAPACITY_MAX};
        struct bnt_diag diag = {.size = sizeof diag};
        const bnt_status status = bnt_vq_dev_pop(&f->vq[queue], &f->mem, &chain, &diag);
        if (status == BNT_E_AGAIN || (f->hostile && status != BNT_OK)) {
            break;
        }
        CHECK(status == BNT_OK);
        served++;
        f->served++;
        if (queue == BNT_BALLOON_QUEUE_STATS) {
            fake_stats_take(f, &chain);
            continue;
        }
        uint32_t len = 0;
        if (queue == BNT_BALLOON_QUEUE_HINT) {
            fake_hint_take(f, &chain);
        } else if (queue == BNT_BALLOON_QUEUE_WS_CMD || queue == BNT_BALLOON_QUEUE_WS_DATA) {
            len = fake_ws_serve(f, queue, &chain);
        } else if (queue == BNT_BALLOON_QUEUE_REPORT) {
            len = fake_report_serve(f, &chain);
        } else {
            len = fake_answer(f, queue == BNT_BALLOON_QUEUE_INFLATE, &chain);
        }
        const bnt_status pushed = bnt_vq_dev_push(&f->vq[queue], &f->mem, chain.head, len, &diag);
        CHECK(f->hostile || pushed == BNT_OK);
        fake_interrupt(f, queue);
    }
    return served;
}

uint32_t fake_stats_return(struct fake *f)
{
    struct bnt_diag diag = {.size = sizeof diag};
    if (!f->stats_held) {
        return 0;
    }
    f->stats_held = false;
    CHECK(bnt_vq_dev_push(&f->vq[BNT_BALLOON_QUEUE_STATS], &f->mem, f->stats_head, 0, &diag) ==
          BNT_OK);
    fake_interrupt(f, BNT_BALLOON_QUEUE_STATS);
    return 1;
}

/* What the guest core calls. */
const struct bnt_drv_transport fake_transport = {
    .size = sizeof fake_transport,
    .features_read = fake_features_read,
    .features_write = fake_features_write,
    .status_read = fake_status_read,
    .status_write = fake_status_write,
    .config_generation = fake_generation,
    .config_read = fake_config_read,
    .config_write = fake_config_write,
    .queue_size_max = fake_queue_size_max,
    .queue_enable = fake_queue_enable,
    .notify = fake_notify,
    .queue_reset = fake_queue_reset,
    .queue_reset_read = fake_queue_reset_read,
};
