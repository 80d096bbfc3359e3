/*
 * VIRTIO's basic facilities, both sides: feature bits, device status, negotiation.
 *
 * The driver side is a state machine over register accesses (VIRTIO 1.3, 3.1.1). The device side
 * validates what a driver writes, and never trusts it. Neither side knows the type of the device.
 * The comments cite rules as VG-n, the clause numbers of docs/prove/conformance.md.
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

/* Feature bits of the legacy interface only (VIRTIO 1.3, 6.3). */
#define BNT_F_NOTIFY_ON_EMPTY (UINT64_C(1) << 24)
#define BNT_F_ANY_LAYOUT      (UINT64_C(1) << 27)
#define BNT_F_UNUSED          (UINT64_C(1) << 30) /**< never offered (VG-33) */
/** The feature bits that the legacy interface can carry. */
#define BNT_F_LEGACY_MASK UINT64_C(0xFFFFFFFF)

/**
 * Which interfaces a side supports. The legacy interface, older than VIRTIO 1.0, has no FEATURES_OK
 * and no feature above bit 31, and its values are in the guest's byte order. A driver that does not
 * accept VERSION_1 uses the legacy interface (VG-32).
 */
typedef enum bnt_interface {
    BNT_INTERFACE_MODERN = 0,
    BNT_INTERFACE_TRANSITIONAL, /**< both; the modern one if the peer supports it */
    BNT_INTERFACE_LEGACY
} bnt_interface;

/** "transitional" and so on; "unknown" for a value that is no interface. */
const char *bnt_interface_name(uint32_t interface);

/** A dependency: a side can offer or accept `feature` only together with all of `needs`. */
struct bnt_feature_rule {
    uint64_t feature;
    uint64_t needs;
};

/**
 * Checks `features` against the rules: returns the first feature whose needed features are not all
 * in the set, or 0 if there is no such feature (VG-8, VG-12).
 */
uint64_t bnt_features_find_invalid(uint64_t features, const struct bnt_feature_rule *rules,
                                   uint32_t rule_count);

/**
 * Chooses the features that a driver accepts: the largest subset of `offered` and `wanted` that
 * breaks no rule. Unknown bits in `offered` are ignored and cause no failure (VG-9, VG-11).
 */
uint64_t bnt_features_choose(uint64_t offered, uint64_t wanted,
                             const struct bnt_feature_rule *rules, uint32_t rule_count);

/* ---- Device side ---------------------------------------------------------------------------- */

/** What the device must do after a status write. */
typedef enum bnt_dev_action {
    BNT_DEV_ACTION_NONE = 0,
    BNT_DEV_ACTION_RESET,       /**< the driver wrote 0: forget everything (VG-15) */
    BNT_DEV_ACTION_FEATURES_OK, /**< the features are negotiated: set the device up for them */
    BNT_DEV_ACTION_DRIVER_OK,   /**< the device is live */
    BNT_DEV_ACTION_SUSPEND,     /**< the device is suspended, and its status says so (VG-39) */
    BNT_DEV_ACTION_RESUME,      /**< the device is live again: announce what changed meanwhile */
    BNT_DEV_ACTION_FAILED       /**< the driver gave up */
} bnt_dev_action;

/** Status and features of one device. The struct is plain data: read it at any time, but change it
 * only through the functions. */
struct bnt_dev_status {
    uint64_t offered;
    uint64_t accepted; /**< written by the driver; negotiated when FEATURES_OK is set */
    uint8_t status;
    const struct bnt_feature_rule *rules; /**< static data of the device, not copied */
    uint32_t rule_count;
    bnt_interface interface;
    bool legacy; /**< the driver uses the legacy interface */
};

/**
 * Prepares a modern device that offers the features `offered`.
 *
 * - BNT_OK
 * - BNT_E_FEATURES: VERSION_1 is missing (VG-27), or a feature lacks one that it needs (VG-12)
 */
BNT_MUST_USE bnt_status bnt_dev_status_init(struct bnt_dev_status *dev, uint64_t offered,
                                            const struct bnt_feature_rule *rules,
                                            uint32_t rule_count);

/**
 * Prepares a device with any interface.
 *
 * A transitional device also offers ANY_LAYOUT, and serves drivers that do not accept VERSION_1. A
 * legacy device offers nothing above bit 31.
 *
 * - BNT_OK
 * - BNT_E_FEATURES: as for bnt_dev_status_init; or a legacy device offers a feature above bit 31
 */
