/*
 * The front of the device core contains the functions that the embedder calls, and functions that
 * involve all floors.
 */
#ifndef LIB_HOST_HOST_FRONT_H
#define LIB_HOST_HOST_FRONT_H

#include "lib/host/features/host_features.h"

/** Features of VIRTIO itself that the built-in rings implement. */
#define BNTI_HOST_RINGS_SERVED                                                               \
    (BNT_F_VERSION_1 | BNT_F_ANY_LAYOUT | BNT_F_NOTIFY_ON_EMPTY | BNT_F_RING_INDIRECT_DESC | \
     BNT_F_RING_EVENT_IDX | BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_ACCESS_PLATFORM |     \
     BNT_F_NOTIFICATION_DATA | BNT_F_RING_RESET | BNT_F_SUSPEND)
/** Bits 24 to 49 are VIRTIO's. An embedder that provides the queues implements these features
 * itself. */
#define BNTI_HOST_VIRTIO_BITS (((UINT64_C(1) << 26) - 1) << 24)

/* host_config.c */
/** Copies a configuration, fills in its defaults and validates it. */
bnt_status bnti_host_validate_config(struct bnt_host_config *config,
                                     const struct bnt_host_config *given);
/** The wire that the configuration asks for; NULL if it does not exist. */
const struct bnti_host_wire *bnti_host_choose_wire(const struct bnt_host_config *config);

/* feature_list.c */
/** Sets the functions that serve each queue. */
void bnti_host_set_roles(struct bnt_host *host);
/** Each of these functions calls the corresponding function of every feature. */
void bnti_host_init_features(struct bnt_host *host);
void bnti_host_features_clear(struct bnt_host *host);
void bnti_host_resume_features(struct bnt_host *host);
uint64_t bnti_host_features_deadline(struct bnt_host *host);
void bnti_host_fill_features_config(const struct bnt_host *host, uint8_t *space);
void bnti_host_write_features_config_byte(struct bnt_host *host, uint32_t at, uint8_t value);
void bnti_host_save_or_load_features(struct bnti_pack *pack, struct bnt_host *host,
                                     bnti_host_saved place);
void bnti_host_features_fill_info(const struct bnt_host *host, struct bnt_host_info *info);

/* host_suspend.c */
void bnti_host_suspend_device(struct bnt_host *host);
/** Removes SUSPEND from a status that a driver writes while a buffer is being served. */
void bnti_host_defer_suspend(struct bnt_host *host, uint8_t *value);
/** Suspends the device when that buffer is completed. */
void bnti_host_suspend_if_due(struct bnt_host *host);
void bnti_host_resume_device(struct bnt_host *host);

/* host_reset.c */
void bnti_host_reset_device(struct bnt_host *host);
/** At resume: resets the balloon if a reset was requested while the device was suspended. */
void bnti_host_resume_reset(struct bnt_host *host);
/** Resets the balloon: releases all pages, starts a new epoch, ends the target request. */
void bnti_host_reset_balloon(struct bnt_host *host);
/** The guest has acknowledged this epoch. */
void bnti_host_acknowledge_epoch(struct bnt_host *host, uint32_t epoch);

#endif
