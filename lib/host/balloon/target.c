/*
 * Target requests and how they end: exactly one outcome for each.
 *
 * Judged by the ledger, never by what the guest says. Two bounds run: the stall bound, which starts
 * anew whenever the ledger is nearer to the target than ever since it was set, and the caller's
 * timeout. The earlier one ends the request.
 */
#include "lib/host/balloon/host_balloon.h"

#include "lib/base/pack.h"

/** Rounds up to the guest's page, as far as there is memory. */
static uint64_t target_round(const struct bnt_host *host, uint64_t pfns)
{
    const uint64_t less = (UINT64_C(1) << host->config.memory.page_order) - 1;

    return bnti_host_min((pfns + less) & ~less, host->memory_pfns);
}

/** The one transition of a request: it begins, or ends with an outcome. */
static void target_transition(struct bnti_host_target *target, bnt_outcome outcome)
{
    BNTI_ASSERT(target->pending == (outcome != BNT_OUTCOME_PENDING));
    target->pending = outcome == BNT_OUTCOME_PENDING;
    target->outcome = outcome;
}

static void target_end(struct bnt_host *host, bnt_outcome outcome)
{
    struct bnti_host_target *target = &host->target;

    target_transition(target, outcome);
    bnti_host_event_emit(host, BNT_HOST_EVENT_OUTCOME, target->id, (uint64_t)outcome);
}

/** PFNs between the ledger and what the embedder wants, whatever limit the guest tells. */
static uint64_t target_distance(const struct bnt_host *host)
{
    const uint64_t held = host->ledger.ballooned;
    const uint64_t wanted = target_round(host, host->target.wanted);

    return held > wanted ? held - wanted : wanted - held;
}

void bnti_host_target_progress(struct bnt_host *host)
{
    struct bnti_host_target *target = &host->target;
    const uint64_t distance = target_distance(host);

    /* A guest that swings comes no nearer, however much it moves. */
    if (distance < target->nearest) {
        target->nearest = distance;
        target->progressed = true;
        target->stall_at_ns = bnti_host_after(host->now_ns, host->config.target.stall_ns);
    }
    bnti_host_target_judge(host);
}

/** At the target, or above it by what the guest does not deflate for. */
static bool target_met(const struct bnt_host *host)
{
    const uint64_t held = host->ledger.ballooned;
    const uint64_t pfns = host->target.pfns;
    const uint64_t slack = pfns == 0 ? 0 : host->config.target.slack_pfns;

    return held >= pfns && held - pfns <= slack;
}

void bnti_host_target_note_refusal(struct bnt_host *host)
{
    host->target.refused = true;
}

void bnti_host_target_judge(struct bnt_host *host)
{
    const struct bnti_host_target *target = &host->target;

    if (target->pending && target_met(host)) {
        const bool limited = host->limit_pfns != 0 && target->wanted > host->limit_pfns;
        target_end(host, limited ? BNT_OUTCOME_LIMITED : BNT_OUTCOME_REACHED);
    }
}

void bnti_host_target_reset(struct bnt_host *host)
{
    if (host->target.pending) {
        target_end(host, BNT_OUTCOME_RESET);
    }
}

uint64_t bnti_host_target_deadline(struct bnt_host *host)
{
    const struct bnti_host_target *target = &host->target;
    /* A suspended guest does not stall: it cannot do anything. */
    const uint64_t stall_at_ns = bnt_dev_suspended(&host->dev) ? BNT_NEVER : target->stall_at_ns;
    const uint64_t next = bnti_host_min(target->timeout_at_ns, stall_at_ns);

    if (!target->pending) {
        return BNT_NEVER;
    }
    if (next == BNT_NEVER || host->now_ns < next) {
        return next;
    }
    if (target->timeout_at_ns <= stall_at_ns && target->progressed) {
        target_end(host, BNT_OUTCOME_TIMED_OUT);
    } else {
        target_end(host, target->refused ? BNT_OUTCOME_REFUSED : BNT_OUTCOME_STALLED);
    }
    return BNT_NEVER;
}

/** Whether the guest may be told now. What a driver reads does not change while the device is
 * suspended (VG-39); with NEEDS_RESET no driver follows it, and Linux waits for that for ever. */
