/*
 * The balloon device core: what an emulator or VMM links.
 *
 * It is a state machine without I/O, threads, clock or globals. The embedder's
 * transport calls the register functions, kicks mark work, `bnt_host_step` does
 * a bounded amount of it in a fixed order and tells the next deadline. Guest
 * memory is hostile: it is read once, by bounded copies, and validated; a
 * violation ends in NEEDS_RESET, is counted, described in `bnt_host_diag` and
 * told once. One instance belongs to one thread at a time.
 *
 * Calls from inside callbacks: reading (features, status, configuration, info, statistics, pages,
 * diag), bnt_host_kick and bnt_host_kick_data are allowed from all of them. `interrupt` and
 * `config_interrupt` are called last, when the state is consistent: inside them the driver may run,
 * so the registers may be written too. Every other call gets E_REENTRANT, or, where it returns
 * nothing, does nothing.
 *
 *     struct bnt_host_config config = {.size = sizeof config, .memory.pfns = 1 << 18};
 *     status = bnt_host_footprint(&config, &bytes);
 *     status = bnt_host_init(storage, bytes, &config, &ops, vmm, &mem, NULL, &host);
 *     // the transport: bnt_host_status_write, bnt_host_features_write, bnt_host_config_read, ...
 *     bnt_host_kick(host, queue);                                     // the driver kicked
 *     status = bnt_host_target_set(host, now, pfns, timeout_ns, &id); // policy
 *     status = bnt_host_step(host, now, budget, &deadline_ns);        // see below
 *
 * Step after every kick, register write and policy call (target, reset, statistics, hints, working
 * sets: each may leave work for a step, or move the deadline), after bnt_host_load, and when the
 * last step's `deadline_ns` has come.
 *
 * Units: PFNs are 4 KiB. Times are nanoseconds of the embedder's monotonic
 * clock.
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

/** Stack that a call into the core takes at most, in bytes, callbacks left aside. Measured on
 * x86-64, optimised. */
#define BNT_HOST_STACK_BYTES_MAX 2560

#ifndef BNT_NEVER
#define BNT_NEVER UINT64_MAX
#endif

/** PFNs of guest memory that one ledger leaf covers: 2 MiB. */
#define BNT_HOST_LEAF_PFNS 512

/** Entries with unknown tags that are kept of a statistics buffer. */
#define BNT_HOST_STATS_UNKNOWN 8

/** Scripted refusal rules that one instance holds. */
#define BNT_HOST_RULES_MAX 16

/**
 * What one unit of a step's budget covers at most: so many runs of neighbouring PFNs (PFNs one by
 * one where rules, ops->refuse or a verdict have a say; huge pages; segments of a report or hint),
 * with as many calls of `discard` or `restore`. With larger host pages runs are more by as much, up
 * to BNT_HOST_REQUEST_PFNS_MAX, since whole ones are discarded.
 */
#define BNT_HOST_STEP_RUNS 256

/** Segments of one chain that the device takes at most. */
#define BNT_HOST_CHAIN_SEGMENTS_MAX 1024

/** Scripted answers to VMware's calls that one instance holds. */
#define BNT_HOST_CALL_RULES_MAX 16

/** PFNs of VMware's large page, and of a unit with HUGE_PAGES: 2 MiB. */
#define BNT_HOST_UNIT_PFNS 512

/** A scripted answer to a whole call of VMware's wire, which then does nothing else. */
struct bnt_host_call_rule {
    uint32_t command; /**< BNT_VMWARE_CMD_* */
    int32_t status;   /**< that it is answered with */
    uint64_t count;   /**< calls it still applies to; UINT64_MAX: no end */
};

/** A scripted refusal. A PFN meets the rules in their order; the first that
 * applies decides. */
struct bnt_host_rule {
    uint64_t first_pfn;
    uint64_t last_pfn; /**< inclusive */
    bool on_inflate;
    bool on_deflate;      /**< has an effect only with MUST_TELL_HOST (BX-8) */
    uint32_t numerator;   /**< probability that it applies ... */
    uint32_t denominator; /**< ... at least 1; needs ops->draw unless numerator >=
                             denominator */
    uint64_t count;       /**< PFNs it still applies to; UINT64_MAX: no end */
    bnt_verdict verdict;  /**< PINNED, INVALID, LOCKED, NOT_LOCKED (BUSY in a deflate) or BUSY */
};

