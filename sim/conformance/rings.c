/*
 * Rings as they are seen in guest memory: which buffers the driver made available, which the device
 * used. Each is told to the watchers; what a ring itself must be like is judged here.
 *
 * A queue that somebody broke is lost: nobody can say any more what is in it, and it is left alone
 * until it is set up anew.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>
#include <string.h>

#define DRV CLAUSE_DRIVER
#define DEV CLAUSE_DEVICE

/* ---- Guest memory ---- */

const uint8_t *seen_memory(const struct watch *watch, uint64_t gpa, uint64_t bytes)
{
    const struct conformance_vm *vm = &watch->config;
    if (gpa < vm->dma_gpa || gpa - vm->dma_gpa > vm->dma_bytes ||
        bytes > vm->dma_bytes - (gpa - vm->dma_gpa)) {
        return NULL;
    }
    return vm->dma + (gpa - vm->dma_gpa);
}

/** Rings are little-endian, but for a legacy driver of a big-endian guest (VG-33). */
static bool swapped(const struct watch *watch)
{
    return watch->config.big_endian && (watch->registers.features & BNT_F_VERSION_1) == 0;
}

uint16_t seen_u16(const struct watch *watch, const uint8_t *at)
{
    const bool swap = swapped(watch);
    const unsigned high = swap ? at[0] : at[1];
    const unsigned low = swap ? at[1] : at[0];
    return (uint16_t)(high << 8 | low);
}

uint32_t seen_u32(const struct watch *watch, const uint8_t *at)
{
    const uint32_t first = seen_u16(watch, at);
    const uint32_t second = seen_u16(watch, at + 2);
    return swapped(watch) ? first << 16 | second : second << 16 | first;
}

uint64_t seen_u64(const struct watch *watch, const uint8_t *at)
{
    const uint64_t first = seen_u32(watch, at);
    const uint64_t second = seen_u32(watch, at + 4);
    return swapped(watch) ? first << 32 | second : second << 32 | first;
}

uint64_t rings_desc_bytes(const struct seen_queue *queue)
{
    return UINT64_C(16) * queue->size;
}

uint64_t rings_avail_bytes(const struct seen_queue *queue)
{
    return queue->packed ? 4 : UINT64_C(6) + UINT64_C(2) * queue->size;
}

uint64_t rings_used_bytes(const struct seen_queue *queue)
{
    return queue->packed ? 4 : UINT64_C(6) + UINT64_C(8) * queue->size;
}

void chain_add(struct seen_chain *chain, uint64_t gpa, uint32_t bytes, bool writable)
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

uint32_t seen_read(const struct watch *watch, const struct seen_buffer *buffer, bool writable,
                   uint64_t offset, void *out, uint32_t bytes)
{
    const struct bnt_vq_seg *segs = seen_segs(buffer) + (writable ? buffer->readable_count : 0);
    const uint32_t count = writable ? buffer->writable_count : buffer->readable_count;
    uint8_t *to = out;
    uint32_t done = 0;
    for (uint32_t i = 0; i < count && done < bytes; i++) {
        if (offset >= segs[i].bytes) {
            offset -= segs[i].bytes;
            continue;
        }
        const uint64_t left = segs[i].bytes - offset;
        const uint32_t part = left < bytes - done ? (uint32_t)left : bytes - done;
        const uint8_t *from = seen_memory(watch, segs[i].gpa + offset, part);
        if (from == NULL) {
            return done;
        }
        memcpy(to + done, from, part);
        done += part;
        offset = 0;
    }
    return done;
}

static uint64_t payload_sum(const struct watch *watch, const struct seen_buffer *buffer)
{
    const struct bnt_vq_seg *segs = seen_segs(buffer);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < buffer->readable_count; i++) {
        const uint8_t *at = seen_memory(watch, segs[i].gpa, segs[i].bytes);
        uint32_t byte = 0;
        for (; at != NULL && byte + 8 <= segs[i].bytes; byte += 8) {
            uint64_t word;
            memcpy(&word, at + byte, sizeof word);
            sum = bnt_hash_add(sum, word);
        }
        for (; at != NULL && byte < segs[i].bytes; byte++) {
            sum = bnt_hash_add(sum, at[byte]);
        }
    }
    return sum;
}

/* ---- Life of a queue ---- */

struct seen_queue *rings_queue(struct watch *watch, uint16_t index)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->enabled && queue->index == index) {
            return queue;
        }
    }
    return NULL;
}

