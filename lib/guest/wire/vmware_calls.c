/*
 * VMware's wire: the calls, the handshake, the poll of the target, and the doorbell. The host
 * answers a call before the call returns. The answer to a request is then stored until it is taken,
 * like a used buffer. verdict.c applies an answer, vmware_session.c handles a reset, pace.c limits
 * a tick.
 */
#include "lib/guest/wire/guest_wire.h"

/* How many calls one unit of budget covers if each call locks or unlocks a single page. */
#define CALLS_PER_UNIT 256u

int32_t bnti_vmware_call_host(struct bnt_guest *guest, uint32_t command, uint64_t arg1,
                              uint64_t arg2, uint64_t *result)
{
    uint64_t brought = 0;
    const int32_t status =
        guest->ops.vmware.call(guest->opaque, command, arg1, arg2, result ? result : &brought);
    const uint64_t value = result ? *result : brought;
    guest->count.vmware.calls[command]++;
    bnti_guest_note_work(guest);
    if (!bnt_vmware_has_call_succeeded(command, status)) {
        guest->count.vmware.call_failures[command]++;
    }
    if (status == BNT_VMWARE_RESET && bnt_vmware_can_command_return_reset(command)) {
        guest->vmware.reset_seen = true;
    }
    const bool adopts = command == BNT_VMWARE_CMD_GET_TARGET ||
                        !bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_TARGET_FIXED);
    if (status == BNT_VMWARE_SUCCESS && bnt_vmware_does_command_return_target(command) && adopts) {
        const bool wide = (guest->vmware.caps & BNT_VMWARE_CAP_64_BIT_TARGET) != 0;
        bnti_guest_set_target(guest, wide ? value : value & BNT_VMWARE_PFNS_MAX_32, true);
    }
    return status;
}

/* ---- Doorbell ---- */

void bnti_vmware_set_doorbell(struct bnt_guest *guest)
{
    uint32_t context = BNT_VMWARE_DOORBELL_NONE;
    uint32_t resource = BNT_VMWARE_DOORBELL_NONE;
    if (!(guest->vmware.caps & BNT_VMWARE_CAP_SIGNALLED_WAKEUP) || guest->vmware.doorbell_set ||
        guest->vmware.doorbell_refused || guest->ops.vmware.doorbell_open == NULL ||
        !guest->ops.vmware.doorbell_open(guest->opaque, &context, &resource)) {
        return;
    }
    if (bnti_vmware_call_host(guest, BNT_VMWARE_CMD_VMCI_DOORBELL_SET, context, resource, NULL) ==
        BNT_VMWARE_SUCCESS) {
        guest->vmware.doorbell_set = true;
        return;
    }
    /* Polling continues. The doorbell is not set again before the next handshake. */
    guest->vmware.doorbell_refused = true;
    if (guest->ops.vmware.doorbell_close != NULL) {
        guest->ops.vmware.doorbell_close(guest->opaque);
    }
}

void bnti_vmware_clear_doorbell(struct bnt_guest *guest)
{
    if (!guest->vmware.doorbell_set) {
        return;
    }
    (void)bnti_vmware_call_host(guest, BNT_VMWARE_CMD_VMCI_DOORBELL_SET, BNT_VMWARE_DOORBELL_NONE,
                                BNT_VMWARE_DOORBELL_NONE, NULL);
    guest->vmware.doorbell_set = false;
    if (guest->ops.vmware.doorbell_close != NULL) {
        guest->ops.vmware.doorbell_close(guest->opaque);
    }
}

/* ---- Handshake ---- */

#define CAPS_OF_BATCHES ((uint32_t)(BNT_VMWARE_CAP_BATCHED | BNT_VMWARE_CAP_BATCHED_2M))

/* Configured capabilities that cannot be used: batches, if the PFN of the batch page exceeds 32
 * bits. */
static uint32_t find_unusable_caps(const struct bnt_guest *guest)
{
    const bool nameable = guest->dma_gpa >> BNT_PFN_SHIFT <= BNT_VMWARE_PFNS_MAX_32;
    return nameable ? 0 : guest->config.vmware.caps & CAPS_OF_BATCHES;
}

static uint32_t choose_offered_caps(const struct bnt_guest *guest)
{
    const uint32_t lost = find_unusable_caps(guest);
    if (bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_PROTOCOL_2010)) {
        return 0;
    }
    return lost == 0 ? guest->config.vmware.caps
                     : (guest->config.vmware.caps & ~CAPS_OF_BATCHES) | BNT_VMWARE_CAP_BASIC;
}

/* Emits an event, a single time per attachment: pages are locked one by one, because the address of
 * the batch page is too high. */
