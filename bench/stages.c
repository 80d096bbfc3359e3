/*
 * The stopwatch of the stages: time is added to the stage that runs, exclusive of the stages it
 * calls. Off, a call passes straight through. A reading costs tens of ns and a request has some 40:
 * the cost of one is measured, and taken off the stage that bears it. Wall time is read, because
 * CPU time is a system call; where another process ran in between, a slice is long, and what CPU
 * time says was not ours is taken off it.
 */
#include "bench/bench.h"
#include "bench/stage_calls.h"
#include "sim/world/vm.h"

#include <string.h>

#define DEPTH_MAX      16
#define CALIBRATE_RUNS 100000
#define LONG_SLICE_NS  20000

static struct {
    bool on;
    uint32_t depth;
    stage stack[DEPTH_MAX];
    double since_ns;
    double settled_ns; /**< when wall and CPU time were last compared */
    double settled_cpu_ns;
    double ns[STAGE_COUNT];
    uint64_t readings[STAGE_COUNT];
} watch;

static void start(void)
{
    memset(&watch, 0, sizeof watch);
    watch.on = true;
    watch.settled_cpu_ns = clock_cpu_ns();
    watch.settled_ns = clock_wall_ns();
    watch.since_ns = watch.settled_ns;
}

/** Wall time since the last comparison that was not ours. */
static double others_ns(double now)
{
    const double cpu = clock_cpu_ns();
    const double others = now - watch.settled_ns - (cpu - watch.settled_cpu_ns);
    watch.settled_cpu_ns = cpu;
    watch.settled_ns = now;
    return others;
}

static void pass_to_now(void)
{
    const stage which = watch.stack[watch.depth];
    const double now = clock_wall_ns();
    double slice = now - watch.since_ns;
    if (slice > LONG_SLICE_NS) {
        slice -= others_ns(now);
    }
    watch.ns[which] += slice;
    watch.readings[which]++;
    watch.since_ns = now;
}

static void enter(stage which)
{
    if (watch.on && watch.depth + 1 < DEPTH_MAX) {
        pass_to_now();
        watch.stack[++watch.depth] = which;
    }
}

static void leave(void)
{
    if (watch.on && watch.depth > 0) {
        pass_to_now();
        watch.depth--;
    }
}

/** ns of one reading: what an empty stage seems to take. */
static double reading_ns(void)
{
    double best = 0;
    for (int round = 0; round < 5; round++) {
        start();
        for (int i = 0; i < CALIBRATE_RUNS; i++) {
            enter(STAGE_GUEST);
            leave();
        }
        best_take(&best, watch.ns[STAGE_GUEST] / CALIBRATE_RUNS);
    }
    return best;
}

void stages_begin(void)
{
    start();
}

void stages_end(double ns[STAGE_COUNT])
{
    pass_to_now();
    double measured[STAGE_COUNT];
    uint64_t readings[STAGE_COUNT];
    memcpy(measured, watch.ns, sizeof measured);
    memcpy(readings, watch.readings, sizeof readings);
    const double each = reading_ns();
    watch.on = false;
    for (int i = 0; i < STAGE_COUNT; i++) {
        const double left = measured[i] - each * (double)readings[i];
        ns[i] = left > 0 ? left : 0;
    }
}

const char *stage_text(stage which)
{
    static const char *const texts[STAGE_COUNT] = {
#define X(name, text) [STAGE_##name] = text,
        STAGES(X)
#undef X
    };
    return texts[which];
}

/* ---- The calls: the linker gives us the caller's, and the real one under another name ---- */

#define RESULT(type, name, which, parameters, arguments) \
    type __real_##name parameters;                       \
    type __wrap_##name parameters;                       \
    type __wrap_##name parameters                        \
    {                                                    \
        enter(STAGE_##which);                            \
        const type result = __real_##name arguments;     \
        leave();                                         \
        return result;                                   \
    }

#define NO_RESULT(name, which, parameters, arguments) \
    void __real_##name parameters;                    \
    void __wrap_##name parameters;                    \
    void __wrap_##name parameters                     \
    {                                                 \
        enter(STAGE_##which);                         \
        __real_##name arguments;                      \
        leave();                                      \
    }

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
STAGE_CALLS(RESULT, NO_RESULT)
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
