/*
 * WS_REPORTING, crosvm's working-set reports (docs/understand/drafts.md): the device writes its
 * commands into one buffer, and the driver sends working-set reports in another buffer. A
 * working-set report shows how much memory was last used how long ago. The OS fills the report in.
 */
#include "lib/guest/features/guest_features.h"

#include <string.h>

#define CMD_BYTES ((uint32_t)sizeof(struct bnt_ws_command_wire))

/* The DMA memory contains a command, then a working-set report. */
#define COMMAND_BYTES 128u
#define REPORT_BYTES  (BNT_WS_BINS_MAX * 32u)

struct working_set {
    uint32_t bins;  /* bins of a report; 0: the feature is not used */
    bool reporting; /* a working-set report is in flight */
    bool wanted;    /* another working-set report must follow */
    uint16_t command_head;
    uint16_t report_head;
    struct bnt_ws_config config;
    struct bnt_ws_bin filled[BNT_WS_BINS_MAX]; /* the working-set report being filled in */
};

static struct working_set *get_ws_state(const struct bnt_guest *guest)
{
    return bnti_guest_get_feature_state(guest, BNTI_GUEST_FEATURE_WORKING_SET);
}

static size_t get_ws_dma_offset(const struct bnt_guest *guest)
{
    return bnti_guest_get_feature_dma_offset(guest, BNTI_GUEST_FEATURE_WORKING_SET);
}

/* Adds a buffer for the device's next command. */
static void submit_ws_command_buffer(struct bnt_guest *guest)
{
    struct working_set *ws = get_ws_state(guest);
    const struct bnt_vq_seg seg = {.gpa = guest->dma_gpa + get_ws_dma_offset(guest),
                                   .bytes = CMD_BYTES};
    memset(guest->dma + get_ws_dma_offset(guest), 0, CMD_BYTES);
    const bnt_status added =
        bnt_vq_drv_add(&guest->vq[BNT_BALLOON_QUEUE_WS_CMD], &seg, 0, 1, &ws->command_head);
    BNTI_ASSERT(added == BNT_OK);
    bnti_guest_kick_queue(guest, BNT_BALLOON_QUEUE_WS_CMD);
}

/* After DRIVER_OK: reads the number of bins of a working-set report, and adds a buffer for
 * commands. */
static void start_working_set(struct bnt_guest *guest)
{
    struct working_set *ws = get_ws_state(guest);
    uint32_t bins = 0;
    memset(ws, 0, sizeof *ws);
    if (!bnti_guest_is_queue_in_use(guest, BNT_BALLOON_QUEUE_WS_CMD) ||
        !bnti_guest_is_queue_in_use(guest, BNT_BALLOON_QUEUE_WS_DATA)) {
        return;
    }
    if (bnti_guest_read_config_le32(guest, BNT_BALLOON_CONFIG_WS_NUM_BINS, &bins) != BNT_OK) {
        return;
    }
    if (bins < BNT_WS_BINS_MIN || bins > BNT_WS_BINS_MAX) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_DEGRADED,
                              guest->config.features.binding.ws_reporting, 0);
        return; /* no buffer is added: the device gets no answer */
    }
    ws->bins = bins;
    submit_ws_command_buffer(guest);
}

/* Fills a working-set report in and sends it. If the last working-set report is still in flight,
 * the new one is sent later. */
static void submit_ws_report(struct bnt_guest *guest)
{
    struct working_set *ws = get_ws_state(guest);
    struct bnt_ws_bin *bins = ws->filled;
    const size_t offset = get_ws_dma_offset(guest) + COMMAND_BYTES;
    struct bnt_ws_bin_wire *wire = (struct bnt_ws_bin_wire *)(void *)(guest->dma + offset);
    if (ws->reporting) {
        ws->wanted = true;
        return;
    }
    ws->wanted = false;
    memset(bins, 0, sizeof ws->filled);
    guest->ops.working_set.get(guest->opaque, &ws->config, bins, ws->bins);
    for (uint32_t i = 0; i < ws->bins; i++) {
        memset(&wire[i], 0, sizeof wire[i]);
        wire[i].node_id = bnt_cpu_to_le16(bins[i].node);
        wire[i].idle_age_ms = bnt_cpu_to_le64(bins[i].age_ms);
        wire[i].bytes[0] = bnt_cpu_to_le64(bins[i].anon_bytes);
        wire[i].bytes[1] = bnt_cpu_to_le64(bins[i].file_bytes);
    }
    const struct bnt_vq_seg seg = {.gpa = guest->dma_gpa + offset,
                                   .bytes = ws->bins * (uint32_t)sizeof *wire};
    const bnt_status added =
        bnt_vq_drv_add(&guest->vq[BNT_BALLOON_QUEUE_WS_DATA], &seg, 1, 0, &ws->report_head);
    BNTI_ASSERT(added == BNT_OK);
    ws->reporting = true;
    guest->count.working_set.reports++;
    bnti_guest_kick_queue(guest, BNT_BALLOON_QUEUE_WS_DATA);
}

