/*
 * Private to sim/conformance: the parser with which watchers read the rings in guest memory.
 *
 * rings_read.c reads memory, rings_split.c and rings_packed.c walk over the descriptors of the two
 * formats, rings.c keeps the queues; rings_available.c finds new buffers, rings_used.c finds used
 * ones. This parser shares no code with lib/virtio.
 */
#ifndef SIM_CONFORMANCE_RINGS_H
#define SIM_CONFORMANCE_RINGS_H

#include <ballonet/virtqueue.h>

#define SEEN_SEGS_MAX \
    1024 /**< the most descriptors of a buffer; if a buffer has more, its queue is lost */
#define SEEN_SEGS_INLINE 4
#define SEEN_QUEUES_MAX  8

struct watch;

/** A buffer of a queue. */
struct seen_buffer {
    bool in_flight;
    bool fetched;       /**< the device read the first descriptor of the buffer */
    bool overwritten;   /**< packed: used descriptors of other buffers overwrote the descriptors of
                           this buffer */
    bool indirect;      /**< the buffer has an indirect table */
    bool table_marked;  /**< the descriptor that refers to the indirect table has WRITE set */
    bool position_wrap; /**< packed: the driver's wrap counter at the first descriptor of the buffer
                         */
    uint16_t id;        /**< split: index of the head descriptor; packed: the buffer's id */
    uint16_t position;  /**< ring position of the first descriptor */
    uint16_t descs;     /**< of the ring itself */
    uint32_t listed;    /**< index of the buffer in the queue's list */
    uint64_t sequence; /**< number of the buffer in its queue, in the order of submission, from 1 */
    uint64_t desc_sum; /**< hash of the descriptors at the time when the buffer was submitted */
    uint64_t payload_sum; /**< sum of the readable bytes at the time when the buffer was
                               submitted */
    uint64_t written;     /**< number of bytes that the device wrote into the buffer */
    uint64_t segs_read;   /**< bit n is set if the device has read the readable segment n; bit 63 is
                               for segment 63 and all later ones */
    uint64_t submitted_ns;
    uint32_t readable_count;
    uint32_t writable_count;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    struct bnt_vq_seg few[SEEN_SEGS_INLINE];
    struct bnt_vq_seg *many; /**< the segments if they are too many for `few` */
};

static inline const struct bnt_vq_seg *watch_get_buffer_segments(const struct seen_buffer *buffer)
{
    return buffer->many != NULL ? buffer->many : buffer->few;
}

/** The result of a walk over the descriptors of a buffer. */
struct seen_chain {
    struct bnt_vq_seg segs[SEEN_SEGS_MAX]; /**< readable, then writable */
    uint32_t readable_count;
    uint32_t writable_count;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    uint32_t descs;    /**< number of descriptors in the ring and in indirect tables */
    uint16_t id;       /**< packed */
    uint16_t in_ring;  /**< number of descriptors in the ring only */
    unsigned faults;   /**< FAULT_* */
    bool indirect;     /**< the buffer has an indirect table */
    bool table_marked; /**< the descriptor that refers to the indirect table has WRITE set */
    uint64_t sum;      /**< of descriptors */
};

enum {
    FAULT_RANGE = 1,     /**< a descriptor or an indirect table is outside guest memory */
    FAULT_LOOP = 2,      /**< the chain has more descriptors than the queue, so it loops */
    FAULT_ORDER = 4,     /**< readable after writable */
    FAULT_BYTES = 8,     /**< over 2^32 bytes */
    FAULT_TABLE = 16,    /**< there is an indirect table where none is allowed */
    FAULT_LENGTH = 32,   /**< the chain is longer than the queue */
    FAULT_IN_ORDER = 64, /**< split ring with IN_ORDER: `next` is not the following descriptor */
    FAULT_TABLE_ORDER = 128, /**< IN_ORDER is violated in an indirect table */
    FAULT_UNAVAILABLE = 256, /**< packed ring: only some descriptors of the list are available */
    FAULT_FLAGS = 512        /**< packed ring: an indirect table has flags other than WRITE */
};

struct seen_queue {
    bool enabled;
    bool lost;      /**< the queue cannot be parsed any more, because a party broke its ring */
    bool fatal;     /**< the driver broke the ring, so that the device cannot use it either */
    bool looked_at; /**< the device accessed the queue after it was lost */
    uint16_t index;
    uint16_t role; /**< BNT_BALLOON_QUEUE_* */
    uint16_t size;
    bool packed;
    bool event_idx;
    bool in_order;
    bool indirect;
    uint64_t desc_gpa;
    uint64_t avail_gpa; /**< packed ring: address of the driver's event structure */
    uint64_t used_gpa;  /**< packed ring: address of the device's event structure */
    uint64_t first_gpa; /**< no byte of the ring is below this address */
    uint64_t end_gpa;   /**< or at this one or above */
    const uint8_t *desc;
    const uint8_t *avail;
    const uint8_t *used;
    /* Split: indices. In a packed ring, positions count modulo twice the size of the ring;
     * positions below the size have wrap counter 1. */
    uint32_t avail_seen;
    uint32_t used_seen;
    uint32_t avail_checked;   /**< the value of avail_seen when kicks were last checked */
    uint32_t used_checked;    /**< the value of used_seen when interrupts were last checked */
    bool used_arrived;        /**< the device used a buffer since the last interrupt arrived */
    uint16_t order_next;      /**< split ring with IN_ORDER: the descriptor with which the next
                                   buffer must begin */
    uint32_t in_flight;       /**< buffers in flight */
    uint32_t scattered;       /**< those of them that have more than one readable segment */
    uint32_t descs_in_flight; /**< packed ring: number of descriptors in flight */
    uint64_t submitted;       /**< number of buffers since the queue was enabled */
    uint64_t fetched;    /**< number of the last buffer whose first descriptor the device read */
    uint64_t used_count; /**< the same */
    struct seen_buffer *buffers; /**< `size` buffers; the index is the first descriptor (split ring:
                                      the head) */
    uint16_t *list;              /**< indices of the buffers in flight, in any order */
    uint8_t
        *fresh; /**< split ring: number of used elements written since the last write of used.idx */
};

