/*
 * Checks num_pages and actual: what the driver does to reach the target, and when it writes the
 * size of its balloon (VIRTIO 1.4, 5.5.6.1). The target is the value of num_pages that the driver
 * read last, since a driver cannot follow a target that it does not know. The size of the balloon
 * is counted from requests and their answers (places.c). inflate.c and deflate.c report to this
 * file what the driver did.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>
#include <string.h>

#define IDLE_NS \
    UINT64_C(1000000000) /**< if a driver does nothing for this time, it ignores its target */
#define CALM_NS UINT64_C(40000000000) /**< longer than any driver waits after an OOM deflate */

/* ---- What the driver did ---- */

void target_note_driver_effort(struct watch *watch, bool failed)
{
    watch->target.effort_ns = watch_get_time_ns(watch);
    watch->target.effort_failed = failed;
}

void target_note_balloon_change(struct watch *watch, bool changed)
{
    watch->target.changes += changed;
}

void target_note_oom_deflate(struct watch *watch)
{
    watch->target.oom_ns = watch_get_time_ns(watch);
    target_note_driver_effort(watch, true);
}

static void observe_failed_allocation(struct watch *watch)
{
    target_note_driver_effort(watch, true);
}

/* ---- Configuration ---- */

static void observe_config_read(struct watch *watch, uint32_t offset, const void *data,
                                uint32_t bytes)
{
    if (offset == BNT_BALLOON_CONFIG_NUM_PAGES && bytes >= 4) {
        bnt_le32 value;
        memcpy(&value, data, sizeof value);
        watch->target.num_pages_known = bnt_le32_to_cpu(value);
        watch->target.num_pages_read = true;
    }
}

static void observe_config_write(struct watch *watch, uint32_t offset, const void *data,
                                 uint32_t bytes)
{
    struct watch_target *target = &watch->target;
    if (offset != BNT_BALLOON_CONFIG_ACTUAL || bytes != 4) {
        return;
    }
    bnt_le32 value;
    memcpy(&value, data, sizeof value);
    target->actual = bnt_le32_to_cpu(value);
    mark_answers_as_read(watch);
    if (target->changes > 0) {
        clause_count_use(watch, DRV, CLAUSE_BD_14);
    }
    if (target->changes > 1) {
        clause_count_use(watch, DRV, CLAUSE_BD_15);
    }
    target->changes = 0;
}

static void observe_config_interrupt_arrived(struct watch *watch)
{
    watch->target.num_pages_notified = true;
}

static void observe_driver_ok(struct watch *watch)
{
    watch->target.unseen_reported = false;
    target_note_driver_effort(watch, false);
}

static void observe_reset(struct watch *watch)
{
    struct watch_target *target = &watch->target;
    target->changes = 0;
    target->actual = 0;
    target->num_pages_read = false;
    target->num_pages_notified = false;
    target->num_pages_known = 0;
    target->deficit_since_ns = 0;
    target->was_paused = false;
}

/* ---- Time ---- */

/** For how long the driver has not inflated towards its target although it could. */
static uint64_t compute_driver_idle_ns(const struct watch *watch)
{
    const struct watch_target *target = &watch->target;
    uint64_t since_ns =
        target->effort_ns > target->deficit_since_ns ? target->effort_ns : target->deficit_since_ns;
    since_ns = since_ns > watch->stalled_until_ns ? since_ns : watch->stalled_until_ns;
    return since_ns < watch_get_time_ns(watch) ? watch_get_time_ns(watch) - since_ns : 0;
}

/** The target that the driver can know: the device's target if the notification about it has
 * arrived. */
static uint32_t get_target_known_to_driver(const struct watch *watch)
{
    const struct watch_target *target = &watch->target;
    return target->num_pages_notified ? target->num_pages : target->num_pages_known;
}

/** A driver must read a target that was set before DRIVER_OK, since no interrupt announces it. */
static void check_target_read(struct watch *watch)
{
    struct watch_target *target = &watch->target;
    if (watch->live && !target->was_paused && !target->num_pages_read && target->num_pages > 0 &&
        !target->unseen_reported && !watch->config.foreign &&
        compute_driver_idle_ns(watch) > IDLE_NS) {
        clause_count_violation(watch, DRV, CLAUSE_BD_4,
                               "the driver never reads num_pages, which is %" PRIu32,
                               target->num_pages);
        target->unseen_reported = true;
    }
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    struct watch_target *target = &watch->target;
    bnt_le32 value;
    memcpy(&value, device->config + BNT_BALLOON_CONFIG_NUM_PAGES, sizeof value);
    target->num_pages_notified =
        target->num_pages_notified && target->num_pages == bnt_le32_to_cpu(value);
    target->num_pages = bnt_le32_to_cpu(value);
    const bool paused = is_device_paused(watch);
    if (paused || target->was_paused) {
        target->effort_ns =
            watch_get_time_ns(watch); /* the driver must not use a suspended device (VG-36) */
    }
    target->was_paused = paused;
    check_target_read(watch);
    const bool deficit =
        watch->live && get_target_known_to_driver(watch) > pages_count_ballooned(watch);
    if (!deficit) {
        target->deficit_since_ns = 0;
    } else if (target->deficit_since_ns == 0) {
        target->deficit_since_ns = watch_get_time_ns(watch) > 0 ? watch_get_time_ns(watch) : 1;
    }
}

/** If a run ends without active faults, the driver must have inflated as far as it can, and must
 * have written actual. */
static void observe_run_end(struct watch *watch, bool quiet)
{
    struct watch_target *target = &watch->target;
    const uint64_t now_ns = watch_get_time_ns(watch);
    const uint64_t moving = watch->pages.in[PAGE_INFLATING] + watch->pages.in[PAGE_DEFLATING];
    if (!quiet || !watch->live || moving > 0 || watch->extension.releasing || watch->emptying ||
        watch->given_up || is_device_paused(watch)) {
        return;
    }
    if (target->changes > 0) {
        clause_require(watch, DRV, CLAUSE_BD_14, target->actual == pages_count_ballooned(watch),
                       "the driver does not update actual, which is %" PRIu32
                       " although the balloon has %" PRIu64 " PFNs",
                       target->actual, pages_count_ballooned(watch));
    }
    const bool calm = target->oom_ns == 0 || now_ns - target->oom_ns > CALM_NS;
    if (target->deficit_since_ns > 0 && !target->effort_failed && calm &&
        compute_driver_idle_ns(watch) > IDLE_NS) {
        clause_count_violation(watch, DRV, CLAUSE_BD_4,
                               "the driver does not inflate although the target is %" PRIu32
                               " and the balloon has %" PRIu64,
                               get_target_known_to_driver(watch), pages_count_ballooned(watch));
    }
}

const struct watcher watch_target_watcher = {
    .reset = observe_reset,
    .live = observe_driver_ok,
    .pages_refused = observe_failed_allocation,
    .config_read = observe_config_read,
    .config_write = observe_config_write,
    .config_arrived = observe_config_interrupt_arrived,
    .event_end = observe_event_end,
    .end = observe_run_end,
};
