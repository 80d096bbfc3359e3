/*
 * The observer that counts events of a VM, for the account of the VM and for metrics.
 */
#include "sim/world/observers.h"
#include "sim/world/vm.h"

static void count_vmware_call(struct vm *vm, const struct observation *seen)
{
    switch (seen->call->command) {
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

static void count_guest_event(struct vm *vm, const struct observation *seen)
{
    const struct bnt_guest_event *event = seen->guest_event;
    struct vm_account *account = &vm->account;
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    switch (event->kind) {
    case BNT_GUEST_EVENT_REFUSED:
        account->held_peak = event->extra > account->held_peak ? event->extra : account->held_peak;
        if (account->first_refusal_ns == 0) {
            account->first_refusal_ns = now_ns;
        }
        break;
    case BNT_GUEST_EVENT_RETURNED:
        account->returned += event->value;
        account->last_return_ns = now_ns;
        break;
    case BNT_GUEST_EVENT_OUTCOME_UNKNOWN:
        account->uncertain += event->value;
        break;
    case BNT_GUEST_EVENT_STALLED:
        account->stalls++;
        break;
    default:
        break;
    }
}

static void count_verdicts(struct vm *vm, const struct observation *seen)
{
    const struct bnt_guest_request *request = seen->guest_request;
    if (!request->complete || !request->inflate) {
        return;
    }
    /* A huge page has a single verdict. */
    const uint32_t order = request->page_order > vm->spec.page_order ? 0 : vm->spec.page_order;
    uint64_t accepted = 0; /* nearly all verdicts are ACCEPTED, so these are counted in a local
                              variable */
    for (uint32_t page = 0; page < request->page_count; page++) {
        const uint32_t pfn = page << order;
        if (pfn >= request->verdict_count) {
            break;
        }
        const uint8_t verdict = request->verdicts[pfn];
        if (verdict == BNT_VERDICT_ACCEPTED) {
            accepted++;
        } else if (verdict < BNT_VERDICT_COUNT) {
            vm->account.refused_by[verdict]++;
        }
    }
    vm->account.refused_by[BNT_VERDICT_ACCEPTED] += accepted;
}

static void count_host_event(struct vm *vm, const struct observation *seen)
{
    const struct bnt_host_event *event = seen->host_event;
    if (event->kind == BNT_HOST_EVENT_OUTCOME) {
        vm->account.outcome = (bnt_outcome)event->extra;
        vm->account.outcome_ns = engine_get_time_ns(vm->world->engine);
        vm->account.outcomes[event->extra % BNT_OUTCOME_COUNT]++;
    }
}

static void count_reported_pages(struct vm *vm, const struct observation *seen)
{
    vm->account.reported_pfns += seen->value;
}

static void count_oom_deflate(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    vm->account.oom_deflates++;
}

static void count_oom_kill(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    vm->account.oom_kills++;
}

static void count_device_restore(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    vm->account.restores++;
}

static void count_device_unplug(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    vm->account.unplugs++;
}

static void count_hibernation(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    vm->account.hibernations++;
}

static void count_kernel_restart(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    vm->account.restarts++;
}

static void count_moved_page(struct vm *vm, const struct observation *seen)
{
    vm->account.moves += seen->flag;
    vm->account.moves_failed += !seen->flag;
}

const struct observer account_observer = {
    .name = "account",
    .on =
        {
            [OBSERVED_CALLED] = count_vmware_call,
            [OBSERVED_GUEST_EVENT] = count_guest_event,
            [OBSERVED_GUEST_REQUEST] = count_verdicts,
            [OBSERVED_HOST_EVENT] = count_host_event,
            [OBSERVED_REPORTED] = count_reported_pages,
            [OBSERVED_OOM_DEFLATED] = count_oom_deflate,
            [OBSERVED_OOM_KILLED] = count_oom_kill,
            [OBSERVED_DEVICE_RESTORED] = count_device_restore,
            [OBSERVED_DEVICE_GONE] = count_device_unplug,
            [OBSERVED_HIBERNATED] = count_hibernation,
            [OBSERVED_KERNEL_STARTED] = count_kernel_restart,
            [OBSERVED_COMPACTED] = count_moved_page,
        },
};
