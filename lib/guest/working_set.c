/*
 * WS_REPORTING, crosvm's working-set reports (docs/understand/drafts.md): the device's commands
 * come in one buffer that it writes, reports go out in another. A report says how much memory was
 * last used how long ago; the OS fills it in. Nothing here is needed for a balloon.
 */
#include "guest_private.h"

#include <string.h>

/* A command at most: op, 15 intervals, two thresholds. */
#define CMD_BYTES (2u + 4u * (BNT_WS_BINS_MAX - 1) + 8u)

/* Where the two buffers lie in the DMA area: behind what the others have. */
static size_t ws_offset(const struct bnt_guest *guest)
{
    return (size_t)(guest->requests[0].dma - guest->dma) +
           BNTI_GUEST_SLOTS * bnti_guest_dma_stride(&guest->config) + BNTI_GUEST_DMA_STATS +
           2u * BNTI_GUEST_DMA_COMMAND;
}

static uint32_t le32_at(const uint8_t *at)
{
    bnt_le32 wire;
    memcpy(&wire, at, sizeof wire);
    return bnt_le32_get(wire);
}

/* Gives the device a buffer for its next command. */
static void command_expose(struct bnt_guest *guest)
{
    const struct bnt_vq_seg seg = {.gpa = guest->dma_gpa + ws_offset(guest), .bytes = CMD_BYTES};
    memset(guest->dma + ws_offset(guest), 0, CMD_BYTES);
    const bnt_status added =
        bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_WS_CMD], &seg, 0, 1, &guest->ws.command_head);
    BNTI_ASSERT(added == BNT_OK);
    bnti_guest_kick(guest, BNTI_GUEST_Q_WS_CMD);
}

/* DRIVER_OK: reads how many bins a report has, and waits for commands. */
void bnti_guest_ws_start(struct bnt_guest *guest)
{
    uint32_t bins = 0;
    memset(&guest->ws, 0, sizeof guest->ws);
    if (!bnti_guest_queue_used(guest, BNTI_GUEST_Q_WS_CMD) ||
        !bnti_guest_queue_used(guest, BNTI_GUEST_Q_WS_DATA)) {
        return;
    }
    if (bnti_guest_config_le32(guest, BNT_BALLOON_CONFIG_WS_NUM_BINS, &bins) != BNT_OK) {
        return;
    }
    if (bins < BNT_WS_BINS_MIN || bins > BNT_WS_BINS_MAX) {
        bnti_guest_tell(guest, BNT_GUEST_EVENT_DEGRADED, guest->config.binding.ws_reporting, 0);
        return; /* nothing is exposed: such a device never gets an answer */
    }
    guest->ws.bins = bins;
    command_expose(guest);
}

/* Fills a report in and exposes it; later if the last one is with the device still. */
static void report_expose(struct bnt_guest *guest)
{
    struct bnt_ws_bin *bins = guest->bins;
    const size_t offset = ws_offset(guest) + BNTI_GUEST_DMA_WS_CMD;
    struct bnt_ws_bin_wire *wire = (struct bnt_ws_bin_wire *)(void *)(guest->dma + offset);
    if (guest->ws.reporting) {
        guest->ws.wanted = true;
        return;
    }
    guest->ws.wanted = false;
    memset(bins, 0, sizeof guest->bins);
    guest->ops.ws_get(guest->opaque, &guest->ws.config, bins, guest->ws.bins);
    for (uint32_t i = 0; i < guest->ws.bins; i++) {
        memset(&wire[i], 0, sizeof wire[i]);
        wire[i].node_id = bnt_le16_set(bins[i].node);
        wire[i].idle_age_ms = bnt_le64_set(bins[i].age_ms);
        wire[i].bytes[0] = bnt_le64_set(bins[i].anon_bytes);
        wire[i].bytes[1] = bnt_le64_set(bins[i].file_bytes);
    }
    const struct bnt_vq_seg seg = {.gpa = guest->dma_gpa + offset,
                                   .bytes = guest->ws.bins * (uint32_t)sizeof *wire};
    const bnt_status added =
        bnt_vq_drv_add(&guest->vq[BNTI_GUEST_Q_WS_DATA], &seg, 1, 0, &guest->ws.report_head);
    BNTI_ASSERT(added == BNT_OK);
    guest->ws.reporting = true;
    guest->count.ws_reports++;
    bnti_guest_kick(guest, BNTI_GUEST_Q_WS_DATA);
}

/* The intervals must grow; what does not is left out with all that follows. */
static void config_take(struct bnt_guest *guest, const uint8_t *command, uint32_t len)
{
    struct bnt_ws_config *config = &guest->ws.config;
    const uint32_t intervals = guest->ws.bins - 1;
    if (len < 2 + 4 * intervals + 8) {
        guest->count.ws_odd++;
        return;
    }
    memset(config, 0, sizeof *config);
    for (uint32_t i = 0; i < intervals; i++) {
        const uint32_t ms = le32_at(command + 2 + 4 * i);
        if (ms == 0 || (i > 0 && ms <= config->intervals_ms[i - 1])) {
            guest->count.ws_odd++;
            break;
        }
        config->intervals_ms[i] = ms;
        config->interval_count = i + 1;
    }
    config->refresh_ms = le32_at(command + 2 + 4 * intervals);
    config->report_ms = le32_at(command + 2 + 4 * intervals + 4);
}

/* A buffer came back: a command, or a report that the device has read. */
void bnti_guest_ws_complete(struct bnt_guest *guest, uint32_t q, uint32_t len)
{
    uint8_t command[CMD_BYTES];
    if (q == BNTI_GUEST_Q_WS_DATA) {
        guest->ws.reporting = false;
        if (guest->ws.wanted) {
            report_expose(guest);
        }
        return;
    }
    len = len < CMD_BYTES ? len : CMD_BYTES;
    memcpy(command, guest->dma + ws_offset(guest), CMD_BYTES); /* read once */
    const uint32_t op = len < 2 ? 0 : (uint32_t)(command[0] | command[1] << 8);
    switch (op) {
    case BNT_WS_OP_REQUEST:
        report_expose(guest);
        break;
    case BNT_WS_OP_CONFIG:
        config_take(guest, command, len);
        break;
    case BNT_WS_OP_DISCARD:
        memset(&guest->ws.config, 0, sizeof guest->ws.config);
        break;
    default:
        guest->count.ws_odd++;
        break;
    }
    command_expose(guest);
}
