/*
 * Runs tasks in worker processes; see isolate.h.
 *
 * A worker and its parent share one page of memory, with the result and the progress. A pair of
 * sockets connects them, so that each process notices when the other one ends. Signals are
 * isolate_stop.c's. All verbs that run scenarios call this file.
 */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS; NOLINT(bugprone-reserved-identifier) */
#endif

#include "sim/cli/isolate_stop.h"

#include "sim/trace/trace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** How many tasks per job can be started while the result of an earlier task is not reported yet.
 */
#define AHEAD_OF_EACH 8u

/** The beginning of the memory that a worker and its parent share; the result follows it. */
struct shared {
    struct world_watch watch;
    int status;
    bool returned;
};

/** The state of a task from its start until its result is reported. */
struct task {
    uint64_t index;
    pid_t process; /**< 0: it has ended */
    int channel;   /**< the parent's socket of the pair; -1 if closed */
    struct shared *shared;
    FILE *output;
    uint64_t deadline_ms;
    bool timed_out;
    struct isolate_result result;
};

struct pool {
    const struct isolate_config *config;
    struct task *tasks; /**< task n is tasks[n % size] */
    uint32_t size;
    uint64_t started;
    uint64_t reported;
    uint32_t running;
    bool enough; /**< `done` wants no more */
    int status;
};

/* ---- In the worker ---- */

static _Noreturn void run_worker(struct pool *pool, struct task *task, int channel, pid_t parent,
                                 const sigset_t *mask)
{
    const struct isolate_config *config = pool->config;
    static char line[65536];
    stop_init_in_worker(&task->shared->watch);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    stop_handle_pending_signal();
    for (uint32_t i = 0; i < pool->size; i++) {
        if (pool->tasks[i].channel >= 0) {
            (void)close(pool->tasks[i].channel);
        }
    }
    stop_watch_parent(channel, parent);
    if (task->output != NULL && dup2(fileno(task->output), STDOUT_FILENO) < 0) {
        _exit(VERDICT_LIMIT);
    }
    if (task->output == NULL) { /* only whole lines are written, even if the worker crashes */
        (void)setvbuf(stdout, line, _IOLBF, sizeof line);
    }
    task->shared->status =
        config->work(config->opaque, task->index, &task->shared->watch, task->shared + 1);
    const bool written = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (!written) {
        (void)fprintf(stderr, "ballonet: standard output cannot be written: %s\n", strerror(errno));
        task->shared->status = choose_worse_exit_status(task->shared->status, VERDICT_TRACE);
    }
    isolate_exit_if_stop_signalled();
    task->shared->returned = true;
    exit(0);
}

/* ---- In the parent ---- */

static uint64_t get_time_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static size_t get_shared_bytes(const struct isolate_config *config)
{
    return sizeof(struct shared) + config->result_bytes;
}

static void task_free_resources(struct pool *pool, struct task *task)
{
    if (task->shared != NULL) {
        (void)munmap(task->shared, get_shared_bytes(pool->config));
    }
    if (task->output != NULL) {
        (void)fclose(task->output);
    }
    if (task->channel >= 0) {
        (void)close(task->channel);
    }
    *task = (struct task){.channel = -1};
}

/** Writes into the result why a task could not be started. */
static void task_record_start_failure(struct task *task, const char *what)
{
    struct isolate_result *result = &task->result;
    result->end = ISOLATE_LIMIT;
    result->status = VERDICT_LIMIT;
    (void)snprintf(result->text, sizeof result->text, "the task did not start: no %s: %s", what,
                   strerror(errno));
}

