/*
 * Bytes as a ring, split or packed, in hostile hands: half of the inputs drive the device side over
 * ring memory that a driver scribbles in, half the driver side over a ring that a device scribbles
 * in.
 *
 * The device side runs twice, by copies and over a mapped ring, and ends in the same state.
 *
 * Whatever comes: no copy leaves memory, no call runs longer than the queue's size allows, no
 * buffer is out that was not handed over, and after `broken` nothing changes any more, once the
 * device side told of the interrupt for what it had pushed before.
 */
#include "tests/support/check.h"

#include <ballonet/virtqueue.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY_BYTES UINT32_C(0x10000)
#define MEMORY_GPA   UINT64_C(0x10000)
#define SEGS_MAX     20u
#define SIZE_LOG_MAX 5u
#define SIZE_MAX_DRV (1u << SIZE_LOG_MAX)

struct ring_input {
    const uint8_t *data;
    size_t left;
};

static uint8_t take8(struct ring_input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

static uint16_t take16(struct ring_input *in)
{
    const unsigned low = take8(in);
    return (uint16_t)(low | (unsigned)take8(in) << 8);
}

static uint64_t take_features(struct ring_input *in)
{
    const uint8_t bits = take8(in);
    return ((bits & 1) != 0 ? BNT_F_RING_INDIRECT_DESC : 0) |
           ((bits & 2) != 0 ? BNT_F_RING_EVENT_IDX : 0) |
           ((bits & 4) != 0 ? BNT_F_RING_PACKED : 0) | ((bits & 8) != 0 ? BNT_F_IN_ORDER : 0);
}

static bool is_packed(uint64_t features)
{
    return (features & BNT_F_RING_PACKED) != 0;
}

/** Up to SIZE_MAX_DRV; a power of two for a split ring. */
static uint16_t size_of(unsigned bits, uint64_t features)
{
    return (uint16_t)(is_packed(features) ? 1u + bits % SIZE_MAX_DRV
                                          : 1u << (bits % (SIZE_LOG_MAX + 1)));
}

/** Guest memory, and how often it was reached. */
struct ring_memory {
    struct bnt_mem mem;
    _Alignas(16) uint8_t bytes[MEMORY_BYTES];
    uint32_t copies;
    uint32_t fail_at;
};

static struct ring_memory memory;

static uint8_t *memory_at(uint64_t gpa, uint32_t bytes)
{
    CHECK(gpa >= MEMORY_GPA && bytes <= MEMORY_BYTES && gpa - MEMORY_GPA <= MEMORY_BYTES - bytes);
    return memory.bytes + (gpa - MEMORY_GPA);
}

static bnt_status memory_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    (void)opaque;
    memcpy(dst, memory_at(gpa, bytes), bytes);
    return ++memory.copies == memory.fail_at ? BNT_E_CALLBACK : BNT_OK;
}

static bnt_status memory_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    (void)opaque;
    memcpy(memory_at(gpa, bytes), src, bytes);
    return ++memory.copies == memory.fail_at ? BNT_E_CALLBACK : BNT_OK;
}

static void *memory_map(void *opaque, const struct bnt_mem_region *region)
{
    (void)opaque;
    return memory_at(region->gpa, (uint32_t)region->bytes);
}

static void memory_clear(bool mapped)
{
    const struct bnt_mem_ops ops = {.size = sizeof(ops),
                                    .read = memory_read,
                                    .write = memory_write,
                                    .map = mapped ? memory_map : NULL};
    const struct bnt_mem_region region = {MEMORY_GPA, MEMORY_BYTES};

    memset(&memory, 0, sizeof(memory));
    CHECK(bnt_mem_init(&memory.mem, &ops, NULL, &region, 1) == BNT_OK);
}

static void memory_set16(uint32_t offset, uint16_t value)
{
    const bnt_le16 wire = bnt_cpu_to_le16(value);
    memcpy(memory.bytes + offset % (MEMORY_BYTES - 1), &wire, sizeof(wire));
}

