/*
 * The calls of VMware's wire. These calls replace registers and queues, and use the same ledger,
 * rules, target and reset.
 *
 * A call is served at once, and its return value is the answer. Only the batch page is guest
 * memory; it is read a single time and written a single time, by bounded copies. Each verdict
 * corresponds to a status. The commands are rows of a table. The guest is not trusted: a command
 * that is unknown or not negotiated is answered with CMD_INVALID. wire/host_vmware.c stores what
 * was negotiated.
 */
#include "lib/host/host_front.h"

/** How one command is served. */
struct vmware_command {
    int32_t (*serve)(struct bnt_host *host, const struct vmware_command *command, uint64_t arg1,
                     uint64_t arg2);
    uint64_t needs; /**< capabilities that must be negotiated */
    bool inflate;
    uint32_t unit_pfns;
};

static void note_call_misuse(struct bnt_host *host, bnt_fault fault, uint64_t pfn, uint64_t found)
{
    bnti_host_misuse_clear(host);
    bnti_host_misuse_report(host, fault, BNT_BALLOON_QUEUE_INFLATE, 0, pfn, found);
}

/* ---- Negotiation ---- */

/** Ends the session of an earlier START: all pages return to the guest, and the doorbell is
 * cleared. */
static void end_session(struct bnt_host *host)
{
    if (host->vmware.started) {
        const uint64_t pfns = bnti_host_release_all_pages(host);
        bnti_host_target_end_by_reset(host);
        bnti_host_emit_event(host, BNT_HOST_EVENT_DEVICE_RESET, pfns, 0);
    }
    bnti_host_vmware_end_session(host);
    bnti_host_target_set_limit(host, 0);
}

/** The capabilities of both sides, without bit 0 and unknown bits. Every guest has BASIC. */
static uint64_t find_common_capabilities(const struct bnt_host *host, uint64_t asked)
{
    const uint64_t offered = host->config.vmware.capabilities | BNT_VMWARE_CAP_BASIC;

    return (offered & asked & BNT_VMWARE_CAPS_ALL) | BNT_VMWARE_CAP_BASIC;
}

static int32_t serve_start_call(struct bnt_host *host, const struct vmware_command *command,
                                uint64_t arg1, uint64_t arg2)
{
    const uint64_t common = find_common_capabilities(host, arg1);

    (void)command;
    (void)arg2;
    end_session(host);
    bnti_host_vmware_start_session(host, common);
    bnti_host_emit_event(host, BNT_HOST_EVENT_DRIVER_OK, common, 0);
    if (host->epoch_ack != host->epoch) {
        bnti_host_acknowledge_epoch(host, host->epoch);
    }
    /* For a guest of 2010, only this status means success. Its protocol version has the value of
     * the bit BASIC. */
    return common == BNT_VMWARE_CAP_BASIC ? BNT_VMWARE_SUCCESS
                                          : BNT_VMWARE_SUCCESS_WITH_CAPABILITIES;
}

static int32_t serve_guest_id_call(struct bnt_host *host, const struct vmware_command *command,
                                   uint64_t arg1, uint64_t arg2)
{
    (void)command;
    (void)arg2;
    bnti_host_vmware_set_guest(host, arg1);
    return BNT_VMWARE_SUCCESS;
}

static int32_t serve_doorbell_call(struct bnt_host *host, const struct vmware_command *command,
                                   uint64_t arg1, uint64_t arg2)
{
    (void)command;
    bnti_host_vmware_set_doorbell(host, arg1, arg2);
    return BNT_VMWARE_SUCCESS;
}

static int32_t serve_get_target_call(struct bnt_host *host, const struct vmware_command *command,
                                     uint64_t arg1, uint64_t arg2)
{
    (void)command;
    (void)arg2;
    /* The register has 32 bits, so a larger limit would be truncated to a wrong value. */
    if (arg1 > BNT_VMWARE_PFNS_MAX_32 &&
        (host->vmware.capabilities & BNT_VMWARE_CAP_64_BIT_TARGET) == 0) {
        note_call_misuse(host, BNT_FAULT_CALL_LIMIT, 0, arg1);
        return BNT_VMWARE_CMD_INVALID;
    }
    bnti_host_target_set_limit(host, arg1);
    return BNT_VMWARE_SUCCESS;
}

/* ---- Pages ---- */

static struct bnti_host_judge set_up_call_judge(const struct bnt_host *host,
                                                const struct vmware_command *command)
{
    /* An unlock is never NOT_NEEDED: guests also migrate pages and shrink the balloon at or below
     * the target. */
    const struct bnti_host_judge judge = {
        .inflate = command->inflate,
        .verdicts = true,
        .deniable = true,
        .bounded = command->inflate,
        .ruled = bnti_host_is_refusal_possible(host, command->inflate),
        .page = UINT64_MAX,
        .unit_pfns = command->unit_pfns,
    };
    return judge;
}

