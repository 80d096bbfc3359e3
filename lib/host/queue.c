/*
 * Queues: the built-in rings as a provider, and the loop that takes buffers from whichever it is.
 *
 * The rest of the library reaches queues through this file only, and this file only through
 * struct bnt_queue_provider. What is in a buffer is for request.c, stats.c and report.c.
 */
#include "lib/host/host_private.h"

/** Only queues that exist are asked for. */
static struct bnt_vq_dev *rings_find(struct bnt_host *host, uint16_t queue)
{
    uint32_t role = 0;

    while (!host->queues[role].exists || host->queues[role].index != queue) {
        role++;
        BNTI_ASSERT(role < BNTI_HOST_ROLES);
    }
    return &host->queues[role].vq;
}

static bnt_status rings_pop(void *opaque, uint16_t queue, struct bnt_vq_chain *chain,
                            struct bnt_diag *diag)
{
    struct bnt_host *host = opaque;
    struct bnt_vq_dev *vq = rings_find(host, queue);

    return vq->size == 0 ? BNT_E_AGAIN : bnt_vq_dev_pop(vq, &host->mem, chain, diag);
}

static bnt_status rings_read(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                             uint64_t offset, void *dst, uint32_t bytes)
{
    const struct bnt_host *host = opaque;

    (void)queue;
    return bnt_vq_chain_read(chain, &host->mem, offset, dst, bytes);
}

static bnt_status rings_write(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                              uint64_t offset, const void *src, uint32_t bytes)
{
    const struct bnt_host *host = opaque;

    (void)queue;
    return bnt_vq_chain_write(chain, &host->mem, offset, src, bytes);
}

static bnt_status rings_push(void *opaque, uint16_t queue, uint16_t head, uint32_t len,
                             struct bnt_diag *diag)
{
    struct bnt_host *host = opaque;
    struct bnt_vq_dev *vq = rings_find(host, queue);

    vq->used_unflagged = bnti_host_quirk(host, BNT_HOST_QUIRK_USED_WITHOUT_WRITE);
    return bnt_vq_dev_push(vq, &host->mem, head, len, diag);
}

static bnt_status rings_flush(void *opaque, uint16_t queue, bool *interrupt, struct bnt_diag *diag)
{
    struct bnt_host *host = opaque;

    return bnt_vq_dev_interrupt_due(rings_find(host, queue), &host->mem, interrupt, diag);
}

const struct bnt_queue_provider bnti_host_rings = {
    .size = sizeof(struct bnt_queue_provider),
    .pop = rings_pop,
    .read = rings_read,
    .write = rings_write,
    .push = rings_push,
    .flush = rings_flush,
};

/** A queue that fails is the end of the device's trust in its driver. */
static void queue_broke(struct bnt_host *host, bnti_host_role role, bnt_status status,
                        struct bnt_diag *diag)
{
    if (diag->status == BNT_OK) {
        diag->status = status;
        diag->queue = host->queues[role].index;
    }
    bnti_host_break(host, diag);
}

bool bnti_host_push(struct bnt_host *host, bnti_host_role role, uint16_t head, uint32_t len)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    const bnt_status status =
        host->provider.push(host->provider_opaque, host->queues[role].index, head, len, &diag);

    if (status != BNT_OK) {
        queue_broke(host, role, status, &diag);
    } else if (host->queues[role].limited) {
        host->queues[role].limited = false;
        host->queues[role].kicked = true;
    }
    return status == BNT_OK;
}

/** Buffers that were used before the device broke are used: their driver is owed the interrupt
 * (VIRTIO 1.3, 2.7.7.2). */
static bool queue_may_interrupt(const struct bnt_host *host)
{
    struct bnt_dev_status dev = host->dev;

    dev.status &= (uint8_t)~BNT_DEVICE_STATUS_NEEDS_RESET;
    return bnt_dev_live(&dev);
}

void bnti_host_flush(struct bnt_host *host, bnti_host_role role)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    bool due = false;

    if (host->provider.flush == NULL || !queue_may_interrupt(host)) {
        return;
    }
    const bnt_status status =
        host->provider.flush(host->provider_opaque, host->queues[role].index, &due, &diag);
    if (status != BNT_OK) {
        queue_broke(host, role, status, &diag);
    } else if (due) {
        host->queues[role].interrupt_due = true;
    }
}

bool bnti_host_read(struct bnt_host *host, bnti_host_role role, const struct bnt_vq_chain *chain,
                    uint64_t offset, void *dst, uint32_t bytes)
{
    struct bnt_diag diag = {.size = sizeof(diag), .head = chain->head};
    const bnt_status status = host->provider.read(host->provider_opaque, host->queues[role].index,
                                                  chain, offset, dst, bytes);

    if (status != BNT_OK) {
        queue_broke(host, role, status, &diag);
    }
    return status == BNT_OK;
}

bool bnti_host_write(struct bnt_host *host, bnti_host_role role, const struct bnt_vq_chain *chain,
                     uint64_t offset, const void *src, uint32_t bytes)
{
    struct bnt_diag diag = {.size = sizeof(diag), .head = chain->head};
    const bnt_status status = host->provider.write(host->provider_opaque, host->queues[role].index,
                                                   chain, offset, src, bytes);

    if (status != BNT_OK) {
        queue_broke(host, role, status, &diag);
    }
    return status == BNT_OK;
}

