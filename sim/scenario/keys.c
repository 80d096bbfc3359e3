/*
 * The keys that describe the machine and the VMs of a scenario. The keys of workloads, script and
 * expect are in keys_script.c.
 *
 * The bounds and the defaults of keys are only in these tables. There is one exception: keys that
 * are settings of a library have the default of the library (KEY_LIBRARY, KEY_LEFT).
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
    {"event-idx", BNT_F_RING_EVENT_IDX,
     "each side names the ring index at which it wants to be notified"},
    {"notify-on-empty", BNT_F_NOTIFY_ON_EMPTY,
     "the device sends an interrupt whenever a legacy ring runs empty"},
    {"packed", BNT_F_RING_PACKED, "packed rings in place of split ones"},
    {"in-order", BNT_F_IN_ORDER, "buffers are completed in the order in which they were submitted"},
    {"notification-data", BNT_F_NOTIFICATION_DATA,
     "a kick carries the position of the next available buffer"},
    {"ring-reset", BNT_F_RING_RESET, "the driver can reset one queue while the other queues go on"},
    {"suspend", BNT_F_SUSPEND, "the driver can suspend the device"},
    {"reserved", SCENARIO_FEATURE_RESERVED,
     "a feature bit without a meaning, as a later device may offer one"},
    {NULL, 0, NULL}};

#define FEATURES_DEFAULT "[stats, deflate-on-oom, verdicts, reset, indirect, event-idx]"

static const struct choice page_choices[] = {
    {"4KiB", 0, ""},  {"8KiB", 1, ""},   {"16KiB", 2, ""},  {"32KiB", 3, ""},
    {"64KiB", 4, ""}, {"128KiB", 5, ""}, {"256KiB", 6, ""}, {"512KiB", 7, ""},
    {"1MiB", 8, ""},  {"2MiB", 9, ""},   {NULL, 0, NULL}};

static const struct choice pages_choices[] = {
    {"lifo", PAGES_LIFO, "the page freed last is handed out first, as by Linux's per-CPU lists"},
    {"sequential", PAGES_SEQUENTIAL, "the page with the lowest address is handed out first"},
    {"random", PAGES_RANDOM, "the free lists are shuffled once, at the start"},
    {NULL, 0, NULL}};

static const struct choice content_choices[] = {
    {"any", FREE_CONTENT_ANY, "the guest expects nothing of its free pages"},
    {"zero", FREE_CONTENT_ZERO, "the guest zeroes pages when it frees them (init_on_free)"},
    {"poison", FREE_CONTENT_POISON, "free pages hold `poison_val` (page poisoning)"},
    {NULL, 0, NULL}};

static const struct choice record_choices[] = {
    {"links", BNT_GUEST_RECORD_LINKS, "a linked list through the OS's own page structures"},
    {"bits", BNT_GUEST_RECORD_BITS, "a bitmap with one bit for each page"},
    {NULL, 0, NULL}};

static const struct choice interface_choices[] = {
    {"modern", BNT_INTERFACE_MODERN, "VIRTIO 1.0 and later"},
    {"transitional", BNT_INTERFACE_TRANSITIONAL,
     "the modern or the legacy interface, whichever the peer has"},
    {"legacy", BNT_INTERFACE_LEGACY, "the interface before VIRTIO 1.0"},
    {NULL, 0, NULL}};

static const struct choice endian_choices[] = {
    {"little", BNT_BYTE_ORDER_LITTLE, "least significant byte first"},
    {"big", BNT_BYTE_ORDER_BIG, "most significant byte first"},
    {NULL, 0, NULL}};

#define LAYOUT_CHOICES                                                              \
    {"fixed", BNT_QUEUE_LAYOUT_FIXED, "the queue numbers of the standard"},         \
        {"dense-offered", BNT_QUEUE_LAYOUT_DENSE_OFFERED,                           \
         "numbers without gaps, counted over the features that the device offers"}, \
    {                                                                               \
        "dense-negotiated", BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED,                      \
            "numbers without gaps, counted over the features that were negotiated"  \
    }
static const struct choice device_layout_choices[] = {LAYOUT_CHOICES, {NULL, 0, NULL}};
static const struct choice driver_layout_choices[] = {
    LAYOUT_CHOICES,
    {"probe", BNT_QUEUE_LAYOUT_PROBE,
     "the driver finds the layout from the queue sizes that the device shows"},
    {NULL, 0, NULL}};

static const struct choice ledger_choices[] = {
    {"fixed", BNT_HOST_LEDGER_FIXED, "a fixed array with two bits for each page"},
    {"leaves", BNT_HOST_LEDGER_LEAVES, "a tree whose leaves of 2 MiB are allocated on demand"},
    {NULL, 0, NULL}};

const struct choice capability_choices[] = {
#define X(name, bit, text) {text, UINT64_C(1) << (bit), ""},
    BNT_VMWARE_CAP_MAP(X)
#undef X
        {NULL, 0, NULL}};

#define CAPABILITIES_ALL "[basic, batched, batched-2m, signalled-wakeup, 64-bit-target]"

static const struct choice vmware_quirk_choices[] = {
#define X(name, bit, text, meaning) {text, UINT64_C(1) << (bit), meaning},
    BNT_GUEST_VMWARE_QUIRK_MAP(X)
#undef X
        {NULL, 0, NULL}};

static const struct choice profile_choices[] = {
    {"default", false, "the driver of today"},
    {"vmware-2010", true, "VMware's driver as it was in Linux 2.6.34"},
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
         .doc = "time from sending a notification to its delivery"},                                                   \
        {"drop", KEY_RATIO, VM(link[id].drop), 0, 1, .fallback = "0",                                \
         .doc = "share of notifications that are lost, which VIRTIO does not allow"},                                     \
        {"duplicate", KEY_RATIO, VM(link[id].duplicate), 0, 1, .fallback = "0",                      \
         .doc = "share of notifications that are delivered twice, which VIRTIO allows"},                                         \
        {"delay", KEY_RATIO, VM(link[id].delay), 0, 1, .fallback = "0",                              \
         .doc = "share of notifications that are delivered `delay_by` later, which VIRTIO allows"},                              \
        {"delay_by", KEY_TIME, VM(link[id].delay_by_ns), 0, SECONDS(3600), .fallback = "0", .draw = {.high = 5000000}, \
         .doc = "how much later a delayed notification is delivered"},                                                                   \
        {.name = NULL}};                                                                                     \
    static const struct key_table id##_table = {.title = text, .section = text, .rows = id##_rows};

LINK_TABLE(SIGNAL_KICK, "vms[].link.kick")
LINK_TABLE(SIGNAL_INTERRUPT, "vms[].link.interrupt")
LINK_TABLE(SIGNAL_CONFIG, "vms[].link.config")

static const struct key_row link_rows[] = {
    {"kick", KEY_MAP, .doc = "kicks: available buffer notifications, from driver to device", .table = &SIGNAL_KICK_table},
    {"interrupt", KEY_MAP, .doc = "interrupts: used buffer notifications, from device to driver", .table = &SIGNAL_INTERRUPT_table},
    {"config", KEY_MAP, .doc = "configuration change notifications, from device to driver; on VMware's wire the doorbell", .table = &SIGNAL_CONFIG_table},
    {"service", KEY_TIME, VM(service_ns), 0, SECONDS(3600), .fallback = "10us",
     .draw = {.high = 1000000}, .doc = "time that the device takes for one request"},
    {"call", KEY_TIME, VM(call_ns), 0, SECONDS(1), .fallback = "1us", .draw = {.high = 100000}, .doc = "time that one call takes on VMware's wire"},
    {.name = NULL}};
static const struct key_table link_table = {.title = "vms[].link", .section = "vms[].link", .rows = link_rows};

static const struct key_row rates_rows[] = {
    {"use", KEY_CHOICE, VM(driver.config.rates.use), .choices = switch_choices, .fallback = "default",
     .draw = {.share = 900}, .doc = "whether the driver limits its rates; by default it does so on VMware's wire only"},
    {"nosleep_max", KEY_COUNT, VM(driver.config.rates.nosleep_max), 1, RATE_MAX, .flags = KEY_LEFT,
     .draw = {.low = 2048, .high = 16384}, .doc = "largest rate of inflation, PFNs a tick, while allocations without waiting succeed"},
    {"alloc_min", KEY_COUNT, VM(driver.config.rates.alloc_min), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 1024, .high = 8192}, .doc = "lowest rate of inflation in slow ticks, PFNs a tick"},
    {"alloc_max", KEY_COUNT, VM(driver.config.rates.alloc_max), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 2048, .high = 16384}, .doc = "highest, and the first"},
    {"alloc_step", KEY_COUNT, VM(driver.config.rates.alloc_step), 1, RATE_MAX, .flags = KEY_LEFT,
     .doc = "growth of the inflation rate after a tick that reached its rate"},
    {"free_min", KEY_COUNT, VM(driver.config.rates.free_min), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 1024, .high = 8192}, .doc = "lowest rate of deflation, PFNs a tick"},
    {"free_max", KEY_COUNT, VM(driver.config.rates.free_max), 1, RATE_MAX, .flags = KEY_LEFT, .draw = {.low = 2048, .high = 16384}, .doc = "highest, and the first"},
    {"free_step", KEY_COUNT, VM(driver.config.rates.free_step), 1, RATE_MAX, .flags = KEY_LEFT, .doc = "growth of the deflation rate after a tick that reached its rate"},
    {"slow_cycles", KEY_COUNT, VM(driver.config.rates.slow_cycles), 1, RATE_MAX, .flags = KEY_LEFT,
     .draw = {.low = 1, .high = 8}, .doc = "number of slow ticks after an allocation failed, the failed tick included"},
    {"period", KEY_TIME, VM(driver.config.rates.period_ns), 1, TIME_MAX, .flags = KEY_LEFT, .draw = {.low = 5000000, .high = SECONDS(1)}, .doc = "length of a tick on VIRTIO's wire"},
    {.name = NULL}};
static const struct key_table rates_table = {.title = "vms[].driver.rates", .section = "vms[].driver.rates", .rows = rates_rows};

static const struct key_row driver_rows[] = {
    {"personality", KEY_CHOICE, VM(driver.personality), .choices = driver_personality_choices, .fallback = "ballonet",
     .draw = {.reason = "drivers of other projects: only where a profile asks for them"}, .doc = "the driver behaves as this one: the personality sets the keys that the file does not set, `features` included (docs/use/personalities.md)"},
    {"quirks", KEY_FEATURES, VM(driver.config.quirks), .choices = driver_quirk_choices, .fallback = "[]",
     .draw = {.reason = "quirks of other projects: only where a profile asks for them"}, .doc = "how the driver differs from ours, as other drivers do"},
    {"oom_pfns_max", KEY_COUNT, VM(driver.config.oom.pfns_max), 0, BNT_PFN_MAX, .fallback = "0",
     .draw = {.high = 4096}, .doc = "most PFNs that the driver gives back each time that memory runs out; 0: as many as the guest asks for"},
    {"granule_pfns", KEY_COUNT, VM(driver.config.sizing.granule_pfns), 1, BNT_BALLOON_REQUEST_PFNS_MAX, .fallback = "1",
     .flags = KEY_POWER_OF_2, .draw = {.share = 40}, .doc = "the driver inflates a multiple of so many PFNs at a time and rounds its target up to it"},
    {"min_free", KEY_SIZE, VM(driver.min_free_bytes), 0, TIB(16), .fallback = "0",
     .draw = {.high = MIB(8), .step = MIB(2)}, .doc = "free memory that the driver leaves to the guest"},
    {"features", KEY_FEATURES, VM(driver.config.features.wanted), .choices = feature_choices,
     .fallback = "(the VM's features)", .doc = "features that the driver accepts when the device offers them"},
    {"queue_size_max", KEY_COUNT, VM(driver.config.queues.size_max), 1, 32768, .flags = KEY_LIBRARY,
     .draw = {.power_of_2 = true}, .doc = "most descriptors of a queue that the driver sets up; a power of two unless `features` has `packed`"},
    {"request_pfns_max", KEY_COUNT, VM(driver.config.requests.pfns_max), 1, BNT_GUEST_REQUEST_PFNS_MAX,
     .fallback = "(256, or those of a page)", .draw = {.high = BNT_BALLOON_REQUEST_PFNS_MAX}, .doc = "most PFNs of one request, 4 KiB each; more than 256 only when one guest page has more"},
    {"refused_pages_max", KEY_COUNT, VM(driver.config.sizing.refused_pages_max), 1, BNT_GUEST_REFUSED_MAX, .flags = KEY_LIBRARY,
     .doc = "most refused pages that the driver holds"},
    {"interface", KEY_CHOICE, VM(driver.config.features.interface), .choices = interface_choices, .fallback = "modern",
     .draw = {.share = 60}, .doc = "which interfaces this side speaks"},
    {"queue_layout", KEY_CHOICE, VM(driver.config.queues.layout), .flags = KEY_LEFT, .choices = driver_layout_choices,
     .doc = "how the driver expects the device to number its queues"},
    {"queue_layout_preferred", KEY_CHOICE, VM(driver.config.queues.layout_preferred), .flags = KEY_LIBRARY, .choices = device_layout_choices,
     .doc = "the layout that the driver chooses when a probe finds more than one that fits"},
    {"record", KEY_CHOICE, VM(driver.config.record.kind), .choices = record_choices, .fallback = "links",
     .doc = "how the driver records the ballooned pages"},
    {"retry_min", KEY_TIME, VM(driver.config.sizing.retry_min_ns), 1, TIME_MAX, .flags = KEY_LIBRARY, .draw = {.low = 1000000, .high = SECONDS(1)}, .doc = "first back-off after a failed allocation or a refusal"},
    {"retry_max", KEY_TIME, VM(driver.config.sizing.retry_max_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = SECONDS(1), .high = SECONDS(5)}, .doc = "longest back-off: the back-off doubles up to this"},
    {"ack_timeout", KEY_TIME, VM(driver.config.requests.ack_timeout_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(5)}, .doc = "the driver reports a request as stalled when it has no answer after this time"},
    {"oom_timeout", KEY_TIME, VM(driver.config.oom.timeout_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(5)}, .doc = "how long the guest may wait for a pending OOM deflate, as the driver tells it"},
    {"oom_holdoff", KEY_TIME, VM(driver.config.oom.holdoff_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(5)}, .doc = "the driver does not inflate for this time after an OOM deflate"},
    {"recovery_tries", KEY_COUNT, VM(driver.config.recovery.tries), 0, 1000000, .flags = KEY_LIBRARY | KEY_ZERO_IS_NONE,
     .draw = {.high = 8}, .doc = "most device resets in a row with which the driver tries to leave the state `broken`; 0: it stays there"},
    {"recovery_wait_min", KEY_TIME, VM(driver.config.recovery.wait_min_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "wait before the first of these resets; it doubles up to `retry_max`"},
    {"detach", KEY_CHOICE, VM(driver.detach), .choices = detach_choices, .fallback = "quick",
     .doc = "how the driver detaches when the action `detach` does not say so, and before hibernation"},
    {"detach_timeout", KEY_TIME, VM(driver.config.detach.timeout_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 100000000, .high = SECONDS(5)}, .doc = "an orderly detach that takes longer than this ends with a device reset"},
    {"queue_reset_after", KEY_TIME, VM(driver.config.queues.reset_after_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "with `ring-reset`: the driver resets the queue of a request that has no answer after this time; 0: never"},
    {"poll", KEY_TIME, VM(driver.config.sizing.poll_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 50000000, .high = SECONDS(2)}, .doc = "the driver reads the configuration this often; 0: it relies on interrupts. On VMware's wire the length of a tick; 0: the driver's default"},
    {"report_block", KEY_SIZE, VM(driver.report_block_bytes), 0, MIB(4), .fallback = "0",
     .flags = KEY_POWER_OF_2, .doc = "size of one block of a free page report; 0: 2MiB, or one guest page if that is larger"},
    {"report_capacity", KEY_COUNT, VM(driver.config.reporting.capacity), 1, BNT_GUEST_REPORT_CAPACITY_MAX, .flags = KEY_LIBRARY,
     .doc = "most blocks of one free page report"},
    {"report_burst", KEY_COUNT, VM(driver.config.reporting.burst), 1, 65535, .flags = KEY_LIBRARY,
     .draw = {.high = 64}, .doc = "free page reports that the driver sends before it waits for `report_delay` again"},
    {"report_delay", KEY_TIME, VM(driver.config.reporting.delay_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 1000000, .high = SECONDS(3)}, .doc = "time from the moment that pages become free to their report"},
    {"hint_block", KEY_SIZE, VM(driver.config.hinting.block_pfns), BNT_PFN_BYTES, MIB(4), .flags = KEY_LIBRARY | KEY_POWER_OF_2,
     .shift = BNT_PFN_SHIFT, .doc = "size of the free blocks that the driver hints, a guest page or more"},
    {"hint_block_min", KEY_SIZE, VM(driver.config.hinting.block_pfns_min), 0, MIB(4), .fallback = "0", .flags = KEY_POWER_OF_2,
     .shift = BNT_PFN_SHIFT, .doc = "smallest block that the driver hints when no block of `hint_block` is free; 0: as `hint_block`"},
    {"hint_wait_on_ack", KEY_BOOL, VM(driver.config.hinting.wait_on_ack), .fallback = "false",
     .doc = "the driver gives no hinted page back to the guest before the device has used its buffer"},
    {"vmware_profile", KEY_CHOICE, VM(driver.profile_2010), .choices = profile_choices, .fallback = "default",
     .draw = {.share = 60}, .doc = "which of VMware's drivers it behaves as, on VMware's wire"},
    {"vmware_capabilities", KEY_FEATURES, VM(driver.config.vmware.caps), .flags = KEY_LIBRARY, .choices = capability_choices,
     .doc = "capabilities that the driver offers in START"},
    {"vmware_quirks", KEY_FEATURES, VM(driver.config.vmware.quirks), .choices = vmware_quirk_choices, .fallback = "[]",
     .draw = {.reason = "quirks of other projects: only where a profile asks for them"}, .doc = "quirks of VMware's drivers, besides the quirks of `vmware_profile`"},
    {"slack_pfns", KEY_COUNT, VM(driver.config.vmware.slack_pfns), 0, UINT32_MAX - 1, .flags = KEY_ZERO_IS_NONE,
     .fallback = "(a page of 2 MiB less one PFN; 0 with profile vmware-2010)",
     .draw = {.high = 2048}, .doc = "on VMware's wire: the driver does not deflate while the balloon exceeds its target by at most so many PFNs"},
    {"sleeping", KEY_CHOICE, VM(driver.config.sizing.sleeping), .choices = switch_choices, .fallback = "default",
     .draw = {.share = 500}, .doc = "whether the driver uses allocations that may sleep when allocations without waiting fail; by default it does so on VMware's wire only"},
    {"limit_pfns", KEY_COUNT, VM(driver.config.memory.limit_pfns), 0, UINT64_C(1) << 52, .fallback = "0",
     .draw = {.high = 65536}, .doc = "the guest's limit: the largest balloon, in PFNs, that the driver announces to the host; 0: all of its memory"},
    {"rates", KEY_MAP, .draw = {.share = 250}, .doc = "adaptive rates of inflation and deflation", .table = &rates_table},
    {.name = NULL}};
static const struct key_table driver_table = {.title = "vms[].driver", .section = "vms[].driver", .rows = driver_rows,
    .personalities = driver_personalities};

static const struct key_row device_rows[] = {
    {"personality", KEY_CHOICE, VM(device.personality), .choices = device_personality_choices, .fallback = "ballonet",
     .draw = {.reason = "devices of other projects: only where a profile asks for them"}, .doc = "the device behaves as this one: the personality sets the keys that the file does not set, `features` included (docs/use/personalities.md)"},
    {"quirks", KEY_FEATURES, VM(device.config.quirks), .choices = device_quirk_choices, .fallback = "[]",
     .draw = {.reason = "quirks of other projects: only where a profile asks for them"}, .doc = "how the device differs from ours, as other devices do"},
    {"features", KEY_FEATURES, VM(device.config.features.offered), .choices = feature_choices,
     .fallback = "(the VM's features)", .doc = "features that the device offers to the driver"},
    {"queue_size_max", KEY_COUNT, VM(device.config.queues.size_max), 1, 32768, .flags = KEY_LIBRARY,
     .draw = {.power_of_2 = true}, .doc = "most descriptors of a queue that the device allows"},
    {"interface", KEY_CHOICE, VM(device.config.features.interface), .choices = interface_choices, .fallback = "modern",
     .draw = {.share = 60}, .doc = "which interfaces this side speaks"},
    {"queue_layout", KEY_CHOICE, VM(device.config.queues.layout), .flags = KEY_LIBRARY, .choices = device_layout_choices,
     .draw = {.like = "driver.queue_layout"}, .doc = "how the device numbers its queues"},
    {"host_page_size", KEY_CHOICE, VM(device.config.memory.host_page_order), .choices = page_choices, .fallback = "4KiB",
     .doc = "size of the host's page, the unit in which the host discards memory"},
    {"ledger", KEY_CHOICE, VM(device.config.memory.ledger), .choices = ledger_choices, .fallback = "leaves",
     .doc = "how the device stores its ledger of ballooned pages"},
    {"stats_poll", KEY_TIME, VM(device.config.statistics.poll_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 100000000, .high = SECONDS(5)}, .doc = "the device asks for statistics this often; 0: only when the script says so"},
    {"stats_stale", KEY_TIME, VM(device.config.statistics.stale_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = 100000000, .high = SECONDS(5)}, .doc = "statistics older than this are stale"},
    {"stall", KEY_TIME, VM(device.config.target.stall_ns), 1, TIME_MAX, .flags = KEY_LIBRARY,
     .draw = {.low = SECONDS(1), .high = SECONDS(20)}, .doc = "a target request that makes no progress for this time ends as `stalled`"},
    {"event_interval", KEY_TIME, VM(device.config.target.event_interval_ns), 0, TIME_MAX, .fallback = "0",
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "the device emits at most one event `host.actual` in this time; 0: one for each write of actual"},
    {"ws_bins", KEY_COUNT, VM(device.config.working_set.bins), BNT_WS_BINS_MIN, BNT_WS_BINS_MAX, .flags = KEY_LIBRARY,
     .doc = "number of bins of a working-set report"},
    {"ws_interval", KEY_TIME, VM(device.ws_interval_ns), 0, SECONDS(60), .fallback = "0",
     .draw = {.low = 1000000, .high = SECONDS(2)}, .doc = "largest age of a page in the first bin; each following bin covers twice the time; 0: the guest chooses"},
    {"discard", KEY_BOOL, VM(device.discard), .fallback = "true",
     .doc = "whether the device can discard the backing of pages; if not, it retains all backing"},
    {"discard_reads_any", KEY_BOOL, VM(device.fill), .fallback = "false",
     .doc = "whether discarded memory can read as any value, such as the poison value, instead of zeroes"},
    {"hint_discard", KEY_BOOL, VM(device.config.hinting.discard), .fallback = "false",
     .doc = "whether the device discards hinted pages at once, which is unsafe unless the driver has `hint_wait_on_ack`"},
    {"hint_id_count", KEY_COUNT, VM(device.hint_ids), 0, UINT32_MAX - 1, .fallback = "0",
     .doc = "number of command ids, counted from 2, after which the device starts again; 0: all ids of 32 bits"},
    {"vmware_capabilities", KEY_FEATURES, VM(device.config.vmware.capabilities), .choices = capability_choices, .fallback = CAPABILITIES_ALL,
     .doc = "capabilities that the device offers on VMware's wire; `[basic]` is the protocol of 2010"},
    {.name = NULL}};
static const struct key_table device_table = {.title = "vms[].device", .section = "vms[].device", .rows = device_rows,
    .personalities = device_personalities};

static const struct choice wire_choices[] = {
    {"virtio", BNT_HOST_WIRE_VIRTIO, "VIRTIO's device: registers and queues"},
    {"vmware", BNT_HOST_WIRE_VMWARE, "VMware's calls"},
    {NULL, 0, NULL}};

static const struct key_row vm_rows[] = {
    {"name", KEY_NAME, VM(name), .fallback = "(vm0, vm1, ...)", .draw = {.reason = "vm0, vm1, ...: made with the VM"}, .doc = "name of the VM in the script and in metrics"},
    {"count", KEY_COUNT, VM(count), 1, SCENARIO_VMS_MAX, .flags = KEY_ASIDE, .fallback = "(one VM, and no group)",
     .draw = {.reason = "generated scenarios have single VMs"}, .doc = "number of VMs that are all described by this item, a group: `web[0]`, `web[1]` and so on"},
    {"memory", KEY_SIZE, VM(memory_bytes), KIB(64), TIB(16), .flags = KEY_REQUIRED,
     .draw = {.low = MIB(16), .high = MIB(64), .step = MIB(2)}, .doc = "guest memory, a multiple of `page_size`"},
    {"first_pfn", KEY_COUNT, VM(first_pfn), 0, BNT_VMWARE_ENTRY_PFN_MAX, .fallback = "0",
     .draw = {.share = 80, .high = UINT64_C(1) << 32, .bound = DRAW_EDGE}, .doc = "first PFN of the guest's memory, which a recording may require; a PFN of more than 32 bits needs VMware's wire"},
    {"page_size", KEY_CHOICE, VM(page_order), .choices = page_choices, .fallback = "4KiB", .draw = {.share = 100}, .doc = "size of the guest's page"},
    {"byte_order", KEY_CHOICE, VM(endian), .choices = endian_choices, .fallback = "little",
     .draw = {.share = 40}, .doc = "the guest's byte order, which matters on the wire only under the legacy interface"},
    {"swap", KEY_SIZE, VM(swap_bytes), 0, TIB(16), .fallback = "0", .draw = {.high = MIB(64), .step = MIB(2)}, .doc = "the guest's swap space"},
    {"kernel", KEY_SIZE, VM(kernel_bytes), 0, TIB(16), .fallback = "(1/16 of memory)",
     .draw = {.share = 60, .high = MIB(8), .step = MIB(2)}, .doc = "memory that the guest's kernel uses and never frees"},
    {"pinned", KEY_SIZE, VM(pinned_bytes), 0, TIB(16), .fallback = "0",
     .draw = {.share = 60, .high = MIB(8), .step = MIB(2)}, .doc = "memory that is in use for the whole run and cannot be reclaimed"},
    {"watermark_min", KEY_SIZE, VM(watermark_min_bytes), 0, TIB(16), .fallback = "0",
     .draw = {.share = 60, .high = MIB(4), .step = MIB(2)}, .doc = "allocations reclaim when less memory than this is free; 0: the value that Linux would choose"},
    {"free_list", KEY_CHOICE, VM(pages), .choices = pages_choices, .fallback = "lifo",
     .doc = "the order in which the guest's allocator hands pages out"},
    {"free_page_content", KEY_CHOICE, VM(free_content), .choices = content_choices, .fallback = "any",
     .draw = {.share = 400}, .doc = "what the guest expects of its free pages; unless it is `any`, the driver accepts the feature `poison`"},
    {"poison_val", KEY_COUNT, VM(poison_val), 0, UINT32_MAX, .fallback = "0xAAAAAAAA",
     .draw = {.share = 100}, .doc = "with `free_page_content: poison`: the value of each le32 of a free page; the default is Linux's"},
    {"wire", KEY_CHOICE, VM(wire), .choices = wire_choices, .fallback = "virtio",
     .draw = {.share = 500}, .doc = "the protocol between driver and device; VMware's has no features and no queues"},
    {"features", KEY_BOTH, VM(driver.config.features.wanted), .choices = feature_choices, .fallback = FEATURES_DEFAULT,
     .draw = {.share = 800}, .doc = "features of the driver and of the device unless they have `features` of their own"},
    {"driver", KEY_MAP, .draw = {.share = 1000}, .doc = "the balloon driver in the guest", .table = &driver_table},
    {"device", KEY_MAP, .draw = {.share = 1000}, .doc = "the balloon device in the host", .table = &device_table},
    {"link", KEY_MAP, .draw = {.share = 1000}, .doc = "the link between driver and device, and its faults", .table = &link_table},
    {"recording", KEY_FILE, VM(recording), .fallback = "(none: the real driver)",
     .draw = {.reason = "a file from outside"}, .doc = "a wire recording that takes the place of the guest's driver, relative to this file"},
    {.name = NULL}};
const struct key_table vm_keys = {
    .title = "a VM", .section = "vms[]", .rows = vm_rows, .size = sizeof(struct scenario_vm),
    .place = offsetof(struct scenario_vm, place), .items_max = SCENARIO_VMS_MAX};

#define TOP(member) FIELD(struct scenario, member)
static const struct key_row limits_rows[] = {
    {"events", KEY_COUNT, TOP(events_max), 1, UINT64_C(1000000000000), .fallback = "1000000",
     .draw = {.reason = "made with the scenario"}, .doc = "most events of a run; a run that reaches this is inconclusive"},
    {"time", KEY_TIME, TOP(time_max_ns), 1, TIME_MAX, .fallback = "(the phases' sum, or 60s)",
     .draw = {.reason = "made with the scenario"}, .doc = "longest virtual time of a run"},
    {.name = NULL}};
static const struct key_table limits_table = {.title = "limits", .section = "limits", .rows = limits_rows};

static const struct key_row machine_rows[] = {
    {"memory", KEY_SIZE, TOP(machine_memory_bytes), 0, TIB(1024), .fallback = "0",
     .draw = {.share = 500, .low = MIB(16), .high = MIB(128), .step = MIB(2)}, .doc = "the host's memory; 0: as much as all guests together have"},
    {"swap", KEY_SIZE, TOP(machine_swap_bytes), 0, TIB(1024), .fallback = "0", .draw = {.share = 1000, .low = GIB(1), .high = GIB(4), .step = MIB(2)}, .doc = "the host's swap space"},
    {.name = NULL}};
static const struct key_table machine_table = {.title = "machine", .section = "machine", .rows = machine_rows};

#define LIST(pointer, number, of) .offset = offsetof(struct scenario, pointer), .width = sizeof(void *), \
    .more = offsetof(struct scenario, number), .table = &(of)
static const struct key_row top_rows[] = {
    {"schema", KEY_COUNT, 0, 0, 1, 1, .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "version of this format: 1"},
    {"title", KEY_TEXT, TOP(title), .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "what the scenario is, in one line"},
    {"shows", KEY_TEXT, TOP(shows), .fallback = "(nothing)", .draw = {.reason = "says nothing about the run"}, .doc = "what the scenario shows, and why that matters"},
    {"seed", KEY_COUNT, TOP(seed), 0, UINT64_MAX, .fallback = "1", .draw = {.reason = "made with the scenario"}, .doc = "seed of a run without `--seed`"},
    {"limits", KEY_MAP, .draw = {.reason = "made with the scenario"}, .doc = "bounds at which a run is given up", .table = &limits_table},
    {"machine", KEY_MAP, .doc = "the host machine", .table = &machine_table},
    {"vms", KEY_LIST, LIST(vms, vm_count, vm_keys), .flags = KEY_REQUIRED, .draw = {.reason = "made with the scenario"}, .doc = "the guests, at least one"},
    {"workloads", KEY_LIST, LIST(workloads, workload_count, workload_keys), .draw = {.reason = "made with the scenario"}, .doc = "workloads that use memory in the guests"},
    {"script", KEY_LIST, LIST(actions, action_count, action_keys), .draw = {.reason = "made with the scenario"}, .doc = "actions, each at a time or after an event"},
    {"swarm", KEY_SWARM, TOP(swarms), .more = offsetof(struct scenario, swarm_count),
     .doc = "settings that each run draws anew from a range: a knob and its range `[low, high]`"},
    {"phases", KEY_LIST, LIST(phases, phase_count, phase_keys), .fallback = "(one phase `run` of limits.time)",
     .draw = {.reason = "made with the scenario"}, .doc = "phases of the run, one after the other"},
    {"expect", KEY_LIST, LIST(expects, expect_count, expect_keys), .draw = {.reason = "made with the scenario"}, .doc = "expectations, which decide whether the run passes"},
    {"regression", KEY_MAP, .flags = KEY_ASIDE, .draw = {.reason = "says nothing about the run"}, .doc = "the bug that the scenario stands for, used by the test that brings the bug back",
     .table = &regression_keys},
    {.name = NULL}};
const struct key_table scenario_keys = {.title = "a scenario", .section = "(top)", .rows = top_rows};
/* clang-format on */

bool key_applies_to_kind(const struct key_row *row, uint32_t kind)
{
    return kind == KIND_ANY || row->kinds == 0 || (row->kinds >> kind & 1u) != 0;
}

bool key_is_required(const struct key_row *row, uint32_t kind)
{
    return (row->flags & KEY_REQUIRED) != 0 ||
           (kind != KIND_ANY && (row->required >> kind & 1u) != 0);
}

const struct key_row *key_find_by_name(const struct key_table *table, const char *name,
                                       uint32_t kind)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0 && key_applies_to_kind(row, kind)) {
            return row;
        }
    }
    return NULL;
}

const struct choice *choice_find_by_name(const struct choice *choices, const char *name)
{
    for (; choices->name != NULL; choices++) {
        if (strcmp(choices->name, name) == 0) {
            return choices;
        }
    }
    return NULL;
}

const char *choice_get_name(const struct choice *choices, uint64_t value)
{
    for (; choices->name != NULL; choices++) {
        if (choices->value == value) {
            return choices->name;
        }
    }
    return "unknown";
}
