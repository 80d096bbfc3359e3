/*
 * Keys of a scenario's machine and VMs; those of workloads, script and expect are in keys_script.c.
 *
 * Bounds stand here and nowhere else. So do defaults, but for settings of the libraries: their keys
 * have the library's (KEY_LIBRARY, KEY_LEFT).
 */
#include "sim/scenario/keys.h"

#include <ballonet/guest.h>
#include <ballonet/vmware.h>

#include <string.h>

#define KIB(n)              ((uint64_t)(n) << 10)
#define MIB(n)              ((uint64_t)(n) << 20)
#define GIB(n)              ((uint64_t)(n) << 30)
#define TIB(n)              ((uint64_t)(n) << 40)
#define SECONDS(n)          ((uint64_t)(n)*UINT64_C(1000000000))
#define TIME_MAX            SECONDS(31536000)
#define FIELD(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)

const struct unit size_units[] = {{"TiB", UINT64_C(1) << 40},
                                  {"GiB", UINT64_C(1) << 30},
                                  {"MiB", UINT64_C(1) << 20},
                                  {"KiB", UINT64_C(1) << 10},
                                  {"B", 1},
                                  {NULL, 0}};

const struct unit time_units[] = {{"min", SECONDS(60)}, {"s", SECONDS(1)}, {"ms", 1000000},
                                  {"us", 1000},         {"ns", 1},         {NULL, 0}};

const struct choice feature_choices[] = {
#define BNT_X(name, member, bit, text, needs, excludes, queues, config_first, config_bytes, \
              meaning)                                                                      \
    {(text), UINT64_C(1) << (bit), (meaning)},
    BNT_BALLOON_FEATURE_MAP(BNT_X, BNT_X)
#undef BNT_X
        {"indirect", BNT_F_RING_INDIRECT_DESC, "indirect descriptors"},
    {"event-idx", BNT_F_RING_EVENT_IDX, "notifications by index"},
    {"notify-on-empty", BNT_F_NOTIFY_ON_EMPTY, "an interrupt whenever a legacy ring runs empty"},
    {"packed", BNT_F_RING_PACKED, "packed rings in place of split ones"},
    {"in-order", BNT_F_IN_ORDER, "buffers are completed in the order in which they were submitted"},
    {"notification-data", BNT_F_NOTIFICATION_DATA, "kicks say up to where a queue has buffers"},
    {"ring-reset", BNT_F_RING_RESET, "a queue can be reset while the others go on"},
    {"suspend", BNT_F_SUSPEND, "the device can be suspended"},
    {"reserved", SCENARIO_FEATURE_RESERVED, "a bit that means nothing yet, of a device to come"},
    {NULL, 0, NULL}};

#define FEATURES_DEFAULT "[stats, deflate-on-oom, verdicts, reset, indirect, event-idx]"

static const struct choice page_choices[] = {
    {"4KiB", 0, ""},  {"8KiB", 1, ""},   {"16KiB", 2, ""},  {"32KiB", 3, ""},
    {"64KiB", 4, ""}, {"128KiB", 5, ""}, {"256KiB", 6, ""}, {"512KiB", 7, ""},
    {"1MiB", 8, ""},  {"2MiB", 9, ""},   {NULL, 0, NULL}};

static const struct choice pages_choices[] = {
    {"lifo", PAGES_LIFO, "last freed first, as Linux's per-CPU lists"},
    {"sequential", PAGES_SEQUENTIAL, "lowest address first"},
    {"random", PAGES_RANDOM, "free lists shuffled once"},
    {NULL, 0, NULL}};

static const struct choice content_choices[] = {
    {"any", FREE_CONTENT_ANY, "nothing is expected of free pages"},
    {"zero", FREE_CONTENT_ZERO, "they are zeroed when they are freed (init_on_free)"},
    {"poison", FREE_CONTENT_POISON, "they hold `poison_val` (page poisoning)"},
    {NULL, 0, NULL}};

static const struct choice record_choices[] = {
    {"links", BNT_GUEST_RECORD_LINKS, "links beside the OS's own pages"},
    {"bits", BNT_GUEST_RECORD_BITS, "a bit a page"},
    {NULL, 0, NULL}};

