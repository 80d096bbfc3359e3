/*
 * Our device as a peer: the table of its functions and those of its VMM. device.c creates it; the
 * callbacks of its core are in device_ops.c.
 */
#include "sim/peers/peers.h"

static uint64_t get_now_ns(const struct vm *vm)
{
    return engine_get_time_ns(vm->world->engine);
}

/* ---- Registers and notifications ---- */

static uint64_t read_features(const struct vm *vm)
{
    return bnt_host_features_read(vm->host);
}

static bnt_status write_features(struct vm *vm, uint64_t features)
{
    return bnt_host_features_write(peers_use_device(vm), features);
}

static uint8_t read_status(const struct vm *vm)
{
    return bnt_host_status_read(vm->host);
}

static bnt_status write_status(struct vm *vm, uint8_t status)
{
    return bnt_host_status_write(peers_use_device(vm), get_now_ns(vm), status);
}

static uint32_t read_generation(struct vm *vm)
{
    return bnt_host_config_generation_read(peers_use_device(vm));
}

static void read_config(const struct vm *vm, uint32_t offset, void *dst, uint32_t bytes)
{
    bnt_host_config_read(vm->host, offset, dst, bytes);
}

static void write_config(struct vm *vm, uint32_t offset, const void *src, uint32_t bytes)
{
    bnt_host_config_write(peers_use_device(vm), get_now_ns(vm), offset, src, bytes);
}

static uint16_t get_queue_size_max(const struct vm *vm, uint16_t queue)
{
    return bnt_host_queue_size_max_get(vm->host, queue);
}

static bnt_status enable_queue(struct vm *vm, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                               uint64_t avail_gpa, uint64_t used_gpa)
{
    return bnt_host_queue_enable(peers_use_device(vm), queue, size, desc_gpa, avail_gpa, used_gpa);
}

static bnt_status reset_queue(struct vm *vm, uint16_t queue)
{
    return bnt_host_queue_reset(peers_use_device(vm), get_now_ns(vm), queue);
}

static bool is_queue_enabled(const struct vm *vm, uint16_t queue)
{
    return bnt_host_is_queue_enabled(vm->host, queue);
}

static void kick_queue(struct vm *vm, uint16_t queue)
{
    bnt_host_handle_kick(peers_use_device(vm), queue);
}

static void kick_queue_with_data(struct vm *vm, uint32_t data)
{
    bnt_host_handle_kick_with_data(peers_use_device(vm), data);
}

static int32_t serve_vmware_call(struct vm *vm, uint32_t command, uint64_t arg1, uint64_t arg2,
                                 uint64_t *result)
{
    int32_t status = BNT_VMWARE_FAILURE;
    *result = 0;
    if (bnt_host_serve_vmware_call(peers_use_device(vm), get_now_ns(vm), command, arg1, arg2,
                                   &status, result) != BNT_OK) {
        world_fail_run(vm->world, VERDICT_FAIL,
                       "%s: the device did not answer a call of VMware's wire", vm->spec.name);
    }
    return status;
}

static bnt_status step_device(struct vm *vm, uint64_t *deadline_ns)
{
    const bnt_status status =
        bnt_host_step(peers_use_device(vm), get_now_ns(vm), WORLD_BUDGET, deadline_ns);
    if (*deadline_ns ==
        get_now_ns(vm)) { /* more buffers are waiting, and each round takes the service time */
        *deadline_ns = get_now_ns(vm) + vm->spec.service_ns;
    }
    return status;
}

/* ---- State that the device reports ---- */

static void get_info(const struct vm *vm, struct bnt_host_info *info)
{
    if (bnt_host_info_get(vm->host, info) != BNT_OK) {
        info->status = 0;
    }
}

static const struct bnt_diag *get_diag(const struct vm *vm)
{
    return bnt_host_diag_get(vm->host);
}

static bnt_status get_stats(const struct vm *vm, struct bnt_host_stats *stats)
{
    return bnt_host_stats_get(vm->host, get_now_ns(vm), stats);
}

static bnt_status get_working_set(const struct vm *vm, struct bnt_host_ws *ws)
{
    return bnt_host_ws_get(vm->host, get_now_ns(vm), ws);
}

