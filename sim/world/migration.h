/*
 * Private to sim/world: a VM on its way to another host.
 */
#ifndef SIM_WORLD_MIGRATION_H
#define SIM_WORLD_MIGRATION_H

#include "sim/world/world_private.h"

struct migration {
    const struct scenario_action *action;
    uint64_t pages;
    uint64_t words;
    uint64_t *bitmap; /**< pages still to be sent in this round */
    uint64_t *dirty;  /**< the log: written since it was last looked at */
    uint64_t *sent;   /**< content at the destination */
    uint64_t *there;  /**< pages that have memory there */
    uint8_t *dma;     /**< the driver's DMA area there */
    uint64_t cursor;
    uint64_t event;
    uint64_t began_ns;
    uint32_t round;
    bool stopped; /**< the VM stands still, the rest is on its way */
};

#endif