static const struct choice interface_choices[] = {
    {"modern", BNT_INTERFACE_MODERN, "VIRTIO 1.0 and later"},
    {"transitional", BNT_INTERFACE_TRANSITIONAL, "both, by what the peer has"},
    {"legacy", BNT_INTERFACE_LEGACY, "the interface before VIRTIO 1.0"},
    {NULL, 0, NULL}};

static const struct choice endian_choices[] = {
    {"little", BNT_BYTE_ORDER_LITTLE, "least significant byte first"},
    {"big", BNT_BYTE_ORDER_BIG, "most significant byte first"},
    {NULL, 0, NULL}};

#define LAYOUT_CHOICES                                                                             \
    {"fixed", BNT_QUEUE_LAYOUT_FIXED, "the standard's numbers"},                                   \
        {"dense-offered", BNT_QUEUE_LAYOUT_DENSE_OFFERED,                                          \
         "without gaps, by the features offered"},                                                 \
    {                                                                                              \
        "dense-negotiated", BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, "without gaps, by those negotiated" \
    }
static const struct choice device_layout_choices[] = {LAYOUT_CHOICES, {NULL, 0, NULL}};
static const struct choice driver_layout_choices[] = {
    LAYOUT_CHOICES,
    {"probe", BNT_QUEUE_LAYOUT_PROBE, "looks at the sizes that the device shows"},
    {NULL, 0, NULL}};

static const struct choice ledger_choices[] = {
    {"fixed", BNT_HOST_LEDGER_FIXED, "two bits a page"},
    {"leaves", BNT_HOST_LEDGER_LEAVES, "2 MiB leaves by demand"},
    {NULL, 0, NULL}};

const struct choice capability_choices[] = {
#define X(name, bit, text) {text, UINT64_C(1) << (bit), ""},
    BNT_VMWARE_CAP_MAP(X)
#undef X
        {NULL, 0, NULL}};

#define CAPABILITIES_ALL "[basic, batched, batched-2m, signalled-wakeup, 64-bit-target]"

static const struct choice habit_choices[] = {
#define X(name, bit, text, meaning) {text, UINT64_C(1) << (bit), meaning},
    BNT_GUEST_VMWARE_QUIRK_MAP(X)
#undef X
        {NULL, 0, NULL}};

static const struct choice profile_choices[] = {{"default", false, "today's"},
                                                {"vmware-2010", true, "the driver of Linux 2.6.34"},
                                                {NULL, 0, NULL}};

static const struct choice switch_choices[] = {{"default", BNT_GUEST_DEFAULT, ""},
                                               {"off", BNT_GUEST_OFF, ""},
                                               {"on", BNT_GUEST_ON, ""},
                                               {NULL, 0, NULL}};

#define RATE_MAX BNT_GUEST_RATE_MAX

/* clang-format off */
#define VM(member) FIELD(struct scenario_vm, member)
#define LINK_TABLE(id, text)                                                                         \
    static const struct key_row id##_rows[] = {                                                      \
        {"latency", KEY_TIME, VM(link[id].latency_ns), 0, SECONDS(3600), .fallback = "20us", .draw = {.high = 5000000}, \
         .doc = "time that a notification takes"},                                                   \
        {"drop", KEY_RATIO, VM(link[id].drop), 0, 1, .fallback = "0",                                \
         .doc = "share that is lost; VIRTIO does not allow it"},                                     \
        {"duplicate", KEY_RATIO, VM(link[id].duplicate), 0, 1, .fallback = "0",                      \
         .doc = "share that comes twice; VIRTIO allows it"},                                         \
        {"delay", KEY_RATIO, VM(link[id].delay), 0, 1, .fallback = "0",                              \
         .doc = "share that comes `delay_by` later; VIRTIO allows it"},                              \
        {"delay_by", KEY_TIME, VM(link[id].delay_by_ns), 0, SECONDS(3600), .fallback = "0", .draw = {.high = 5000000}, \
         .doc = "how much later"},                                                                   \
        {.name = NULL}};                                                                                     \
    static const struct key_table id##_table = {.title = text, .section = text, .rows = id##_rows};

LINK_TABLE(SIGNAL_KICK, "vms[].link.kick")
LINK_TABLE(SIGNAL_INTERRUPT, "vms[].link.interrupt")
LINK_TABLE(SIGNAL_CONFIG, "vms[].link.config")

