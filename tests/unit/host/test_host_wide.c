/*
 * Memory beyond the PFNs of 32 bits, on VMware's wire: what leaves the host are the guest's own
 * PFNs and addresses, whatever the host keeps of them.
 *
 * The guest has 2048 PFNs across 2^32 or far beyond, and a hole of 256 in them.
 */
#include <ballonet/host.h>
#include <ballonet/vmware.h>

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PFNS        2048u
#define HOLE        1024u /* relative to the first PFN */
#define HOLE_PFNS   256u
#define BATCH_PFN   16u
#define ALL_CAPS    ((uint64_t)BNT_VMWARE_CAPS_ALL)
#define FOUR_GIGA   (UINT64_C(1) << 32)
#define LAST_STARTS 3

/* Across 2^32, far beyond it, and up to the last PFN but one that an entry carries. */
static const uint64_t starts[LAST_STARTS] = {FOUR_GIGA - 512, UINT64_C(1) << 40,
                                             BNT_VMWARE_ENTRY_PFN_MAX - PFNS};

struct wide {
    struct bnt_host_config config;
    struct bnt_host_ops ops;
    struct bnt_mem mem;
    struct bnt_host *host;
    void *storage;
    uint64_t first;
    uint64_t result;
    uint64_t asked_pfn; /* of ops->refuse, last */
    uint64_t touched_pfn;
    uint64_t request_first; /* of ops->request, with its base */
    uint32_t refuse_pfns;   /* relative; PFNs from there on are BUSY */
    uint32_t discards;
    struct bnt_vmware_entry entries[BNT_VMWARE_BATCH_MAX];
    uint8_t dropped[PFNS];
};

static struct wide wide;

static bnt_status mem_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    (void)opaque;
    ck_assert_uint_eq(gpa, (uint64_t)BATCH_PFN << BNT_PFN_SHIFT);
    memcpy(dst, wide.entries, bytes);
    return BNT_OK;
}

static bnt_status mem_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    (void)opaque;
    ck_assert_uint_eq(gpa, (uint64_t)BATCH_PFN << BNT_PFN_SHIFT);
    memcpy(wide.entries, src, bytes);
    return BNT_OK;
}

static void dropped_mark(uint64_t gpa, uint64_t bytes, uint8_t dropped)
{
    const uint64_t at = (gpa >> BNT_PFN_SHIFT) - wide.first;
    const uint64_t pfns = bytes >> BNT_PFN_SHIFT;
    ck_assert_uint_lt(at, PFNS);
    ck_assert_uint_le(pfns, PFNS - at);
    memset(wide.dropped + at, dropped, pfns);
}

static bnt_status discard(void *opaque, uint64_t gpa, uint64_t bytes, uint64_t *freed)
{
    (void)opaque;
    dropped_mark(gpa, bytes, 1);
    wide.discards++;
    *freed = bytes;
    return BNT_OK;
}

static void restore(void *opaque, uint64_t gpa, uint64_t bytes)
{
    (void)opaque;
    dropped_mark(gpa, bytes, 0);
}

static bnt_verdict refuse(void *opaque, uint64_t pfn, bool inflate)
{
    (void)opaque;
    wide.asked_pfn = pfn;
    return inflate && pfn - wide.first >= wide.refuse_pfns ? BNT_VERDICT_BUSY
                                                           : BNT_VERDICT_ACCEPTED;
}

static void event(void *opaque, const struct bnt_host_event *told)
{
    (void)opaque;
    if (told->kind == BNT_HOST_EVENT_TOUCHED) {
        wide.touched_pfn = told->value;
    }
}

static void request(void *opaque, const struct bnt_host_request *told)
{
    (void)opaque;
    wide.request_first = told->pfn_base + told->pfns[0];
}

static void interrupt(void *opaque, uint16_t queue)
{
    (void)opaque;
    (void)queue;
}

static void config_interrupt(void *opaque)
{
    (void)opaque;
}

static void doorbell(void *opaque, uint64_t context, uint64_t resource)
{
    (void)opaque;
    (void)context;
    (void)resource;
}

static void *leaf_alloc(void *opaque, size_t bytes)
{
    (void)opaque;
    return calloc(1, bytes);
}

static void leaf_free(void *opaque, void *leaf, size_t bytes)
{
    (void)opaque;
    (void)bytes;
    free(leaf);
}

