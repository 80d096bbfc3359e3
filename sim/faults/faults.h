/*
 * Faults: what a link, a driver or a device does wrong when the script says so.
 *
 * The faults are interposers around the ends of a VM's wire (`vm->ends`) and around the oracle.
 * Code that works correctly contains no trace of faults.
 */
#ifndef SIM_FAULTS_FAULTS_H
#define SIM_FAULTS_FAULTS_H

#include "sim/world/vm.h"

/** Puts the interposers around the ends of a VM. */
void faults_add_interposers(struct vm *vm);

/** Whether the library accepts the settings after the script's faults have changed them; if not,
 * `error` receives a sentence. */
bool faults_can_start(const struct vm *vm, char *error, size_t error_bytes);

/** Suspends the invariants that the declared quirks of driver and device break, each by name. */
void quirks_suspend_invariants(const struct vm *vm);

/** Carries a notification over the link, which may lose, delay, repeat or reorder it. */
void link_deliver_notification(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data);
/** Ends the link's scripted faults when a quiet phase begins. */
void link_end_faults(struct vm *vm);

/** Starts the fault of an action of the script. */
void hostile_start_fault(struct vm *vm, const struct scenario_action *action);
/** Returns the first page that is in this place by the oracle, or UINT64_MAX. */
uint64_t hostile_find_page(const struct vm *vm, page_place place);
/** Ends faults that are only in rings, because a reset of the device has cleared the rings. */
void hostile_end_ring_faults(struct vm *vm);

/* forged_rings.c: faults in the rings */
/** Corrupts the ring of the inflate queue. */
void rings_corrupt_inflate_queue(struct vm *vm, corruption which);
void rings_corrupt_request(struct vm *vm, const struct bnt_guest_request *request);
/** Returns true if any fault corrupted the response. */
bool rings_corrupt_response(struct vm *vm, uint16_t queue);
/** Corrupts the newest statistics buffer before the device is kicked. Returns true if the driver's
 * kick must be dropped. */
bool rings_corrupt_statistics(struct vm *vm, uint16_t queue);
/** Corrupts a free page report before the device is kicked. */
void rings_corrupt_report(struct vm *vm, uint16_t queue);

#endif
