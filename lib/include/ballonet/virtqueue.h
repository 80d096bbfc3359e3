/*
 * Virtqueues, both sides: the split ring (VIRTIO 1.3, 2.7) and the packed ring (2.8), with indirect
 * tables, EVENT_IDX and IN_ORDER. The features that are given at init choose the ring; the calls
 * are the same for both rings.
 *
 * The driver side, `bnt_vq_drv`, uses ring memory that the device can write, so it checks
 * everything that it reads from the ring against private records. The device side, `bnt_vq_dev`,
 * accesses the ring only by bounded copies, reads each value a single time, and bounds each loop by
 * the queue's size. Either side sets `broken` at the first violation. From then on, that side does
 * not access the ring, and every call returns E_BROKEN until the queue is initialised again.
 *
 * Both structs are plain data without pointers into themselves, so you can copy them with memcpy.
 * The caller can read, save and restore the fields of both structs.
 *
 * The driver kicks when bnt_vq_drv_publish returns true:
 *
 *     status = bnt_vq_drv_add(&driver, segs, 1, 1, &head);
 *     if (bnt_vq_drv_publish(&driver)) {
 *         kick();
 *     }
 *     while ((status = bnt_vq_drv_pop(&driver, &head, &len, &diag)) == BNT_OK) {
 *         answer(head, len);
 *     }
 *
 * The device interrupts when bnt_vq_dev_check_interrupt_due sets `due`:
 *
 *     while ((status = bnt_vq_dev_pop(&device, &mem, &chain, &diag)) == BNT_OK) {
 *         status = bnt_vq_chain_read(&chain, &mem, 0, request, sizeof request);
 *         status = bnt_vq_dev_push(&device, &mem, chain.head, len, &diag);
 *     }
 *     status = bnt_vq_dev_check_interrupt_due(&device, &mem, &due, &diag);
 *
 * Each loop returns E_AGAIN only when it is safe to sleep until the peer notifies.
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
 * Computes the layout of a split ring of `size` descriptors, a power of two up to BNT_VQ_SIZE_MAX;
 * every offset is 0 for another size. The ring must start at a multiple of 16 bytes.
 */
struct bnt_vq_parts bnt_vq_compute_layout(uint16_t size);

/** Computes the layout of the ring that `features` choose; a packed ring can have any size (VP-1).
 */
struct bnt_vq_parts bnt_vq_compute_layout_for_features(uint16_t size, uint64_t features);

/** Computes the layout of a legacy transport, in which the used ring begins at a multiple of 4096
 * bytes (VIRTIO 1.3, 2.7.2). */
struct bnt_vq_parts bnt_vq_compute_legacy_layout(uint16_t size);

/* ---- Device side ---------------------------------------------------------------------------- */

/**
 * Maximum number of buffers in flight (popped and not pushed) if the device must record each of
 * them. The device must record them on a packed ring, and on any ring with IN_ORDER. Each record
 * takes 16 bytes of the queue. The balloon device has one buffer in flight at a time. An embedder
 * whose device has more buffers in flight can define another number, at least 1. Such an embedder
 * must define the same number in each file that includes this header.
 */
#ifndef BNT_VQ_DEV_INFLIGHT_MAX
#define BNT_VQ_DEV_INFLIGHT_MAX 64
#endif

/** The device's record of a buffer in flight. */
struct bnt_vq_dev_inflight {
    uint32_t writable_bytes;
    uint32_t len;   /**< used length, after the buffer was pushed */
    uint16_t head;  /**< head descriptor, or a packed buffer's id */
    uint16_t descs; /**< packed: descriptors of the ring that the buffer occupies */
    bool done;      /**< pushed, and waits for older buffers (IN_ORDER) */
};

/**
 * Device side of a queue. A position on a split ring is a free running index. A position on a
 * packed ring is an offset between 0 and 2 * size: below `size` the wrap counter is 1, from `size`
 * on 0.
 */
