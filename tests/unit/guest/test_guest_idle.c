/*
 * Steps with nothing to do, which return early, and the interrupt that all queues share. What an
 * early exit may not do is change anything: beside each instance runs one that never takes it.
 */
#include "tests/support/fake_device.h"
#include "tests/support/fake_vmware.h"

#include "lib/guest/front.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 600
#define ALL_ROLES                                                                       \
    (FAKE_ALL | BNT_BALLOON_F_PAGE_REPORTING | BNT_BALLOON_F_FREE_PAGE_HINT | FAKE_WS | \
     BNT_F_RING_RESET | BNT_F_SUSPEND)

static void setup_of(struct fake_setup *setup, uint32_t kind)
{
    static const uint64_t rings[] = {0, BNT_F_RING_EVENT_IDX, BNT_F_RING_PACKED,
                                     BNT_F_RING_PACKED | BNT_F_RING_EVENT_IDX,
                                     BNT_F_IN_ORDER | BNT_F_RING_INDIRECT_DESC};
    memset(setup, 0, sizeof *setup);
    setup->pages = PAGES;
    setup->offered = ALL_ROLES | rings[kind % 5];
    setup->wanted = setup->offered;
    setup->poll_ns = kind % 2 ? FAKE_S : 0;
    setup->queue_reset_ns = kind % 3 ? 4 * FAKE_S : 0;
    setup->recover_tries = 3;
}

/* Nothing is due: the next step would return early. */
static void rest(struct fake *f)
{
    fake_run(f, FAKE_S);
    for (uint32_t i = 0; i < 8 && !bnti_guest_is_idle(f->guest, f->now_ns); i++) {
        ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    }
    ck_assert(bnti_guest_is_idle(f->guest, f->now_ns));
}

static void rested(struct fake *f, uint32_t kind)
{
    struct fake_setup setup;
    setup_of(&setup, kind);
    fake_init(f, &setup);
    fake_up(f);
    fake_target(f, 100);
    rest(f);
}

/* ---- The same as without it ---- */

static uint32_t draw(uint64_t *state, uint32_t bound)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33) % bound;
}

/* A page that the guest has and the device has not, moved to one that is free. */
static int page_moves(struct fake *f, bool deflate_first)
{
    uint32_t index = 0;
    uint64_t page = 0;
    while (index < PAGES && (f->owned[index] != 1 || f->exposed[index] != 0)) {
        index++;
    }
    if (index == PAGES || f->free_count == 0 || fake_pages_alloc(f, &page, 1) == 0) {
        return -1;
    }
    const bnt_status status =
        bnt_guest_page_migrate(f->guest, f->now_ns, f->first_pfn + index, page, deflate_first);
    if (status != BNT_OK) { /* it stays ours */
        f->owned[page - f->first_pfn] = 0;
        f->stack[f->free_count++] = (uint32_t)(page - f->first_pfn);
    }
    return (int)status;
}

/* One thing that happens, the same to each of the two; returns what the call said. */
static int happen(struct fake *f, uint32_t what, uint32_t value)
{
    struct bnt_guest_oom_result oom;
    uint64_t freed = 0;
    switch (what) {
    case 0:
        fake_target(f, value % PAGES);
        return 0;
    case 1:
        f->num_pages = value % PAGES; /* and no word of it */
        return 0;
    case 2:
        fake_host_reset(f);
        return 0;
    case 3:
        return (int)bnt_guest_handle_oom(f->guest, f->now_ns, value % 300, &oom);
    case 4:
        return (int)fake_stats_return(f);
    case 5:
        fake_hint(f, value % 8);
        return 0;
    case 6:
        bnt_guest_handle_freed_pages(f->guest);
        return 0;
    case 7:
        bnt_guest_handle_interrupt(f->guest, (uint16_t)(value % FAKE_QUEUES));
        return 0;
    case 8:
        bnt_guest_handle_shared_interrupt(f->guest);
        return 0;
    case 9:
        return (int)bnt_guest_limit_set(f->guest, value + 1u);
    case 10:
        return (int)bnt_guest_queue_reset(f->guest, f->now_ns, (uint16_t)(value % FAKE_QUEUES));
    case 11:
        return (int)bnt_guest_suspend(f->guest, f->now_ns);
    case 12:
    case 13:
        return (int)bnt_guest_resume(f->guest, f->now_ns);
    case 14:
        return (int)bnt_guest_deflate_all(f->guest, f->now_ns);
    case 15:
        return (int)bnt_guest_target_follow(f->guest, f->now_ns);
    case 16:
        return value % 4 == 0 ? (int)bnt_guest_detach(f->guest, f->now_ns) : 0;
    case 17:
        return value % 4 == 0 ? (int)bnt_guest_detach_orderly(f->guest, f->now_ns) : 0;
    case 18:
    case 19:
        return (int)bnt_guest_attach(f->guest, f->now_ns);
    case 20:
        return page_moves(f, value & 1);
    case 21:
        return (int)bnt_guest_reclaim_hinted_pages(f->guest, f->now_ns, value % 100, &freed);
    case 22:
        f->no_interrupts = value & 1;
        return 0;
    case 23:
        f->serve_on_kick = value & 1;
        return 0;
    default:
        return (int)fake_serve(f, value % FAKE_QUEUES, 1u + value % 3u);
    }
}