/** The settings that an instance of `config` has: a copy in which each setting that is 0 has its
 * default. Nothing is validated. OK; E_SIZE. */
BNT_MUST_USE bnt_status bnt_host_config_resolve(const struct bnt_host_config *config,
                                                struct bnt_host_config *resolved);

/** Storage for a configuration, aligned as for uint64_t. OK; E_SIZE;
 * E_ARGUMENT; E_FEATURES; E_EXCLUSIVE. */
BNT_MUST_USE bnt_status bnt_host_footprint(const struct bnt_host_config *config, size_t *bytes);

/**
 * Makes an instance in the caller's storage, which must stay where it is.
 * `config`, `ops`, `mem` and `provider` are copied; `provider` may be NULL: the
 * built-in rings, split or packed. OK; E_SIZE; E_ARGUMENT; E_STORAGE; E_FEATURES (an offer
 * without its dependency or VERSION_1); E_EXCLUSIVE (an offer of VERDICTS and
 * DEVICE_INIT_ON_INFLATE).
 */
BNT_MUST_USE bnt_status bnt_host_init(void *storage, size_t bytes,
                                      const struct bnt_host_config *config,
                                      const struct bnt_host_ops *ops, void *opaque,
                                      const struct bnt_mem *mem,
                                      const struct bnt_queue_provider *provider,
                                      struct bnt_host **host);

/**
 * Memory was added to the guest: `mem` (copied) replaces the map, and holds all that the old one
 * held. What lies in the configured range can be ballooned from now on, what lies outside it never
 * (so configure the range for all that may come, and leave the rest out of the map: firmware,
 * devices, persistent memory). The target stays. OK; E_ARGUMENT (memory is missing in it);
 * E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_memory_set(struct bnt_host *host, const struct bnt_mem *mem);

/** Gives every ledger leaf back to ops->leaf_free. The instance is gone. */
void bnt_host_fini(struct bnt_host *host);

/* ---- Registers: what the embedder's transport calls
 * --------------------------------------- */

uint64_t bnt_host_features_read(const struct bnt_host *host);
/** E_STATE at the wrong time (ignored, VG-23). */
BNT_MUST_USE bnt_status bnt_host_features_write(struct bnt_host *host, uint64_t features);
uint8_t bnt_host_status_read(const struct bnt_host *host);
/**
 * 0 resets the device: every page is the guest's again, the pending request's
 * outcome is RESET, the target stays. SUSPEND, where F_SUSPEND is agreed, makes the device stand
 * still (VIRTIO 1.4, 2.1 and 3.4): until DRIVER_OK is written again it serves nothing, interrupts
 * nobody and ignores writes of configuration. A target set meanwhile is told at resume, once;
 * statistics asked for meanwhile are asked for then; the stall bound of a target begins anew. While
 * a buffer is being served SUSPEND takes effect in the step that returns it: until then it reads 0.
 * E_FEATURES for an illegal write (nothing changed); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_status_write(struct bnt_host *host, uint64_t now_ns,
                                              uint8_t status);
uint32_t bnt_host_config_generation(const struct bnt_host *host);
/** Bytes beyond BNT_BALLOON_CONFIG_BYTES read as 0 (VG-19). */
void bnt_host_config_read(struct bnt_host *host, uint32_t offset, void *dst, uint32_t bytes);
/**
 * Writes of a driver, byte by byte; a field takes effect with its last byte (BL-6). `actual` can be
 * written; with their features also poison_val (before DRIVER_OK: a change later is the misuse
 * POISON_CHANGED), epoch_ack and guest_limit. The rest is ignored, as is all before FEATURES_OK
 * (VG-23), save what a legacy driver writes before DRIVER_OK (VG-32), and while suspended.
 */
void bnt_host_config_write(struct bnt_host *host, uint64_t now_ns, uint32_t offset, const void *src,
                           uint32_t bytes);
/** 0: there is no such queue under the features offered. A power of two unless RING_PACKED is
 * agreed. */
uint16_t bnt_host_queue_size_max(const struct bnt_host *host, uint16_t queue);
/**
 * E_STATE before FEATURES_OK; E_ARGUMENT (no such queue, enabled already, larger than its maximum);
 * E_UNSUPPORTED (a provider has the queues); E_RING (the device is broken now); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_queue_enable(struct bnt_host *host, uint16_t queue, uint16_t size,
                                              uint64_t desc_gpa, uint64_t avail_gpa,
                                              uint64_t used_gpa);
/** Whether the queue is enabled: what queue_enable (pci) and QueueReady (mmio) read. False for a
 * queue that does not exist, and with a provider. */
