/*
 * VIRTIO's basic facilities, both sides: feature bits, device status,
 * negotiation.
 *
 * The driver side is a state machine over register accesses
 * (VIRTIO 1.3, 3.1.1); the device side judges what a driver writes and never
 * trusts it. Neither knows what device it serves. Rules are cited as VG-n, the
 * clause numbers of docs/prove/conformance.md.
 */
#ifndef BALLONET_VIRTIO_H
#define BALLONET_VIRTIO_H

#include <ballonet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Device status bits (VIRTIO 1.3, 2.1). */
#define BNT_DEVICE_STATUS_ACKNOWLEDGE 1u
#define BNT_DEVICE_STATUS_DRIVER      2u
#define BNT_DEVICE_STATUS_DRIVER_OK   4u
#define BNT_DEVICE_STATUS_FEATURES_OK 8u
#define BNT_DEVICE_STATUS_SUSPEND     16u /**< VIRTIO 1.4, with F_SUSPEND */
#define BNT_DEVICE_STATUS_NEEDS_RESET 64u
#define BNT_DEVICE_STATUS_FAILED      128u

/* Feature bits of every device (VIRTIO 1.3, 6), as masks. */
#define BNT_F_RING_INDIRECT_DESC (UINT64_C(1) << 28)
#define BNT_F_RING_EVENT_IDX     (UINT64_C(1) << 29)
#define BNT_F_VERSION_1          (UINT64_C(1) << 32)
#define BNT_F_ACCESS_PLATFORM    (UINT64_C(1) << 33)
#define BNT_F_RING_PACKED        (UINT64_C(1) << 34)
#define BNT_F_IN_ORDER           (UINT64_C(1) << 35)
#define BNT_F_NOTIFICATION_DATA  (UINT64_C(1) << 38)
#define BNT_F_RING_RESET         (UINT64_C(1) << 40)
#define BNT_F_SUSPEND            (UINT64_C(1) << 43) /**< VIRTIO 1.4 */

/* Of the legacy interface only (VIRTIO 1.3, 6.3). */
#define BNT_F_NOTIFY_ON_EMPTY (UINT64_C(1) << 24)
#define BNT_F_ANY_LAYOUT      (UINT64_C(1) << 27)
#define BNT_F_UNUSED          (UINT64_C(1) << 30) /**< never offered (VG-33) */
/** All that the legacy interface can carry. */
#define BNT_F_LEGACY_MASK UINT64_C(0xFFFFFFFF)

/**
 * Which interfaces a side speaks. The legacy one, before VIRTIO 1.0, has no FEATURES_OK and no
 * feature above bit 31, and its values are in the guest's byte order. It is recognised by VERSION_1
 * not being accepted (VG-32).
 */
typedef enum bnt_interface {
    BNT_INTERFACE_MODERN = 0,
    BNT_INTERFACE_TRANSITIONAL, /**< both; the modern one where the peer has it */
    BNT_INTERFACE_LEGACY
} bnt_interface;

/** "transitional" and so on; "unknown" for what is none. */
const char *bnt_interface_name(uint32_t interface);

/** One feature depends on others: `feature` may be offered or accepted only
 * with all of `needs`. */
struct bnt_feature_rule {
    uint64_t feature;
    uint64_t needs;
};

/**
 * Whether `features` breaks one of the rules: the first feature without its
 * dependency, or 0. (VG-8, VG-12)
 */
uint64_t bnt_features_broken(uint64_t features, const struct bnt_feature_rule *rules,
                             uint32_t rule_count);

/**
 * The largest subset of `offered` and `wanted` that breaks no rule: what a
 * driver accepts. Unknown bits in `offered` are ignored, never a failure (VG-9,
 * VG-11).
 */
uint64_t bnt_features_choose(uint64_t offered, uint64_t wanted,
                             const struct bnt_feature_rule *rules, uint32_t rule_count);

/* ---- Device side ---------------------------------------------------------------------------- */

