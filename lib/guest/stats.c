/*
 * Statistics (VIRTIO 1.3, 5.5.6.3): one buffer with the device at all times, filled anew whenever
 * it comes back, though not more often than stats_interval_ns, with the same tags for ever. Entries
 * are in the guest's byte order under the legacy interface (BL-7).
 */
#include "guest_private.h"

#include <string.h>

/* Asks the OS. The first answer settles the tags; a tag missing later keeps its last value. No
 * answer at all says that whoever knew is gone: then nothing is known (virtio-win's service, bug
 * 53). */
static void stats_refresh(struct bnt_guest *guest)
{
    uint32_t count = guest->ops.stats_get(guest->opaque, guest->stats_new, BNT_STATS_MAX);
    count = count < BNT_STATS_MAX ? count : BNT_STATS_MAX;
    if (guest->stats_count == 0) {
        memcpy(guest->stats, guest->stats_new, count * sizeof guest->stats[0]);
        guest->stats_count = count;
        return;
    }
    for (uint32_t i = 0; count == 0 && i < guest->stats_count; i++) {
        guest->stats[i].value = BNT_STAT_UNSET;
    }
    for (uint32_t i = 0; i < guest->stats_count; i++) {
        for (uint32_t k = 0; k < count; k++) {
            /* Usually the same place as the first time. */
            const uint32_t at = i + k < count ? i + k : i + k - count;
            if (at < count && guest->stats_new[at].tag == guest->stats[i].tag) {
                guest->stats[i].value = guest->stats_new[at].value;
                break;
            }
        }
    }
}

/* Whether there is anything to report: the queue must never be without a buffer (BD-17). */
bool bnti_guest_stats_first(struct bnt_guest *guest)
{
    stats_refresh(guest);
    return guest->stats_count > 0;
}

/* Adds the buffer, freshly filled. Visible to the device with the next kick. */
void bnti_guest_stats_send(struct bnt_guest *guest)
{
    stats_refresh(guest);
    const size_t offset = (size_t)(guest->requests[0].dma - guest->dma) +
                          BNTI_GUEST_SLOTS * bnti_guest_dma_stride(&guest->config);
    struct bnt_stat_wire *wire = (struct bnt_stat_wire *)(void *)(guest->dma + offset);
    for (uint32_t i = 0; i < guest->stats_count; i++) {
        wire[i].tag = bnt_guest16_set(guest->stats[i].tag, guest->big_endian);
        wire[i].value = bnt_guest64_set(guest->stats[i].value, guest->big_endian);
    }
    const struct bnt_vq_seg seg = {
        .gpa = guest->dma_gpa + offset,
        .bytes = guest->stats_count * (uint32_t)sizeof(struct bnt_stat_wire),
    };
    const bnt_status added =
        bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_STATS], &seg, 1, 0, &guest->stats_head);
    BNTI_ASSERT(added == BNT_OK);
}

static void stats_answer(struct bnt_guest *guest)
{
    guest->stats_owed = false;
    guest->stats_due_ns = bnti_guest_after(guest->now_ns, guest->config.stats_interval_ns);
    bnti_guest_stats_send(guest);
    bnti_guest_kick(guest, BNTI_GUEST_Q_STATS);
}

/* A device that asks again as soon as it is answered asks nothing: QEMU hands each buffer straight
 * back after a reset of its statistics queue. Told once, until it leaves a buffer for a while. */
static void storm_judge(struct bnt_guest *guest, bool early)
{
    guest->stats_early = early ? guest->stats_early + 1 : 0;
    if (!early) {
        guest->stats_storm = false;
    } else if (guest->stats_early >= BNTI_GUEST_STATS_STORM && !guest->stats_storm) {
        guest->stats_storm = true;
        guest->count.storms++;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_STORM,
                        bnti_guest_queue_index(guest, BNTI_GUEST_Q_STATS), guest->stats_early);
    }
}

/* The device returned the buffer, which is the question. */
void bnti_guest_stats_used(struct bnt_guest *guest)
{
    const bool early = guest->now_ns < guest->stats_due_ns;
    storm_judge(guest, early);
    guest->stats_owed = true;
    if (!early) {
        stats_answer(guest);
    }
}

/* In a step: the answer that waited. */
void bnti_guest_stats(struct bnt_guest *guest)
{
    if (guest->stats_owed && guest->now_ns >= guest->stats_due_ns &&
        bnti_guest_queue_up(guest, BNTI_GUEST_Q_STATS)) {
        stats_answer(guest);
        guest->work++;
    }
}

uint64_t bnti_guest_stats_due(const struct bnt_guest *guest)
{
    return guest->stats_owed && bnti_guest_queue_up(guest, BNTI_GUEST_Q_STATS) ? guest->stats_due_ns
                                                                               : BNT_NEVER;
}
