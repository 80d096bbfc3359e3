/*
 * Workloads: what each shape wants at a time, that it gets it, what it pays when memory is scarce,
 * and the recording of a real machine, replayed.
 */
#include "sim/memory/workload_private.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define MIB  (UINT64_C(1) << 20)
#define PAGE UINT64_C(4096)
#define MS   UINT64_C(1000000)
#define S    (1000 * MS)

static struct arena *arena;
static struct engine *engine;
static struct gmem *gmem;
static char text[512];

static void nothing(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
}

static void create(uint64_t memory_bytes, uint64_t swap_bytes, uint64_t seed)
{
    const struct engine_config settings = {
        .arena = arena, .seed = seed, .events_max = 1, .time_max_ns = 1, .handle = nothing};
    engine = engine_create(&settings);
    const struct gmem_config config = {
        .arena = arena,
        .memory_bytes = memory_bytes,
        .swap_bytes = swap_bytes,
        .watermark_min_bytes = 1 * MIB,
    };
    gmem = gmem_create(&config, text, sizeof text);
    ck_assert_msg(gmem != NULL, "%s", text);
}

static void destroy(void)
{
    ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
    gmem_destroy(gmem);
    engine_destroy(engine);
}

static void setup(void)
{
    arena = arena_open(0x5A);
}

static void teardown(void)
{
    ck_assert_uint_eq(arena_close(arena), 0);
}

static struct scenario_workload spec_of(workload_kind kind, workload_use use)
{
    const struct scenario_workload spec = {
        .name = "app",
        .kind = kind,
        .use = use,
        .start_ns = 1 * S,
        .stop_ns = UINT64_MAX,
        .tick_ns = 100 * MS,
        .size_bytes = 4 * MIB,
        .to_bytes = 12 * MIB,
        .over_ns = 4 * S,
        .period_ns = 2 * S,
        .width_ns = 500 * MS,
        .step_bytes = 1 * MIB,
        .scale = {1, 1},
        .speed = {1, 1},
    };
    return spec;
}

static struct workload *make(const struct scenario_workload *spec,
                             const struct recording *recording)
{
    return workload_create(arena, engine, gmem, spec, recording);
}

static struct workload_info info_of(const struct workload *workload)
{
    struct workload_info info;
    workload_get_info(workload, &info);
    return info;
}

/* ---- Arithmetic and shapes ---- */

START_TEST(test_scaling_is_exact_beyond_64_bits)
{
    ck_assert_uint_eq(workload_multiply_divide(7, 3, 2), 10);
    ck_assert_uint_eq(workload_multiply_divide(0, UINT64_MAX, 5), 0);
    ck_assert_uint_eq(workload_multiply_divide(UINT64_MAX, 1, 1), UINT64_MAX);
    ck_assert_uint_eq(workload_multiply_divide(UINT64_MAX, INT64_MAX, INT64_MAX), UINT64_MAX);
    ck_assert_uint_eq(
        workload_multiply_divide(UINT64_C(1) << 44, UINT64_C(1) << 40, UINT64_C(1) << 41),
        UINT64_C(1) << 43);
    ck_assert_uint_eq(workload_multiply_divide(1000000007, 998244353, 1000000006), 998244353);
}
END_TEST

