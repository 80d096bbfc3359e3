/*
 * Free page hinting (VIRTIO 1.3, 5.5.6.4): the embedder starts and ends runs, and the driver sends
 * free pages under the command id of the run. Each valid range is reported to the embedder.
 *
 * The ledger does not change: hinted pages still belong to the guest. Pages are discarded only with
 * `hinting.discard`, and only under the current id. Configuration space shows the current command,
 * which this file stores.
 */
#include "lib/host/features/host_features.h"

#include "lib/base/pack.h"

/** Only set_hint_state_id writes `state` and `id`. */
struct hint_state {
    bnt_host_hint_state state;
    uint32_t id;        /**< id issued last; 0: none yet */
    uint32_t seen;      /**< valid id that the driver began last; 0: none */
    uint64_t unstopped; /**< number of issued ids that the driver has not stopped */
    bool issued;        /**< an id was issued */
    bool current;       /**< the driver is in the run with `id` */
};

static struct hint_state *get_host_hint_state(const struct bnt_host *host)
{
    return bnti_host_get_feature_state(host, BNTI_HOST_FEATURE_HINT);
}

static bool is_hint_id_range_valid(const struct bnt_host_config *config)
{
    return config->hinting.id_first >= BNT_BALLOON_HINT_ID_FIRST &&
           config->hinting.id_first < config->hinting.id_last;
}

/* ---- Command ids --------------------------------------------------------------------------- */

/** The command in configuration space: STOP, DONE or the id of the wanted run. */
static uint32_t get_hint_command(const struct bnt_host *host)
{
    switch (get_host_hint_state(host)->state) {
    case BNT_HOST_HINT_REQUESTED:
    case BNT_HOST_HINT_START:
        return get_host_hint_state(host)->id;
    case BNT_HOST_HINT_DONE:
        return BNT_BALLOON_HINT_DONE;
    case BNT_HOST_HINT_STOP:
        break;
    }
    return BNT_BALLOON_HINT_STOP;
}

static uint32_t get_next_hint_id(const struct bnt_host *host, uint32_t id)
{
    return id < host->config.hinting.id_first || id >= host->config.hinting.id_last
               ? host->config.hinting.id_first
               : id + 1;
}

static uint64_t count_hint_ids(const struct bnt_host *host)
{
    return (uint64_t)host->config.hinting.id_last - host->config.hinting.id_first + 1;
}

/* Number of ids that were issued after `id`. The device has issued `id`, too. */
static uint64_t count_hint_ids_since(const struct bnt_host *host, uint32_t id)
{
    return get_host_hint_state(host)->id >= id
               ? get_host_hint_state(host)->id - id
               : count_hint_ids(host) - (id - get_host_hint_state(host)->id);
}

/* The legal next states of a state, as a bit mask. */
static uint32_t get_next_hint_states(bnt_host_hint_state state)
{
#define TO(state) (1u << BNT_HOST_HINT_##state)
    switch (state) {
    case BNT_HOST_HINT_STOP:
        return TO(REQUESTED) | TO(DONE);
    case BNT_HOST_HINT_REQUESTED:
        return TO(REQUESTED) | TO(START) | TO(STOP) | TO(DONE);
    case BNT_HOST_HINT_START:
        return TO(REQUESTED) | TO(STOP) | TO(DONE);
    default:
        return TO(REQUESTED);
    }
#undef TO
}

/** Sets the state and the id. If the command in configuration space changes, the driver gets an
 * interrupt. */
static void set_hint_state_id(struct bnt_host *host, bnt_host_hint_state state, uint32_t id)
{
    struct hint_state *hint = get_host_hint_state(host);
    const uint32_t before = get_hint_command(host);

    BNTI_ASSERT((get_next_hint_states(hint->state) & 1u << state) != 0);
    hint->state = state;
    hint->id = id;
    if (get_hint_command(host) != before) {
        bnti_host_raise_generation(host);
        bnti_host_mark_config_interrupt(host, host->config_due || bnt_dev_is_live(&host->dev));
    }
    bnti_host_emit_event(host, BNT_HOST_EVENT_HINT, (uint64_t)state, id);
}

