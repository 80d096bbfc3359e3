/*
 * A scripted hypervisor on VMware's wire and a fake OS around one guest core.
 *
 * Every call is answered at once, by the hypervisor's ledger unless a test says otherwise, and is
 * kept in a log. Every page has exactly one owner, which is checked after each step: the host's
 * locked pages are those of the guest's record, and all that the guest has it can account for.
 */
#ifndef TESTS_SUPPORT_FAKE_VMWARE_H
#define TESTS_SUPPORT_FAKE_VMWARE_H

#include "tests/support/check.h"

#include <ballonet/guest.h>

#define FVM_MS       UINT64_C(1000000)
#define FVM_S        UINT64_C(1000000000)
#define FVM_DMA_GPA  UINT64_C(0x7654000)
#define FVM_BY_HOST  INT32_MIN /* no status of the script: the hypervisor's own */
#define FVM_LOG_MAX  65536u
#define FVM_CAPS_ALL BNT_VMWARE_CAPS_ALL

struct fvm_call {
    uint32_t command;
    uint64_t arg1;
    uint64_t arg2;
    int32_t status;
    uint64_t now_ns;
};

struct fvm {
    struct bnt_guest_config config; /* 0 members are filled in by fvm_init */
    struct bnt_guest *guest;
    void *state;
    uint8_t *dma;
    uint64_t dma_gpa; /* FVM_DMA_GPA; change it before fvm_up */
    uint64_t now_ns;
    uint64_t deadline_ns;
    bool checked; /* ownership is checked after each step; fvm_init sets it */
    bool hostile; /* the host lied: what it lists and what the guest has need not agree any more */

    /* The fake OS: pages by index from first_pfn on, a stack of free ones. */
    uint64_t pages;
    uint8_t *owned;
    uint32_t *stack;
    uint64_t free_count;
    uint64_t *links;
    uint64_t alloc_calls;
    uint64_t alloc_pages;  /* that allocations without waiting gave */
    uint64_t alloc_limit;  /* pages that they still give; UINT64_MAX: all */
    uint64_t oom_in_alloc; /* PFNs to ask back from inside the next pages_alloc */
    uint64_t freed_pages;
    uint8_t *clean;       /* by page: 1 once it was filled to go back (config.init_on_free) */
    bool huge;            /* the OS has pages of 2 MiB; set it before fvm_up */
    uint8_t *whole;       /* by page: 1 if it is the first of a block that the guest has unsplit */
    uint64_t huge_limit;  /* blocks that it still gives; UINT64_MAX: all */
    uint64_t huge_allocs; /* blocks given */
    uint64_t huge_splits;
    uint32_t sleep_asked;     /* the sleeping allocation under way; 0: none */
    uint64_t sleep_pages;     /* that sleeping allocations gave */
    bool sleep_refused;       /* pages_alloc_sleep says no */
    bool sleep_cancels;       /* a cancel is obeyed at once */
    uint32_t sleep_cancelled; /* cancels seen */

    /* The hypervisor. */
    uint32_t caps;      /* 0: the protocol of 2010 */
    uint64_t caps_more; /* bits that it wrongly adds to those in common */
    uint64_t target;
    uint64_t limit_told;
    bool reset;
    uint8_t *locked; /* by page */
    uint64_t locked_pages;
    uint8_t *disowned; /* by page: 1 once the host said of a listed page that it is not locked, or
                          dropped it unsaid: the guest may have it in its balloon, until it goes
                          back to the OS or a RESET or START says that nothing is listed */
    uint64_t disowned_pages;
    uint8_t *bad;                                      /* by page: status of a lock */
    uint8_t *bad_back;                                 /* by page: status of an unlock */
    int32_t answer[BNT_VMWARE_CMD_COUNT];              /* status of a whole call; FVM_BY_HOST */
    uint32_t answer_left[BNT_VMWARE_CMD_COUNT];        /* how often; UINT32_MAX: for ever */
    void (*before)(struct fvm *fvm, uint32_t command); /* a test's own script */
    /* A test's own lies: may change the answer of a call and the entries of its batch. */
    int32_t (*lie)(struct fvm *fvm, uint32_t command, uint64_t count, int32_t status,
                   uint64_t *result);
    uint64_t target_after; /* with target_calls: the target from then on */
    uint64_t target_calls; /* locks until then; 0: never */
    bool doorbell_there;   /* the guest's provider has one */
    bool doorbell_rings;   /* the host knows it */
    bool no_doorbell;      /* the OS has no such call; set it before fvm_up */
    bool doorbell_kept;    /* ... none to close one */
    uint32_t doorbell_opens;
    uint32_t doorbell_closes;

    struct fvm_call *log;
    uint32_t log_room;  /* before it grows */
    uint32_t log_count; /* all calls; the log keeps the first FVM_LOG_MAX */
    uint64_t calls[BNT_VMWARE_CMD_COUNT];
    uint64_t lock_huge;  /* blocks in calls that lock */
    uint64_t lock_pages; /* in calls that lock */
    struct bnt_guest_event last[BNT_GUEST_EVENT_COUNT];
    uint32_t events[BNT_GUEST_EVENT_COUNT];
};

/** A guest of `pages` pages with default settings on VMware's wire; change `config` before fvm_up.
 */
struct fvm *fvm_new(uint64_t pages);

/** The same with the settings of 2010 against a host that knows only that protocol. */
struct fvm *fvm_new_2010(uint64_t pages);

/* fake_vmware_os.c: a page's place in the arrays; what the guest core calls of the OS. */
#define FVM_FIRST(f)    ((f)->config.memory.first_pfn)
#define FVM_INDEX(f, p) ((p)-FVM_FIRST(f))
struct bnt_guest_ops fvm_os_ops(const struct fvm *fvm);

/** Initialises and attaches; the first step is not done yet. */
bnt_status fvm_attach(struct fvm *fvm);

/** The same, and it must be OK; runs the first step too. */
void fvm_up(struct fvm *fvm);

/** One step at the present time, with checks. */
void fvm_step(struct fvm *fvm, uint32_t budget);

/** Steps at the present time until nothing is due now; returns how many. */
uint32_t fvm_settle(struct fvm *fvm, uint32_t budget);

/** Lets time pass, with a step whenever one is due. */
void fvm_run(struct fvm *fvm, uint64_t ns);

/** Lets time pass to the next tick and does it to its end. */
void fvm_tick(struct fvm *fvm);

/** Ends the sleeping allocation with `pages` pages; returns what bnt_guest_handle_alloc_done does.
 */
bnt_status fvm_sleep_done(struct fvm *fvm, uint32_t pages);

/** Detaches, checks that all pages are the OS's, frees everything. */
void fvm_end(struct fvm *fvm);

/** Compares what the guest says with what the OS and the host know. */
void fvm_audit(const struct fvm *fvm);

struct bnt_guest_info fvm_info(const struct fvm *fvm);

/** The host drops its list and waits for START; the guest hears of it at its next call. */
void fvm_host_pops(struct fvm *fvm);

/** The last call but `back`. */
const struct fvm_call *fvm_last(const struct fvm *fvm, uint32_t back);

#endif
