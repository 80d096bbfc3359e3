/*
 * What host.c needs around the library: guest memory as an array, the ops table, and a stand-in for
 * the guest. A real VMM has the first two already, and a real guest in place of the third: here it
 * is a driver by hand, on the driver side of the ring that libbnt_virtio has anyway.
 */
#ifndef VMM_H
#define VMM_H

#include <ballonet/host.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VMM_PFNS 256

struct vmm {
    struct bnt_host *host;
    _Alignas(4096) uint8_t ram[VMM_PFNS * 4096];
    uint64_t discarded;
    uint64_t outcome;
    /* The stand-in guest. */
    unsigned turn;
    struct bnt_drv_status status;
    struct bnt_vq_drv queues[2];
    struct bnt_vq_slot slots[2][8];
};

/* ---- Guest memory: two copies over an array ---- */

static inline bnt_status vmm_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    const struct vmm *vmm = opaque;
    memcpy(dst, vmm->ram + gpa, bytes); /* the library has checked the range */
    return BNT_OK;
}

static inline bnt_status vmm_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    struct vmm *vmm = opaque;
    memcpy(vmm->ram + gpa, src, bytes);
    return BNT_OK;
}

static inline struct bnt_mem vmm_memory(struct vmm *vmm)
{
    const struct bnt_mem_ops ops = {.size = sizeof ops, .read = vmm_read, .write = vmm_write};
    const struct bnt_mem_region ram = {.gpa = 0, .bytes = sizeof vmm->ram};
    struct bnt_mem memory;
    if (bnt_mem_init(&memory, &ops, vmm, &ram, 1) != BNT_OK) {
        memset(&memory, 0, sizeof memory); /* bnt_host_init will not take it */
    }
    return memory;
}

/* ---- What the device calls ---- */

static inline void vmm_interrupt(void *opaque, uint16_t queue)
{
    (void)opaque; /* a VMM raises the queue's interrupt; the stand-in polls */
    (void)queue;
}

static inline void vmm_config_interrupt(void *opaque)
{
    (void)opaque;
}

static inline bnt_status vmm_discard(void *opaque, uint64_t gpa, uint64_t bytes, uint64_t *freed)
{
    struct vmm *vmm = opaque;
    memset(vmm->ram + gpa, 0, bytes); /* a VMM calls madvise(MADV_DONTNEED) or the like */
    vmm->discarded += bytes;
    *freed = bytes;
    return BNT_OK;
}

static inline void vmm_event(void *opaque, const struct bnt_host_event *event)
{
    struct vmm *vmm = opaque;
    if (event->kind == BNT_HOST_EVENT_OUTCOME) {
        vmm->outcome = event->extra;
    }
}

static inline struct bnt_host_ops vmm_ops(void)
{
    return (struct bnt_host_ops){
        .size = sizeof(struct bnt_host_ops),
        .interrupt = vmm_interrupt,
        .config_interrupt = vmm_config_interrupt,
        .backing.discard = vmm_discard,
        .event = vmm_event,
    };
}

/* ---- The stand-in guest: registers as a trapping VMM would forward them ---- */

static inline uint64_t reg_features_read(void *opaque)
{
    return bnt_host_features_read(((struct vmm *)opaque)->host);
}

static inline void reg_features_write(void *opaque, uint64_t features)
{
    /* Wrongly timed writes are ignored by the device; hardware tells nobody, nor do we. */
    if (bnt_host_features_write(((struct vmm *)opaque)->host, features) != BNT_OK) {
        return;
    }
}

static inline uint8_t reg_status_read(void *opaque)
{
    return bnt_host_status_read(((struct vmm *)opaque)->host);
}

static inline void reg_status_write(void *opaque, uint8_t status)
{
    if (bnt_host_status_write(((struct vmm *)opaque)->host, 0, status) != BNT_OK) {
        return; /* the driver sees it when it reads the status back */
    }
}

