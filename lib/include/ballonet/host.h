/*
 * The balloon device core: what an emulator or VMM links.
 *
 * The core is a state machine without I/O, threads, clock or global variables. The embedder's
 * transport calls the register functions; a kick marks work, and bnt_host_step does a bounded
 * amount of the work in a fixed order and returns the next deadline. The core does not trust guest
 * memory: it reads each value a single time, by bounded copies, and validates what it read. A
 * violation sets NEEDS_RESET, is counted, is described by bnt_host_diag_get, and emits one event
 * BROKEN. An instance belongs to one thread at a time.
 *
 * From inside any callback the embedder is allowed to read (features, status, configuration, info,
 * statistics, pages, diag), and call bnt_host_handle_kick and bnt_host_handle_kick_with_data. The
 * callbacks `interrupt` and `config_interrupt` are called last, when the state is consistent;
 * inside them the driver can run, so the embedder is also allowed to write the registers. Every
 * other call from inside a callback returns E_REENTRANT, or does nothing if it is a void function.
 *
 *     struct bnt_host_config config = {.size = sizeof config, .memory.pfns = 1 << 18};
 *     status = bnt_host_compute_footprint(&config, &bytes);
 *     status = bnt_host_init(storage, bytes, &config, &ops, vmm, &mem, NULL, &host);
 *     // the transport: bnt_host_status_write, bnt_host_features_write, bnt_host_config_read, ...
 *     bnt_host_handle_kick(host, queue);                                     // the driver kicked
 *     status = bnt_host_target_set(host, now, pfns, timeout_ns, &id); // policy
 *     status = bnt_host_step(host, now, budget, &deadline_ns);        // see below
 *
 * Call bnt_host_step after every kick, register write and policy call (target, reset, statistics,
 * hints, working sets: each can leave work for a step, or change the deadline), after
 * bnt_host_load, and when the `deadline_ns` of the last step has come.
 *
 * Units: PFNs are 4 KiB. A huge page is 2 MiB. Times are nanoseconds of the embedder's monotonic
 * clock; a clock that goes back counts as one that stands still.
 */
#ifndef BALLONET_HOST_H
#define BALLONET_HOST_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/host_config.h>
#include <ballonet/host_info.h>
#include <ballonet/host_ops.h>
#include <ballonet/memory.h>
#include <ballonet/personality.h>
#include <ballonet/virtqueue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bnt_host;

/** Maximum stack of a call into the core, in bytes, without the stack of the embedder's callbacks.
 * Measured on x86-64 in an optimised build. */
#define BNT_HOST_STACK_BYTES_MAX 2560

#ifndef BNT_NEVER
#define BNT_NEVER UINT64_MAX
#endif

/** PFNs of guest memory that one leaf of the ledger covers: 2 MiB. */
#define BNT_HOST_LEAF_PFNS 512

/** Maximum number of unknown entries of a statistics buffer that an instance stores. */
#define BNT_HOST_STATS_UNKNOWN 8

/** Maximum number of refusal rules that one instance stores. */
#define BNT_HOST_RULES_MAX 16

/**
 * Maximum number of runs of neighbouring PFNs that one unit of a step's budget covers. Each run can
 * cause one call of `discard` or `restore`. If rules, ops.refusal or a verdict decide on each PFN,
 * a PFN counts as a run. A huge page counts as a run, and so does a segment of a report or of a
 * hint. With larger host pages a unit covers more runs, in proportion to the size of the host page
 * and up to BNT_HOST_REQUEST_PFNS_MAX, because the device discards whole host pages.
 */
#define BNT_HOST_STEP_RUNS 256

/** Maximum number of segments of one chain that the device accepts. */
#define BNT_HOST_CHAIN_SEGMENTS_MAX 1024

/** Maximum number of scripted answers to VMware's calls that one instance stores. */
#define BNT_HOST_CALL_RULES_MAX 16

/** PFNs of a huge page, VMware's or that of HUGE_PAGES: 2 MiB. */
#define BNT_HOST_HUGE_PFNS 512

/* ---- Making an instance ---- */

