/*
 * A queue in a saved state: what calls can leave is taken, and positions that contradict each
 * other are refused, pair by pair.
 */
#include "lib/virtio/queue_state.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define SIZE  8u
#define BYTES 1024u

static uint8_t ram[BYTES];
static struct bnt_mem mem;

static bnt_status ram_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    (void)opaque;
    memcpy(dst, ram + gpa, bytes);
    return BNT_OK;
}

static bnt_status ram_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    (void)opaque;
    memcpy(ram + gpa, src, bytes);
    return BNT_OK;
}

static struct bnt_vq_dev queue_of(uint64_t features)
{
    const struct bnt_mem_ops ops = {.size = sizeof(ops), .read = ram_read, .write = ram_write};
    const struct bnt_mem_region region = {0, BYTES};
    struct bnt_vq_dev vq;

    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, &region, 1), BNT_OK);
    ck_assert_int_eq(bnt_vq_dev_init(&vq, &mem, 0, SIZE, 0, 256, 512, features, NULL), BNT_OK);
    return vq;
}

/** Whether a state with these positions is taken. */
static bool is_taken(const struct bnt_vq_dev *vq)
{
    static uint8_t state[4096];
    struct bnt_vq_dev saved = *vq;
    struct bnt_vq_dev loaded = {0};
    struct bnti_pack out = {.out = state, .bytes = sizeof(state)};

    bnti_vq_dev_save_or_load(&out, &saved, &mem, 0, vq->features);
    ck_assert(!out.failed);
    struct bnti_pack in = {.in = state, .bytes = out.at};
    bnti_vq_dev_save_or_load(&in, &loaded, &mem, 0, vq->features);
    if (!in.failed) {
        ck_assert_uint_eq(in.at, out.at);
        ck_assert_uint_eq(loaded.avail_next, vq->avail_next);
        ck_assert_uint_eq(loaded.used_next, vq->used_next);
        ck_assert_uint_eq(loaded.inflight_count, vq->inflight_count);
    }
    return !in.failed;
}

/** Two buffers of two descriptors each are out, the older one's id is 5. */
static struct bnt_vq_dev packed_of(uint64_t features)
{
    struct bnt_vq_dev vq = queue_of(BNT_F_RING_PACKED | features);

    vq.avail_next = 9;
    vq.used_next = 5;
    vq.descs_inflight = 4;
    vq.inflight_count = 2;
    vq.inflight[0] = (struct bnt_vq_dev_inflight){.head = 5, .descs = 2, .writable_bytes = 7};
    vq.inflight[1] = (struct bnt_vq_dev_inflight){.head = 6, .descs = 2};
    vq.used_since = 3;
    ck_assert(is_taken(&vq));
    return vq;
}

START_TEST(test_packed_positions_lie_apart_by_what_is_out)
{
    for (uint16_t used = 0; used < 20; used++) {
        struct bnt_vq_dev vq = packed_of(0);
        vq.used_next = used;
        ck_assert_int_eq(is_taken(&vq), used == 5);
    }
    for (uint16_t avail = 0; avail < 20; avail++) {
        struct bnt_vq_dev vq = packed_of(0);
        vq.avail_next = avail;
        ck_assert_int_eq(is_taken(&vq), avail == 9);
    }
    struct bnt_vq_dev vq = packed_of(0);
    vq.descs_inflight = 3;
    ck_assert(!is_taken(&vq));
    vq = packed_of(0);
    vq.inflight_count = 1;
    ck_assert(!is_taken(&vq));
}
END_TEST

START_TEST(test_packed_ring_has_no_index_and_no_id_twice)
{
    struct bnt_vq_dev vq = packed_of(0);

    vq.avail_known = 1;
    ck_assert(!is_taken(&vq));
    vq = packed_of(0);
    vq.used_signalled = 1;
    ck_assert(!is_taken(&vq));
    vq = packed_of(0);
    vq.used_since = 2 * SIZE + 1;
    ck_assert(!is_taken(&vq));
    vq = packed_of(0);
    vq.inflight[1].head = 5;
    ck_assert(!is_taken(&vq));
    vq = packed_of(0);
    vq.inflight[1].len = 1;
    ck_assert(!is_taken(&vq));
    vq = packed_of(0);
    vq.inflight[1].done = true;
    ck_assert(!is_taken(&vq));
}
END_TEST

START_TEST(test_buffer_waits_in_order_for_an_older_one_only)
{
    struct bnt_vq_dev vq = packed_of(BNT_F_IN_ORDER);

    vq.inflight[1].done = true;
    vq.inflight[1].len = 1;
    ck_assert(is_taken(&vq));
    vq.inflight[1].head = 5; /* the device has let go of one of them */
    ck_assert(is_taken(&vq));
    vq.inflight[0].done = true;
    ck_assert(!is_taken(&vq));
}
END_TEST

