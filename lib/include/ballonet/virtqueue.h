/*
 * The split virtqueue, both sides (VIRTIO 1.3, 2.7), with indirect tables and EVENT_IDX.
 *
 * Driver side: `bnt_vq_drv` lives beside ring memory that the driver owns and
 * the device can write, so everything read from the ring is checked against
 * private records. Device side: `bnt_vq_dev` reaches the ring by bounded copies
 * only, reads each value once, and bounds each loop by the queue's size. Either
 * side latches `broken` at the first violation; from then on it touches nothing
 * and every call returns E_BROKEN, until it is initialised anew.
 *
 * Both structs are plain data without pointers into themselves: they may be
 * copied with memcpy. Fields are for reading and for save/restore only.
 *
 * The driver, which says each time whether the device wants a kick:
 *
 *     status = bnt_vq_drv_add(&vq, segs, 1, 1, &head);
 *     if (bnt_vq_drv_publish(&vq)) { kick(); }
 *     while ((status = bnt_vq_drv_pop(&vq, &head, &len, &diag)) == BNT_OK) { ... }
 *
 * The device, which says each time whether the driver wants an interrupt:
 *
 *     while ((status = bnt_vq_dev_pop(&vq, &mem, &chain, &diag)) == BNT_OK) {
 *         status = bnt_vq_chain_read(&chain, &mem, 0, request, sizeof request);
 *         status = bnt_vq_dev_push(&vq, &mem, chain.head, len, &diag);
 *     }
 *     status = bnt_vq_dev_interrupt_due(&vq, &mem, &due, &diag);
 *
 * Either loop ends in E_AGAIN only when it is safe to sleep until the peer notifies.
 */
#ifndef BALLONET_VIRTQUEUE_H
#define BALLONET_VIRTQUEUE_H

#include <ballonet/base.h>
#include <ballonet/memory.h>
#include <ballonet/virtio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Largest queue of a split ring (VS-1). */
#define BNT_VQ_SIZE_MAX 32768

/** One piece of a buffer: bytes of guest memory. */
struct bnt_vq_seg {
    uint64_t gpa;
    uint32_t bytes;
};

/* Wire layout (VIRTIO 1.3, 2.7.5 to 2.7.8). */
#define BNT_VQ_DESC_F_NEXT          1u
#define BNT_VQ_DESC_F_WRITE         2u
#define BNT_VQ_DESC_F_INDIRECT      4u
#define BNT_VQ_AVAIL_F_NO_INTERRUPT 1u
#define BNT_VQ_USED_F_NO_NOTIFY     1u
struct bnt_vq_desc {
    bnt_le64 gpa;
    bnt_le32 bytes;
    bnt_le16 flags;
    bnt_le16 next;
};
struct bnt_vq_used_elem {
    bnt_le32 id;
    bnt_le32 len;
};

/** Byte offsets of the parts of a ring laid out in one piece, and its length.
 */
struct bnt_vq_parts {
    uint32_t desc;
    uint32_t avail;
    uint32_t used;
    uint32_t bytes;
};

/**
 * Lays a queue of `size` (a power of two, at most BNT_VQ_SIZE_MAX) out; start it 16-aligned. All 0
 * for any other size.
 */
struct bnt_vq_parts bnt_vq_layout(uint16_t size);

/* ---- Device side ---------------------------------------------------------------------------- */

struct bnt_vq_dev {
    uint64_t desc_gpa;
    uint64_t avail_gpa;
    uint64_t used_gpa;
    uint64_t features;    /**< RING_INDIRECT_DESC and RING_EVENT_IDX count */
    uint32_t queue;       /**< index, for diagnoses only */
    uint16_t size;        /**< 0: not enabled */
    uint16_t avail_next;  /**< next available entry to read, free running */
    uint16_t avail_known; /**< avail.idx as last read */
    uint16_t used_next;   /**< next used entry to write, free running */
    uint16_t used_told;   /**< used index at the last interrupt decision */
    bool kicks_wanted;
    bool broken;
};

