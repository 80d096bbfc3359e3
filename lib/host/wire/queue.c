/*
 * Queues: their indices and kicks, copies to and from buffers, the return of buffers, and breaking
 * the device.
 *
 * Buffers are accessed through struct bnt_queue_provider. serve.c decides which buffers are taken;
 * the code of each role handles their content.
 */
#include "lib/host/wire/host_wire.h"

#include "lib/virtio/queue_state.h"

#include <string.h>

void bnti_host_break_device(struct bnt_host *host, const struct bnt_diag *diag)
{
    if ((host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
        return;
    }
    if (bnt_dev_set_needs_reset(&host->dev)) {
        bnti_host_mark_config_interrupt(host, true);
    }
    host->kicked_roles = 0;
    bnti_host_abandon_job(host);
    host->diag = *diag;
    host->count.wire.breaks++;
    bnti_host_emit_event(host, BNT_HOST_EVENT_BROKEN, (uint64_t)diag->fault, diag->queue);
}

/** A failed queue breaks the whole device. */
void bnti_host_break_queue(struct bnt_host *host, bnt_balloon_queue role, bnt_status status,
                           struct bnt_diag *diag)
{
    if (diag->status == BNT_OK) {
        diag->status = status;
        diag->queue = host->queues[role].index;
    }
    bnti_host_break_device(host, diag);
}

bool bnti_host_push_buffer(struct bnt_host *host, bnt_balloon_queue role, uint16_t head,
                           uint32_t len)
{
    struct bnt_diag diag = {.size = sizeof diag};
    const bnt_status status =
        host->provider.push(host->provider_opaque, host->queues[role].index, head, len, &diag);

    if (status != BNT_OK) {
        bnti_host_break_queue(host, role, status, &diag);
    } else if (host->queues[role].limited) {
        host->queues[role].limited = false;
        bnti_host_set_queue_kicked(host, role, true);
    }
    return status == BNT_OK;
}

/** Whether an interrupt is allowed, even in a broken device: buffers used before the break still
 * need their interrupt (VIRTIO 1.3, 2.7.7.2). */
static bool may_queue_interrupt(const struct bnt_host *host)
{
    struct bnt_dev_status dev = host->dev;

    dev.status &= (uint8_t)~BNT_DEVICE_STATUS_NEEDS_RESET;
    return bnt_dev_is_live(&dev);
}

void bnti_host_flush_queue(struct bnt_host *host, bnt_balloon_queue role)
{
    struct bnt_diag diag = {.size = sizeof diag};
    bool due = false;

    if (host->provider.flush == NULL || !may_queue_interrupt(host)) {
        return;
    }
    const bnt_status status =
        host->provider.flush(host->provider_opaque, host->queues[role].index, &due, &diag);
    if (status != BNT_OK) {
        bnti_host_break_queue(host, role, status, &diag);
    } else if (due) {
        host->interrupt_roles |= UINT32_C(1) << role;
    }
}

bool bnti_host_read_chain(struct bnt_host *host, bnt_balloon_queue role,
                          const struct bnt_vq_chain *chain, uint64_t offset, void *dst,
                          uint32_t bytes)
{
    struct bnt_diag diag = {.size = sizeof diag, .head = chain->head};
    const bnt_status status = host->provider.read(host->provider_opaque, host->queues[role].index,
                                                  chain, offset, dst, bytes);

    if (status != BNT_OK) {
        bnti_host_break_queue(host, role, status, &diag);
    }
    return status == BNT_OK;
}

bool bnti_host_write_chain(struct bnt_host *host, bnt_balloon_queue role,
                           const struct bnt_vq_chain *chain, uint64_t offset, const void *src,
                           uint32_t bytes)
{
    struct bnt_diag diag = {.size = sizeof diag, .head = chain->head};
    const bnt_status status = host->provider.write(host->provider_opaque, host->queues[role].index,
                                                   chain, offset, src, bytes);

    if (status != BNT_OK) {
        bnti_host_break_queue(host, role, status, &diag);
    }
    return status == BNT_OK;
}

void bnti_host_number_queues(struct bnt_host *host)
{
    /* A legacy driver sets up its queues before the negotiation ends: the features that it has
     * written are used. */
    const bool written = host->config.features.interface != BNT_INTERFACE_MODERN &&
                         (host->dev.accepted & BNT_F_VERSION_1) == 0;
    const uint64_t known = bnt_dev_negotiated(&host->dev) ? UINT64_MAX
                           : written                      ? host->dev.offered & BNT_F_LEGACY_MASK
                                                          : 0;
    const uint64_t negotiated = host->dev.accepted & known;
    const struct bnt_balloon_queues queues =
        bnt_balloon_assign_queue_indices(host->config.queues.layout, host->config.features.offered,
                                         negotiated, &host->config.features.binding);

    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        host->queues[role].index = queues.index[role];
        host->queues[role].exists = queues.index[role] != BNT_BALLOON_QUEUE_NONE;
    }
}

