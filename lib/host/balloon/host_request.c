/*
 * Inflate and deflate requests: reading them, answering them.
 *
 * A request is read once, by bounded copies, whatever its layout over descriptors; then judged and
 * carried out a unit of the budget at a time (host_verdict.c, job.c), then answered, traced, and
 * only then returned to the driver. A plain driver's request may be of any length and is read in
 * pieces; one with verdicts is bounded and must be well formed (BX-4).
 */
#include "lib/host/balloon/host_balloon.h"

#include <string.h>

#define HEADER_BYTES   ((uint32_t)sizeof(struct bnt_balloon_request))
#define RESPONSE_BYTES ((uint32_t)sizeof(struct bnt_balloon_response))

/** How its PFNs are judged, as far as features say. */
static struct bnti_host_judge request_judge(const struct bnt_host *host, bnt_balloon_queue role,
                                            uint16_t head)
{
    const bool inflate = role == BNT_BALLOON_QUEUE_INFLATE;
    const bool verdicts = bnti_host_negotiated(host, host->config.features.binding.verdicts);
    const bool told = verdicts && bnti_host_negotiated(host, BNT_BALLOON_F_MUST_TELL_HOST);
    const bool below = bnti_host_negotiated(host, BNT_BALLOON_F_DEFLATE_ON_OOM);
    struct bnti_host_judge judge = {.inflate = inflate, .verdicts = verdicts, .head = head};

    judge.deniable = inflate || told;
    judge.bounded = inflate ? verdicts : told && !below;
    judge.page = UINT64_MAX;
    return judge;
}

/** Reads n PFNs from a byte offset of the chain into host->pfns. */
static bool pfns_read(struct bnt_host *host, bnt_balloon_queue role,
                      const struct bnt_vq_chain *chain, uint64_t offset, uint32_t n)
{
    if (!bnti_host_read(host, role, chain, offset, host->pfns, n * (uint32_t)sizeof(uint32_t))) {
        return false;
    }
    uint32_t *pfns = host->pfns;
    const bnt_le32 *wire = (const bnt_le32 *)(const void *)pfns;
    if (bnti_host_big_endian(host)) {
        for (uint32_t i = 0; i < n; i++) {
            pfns[i] = bnt_guest32_get(wire[i], true);
        }
        return true;
    }
    for (uint32_t i = 0; i < n; i++) {
        pfns[i] = bnt_le32_get(wire[i]);
    }
    return true;
}

/** Tells the embedder of the entries [from, to) of the piece, which this unit served. */
static void request_tell(struct bnt_host *host, uint32_t from, uint32_t to, bool more, bool stale)
{
    const struct bnti_host_job *job = &host->job;
    const struct bnti_host_judge *judge = &job->judge;
    const struct bnt_host_request request = {
        .inflate = judge->inflate,
        .pfn_count = to - from,
        .pfns = host->pfns + from,
        .epoch = job->epoch,
        .stale = stale,
        .verdicts = judge->verdicts ? host->response + RESPONSE_BYTES + from : NULL,
        .pfns_each = judge->unit_pfns > 1 ? judge->unit_pfns : 1,
        .pfn_base = host->pfn_base,
        .more = more};

    if (host->ops.request != NULL && to > from) {
        host->ops.request(host->opaque, &request);
    }
}

static void request_break(struct bnt_host *host, bnt_balloon_queue role,
                          const struct bnt_vq_chain *chain, bnt_fault fault, uint64_t expected)
{
    const struct bnt_diag diag = {.size = sizeof diag,
                                  .status = BNT_E_MESSAGE,
                                  .fault = fault,
                                  .queue = host->queues[role].index,
                                  .head = chain->head,
                                  .expected = expected,
                                  .found = chain->readable_bytes};

    bnti_host_break(host, &diag);
}

/** Whether a request with verdicts is well formed; `n` is its PFNs (BX-4). */
static bnt_fault request_fault(const struct bnt_host *host, const struct bnt_vq_chain *chain,
                               uint32_t *n)
{
    const uint64_t bytes = chain->readable_bytes;

    if (bytes < HEADER_BYTES || (bytes & 3u) != 0) {
        return BNT_FAULT_REQUEST_LENGTH;
    }
    if (bytes == HEADER_BYTES) {
        return BNT_FAULT_REQUEST_EMPTY;
    }
    if ((bytes - HEADER_BYTES) >> 2 > host->config.requests.pfns_max) {
        return BNT_FAULT_REQUEST_TOO_LONG;
    }
    *n = (uint32_t)((bytes - HEADER_BYTES) >> 2);
    return chain->writable_bytes < RESPONSE_BYTES + *n ? BNT_FAULT_REQUEST_NO_VERDICTS
                                                       : BNT_FAULT_NONE;
}