/** All queues of a VM. */
struct watch_rings {
    struct seen_queue queues[SEEN_QUEUES_MAX];
    uint32_t queue_count; /**< queues that were ever enabled; they are the first ones */
    struct seen_chain scratch;
    bool spurious[2];        /**< the last notification that this party got was spurious */
    bool needs_reset;        /**< the status showed NEEDS_RESET at the end of the last event */
    bool given_up;           /**< the driver read NEEDS_RESET */
    bool config_interrupted; /**< the device sent a configuration interrupt in this event */
};

/* The sizes, in bytes, of the parts of a ring. */
static inline uint64_t rings_get_desc_bytes(const struct seen_queue *queue)
{
    return UINT64_C(16) * queue->size;
}

static inline uint64_t rings_get_avail_bytes(const struct seen_queue *queue)
{
    return queue->packed ? 4 : UINT64_C(6) + UINT64_C(2) * queue->size;
}

static inline uint64_t rings_get_used_bytes(const struct seen_queue *queue)
{
    return queue->packed ? 4 : UINT64_C(6) + UINT64_C(8) * queue->size;
}

static inline void queue_stop_tracking(struct seen_queue *queue, bool fatal)
{
    queue->lost = true;
    queue->fatal = fatal;
}

/* Walks over the buffer that begins at this descriptor (rings_split.c, rings_packed.c). */
void split_walk_chain(const struct watch *watch, const struct seen_queue *queue, uint16_t head,
                      struct seen_chain *chain);
void packed_walk_list(const struct watch *watch, const struct seen_queue *queue, uint16_t position,
                      bool wrap, struct seen_chain *chain);
bool packed_is_list_available(const struct watch *watch, const struct seen_queue *queue,
                              uint16_t position, bool wrap);

/* rings_read.c */
/** Pointer to a range of guest memory, or NULL if the range is not in the memory of rings and
 * requests. */
const uint8_t *watch_find_guest_memory(const struct watch *watch, uint64_t gpa, uint64_t bytes);
/** Copies bytes from the readable or writable part of a buffer; returns how many bytes could be
 * copied. */
uint32_t watch_read_buffer_bytes(const struct watch *watch, const struct seen_buffer *buffer,
                                 bool writable, uint64_t offset, void *out, uint32_t bytes);
/** Clears `walk` before a walk over descriptors begins. */
static inline void chain_set_empty(struct seen_chain *chain)
{
    chain->readable_count = 0;
    chain->writable_count = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    chain->descs = 0;
    chain->in_ring = 0;
    chain->faults = 0;
    chain->indirect = false;
    chain->table_marked = false;
    chain->sum = 0;
}

/** Adds the segment of the next descriptor to the result of a walk. */
static inline void chain_add_segment(struct seen_chain *chain, uint64_t gpa, uint32_t bytes,
                                     bool writable)
{
    const uint32_t count = chain->readable_count + chain->writable_count;
    if (!writable && chain->writable_count > 0) {
        chain->faults |= FAULT_ORDER;
        return;
    }
    if (count == SEEN_SEGS_MAX) {
        chain->faults |= FAULT_LENGTH;
        return;
    }
    chain->segs[count] = (struct bnt_vq_seg){gpa, bytes};
    if (writable) {
        chain->writable_count++;
        chain->writable_bytes += bytes;
    } else {
        chain->readable_count++;
        chain->readable_bytes += bytes;
    }
    if (chain->readable_bytes + chain->writable_bytes > UINT64_C(1) << 32) {
        chain->faults |= FAULT_BYTES;
    }
}

/* rings.c */
struct seen_queue *rings_find_queue(struct watch *watch, uint16_t index);
void rings_enable_queue(struct watch *watch, uint16_t index, uint16_t role, uint16_t size,
                        uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa);
/** Forgets the buffers of the queue and ignores the queue until it is enabled again. */
void rings_disable_queue(struct watch *watch, struct seen_queue *queue);
/** Disables all queues of the VM. */
void rings_disable_all_queues(struct watch *watch);
/** Forgets a buffer that is no longer in flight. */
void rings_remove_buffer(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer);

/* rings_available.c */
/** Reads the buffers that the driver made available. Call this before any check that depends on
 * them. */
void rings_read_available(struct watch *watch);
/** Whether the ring of a lost queue is still broken. It is not if the driver repaired it before the
 * device read it. */
bool rings_is_queue_broken(const struct watch *watch, const struct seen_queue *queue,
                           struct seen_chain *scratch);
/** Checks that the driver did not change a buffer in flight; if `descs` is true, also checks its
 * descriptors. */
void rings_check_buffer_unaltered(struct watch *watch, struct seen_queue *queue,
                                  struct seen_buffer *buffer, bool descs);

/* rings_used.c */
/** Reads the buffers that the device used, after the device wrote to the used side of the queue. */
void rings_read_used(struct watch *watch, struct seen_queue *queue);
/** Reads the last answer a second time, because a script altered the answer. */
void rings_reread_answer(struct watch *watch, struct seen_queue *queue);

#endif
