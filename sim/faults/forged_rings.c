/*
 * Faults in the rings: a hostile driver writes wrong values into its rings and requests, and a
 * hostile device into used rings and responses. All of them are in the DMA memory that driver and
 * device share.
 *
 * Only split rings are corrupted: if a scenario corrupts the packed rings of a VM, the loader
 * rejects it, and these functions do not change packed rings.
 */
#include "sim/faults/faults.h"

#include <stddef.h>
#include <string.h>

/* ---- Reading and writing the rings ---- */

/** Returns a pointer to `bytes` bytes of the DMA memory, or NULL if they are not all inside it. */
static uint8_t *get_dma_pointer(struct vm *vm, uint64_t gpa, uint64_t bytes)
{
    const uint64_t offset = gpa - vm->dma_gpa;
    const bool inside =
        gpa >= vm->dma_gpa && offset <= vm->dma_bytes && bytes <= vm->dma_bytes - offset;
    return inside ? vm->dma + offset : NULL;
}

static uint16_t load_le16(const uint8_t *at)
{
    bnt_le16 value;
    memcpy(&value, at, sizeof value);
    return bnt_le16_to_cpu(value);
}

static void store_le16(uint8_t *at, uint16_t value)
{
    const bnt_le16 wire = bnt_cpu_to_le16(value);
    memcpy(at, &wire, sizeof wire);
}

static void store_le32(uint8_t *at, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    memcpy(at, &wire, sizeof wire);
}

static void store_descriptor(uint8_t *table, uint32_t index, uint64_t gpa, uint32_t bytes,
                             uint16_t flags, uint16_t next)
{
    const struct bnt_vq_desc desc = {bnt_cpu_to_le64(gpa), bnt_cpu_to_le32(bytes),
                                     bnt_cpu_to_le16(flags), bnt_cpu_to_le16(next)};
    memcpy(table + index * sizeof desc, &desc, sizeof desc);
}

static uint8_t *get_ring_part(struct vm *vm, const struct queue_place *queue, uint64_t gpa,
                              uint64_t bytes)
{
    return queue->size == 0 || queue->foreign ? NULL : get_dma_pointer(vm, gpa, bytes);
}

static uint8_t *get_descriptor_table(struct vm *vm, const struct queue_place *queue)
{
    return get_ring_part(vm, queue, queue->desc_gpa, queue->size * sizeof(struct bnt_vq_desc));
}

static uint8_t *get_avail_ring(struct vm *vm, const struct queue_place *queue)
{
    return get_ring_part(vm, queue, queue->avail_gpa, UINT64_C(4) + 2 * queue->size);
}

static uint8_t *get_used_ring(struct vm *vm, const struct queue_place *queue)
{
    return get_ring_part(vm, queue, queue->used_gpa,
                         UINT64_C(4) + queue->size * sizeof(struct bnt_vq_used_elem));
}

/** Makes descriptor `head` available on the inflate queue and kicks. */
static void make_descriptor_available(struct vm *vm, uint16_t head)
{
    const struct queue_place *queue = &vm->queues[BNT_BALLOON_QUEUE_INFLATE];
    uint8_t *avail = get_avail_ring(vm, queue);
    const uint16_t index = load_le16(avail + 2);
    store_le16(avail + 4 + 2 * (index % queue->size), head);
    store_le16(avail + 2, (uint16_t)(index + 1));
    vm->ends.carry(vm, SIGNAL_KICK, BNT_BALLOON_QUEUE_INFLATE, 0);
}

/** Returns the head of a forged chain. The chain uses the last two descriptors of the ring, or its
 * only descriptor. */
static uint16_t choose_forged_head(const struct queue_place *queue)
{
    return (uint16_t)(queue->size - (queue->size > 1 ? 2 : 1));
}

