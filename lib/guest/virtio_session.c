/*
 * A session on VIRTIO's wire: the device reset, the negotiation (VIRTIO 1.3, 3.1.1), and the start.
 * queues.c sets the queues up; attach.c gives every page back at the end.
 */
#include "lib/guest/front.h"

#include <string.h>

/* Features whose fields have no defined byte order in the legacy interface. Linux does not accept
 * them either. */
#define LEGACY_UNDEFINED \
    (BNT_BALLOON_F_FREE_PAGE_HINT | BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_PAGE_REPORTING)

/* Features of the transport. Some of these features need optional functions of the embedder's
 * transport. */
static uint64_t list_transport_features(const struct bnt_drv_transport *transport)
{
    const bool resets = transport->queue_reset != NULL && transport->queue_reset_read != NULL;
    return BNT_F_SUSPEND | (resets ? BNT_F_RING_RESET : 0) |
           (transport->notify_data != NULL ? BNT_F_NOTIFICATION_DATA : 0);
}

/* The features that this core implements. No other feature is accepted (VG-9). */
static uint64_t collect_known_features(const struct bnt_guest *guest)
{
    const struct bnt_balloon_binding *binding = &guest->config.features.binding;
    return BNT_BALLOON_F_MUST_TELL_HOST | BNT_BALLOON_F_DEFLATE_ON_OOM | binding->guest_limit |
           binding->verdicts | binding->reset | BNT_F_NOTIFY_ON_EMPTY | BNT_F_RING_INDIRECT_DESC |
           BNT_F_RING_EVENT_IDX | BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_VERSION_1 |
           bnti_guest_get_known_features(&guest->config) |
           list_transport_features(&guest->ops.transport);
}

/* Returns the features to negotiate, chosen from those that the configuration wants and the device
 * offers. */
static uint64_t collect_wanted_features(struct bnt_guest *guest)
{
    const struct bnt_guest_config *c = &guest->config;
    const uint64_t offered = guest->ops.transport.features_read(guest->opaque);
    uint64_t wanted = (c->features.wanted & collect_known_features(guest)) | BNT_F_VERSION_1;
    if (guest->queue_reset_fails && (c->features.required & BNT_F_RING_RESET) == 0) {
        wanted &= ~BNT_F_RING_RESET; /* offered, but a queue reset failed */
    }
    return bnti_guest_limit_wanted_features(guest, wanted, offered);
}

/* The balloon's feature rules. If the OS relies on poison in free pages, PAGE_REPORTING also needs
 * PAGE_POISON (BD-3). */
static struct bnt_balloon_rule_set build_feature_rules(const struct bnt_guest *guest)
{
    struct bnt_balloon_rule_set rules =
        bnt_balloon_build_feature_rules(&guest->config.features.binding);
    if (guest->config.poison.init_on_free) {
        rules.rules[rules.count].feature = BNT_BALLOON_F_PAGE_REPORTING;
        rules.rules[rules.count].needs = BNT_BALLOON_F_PAGE_POISON;
        rules.count++;
    }
    return rules;
}

void bnti_virtio_begin_reset(struct bnt_guest *guest)
{
    bnt_drv_begin_reset(&guest->drv, &guest->ops.transport, guest->opaque);
    guest->reset_sent_ns = guest->now_ns;
    guest->reset_wait_ns = BNTI_GUEST_RESET_POLL_NS;
    guest->reset_due_ns = bnti_guest_add_time(guest->now_ns, guest->reset_wait_ns);
    guest->reset_stalled = false;
}

/* Returns OK if the status reads 0 (VG-16). Otherwise returns E_AGAIN, and the status is read again
 * at reset_due_ns. */
bnt_status bnti_virtio_poll_reset(struct bnt_guest *guest)
{
    const uint64_t waited = guest->now_ns - guest->reset_sent_ns;
    if (bnt_drv_poll_reset(&guest->drv, &guest->ops.transport, guest->opaque) == BNT_OK) {
        if (guest->reset_stalled) {
            guest->reset_stalled = false;
            bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALL_ENDED, BNT_GUEST_STALLED_RESET,
                                  waited);
        }
        return BNT_OK;
    }
    if (!guest->reset_stalled && waited >= guest->config.requests.ack_timeout_ns) {
        guest->reset_stalled = true;
        guest->count.wire.stalls++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALLED, BNT_GUEST_STALLED_RESET, waited);
    }
    if (guest->now_ns >= guest->reset_due_ns) {
        guest->reset_wait_ns =
            bnti_guest_min(guest->reset_wait_ns * 2, guest->config.requests.ack_timeout_ns);
        guest->reset_due_ns = bnti_guest_add_time(guest->now_ns, guest->reset_wait_ns);
    }
    return BNT_E_AGAIN;
}