static void set_hint_state(struct bnt_host *host, bnt_host_hint_state state)
{
    set_hint_state_id(host, state, get_host_hint_state(host)->id);
}

/* After a device reset: the driver has no hinted pages, and no hint is in flight. */
static void end_hint_session(struct bnt_host *host)
{
    get_host_hint_state(host)->unstopped = 0;
    get_host_hint_state(host)->seen = 0;
    get_host_hint_state(host)->current = false;
    if (get_host_hint_state(host)->state != BNT_HOST_HINT_DONE &&
        get_host_hint_state(host)->issued) {
        set_hint_state(host, BNT_HOST_HINT_DONE);
    }
}

/* ---- The embedder's calls ------------------------------------------------------------------ */

/* Begins a call by the embedder that needs a driver with negotiated hinting. */
static bnt_status enter_hint_call(struct bnt_host *host, uint64_t now_ns, bnti_host_busy *before)
{
    bnt_status status = BNT_OK;

    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    const bool live = bnt_dev_is_live(&host->dev);
    if ((host->dev.offered & BNT_BALLOON_F_FREE_PAGE_HINT) == 0 ||
        (live && !bnti_host_has_negotiated(host, BNT_BALLOON_F_FREE_PAGE_HINT))) {
        status = BNT_E_UNSUPPORTED;
    } else if (!live) {
        status = BNT_E_STATE;
    }
    if (status != BNT_OK) {
        bnti_host_leave_call(host, *before);
    }
    return status;
}

bnt_status bnt_host_hint_start(struct bnt_host *host, uint64_t now_ns, uint32_t *id)
{
    bnti_host_busy before;
    bnt_status status = enter_hint_call(host, now_ns, &before);

    if (status != BNT_OK) {
        return status;
    }
    /* An id is reused only after the driver has sent STOP for it (BV-7). */
    if (get_host_hint_state(host)->unstopped >= count_hint_ids(host)) {
        status = BNT_E_AGAIN;
    } else {
        const uint32_t next = get_next_hint_id(host, get_host_hint_state(host)->id);
        get_host_hint_state(host)->issued = true;
        get_host_hint_state(host)->current = false;
        get_host_hint_state(host)->seen =
            get_host_hint_state(host)->seen == next ? 0 : get_host_hint_state(host)->seen;
        get_host_hint_state(host)->unstopped++;
        host->count.hinting.runs++;
        set_hint_state_id(host, BNT_HOST_HINT_REQUESTED, next);
        if (id != NULL) {
            *id = get_host_hint_state(host)->id;
        }
    }
    bnti_host_leave_call(host, before);
    return status;
}

bnt_status bnt_host_hint_stop(struct bnt_host *host, uint64_t now_ns)
{
    bnti_host_busy before;
    const bnt_status status = enter_hint_call(host, now_ns, &before);

    if (status != BNT_OK) {
        return status;
    }
    if (get_host_hint_state(host)->state != BNT_HOST_HINT_STOP &&
        get_host_hint_state(host)->state != BNT_HOST_HINT_DONE) {
        set_hint_state(host, BNT_HOST_HINT_STOP);
    }
    bnti_host_leave_call(host, before);
    return BNT_OK;
}

bnt_status bnt_host_hint_finish(struct bnt_host *host, uint64_t now_ns)
{
    bnti_host_busy before;
    const bnt_status status = enter_hint_call(host, now_ns, &before);

    if (status != BNT_OK) {
        return status;
    }
    if (get_host_hint_state(host)->state != BNT_HOST_HINT_DONE) {
        set_hint_state(host, BNT_HOST_HINT_DONE);
    }
    bnti_host_leave_call(host, before);
    return BNT_OK;
}

