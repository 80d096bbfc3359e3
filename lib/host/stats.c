/*
 * Statistics: the buffer that the device holds, the question, the answer.
 *
 * The driver hands a buffer in unasked; the device keeps it and returns it to ask for the next one
 * (VIRTIO 1.3, 5.5.6.3). Nothing waits: a guest that never answers leaves `pending` set and the
 * last values stale. The ring itself is behind queue.c.
 */
#include "lib/host/host_private.h"

#include <string.h>

#define STAT_BYTES ((uint32_t)sizeof(struct bnt_stat_wire))

_Static_assert(sizeof(struct bnt_stat_wire) == 10, "an entry is packed (VIRTIO 1.3, 5.5.6.3)");

/* What the last buffer said counts no more. */
static void values_clear(struct bnti_host_stats_state *stats)
{
    stats->known = 0;
    stats->unknown_count = 0;
    stats->unset_count = 0;
    memset(stats->values, 0, sizeof(stats->values));
    memset(stats->unknown, 0, sizeof(stats->unknown));
}

/* The driver is gone, and its values with it (QEMU kept them over a reset). */
void bnti_host_stats_forget(struct bnt_host *host)
{
    values_clear(&host->stats);
    host->stats.held = false;
    host->stats.back = false;
    host->stats.pending = false;
    host->stats.wanted = false;
    host->stats.gone = true;
}

void bnti_host_stats_queue_reset(struct bnt_host *host)
{
    host->stats.held = false;
    host->stats.back = bnti_host_quirk(host, BNT_HOST_QUIRK_STATISTICS_STRAIGHT_BACK);
    host->stats.wanted = host->stats.pending;
}

/** Returns the held buffer, which is the question. */
static void stats_ask(struct bnt_host *host)
{
    host->stats.held = false;
    host->stats.pending = true;
    if (bnti_host_push(host, BNTI_HOST_STATS, host->stats.held_head, 0)) {
        bnti_host_flush(host, BNTI_HOST_STATS);
    }
}

void bnti_host_stats_resume(struct bnt_host *host)
{
    if (host->stats.wanted && host->stats.held) {
        host->stats.wanted = false;
        stats_ask(host);
    }
}

bnt_status bnt_host_stats_poll(struct bnt_host *host, uint64_t now_ns, uint64_t *sequence)
{
    bnti_host_busy before;
    bnt_status status = BNT_OK;

    if (!bnti_host_enter(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_clock(host, now_ns);
    const bool suspended = bnt_dev_suspended(&host->dev);
    if (!bnt_dev_live(&host->dev) && !suspended) {
        status = BNT_E_STATE;
    } else if (!bnti_host_agreed(host, BNT_BALLOON_F_STATS_VQ)) {
        status = BNT_E_UNSUPPORTED;
    } else if (host->stats.pending) {
        status = BNT_E_AGAIN;
    } else {
        if (sequence != NULL) {
            *sequence = host->stats.sequence + (host->stats.held ? 1 : 2);
        }
        if (host->stats.held && !suspended) {
            stats_ask(host);
        } else {
            host->stats.pending = true;
            host->stats.wanted = true;
        }
    }
    bnti_host_leave(host, before);
    return status;
}

/** One entry. A value that is all ones is none, whatever the tag (virtio-win, QEMU's -1). */
static void stat_take(struct bnti_host_stats_state *stats, const struct bnt_stat *stat)
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
    struct bnti_host_stats_state *stats = &host->stats;
    const bool big = bnti_host_big_endian(host);

    *entries = bytes / STAT_BYTES;
    if (chain->readable_bytes > max || bytes % STAT_BYTES != 0) {
        bnti_host_misuse(host, BNT_FAULT_STATS_LENGTH, BNTI_HOST_STATS, chain->head, 0,
                         chain->readable_bytes);
    }
    if (*entries > 0 &&
        !bnti_host_read(host, BNTI_HOST_STATS, chain, 0, host->pfns, *entries * STAT_BYTES)) {
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

void bnti_host_stats_serve(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct bnti_host_stats_state *stats = &host->stats;
    uint32_t entries = 0;

    if (stats->held) {
        bnti_host_misuse(host, BNT_FAULT_STATS_SECOND, BNTI_HOST_STATS, chain->head, 0,
                         chain->readable_bytes);
        (void)bnti_host_push(host, BNTI_HOST_STATS, chain->head, 0);
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
    stats->next_poll_ns = bnti_host_after(host->now_ns, host->config.stats_poll_ns);
    host->count.stats_buffers++;
    stats->pending = stats->wanted;
    bnti_host_tell(host, BNT_HOST_EVENT_STATS, stats->sequence, entries);
    if (stats->back) {
        stats->held = false;
        stats->wanted = false;
        (void)bnti_host_push(host, BNTI_HOST_STATS, chain->head, 0);
        return;
    }
    if (stats->wanted) {
        stats->wanted = false;
        stats_ask(host);
    }
}

uint64_t bnti_host_stats_deadline(struct bnt_host *host)
{
    struct bnti_host_stats_state *stats = &host->stats;
    const uint64_t interval = host->config.stats_poll_ns;

    if (interval == 0 || !bnt_dev_live(&host->dev) ||
        !bnti_host_agreed(host, BNT_BALLOON_F_STATS_VQ)) {
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
    const struct bnti_host_stats_state *last = &host->stats;
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
    memcpy(told.unknown, last->unknown, sizeof(told.unknown));
    told.stale = last->sequence == 0 || last->gone || age_ns > host->config.stats_stale_ns;
    memcpy(told.values, last->values, sizeof(told.values));
    memcpy(stats, &told, stats->size < sizeof(told) ? stats->size : sizeof(told));
    return BNT_OK;
}
