/* The guest on VMware's wire: handshake, ticks, limits of 32 bits, the end. */
#include "tests/support/fake_vmware.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define CMD(name) BNT_VMWARE_CMD_##name

/* ---- Handshake ---- */

/* Index: what the guest offers; inside, what the host has, with bit 0 and unknown bits added. */
START_TEST(test_every_pair_of_capabilities_works)
{
    const uint32_t guest_caps = (uint32_t)_i << 1;
    for (uint32_t host_caps = 0; host_caps <= FVM_CAPS_ALL; host_caps += 2) {
        struct fvm *f = fvm_new(2048);
        f->config.vmware.caps = guest_caps;
        f->caps = host_caps;
        f->caps_more = UINT64_C(0xFFFFFFC1);
        f->target = 600;
        ck_assert_int_eq(fvm_attach(f), BNT_OK);
        fvm_run(f, FVM_S / 2);
        const bool version = guest_caps == BNT_VMWARE_PROTOCOL_2010; /* BASIC is the same number */
        const uint32_t both = version           ? BNT_VMWARE_CAP_BASIC
                              : guest_caps == 0 ? host_caps
                                                : guest_caps & host_caps;
        const bool works = both & (BNT_VMWARE_CAP_BASIC | BNT_VMWARE_CAP_BATCHED);
        uint32_t settled = both;
        if (!(both & BNT_VMWARE_CAP_BATCHED)) {
            settled &= ~(uint32_t)BNT_VMWARE_CAP_BATCHED_2M;
        }
        ck_assert_uint_eq(fvm_info(f).vmware.caps, works ? settled : 0);
        ck_assert_uint_eq(fvm_info(f).state, works ? BNT_GUEST_RUNNING : BNT_GUEST_STARTING);
        ck_assert_uint_eq(f->locked_pages, works ? 600 : 0);
        const bool batched = (both & BNT_VMWARE_CAP_BATCHED) != 0;
        ck_assert_uint_eq(f->calls[CMD(BATCHED_LOCK)], works && batched ? 2 : 0);
        ck_assert_uint_eq(f->calls[CMD(LOCK)], works && !batched ? 600 : 0);
        fvm_end(f);
    }
}
END_TEST

START_TEST(test_host_of_2010_is_basic)
{
    struct fvm *f = fvm_new(64);
    f->answer[CMD(START)] = BNT_VMWARE_SUCCESS; /* plain: whatever was offered */
    f->target = 10;
    fvm_up(f);
    ck_assert_uint_eq(fvm_info(f).vmware.caps, BNT_VMWARE_CAP_BASIC);
    ck_assert_uint_eq(f->calls[CMD(LOCK)], 10);
    ck_assert_uint_eq(f->log[0].arg1, FVM_CAPS_ALL);
    ck_assert_uint_eq(f->log[1].command, CMD(GUEST_ID));
    ck_assert_uint_eq(f->log[1].arg1, BNT_VMWARE_GUEST_LINUX);
    fvm_end(f);
}
END_TEST

START_TEST(test_start_is_tried_each_tick_until_it_succeeds)
{
    struct fvm *f = fvm_new(64);
    f->answer[CMD(START)] = BNT_VMWARE_FAILURE;
    f->answer_left[CMD(START)] = 5;
    f->target = 10;
    ck_assert_int_eq(fvm_attach(f), BNT_OK);
    fvm_run(f, 4500 * FVM_MS);
    ck_assert_uint_eq(f->calls[CMD(START)], 5);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_HANDSHAKE_FAILED], 1); /* told once */
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_HANDSHAKE_FAILED].value, UINT32_MAX);
    ck_assert_uint_eq(f->log_count, 5); /* and nothing else is sent */
    fvm_run(f, FVM_S);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_HANDSHAKE].extra, 5);
    ck_assert_uint_eq(f->locked_pages, 10);
    fvm_end(f);
}
END_TEST

