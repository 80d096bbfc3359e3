/*
 * Life and end of an instance: the device reset at both ends, negotiation at the beginning
 * (VIRTIO 1.3, 3.1.1), giving every page back at the end. Queues are queues.c's. Nothing here
 * sizes a balloon.
 */
#include "guest_private.h"

#include <string.h>

/* What these send has no defined byte order under the legacy interface (Linux clears them too). */
#define LEGACY_UNDEFINED \
    (BNT_BALLOON_F_FREE_PAGE_HINT | BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_PAGE_REPORTING)

/* Features of how both talk, of which some need optional calls of the transport. */
static uint64_t features_of_transport(const struct bnt_drv_transport *transport)
{
    const bool resets = transport->queue_reset != NULL && transport->queue_reset_read != NULL;
    return BNT_F_SUSPEND | (resets ? BNT_F_RING_RESET : 0) |
           (transport->notify_data != NULL ? BNT_F_NOTIFICATION_DATA : 0);
}

/* Features that this core implements; others are never accepted (VG-9). */
static uint64_t features_known(const struct bnt_guest *guest)
{
    return BNT_BALLOON_F_MUST_TELL_HOST | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_DEFLATE_ON_OOM |
           BNT_BALLOON_F_PAGE_REPORTING | BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_FREE_PAGE_HINT |
           BNT_F_NOTIFY_ON_EMPTY | BNT_F_RING_INDIRECT_DESC | BNT_F_RING_EVENT_IDX |
           BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_VERSION_1 |
           (guest->ops.huge_alloc != NULL ? guest->config.binding.huge_pages : 0) |
           guest->config.binding.guest_limit | guest->config.binding.verdicts |
           guest->config.binding.reset | guest->config.binding.device_init_on_inflate |
           guest->config.binding.device_init_reported | guest->config.binding.ws_reporting |
           features_of_transport(&guest->ops.transport);
}

/* What to negotiate for, of what the configuration wants and the device offers. */
static uint64_t features_wanted(struct bnt_guest *guest)
{
    const struct bnt_guest_config *c = &guest->config;
    const uint64_t offered = guest->ops.transport.features_read(guest->opaque);
    uint64_t wanted = (c->features_wanted & features_known(guest)) | BNT_F_VERSION_1;
    if ((wanted & BNT_BALLOON_F_STATS_VQ) && !bnti_guest_stats_first(guest)) {
        wanted &= ~BNT_BALLOON_F_STATS_VQ; /* nothing to report: BD-17 could not be kept */
    }
    if (guest->queue_reset_fails && (c->features_required & BNT_F_RING_RESET) == 0) {
        wanted &= ~BNT_F_RING_RESET; /* offered, and not done */
    }
    if (guest->ops.ws_get == NULL) {
        wanted &= ~c->binding.ws_reporting;
    }
    if (!c->init_on_free) {
        wanted &= ~BNT_BALLOON_F_PAGE_POISON; /* BD-2 */
    }
    if (c->init_bits == NULL || (wanted & offered & c->binding.verdicts) != 0) {
        wanted &= ~c->binding.device_init_on_inflate; /* the two exclude each other */
    }
    return wanted;
}

/* The balloon's rules, and that reports need the poison where free pages must keep it (BD-3). */
static struct bnt_balloon_rule_set feature_rules(const struct bnt_guest *guest)
{
    struct bnt_balloon_rule_set rules = bnt_balloon_rules(&guest->config.binding);
    if (guest->config.init_on_free) {
        rules.rules[rules.count].feature = BNT_BALLOON_F_PAGE_REPORTING;
        rules.rules[rules.count].needs = BNT_BALLOON_F_PAGE_POISON;
        rules.count++;
    }
    return rules;
}

void bnti_guest_reset_begin(struct bnt_guest *guest)
{
    bnt_drv_reset(&guest->drv, &guest->ops.transport, guest->opaque);
    guest->reset_sent_ns = guest->now_ns;
    guest->reset_wait_ns = BNTI_GUEST_RESET_POLL_NS;
    guest->reset_due_ns = bnti_guest_after(guest->now_ns, guest->reset_wait_ns);
    guest->reset_stalled = false;
}

