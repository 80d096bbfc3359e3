/*
 * DEVICE_INIT_ON_INFLATE (docs/understand/drafts.md): when the driver accepts it. The bits of an
 * answered inflate are read by request.c and kept by give_back.c; reported blocks are report.c's.
 */
#include "lib/guest/features/guest_features.h"

/* The device would need the place where verdicts are, and the OS's memory for the bits. */
static bool is_init_wanted(struct bnt_guest *guest, uint64_t offered)
{
    const uint32_t excludes =
        bnt_balloon_feature_row(BNT_BALLOON_FEATURE_DEVICE_INIT_ON_INFLATE)->excludes;
    const uint64_t excluded = bnt_balloon_feature_masks(excludes, &guest->config.binding);
    return guest->config.init_bits != NULL && (offered & excluded) == 0;
}

const struct bnti_guest_feature bnti_guest_feature_init = {
    .features = BNT_BALLOON_WITH(DEVICE_INIT_ON_INFLATE),
    .wanted = is_init_wanted,
};
