/*
 * The balloon driver core: what an operating system or unikernel links.
 *
 * The core is a state machine without I/O. The embedder tells the core about events (an interrupt,
 * a changed configuration, time that passed, memory that ran out), and the core calls the embedder
 * through a table of callbacks. The core never waits, allocates, reads a clock or has global
 * variables.
 *
 * An instance belongs to one thread at a time. Only bnt_guest_handle_interrupt,
 * bnt_guest_handle_shared_interrupt, bnt_guest_config_changed and bnt_guest_handle_freed_pages are
 * allowed in an interrupt handler of the same CPU, and inside any callback: they mark work for the
 * next step. Any other call from inside a callback returns E_REENTRANT, except bnt_guest_handle_oom
 * and bnt_guest_reclaim_hinted_pages, which are allowed inside ops.pages.alloc, where an allocation
 * for the balloon can exhaust the memory of the OS.
 *
 *     struct bnt_guest_config config = {.size = sizeof config, .memory.pfns = 1 << 18};
 *     status = bnt_guest_compute_footprint(&config, &need);    // bytes of state and of DMA memory
 *     status = bnt_guest_init(state, need.state_bytes, dma, dma_gpa, need.dma_bytes, &config, &ops,
 *                             os, &guest);
 *     status = bnt_guest_attach(guest, now);           // negotiates, and starts the device
 *     while (running) {                                // on events, and at deadline_ns
 *         status = bnt_guest_step(guest, now, budget, &deadline_ns);
 *     }
 *     status = bnt_guest_detach(guest, now);           // every page comes back
 *
 * Units: PFNs are 4 KiB. A page is the guest's own page of `1 << memory.page_order` PFNs, and its
 * first PFN names it. A huge page is 2 MiB. Times are nanoseconds of the embedder's monotonic
 * clock.
 *
 * A page of the guest is in one of these places:
 *
 *     the OS's own -> in flight (inflate) -> ballooned -> in flight (deflate) -> the OS's own
 *                            |                   ^            |
 *                            |                   `- stuck <---' (refused: still ballooned)
 *                            `-> held (refused; given back at the end of the cycle) -> the OS's own
 *     the OS's own -> hinted (the device was told that it is free) -> the OS's own
 *
 * Between two steps the counts of bnt_guest_info agree, in PFNs:
 *
 *     inflated = deflated + reset + ballooned + stuck + in flight (deflate)
 *
 * The driver never gives a page in flight back because of a timeout: only the device's used element
 * or a reset of the device releases the page. The same is true of the blocks of a free page report.
 * Free page reporting works also in a driver that never inflates.
 *
 * A device that breaks the rules, or sets DEVICE_NEEDS_RESET, puts the driver in state BROKEN. The
 * driver ignores the answers of such a device (VG-4), so the outcome of pages in flight is unknown,
 * and the driver gives no page back. Unless `recovery.tries` forbids it, the driver then recovers
 * by itself:
 *
 *     BROKEN -- wait --> RECOVERING -- the status reads 0 --> all pages back -> STARTING -> RUNNING
 *                            `-- it never reads 0: the pages stay, and STALLED is emitted once
 *
 * A device that was reset has forgotten the balloon and every buffer (BX-21). Therefore the pages
 * in flight, the ballooned pages and the held pages go back to the OS without a message, and no
 * page can be lost or used twice. The new start reads the target and inflates again. A start that
 * fails counts as one of the tries.
 *
 * If somebody other than the driver resets the device, only the device status shows this. The
 * driver reads the status when the device notifies it of a change, when an answer is late, and
 * every `sizing.poll_ns`. If DRIVER_OK is missing in the status, the driver enters BROKEN with
 * fault DEVICE_WAS_RESET, and recovers as above.
 */
#ifndef BALLONET_GUEST_H
#define BALLONET_GUEST_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/guest_config.h>
#include <ballonet/guest_info.h>
#include <ballonet/guest_ops.h>
#include <ballonet/personality.h>
#include <ballonet/virtio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bnt_guest;

/** Number of START calls that a detach on VMware's wire tries before the driver unlocks the pages
 * instead. Each wait is twice as long as the last one. */
