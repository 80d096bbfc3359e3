/*
 * The legacy interface at the level of negotiation and rings: who is one, what is agreed, and in
 * what byte order a ring lies.
 */
#include "tests/support/loopback.h"
#include "tests/support/vq_memory.h"

#include <ballonet/virtqueue.h>

#include <check.h>

Suite *test_suite(void);

#define F_LOW   (UINT64_C(1) << 1)
#define F_HINT  (UINT64_C(1) << 3)
#define F_HIGH  (UINT64_C(1) << 50)
#define ACK     BNT_DEVICE_STATUS_ACKNOWLEDGE
#define DRIVER  BNT_DEVICE_STATUS_DRIVER
#define READY   BNT_DEVICE_STATUS_DRIVER_OK
#define AGREED  BNT_DEVICE_STATUS_FEATURES_OK
#define TRANSIT (BNT_F_VERSION_1 | BNT_F_ANY_LAYOUT | F_LOW | F_HINT | F_HIGH)

static const struct bnt_feature_rule rules[] = {{F_HIGH, BNT_F_VERSION_1}};
static struct loopback loop;
static struct bnt_drv_status drv;
static struct bnt_diag diag;

static void device_open(bnt_interface interface, uint64_t offered)
{
    memset(&diag, 0, sizeof(diag));
    diag.size = sizeof(diag);
    memset(&loop, 0, sizeof(loop));
    loop.wrong = true;
    ck_assert_int_eq(bnt_dev_status_init_with_interface(&loop.dev, interface, offered, rules, 1),
                     BNT_OK);
}

static bnt_status negotiate(bnt_interface interface, uint64_t wanted, uint64_t required)
{
    memset(&drv, 0, sizeof(drv));
    /* by the legacy registers a driver sees the low bits only */
    const bool narrow =
        interface == BNT_INTERFACE_LEGACY && loop.dev.interface != BNT_INTERFACE_MODERN;
    loop.offered_seen = narrow ? loop.dev.offered & BNT_F_LEGACY_MASK : loop.dev.offered;
    bnt_drv_begin_reset(&drv, &loopback, &loop);
    ck_assert_int_eq(bnt_drv_poll_reset(&drv, &loopback, &loop), BNT_OK);
    return bnt_drv_negotiate_with_interface(&drv, &loopback, &loop, interface, wanted, required,
                                            F_HINT, rules, 1, &diag);
}

static bnt_status write(unsigned status)
{
    bnt_dev_action action = BNT_DEV_ACTION_NONE;
    return bnt_dev_status_write(&loop.dev, (uint8_t)status, &action, &diag);
}

START_TEST(test_vg32_interface_follows_version_1)
{
    static const struct {
        bnt_interface driver;
        bnt_interface device;
        bnt_status status;
        bool legacy;
    } cases[] = {
        {BNT_INTERFACE_MODERN, BNT_INTERFACE_MODERN, BNT_OK, false},
        {BNT_INTERFACE_MODERN, BNT_INTERFACE_TRANSITIONAL, BNT_OK, false},
        {BNT_INTERFACE_MODERN, BNT_INTERFACE_LEGACY, BNT_E_FEATURES, false},
        {BNT_INTERFACE_TRANSITIONAL, BNT_INTERFACE_MODERN, BNT_OK, false},
        {BNT_INTERFACE_TRANSITIONAL, BNT_INTERFACE_TRANSITIONAL, BNT_OK, false},
        {BNT_INTERFACE_TRANSITIONAL, BNT_INTERFACE_LEGACY, BNT_OK, true},
        {BNT_INTERFACE_LEGACY, BNT_INTERFACE_TRANSITIONAL, BNT_OK, true},
        {BNT_INTERFACE_LEGACY, BNT_INTERFACE_LEGACY, BNT_OK, true},
        {BNT_INTERFACE_LEGACY, BNT_INTERFACE_MODERN, BNT_E_FEATURES, true},
    };
    const uint64_t low = cases[_i].device == BNT_INTERFACE_LEGACY ? BNT_F_LEGACY_MASK : UINT64_MAX;
    device_open(cases[_i].device, TRANSIT & low);
    ck_assert_int_eq(negotiate(cases[_i].driver, F_LOW | F_HINT | F_HIGH, 0), cases[_i].status);
    if (cases[_i].status != BNT_OK) {
        ck_assert_int_eq(diag.fault, BNT_FAULT_FEATURE_VERSION_1);
        ck_assert((loop.dev.status & BNT_DEVICE_STATUS_FAILED) != 0);
        return;
    }
    ck_assert(drv.legacy == cases[_i].legacy);
    ck_assert_uint_eq(drv.accepted, cases[_i].legacy ? F_LOW | BNT_F_ANY_LAYOUT
                                                     : F_LOW | F_HINT | F_HIGH | BNT_F_VERSION_1);
    ck_assert_uint_eq(loop.features_ok_writes, cases[_i].legacy ? 0 : 1);
    ck_assert_int_eq(bnt_drv_set_driver_ok(&drv, &loopback, &loop), BNT_OK);
    ck_assert(bnt_dev_is_live(&loop.dev) && bnt_dev_negotiated(&loop.dev));
    ck_assert(loop.dev.legacy == cases[_i].legacy);
    ck_assert_uint_eq(loop.dev.accepted, drv.accepted);
    ck_assert_int_eq(write(0), BNT_OK);
    ck_assert(!loop.dev.legacy); /* the next driver may be another */
}
END_TEST