struct bnt_vq_dev {
    uint64_t desc_gpa;
    uint64_t avail_gpa;      /**< packed: the driver's event structure */
    uint64_t used_gpa;       /**< packed: the device's event structure */
    uint64_t features;       /**< of RING_INDIRECT_DESC, RING_EVENT_IDX, RING_PACKED, IN_ORDER */
    uint32_t queue;          /**< index of the queue, for diagnoses only */
    uint16_t size;           /**< 0: not enabled */
    uint16_t avail_next;     /**< next available entry to read */
    uint16_t avail_known;    /**< split: avail.idx as last read */
    uint16_t used_next;      /**< next used entry to write */
    uint16_t used_signalled; /**< split: used index at the last interrupt decision */
    uint16_t event_flags;    /**< packed: last value written to the device's event structure */
    uint32_t used_since;     /**< packed: descriptors used since the last interrupt decision */
    uint32_t descs_inflight; /**< packed: descriptors of the buffers in flight */
    uint32_t inflight_count;
    struct bnt_vq_dev_inflight inflight[BNT_VQ_DEV_INFLIGHT_MAX]; /**< oldest first */
    bool kicks_wanted;
    bool broken;
    bool big_endian;     /**< a legacy ring of a big-endian guest */
    bool used_unflagged; /**< quirk, set by the caller: no packed used descriptor has WRITE */
};

/**
 * A buffer that the device popped: the segments of its chain, each read a single time and checked.
 * A segment of 0 bytes is legal on the ring, but is left out here, so it is possible that a buffer
 * has no segment.
 */
struct bnt_vq_chain {
    struct bnt_vq_seg *segs; /**< array of the caller, set before bnt_vq_dev_pop */
    uint32_t seg_max;        /**< length of the array; more segments are CHAIN_SEGMENTS (VS-2) */
    uint32_t readable_count; /**< device-readable segments, which come first (VS-3) */
    uint32_t writable_count; /**< device-writable segments, which follow */
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    uint16_t head; /**< names the buffer until it is pushed; on a packed ring the buffer's id */
};

/**
 * Enables a queue with the size and addresses that the driver wrote.
 *
 * `size` is a power of two up to BNT_VQ_SIZE_MAX; a packed ring can have any size up to that limit.
 * The addresses are multiples of 16, 2 and 4 (packed: 16, 4 and 4) inside guest memory. On a packed
 * ring `avail_gpa` and `used_gpa` are the event structures of driver and device. A zeroed struct is
 * a queue that is not enabled.
 *
 * - BNT_OK
 * - BNT_E_RING: size or address are invalid, and `diag` has the fault: the queue is not enabled,
 *   and every other call returns E_STATE
 */
BNT_MUST_USE bnt_status bnt_vq_dev_init(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint32_t queue, uint16_t size, uint64_t desc_gpa,
                                        uint64_t avail_gpa, uint64_t used_gpa, uint64_t features,
                                        struct bnt_diag *diag);

/** Enables a split ring of a legacy driver, in the guest's byte order (VG-33); otherwise as
 * bnt_vq_dev_init. */
BNT_MUST_USE bnt_status bnt_vq_dev_init_legacy(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                               uint32_t queue, uint16_t size, uint64_t desc_gpa,
                                               uint64_t avail_gpa, uint64_t used_gpa,
                                               uint64_t features, bool big_endian,
                                               struct bnt_diag *diag);

/**
 * Pops the next available buffer into `chain`.
 *
 * At most `size` buffers are in flight (popped and not pushed), whatever the driver writes; a
 * larger number is the fault AVAIL_INDEX_JUMP. The same head is in flight twice if the driver makes
 * it available twice. On a packed ring, more descriptors than the ring has are the fault
 * DESC_OVERRUN, and an id that is in flight already is the fault BUFFER_ID_TWICE.
 *
 * - BNT_OK
 * - BNT_E_AGAIN: no buffer is available; with EVENT_IDX the device has requested the next kick and
 *   read the index again, so that no kick is lost
 * - BNT_E_LIMIT: packed or IN_ORDER: BNT_VQ_DEV_INFLIGHT_MAX buffers are in flight; push one
 *   buffer, then pop again, because the driver does not kick for the buffers that wait
 * - BNT_E_STATE: the queue is not enabled
 * - BNT_E_BROKEN: the queue was broken before
 * - BNT_E_RING: the ring is malformed, and `diag` says how: the queue is broken; set NEEDS_RESET
 * - BNT_E_CALLBACK: a copy failed: the queue is broken; set NEEDS_RESET
 */
