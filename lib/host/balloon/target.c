/*
 * Target requests. Each target request ends with exactly one outcome.
 *
 * The ledger decides whether a target is reached, not the guest's `actual`. Two bounds limit a
 * target request: the caller's timeout, and the stall bound, which restarts whenever the balloon
 * comes nearer to the target than ever before. The bound that passes first ends the request.
 */
#include "lib/host/balloon/host_balloon.h"

#include "lib/base/pack.h"

/** Rounds a target up to whole guest pages, and limits it to the guest's memory. */
static uint64_t round_target(const struct bnt_host *host, uint64_t pfns)
{
    const uint64_t less = (UINT64_C(1) << host->config.memory.page_order) - 1;

    return bnti_host_min((pfns + less) & ~less, host->memory_pfns);
}

/** The only function that begins a target request, or ends it with an outcome. */
static void set_target_outcome(struct bnti_host_target *target, bnt_outcome outcome)
{
    BNTI_ASSERT(target->pending == (outcome != BNT_OUTCOME_PENDING));
    target->pending = outcome == BNT_OUTCOME_PENDING;
    target->outcome = outcome;
}

static void end_target(struct bnt_host *host, bnt_outcome outcome)
{
    struct bnti_host_target *target = &host->target;

    set_target_outcome(target, outcome);
    bnti_host_emit_event(host, BNT_HOST_EVENT_OUTCOME, target->id, (uint64_t)outcome);
}

/**
 * Number of PFNs between the balloon and the wanted target. The guest's limit is ignored.
 */
static uint64_t distance_to_target(const struct bnt_host *host)
{
    const uint64_t held = host->ledger.ballooned;
    const uint64_t wanted = round_target(host, host->target.wanted);

    return held > wanted ? held - wanted : wanted - held;
}

void bnti_host_target_note_progress(struct bnt_host *host)
{
    struct bnti_host_target *target = &host->target;
    const uint64_t distance = distance_to_target(host);

    /* A guest that inflates and deflates in turn does not come nearer. */
    if (distance < target->nearest) {
        target->nearest = distance;
        target->progressed = true;
        target->stall_at_ns = bnti_host_add_time(host->now_ns, host->config.target.stall_ns);
    }
    bnti_host_target_check(host);
}

/** Whether the balloon is at its target, or above it by no more than the slack. */
static bool is_target_met(const struct bnt_host *host)
{
    const uint64_t held = host->ledger.ballooned;
    const uint64_t pfns = host->target.pfns;
    const uint64_t slack = pfns == 0 ? 0 : host->config.target.slack_pfns;

    return held >= pfns && held - pfns <= slack;
}

void bnti_host_mark_target_refused(struct bnt_host *host)
{
    host->target.refused = true;
}

void bnti_host_target_check(struct bnt_host *host)
{
    const struct bnti_host_target *target = &host->target;

    if (target->pending && is_target_met(host)) {
        const bool limited = host->limit_pfns != 0 && target->wanted > host->limit_pfns;
        end_target(host, limited ? BNT_OUTCOME_LIMITED : BNT_OUTCOME_REACHED);
    }
}

void bnti_host_target_end_by_reset(struct bnt_host *host)
{
    if (host->target.pending) {
        end_target(host, BNT_OUTCOME_RESET);
    }
}

uint64_t bnti_host_poll_target_timeouts(struct bnt_host *host)
{
    const struct bnti_host_target *target = &host->target;
    /* While the device is suspended, the guest cannot act and does not count as stalled. */
    const uint64_t stall_at_ns = bnt_dev_is_suspended(&host->dev) ? BNT_NEVER : target->stall_at_ns;
    const uint64_t next = bnti_host_min(target->timeout_at_ns, stall_at_ns);

    if (!target->pending) {
        return BNT_NEVER;
    }
    if (next == BNT_NEVER || host->now_ns < next) {
        return next;
    }
    if (target->timeout_at_ns <= stall_at_ns && target->progressed) {
        end_target(host, BNT_OUTCOME_TIMED_OUT);
    } else {
        end_target(host, target->refused ? BNT_OUTCOME_REFUSED : BNT_OUTCOME_STALLED);
    }
    return BNT_NEVER;
}

/** Whether the device is allowed to announce a target now. Configuration space must not change
 * while the device is suspended (VG-39). While NEEDS_RESET is set, no driver follows a target, and
 * Linux would wait for ever. */
