/*
 * Private to sim/conformance: the watchers' own reading of rings in guest memory.
 *
 * rings_read.c reads memory, rings_split.c and rings_packed.c walk over the buffers of the two
 * formats, rings.c keeps the queues; rings_available.c and rings_used.c notice what is new. None of
 * it shares code with lib/virtio.
 */
#ifndef SIM_CONFORMANCE_RINGS_H
#define SIM_CONFORMANCE_RINGS_H

#include <ballonet/virtqueue.h>

#define SEEN_SEGS_MAX    1024 /**< segments of a buffer that are looked at */
#define SEEN_SEGS_INLINE 4
#define SEEN_QUEUES_MAX  8

struct watch;

/** A buffer that the device has. */
struct seen_buffer {
    bool out;
    bool taken;           /**< the device read its first descriptor */
    bool spoiled;         /**< packed: used descriptors of other buffers lie over it */
    bool indirect;        /**< a table was used */
    bool table_marked;    /**< the descriptor that refers to it has WRITE set */
    bool position_wrap;   /**< packed: the driver's wrap counter at its first descriptor */
    uint16_t id;          /**< head descriptor; packed: the buffer's id */
    uint16_t position;    /**< of its first descriptor */
    uint16_t descs;       /**< of the ring itself */
    uint32_t listed;      /**< where it stands in the queue's list */
    uint64_t sequence;    /**< order of exposure in its queue, from 1 */
    uint64_t desc_sum;    /**< of descriptors, as exposed */
    uint64_t payload_sum; /**< of readable bytes, as exposed */
    uint64_t written;     /**< bytes that the device wrote into it */
    uint64_t segs_read;   /**< bit n: the device read of readable segment n (63: and beyond) */
    uint64_t exposed_ns;
    uint32_t readable_count;
    uint32_t writable_count;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    struct bnt_vq_seg few[SEEN_SEGS_INLINE];
    struct bnt_vq_seg *many; /**< where `few` are not enough */
};

static inline const struct bnt_vq_seg *seen_segs(const struct seen_buffer *buffer)
{
    return buffer->many != NULL ? buffer->many : buffer->few;
}

/** What a walk over a buffer's descriptors finds. */
struct seen_chain {
    struct bnt_vq_seg segs[SEEN_SEGS_MAX]; /**< readable, then writable */
    uint32_t readable_count;
    uint32_t writable_count;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    uint32_t descs;    /**< of ring and tables */
    uint16_t id;       /**< packed */
    uint16_t in_ring;  /**< descriptors of the ring itself */
    unsigned faults;   /**< FAULT_* */
    bool indirect;     /**< a table was used */
    bool table_marked; /**< the descriptor that refers to it has WRITE set */
    uint64_t sum;      /**< of descriptors */
};

enum {
    FAULT_RANGE = 1,         /**< a descriptor or table that is not there */
    FAULT_LOOP = 2,          /**< more descriptors than can be */
    FAULT_ORDER = 4,         /**< readable after writable */
    FAULT_BYTES = 8,         /**< over 2^32 bytes */
    FAULT_TABLE = 16,        /**< a table that must not be */
    FAULT_LENGTH = 32,       /**< longer than the queue */
    FAULT_IN_ORDER = 64,     /**< split, IN_ORDER: next is not the one that follows */
    FAULT_TABLE_ORDER = 128, /**< the same in a table */
    FAULT_UNAVAILABLE = 256, /**< packed: a list that is available in part */
    FAULT_FLAGS = 512        /**< packed: flags in a table other than WRITE */
};