static uint16_t memory_get16(uint32_t offset)
{
    bnt_le16 wire;
    memcpy(&wire, memory.bytes + offset, sizeof(wire));
    return bnt_le16_to_cpu(wire);
}

/** A descriptor anywhere: mostly sensible, sometimes at the edge of memory or far outside. */
static void scribble_desc(struct ring_input *in)
{
    const uint32_t offset = (uint32_t)take16(in) % (MEMORY_BYTES - 16);
    const uint8_t shape = take8(in);
    const uint16_t where = take16(in);
    const uint16_t bytes = take16(in);
    struct bnt_vq_desc desc = {.gpa = bnt_cpu_to_le64(MEMORY_GPA + where),
                               .bytes = bnt_cpu_to_le32(bytes),
                               .flags = bnt_cpu_to_le16(shape & 7),
                               .next = bnt_cpu_to_le16(shape >> 3 & 15)};

    if ((shape & 0x80) != 0) {
        memset(&desc.bytes.b[2], (uint8_t)bytes, 2);
    }
    memcpy(memory.bytes + (offset & ((shape & 0x40) != 0 ? 0xFFFFu : 0xFFF0u)), &desc,
           sizeof(desc));
}

/* ---- Device side ----------------------------------------------------------------------------- */

static struct bnt_vq_seg segs[SEGS_MAX];

struct device_run {
    struct bnt_vq_dev vq;
    struct bnt_vq_parts layout;
    struct bnt_vq_chain chain;
    uint32_t out; /**< popped and not pushed */
};

static void chain_check(const struct device_run *run)
{
    const struct bnt_vq_chain *chain = &run->chain;
    uint64_t bytes = 0;
    uint8_t byte = 0;

    CHECK(is_packed(run->vq.features) || chain->head < run->vq.size);
    CHECK(chain->readable_count + chain->writable_count <= chain->seg_max);
    for (uint32_t i = 0; i < chain->readable_count + chain->writable_count; i++) {
        CHECK(segs[i].bytes > 0);
        CHECK(bnt_mem_contains(&memory.mem, segs[i].gpa, segs[i].bytes));
        bytes += segs[i].bytes;
    }
    CHECK(bytes == chain->readable_bytes + chain->writable_bytes);
    CHECK(bnt_vq_chain_read(chain, &memory.mem, chain->readable_bytes, &byte, 1) == BNT_E_RANGE);
    CHECK(bnt_vq_chain_write(chain, &memory.mem, chain->writable_bytes, &byte, 1) == BNT_E_RANGE);
    if (chain->readable_bytes > 0) {
        const bnt_status status =
            bnt_vq_chain_read(chain, &memory.mem, chain->readable_bytes - 1, &byte, 1);
        CHECK(status == BNT_OK || status == BNT_E_CALLBACK);
    }
    if (chain->writable_bytes > 0) {
        const bnt_status status =
            bnt_vq_chain_write(chain, &memory.mem, chain->writable_bytes - 1, &byte, 1);
        CHECK(status == BNT_OK || status == BNT_E_CALLBACK);
    }
}

static void device_pop(struct device_run *run, struct bnt_diag *diag)
{
    const uint32_t copies = memory.copies;
    const bnt_status status = bnt_vq_dev_pop(&run->vq, &memory.mem, &run->chain, diag);

    /* The index twice, the event, the entry, then each descriptor and one reference. */
    CHECK(memory.copies - copies <= run->vq.size + 6u);
    if (status == BNT_OK) {
        run->out++;
        CHECK(run->out <= run->vq.size);
        chain_check(run);
    } else if (status == BNT_E_LIMIT) {
        CHECK(run->vq.inflight_count == BNT_VQ_DEV_INFLIGHT_MAX);
    } else if (status != BNT_E_AGAIN) {
        CHECK(run->vq.broken);
        CHECK(diag->status == status && (status == BNT_E_CALLBACK || diag->fault != 0));
    }
}