static const struct key_row link_rows[] = {
    {"kick", KEY_MAP, .doc = "from driver to device", .table = &SIGNAL_KICK_table},
    {"interrupt", KEY_MAP, .doc = "from device to driver, of a queue", .table = &SIGNAL_INTERRUPT_table},
    {"config", KEY_MAP, .doc = "from device to driver, of its configuration; the doorbell of VMware's wire", .table = &SIGNAL_CONFIG_table},
    {"service", KEY_TIME, VM(service_ns), 0, SECONDS(3600), .fallback = "10us",
     .draw = {.high = 1000000}, .doc = "the device's time for one request"},
    {"call", KEY_TIME, VM(call_ns), 0, SECONDS(1), .fallback = "1us", .draw = {.high = 100000}, .doc = "time that a call takes on VMware's wire"},
    {.name = NULL}};
static const struct key_table link_table = {.title = "vms[].link", .section = "vms[].link", .rows = link_rows};

static const struct key_row rates_rows[] = {
    {"use", KEY_CHOICE, VM(driver.config.rates.use), .choices = switch_choices, .fallback = "default",
     .draw = {.share = 900}, .doc = "whether there are any; by default on VMware's wire"},
    {"nosleep_max", KEY_COUNT, VM(driver.config.rates.nosleep_max), 1, RATE_MAX, .flags = KEY_LEFT,
     .draw = {.low = 2048, .high = 16384}, .doc = "PFNs a tick while allocation without waiting works"},
    {"alloc_min", KEY_COUNT, VM(driver.config.rates.alloc_min), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 1024, .high = 8192}, .doc = "lowest rate of slow ticks"},
    {"alloc_max", KEY_COUNT, VM(driver.config.rates.alloc_max), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 2048, .high = 16384}, .doc = "highest, and the first"},
    {"alloc_step", KEY_COUNT, VM(driver.config.rates.alloc_step), 1, RATE_MAX, .flags = KEY_LEFT,
     .doc = "growth for each time that a tick reached its rate"},
    {"free_min", KEY_COUNT, VM(driver.config.rates.free_min), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 1024, .high = 8192}, .doc = "lowest rate of deflation"},
    {"free_max", KEY_COUNT, VM(driver.config.rates.free_max), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 2048, .high = 16384}, .doc = "highest, and the first"},
    {"free_step", KEY_COUNT, VM(driver.config.rates.free_step), 1, RATE_MAX, .flags = KEY_LEFT, .doc = "growth of a whole tick"},
    {"slow_cycles", KEY_COUNT, VM(driver.config.rates.slow_cycles), 1, RATE_MAX, .flags = KEY_LEFT,
     .draw = {.low = 1, .high = 8}, .doc = "ticks after a failure in which it is slow, that one included"},
    {"period", KEY_TIME, VM(driver.config.rates.period_ns), 1, TIME_MAX, .flags = KEY_LEFT, .draw = {.low = 5000000, .high = SECONDS(1)}, .doc = "a tick, on VIRTIO's wire"},
    {.name = NULL}};
static const struct key_table rates_table = {.title = "vms[].driver.rates", .section = "vms[].driver.rates", .rows = rates_rows};

