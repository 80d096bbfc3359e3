/*
 * The matrix of queue layouts: every subset of the standard's features, both rings, each device
 * layout against each driver policy, over a link that doubles and
 * delays notifications and loses interrupts (a lost kick of the statistics is nobody's to repeat).
 *
 * Where the driver knows the device's layout, or finds it out, every feature works. Where it is
 * told wrong, the features whose queue it would look for elsewhere are degraded, by name, and
 * inflation and deflation converge all the same. What must come out is computed here from the
 * standard's, QEMU's and Linux's rules, not asked of the library.
 *
 * A subset is taken twice: all features are offered and the driver wants the subset, and the other
 * way round; so every queue is declined, and missing, at every place.
 */
#include "sim/run/run.h"
#include "sim/world/vm.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *test_suite(void);

#define SUBSETS  64
#define LAYOUTS  3
#define POLICIES 4 /* the default, which is the probe, and the layouts */
#define RINGS    2
#define SIDES    2
#define STATS    BNT_BALLOON_F_STATS_VQ
#define HINT     BNT_BALLOON_F_FREE_PAGE_HINT
#define REPORT   BNT_BALLOON_F_PAGE_REPORTING
#define STANDARD UINT64_C(0x3F)

static const char text[] =
    "schema: 1\n"
    "title: A cell of the matrix of queue layouts\n"
    "limits: {events: 20000}\n"
    "vms:\n"
    "  - name: vm0\n"
    "    memory: 4MiB\n"
    "    driver: {request_pfns_max: 64, poll: 300ms, queue_size_max: 16, ack_timeout: 50ms}\n"
    "    device: {stats_poll: 100ms, queue_size_max: 16}\n"
    "    link:\n"
    "      kick: {latency: 10us, duplicate: 1/5, delay: 1/5, delay_by: 1ms}\n"
    "      interrupt: {latency: 10us, drop: 1/20, duplicate: 1/5, delay: 1/5, delay_by: 1ms}\n"
    "      config: {latency: 10us, drop: 1/5, duplicate: 1/5, delay: 1/5, delay_by: 1ms}\n"
    "script:\n"
    "  - {at: 10ms, do: target, balloon: 2MiB}\n"
    "  - {at: 600ms, do: target, balloon: 1MiB}\n"
    "phases:\n"
    "  - {name: run, for: 1s}\n"
    "  - {name: quiet, for: 1s, quiet: true}\n"
    "expect:\n"
    "  - finally: ledger == 1MiB\n"
    "  - finally: balloon == 1MiB\n"
    "  - finally: actual == 1MiB\n"
    "  - finally: needs_reset == false\n"
    "  - finally: misuses == 0\n";

struct cell {
    uint32_t subset;
    bool packed;
    bool offer_all; /* the driver wants the subset; else the device offers it */
    bnt_queue_layout device;
    bnt_queue_layout driver;
};

struct seen {
    run_verdict verdict;
    char text[512];
    uint64_t negotiated;                     /* as the device knows it */
    uint64_t used;                           /* as the driver does */
    uint16_t index[BNT_BALLOON_QUEUE_COUNT]; /* that the driver uses */
    uint64_t stats;
    uint64_t reported;
    uint64_t hash;
};

/* What both cores of this build can do; FREE_PAGE_HINT and the others come as they are written. */
static uint64_t device_can;

static uint64_t features_of(uint32_t subset)
{
    return (uint64_t)subset & device_can;
}

static struct scenario *load(struct arena *arena)
{
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, "matrix.yaml", text, sizeof text - 1, NULL, 0, &errors);
    if (scenario == NULL) {
        ck_abort_msg("%s", errors.count > 0 ? errors.messages[0] : "no scenario");
    }
    scenario_free_errors(&errors);
    return scenario;
}

static void cell_apply(const struct cell *cell, struct scenario_vm *vm)
{
    const uint64_t ring = BNT_F_RING_EVENT_IDX | (cell->packed ? BNT_F_RING_PACKED : 0);
    const uint64_t subset = features_of(cell->subset);
    vm->driver.config.features.wanted = (cell->offer_all ? subset : device_can) | ring;
    vm->device.config.features.offered = (cell->offer_all ? device_can : subset) | ring;
    vm->device.config.queues.layout = cell->device;
    vm->driver.config.queues.layout = cell->driver;
}