START_TEST(test_each_shape_wants_what_its_figures_say)
{
    static const struct {
        workload_kind kind;
        uint64_t at_ms;
        uint64_t kib;
    } rows[] = {
        {WORKLOAD_CONSTANT, 999, 0},     {WORKLOAD_CONSTANT, 1000, 4096},
        {WORKLOAD_CONSTANT, 8999, 4096}, {WORKLOAD_CONSTANT, 9000, 0},
        {WORKLOAD_RAMP, 1000, 4096},     {WORKLOAD_RAMP, 2000, 6144},
        {WORKLOAD_RAMP, 4999, 12285},    {WORKLOAD_RAMP, 5000, 12288},
        {WORKLOAD_RAMP, 8000, 12288},    {WORKLOAD_BURST, 1000, 12288},
        {WORKLOAD_BURST, 1499, 12288},   {WORKLOAD_BURST, 1500, 4096},
        {WORKLOAD_BURST, 3000, 12288},   {WORKLOAD_SAWTOOTH, 1000, 4096},
        {WORKLOAD_SAWTOOTH, 2000, 8192}, {WORKLOAD_SAWTOOTH, 2999, 12283},
        {WORKLOAD_SAWTOOTH, 3000, 4096}, {WORKLOAD_RANDOM_WALK, 5000, 4096},
    };
    struct workload_want want;
    create(64 * MIB, 0, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scenario_workload spec = spec_of(rows[i].kind, USE_ANON);
        spec.stop_ns = 9 * S;
        struct workload *workload = make(&spec, NULL);
        workload_compute_wanted_sizes(workload, rows[i].at_ms * MS, &want);
        ck_assert_msg(want.anon_bytes / 1024 == rows[i].kib, "row %zu: %llu KiB", i,
                      (unsigned long long)want.anon_bytes / 1024);
        ck_assert_uint_eq(want.slab_bytes + want.cache_bytes + want.dirty_bytes, 0);
        workload_destroy(workload);
    }
    destroy();
}
END_TEST

START_TEST(test_a_ramp_may_go_down)
{
    struct workload_want want;
    struct scenario_workload spec = spec_of(WORKLOAD_RAMP, USE_SLAB);
    spec.size_bytes = 12 * MIB;
    spec.to_bytes = 4 * MIB;
    create(64 * MIB, 0, 1);
    struct workload *workload = make(&spec, NULL);
    workload_compute_wanted_sizes(workload, 3 * S, &want);
    ck_assert_uint_eq(want.slab_bytes, 8 * MIB);
    workload_destroy(workload);
    destroy();
}
END_TEST

static void walk(uint64_t seed, uint64_t *sizes, uint32_t count)
{
    const struct scenario_workload spec = spec_of(WORKLOAD_RANDOM_WALK, USE_ANON);
    struct workload_tick tick = {.next_ns = 1 * S};
    create(64 * MIB, 0, seed);
    struct workload *workload = make(&spec, NULL);
    for (uint32_t i = 0; i < count; i++) {
        workload_run_tick(workload, tick.next_ns, &tick);
        sizes[i] = info_of(workload).demand_bytes;
    }
    workload_destroy(workload);
    destroy();
}

START_TEST(test_random_walk_follows_its_seed_within_its_bounds)
{
    uint64_t first[300];
    uint64_t again[300];
    uint64_t other[300];
    uint64_t lowest = UINT64_MAX;
    uint64_t highest = 0;
    walk(7, first, 300);
    walk(7, again, 300);
    walk(8, other, 300);
    ck_assert_mem_eq(first, again, sizeof first);
    ck_assert_mem_ne(first, other, sizeof first);
    ck_assert_uint_eq(first[0], 4 * MIB);
    for (uint32_t i = 0; i < 300; i++) {
        lowest = first[i] < lowest ? first[i] : lowest;
        highest = first[i] > highest ? first[i] : highest;
        const uint64_t before = first[i > 0 ? i - 1 : 0];
        ck_assert_uint_le(first[i] > before ? first[i] - before : before - first[i], MIB + PAGE);
    }
    ck_assert_uint_ge(lowest, 4 * MIB);
    ck_assert_uint_le(highest, 12 * MIB);
    ck_assert_uint_gt(highest, 6 * MIB);
}
END_TEST

/* ---- Getting it ---- */