static void same(const struct fake *a, const struct fake *b)
{
    const struct bnt_guest_info of_a = fake_info(a);
    const struct bnt_guest_info of_b = fake_info(b);
    ck_assert_mem_eq(&of_a, &of_b, sizeof of_a);
    ck_assert_mem_eq(a->events, b->events, sizeof a->events);
    ck_assert_mem_eq(a->owned, b->owned, PAGES);
    ck_assert_mem_eq(a->dma, b->dma, a->dma_bytes); /* rings, requests, answers */
    ck_assert_uint_eq(a->kicks, b->kicks);
    ck_assert_uint_eq(a->config_writes, b->config_writes);
    ck_assert_uint_eq(a->actual, b->actual);
}

START_TEST(test_early_exit_changes_nothing)
{
    struct fake early;
    struct fake full;
    struct fake_setup setup;
    uint64_t state = (uint64_t)_i + 1;
    uint32_t exits = 0;
    uint32_t in_flight = 0;
    setup_of(&setup, (uint32_t)_i);
    fake_init(&early, &setup);
    fake_init(&full, &setup);
    fake_up(&early);
    fake_up(&full);
    for (uint32_t i = 0; i < 3000; i++) {
        if (draw(&state, 4) == 0) {
            const uint32_t what = draw(&state, 40);
            const uint32_t value = draw(&state, 4096);
            ck_assert_int_eq(happen(&early, what, value), happen(&full, what, value));
        }
        early.now_ns += (uint64_t)draw(&state, 3) * draw(&state, 1000) * FAKE_MS / 4;
        full.now_ns = early.now_ns;
        if (bnti_guest_is_idle(early.guest, early.now_ns)) {
            exits++;
            in_flight += bnti_guest_has_request_in_flight(early.guest);
        }
        full.guest->woken = true;
        const uint32_t budget = 1u + draw(&state, 9);
        ck_assert_int_eq(fake_step(&early, budget), fake_step(&full, budget));
        ck_assert_uint_eq(early.deadline_ns, full.deadline_ns);
        same(&early, &full);
    }
    ck_assert_uint_gt(exits, 300);
    ck_assert_uint_gt(in_flight, 20);
    early.serve_on_kick = full.serve_on_kick = true;
    fake_end(&early);
    fake_end(&full);
}
END_TEST

/* ---- What ends the rest ---- */

START_TEST(test_used_buffer_is_seen_without_an_interrupt)
{
    struct fake f;
    rested(&f, (uint32_t)_i);
    f.no_interrupts = true;
    f.num_pages = 300;
    bnt_guest_config_changed(f.guest);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    const uint64_t before = fake_info(&f).balloon.ballooned_pfns;
    for (uint32_t i = 0; i < 4; i++) { /* the request is away: nothing to do */
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        ck_assert_uint_gt(f.deadline_ns, f.now_ns);
    }
    ck_assert(bnti_guest_is_idle(f.guest, f.now_ns));
    ck_assert_uint_eq(fake_serve(&f, BNT_BALLOON_QUEUE_INFLATE, 1), 1);
    ck_assert(!bnti_guest_is_idle(f.guest, f.now_ns));
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_gt(fake_info(&f).balloon.ballooned_pfns, before);
    fake_end(&f);
}
END_TEST

START_TEST(test_what_may_change_a_step_ends_the_rest)
{
    static const uint32_t whats[] = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 20};
    struct fake f;
    for (uint32_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        rested(&f, 1);
        (void)happen(&f, whats[i], whats[i] == 2 ? 0 : 1);
        ck_assert_msg(!bnti_guest_is_idle(f.guest, f.now_ns), "what %u", whats[i]);
        fake_end(&f);
    }
}
END_TEST

