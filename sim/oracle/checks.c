/*
 * The checks after each event, the audit of counters, and the checks at the end of a run that ends
 * with a quiet phase. The world calls this file. pages.c, requests.c and device.c check each single
 * change of a page at the moment when it happens; audit.c audits pages.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

/** While the driver stops, its counters must include all pages that it has not freed yet. */
static void check_stopping_driver(struct oracle *oracle, uint32_t vm,
                                  const struct bnt_guest_info *guest, uint64_t counted)
{
    const struct shadow *shadow = &oracle->vms[vm];
    uint64_t pages = 0;
    for (int place = PLACE_TAKEN; place <= PLACE_HELD; place++) {
        pages += shadow->in_place[place];
    }
    const uint64_t with_driver = pages << shadow->config.page_order;
    const uint64_t all = counted + guest->balloon.inflight_inflate_pfns +
                         guest->balloon.inflight_deflate_pfns +
                         (guest->balloon.held_pages << shadow->config.page_order);
    if (all != with_driver) {
        oracle_record_violation(oracle, vm, INVARIANT_GUEST_COUNT,
                                "the driver counts %" PRIu64
                                " PFNs while it stops, but it holds %" PRIu64,
                                all, with_driver);
    }
}

static void check_driver_counters(struct oracle *oracle, uint32_t vm,
                                  const struct bnt_guest_info *guest)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint32_t order = shadow->config.page_order;
    const uint64_t balloon = shadow->in_place[PLACE_BALLOON] << order;
    const uint64_t inflating = shadow->in_place[PLACE_INFLATING] << order;
    const uint64_t deflating = shadow->in_place[PLACE_DEFLATING]
                               << order; /* if the guest uses a page while its deflate is in flight,
                                            the OS counts as the owner of the page */
    const uint64_t counted = guest->balloon.ballooned_pfns + (guest->balloon.stuck_pages << order);
    if (guest->state == BNT_GUEST_STOPPING || guest->state == BNT_GUEST_RECOVERING) {
        check_stopping_driver(oracle, vm, guest, counted);
        return;
    }
    if (counted != balloon || guest->balloon.inflight_inflate_pfns != inflating ||
        guest->balloon.inflight_deflate_pfns != deflating) {
        oracle_record_violation(
            oracle, vm, INVARIANT_GUEST_COUNT,
            "the driver counts %" PRIu64 " PFNs in the balloon, %" PRIu64
            " being inflated and %" PRIu64 " being deflated, but the oracle counts %" PRIu64
            ", %" PRIu64 " and %" PRIu64,
            counted, guest->balloon.inflight_inflate_pfns, guest->balloon.inflight_deflate_pfns,
            balloon, inflating, deflating);
    }
    if (shadow->in_place[PLACE_TAKEN] << order !=
            guest->balloon.migrating_pfns + (guest->unusable.held_pages << order) &&
        guest->state == BNT_GUEST_RUNNING) {
        oracle_record_violation(oracle, vm, INVARIANT_CONSERVED,
                                "the driver owns %" PRIu64
                                " pages that are neither ballooned, held nor in flight",
                                shadow->in_place[PLACE_TAKEN]);
    }
    if (shadow->in_place[PLACE_HELD] > shadow->config.refused_max) {
        oracle_record_violation(oracle, vm, INVARIANT_HELD_BOUND,
                                "the driver holds %" PRIu64
                                " refused pages, but may hold at most %" PRIu32,
                                shadow->in_place[PLACE_HELD], shadow->config.refused_max);
    }
    const bool at_work = shadow->calls && shadow->goes_on;
    if (shadow->in_place[PLACE_HELD] > 0 && guest->state == BNT_GUEST_RUNNING && !at_work &&
        shadow->in_flight == 0 && guest->balloon.ballooned_pfns == guest->balloon.target_pfns) {
        oracle_record_violation(oracle, vm, INVARIANT_HELD_RETURNED,
                                "the driver still holds %" PRIu64
                                " refused pages although the target is reached",
                                shadow->in_place[PLACE_HELD]);
    }
}

