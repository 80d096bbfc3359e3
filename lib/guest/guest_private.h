/*
 * What the files of lib/guest share: the instance, its requests, and who does what.
 *
 * guest.c is the coordinator; attach.c brings up and takes down, deflate_all.c in good order;
 * queues.c finds the queues; config.c reads and writes configuration space; request.c exposes and
 * takes back buffers; verdict.c judges them; refusal.c keeps refused pages; unusable.c sets pages
 * aside that cannot be ballooned; sizing.c goes for the target; record.c remembers ballooned and
 * hinted pages; recover.c gets out of BROKEN; reset.c, oom.c, stats.c, report.c and hint.c are what
 * their names say; idle.c knows when a step has nothing to do; pace.c keeps rates, sleep.c
 * allocations that may wait; vmware.c is VMware's wire, vmware_stop.c its end. Nothing here is for
 * embedders.
 */
#ifndef BNTI_GUEST_PRIVATE_H
#define BNTI_GUEST_PRIVATE_H

#include <ballonet/guest.h>
#include <ballonet/virtqueue.h>

#include "lib/base/assert.h"

/* Pages of one give-back, and PFNs of one request on VIRTIO's wire. */
#define BNTI_GUEST_BATCH BNT_BALLOON_REQUEST_PFNS_MAX

/* Pages of one request on any wire. */
#define BNTI_GUEST_PAGES BNT_VMWARE_BATCH_MAX
/* Statistics buffers in a row, each back before the next answer is due, that are a storm. */
#define BNTI_GUEST_STATS_STORM 16u
/* Batches that one call of bnt_guest_detach gives back. */
#define BNTI_GUEST_DETACH_BATCHES 16u

/* First wait between two looks at a reset that takes time; doubles up to ack_timeout_ns. */
#define BNTI_GUEST_RESET_POLL_NS UINT64_C(1000000)

enum bnti_guest_queue {
    BNTI_GUEST_Q_INFLATE = BNT_BALLOON_QUEUE_INFLATE,
    BNTI_GUEST_Q_DEFLATE = BNT_BALLOON_QUEUE_DEFLATE,
    BNTI_GUEST_Q_STATS = BNT_BALLOON_QUEUE_STATS,
    BNTI_GUEST_Q_HINT = BNT_BALLOON_QUEUE_HINT,
    BNTI_GUEST_Q_REPORT = BNT_BALLOON_QUEUE_REPORT,
    BNTI_GUEST_Q_WS_DATA = BNT_BALLOON_QUEUE_WS_DATA,
    BNTI_GUEST_Q_WS_CMD = BNT_BALLOON_QUEUE_WS_CMD,
    BNTI_GUEST_Q_COUNT = BNT_BALLOON_QUEUE_COUNT
};

/* One of each in flight at most; each owns a page array and a DMA buffer. */
enum bnti_guest_slot {
    BNTI_GUEST_INFLATE = 0,
    BNTI_GUEST_DEFLATE,
    BNTI_GUEST_OOM,
    BNTI_GUEST_SLOTS
};

/* DMA buffer of a request: header and PFNs for the device, then header and verdicts from it. */
#define BNTI_GUEST_DMA_PFNS    sizeof(struct bnt_balloon_request)
#define BNTI_GUEST_DMA_STATS   (BNT_STATS_MAX * 10u)
#define BNTI_GUEST_DMA_WS_CMD  128u
#define BNTI_GUEST_DMA_WS      (BNTI_GUEST_DMA_WS_CMD + BNT_WS_BINS_MAX * 32u)
#define BNTI_GUEST_DMA_COMMAND 16u /* of a hint, 4 bytes; there are two */

struct bnti_guest_request {
    bool busy;       /* the device has it */
    bool stalled;    /* it missed its deadline and STALLED was told */
    bool partial;    /* the allocator gave less than was asked for */
    bool doubtful;   /* busy, but its queue was reset: the device says no more about its pages */
    bool again;      /* the next request tells pages of a doubtful one */
    bool given_back; /* by its sender: its pages are the OS's already, answer or none */
    bool huge;       /* its pages are of 2 MiB */
    bool gone_on;    /* quirk: an inflate counted as done although the device has it still */
    uint16_t head;
    uint32_t page_count;
    uint32_t epoch;
    uint64_t sent_ns;
    uint64_t due_ns;  /* when the next stall is looked at */
    uint64_t wait_ns; /* how long the next wait is */
    uint8_t *dma;
    uint64_t dma_gpa;
    uint64_t pages[BNTI_GUEST_PAGES];
};

