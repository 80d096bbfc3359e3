/*
 * Serving: buffers are taken from a queue and given to the row of its role, as far as the budget
 * goes.
 *
 * A unit of the budget covers so much of a buffer; what is left of it waits in the job (job.c), and
 * meanwhile no other buffer is taken.
 */
#include "lib/host/wire/host_wire.h"

static void job_run(struct bnt_host *host, uint32_t *budget)
{
    while (host->job.active && *budget > 0) {
        (*budget)--;
        host->roles[host->job.role]->unit(host);
    }
}

/** Takes one buffer and serves it, as far as the budget goes; false when there is none, or no more
 * to do here. */
static bool queue_serve_one(struct bnt_host *host, bnt_balloon_queue role, uint32_t *budget)
{
    struct bnt_diag diag = {.size = sizeof diag};
    struct bnt_vq_chain chain = {.segs = host->segs, .seg_max = BNT_HOST_CHAIN_SEGMENTS_MAX};
    const bnt_status status =
        host->provider.pop(host->provider_opaque, host->queues[role].index, &chain, &diag);

    if (status == BNT_E_AGAIN || status == BNT_E_LIMIT) {
        /* At the limit no kick will come for what waits: the next push looks again. */
        host->queues[role].limited = status == BNT_E_LIMIT;
        return false;
    }
    if (status != BNT_OK) {
        bnti_host_queue_break(host, role, status, &diag);
        return false;
    }
    bnti_host_misuse_begin(host);
    bnti_host_job_open(host, role, &chain);
    host->roles[role]->begin(host, &chain);
    if (host->job.active) {
        job_run(host, budget);
    } else {
        (*budget)--;
    }
    return true;
}

/** Judges the data of the latest kick before what it announced is looked for (VG-31). */
static void kick_judge(struct bnt_host *host, bnt_balloon_queue role)
{
    struct bnti_host_queue *queue = &host->queues[role];
    struct bnt_diag diag = {.size = sizeof diag};
    bnt_status status = BNT_OK;

    if (!queue->kick_told || host->provided || queue->vq.size == 0) {
        queue->kick_told = false;
        return;
    }
    queue->kick_told = false;
    bnti_host_misuse_begin(host);
    status = bnt_vq_dev_notified(&queue->vq, &host->mem, queue->kick_next, &diag);
    if (status == BNT_E_MESSAGE) {
        bnti_host_misuse(host, diag.fault, role, 0, 0, queue->kick_next);
    } else if (status != BNT_OK) {
        bnti_host_queue_break(host, role, status, &diag);
    }
}

/** Whether this queue's turn has come: none has while another one's buffer is not done. */
static bool queue_may_serve(const struct bnt_host *host, bnt_balloon_queue role)
{
    return host->queues[role].kicked && host->queues[role].exists && bnt_dev_live(&host->dev) &&
           (!host->job.active || host->job.role == role) &&
           (!host->suspend_due || host->job.active);
}

void bnti_host_queue_serve(struct bnt_host *host, bnt_balloon_queue role, uint32_t *budget)
{
    struct bnti_host_queue *queue = &host->queues[role];
    bool served = host->job.active;

    if (!queue_may_serve(host, role)) {
        return;
    }
    queue->kicked = false;
    if (served) {
        job_run(host, budget);
    } else {
        kick_judge(host, role);
    }
    while (bnt_dev_live(&host->dev)) {
        if (*budget == 0 || host->job.active || host->suspend_due) {
            queue->kicked = true;
            break;
        }
        if (!queue_serve_one(host, role, budget)) {
            break;
        }
        served = true;
    }
    if (served) {
        bnti_host_flush(host, role);
    }
}
