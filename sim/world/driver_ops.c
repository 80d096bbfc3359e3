/*
 * What the guest core calls of its OS: its allocator is gmem, what it tells is counted.
 *
 * Everything observed here is told to the oracle, the hash and the script. Its registers are in
 * transport.c.
 */
#include "sim/world/world_private.h"

#include <stddef.h>
#include <string.h>

/* ---- Memory ---- */

/** How many pages can be taken with `floor` left free. */
static uint32_t above_floor(const struct vm *vm, uint32_t count)
{
    struct gmem_counters counters;
    if (vm->spec.driver.floor_bytes == 0) {
        return count;
    }
    gmem_counters_get(vm->gmem, &counters);
    const uint64_t page_bytes = (uint64_t)BNT_PFN_BYTES << vm->spec.page_order;
    const uint64_t floor = vm->spec.driver.floor_bytes;
    const uint64_t most =
        counters.free_bytes > floor ? (counters.free_bytes - floor) / page_bytes : 0;
    return count < most ? count : (uint32_t)most;
}

/** Whether what does not come at once is waited for: then nothing is reclaimed here. */
static bool sleeps(const struct vm *vm)
{
    const uint32_t sleeping = vm->spec.driver.config.sleeping;
    return sleeping == BNT_GUEST_ON || (sleeping == BNT_GUEST_DEFAULT && vm_on_calls(vm));
}

static bool pages_alloc_sleep(void *opaque, uint32_t count)
{
    return sleeping_start(opaque, count);
}

static uint32_t pages_alloc(void *opaque, uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    const uint32_t wanted = above_floor(vm, count);
    const uint32_t got = sleeps(vm) ? gmem_balloon_alloc_nowait(vm->gmem, pages, wanted)
                                    : gmem_balloon_alloc(vm->gmem, pages, wanted);
    if (got < count) {
        conformance_pages_refused(vm->world->conformance, vm->index);
    }
    memory_reclaim_wanted(vm);
    if (vm->oom_allocating_pfns > 0) {
        struct bnt_guest_oom_result result;
        const uint64_t pfns = vm->oom_allocating_pfns;
        vm->oom_allocating_pfns = 0;
        memory_oom_ask(vm, pfns, &result);
    }
    if (got > 0 && hostile_take(vm, CORRUPT_ALLOC_TWICE)) {
        if (vm->world->oracle != NULL) {
            oracle_taken(vm->world->oracle, vm->index, pages, 1);
        }
    }
    return got;
}

static void pages_free(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    const struct oracle *oracle = vm->world->oracle;
    if (vm->armed[CORRUPT_KEEP_HELD] > 0 && oracle != NULL &&
        oracle_place(oracle, vm->index, pages[0]) == PLACE_HELD) {
        return;
    }
    if (hostile_take(vm, CORRUPT_PAGE_LOST)) {
        count--; /* a page that its driver forgot */
    }
    vm->step_pages += count;
    if (vm->step_pages > vm->account.step_pages) {
        vm->account.step_pages = vm->step_pages;
    }
    gmem_balloon_free(vm->gmem, pages, count);
}

static void links_push(void *opaque, uint64_t head, const uint64_t *pages, uint32_t count)
{
    const struct vm *vm = opaque;
    gmem_links_push(vm->gmem, head, pages, count);
}

static uint64_t links_pop(void *opaque, uint64_t head, uint64_t *pages, uint32_t count)
{
    const struct vm *vm = opaque;
    return gmem_links_pop(vm->gmem, head, pages, count);
}

static bool links_remove(void *opaque, uint64_t *head, uint64_t page)
{
    const struct vm *vm = opaque;
    return gmem_links_remove(vm->gmem, head, page);
}

