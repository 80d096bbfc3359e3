/*
 * VMware's wire: the calls, the handshake, what a tick begins with, the doorbell. Every call is
 * answered at once, so a request is never in flight longer than a function runs. What an answer
 * means for its pages is verdict.c's, how a reset goes on reset.c's, how far a tick goes pace.c's.
 */
#include "guest_private.h"

/* Calls that a unit of budget pays for, where a call is about a single page. */
#define CALLS_PER_UNIT 256u

int32_t bnti_vmware_call(struct bnt_guest *guest, uint32_t command, uint64_t arg1, uint64_t arg2,
                         uint64_t *result)
{
    uint64_t brought = 0;
    const int32_t status =
        guest->ops.vmware_call(guest->opaque, command, arg1, arg2, result ? result : &brought);
    const uint64_t value = result ? *result : brought;
    guest->count.calls[command]++;
    guest->work++;
    if (!bnt_vmware_succeeded(command, status)) {
        guest->count.call_failures[command]++;
    }
    if (status == BNT_VMWARE_RESET && bnt_vmware_command_checked(command)) {
        guest->vmware.reset_seen = true;
    }
    const bool adopts = command == BNT_VMWARE_CMD_GET_TARGET ||
                        !bnti_guest_habit(guest, BNT_GUEST_HABIT_TARGET_FIXED);
    if (status == BNT_VMWARE_SUCCESS && bnt_vmware_command_targets(command) && adopts) {
        const bool wide = (guest->vmware.caps & BNT_VMWARE_CAP_64_BIT_TARGET) != 0;
        bnti_guest_target_set(guest, wide ? value : value & BNT_VMWARE_PFNS_MAX_32, true);
    }
    return status;
}

static bool late(const struct bnt_guest *guest)
{
    return bnti_guest_habit(guest, BNT_GUEST_HABIT_RESET_LATE);
}

/* Between two calls: begins the release if one of them was answered by RESET. */
static void reset_follow(struct bnt_guest *guest)
{
    if (guest->vmware.reset_seen && !late(guest) && guest->state == BNT_GUEST_RUNNING) {
        guest->epoch_seen = guest->epoch + 1;
        bnti_guest_release_begin(guest);
    }
}

/* ---- Doorbell ---- */

static void doorbell_try(struct bnt_guest *guest)
{
    uint32_t context = BNT_VMWARE_DOORBELL_NONE;
    uint32_t resource = BNT_VMWARE_DOORBELL_NONE;
    if (!(guest->vmware.caps & BNT_VMWARE_CAP_SIGNALLED_WAKEUP) || guest->vmware.doorbell_set ||
        guest->vmware.doorbell_refused || guest->ops.doorbell_open == NULL ||
        !guest->ops.doorbell_open(guest->opaque, &context, &resource)) {
        return;
    }
    if (bnti_vmware_call(guest, BNT_VMWARE_CMD_VMCI_DOORBELL_SET, context, resource, NULL) ==
        BNT_VMWARE_SUCCESS) {
        guest->vmware.doorbell_set = true;
        return;
    }
    /* Polling goes on; the host is not asked again before the next handshake. */
    guest->vmware.doorbell_refused = true;
    if (guest->ops.doorbell_close != NULL) {
        guest->ops.doorbell_close(guest->opaque);
    }
}

static void doorbell_drop(struct bnt_guest *guest)
{
    if (!guest->vmware.doorbell_set) {
        return;
    }
    (void)bnti_vmware_call(guest, BNT_VMWARE_CMD_VMCI_DOORBELL_SET, BNT_VMWARE_DOORBELL_NONE,
                           BNT_VMWARE_DOORBELL_NONE, NULL);
    guest->vmware.doorbell_set = false;
    if (guest->ops.doorbell_close != NULL) {
        guest->ops.doorbell_close(guest->opaque);
    }
}

/* ---- Handshake ---- */

#define CAPS_OF_BATCHES ((uint32_t)(BNT_VMWARE_CAP_BATCHED | BNT_VMWARE_CAP_BATCHED_2M))

/* What the configuration has and cannot be used: batches, where their page has no PFN of 32 bits.
 */
static uint32_t caps_lost(const struct bnt_guest *guest)
{
    const bool nameable = guest->dma_gpa >> BNT_PFN_SHIFT <= BNT_VMWARE_PFNS_MAX_32;
    return nameable ? 0 : guest->config.vmware.caps & CAPS_OF_BATCHES;
}

