/*
 * Both sides of a ring, split or packed, with IN_ORDER or without, over one memory, driven by a
 * seeded generator, against a model that only remembers which buffer is out.
 *
 * Either side acts only when it was notified: a lost notification ends as a standstill. The device
 * returns buffers in any order, and the indices wrap. It accesses the ring directly or by copies.
 */
#include "tests/support/vq_memory.h"

#include <ballonet/virtqueue.h>

#include <check.h>

Suite *test_suite(void);

/** Check writes to a file at each of its assertions; here are millions. */
#define MUST(condition)                                                                   \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            ck_abort_msg("%s, seed %u, buffer %u of %u", #condition, (unsigned)pair.seed, \
                         pair.back, pair.limit);                                          \
        }                                                                                 \
    } while (0)

#define SIZE_MAX_HERE 1024u
#define SEGS_MAX      6u
#define DATA_GPA      (VQ_MEMORY_GPA + 0x80000)

/** What the model knows of a buffer: who has it, and what must come back. */
struct buffer {
    bool out;
    uint32_t tag; /**< written by the driver, read by the device */
    uint32_t readable_bytes;
    uint32_t writable_bytes;
    uint32_t len;  /**< what the device said */
    uint32_t turn; /**< buffers that were exposed before */
};

struct pair {
    struct vq_memory memory;
    struct bnt_vq_drv drv;
    struct bnt_vq_dev dev;
    struct bnt_vq_slot *slots;
    struct buffer buffers[SIZE_MAX_HERE];
    uint16_t held[SIZE_MAX_HERE]; /**< heads that the device popped */
    uint32_t held_count;
    uint32_t exposed; /**< buffers so far */
    uint32_t back;
    uint32_t limit;
    uint64_t seed;
    uint64_t random;
    bool watching; /**< for what the device uses, since the driver ran */
    struct bnt_vq_watch watch;
    bool drv_awake;
    bool dev_awake;
};

static struct pair pair;

static uint32_t draw(uint32_t bound)
{
    pair.random += UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(bnt_mix64(pair.random) >> 32) % bound;
}

static void pair_open(uint16_t size, uint64_t features, uint64_t seed, uint32_t limit)
{
    struct bnt_vq_drv_config config = {.size = sizeof(config),
                                       .queue_size = size,
                                       .indirect_max = SEGS_MAX - 2,
                                       .features = features,
                                       .ring_gpa = VQ_MEMORY_GPA};
    const struct bnt_vq_parts layout = bnt_vq_compute_layout_for_features(size, features);

    memset(&pair, 0, sizeof(pair));
    MUST(vq_memory_open(&pair.memory) == BNT_OK);
    pair.slots = calloc(size, sizeof(*pair.slots));
    MUST(pair.slots != NULL);
    MUST(bnt_vq_drv_compute_ring_bytes_for_features(size, config.indirect_max, features) <=
         0x80000);
    config.ring = pair.memory.bytes;
    config.slots = pair.slots;
    MUST(bnt_vq_drv_init(&pair.drv, &config) == BNT_OK);
    MUST(bnt_vq_dev_init(&pair.dev, &pair.memory.mem, 0, size, VQ_MEMORY_GPA + layout.desc,
                         VQ_MEMORY_GPA + layout.avail, VQ_MEMORY_GPA + layout.used, features,
                         NULL) == BNT_OK);
    pair.seed = seed;
    pair.random = seed;
    pair.limit = limit;
    pair.drv_awake = true;
}

/** From now on the device accesses the ring directly. */
static void pair_map(void)
{
    pair.memory.mem.ops.map = vq_memory_map;
}

static void pair_close(void)
{
    free(pair.slots);
    vq_memory_close(&pair.memory);
}

