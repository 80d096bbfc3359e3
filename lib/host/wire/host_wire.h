/*
 * The floor `wire` of the device core: what reaches the guest, and how its buffers and calls reach
 * the device.
 *
 * Two wires serve one balloon: VIRTIO's registers and queues, and VMware's calls. The floors above
 * ask the table that init chose, and never which wire it is. Buffers are served through the rows of
 * their roles, so that nothing here knows a feature.
 */
#ifndef LIB_HOST_WIRE_HOST_WIRE_H
#define LIB_HOST_WIRE_HOST_WIRE_H

#include "lib/host/core/host_core.h"

/** What a wire does in its own way. */
struct bnti_host_wire {
    uint64_t pfn_max;   /**< highest PFN that it can carry */
    uint32_t batch_max; /**< entries of its batch page; 0: it has none */
    bool has_calls;     /**< the guest calls; else it uses registers and queues */
    bool (*config_valid)(const struct bnt_host_config *config);
    /** Whether the balloon can be reset: then epochs begin at 1. */
    bool (*has_epochs)(const struct bnt_host_config *config);
    /** Why the balloon cannot be reset now, or OK. */
    bnt_status (*reset_possible)(const struct bnt_host *host);
    void (*reset_announce)(struct bnt_host *host);
    /** The guest is to read its target. */
    void (*target_announce)(struct bnt_host *host);
    /** Whether the guest uses a page again only after the device accepted its deflate. */
    bool (*is_told_first)(const struct bnt_host *host);
    void (*info)(const struct bnt_host *host, struct bnt_host_info *info);
};

extern const struct bnti_host_wire bnti_host_wire_virtio;
extern const struct bnti_host_wire bnti_host_wire_vmware;

/** What serves the buffers of one queue. NULL where there is nothing to do. */
struct bnti_host_role_row {
    /** Serves a buffer that was popped, or begins to: job.active says which. */
    void (*begin)(struct bnt_host *host, const struct bnt_vq_chain *chain);
    /** Serves a unit's worth of the job. */
    void (*unit)(struct bnt_host *host);
    /** A job was loaded: makes what it is judged by. */
    void (*loaded)(struct bnt_host *host);
    /** Whether a device can have saved such a job. */
    bool (*is_valid)(const struct bnt_host *host);
    /** Whether the device keeps a buffer of this queue to return it later, and which. */
    bool (*keeps)(const struct bnt_host *host, uint16_t *head);
    /** The queue was reset: that buffer is gone. */
    void (*queue_forget)(struct bnt_host *host);
};

/* rings.c */
extern const struct bnt_queue_provider bnti_host_rings;

/* queue.c */
/** Returns a buffer; false if that broke the device. */
bool bnti_host_push(struct bnt_host *host, bnt_balloon_queue role, uint16_t head, uint32_t len);
/** Ends a batch of pushes: asks whether the driver wants an interrupt. */
void bnti_host_flush(struct bnt_host *host, bnt_balloon_queue role);
/** Copies out of or into a chain; false if that broke the device. */
bool bnti_host_read(struct bnt_host *host, bnt_balloon_queue role, const struct bnt_vq_chain *chain,
                    uint64_t offset, void *dst, uint32_t bytes);
bool bnti_host_write(struct bnt_host *host, bnt_balloon_queue role,
                     const struct bnt_vq_chain *chain, uint64_t offset, const void *src,
                     uint32_t bytes);
/** A violation that the device does not survive. */
void bnti_host_break(struct bnt_host *host, const struct bnt_diag *diag);
/** The same of a queue, whose call failed with `status`. */
void bnti_host_queue_break(struct bnt_host *host, bnt_balloon_queue role, bnt_status status,
                           struct bnt_diag *diag);
/** The next step looks into the queue, kicked or not. */
void bnti_host_queue_wake(struct bnt_host *host, bnt_balloon_queue role);
void bnti_host_kick_all(struct bnt_host *host);
/** The queue is as before it was enabled. */
void bnti_host_queue_forget(struct bnt_host *host, bnt_balloon_queue role);
/** The queue of an index; BNT_BALLOON_QUEUE_COUNT: there is none. */
bnt_balloon_queue bnti_host_queue_role(const struct bnt_host *host, uint16_t index);
/** Gives the queues their indices, by the features that are negotiated now. */
void bnti_host_queues_number(struct bnt_host *host);
void bnti_host_queues_pack(struct bnti_pack *pack, struct bnt_host *host);

/* serve.c */
/** Takes buffers of a queue and serves them, as far as the budget goes. */
void bnti_host_queue_serve(struct bnt_host *host, bnt_balloon_queue role, uint32_t *budget);

/* job.c */
/** A buffer was taken: nothing is known of it yet. */
void bnti_host_job_open(struct bnt_host *host, bnt_balloon_queue role,
                        const struct bnt_vq_chain *chain);
/** It is a job of so many entries; it is done. */
void bnti_host_job_start(struct bnt_host *host, uint64_t entries);
void bnti_host_job_end(struct bnt_host *host);
/** The same, and no suspend waits for it any more. */
void bnti_host_job_abandon(struct bnt_host *host);
/** Whether the device is to be suspended as soon as the job is done. */
void bnti_host_suspend_after_job(struct bnt_host *host, bool due);
/** Serves a unit's worth of the writable segments of a report or hint; true when that was all. */
bool bnti_host_job_segments(struct bnt_host *host,
                            bool (*serve)(struct bnt_host *host, const struct bnt_vq_seg *seg,
                                          uint16_t head));
/** Whether a device can have saved such a job of segments. */
bool bnti_host_job_segments_valid(const struct bnt_host *host);
void bnti_host_job_pack(struct bnti_pack *pack, struct bnt_host *host);

/* host_vmware.c: what is negotiated on VMware's wire, and the script of its calls */
/** START: the guest and the device know these capabilities. */
void bnti_host_vmware_start(struct bnt_host *host, uint64_t capabilities);
/** What an earlier START brought is over, doorbell and identity included. */
void bnti_host_vmware_stop(struct bnt_host *host);
void bnti_host_vmware_guest_set(struct bnt_host *host, uint64_t guest_id);
void bnti_host_vmware_doorbell_set(struct bnt_host *host, uint64_t context, uint64_t resource);
/** The status that the script has for this call; false if it has none. */
bool bnti_host_vmware_scripted(struct bnt_host *host, uint32_t command, int32_t *status);
void bnti_host_vmware_script_clear(struct bnt_host *host);
void bnti_host_vmware_pack(struct bnti_pack *pack, struct bnt_host *host);

#endif