static struct bnt_host *host_make(void **storage)
{
    struct bnt_host *host = NULL;
    size_t bytes = 0;
    ck_assert_int_eq(bnt_host_compute_footprint(&wide.config, &bytes), BNT_OK);
    *storage = calloc(1, bytes);
    ck_assert_int_eq(
        bnt_host_init(*storage, bytes, &wide.config, &wide.ops, NULL, &wide.mem, NULL, &host),
        BNT_OK);
    return host;
}

static int32_t call(uint32_t command, uint64_t arg1, uint64_t arg2)
{
    int32_t status = BNT_VMWARE_FAILURE;
    ck_assert_int_eq(
        bnt_host_serve_vmware_call(wide.host, 0, command, arg1, arg2, &status, &wide.result),
        BNT_OK);
    return status;
}

static void open_at(uint64_t first, uint32_t host_page_order)
{
    const struct bnt_mem_ops ops = {.size = sizeof ops, .read = mem_read, .write = mem_write};
    const struct bnt_mem_region regions[] = {
        {(uint64_t)BATCH_PFN << BNT_PFN_SHIFT, BNT_PFN_BYTES},
        {first << BNT_PFN_SHIFT, (uint64_t)HOLE << BNT_PFN_SHIFT},
        {(first + HOLE + HOLE_PFNS) << BNT_PFN_SHIFT, (uint64_t)(PFNS - HOLE - HOLE_PFNS)
                                                          << BNT_PFN_SHIFT}};
    memset(&wide, 0, sizeof wide);
    wide.first = first;
    wide.refuse_pfns = PFNS;
    wide.config = (struct bnt_host_config){.size = sizeof wide.config,
                                           .memory.first_pfn = first,
                                           .memory.pfns = PFNS,
                                           .memory.ledger = BNT_HOST_LEDGER_LEAVES,
                                           .wire = BNT_HOST_WIRE_VMWARE,
                                           .vmware.capabilities = ALL_CAPS,
                                           .memory.host_page_order = host_page_order};
    wide.ops = (struct bnt_host_ops){.size = sizeof wide.ops,
                                     .interrupt = interrupt,
                                     .config_interrupt = config_interrupt,
                                     .backing.discard = discard,
                                     .backing.restore = restore,
                                     .refusal.refuse = refuse,
                                     .ledger.leaf_alloc = leaf_alloc,
                                     .ledger.leaf_free = leaf_free,
                                     .event = event,
                                     .request = request,
                                     .vmware.doorbell = doorbell};
    ck_assert_int_eq(bnt_mem_init(&wide.mem, &ops, NULL, regions, 3), BNT_OK);
    wide.host = host_make(&wide.storage);
    ck_assert_int_eq(bnt_host_target_set(wide.host, 0, PFNS - HOLE_PFNS, 0, NULL), BNT_OK);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_START, ALL_CAPS, 0), BNT_VMWARE_SUCCESS_WITH_CAPABILITIES);
}

static void close_wide(void)
{
    bnt_host_fini(wide.host);
    free(wide.storage);
}

static struct bnt_host_info info(void)
{
    struct bnt_host_info now = {.size = sizeof now};
    ck_assert_int_eq(bnt_host_info_get(wide.host, &now), BNT_OK);
    return now;
}

/* A batch of n entries from a PFN on. */
static void batch(uint32_t command, uint64_t pfn, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        wide.entries[i] = bnt_vmware_make_entry(pfn + i, 31);
    }
    ck_assert_int_eq(call(command, BATCH_PFN, n), BNT_VMWARE_SUCCESS);
    for (uint32_t i = 0; i < n; i++) {
        ck_assert_uint_eq(bnt_vmware_get_entry_pfn(wide.entries[i]), pfn + i);
    }
}

static uint32_t status_of(uint32_t i)
{
    return bnt_vmware_get_entry_status(wide.entries[i]);
}

START_TEST(test_batch_moves_pages_wherever_they_lie)
{
    open_at(starts[_i], 0);
    batch(BNT_VMWARE_CMD_BATCHED_LOCK, wide.first + 500, 100);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(status_of(i), BNT_VMWARE_SUCCESS);
        ck_assert_uint_eq(wide.dropped[500 + i], 1);
        ck_assert_int_eq(bnt_host_page_state_get(wide.host, wide.first + 500 + i),
                         BNT_HOST_PAGE_BALLOONED);
    }
    ck_assert_uint_eq(wide.request_first, wide.first + 500);
    ck_assert_uint_eq(wide.asked_pfn, wide.first + 599);
    ck_assert_int_eq(bnt_host_page_state_get(wide.host, wide.first + 499), BNT_HOST_PAGE_GUEST);
    ck_assert_uint_eq(info().ledger.pfns, 100);
    batch(BNT_VMWARE_CMD_BATCHED_UNLOCK, wide.first + 500, 100);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(status_of(i), BNT_VMWARE_SUCCESS);
        ck_assert_uint_eq(wide.dropped[500 + i], 0);
    }
    ck_assert_uint_eq(info().ledger.pfns, 0);
    close_wide();
}
END_TEST

