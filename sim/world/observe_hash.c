/*
 * The observer for the hash: it adds what happened to the payload of the event that is being
 * handled.
 *
 * The lines in this file determine the hash of every scenario, so an additional line changes all
 * hashes.
 */
#include "sim/world/observers.h"
#include "sim/world/vm.h"

#include <string.h>

static void add_word_to_hash(const struct vm *vm, uint64_t value)
{
    engine_add_payload_word(vm->world->engine, value);
}

static void hash_observed_value(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, seen->value);
}

static void hash_two_observed_values(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, seen->value);
    add_word_to_hash(vm, seen->other);
}

static void hash_observed_range(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, seen->at);
    add_word_to_hash(vm, seen->value);
}

static void hash_observed_count(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, seen->count);
}

static void hash_observed_queue(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, seen->queue);
}

static void hash_observed_pages(struct vm *vm, const struct observation *seen)
{
    engine_add_payload_words(vm->world->engine, seen->pages, seen->count);
}

static void hash_observed_config(struct vm *vm, const struct observation *seen)
{
    if (seen->at == BNT_BALLOON_CONFIG_EPOCH_ACK && seen->count == sizeof(bnt_le32)) {
        add_word_to_hash(vm, observation_get_le32(seen));
    }
}

static void hash_vmware_call(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, seen->call->command);
    add_word_to_hash(vm, (uint32_t)seen->call->status);
    add_word_to_hash(vm, seen->call->result);
}

static void hash_guest_event(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, (uint64_t)seen->guest_event->kind);
    add_word_to_hash(vm, seen->guest_event->value);
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
    add_word_to_hash(vm, seen->guest_hint->command);
    add_word_to_hash(vm, seen->guest_hint->first_pfn);
    add_word_to_hash(vm, seen->guest_hint->pfns);
}

static void hash_host_event(struct vm *vm, const struct observation *seen)
{
    add_word_to_hash(vm, (uint64_t)seen->host_event->kind);
    add_word_to_hash(vm, seen->host_event->value);
    add_word_to_hash(vm, seen->host_event->extra);
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
        add_word_to_hash(vm, seen->bins[i].anon_bytes);
        add_word_to_hash(vm, seen->bins[i].file_bytes);
    }
}

static void hash_hint_pages_return(struct vm *vm, const struct observation *seen)
{
    hash_observed_pages(vm, seen);
    add_word_to_hash(vm, seen->flag);
}

const struct observer hash_observer = {
    .name = "hash",
    .on =
        {
            [OBSERVED_FEATURES_WRITING] = hash_observed_value,
            [OBSERVED_STATUS_WRITING] = hash_observed_value,
            [OBSERVED_CONFIG_WRITING] = hash_observed_config,
            [OBSERVED_ACTUAL_WRITTEN] = hash_observed_value,
            [OBSERVED_QUEUE_RESETTING] = hash_observed_queue,
            [OBSERVED_DOORBELL_RUNG] = hash_two_observed_values,
            [OBSERVED_CALLED] = hash_vmware_call,
            [OBSERVED_REPORTED] = hash_observed_range,
            [OBSERVED_HINTED] = hash_observed_range,
            [OBSERVED_GUEST_EVENT] = hash_guest_event,
            [OBSERVED_GUEST_REQUEST] = hash_guest_request,
            [OBSERVED_GUEST_HINT] = hash_guest_hint,
            [OBSERVED_HOST_EVENT] = hash_host_event,
            [OBSERVED_HOST_REQUEST] = hash_host_request,
            [OBSERVED_PAGES_FILLING] = hash_observed_value,
            [OBSERVED_PAGES_INITIALISED] = hash_observed_count,
            [OBSERVED_PAGES_COMING] = hash_observed_count,
            [OBSERVED_REPORT_TAKEN] = hash_observed_pages,
            [OBSERVED_REPORT_DONE] = hash_observed_count,
            [OBSERVED_WORKING_SET] = hash_working_set,
            [OBSERVED_HINT_BLOCK_TAKEN] = hash_observed_value,
            [OBSERVED_HINT_RETURNED] = hash_hint_pages_return,
            [OBSERVED_HINTS_SHRUNK] = hash_observed_value,
            [OBSERVED_WORKLOAD_TICKED] = hash_two_observed_values,
            [OBSERVED_RECLAIMED] = hash_observed_value,
            [OBSERVED_OOM_DEFLATED] = hash_two_observed_values,
            [OBSERVED_DEVICE_SAVED] = hash_observed_value,
            [OBSERVED_MEMORY_ADDED] = hash_observed_value,
            [OBSERVED_MIGRATE_SENT] = hash_two_observed_values,
            [OBSERVED_MIGRATE_COUNTED] = hash_two_observed_values,
            [OBSERVED_PAGE_MEDDLED] = hash_observed_value,
        },
};