static void device_push(struct device_run *run, struct ring_input *in, struct bnt_diag *diag)
{
    const bool remembers = (run->vq.features & (BNT_F_RING_PACKED | BNT_F_IN_ORDER)) != 0;
    const uint8_t pick = take8(in);
    const bool pushed = remembers && run->vq.inflight_count > 0 && (pick & 0x80) == 0;
    const uint16_t head = pushed ? run->vq.inflight[pick % run->vq.inflight_count].head : pick;
    const bnt_status status = bnt_vq_dev_push(&run->vq, &memory.mem, head, take8(in), diag);

    if (remembers && status == BNT_E_ARGUMENT) {
        CHECK(run->vq.inflight_count > 0 && !run->vq.broken);
    } else if (!remembers && head >= run->vq.size) {
        CHECK(status == BNT_E_ARGUMENT);
    } else if (run->out == 0) {
        CHECK(status == BNT_E_STATE);
    } else {
        CHECK(status == BNT_OK || run->vq.broken);
        run->out--;
    }
}

/** Makes some descriptors at the device's position available, most often as a list. */
static void packed_expose(const struct device_run *run, struct ring_input *in)
{
    const uint32_t size = run->vq.size;
    const uint8_t shape = take8(in);

    for (uint32_t i = 0; i <= (shape & 3u); i++) {
        const uint32_t position = (run->vq.avail_next + i) % (2 * size);
        const unsigned kind = take8(in) & 7u;
        const unsigned next = i < (shape & 3u) ? BNT_VQ_DESC_F_NEXT : 0u;
        const unsigned state = position < size ? BNT_VQ_PACKED_F_AVAIL : BNT_VQ_PACKED_F_USED;
        const struct bnt_vq_packed_desc desc = {
            .gpa = bnt_cpu_to_le64(MEMORY_GPA + take16(in)),
            .bytes = bnt_cpu_to_le32(take8(in)),
            .id = bnt_cpu_to_le16(take8(in)),
            .flags =
                bnt_cpu_to_le16((uint16_t)(((shape & 4) != 0 ? kind : kind & ~5u) | next | state))};
        memcpy(memory.bytes + 16u * (position % size), &desc, sizeof(desc));
    }
}

/** One thing that the driver or the embedder does. False if the queue broke. */
static bool device_step(struct device_run *run, struct ring_input *in, struct bnt_diag *diag)
{
    const uint8_t op = take8(in);
    const uint32_t avail = run->layout.avail;
    bool due = false;

    switch (op % 8) {
    case 0:
        device_pop(run, diag);
        break;
    case 1:
        device_push(run, in, diag);
        break;
    case 2:
        CHECK(bnt_vq_dev_check_interrupt_due(&run->vq, &memory.mem, &due, diag) == BNT_OK ||
              run->vq.broken);
        break;
    case 3:
        CHECK(bnt_vq_dev_set_kicks_wanted(&run->vq, &memory.mem, (op & 8) != 0, diag) == BNT_OK ||
              run->vq.broken);
        break;
    case 4:
        scribble_desc(in);
        break;
    case 5: { /* a buffer, as an honest driver exposes it */
        if (is_packed(run->vq.features)) {
            packed_expose(run, in);
            break;
        }
        const uint16_t index = memory_get16(avail + 2);
        memory_set16(avail + 4 + 2u * (index % run->vq.size),
                     (uint16_t)(take8(in) % (run->vq.size + 1u)));
        memory_set16(avail + 2, (uint16_t)(index + 1u));
        break;
    }
    case 6: {
        const uint32_t at = take16(in);
        memory_set16(at, take16(in));
        break;
    }
    default: { /* a descriptor of the table */
        const uint32_t at = 16u * ((uint32_t)take8(in) % run->vq.size);
        const struct bnt_vq_desc desc = {
            .gpa = bnt_cpu_to_le64(MEMORY_GPA + take16(in)),
            .bytes = bnt_cpu_to_le32(take8(in)),
            .flags = bnt_cpu_to_le16(take8(in) & 7),
            .next = bnt_cpu_to_le16((uint16_t)(take8(in) % (run->vq.size + 1u)))};
        memcpy(memory.bytes + at, &desc, sizeof(desc));
        break;
    }
    }
    return !run->vq.broken;
}