START_TEST(test_attach_of_2010_fails_with_its_handshake)
{
    struct fvm *f = fvm_new_2010(64);
    const uint32_t command = _i == 0 ? CMD(START) : CMD(GUEST_ID);
    f->answer[command] = BNT_VMWARE_FAILURE;
    f->answer_left[command] = 1;
    ck_assert_int_eq(fvm_attach(f), BNT_E_UNSUPPORTED);
    ck_assert_uint_eq(fvm_info(f).state, BNT_GUEST_DOWN);
    ck_assert_int_eq(fvm_attach(f), BNT_OK);
    ck_assert_uint_eq(fvm_info(f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(f->log[0].arg1, BNT_VMWARE_PROTOCOL_2010);
    fvm_end(f);
}
END_TEST

/* ---- Ticks ---- */

START_TEST(test_target_is_polled_once_a_second_with_the_limit)
{
    struct fvm *f = fvm_new(64);
    f->config.memory.limit_pfns = 50;
    fvm_up(f);
    fvm_run(f, 10 * FVM_S);
    ck_assert_uint_eq(f->calls[CMD(GET_TARGET)], 11);
    ck_assert_uint_eq(fvm_info(f).rates.ticks, 11);
    ck_assert_uint_eq(f->limit_told, 50);
    ck_assert_int_eq(bnt_guest_limit_set(f->guest, 60), BNT_OK);
    fvm_run(f, FVM_S);
    ck_assert_uint_eq(f->limit_told, 60);
    ck_assert_int_eq(bnt_guest_limit_set(f->guest, 0), BNT_E_ARGUMENT);
    fvm_end(f);
}
END_TEST

START_TEST(test_doorbell_makes_a_tick_at_once)
{
    struct fvm *f = fvm_new(64);
    f->doorbell_there = true;
    fvm_up(f);
    ck_assert(f->doorbell_rings);
    f->now_ns += 300 * FVM_MS;
    f->target = 20;
    bnt_guest_config_changed(f->guest);
    fvm_step(f, 64);
    ck_assert_uint_eq(f->locked_pages, 20);
    ck_assert_uint_eq(fvm_info(f).vmware.doorbells, 1);
    fvm_run(f, FVM_S); /* polling goes on, a second after this tick */
    ck_assert_uint_eq(f->calls[CMD(GET_TARGET)], 3);
    fvm_end(f);
}
END_TEST

START_TEST(test_refused_doorbell_leaves_polling)
{
    struct fvm *f = fvm_new(64);
    f->doorbell_there = true;
    f->answer[CMD(VMCI_DOORBELL_SET)] = BNT_VMWARE_FAILURE;
    fvm_up(f);
    f->target = 20;
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 20);
    ck_assert_uint_eq(f->calls[CMD(VMCI_DOORBELL_SET)], 1); /* not asked again */
    ck_assert_uint_eq(f->doorbell_closes, 1);
    fvm_end(f);
}
END_TEST

START_TEST(test_doorbell_that_comes_late_is_set_then)
{
    struct fvm *f = fvm_new(64);
    fvm_up(f);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->calls[CMD(VMCI_DOORBELL_SET)], 0);
    f->doorbell_there = true;
    fvm_run(f, FVM_S);
    ck_assert(f->doorbell_rings);
    fvm_end(f);
}
END_TEST

/* ---- Limits of 32 bits ---- */

static void limit_tick(struct fvm *f, uint64_t limit, uint64_t *told)
{
    CHECK(bnt_guest_limit_set(f->guest, limit) == BNT_OK);
    f->limit_told = UINT64_MAX;
    fvm_tick(f);
    *told = f->limit_told;
}

START_TEST(test_limit_over_32_bits)
{
    const uint64_t over = UINT64_C(1) << 32;
    uint64_t told = 0;
    struct fvm *f = fvm_new(64); /* 64-bit target: as it is */
    fvm_up(f);
    limit_tick(f, over, &told);
    ck_assert_uint_eq(told, over);
    fvm_end(f);

    f = fvm_new(64); /* without: the most that can be said, never silence */
    f->caps = FVM_CAPS_ALL & ~(uint32_t)BNT_VMWARE_CAP_64_BIT_TARGET;
    fvm_up(f);
    const uint64_t limits[] = {over - 1, over, over + 1};
    for (size_t i = 0; i < 3; i++) {
        limit_tick(f, limits[i], &told);
        ck_assert_uint_eq(told, UINT32_MAX);
    }
    fvm_end(f);

    f = fvm_new_2010(64); /* 2010: not a word from 2^32 on */
    fvm_up(f);
    limit_tick(f, over - 1, &told);
    ck_assert_uint_eq(told, UINT32_MAX);
    limit_tick(f, over, &told);
    ck_assert_uint_eq(told, UINT64_MAX);
    fvm_end(f);
}
END_TEST

