/*
 * What the host core calls: guest memory by copies, discard, interrupts, leaves, chance.
 *
 * Of guest memory only the driver's DMA area has bytes; any other page is its content tag, spread
 * over its bytes, so that a device that reads or writes where it should not is seen.
 */
#include "sim/world/world_private.h"

#include <string.h>

/* ---- Guest memory ---- */

static bool in_dma(const struct vm *vm, uint64_t gpa)
{
    return gpa >= vm->dma_gpa && gpa - vm->dma_gpa < vm->dma_bytes;
}

static uint8_t tag_byte(const struct vm *vm, uint64_t gpa)
{
    return (uint8_t)(backing_read(vm, gpa >> BNT_PFN_SHIFT) >> (8 * (gpa & 7)));
}

static bnt_status mem_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    const struct vm *vm = opaque;
    conformance_device_reads(vm->world->conformance, vm->index, gpa, bytes);
    if (in_dma(vm, gpa) && bytes <= vm->dma_bytes - (gpa - vm->dma_gpa)) {
        memcpy(dst, vm->dma + (gpa - vm->dma_gpa), bytes);
        return BNT_OK;
    }
    uint8_t *out = dst;
    for (uint32_t i = 0; i < bytes; i++) {
        out[i] = in_dma(vm, gpa + i) ? vm->dma[gpa + i - vm->dma_gpa] : tag_byte(vm, gpa + i);
    }
    return BNT_OK;
}

static bnt_status mem_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    struct vm *vm = opaque;
    if (in_dma(vm, gpa) && bytes <= vm->dma_bytes - (gpa - vm->dma_gpa)) {
        memcpy(vm->dma + (gpa - vm->dma_gpa), src, bytes);
        conformance_device_wrote(vm->world->conformance, vm->index, gpa, bytes);
        return BNT_OK;
    }
    const uint8_t *in = src;
    for (uint32_t i = 0; i < bytes; i++) {
        if (in_dma(vm, gpa + i)) {
            vm->dma[gpa + i - vm->dma_gpa] = in[i];
        } else {
            const uint64_t pfn = (gpa + i) >> BNT_PFN_SHIFT;
            backing_write(vm, pfn, bnt_hash_add(backing_read(vm, pfn), in[i]));
        }
    }
    conformance_device_wrote(vm->world->conformance, vm->index, gpa, bytes);
    return BNT_OK;
}

struct bnt_mem_ops vm_mem_ops(void)
{
    return (struct bnt_mem_ops){
        .size = sizeof(struct bnt_mem_ops), .read = mem_read, .write = mem_write};
}

/* ---- Outgoing calls ---- */

static void interrupt(void *opaque, uint16_t queue)
{
    const struct vm *vm = opaque;
    conformance_interrupt(vm->world->conformance, vm->index, queue);
    if (hostile_after_serve(opaque, queue)) {
        conformance_spoiled(vm->world->conformance, vm->index, queue);
    }
    link_signal_send(opaque, SIGNAL_INTERRUPT, queue);
}

static void config_interrupt(void *opaque)
{
    const struct vm *vm = opaque;
    conformance_config_interrupt(vm->world->conformance, vm->index);
    link_signal_send(opaque, SIGNAL_CONFIG, 0);
}

static bnt_status discard(void *opaque, uint64_t gpa, uint64_t bytes, uint64_t *freed)
{
    struct vm *vm = opaque;
    const uint64_t first_pfn = gpa >> BNT_PFN_SHIFT;
    const uint64_t pfns = bytes >> BNT_PFN_SHIFT;
    if (engine_now(vm->world->engine) < vm->inhibited_until_ns) {
        return BNT_E_STATE;
    }
    if (first_pfn - vm->spec.first_pfn + pfns > vm->spec.memory_bytes >> BNT_PFN_SHIFT) {
        world_fail(vm->world, VERDICT_FAIL,
                   "%s: the host dropped what is beyond the guest's memory", vm->spec.name);
        return BNT_E_RANGE;
    }
    backing_drop(vm, first_pfn, pfns, freed);
    conformance_discarded(vm->world->conformance, vm->index, first_pfn, pfns);
    if (vm->world->oracle != NULL) {
        oracle_discard(vm->world->oracle, vm->index, first_pfn, pfns);
    }
    return BNT_OK;
}

static bnt_status fill(void *opaque, uint64_t gpa, uint64_t bytes, uint32_t value, uint64_t *freed)
{
    struct vm *vm = opaque;
    const uint64_t first_pfn = gpa >> BNT_PFN_SHIFT;
    const uint64_t pfns = bytes >> BNT_PFN_SHIFT;
    backing_fill(vm, first_pfn, pfns, value, freed);
    if (value == 0) { /* else it reads as the driver wants it */
        conformance_discarded(vm->world->conformance, vm->index, first_pfn, pfns);
    }
    if (vm->world->oracle != NULL) {
        oracle_discard(vm->world->oracle, vm->index, first_pfn, pfns);
    }
    return BNT_OK;
}

/** Refusals by chance are faults: in a quiet phase the draw is one that no chance is met by. */
static uint32_t draw(void *opaque, uint32_t bound)
{
    const struct vm *vm = opaque;
    if (vm->world->quiet) {
        return bound - 1;
    }
    struct engine *engine = vm->world->engine;
    return (uint32_t)engine_choose(engine, engine_stream(engine, "refuse"), CHOICE_CHANCE, bound);
}