START_TEST(test_a_tick_has_what_is_wanted_and_gives_back_what_is_not)
{
    static const workload_kind kinds[] = {WORKLOAD_CONSTANT, WORKLOAD_RAMP, WORKLOAD_BURST,
                                          WORKLOAD_SAWTOOTH, WORKLOAD_RANDOM_WALK};
    struct scenario_workload spec = spec_of(kinds[_i], USE_ANON);
    struct workload_tick tick = {.next_ns = 0};
    struct workload_want want;
    spec.stop_ns = 7 * S + 1;
    create(64 * MIB, 0, 1);
    struct workload *workload = make(&spec, NULL);
    workload_run_tick(workload, 0, &tick);
    ck_assert_uint_eq(tick.next_ns, 1 * S);
    while (tick.next_ns < spec.stop_ns) {
        const uint64_t now_ns = tick.next_ns;
        workload_run_tick(workload, now_ns, &tick);
        ck_assert_uint_gt(tick.next_ns, now_ns);
        workload_compute_wanted_sizes(workload, now_ns, &want);
        const uint64_t pages = gmem_count_pages_in_use(gmem, PAGE_USE_ANON);
        ck_assert_uint_eq(pages, (want.anon_bytes + PAGE - 1) / PAGE);
        ck_assert(!tick.out_of_memory);
    }
    ck_assert_uint_eq(tick.next_ns, spec.stop_ns);
    workload_run_tick(workload, tick.next_ns, &tick);
    ck_assert_uint_eq(tick.next_ns, WORKLOAD_NEVER);
    ck_assert_uint_eq(gmem_count_pages_in_use(gmem, PAGE_USE_ANON), 0);
    ck_assert_uint_eq(info_of(workload).stalled_ns, 0);
    workload_destroy(workload);
    destroy();
}
END_TEST

START_TEST(test_cache_gives_way_and_pays_to_come_back)
{
    struct scenario_workload files = spec_of(WORKLOAD_CONSTANT, USE_CACHE);
    struct scenario_workload app = spec_of(WORKLOAD_CONSTANT, USE_ANON);
    struct workload_tick tick;
    struct gmem_counters counters;
    files.size_bytes = 40 * MIB;
    app.size_bytes = 40 * MIB;
    app.stop_ns = 3 * S;
    create(64 * MIB, 0, 1);
    struct workload *cache = make(&files, NULL);
    struct workload *anon = make(&app, NULL);
    workload_run_tick(cache, 1 * S, &tick);
    ck_assert_uint_eq(info_of(cache).cache_bytes, 40 * MIB);
    ck_assert_uint_eq(gmem_count_pages_in_use(gmem, PAGE_USE_CACHE_DIRTY), 40 * MIB / PAGE / 16);
    ck_assert_uint_eq(tick.next_ns, 1100 * MS);
    workload_run_tick(anon, 1 * S, &tick);
    ck_assert(!tick.out_of_memory);
    ck_assert_uint_eq(info_of(anon).unmet_bytes, 0);
    ck_assert_uint_gt(info_of(anon).stalled_ns, 0);
    ck_assert_uint_eq(info_of(cache).cache_bytes, 23 * MIB);
    gmem_get_counters(gmem, &counters);
    ck_assert_uint_eq(counters.reclaimed_bytes, 17 * MIB);
    ck_assert_uint_eq(counters.refaults, 0);
    workload_run_tick(cache, 1100 * MS, &tick);
    gmem_get_counters(gmem, &counters);
    ck_assert_uint_eq(counters.refaults, 10240 / 16 * 17 / 40);
    ck_assert_uint_gt(tick.next_ns, 1200 * MS); /* later, by what it waited */
    ck_assert_uint_eq(info_of(cache).stalled_ns, tick.next_ns - 1200 * MS);
    ck_assert_uint_eq(info_of(cache).demand_bytes, 0);
    ck_assert_uint_eq(info_of(cache).cache_bytes / PAGE +
                          gmem_cache_count_dropped_pages(gmem, info_of(cache).group),
                      10240);
    workload_run_tick(anon, 3 * S, &tick);
    for (uint32_t i = 0; i < 200; i++) {
        workload_run_tick(cache, 3 * S + i * 100 * MS, &tick);
    }
    ck_assert_uint_eq(info_of(cache).cache_bytes, 40 * MIB);
    workload_destroy(cache);
    workload_destroy(anon);
    destroy();
}
END_TEST

