/*
 * The observer that hashes: it adds what happened to the payload of the event that is being
 * handled.
 *
 * These lines determine the hash of every scenario: adding a line changes all hashes.
 */
#include "sim/world/observers.h"
#include "sim/world/vm.h"

#include <string.h>

static void hash_word(const struct vm *vm, uint64_t value)
{
    engine_add_payload(vm->world->engine, value);
}

static void hash_value(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, seen->value);
}

static void hash_value_and_other(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, seen->value);
    hash_word(vm, seen->other);
}

static void hash_range(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, seen->at);
    hash_word(vm, seen->value);
}

static void hash_count(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, seen->count);
}

static void hash_queue(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, seen->queue);
}

static void hash_pages(struct vm *vm, const struct observation *seen)
{
    engine_add_payload_words(vm->world->engine, seen->pages, seen->count);
}

static void hash_config(struct vm *vm, const struct observation *seen)
{
    if (seen->at == BNT_BALLOON_CONFIG_EPOCH_ACK && seen->count == sizeof(bnt_le32)) {
        hash_word(vm, observation_get_le32(seen));
    }
}

static void hash_call(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, seen->call->command);
    hash_word(vm, (uint32_t)seen->call->status);
    hash_word(vm, seen->call->result);
}

static void hash_guest_event(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, (uint64_t)seen->guest_event->kind);
    hash_word(vm, seen->guest_event->value);
}

static void hash_guest_request(struct vm *vm, const struct observation *seen)
{
    const struct bnt_guest_request *request = seen->guest_request;
    if (request->complete) {
        engine_add_payload_bytes(vm->world->engine, request->verdicts, request->verdict_count);
    } else {
        engine_add_payload_words(vm->world->engine, request->pages, request->page_count);
    }
}

static void hash_guest_hint(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, seen->guest_hint->command);
    hash_word(vm, seen->guest_hint->first_pfn);
    hash_word(vm, seen->guest_hint->pfns);
}

static void hash_host_event(struct vm *vm, const struct observation *seen)
{
    hash_word(vm, (uint64_t)seen->host_event->kind);
    hash_word(vm, seen->host_event->value);
    hash_word(vm, seen->host_event->extra);
}

static void hash_host_request(struct vm *vm, const struct observation *seen)
{
    const struct bnt_host_request *request = seen->host_request;
    if (request->verdicts != NULL) {
        engine_add_payload_bytes(vm->world->engine, request->verdicts, request->pfn_count);
    } else {
        engine_add_payload_halves(vm->world->engine, request->pfns, request->pfn_count);
    }
}

static void hash_working_set(struct vm *vm, const struct observation *seen)
{
    for (uint32_t i = 0; i < seen->count; i++) {
        hash_word(vm, seen->bins[i].anon_bytes);
        hash_word(vm, seen->bins[i].file_bytes);
    }
}

static void hash_hint_returned(struct vm *vm, const struct observation *seen)
{
    hash_pages(vm, seen);
    hash_word(vm, seen->flag);
}

const struct observer hash_observer = {
    .name = "hash",
    .on =
        {
            [OBSERVED_FEATURES_WRITING] = hash_value,
            [OBSERVED_STATUS_WRITING] = hash_value,
            [OBSERVED_CONFIG_WRITING] = hash_config,
            [OBSERVED_ACTUAL_WRITTEN] = hash_value,
            [OBSERVED_QUEUE_RESETTING] = hash_queue,
            [OBSERVED_DOORBELL_RUNG] = hash_value_and_other,
            [OBSERVED_CALLED] = hash_call,
            [OBSERVED_REPORTED] = hash_range,
            [OBSERVED_HINTED] = hash_range,
            [OBSERVED_GUEST_EVENT] = hash_guest_event,
            [OBSERVED_GUEST_REQUEST] = hash_guest_request,
            [OBSERVED_GUEST_HINT] = hash_guest_hint,
            [OBSERVED_HOST_EVENT] = hash_host_event,
            [OBSERVED_HOST_REQUEST] = hash_host_request,
            [OBSERVED_PAGES_FILLING] = hash_value,
            [OBSERVED_PAGES_INITIALISED] = hash_count,
            [OBSERVED_PAGES_COMING] = hash_count,
            [OBSERVED_REPORT_TAKEN] = hash_pages,
            [OBSERVED_REPORT_DONE] = hash_count,
            [OBSERVED_WORKING_SET] = hash_working_set,
            [OBSERVED_HINT_BLOCK_TAKEN] = hash_value,
            [OBSERVED_HINT_RETURNED] = hash_hint_returned,
            [OBSERVED_HINTS_SHRUNK] = hash_value,
            [OBSERVED_WORKLOAD_TICKED] = hash_value_and_other,
            [OBSERVED_RECLAIMED] = hash_value,
            [OBSERVED_OOM_DEFLATED] = hash_value_and_other,
            [OBSERVED_DEVICE_SAVED] = hash_value,
            [OBSERVED_MEMORY_ADDED] = hash_value,
            [OBSERVED_MIGRATE_SENT] = hash_value_and_other,
            [OBSERVED_MIGRATE_COUNTED] = hash_value_and_other,
            [OBSERVED_PAGE_MEDDLED] = hash_value,
        },
};
