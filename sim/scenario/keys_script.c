/*
 * The keys of workloads, script, swarm, phases and expect.
 *
 * Actions and workloads have kinds: `kinds` says which kinds can have a key, and `required` which
 * kinds must have it. If a kind cannot have a key, the key is an error, and the message names the
 * kind.
 */
#include "sim/scenario/keys.h"

#include <ballonet/guest.h>
#include <ballonet/vmware.h>

#define MIB(n)              ((uint64_t)(n) << 20)
#define TIB(n)              ((uint64_t)(n) << 40)
#define SECONDS(n)          ((uint64_t)(n)*UINT64_C(1000000000))
#define TIME_MAX            SECONDS(31536000)
#define FIELD(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)
#define BIT(n)              (UINT64_C(1) << (n))

/* clang-format off */
const struct choice outcome_choices[] = {
#define X(name, text, meaning) {text, BNT_OUTCOME_##name, meaning},
    BNT_OUTCOME_MAP(X)
#undef X
    {NULL, 0, NULL}};

const struct choice guest_event_choices[] = {
#define X(name, text, meaning) {text, BNT_GUEST_EVENT_##name, meaning},
    BNT_GUEST_EVENT_MAP(X)
#undef X
    {NULL, 0, NULL}};

const struct choice host_event_choices[] = {
#define X(name, text, meaning) {text, BNT_HOST_EVENT_##name, meaning},
    BNT_HOST_EVENT_MAP(X)
#undef X
    {NULL, 0, NULL}};

const struct choice world_event_choices[] = {
#define X(name, text, meaning) {text, WORLD_TRIGGER_##name, meaning},
    WORLD_TRIGGER_MAP(X)
#undef X
    {NULL, 0, NULL}};

const struct choice corruption_choices[] = {
#define X(name, text, who, meaning) {text, CORRUPT_##name, meaning},
    CORRUPTION_MAP(X)
#undef X
    {NULL, 0, NULL}};

const struct choice guest_state_choices[] = {
#define X(name, text, meaning) {text, BNT_GUEST_##name, meaning},
    BNT_GUEST_STATE_MAP(X)
#undef X
    {NULL, 0, NULL}};

const struct choice bool_choices[] = {{"false", false, ""}, {"true", true, ""}, {NULL, 0, NULL}};

static const struct choice use_choices[] = {
    {"anon", USE_ANON, "anonymous memory"},
    {"cache", USE_CACHE, "page cache"},
    {"slab", USE_SLAB, "slab and page tables"},
    {NULL, 0, NULL}};

static const struct choice workload_kinds[] = {
    {"constant", WORKLOAD_CONSTANT, "uses `size` all the time"},
    {"ramp", WORKLOAD_RAMP, "grows or shrinks from `size` to `to` in the time `over`"},
    {"burst", WORKLOAD_BURST, "uses `size`, and every `period` uses `to` for the time `width`"},
    {"sawtooth", WORKLOAD_SAWTOOTH, "goes from `size` to `to` in each `period`, then at once back"},
    {"random-walk", WORKLOAD_RANDOM_WALK, "moves between `size` and `to` in steps of at most `step`"},
    {"recorded", WORKLOAD_RECORDED, "replays a CSV that was recorded on a real machine"},
    {NULL, 0, NULL}};

