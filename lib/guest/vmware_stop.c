/*
 * The detach on VMware's wire. The host must release all pages before the OS uses them, because the
 * host resets the balloon when the guest touches a locked page. A successful START releases all
 * pages. If a bounded number of STARTs fail, the pages are unlocked by requests. Pages that the
 * host does not unlock are nevertheless given back, with the event FORCED.
 */
#include "lib/guest/front.h"

/* Whether the host still has locked pages of this guest. After a RESET it has none. */
static bool has_host_locked_pages(const struct bnt_guest *guest)
{
    return guest->state != BNT_GUEST_RELEASING && !guest->vmware.reset_seen &&
           bnti_guest_count_ballooned_pfns(guest) > 0;
}

/* Calls START. Returns true if the host has no locked pages afterwards. */
static bool send_start_of_detach(struct bnt_guest *guest)
{
    const bool old = bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_PROTOCOL_2010);
    const bool lists = has_host_locked_pages(guest);
    const int32_t status = bnti_vmware_call_host(guest, BNT_VMWARE_CMD_START,
                                                 old ? BNT_VMWARE_PROTOCOL_2010 : 0, 0, NULL);
    if (status == BNT_VMWARE_SUCCESS || status == BNT_VMWARE_SUCCESS_WITH_CAPABILITIES || !lists) {
        return true;
    }
    if (guest->vmware.stop_starts++ == 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_HANDSHAKE_FAILED, (uint32_t)status, 0);
    }
    return false;
}

/* Before STOPPING: calls START for the first time. */
void bnti_vmware_send_first_start_of_detach(struct bnt_guest *guest)
{
    guest->vmware.stop_starts = 0;
    guest->vmware.stop_unlocks = false;
    guest->vmware.stop_owed = !send_start_of_detach(guest);
    guest->vmware.reset_seen = false;
    guest->reset_wait_ns = BNTI_GUEST_RESET_POLL_NS;
    guest->reset_due_ns = bnti_guest_add_time(guest->now_ns, guest->reset_wait_ns);
}

/* Unlocks the pages of one request. Returns false if no page was unlocked or none is left. */
static bool unlock_pages_of_one_request(struct bnt_guest *guest)
{
    const struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_DEFLATE];
    const uint64_t before = bnti_guest_count_ballooned_pfns(guest);
    if (!has_host_locked_pages(guest)) {
        return false;
    }
    bnti_guest_fill_request_from_record(guest, BNTI_GUEST_DEFLATE, before, BNTI_GUEST_PAGES);
    if (request->page_count == 0) {
        return false; /* the host refused all remaining pages */
    }
    bnti_guest_submit_request(guest, BNTI_GUEST_DEFLATE);
    bnti_guest_apply_ready_answer(guest);
    return bnti_guest_count_ballooned_pfns(guest) < before;
}

/* Calls START again if it is due. Returns true if START succeeded or will not be tried again. */
static bool repeat_start_of_detach(struct bnt_guest *guest)
{
    if (guest->now_ns < guest->reset_due_ns) {
        return false;
    }
    if (send_start_of_detach(guest)) {
        guest->vmware.stop_owed = false;
        return true;
    }
    guest->vmware.stop_unlocks = guest->vmware.stop_starts >= BNT_GUEST_STOP_STARTS;
    guest->reset_wait_ns =
        bnti_guest_min(guest->reset_wait_ns * 2, guest->config.requests.ack_timeout_ns);
    guest->reset_due_ns = bnti_guest_add_time(guest->now_ns, guest->reset_wait_ns);
    return guest->vmware.stop_unlocks;
}

/* In STOPPING: whether the pages cannot be given back yet. The next attempt is at reset_due_ns. */
bool bnti_vmware_must_detach_wait(struct bnt_guest *guest)
{
    if (!guest->vmware.stop_owed) {
        return false;
    }
    if (!guest->vmware.stop_unlocks && !repeat_start_of_detach(guest)) {
        return true;
    }
    while (guest->vmware.stop_owed) {
        if (!guest->wire->spend(guest)) {
            guest->reset_due_ns = guest->now_ns;
            return true;
        }
        guest->vmware.stop_owed = unlock_pages_of_one_request(guest);
    }
    if (guest->vmware.stop_unlocks && has_host_locked_pages(guest)) {
        const uint64_t pfns = bnti_guest_count_ballooned_pfns(guest);
        guest->count.totals.forced_pfns += pfns;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_FORCED, pfns, guest->vmware.stop_starts);
    }
    return false;
}