/** Writes a forged chain, with a second descriptor if the ring has two. Returns its head. */
static uint16_t write_two_descriptors(struct vm *vm, uint64_t gpa, uint16_t first_flags,
                                      uint16_t next, uint16_t second_flags, uint16_t second_next)
{
    const struct queue_place *queue = &vm->queues[BNT_BALLOON_QUEUE_INFLATE];
    uint8_t *table = get_descriptor_table(vm, queue);
    const uint16_t head = choose_forged_head(queue);
    store_descriptor(table, head, gpa, 16, first_flags, next);
    if (queue->size > 1) {
        store_descriptor(table, head + 1u, vm->dma_gpa, 16, second_flags, second_next);
    }
    return head;
}

/** Writes one descriptor that covers all of the guest's memory. Returns its index. */
static uint16_t write_long_descriptor(struct vm *vm)
{
    const struct queue_place *queue = &vm->queues[BNT_BALLOON_QUEUE_INFLATE];
    const uint16_t head = choose_forged_head(queue);
    store_descriptor(get_descriptor_table(vm, queue), head, vm->spec.first_pfn << BNT_PFN_SHIFT,
                     (uint32_t)vm->spec.memory_bytes, 0, 0);
    return head;
}

static const char *get_corruption_name(corruption which)
{
    static const char *const names[] = {
#define X(name, yaml, who, meaning) [CORRUPT_##name] = yaml,
        CORRUPTION_MAP(X)
#undef X
    };
    return names[which];
}

/** Whether the ring has enough descriptors for a fault. If a ring of random size is too small for
 * the fault, the fault does not happen, and the log says so. */
static bool ring_has_room(const struct vm *vm, const struct queue_place *queue, corruption which)
{
    if (queue->size >= scenario_count_corruption_descriptors(which)) {
        return true;
    }
    world_log_message(vm->world, LOG_EVENTS,
                      "%s: the corruption %s does not happen: it needs a ring of %u descriptors, "
                      "this ring has %u",
                      vm->spec.name, get_corruption_name(which),
                      scenario_count_corruption_descriptors(which), queue->size);
    return false;
}

void rings_corrupt_inflate_queue(struct vm *vm, corruption which)
{
    const struct queue_place *queue = &vm->queues[BNT_BALLOON_QUEUE_INFLATE];
    uint8_t *avail = get_avail_ring(vm, queue);
    const uint16_t last = (uint16_t)(queue->size - 1);
    if (avail == NULL || get_descriptor_table(vm, queue) == NULL ||
        !ring_has_room(vm, queue, which)) {
        return;
    }
    switch (which) {
    case CORRUPT_AVAIL_INDEX:
        store_le16(avail + 2, (uint16_t)(load_le16(avail + 2) + queue->size + 1));
        vm->ends.carry(vm, SIGNAL_KICK, BNT_BALLOON_QUEUE_INFLATE, 0);
        break;
    case CORRUPT_HEAD_RANGE:
        make_descriptor_available(vm, queue->size);
        break;
    case CORRUPT_DESC_LOOP:
        make_descriptor_available(vm, write_two_descriptors(vm, vm->dma_gpa, BNT_VQ_DESC_F_NEXT,
                                                            last, BNT_VQ_DESC_F_NEXT,
                                                            choose_forged_head(queue)));
        break;
    case CORRUPT_DESC_ADDRESS:
        make_descriptor_available(vm, write_two_descriptors(vm, UINT64_C(1) << 60, 0, 0, 0, 0));
        break;
    case CORRUPT_DESC_LENGTH:
        make_descriptor_available(vm, write_long_descriptor(vm));
        break;
    case CORRUPT_DESC_ORDER:
        make_descriptor_available(
            vm, write_two_descriptors(vm, vm->dma_gpa, BNT_VQ_DESC_F_NEXT | BNT_VQ_DESC_F_WRITE,
                                      last, 0, 0));
        break;
    case CORRUPT_DESC_NEXT:
        make_descriptor_available(
            vm, write_two_descriptors(vm, vm->dma_gpa, BNT_VQ_DESC_F_NEXT, queue->size, 0, 0));
        break;
    default:
        break;
    }
}

/* ---- Moments ---- */

/**
 * Finds the first readable or writable segment in the newest chain of a queue. The chain is
 * available already (`published`), or the driver is about to make it available. Returns the
 * descriptor of that segment, or NULL.
 */
