/*
 * What freed pages read as: PAGE_POISON, and the DEVICE_INIT draft for inflates
 * (docs/understand/drafts.md).
 *
 * The driver writes the value; ledger/discard.c discards by it, and host_request.c answers with
 * bits of what is initialised.
 */
#include "lib/host/features/host_features.h"

#include <string.h>

static void poison_config_read(const struct bnt_host *host, uint8_t *space)
{
    bnti_host_field_put(space, BNT_BALLOON_CONFIG_POISON_VAL, host->poison_val);
}

/** Pages are discarded by this value as soon as the device is live: it stays then (BD-36). */
static void poison_written(struct bnt_host *host, uint32_t value)
{
    if (!bnt_dev_live(&host->dev)) {
        host->poison_val = value;
    } else if (value != host->poison_val) {
        bnti_host_misuse(host, BNT_FAULT_POISON_CHANGED, BNT_BALLOON_QUEUE_INFLATE, 0, 0, value);
    }
}

static void poison_config_write(struct bnt_host *host, uint32_t at, uint8_t value)
{
    const uint32_t nth = at - BNT_BALLOON_CONFIG_POISON_VAL;

    if (nth < 4 && bnti_host_negotiated(host, BNT_BALLOON_F_PAGE_POISON) &&
        bnti_host_field_byte(host->poison_bytes, nth, value)) {
        poison_written(host, bnti_host_field_value(host->poison_bytes));
    }
}

static void poison_forget(struct bnt_host *host)
{
    host->poison_val = 0;
    memset(host->poison_bytes, 0, sizeof host->poison_bytes);
}

const struct bnti_host_feature bnti_host_feature_poison = {
    .serves = BNT_BALLOON_WITH(PAGE_POISON) | BNT_BALLOON_WITH(DEVICE_INIT_ON_INFLATE),
    .forget = poison_forget,
    .config_read = poison_config_read,
    .config_write = poison_config_write,
};
