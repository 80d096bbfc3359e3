/* Devices that are slow, broken or hostile, and the beginnings that must fail. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

static void with_balloon(struct fake *f, uint32_t pfns)
{
    fake_init(f, &(struct fake_setup){.pages = 2048});
    fake_up(f);
    fake_target(f, pfns);
    fake_run(f, FAKE_S);
}

START_TEST(test_stalled_device_is_told_once_and_kicked_again)
{
    struct fake f;
    with_balloon(&f, 100);
    const uint64_t kicks = f.kicks;
    fake_target(&f, _i ? 0 : 500);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    const uint64_t freed = f.freed_count;
    uint32_t steps = 0;
    for (const uint64_t end = f.now_ns + 100 * FAKE_S; f.now_ns < end; steps++) {
        f.now_ns = f.deadline_ns;
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_STALLED].value, (uint64_t)_i);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_STALLED].extra, FAKE_S);
    ck_assert_uint_eq(f.kicks - kicks, 1 + 7); /* after 1, 3, 7 ... 127 s */
    ck_assert_uint_lt(steps, 30);
    ck_assert_uint_eq(f.freed_count, freed); /* a timeout frees nothing */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALL_ENDED], 1);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, _i ? 0 : 500);
    ck_assert_uint_eq(fake_info(&f).wire.stalls, 1);
    fake_end(&f);
}
END_TEST

START_TEST(test_lost_interrupts_cost_time_only)
{
    struct fake f;
    with_balloon(&f, 0);
    f.no_interrupts = true;
    fake_target(&f, 1000);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 1000);
    fake_end(&f);
}
END_TEST

START_TEST(test_interrupt_without_work_is_counted)
{
    struct fake f;
    with_balloon(&f, 10);
    const uint64_t before = fake_info(&f).wire.spurious;
    bnt_guest_handle_interrupt(f.guest, 0);
    bnt_guest_handle_interrupt(f.guest, 1);
    bnt_guest_handle_interrupt(f.guest, 4711); /* no queue of ours */
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).wire.spurious - before, 2);
    fake_end(&f);
}
END_TEST

/* The used ring of queue q as the device writes it. */
static void used_forge(struct fake *f, uint32_t q, uint16_t index, uint32_t id, uint32_t len)
{
    const struct bnt_vq_used_elem elem = {bnt_cpu_to_le32(id), bnt_cpu_to_le32(len)};
    const bnt_le16 next = bnt_cpu_to_le16((uint16_t)(index + 1));
    uint8_t *used = (uint8_t *)f->dma + (f->vq[q].used_gpa - FAKE_DMA_GPA);
    memcpy(used + 4 + 8u * (index % f->vq[q].size), &elem, sizeof elem);
    memcpy(used + 2, &next, sizeof next);
}

static void broken_is_final(struct fake *f, uint32_t pfns)
{
    const uint64_t kicks = f->kicks;
    const uint64_t writes = f->config_writes;
    ck_assert_uint_eq(fake_info(f).state, BNT_GUEST_BROKEN);
    ck_assert_uint_eq(fake_info(f).balloon.ballooned_pfns, pfns);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_BROKEN], 1);
    for (uint32_t i = 0; i < 10; i++) {
        f->now_ns += 10 * FAKE_S;
        fake_target(f, i * 50);
        bnt_guest_handle_interrupt(f->guest, 0);
        ck_assert_int_eq(fake_step(f, 64), BNT_E_BROKEN);
        ck_assert_uint_eq(f->deadline_ns, BNT_NEVER);
        ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 1, &f->oom_result),
                         BNT_E_BROKEN);
    }
    ck_assert_uint_eq(f->kicks, kicks); /* nothing is sent any more */
    ck_assert_uint_eq(f->config_writes, writes);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_BROKEN], 1);
    ck_assert_str_eq(bnt_fault_name(bnt_guest_diag_get(f->guest)->fault),
                     bnt_fault_name((bnt_fault)f->last[BNT_GUEST_EVENT_BROKEN].value));
}

