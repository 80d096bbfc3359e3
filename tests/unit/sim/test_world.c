/*
 * A world that cannot be made is taken apart without a trace, whichever of its parts failed; and
 * what a script's hostile acts write stays inside the DMA memory, whatever size the rings have.
 */
#include "sim/faults/faults.h"
#include "sim/run/run.h"
#include "sim/world/vm.h"

#include <check.h>

#include <stdio.h>
#include <string.h>

Suite *test_suite(void);

#define VMS 3u

static const char three[] = "schema: 1\n"
                            "title: three\n"
                            "vms:\n"
                            "  - {name: a, memory: 8MiB, kernel: 1MiB}\n"
                            "  - {name: b, memory: 8MiB, kernel: 1MiB}\n"
                            "  - {name: c, memory: 8MiB, kernel: 1MiB}\n"
                            "workloads:\n"
                            "  - {name: wa, vm: a, kind: constant, size: 1MiB}\n"
                            "  - {name: wb, vm: b, kind: constant, size: 1MiB}\n"
                            "  - {name: wc, vm: c, kind: constant, size: 1MiB}\n"
                            "phases:\n"
                            "  - {name: run, for: 1s}\n";

static struct scenario *load(struct arena *arena, const char *text)
{
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, "test.yaml", text, strlen(text), NULL, 0, &errors);
    ck_assert_msg(scenario != NULL, "%s", errors.count > 0 ? errors.messages[0] : "no message");
    scenario_free_errors(&errors);
    return scenario;
}

/* ---- Half-made worlds ---- */

/* What breaks a part of a VM, in the order in which the parts are made. */

static void break_driver_memory(struct scenario *scenario, uint32_t vm)
{
    scenario->vms[vm].driver.config.sizing.refused_pages_max = UINT32_MAX;
}

static void break_map(struct scenario *scenario, uint32_t vm)
{
    scenario->vms[vm].first_pfn = UINT64_C(1) << 51;
}

static void break_device(struct scenario *scenario, uint32_t vm)
{
    scenario->vms[vm].device.config.features.offered =
        BNT_F_VERSION_1 | UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES;
}

static void break_working_set(struct scenario *scenario, uint32_t vm)
{
    scenario->vms[vm].device.ws_interval_ns = 1000000;
    scenario->vms[vm].device.config.working_set.bins = 1;
}

static void break_player(struct scenario *scenario, uint32_t vm)
{
    (void)snprintf(scenario->vms[vm].recording, sizeof scenario->vms[vm].recording, "no.jsonl");
}

static void break_recording(struct scenario *scenario, uint32_t vm)
{
    (void)snprintf(scenario->vms[vm].recording, sizeof scenario->vms[vm].recording, "odd.jsonl");
}

static void break_guest_memory(struct scenario *scenario, uint32_t vm)
{
    scenario->vms[vm].kernel_bytes = scenario->vms[vm].memory_bytes * 2;
}

static void break_workload(struct scenario *scenario, uint32_t vm)
{
    scenario->workloads[vm].kind = WORKLOAD_RECORDED;
    (void)snprintf(scenario->workloads[vm].file, sizeof scenario->workloads[vm].file, "no.csv");
}

static void break_workload_file(struct scenario *scenario, uint32_t vm)
{
    scenario->workloads[vm].kind = WORKLOAD_RECORDED;
    (void)snprintf(scenario->workloads[vm].file, sizeof scenario->workloads[vm].file, "odd.jsonl");
}

static const struct {
    const char *part;
    void (*break_it)(struct scenario *scenario, uint32_t vm);
} broken[] = {
    {"the driver's DMA memory", break_driver_memory},
    {"the memory map", break_map},
    {"the device", break_device},
    {"the working-set reports", break_working_set},
    {"a recording that is not there", break_player},
    {"a recording that is none", break_recording},
    {"the guest's memory", break_guest_memory},
    {"a workload's recording that is not there", break_workload},
    {"a workload's recording that is none", break_workload_file},
};

