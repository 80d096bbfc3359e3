/*
 * Fuzz target: a hostile driver and a random embedder against the host core.
 *
 * Bytes are calls: registers, kicks, policy, failing callbacks, and writes anywhere in the DMA area
 * in which the rings lie. Whatever comes, the ledger's count agrees with the pages, no page of the
 * guest's lies dropped without a report or a reset, and a step ends.
 */
#include "tests/unit/fake_driver.h"

#include <ballonet/vmware.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGES     1200u
#define CALLS_MAX 400u

/** Everything, units of 2 MiB, the guest's limit and working-set reports too. */
#define FUZZ_ALL                                            \
    (FAKE_ALL | UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES | \
     UINT64_C(1) << BNT_BALLOON_BIT_GUEST_LIMIT | UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING)

/** What is left of the input; zeros once it is used up. */
struct input {
    const uint8_t *data;
    size_t size;
};

static uint32_t input_take(struct input *input, uint32_t bytes)
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

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/** A page is the guest's and dropped only after a report, or a reset that touched nothing. */
static void pages_check(const struct fake_driver *fake, const uint8_t *excused)
{
    const struct bnt_host_info info = fake_info(fake);
    uint64_t held = 0;
    uint64_t kept = 0;

    for (uint32_t at = 0; at < PAGES; at++) {
        const bnt_host_page page = bnt_host_page_get(fake->host, FAKE_FIRST_PFN + at);
        held += page != BNT_HOST_PAGE_GUEST;
        kept += page == BNT_HOST_PAGE_KEPT;
        require(page != BNT_HOST_PAGE_GUEST || !fake->dropped[at] || excused[at]);
    }
    require(info.balloon_pfns == held + info.leafless_pfns);
    require(info.kept_pfns == kept + info.leafless_pfns);
    require((int64_t)info.leaves == fake->leaves_out);
    require(info.balloon_pfns <= PAGES);
}

/** Notes what reports and resets explain, and forgets the log. */
static void log_digest(struct fake_driver *fake, uint8_t *excused)
{
    uint32_t outcomes = 0;

    for (uint32_t i = 0; i < fake->log_count; i++) {
        const struct fake_entry *entry = &fake->log[i];
        if (entry->call == FAKE_REPORT) {
            memset(excused + (entry->value - FAKE_FIRST_PFN), 1, (size_t)entry->extra);
        } else if (entry->call == FAKE_HINT && fake->config.hint_discard) {
            memset(excused + (entry->value - FAKE_FIRST_PFN), 1, (size_t)entry->extra);
        } else if (entry->call == FAKE_EVENT && (entry->kind == BNT_HOST_EVENT_RESET ||
                                                 entry->kind == BNT_HOST_EVENT_DEVICE_RESET)) {
            memset(excused, 1, PAGES);
        }
        outcomes += entry->call == FAKE_EVENT && entry->kind == BNT_HOST_EVENT_OUTCOME;
    }
    require(outcomes <= 2);
    fake->log_count = 0;
}

static void call_working_set(struct fake_driver *fake, struct input *input)
{
    struct bnt_ws_config config = {.interval_count = input_take(input, 1) % 5};

    for (uint32_t i = 0; i < config.interval_count; i++) {
        config.intervals_ms[i] = input_take(input, 1) << i;
    }
    ignore(bnt_host_ws_config(fake->host, fake->now_ns, &config));
}

static void call_policy(struct fake_driver *fake, struct input *input, uint32_t which)
{
    const struct bnt_host_rule rule = {.first_pfn = input_take(input, 2),
                                       .last_pfn = UINT32_MAX,
                                       .on_inflate = (which & 1) != 0,
                                       .on_deflate = (which & 2) != 0,
                                       .numerator = input_take(input, 1),
                                       .denominator = 128,
                                       .count = 1 + input_take(input, 1),
                                       .verdict = (bnt_verdict)(which % BNT_VERDICT_COUNT)};

    switch (which % 11) {
    case 0:
        ignore(bnt_host_target_set(fake->host, fake->now_ns, input_take(input, 2), which, NULL));
        break;
    case 1:
        ignore(bnt_host_guest_memory_set(fake->host, fake->now_ns, input_take(input, 2), 0, NULL));
        break;
    case 2:
        ignore(bnt_host_reset(fake->host, fake->now_ns));
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
        ignore(bnt_host_hint_done(fake->host, fake->now_ns));
        break;
    case 8:
        call_working_set(fake, input);
        break;
    case 9:
        ignore(bnt_host_ws_request(fake->host, fake->now_ns, NULL));
        break;
    default:
        ignore(bnt_host_stats_poll(fake->host, fake->now_ns, NULL));
        break;
    }
}

static void call_registers(struct fake_driver *fake, struct input *input, uint32_t which)
{
    const uint32_t value = input_take(input, 4);

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
        fake_start(fake, (which & 8) != 0 ? FUZZ_ALL | BNT_BALLOON_F_FREE_PAGE_HINT
                                          : (FAKE_PLAIN | (which & 16 ? FAKE_TOLD : 0)));
        break;
    }
}