struct seen_queue *rings_role(struct watch *watch, uint16_t role)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->enabled && queue->role == role) {
            return queue;
        }
    }
    return NULL;
}

static void buffer_drop(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer)
{
    struct arena *arena = watch_arena(watch);
    const uint32_t segs = buffer->readable_count + buffer->writable_count;
    if (buffer->many != NULL) {
        arena_free(arena, buffer->many, segs * sizeof *buffer->many);
        buffer->many = NULL;
    }
    buffer->out = false;
    queue->out--;
    queue->descs_out -= buffer->descs;
    const uint16_t last = queue->list[queue->out];
    queue->list[buffer->listed] = last;
    queue->buffers[last].listed = buffer->listed;
}

void rings_disable(struct watch *watch, struct seen_queue *queue)
{
    struct arena *arena = watch_arena(watch);
    if (!queue->enabled) {
        return;
    }
    while (queue->out > 0) {
        buffer_drop(watch, queue, &queue->buffers[queue->list[0]]);
    }
    arena_free(arena, queue->buffers, queue->size * sizeof *queue->buffers);
    arena_free(arena, queue->list, queue->size * sizeof *queue->list);
    arena_free(arena, queue->fresh, queue->size);
    queue->enabled = false; /* where it was is kept: it must be left alone */
}

void rings_reset(struct watch *watch)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        rings_disable(watch, &watch->rings.queues[i]);
    }
}

static void judge_place(struct watch *watch, const struct seen_queue *queue)
{
    const uint64_t desc = queue->desc_gpa;
    const uint64_t avail = queue->avail_gpa;
    const uint64_t used = queue->used_gpa;
    const uint16_t size = queue->size;
    const bool sized = size > 0 && size <= BNT_VQ_SIZE_MAX;
    if (queue->packed) {
        clause_require(watch, DRV, CLAUSE_VP_1,
                       sized && desc % 16 == 0 && avail % 4 == 0 && used % 4 == 0,
                       "puts queue %u of %u descriptors at 0x%" PRIx64, queue->index, size, desc);
        return;
    }
    clause_require(watch, DRV, CLAUSE_VS_1,
                   sized && (size & (size - 1)) == 0 && desc % 16 == 0 && avail % 2 == 0 &&
                       used % 4 == 0,
                   "puts queue %u of %u descriptors at 0x%" PRIx64, queue->index, size, desc);
    if (queue->used != NULL) {
        clause_require(watch, DRV, CLAUSE_VS_16, seen_u16(watch, queue->used) == 0,
                       "leaves flags %u in the used ring of queue %u", seen_u16(watch, queue->used),
                       queue->index);
    }
}

static struct seen_queue *slot_for(struct watch *watch, uint16_t index)
{
    struct seen_queue *free = NULL;
    for (int i = SEEN_QUEUES_MAX - 1; i >= 0; i--) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->index == index && queue->size > 0) {
            return queue;
        }
        free = queue->enabled ? free : queue;
    }
    return free;
}

void rings_queue_reset(struct watch *watch, uint16_t index)
{
    struct seen_queue *queue = rings_queue(watch, index);
    if (queue != NULL) {
        rings_disable(watch, queue);
    }
}

void rings_enable(struct watch *watch, uint16_t index, uint16_t role, uint16_t size,
                  uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa)
{
    struct seen_queue *queue = slot_for(watch, index);
    if (queue == NULL) {
        return;
    }
    rings_disable(watch, queue);
    const uint64_t features = watch->registers.features;
    *queue = (struct seen_queue){
        .enabled = true,
        .index = index,
        .role = role,
        .size = size,
        .packed = (features & BNT_F_RING_PACKED) != 0,
        .event_idx = (features & BNT_F_RING_EVENT_IDX) != 0,
        .in_order = (features & BNT_F_IN_ORDER) != 0,
        .indirect = (features & BNT_F_RING_INDIRECT_DESC) != 0,
        .desc_gpa = desc_gpa,
        .avail_gpa = avail_gpa,
        .used_gpa = used_gpa,
    };
    queue->desc = seen_memory(watch, desc_gpa, rings_desc_bytes(queue));
    queue->avail = seen_memory(watch, avail_gpa, rings_avail_bytes(queue));
    queue->used = seen_memory(watch, used_gpa, rings_used_bytes(queue));
    judge_place(watch, queue);
    struct arena *arena = watch_arena(watch);
    queue->buffers = arena_zalloc(arena, size * sizeof *queue->buffers);
    queue->list = arena_zalloc(arena, size * sizeof *queue->list);
    queue->fresh = arena_zalloc(arena, size);
    queue->lost = size == 0 || queue->desc == NULL || queue->avail == NULL || queue->used == NULL;
}