BNT_MUST_USE bnt_status bnt_dev_status_init_with_interface(struct bnt_dev_status *dev,
                                                           bnt_interface interface,
                                                           uint64_t offered,
                                                           const struct bnt_feature_rule *rules,
                                                           uint32_t rule_count);

/**
 * The driver set up a queue, or set DRIVER_OK, before FEATURES_OK. Only a legacy driver is allowed
 * to do this.
 *
 * Returns true if the driver counts as a legacy driver from now on: the device has a legacy
 * interface, DRIVER is set and VERSION_1 was not accepted. If the driver accepted features that
 * were not offered, or that lack a feature that they need, these features are removed, because the
 * device cannot refuse a legacy driver.
 */
bool bnt_dev_switch_to_legacy(struct bnt_dev_status *dev);

/** Whether the features are negotiated: FEATURES_OK is set, or the driver is a legacy one. */
static inline bool bnt_dev_negotiated(const struct bnt_dev_status *dev)
{
    return dev->legacy || (dev->status & BNT_DEVICE_STATUS_FEATURES_OK) != 0;
}

/**
 * The driver wrote the features that it accepts.
 *
 * - BNT_OK
 * - BNT_E_STATE: before DRIVER, or after FEATURES_OK or FAILED: the write is ignored (VG-23)
 */
BNT_MUST_USE bnt_status bnt_dev_features_write(struct bnt_dev_status *dev, uint64_t features);

/**
 * The driver wrote the status register; `action` returns what the device must do.
 *
 * FEATURES_OK is set only if the device can serve the accepted features: a subset of the offer that
 * breaks no rule and contains VERSION_1 (VG-13). The driver can set ACKNOWLEDGE and DRIVER in one
 * write. A write with FAILED sets that bit alone, because a driver whose features were refused is
 * allowed to write FEATURES_OK together with FAILED (VG-10). A legacy driver sets DRIVER_OK without
 * FEATURES_OK (VG-32).
 *
 * The device ignores NEEDS_RESET in a write, and bits that have no meaning here. SUSPEND has a
 * meaning only with F_SUSPEND and DRIVER_OK (VG-38): the device then sets SUSPEND and clears
 * DRIVER_OK. When the driver later writes DRIVER_OK, the device sets DRIVER_OK and clears SUSPEND
 * at the same time.
 *
 * - BNT_OK
 * - BNT_E_FEATURES: the write asks for FEATURES_OK with other features, clears bits other than by
 *   writing 0, or sets bits out of order: nothing changed, and `diag` has the fault (VG-2, VG-3,
 *   VG-22). The driver reads the status back, and can try again
 */
BNT_MUST_USE bnt_status bnt_dev_status_write(struct bnt_dev_status *dev, uint8_t value,
                                             bnt_dev_action *action, struct bnt_diag *diag);

/**
 * Sets NEEDS_RESET. Returns true if the device must now notify the driver of a configuration
 * change: DRIVER_OK was set and NEEDS_RESET was not set (VG-6, VG-7).
 */
bool bnt_dev_set_needs_reset(struct bnt_dev_status *dev);

/** Whether the device is allowed to use its queues: DRIVER_OK is set, and NEEDS_RESET and FAILED
 * are not set (VG-5). A legacy driver is allowed to use the queues before DRIVER_OK (VG-32). */
bool bnt_dev_is_live(const struct bnt_dev_status *dev);

/** Whether the device is suspended: it sends no notification, and nothing changes that the driver
 * sees. */
bool bnt_dev_is_suspended(const struct bnt_dev_status *dev);

/* ---- Driver side ---------------------------------------------------------------------------- */

/** Register access of the driver's transport. Every call is required unless it is marked optional.
 * None of the calls is allowed to call the library. */