/* Reads a CONFIG command. The intervals must increase. The first interval that does not increase,
 * and all later intervals, are ignored. */
static void parse_ws_config(struct bnt_guest *guest, const struct bnt_ws_command_wire *command,
                            uint32_t len)
{
    struct working_set *ws = get_ws_state(guest);
    struct bnt_ws_config *config = &ws->config;
    const uint32_t intervals = ws->bins - 1;
    if (len < bnt_ws_get_config_command_bytes(ws->bins)) {
        guest->count.working_set.invalid++;
        return;
    }
    memset(config, 0, sizeof *config);
    for (uint32_t i = 0; i < intervals; i++) {
        const uint32_t ms = bnt_le32_to_cpu(command->ms[i]);
        if (ms == 0 || (i > 0 && ms <= config->intervals_ms[i - 1])) {
            guest->count.working_set.invalid++;
            break;
        }
        config->intervals_ms[i] = ms;
        config->interval_count = i + 1;
    }
    config->refresh_ms = bnt_le32_to_cpu(command->ms[intervals]);
    config->report_ms = bnt_le32_to_cpu(command->ms[intervals + 1]);
}

/* Handles a used buffer: a command, or a working-set report that the device has read. */
static void handle_used_ws_buffer(struct bnt_guest *guest, uint32_t q, uint16_t head, uint32_t len)
{
    struct working_set *ws = get_ws_state(guest);
    (void)head;
    struct bnt_ws_command_wire command;
    if (q == BNT_BALLOON_QUEUE_WS_DATA) {
        ws->reporting = false;
        if (ws->wanted) {
            submit_ws_report(guest);
        }
        return;
    }
    len = len < CMD_BYTES ? len : CMD_BYTES;
    memcpy(&command, guest->dma + get_ws_dma_offset(guest), CMD_BYTES); /* read once */
    const uint32_t op = len < sizeof command.op ? 0 : bnt_le16_to_cpu(command.op);
    switch (op) {
    case BNT_WS_OP_REQUEST:
        submit_ws_report(guest);
        break;
    case BNT_WS_OP_CONFIG:
        parse_ws_config(guest, &command, len);
        break;
    case BNT_WS_OP_DISCARD:
        memset(&ws->config, 0, sizeof ws->config);
        break;
    default:
        guest->count.working_set.invalid++;
        break;
    }
    submit_ws_command_buffer(guest);
}

/* ---- The row ---- */

static size_t get_ws_state_bytes(const struct bnt_guest_config *config)
{
    (void)config;
    return sizeof(struct working_set);
}

static size_t get_ws_dma_bytes(const struct bnt_guest_config *config)
{
    return bnti_guest_wants_features(config, config->features.binding.ws_reporting)
               ? COMMAND_BYTES + REPORT_BYTES
               : 0;
}

static bool is_ws_wanted(struct bnt_guest *guest, uint64_t offered)
{
    (void)offered;
    return guest->ops.working_set.get != NULL;
}

const struct bnti_guest_feature bnti_guest_feature_working_set = {
    .features = BNT_BALLOON_WITH(WS_REPORTING),
    .state_bytes = get_ws_state_bytes,
    .dma_bytes = get_ws_dma_bytes,
    .wanted = is_ws_wanted,
    .start = start_working_set,
    .queues = {{.role = BNT_BALLOON_QUEUE_WS_DATA, .descriptors = 1, .used = handle_used_ws_buffer},
               {.role = BNT_BALLOON_QUEUE_WS_CMD, .descriptors = 1, .used = handle_used_ws_buffer}},
};