struct bnti_guest_backoff {
    uint64_t level_ns; /* the last wait; doubles */
    uint64_t until_ns; /* 0: none */
    bool not_needed;   /* caused by NOT_NEEDED: a told change of target ends it */
    bool refused;      /* caused by refusals up to the bound: no target ends it (BX-13) */
};

/* One queue on its way through a reset. */
struct bnti_guest_queue_reset {
    bool going;
    bool stalled; /* it missed its deadline and STALLED was told */
    uint64_t sent_ns;
    uint64_t due_ns;
    uint64_t wait_ns;
    uint64_t patience_ns; /* how long an answer may take; doubles with each reset; 0: the setting */
};

/* Free page reporting: what is with the device, and when the next look at free pages is due. */
struct bnti_guest_report {
    bool again;       /* blocks became free since the last look */
    bool stalled;     /* it missed its deadline and STALLED was told */
    uint32_t most;    /* blocks of one report that the queue allows; 0: there are no reports */
    uint32_t burst;   /* reports left before the next delay */
    uint32_t count;   /* blocks with the device; 0: none */
    uint32_t out;     /* buffers that did not come back: one of all, or one of each block */
    uint64_t look_ns; /* BNT_NEVER: when blocks become free */
    uint64_t sent_ns;
    uint64_t due_ns;
    uint64_t wait_ns;
    uint64_t blocks[BNT_GUEST_REPORT_CAPACITY_MAX];
    uint16_t heads[BNT_GUEST_REPORT_CAPACITY_MAX]; /* of each block's buffer, with DEVICE_INIT */
    bool init[BNT_GUEST_REPORT_CAPACITY_MAX];      /* the device initialised it */
};

enum bnti_guest_cycle {
    BNTI_GUEST_CYCLE_NONE = 0,
    BNTI_GUEST_CYCLE_INFLATE,
    BNTI_GUEST_CYCLE_DEFLATE
};

/* A ballooned page on its way to another place; at most one. */
struct bnti_guest_migration {
    bool active;
    bool deflate_first;
    bool second;               /* the second half is in flight */
    enum bnti_guest_slot slot; /* of the half in flight */
    uint64_t old_page;
    uint64_t new_page;
    uint64_t moved_pfns; /* the half's counter before it was sent */
};

/*
 * Sizing in ticks: what the present one may still do. `done_pfns` is the loop index of the driver
 * of 2010, and counts what a failed allocation cost.
 */
struct bnti_guest_pace {
    bool on;      /* there are ticks: always on VMware's wire */
    bool limited; /* and rates */
    bool open;    /* a tick is under way */
    bool over;    /* it ends with what is in flight */
    bool failed;  /* what it did last had no success */
    bool sleep;   /* allocations of this cycle wait */
    uint64_t done_pfns;
    uint64_t last_pfns; /* what the last page added to it */
    uint64_t goal_pfns;
    uint64_t rate;
    uint64_t tick_ns; /* when the next one is due */
    uint64_t period_ns;
    uint32_t rate_alloc;
    uint32_t rate_free;
    uint32_t slow_cycles;
};

/* A sleeping allocation. */
struct bnti_guest_sleep {
    bool outstanding;
    bool unwanted; /* what comes goes straight back */
    uint32_t asked;
};

/* Pages of 2 MiB. Refused ones wait in `huge_held`, and are offered in parts when `phase` is over.
 */
struct bnti_guest_huge {
    bool on;    /* both sides and the OS have them */
    bool phase; /* this cycle still takes them */
    uint32_t held_count;
    uint32_t kept_count;
    uint32_t parts_out; /* parts of the last held one that were handed out; 0: it is whole */
    uint64_t pages;     /* the record of ballooned ones */
    uint64_t head;
    uint64_t cursor;
};

/* What is known of pages that cannot be ballooned; sets of bnt_guest_unusable are bits. */
struct bnti_guest_unusable {
    uint32_t told; /* the event is latched */
    uint32_t seen; /* in this cycle */
    bool usable_came;
};

/* VMware's wire. */
struct bnti_guest_vmware {
    uint32_t caps;           /* in common; 0: no handshake yet */
    uint32_t start_failures; /* in a row */
    int32_t id_status;       /* of the last GUEST_ID */
    bool reset_seen;         /* a call was answered by RESET, not acted on yet */
    bool tick_goes_on;       /* the tick began with a reset, the rest of it is owed */
    bool rung;               /* the doorbell */
    bool doorbell_set;
    bool doorbell_refused;
    uint64_t start_due_ns; /* no START before */
    uint64_t poll_due_ns;  /* of a poll while an allocation sleeps */
    uint32_t credit;       /* calls left of a unit of budget */
    bool stop_owed;        /* STOPPING: the host lists the pages still */
    bool stop_unlocks;     /* no START succeeded: they are unlocked instead */
    uint32_t stop_starts;  /* STARTs of the detach that failed */
};

