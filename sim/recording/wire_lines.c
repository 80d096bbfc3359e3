/*
 * Plays each kind of line of a recording: negotiation, queues, requests, statistics, free page
 * reports and registers.
 *
 * A request is sent exactly as the recorded driver sent it. The device's answer is checked when it
 * arrives; it must arrive before the next line needs it. wire_player.c checks the order of the
 * lines first.
 */
#include "sim/recording/wire_player_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Negotiation ---- */

static const struct {
    uint64_t bit;
    const char *name; /* the name of the feature in scenarios */
} feature_names[] = {
    {BNT_BALLOON_F_MUST_TELL_HOST, "must-tell-host"},
    {BNT_BALLOON_F_STATS_VQ, "stats"},
    {BNT_BALLOON_F_DEFLATE_ON_OOM, "deflate-on-oom"},
    {BNT_BALLOON_F_PAGE_REPORTING, "reporting"},
    {BNT_F_RING_INDIRECT_DESC, "indirect"},
    {BNT_F_RING_EVENT_IDX, "event-idx"},
    {BNT_F_RING_PACKED, "packed"},
    {BNT_F_IN_ORDER, "in-order"},
};

/** Lists the features of a recording by the names that scenarios use. */
static void write_feature_names(uint64_t bits, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof feature_names / sizeof feature_names[0]; i++) {
        if ((bits & feature_names[i].bit) == 0 || used >= bytes) {
            continue;
        }
        const int more = snprintf(text + used, bytes - used, "%s%s", used == 0 ? "" : ", ",
                                  feature_names[i].name);
        used += more > 0 ? (size_t)more : 0;
    }
}

static void replay_features_line(struct wire_player *player, uint32_t index)
{
    const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;
    const struct bnt_balloon_rule_set rules = bnt_balloon_build_feature_rules(&binding);
    const struct bnt_drv_transport *transport = &player->ops.transport;
    const uint64_t bits = player->recording.lines[index].value & ~WIRE_F_PROTOCOL_FEATURES;
    struct bnt_diag diag = {.size = sizeof diag};
    const uint64_t missing = bits & ~transport->features_read(player->opaque);

    if ((bits & BNT_F_VERSION_1) == 0) {
        wire_report_violation(
            player, index,
            "the driver did not accept VERSION_1, but only modern drivers can be played");
        return;
    }
    if (missing != 0) {
        char names[128];
        write_feature_names(bits, names, sizeof names);
        wire_report_violation(player, index,
                              "the device does not offer the features 0x%" PRIx64
                              ": write `device: {features: [%s]}`",
                              missing, names);
        return;
    }
    bnt_drv_begin_reset(&player->drv, transport, player->opaque);
    bnt_status status = bnt_drv_poll_reset(&player->drv, transport, player->opaque);
    if (status == BNT_OK) {
        status = bnt_drv_negotiate(&player->drv, transport, player->opaque, bits, bits, rules.rules,
                                   rules.count, &diag);
    }
    if (status != BNT_OK || player->drv.accepted != bits) {
        wire_report_violation(
            player, index, "the device refuses the features 0x%" PRIx64 ": %s", bits,
            status != BNT_OK && diag.fault != BNT_FAULT_NONE ? bnt_fault_text(diag.fault)
                                                             : bnt_status_text(status));
        return;
    }
    player->features = bits;
    player->phase = WIRE_AGREED;
}

static void replay_region_line(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    const uint64_t first = player->ops.first_pfn;
    const uint64_t pfns = player->ops.pfns;
    if (line->value < first || line->value - first > pfns ||
        line->extra > pfns - (line->value - first)) {
        wire_report_violation(player, index,
                              "the recorded guest has %" PRIu64 " PFNs from %" PRIu64
                              ", the VM has %" PRIu64 " from %" PRIu64
                              ": write `first_pfn: %" PRIu64 "` and `memory: %" PRIu64 "KiB`",
                              line->extra, line->value, pfns, first, line->value,
                              line->extra * (BNT_PFN_BYTES / 1024));
        return;
    }
    player->first_pfn = line->value;
    player->pfns = line->extra;
    player->phase = WIRE_QUEUES_UP;
}

/* ---- Queues ---- */

/** Whether a balloon can have the recorded queue, whether it was not set up already, and whether
 * its size fits the device. */