enum {
    BROKEN_COUNT = sizeof broken / sizeof broken[0]
};

START_TEST(test_a_world_of_which_a_part_fails_leaves_nothing)
{
    static const char odd[] = "odd";
    const struct world_file files[] = {{"odd.jsonl", odd, sizeof odd - 1}};
    for (int oracles_off = 0; oracles_off < 2; oracles_off++) {
        for (uint32_t vm = 0; vm < VMS; vm++) {
            struct arena *arena = arena_open(0xA5);
            struct scenario *scenario = load(arena, three);
            const uint64_t before = arena_count_unfreed_bytes(arena);
            broken[_i].break_it(scenario, vm);
            char error[512] = "";
            const struct world_config config = {.arena = arena,
                                                .scenario = scenario,
                                                .seed = 1,
                                                .files = files,
                                                .file_count = 1,
                                                .oracles_off = oracles_off != 0,
                                                .clauses = true};
            ck_assert_msg(world_create(&config, error, sizeof error) == NULL,
                          "%s of VM %u: the world was made", broken[_i].part, vm);
            ck_assert_msg(error[0] != '\0', "%s of VM %u: no sentence", broken[_i].part, vm);
            ck_assert_msg(arena_count_unfreed_bytes(arena) == before, "%s of VM %u: memory is left",
                          broken[_i].part, vm);
            scenario_free(arena, scenario);
            ck_assert_uint_eq(arena_close(arena), 0);
        }
    }
}
END_TEST

/* ---- Hostile acts ---- */

#define GUARD_BYTES (2u << 20) /* more than a descriptor's index reaches */
#define DMA_BYTES   8192u
#define GUARD_FILL  0x6B

static uint8_t guarded[GUARD_BYTES + DMA_BYTES + GUARD_BYTES];

static bool guard_broken(void)
{
    for (size_t i = 0; i < sizeof guarded; i++) {
        const bool inside = i >= GUARD_BYTES && i < GUARD_BYTES + DMA_BYTES;
        if (!inside && guarded[i] != GUARD_FILL) {
            return true;
        }
    }
    return false;
}

/** Every queue with its rings at the end of the DMA memory. */
static void queues_place(struct vm *vm, uint16_t size)
{
    const uint64_t end = vm->dma_gpa + DMA_BYTES;
    for (uint32_t i = 0; i < WORLD_QUEUES; i++) {
        struct queue_place *queue = &vm->queues[i];
        *queue = (struct queue_place){.size = size};
        queue->desc_gpa = end - size * sizeof(struct bnt_vq_desc);
        queue->used_gpa = queue->desc_gpa - 4 - size * sizeof(struct bnt_vq_used_elem);
        queue->avail_gpa = queue->used_gpa - 4 - UINT64_C(2) * size;
    }
}

/** One request in the rings, all of the memory of one value otherwise. */
static void rings_fill(struct vm *vm, uint8_t fill)
{
    memset(guarded, GUARD_FILL, sizeof guarded);
    memset(vm->dma, fill, DMA_BYTES);
    const struct bnt_vq_desc desc = {
        bnt_cpu_to_le64(vm->dma_gpa + DMA_BYTES - 8), bnt_cpu_to_le32(64),
        bnt_cpu_to_le16(fill == 0 ? 0 : BNT_VQ_DESC_F_WRITE), bnt_cpu_to_le16(0)};
    for (uint32_t i = 0; i < WORLD_QUEUES && vm->queues[i].size > 0 && fill != 0xFF; i++) {
        memcpy(vm->dma + (vm->queues[i].desc_gpa - vm->dma_gpa), &desc, sizeof desc);
    }
}

static void act(struct vm *vm, corruption which)
{
    const struct scenario_action action = {
        .kind = ACTION_CORRUPT, .corruption = which, .secret = true, .count = 3};
    hostile_start_fault(vm, &action);
    for (int inflate = 0; inflate < 2; inflate++) {
        const struct bnt_guest_request request = {.inflate = inflate != 0};
        rings_corrupt_request(vm, &request);
    }
    for (uint16_t queue = 0; queue < WORLD_QUEUES; queue++) {
        (void)rings_corrupt_response(vm, queue);
        (void)rings_corrupt_statistics(vm, queue);
        rings_corrupt_report(vm, queue);
    }
}