static uint32_t stats_get(void *opaque, struct bnt_stat *stats, uint32_t count)
{
    const struct vm *vm = opaque;
    struct gmem_counters counters;
    gmem_counters_get(vm->gmem, &counters);
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
    const bool huge_pages = vm->spec.page_order == 0; /* a kernel with large pages has no huge ones */
    uint32_t n = 0;

    if (vm->armed[CORRUPT_STATS_SILENT] > 0) {
        return 0; /* whoever knows them is gone, for good */
    }
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

static uint32_t report_take(void *opaque, uint64_t *blocks, uint32_t count)
{
    struct vm *vm = opaque;
    const uint32_t got = gmem_report_take(vm->gmem, blocks, count);
    engine_payload_words(vm->world->engine, blocks, got);
    return got;
}

static void report_done(void *opaque, const uint64_t *blocks, uint32_t count,
                        bnt_guest_reported how)
{
    struct vm *vm = opaque;
    engine_payload(vm->world->engine, count);
    const uint64_t page_pfns = UINT64_C(1) << vm->spec.page_order;
    for (uint32_t i = 0; how == BNT_GUEST_REPORTED_INIT && i < count; i++) {
        const uint64_t pages = UINT64_C(1) << vm_guest_settings(vm).report_order;
        for (uint64_t n = 0; n < pages; n++) {
            const uint64_t page = blocks[i] + n * page_pfns;
            backing_initialised(vm, &page, 1);
        }
    }
    gmem_report_done(vm->gmem, blocks, count, how != BNT_GUEST_REPORTED_VOID);
}

static void ws_get(void *opaque, const struct bnt_ws_config *config, struct bnt_ws_bin *bins,
                   uint32_t count)
{
    struct vm *vm = opaque;
    gmem_working_set(vm->gmem, config, bins, count);
    for (uint32_t i = 0; i < count; i++) {
        engine_payload(vm->world->engine, bins[i].anon_bytes);
        engine_payload(vm->world->engine, bins[i].file_bytes);
    }
}

/* ---- What pages hold ---- */

static void pages_fill(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value)
{
    struct vm *vm = opaque;
    engine_payload(vm->world->engine, value);
    if (!hostile_take(vm, CORRUPT_UNFILLED)) {
        gmem_balloon_fill(vm->gmem, pages, count);
        conformance_pages_filled(vm->world->conformance, vm->index, pages, count);
    }
}

static void pages_initialised(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    engine_payload(vm->world->engine, count);
    backing_initialised(vm, pages, count);
    conformance_pages_filled(vm->world->conformance, vm->index, pages, count);
}

/* ---- What the core tells ---- */

static void count_event(struct vm *vm, const struct bnt_guest_event *event)
{
    struct vm_account *account = &vm->account;
    const uint64_t now_ns = engine_now(vm->world->engine);
    switch (event->kind) {
    case BNT_GUEST_EVENT_REFUSED:
        account->held_peak = event->extra > account->held_peak ? event->extra : account->held_peak;
        if (account->first_refusal_ns == 0) {
            account->first_refusal_ns = now_ns;
        }
        break;
    case BNT_GUEST_EVENT_RETURNED:
        account->returned += event->value;
        account->last_return_ns = now_ns;
        break;
    case BNT_GUEST_EVENT_UNCERTAIN:
        account->uncertain += event->value;
        break;
    case BNT_GUEST_EVENT_NOT_NEEDED:
        account->not_needed += event->value;
        break;
    case BNT_GUEST_EVENT_STALLED:
        account->stalls++;
        break;
    default:
        break;
    }
}

/** What the value of an event stands for where it is a number for a name; NULL: it is a number. */
static const char *value_name(const struct bnt_guest_event *event)
{
    switch (event->kind) {
    case BNT_GUEST_EVENT_STATE:
        return bnt_guest_state_name((uint32_t)event->value);
    case BNT_GUEST_EVENT_BROKEN:
        return bnt_fault_text((bnt_fault)event->value);
    default:
        return NULL;
    }
}

static void event_log(const struct vm *vm, const struct bnt_guest_event *event)
{
    const char *name = bnt_guest_event_name((uint32_t)event->kind);
    const char *value = value_name(event);
    if (value != NULL) {
        world_log(vm->world, LOG_EVENTS, "%s: guest %s '%s' %llu", vm->spec.name, name, value,
                  (unsigned long long)event->extra);
    } else {
        world_log(vm->world, LOG_EVENTS, "%s: guest %s %llu %llu", vm->spec.name, name,
                  (unsigned long long)event->value, (unsigned long long)event->extra);
    }
}

static void guest_event(void *opaque, const struct bnt_guest_event *event)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    engine_payload(world->engine, (uint64_t)event->kind);
    engine_payload(world->engine, event->value);
    count_event(vm, event);
    event_log(vm, event);
    if (event->kind == BNT_GUEST_EVENT_BROKEN) {
        conformance_driver_gave_up(world->conformance, vm->index);
    }
    const bool secret = event->kind == BNT_GUEST_EVENT_DETACH_FORCED && vm->leave_secret;
    if (world->oracle != NULL && !secret) {
        oracle_guest_event(world->oracle, vm->index, event);
    }
    if (event->kind == BNT_GUEST_EVENT_RESET && hostile_take(vm, CORRUPT_ACK_EARLY)) {
        const bnt_le32 epoch = bnt_le32_set((uint32_t)event->value);
        vm_transport().config_write(vm, BNT_BALLOON_CONFIG_EPOCH_ACK, &epoch, sizeof epoch);
    }
    script_trigger(vm, TRIGGER_GUEST, (uint32_t)event->kind);
    if (event->kind == BNT_GUEST_EVENT_OOM_DONE) {
        memory_oom_done(vm);
    } else if (event->kind == BNT_GUEST_EVENT_MIGRATED) {
        life_moved(vm, event->extra);
    }
}

