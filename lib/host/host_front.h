/*
 * The front of the device core: what the embedder calls, and what then goes through all floors.
 */
#ifndef LIB_HOST_HOST_FRONT_H
#define LIB_HOST_HOST_FRONT_H

#include "lib/host/features/host_features.h"

/** Features of VIRTIO itself that the built-in rings serve. */
#define BNTI_HOST_RINGS_SERVED                                                               \
    (BNT_F_VERSION_1 | BNT_F_ANY_LAYOUT | BNT_F_NOTIFY_ON_EMPTY | BNT_F_RING_INDIRECT_DESC | \
     BNT_F_RING_EVENT_IDX | BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_ACCESS_PLATFORM |     \
     BNT_F_NOTIFICATION_DATA | BNT_F_RING_RESET | BNT_F_SUSPEND)
/** Bits 24 to 49 are VIRTIO's: with a provider they are the embedder's business. */
#define BNTI_HOST_VIRTIO_BITS (((UINT64_C(1) << 26) - 1) << 24)

/* host_config.c */
/** Copies, completes and validates a configuration; what only the provider decides is left to init.
 */
bnt_status bnti_host_config_take(struct bnt_host_config *config,
                                 const struct bnt_host_config *given);
/** The wire that it asks for; NULL: there is none such. */
const struct bnti_host_wire *bnti_host_wire_of(const struct bnt_host_config *config);

/* feature_list.c */
/** What serves the buffers of each queue. */
void bnti_host_roles_set(struct bnt_host *host);
/** Each feature's own part in what the front does with the whole device. */
void bnti_host_features_init(struct bnt_host *host);
void bnti_host_features_forget(struct bnt_host *host);
void bnti_host_features_resume(struct bnt_host *host);
uint64_t bnti_host_features_due(struct bnt_host *host);
void bnti_host_features_config_read(const struct bnt_host *host, uint8_t *space);
void bnti_host_features_config_write(struct bnt_host *host, uint32_t at, uint8_t value);
void bnti_host_features_pack(struct bnti_pack *pack, struct bnt_host *host, bnti_host_saved place);
void bnti_host_features_info(const struct bnt_host *host, struct bnt_host_info *info);

/* host_suspend.c */
void bnti_host_suspend(struct bnt_host *host);
/** Takes SUSPEND out of a status that a driver writes while a buffer is being served. */
void bnti_host_suspend_defer(struct bnt_host *host, uint8_t *value);
/** Suspends the device once that buffer is done. */
void bnti_host_suspend_due(struct bnt_host *host);
void bnti_host_resume(struct bnt_host *host);

/* host_reset.c */
void bnti_host_device_reset(struct bnt_host *host);
/** What was wanted of a suspended device happens now. */
void bnti_host_reset_resume(struct bnt_host *host);
/** Resets the balloon: pages, epoch, target, events. */
void bnti_host_balloon_reset(struct bnt_host *host);
/** The guest is under this epoch now. */
void bnti_host_epoch_acknowledge(struct bnt_host *host, uint32_t epoch);

#endif
