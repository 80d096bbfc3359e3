/*
 * The guest core between the fake OS and the scripted device: made, stepped, checked after every
 * step, and taken down.
 */
#include "tests/support/fake_device.h"

#include <string.h>

static bnt_status fake_mem_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    const struct fake *f = opaque;
    memcpy(dst, (const uint8_t *)f->dma + (gpa - FAKE_DMA_GPA), bytes);
    return BNT_OK;
}

static bnt_status fake_mem_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    const struct fake *f = opaque;
    memcpy((uint8_t *)f->dma + (gpa - FAKE_DMA_GPA), src, bytes);
    return BNT_OK;
}

static void *fake_zeroed(uint64_t count, size_t bytes)
{
    void *memory = calloc((size_t)count, bytes);
    CHECK(memory != NULL);
    return memory;
}

static void fake_os_init(struct fake *f)
{
    const uint64_t pages = f->setup.pages;
    const uint64_t pfns = pages << f->setup.page_order;
    f->owned = fake_zeroed(pages, 1);
    f->exposed = fake_zeroed(pages, 1);
    f->reported = fake_zeroed(pages, 1);
    f->stack = fake_zeroed(pages, sizeof *f->stack);
    f->links = fake_zeroed(pages, sizeof *f->links);
    f->bits = fake_zeroed((pages + 63) / 64, sizeof *f->bits);
    f->init_bits = fake_zeroed((pages + 63) / 64, sizeof *f->init_bits);
    f->hint_bits = fake_zeroed((pages + 63) / 64, sizeof *f->hint_bits);
    f->hinted = fake_zeroed(pages, 1);
    f->whole = fake_zeroed(pages, 1);
    f->clean = fake_zeroed(pages, 1);
    f->huge_bits = fake_zeroed(pfns / BNT_BALLOON_2M_PFNS / 64 + 1, sizeof *f->huge_bits);
    f->huge_limit = UINT64_MAX;
    f->ledger = fake_zeroed(pfns, 1);
    f->bad = fake_zeroed(pfns, 1);
    f->bad_back = fake_zeroed(pfns, 1);
    for (uint64_t i = 0; i < pages; i++) {
        f->stack[i] = (uint32_t)(pages - 1 - i); /* lowest first */
    }
    f->free_count = pages;
    f->alloc_limit = UINT64_MAX;
    f->stats_tags = 10;
}

struct bnt_guest_config fake_config(const struct fake *f)
{
    return (struct bnt_guest_config){
        .size = sizeof(struct bnt_guest_config),
        .memory.page_order = f->setup.page_order,
        .memory.first_pfn = f->first_pfn,
        .memory.pfns = f->setup.pages << f->setup.page_order,
        .features.wanted = f->setup.wanted,
        .features.required = f->setup.required,
        .features.interface = f->setup.driver,
        .features.byte_order = f->setup.order,
        .queues.layout = f->setup.queue_layout,
        .queues.layout_preferred = f->setup.queue_layout_preferred,
        .features.binding = BNT_BALLOON_BINDING_DEFAULT,
        .queues.size_max = f->setup.queue_size_max,
        .requests.pfns_max = f->setup.request_pfns,
        .sizing.refused_pages_max = f->setup.refused_pages_max,
        .record.kind = f->setup.record,
        .record.bits = f->bits,
        .sizing.poll_ns = f->setup.poll_ns,
        .sizing.sleeping = f->setup.sleeping,
        .rates = f->setup.rates,
        .queues.reset_after_ns = f->setup.queue_reset_ns,
        .recovery.tries = f->setup.recover_tries ? f->setup.recover_tries : BNT_GUEST_RECOVER_NEVER,
        .poison.init_on_free = f->setup.init_on_free,
        .poison.val = f->setup.poison_val,
        .device_init.bits = f->setup.init_bits ? f->init_bits : NULL,
        .reporting.order_set = f->setup.report_order_set,
        .reporting.order = f->setup.report_order,
        .reporting.capacity = f->setup.report_capacity,
        .hinting.block_pfns = f->setup.hint_block_pfns,
        .hinting.block_pfns_min = f->setup.hint_block_pfns_min,
        .hinting.bits = f->hint_bits,
        .hinting.wait_on_ack = f->setup.hint_wait_on_ack,
        .sizing.huge_overshoot = f->setup.huge_over,
        .record.huge_bits = f->setup.huge_bits ? f->huge_bits : NULL,
        .memory.limit_pfns = f->setup.limit_pfns,
        .quirks = f->setup.quirks,
    };
}

