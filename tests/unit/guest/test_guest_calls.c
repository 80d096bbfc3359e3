/*
 * The contract of the guest's calls: arguments, storage, structs of other versions, calls that an
 * OS may leave out, and what each call says in a state in which it means nothing.
 */
#include "tests/support/fake_device.h"

#include <check.h>
#include <stddef.h>
#include <string.h>

Suite *test_suite(void);

#define NO_TELL (FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST)

/* ---- Init ---- */

static struct fake fake;
static struct bnt_guest_config config;
static struct bnt_guest_ops ops;
static struct bnt_guest_need need;

static void setup(void)
{
    fake_init(&fake, &(struct fake_setup){.pages = 64});
    config = fake_config(&fake);
    ops = fake_ops_of(&fake);
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_OK);
}

static void teardown(void)
{
    fake_end(&fake);
}

/* An init with the storage of the fixture, whose own instance is not in use. */
static bnt_status init(void)
{
    struct bnt_guest *guest = NULL;
    const bnt_status status = bnt_guest_init(fake.state, need.state_bytes, fake.dma, FAKE_DMA_GPA,
                                             fake.dma_bytes, &config, &ops, &fake, &guest);
    ck_assert((guest == fake.state) == (status == BNT_OK));
    return status;
}

#define OP(name)        offsetof(struct bnt_guest_ops, name)
#define REGISTERS(name) (OP(transport) + offsetof(struct bnt_drv_transport, name))

static const size_t needed[] = {
    OP(pages.alloc),
    OP(pages.free),
    OP(links.push),
    OP(links.pop),
    OP(statistics.get),
    OP(reporting.take),
    OP(reporting.done),
    OP(hinting.alloc),
    OP(hinting.free),
    REGISTERS(features_read),
    REGISTERS(features_write),
    REGISTERS(status_read),
    REGISTERS(status_write),
    REGISTERS(config_generation),
    REGISTERS(config_read),
    REGISTERS(config_write),
    REGISTERS(queue_size_max),
    REGISTERS(queue_enable),
    REGISTERS(notify),
};

START_TEST(test_each_call_that_the_settings_need_must_be_there)
{
    config.features.wanted |= BNT_BALLOON_F_PAGE_REPORTING | BNT_BALLOON_F_FREE_PAGE_HINT;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_OK);
    struct bnt_guest *guest = NULL;
    void *state = calloc(1, need.state_bytes);
    void *dma = aligned_alloc(4096, (need.dma_bytes + 4095) & ~(size_t)4095);
    const struct bnt_guest_ops all = ops;
    for (size_t i = 0; i <= sizeof needed / sizeof needed[0]; i++) {
        const bool every = i == sizeof needed / sizeof needed[0];
        ops = all;
        if (!every) {
            memset((uint8_t *)&ops + needed[i], 0, sizeof(void (*)(void)));
        }
        ck_assert_int_eq(bnt_guest_init(state, need.state_bytes, dma, FAKE_DMA_GPA, need.dma_bytes,
                                        &config, &ops, NULL, &guest),
                         every ? BNT_OK : BNT_E_ARGUMENT);
    }
    free(state);
    free(dma);
}
END_TEST

START_TEST(test_calls_that_belong_together_come_together)
{
    const struct bnt_guest_ops all = ops;
    config.sizing.sleeping = BNT_GUEST_ON;
    ck_assert_int_eq(init(), BNT_OK);
    ops.sleeping.alloc = NULL;
    ck_assert_int_eq(init(), BNT_E_ARGUMENT);
    ops = all;
    /* Pages of 2 MiB are taken, split and given back, or not known at all. */
    struct fake huge;
    fake_init(&huge, &(struct fake_setup){.pages = 4096, .huge = true});
    const struct bnt_guest_ops three = fake_ops_of(&huge);
    fake_end(&huge);
    for (uint32_t there = 0; there < 8; there++) {
        ops.huge.alloc = there & 1 ? three.huge.alloc : NULL;
        ops.huge.free = there & 2 ? three.huge.free : NULL;
        ops.huge.split = there & 4 ? three.huge.split : NULL;
        ck_assert_int_eq(init(), there == 0 || there == 7 ? BNT_OK : BNT_E_ARGUMENT);
    }
}
END_TEST