START_TEST(test_pfn_outside_memory_is_invalid_also_where_it_is_equal_in_32_bits)
{
    open_at(starts[_i], 0);
    const uint64_t outside[] = {wide.first - 1,
                                wide.first + PFNS,
                                wide.first + HOLE,
                                wide.first + HOLE + HOLE_PFNS - 1,
                                (uint32_t)(wide.first + 700),
                                wide.first - FOUR_GIGA,
                                wide.first + FOUR_GIGA,
                                0};
    const uint32_t n = sizeof outside / sizeof outside[0];
    for (uint32_t i = 0; i < n; i++) {
        batch(BNT_VMWARE_CMD_BATCHED_LOCK, outside[i] & BNT_VMWARE_ENTRY_PFN_MAX, 1);
        ck_assert_uint_eq(status_of(0), BNT_VMWARE_PPN_INVALID);
    }
    ck_assert_uint_eq(info().wire.verdicts[BNT_VERDICT_INVALID], n);
    ck_assert_uint_eq(info().ledger.pfns, 0);
    ck_assert_uint_eq(wide.discards, 0);
    close_wide();
}
END_TEST

START_TEST(test_lock_takes_no_pfn_beyond_32_bits)
{
    open_at(starts[0], 0);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, FOUR_GIGA - 1, 0), BNT_VMWARE_SUCCESS);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, FOUR_GIGA, 0), BNT_VMWARE_PPN_INVALID);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_LOCK, 0, 0), BNT_VMWARE_PPN_INVALID);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_UNLOCK, FOUR_GIGA - 1, 0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(info().ledger.pfns, 0);
    close_wide();
}
END_TEST