/* ---- The driver's buffers ------------------------------------------------------------------ */

/* Handles a command of the driver: the current id begins a run, and STOP ends a run. */
static void handle_hint_command(struct bnt_host *host, uint32_t id)
{
    struct hint_state *hint = get_host_hint_state(host);

    if (id == BNT_BALLOON_HINT_STOP) {
        /* STOP belongs to the run that the driver began last. The driver can still begin the runs
         * of later ids. */
        if (hint->seen != 0) {
            hint->unstopped = count_hint_ids_since(host, hint->seen);
        }
        if (hint->state == BNT_HOST_HINT_START && hint->seen == hint->id) {
            set_hint_state(host, BNT_HOST_HINT_STOP);
        }
        return;
    }
    const bool known = id >= host->config.hinting.id_first && id <= host->config.hinting.id_last;
    hint->seen = known && count_hint_ids_since(host, id) < hint->unstopped ? id : hint->seen;
    hint->current = id == hint->id;
    if (hint->current && hint->state == BNT_HOST_HINT_REQUESTED) {
        set_hint_state(host, BNT_HOST_HINT_START);
    }
}

/* Reads the readable part of a buffer. Returns false if that broke the device. With the legacy
 * interface the id is in the guest's byte order, unlike configuration space (BL-9). */
static bool serve_hint_command(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    bnt_le32 wire;

    if (chain->readable_bytes == 0) {
        return true;
    }
    if (chain->readable_bytes != sizeof wire) {
        bnti_host_misuse_report(host, BNT_FAULT_HINT_LENGTH, BNT_BALLOON_QUEUE_HINT, chain->head, 0,
                                chain->readable_bytes);
        return true;
    }
    if (!bnti_host_read_chain(host, BNT_BALLOON_QUEUE_HINT, chain, 0, &wire, sizeof wire)) {
        return false;
    }
    handle_hint_command(host, bnt_guest32_to_cpu(wire, bnti_host_is_big_endian(host)));
    return true;
}

/* Whether hints are valid now: they belong to the wanted run (BV-8). */
static bool is_hint_counted(const struct bnt_host *host)
{
    return get_host_hint_state(host)->state == BNT_HOST_HINT_START &&
           get_host_hint_state(host)->current;
}

static void record_hint_extent(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    if (host->config.hinting.discard) {
        (void)bnti_host_discard_run(host, first_pfn, pfns, NULL);
    }
    host->count.hinting.hinted_pfns += pfns;
    if (host->ops.hinting.hint != NULL) {
        host->ops.hinting.hint(host->opaque, first_pfn, pfns);
    }
}

/* Serves one range. If the range begins or ends inside a PFN, this PFN is left out, because the
 * rest of it is not free. */
static bool serve_hint_extent(struct bnt_host *host, const struct bnt_vq_seg *seg, uint16_t head)
{
    const uint64_t mask = BNT_PFN_BYTES - 1;
    const uint64_t first_pfn = (seg->gpa >> BNT_PFN_SHIFT) + ((seg->gpa & mask) != 0);
    const uint64_t end = seg->gpa + seg->bytes;
    const uint64_t end_pfn = end >> BNT_PFN_SHIFT;

    if (end >= seg->gpa && end_pfn <= first_pfn) {
        return true;
    }
    if (end < seg->gpa || !bnti_host_is_memory(host, first_pfn, end_pfn - first_pfn)) {
        bnti_host_misuse_report(host, BNT_FAULT_HINT_RANGE, BNT_BALLOON_QUEUE_HINT, head, first_pfn,
                                seg->bytes);
        return true;
    }
    const uint64_t at = bnti_host_get_ledger_position(host, first_pfn);
    const uint64_t pfns = end_pfn - first_pfn;
    if (!bnti_host_ledger_has_leafless(&host->ledger, at, pfns) &&
        !bnti_host_ledger_is_none_held(&host->ledger, at, pfns)) {
        bnti_host_misuse_report(host, BNT_FAULT_HINT_BALLOONED, BNT_BALLOON_QUEUE_HINT, head,
                                first_pfn, seg->bytes);
        return true;
    }
    if (is_hint_counted(host)) {
        record_hint_extent(host, first_pfn, pfns);
    } else {
        host->count.hinting.ignored_pfns += pfns;
    }
    return true;
}