static void check_empty_after_reset(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t now_ns = engine_get_time_ns(oracle->engine);
    if (!shadow->releasing || shadow->calls) {
        return;
    }
    if (shadow->in_flight > 0) {
        shadow->releasing_since_ns = now_ns; /* the device has not completed all requests yet, so
                                                its count can be different */
    } else if (now_ns - shadow->releasing_since_ns > shadow->config.reset_empty_ns) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_EMPTY,
                                "the balloon still holds %" PRIu64 " pages %" PRIu64
                                " ns after the driver saw the reset",
                                shadow->in_place[PLACE_BALLOON],
                                now_ns - shadow->releasing_since_ns);
    }
}

bool shadow_is_settled(const struct shadow *shadow)
{
    const bool reset_done =
        !shadow->releasing && (shadow->epoch == shadow->epoch_acked || shadow->epoch_acked == 0);
    /* If the host refused START, it still has the balloon of the previous kernel. */
    const bool met = !shadow->calls || !shadow->start_refused;
    return shadow->live && !shadow->foreign && shadow->in_flight == 0 && reset_done && met &&
           shadow->unknown_pages == 0;
}

static void check_guest_and_host_agree(struct oracle *oracle, uint32_t vm)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint64_t balloon = shadow->in_place[PLACE_BALLOON] << shadow->config.page_order;
    if (shadow_is_settled(shadow) && balloon != shadow->host_pfns) {
        oracle_record_violation(oracle, vm, INVARIANT_VIEWS_AGREE,
                                "no request is in flight, but the guest counts %" PRIu64
                                " PFNs in the balloon and the host %" PRIu64,
                                balloon, shadow->host_pfns);
    }
}

/** Twice the bound is allowed, because a balloon can approach its target and move away again within
 * one step, which is not visible here. */
static void check_target_request(struct oracle *oracle, uint32_t vm,
                                 const struct bnt_host_info *host)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t now_ns = engine_get_time_ns(oracle->engine);
    const uint64_t held = host->ledger.pfns;
    const uint64_t target = host->target.target_pfns;
    const uint64_t distance = held > target ? held - target : target - held;
    const bool anew =
        shadow->request.id != shadow->target_id || shadow->request.target_pfns != target;
    if (anew || distance < shadow->request.nearest_pfns) {
        shadow->request.id = shadow->target_id;
        shadow->request.target_pfns = target;
        shadow->request.nearest_pfns = distance;
        shadow->request.since_ns = now_ns;
    } else if ((now_ns - shadow->request.since_ns) / 2 > shadow->config.stall_ns) {
        oracle_record_violation(
            oracle, vm, INVARIANT_REQUEST_ENDS,
            "request %" PRIu64 " has no outcome, although the balloon stayed %" PRIu64
            " PFNs or more away from its target for %" PRIu64 " ns",
            shadow->target_id, shadow->request.nearest_pfns, now_ns - shadow->request.since_ns);
        shadow->request.since_ns = now_ns;
    }
}

void oracle_check_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (guest != NULL) {
        check_driver_counters(oracle, vm, guest);
    }
    check_empty_after_reset(oracle, vm);
    if (shadow->target_id > shadow->ended_id) {
        check_target_request(oracle, vm, host);
    }
    oracle_check_empty_after_reset(oracle, vm);
    if (host->ledger.pfns != shadow->host_pfns) {
        oracle_record_violation(oracle, vm, INVARIANT_LEDGER_COUNT,
                                "the ledger counts %" PRIu64
                                " PFNs, but by the completed requests there are %" PRIu64,
                                host->ledger.pfns, shadow->host_pfns);
    }
    if (shadow->discard_count > 0) {
        oracle_record_violation(oracle, vm, INVARIANT_HOST_SAFETY,
                                "the host discarded PFN %" PRIu64
                                " without a request that named it",
                                shadow->discards[0].first_pfn);
        shadow->discard_count = 0;
    }
    check_guest_and_host_agree(oracle, vm);
}

