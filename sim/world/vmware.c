/*
 * VMware's wire in the world: the guest's calls, the doorbell, and what the script does to both.
 *
 * A call is synchronous, as a trapping instruction is, and takes its time: the driver goes on
 * later. The doorbell travels by the link, as a configuration interrupt does. Everything observed
 * here is told to the oracle, the hash and the script.
 */
#include "sim/world/world_private.h"

/** Any pair: the world has one doorbell a guest. */
#define DOORBELL_CONTEXT  3u
#define DOORBELL_RESOURCE 7u

static void count_call(struct vm *vm, uint32_t command)
{
    switch (command) {
    case BNT_VMWARE_CMD_START:
        vm->account.starts++;
        break;
    case BNT_VMWARE_CMD_LOCK:
    case BNT_VMWARE_CMD_BATCHED_LOCK:
    case BNT_VMWARE_CMD_BATCHED_2M_LOCK:
        vm->account.locks++;
        break;
    case BNT_VMWARE_CMD_UNLOCK:
    case BNT_VMWARE_CMD_BATCHED_UNLOCK:
    case BNT_VMWARE_CMD_BATCHED_2M_UNLOCK:
        vm->account.unlocks++;
        break;
    default:
        break;
    }
}

/** The call as both sides see it, told to whoever watches. */
static void call_observed(struct vm *vm, uint32_t command, int32_t status, uint64_t result)
{
    struct world *world = vm->world;
    const bool success = bnt_vmware_succeeded(command, status);
    engine_payload(world->engine, command);
    engine_payload(world->engine, (uint32_t)status);
    engine_payload(world->engine, result);
    world_log(world, success ? LOG_ALL : LOG_EVENTS, "%s: %s is answered %s, %llu", vm->spec.name,
              bnt_vmware_command_name(command), bnt_vmware_status_name(status),
              (unsigned long long)result);
    if (world->oracle != NULL) {
        const struct oracle_call call = {
            .command = command,
            .status = status,
            .result = result,
            .target_pfns = vm_host_info(vm).num_pages,
            .stopping = vm->detaching,
        };
        oracle_call(world->oracle, vm->index, &call);
    }
    script_trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_CALL);
    if (!success) {
        script_trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_CALL_FAILED);
    } else if (command == BNT_VMWARE_CMD_START) {
        script_trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_START);
    }
}

static int32_t call_host(struct vm *vm, uint32_t command, uint64_t arg1, uint64_t arg2,
                         uint64_t *result)
{
    struct engine *engine = vm->world->engine;
    const uint64_t now_ns = engine_now(engine);
    int32_t status = BNT_VMWARE_FAILURE;
    *result = 0;
    if (bnt_host_vmware_call(vm->host, now_ns, command, arg1, arg2, &status, result) != BNT_OK) {
        world_fail(vm->world, VERDICT_FAIL, "%s: the host took no call", vm->spec.name);
    }
    if (status == BNT_VMWARE_RESET && hostile_take(vm, CORRUPT_CALL_SERVED)) {
        status = BNT_VMWARE_SUCCESS;
    }
    if (status == BNT_VMWARE_SUCCESS && bnt_vmware_command_targets(command) &&
        hostile_take(vm, CORRUPT_TARGET_STALE)) {
        *result += 1;
    }
    const uint64_t from_ns = vm->called_until_ns > now_ns ? vm->called_until_ns : now_ns;
    vm->called_until_ns = from_ns + vm->spec.call_ns;
    vm->touched = true;
    count_call(vm, command);
    call_observed(vm, command, status, *result);
    if (command == BNT_VMWARE_CMD_START) {
        settled_start(vm, arg1, status, *result);
    }
    return status;
}

static int32_t vmware_call(void *opaque, uint32_t command, uint64_t arg1, uint64_t arg2,
                           uint64_t *result)
{
    struct vm *vm = opaque;
    const int32_t status = call_host(vm, command, arg1, arg2, result);
    if (status == BNT_VMWARE_RESET && hostile_take(vm, CORRUPT_UNLOCK_SILENCE)) {
        uint64_t ignored = 0;
        (void)call_host(vm, BNT_VMWARE_CMD_UNLOCK, vm->spec.first_pfn, 0, &ignored);
    }
    return status;
}

static bool doorbell_open(void *opaque, uint32_t *context, uint32_t *resource)
{
    (void)opaque;
    *context = DOORBELL_CONTEXT;
    *resource = DOORBELL_RESOURCE;
    return true;
}

static void doorbell_close(void *opaque)
{
    (void)opaque;
}

void vmware_guest_ops(struct bnt_guest_ops *ops)
{
    ops->vmware_call = vmware_call;
    ops->doorbell_open = doorbell_open;
    ops->doorbell_close = doorbell_close;
}

void vmware_doorbell(void *opaque, uint64_t context, uint64_t resource)
{
    struct vm *vm = opaque;
    engine_payload(vm->world->engine, context);
    engine_payload(vm->world->engine, resource);
    link_signal_send(vm, SIGNAL_CONFIG, 0);
}

