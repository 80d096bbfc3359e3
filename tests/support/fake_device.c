/*
 * The scripted device and the fake OS: see the header. Nothing here is a model of good behaviour
 * beyond what a test asks for.
 */
#include "tests/support/fake_device.h"

#include <string.h>

/* ---- The OS -------------------------------------------------------------------------------- */

static uint64_t fake_index(const struct fake *f, uint64_t page)
{
    return (page - f->first_pfn) >> f->setup.page_order;
}

static uint64_t fake_page(const struct fake *f, uint64_t index)
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
        f->oom_status = bnt_guest_oom(f->guest, f->now_ns, pfns, &f->oom_result);
    }
    uint32_t got = 0;
    while (got < count && f->free_count > 0 && f->alloc_limit > 0) {
        const uint32_t index = f->stack[--f->free_count];
        FAKE_CHECK(f->owned[index] == 0);
        f->owned[index] = 1;
        f->reported[index] = 0; /* what is used is to be reported anew */
        pages[got++] = fake_page(f, index);
        f->alloc_limit -= f->alloc_limit != UINT64_MAX;
    }
    return got;
}

/* The lowest free aligned block. */
static bool fake_block_alloc(void *opaque, uint32_t pfns, uint64_t *first_pfn)
{
    struct fake *f = opaque;
    const uint64_t pages = pfns >> f->setup.page_order;
    f->block_calls++;
    if (f->shrink_in_block) {
        uint64_t freed = 0;
        FAKE_CHECK(bnt_guest_shrink(f->guest, f->now_ns, 1, &freed) == BNT_E_REENTRANT);
    }
    if (f->block_bad != 0) {
        *first_pfn = f->block_bad;
        f->block_bad = 0;
        return true;
    }
    for (uint64_t first = 0; first + pages <= f->setup.pages; first += pages) {
        uint64_t free_pages = 0;
        while (free_pages < pages && f->owned[first + free_pages] == 0) {
            free_pages++;
        }
        if (free_pages < pages) {
            continue;
        }
        uint64_t kept = 0;
        for (uint64_t i = 0; i < f->free_count; i++) {
            if (f->stack[i] < first || f->stack[i] >= first + pages) {
                f->stack[kept++] = f->stack[i];
            }
        }
        FAKE_CHECK(kept + pages == f->free_count);
        f->free_count = kept;
        memset(f->owned + first, 1, pages);
        memset(f->hinted + first, 1, pages);
        f->hinted_count += pages;
        *first_pfn = fake_page(f, first);
        return true;
    }
    return false;
}

static void fake_hinted_free(void *opaque, const uint64_t *pages, uint32_t count, bool initialise)
{
    struct fake *f = opaque;
    FAKE_CHECK(count > 0 && count <= 256);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = fake_index(f, pages[i]);
        if (index >= f->setup.pages) {
            continue; /* what block_bad gave out */
        }
        FAKE_CHECK(f->owned[index] == 1 && f->hinted[index] != 0);
        FAKE_CHECK(!f->setup.hint_wait_on_ack || f->hostile || f->hinted[index] == 1 ||
                   f->dev.status == 0); /* the buffer was used, or the device forgot it */
        /* BD-32: only DONE spares the OS the writing. */
        FAKE_CHECK(initialise || f->hint_read == BNT_BALLOON_HINT_DONE);
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
        FAKE_CHECK(f->hinted[index] == 1);
        f->hinted[index] = 2;
    }
}

static bool fake_pages_alloc_sleep(void *opaque, uint32_t count)
{
    struct fake *f = opaque;
    FAKE_CHECK(f->sleep_asked == 0 && count > 0);
    f->sleep_asked = count;
    if (f->oom_in_sleep > 0) {
        const uint64_t pfns = f->oom_in_sleep;
        f->oom_in_sleep = 0;
        f->oom_status = bnt_guest_oom(f->guest, f->now_ns, pfns, &f->oom_result);
    }
    return true;
}

