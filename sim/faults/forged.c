/*
 * Faults that deceive the oracle. They change an observation before the oracle gets it, so that the
 * oracle sees what it would see if a party had the bug.
 */
#include "sim/faults/faults.h"
#include "sim/world/observers.h"

#include <string.h>

static void forward_observation_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observer.on[seen->kind](vm, seen);
}

static void forge_guest_request(struct vm *vm, const struct observation *seen)
{
    forward_observation_to_oracle(vm, seen);
    const struct bnt_guest_request *request = seen->guest_request;
    if (request->complete && request->page_order <= vm->spec.page_order &&
        vm_consume_armed_fault(vm, CORRUPT_COMPLETE_TWICE)) {
        forward_observation_to_oracle(vm, seen);
    }
}

static void forge_guest_hint(struct vm *vm, const struct observation *seen)
{
    struct bnt_guest_hint hint = *seen->guest_hint;
    struct observation forged = *seen;
    const uint64_t used = gmem_find_page_in_use(vm->gmem, PAGE_USE_ANON);
    if (hint.pfns > 0 && used != GMEM_NONE && vm_consume_armed_fault(vm, CORRUPT_HINT_OWNED)) {
        hint.first_pfn = used;
    }
    forged.guest_hint = &hint;
    forward_observation_to_oracle(vm, &forged);
}

static void forge_host_event(struct vm *vm, const struct observation *seen)
{
    forward_observation_to_oracle(vm, seen);
    if (seen->host_event->kind == BNT_HOST_EVENT_OUTCOME &&
        vm_consume_armed_fault(vm, CORRUPT_OUTCOME_TWICE)) {
        forward_observation_to_oracle(vm, seen);
    }
}

static void forge_host_request(struct vm *vm, const struct observation *seen)
{
    struct bnt_host_request request = *seen->host_request;
    struct observation forged = *seen;
    const uint8_t served[1] = {BNT_VERDICT_ACCEPTED};
    uint32_t other[BNT_BALLOON_REQUEST_PFNS_MAX];
    if (request.pfns_each > 1) {
        forward_observation_to_oracle(vm, seen);
        return;
    }
    if (request.stale && vm_consume_armed_fault(vm, CORRUPT_STALE_COMPLETED)) {
        request.pfn_count = 1;
        request.verdicts = served;
    }
    if (!request.inflate && seen->host_request->pfn_count <= BNT_BALLOON_REQUEST_PFNS_MAX &&
        vm_consume_armed_fault(vm, CORRUPT_DEFLATE_OTHER)) {
        memcpy(other, request.pfns, seen->host_request->pfn_count * sizeof other[0]);
        other[0] = (uint32_t)(hostile_find_page(vm, PLACE_BALLOON) - request.pfn_base);
        request.pfns = other;
    }
    forged.host_request = &request;
    forward_observation_to_oracle(vm, &forged);
}

const struct observer forging_observer = {
    .name = "oracle, with forged observations",
    .on =
        {
            [OBSERVED_GUEST_REQUEST] = forge_guest_request,
            [OBSERVED_GUEST_HINT] = forge_guest_hint,
            [OBSERVED_HOST_EVENT] = forge_host_event,
            [OBSERVED_HOST_REQUEST] = forge_host_request,
        },
};