/**
 * A buffer that the device took: the segments of its chain, each read once and checked. Empty
 * segments are legal on the ring and are left out here, so a buffer may have no segment at all.
 */
struct bnt_vq_chain {
    struct bnt_vq_seg *segs; /**< caller's array, set before bnt_vq_dev_pop */
    uint32_t seg_max;        /**< its length; more segments are CHAIN_SEGMENTS (VS-2) */
    uint32_t readable_count; /**< device-readable segments, they come first (VS-3) */
    uint32_t writable_count; /**< device-writable segments, they follow */
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    uint16_t head;
};

/**
 * Enables a queue as the driver described it. `size` a power of two up to BNT_VQ_SIZE_MAX, the
 * parts aligned to 16, 2 and 4 and inside guest memory, else E_RING (fault in diag): the queue then
 * is as if never enabled, and every call on it is E_STATE. A zeroed struct is such a queue.
 */
BNT_MUST_USE bnt_status bnt_vq_dev_init(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint32_t queue, uint16_t size, uint64_t desc_gpa,
                                        uint64_t avail_gpa, uint64_t used_gpa, uint64_t features,
                                        struct bnt_diag *diag);

/**
 * Takes the next buffer. OK; E_AGAIN (none; with EVENT_IDX the next kick is asked for and the index
 * read again, so that none is lost); E_STATE (not enabled); E_BROKEN; E_RING or E_CALLBACK (the
 * queue is now broken, details in diag: raise NEEDS_RESET). At most `size` buffers are ever out
 * (popped and not pushed), whatever the driver writes: more is AVAIL_INDEX_JUMP. The same head may
 * be among them twice if the driver says so.
 */
BNT_MUST_USE bnt_status bnt_vq_dev_pop(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                       struct bnt_vq_chain *chain, struct bnt_diag *diag);

/**
 * Returns the buffer `head`, of which `len` bytes were written (VS-14), in any order. OK;
 * E_ARGUMENT (`head` is none of the table's); E_STATE (not enabled, or nothing is out); E_BROKEN;
 * E_RING or E_CALLBACK (now broken).
 */
BNT_MUST_USE bnt_status bnt_vq_dev_push(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint16_t head, uint32_t len, struct bnt_diag *diag);

/**
 * Whether what was pushed since the last call wants an interrupt (VS-11, VS-12). May be called once
 * for many pushes. OK; E_STATE; E_BROKEN; E_RING or E_CALLBACK (now broken). `due` is false unless
 * OK.
 */
BNT_MUST_USE bnt_status bnt_vq_dev_interrupt_due(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                                 bool *due, struct bnt_diag *diag);

/**
 * Asks the driver for kicks, or to leave them out while the device polls. A hint (VS-13). After
 * asking again, pop until E_AGAIN before sleeping. OK; E_STATE; E_BROKEN; E_RING or E_CALLBACK (now
 * broken).
 */
BNT_MUST_USE bnt_status bnt_vq_dev_kicks_set(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                             bool wanted, struct bnt_diag *diag);

/**
 * Copies out of the readable part of a chain, from byte `offset` on. E_RANGE if
 * it is shorter; else as bnt_mem_read.
 */
BNT_MUST_USE bnt_status bnt_vq_chain_read(const struct bnt_vq_chain *chain,
                                          const struct bnt_mem *mem, uint64_t offset, void *dst,
                                          uint32_t bytes);

/** Copies into the writable part of a chain, from byte `offset` on. E_RANGE if
 * it is shorter. */
BNT_MUST_USE bnt_status bnt_vq_chain_write(const struct bnt_vq_chain *chain,
                                           const struct bnt_mem *mem, uint64_t offset,
                                           const void *src, uint32_t bytes);

/* ---- Driver side ---------------------------------------------------------------------------- */

/** Private record of one descriptor, never in device memory. */
struct bnt_vq_slot {
    uint16_t next;             /**< next free descriptor, or next of the chain */
    uint16_t count;            /**< descriptors of the chain; 0: no outstanding head */
    uint32_t writable_bytes;   /**< bound for the used length */
    uint16_t unpublished_next; /**< next head that was added but not published */
    bool published;            /**< the device knows of the head and may return it */
};