/* ---- Progress ---- */

static const invariant_id progress[2] = {INVARIANT_DRIVER_PROGRESS, INVARIANT_DEVICE_PROGRESS};

void oracle_check_step_progress(struct oracle *oracle, uint32_t vm, bool device)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t now_ns = engine_get_time_ns(oracle->engine);
    const uint64_t most = ORACLE_STEPS_PER_INSTANT + shadow->config.pfns / ORACLE_PFNS_PER_STEP;
    if (shadow->step_ns[device] != now_ns) {
        shadow->step_ns[device] = now_ns;
        shadow->steps[device] = 0;
    }
    if (++shadow->steps[device] > most) {
        oracle_record_violation(oracle, vm, progress[device],
                                "a party made more than %" PRIu64 " steps in one instant", most);
        shadow->steps[device] = 0;
    }
}

/** Each library counts the steps in which it did nothing, but asked for another step
 * immediately. */
static void audit_idle_steps(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                             const struct bnt_host_info *host)
{
    const uint64_t idle[2] = {guest->idle_steps, host->idle_steps};
    for (int device = 0; device < 2; device++) {
        if (idle[device] > 0) {
            oracle_record_violation(oracle, vm, progress[device],
                                    "%" PRIu64
                                    " steps did nothing and yet asked for another step at once",
                                    idle[device]);
        }
    }
}

void oracle_audit_counters(struct oracle *oracle, uint32_t vm, const struct bnt_guest_info *guest,
                           const struct bnt_host_info *host)
{
    const uint32_t order = oracle->vms[vm].config.page_order;
    audit_idle_steps(oracle, vm, guest, host);
    const uint64_t out = guest->totals.deflated_pfns + guest->totals.reset_pfns +
                         guest->balloon.ballooned_pfns + (guest->balloon.stuck_pages << order) +
                         guest->balloon.inflight_deflate_pfns;
    if (guest->state != BNT_GUEST_STOPPING && guest->totals.inflated_pfns != out) {
        oracle_record_violation(oracle, vm, INVARIANT_GUEST_COUNT,
                                "the driver counts %" PRIu64 " PFNs inflated, and %" PRIu64
                                " deflated, reset or still ballooned",
                                guest->totals.inflated_pfns, out);
    }
    const uint64_t reporting =
        (oracle->vms[vm].in_place[PLACE_REPORTING] + oracle->vms[vm].in_place[PLACE_REPORTED])
        << order;
    if (guest->reporting.inflight_pfns != reporting) {
        oracle_record_violation(oracle, vm, INVARIANT_GUEST_COUNT,
                                "the driver counts %" PRIu64
                                " PFNs in its free page report, but there are %" PRIu64,
                                guest->reporting.inflight_pfns, reporting);
    }
    const uint64_t left = host->totals.deflated_pfns + host->totals.reset_pfns + host->ledger.pfns;
    if (host->totals.inflated_pfns != left) {
        oracle_record_violation(oracle, vm, INVARIANT_LEDGER_COUNT,
                                "the device counts %" PRIu64 " PFNs inflated, and %" PRIu64
                                " deflated, reset or still ballooned",
                                host->totals.inflated_pfns, left);
    }
}

/* ---- The end of a run ---- */

/** Whether the script set the target during the quiet phase so recently that the driver might not
 * have reached it yet.
 */
static bool is_target_request_recent(const struct oracle *oracle, uint32_t vm,
                                     uint64_t quiet_since_ns)
{
    const struct shadow *shadow = &oracle->vms[vm];
    return shadow->target_set_ns >= quiet_since_ns && shadow->request.id == shadow->target_id &&
           engine_get_time_ns(oracle->engine) - shadow->request.since_ns <= shadow->config.stall_ns;
}

/** Whether an operation began so recently that it does not have to be complete yet. The time during
 * which the VM was paused is not counted. */