static void task_start_worker(struct pool *pool, struct task *task)
{
    const struct isolate_config *config = pool->config;
    int pair[2];
    task->result.index = task->index;
    void *memory = mmap(NULL, get_shared_bytes(config), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        task_record_start_failure(task, "memory");
        return;
    }
    task->shared = memory;
    if (config->capture && (task->output = tmpfile()) == NULL) {
        task_record_start_failure(task, "file");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        task_record_start_failure(task, "socket");
        return;
    }
    const pid_t parent = getpid();
    sigset_t block;
    sigset_t before;
    (void)fflush(NULL); /* without this, the worker would print the buffered output of its parent a
                           second time */
    (void)sigfillset(&block);
    (void)sigprocmask(SIG_BLOCK, &block, &before); /* a signal must not be handled before the child
                                                      process is in the list */
    const pid_t process = fork();
    if (process == 0) {
        (void)close(pair[0]);
        run_worker(pool, task, pair[1], parent, &before);
    }
    const int failure = errno;
    (void)close(pair[1]);
    task->channel = pair[0];
    if (process > 0) {
        task->process = process;
        task->deadline_ms =
            config->timeout_s > 0 ? get_time_ms() + config->timeout_s * UINT64_C(1000) : UINT64_MAX;
        stop_replace_child_pid(0, process);
        pool->running++;
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (process < 0) {
        errno = failure;
        task_record_start_failure(task, "process");
    }
}

static bool is_stop_signal(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGPIPE;
}

static void note_worker_end(struct task *task, int state)
{
    struct isolate_result *result = &task->result;
    const size_t bytes = sizeof result->text;
    result->status = VERDICT_CRASH;
    result->end = ISOLATE_CRASHED;
    if (task->timed_out) {
        result->end = ISOLATE_TIMED_OUT;
        (void)snprintf(result->text, bytes, "took longer than allowed and was killed");
    } else if (WIFSIGNALED(state)) {
        result->signal = WTERMSIG(state);
        const bool asked = is_stop_signal(result->signal) ||
                           (isolate_get_stop_signal() != 0 && result->signal == SIGALRM);
        if (asked) {
            result->end = ISOLATE_STOPPED;
            result->status = VERDICT_LIMIT;
            stop_record_signal(result->signal); /* either only the worker got the signal and not its
                                                   parent, or the worker wrote to a closed pipe */
        }
        (void)snprintf(result->text, bytes, "died of signal %d (%s)", result->signal,
                       strsignal(result->signal));
    } else if (WEXITSTATUS(state) == 0 && task->shared->returned) {
        result->end = ISOLATE_RETURNED;
        result->status = task->shared->status;
    } else if (WEXITSTATUS(state) == VERDICT_LIMIT && !task->shared->returned) {
        result->end = ISOLATE_LIMIT;
        result->status = VERDICT_LIMIT;
        (void)snprintf(result->text, bytes, "ran out of memory");
    } else {
        (void)snprintf(result->text, bytes, "ended with status %d before the task was complete",
                       WEXITSTATUS(state));
    }
}

static void task_finish(struct pool *pool, struct task *task)
{
    int state = 0;
    pid_t waited = 0;
    do {
        waited = waitpid(task->process, &state, 0);
    } while (waited < 0 && errno == EINTR);
    stop_replace_child_pid(task->process, 0);
    (void)close(task->channel);
    task->channel = -1;
    task->process = 0;
    pool->running--;
    if (waited < 0) {
        task_record_start_failure(task, "end");
        return;
    }
    note_worker_end(task, state);
}

/** Waits until a worker ends, until a worker exceeds its time limit, or until a signal arrives. */
static void pool_wait_for_worker(struct pool *pool)
{
    struct pollfd files[ISOLATE_JOBS_MAX];
    struct task *tasks[ISOLATE_JOBS_MAX];
    nfds_t count = 0;
    uint64_t deadline_ms = UINT64_MAX;
    for (uint64_t i = pool->reported; i < pool->started; i++) {
        struct task *task = &pool->tasks[i % pool->size];
        if (task->process != 0 && count < ISOLATE_JOBS_MAX) {
            files[count] = (struct pollfd){.fd = task->channel, .events = POLLIN};
            tasks[count++] = task;
            deadline_ms = task->deadline_ms < deadline_ms ? task->deadline_ms : deadline_ms;
        }
    }
    const uint64_t now = get_time_ms();
    const uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
    const int timeout = deadline_ms == UINT64_MAX ? -1 : (int)(left < 60000 ? left + 1 : 60000);
    if (poll(files, count, timeout) < 0) {
        return; /* a signal arrived; the handler passed it to the workers, which are ending now */
    }
    for (nfds_t i = 0; i < count; i++) {
        if (files[i].revents != 0) {
            task_finish(pool, tasks[i]);
        } else if (get_time_ms() >= tasks[i]->deadline_ms && !tasks[i]->timed_out) {
            tasks[i]->timed_out = true;
            (void)kill(tasks[i]->process, SIGKILL);
        }
    }
}

static void pool_report_finished(struct pool *pool)
{
    while (pool->reported < pool->started &&
           pool->tasks[pool->reported % pool->size].process == 0) {
        struct task *task = &pool->tasks[pool->reported % pool->size];
        struct isolate_result *result = &task->result;
        pool->reported++;
        if (task->shared != NULL) {
            result->watch = task->shared->watch;
            result->data = task->shared + 1;
        }
        result->output = task->output;
        pool->status = choose_worse_exit_status(pool->status, result->status);
        if (!pool->enough && result->end != ISOLATE_STOPPED &&
            !pool->config->done(pool->config->opaque, result)) {
            pool->enough = true;
        }
        task_free_resources(pool, task);
    }
}

/** Runs all tasks in this process, so that a debugger can be used. A crash then ends the command
 * itself. */
static int run_tasks_in_process(const struct isolate_config *config)
{
    int status = VERDICT_PASS;
    struct shared *shared = calloc(1, get_shared_bytes(config));
    bool more = shared != NULL;
    if (shared == NULL) {
        (void)fprintf(stderr, "ballonet: out of memory\n");
        status = VERDICT_LIMIT;
    }
    for (uint64_t i = 0; more && i < config->count; i++) {
        memset(shared, 0, get_shared_bytes(config));
        struct isolate_result result = {.index = i, .data = shared + 1};
        result.status = config->work(config->opaque, i, &shared->watch, shared + 1);
        result.watch = shared->watch;
        status = choose_worse_exit_status(status, result.status);
        more = config->done(config->opaque, &result);
    }
    free(shared);
    return status;
}

int isolate_run_tasks(const struct isolate_config *config)
{
    if (getenv("BALLONET_NO_GUARD") != NULL) {
        return run_tasks_in_process(config);
    }
    const uint32_t jobs = config->jobs == 0                 ? 1
                          : config->jobs > ISOLATE_JOBS_MAX ? ISOLATE_JOBS_MAX
                                                            : config->jobs;
    struct pool pool = {.config = config, .size = jobs * AHEAD_OF_EACH, .status = VERDICT_PASS};
    pool.tasks = calloc(pool.size, sizeof *pool.tasks);
    if (pool.tasks == NULL) {
        (void)fprintf(stderr, "ballonet: out of memory\n");
        return VERDICT_LIMIT;
    }
    for (uint32_t i = 0; i < pool.size; i++) {
        pool.tasks[i].channel = -1;
    }
    stop_install_handlers();
    for (;;) {
        while (!pool.enough && isolate_get_stop_signal() == 0 && pool.started < config->count &&
               pool.running < jobs && pool.started - pool.reported < pool.size) {
            struct task *task = &pool.tasks[pool.started % pool.size];
            task->index = pool.started++;
            task_start_worker(&pool, task);
        }
        if (pool.running > 0) {
            pool_wait_for_worker(&pool);
        }
        pool_report_finished(&pool);
        if (pool.running == 0 &&
            (pool.enough || isolate_get_stop_signal() != 0 || pool.reported == config->count)) {
            break;
        }
    }
    free(pool.tasks);
    return isolate_get_stop_signal() != 0 ? choose_worse_exit_status(pool.status, VERDICT_LIMIT)
                                          : pool.status;
}

void session_record_lost_worker(struct session *session, const struct session_config *config,
                                const struct isolate_result *result)
{
    session_fill_name(session, config);
    session->seed = result->watch.seed != 0 ? result->watch.seed : session->seed;
    session->result = (struct world_result){.verdict = (run_verdict)result->status,
                                            .events = result->watch.events,
                                            .time_ns = result->watch.time_ns};
    (void)snprintf(session->result.text, sizeof session->result.text, "the run %s", result->text);
    if (config->trace != NULL && result->end == ISOLATE_CRASHED) {
        (void)fprintf(stderr, "ballonet: the trace up to the crash is %s" TRACE_PARTIAL_SUFFIX "\n",
                      config->trace);
    } else if (config->trace != NULL) {
        trace_remove_partial(config->trace);
    }
}

void isolate_print_output(const struct isolate_result *result, FILE *out)
{
    char buffer[65536];
    if (result->output == NULL || fseek(result->output, 0, SEEK_SET) != 0) {
        return;
    }
    for (size_t got = 0; (got = fread(buffer, 1, sizeof buffer, result->output)) > 0;) {
        (void)fwrite(buffer, 1, got, out);
    }
}