/** A broken queue tells of what was pushed before as one that is not broken would, and has nothing
 * else to tell. */
static void broken_interrupt_check(struct device_run *run)
{
    struct bnt_vq_dev whole = run->vq;
    const uint32_t copies = memory.copies;
    bool whole_due = true;
    bool due = true;

    whole.broken = false;
    const bnt_status expected =
        bnt_vq_dev_check_interrupt_due(&whole, &memory.mem, &whole_due, NULL);
    const uint32_t whole_copies = memory.copies - copies;
    whole.broken = true;
    memory.copies = copies;
    const bnt_status status = bnt_vq_dev_check_interrupt_due(&run->vq, &memory.mem, &due, NULL);
    CHECK(due == whole_due);
    CHECK(status == (expected == BNT_OK && !due ? BNT_E_BROKEN : expected));
    CHECK(memcmp(&whole, &run->vq, sizeof(whole)) == 0);
    CHECK(memory.copies - copies == whole_copies);
}

static void device_broken_check(struct device_run *run)
{
    bool due = true;

    broken_interrupt_check(run);
    broken_interrupt_check(run); /* memory may have failed, but fails once */
    const struct bnt_vq_dev before = run->vq;
    const uint32_t copies = memory.copies;
    CHECK(bnt_vq_dev_pop(&run->vq, &memory.mem, &run->chain, NULL) == BNT_E_BROKEN);
    CHECK(bnt_vq_dev_push(&run->vq, &memory.mem, 0, 0, NULL) == BNT_E_BROKEN);
    CHECK(bnt_vq_dev_check_interrupt_due(&run->vq, &memory.mem, &due, NULL) == BNT_E_BROKEN &&
          !due);
    CHECK(bnt_vq_dev_set_kicks_wanted(&run->vq, &memory.mem, true, NULL) == BNT_E_BROKEN);
    CHECK(memcmp(&before, &run->vq, sizeof(before)) == 0);
    CHECK(memory.copies == copies);
}

static struct bnt_vq_dev run_device(struct ring_input *in, bool mapped)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    struct device_run run;
    const uint8_t size_bits = take8(in);
    const uint64_t features = take_features(in);
    const uint16_t size = size_of(size_bits, features);
    bool live = true;

    memset(&run, 0, sizeof(run));
    memory_clear(mapped);
    run.layout = bnt_vq_compute_layout_for_features(size, features);
    run.chain.segs = segs;
    run.chain.seg_max = take8(in) % (SEGS_MAX + 1);
    memory.fail_at = take16(in);
    CHECK(bnt_vq_dev_init(&run.vq, &memory.mem, 1, size, MEMORY_GPA, MEMORY_GPA + run.layout.avail,
                          MEMORY_GPA + run.layout.used, features, &diag) == BNT_OK);
    while (live && in->left > 0) {
        live = device_step(&run, in, &diag);
    }
    if (!live) {
        device_broken_check(&run);
    }
    return run.vq;
}

static void fuzz_device(struct ring_input *in)
{
    static uint8_t copied[MEMORY_BYTES];
    struct ring_input again = *in;
    const struct bnt_vq_dev by_copies = run_device(in, false);
    const bool failed = memory.fail_at > 0 && memory.copies >= memory.fail_at;

    memcpy(copied, memory.bytes, sizeof(copied));
    const struct bnt_vq_dev direct = run_device(&again, true);
    CHECK(failed || (memcmp(&by_copies, &direct, sizeof(direct)) == 0 &&
                     memcmp(copied, memory.bytes, sizeof(copied)) == 0));
}

