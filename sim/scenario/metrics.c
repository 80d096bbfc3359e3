/*
 * Functions that look up metrics in the table of metrics.
 */
#include "sim/scenario/scenario.h"

static const struct {
    const char *name;
    metric_unit unit;
    const char *meaning;
} metric_rows[METRIC_COUNT] = {
#define X(id, yaml, unit_name, text, source) [METRIC_##id] = {yaml, UNIT_##unit_name, text},
    VM_METRIC_MAP(X) MACHINE_METRIC_MAP(X)
#undef X
};

const char *metric_get_name(metric m)
{
    return (unsigned)m < METRIC_COUNT ? metric_rows[m].name : "unknown";
}

metric_unit metric_get_unit(metric m)
{
    return (unsigned)m < METRIC_COUNT ? metric_rows[m].unit : UNIT_COUNT;
}

const char *metric_get_meaning(metric m)
{
    return (unsigned)m < METRIC_COUNT ? metric_rows[m].meaning : "";
}