/**
 * Copies `config` to `resolved`, with the default of each setting that is 0.
 *
 * The settings are not validated. Call it at any time.
 *
 * - BNT_OK
 * - BNT_E_SIZE: config->size is too small or unknown
 * - BNT_E_ARGUMENT: config is NULL
 */
BNT_MUST_USE bnt_status bnt_host_config_resolve(const struct bnt_host_config *config,
                                                struct bnt_host_config *resolved);

/**
 * Computes the storage of an instance with these settings, in bytes, aligned as for uint64_t.
 *
 * Call it at any time.
 *
 * - BNT_OK
 * - BNT_E_SIZE: config->size is too small or unknown
 * - BNT_E_ARGUMENT: a setting is out of its documented range
 * - BNT_E_FEATURES: an offered feature is unknown, or lacks one that it depends on
 * - BNT_E_EXCLUSIVE: VERDICTS and DEVICE_INIT_ON_INFLATE are both offered
 */
BNT_MUST_USE bnt_status bnt_host_compute_footprint(const struct bnt_host_config *config,
                                                   size_t *bytes);

/**
 * Makes an instance in the caller's storage, and returns it in `host`.
 *
 * The storage must stay where it is until bnt_host_fini. `config`, `ops`, `mem` and `provider` are
 * copied. Without a `provider` (NULL) the device uses the built-in rings, split or packed.
 *
 * - BNT_OK
 * - BNT_E_SIZE: the size of a struct is too small or unknown
 * - BNT_E_ARGUMENT: a setting is out of its range, or a callback is missing
 * - BNT_E_STORAGE: `storage` is too small or not aligned
 * - BNT_E_FEATURES: an offered feature is unknown, or lacks one that it depends on
 * - BNT_E_EXCLUSIVE: VERDICTS and DEVICE_INIT_ON_INFLATE are both offered
 */
BNT_MUST_USE bnt_status bnt_host_init(void *storage, size_t bytes,
                                      const struct bnt_host_config *config,
                                      const struct bnt_host_ops *ops, void *opaque,
                                      const struct bnt_mem *mem,
                                      const struct bnt_queue_provider *provider,
                                      struct bnt_host **host);

/**
 * The guest got more memory: replaces the memory map with `mem`, which is copied.
 *
 * The new map must contain the whole old map. From now on, memory in the configured range can be
 * ballooned; memory outside the range can never be ballooned. Therefore configure a range for all
 * memory that can be added later, and leave everything else out of the map: firmware, devices,
 * persistent memory. The target does not change.
 *
 * - BNT_OK
 * - BNT_E_ARGUMENT: memory of the old map is missing in `mem`
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_memory_set(struct bnt_host *host, const struct bnt_mem *mem);

/** Ends the instance: gives every leaf of the ledger back to ops.ledger.leaf_free. The caller can
 * then free the storage. */
void bnt_host_fini(struct bnt_host *host);

/* ---- Registers: what the embedder's transport calls ---- */

/** The features that the device offers: the register of device features. */
uint64_t bnt_host_features_read(const struct bnt_host *host);

/**
 * The driver wrote the features that it accepts.
 *
 * - BNT_OK
 * - BNT_E_STATE: before DRIVER or after FEATURES_OK: the write is ignored (VG-23)
 * - BNT_E_REENTRANT: called from inside a callback other than an interrupt
 */
BNT_MUST_USE bnt_status bnt_host_features_write(struct bnt_host *host, uint64_t features);

/** The device status register. */
uint8_t bnt_host_status_read(const struct bnt_host *host);

/**
 * The driver wrote the device status register.
 *
 * The value 0 resets the device: every page belongs to the guest again, the pending target request
 * ends with outcome RESET, and the target stays.
 *
 * If F_SUSPEND was negotiated, SUSPEND suspends the device (VIRTIO 1.4, 2.1 and 3.4): until the
 * driver writes DRIVER_OK again, the device serves no buffer, sends no interrupt and ignores writes
 * to configuration space. A target that is set meanwhile is announced a single time at resume,
 * statistics that the embedder requests meanwhile are requested from the driver at resume, and the
 * stall bound of a target begins anew. If a buffer is being served, SUSPEND takes effect in the
 * step that completes the buffer, and reads 0 until then.
 *
 * - BNT_OK
 * - BNT_E_FEATURES: an illegal write: nothing changed
 * - BNT_E_REENTRANT: called from inside a callback other than an interrupt
 */
