/*
 * Functions of a world that all folders use: they log a message, let a run fail, and return the
 * names of events.
 */
#include "sim/world/vm.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- Sizes and times ---- */

struct unit {
    const char *name;
    uint64_t value;
};

/** Writes a value with up to three decimals. The unit is the largest one that does not exceed the
 * value.
 */
static void format_value_in_largest_unit(char *out, size_t bytes, uint64_t value,
                                         const struct unit *units)
{
    uint32_t i = 0;
    while (units[i + 1].name != NULL && value < units[i].value) {
        i++;
    }
    const uint64_t whole = value / units[i].value;
    const uint64_t rest = value % units[i].value;
    uint64_t thousandths = rest / (units[i].value / 1000 > 0 ? units[i].value / 1000 : 1);
    if (rest == 0 || units[i].value < 1000 || thousandths == 0) {
        (void)snprintf(out, bytes, "%" PRIu64 "%s", whole, units[i].name);
        return;
    }
    thousandths = thousandths > 999 ? 999 : thousandths;
    int digits = 3;
    while (thousandths % 10 == 0) {
        thousandths /= 10;
        digits--;
    }
    (void)snprintf(out, bytes, "%" PRIu64 ".%0*" PRIu64 "%s", whole, digits, thousandths,
                   units[i].name);
}

void world_format_bytes(char *out, size_t bytes, uint64_t value)
{
    static const struct unit units[] = {{"GiB", UINT64_C(1) << 30},
                                        {"MiB", UINT64_C(1) << 20},
                                        {"KiB", UINT64_C(1) << 10},
                                        {"B", 1},
                                        {NULL, 0}};
    if (value == 0) {
        (void)snprintf(out, bytes, "0");
        return;
    }
    format_value_in_largest_unit(out, bytes, value, units);
}

void world_format_time(char *out, size_t bytes, uint64_t value_ns)
{
    static const struct unit units[] = {
        {"s", UINT64_C(1000000000)}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}, {NULL, 0}};
    format_value_in_largest_unit(out, bytes, value_ns, units);
}

/* ---- The run ---- */

void world_log_message(struct world *world, log_level level, const char *format, ...)
{
    if (level > world->config.log || world->config.log_to == NULL) {
        return;
    }
    char time[32];
    world_format_time(time, sizeof time, engine_get_time_ns(world->engine));
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(world->config.log_to, "%12s  ", time);
    (void)vfprintf(world->config.log_to, format, arguments);
    (void)fputc('\n', world->config.log_to);
    va_end(arguments);
}

void world_fail_run(struct world *world, run_verdict verdict, const char *format, ...)
{
    if (world->verdict != VERDICT_PASS) {
        return; /* only the first failure is reported */
    }
    world->verdict = verdict;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world->text, sizeof world->text, format, arguments);
    va_end(arguments);
    engine_stop_run(world->engine);
}

void world_mark_vm_touched(struct vm *vm)
{
    struct world *world = vm->world;
    if (vm->touched) {
        return;
    }
    uint32_t at = world->touched_count++;
    for (; at > 0 && world->touched[at - 1] > vm->index; at--) {
        world->touched[at] = world->touched[at - 1];
    }
    world->touched[at] = vm->index;
    vm->touched = true;
}

const char *verdict_get_name(run_verdict which)
{
    switch (which) {
    case VERDICT_PASS:
        return "PASS";
    case VERDICT_LIMIT:
        return "INCONCLUSIVE";
    default:
        return "FAIL";
    }
}

/* ---- Tables ---- */

static const struct {
    const char *name;
    uint8_t priority;
    const char *operand;
} events[] = {[WORLD_EVENT_NONE] = {"none", 0, ""},
#define X(name, text, priority, a) [WORLD_EVENT_##name] = {text, priority, a},
              WORLD_EVENT_MAP(X)
#undef X
};

const char *world_get_event_name(uint16_t kind)
{
    return kind < WORLD_EVENT_COUNT ? events[kind].name : "unknown";
}

const char *world_get_event_operand(uint16_t kind)
{
    return kind < WORLD_EVENT_COUNT ? events[kind].operand : "";
}

uint8_t world_get_event_priority(world_event kind)
{
    return events[kind].priority;
}

uint64_t world_schedule_event(struct world *world, uint64_t time_ns, world_event kind, uint32_t vm,
                              uint64_t a, uint64_t b)
{
    return engine_schedule_event(world->engine, time_ns, world_get_event_priority(kind),
                                 (uint16_t)kind, (uint16_t)vm, a, b);
}