/* Free page hinting: where the run under the present id is. */
enum bnti_guest_hint_run {
    BNTI_GUEST_HINT_IDLE = 0, /* none, or ended */
    BNTI_GUEST_HINT_SENDING,  /* its id was sent; blocks follow */
    BNTI_GUEST_HINT_ENDING    /* STOP is owed */
};

enum bnti_guest_hint_kind {
    BNTI_GUEST_HINT_NONE = 0,
    BNTI_GUEST_HINT_START,
    BNTI_GUEST_HINT_STOP,
    BNTI_GUEST_HINT_BLOCK
};

/* What a buffer of the hint queue is, by its head. */
struct bnti_guest_hint_slot {
    enum bnti_guest_hint_kind kind;
    uint32_t pfns; /* of a block, not given back yet */
    uint64_t first_pfn;
};

struct bnti_guest_hint {
    uint32_t command; /* as last read */
    uint32_t active;  /* the id of the last run of this session; STOP: none yet */
    enum bnti_guest_hint_run run;
    bool pressed; /* the OS wanted memory: this run takes no more */
    bool start_busy;
    bool stop_busy;
    bool stalled;
    uint32_t outstanding; /* buffers */
    uint64_t ring_pfns;   /* in buffers that the device has not used, not given back */
    uint64_t run_pfns;    /* hinted in this run */
    uint64_t pages;       /* the record of those that it has used */
    uint64_t head;
    uint64_t cursor;
    uint64_t sent_ns; /* since when nothing came back */
    uint64_t due_ns;
    uint64_t wait_ns;
    size_t dma_offset;
};

/* Who is on the stack. OOM may enter while the OS allocates for us, nothing else may. */
enum bnti_guest_call {
    BNTI_GUEST_CALL_NONE = 0,
    BNTI_GUEST_CALL_BUSY,
    BNTI_GUEST_CALL_ALLOCATING
};

/* Why a queue is looked at although nothing may be there. */
enum bnti_guest_mark {
    BNTI_GUEST_MARK_NONE = 0,
    BNTI_GUEST_MARK_LOOK, /* it may be its turn: a shared interrupt, or the rest of a step */
    BNTI_GUEST_MARK_NAMED /* an interrupt named it, which is spurious where nothing is found */
};

/* What a full step began with: not on its stack, on which an OOM deflate may come. */
struct bnti_guest_begun {
    uint32_t budget;
    uint64_t work;
};

/* What a full step that found nothing to do leaves to the next ones. */
struct bnti_guest_idle {
    uint64_t until_ns; /* its deadline; 0: the next step is a full one */
    bnt_status status; /* and what it returned */
    uint32_t watched;  /* queues whose buffers the device has */
    struct bnt_vq_watch watches[BNTI_GUEST_Q_COUNT];
};

/* Working-set reports. */
struct bnti_guest_ws {
    uint32_t bins;  /* of a report; 0: there are none */
    bool reporting; /* a report is with the device */
    bool wanted;    /* another is to follow */
    uint16_t command_head;
    uint16_t report_head;
    struct bnt_ws_config config;
};

struct bnt_guest {
    struct bnt_guest_config config; /* defaults filled in */
    struct bnt_guest_ops ops;
    void *opaque;
    bnt_guest_state state;
    enum bnti_guest_call call;
    struct bnt_diag diag;
    struct bnt_drv_status drv;
    uint64_t features;
    bool verdicts;       /* negotiated */
    bool resets;         /* negotiated */
    bool must_tell_host; /* negotiated */
    bool big_endian;     /* what is in the guest's byte order on the wire is big-endian: legacy */
    bool init_inflate;   /* negotiated: a bit of each PFN comes back with an inflate */
    bool init_reported;  /* negotiated: each block of a report is a buffer of its own */

    /* The call in progress. */
    uint64_t now_ns;
    uint32_t budget;
    uint64_t work; /* grows with all that a step does, beside what it pays for with the budget */
    struct bnti_guest_begun begun;

    /* Marked by notifications, perhaps in an interrupt handler of this CPU. */
    volatile uint8_t queue_marked[BNTI_GUEST_Q_COUNT]; /* enum bnti_guest_mark */
    volatile bool config_marked;
    volatile bool freed_marked;
    volatile bool woken; /* by a notification or a call, since the last full step began */
    struct bnti_guest_idle idle;

