/*
 * The peers at the ends of a VM's wire: our driver, our device, and a recording in place of the
 * driver.
 */
#ifndef SIM_PEERS_PEERS_H
#define SIM_PEERS_PEERS_H

#include "sim/world/vm.h"

/** These two functions find the driver and the device of a VM. */
const struct driver_peer *peers_find_driver(const struct vm *vm);
const struct device_peer *peers_find_device(const struct vm *vm);

/** Fills `vm->ends` with the functions that are called if there is no fault. */
void peers_fill_driver_and_device_ops(struct vm *vm);

/** Writes into `error` why a part of the VM cannot start. Always returns false, so that its caller
 * can return the result of this function. */
bool peers_report_start_failure(char *error, size_t error_bytes, const struct vm *vm,
                                const char *what, bnt_status status);

/** Resets the device without the driver's knowledge. */
void registers_reset_device(struct vm *vm);

/** These two functions return a core that is going to be called and can change its state, and
 * record this for the expectations. */
static inline struct bnt_guest *peers_use_driver(struct vm *vm)
{
    vm->called_cores |= VM_CORE_DRIVER;
    return vm->guest;
}

static inline struct bnt_host *peers_use_device(struct vm *vm)
{
    vm->called_cores |= VM_CORE_DEVICE;
    return vm->host;
}

/* The tables of functions of all kinds of peers. */
extern const struct driver_peer our_driver;
extern const struct driver_peer recording_player;
extern const struct device_peer our_device;

/* driver.c, driver_ops.c, hint_ops.c, calls.c, registers.c: our driver */
void driver_make_config(const struct vm *vm, struct bnt_guest_config *made);
bool driver_can_start(struct vm *vm, char *error, size_t error_bytes);
bool driver_get_dma_bytes(const struct vm *vm, size_t *bytes, char *error, size_t error_bytes);
bool driver_create(struct vm *vm, char *error, size_t error_bytes);
bool driver_restart(struct vm *vm, char *error, size_t error_bytes);
struct bnt_guest_ops driver_make_ops(void);
void driver_add_hint_ops(struct bnt_guest_ops *ops);
void calls_add_vmware_guest_ops(struct bnt_guest_ops *ops);
struct bnt_drv_transport registers_make_transport(void);

/* device.c, device_ops.c: our device */
bool device_can_start(const struct vm *vm, char *error, size_t error_bytes);
bool device_create(struct vm *vm, char *error, size_t error_bytes);
void device_destroy(struct vm *vm);
bool device_replace_instance(struct vm *vm);
bnt_status device_restore(struct vm *vm);
struct bnt_host_ops device_make_ops(const struct vm *vm);

#endif