struct seen_queue {
    bool enabled;
    bool lost;      /**< it cannot be followed any more: somebody broke it */
    bool fatal;     /**< the driver broke it so that the device cannot go on */
    bool looked_at; /**< by the device, since it is lost */
    uint16_t index;
    uint16_t role; /**< BNT_BALLOON_QUEUE_* */
    uint16_t size;
    bool packed;
    bool event_idx;
    bool in_order;
    bool indirect;
    uint64_t desc_gpa;
    uint64_t avail_gpa; /**< packed: the driver's event structure */
    uint64_t used_gpa;  /**< packed: the device's event structure */
    const uint8_t *desc;
    const uint8_t *avail;
    const uint8_t *used;
    /* Split: indices. Packed: offsets in two laps, of which the first has wrap counter 1. */
    uint32_t avail_seen;
    uint32_t used_seen;
    uint32_t avail_judged;       /**< where the avail side stood at the last judgement of kicks */
    uint32_t used_judged;        /**< the same of interrupts */
    bool used_arrived;           /**< something was used since the last interrupt arrived */
    uint16_t order_next;         /**< IN_ORDER, split: the descriptor that must come next */
    uint32_t out;                /**< buffers that the device has */
    uint32_t descs_out;          /**< packed: descriptors of theirs */
    uint64_t exposed;            /**< buffers ever */
    uint64_t taken;              /**< sequence of the last that the device took */
    uint64_t used_count;         /**< buffers ever */
    struct seen_buffer *buffers; /**< `size` of them, by first descriptor (split: head) */
    uint16_t *list;              /**< those that are out, in any order */
    uint8_t *fresh;              /**< split: used elements written since the index was */
};

/** All queues of a VM. */
struct watch_rings {
    struct seen_queue queues[SEEN_QUEUES_MAX];
    struct seen_chain scratch;
    bool spurious[2];        /**< a notification that means nothing arrived, by party */
    bool needs_reset;        /**< seen in the status */
    bool given_up;           /**< the driver read that */
    bool config_interrupted; /**< in this event */
};

static inline void queue_give_up(struct seen_queue *queue, bool fatal)
{
    queue->lost = true;
    queue->fatal = fatal;
}

/* rings_split.c, rings_packed.c: walks over the buffer that begins there */
void split_walk(const struct watch *watch, const struct seen_queue *queue, uint16_t head,
                struct seen_chain *chain);
void packed_walk(const struct watch *watch, const struct seen_queue *queue, uint16_t position,
                 bool wrap, struct seen_chain *chain);
bool packed_available(const struct watch *watch, const struct seen_queue *queue, uint16_t position,
                      bool wrap);

/* rings_read.c */
/** Bytes of guest memory, or NULL where there are none that anybody may look at. */
const uint8_t *seen_memory(const struct watch *watch, uint64_t gpa, uint64_t bytes);
uint16_t seen_u16(const struct watch *watch, const uint8_t *at);
uint32_t seen_u32(const struct watch *watch, const uint8_t *at);
uint64_t seen_u64(const struct watch *watch, const uint8_t *at);
/** Copies out of the readable or writable part of a buffer; returns how many bytes there are. */
uint32_t seen_read(const struct watch *watch, const struct seen_buffer *buffer, bool writable,
                   uint64_t offset, void *out, uint32_t bytes);
/** A walk begins: nothing was found yet. */
void chain_begin(struct seen_chain *chain);
/** Adds a segment as a walk meets it. */
void chain_add(struct seen_chain *chain, uint64_t gpa, uint32_t bytes, bool writable);

/* rings.c */
struct seen_queue *rings_queue(struct watch *watch, uint16_t index);
void rings_enable(struct watch *watch, uint16_t index, uint16_t role, uint16_t size,
                  uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa);
/** The queue is not followed any more, until it is set up anew. */
void rings_disable(struct watch *watch, struct seen_queue *queue);
/** The same of all of them. */
void rings_reset(struct watch *watch);
/** The device has this buffer no longer. */
void rings_buffer_drop(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer);
/** Bytes of the parts of a ring. */
uint64_t rings_desc_bytes(const struct seen_queue *queue);
uint64_t rings_avail_bytes(const struct seen_queue *queue);
uint64_t rings_used_bytes(const struct seen_queue *queue);

/* rings_available.c */
/** Looks at what the driver made available: before anything that depends on it. */
void rings_look(struct watch *watch);
/** Whether a queue that was given up is broken as it stands now: the driver may have written over
 * what was wrong before the device looked. */
bool rings_broken(const struct watch *watch, const struct seen_queue *queue,
                  struct seen_chain *scratch);
/** What the device has must be as it was exposed; `descs`: its descriptors too. */
void rings_judge_kept(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer,
                      bool descs);

/* rings_used.c */
/** The device wrote where the used side of a queue is told. */
void rings_look_used(struct watch *watch, struct seen_queue *queue);
/** The last answer is looked at once more: a script changed it. */
void rings_spoiled(struct watch *watch, struct seen_queue *queue);

#endif
