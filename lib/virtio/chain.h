/*
 * Walking one descriptor chain, for split_device.c and packed_device.c only.
 */
#ifndef LIB_VIRTIO_CHAIN_H
#define LIB_VIRTIO_CHAIN_H

#include <ballonet/virtqueue.h>

/**
 * Reads the chain that begins at `head` into `chain`. OK; E_RING, E_RANGE (a table is not memory)
 * or E_CALLBACK, with `told` saying where and why, its status apart. The queue is not changed.
 */
BNT_MUST_USE bnt_status bnti_chain_walk(const struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint16_t head, struct bnt_vq_chain *chain,
                                        struct bnt_diag *told);

/**
 * The same for a packed ring, from `avail_next` on, where a descriptor is available whose flags,
 * read already, are `first_flags`. The chain's head is its buffer id; `descs` tells how many
 * descriptors of the ring it takes.
 */
BNT_MUST_USE bnt_status bnti_chain_walk_packed(const struct bnt_vq_dev *vq,
                                               const struct bnt_mem *mem, uint16_t first_flags,
                                               struct bnt_vq_chain *chain, uint16_t *descs,
                                               struct bnt_diag *told);

#endif