BNT_MUST_USE bnt_status bnt_host_status_write(struct bnt_host *host, uint64_t now_ns,
                                              uint8_t status);

/** The register that counts changes of configuration space. */
uint32_t bnt_host_config_generation_read(const struct bnt_host *host);

/** Reads `bytes` of configuration space from `offset` on. Bytes beyond BNT_BALLOON_CONFIG_BYTES
 * read as 0 (VG-19). */
void bnt_host_config_read(struct bnt_host *host, uint32_t offset, void *dst, uint32_t bytes);

/**
 * The driver wrote `bytes` of configuration space from `offset` on; a field takes effect with its
 * last byte (BL-6).
 *
 * The driver can write `actual`. If their features are negotiated, it can also write poison_val,
 * epoch_ack and guest_limit. A write of poison_val after DRIVER_OK is the misuse POISON_CHANGED.
 * All other writes are ignored: those before FEATURES_OK (VG-23), except those of a legacy driver
 * before DRIVER_OK (VG-32), and those to a suspended device.
 */
void bnt_host_config_write(struct bnt_host *host, uint64_t now_ns, uint32_t offset, const void *src,
                           uint32_t bytes);

/** The largest size of a queue; 0: the offered features have no such queue. The size is a power of
 * two unless RING_PACKED was negotiated. */
uint16_t bnt_host_queue_size_max_get(const struct bnt_host *host, uint16_t queue);

/**
 * The driver enabled a queue of `size` descriptors at these guest-physical addresses.
 *
 * - BNT_OK
 * - BNT_E_STATE: before FEATURES_OK
 * - BNT_E_ARGUMENT: there is no such queue, it is enabled already, or `size` is larger than its
 *   maximum
 * - BNT_E_UNSUPPORTED: a provider has the queues
 * - BNT_E_RING: the addresses are invalid: the device is broken now
 * - BNT_E_REENTRANT: called from inside a callback other than an interrupt
 */
BNT_MUST_USE bnt_status bnt_host_queue_enable(struct bnt_host *host, uint16_t queue, uint16_t size,
                                              uint64_t desc_gpa, uint64_t avail_gpa,
                                              uint64_t used_gpa);

/** Whether the queue is enabled: the value of queue_enable (pci) and QueueReady (mmio). False for a
 * queue that does not exist, and with a provider. */
bool bnt_host_is_queue_enabled(const struct bnt_host *host, uint16_t queue);

/** The index of the queue that has this role; BNT_BALLOON_QUEUE_NONE if there is none. Under
 * DENSE_NEGOTIATED only inflate and deflate have a queue before FEATURES_OK. */
uint16_t bnt_host_queue_index_get(const struct bnt_host *host, bnt_balloon_queue role);

/**
 * The driver reset one queue (RING_RESET): the queue is immediately in the state that it had before
 * it was enabled (VG-42, VG-43).
 *
 * The register that says whether the queue is being reset reads 0 (VG-46). The device forgets the
 * buffers of the queue, and keeps the ledger: a request that was not served is never served. If a
 * request is being served, the ledger keeps the changes that were made for this request so far.
 * Statistics that were requested before are requested again with the next buffer. With a provider
 * the embedder resets its rings before this call.
 *
 * - BNT_OK
 * - BNT_E_UNSUPPORTED: RING_RESET was not negotiated
 * - BNT_E_STATE: the device is suspended
 * - BNT_E_ARGUMENT: no such queue
 * - BNT_E_REENTRANT: called from inside a callback other than an interrupt
 */
BNT_MUST_USE bnt_status bnt_host_queue_reset(struct bnt_host *host, uint64_t now_ns,
                                             uint16_t queue);

