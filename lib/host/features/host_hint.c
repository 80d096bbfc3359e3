/*
 * Free page hinting (VIRTIO 1.3, 5.5.6.4): the embedder starts and ends runs, the driver names free
 * pages under the run's command id, the embedder is told of each range that counts.
 *
 * The ledger does not change: hinted pages stay the guest's. Nothing but `hinting.discard` touches
 * them, and that only under the current id. What configuration space shows is read from here.
 */
#include "lib/host/features/host_features.h"

#include "lib/base/pack.h"

/** state_set_id alone writes `state` and `id`. */
struct hint_state {
    bnt_host_hint_state state;
    uint32_t id;        /**< issued last; 0: none ever */
    uint32_t seen;      /**< that the driver began last, of those that count; 0: none */
    uint64_t unstopped; /**< ids issued whose run the driver may still be in */
    bool issued;        /**< an id, ever */
    bool current;       /**< what the driver sends is of the run `id` */
};

static struct hint_state *hint_of(const struct bnt_host *host)
{
    return bnti_host_feature_state(host, BNTI_HOST_FEATURE_HINT);
}

static bool hint_config_valid(const struct bnt_host_config *config)
{
    return config->hinting.id_first >= BNT_BALLOON_HINT_ID_FIRST &&
           config->hinting.id_first < config->hinting.id_last;
}

/* ---- Command ids --------------------------------------------------------------------------- */

/** What configuration space shows: STOP, DONE or the id of the run that is wanted. */
static uint32_t hint_command(const struct bnt_host *host)
{
    switch (hint_of(host)->state) {
    case BNT_HOST_HINT_REQUESTED:
    case BNT_HOST_HINT_START:
        return hint_of(host)->id;
    case BNT_HOST_HINT_DONE:
        return BNT_BALLOON_HINT_DONE;
    case BNT_HOST_HINT_STOP:
        break;
    }
    return BNT_BALLOON_HINT_STOP;
}

static uint32_t id_after(const struct bnt_host *host, uint32_t id)
{
    return id < host->config.hinting.id_first || id >= host->config.hinting.id_last
               ? host->config.hinting.id_first
               : id + 1;
}

static uint64_t ids(const struct bnt_host *host)
{
    return (uint64_t)host->config.hinting.id_last - host->config.hinting.id_first + 1;
}

/* How many ids were issued after `id`, which is one of them. */
static uint64_t ids_since(const struct bnt_host *host, uint32_t id)
{
    return hint_of(host)->id >= id ? hint_of(host)->id - id : ids(host) - (id - hint_of(host)->id);
}

/* Which states a state leads to, a bit each. */
static uint32_t leads_to(bnt_host_hint_state state)
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

/** With the id that goes with it; what the driver reads is told to it where it changed. */
static void state_set_id(struct bnt_host *host, bnt_host_hint_state state, uint32_t id)
{
    struct hint_state *hint = hint_of(host);
    const uint32_t before = hint_command(host);

    BNTI_ASSERT((leads_to(hint->state) & 1u << state) != 0);
    hint->state = state;
    hint->id = id;
    if (hint_command(host) != before) {
        bnti_host_generation_raise(host);
        bnti_host_config_interrupt(host, host->config_due || bnt_dev_live(&host->dev));
    }
    bnti_host_event_emit(host, BNT_HOST_EVENT_HINT, (uint64_t)state, id);
}

static void state_set(struct bnt_host *host, bnt_host_hint_state state)
{
    state_set_id(host, state, hint_of(host)->id);
}

/* The device was reset: no driver has a page any more, and no buffer of it is on its way. */
static void hint_forget(struct bnt_host *host)
{
    hint_of(host)->unstopped = 0;
    hint_of(host)->seen = 0;
    hint_of(host)->current = false;
    if (hint_of(host)->state != BNT_HOST_HINT_DONE && hint_of(host)->issued) {
        state_set(host, BNT_HOST_HINT_DONE);
    }
}

/* ---- The embedder's calls ------------------------------------------------------------------ */

