/*
 * WS_REPORTING, crosvm's working-set reports (docs/understand/drafts.md): the device writes each
 * command into a buffer that the driver has added for it. Buffers with working-set reports are read
 * and returned at once. The device never waits for the guest: if the guest does not answer,
 * `pending` stays set and the last working-set report remains.
 */
#include "lib/host/features/host_features.h"

#include "lib/base/pack.h"

#include <string.h>

#define WS_SEGS 4u

struct ws_state {
    struct bnt_ws_config config;
    struct bnt_ws_bin bins[BNT_WS_BINS_MAX];
    struct bnt_vq_seg segs[WS_SEGS]; /**< segments of the held command buffer */
    uint64_t sequence;
    uint64_t arrived_ns;
    uint32_t bin_count;
    uint32_t seg_count;
    uint32_t room;
    uint16_t head;
    bool held;         /**< the device holds a command buffer */
    bool configured;   /**< the embedder has set a configuration */
    bool config_owed;  /**< the configuration must still be sent */
    bool request_owed; /**< a request must still be sent */
    bool pending;      /**< requested, but not answered yet */
};

static struct ws_state *get_host_ws_state(const struct bnt_host *host)
{
    return bnti_host_get_feature_state(host, BNTI_HOST_FEATURE_WORKING_SET);
}

static bool is_ws_bin_count_valid(const struct bnt_host_config *config)
{
    return config->working_set.bins >= BNT_WS_BINS_MIN &&
           config->working_set.bins <= BNT_WS_BINS_MAX;
}

/** Whether a driver is present and the feature is negotiated. */
static bnt_status check_ws_ready(const struct bnt_host *host)
{
    if (!bnt_dev_is_live(&host->dev)) {
        return BNT_E_STATE;
    }
    return bnti_host_has_negotiated(host, host->config.features.binding.ws_reporting)
               ? BNT_OK
               : BNT_E_UNSUPPORTED;
}

/** Writes a command into the held buffer and returns the buffer. */
static void send_ws_command(struct bnt_host *host, const struct bnt_ws_command_wire *command,
                            uint32_t bytes)
{
    struct ws_state *ws = get_host_ws_state(host);
    const struct bnt_vq_chain chain = {.segs = ws->segs,
                                       .seg_max = WS_SEGS,
                                       .writable_count = ws->seg_count,
                                       .writable_bytes = ws->room,
                                       .head = ws->head};

    ws->held = false;
    if (bnti_host_write_chain(host, BNT_BALLOON_QUEUE_WS_CMD, &chain, 0, command, bytes) &&
        bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_WS_CMD, ws->head, bytes)) {
        bnti_host_flush_queue(host, BNT_BALLOON_QUEUE_WS_CMD);
    }
}

/** Sends commands that must still be sent, the configuration first, if a buffer is held. */
static void send_owed_commands(struct bnt_host *host)
{
    struct ws_state *ws = get_host_ws_state(host);
    struct bnt_ws_command_wire command = {
        .op = bnt_cpu_to_le16(ws->config_owed ? BNT_WS_OP_CONFIG : BNT_WS_OP_REQUEST)};
    const uint32_t intervals = host->config.working_set.bins - 1;

    if (!ws->held || !bnt_dev_is_live(&host->dev)) {
        return;
    }
    if (ws->config_owed) {
        ws->config_owed = false;
        for (uint32_t i = 0; i < intervals; i++) {
            command.ms[i] = bnt_cpu_to_le32(ws->config.intervals_ms[i]);
        }
        command.ms[intervals] = bnt_cpu_to_le32(ws->config.refresh_ms);
        command.ms[intervals + 1] = bnt_cpu_to_le32(ws->config.report_ms);
        send_ws_command(host, &command,
                        bnt_ws_get_config_command_bytes(host->config.working_set.bins));
    } else if (ws->request_owed) {
        ws->request_owed = false;
        send_ws_command(host, &command, (uint32_t)sizeof command.op);
    }
}

/** Holds a command buffer until a command must be sent. A second buffer is returned at once. */
static void store_command_buffer(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct ws_state *ws = get_host_ws_state(host);
    const uint32_t needed = bnt_ws_get_config_command_bytes(host->config.working_set.bins);

    if (ws->held || chain->writable_count > WS_SEGS || chain->writable_bytes < needed) {
        bnti_host_misuse_report(host, BNT_FAULT_WS_BUFFER, BNT_BALLOON_QUEUE_WS_CMD, chain->head, 0,
                                chain->writable_bytes);
        (void)bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_WS_CMD, chain->head, 0);
        return;
    }
    ws->held = true;
    ws->head = chain->head;
    ws->room = (uint32_t)bnti_host_min(chain->writable_bytes, UINT32_MAX);
    ws->seg_count = chain->writable_count;
    memcpy(ws->segs, chain->segs + chain->readable_count,
           chain->writable_count * sizeof ws->segs[0]);
    send_owed_commands(host);
}