/* OK once the status reads 0 (VG-16); else E_AGAIN with the next look at reset_due_ns. */
static bnt_status reset_wait(struct bnt_guest *guest)
{
    const uint64_t waited = guest->now_ns - guest->reset_sent_ns;
    if (bnt_drv_reset_done(&guest->drv, &guest->ops.transport, guest->opaque) == BNT_OK) {
        if (guest->reset_stalled) {
            guest->reset_stalled = false;
            bnti_guest_tell(guest, BNT_GUEST_EVENT_RESUMED, BNT_GUEST_STALLED_RESET, waited);
        }
        return BNT_OK;
    }
    if (!guest->reset_stalled && waited >= guest->config.ack_timeout_ns) {
        guest->reset_stalled = true;
        guest->count.stalls++;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_STALLED, BNT_GUEST_STALLED_RESET, waited);
    }
    if (guest->now_ns >= guest->reset_due_ns) {
        guest->reset_wait_ns =
            bnti_guest_min(guest->reset_wait_ns * 2, guest->config.ack_timeout_ns);
        guest->reset_due_ns = bnti_guest_after(guest->now_ns, guest->reset_wait_ns);
    }
    return BNT_E_AGAIN;
}

static void features_adopt(struct bnt_guest *guest)
{
    const struct bnt_guest_config *c = &guest->config;
    guest->features = guest->drv.accepted;
    guest->big_endian = guest->drv.legacy && bnt_byte_order_big(c->byte_order);
    guest->verdicts = (guest->features & c->binding.verdicts) != 0;
    guest->resets = (guest->features & c->binding.reset) != 0;
    guest->must_tell_host = (guest->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    guest->init_inflate = (guest->features & c->binding.device_init_on_inflate) != 0;
    guest->init_reported = (guest->features & c->binding.device_init_reported) != 0;
}

/* Tells the poison value, acknowledges the epoch, both before DRIVER_OK (BD-35, BX-11), and finds
 * out what `actual` says. */
static bnt_status config_set_up(struct bnt_guest *guest)
{
    /* At every attachment: the device forgot it with its reset (bug 42). */
    if ((guest->features & BNT_BALLOON_F_PAGE_POISON) != 0) {
        bnti_guest_config_le32_write(guest, BNT_BALLOON_CONFIG_POISON_VAL,
                                     guest->config.poison_val);
    }
    if (guest->resets) {
        uint32_t epoch = 0;
        const bnt_status status = bnti_guest_config_le32(guest, BNT_BALLOON_CONFIG_EPOCH, &epoch);
        if (status != BNT_OK) {
            return status;
        }
        bnti_guest_config_le32_write(guest, BNT_BALLOON_CONFIG_EPOCH_ACK, epoch);
        guest->epoch = epoch;
        guest->epoch_seen = epoch;
    }
    bnti_guest_limit_write(guest);
    return bnti_guest_config_le32(guest, BNT_BALLOON_CONFIG_ACTUAL, &guest->actual);
}

static bnt_status set_up(struct bnt_guest *guest, uint64_t wanted)
{
    const struct bnt_balloon_rule_set rules = feature_rules(guest);
    bnt_status status = bnt_drv_negotiate_as(
        &guest->drv, &guest->ops.transport, guest->opaque, guest->config.interface, wanted,
        guest->config.features_required, LEGACY_UNDEFINED, rules.rules, rules.count, &guest->diag);
    if (status != BNT_OK) {
        return status;
    }
    features_adopt(guest);
    status = bnti_guest_queues_set_up(guest);
    if (status != BNT_OK) {
        return status;
    }
    status = config_set_up(guest);
    if (status != BNT_OK) {
        return status;
    }
    /* Added before DRIVER_OK, kicked after it (BD-17, VG-24). */
    if (guest->features & BNT_BALLOON_F_STATS_VQ) {
        bnti_guest_stats_send(guest);
        if (bnti_guest_quirk(guest, BNT_GUEST_QUIRK_STATS_KICK_EARLY)) {
            bnti_guest_kick(guest, BNTI_GUEST_Q_STATS);
        }
    }
    return bnt_drv_ready(&guest->drv, &guest->ops.transport, guest->opaque);
}

/* The reset is complete: negotiates and goes live, or writes FAILED and is down. */
static bnt_status go_live(struct bnt_guest *guest)
{
    const uint64_t wanted = features_wanted(guest);
    memset(&guest->diag, 0, sizeof guest->diag);
    guest->diag.size = sizeof guest->diag;
    const bnt_status status = set_up(guest, wanted);
    if (status != BNT_OK) {
        if (guest->drv.state != BNT_DRV_FAILED) {
            bnt_drv_fail(&guest->drv, &guest->ops.transport, guest->opaque);
        }
        guest->diag.status = status;
        guest->features = 0;
        bnti_guest_queues_none(guest);
        if (guest->recover_tried > 0) {
            bnti_guest_state_set(guest, BNT_GUEST_BROKEN);
            bnti_guest_recover_plan(guest);
        } else {
            bnti_guest_state_set(guest, BNT_GUEST_DOWN);
        }
        return status;
    }
    guest->reached = true;
    bnti_guest_pace_start(guest);
    bnti_guest_huge_start(guest);
    /* The target may be set since long ago. */
    guest->config_marked = !bnti_guest_quirk(guest, BNT_GUEST_QUIRK_TARGET_AT_ATTACH_UNSEEN);
    bnti_guest_state_set(guest, BNT_GUEST_RUNNING);
    const uint64_t missing = guest->config.features_wanted & ~guest->features;
    bnti_guest_report_start(guest);
    bnti_guest_ws_start(guest);
    if (missing != 0) {
        bnti_guest_tell(guest, BNT_GUEST_EVENT_DEGRADED, missing, 0);
    }
    if (guest->features & BNT_BALLOON_F_STATS_VQ) {
        bnti_guest_kick(guest, BNTI_GUEST_Q_STATS);
    }
    bnti_guest_actual_write(guest, false);
    bnti_guest_recovered(guest);
    return BNT_OK;
}

bnt_status bnti_guest_start_poll(struct bnt_guest *guest)
{
    if (bnti_guest_on_vmware(guest)) {
        return bnti_vmware_start_poll(guest);
    }
    return reset_wait(guest) == BNT_OK ? go_live(guest) : BNT_E_AGAIN;
}

/* Forgets what belongs to one attachment. The counters go on. */
void bnti_guest_session_clear(struct bnt_guest *guest)
{
    guest->features = 0;
    guest->verdicts = false;
    guest->resets = false;
    guest->must_tell_host = false;
    guest->big_endian = false;
    guest->init_inflate = false;
    guest->init_reported = false;
    bnti_guest_queues_none(guest);
    guest->config_marked = false;
    guest->freed_marked = false;
    memset(&guest->report, 0, sizeof guest->report);
    guest->report.look_ns = BNT_NEVER;
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        guest->queue_marked[q] = BNTI_GUEST_MARK_NONE;
    }
    bnti_guest_queue_resets_forget(guest);
    guest->used_first = 0;
    guest->used_all = false;
    guest->stats_owed = false;
    guest->stats_storm = false;
    guest->stats_early = 0;
    guest->stats_due_ns = 0;
    guest->num_pages = 0;
    guest->target_pfns = 0;
    guest->reached = true;
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
    memset(&guest->inflate_backoff, 0, sizeof guest->inflate_backoff);
    memset(&guest->deflate_backoff, 0, sizeof guest->deflate_backoff);
    guest->config_due_ns = BNT_NEVER;
    guest->actual = 0;
    guest->epoch = 0;
    guest->epoch_seen = 0;
    guest->holdoff_until_ns = 0;
    guest->oom_debt_pfns = 0;
    guest->oom_freed_pfns = 0;
    guest->oom_pending = false;
    guest->oom_gave_up = false;
    guest->held_due = false;
    memset(&guest->unusable, 0, sizeof guest->unusable);
    guest->huge.on = false;
    guest->huge.phase = false;
    memset(&guest->pace, 0, sizeof guest->pace);
    memset(&guest->vmware, 0, sizeof guest->vmware);
    bnti_guest_hint_clear(guest);
}