/** Decides the verdicts of n PFNs in host->pfns, and writes them to host->response. */
static void serve_pfns(struct bnt_host *host, const struct vmware_command *command, uint32_t n)
{
    struct bnti_host_judge judge = set_up_call_judge(host, command);
    const struct bnt_host_request request = {.inflate = command->inflate,
                                             .pfn_count = n,
                                             .pfns = host->pfns,
                                             .pfn_base = host->pfn_base,
                                             .epoch = host->epoch,
                                             .verdicts = host->response,
                                             .pfns_each = command->unit_pfns};

    host->count.wire.requests++;
    (void)bnti_host_decide_pfns(host, &judge, 0, n, UINT32_MAX, host->response);
    bnti_host_count_verdicts(host, host->response, n, command->unit_pfns);
    if (host->ops.request != NULL) {
        host->ops.request(host->opaque, &request);
    }
    if (judge.changed) {
        bnti_host_target_note_progress(host);
    }
}

/** Whether a PFN fits into host->pfns. A PFN that does not fit is outside the guest's memory. */
static bool does_pfn_fit(const struct bnt_host *host, uint64_t pfn)
{
    return pfn >= host->pfn_base && pfn - host->pfn_base <= BNT_PFN_MAX;
}

static int32_t serve_single_page_call(struct bnt_host *host, const struct vmware_command *command,
                                      uint64_t arg1, uint64_t arg2)
{
    (void)arg2;
    /* The argument is a register of 32 bits. */
    if (arg1 > BNT_PFN_MAX || !does_pfn_fit(host, arg1)) {
        host->count.wire.verdicts[BNT_VERDICT_INVALID]++;
        return BNT_VMWARE_PPN_INVALID;
    }
    host->pfns[0] = (uint32_t)(arg1 - host->pfn_base);
    serve_pfns(host, command, 1);
    return (int32_t)bnt_vmware_get_status_for_verdict((bnt_verdict)host->response[0]);
}

/** Collects the PFNs of a batch that fit into host->pfns, with their positions. All other entries
 * of the batch are refused here. */
static uint32_t collect_batch_pfns(struct bnt_host *host, const struct vmware_command *command,
                                   uint32_t n)
{
    struct bnt_vmware_entry *entries = host->vmware.entries;
    uint32_t judged = 0;

    for (uint32_t i = 0; i < n; i++) {
        const uint64_t pfn = bnt_vmware_get_entry_pfn(entries[i]);
        if (!does_pfn_fit(host, pfn)) {
            host->count.wire.verdicts[BNT_VERDICT_INVALID] += command->unit_pfns;
            entries[i] = bnt_vmware_make_entry(pfn, BNT_VMWARE_PPN_INVALID);
            continue;
        }
        host->pfns[judged] = (uint32_t)(pfn - host->pfn_base);
        host->vmware.position[judged] = (uint16_t)i;
        judged++;
    }
    return judged;
}

static int32_t serve_batch_call(struct bnt_host *host, const struct vmware_command *command,
                                uint64_t arg1, uint64_t arg2)
{
    struct bnt_vmware_entry *entries = host->vmware.entries;
    const uint64_t gpa = arg1 << BNT_PFN_SHIFT;

    if (arg2 == 0 || arg2 > BNT_VMWARE_BATCH_MAX) {
        note_call_misuse(host, BNT_FAULT_CALL_COUNT, arg1, arg2);
        return BNT_VMWARE_CMD_INVALID;
    }
    const uint32_t n = (uint32_t)arg2;
    const uint32_t bytes = n * (uint32_t)sizeof *entries;
    if (arg1 > BNT_PFN_MAX || bnt_mem_read(&host->mem, gpa, entries, bytes) != BNT_OK) {
        note_call_misuse(host, BNT_FAULT_CALL_BATCH_PAGE, arg1, arg2);
        return BNT_VMWARE_FAILURE;
    }
    const uint32_t judged = collect_batch_pfns(host, command, n);
    if (judged > 0) {
        serve_pfns(host, command, judged);
    }
    for (uint32_t i = 0; i < judged; i++) {
        const bnt_verdict verdict = (bnt_verdict)host->response[i];
        entries[host->vmware.position[i]] = bnt_vmware_make_entry(
            host->pfn_base + host->pfns[i], (uint32_t)bnt_vmware_get_status_for_verdict(verdict));
    }
    /* The pages were already moved. A guest that removed its batch page meanwhile only loses the
     * answer. */
    if (bnt_mem_write(&host->mem, gpa, entries, bytes) != BNT_OK) {
        note_call_misuse(host, BNT_FAULT_CALL_BATCH_PAGE, arg1, arg2);
    }
    return BNT_VMWARE_SUCCESS;
}

/* ---- Calls ---- */

