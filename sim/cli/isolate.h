/*
 * Runs tasks in worker processes: a crash, a timeout or a lack of memory costs one task, not the
 * command, and is reported.
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
 *             ... print result->text; session_make_lost() makes the usual line of it ...
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
 * A worker shares nothing with its caller but `data` and `watch`: what it changes elsewhere is gone
 * when it ends. INT, TERM and HUP
 * are handed on to the workers: each ends its run at the next event, cleans up, and the whole
 * command ends by the signal (isolate_get_stop_signal). A worker whose parent died does the same.
 * With BALLONET_NO_GUARD in the environment, for debuggers, all work is done in the caller's
 * process.
 */
#ifndef SIM_CLI_ISOLATE_H
#define SIM_CLI_ISOLATE_H

#include "sim/cli/cli.h"

#include <stdio.h>

#define ISOLATE_JOBS_MAX 256

typedef enum isolate_end {
    ISOLATE_RETURNED,  /**< the work returned: `status` and `data` are its own */
    ISOLATE_LIMIT,     /**< no memory or no process could be had; the worker said which */
    ISOLATE_CRASHED,   /**< it died of a signal, or ended before the work returned */
    ISOLATE_TIMED_OUT, /**< it took longer than timeout_s and was killed */
    ISOLATE_STOPPED    /**< somebody asked the command to end */
} isolate_end;

/** The result of a task. Valid inside `done` only. */
struct isolate_result {
    uint64_t index;
    isolate_end end;
    int status;     /**< exit status that it stands for */
    int signal;     /**< that it died of, or 0 */
    char text[160]; /**< a sentence, unless it returned: "died of signal 11 (...)" */
    const void *data;
    struct world_watch watch; /**< how far the work's last run came */
    FILE *output;             /**< what it printed, with `capture` */
};

struct isolate_config {
    uint32_t jobs;       /**< workers at once, at most ISOLATE_JOBS_MAX; 0 is 1 */
    uint64_t count;      /**< tasks 0 .. count - 1 */
    size_t result_bytes; /**< of `data` */
    uint32_t timeout_s;  /**< of one task, in seconds of the wall clock; 0: none */
    bool capture; /**< keep what workers print for isolate_print_output; needed for jobs > 1 */
    void *opaque;
    int (*work)(void *opaque, uint64_t index, struct world_watch *watch, void *data);
    bool (*done)(void *opaque, const struct isolate_result *result);
};

/** Runs the tasks, and calls `done` for each in order. Returns the worst of their statuses. */
int isolate_run_tasks(const struct isolate_config *config);

/**
 * Makes a session of a run whose worker was lost, for session_print_line and its like, and removes
 * what the run began of a trace. Neither opened nor to be closed.
 */
void session_make_lost(struct session *session, const struct session_config *config,
                       const struct isolate_result *result);

/** Copies what the worker printed. */
void isolate_print_output(const struct isolate_result *result, FILE *out);

/** The signal by which somebody asked the command to end, or 0. */
int isolate_get_stop_signal(void);

/**
 * In a process that was forked without isolate_run_tasks: signals end it at once, and so does the
 * death of its parent.
 */
void isolate_enter_child(void);

/** If a signal asked the command to end, ends the process by that signal. To be called when all
 * work is done. */
void isolate_end_if_stopped(void);

#endif
