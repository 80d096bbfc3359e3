/*
 * What the targets of the host core share: bytes as calls of a hostile driver and a random
 * embedder. The device that they go to is made and checked in host_instance.c.
 */
#include "host_calls.h"

#include <ballonet/vmware.h>

#include <string.h>

uint32_t fuzz_take(struct fuzz_input *input, uint32_t bytes)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < bytes && input->size > 0; i++) {
        value |= (uint32_t)*input->data++ << (8 * i);
        input->size--;
    }
    return value;
}

/** A hostile caller's calls fail most of the time. */
static void ignore(bnt_status status)
{
    (void)status;
}

/* ---- Calls ---- */

/** The device goes on elsewhere: what was saved is taken, in either store, and saved the same. */
static void call_move(struct fuzz_host *fuzz, uint32_t which)
{
    struct fake_driver *fake = &fuzz->fake;
    const bool fixed = fake_info(fake).ledger.leafless_pfns == 0 && (which & 1) != 0;
    size_t bytes = 0;
    void *storage = NULL;
    uint8_t *state = fuzz_host_save(fuzz, fake->host, &bytes);

    fake->config.memory.ledger = fixed ? BNT_HOST_LEDGER_FIXED : BNT_HOST_LEDGER_LEAVES;
    fake->leaf_fail_from = 0;
    struct bnt_host *host = fuzz_host_another(fuzz, &storage);
    CHECK(bnt_host_load(host, fake->now_ns, state, bytes) == BNT_OK);
    CHECK(fuzz_host_saves(fuzz, host, state, bytes));
    CHECK(fake->log_count == fake_count(fake, FAKE_LEAF_FREE));
    fuzz_host_replace(fuzz, host, storage);
    free(state);
}

static void call_working_set(struct fake_driver *fake, struct fuzz_input *input)
{
    struct bnt_ws_config config = {.interval_count = fuzz_take(input, 1) % 5};

    for (uint32_t i = 0; i < config.interval_count; i++) {
        config.intervals_ms[i] = fuzz_take(input, 1) << i;
    }
    ignore(bnt_host_ws_config_set(fake->host, fake->now_ns, &config));
}

static void call_policy(struct fake_driver *fake, struct fuzz_input *input, uint32_t which)
{
    const struct bnt_host_rule rule = {.first_pfn = fuzz_take(input, 2),
                                       .last_pfn = UINT32_MAX,
                                       .on_inflate = (which & 1) != 0,
                                       .on_deflate = (which & 2) != 0,
                                       .numerator = fuzz_take(input, 1),
                                       .denominator = 128,
                                       .count = 1 + fuzz_take(input, 1),
                                       .verdict = (bnt_verdict)(which % BNT_VERDICT_COUNT)};

    switch (which % 11) {
    case 0:
        ignore(bnt_host_target_set(fake->host, fake->now_ns, fuzz_take(input, 2), which, NULL));
        break;
    case 1:
        ignore(bnt_host_guest_memory_set(fake->host, fake->now_ns, fuzz_take(input, 2), 0, NULL));
        break;
    case 2:
        ignore(bnt_host_reset_balloon(fake->host, fake->now_ns));
        break;
    case 3:
        ignore(bnt_host_rule_add(fake->host, &rule));
        break;
    case 4:
        bnt_host_rules_clear(fake->host);
        break;
    case 5:
        ignore(bnt_host_hint_start(fake->host, fake->now_ns, NULL));
        break;
    case 6:
        ignore(bnt_host_hint_stop(fake->host, fake->now_ns));
        break;
    case 7:
        ignore(bnt_host_hint_finish(fake->host, fake->now_ns));
        break;
    case 8:
        call_working_set(fake, input);
        break;
    case 9:
        ignore(bnt_host_ws_request(fake->host, fake->now_ns, NULL));
        break;
    default:
        ignore(bnt_host_stats_request(fake->host, fake->now_ns, NULL));
        break;
    }
}

