/*
 * HUGE_PAGES (BX-22): decides when the driver accepts this feature. huge.c inflates huge pages in
 * the floor below, because VMware's wire has huge pages, too.
 */
#include "lib/guest/features/guest_features.h"

static bool are_huge_pages_wanted(struct bnt_guest *guest, uint64_t offered)
{
    (void)offered;
    return guest->ops.huge.alloc != NULL;
}

static void start_huge_pages(struct bnt_guest *guest)
{
    bnti_guest_enable_huge_pages(guest);
}

const struct bnti_guest_feature bnti_guest_feature_huge_pages = {
    .features = BNT_BALLOON_WITH(HUGE_PAGES),
    .wanted = are_huge_pages_wanted,
    .start = start_huge_pages,
};