static bool check_recorded_queue(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    if (line->value >= WIRE_QUEUES || player->queues[line->value].slots != NULL) {
        wire_report_violation(player, index,
                              line->value >= WIRE_QUEUES ? "queue %" PRIu64
                                                           " is not a queue of a balloon device"
                                                         : "queue %" PRIu64 " was already set up",
                              line->value);
        return false;
    }
    if (player->queue_count > 0 && line->value < player->report_queue) {
        wire_report_violation(player, index,
                              "queue %" PRIu64 " is set up after queue %" PRIu32
                              ", but a driver sets queues up in ascending order",
                              line->value, player->report_queue);
        return false;
    }
    const uint16_t most =
        player->ops.transport.queue_size_max(player->opaque, (uint16_t)line->value);
    if (most == 0) {
        wire_report_violation(
            player, index,
            "the device has no queue %" PRIu64
            ": write `device: {queue_layout: dense-offered}` if its queues have no gaps",
            line->value);
    } else if (line->extra == 0 || line->extra > WIRE_QUEUE_SIZE_MAX || line->extra > most) {
        wire_report_violation(player, index,
                              "the queue has %" PRIu64
                              " descriptors; the device allows %u, the player %u",
                              line->extra, (unsigned)most, WIRE_QUEUE_SIZE_MAX);
    }
    return !player->failed;
}

static void replay_queue_line(struct wire_player *player, uint32_t index)
{
    if (!check_recorded_queue(player, index)) {
        return;
    }
    const struct wire_line *line = &player->recording.lines[index];
    const uint32_t number = (uint32_t)line->value;
    struct wire_queue *queue = &player->queues[number];
    queue->size = (uint16_t)line->extra;
    queue->slots = arena_alloc_zeroed(player->arena, queue->size * sizeof *queue->slots);
    const struct bnt_vq_drv_config config = {
        .size = sizeof config,
        .queue = number,
        .queue_size = queue->size,
        .features = player->features,
        .ring = player->dma + wire_get_ring_offset(number),
        .ring_gpa = player->dma_gpa + wire_get_ring_offset(number),
        .slots = queue->slots,
    };
    const bnt_status status = bnt_vq_drv_init(&queue->vq, &config);
    if (status != BNT_OK) {
        wire_report_violation(player, index, "queue %" PRIu32 " of %u descriptors: %s", number,
                              (unsigned)queue->size, bnt_status_text(status));
        return;
    }
    player->queue_count++;
    player->report_queue = number > player->report_queue ? number : player->report_queue;
    const struct bnt_vq_parts *layout = &queue->vq.layout;
    player->ops.transport.queue_enable(
        player->opaque, (uint16_t)number, queue->size, config.ring_gpa + layout->desc,
        config.ring_gpa + layout->avail, config.ring_gpa + layout->used);
}

bool wire_start_driver(struct wire_player *player, uint32_t line)
{
    static const uint64_t with_queue[] = {BNT_BALLOON_F_STATS_VQ, BNT_BALLOON_F_FREE_PAGE_HINT,
                                          BNT_BALLOON_F_PAGE_REPORTING};
    uint32_t wanted = 2;
    for (size_t i = 0; i < sizeof with_queue / sizeof with_queue[0]; i++) {
        wanted += (player->features & with_queue[i]) != 0;
    }
    const bool first_two = player->queues[BNT_BALLOON_QUEUE_INFLATE].slots != NULL &&
                           player->queues[BNT_BALLOON_QUEUE_DEFLATE].slots != NULL;
    const bool stats = (player->features & BNT_BALLOON_F_STATS_VQ) == 0 ||
                       player->queues[BNT_BALLOON_QUEUE_STATS].slots != NULL;
    if (player->queue_count != wanted || !first_two || !stats) {
        wire_report_violation(player, line,
                              "the features need %" PRIu32 " queues, but %" PRIu32
                              " are set up, or wrong ones: a line is lost",
                              wanted, player->queue_count);
        return false;
    }
    const bnt_status status =
        bnt_drv_set_driver_ok(&player->drv, &player->ops.transport, player->opaque);
    if (status != BNT_OK) {
        wire_report_violation(player, line, "DRIVER_OK cannot be set: %s", bnt_status_text(status));
        return false;
    }
    player->misuses = player->ops.misuses(player->opaque);
    player->phase = WIRE_RUNNING;
    return true;
}

/* ---- Requests ---- */

static bool is_run_in_region(const struct wire_player *player, const struct wire_pair *run)
{
    return run->first >= player->first_pfn && run->first - player->first_pfn < player->pfns &&
           run->second <= player->pfns - (run->first - player->first_pfn);
}