/* With nothing outstanding, a request in flight, and the same on the deflate queue. */
START_TEST(test_hostile_used_elements_break_and_lose_nothing)
{
    static const struct {
        uint32_t id;
        uint16_t jump;
        bnt_fault fault;
    } forged[] = {
        {77777, 0, BNT_FAULT_USED_ID_RANGE},      {128, 0, BNT_FAULT_USED_ID_RANGE},
        {UINT32_MAX, 0, BNT_FAULT_USED_ID_RANGE}, {100, 0, BNT_FAULT_USED_ID_UNKNOWN},
        {0, 5, BNT_FAULT_USED_INDEX_JUMP},        {0, 40000, BNT_FAULT_USED_INDEX_JUMP},
    };
    struct fake f;
    with_balloon(&f, 100);
    const uint32_t q = (uint32_t)_i / 6 % 2;
    fake_target(&f, q ? 0 : 500);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    const uint16_t at = (uint16_t)(f.vq[q].used_next + forged[_i % 6].jump);
    used_forge(&f, q, at, forged[_i % 6].id, 0);
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, forged[_i % 6].fault);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].extra, q);
    broken_is_final(&f, q ? 0 : 100);
    fake_end(&f); /* detach works and returns every page */
}
END_TEST

START_TEST(test_used_twice_breaks)
{
    struct fake f;
    with_balloon(&f, 100);
    fake_target(&f, 500);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    const uint16_t at = f.vq[0].used_next;
    fake_serve(&f, 0, 1);
    used_forge(&f, 0, (uint16_t)(at + 1), 0, 0);
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    fake_end(&f);
}
END_TEST

START_TEST(test_used_element_with_nothing_outstanding_breaks)
{
    struct fake f;
    with_balloon(&f, 100);
    used_forge(&f, 1, f.vq[1].used_next, 0, 0);
    bnt_guest_handle_interrupt(f.guest, 1);
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    broken_is_final(&f, 100);
    fake_end(&f);
}
END_TEST

START_TEST(test_used_length_beyond_the_buffer_is_counted)
{
    struct fake f;
    const uint64_t verdicts = UINT64_C(3) << BNT_BALLOON_BIT_VERDICTS;
    fake_init(&f,
              &(struct fake_setup){.pages = 512, .offered = _i ? FAKE_ALL : FAKE_ALL & ~verdicts});
    fake_up(&f);
    f.len_more = 4096;
    fake_target(&f, 500);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 500);
    ck_assert_uint_eq(fake_info(&f).wire.used_length_invalid, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_needs_reset_breaks)
{
    struct fake f;
    with_balloon(&f, 100);
    (void)bnt_dev_set_needs_reset(&f.dev);
    bnt_guest_config_changed(f.guest);
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_NEEDS_RESET);
    broken_is_final(&f, 100);
    fake_end(&f);
}
END_TEST

START_TEST(test_needs_reset_is_noticed_without_its_notification)
{
    struct fake f;
    with_balloon(&f, 100);
    fake_target(&f, 200);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    (void)bnt_dev_set_needs_reset(&f.dev); /* found when the request is late */
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_BROKEN);
    fake_end(&f);
}
END_TEST

START_TEST(test_configuration_that_never_settles_breaks)
{
    struct fake f;
    with_balloon(&f, 100);
    f.unsettled = true;
    bnt_guest_config_changed(f.guest);
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_CONFIG_UNSETTLED);
    broken_is_final(&f, 100);
    f.unsettled = false;
    fake_end(&f);
}
END_TEST

START_TEST(test_configuration_that_never_settles_fails_the_start)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    f.unsettled = true;
    ck_assert_int_eq(bnt_guest_attach(f.guest, 0), BNT_E_CONFIG);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    ck_assert_uint_ne(f.dev.status & BNT_DEVICE_STATUS_FAILED, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_missing_or_small_queue_fails_the_start)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    f.queue_max[_i / 2] = _i % 2 ? 1 : 0;
    ck_assert_int_eq(bnt_guest_attach(f.guest, 0), BNT_E_UNSUPPORTED);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_QUEUE_MISSING);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->queue, (uint32_t)_i / 2);
    ck_assert_uint_ne(f.dev.status & BNT_DEVICE_STATUS_FAILED, 0);
    f.queue_max[_i / 2] = 128;
    fake_up(&f); /* and can be tried again */
    fake_end(&f);
}
END_TEST