static const struct key_row driver_rows[] = {
    {"personality", KEY_CHOICE, VM(driver.personality), .choices = driver_personality_choices, .fallback = "ballonet",
     .draw = {.reason = "others' drivers: only where a profile asks for them"}, .doc = "behaves as that driver: sets the keys that are not here, features included (docs/use/personalities.md)"},
    {"quirks", KEY_FEATURES, VM(driver.config.quirks), .choices = driver_quirk_choices, .fallback = "[]",
     .draw = {.reason = "others' ways: only where a profile asks for them"}, .doc = "ways of other drivers"},
    {"oom_pfns_max", KEY_COUNT, VM(driver.config.oom.pfns_max), 0, BNT_PFN_MAX, .fallback = "0",
     .draw = {.high = 4096}, .doc = "PFNs that it gives back at most each time that memory runs out; 0: what is asked for"},
    {"granule_pfns", KEY_COUNT, VM(driver.config.sizing.granule_pfns), 1, BNT_BALLOON_REQUEST_PFNS_MAX, .fallback = "1",
     .flags = KEY_POWER_OF_2, .draw = {.share = 40}, .doc = "PFNs that it inflates at once at least; the target is rounded up to them"},
    {"min_free", KEY_SIZE, VM(driver.min_free_bytes), 0, TIB(16), .fallback = "0",
     .draw = {.high = MIB(8), .step = MIB(2)}, .doc = "free memory of the guest that it does not touch"},
    {"features", KEY_FEATURES, VM(driver.config.features.wanted), .choices = feature_choices,
     .fallback = "(the VM's features)", .doc = "features that the driver wants"},
    {"queue_size_max", KEY_COUNT, VM(driver.config.queues.size_max), 1, 32768, .flags = KEY_LIBRARY,
     .draw = {.power_of_2 = true}, .doc = "largest queue it sets up, in descriptors; a power of two unless its features have `packed`"},
    {"request_pfns_max", KEY_COUNT, VM(driver.config.requests.pfns_max), 1, BNT_GUEST_REQUEST_PFNS_MAX,
     .fallback = "(256, or those of a page)", .draw = {.high = BNT_BALLOON_REQUEST_PFNS_MAX}, .doc = "PFNs of one request at most, 4 KiB each; more than 256 only if a page has them"},
    {"refused_pages_max", KEY_COUNT, VM(driver.config.sizing.refused_pages_max), 1, BNT_GUEST_REFUSED_MAX, .flags = KEY_LIBRARY,
     .doc = "refused pages that it holds at most"},
    {"interface", KEY_CHOICE, VM(driver.config.features.interface), .choices = interface_choices, .fallback = "modern",
     .draw = {.share = 60}, .doc = "which interfaces it speaks"},
    {"queue_layout", KEY_CHOICE, VM(driver.config.queues.layout), .flags = KEY_LEFT, .choices = driver_layout_choices,
     .doc = "how it thinks that the device numbers its queues"},
    {"queue_layout_preferred", KEY_CHOICE, VM(driver.config.queues.layout_preferred), .flags = KEY_LIBRARY, .choices = device_layout_choices,
     .doc = "what it takes where a probe leaves it open"},
    {"record", KEY_CHOICE, VM(driver.config.record.kind), .choices = record_choices, .fallback = "links",
     .doc = "how it keeps the record of ballooned pages"},
    {"retry_min", KEY_TIME, VM(driver.config.sizing.retry_min_ns), 1, TIME_MAX, .flags = KEY_LIBRARY, .draw = {.low = 1000000, .high = SECONDS(1)}, .doc = "first back-off"},
    {"retry_max", KEY_TIME, VM(driver.config.sizing.retry_max_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = SECONDS(1), .high = SECONDS(5)}, .doc = "last back-off; it doubles up to here"},
    {"ack_timeout", KEY_TIME, VM(driver.config.requests.ack_timeout_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(5)}, .doc = "a request without answer is stalled after this"},
    {"oom_timeout", KEY_TIME, VM(driver.config.oom.timeout_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(5)}, .doc = "deadline reported with a pending OOM deflate"},
    {"oom_holdoff", KEY_TIME, VM(driver.config.oom.holdoff_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(5)}, .doc = "no inflation for this long after an OOM deflate"},
    {"recovery_tries", KEY_COUNT, VM(driver.config.recovery.tries), 0, 1000000, .flags = KEY_LIBRARY | KEY_ZERO_IS_NONE,
     .draw = {.high = 8}, .doc = "device resets in a row to get out of the state `broken`; 0: it stays in it"},
    {"recovery_wait_min", KEY_TIME, VM(driver.config.recovery.wait_min_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "wait before the first of them; doubles up to `retry_max`"},
    {"detach", KEY_CHOICE, VM(driver.detach), .choices = detach_choices, .fallback = "quick",
     .doc = "which way it leaves, where `detach` does not say; before hibernation, too"},
    {"detach_timeout", KEY_TIME, VM(driver.config.detach.timeout_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 100000000, .high = SECONDS(5)}, .doc = "when an orderly detach goes on by a reset"},
    {"queue_reset_after", KEY_TIME, VM(driver.config.queues.reset_after_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "resets the queue of a request that has no answer for so long, with `ring-reset`; 0: never"},
    {"poll", KEY_TIME, VM(driver.config.sizing.poll_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 50000000, .high = SECONDS(2)}, .doc = "reads the configuration this often; 0: relies on interrupts. A tick on VMware's wire, which 0 leaves to the driver"},
    {"report_block", KEY_SIZE, VM(driver.report_block_bytes), 0, MIB(4), .fallback = "0",
     .flags = KEY_POWER_OF_2, .doc = "one block of a free page report; 0: 2MiB, or a page where that is more"},
    {"report_capacity", KEY_COUNT, VM(driver.config.reporting.capacity), 1, BNT_GUEST_REPORT_CAPACITY_MAX, .flags = KEY_LIBRARY,
     .doc = "blocks of one report at most"},
    {"report_burst", KEY_COUNT, VM(driver.config.reporting.burst), 1, 65535, .flags = KEY_LIBRARY,
     .draw = {.high = 64}, .doc = "reports between two delays"},
    {"report_delay", KEY_TIME, VM(driver.config.reporting.delay_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(3)}, .doc = "from pages that become free to their report"},
    {"hint_block", KEY_SIZE, VM(driver.config.hinting.block_pfns), BNT_PFN_BYTES, MIB(4), .flags = KEY_LIBRARY | KEY_POWER_OF_2,
     .shift = BNT_PFN_SHIFT, .doc = "block of free memory that a hint asks for, a page or more"},
    {"hint_block_min", KEY_SIZE, VM(driver.config.hinting.block_pfns_min), 0, MIB(4), .fallback = "0", .flags = KEY_POWER_OF_2,
     .shift = BNT_PFN_SHIFT, .doc = "smallest block that it takes where there is no such; 0: as `hint_block`"},
    {"hint_wait_on_ack", KEY_BOOL, VM(driver.config.hinting.wait_on_ack), .fallback = "false",
     .doc = "gives no hinted page back whose buffer the device has not used"},
    {"vmware_profile", KEY_CHOICE, VM(driver.profile_2010), .choices = profile_choices, .fallback = "default",
     .draw = {.share = 60}, .doc = "whose habits it has on VMware's wire"},
    {"vmware_capabilities", KEY_FEATURES, VM(driver.config.vmware.caps), .flags = KEY_LIBRARY, .choices = capability_choices,
     .doc = "what it offers to START"},
    {"vmware_quirks", KEY_FEATURES, VM(driver.config.vmware.quirks), .choices = habit_choices, .fallback = "[]",
     .draw = {.reason = "others' ways: only where a profile asks for them"}, .doc = "habits of VMware's drivers, beside those of its profile"},
    {"slack_pfns", KEY_COUNT, VM(driver.config.vmware.slack_pfns), 0, UINT32_MAX - 1, .flags = KEY_ZERO_IS_NONE,
     .fallback = "(a page of 2 MiB less one PFN; 0 with profile vmware-2010)",
     .draw = {.high = 2048}, .doc = "PFNs above the target that it does not deflate for, on VMware's wire"},
    {"sleeping", KEY_CHOICE, VM(driver.config.sizing.sleeping), .choices = switch_choices, .fallback = "default",
     .draw = {.share = 500}, .doc = "allocations that may wait, once those that do not have failed; by default on VMware's wire"},
    {"limit_pfns", KEY_COUNT, VM(driver.config.memory.limit_pfns), 0, UINT64_C(1) << 52, .fallback = "0",
     .draw = {.high = 65536}, .doc = "largest balloon that it tells the host, PFNs; 0: its memory"},
    {"rates", KEY_MAP, .draw = {.share = 250}, .doc = "how fast it inflates and deflates", .table = &rates_table},
    {.name = NULL}};
static const struct key_table driver_table = {.title = "vms[].driver", .section = "vms[].driver", .rows = driver_rows,
    .personalities = driver_personalities};

static const struct key_row device_rows[] = {
    {"personality", KEY_CHOICE, VM(device.personality), .choices = device_personality_choices, .fallback = "ballonet",
     .draw = {.reason = "others' devices: only where a profile asks for them"}, .doc = "behaves as that device: sets the keys that are not here, features included (docs/use/personalities.md)"},
    {"quirks", KEY_FEATURES, VM(device.config.quirks), .choices = device_quirk_choices, .fallback = "[]",
     .draw = {.reason = "others' ways: only where a profile asks for them"}, .doc = "ways of other devices"},
    {"features", KEY_FEATURES, VM(device.config.features.offered), .choices = feature_choices,
     .fallback = "(the VM's features)", .doc = "features that the device offers"},
    {"queue_size_max", KEY_COUNT, VM(device.config.queues.size_max), 1, 32768, .flags = KEY_LIBRARY,
     .draw = {.power_of_2 = true}, .doc = "largest queue it allows, in descriptors"},
    {"interface", KEY_CHOICE, VM(device.config.features.interface), .choices = interface_choices, .fallback = "modern",
     .draw = {.share = 60}, .doc = "which interfaces it speaks"},
    {"queue_layout", KEY_CHOICE, VM(device.config.queues.layout), .flags = KEY_LIBRARY, .choices = device_layout_choices,
     .draw = {.like = "driver.queue_layout"}, .doc = "how it numbers its queues"},
    {"host_page_size", KEY_CHOICE, VM(device.config.memory.host_page_order), .choices = page_choices, .fallback = "4KiB",
     .doc = "the host's page, the unit in which it gives and takes memory"},
    {"ledger", KEY_CHOICE, VM(device.config.memory.ledger), .choices = ledger_choices, .fallback = "fixed",
     .doc = "how it stores its page ledger"},
    {"stats_poll", KEY_TIME, VM(device.config.statistics.poll_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 100000000, .high = SECONDS(5)}, .doc = "asks for statistics this often; 0: when the script says so"},
    {"stats_stale", KEY_TIME, VM(device.config.statistics.stale_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 100000000, .high = SECONDS(5)}, .doc = "older statistics are stale"},
    {"stall", KEY_TIME, VM(device.config.target.stall_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = SECONDS(1), .high = SECONDS(20)}, .doc = "no progress for this long ends a target request"},
    {"event_interval", KEY_TIME, VM(device.config.target.event_interval_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "at most one `host.actual` in this time; 0: every one"},
    {"ws_bins", KEY_COUNT, VM(device.config.working_set.bins), BNT_WS_BINS_MIN, BNT_WS_BINS_MAX, .flags = KEY_LIBRARY,
     .doc = "bins of a working-set report"},
    {"ws_interval", KEY_TIME, VM(device.ws_interval_ns), 0, SECONDS(60), .fallback = "0",
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "age up to which the first bin goes; each next is twice as long; 0: as the guest chooses"},
    {"discard", KEY_BOOL, VM(device.discard), .fallback = "true",
     .doc = "it can discard the backing of pages; otherwise all backing is retained"},
    {"discard_reads_any", KEY_BOOL, VM(device.fill), .fallback = "false",
     .doc = "what it discards can read as any value, such as the poison"},
    {"hint_discard", KEY_BOOL, VM(device.config.hinting.discard), .fallback = "false",
     .doc = "discards hinted pages at once; unsafe unless the driver has `hint_wait_on_ack`"},
    {"hint_id_count", KEY_COUNT, VM(device.hint_ids), 0, UINT32_MAX - 1, .fallback = "0",
     .doc = "command ids that go round, from 2 on; 0: all there are"},
    {"vmware_capabilities", KEY_FEATURES, VM(device.config.vmware.capabilities), .choices = capability_choices, .fallback = CAPABILITIES_ALL,
     .doc = "what it offers on VMware's wire; `[basic]` is the protocol of 2010"},
    {.name = NULL}};
static const struct key_table device_table = {.title = "vms[].device", .section = "vms[].device", .rows = device_rows,
    .personalities = device_personalities};

static const struct choice wire_choices[] = {
    {"virtio", BNT_HOST_WIRE_VIRTIO, "VIRTIO's device: registers and queues"},
    {"vmware", BNT_HOST_WIRE_VMWARE, "VMware's calls"},
    {NULL, 0, NULL}};

static const struct key_row vm_rows[] = {
    {"name", KEY_NAME, VM(name), .fallback = "(vm0, vm1, ...)", .draw = {.reason = "vm0, vm1, ...: made with the VM"}, .doc = "name in the script and in metrics"},
    {"memory", KEY_SIZE, VM(memory_bytes), KIB(64), TIB(16), .flags = KEY_REQUIRED,
     .draw = {.low = MIB(16), .high = MIB(64), .step = MIB(2)}, .doc = "guest memory, a multiple of `page_size`"},
    {"first_pfn", KEY_COUNT, VM(first_pfn), 0, BNT_VMWARE_ENTRY_PFN_MAX, .fallback = "0",
     .draw = {.share = 80, .high = UINT64_C(1) << 32, .bound = DRAW_EDGE}, .doc = "PFN where its memory begins; a recording may ask for it. More than 32 bits are for VMware's wire"},
    {"page_size", KEY_CHOICE, VM(page_order), .choices = page_choices, .fallback = "4KiB", .draw = {.share = 100}, .doc = "the guest's page"},
    {"byte_order", KEY_CHOICE, VM(endian), .choices = endian_choices, .fallback = "little",
     .draw = {.share = 40}, .doc = "the guest's byte order; on the wire only the legacy interface has it"},
    {"swap", KEY_SIZE, VM(swap_bytes), 0, TIB(16), .fallback = "0", .draw = {.high = MIB(64), .step = MIB(2)}, .doc = "the guest's swap space"},
    {"kernel", KEY_SIZE, VM(kernel_bytes), 0, TIB(16), .fallback = "(1/16 of memory)",
     .draw = {.share = 60, .high = MIB(8), .step = MIB(2)}, .doc = "memory of the kernel, never available to anything else"},
    {"pinned", KEY_SIZE, VM(pinned_bytes), 0, TIB(16), .fallback = "0",
     .draw = {.share = 60, .high = MIB(8), .step = MIB(2)}, .doc = "memory in use for ever, which cannot be reclaimed"},
    {"watermark_min", KEY_SIZE, VM(watermark_min_bytes), 0, TIB(16), .fallback = "0",
     .draw = {.share = 60, .high = MIB(4), .step = MIB(2)}, .doc = "free memory below which allocations reclaim; 0: as Linux would choose"},
    {"free_list", KEY_CHOICE, VM(pages), .choices = pages_choices, .fallback = "lifo",
     .doc = "the order in which the guest's allocator hands pages out"},
    {"free_page_content", KEY_CHOICE, VM(free_content), .choices = content_choices, .fallback = "any",
     .draw = {.share = 400}, .doc = "what the guest expects of its free pages; but for `any` the driver accepts `poison`"},
    {"poison_val", KEY_COUNT, VM(poison_val), 0, UINT32_MAX, .fallback = "0xAAAAAAAA",
     .draw = {.share = 100}, .doc = "each le32 of its free pages, with `free_page_content: poison`; by default Linux's"},
    {"wire", KEY_CHOICE, VM(wire), .choices = wire_choices, .fallback = "virtio",
     .draw = {.share = 500}, .doc = "what driver and device speak; VMware's has no features and no queues"},
    {"features", KEY_BOTH, VM(driver.config.features.wanted), .choices = feature_choices, .fallback = FEATURES_DEFAULT,
     .draw = {.share = 800}, .doc = "features of driver and device, where these do not say otherwise"},
    {"driver", KEY_MAP, .draw = {.share = 1000}, .doc = "the balloon driver in the guest", .table = &driver_table},
    {"device", KEY_MAP, .draw = {.share = 1000}, .doc = "the balloon device in the host", .table = &device_table},
    {"link", KEY_MAP, .draw = {.share = 1000}, .doc = "what lies between them", .table = &link_table},
    {"recording", KEY_FILE, VM(recording), .fallback = "(none: the real driver)",
     .draw = {.reason = "a file from outside"}, .doc = "a wire recording that plays the guest, relative to this file"},
    {.name = NULL}};
const struct key_table vm_keys = {
    .title = "a VM", .section = "vms[]", .rows = vm_rows, .size = sizeof(struct scenario_vm),
    .place = offsetof(struct scenario_vm, place), .items_max = SCENARIO_VMS_MAX};

#define TOP(member) FIELD(struct scenario, member)
static const struct key_row limits_rows[] = {
    {"events", KEY_COUNT, TOP(events_max), 1, UINT64_C(1000000000000), .fallback = "1000000",
     .draw = {.reason = "made with the scenario"}, .doc = "events that a run may take; more is inconclusive"},
    {"time", KEY_TIME, TOP(time_max_ns), 1, TIME_MAX, .fallback = "(the phases' sum, or 60s)",
     .draw = {.reason = "made with the scenario"}, .doc = "virtual time that a run may take"},
    {.name = NULL}};
static const struct key_table limits_table = {.title = "limits", .section = "limits", .rows = limits_rows};

static const struct key_row machine_rows[] = {
    {"memory", KEY_SIZE, TOP(machine_memory_bytes), 0, TIB(1024), .fallback = "0",
     .draw = {.share = 500, .low = MIB(16), .high = MIB(128), .step = MIB(2)}, .doc = "the host's memory; 0: as much as its guests have"},
    {"swap", KEY_SIZE, TOP(machine_swap_bytes), 0, TIB(1024), .fallback = "0", .draw = {.share = 1000, .low = GIB(1), .high = GIB(4), .step = MIB(2)}, .doc = "the host's swap space"},
    {.name = NULL}};
static const struct key_table machine_table = {.title = "machine", .section = "machine", .rows = machine_rows};

#define LIST(pointer, number, of) .offset = offsetof(struct scenario, pointer), .width = sizeof(void *), \
    .more = offsetof(struct scenario, number), .table = &(of)
static const struct key_row top_rows[] = {
    {"schema", KEY_COUNT, 0, 0, 1, 1, .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "version of this format: 1"},
    {"title", KEY_TEXT, TOP(title), .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "one line: what it is"},
    {"shows", KEY_TEXT, TOP(shows), .fallback = "(nothing)", .draw = {.reason = "says nothing about the run"}, .doc = "what it shows, and why that matters"},
    {"seed", KEY_COUNT, TOP(seed), 0, UINT64_MAX, .fallback = "1", .draw = {.reason = "made with the scenario"}, .doc = "seed of a run without `--seed`"},
    {"limits", KEY_MAP, .draw = {.reason = "made with the scenario"}, .doc = "when a run is given up", .table = &limits_table},
    {"machine", KEY_MAP, .doc = "the host machine", .table = &machine_table},
    {"vms", KEY_LIST, LIST(vms, vm_count, vm_keys), .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "the guests, at least one"},
    {"workloads", KEY_LIST, LIST(workloads, workload_count, workload_keys), .draw = {.reason = "made with the scenario"}, .doc = "what uses memory in the guests"},
    {"script", KEY_LIST, LIST(actions, action_count, action_keys), .draw = {.reason = "made with the scenario"}, .doc = "what happens, and when"},
    {"swarm", KEY_SWARM, TOP(swarms), .more = offsetof(struct scenario, swarm_count),
     .doc = "settings that every run draws anew: a knob and its range `[low, high]`"},
    {"phases", KEY_LIST, LIST(phases, phase_count, phase_keys), .fallback = "(one phase `run` of limits.time)",
     .draw = {.reason = "made with the scenario"}, .doc = "parts of the run, one after the other"},
    {"expect", KEY_LIST, LIST(expects, expect_count, expect_keys), .draw = {.reason = "made with the scenario"}, .doc = "what must be true"},
    {"regression", KEY_MAP, .flags = KEY_ASIDE, .draw = {.reason = "says nothing about the run"}, .doc = "the bug that it stands for, for the test that brings it back",
     .table = &regression_keys},
    {.name = NULL}};
const struct key_table scenario_keys = {.title = "a scenario", .section = "(top)", .rows = top_rows};
/* clang-format on */

bool key_applies(const struct key_row *row, uint32_t kind)
{
    return kind == KIND_ANY || row->kinds == 0 || (row->kinds >> kind & 1u) != 0;
}

bool key_required(const struct key_row *row, uint32_t kind)
{
    return (row->flags & KEY_REQUIRED) != 0 ||
           (kind != KIND_ANY && (row->required >> kind & 1u) != 0);
}

const struct key_row *key_find(const struct key_table *table, const char *name, uint32_t kind)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0 && key_applies(row, kind)) {
            return row;
        }
    }
    return NULL;
}

const struct choice *choice_find(const struct choice *choices, const char *name)
{
    for (; choices->name != NULL; choices++) {
        if (strcmp(choices->name, name) == 0) {
            return choices;
        }
    }
    return NULL;
}

const char *choice_name(const struct choice *choices, uint64_t value)
{
    for (; choices->name != NULL; choices++) {
        if (choices->value == value) {
            return choices->name;
        }
    }
    return "unknown";
}
