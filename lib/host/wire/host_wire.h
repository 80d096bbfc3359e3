/*
 * The floor `wire` of the device core contains announcements to the guest, and handles the guest's
 * buffers and calls.
 *
 * There are two wires: VIRTIO's registers and queues, and VMware's calls. The floors above use the
 * table of functions that init chose, and do not depend on the choice of the wire. Buffers are
 * served through the functions of their role, so that the code of this floor names no feature.
 */
#ifndef LIB_HOST_WIRE_HOST_WIRE_H
#define LIB_HOST_WIRE_HOST_WIRE_H

#include "lib/host/core/host_core.h"

/** The functions and values that differ between the wires. */
struct bnti_host_wire {
    uint64_t pfn_max;   /**< highest PFN that it can carry */
    uint32_t batch_max; /**< entries of its batch page; 0: no batch page */
    bool has_calls;     /**< the guest makes calls instead of using queues */
    bool (*config_valid)(const struct bnt_host_config *config);
    /** Whether the balloon can be reset. If it can, epochs begin at 1. */
    bool (*has_epochs)(const struct bnt_host_config *config);
    /** The reason why the balloon cannot be reset now, or OK. */
    bnt_status (*reset_possible)(const struct bnt_host *host);
    void (*reset_announce)(struct bnt_host *host);
    /** Makes the guest read its target. */
    void (*target_announce)(struct bnt_host *host);
    /** Whether the guest uses a page again only after the device has accepted the deflate of the
     * page. */
    bool (*is_told_first)(const struct bnt_host *host);
    void (*info)(const struct bnt_host *host, struct bnt_host_info *info);
};

extern const struct bnti_host_wire bnti_host_wire_virtio;
extern const struct bnti_host_wire bnti_host_wire_vmware;

/** The functions that serve the buffers of one queue. Unused functions are NULL. */
struct bnti_host_role_row {
    /** Serves a popped buffer. If job.active is set afterwards, the buffer is not completed yet. */
    void (*begin)(struct bnt_host *host, const struct bnt_vq_chain *chain);
    /** Serves one unit of the job. */
    void (*unit)(struct bnt_host *host);
    /** After a job was loaded: computes what the saved state does not contain. */
    void (*loaded)(struct bnt_host *host);
    /** Whether a loaded job is valid. */
    bool (*is_valid)(const struct bnt_host *host);
    /** Whether the device holds a buffer of this queue, and the head of that buffer. */
    bool (*keeps)(const struct bnt_host *host, uint16_t *head);
    /** Called when the queue was reset: the held buffer is lost. */
    void (*queue_forget)(struct bnt_host *host);
};

/* rings.c */
extern const struct bnt_queue_provider bnti_host_rings;

/* queue.c */
/** Returns a buffer to the driver. Returns false if that broke the device. */
bool bnti_host_push_buffer(struct bnt_host *host, bnt_balloon_queue role, uint16_t head,
                           uint32_t len);
/** Ends a batch of returned buffers, and checks whether the driver wants an interrupt. */
void bnti_host_flush_queue(struct bnt_host *host, bnt_balloon_queue role);
/** Copies out of or into a chain. Returns false if that broke the device. */
bool bnti_host_read_chain(struct bnt_host *host, bnt_balloon_queue role,
                          const struct bnt_vq_chain *chain, uint64_t offset, void *dst,
                          uint32_t bytes);
bool bnti_host_write_chain(struct bnt_host *host, bnt_balloon_queue role,
                           const struct bnt_vq_chain *chain, uint64_t offset, const void *src,
                           uint32_t bytes);
/** Breaks the device after a violation by the driver: sets NEEDS_RESET. */
void bnti_host_break_device(struct bnt_host *host, const struct bnt_diag *diag);
/** Breaks the device because a call of the queue provider failed with `status`. */
void bnti_host_break_queue(struct bnt_host *host, bnt_balloon_queue role, bnt_status status,
                           struct bnt_diag *diag);
static inline bool bnti_host_is_queue_kicked(const struct bnt_host *host, bnt_balloon_queue role)
{
    return (host->kicked_roles >> role & 1u) != 0;
}
/** Sets whether the next step polls the queue. */
void bnti_host_set_queue_kicked(struct bnt_host *host, bnt_balloon_queue role, bool kicked);
void bnti_host_kick_all_queues(struct bnt_host *host);
/** Resets a queue to its state before it was enabled. */
void bnti_host_clear_queue(struct bnt_host *host, bnt_balloon_queue role);
/** Finds the queue with an index; BNT_BALLOON_QUEUE_COUNT if there is none. */
bnt_balloon_queue bnti_host_find_queue_role(const struct bnt_host *host, uint16_t index);
/** Sets the indices of the queues according to the negotiated features. */
void bnti_host_number_queues(struct bnt_host *host);
void bnti_host_save_or_load_queues(struct bnti_pack *pack, struct bnt_host *host);

/* serve.c */
/** Takes buffers of a queue that was kicked and serves them while the budget lasts. */
void bnti_host_serve_queue(struct bnt_host *host, bnt_balloon_queue role, uint32_t *budget);

/* job.c */
/** Begins with a buffer that was taken from a queue. */
void bnti_host_open_job(struct bnt_host *host, bnt_balloon_queue role,
                        const struct bnt_vq_chain *chain);
/** Starts a job with a number of entries, or ends it. */
void bnti_host_start_job(struct bnt_host *host, uint64_t entries);
void bnti_host_end_job(struct bnt_host *host);
/** Ends the job without serving the rest, and cancels a suspend that waits for it. */
void bnti_host_abandon_job(struct bnt_host *host);
/** Sets whether the device must be suspended when the job is completed. */
void bnti_host_set_suspend_due(struct bnt_host *host, bool due);
/** Serves one unit of the writable segments of a free page report or hint. Returns true when all
 * segments are served. */
bool bnti_host_job_serve_segments(struct bnt_host *host,
                                  bool (*serve)(struct bnt_host *host, const struct bnt_vq_seg *seg,
                                                uint16_t head));
/** Whether a loaded job of segments is valid. */
bool bnti_host_job_are_segments_valid(const struct bnt_host *host);
void bnti_host_save_or_load_job(struct bnti_pack *pack, struct bnt_host *host);

/* host_vmware.c: the session on VMware's wire, and the scripted answers */
/** Begins a session after START, with the capabilities of both sides. */
void bnti_host_vmware_start_session(struct bnt_host *host, uint64_t capabilities);
/** Ends the session, and clears the doorbell and the guest's identity. */
void bnti_host_vmware_end_session(struct bnt_host *host);
void bnti_host_vmware_set_guest(struct bnt_host *host, uint64_t guest_id);
void bnti_host_vmware_set_doorbell(struct bnt_host *host, uint64_t context, uint64_t resource);
/** Finds the scripted status of this call. Returns false if there is none. */
bool bnti_host_vmware_find_scripted(struct bnt_host *host, uint32_t command, int32_t *status);
void bnti_host_vmware_clear_script(struct bnt_host *host);
void bnti_host_save_or_load_vmware(struct bnti_pack *pack, struct bnt_host *host);

#endif
