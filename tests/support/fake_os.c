/*
 * The fake OS around a guest core: its pages, each with one owner, and the guest's list of them.
 * Checks what the guest asks of the OS; reports and huge pages have files of their own.
 */
#include "tests/support/fake_device.h"

#include <string.h>

uint64_t fake_index(const struct fake *f, uint64_t page)
{
    return (page - f->first_pfn) >> f->setup.page_order;
}

uint64_t fake_page(const struct fake *f, uint64_t index)
{
    return f->first_pfn + (index << f->setup.page_order);
}

uint32_t fake_pages_alloc(void *opaque, uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    f->alloc_calls++;
    if (f->oom_in_alloc > 0) {
        const uint64_t pfns = f->oom_in_alloc;
        f->oom_in_alloc = 0;
        f->oom_status = bnt_guest_handle_oom(f->guest, f->now_ns, pfns, &f->oom_result);
    }
    uint32_t got = 0;
    while (got < count && f->free_count > 0 && f->alloc_limit > 0) {
        const uint32_t index = f->stack[--f->free_count];
        CHECK(f->owned[index] == 0);
        f->owned[index] = 1;
        f->reported[index] = 0; /* what is used is to be reported anew */
        pages[got++] = fake_page(f, index);
        f->alloc_limit -= f->alloc_limit != UINT64_MAX;
    }
    return got;
}

/* Takes the pages that left out of the stack of free ones. */
void fake_stack_sift(struct fake *f)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < f->free_count; i++) {
        if (f->owned[f->stack[i]] == 0) {
            f->stack[kept++] = f->stack[i];
        }
    }
    f->free_count = kept;
}

bool fake_block_take(struct fake *f, uint64_t pages, uint64_t *first)
{
    for (uint64_t at = 0; at + pages <= f->setup.pages; at += pages) {
        if (memchr(f->owned + at, 1, pages) == NULL) {
            const uint64_t left = f->free_count - pages;
            memset(f->owned + at, 1, pages);
            fake_stack_sift(f);
            CHECK(f->free_count == left);
            *first = at;
            return true;
        }
    }
    return false;
}

static bool fake_block_alloc(void *opaque, uint32_t pfns, uint64_t *first_pfn)
{
    struct fake *f = opaque;
    const uint64_t pages = pfns >> f->setup.page_order;
    f->block_calls++;
    if (f->shrink_in_block) {
        uint64_t freed = 0;
        CHECK(bnt_guest_reclaim_hinted_pages(f->guest, f->now_ns, 1, &freed) == BNT_E_REENTRANT);
    }
    if (f->block_bad != 0) {
        *first_pfn = f->block_bad;
        f->block_bad = 0;
        return true;
    }
    uint64_t first = 0;
    if (!fake_block_take(f, pages, &first)) {
        return false;
    }
    memset(f->hinted + first, 1, pages);
    f->hinted_count += pages;
    *first_pfn = fake_page(f, first);
    return true;
}

static void fake_hinted_free(void *opaque, const uint64_t *pages, uint32_t count, bool initialise)
{
    struct fake *f = opaque;
    CHECK(count > 0 && count <= 256);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = fake_index(f, pages[i]);
        if (index >= f->setup.pages) {
            continue; /* what block_bad gave out */
        }
        CHECK(f->owned[index] == 1 && f->hinted[index] != 0);
        CHECK(!f->setup.hint_wait_on_ack || f->hostile || f->hinted[index] == 1 ||
              f->dev.status == 0); /* the buffer was used, or the device forgot it */
        /* BD-32: only DONE spares the OS the writing. */
        CHECK(initialise || f->hint_read == BNT_BALLOON_HINT_DONE);
        f->owned[index] = 0;
        f->hinted[index] = 0;
        f->stack[f->free_count++] = (uint32_t)index;
    }
    f->hinted_count -= count < f->hinted_count ? count : f->hinted_count;
    f->hinted_early += initialise ? count : 0;
}

static void fake_on_hint(void *opaque, const struct bnt_guest_hint *hint)
{
    struct fake *f = opaque;
    for (uint64_t i = 0; i < hint->pfns >> f->setup.page_order; i++) {
        const uint64_t index = fake_index(f, hint->first_pfn) + i;
        CHECK(f->hinted[index] == 1);
        f->hinted[index] = 2;
    }
}

