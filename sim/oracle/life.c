/*
 * Updates the model of a VM when its device is reset or replaced, or when another kernel starts.
 * Resets of the balloon, with their epochs, are handled in registers.c. The world calls this file
 * at each of these events. calls.c calls it when VMware's START is sent.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_observe_reset_without_driver(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    oracle_observe_balloon_reset(oracle, vm);
    shadow->uncompleted[0] = 0;
    shadow->uncompleted[1] = 0;
    shadow->discard_count = 0;
    /* The pages of a free page report are free again, even if the driver does not know this yet. */
    shadow_move_all_pages(oracle, vm, PLACE_REPORTING, PLACE_REPORTED);
}

void oracle_observe_device_reset(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->leaves && shadow->in_place[PLACE_BALLOON] > 0) {
        oracle_record_violation(oracle, vm, INVARIANT_DETACH_TOLD,
                                "the driver reset the device before it deflated %" PRIu64 " pages",
                                shadow->in_place[PLACE_BALLOON]);
    }
    shadow->leaves = false;
    shadow_end_loans(oracle, vm);
    shadow_move_all_pages(oracle, vm, PLACE_INFLATING, PLACE_TAKEN);
    shadow_move_all_pages(oracle, vm, PLACE_BALLOON, PLACE_TAKEN);
    shadow_move_all_pages(oracle, vm, PLACE_DEFLATING, PLACE_TAKEN);
    oracle_observe_reset_without_driver(oracle, vm);
    shadow->in_flight = 0;
    shadow->unknown_pages = 0;
    shadow->releasing = false;
    shadow->actual_due = false;
    shadow->actual_written_zero = false;
}

void oracle_observe_device_replaced(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->leaves = false; /* an orderly detach from the previous device cannot continue */
    oracle_observe_device_reset(oracle, vm);
    shadow->epoch = 1;
    shadow->epoch_acked = 0;
    shadow->live = false;
    shadow->target_id = 0;
    shadow->ended_id = 0;
    shadow->request.id = 0; /* the new device numbers its requests from 1 again */
    shadow->hint_state = BNT_HOST_HINT_STOP;
}

void oracle_observe_kernel_replaced(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow_end_loans(oracle, vm);
    for (int place = PLACE_OS + 1; place < PLACE_COUNT; place++) {
        shadow_move_all_pages(oracle, vm, (page_place)place, PLACE_OS);
    }
    shadow->in_flight = 0;
    shadow->uncompleted[0] = 0;
    shadow->uncompleted[1] = 0;
    shadow->releasing = false;
    shadow->actual_due = false;
    shadow->actual_written_zero = false;
    shadow->leaves = false;
}