#define W(member) FIELD(struct scenario_workload, member)
#define SYNTHETIC (BIT(WORKLOAD_RECORDED) - 1)
#define BETWEEN (BIT(WORKLOAD_RAMP) | BIT(WORKLOAD_BURST) | BIT(WORKLOAD_SAWTOOTH) | BIT(WORKLOAD_RANDOM_WALK))
#define PERIODIC (BIT(WORKLOAD_BURST) | BIT(WORKLOAD_SAWTOOTH))
static const struct key_row workload_rows[] = {
    {"name", KEY_NAME, W(name), .fallback = "(workload0, workload1, ...)", .draw = {.reason = "workload0, workload1, ...: the default"}, .doc = "name in messages and reports"},
    {"vm", KEY_VM, W(vm), .more = offsetof(struct scenario_workload, member), .fallback = "(the only VM)",
     .doc = "the VM in which the workload runs; a group: one workload for each of its VMs"},
    {"kind", KEY_CHOICE, W(kind), .choices = workload_kinds, .flags = KEY_REQUIRED, .doc = "how its demand changes over time"},
    {"use", KEY_CHOICE, W(use), .choices = use_choices, .fallback = "anon", .kinds = SYNTHETIC,
     .doc = "kind of memory that the workload uses"},
    {"start", KEY_TIME, W(start_ns), 0, TIME_MAX, .fallback = "0", .draw = {.bound = DRAW_RUN}, .doc = "time at which the workload begins"},
    {"stop", KEY_TIME, W(stop_ns), 1, TIME_MAX, .fallback = "(never)", .flags = KEY_ABSENT_MAX,
     .draw = {.share = 1000, .bound = DRAW_RUN}, .doc = "time at which the workload ends and frees its memory"},
    {"tick", KEY_TIME, W(tick_ns), 1000, SECONDS(3600), .fallback = "10ms", .draw = {.low = 1000000, .high = 500000000}, .doc = "time between two adjustments of its memory"},
    {"size", KEY_SIZE, W(size_bytes), 0, TIB(16), .fallback = "0", .kinds = SYNTHETIC, .required = BIT(WORKLOAD_CONSTANT),
     .draw = {.bound = DRAW_MEMORY}, .doc = "memory that the workload uses at first"},
    {"to", KEY_SIZE, W(to_bytes), 0, TIB(16), .kinds = BETWEEN, .required = BETWEEN, .draw = {.bound = DRAW_MEMORY}, .doc = "memory that the workload uses at its other end"},
    {"over", KEY_TIME, W(over_ns), 1, TIME_MAX, .kinds = BIT(WORKLOAD_RAMP), .required = BIT(WORKLOAD_RAMP),
     .draw = {.low = 1000000, .high = SECONDS(10)}, .doc = "time from `size` to `to`"},
    {"period", KEY_TIME, W(period_ns), 1, TIME_MAX, .kinds = PERIODIC, .required = PERIODIC,
     .draw = {.low = 1000000, .high = SECONDS(10)}, .doc = "time from one repetition to the next"},
    {"width", KEY_TIME, W(width_ns), 1, TIME_MAX, .kinds = BIT(WORKLOAD_BURST), .required = BIT(WORKLOAD_BURST),
     .draw = {.low = 1000000, .high = SECONDS(10)}, .doc = "length of a burst, less than `period`"},
    {"step", KEY_SIZE, W(step_bytes), 1, TIB(16), .kinds = BIT(WORKLOAD_RANDOM_WALK), .required = BIT(WORKLOAD_RANDOM_WALK),
     .draw = {.bound = DRAW_MEMORY}, .doc = "largest change in one tick"},
    {"file", KEY_FILE, W(file), .kinds = BIT(WORKLOAD_RECORDED), .required = BIT(WORKLOAD_RECORDED),
     .draw = {.reason = "a file from outside"}, .doc = "the recorded CSV, relative to this file"},
    {"scale", KEY_RATIO, W(scale), 1, 1000, .fallback = "1", .kinds = BIT(WORKLOAD_RECORDED), .draw = {.reason = "a file from outside"}, .doc = "factor for the recorded sizes"},
    {"speed", KEY_RATIO, W(speed), 1, 1000, .fallback = "1", .kinds = BIT(WORKLOAD_RECORDED),
     .draw = {.reason = "a file from outside"}, .doc = "factor for the speed: 2 replays twice as fast"},
    {.name = NULL}};
const struct key_table workload_keys = {
    .title = "a workload", .section = "workloads[]", .rows = workload_rows, .size = sizeof(struct scenario_workload),
    .place = offsetof(struct scenario_workload, place), .items_max = SCENARIO_ITEMS_MAX, .kind_key = "kind",
    .kind_offset = offsetof(struct scenario_workload, kind), .kinds = workload_kinds};

