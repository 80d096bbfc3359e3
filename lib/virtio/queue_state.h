/*
 * Saves and loads the device side of a queue. Only lib/virtio and lib/host include this header.
 */
#ifndef LIB_VIRTIO_QUEUE_STATE_H
#define LIB_VIRTIO_QUEUE_STATE_H

#include <ballonet/virtqueue.h>

#include "lib/base/pack.h"

/**
 * Saves or loads a queue, which need not be enabled. Loading enables the queue with the negotiated
 * `features`. If the queue is outside `mem` or its state is impossible, `pack->failed` is set, and
 * the queue must not be used.
 */
void bnti_vq_dev_save_or_load(struct bnti_pack *pack, struct bnt_vq_dev *vq,
                              const struct bnt_mem *mem, uint32_t queue, uint64_t features);

/** Whether it is possible that the buffer `head` is in flight: popped, but not pushed yet. */
bool bnti_vq_dev_is_buffer_in_flight(const struct bnt_vq_dev *vq, uint16_t head);

#endif
