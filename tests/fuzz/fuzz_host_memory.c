/*
 * Fuzz target: the host core over memory with holes that are filled later, host pages over 4 KiB,
 * and rings of an embedder's behind a provider, against a hostile driver.
 *
 * Bytes are calls as for host_api, and calls of memory. After each of them every accessor is asked:
 * whatever the guest wrote, none asserts. Now and then what is saved is loaded, and saved the same.
 */
#include "host_calls.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS_MAX  150u
#define LOADS_EACH 8u /* calls */

/** Fills the first hole behind a region, in part or whole, as hot-added memory does. */
static void memory_grow(struct fake_driver *fake, uint32_t which)
{
    struct bnt_mem_region regions[BNT_MEM_REGIONS_MAX];
    struct bnt_mem mem;
    const uint32_t count = fake->mem.region_count;
    const uint64_t end = (FAKE_FIRST_PFN + FUZZ_PAGES) << BNT_PFN_SHIFT;
    const uint32_t at = which % count;

    memcpy(regions, fake->mem.regions, sizeof(regions[0]) * count);
    const uint64_t next = at + 1 < count ? regions[at + 1].gpa : end;
    const uint64_t last = regions[at].gpa + regions[at].bytes;
    const uint64_t more = (uint64_t)(which >> 2) << 13;
    if (last >= next) {
        return;
    }
    regions[at].bytes += more < next - last ? more : next - last;
    CHECK(bnt_mem_init(&mem, &fake->mem.ops, fake, regions, count) == BNT_OK);
    CHECK(bnt_host_memory_set(fake->host, &mem) == BNT_OK);
    fake->mem = mem;
}

static void accessors_ask(struct fuzz_host *fuzz)
{
    struct fake_driver *fake = &fuzz->fake;
    struct bnt_host_info info = {.size = sizeof(info)};
    struct bnt_host_stats stats = {.size = sizeof(stats)};
    struct bnt_host_ws ws = {.size = sizeof(ws)};
    size_t bytes = 0;
    uint8_t *state = fuzz_host_save(fuzz, fake->host, &bytes);

    CHECK(bnt_host_info_get(fake->host, &info) == BNT_OK);
    CHECK(info.ledger.retained_pfns <= info.ledger.pfns &&
          info.ledger.leafless_pfns <= info.ledger.retained_pfns);
    CHECK(info.ledger.partial_pfns <= info.ledger.pfns);
    CHECK(bnt_host_stats_get(fake->host, fake->now_ns, &stats) == BNT_OK);
    CHECK(bnt_host_ws_get(fake->host, fake->now_ns, &ws) == BNT_OK);
    CHECK(bnt_host_diag_get(fake->host) != NULL);
    free(state);
}

static void state_check(struct fuzz_host *fuzz)
{
    struct fake_driver *fake = &fuzz->fake;
    const uint32_t leaf_fail_from = fake->leaf_fail_from;
    const bnt_host_ledger ledger = fake->config.memory.ledger;
    const bool leafless = fake_info(fake).ledger.leafless_pfns > 0;
    void *storage = NULL;
    size_t bytes = 0;
    uint8_t *state = fuzz_host_save(fuzz, fake->host, &bytes);

    fake->leaf_fail_from = 0;
    fake->config.memory.ledger = leafless ? BNT_HOST_LEDGER_LEAVES : ledger;
    struct bnt_host *other = fuzz_host_another(fuzz, &storage);
    CHECK(bnt_host_load(other, fake->now_ns, state, bytes) == BNT_OK);
    CHECK(fuzz_host_saves(fuzz, other, state, bytes));
    bnt_host_fini(other);
    fake->leaf_fail_from = leaf_fail_from;
    fake->config.memory.ledger = ledger;
    free(storage);
    free(state);
}

static void call(struct fuzz_host *fuzz, struct fuzz_input *input)
{
    struct fake_driver *fake = &fuzz->fake;
    const uint32_t kind = fuzz_take(input, 1);

    if (kind % 8 == 0) {
        memory_grow(fake, fuzz_take(input, 1));
    } else if (kind % 32 == 1) {
        const bnt_status status =
            bnt_host_queue_disable(fake->host, fake->now_ns, (uint16_t)(fuzz_take(input, 1) % 8));
        (void)status;
    } else {
        fuzz_host_call(fuzz, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_host fuzz; /* too large for a stack; made anew each time */
    struct fuzz_input input = {data, size};

    fuzz_host_open_memory(&fuzz, &input);
    for (uint32_t i = 0; i < CALLS_MAX && input.size > 0; i++) {
        call(&fuzz, &input);
        accessors_ask(&fuzz);
        if (i % LOADS_EACH == 0) {
            state_check(&fuzz);
        }
    }
    state_check(&fuzz);
    fuzz_host_close(&fuzz);
    return 0;
}
