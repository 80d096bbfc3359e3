/*
 * The structs of a world and of a VM, and the functions that all higher folders use.
 *
 * All calls to the two ends of a VM's wire go through `vm->ends`: sim/peers fills its tables, and
 * sim/faults puts interposers into them.
 */
#ifndef SIM_WORLD_VM_H
#define SIM_WORLD_VM_H

#include "sim/conformance/conformance.h"
#include "sim/memory/gmem.h"
#include "sim/memory/workload.h"
#include "sim/pages/page_tags.h"
#include "sim/world/events.h"
#include "sim/world/observation.h"
#include "sim/world/peer.h"
#include "sim/world/vm_parts.h"
#include "sim/world/world.h"

#include <ballonet/guest.h>
#include <ballonet/host.h>
#include <ballonet/vmware.h>

#define WORLD_BUDGET 4 /**< most work units that one step may do */
/** after the driver has seen a reset, the balloon must be empty within 1 s */
#define WORLD_RESET_EMPTY_NS 1000000000
#define WORLD_QUEUES         BNT_BALLOON_QUEUE_COUNT
/** worlds with fewer pages are audited after every event */
#define WORLD_AUDIT_PAGES_MAX ORACLE_SMALL_PFNS

struct migration;
struct vm;
struct wire_player;

/** All functions through which the ends of the wire are called; `opaque` is the VM. */
struct vm_ends {
    struct driver_peer driver;
    struct device_peer device;
    struct bnt_drv_transport transport; /**< what a driver calls */
    struct bnt_guest_ops guest;         /**< callbacks of our driver's core */
    struct bnt_host_ops host;           /**< callbacks of our device's core */
    /** A notification sets out. */
    void (*carry)(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data);
    /** Adds the pages of the dirty log to a bitmap of pages, and clears the log. */
    void (*sync_dirty_log)(struct vm *vm, uint64_t *bitmap, uint64_t words);
};

/** The cores of a VM, as bits. */
#define VM_CORE_DRIVER 1u
#define VM_CORE_DEVICE 2u

struct vm {
    struct world *world;
    uint32_t index;
    bool touched;            /**< the current event has touched this VM, so that it is checked */
    uint8_t called_cores;    /**< VM_CORE_*: what was called since the last look at expectations */
    uint32_t first_look;     /**< the first look at an expectation about this VM, plus 1 */
    uint32_t first_workload; /**< the first slot of a workload of this VM, plus 1 */
    struct scenario_vm spec; /**< settings of the scenario, with the values that the swarm drew */
    struct gmem *gmem;
    /* guest */
    struct bnt_guest *guest;
    void *guest_state;
    size_t guest_bytes;
    uint64_t *record_bits; /**< a bit for each ballooned page, then a bit for each hinted page */
    uint64_t record_bytes;
    uint8_t *dma;
    uint64_t dma_gpa;
    size_t dma_bytes;
    struct wire_player *player; /**< plays a recording instead of a driver */
    struct queue_place queues[WORLD_QUEUES];
    /* host */
    struct bnt_host *host;
    void *host_storage;
    size_t host_bytes;
    struct bnt_mem mem;
    struct page_map content; /**< the host's content tag of each guest page; 0 means zeroes */
    uint64_t *init_bits;     /**< the driver's, for DEVICE_INIT_ON_INFLATE */
    uint64_t init_bytes;
    struct page_map backed; /**< one bit for each PFN that has host memory */
    uint64_t backed_pfns;
    /* between them */
    /** the functions that are called: those of `honest`, some with interposers for faults */
    struct vm_ends ends;
    struct vm_ends honest; /**< the functions without interposers */
    struct link_state link[SIGNAL_COUNT];
    uint64_t step_event[2]; /**< the scheduled step of each action_party; 0 if none is scheduled */
    uint64_t step_ns[2];
    uint64_t stalled_until_ns[2];
    /* out of memory */
    uint64_t oom_event; /**< event of the deadline of an OOM deflate; 0 if none is pending */
    bool reclaim_scheduled;
    bool detaching;           /**< or gone */
    bool suspend_asked;       /**< the script suspended the device and has not resumed it */
    bool emptying;            /**< the script wants an empty balloon, whatever the target is */
    uint32_t sleeping_pages;  /**< number of pages for which an allocation sleeps */
    uint64_t sleep_event;     /**< next step of the sleeping allocation; 0 if none sleeps */
    uint64_t called_until_ns; /**< the driver's calls so far end at this time */
    /* hostility */
    uint32_t armed[CORRUPTION_COUNT]; /**< how many more times each fault happens */
    uint32_t storm_reads;
    bool lasting_fault;    /**< there was a declared fault that a device reset does not end */
    bool allocator_silent; /**< the oracle is not informed of allocated pages */
    bool device_waited;    /**< the device was not running at the last check */
    bool leave_secret;     /**< the oracles are not informed that an orderly detach timed out */
    /** a secret stall never ends, and the oracles are not informed of it */
    bool stall_secret[2];
    struct vm_life life;
    uint64_t inhibited_until_ns; /**< the host must not discard before this time */
    /** size of an OOM deflate that happens during the balloon's next allocation */
    uint64_t oom_allocating_pfns;
    uint64_t step_pages; /**< number of pages freed in the driver's current step */
    struct vm_account account;
    struct vm_settled settled;
    /* migration */
    struct migration *migration; /**< NULL: no migration is running */
    uint64_t *dirty_log;         /**< pages written since the last sync; NULL if this is not
                                      recorded */
    struct vm_moves moves;
    uint64_t paused_until_ns; /**< a switch-over pauses the VM until this time */
    bool away;                /**< the guest's memory is on the other host */
};