/** Stores the bins of a working-set report, and returns its buffer. */
static void store_ws_report(struct bnt_host *host, const struct bnt_vq_chain *chain)
{
    struct ws_state *ws = get_host_ws_state(host);
    struct bnt_ws_bin_wire wire[BNT_WS_BINS_MAX];
    const uint32_t max = (uint32_t)sizeof wire;
    const uint32_t bytes = (uint32_t)bnti_host_min(chain->readable_bytes, max);
    const uint32_t bins = bytes / (uint32_t)sizeof wire[0];

    if (chain->readable_bytes > max || bytes % sizeof wire[0] != 0 || bins < BNT_WS_BINS_MIN) {
        bnti_host_misuse_report(host, BNT_FAULT_WS_BUFFER, BNT_BALLOON_QUEUE_WS_DATA, chain->head,
                                0, chain->readable_bytes);
    }
    if (bins > 0 && !bnti_host_read_chain(host, BNT_BALLOON_QUEUE_WS_DATA, chain, 0, wire,
                                          bins * (uint32_t)sizeof wire[0])) {
        return;
    }
    memset(ws->bins, 0, sizeof ws->bins);
    for (uint32_t i = 0; i < bins; i++) {
        ws->bins[i].node = bnt_le16_to_cpu(wire[i].node_id);
        ws->bins[i].age_ms = bnt_le64_to_cpu(wire[i].idle_age_ms);
        ws->bins[i].anon_bytes = bnt_le64_to_cpu(wire[i].bytes[0]);
        ws->bins[i].file_bytes = bnt_le64_to_cpu(wire[i].bytes[1]);
    }
    ws->bin_count = bins;
    ws->sequence++;
    ws->pending = ws->request_owed;
    ws->arrived_ns = host->now_ns;
    bnti_host_emit_event(host, BNT_HOST_EVENT_WORKING_SET, ws->sequence, bins);
    (void)bnti_host_push_buffer(host, BNT_BALLOON_QUEUE_WS_DATA, chain->head, 0);
}

/** After a device reset: clears the working-set report. The configuration is sent to the next
 * driver again. */
static void end_ws_session(struct bnt_host *host)
{
    struct ws_state *ws = get_host_ws_state(host);

    ws->held = false;
    ws->pending = false;
    ws->request_owed = false;
    ws->config_owed = ws->configured;
    ws->bin_count = 0;
    memset(ws->bins, 0, sizeof ws->bins);
}

bnt_status bnt_host_ws_config_set(struct bnt_host *host, uint64_t now_ns,
                                  const struct bnt_ws_config *config)
{
    bnti_host_busy before;

    if (config == NULL || config->interval_count != host->config.working_set.bins - 1u) {
        return BNT_E_ARGUMENT;
    }
    for (uint32_t i = 0; i < config->interval_count; i++) {
        if (config->intervals_ms[i] == 0 ||
            (i > 0 && config->intervals_ms[i] <= config->intervals_ms[i - 1])) {
            return BNT_E_ARGUMENT;
        }
    }
    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    get_host_ws_state(host)->config = *config;
    get_host_ws_state(host)->configured = true;
    get_host_ws_state(host)->config_owed = true;
    send_owed_commands(host);
    bnti_host_leave_call(host, before);
    return BNT_OK;
}

bnt_status bnt_host_ws_request(struct bnt_host *host, uint64_t now_ns, uint64_t *sequence)
{
    bnti_host_busy before;
    bnt_status status;

    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    status = check_ws_ready(host);
    if (status == BNT_OK && get_host_ws_state(host)->pending) {
        status = BNT_E_AGAIN;
    }
    if (status == BNT_OK) {
        if (sequence != NULL) {
            *sequence = get_host_ws_state(host)->sequence + 1;
        }
        get_host_ws_state(host)->pending = true;
        get_host_ws_state(host)->request_owed = true;
        send_owed_commands(host);
    }
    bnti_host_leave_call(host, before);
    return status;
}

