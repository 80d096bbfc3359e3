/*
 * The floor `wire`: requests and used buffers on VIRTIO's queues, configuration space, resets of
 * queues; the calls of VMware's wire. It knows rings and calls, and no policy.
 */
#ifndef BNTI_GUEST_GUEST_WIRE_H
#define BNTI_GUEST_GUEST_WIRE_H

#include "lib/guest/core/core.h"

/* config.c */
bnt_status bnti_guest_config_le32(struct bnt_guest *guest, uint32_t offset, uint32_t *value);
void bnti_guest_config_le32_write(struct bnt_guest *guest, uint32_t offset, uint32_t value);
bool bnti_guest_device_lost(struct bnt_guest *guest);
void bnti_guest_limit_write(struct bnt_guest *guest);
void bnti_guest_actual_write(struct bnt_guest *guest, bool always);
void bnti_virtio_actual_write(struct bnt_guest *guest);

/* queue_reset.c */
void bnti_guest_queue_resets(struct bnt_guest *guest);
uint64_t bnti_guest_queue_resets_due(const struct bnt_guest *guest);
void bnti_guest_queue_resets_forget(struct bnt_guest *guest);
uint64_t bnti_guest_queue_late(const struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);
bool bnti_guest_queue_reset_late(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);
void bnti_guest_queue_answered(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);

/* queues.c */
uint32_t bnti_guest_queue_place(const struct bnt_guest_config *config, uint32_t q);
void bnti_guest_queues_none(struct bnt_guest *guest);
bnt_status bnti_guest_queue_set_up(struct bnt_guest *guest, uint32_t q);
bnt_status bnti_guest_queues_set_up(struct bnt_guest *guest);
uint32_t bnti_guest_split_size(uint32_t bound);
size_t bnti_guest_ring_stride(const struct bnt_guest_config *config);
uint32_t bnti_guest_request_descriptors(const struct bnt_guest *guest);

/* request.c */
void bnti_guest_notify(struct bnt_guest *guest, uint32_t q);
void bnti_guest_kick(struct bnt_guest *guest, uint32_t q);
void bnti_virtio_submit(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_queue_take(struct bnt_guest *guest, uint32_t q);
void bnti_virtio_take(struct bnt_guest *guest, uint32_t budget);
void bnti_guest_used_take(struct bnt_guest *guest);
void bnti_guest_used_rest(struct bnt_guest *guest);
uint64_t bnti_guest_request_due(const struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_overdue(struct bnt_guest *guest);
uint32_t bnti_virtio_request_pages(const struct bnt_guest *guest, bool huge);
uint64_t bnti_virtio_pfn_max(const struct bnt_guest *guest);
bool bnti_virtio_spend(struct bnt_guest *guest);
void bnti_guest_requests_resume(struct bnt_guest *guest, uint64_t slept_ns);
void bnti_guest_used_forget(struct bnt_guest *guest);

/* vmware_calls.c */
int32_t bnti_vmware_call(struct bnt_guest *guest, uint32_t command, uint64_t arg1, uint64_t arg2,
                         uint64_t *result);
void bnti_vmware_doorbell_try(struct bnt_guest *guest);
void bnti_vmware_doorbell_drop(struct bnt_guest *guest);
void bnti_vmware_caps_lost_tell(struct bnt_guest *guest);
bool bnti_vmware_handshake(struct bnt_guest *guest);
bool bnti_vmware_target_get(struct bnt_guest *guest);
uint64_t bnti_vmware_pfn_max(const struct bnt_guest *guest);
uint32_t bnti_vmware_request_pages(const struct bnt_guest *guest, bool huge);
bool bnti_vmware_has_huge(const struct bnt_guest *guest);
bool bnti_vmware_serves_oom(const struct bnt_guest *guest);
bool bnti_vmware_spend(struct bnt_guest *guest);
void bnti_vmware_credit_forget(struct bnt_guest *guest);
void bnti_vmware_actual_write(struct bnt_guest *guest);
void bnti_vmware_submit(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_vmware_take(struct bnt_guest *guest, uint32_t budget);

#endif
