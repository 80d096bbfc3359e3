/*
 * The registers of a device that is nothing but bnt_dev_status, as the driver under test sees them:
 * a transport from the one side of a negotiation straight to the other.
 */
#ifndef TESTS_SUPPORT_LOOPBACK_H
#define TESTS_SUPPORT_LOOPBACK_H

#include <ballonet/virtio.h>

#include <check.h>
#include <string.h>

struct loopback {
    struct bnt_dev_status dev;
    uint64_t offered_seen; /**< what features_read gives */
    uint8_t writes[16];
    unsigned write_count;
    unsigned features_ok_writes;  /**< those with FEATURES_OK in them */
    unsigned features_written_at; /**< status writes before it */
    unsigned config_writes;
    unsigned resets_slow; /**< reads of the status that still show the old one */
    uint32_t generation;
    uint32_t generation_steps; /**< reads after which the generation still moves */
    uint32_t config;
    bool refuse; /**< a write with FEATURES_OK in it changes nothing, as QEMU does */
    bool idle;   /**< DRIVER_OK never shows */
    bool breaks; /**< sets NEEDS_RESET when it sees the features */
    bool wrong;  /**< the driver may write what the device refuses: it shows in the status */
};

static inline uint64_t loopback_features_read(void *opaque)
{
    return ((struct loopback *)opaque)->offered_seen;
}

static inline void loopback_features_write(void *opaque, uint64_t features)
{
    struct loopback *loop = opaque;
    loop->features_written_at = loop->write_count;
    if (loop->breaks) {
        (void)bnt_dev_set_needs_reset(&loop->dev);
    }
    ck_assert_int_eq(bnt_dev_features_write(&loop->dev, features), BNT_OK);
}

static inline uint8_t loopback_status_read(void *opaque)
{
    struct loopback *loop = opaque;
    if (loop->resets_slow > 0) {
        loop->resets_slow--;
        return BNT_DEVICE_STATUS_ACKNOWLEDGE;
    }
    return loop->dev.status;
}

static inline void loopback_status_write(void *opaque, uint8_t status)
{
    struct loopback *loop = opaque;
    const bool features_ok = (status & BNT_DEVICE_STATUS_FEATURES_OK) != 0;
    bnt_dev_action action = BNT_DEV_ACTION_NONE;
    loop->writes[loop->write_count++ % 16] = status;
    loop->features_ok_writes += features_ok;
    if (loop->refuse && features_ok) {
        return;
    }
    status &= (uint8_t) ~(loop->idle ? BNT_DEVICE_STATUS_DRIVER_OK : 0u);
    if (bnt_dev_status_write(&loop->dev, status, &action, NULL) != BNT_OK) {
        ck_assert(loop->wrong);
        ck_assert_int_eq(action, BNT_DEV_ACTION_NONE);
    }
}

static inline uint32_t loopback_generation(void *opaque)
{
    return ((struct loopback *)opaque)->generation;
}

static inline void loopback_config_read(void *opaque, uint32_t offset, void *dst, uint32_t bytes)
{
    struct loopback *loop = opaque;
    memcpy(dst, (const uint8_t *)&loop->config + offset, bytes);
    if (loop->generation_steps > 0) {
        loop->generation_steps--;
        loop->generation++;
        loop->config++;
    }
}

static inline void loopback_config_write(void *opaque, uint32_t offset, const void *src,
                                         uint32_t bytes)
{
    (void)offset;
    (void)src;
    (void)bytes;
    ((struct loopback *)opaque)->config_writes++;
}

static const struct bnt_drv_transport loopback = {.size = sizeof(loopback),
                                                  .features_read = loopback_features_read,
                                                  .features_write = loopback_features_write,
                                                  .status_read = loopback_status_read,
                                                  .status_write = loopback_status_write,
                                                  .config_generation = loopback_generation,
                                                  .config_read = loopback_config_read,
                                                  .config_write = loopback_config_write};

#endif
