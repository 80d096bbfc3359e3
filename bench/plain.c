/*
 * The plain loop: the least that inflating can mean. PFNs come in arrays of 256, as requests bring
 * them, and each sets one bit in each of two bitmaps: the guest's record and the host's ledger.
 * No allocator, no ring, no verdict, no check. Everything else is told in its pages.
 */
#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 256u

struct plain {
    uint64_t pages; /**< a multiple of BATCH */
    uint64_t *guest;
    uint64_t *host;
    uint32_t *shuffled;
};

static void *allocate(uint64_t count, size_t bytes)
{
    void *memory = calloc((size_t)count, bytes);
    if (memory == NULL) {
        bench_give_up("out of memory");
    }
    return memory;
}

static void shuffle(uint32_t *pfns, uint64_t count)
{
    uint64_t state = 1;
    for (uint64_t i = 0; i < count; i++) {
        pfns[i] = (uint32_t)i;
    }
    for (uint64_t i = count - 1; i > 0; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint64_t other = (state >> 33) % (i + 1);
        const uint32_t pfn = pfns[i];
        pfns[i] = pfns[other];
        pfns[other] = pfn;
    }
}

struct plain *plain_create(uint64_t pages)
{
    struct plain *plain = allocate(1, sizeof *plain);
    plain->pages = pages;
    plain->guest = allocate(pages / 64, sizeof *plain->guest);
    plain->host = allocate(pages / 64, sizeof *plain->host);
    plain->shuffled = allocate(pages, sizeof *plain->shuffled);
    shuffle(plain->shuffled, pages);
    return plain;
}

void plain_destroy(struct plain *plain)
{
    free(plain->guest);
    free(plain->host);
    free(plain->shuffled);
    free(plain);
}

static void batch_set(uint64_t *bits, const uint32_t *pfns)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        bits[pfns[i] / 64] |= UINT64_C(1) << (pfns[i] % 64);
    }
}

static void run_sequential(struct plain *plain)
{
    uint32_t batch[BATCH];
    for (uint64_t at = 0; at < plain->pages; at += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            batch[i] = (uint32_t)at + i;
        }
        batch_set(plain->guest, batch);
        batch_set(plain->host, batch);
    }
}

static void run_random(struct plain *plain)
{
    uint32_t batch[BATCH];
    for (uint64_t at = 0; at < plain->pages; at += BATCH) {
        memcpy(batch, plain->shuffled + at, sizeof batch);
        batch_set(plain->guest, batch);
        batch_set(plain->host, batch);
    }
}

/** Every bit must be there, or a compiler left the loop out. */
static void verify(const struct plain *plain)
{
    for (uint64_t word = 0; word < plain->pages / 64; word++) {
        if (plain->guest[word] != UINT64_MAX || plain->host[word] != UINT64_MAX) {
            bench_give_up("the plain loop did not set every bit");
        }
    }
}

double plain_run(struct plain *plain, enum plain_order order)
{
    memset(plain->guest, 0, plain->pages / 8);
    memset(plain->host, 0, plain->pages / 8);
    const double start = clock_cpu_ns();
    if (order == PLAIN_SEQUENTIAL) {
        run_sequential(plain);
    } else {
        run_random(plain);
    }
    const double ns = clock_cpu_ns() - start;
    verify(plain);
    return ns / (double)plain->pages;
}
