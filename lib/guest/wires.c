/*
 * The two wires, a table of functions each: the front chooses one at init, and nobody else asks
 * which it is.
 */
#include "lib/guest/front.h"

static const struct bnti_guest_wire virtio = {
    .detach_tells = true,
    .start = bnti_virtio_reset_begin,
    .start_poll = bnti_virtio_start_poll,
    .stop = bnti_virtio_reset_begin,
    .stop_waits = bnti_virtio_stop_waits,
    .poll = bnti_virtio_poll,
    .news = bnti_virtio_news,
    .release_end = bnti_virtio_release_end,
    .submit = bnti_virtio_submit,
    .take = bnti_virtio_take,
    .actual_write = bnti_virtio_actual_write,
    .request_pages = bnti_virtio_request_pages,
    .pfn_max = bnti_virtio_pfn_max,
    .spend = bnti_virtio_spend,
    .has_huge = bnti_virtio_has_huge,
    .serves_oom = bnti_virtio_serves_oom,
};

static const struct bnti_guest_wire vmware = {
    .ticks = true,
    .slack = true,
    .deflates_freely = true,
    .start = bnti_vmware_start,
    .start_poll = bnti_vmware_start_poll,
    .stop = bnti_vmware_stop,
    .stop_waits = bnti_vmware_stop_waits,
    .poll = bnti_vmware_poll,
    .news = bnti_vmware_news,
    .release_end = bnti_vmware_release_end,
    .submit = bnti_vmware_submit,
    .take = bnti_vmware_take,
    .actual_write = bnti_vmware_actual_write,
    .request_pages = bnti_vmware_request_pages,
    .pfn_max = bnti_vmware_pfn_max,
    .spend = bnti_vmware_spend,
    .has_huge = bnti_vmware_has_huge,
    .serves_oom = bnti_vmware_serves_oom,
};

const struct bnti_guest_wire *bnti_guest_wire_of(const struct bnt_guest_config *config)
{
    return config->wire == BNT_GUEST_WIRE_VMWARE ? &vmware : &virtio;
}