bnt_status bnt_guest_attach(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (guest->state != BNT_GUEST_DOWN) {
        return BNT_E_STATE;
    }
    bnti_guest_enter(guest, now_ns);
    guest->recover_tried = 0;
    guest->recover_wait_ns = 0;
    guest->queue_reset_fails = false;
    bnti_guest_session_clear(guest);
    bnti_guest_state_set(guest, BNT_GUEST_STARTING);
    if (!bnti_guest_on_vmware(guest)) {
        bnti_guest_reset_begin(guest);
    }
    bnt_status status = bnti_guest_start_poll(guest);
    if (status == BNT_E_AGAIN) {
        status = BNT_OK;
    }
    guest->call = BNTI_GUEST_CALL_NONE;
    return status;
}

/* The device is reset and forgot its buffers: what was in flight is the OS's (BX-17, BX-21). */
static void in_flight_return(struct bnt_guest *guest)
{
    bnti_guest_migration_end(guest);
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        struct bnti_guest_request *request = &guest->requests[slot];
        if (!request->busy) {
            continue;
        }
        request->busy = false;
        request->doubtful = false;
        if (request->given_back || request->gone_on) {
            continue;
        }
        bnti_guest_give_back_of(guest, request->huge, request->pages, request->page_count);
        if (slot != BNTI_GUEST_INFLATE) {
            guest->count.reset_pfns += bnti_guest_pfns_of(guest, request);
        }
    }
}

