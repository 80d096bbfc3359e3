/*
 * Statistics: the buffer held by the device, requests for statistics, and their answers.
 *
 * The driver adds the first buffer without a request. The device holds the buffer and returns it to
 * request new statistics (VIRTIO 1.3, 5.5.6.3). The device never waits for the guest: if the guest
 * does not answer, `pending` stays set and the last values become stale.
 */
#include "lib/host/features/host_features.h"

#include "lib/base/pack.h"

#include <string.h>

#define STAT_BYTES ((uint32_t)sizeof(struct bnt_stat_wire))

_Static_assert(sizeof(struct bnt_stat_wire) == 10, "an entry is packed (VIRTIO 1.3, 5.5.6.3)");

struct stats_state {
    uint64_t sequence;
    uint64_t arrived_ns;
    uint64_t aged_ns; /**< age at arrival, if loaded from a saved state */
    uint64_t next_poll_ns;
    uint64_t values[BNT_STAT_COUNT];
    uint32_t known;
    uint32_t unknown_count;
    uint32_t unset_count;
    struct bnt_stat unknown[BNT_HOST_STATS_UNKNOWN];
    uint16_t held_head;
    bool held;    /**< the device holds the driver's buffer */
    bool back;    /**< quirk: the device returns each buffer at once */
    bool pending; /**< requested, but not answered yet */
    bool wanted;  /**< requested while no buffer was held */
    bool gone;    /**< the driver that sent it has reset the device */
};

static struct stats_state *get_host_stats_state(const struct bnt_host *host)
{
    return bnti_host_get_feature_state(host, BNTI_HOST_FEATURE_STATS);
}

static void init_stats_timer(struct bnt_host *host)
{
    get_host_stats_state(host)->next_poll_ns = host->config.statistics.poll_ns;
}

/* Clears the values of the last buffer. */
static void clear_stats_values(struct stats_state *stats)
{
    stats->known = 0;
    stats->unknown_count = 0;
    stats->unset_count = 0;
    memset(stats->values, 0, sizeof stats->values);
    memset(stats->unknown, 0, sizeof stats->unknown);
}

/* After a device reset the values are cleared, although QEMU kept them. */
static void end_stats_session(struct bnt_host *host)
{
    struct stats_state *stats = get_host_stats_state(host);

    clear_stats_values(stats);
    stats->held = false;
    stats->back = false;
    stats->pending = false;
    stats->wanted = false;
    stats->gone = true;
}

/** After a queue reset the held buffer is lost. A pending request waits for the next buffer. */
static void reset_stats_queue(struct bnt_host *host)
{
    struct stats_state *stats = get_host_stats_state(host);

    stats->held = false;
    stats->back = bnti_host_has_quirk(host, BNT_HOST_QUIRK_STATS_RETURNED_AT_ONCE);
    stats->wanted = stats->pending;
}

/** Requests new statistics by returning the held buffer. */
static void request_stats(struct bnt_host *host)
{
    struct stats_state *stats = get_host_stats_state(host);

    stats->held = false;
    stats->pending = true;
    if (bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_STATS, stats->held_head, 0)) {
        bnti_host_flush_queue(host, BNT_BALLOON_QUEUE_STATS);
    }
}

/** At resume: sends a request that was made while suspended. */
static void resume_stats(struct bnt_host *host)
{
    struct stats_state *stats = get_host_stats_state(host);

    if (stats->wanted && stats->held) {
        stats->wanted = false;
        request_stats(host);
    }
}

bnt_status bnt_host_stats_request(struct bnt_host *host, uint64_t now_ns, uint64_t *sequence)
{
    struct stats_state *stats = get_host_stats_state(host);
    bnti_host_busy before;
    bnt_status status = BNT_OK;

    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    const bool suspended = bnt_dev_is_suspended(&host->dev);
    if (!bnt_dev_is_live(&host->dev) && !suspended) {
        status = BNT_E_STATE;
    } else if (!bnti_host_has_negotiated(host, BNT_BALLOON_F_STATS_VQ)) {
        status = BNT_E_UNSUPPORTED;
    } else if (stats->pending) {
        status = BNT_E_AGAIN;
    } else {
        if (sequence != NULL) {
            *sequence = stats->sequence + (stats->held ? 1 : 2);
        }
        if (stats->held && !suspended) {
            request_stats(host);
        } else {
            stats->pending = true;
            stats->wanted = true;
        }
    }
    bnti_host_leave_call(host, before);
    return status;
}

