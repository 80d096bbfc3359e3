/* The fake OS around a guest core on VMware's wire; see the header. */
#include "tests/support/fake_vmware.h"

#include <string.h>

static uint32_t take(struct fvm *f, uint64_t *pages, uint32_t count)
{
    uint32_t got = 0;
    while (got < count && f->free_count > 0) {
        const uint32_t index = f->stack[--f->free_count];
        CHECK(f->owned[index] == 0);
        f->owned[index] = 1;
        pages[got++] = FVM_FIRST(f) + index;
    }
    return got;
}

static bool links_remove(void *opaque, uint64_t *head, uint64_t page)
{
    struct fvm *f = opaque;
    uint64_t *at = head;
    while (*at != BNT_NEVER && *at != page) {
        at = &f->links[FVM_INDEX(f, *at)];
    }
    if (*at == BNT_NEVER) {
        return false;
    }
    *at = f->links[FVM_INDEX(f, page)];
    return true;
}

static uint32_t pages_alloc(void *opaque, uint64_t *pages, uint32_t count)
{
    struct fvm *f = opaque;
    f->alloc_calls++;
    if (f->oom_in_alloc > 0) {
        struct bnt_guest_oom_result result;
        const uint64_t pfns = f->oom_in_alloc;
        f->oom_in_alloc = 0;
        const bnt_status status = bnt_guest_handle_oom(f->guest, f->now_ns, pfns, &result);
        const bool shrinks = !(f->config.vmware.quirks & BNT_GUEST_VMWARE_QUIRK_NO_SHRINK);
        CHECK(status == (shrinks ? BNT_OK : BNT_E_UNSUPPORTED));
    }
    const uint32_t most = f->alloc_limit < count ? (uint32_t)f->alloc_limit : count;
    const uint32_t got = take(f, pages, most);
    f->alloc_limit -= f->alloc_limit != UINT64_MAX ? got : 0;
    f->alloc_pages += got;
    return got;
}

static void pages_fill(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value)
{
    struct fvm *f = opaque;
    CHECK(count > 0 && count <= 256 && value == f->config.poison.val);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(FVM_INDEX(f, pages[i]) < f->pages && f->owned[FVM_INDEX(f, pages[i])] == 1);
        f->clean[FVM_INDEX(f, pages[i])] = 1;
    }
}

/* A page goes back: once, and with what the OS expects in it (BD-34). */
static void page_back(struct fvm *f, uint64_t index)
{
    CHECK(f->owned[index] == 1);
    CHECK(!f->config.poison.init_on_free || f->clean[index] == 1);
    f->clean[index] = 0;
    f->owned[index] = 0;
    f->disowned_pages -= f->disowned[index];
    f->disowned[index] = 0;
    f->stack[f->free_count++] = (uint32_t)index;
}

static void pages_free(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct fvm *f = opaque;
    CHECK(count > 0 && count <= 256);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = FVM_INDEX(f, pages[i]);
        CHECK(index < f->pages && f->owned[index] == 1);    /* given back once */
        CHECK(f->whole[index] == 0);                        /* a block goes back as one */
        CHECK(!f->locked[index] || f->reset || f->hostile); /* the host let go of it */
        page_back(f, index);
    }
    f->freed_pages += count;
}

static void links_push(void *opaque, uint64_t head, const uint64_t *pages, uint32_t count)
{
    struct fvm *f = opaque;
    for (uint32_t i = 0; i < count; i++) {
        f->links[FVM_INDEX(f, pages[i])] = head;
        head = pages[i];
    }
}

static uint64_t links_pop(void *opaque, uint64_t head, uint64_t *pages, uint32_t count)
{
    struct fvm *f = opaque;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(head != BNT_NEVER);
        pages[i] = head;
        head = f->links[FVM_INDEX(f, head)];
    }
    return head;
}

/* The lowest free aligned block; false if there is none. */
static bool block_take(struct fvm *f, uint64_t *page)
{
    const uint64_t skew =
        (BNT_VMWARE_2M_PFNS - FVM_FIRST(f) % BNT_VMWARE_2M_PFNS) % BNT_VMWARE_2M_PFNS;
    for (uint64_t first = skew; first + BNT_VMWARE_2M_PFNS <= f->pages;
         first += BNT_VMWARE_2M_PFNS) {
        uint64_t free_pages = 0;
        while (free_pages < BNT_VMWARE_2M_PFNS && f->owned[first + free_pages] == 0) {
            free_pages++;
        }
        if (free_pages < BNT_VMWARE_2M_PFNS) {
            continue;
        }
        uint64_t left = 0;
        for (uint64_t i = 0; i < f->free_count; i++) {
            if (f->stack[i] < first || f->stack[i] >= first + BNT_VMWARE_2M_PFNS) {
                f->stack[left++] = f->stack[i];
            }
        }
        CHECK(left + BNT_VMWARE_2M_PFNS == f->free_count);
        f->free_count = left;
        memset(f->owned + first, 1, BNT_VMWARE_2M_PFNS);
        f->whole[first] = 1;
        *page = FVM_FIRST(f) + first;
        return true;
    }
    return false;
}