struct bnt_drv_transport {
    uint32_t size; /**< sizeof(struct bnt_drv_transport) */
    /** Reads the device's features; a legacy transport has 32 bits, and the upper half is 0. */
    uint64_t (*features_read)(void *opaque);
    void (*features_write)(void *opaque, uint64_t features);
    uint8_t (*status_read)(void *opaque);
    void (*status_write)(void *opaque, uint8_t status);
    /** Reads the counter of changes of configuration space; always 0 if the transport has no such
     * counter. */
    uint32_t (*config_generation)(void *opaque);
    /** Reads `bytes` of configuration space from `offset` on, without changing their order. */
    void (*config_read)(void *opaque, uint32_t offset, void *dst, uint32_t bytes);
    /** Writes `bytes` of configuration space from `offset` on, without changing their order. */
    void (*config_write)(void *opaque, uint32_t offset, const void *src, uint32_t bytes);
    /** Reads the largest size of a queue; 0: there is no such queue. */
    uint16_t (*queue_size_max)(void *opaque, uint16_t queue);
    /** Writes the size and the addresses of a queue, and enables the queue. */
    void (*queue_enable)(void *opaque, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                         uint64_t avail_gpa, uint64_t used_gpa);
    /** Kicks the device. */
    void (*notify)(void *opaque, uint16_t queue);
    /**
     * Optional, for NOTIFICATION_DATA: kicks the device with 32 bits of data. Bits 0 to 15 are the
     * queue, and bits 16 to 31 are the result of bnt_vq_drv_get_notify_data (VG-31).
     */
    void (*notify_data)(void *opaque, uint32_t data);
    /** Optional, for RING_RESET together with queue_reset_read: begins the reset of one queue, by
     * writing 1 to queue_reset (pci) or QueueReset (mmio). */
    void (*queue_reset)(void *opaque, uint16_t queue);
    /**
     * Optional, for RING_RESET together with queue_reset: reads the bitwise OR of two registers,
     * queue_reset and queue_enable (pci), or QueueReset and QueueReady (mmio). Only 0 means that
     * the queue is disabled (VG-44, VG-46). The reset register alone is not enough. A transport
     * without that register reads 0 although the queue keeps working. The mmio transport of QEMU
     * 7.2 is an example; it offers RING_RESET nevertheless.
     */
    uint16_t (*queue_reset_read)(void *opaque, uint16_t queue);
};

/** Steps of initialisation, in order (VG-1, VG-22). */
typedef enum bnt_drv_state {
    BNT_DRV_DOWN = 0,   /**< not started, or reset is complete */
    BNT_DRV_RESETTING,  /**< wrote 0, the status has not read back 0 yet (VG-16) */
    BNT_DRV_NEGOTIATED, /**< FEATURES_OK is set: set up queues and configuration now */
    BNT_DRV_RUNNING,    /**< DRIVER_OK */
    BNT_DRV_FAILED,     /**< FAILED was written; only a reset ends this state (VG-3) */
    BNT_DRV_SUSPENDING, /**< SUSPEND was written, and does not read back yet (VG-35) */
    BNT_DRV_SUSPENDED,
    BNT_DRV_RESUMING /**< DRIVER_OK was written, and does not read back yet (VG-37) */
} bnt_drv_state;

/** Driver side of negotiation. The struct is plain data, and the functions use the transport only
 * during the call. */
struct bnt_drv_status {
    bnt_drv_state state;
    uint8_t status; /**< the value that was written last */
    uint64_t offered;
    uint64_t accepted;
    bool legacy; /**< negotiated without VERSION_1 */
};

/** Maximum number of reads of a configuration that keeps changing. Then the driver gives up with
 * E_CONFIG and fault CONFIG_UNSETTLED. */
#define BNT_CONFIG_READS_MAX 32

/** Begins a reset of the device by writing 0 to the status: every start and every end of a driver
 * begins in this way. Call it in any state. */
void bnt_drv_begin_reset(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                         void *opaque);

/**
 * Checks whether the reset is complete.
 *
 * - BNT_OK: the state is DOWN
 * - BNT_E_AGAIN: the status does not read 0 yet (VG-16)
 * - BNT_E_STATE: no reset was begun
 */
BNT_MUST_USE bnt_status bnt_drv_poll_reset(struct bnt_drv_status *drv,
                                           const struct bnt_drv_transport *transport, void *opaque);

/**
 * Negotiates the features of a modern device after a complete reset.
 *
 * Writes ACKNOWLEDGE, DRIVER, the features and FEATURES_OK, and reads the status back. The driver
 * accepts the result of bnt_features_choose for the wanted and required features; VERSION_1 is
 * always required (VG-26). If a required feature is missing, the driver writes FAILED (VG-10).
 *
 * - BNT_OK: the state is NEGOTIATED
 * - BNT_E_STATE: the state is not DOWN, or the status does not read 0: nothing was written
 * - BNT_E_FEATURES: the state is FAILED, and `diag` has the fault: FEATURE_VERSION_1,
 *   FEATURES_UNOFFERED, FEATURE_DEPENDENCY, FEATURES_REFUSED or NEEDS_RESET
 */