static void count_verdicts(struct vm *vm, const struct bnt_guest_request *request)
{
    if (!request->inflate) {
        return;
    }
    /* One verdict answers a unit of 2 MiB. */
    const uint32_t order = request->page_order > vm->spec.page_order ? 0 : vm->spec.page_order;
    uint64_t accepted = 0; /* nearly all: counted in a register */
    for (uint32_t page = 0; page < request->page_count; page++) {
        const uint32_t pfn = page << order;
        if (pfn >= request->verdict_count) {
            break;
        }
        const uint8_t verdict = request->verdicts[pfn];
        if (verdict == BNT_VERDICT_ACCEPTED) {
            accepted++;
        } else if (verdict < BNT_VERDICT_COUNT) {
            vm->account.refused_by[verdict]++;
        }
    }
    vm->account.refused_by[BNT_VERDICT_ACCEPTED] += accepted;
}

/** What requests are judged by: what the driver agreed on, whatever became of the device. A call is
 * told before the page is used, and answers each page. */
static uint64_t features_of(const struct vm *vm)
{
    struct bnt_guest_info info = {.size = offsetof(struct bnt_guest_info, target_pfns)};
    if (vm_on_calls(vm)) {
        return BNT_BALLOON_F_MUST_TELL_HOST | UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    }
    return bnt_guest_info_get(vm->guest, &info) == BNT_OK ? info.features : 0;
}

static void guest_request(void *opaque, const struct bnt_guest_request *request)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    if (request->complete) {
        engine_payload_bytes(world->engine, request->verdicts, request->verdict_count);
        count_verdicts(vm, request);
    } else {
        engine_payload_words(world->engine, request->pages, request->page_count);
    }
    if (world->oracle != NULL && request->page_order > vm->spec.page_order) {
        units_guest_request(vm, features_of(vm), request);
    } else if (world->oracle != NULL) {
        const uint64_t features = features_of(vm);
        oracle_guest_request(world->oracle, vm->index, features, request);
        if (request->complete && hostile_take(vm, CORRUPT_COMPLETE_TWICE)) {
            oracle_guest_request(world->oracle, vm->index, features, request);
        }
    }
    static const world_trigger triggers[2][2] = {
        {WORLD_TRIGGER_DEFLATE_SENT, WORLD_TRIGGER_DEFLATE_DONE},
        {WORLD_TRIGGER_INFLATE_SENT, WORLD_TRIGGER_INFLATE_DONE},
    };
    script_trigger(vm, TRIGGER_WORLD, triggers[request->inflate][request->complete]);
    if (!request->complete) {
        hostile_after_expose(vm, request);
    }
}

static uint32_t huge_alloc(void *opaque, uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    const uint32_t pfns = above_floor(vm, count << BNT_BALLOON_2M_ORDER);
    const uint32_t got = gmem_balloon_alloc_large(vm->gmem, pages, pfns >> BNT_BALLOON_2M_ORDER);
    memory_reclaim_wanted(vm);
    return got;
}

static void huge_free(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    gmem_balloon_free_large(vm->gmem, pages, count);
}

/** Nothing to do: every page of a block is a page of the balloon for itself. */
static void huge_split(void *opaque, uint64_t page)
{
    (void)opaque;
    (void)page;
}

struct bnt_guest_ops vm_guest_ops(void)
{
    struct bnt_guest_ops ops = {
        .size = sizeof(struct bnt_guest_ops),
        .transport = vm_transport(),
        .pages_alloc = pages_alloc,
        .pages_free = pages_free,
        .links_push = links_push,
        .links_pop = links_pop,
        .links_remove = links_remove,
        .stats_get = stats_get,
        .event = guest_event,
        .request = guest_request,
        .report_take = report_take,
        .pages_fill = pages_fill,
        .ws_get = ws_get,
        .pages_initialised = pages_initialised,
        .report_done = report_done,
        .block_alloc = hint_block_alloc,
        .hinted_free = hint_free,
        .hint = hint_sent,
        .pages_alloc_sleep = pages_alloc_sleep,
        .huge_alloc = huge_alloc,
        .huge_free = huge_free,
        .huge_split = huge_split,
    };
    vmware_guest_ops(&ops);
    return ops;
}
