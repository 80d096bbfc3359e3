/*
 * The instance, and what is asked of it everywhere. The parts that a floor above owns are structs
 * of balloon_state.h and wire.h.
 */
#ifndef BNTI_GUEST_INSTANCE_H
#define BNTI_GUEST_INSTANCE_H

#include "lib/guest/core/balloon_state.h"
#include "lib/guest/core/wire.h"

/* First wait between two looks at a reset that takes time; doubles up to ack_timeout_ns. */
#define BNTI_GUEST_RESET_POLL_NS UINT64_C(1000000)

/* Rows of the table of features at most. */
#define BNTI_GUEST_FEATURES_MAX 8

/* Who is on the stack. OOM may enter while the OS allocates for us, nothing else may. */
enum bnti_guest_call {
    BNTI_GUEST_CALL_NONE = 0,
    BNTI_GUEST_CALL_BUSY,
    BNTI_GUEST_CALL_ALLOCATING
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

/*
 * Each field is written by one file alone, which the comment above it names; the others read. What
 * has no such comment is set once, at init.
 */
struct bnt_guest {
    const struct bnti_guest_wire *wire;
    /* A request was answered; the front's. */
    void (*answered)(struct bnt_guest *guest, enum bnti_guest_slot slot,
                     const struct bnti_guest_answer *answer);
    const struct bnti_guest_role *roles[BNTI_GUEST_Q_COUNT];
    void *feature_state[BNTI_GUEST_FEATURES_MAX];
    size_t feature_dma[BNTI_GUEST_FEATURES_MAX];
    struct bnt_guest_config config; /* defaults filled in */
    struct bnt_guest_ops ops;
    void *opaque;
    struct bnt_vq_slot *vq_slots;
    uint8_t *dma;
    uint64_t dma_gpa;

    /* guest_state.c: states, and the plan of the next recovery. */
    bnt_guest_state state;
    uint64_t recover_due_ns;  /* in BROKEN; BNT_NEVER: it stays so */
    uint64_t recover_wait_ns; /* the last wait; 0: none yet */
    uint64_t recovered_ns;    /* when it began to run; BNT_NEVER while BROKEN */
    uint32_t recover_tried;   /* resets in a row; recover.c counts them */

    /* recover.c, and attach.c for a detach: what had come back when the pages' last way began. */
    uint64_t recover_pfns_given; /* count.reset_pfns when it broke */
    uint64_t given_pfns_before;  /* reset_pfns and deflated_pfns */

    /* Whatever fails says why. */
    struct bnt_diag diag;

    /* The session of the wire (virtio_session.c, vmware_session.c); attach.c forgets it. */
    struct bnt_drv_status drv;
    uint64_t features;   /* queues.c takes out what has no queue */
    bool verdicts;       /* negotiated */
    bool resets;         /* negotiated */
    bool must_tell_host; /* negotiated */
    bool big_endian;     /* what is in the guest's byte order on the wire is big-endian: legacy */
    bool init_inflate;   /* negotiated: a bit of each PFN comes back with an inflate */
    bool init_reported;  /* negotiated: each block of a report is a buffer of its own */
    uint64_t reset_due_ns;
    uint64_t reset_wait_ns;
    uint64_t reset_sent_ns;
    bool reset_stalled;

    /* The call in progress: written through bnti_guest_enter_call, _leave, _pay and so on below. */
    enum bnti_guest_call call;
    uint64_t now_ns;
    uint32_t budget;
    uint64_t work; /* grows with all that a step does, beside what it pays for with the budget */

    /* guest.c and idle.c: the step. */
    struct bnti_guest_begun begun;
    struct bnti_guest_idle idle;

    /* Marked by notifications, perhaps in an interrupt handler of this CPU; whoever does what a
     * mark asks for clears it. */
    volatile uint8_t queue_marked[BNTI_GUEST_Q_COUNT]; /* enum bnti_guest_mark */
    volatile bool config_marked;
    volatile bool freed_marked;
    volatile bool woken; /* by a notification or a call, since the last full step began */

    /* request.c: VIRTIO's rings and used buffers; set up by queues.c. */
    struct bnt_vq_drv vq[BNTI_GUEST_Q_COUNT];
    struct bnt_balloon_queues queues; /* of this attachment: NONE where it is not in use */
    uint32_t used_first;              /* the queue that the next step begins with */
    uint32_t used_kept;               /* of this step's budget, for what comes after them */
    bool used_all;                    /* they used the last step up */