static const struct choice action_kinds[] = {
    {"target", ACTION_TARGET, "the host sets a target"},
    {"reset", ACTION_RESET, "the host resets the balloon"},
    {"refuse", ACTION_REFUSE, "the host refuses pages from now on"},
    {"clear-refusals", ACTION_REFUSE_CLEAR, "the host stops refusing pages"},
    {"stall", ACTION_STALL, "driver or device does nothing for a while"},
    {"drop", ACTION_DROP, "the next notifications are lost"},
    {"duplicate", ACTION_DUPLICATE, "the next notifications come twice"},
    {"delay", ACTION_DELAY, "the next notifications come later"},
    {"reorder", ACTION_REORDER, "the next two notifications are delivered in the opposite order"},
    {"oom", ACTION_OOM, "the guest's kernel asks the balloon for memory"},
    {"pressure", ACTION_PRESSURE, "a workload demands memory for a while"},
    {"working-set", ACTION_WORKING_SET, "the host asks for a working-set report"},
    {"stats", ACTION_STATS, "the host asks for statistics"},
    {"detach", ACTION_DETACH, "the guest unloads the driver"},
    {"deflate-all", ACTION_DEFLATE_ALL, "the driver empties its balloon and stays at 0 whatever the target is"},
    {"follow-target", ACTION_FOLLOW_TARGET, "the driver follows the target again"},
    {"attach", ACTION_ATTACH, "the guest loads the driver again"},
    {"hint", ACTION_HINT, "the host starts, stops or ends free page hinting"},
    {"restore-device", ACTION_RESTORE_DEVICE, "the device is saved and loaded into another instance"},
    {"unplug", ACTION_UNPLUG, "the device is removed without warning, and the guest hears of the removal a moment later"},
    {"plug", ACTION_PLUG, "another device is plugged in where the device was removed"},
    {"hibernate", ACTION_HIBERNATE, "the guest hibernates: the driver freezes, the machine is off, the guest wakes with a new device"},
    {"kexec", ACTION_KEXEC, "a new kernel takes the place of the running one, and the old driver does not detach"},
    {"compact", ACTION_COMPACT, "memory compaction moves ballooned pages to other places"},
    {"hot-add", ACTION_HOT_ADD, "memory is added to the guest"},
    {"migrate", ACTION_MIGRATE, "the VM migrates to the other host, or back, by precopy"},
    {"migrate-cancel", ACTION_MIGRATE_CANCEL, "a migration ends before its switch-over: cancelled, or failed"},
    {"inhibit-discard", ACTION_INHIBIT_DISCARD, "the host must not discard memory for a while, as in a migration or with an assigned device"},
    {"corrupt", ACTION_CORRUPT, "driver or device breaks a rule"},
    {"refuse-call", ACTION_REFUSE_CALL, "the host answers calls of VMware's wire with a status and does nothing else; the status `success` makes it a hostile host"},
    {"touch", ACTION_TOUCH, "the guest uses a page that is in the balloon, as after a crash (VMware's wire)"},
    {"queue-reset", ACTION_QUEUE_RESET, "the driver resets one queue"},
    {"device-reset", ACTION_DEVICE_RESET, "somebody other than the driver resets the device, and no notification tells the driver"},
    {"suspend", ACTION_SUSPEND, "the driver suspends the device"},
    {"resume", ACTION_RESUME, "the driver wakes the device"},
    {NULL, 0, NULL}};