/** What the device must do after a status write. */
typedef enum bnt_dev_action {
    BNT_DEV_ACTION_NONE = 0,
    BNT_DEV_ACTION_RESET,       /**< the driver wrote 0: forget everything (VG-15) */
    BNT_DEV_ACTION_FEATURES_OK, /**< features are agreed, set up by them */
    BNT_DEV_ACTION_DRIVER_OK,   /**< the device is live */
    BNT_DEV_ACTION_SUSPEND,     /**< the device stands still, and says so (VG-39) */
    BNT_DEV_ACTION_RESUME,      /**< it is live again: told is what changed meanwhile */
    BNT_DEV_ACTION_FAILED       /**< the driver gave up */
} bnt_dev_action;

/** Status and features of one device. Plain data; read it freely, change it by
 * the functions. */
struct bnt_dev_status {
    uint64_t offered;
    uint64_t accepted; /**< what the driver wrote; agreed once FEATURES_OK is set */
    uint8_t status;
    const struct bnt_feature_rule *rules; /**< kept; static data of the device */
    uint32_t rule_count;
    bnt_interface interface;
    bool legacy; /**< the driver uses the legacy interface */
};

/**
 * Prepares a device that offers `offered`, which must contain VERSION_1 (VG-27)
 * and break no rule (VG-12), else E_FEATURES.
 */
BNT_MUST_USE bnt_status bnt_dev_status_init(struct bnt_dev_status *dev, uint64_t offered,
                                            const struct bnt_feature_rule *rules,
                                            uint32_t rule_count);

/**
 * The same for a device with a legacy interface: a transitional one also offers ANY_LAYOUT and
 * serves drivers that do not accept VERSION_1; a legacy one offers nothing above bit 31.
 */
BNT_MUST_USE bnt_status bnt_dev_status_init_as(struct bnt_dev_status *dev, bnt_interface interface,
                                               uint64_t offered,
                                               const struct bnt_feature_rule *rules,
                                               uint32_t rule_count);

/**
 * The driver does what only a legacy one may before FEATURES_OK: it sets up a queue, or sets
 * DRIVER_OK. True if it is one from now on: the device has a legacy interface, DRIVER is set and
 * VERSION_1 was not accepted. What it accepted beyond the offer, or without what it depends on,
 * falls: a legacy driver cannot be refused.
 */
bool bnt_dev_legacy_begin(struct bnt_dev_status *dev);

/** Whether the features are agreed: FEATURES_OK, or a legacy driver. */
static inline bool bnt_dev_agreed(const struct bnt_dev_status *dev)
{
    return dev->legacy || (dev->status & BNT_DEVICE_STATUS_FEATURES_OK) != 0;
}

/**
 * The driver wrote its features. E_STATE once FEATURES_OK or FAILED is set or before DRIVER
 * (ignored, VG-23).
 */
BNT_MUST_USE bnt_status bnt_dev_features_write(struct bnt_dev_status *dev, uint64_t features);

/**
 * The driver wrote the status register. FEATURES_OK sticks only for a set that the device can
 * serve: a subset of the offer that breaks no rule and contains VERSION_1 (VG-13). A write that
 * asks for it with any other set, that clears bits other than by 0, or that sets them out of order,
 * changes nothing and is E_FEATURES with the fault in `diag` (VG-2, VG-3, VG-22); the driver sees
 * it by reading the status back, and may try again. ACKNOWLEDGE and DRIVER may come in one write.
 * A write that sets FAILED is OK and sets that bit alone, whatever else it asks for: a driver whose
 * features were refused may still have FEATURES_OK in it (VG-10).
 * A legacy driver sets DRIVER_OK without FEATURES_OK (VG-32).
 * NEEDS_RESET is the device's: what the driver writes there is ignored, as are bits without a
 * meaning here. SUSPEND has one only with F_SUSPEND and DRIVER_OK (VG-38): then SUSPEND is set and
 * DRIVER_OK cleared until the driver sets DRIVER_OK again, when it is the other way round, at once.
 * `action` tells what follows.
 */
BNT_MUST_USE bnt_status bnt_dev_status_write(struct bnt_dev_status *dev, uint8_t value,
                                             bnt_dev_action *action, struct bnt_diag *diag);

/**
 * Sets NEEDS_RESET. True if the driver must be told now by a configuration change: DRIVER_OK was
 * set and NEEDS_RESET was not (VG-6, VG-7).
 */
bool bnt_dev_needs_reset(struct bnt_dev_status *dev);