/**
 * The driver disabled one queue by QueueReady = 0 of virtio-mmio, which needs no RING_RESET (VIRTIO
 * 1.3, 4.2.2).
 *
 * An enabled queue is reset as by bnt_host_queue_reset, so the device forgets also buffers that the
 * driver still expects back. A queue that is not enabled does not change.
 *
 * - BNT_OK
 * - BNT_E_STATE: the device is suspended
 * - BNT_E_ARGUMENT: no such queue
 * - BNT_E_REENTRANT: called from inside a callback other than an interrupt
 */
BNT_MUST_USE bnt_status bnt_host_queue_disable(struct bnt_host *host, uint64_t now_ns,
                                               uint16_t queue);

/** The driver kicked a queue. The call only marks work; it ignores a queue that does not exist. */
void bnt_host_handle_kick(struct bnt_host *host, uint16_t queue);

/**
 * The driver kicked a queue under NOTIFICATION_DATA: bits 0 to 15 of `data` are the queue, bits 16
 * to 31 are the position after the last available buffer.
 *
 * With built-in rings the next step compares `data` with the ring (bnt_vq_dev_check_notify_data). A
 * wrong value is the misuse NOTIFY_DATA, but the device serves the queue nevertheless.
 */
void bnt_host_handle_kick_with_data(struct bnt_host *host, uint32_t data);

/* ---- Work ---- */

/**
 * Does the work that is due, and returns in `deadline_ns` (may be NULL) when to call again at the
 * latest.
 *
 * `budget` (at least 1) bounds the work. A unit is one buffer, or as much of it as
 * BNT_HOST_STEP_RUNS says; the next steps serve the rest before any other buffer, and the used
 * element is published after the last page. Therefore a long buffer does not make a step long. If
 * the balloon is reset in between, the device answers the whole buffer with RESET. If the device or
 * the queue is reset in between, the device forgets the buffer.
 *
 * The order is fixed: inflate, deflate, statistics, hints, reports, working sets, deadlines. Only
 * kicked queues are served. A step begins after the queue that used up the budget of the last step,
 * so no queue starves another. `deadline_ns` is `now_ns` if work is left, BNT_NEVER if nothing is
 * due.
 *
 * - BNT_OK
 * - BNT_E_BROKEN: NEEDS_RESET is set; bnt_host_diag_get says why
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_step(struct bnt_host *host, uint64_t now_ns, uint32_t budget,
                                      uint64_t *deadline_ns);

/**
 * Serves a call of the guest on VMware's wire (<ballonet/vmware.h>) at once.
 *
 * `status` and `result` are the answer to the guest. After a reset, and before the first START,
 * every command except START is answered with RESET. After START, no page of the guest is recorded
 * as locked. A batch page must be guest memory; entries that name no memory are refused one by one.
 * The call is allowed inside ops.vmware.doorbell.
 *
 * - BNT_OK
 * - BNT_E_UNSUPPORTED: the instance is on VIRTIO's wire
 * - BNT_E_REENTRANT: called from inside another callback
 */
BNT_MUST_USE bnt_status bnt_host_serve_vmware_call(struct bnt_host *host, uint64_t now_ns,
                                                   uint32_t command, uint64_t arg1, uint64_t arg2,
                                                   int32_t *status, uint64_t *result);

/* ---- Target and reset ---- */

