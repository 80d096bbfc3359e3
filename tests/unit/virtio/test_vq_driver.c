/*
 * The split ring's driver side against a device written by hand: clauses VS-n, and every fault that
 * a hostile device can cause.
 */
#include <ballonet/virtqueue.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define QUEUE_SIZE 8
#define INDIRECT   4
#define RING_GPA   UINT64_C(0x40000)
#define ALL        (BNT_F_RING_INDIRECT_DESC | BNT_F_RING_EVENT_IDX)

static struct bnt_vq_drv vq;
static struct bnt_vq_slot slots[QUEUE_SIZE];
static struct bnt_diag diag;
static uint8_t *ring;

static const struct bnt_vq_seg segs[QUEUE_SIZE + 1] = {{0x1000, 1}, {0x2000, 2}, {0x3000, 3},
                                                       {0x4000, 4}, {0x5000, 5}, {0x6000, 6},
                                                       {0x7000, 7}, {0x8000, 8}, {0x9000, 9}};

static void open_with(uint64_t features)
{
    const struct bnt_vq_drv_config config = {.size = sizeof(config),
                                             .queue = 2,
                                             .queue_size = QUEUE_SIZE,
                                             .indirect_max = INDIRECT,
                                             .features = features,
                                             .ring = ring,
                                             .ring_gpa = RING_GPA,
                                             .slots = slots};
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_OK);
}

static void setup(void)
{
    ring = aligned_alloc(16, 4096);
    ck_assert_ptr_nonnull(ring);
    memset(ring, 0xA5, 4096);
    memset(&diag, 0, sizeof(diag));
    diag.size = sizeof(diag);
    open_with(0);
}

static void teardown(void)
{
    free(ring);
}

static void set16(uint32_t offset, unsigned value)
{
    const bnt_le16 wire = bnt_cpu_to_le16((uint16_t)value);
    memcpy(ring + offset, &wire, sizeof(wire));
}

static unsigned get16(uint32_t offset)
{
    bnt_le16 wire;
    memcpy(&wire, ring + offset, sizeof(wire));
    return bnt_le16_to_cpu(wire);
}

static void use(uint32_t id, uint32_t len)
{
    const unsigned index = get16(vq.layout.used + 2);
    const struct bnt_vq_used_elem elem = {bnt_cpu_to_le32(id), bnt_cpu_to_le32(len)};
    memcpy(ring + vq.layout.used + 4 + 8 * (index % QUEUE_SIZE), &elem, sizeof(elem));
    set16(vq.layout.used + 2, index + 1);
}

static uint16_t add(uint32_t readable, uint32_t writable)
{
    uint16_t head = UINT16_MAX;
    ck_assert_int_eq(bnt_vq_drv_add(&vq, segs, readable, writable, &head), BNT_OK);
    return head;
}

static uint16_t expose(uint32_t readable, uint32_t writable)
{
    const uint16_t head = add(readable, writable);
    (void)bnt_vq_drv_publish(&vq);
    return head;
}

static bnt_status pop(uint16_t *head, uint32_t *len)
{
    return bnt_vq_drv_pop(&vq, head, len, &diag);
}

static void check_broken(bnt_fault fault)
{
    uint16_t head = 77;
    uint32_t len = 77;
    uint8_t before[4096];

    ck_assert_int_eq(pop(&head, &len), BNT_E_RING);
    ck_assert_msg(diag.fault == fault, "%s instead of %s", bnt_fault_name(diag.fault),
                  bnt_fault_name(fault));
    ck_assert_uint_eq(diag.queue, 2);
    ck_assert(vq.broken);
    memcpy(before, ring, bnt_vq_drv_compute_ring_bytes(QUEUE_SIZE, INDIRECT));
    ck_assert_int_eq(pop(&head, &len), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, segs, 1, 0, &head), BNT_E_BROKEN);
    ck_assert(!bnt_vq_drv_publish(&vq));
    bnt_vq_drv_set_interrupts_wanted(&vq, false);
    ck_assert_mem_eq(before, ring, bnt_vq_drv_compute_ring_bytes(QUEUE_SIZE, INDIRECT));
    ck_assert_uint_eq(head, 77);
    ck_assert_uint_eq(len, 77);
    ck_assert_uint_eq(diag.fault, fault);
}

