/*
 * The guard: the work is done in a child, so that a crash is a verdict (5) with a
 * sentence, and never passes for another.
 *
 * The child prints everything; the parent only waits. With BALLONET_NO_GUARD in the environment,
 * for debuggers, there is no child.
 */
#include "sim/cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/** Ends as the child did when somebody asked it to end. */
static void die_of(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static int status_of(int state)
{
    if (WIFEXITED(state)) {
        return WEXITSTATUS(state);
    }
    const int number = WTERMSIG(state);
    if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGPIPE) {
        die_of(number);
    }
    (void)fprintf(stderr,
                  "ballonet: the run died of signal %d (%s); run it again with "
                  "BALLONET_NO_GUARD=1 in a debugger\n",
                  number, strsignal(number));
    return VERDICT_CRASH;
}

bool guard_works(int *status)
{
    if (getenv("BALLONET_NO_GUARD") != NULL) {
        return true;
    }
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child <= 0) {
        return true; /* the child; or there is no process to be had: no guard then */
    }
    int state = 0;
    while (waitpid(child, &state, 0) < 0) {
        if (errno != EINTR) {
            (void)fprintf(stderr, "ballonet: the run cannot be waited for: %s\n", strerror(errno));
            *status = VERDICT_CRASH;
            return false;
        }
    }
    *status = status_of(state);
    return false;
}
