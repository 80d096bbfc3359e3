/*
 * The registers that the embedder's transport accesses: status, features, configuration space,
 * queues.
 *
 * lib/virtio's state machine validates what a driver writes. These functions can be called from
 * interrupt callbacks, inside which a driver can run, but not from other callbacks.
 */
#include "lib/host/host_front.h"

#include <string.h>

uint64_t bnt_host_features_read(const struct bnt_host *host)
{
    return host->dev.offered;
}

bnt_status bnt_host_features_write(struct bnt_host *host, uint64_t features)
{
    if (host->busy == BNTI_HOST_WORKING) {
        return BNT_E_REENTRANT;
    }
    const bnt_status status = bnt_dev_features_write(&host->dev, features);
    if (status == BNT_OK) {
        bnti_host_number_queues(host); /* a legacy driver continues without FEATURES_OK */
    }
    return status;
}

uint8_t bnt_host_status_read(const struct bnt_host *host)
{
    return host->dev.status;
}

/** Reports a probable cause when a driver gives up between FEATURES_OK and DRIVER_OK: perhaps it
 * looked for a queue at the index that Linux uses, where only the queues of negotiated features are
 * counted. */
static void check_queue_layout(struct bnt_host *host, uint8_t status)
{
    const uint8_t before = BNT_DEVICE_STATUS_FEATURES_OK | BNT_DEVICE_STATUS_DRIVER_OK;
    const struct bnt_balloon_queues dense = bnt_balloon_assign_queue_indices(
        BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, host->config.features.offered, host->dev.accepted,
        &host->config.features.binding);

    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        if ((status & before) == BNT_DEVICE_STATUS_FEATURES_OK &&
            dense.index[role] != BNT_BALLOON_QUEUE_NONE && host->queues[role].exists &&
            dense.index[role] != host->queues[role].index) {
            bnti_host_misuse_clear(host);
            bnti_host_misuse_report(host, BNT_FAULT_QUEUE_LAYOUT, (bnt_balloon_queue)role, 0, 0,
                                    dense.index[role]);
            return;
        }
    }
}

