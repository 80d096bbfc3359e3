/*
 * The instance, and small functions on it that every file uses. The fields of the floors above are
 * in structs of balloon_state.h and wire.h.
 */
#ifndef LIB_GUEST_CORE_INSTANCE_H
#define LIB_GUEST_CORE_INSTANCE_H

#include "lib/guest/core/balloon_state.h"
#include "lib/guest/core/wire.h"

/*
 * First wait between two polls of a reset that takes time. The wait doubles up to
 * requests.ack_timeout_ns.
 */
#define BNTI_GUEST_RESET_POLL_NS UINT64_C(1000000)

/* Maximum number of rows in the table of features. */
#define BNTI_GUEST_FEATURES_MAX 8

/* Which call of the embedder is on the stack. While the OS allocates for the balloon, only
 * bnt_guest_handle_oom and bnt_guest_reclaim_hinted_pages are allowed. */
typedef enum bnti_guest_call {
    BNTI_GUEST_CALL_NONE = 0,
    BNTI_GUEST_CALL_BUSY,
    BNTI_GUEST_CALL_ALLOCATING
} bnti_guest_call;

/* Budget and work counter at the beginning of a full step. They are not on the stack, because an
 * OOM deflate may need the stack. */
struct bnti_guest_begun {
    uint32_t budget;
    uint64_t work;
};

/* What the next steps need after a full step that found nothing to do. */
struct bnti_guest_idle {
    uint64_t until_ns; /* deadline of that step; 0: the next step is a full one */
    bnt_status status; /* status that the step returned */
    uint32_t watched;  /* number of queues with buffers in flight */
    struct bnt_vq_watch watches[BNTI_GUEST_Q_COUNT];
};

/*
 * Only one file writes each field: the comment above the field names it. All other files only read
 * the field. Fields without such a comment are set only at init.
 */
struct bnt_guest {
    const struct bnti_guest_wire *wire;
    /* Called when a request is answered. The front sets it. */
    void (*answered)(struct bnt_guest *guest, bnti_guest_slot slot,
                     const struct bnti_guest_answer *answer);
    const struct bnti_guest_role *roles[BNTI_GUEST_Q_COUNT];
    void *feature_state[BNTI_GUEST_FEATURES_MAX];
    size_t feature_dma[BNTI_GUEST_FEATURES_MAX];
    struct bnt_guest_config config; /* with all defaults filled in */
    struct bnt_guest_ops ops;
    void *opaque;
    struct bnt_vq_slot *vq_slots;
    uint8_t *dma;
    uint64_t dma_gpa;

    /* guest_state.c: the state, and when the next recovery is due. */
    bnt_guest_state state;
    uint64_t recover_due_ns;  /* in BROKEN; BNT_NEVER: no recovery */
    uint64_t recover_wait_ns; /* the last wait; 0: no wait yet */
    uint64_t recovered_ns;    /* when RUNNING began; BNT_NEVER while BROKEN */
    uint32_t recover_tried;   /* failed recoveries in a row; counted by recover.c */

    /* recover.c, and attach.c at a detach: counters at the beginning of the release. */
    uint64_t recover_pfns_given; /* count.reset_pfns when the instance broke */
    uint64_t given_pfns_before;  /* sum of reset_pfns and deflated_pfns */

    /* The code that fails writes the reason. */
    struct bnt_diag diag;

    /* The session of the wire (written by virtio_session.c and vmware_session.c; cleared by
     * attach.c). */
    struct bnt_drv_status drv;
    uint64_t features;   /* queues.c removes features without a queue */
    bool verdicts;       /* negotiated */
    bool resets;         /* negotiated */
    bool must_tell_host; /* negotiated */
    bool big_endian;     /* legacy interface: fields in the guest's byte order are big-endian */
    bool init_inflate;   /* negotiated: the answer to an inflate has a bit for each PFN */
    bool init_reported;  /* negotiated: each block of a free page report is its own buffer */
    uint64_t reset_due_ns;
    uint64_t reset_wait_ns;
    uint64_t reset_sent_ns;
    bool reset_stalled;

    /* The call in progress: written by bnti_guest_enter_call and other functions below. */
    bnti_guest_call call;
    uint64_t now_ns;
    uint32_t budget;
    uint64_t work; /* counts the actions of a step that spend no budget */

    /* guest.c and idle.c: state of the step. */
    struct bnti_guest_begun begun;
    struct bnti_guest_idle idle;

    /* Marks set by notifications, perhaps in an interrupt handler of this CPU. The code that
     * handles a mark clears it. */
    volatile uint8_t queue_marked[BNTI_GUEST_Q_COUNT]; /* bnti_guest_mark */
    volatile bool config_marked;
    volatile bool freed_marked;
    volatile bool woken; /* a call or notification came after the last full step began */

