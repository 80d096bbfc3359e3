/*
 * The bare pipeline: the least that inflating a page can be, in one process without a ring, a
 * protocol, events or checkers. For each page of a request of 256:
 *
 *   guest   takes the page off the allocator's stack of free pages, checks that it is free, links
 *           it into the balloon's list, and writes its PFN into the request
 *   host    reads the PFN, checks its range, and tests and sets its bit in the ledger
 *   backing forgets the content: the page's tag becomes 0
 *
 * What a real balloon does besides is in its ratio to this.
 */
#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_PFNS 256u
#define PAGE_FREE    UINT32_MAX       /**< in place of a link */
#define LAST_PAGE    (UINT32_MAX - 1) /**< the link of the page that was ballooned first */

const char *const order_names[ORDER_COUNT] = {
    [ORDER_SEQUENTIAL] = "sequential", [ORDER_RANDOM] = "random"};

struct bare {
    uint32_t pages; /**< a multiple of REQUEST_PFNS */
    uint32_t *free; /**< the guest's free pages, the next one last */
    uint32_t free_count;
    uint32_t *links; /**< for each page: the next ballooned one, or PAGE_FREE */
    uint32_t balloon_head;
    uint64_t *ledger;   /**< a bit for each page: the host has it */
    uint32_t *contents; /**< a tag for each page: what is in it */
    uint64_t accepted;
};

struct bare *bare_create(uint64_t pages)
{
    struct bare *bare = bench_allocate(1, sizeof *bare);
    bare->pages = (uint32_t)pages;
    bare->free = bench_allocate(pages, sizeof *bare->free);
    bare->links = bench_allocate(pages, sizeof *bare->links);
    bare->ledger = bench_allocate(pages / 64, sizeof *bare->ledger);
    bare->contents = bench_allocate(pages, sizeof *bare->contents);
    return bare;
}

void bare_destroy(struct bare *bare)
{
    free(bare->free);
    free(bare->links);
    free(bare->ledger);
    free(bare->contents);
    free(bare);
}

/* ---- Before a run: all pages are free, in order or shuffled ---- */

static void shuffle(uint32_t *pfns, uint32_t count)
{
    uint64_t state = 1;
    for (uint32_t i = count - 1; i > 0; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint32_t other = (uint32_t)((state >> 33) % (i + 1));
        const uint32_t pfn = pfns[i];
        pfns[i] = pfns[other];
        pfns[other] = pfn;
    }
}

static void free_all_pages(struct bare *bare, enum page_order order)
{
    for (uint32_t i = 0; i < bare->pages; i++) {
        bare->free[i] = bare->pages - 1 - i;
        bare->links[i] = PAGE_FREE;
        bare->contents[i] = i + 1;
    }
    if (order == ORDER_RANDOM) {
        shuffle(bare->free, bare->pages);
    }
    bare->free_count = bare->pages;
    bare->balloon_head = LAST_PAGE;
    bare->accepted = 0;
    memset(bare->ledger, 0, bare->pages / 8);
}

/* ---- The pipeline ---- */

static void allocate_pages(struct bare *bare, uint32_t pfns[REQUEST_PFNS])
{
    const uint32_t *top = bare->free + bare->free_count - 1;
    for (uint32_t i = 0; i < REQUEST_PFNS; i++) {
        pfns[i] = *(top - i);
    }
    bare->free_count -= REQUEST_PFNS;
}

static void link_pages(struct bare *bare, const uint32_t pfns[REQUEST_PFNS],
                       uint32_t request[REQUEST_PFNS])
{
    uint32_t *links = bare->links;
    uint32_t head = bare->balloon_head;
    for (uint32_t i = 0; i < REQUEST_PFNS; i++) {
        const uint32_t pfn = pfns[i];
        if (links[pfn] != PAGE_FREE) {
            bench_give_up("the bare pipeline: a page is allocated twice");
        }
        links[pfn] = head;
        head = pfn;
        request[i] = pfn;
    }
    bare->balloon_head = head;
}

static void accept_request(struct bare *bare, const uint32_t request[REQUEST_PFNS])
{
    uint32_t accepted = 0;
    for (uint32_t i = 0; i < REQUEST_PFNS; i++) {
        const uint32_t pfn = request[i];
        if (pfn >= bare->pages) {
            continue;
        }
        const uint64_t bit = UINT64_C(1) << (pfn % 64);
        uint64_t *word = &bare->ledger[pfn / 64];
        if ((*word & bit) == 0) {
            *word |= bit;
            bare->contents[pfn] = 0;
            accepted++;
        }
    }
    bare->accepted += accepted;
}

static void run(void *opaque)
{
    struct bare *bare = opaque;
    uint32_t pfns[REQUEST_PFNS];
    uint32_t request[REQUEST_PFNS];
    while (bare->free_count > 0) {
        allocate_pages(bare, pfns);
        link_pages(bare, pfns, request);
        accept_request(bare, request);
    }
}

/** A page that did not come through would mean that a compiler left work out. */
static void verify(const struct bare *bare)
{
    uint32_t tags = 0;
    for (uint32_t i = 0; i < bare->pages; i++) {
        tags |= bare->contents[i];
    }
    if (bare->accepted != bare->pages || tags != 0) {
        bench_give_up("the bare pipeline did not move every page");
    }
}

double bare_run(struct bare *bare, enum page_order order)
{
    free_all_pages(bare, order);
    const double start = clock_cpu_ns();
    bench_measured(run, bare);
    const double ns = clock_cpu_ns() - start;
    verify(bare);
    return ns / (double)bare->pages;
}