BNT_MUST_USE bnt_status bnt_vq_dev_pop(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                       struct bnt_vq_chain *chain, struct bnt_diag *diag);

/**
 * Pushes the buffer `head` back to the driver as used, with `len` bytes written (VS-14).
 *
 * The device can push buffers in any order. With IN_ORDER the driver sees a buffer only when all
 * older buffers were pushed, too; buffers that were written in full are published as one batch
 * (VG-30, VS-17).
 *
 * - BNT_OK
 * - BNT_E_ARGUMENT: `head` is not in the descriptor table; packed or IN_ORDER: it is not in flight
 * - BNT_E_STATE: the queue is not enabled, or no buffer is in flight
 * - BNT_E_BROKEN: the queue was broken before
 * - BNT_E_RING: the ring is malformed: the queue is broken
 * - BNT_E_CALLBACK: a copy failed: the queue is broken
 */
BNT_MUST_USE bnt_status bnt_vq_dev_push(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint16_t head, uint32_t len, struct bnt_diag *diag);

/**
 * Sets `due` if the driver wants an interrupt for the buffers that were pushed since the last call
 * (VS-11, VS-12, VP-9).
 *
 * One call is enough for one push or for many. If the queue is broken, the call answers for the
 * buffers that were pushed before the queue broke. `due` is false unless the call returns OK.
 *
 * - BNT_OK
 * - BNT_E_STATE: the queue is not enabled
 * - BNT_E_BROKEN: the queue was broken before, and no interrupt is due
 * - BNT_E_RING: the ring is malformed: the queue is broken
 * - BNT_E_CALLBACK: a copy failed: the queue is broken
 */
BNT_MUST_USE bnt_status bnt_vq_dev_check_interrupt_due(struct bnt_vq_dev *vq,
                                                       const struct bnt_mem *mem, bool *due,
                                                       struct bnt_diag *diag);

/**
 * Validates `next`, the upper 16 bits of a notification with data (VG-31): the position up to which
 * the driver made buffers available.
 *
 * The position is the available index of a split ring, or the offset and wrap counter of a packed
 * ring. An old position is valid, because a notification can be late or come twice.
 *
 * - BNT_OK
 * - BNT_E_MESSAGE: fault NOTIFY_DATA: the position is ahead of the ring, or not in it; the queue
 *   continues to work
 * - BNT_E_STATE: the queue is not enabled
 * - BNT_E_BROKEN: the queue was broken before
 * - BNT_E_RING: the ring is malformed: the queue is broken
 * - BNT_E_CALLBACK: a copy failed: the queue is broken
 */
BNT_MUST_USE bnt_status bnt_vq_dev_check_notify_data(struct bnt_vq_dev *vq,
                                                     const struct bnt_mem *mem, uint16_t next,
                                                     struct bnt_diag *diag);

/**
 * Requests kicks from the driver, or suppresses them while the device polls.
 *
 * The driver is still allowed to kick (VS-13). After requesting kicks again, pop until E_AGAIN
 * before sleeping.
 *
 * - BNT_OK
 * - BNT_E_STATE: the queue is not enabled
 * - BNT_E_BROKEN: the queue was broken before
 * - BNT_E_RING: the ring is malformed: the queue is broken
 * - BNT_E_CALLBACK: a copy failed: the queue is broken
 */
BNT_MUST_USE bnt_status bnt_vq_dev_set_kicks_wanted(struct bnt_vq_dev *vq,
                                                    const struct bnt_mem *mem, bool wanted,
                                                    struct bnt_diag *diag);

/**
 * Copies `bytes` from the readable part of a chain to `dst`, from byte `offset` on.
 *
 * - BNT_OK
 * - BNT_E_RANGE: the readable part is shorter: nothing was read
 * - BNT_E_CALLBACK: a copy failed: `dst` is undefined
 */