START_TEST(test_cache_that_is_not_wanted_any_more_does_not_come_back)
{
    struct scenario_workload files = spec_of(WORKLOAD_RAMP, USE_CACHE);
    struct workload_tick tick;
    files.size_bytes = 40 * MIB;
    files.to_bytes = 4 * MIB;
    create(64 * MIB, 0, 1);
    const uint32_t hog = gmem_create_group(gmem);
    struct workload *cache = make(&files, NULL);
    workload_run_tick(cache, 1 * S, &tick);
    (void)gmem_alloc_group_pages(gmem, hog, PAGE_USE_ANON, 40 * MIB / PAGE);
    ck_assert_uint_gt(gmem_cache_count_dropped_pages(gmem, info_of(cache).group), 0);
    workload_run_tick(cache, 5 * S, &tick);
    ck_assert_uint_eq(info_of(cache).cache_bytes, 4 * MIB);
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, info_of(cache).group), 0);
    workload_destroy(cache);
    destroy();
}
END_TEST

START_TEST(test_a_repeated_tick_takes_no_second_step)
{
    const struct scenario_workload spec = spec_of(WORKLOAD_RANDOM_WALK, USE_ANON);
    struct workload_tick tick;
    create(64 * MIB, 0, 7);
    struct workload *workload = make(&spec, NULL);
    workload_run_tick(workload, 1 * S, &tick);
    const uint64_t due_ns = tick.next_ns;
    workload_run_tick(workload, 1 * S + MS, &tick);
    ck_assert_uint_eq(info_of(workload).demand_bytes, 4 * MIB);
    ck_assert_uint_ge(tick.next_ns, due_ns);
    workload_destroy(workload);
    destroy();
}
END_TEST

START_TEST(test_swapped_memory_counts_as_present_and_is_paid_for)
{
    struct scenario_workload app = spec_of(WORKLOAD_CONSTANT, USE_ANON);
    struct workload_tick tick;
    app.size_bytes = 80 * MIB;
    create(64 * MIB, 32 * MIB, 1);
    struct workload *workload = make(&app, NULL);
    workload_run_tick(workload, 1 * S, &tick);
    ck_assert(!tick.out_of_memory);
    const struct workload_info first = info_of(workload);
    ck_assert_uint_eq(first.unmet_bytes, 0);
    ck_assert_uint_eq(first.present_bytes, 80 * MIB);
    ck_assert_uint_gt(gmem_count_group_swapped_pages(gmem, first.group), 17 * MIB / PAGE - 1);
    workload_run_tick(workload, tick.next_ns, &tick);
    struct gmem_counters counters;
    gmem_get_counters(gmem, &counters);
    ck_assert_uint_gt(counters.swapped_in_bytes, 0);
    ck_assert_uint_gt(info_of(workload).stalled_ns, first.stalled_ns);
    workload_destroy(workload);
    destroy();
}
END_TEST

START_TEST(test_out_of_memory_is_told_and_the_wait_counted)
{
    struct scenario_workload app = spec_of(WORKLOAD_CONSTANT, USE_ANON);
    struct workload_tick tick;
    uint64_t pages[256];
    app.size_bytes = 62 * MIB;
    create(64 * MIB, 0, 1);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 256), 256);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 256), 256);
    struct workload *workload = make(&app, NULL);
    workload_run_tick(workload, 1 * S, &tick);
    ck_assert(tick.out_of_memory);
    ck_assert_uint_eq(tick.missing_bytes, 1 * MIB);
    ck_assert_uint_eq(info_of(workload).unmet_bytes, 1 * MIB);
    gmem_balloon_free_pages(gmem, pages, 256);
    workload_run_tick(workload, 1 * S + 7 * MS, &tick);
    ck_assert(!tick.out_of_memory);
    ck_assert_uint_eq(info_of(workload).unmet_bytes, 0);
    ck_assert_uint_eq(info_of(workload).stalled_ns, 7 * MS);
    workload_destroy(workload);
    destroy();
}
END_TEST