static bool fake_pages_alloc_cancel(void *opaque)
{
    struct fake *f = opaque;
    FAKE_CHECK(f->sleep_asked > 0);
    f->sleep_cancelled++;
    if (f->sleep_cancels) {
        f->sleep_asked = 0;
    }
    return f->sleep_cancels;
}

void fake_sleep_done(struct fake *f, uint32_t pages)
{
    uint64_t list[BNT_BALLOON_REQUEST_PFNS_MAX];
    FAKE_CHECK(pages <= f->sleep_asked && pages <= f->free_count);
    for (uint32_t i = 0; i < pages; i++) {
        const uint32_t index = f->stack[--f->free_count];
        f->owned[index] = 1;
        list[i] = fake_page(f, index);
    }
    f->sleep_asked = 0;
    FAKE_CHECK(bnt_guest_alloc_done(f->guest, f->now_ns, list, pages) == BNT_OK);
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
    FAKE_CHECK(f->owned[index] == 1);
    FAKE_CHECK(!f->setup.init_on_free || f->clean[index] == 1);
    f->clean[index] = 0;
    f->owned[index] = 0;
    f->given_back++;
    f->stack[f->free_count++] = (uint32_t)index;
}

static void fake_pages_free(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    FAKE_CHECK(count > 0 && count <= 256);
    if (f->reenter) {
        struct bnt_guest_oom_result result;
        uint64_t deadline = 0;
        uint64_t freed = 0;
        FAKE_CHECK(bnt_guest_step(f->guest, f->now_ns, 1, &deadline) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_oom(f->guest, f->now_ns, 1, &result) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_shrink(f->guest, f->now_ns, 1, &freed) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_attach(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_detach(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_detach_orderly(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_unplugged(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_deflate_all(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_target_follow(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_page_migrate(f->guest, f->now_ns, pages[0], pages[0], false) ==
                   BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_alloc_done(f->guest, f->now_ns, pages, 0) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_queue_reset(f->guest, f->now_ns, 0) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_suspend(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_resume(f->guest, f->now_ns) == BNT_E_REENTRANT);
        FAKE_CHECK(bnt_guest_limit_set(f->guest, 5) == BNT_E_REENTRANT);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = fake_index(f, pages[i]);
        FAKE_CHECK(pages[i] >= f->first_pfn && index < f->setup.pages);
        FAKE_CHECK(f->owned[index] == 1);   /* given back once only */
        FAKE_CHECK(f->whole[index] == 0);   /* a block goes back whole, or is split first */
        FAKE_CHECK(f->exposed[index] != 1); /* never while the device may take it (BD-12) */
        const bool at_once = f->exposed[index] == 2;
        if (!at_once && !f->hostile && !f->setup.plain_state) {
            FAKE_CHECK(!fake_in_ledger(f, pages[i])); /* the device let go of it (BD-10) */
        }
        fake_page_back(f, index);
        f->freed[f->freed_count++ % 64] = pages[i];
    }
}

static void fake_pages_fill(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value)
{
    struct fake *f = opaque;
    FAKE_CHECK(count > 0 && count <= 256 && value == f->setup.poison_val);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = fake_index(f, pages[i]);
        FAKE_CHECK(index < f->setup.pages && f->owned[index] == 1);
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
        FAKE_CHECK(f->owned[fake_index(f, pages[i])] == 1);
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
        FAKE_CHECK(head != BNT_NEVER);
        pages[i] = head;
        const uint32_t below = f->links[fake_index(f, head)];
        head = below == UINT32_MAX ? BNT_NEVER : fake_page(f, below);
    }
    return head;
}

static uint32_t fake_stats_get(void *opaque, struct bnt_stat *stats, uint32_t count)
{
    const struct fake *f = opaque;
    FAKE_CHECK(count == BNT_STATS_MAX);
    for (uint32_t i = 0; i < f->stats_tags; i++) {
        stats[i].tag = (uint16_t)i;
        stats[i].value = f->now_ns + i;
    }
    return f->stats_tags;
}

static void fake_event(void *opaque, const struct bnt_guest_event *event)
{
    struct fake *f = opaque;
    FAKE_CHECK(event->kind < BNT_GUEST_EVENT_COUNT);
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
    FAKE_CHECK(request->page_count > 0 &&
               request->page_count << names <= BNT_GUEST_REQUEST_PFNS_MAX);
    const uint64_t each = fake_pages_of(f, request->page_order);
    for (uint64_t i = 0; i < request->page_count * each; i++) {
        const uint64_t index = fake_index(f, request->pages[i / each]) + i % each;
        const bool again = request->again && at_once; /* given back when it was told first */
        FAKE_CHECK(request->complete || again || f->owned[index] == 1);
        FAKE_CHECK(f->exposed[index] == (request->complete ? exposed : 0));
        f->exposed[index] = request->complete ? 0 : exposed;
    }
}

static void fake_relax(void *opaque)
{
    ((struct fake *)opaque)->relaxed++;
}

/* ---- Guest memory and registers ------------------------------------------------------------ */

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
    FAKE_CHECK(bnt_dev_features_write(&f->dev, features) == BNT_OK);
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
    FAKE_CHECK(bnt_dev_status_write(&f->dev, status, &action, &diag) == BNT_OK);
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
    FAKE_CHECK(bytes == 4);
    uint32_t value = 0;
    switch (offset) {
    case BNT_BALLOON_CONFIG_NUM_PAGES:
        value = f->num_pages;
        break;
    case BNT_BALLOON_CONFIG_ACTUAL:
        value = f->actual;
        break;
    case BNT_BALLOON_CONFIG_HINT_CMD_ID:
        FAKE_CHECK(f->dev.accepted & BNT_BALLOON_F_FREE_PAGE_HINT); /* VG-18 */
        value = f->hint_command;
        f->hint_read = value;
        break;
    case BNT_BALLOON_CONFIG_WS_NUM_BINS:
        FAKE_CHECK((f->dev.accepted & FAKE_WS) != 0);
        value = f->ws_bins;
        break;
    case BNT_BALLOON_CONFIG_EPOCH:
        FAKE_CHECK(f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_RESET); /* VG-18 */
        value = f->epoch;
        break;
    default:
        FAKE_CHECK(offset == UINT32_MAX); /* a field that this guest has no business with */
    }
    const bnt_le32 wire = bnt_le32_set(value);
    memcpy(dst, &wire, bytes);
}

static void fake_config_write(void *opaque, uint32_t offset, const void *src, uint32_t bytes)
{
    struct fake *f = opaque;
    bnt_le32 wire;
    FAKE_CHECK(bytes == sizeof wire);
    FAKE_CHECK(bnt_dev_agreed(&f->dev)); /* VG-23 */
    memcpy(&wire, src, sizeof wire);
    f->config_writes++;
    if (offset == BNT_BALLOON_CONFIG_ACTUAL) {
        f->actual = bnt_le32_get(wire);
        f->actual_writes++;
    } else if (offset == BNT_BALLOON_CONFIG_POISON_VAL) {
        FAKE_CHECK((f->dev.accepted & BNT_BALLOON_F_PAGE_POISON) != 0 && f->setup.init_on_free);
        FAKE_CHECK((f->dev.status & BNT_DEVICE_STATUS_DRIVER_OK) == 0); /* BD-35, BD-36 */
        f->poison_val = bnt_le32_get(wire);
        f->poison_writes++;
    } else if (offset == BNT_BALLOON_CONFIG_GUEST_LIMIT) {
        FAKE_CHECK((f->dev.accepted & FAKE_LIMIT) != 0);
        f->limit = bnt_le32_get(wire);
        f->limit_writes++;
        f->limit_early += (f->dev.status & BNT_DEVICE_STATUS_DRIVER_OK) == 0;
    } else {
        FAKE_CHECK(offset == BNT_BALLOON_CONFIG_EPOCH_ACK);
        f->epoch_ack = bnt_le32_get(wire);
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
    FAKE_CHECK(queue < FAKE_QUEUES && size <= f->queue_max[queue]);
    if (bnt_dev_legacy_begin(&f->dev)) {
        FAKE_CHECK(bnt_vq_dev_init_legacy(&f->vq[queue], &f->mem, queue, size, desc_gpa, avail_gpa,
                                          used_gpa, f->dev.accepted, fake_big(f), &diag) == BNT_OK);
        return;
    }
    FAKE_CHECK(bnt_vq_dev_init(&f->vq[queue], &f->mem, queue, size, desc_gpa, avail_gpa, used_gpa,
                               f->dev.accepted, &diag) == BNT_OK);
}

/* Whatever the device had of the queue it neither answers nor looks at any more. */
static void fake_queue_reset(void *opaque, uint16_t queue)
{
    struct fake *f = opaque;
    if (f->no_reset_register) {
        return;
    }
    FAKE_CHECK(queue < FAKE_QUEUES && f->vq[queue].size != 0);
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
    FAKE_CHECK(queue < FAKE_QUEUES && f->vq[queue].size != 0);
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

/* ---- Serving ------------------------------------------------------------------------------- */

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
    FAKE_CHECK(f->hostile || chain->writable_bytes == (count + 7) / 8);
    for (uint32_t i = 0; i < count; i++) {
        bnt_le32 wire;
        memcpy(&wire, in + 4 * i, sizeof wire);
        (void)fake_verdict(f, true, bnt_le32_get(wire), f->epoch);
    }
    memset(out, f->init_byte, sizeof out);
    FAKE_CHECK(bnt_vq_chain_write(chain, &f->mem, 0, out, (count + 7) / 8) == BNT_OK || f->hostile);
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
    FAKE_CHECK(chain->readable_bytes > skip &&
               chain->readable_bytes <= skip + 4 * BNT_GUEST_REQUEST_PFNS_MAX);
    FAKE_CHECK(bnt_vq_chain_read(chain, &f->mem, 0, in, (uint32_t)chain->readable_bytes) == BNT_OK);
    const uint32_t count = (uint32_t)(chain->readable_bytes - skip) / 4;
    const bool resets = (f->dev.accepted & UINT64_C(1) << BNT_BALLOON_BIT_RESET) != 0;
    if (inflate && (f->dev.accepted & FAKE_ON_INFLATE) != 0) {
        return fake_bitmap(f, chain, in, count);
    }
    if (f->hostile && chain->writable_bytes != (verdicts ? 8 + count : 0)) {
        return 0;
    }
    FAKE_CHECK(count * 4 + skip == chain->readable_bytes);
    FAKE_CHECK(chain->writable_bytes == (verdicts ? 8 + count : 0)); /* BX-4 */
    struct bnt_balloon_request header = {0};
    memcpy(&header, in, skip);
    const bool units = bnt_le32_get(header.flags) == BNT_BALLOON_REQUEST_2M;
    FAKE_CHECK(bnt_le32_get(header.flags) <= ((f->dev.accepted & FAKE_HUGE) != 0)); /* BX-23 */
    FAKE_CHECK(!units || count <= BNT_BALLOON_REQUEST_PFNS_MAX);                    /* BX-24 */
    FAKE_CHECK(f->hostile || units || (count & ((1u << f->setup.page_order) - 1)) == 0);
    for (uint32_t i = 0; i < count; i++) {
        bnt_le32 wire;
        memcpy(&wire, in + skip + 4 * i, sizeof wire);
        const uint32_t epoch = verdicts ? bnt_le32_get(header.epoch) : f->epoch;
        const uint32_t pfn = bnt_guest32_get(wire, fake_big(f));
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
    out.header.num_pages = bnt_le32_set(f->num_pages);
    out.header.epoch = bnt_le32_set(resets ? f->epoch : 0);
    if (!f->write_nothing) {
        FAKE_CHECK(bnt_vq_chain_write(chain, &f->mem, 0, &out, 8 + count) == BNT_OK);
    }
    const uint32_t cut = f->len_cut < 8 + count ? f->len_cut : 8 + count;
    return 8 + count - cut + f->len_more;
}

static void fake_interrupt(struct fake *f, uint32_t queue)
{
    bool due = false;
    struct bnt_diag diag = {.size = sizeof diag};
    const bnt_status status = bnt_vq_dev_interrupt_due(&f->vq[queue], &f->mem, &due, &diag);
    FAKE_CHECK(f->hostile || status == BNT_OK);
    if (due && !f->no_interrupts) {
        bnt_guest_interrupt(f->guest, (uint16_t)queue);
    }
}

/* Keeps the statistics buffer, as a device does between two polls. */
static void fake_stats_take(struct fake *f, const struct bnt_vq_chain *chain)
{
    FAKE_CHECK(f->hostile || !f->stats_held); /* at most one (BD-16) */
    FAKE_CHECK(chain->writable_bytes == 0 && chain->readable_bytes <= sizeof f->stats);
    f->stats_held = true;
    f->stats_head = chain->head;
    f->stats_bytes = (uint32_t)chain->readable_bytes;
    FAKE_CHECK(bnt_vq_chain_read(chain, &f->mem, 0, f->stats, f->stats_bytes) == BNT_OK);
}

/* Commands are exactly 4 bytes (BD-24), pages are single writable segments of whole pages. */
static void fake_hint_take(struct fake *f, const struct bnt_vq_chain *chain)
{
    if (f->hostile && (chain->readable_bytes > 4 || chain->writable_count > 1)) {
        return;
    }
    if (chain->readable_bytes > 0) {
        bnt_le32 wire;
        FAKE_CHECK(chain->readable_bytes == sizeof wire && chain->writable_bytes == 0);
        FAKE_CHECK(bnt_vq_chain_read(chain, &f->mem, 0, &wire, sizeof wire) == BNT_OK);
        f->hint_commands[f->hint_command_count++ % 64] = bnt_le32_get(wire);
        return;
    }
    const uint64_t first = fake_index(f, chain->segs[0].gpa >> BNT_PFN_SHIFT);
    const uint64_t pages = chain->writable_bytes >> BNT_PFN_SHIFT >> f->setup.page_order;
    FAKE_CHECK(chain->writable_count == 1 && first + pages <= f->setup.pages);
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
    FAKE_CHECK(bnt_vq_chain_write(chain, &f->mem, 0, f->ws_command, bytes) == BNT_OK || f->hostile);
    return bytes;
}

uint32_t fake_serve(struct fake *f, uint32_t queue, uint32_t count)
{
    uint32_t served = 0;
    while (served < count && bnt_dev_live(&f->dev) && f->vq[queue].size != 0 &&
           !f->vq[queue].broken) {
        struct bnt_vq_seg segs[BNT_GUEST_REPORT_CAPACITY_MAX];
        struct bnt_vq_chain chain = {.segs = segs, .seg_max = BNT_GUEST_REPORT_CAPACITY_MAX};
        struct bnt_diag diag = {.size = sizeof diag};
        const bnt_status status = bnt_vq_dev_pop(&f->vq[queue], &f->mem, &chain, &diag);
        if (status == BNT_E_AGAIN || (f->hostile && status != BNT_OK)) {
            break;
        }
        FAKE_CHECK(status == BNT_OK);
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
        FAKE_CHECK(f->hostile || pushed == BNT_OK);
        fake_interrupt(f, queue);
    }
    return served;
}

/* ---- The whole ----------------------------------------------------------------------------- */

static const struct bnt_guest_ops fake_ops = {
    .size = sizeof fake_ops,
    .transport =
        {
            .size = sizeof fake_ops.transport,
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
        },
    .pages_alloc = fake_pages_alloc,
    .pages_alloc_sleep = fake_pages_alloc_sleep,
    .pages_alloc_cancel = fake_pages_alloc_cancel,
    .pages_free = fake_pages_free,
    .links_push = fake_links_push,
    .links_pop = fake_links_pop,
    .links_remove = fake_links_remove,
    .stats_get = fake_stats_get,
    .event = fake_event,
    .request = fake_request,
    .relax = fake_relax,
    .pages_fill = fake_pages_fill,
    .ws_get = fake_ws_get,
    .pages_initialised = fake_pages_initialised,
    .report_take = fake_report_take,
    .report_done = fake_report_done,
    .block_alloc = fake_block_alloc,
    .hinted_free = fake_hinted_free,
    .hint = fake_on_hint,
};

static void *fake_zeroed(uint64_t count, size_t bytes)
{
    void *memory = calloc((size_t)count, bytes);
    FAKE_CHECK(memory != NULL);
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
        .page_order = f->setup.page_order,
        .memory_first_pfn = f->first_pfn,
        .memory_pfns = f->setup.pages << f->setup.page_order,
        .features_wanted = f->setup.wanted,
        .features_required = f->setup.required,
        .interface = f->setup.driver,
        .byte_order = f->setup.order,
        .queue_layout = f->setup.queue_layout,
        .queue_layout_preferred = f->setup.queue_layout_preferred,
        .binding = BNT_BALLOON_BINDING_DEFAULT,
        .queue_size_max = f->setup.queue_size_max,
        .request_pfns = f->setup.request_pfns,
        .refused_pages_max = f->setup.refused_pages_max,
        .record = f->setup.record,
        .record_bits = f->bits,
        .poll_ns = f->setup.poll_ns,
        .sleeping = f->setup.sleeping,
        .rates = f->setup.rates,
        .queue_reset_ns = f->setup.queue_reset_ns,
        .recover_tries = f->setup.recover_tries ? f->setup.recover_tries : BNT_GUEST_RECOVER_NEVER,
        .init_on_free = f->setup.init_on_free,
        .poison_val = f->setup.poison_val,
        .init_bits = f->setup.init_bits ? f->init_bits : NULL,
        .report_order_set = f->setup.report_order_set,
        .report_order = f->setup.report_order,
        .report_capacity = f->setup.report_capacity,
        .hint_block_pfns = f->setup.hint_block_pfns,
        .hint_block_pfns_min = f->setup.hint_block_pfns_min,
        .hint_bits = f->hint_bits,
        .hint_wait_on_ack = f->setup.hint_wait_on_ack,
        .huge_over = f->setup.huge_over,
        .record_huge_bits = f->setup.huge_bits ? f->huge_bits : NULL,
        .limit_pfns = f->setup.limit_pfns,
        .quirks = f->setup.quirks,
    };
}

struct bnt_guest_ops fake_ops_of(const struct fake *f)
{
    struct bnt_guest_ops ops = fake_ops;
    fake_huge_ops(f, &ops);
    if (f->setup.bare) {
        ops.transport.queue_reset = NULL;
        ops.transport.queue_reset_read = NULL;
        ops.pages_alloc_sleep = NULL;
        ops.pages_alloc_cancel = NULL;
        ops.links_remove = NULL;
        ops.event = NULL;
        ops.request = NULL;
        ops.relax = NULL;
        ops.pages_fill = NULL;
        ops.ws_get = NULL;
        ops.pages_initialised = NULL;
        ops.hint = NULL;
    }
    return ops;
}

static void fake_guest_init(struct fake *f)
{
    const struct bnt_guest_config config = fake_config(f);
    const struct bnt_guest_ops ops = fake_ops_of(f);
    struct bnt_guest_need need;
    FAKE_CHECK(bnt_guest_footprint(&config, &need) == BNT_OK);
    f->state = fake_zeroed(1, need.state_bytes);
    f->dma_bytes = (need.dma_bytes + 4095) & ~(size_t)4095;
    f->dma = aligned_alloc(4096, f->dma_bytes);
    FAKE_CHECK(f->dma != NULL);
    memset(f->dma, 0xA5, f->dma_bytes);
    const struct bnt_mem_ops mem_ops = {
        .size = sizeof mem_ops, .read = fake_mem_read, .write = fake_mem_write};
    /* The pages have addresses and no bytes: hints name them, nobody reads them. */
    const uint64_t gpa = f->first_pfn << BNT_PFN_SHIFT;
    const uint64_t bytes = config.memory_pfns << BNT_PFN_SHIFT;
    const struct bnt_mem_region regions[] = {{gpa, bytes}, {FAKE_DMA_GPA, f->dma_bytes}};
    const uint32_t skip = gpa + bytes > FAKE_DMA_GPA ? 1 : 0;
    FAKE_CHECK(bnt_mem_init(&f->mem, &mem_ops, f, regions + skip, 2 - skip) == BNT_OK);
    FAKE_CHECK(bnt_guest_init(f->state, need.state_bytes, f->dma, FAKE_DMA_GPA, f->dma_bytes,
                              &config, &ops, f, &f->guest) == BNT_OK);
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
    f->rules = bnt_balloon_rules(&binding);
    FAKE_CHECK(bnt_dev_status_init_as(&f->dev, f->setup.device, f->setup.offered, f->rules.rules,
                                      f->rules.count) == BNT_OK);
    fake_os_init(f);
    fake_guest_init(f);
}

struct bnt_guest_info fake_info(const struct fake *f)
{
    struct bnt_guest_info info = {.size = sizeof info};
    FAKE_CHECK(bnt_guest_info_get(f->guest, &info) == BNT_OK);
    return info;
}

void fake_audit(const struct fake *f)
{
    const struct bnt_guest_info info = fake_info(f);
    const uint32_t order = f->setup.page_order;
    const uint64_t out = (f->setup.pages - f->free_count) << order;
    const uint64_t has = info.ballooned_pfns + info.inflight_inflate_pfns +
                         info.inflight_deflate_pfns + (info.held_pages << order) +
                         (info.kept_pages << order) + info.reporting_pfns + info.migrating_pfns +
                         info.hinted_pfns + info.held_huge_pfns + (info.aside_pages << order);
    FAKE_CHECK(info.reporting_pfns == f->reporting << order);
    FAKE_CHECK(info.hinted_pfns == f->hinted_count << order);
    FAKE_CHECK(out == has); /* no page lost, none in two places */
    FAKE_CHECK(info.inflated_pfns == info.deflated_pfns + info.reset_pfns + info.ballooned_pfns +
                                         (info.kept_pages << order) + info.inflight_deflate_pfns);
    FAKE_CHECK(info.refused_pages == info.returned_pages + info.held_pages);
    FAKE_CHECK(info.held_pages <= (f->setup.refused_pages_max ? f->setup.refused_pages_max : 16));
    if (info.state == BNT_GUEST_DOWN) {
        FAKE_CHECK(out == 0);
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
    FAKE_CHECK(bnt_guest_attach(f->guest, f->now_ns) == BNT_OK);
    FAKE_CHECK(fake_step(f, 1) == BNT_OK);
    FAKE_CHECK(f->kicks_early == 0);
}

uint32_t fake_stats_return(struct fake *f)
{
    struct bnt_diag diag = {.size = sizeof diag};
    if (!f->stats_held) {
        return 0;
    }
    f->stats_held = false;
    FAKE_CHECK(bnt_vq_dev_push(&f->vq[BNT_BALLOON_QUEUE_STATS], &f->mem, f->stats_head, 0, &diag) ==
               BNT_OK);
    fake_interrupt(f, BNT_BALLOON_QUEUE_STATS);
    return 1;
}

uint64_t fake_run(struct fake *f, uint64_t ns)
{
    const uint64_t end = f->now_ns + ns;
    uint64_t steps = 0;
    for (;;) {
        (void)fake_step(f, 64);
        steps++;
        FAKE_CHECK(steps < UINT64_C(1) << 22);
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
        FAKE_CHECK(fake_step(f, 64) == BNT_OK);
        status = fake_info(f).state == BNT_GUEST_DOWN ? BNT_OK : BNT_E_AGAIN;
    }
    FAKE_CHECK(status == BNT_OK);
    FAKE_CHECK(f->free_count == f->setup.pages);
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