START_TEST(test_feature_without_its_queue_is_told_and_not_used)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16, .required = _i ? BNT_BALLOON_F_STATS_VQ : 0});
    f.queue_max[BNT_BALLOON_QUEUE_STATS] = 0;
    ck_assert_int_eq(bnt_guest_attach(f.guest, 0), _i ? BNT_E_UNSUPPORTED : BNT_OK);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_QUEUE_MISSING);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->queue, BNT_BALLOON_QUEUE_STATS);
    if (_i == 0) {
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, BNT_BALLOON_F_STATS_VQ);
        ck_assert_uint_eq(fake_info(&f).features & BNT_BALLOON_F_STATS_VQ, 0);
        ck_assert_uint_eq(bnt_guest_queue_index_get(f.guest, BNT_BALLOON_QUEUE_STATS),
                          BNT_BALLOON_QUEUE_NONE);
        fake_target(&f, 8);
        fake_run(&f, FAKE_S);
        ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 8);
        ck_assert(!f.stats_held);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_statistics_need_one_descriptor)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    f.queue_max[BNT_BALLOON_QUEUE_STATS] = 1;
    fake_up(&f);
    ck_assert_uint_ne(fake_info(&f).features & BNT_BALLOON_F_STATS_VQ, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_smallest_queues_suffice_for_all_at_once)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2048});
    f.queue_max[0] = 2;
    f.queue_max[1] = 2; /* no room for an OOM deflate beside an ordinary one */
    f.queue_max[2] = 1;
    ck_assert_int_eq(bnt_guest_attach(f.guest, f.now_ns), BNT_E_UNSUPPORTED);
    f.queue_max[1] = 4;
    fake_up(&f);
    fake_target(&f, 2000);
    fake_run(&f, FAKE_S);
    fake_target(&f, 100);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 256, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_deflate_pfns, 512);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 100);
    fake_end(&f);
}
END_TEST

START_TEST(test_features_are_a_choice)
{
    struct fake f;
    const uint64_t more = BNT_BALLOON_F_PAGE_POISON | BNT_F_ACCESS_PLATFORM;
    const uint64_t offered = (FAKE_ALL & ~BNT_BALLOON_F_DEFLATE_ON_OOM) | more | UINT64_C(1) << 40;
    fake_init(&f, &(struct fake_setup){.pages = 16, .offered = offered, .wanted = FAKE_ALL | more});
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted, FAKE_ALL & ~BNT_BALLOON_F_DEFLATE_ON_OOM);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, more | BNT_BALLOON_F_DEFLATE_ON_OOM);
    fake_end(&f);
}
END_TEST

START_TEST(test_every_subset_of_features_works)
{
    struct fake f;
    static const uint64_t bits[] = {
        BNT_BALLOON_F_MUST_TELL_HOST, BNT_BALLOON_F_STATS_VQ,
        BNT_BALLOON_F_DEFLATE_ON_OOM, UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS,
        BNT_F_RING_INDIRECT_DESC,     BNT_F_RING_EVENT_IDX};
    uint64_t offered = BNT_F_VERSION_1;
    for (uint32_t i = 0; i < 6; i++) {
        offered |= (uint32_t)_i >> i & 1 ? bits[i] : 0;
    }
    fake_init(&f, &(struct fake_setup){.pages = 2048, .offered = offered, .wanted = ~UINT64_C(0)});
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted, offered);
    fake_target(&f, 2000);
    fake_run(&f, FAKE_S);
    fake_target(&f, 1000);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    f.oom_status = bnt_guest_handle_oom(f.guest, f.now_ns, 300, &f.oom_result);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, offered & BNT_BALLOON_F_DEFLATE_ON_OOM ? 700 : 1000);
    ck_assert_uint_eq(f.actual, f.ledger_pfns);
    fake_end(&f);
}
END_TEST

