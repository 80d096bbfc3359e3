/*
 * The structs of a world and of a VM, and what every room above does with them.
 *
 * What stands at the ends of a VM's wire is reached through `vm->ends`, whose tables the rooms
 * above fill (sim/peers) and interpose in (sim/faults).
 */
#ifndef SIM_WORLD_VM_H
#define SIM_WORLD_VM_H

#include "sim/conformance/conformance.h"
#include "sim/memory/gmem.h"
#include "sim/memory/workload.h"
#include "sim/world/events.h"
#include "sim/world/observation.h"
#include "sim/world/peer.h"
#include "sim/world/world.h"

#include <ballonet/guest.h>
#include <ballonet/host.h>
#include <ballonet/vmware.h>

#define WORLD_BUDGET          4          /**< units of work of one step */
#define WORLD_RESET_EMPTY_NS  1000000000 /**< promised: empty 1 s after the notice */
#define WORLD_QUEUES          BNT_BALLOON_QUEUE_COUNT
#define WORLD_AUDIT_PAGES_MAX 4096 /**< smaller worlds are audited after every event */

/** One kind of notification between a driver and its device. */
struct link_state {
    uint32_t drop_next;
    uint32_t duplicate_next;
    uint32_t delay_next;
    uint64_t delay_next_ns;
    bool reorder_armed;
    bool reorder_held; /**< one is kept back until the next */
    uint16_t reorder_queue;
    uint64_t reorder_data;
    uint64_t lost;
};

/** Where the driver put a queue, for those who corrupt it. */
struct queue_place {
    uint16_t size;
    bool foreign; /**< its bytes are not those of a little-endian split ring: it is left alone */
    uint64_t desc_gpa;
    uint64_t avail_gpa;
    uint64_t used_gpa;
};

