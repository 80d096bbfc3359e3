/*
 * Pages of 2 MiB: the fake OS's part (aligned blocks, given back whole or split first) and the
 * device's (a unit is taken or refused as a whole, BX-24 to BX-27). The rest is fake_device.c's.
 */
#include "tests/support/fake_device.h"

#include <string.h>

#define UNIT BNT_BALLOON_2M_PFNS

uint64_t fake_pages_of(const struct fake *f, uint32_t order)
{
    return UINT64_C(1) << (order - f->setup.page_order);
}

static uint64_t block_pages(const struct fake *f)
{
    return UNIT >> f->setup.page_order;
}

static uint64_t block_index(const struct fake *f, uint64_t page)
{
    CHECK(page >= f->first_pfn && page % UNIT == 0);
    return (page - f->first_pfn) >> f->setup.page_order;
}

static bool block_take(struct fake *f, uint64_t *page)
{
    uint64_t first = 0;
    if (!fake_block_take(f, block_pages(f), &first)) {
        return false;
    }
    f->whole[first] = 1;
    *page = fake_page(f, first);
    return true;
}

static uint32_t huge_alloc(void *opaque, uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    uint32_t got = 0;
    if (f->oom_in_alloc > 0) {
        const uint64_t pfns = f->oom_in_alloc;
        f->oom_in_alloc = 0;
        f->oom_status = bnt_guest_handle_oom(f->guest, f->now_ns, pfns, &f->oom_result);
    }
    while (got < count && f->huge_limit > 0 && block_take(f, &pages[got])) {
        got++;
        f->huge_limit -= f->huge_limit != UINT64_MAX;
    }
    f->huge_allocs += got;
    if (f->huge_odd != 0 && got < count) {
        pages[got++] = f->huge_odd;
    }
    return got;
}

static void huge_free(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct fake *f = opaque;
    CHECK(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        if (f->huge_odd != 0 && pages[i] == f->huge_odd) {
            f->huge_odd = 0; /* what was no block comes back as it was given */
            continue;
        }
        const uint64_t first = block_index(f, pages[i]);
        CHECK(f->whole[first] == 1);
        f->whole[first] = 0;
        for (uint64_t k = first; k < first + block_pages(f); k++) {
            CHECK(f->exposed[k] != 1);
            CHECK(f->exposed[k] == 2 || f->hostile ||
                  f->ledger[(k << f->setup.page_order)] == 0); /* BD-10 */
            fake_page_back(f, k);
        }
        f->freed[f->freed_count++ % 64] = pages[i];
    }
}

static void huge_split(void *opaque, uint64_t page)
{
    struct fake *f = opaque;
    const uint64_t first = block_index(f, page);
    CHECK(f->whole[first] == 1);
    f->whole[first] = 0;
    f->huge_splits++;
}

void fake_huge_ops(const struct fake *f, struct bnt_guest_ops *ops)
{
    ops->huge.alloc = f->setup.huge ? huge_alloc : NULL;
    ops->huge.free = f->setup.huge ? huge_free : NULL;
    ops->huge.split = f->setup.huge ? huge_split : NULL;
}

uint8_t fake_unit_verdict(struct fake *f, bool inflate, uint64_t pfn)
{
    const uint64_t at = pfn - f->first_pfn;
    const uint8_t *bad = inflate ? f->bad : f->bad_back;
    uint32_t held = 0;
    CHECK(f->whole[block_index(f, pfn)] == 1); /* of the guest, and not split */
    if (f->answer_all != 0) {
        return f->answer_all;
    }
    for (uint64_t k = at; k < at + UNIT; k++) {
        held += f->ledger[k];
    }
    if (inflate ? held > 0 : held < UNIT) {
        return inflate     ? BNT_VERDICT_LOCKED
               : held == 0 ? BNT_VERDICT_NOT_LOCKED
                           : BNT_VERDICT_INVALID;
    }
    if (f->not_needed &&
        (inflate ? f->ledger_pfns >= f->num_pages : f->ledger_pfns <= f->num_pages)) {
        return BNT_VERDICT_NOT_NEEDED; /* BX-26 */
    }
    for (uint64_t k = at; k < at + UNIT; k++) {
        if (bad[k] != 0) {
            return bad[k];
        }
    }
    memset(f->ledger + at, inflate, UNIT);
    f->ledger_pfns = inflate ? f->ledger_pfns + UNIT : f->ledger_pfns - UNIT;
    return BNT_VERDICT_ACCEPTED;
}
