/*
 * The peers at the two ends of a VM's wire. For the rest of the simulator, each peer is a table of
 * functions.
 *
 * To add a kind of peer, write one file with such a table, and add one row to sim/peers/peers.c.
 * Times are virtual times of the VM's engine. Statuses are values of bnt_status.
 */
#ifndef SIM_WORLD_PEER_H
#define SIM_WORLD_PEER_H

#include <ballonet/guest.h>
#include <ballonet/guest_vmware.h>
#include <ballonet/host.h>

struct vm;

/** The driver of a VM's balloon. */
struct driver_peer {
    const char *name;
    /** Whether this peer is the driver of this VM. */
    bool (*plays)(const struct vm *vm);
    /** Whether the driver accepts the settings of the VM; if not, `error` receives a message.
     * Creates nothing. */
    bool (*can_start)(struct vm *vm, char *error, size_t error_bytes);
    /** Makes the configuration of the driver core. Values that the scenario does not set stay 0. */
    void (*make_config)(const struct vm *vm, struct bnt_guest_config *made);
    /** Stores how many bytes of DMA memory the driver needs. */
    bool (*dma_bytes)(const struct vm *vm, size_t *bytes, char *error, size_t error_bytes);
    bool (*create)(struct vm *vm, char *error, size_t error_bytes);
    void (*destroy)(struct vm *vm);
    /** Starts the driver of a new kernel. It replaces the driver of the old kernel, which is not
     * called any more. */
    bool (*restart)(struct vm *vm, char *error, size_t error_bytes);
    /** The run begins. */
    void (*begin)(struct vm *vm);
    /** Plays a line of a recording; called in a WIRE event. */
    void (*line)(struct vm *vm, uint32_t line);
    /** Whether the driver has done everything that it must do in a run. */
    bool (*is_done)(const struct vm *vm);
    void (*interrupt)(struct vm *vm, uint16_t queue);
    void (*config_changed)(struct vm *vm);
    /** NULL if the driver makes no steps. Such a driver also ignores all requests of the guest's
     * system. */
    bnt_status (*step)(struct vm *vm, uint64_t *deadline_ns);
    /** Fills in the fields that `info->size` covers; the state is DOWN if there is no driver core.
     */
    void (*info)(const struct vm *vm, struct bnt_guest_info *info);
    /** Returns the index of the queue with this role; BNT_BALLOON_QUEUE_NONE if there is none. */
    uint16_t (*queue_index)(const struct vm *vm, bnt_balloon_queue role);
    bnt_status (*attach)(struct vm *vm);
    bnt_status (*detach)(struct vm *vm);
    bnt_status (*detach_orderly)(struct vm *vm);
    bnt_status (*unplugged)(struct vm *vm);
    bnt_status (*suspend)(struct vm *vm);
    bnt_status (*resume)(struct vm *vm);
    bnt_status (*deflate_all)(struct vm *vm);
    bnt_status (*target_follow)(struct vm *vm);
    bnt_status (*queue_reset)(struct vm *vm, bnt_balloon_queue role);
    /** Notifies the driver that the allocator has free pages to report. */
    void (*pages_freed)(struct vm *vm);
    /** Asks the driver to return hinted pages to the allocator. */
    bnt_status (*shrink)(struct vm *vm, uint64_t pfns, uint64_t *freed_pfns);
    bnt_status (*oom)(struct vm *vm, uint64_t pfns, struct bnt_guest_oom_result *result);
    /** Notifies the driver that the allocation for which it waits is complete. */
    bnt_status (*alloc_done)(struct vm *vm, const uint64_t *pages, uint32_t count);
    bnt_status (*page_migrate)(struct vm *vm, uint64_t from, uint64_t to, bool deflate_first);
};

/** The balloon device of a VM, with the functions that the VMM calls. */
struct device_peer {
    const char *name;
    bool (*can_start)(const struct vm *vm, char *error, size_t error_bytes);
    bool (*create)(struct vm *vm, char *error, size_t error_bytes);
    void (*destroy)(struct vm *vm);
    /** These two functions replace the device by a new instance: `renew` as a power-on does,
     * `restore` with the state that the old instance saved.
     */
    bool (*renew)(struct vm *vm);
    bnt_status (*restore)(struct vm *vm);
    /* Registers and notifications. */
    uint64_t (*features_read)(const struct vm *vm);
    bnt_status (*features_write)(struct vm *vm, uint64_t features);
    uint8_t (*status_read)(const struct vm *vm);
    bnt_status (*status_write)(struct vm *vm, uint8_t status);
    uint32_t (*generation)(struct vm *vm);
    void (*config_read)(const struct vm *vm, uint32_t offset, void *dst, uint32_t bytes);
    void (*config_write)(struct vm *vm, uint32_t offset, const void *src, uint32_t bytes);
    uint16_t (*queue_size_max)(const struct vm *vm, uint16_t queue);
    bnt_status (*queue_enable)(struct vm *vm, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                               uint64_t avail_gpa, uint64_t used_gpa);
    bnt_status (*queue_reset)(struct vm *vm, uint16_t queue);
    bool (*queue_is_enabled)(const struct vm *vm, uint16_t queue);
    void (*kick)(struct vm *vm, uint16_t queue);
    void (*kick_with_data)(struct vm *vm, uint32_t data);
    /** Answers a call of VMware's wire. */
    int32_t (*call)(struct vm *vm, uint32_t command, uint64_t arg1, uint64_t arg2,
                    uint64_t *result);
    bnt_status (*step)(struct vm *vm, uint64_t *deadline_ns);
    /* The state that the device reports */
    /** Fills in the fields that `info->size` covers. */
    void (*info)(const struct vm *vm, struct bnt_host_info *info);
    const struct bnt_diag *(*diag)(const struct vm *vm);
    bnt_status (*stats)(const struct vm *vm, struct bnt_host_stats *stats);
    bnt_status (*working_set)(const struct vm *vm, struct bnt_host_ws *ws);
    bool (*has_page)(const struct vm *vm, uint64_t pfn);
    /** Compares the ledger of the device with the pages that the oracle knows. */
    void (*audit)(const struct vm *vm, uint64_t allocator_pages, uint64_t reported_pages, bool all);
    /* The VMM. */
    bnt_status (*target_set)(struct vm *vm, uint64_t pfns, uint64_t within_ns, uint64_t *id);
    bnt_status (*guest_memory_set)(struct vm *vm, uint64_t pfns, uint64_t within_ns, uint64_t *id);
    bnt_status (*memory_set)(struct vm *vm);
    bnt_status (*reset)(struct vm *vm);
    bnt_status (*rule_add)(struct vm *vm, const struct bnt_host_rule *rule);
    void (*rules_clear)(struct vm *vm);
    bnt_status (*call_rule_add)(struct vm *vm, const struct bnt_host_call_rule *rule);
    bnt_status (*stats_poll)(struct vm *vm);
    bnt_status (*working_set_request)(struct vm *vm);
    bnt_status (*hint_start)(struct vm *vm);
    bnt_status (*hint_stop)(struct vm *vm);
    bnt_status (*hint_done)(struct vm *vm);
    bnt_status (*touched)(struct vm *vm, uint64_t pfn);
};

#endif