#define BNT_GUEST_STOP_STARTS 10

/**
 * Maximum stack of a call into the core, in bytes, without the stack of the embedder's callbacks; a
 * call of bnt_guest_handle_oom from inside ops.pages.alloc is included. Measured on x86-64 in an
 * optimised build.
 */
#define BNT_GUEST_STACK_BYTES_MAX 1536

/** Number of steps in a row without a page that comes back, after which an orderly detach resets
 * the device. This bound is for an embedder whose clock stands still. */
#define BNT_GUEST_DETACH_STEPS_MAX (1u << 20)

/** Value of `deadline_ns` if nothing is due. */
#define BNT_NEVER UINT64_MAX

/* ---- Making an instance ---- */

/** The storage that an instance needs. */
struct bnt_guest_need {
    size_t state_bytes; /**< private memory, aligned as for uint64_t */
    size_t dma_bytes;   /**< memory that the device sees, contiguous and 4096-aligned there */
};

/**
 * Copies `config` to `resolved`, with the default of each setting that is 0.
 *
 * The copy is only for reading. Do not pass it to bnt_guest_init, because the copy contains 0 in
 * place of BNT_GUEST_SLACK_NONE. The settings are not validated. Call it at any time.
 *
 * - BNT_OK
 * - BNT_E_SIZE: config->size is too small or unknown
 * - BNT_E_ARGUMENT: config is NULL
 */
BNT_MUST_USE bnt_status bnt_guest_config_resolve(const struct bnt_guest_config *config,
                                                 struct bnt_guest_config *resolved);

/**
 * Computes the storage of an instance with these settings, and writes it to `need`.
 *
 * Call it at any time.
 *
 * - BNT_OK
 * - BNT_E_SIZE: config->size is too small or unknown
 * - BNT_E_ARGUMENT: a setting is out of its documented range
 * - BNT_E_EXCLUSIVE: VERDICTS and DEVICE_INIT_ON_INFLATE are both required
 */
BNT_MUST_USE bnt_status bnt_guest_compute_footprint(const struct bnt_guest_config *config,
                                                    struct bnt_guest_need *need);

/**
 * Makes an instance in the caller's storage, in state DOWN, and returns it in `guest`.
 *
 * The storage `state` must stay where it is until the instance is not used any more. `config` and
 * `ops` are copied. `dma` (16-aligned) is the memory that the device sees at address `dma_gpa`. On
 * VMware's wire a `dma_gpa` of 2^44 or more makes the driver lock pages one by one (event
 * DEGRADED). If VERDICTS and DEVICE_INIT_ON_INFLATE are both wanted but not both required, the
 * driver chooses VERDICTS.
 *
 * - BNT_OK
 * - BNT_E_SIZE: config->size or ops->size is too small or unknown
 * - BNT_E_ARGUMENT: a setting is out of its range, or a callback is missing
 * - BNT_E_STORAGE: `state` or `dma` is too small or not aligned
 * - BNT_E_EXCLUSIVE: VERDICTS and DEVICE_INIT_ON_INFLATE are both required
 */
BNT_MUST_USE bnt_status bnt_guest_init(void *state, size_t state_bytes, void *dma, uint64_t dma_gpa,
                                       size_t dma_bytes, const struct bnt_guest_config *config,
                                       const struct bnt_guest_ops *ops, void *opaque,
                                       struct bnt_guest **guest);

/* ---- Attaching and detaching ---- */