static uint32_t caps_offered(const struct bnt_guest *guest)
{
    const uint32_t lost = caps_lost(guest);
    if (bnti_guest_habit(guest, BNT_GUEST_HABIT_PROTOCOL_2010)) {
        return 0;
    }
    return lost == 0 ? guest->config.vmware.caps
                     : (guest->config.vmware.caps & ~CAPS_OF_BATCHES) | BNT_VMWARE_CAP_BASIC;
}

/* Says once an attachment that pages are locked one by one because of where the batch page is. */
static void caps_lost_tell(struct bnt_guest *guest)
{
    const uint32_t lost =
        bnti_guest_habit(guest, BNT_GUEST_HABIT_PROTOCOL_2010) ? 0 : caps_lost(guest);
    if (lost == 0) {
        return;
    }
    guest->diag.status = BNT_E_UNSUPPORTED;
    guest->diag.fault = BNT_FAULT_BATCH_PAGE_BEYOND;
    guest->diag.gpa = guest->dma_gpa;
    guest->diag.expected = BNT_VMWARE_PFNS_MAX_32;
    guest->diag.found = guest->dma_gpa >> BNT_PFN_SHIFT;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_DEGRADED, lost, 0);
}

/* What both sides have; 0 if START did not succeed, or nothing is left to work with. */
static uint32_t caps_settle(const struct bnt_guest *guest, int32_t status, uint64_t result)
{
    const uint32_t offered = caps_offered(guest);
    if (status == BNT_VMWARE_SUCCESS) {
        return BNT_VMWARE_CAP_BASIC;
    }
    if (status != BNT_VMWARE_SUCCESS_WITH_CAPABILITIES) {
        return 0;
    }
    uint32_t caps = (uint32_t)(result & offered); /* bit 0 and unknown ones are never offered */
    if (!(caps & BNT_VMWARE_CAP_BATCHED)) {
        caps &= ~(uint32_t)BNT_VMWARE_CAP_BATCHED_2M; /* 2 MiB pages go in batches only */
    }
    return caps & (BNT_VMWARE_CAP_BASIC | BNT_VMWARE_CAP_BATCHED) ? caps : 0;
}

/* START, the doorbell, GUEST_ID. False if START failed: tried again with the next tick. */
static bool handshake(struct bnt_guest *guest)
{
    const bool old = bnti_guest_habit(guest, BNT_GUEST_HABIT_PROTOCOL_2010);
    uint64_t result = 0;
    const int32_t status =
        bnti_vmware_call(guest, BNT_VMWARE_CMD_START,
                         old ? BNT_VMWARE_PROTOCOL_2010 : caps_offered(guest), 0, &result);
    guest->vmware.start_due_ns = bnti_guest_after(guest->now_ns, guest->config.poll_ns);
    guest->vmware.caps = caps_settle(guest, status, result);
    bnti_guest_huge_start(guest);
    if (guest->vmware.caps == 0) {
        if (guest->vmware.start_failures++ == 0) {
            bnti_guest_tell(guest, BNT_GUEST_EVENT_HANDSHAKE_FAILED, (uint32_t)status, 0);
        }
        return false;
    }
    guest->vmware.reset_seen = false;
    guest->vmware.doorbell_refused = false;
    guest->epoch++;
    guest->epoch_seen = guest->epoch;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_HANDSHAKE, guest->vmware.caps,
                    guest->vmware.start_failures);
    guest->vmware.start_failures = 0;
    doorbell_try(guest);
    guest->vmware.id_status =
        bnti_vmware_call(guest, BNT_VMWARE_CMD_GUEST_ID, guest->config.vmware.guest_id, 0, NULL);
    return true;
}

/* In STARTING. OK: RUNNING; E_AGAIN: reset_due_ns; E_UNSUPPORTED: DOWN. */
bnt_status bnti_vmware_start_poll(struct bnt_guest *guest)
{
    const bool once = bnti_guest_habit(guest, BNT_GUEST_HABIT_HANDSHAKE_ONCE);
    if (guest->now_ns < guest->vmware.start_due_ns) {
        return BNT_E_AGAIN;
    }
    const bool started = handshake(guest);
    guest->reset_due_ns = guest->vmware.start_due_ns;
    if (once && (!started || guest->vmware.id_status != BNT_VMWARE_SUCCESS)) {
        guest->diag.status = BNT_E_UNSUPPORTED;
        bnti_guest_session_clear(guest);
        bnti_guest_state_set(guest, BNT_GUEST_DOWN);
        return BNT_E_UNSUPPORTED;
    }
    if (!started) {
        return BNT_E_AGAIN;
    }
    caps_lost_tell(guest);
    guest->verdicts = true;
    guest->resets = true;
    guest->must_tell_host = true;
    bnti_guest_pace_start(guest);
    bnti_guest_state_set(guest, BNT_GUEST_RUNNING);
    reset_follow(guest);
    return BNT_OK;
}