START_TEST(test_hostile_acts_stay_inside_the_dma_memory)
{
    static const uint16_t sizes[] = {0, 1, 2, 3, 4, 64};
    static const uint8_t fills[] = {0, 1, 0xFF};
    const corruption which = (corruption)_i;
    for (size_t size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
        for (size_t fill = 0; fill < sizeof fills; fill++) {
            struct arena *arena = arena_open(0xA5);
            struct scenario *scenario = load(arena, three);
            char error[512];
            const struct world_config config = {.arena = arena, .scenario = scenario, .seed = 1};
            struct world *world = world_create(&config, error, sizeof error);
            ck_assert_ptr_nonnull(world);
            struct vm *vm = &world->vms[0];
            uint8_t *own = vm->dma;
            const size_t own_bytes = vm->dma_bytes;
            vm->dma = guarded + GUARD_BYTES;
            vm->dma_bytes = DMA_BYTES;
            queues_place(vm, sizes[size]);
            rings_fill(vm, fills[fill]);
            act(vm, which);
            ck_assert_msg(!guard_broken(), "corruption %d, a ring of %u, filled with %u", _i,
                          sizes[size], fills[fill]);
            vm->dma = own;
            vm->dma_bytes = own_bytes;
            world_destroy(world);
            scenario_free(arena, scenario);
            ck_assert_uint_eq(arena_close(arena), 0);
        }
    }
}
END_TEST

/* ---- Groups ---- */

#define PLAY(vm) "  - {at: 1s, vm: " vm ", do: target, balloon: 2MiB}\n"
#define FLEET_END                                \
    "swarm:\n  link.kick.latency: [0us, 50us]\n" \
    "phases:\n  - {name: run, for: 10s}\n"

static const char fleet[] =
    "schema: 1\ntitle: fleet\nvms:\n  - {name: web, count: 2, memory: 8MiB}\n"
    "  - {name: db, memory: 8MiB}\nscript:\n" PLAY("web") PLAY("db") FLEET_END;
static const char listed[] =
    "schema: 1\ntitle: listed\nvms:\n  - {name: a, memory: 8MiB}\n  - {name: b, memory: 8MiB}\n"
    "  - {name: db, memory: 8MiB}\nscript:\n" PLAY("a") PLAY("b") PLAY("db") FLEET_END;

/** Runs a scenario; `account`, of ACCOUNT_BYTES, receives what the run prints. */
#define ACCOUNT_BYTES 2048
static struct world_result play(const char *text, char *account)
{
    struct arena *arena = arena_open(0xA5);
    struct scenario *scenario = load(arena, text);
    char error[512];
    const struct world_config config = {.arena = arena, .scenario = scenario, .seed = 7};
    struct world *world = world_create(&config, error, sizeof error);
    ck_assert_ptr_nonnull(world);
    struct world_result result;
    world_run(world, &result);
    FILE *out = fmemopen(account, ACCOUNT_BYTES, "w");
    world_print_account(world, out);
    ck_assert_int_eq(fclose(out), 0);
    world_destroy(world);
    scenario_free(arena, scenario);
    ck_assert_uint_eq(arena_close(arena), 0);
    return result;
}

START_TEST(test_a_group_runs_like_its_vms_listed_one_by_one)
{
    char account[ACCOUNT_BYTES];
    const struct world_result group = play(fleet, account);
    ck_assert_int_eq(group.verdict, VERDICT_PASS);
    ck_assert_str_eq(account, "  web (2 VMs): asked for 4MiB, the balloons hold 4MiB, 2 reached; "
                              "inflated 4MiB, deflated 0\n"
                              "  db: asked for 2MiB, the balloon holds 2MiB, reached at 1s; "
                              "inflated 2MiB, deflated 0\n");
    const struct world_result single = play(listed, account);
    ck_assert_uint_eq(group.events, single.events);
    ck_assert_uint_eq(group.hash_word, single.hash_word);
}
END_TEST