/**
 * Starts the driver: resets the device, negotiates features, sets up the queues.
 *
 * Call it in state DOWN. The first step reads the target. The driver does not use an optional
 * feature whose queue is missing, too small, or at another index than `queues.layout` says (event
 * DEGRADED). After a failure the state is DOWN, the device's status has FAILED, and
 * bnt_guest_diag_get says why.
 *
 * - BNT_OK: the state is RUNNING, or STARTING if the device's reset is not complete: continue with
 *   bnt_guest_step, which then returns the statuses below
 * - BNT_E_STATE: the state is not DOWN
 * - BNT_E_FEATURES: a required feature is missing, or the device refused the features
 * - BNT_E_UNSUPPORTED: a required queue is missing or too small
 * - BNT_E_CONFIG: the configuration space keeps changing, or is invalid
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_attach(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Detaches quickly: resets the device, then gives every page back to the OS.
 *
 * Call it in any state. The device forgets the pages first, so no page is used while the device can
 * still take it. Then the pages in flight, the ballooned pages and the held pages come back. If the
 * status of the device never reads 0, the driver keeps the pages, the state stays STOPPING, and
 * STALLED is emitted once with BNT_GUEST_STALLED_RESET.
 *
 * On VMware's wire a START call makes the host forget the pages. While no START succeeds, the
 * driver keeps the pages for BNT_GUEST_STOP_STARTS calls (event HANDSHAKE_FAILED) or about half a
 * second. Then the driver unlocks the pages instead, and gives back also those that the host does
 * not unlock (event FORCED).
 *
 * - BNT_OK: DOWN
 * - BNT_E_AGAIN: the state is STOPPING: the reset is not complete, or more pages are left than one
 *   call gives back; continue with bnt_guest_step
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_detach(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Detaches in good order, as Linux's and FreeBSD's drivers do: deflates everything, writes `actual`
 * 0, and then does what bnt_guest_detach does.
 *
 * The device sees each page come back, so its counters are right even if it keeps them over the
 * reset. Until the reset the driver allocates and inflates nothing, and begins no report and no run
 * of hints; the state stays RUNNING (or RELEASING).
 *
 * The driver resets the device at once (event DETACH_FORCED) after `detach.timeout_ns`, after
 * BNT_GUEST_DETACH_STEPS_MAX steps in a row in which no page came back, or when the device breaks.
 * In STARTING, BROKEN and RECOVERING, while suspended, and on VMware's wire, whose START tells the
 * host everything, the call does the same as bnt_guest_detach.
 *
 * A device without DEFLATE_ON_OOM sees pages come back that it did not ask for. BD-7 forbids such
 * deflates, but drivers send them at their end nevertheless; bnt_guest_detach sends none.
 *
 * A sleeping allocation is cancelled, or its pages are given back as soon as they come. A migration
 * that is in progress ends first; the start of another one returns E_AGAIN. The detach waits for a
 * queue that is being reset. An OOM deflate counts as any other deflate. A reset by the host is
 * handled first. bnt_guest_suspend returns E_STATE. bnt_guest_detach and bnt_guest_handle_unplug
 * take over at once.
 *
 * - BNT_OK: DOWN
 * - BNT_E_AGAIN: the detach is in progress: continue with bnt_guest_step until the state is DOWN; a
 *   second call changes nothing
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_detach_orderly(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Gives every page back after the device disappeared, by surprise or by request.
 *
 * Call it in any state, also after bnt_guest_detach. From now on the driver touches no register,
 * and does not wait for a reset. Attach again when a device is plugged in.
 *
 * - BNT_OK: DOWN
 * - BNT_E_AGAIN: the state is STOPPING: more pages are left than one call gives back; continue with
 *   bnt_guest_step
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_handle_unplug(struct bnt_guest *guest, uint64_t now_ns);

/* ---- Events of the embedder ---- */

/**
 * An interrupt of one queue came; for devices in which each queue has its own vector (MSI-X).
 *
 * `queue` is the index of the queue. The call only marks work for the next step. An interrupt of a
 * queue without a used buffer counts as `wire.spurious`.
 */
void bnt_guest_handle_interrupt(struct bnt_guest *guest, uint16_t queue);

/**
 * An interrupt came that all queues and the configuration share: PCI's INTx, the one line of
 * virtio-mmio, or the doorbell of VMware's wire.
 *
 * The call only marks work: the next step reads every queue in use and the configuration. A shared
 * interrupt without work does not count as `wire.spurious`.
 *
 * The interrupt handler first reads what the interrupt is for. On PCI it reads the ISR status byte;
 * the read clears the byte, and the device releases the line (VIRTIO 1.3, 4.1.4.5). On virtio-mmio
 * it reads InterruptStatus at 0x060 and writes the bits to InterruptACK at 0x064 (4.2.2). Bit 0
 * means a used buffer of any queue, and bit 1 means a configuration change. If no bit is set, the
 * interrupt comes from another device, and no call is needed. If only bit 1 is set, a call of
 * bnt_guest_config_changed is enough. With MSI-X the byte has no meaning.
 */