/** Stores one entry. A value of all ones means "not set" for every tag (virtio-win, QEMU's -1). */
static void store_stat(struct stats_state *stats, const struct bnt_stat *stat)
{
    if (stat->value == BNT_STAT_UNSET) {
        stats->unset_count++;
    } else if (stat->tag < BNT_STAT_COUNT) {
        stats->values[stat->tag] = stat->value;
        stats->known |= 1u << stat->tag;
    } else {
        if (stats->unknown_count < BNT_HOST_STATS_UNKNOWN) {
            stats->unknown[stats->unknown_count] = *stat;
        }
        stats->unknown_count++;
    }
}

/** Reads the entries of a buffer, and uses host->pfns as work space. */
static bool parse_stats(struct bnt_host *host, const struct bnt_vq_chain *chain, uint32_t *entries)
{
    const uint64_t max = (uint64_t)BNT_STATS_MAX * STAT_BYTES;
    const uint32_t bytes = (uint32_t)bnti_host_min(chain->readable_bytes, max);
    const struct bnt_stat_wire *wire = (const struct bnt_stat_wire *)(const void *)host->pfns;
    struct stats_state *stats = get_host_stats_state(host);
    const bool big = bnti_host_is_big_endian(host);

    *entries = bytes / STAT_BYTES;
    if (chain->readable_bytes > max || bytes % STAT_BYTES != 0) {
        bnti_host_misuse_report(host, BNT_FAULT_STATS_LENGTH, BNT_BALLOON_QUEUE_STATS, chain->head,
                                0, chain->readable_bytes);
    }
    if (*entries > 0 && !bnti_host_read_chain(host, BNT_BALLOON_QUEUE_STATS, chain, 0, host->pfns,
                                              *entries * STAT_BYTES)) {
        return false;
    }
    clear_stats_values(stats);
    for (uint32_t i = 0; i < *entries; i++) {
        const struct bnt_stat stat = {bnt_guest16_to_cpu(wire[i].tag, big),
                                      bnt_guest64_to_cpu(wire[i].value, big)};
        store_stat(stats, &stat);
    }
    return true;
}

static void serve_stats_buffer(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct stats_state *stats = get_host_stats_state(host);
    uint32_t entries = 0;

    if (stats->held) {
        bnti_host_misuse_report(host, BNT_FAULT_STATS_SECOND, BNT_BALLOON_QUEUE_STATS, chain->head,
                                0, chain->readable_bytes);
        (void)bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_STATS, chain->head, 0);
        return;
    }
    if (!parse_stats(host, chain, &entries)) {
        return;
    }
    stats->held = true;
    stats->held_head = chain->head;
    stats->gone = false;
    stats->sequence++;
    stats->arrived_ns = host->now_ns;
    stats->aged_ns = 0;
    stats->next_poll_ns = bnti_host_add_time(host->now_ns, host->config.statistics.poll_ns);
    host->count.statistics.buffers++;
    stats->pending = stats->wanted;
    bnti_host_emit_event(host, BNT_HOST_EVENT_STATS, stats->sequence, entries);
    if (stats->back) {
        stats->held = false;
        stats->wanted = false;
        (void)bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_STATS, chain->head, 0);
        return;
    }
    if (stats->wanted) {
        stats->wanted = false;
        request_stats(host);
    }
}

static uint64_t stats_poll_deadline(struct bnt_host *host)
{
    struct stats_state *stats = get_host_stats_state(host);
    const uint64_t interval = host->config.statistics.poll_ns;

    if (interval == 0 || !bnt_dev_is_live(&host->dev) ||
        !bnti_host_has_negotiated(host, BNT_BALLOON_F_STATS_VQ)) {
        return BNT_NEVER;
    }
    if (host->now_ns >= stats->next_poll_ns) {
        stats->next_poll_ns = bnti_host_add_time(host->now_ns, interval);
        if (stats->held) {
            request_stats(host);
        }
    }
    return stats->next_poll_ns;
}