static void call_registers(struct fake_driver *fake, struct fuzz_input *input, uint32_t which)
{
    const uint32_t value = fuzz_take(input, 4);

    switch (which % 5) {
    case 0:
        ignore(bnt_host_status_write(fake->host, fake->now_ns, (uint8_t)value));
        break;
    case 1:
        ignore(bnt_host_features_write(fake->host, value | (uint64_t)value << 32));
        break;
    case 2:
        bnt_host_config_write(fake->host, fake->now_ns, which >> 3, &value, 4);
        break;
    case 3:
        ignore(bnt_host_queue_enable(fake->host, (uint16_t)(which >> 3), (uint16_t)(value & 0x7F),
                                     value >> 8, value >> 4, value >> 6));
        break;
    default:
        fake_start(fake,
                   (which & 8) != 0 ? FUZZ_HOST_ALL : (FAKE_PLAIN | (which & 16 ? FAKE_TOLD : 0)));
        break;
    }
}

/** Whether a buffer can be put into a queue. */
static bool queue_ready(const struct fake_driver *fake, uint32_t queue)
{
    const struct bnt_vq_drv *vq = &fake->queues[queue];

    return vq->config.queue_size != 0 && !vq->broken && vq->free_count >= 4;
}

/** Takes back what was used, if the ring still makes sense to an honest driver. */
static void buffers_take_back(struct fuzz_host *fuzz)
{
    struct fake_driver *fake = &fuzz->fake;

    for (uint32_t queue = 0; queue < FAKE_QUEUES; queue++) {
        struct bnt_vq_drv *vq = &fake->queues[queue];
        uint16_t head = 0;
        uint32_t len = 0;
        while (vq->config.queue_size != 0 && bnt_vq_drv_pop(vq, &head, &len, NULL) == BNT_OK) {
            CHECK(fuzz->tampered || len <= 8 + 600);
        }
    }
}

/** A hint with its command: the current id, one of a small range, or STOP. */
static void call_hint(struct fake_driver *fake, const struct bnt_vq_seg *seg, uint32_t which)
{
    const uint32_t id = (which & 1) != 0 ? fake_info(fake).hinting.id : which >> 1 & 3;
    const bnt_le32 wire = bnt_cpu_to_le32(id);
    const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, 4}, *seg};

    if (queue_ready(fake, BNT_BALLOON_QUEUE_HINT) &&
        bnt_mem_contains(&fake->mem, seg->gpa, seg->bytes)) {
        memcpy(fake->dma + FAKE_REQUEST_GPA, &wire, 4);
        (void)fake_queue_segs(fake, BNT_BALLOON_QUEUE_HINT, segs, 1, 1);
    }
}

/** An honest request of a run, so that the ledger is reached at all. */
static void call_request(struct fuzz_host *fuzz, struct fuzz_input *input, uint32_t which)
{
    struct fake_driver *fake = &fuzz->fake;
    uint32_t pfns[600];
    const uint32_t first = (uint32_t)FAKE_FIRST_PFN - 4 + fuzz_take(input, 2) % (FUZZ_PAGES + 8);
    const uint32_t n = 1 + fuzz_take(input, 2) % 600;
    const uint32_t stride = 1 + (which >> 4) % 3;
    const struct bnt_vq_seg seg = {(uint64_t)first << BNT_PFN_SHIFT, n << BNT_PFN_SHIFT};

    buffers_take_back(fuzz);
    if ((bnt_host_status_read(fake->host) & BNT_DEVICE_STATUS_DRIVER_OK) == 0 ||
        !queue_ready(fake, 0)) {
        return;
    }
    fake->epoch = (which & 1) != 0 ? fake_info(fake).epoch : which;
    fake->flags = which >> 7;
    for (uint32_t i = 0; i < n; i++) {
        if (fake->flags != 0) {
            pfns[i] = (first & ~511u) + (i % 4) * BNT_HOST_HUGE_PFNS;
            continue;
        }
        pfns[i] = (which & 8) != 0 ? first + i * stride : first + (n - i) * stride;
    }
    if ((which & 6) == 6) {
        call_hint(fake, &seg, which >> 3);
    } else if ((which & 2) == 0 && queue_ready(fake, which & 1)) {
        (void)fake_queue_pfns(fake, which & 1, pfns, n);
    } else if (queue_ready(fake, BNT_BALLOON_QUEUE_REPORT) &&
               bnt_mem_contains(&fake->mem, seg.gpa, seg.bytes)) {
        (void)fake_queue_segs(fake, BNT_BALLOON_QUEUE_REPORT, &seg, 0, 1);
    }
}