bool bnt_host_queue_enabled(const struct bnt_host *host, uint16_t queue);
/** The index of a role's queue now; BNT_BALLOON_QUEUE_NONE if there is none. Under
 * dense-negotiated only inflate and deflate have one before FEATURES_OK. */
uint16_t bnt_host_queue_index(const struct bnt_host *host, bnt_balloon_queue role);

/**
 * RING_RESET: the queue is as before it was enabled (VG-42, VG-43), at once: whoever reads whether
 * it is being reset reads 0 (VG-46). Buffers that it had are forgotten, the ledger is not: a
 * request that was not served yet never will be, and of one that is being served the ledger keeps
 * the pages that were taken or given back so far. Statistics asked for are asked of the next
 * buffer. With a provider the rings are the embedder's to reset, before this call. OK;
 * E_UNSUPPORTED (not agreed); E_STATE (suspended); E_ARGUMENT (no such queue); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_queue_reset(struct bnt_host *host, uint64_t now_ns,
                                             uint16_t queue);
/**
 * QueueReady = 0 of virtio-mmio, which needs no RING_RESET (VIRTIO 1.3, 4.2.2): the same, for a
 * queue that was enabled; nothing happens to another. The driver must not have stopped the queue
 * with buffers in it that it wants answered: they are forgotten, as above. OK; E_STATE (suspended);
 * E_ARGUMENT (no such queue); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_queue_disable(struct bnt_host *host, uint64_t now_ns,
                                               uint16_t queue);
/** A kick. Only marks work; a queue that does not exist is ignored. */
void bnt_host_kick(struct bnt_host *host, uint16_t queue);
/**
 * The same with NOTIFICATION_DATA: bits 0 to 15 are the queue, 16 to 31 say up to where it has
 * buffers. The next step judges that (bnt_vq_dev_notified) where the rings are the built-in ones
 * and the feature is agreed: a lie is the misuse NOTIFY_DATA, and the queue is served all the same.
 */
void bnt_host_kick_data(struct bnt_host *host, uint32_t data);

/* ---- Work
 * --------------------------------------------------------------------------------
 */

/**
 * Does what is due, at most `budget` units (at least 1), in a fixed order: inflate, deflate,
 * statistics, hints, reports, working sets, deadlines. A unit is one buffer, or as much of it as
 * BNT_HOST_STEP_RUNS says: what is left is done by the next steps, before any other buffer, and its
 * used element is published after its last page. A driver may make a buffer long, and no step. In
 * between, a reset of the balloon answers all of it RESET; a reset of device or queue forgets it.
 * A step begins behind the queue that used the last budget up, so that no queue starves another.
 * `deadline_ns` (may be NULL) is when to call again at the latest; `now_ns` if work is left;
 * BNT_NEVER. Only kicked queues are looked at. A clock that goes back stands still. OK;
 * E_REENTRANT; E_BROKEN (NEEDS_RESET is set; the reason is in bnt_host_diag).
 */
BNT_MUST_USE bnt_status bnt_host_step(struct bnt_host *host, uint64_t now_ns, uint32_t budget,
                                      uint64_t *deadline_ns);

/* ---- VMware's wire ---- */

/**
 * A call of the guest (<ballonet/vmware.h>): served and answered at once. `status` and `result` are
 * what it gets back. After a reset, and before the first START, every command but START is answered
 * RESET; START drops every lock record. A batch page must be guest memory; entries that name no
 * memory are refused one by one. Allowed inside ops->doorbell. OK; E_UNSUPPORTED (the instance
 * speaks virtio); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_vmware_call(struct bnt_host *host, uint64_t now_ns,
                                             uint32_t command, uint64_t arg1, uint64_t arg2,
                                             int32_t *status, uint64_t *result);

/* ---- Policy
 * ------------------------------------------------------------------------------
 */