static bool may_operation_be_incomplete(const struct oracle *oracle, uint32_t vm, uint64_t since_ns,
                                        uint64_t most_ns)
{
    const uint64_t now_ns = engine_get_time_ns(oracle->engine);
    const uint64_t paused_ns = oracle->vms[vm].paused_until_ns;
    const uint64_t from_ns = since_ns > paused_ns ? since_ns : paused_ns;
    return from_ns >= now_ns || now_ns - from_ns <= most_ns;
}

/** Counts the requests in flight that the device should have completed by now. */
static uint64_t count_overdue_requests(const struct oracle *oracle, uint32_t vm)
{
    const struct shadow *shadow = &oracle->vms[vm];
    uint64_t count = shadow->in_flight;
    for (uint64_t i = 0; shadow->in_flight <= SHADOW_SENT_MAX && i < shadow->in_flight; i++) {
        count -= may_operation_be_incomplete(oracle, vm, shadow->sent[i].since_ns,
                                             shadow->config.answer_ns);
    }
    return count;
}

/** Whether the script reset the balloon recently, during the quiet phase. */
static bool is_balloon_reset_recent(const struct oracle *oracle, uint32_t vm,
                                    uint64_t quiet_since_ns)
{
    const struct shadow *shadow = &oracle->vms[vm];
    return shadow->reset_ns >= quiet_since_ns &&
           may_operation_be_incomplete(oracle, vm, shadow->releasing_since_ns,
                                       shadow->config.reset_empty_ns);
}

void oracle_check_convergence(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host,
                              oracle_device device, uint64_t quiet_since_ns)
{
    const struct shadow *shadow = &oracle->vms[vm];
    if (device == ORACLE_DEVICE_SUSPENDED) {
        return;
    }
    const uint64_t news_ns = shadow->config.answer_ns + shadow->config.poll_ns;
    if (!is_target_request_recent(oracle, vm, quiet_since_ns)) {
        oracle_check_balloon_near_target(oracle, vm, host);
    }
    if (count_overdue_requests(oracle, vm) > 0) {
        oracle_record_violation(oracle, vm, INVARIANT_CONVERGES,
                                "%" PRIu64 " requests are still in flight at the end of the run",
                                count_overdue_requests(oracle, vm));
    }
    if (shadow->in_place[PLACE_REPORTING] + shadow->in_place[PLACE_REPORTED] > 0 &&
        !may_operation_be_incomplete(oracle, vm, shadow->reporting_since_ns,
                                     shadow->config.answer_ns)) {
        oracle_record_violation(
            oracle, vm, INVARIANT_CONVERGES,
            "%" PRIu64 " pages are still in a free page report at the end of the run",
            shadow->in_place[PLACE_REPORTING] + shadow->in_place[PLACE_REPORTED]);
    }
    const bool done = shadow->hint_state == BNT_HOST_HINT_DONE && shadow->hint_notified;
    if (shadow->in_place[PLACE_HINTED] > 0 && done &&
        !may_operation_be_incomplete(oracle, vm, shadow->hint_done_ns, news_ns)) {
        oracle_record_violation(oracle, vm, INVARIANT_CONVERGES,
                                "the driver still keeps %" PRIu64
                                " hinted pages although the device set the command id to DONE",
                                shadow->in_place[PLACE_HINTED]);
    }
    const bool obeys = device == ORACLE_DEVICE_LIVE && !shadow_has_refused_calls(shadow);
    if (shadow->target_id > 0 && obeys && !is_target_request_recent(oracle, vm, quiet_since_ns) &&
        host->target.outcome == BNT_OUTCOME_PENDING) {
        oracle_record_violation(oracle, vm, INVARIANT_CONVERGES,
                                "target request %" PRIu64 " has no outcome at the end of the run",
                                shadow->target_id);
    }
    if (shadow->live && obeys && shadow->releasing &&
        !is_balloon_reset_recent(oracle, vm, quiet_since_ns)) {
        oracle_record_violation(oracle, vm, INVARIANT_CONVERGES,
                                "the driver never acknowledged epoch %" PRIu32, shadow->epoch);
    }
}
