/*
 * The workers of `run --generated` are processes that generate, run and check scenarios, and can
 * crash.
 *
 * A worker runs many seeds. When a seed kills its worker, the parent records the death and starts
 * another worker. The check of a scenario itself is in generated_judge.c. Called by generated.c.
 */
#include "sim/cli/generated.h"

#include "sim/cli/isolate.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_TIMEOUT_NS UINT64_C(60000000000) /**< the most CPU time that one scenario may use */
#define HANG_TIMEOUT_NS \
    UINT64_C(900000000000) /**< the most wall-clock time; it ends a scenario that only waits */
#define ERROR_BYTES_MAX 65536u
#define FILES_MAX       1024 /**< more file descriptors than all workers have open together */

uint64_t worker_get_time_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/** The CPU time that a process used, or 0 if it is not known. */
static uint64_t get_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec now;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/** Whether a scenario takes too much CPU time in a process. CPU time does not depend on how busy
 * the machine is. */
static bool is_scenario_overdue(pid_t pid, uint64_t since_ns, uint64_t since_cpu_ns)
{
    const uint64_t cpu_ns = get_cpu_ns(pid);
    return (cpu_ns > since_cpu_ns && cpu_ns - since_cpu_ns > RUN_TIMEOUT_NS) ||
           worker_get_time_ns() - since_ns > HANG_TIMEOUT_NS;
}

/* ---- Pipes ---- */

static bool write_all_bytes(int file, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        const ssize_t n = write(file, at, count);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        count -= (size_t)n;
    }
    return true;
}

static size_t read_all_bytes(int file, void *bytes, size_t count)
{
    char *at = bytes;
    size_t left = count;
    while (left > 0) {
        const ssize_t n = read(file, at, left);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        at += n;
        left -= (size_t)n;
    }
    return count - left;
}

static int open_error_file(void)
{
    char path[PATH_BYTES_MAX];
    const int file = file_create_temporary(path, "errors");
    if (file >= 0) {
        (void)unlink(path);
    }
    return file;
}

static void redirect_errors(int file)
{
    if (file >= 0) {
        (void)dup2(file, STDERR_FILENO);
    }
}

static void clear_error_file(int file)
{
    if (file >= 0 && ftruncate(file, 0) == 0) {
        (void)lseek(file, 0, SEEK_SET);
    }
}

/** Finds the line in the output of a crash that says what happened; "" if there is none. */
static void find_crash_line(int file, char *line, size_t bytes)
{
    static const char *const marks[] = {
        "ERROR: AddressSanitizer: ", "runtime error: ", "assertion failed",
        "ballonet: bug: ", "ERROR: LeakSanitizer: "};
    char *text = malloc(ERROR_BYTES_MAX + 1);
    line[0] = '\0';
    if (text == NULL || file < 0) {
        free(text);
        return;
    }
    const ssize_t n = pread(file, text, ERROR_BYTES_MAX, 0);
    text[n > 0 ? n : 0] = '\0';
    for (size_t i = 0; i < sizeof marks / sizeof marks[0] && line[0] == '\0'; i++) {
        const char *at = strstr(text, marks[i]);
        while (at != NULL && at > text && at[-1] != '\n') {
            at--;
        }
        if (at != NULL) {
            (void)snprintf(line, bytes, "%.*s", (int)strcspn(at, "\n"), at);
        }
    }
    free(text);
}

/** Records that a process ended without a result. */
static void record_worker_death(struct generated_record *record, int state, bool late, int errors)
{
    char line[300];
    char text[400];
    find_crash_line(errors, line, sizeof line);
    if (late) {
        (void)snprintf(text, sizeof text,
                       "the scenario took too long: more than %u s of CPU time, or %u s in all",
                       (unsigned)(RUN_TIMEOUT_NS / UINT64_C(1000000000)),
                       (unsigned)(HANG_TIMEOUT_NS / UINT64_C(1000000000)));
    } else if (WIFSIGNALED(state)) {
        (void)snprintf(text, sizeof text, "signal %d (%s) %s", WTERMSIG(state),
                       strsignal(WTERMSIG(state)), line);
    } else {
        (void)snprintf(text, sizeof text, "exit status %d %s", WEXITSTATUS(state), line);
    }
    record_set_failure(record, VERDICT_CRASH, text);
}