const struct action_trait action_traits[] = {
    {.kind = ACTION_TARGET, .weight = 60},
    {.kind = ACTION_COMPACT, .guests = true, .weight = 14},
    {.kind = ACTION_OOM, .guests = true, .weight = 6},
    {.kind = ACTION_PRESSURE, .guests = true, .weight = 6},
    {.kind = ACTION_RESET, .weight = 6},
    {.kind = ACTION_REFUSE, .lasts = true, .undone_by = ACTION_REFUSE_CLEAR, .weight = 6},
    {.kind = ACTION_STALL, .fault = true, .weight = 4},
    {.kind = ACTION_DROP, .fault = true, .weight = 3},
    {.kind = ACTION_DUPLICATE, .fault = true, .weight = 3},
    {.kind = ACTION_DELAY, .fault = true, .weight = 3},
    {.kind = ACTION_REORDER, .fault = true, .weight = 3},
    {.kind = ACTION_DETACH, .lasts = true, .undone_by = ACTION_ATTACH, .guests = true, .weight = 4},
    {.kind = ACTION_DEFLATE_ALL, .lasts = true, .undone_by = ACTION_FOLLOW_TARGET, .guests = true, .weight = 3},
    {.kind = ACTION_UNPLUG, .lasts = true, .undone_by = ACTION_PLUG, .weight = 2},
    {.kind = ACTION_SUSPEND, .lasts = true, .undone_by = ACTION_RESUME, .guests = true, .weight = 4},
    {.kind = ACTION_MIGRATE, .lasts = true, .undone_by = ACTION_MIGRATE_CANCEL, .weight = 3},
    {.kind = ACTION_HIBERNATE, .guests = true, .weight = 2},
    {.kind = ACTION_KEXEC, .guests = true, .weight = 2},
    {.kind = ACTION_ATTACH, .guests = true, .weight = 4},
    {.kind = ACTION_FOLLOW_TARGET, .guests = true, .weight = 4},
    {.kind = ACTION_RESUME, .guests = true, .weight = 4},
    {.kind = ACTION_TOUCH, .guests = true, .weight = 4},
    {.kind = ACTION_QUEUE_RESET, .guests = true, .weight = 4},
    {.kind = ACTION_HOT_ADD, .weight = 2},
    {.kind = ACTION_DEVICE_RESET, .fault = true, .weight = 1},
    {.kind = ACTION_CORRUPT, .fault = true, .weight = 0}};
const size_t action_trait_count = sizeof action_traits / sizeof action_traits[0];

const struct action_trait *action_get_trait(action_kind kind)
{
    static const struct action_trait other = {.weight = 4};
    for (size_t i = 0; i < action_trait_count; i++) {
        if (action_traits[i].kind == kind) {
            return &action_traits[i];
        }
    }
    return &other;
}

/* Events after which an operation is not complete, so that another action can happen before its
 * end. */
static const world_trigger waits[] = {
    WORLD_TRIGGER_ALLOC_SLEEPS,  WORLD_TRIGGER_INFLATE_SUBMITTED,  WORLD_TRIGGER_DEFLATE_SUBMITTED,
    WORLD_TRIGGER_OOM_DEFLATE,  WORLD_TRIGGER_MIGRATE_START, WORLD_TRIGGER_REPORT,
    WORLD_TRIGGER_INFLATE_COMPLETED, WORLD_TRIGGER_DEFLATE_COMPLETED,  WORLD_TRIGGER_CALL};

uint32_t world_trigger_get_weight(world_trigger trigger)
{
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        if (waits[i] == trigger) {
            return 6;
        }
    }
    return 1;
}

static const struct choice hint_choices[] = {
    {"start", HINT_ORDER_START, "the host starts a run of hints under the next command id"},
    {"stop", HINT_ORDER_STOP, "the host wants no more hints; hinted pages stay with the driver"},
    {"done", HINT_ORDER_DONE, "the host is done; hinted pages go back to the guest"},
    {NULL, 0, NULL}};

static const struct choice queue_choices[] = {
    {"inflate", BNT_BALLOON_QUEUE_INFLATE, ""}, {"deflate", BNT_BALLOON_QUEUE_DEFLATE, ""},
    {"stats", BNT_BALLOON_QUEUE_STATS, ""}, {"report", BNT_BALLOON_QUEUE_REPORT, ""}, {NULL, 0, NULL}};

const struct choice detach_choices[] = {
    {"quick", DETACH_QUICK, "the driver resets the device, which forgets every page"},
    {"orderly", DETACH_ORDERLY, "the driver first deflates everything and writes `actual`, as Linux does"},
    {NULL, 0, NULL}};

static const struct choice side_choices[] = {
    {"inflate", 1, ""}, {"deflate", 2, ""}, {"both", 3, ""}, {NULL, 0, NULL}};