static bool has_page(const struct vm *vm, uint64_t pfn)
{
    return bnt_host_page_state_get(vm->host, pfn) != BNT_HOST_PAGE_GUEST;
}

static void audit_ledger(const struct vm *vm, uint64_t allocator_pages, uint64_t reported_pages,
                         bool all)
{
    struct oracle *oracle = vm->world->oracle;
    if (all) {
        oracle_audit_pages(oracle, vm->index, vm->host, allocator_pages, reported_pages);
    } else {
        oracle_audit_changed_pages(oracle, vm->index, vm->host, allocator_pages, reported_pages);
    }
}

/* ---- The VMM ---- */

static bnt_status set_target(struct vm *vm, uint64_t pfns, uint64_t within_ns, uint64_t *id)
{
    return bnt_host_target_set(peers_use_device(vm), get_now_ns(vm), pfns, within_ns, id);
}

static bnt_status set_guest_memory(struct vm *vm, uint64_t pfns, uint64_t within_ns, uint64_t *id)
{
    return bnt_host_guest_memory_set(peers_use_device(vm), get_now_ns(vm), pfns, within_ns, id);
}

static bnt_status set_device_memory_map(struct vm *vm)
{
    return bnt_host_memory_set(peers_use_device(vm), &vm->mem);
}

static bnt_status reset_device(struct vm *vm)
{
    return bnt_host_reset_balloon(peers_use_device(vm), get_now_ns(vm));
}

static bnt_status add_refusal_rule(struct vm *vm, const struct bnt_host_rule *rule)
{
    return bnt_host_rule_add(peers_use_device(vm), rule);
}

static void clear_refusal_rules(struct vm *vm)
{
    bnt_host_rules_clear(peers_use_device(vm));
}

static bnt_status add_vmware_call_rule(struct vm *vm, const struct bnt_host_call_rule *rule)
{
    return bnt_host_call_rule_add(peers_use_device(vm), rule);
}

static bnt_status poll_stats(struct vm *vm)
{
    return bnt_host_stats_request(peers_use_device(vm), get_now_ns(vm), NULL);
}

static bnt_status request_working_set(struct vm *vm)
{
    return bnt_host_ws_request(peers_use_device(vm), get_now_ns(vm), NULL);
}

static bnt_status start_hinting(struct vm *vm)
{
    return bnt_host_hint_start(peers_use_device(vm), get_now_ns(vm), NULL);
}

static bnt_status stop_hinting(struct vm *vm)
{
    return bnt_host_hint_stop(peers_use_device(vm), get_now_ns(vm));
}

static bnt_status end_hinting(struct vm *vm)
{
    return bnt_host_hint_finish(peers_use_device(vm), get_now_ns(vm));
}

static bnt_status report_page_touch(struct vm *vm, uint64_t pfn)
{
    return bnt_host_handle_page_touch(peers_use_device(vm), get_now_ns(vm), pfn);
}

const struct device_peer our_device = {
    .name = "our device",
    .can_start = device_can_start,
    .create = device_create,
    .destroy = device_destroy,
    .renew = device_replace_instance,
    .restore = device_restore,
    .features_read = read_features,
    .features_write = write_features,
    .status_read = read_status,
    .status_write = write_status,
    .generation = read_generation,
    .config_read = read_config,
    .config_write = write_config,
    .queue_size_max = get_queue_size_max,
    .queue_enable = enable_queue,
    .queue_reset = reset_queue,
    .queue_is_enabled = is_queue_enabled,
    .kick = kick_queue,
    .kick_with_data = kick_queue_with_data,
    .call = serve_vmware_call,
    .step = step_device,
    .info = get_info,
    .diag = get_diag,
    .stats = get_stats,
    .working_set = get_working_set,
    .has_page = has_page,
    .audit = audit_ledger,
    .target_set = set_target,
    .guest_memory_set = set_guest_memory,
    .memory_set = set_device_memory_map,
    .reset = reset_device,
    .rule_add = add_refusal_rule,
    .rules_clear = clear_refusal_rules,
    .call_rule_add = add_vmware_call_rule,
    .stats_poll = poll_stats,
    .working_set_request = request_working_set,
    .hint_start = start_hinting,
    .hint_stop = stop_hinting,
    .hint_done = end_hinting,
    .touched = report_page_touch,
};