/** Checks that the runs or extents of a line are in guest memory and have 1 to `most` PFNs. Stores
 * the number of PFNs. */
static bool check_and_count_page_runs(struct wire_player *player, uint32_t index, uint64_t most,
                                      uint64_t *pfns)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *runs = player->recording.pairs + line->pair;
    *pfns = 0;
    for (uint32_t i = 0; i < line->pair_count; i++) {
        if (!is_run_in_region(player, &runs[i])) {
            wire_report_violation(player, index,
                                  "the range at PFN %" PRIu64 " with %" PRIu64
                                  " PFNs is not in the guest's memory",
                                  runs[i].first, runs[i].second);
            return false;
        }
        *pfns += runs[i].second;
    }
    if (*pfns == 0 || *pfns > most) {
        wire_report_violation(player, index,
                              "the line has %" PRIu64 " pages; 1 to %" PRIu64 " are allowed", *pfns,
                              most);
        return false;
    }
    return true;
}

/** Whether a driver could send this request now. */
static bool is_request_due(struct wire_player *player, uint32_t index, uint32_t queue,
                           uint64_t pfns)
{
    const struct wire_line *line = &player->recording.lines[index];
    const uint64_t ledger = player->ops.ledger(player->opaque);
    const bool inflate = line->kind == WIRE_INFLATE;
    if (pfns != line->value) {
        wire_report_violation(player, index,
                              "the line says %" PRIu64 " pages, but its runs have %" PRIu64,
                              line->value, pfns);
    } else if (player->queues[queue].outstanding) {
        wire_report_unanswered_request(player, queue, index);
    } else if (player->actual_due) {
        wire_report_missing_actual(player, index);
    } else if ((player->features & BNT_BALLOON_F_STATS_VQ) != 0 && player->counts.stats == 0) {
        wire_report_violation(player, index,
                              "a request comes before the first statistics, "
                              "which a driver sends without being asked: a line is lost");
    } else if (inflate ? ledger + pfns > player->target : ledger < player->target + pfns) {
        wire_report_violation(player, index,
                              "%s %" PRIu64 " pages with %" PRIu64
                              " in the balloon, past the target of %" PRIu64
                              ": a target line is lost or altered",
                              inflate ? "the driver inflates by" : "the driver deflates by", pfns,
                              ledger, player->target);
    }
    return !player->failed;
}

static void replay_request_line(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *runs = player->recording.pairs + line->pair;
    const uint32_t queue =
        line->kind == WIRE_INFLATE ? BNT_BALLOON_QUEUE_INFLATE : BNT_BALLOON_QUEUE_DEFLATE;
    const uint64_t offset = wire_get_buffer_offset(queue);
    uint64_t pfns = 0;
    if (!check_and_count_page_runs(player, index, WIRE_REQUEST_PFNS_MAX, &pfns) ||
        !is_request_due(player, index, queue, pfns)) {
        return;
    }
    uint8_t *out = player->dma + offset;
    for (uint32_t i = 0; i < line->pair_count; i++) {
        for (uint64_t n = 0; n < runs[i].second; n++) {
            const bnt_le32 pfn = bnt_cpu_to_le32((uint32_t)(runs[i].first + n));
            memcpy(out, &pfn, sizeof pfn);
            out += sizeof pfn;
        }
    }
    const struct bnt_vq_seg seg = {player->dma_gpa + offset, (uint32_t)(pfns * sizeof(bnt_le32))};
    if (line->kind == WIRE_INFLATE) {
        wire_mark_inflated_blocks(player, index);
    }
    player->actual_due = true;
    player->actual_after = index;
    player->counts.requests++;
    wire_send_buffer(player, queue, index, &seg, 1, 0);
}

/* ---- Statistics, reports, registers ---- */