/** Exposes one buffer of random shape; false if there is no room. */
static bool driver_add(void)
{
    const uint32_t room =
        pair.drv.config.queue_size < SEGS_MAX ? pair.drv.config.queue_size : SEGS_MAX;
    const uint32_t count = 1 + draw(room);
    const uint32_t readable = 1 + draw(count);
    struct bnt_vq_seg segs[SEGS_MAX];
    struct buffer buffer = {.out = true, .tag = pair.exposed};
    uint16_t head = 0;
    bnt_status status;

    for (uint32_t i = 0; i < count; i++) {
        segs[i].gpa = DATA_GPA + 16 * draw(0x1000);
        segs[i].bytes = 4 + draw(60);
        *(i < readable ? &buffer.readable_bytes : &buffer.writable_bytes) += segs[i].bytes;
    }
    /* The first segment is the head's own, so that its tag stays until the device reads it. */
    segs[0].gpa = DATA_GPA + 0x20000 + 64 * (uint64_t)pair.drv.free_head;
    status = bnt_vq_drv_add(&pair.drv, segs, readable, count - readable, &head);
    if (status == BNT_E_FULL) {
        return false;
    }
    MUST(status == BNT_OK);
    MUST(!pair.buffers[head].out);
    buffer.turn = pair.exposed;
    pair.buffers[head] = buffer;
    vq_memory_set32(&pair.memory, segs[0].gpa, buffer.tag);
    pair.exposed++;
    return true;
}

/** Takes back what is used. Returns after E_AGAIN: from then on an interrupt must wake it. */
static void driver_run(void)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    uint16_t head = 0;
    uint32_t len = 0;
    struct bnt_vq_watch watch;
    bnt_status status;
    bool empty = bnt_vq_drv_begin_watch(&pair.drv, &watch);

    MUST(!pair.watching || bnt_vq_drv_has_any_watch_changed(&pair.watch, 1) == !empty);
    while ((status = bnt_vq_drv_pop(&pair.drv, &head, &len, &diag)) == BNT_OK) {
        MUST(!empty);
        MUST(diag.fault == BNT_FAULT_NONE);
        MUST(pair.buffers[head].out);
        MUST(len == pair.buffers[head].len);
        MUST((pair.drv.config.features & BNT_F_IN_ORDER) == 0 ||
             pair.buffers[head].turn == pair.back);
        pair.buffers[head].out = false;
        pair.back++;
        /* Refill now and then in the middle, as a driver under load does. */
        if (pair.exposed < pair.limit && draw(4) == 0) {
            (void)driver_add();
        }
        empty = bnt_vq_drv_begin_watch(&pair.drv, &watch);
    }
    MUST(status == BNT_E_AGAIN && empty);
    for (uint32_t i = draw(16) + 1; i > 0 && pair.exposed < pair.limit; i--) {
        if (!driver_add()) {
            break;
        }
    }
    pair.dev_awake |= bnt_vq_drv_publish(&pair.drv);
    MUST(bnt_vq_dev_check_notify_data(&pair.dev, &pair.memory.mem,
                                      bnt_vq_drv_get_notify_data(&pair.drv), NULL) == BNT_OK);
    pair.drv_awake = false;
    pair.watching = pair.drv.outstanding > 0;
    MUST(!pair.watching || bnt_vq_drv_begin_watch(&pair.drv, &pair.watch));
}

static void device_take(const struct bnt_vq_chain *chain)
{
    const struct buffer *buffer = &pair.buffers[chain->head];
    bnt_le32 tag;

    MUST(buffer->out);
    MUST(bnt_vq_chain_read(chain, &pair.memory.mem, 0, &tag, sizeof(tag)) == BNT_OK);
    MUST(bnt_le32_to_cpu(tag) == buffer->tag);
    MUST(chain->readable_bytes == buffer->readable_bytes);
    MUST(chain->writable_bytes == buffer->writable_bytes);
    pair.held[pair.held_count++] = chain->head;
}

/** Returns one buffer that the device holds, any of them. */
static void device_return(void)
{
    const uint32_t i = draw(pair.held_count);
    const uint16_t head = pair.held[i];
    struct buffer *buffer = &pair.buffers[head];

    /* Often all of it, so that IN_ORDER has what it may batch. */
    buffer->len = draw(2) == 0 ? buffer->writable_bytes : draw(buffer->writable_bytes + 1);
    pair.held[i] = pair.held[--pair.held_count];
    MUST(bnt_vq_dev_push(&pair.dev, &pair.memory.mem, head, buffer->len, NULL) == BNT_OK);
}