static bool fake_pages_alloc_sleep(void *opaque, uint32_t count)
{
    struct fake *f = opaque;
    CHECK(f->sleep_asked == 0 && count > 0);
    f->sleep_asked = count;
    if (f->oom_in_sleep > 0) {
        const uint64_t pfns = f->oom_in_sleep;
        f->oom_in_sleep = 0;
        f->oom_status = bnt_guest_handle_oom(f->guest, f->now_ns, pfns, &f->oom_result);
    }
    return true;
}

static bool fake_pages_alloc_cancel(void *opaque)
{
    struct fake *f = opaque;
    CHECK(f->sleep_asked > 0);
    f->sleep_cancelled++;
    if (f->sleep_cancels) {
        f->sleep_asked = 0;
    }
    return f->sleep_cancels;
}

void fake_sleep_done(struct fake *f, uint32_t pages)
{
    uint64_t list[BNT_BALLOON_REQUEST_PFNS_MAX];
    CHECK(pages <= f->sleep_asked && pages <= f->free_count);
    for (uint32_t i = 0; i < pages; i++) {
        const uint32_t index = f->stack[--f->free_count];
        f->owned[index] = 1;
        list[i] = fake_page(f, index);
    }
    f->sleep_asked = 0;
    CHECK(bnt_guest_handle_alloc_done(f->guest, f->now_ns, list, pages) == BNT_OK);
    fake_audit(f);
}

static bool fake_in_ledger(const struct fake *f, uint64_t page)
{
    for (uint32_t k = 0; k < 1u << f->setup.page_order; k++) {
        if (f->ledger[page - f->first_pfn + k]) {
            return true;
        }
    }
    return false;
}

void fake_page_back(struct fake *f, uint64_t index)
{
    CHECK(f->owned[index] == 1);
    CHECK(!f->setup.init_on_free || f->clean[index] == 1);
    f->clean[index] = 0;
    f->owned[index] = 0;
    f->given_back++;
    f->stack[f->free_count++] = (uint32_t)index;
}

