/*
 * The fake OS's and the scripted device's part in free page reporting: blocks leave the free stack,
 * are with the device, and come back only once it let go of them. Each page's way is checked.
 */
#include "tests/support/fake_device.h"

static uint32_t report_order(const struct fake *f)
{
    if (f->setup.report_order_set) {
        return f->setup.report_order;
    }
    return f->setup.page_order < 9 ? 9 - f->setup.page_order : 0;
}

/* Whether the whole block is free and some of it was not reported since it became free. */
static bool block_reportable(const struct fake *f, uint64_t index, uint64_t pages)
{
    bool fresh = false;
    for (uint64_t i = index; i < index + pages; i++) {
        if (f->owned[i] != 0) {
            return false;
        }
        fresh = fresh || f->reported[i] == 0;
    }
    return fresh;
}

uint32_t fake_report_take(void *opaque, uint64_t *blocks, uint32_t count)
{
    struct fake *f = opaque;
    const uint64_t pages = UINT64_C(1) << report_order(f);
    uint32_t taken = 0;
    f->report_takes++;
    CHECK(f->reporting == 0); /* one report at a time */
    for (uint64_t at = 0; at + pages <= f->setup.pages && taken < count; at += pages) {
        if (!block_reportable(f, at, pages)) {
            continue;
        }
        for (uint64_t i = at; i < at + pages; i++) {
            f->owned[i] = 1;
            f->reported[i] = 1;
        }
        blocks[taken++] = f->first_pfn + (at << f->setup.page_order);
    }
    f->reporting = taken * pages;
    fake_stack_sift(f);
    return taken;
}

void fake_report_done(void *opaque, const uint64_t *blocks, uint32_t count, bnt_guest_reported how)
{
    struct fake *f = opaque;
    const uint64_t pages = UINT64_C(1) << report_order(f);
    CHECK(count > 0 && count * pages <= f->reporting);
    f->reporting -= count * pages;
    f->blocks_init += how == BNT_GUEST_REPORTED_INIT ? count : 0;
    for (uint32_t b = 0; b < count; b++) {
        const uint64_t at = (blocks[b] - f->first_pfn) >> f->setup.page_order;
        for (uint64_t i = at; i < at + pages; i++) {
            CHECK(f->owned[i] == 1);
            CHECK(f->hostile || f->reported[i] == 2); /* the device let go of it (BD-39) */
            f->owned[i] = 0;
            f->reported[i] = how == BNT_GUEST_REPORTED_VOID ? 0 : 4;
            f->stack[f->free_count++] = (uint32_t)i;
        }
    }
}

uint32_t fake_report_serve(struct fake *f, const struct bnt_vq_chain *chain)
{
    const uint64_t pages = UINT64_C(1) << report_order(f);
    CHECK(chain->readable_count == 0 && chain->writable_count > 0);
    if (chain->writable_count > f->report_chain_max) {
        f->report_chain_max = chain->writable_count;
    }
    for (uint32_t s = 0; s < chain->writable_count; s++) {
        const uint64_t pfn = chain->segs[s].gpa >> BNT_PFN_SHIFT;
        const uint64_t at = (pfn - f->first_pfn) >> f->setup.page_order;
        CHECK(pfn >= f->first_pfn && at + pages <= f->setup.pages);
        CHECK(chain->segs[s].bytes == pages << f->setup.page_order << BNT_PFN_SHIFT);
        for (uint64_t i = at; i < at + pages; i++) {
            CHECK(f->hostile || f->reported[i] == 1);
            f->reported[i] = 2;
        }
        f->report_pfns += pages << f->setup.page_order;
    }
    return f->len_more;
}
