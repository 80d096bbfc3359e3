/*
 * The wire player: creates it, manages its DMA memory and queues, and checks the order of the
 * lines.
 *
 * The player detects a recording that was altered. Lines must be in the order of their times, no
 * line may be repeated, statistics must be as frequent as the recorder asks, and the last write of
 * `actual` must not be missing. wire_lines.c plays single lines.
 */
#include "sim/recording/wire_player_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- DMA memory: first the rings, then one buffer for each queue that needs a buffer ---- */

static uint64_t get_ring_bytes(void)
{
    const uint64_t mask = BNT_PFN_BYTES - 1;
    return (bnt_vq_drv_compute_ring_bytes(WIRE_QUEUE_SIZE_MAX, 0) + mask) & ~mask;
}

#define BUFFER_ROOM ((uint64_t)WIRE_REQUEST_PFNS_MAX * sizeof(bnt_le32))

_Static_assert(BUFFER_ROOM >= BNT_STATS_MAX * sizeof(struct bnt_stat_wire),
               "statistics fit a buffer");

uint64_t wire_get_ring_offset(uint32_t queue)
{
    return queue * get_ring_bytes();
}

uint64_t wire_get_buffer_offset(uint32_t queue)
{
    return WIRE_QUEUES * get_ring_bytes() + queue * BUFFER_ROOM;
}

size_t wire_player_get_dma_bytes(void)
{
    return (size_t)wire_get_buffer_offset(WIRE_QUEUES);
}

/* ---- Life ---- */

struct wire_player *wire_player_create(struct arena *arena, const char *name, const char *bytes,
                                       size_t length, const struct wire_player_ops *ops,
                                       void *opaque, void *dma, uint64_t dma_gpa, size_t dma_bytes,
                                       char *error, size_t error_bytes)
{
    struct wire_recording recording;
    if (dma_bytes < wire_player_get_dma_bytes() || dma_gpa % BNT_PFN_BYTES != 0) {
        (void)snprintf(error, error_bytes,
                       "%.*s:1: error: the player needs %zu bytes of DMA memory",
                       (int)WIRE_NAME_MAX, name, wire_player_get_dma_bytes());
        return NULL;
    }
    if (!wire_recording_parse(&recording, arena, name, bytes, length, error, error_bytes)) {
        return NULL;
    }
    struct wire_player *player = arena_alloc_zeroed(arena, sizeof *player);
    player->arena = arena;
    (void)snprintf(player->name, sizeof player->name, "%s", name);
    player->recording = recording;
    player->ops = *ops;
    player->opaque = opaque;
    player->dma = dma;
    player->dma_gpa = dma_gpa;
    return player;
}

void wire_player_destroy(struct wire_player *player)
{
    if (player == NULL) {
        return;
    }
    for (uint32_t i = 0; i < WIRE_QUEUES; i++) {
        const struct wire_queue *queue = &player->queues[i];
        arena_free(player->arena, queue->slots, queue->size * sizeof *queue->slots);
    }
    arena_free(player->arena, player->reported, player->pfns);
    wire_recording_free(&player->recording);
    arena_free(player->arena, player, sizeof *player);
}

uint32_t wire_player_count_lines(const struct wire_player *player)
{
    return player->recording.line_count;
}

uint64_t wire_player_get_time_ns(const struct wire_player *player, uint32_t line)
{
    const struct wire_line *lines = player->recording.lines;
    return (lines[line].at_us - lines[0].at_us) * 1000;
}

struct wire_player_counts wire_player_get_counts(const struct wire_player *player)
{
    return player->counts;
}

/* ---- Failure ---- */

void wire_report_violation(struct wire_player *player, uint32_t line, const char *format, ...)
{
    char text[WIRE_NAME_MAX + 512];
    if (player->failed) {
        return;
    }
    player->failed = true;
    const int head = snprintf(text, sizeof text, "%s:%" PRIu32 ": ", player->name, line + 1);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + head, sizeof text - (size_t)head, format, arguments);
    va_end(arguments);
    player->ops.fail(player->opaque, text);
}

/** Fails the run if the device counted a new violation. This line must have caused it. */
static bool check_no_new_misuse(struct wire_player *player, uint32_t line)
{
    const uint64_t misuses = player->ops.misuses(player->opaque);
    if (misuses == player->misuses) {
        return true;
    }
    char text[256] = "";
    player->ops.misuse_text(player->opaque, text, sizeof text);
    wire_report_violation(player, line, "the device reports a violation in this %s: %s",
                          wire_get_kind_name(player->recording.lines[line].kind), text);
    return false;
}

