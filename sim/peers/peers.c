/*
 * The ends of a VM's wire as its peers make them.
 */
#include "sim/peers/peers.h"
#include "sim/world/backing.h"

#include <stdio.h>

static const struct driver_peer *const drivers[] = {&our_driver, &recording_player};

const struct driver_peer *peers_driver(const struct vm *vm)
{
    size_t i = 0;
    while (!drivers[i]->plays(vm)) { /* one always does */
        i++;
    }
    return drivers[i];
}

const struct device_peer *peers_device(const struct vm *vm)
{
    (void)vm;
    return &our_device;
}

static void carry(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data)
{
    vm_signal_arrive(vm, signal, queue, data, vm->spec.link[signal].latency_ns);
}

void peers_ends_make(struct vm *vm)
{
    vm->honest = (struct vm_ends){
        .transport = registers_transport(),
        .guest = driver_ops(),
        .host = device_ops(vm),
        .driver = *peers_driver(vm),
        .device = *peers_device(vm),
        .carry = carry,
        .sync_dirty_log = backing_sync_dirty_log,
    };
    driver_hint_ops(&vm->honest.guest);
    calls_guest_ops(&vm->honest.guest);
    vm->ends = vm->honest;
}

bool peers_refuse(char *error, size_t error_bytes, const struct vm *vm, const char *what,
                  bnt_status status)
{
    (void)snprintf(error, error_bytes, "%s: %s cannot start: %s", vm->spec.name, what,
                   bnt_status_text(status));
    return false;
}
