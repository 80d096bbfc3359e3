/*
 * A stand-in for the balloon device, so that guest.c runs without a VMM: two queues, a target of 16
 * pages, every request taken. It stands on the device side of libbnt_virtio, which a guest has
 * anyway; a kernel's transport (virtio-mmio, virtio-pci) would access registers in these places.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include "os.h"

#include <ballonet/virtqueue.h>

#include <string.h>

struct device {
    struct bnt_dev_status status;
    struct bnt_vq_dev queues[2];
    bnt_le32 config[10];
    unsigned turn;
};

static struct device the_device;

static inline bnt_status device_copy_in(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    memcpy(dst, ((struct os *)opaque)->memory + gpa, bytes);
    return BNT_OK;
}

static inline bnt_status device_copy_out(void *opaque, uint64_t gpa, const void *src,
                                         uint32_t bytes)
{
    memcpy(((struct os *)opaque)->memory + gpa, src, bytes);
    return BNT_OK;
}

static inline struct bnt_mem device_memory(struct os *os)
{
    const struct bnt_mem_ops ops = {
        .size = sizeof ops, .read = device_copy_in, .write = device_copy_out};
    const struct bnt_mem_region ram = {.gpa = 0, .bytes = sizeof os->memory};
    struct bnt_mem memory;
    if (bnt_mem_init(&memory, &ops, os, &ram, 1) != BNT_OK) {
        memset(&memory, 0, sizeof memory);
    }
    return memory;
}

/* ---- Registers ---- */

static inline uint64_t device_features_read(void *opaque)
{
    (void)opaque;
    return the_device.status.offered;
}

static inline void device_features_write(void *opaque, uint64_t features)
{
    (void)opaque;
    if (bnt_dev_features_write(&the_device.status, features) != BNT_OK) {
        return; /* too late or too early: ignored */
    }
}

static inline uint8_t device_status_read(void *opaque)
{
    (void)opaque;
    return the_device.status.status;
}

static inline void device_status_write(void *opaque, uint8_t status)
{
    (void)opaque;
    bnt_dev_action action = BNT_DEV_ACTION_NONE;
    if (bnt_dev_status_write(&the_device.status, status, &action, NULL) != BNT_OK) {
        return; /* the driver sees it when it reads the status back */
    }
    if (action == BNT_DEV_ACTION_RESET) {
        memset(the_device.queues, 0, sizeof the_device.queues);
    }
}

static inline uint32_t device_config_generation(void *opaque)
{
    (void)opaque;
    return the_device.turn;
}

static inline void device_config_read(void *opaque, uint32_t offset, void *dst, uint32_t bytes)
{
    (void)opaque;
    memcpy(dst, (const uint8_t *)the_device.config + offset, bytes);
}

static inline void device_config_write(void *opaque, uint32_t offset, const void *src,
                                       uint32_t bytes)
{
    (void)opaque;
    if (offset == BNT_BALLOON_CONFIG_ACTUAL && bytes == sizeof the_device.config[1]) {
        memcpy(&the_device.config[1], src, bytes);
    }
}

static inline uint16_t device_queue_size_max(void *opaque, uint16_t queue)
{
    (void)opaque;
    return queue < 2 ? 128 : 0;
}

static inline void device_queue_enable(void *opaque, uint16_t queue, uint16_t size,
                                       uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa)
{
    const struct bnt_mem memory = device_memory(opaque);
    if (bnt_vq_dev_init(&the_device.queues[queue], &memory, queue, size, desc_gpa, avail_gpa,
                        used_gpa, the_device.status.accepted, NULL) != BNT_OK) {
        (void)bnt_dev_set_needs_reset(&the_device.status);
    }
}

static inline void device_notify(void *opaque, uint16_t queue)
{
    (void)opaque; /* device_runs polls */
    (void)queue;
}

static inline struct bnt_drv_transport device_transport(void)
{
    if (bnt_dev_status_init(&the_device.status, BNT_F_VERSION_1, NULL, 0) != BNT_OK) {
        memset(&the_device, 0, sizeof the_device);
    }
    return (struct bnt_drv_transport){
        .size = sizeof(struct bnt_drv_transport),
        .features_read = device_features_read,
        .features_write = device_features_write,
        .status_read = device_status_read,
        .status_write = device_status_write,
        .config_generation = device_config_generation,
        .config_read = device_config_read,
        .config_write = device_config_write,
        .queue_size_max = device_queue_size_max,
        .queue_enable = device_queue_enable,
        .notify = device_notify,
    };
}

/* ---- Work ---- */

/* Takes what the driver queued and gives it back. 1 while there is more to do. */
static inline int device_runs(struct os *os)
{
    const struct bnt_mem memory = device_memory(os);
    struct bnt_vq_seg segs[4];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = 4};
    for (uint16_t queue = 0; queue < 2; queue++) {
        while (bnt_vq_dev_pop(&the_device.queues[queue], &memory, &chain, NULL) == BNT_OK) {
            if (bnt_vq_dev_push(&the_device.queues[queue], &memory, chain.head, 0, NULL) ==
                BNT_OK) {
                bnt_guest_handle_interrupt(os->guest, queue);
            }
        }
    }
    if (the_device.turn++ == 0) {
        the_device.config[0] = bnt_cpu_to_le32(16);
        bnt_guest_config_changed(os->guest);
    }
    return the_device.turn < 4;
}

#endif
