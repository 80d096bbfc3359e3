/*
 * Faults: what a link, a driver or a device does wrong when the script says so.
 *
 * They are interposers around the ends of a VM's wire (`vm->ends`) and around the oracle; nothing
 * of them stands in what is honest.
 */
#ifndef SIM_FAULTS_FAULTS_H
#define SIM_FAULTS_FAULTS_H

#include "sim/world/vm.h"

/** Puts the interposers around the ends of a VM. */
void faults_interpose(struct vm *vm);

/** Whether the library takes the settings that the faults of the script change; else a sentence. */
bool faults_can_start(const struct vm *vm, char *error, size_t error_bytes);

/** Suspends by name the invariants that the declared quirks of driver and device break. */
void quirks_suspend_invariants(const struct vm *vm);

/** What the link loses, delays, repeats and reorders on the way. */
void link_carry_signal(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data);
/** A quiet phase: what the script still had in mind is forgotten. */
void link_end_faults(struct vm *vm);

/** An action of the script. */
void hostile_start_fault(struct vm *vm, const struct scenario_action *action);
/** The first page that the oracle knows in a place; UINT64_MAX if none. */
uint64_t hostile_find_page(const struct vm *vm, page_place place);
/** The device was reset: whoever only forged rings is good again. */
void hostile_end_ring_faults(struct vm *vm);

/* forged_rings.c: what lies in the rings */
/** Spoils the ring of the inflate queue. */
void rings_corrupt(struct vm *vm, corruption which);
void rings_corrupt_submitted(struct vm *vm, const struct bnt_guest_request *request);
/** True if it spoiled something. */
bool rings_corrupt_served(struct vm *vm, uint16_t queue);
/** Spoils the statistics buffer that is about to be told of; true: its kick is left out. */
bool rings_corrupt_statistics(struct vm *vm, uint16_t queue);
/** Spoils the report that is about to be told of. */
void rings_corrupt_report(struct vm *vm, uint16_t queue);

#endif
