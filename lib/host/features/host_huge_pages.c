/*
 * Huge pages: requests whose entries are pages of 2 MiB. balloon/host_huge.c decides their
 * verdicts.
 */
#include "lib/host/features/host_features.h"

const struct bnti_host_feature bnti_host_feature_huge = {
    .serves = BNT_BALLOON_WITH(HUGE_PAGES),
};
