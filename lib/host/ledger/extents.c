/*
 * The pages that one request moved, as extents. They are collected in the request's order and then
 * sorted.
 */
#include "lib/host/ledger/host_ledger.h"

void bnti_host_extents_clear(struct bnt_host *host)
{
    host->extent_count = 0;
}

void bnti_host_add_extent(struct bnt_host *host, uint64_t first_pfn, uint32_t pfns)
{
    const uint32_t low = (uint32_t)(first_pfn - host->pfn_base);

    if (host->extent_count > 0) {
        struct bnti_host_extent *last = &host->extents[host->extent_count - 1];
        if ((uint64_t)last->first_pfn + last->pfns == low) {
            last->pfns += pfns;
            return;
        }
        if ((uint64_t)low + pfns == last->first_pfn) {
            last->first_pfn = low;
            last->pfns += pfns;
            return;
        }
    }
    BNTI_ASSERT(host->extent_count < host->config.requests.pfns_max);
    host->extents[host->extent_count].first_pfn = low;
    host->extents[host->extent_count].pfns = pfns;
    host->extent_count++;
}

/** Moves the extent at `at` down to its place in a heap of `count` extents. */
static void sink_in_heap(struct bnti_host_extent *heap, uint32_t at, uint32_t count)
{
    const struct bnti_host_extent sinking = heap[at];

    while (2 * at + 1 < count) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < count && heap[child + 1].first_pfn > heap[child].first_pfn) {
            child++;
        }
        if (heap[child].first_pfn <= sinking.first_pfn) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = sinking;
}

/** Sorts and joins the extents, so that each host page is visited a single time, and a whole host
 * page is in one extent. */
void bnti_host_extents_sort(struct bnt_host *host)
{
    struct bnti_host_extent *extents = host->extents;
    uint32_t count = 0;

    for (uint32_t i = host->extent_count / 2; i > 0; i--) {
        sink_in_heap(extents, i - 1, host->extent_count);
    }
    for (uint32_t left = host->extent_count; left > 1; left--) {
        const struct bnti_host_extent last = extents[left - 1];
        extents[left - 1] = extents[0];
        extents[0] = last;
        sink_in_heap(extents, 0, left - 1);
    }
    for (uint32_t i = 0; i < host->extent_count; i++) {
        struct bnti_host_extent *before = count > 0 ? &extents[count - 1] : NULL;
        if (before != NULL && (uint64_t)before->first_pfn + before->pfns == extents[i].first_pfn) {
            before->pfns += extents[i].pfns;
        } else {
            extents[count++] = extents[i];
        }
    }
    host->extent_count = count;
}
