/*
 * The link delivers kicks and interrupts. This file also contains the faults that can happen to
 * them.
 *
 * A notification arrives after a latency, as an event. Scripted faults apply to the next n
 * notifications, before random faults do. A quiet phase ends both. docs/understand/model.md says
 * which of these faults VIRTIO allows.
 */
#include "sim/faults/faults.h"

static const char *const signal_names[SIGNAL_COUNT] = {"kick", "interrupt", "config-interrupt"};

static bool is_fault_drawn(struct vm *vm, const char *stream, const struct ratio *ratio)
{
    struct engine *engine = vm->world->engine;
    if (vm->world->quiet || ratio->numerator == 0) {
        return false;
    }
    return engine_draw_chance(engine, engine_open_stream(engine, stream), ratio->numerator,
                              ratio->denominator);
}

static bool is_notification_lost(struct vm *vm, link_signal signal)
{
    struct link_state *state = &vm->link[signal];
    bool drop = false;
    if (state->drop_next > 0) {
        state->drop_next--;
        drop = true;
    } else {
        drop = is_fault_drawn(vm, "link.drop", &vm->spec.link[signal].drop);
    }
    if (drop) {
        state->lost++;
        world_log_message(vm->world, LOG_EVENTS, "%s: the link has lost a %s", vm->spec.name,
                          signal_names[signal]);
    }
    return drop;
}

static uint64_t choose_notification_delay_ns(struct vm *vm, link_signal signal)
{
    struct link_state *state = &vm->link[signal];
    const struct link_faults *faults = &vm->spec.link[signal];
    if (state->delay_next > 0) {
        state->delay_next--;
        return faults->latency_ns + state->delay_next_ns;
    }
    if (is_fault_drawn(vm, "link.delay", &faults->delay)) {
        return faults->latency_ns + faults->delay_by_ns;
    }
    return faults->latency_ns;
}

static bool is_notification_duplicated(struct vm *vm, link_signal signal)
{
    struct link_state *state = &vm->link[signal];
    if (state->duplicate_next > 0) {
        state->duplicate_next--;
        return true;
    }
    return is_fault_drawn(vm, "link.duplicate", &vm->spec.link[signal].duplicate);
}

/** Delays one notification until the next one of the same kind has been sent. */
static bool hold_notification_back(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data)
{
    struct link_state *state = &vm->link[signal];
    if (!state->reorder_armed) {
        return false;
    }
    state->reorder_armed = false;
    state->reorder_held = true;
    state->reorder_queue = queue;
    state->reorder_data = data;
    return true;
}

void link_deliver_notification(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data)
{
    struct link_state *state = &vm->link[signal];
    if (is_notification_lost(vm, signal) || hold_notification_back(vm, signal, queue, data)) {
        return;
    }
    const uint64_t first_ns = choose_notification_delay_ns(vm, signal);
    vm_schedule_arrival(vm, signal, queue, data, first_ns);
    if (is_notification_duplicated(vm, signal)) {
        vm_schedule_arrival(vm, signal, queue, data, first_ns + 1);
    }
    if (state->reorder_held) {
        state->reorder_held = false;
        vm_schedule_arrival(vm, signal, state->reorder_queue, state->reorder_data, first_ns + 1);
    }
}

void link_end_faults(struct vm *vm)
{
    for (int signal = 0; signal < SIGNAL_COUNT; signal++) {
        vm->link[signal].drop_next = 0;
        vm->link[signal].duplicate_next = 0;
        vm->link[signal].delay_next = 0;
        vm->link[signal].reorder_armed = false;
    }
}