START_TEST(test_event_flags_say_whether_kicks_are_wanted)
{
    for (uint16_t flags = 0; flags < 4; flags++) {
        struct bnt_vq_dev vq = packed_of(0);
        vq.event_flags = flags;
        ck_assert_int_eq(is_taken(&vq), flags == BNT_VQ_PACKED_EVENT_ENABLE);
        vq.kicks_wanted = false;
        ck_assert_int_eq(is_taken(&vq), flags == BNT_VQ_PACKED_EVENT_DISABLE);
        vq = packed_of(BNT_F_RING_EVENT_IDX);
        vq.event_flags = flags;
        ck_assert_int_eq(is_taken(&vq),
                         flags == BNT_VQ_PACKED_EVENT_ENABLE || flags == BNT_VQ_PACKED_EVENT_DESC);
    }
}
END_TEST

/** Three buffers are out and one more is known of; the indices wrap around. */
static struct bnt_vq_dev split_of(uint64_t features)
{
    struct bnt_vq_dev vq = queue_of(features);

    vq.used_next = 65534;
    vq.used_signalled = 65534;
    vq.avail_next = 1;
    vq.avail_known = 2;
    if ((features & BNT_F_IN_ORDER) != 0) {
        vq.inflight_count = 3;
        vq.inflight[1].done = true;
    }
    ck_assert(is_taken(&vq));
    return vq;
}

START_TEST(test_split_indices_follow_each_other_a_queue_apart_at_most)
{
    for (uint32_t known = 0; known < 65536; known += 1) {
        struct bnt_vq_dev vq = split_of(0);
        vq.avail_known = (uint16_t)known;
        ck_assert_int_eq(is_taken(&vq), known >= 1 && known <= 6);
    }
    for (uint32_t used = 0; used < 65536; used += 1) {
        struct bnt_vq_dev vq = split_of(0);
        vq.used_next = (uint16_t)used;
        ck_assert_int_eq(is_taken(&vq), used >= 65530 || used <= 1);
    }
}
END_TEST

START_TEST(test_split_ring_remembers_what_is_out_only_in_order)
{
    struct bnt_vq_dev vq = split_of(BNT_F_IN_ORDER);

    vq.inflight_count = 2;
    ck_assert(!is_taken(&vq));
    vq = split_of(BNT_F_IN_ORDER);
    vq.inflight[0].descs = 1;
    vq.descs_inflight = 1;
    ck_assert(!is_taken(&vq));
    vq = split_of(BNT_F_IN_ORDER);
    vq.inflight[0].head = SIZE;
    ck_assert(!is_taken(&vq));
    vq = split_of(BNT_F_IN_ORDER);
    vq.inflight[0].done = true;
    ck_assert(!is_taken(&vq));
    vq = split_of(0);
    vq.inflight_count = 3;
    ck_assert(!is_taken(&vq));
    vq = split_of(0);
    vq.used_since = 1;
    ck_assert(!is_taken(&vq));
    vq = split_of(0);
    vq.event_flags = BNT_VQ_PACKED_EVENT_DISABLE;
    ck_assert(!is_taken(&vq));
}
END_TEST

START_TEST(test_broken_queue_is_taken_as_it_stopped)
{
    struct bnt_vq_dev vq = packed_of(0);

    vq.used_next = 1;
    vq.broken = true;
    ck_assert(is_taken(&vq));
}
END_TEST

START_TEST(test_buffer_that_is_out_is_known_by_its_head)
{
    struct bnt_vq_dev vq = packed_of(0);

    ck_assert(bnti_vq_dev_is_buffer_in_flight(&vq, 6));
    ck_assert(!bnti_vq_dev_is_buffer_in_flight(&vq, 7));
    vq = split_of(0);
    ck_assert(bnti_vq_dev_is_buffer_in_flight(&vq, 7));
    ck_assert(!bnti_vq_dev_is_buffer_in_flight(&vq, SIZE));
    vq.used_next = vq.avail_next;
    ck_assert(!bnti_vq_dev_is_buffer_in_flight(&vq, 7));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_state");
    TCase *positions = tcase_create("positions");

    tcase_add_test(positions, test_packed_positions_lie_apart_by_what_is_out);
    tcase_add_test(positions, test_packed_ring_has_no_index_and_no_id_twice);
    tcase_add_test(positions, test_buffer_waits_in_order_for_an_older_one_only);
    tcase_add_test(positions, test_event_flags_say_whether_kicks_are_wanted);
    tcase_add_test(positions, test_split_indices_follow_each_other_a_queue_apart_at_most);
    tcase_add_test(positions, test_split_ring_remembers_what_is_out_only_in_order);
    tcase_add_test(positions, test_broken_queue_is_taken_as_it_stopped);
    tcase_add_test(positions, test_buffer_that_is_out_is_known_by_its_head);
    suite_add_tcase(suite, positions);
    return suite;
}