/* ---- The script ---- */

/** Whether this answer says that something was done: the host did nothing, so it lies. */
static bool answer_lies(const struct vm *vm, const struct bnt_host_call_rule *rule)
{
    /* Today's driver takes a page that is not locked for its own; that of 2010 does not. */
    const bool believes = (vmware_habits(vm) & BNT_GUEST_HABIT_DEFLATE_STOPS) == 0;
    return bnt_vmware_succeeded(rule->command, rule->status) ||
           (believes && rule->command == BNT_VMWARE_CMD_UNLOCK &&
            rule->status == BNT_VMWARE_PPN_UNLOCKED);
}

void vmware_refuse_call(struct vm *vm, const struct scenario_action *action)
{
    if (answer_lies(vm, &action->call_rule) && vm->world->oracle != NULL) {
        oracle_suspend(vm->world->oracle, vm->index, ASSUMES_DEVICE);
        vm->lasting_fault = true;
    }
    const bnt_status status = bnt_host_call_rule_add(vm->host, &action->call_rule);
    if (status != BNT_OK) {
        world_fail(vm->world, VERDICT_FAIL, "line %u: the answer was not taken: %s",
                   (unsigned)action->place.line, bnt_status_text(status));
    }
}

/** The guest reads a page that its own driver gave away: whoever does not know of the balloon. */
void vmware_touch(struct vm *vm)
{
    const struct oracle *oracle = vm->world->oracle;
    const uint64_t pfn = oracle != NULL ? hostile_page_in(vm, PLACE_BALLOON) : UINT64_MAX;
    if (pfn == UINT64_MAX) {
        world_log(vm->world, LOG_EVENTS, "%s: no page is in the balloon", vm->spec.name);
        return;
    }
    engine_payload(vm->world->engine, pfn);
    const bnt_status status = bnt_host_touched(vm->host, engine_now(vm->world->engine), pfn);
    if (status != BNT_OK) {
        world_log(vm->world, LOG_EVENTS, "%s: the host does not see the touch: %s", vm->spec.name,
                  bnt_status_text(status));
    }
}

/* ---- Settings ---- */

uint64_t vmware_slack(const struct vm *vm)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    if (!vm_on_calls(vm)) {
        return 0;
    }
    const uint32_t slack_pfns = driver->config.vmware.slack_pfns;
    if (slack_pfns == 0) {
        return driver->profile_2010 ? 0 : BNT_GUEST_SLACK_DEFAULT;
    }
    return slack_pfns == BNT_GUEST_SLACK_NONE ? 0 : slack_pfns;
}

static uint32_t slack_setting(uint64_t pfns)
{
    return pfns == 0 ? BNT_GUEST_SLACK_NONE : (uint32_t)pfns;
}

uint32_t vmware_habits(const struct vm *vm)
{
    if (!vm_on_calls(vm)) {
        return 0;
    }
    return vm->spec.driver.profile_2010 ? UINT8_MAX : vm->spec.driver.config.vmware.habits;
}

uint32_t vmware_refused_max(const struct vm *vm)
{
    const bool bound = (vmware_habits(vm) & BNT_GUEST_HABIT_REFUSE_ALL) == 0;
    return bound ? vm->spec.driver.config.refused_pages_max : UINT32_MAX;
}

/** A driver that sees a reset acts on it by the next tick. */
uint64_t vmware_reset_empty_ns(const struct vm *vm)
{
    return vm_on_calls(vm) ? vm_guest_settings(vm).poll_ns + WORLD_RESET_EMPTY_NS / 10
                           : WORLD_RESET_EMPTY_NS;
}

void vmware_guest_config(const struct vm *vm, struct bnt_guest_config *config)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    if (!vm_on_calls(vm)) {
        config->vmware = (struct bnt_guest_vmware){0};
        return;
    }
    config->wire = BNT_GUEST_WIRE_VMWARE;
    if (driver->profile_2010) {
        const uint64_t poll_ns = config->poll_ns;
        bnt_guest_vmware_2010(config);
        config->rates = driver->config.rates;
        config->poll_ns = poll_ns != 0 ? poll_ns : config->poll_ns;
    }
    config->vmware.caps = driver->config.vmware.caps;
    config->vmware.habits |= driver->config.vmware.habits;
    config->vmware.slack_pfns = slack_setting(vmware_slack(vm));
    for (uint32_t i = 0; i < vm->world->scenario->action_count; i++) {
        const struct scenario_action *action = &vm->world->scenario->actions[i];
        if (action->kind == ACTION_CORRUPT && action->corruption == CORRUPT_SLACK_MORE &&
            action->vm == vm->index) {
            config->vmware.slack_pfns = 4 * (uint32_t)(vmware_slack(vm) + 1);
        }
    }
}

void vmware_host_config(const struct vm *vm, struct bnt_host_config *config)
{
    if (vm_on_calls(vm)) {
        config->wire = BNT_HOST_WIRE_VMWARE;
        config->target_slack_pfns = vmware_slack(vm);
    } else {
        config->vmware_capabilities = 0;
    }
}
