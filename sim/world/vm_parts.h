/*
 * The parts of a VM's state that belong to one subject each: the link, the account, the life cycle,
 * migrations, and the history of its balloon. vm.h puts them together.
 */
#ifndef SIM_WORLD_VM_PARTS_H
#define SIM_WORLD_VM_PARTS_H

#include <ballonet/balloon.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

/** The state of the link for one kind of notification between driver and device. */
struct link_state {
    uint32_t drop_next;
    uint32_t duplicate_next;
    uint32_t delay_next;
    uint64_t delay_next_ns;
    bool reorder_armed;
    bool reorder_held; /**< a notification waits until the next one is sent */
    uint16_t reorder_queue;
    uint64_t reorder_data;
    uint64_t lost;
};

/** The addresses of a queue's ring, for the faults that corrupt the ring. */
struct queue_place {
    uint16_t size;
    bool foreign; /**< not a little-endian split ring: no fault changes it */
    uint64_t desc_gpa;
    uint64_t avail_gpa;
    uint64_t used_gpa;
};

/** Values that the account of a VM prints and that metrics show. */
struct vm_account {
    uint64_t held_peak;
    uint64_t refused_by[BNT_VERDICT_COUNT]; /**< number of pages refused on inflation, for each
                                                 verdict */
    uint64_t uncertain;
    uint64_t oom_deflates;
    uint64_t oom_kills;
    uint64_t step_pages; /**< most pages that one step of the driver freed */
    uint64_t stalls;
    uint64_t reported_pfns;
    uint64_t first_refusal_ns;
    uint64_t last_return_ns;
    uint64_t returned;
    bnt_outcome outcome;
    uint64_t outcome_ns;
    uint64_t restores;
    uint64_t unplugs;
    uint64_t hibernations;
    uint64_t restarts;
    uint64_t moves;
    uint64_t moves_failed;
    uint64_t outcomes[BNT_OUTCOME_COUNT];
    uint64_t starts; /**< calls of VMware's wire */
    uint64_t locks;
    uint64_t unlocks;
};

/** The state of a VM's life cycle (lifecycle.c). */
struct vm_life {
    bool unplugged; /**< the device is unplugged */
    bool told;      /**< the guest knows that the device is unplugged */
    bool freezing;  /**< the machine powers off as soon as the driver is down */
    /** as soon as the driver is down, it attaches to a device that was plugged in */
    bool found;
    bool awaited;             /**< a LIFECYCLE event polls whether the driver is down */
    uint64_t off_ns;          /**< for so long */
    uint64_t asleep_until_ns; /**< nothing runs in the guest before this time */
    /** number of the guest's current kernel: LIFECYCLE events of an earlier kernel are ignored */
    uint64_t kernel;
    uint32_t polls;
    uint32_t move_left; /**< pages that compaction still has to move */
    uint64_t move_at;   /**< index of the next page that compaction examines */
    uint32_t move_polls;
    bool move_deflate_first;
    bool compacting;        /**< a LIFECYCLE event or the end of a move continues the compaction */
    bool moving;            /**< the driver is moving a page */
    uint64_t offline_bytes; /**< memory that is not online yet */
};

/** Counters of the VM's migrations. */
struct vm_moves {
    uint64_t done;
    uint64_t cancelled;
    uint64_t rounds; /**< number of rounds in all migrations */
    uint64_t sent_pfns;
    uint64_t skipped_pfns; /**< hinted in time */
    uint64_t took_ns;      /**< the last one */
    uint64_t downtime_ns;
};

/** The history that the metric `settled` needs (settled.c). */
struct vm_settled {
    uint64_t target_ns; /**< when the last target was set */
    uint64_t added_ns;  /**< when memory was last added; 0 if never */
    bool refusing;      /**< a refusal rule of the script is active */
    uint64_t ledger_pfns;
    uint64_t moved_ns; /**< when the ledger last changed */
    uint64_t oom_ns;   /**< when the last OOM deflate happened */
    bool started;      /**< VMware's wire: a START call succeeded */
    uint64_t caps;     /**< the capabilities that START negotiated */
};

#endif
