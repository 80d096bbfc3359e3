/*
 * Page poison (VIRTIO 1.3, 5.5.6.6): the driver writes the value with which the OS fills free
 * pages. give_back.c fills pages that are given back.
 */
#include "lib/guest/features/guest_features.h"

/* The driver accepts the feature only if the OS fills pages that it frees (BD-2). */
static bool is_poison_wanted(struct bnt_guest *guest, uint64_t offered)
{
    (void)offered;
    return guest->config.poison.init_on_free;
}

/* Writes the poison value at every attachment before DRIVER_OK (BD-35): a device reset clears the
 * value (bug 42). */
static void write_poison_value(struct bnt_guest *guest)
{
    if ((guest->features & BNT_BALLOON_F_PAGE_POISON) != 0) {
        bnti_guest_write_config_le32(guest, BNT_BALLOON_CONFIG_POISON_VAL,
                                     guest->config.poison.val);
    }
}

const struct bnti_guest_feature bnti_guest_feature_poison = {
    .features = BNT_BALLOON_WITH(PAGE_POISON),
    .wanted = is_poison_wanted,
    .write = write_poison_value,
};
