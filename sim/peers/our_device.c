/*
 * Our device as a peer: the table of what it and its VMM can do. How it is made is in device.c,
 * what its core calls in device_ops.c.
 */
#include "sim/peers/peers.h"

static uint64_t now(const struct vm *vm)
{
    return engine_get_time_ns(vm->world->engine);
}

/* ---- Registers and notifications ---- */

static uint64_t features_read(const struct vm *vm)
{
    return bnt_host_features_read(vm->host);
}

static bnt_status features_write(struct vm *vm, uint64_t features)
{
    return bnt_host_features_write(vm->host, features);
}

static uint8_t status_read(const struct vm *vm)
{
    return bnt_host_status_read(vm->host);
}

static bnt_status status_write(struct vm *vm, uint8_t status)
{
    return bnt_host_status_write(vm->host, now(vm), status);
}

static uint32_t generation(struct vm *vm)
{
    return bnt_host_config_generation(vm->host);
}

static void config_read(const struct vm *vm, uint32_t offset, void *dst, uint32_t bytes)
{
    bnt_host_config_read(vm->host, offset, dst, bytes);
}

static void config_write(struct vm *vm, uint32_t offset, const void *src, uint32_t bytes)
{
    bnt_host_config_write(vm->host, now(vm), offset, src, bytes);
}

static uint16_t queue_size_max(const struct vm *vm, uint16_t queue)
{
    return bnt_host_queue_size_max(vm->host, queue);
}

static bnt_status queue_enable(struct vm *vm, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                               uint64_t avail_gpa, uint64_t used_gpa)
{
    return bnt_host_queue_enable(vm->host, queue, size, desc_gpa, avail_gpa, used_gpa);
}

static bnt_status queue_reset(struct vm *vm, uint16_t queue)
{
    return bnt_host_queue_reset(vm->host, now(vm), queue);
}

static bool queue_is_enabled(const struct vm *vm, uint16_t queue)
{
    return bnt_host_queue_enabled(vm->host, queue);
}

static void kick(struct vm *vm, uint16_t queue)
{
    bnt_host_kick(vm->host, queue);
}

static void kick_with_data(struct vm *vm, uint32_t data)
{
    bnt_host_kick_data(vm->host, data);
}

static int32_t call(struct vm *vm, uint32_t command, uint64_t arg1, uint64_t arg2, uint64_t *result)
{
    int32_t status = BNT_VMWARE_FAILURE;
    *result = 0;
    if (bnt_host_vmware_call(vm->host, now(vm), command, arg1, arg2, &status, result) != BNT_OK) {
        world_fail(vm->world, VERDICT_FAIL, "%s: the host took no call", vm->spec.name);
    }
    return status;
}

static bnt_status step(struct vm *vm, uint64_t *deadline_ns)
{
    const bnt_status status = bnt_host_step(vm->host, now(vm), WORLD_BUDGET, deadline_ns);
    if (*deadline_ns == now(vm)) { /* more buffers wait: each round takes its time */
        *deadline_ns = now(vm) + vm->spec.service_ns;
    }
    return status;
}

/* ---- What it says of itself ---- */

static void info(const struct vm *vm, struct bnt_host_info *info)
{
    if (bnt_host_info_get(vm->host, info) != BNT_OK) {
        info->status = 0;
    }
}

static const struct bnt_diag *diag(const struct vm *vm)
{
    return bnt_host_diag(vm->host);
}

static bnt_status stats(const struct vm *vm, struct bnt_host_stats *stats)
{
    return bnt_host_stats_get(vm->host, now(vm), stats);
}

static bnt_status working_set(const struct vm *vm, struct bnt_host_ws *ws)
{
    return bnt_host_ws_get(vm->host, now(vm), ws);
}

static bool has_page(const struct vm *vm, uint64_t pfn)
{
    return bnt_host_page_get(vm->host, pfn) != BNT_HOST_PAGE_GUEST;
}

static void audit(const struct vm *vm, uint64_t allocator_pages, uint64_t reported_pages)
{
    oracle_audit_pages(vm->world->oracle, vm->index, vm->host, allocator_pages, reported_pages);
}

/* ---- The VMM ---- */

static bnt_status target_set(struct vm *vm, uint64_t pfns, uint64_t within_ns, uint64_t *id)
{
    return bnt_host_target_set(vm->host, now(vm), pfns, within_ns, id);
}

static bnt_status guest_memory_set(struct vm *vm, uint64_t pfns, uint64_t within_ns, uint64_t *id)
{
    return bnt_host_guest_memory_set(vm->host, now(vm), pfns, within_ns, id);
}

static bnt_status memory_set(struct vm *vm)
{
    return bnt_host_memory_set(vm->host, &vm->mem);
}

static bnt_status reset(struct vm *vm)
{
    return bnt_host_reset(vm->host, now(vm));
}

static bnt_status rule_add(struct vm *vm, const struct bnt_host_rule *rule)
{
    return bnt_host_rule_add(vm->host, rule);
}

static void rules_clear(struct vm *vm)
{
    bnt_host_rules_clear(vm->host);
}

static bnt_status call_rule_add(struct vm *vm, const struct bnt_host_call_rule *rule)
{
    return bnt_host_call_rule_add(vm->host, rule);
}

static bnt_status stats_poll(struct vm *vm)
{
    return bnt_host_stats_poll(vm->host, now(vm), NULL);
}

static bnt_status working_set_request(struct vm *vm)
{
    return bnt_host_ws_request(vm->host, now(vm), NULL);
}

static bnt_status hint_start(struct vm *vm)
{
    return bnt_host_hint_start(vm->host, now(vm), NULL);
}

static bnt_status hint_stop(struct vm *vm)
{
    return bnt_host_hint_stop(vm->host, now(vm));
}

static bnt_status hint_done(struct vm *vm)
{
    return bnt_host_hint_done(vm->host, now(vm));
}

static bnt_status touched(struct vm *vm, uint64_t pfn)
{
    return bnt_host_touched(vm->host, now(vm), pfn);
}

const struct device_peer our_device = {
    .name = "our device",
    .can_start = device_can_start,
    .create = device_create,
    .destroy = device_destroy,
    .renew = device_renew,
    .restore = device_restore,
    .features_read = features_read,
    .features_write = features_write,
    .status_read = status_read,
    .status_write = status_write,
    .generation = generation,
    .config_read = config_read,
    .config_write = config_write,
    .queue_size_max = queue_size_max,
    .queue_enable = queue_enable,
    .queue_reset = queue_reset,
    .queue_is_enabled = queue_is_enabled,
    .kick = kick,
    .kick_with_data = kick_with_data,
    .call = call,
    .step = step,
    .info = info,
    .diag = diag,
    .stats = stats,
    .working_set = working_set,
    .has_page = has_page,
    .audit = audit,
    .target_set = target_set,
    .guest_memory_set = guest_memory_set,
    .memory_set = memory_set,
    .reset = reset,
    .rule_add = rule_add,
    .rules_clear = rules_clear,
    .call_rule_add = call_rule_add,
    .stats_poll = stats_poll,
    .working_set_request = working_set_request,
    .hint_start = hint_start,
    .hint_stop = hint_stop,
    .hint_done = hint_done,
    .touched = touched,
};
