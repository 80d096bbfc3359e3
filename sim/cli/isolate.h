/*
 * Runs tasks in worker processes. A crash, a timeout or a lack of memory ends only one task and is
 * reported; the command continues.
 *
 *     static int work(void *opaque, uint64_t index, struct world_watch *watch, void *data)
 *     {                                  // in the worker: task `index`; what it prints is kept
 *         ... session_config.watch = watch; session_open, session_run, session_close ...
 *         *(struct mine *)data = ...;    // zeros until then
 *         return VERDICT_PASS;           // an exit status
 *     }
 *
 *     static bool done(void *opaque, const struct isolate_result *result)
 *     {                                  // in the caller, once a task, in the order of their index
 *         if (result->end != ISOLATE_RETURNED) {   // else result->data is what the work left
 *             ... print result->text; session_record_lost_worker() makes the usual line of it ...
 *         }
 *         isolate_print_output(result, stdout); // what the worker printed
 *         return true;                   // false: start no more
 *     }
 *
 *     const struct isolate_config config = {.jobs = 4, .count = 1000, .capture = true,
 *                                           .result_bytes = sizeof(struct mine), .timeout_s = 60,
 *                                           .work = work, .done = done, .opaque = &everything};
 *     status = isolate_run_tasks(&config);     // the worst status of all; VERDICT_LIMIT if it
 * stopped
 *
 * A worker shares only `data` and `watch` with its caller. All its other changes of memory are lost
 * when the worker ends. The signals INT, TERM and HUP are passed to the workers: each ends its run
 * at the next event and cleans up, and at last the command kills itself with the same signal
 * (isolate_get_stop_signal). A worker whose parent died ends its run in the same way. If
 * BALLONET_NO_GUARD is in the environment, all work is done in the caller's process, so that a
 * debugger can be used.
 */
#ifndef SIM_CLI_ISOLATE_H
#define SIM_CLI_ISOLATE_H

#include "sim/cli/cli.h"

#include <stdio.h>

#define ISOLATE_JOBS_MAX 256

typedef enum isolate_end {
    ISOLATE_RETURNED,  /**< the task returned, and `status` and `data` are its results */
    ISOLATE_LIMIT,     /**< there was no memory, or no process could be started; `text` says
                            which */
    ISOLATE_CRASHED,   /**< the worker died of a signal, or ended before the task returned */
    ISOLATE_TIMED_OUT, /**< the task took longer than timeout_s and was killed */
    ISOLATE_STOPPED    /**< a signal asked the command to end */
} isolate_end;

/** The result of a task. Valid inside `done` only. */
struct isolate_result {
    uint64_t index;
    isolate_end end;
    int status;     /**< the exit status of the task */
    int signal;     /**< the signal that killed the worker, or 0 */
    char text[160]; /**< why the task did not return, such as "died of signal 11 (...)"; empty if it
                         returned */
    const void *data;
    struct world_watch watch; /**< the progress of the last run in the task */
    FILE *output;             /**< the output of the worker, with `capture` */
};

struct isolate_config {
    uint32_t jobs;  /**< number of parallel workers, at most ISOLATE_JOBS_MAX; 0 stands for 1 */
    uint64_t count; /**< tasks 0 .. count - 1 */
    size_t result_bytes; /**< of `data` */
    uint32_t timeout_s;  /**< the time limit of one task in seconds; 0 for no limit */
    bool capture; /**< keep the output of workers for isolate_print_output; needed if jobs > 1 */
    void *opaque;
    int (*work)(void *opaque, uint64_t index, struct world_watch *watch, void *data);
    bool (*done)(void *opaque, const struct isolate_result *result);
};

/** Runs the tasks, and calls `done` for each in order. Returns the worst status of all tasks. */
int isolate_run_tasks(const struct isolate_config *config);

/**
 * Makes a session for a run whose worker died, so that it can be printed like other runs, and
 * removes the unfinished trace of the run, but keeps it after a crash. This session is not open and
 * must not be closed.
 */
void session_record_lost_worker(struct session *session, const struct session_config *config,
                                const struct isolate_result *result);

/** Prints the output of the worker. */
void isolate_print_output(const struct isolate_result *result, FILE *out);

/** The number of the signal that asked the command to end; 0 if there was none. */
int isolate_get_stop_signal(void);

/**
 * Call this in a process that was forked without isolate_run_tasks: from then on, a signal or the
 * death of its parent ends the process at once.
 */
void isolate_init_in_child(void);

/** If a signal asked the command to end, kills this process with the same signal. Call this after
 * all tasks are done. */
void isolate_exit_if_stop_signalled(void);

#endif
