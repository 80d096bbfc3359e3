/*
 * Statistics (VIRTIO 1.3, 5.5.6.3): one buffer is always in flight. When the device uses the
 * buffer, the driver fills it with new values and sends it again, but at most one time per
 * stats_interval_ns. The tags never change. With the legacy interface, entries are in the guest's
 * byte order (BL-7).
 */
#include "lib/guest/features/guest_features.h"

#include <string.h>

/* This many statistics requests in a row that come too early are a storm. */
#define STATS_STORM 16u

#define STATS_BYTES (BNT_STATS_MAX * 10u)

struct stats {
    bool owed;       /* the device used the buffer; the answer is sent at due_ns */
    bool storm;      /* STORM was emitted */
    uint32_t early;  /* buffers in a row that were used before due_ns */
    uint64_t due_ns; /* earliest time of the next answer */
    uint32_t count;
    uint16_t head;
    struct bnt_stat entries[BNT_STATS_MAX]; /* entries with the tags of the first buffer (BD-23) */
    struct bnt_stat fresh[BNT_STATS_MAX];
};

static struct stats *get_stats_state(const struct bnt_guest *guest)
{
    return bnti_guest_get_feature_state(guest, BNTI_GUEST_FEATURE_STATS);
}

/*
 * Asks the OS for statistics. The first answer fixes the tags. A tag that is missing later keeps
 * its last value. An answer without tags means that the source of the statistics has stopped, which
 * is possible for virtio-win's service (bug 53). Then all values become unset.
 */
static void refresh_stats(struct bnt_guest *guest)
{
    struct stats *stats = get_stats_state(guest);
    uint32_t count = guest->ops.statistics.get(guest->opaque, stats->fresh, BNT_STATS_MAX);
    count = count < BNT_STATS_MAX ? count : BNT_STATS_MAX;
    if (stats->count == 0) {
        memcpy(stats->entries, stats->fresh, count * sizeof stats->entries[0]);
        stats->count = count;
        return;
    }
    for (uint32_t i = 0; count == 0 && i < stats->count; i++) {
        stats->entries[i].value = BNT_STAT_UNSET;
    }
    for (uint32_t i = 0; i < stats->count; i++) {
        for (uint32_t k = 0; k < count; k++) {
            /* A tag is usually at the same index as in the first answer. */
            const uint32_t at = i + k < count ? i + k : i + k - count;
            if (at < count && stats->fresh[at].tag == stats->entries[i].tag) {
                stats->entries[i].value = stats->fresh[at].value;
                break;
            }
        }
    }
}

/* Whether the OS has statistics. Without statistics the driver declines the feature, because the
 * queue must never be without a buffer (BD-17). */
static bool has_stats_to_send(struct bnt_guest *guest, uint64_t offered)
{
    (void)offered;
    struct stats *stats = get_stats_state(guest);
    refresh_stats(guest);
    return stats->count > 0;
}

/* Fills the buffer with new values and adds it. The next kick publishes it. */
static void send_stats(struct bnt_guest *guest)
{
    struct stats *stats = get_stats_state(guest);
    refresh_stats(guest);
    const size_t offset = bnti_guest_get_feature_dma_offset(guest, BNTI_GUEST_FEATURE_STATS);
    struct bnt_stat_wire *wire = (struct bnt_stat_wire *)(void *)(guest->dma + offset);
    for (uint32_t i = 0; i < stats->count; i++) {
        wire[i].tag = bnt_cpu_to_guest16(stats->entries[i].tag, guest->big_endian);
        wire[i].value = bnt_cpu_to_guest64(stats->entries[i].value, guest->big_endian);
    }
    const struct bnt_vq_seg seg = {
        .gpa = guest->dma_gpa + offset,
        .bytes = stats->count * (uint32_t)sizeof(struct bnt_stat_wire),
    };
    const bnt_status added =
        bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_STATS], &seg, 1, 0, &stats->head);
    BNTI_ASSERT(added == BNT_OK);
}

static void answer_stats_request(struct bnt_guest *guest)
{
    struct stats *stats = get_stats_state(guest);
    stats->owed = false;
    stats->due_ns = bnti_guest_add_time(guest->now_ns, guest->config.statistics.interval_ns);
    send_stats(guest);
    bnti_guest_kick_queue(guest, BNTI_GUEST_Q_STATS);
}