/* ---- Workers ---- */

static void run_scenario_of_seed(uint64_t seed, const struct explore_profile *profile, int results,
                                 int errors)
{
    struct generated_record record = {.seed = seed};
    struct arena *arena = arena_open(SESSION_FILL);
    clear_error_file(errors);
    struct explore_text text = explore_generate_scenario(arena, seed, profile, &record.loads);
    record_check_scenario(text.text, text.bytes, &record);
    explore_text_free(arena, &text);
    if (arena_close(arena) != 0 && record.verdict == VERDICT_PASS) {
        record_set_failure(&record, VERDICT_FAIL, "the generator did not free all its memory");
    }
    if (!write_all_bytes(results, &record, sizeof record)) {
        _exit(VERDICT_CRASH);
    }
}

static _Noreturn void run_worker(int orders, int results, int errors,
                                 const struct explore_profile *profile)
{
    uint64_t order[2];
    isolate_init_in_child();
    redirect_errors(errors);
    while (read_all_bytes(orders, order, sizeof order) == sizeof order) {
        for (uint64_t seed = order[0]; seed - order[0] <= order[1] - order[0]; seed++) {
            run_scenario_of_seed(seed, profile, results, errors);
            if (seed == order[1]) {
                break;
            }
        }
    }
    _exit(VERDICT_PASS);
}

/** A child process inherits copies of the pipes of the other workers, and must close them: a pipe
 * signals its end only after all copies are closed.
 */
static void close_other_pipes(const int *kept, size_t count)
{
    for (int file = STDERR_FILENO + 1; file < FILES_MAX; file++) {
        bool own = false;
        for (size_t i = 0; i < count; i++) {
            own = own || kept[i] == file;
        }
        if (!own) {
            (void)close(file);
        }
    }
}

bool worker_start(struct worker *worker, const struct explore_profile *profile)
{
    int orders[2];
    int results[2];
    if (pipe(orders) != 0) {
        return false;
    }
    if (pipe(results) != 0) {
        (void)close(orders[0]);
        (void)close(orders[1]);
        return false;
    }
    const int errors = open_error_file();
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        isolate_init_in_child();
        const int kept[] = {orders[0], results[1], errors};
        close_other_pipes(kept, sizeof kept / sizeof kept[0]);
        run_worker(orders[0], results[1], errors, profile);
    }
    (void)close(orders[0]);
    (void)close(results[1]);
    *worker = (struct worker){.pid = pid > 0 ? pid : 0,
                              .order = orders[1],
                              .result = results[0],
                              .errors = errors,
                              .next = 1,
                              .last = 0};
    return pid > 0;
}

void worker_send_seeds(struct worker *worker, uint64_t first, uint64_t last)
{
    const uint64_t order[2] = {first, last};
    worker->next = first;
    worker->last = last;
    worker->since_ns = worker_get_time_ns();
    worker->since_cpu_ns = get_cpu_ns(worker->pid);
    (void)write_all_bytes(worker->order, order,
                          sizeof order); /* if the write fails because the worker died, the next
                                            read of its result notices the death */
}

static void close_worker_pipes(struct worker *worker)
{
    (void)close(worker->order);
    (void)close(worker->result);
    if (worker->errors >= 0) {
        (void)close(worker->errors);
    }
    worker->pid = 0;
}

static int wait_for_process(pid_t pid)
{
    int state = 0;
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    return state;
}

bool worker_receive_record(struct worker *worker, struct generated_record *record)
{
    struct pollfd ready = {.fd = worker->result, .events = POLLIN};
    const bool late = is_scenario_overdue(worker->pid, worker->since_ns, worker->since_cpu_ns);
    if (poll(&ready, 1, 0) <= 0 && !late) {
        return false;
    }
    if (late && (ready.revents & POLLIN) == 0) {
        (void)kill(worker->pid, SIGKILL);
    } else if (read_all_bytes(worker->result, record, sizeof *record) == sizeof *record) {
        worker->next = record->seed + 1;
        worker->since_ns = worker_get_time_ns();
        worker->since_cpu_ns = get_cpu_ns(worker->pid);
        return true;
    }
    *record = (struct generated_record){.seed = worker->next};
    record_worker_death(record, wait_for_process(worker->pid), late, worker->errors);
    worker->next++;
    close_worker_pipes(worker);
    return true;
}