/** Takes back what was used, if the ring still makes sense to an honest driver. */
static void buffers_take_back(struct fake_driver *fake)
{
    for (uint32_t queue = 0; queue < FAKE_QUEUES; queue++) {
        struct bnt_vq_drv *vq = &fake->queues[queue];
        uint16_t head = 0;
        uint32_t len = 0;
        while (vq->config.queue_size != 0 && bnt_vq_drv_pop(vq, &head, &len, NULL) == BNT_OK) {
            require(len <= 8 + 600);
        }
    }
}

/** A hint with its command: the current id, one of a small range, or STOP. */
static void call_hint(struct fake_driver *fake, const struct bnt_vq_seg *seg, uint32_t which)
{
    const uint32_t id = (which & 1) != 0 ? fake_info(fake).hint_id : which >> 1 & 3;
    const bnt_le32 wire = bnt_le32_set(id);
    const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, 4}, *seg};

    if (fake->queues[BNT_BALLOON_QUEUE_HINT].config.queue_size != 0 &&
        !fake->queues[BNT_BALLOON_QUEUE_HINT].broken &&
        fake->queues[BNT_BALLOON_QUEUE_HINT].free_count >= 4 &&
        bnt_mem_contains(&fake->mem, seg->gpa, seg->bytes)) {
        memcpy(fake->dma + FAKE_REQUEST_GPA, &wire, 4);
        (void)fake_queue_segs(fake, BNT_BALLOON_QUEUE_HINT, segs, 1, 1);
    }
}

/** An honest request of a run, so that the ledger is reached at all. */
static void call_request(struct fake_driver *fake, struct input *input, uint32_t which)
{
    uint32_t pfns[600];
    const uint32_t first = (uint32_t)FAKE_FIRST_PFN - 4 + input_take(input, 2) % (PAGES + 8);
    const uint32_t n = 1 + input_take(input, 2) % 600;
    const uint32_t stride = 1 + (which >> 4) % 3;
    const struct bnt_vq_seg seg = {(uint64_t)first << BNT_PFN_SHIFT, n << BNT_PFN_SHIFT};

    buffers_take_back(fake);
    if ((bnt_host_status_read(fake->host) & BNT_DEVICE_STATUS_DRIVER_OK) == 0 ||
        fake->queues[0].broken || fake->queues[0].free_count < 4) {
        return;
    }
    fake->epoch = (which & 1) != 0 ? fake_info(fake).epoch : which;
    fake->flags = which >> 7;
    for (uint32_t i = 0; i < n; i++) {
        if (fake->flags != 0) {
            pfns[i] = (first & ~511u) + (i % 4) * BNT_HOST_UNIT_PFNS;
            continue;
        }
        pfns[i] = (which & 8) != 0 ? first + i * stride : first + (n - i) * stride;
    }
    if ((which & 6) == 6) {
        call_hint(fake, &seg, which >> 3);
    } else if ((which & 2) == 0 && fake->queues[which & 1].free_count >= 4) {
        (void)fake_queue_pfns(fake, which & 1, pfns, n);
    } else if (fake->queues[4].config.queue_size != 0 && fake->queues[4].free_count >= 4 &&
               bnt_mem_contains(&fake->mem, seg.gpa, seg.bytes)) {
        (void)fake_queue_segs(fake, 4, &seg, 0, 1);
    }
}

static void call_memory(struct fake_driver *fake, struct input *input, uint32_t which)
{
    const uint32_t at = input_take(input, 3) % (FAKE_DMA_BYTES - 256);
    const uint32_t bytes = which % 32;

    for (uint32_t i = 0; i < bytes; i++) {
        fake->dma[at + i] = (uint8_t)input_take(input, 1);
    }
}

static void call_embedder(struct fake_driver *fake, struct input *input, uint32_t which)
{
    static const bnt_status statuses[] = {BNT_OK, BNT_E_UNSUPPORTED, BNT_E_CALLBACK};

    fake->discard_status = statuses[which % 3];
    fake->discard_fail_pfn = (which & 4) != 0 ? FAKE_FIRST_PFN + input_take(input, 1) : 0;
    fake->leaf_fail_from = (which & 8) != 0 ? fake->leaf_calls + 1 + input_take(input, 1) % 4 : 0;
    fake->copy_fail_at = (which & 0x70) == 0 ? fake->copies + 1 + input_take(input, 1) : 0;
    fake->now_ns += (uint64_t)input_take(input, 2) << 20;
}