/* Begins a call that needs a driver that negotiated hints. */
static bnt_status hint_enter(struct bnt_host *host, uint64_t now_ns, bnti_host_busy *before)
{
    bnt_status status = BNT_OK;

    if (!bnti_host_enter(host, BNTI_HOST_TELLING, before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_clock(host, now_ns);
    const bool live = bnt_dev_live(&host->dev);
    if ((host->dev.offered & BNT_BALLOON_F_FREE_PAGE_HINT) == 0 ||
        (live && !bnti_host_negotiated(host, BNT_BALLOON_F_FREE_PAGE_HINT))) {
        status = BNT_E_UNSUPPORTED;
    } else if (!live) {
        status = BNT_E_STATE;
    }
    if (status != BNT_OK) {
        bnti_host_leave(host, *before);
    }
    return status;
}

bnt_status bnt_host_hint_start(struct bnt_host *host, uint64_t now_ns, uint32_t *id)
{
    bnti_host_busy before;
    bnt_status status = hint_enter(host, now_ns, &before);

    if (status != BNT_OK) {
        return status;
    }
    /* An id comes round again only after the driver's STOP (BV-7). */
    if (hint_of(host)->unstopped >= ids(host)) {
        status = BNT_E_AGAIN;
    } else {
        const uint32_t next = id_after(host, hint_of(host)->id);
        hint_of(host)->issued = true;
        hint_of(host)->current = false;
        hint_of(host)->seen = hint_of(host)->seen == next ? 0 : hint_of(host)->seen;
        hint_of(host)->unstopped++;
        host->count.hinting.runs++;
        state_set_id(host, BNT_HOST_HINT_REQUESTED, next);
        if (id != NULL) {
            *id = hint_of(host)->id;
        }
    }
    bnti_host_leave(host, before);
    return status;
}

bnt_status bnt_host_hint_stop(struct bnt_host *host, uint64_t now_ns)
{
    bnti_host_busy before;
    const bnt_status status = hint_enter(host, now_ns, &before);

    if (status != BNT_OK) {
        return status;
    }
    if (hint_of(host)->state != BNT_HOST_HINT_STOP && hint_of(host)->state != BNT_HOST_HINT_DONE) {
        state_set(host, BNT_HOST_HINT_STOP);
    }
    bnti_host_leave(host, before);
    return BNT_OK;
}

bnt_status bnt_host_hint_done(struct bnt_host *host, uint64_t now_ns)
{
    bnti_host_busy before;
    const bnt_status status = hint_enter(host, now_ns, &before);

    if (status != BNT_OK) {
        return status;
    }
    if (hint_of(host)->state != BNT_HOST_HINT_DONE) {
        state_set(host, BNT_HOST_HINT_DONE);
    }
    bnti_host_leave(host, before);
    return BNT_OK;
}

/* ---- The driver's buffers ------------------------------------------------------------------ */

/* An id begins a run if it is the current one; STOP ends one that was begun. */
static void command_take(struct bnt_host *host, uint32_t id)
{
    struct hint_state *hint = hint_of(host);

    if (id == BNT_BALLOON_HINT_STOP) {
        /* Of the run that the driver began last; what was issued since may still be begun. */
        if (hint->seen != 0) {
            hint->unstopped = ids_since(host, hint->seen);
        }
        if (hint->state == BNT_HOST_HINT_START && hint->seen == hint->id) {
            state_set(host, BNT_HOST_HINT_STOP);
        }
        return;
    }
    const bool known = id >= host->config.hinting.id_first && id <= host->config.hinting.id_last;
    hint->seen = known && ids_since(host, id) < hint->unstopped ? id : hint->seen;
    hint->current = id == hint->id;
    if (hint->current && hint->state == BNT_HOST_HINT_REQUESTED) {
        state_set(host, BNT_HOST_HINT_START);
    }
}

/* Takes the readable part of a buffer; false if that broke the device. Its id is in the guest's
 * byte order under the legacy interface, where configuration space is not (BL-9). */
static bool command_serve(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    bnt_le32 wire;

    if (chain->readable_bytes == 0) {
        return true;
    }
    if (chain->readable_bytes != sizeof wire) {
        bnti_host_misuse(host, BNT_FAULT_HINT_LENGTH, BNT_BALLOON_QUEUE_HINT, chain->head, 0,
                         chain->readable_bytes);
        return true;
    }
    if (!bnti_host_read(host, BNT_BALLOON_QUEUE_HINT, chain, 0, &wire, sizeof wire)) {
        return false;
    }
    command_take(host, bnt_guest32_get(wire, bnti_host_big_endian(host)));
    return true;
}

/* Whether pages count now: their run is the one that is wanted (BV-8). */
static bool hint_counts(const struct bnt_host *host)
{
    return hint_of(host)->state == BNT_HOST_HINT_START && hint_of(host)->current;
}

static void extent_take(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    if (host->config.hinting.discard) {
        (void)bnti_host_discard(host, first_pfn, pfns, NULL);
    }
    host->count.hinting.hinted_pfns += pfns;
    if (host->ops.hinting.hint != NULL) {
        host->ops.hinting.hint(host->opaque, first_pfn, pfns);
    }
}

/* One range; ends that cut a PFN shrink inwards, since the rest of it is not free. */
static bool extent_serve(struct bnt_host *host, const struct bnt_vq_seg *seg, uint16_t head)
{
    const uint64_t mask = BNT_PFN_BYTES - 1;
    const uint64_t first_pfn = (seg->gpa >> BNT_PFN_SHIFT) + ((seg->gpa & mask) != 0);
    const uint64_t end = seg->gpa + seg->bytes;
    const uint64_t end_pfn = end >> BNT_PFN_SHIFT;

    if (end >= seg->gpa && end_pfn <= first_pfn) {
        return true;
    }
    if (end < seg->gpa || !bnti_host_memory(host, first_pfn, end_pfn - first_pfn)) {
        bnti_host_misuse(host, BNT_FAULT_HINT_RANGE, BNT_BALLOON_QUEUE_HINT, head, first_pfn,
                         seg->bytes);
        return true;
    }
    const uint64_t at = bnti_host_at(host, first_pfn);
    const uint64_t pfns = end_pfn - first_pfn;
    if (!bnti_host_ledger_any_leafless(&host->ledger, at, pfns) &&
        !bnti_host_ledger_none_held(&host->ledger, at, pfns)) {
        bnti_host_misuse(host, BNT_FAULT_HINT_BALLOONED, BNT_BALLOON_QUEUE_HINT, head, first_pfn,
                         seg->bytes);
        return true;
    }
    if (hint_counts(host)) {
        extent_take(host, first_pfn, pfns);
    } else {
        host->count.hinting.ignored_pfns += pfns;
    }
    return true;
}

/*
 * A buffer may be a command, pages, or both, in any number of segments: the command comes first.
 */
static void hint_begin(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    if (command_serve(host, chain)) {
        bnti_host_job_start(host, chain->writable_count);
    }
}

static void hint_unit(struct bnt_host *host)
{
    if (bnti_host_job_segments(host, extent_serve)) {
        (void)bnti_host_push(host, BNT_BALLOON_QUEUE_HINT, host->job.chain.head, 0);
    }
}

/* ---- The row -------------------------------------------------------------------------------- */

/** The run goes on where it was: its driver knows the id, and may have buffers of it in the ring.
 */
static void hint_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct hint_state *hint = hint_of(host);
    const uint32_t first = host->config.hinting.id_first;
    const uint32_t last = host->config.hinting.id_last;
    uint32_t state = (uint32_t)hint->state;

    bnti_pack_u32(pack, &state);
    bnti_pack_u32(pack, &hint->id);
    bnti_pack_u32(pack, &hint->seen);
    bnti_pack_u64(pack, &hint->unstopped);
    bnti_pack_bool(pack, &hint->issued);
    bnti_pack_bool(pack, &hint->current);
    bnti_pack_u64(pack, &host->count.hinting.runs);
    bnti_pack_u64(pack, &host->count.hinting.hinted_pfns);
    bnti_pack_u64(pack, &host->count.hinting.ignored_pfns);
    const bool none = hint->id == 0;
    const bool id_good = none ? !hint->issued : hint->id >= first && hint->id <= last;
    const bool seen_good = hint->seen == 0 || (hint->seen >= first && hint->seen <= last);
    bnti_pack_require(pack,
                      !(state > BNT_HOST_HINT_DONE || !id_good || !seen_good ||
                        hint->unstopped > (uint64_t)last - first + 1 ||
                        (none && ((state != BNT_HOST_HINT_STOP && state != BNT_HOST_HINT_DONE) ||
                                  hint->unstopped != 0 || hint->seen != 0))));
    hint->state = pack->failed ? BNT_HOST_HINT_STOP : (bnt_host_hint_state)state;
}

static void hint_config_read(const struct bnt_host *host, uint8_t *space)
{
    bnti_host_field_put(space, BNT_BALLOON_CONFIG_HINT_CMD_ID, hint_command(host));
}

static void hint_info(const struct bnt_host *host, struct bnt_host_info *info)
{
    info->hinting.state = hint_of(host)->state;
    info->hinting.id = hint_of(host)->id;
}

static const struct bnti_host_role_row hint_row = {
    .begin = hint_begin,
    .unit = hint_unit,
    .is_valid = bnti_host_job_segments_valid,
};

const struct bnti_host_feature bnti_host_feature_hint = {
    .serves = BNT_BALLOON_WITH(FREE_PAGE_HINT),
    .state_bytes = sizeof(struct hint_state),
    .config_valid = hint_config_valid,
    .forget = hint_forget,
    .config_read = hint_config_read,
    .pack = hint_pack,
    .saved = BNTI_HOST_SAVED_AFTER_RULES,
    .info = hint_info,
    .queues = {{BNT_BALLOON_QUEUE_HINT, &hint_row}},
};
