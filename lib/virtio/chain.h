/*
 * Walks a descriptor chain. Only split_device.c and packed_device.c include this header.
 */
#ifndef LIB_VIRTIO_CHAIN_H
#define LIB_VIRTIO_CHAIN_H

#include <ballonet/virtqueue.h>

#include "lib/virtio/view.h"

/**
 * Reads the chain that begins at `head` into `chain`. Returns OK, E_RING, E_RANGE (a table is
 * outside memory) or E_CALLBACK; `told` contains the place and the fault, but not the status. The
 * queue does not change.
 */
BNT_MUST_USE bnt_status bnti_chain_walk_split(const struct bnt_vq_dev *vq,
                                              struct bnti_mem_view *view, uint16_t head,
                                              struct bnt_vq_chain *chain, struct bnt_diag *told);

/**
 * Reads the chain at `avail_next` of a packed ring. `first_flags` are the flags of its first
 * descriptor, which is available. The head of the chain is its buffer id; `descs` is the number of
 * its ring descriptors.
 */
BNT_MUST_USE bnt_status bnti_read_packed_chain(const struct bnt_vq_dev *vq,
                                               struct bnti_mem_view *view, uint16_t first_flags,
                                               struct bnt_vq_chain *chain, uint16_t *descs,
                                               struct bnt_diag *told);

#endif