    struct bnt_vq_drv vq[BNTI_GUEST_Q_COUNT];
    struct bnt_balloon_queues queues; /* of this attachment: NONE where it is not in use */
    struct bnt_vq_slot *vq_slots;
    uint8_t *dma;
    uint64_t dma_gpa;
    struct bnti_guest_request requests[BNTI_GUEST_SLOTS];
    struct bnti_guest_report report;
    struct bnti_guest_ws ws;
    struct bnti_guest_queue_reset queue_resets[BNTI_GUEST_Q_COUNT];
    bool queue_reset_fails; /* one did not end: RING_RESET is not accepted until the next attach */

    /* Sizing. */
    uint64_t num_pages; /* as last read */
    uint64_t target_pfns;
    bool reached;         /* TARGET_REACHED was told */
    bool emptying;        /* the target counts as 0, until told otherwise */
    bool leaving;         /* an orderly detach is under way; emptying, too */
    uint32_t leave_steps; /* in a row in which nothing came back */
    uint64_t leave_left_pfns;
    uint64_t leave_begun_ns;
    uint64_t leave_due_ns;
    enum bnti_guest_cycle cycle;
    struct bnti_guest_backoff inflate_backoff;
    struct bnti_guest_backoff deflate_backoff;
    uint64_t config_due_ns; /* BNT_NEVER: no polling */
    uint32_t actual;        /* as last written */

    /* The record of ballooned pages. */
    uint64_t record_pages;
    uint64_t record_head;   /* LINKS */
    uint64_t record_cursor; /* BITS: no bit is set in words above it */

    /* Refused pages: held are the OS's to be, kept are ballooned. */
    uint64_t *held;
    uint64_t *kept;
    uint32_t held_count;
    uint32_t kept_count;
    uint64_t held_head; /* REFUSE_ALL: held pages are links, not the array */
    bool held_due;      /* and are to be given back, portion by portion */

    /* Pages that cannot be ballooned, until the cycle ends. Only in RUNNING. */
    uint32_t aside_count;
    uint64_t aside[BNT_GUEST_ASIDE_MAX];
    struct bnti_guest_unusable unusable;

    struct bnti_guest_huge huge;
    uint64_t *huge_held;
    uint64_t *huge_kept;

    struct bnti_guest_pace pace;
    struct bnti_guest_sleep sleep;
    struct bnti_guest_vmware vmware;
    uint64_t limit_pfns;
    bool limit_due; /* it changed while the device was suspended */

    /* Reset. */
    uint32_t epoch;      /* acknowledged; 0 without RESET */
    uint32_t epoch_seen; /* latest; differs while RELEASING */
    uint64_t reset_due_ns;
    uint64_t reset_wait_ns;
    uint64_t reset_sent_ns;
    bool reset_stalled;

    /* Suspending, and back. */
    bnt_guest_state suspended_from;
    uint64_t suspended_ns;
    uint64_t suspend_sent_ns;
    uint64_t suspend_due_ns;
    uint64_t suspend_wait_ns;
    bool suspend_stalled;

    /* Recovery. */
    uint32_t recover_tried;      /* resets in a row */
    uint64_t recover_due_ns;     /* in BROKEN; BNT_NEVER: it stays so */
    uint64_t recover_wait_ns;    /* the last wait; 0: none yet */
    uint64_t recovered_ns;       /* when it began to run; BNT_NEVER while BROKEN */
    uint64_t recover_pfns_given; /* count.reset_pfns when it broke */
    uint64_t given_pfns_before;  /* reset_pfns and deflated_pfns when the last detach, or the last
                                    reset for a recovery, began */

    struct bnti_guest_migration migration;

    /* OOM. */
    uint64_t holdoff_until_ns;
    uint64_t oom_debt_pfns;  /* asked for, not sent yet */
    uint64_t oom_freed_pfns; /* freed by OOM requests since the count began */
    bool oom_pending;        /* OOM_DONE is owed */
    bool oom_gave_up;        /* the device does not give these pages back */

    /* Used buffers. */
    uint32_t used_first; /* the queue that the next step begins with */
    uint32_t used_kept;  /* of this step's budget, for what comes after them */
    bool used_all;       /* they used the last step up */