START_TEST(test_huge_page_is_aligned_in_the_guests_memory)
{
    open_at(starts[_i] & ~UINT64_C(511), 0);
    batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, wide.first + 512, 1);
    ck_assert_uint_eq(status_of(0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(info().ledger.pfns, 512);
    batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, wide.first + 1, 1);
    ck_assert_uint_eq(status_of(0), BNT_VMWARE_PPN_INVALID);
    batch(BNT_VMWARE_CMD_BATCHED_2M_LOCK, wide.first + HOLE, 1); /* the hole is in it */
    ck_assert_uint_eq(status_of(0), BNT_VMWARE_PPN_INVALID);
    batch(BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, wide.first + 512, 1);
    ck_assert_uint_eq(status_of(0), BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(info().ledger.pfns, 0);
    ck_assert_ptr_null(memchr(wide.dropped, 1, PFNS));
    close_wide();
}
END_TEST

START_TEST(test_rules_and_refusals_name_the_guests_pfns)
{
    open_at(starts[_i], 0);
    const struct bnt_host_rule rule = {.first_pfn = wide.first + 10,
                                       .last_pfn = wide.first + 11,
                                       .on_inflate = true,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = UINT64_MAX,
                                       .verdict = BNT_VERDICT_PINNED};
    ck_assert_int_eq(bnt_host_rule_add(wide.host, &rule), BNT_OK);
    wide.refuse_pfns = 14;
    batch(BNT_VMWARE_CMD_BATCHED_LOCK, wide.first + 8, 8);
    for (uint32_t i = 0; i < 8; i++) {
        const uint32_t want = i == 2 || i == 3 ? BNT_VMWARE_PPN_PINNED
                              : i >= 6         ? BNT_VMWARE_BUSY
                                               : BNT_VMWARE_SUCCESS;
        ck_assert_uint_eq(status_of(i), want);
        ck_assert_uint_eq(wide.dropped[8 + i], want == BNT_VMWARE_SUCCESS);
    }
    close_wide();
}
END_TEST

START_TEST(test_touched_page_is_told_and_resets)
{
    open_at(starts[_i], 0);
    batch(BNT_VMWARE_CMD_BATCHED_LOCK, wide.first + 600, 1);
    ck_assert_int_eq(bnt_host_handle_page_touch(wide.host, 0, (uint32_t)(wide.first + 600)),
                     BNT_OK);
    ck_assert_uint_eq(info().ledger.pfns, 1);
    ck_assert_int_eq(bnt_host_handle_page_touch(wide.host, 0, wide.first + 600), BNT_OK);
    ck_assert_uint_eq(wide.touched_pfn, wide.first + 600);
    ck_assert_int_eq(call(BNT_VMWARE_CMD_GET_TARGET, 0, 0), BNT_VMWARE_RESET);
    close_wide();
}
END_TEST

START_TEST(test_host_pages_are_dropped_whole_and_come_back_with_the_first_part)
{
    open_at(starts[_i] & ~UINT64_C(511), 2);
    batch(BNT_VMWARE_CMD_BATCHED_LOCK, wide.first + 513, 3);
    ck_assert_uint_eq(wide.discards, 0);
    batch(BNT_VMWARE_CMD_BATCHED_LOCK, wide.first + 512, 1);
    ck_assert_uint_eq(wide.discards, 1);
    ck_assert_ptr_eq(memchr(wide.dropped, 1, PFNS), wide.dropped + 512);
    batch(BNT_VMWARE_CMD_BATCHED_UNLOCK, wide.first + 514, 1);
    ck_assert_ptr_null(memchr(wide.dropped, 1, PFNS));
    close_wide();
}
END_TEST

START_TEST(test_saved_state_moves_to_the_same_memory_only)
{
    void *storage = NULL;
    open_at(starts[_i], 0);
    batch(BNT_VMWARE_CMD_BATCHED_LOCK, wide.first + 500, 100);
    const size_t bytes = bnt_host_state_size_get(wide.host);
    void *state = calloc(1, bytes);
    ck_assert_int_eq(bnt_host_save(wide.host, 0, state, bytes), BNT_OK);
    struct bnt_host *host = host_make(&storage);
    ck_assert_int_eq(bnt_host_load(host, 0, state, bytes), BNT_OK);
    close_wide();
    wide.host = host;
    wide.storage = storage;
    ck_assert_uint_eq(info().ledger.pfns, 100);
    ck_assert_int_eq(bnt_host_page_state_get(wide.host, wide.first + 599), BNT_HOST_PAGE_BALLOONED);
    batch(BNT_VMWARE_CMD_BATCHED_UNLOCK, wide.first + 500, 100);
    ck_assert_uint_eq(info().ledger.pfns, 0);
    ck_assert_ptr_null(memchr(wide.dropped, 1, PFNS));
    close_wide();
    open_at(starts[(_i + 1) % LAST_STARTS], 0);
    ck_assert_int_ne(bnt_host_load(wide.host, 0, state, bytes), BNT_OK);
    free(state);
    close_wide();
}
END_TEST

START_TEST(test_only_this_wire_takes_such_memory)
{
    size_t bytes = 0;
    open_at(starts[_i], 0);
    struct bnt_host_config config = wide.config;
    config.wire = BNT_HOST_WIRE_VIRTIO;
    config.vmware.capabilities = 0;
    ck_assert_int_eq(bnt_host_compute_footprint(&config, &bytes), BNT_E_ARGUMENT);
    config = wide.config;
    config.memory.first_pfn = BNT_VMWARE_ENTRY_PFN_MAX + 2 - PFNS;
    ck_assert_int_eq(bnt_host_compute_footprint(&config, &bytes), BNT_E_ARGUMENT);
    close_wide();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_wide");
    TCase *tests = tcase_create("wide");
    tcase_add_loop_test(tests, test_batch_moves_pages_wherever_they_lie, 0, LAST_STARTS);
    tcase_add_loop_test(tests, test_pfn_outside_memory_is_invalid_also_where_it_is_equal_in_32_bits,
                        0, LAST_STARTS);
    tcase_add_test(tests, test_lock_takes_no_pfn_beyond_32_bits);
    tcase_add_loop_test(tests, test_huge_page_is_aligned_in_the_guests_memory, 0, LAST_STARTS);
    tcase_add_loop_test(tests, test_rules_and_refusals_name_the_guests_pfns, 0, LAST_STARTS);
    tcase_add_loop_test(tests, test_touched_page_is_told_and_resets, 0, LAST_STARTS);
    tcase_add_loop_test(tests, test_host_pages_are_dropped_whole_and_come_back_with_the_first_part,
                        0, LAST_STARTS);
    tcase_add_loop_test(tests, test_saved_state_moves_to_the_same_memory_only, 0, LAST_STARTS);
    tcase_add_loop_test(tests, test_only_this_wire_takes_such_memory, 0, LAST_STARTS);
    suite_add_tcase(suite, tests);
    return suite;
}