START_TEST(test_statistics_are_with_the_device_always)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    fake_up(&f);
    ck_assert_uint_eq(fake_serve(&f, 2, 9), 1);
    for (uint32_t i = 0; i < 5; i++) {
        f.now_ns += FAKE_S;
        f.stats_tags = i == 2 ? 3 : 20 - i; /* fewer, more: the subset stays (BD-23) */
        struct bnt_diag diag = {.size = sizeof diag};
        f.stats_held = false;
        ck_assert_int_eq(bnt_vq_dev_push(&f.vq[2], &f.mem, f.stats_head, 0, &diag), BNT_OK);
        bnt_guest_handle_interrupt(f.guest, 2);
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        ck_assert_uint_eq(fake_serve(&f, 2, 9), 1);
        ck_assert_uint_eq(f.stats_bytes, 100);
        bnt_le64 value;
        memcpy(&value, f.stats + 10 * 9 + 2, sizeof value);
        ck_assert_uint_eq(bnt_le64_to_cpu(value), (i == 2 ? f.now_ns - FAKE_S : f.now_ns) + 9);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_without_statistics_the_feature_is_declined)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    f.stats_tags = 0;
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted & BNT_BALLOON_F_STATS_VQ, 0);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, BNT_BALLOON_F_STATS_VQ);
    fake_end(&f);
}
END_TEST

START_TEST(test_feature_that_is_required_and_missing_fails_the_start)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64,
                                       .offered = FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST,
                                       .required = BNT_BALLOON_F_MUST_TELL_HOST});
    ck_assert_int_eq(bnt_guest_attach(f.guest, f.now_ns), BNT_E_FEATURES);
    ck_assert_int_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    ck_assert_int_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_FEATURES_UNOFFERED);
    ck_assert_uint_ne(f.dev.status & BNT_DEVICE_STATUS_FAILED, 0);
    ck_assert_uint_eq(f.config_writes, 0);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest faults");
    TCase *tc = tcase_create("faults");
    tcase_add_loop_test(tc, test_stalled_device_is_told_once_and_kicked_again, 0, 2);
    tcase_add_test(tc, test_lost_interrupts_cost_time_only);
    tcase_add_test(tc, test_interrupt_without_work_is_counted);
    tcase_add_loop_test(tc, test_hostile_used_elements_break_and_lose_nothing, 0, 12);
    tcase_add_test(tc, test_used_twice_breaks);
    tcase_add_test(tc, test_used_element_with_nothing_outstanding_breaks);
    tcase_add_loop_test(tc, test_used_length_beyond_the_buffer_is_counted, 0, 2);
    tcase_add_test(tc, test_needs_reset_breaks);
    tcase_add_test(tc, test_needs_reset_is_noticed_without_its_notification);
    tcase_add_test(tc, test_configuration_that_never_settles_breaks);
    tcase_add_test(tc, test_configuration_that_never_settles_fails_the_start);
    tcase_add_loop_test(tc, test_missing_or_small_queue_fails_the_start, 0, 4);
    tcase_add_loop_test(tc, test_feature_without_its_queue_is_told_and_not_used, 0, 2);
    tcase_add_test(tc, test_statistics_need_one_descriptor);
    tcase_add_test(tc, test_smallest_queues_suffice_for_all_at_once);
    tcase_add_test(tc, test_features_are_a_choice);
    tcase_add_loop_test(tc, test_every_subset_of_features_works, 0, 64);
    tcase_add_test(tc, test_statistics_are_with_the_device_always);
    tcase_add_test(tc, test_without_statistics_the_feature_is_declined);
    tcase_add_test(tc, test_feature_that_is_required_and_missing_fails_the_start);
    suite_add_tcase(suite, tc);
    return suite;
}