/* Detaching begins: the doorbell first, so that nothing rings any more. */
void bnti_vmware_stop(struct bnt_guest *guest)
{
    doorbell_drop(guest);
    if (guest->vmware.caps != 0 || guest->state != BNT_GUEST_STARTING) {
        bnti_vmware_stop_begin(guest);
    }
}

/* ---- Ticks ---- */

/* Asks for the target; false if it did not come. */
static bool target_get(struct bnt_guest *guest)
{
    uint64_t limit = guest->limit_pfns;
    const bool wide = (guest->vmware.caps & BNT_VMWARE_CAP_64_BIT_TARGET) != 0;
    if (limit > BNT_VMWARE_PFNS_MAX_32 && !wide) {
        if (bnti_guest_habit(guest, BNT_GUEST_HABIT_LIMIT_SILENT)) {
            return false;
        }
        limit = BNT_VMWARE_PFNS_MAX_32;
    }
    return bnti_vmware_call(guest, BNT_VMWARE_CMD_GET_TARGET, limit, 0, NULL) == BNT_VMWARE_SUCCESS;
}

/* What follows the reset procedure in a tick. Where START failed, the target is asked for all the
 * same, and nothing is locked: the next tick begins with a pop in silence. */
static void tick_go_on(struct bnt_guest *guest)
{
    guest->vmware.tick_goes_on = false;
    doorbell_try(guest);
    if (guest->pace.slow_cycles > 0) {
        guest->pace.slow_cycles--;
    }
    if (target_get(guest) && !guest->vmware.reset_seen) {
        bnti_guest_tick_open(guest);
    } else {
        guest->pace.tick_ns = bnti_guest_after(guest->now_ns, guest->pace.period_ns);
    }
    reset_follow(guest);
}

/* The tick of RESET_LATE that begins with a reset: the pop, if there is anything, then START. */
static void tick_reset(struct bnt_guest *guest)
{
    if (bnti_guest_have_pfns(guest) > 0) {
        guest->vmware.tick_goes_on = true;
        guest->epoch_seen = guest->epoch + 1;
        bnti_guest_release_begin(guest);
        return;
    }
    if (!handshake(guest)) {
        guest->vmware.reset_seen = true;
    }
    tick_go_on(guest);
}

static void tick(struct bnt_guest *guest)
{
    guest->count.ticks++;
    guest->count.doorbells += guest->vmware.rung;
    guest->vmware.rung = false;
    if (guest->vmware.reset_seen) {
        tick_reset(guest);
    } else {
        tick_go_on(guest);
    }
}

/* While an allocation sleeps the target is still looked at: it may not be needed any more. */
static void sleeping_poll(struct bnt_guest *guest)
{
    if (bnti_guest_habit(guest, BNT_GUEST_HABIT_TARGET_FIXED) || !bnti_guest_sleeps(guest) ||
        (!guest->vmware.rung && guest->now_ns < guest->vmware.poll_due_ns)) {
        return;
    }
    guest->vmware.rung = false;
    guest->vmware.poll_due_ns = bnti_guest_after(guest->now_ns, guest->pace.period_ns);
    (void)target_get(guest);
    reset_follow(guest);
}

/* The first thing of a step. */
void bnti_vmware_poll(struct bnt_guest *guest)
{
    if (guest->config_marked) {
        guest->config_marked = false;
        guest->work++;
        guest->vmware.rung = true;
    }
    guest->vmware.credit = 0;
    if (guest->state != BNT_GUEST_RUNNING) {
        return;
    }
    if (guest->pace.open) {
        sleeping_poll(guest);
    } else if (!guest->held_due && (guest->vmware.rung || guest->now_ns >= guest->pace.tick_ns)) {
        tick(guest);
    }
}

/*
 * The balloon is empty after a reset. By default nothing goes on before START succeeded, a tick
 * apart; with RESET_LATE the tick goes on whatever became of it.
 */