struct bnt_vq_drv_config {
    uint32_t size;             /**< sizeof(struct bnt_vq_drv_config) */
    uint32_t queue;            /**< index, for diagnoses only */
    uint16_t queue_size;       /**< power of two, at most BNT_VQ_SIZE_MAX */
    uint16_t indirect_max;     /**< descriptors of one indirect table; 0: none are used */
    uint64_t features;         /**< as negotiated */
    void *ring;                /**< bnt_vq_drv_ring_bytes(), 16-aligned, shared with the device */
    uint64_t ring_gpa;         /**< where the device sees it */
    struct bnt_vq_slot *slots; /**< queue_size of them, private */
};

struct bnt_vq_drv {
    struct bnt_vq_drv_config config;
    struct bnt_vq_parts layout;
    uint16_t free_head;
    uint16_t free_count;
    uint16_t unpublished_head; /**< last head that was added but not published */
    uint16_t avail_next;       /**< next available entry to write, free running */
    uint16_t avail_told;       /**< avail index at the last kick decision */
    uint16_t used_next;        /**< next used entry to read, free running */
    uint16_t outstanding;      /**< chains the device holds */
    bool interrupts_wanted;
    bool broken;
};

/**
 * Bytes of ring memory, indirect tables (one for each descriptor) included. 0 if the size is none
 * that a queue can have, or if they do not fit 32 bits.
 */
uint32_t bnt_vq_drv_ring_bytes(uint16_t queue_size, uint16_t indirect_max);

/**
 * Prepares an empty queue and clears its memory (VS-16); `config` is copied. OK; E_SIZE; E_ARGUMENT
 * (a size that is none, a pointer missing, a ring that wraps); E_STORAGE (the ring or its address
 * is not aligned to 16). Unless OK the queue counts as broken.
 */
BNT_MUST_USE bnt_status bnt_vq_drv_init(struct bnt_vq_drv *vq,
                                        const struct bnt_vq_drv_config *config);

/**
 * Exposes a buffer: `readable` segments, then `writable` ones (VS-3). Uses an
 * indirect table when it was negotiated, has room and the chain is longer than
 * one. `head` names the request until it is popped. OK; E_FULL (nothing
 * changed); E_BROKEN; E_ARGUMENT (no segment, more segments than the queue's size even
 * with an indirect table (VS-7), an empty or wrapping one, over 2^32 bytes). Not visible to the
 * device before bnt_vq_drv_publish.
 */
BNT_MUST_USE bnt_status bnt_vq_drv_add(struct bnt_vq_drv *vq, const struct bnt_vq_seg *segs,
                                       uint32_t readable, uint32_t writable, uint16_t *head);

/**
 * Makes what was added visible. True if the device wants a kick for it (VS-11, VS-12); the caller
 * then kicks, though never before DRIVER_OK (VG-24).
 */
bool bnt_vq_drv_publish(struct bnt_vq_drv *vq);

/**
 * Takes back a used buffer; `len` bytes of its writable part are valid (VS-15). E_AGAIN if none
 * (with EVENT_IDX the next interrupt is asked for and the index read again); E_BROKEN; E_RING (now
 * broken: id out of range, not outstanding or twice, index jump). A `len` beyond the writable bytes
 * is clamped to them and reported, since real devices do it on read-only buffers: OK with
 * diag->fault USED_LENGTH. Otherwise OK writes diag->fault NONE.
 */
BNT_MUST_USE bnt_status bnt_vq_drv_pop(struct bnt_vq_drv *vq, uint16_t *head, uint32_t *len,
                                       struct bnt_diag *diag);

/**
 * Asks the device for interrupts, or to leave them out while the driver polls. A hint (VS-13).
 * After asking again, pop until E_AGAIN before sleeping.
 */
void bnt_vq_drv_interrupts_set(struct bnt_vq_drv *vq, bool wanted);

#ifdef __cplusplus
}
#endif
#endif