static bool can_announce_target(const struct bnt_host *host)
{
    return !bnt_dev_is_suspended(&host->dev) &&
           (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0;
}

/** Announces the wanted target, limited by the guest's limit. */
static void apply_target(struct bnt_host *host)
{
    struct bnti_host_target *target = &host->target;
    const uint64_t limit = host->limit_pfns != 0 ? host->limit_pfns : UINT64_MAX;
    const uint64_t pfns = bnti_host_min(target->wanted, limit);

    if (target->num_pages != pfns && can_announce_target(host)) {
        target->num_pages = (uint32_t)pfns;
        bnti_host_raise_generation(host);
        host->wire->target_announce(host);
    }
    target->pfns = round_target(host, pfns);
}

void bnti_host_announce_deferred_target(struct bnt_host *host)
{
    apply_target(host);
    host->target.stall_at_ns = bnti_host_add_time(host->now_ns, host->config.target.stall_ns);
}

void bnti_host_target_set_limit(struct bnt_host *host, uint64_t pfns)
{
    if (host->limit_pfns == pfns) {
        return;
    }
    host->limit_pfns = pfns;
    apply_target(host);
    bnti_host_emit_event(host, BNT_HOST_EVENT_LIMIT, pfns, host->target.num_pages);
    bnti_host_target_check(host);
}

static void begin_target(struct bnt_host *host, uint64_t pfns, uint64_t timeout_ns)
{
    struct bnti_host_target *target = &host->target;
    const uint32_t told = target->num_pages;

    if (target->pending) {
        end_target(host, BNT_OUTCOME_SUPERSEDED);
    }
    target->wanted = pfns;
    apply_target(host);
    /* If a driver deflated because of an OOM and the target did not change, it inflates again only
     * after an announcement. */
    if (target->num_pages == told && !is_target_met(host) &&
        (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0) {
        host->wire->target_announce(host);
    }
    target->nearest = distance_to_target(host);
    target->last_id++;
    target->id = target->last_id;
    set_target_outcome(target, BNT_OUTCOME_PENDING);
    target->progressed = false;
    target->refused = false;
    target->stall_at_ns = bnti_host_add_time(host->now_ns, host->config.target.stall_ns);
    target->timeout_at_ns =
        timeout_ns == 0 ? BNT_NEVER : bnti_host_add_time(host->now_ns, timeout_ns);
}

bnt_status bnt_host_target_set(struct bnt_host *host, uint64_t now_ns, uint64_t pfns,
                               uint64_t timeout_ns, uint64_t *id)
{
    bnti_host_busy before;

    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    if (pfns > host->memory_pfns) {
        bnti_host_leave_call(host, before);
        return BNT_E_LIMIT;
    }
    bnti_host_set_clock(host, now_ns);
    begin_target(host, pfns, timeout_ns);
    if (id != NULL) {
        *id = host->target.id;
    }
    bnti_host_target_check(host);
    bnti_host_leave_call(host, before);
    return BNT_OK;
}

bnt_status bnt_host_guest_memory_set(struct bnt_host *host, uint64_t now_ns, uint64_t pfns,
                                     uint64_t timeout_ns, uint64_t *id)
{
    if (pfns > host->memory_pfns) {
        return host->busy != BNTI_HOST_IDLE ? BNT_E_REENTRANT : BNT_E_LIMIT;
    }
    return bnt_host_target_set(host, now_ns, host->memory_pfns - pfns, timeout_ns, id);
}

void bnti_host_save_or_load_target(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_target *target = &host->target;
    uint32_t outcome = (uint32_t)target->outcome;

    bnti_save_or_load_u64(pack, &host->limit_pfns);
    bnti_save_or_load_u64(pack, &target->wanted);
    bnti_save_or_load_u32(pack, &target->num_pages);
    bnti_save_or_load_u64(pack, &target->pfns);
    bnti_save_or_load_u64(pack, &target->id);
    bnti_save_or_load_u64(pack, &target->last_id);
    bnti_save_or_load_u32(pack, &outcome);
    bnti_save_or_load_deadline(pack, &target->timeout_at_ns);
    bnti_save_or_load_deadline(pack, &target->stall_at_ns);
    bnti_save_or_load_bool(pack, &target->pending);
    bnti_save_or_load_u64(pack, &target->nearest);
    bnti_save_or_load_bool(pack, &target->progressed);
    bnti_save_or_load_bool(pack, &target->refused);
    bnti_pack_fail_load_unless(
        pack, !(outcome >= BNT_OUTCOME_COUNT || target->id > target->last_id ||
                target->wanted > host->memory_pfns || target->pfns > host->memory_pfns ||
                target->num_pages > host->memory_pfns ||
                (target->pending && outcome != BNT_OUTCOME_PENDING)));
    target->outcome = pack->failed ? BNT_OUTCOME_PENDING : (bnt_outcome)outcome;
}