void bnt_guest_handle_shared_interrupt(struct bnt_guest *guest);

/** An interrupt for a configuration change came, or the doorbell of VMware's wire rang. The call
 * only marks work for the next step. */
void bnt_guest_config_changed(struct bnt_guest *guest);

/**
 * A block of the reported order became free.
 *
 * The call only marks work: the driver reports the block `reporting.delay_ns` later. An OS that
 * cannot notice free blocks sets `sizing.poll_ns` instead, and the driver looks for free blocks
 * every `reporting.delay_ns`. Blocks that are free at bnt_guest_attach are reported without a call.
 */
void bnt_guest_handle_freed_pages(struct bnt_guest *guest);

/* ---- Work ---- */

/**
 * Does the work that is due, and returns in `deadline_ns` when to call again at the latest.
 *
 * `budget` (at least 1) bounds the work: a unit is a request that is built or completed, or a batch
 * of 256 pages that is given back. The order is fixed: configuration, used buffers, release,
 * pending OOM deflates, sizing, reports, statistics, deadlines. No queue starves another queue or
 * sizing. If the budget is short, each queue gets a share of it, and each step begins with another
 * queue. If a step spent its whole budget on used buffers, the next step spends at most half of its
 * budget on them.
 *
 * `deadline_ns` is `now_ns` if work is left, and BNT_NEVER if nothing is due. Call it on events and
 * at the deadline; calling it more often is cheap. A step returns the same result as the last step
 * within 100 instructions if the last step found nothing to do, and if since then nobody called the
 * driver, the device used no buffer and no deadline passed. This is true in the states RUNNING,
 * DOWN, BROKEN and SUSPENDED.
 *
 * - BNT_OK
 * - BNT_E_BROKEN: the state is BROKEN, and bnt_guest_diag_get says why; `deadline_ns` is when
 *   recovery begins, BNT_NEVER without recovery
 * - BNT_E_REENTRANT: called from inside a callback
 * - other statuses: in STARTING, the statuses of bnt_guest_attach
 */
BNT_MUST_USE bnt_status bnt_guest_step(struct bnt_guest *guest, uint64_t now_ns, uint32_t budget,
                                       uint64_t *deadline_ns);

/**
 * Ends a sleeping allocation (ops.sleeping): `count` pages came, or 0 if the allocation failed.
 *
 * From this call on, the pages belong to the driver. The driver uses them at once, or gives them
 * back through ops.pages.free inside this call if a reset, a detach, an OOM deflate or a lower
 * target came meanwhile. Call bnt_guest_step next. If the call does not return OK, the pages still
 * belong to the caller.
 *
 * - BNT_OK
 * - BNT_E_ARGUMENT: more pages than were requested
 * - BNT_E_STATE: no sleeping allocation was started
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_handle_alloc_done(struct bnt_guest *guest, uint64_t now_ns,
                                                    const uint64_t *pages, uint32_t count);

/* ---- Memory pressure ---- */

struct bnt_guest_oom_result {
    uint64_t freed_pfns;   /**< PFNs that the OS has already got back */
    uint64_t pending_pfns; /**< not acknowledged, or not sent yet: event OOM_DONE reports them */
    uint64_t deadline_ns;  /**< end of the wait for pending PFNs; BNT_NEVER if there are none */
};

