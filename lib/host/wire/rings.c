/*
 * The built-in rings as a queue provider, for embedders that provide no queues.
 */
#include "lib/host/wire/host_wire.h"

/** Finds the ring of a queue, which must exist. */
static struct bnt_vq_dev *find_ring(struct bnt_host *host, uint16_t queue)
{
    uint32_t role = 0;

    while (!host->queues[role].exists || host->queues[role].index != queue) {
        role++;
        BNTI_ASSERT(role < BNT_BALLOON_QUEUE_COUNT);
    }
    return &host->queues[role].vq;
}

static bnt_status pop_chain_from_ring(void *opaque, uint16_t queue, struct bnt_vq_chain *chain,
                                      struct bnt_diag *diag)
{
    struct bnt_host *host = opaque;
    struct bnt_vq_dev *vq = find_ring(host, queue);

    return vq->size == 0 ? BNT_E_AGAIN : bnt_vq_dev_pop(vq, &host->mem, chain, diag);
}

static bnt_status read_ring_chain(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                                  uint64_t offset, void *dst, uint32_t bytes)
{
    const struct bnt_host *host = opaque;

    (void)queue;
    return bnt_vq_chain_read(chain, &host->mem, offset, dst, bytes);
}

static bnt_status write_ring_chain(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                                   uint64_t offset, const void *src, uint32_t bytes)
{
    const struct bnt_host *host = opaque;

    (void)queue;
    return bnt_vq_chain_write(chain, &host->mem, offset, src, bytes);
}

static bnt_status push_buffer_to_ring(void *opaque, uint16_t queue, uint16_t head, uint32_t len,
                                      struct bnt_diag *diag)
{
    struct bnt_host *host = opaque;
    struct bnt_vq_dev *vq = find_ring(host, queue);

    vq->used_unflagged = bnti_host_has_quirk(host, BNT_HOST_QUIRK_USED_WITHOUT_WRITE);
    return bnt_vq_dev_push(vq, &host->mem, head, len, diag);
}

static bnt_status flush_ring(void *opaque, uint16_t queue, bool *interrupt, struct bnt_diag *diag)
{
    struct bnt_host *host = opaque;

    return bnt_vq_dev_check_interrupt_due(find_ring(host, queue), &host->mem, interrupt, diag);
}

const struct bnt_queue_provider bnti_host_rings = {
    .size = sizeof(struct bnt_queue_provider),
    .pop = pop_chain_from_ring,
    .read = read_ring_chain,
    .write = write_ring_chain,
    .push = push_buffer_to_ring,
    .flush = flush_ring,
};
