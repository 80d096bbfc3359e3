/*
 * A scripted balloon device and a fake OS around one guest core, for its unit tests and its fuzzer.
 *
 * The device serves only when told to (fake_serve) or, with `serve_on_kick`, inside the kick. Every
 * page has exactly one owner, and that is checked after every step: a page comes back to the OS
 * once, not while the device may still take it, and all that the guest has it can account for.
 */
#ifndef TESTS_SUPPORT_FAKE_DEVICE_H
#define TESTS_SUPPORT_FAKE_DEVICE_H

#include "tests/support/check.h"

#include <ballonet/guest.h>
#include <ballonet/virtqueue.h>

#define FAKE_QUEUES     7
#define FAKE_ON_INFLATE (UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE)
#define FAKE_WS         (UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING)
#define FAKE_ON_REPORT  (UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_REPORTED)
#define FAKE_HUGE       (UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES)
#define FAKE_LIMIT      (UINT64_C(1) << BNT_BALLOON_BIT_GUEST_LIMIT)
#define FAKE_DMA_GPA    UINT64_C(0x40000000)
#define FAKE_MS         UINT64_C(1000000)
#define FAKE_S          UINT64_C(1000000000)
#define FAKE_ALL                                                                            \
    (BNT_BALLOON_F_MUST_TELL_HOST | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_DEFLATE_ON_OOM | \
     BNT_F_VERSION_1 | UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS |                            \
     UINT64_C(1) << BNT_BALLOON_BIT_RESET)

struct fake_setup {
    uint64_t pages; /* of the guest; all free at first */
    uint32_t page_order;
    uint64_t offered; /* 0: FAKE_ALL */
    uint64_t wanted;  /* 0: FAKE_ALL */
    uint64_t required;
    bnt_guest_record record;
    uint32_t refused_pages_max;
    uint16_t request_pfns;
    uint16_t queue_size_max;
    uint64_t poll_ns;
    uint64_t queue_reset_ns;
    uint32_t recover_tries; /* 0: none, a broken guest stays so */
    bnt_interface device;
    bnt_interface driver;
    bnt_byte_order order; /* of the guest */
    bnt_queue_layout queue_layout;
    bnt_queue_layout queue_layout_preferred;
    bnt_guest_switch sleeping;
    struct bnt_guest_rates rates;
    bool report_order_set;
    uint32_t report_order;
    uint16_t report_capacity;
    bool init_on_free;
    uint32_t poison_val;
    bool init_bits;   /* room for the bits of initialised pages */
    bool plain_state; /* skip the device's ledger: speed */
    uint32_t hint_block_pfns;
    uint32_t hint_block_pfns_min;
    bool hint_wait_on_ack;
    bool huge;      /* the OS has aligned blocks of 2 MiB, memory begins with one */
    bool huge_bits; /* room for the record of them, with RECORD_BITS */
    bnt_guest_switch huge_over;
    uint64_t limit_pfns;
    uint32_t quirks;
    bool bare; /* the OS and the transport have none of the optional calls */
};

struct fake {
    struct fake_setup setup;
    struct bnt_guest *guest;
    void *state;
    void *dma;
    size_t dma_bytes;
    uint64_t now_ns;
    uint64_t deadline_ns;
    bool checked; /* conservation is checked after each step */
    bool hostile; /* the device lies: the checks of its own ledger are off */