/*
 * Waits for the reset, then gives every page back without a message. OK once none is left; E_AGAIN
 * while the reset takes time or the budget is used up.
 */
bnt_status bnti_guest_reset_release(struct bnt_guest *guest)
{
    if (guest->drv.state == BNT_DRV_RESETTING && reset_wait(guest) != BNT_OK) {
        return BNT_E_AGAIN;
    }
    in_flight_return(guest);
    bnti_guest_huge_return(guest);
    bnti_guest_report_void(guest);
    while (guest->budget > 0 && (bnti_guest_release_batch(guest, BNT_NEVER) > 0 ||
                                 bnti_guest_hint_release(guest, BNTI_GUEST_BATCH) > 0)) {
        guest->budget--;
    }
    return bnti_guest_has_any(guest) || bnti_guest_hinted_pfns(guest) > 0 ? BNT_E_AGAIN : BNT_OK;
}

bnt_status bnti_guest_stop_poll(struct bnt_guest *guest)
{
    if (bnti_vmware_stop_waits(guest) || bnti_guest_reset_release(guest) != BNT_OK) {
        return BNT_E_AGAIN;
    }
    bnti_guest_oom_meet(guest);
    bnti_guest_session_clear(guest);
    guest->emptying = false;
    bnti_guest_state_set(guest, BNT_GUEST_DOWN);
    return BNT_OK;
}

/* Takes the instance down: by a reset of the device, or without the device, which is gone. */
bnt_status bnti_guest_take_down(struct bnt_guest *guest, bool gone)
{
    guest->leaving = false;
    if (guest->state != BNT_GUEST_STOPPING) {
        bnti_guest_sleep_cancel(guest);
        guest->given_pfns_before = guest->count.reset_pfns + guest->count.deflated_pfns;
        (void)bnti_guest_aside_return(guest);
    }
    if (guest->state != BNT_GUEST_STOPPING && !gone) {
        if (bnti_guest_on_vmware(guest)) {
            bnti_vmware_stop(guest);
        } else {
            bnti_guest_reset_begin(guest);
        }
    }
    if (gone) { /* no register is there to read, and nothing left that could take a page */
        guest->drv.state = BNT_DRV_DOWN;
        guest->vmware.stop_owed = false;
    }
    if (guest->state != BNT_GUEST_STOPPING) {
        bnti_guest_state_set(guest, BNT_GUEST_STOPPING);
    }
    return bnti_guest_stop_poll(guest);
}

static bnt_status detach(struct bnt_guest *guest, uint64_t now_ns, bool gone)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (guest->state == BNT_GUEST_DOWN) {
        return BNT_OK;
    }
    bnti_guest_enter(guest, now_ns);
    guest->budget = BNTI_GUEST_DETACH_BATCHES;
    const bnt_status status = bnti_guest_take_down(guest, gone);
    guest->call = BNTI_GUEST_CALL_NONE;
    return status;
}

bnt_status bnt_guest_detach(struct bnt_guest *guest, uint64_t now_ns)
{
    return detach(guest, now_ns, false);
}

bnt_status bnt_guest_unplugged(struct bnt_guest *guest, uint64_t now_ns)
{
    return detach(guest, now_ns, true);
}