/** Takes one buffer and serves it, as far as the budget goes; false when there is none, or no more
 * to do here. */
static bool queue_serve_one(struct bnt_host *host, bnti_host_role role, uint32_t *budget)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    struct bnt_vq_chain chain = {.segs = host->segs, .seg_max = BNT_HOST_CHAIN_SEGMENTS_MAX};
    const bnt_status status =
        host->provider.pop(host->provider_opaque, host->queues[role].index, &chain, &diag);

    if (status == BNT_E_AGAIN || status == BNT_E_LIMIT) {
        /* At the limit no kick will come for what waits: the next push looks again. */
        host->queues[role].limited = status == BNT_E_LIMIT;
        return false;
    }
    if (status != BNT_OK) {
        queue_broke(host, role, status, &diag);
        return false;
    }
    bnti_host_job_begin(host, role, &chain);
    if (host->job.active) {
        bnti_host_job_run(host, budget);
    } else {
        (*budget)--;
    }
    return true;
}

/** Judges the data of the latest kick before what it announced is looked for (VG-31). */
static void kick_judge(struct bnt_host *host, bnti_host_role role)
{
    struct bnti_host_queue *queue = &host->queues[role];
    struct bnt_diag diag = {.size = sizeof(diag)};
    bnt_status status = BNT_OK;

    if (!queue->kick_told || host->provided || queue->vq.size == 0) {
        queue->kick_told = false;
        return;
    }
    queue->kick_told = false;
    host->misuse_told = 0;
    status = bnt_vq_dev_notified(&queue->vq, &host->mem, queue->kick_next, &diag);
    if (status == BNT_E_MESSAGE) {
        bnti_host_misuse(host, diag.fault, role, 0, 0, queue->kick_next);
    } else if (status != BNT_OK) {
        queue_broke(host, role, status, &diag);
    }
}

/** Whether this queue's turn has come: none has while another one's buffer is not done. */
static bool queue_may_serve(const struct bnt_host *host, bnti_host_role role)
{
    return host->queues[role].kicked && host->queues[role].exists && bnt_dev_live(&host->dev) &&
           (!host->job.active || host->job.role == role) &&
           (!host->suspend_due || host->job.active);
}

void bnti_host_queue_serve(struct bnt_host *host, bnti_host_role role, uint32_t *budget)
{
    struct bnti_host_queue *queue = &host->queues[role];
    bool served = host->job.active;

    if (!queue_may_serve(host, role)) {
        return;
    }
    queue->kicked = false;
    if (served) {
        bnti_host_job_run(host, budget);
    } else {
        kick_judge(host, role);
    }
    while (bnt_dev_live(&host->dev)) {
        if (*budget == 0 || host->job.active || host->suspend_due) {
            queue->kicked = true;
            break;
        }
        if (!queue_serve_one(host, role, budget)) {
            break;
        }
        served = true;
    }
    if (served) {
        bnti_host_flush(host, role);
    }
}

void bnti_host_queues_number(struct bnt_host *host)
{
    /* A legacy driver asks for its queues before anything is agreed: what it wrote counts. */
    const bool written = host->config.interface != BNT_INTERFACE_MODERN &&
                         (host->dev.accepted & BNT_F_VERSION_1) == 0;
    const uint64_t known = bnt_dev_agreed(&host->dev) ? UINT64_MAX
                           : written                  ? host->dev.offered & BNT_F_LEGACY_MASK
                                                      : 0;
    const uint64_t negotiated = host->dev.accepted & known;
    const struct bnt_balloon_queues queues = bnt_balloon_queues_number(
        host->config.queue_layout, host->config.features, negotiated, &host->config.binding);

    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        host->queues[role].index = queues.index[role];
        host->queues[role].exists = queues.index[role] != BNT_BALLOON_QUEUE_NONE;
    }
}

uint16_t bnt_host_queue_index(const struct bnt_host *host, bnt_balloon_queue role)
{
    return (uint32_t)role < BNTI_HOST_ROLES ? host->queues[role].index : BNT_BALLOON_QUEUE_NONE;
}

void bnti_host_kick_all(struct bnt_host *host)
{
    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        host->queues[role].kicked = host->queues[role].exists;
    }
}

void bnt_host_kick_data(struct bnt_host *host, uint32_t data)
{
    const uint16_t index = (uint16_t)data;

    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        struct bnti_host_queue *queue = &host->queues[role];
        if (queue->exists && queue->index == index &&
            bnti_host_agreed(host, BNT_F_NOTIFICATION_DATA)) {
            queue->kick_told = true;
            queue->kick_next = (uint16_t)(data >> 16);
        }
    }
    bnt_host_kick(host, index);
}

void bnt_host_kick(struct bnt_host *host, uint16_t queue)
{
    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        if (host->queues[role].exists && host->queues[role].index == queue) {
            host->queues[role].kicked = true;
        }
    }
}
