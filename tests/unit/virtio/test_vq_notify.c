/* Notifications with data: what a driver says of its ring, and how a device judges it (VG-31). */
#include "tests/support/vq_memory.h"

#include <ballonet/virtqueue.h>

#include <check.h>

Suite *test_suite(void);

#define SIZE 8u

static struct vq_memory memory;
static struct bnt_vq_drv drv;
static struct bnt_vq_dev dev;
static struct bnt_vq_slot slots[SIZE];

static void open_both(uint64_t features)
{
    const struct bnt_vq_parts layout = bnt_vq_compute_layout_for_features(SIZE, features);
    struct bnt_vq_drv_config config = {.size = sizeof(config),
                                       .queue_size = SIZE,
                                       .features = features,
                                       .ring_gpa = VQ_MEMORY_GPA,
                                       .slots = slots};

    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    config.ring = memory.bytes;
    ck_assert_int_eq(bnt_vq_drv_init(&drv, &config), BNT_OK);
    ck_assert_int_eq(bnt_vq_dev_init(&dev, &memory.mem, 0, SIZE, VQ_MEMORY_GPA + layout.desc,
                                     VQ_MEMORY_GPA + layout.avail, VQ_MEMORY_GPA + layout.used,
                                     features, NULL),
                     BNT_OK);
}

/** One buffer of `segs` segments, there and back. */
static void round_trip(uint32_t count)
{
    struct bnt_vq_seg segs[4];
    struct bnt_vq_seg room[4];
    struct bnt_vq_chain chain = {.segs = room, .seg_max = 4};
    uint16_t head = 0;
    uint32_t len = 0;

    for (uint32_t i = 0; i < count; i++) {
        segs[i] = (struct bnt_vq_seg){VQ_MEMORY_GPA + 0x8000 + 64 * i, 64};
    }
    ck_assert_int_eq(bnt_vq_drv_add(&drv, segs, count, 0, &head), BNT_OK);
    (void)bnt_vq_drv_publish(&drv);
    ck_assert_int_eq(bnt_vq_dev_pop(&dev, &memory.mem, &chain, NULL), BNT_OK);
    ck_assert_int_eq(bnt_vq_dev_push(&dev, &memory.mem, chain.head, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_vq_drv_pop(&drv, &head, &len, NULL), BNT_OK);
}

static bnt_status judge(uint32_t next, bnt_fault *fault)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    const bnt_status status =
        bnt_vq_dev_check_notify_data(&dev, &memory.mem, (uint16_t)next, &diag);

    *fault = diag.fault;
    return status;
}

START_TEST(test_vg31_notification_names_the_next_place)
{
    const bool packed = _i == 1;
    struct bnt_vq_seg seg = {VQ_MEMORY_GPA + 0x8000, 64};
    uint32_t place = 0; /* descriptors of a packed ring, buffers of a split one */
    uint16_t head = 0;

    open_both(packed ? BNT_F_RING_PACKED : 0);
    for (uint32_t i = 0; i < 70000; i++) {
        const uint32_t wrap = place / SIZE % 2 == 0 ? 0x8000u : 0;
        const uint16_t expected = (uint16_t)(packed ? place % SIZE | wrap : place);
        ck_assert_uint_eq(bnt_vq_drv_get_notify_data(&drv), expected);
        round_trip(1 + i % 3);
        place += packed ? 1 + i % 3 : 1;
        if (i == 300 && packed) {
            break;
        }
    }
    /* What was added and not published is not available yet. */
    const uint16_t before = bnt_vq_drv_get_notify_data(&drv);
    ck_assert_int_eq(bnt_vq_drv_add(&drv, &seg, 1, 0, &head), BNT_OK);
    ck_assert_uint_eq(bnt_vq_drv_get_notify_data(&drv), before);
    (void)bnt_vq_drv_publish(&drv);
    ck_assert_uint_ne(bnt_vq_drv_get_notify_data(&drv), before);
    vq_memory_close(&memory);
}
END_TEST

START_TEST(test_old_data_are_right_and_a_place_ahead_of_the_ring_is_a_lie)
{
    bnt_fault fault = BNT_FAULT_NONE;

    open_both(0);
    for (uint32_t i = 0; i < 65530; i++) {
        round_trip(1);
    }
    const uint16_t now = bnt_vq_drv_get_notify_data(&drv);
    for (uint32_t back = 0; back < 1000; back++) {
        ck_assert_int_eq(judge(now - back, &fault), BNT_OK);
    }
    for (uint32_t ahead = 1; ahead <= SIZE; ahead++) {
        ck_assert_int_eq(judge(now + ahead, &fault), BNT_E_MESSAGE);
        ck_assert_int_eq(fault, BNT_FAULT_NOTIFY_DATA);
    }
    round_trip(1); /* the queue goes on */
    vq_memory_close(&memory);
}
END_TEST

START_TEST(test_packed_place_is_an_offset_of_the_ring)
{
    bnt_fault fault = BNT_FAULT_NONE;

    open_both(BNT_F_RING_PACKED);
    for (uint32_t next = 0; next < SIZE; next++) {
        ck_assert_int_eq(judge(next, &fault), BNT_OK);
        ck_assert_int_eq(judge(next | 0x8000u, &fault), BNT_OK);
    }
    ck_assert_int_eq(judge(SIZE, &fault), BNT_E_MESSAGE);
    ck_assert_int_eq(judge(0xFFFF, &fault), BNT_E_MESSAGE);
    round_trip(1);
    vq_memory_close(&memory);
}
END_TEST

START_TEST(test_queue_that_is_not_enabled_or_broken_judges_nothing)
{
    bnt_fault fault = BNT_FAULT_NONE;

    open_both(0);
    dev.broken = true;
    ck_assert_int_eq(judge(0, &fault), BNT_E_BROKEN);
    memset(&dev, 0, sizeof(dev));
    ck_assert_int_eq(judge(0, &fault), BNT_E_STATE);
    vq_memory_close(&memory);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_notify");
    TCase *tcase = tcase_create("notify");

    tcase_add_loop_test(tcase, test_vg31_notification_names_the_next_place, 0, 2);
    tcase_add_test(tcase, test_old_data_are_right_and_a_place_ahead_of_the_ring_is_a_lie);
    tcase_add_test(tcase, test_packed_place_is_an_offset_of_the_ring);
    tcase_add_test(tcase, test_queue_that_is_not_enabled_or_broken_judges_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
