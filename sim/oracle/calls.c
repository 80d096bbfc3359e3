/*
 * VMware's wire as the oracle sees it: what a call may be answered, and what a driver may call.
 *
 * From a reset on the host answers RESET, until START. From the RESET that it saw on the driver
 * speaks of no page, and has an empty balloon when it sends START.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_on_calls(struct oracle *oracle, uint32_t vm, uint64_t slack_pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->calls = true;
    shadow->reset_wanted = true;
    shadow->slack_pfns = slack_pfns;
}

static uint64_t with_driver(const struct shadow *shadow)
{
    return shadow->in_place[PLACE_TAKEN] + shadow->in_place[PLACE_INFLATING] +
           shadow->in_place[PLACE_BALLOON] + shadow->in_place[PLACE_DEFLATING] +
           shadow->in_place[PLACE_HELD] + shadow->in_place[PLACE_PARTS];
}

/** The host forgot every page; a driver that goes on has none, one that stops gives them back now.
 */
static void started(struct oracle *oracle, uint32_t vm, bool stopping)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (!stopping && with_driver(shadow) > 0) {
        oracle_violate(oracle, vm, INVARIANT_RESET_SILENT,
                       "START was sent with %" PRIu64 " pages still with the driver",
                       with_driver(shadow));
    }
    oracle_device_reset(oracle, vm);
    shadow->epoch_acked = shadow->epoch;
    shadow->reset_wanted = false;
    shadow->reset_seen = false;
}

static void answered(struct oracle *oracle, uint32_t vm, const struct oracle_call *call)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const char *name = bnt_vmware_command_name(call->command);
    if (call->status != BNT_VMWARE_SUCCESS) {
        return;
    }
    if (shadow->reset_wanted && bnt_vmware_command_checked(call->command)) {
        oracle_violate(oracle, vm, INVARIANT_CALL_ANSWER,
                       "%s was answered by success while the host waits for START", name);
    }
    if (bnt_vmware_command_targets(call->command) && call->result != call->target_pfns) {
        oracle_violate(oracle, vm, INVARIANT_CALL_ANSWER,
                       "%s brought the target %" PRIu64 ", which is %" PRIu64, name, call->result,
                       call->target_pfns);
    }
}

/** Whether a command speaks of pages: those that bring the target, but GET_TARGET. */
static bool of_pages(uint32_t command)
{
    return bnt_vmware_command_targets(command) && command != BNT_VMWARE_CMD_GET_TARGET;
}

/** What the host will not do, as its last answer has it; to want a reset is no refusal. */
static void refusals(struct shadow *shadow, uint32_t command, bool obliging)
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

void oracle_call(struct oracle *oracle, uint32_t vm, const struct oracle_call *call)
{
    struct shadow *shadow = &oracle->vms[vm];
    const bool success = bnt_vmware_succeeded(call->command, call->status);
    if (shadow->reset_seen && of_pages(call->command)) {
        oracle_violate(oracle, vm, INVARIANT_RESET_SILENT,
                       "%s was called after RESET and before START",
                       bnt_vmware_command_name(call->command));
    }
    answered(oracle, vm, call);
    refusals(shadow, call->command,
             success || (call->status == BNT_VMWARE_RESET && shadow->reset_wanted));
    if (of_pages(call->command)) {
        const bool single =
            call->command == BNT_VMWARE_CMD_LOCK || call->command == BNT_VMWARE_CMD_UNLOCK;
        shadow->call_failed = !success && !single;
    }
    if (call->command == BNT_VMWARE_CMD_START && success) {
        started(oracle, vm, call->stopping);
    } else if (call->status == BNT_VMWARE_RESET && call->command != BNT_VMWARE_CMD_START &&
               !shadow->reset_seen) {
        shadow->reset_seen = true;
        shadow->reset_seen_ns = engine_now(oracle->engine);
    }
}

void oracle_check_calls(struct oracle *oracle, uint32_t vm)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint64_t since_ns = engine_now(oracle->engine) - shadow->reset_seen_ns;
    const uint64_t left = shadow->in_place[PLACE_BALLOON] + shadow->in_place[PLACE_HELD];
    if (shadow->calls && shadow->reset_seen && left > 0 &&
        since_ns > shadow->config.reset_empty_ns) {
        oracle_violate(oracle, vm, INVARIANT_RESET_EMPTY,
                       "the balloon still holds %" PRIu64 " pages %" PRIu64
                       " ns after a call was answered by RESET",
                       left, since_ns);
    }
}

void oracle_check_slack(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint64_t slack = host->target_pfns == 0 ? 0 : shadow->slack_pfns;
    /* A host that refuses to unlock, or to tell the target, is what keeps it there. */
    const bool hindered = host->outcome == BNT_OUTCOME_REFUSED || shadow_hindered(shadow) ||
                          (shadow->hostile & ASSUMES_DEVICE) != 0; /* it may say that it did */
    if (shadow->calls && shadow->live && !hindered &&
        host->balloon_pfns > host->target_pfns + slack) {
        oracle_violate(oracle, vm, INVARIANT_TARGET_SLACK,
                       "the balloon holds %" PRIu64 " PFNs, %" PRIu64
                       " above its target, and may hold %" PRIu64 " more than it",
                       host->balloon_pfns, host->balloon_pfns - host->target_pfns, slack);
    }
}