/* ---- Driver side ----------------------------------------------------------------------------- */

struct driver_run {
    struct bnt_vq_drv vq;
    struct bnt_vq_slot slots[SIZE_MAX_DRV];
    bool out[SIZE_MAX_DRV]; /**< added and not popped */
    bool published[SIZE_MAX_DRV];
    uint32_t writable[SIZE_MAX_DRV];
    uint32_t descs[SIZE_MAX_DRV]; /**< descriptors that the request took */
};

/** The private records add up, whatever the ring holds. */
static void driver_check(const struct driver_run *run)
{
    uint32_t taken = 0;
    uint32_t out = 0;
    uint32_t ids = 0;
    uint32_t free_count = 0;

    for (uint32_t i = 0; i < run->vq.config.queue_size; i++) {
        taken += run->out[i] ? run->descs[i] : 0;
        out += run->out[i];
        ids += !run->out[i];
        CHECK(run->out[i] == (run->slots[i].count != 0));
    }
    CHECK(out == run->vq.outstanding);
    CHECK(taken + run->vq.free_count == run->vq.config.queue_size);
    /* Slots are descriptors, or the ids of a packed ring. */
    const uint32_t listed = is_packed(run->vq.config.features) ? ids : run->vq.free_count;
    for (uint16_t i = run->vq.free_head; i != UINT16_MAX; i = run->slots[i].next) {
        CHECK(i < run->vq.config.queue_size && !run->out[i]);
        CHECK(++free_count <= listed);
    }
    CHECK(free_count == listed);
}

static void driver_add(struct driver_run *run, struct ring_input *in)
{
    const uint16_t free_before = run->vq.free_count;
    const uint32_t readable = take8(in) % 6;
    const uint32_t writable = take8(in) % 6;
    struct bnt_vq_seg request[10];
    uint32_t writable_bytes = 0;
    uint16_t head = UINT16_MAX;
    bnt_status status;

    for (uint32_t i = 0; i < readable + writable; i++) {
        request[i].gpa = take8(in);
        request[i].bytes = take8(in);
        writable_bytes += i >= readable ? request[i].bytes : 0;
    }
    status = bnt_vq_drv_add(&run->vq, request, readable, writable, &head);
    CHECK(status == BNT_OK || status == BNT_E_ARGUMENT || status == BNT_E_FULL);
    if (status != BNT_OK) {
        CHECK(run->vq.free_count == free_before);
        return;
    }
    CHECK(head < run->vq.config.queue_size && !run->out[head]);
    run->out[head] = true;
    run->published[head] = false;
    run->writable[head] = writable_bytes;
    run->descs[head] = (uint32_t)free_before - run->vq.free_count;
}

static void driver_pop(struct driver_run *run, struct bnt_diag *diag)
{
    uint16_t head = UINT16_MAX;
    uint32_t len = 0;
    const bnt_status status = bnt_vq_drv_pop(&run->vq, &head, &len, diag);

    if (status == BNT_OK) {
        CHECK(head < run->vq.config.queue_size && run->out[head] && run->published[head]);
        CHECK(len <= run->writable[head]);
        CHECK(diag->fault == BNT_FAULT_NONE || diag->fault == BNT_FAULT_USED_LENGTH);
        run->out[head] = false;
    } else if (status != BNT_E_AGAIN) {
        CHECK(status == BNT_E_RING && run->vq.broken && diag->fault != BNT_FAULT_NONE);
    }
}

/** A used descriptor where the driver looks for it. */
static void packed_use(const struct driver_run *run, struct ring_input *in, bool wild)
{
    const uint32_t size = run->vq.config.queue_size;
    const uint32_t at = 16u * (run->vq.used_next % size);
    const unsigned used =
        run->vq.used_next < size ? BNT_VQ_PACKED_F_AVAIL | BNT_VQ_PACKED_F_USED : 0u;

    memory_set16(at + 12, (uint16_t)(take8(in) % (size + 1u)));
    memory_set16(at + 8, take16(in));
    memory_set16(at + 10, wild ? 1 : 0);
    memory_set16(at + 14, (uint16_t)(used | (take8(in) & BNT_VQ_DESC_F_WRITE)));
}