    /* The fake OS: a stack of free pages, so last in first out. */
    uint8_t *owned;   /* by page: 1 while the guest core has it */
    uint8_t *exposed; /* by page: 1 in an inflate with the device, 2 in an OOM deflate that needs no
                         answer */
    uint32_t *stack;
    uint32_t *links;
    uint64_t *bits;
    uint64_t *init_bits;
    uint8_t *clean;  /* by page: 1 once it was filled, or initialised by the device, to go back */
    uint64_t filled; /* pages */
    uint64_t given_back;  /* pages, those of 2 MiB as so many of the OS's */
    uint64_t initialised; /* pages that the driver says the device initialised */
    uint64_t blocks_init; /* blocks of which it says so */
    uint64_t *hint_bits;
    uint8_t *hinted; /* by page: 1 while it is hinted, 2 if its buffer is with the device as well */
    uint64_t hinted_count;
    uint64_t hinted_early; /* given back with the word to initialise them */
    uint64_t block_calls;
    bool shrink_in_block; /* block_alloc calls the guest and expects E_REENTRANT */
    uint64_t block_bad;   /* what the next block_alloc returns, a block outside memory; 0: none */
    uint64_t free_count;
    uint64_t first_pfn;
    uint64_t alloc_calls;
    uint64_t alloc_limit;  /* pages that the OS still gives; UINT64_MAX: all */
    uint64_t oom_in_alloc; /* PFNs to ask back from inside the next pages_alloc */
    uint64_t oom_in_sleep; /* the same from inside the next pages_alloc_sleep */
    struct bnt_guest_oom_result oom_result;
    bnt_status oom_status;
    uint32_t sleep_asked; /* the sleeping allocation under way; 0: none */
    bool sleep_cancels;   /* a cancel is obeyed at once */
    uint32_t sleep_cancelled;
    bool reenter; /* callbacks call the guest and expect E_REENTRANT */
    /* by page: 1 while in a report, 2 once the device let go of it, 4 free and reported */
    uint8_t *reported;
    uint64_t reporting; /* pages that are in a report */
    uint64_t report_takes;
    uint8_t *whole;      /* by page: 1 at the first one of a block of 2 MiB that the guest has */
    uint64_t huge_limit; /* blocks that the OS still gives; UINT64_MAX: all */
    uint64_t huge_allocs;
    uint64_t huge_splits;
    uint64_t huge_odd; /* what the next huge_alloc returns instead of a block; 0: none */
    uint64_t *huge_bits;

    /* The device. */
    struct bnt_dev_status dev;
    struct bnt_balloon_rule_set rules;
    struct bnt_mem mem;
    struct bnt_vq_dev vq[FAKE_QUEUES];
    uint16_t queue_max[FAKE_QUEUES];
    uint32_t hint_command;      /* what configuration space shows */
    uint32_t hint_read;         /* as the guest read it last */
    uint32_t hint_commands[64]; /* received, in order */
    uint32_t hint_command_count;
    uint64_t hint_pfns; /* received */
    uint32_t num_pages;
    uint32_t actual;
    uint32_t epoch;
    uint32_t epoch_ack;
    uint32_t poison_val; /* as written */
    uint32_t ws_bins;    /* in configuration space */
    uint8_t ws_command[24];
    struct bnt_ws_config ws_config; /* of the last report asked for */
    uint32_t poison_writes;
    uint32_t limit; /* of the guest, as written */
    uint32_t limit_writes;
    uint32_t limit_early; /* before DRIVER_OK */
    uint64_t unit_messages;
    uint64_t unit_back_messages; /* of them deflates */
    uint32_t units_most;         /* of one request */
    uint8_t init_byte;           /* of the bitmap of an inflate */
    uint32_t generation;
    bool unsettled;
    bool unsettles;       /* from DRIVER_OK on */
    bool hint_unsettled;  /* configuration changes with each read of the hint command */
    uint32_t reset_reads; /* status reads that a reset takes; UINT32_MAX: for ever */
    uint32_t reset_left;
    uint32_t queue_reset_reads; /* reads that the reset of a queue takes */
    uint32_t queue_reset_left[FAKE_QUEUES];
    bool no_reset_register; /* RING_RESET is offered, and nothing resets a queue */
    uint32_t suspend_reads; /* status reads that suspending and resuming take */
    uint32_t suspend_left;
    uint8_t suspend_shows; /* what they read meanwhile */
    bool serve_on_kick;
    bool no_interrupts;
    uint8_t *ledger;   /* by PFN */
    uint8_t *bad;      /* by PFN: verdict of an inflate */
    uint8_t *bad_back; /* by PFN: verdict of a deflate */
    uint64_t ledger_pfns;
    uint8_t answer_all;      /* a verdict for everything; 0: by the ledger */
    uint32_t len_cut;        /* bytes that the used length says too little */
    uint32_t len_more;       /* ... or too much */
    bool write_nothing;      /* leaves the answer empty, whatever the used length says */
    bool not_needed;         /* answers NOT_NEEDED by BX-9 */
    bool stats_back;         /* gives each statistics buffer straight back */
    uint64_t stats_returned; /* times that it did */
    bool stats_held;
    uint16_t stats_head;
    uint32_t stats_bytes;
    uint8_t stats[BNT_STATS_MAX * 10];
    uint32_t stats_tags;       /* how many the OS reports */
    uint64_t report_pfns;      /* acknowledged */
    uint32_t report_chain_max; /* most blocks of one buffer */