    /* requests.c; the pages are the sender's, the times request.c's. */
    struct bnti_guest_request requests[BNTI_GUEST_SLOTS];

    /* queue_reset.c */
    struct bnti_guest_queue_reset queue_resets[BNTI_GUEST_Q_COUNT];
    bool queue_reset_fails; /* one did not end: RING_RESET is not accepted until the next attach */

    /* vmware_calls.c, vmware_session.c and vmware_stop.c */
    struct bnti_guest_vmware vmware;

    /* config.c: what was written, and when to read again (follow.c). */
    uint32_t actual; /* as last written */
    bool limit_due;  /* it changed while the device was suspended */
    uint64_t limit_pfns;
    uint64_t config_due_ns; /* BNT_NEVER: no polling */

    /* guest_target.c */
    uint64_t num_pages; /* as last read */
    uint64_t target_pfns;
    bool reached;        /* TARGET_REACHED was emitted */
    uint32_t epoch;      /* acknowledged; 0 without RESET */
    uint32_t epoch_seen; /* latest; differs while RELEASING */

    /* backoff.c */
    struct bnti_guest_backoff inflate_backoff;
    struct bnti_guest_backoff deflate_backoff;

    /* deflate_all.c */
    bool emptying;        /* the target counts as 0, until the driver follows it again */
    bool leaving;         /* an orderly detach is under way; emptying, too */
    uint32_t leave_steps; /* in a row in which nothing came back */
    uint64_t leave_left_pfns;
    uint64_t leave_begun_ns;
    uint64_t leave_due_ns;

    /* pace.c */
    enum bnti_guest_cycle cycle;
    struct bnti_guest_pace pace;

    /* record.c: ballooned pages. */
    uint64_t record_pages;
    uint64_t record_head;   /* LINKS */
    uint64_t record_cursor; /* BITS: no bit is set in words above it */

    /* refusal.c: held pages are the OS's to be, kept ones are ballooned. */
    uint64_t *held;
    uint64_t *kept;
    uint64_t *huge_held;
    uint64_t *huge_kept;
    uint32_t held_count;
    uint32_t kept_count;
    uint64_t held_head; /* REFUSE_ALL: held pages are links, not the array */
    bool held_due;      /* and are to be given back, portion by portion */

    /* refusal.c, its record record.c, `on` huge.c */
    struct bnti_guest_huge huge;

    /* give_back.c: pages that cannot be ballooned, until the cycle ends, and what may come. */
    uint32_t aside_count;
    uint64_t aside[BNT_GUEST_ASIDE_MAX];
    struct bnti_guest_sleep sleep;

    /* unusable.c */
    struct bnti_guest_unusable unusable;

    /* migrate.c */
    struct bnti_guest_migration migration;

    /* oom.c */
    uint64_t holdoff_until_ns;
    uint64_t oom_debt_pfns;  /* asked for, not sent yet */
    uint64_t oom_freed_pfns; /* freed by OOM requests since the count began */
    bool oom_pending;        /* OOM_DONE is owed */
    bool oom_gave_up;        /* the device does not give these pages back */

    /* suspend.c */
    bnt_guest_state suspended_from;
    uint64_t suspended_ns;
    uint64_t suspend_sent_ns;
    uint64_t suspend_due_ns;
    uint64_t suspend_wait_ns;
    bool suspend_stalled;

    /* Whoever does it counts it; counters only. */
    struct bnt_guest_info count;