/** Whether the device may touch its queues: DRIVER_OK, and neither NEEDS_RESET nor FAILED (VG-5). A
 * legacy driver may use them before DRIVER_OK (VG-32). */
bool bnt_dev_live(const struct bnt_dev_status *dev);

/** Whether it is suspended: it sends no notification and changes nothing that a driver sees. */
bool bnt_dev_suspended(const struct bnt_dev_status *dev);

/* ---- Driver side ---------------------------------------------------------------------------- */

/** Register access of the driver's transport. All required; none may call back.
 */
struct bnt_drv_transport {
    uint32_t size; /**< sizeof(struct bnt_drv_transport) */
    /** 64 bits; a legacy transport has a register of 32, above which nothing is set. */
    uint64_t (*features_read)(void *opaque);
    void (*features_write)(void *opaque, uint64_t features);
    uint8_t (*status_read)(void *opaque);
    void (*status_write)(void *opaque, uint8_t status);
    /** Changes whenever configuration space did; 0 for ever where the transport
     * has none. */
    uint32_t (*config_generation)(void *opaque);
    /** Reads or writes `bytes` of configuration space at `offset`, as they lie.
     */
    void (*config_read)(void *opaque, uint32_t offset, void *dst, uint32_t bytes);
    void (*config_write)(void *opaque, uint32_t offset, const void *src, uint32_t bytes);
    /** The largest size of a queue; 0: there is no such queue. */
    uint16_t (*queue_size_max)(void *opaque, uint16_t queue);
    /** Tells the device where the queue lies, and enables it. */
    void (*queue_enable)(void *opaque, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                         uint64_t avail_gpa, uint64_t used_gpa);
    /** Kicks the device. */
    void (*notify)(void *opaque, uint16_t queue);
    /**
     * Optional, for NOTIFICATION_DATA: kicks the device, and says up to where buffers are
     * available: bits 0 to 15 are the queue, 16 to 31 what bnt_vq_drv_notify_data tells (VG-31).
     */
    void (*notify_data)(void *opaque, uint32_t data);
    /** Optional, both for RING_RESET: begins the reset of one queue, by 1 in queue_reset (pci) or
     * QueueReset (mmio). */
    void (*queue_reset)(void *opaque, uint16_t queue);
    /**
     * Both registers that tell of it, one OR the other: queue_reset and queue_enable (pci),
     * QueueReset and QueueReady (mmio). Only 0 says that the queue was seen disabled (VG-44,
     * VG-46). The reset register alone does not: where there is none, as on mmio in QEMU 7.2, which
     * offers RING_RESET all the same, it reads 0 and the queue goes on.
     */
    uint16_t (*queue_reset_read)(void *opaque, uint16_t queue);
};

/** Steps of initialisation, in order (VG-1, VG-22). */
typedef enum bnt_drv_state {
    BNT_DRV_DOWN = 0,   /**< not started, or reset is complete */
    BNT_DRV_RESETTING,  /**< wrote 0, the status has not read back 0 yet (VG-16) */
    BNT_DRV_NEGOTIATED, /**< FEATURES_OK stuck: set up queues and configuration
                           now */
    BNT_DRV_RUNNING,    /**< DRIVER_OK */
    BNT_DRV_FAILED,     /**< FAILED was written; only a reset leads on (VG-3) */
    BNT_DRV_SUSPENDING, /**< SUSPEND was written, the device has not said that it is (VG-35) */
    BNT_DRV_SUSPENDED,
    BNT_DRV_RESUMING /**< DRIVER_OK was written, the device has not said that it is live (VG-37) */
} bnt_drv_state;

/** Driver side of negotiation. Plain data; the transport is used only inside
 * the functions. */
struct bnt_drv_status {
    bnt_drv_state state;
    uint8_t status; /**< what was last written */
    uint64_t offered;
    uint64_t accepted;
    bool legacy; /**< negotiated without VERSION_1 */
};

/** Reads of a changing configuration before the driver gives up: E_CONFIG,
 * CONFIG_UNSETTLED. */
#define BNT_CONFIG_READS_MAX 32

/** Writes 0: the beginning of every start and of every end. From any state. */
void bnt_drv_reset(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                   void *opaque);

