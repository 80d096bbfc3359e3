/*
 * The observer that logs the events of the two cores. It logs names instead of numbers.
 */
#include "sim/oracle/oracle.h"
#include "sim/world/observers.h"
#include "sim/world/vm.h"

/** If the value of an event is a number that stands for a name, returns the name; otherwise returns
 * NULL. */
static const char *get_event_value_name(const struct bnt_guest_event *event)
{
    switch (event->kind) {
    case BNT_GUEST_EVENT_STATE:
        return bnt_guest_state_name((uint32_t)event->value);
    case BNT_GUEST_EVENT_BROKEN:
        return bnt_fault_text((bnt_fault)event->value);
    default:
        return NULL;
    }
}

static void log_guest_event(struct vm *vm, const struct observation *seen)
{
    const struct bnt_guest_event *event = seen->guest_event;
    const char *name = bnt_guest_event_name((uint32_t)event->kind);
    const char *value = get_event_value_name(event);
    if (value != NULL) {
        world_log_message(vm->world, LOG_EVENTS, "%s: guest %s '%s' %llu", vm->spec.name, name,
                          value, (unsigned long long)event->extra);
    } else {
        world_log_message(vm->world, LOG_EVENTS, "%s: guest %s %llu %llu", vm->spec.name, name,
                          (unsigned long long)event->value, (unsigned long long)event->extra);
    }
}

static void log_host_event(struct vm *vm, const struct observation *seen)
{
    const struct bnt_host_event *event = seen->host_event;
    const char *name = bnt_host_event_name((uint32_t)event->kind);
    switch (event->kind) {
    case BNT_HOST_EVENT_OUTCOME:
        world_log_message(vm->world, LOG_EVENTS, "%s: host %s %llu '%s'", vm->spec.name, name,
                          (unsigned long long)event->value,
                          bnt_outcome_name((uint32_t)event->extra));
        break;
    case BNT_HOST_EVENT_BROKEN:
    case BNT_HOST_EVENT_MISUSE:
        world_log_message(vm->world, LOG_EVENTS, "%s: host %s '%s' %llu", vm->spec.name, name,
                          bnt_fault_text((bnt_fault)event->value),
                          (unsigned long long)event->extra);
        break;
    default:
        world_log_message(vm->world, LOG_EVENTS, "%s: host %s %llu %llu", vm->spec.name, name,
                          (unsigned long long)event->value, (unsigned long long)event->extra);
        break;
    }
}

static void log_vmware_call(struct vm *vm, const struct observation *seen)
{
    const struct oracle_call *call = seen->call;
    const bool success = bnt_vmware_has_call_succeeded(call->command, call->status);
    world_log_message(vm->world, success ? LOG_ALL : LOG_EVENTS,
                      "%s: the host answers call %s with %s, result %llu", vm->spec.name,
                      bnt_vmware_command_name(call->command), bnt_vmware_status_name(call->status),
                      (unsigned long long)call->result);
}

const struct observer log_observer = {
    .name = "log",
    .on =
        {
            [OBSERVED_GUEST_EVENT] = log_guest_event,
            [OBSERVED_HOST_EVENT] = log_host_event,
            [OBSERVED_CALLED] = log_vmware_call,
        },
};