bnt_status bnt_host_ws_get(const struct bnt_host *host, uint64_t now_ns, struct bnt_host_ws *told)
{
    const struct ws_state *ws = get_host_ws_state(host);
    struct bnt_host_ws now = {.size = told->size, .sequence = ws->sequence};

    if (told->size < offsetof(struct bnt_host_ws, age_ns)) {
        return BNT_E_SIZE;
    }
    now.age_ns = ws->sequence > 0 && now_ns > ws->arrived_ns ? now_ns - ws->arrived_ns : 0;
    now.pending = ws->pending;
    now.bin_count = ws->bin_count;
    memcpy(now.bins, ws->bins, sizeof now.bins);
    memcpy(told, &now, told->size < sizeof now ? told->size : sizeof now);
    return BNT_OK;
}

static void pack_ws_settings(struct bnti_pack *pack, struct bnt_ws_config *config)
{
    bnti_save_or_load_u32(pack, &config->interval_count);
    for (uint32_t i = 0; i < BNT_WS_BINS_MAX - 1; i++) {
        bnti_save_or_load_u32(pack, &config->intervals_ms[i]);
    }
    bnti_save_or_load_u32(pack, &config->refresh_ms);
    bnti_save_or_load_u32(pack, &config->report_ms);
    bnti_pack_fail_load_unless(pack, config->interval_count < BNT_WS_BINS_MAX);
}

static void pack_ws_state(struct bnti_pack *pack, struct bnt_host *host)
{
    struct ws_state *ws = get_host_ws_state(host);

    pack_ws_settings(pack, &ws->config);
    for (uint32_t i = 0; i < BNT_WS_BINS_MAX; i++) {
        bnti_save_or_load_u16(pack, &ws->bins[i].node);
        bnti_save_or_load_u64(pack, &ws->bins[i].age_ms);
        bnti_save_or_load_u64(pack, &ws->bins[i].anon_bytes);
        bnti_save_or_load_u64(pack, &ws->bins[i].file_bytes);
    }
    for (uint32_t i = 0; i < WS_SEGS; i++) {
        bnti_save_or_load_u64(pack, &ws->segs[i].gpa);
        bnti_save_or_load_u32(pack, &ws->segs[i].bytes);
    }
    bnti_save_or_load_u64(pack, &ws->sequence);
    bnti_save_or_load_u32(pack, &ws->bin_count);
    bnti_save_or_load_u32(pack, &ws->seg_count);
    bnti_save_or_load_u32(pack, &ws->room);
    bnti_save_or_load_u16(pack, &ws->head);
    bnti_save_or_load_bool(pack, &ws->held);
    bnti_save_or_load_bool(pack, &ws->configured);
    bnti_save_or_load_bool(pack, &ws->config_owed);
    bnti_save_or_load_bool(pack, &ws->request_owed);
    bnti_save_or_load_bool(pack, &ws->pending);
    if (bnti_pack_is_loading(pack)) {
        ws->arrived_ns = host->now_ns;
        bnti_pack_fail_load_unless(
            pack,
            !(ws->bin_count > BNT_WS_BINS_MAX || ws->seg_count > WS_SEGS ||
              (ws->configured && ws->config.interval_count != host->config.working_set.bins - 1)));
    }
}

static void read_ws_config(const struct bnt_host *host, uint8_t *space)
{
    if ((host->dev.offered & host->config.features.binding.ws_reporting) != 0) {
        bnti_host_put_field(space, BNT_BALLOON_CONFIG_WS_NUM_BINS, host->config.working_set.bins);
    }
}

static bool holds_command_buffer(const struct bnt_host *host, uint16_t *head)
{
    *head = get_host_ws_state(host)->head;
    return get_host_ws_state(host)->held;
}

static void reset_command_queue(struct bnt_host *host)
{
    get_host_ws_state(host)->held = false;
}

static const struct bnti_host_role_row ws_report_row = {
    .begin = store_ws_report,
};

static const struct bnti_host_role_row ws_command_row = {
    .begin = store_command_buffer,
    .keeps = holds_command_buffer,
    .queue_forget = reset_command_queue,
};

const struct bnti_host_feature bnti_host_feature_working_set = {
    .serves = BNT_BALLOON_WITH(WS_REPORTING),
    .state_bytes = sizeof(struct ws_state),
    .config_valid = is_ws_bin_count_valid,
    .forget = end_ws_session,
    .config_read = read_ws_config,
    .pack = pack_ws_state,
    .saved = BNTI_HOST_SAVED_AFTER_VMWARE,
    .queues = {{BNT_BALLOON_QUEUE_WS_DATA, &ws_report_row},
               {BNT_BALLOON_QUEUE_WS_CMD, &ws_command_row}},
};