/** Whether the reset is complete: OK; E_AGAIN while the status does not read 0 (VG-16); E_STATE. */
BNT_MUST_USE bnt_status bnt_drv_reset_done(struct bnt_drv_status *drv,
                                           const struct bnt_drv_transport *transport, void *opaque);

/**
 * After a complete reset: ACKNOWLEDGE, DRIVER, features, FEATURES_OK, read back. Accepts
 * bnt_features_choose(offered, wanted and required); VERSION_1 is always required (VG-26). If one
 * of `required` is missing, writes FAILED (VG-10). OK: state NEGOTIATED. E_STATE (not DOWN, or the
 * status register does not read 0: nothing was written); E_FEATURES (state FAILED, fault in diag:
 * FEATURE_VERSION_1, FEATURES_UNOFFERED, FEATURE_DEPENDENCY, FEATURES_REFUSED or NEEDS_RESET).
 */
BNT_MUST_USE bnt_status bnt_drv_negotiate(struct bnt_drv_status *drv,
                                          const struct bnt_drv_transport *transport, void *opaque,
                                          uint64_t wanted, uint64_t required,
                                          const struct bnt_feature_rule *rules, uint32_t rule_count,
                                          struct bnt_diag *diag);

/**
 * The same for a driver with a legacy interface. Where VERSION_1 is not offered to a transitional
 * one, or to a legacy driver, whatever is offered: features up to bit 31 are accepted, ANY_LAYOUT
 * among them, and there is no FEATURES_OK. A legacy driver on a transport that shows features above
 * bit 31, so is none of the legacy interface, is E_FEATURES with FEATURE_VERSION_1: such a device
 * would take its rings for modern ones. `legacy_never` are features that the device type leaves
 * undefined there; they are neither wanted nor met under it.
 */
BNT_MUST_USE bnt_status bnt_drv_negotiate_as(struct bnt_drv_status *drv,
                                             const struct bnt_drv_transport *transport,
                                             void *opaque, bnt_interface interface, uint64_t wanted,
                                             uint64_t required, uint64_t legacy_never,
                                             const struct bnt_feature_rule *rules,
                                             uint32_t rule_count, struct bnt_diag *diag);

/**
 * After the queues are set up: DRIVER_OK. E_STATE unless NEGOTIATED; E_FEATURES (the device dropped
 * it because FEATURES_OK is missing: it has no legacy interface; state FAILED).
 */
BNT_MUST_USE bnt_status bnt_drv_ready(struct bnt_drv_status *drv,
                                      const struct bnt_drv_transport *transport, void *opaque);

/**
 * Asks the device to stand still (VIRTIO 1.4). E_STATE unless RUNNING (VG-34); E_UNSUPPORTED
 * without F_SUSPEND.
 */
BNT_MUST_USE bnt_status bnt_drv_suspend(struct bnt_drv_status *drv,
                                        const struct bnt_drv_transport *transport, void *opaque);

/** Wakes it. E_STATE unless SUSPENDED. */
BNT_MUST_USE bnt_status bnt_drv_resume(struct bnt_drv_status *drv,
                                       const struct bnt_drv_transport *transport, void *opaque);

/**
 * Whether what one of the two asked for is done: OK; E_AGAIN (read again later, VG-35, VG-37);
 * E_BROKEN (NEEDS_RESET is set, VG-40, or the status reads 0: the device was reset meanwhile);
 * E_STATE (neither was asked for).
 */
BNT_MUST_USE bnt_status bnt_drv_suspend_done(struct bnt_drv_status *drv,
                                             const struct bnt_drv_transport *transport,
                                             void *opaque);

/** Gives up: FAILED (VG-10). */
void bnt_drv_fail(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                  void *opaque);

/**
 * Reads `bytes` of configuration at `offset` so that no change falls between
 * them: reads again until the generation is the same before and after (VG-17),
 * BNT_CONFIG_READS_MAX times at most. OK; E_CONFIG (dst is undefined).
 */
BNT_MUST_USE bnt_status bnt_drv_config_read(const struct bnt_drv_transport *transport, void *opaque,
                                            uint32_t offset, void *dst, uint32_t bytes,
                                            struct bnt_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
