/*
 * The buffer that is being served. It is possible that one step begins to serve the buffer, and a
 * later step completes it.
 *
 * The driver chooses how long a buffer is, but must not choose how long a step takes. Therefore one
 * unit of the budget covers only a bounded part of a request, free page report or hint; `job`
 * stores the progress. serve.c continues the job with the functions of its role.
 */
#include "lib/host/wire/host_wire.h"

#include "lib/virtio/queue_state.h"

void bnti_host_open_job(struct bnt_host *host, bnt_balloon_queue role,
                        const struct bnt_vq_chain *chain)
{
    const struct bnti_host_job job = {.chain = *chain, .role = role};

    host->job = job;
}

void bnti_host_start_job(struct bnt_host *host, uint64_t entries)
{
    host->job.total = entries;
    host->job.active = true;
}

void bnti_host_end_job(struct bnt_host *host)
{
    host->job.active = false;
}

void bnti_host_abandon_job(struct bnt_host *host)
{
    host->job.active = false;
    host->suspend_due = false;
}

void bnti_host_set_suspend_due(struct bnt_host *host, bool due)
{
    host->suspend_due = due;
}

bool bnti_host_job_serve_segments(struct bnt_host *host,
                                  bool (*serve)(struct bnt_host *host, const struct bnt_vq_seg *seg,
                                                uint16_t head))
{
    struct bnti_host_job *job = &host->job;

    for (uint32_t i = 0; i < BNT_HOST_STEP_RUNS && job->done < job->total; i++) {
        const struct bnt_vq_seg *seg = &host->segs[job->chain.readable_count + job->done];
        job->done++;
        job->judge.init = serve(host, seg, job->chain.head) && job->judge.init;
    }
    if (job->done == job->total) {
        bnti_host_end_job(host);
    }
    return !job->active;
}

/* ---- In a saved state ---- */

bool bnti_host_job_are_segments_valid(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;

    return job->total == job->chain.writable_count && job->first == 0 && job->piece == 0;
}

static void pack_chain(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnt_vq_chain *chain = &host->job.chain;
    uint64_t readable = 0;
    uint64_t writable = 0;

    bnti_save_or_load_u16(pack, &chain->head);
    bnti_save_or_load_u32(pack, &chain->readable_count);
    bnti_save_or_load_u32(pack, &chain->writable_count);
    bnti_save_or_load_u64(pack, &chain->readable_bytes);
    bnti_save_or_load_u64(pack, &chain->writable_bytes);
    if (chain->readable_count > BNT_HOST_CHAIN_SEGMENTS_MAX ||
        chain->writable_count > BNT_HOST_CHAIN_SEGMENTS_MAX - chain->readable_count) {
        bnti_pack_fail_load_unless(pack, false);
        chain->readable_count = 0;
        chain->writable_count = 0;
    }
    chain->segs = host->segs;
    chain->seg_max = BNT_HOST_CHAIN_SEGMENTS_MAX;
    for (uint32_t i = 0; i < chain->readable_count + chain->writable_count; i++) {
        bnti_save_or_load_u64(pack, &host->segs[i].gpa);
        bnti_save_or_load_u32(pack, &host->segs[i].bytes);
        *(i < chain->readable_count ? &readable : &writable) += host->segs[i].bytes;
    }
    /* A queue provider can find a buffer by its head alone, and then need not fill in segments. */
    bnti_pack_fail_load_unless(pack, host->provided || (readable == chain->readable_bytes &&
                                                        writable == chain->writable_bytes));
}

static bool is_job_valid(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;

    /* The queue of an unfinished job must be marked as kicked, so that the next step continues with
     * it. */
    if (job->role >= BNT_BALLOON_QUEUE_COUNT || !host->queues[job->role].exists ||
        !bnti_host_is_queue_kicked(host, job->role) || !bnt_dev_is_live(&host->dev) ||
        job->done >= job->total ||
        !(host->provided ||
          bnti_vq_dev_is_buffer_in_flight(&host->queues[job->role].vq, job->chain.head))) {
        return false;
    }
    return host->roles[job->role]->is_valid != NULL && host->roles[job->role]->is_valid(host);
}

/** Saves or loads the decided verdicts. The PFNs are still in guest memory. */
static void pack_verdicts(struct bnti_pack *pack, struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    uint8_t *verdicts = host->response + sizeof(struct bnt_balloon_response);

    for (uint64_t i = 0; i < job->done - job->first; i++) {
        bnti_save_or_load_u8(pack, &verdicts[i]);
        bnti_pack_fail_load_unless(pack, verdicts[i] < BNT_VERDICT_COUNT);
    }
}

/** Lets the role compute what the saved state does not contain. */
static void restore_job_judge(struct bnt_host *host)
{
    const uint32_t role = (uint32_t)host->job.role;

    if (role < BNT_BALLOON_QUEUE_COUNT && host->roles[role] != NULL &&
        host->roles[role]->loaded != NULL) {
        host->roles[role]->loaded(host);
    }
}

void bnti_host_save_or_load_job(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_job *job = &host->job;
    uint32_t role = (uint32_t)job->role;
    bool init = job->judge.init && job->piece == 0; /* false for a piece that is read again */

    bnti_save_or_load_bool(pack, &job->active);
    bnti_save_or_load_bool(pack, &host->suspend_due);
    bnti_pack_fail_load_unless(pack, job->active || !host->suspend_due);
    if (!job->active || pack->failed) {
        return;
    }
    bnti_save_or_load_u32(pack, &role);
    bnti_save_or_load_u64(pack, &host->misuse_told);
    bnti_save_or_load_bool(pack, &job->bitmap);
    bnti_save_or_load_u32(pack, &job->epoch);
    bnti_save_or_load_u32(pack, &job->piece);
    bnti_save_or_load_u64(pack, &job->first);
    bnti_save_or_load_u64(pack, &job->done);
    bnti_save_or_load_u64(pack, &job->total);
    pack_chain(pack, host);
    if (bnti_pack_is_loading(pack)) {
        job->role =
            role < BNT_BALLOON_QUEUE_COUNT ? (bnt_balloon_queue)role : BNT_BALLOON_QUEUE_COUNT;
        job->reread = job->piece > 0;
        restore_job_judge(host);
    }
    bnti_save_or_load_bool(pack, &init);
    bnti_save_or_load_u32(pack, &job->judge.unit_pfns);
    bnti_save_or_load_u64(pack, &job->judge.page);
    bnti_save_or_load_bool(pack, &job->judge.page_out);
    if (bnti_pack_is_loading(pack)) {
        job->judge.init = init;
    }
    bnti_pack_fail_load_unless(pack, is_job_valid(host));
    if (!pack->failed && job->piece > 0) {
        pack_verdicts(pack, host);
    }
}