static void *leaf_alloc(void *opaque, size_t bytes)
{
    const struct vm *vm = opaque;
    return arena_zalloc(vm->world->arena, bytes);
}

static void leaf_free(void *opaque, void *leaf, size_t bytes)
{
    const struct vm *vm = opaque;
    arena_free(vm->world->arena, leaf, bytes);
}

/** Numbers that stand for a name are told by it. */
static void event_log(const struct vm *vm, const struct bnt_host_event *event)
{
    const char *name = bnt_host_event_name((uint32_t)event->kind);
    switch (event->kind) {
    case BNT_HOST_EVENT_OUTCOME:
        world_log(vm->world, LOG_EVENTS, "%s: host %s %llu '%s'", vm->spec.name, name,
                  (unsigned long long)event->value, bnt_outcome_name((uint32_t)event->extra));
        break;
    case BNT_HOST_EVENT_BROKEN:
    case BNT_HOST_EVENT_MISUSE:
        world_log(vm->world, LOG_EVENTS, "%s: host %s '%s' %llu", vm->spec.name, name,
                  bnt_fault_text((bnt_fault)event->value), (unsigned long long)event->extra);
        break;
    default:
        world_log(vm->world, LOG_EVENTS, "%s: host %s %llu %llu", vm->spec.name, name,
                  (unsigned long long)event->value, (unsigned long long)event->extra);
        break;
    }
}

static void host_event(void *opaque, const struct bnt_host_event *event)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    engine_payload(world->engine, (uint64_t)event->kind);
    engine_payload(world->engine, event->value);
    engine_payload(world->engine, event->extra);
    vm->touched = true;
    event_log(vm, event);
    if (event->kind == BNT_HOST_EVENT_HINT) {
        bnt_le32 command;
        bnt_host_config_read(vm->host, BNT_BALLOON_CONFIG_HINT_CMD_ID, &command, sizeof command);
        conformance_hint_shown(world->conformance, vm->index, bnt_le32_get(command));
    }
    if (event->kind == BNT_HOST_EVENT_OUTCOME) {
        vm->account.outcome = (bnt_outcome)event->extra;
        vm->account.outcome_ns = engine_now(world->engine);
        vm->account.outcomes[event->extra % BNT_OUTCOME_COUNT]++;
    }
    if (world->oracle != NULL) {
        oracle_host_event(world->oracle, vm->index, event);
        if (event->kind == BNT_HOST_EVENT_OUTCOME && hostile_take(vm, CORRUPT_OUTCOME_TWICE)) {
            oracle_host_event(world->oracle, vm->index, event);
        }
    }
    script_trigger(vm, TRIGGER_HOST, (uint32_t)event->kind);
}

static void host_request(void *opaque, const struct bnt_host_request *request)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    vm->touched = true;
    if (request->verdicts != NULL) {
        engine_payload_bytes(world->engine, request->verdicts, request->pfn_count);
    } else {
        engine_payload_halves(world->engine, request->pfns, request->pfn_count);
    }
    if (world->oracle != NULL && request->unit_pfns > 1) {
        units_host_request(vm, request);
    } else if (world->oracle != NULL) {
        struct bnt_host_request seen = *request;
        const uint8_t served[1] = {BNT_VERDICT_ACCEPTED};
        if (request->stale && hostile_take(vm, CORRUPT_STALE_SERVED)) {
            seen.pfn_count = 1;
            seen.verdicts = served;
        }
        uint32_t other[BNT_BALLOON_REQUEST_PFNS_MAX];
        if (!request->inflate && request->pfn_count <= BNT_BALLOON_REQUEST_PFNS_MAX &&
            hostile_take(vm, CORRUPT_DEFLATE_OTHER)) {
            memcpy(other, request->pfns, request->pfn_count * sizeof other[0]);
            other[0] = (uint32_t)(hostile_page_in(vm, PLACE_BALLOON) - request->pfn_base);
            seen.pfns = other;
        }
        oracle_host_request(world->oracle, vm->index, &seen);
    }
}

static void report(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    vm->touched = true;
    vm->account.reported_pfns += pfns;
    engine_payload(world->engine, first_pfn);
    engine_payload(world->engine, pfns);
    if (hostile_take(vm, CORRUPT_POISON_LOST)) {
        uint64_t freed = 0;
        backing_drop(vm, first_pfn, pfns, &freed);
    }
    if (world->oracle != NULL) {
        oracle_report(world->oracle, vm->index, first_pfn, pfns);
    }
    script_trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_REPORT);
}

struct bnt_host_ops vm_host_ops(const struct vm *vm)
{
    return (struct bnt_host_ops){
        .size = sizeof(struct bnt_host_ops),
        .interrupt = interrupt,
        .config_interrupt = config_interrupt,
        .discard = vm->spec.device.discard ? discard : NULL,
        .fill = vm->spec.device.fill ? fill : NULL,
        .draw = draw,
        .leaf_alloc = leaf_alloc,
        .leaf_free = leaf_free,
        .event = host_event,
        .request = host_request,
        .report = report,
        .hint = hint_taken,
        .doorbell = vmware_doorbell,
    };
}