bnt_status bnt_host_stats_get(const struct bnt_host *host, uint64_t now_ns,
                              struct bnt_host_stats *stats)
{
    const struct stats_state *last = get_host_stats_state(host);
    const uint64_t since_ns = now_ns > last->arrived_ns ? now_ns - last->arrived_ns : 0;
    const uint64_t age_ns = bnti_host_add_time(last->aged_ns, since_ns);
    struct bnt_host_stats told = {.size = stats->size,
                                  .sequence = last->sequence,
                                  .age_ns = last->sequence == 0 ? 0 : age_ns,
                                  .pending = last->pending,
                                  .known = last->known,
                                  .unknown_count = last->unknown_count,
                                  .unset_count = last->unset_count};

    if (stats->size < offsetof(struct bnt_host_stats, age_ns)) {
        return BNT_E_SIZE;
    }
    memcpy(told.unknown, last->unknown, sizeof told.unknown);
    told.stale = last->sequence == 0 || last->gone || age_ns > host->config.statistics.stale_ns;
    memcpy(told.values, last->values, sizeof told.values);
    memcpy(stats, &told, stats->size < sizeof told ? stats->size : sizeof told);
    return BNT_OK;
}

static void pack_stats(struct bnti_pack *pack, struct bnt_host *host)
{
    struct stats_state *stats = get_host_stats_state(host);
    const uint64_t since_ns = host->now_ns - bnti_host_min(stats->arrived_ns, host->now_ns);
    uint64_t age_ns = bnti_host_add_time(stats->aged_ns, since_ns);

    bnti_save_or_load_u64(pack, &stats->sequence);
    bnti_save_or_load_u64(pack, &age_ns);
    bnti_save_or_load_deadline(pack, &stats->next_poll_ns);
    for (uint32_t tag = 0; tag < BNT_STAT_COUNT; tag++) {
        bnti_save_or_load_u64(pack, &stats->values[tag]);
    }
    bnti_save_or_load_u32(pack, &stats->known);
    bnti_save_or_load_u32(pack, &stats->unknown_count);
    bnti_save_or_load_u32(pack, &stats->unset_count);
    for (uint32_t i = 0; i < BNT_HOST_STATS_UNKNOWN; i++) {
        bnti_save_or_load_u16(pack, &stats->unknown[i].tag);
        bnti_save_or_load_u64(pack, &stats->unknown[i].value);
    }
    bnti_save_or_load_u16(pack, &stats->held_head);
    bnti_save_or_load_bool(pack, &stats->held);
    bnti_save_or_load_bool(pack, &stats->pending);
    bnti_save_or_load_bool(pack, &stats->wanted);
    bnti_save_or_load_bool(pack, &stats->gone);
    if (bnti_pack_is_loading(pack)) {
        stats->arrived_ns = host->now_ns;
        stats->aged_ns = age_ns;
        bnti_pack_fail_load_unless(pack, !((stats->known >> BNT_STAT_COUNT) != 0 ||
                                           stats->unknown_count > BNT_STATS_MAX ||
                                           stats->unset_count > BNT_STATS_MAX));
    }
}

static bool holds_stats_buffer(const struct bnt_host *host, uint16_t *head)
{
    *head = get_host_stats_state(host)->held_head;
    return get_host_stats_state(host)->held;
}

static const struct bnti_host_role_row stats_row = {
    .begin = serve_stats_buffer,
    .keeps = holds_stats_buffer,
    .queue_forget = reset_stats_queue,
};

const struct bnti_host_feature bnti_host_feature_stats = {
    .serves = BNT_BALLOON_WITH(STATS_VQ),
    .state_bytes = sizeof(struct stats_state),
    .init = init_stats_timer,
    .forget = end_stats_session,
    .resume = resume_stats,
    .due = stats_poll_deadline,
    .pack = pack_stats,
    .saved = BNTI_HOST_SAVED_AFTER_ACTUAL,
    .queues = {{BNT_BALLOON_QUEUE_STATS, &stats_row}},
};
