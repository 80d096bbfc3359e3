/*
 * Handles signals: INT, TERM and HUP reach all processes of the command; each process ends its run
 * at the next event, and at last the command kills itself with the same signal. Only this file
 * knows which signal came, which children must get it, and which run must stop. isolate.c calls
 * this file for its tasks, and so do files that fork processes themselves.
 */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1 /* O_ASYNC; NOLINT(bugprone-reserved-identifier) */
#endif

#include "sim/cli/isolate_stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

/** A worker that was asked to end and still runs after this time is killed. If it waits for
 * children of its own, it gets twice this time. */
#define STOP_GRACE_S 2u

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t is_worker;
static volatile sig_atomic_t children[ISOLATE_JOBS_MAX]; /**< processes of the innermost pool; 0 */
static struct world_watch *volatile watched; /**< the watch of the run in this process */

static void handle_stop_signal(int number)
{
    const int before = errno;
    const int stop = number == SIGIO ? SIGTERM : number; /* the parent is gone */
    bool waits = false;
    if (stop_signal == 0) {
        stop_signal = stop;
    }
    if (watched != NULL) {
        watched->stop = true;
    }
    for (int i = 0; i < ISOLATE_JOBS_MAX; i++) {
        if (children[i] != 0) {
            (void)kill((pid_t)children[i], stop);
            waits = true;
        }
    }
    if (is_worker) {
        (void)alarm(waits ? 2 * STOP_GRACE_S : STOP_GRACE_S);
    }
    errno = before;
}

/** A signal that was ignored when the command started, for example because of nohup, stays ignored.
 */
void stop_install_handlers(void)
{
    static bool taken;
    struct sigaction action = {0};
    struct sigaction before;
    if (taken) {
        return;
    }
    taken = true;
    action.sa_handler = handle_stop_signal;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof stop_signals / sizeof stop_signals[0]; i++) {
        (void)sigaddset(&action.sa_mask, stop_signals[i]);
    }
    for (size_t i = 0; i < sizeof stop_signals / sizeof stop_signals[0]; i++) {
        if (sigaction(stop_signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            (void)sigaction(stop_signals[i], &action, NULL);
        }
    }
}

int isolate_get_stop_signal(void)
{
    return stop_signal;
}

void isolate_exit_if_stop_signalled(void)
{
    const int number = stop_signal;
    if (number != 0) {
        sigset_t only;
        (void)fflush(NULL);
        (void)signal(number, SIG_DFL);
        (void)sigemptyset(&only);
        (void)sigaddset(&only, number);
        (void)sigprocmask(SIG_UNBLOCK, &only, NULL);
        (void)raise(number);
    }
}

void isolate_init_in_child(void)
{
    for (size_t i = 0; i < sizeof stop_signals / sizeof stop_signals[0]; i++) {
        struct sigaction before;
        if (sigaction(stop_signals[i], NULL, &before) == 0 &&
            before.sa_handler == handle_stop_signal) {
            (void)signal(stop_signals[i], SIG_DFL);
        }
    }
    (void)alarm(0);
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#endif
    if (stop_signal != 0) {
        isolate_exit_if_stop_signalled();
    }
}

void stop_record_signal(int number)
{
    if (stop_signal == 0) {
        stop_signal = number;
    }
}

void stop_replace_child_pid(pid_t old, pid_t process)
{
    for (int i = 0; i < ISOLATE_JOBS_MAX; i++) {
        if (children[i] == old) {
            children[i] = process;
            return;
        }
    }
}

/* ---- In the worker ---- */

void stop_init_in_worker(struct world_watch *watch)
{
    is_worker = 1;
    for (int i = 0; i < ISOLATE_JOBS_MAX; i++) {
        children[i] = 0;
    }
    watched = watch;
}

void stop_handle_pending_signal(void)
{
    if (stop_signal != 0) {
        handle_stop_signal(stop_signal);
    }
}

/* If the worker does not notice the closed socket, it still gets the signal that Linux sends when
 * the parent dies (PR_SET_PDEATHSIG). */
void stop_watch_parent(int channel, pid_t parent)
{
    struct sigaction action = {0};
    action.sa_handler = handle_stop_signal;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGIO, &action, NULL);
    (void)fcntl(channel, F_SETOWN, getpid());
    (void)fcntl(channel, F_SETFL, O_ASYNC);
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
#endif
    if (getppid() != parent) { /* the parent had died already, so that no signal will arrive */
        handle_stop_signal(SIGTERM);
    }
}
