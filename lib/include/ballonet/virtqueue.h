/*
 * Virtqueues, both sides: the split ring (VIRTIO 1.3, 2.7) and the packed ring (2.8), with indirect
 * tables, EVENT_IDX and IN_ORDER. Which of them is spoken is decided by the features given at init;
 * all calls are the same for each.
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
 *     status = bnt_vq_drv_add(&driver, segs, 1, 1, &head);
 *     if (bnt_vq_drv_publish(&driver)) {
 *         kick();
 *     }
 *     while ((status = bnt_vq_drv_pop(&driver, &head, &len, &diag)) == BNT_OK) {
 *         answer(head, len);
 *     }
 *
 * The device, which says each time whether the driver wants an interrupt:
 *
 *     while ((status = bnt_vq_dev_pop(&device, &mem, &chain, &diag)) == BNT_OK) {
 *         status = bnt_vq_chain_read(&chain, &mem, 0, request, sizeof request);
 *         status = bnt_vq_dev_push(&device, &mem, chain.head, len, &diag);
 *     }
 *     status = bnt_vq_dev_interrupt_due(&device, &mem, &due, &diag);
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

/** Largest queue (VS-1, VP-1). */
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

/* Wire layout of the packed ring (VIRTIO 1.3, 2.8.13, 2.8.14). */
#define BNT_VQ_PACKED_F_AVAIL       0x80u
#define BNT_VQ_PACKED_F_USED        0x8000u
#define BNT_VQ_PACKED_EVENT_ENABLE  0u
#define BNT_VQ_PACKED_EVENT_DISABLE 1u
#define BNT_VQ_PACKED_EVENT_DESC    2u /**< only with EVENT_IDX */
#define BNT_VQ_PACKED_EVENT_WRAP    0x8000u
struct bnt_vq_packed_desc {
    bnt_le64 gpa;
    bnt_le32 bytes;
    bnt_le16 id;
    bnt_le16 flags;
};
struct bnt_vq_packed_event {
    bnt_le16 off_wrap;
    bnt_le16 flags;
};

/**
 * Byte offsets of the parts of a ring laid out in one piece, and its length. Of a packed ring:
 * descriptor ring, driver event structure, device event structure.
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

/** The same for the ring that `features` choose; a packed one may have any size (VP-1). */
struct bnt_vq_parts bnt_vq_layout_of(uint16_t size, uint64_t features);

/** The layout that legacy transports compute for themselves: the used ring begins a page of 4096
 * bytes (VIRTIO 1.3, 2.7.2). */
struct bnt_vq_parts bnt_vq_layout_legacy(uint16_t size);

/* ---- Device side ---------------------------------------------------------------------------- */

/**
 * Buffers that may be out (popped and not pushed) at once where the device must remember each: on
 * a packed ring, and with IN_ORDER on either. 16 bytes of each queue apiece. The balloon has one
 * buffer out at a time; an embedder that uses the rings for a device that has more may define
 * another number, at least 1, the same wherever this header is read.
 */
#ifndef BNT_VQ_DEV_OUT_MAX
#define BNT_VQ_DEV_OUT_MAX 64
#endif

/** What the device remembers of a buffer that is out. */
struct bnt_vq_dev_out {
    uint32_t writable_bytes;
    uint32_t len;   /**< once it is done */
    uint16_t head;  /**< head descriptor, or a packed buffer's id */
    uint16_t descs; /**< packed: descriptors of the ring that it takes */
    bool done;      /**< pushed, and waits for older ones (IN_ORDER) */
};

/**
 * Positions on a split ring are free running indices. On a packed ring they are offsets in two
 * laps: below `size` the wrap counter is 1, from there on it is 0.
 */
struct bnt_vq_dev {
    uint64_t desc_gpa;
    uint64_t avail_gpa;      /**< packed: the driver's event structure */
    uint64_t used_gpa;       /**< packed: the device's event structure */
    uint64_t features;       /**< of RING_INDIRECT_DESC, RING_EVENT_IDX, RING_PACKED, IN_ORDER */
    uint32_t queue;          /**< index, for diagnoses only */
    uint16_t size;           /**< 0: not enabled */
    uint16_t avail_next;     /**< next available entry to read */
    uint16_t avail_known;    /**< split: avail.idx as last read */
    uint16_t used_next;      /**< next used entry to write */
    uint16_t used_signalled; /**< split: used index at the last interrupt decision */
    uint16_t event_flags;    /**< packed: as last written into our event structure */
    uint32_t used_since;     /**< packed: descriptors used since the last interrupt decision */
    uint32_t descs_out;      /**< packed: descriptors of the buffers that are out */
    uint32_t out_count;
    struct bnt_vq_dev_out out[BNT_VQ_DEV_OUT_MAX]; /**< oldest first */
    bool kicks_wanted;
    bool broken;
    bool big_endian;     /**< a legacy ring of a big-endian guest */
    bool used_unflagged; /**< quirk, set by the caller: packed used descriptors never have WRITE */
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
    uint16_t head; /**< names the buffer until it is pushed; a packed buffer's id, any 16 bits */
};

