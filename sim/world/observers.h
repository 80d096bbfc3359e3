/*
 * Declares all observers, for the code that adds them to a world. Each observer is defined in the
 * folder that uses what it observes.
 */
#ifndef SIM_WORLD_OBSERVERS_H
#define SIM_WORLD_OBSERVERS_H

#include "sim/world/observation.h"

#include <ballonet/base.h>

#include <string.h>

extern const struct observer hash_observer;
extern const struct observer log_observer;
extern const struct observer account_observer;
extern const struct observer settled_observer;
extern const struct observer oracle_observer;
extern const struct observer conformance_observer;
extern const struct observer forging_observer;
extern const struct observer migration_observer;
extern const struct observer compaction_observer;
extern const struct observer script_observer;

/** Returns the value that the driver writes to a 32-bit field of the configuration. */
static inline uint32_t observation_get_le32(const struct observation *seen)
{
    bnt_le32 value;
    memcpy(&value, seen->data, sizeof value);
    return bnt_le32_to_cpu(value);
}

#endif