static uint8_t *find_newest_segment(struct vm *vm, uint16_t queue_index, bool published,
                                    bool writable)
{
    const struct queue_place *queue = &vm->queues[queue_index];
    const uint8_t *avail = get_avail_ring(vm, queue);
    uint8_t *table = get_descriptor_table(vm, queue);
    uint32_t descs = queue->size;
    if (avail == NULL || table == NULL) {
        return NULL;
    }
    const uint16_t index = (uint16_t)(load_le16(avail + 2) - (published ? 1 : 0));
    uint32_t at = load_le16(avail + 4 + 2 * (index % queue->size));
    bool indirect = false;
    for (uint32_t steps = 0; steps < descs && at < descs; steps++) {
        struct bnt_vq_desc desc;
        uint8_t *place = table + at * sizeof desc;
        memcpy(&desc, place, sizeof desc);
        const uint16_t flags = bnt_le16_to_cpu(desc.flags);
        if ((flags & BNT_VQ_DESC_F_INDIRECT) != 0) {
            const uint32_t bytes = bnt_le32_to_cpu(desc.bytes);
            table = get_dma_pointer(vm, bnt_le64_to_cpu(desc.gpa), bytes);
            if (table == NULL || indirect) {
                return NULL;
            }
            indirect = true;
            descs = (uint32_t)(bytes / sizeof desc);
            at = 0;
            steps = UINT32_MAX; /* start to count again, at the first descriptor of the indirect
                                   table */
            continue;
        }
        if (((flags & BNT_VQ_DESC_F_WRITE) != 0) == writable) {
            return place;
        }
        if ((flags & BNT_VQ_DESC_F_NEXT) == 0) {
            return NULL;
        }
        at = bnt_le16_to_cpu(desc.next);
    }
    return NULL;
}

/** Returns a pointer to the bytes of the newest segment, and stores their number. Returns NULL if
 * some of them are outside the DMA area. */
static uint8_t *find_newest_buffer(struct vm *vm, uint16_t queue_index, bool published,
                                   bool writable, uint32_t *bytes)
{
    const uint8_t *place = find_newest_segment(vm, queue_index, published, writable);
    struct bnt_vq_desc desc;
    if (place == NULL) {
        return NULL;
    }
    memcpy(&desc, place, sizeof desc);
    *bytes = bnt_le32_to_cpu(desc.bytes);
    return get_dma_pointer(vm, bnt_le64_to_cpu(desc.gpa), *bytes);
}

/** Makes the device write its response into a page that the guest uses for something else. */
static void redirect_response(struct vm *vm, uint16_t queue_index, uint64_t page)
{
    uint8_t *place = find_newest_segment(vm, queue_index, false, true);
    if (place != NULL) {
        const bnt_le64 gpa = bnt_cpu_to_le64(page << BNT_PFN_SHIFT);
        memcpy(place + offsetof(struct bnt_vq_desc, gpa), &gpa, sizeof gpa);
    }
}

/** Makes the buffer for the response of a request too short for its verdicts (BX-4). */
static void shorten_response(struct vm *vm, uint16_t queue_index)
{
    uint8_t *place = find_newest_segment(vm, queue_index, false, true);
    if (place != NULL) {
        store_le32(place + offsetof(struct bnt_vq_desc, bytes),
                   sizeof(struct bnt_balloon_response));
    }
}

/**
 * Describes the first bytes of a request by a direct descriptor. The next descriptor refers to the
 * indirect table and has the flag WRITE, which the device must ignore there (VS-9). The last
 * descriptor of the ring is unused, so it can be the one that refers to the indirect table.
 */