/**
 * Wants `pfns` in the balloon. The pending request, if any, ends SUPERSEDED.
 * `timeout_ns` 0: only the stall bound. `id` (may be NULL) names the request in
 * its OUTCOME event. The driver is notified if its target changes, and of the same target again
 * unless the ledger is there (it may have deflated out of memory); not while NEEDS_RESET stands:
 * then configuration space stays as it is, and the driver that recovers reads the new target. OK;
 * E_LIMIT (more than the map has in the configured range); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_target_set(struct bnt_host *host, uint64_t now_ns, uint64_t pfns,
                                            uint64_t timeout_ns, uint64_t *id);

/** The same as memory left to the guest: the balloon gets what is over `pfns`.
 */
BNT_MUST_USE bnt_status bnt_host_guest_memory_set(struct bnt_host *host, uint64_t now_ns,
                                                  uint64_t pfns, uint64_t timeout_ns, uint64_t *id);

/**
 * Resets the balloon: first every page counts as the guest's and none is
 * touched, then the epoch rises, then every queued request is answered RESET.
 * Of a suspended device it happens when that is resumed. OK; E_UNSUPPORTED
 * (RESET was not negotiated: nothing changed); E_STATE (no driver);
 * E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_reset(struct bnt_host *host, uint64_t now_ns);

/**
 * VMware's wire: the guest used a page that the ledger holds, as after its reboot or crash. If it
 * does hold it, event TOUCHED and the balloon is reset; else nothing. OK; E_UNSUPPORTED (virtio);
 * E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_touched(struct bnt_host *host, uint64_t now_ns, uint64_t pfn);

/**
 * Appends a scripted answer: the first that names a command decides. One like the last for its
 * command adds its count to that one; those that are used up take no place. OK; E_LIMIT;
 * E_UNSUPPORTED (virtio); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_call_rule_add(struct bnt_host *host,
                                               const struct bnt_host_call_rule *rule);

/**
 * Appends a rule. One that differs by its count alone from the last, or from one without an end,
 * adds its count to that; rules that are used up take no place. OK; E_LIMIT; E_ARGUMENT (range,
 * verdict, probability without ops->draw); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_rule_add(struct bnt_host *host, const struct bnt_host_rule *rule);

/** Removes every rule, those of calls too. */
void bnt_host_rules_clear(struct bnt_host *host);

/**
 * Asks the guest for statistics; never blocks. `sequence` (may be NULL) is what the STATS event of
 * the answer carries at least: the next one, or the one after it if the driver's unsolicited first
 * buffer (of its start, or of its queue's) has not come yet. A queue reset in between adds one: its
 * first buffer is unsolicited again. `pending` of bnt_host_stats_get tells whether it came. OK;
 * E_AGAIN (asked already, not answered yet); E_UNSUPPORTED; E_STATE (no driver); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_stats_poll(struct bnt_host *host, uint64_t now_ns,
                                            uint64_t *sequence);

/**
 * Free page hinting. `start` issues the next command id (told in `id`, which may be NULL) and asks
 * the driver for a run of hints; one that is under way is over. `stop` ends a run while hinted
 * pages are still of use, as before each look at the dirty log (BV-6); `done` ends everything and
 * lets the driver use its pages again, also when a migration was cancelled or failed (BV-11). A
 * driver that ends its run by itself leads to STOP, a device reset to DONE. Never block. OK;
 * E_UNSUPPORTED (not offered or not agreed); E_STATE (no driver: nothing is left behind for one);
 * E_REENTRANT; of start also E_AGAIN (every id waits for a STOP of the driver, BV-7).
 */
BNT_MUST_USE bnt_status bnt_host_hint_start(struct bnt_host *host, uint64_t now_ns, uint32_t *id);
BNT_MUST_USE bnt_status bnt_host_hint_stop(struct bnt_host *host, uint64_t now_ns);
BNT_MUST_USE bnt_status bnt_host_hint_done(struct bnt_host *host, uint64_t now_ns);

struct bnt_host_stats {
    uint32_t size;          /**< set by the caller */
    uint64_t sequence;      /**< buffers that ever arrived, of all drivers: 0 none; 1 the first
                               driver's unsolicited one (BL-8) */
    uint64_t age_ns;        /**< since it arrived */
    bool stale;             /**< none, older than statistics.stale_ns, or of a driver that is gone
                             */
    bool pending;           /**< a query is under way */
    uint32_t known;         /**< bit n: tag n was in the last buffer, and set */
    uint32_t unknown_count; /**< entries with tags we do not know, ignored (BV-4) */
    uint32_t unset_count;   /**< entries that say that their value is not known */
    struct bnt_stat unknown[BNT_HOST_STATS_UNKNOWN]; /**< the first of the unknown ones, raw */
    uint64_t values[BNT_STAT_COUNT]; /**< last: it grows with each tag that is new */
};