/* Detects a device that uses each buffer at once, as QEMU does after a reset of its statistics
 * queue. After STORM was emitted, it is not emitted again before a buffer has stayed in flight
 * until due_ns. */
static void detect_stats_storm(struct bnt_guest *guest, bool early)
{
    struct stats *stats = get_stats_state(guest);
    stats->early = early ? stats->early + 1 : 0;
    if (!early) {
        stats->storm = false;
    } else if (stats->early >= STATS_STORM && !stats->storm) {
        stats->storm = true;
        guest->count.wire.storms++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STORM,
                              bnti_guest_get_queue_index(guest, BNTI_GUEST_Q_STATS), stats->early);
    }
}

/* The device used the buffer: this is a request for new statistics. */
static void handle_used_stats(struct bnt_guest *guest, uint32_t q, uint16_t head, uint32_t len)
{
    struct stats *stats = get_stats_state(guest);
    (void)q;
    (void)head;
    (void)len;
    const bool early = guest->now_ns < stats->due_ns;
    detect_stats_storm(guest, early);
    stats->owed = true;
    if (!early) {
        answer_stats_request(guest);
    }
}

/* After a queue reset, the driver sends one buffer, as at the start (BD-16, BD-17). */
static void restart_stats(struct bnt_guest *guest, uint32_t q)
{
    struct stats *stats = get_stats_state(guest);
    stats->owed = false;
    send_stats(guest);
    bnti_guest_kick_queue(guest, q);
}

/* In a step: sends an answer that had to wait. */
static void run_stats_step(struct bnt_guest *guest)
{
    struct stats *stats = get_stats_state(guest);
    if (stats->owed && guest->now_ns >= stats->due_ns &&
        bnti_guest_is_queue_ready(guest, BNTI_GUEST_Q_STATS)) {
        answer_stats_request(guest);
        bnti_guest_note_work(guest);
    }
}

static uint64_t get_stats_deadline(const struct bnt_guest *guest)
{
    struct stats *stats = get_stats_state(guest);
    return stats->owed && bnti_guest_is_queue_ready(guest, BNTI_GUEST_Q_STATS) ? stats->due_ns
                                                                               : BNT_NEVER;
}

/* ---- The row ---- */

static bool are_stats_ops_present(const struct bnt_guest_config *config,
                                  const struct bnt_guest_ops *ops)
{
    return !bnti_guest_wants_features(config, BNT_BALLOON_F_STATS_VQ) ||
           ops->statistics.get != NULL;
}

static size_t get_stats_state_bytes(const struct bnt_guest_config *config)
{
    (void)config;
    return sizeof(struct stats);
}

static size_t get_stats_dma_bytes(const struct bnt_guest_config *config)
{
    (void)config;
    return STATS_BYTES;
}

/* Adds the first buffer before DRIVER_OK. The kick follows after DRIVER_OK (BD-17, VG-24). */
static void add_first_stats_buffer(struct bnt_guest *guest)
{
    if (guest->features & BNT_BALLOON_F_STATS_VQ) {
        send_stats(guest);
        if (bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_STATS_KICK_EARLY)) {
            bnti_guest_kick_queue(guest, BNTI_GUEST_Q_STATS);
        }
    }
}

static void kick_stats_queue(struct bnt_guest *guest)
{
    if (guest->features & BNT_BALLOON_F_STATS_VQ) {
        bnti_guest_kick_queue(guest, BNTI_GUEST_Q_STATS);
    }
}

static void clear_stats_state(struct bnt_guest *guest)
{
    struct stats *stats = get_stats_state(guest);
    stats->owed = false;
    stats->storm = false;
    stats->early = 0;
    stats->due_ns = 0;
}

const struct bnti_guest_feature bnti_guest_feature_stats = {
    .features = BNT_BALLOON_WITH(STATS_VQ),
    .has_ops = are_stats_ops_present,
    .state_bytes = get_stats_state_bytes,
    .dma_bytes = get_stats_dma_bytes,
    .wanted = has_stats_to_send,
    .prepare = add_first_stats_buffer,
    .kick = kick_stats_queue,
    .step = run_stats_step,
    .due = get_stats_deadline,
    .forget = clear_stats_state,
    .queues = {{.role = BNTI_GUEST_Q_STATS,
                .descriptors = 1,
                .used = handle_used_stats,
                .renewed = restart_stats}},
};