/**
 * Requests a balloon of `pfns`.
 *
 * `timeout_ns` bounds the request; if it is 0, only target.stall_ns bounds the request. `id` (may
 * be NULL) returns the number that the OUTCOME event of this request has as its value. A target
 * request that is still pending ends with outcome SUPERSEDED. The device notifies the driver if the
 * target changes. The device also announces an unchanged target that the ledger has not reached,
 * because the driver may have deflated when its OS was out of memory. While NEEDS_RESET is set, the
 * configuration space does not change, and the driver reads the new target after its recovery.
 *
 * - BNT_OK
 * - BNT_E_LIMIT: more PFNs than the memory map has in the configured range
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_target_set(struct bnt_host *host, uint64_t now_ns, uint64_t pfns,
                                            uint64_t timeout_ns, uint64_t *id);

/**
 * Requests that the guest keeps `pfns` of its memory, so that the balloon gets the rest; otherwise
 * as bnt_host_target_set.
 *
 * - BNT_OK
 * - BNT_E_LIMIT: more PFNs than the memory map has in the configured range
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_guest_memory_set(struct bnt_host *host, uint64_t now_ns,
                                                  uint64_t pfns, uint64_t timeout_ns, uint64_t *id);

/**
 * Resets the balloon: first, every page belongs to the guest again, and its backing is not changed;
 * then the epoch is incremented; then every queued request is answered with RESET.
 *
 * If the device is suspended, the reset happens when the device is resumed.
 *
 * - BNT_OK
 * - BNT_E_UNSUPPORTED: RESET was not negotiated: nothing changed
 * - BNT_E_STATE: there is no driver
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_reset_balloon(struct bnt_host *host, uint64_t now_ns);

/**
 * The guest used the page `pfn`, for example after a reboot or crash (VMware's wire).
 *
 * If the page is in the balloon, the device emits event TOUCHED and resets the balloon; otherwise
 * nothing changes.
 *
 * - BNT_OK
 * - BNT_E_UNSUPPORTED: the instance is on VIRTIO's wire
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_handle_page_touch(struct bnt_host *host, uint64_t now_ns,
                                                   uint64_t pfn);

/* ---- Scripted refusals ---- */

/** A scripted answer to a whole call on VMware's wire, which then has no other effect. */
struct bnt_host_call_rule {
    uint32_t command; /**< BNT_VMWARE_CMD_* */
    int32_t status;   /**< the status of the answer */
    uint64_t count;   /**< calls that it still answers; UINT64_MAX: no end */
};

/** A scripted refusal. The device checks the rules in their order for each PFN; the first rule that
 * applies decides. */
struct bnt_host_rule {
    uint64_t first_pfn;
    uint64_t last_pfn; /**< inclusive */
    bool on_inflate;
    bool on_deflate;      /**< has an effect only with MUST_TELL_HOST (BX-8) */
    uint32_t numerator;   /**< the rule applies with probability numerator / denominator */
    uint32_t denominator; /**< at least 1; needs ops.refusal.draw unless numerator >= denominator */
    uint64_t count;       /**< PFNs to which it still applies; UINT64_MAX: no end */
    bnt_verdict verdict;  /**< PINNED, INVALID, LOCKED, BUSY, or NOT_LOCKED (BUSY in a deflate) */
};

/**
 * Appends a scripted answer; the first one for a command decides.
 *
 * If the new answer equals the last one for its command, its count is added to that one. Answers
 * whose count is used up take no space.
 *
 * - BNT_OK
 * - BNT_E_LIMIT: BNT_HOST_CALL_RULES_MAX answers are stored
 * - BNT_E_UNSUPPORTED: the instance is on VIRTIO's wire
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_call_rule_add(struct bnt_host *host,
                                               const struct bnt_host_call_rule *rule);

/**
 * Appends a rule.
 *
 * If the last rule is the same but for its count, the count of the new rule is added to it. If any
 * rule with an unlimited count is the same otherwise, the new rule adds nothing. Rules whose count
 * is used up take no space.
 *
 * - BNT_OK
 * - BNT_E_LIMIT: BNT_HOST_RULES_MAX rules are stored
 * - BNT_E_ARGUMENT: the range or the verdict is invalid, or a probability needs ops.refusal.draw
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_rule_add(struct bnt_host *host, const struct bnt_host_rule *rule);

/** Removes every rule and every scripted answer. */
void bnt_host_rules_clear(struct bnt_host *host);

/* ---- Statistics, hints, working sets ---- */