static const struct choice reason_choices[] = {
    {"pinned", BNT_VERDICT_PINNED, "the host has pinned the page"},
    {"invalid", BNT_VERDICT_INVALID, "the device cannot take this page"},
    {"locked", BNT_VERDICT_LOCKED, "the page is in the balloon already"},
    {"not-locked", BNT_VERDICT_NOT_LOCKED, "the page is not in the balloon"},
    {"busy", BNT_VERDICT_BUSY, "the host cannot take the page now"},
    {NULL, 0, NULL}};

static const struct choice party_choices[] = {
    {"driver", PARTY_DRIVER, ""}, {"device", PARTY_DEVICE, ""}, {NULL, 0, NULL}};

static const struct choice order_choices[] = {
    {"inflate-first", false, "the new page is inflated before the old page is deflated, as Linux does"},
    {"deflate-first", true, "the old page is deflated before the new page is inflated, as VMware's driver does"},
    {NULL, 0, NULL}};

static const struct choice signal_choices[] = {
    {"kick", SIGNAL_KICK, ""}, {"interrupt", SIGNAL_INTERRUPT, ""}, {"config", SIGNAL_CONFIG, ""}, {NULL, 0, NULL}};

static const struct choice command_choices[] = {
#define X(name, number, text, checked, target) {text, number, ""},
    BNT_VMWARE_COMMAND_MAP(X)
#undef X
    {NULL, 0, NULL}};

/* The values are stored as 32-bit numbers, because the field is a signed number of 32 bits. */
static const struct choice status_choices[] = {
#define X(name, value, text, verdict) {text, (uint32_t)(value), ""},
    BNT_VMWARE_STATUS_MAP(X)
#undef X
    {NULL, 0, NULL}};

#define A(member) FIELD(struct scenario_action, member)
#define ONLY(kind) .kinds = BIT(ACTION_##kind)
#define ONLY_REQUIRED(kind) .kinds = BIT(ACTION_##kind), .required = BIT(ACTION_##kind)
#define REPEATED (BIT(ACTION_DROP) | BIT(ACTION_DUPLICATE) | BIT(ACTION_DELAY))
#define COUNTED (REPEATED | BIT(ACTION_CORRUPT) | BIT(ACTION_COMPACT))
#define SIGNALS (REPEATED | BIT(ACTION_REORDER))
#define LASTING (BIT(ACTION_STALL) | BIT(ACTION_INHIBIT_DISCARD) | BIT(ACTION_PRESSURE) | BIT(ACTION_HIBERNATE))
#define SIZED (BIT(ACTION_OOM) | BIT(ACTION_PRESSURE) | BIT(ACTION_HOT_ADD))
enum { GROUP_WHEN = 1, GROUP_TARGET = 2, GROUP_EXPECT = 1 };
/* The probability of a rule is stored as a struct ratio. */
_Static_assert(offsetof(struct bnt_host_rule, denominator) ==
                   offsetof(struct bnt_host_rule, numerator) + offsetof(struct ratio, denominator),
               "the rule's numbers lie as in struct ratio");
