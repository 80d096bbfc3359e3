/*
 * Fuzz target: a hostile driver and a random embedder against the host core.
 *
 * Bytes are calls: registers, kicks, policy, failing callbacks, moves to another instance, and
 * writes anywhere in the DMA area in which the rings lie. Whatever comes, the ledger's count agrees
 * with the pages, no page of the guest's lies dropped without a report or a reset, and a step ends.
 */
#include "host_calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS_MAX 400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_host fuzz; /* too large for a stack; made anew each time */
    struct fuzz_input input = {data, size};

    fuzz_host_open(&fuzz, fuzz_take(&input, 1), BNT_INTERFACE_MODERN);
    for (uint32_t i = 0; i < CALLS_MAX && input.size > 0; i++) {
        fuzz_host_call(&fuzz, &input);
    }
    fuzz_host_close(&fuzz);
    return 0;
}