/* ---- What the driver makes available ---- */

#define FAULTS_FATAL                                                                     \
    (FAULT_RANGE | FAULT_LOOP | FAULT_ORDER | FAULT_BYTES | FAULT_TABLE | FAULT_LENGTH | \
     FAULT_UNAVAILABLE | FAULT_FLAGS)

static void judge_split(struct watch *watch, struct seen_queue *queue,
                        const struct seen_chain *chain)
{
    const unsigned faults = chain->faults;
    const uint16_t head = chain->id;
    clause_require(watch, DRV, CLAUSE_VS_3, (faults & FAULT_ORDER) == 0,
                   "puts a readable descriptor after a writable one: head %u of queue %u", head,
                   queue->index);
    clause_require(watch, DRV, CLAUSE_VS_5, (faults & (FAULT_BYTES | FAULT_LOOP)) == 0,
                   "builds a chain that loops or is over 4 GiB: head %u of queue %u", head,
                   queue->index);
    if (chain->indirect || (faults & FAULT_LENGTH) != 0) {
        clause_require(watch, DRV, CLAUSE_VS_7, (faults & (FAULT_TABLE | FAULT_LENGTH)) == 0,
                       "uses a table as none may be used, or a chain too long: head %u of queue %u",
                       head, queue->index);
    }
    if (queue->in_order && (faults & FAULTS_FATAL) == 0) {
        clause_require(watch, DRV, CLAUSE_VS_6,
                       (faults & FAULT_IN_ORDER) == 0 && head == queue->order_next,
                       "takes descriptor %u of queue %u where %u comes next", head, queue->index,
                       queue->order_next);
        queue->order_next = (uint16_t)((head + chain->in_ring) % queue->size);
        if (chain->indirect && chain->descs > 1) {
            clause_require(watch, DRV, CLAUSE_VS_8, (faults & FAULT_TABLE_ORDER) == 0,
                           "lets the descriptors of a table not follow each other: head %u of "
                           "queue %u",
                           head, queue->index);
        }
    }
}

static void judge_packed(struct watch *watch, const struct seen_queue *queue,
                         const struct seen_chain *chain)
{
    const unsigned faults = chain->faults;
    const unsigned list = FAULT_ORDER | FAULT_LENGTH | FAULT_UNAVAILABLE | FAULT_BYTES;
    clause_require(watch, DRV, CLAUSE_VP_5,
                   (faults & list) == 0 && queue->descs_out + chain->in_ring <= queue->size,
                   "makes a list of %u descriptors available that may not be: queue %u",
                   chain->in_ring, queue->index);
    if (chain->indirect) {
        clause_require(watch, DRV, CLAUSE_VP_7, (faults & (FAULT_TABLE | FAULT_FLAGS)) == 0,
                       "uses a table as none may be used: queue %u", queue->index);
    }
}

static struct seen_buffer *buffer_of_id(struct seen_queue *queue, uint16_t id)
{
    if (!queue->packed) {
        return id < queue->size && queue->buffers[id].out ? &queue->buffers[id] : NULL;
    }
    for (uint32_t i = 0; i < queue->out; i++) {
        struct seen_buffer *buffer = &queue->buffers[queue->list[i]];
        if (buffer->id == id) {
            return buffer;
        }
    }
    return NULL;
}