START_TEST(test_a_killed_workload_stays_dead)
{
    struct scenario_workload app = spec_of(WORKLOAD_CONSTANT, USE_ANON);
    struct workload_tick tick;
    app.size_bytes = 100 * MIB;
    create(64 * MIB, 0, 1);
    struct workload *workload = make(&app, NULL);
    workload_run_tick(workload, 1 * S, &tick);
    ck_assert(tick.out_of_memory);
    ck_assert_uint_eq(gmem_oom_kill_group(gmem), info_of(workload).group);
    ck_assert(info_of(workload).killed);
    ck_assert_uint_eq(info_of(workload).demand_bytes, 0);
    ck_assert_uint_eq(info_of(workload).unmet_bytes, 0);
    workload_run_tick(workload, 2 * S, &tick);
    ck_assert(!tick.out_of_memory);
    ck_assert_uint_eq(tick.next_ns, WORKLOAD_NEVER);
    ck_assert_uint_eq(gmem_count_pages_in_use(gmem, PAGE_USE_FREE), gmem_count_pages(gmem));
    workload_destroy(workload);
    destroy();
}
END_TEST

START_TEST(test_stopping_frees_everything)
{
    struct scenario_workload app = spec_of(WORKLOAD_CONSTANT, USE_SLAB);
    struct workload_tick tick;
    create(64 * MIB, 0, 1);
    struct workload *workload = make(&app, NULL);
    workload_run_tick(workload, 1 * S, &tick);
    ck_assert_uint_eq(gmem_count_pages_in_use(gmem, PAGE_USE_SLAB), 4 * MIB / PAGE);
    workload_stop(workload);
    ck_assert_uint_eq(gmem_count_pages_in_use(gmem, PAGE_USE_FREE), gmem_count_pages(gmem));
    workload_run_tick(workload, 2 * S, &tick);
    ck_assert_uint_eq(tick.next_ns, WORKLOAD_NEVER);
    workload_destroy(workload);
    destroy();
}
END_TEST

/* ---- The recorded machine ---- */

/** Reads the recording that the project ships. */
static struct recording *kernel_build(void)
{
    static const char path[] = "scenarios/data/linux-kernel-build-memory.csv";
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: tests run at the root of the project", path);
    static char bytes[1 << 20];
    const size_t length = fread(bytes, 1, sizeof bytes, file);
    ck_assert_int_eq(fclose(file), 0);
    struct recording *recording = recording_parse(arena, path, bytes, length, text, sizeof text);
    ck_assert_msg(recording != NULL, "%s", text);
    return recording;
}

START_TEST(test_a_real_machine_is_reproduced_within_a_page)
{
    struct recording *recording = kernel_build();
    struct scenario_workload spec = spec_of(WORKLOAD_RECORDED, USE_ANON);
    struct workload_tick tick;
    spec.start_ns = 0;
    create(4096 * MIB, 0, 1);
    struct workload *workload = make(&spec, recording);
    ck_assert_uint_eq(recording->row_count, 2431);
    for (uint32_t i = 0; i < recording->row_count; i++) {
        const struct recording_row *row = &recording->rows[i];
        workload_run_tick(workload, row->time_ms * MS, &tick);
        ck_assert(!tick.out_of_memory);
        const uint64_t anon = gmem_count_pages_in_use(gmem, PAGE_USE_ANON) * 4;
        const uint64_t slab = gmem_count_pages_in_use(gmem, PAGE_USE_SLAB) * 4;
        const uint64_t dirty = gmem_count_pages_in_use(gmem, PAGE_USE_CACHE_DIRTY) * 4;
        const uint64_t cache = dirty + gmem_count_pages_in_use(gmem, PAGE_USE_CACHE_CLEAN) * 4;
        ck_assert(anon >= row->anon_kib && anon - row->anon_kib < 4);
        ck_assert(slab >= row->slab_kib && slab - row->slab_kib < 4);
        ck_assert(cache >= row->cache_kib && cache - row->cache_kib < 4);
        ck_assert(dirty >= row->dirty_kib && dirty - row->dirty_kib < 4);
    }
    ck_assert_uint_eq(info_of(workload).stalled_ns, 0);
    workload_destroy(workload);
    destroy();
    recording_free(recording);
}
END_TEST