BNT_MUST_USE bnt_status bnt_vq_chain_read(const struct bnt_vq_chain *chain,
                                          const struct bnt_mem *mem, uint64_t offset, void *dst,
                                          uint32_t bytes);

/**
 * Copies `bytes` from `src` to the writable part of a chain, from byte `offset` on.
 *
 * - BNT_OK
 * - BNT_E_RANGE: the writable part is shorter: nothing was written
 * - BNT_E_CALLBACK: a copy failed
 */
BNT_MUST_USE bnt_status bnt_vq_chain_write(const struct bnt_vq_chain *chain,
                                           const struct bnt_mem *mem, uint64_t offset,
                                           const void *src, uint32_t bytes);

/* ---- Driver side ---------------------------------------------------------------------------- */

/** The driver's private record of one descriptor, outside the memory that the device sees. */
struct bnt_vq_slot {
    uint16_t next;             /**< next free descriptor (packed: id), or next of the chain */
    uint16_t count;            /**< descriptors of the chain; 0: no outstanding head */
    uint32_t writable_bytes;   /**< bound for the used length */
    uint16_t unpublished_next; /**< next head that was added but not published */
    bool published;            /**< the device sees the head, and may return it */
};

struct bnt_vq_drv_config {
    uint32_t size;         /**< sizeof(struct bnt_vq_drv_config) */
    uint32_t queue;        /**< index of the queue, for diagnoses only */
    uint16_t queue_size;   /**< power of two unless packed, at most BNT_VQ_SIZE_MAX */
    uint16_t indirect_max; /**< descriptors of one indirect table; 0: no indirect tables */
    uint64_t features;     /**< negotiated */
    void *ring;        /**< memory of bnt_vq_drv_compute_ring_bytes_for_features(), 16-aligned */
    uint64_t ring_gpa; /**< address at which the device sees `ring` */
    struct bnt_vq_slot *slots; /**< queue_size of them, private */
    bool legacy; /**< a split ring in the layout of legacy transports; ring_gpa is 4096-aligned */
    bool big_endian; /**< with `legacy`: the guest's byte order */
};

struct bnt_vq_drv {
    struct bnt_vq_drv_config config;
    struct bnt_vq_parts layout;
    uint16_t free_head;        /**< first free descriptor; packed: first free id */
    uint16_t free_count;       /**< free descriptors */
    uint16_t unpublished_head; /**< last head that was added but not published */
    uint16_t avail_next;       /**< next available entry to write, a position as in bnt_vq_dev */
    uint16_t avail_published;  /**< avail_next at the last publish */
    uint16_t used_next;        /**< next used entry to read */
    uint16_t outstanding;      /**< chains that were added and not popped */
    uint16_t unpublished;      /**< chains that were added and not published */
    uint16_t order_next;       /**< IN_ORDER: the head that must come back next */
    uint16_t batch_left;       /**< IN_ORDER: buffers left of the batch that is being popped */
    uint32_t batch_len;        /**< IN_ORDER: used length of the last buffer of the batch */
    uint16_t event_flags;      /**< packed: last value written to the driver's event structure */
    uint16_t withheld_flags;   /**< packed: flags that publish writes at avail_published */
    bool interrupts_wanted;
    bool broken;
};

/** The bytes of ring memory of a legacy queue, laid out by bnt_vq_compute_legacy_layout. */
uint32_t bnt_vq_drv_compute_legacy_ring_bytes(uint16_t queue_size, uint16_t indirect_max);

/**
 * The bytes of ring memory of a split queue, with an indirect table for each descriptor. 0 if a
 * queue cannot have this size, or if the number has more than 32 bits.
 */
uint32_t bnt_vq_drv_compute_ring_bytes(uint16_t queue_size, uint16_t indirect_max);

/** The bytes of ring memory of the ring that `features` choose. A packed ring never needs more
 * bytes than a split ring of the same size. */
uint32_t bnt_vq_drv_compute_ring_bytes_for_features(uint16_t queue_size, uint16_t indirect_max,
                                                    uint64_t features);