struct bnt_guest_ops fake_ops_of(const struct fake *f)
{
    struct bnt_guest_ops ops = fake_os_ops;
    ops.transport = fake_transport;
    fake_huge_ops(f, &ops);
    if (f->setup.bare) {
        ops.transport.queue_reset = NULL;
        ops.transport.queue_reset_read = NULL;
        ops.sleeping.alloc = NULL;
        ops.sleeping.cancel = NULL;
        ops.links.remove = NULL;
        ops.event = NULL;
        ops.request = NULL;
        ops.oom.relax = NULL;
        ops.poison.fill = NULL;
        ops.working_set.get = NULL;
        ops.device_init.initialised = NULL;
        ops.hinting.observe = NULL;
    }
    return ops;
}

static void fake_guest_init(struct fake *f)
{
    const struct bnt_guest_config config = fake_config(f);
    const struct bnt_guest_ops ops = fake_ops_of(f);
    struct bnt_guest_need need;
    CHECK(bnt_guest_compute_footprint(&config, &need) == BNT_OK);
    f->state = fake_zeroed(1, need.state_bytes);
    f->dma_bytes = (need.dma_bytes + 4095) & ~(size_t)4095;
    f->dma = aligned_alloc(4096, f->dma_bytes);
    CHECK(f->dma != NULL);
    memset(f->dma, 0xA5, f->dma_bytes);
    const struct bnt_mem_ops mem_ops = {
        .size = sizeof mem_ops, .read = fake_mem_read, .write = fake_mem_write};
    /* The pages have addresses and no bytes: hints name them, nobody reads them. */
    const uint64_t gpa = f->first_pfn << BNT_PFN_SHIFT;
    const uint64_t bytes = config.memory.pfns << BNT_PFN_SHIFT;
    const struct bnt_mem_region regions[] = {{gpa, bytes}, {FAKE_DMA_GPA, f->dma_bytes}};
    const uint32_t skip = gpa + bytes > FAKE_DMA_GPA ? 1 : 0;
    CHECK(bnt_mem_init(&f->mem, &mem_ops, f, regions + skip, 2 - skip) == BNT_OK);
    CHECK(bnt_guest_init(f->state, need.state_bytes, f->dma, FAKE_DMA_GPA, f->dma_bytes, &config,
                         &ops, f, &f->guest) == BNT_OK);
}

void fake_init(struct fake *f, const struct fake_setup *setup)
{
    memset(f, 0, sizeof *f);
    f->setup = *setup;
    f->setup.offered = setup->offered ? setup->offered : FAKE_ALL;
    f->setup.wanted = setup->wanted ? setup->wanted : FAKE_ALL;
    f->first_pfn = UINT64_C(0x100) << setup->page_order; /* not 0: an index is not a PFN */
    f->first_pfn = setup->huge ? 8 * BNT_BALLOON_2M_PFNS : f->first_pfn;
    f->checked = true;
    f->epoch = 1;
    for (uint32_t q = 0; q < FAKE_QUEUES; q++) {
        f->queue_max[q] = 128;
    }
    const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;
    f->rules = bnt_balloon_build_feature_rules(&binding);
    CHECK(bnt_dev_status_init_with_interface(&f->dev, f->setup.device, f->setup.offered,
                                             f->rules.rules, f->rules.count) == BNT_OK);
    fake_os_init(f);
    fake_guest_init(f);
}

struct bnt_guest_info fake_info(const struct fake *f)
{
    struct bnt_guest_info info = {.size = sizeof info};
    CHECK(bnt_guest_info_get(f->guest, &info) == BNT_OK);
    return info;
}

