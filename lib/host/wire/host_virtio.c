/*
 * VIRTIO's wire: the guest learns of a target or reset by configuration space, and tells of pages
 * in its queues.
 */
#include "lib/host/wire/host_wire.h"

static bool virtio_config_valid(const struct bnt_host_config *config)
{
    return config->vmware.capabilities == 0;
}

static bool virtio_has_epochs(const struct bnt_host_config *config)
{
    return (config->features.offered & config->features.binding.reset) != 0;
}

static bnt_status virtio_reset_possible(const struct bnt_host *host)
{
    const bool live = bnt_dev_live(&host->dev) || bnt_dev_suspended(&host->dev);

    if (live && bnti_host_negotiated(host, host->config.features.binding.reset)) {
        return BNT_OK;
    }
    /* What was never offered will not come with a driver. */
    return live || (host->dev.offered & host->config.features.binding.reset) == 0
               ? BNT_E_UNSUPPORTED
               : BNT_E_STATE;
}

static void virtio_reset_announce(struct bnt_host *host)
{
    bnti_host_config_interrupt(host, true);
}

static void virtio_target_announce(struct bnt_host *host)
{
    bnti_host_config_interrupt(host, host->config_due ||
                                         (host->dev.status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 ||
                                         bnt_dev_suspended(&host->dev));
}

static bool virtio_is_told_first(const struct bnt_host *host)
{
    return bnti_host_negotiated(host, BNT_BALLOON_F_MUST_TELL_HOST);
}

static void virtio_info(const struct bnt_host *host, struct bnt_host_info *info)
{
    info->target.actual_pfns = host->actual;
}

const struct bnti_host_wire bnti_host_wire_virtio = {
    .pfn_max = BNT_PFN_MAX,
    .config_valid = virtio_config_valid,
    .has_epochs = virtio_has_epochs,
    .reset_possible = virtio_reset_possible,
    .reset_announce = virtio_reset_announce,
    .target_announce = virtio_target_announce,
    .is_told_first = virtio_is_told_first,
    .info = virtio_info,
};