static void cell_look(const struct world *world, struct seen *seen)
{
    const struct vm *vm = &world->vms[0];
    seen->negotiated = vm_get_host_info(vm).features & STANDARD;
    seen->used = vm_get_guest_info(vm).features & STANDARD;
    for (uint32_t q = 0; q < BNT_BALLOON_QUEUE_COUNT; q++) {
        seen->index[q] = bnt_guest_queue_index_get(vm->guest, (bnt_balloon_queue)q);
    }
    seen->stats = world_read_metric(world, METRIC_STATS_SEQUENCE, 0);
    seen->reported = world_read_metric(world, METRIC_REPORTED, 0);
}

static struct seen cell_run(struct arena *arena, struct scenario *scenario, const struct cell *cell)
{
    struct seen seen = {.verdict = VERDICT_USAGE};
    struct world_result result = {.verdict = VERDICT_USAGE};
    cell_apply(cell, &scenario->vms[0]);
    const struct world_config config = {
        .arena = arena, .scenario = scenario, .seed = 1 + cell->subset};
    struct world *world = world_create(&config, seen.text, sizeof seen.text);
    if (world == NULL) {
        return seen;
    }
    world_run(world, &result);
    cell_look(world, &seen);
    world_destroy(world);
    seen.verdict = result.verdict;
    seen.hash = result.hash_word;
    memcpy(seen.text, result.text, sizeof seen.text);
    return seen;
}

/* ---- What must come out ---- */

static const uint64_t queue_feature[3] = {STATS, HINT, REPORT};

/* The index of queue 2 + n by a layout's rule, UINT16_MAX if it has none. */
static uint16_t index_by_rule(bnt_queue_layout layout, uint64_t offered, uint64_t negotiated,
                              uint32_t n)
{
    uint16_t next = 2;
    if ((negotiated & queue_feature[n]) == 0) {
        return UINT16_MAX;
    }
    if (layout == BNT_QUEUE_LAYOUT_FIXED) {
        return (uint16_t)(2 + n);
    }
    for (uint32_t before = 0; before < n; before++) {
        const uint64_t by = layout == BNT_QUEUE_LAYOUT_DENSE_OFFERED ? offered : negotiated;
        next = (uint16_t)(next + ((by & queue_feature[before]) != 0));
    }
    return next;
}

/* Whether what was seen is what must be; the first difference in `why`. */
static bool cell_right(const struct cell *cell, const struct seen *seen, char *why, size_t bytes)
{
    const uint64_t offered = cell->offer_all ? device_can : features_of(cell->subset);
    const bool probe = cell->driver == BNT_QUEUE_LAYOUT_DEFAULT;
    uint64_t used = seen->negotiated;
    if (seen->verdict != VERDICT_PASS) {
        (void)snprintf(why, bytes, "%.400s", seen->text);
        return false;
    }
    for (uint32_t n = 0; n < 3; n++) {
        const uint16_t there = index_by_rule(cell->device, offered, seen->negotiated, n);
        const uint16_t looked =
            probe ? there : index_by_rule(cell->driver, offered, seen->negotiated, n);
        used &= there == looked ? UINT64_MAX : ~queue_feature[n];
        const uint16_t expected = there == looked ? there : UINT16_MAX;
        if (seen->index[2 + n] != expected) {
            (void)snprintf(why, bytes, "queue role %u is used at %u, not at %u", (unsigned)(2 + n),
                           (unsigned)seen->index[2 + n], (unsigned)expected);
            return false;
        }
    }
    if (seen->used != used || (seen->stats > 1) != ((used & STATS) != 0)) {
        (void)snprintf(why, bytes,
                       "used are 0x%llx, not 0x%llx; %llu statistics and %llu bytes of reports",
                       (unsigned long long)seen->used, (unsigned long long)used,
                       (unsigned long long)seen->stats, (unsigned long long)seen->reported);
        return false;
    }
    return true;
}

/* ---- The tests ---- */

