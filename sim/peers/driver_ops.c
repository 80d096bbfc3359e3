/*
 * The callbacks of the guest core: gmem is the allocator of the core, and the events and requests
 * of the core become observations.
 *
 * The driver's registers are in registers.c, its free page hints in hint_ops.c.
 */
#include "sim/peers/peers.h"
#include "sim/world/backing.h"

#include <stddef.h>
#include <string.h>

/* ---- Memory ---- */

/** Returns how many of `count` pages can be allocated while the driver's `min_free` bytes stay
 * free. */
static uint32_t limit_pages_by_floor(const struct vm *vm, uint32_t count)
{
    struct gmem_counters counters;
    if (vm->spec.driver.min_free_bytes == 0) {
        return count;
    }
    gmem_get_counters(vm->gmem, &counters);
    const uint64_t page_bytes = (uint64_t)BNT_PFN_BYTES << vm->spec.page_order;
    const uint64_t floor = vm->spec.driver.min_free_bytes;
    const uint64_t most =
        counters.free_bytes > floor ? (counters.free_bytes - floor) / page_bytes : 0;
    return count < most ? count : (uint32_t)most;
}

/** Whether an allocation may sleep. If it may, pages_alloc itself reclaims nothing. */
static bool may_allocation_sleep(const struct vm *vm)
{
    const uint32_t sleeping = vm->spec.driver.config.sizing.sleeping;
    return sleeping == BNT_GUEST_ON ||
           (sleeping == BNT_GUEST_DEFAULT && vm_uses_vmware_transport(vm));
}

static bool start_sleeping_alloc(void *opaque, uint32_t count)
{
    return sleeping_start_allocation_wait(opaque, count);
}

static uint32_t alloc_pages(void *opaque, uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    const uint32_t wanted = limit_pages_by_floor(vm, count);
    const uint32_t got = may_allocation_sleep(vm)
                             ? gmem_balloon_alloc_pages_nowait(vm->gmem, pages, wanted)
                             : gmem_balloon_alloc_pages(vm->gmem, pages, wanted);
    if (got < count) {
        OBSERVE(vm, OBSERVED_PAGES_SHORT);
    }
    memory_schedule_reclaim(vm);
    if (vm->oom_allocating_pfns > 0) {
        struct bnt_guest_oom_result result;
        const uint64_t pfns = vm->oom_allocating_pfns;
        vm->oom_allocating_pfns = 0;
        memory_request_oom_deflate(vm, pfns, &result);
    }
    return got;
}

static void free_pages(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    vm->step_pages += count;
    if (vm->step_pages > vm->account.step_pages) {
        vm->account.step_pages = vm->step_pages;
    }
    gmem_balloon_free_pages(vm->gmem, pages, count);
}

static void push_links(void *opaque, uint64_t head, const uint64_t *pages, uint32_t count)
{
    const struct vm *vm = opaque;
    gmem_push_page_links(vm->gmem, head, pages, count);
}

static uint64_t pop_links(void *opaque, uint64_t head, uint64_t *pages, uint32_t count)
{
    const struct vm *vm = opaque;
    return gmem_pop_page_links(vm->gmem, head, pages, count);
}

static bool remove_link(void *opaque, uint64_t *head, uint64_t page)
{
    const struct vm *vm = opaque;
    return gmem_remove_page_link(vm->gmem, head, page);
}

static uint32_t get_stats(void *opaque, struct bnt_stat *stats, uint32_t count)
{
    const struct vm *vm = opaque;
    struct gmem_counters counters;
    gmem_get_counters(vm->gmem, &counters);
    const struct bnt_stat all[] = {
        {BNT_STAT_SWAP_IN, counters.swapped_in_bytes},
        {BNT_STAT_SWAP_OUT, counters.swapped_out_bytes},
        {BNT_STAT_MAJFLT, counters.refaults},
        {BNT_STAT_MINFLT, counters.allocations},
        {BNT_STAT_OOM_KILL, vm->account.oom_kills},
        {BNT_STAT_ALLOC_STALL, counters.direct_reclaims},
        {BNT_STAT_ASYNC_SCAN, counters.background_bytes},
        {BNT_STAT_DIRECT_SCAN, counters.direct_bytes},
        {BNT_STAT_ASYNC_RECLAIM, counters.background_bytes},
        {BNT_STAT_DIRECT_RECLAIM, counters.direct_bytes},
        {BNT_STAT_MEMFREE, counters.free_bytes},
        {BNT_STAT_MEMTOT, vm->spec.memory_bytes - vm->life.offline_bytes},
        {BNT_STAT_AVAIL, counters.free_bytes + counters.cache_clean_bytes},
        {BNT_STAT_CACHES, counters.cache_clean_bytes},
        {BNT_STAT_HTLB_PGALLOC, 0},
        {BNT_STAT_HTLB_PGFAIL, 0},
    };
    const bool huge_pages = vm->spec.page_order == 0; /* a kernel whose base pages are larger than 4
                                                         KiB has no huge pages */
    uint32_t n = 0;

    for (uint32_t i = 0; i < sizeof all / sizeof all[0] && n < count; i++) {
        const bool of_huge =
            all[i].tag == BNT_STAT_HTLB_PGALLOC || all[i].tag == BNT_STAT_HTLB_PGFAIL;
        if (huge_pages || !of_huge) {
            stats[n++] = all[i];
        }
    }
    return n;
}

