/*
 * Checks the content of pages: the guest must read what it wrote, free pages must contain the value
 * that the guest expects, and a migration must not change a page. Here it does not matter which
 * party has the page. The world calls this file for every access that is checked.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_check_page_content(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                               uint64_t found)
{
    if (found == expected) {
        return;
    }
    if (expected != 0 && found == 0) {
        oracle_record_violation(oracle, vm, INVARIANT_CONTENT_KEPT,
                                "PFN %" PRIu64 " lost its content: written %016" PRIx64
                                ", read as empty",
                                pfn, expected);
    } else {
        oracle_record_violation(oracle, vm, INVARIANT_CONTENT_OWN,
                                "PFN %" PRIu64 " holds foreign content: expected %016" PRIx64
                                ", found %016" PRIx64,
                                pfn, expected, found);
    }
}

void oracle_check_hinted_access(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t found,
                                bool write)
{
    if (!write) {
        oracle_record_violation(
            oracle, vm, INVARIANT_HINT_TRUSTED,
            "PFN %" PRIu64 " was read after it was hinted and not written since", pfn);
    } else if (found != 0 && found >> 48 != vm + 1) {
        oracle_record_violation(oracle, vm, INVARIANT_CONTENT_OWN,
                                "PFN %" PRIu64 " holds foreign content: %016" PRIx64, pfn, found);
    }
}

void oracle_check_free_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                            uint64_t found)
{
    if (found != expected) {
        oracle_record_violation(oracle, vm, INVARIANT_POISON_KEPT,
                                "free PFN %" PRIu64 " must hold %08" PRIx64 ", found %016" PRIx64,
                                pfn, expected & UINT32_MAX, found);
    }
}

void oracle_check_initialised_page(struct oracle *oracle, uint32_t vm, uint64_t pfn,
                                   uint64_t expected, uint64_t found)
{
    if (found != expected) {
        oracle_record_violation(oracle, vm, INVARIANT_DEVICE_INIT,
                                "PFN %" PRIu64 " was said to be initialised to %08" PRIx64
                                ", found %016" PRIx64,
                                pfn, expected & UINT32_MAX, found);
    }
}

void oracle_check_migrated_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t held,
                                uint64_t holds)
{
    if (held != holds) {
        oracle_record_violation(oracle, vm, INVARIANT_ARRIVED,
                                "PFN %" PRIu64 " held %016" PRIx64 " and arrived as %016" PRIx64,
                                pfn, held, holds);
    }
}