/**
 * Requests statistics from the guest; never blocks.
 *
 * `sequence` (may be NULL) returns the least sequence number that the STATS event of the answer can
 * have. It is the next number. If the first statistics buffer of the driver has not come yet, it is
 * the number after the next one, because the first buffer is unsolicited and has a number too. A
 * queue reset in between adds one more for the same reason. `pending` of bnt_host_stats_get says
 * whether the answer came.
 *
 * - BNT_OK
 * - BNT_E_AGAIN: statistics were requested already and have not come
 * - BNT_E_UNSUPPORTED: STATS_VQ was not negotiated
 * - BNT_E_STATE: there is no driver
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_stats_request(struct bnt_host *host, uint64_t now_ns,
                                               uint64_t *sequence);

/** The last statistics of the guest. */
struct bnt_host_stats {
    uint32_t size; /**< set by the caller */
    /** Buffers that ever arrived, from all drivers. 0: none. The first buffer of the first driver,
     * number 1, is unsolicited (BL-8). */
    uint64_t sequence;
    uint64_t age_ns; /**< time since the last buffer arrived */
    bool stale;   /**< no statistics, older than statistics.stale_ns, or of a driver that is gone */
    bool pending; /**< statistics were requested and have not come */
    uint32_t known;         /**< bit n: the last buffer had a value for tag n */
    uint32_t unknown_count; /**< entries with unknown tags, which are ignored (BV-4) */
    uint32_t unset_count;   /**< entries that say that their value is not known */
    struct bnt_stat unknown[BNT_HOST_STATS_UNKNOWN]; /**< the first entries with unknown tags */
    uint64_t values[BNT_STAT_COUNT]; /**< indexed by tag; the last member, because each new tag
                                        makes it longer */
};

/**
 * Fills `stats`, whose `size` the caller has set, with the last statistics; never blocks.
 *
 * After a device reset no value is known. Call it at any time, also from inside a callback.
 *
 * - BNT_OK
 * - BNT_E_SIZE: stats->size is too small
 */
BNT_MUST_USE bnt_status bnt_host_stats_get(const struct bnt_host *host, uint64_t now_ns,
                                           struct bnt_host_stats *stats);

/**
 * Starts a run of free page hints: issues the next command id, which `id` (may be NULL) returns,
 * and asks the driver for hints. A run that is in progress ends. Never blocks.
 *
 * - BNT_OK
 * - BNT_E_UNSUPPORTED: FREE_PAGE_HINT was not offered or not negotiated
 * - BNT_E_STATE: there is no driver: nothing is stored for a later one
 * - BNT_E_AGAIN: every command id waits for a STOP of the driver (BV-7)
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_hint_start(struct bnt_host *host, uint64_t now_ns, uint32_t *id);

/**
 * Ends a run, while the driver keeps its hinted pages; for example before each read of the dirty
 * log (BV-6). A driver that ends its run by itself has the same effect. Never blocks.
 *
 * - BNT_OK
 * - BNT_E_UNSUPPORTED: FREE_PAGE_HINT was not offered or not negotiated
 * - BNT_E_STATE: there is no driver
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_hint_stop(struct bnt_host *host, uint64_t now_ns);

/**
 * Ends hinting, so that the driver can use its hinted pages again. Call it also if a migration was
 * cancelled or failed (BV-11). A device reset has the same effect. Never blocks.
 *
 * - BNT_OK
 * - BNT_E_UNSUPPORTED: FREE_PAGE_HINT was not offered or not negotiated
 * - BNT_E_STATE: there is no driver
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_hint_finish(struct bnt_host *host, uint64_t now_ns);

/**
 * Sets the intervals at which the bins of working-set reports end; `interval_count` is
 * working_set.bins - 1.
 *
 * The device sends the intervals when the driver has provided a buffer, and to each later driver.
 *
 * - BNT_OK
 * - BNT_E_ARGUMENT: interval_count is not working_set.bins - 1, or the intervals are not above 0
 *   and ascending
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_ws_config_set(struct bnt_host *host, uint64_t now_ns,
                                               const struct bnt_ws_config *config);

/**
 * Requests a working-set report; never blocks.
 *
 * `sequence` (may be NULL) returns the least sequence number that the WORKING_SET event of the
 * answer can have. If the driver sends a report by itself meanwhile (because of report_ms), that
 * report counts as the answer, too.
 *
 * - BNT_OK
 * - BNT_E_AGAIN: a report was requested already and has not come
 * - BNT_E_UNSUPPORTED: WS_REPORTING was not negotiated
 * - BNT_E_STATE: there is no driver
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_ws_request(struct bnt_host *host, uint64_t now_ns,
                                            uint64_t *sequence);

/** The last working-set report. */
struct bnt_host_ws {
    uint32_t size;     /**< set by the caller */
    uint64_t sequence; /**< reports that ever arrived; 0: none */
    uint64_t age_ns;   /**< time since the last report arrived */
    bool pending;      /**< a report was requested and has not come */
    uint32_t bin_count;
    struct bnt_ws_bin bins[BNT_WS_BINS_MAX];
};