void bnti_vmware_release_end(struct bnt_guest *guest)
{
    if (!late(guest) && guest->now_ns < guest->vmware.start_due_ns) {
        return;
    }
    doorbell_drop(guest);
    const bool started = handshake(guest);
    if (!started && !late(guest)) {
        return;
    }
    guest->reached = false;
    guest->pace.open = false;
    guest->pace.over = false;
    guest->pace.tick_ns = guest->now_ns;
    guest->vmware.reset_seen = guest->vmware.reset_seen || !started;
    bnti_guest_actual_write(guest, true);
    bnti_guest_state_set(guest, BNT_GUEST_RUNNING);
    if (started) {
        bnti_guest_tell(guest, BNT_GUEST_EVENT_RESET_DONE, guest->epoch, 0);
    }
    if (guest->vmware.tick_goes_on) {
        tick_go_on(guest);
    }
    reset_follow(guest);
}

/* ---- Requests ---- */

/* The largest PFN that can be named: a page beyond it is not ballooned, never a truncated one. */
uint64_t bnti_guest_pfn_max(const struct bnt_guest *guest)
{
    const bool batched = (guest->vmware.caps & BNT_VMWARE_CAP_BATCHED) != 0;
    return bnti_guest_on_vmware(guest) && batched ? BNT_VMWARE_ENTRY_PFN_MAX : BNT_PFN_MAX;
}

/* A call about one page pays for a part of a unit. */
bool bnti_guest_spend(struct bnt_guest *guest)
{
    if (guest->vmware.credit > 0) {
        guest->vmware.credit--;
        return true;
    }
    if (guest->budget == 0) {
        return false;
    }
    guest->budget--;
    if (bnti_guest_on_vmware(guest) && !(guest->vmware.caps & BNT_VMWARE_CAP_BATCHED)) {
        guest->vmware.credit = CALLS_PER_UNIT - 1;
    }
    return true;
}

static void single_execute(struct bnt_guest *guest, const struct bnti_guest_request *request,
                           bool lock)
{
    const uint32_t command = lock ? BNT_VMWARE_CMD_LOCK : BNT_VMWARE_CMD_UNLOCK;
    BNTI_ASSERT(request->page_count == 1);
    guest->verdict_copy[0] = (uint8_t)bnt_vmware_verdict_of(
        bnti_vmware_call(guest, command, request->pages[0], 0, NULL));
}

/* One call for all of them; a status of its own overrides those of the entries. */
static bool batch_execute(struct bnt_guest *guest, const struct bnti_guest_request *request,
                          bool lock)
{
    struct bnt_vmware_entry *batch = (struct bnt_vmware_entry *)(void *)guest->dma;
    static const uint32_t commands[2][2] = {
        {BNT_VMWARE_CMD_BATCHED_UNLOCK, BNT_VMWARE_CMD_BATCHED_LOCK},
        {BNT_VMWARE_CMD_BATCHED_2M_UNLOCK, BNT_VMWARE_CMD_BATCHED_2M_LOCK},
    };
    const uint32_t command = commands[request->huge][lock];
    for (uint32_t i = 0; i < request->page_count; i++) {
        batch[i] = bnt_vmware_entry_set(request->pages[i], 0);
    }
    const int32_t status = bnti_vmware_call(guest, command, guest->dma_gpa >> BNT_PFN_SHIFT,
                                            request->page_count, NULL);
    for (uint32_t i = 0; i < request->page_count; i++) {
        const int32_t entry = (int32_t)bnt_vmware_entry_status(batch[i]);
        const int32_t said = status == BNT_VMWARE_SUCCESS ? entry : status;
        guest->vmware.reset_seen = guest->vmware.reset_seen || said == BNT_VMWARE_RESET;
        guest->verdict_copy[i] = (uint8_t)bnt_vmware_verdict_of(said);
    }
    return status == BNT_VMWARE_SUCCESS;
}

void bnti_vmware_execute(struct bnt_guest *guest, enum bnti_guest_slot slot,
                         struct bnti_guest_answer *answer)
{
    const struct bnti_guest_request *request = &guest->requests[slot];
    const bool lock = slot == BNTI_GUEST_INFLATE;
    if (guest->vmware.caps & BNT_VMWARE_CAP_BATCHED) {
        answer->failed = !batch_execute(guest, request, lock);
    } else {
        single_execute(guest, request, lock);
    }
    answer->verdict_count = request->page_count;
}

/* What an answer says beyond its pages. A call that failed as a whole ends the tick. */
void bnti_vmware_news(struct bnt_guest *guest, const struct bnti_guest_answer *answer)
{
    reset_follow(guest);
    if (answer->failed || guest->vmware.reset_seen) {
        bnti_guest_tick_end(guest);
        if (guest->cycle == BNTI_GUEST_CYCLE_INFLATE) {
            guest->pace.failed = true;
        }
    }
}
