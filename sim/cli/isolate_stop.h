/*
 * Private to isolate.c and isolate_stop.c: how a signal that asks the command to end reaches its
 * processes. What other files may call is in isolate.h.
 */
#ifndef SIM_CLI_ISOLATE_STOP_H
#define SIM_CLI_ISOLATE_STOP_H

#include "sim/cli/isolate.h"

#include <signal.h>
#include <sys/types.h>

/** Handles the signals from now on, except those that were ignored when the command started. */
void stop_signals_take(void);
/** A child died of this signal, which the command itself did not get: treat it as if it had. */
void stop_note(int number);
/** Replaces a child in the list; 0 stands for no process. */
void stop_child_note(pid_t old, pid_t process);

/** Makes this process a worker, with this run. To be called while signals are blocked. */
void stop_worker_begin(struct world_watch *watch);
/** Handles a signal that came before. To be called once signals are not blocked any more. */
void stop_worker_resume(void);
/** Ends this process when its parent closes its end of the channel, or dies. */
void stop_parent_watch(int channel, pid_t parent);

#endif
