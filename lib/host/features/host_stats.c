/*
 * Statistics: the buffer that the device holds, the question, the answer.
 *
 * The driver hands a buffer in unasked; the device keeps it and returns it to ask for the next one
 * (VIRTIO 1.3, 5.5.6.3). Nothing waits: a guest that never answers leaves `pending` set and the
 * last values stale. The ring itself is behind wire/queue.c.
 */
#include "lib/host/features/host_features.h"

#include "lib/base/pack.h"

#include <string.h>

#define STAT_BYTES ((uint32_t)sizeof(struct bnt_stat_wire))

_Static_assert(sizeof(struct bnt_stat_wire) == 10, "an entry is packed (VIRTIO 1.3, 5.5.6.3)");

struct stats_state {
    uint64_t sequence;
    uint64_t arrived_ns;
    uint64_t aged_ns; /**< age that it had then: it came with a saved state */
    uint64_t next_poll_ns;
    uint64_t values[BNT_STAT_COUNT];
    uint32_t known;
    uint32_t unknown_count;
    uint32_t unset_count;
    struct bnt_stat unknown[BNT_HOST_STATS_UNKNOWN];
    uint16_t held_head;
    bool held;    /**< the device has the driver's buffer */
    bool back;    /**< quirk: it keeps none */
    bool pending; /**< asked, not answered */
    bool wanted;  /**< asked before a buffer was there */
    bool gone;    /**< of a driver that was reset */
};

static struct stats_state *stats_of(const struct bnt_host *host)
{
    return bnti_host_feature_state(host, BNTI_HOST_FEATURE_STATS);
}

static void stats_init(struct bnt_host *host)
{
    stats_of(host)->next_poll_ns = host->config.statistics.poll_ns;
}

/* What the last buffer said counts no more. */
static void values_clear(struct stats_state *stats)
{
    stats->known = 0;
    stats->unknown_count = 0;
    stats->unset_count = 0;
    memset(stats->values, 0, sizeof stats->values);
    memset(stats->unknown, 0, sizeof stats->unknown);
}

/* The driver is gone, and its values with it (QEMU kept them over a reset). */
static void stats_forget(struct bnt_host *host)
{
    struct stats_state *stats = stats_of(host);

    values_clear(stats);
    stats->held = false;
    stats->back = false;
    stats->pending = false;
    stats->wanted = false;
    stats->gone = true;
}

/** The queue forgot the buffer that is held; a question goes on to the next one. */
static void stats_queue_forget(struct bnt_host *host)
{
    struct stats_state *stats = stats_of(host);

    stats->held = false;
    stats->back = bnti_host_quirk(host, BNT_HOST_QUIRK_STATS_RETURNED_AT_ONCE);
    stats->wanted = stats->pending;
}

/** Returns the held buffer, which is the question. */
static void stats_ask(struct bnt_host *host)
{
    struct stats_state *stats = stats_of(host);

    stats->held = false;
    stats->pending = true;
    if (bnti_host_push(host, BNT_BALLOON_QUEUE_STATS, stats->held_head, 0)) {
        bnti_host_flush(host, BNT_BALLOON_QUEUE_STATS);
    }
}

/** Asks what was to be asked meanwhile. */
static void stats_resume(struct bnt_host *host)
{
    struct stats_state *stats = stats_of(host);

    if (stats->wanted && stats->held) {
        stats->wanted = false;
        stats_ask(host);
    }
}

