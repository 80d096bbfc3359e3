/*
 * A device that is reset or replaced, another kernel: what the shadow of a VM forgets when one of
 * its parties knows nothing of it any more. Called by the world at such an event, and by calls.c
 * for VMware's START.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_device_forgets(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    oracle_host_forgets(oracle, vm);
    shadow->unserved[0] = 0;
    shadow->unserved[1] = 0;
    shadow->drop_count = 0;
    for (uint64_t page = 0; page < shadow->pages && shadow->in_place[PLACE_REPORTING] > 0; page++) {
        if (shadow->place[page] == PLACE_REPORTING) { /* the guest's, whatever the driver knows */
            shadow_move(oracle, vm, shadow->config.first_pfn + (page << shadow->config.page_order),
                        &shadow->place[page], PLACE_REPORTED);
        }
    }
}

void oracle_device_reset(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->leaves && shadow->in_place[PLACE_BALLOON] > 0) {
        oracle_violate(oracle, vm, INVARIANT_DETACH_TOLD,
                       "the device is reset with %" PRIu64 " pages that it was not told of",
                       shadow->in_place[PLACE_BALLOON]);
    }
    shadow->leaves = false;
    for (uint64_t page = 0; page < shadow->pages; page++) {
        shadow->place[page] &= ~SHADOW_LENT & UINT8_MAX;
        const uint8_t place = shadow->place[page];
        if (place == PLACE_OS || place == PLACE_TAKEN || place == PLACE_HELD ||
            place == PLACE_PARTS || place == PLACE_REPORTED || place == PLACE_HINTED) {
            continue;
        }
        shadow_move(oracle, vm, shadow->config.first_pfn + (page << shadow->config.page_order),
                    &shadow->place[page], place == PLACE_REPORTING ? PLACE_REPORTED : PLACE_TAKEN);
    }
    oracle_device_forgets(oracle, vm);
    shadow->exposed = 0;
    shadow->uncertain_pages = 0;
    shadow->releasing = false;
    shadow->actual_due = false;
    shadow->actual_written_zero = false;
}

void oracle_device_new(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->leaves = false; /* whoever leaves, leaves another device */
    oracle_device_reset(oracle, vm);
    shadow->epoch = 1;
    shadow->epoch_acked = 0;
    shadow->live = false;
    shadow->target_id = 0;
    shadow->ended_id = 0;
    shadow->request.id = 0; /* ids begin anew */
    shadow->hint_state = BNT_HOST_HINT_STOP;
}

void oracle_guest_restart(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint32_t order = shadow->config.page_order;
    for (uint64_t page = 0; page < shadow->pages; page++) {
        if (shadow->place[page] != PLACE_OS) {
            shadow_move(oracle, vm, shadow->config.first_pfn + (page << order),
                        &shadow->place[page], PLACE_OS);
        }
    }
    shadow->exposed = 0;
    shadow->unserved[0] = 0;
    shadow->unserved[1] = 0;
    shadow->releasing = false;
    shadow->actual_due = false;
    shadow->actual_written_zero = false;
    shadow->leaves = false;
}
