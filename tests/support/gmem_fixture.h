/*
 * What the tests of guest memory share: one guest, and a model of the host's memory that checks
 * every read. Included once by each program.
 */
#ifndef TESTS_SUPPORT_GMEM_FIXTURE_H
#define TESTS_SUPPORT_GMEM_FIXTURE_H

#include "sim/memory/gmem_private.h"

#include <ballonet/base.h>

#include <check.h>
#include <string.h>

#define MIB        (UINT64_C(1) << 20)
#define PAGE       UINT64_C(4096)
#define HOST_PAGES 131072 /* 512 MiB */

static struct arena *arena;
static struct gmem *gmem;
static struct gmem_config config;
static uint64_t host[HOST_PAGES];
static uint64_t moves[PAGE_USE_COUNT][PAGE_USE_COUNT];
static char text[256];

static inline void access_host(void *opaque, uint64_t pfn, uint64_t expected, bool write,
                               uint64_t tag)
{
    uint64_t *cell = &host[(pfn - config.first_pfn) >> config.page_order];
    ck_assert_ptr_eq(opaque, host);
    if (write) {
        ck_assert_uint_ne(tag, 0);
        *cell = tag;
    } else {
        ck_assert_uint_eq(*cell, expected);
    }
}

static inline void moved(void *opaque, const uint64_t *pfns, uint32_t count, page_use from,
                         page_use to)
{
    ck_assert_ptr_eq(opaque, host);
    ck_assert_uint_ge(count, 1);
    ck_assert_uint_le(count, GMEM_BATCH_MAX);
    ck_assert_uint_ge(pfns[0], config.first_pfn);
    moves[from][to] += count;
}

static inline void setup(void)
{
    arena = arena_open(0xA5);
    memset(host, 0, sizeof host);
    memset(moves, 0, sizeof moves);
    gmem = NULL;
    config = (struct gmem_config){
        .arena = arena,
        .memory_bytes = 64 * MIB,
        .kernel_bytes = 8 * MIB,
        .watermark_min_bytes = 1 * MIB,
        .tag_base = UINT64_C(1) << 48,
        .opaque = host,
        .access = access_host,
        .moved = moved,
    };
}

static inline void teardown(void)
{
    if (gmem != NULL) {
        ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
        gmem_destroy(gmem);
    }
    ck_assert_uint_eq(arena_close(arena), 0);
}

static inline void create(void)
{
    gmem = gmem_create(&config, text, sizeof text);
    ck_assert_msg(gmem != NULL, "%s", text);
}

static inline struct gmem_counters counters(void)
{
    struct gmem_counters now;
    gmem_get_counters(gmem, &now);
    return now;
}

static inline uint64_t in_use(page_use use)
{
    return gmem_count_pages_in_use(gmem, use);
}

/** Takes from the balloon's allocator until it gives less than asked. */
static inline uint64_t balloon_fill(uint64_t *pages, uint64_t most)
{
    uint64_t got = 0;
    while (got < most) {
        const uint64_t left = most - got;
        const uint32_t want = left < 256 ? (uint32_t)left : 256;
        const uint32_t n = gmem_balloon_alloc_pages(gmem, pages + got, want);
        got += n;
        if (n < want) {
            break;
        }
    }
    return got;
}

#endif