static void split_indirect_table(struct vm *vm, uint16_t queue_index)
{
    const struct queue_place *queue = &vm->queues[queue_index];
    uint8_t *place = find_newest_segment(vm, queue_index, false, false);
    const uint8_t *avail = get_avail_ring(vm, queue);
    uint8_t *ring = get_descriptor_table(vm, queue);
    const uint16_t spare = (uint16_t)(queue->size - 1);
    struct bnt_vq_desc head;
    struct bnt_vq_desc first;
    if (place == NULL || avail == NULL || ring == NULL ||
        (place >= ring && place < ring + queue->size * sizeof head)) {
        return; /* the segment is not in an indirect table */
    }
    const uint16_t at = load_le16(avail + 4 + 2 * (load_le16(avail + 2) % queue->size));
    if (at >= queue->size || !ring_has_room(vm, queue, CORRUPT_INDIRECT_WRITABLE)) {
        return;
    }
    memcpy(&head, ring + at * sizeof head, sizeof head);
    memcpy(&first, place, sizeof first);
    const uint64_t gpa = bnt_le64_to_cpu(first.gpa);
    const uint32_t bytes = bnt_le32_to_cpu(first.bytes);
    store_descriptor(ring, at, gpa, 4, BNT_VQ_DESC_F_NEXT, spare);
    store_descriptor(ring, spare, bnt_le64_to_cpu(head.gpa), bnt_le32_to_cpu(head.bytes),
                     BNT_VQ_DESC_F_INDIRECT | BNT_VQ_DESC_F_WRITE, 0);
    store_descriptor(place, 0, gpa + 4, bytes - 4, bnt_le16_to_cpu(first.flags),
                     bnt_le16_to_cpu(first.next));
}

void rings_corrupt_request(struct vm *vm, const struct bnt_guest_request *request)
{
    const uint16_t queue = request->inflate ? BNT_BALLOON_QUEUE_INFLATE : BNT_BALLOON_QUEUE_DEFLATE;
    struct bnt_guest_info info = {.size = offsetof(struct bnt_guest_info, balloon)};
    vm_read_guest_info(vm, &info);
    const bool verdicts = (info.features >> BNT_BALLOON_BIT_VERDICTS & 1) != 0;
    const uint32_t header = verdicts ? (uint32_t)sizeof(struct bnt_balloon_request) : 0;
    uint32_t bytes = 0;
    uint8_t *at = find_newest_buffer(vm, queue, false, false, &bytes);
    if (at == NULL || bytes < header + sizeof(bnt_le32)) {
        return;
    }
    uint8_t *first_pfn = at + header;
    if (request->inflate && vm_consume_armed_fault(vm, CORRUPT_PFN_RANGE)) {
        store_le32(first_pfn, UINT32_C(0xFFFFFFF0));
    }
    if (request->inflate && vm_consume_armed_fault(vm, CORRUPT_WRONG_PFN)) {
        store_le32(first_pfn, (uint32_t)vm->spec.first_pfn);
    }
    const uint64_t used = gmem_find_page_in_use(vm->gmem, PAGE_USE_ANON);
    if (request->inflate && used != UINT64_MAX && vm_consume_armed_fault(vm, CORRUPT_OWNED_PFN)) {
        store_le32(first_pfn, (uint32_t)used);
    }
    if (request->inflate && used != UINT64_MAX &&
        vm_consume_armed_fault(vm, CORRUPT_RESPONSE_OWNED)) {
        redirect_response(vm, queue, used);
    }
    if (request->inflate && vm_consume_armed_fault(vm, CORRUPT_INDIRECT_WRITABLE)) {
        split_indirect_table(vm, queue);
    }
    if (request->inflate && verdicts && vm_consume_armed_fault(vm, CORRUPT_RESPONSE_SHORT)) {
        shorten_response(vm, queue);
    }
}

static void corrupt_used_ring(struct vm *vm, uint16_t queue_index)
{
    const struct queue_place *queue = &vm->queues[queue_index];
    uint8_t *used = get_used_ring(vm, queue);
    if (used == NULL) {
        return;
    }
    const uint16_t index = load_le16(used + 2);
    uint8_t *elem =
        used + 4 + sizeof(struct bnt_vq_used_elem) * ((uint16_t)(index - 1) % queue->size);
    uint8_t *next = used + 4 + sizeof(struct bnt_vq_used_elem) * (index % queue->size);
    if (vm_consume_armed_fault(vm, CORRUPT_USED_ID)) {
        store_le32(elem, queue->size);
    }
    if (vm_consume_armed_fault(vm, CORRUPT_USED_LENGTH)) {
        store_le32(elem + 4, UINT32_MAX);
    }
    if (vm_consume_armed_fault(vm, CORRUPT_VERDICT_SHORT)) {
        store_le32(elem + 4, (uint32_t)sizeof(struct bnt_balloon_response) + 1);
    }
    if (vm_consume_armed_fault(vm, CORRUPT_USED_TWICE)) {
        /* In a ring with a single element, `next` and `elem` are the same element. */
        memmove(next, elem, sizeof(struct bnt_vq_used_elem));
        store_le16(used + 2, (uint16_t)(index + 1));
    }
    if (vm_consume_armed_fault(vm, CORRUPT_USED_INDEX)) {
        store_le16(used + 2, (uint16_t)(index + queue->size));
    }
}