static void device_run(void)
{
    struct bnt_vq_seg segs[SEGS_MAX];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = SEGS_MAX};
    bool polls = draw(3) == 0;
    bool due = false;
    bnt_status status;

    if (polls) {
        MUST(bnt_vq_dev_set_kicks_wanted(&pair.dev, &pair.memory.mem, false, NULL) == BNT_OK);
    }
    while ((status = bnt_vq_dev_pop(&pair.dev, &pair.memory.mem, &chain, NULL)) == BNT_OK ||
           status == BNT_E_LIMIT || polls) {
        if (status == BNT_OK) {
            device_take(&chain);
        } else if (status == BNT_E_LIMIT) {
            MUST(pair.held_count > 0);
            device_return();
        } else {
            MUST(status == BNT_E_AGAIN);
            MUST(bnt_vq_dev_set_kicks_wanted(&pair.dev, &pair.memory.mem, true, NULL) == BNT_OK);
            polls = false;
        }
    }
    MUST(status == BNT_E_AGAIN);
    for (uint32_t i = draw(pair.held_count + 1) + 1; i > 0 && pair.held_count > 0; i--) {
        device_return();
    }
    MUST(bnt_vq_dev_check_interrupt_due(&pair.dev, &pair.memory.mem, &due, NULL) == BNT_OK);
    pair.drv_awake |= due;
    /* What it still holds it returns by its own timer. */
    pair.dev_awake = pair.held_count > 0;
}

static void pair_run(void)
{
    while (pair.back < pair.limit) {
        MUST(pair.drv_awake || pair.dev_awake);
        if (pair.drv_awake && (!pair.dev_awake || draw(2) == 0)) {
            driver_run();
        } else {
            device_run();
        }
    }
    MUST(pair.exposed == pair.limit);
    MUST(pair.drv.outstanding == 0);
    MUST(pair.drv.free_count == pair.drv.config.queue_size);
    MUST(pair.held_count == 0);
}

/** Features by the bits of a loop's index. */
static uint64_t features_of(int bits)
{
    return ((bits & 1) != 0 ? BNT_F_RING_INDIRECT_DESC : 0) |
           ((bits & 2) != 0 ? BNT_F_RING_EVENT_IDX : 0) |
           ((bits & 4) != 0 ? BNT_F_RING_PACKED : 0) | ((bits & 8) != 0 ? BNT_F_IN_ORDER : 0);
}

START_TEST(test_every_buffer_comes_back_once_and_no_notification_is_lost)
{
    const uint16_t size = (uint16_t)(1u << (_i / 16));

    for (uint64_t seed = 1; seed <= 8; seed++) {
        pair_open(size, features_of(_i), seed * 1000 + (uint64_t)_i, 2000);
        if (seed % 2 == 0) {
            pair_map();
        }
        pair_run();
        pair_close();
    }
}
END_TEST

/** A hash of guest memory and of the device's state after a whole run. */
static uint64_t hash_run(int features, bool mapped)
{
    uint64_t hash = 0;

    pair_open(64, features_of(features), 7, 3000);
    if (mapped) {
        pair_map();
    }
    pair_run();
    MUST((pair.memory.maps > 0) == mapped);
    for (uint32_t i = 0; i < VQ_MEMORY_BYTES; i++) {
        hash = bnt_add_to_hash(hash, pair.memory.bytes[i]);
    }
    hash = bnt_add_to_hash(hash, pair.dev.avail_next);
    hash = bnt_add_to_hash(hash, pair.dev.used_next);
    pair_close();
    return hash;
}

START_TEST(test_mapped_memory_holds_what_copies_would_have_written)
{
    ck_assert(hash_run(_i, true) == hash_run(_i, false));
}
END_TEST

START_TEST(test_vp1_packed_ring_of_any_size_loses_nothing)
{
    static const uint16_t sizes[] = {3, 5, 7, 12, 63, 65, 100, 1000};

    for (uint64_t seed = 1; seed <= 4; seed++) {
        pair_open(sizes[_i / 8], features_of((_i & 3) | 4 | (_i & 4) << 1), seed, 3000);
        pair_run();
        pair_close();
    }
}
END_TEST

START_TEST(test_indices_wrap_without_loss)
{
    pair_open((_i & 16) != 0 ? 1024 : 16, features_of(_i), (uint64_t)_i, 150000);
    pair_run();
    pair_close();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_pair");
    TCase *tcase = tcase_create("pair");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_every_buffer_comes_back_once_and_no_notification_is_lost, 0,
                        176);
    tcase_add_loop_test(tcase, test_mapped_memory_holds_what_copies_would_have_written, 0, 16);
    tcase_add_loop_test(tcase, test_vp1_packed_ring_of_any_size_loses_nothing, 0, 64);
    tcase_add_loop_test(tcase, test_indices_wrap_without_loss, 0, 32);
    suite_add_tcase(suite, tcase);
    return suite;
}