/** The last statistics; none is known after a device reset. Never blocks. OK; E_SIZE. */
BNT_MUST_USE bnt_status bnt_host_stats_get(const struct bnt_host *host, uint64_t now_ns,
                                           struct bnt_host_stats *stats);

/**
 * Says where the bins of working-set reports end; `interval_count` is working_set.bins - 1. Sent
 * when the driver has a buffer for it, and to each driver that comes. OK; E_ARGUMENT (no bins,
 * intervals that do not grow); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_ws_config(struct bnt_host *host, uint64_t now_ns,
                                           const struct bnt_ws_config *config);

/**
 * Asks for a working-set report; never blocks. `sequence` (may be NULL) is what the WORKING_SET
 * event of the answer carries at least: a report that the driver sends by itself meanwhile (its
 * report_ms) counts too. OK; E_AGAIN (asked already); E_UNSUPPORTED; E_STATE (no driver);
 * E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_ws_request(struct bnt_host *host, uint64_t now_ns,
                                            uint64_t *sequence);

struct bnt_host_ws {
    uint32_t size;     /**< set by the caller */
    uint64_t sequence; /**< 0: none ever arrived */
    uint64_t age_ns;   /**< since it arrived */
    bool pending;      /**< a request is under way */
    uint32_t bin_count;
    struct bnt_ws_bin bins[BNT_WS_BINS_MAX];
};

/** The last report; none after a device reset. OK; E_SIZE. */
BNT_MUST_USE bnt_status bnt_host_ws_get(const struct bnt_host *host, uint64_t now_ns,
                                        struct bnt_host_ws *report);

/** What the ledger says of one PFN. */
typedef enum bnt_host_page {
    BNT_HOST_PAGE_GUEST = 0, /**< the guest's */
    BNT_HOST_PAGE_BALLOON,   /**< in the balloon, backing dropped */
    BNT_HOST_PAGE_KEPT       /**< in the balloon, backing kept: refused towards a plain
                                driver */
} bnt_host_page;

/** GUEST also for PFNs that are not memory. Under LEDGER_LEAVES a page without
 * leaf is GUEST. */
bnt_host_page bnt_host_page_get(const struct bnt_host *host, uint64_t pfn);

/* ---- Saved state: snapshots, migration
 * --------------------------------------------------------- */

/**
 * Bytes that bnt_host_save writes now. It depends on the ledger: a device that is empty, or full,
 * needs few. 0 from inside a callback.
 */
size_t bnt_host_state_size(struct bnt_host *host);

/**
 * Writes down all that the instance learned since init: registers, queues, buffers that it holds,
 * ledger, target request, statistics, rules, counters. At any moment between two calls, whatever
 * is in flight. Nothing changes. The guest's memory, in which the rings lie, is the embedder's to
 * move with it. Times are kept as what is left of them. OK; E_STORAGE (`bytes` is too few);
 * E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_save(struct bnt_host *host, uint64_t now_ns, void *state,
                                      size_t bytes);

/**
 * Goes on from a saved state, in an instance fresh from bnt_host_init with the same memory, guest
 * page, queues and at least the features agreed; ledger store, callbacks and addresses of this
 * process may differ. The bytes are not trusted: what no device could have saved is refused, all or
 * nothing. No callback is called but leaf_alloc and leaf_free; the embedder drops and restores no
 * backing for it. Then call bnt_host_step, which sends the interrupts that were due. OK; E_STATE
 * (used already); E_SAVED_STATE (the instance is as after init: damaged, cut, another version or
 * device, no leaf to be had, or pages counted without a leaf that LEDGER_FIXED cannot hold);
 * E_ARGUMENT; E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_host_load(struct bnt_host *host, uint64_t now_ns, const void *state,
                                      size_t bytes);

/** Copies what fits `info->size`. Any time. OK; E_SIZE. */
BNT_MUST_USE bnt_status bnt_host_info_get(const struct bnt_host *host, struct bnt_host_info *info);

/** The last violation. Owned by the instance. */
const struct bnt_diag *bnt_host_diag(const struct bnt_host *host);

#ifdef __cplusplus
}
#endif
#endif