/**
 * The OS is out of memory: gives back up to `pfns` from the balloon, at once if the features allow
 * it.
 *
 * Call it from inside ops.pages.alloc or from outside callbacks. The call needs no allocation and
 * does not wait: a descriptor and a PFN array are reserved for it. Hinted and held pages come back
 * first, without a message. Without MUST_TELL_HOST, each request is queued and its pages come back
 * at once; in this case the device is not allowed to refuse the deflate (BX-8). With MUST_TELL_HOST
 * the driver polls the used ring `oom.polls` times, and pages that the device has not acknowledged
 * by then are pending. The driver continues with further requests until `pfns` are freed. PFNs for
 * which the device is too slow are pending, too, and later steps continue with them. A call while
 * another one is pending does not add its number to the pending one: the driver then has to give
 * back the larger of the two numbers. If the device does not give the pages back, the OOM deflate
 * ends. The driver does not inflate for `oom.holdoff_ns` after an OOM deflate.
 *
 * In RELEASING, STOPPING and RECOVERING the pages come back without a message. In STOPPING and
 * RECOVERING, the PFNs are pending until the device's reset is complete.
 *
 * - BNT_OK: also if nothing was freed because the balloon is empty
 * - BNT_E_UNSUPPORTED: DEFLATE_ON_OOM was not negotiated, and no page is hinted
 * - BNT_E_STATE: the state is DOWN or STARTING, or the device is suspended
 * - BNT_E_BROKEN: the device is broken
 * - BNT_E_REENTRANT: called from inside a callback other than ops.pages.alloc
 */
BNT_MUST_USE bnt_status bnt_guest_handle_oom(struct bnt_guest *guest, uint64_t now_ns,
                                             uint64_t pfns, struct bnt_guest_oom_result *result);

/**
 * The OS has little memory left: gives back up to `pfns` hinted pages, at once and without a
 * message, and returns their number in `freed_pfns`.
 *
 * Call it from inside ops.pages.alloc or from outside callbacks. The call takes nothing from the
 * balloon, whatever the features are, because reclaim must not deflate the balloon. The call ends
 * the current run of hints.
 *
 * - BNT_OK: also if nothing was freed
 * - BNT_E_STATE: the device's reset is not complete
 * - BNT_E_BROKEN: the device is broken
 * - BNT_E_REENTRANT: called from inside a callback other than ops.pages.alloc
 */
BNT_MUST_USE bnt_status bnt_guest_reclaim_hinted_pages(struct bnt_guest *guest, uint64_t now_ns,
                                                       uint64_t pfns, uint64_t *freed_pfns);

/**
 * The OS's memory grew or shrank: sets the largest balloon, in PFNs, that the driver reports to the
 * host from now on.
 *
 * - BNT_OK
 * - BNT_E_ARGUMENT: limit_pfns is 0 or more than 2^52
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_limit_set(struct bnt_guest *guest, uint64_t limit_pfns);

/**
 * The OS moves a ballooned page, to compact or to offline memory: `new_page` enters the balloon,
 * `old_page` leaves it and comes back through ops.pages.free.
 *
 * The caller has allocated `new_page` for this purpose. With `deflate_first` the old page leaves
 * before the new one enters. Linux's virtio_balloon inflates first, so that the balloon never
 * shrinks; VMware's driver unlocks first, because its host answers "not needed" for a page above
 * its target. On VIRTIO's wire without DEFLATE_ON_OOM, a balloon that is not above its target must
 * not shrink (BD-7), so the new page enters first even if `deflate_first` is set.
 *
 * The call only starts the migration, one at a time and only between requests; event MIGRATED
 * reports the end. After this event, each of the two pages is in the balloon or has come back. A
 * new page whose queue was reset comes back when the device completes the deflate of that page.
 *
 * - BNT_OK
 * - BNT_E_AGAIN: something is in flight, or the driver deflates everything: try again later
 * - BNT_E_ARGUMENT: `old_page` is not ballooned, or `new_page` is unusable: `new_page` still
 *   belongs to the caller
 * - BNT_E_STATE: the state is not RUNNING
 * - BNT_E_UNSUPPORTED: ops.links.remove is missing
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_page_migrate(struct bnt_guest *guest, uint64_t now_ns,
                                               uint64_t old_page, uint64_t new_page,
                                               bool deflate_first);

/* ---- Operation ---- */