static const struct key_row action_rows[] = {
    {"at", KEY_TIME, A(at_ns), 0, TIME_MAX, .one_of = GROUP_WHEN, .draw = {.bound = DRAW_RUN}, .doc = "time at which the action happens"},
    {"every", KEY_TIME, A(every_ns), 1000, TIME_MAX, .needs = "at", .fallback = "(once)", .draw = {.share = 60, .high = 50000000}, .doc = "repeats the action after each such time"},
    {"times", KEY_COUNT, A(times), 1, 1000000, .needs = "every", .fallback = "(to the end)", .draw = {.share = 1000, .high = 40}, .doc = "how many times the action happens in all"},
    {"when", KEY_EVENT, A(event), .one_of = GROUP_WHEN, .doc = "event that triggers the action: `guest.refused`, `host.outcome`, `world.oom-kill`"},
    {"nth", KEY_COUNT, A(nth), 1, 1000000000, .needs = "when", .fallback = "1", .draw = {.share = 600, .high = 64}, .doc = "triggers when the event happens for the nth time"},
    {"after", KEY_TIME, A(at_ns), 0, TIME_MAX, .needs = "when", .draw = {.share = 400, .high = 20000000}, .doc = "delay from the event to the action", .fallback = "(at once)"},
    {"vm", KEY_VM, A(vm), .more = offsetof(struct scenario_action, member), .fallback = "(the only VM)",
     .doc = "the VM of the action; a group: each of its VMs"},
    {"do", KEY_CHOICE, A(kind), .choices = action_kinds, .flags = KEY_REQUIRED, .doc = "kind of the action"},
    {"balloon", KEY_SIZE, A(size_bytes), 0, TIB(16), ONLY(TARGET), .one_of = GROUP_TARGET, .draw = {.bound = DRAW_MEMORY}, .doc = "target as the size of the balloon"},
    {"guest", KEY_SIZE, A(size_bytes), 0, TIB(16), ONLY(TARGET), .one_of = GROUP_TARGET, .draw = {.bound = DRAW_MEMORY}, .doc = "target as the memory that the guest keeps"},
    {"timeout", KEY_TIME, A(duration_ns), 0, TIME_MAX, ONLY(TARGET), .fallback = "0",
     .draw = {.high = SECONDS(20)}, .doc = "time after which the target request ends as `timed-out`; 0: only a stall ends it"},
    {"pfns", KEY_PFNS, A(rule.first_pfn), 0, BNT_VMWARE_ENTRY_PFN_MAX, ONLY(REFUSE), .more = offsetof(struct scenario_action, rule.last_pfn),
     .fallback = "(all memory)", .doc = "PFNs that are refused, `[first, last]`, both included, counted from the guest's first page"},
    {"direction", KEY_SIDES, A(rule.on_inflate), .more = offsetof(struct scenario_action, rule.on_deflate), ONLY(REFUSE),
     .choices = side_choices, .fallback = "inflate", .draw = {.share = 300}, .doc = "whether requests to inflate, to deflate or both are refused"},
    {"verdict", KEY_CHOICE, A(rule.verdict), .choices = reason_choices, ONLY(REFUSE), .fallback = "pinned", .draw = {.share = 400}, .doc = "verdict on a refused page"},
    {"probability", KEY_RATIO, A(rule.numerator), 0, 1, ONLY(REFUSE), .fallback = "1", .draw = {.share = 500}, .doc = "probability with which a page is refused"},
    {"count", KEY_COUNT, A(rule.count), 1, UINT64_C(1000000000000), ONLY(REFUSE), .flags = KEY_ABSENT_MAX, .fallback = "(no end)",
     .draw = {.share = 500, .high = 1000}, .doc = "number of PFNs that are refused"},
    {"party", KEY_CHOICE, A(party), .choices = party_choices, .kinds = BIT(ACTION_STALL) | BIT(ACTION_CORRUPT),
     .required = BIT(ACTION_STALL), .fallback = "(`fault` decides)", .doc = "side that does nothing, or that breaks the rule"},
    {"for", KEY_TIME, A(duration_ns), 1, TIME_MAX, .kinds = LASTING, .required = LASTING, .draw = {.low = 1000, .high = SECONDS(2)}, .doc = "how long the action lasts"},
    {"notification", KEY_CHOICE, A(signal), .choices = signal_choices, .kinds = SIGNALS, .required = SIGNALS, .doc = "kind of notification"},
    {"count", KEY_COUNT, A(count), 1, 1000000, .kinds = COUNTED, .fallback = "1", .draw = {.high = 100}, .doc = "how often the action takes effect"},
    {"by", KEY_TIME, A(duration_ns), 1, TIME_MAX, ONLY_REQUIRED(DELAY), .draw = {.high = 50000000}, .doc = "how much later a delayed notification is delivered"},
    {"size", KEY_SIZE, A(size_bytes), 1, TIB(16), .kinds = SIZED, .required = SIZED, .draw = {.bound = DRAW_MEMORY}, .doc = "amount of memory"},
    {"in_allocation", KEY_BOOL, A(allocating), ONLY(OOM), .fallback = "false",
     .doc = "memory runs out not now but inside the next allocation for the balloon"},
    {"use", KEY_CHOICE, A(use), .choices = use_choices, ONLY(PRESSURE), .fallback = "anon", .doc = "kind of memory that is demanded"},
    {"hint_command", KEY_CHOICE, A(hint), .choices = hint_choices, ONLY_REQUIRED(HINT), .doc = "command of the host"},
    {"order", KEY_CHOICE, A(deflate_first), .choices = order_choices, ONLY(COMPACT), .fallback = "inflate-first",
     .doc = "which half of the move of a page comes first"},
    {"bandwidth", KEY_SIZE, A(size_bytes), 4096, UINT64_C(8) << 30, ONLY(MIGRATE), .fallback = "1GiB", .draw = {.low = MIB(16), .high = UINT64_C(4) << 30, .step = MIB(16)}, .doc = "bytes that the migration sends in a second"},
    {"downtime", KEY_TIME, A(duration_ns), 0, TIME_MAX, ONLY(MIGRATE), .fallback = "300ms",
     .draw = {.high = 500000000}, .doc = "the VM is paused for the switch-over once sending the rest takes no longer than this"},
    {"rounds", KEY_COUNT, A(count), 1, 1000000, ONLY(MIGRATE), .fallback = "30", .draw = {.high = 40}, .doc = "number of rounds after which the VM is paused in any case"},
    {"hints", KEY_BOOL, A(hints), ONLY(MIGRATE), .fallback = "true", .doc = "the host asks for free page hints in each round"},
    {"postcopy", KEY_BOOL, A(postcopy), ONLY(MIGRATE), .fallback = "false",
     .doc = "the VM switches over after one round and fetches the rest later; then no hints are asked for"},
    {"mode", KEY_CHOICE, A(detach), .choices = detach_choices, ONLY(DETACH), .fallback = "(as `driver.detach` says)",
     .doc = "how the driver detaches"},
    {"fault", KEY_CHOICE, A(corruption), .choices = corruption_choices, ONLY_REQUIRED(CORRUPT), .doc = "rule that is broken"},
    {"command", KEY_CHOICE, A(call_rule.command), .choices = command_choices, ONLY_REQUIRED(REFUSE_CALL), .doc = "command of the calls that are answered so"},
    {"status", KEY_CHOICE, A(call_rule.status), .choices = status_choices, ONLY_REQUIRED(REFUSE_CALL), .doc = "status of the answer"},
    {"count", KEY_COUNT, A(call_rule.count), 1, UINT64_C(1000000000000), ONLY(REFUSE_CALL), .fallback = "1", .draw = {.high = 20}, .doc = "how often the action takes effect"},
    {"queue", KEY_CHOICE, A(queue), .choices = queue_choices, ONLY_REQUIRED(QUEUE_RESET), .doc = "queue that is reset"},
    {"hidden_from_oracles", KEY_BOOL, A(secret), .kinds = BIT(ACTION_STALL) | BIT(ACTION_CORRUPT) | BIT(ACTION_DETACH), .fallback = "false",
     .draw = {.reason = "an invariant must fire: tests/negative"}, .doc = "the oracle does not know of the fault, so that an invariant must fail"},
    {.name = NULL}};