START_TEST(test_vg32_legacy_driver_may_use_its_queues_before_driver_ok)
{
    device_open(BNT_INTERFACE_TRANSITIONAL, TRANSIT);
    ck_assert(!bnt_dev_switch_to_legacy(&loop.dev)); /* DRIVER is not set */
    ck_assert_int_eq(write(ACK | DRIVER), BNT_OK);
    ck_assert(!bnt_dev_is_live(&loop.dev));
    ck_assert_int_eq(bnt_dev_features_write(&loop.dev, F_LOW), BNT_OK);
    ck_assert(bnt_dev_switch_to_legacy(&loop.dev));
    ck_assert(bnt_dev_is_live(&loop.dev));
    ck_assert_int_eq(bnt_dev_features_write(&loop.dev, F_HINT), BNT_E_STATE);
    ck_assert_int_eq(write(ACK | DRIVER | READY), BNT_OK);
}
END_TEST

START_TEST(test_vg32_modern_driver_is_never_taken_for_a_legacy_one)
{
    device_open(BNT_INTERFACE_TRANSITIONAL, TRANSIT);
    ck_assert_int_eq(write(ACK | DRIVER), BNT_OK);
    ck_assert_int_eq(bnt_dev_features_write(&loop.dev, BNT_F_VERSION_1), BNT_OK);
    ck_assert(!bnt_dev_switch_to_legacy(&loop.dev)); /* it accepted VERSION_1 */
    ck_assert_int_eq(write(ACK | DRIVER | READY), BNT_E_FEATURES);
    ck_assert_int_eq(diag.fault, BNT_FAULT_STATUS_ORDER);
    ck_assert_int_eq(write(ACK | DRIVER | AGREED), BNT_OK);
    ck_assert(!bnt_dev_switch_to_legacy(&loop.dev));

    device_open(BNT_INTERFACE_MODERN, BNT_F_VERSION_1);
    ck_assert_int_eq(write(ACK | DRIVER), BNT_OK);
    ck_assert(!bnt_dev_switch_to_legacy(&loop.dev)); /* the device has no legacy interface */
    ck_assert_int_eq(write(ACK | DRIVER | READY), BNT_E_FEATURES);
}
END_TEST

START_TEST(test_features_of_a_legacy_driver_are_cut_to_what_can_be_served)
{
    device_open(BNT_INTERFACE_TRANSITIONAL, TRANSIT);
    ck_assert_int_eq(write(ACK | DRIVER), BNT_OK);
    ck_assert_int_eq(bnt_dev_features_write(&loop.dev, F_LOW | F_HIGH | UINT64_C(1) << 9), BNT_OK);
    ck_assert(bnt_dev_switch_to_legacy(&loop.dev));
    ck_assert_uint_eq(loop.dev.accepted, F_LOW);
}
END_TEST

START_TEST(test_features_ok_is_no_bit_of_a_legacy_device)
{
    device_open(BNT_INTERFACE_LEGACY, F_LOW);
    ck_assert_int_eq(write(ACK | DRIVER), BNT_OK);
    ck_assert_int_eq(write(ACK | DRIVER | AGREED), BNT_OK);
    ck_assert_uint_eq(loop.dev.status, ACK | DRIVER);
}
END_TEST

