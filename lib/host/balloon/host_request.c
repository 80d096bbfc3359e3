/*
 * Reads and answers inflate and deflate requests.
 *
 * A request is read a single time, by bounded copies, whatever descriptors it occupies. Its
 * verdicts are then decided and carried out, one unit of the budget at a time (host_verdict.c,
 * job.c). The request is answered and reported to the embedder, and only then returned to the
 * driver. A request of a driver without verdicts can have any length, and is read in pieces. A
 * request with verdicts is bounded and must be well formed (BX-4).
 */
#include "lib/host/balloon/host_balloon.h"

#include <string.h>

#define HEADER_BYTES   ((uint32_t)sizeof(struct bnt_balloon_request))
#define RESPONSE_BYTES ((uint32_t)sizeof(struct bnt_balloon_response))

/** Sets how the PFNs of a request are decided, according to the negotiated features. */
static struct bnti_host_judge set_up_request_judge(const struct bnt_host *host,
                                                   bnt_balloon_queue role, uint16_t head)
{
    const bool inflate = role == BNT_BALLOON_QUEUE_INFLATE;
    const bool verdicts = bnti_host_has_negotiated(host, host->config.features.binding.verdicts);
    const bool told = verdicts && bnti_host_has_negotiated(host, BNT_BALLOON_F_MUST_TELL_HOST);
    const bool below = bnti_host_has_negotiated(host, BNT_BALLOON_F_DEFLATE_ON_OOM);
    struct bnti_host_judge judge = {.inflate = inflate, .verdicts = verdicts, .head = head};

    judge.deniable = inflate || told;
    judge.bounded = inflate ? verdicts : told && !below;
    judge.page = UINT64_MAX;
    return judge;
}

/** Reads n PFNs from a byte offset of the chain into host->pfns. */
static bool read_pfns(struct bnt_host *host, bnt_balloon_queue role,
                      const struct bnt_vq_chain *chain, uint64_t offset, uint32_t n)
{
    if (!bnti_host_read_chain(host, role, chain, offset, host->pfns,
                              n * (uint32_t)sizeof(uint32_t))) {
        return false;
    }
    uint32_t *pfns = host->pfns;
    const bnt_le32 *wire = (const bnt_le32 *)(const void *)pfns;
    if (bnti_host_is_big_endian(host)) {
        for (uint32_t i = 0; i < n; i++) {
            pfns[i] = bnt_guest32_to_cpu(wire[i], true);
        }
        return true;
    }
    for (uint32_t i = 0; i < n; i++) {
        pfns[i] = bnt_le32_to_cpu(wire[i]);
    }
    return true;
}

/** Reports the entries [from, to) of the piece, which this unit served, to the embedder. */
static void report_served_pfns(struct bnt_host *host, uint32_t from, uint32_t to, bool more,
                               bool stale)
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

static void break_on_request(struct bnt_host *host, bnt_balloon_queue role,
                             const struct bnt_vq_chain *chain, bnt_fault fault, uint64_t expected)
{
    const struct bnt_diag diag = {.size = sizeof diag,
                                  .status = BNT_E_MESSAGE,
                                  .fault = fault,
                                  .queue = host->queues[role].index,
                                  .head = chain->head,
                                  .expected = expected,
                                  .found = chain->readable_bytes};

    bnti_host_break_device(host, &diag);
}

/**
 * Checks that a request with verdicts is well formed (BX-4), and stores its number of PFNs in `n`.
 */