static void desc_check(uint32_t offset, uint64_t gpa, uint32_t bytes, unsigned flags)
{
    struct bnt_vq_desc desc;
    memcpy(&desc, ring + offset, sizeof(desc));
    ck_assert(bnt_le64_to_cpu(desc.gpa) == gpa);
    ck_assert_uint_eq(bnt_le32_to_cpu(desc.bytes), bytes);
    ck_assert_uint_eq(bnt_le16_to_cpu(desc.flags), flags);
}

START_TEST(test_vs16_init_clears_the_ring)
{
    const uint32_t bytes = bnt_vq_drv_compute_ring_bytes(QUEUE_SIZE, INDIRECT);

    ck_assert_uint_eq(bytes, ((vq.layout.bytes + 15) & ~15u) + QUEUE_SIZE * INDIRECT * 16);
    for (uint32_t i = 0; i < bytes; i++) {
        ck_assert_uint_eq(ring[i], 0);
    }
    ck_assert_uint_eq(ring[bytes], 0xA5);
}
END_TEST

START_TEST(test_vs1_ring_bytes_and_config_are_checked)
{
    struct bnt_vq_drv_config config = vq.config;

    ck_assert_uint_eq(bnt_vq_drv_compute_ring_bytes(8, 0), bnt_vq_compute_layout(8).bytes);
    ck_assert_uint_eq(bnt_vq_drv_compute_ring_bytes(7, 0), 0);
    ck_assert_uint_eq(bnt_vq_drv_compute_ring_bytes(0, 0), 0);
    ck_assert_uint_eq(bnt_vq_drv_compute_ring_bytes(32768, 65535), 0);
    config.queue_size = 6;
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_E_ARGUMENT);
    ck_assert(vq.broken);
    config.queue_size = 4;
    config.ring = ring + 8;
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_E_STORAGE);
    config.ring = ring;
    config.ring_gpa += 4;
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_E_STORAGE);
    config.ring_gpa = UINT64_MAX - 15;
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_E_ARGUMENT);
    config.ring_gpa = 0;
    config.slots = NULL;
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_E_ARGUMENT);
    config.size = 3;
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_E_SIZE);
    ck_assert_int_eq(bnt_vq_drv_init(&vq, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_vq_drv_init(NULL, &config), BNT_E_ARGUMENT);
    config = vq.config;
    config.size = sizeof config;
    config.queue_size = 4;
    config.ring_gpa = 0;
    config.slots = slots;
    config.ring = NULL;
    ck_assert_int_eq(bnt_vq_drv_init(&vq, &config), BNT_E_ARGUMENT);
}
END_TEST

START_TEST(test_vs3_readable_segments_come_before_writable_ones)
{
    const uint16_t head = expose(2, 1);

    ck_assert_uint_eq(head, 0);
    desc_check(0, 0x1000, 1, BNT_VQ_DESC_F_NEXT);
    desc_check(16, 0x2000, 2, BNT_VQ_DESC_F_NEXT);
    desc_check(32, 0x3000, 3, BNT_VQ_DESC_F_WRITE);
    ck_assert_uint_eq(get16(vq.layout.avail + 2), 1);
    ck_assert_uint_eq(get16(vq.layout.avail + 4), head);
    ck_assert_uint_eq(vq.free_count, QUEUE_SIZE - 3);
}
END_TEST

START_TEST(test_vs5_vs7_request_that_no_ring_may_carry_is_refused)
{
    static const struct bnt_vq_seg vast[] = {{0, UINT32_MAX}, {0, 1}, {0, 1}};
    static const struct bnt_vq_seg empty = {0x1000, 0};
    static const struct bnt_vq_seg wraps = {UINT64_MAX, 2};
    uint16_t head = 0;

    ck_assert_int_eq(bnt_vq_drv_add(&vq, segs, 0, 0, &head), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, segs, QUEUE_SIZE, 1, &head), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, segs, UINT32_MAX, 2, &head), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, &empty, 1, 0, &head), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, &wraps, 1, 0, &head), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, vast, 1, 2, &head), BNT_E_ARGUMENT);
    ck_assert_uint_eq(vq.free_count, QUEUE_SIZE);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, vast, 1, 1, &head), BNT_OK);
}
END_TEST

