/*
 * The tables of functions of the two wires. The front chooses one table at init; no other file
 * depends on the choice.
 */
#include "lib/guest/front.h"

static const struct bnti_guest_wire virtio = {
    .detach_tells = true,
    .start = bnti_virtio_begin_reset,
    .start_poll = bnti_virtio_poll_start,
    .stop = bnti_virtio_begin_reset,
    .stop_waits = bnti_virtio_must_detach_wait,
    .poll = bnti_virtio_poll_config,
    .news = bnti_virtio_check_answer,
    .release_end = bnti_virtio_end_release,
    .submit = bnti_virtio_submit_request,
    .take = bnti_virtio_pop_used_buffers,
    .actual_write = bnti_virtio_write_actual,
    .request_pages = bnti_virtio_get_request_pages_max,
    .pfn_max = bnti_virtio_get_pfn_max,
    .spend = bnti_virtio_spend_budget,
    .has_huge = bnti_virtio_has_huge_pages,
    .serves_oom = bnti_virtio_can_deflate_on_oom,
};

static const struct bnti_guest_wire vmware = {
    .answers_at_once = true,
    .ticks = true,
    .slack = true,
    .deflates_freely = true,
    .start = bnti_vmware_begin_session,
    .start_poll = bnti_vmware_poll_start,
    .stop = bnti_vmware_begin_detach,
    .stop_waits = bnti_vmware_must_detach_wait,
    .poll = bnti_vmware_poll_tick,
    .news = bnti_vmware_check_answer,
    .release_end = bnti_vmware_end_release,
    .submit = bnti_vmware_submit_request,
    .take = bnti_vmware_apply_stored_answer,
    .actual_write = bnti_vmware_write_actual,
    .request_pages = bnti_vmware_get_request_pages_max,
    .pfn_max = bnti_vmware_get_pfn_max,
    .spend = bnti_vmware_spend_budget,
    .has_huge = bnti_vmware_has_huge_pages,
    .serves_oom = bnti_vmware_can_deflate_on_oom,
};

const struct bnti_guest_wire *bnti_guest_choose_wire(const struct bnt_guest_config *config)
{
    return config->wire == BNT_GUEST_WIRE_VMWARE ? &vmware : &virtio;
}