void bnti_vmware_emit_unusable_caps(struct bnt_guest *guest)
{
    const uint32_t lost = bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_PROTOCOL_2010)
                              ? 0
                              : find_unusable_caps(guest);
    if (lost == 0) {
        return;
    }
    guest->diag.status = BNT_E_UNSUPPORTED;
    guest->diag.fault = BNT_FAULT_BATCH_PAGE_BEYOND;
    guest->diag.gpa = guest->dma_gpa;
    guest->diag.expected = BNT_VMWARE_PFNS_MAX_32;
    guest->diag.found = guest->dma_gpa >> BNT_PFN_SHIFT;
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_DEGRADED, lost, 0);
}

/* The capabilities of both sides; 0 if START failed, or if both sides have no common way to lock
 * pages. */
static uint32_t compute_common_caps(const struct bnt_guest *guest, int32_t status, uint64_t result)
{
    const uint32_t offered = choose_offered_caps(guest);
    if (status == BNT_VMWARE_SUCCESS) {
        return BNT_VMWARE_CAP_BASIC;
    }
    if (status != BNT_VMWARE_SUCCESS_WITH_CAPABILITIES) {
        return 0;
    }
    uint32_t caps = (uint32_t)(result & offered); /* bit 0 and unknown bits are never offered */
    if (!(caps & BNT_VMWARE_CAP_BATCHED)) {
        caps &= ~(uint32_t)BNT_VMWARE_CAP_BATCHED_2M; /* huge pages need batches */
    }
    return caps & (BNT_VMWARE_CAP_BASIC | BNT_VMWARE_CAP_BATCHED) ? caps : 0;
}

/* Calls START, sets the doorbell and calls GUEST_ID. Returns false if START failed; the next tick
 * tries again. */
bool bnti_vmware_perform_handshake(struct bnt_guest *guest)
{
    const bool old = bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_PROTOCOL_2010);
    uint64_t result = 0;
    const int32_t status = bnti_vmware_call_host(
        guest, BNT_VMWARE_CMD_START, old ? BNT_VMWARE_PROTOCOL_2010 : choose_offered_caps(guest), 0,
        &result);
    guest->vmware.start_due_ns = bnti_guest_add_time(guest->now_ns, guest->config.sizing.poll_ns);
    guest->vmware.caps = compute_common_caps(guest, status, result);
    if (guest->vmware.caps == 0) {
        if (guest->vmware.start_failures++ == 0) {
            bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HANDSHAKE_FAILED, (uint32_t)status, 0);
        }
        return false;
    }
    guest->vmware.reset_seen = false;
    guest->vmware.doorbell_refused = false;
    bnti_guest_adopt_epoch(guest, guest->epoch + 1);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HANDSHAKE, guest->vmware.caps,
                          guest->vmware.start_failures);
    guest->vmware.start_failures = 0;
    bnti_vmware_set_doorbell(guest);
    guest->vmware.id_status = bnti_vmware_call_host(guest, BNT_VMWARE_CMD_GUEST_ID,
                                                    guest->config.vmware.guest_id, 0, NULL);
    return true;
}

/* ---- Ticks ---- */

/* Calls GET_TARGET; false if it failed. */
bool bnti_vmware_get_target(struct bnt_guest *guest)
{
    uint64_t limit = guest->limit_pfns;
    const bool wide = (guest->vmware.caps & BNT_VMWARE_CAP_64_BIT_TARGET) != 0;
    if (limit > BNT_VMWARE_PFNS_MAX_32 && !wide) {
        if (bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_LIMIT_SILENT)) {
            return false;
        }
        limit = BNT_VMWARE_PFNS_MAX_32;
    }
    return bnti_vmware_call_host(guest, BNT_VMWARE_CMD_GET_TARGET, limit, 0, NULL) ==
           BNT_VMWARE_SUCCESS;
}

/* ---- Requests ---- */

/* The largest PFN that a call can carry. A page with a larger PFN is not ballooned. */
uint64_t bnti_vmware_get_pfn_max(const struct bnt_guest *guest)
{
    const bool batched = (guest->vmware.caps & BNT_VMWARE_CAP_BATCHED) != 0;
    return batched ? BNT_VMWARE_ENTRY_PFN_MAX : BNT_PFN_MAX;
}

uint32_t bnti_vmware_get_request_pages_max(const struct bnt_guest *guest, bool huge)
{
    const bool batched = (guest->vmware.caps & BNT_VMWARE_CAP_BATCHED) != 0;
    return huge || batched ? guest->config.vmware.batch_max : 1;
}

bool bnti_vmware_has_huge_pages(const struct bnt_guest *guest)
{
    return (guest->vmware.caps & BNT_VMWARE_CAP_BATCHED_2M) != 0;
}