START_TEST(test_full_queue_changes_nothing)
{
    uint16_t head = 99;

    (void)add(4, 0);
    (void)add(2, 0);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, segs, 2, 1, &head), BNT_E_FULL);
    ck_assert_uint_eq(head, 99);
    ck_assert_uint_eq(vq.free_count, 2);
    ck_assert_uint_eq(vq.avail_next, 2);
    (void)add(2, 0);
    ck_assert_int_eq(bnt_vq_drv_add(&vq, segs, 1, 0, &head), BNT_E_FULL);
}
END_TEST

START_TEST(test_vs7_table_is_used_only_when_negotiated_and_for_chains_that_fit)
{
    uint32_t table;

    (void)expose(2, 1);
    ck_assert_uint_eq(vq.free_count, QUEUE_SIZE - 3);
    open_with(ALL);
    (void)expose(1, 0); /* a single one needs none */
    desc_check(0, 0x1000, 1, 0);
    (void)expose(3, 1);
    ck_assert_uint_eq(vq.free_count, QUEUE_SIZE - 2);
    table = ((vq.layout.bytes + 15) & ~15u) + 16 * INDIRECT;
    desc_check(16, RING_GPA + table, 64, BNT_VQ_DESC_F_INDIRECT);
    desc_check(table, 0x1000, 1, BNT_VQ_DESC_F_NEXT);
    desc_check(table + 48, 0x4000, 4, BNT_VQ_DESC_F_WRITE);
    (void)expose(5, 0); /* too long for a table */
    ck_assert_uint_eq(vq.free_count, QUEUE_SIZE - 7);
}
END_TEST

START_TEST(test_buffer_is_not_visible_before_publish)
{
    (void)add(1, 0);
    ck_assert_uint_eq(get16(vq.layout.avail + 2), 0);
    ck_assert(bnt_vq_drv_publish(&vq));
    ck_assert_uint_eq(get16(vq.layout.avail + 2), 1);
    ck_assert(!bnt_vq_drv_publish(&vq));
}
END_TEST

START_TEST(test_vs15_buffer_comes_back_once_with_its_length)
{
    uint16_t head = 0;
    uint32_t len = 0;
    const uint16_t first = expose(1, 1);
    const uint16_t second = expose(0, 2);

    ck_assert_int_eq(pop(&head, &len), BNT_E_AGAIN);
    use(second, 3);
    use(first, 2);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    ck_assert_uint_eq(head, second);
    ck_assert_uint_eq(len, 3);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    ck_assert_uint_eq(head, first);
    ck_assert_uint_eq(len, 2);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_NONE);
    ck_assert_int_eq(pop(&head, &len), BNT_E_AGAIN);
    ck_assert_uint_eq(vq.free_count, QUEUE_SIZE);
    ck_assert_uint_eq(vq.outstanding, 0);
}
END_TEST

START_TEST(test_used_length_beyond_the_writable_bytes_is_cut_and_told)
{
    uint16_t head = 0;
    uint32_t len = 0;

    use(expose(1, 1), 3);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    ck_assert_uint_eq(len, 2);
    ck_assert_uint_eq(diag.fault, BNT_FAULT_USED_LENGTH);
    ck_assert_uint_eq(diag.expected, 2);
    ck_assert_uint_eq(diag.found, 3);
    use(expose(1, 0), UINT32_MAX);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    ck_assert_uint_eq(len, 0);
    ck_assert(!vq.broken);
}
END_TEST

START_TEST(test_used_id_out_of_range_latches_broken)
{
    (void)expose(1, 0);
    use(_i == 0 ? QUEUE_SIZE : UINT32_C(0x10000), 0);
    check_broken(BNT_FAULT_USED_ID_RANGE);
}
END_TEST

START_TEST(test_used_id_not_outstanding_latches_broken)
{
    (void)expose(1, 0);
    use(5, 0);
    check_broken(BNT_FAULT_USED_ID_UNKNOWN);
    ck_assert_uint_eq(diag.head, 5);
}
END_TEST