static bnt_fault find_request_fault(const struct bnt_host *host, const struct bnt_vq_chain *chain,
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

/** Answers every PFN of a stale request with RESET, and changes nothing (BX-10, BX-11). */
static void answer_stale_request(struct bnt_host *host, uint32_t n, uint32_t unit_pfns)
{
    memset(host->response + RESPONSE_BYTES, BNT_VERDICT_RESET, n);
    host->count.wire.verdicts[BNT_VERDICT_RESET] += (uint64_t)n * unit_pfns;
    host->count.wire.stale_requests++;
}

/** Reads the flags of a request: whether its PFNs stand for huge pages. Returns false if the flags
 * are malformed (BX-23). */
static bool read_request_flags(const struct bnt_host *host,
                               const struct bnt_balloon_request *header,
                               struct bnti_host_judge *judge)
{
    const uint32_t flags = bnt_le32_to_cpu(header->flags);
    const bool huge = bnti_host_has_negotiated(host, host->config.features.binding.huge_pages);

    judge->unit_pfns = 1;
    if (huge && (flags & BNT_BALLOON_REQUEST_2M) != 0) {
        judge->unit_pfns = BNT_HOST_HUGE_PFNS;
    }
    return !huge || (flags & ~BNT_BALLOON_REQUEST_2M) == 0;
}

static bool write_response(struct bnt_host *host, bnt_balloon_queue role,
                           const struct bnt_vq_chain *chain, uint32_t n)
{
    const bool resets = bnti_host_has_negotiated(host, host->config.features.binding.reset);
    const struct bnt_balloon_response response = {bnt_cpu_to_le32(host->target.num_pages),
                                                  bnt_cpu_to_le32(resets ? host->epoch : 0)};

    memcpy(host->response, &response, sizeof response);
    return bnti_host_write_chain(host, role, chain, 0, host->response, RESPONSE_BYTES + n);
}

static uint8_t *get_response_verdicts(const struct bnt_host *host)
{
    return host->response + RESPONSE_BYTES;
}

/** Begins a request of a driver that negotiated verdicts. */
static void begin_verdict_request(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct bnti_host_job *job = &host->job;
    struct bnt_balloon_request header;
    uint32_t n = 0;
    const bnt_fault fault = find_request_fault(host, chain, &n);

    if (fault != BNT_FAULT_NONE) {
        break_on_request(host, job->role, chain, fault, host->config.requests.pfns_max);
        return;
    }
    if (!bnti_host_read_chain(host, job->role, chain, 0, &header, HEADER_BYTES) ||
        !read_pfns(host, job->role, chain, HEADER_BYTES, n)) {
        return;
    }
    if (!read_request_flags(host, &header, &job->judge)) {
        break_on_request(host, job->role, chain, BNT_FAULT_REQUEST_FLAGS, BNT_BALLOON_REQUEST_2M);
        return;
    }
    job->epoch = bnt_le32_to_cpu(header.epoch);
    job->piece = n;
    bnti_host_start_job(host, n);
    host->count.wire.requests++;
}

/** Whether the driver built the request under an old epoch, or the epoch ended while the request
 * was served (BX-11). */
static bool is_request_stale(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const bool unacknowledged = job->done == 0 && host->epoch_ack != host->epoch;

    return bnti_host_has_negotiated(host, host->config.features.binding.reset) &&
           (job->epoch != host->epoch || unacknowledged);
}

/** Writes the response and returns the request to the driver. */
static void end_verdict_request(struct bnt_host *host, uint32_t from, bool stale)
{
    struct bnti_host_job *job = &host->job;
    const uint32_t n = job->piece;

    bnti_host_end_job(host);
    if (stale) {
        answer_stale_request(host, n, job->judge.unit_pfns);
    } else {
        bnti_host_count_verdicts(host, get_response_verdicts(host), n, job->judge.unit_pfns);
    }
    if (write_response(host, job->role, &job->chain, n)) {
        report_served_pfns(host, from, n, false, stale);
        (void)bnti_host_push_buffer(host, job->role, job->chain.head, RESPONSE_BYTES + n);
    }
}

static uint64_t count_request_pfns(const struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    const bool first = bnti_host_has_quirk(host, BNT_HOST_QUIRK_FIRST_BUFFER_ONLY) &&
                       chain->readable_count > 0 && chain->segs != NULL;

    return (first ? chain->segs[0].bytes : chain->readable_bytes) >> 2;
}

static uint64_t get_request_pfns_max(const struct bnt_host *host)
{
    const uint64_t most = host->memory_pfns;

    return most > BNT_HOST_REQUEST_PFNS_MAX ? most : BNT_HOST_REQUEST_PFNS_MAX;
}

/** Returns the number of PFNs in a request of a driver without verdicts. Returns 0 if the request
 * is empty, or longer than any request without repeated PFNs can be; such a request needs no more
 * handling. */
static uint64_t check_plain_request(struct bnt_host *host, bnt_balloon_queue role,
                                    const struct bnt_vq_chain *chain)
{
    const uint64_t total = count_request_pfns(host, chain);
    const uint64_t most = get_request_pfns_max(host);

    if (total > most) {
        break_on_request(host, role, chain, BNT_FAULT_REQUEST_TOO_LONG, most);
        return 0;
    }
    if ((chain->readable_bytes & 3u) != 0) {
        bnti_host_misuse_report(host, BNT_FAULT_REQUEST_LENGTH, role, chain->head, 0,
                                chain->readable_bytes);
    }
    if (total == 0) {
        bnti_host_misuse_report(host, BNT_FAULT_REQUEST_EMPTY, role, chain->head, 0,
                                chain->readable_bytes);
        (void)bnti_host_push_buffer(host, role, chain->head, 0);
    }
    return total;
}

/** Applies the quirks of devices that have no room for all PFNs of an inflate. */
static bool apply_oversized_quirk(struct bnt_host *host, bnt_balloon_queue role,
                                  const struct bnt_vq_chain *chain, uint64_t total)
{
    const uint32_t cap = host->config.oversized_pfns ? host->config.oversized_pfns : 256;
    const bool dropped = bnti_host_has_quirk(host, BNT_HOST_QUIRK_OVERSIZED_DROPPED);
    const bool skipped = bnti_host_has_quirk(host, BNT_HOST_QUIRK_OVERSIZED_SKIPPED);

    if (role != BNT_BALLOON_QUEUE_INFLATE || total <= cap || !(dropped || skipped)) {
        return false;
    }
    bnti_host_misuse_report(host, BNT_FAULT_REQUEST_TOO_LONG, role, chain->head, 0, total);
    if (skipped) {
        (void)bnti_host_push_buffer(host, role, chain->head, 0);
    }
    return true;
}

/** Whether this inflate has room for one bit per PFN in its answer (DEVICE_INIT_ON_INFLATE). */
static bool is_bitmap_wanted(struct bnt_host *host, bnt_balloon_queue role,
                             const struct bnt_vq_chain *chain, uint64_t pfns)
{
    if (role != BNT_BALLOON_QUEUE_INFLATE || pfns == 0 ||
        !bnti_host_has_negotiated(host, host->config.features.binding.device_init_on_inflate)) {
        return false;
    }
    if (chain->writable_bytes < (pfns + 7) / 8) {
        bnti_host_misuse_report(host, BNT_FAULT_REQUEST_NO_BITMAP, role, chain->head, 0,
                                chain->writable_bytes);
        return false;
    }
    return true;
}

/** Begins a request of a driver without verdicts. */
static void begin_plain_request(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct bnti_host_job *job = &host->job;
    const uint64_t total = check_plain_request(host, job->role, chain);

    job->bitmap = is_bitmap_wanted(host, job->role, chain, total);
    if (!apply_oversized_quirk(host, job->role, chain, total) && total > 0) {
        bnti_host_start_job(host, total);
    }
}

/** Reads the next piece of a request of a driver without verdicts. */
static bool read_piece(struct bnt_host *host)
{
    struct bnti_host_job *job = &host->job;
    const uint32_t most = host->config.requests.pfns_max & ~UINT32_C(7);

    job->piece = (uint32_t)bnti_host_min(job->total - job->first, most);
    job->judge.init = job->bitmap;
    return read_pfns(host, job->role, &job->chain, job->first << 2, job->piece);
}

/** Writes the init bits of one piece, which begins at a whole byte. The bits overwrite verdicts
 * that are no longer needed. */
static bool write_bitmap(struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const uint32_t n = job->piece;

    bnti_host_make_init_bits(host, job->judge.init, n, get_response_verdicts(host), host->response);
    return bnti_host_write_chain(host, job->role, &job->chain, job->first / 8, host->response,
                                 (n + 7) / 8);
}

/** The used length of a request without verdicts: the number of bytes written (VS-14). */
static uint32_t get_used_length(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;

    if (bnti_host_has_quirk(host, BNT_HOST_QUIRK_REQUEST_LENGTH)) {
        return (uint32_t)job->total;
    }
    return job->bitmap ? (uint32_t)((job->total + 7) / 8) : 0;
}

static void end_piece(struct bnt_host *host, uint32_t from)
{
    struct bnti_host_job *job = &host->job;

    report_served_pfns(host, from, job->piece, job->done < job->total, false);
    if (job->bitmap && !write_bitmap(host)) {
        return;
    }
    job->first = job->done;
    job->piece = 0;
    if (job->done == job->total) {
        bnti_host_end_job(host);
        host->count.wire.requests++;
        (void)bnti_host_push_buffer(host, job->role, job->chain.head, get_used_length(host));
    }
}

/** After a load, reads the PFNs of the piece again, because a saved state does not contain them. */
static bool read_piece_again(struct bnt_host *host)
{
    struct bnti_host_job *job = &host->job;
    const uint64_t header = job->judge.verdicts ? HEADER_BYTES : 0;

    job->reread = false;
    return read_pfns(host, job->role, &job->chain, header + (job->first << 2), job->piece);
}

/** How many PFNs one unit of the budget covers: more with larger host pages, which are discarded as
 * a whole. */
static uint32_t get_unit_pfns_max(const struct bnt_host *host)
{
    return (uint32_t)bnti_host_min((uint64_t)BNT_HOST_STEP_RUNS
                                       << host->config.memory.host_page_order,
                                   BNT_HOST_REQUEST_PFNS_MAX);
}

static void serve_request(struct bnt_host *host)
{
    struct bnti_host_job *job = &host->job;
    struct bnti_host_judge *judge = &job->judge;

    if (job->reread && !read_piece_again(host)) {
        return;
    }
    const uint32_t from = (uint32_t)(job->done - job->first);
    if (judge->verdicts && is_request_stale(host)) {
        end_verdict_request(host, from, true);
        return;
    }
    if (job->piece == 0 && !read_piece(host)) {
        return;
    }
    judge->ruled = judge->deniable && bnti_host_is_refusal_possible(host, judge->inflate);
    job->done =
        job->first + bnti_host_decide_pfns(host, judge, from, job->piece, get_unit_pfns_max(host),
                                           get_response_verdicts(host));
    if (job->done < job->first + job->piece) {
        report_served_pfns(host, from, (uint32_t)(job->done - job->first), true, false);
    } else if (judge->verdicts) {
        end_verdict_request(host, from, false);
    } else {
        end_piece(host, from);
    }
}

static void begin_request(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    host->job.judge = set_up_request_judge(host, host->job.role, chain->head);
    if (host->job.judge.verdicts) {
        begin_verdict_request(host, chain);
    } else {
        begin_plain_request(host, chain);
    }
}

static void serve_request_unit(struct bnt_host *host)
{
    struct bnti_host_judge *judge = &host->job.judge;

    serve_request(host);
    if (judge->changed) {
        judge->changed = false;
        if (bnti_host_has_quirk(host, BNT_HOST_QUIRK_ACTUAL_BY_DEVICE)) {
            bnti_host_set_actual(host, (uint32_t)bnti_host_min(host->ledger.ballooned, UINT32_MAX));
        }
        bnti_host_target_note_progress(host);
    }
}

/* ---- In a saved state ---- */

static void restore_request_judge(struct bnt_host *host)
{
    host->job.judge = set_up_request_judge(host, host->job.role, host->job.chain.head);
}

/** Whether the progress of a request with verdicts, as loaded from a saved state, is possible. */
static bool is_verdict_request_valid(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const bool huge = bnti_host_has_negotiated(host, host->config.features.binding.huge_pages);

    return job->total == job->piece && job->first == 0 &&
           job->piece <= host->config.requests.pfns_max &&
           job->chain.readable_bytes ==
               sizeof(struct bnt_balloon_request) + job->total * sizeof(uint32_t) &&
           job->chain.writable_bytes >= sizeof(struct bnt_balloon_response) + job->total &&
           !job->bitmap &&
           (job->judge.unit_pfns == 1 || (huge && job->judge.unit_pfns == BNT_HOST_HUGE_PFNS));
}

static bool is_plain_request_valid(const struct bnt_host *host)
{
    const struct bnti_host_job *job = &host->job;
    const bool bitmap =
        job->role == BNT_BALLOON_QUEUE_INFLATE &&
        bnti_host_has_negotiated(host, host->config.features.binding.device_init_on_inflate) &&
        job->chain.writable_bytes >= (job->total + 7) / 8;

    return job->total == count_request_pfns(host, &job->chain) &&
           job->total <= get_request_pfns_max(host) && job->first <= job->done &&
           job->first % 8 == 0 && job->piece <= host->config.requests.pfns_max &&
           job->piece <= job->total - job->first &&
           (job->piece == 0 ? job->done == job->first : job->done < job->first + job->piece) &&
           (bitmap || !job->bitmap) && job->judge.unit_pfns == 0;
}

static bool is_request_valid(const struct bnt_host *host)
{
    return host->job.judge.verdicts ? is_verdict_request_valid(host) : is_plain_request_valid(host);
}

const struct bnti_host_role_row bnti_host_request_row = {
    .begin = begin_request,
    .unit = serve_request_unit,
    .loaded = restore_request_judge,
    .is_valid = is_request_valid,
};