START_TEST(test_scale_and_speed_are_ratios)
{
    struct recording *recording = kernel_build();
    struct scenario_workload spec = spec_of(WORKLOAD_RECORDED, USE_ANON);
    struct workload_want want;
    spec.scale = (struct ratio){3, 8};
    spec.speed = (struct ratio){10, 1};
    create(64 * MIB, 0, 1);
    struct workload *workload = make(&spec, recording);
    workload_compute_wanted_sizes(workload, 1 * S + 5 * S, &want);
    const struct recording_row *row = recording_find_row(recording, 50000);
    ck_assert_uint_eq(row->time_ms, 50000);
    ck_assert_uint_eq(want.anon_bytes, row->anon_kib * 1024 * 3 / 8);
    ck_assert_uint_eq(want.cache_bytes, row->cache_kib * 1024 * 3 / 8);
    workload_destroy(workload);
    destroy();
    recording_free(recording);
}
END_TEST

START_TEST(test_a_kernel_build_in_too_small_a_guest_reads_its_files_again)
{
    struct recording *recording = kernel_build();
    struct scenario_workload spec = spec_of(WORKLOAD_RECORDED, USE_ANON);
    struct workload_tick tick = {.next_ns = 0};
    struct gmem_counters counters;
    spec.start_ns = 0;
    spec.scale = (struct ratio){1, 8};
    create(160 * MIB, 128 * MIB, 1);
    struct workload *workload = make(&spec, recording);
    while (tick.next_ns < 240 * S) {
        workload_run_tick(workload, tick.next_ns, &tick);
        ck_assert(!tick.out_of_memory);
        while (gmem_is_reclaim_wanted(gmem)) {
            (void)gmem_run_background_reclaim(gmem, 32);
        }
    }
    gmem_get_counters(gmem, &counters);
    ck_assert_uint_gt(counters.reclaimed_bytes, 0);
    ck_assert_uint_gt(counters.refaults, 0);
    ck_assert_uint_gt(info_of(workload).stalled_ns, 0);
    workload_destroy(workload);
    destroy();
    recording_free(recording);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("workload");
    TCase *tcase = tcase_create("workload");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_scaling_is_exact_beyond_64_bits);
    tcase_add_test(tcase, test_each_shape_wants_what_its_figures_say);
    tcase_add_test(tcase, test_a_ramp_may_go_down);
    tcase_add_test(tcase, test_random_walk_follows_its_seed_within_its_bounds);
    tcase_add_loop_test(tcase, test_a_tick_has_what_is_wanted_and_gives_back_what_is_not, 0, 5);
    tcase_add_test(tcase, test_cache_gives_way_and_pays_to_come_back);
    tcase_add_test(tcase, test_cache_that_is_not_wanted_any_more_does_not_come_back);
    tcase_add_test(tcase, test_a_repeated_tick_takes_no_second_step);
    tcase_add_test(tcase, test_swapped_memory_counts_as_present_and_is_paid_for);
    tcase_add_test(tcase, test_out_of_memory_is_told_and_the_wait_counted);
    tcase_add_test(tcase, test_a_killed_workload_stays_dead);
    tcase_add_test(tcase, test_stopping_frees_everything);
    tcase_add_test(tcase, test_a_real_machine_is_reproduced_within_a_page);
    tcase_add_test(tcase, test_scale_and_speed_are_ratios);
    tcase_add_test(tcase, test_a_kernel_build_in_too_small_a_guest_reads_its_files_again);
    suite_add_tcase(suite, tcase);
    return suite;
}