const struct key_table action_keys = {
    .title = "an action", .section = "script[]", .rows = action_rows, .size = sizeof(struct scenario_action),
    .place = offsetof(struct scenario_action, place), .items_max = SCENARIO_ITEMS_MAX, .kind_key = "do",
    .kind_offset = offsetof(struct scenario_action, kind), .kinds = action_kinds};

#define P(member) FIELD(struct scenario_phase, member)
static const struct key_row phase_rows[] = {
    {"name", KEY_NAME, P(name), .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "name of the phase"},
    {"for", KEY_TIME, P(duration_ns), 1, TIME_MAX, .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "length of the phase"},
    {"quiet", KEY_BOOL, P(quiet), .fallback = "false",
     .draw = {.reason = "made with the scenario"}, .doc = "link faults, stalls and random refusals stop, and the run must converge"},
    {.name = NULL}};
const struct key_table phase_keys = {
    .title = "a phase", .section = "phases[]", .rows = phase_rows, .size = sizeof(struct scenario_phase),
    .place = offsetof(struct scenario_phase, place), .items_max = SCENARIO_ITEMS_MAX};

#define E(member) FIELD(struct scenario_expect, member)
static const struct key_row expect_rows[] = {
    {"always", KEY_EXPRESSION, E(expression), .one_of = GROUP_EXPECT, .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "the expression holds after every event"},
    {"never", KEY_EXPRESSION, E(expression), .one_of = GROUP_EXPECT, .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "the expression holds after no event"},
    {"eventually", KEY_EXPRESSION, E(expression), .one_of = GROUP_EXPECT, .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "the expression holds at some moment of a window; otherwise the exit status is 3"},
    {"from", KEY_TIME, E(from_ns), 0, TIME_MAX, .needs = "eventually", .fallback = "(0)", .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "time at which the window begins"},
    {"within", KEY_TIME, E(within_ns), 1, TIME_MAX, .needs = "eventually", .fallback = "(to the end of the run)", .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "length of the window"},
    {"at", KEY_TIME, E(from_ns), 0, TIME_MAX, .one_of = GROUP_EXPECT, .needs = "that", .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "time at which `that` must hold"},
    {"that", KEY_EXPRESSION, E(expression), .needs = "at", .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "the expression that must hold at the time `at`"},
    {"finally", KEY_EXPRESSION, E(expression), .one_of = GROUP_EXPECT, .draw = {.reason = "the invariants judge; the last target is made with the scenario"}, .doc = "the expression holds when the run is over"},
    {.name = NULL}};
