/*
 * DEVICE_INIT_ON_INFLATE (docs/understand/drafts.md): decides when the driver accepts this feature.
 * give_back.c reads and stores the bits of an answered inflate; report.c handles reported blocks.
 */
#include "lib/guest/features/guest_features.h"

/* The driver accepts the feature only if the OS has memory for the bits, and if the device does not
 * offer an excluded feature (VERDICTS uses the same part of the answer). */
static bool is_device_init_wanted(struct bnt_guest *guest, uint64_t offered)
{
    const uint32_t excludes =
        bnt_balloon_find_feature_row(BNT_BALLOON_FEATURE_DEVICE_INIT_ON_INFLATE)->excludes;
    const uint64_t excluded =
        bnt_balloon_combine_feature_masks(excludes, &guest->config.features.binding);
    return guest->config.device_init.bits != NULL && (offered & excluded) == 0;
}

const struct bnti_guest_feature bnti_guest_feature_init = {
    .features = BNT_BALLOON_WITH(DEVICE_INIT_ON_INFLATE),
    .wanted = is_device_init_wanted,
};
