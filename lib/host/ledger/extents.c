/*
 * The pages that one request moved, as extents. They are collected in the request's order and then
 * sorted.
 */
#include "lib/host/ledger/host_ledger.h"

uint32_t bnti_host_count_extents_max(const struct bnt_host_config *config, uint32_t batch_max)
{
    const uint64_t runs = (uint64_t)BNT_HOST_STEP_RUNS << config->memory.host_page_order;

    return (uint32_t)bnti_host_min(runs > batch_max ? runs : batch_max, config->requests.pfns_max);
}

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
    BNTI_ASSERT(host->extent_count <
                bnti_host_count_extents_max(&host->config, host->wire->batch_max));
    host->extents[host->extent_count].first_pfn = low;
    host->extents[host->extent_count].pfns = pfns;
    host->extent_count++;
}

/** Up to so many extents, insertion is faster than the counts of a digit. */
#define INSERTION_MAX 24u
#define DIGIT_BITS    8u
#define DIGITS        (1u << DIGIT_BITS)

static void sort_by_insertion(struct bnti_host_extent *extents, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct bnti_host_extent moving = extents[i];
        uint32_t at = i;
        for (; at > 0 && extents[at - 1].first_pfn > moving.first_pfn; at--) {
            extents[at] = extents[at - 1];
        }
        extents[at] = moving;
    }
}

/** Copies the extents to `extents_spare` in the order of one digit, and exchanges the two. Extents
 * with the same digit keep their order. Returns the largest number of them. */
static uint32_t sort_by_digit(struct bnt_host *host, uint32_t shift)
{
    const struct bnti_host_extent *from = host->extents;
    struct bnti_host_extent *to = host->extents_spare;
    uint32_t place[DIGITS] = {0};
    uint32_t next = 0;
    uint32_t most = 0;

    for (uint32_t i = 0; i < host->extent_count; i++) {
        place[from[i].first_pfn >> shift & (DIGITS - 1)]++;
    }
    for (uint32_t digit = 0; digit < DIGITS; digit++) {
        const uint32_t with_digit = place[digit];
        place[digit] = next;
        next += with_digit;
        most = with_digit > most ? with_digit : most;
    }
    for (uint32_t i = 0; i < host->extent_count; i++) {
        to[place[from[i].first_pfn >> shift & (DIGITS - 1)]++] = from[i];
    }
    host->extents_spare = host->extents;
    host->extents = to;
    return most;
}

/**
 * Sorts in linear time, because random PFNs would otherwise cost more here than in all other parts
 * of the device together. `bits` has the bits in which the PFNs differ. The highest digit of random
 * PFNs brings nearly all of them to their places; if it does not, each digit is sorted in turn.
 */
static void sort_by_digits(struct bnt_host *host, uint32_t bits)
{
    uint32_t high = 0;

    while (bits >> high >= DIGITS) {
        high++;
    }
    if (sort_by_digit(host, high) <= INSERTION_MAX) {
        sort_by_insertion(host->extents, host->extent_count);
        return;
    }
    for (uint32_t shift = 0; shift < 32 && bits >> shift != 0; shift += DIGIT_BITS) {
        (void)sort_by_digit(host, shift);
    }
}

static void sort_extents(struct bnt_host *host)
{
    uint32_t bits = 0;
    uint32_t descents = 0;

    if (host->extent_count <= INSERTION_MAX) {
        sort_by_insertion(host->extents, host->extent_count);
        return;
    }
    for (uint32_t i = 1; i < host->extent_count; i++) {
        bits |= host->extents[i].first_pfn ^ host->extents[i - 1].first_pfn;
        descents += host->extents[i].first_pfn < host->extents[i - 1].first_pfn;
    }
    if (descents > 0) {
        sort_by_digits(host, bits);
    }
}

/** Sorts and joins the extents, so that each host page is visited a single time, and a whole host
 * page is in one extent. */
void bnti_host_extents_sort(struct bnt_host *host)
{
    uint32_t count = 0;

    sort_extents(host);
    struct bnti_host_extent *extents = host->extents; /* sorting exchanges it with the spare one */
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