    /* Statistics: the tags of the first buffer, for ever (BD-23). */
    bool stats_owed;       /* the device gave the buffer back: the answer waits for stats_due_ns */
    bool stats_storm;      /* STORM was told */
    uint32_t stats_early;  /* buffers in a row that came back before stats_due_ns */
    uint64_t stats_due_ns; /* no answer before */
    uint32_t stats_count;
    uint16_t stats_head;
    struct bnt_stat stats[BNT_STATS_MAX];
    struct bnt_stat stats_new[BNT_STATS_MAX];

    struct bnti_guest_hint hint;
    struct bnti_guest_hint_slot *hint_slots; /* one a descriptor; none unless wanted */

    struct bnt_guest_info count; /* counters only */

    /* Work space of one completion, one give-back or one report, too large for a kernel's stack;
     * never live across pages_alloc. */
    uint8_t verdict_copy[BNTI_GUEST_PAGES];
    union {
        uint64_t scratch[BNTI_GUEST_PAGES];
        struct bnt_vq_seg segs[BNT_GUEST_REPORT_CAPACITY_MAX]; /* of a report */
        struct bnt_ws_bin bins[BNT_WS_BINS_MAX];
    };
};

/* PFNs of a page as a power of two. */
static inline uint32_t bnti_guest_order(const struct bnt_guest *guest, bool huge)
{
    return huge ? BNT_BALLOON_2M_ORDER : guest->config.page_order;
}

static inline uint64_t bnti_guest_pfns_of(const struct bnt_guest *guest,
                                          const struct bnti_guest_request *request)
{
    return (uint64_t)request->page_count << bnti_guest_order(guest, request->huge);
}

/* PFNs that it names, each answered by a verdict: one for a page of 2 MiB (BX-24). */
static inline uint32_t bnti_guest_names_of(const struct bnt_guest *guest,
                                           const struct bnti_guest_request *request)
{
    return request->huge ? request->page_count : request->page_count << guest->config.page_order;
}

/* Whether there is a page that a reset or the end must give back. */
static inline bool bnti_guest_has_any(const struct bnt_guest *guest)
{
    return guest->record_pages + guest->kept_count + guest->held_count + guest->huge.pages +
               guest->huge.kept_count >
           0;
}

/* Whether it is to behave as another driver does (ballonet/personality.h). */
static inline bool bnti_guest_quirk(const struct bnt_guest *guest, enum bnt_guest_quirk quirk)
{
    return (guest->config.quirks & (uint32_t)quirk) != 0;
}

/* PFNs that one request may have: a whole page of a guest whose pages are larger than most. */
static inline uint32_t bnti_guest_request_pfns(const struct bnt_guest_config *config)
{
    const uint32_t page = UINT32_C(1) << config->page_order;
    return page > BNTI_GUEST_BATCH ? page : BNTI_GUEST_BATCH;
}

/* Where the answer lies in a request's DMA buffer. */
static inline uint32_t bnti_guest_dma_response(const struct bnt_guest_config *config)
{
    return (uint32_t)BNTI_GUEST_DMA_PFNS + 4u * bnti_guest_request_pfns(config);
}

/* From one request's DMA buffer to the next, rounded up to a cache line. */
static inline size_t bnti_guest_dma_stride(const struct bnt_guest_config *config)
{
    const bool wide = (config->quirks & BNT_GUEST_QUIRK_PFNS_OF_64_BITS) != 0;
    const size_t pfns = bnti_guest_request_pfns(config);
    const size_t told =
        bnti_guest_dma_response(config) + sizeof(struct bnt_balloon_response) + pfns;
    const size_t plain = BNTI_GUEST_DMA_PFNS + 8u * pfns;
    return ((wide && plain > told ? plain : told) + 63u) & ~(size_t)63u;
}

/* guest.c */
bnt_status bnti_guest_step_full(struct bnt_guest *guest, uint64_t *deadline_ns);
void bnti_guest_state_set(struct bnt_guest *guest, bnt_guest_state state);
void bnti_guest_tell(struct bnt_guest *guest, bnt_guest_event_kind kind, uint64_t value,
                     uint64_t extra);
void bnti_guest_break(struct bnt_guest *guest, bnt_status status, bnt_fault fault, uint32_t queue);
uint32_t bnti_guest_pages_per_request(const struct bnt_guest *guest);
bool bnti_guest_in_flight(const struct bnt_guest *guest);

/* A call of the embedder's that may change what the next step does. */
static inline void bnti_guest_enter(struct bnt_guest *guest, uint64_t now_ns)
{
    guest->call = BNTI_GUEST_CALL_BUSY;
    guest->now_ns = now_ns;
    guest->woken = true;
}

