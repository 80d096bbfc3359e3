/*
 * Private to the processes of isolate.c: who is told when somebody asks the command to end. What
 * others may ask of it is in isolate.h.
 */
#ifndef SIM_CLI_ISOLATE_STOP_H
#define SIM_CLI_ISOLATE_STOP_H

#include "sim/cli/isolate.h"

#include <signal.h>
#include <sys/types.h>

/** Handles the signals from now on, but those that whoever started the command wants ignored. */
void stop_signals_take(void);
/** A child died of this signal, which the command did not see: it counts as if it had. */
void stop_note(int number);
/** A child in place of another: 0 before it began, or once it ended. */
void stop_child_note(pid_t old, pid_t process);

/** This process is a worker now; its run is `watch`. Signals are still blocked. */
void stop_worker_begin(struct world_watch *watch);
/** They are not any more: one that came before it was a worker counts. */
void stop_worker_resume(void);
/** Ends this process when the other end of the channel, its parent's, is closed. */
void stop_parent_watch(int channel, pid_t parent);

#endif