/** Where a new buffer is kept: a split one by its head, a packed one by its first descriptor. */
static struct seen_buffer *buffer_keep(struct watch *watch, struct seen_queue *queue,
                                       const struct seen_chain *chain, uint16_t position)
{
    struct seen_buffer *buffer = &queue->buffers[position];
    const uint32_t segs = chain->readable_count + chain->writable_count;
    *buffer = (struct seen_buffer){
        .out = true,
        .indirect = chain->indirect,
        .table_marked = chain->table_marked,
        .id = chain->id,
        .position = position,
        .descs = chain->in_ring,
        .listed = queue->out,
        .sequence = ++queue->exposed,
        .desc_sum = chain->sum,
        .exposed_ns = watch_now(watch),
        .readable_count = chain->readable_count,
        .writable_count = chain->writable_count,
        .readable_bytes = chain->readable_bytes,
        .writable_bytes = chain->writable_bytes,
    };
    if (segs > SEEN_SEGS_INLINE) {
        buffer->many = arena_alloc(watch_arena(watch), segs * sizeof *buffer->many);
        memcpy(buffer->many, chain->segs, segs * sizeof *buffer->many);
    } else {
        memcpy(buffer->few, chain->segs, segs * sizeof buffer->few[0]);
    }
    buffer->payload_sum = payload_sum(watch, buffer);
    queue->list[queue->out++] = position;
    queue->descs_out += buffer->descs;
    return buffer;
}

static void give_up(struct seen_queue *queue, bool fatal)
{
    queue->lost = true;
    queue->fatal = fatal;
}

static void look_split(struct watch *watch, struct seen_queue *queue)
{
    const uint16_t index = seen_u16(watch, queue->avail + 2);
    const uint16_t fresh = (uint16_t)(index - queue->avail_seen);
    if (fresh == 0) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_VS_10, fresh <= queue->size,
                   "moves avail.idx of queue %u from %" PRIu32 " to %u", queue->index,
                   queue->avail_seen, index);
    if (fresh > queue->size) {
        give_up(queue, true);
        return;
    }
    struct seen_chain *chain = &watch->rings.scratch;
    for (uint16_t i = 0; i < fresh; i++) {
        const uint16_t head =
            seen_u16(watch, queue->avail + 4 + 2 * (queue->avail_seen % queue->size));
        if (head >= queue->size) {
            give_up(queue, true);
            return;
        }
        clause_require(watch, DRV, CLAUSE_VG_25, !queue->buffers[head].out,
                       "exposes descriptor %u of queue %u, which the device has", head,
                       queue->index);
        if (queue->buffers[head].out) {
            give_up(queue, false);
            return;
        }
        split_walk(watch, queue, head, chain);
        judge_split(watch, queue, chain);
        if ((chain->faults & FAULTS_FATAL) != 0) {
            give_up(queue, true);
            return;
        }
        queue->avail_seen = (uint16_t)(queue->avail_seen + 1);
        watch_exposed(watch, queue, buffer_keep(watch, queue, chain, head));
    }
}

static void look_packed(struct watch *watch, struct seen_queue *queue)
{
    struct seen_chain *chain = &watch->rings.scratch;
    while (queue->descs_out < queue->size) {
        const uint16_t position = (uint16_t)(queue->avail_seen % queue->size);
        const bool wrap = queue->avail_seen < queue->size;
        if (!packed_available(watch, queue, position, wrap)) {
            return;
        }
        packed_walk(watch, queue, position, wrap, chain);
        judge_packed(watch, queue, chain);
        if ((chain->faults & FAULTS_FATAL) != 0 ||
            queue->descs_out + chain->in_ring > queue->size || queue->buffers[position].out) {
            give_up(queue, true);
            return;
        }
        queue->avail_seen = (queue->avail_seen + chain->in_ring) % (2u * queue->size);
        struct seen_buffer *buffer = buffer_keep(watch, queue, chain, position);
        buffer->position_wrap = wrap;
        watch_exposed(watch, queue, buffer);
    }
}

bool rings_broken(const struct watch *watch, const struct seen_queue *queue,
                  struct seen_chain *scratch)
{
    if (queue->packed) {
        return true; /* a list that is available stays as it is */
    }
    const uint16_t index = seen_u16(watch, queue->avail + 2);
    const uint16_t fresh = (uint16_t)(index - queue->avail_seen);
    bool broken = fresh > queue->size;
    for (uint16_t i = 0; i < fresh && !broken; i++) {
        const uint32_t slot = (uint16_t)(queue->avail_seen + i) % queue->size;
        const uint16_t head = seen_u16(watch, queue->avail + 4 + 2 * slot);
        broken = head >= queue->size;
        if (!broken) {
            split_walk(watch, queue, head, scratch);
            broken = (scratch->faults & FAULTS_FATAL) != 0;
        }
    }
    return broken;
}

void rings_look(struct watch *watch)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (!queue->enabled || queue->lost) {
            continue;
        }
        if (queue->packed) {
            look_packed(watch, queue);
        } else {
            look_split(watch, queue);
        }
    }
}

