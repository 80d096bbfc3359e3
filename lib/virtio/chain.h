/*
 * Walking one descriptor chain of a split ring, for split_device.c only.
 */
#ifndef BALLONET_LIB_VIRTIO_CHAIN_H
#define BALLONET_LIB_VIRTIO_CHAIN_H

#include <ballonet/virtqueue.h>

/**
 * Reads the chain that begins at `head` into `chain`. OK; E_RING, E_RANGE (a table is not memory)
 * or E_CALLBACK, with `told` saying where and why, its status apart. The queue is not changed.
 */
BNT_MUST_USE bnt_status bnti_chain_walk(const struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint16_t head, struct bnt_vq_chain *chain,
                                        struct bnt_diag *told);

#endif