/**
 * Prepares an empty queue and clears its ring memory (VS-16); `config` is copied.
 *
 * If the call does not return OK, the queue counts as broken.
 *
 * - BNT_OK
 * - BNT_E_SIZE: config->size is unknown
 * - BNT_E_ARGUMENT: a queue cannot have this size, a pointer is NULL, or the ring's addresses wrap
 * - BNT_E_STORAGE: `ring` or `ring_gpa` is not a multiple of 16
 */
BNT_MUST_USE bnt_status bnt_vq_drv_init(struct bnt_vq_drv *vq,
                                        const struct bnt_vq_drv_config *config);

/**
 * Adds a buffer to the queue: `readable` segments, followed by `writable` segments (VS-3).
 *
 * `head` returns the name of the buffer until it is popped. The device does not see the buffer
 * before bnt_vq_drv_publish. A buffer of several segments uses an indirect table if the feature was
 * negotiated and the table has room.
 *
 * - BNT_OK
 * - BNT_E_FULL: the queue has no room: nothing changed
 * - BNT_E_ARGUMENT: no segment, more segments than the queue's size (VS-7), an empty segment or one
 *   that wraps, or more than 2^32 bytes
 * - BNT_E_BROKEN: the queue is broken
 */
BNT_MUST_USE bnt_status bnt_vq_drv_add(struct bnt_vq_drv *vq, const struct bnt_vq_seg *segs,
                                       uint32_t readable, uint32_t writable, uint16_t *head);

/**
 * Makes the added buffers visible to the device. Returns true if the device wants a kick for them
 * (VS-11, VS-12); the caller then kicks, but never before DRIVER_OK (VG-24).
 */
bool bnt_vq_drv_publish(struct bnt_vq_drv *vq);

/**
 * The upper 16 bits of a notification with data (VG-31): the position of the next buffer that the
 * driver will make available. It is the available index of a split ring, or the offset in a packed
 * ring with the wrap counter in bit 15.
 */
uint16_t bnt_vq_drv_get_notify_data(const struct bnt_vq_drv *vq);

/**
 * Pops a used buffer; `len` bytes of its writable part are valid (VS-15).
 *
 * If the used length exceeds the number of writable bytes, it is clamped to that number, because
 * real devices return such a length for buffers that they only read. The call then returns OK with
 * diag->fault USED_LENGTH; otherwise it returns OK with diag->fault NONE. On a packed ring the
 * length is used whether or not WRITE is set, because QEMU 7.2 never sets it. In a batch (VS-17),
 * every buffer except the last one counts as written in full.
 *
 * - BNT_OK
 * - BNT_E_AGAIN: no buffer was used; with EVENT_IDX the driver has requested the next interrupt and
 *   read the index again
 * - BNT_E_BROKEN: the queue was broken before
 * - BNT_E_RING: the used id is out of range or not outstanding, the index jumped, or the order is
 *   wrong under IN_ORDER: the queue is broken
 */
BNT_MUST_USE bnt_status bnt_vq_drv_pop(struct bnt_vq_drv *vq, uint16_t *head, uint32_t *len,
                                       struct bnt_diag *diag);

/** A word of ring memory that changes when the device uses the next buffer, and its value now. */
struct bnt_vq_watch {
    const void *at;
    uint32_t held; /**< the value, 16 bits */
};

/**
 * Fills `watch` with the word of ring memory that changes when the device uses a buffer; `watch`
 * stays valid until the next pop or init. Returns false if a used buffer can be popped now, or if
 * the queue is broken; the caller then calls bnt_vq_drv_pop.
 */
bool bnt_vq_drv_begin_watch(const struct bnt_vq_drv *vq, struct bnt_vq_watch *watch);

/** Whether one of the `count` watched words changed, so that bnt_vq_drv_pop can return a buffer. */
bool bnt_vq_drv_has_any_watch_changed(const struct bnt_vq_watch *watches, uint32_t count);

/**
 * Requests interrupts from the device, or suppresses them while the driver polls.
 *
 * The device is still allowed to interrupt (VS-13). After requesting interrupts again, pop until
 * E_AGAIN before sleeping.
 */
void bnt_vq_drv_set_interrupts_wanted(struct bnt_vq_drv *vq, bool wanted);

#ifdef __cplusplus
}
#endif
#endif