static inline int guest_start(struct vmm *vmm)
{
    const struct bnt_drv_transport registers = {.size = sizeof registers,
                                                .features_read = reg_features_read,
                                                .features_write = reg_features_write,
                                                .status_read = reg_status_read,
                                                .status_write = reg_status_write};
    bnt_drv_begin_reset(&vmm->status, &registers, vmm);
    if (bnt_drv_poll_reset(&vmm->status, &registers, vmm) != BNT_OK ||
        bnt_drv_negotiate(&vmm->status, &registers, vmm, 0, 0, NULL, 0, NULL) != BNT_OK) {
        return 0;
    }
    for (uint16_t i = 0; i < 2; i++) {
        const uint64_t gpa = UINT64_C(4096) * i; /* one page for each ring, at the bottom */
        const struct bnt_vq_parts parts = bnt_vq_compute_layout(8);
        const struct bnt_vq_drv_config config = {.size = sizeof config,
                                                 .queue = i,
                                                 .queue_size = 8,
                                                 .features = vmm->status.accepted,
                                                 .ring = vmm->ram + gpa,
                                                 .ring_gpa = gpa,
                                                 .slots = vmm->slots[i]};
        if (bnt_vq_drv_init(&vmm->queues[i], &config) != BNT_OK ||
            bnt_host_queue_enable(vmm->host, i, 8, gpa + parts.desc, gpa + parts.avail,
                                  gpa + parts.used) != BNT_OK) {
            return 0;
        }
    }
    return bnt_drv_set_driver_ok(&vmm->status, &registers, vmm) == BNT_OK;
}

/* Reads the target and gives the pages from PFN 64 on, in one request. */
static inline int guest_inflate(struct vmm *vmm)
{
    bnt_le32 target;
    bnt_host_config_read(vmm->host, BNT_BALLOON_CONFIG_NUM_PAGES, &target, sizeof target);
    const uint32_t count = bnt_le32_to_cpu(target);
    for (uint32_t i = 0; i < count; i++) {
        const bnt_le32 pfn = bnt_cpu_to_le32(64 + i);
        memcpy(vmm->ram + 0x2000 + 4 * i, &pfn, sizeof pfn);
        memset(vmm->ram + (64 + i) * 4096, 0x5A, 4096);
    }
    const struct bnt_vq_seg request = {.gpa = 0x2000, .bytes = 4 * count};
    uint16_t head = 0;
    if (bnt_vq_drv_add(&vmm->queues[BNT_BALLOON_QUEUE_INFLATE], &request, 1, 0, &head) != BNT_OK) {
        return 0;
    }
    if (bnt_vq_drv_publish(&vmm->queues[BNT_BALLOON_QUEUE_INFLATE])) {
        bnt_host_handle_kick(vmm->host, BNT_BALLOON_QUEUE_INFLATE);
    }
    return 1;
}

/* 1 while the guest goes on. */
static inline int vmm_guest_runs(struct vmm *vmm)
{
    switch (vmm->turn++) {
    case 0:
        return guest_start(vmm);
    case 1:
        return guest_inflate(vmm);
    default:
        return vmm->turn < 4;
    }
}

static inline int vmm_print(const struct vmm *vmm, bnt_status status)
{
    struct bnt_host_info info = {.size = sizeof info};
    if (status != BNT_OK || bnt_host_info_get(vmm->host, &info) != BNT_OK) {
        printf("failed: %s\n", bnt_status_text(status));
        return 1;
    }
    printf("target %u pages, balloon %u pages, %u bytes discarded, %s\n",
           (unsigned)info.target.target_pfns, (unsigned)info.ledger.pfns, (unsigned)vmm->discarded,
           bnt_outcome_name((uint32_t)vmm->outcome));
    return info.ledger.pfns == 16 && vmm->ram[64 * 4096] == 0 ? 0 : 1;
}

#endif