bool bnti_vmware_can_deflate_on_oom(const struct bnt_guest *guest)
{
    return !bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_NO_SHRINK);
}

/* Spends budget for one call. Many calls that lock or unlock single pages share one unit. */
bool bnti_vmware_spend_budget(struct bnt_guest *guest)
{
    if (guest->vmware.credit > 0) {
        guest->vmware.credit--;
        return true;
    }
    if (guest->budget == 0) {
        return false;
    }
    bnti_guest_spend_budget(guest);
    if (!(guest->vmware.caps & BNT_VMWARE_CAP_BATCHED)) {
        guest->vmware.credit = CALLS_PER_UNIT - 1;
    }
    return true;
}

/* The rest of a unit of budget is lost at the end of the step. */
void bnti_vmware_discard_spare_budget(struct bnt_guest *guest)
{
    guest->vmware.credit = 0;
}

/* VMware's wire has no `actual`: the host counts the pages itself. */
void bnti_vmware_write_actual(struct bnt_guest *guest)
{
    (void)guest;
}

static void execute_single_page_calls(struct bnt_guest *guest,
                                      const struct bnti_guest_request *request, bool lock)
{
    const uint32_t command = lock ? BNT_VMWARE_CMD_LOCK : BNT_VMWARE_CMD_UNLOCK;
    BNTI_ASSERT(request->page_count == 1);
    guest->verdict_copy[0] = (uint8_t)bnt_vmware_get_verdict_for_status(
        bnti_vmware_call_host(guest, command, request->pages[0], 0, NULL));
}

/* Locks or unlocks a batch by one call. If the call fails, its status counts for every entry. */
static bool execute_batch_call(struct bnt_guest *guest, const struct bnti_guest_request *request,
                               bool lock)
{
    struct bnt_vmware_entry *batch = (struct bnt_vmware_entry *)(void *)guest->dma;
    static const uint32_t commands[2][2] = {
        {BNT_VMWARE_CMD_BATCHED_UNLOCK, BNT_VMWARE_CMD_BATCHED_LOCK},
        {BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, BNT_VMWARE_CMD_BATCHED_2M_LOCK},
    };
    const uint32_t command = commands[request->huge][lock];
    for (uint32_t i = 0; i < request->page_count; i++) {
        batch[i] = bnt_vmware_make_entry(request->pages[i], 0);
    }
    const int32_t status = bnti_vmware_call_host(guest, command, guest->dma_gpa >> BNT_PFN_SHIFT,
                                                 request->page_count, NULL);
    for (uint32_t i = 0; i < request->page_count; i++) {
        const int32_t entry = (int32_t)bnt_vmware_get_entry_status(batch[i]);
        const int32_t said = status == BNT_VMWARE_SUCCESS ? entry : status;
        guest->vmware.reset_seen = guest->vmware.reset_seen || said == BNT_VMWARE_RESET;
        guest->verdict_copy[i] = (uint8_t)bnt_vmware_get_verdict_for_status(said);
    }
    return status == BNT_VMWARE_SUCCESS;
}

/* Makes the call of a request, and stores the answer for bnti_vmware_apply_stored_answer. */
void bnti_vmware_submit_request(struct bnt_guest *guest, bnti_guest_slot slot)
{
    const struct bnti_guest_request *request = &guest->requests[slot];
    struct bnti_guest_answer *answer = &guest->vmware.answer;
    const bool lock = slot == BNTI_GUEST_INFLATE;
    BNTI_ASSERT(!guest->vmware.answered);
    bnti_guest_mark_request_in_flight(guest, slot);
    *answer = (struct bnti_guest_answer){.verdict_count = request->page_count};
    if (guest->vmware.caps & BNT_VMWARE_CAP_BATCHED) {
        answer->failed = !execute_batch_call(guest, request, lock);
    } else {
        execute_single_page_calls(guest, request, lock);
    }
    guest->vmware.answered_slot = slot;
    guest->vmware.answered = true;
}

/* Applies the stored answer. The next request can be submitted by this; then its answer is applied,
 * too. The budget was spent when the request was built. */
void bnti_vmware_apply_stored_answer(struct bnt_guest *guest, uint32_t budget)
{
    (void)budget;
    while (guest->vmware.answered) {
        const bnti_guest_slot slot = guest->vmware.answered_slot;
        const struct bnti_guest_answer answer = guest->vmware.answer;
        guest->vmware.answered = false;
        bnti_guest_end_request(guest, slot);
        bnti_guest_report_request(guest, slot, true, answer.verdict_count, false);
        guest->answered(guest, slot, &answer);
    }
}
