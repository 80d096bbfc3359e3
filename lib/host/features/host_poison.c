/*
 * What free pages read as: PAGE_POISON, and the DEVICE_INIT draft for inflates
 * (docs/understand/drafts.md).
 *
 * The driver writes the poison value; ledger/discard.c respects it, and host_request.c answers with
 * the bits of initialised PFNs.
 */
#include "lib/host/features/host_features.h"

#include <string.h>

static void read_poison_config(const struct bnt_host *host, uint8_t *space)
{
    bnti_host_put_field(space, BNT_BALLOON_CONFIG_POISON_VAL, host->poison_val);
}

/** Sets the poison value. After DRIVER_OK, pages are discarded according to this value, so it must
 * not change any more (BD-36). */
static void set_poison_value(struct bnt_host *host, uint32_t value)
{
    if (!bnt_dev_is_live(&host->dev)) {
        host->poison_val = value;
    } else if (value != host->poison_val) {
        bnti_host_misuse_report(host, BNT_FAULT_POISON_CHANGED, BNT_BALLOON_QUEUE_INFLATE, 0, 0,
                                value);
    }
}

static void write_poison_config(struct bnt_host *host, uint32_t at, uint8_t value)
{
    const uint32_t nth = at - BNT_BALLOON_CONFIG_POISON_VAL;

    if (nth < 4 && bnti_host_has_negotiated(host, BNT_BALLOON_F_PAGE_POISON) &&
        bnti_host_write_field_byte(host->poison_bytes, nth, value)) {
        set_poison_value(host, bnti_host_get_field(host->poison_bytes));
    }
}

static void clear_poison(struct bnt_host *host)
{
    host->poison_val = 0;
    memset(host->poison_bytes, 0, sizeof host->poison_bytes);
}

const struct bnti_host_feature bnti_host_feature_poison = {
    .serves = BNT_BALLOON_WITH(PAGE_POISON) | BNT_BALLOON_WITH(DEVICE_INIT_ON_INFLATE),
    .forget = clear_poison,
    .config_read = read_poison_config,
    .config_write = write_poison_config,
};