/*
 * A buffer can contain a command, pages, or both, in any number of segments. The command is handled
 * first.
 */
static void begin_hint_buffer(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    if (serve_hint_command(host, chain)) {
        bnti_host_start_job(host, chain->writable_count);
    }
}

static void serve_hint_unit(struct bnt_host *host)
{
    if (bnti_host_job_serve_segments(host, serve_hint_extent)) {
        (void)bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_HINT, host->job.chain.head, 0);
    }
}

/* ---- The row -------------------------------------------------------------------------------- */

/** Saves or loads the run. The run continues after a load, because the driver knows the id, and its
 * buffers can be in the ring. */
static void pack_hint_state(struct bnti_pack *pack, struct bnt_host *host)
{
    struct hint_state *hint = get_host_hint_state(host);
    const uint32_t first = host->config.hinting.id_first;
    const uint32_t last = host->config.hinting.id_last;
    uint32_t state = (uint32_t)hint->state;

    bnti_save_or_load_u32(pack, &state);
    bnti_save_or_load_u32(pack, &hint->id);
    bnti_save_or_load_u32(pack, &hint->seen);
    bnti_save_or_load_u64(pack, &hint->unstopped);
    bnti_save_or_load_bool(pack, &hint->issued);
    bnti_save_or_load_bool(pack, &hint->current);
    bnti_save_or_load_u64(pack, &host->count.hinting.runs);
    bnti_save_or_load_u64(pack, &host->count.hinting.hinted_pfns);
    bnti_save_or_load_u64(pack, &host->count.hinting.ignored_pfns);
    const bool none = hint->id == 0;
    const bool id_good = none ? !hint->issued : hint->id >= first && hint->id <= last;
    const bool seen_good = hint->seen == 0 || (hint->seen >= first && hint->seen <= last);
    bnti_pack_fail_load_unless(
        pack, !(state > BNT_HOST_HINT_DONE || !id_good || !seen_good ||
                hint->unstopped > (uint64_t)last - first + 1 ||
                (none && ((state != BNT_HOST_HINT_STOP && state != BNT_HOST_HINT_DONE) ||
                          hint->unstopped != 0 || hint->seen != 0))));
    hint->state = pack->failed ? BNT_HOST_HINT_STOP : (bnt_host_hint_state)state;
}

static void read_hint_config(const struct bnt_host *host, uint8_t *space)
{
    bnti_host_put_field(space, BNT_BALLOON_CONFIG_HINT_CMD_ID, get_hint_command(host));
}

static void fill_hint_info(const struct bnt_host *host, struct bnt_host_info *info)
{
    info->hinting.state = get_host_hint_state(host)->state;
    info->hinting.id = get_host_hint_state(host)->id;
}

static const struct bnti_host_role_row hint_row = {
    .begin = begin_hint_buffer,
    .unit = serve_hint_unit,
    .is_valid = bnti_host_job_are_segments_valid,
};

const struct bnti_host_feature bnti_host_feature_hint = {
    .serves = BNT_BALLOON_WITH(FREE_PAGE_HINT),
    .state_bytes = sizeof(struct hint_state),
    .config_valid = is_hint_id_range_valid,
    .forget = end_hint_session,
    .config_read = read_hint_config,
    .pack = pack_hint_state,
    .saved = BNTI_HOST_SAVED_AFTER_RULES,
    .info = fill_hint_info,
    .queues = {{BNT_BALLOON_QUEUE_HINT, &hint_row}},
};