/**
 * Enables a queue as the driver described it. `size` a power of two up to BNT_VQ_SIZE_MAX (of a
 * packed ring: any up to there), the parts aligned to 16, 2 and 4 (packed: 16, 4 and 4) and inside
 * guest memory, else E_RING (fault in diag): the queue then is as if never enabled, and every call
 * on it is E_STATE. A zeroed struct is such a queue. `avail_gpa` and `used_gpa` of a packed ring
 * are the event structures of driver and device.
 */
BNT_MUST_USE bnt_status bnt_vq_dev_init(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint32_t queue, uint16_t size, uint64_t desc_gpa,
                                        uint64_t avail_gpa, uint64_t used_gpa, uint64_t features,
                                        struct bnt_diag *diag);

/** The same for a split ring of a legacy driver, in the guest's byte order (VG-33). */
BNT_MUST_USE bnt_status bnt_vq_dev_init_legacy(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                               uint32_t queue, uint16_t size, uint64_t desc_gpa,
                                               uint64_t avail_gpa, uint64_t used_gpa,
                                               uint64_t features, bool big_endian,
                                               struct bnt_diag *diag);

/**
 * Takes the next buffer. OK; E_AGAIN (none; with EVENT_IDX the next kick is asked for and the index
 * read again, so that none is lost); E_STATE (not enabled); E_BROKEN; E_RING or E_CALLBACK (the
 * queue is now broken, details in diag: raise NEEDS_RESET). At most `size` buffers are ever out
 * (popped and not pushed), whatever the driver writes: more is AVAIL_INDEX_JUMP. The same head may
 * be among them twice if the driver says so. On a packed ring and with IN_ORDER it is E_LIMIT while
 * BNT_VQ_DEV_OUT_MAX are out: push, then pop again, since no kick will come for what waits. Packed:
 * more descriptors than the ring has are DESC_OVERRUN, an id that is out already BUFFER_ID_TWICE.
 */
BNT_MUST_USE bnt_status bnt_vq_dev_pop(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                       struct bnt_vq_chain *chain, struct bnt_diag *diag);

/**
 * Returns the buffer `head`, of which `len` bytes were written (VS-14), in any order. With IN_ORDER
 * it is shown to the driver as soon as all older ones were pushed too, those that were written in
 * full as one batch (VG-30, VS-17). OK; E_ARGUMENT (`head` is none of the table's; packed or
 * IN_ORDER: it is not out); E_STATE (not enabled, or nothing is out); E_BROKEN; E_RING or
 * E_CALLBACK (now broken).
 */
BNT_MUST_USE bnt_status bnt_vq_dev_push(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint16_t head, uint32_t len, struct bnt_diag *diag);

/**
 * Whether what was pushed since the last call wants an interrupt (VS-11, VS-12, VP-9). May be
 * called once for many pushes; of a broken queue it tells of what was pushed before. OK; E_STATE;
 * E_BROKEN (and nothing is due); E_RING or E_CALLBACK (now broken). `due` is false unless OK.
 */
BNT_MUST_USE bnt_status bnt_vq_dev_interrupt_due(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                                 bool *due, struct bnt_diag *diag);

/**
 * Judges the upper 16 bits of a notification with data (VG-31): a split ring's available index, or
 * offset and wrap counter of a packed one, up to where the driver made buffers available. It may be
 * old, since notifications are late or come twice. OK; E_MESSAGE (NOTIFY_DATA: further than the
 * ring is, or no offset of it; the queue goes on); E_STATE; E_BROKEN; E_RING or E_CALLBACK (now
 * broken).
 */
BNT_MUST_USE bnt_status bnt_vq_dev_notified(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                            uint16_t next, struct bnt_diag *diag);

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
    uint16_t next;             /**< next free descriptor (packed: id), or next of the chain */
    uint16_t count;            /**< descriptors of the chain; 0: no outstanding head */
    uint32_t writable_bytes;   /**< bound for the used length */
    uint16_t unpublished_next; /**< next head that was added but not published */
    bool published;            /**< the device knows of the head and may return it */
};