START_TEST(test_the_account_of_a_group_adds_up_its_vms)
{
    static const char refusals[] =
        "schema: 1\ntitle: t\nvms:\n  - {name: web, count: 3, memory: 8MiB}\nscript:\n"
        "  - {at: 1s, vm: \"web[2]\", do: refuse, verdict: pinned, direction: inflate, count: 3}\n"
        "  - {at: 2s, vm: \"web[1]\", do: refuse, verdict: pinned, direction: inflate, count: 2}\n"
        "  - {at: 3s, do: target, balloon: 1MiB}\n"
        "  - {at: 5s, vm: \"web[1]\", do: reset}\n"
        "phases:\n  - {name: run, for: 10s}\n";
    char account[ACCOUNT_BYTES];
    ck_assert_int_eq(play(refusals, account).verdict, VERDICT_PASS);
    ck_assert_ptr_nonnull(strstr(account, "  web (3 VMs): 5 pages were refused: 5 pinned;"));
    ck_assert_ptr_nonnull(strstr(account, "  web (3 VMs): 5 of the refused pages were returned"));
    ck_assert_ptr_nonnull(strstr(account, "  web (3 VMs): 1 resets emptied 1MiB"));
}
END_TEST

START_TEST(test_a_broken_expectation_of_a_group_names_the_vm)
{
    static const struct {
        const char *expect;
        const char *message;
    } rows[] = {
        {"finally: web.balloon == 1MiB",
         "expected finally: web.balloon == 1MiB; it is 2MiB in web[1]"},
        {"never: web[1].balloon > 1MiB", "never: web[1].balloon > 1MiB; it is 2MiB"},
        {"always: db.balloon >= web.balloon", "db.balloon >= web.balloon; it is 1MiB in web[1]"},
        {"{eventually: web.balloon == 1MiB, from: 5s}",
         "eventually: web.balloon == 1MiB; it is 2MiB in web[1]"},
    };
    char text[1024];
    char account[ACCOUNT_BYTES];
    (void)snprintf(text, sizeof text,
                   "schema: 1\ntitle: t\nvms:\n  - {name: web, count: 3, memory: 8MiB}\n"
                   "  - {name: db, memory: 8MiB}\nscript:\n"
                   "  - {at: 1s, vm: db, do: target, balloon: 1MiB}\n"
                   "  - {at: 2s, vm: \"web[0]\", do: target, balloon: 1MiB}\n"
                   "  - {at: 2s, vm: \"web[1]\", do: target, balloon: 2MiB}\n"
                   "  - {at: 2s, vm: \"web[2]\", do: target, balloon: 1MiB}\n"
                   "phases:\n  - {name: run, for: 10s}\nexpect:\n  - %s\n",
                   rows[_i].expect);
    const struct world_result result = play(text, account);
    ck_assert_msg(strstr(result.text, rows[_i].message) != NULL, "%s", result.text);
    ck_assert_int_eq(result.verdict, _i == 3 ? VERDICT_LIVENESS : VERDICT_FAIL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("world");
    TCase *tcase = tcase_create("half-made");
    tcase_add_loop_test(tcase, test_a_world_of_which_a_part_fails_leaves_nothing, 0, BROKEN_COUNT);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("hostile");
    tcase_add_loop_test(tcase, test_hostile_acts_stay_inside_the_dma_memory, 0, CORRUPTION_COUNT);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("groups");
    tcase_add_test(tcase, test_a_group_runs_like_its_vms_listed_one_by_one);
    tcase_add_test(tcase, test_the_account_of_a_group_adds_up_its_vms);
    tcase_add_loop_test(tcase, test_a_broken_expectation_of_a_group_names_the_vm, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}