START_TEST(test_vg33_offers_of_each_interface)
{
    static const struct {
        bnt_interface interface;
        uint64_t offered;
        bnt_status status;
    } cases[] = {
        {BNT_INTERFACE_TRANSITIONAL, BNT_F_VERSION_1 | BNT_F_ANY_LAYOUT, BNT_OK},
        {BNT_INTERFACE_TRANSITIONAL, BNT_F_VERSION_1, BNT_E_FEATURES},
        {BNT_INTERFACE_TRANSITIONAL, BNT_F_ANY_LAYOUT, BNT_E_FEATURES},
        {BNT_INTERFACE_TRANSITIONAL, BNT_F_VERSION_1 | BNT_F_ANY_LAYOUT | BNT_F_UNUSED,
         BNT_E_FEATURES},
        {BNT_INTERFACE_LEGACY, BNT_F_ANY_LAYOUT | BNT_F_NOTIFY_ON_EMPTY, BNT_OK},
        {BNT_INTERFACE_LEGACY, BNT_F_VERSION_1, BNT_E_FEATURES},
        {BNT_INTERFACE_LEGACY, BNT_F_UNUSED, BNT_E_FEATURES},
    };
    ck_assert_int_eq(bnt_dev_status_init_with_interface(&loop.dev, cases[_i].interface,
                                                        cases[_i].offered, NULL, 0),
                     cases[_i].status);
}
END_TEST

START_TEST(test_required_feature_above_bit_31_cannot_be_met_by_a_legacy_device)
{
    device_open(BNT_INTERFACE_LEGACY, F_LOW);
    ck_assert_int_eq(negotiate(BNT_INTERFACE_TRANSITIONAL, F_LOW, F_HIGH), BNT_E_FEATURES);
    ck_assert_int_eq(diag.fault, BNT_FAULT_FEATURES_UNOFFERED);
    ck_assert_uint_ne(loop.dev.status & BNT_DEVICE_STATUS_FAILED, 0);
}
END_TEST

/* ---- Rings ---- */

#define SIZE 8

static struct vq_memory memory;
static struct bnt_vq_slot slots[SIZE];
static struct bnt_vq_drv ring_drv;
static struct bnt_vq_dev ring_dev;

static void ring_open(uint64_t features, bool big)
{
    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    const struct bnt_vq_drv_config config = {.size = sizeof(config),
                                             .queue_size = SIZE,
                                             .indirect_max = 2,
                                             .features = features,
                                             .ring = memory.bytes,
                                             .ring_gpa = VQ_MEMORY_GPA,
                                             .slots = slots,
                                             .legacy = true,
                                             .big_endian = big};
    ck_assert_int_eq(bnt_vq_drv_init(&ring_drv, &config), BNT_OK);
    const struct bnt_vq_parts *at = &ring_drv.layout;
    ck_assert_uint_eq(at->used % 4096, 0);
    ck_assert_int_eq(bnt_vq_dev_init_legacy(&ring_dev, &memory.mem, 0, SIZE,
                                            VQ_MEMORY_GPA + at->desc, VQ_MEMORY_GPA + at->avail,
                                            VQ_MEMORY_GPA + at->used, features, big, NULL),
                     BNT_OK);
}

START_TEST(test_vg33_ring_lies_in_the_guests_byte_order)
{
    const bool big = _i % 2 != 0;
    const bool indirect = _i / 2 != 0;
    ring_open(indirect ? BNT_F_RING_INDIRECT_DESC : 0, big);
    const struct bnt_vq_seg segs[] = {{VQ_MEMORY_GPA + 0x8000, 0x104},
                                      {VQ_MEMORY_GPA + 0x9000, 0x208}};
    struct bnt_vq_seg taken[4];
    struct bnt_vq_chain chain = {.segs = taken, .seg_max = 4};
    uint16_t head = 0;
    uint32_t len = 0;
    ck_assert_int_eq(bnt_vq_drv_add(&ring_drv, segs, 1, 1, &head), BNT_OK);
    ck_assert(bnt_vq_drv_publish(&ring_drv));
    /* by hand: avail.idx is 1, and the descriptor's length */
    const uint8_t *bytes = memory.bytes + ring_drv.layout.avail + 2;
    ck_assert_uint_eq(bytes[big ? 1 : 0], 1);
    ck_assert_uint_eq(bytes[big ? 0 : 1], 0);
    if (!indirect) {
        const uint8_t *desc = memory.bytes + 16u * head;
        ck_assert_uint_eq(desc[big ? 11 : 8], 0x04);
        ck_assert_uint_eq(desc[big ? 10 : 9], 0x01);
    }
    ck_assert_int_eq(bnt_vq_dev_pop(&ring_dev, &memory.mem, &chain, &diag), BNT_OK);
    ck_assert_uint_eq(chain.readable_bytes, 0x104);
    ck_assert_uint_eq(chain.writable_bytes, 0x208);
    ck_assert_uint_eq(taken[1].gpa, segs[1].gpa);
    ck_assert_int_eq(bnt_vq_dev_push(&ring_dev, &memory.mem, chain.head, 0x102, &diag), BNT_OK);
    ck_assert_int_eq(bnt_vq_drv_pop(&ring_drv, &head, &len, &diag), BNT_OK);
    ck_assert_uint_eq(len, 0x102);
    vq_memory_close(&memory);
}
END_TEST