static void fake_pages_free(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    CHECK(count > 0 && count <= 256);
    if (f->reenter) {
        struct bnt_guest_oom_result result;
        uint64_t deadline = 0;
        uint64_t freed = 0;
        CHECK(bnt_guest_step(f->guest, f->now_ns, 1, &deadline) == BNT_E_REENTRANT);
        CHECK(bnt_guest_handle_oom(f->guest, f->now_ns, 1, &result) == BNT_E_REENTRANT);
        CHECK(bnt_guest_reclaim_hinted_pages(f->guest, f->now_ns, 1, &freed) == BNT_E_REENTRANT);
        CHECK(bnt_guest_attach(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_detach(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_detach_orderly(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_handle_unplug(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_deflate_all(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_target_follow(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_page_migrate(f->guest, f->now_ns, pages[0], pages[0], false) ==
              BNT_E_REENTRANT);
        CHECK(bnt_guest_handle_alloc_done(f->guest, f->now_ns, pages, 0) == BNT_E_REENTRANT);
        CHECK(bnt_guest_queue_reset(f->guest, f->now_ns, 0) == BNT_E_REENTRANT);
        CHECK(bnt_guest_suspend(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_resume(f->guest, f->now_ns) == BNT_E_REENTRANT);
        CHECK(bnt_guest_limit_set(f->guest, 5) == BNT_E_REENTRANT);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = fake_index(f, pages[i]);
        CHECK(pages[i] >= f->first_pfn && index < f->setup.pages);
        CHECK(f->owned[index] == 1);   /* given back once only */
        CHECK(f->whole[index] == 0);   /* a block goes back whole, or is split first */
        CHECK(f->exposed[index] != 1); /* never while the device may take it (BD-12) */
        const bool at_once = f->exposed[index] == 2;
        if (!at_once && !f->hostile && !f->setup.plain_state) {
            CHECK(!fake_in_ledger(f, pages[i])); /* the device let go of it (BD-10) */
        }
        fake_page_back(f, index);
        f->freed[f->freed_count++ % 64] = pages[i];
    }
}

static void fake_pages_fill(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value)
{
    struct fake *f = opaque;
    CHECK(count > 0 && count <= 256 && value == f->setup.poison_val);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = fake_index(f, pages[i]);
        CHECK(index < f->setup.pages && f->owned[index] == 1);
        f->clean[index] = 1;
    }
    f->filled += count;
}

static void fake_ws_get(void *opaque, const struct bnt_ws_config *config, struct bnt_ws_bin *bins,
                        uint32_t count)
{
    struct fake *f = opaque;
    f->ws_config = *config;
    for (uint32_t i = 0; i < count; i++) {
        bins[i].age_ms = 1000 + i;
        bins[i].anon_bytes = 4096 * i;
        bins[i].file_bytes = 8192 * i;
    }
}

static void fake_pages_initialised(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(f->owned[fake_index(f, pages[i])] == 1);
        f->clean[fake_index(f, pages[i])] = 1;
    }
    f->initialised += count;
}

static void fake_links_push(void *opaque, uint64_t head, const uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    uint32_t below = head == BNT_NEVER ? UINT32_MAX : (uint32_t)fake_index(f, head);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t index = (uint32_t)fake_index(f, pages[i]);
        f->links[index] = below;
        below = index;
    }
}

static bool fake_links_remove(void *opaque, uint64_t *head, uint64_t page)
{
    struct fake *f = opaque;
    uint32_t above = UINT32_MAX;
    uint32_t at = *head == BNT_NEVER ? UINT32_MAX : (uint32_t)fake_index(f, *head);
    while (at != UINT32_MAX && fake_page(f, at) != page) {
        above = at;
        at = f->links[at];
    }
    if (at == UINT32_MAX) {
        return false;
    }
    if (above != UINT32_MAX) {
        f->links[above] = f->links[at];
    } else {
        *head = f->links[at] == UINT32_MAX ? BNT_NEVER : fake_page(f, f->links[at]);
    }
    return true;
}

static uint64_t fake_links_pop(void *opaque, uint64_t head, uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(head != BNT_NEVER);
        pages[i] = head;
        const uint32_t below = f->links[fake_index(f, head)];
        head = below == UINT32_MAX ? BNT_NEVER : fake_page(f, below);
    }
    return head;
}

static uint32_t fake_stats_get(void *opaque, struct bnt_stat *stats, uint32_t count)
{
    const struct fake *f = opaque;
    CHECK(count == BNT_STATS_MAX);
    for (uint32_t i = 0; i < f->stats_tags; i++) {
        stats[i].tag = (uint16_t)i;
        stats[i].value = f->now_ns + i;
    }
    return f->stats_tags;
}

static void fake_event(void *opaque, const struct bnt_guest_event *event)
{
    struct fake *f = opaque;
    CHECK(event->kind < BNT_GUEST_EVENT_COUNT);
    f->last[event->kind] = *event;
    f->events[event->kind]++;
}

static void fake_request(void *opaque, const struct bnt_guest_request *request)
{
    struct fake *f = opaque;
    f->requests += !request->complete;
    const bool at_once = request->oom && !(f->dev.accepted & BNT_BALLOON_F_MUST_TELL_HOST);
    const uint8_t exposed = request->inflate ? 1 : at_once ? 2 : 0;
    const uint32_t names = request->page_order == f->setup.page_order ? request->page_order : 0;
    CHECK(request->page_count > 0 && request->page_count << names <= BNT_GUEST_REQUEST_PFNS_MAX);
    const uint64_t each = fake_pages_of(f, request->page_order);
    for (uint64_t i = 0; i < request->page_count * each; i++) {
        const uint64_t index = fake_index(f, request->pages[i / each]) + i % each;
        const bool again =
            request->repeats_unknown && at_once; /* given back when it was told first */
        CHECK(request->complete || again || f->owned[index] == 1);
        CHECK(f->exposed[index] == (request->complete ? exposed : 0));
        f->exposed[index] = request->complete ? 0 : exposed;
    }
}

static void fake_relax(void *opaque)
{
    ((struct fake *)opaque)->relaxed++;
}

const struct bnt_guest_ops fake_os_ops = {
    .size = sizeof fake_os_ops,
    .pages.alloc = fake_pages_alloc,
    .sleeping.alloc = fake_pages_alloc_sleep,
    .sleeping.cancel = fake_pages_alloc_cancel,
    .pages.free = fake_pages_free,
    .links.push = fake_links_push,
    .links.pop = fake_links_pop,
    .links.remove = fake_links_remove,
    .statistics.get = fake_stats_get,
    .event = fake_event,
    .request = fake_request,
    .oom.relax = fake_relax,
    .poison.fill = fake_pages_fill,
    .working_set.get = fake_ws_get,
    .device_init.initialised = fake_pages_initialised,
    .reporting.take = fake_report_take,
    .reporting.done = fake_report_done,
    .hinting.alloc = fake_block_alloc,
    .hinting.free = fake_hinted_free,
    .hinting.observe = fake_on_hint,
};