void rings_judge_kept(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer,
                      bool descs)
{
    struct seen_chain *chain = &watch->rings.scratch;
    bool kept = payload_sum(watch, buffer) == buffer->payload_sum;
    if (descs && !buffer->spoiled) {
        if (queue->packed) {
            packed_walk(watch, queue, buffer->position, buffer->position_wrap, chain);
        } else {
            split_walk(watch, queue, buffer->id, chain);
        }
        kept = kept && chain->sum == buffer->desc_sum;
    }
    clause_require(watch, DRV, CLAUSE_VG_25, kept,
                   "alters a buffer of queue %u that the device has: id %u", queue->index,
                   buffer->id);
    if (queue->packed) {
        clause_require(watch, DRV, CLAUSE_VP_4, kept,
                       "alters a buffer of queue %u that the device has: id %u", queue->index,
                       buffer->id);
    }
}

/* ---- What the device used ---- */

static bool every_segment_read(const struct seen_buffer *buffer)
{
    const struct bnt_vq_seg *segs = seen_segs(buffer);
    for (uint32_t i = 0; i < buffer->readable_count && i < 63; i++) {
        if (segs[i].bytes > 0 && (buffer->segs_read >> i & 1) == 0) {
            return false;
        }
    }
    return true;
}

static void judge_used(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer,
                       uint32_t len)
{
    rings_judge_kept(watch, queue, buffer, !queue->packed);
    if (queue->role < BNT_BALLOON_QUEUE_HINT && !queue->packed) {
        clause_require(watch, DEV, CLAUSE_VS_14, buffer->written >= len,
                       "says that it wrote %" PRIu32 " bytes into buffer %u of queue %u, and wrote "
                       "%" PRIu64,
                       len, buffer->id, queue->index, buffer->written);
    }
    if (queue->role < BNT_BALLOON_QUEUE_HINT && buffer->readable_count > 1) {
        clause_require(watch, DEV, CLAUSE_VS_2, every_segment_read(buffer),
                       "used buffer %u of queue %u without reading all of its %" PRIu32
                       " descriptors",
                       buffer->id, queue->index, buffer->readable_count);
    }
    if (buffer->indirect && !queue->packed) {
        if (buffer->table_marked || buffer->descs > 1) {
            clause_require(watch, DEV, CLAUSE_VS_9, every_segment_read(buffer),
                           "did not read a table after direct descriptors: buffer %u of queue %u",
                           buffer->id, queue->index);
        }
    }
}

/** The oldest buffer that is out. */
static struct seen_buffer *oldest(struct seen_queue *queue)
{
    struct seen_buffer *found = NULL;
    for (uint32_t i = 0; i < queue->out; i++) {
        struct seen_buffer *buffer = &queue->buffers[queue->list[i]];
        if (found == NULL || buffer->sequence < found->sequence) {
            found = buffer;
        }
    }
    return found;
}

static void buffer_used(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer,
                        uint32_t len)
{
    judge_used(watch, queue, buffer, len);
    queue->used_count++;
    queue->used_arrived = true;
    watch_used(watch, queue, buffer, len);
    if (queue->enabled && buffer->out) {
        buffer_drop(watch, queue, buffer);
    }
}

/** Buffers that are out and as old as this one or older. */
static uint32_t up_to(const struct seen_queue *queue, const struct seen_buffer *last)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < queue->out; i++) {
        count += queue->buffers[queue->list[i]].sequence <= last->sequence;
    }
    return count;
}

/** Whether the driver made this buffer available in the place of another that it had shown before:
 * the device found only this one. */
static bool is_overwritten(const struct watch *watch, const struct seen_queue *queue, uint16_t id)
{
    const uint32_t slot = queue->used_seen % queue->size;
    return !queue->packed && seen_u16(watch, queue->avail + 4 + (size_t)2 * slot) == id;
}

/**
 * With IN_ORDER one entry may stand for all buffers up to the one it names, of which at most `most`
 * are told of. Returns how many descriptors it stands for; 0: the queue cannot be followed.
 */