START_TEST(test_target_has_64_bits_only_if_both_say_so)
{
    struct fvm *f = fvm_new(64);
    f->caps = _i == 0 ? FVM_CAPS_ALL : FVM_CAPS_ALL & ~(uint32_t)BNT_VMWARE_CAP_64_BIT_TARGET;
    f->target = (UINT64_C(1) << 32) + 5;
    fvm_up(f);
    ck_assert_uint_eq(fvm_info(f).balloon.target_pfns, _i == 0 ? 64 : 5);
    fvm_end(f);
}
END_TEST

START_TEST(test_page_whose_pfn_does_not_fit_is_not_locked)
{
    struct fvm *f = fvm_new(64);
    f->config.memory.first_pfn = (UINT64_C(1) << 32) - 32; /* half of it is beyond */
    f->caps = _i == 0 ? FVM_CAPS_ALL : BNT_VMWARE_CAP_BASIC;
    f->target = 64;
    fvm_up(f);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, _i == 0 ? 64 : 32);
    fvm_end(f);
}
END_TEST

START_TEST(test_batch_page_that_no_call_can_name_is_not_used)
{
    struct fvm *f = fvm_new(64);
    f->dma_gpa = (UINT64_C(1) << 44) - (_i == 0 ? 4096 : 0);
    f->target = 64;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 64);
    ck_assert_uint_eq(f->calls[CMD(LOCK)], _i == 0 ? 0 : 64);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_DEGRADED], _i == 0 ? 0 : 1);
    if (_i == 1) {
        ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_DEGRADED].value,
                          BNT_VMWARE_CAP_BATCHED | BNT_VMWARE_CAP_BATCHED_2M);
        ck_assert_int_eq(bnt_guest_diag_get(f->guest)->fault, BNT_FAULT_BATCH_PAGE_BEYOND);
        ck_assert_uint_eq(bnt_guest_diag_get(f->guest)->gpa, f->dma_gpa);
    }
    fvm_end(f);
}
END_TEST

/* A driver that follows a reset with its next tick: until then no page can be had. */
START_TEST(test_oom_after_a_reset_that_is_followed_late_ends)
{
    struct fvm *f = fvm_new(64);
    struct bnt_guest_oom_result result;
    f->config.vmware.quirks = BNT_GUEST_VMWARE_QUIRK_RESET_LATE;
    f->caps = _i == 0 ? BNT_VMWARE_CAP_BASIC : FVM_CAPS_ALL;
    f->target = 64;
    fvm_up(f);
    memset(f->bad_back, BNT_VMWARE_RESET, 64);
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 10, &result), BNT_OK);
    ck_assert_uint_eq(result.freed_pfns, 0);
    memset(f->bad_back, 0, 64);
    fvm_tick(f);
    ck_assert_uint_eq(fvm_info(f).totals.resets, 1);
    fvm_end(f);
}
END_TEST

/* ---- The end ---- */

START_TEST(test_detach_makes_the_host_forget_before_pages_are_freed)
{
    struct fvm *f = _i == 0 ? fvm_new(1024) : fvm_new_2010(1024);
    f->doorbell_there = true;
    f->target = 600;
    fvm_up(f);
    ck_assert_int_eq(bnt_guest_detach(f->guest, f->now_ns), BNT_OK);
    ck_assert_uint_eq(fvm_last(f, 0)->command, CMD(START));
    ck_assert_uint_eq(fvm_last(f, 0)->arg1, _i == 0 ? 0 : BNT_VMWARE_PROTOCOL_2010);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_UNLOCK)] + f->calls[CMD(UNLOCK)], 0);
    ck_assert_uint_eq(f->free_count, 1024);
    ck_assert(!f->doorbell_rings);
    ck_assert_uint_eq(f->doorbell_opens, f->doorbell_closes);
    ck_assert_int_eq(fvm_attach(f), BNT_OK);
    fvm_run(f, FVM_S);
    ck_assert_uint_eq(f->locked_pages, 600);
    fvm_end(f);
}
END_TEST