static const struct vmware_command commands[BNT_VMWARE_CMD_COUNT] = {
    [BNT_VMWARE_CMD_START] = {.serve = serve_start_call},
    [BNT_VMWARE_CMD_GET_TARGET] = {.serve = serve_get_target_call},
    [BNT_VMWARE_CMD_LOCK] = {.serve = serve_single_page_call, .inflate = true, .unit_pfns = 1},
    [BNT_VMWARE_CMD_UNLOCK] = {.serve = serve_single_page_call, .unit_pfns = 1},
    [BNT_VMWARE_CMD_GUEST_ID] = {.serve = serve_guest_id_call},
    [BNT_VMWARE_CMD_BATCHED_LOCK] = {.serve = serve_batch_call,
                                     .needs = BNT_VMWARE_CAP_BATCHED,
                                     .inflate = true,
                                     .unit_pfns = 1},
    [BNT_VMWARE_CMD_BATCHED_UNLOCK] = {.serve = serve_batch_call,
                                       .needs = BNT_VMWARE_CAP_BATCHED,
                                       .unit_pfns = 1},
    [BNT_VMWARE_CMD_BATCHED_2M_LOCK] = {.serve = serve_batch_call,
                                        .needs = BNT_VMWARE_CAP_BATCHED | BNT_VMWARE_CAP_BATCHED_2M,
                                        .inflate = true,
                                        .unit_pfns = BNT_HOST_HUGE_PFNS},
    [BNT_VMWARE_CMD_BATCHED_2M_UNLOCK] = {.serve = serve_batch_call,
                                          .needs =
                                              BNT_VMWARE_CAP_BATCHED | BNT_VMWARE_CAP_BATCHED_2M,
                                          .unit_pfns = BNT_HOST_HUGE_PFNS},
    [BNT_VMWARE_CMD_VMCI_DOORBELL_SET] = {.serve = serve_doorbell_call,
                                          .needs = BNT_VMWARE_CAP_SIGNALLED_WAKEUP},
};

static int32_t serve_call(struct bnt_host *host, uint32_t number, uint64_t arg1, uint64_t arg2)
{
    const struct vmware_command *command = number < BNT_VMWARE_CMD_COUNT ? &commands[number] : NULL;
    int32_t status = BNT_VMWARE_SUCCESS;

    if (command == NULL || command->serve == NULL) {
        note_call_misuse(host, BNT_FAULT_CALL_UNKNOWN, 0, number);
        return BNT_VMWARE_CMD_INVALID;
    }
    if (bnti_host_vmware_find_scripted(host, number, &status)) {
        return status;
    }
    if (bnt_vmware_can_command_return_reset(number) && !host->vmware.started) {
        return BNT_VMWARE_RESET;
    }
    if ((command->needs & ~host->vmware.capabilities) != 0) {
        note_call_misuse(host, BNT_FAULT_CALL_NOT_NEGOTIATED, 0, number);
        return BNT_VMWARE_CMD_INVALID;
    }
    return command->serve(host, command, arg1, arg2);
}

/** The second result of a call: the capabilities or the target. */
static uint64_t get_call_result(const struct bnt_host *host, uint32_t number, int32_t status)
{
    if (status == BNT_VMWARE_SUCCESS_WITH_CAPABILITIES) {
        return host->vmware.capabilities;
    }
    return status == BNT_VMWARE_SUCCESS && bnt_vmware_does_command_return_target(number)
               ? host->target.num_pages
               : 0;
}

bnt_status bnt_host_serve_vmware_call(struct bnt_host *host, uint64_t now_ns, uint32_t command,
                                      uint64_t arg1, uint64_t arg2, int32_t *status,
                                      uint64_t *result)
{
    bnti_host_busy before;

    if (!host->wire->has_calls) {
        return BNT_E_UNSUPPORTED;
    }
    if (!bnti_host_enter_call(host, BNTI_HOST_WORKING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    *status = serve_call(host, command, arg1, arg2);
    *result = get_call_result(host, command, *status);
    host->count.vmware.calls++;
    host->count.vmware.calls_failed += !bnt_vmware_has_call_succeeded(command, *status);
    bnti_host_leave_call(host, before);
    return BNT_OK;
}

bnt_status bnt_host_handle_page_touch(struct bnt_host *host, uint64_t now_ns, uint64_t pfn)
{
    bnti_host_busy before;

    if (!host->wire->has_calls) {
        return BNT_E_UNSUPPORTED;
    }
    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    if (bnt_host_page_state_get(host, pfn) != BNT_HOST_PAGE_GUEST) {
        host->count.vmware.touches++;
        bnti_host_emit_event(host, BNT_HOST_EVENT_TOUCHED, pfn, 0);
        bnti_host_reset_balloon(host);
    }
    bnti_host_leave_call(host, before);
    return BNT_OK;
}
