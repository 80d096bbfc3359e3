/*
 * Private to isolate.c and isolate_stop.c: passes a signal that asks the command to end to all
 * processes of the command. The functions for other files are in isolate.h.
 */
#ifndef SIM_CLI_ISOLATE_STOP_H
#define SIM_CLI_ISOLATE_STOP_H

#include "sim/cli/isolate.h"

#include <signal.h>
#include <sys/types.h>

/** Installs handlers for the signals, except those that were ignored when the command started. */
void stop_install_handlers(void);
/** Call this when a child died of this signal: the command then acts as if it had got the signal
 * itself. */
void stop_record_signal(int number);
/** Replaces one child process in the list by another one; 0 stands for no process. */
void stop_replace_child_pid(pid_t old, pid_t process);

/** Makes this process a worker, which performs the run that belongs to `watch`. Call this while
 * signals are blocked. */
void stop_init_in_worker(struct world_watch *watch);
/** Handles a signal that came while signals were blocked. Call this after signals are unblocked. */
void stop_handle_pending_signal(void);
/** From now on this process ends when its parent dies, or when the parent closes its end of the
 * channel. */
void stop_watch_parent(int channel, pid_t parent);

#endif