struct bnt_vq_drv_config {
    uint32_t size;             /**< sizeof(struct bnt_vq_drv_config) */
    uint32_t queue;            /**< index, for diagnoses only */
    uint16_t queue_size;       /**< power of two unless packed, at most BNT_VQ_SIZE_MAX */
    uint16_t indirect_max;     /**< descriptors of one indirect table; 0: none are used */
    uint64_t features;         /**< as negotiated */
    void *ring;                /**< bnt_vq_drv_ring_bytes_of(), 16-aligned, the device's too */
    uint64_t ring_gpa;         /**< where the device sees it */
    struct bnt_vq_slot *slots; /**< queue_size of them, private */
    bool legacy;     /**< a split ring laid out as legacy transports want it; ring_gpa is a page */
    bool big_endian; /**< with `legacy`: the guest's byte order */
};

struct bnt_vq_drv {
    struct bnt_vq_drv_config config;
    struct bnt_vq_parts layout;
    uint16_t free_head;        /**< first free descriptor; packed: first free id */
    uint16_t free_count;       /**< descriptors */
    uint16_t unpublished_head; /**< last head that was added but not published */
    uint16_t avail_next;       /**< next available entry to write; as in bnt_vq_dev */
    uint16_t avail_published;  /**< avail_next at the last publish */
    uint16_t used_next;        /**< next used entry to read */
    uint16_t outstanding;      /**< chains that were added and not popped */
    uint16_t unpublished;      /**< of them, those not published */
    uint16_t order_next;       /**< IN_ORDER: the head that must come back next */
    uint16_t batch_left;       /**< IN_ORDER: buffers of a batch that is being popped */
    uint32_t batch_len;        /**< used length of its last */
    uint16_t event_flags;      /**< packed: as last written into our event structure */
    uint16_t withheld_flags;   /**< packed: flags at avail_published, not written before publish */
    bool interrupts_wanted;
    bool broken;
};

/** Bytes of ring memory of a legacy queue; see bnt_vq_layout_legacy. */
uint32_t bnt_vq_drv_ring_bytes_legacy(uint16_t queue_size, uint16_t indirect_max);

/**
 * Bytes of ring memory, indirect tables (one for each descriptor) included. 0 if the size is none
 * that a queue can have, or if they do not fit 32 bits.
 */
uint32_t bnt_vq_drv_ring_bytes(uint16_t queue_size, uint16_t indirect_max);

/** The same for the ring that `features` choose. That of a packed one is never the larger. */
uint32_t bnt_vq_drv_ring_bytes_of(uint16_t queue_size, uint16_t indirect_max, uint64_t features);

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
 * What a notification with data says of the queue in its upper 16 bits (VG-31): where the next
 * buffer will be made available that is not yet. The available index of a split ring; of a packed
 * one the offset, with the wrap counter in bit 15.
 */
uint16_t bnt_vq_drv_notify_data(const struct bnt_vq_drv *vq);

/**
 * Takes back a used buffer; `len` bytes of its writable part are valid (VS-15). E_AGAIN if none
 * (with EVENT_IDX the next interrupt is asked for and the index read again); E_BROKEN; E_RING (now
 * broken: id out of range, not outstanding or twice, index jump, out of order in spite of
 * IN_ORDER). The length of a packed used descriptor counts with and without WRITE, which QEMU 7.2
 * never sets. Of a batch (VS-17) all but the last count as written in full. A `len` beyond the
 * writable bytes is clamped to them and reported, since real devices do it on read-only buffers: OK
 * with diag->fault USED_LENGTH. Otherwise OK writes diag->fault NONE.
 */
BNT_MUST_USE bnt_status bnt_vq_drv_pop(struct bnt_vq_drv *vq, uint16_t *head, uint32_t *len,
                                       struct bnt_diag *diag);

/** The word of ring memory that changes when the device uses the next buffer, and what it held. */
struct bnt_vq_watch {
    const void *at;
    uint32_t held; /**< 16 bits */
};

/**
 * Where to see that the device used a buffer: `watch` stays valid until the next pop or init. False
 * if there is a buffer to take now, or the queue is broken: pop then.
 */
bool bnt_vq_drv_watch(const struct bnt_vq_drv *vq, struct bnt_vq_watch *watch);

/** Whether one of the `count` words changed. A cheap look: pop says what is behind it. */
bool bnt_vq_drv_watch_hit(const struct bnt_vq_watch *watches, uint32_t count);

/**
 * Asks the device for interrupts, or to leave them out while the driver polls. A hint (VS-13).
 * After asking again, pop until E_AGAIN before sleeping.
 */
void bnt_vq_drv_interrupts_set(struct bnt_vq_drv *vq, bool wanted);

#ifdef __cplusplus
}
#endif
#endif