static uint32_t huge_alloc(void *opaque, uint64_t *pages, uint32_t count)
{
    struct fvm *f = opaque;
    uint32_t got = 0;
    while (got < count && f->huge_limit > 0 && block_take(f, &pages[got])) {
        got++;
        f->huge_limit -= f->huge_limit != UINT64_MAX;
    }
    f->huge_allocs += got;
    return got;
}

static void huge_free(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct fvm *f = opaque;
    CHECK(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t first = FVM_INDEX(f, pages[i]);
        CHECK(first < f->pages && f->whole[first] == 1);
        f->whole[first] = 0;
        for (uint64_t k = first; k < first + BNT_VMWARE_2M_PFNS; k++) {
            CHECK(!f->locked[k] || f->reset || f->hostile);
            page_back(f, k);
        }
    }
    f->freed_pages += (uint64_t)count << BNT_VMWARE_2M_ORDER;
}

static void huge_split(void *opaque, uint64_t page)
{
    struct fvm *f = opaque;
    CHECK(f->whole[FVM_INDEX(f, page)] == 1);
    f->whole[FVM_INDEX(f, page)] = 0;
    f->huge_splits++;
}

static bool pages_alloc_sleep(void *opaque, uint32_t count)
{
    struct fvm *f = opaque;
    CHECK(f->sleep_asked == 0 && count > 0);
    if (f->sleep_refused) {
        return false;
    }
    f->sleep_asked = count;
    return true;
}

static bool pages_alloc_cancel(void *opaque)
{
    struct fvm *f = opaque;
    CHECK(f->sleep_asked > 0);
    f->sleep_cancelled++;
    if (f->sleep_cancels) {
        f->sleep_asked = 0;
    }
    return f->sleep_cancels;
}

static bool doorbell_open(void *opaque, uint32_t *context, uint32_t *resource)
{
    struct fvm *f = opaque;
    if (f->doorbell_there) {
        f->doorbell_opens++;
        *context = 7;
        *resource = 9;
    }
    return f->doorbell_there;
}

static void doorbell_close(void *opaque)
{
    struct fvm *f = opaque;
    f->doorbell_closes++;
    f->doorbell_rings = false;
}

static void event(void *opaque, const struct bnt_guest_event *told)
{
    struct fvm *f = opaque;
    f->last[told->kind] = *told;
    f->events[told->kind]++;
    if (told->kind == BNT_GUEST_EVENT_FORCED) { /* from here on the host counts as wrong */
        CHECK(told->value == f->locked_pages + f->disowned_pages || f->hostile);
        memset(f->locked, 0, f->pages);
        f->locked_pages = 0;
    }
}

bnt_status fvm_sleep_done(struct fvm *f, uint32_t pages)
{
    uint64_t list[BNT_VMWARE_BATCH_MAX];
    CHECK(f->sleep_asked > 0 && pages <= BNT_VMWARE_BATCH_MAX);
    const uint32_t got = take(f, list, pages);
    CHECK(got == pages);
    f->sleep_asked = 0;
    f->sleep_pages += got;
    const bnt_status status = bnt_guest_handle_alloc_done(f->guest, f->now_ns, list, got);
    if (f->checked) {
        fvm_audit(f);
    }
    return status;
}

struct bnt_guest_ops fvm_os_ops(const struct fvm *f)
{
    return (struct bnt_guest_ops){
        .size = sizeof(struct bnt_guest_ops),
        .pages.alloc = pages_alloc,
        .pages.free = pages_free,
        .poison.fill = pages_fill,
        .links.push = links_push,
        .links.pop = links_pop,
        .links.remove = links_remove,
        .event = event,
        .sleeping.alloc = f->config.sizing.sleeping == BNT_GUEST_OFF ? NULL : pages_alloc_sleep,
        .sleeping.cancel = pages_alloc_cancel,
        .huge.alloc = f->huge ? huge_alloc : NULL,
        .huge.free = f->huge ? huge_free : NULL,
        .huge.split = f->huge ? huge_split : NULL,
        .vmware.doorbell_open = f->no_doorbell ? NULL : doorbell_open,
        .vmware.doorbell_close = f->no_doorbell || f->doorbell_kept ? NULL : doorbell_close,
    };
}
