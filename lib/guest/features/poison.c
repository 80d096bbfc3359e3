/*
 * Page poison (VIRTIO 1.3, 5.5.6.6): the device is told what free pages hold. What pages that are
 * given back are filled with is give_back.c's.
 */
#include "lib/guest/features/guest_features.h"

/* Only of an OS that fills what it frees (BD-2). */
static bool is_poison_wanted(struct bnt_guest *guest, uint64_t offered)
{
    (void)offered;
    return guest->config.init_on_free;
}

/* At every attachment: the device forgot it with its reset (bug 42). Before DRIVER_OK (BD-35). */
static void write_poison_value(struct bnt_guest *guest)
{
    if ((guest->features & BNT_BALLOON_F_PAGE_POISON) != 0) {
        bnti_guest_write_config_le32(guest, BNT_BALLOON_CONFIG_POISON_VAL,
                                     guest->config.poison_val);
    }
}

const struct bnti_guest_feature bnti_guest_feature_poison = {
    .features = BNT_BALLOON_WITH(PAGE_POISON),
    .wanted = is_poison_wanted,
    .write = write_poison_value,
};