static void call_memory(struct fake_driver *fake, struct fuzz_input *input, uint32_t which)
{
    const uint32_t at = fuzz_take(input, 3) % (FAKE_DMA_BYTES - 256);
    const uint32_t bytes = which % 32;

    for (uint32_t i = 0; i < bytes; i++) {
        fake->dma[at + i] = (uint8_t)fuzz_take(input, 1);
    }
}

static void call_embedder(struct fake_driver *fake, struct fuzz_input *input, uint32_t which)
{
    static const bnt_status statuses[] = {BNT_OK, BNT_E_UNSUPPORTED, BNT_E_CALLBACK};

    fake->discard_status = statuses[which % 3];
    fake->discard_fail_pfn = (which & 4) != 0 ? FAKE_FIRST_PFN + fuzz_take(input, 1) : 0;
    fake->leaf_fail_from = (which & 8) != 0 ? fake->leaf_calls + 1 + fuzz_take(input, 1) % 4 : 0;
    fake->copy_fail_at = (which & 0x70) == 0 ? fake->copies + 1 + fuzz_take(input, 1) : 0;
    fake->now_ns += (uint64_t)fuzz_take(input, 2) << 20;
}

/** What is newer than the plain handshake: other rings, single queues, suspending, moving. */
static void call_rings(struct fuzz_host *fuzz, struct fuzz_input *input, uint32_t which)
{
    static const uint64_t rings[] = {BNT_F_NOTIFICATION_DATA, BNT_F_RING_PACKED, BNT_F_IN_ORDER,
                                     BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_NOTIFICATION_DATA};
    struct fake_driver *fake = &fuzz->fake;
    const uint8_t status = bnt_host_status_read(fake->host);

    switch (which >> 4 & 7) {
    case 0:
    case 1:
        ignore(bnt_host_queue_reset(fake->host, fake->now_ns, (uint16_t)(which % 8)));
        break;
    case 2:
        bnt_host_handle_kick_with_data(fake->host, which % 8 | fuzz_take(input, 2) << 16);
        break;
    case 3:
        ignore(bnt_host_status_write(fake->host, fake->now_ns, status | BNT_DEVICE_STATUS_SUSPEND));
        break;
    case 4:
        ignore(bnt_host_status_write(fake->host, fake->now_ns,
                                     (uint8_t)(status & ~BNT_DEVICE_STATUS_SUSPEND)));
        break;
    case 5:
        fake_start(fake, FUZZ_HOST_ALL | BNT_F_RING_RESET | BNT_F_SUSPEND | rings[which & 3]);
        break;
    case 6: /* a queue by itself, as after its reset; the driver's end does not know */
        ignore(bnt_host_queue_enable(fake->host, (uint16_t)(which % 8), FAKE_QUEUE_SIZE,
                                     fuzz_take(input, 1) << 12, fuzz_take(input, 1) << 12,
                                     fuzz_take(input, 1) << 12));
        break;
    default:
        call_move(fuzz, which);
        break;
    }
}

