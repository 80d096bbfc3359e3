/*
 * Private to sim/conformance: facts about pages as a byte for each PFN of a VM, read and written by
 * runs. A run is a range of PFNs that follow each other and have the same byte, so that a watcher
 * looks at a request of 256 PFNs once if nothing distinguishes them. Every watcher that records
 * something about pages calls this file.
 */
#ifndef SIM_CONFORMANCE_RUNS_H
#define SIM_CONFORMANCE_RUNS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** A byte for each PFN of the guest. */
struct page_facts {
    uint8_t *bytes; /**< NULL if the VM does not need these facts; then `pfns` is 0 */
    uint64_t first_pfn;
    uint64_t pfns;
};

/** PFNs that follow each other and have the same facts. */
struct page_run {
    uint64_t pfn;
    uint64_t count;
    bool known;   /**< false if there are no facts about these PFNs */
    uint8_t fact; /**< 0 if it is not known */
};

/** The number of bytes, at most `most`, that equal the first one. */
static inline uint64_t count_equal_bytes(const uint8_t *at, uint64_t most)
{
    const uint64_t pattern = at[0] * UINT64_C(0x0101010101010101);
    uint64_t count = 1;
    if (most == 1 || at[1] != at[0]) {
        return 1; /* the usual case of pages in random order */
    }
    for (uint64_t word = pattern; count + sizeof word <= most; count += sizeof word) {
        memcpy(&word, at + count, sizeof word);
        if (word != pattern) {
            break;
        }
    }
    while (count < most && at[count] == at[0]) {
        count++;
    }
    return count;
}

/** The run that begins at `pfn` and ends before `end`. */
static inline struct page_run facts_find_run(const struct page_facts *facts, uint64_t pfn,
                                             uint64_t end)
{
    const uint64_t at = pfn - facts->first_pfn;
    if (pfn < facts->first_pfn || at >= facts->pfns) {
        const bool before = pfn < facts->first_pfn && facts->first_pfn < end;
        return (struct page_run){.pfn = pfn, .count = (before ? facts->first_pfn : end) - pfn};
    }
    const uint64_t left = facts->pfns - at;
    const uint8_t *bytes = facts->bytes + at;
    return (struct page_run){.pfn = pfn,
                             .count = count_equal_bytes(bytes, end - pfn < left ? end - pfn : left),
                             .known = true,
                             .fact = bytes[0]};
}

/** Gives all PFNs of a known run this fact. */
static inline void facts_set_run(struct page_facts *facts, const struct page_run *run, uint8_t fact)
{
    uint8_t *bytes = facts->bytes + (run->pfn - facts->first_pfn);
    if (run->count == 1) {
        bytes[0] = fact;
    } else {
        memset(bytes, fact, run->count);
    }
}

/** How many entries of a list, from the entry `at`, name pages that follow each other; each page
 * has `span` PFNs. */
static inline uint32_t count_adjacent_pages(const uint64_t *pages, uint32_t count, uint32_t at,
                                            uint64_t span)
{
    uint32_t end = at + 1;
    while (end < count && pages[end] == pages[end - 1] + span) {
        end++;
    }
    return end - at;
}

#endif