void wire_report_unanswered_request(struct wire_player *player, uint32_t queue, uint32_t line)
{
    const uint32_t sent = player->queues[queue].line;
    const char *kind = wire_get_kind_name(player->recording.lines[sent].kind);
    if (!check_no_new_misuse(player, sent)) {
        return;
    }
    if ((player->ops.transport.status_read(player->opaque) & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
        wire_report_violation(player, sent,
                              "the device asks for a reset instead of serving this %s", kind);
        return;
    }
    wire_report_violation(player, line, "the device still has the %s of line %" PRIu32, kind,
                          sent + 1);
}

void wire_report_missing_actual(struct wire_player *player, uint32_t line)
{
    wire_report_violation(player, line,
                          "no actual was written after the request of line %" PRIu32
                          ": a line is lost or moved",
                          player->actual_after + 1);
}

/* ---- Queues ---- */

void wire_send_buffer(struct wire_player *player, uint32_t queue, uint32_t line,
                      const struct bnt_vq_seg *segs, uint32_t readable, uint32_t writable)
{
    struct wire_queue *to = &player->queues[queue];
    uint16_t head = 0;
    const bnt_status status = bnt_vq_drv_add(&to->vq, segs, readable, writable, &head);
    if (status != BNT_OK) {
        wire_report_violation(player, line, "the buffer cannot be put on queue %" PRIu32 ": %s",
                              queue, bnt_status_text(status));
        return;
    }
    to->outstanding = true;
    to->line = line;
    if (bnt_vq_drv_publish(&to->vq)) {
        player->ops.transport.notify(player->opaque, (uint16_t)queue);
    }
}

void wire_player_pop_used_buffers(struct wire_player *player, uint16_t queue)
{
    if (player->failed || player->phase != WIRE_RUNNING || queue >= WIRE_QUEUES ||
        player->queues[queue].slots == NULL) {
        return;
    }
    struct wire_queue *from = &player->queues[queue];
    struct bnt_diag diag = {.size = sizeof diag};
    uint16_t head = 0;
    uint32_t len = 0;
    bnt_status status = bnt_vq_drv_pop(&from->vq, &head, &len, &diag);
    while (status == BNT_OK) {
        from->outstanding = false;
        if (!check_no_new_misuse(player, from->line)) {
            return;
        }
        status = bnt_vq_drv_pop(&from->vq, &head, &len, &diag);
    }
    if (status != BNT_E_AGAIN) {
        wire_report_violation(player, from->line, "the device broke queue %u: %s", (unsigned)queue,
                              bnt_fault_text(diag.fault));
    }
}

/* ---- The order of lines ---- */

static bool check_line_order(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    if (index != player->next) {
        wire_report_violation(player, index,
                              "the line is played out of order: line %" PRIu32 " is next",
                              player->next + 1);
    } else if (line->again) {
        wire_report_violation(player, index, "the line repeats the line above");
    } else if (line->at_us != line->t_us) {
        wire_report_violation(player, index,
                              "t_us goes back from %" PRIu64 " to %" PRIu64
                              ": the lines are out of order",
                              line->at_us, line->t_us);
    } else if (player->counts.stats > 0 && line->t_us - player->stats_us > WIRE_STATS_GAP_US_MAX) {
        wire_report_violation(player, index,
                              "no statistics for %" PRIu64
                              " us, though the device asks every second: a line is lost",
                              line->t_us - player->stats_us);
    }
    if (player->actual_due && line->at_us - player->recording.lines[player->actual_after].at_us >
                                  WIRE_ACTUAL_GAP_US_MAX) {
        wire_report_missing_actual(player, index);
    }
    return !player->failed;
}

/** Checks the order of the phases: the lines about features come first, then the region, then
 * queues, then all other lines. */
static bool check_phase_of_line(struct wire_player *player, uint32_t index)
{
    const wire_kind kind = player->recording.lines[index].kind;
    const char *name = wire_get_kind_name(kind);
    static const char *const wanted[] = {"features", "region"};
    if (player->phase < WIRE_QUEUES_UP) {
        const bool right = kind == (player->phase == WIRE_BEGIN ? WIRE_FEATURES : WIRE_REGION);
        if (!right) {
            wire_report_violation(
                player, index,
                "the line is %s, but the line of the %s must come first: a line is lost", name,
                wanted[player->phase]);
        }
        return right;
    }
    if (kind == WIRE_FEATURES || kind == WIRE_REGION ||
        (kind == WIRE_QUEUE && player->phase == WIRE_RUNNING)) {
        wire_report_violation(player, index,
                              "the line of %s comes too late: the driver has set this up already",
                              name);
        return false;
    }
    return kind == WIRE_QUEUE || player->phase == WIRE_RUNNING || wire_start_driver(player, index);
}

void wire_player_replay_line(struct wire_player *player, uint32_t line)
{
    if (player->failed || line >= player->recording.line_count || !check_line_order(player, line) ||
        !check_phase_of_line(player, line)) {
        return;
    }
    player->next++;
    wire_replay_line(player, line);
    if (player->next == player->recording.line_count &&
        player->recording.lines[line].kind != WIRE_ACTUAL) {
        wire_report_violation(
            player, line, "the recording ends before the last write of actual: its end is missing");
    }
}

bool wire_player_is_done(const struct wire_player *player)
{
    bool busy = false;
    for (uint32_t i = 0; i < WIRE_QUEUES; i++) {
        busy |= player->queues[i].outstanding && i != BNT_BALLOON_QUEUE_STATS;
    }
    return !player->failed && !busy && player->next == player->recording.line_count;
}