const struct key_table expect_keys = {
    .title = "an expectation", .section = "expect[]", .rows = expect_rows, .size = sizeof(struct scenario_expect),
    .place = offsetof(struct scenario_expect, place), .items_max = SCENARIO_ITEMS_MAX};

#define LINK_KNOBS(text, signal)                                                                                       \
    {"link." text ".latency", SWARM_LATENCY, signal, KEY_TIME, 0, SECONDS(3600), 0, "time from sending a notification to its delivery"}, \
    {"link." text ".drop", SWARM_DROP, signal, KEY_RATIO, 0, 1, 0, "share of notifications that are lost"},                              \
    {"link." text ".duplicate", SWARM_DUPLICATE, signal, KEY_RATIO, 0, 1, 0, "share of notifications that are delivered twice"},                \
    {"link." text ".delay", SWARM_DELAY, signal, KEY_RATIO, 0, 1, 0, "share of notifications that are delivered later"},                        \
    {"link." text ".delay_by", SWARM_DELAY_BY, signal, KEY_TIME, 0, SECONDS(3600), 0, "how much later a delayed notification is delivered"}
const struct knob_row knob_rows[] = {
    LINK_KNOBS("kick", SIGNAL_KICK),
    LINK_KNOBS("interrupt", SIGNAL_INTERRUPT),
    LINK_KNOBS("config", SIGNAL_CONFIG),
    {"link.service", SWARM_SERVICE, SIGNAL_KICK, KEY_TIME, 0, SECONDS(3600), 0, "time that the device takes for one request"},
    {"driver.request_pfns_max", SWARM_REQUEST_PAGES, SIGNAL_KICK, KEY_COUNT, 1, BNT_BALLOON_REQUEST_PFNS_MAX, 0, "most PFNs of one request"},
    {"driver.queue_size_max", SWARM_QUEUE_SIZE, SIGNAL_KICK, KEY_COUNT, 1, 32768, 0, "most descriptors of a queue, rounded down to a power of two unless rings are packed"},
    {"driver.refused_pages_max", SWARM_REFUSED_MAX, SIGNAL_KICK, KEY_COUNT, 1, BNT_GUEST_REFUSED_MAX, 0, "most refused pages that the driver holds"},
    {NULL, SWARM_DROP, SIGNAL_KICK, KEY_COUNT, 0, 0, 0, NULL}};
/* clang-format on */
