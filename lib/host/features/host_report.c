/*
 * Free page reporting: the guest reports free memory, and the device discards its backing memory.
 *
 * Free page reporting works without inflation. The descriptors of the buffer are the reported
 * extents; their content is never read. The ledger does not change.
 */
#include "lib/host/features/host_features.h"

/** Discards a reported extent. Returns whether the whole extent reads as initialised afterwards. */
static bool discard_reported_extent(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    const uint64_t at = bnti_host_get_ledger_position(host, first_pfn);
    bool init = false;

    /* It is possible that a range without a leaf contains pages that must keep their backing
     * memory. */
    uint64_t whole = first_pfn;
    uint64_t whole_pfns = pfns;
    if (!bnti_host_ledger_has_leafless(&host->ledger, at, pfns) &&
        bnti_host_backing_shrink_to_pages(host, &whole, &whole_pfns)) {
        (void)bnti_host_discard_reported_run(host, whole, whole_pfns, &init);
    }
    init = init && whole_pfns == pfns;
    host->count.reporting.reported_pfns += pfns;
    if (host->ops.reporting.report != NULL) {
        host->ops.reporting.report(host->opaque, first_pfn, pfns);
    }
    return init;
}

/** Serves one extent. If the extent begins or ends inside a PFN, this PFN is left out, because the
 * rest of it is not free. Returns true if all of its bytes read as initialised afterwards. */
static bool serve_report_extent(struct bnt_host *host, const struct bnt_vq_seg *seg, uint16_t head)
{
    const uint64_t mask = BNT_PFN_BYTES - 1;
    const uint64_t first_pfn = (seg->gpa >> BNT_PFN_SHIFT) + ((seg->gpa & mask) != 0);
    const uint64_t end = seg->gpa + seg->bytes;
    const uint64_t end_pfn = end >> BNT_PFN_SHIFT;

    if (end >= seg->gpa && end_pfn <= first_pfn) {
        return false;
    }
    if (end < seg->gpa || !bnti_host_is_memory(host, first_pfn, end_pfn - first_pfn)) {
        bnti_host_misuse_report(host, BNT_FAULT_REPORT_RANGE, BNT_BALLOON_QUEUE_REPORT, head,
                                first_pfn, seg->bytes);
        return false;
    }
    const uint64_t at = bnti_host_get_ledger_position(host, first_pfn);
    const uint64_t pfns = end_pfn - first_pfn;
    if (!bnti_host_ledger_has_leafless(&host->ledger, at, pfns) &&
        !bnti_host_ledger_is_none_held(&host->ledger, at, pfns)) {
        bnti_host_misuse_report(host, BNT_FAULT_REPORT_BALLOONED, BNT_BALLOON_QUEUE_REPORT, head,
                                first_pfn, seg->bytes);
        return false;
    }
    return discard_reported_extent(host, first_pfn, pfns) && pfns << BNT_PFN_SHIFT == seg->bytes;
}

static void begin_report(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    if (chain->readable_count > 0) {
        bnti_host_misuse_report(host, BNT_FAULT_REPORT_READABLE, BNT_BALLOON_QUEUE_REPORT,
                                chain->head, 0, chain->readable_bytes);
    }
    /* In the draft, the used length says that the whole buffer was initialised, or that nothing
     * was. */
    host->job.judge.init =
        bnti_host_has_negotiated(host, host->config.features.binding.device_init_reported);
    bnti_host_start_job(host, chain->writable_count);
}

static void serve_report_unit(struct bnt_host *host)
{
    const uint64_t bytes = host->job.chain.writable_bytes;

    if (!bnti_host_job_serve_segments(host, serve_report_extent)) {
        return;
    }
    const bool length =
        host->job.judge.init || bnti_host_has_quirk(host, BNT_HOST_QUIRK_REPORT_LENGTH);
    (void)bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_REPORT, host->job.chain.head,
                                length ? (uint32_t)bnti_host_min(bytes, UINT32_MAX) : 0);
}

static const struct bnti_host_role_row report_row = {
    .begin = begin_report,
    .unit = serve_report_unit,
    .is_valid = bnti_host_job_are_segments_valid,
};

const struct bnti_host_feature bnti_host_feature_report = {
    .serves = BNT_BALLOON_WITH(PAGE_REPORTING) | BNT_BALLOON_WITH(DEVICE_INIT_REPORTED),
    .queues = {{BNT_BALLOON_QUEUE_REPORT, &report_row}},
};