    /* request.c: VIRTIO's rings and used buffers; set up by queues.c. */
    struct bnt_vq_drv vq[BNTI_GUEST_Q_COUNT];
    struct bnt_balloon_queues queues; /* queue indices of this attachment; NONE: not in use */
    uint32_t used_first;              /* queue with which the next step begins */
    uint32_t used_kept;               /* part of the step's budget reserved for later stages */
    bool used_all;                    /* used buffers consumed the budget of the last step */

    /* Written by requests.c; the sender fills in the pages, and request.c the times. */
    struct bnti_guest_request requests[BNTI_GUEST_SLOTS];

    /* queue_reset.c */
    struct bnti_guest_queue_reset queue_resets[BNTI_GUEST_Q_COUNT];
    uint32_t queue_resets_going; /* how many of them are going */
    bool queue_reset_fails;      /* a queue reset failed: no RING_RESET until the next attach */

    /* vmware_calls.c, vmware_session.c and vmware_stop.c */
    struct bnti_guest_vmware vmware;

    /* config.c: values written to configuration space; follow.c: when that space is read next. */
    uint32_t actual; /* value last written */
    bool limit_due;  /* the limit changed while the device was suspended */
    uint64_t limit_pfns;
    uint64_t config_due_ns; /* BNT_NEVER: no polling */

    /* guest_target.c */
    uint64_t num_pages; /* value last read */
    uint64_t target_pfns;
    bool reached;        /* TARGET_REACHED was emitted */
    uint32_t epoch;      /* acknowledged epoch; 0 without RESET */
    uint32_t epoch_seen; /* latest epoch; differs from `epoch` while RELEASING */

    /* backoff.c */
    struct bnti_guest_backoff inflate_backoff;
    struct bnti_guest_backoff deflate_backoff;

    /* deflate_all.c */
    bool emptying;        /* the balloon is being emptied: the target counts as 0 */
    bool leaving;         /* an orderly detach is in progress; `emptying` is set, too */
    uint32_t leave_steps; /* steps in a row in which no page came back */
    uint64_t leave_left_pfns;
    uint64_t leave_begun_ns;
    uint64_t leave_due_ns;

    /* pace.c */
    bnti_guest_cycle cycle;
    struct bnti_guest_pace pace;

    /* record.c: ballooned pages. */
    uint64_t record_pages;
    uint64_t record_head;   /* LINKS */
    uint64_t record_cursor; /* BITS: no bit is set above this word */

    /* refusal.c: held pages were refused on inflate; stuck pages were refused on deflate and are
     * still ballooned (stuck). */
    uint64_t *held;
    uint64_t *stuck;
    uint64_t *huge_held;
    uint64_t *huge_stuck;
    uint32_t held_count;
    uint32_t stuck_count;
    uint64_t held_head; /* REFUSE_ALL: held pages are linked, not in the array */
    bool held_due;      /* held pages must be given back, in portions */

    /* Written by refusal.c; its record by record.c, its `on` by huge.c. */
    struct bnti_guest_huge huge;

    /*
     * give_back.c: pages set aside because they cannot be ballooned, and the sleeping allocation.
     */
    uint32_t aside_count;
    uint64_t aside[BNT_GUEST_UNUSABLE_MAX];
    struct bnti_guest_sleep sleep;

    /* unusable.c */
    struct bnti_guest_unusable unusable;

    /* migrate.c */
    struct bnti_guest_migration migration;

    /* oom.c */
    uint64_t holdoff_until_ns;
    uint64_t oom_debt_pfns;  /* asked for by the OS, not sent yet */
    uint64_t oom_freed_pfns; /* PFNs freed by OOM deflates since the OOM began */
    bool oom_pending;        /* the event OOM_DONE must still be emitted */
    bool oom_gave_up;        /* the device refused the OOM deflate */

    /* suspend.c */
    bnt_guest_state suspended_from;
    uint64_t suspended_ns;
    uint64_t suspend_sent_ns;
    uint64_t suspend_due_ns;
    uint64_t suspend_wait_ns;
    bool suspend_stalled;

    /* Counters only. A counter is written by the code that does the counted action. */
    struct bnt_guest_info count;

    /* Work space for one completion, one give-back or one free page report: too large for a
     * kernel's stack. Its content is not kept across a call of ops.pages.alloc. */
    uint8_t verdict_copy[BNTI_GUEST_PAGES];
    union {
        uint64_t scratch[BNTI_GUEST_PAGES];
        struct bnt_vq_seg segs[BNT_GUEST_REPORT_CAPACITY_MAX]; /* segments of a free page report */
    };
};

/* log2 of the number of PFNs of a page. */
static inline uint32_t bnti_guest_get_page_order(const struct bnt_guest *guest, bool huge)
{
    return huge ? BNT_BALLOON_2M_ORDER : guest->config.memory.page_order;
}

static inline uint64_t bnti_guest_count_request_pfns(const struct bnt_guest *guest,
                                                     const struct bnti_guest_request *request)
{
    return (uint64_t)request->page_count << bnti_guest_get_page_order(guest, request->huge);
}

