/*
 * Fills the two ends of a VM's wire with the functions of its peers.
 */
#include "sim/peers/peers.h"
#include "sim/world/backing.h"

#include <stdio.h>

static const struct driver_peer *const drivers[] = {&our_driver, &recording_player};

const struct driver_peer *peers_find_driver(const struct vm *vm)
{
    const size_t last = sizeof drivers / sizeof drivers[0] - 1;
    size_t i = 0;
    while (i < last && !drivers[i]->plays(vm)) {
        i++;
    }
    return drivers[i];
}

const struct device_peer *peers_find_device(const struct vm *vm)
{
    (void)vm;
    return &our_device;
}

static void deliver_notification(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data)
{
    vm_schedule_arrival(vm, signal, queue, data, vm->spec.link[signal].latency_ns);
}

void peers_fill_driver_and_device_ops(struct vm *vm)
{
    vm->honest = (struct vm_ends){
        .transport = registers_make_transport(),
        .guest = driver_make_ops(),
        .host = device_make_ops(vm),
        .driver = *peers_find_driver(vm),
        .device = *peers_find_device(vm),
        .carry = deliver_notification,
        .sync_dirty_log = backing_sync_dirty_log,
    };
    driver_add_hint_ops(&vm->honest.guest);
    calls_add_vmware_guest_ops(&vm->honest.guest);
    vm->ends = vm->honest;
}

bool peers_report_start_failure(char *error, size_t error_bytes, const struct vm *vm,
                                const char *what, bnt_status status)
{
    (void)snprintf(error, error_bytes, "%s: %s cannot start: %s", vm->spec.name, what,
                   bnt_status_text(status));
    return false;
}
