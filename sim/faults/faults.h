/*
 * Faults: the wrong actions of a link, a driver or a device that the script asks for.
 *
 * The faults are interposers around the ends of a VM's wire (`vm->ends`) and around the oracle. The
 * code of a correct link, driver or device contains no code for faults.
 */
#ifndef SIM_FAULTS_FAULTS_H
#define SIM_FAULTS_FAULTS_H

#include "sim/world/vm.h"

/** Puts the link's faults between the driver and the device of a VM, and, if the script contains a
 * corruption for the VM, the interposers around both. */
void faults_add_interposers(struct vm *vm);

/** Faults of the script can change the settings of a party. Returns whether the library accepts the
 * changed settings; if not, `error` receives a message for people. */
bool faults_can_start(const struct vm *vm, char *error, size_t error_bytes);

/** Suspends each invariant that a declared quirk of the driver or the device violates. */
void quirks_suspend_invariants(const struct vm *vm);

/** Sends a notification over the link. The link can lose, delay, repeat or reorder it. */
void link_deliver_notification(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data);
/** Ends the link's scripted faults when a quiet phase begins. */
void link_end_faults(struct vm *vm);

/** Starts the fault that an action of the script names. */
void hostile_start_fault(struct vm *vm, const struct scenario_action *action);
/** Returns the first page that has this page_place according to the oracle; UINT64_MAX if there is
 * none. */
uint64_t hostile_find_page(const struct vm *vm, page_place place);
/** Ends faults that are only in rings, because a reset of the device has cleared the rings. */
void hostile_end_ring_faults(struct vm *vm);

/* forged_rings.c: faults in the rings */
/** Corrupts the ring of the inflate queue. */
void rings_corrupt_inflate_queue(struct vm *vm, corruption which);
void rings_corrupt_request(struct vm *vm, const struct bnt_guest_request *request);
/** Returns true if any fault corrupted the response. */
bool rings_corrupt_response(struct vm *vm, uint16_t queue);
/** Corrupts the newest statistics buffer before the driver kicks the device. Returns true if the
 * driver's kick must not be sent. */
bool rings_corrupt_statistics(struct vm *vm, uint16_t queue);
/** Corrupts a free page report before the driver kicks the device. */
void rings_corrupt_report(struct vm *vm, uint16_t queue);

#endif