START_TEST(test_detach_in_a_reset_sets_no_doorbell_again)
{
    struct fvm *f = fvm_new(4096);
    f->doorbell_there = true;
    f->target = 4000;
    fvm_up(f);
    f->reset = true;
    f->now_ns += FVM_S;
    fvm_step(f, 2); /* in the middle of the release */
    ck_assert_uint_eq(fvm_info(f).state, BNT_GUEST_RELEASING);
    const uint64_t sets = f->calls[CMD(VMCI_DOORBELL_SET)];
    const bnt_status detached = bnt_guest_detach(f->guest, f->now_ns);
    ck_assert(detached == BNT_OK || detached == BNT_E_AGAIN);
    bnt_guest_config_changed(f->guest); /* and it rings once more */
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_eq(fvm_info(f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(f->calls[CMD(VMCI_DOORBELL_SET)], sets + 1); /* unset */
    ck_assert_uint_eq(f->doorbell_opens, f->doorbell_closes);
    fvm_end(f);
}
END_TEST

START_TEST(test_settings_are_checked)
{
    struct fvm *f = fvm_new(64);
    struct bnt_guest_need need;
    struct bnt_guest_config c = f->config;
    ck_assert_int_eq(bnt_guest_compute_footprint(&c, &need), BNT_OK);
    ck_assert_uint_eq(need.dma_bytes, 4096);
#define BAD(setting)                                                              \
    do {                                                                          \
        c = f->config;                                                            \
        setting;                                                                  \
        ck_assert_int_eq(bnt_guest_compute_footprint(&c, &need), BNT_E_ARGUMENT); \
    } while (0)
    BAD(c.memory.page_order = 1);
    BAD(c.vmware.batch_max = 513);
    BAD(c.vmware.caps = 1);
    BAD(c.vmware.quirks = 256);
    BAD(c.rates.alloc_max = BNT_GUEST_RATE_MAX + 1);
    BAD((c.rates.alloc_min = 3000));
    BAD((c.rates.free_min = 20000));
    BAD(c.memory.pfns = UINT64_C(1) << 52);
    BAD(c.wire = (bnt_guest_wire)2);
    BAD((c.wire = BNT_GUEST_WIRE_VIRTIO, c.vmware.quirks = 1));
    uint64_t bits[1] = {0};
    BAD((c.record.kind = BNT_GUEST_RECORD_BITS, c.record.bits = bits,
         c.vmware.quirks = BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL));
#undef BAD
    ck_assert_str_eq(bnt_guest_vmware_quirk_name(BNT_GUEST_VMWARE_QUIRK_RESET_LATE), "reset-late");
    ck_assert_str_eq(bnt_guest_vmware_quirk_name(3), "unknown");
    fvm_end(f);
}
END_TEST

START_TEST(test_calls_for_a_doorbell_may_be_left_out)
{
    struct fvm *f = fvm_new(1000);
    f->target = 100;
    f->doorbell_there = true;
    f->no_doorbell = _i == 0;
    f->doorbell_kept = true;
    if (_i == 2) { /* which the host refuses */
        f->answer[BNT_VMWARE_CMD_VMCI_DOORBELL_SET] = BNT_VMWARE_FAILURE;
        f->answer_left[BNT_VMWARE_CMD_VMCI_DOORBELL_SET] = 1;
    }
    fvm_up(f);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 100);
    ck_assert_uint_eq(f->doorbell_opens, _i > 0);
    ck_assert_uint_eq(f->doorbell_rings, _i == 1);
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest vmware");
    TCase *tc = tcase_create("wire");
    tcase_add_loop_test(tc, test_every_pair_of_capabilities_works, 0, 32);
    tcase_add_test(tc, test_host_of_2010_is_basic);
    tcase_add_test(tc, test_start_is_tried_each_tick_until_it_succeeds);
    tcase_add_loop_test(tc, test_attach_of_2010_fails_with_its_handshake, 0, 2);
    tcase_add_test(tc, test_target_is_polled_once_a_second_with_the_limit);
    tcase_add_test(tc, test_doorbell_makes_a_tick_at_once);
    tcase_add_test(tc, test_refused_doorbell_leaves_polling);
    tcase_add_test(tc, test_doorbell_that_comes_late_is_set_then);
    tcase_add_test(tc, test_limit_over_32_bits);
    tcase_add_loop_test(tc, test_target_has_64_bits_only_if_both_say_so, 0, 2);
    tcase_add_loop_test(tc, test_page_whose_pfn_does_not_fit_is_not_locked, 0, 2);
    tcase_add_loop_test(tc, test_batch_page_that_no_call_can_name_is_not_used, 0, 2);
    tcase_add_loop_test(tc, test_oom_after_a_reset_that_is_followed_late_ends, 0, 2);
    tcase_add_loop_test(tc, test_detach_makes_the_host_forget_before_pages_are_freed, 0, 2);
    tcase_add_test(tc, test_detach_in_a_reset_sets_no_doorbell_again);
    tcase_add_test(tc, test_settings_are_checked);
    tcase_add_loop_test(tc, test_calls_for_a_doorbell_may_be_left_out, 0, 3);
    suite_add_tcase(suite, tc);
    return suite;
}