static const char *layout_name(bnt_queue_layout layout)
{
    return bnt_queue_layout_name((uint32_t)layout);
}

static struct cell cell_of(uint32_t subset, uint32_t number)
{
    return (struct cell){
        .subset = subset,
        .packed = number % RINGS != 0,
        .offer_all = number / RINGS % SIDES != 0,
        .device = (bnt_queue_layout)(BNT_QUEUE_LAYOUT_FIXED + number / (RINGS * SIDES) % LAYOUTS),
        .driver = (bnt_queue_layout)(number / (RINGS * SIDES * LAYOUTS) % POLICIES)};
}

static void device_ask(void)
{
    for (uint32_t bit = 0; bit < 6; bit++) {
        const struct bnt_host_config config = {.size = sizeof config,
                                               .features.offered = UINT64_C(1) << bit,
                                               .features.binding = BNT_BALLOON_BINDING_DEFAULT,
                                               .memory.pfns = 1024};
        size_t need = 0;
        device_can |= bnt_host_compute_footprint(&config, &need) == BNT_OK ? UINT64_C(1) << bit : 0;
    }
}

START_TEST(test_matching_layouts_use_all_and_others_degrade_by_name)
{
    struct arena *arena = arena_open(0xA5);
    struct scenario *scenario = load(arena);
    device_ask();
    for (uint32_t number = 0; number < RINGS * SIDES * LAYOUTS * POLICIES; number++) {
        const struct cell cell = cell_of((uint32_t)_i, number);
        const struct seen seen = cell_run(arena, scenario, &cell);
        char why[512] = "";
        if (!cell_right(&cell, &seen, why, sizeof why)) {
            ck_abort_msg("features 0x%x %s, %s ring, device %s, driver %s: %s", cell.subset,
                         cell.offer_all ? "wanted of all" : "offered of all",
                         cell.packed ? "packed" : "split", layout_name(cell.device),
                         layout_name(cell.driver), why);
        }
    }
    scenario_free(arena, scenario);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

START_TEST(test_what_the_matrix_asks_for_can_fail)
{
    struct arena *arena = arena_open(0xA5);
    struct scenario *scenario = load(arena);
    device_ask();
    /* Reports without hints: the fixed number is 4, QEMU's and Linux's is 3. */
    struct cell cell = {.subset = (uint32_t)(STATS | REPORT),
                        .device = BNT_QUEUE_LAYOUT_FIXED,
                        .driver = BNT_QUEUE_LAYOUT_FIXED};
    struct seen seen = cell_run(arena, scenario, &cell);
    char why[512] = "";
    ck_assert_msg(cell_right(&cell, &seen, why, sizeof why), "%s", why);
    struct seen wrong = seen;
    wrong.used &= ~STATS;
    ck_assert(!cell_right(&cell, &wrong, why, sizeof why));
    wrong = seen;
    wrong.stats = 1;
    ck_assert(!cell_right(&cell, &wrong, why, sizeof why));
    wrong = seen;
    wrong.index[BNT_BALLOON_QUEUE_STATS] = 3;
    ck_assert(!cell_right(&cell, &wrong, why, sizeof why));
    scenario->expects[0].expression.value++; /* a balloon that does not get there */
    seen = cell_run(arena, scenario, &cell);
    ck_assert(!cell_right(&cell, &seen, why, sizeof why));
    scenario_free(arena, scenario);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

START_TEST(test_matrix_is_the_same_every_time)
{
    struct arena *arena = arena_open((uint8_t)0x5A);
    struct scenario *scenario = load(arena);
    device_ask();
    const struct cell cell = cell_of(63, 17);
    const struct seen first = cell_run(arena, scenario, &cell);
    const struct seen second = cell_run(arena, scenario, &cell);
    ck_assert_uint_eq(first.hash, second.hash);
    scenario_free(arena, scenario);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("layout_matrix");
    TCase *tc = tcase_create("matrix");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_matching_layouts_use_all_and_others_degrade_by_name, 0, SUBSETS);
    tcase_add_test(tc, test_what_the_matrix_asks_for_can_fail);
    tcase_add_test(tc, test_matrix_is_the_same_every_time);
    suite_add_tcase(suite, tc);
    return suite;
}