/**
 * Fills `report`, whose `size` the caller has set, with the last working-set report.
 *
 * After a device reset there is none. Call it at any time, also from inside a callback.
 *
 * - BNT_OK
 * - BNT_E_SIZE: report->size is too small
 */
BNT_MUST_USE bnt_status bnt_host_ws_get(const struct bnt_host *host, uint64_t now_ns,
                                        struct bnt_host_ws *report);

/* ---- Saved state: snapshots, migration ---- */

/**
 * The number of bytes that bnt_host_save would write now; 0 from inside a callback.
 *
 * The number depends on the ledger: a balloon that is empty or full needs few bytes.
 */
size_t bnt_host_state_size_get(struct bnt_host *host);

/**
 * Writes everything that changed in the instance after bnt_host_init to `state`: registers, queues,
 * buffers that it has, ledger, target request, statistics, rules, counters.
 *
 * Call it at any moment between two other calls, whatever is in flight; it changes nothing. The
 * embedder moves the guest's memory, which contains the rings, at the same moment. Times are saved
 * as the time that is left.
 *
 * - BNT_OK
 * - BNT_E_STORAGE: `bytes` is too small
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_save(struct bnt_host *host, uint64_t now_ns, void *state,
                                      size_t bytes);

/**
 * Continues from a saved state, in an instance that bnt_host_init has just made.
 *
 * The instance must have the same memory, guest page and queues, and offer at least the negotiated
 * features; the store of the ledger, the callbacks and the addresses of this process can differ.
 * The bytes are not trusted: a state that no device could have saved is refused, and then nothing
 * changes. The call uses only the callbacks leaf_alloc and leaf_free, so no backing is discarded or
 * restored. Call bnt_host_step next, which sends the interrupts that were due.
 *
 * - BNT_OK
 * - BNT_E_STATE: the instance was used already
 * - BNT_E_SAVED_STATE: the state is damaged, cut, or of another version or device; no leaf is
 *   available; or it counts PFNs without a leaf, which LEDGER_FIXED cannot store
 * - BNT_E_ARGUMENT: a pointer is NULL
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_host_load(struct bnt_host *host, uint64_t now_ns, const void *state,
                                      size_t bytes);

/* ---- Reading ---- */

/** What the ledger says about one PFN. */
typedef enum bnt_host_page {
    BNT_HOST_PAGE_GUEST = 0, /**< the guest's */
    BNT_HOST_PAGE_BALLOONED, /**< in the balloon, backing discarded */
    BNT_HOST_PAGE_RETAINED   /**< in the balloon, backing retained */
} bnt_host_page;

/** What the ledger says about `pfn`. Returns GUEST also for a PFN that is not memory, and under
 * LEDGER_LEAVES for a page without a leaf. */
bnt_host_page bnt_host_page_state_get(const struct bnt_host *host, uint64_t pfn);

/** Reads which of `words` * 64 PFNs are in the balloon, ballooned or retained: PFN `first_pfn` + n
 * is bit n % 64 of held[n / 64]. A bit is clear where bnt_host_page_state_get returns GUEST. */
void bnt_host_held_pfns_get(const struct bnt_host *host, uint64_t first_pfn, uint64_t *held,
                            uint32_t words);

/**
 * Fills `info`, whose `size` the caller has set.
 *
 * Call it at any time, also from inside a callback.
 *
 * - BNT_OK
 * - BNT_E_SIZE: info->size is too small
 */
BNT_MUST_USE bnt_status bnt_host_info_get(const struct bnt_host *host, struct bnt_host_info *info);

/** The last violation of the driver. Owned by the instance; never NULL. */
const struct bnt_diag *bnt_host_diag_get(const struct bnt_host *host);

#ifdef __cplusplus
}
#endif
#endif