/** A call of a hostile guest on VMware's wire: batch pages of anything, anywhere, of any length. */
static void call_vmware(struct fake_driver *fake, struct input *input, uint32_t which)
{
    const uint32_t command = which % 13;
    const uint32_t first = (uint32_t)FAKE_FIRST_PFN - 4 + input_take(input, 2) % (PAGES + 8);
    const uint32_t n = input_take(input, 2) % 520;
    const uint32_t step = (which & 0x10) != 0 ? 512 : 1 + (which >> 5);
    uint64_t arg1 = FAKE_REQUEST_GPA >> BNT_PFN_SHIFT;
    uint64_t arg2 = n;
    int32_t status = 0;
    uint64_t result = 0;

    for (uint32_t i = 0; i < n && i < BNT_VMWARE_BATCH_MAX; i++) {
        const uint64_t pfn = (command == 8 || command == 9 ? first & ~511u : first) + i * step;
        const struct bnt_vmware_entry entry = bnt_vmware_entry_set(pfn, which);
        memcpy(fake->dma + FAKE_REQUEST_GPA + i * sizeof entry, &entry, sizeof entry);
    }
    if (command < 6 || command == 10) {
        arg1 = command == 2 || command == 3 ? first : n;
        arg2 = first;
    } else if ((which & 0x80) != 0) {
        arg1 = (uint64_t)input_take(input, 4) << (which & 31);
        arg1 = arg1 > UINT64_C(0xFF) && arg1 < (FAKE_FIRST_PFN + PAGES) ? 0 : arg1;
        arg2 = (uint64_t)input_take(input, 2) << (which & 31);
    }
    require(bnt_host_vmware_call(fake->host, fake->now_ns, command, arg1, arg2, &status, &result) ==
            BNT_OK);
    require(status == BNT_VMWARE_SUCCESS || bnt_vmware_command_targets(command) == false ||
            result == 0);
}

static void call_vmware_host(struct fake_driver *fake, struct input *input, uint32_t which)
{
    const struct bnt_host_call_rule rule = {which % 13, (int32_t)input_take(input, 1) - 1, 1};

    if ((which & 16) != 0) {
        ignore(bnt_host_touched(fake->host, fake->now_ns, input_take(input, 2)));
    } else {
        ignore(bnt_host_call_rule_add(fake->host, &rule));
    }
}

/** The same bytes for the other wire. */
static void call_one_vmware(struct fake_driver *fake, struct input *input)
{
    const uint32_t kind = input_take(input, 1);
    const uint32_t which = input_take(input, 1);

    switch (kind % 8) {
    case 0:
        call_policy(fake, input, which);
        break;
    case 1:
        call_vmware_host(fake, input, which);
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

static void call_one(struct fake_driver *fake, struct input *input)
{
    const uint32_t kind = input_take(input, 1);
    const uint32_t which = input_take(input, 1);

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
        bnt_host_kick(fake->host, (uint16_t)(which % 6));
        break;
    case 5:
        ignore(bnt_host_step(fake->host, fake->now_ns, which % 8, &fake->deadline_ns));
        break;
    default:
        call_request(fake, input, which);
        bnt_host_kick(fake->host, (which & 6) == 6   ? BNT_BALLOON_QUEUE_HINT
                                  : (which & 2) != 0 ? BNT_BALLOON_QUEUE_REPORT
                                                     : which & 1);
        ignore(bnt_host_step(fake->host, fake->now_ns, 8, &fake->deadline_ns));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_driver fake;
    struct input input = {data, size};
    uint8_t excused[PAGES] = {0};
    const uint32_t setup = input_take(&input, 1);

    fake_init(&fake, PAGES, FUZZ_ALL | BNT_BALLOON_F_FREE_PAGE_HINT);
    fake.config.hint_id_last = (setup & 8) != 0 ? 3 : 0;
    fake.config.hint_discard = (setup & 128) != 0;
    fake.config.ledger = (setup & 1) != 0 ? BNT_HOST_LEDGER_LEAVES : BNT_HOST_LEDGER_FIXED;
    fake.config.page_order = setup >> 1 & 3;
    fake.config.event_interval_ns = (setup & 8) != 0 ? 1000000 : 0;
    fake.config.stats_poll_ns = (setup & 16) != 0 ? 1000000 : 0;
    if ((setup & 64) != 0) {
        fake.config.wire = BNT_HOST_WIRE_VMWARE;
        fake.config.vmware_capabilities = (setup & 32) != 0 ? 0 : BNT_VMWARE_CAPS_ALL;
        fake.config.page_order = 0;
        fake.config.target_slack_pfns = (setup & 8) != 0 ? 511 : 0;
    }
    fake_open(&fake);
    if ((setup & 64) == 0) {
        fake_start(&fake, (setup & 32) != 0 ? FAKE_PLAIN : FUZZ_ALL | BNT_BALLOON_F_FREE_PAGE_HINT);
    }
    ignore(bnt_host_target_set(fake.host, fake.now_ns, PAGES / 2, 0, NULL));
    for (uint32_t i = 0; i < CALLS_MAX && input.size > 0; i++) {
        fake.log_count = 0;
        if ((setup & 64) != 0) {
            call_one_vmware(&fake, &input);
        } else {
            call_one(&fake, &input);
        }
        /* The guest used what it has again: whatever was excused is whole. */
        log_digest(&fake, excused);
        pages_check(&fake, excused);
    }
    fake_close(&fake);
    return 0;
}