/* ---- Free page reporting ---- */

static uint32_t isolate_report_blocks(void *opaque, uint64_t *blocks, uint32_t count)
{
    struct vm *vm = opaque;
    const uint32_t got = gmem_isolate_report_blocks(vm->gmem, blocks, count);
    OBSERVE(vm, OBSERVED_REPORT_TAKEN, .pages = blocks, .count = got);
    return got;
}

static void return_report_blocks(void *opaque, const uint64_t *blocks, uint32_t count,
                                 bnt_guest_reported how)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_REPORT_DONE, .count = count);
    const uint64_t page_pfns = UINT64_C(1) << vm->spec.page_order;
    for (uint32_t i = 0; how == BNT_GUEST_REPORTED_INIT && i < count; i++) {
        const uint64_t pages = UINT64_C(1) << vm_get_guest_settings(vm).reporting.order;
        for (uint64_t n = 0; n < pages; n++) {
            const uint64_t page = blocks[i] + n * page_pfns;
            backing_check_initialised_pages(vm, &page, 1);
        }
    }
    gmem_return_report_blocks(vm->gmem, blocks, count, how != BNT_GUEST_REPORTED_VOID);
}

static void get_working_set(void *opaque, const struct bnt_ws_config *config,
                            struct bnt_ws_bin *bins, uint32_t count)
{
    struct vm *vm = opaque;
    gmem_measure_working_set(vm->gmem, config, bins, count);
    OBSERVE(vm, OBSERVED_WORKING_SET, .bins = bins, .count = count);
}

/* ---- What pages hold ---- */

static void fill_pages(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_PAGES_FILLING, .value = value);
    gmem_balloon_fill_pages(vm->gmem, pages, count);
    OBSERVE(vm, OBSERVED_PAGES_FILLED, .pages = pages, .count = count);
}

static void check_initialised_pages(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_PAGES_INITIALISED, .pages = pages, .count = count);
    backing_check_initialised_pages(vm, pages, count);
}

/* ---- Events and requests that the core reports ---- */

static void observe_guest_event(void *opaque, const struct bnt_guest_event *event)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_GUEST_EVENT, .guest_event = event);
    if (event->kind == BNT_GUEST_EVENT_OOM_DONE) {
        memory_end_oom(vm);
    }
}

static void observe_guest_request(void *opaque, const struct bnt_guest_request *request)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_GUEST_REQUEST, .guest_request = request);
}

static uint32_t alloc_huge_pages(void *opaque, uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    const uint32_t pfns = limit_pages_by_floor(vm, count << BNT_BALLOON_2M_ORDER);
    const uint32_t got =
        gmem_balloon_alloc_huge_pages(vm->gmem, pages, pfns >> BNT_BALLOON_2M_ORDER);
    memory_schedule_reclaim(vm);
    return got;
}

static void free_huge_pages(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    gmem_balloon_free_huge_pages(vm->gmem, pages, count);
}

/** A split does nothing here, because gmem treats each 4 KiB page of a huge page as a page of the
 * balloon. */
static void split_huge_page(void *opaque, uint64_t page)
{
    (void)opaque;
    (void)page;
}

struct bnt_guest_ops driver_make_ops(void)
{
    return (struct bnt_guest_ops){
        .size = sizeof(struct bnt_guest_ops),
        .pages.alloc = alloc_pages,
        .pages.free = free_pages,
        .links.push = push_links,
        .links.pop = pop_links,
        .links.remove = remove_link,
        .statistics.get = get_stats,
        .event = observe_guest_event,
        .request = observe_guest_request,
        .reporting.take = isolate_report_blocks,
        .poison.fill = fill_pages,
        .working_set.get = get_working_set,
        .device_init.initialised = check_initialised_pages,
        .reporting.done = return_report_blocks,
        .sleeping.alloc = start_sleeping_alloc,
        .huge.alloc = alloc_huge_pages,
        .huge.free = free_huge_pages,
        .huge.split = split_huge_page,
    };
}