    /* What happened. */
    uint64_t served;
    uint32_t queue_resets;
    uint64_t kicks;
    uint64_t kicks_early; /* before DRIVER_OK */
    uint64_t pfn_messages;
    uint64_t config_writes;
    uint32_t actual_writes;
    uint32_t ack_writes;
    uint64_t requests; /* exposed */
    uint32_t relaxed;
    uint64_t freed[64]; /* the last pages given back */
    uint64_t freed_count;
    struct bnt_guest_event last[BNT_GUEST_EVENT_COUNT];
    uint32_t events[BNT_GUEST_EVENT_COUNT];
};

/** Builds all of it and initialises the guest; not attached. */
void fake_init(struct fake *fake, const struct fake_setup *setup);

/** What fake_init gives to the guest. */
struct bnt_guest_config fake_config(const struct fake *fake);
struct bnt_guest_ops fake_ops_of(const struct fake *fake);

/** Checks that all pages are the OS's and frees everything. Detaches first. */
void fake_end(struct fake *fake);

/** Attaches and runs the first step. */
void fake_up(struct fake *fake);

/** One step at the present time, with checks; returns its status. */
bnt_status fake_step(struct fake *fake, uint32_t budget);

/** Takes pages from the OS, as the guest core does. */
uint32_t fake_pages_alloc(void *opaque, uint64_t *pages, uint32_t count);

/** Serves up to `count` buffers of a queue; returns how many there were. */
uint32_t fake_serve(struct fake *fake, uint32_t queue, uint32_t count);

/** The device asks for statistics: gives the buffer back that it holds. Returns how many it had. */
uint32_t fake_stats_return(struct fake *fake);

/** Steps, serves and lets time pass until nothing is due before `ns` from now. Returns steps. */
uint64_t fake_run(struct fake *fake, uint64_t ns);

/** Ends the sleeping allocation with `pages` pages. */
void fake_sleep_done(struct fake *fake, uint32_t pages);

/** Sets the target and tells the guest. */
void fake_target(struct fake *fake, uint32_t pfns);

/** Sets the command id of hints and tells the guest. */
void fake_hint(struct fake *fake, uint32_t command);

/** The host resets the balloon (BX-10). */
void fake_host_reset(struct fake *fake);

/** Detaches to the end; all pages must be back. */
void fake_down(struct fake *fake);

/* fake_os.c: a page's place in the arrays, and back; what the guest core calls of the OS. */
uint64_t fake_index(const struct fake *fake, uint64_t page);
uint64_t fake_page(const struct fake *fake, uint64_t index);
extern const struct bnt_guest_ops fake_os_ops;
/** Takes the lowest free block of so many pages, aligned to as many; false if there is none. */
bool fake_block_take(struct fake *fake, uint64_t pages, uint64_t *first);
/** Takes pages that are the guest's out of the stack of free ones. */
void fake_stack_sift(struct fake *fake);

/* fake_device.c: the device's registers. */
extern const struct bnt_drv_transport fake_transport;

/* fake_report.c: the OS's and the device's part in free page reporting. */
uint32_t fake_report_take(void *opaque, uint64_t *blocks, uint32_t count);
void fake_report_done(void *opaque, const uint64_t *blocks, uint32_t count, bnt_guest_reported how);
/** The device takes note of one buffer; returns its used length. */
uint32_t fake_report_serve(struct fake *fake, const struct bnt_vq_chain *chain);

/* fake_huge.c: the OS's and the device's part in pages of 2 MiB. */
void fake_huge_ops(const struct fake *fake, struct bnt_guest_ops *ops);
/** The verdict of a unit that is not of another epoch; takes all of it or nothing. */
uint8_t fake_unit_verdict(struct fake *fake, bool inflate, uint64_t pfn);
/** How many of the OS's pages a page of this order is. */
uint64_t fake_pages_of(const struct fake *fake, uint32_t order);

/** A page goes back to the OS: once, and with what the OS expects in it (BD-34). */
void fake_page_back(struct fake *fake, uint64_t index);

/** Compares what the guest says with what the OS and the device know. */
void fake_audit(const struct fake *fake);

struct bnt_guest_info fake_info(const struct fake *fake);

#endif