/** What is said of a VM in the account and counted for metrics. */
struct vm_account {
    uint64_t held_peak;
    uint64_t refused_by[BNT_VERDICT_COUNT]; /**< pages refused on inflation, by reason */
    uint64_t uncertain;
    uint64_t oom_deflates;
    uint64_t oom_kills;
    uint64_t step_pages; /**< most that one step of the driver gave back */
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

/** Where a VM is in its life (lifecycle.c). */
struct vm_life {
    bool unplugged;           /**< there is no device */
    bool told;                /**< and the guest knows */
    bool freezing;            /**< once the driver is down the machine goes off */
    bool found;               /**< once it is down it attaches to a device that was plugged in */
    bool awaited;             /**< a LIFECYCLE event looks whether it is down */
    uint64_t off_ns;          /**< for so long */
    uint64_t asleep_until_ns; /**< until then nothing runs in the guest */
    uint64_t kernel;          /**< counts the guest's kernels: what one waited for ends with it */
    uint32_t polls;
    uint32_t move_left; /**< pages that compaction still moves */
    uint64_t move_at;   /**< next page to look at */
    uint32_t move_polls;
    bool move_deflate_first;
    bool compacting;        /**< a LIFECYCLE event, or the end of a move, goes on with it */
    bool moving;            /**< the driver has a move under way */
    uint64_t offline_bytes; /**< memory that is not there yet */
};

/** What its migrations came to. */
struct vm_moves {
    uint64_t done;
    uint64_t cancelled;
    uint64_t rounds; /**< of all of them */
    uint64_t sent_pfns;
    uint64_t skipped_pfns; /**< hinted in time */
    uint64_t took_ns;      /**< the last one */
    uint64_t downtime_ns;
};

/** What `settled` needs to know of the past (settled.c). */
struct vm_settled {
    uint64_t target_ns; /**< the last target was set */
    uint64_t added_ns;  /**< memory was last added; 0: never */
    bool refusing;      /**< a refusal of the script stands */
    uint64_t ledger_pfns;
    uint64_t moved_ns; /**< the ledger last changed */
    uint64_t oom_ns;   /**< the last OOM deflate */
    bool started;      /**< VMware's wire: a START was answered by a success */
    uint64_t caps;     /**< and left these capabilities */
};

struct migration;
struct vm;
struct wire_player;

/** Each function that something crosses the wire by; `opaque` is the VM. */
struct vm_ends {
    struct driver_peer driver;
    struct device_peer device;
    struct bnt_drv_transport transport; /**< what a driver calls */
    struct bnt_guest_ops guest;         /**< what our driver's core calls */
    struct bnt_host_ops host;           /**< what our device's core calls */
    /** A notification sets out. */
    void (*carry)(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data);
    /** Adds the pages of the dirty log to a bitmap of pages, and clears the log. */
    void (*sync_dirty_log)(struct vm *vm, uint64_t *bitmap, uint64_t words);
};

struct vm {
    struct world *world;
    uint32_t index;
    struct scenario_vm spec; /**< the scenario's, with what swarm drew */
    struct gmem *gmem;
    /* guest */
    struct bnt_guest *guest;
    void *guest_state;
    size_t guest_bytes;
    uint64_t *record_bits; /**< and behind it, as long, those of hinted pages */
    uint64_t record_bytes;
    uint8_t *dma;
    uint64_t dma_gpa;
    size_t dma_bytes;
    struct wire_player *player; /**< plays a recording in place of the driver */
    struct queue_place queues[WORLD_QUEUES];
    /* host */
    struct bnt_host *host;
    void *host_storage;
    size_t host_bytes;
    struct bnt_mem mem;
    uint64_t *content;   /**< what the host holds for each guest page: its tag, 0: nothing */
    uint64_t *init_bits; /**< the driver's, for DEVICE_INIT_ON_INFLATE */
    uint64_t init_bytes;
    uint64_t *backed; /**< a bit a PFN: it has host memory */
    uint64_t backed_bytes;
    uint64_t backed_pfns;
    /* between them */
    struct vm_ends ends;   /**< what is called: the honest ones, and faults around them */
    struct vm_ends honest; /**< what a fault passes on to */
    struct link_state link[SIGNAL_COUNT];
    uint64_t step_event[2]; /**< scheduled GUEST_STEP and HOST_STEP by action_party; 0: none */
    uint64_t step_ns[2];
    uint64_t stalled_until_ns[2];
    bool touched; /**< by the event being handled */
    /* out of memory */
    uint64_t oom_event; /**< its deadline; 0: no OOM deflate is pending */
    bool reclaim_scheduled;
    bool detaching;           /**< or gone */
    bool suspend_asked;       /**< by the script, and no resume since */
    bool emptying;            /**< the script wants the balloon empty, whatever the target */
    uint32_t sleeping_pages;  /**< that an allocation waits for */
    uint64_t sleep_event;     /**< its next step; 0: none waits */
    uint64_t called_until_ns; /**< calls made so far take until then */
    /* hostility */
    uint32_t armed[CORRUPTION_COUNT]; /**< times it still happens */
    uint32_t storm_reads;
    bool lasting_fault;    /**< of the declared ones, one that no reset of the device ends */
    bool allocator_silent; /**< the oracle is not told what the allocator hands out */
    bool device_waited;    /**< as last looked at: it was stalled, suspended, away */
    bool leave_secret;     /**< the oracles are not told that an orderly detach has no time left */
    bool stall_secret[2];  /**< a stall that the oracles are not told of, and that does not end */
    struct vm_life life;
    uint64_t inhibited_until_ns;  /**< the host must not discard before */
    uint64_t oom_allocating_pfns; /**< asked for inside the next allocation for the balloon */
    uint64_t step_pages;          /**< given back in the driver's step that is under way */
    struct vm_account account;
    struct vm_settled settled;
    /* migration */
    struct migration *migration; /**< NULL: none is under way */
    uint64_t *dirty_log;         /**< pages written since it was last looked at; NULL: not kept */
    struct vm_moves moves;
    uint64_t paused_until_ns; /**< it stands still for a switch-over */
    bool away;                /**< its memory is the other host's */
};

/** A workload, its next tick, and whether it waits for the balloon. */
struct workload_slot {
    struct workload *workload;
    uint64_t event;     /**< its next tick; 0: none waits */
    uint64_t end_event; /**< of pressure that ends by itself; 0: none */
    uint32_t vm;
    bool blocked;
};

struct world {
    struct arena *arena;
    const struct scenario *scenario;
    struct world_config config;
    struct engine *engine;
    struct oracle *oracle;
    struct conformance *conformance;
    struct observer_list observers[OBSERVED_COUNT];
    struct vm *vms;
    uint32_t vm_count;
    struct workload_slot *workloads; /**< the scenario's, then one for each action's pressure */
    uint32_t workload_slots;
    struct recording **recordings;       /**< of each file, once parsed */
    uint64_t awaited[TRIGGER_WORLD + 1]; /**< events that actions wait for, a bit each */
    uint32_t *trigger_counts;            /**< of each action: how often its event happened */
    uint32_t *action_runs;
    bool *expect_met; /**< of each EVENTUALLY */
    bool *expect_open;
    bool quiet;
    bool small; /**< audited after every event */
    /* machine */
    uint64_t machine_pfns;
    uint64_t machine_swap_pfns;
    uint64_t machine_backed_pfns;
    uint64_t machine_swapped_pfns;
    /* result */
    run_verdict verdict;
    char text[512];
    uint64_t end_ns;
};

/** Tells the observers of the VM's world. */
static inline void world_notify_observers(struct vm *vm, const struct observation *seen)
{
    const struct observer_list *list = &vm->world->observers[seen->kind];
    for (uint32_t i = 0; i < list->count; i++) {
        list->on[i](vm, seen);
    }
}

/* world.c */
void world_log(struct world *world, log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_fail(struct world *world, run_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* vm.c */
/** Whether the last PFN of its memory has more than 32 bits. */
bool vm_ends_beyond_32_bits(const struct vm *vm);
/** The driver's settings, with the library's where the scenario leaves them open. */
struct bnt_guest_config vm_get_guest_settings(const struct vm *vm);
/** The content tag of a page that holds `value` in each le32. */
uint64_t vm_make_value_tag(uint32_t value);
/** The content tag that free pages of this guest hold. */
uint64_t vm_get_free_tag(const struct vm *vm);
/** What the device may reach: the guest's memory that is there, and the DMA area. */
bnt_status vm_map_memory(struct vm *vm);
/** Makes the DMA area, which is memory of its own. */
void vm_create_dma(struct vm *vm, size_t bytes);
struct bnt_guest_info vm_get_guest_info(const struct vm *vm);
struct bnt_host_info vm_get_host_info(const struct vm *vm);
/** The same, of as many fields as `info->size` covers. */
void vm_read_guest_info(const struct vm *vm, struct bnt_guest_info *info);
void vm_read_host_info(const struct vm *vm, struct bnt_host_info *info);
/** What a queue is for, as its driver sees it; a recording's by the standard's rule. */
uint16_t vm_get_queue_role(const struct vm *vm, uint16_t queue);
/** Whether an armed fault happens now; then it is armed once less. */
bool vm_take_fault(struct vm *vm, corruption which);
static inline bool vm_uses_vmware_wire(const struct vm *vm)
{
    return vm->spec.wire == BNT_HOST_WIRE_VMWARE;
}
/** Its driver does not step, and nobody can ask it anything. */
static inline bool vm_is_recorded(const struct vm *vm)
{
    return vm->ends.driver.step == NULL;
}
/** PFNs above the target that a driver on VMware's wire does not deflate for. */
uint64_t vm_get_slack(const struct vm *vm);
/** Habits of a driver on VMware's wire, those of its profile included; none on VIRTIO's. */
uint32_t vm_get_habits(const struct vm *vm);
/** What the oracle holds the driver to, on either wire. */
uint32_t vm_get_refused_max(const struct vm *vm);
uint64_t vm_get_reset_empty_ns(const struct vm *vm);

/* steps.c */
void vm_schedule_step(struct vm *vm, action_party party, uint64_t time_ns);
void vm_step_driver(struct vm *vm);
void vm_step_device(struct vm *vm);
void vm_stall_party(struct vm *vm, action_party party, uint64_t until_ns);
/** In the data of a kick: the lower 32 bits are a notification's data. */
#define VM_KICK_HAS_DATA (UINT64_C(1) << 32)
/** A notification arrives after so long. */
void vm_schedule_arrival(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data,
                         uint64_t after_ns);

/* observe_conformance.c */
/** What the watchers of clauses are told of a VM when it begins. */
void vm_start_watching(const struct vm *vm);
void vm_end_watched_event(const struct vm *vm);

/* sleeping.c */
bool sleeping_start_wait(struct vm *vm, uint32_t count);
void sleeping_run_step(struct vm *vm);
/** Nobody is left to whom the allocation could come. */
void sleeping_cancel_wait(struct vm *vm);

/* memory.c: workloads, reclaim, out of memory */
/** Whether the guest's memory has room for what must be in it; else a sentence. */
bool memory_can_start(const struct vm *vm, char *error, size_t error_bytes);
bool memory_create(struct world *world, char *error, size_t error_bytes);
void memory_destroy(struct world *world);
void memory_start_workloads(struct world *world);
bool memory_restart(struct vm *vm, char *error, size_t error_bytes);
struct workload_info memory_sum_workloads(const struct vm *vm);
void memory_tick_workload(struct world *world, uint32_t index);
void memory_run_reclaim(struct vm *vm);
void memory_end_oom(struct vm *vm);
void memory_expire_oom(struct vm *vm);
void memory_ask_balloon(struct vm *vm, uint64_t pfns, struct bnt_guest_oom_result *result);
void memory_schedule_reclaim(struct vm *vm);
void memory_start_pressure(struct vm *vm, uint32_t action);
void memory_end_pressure(struct vm *vm, uint32_t action);

#endif
