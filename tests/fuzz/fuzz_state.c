/*
 * Fuzz target: saved states that nobody saved.
 *
 * A device is driven for a while and saved; the state is altered, cut or extended, or the input's
 * own bytes take its place; another instance loads it. Load is all or nothing: an instance that
 * refused is as fresh. One that took it goes on, whatever it was told, with the checks of
 * host_instance.c after each call, and saves what a third one takes.
 */
#include "host_calls.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS_MAX 60u
/** Bytes of calls that precede a state in the input. */
#define CALLS_BYTES 64u
/** Bytes that a state is extended by at most. */
#define EXTRA_BYTES 64u

static void calls_run(struct fuzz_host *fuzz, struct fuzz_input *input, uint32_t count)
{
    for (uint32_t i = 0; i < count && input->size > 0; i++) {
        fuzz_host_call(fuzz, input);
    }
}

/** Alters what was saved; returns the new length. `state` has room for EXTRA_BYTES more. */
static size_t state_alter(uint8_t *state, size_t bytes, struct fuzz_input *input)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    const uint32_t count = fuzz_take(input, 1) % 8;

    for (uint32_t i = 0; i < count && bytes > 0; i++) {
        const uint32_t kind = fuzz_take(input, 1);
        const size_t at = fuzz_take(input, 2) % bytes;
        switch (kind % 8) {
        case 0:
            state[at] ^= (uint8_t)(1u << (kind >> 3 & 7));
            break;
        case 1:
            memset(state + at, values[(kind >> 3) % sizeof(values)], bytes - at < 8 ? 1 : 8);
            break;
        case 2:
            bytes = at;
            break;
        case 3:
            memset(state + bytes, (int)kind, EXTRA_BYTES / 8);
            bytes += EXTRA_BYTES / 8;
            break;
        default:
            state[at] = (uint8_t)fuzz_take(input, 1);
            break;
        }
    }
    return bytes;
}

/** What a used instance is offered is not taken, and changes nothing. */
static void load_again(struct fuzz_host *fuzz, const uint8_t *state, size_t bytes)
{
    size_t had_bytes = 0;
    uint8_t *had = fuzz_host_save(fuzz, fuzz->fake.host, &had_bytes);
    const bnt_status status = bnt_host_load(fuzz->fake.host, fuzz->fake.now_ns, state, bytes);

    CHECK(status != BNT_E_STATE || fuzz_host_saves(fuzz, fuzz->fake.host, had, had_bytes));
    free(had);
}

/** The rest of the input drives what was loaded; then a third instance takes that. */
static void loaded_drive(struct fuzz_host *fuzz, struct fuzz_input *input)
{
    size_t bytes = 0;
    void *storage = NULL;

    fuzz->tampered = true;
    calls_run(fuzz, input, CALLS_MAX);
    fuzz->fake.leaf_fail_from = 0;
    uint8_t *state = fuzz_host_save(fuzz, fuzz->fake.host, &bytes);
    struct bnt_host *third = fuzz_host_another(fuzz, &storage);
    CHECK(bnt_host_load(third, fuzz->fake.now_ns, state, bytes) == BNT_OK);
    CHECK(fuzz_host_saves(fuzz, third, state, bytes));
    fuzz_host_replace(fuzz, third, storage);
    free(state);
}

static void state_try(struct fuzz_host *fuzz, const uint8_t *state, size_t bytes,
                      struct fuzz_input *input)
{
    struct fake_driver *fake = &fuzz->fake;
    size_t fresh_bytes = 0;
    void *storage = NULL;

    fake->log_count = 0;
    fake->leaf_fail_from = 0;
    memset(fuzz->excused, 1, sizeof(fuzz->excused)); /* what the first one dropped stays so */
    fuzz_host_replace(fuzz, NULL, NULL);
    CHECK(fake->leaves_out == 0);
    struct bnt_host *host = fuzz_host_another(fuzz, &storage);
    fake->host = host;
    fake->storage = storage;
    uint8_t *fresh = fuzz_host_save(fuzz, host, &fresh_bytes);
    const bnt_status status = bnt_host_load(host, fake->now_ns, state, bytes);
    CHECK(status == BNT_OK || status == BNT_E_SAVED_STATE);
    if (status == BNT_OK) {
        loaded_drive(fuzz, input);
        load_again(fuzz, fresh, fresh_bytes);
    } else {
        CHECK(fake->leaves_out == 0);
        CHECK(fuzz_host_saves(fuzz, host, fresh, fresh_bytes));
    }
    free(fresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_host fuzz; /* too large for a stack; made anew each time */
    struct fuzz_input input = {data, size};
    const uint32_t setup = fuzz_take(&input, 1);
    const uint32_t shape = fuzz_take(&input, 1);

    fuzz_host_open(&fuzz, setup,
                   (shape & 4) != 0 ? BNT_INTERFACE_TRANSITIONAL : BNT_INTERFACE_MODERN);
    if ((shape & 1) != 0) {
        struct fuzz_input calls = {input.data, input.size < CALLS_BYTES ? input.size : CALLS_BYTES};
        state_try(&fuzz, input.data + calls.size, input.size - calls.size, &calls);
    } else {
        size_t bytes = 0;
        calls_run(&fuzz, &input, shape >> 3);
        uint8_t *saved = fuzz_host_save(&fuzz, fuzz.fake.host, &bytes);
        uint8_t *state = realloc(saved, bytes + EXTRA_BYTES);
        CHECK(state != NULL);
        bytes = state_alter(state, bytes, &input);
        fuzz.fake.config.memory.ledger =
            (shape & 2) != 0 ? BNT_HOST_LEDGER_LEAVES : BNT_HOST_LEDGER_FIXED;
        state_try(&fuzz, state, bytes, &input);
        free(state);
    }
    fuzz_host_close(&fuzz);
    return 0;
}