START_TEST(test_used_id_in_the_middle_of_a_chain_latches_broken)
{
    (void)expose(3, 0);
    use(1, 0);
    check_broken(BNT_FAULT_USED_ID_UNKNOWN);
}
END_TEST

START_TEST(test_used_id_twice_latches_broken)
{
    uint16_t head = 0;
    uint32_t len = 0;
    const uint16_t first = expose(1, 0);

    (void)expose(1, 0);
    use(first, 0);
    use(first, 0);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    check_broken(BNT_FAULT_USED_ID_UNKNOWN);
}
END_TEST

START_TEST(test_used_id_that_was_not_published_latches_broken)
{
    uint16_t secret;

    (void)expose(1, 0);
    secret = add(1, 0);
    use(secret, 0);
    check_broken(BNT_FAULT_USED_ID_UNKNOWN);
}
END_TEST

START_TEST(test_used_index_beyond_what_was_published_latches_broken)
{
    (void)expose(1, 0);
    (void)add(1, 0);
    set16(vq.layout.used + 2, 2);
    check_broken(BNT_FAULT_USED_INDEX_JUMP);
    ck_assert_uint_eq(diag.expected, 1);
    ck_assert_uint_eq(diag.found, 2);
}
END_TEST

START_TEST(test_used_index_that_goes_back_latches_broken)
{
    (void)expose(1, 0);
    set16(vq.layout.used + 2, UINT16_MAX);
    check_broken(BNT_FAULT_USED_INDEX_JUMP);
}
END_TEST

START_TEST(test_descriptors_that_the_device_overwrote_are_freed_by_private_links)
{
    uint16_t head = 0;
    uint32_t len = 0;
    bool seen[QUEUE_SIZE] = {false};

    use(expose(3, 0), 0);
    memset(ring, 0xFF, 16 * QUEUE_SIZE);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        head = add(1, 0);
        ck_assert(!seen[head]);
        seen[head] = true;
    }
}
END_TEST

START_TEST(test_vs11_flag_decides_kicks_without_event_idx)
{
    set16(vq.layout.used + 4 + 8 * QUEUE_SIZE, 9); /* avail_event is ignored */
    (void)add(1, 0);
    ck_assert(bnt_vq_drv_publish(&vq));
    set16(vq.layout.used, BNT_VQ_USED_F_NO_NOTIFY);
    (void)add(1, 0);
    ck_assert(!bnt_vq_drv_publish(&vq));
}
END_TEST

START_TEST(test_vs12_event_decides_kicks_and_the_flag_is_ignored)
{
    open_with(ALL);
    set16(vq.layout.used, BNT_VQ_USED_F_NO_NOTIFY);
    set16(vq.layout.used + 4 + 8 * QUEUE_SIZE, 1);
    (void)add(1, 0);
    ck_assert(!bnt_vq_drv_publish(&vq));
    (void)add(1, 0);
    ck_assert(bnt_vq_drv_publish(&vq));
    (void)add(1, 0);
    ck_assert(!bnt_vq_drv_publish(&vq));
    set16(vq.layout.used + 4 + 8 * QUEUE_SIZE, 4);
    (void)add(1, 0);
    (void)add(1, 0);
    (void)add(1, 0);
    ck_assert(bnt_vq_drv_publish(&vq));
}
END_TEST

START_TEST(test_vs11_interrupts_are_asked_for_by_the_flag_without_event_idx)
{
    bnt_vq_drv_set_interrupts_wanted(&vq, false);
    ck_assert_uint_eq(get16(vq.layout.avail), BNT_VQ_AVAIL_F_NO_INTERRUPT);
    bnt_vq_drv_set_interrupts_wanted(&vq, true);
    ck_assert_uint_eq(get16(vq.layout.avail), 0);
}
END_TEST

