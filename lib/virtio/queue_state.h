/*
 * Saving and loading the device side of a queue. For lib/virtio and lib/host.
 */
#ifndef LIB_VIRTIO_QUEUE_STATE_H
#define LIB_VIRTIO_QUEUE_STATE_H

#include <ballonet/virtqueue.h>

#include "lib/base/pack.h"

/**
 * A queue that may not be enabled. Loading enables it anew with `features`, which are those agreed;
 * `pack->failed` is set, and the queue is not to be used, if it does not lie in `mem` or no run of
 * calls could have left it so.
 */
void bnti_vq_dev_pack(struct bnti_pack *pack, struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                      uint32_t queue, uint64_t features);

/** Whether the device can have the buffer `head`: it was popped and not pushed. */
bool bnti_vq_dev_is_out(const struct bnt_vq_dev *vq, uint16_t head);

#endif
