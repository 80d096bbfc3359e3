/*
 * The front: the embedder's calls, sessions on both wires, and what follows from what the device
 * says. It calls every floor below; none calls it, but by the tables of core/wire.h.
 */
#ifndef BNTI_GUEST_FRONT_H
#define BNTI_GUEST_FRONT_H

#include "lib/guest/features/guest_features.h"

/* Batches that one call of bnt_guest_detach gives back. */
#define BNTI_GUEST_DETACH_BATCHES 16u

/* attach.c */
void bnti_guest_session_clear(struct bnt_guest *guest);
bnt_status bnti_guest_reset_release(struct bnt_guest *guest);
bnt_status bnti_guest_stop_poll(struct bnt_guest *guest);
bnt_status bnti_guest_take_down(struct bnt_guest *guest, bool gone);

/* deflate_all.c */
void bnti_guest_leave_poll(struct bnt_guest *guest);

/* follow.c */
void bnti_guest_release_begin(struct bnt_guest *guest);
void bnti_guest_config_look(struct bnt_guest *guest, bool told);
void bnti_virtio_poll(struct bnt_guest *guest);
void bnti_virtio_news(struct bnt_guest *guest, const struct bnti_guest_answer *answer);
void bnti_guest_answered(struct bnt_guest *guest, enum bnti_guest_slot slot,
                         const struct bnti_guest_answer *answer);
void bnti_virtio_release_end(struct bnt_guest *guest);
void bnti_guest_release(struct bnt_guest *guest);

/* guest.c */
bnt_status bnti_guest_step_full(struct bnt_guest *guest, uint64_t *deadline_ns);

/* idle.c */
bool bnti_guest_idle(const struct bnt_guest *guest, uint64_t now_ns);
void bnti_guest_idle_keep(struct bnt_guest *guest, bnt_status status, uint64_t deadline_ns);

/* recover.c */
void bnti_guest_recover(struct bnt_guest *guest);

/* suspend.c */
void bnti_guest_suspend_poll(struct bnt_guest *guest);

/* virtio_session.c */
void bnti_virtio_reset_begin(struct bnt_guest *guest);
bnt_status bnti_virtio_reset_wait(struct bnt_guest *guest);
bnt_status bnti_virtio_start_poll(struct bnt_guest *guest);
bool bnti_virtio_serves_oom(const struct bnt_guest *guest);
bool bnti_virtio_has_huge(const struct bnt_guest *guest);
bool bnti_virtio_stop_waits(struct bnt_guest *guest);

/* vmware_session.c */
void bnti_vmware_start(struct bnt_guest *guest);
bnt_status bnti_vmware_start_poll(struct bnt_guest *guest);
void bnti_vmware_stop(struct bnt_guest *guest);
void bnti_vmware_poll(struct bnt_guest *guest);
void bnti_vmware_release_end(struct bnt_guest *guest);
void bnti_vmware_news(struct bnt_guest *guest, const struct bnti_guest_answer *answer);

/* vmware_stop.c */
void bnti_vmware_stop_begin(struct bnt_guest *guest);
bool bnti_vmware_stop_waits(struct bnt_guest *guest);

/* wires.c */
const struct bnti_guest_wire *bnti_guest_wire_of(const struct bnt_guest_config *config);

#endif
