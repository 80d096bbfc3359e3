/*
 * What fuzzing found in saved states: devices that could not be saved as they were, and used
 * instances that took a state.
 */
#include "tests/support/fake_driver.h"

#include <ballonet/vmware.h>

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 2048u
#define HINT  BNT_BALLOON_F_FREE_PAGE_HINT
#define ROOM  65536u

static struct fake_driver fake;
static uint8_t state[ROOM];

static size_t save(struct bnt_host *host, uint8_t *into)
{
    const size_t bytes = bnt_host_state_size_get(host);

    ck_assert_uint_le(bytes, ROOM);
    ck_assert_int_eq(bnt_host_save(host, fake.now_ns, into, bytes), BNT_OK);
    return bytes;
}

/** Another instance takes what this one saves, and saves the same. */
static struct bnt_host_info moved(void)
{
    static uint8_t again[ROOM];
    const size_t bytes = save(fake.host, state);
    struct bnt_host *host = NULL;
    size_t storage_bytes = 0;

    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &storage_bytes), BNT_OK);
    void *storage = malloc(storage_bytes);
    ck_assert_ptr_nonnull(storage);
    ck_assert_int_eq(bnt_host_init(storage, storage_bytes, &fake.config, &fake.ops, &fake,
                                   &fake.mem, NULL, &host),
                     BNT_OK);
    ck_assert_int_eq(bnt_host_load(host, fake.now_ns, state, bytes), BNT_OK);
    ck_assert_uint_eq(save(host, again), bytes);
    ck_assert_mem_eq(again, state, bytes);
    bnt_host_fini(fake.host);
    free(fake.storage);
    fake.storage = storage;
    fake.host = host;
    return fake_info(&fake);
}

static void open_hints(void)
{
    fake_init(&fake, PAGES, FAKE_ALL | HINT);
    fake.config.hinting.id_first = 2;
    fake.config.hinting.id_last = 3;
    fake_open(&fake);
    fake_start(&fake, FAKE_TOLD | HINT);
}

static void send_id(uint32_t id)
{
    const bnt_le32 wire = bnt_cpu_to_le32(id);
    const struct bnt_vq_seg seg = {FAKE_REQUEST_GPA, 4};

    memcpy(fake.dma + FAKE_REQUEST_GPA, &wire, sizeof(wire));
    (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_HINT, &seg, 1, 0);
    bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_HINT);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, BNT_BALLOON_QUEUE_HINT, NULL));
}

/* As where a migration is cancelled before its first run. */
START_TEST(test_done_without_any_id_is_saved_as_it_is)
{
    open_hints();
    ck_assert_int_eq(bnt_host_hint_finish(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(moved().hinting.state, BNT_HOST_HINT_DONE);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_HINT_CMD_ID),
                      BNT_BALLOON_HINT_DONE);
    fake_close(&fake);
}
END_TEST

START_TEST(test_id_that_does_not_exist_begins_no_run)
{
    open_hints();
    ck_assert_int_eq(bnt_host_hint_start(fake.host, fake.now_ns, NULL), BNT_OK);
    send_id(4); /* as many behind the last id as the current one is before it */
    ck_assert_uint_eq(moved().hinting.state, BNT_HOST_HINT_REQUESTED);
    fake_close(&fake);
}
END_TEST

static void call(uint32_t command, uint64_t arg1)
{
    int32_t status = BNT_VMWARE_FAILURE;
    uint64_t result = 0;

    ck_assert_int_eq(
        bnt_host_serve_vmware_call(fake.host, fake.now_ns, command, arg1, 0, &status, &result),
        BNT_OK);
    ck_assert(status >= 0);
}

static void open_vmware(void)
{
    fake_init(&fake, PAGES, BNT_F_VERSION_1);
    fake.config.wire = BNT_HOST_WIRE_VMWARE;
    fake_open(&fake);
}

/* No target was set yet: what the guest did, or a scripted answer, is use enough. */
START_TEST(test_instance_that_a_vmware_guest_used_loads_nothing)
{
    static uint8_t fresh[ROOM];
    const struct bnt_host_call_rule rule = {BNT_VMWARE_CMD_START, BNT_VMWARE_FAILURE, 1};

    open_vmware();
    const size_t bytes = save(fake.host, fresh);
    if (_i == 0) {
        ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &rule), BNT_OK);
    } else {
        call(BNT_VMWARE_CMD_START, BNT_VMWARE_CAPS_ALL);
    }
    const size_t used = save(fake.host, state);
    ck_assert_int_eq(bnt_host_load(fake.host, fake.now_ns, fresh, bytes), BNT_E_STATE);
    static uint8_t after[ROOM];
    ck_assert_uint_eq(save(fake.host, after), used);
    ck_assert_mem_eq(after, state, used);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_saved");
    TCase *tests = tcase_create("saved");

    tcase_add_test(tests, test_done_without_any_id_is_saved_as_it_is);
    tcase_add_test(tests, test_id_that_does_not_exist_begins_no_run);
    tcase_add_loop_test(tests, test_instance_that_a_vmware_guest_used_loads_nothing, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