/* Number of PFNs in the request, each answered by a verdict. A huge page has one PFN (BX-24). */
static inline uint32_t bnti_guest_count_named_pfns(const struct bnt_guest *guest,
                                                   const struct bnti_guest_request *request)
{
    return request->huge ? request->page_count
                         : request->page_count << guest->config.memory.page_order;
}

/* Whether the driver has pages that a reset or a detach must give back. */
static inline bool bnti_guest_has_pages(const struct bnt_guest *guest)
{
    return guest->record_pages + guest->stuck_count + guest->held_count + guest->huge.pages +
               guest->huge.stuck_count >
           0;
}

/* The quirks that this build contains. A build without BNT_WITH_QUIRKS contains no code for
 * quirks. */
#ifdef BNT_WITH_QUIRKS
#define BNTI_GUEST_QUIRKS        ((uint32_t)BNT_GUEST_QUIRKS_ALL)
#define BNTI_GUEST_VMWARE_QUIRKS ((uint32_t)UINT8_MAX)
#else
#define BNTI_GUEST_QUIRKS        0u
#define BNTI_GUEST_VMWARE_QUIRKS 0u
#endif

/* Whether the driver shall behave as another driver does (ballonet/personality.h). */
static inline bool bnti_guest_has_quirk(const struct bnt_guest *guest, bnt_guest_quirk quirk)
{
    return (guest->config.quirks & BNTI_GUEST_QUIRKS & (uint32_t)quirk) != 0;
}

/* Whether the driver can use allocations that sleep. */
static inline bool bnti_guest_can_alloc_sleeping(const struct bnt_guest *guest)
{
    return guest->config.sizing.sleeping == BNT_GUEST_ON && guest->ops.sleeping.alloc != NULL;
}

static inline bool bnti_guest_awaits_sleeping_alloc(const struct bnt_guest *guest)
{
    return guest->sleep.outstanding && !guest->sleep.unwanted;
}

/* ---- Fields that every file is allowed to write through these functions ---- */

/* Notes an action that spends no budget, so that the step is not treated as idle. */
static inline void bnti_guest_note_work(struct bnt_guest *guest)
{
    guest->work++;
}

/* Spends one unit of the budget. The caller has checked that the budget is not 0. */
static inline void bnti_guest_spend_budget(struct bnt_guest *guest)
{
    guest->budget--;
}

/* Makes the next step read configuration space. */
static inline void bnti_guest_mark_config_changed(struct bnt_guest *guest)
{
    guest->config_marked = true;
}

/* Notes whether the OS is allocating for the balloon: it may call bnt_guest_handle_oom meanwhile.
 */
static inline void bnti_guest_set_allocating(struct bnt_guest *guest, bool begins)
{
    guest->call = begins ? BNTI_GUEST_CALL_ALLOCATING : BNTI_GUEST_CALL_BUSY;
}

/* A call by the embedder ends. */
static inline void bnti_guest_leave_call(struct bnt_guest *guest)
{
    guest->call = BNTI_GUEST_CALL_NONE;
}

/* The embedder begins a call that can change what the next step does. */
static inline void bnti_guest_enter_call(struct bnt_guest *guest, uint64_t now_ns)
{
    guest->call = BNTI_GUEST_CALL_BUSY;
    guest->now_ns = now_ns;
    guest->woken = true;
}

/* Adds `delta_ns` to `now_ns`; returns BNT_NEVER instead of wrapping. */
static inline uint64_t bnti_guest_add_time(uint64_t now_ns, uint64_t delta_ns)
{
    return delta_ns > BNT_NEVER - now_ns ? BNT_NEVER : now_ns + delta_ns;
}

static inline uint64_t bnti_guest_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Whether the driver shall have this quirk of VMware's drivers. */
static inline bool bnti_guest_has_vmware_quirk(const struct bnt_guest *guest, uint32_t quirk)
{
    return (guest->config.vmware.quirks & BNTI_GUEST_VMWARE_QUIRKS & quirk) != 0;
}

static inline uint16_t bnti_guest_get_queue_index(const struct bnt_guest *guest, uint32_t q)
{
    return guest->queues.index[q];
}

static inline bool bnti_guest_is_queue_in_use(const struct bnt_guest *guest, uint32_t q)
{
    return guest->queues.index[q] != BNT_BALLOON_QUEUE_NONE;
}

static inline bool bnti_guest_is_queue_resetting(const struct bnt_guest *guest, uint32_t q)
{
    return guest->queue_resets[q].going;
}

/* Whether the queue is in use and not being reset. */
static inline bool bnti_guest_is_queue_ready(const struct bnt_guest *guest, uint32_t q)
{
    return bnti_guest_is_queue_in_use(guest, q) && !guest->queue_resets[q].going;
}

#endif