/**
 * Deflates everything and keeps the balloon empty: every target of the device counts as 0, until
 * bnt_guest_target_follow or the next attach.
 *
 * The driver sends each page in a deflate, within its rates. BD-7 forbids this without
 * DEFLATE_ON_OOM, so only an operator should decide to make this call. The call stays in force
 * after a recovery and after a reset by the host. While the device is suspended, nothing is sent. A
 * sleeping allocation is cancelled, and bnt_guest_page_migrate returns E_AGAIN. Call bnt_guest_step
 * next.
 *
 * - BNT_OK: the balloon is empty and nothing is in flight
 * - BNT_E_AGAIN: deflates are in progress; event TARGET_REACHED reports the end
 * - BNT_E_STATE: DOWN or STOPPING
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_deflate_all(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Follows the device's target again after bnt_guest_deflate_all, at first the target that was read
 * last.
 *
 * Without bnt_guest_deflate_all the call changes nothing. Call bnt_guest_step next.
 *
 * - BNT_OK
 * - BNT_E_STATE: the state is DOWN or STOPPING, or an orderly detach is in progress
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_target_follow(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Resets one queue, given by its index, and sets it up again (RING_RESET); the other queues keep
 * working.
 *
 * The call is for operators; `queues.reset_after_ns` makes the driver reset queues by itself. The
 * outcome of what was in flight on the queue is unknown. The driver sends pages of an inflate
 * through the deflate queue before it gives them back (OUTCOME_UNKNOWN), sends a deflate again,
 * gives reported blocks back as VOID, and provides one fresh statistics buffer. The reset is
 * complete when the device shows the queue as disabled; if that takes longer than
 * `queues.reset_max_ns`, the driver resets the device.
 *
 * - BNT_OK: the queue was reset, or its reset is in progress (event QUEUE_RESET at the end, STALLED
 *   if the reset takes long)
 * - BNT_E_UNSUPPORTED: RING_RESET was not negotiated, or not for this queue
 * - BNT_E_STATE: the state is not RUNNING or RELEASING
 * - BNT_E_ARGUMENT: no queue in use has this index
 * - BNT_E_AGAIN: the queue is being reset already
 * - BNT_E_BROKEN: the queue could not be set up again
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_queue_reset(struct bnt_guest *guest, uint64_t now_ns,
                                              uint16_t queue);

/**
 * Suspends the device (F_SUSPEND, VIRTIO 1.4).
 *
 * Pages stay where they are, requests stay in flight, and the suspended time does not count for
 * their deadlines. Until bnt_guest_resume the driver sends nothing, and an OOM deflate gives
 * nothing back.
 *
 * - BNT_OK: SUSPENDED
 * - BNT_E_AGAIN: the state is SUSPENDING: continue with bnt_guest_step
 * - BNT_E_UNSUPPORTED: F_SUSPEND was not negotiated
 * - BNT_E_STATE: the state is not RUNNING or RELEASING, a queue is being reset, or an orderly
 *   detach is in progress
 * - BNT_E_BROKEN: the device asked for a reset instead
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_suspend(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Resumes a suspended device.
 *
 * - BNT_OK: back in RUNNING or RELEASING
 * - BNT_E_AGAIN: the state is RESUMING: continue with bnt_guest_step
 * - BNT_E_STATE: the state is not SUSPENDED
 * - BNT_E_BROKEN: the device asked for a reset, or was reset
 * - BNT_E_REENTRANT: called from inside a callback
 */
BNT_MUST_USE bnt_status bnt_guest_resume(struct bnt_guest *guest, uint64_t now_ns);

/* ---- Reading ---- */

/** "running" and so on; "unknown" for a value that is no bnt_guest_state. */
const char *bnt_guest_state_name(uint32_t state);

/** The index of the queue that has this role; BNT_BALLOON_QUEUE_NONE if it is not in use. */
uint16_t bnt_guest_queue_index_get(const struct bnt_guest *guest, bnt_balloon_queue role);

/**
 * Fills `info`, whose `size` the caller has set.
 *
 * Call it at any time, also from inside a callback.
 *
 * - BNT_OK
 * - BNT_E_SIZE: not even the member `size` fits
 * - BNT_E_ARGUMENT: a pointer is NULL
 */
BNT_MUST_USE bnt_status bnt_guest_info_get(const struct bnt_guest *guest,
                                           struct bnt_guest_info *info);

/** Returns the reason why the instance is broken, why attaching failed, or why a feature has no
 * queue. The result belongs to the instance and is never NULL. */
const struct bnt_diag *bnt_guest_diag_get(const struct bnt_guest *guest);

#ifdef __cplusplus
}
#endif
#endif