/** A workload, the event of its next tick, and whether it waits for the balloon. */
struct workload_slot {
    struct workload *workload;
    uint64_t event;     /**< the next tick; 0: none is scheduled */
    uint64_t end_event; /**< the end of a pressure action; 0 if it has no end */
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
    /** the workloads of the scenario, then one for each pressure action */
    struct workload_slot *workloads;
    uint32_t workload_slots;
    uint32_t *workload_next;       /**< of each slot, the next slot of the same VM, plus 1 */
    struct recording **recordings; /**< the parsed recording of each file */
    uint32_t *touched; /**< the VMs that the current event has touched, sorted by index */
    uint32_t touched_count;
    uint64_t awaited[TRIGGER_WORLD + 1]; /**< one bit for each event that actions wait for */
    struct trigger *triggers;            /**< the actions that wait for an event, sorted */
    uint32_t trigger_count;
    uint32_t *action_runs;
    struct expect_state *expects;
    struct expect_look *looks; /**< two for each expectation */
    uint32_t first_look;       /**< the first look that every event causes, plus 1 */
    bool quiet;
    bool small; /**< the world is audited after every event */
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

/** Reports an observation to the observers of the VM's world. */
static inline void world_notify_observers(struct vm *vm, const struct observation *seen)
{
    const struct observer_list *list = &vm->world->observers[seen->kind];
    for (uint32_t i = 0; i < list->count; i++) {
        list->on[i](vm, seen);
    }
}

/* world.c */
void world_log_message(struct world *world, log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_fail_run(struct world *world, run_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Records that the current event has touched a VM. */
void world_mark_vm_touched(struct vm *vm);

/* vm.c */
/** Whether the last PFN of the VM's memory has more than 32 bits. */
bool vm_has_memory_beyond_32_bits(const struct vm *vm);
/** Returns the driver's settings; those that the scenario does not set have the library's
 * defaults. */
struct bnt_guest_config vm_get_guest_settings(const struct vm *vm);
/** Returns the content tag of a page in which each le32 is `value`. */
uint64_t vm_make_content_tag_of_value(uint32_t value);
/** Returns the content tag that free pages of this guest have. */
uint64_t vm_get_content_tag_of_free_page(const struct vm *vm);
/** Maps the memory that the device can access: the guest's online memory and the DMA area. */
bnt_status vm_map_memory(struct vm *vm);
/** Creates the DMA area, which is not part of the guest's memory. */
void vm_create_dma(struct vm *vm, size_t bytes);
struct bnt_guest_info vm_get_guest_info(const struct vm *vm);
struct bnt_host_info vm_get_host_info(const struct vm *vm);
/** These two functions fill in only the fields that `info->size` covers. */
void vm_read_guest_info(const struct vm *vm, struct bnt_guest_info *info);
void vm_read_host_info(const struct vm *vm, struct bnt_host_info *info);
/** Returns the role that the driver gives to a queue. For a recording, the role follows from the
 * rule of the standard. */
uint16_t vm_get_queue_role(const struct vm *vm, uint16_t queue);
/** Whether a fault is armed and therefore happens now. If it happens, the number of times that it
 * is armed decreases by one. */
bool vm_consume_armed_fault(struct vm *vm, corruption which);
static inline bool vm_uses_vmware_transport(const struct vm *vm)
{
    return vm->spec.wire == BNT_HOST_WIRE_VMWARE;
}
/** Whether the driver is a recording, which makes no steps and reacts to no calls. */
static inline bool vm_is_driver_recorded(const struct vm *vm)
{
    return vm->ends.driver.step == NULL;
}
/** How many PFNs above its target the balloon may be before a driver on VMware's wire deflates. */
uint64_t vm_get_target_tolerance_pfns(const struct vm *vm);
/** The quirks of a driver on VMware's wire, including those of its profile; 0 on VIRTIO's wire. */
uint32_t vm_get_driver_quirks(const struct vm *vm);
/** The most refused pages that the driver may hold according to the oracle, on either wire. */
uint32_t vm_get_refused_pages_max(const struct vm *vm);
uint64_t vm_get_reset_limit_ns(const struct vm *vm);

/* steps.c */
void vm_schedule_step(struct vm *vm, action_party party, uint64_t time_ns);
void vm_step_driver(struct vm *vm);
void vm_step_device(struct vm *vm);
void vm_stall_party(struct vm *vm, action_party party, uint64_t until_ns);
/** This bit says that the lower 32 bits of a kick's data are notification data. */
#define VM_KICK_HAS_DATA (UINT64_C(1) << 32)
/** Schedules the arrival of a notification `after_ns` from now. */
void vm_schedule_arrival(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data,
                         uint64_t after_ns);

/* observe_conformance.c */
/** When a VM begins, passes its configuration to the watchers of clauses. */
void vm_start_conformance_watch(const struct vm *vm);
void vm_report_event_end_to_conformance(const struct vm *vm);

/* sleeping.c */
bool sleeping_start_allocation_wait(struct vm *vm, uint32_t count);
void sleeping_run_allocation_step(struct vm *vm);
/** Cancels the sleeping allocation, because there is no driver any more that could receive its
 * pages. */
void sleeping_cancel_allocation_wait(struct vm *vm);

/* memory.c: workloads, reclaim and out-of-memory */
/** Whether the guest's memory is large enough; if not, `error` receives a message. */
bool memory_sizes_fit(const struct vm *vm, char *error, size_t error_bytes);
bool memory_create(struct world *world, char *error, size_t error_bytes);
void memory_destroy(struct world *world);
void memory_start_workloads(struct world *world);
bool memory_recreate_guest(struct vm *vm, char *error, size_t error_bytes);
struct workload_info memory_sum_workloads(const struct vm *vm);
void memory_run_workload_tick(struct world *world, uint32_t index);
void memory_run_reclaim(struct vm *vm);
void memory_end_oom(struct vm *vm);
void memory_handle_oom_timeout(struct vm *vm);
void memory_request_oom_deflate(struct vm *vm, uint64_t pfns, struct bnt_guest_oom_result *result);
void memory_schedule_reclaim(struct vm *vm);
void memory_start_pressure(struct vm *vm, uint32_t action);
void memory_end_pressure(struct vm *vm, uint32_t action);

#endif