/** Answers every PFN by RESET and changes nothing (BX-10, BX-11). */
static void request_stale(struct bnt_host *host, uint32_t n, uint32_t unit_pfns)
{
    memset(host->response + RESPONSE_BYTES, BNT_VERDICT_RESET, n);
    host->count.wire.verdicts[BNT_VERDICT_RESET] += (uint64_t)n * unit_pfns;
    host->count.wire.stale_requests++;
}

/** What each PFN of the request stands for; false if its flags are malformed (BX-23). */
static bool flags_take(const struct bnt_host *host, const struct bnt_balloon_request *header,
                       struct bnti_host_judge *judge)
{
    const uint32_t flags = bnt_le32_get(header->flags);
    const bool huge = bnti_host_negotiated(host, host->config.features.binding.huge_pages);

    judge->unit_pfns = 1;
    if (huge && (flags & BNT_BALLOON_REQUEST_2M) != 0) {
        judge->unit_pfns = BNT_HOST_HUGE_PFNS;
    }
    return !huge || (flags & ~BNT_BALLOON_REQUEST_2M) == 0;
}

static bool response_write(struct bnt_host *host, bnt_balloon_queue role,
                           const struct bnt_vq_chain *chain, uint32_t n)
{
    const bool resets = bnti_host_negotiated(host, host->config.features.binding.reset);
    const struct bnt_balloon_response response = {bnt_le32_set(host->target.num_pages),
                                                  bnt_le32_set(resets ? host->epoch : 0)};

    memcpy(host->response, &response, sizeof response);
    return bnti_host_write(host, role, chain, 0, host->response, RESPONSE_BYTES + n);
}

static uint8_t *verdicts_of(const struct bnt_host *host)
{
    return host->response + RESPONSE_BYTES;
}

/** Begins a request whose driver reads verdicts. */
static void request_begin_told(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct bnti_host_job *job = &host->job;
    struct bnt_balloon_request header;
    uint32_t n = 0;
    const bnt_fault fault = request_fault(host, chain, &n);

    if (fault != BNT_FAULT_NONE) {
        request_break(host, job->role, chain, fault, host->config.requests.pfns_max);
        return;
    }
    if (!bnti_host_read(host, job->role, chain, 0, &header, HEADER_BYTES) ||
        !pfns_read(host, job->role, chain, HEADER_BYTES, n)) {
        return;
    }
    if (!flags_take(host, &header, &job->judge)) {
        request_break(host, job->role, chain, BNT_FAULT_REQUEST_FLAGS, BNT_BALLOON_REQUEST_2M);
        return;
    }
    job->epoch = bnt_le32_get(header.epoch);
    job->piece = n;
    bnti_host_job_start(host, n);
    host->count.wire.requests++;
}

/** Whether the driver built it under an epoch that is over, or ends while it is served (BX-11). */
static bool request_is_stale(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const bool unacknowledged = job->done == 0 && host->epoch_ack != host->epoch;

    return bnti_host_negotiated(host, host->config.features.binding.reset) &&
           (job->epoch != host->epoch || unacknowledged);
}

/** Answers it and returns it. */
static void request_end_told(struct bnt_host *host, uint32_t from, bool stale)
{
    struct bnti_host_job *job = &host->job;
    const uint32_t n = job->piece;

    bnti_host_job_end(host);
    if (stale) {
        request_stale(host, n, job->judge.unit_pfns);
    } else {
        bnti_host_verdicts_count(host, verdicts_of(host), n, job->judge.unit_pfns);
    }
    if (response_write(host, job->role, &job->chain, n)) {
        request_tell(host, from, n, false, stale);
        (void)bnti_host_push(host, job->role, job->chain.head, RESPONSE_BYTES + n);
    }
}

static uint64_t request_pfns(const struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    const bool first = bnti_host_quirk(host, BNT_HOST_QUIRK_FIRST_BUFFER_ONLY) &&
                       chain->readable_count > 0 && chain->segs != NULL;

    return (first ? chain->segs[0].bytes : chain->readable_bytes) >> 2;
}

static uint64_t request_pfns_most(const struct bnt_host *host)
{
    const uint64_t most = host->memory_pfns;

    return most > BNT_HOST_REQUEST_PFNS_MAX ? most : BNT_HOST_REQUEST_PFNS_MAX;
}