static bool driver_step(struct driver_run *run, struct ring_input *in, struct bnt_diag *diag)
{
    const uint8_t op = take8(in);
    const uint32_t used = run->vq.layout.used;
    const uint16_t size = run->vq.config.queue_size;

    switch (op % 8) {
    case 0:
    case 1:
        driver_pop(run, diag);
        break;
    case 2:
        driver_add(run, in);
        break;
    case 3:
        (void)bnt_vq_drv_publish(&run->vq);
        memcpy(run->published, run->out, sizeof(run->published));
        break;
    case 4:
        bnt_vq_drv_set_interrupts_wanted(&run->vq, (op & 8) != 0);
        break;
    case 5:
    case 6: { /* a used element, as a device writes it */
        if (is_packed(run->vq.config.features)) {
            packed_use(run, in, (op & 0x80) != 0);
            break;
        }
        const uint16_t index = memory_get16(used + 2);
        const uint32_t at = used + 4 + 8u * (index % size);
        memory_set16(at, (uint16_t)(take8(in) % (size + 1u)));
        memory_set16(at + 2, (op & 0x80) != 0 ? 1 : 0);
        memory_set16(at + 4, take16(in));
        memory_set16(used + 2, (uint16_t)(index + 1u));
        break;
    }
    default: {
        const uint32_t at = take16(in);
        memory_set16(at % run->vq.layout.bytes, take16(in));
        break;
    }
    }
    driver_check(run);
    return !run->vq.broken;
}

static void driver_broken_check(struct driver_run *run)
{
    static uint8_t ring_before[MEMORY_BYTES];
    const struct bnt_vq_drv before = run->vq;
    const struct bnt_vq_seg seg = {0, 1};
    uint16_t head = 0;
    uint32_t len = 0;

    memcpy(ring_before, memory.bytes, sizeof(ring_before));
    CHECK(bnt_vq_drv_add(&run->vq, &seg, 1, 0, &head) == BNT_E_BROKEN);
    CHECK(!bnt_vq_drv_publish(&run->vq));
    CHECK(bnt_vq_drv_pop(&run->vq, &head, &len, NULL) == BNT_E_BROKEN);
    bnt_vq_drv_set_interrupts_wanted(&run->vq, true);
    CHECK(memcmp(&before, &run->vq, sizeof(before)) == 0);
    CHECK(memcmp(ring_before, memory.bytes, sizeof(ring_before)) == 0);
    driver_check(run);
}

static void fuzz_driver(struct ring_input *in)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    static struct driver_run run;
    struct bnt_vq_drv_config config = {.size = sizeof(config), .ring_gpa = MEMORY_GPA};
    const uint8_t size_bits = take8(in);
    bool live = true;

    memset(&run, 0, sizeof(run));
    memory_clear(false);
    config.indirect_max = take8(in) % 9;
    config.features = take_features(in);
    config.queue_size = size_of(size_bits, config.features);
    config.ring = memory.bytes;
    config.slots = run.slots;
    CHECK(bnt_vq_drv_compute_ring_bytes_for_features(config.queue_size, config.indirect_max,
                                                     config.features) <= MEMORY_BYTES);
    CHECK(bnt_vq_drv_init(&run.vq, &config) == BNT_OK);
    while (live && in->left > 0) {
        live = driver_step(&run, in, &diag);
    }
    if (!live) {
        driver_broken_check(&run);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring_input in = {data, size};

    if ((take8(&in) & 1) == 0) {
        fuzz_device(&in);
    } else {
        fuzz_driver(&in);
    }
    return 0;
}
