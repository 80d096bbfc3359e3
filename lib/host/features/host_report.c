/*
 * Free page reporting: the guest names free memory, the device discards its backing.
 *
 * Works whether or not anything is ever inflated. The extents are the descriptors of the buffer
 * themselves; their bytes are never read. The ledger does not change.
 */
#include "lib/host/features/host_features.h"

/** Whether all of it reads as initialised then. */
static bool extent_discard(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    const uint64_t at = bnti_host_at(host, first_pfn);
    bool init = false;

    /* A range without leaf may hold pages that must keep their backing. */
    uint64_t whole = first_pfn;
    uint64_t whole_pfns = pfns;
    if (!bnti_host_ledger_any_leafless(&host->ledger, at, pfns) &&
        bnti_host_backing_whole(host, &whole, &whole_pfns)) {
        (void)bnti_host_discard_reported(host, whole, whole_pfns, &init);
    }
    init = init && whole_pfns == pfns;
    host->count.reporting.reported_pfns += pfns;
    if (host->ops.reporting.report != NULL) {
        host->ops.reporting.report(host->opaque, first_pfn, pfns);
    }
    return init;
}

/** Serves one extent; ends that cut a PFN shrink inwards, since the rest of it is not free. True if
 * all of its bytes read as initialised then. */
static bool extent_serve(struct bnt_host *host, const struct bnt_vq_seg *seg, uint16_t head)
{
    const uint64_t mask = BNT_PFN_BYTES - 1;
    const uint64_t first_pfn = (seg->gpa >> BNT_PFN_SHIFT) + ((seg->gpa & mask) != 0);
    const uint64_t end = seg->gpa + seg->bytes;
    const uint64_t end_pfn = end >> BNT_PFN_SHIFT;

    if (end >= seg->gpa && end_pfn <= first_pfn) {
        return false;
    }
    if (end < seg->gpa || !bnti_host_memory(host, first_pfn, end_pfn - first_pfn)) {
        bnti_host_misuse(host, BNT_FAULT_REPORT_RANGE, BNT_BALLOON_QUEUE_REPORT, head, first_pfn,
                         seg->bytes);
        return false;
    }
    const uint64_t at = bnti_host_at(host, first_pfn);
    const uint64_t pfns = end_pfn - first_pfn;
    if (!bnti_host_ledger_any_leafless(&host->ledger, at, pfns) &&
        !bnti_host_ledger_none_held(&host->ledger, at, pfns)) {
        bnti_host_misuse(host, BNT_FAULT_REPORT_BALLOONED, BNT_BALLOON_QUEUE_REPORT, head,
                         first_pfn, seg->bytes);
        return false;
    }
    return extent_discard(host, first_pfn, pfns) && pfns << BNT_PFN_SHIFT == seg->bytes;
}

static void report_begin(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    if (chain->readable_count > 0) {
        bnti_host_misuse(host, BNT_FAULT_REPORT_READABLE, BNT_BALLOON_QUEUE_REPORT, chain->head, 0,
                         chain->readable_bytes);
    }
    /* The used length says that the buffer was initialised, all of it, or nothing (the draft). */
    host->job.judge.init =
        bnti_host_negotiated(host, host->config.features.binding.device_init_reported);
    bnti_host_job_start(host, chain->writable_count);
}

static void report_unit(struct bnt_host *host)
{
    const uint64_t bytes = host->job.chain.writable_bytes;

    if (!bnti_host_job_segments(host, extent_serve)) {
        return;
    }
    const bool length = host->job.judge.init || bnti_host_quirk(host, BNT_HOST_QUIRK_REPORT_LENGTH);
    (void)bnti_host_push(host, BNT_BALLOON_QUEUE_REPORT, host->job.chain.head,
                         length ? (uint32_t)bnti_host_min(bytes, UINT32_MAX) : 0);
}

static const struct bnti_host_role_row report_row = {
    .begin = report_begin,
    .unit = report_unit,
    .is_valid = bnti_host_job_segments_valid,
};

const struct bnti_host_feature bnti_host_feature_report = {
    .serves = BNT_BALLOON_WITH(PAGE_REPORTING) | BNT_BALLOON_WITH(DEVICE_INIT_REPORTED),
    .queues = {{BNT_BALLOON_QUEUE_REPORT, &report_row}},
};