static void replay_stats_line(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *tags = player->recording.pairs + line->pair;
    const uint32_t queue = BNT_BALLOON_QUEUE_STATS;
    const uint64_t offset = wire_get_buffer_offset(queue);
    if ((player->features & BNT_BALLOON_F_STATS_VQ) == 0) {
        wire_report_violation(player, index,
                              "the line has statistics, but the driver did not accept STATS_VQ");
        return;
    }
    if (player->queues[queue].outstanding) {
        wire_report_unanswered_request(player, queue, index);
        return;
    }
    if (line->pair_count > BNT_STATS_MAX) {
        wire_report_violation(player, index,
                              "the line has %" PRIu32 " statistics; at most %d fit a buffer",
                              line->pair_count, BNT_STATS_MAX);
        return;
    }
    if (!wire_check_stats(player, index)) {
        return;
    }
    uint8_t *out = player->dma + offset;
    for (uint32_t i = 0; i < line->pair_count; i++) {
        const struct bnt_stat_wire entry = {bnt_cpu_to_le16((uint16_t)tags[i].first),
                                            bnt_cpu_to_le64(tags[i].second)};
        memcpy(out, &entry, sizeof entry);
        out += sizeof entry;
    }
    const struct bnt_vq_seg seg = {player->dma_gpa + offset,
                                   (uint32_t)(line->pair_count * sizeof(struct bnt_stat_wire))};
    player->counts.stats++;
    player->stats_us = line->t_us;
    player->stats_line = index;
    wire_send_buffer(player, queue, index, &seg, 1, 0);
}

/** The buffer of a free page report is one chain, whose segments are the free pages themselves. */
static void replay_reporting_line(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *extents = player->recording.pairs + line->pair;
    const uint64_t most = UINT32_MAX >> BNT_PFN_SHIFT;
    uint64_t pfns = 0;
    if ((player->features & BNT_BALLOON_F_PAGE_REPORTING) == 0) {
        wire_report_violation(
            player, index,
            "the line is a free page report, but the driver did not accept PAGE_REPORTING");
        return;
    }
    if (player->queues[player->report_queue].outstanding) {
        wire_report_unanswered_request(player, player->report_queue, index);
        return;
    }
    if (line->pair_count > WIRE_EXTENTS_MAX) {
        wire_report_violation(player, index,
                              "the report has %" PRIu32 " extents; at most %u are allowed",
                              line->pair_count, WIRE_EXTENTS_MAX);
        return;
    }
    if (!check_and_count_page_runs(player, index, most, &pfns) ||
        !wire_check_report(player, index)) {
        return;
    }
    for (uint32_t i = 0; i < line->pair_count; i++) {
        player->extents[i] = (struct bnt_vq_seg){extents[i].first << BNT_PFN_SHIFT,
                                                 (uint32_t)(extents[i].second << BNT_PFN_SHIFT)};
    }
    player->counts.reports++;
    player->counts.reported_pfns += pfns;
    wire_send_buffer(player, player->report_queue, index, player->extents, 0, line->pair_count);
}

static void replay_target_line(struct wire_player *player, uint32_t index)
{
    player->target = player->recording.lines[index].value;
    player->counts.targets++;
    player->ops.target(player->opaque, player->target);
}

/** The driver writes `actual` after the device has answered. The value must equal the size of the
 * device's ledger. */
static void replay_actual_line(struct wire_player *player, uint32_t index)
{
    const uint64_t recorded = player->recording.lines[index].value;
    static const uint32_t before[] = {BNT_BALLOON_QUEUE_INFLATE, BNT_BALLOON_QUEUE_DEFLATE};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        if (player->queues[before[i]].outstanding) {
            wire_report_unanswered_request(player, before[i], index);
            return;
        }
    }
    const bnt_le32 actual = bnt_cpu_to_le32((uint32_t)recorded);
    player->ops.transport.config_write(player->opaque, BNT_BALLOON_CONFIG_ACTUAL, &actual,
                                       sizeof actual);
    player->actual_due = false;
    player->counts.actuals++;
    const uint64_t ledger = player->ops.ledger(player->opaque);
    if (ledger != recorded) {
        wire_report_violation(player, index,
                              "the driver wrote actual %" PRIu64
                              ", the device's ledger holds %" PRIu64,
                              recorded, ledger);
    }
}

void wire_replay_line(struct wire_player *player, uint32_t line)
{
    static void (*const plays[WIRE_KINDS])(struct wire_player *, uint32_t) = {
        [WIRE_FEATURES] = replay_features_line,   [WIRE_REGION] = replay_region_line,
        [WIRE_QUEUE] = replay_queue_line,         [WIRE_TARGET] = replay_target_line,
        [WIRE_ACTUAL] = replay_actual_line,       [WIRE_INFLATE] = replay_request_line,
        [WIRE_DEFLATE] = replay_request_line,     [WIRE_STATS] = replay_stats_line,
        [WIRE_REPORTING] = replay_reporting_line,
    };
    plays[player->recording.lines[line].kind](player, line);
}