    /* Work space of one completion, one give-back or one report, too large for a kernel's stack;
     * never live across pages_alloc. */
    uint8_t verdict_copy[BNTI_GUEST_PAGES];
    union {
        uint64_t scratch[BNTI_GUEST_PAGES];
        struct bnt_vq_seg segs[BNT_GUEST_REPORT_CAPACITY_MAX]; /* of a report */
    };
};

/* PFNs of a page as a power of two. */
static inline uint32_t bnti_guest_page_order(const struct bnt_guest *guest, bool huge)
{
    return huge ? BNT_BALLOON_2M_ORDER : guest->config.page_order;
}

static inline uint64_t bnti_guest_count_request_pfns(const struct bnt_guest *guest,
                                                     const struct bnti_guest_request *request)
{
    return (uint64_t)request->page_count << bnti_guest_page_order(guest, request->huge);
}

/* PFNs that it names, each answered by a verdict: one for a page of 2 MiB (BX-24). */
static inline uint32_t bnti_guest_count_named_pfns(const struct bnt_guest *guest,
                                                   const struct bnti_guest_request *request)
{
    return request->huge ? request->page_count : request->page_count << guest->config.page_order;
}

/* Whether there is a page that a reset or the end must give back. */
static inline bool bnti_guest_has_pages(const struct bnt_guest *guest)
{
    return guest->record_pages + guest->kept_count + guest->held_count + guest->huge.pages +
               guest->huge.kept_count >
           0;
}

/* Quirks and habits that this build has. Without BNT_WITH_QUIRKS there are none, and their code is
 * left out. */
#ifdef BNT_WITH_QUIRKS
#define BNTI_GUEST_QUIRKS ((uint32_t)BNT_GUEST_QUIRKS_ALL)
#define BNTI_GUEST_HABITS ((uint32_t)UINT8_MAX)
#else
#define BNTI_GUEST_QUIRKS 0u
#define BNTI_GUEST_HABITS 0u
#endif

/* Whether it is to behave as another driver does (ballonet/personality.h). */
static inline bool bnti_guest_has_quirk(const struct bnt_guest *guest, enum bnt_guest_quirk quirk)
{
    return (guest->config.quirks & BNTI_GUEST_QUIRKS & (uint32_t)quirk) != 0;
}

/* Whether sizing can use allocations that wait, and whether it waits for one. */
static inline bool bnti_guest_can_alloc_sleeping(const struct bnt_guest *guest)
{
    return guest->config.sleeping == BNT_GUEST_ON && guest->ops.pages_alloc_sleep != NULL;
}

static inline bool bnti_guest_awaits_sleeping_alloc(const struct bnt_guest *guest)
{
    return guest->sleep.outstanding && !guest->sleep.unwanted;
}

/* ---- What every file may write, through these ---- */

/* Something was done that the budget does not count: this step is no idle one. */
static inline void bnti_guest_note_work(struct bnt_guest *guest)
{
    guest->work++;
}

/* Pays for a portion of work; the caller has seen that there is something left. */
static inline void bnti_guest_spend_budget(struct bnt_guest *guest)
{
    guest->budget--;
}

/* Configuration space is to be looked at in the next step. */
static inline void bnti_guest_mark_config_changed(struct bnt_guest *guest)
{
    guest->config_marked = true;
}

/* While the OS allocates for the balloon it may call bnt_guest_oom. */
static inline void bnti_guest_set_allocating(struct bnt_guest *guest, bool begins)
{
    guest->call = begins ? BNTI_GUEST_CALL_ALLOCATING : BNTI_GUEST_CALL_BUSY;
}

/* A call of the embedder's ends. */
static inline void bnti_guest_leave_call(struct bnt_guest *guest)
{
    guest->call = BNTI_GUEST_CALL_NONE;
}

/* A call of the embedder's that may change what the next step does. */
static inline void bnti_guest_enter_call(struct bnt_guest *guest, uint64_t now_ns)
{
    guest->call = BNTI_GUEST_CALL_BUSY;
    guest->now_ns = now_ns;
    guest->woken = true;
}

/* When `delta_ns` from `now_ns` on is; never wraps. */
static inline uint64_t bnti_guest_add_time(uint64_t now_ns, uint64_t delta_ns)
{
    return delta_ns > BNT_NEVER - now_ns ? BNT_NEVER : now_ns + delta_ns;
}

static inline uint64_t bnti_guest_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A habit of VMware's drivers. */
static inline bool bnti_guest_has_habit(const struct bnt_guest *guest, uint32_t habit)
{
    return (guest->config.vmware.habits & BNTI_GUEST_HABITS & habit) != 0;
}

static inline uint16_t bnti_guest_queue_index(const struct bnt_guest *guest, uint32_t q)
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

/* In use, and not being reset. */
static inline bool bnti_guest_is_queue_ready(const struct bnt_guest *guest, uint32_t q)
{
    return bnti_guest_is_queue_in_use(guest, q) && !guest->queue_resets[q].going;
}

#endif