static void corrupt_verdicts(struct vm *vm, uint16_t queue_index)
{
    uint32_t bytes = 0;
    uint8_t *response = find_newest_buffer(vm, queue_index, true, true, &bytes);
    if (response == NULL || bytes <= sizeof(struct bnt_balloon_response)) {
        return;
    }
    uint8_t *verdict = response + sizeof(struct bnt_balloon_response);
    if (vm_consume_armed_fault(vm, CORRUPT_VERDICT_ZERO)) {
        *verdict = BNT_VERDICT_NONE;
    }
    if (vm_consume_armed_fault(vm, CORRUPT_VERDICT_UNKNOWN)) {
        *verdict = 0xEE;
    }
    if (*verdict == BNT_VERDICT_ACCEPTED && vm_consume_armed_fault(vm, CORRUPT_VERDICT_FLIP)) {
        *verdict = BNT_VERDICT_PINNED;
    }
}

static uint64_t count_armed_faults(const struct vm *vm)
{
    uint64_t sum = 0;
    for (int which = 0; which < CORRUPTION_COUNT; which++) {
        sum += vm->armed[which];
    }
    return sum;
}

bool rings_corrupt_response(struct vm *vm, uint16_t queue)
{
    const uint64_t before = count_armed_faults(vm);
    if (before > 0 && queue == BNT_BALLOON_QUEUE_INFLATE) {
        corrupt_verdicts(vm, queue);
        corrupt_used_ring(vm, queue);
    }
    return count_armed_faults(vm) != before;
}

/** Corrupts the newest buffer of the statistics queue, which the driver made available already. */
bool rings_corrupt_statistics(struct vm *vm, uint16_t queue)
{
    uint8_t *place = find_newest_segment(vm, queue, true, false);
    uint32_t bytes = 0;
    uint8_t *at = find_newest_buffer(vm, queue, true, false, &bytes);
    if (place == NULL || at == NULL || bytes < sizeof(bnt_le16)) {
        return false;
    }
    struct bnt_vq_desc desc;
    memcpy(&desc, place, sizeof desc);
    if (vm_consume_armed_fault(vm, CORRUPT_STATS_ONES)) {
        memset(at, 0xFF, bytes);
    }
    if (vm_consume_armed_fault(vm, CORRUPT_STATS_TAG)) {
        store_le16(at, 999);
    }
    if (vm_consume_armed_fault(vm, CORRUPT_STATS_LONG)) {
        desc.gpa = bnt_cpu_to_le64(vm->dma_gpa);
        desc.bytes = bnt_cpu_to_le32((uint32_t)vm->dma_bytes);
        memcpy(place, &desc, sizeof desc);
    }
    return vm_consume_armed_fault(vm, CORRUPT_STATS_NO_KICK);
}

void rings_corrupt_report(struct vm *vm, uint16_t queue)
{
    uint8_t *place = find_newest_segment(vm, queue, true, true);
    if (place != NULL && vm_consume_armed_fault(vm, CORRUPT_REPORT_BEYOND)) {
        struct bnt_vq_desc desc;
        memcpy(&desc, place, sizeof desc);
        desc.gpa = bnt_cpu_to_le64(vm->dma_gpa);
        desc.bytes = bnt_cpu_to_le32((uint32_t)BNT_PFN_BYTES);
        memcpy(place, &desc, sizeof desc);
    }
}
