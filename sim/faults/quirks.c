/*
 * A table of the quirks of other drivers and devices, with the invariants that each declared quirk
 * violates.
 *
 * The library defines the quirks (ballonet/personality.h); sim/scenario/personalities.c says which
 * quirks each personality has. Only the named invariants are suspended, and only for this VM. The
 * invariants of host safety are never suspended.
 */
#include "sim/faults/faults.h"

/** A quirk, and one invariant that it violates. */
struct broken {
    uint32_t quirk;
    invariant_id invariant;
};

static const struct broken by_driver[] = {
    /* PFN 0 is ballooned in the host's ledger while the guest uses it. */
    {BNT_GUEST_QUIRK_PFNS_OF_64_BITS, INVARIANT_VIEWS_AGREE},
    {BNT_GUEST_QUIRK_PFNS_OF_64_BITS, INVARIANT_CONTENT_KEPT},
    /* The driver treats a request as complete before the device has processed it. */
    {BNT_GUEST_QUIRK_PROCEED_UNANSWERED, INVARIANT_IN_FLIGHT},
    {BNT_GUEST_QUIRK_PROCEED_UNANSWERED, INVARIANT_VIEWS_AGREE},
};

static const struct broken by_device[] = {
    /* The device dropped a request, and the driver waits for its answer for ever. */
    {BNT_HOST_QUIRK_OVERSIZED_DROPPED, INVARIANT_CONVERGES},
    /* The device returns a request without processing it, but the driver believes that it was
     * processed. */
    {BNT_HOST_QUIRK_OVERSIZED_SKIPPED, INVARIANT_VIEWS_AGREE},
    {BNT_HOST_QUIRK_OVERSIZED_SKIPPED, INVARIANT_IN_FLIGHT},
    {BNT_HOST_QUIRK_OVERSIZED_SKIPPED, INVARIANT_CONVERGES},
    {BNT_HOST_QUIRK_FIRST_BUFFER_ONLY, INVARIANT_VIEWS_AGREE},
    /* With F_DEVICE_INIT_REPORTED, the used length says how many bytes the device initialised. */
    {BNT_HOST_QUIRK_REPORT_LENGTH, INVARIANT_DEVICE_INIT},
};

static void suspend_invariants_of_quirks(const struct vm *vm, uint32_t quirks,
                                         const struct broken *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((quirks & rows[i].quirk) != 0) {
            oracle_suspend_invariant(vm->world->oracle, vm->index, rows[i].invariant);
        }
    }
}

/** Whether hints are unsafe. They are if the device discards hinted pages at once, while the driver
 * can free pages before the device has discarded them. */
static bool are_hints_unsafe(const struct vm *vm)
{
    const uint64_t both =
        vm->spec.driver.config.features.wanted & vm->spec.device.config.features.offered;
    return (both & BNT_BALLOON_F_FREE_PAGE_HINT) != 0 && vm->spec.device.config.hinting.discard &&
           !vm->spec.driver.config.hinting.wait_on_ack;
}

void quirks_suspend_invariants(const struct vm *vm)
{
    if (are_hints_unsafe(vm)) {
        oracle_suspend_invariant(vm->world->oracle, vm->index, INVARIANT_CONTENT_KEPT);
        oracle_suspend_invariant(vm->world->oracle, vm->index, INVARIANT_POISON_KEPT);
    }
    suspend_invariants_of_quirks(vm, vm->spec.driver.config.quirks, by_driver,
                                 sizeof by_driver / sizeof by_driver[0]);
    suspend_invariants_of_quirks(vm, vm->spec.device.config.quirks, by_device,
                                 sizeof by_device / sizeof by_device[0]);
}