/** Length of a plain driver's request, or 0 when it was dealt with: empty, or longer than any
 * request without repeats can be. */
static uint64_t plain_pfns(struct bnt_host *host, bnt_balloon_queue role,
                           const struct bnt_vq_chain *chain)
{
    const uint64_t total = request_pfns(host, chain);
    const uint64_t most = request_pfns_most(host);

    if (total > most) {
        request_break(host, role, chain, BNT_FAULT_REQUEST_TOO_LONG, most);
        return 0;
    }
    if ((chain->readable_bytes & 3u) != 0) {
        bnti_host_misuse(host, BNT_FAULT_REQUEST_LENGTH, role, chain->head, 0,
                         chain->readable_bytes);
    }
    if (total == 0) {
        bnti_host_misuse(host, BNT_FAULT_REQUEST_EMPTY, role, chain->head, 0,
                         chain->readable_bytes);
        (void)bnti_host_push(host, role, chain->head, 0);
    }
    return total;
}

/** Other devices' ways with an inflate of more PFNs than they have room for. */
static bool oversized_deal(struct bnt_host *host, bnt_balloon_queue role,
                           const struct bnt_vq_chain *chain, uint64_t total)
{
    const uint32_t cap = host->config.oversized_pfns ? host->config.oversized_pfns : 256;
    const bool dropped = bnti_host_quirk(host, BNT_HOST_QUIRK_OVERSIZED_DROPPED);
    const bool skipped = bnti_host_quirk(host, BNT_HOST_QUIRK_OVERSIZED_SKIPPED);

    if (role != BNT_BALLOON_QUEUE_INFLATE || total <= cap || !(dropped || skipped)) {
        return false;
    }
    bnti_host_misuse(host, BNT_FAULT_REQUEST_TOO_LONG, role, chain->head, 0, total);
    if (skipped) {
        (void)bnti_host_push(host, role, chain->head, 0);
    }
    return true;
}

/** Whether this inflate has room for a bit of each PFN (DEVICE_INIT_ON_INFLATE). */
static bool bitmap_wanted(struct bnt_host *host, bnt_balloon_queue role,
                          const struct bnt_vq_chain *chain, uint64_t pfns)
{
    if (role != BNT_BALLOON_QUEUE_INFLATE || pfns == 0 ||
        !bnti_host_negotiated(host, host->config.features.binding.device_init_on_inflate)) {
        return false;
    }
    if (chain->writable_bytes < (pfns + 7) / 8) {
        bnti_host_misuse(host, BNT_FAULT_REQUEST_NO_BITMAP, role, chain->head, 0,
                         chain->writable_bytes);
        return false;
    }
    return true;
}

/** Begins a plain driver's request. */
static void request_begin_plain(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct bnti_host_job *job = &host->job;
    const uint64_t total = plain_pfns(host, job->role, chain);

    job->bitmap = bitmap_wanted(host, job->role, chain, total);
    if (!oversized_deal(host, job->role, chain, total) && total > 0) {
        bnti_host_job_start(host, total);
    }
}

/** Takes the next piece of a plain driver's request in. */
static bool piece_read(struct bnt_host *host)
{
    struct bnti_host_job *job = &host->job;
    const uint32_t most = host->config.requests.pfns_max & ~UINT32_C(7);

    job->piece = (uint32_t)bnti_host_min(job->total - job->first, most);
    job->judge.init = job->bitmap;
    return pfns_read(host, job->role, &job->chain, job->first << 2, job->piece);
}

/** Writes the bits of one piece, which begins at a whole byte, over the start of its verdicts. */
static bool bitmap_write(struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const uint32_t n = job->piece;

    bnti_host_init_bits(host, job->judge.init, n, verdicts_of(host), host->response);
    return bnti_host_write(host, job->role, &job->chain, job->first / 8, host->response,
                           (n + 7) / 8);
}

/** What a plain request's used element says: bytes that were written (VS-14). */
static uint32_t used_length(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;

    if (bnti_host_quirk(host, BNT_HOST_QUIRK_REQUEST_LENGTH)) {
        return (uint32_t)job->total;
    }
    return job->bitmap ? (uint32_t)((job->total + 7) / 8) : 0;
}

static void piece_end(struct bnt_host *host, uint32_t from)
{
    struct bnti_host_job *job = &host->job;

    request_tell(host, from, job->piece, job->done < job->total, false);
    if (job->bitmap && !bitmap_write(host)) {
        return;
    }
    job->first = job->done;
    job->piece = 0;
    if (job->done == job->total) {
        bnti_host_job_end(host);
        host->count.wire.requests++;
        (void)bnti_host_push(host, job->role, job->chain.head, used_length(host));
    }
}