/* When `delta_ns` from `now_ns` on is; never wraps. */
static inline uint64_t bnti_guest_after(uint64_t now_ns, uint64_t delta_ns)
{
    return delta_ns > BNT_NEVER - now_ns ? BNT_NEVER : now_ns + delta_ns;
}

static inline uint64_t bnti_guest_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline bool bnti_guest_on_vmware(const struct bnt_guest *guest)
{
    return guest->config.wire == BNT_GUEST_WIRE_VMWARE;
}

/* A habit of VMware's drivers. */
static inline bool bnti_guest_habit(const struct bnt_guest *guest, uint32_t habit)
{
    return (guest->config.vmware.habits & habit) != 0;
}

static inline uint16_t bnti_guest_queue_index(const struct bnt_guest *guest, uint32_t q)
{
    return guest->queues.index[q];
}

static inline bool bnti_guest_queue_used(const struct bnt_guest *guest, uint32_t q)
{
    return guest->queues.index[q] != BNT_BALLOON_QUEUE_NONE;
}

/* idle.c */
bool bnti_guest_idle(const struct bnt_guest *guest, uint64_t now_ns);
void bnti_guest_idle_keep(struct bnt_guest *guest, bnt_status status, uint64_t deadline_ns);

/* hint.c */
void bnti_guest_hint(struct bnt_guest *guest);
uint64_t bnti_guest_hint_due(const struct bnt_guest *guest);
void bnti_guest_hint_used(struct bnt_guest *guest, uint16_t head);
void bnti_guest_hint_command(struct bnt_guest *guest, uint32_t command);
void bnti_guest_hint_clear(struct bnt_guest *guest);
size_t bnti_guest_hint_slots(const struct bnt_guest_config *config);
bool bnti_guest_hinting(const struct bnt_guest *guest);
uint64_t bnti_guest_hinted_pfns(const struct bnt_guest *guest);
uint64_t bnti_guest_hint_shrink(struct bnt_guest *guest, uint64_t pfns);
uint32_t bnti_guest_hint_release(struct bnt_guest *guest, uint64_t pages_max);

static inline bool bnti_guest_queue_resetting(const struct bnt_guest *guest, uint32_t q)
{
    return guest->queue_resets[q].going;
}

/* In use, and not being reset. */
static inline bool bnti_guest_queue_up(const struct bnt_guest *guest, uint32_t q)
{
    return bnti_guest_queue_used(guest, q) && !guest->queue_resets[q].going;
}

/* attach.c */
void bnti_guest_reset_begin(struct bnt_guest *guest);
bnt_status bnti_guest_reset_release(struct bnt_guest *guest);
void bnti_guest_session_clear(struct bnt_guest *guest);
bnt_status bnti_guest_start_poll(struct bnt_guest *guest);
bnt_status bnti_guest_stop_poll(struct bnt_guest *guest);
bnt_status bnti_guest_take_down(struct bnt_guest *guest, bool gone);

/* deflate_all.c */
void bnti_guest_leave_poll(struct bnt_guest *guest);

/* queues.c */
uint32_t bnti_guest_queue_place(const struct bnt_guest_config *config, uint32_t q);
void bnti_guest_queues_none(struct bnt_guest *guest);
bnt_status bnti_guest_queues_set_up(struct bnt_guest *guest);
bnt_status bnti_guest_queue_set_up(struct bnt_guest *guest, uint32_t q);

/* config.c */
void bnti_guest_config_poll(struct bnt_guest *guest);
bool bnti_guest_device_lost(struct bnt_guest *guest);
void bnti_guest_config_look(struct bnt_guest *guest, bool told);
void bnti_guest_limit_write(struct bnt_guest *guest);
void bnti_guest_actual_write(struct bnt_guest *guest, bool always);
bnt_status bnti_guest_config_le32(struct bnt_guest *guest, uint32_t offset, uint32_t *value);
void bnti_guest_config_le32_write(struct bnt_guest *guest, uint32_t offset, uint32_t value);

