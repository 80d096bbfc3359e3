/*
 * VIRTIO's wire: configuration space tells the guest of a target or a reset, and the guest sends
 * pages in its queues.
 */
#include "lib/host/wire/host_wire.h"

static bool is_virtio_config_valid(const struct bnt_host_config *config)
{
    return config->vmware.capabilities == 0;
}

static bool virtio_has_epochs(const struct bnt_host_config *config)
{
    return (config->features.offered & config->features.binding.reset) != 0;
}

static bnt_status check_virtio_reset(const struct bnt_host *host)
{
    const bool live = bnt_dev_is_live(&host->dev) || bnt_dev_is_suspended(&host->dev);

    if (live && bnti_host_has_negotiated(host, host->config.features.binding.reset)) {
        return BNT_OK;
    }
    /* If RESET was not offered, no driver can negotiate it later. */
    return live || (host->dev.offered & host->config.features.binding.reset) == 0
               ? BNT_E_UNSUPPORTED
               : BNT_E_STATE;
}

static void announce_virtio_reset(struct bnt_host *host)
{
    bnti_host_mark_config_interrupt(host, true);
}

static void announce_virtio_target(struct bnt_host *host)
{
    bnti_host_mark_config_interrupt(
        host, host->config_due || (host->dev.status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 ||
                  bnt_dev_is_suspended(&host->dev));
}

static bool does_virtio_tell_first(const struct bnt_host *host)
{
    return bnti_host_has_negotiated(host, BNT_BALLOON_F_MUST_TELL_HOST);
}

static void fill_virtio_info(const struct bnt_host *host, struct bnt_host_info *info)
{
    info->target.actual_pfns = host->actual;
}

const struct bnti_host_wire bnti_host_wire_virtio = {
    .pfn_max = BNT_PFN_MAX,
    .config_valid = is_virtio_config_valid,
    .has_epochs = virtio_has_epochs,
    .reset_possible = check_virtio_reset,
    .reset_announce = announce_virtio_reset,
    .target_announce = announce_virtio_target,
    .is_told_first = does_virtio_tell_first,
    .info = fill_virtio_info,
};
