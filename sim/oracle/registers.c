/*
 * Handles the registers that the driver writes, and the events of driver and device about actual,
 * epochs and outcomes.
 *
 * This file checks the steps of a reset and the value of actual. It also checks that each target
 * request gets exactly one outcome. The world calls this file for each such write and event.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_observe_actual_written(struct oracle *oracle, uint32_t vm, uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint32_t order = shadow->config.page_order;
    const uint64_t least = shadow->in_place[PLACE_BALLOON] << order;
    const uint64_t most = least + (shadow->in_place[PLACE_DEFLATING] << order);
    if (pfns < least || pfns > most) {
        oracle_record_violation(oracle, vm, INVARIANT_ACTUAL_TRUE,
                                "the driver wrote %" PRIu64 " PFNs to actual while %" PRIu64
                                " are in the balloon",
                                pfns, least);
    }
    if (shadow->releasing) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_ONCE,
                                "the driver wrote actual before it acknowledged epoch %" PRIu32,
                                shadow->epoch);
    }
    if (shadow->actual_due && pfns != 0) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_ONCE,
                                "after the acknowledgement of the epoch the driver wrote %" PRIu64
                                " to actual instead of 0",
                                pfns);
    }
    if (shadow->actual_written_zero && !shadow->actual_due && pfns == 0 && least == 0) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_ONCE,
                                "the driver wrote actual = 0 twice for epoch %" PRIu32,
                                shadow->epoch_acked);
    }
    shadow->actual_written_zero = shadow->actual_due && pfns == 0;
    shadow->actual_due = false;
}

void oracle_observe_epoch_acknowledged(struct oracle *oracle, uint32_t vm, uint32_t epoch)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (epoch == shadow->epoch_acked && shadow->live) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_ONCE,
                                "the driver acknowledged epoch %" PRIu32 " twice", epoch);
    }
    const uint64_t left = shadow->in_place[PLACE_BALLOON] + shadow->in_place[PLACE_HELD] +
                          shadow->in_place[PLACE_TAKEN] + shadow->in_place[PLACE_INFLATING] +
                          shadow->in_place[PLACE_DEFLATING];
    if (left != 0) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_SILENT,
                                "the driver acknowledged epoch %" PRIu32
                                " while it still held %" PRIu64 " pages",
                                epoch, left);
    }
    shadow->epoch_acked = epoch;
    shadow->actual_due = shadow->releasing;
    shadow->releasing = false;
}

void oracle_observe_guest_event(struct oracle *oracle, uint32_t vm,
                                const struct bnt_guest_event *event)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (event->kind == BNT_GUEST_EVENT_RESET) {
        shadow->releasing = true;
        shadow->releasing_since_ns = engine_get_time_ns(oracle->engine);
    } else if (event->kind == BNT_GUEST_EVENT_DETACH_FORCED) {
        shadow->leaves = false;
    }
}

void oracle_observe_host_event(struct oracle *oracle, uint32_t vm,
                               const struct bnt_host_event *event)
{
    struct shadow *shadow = &oracle->vms[vm];
    switch (event->kind) {
    case BNT_HOST_EVENT_RESET:
        shadow->epoch = (uint32_t)event->value;
        shadow->reset_wanted = true;
        shadow->reset_ns = engine_get_time_ns(oracle->engine);
        oracle_observe_balloon_reset(oracle, vm);
        break;
    case BNT_HOST_EVENT_HINT:
        if (event->value == BNT_HOST_HINT_DONE && shadow->hint_state != BNT_HOST_HINT_DONE) {
            shadow->hint_done_ns = engine_get_time_ns(oracle->engine);
        }
        shadow->hint_state = (uint32_t)event->value;
        shadow->hint_notified = false;
        shadow->hint_id = (uint32_t)event->extra;
        break;
    case BNT_HOST_EVENT_DRIVER_OK:
        shadow->live = true;
        break;
    case BNT_HOST_EVENT_DEVICE_RESET:
        shadow->live = false;
        break;
    case BNT_HOST_EVENT_OUTCOME:
        if (event->extra == BNT_OUTCOME_PENDING || event->extra >= BNT_OUTCOME_COUNT ||
            event->value <= shadow->ended_id) {
            oracle_record_violation(
                oracle, vm, INVARIANT_ONE_OUTCOME,
                "target request %" PRIu64 " got the outcome %s after target request %" PRIu64
                " had its outcome",
                event->value, bnt_outcome_name((uint32_t)event->extra), shadow->ended_id);
        }
        shadow->ended_id = event->value;
        break;
    default:
        break;
    }
}

bool oracle_has_unknown_outcomes(const struct oracle *oracle, uint32_t vm)
{
    return oracle->vms[vm].unknown_pages > 0;
}

void oracle_observe_config_interrupt(struct oracle *oracle, uint32_t vm)
{
    oracle->vms[vm].hint_notified = true;
}

void oracle_observe_device_stall(struct oracle *oracle, uint32_t vm)
{
    oracle->vms[vm].request.since_ns = engine_get_time_ns(oracle->engine);
}

void oracle_observe_vm_pause(struct oracle *oracle, uint32_t vm, uint64_t until_ns)
{
    oracle->vms[vm].paused_until_ns = until_ns;
}

void oracle_observe_detach(struct oracle *oracle, uint32_t vm, bool orderly)
{
    oracle->vms[vm].leaves = orderly;
}

void oracle_observe_target_set(struct oracle *oracle, uint32_t vm, uint64_t id)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->ended_id + 1 < id) {
        oracle_record_violation(oracle, vm, INVARIANT_ONE_OUTCOME,
                                "target request %" PRIu64 " began while target request %" PRIu64
                                " has no outcome",
                                id, id - 1);
    }
    shadow->target_id = id;
    shadow->target_set_ns = engine_get_time_ns(oracle->engine);
}