bnt_status bnt_host_status_write(struct bnt_host *host, uint64_t now_ns, uint8_t value)
{
    const uint8_t old = host->dev.status;
    bnt_dev_action action = BNT_DEV_ACTION_NONE;
    bnti_host_busy before;
    bnt_status status;

    if (!bnti_host_enter_call(host, BNTI_HOST_WORKING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    bnti_host_defer_suspend(host, &value);
    status = bnt_dev_status_write(&host->dev, value, &action, &host->diag);
    if (action == BNT_DEV_ACTION_RESET && old != 0) {
        bnti_host_reset_device(host);
    } else if (action == BNT_DEV_ACTION_FEATURES_OK) {
        bnti_host_number_queues(host);
    } else if (action == BNT_DEV_ACTION_DRIVER_OK) {
        bnti_host_number_queues(host);
        /* Perhaps the driver added buffers and kicked before DRIVER_OK. */
        bnti_host_kick_all_queues(host);
        bnti_host_emit_event(host, BNT_HOST_EVENT_DRIVER_OK, host->dev.accepted, 0);
    } else if (action == BNT_DEV_ACTION_FAILED) {
        check_queue_layout(host, old);
        bnti_host_abandon_job(host); /* the driver gave up and reads no answer */
    } else if (action == BNT_DEV_ACTION_SUSPEND) {
        bnti_host_suspend_device(host);
    } else if (action == BNT_DEV_ACTION_RESUME) {
        bnti_host_resume_device(host);
    }
    bnti_host_leave_call(host, before);
    return status;
}

uint32_t bnt_host_config_generation_read(const struct bnt_host *host)
{
    return host->generation;
}

void bnt_host_config_read(struct bnt_host *host, uint32_t offset, void *dst, uint32_t bytes)
{
    uint8_t space[BNT_BALLOON_CONFIG_BYTES] = {0};

    /* Every field of an offered feature is readable, even if the feature is not negotiated
     * (VG-20). */
    bnti_host_put_field(space, BNT_BALLOON_CONFIG_NUM_PAGES, host->target.num_pages);
    bnti_host_put_field(space, BNT_BALLOON_CONFIG_ACTUAL, host->actual);
    bnti_host_put_field(space, BNT_BALLOON_CONFIG_EPOCH, host->epoch);
    bnti_host_put_field(space, BNT_BALLOON_CONFIG_EPOCH_ACK, host->epoch_ack);
    if (!host->wire->has_calls) {
        bnti_host_put_field(space, BNT_BALLOON_CONFIG_GUEST_LIMIT, (uint32_t)host->limit_pfns);
    }
    bnti_host_fill_features_config(host, space);
    memset(dst, 0, bytes);
    if (offset < sizeof space) {
        const uint32_t room = (uint32_t)sizeof space - offset;
        memcpy(dst, space + offset, bytes < room ? bytes : room);
    }
}

static void write_config_byte(struct bnt_host *host, uint32_t at, uint8_t value)
{
    const uint64_t reset = host->config.features.binding.reset;
    const uint32_t actual = at - BNT_BALLOON_CONFIG_ACTUAL;
    const uint32_t ack = at - BNT_BALLOON_CONFIG_EPOCH_ACK;
    const uint32_t limit = at - BNT_BALLOON_CONFIG_GUEST_LIMIT;

    if (actual < 4) {
        bnti_host_actual_write_byte(host, actual, value);
    } else if (ack < 4 && bnti_host_has_negotiated(host, reset)) {
        if (bnti_host_write_field_byte(host->ack_bytes, ack, value)) {
            bnti_host_acknowledge_epoch(host, bnti_host_get_field(host->ack_bytes));
        }
    } else if (limit < 4 &&
               bnti_host_has_negotiated(host, host->config.features.binding.guest_limit)) {
        if (bnti_host_write_field_byte(host->limit_bytes, limit, value)) {
            bnti_host_target_set_limit(host, bnti_host_get_field(host->limit_bytes));
        }
    } else {
        bnti_host_write_features_config_byte(host, at, value);
    }
}

/** Whether the driver is allowed to write configuration space. Before the negotiation ends, only a
 * legacy driver is allowed to write it (VG-23, VG-32). */
static bool is_config_writable(const struct bnt_host *host)
{
    const unsigned before = BNT_DEVICE_STATUS_FEATURES_OK | BNT_DEVICE_STATUS_DRIVER_OK;

    return bnt_dev_negotiated(&host->dev) ||
           (host->config.features.interface != BNT_INTERFACE_MODERN &&
            (host->dev.status & before) == 0);
}

void bnt_host_config_write(struct bnt_host *host, uint64_t now_ns, uint32_t offset, const void *src,
                           uint32_t bytes)
{
    const uint8_t *from = src;
    bnti_host_busy before;

    if (!is_config_writable(host) || bnt_dev_is_suspended(&host->dev) ||
        offset >= BNT_BALLOON_CONFIG_BYTES ||
        !bnti_host_enter_call(host, BNTI_HOST_WORKING, &before)) {
        return;
    }
    bnti_host_set_clock(host, now_ns);
    for (uint32_t i = 0; i < bytes && i < BNT_BALLOON_CONFIG_BYTES - offset; i++) {
        write_config_byte(host, offset + i, from[i]);
    }
    bnti_host_leave_call(host, before);
}

uint16_t bnt_host_queue_size_max_get(const struct bnt_host *host, uint16_t queue)
{
    const bool exists = bnti_host_find_queue_role(host, queue) != BNT_BALLOON_QUEUE_COUNT;
    uint16_t size = exists ? host->config.queues.size_max : 0;

    /* A split ring's size must be a power of two; a packed ring's need not be (VP-1). */
    while (!bnti_host_has_negotiated(host, BNT_F_RING_PACKED) && (size & (size - 1)) != 0) {
        size = (uint16_t)(size & (size - 1));
    }
    return size;
}

bnt_status bnt_host_queue_enable(struct bnt_host *host, uint16_t queue, uint16_t size,
                                 uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa)
{
    const bnt_balloon_queue role = bnti_host_find_queue_role(host, queue);
    struct bnti_host_queue *found = role != BNT_BALLOON_QUEUE_COUNT ? &host->queues[role] : NULL;
    struct bnt_diag diag = {.size = sizeof diag};
    bnti_host_busy before;
    bnt_status status;

    if (host->provided) {
        return BNT_E_UNSUPPORTED;
    }
    if ((!bnt_dev_negotiated(&host->dev) && !bnt_dev_switch_to_legacy(&host->dev)) ||
        bnt_dev_is_suspended(&host->dev)) {
        return BNT_E_STATE;
    }
    if (found == NULL || size > host->config.queues.size_max || found->vq.size != 0) {
        return BNT_E_ARGUMENT;
    }
    if (!bnti_host_enter_call(host, BNTI_HOST_WORKING, &before)) {
        return BNT_E_REENTRANT;
    }
    status = host->dev.legacy
                 ? bnt_vq_dev_init_legacy(&found->vq, &host->mem, queue, size, desc_gpa, avail_gpa,
                                          used_gpa, host->dev.accepted,
                                          bnti_host_is_big_endian(host), &diag)
                 : bnt_vq_dev_init(&found->vq, &host->mem, queue, size, desc_gpa, avail_gpa,
                                   used_gpa, host->dev.accepted, &diag);
    if (status != BNT_OK) {
        found->vq.size = 0;
        bnti_host_break_device(host, &diag);
    }
    bnti_host_leave_call(host, before);
    return status;
}

bool bnt_host_is_queue_enabled(const struct bnt_host *host, uint16_t queue)
{
    const bnt_balloon_queue role = bnti_host_find_queue_role(host, queue);

    return role != BNT_BALLOON_QUEUE_COUNT && host->queues[role].vq.size != 0;
}