bnt_status bnt_host_stats_poll(struct bnt_host *host, uint64_t now_ns, uint64_t *sequence)
{
    struct stats_state *stats = stats_of(host);
    bnti_host_busy before;
    bnt_status status = BNT_OK;

    if (!bnti_host_enter(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_clock(host, now_ns);
    const bool suspended = bnt_dev_suspended(&host->dev);
    if (!bnt_dev_live(&host->dev) && !suspended) {
        status = BNT_E_STATE;
    } else if (!bnti_host_negotiated(host, BNT_BALLOON_F_STATS_VQ)) {
        status = BNT_E_UNSUPPORTED;
    } else if (stats->pending) {
        status = BNT_E_AGAIN;
    } else {
        if (sequence != NULL) {
            *sequence = stats->sequence + (stats->held ? 1 : 2);
        }
        if (stats->held && !suspended) {
            stats_ask(host);
        } else {
            stats->pending = true;
            stats->wanted = true;
        }
    }
    bnti_host_leave(host, before);
    return status;
}

/** One entry. A value that is all ones is none, whatever the tag (virtio-win, QEMU's -1). */
static void stat_take(struct stats_state *stats, const struct bnt_stat *stat)
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

/** Takes in what the buffer says; `pfns` serves as room for its bytes. */
static bool stats_parse(struct bnt_host *host, const struct bnt_vq_chain *chain, uint32_t *entries)
{
    const uint64_t max = (uint64_t)BNT_STATS_MAX * STAT_BYTES;
    const uint32_t bytes = (uint32_t)bnti_host_min(chain->readable_bytes, max);
    const struct bnt_stat_wire *wire = (const struct bnt_stat_wire *)(const void *)host->pfns;
    struct stats_state *stats = stats_of(host);
    const bool big = bnti_host_big_endian(host);

    *entries = bytes / STAT_BYTES;
    if (chain->readable_bytes > max || bytes % STAT_BYTES != 0) {
        bnti_host_misuse(host, BNT_FAULT_STATS_LENGTH, BNT_BALLOON_QUEUE_STATS, chain->head, 0,
                         chain->readable_bytes);
    }
    if (*entries > 0 && !bnti_host_read(host, BNT_BALLOON_QUEUE_STATS, chain, 0, host->pfns,
                                        *entries * STAT_BYTES)) {
        return false;
    }
    values_clear(stats);
    for (uint32_t i = 0; i < *entries; i++) {
        const struct bnt_stat stat = {bnt_guest16_get(wire[i].tag, big),
                                      bnt_guest64_get(wire[i].value, big)};
        stat_take(stats, &stat);
    }
    return true;
}

static void stats_serve(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct stats_state *stats = stats_of(host);
    uint32_t entries = 0;

    if (stats->held) {
        bnti_host_misuse(host, BNT_FAULT_STATS_SECOND, BNT_BALLOON_QUEUE_STATS, chain->head, 0,
                         chain->readable_bytes);
        (void)bnti_host_push(host, BNT_BALLOON_QUEUE_STATS, chain->head, 0);
        return;
    }
    if (!stats_parse(host, chain, &entries)) {
        return;
    }
    stats->held = true;
    stats->held_head = chain->head;
    stats->gone = false;
    stats->sequence++;
    stats->arrived_ns = host->now_ns;
    stats->aged_ns = 0;
    stats->next_poll_ns = bnti_host_after(host->now_ns, host->config.statistics.poll_ns);
    host->count.statistics.buffers++;
    stats->pending = stats->wanted;
    bnti_host_event_emit(host, BNT_HOST_EVENT_STATS, stats->sequence, entries);
    if (stats->back) {
        stats->held = false;
        stats->wanted = false;
        (void)bnti_host_push(host, BNT_BALLOON_QUEUE_STATS, chain->head, 0);
        return;
    }
    if (stats->wanted) {
        stats->wanted = false;
        stats_ask(host);
    }
}

static uint64_t stats_due(struct bnt_host *host)
{
    struct stats_state *stats = stats_of(host);
    const uint64_t interval = host->config.statistics.poll_ns;

    if (interval == 0 || !bnt_dev_live(&host->dev) ||
        !bnti_host_negotiated(host, BNT_BALLOON_F_STATS_VQ)) {
        return BNT_NEVER;
    }
    if (host->now_ns >= stats->next_poll_ns) {
        stats->next_poll_ns = bnti_host_after(host->now_ns, interval);
        if (stats->held) {
            stats_ask(host);
        }
    }
    return stats->next_poll_ns;
}

bnt_status bnt_host_stats_get(const struct bnt_host *host, uint64_t now_ns,
                              struct bnt_host_stats *stats)
{
    const struct stats_state *last = stats_of(host);
    const uint64_t since_ns = now_ns > last->arrived_ns ? now_ns - last->arrived_ns : 0;
    const uint64_t age_ns = bnti_host_after(last->aged_ns, since_ns);
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

static void stats_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct stats_state *stats = stats_of(host);
    const uint64_t since_ns = host->now_ns - bnti_host_min(stats->arrived_ns, host->now_ns);
    uint64_t age_ns = bnti_host_after(stats->aged_ns, since_ns);

    bnti_pack_u64(pack, &stats->sequence);
    bnti_pack_u64(pack, &age_ns);
    bnti_pack_deadline(pack, &stats->next_poll_ns);
    for (uint32_t tag = 0; tag < BNT_STAT_COUNT; tag++) {
        bnti_pack_u64(pack, &stats->values[tag]);
    }
    bnti_pack_u32(pack, &stats->known);
    bnti_pack_u32(pack, &stats->unknown_count);
    bnti_pack_u32(pack, &stats->unset_count);
    for (uint32_t i = 0; i < BNT_HOST_STATS_UNKNOWN; i++) {
        bnti_pack_u16(pack, &stats->unknown[i].tag);
        bnti_pack_u64(pack, &stats->unknown[i].value);
    }
    bnti_pack_u16(pack, &stats->held_head);
    bnti_pack_bool(pack, &stats->held);
    bnti_pack_bool(pack, &stats->pending);
    bnti_pack_bool(pack, &stats->wanted);
    bnti_pack_bool(pack, &stats->gone);
    if (bnti_pack_loads(pack)) {
        stats->arrived_ns = host->now_ns;
        stats->aged_ns = age_ns;
        bnti_pack_require(pack, !((stats->known >> BNT_STAT_COUNT) != 0 ||
                                  stats->unknown_count > BNT_STATS_MAX ||
                                  stats->unset_count > BNT_STATS_MAX));
    }
}

static bool stats_keeps(const struct bnt_host *host, uint16_t *head)
{
    *head = stats_of(host)->held_head;
    return stats_of(host)->held;
}

static const struct bnti_host_role_row stats_row = {
    .begin = stats_serve,
    .keeps = stats_keeps,
    .queue_forget = stats_queue_forget,
};

const struct bnti_host_feature bnti_host_feature_stats = {
    .serves = BNT_BALLOON_WITH(STATS_VQ),
    .state_bytes = sizeof(struct stats_state),
    .init = stats_init,
    .forget = stats_forget,
    .resume = stats_resume,
    .due = stats_due,
    .pack = stats_pack,
    .saved = BNTI_HOST_SAVED_AFTER_ACTUAL,
    .queues = {{BNT_BALLOON_QUEUE_STATS, &stats_row}},
};