BNT_MUST_USE bnt_status bnt_drv_negotiate(struct bnt_drv_status *drv,
                                          const struct bnt_drv_transport *transport, void *opaque,
                                          uint64_t wanted, uint64_t required,
                                          const struct bnt_feature_rule *rules, uint32_t rule_count,
                                          struct bnt_diag *diag);

/**
 * Negotiates the features through any interface; otherwise as bnt_drv_negotiate.
 *
 * A legacy driver, and a transitional driver to which VERSION_1 is not offered, use the legacy
 * interface: the driver accepts features up to bit 31, ANY_LAYOUT among them, and writes no
 * FEATURES_OK. `legacy_never` are features that the device type leaves undefined there; the driver
 * neither wants nor requires them on the legacy interface. A legacy driver on a transport that
 * shows features above bit 31 fails with E_FEATURES and fault FEATURE_VERSION_1, because the device
 * behind such a transport would read the driver's rings as modern ones.
 */
BNT_MUST_USE bnt_status bnt_drv_negotiate_with_interface(
    struct bnt_drv_status *drv, const struct bnt_drv_transport *transport, void *opaque,
    bnt_interface interface, uint64_t wanted, uint64_t required, uint64_t legacy_never,
    const struct bnt_feature_rule *rules, uint32_t rule_count, struct bnt_diag *diag);

/**
 * Sets DRIVER_OK, after the queues are set up.
 *
 * - BNT_OK: the state is RUNNING
 * - BNT_E_STATE: the state is not NEGOTIATED
 * - BNT_E_FEATURES: the device did not accept DRIVER_OK without FEATURES_OK, because it has no
 *   legacy interface: the state is FAILED
 */
BNT_MUST_USE bnt_status bnt_drv_set_driver_ok(struct bnt_drv_status *drv,
                                              const struct bnt_drv_transport *transport,
                                              void *opaque);

/**
 * Begins to suspend the device (VIRTIO 1.4); bnt_drv_poll_suspend_or_resume says when it is
 * suspended.
 *
 * - BNT_OK
 * - BNT_E_STATE: the state is not RUNNING (VG-34)
 * - BNT_E_UNSUPPORTED: F_SUSPEND was not negotiated
 */
BNT_MUST_USE bnt_status bnt_drv_begin_suspend(struct bnt_drv_status *drv,
                                              const struct bnt_drv_transport *transport,
                                              void *opaque);

/**
 * Begins to resume the device; bnt_drv_poll_suspend_or_resume says when it is live.
 *
 * - BNT_OK
 * - BNT_E_STATE: the state is not SUSPENDED
 */
BNT_MUST_USE bnt_status bnt_drv_begin_resume(struct bnt_drv_status *drv,
                                             const struct bnt_drv_transport *transport,
                                             void *opaque);

/**
 * Checks whether the device is suspended after bnt_drv_begin_suspend, or live after
 * bnt_drv_begin_resume.
 *
 * - BNT_OK
 * - BNT_E_AGAIN: not yet: call again later (VG-35, VG-37)
 * - BNT_E_BROKEN: NEEDS_RESET is set (VG-40), or the status reads 0 because the device was reset
 * - BNT_E_STATE: neither was begun
 */
BNT_MUST_USE bnt_status bnt_drv_poll_suspend_or_resume(struct bnt_drv_status *drv,
                                                       const struct bnt_drv_transport *transport,
                                                       void *opaque);

/** Gives up the device by setting FAILED (VG-10). */
void bnt_drv_set_failed(struct bnt_drv_status *drv, const struct bnt_drv_transport *transport,
                        void *opaque);

/**
 * Reads `bytes` of configuration space from `offset` on as one consistent value.
 *
 * The driver reads again until the generation is the same before and after the read (VG-17), at
 * most BNT_CONFIG_READS_MAX times.
 *
 * - BNT_OK
 * - BNT_E_CONFIG: the configuration changed during each read: `dst` is undefined
 */
BNT_MUST_USE bnt_status bnt_drv_config_read(const struct bnt_drv_transport *transport, void *opaque,
                                            uint32_t offset, void *dst, uint32_t bytes,
                                            struct bnt_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