static bool target_tellable(const struct bnt_host *host)
{
    return !bnt_dev_suspended(&host->dev) &&
           (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0;
}

/** What the guest is told: the embedder's wish, as far as the guest's limit allows it. */
static void target_apply(struct bnt_host *host)
{
    struct bnti_host_target *target = &host->target;
    const uint64_t limit = host->limit_pfns != 0 ? host->limit_pfns : UINT64_MAX;
    const uint64_t pfns = bnti_host_min(target->wanted, limit);

    if (target->num_pages != pfns && target_tellable(host)) {
        target->num_pages = (uint32_t)pfns;
        bnti_host_generation_raise(host);
        host->wire->target_announce(host);
    }
    target->pfns = target_round(host, pfns);
}

void bnti_host_target_resume(struct bnt_host *host)
{
    target_apply(host);
    host->target.stall_at_ns = bnti_host_after(host->now_ns, host->config.target.stall_ns);
}

void bnti_host_target_limit(struct bnt_host *host, uint64_t pfns)
{
    if (host->limit_pfns == pfns) {
        return;
    }
    host->limit_pfns = pfns;
    target_apply(host);
    bnti_host_event_emit(host, BNT_HOST_EVENT_LIMIT, pfns, host->target.num_pages);
    bnti_host_target_judge(host);
}

static void target_begin(struct bnt_host *host, uint64_t pfns, uint64_t timeout_ns)
{
    struct bnti_host_target *target = &host->target;
    const uint32_t told = target->num_pages;

    if (target->pending) {
        target_end(host, BNT_OUTCOME_SUPERSEDED);
    }
    target->wanted = pfns;
    target_apply(host);
    /* A driver that deflated under this very target (out of memory) waits for a word to inflate. */
    if (target->num_pages == told && !target_met(host) &&
        (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) == 0) {
        host->wire->target_announce(host);
    }
    target->nearest = target_distance(host);
    target->last_id++;
    target->id = target->last_id;
    target_transition(target, BNT_OUTCOME_PENDING);
    target->progressed = false;
    target->refused = false;
    target->stall_at_ns = bnti_host_after(host->now_ns, host->config.target.stall_ns);
    target->timeout_at_ns = timeout_ns == 0 ? BNT_NEVER : bnti_host_after(host->now_ns, timeout_ns);
}

bnt_status bnt_host_target_set(struct bnt_host *host, uint64_t now_ns, uint64_t pfns,
                               uint64_t timeout_ns, uint64_t *id)
{
    bnti_host_busy before;

    if (!bnti_host_enter(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    if (pfns > host->memory_pfns) {
        bnti_host_leave(host, before);
        return BNT_E_LIMIT;
    }
    bnti_host_clock(host, now_ns);
    target_begin(host, pfns, timeout_ns);
    if (id != NULL) {
        *id = host->target.id;
    }
    bnti_host_target_judge(host);
    bnti_host_leave(host, before);
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

void bnti_host_target_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_target *target = &host->target;
    uint32_t outcome = (uint32_t)target->outcome;

    bnti_pack_u64(pack, &host->limit_pfns);
    bnti_pack_u64(pack, &target->wanted);
    bnti_pack_u32(pack, &target->num_pages);
    bnti_pack_u64(pack, &target->pfns);
    bnti_pack_u64(pack, &target->id);
    bnti_pack_u64(pack, &target->last_id);
    bnti_pack_u32(pack, &outcome);
    bnti_pack_deadline(pack, &target->timeout_at_ns);
    bnti_pack_deadline(pack, &target->stall_at_ns);
    bnti_pack_bool(pack, &target->pending);
    bnti_pack_u64(pack, &target->nearest);
    bnti_pack_bool(pack, &target->progressed);
    bnti_pack_bool(pack, &target->refused);
    bnti_pack_require(pack,
                      !(outcome >= BNT_OUTCOME_COUNT || target->id > target->last_id ||
                        target->wanted > host->memory_pfns || target->pfns > host->memory_pfns ||
                        target->num_pages > host->memory_pfns ||
                        (target->pending && outcome != BNT_OUTCOME_PENDING)));
    target->outcome = pack->failed ? BNT_OUTCOME_PENDING : (bnt_outcome)outcome;
}
