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
void stop_install_handlers(void);
/** A child died of this signal, which the command itself did not get: treat it as if it had. */
void stop_record_signal(int number);
/** Replaces a child in the list; 0 stands for no process. */
void stop_replace_child(pid_t old, pid_t process);

/** Makes this process a worker, with this run. To be called while signals are blocked. */
void stop_enter_worker(struct world_watch *watch);
/** Handles a signal that came before. To be called once signals are not blocked any more. */
void stop_handle_pending_signal(void);
/** Ends this process when its parent closes its end of the channel, or dies. */
void stop_watch_parent(int channel, pid_t parent);

#endif
