/*
 * Another device, another kernel: what the shadow of a VM forgets when one of its parties is
 * replaced by one that knows nothing.
 */
#include "sim/oracle/shadow.h"

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