START_TEST(test_vs12_interrupts_are_asked_for_by_the_event_and_flags_stay_0)
{
    const uint32_t event = vq.layout.avail + 4 + 2 * QUEUE_SIZE;
    uint16_t head = 0;
    uint32_t len = 0;

    open_with(ALL);
    bnt_vq_drv_set_interrupts_wanted(&vq, false);
    use(expose(1, 0), 0);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    ck_assert_int_eq(pop(&head, &len), BNT_E_AGAIN);
    ck_assert_uint_eq(get16(event), 0);
    bnt_vq_drv_set_interrupts_wanted(&vq, true);
    ck_assert_uint_eq(get16(event), 1);
    use(expose(1, 0), 0);
    ck_assert_int_eq(pop(&head, &len), BNT_OK);
    ck_assert_int_eq(pop(&head, &len), BNT_E_AGAIN);
    ck_assert_uint_eq(get16(event), 2);
    ck_assert_uint_eq(get16(vq.layout.avail), 0);
}
END_TEST

START_TEST(test_vs10_avail_index_only_grows_and_wraps)
{
    uint16_t head = 0;
    uint32_t len = 0;

    for (unsigned i = 0; i < 65536 + 3; i++) {
        ck_assert_uint_eq(get16(vq.layout.avail + 2), i % 65536);
        use(expose(1, 1), 1);
        ck_assert_int_eq(pop(&head, &len), BNT_OK);
    }
    ck_assert_uint_eq(get16(vq.layout.avail + 2), 3);
}
END_TEST

START_TEST(test_vs13_spurious_notification_is_nothing)
{
    uint16_t head = 0;
    uint32_t len = 0;

    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(pop(&head, &len), BNT_E_AGAIN);
        ck_assert(!bnt_vq_drv_publish(&vq));
    }
    ck_assert(!vq.broken);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_driver");
    TCase *expose_case = tcase_create("expose");
    TCase *used_case = tcase_create("used");

    tcase_add_checked_fixture(expose_case, setup, teardown);
    tcase_add_test(expose_case, test_vs16_init_clears_the_ring);
    tcase_add_test(expose_case, test_vs1_ring_bytes_and_config_are_checked);
    tcase_add_test(expose_case, test_vs3_readable_segments_come_before_writable_ones);
    tcase_add_test(expose_case, test_vs5_vs7_request_that_no_ring_may_carry_is_refused);
    tcase_add_test(expose_case, test_full_queue_changes_nothing);
    tcase_add_test(expose_case,
                   test_vs7_table_is_used_only_when_negotiated_and_for_chains_that_fit);
    tcase_add_test(expose_case, test_buffer_is_not_visible_before_publish);
    tcase_add_test(expose_case, test_vs11_flag_decides_kicks_without_event_idx);
    tcase_add_test(expose_case, test_vs12_event_decides_kicks_and_the_flag_is_ignored);
    tcase_add_test(expose_case, test_vs10_avail_index_only_grows_and_wraps);
    suite_add_tcase(suite, expose_case);

    tcase_add_checked_fixture(used_case, setup, teardown);
    tcase_add_test(used_case, test_vs15_buffer_comes_back_once_with_its_length);
    tcase_add_test(used_case, test_used_length_beyond_the_writable_bytes_is_cut_and_told);
    tcase_add_loop_test(used_case, test_used_id_out_of_range_latches_broken, 0, 2);
    tcase_add_test(used_case, test_used_id_not_outstanding_latches_broken);
    tcase_add_test(used_case, test_used_id_in_the_middle_of_a_chain_latches_broken);
    tcase_add_test(used_case, test_used_id_twice_latches_broken);
    tcase_add_test(used_case, test_used_id_that_was_not_published_latches_broken);
    tcase_add_test(used_case, test_used_index_beyond_what_was_published_latches_broken);
    tcase_add_test(used_case, test_used_index_that_goes_back_latches_broken);
    tcase_add_test(used_case,
                   test_descriptors_that_the_device_overwrote_are_freed_by_private_links);
    tcase_add_test(used_case, test_vs11_interrupts_are_asked_for_by_the_flag_without_event_idx);
    tcase_add_test(used_case, test_vs12_interrupts_are_asked_for_by_the_event_and_flags_stay_0);
    tcase_add_test(used_case, test_vs13_spurious_notification_is_nothing);
    suite_add_tcase(suite, used_case);
    return suite;
}