static uint32_t entry_used(struct watch *watch, struct seen_queue *queue, uint16_t id, uint32_t len,
                           uint32_t most, uint32_t *buffers)
{
    struct seen_buffer *last = buffer_of_id(queue, id);
    uint32_t descs = 0;
    *buffers = last == NULL ? 0 : queue->in_order ? up_to(queue, last) : 1;
    if (queue->in_order && !(last == NULL && is_overwritten(watch, queue, id))) {
        clause_require(watch, DEV, CLAUSE_VG_30, last != NULL && *buffers <= most,
                       "uses buffer %u of queue %u out of order", id, queue->index);
    }
    if (last == NULL || *buffers > most) {
        return 0;
    }
    if (*buffers > 1) {
        clause_seen(watch, DEV, CLAUSE_VS_17);
    }
    for (uint32_t i = 1; i < *buffers; i++) {
        struct seen_buffer *first = oldest(queue);
        descs += first->descs;
        buffer_used(watch, queue, first, (uint32_t)first->writable_bytes);
    }
    descs += last->descs;
    buffer_used(watch, queue, last, len);
    return descs;
}

static void look_used_split(struct watch *watch, struct seen_queue *queue)
{
    const uint16_t index = seen_u16(watch, queue->used + 2);
    while ((uint16_t)queue->used_seen != index && queue->enabled && !queue->lost) {
        const uint32_t slot = queue->used_seen % queue->size;
        const uint8_t *at = queue->used + 4 + (size_t)8 * slot;
        const uint32_t id = seen_u32(watch, at);
        const uint32_t len = seen_u32(watch, at + 4);
        uint32_t buffers = 0;
        clause_require(watch, DEV, CLAUSE_VS_14, queue->fresh[slot] != 0,
                       "moves used.idx of queue %u before it wrote the element", queue->index);
        queue->fresh[slot] = 0;
        const uint32_t most = (uint16_t)(index - queue->used_seen);
        if (id >= queue->size || entry_used(watch, queue, (uint16_t)id, len, most, &buffers) == 0) {
            give_up(queue, false);
            return;
        }
        queue->used_seen = (uint16_t)(queue->used_seen + buffers);
    }
}

static bool packed_used(const struct watch *watch, const struct seen_queue *queue)
{
    const uint16_t position = (uint16_t)(queue->used_seen % queue->size);
    const bool wrap = queue->used_seen < queue->size;
    const uint16_t flags = seen_u16(watch, queue->desc + (size_t)16 * position + 14);
    return ((flags & BNT_VQ_PACKED_F_AVAIL) != 0) == wrap &&
           ((flags & BNT_VQ_PACKED_F_USED) != 0) == wrap;
}

static void look_used_packed(struct watch *watch, struct seen_queue *queue)
{
    while (queue->out > 0 && packed_used(watch, queue)) {
        const uint16_t position = (uint16_t)(queue->used_seen % queue->size);
        const uint8_t *at = queue->desc + (size_t)16 * position;
        const uint32_t len = seen_u32(watch, at + 8);
        const uint16_t id = seen_u16(watch, at + 12);
        uint32_t buffers = 0;
        struct seen_buffer *under = &queue->buffers[position];
        if (under->out) {
            under->spoiled = true;
        }
        const uint32_t descs = entry_used(watch, queue, id, len, queue->size, &buffers);
        clause_require(watch, DEV, CLAUSE_VP_6, descs > 0,
                       "writes a used descriptor of queue %u for buffer %u, which is not out",
                       queue->index, id);
        if (descs == 0) {
            give_up(queue, false);
            return;
        }
        if (!queue->enabled) {
            return;
        }
        queue->used_seen = (queue->used_seen + descs) % (2u * queue->size);
    }
}

void rings_spoiled(struct watch *watch, struct seen_queue *queue)
{
    if (queue->lost || queue->packed || queue->used_count == 0) {
        return;
    }
    const uint16_t last = (uint16_t)(queue->used_seen - 1);
    const uint8_t *at = queue->used + 4 + (size_t)8 * (last % queue->size);
    const uint32_t id = seen_u32(watch, at);
    if (seen_u16(watch, queue->used + 2) != (uint16_t)queue->used_seen || id >= queue->size ||
        queue->buffers[id].many != NULL) {
        queue->lost = true;
        return;
    }
    watch_again(watch, queue, &queue->buffers[id], seen_u32(watch, at + 4));
}

void rings_look_used(struct watch *watch, struct seen_queue *queue)
{
    if (!queue->enabled || queue->lost) {
        return;
    }
    if (queue->packed) {
        look_used_packed(watch, queue);
    } else {
        look_used_split(watch, queue);
    }
}