/* migrate.c */
void bnti_guest_migration_next(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_migration_doubt(struct bnt_guest *guest);
void bnti_guest_migration_end(struct bnt_guest *guest);
bool bnti_guest_migrating(const struct bnt_guest *guest);

/* request.c */
void bnti_guest_request_doubt_tell(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_send(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_queue_take(struct bnt_guest *guest, uint32_t q);
void bnti_guest_used_take(struct bnt_guest *guest);
void bnti_guest_used_rest(struct bnt_guest *guest);
void bnti_guest_overdue(struct bnt_guest *guest);
uint64_t bnti_guest_request_due(const struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_notify(struct bnt_guest *guest, uint32_t q);
void bnti_guest_kick(struct bnt_guest *guest, uint32_t q);
uint32_t bnti_guest_request_descriptors(const struct bnt_guest *guest);
uint32_t bnti_guest_split_size(uint32_t bound);
size_t bnti_guest_ring_stride(const struct bnt_guest_config *config);

/* verdict.c */
struct bnti_guest_answer {
    uint32_t verdict_count; /* PFN verdicts that came; the rest of `verdict_copy` is 0 */
    bool target_known;
    bool epoch_known;
    uint32_t num_pages;
    uint32_t epoch;
    bool failed; /* a whole call of VMware's wire: nothing happened to any page */
};
void bnti_guest_apply(struct bnt_guest *guest, enum bnti_guest_slot slot,
                      const struct bnti_guest_answer *answer);

/* refusal.c */
bool bnti_guest_hold(struct bnt_guest *guest, bool huge, uint64_t page);
bool bnti_guest_keep(struct bnt_guest *guest, bool huge, uint64_t page);
uint32_t bnti_guest_held_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
void bnti_guest_held_return(struct bnt_guest *guest);
void bnti_guest_cycle_end(struct bnt_guest *guest);
uint64_t bnti_guest_backoff_raise(struct bnt_guest *guest, struct bnti_guest_backoff *backoff);

/* unusable.c */
bool bnti_guest_page_usable(const struct bnt_guest *guest, uint64_t page);
bool bnti_guest_block_usable(const struct bnt_guest *guest, uint64_t first_pfn, uint64_t pfns);
void bnti_guest_unusable_tell_block(struct bnt_guest *guest, uint64_t first_pfn, uint64_t pages);
void bnti_guest_unusable_cycle_end(struct bnt_guest *guest);
uint32_t bnti_guest_pages_vet(struct bnt_guest *guest, bool huge, uint64_t *pages, uint32_t count);
bool bnti_guest_aside_full(const struct bnt_guest *guest);
uint32_t bnti_guest_aside_return(struct bnt_guest *guest);

/* sizing.c */
uint64_t bnti_guest_have_pfns(const struct bnt_guest *guest);
uint64_t bnti_guest_record_pfns(const struct bnt_guest *guest);
void bnti_guest_target_set(struct bnt_guest *guest, uint64_t num_pages, bool told);
bool bnti_guest_inflate_waits(const struct bnt_guest *guest);
bool bnti_guest_refused_any(const struct bnt_guest *guest);
bool bnti_guest_at_target(const struct bnt_guest *guest, uint64_t have);
bool bnti_guest_sizing_in_flight(const struct bnt_guest *guest);
void bnti_guest_cycle_leave(struct bnt_guest *guest);
void bnti_guest_size(struct bnt_guest *guest);
uint64_t bnti_guest_size_due(const struct bnt_guest *guest);

/* pace.c */
void bnti_guest_pace_start(struct bnt_guest *guest);
void bnti_guest_tick_open(struct bnt_guest *guest);
void bnti_guest_tick_end(struct bnt_guest *guest);
uint64_t bnti_guest_tick_back_off(struct bnt_guest *guest);
void bnti_guest_tick_close(struct bnt_guest *guest);
void bnti_guest_pace_cycle(struct bnt_guest *guest, enum bnti_guest_cycle cycle, uint64_t pfns);
uint32_t bnti_guest_pace_allows(const struct bnt_guest *guest, uint32_t order, uint32_t pages);
bool bnti_guest_pace_short(struct bnt_guest *guest, uint32_t order, uint32_t got);
void bnti_guest_pace_sleep_short(struct bnt_guest *guest);
void bnti_guest_pace_done(struct bnt_guest *guest, uint32_t order, uint32_t pages);
void bnti_guest_pace_unlock_refused(struct bnt_guest *guest);
uint64_t bnti_guest_pace_due(const struct bnt_guest *guest);

/* sleep.c */
bool bnti_guest_can_sleep(const struct bnt_guest *guest);
bool bnti_guest_sleeps(const struct bnt_guest *guest);
void bnti_guest_sleep_start(struct bnt_guest *guest, uint32_t pages);
void bnti_guest_sleep_cancel(struct bnt_guest *guest);

/* vmware.c */
bnt_status bnti_vmware_start_poll(struct bnt_guest *guest);
int32_t bnti_vmware_call(struct bnt_guest *guest, uint32_t command, uint64_t arg1, uint64_t arg2,
                         uint64_t *result);
void bnti_vmware_stop(struct bnt_guest *guest);
void bnti_vmware_poll(struct bnt_guest *guest);
void bnti_vmware_execute(struct bnt_guest *guest, enum bnti_guest_slot slot,
                         struct bnti_guest_answer *answer);
void bnti_vmware_news(struct bnt_guest *guest, const struct bnti_guest_answer *answer);
void bnti_vmware_release_end(struct bnt_guest *guest);
bool bnti_guest_spend(struct bnt_guest *guest);
uint64_t bnti_guest_pfn_max(const struct bnt_guest *guest);

/* vmware_stop.c */
void bnti_vmware_stop_begin(struct bnt_guest *guest);
bool bnti_vmware_stop_waits(struct bnt_guest *guest);

/* huge.c */
uint32_t bnti_guest_huge_per_request(const struct bnt_guest *guest);
void bnti_guest_huge_start(struct bnt_guest *guest);
void bnti_guest_huge_phase_end(struct bnt_guest *guest);
bool bnti_guest_huge_next(struct bnt_guest *guest, uint64_t missing_pfns, bool *over);
uint32_t bnti_guest_huge_parts(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
void bnti_guest_huge_return(struct bnt_guest *guest);
uint64_t bnti_guest_huge_held_pfns(const struct bnt_guest *guest);
uint64_t bnti_guest_huge_over(const struct bnt_guest *guest);

/* settings.c */
bool bnti_guest_settings_valid(const struct bnt_guest_config *config);

/* record.c */
void bnti_guest_record_push(struct bnt_guest *guest, const uint64_t *pages, uint32_t count);
void bnti_guest_record_push_of(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                               uint32_t count);
void bnti_guest_record_take(struct bnt_guest *guest, struct bnti_guest_request *request,
                            uint64_t pfns, uint32_t pages_max);
uint32_t bnti_guest_huge_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
uint32_t bnti_guest_record_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
bool bnti_guest_record_remove(struct bnt_guest *guest, uint64_t page);
void bnti_guest_hint_push(struct bnt_guest *guest, const uint64_t *pages, uint32_t count);
uint32_t bnti_guest_hint_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count);

/* reset.c */
void bnti_guest_release_begin(struct bnt_guest *guest);
void bnti_guest_release(struct bnt_guest *guest);
uint64_t bnti_guest_release_batch(struct bnt_guest *guest, uint64_t pfns_max);

/* queue_reset.c */
void bnti_guest_queue_resets(struct bnt_guest *guest);
uint64_t bnti_guest_queue_resets_due(const struct bnt_guest *guest);
void bnti_guest_queue_resets_forget(struct bnt_guest *guest);
uint64_t bnti_guest_queue_late(const struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);
bool bnti_guest_queue_reset_late(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);
void bnti_guest_queue_answered(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns);

/* suspend.c */
void bnti_guest_suspend_poll(struct bnt_guest *guest);

/* recover.c */
void bnti_guest_recover_plan(struct bnt_guest *guest);
void bnti_guest_recover(struct bnt_guest *guest);
void bnti_guest_recovered(struct bnt_guest *guest);

/* oom.c */
void bnti_guest_oom_continue(struct bnt_guest *guest);
void bnti_guest_oom_meet(struct bnt_guest *guest);

/* report.c */
void bnti_guest_report_start(struct bnt_guest *guest);
void bnti_guest_report_complete(struct bnt_guest *guest, uint16_t head, uint32_t len);
void bnti_guest_report(struct bnt_guest *guest);
void bnti_guest_report_void(struct bnt_guest *guest);
uint64_t bnti_guest_report_due(const struct bnt_guest *guest);
uint32_t bnti_guest_report_pfns(const struct bnt_guest *guest);

/* initialise.c */
void bnti_guest_init_read(struct bnt_guest *guest, const struct bnti_guest_request *request,
                          uint32_t len);
void bnti_guest_give_back(struct bnt_guest *guest, const uint64_t *pages, uint32_t count);
void bnti_guest_give_back_of(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                             uint32_t count);
void bnti_guest_give_back_unused(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                                 uint32_t count);

/* working_set.c */
void bnti_guest_ws_start(struct bnt_guest *guest);
void bnti_guest_ws_complete(struct bnt_guest *guest, uint32_t q, uint32_t len);

/* stats.c */
bool bnti_guest_stats_first(struct bnt_guest *guest);
void bnti_guest_stats_send(struct bnt_guest *guest);
void bnti_guest_stats_used(struct bnt_guest *guest);
void bnti_guest_stats(struct bnt_guest *guest);
uint64_t bnti_guest_stats_due(const struct bnt_guest *guest);

#endif
