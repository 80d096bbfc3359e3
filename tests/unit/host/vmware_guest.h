/*
 * A guest on VMware's wire of a few lines: it writes a batch page into the DMA area and calls. What
 * the tests of that wire share.
 */
#ifndef TESTS_UNIT_HOST_VMWARE_GUEST_H
#define TESTS_UNIT_HOST_VMWARE_GUEST_H

#include "tests/support/fake_driver.h"

#include <ballonet/vmware.h>

#include <check.h>
#include <string.h>

#define PAGES     4096u
#define BATCH_GPA UINT64_C(0x50000)
#define BATCH_PFN (BATCH_GPA >> BNT_PFN_SHIFT)
#define ALL_CAPS  ((uint64_t)BNT_VMWARE_CAPS_ALL)

static struct fake_driver fake;
static uint64_t result;

static inline void open_with(uint64_t capabilities, bnt_host_ledger ledger)
{
    fake_init(&fake, PAGES, BNT_F_VERSION_1);
    fake.config.wire = BNT_HOST_WIRE_VMWARE;
    fake.config.vmware.capabilities = capabilities;
    fake.config.memory.ledger = ledger;
    fake_open(&fake);
}

static inline int32_t call(uint32_t command, uint64_t arg1, uint64_t arg2)
{
    int32_t status = BNT_VMWARE_FAILURE;

    ck_assert_int_eq(
        bnt_host_serve_vmware_call(fake.host, fake.now_ns, command, arg1, arg2, &status, &result),
        BNT_OK);
    return status;
}

static inline void target(uint64_t pfns)
{
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, pfns, 0, NULL), BNT_OK);
}

static inline void start(uint64_t capabilities, uint64_t pfns)
{
    target(pfns);
    (void)call(BNT_VMWARE_CMD_START, capabilities, 0);
    fake_log_clear(&fake);
}

static inline void entry_put(uint32_t i, uint64_t pfn)
{
    const struct bnt_vmware_entry entry = bnt_vmware_make_entry(pfn, 31);
    memcpy(fake.dma + BATCH_GPA + i * sizeof entry, &entry, sizeof entry);
}

static inline uint32_t entry_status(uint32_t i)
{
    struct bnt_vmware_entry entry;
    memcpy(&entry, fake.dma + BATCH_GPA + i * sizeof entry, sizeof entry);
    return bnt_vmware_get_entry_status(entry);
}

static inline uint64_t entry_pfn(uint32_t i)
{
    struct bnt_vmware_entry entry;
    memcpy(&entry, fake.dma + BATCH_GPA + i * sizeof entry, sizeof entry);
    return bnt_vmware_get_entry_pfn(entry);
}

/** A batch of n entries, `step` PFNs apart. */
static inline int32_t batch(uint32_t command, uint64_t first, uint32_t n, uint32_t step)
{
    for (uint32_t i = 0; i < n; i++) {
        entry_put(i, first + (uint64_t)i * step);
    }
    return call(command, BATCH_PFN, n);
}

static inline void refuse(uint64_t first, uint64_t last, bnt_verdict verdict, bool on_deflate)
{
    const struct bnt_host_rule rule = {.first_pfn = first,
                                       .last_pfn = last,
                                       .on_inflate = !on_deflate,
                                       .on_deflate = on_deflate,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = UINT64_MAX,
                                       .verdict = verdict};
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_OK);
}

#endif