START_TEST(test_arguments_of_init_are_checked)
{
    struct bnt_guest *guest = NULL;
    uint8_t *state = fake.state;
    uint8_t *dma = fake.dma;
    const size_t bytes = need.state_bytes;
    const size_t dma_bytes = fake.dma_bytes;
    const uint64_t gpa = FAKE_DMA_GPA;
#define INIT(...) bnt_guest_init(__VA_ARGS__, &config, &ops, NULL, &guest)
    ck_assert_int_eq(INIT(NULL, bytes, dma, gpa, dma_bytes), BNT_E_ARGUMENT);
    ck_assert_int_eq(INIT(state, bytes, NULL, gpa, dma_bytes), BNT_E_ARGUMENT);
    ck_assert_int_eq(INIT(state, bytes - 1, dma, gpa, dma_bytes), BNT_E_STORAGE);
    ck_assert_int_eq(INIT(state + 4, bytes, dma, gpa, dma_bytes), BNT_E_STORAGE);
    ck_assert_int_eq(INIT(state, bytes, dma, gpa, need.dma_bytes - 1), BNT_E_STORAGE);
    ck_assert_int_eq(INIT(state, bytes, dma + 8, gpa, dma_bytes), BNT_E_STORAGE);
    ck_assert_int_eq(INIT(state, bytes, dma, gpa + 16, dma_bytes), BNT_E_STORAGE);
    ck_assert_int_eq(INIT(state, bytes, dma, UINT64_MAX - 4095, dma_bytes), BNT_E_STORAGE);
    ck_assert_int_eq(bnt_guest_init(state, bytes, dma, gpa, dma_bytes, &config, NULL, NULL, &guest),
                     BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_init(state, bytes, dma, gpa, dma_bytes, &config, &ops, NULL, NULL),
                     BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_init(state, bytes, dma, gpa, dma_bytes, NULL, &ops, NULL, &guest),
                     BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, NULL), BNT_E_ARGUMENT);
    config.memory.pfns = 0;
    ck_assert_int_eq(INIT(state, bytes, dma, gpa, dma_bytes), BNT_E_ARGUMENT);
    ck_assert_ptr_null(guest);
#undef INIT
}
END_TEST

START_TEST(test_tables_of_calls_of_another_version_are_refused)
{
    ops.size = 8;
    ck_assert_int_eq(init(), BNT_E_SIZE);
    ops.size = sizeof ops;
    ops.transport.size = 8;
    ck_assert_int_eq(init(), BNT_E_SIZE);
    config.wire = BNT_GUEST_WIRE_VMWARE; /* which needs no transport, and one call more */
    config.features.wanted = 0;
    ck_assert_int_eq(init(), BNT_E_ARGUMENT);
}
END_TEST

/* ---- Info ---- */