static void store_negotiated_features(struct bnt_guest *guest)
{
    const struct bnt_guest_config *c = &guest->config;
    guest->features = guest->drv.accepted;
    guest->big_endian = guest->drv.legacy && bnt_is_byte_order_big(c->features.byte_order);
    guest->verdicts = (guest->features & c->features.binding.verdicts) != 0;
    guest->resets = (guest->features & c->features.binding.reset) != 0;
    guest->must_tell_host = (guest->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    guest->init_inflate = (guest->features & c->features.binding.device_init_on_inflate) != 0;
    guest->init_reported = (guest->features & c->features.binding.device_init_reported) != 0;
}

/* Before DRIVER_OK: writes the features' fields of configuration space, acknowledges the epoch
 * (BX-11), and reads `actual`. */
static bnt_status write_config_before_driver_ok(struct bnt_guest *guest)
{
    bnti_guest_write_features_config(guest);
    if (guest->resets) {
        uint32_t epoch = 0;
        const bnt_status status =
            bnti_guest_read_config_le32(guest, BNT_BALLOON_CONFIG_EPOCH, &epoch);
        if (status != BNT_OK) {
            return status;
        }
        bnti_guest_write_config_le32(guest, BNT_BALLOON_CONFIG_EPOCH_ACK, epoch);
        bnti_guest_adopt_epoch(guest, epoch);
    }
    bnti_guest_write_guest_limit(guest);
    return bnti_guest_read_config_le32(guest, BNT_BALLOON_CONFIG_ACTUAL, &guest->actual);
}

static bnt_status set_up_device(struct bnt_guest *guest, uint64_t wanted)
{
    const struct bnt_balloon_rule_set rules = build_feature_rules(guest);
    bnt_status status = bnt_drv_negotiate_with_interface(
        &guest->drv, &guest->ops.transport, guest->opaque, guest->config.features.interface, wanted,
        guest->config.features.required, LEGACY_UNDEFINED, rules.rules, rules.count, &guest->diag);
    if (status != BNT_OK) {
        return status;
    }
    store_negotiated_features(guest);
    status = bnti_guest_set_up_queues(guest);
    if (status != BNT_OK) {
        return status;
    }
    status = write_config_before_driver_ok(guest);
    if (status != BNT_OK) {
        return status;
    }
    bnti_guest_prepare_features(guest);
    return bnt_drv_set_driver_ok(&guest->drv, &guest->ops.transport, guest->opaque);
}

/* The reset is complete: negotiates and starts. On failure the driver writes FAILED, and the state
 * of the instance is DOWN, or BROKEN during a recovery. */
static bnt_status negotiate_and_start(struct bnt_guest *guest)
{
    const uint64_t wanted = collect_wanted_features(guest);
    memset(&guest->diag, 0, sizeof guest->diag);
    guest->diag.size = sizeof guest->diag;
    const bnt_status status = set_up_device(guest, wanted);
    if (status != BNT_OK) {
        if (guest->drv.state != BNT_DRV_FAILED) {
            bnt_drv_set_failed(&guest->drv, &guest->ops.transport, guest->opaque);
        }
        guest->diag.status = status;
        guest->features = 0;
        bnti_guest_clear_queue_indices(guest);
        if (guest->recover_tried > 0) {
            bnti_guest_set_state(guest, BNT_GUEST_BROKEN);
            bnti_guest_plan_recovery(guest);
        } else {
            bnti_guest_set_state(guest, BNT_GUEST_DOWN);
        }
        return status;
    }
    bnti_guest_pace_init_rates(guest);
    /* It is possible that the device had a target before the driver attached. */
    guest->config_marked = !bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_INITIAL_TARGET_IGNORED);
    bnti_guest_set_state(guest, BNT_GUEST_RUNNING);
    const uint64_t missing = guest->config.features.wanted & ~guest->features;
    bnti_guest_start_features(guest);
    if (missing != 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_DEGRADED, missing, 0);
    }
    bnti_guest_kick_feature_queues(guest);
    bnti_guest_write_actual(guest, false);
    bnti_guest_note_recovery(guest);
    return BNT_OK;
}

bnt_status bnti_virtio_poll_start(struct bnt_guest *guest)
{
    return bnti_virtio_poll_reset(guest) == BNT_OK ? negotiate_and_start(guest) : BNT_E_AGAIN;
}

/* Whether the driver is allowed to deflate when the OS is out of memory (BD-11). */
bool bnti_virtio_can_deflate_on_oom(const struct bnt_guest *guest)
{
    return (guest->features & BNT_BALLOON_F_DEFLATE_ON_OOM) != 0;
}

bool bnti_virtio_has_huge_pages(const struct bnt_guest *guest)
{
    return (guest->features & guest->config.features.binding.huge_pages) != 0;
}

/* In STOPPING the driver waits only for the device reset. */
bool bnti_virtio_must_detach_wait(struct bnt_guest *guest)
{
    (void)guest;
    return false;
}
