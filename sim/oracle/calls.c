/*
 * Checks VMware's wire: which answers a host may give to a call, and which calls a driver may make.
 *
 * After a reset, the host answers RESET to every call until the driver sends START. After the
 * answer RESET, the driver must not make a call about pages, and must empty its balloon before it
 * sends START. The world calls this file for each call, and checks.c calls it after each event.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_set_vmware_transport(struct oracle *oracle, uint32_t vm, uint64_t slack_pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->calls = true;
    shadow->reset_wanted = true;
    shadow->slack_pfns = slack_pfns;
}

static uint64_t count_driver_pages(const struct shadow *shadow)
{
    return shadow->in_place[PLACE_TAKEN] + shadow->in_place[PLACE_INFLATING] +
           shadow->in_place[PLACE_BALLOON] + shadow->in_place[PLACE_DEFLATING] +
           shadow->in_place[PLACE_HELD] + shadow->in_place[PLACE_HELD_PARTS];
}

/** At START the host forgets every page. So the driver must have no ballooned page then, unless it
 * is detaching. */
static void check_start_call(struct oracle *oracle, uint32_t vm, bool stopping)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (!stopping && count_driver_pages(shadow) > 0) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_SILENT,
                                "the driver sent START while it still held %" PRIu64 " pages",
                                count_driver_pages(shadow));
    }
    oracle_observe_device_reset(oracle, vm);
    shadow->epoch_acked = shadow->epoch;
    shadow->reset_wanted = false;
    shadow->reset_seen = false;
}

static void check_call_answer(struct oracle *oracle, uint32_t vm, const struct oracle_call *call)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const char *name = bnt_vmware_command_name(call->command);
    if (call->status != BNT_VMWARE_SUCCESS) {
        return;
    }
    if (shadow->reset_wanted && bnt_vmware_can_command_return_reset(call->command)) {
        oracle_record_violation(oracle, vm, INVARIANT_CALL_ANSWER,
                                "the host answered %s with SUCCESS while it waits for START", name);
    }
    if (bnt_vmware_does_command_return_target(call->command) && call->result != call->target_pfns) {
        oracle_record_violation(oracle, vm, INVARIANT_CALL_ANSWER,
                                "the host answered %s with the target %" PRIu64
                                ", but the target is %" PRIu64,
                                name, call->result, call->target_pfns);
    }
}

/** Whether a command is about pages. These are all commands whose answer contains the target,
 * except GET_TARGET. */
static bool is_page_command(uint32_t command)
{
    return bnt_vmware_does_command_return_target(command) && command != BNT_VMWARE_CMD_GET_TARGET;
}

/** Records which commands the host refused last. While the host waits for START, the answer RESET
 * does not count as a refusal. */
static void note_refused_call(struct shadow *shadow, uint32_t command, bool obliging)
{
    switch (command) {
    case BNT_VMWARE_CMD_START:
        shadow->start_refused = !obliging;
        break;
    case BNT_VMWARE_CMD_GET_TARGET:
        shadow->target_refused = !obliging;
        break;
    case BNT_VMWARE_CMD_UNLOCK:
    case BNT_VMWARE_CMD_BATCHED_UNLOCK:
    case BNT_VMWARE_CMD_BATCHED_2M_UNLOCK:
        shadow->unlock_refused = !obliging;
        break;
    default:
        break;
    }
}

void oracle_observe_call(struct oracle *oracle, uint32_t vm, const struct oracle_call *call)
{
    struct shadow *shadow = &oracle->vms[vm];
    const bool success = bnt_vmware_has_call_succeeded(call->command, call->status);
    if (shadow->reset_seen && is_page_command(call->command)) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_SILENT,
                                "the driver called %s after the answer RESET and before START",
                                bnt_vmware_command_name(call->command));
    }
    check_call_answer(oracle, vm, call);
    note_refused_call(shadow, call->command,
                      success || (call->status == BNT_VMWARE_RESET && shadow->reset_wanted));
    if (is_page_command(call->command)) {
        const bool single =
            call->command == BNT_VMWARE_CMD_LOCK || call->command == BNT_VMWARE_CMD_UNLOCK;
        shadow->call_failed = !success && !single;
    }
    if (call->command == BNT_VMWARE_CMD_START && success) {
        check_start_call(oracle, vm, call->stopping);
    } else if (call->status == BNT_VMWARE_RESET && call->command != BNT_VMWARE_CMD_START &&
               !shadow->reset_seen) {
        shadow->reset_seen = true;
        shadow->reset_seen_ns = engine_get_time_ns(oracle->engine);
    }
}

void oracle_check_empty_after_reset(struct oracle *oracle, uint32_t vm)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint64_t since_ns = engine_get_time_ns(oracle->engine) - shadow->reset_seen_ns;
    const uint64_t left = shadow->in_place[PLACE_BALLOON] + shadow->in_place[PLACE_HELD];
    if (shadow->calls && shadow->reset_seen && left > 0 &&
        since_ns > shadow->config.reset_empty_ns) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_EMPTY,
                                "the balloon still holds %" PRIu64 " pages %" PRIu64
                                " ns after the host answered a call with RESET",
                                left, since_ns);
    }
}

void oracle_check_balloon_near_target(struct oracle *oracle, uint32_t vm,
                                      const struct bnt_host_info *host)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint64_t slack = host->target.target_pfns == 0 ? 0 : shadow->slack_pfns;
    /* As long as the host refuses to unlock pages or to answer GET_TARGET, the balloon cannot
     * shrink. */
    const bool hindered = host->target.outcome == BNT_OUTCOME_REFUSED ||
                          shadow_has_refused_calls(shadow) ||
                          (shadow->hostile & ASSUMES_DEVICE) !=
                              0; /* a hostile device can claim an unlock that it did not perform */
    if (shadow->calls && shadow->live && !hindered &&
        host->ledger.pfns > host->target.target_pfns + slack) {
        oracle_record_violation(oracle, vm, INVARIANT_TARGET_SLACK,
                                "the balloon holds %" PRIu64 " PFNs, %" PRIu64
                                " more than its target; at most %" PRIu64 " more are allowed",
                                host->ledger.pfns, host->ledger.pfns - host->target.target_pfns,
                                slack);
    }
}