/** After a load the PFNs of the piece are read again: each is judged as it is read. */
static bool piece_reread(struct bnt_host *host)
{
    struct bnti_host_job *job = &host->job;
    const uint64_t header = job->judge.verdicts ? HEADER_BYTES : 0;

    job->reread = false;
    return pfns_read(host, job->role, &job->chain, header + (job->first << 2), job->piece);
}

/** What a unit of the budget judges: with larger host pages more, since they are discarded whole.
 */
static uint32_t unit_work(const struct bnt_host *host)
{
    return (uint32_t)bnti_host_min((uint64_t)BNT_HOST_STEP_RUNS
                                       << host->config.memory.host_page_order,
                                   BNT_HOST_REQUEST_PFNS_MAX);
}

static void request_serve(struct bnt_host *host)
{
    struct bnti_host_job *job = &host->job;
    struct bnti_host_judge *judge = &job->judge;

    if (job->reread && !piece_reread(host)) {
        return;
    }
    const uint32_t from = (uint32_t)(job->done - job->first);
    if (judge->verdicts && request_is_stale(host)) {
        request_end_told(host, from, true);
        return;
    }
    if (job->piece == 0 && !piece_read(host)) {
        return;
    }
    judge->ruled = judge->deniable && bnti_host_refusal_possible(host, judge->inflate);
    job->done = job->first + bnti_host_judge_pfns(host, judge, from, job->piece, unit_work(host),
                                                  verdicts_of(host));
    if (job->done < job->first + job->piece) {
        request_tell(host, from, (uint32_t)(job->done - job->first), true, false);
    } else if (judge->verdicts) {
        request_end_told(host, from, false);
    } else {
        piece_end(host, from);
    }
}

static void request_begin(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    host->job.judge = request_judge(host, host->job.role, chain->head);
    if (host->job.judge.verdicts) {
        request_begin_told(host, chain);
    } else {
        request_begin_plain(host, chain);
    }
}

static void request_unit(struct bnt_host *host)
{
    struct bnti_host_judge *judge = &host->job.judge;

    request_serve(host);
    if (judge->changed) {
        judge->changed = false;
        if (bnti_host_quirk(host, BNT_HOST_QUIRK_ACTUAL_BY_DEVICE)) {
            bnti_host_actual_set(host, (uint32_t)bnti_host_min(host->ledger.ballooned, UINT32_MAX));
        }
        bnti_host_target_progress(host);
    }
}

/* ---- In a saved state ---- */

static void request_loaded(struct bnt_host *host)
{
    host->job.judge = request_judge(host, host->job.role, host->job.chain.head);
}

/** Whether a request with verdicts can be so far. */
static bool told_valid(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const bool huge = bnti_host_negotiated(host, host->config.features.binding.huge_pages);

    return job->total == job->piece && job->first == 0 &&
           job->piece <= host->config.requests.pfns_max &&
           job->chain.readable_bytes ==
               sizeof(struct bnt_balloon_request) + job->total * sizeof(uint32_t) &&
           job->chain.writable_bytes >= sizeof(struct bnt_balloon_response) + job->total &&
           !job->bitmap &&
           (job->judge.unit_pfns == 1 || (huge && job->judge.unit_pfns == BNT_HOST_HUGE_PFNS));
}

static bool plain_valid(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const bool bitmap =
        job->role == BNT_BALLOON_QUEUE_INFLATE &&
        bnti_host_negotiated(host, host->config.features.binding.device_init_on_inflate) &&
        job->chain.writable_bytes >= (job->total + 7) / 8;

    return job->total == request_pfns(host, &job->chain) && job->total <= request_pfns_most(host) &&
           job->first <= job->done && job->first % 8 == 0 &&
           job->piece <= host->config.requests.pfns_max && job->piece <= job->total - job->first &&
           (job->piece == 0 ? job->done == job->first : job->done < job->first + job->piece) &&
           (bitmap || !job->bitmap) && job->judge.unit_pfns == 0;
}

static bool request_is_valid(const struct bnt_host *host)
{
    return host->job.judge.verdicts ? told_valid(host) : plain_valid(host);
}

const struct bnti_host_role_row bnti_host_request_row = {
    .begin = request_begin,
    .unit = request_unit,
    .loaded = request_loaded,
    .is_valid = request_is_valid,
};