START_TEST(test_info_fills_what_the_caller_has_room_for)
{
    struct bnt_guest_info info;
    fake_up(&fake);
    fake_target(&fake, 32);
    fake_run(&fake, FAKE_S);
    memset(&info, 0xEE, sizeof info);
    info.size = offsetof(struct bnt_guest_info, balloon.inflight_inflate_pfns);
    ck_assert_int_eq(bnt_guest_info_get(fake.guest, &info), BNT_OK);
    ck_assert_uint_eq(info.balloon.ballooned_pfns, 32);
    ck_assert_uint_eq(info.balloon.inflight_inflate_pfns, UINT64_C(0xEEEEEEEEEEEEEEEE));
    info.size = sizeof info.size - 1;
    ck_assert_int_eq(bnt_guest_info_get(fake.guest, &info), BNT_E_SIZE);
    ck_assert_int_eq(bnt_guest_info_get(fake.guest, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_info_get(NULL, &info), BNT_E_ARGUMENT);
}
END_TEST

/* ---- Calls ---- */

START_TEST(test_calls_without_an_instance_or_a_place_for_the_answer_are_refused)
{
    struct bnt_guest_oom_result result;
    uint64_t answer = 0;
    ck_assert_int_eq(bnt_guest_attach(NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_detach(NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_handle_unplug(NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_step(NULL, 0, 1, &answer), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_step(fake.guest, 0, 1, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_handle_oom(NULL, 0, 1, &result), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_handle_oom(fake.guest, 0, 1, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(NULL, 0, 1, &answer), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(fake.guest, 0, 1, NULL), BNT_E_ARGUMENT);
    ck_assert_uint_eq(bnt_guest_queue_index_get(fake.guest, (bnt_balloon_queue)99),
                      BNT_BALLOON_QUEUE_NONE);
}
END_TEST

START_TEST(test_shrink_takes_nothing_that_the_device_may_still_have)
{
    uint64_t freed = 1;
    fake_up(&fake);
    fake.reset_reads = 3;
    ck_assert_int_eq(bnt_guest_detach(fake.guest, fake.now_ns), BNT_E_AGAIN);
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(fake.guest, fake.now_ns, 1, &freed),
                     BNT_E_STATE);
    ck_assert_uint_eq(freed, 0);
    fake_down(&fake);
    fake.reset_reads = 0;
    fake_up(&fake);
    (void)bnt_dev_set_needs_reset(&fake.dev);
    bnt_guest_config_changed(fake.guest);
    ck_assert_int_eq(fake_step(&fake, 64), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(fake.guest, fake.now_ns, 1, &freed),
                     BNT_E_BROKEN);
    ck_assert_uint_eq(freed, 0);
}
END_TEST

/* ---- Calls that may be left out ---- */

START_TEST(test_driver_works_without_the_calls_that_are_optional)
{
    struct fake f;
    const uint64_t all = (_i ? FAKE_ALL : NO_TELL) | BNT_BALLOON_F_PAGE_REPORTING |
                         BNT_BALLOON_F_FREE_PAGE_HINT | BNT_F_RING_RESET | FAKE_WS;
    fake_init(&f, &(struct fake_setup){.pages = 4096, .bare = true, .offered = all, .wanted = all});
    fake_up(&f);
    ck_assert_uint_eq(fake_info(&f).features & (FAKE_WS | BNT_F_RING_RESET), 0);
    fake_hint(&f, 5);
    fake_target(&f, 1000);
    fake_run(&f, 4 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    ck_assert_uint_gt(fake_info(&f).hinting.hinted_pfns, 0);
    fake_hint(&f, BNT_BALLOON_HINT_DONE);
    bnt_guest_handle_freed_pages(f.guest);
    fake_run(&f, 4 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).hinting.hinted_pfns, 0);
    ck_assert_uint_gt(fake_info(&f).reporting.reported_pfns, 0);
    uint64_t page = 0;
    ck_assert_uint_eq(fake_pages_alloc(&f, &page, 1), 1);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, f.first_pfn, page, false),
                     BNT_E_UNSUPPORTED); /* without links_remove */
    f.owned[page - f.first_pfn] = 0;
    f.stack[f.free_count++] = (uint32_t)(page - f.first_pfn);
    f.serve_on_kick = true;
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 300, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 300);
    fake_target(&f, 0);
    fake_run(&f, 8 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_ring_reset_needs_both_of_its_registers)
{
    config.features.wanted |= BNT_F_RING_RESET;
    for (uint32_t there = 0; there < 4; there++) {
        struct fake f;
        fake_init(&f, &(struct fake_setup){.pages = 64,
                                           .offered = FAKE_ALL | BNT_F_RING_RESET,
                                           .wanted = FAKE_ALL | BNT_F_RING_RESET});
        struct bnt_guest_ops some = fake_ops_of(&f);
        some.transport.queue_reset = there & 1 ? some.transport.queue_reset : NULL;
        some.transport.queue_reset_read = there & 2 ? some.transport.queue_reset_read : NULL;
        ck_assert_int_eq(bnt_guest_init(f.state, need.state_bytes, f.dma, FAKE_DMA_GPA, f.dma_bytes,
                                        &config, &some, &f, &f.guest),
                         BNT_OK);
        fake_up(&f);
        ck_assert_uint_eq((fake_info(&f).features & BNT_F_RING_RESET) != 0, there == 3);
        fake_end(&f);
    }
}
END_TEST

START_TEST(test_clock_near_its_end_stops_no_work)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2048});
    f.now_ns = BNT_NEVER - 1000;
    fake_up(&f);
    fake_target(&f, 1000);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        (void)fake_serve(&f, 0, 8);
        f.now_ns++;
    }
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.deadline_ns, BNT_NEVER);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest calls");
    TCase *tc = tcase_create("calls");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_each_call_that_the_settings_need_must_be_there);
    tcase_add_test(tc, test_calls_that_belong_together_come_together);
    tcase_add_test(tc, test_arguments_of_init_are_checked);
    tcase_add_test(tc, test_tables_of_calls_of_another_version_are_refused);
    tcase_add_test(tc, test_info_fills_what_the_caller_has_room_for);
    tcase_add_test(tc, test_calls_without_an_instance_or_a_place_for_the_answer_are_refused);
    tcase_add_test(tc, test_shrink_takes_nothing_that_the_device_may_still_have);
    tcase_add_loop_test(tc, test_driver_works_without_the_calls_that_are_optional, 0, 2);
    tcase_add_test(tc, test_ring_reset_needs_both_of_its_registers);
    tcase_add_test(tc, test_clock_near_its_end_stops_no_work);
    suite_add_tcase(suite, tc);
    return suite;
}