START_TEST(test_vg33_wrong_byte_order_breaks_the_ring)
{
    ring_open(0, true);
    ring_dev.big_endian = false;
    const struct bnt_vq_seg seg = {VQ_MEMORY_GPA + 0x8000, 64};
    struct bnt_vq_seg taken[4];
    struct bnt_vq_chain chain = {.segs = taken, .seg_max = 4};
    uint16_t head = 0;
    ck_assert_int_eq(bnt_vq_drv_add(&ring_drv, &seg, 1, 0, &head), BNT_OK);
    ck_assert(bnt_vq_drv_publish(&ring_drv));
    ck_assert_int_eq(bnt_vq_dev_pop(&ring_dev, &memory.mem, &chain, &diag), BNT_E_RING);
    vq_memory_close(&memory);
}
END_TEST

/* Two buffers, used one after the other, with interrupts suppressed: only the second leaves the
 * ring empty. */
START_TEST(test_vg33_notify_on_empty_overrides_suppression)
{
    const bool wanted = _i != 0;
    ring_open(wanted ? BNT_F_NOTIFY_ON_EMPTY : 0, false);
    bnt_vq_drv_set_interrupts_wanted(&ring_drv, false);
    const struct bnt_vq_seg seg = {VQ_MEMORY_GPA + 0x8000, 64};
    struct bnt_vq_seg taken[4];
    struct bnt_vq_chain chain = {.segs = taken, .seg_max = 4};
    uint16_t head = 0;
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(bnt_vq_drv_add(&ring_drv, &seg, 1, 0, &head), BNT_OK);
    }
    (void)bnt_vq_drv_publish(&ring_drv);
    for (uint32_t i = 0; i < 2; i++) {
        bool due = false;
        ck_assert_int_eq(bnt_vq_dev_pop(&ring_dev, &memory.mem, &chain, &diag), BNT_OK);
        ck_assert_int_eq(bnt_vq_dev_push(&ring_dev, &memory.mem, chain.head, 0, &diag), BNT_OK);
        ck_assert_int_eq(bnt_vq_dev_check_interrupt_due(&ring_dev, &memory.mem, &due, &diag),
                         BNT_OK);
        ck_assert(due == (wanted && i == 1));
    }
    vq_memory_close(&memory);
}
END_TEST

START_TEST(test_modern_and_packed_rings_have_no_byte_order_but_little)
{
    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    struct bnt_vq_drv_config config = {.size = sizeof(config),
                                       .queue_size = SIZE,
                                       .ring = memory.bytes,
                                       .ring_gpa = VQ_MEMORY_GPA,
                                       .slots = slots,
                                       .big_endian = true};
    ck_assert_int_eq(bnt_vq_drv_init(&ring_drv, &config), BNT_E_ARGUMENT);
    config.legacy = true;
    ck_assert_int_eq(bnt_vq_drv_init(&ring_drv, &config), BNT_OK);
    config.features = BNT_F_RING_PACKED;
    ck_assert_int_eq(bnt_vq_drv_init(&ring_drv, &config), BNT_E_ARGUMENT);
    config.features = 0;
    config.ring_gpa += 64; /* a legacy queue begins a page */
    ck_assert_int_eq(bnt_vq_drv_init(&ring_drv, &config), BNT_E_STORAGE);
    vq_memory_close(&memory);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("legacy");
    TCase *tc = tcase_create("negotiation");
    TCase *rings = tcase_create("rings");
    tcase_add_loop_test(tc, test_vg32_interface_follows_version_1, 0, 9);
    tcase_add_test(tc, test_vg32_legacy_driver_may_use_its_queues_before_driver_ok);
    tcase_add_test(tc, test_vg32_modern_driver_is_never_taken_for_a_legacy_one);
    tcase_add_test(tc, test_features_of_a_legacy_driver_are_cut_to_what_can_be_served);
    tcase_add_test(tc, test_features_ok_is_no_bit_of_a_legacy_device);
    tcase_add_loop_test(tc, test_vg33_offers_of_each_interface, 0, 7);
    tcase_add_test(tc, test_required_feature_above_bit_31_cannot_be_met_by_a_legacy_device);
    suite_add_tcase(suite, tc);
    tcase_add_loop_test(rings, test_vg33_ring_lies_in_the_guests_byte_order, 0, 4);
    tcase_add_test(rings, test_vg33_wrong_byte_order_breaks_the_ring);
    tcase_add_loop_test(rings, test_vg33_notify_on_empty_overrides_suppression, 0, 2);
    tcase_add_test(rings, test_modern_and_packed_rings_have_no_byte_order_but_little);
    suite_add_tcase(suite, rings);
    return suite;
}
