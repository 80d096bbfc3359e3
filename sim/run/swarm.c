/*
 * Swarm: before anything else happens, a run draws values for knobs (settings with a range) from
 * the ranges that the scenario gives.
 *
 * Each knob has its own choice stream, so that a new knob does not change the values of the others.
 */
#include "sim/run/run_private.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t draw_swarm_setting(struct world *world, const struct scenario_swarm *swarm)
{
    const uint64_t offset =
        engine_draw_choice(world->engine, engine_open_stream(world->engine, swarm->stream),
                           CHOICE_RANGE, swarm->high - swarm->low + 1);
    return swarm->low + offset;
}

static uint16_t round_down_to_power_of_two(uint64_t value)
{
    uint16_t power = 1;
    while ((uint64_t)power * 2 <= value && power < 0x4000) {
        power = (uint16_t)(power * 2);
    }
    return power;
}

void swarm_apply_setting(struct scenario_vm *vm, const struct scenario_swarm *swarm, uint64_t value)
{
    struct link_faults *faults = &vm->link[swarm->signal];
    const struct ratio ratio = {(uint32_t)value, swarm->denominator};
    switch (swarm->knob) {
    case SWARM_DROP:
        faults->drop = ratio;
        break;
    case SWARM_DUPLICATE:
        faults->duplicate = ratio;
        break;
    case SWARM_DELAY:
        faults->delay = ratio;
        break;
    case SWARM_DELAY_BY:
        faults->delay_by_ns = value;
        break;
    case SWARM_LATENCY:
        faults->latency_ns = value;
        break;
    case SWARM_SERVICE:
        vm->service_ns = value;
        break;
    case SWARM_REQUEST_PAGES:
        vm->driver.config.requests.pfns_max = (uint16_t)value;
        break;
    case SWARM_QUEUE_SIZE:
        vm->driver.config.queues.size_max =
            (vm->driver.config.features.wanted & BNT_F_RING_PACKED) != 0
                ? (uint16_t)value
                : round_down_to_power_of_two(value);
        break;
    case SWARM_REFUSED_MAX:
        vm->driver.config.sizing.refused_pages_max = (uint32_t)value;
        break;
    }
}

void swarm_draw_settings(struct world *world)
{
    for (uint32_t i = 0; i < world->scenario->swarm_count; i++) {
        const struct scenario_swarm *swarm = &world->scenario->swarms[i];
        for (uint32_t vm = 0; vm < world->vm_count; vm++) {
            if (scenario_does_swarm_concern(swarm, vm)) {
                const uint64_t value = draw_swarm_setting(world, swarm);
                swarm_apply_setting(&world->vms[vm].spec, swarm, value);
                world_log_message(world, LOG_EVENTS, "swarm: %s %s = %" PRIu64 "%s",
                                  world->vms[vm].spec.name, swarm->name, value,
                                  swarm->denominator > 1 ? " of its denominator" : "");
            }
        }
    }
}