/** A call of a hostile guest on VMware's wire: batch pages of anything, anywhere, of any length. */
static void call_vmware(struct fake_driver *fake, struct fuzz_input *input, uint32_t which)
{
    const uint32_t command = which % 13;
    const uint32_t first = (uint32_t)FAKE_FIRST_PFN - 4 + fuzz_take(input, 2) % (FUZZ_PAGES + 8);
    const uint32_t n = fuzz_take(input, 2) % 520;
    const uint32_t step = (which & 0x10) != 0 ? 512 : 1 + (which >> 5);
    uint64_t arg1 = FAKE_REQUEST_GPA >> BNT_PFN_SHIFT;
    uint64_t arg2 = n;
    int32_t status = 0;
    uint64_t result = 0;

    for (uint32_t i = 0; i < n && i < BNT_VMWARE_BATCH_MAX; i++) {
        const uint64_t pfn = (command == 8 || command == 9 ? first & ~511u : first) + i * step;
        const struct bnt_vmware_entry entry = bnt_vmware_make_entry(pfn, which);
        memcpy(fake->dma + FAKE_REQUEST_GPA + i * sizeof entry, &entry, sizeof entry);
    }
    if (command < 6 || command == 10) {
        arg1 = command == 2 || command == 3 ? first : n;
        arg2 = first;
    } else if ((which & 0x80) != 0) {
        arg1 = (uint64_t)fuzz_take(input, 4) << (which & 31);
        arg1 = arg1 > UINT64_C(0xFF) && arg1 < (FAKE_FIRST_PFN + FUZZ_PAGES) ? 0 : arg1;
        arg2 = (uint64_t)fuzz_take(input, 2) << (which & 31);
    }
    CHECK(bnt_host_serve_vmware_call(fake->host, fake->now_ns, command, arg1, arg2, &status,
                                     &result) == BNT_OK);
    CHECK(status == BNT_VMWARE_SUCCESS || bnt_vmware_does_command_return_target(command) == false ||
          result == 0);
}

static void call_vmware_host(struct fuzz_host *fuzz, struct fuzz_input *input, uint32_t which)
{
    struct fake_driver *fake = &fuzz->fake;
    const struct bnt_host_call_rule rule = {which % 13, (int32_t)fuzz_take(input, 1) - 1, 1};

    if ((which & 0xE0) == 0xE0) {
        call_move(fuzz, which);
    } else if ((which & 16) != 0) {
        ignore(bnt_host_handle_page_touch(fake->host, fake->now_ns, fuzz_take(input, 2)));
    } else {
        ignore(bnt_host_call_rule_add(fake->host, &rule));
    }
}

/** The same bytes for the other wire. */
static void call_one_vmware(struct fuzz_host *fuzz, struct fuzz_input *input)
{
    struct fake_driver *fake = &fuzz->fake;
    const uint32_t kind = fuzz_take(input, 1);
    const uint32_t which = fuzz_take(input, 1);

    switch (kind % 8) {
    case 0:
        call_policy(fake, input, which);
        break;
    case 1:
        call_vmware_host(fuzz, input, which);
        break;
    case 2:
        call_memory(fake, input, which);
        break;
    case 3:
        call_embedder(fake, input, which);
        break;
    case 4:
        ignore(bnt_host_step(fake->host, fake->now_ns, which % 8, &fake->deadline_ns));
        break;
    default:
        call_vmware(fake, input, which);
        break;
    }
}

static void call_one(struct fuzz_host *fuzz, struct fuzz_input *input)
{
    struct fake_driver *fake = &fuzz->fake;
    const uint32_t kind = fuzz_take(input, 1);
    const uint32_t which = fuzz_take(input, 1);

    switch (kind % 8) {
    case 0:
        call_policy(fake, input, which);
        break;
    case 1:
        call_registers(fake, input, which);
        break;
    case 2:
        call_memory(fake, input, which);
        break;
    case 3:
        call_embedder(fake, input, which);
        break;
    case 4:
        if ((which & 0x80) != 0) {
            call_rings(fuzz, input, which);
        } else {
            bnt_host_handle_kick(fake->host, (uint16_t)(which % 8));
        }
        break;
    case 5:
        ignore(bnt_host_step(fake->host, fake->now_ns, which % 8, &fake->deadline_ns));
        break;
    default:
        call_request(fuzz, input, which);
        bnt_host_handle_kick(fake->host, (which & 6) == 6   ? BNT_BALLOON_QUEUE_HINT
                                         : (which & 2) != 0 ? BNT_BALLOON_QUEUE_REPORT
                                                            : which & 1);
        ignore(bnt_host_step(fake->host, fake->now_ns, 8, &fake->deadline_ns));
        break;
    }
}

/* ---- One of them ---- */

void fuzz_host_call(struct fuzz_host *fuzz, struct fuzz_input *input)
{
    fuzz->fake.log_count = 0;
    if (fuzz->vmware) {
        call_one_vmware(fuzz, input);
    } else {
        call_one(fuzz, input);
    }
    fuzz_host_check(fuzz);
}