uint16_t bnt_host_queue_index_get(const struct bnt_host *host, bnt_balloon_queue role)
{
    return (uint32_t)role < BNT_BALLOON_QUEUE_COUNT ? host->queues[role].index
                                                    : BNT_BALLOON_QUEUE_NONE;
}

bnt_balloon_queue bnti_host_find_queue_role(const struct bnt_host *host, uint16_t index)
{
    uint32_t role = 0;

    while (role < BNT_BALLOON_QUEUE_COUNT &&
           !(host->queues[role].exists && host->queues[role].index == index)) {
        role++;
    }
    return (bnt_balloon_queue)role;
}

void bnti_host_clear_queue(struct bnt_host *host, bnt_balloon_queue role)
{
    struct bnti_host_queue *queue = &host->queues[role];

    memset(&queue->vq, 0, sizeof queue->vq);
    queue->kick_told = false;
    queue->limited = false;
    bnti_host_set_queue_kicked(host, role, false);
    host->interrupt_roles &= ~(UINT32_C(1) << role);
}

void bnti_host_set_queue_kicked(struct bnt_host *host, bnt_balloon_queue role, bool kicked)
{
    const uint32_t bit = UINT32_C(1) << role;

    host->kicked_roles = kicked ? host->kicked_roles | bit : host->kicked_roles & ~bit;
}

void bnti_host_kick_all_queues(struct bnt_host *host)
{
    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        bnti_host_set_queue_kicked(host, (bnt_balloon_queue)role, host->queues[role].exists);
    }
}

void bnt_host_handle_kick_with_data(struct bnt_host *host, uint32_t data)
{
    const uint16_t index = (uint16_t)data;

    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        struct bnti_host_queue *queue = &host->queues[role];
        if (queue->exists && queue->index == index &&
            bnti_host_has_negotiated(host, BNT_F_NOTIFICATION_DATA)) {
            queue->kick_told = true;
            queue->kick_next = (uint16_t)(data >> 16);
        }
    }
    bnt_host_handle_kick(host, index);
}

void bnt_host_handle_kick(struct bnt_host *host, uint16_t queue)
{
    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        if (host->queues[role].exists && host->queues[role].index == queue) {
            bnti_host_set_queue_kicked(host, (bnt_balloon_queue)role, true);
        }
    }
}

static void pack_role_bit(struct bnti_pack *pack, uint32_t *roles, uint32_t role)
{
    const uint32_t bit = UINT32_C(1) << role;
    bool set = (*roles & bit) != 0;

    bnti_save_or_load_bool(pack, &set);
    *roles = set ? *roles | bit : *roles & ~bit;
}

/** Saves or loads the queues. Existing queues and their indices must not change, because a driver
 * uses them. */
void bnti_host_save_or_load_queues(struct bnti_pack *pack, struct bnt_host *host)
{
    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        struct bnti_host_queue *queue = &host->queues[role];
        bool exists = queue->exists;
        uint16_t index = queue->index;
        bnti_save_or_load_bool(pack, &exists);
        bnti_save_or_load_u16(pack, &index);
        pack_role_bit(pack, &host->kicked_roles, role);
        pack_role_bit(pack, &host->interrupt_roles, role);
        bnti_save_or_load_bool(pack, &queue->limited);
        bnti_save_or_load_bool(pack, &queue->kick_told);
        bnti_save_or_load_u16(pack, &queue->kick_next);
        bnti_vq_dev_save_or_load(pack, &queue->vq, &host->mem, index, host->dev.accepted);
        queue->vq.big_endian = bnti_host_is_big_endian(host);
        bnti_pack_fail_load_unless(pack, !(exists != queue->exists || index != queue->index ||
                                           queue->vq.size > host->config.queues.size_max ||
                                           (queue->vq.size != 0 && (!exists || host->provided))));
        if (pack->failed) {
            return;
        }
    }
}