void worker_end(struct worker *worker)
{
    if (worker->pid > 0) {
        (void)kill(worker->pid, SIGTERM);
        (void)wait_for_process(worker->pid);
        close_worker_pipes(worker);
    }
}

/* ---- One at a time ---- */

/** Reads until the end of the file or the timeout; returns the number of bytes read. */
static size_t read_until_timeout(int file, pid_t pid, void *bytes, size_t count, bool *late)
{
    const uint64_t start_ns = worker_get_time_ns();
    size_t used = 0;
    while (used < count) {
        struct pollfd ready = {.fd = file, .events = POLLIN};
        *late = is_scenario_overdue(pid, start_ns, 0);
        if (*late) {
            break;
        }
        if (poll(&ready, 1, 200) <= 0) {
            continue;
        }
        const ssize_t n = read(file, (char *)bytes + used, count - used);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            break;
        }
        used += n > 0 ? (size_t)n : 0;
    }
    return used;
}

/** Forks a child process. Returns true in the child, where `out` is the pipe to write to. In the
 * parent, `in` is the pipe to read from. */
static bool fork_with_pipe(int *out, int *in, pid_t *pid, int errors)
{
    int ends[2];
    *pid = -1;
    if (pipe(ends) != 0) {
        return false;
    }
    (void)fflush(NULL);
    *pid = fork();
    if (*pid == 0) {
        isolate_init_in_child();
        (void)close(ends[0]);
        isolate_init_in_child();
        redirect_errors(errors);
        *out = ends[1];
        return true;
    }
    (void)close(ends[1]);
    *in = ends[0];
    return false;
}

static int end_piped_process(int in, pid_t pid, bool late)
{
    if (late) {
        (void)kill(pid, SIGKILL);
    }
    (void)close(in);
    return wait_for_process(pid);
}

void worker_check_scenario(const char *text, size_t bytes, struct generated_record *record)
{
    int in = -1;
    int out = -1;
    pid_t pid = -1;
    bool late = false;
    const int errors = open_error_file();
    *record = (struct generated_record){.seed = 0};
    if (fork_with_pipe(&out, &in, &pid, errors)) {
        record_check_scenario(text, bytes, record);
        (void)write_all_bytes(out, record, sizeof *record);
        _exit(VERDICT_PASS);
    }
    if (pid < 0) {
        record_set_failure(record, VERDICT_CRASH, "no process could be started");
    } else {
        struct generated_record answer;
        const size_t got = read_until_timeout(in, pid, &answer, sizeof answer, &late);
        const int state = end_piped_process(in, pid, late);
        if (got == sizeof answer) {
            *record = answer;
        } else {
            record_worker_death(record, state, late, errors);
        }
    }
    if (errors >= 0) {
        (void)close(errors);
    }
}

struct explore_text worker_generate_scenario(struct arena *arena, uint64_t seed,
                                             const struct explore_profile *profile)
{
    int in = -1;
    int out = -1;
    pid_t pid = -1;
    bool late = false;
    struct explore_text text = {NULL, 0};
    if (fork_with_pipe(&out, &in, &pid, -1)) {
        text = explore_generate_scenario(arena, seed, profile, NULL);
        (void)write_all_bytes(out, text.text, text.bytes);
        _exit(VERDICT_PASS);
    }
    if (pid < 0) {
        return text;
    }
    char *buffer = arena_alloc(arena, ERROR_BYTES_MAX);
    const size_t got = read_until_timeout(in, pid, buffer, ERROR_BYTES_MAX - 1, &late);
    (void)end_piped_process(in, pid, late);
    if (got > 0 && !late) {
        text.text = arena_alloc(arena, got + 1);
        memcpy(text.text, buffer, got);
        text.text[got] = '\0';
        text.bytes = got;
    }
    arena_free(arena, buffer, ERROR_BYTES_MAX);
    return text;
}