void fake_audit(const struct fake *f)
{
    const struct bnt_guest_info info = fake_info(f);
    const uint32_t order = f->setup.page_order;
    const uint64_t out = (f->setup.pages - f->free_count) << order;
    const uint64_t has = info.balloon.ballooned_pfns + info.balloon.inflight_inflate_pfns +
                         info.balloon.inflight_deflate_pfns + (info.balloon.held_pages << order) +
                         (info.balloon.stuck_pages << order) + info.reporting.inflight_pfns +
                         info.balloon.migrating_pfns + info.hinting.hinted_pfns +
                         info.huge.held_pfns + (info.unusable.held_pages << order);
    CHECK(info.reporting.inflight_pfns == f->reporting << order);
    CHECK(info.hinting.hinted_pfns == f->hinted_count << order);
    CHECK(out == has); /* no page lost, none in two places */
    CHECK(info.totals.inflated_pfns ==
          info.totals.deflated_pfns + info.totals.reset_pfns + info.balloon.ballooned_pfns +
              (info.balloon.stuck_pages << order) + info.balloon.inflight_deflate_pfns);
    CHECK(info.refusals.refused_pages == info.refusals.returned_pages + info.balloon.held_pages);
    CHECK(info.balloon.held_pages <=
          (f->setup.refused_pages_max ? f->setup.refused_pages_max : 16));
    if (info.state == BNT_GUEST_DOWN) {
        CHECK(out == 0);
    }
}

bnt_status fake_step(struct fake *f, uint32_t budget)
{
    const bnt_status status = bnt_guest_step(f->guest, f->now_ns, budget, &f->deadline_ns);
    if (f->checked) {
        fake_audit(f);
    }
    return status;
}

void fake_up(struct fake *f)
{
    CHECK(bnt_guest_attach(f->guest, f->now_ns) == BNT_OK);
    CHECK(fake_step(f, 1) == BNT_OK);
    CHECK(f->kicks_early == 0);
}

uint64_t fake_run(struct fake *f, uint64_t ns)
{
    const uint64_t end = f->now_ns + ns;
    uint64_t steps = 0;
    for (;;) {
        (void)fake_step(f, 64);
        steps++;
        CHECK(steps < UINT64_C(1) << 22);
        uint32_t served = fake_serve(f, 0, UINT32_MAX);
        served += fake_serve(f, 1, UINT32_MAX);
        served += fake_serve(f, 2, UINT32_MAX);
        served += fake_serve(f, BNT_BALLOON_QUEUE_HINT, UINT32_MAX);
        served += fake_serve(f, BNT_BALLOON_QUEUE_REPORT, UINT32_MAX);
        if (served > 0 || f->deadline_ns <= f->now_ns) {
            continue;
        }
        if (f->deadline_ns >= end) {
            f->now_ns = end;
            return steps;
        }
        f->now_ns = f->deadline_ns;
    }
}

void fake_target(struct fake *f, uint32_t pfns)
{
    f->num_pages = pfns;
    f->generation++;
    bnt_guest_config_changed(f->guest);
}

void fake_hint(struct fake *f, uint32_t command)
{
    f->hint_command = command;
    f->generation++;
    bnt_guest_config_changed(f->guest);
}

void fake_host_reset(struct fake *f)
{
    memset(f->ledger, 0, f->setup.pages << f->setup.page_order);
    f->ledger_pfns = 0;
    f->epoch++;
    f->generation++;
    bnt_guest_config_changed(f->guest);
}

void fake_down(struct fake *f)
{
    bnt_status status = bnt_guest_detach(f->guest, f->now_ns);
    for (uint32_t i = 0; status == BNT_E_AGAIN && i < UINT32_C(1) << 20; i++) {
        f->now_ns += FAKE_S;
        CHECK(fake_step(f, 64) == BNT_OK);
        status = fake_info(f).state == BNT_GUEST_DOWN ? BNT_OK : BNT_E_AGAIN;
    }
    CHECK(status == BNT_OK);
    CHECK(f->free_count == f->setup.pages);
}

void fake_end(struct fake *f)
{
    fake_down(f);
    free(f->owned);
    free(f->exposed);
    free(f->reported);
    free(f->stack);
    free(f->links);
    free(f->bits);
    free(f->init_bits);
    free(f->hint_bits);
    free(f->hinted);
    free(f->whole);
    free(f->clean);
    free(f->huge_bits);
    free(f->ledger);
    free(f->bad);
    free(f->bad_back);
    free(f->state);
    free(f->dma);
}
