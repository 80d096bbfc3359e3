/*
 * The front contains the embedder's calls, the sessions on both wires, and the reaction to changes
 * that the device announces. The front calls every floor below it. The floors below call the front
 * only through the tables of core/wire.h.
 */
#ifndef LIB_GUEST_FRONT_H
#define LIB_GUEST_FRONT_H

#include "lib/guest/features/guest_features.h"

/* Maximum number of batches that one call of bnt_guest_detach gives back. */
#define BNTI_GUEST_DETACH_BATCHES 16u

/* attach.c */
void bnti_guest_clear_session(struct bnt_guest *guest);
bnt_status bnti_guest_release_after_reset(struct bnt_guest *guest);
bnt_status bnti_guest_poll_stop(struct bnt_guest *guest);
bnt_status bnti_guest_stop_instance(struct bnt_guest *guest, bool gone);

/* deflate_all.c */
void bnti_guest_poll_orderly_detach(struct bnt_guest *guest);

/* follow.c */
void bnti_guest_begin_release(struct bnt_guest *guest);
void bnti_guest_read_config(struct bnt_guest *guest, bool told);
void bnti_virtio_poll_config(struct bnt_guest *guest);
void bnti_virtio_check_answer(struct bnt_guest *guest, const struct bnti_guest_answer *answer);
void bnti_guest_handle_answer(struct bnt_guest *guest, bnti_guest_slot slot,
                              const struct bnti_guest_answer *answer);
void bnti_virtio_end_release(struct bnt_guest *guest);
void bnti_guest_continue_release(struct bnt_guest *guest);

/* guest.c */
bnt_status bnti_guest_run_full_step(struct bnt_guest *guest, uint64_t *deadline_ns);

/* idle.c */
bool bnti_guest_is_idle(const struct bnt_guest *guest, uint64_t now_ns);
void bnti_guest_store_idle_step(struct bnt_guest *guest, bnt_status status, uint64_t deadline_ns);

/* recover.c */
void bnti_guest_continue_recovery(struct bnt_guest *guest);

/* suspend.c */
void bnti_guest_poll_suspend(struct bnt_guest *guest);

/* virtio_session.c */
void bnti_virtio_begin_reset(struct bnt_guest *guest);
bnt_status bnti_virtio_poll_reset(struct bnt_guest *guest);
bnt_status bnti_virtio_poll_start(struct bnt_guest *guest);
bool bnti_virtio_can_deflate_on_oom(const struct bnt_guest *guest);
bool bnti_virtio_has_huge_pages(const struct bnt_guest *guest);
bool bnti_virtio_must_detach_wait(struct bnt_guest *guest);

/* vmware_session.c */
void bnti_vmware_begin_session(struct bnt_guest *guest);
bnt_status bnti_vmware_poll_start(struct bnt_guest *guest);
void bnti_vmware_begin_detach(struct bnt_guest *guest);
void bnti_vmware_poll_tick(struct bnt_guest *guest);
void bnti_vmware_end_release(struct bnt_guest *guest);
void bnti_vmware_check_answer(struct bnt_guest *guest, const struct bnti_guest_answer *answer);

/* vmware_stop.c */
void bnti_vmware_send_first_start_of_detach(struct bnt_guest *guest);
bool bnti_vmware_must_detach_wait(struct bnt_guest *guest);

/* wires.c */
const struct bnti_guest_wire *bnti_guest_choose_wire(const struct bnt_guest_config *config);

#endif
