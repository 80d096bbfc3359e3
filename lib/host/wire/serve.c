/*
 * Serves queues: takes buffers and calls the functions of their role while the budget lasts.
 *
 * One unit of the budget covers a bounded part of a buffer. The rest of the buffer waits in the job
 * (job.c), and no other buffer is taken meanwhile.
 */
#include "lib/host/wire/host_wire.h"

static void run_job(struct bnt_host *host, uint32_t *budget)
{
    while (host->job.active && *budget > 0) {
        (*budget)--;
        host->roles[host->job.role]->unit(host);
    }
}

/** Takes one buffer and serves it while the budget lasts. Returns false if no buffer could be
 * taken. */
static bool serve_buffer(struct bnt_host *host, bnt_balloon_queue role, uint32_t *budget)
{
    struct bnt_diag diag = {.size = sizeof diag};
    struct bnt_vq_chain chain = {.segs = host->segs, .seg_max = BNT_HOST_CHAIN_SEGMENTS_MAX};
    const bnt_status status =
        host->provider.pop(host->provider_opaque, host->queues[role].index, &chain, &diag);

    if (status == BNT_E_AGAIN || status == BNT_E_LIMIT) {
        /* At the limit of held buffers, perhaps no kick comes for the next buffer. Therefore the
         * queue is polled after the next return of a buffer. */
        host->queues[role].limited = status == BNT_E_LIMIT;
        return false;
    }
    if (status != BNT_OK) {
        bnti_host_break_queue(host, role, status, &diag);
        return false;
    }
    bnti_host_misuse_clear(host);
    bnti_host_open_job(host, role, &chain);
    host->roles[role]->begin(host, &chain);
    if (host->job.active) {
        run_job(host, budget);
    } else {
        (*budget)--;
    }
    return true;
}

/** Validates the data of the latest notification before buffers are taken (VG-31). */
static void check_kick_data(struct bnt_host *host, bnt_balloon_queue role)
{
    struct bnti_host_queue *queue = &host->queues[role];
    struct bnt_diag diag = {.size = sizeof diag};
    bnt_status status = BNT_OK;

    if (!queue->kick_told || host->provided || queue->vq.size == 0) {
        queue->kick_told = false;
        return;
    }
    queue->kick_told = false;
    bnti_host_misuse_clear(host);
    status = bnt_vq_dev_check_notify_data(&queue->vq, &host->mem, queue->kick_next, &diag);
    if (status == BNT_E_MESSAGE) {
        bnti_host_misuse_report(host, diag.fault, role, 0, 0, queue->kick_next);
    } else if (status != BNT_OK) {
        bnti_host_break_queue(host, role, status, &diag);
    }
}

/**
 * Whether the device is allowed to serve the kicked queue now. While a job is active, only the
 * queue of the job is served.
 */
static bool may_serve_queue(const struct bnt_host *host, bnt_balloon_queue role)
{
    return host->queues[role].exists && bnt_dev_is_live(&host->dev) &&
           (!host->job.active || host->job.role == role) &&
           (!host->suspend_due || host->job.active);
}

void bnti_host_serve_queue(struct bnt_host *host, bnt_balloon_queue role, uint32_t *budget)
{
    bool served = host->job.active;

    if (!may_serve_queue(host, role)) {
        return;
    }
    bnti_host_set_queue_kicked(host, role, false);
    if (served) {
        run_job(host, budget);
    } else {
        check_kick_data(host, role);
    }
    while (bnt_dev_is_live(&host->dev)) {
        if (*budget == 0 || host->job.active || host->suspend_due) {
            bnti_host_set_queue_kicked(host, role, true);
            break;
        }
        if (!serve_buffer(host, role, budget)) {
            break;
        }
        served = true;
    }
    if (served) {
        bnti_host_flush_queue(host, role);
    }
}