START_TEST(test_deadline_ends_the_rest)
{
    struct fake f;
    rested(&f, 1);
    const uint64_t due_ns = f.deadline_ns;
    ck_assert_uint_gt(due_ns, f.now_ns);
    ck_assert(bnti_guest_is_idle(f.guest, due_ns - 1));
    ck_assert(!bnti_guest_is_idle(f.guest, due_ns));
    f.num_pages = 50; /* no word of it: the poll finds it */
    f.now_ns = due_ns - 1;
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).balloon.target_pfns, 100);
    f.now_ns = due_ns;
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).balloon.target_pfns, 50);
    fake_end(&f);
}
END_TEST

/* The device breaks the rules; nothing is tried again. */
START_TEST(test_broken_guest_rests_and_says_so)
{
    struct fake f;
    struct fake_setup setup;
    setup_of(&setup, 0);
    setup.recover_tries = 0;
    fake_init(&f, &setup);
    fake_up(&f);
    ck_assert_int_eq(bnt_dev_set_needs_reset(&f.dev), true);
    bnt_guest_config_changed(f.guest);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
        ck_assert_uint_eq(f.deadline_ns, BNT_NEVER);
    }
    ck_assert(bnti_guest_is_idle(f.guest, f.now_ns));
    f.hostile = true;
    fake_end(&f);
}
END_TEST

START_TEST(test_vmware_rests_between_polls)
{
    struct fvm *f = fvm_new(2048);
    f->target = 100;
    fvm_up(f);
    fvm_run(f, FVM_S / 2);
    const uint64_t calls = f->log_count;
    fvm_step(f, 64);
    ck_assert(bnti_guest_is_idle(f->guest, f->now_ns));
    fvm_step(f, 64);
    ck_assert_uint_eq(f->log_count, calls);
    bnt_guest_handle_shared_interrupt(f->guest); /* the doorbell */
    fvm_step(f, 64);
    ck_assert_uint_gt(f->log_count, calls);
    fvm_end(f);
}
END_TEST

/* ---- The shared interrupt ---- */

START_TEST(test_shared_interrupt_without_work_is_not_spurious)
{
    struct fake f;
    rested(&f, (uint32_t)_i);
    const uint64_t before = fake_info(&f).wire.spurious;
    bnt_guest_handle_shared_interrupt(f.guest);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).wire.spurious, before);
    bnt_guest_handle_interrupt(f.guest, 0);
    bnt_guest_handle_shared_interrupt(f.guest); /* does not excuse the one that named a queue */
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).wire.spurious, before + 1);
    fake_end(&f);
}
END_TEST

/* With the smallest budget, all that a shared interrupt stands for is found. */
START_TEST(test_shared_interrupt_is_of_all_queues_and_the_configuration)
{
    struct fake f;
    rested(&f, (uint32_t)_i);
    const uint64_t before = fake_info(&f).wire.spurious;
    f.no_interrupts = true;
    f.num_pages = 400;
    bnt_guest_handle_shared_interrupt(f.guest);
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        if (fake_serve(&f, BNT_BALLOON_QUEUE_INFLATE, 1) + fake_stats_return(&f) > 0) {
            bnt_guest_handle_shared_interrupt(f.guest);
        }
    }
    ck_assert_uint_eq(fake_info(&f).balloon.target_pfns, 400);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 400);
    ck_assert_uint_eq(fake_info(&f).wire.spurious, before);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest idle");
    TCase *tc = tcase_create("idle");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_early_exit_changes_nothing, 0, 30);
    tcase_add_loop_test(tc, test_used_buffer_is_seen_without_an_interrupt, 0, 5);
    tcase_add_test(tc, test_what_may_change_a_step_ends_the_rest);
    tcase_add_test(tc, test_deadline_ends_the_rest);
    tcase_add_test(tc, test_broken_guest_rests_and_says_so);
    tcase_add_test(tc, test_vmware_rests_between_polls);
    tcase_add_loop_test(tc, test_shared_interrupt_without_work_is_not_spurious, 0, 5);
    tcase_add_loop_test(tc, test_shared_interrupt_is_of_all_queues_and_the_configuration, 0, 5);
    suite_add_tcase(suite, tc);
    return suite;
}
