/*
 * The floor `wire` handles requests and used buffers on VIRTIO's queues, configuration space, queue
 * resets, and the calls of VMware's wire. This floor contains no policy.
 */
#ifndef LIB_GUEST_WIRE_GUEST_WIRE_H
#define LIB_GUEST_WIRE_GUEST_WIRE_H

#include "lib/guest/core/core.h"

/* config.c */
bnt_status bnti_guest_read_config_le32(struct bnt_guest *guest, uint32_t offset, uint32_t *value);
void bnti_guest_write_config_le32(struct bnt_guest *guest, uint32_t offset, uint32_t value);
bool bnti_guest_check_device_lost(struct bnt_guest *guest);
void bnti_guest_write_guest_limit(struct bnt_guest *guest);
void bnti_guest_write_actual(struct bnt_guest *guest, bool always);
void bnti_virtio_write_actual(struct bnt_guest *guest);

/* queue_reset.c */
void bnti_guest_poll_queue_resets(struct bnt_guest *guest);
uint64_t bnti_guest_get_queue_resets_deadline(const struct bnt_guest *guest);
void bnti_guest_clear_queue_resets(struct bnt_guest *guest);
uint64_t bnti_guest_get_queue_reset_deadline(const struct bnt_guest *guest, uint32_t q,
                                             uint64_t sent_ns);
bool bnti_guest_reset_late_queue(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);
void bnti_guest_note_queue_answer(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);

/* queues.c */
uint32_t bnti_guest_count_rings_before(const struct bnt_guest_config *config, uint32_t q);
void bnti_guest_clear_queue_indices(struct bnt_guest *guest);
bnt_status bnti_guest_set_up_queue(struct bnt_guest *guest, uint32_t q);
bnt_status bnti_guest_set_up_queues(struct bnt_guest *guest);
uint32_t bnti_guest_round_down_split_size(uint32_t bound);
size_t bnti_guest_get_ring_stride(const struct bnt_guest_config *config);
uint32_t bnti_guest_count_request_descriptors(const struct bnt_guest *guest);

/* request.c */
void bnti_guest_notify_queue(struct bnt_guest *guest, uint32_t q);
void bnti_guest_kick_queue(struct bnt_guest *guest, uint32_t q);
void bnti_virtio_submit_request(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_pop_used_of_queue(struct bnt_guest *guest, uint32_t q);
void bnti_virtio_pop_used_buffers(struct bnt_guest *guest, uint32_t budget);
void bnti_guest_pop_used_buffers(struct bnt_guest *guest);
void bnti_guest_apply_ready_answer(struct bnt_guest *guest);
void bnti_guest_pop_remaining_used_buffers(struct bnt_guest *guest);
uint64_t bnti_guest_get_request_deadline(const struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_handle_overdue_requests(struct bnt_guest *guest);
uint32_t bnti_virtio_get_request_pages_max(const struct bnt_guest *guest, bool huge);
uint64_t bnti_virtio_get_pfn_max(const struct bnt_guest *guest);
bool bnti_virtio_spend_budget(struct bnt_guest *guest);
void bnti_guest_shift_request_deadlines(struct bnt_guest *guest, uint64_t slept_ns);
void bnti_guest_clear_used_ring_pass(struct bnt_guest *guest);

/* vmware_calls.c */
int32_t bnti_vmware_call_host(struct bnt_guest *guest, uint32_t command, uint64_t arg1,
                              uint64_t arg2, uint64_t *result);
void bnti_vmware_set_doorbell(struct bnt_guest *guest);
void bnti_vmware_clear_doorbell(struct bnt_guest *guest);
void bnti_vmware_emit_unusable_caps(struct bnt_guest *guest);
bool bnti_vmware_perform_handshake(struct bnt_guest *guest);
bool bnti_vmware_get_target(struct bnt_guest *guest);
uint64_t bnti_vmware_get_pfn_max(const struct bnt_guest *guest);
uint32_t bnti_vmware_get_request_pages_max(const struct bnt_guest *guest, bool huge);
bool bnti_vmware_has_huge_pages(const struct bnt_guest *guest);
bool bnti_vmware_can_deflate_on_oom(const struct bnt_guest *guest);
bool bnti_vmware_spend_budget(struct bnt_guest *guest);
void bnti_vmware_discard_spare_budget(struct bnt_guest *guest);
void bnti_vmware_write_actual(struct bnt_guest *guest);
void bnti_vmware_submit_request(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_vmware_apply_stored_answer(struct bnt_guest *guest, uint32_t budget);

#endif
