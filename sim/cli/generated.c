/*
 * Implements `run --generated A..B`: runs and checks the scenarios of many seeds, and shrinks those
 * that fail.
 *
 * Results are reported in the order of the seeds, no matter which worker finishes first. Failures
 * with the same signature are of the same kind. The first failure of each kind is shrunk and shown;
 * the others are only counted. Scenarios run in generated_worker.c.
 */
#include "sim/cli/generated.h"

#include "sim/cli/isolate.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW       4096u /**< the most seeds that were given to workers and not reported yet */
#define KINDS_MAX    256u
#define SHRINK_TRIES 1500u
#define WORKERS_MAX  64u
#define POLL_MS      200
#define FAILURES     "failures.tsv"

/** All failures that have the same signature. */
struct kind {
    char signature[GENERATED_SIGNATURE_BYTES];
    uint64_t count;
    uint64_t seed; /**< the seed of the first failure */
    int32_t verdict;
};

struct campaign {
    const struct options *options;
    struct arena *arena;
    struct explore_profile *profile;
    struct generated_record *window; /**< the index is the seed minus the first seed, modulo
                                          WINDOW */
    bool *there;
    FILE *failures; /**< a file with a line for each failure; NULL without `--output` */
    struct worker *workers;
    uint32_t worker_count;
    uint64_t start_ns;
    uint64_t next_order; /**< number of seeds that were given to workers */
    uint64_t next_reported;
    uint64_t total; /**< seeds in all; 0: 2^64 */
    uint64_t passed;
    uint64_t failed;
    uint64_t events;
    uint64_t loads;
    struct kind kinds[KINDS_MAX];
    uint32_t kind_count;
    bool stopping;
    int status;
};

/* ---- Reports ---- */

static void print_repeat_command(const struct campaign *campaign, uint64_t seed, FILE *out)
{
    (void)fprintf(out, "ballonet run --generated %" PRIu64 "..%" PRIu64, seed, seed);
    if (campaign->options->profile != NULL) {
        (void)fprintf(out, " --profile ");
        print_shell_word(out, print_plain_text, campaign->options->profile);
    }
}

/** Finds the kind of a failure, or adds it; NULL if there are too many kinds. */
static struct kind *find_failure_kind(struct campaign *campaign,
                                      const struct generated_record *record)
{
    for (uint32_t i = 0; i < campaign->kind_count; i++) {
        if (strcmp(campaign->kinds[i].signature, record->signature) == 0) {
            return &campaign->kinds[i];
        }
    }
    if (campaign->kind_count == KINDS_MAX) {
        return NULL;
    }
    struct kind *kind = &campaign->kinds[campaign->kind_count++];
    *kind = (struct kind){.seed = record->seed, .verdict = record->verdict};
    memcpy(kind->signature, record->signature, sizeof kind->signature);
    return kind;
}

/* ---- Shrinking ---- */

struct shrinking {
    const char *signature;
    uint32_t runs;
};

static bool fails_with_same_signature(void *opaque, const char *text, size_t bytes)
{
    struct shrinking *shrinking = opaque;
    struct generated_record record;
    if (isolate_get_stop_signal() != 0) {
        return false;
    }
    shrinking->runs++;
    worker_check_scenario(text, bytes, &record);
    return record.verdict != VERDICT_PASS && strcmp(record.signature, shrinking->signature) == 0;
}

/* ---- The folder of `--output` ---- */

static void record_output_failure(struct campaign *campaign, const char *name)
{
    (void)fprintf(stderr, "ballonet: %s/%s cannot be written: %s\n", campaign->options->output,
                  name, strerror(errno));
    campaign->status = choose_worse_exit_status(campaign->status, VERDICT_TRACE);
}

static FILE *open_output_file(struct campaign *campaign, const char *name)
{
    char path[512];
    (void)mkdir(campaign->options->output, 0777);
    errno = ENAMETOOLONG;
    const int n = snprintf(path, sizeof path, "%s/%s", campaign->options->output, name);
    FILE *file = n > 0 && (size_t)n < sizeof path ? fopen(path, "w") : NULL;
    if (file == NULL) {
        record_output_failure(campaign, name);
    }
    return file;
}

static void close_output_file(struct campaign *campaign, FILE *file, const char *name)
{
    const bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad) {
        record_output_failure(campaign, name);
    }
}

static void write_failed_scenario(struct campaign *campaign, const struct explore_text *text,
                                  const struct generated_record *record)
{
    char name[64];
    (void)snprintf(name, sizeof name, "seed-%" PRIu64 ".yaml", record->seed);
    FILE *file = open_output_file(campaign, name);
    if (file == NULL) {
        return;
    }
    (void)fprintf(file, "# %s\n# %s\n# ", record->signature, record->text);
    print_repeat_command(campaign, record->seed, file);
    (void)fprintf(file, "\n%s", text->text);
    close_output_file(campaign, file, name);
}

static void print_indented_text(const char *text)
{
    for (const char *at = text; *at != '\0';) {
        const int length = (int)strcspn(at, "\n");
        (void)printf("    %.*s\n", length, at);
        at += length + (at[length] == '\n' ? 1 : 0);
    }
}

static void print_shrunken_scenario(struct campaign *campaign,
                                    const struct generated_record *record)
{
    struct shrinking shrinking = {.signature = record->signature};
    const struct explore_judge judge = {.opaque = &shrinking, .fails = fails_with_same_signature};
    struct explore_text text =
        worker_generate_scenario(campaign->arena, record->seed, campaign->profile);
    if (text.text == NULL) {
        (void)printf("  the generator itself failed\n");
        return;
    }
    struct explore_text small =
        explore_shrink_scenario(campaign->arena, text.text, text.bytes, SHRINK_TRIES, &judge);
    (void)printf("  the smallest failing scenario after %" PRIu32 " runs:\n", shrinking.runs);
    print_indented_text(small.text);
    if (campaign->options->output != NULL) {
        write_failed_scenario(campaign, &small, record);
    }
    explore_text_free(campaign->arena, &small);
    explore_text_free(campaign->arena, &text);
}

/* ---- Results in order ---- */

static void print_failure(struct campaign *campaign, const struct generated_record *record)
{
    struct kind *kind = find_failure_kind(campaign, record);
    const bool anew = kind == NULL || kind->count == 0;
    campaign->failed++;
    campaign->status = choose_worse_exit_status(campaign->status, record->verdict);
    if (kind != NULL) {
        kind->count++;
    }
    if (campaign->failures != NULL) {
        (void)fprintf(campaign->failures, "%" PRIu64 "\t%s\n", record->seed, record->signature);
    }
    if (!anew) {
        return;
    }
    (void)printf("%s generated seed=%" PRIu64 " events=%" PRIu64 " hash=%016" PRIx64 "\n  %s\n",
                 verdict_get_name((run_verdict)record->verdict), record->seed, record->events,
                 record->hash_word, record->text);
    (void)printf("  again: ");
    print_repeat_command(campaign, record->seed, stdout);
    (void)printf("\n");
    if (!campaign->options->quiet) {
        print_shrunken_scenario(campaign, record);
    }
    (void)fflush(stdout);
}

static void count_generated_result(struct campaign *campaign, const struct generated_record *record)
{
    campaign->events += record->events;
    campaign->loads += record->loads;
    if (record->verdict == VERDICT_PASS) {
        campaign->passed++;
    } else {
        print_failure(campaign, record);
        campaign->stopping = campaign->stopping || campaign->options->first;
    }
}

static void report_finished_seeds(struct campaign *campaign)
{
    while (campaign->there[campaign->next_reported % WINDOW] &&
           !(campaign->stopping && campaign->options->first)) {
        const uint64_t slot = campaign->next_reported++ % WINDOW;
        campaign->there[slot] = false;
        count_generated_result(campaign, &campaign->window[slot]);
    }
}

static void print_summary(const struct campaign *campaign)
{
    const uint64_t took_ms = (worker_get_time_ns() - campaign->start_ns) / 1000000;
    for (uint32_t i = 0; i < campaign->kind_count; i++) {
        const struct kind *kind = &campaign->kinds[i];
        (void)printf("%8" PRIu64 "  first seed %" PRIu64 "  %s\n", kind->count, kind->seed,
                     kind->signature);
    }
    const uint64_t runs = campaign->passed + campaign->failed;
    (void)printf("%" PRIu64 " generated scenarios: %" PRIu64 " passed, %" PRIu64
                 " failed in %" PRIu32 " ways; %" PRIu64 " events; a scenario was drawn %" PRIu64
                 ".%02" PRIu64 " times; %" PRIu64 ".%" PRIu64 " s, %" PRIu64 " a second\n",
                 runs, campaign->passed, campaign->failed, campaign->kind_count, campaign->events,
                 runs > 0 ? campaign->loads / runs : 0,
                 runs > 0 ? campaign->loads * 100 / runs % 100 : 0, took_ms / 1000,
                 took_ms % 1000 / 100, took_ms > 0 ? runs * 1000 / took_ms : runs);
}

/* ---- Workers ---- */

static void send_seeds_to_workers(struct campaign *campaign)
{
    const struct options *options = campaign->options;
    if (options->for_ns > 0 && worker_get_time_ns() - campaign->start_ns > options->for_ns) {
        campaign->stopping = true;
    }
    for (uint32_t i = 0; i < campaign->worker_count && !campaign->stopping; i++) {
        struct worker *worker = &campaign->workers[i];
        uint64_t left = campaign->total - campaign->next_order;
        const uint64_t room = WINDOW - (campaign->next_order - campaign->next_reported);
        left = left < GENERATED_CHUNK ? left : GENERATED_CHUNK;
        left = left < room ? left : room;
        if (worker->pid == 0 || worker->next <= worker->last || left == 0) {
            continue;
        }
        const uint64_t first = options->generated_first + campaign->next_order;
        campaign->next_order += left;
        worker_send_seeds(worker, first, first + left - 1);
    }
}

/** Starts a new worker for one that died; the new worker gets the seeds that the dead worker had
 * left. */
static bool replace_dead_worker(struct campaign *campaign, struct worker *worker)
{
    const uint64_t next = worker->next;
    const uint64_t last = worker->last;
    if (!worker_start(worker, campaign->profile)) {
        (void)fprintf(stderr, "ballonet: no process could be started: %s\n", strerror(errno));
        return false;
    }
    if (next <= last) {
        worker_send_seeds(worker, next, last);
    }
    return true;
}

static bool receive_results(struct campaign *campaign)
{
    struct pollfd ready[WORKERS_MAX];
    for (uint32_t i = 0; i < campaign->worker_count; i++) {
        ready[i] = (struct pollfd){.fd = campaign->workers[i].result, .events = POLLIN};
    }
    (void)poll(ready, campaign->worker_count, POLL_MS);
    for (uint32_t i = 0; i < campaign->worker_count; i++) {
        struct worker *worker = &campaign->workers[i];
        struct generated_record record;
        while (worker->next <= worker->last && worker_receive_record(worker, &record)) {
            const uint64_t slot = (record.seed - campaign->options->generated_first) % WINDOW;
            campaign->window[slot] = record;
            campaign->there[slot] = true;
            if (worker->pid == 0 && !replace_dead_worker(campaign, worker)) {
                return false;
            }
        }
    }
    return true;
}

static bool has_seeds_left(const struct campaign *campaign)
{
    for (uint32_t i = 0; i < campaign->worker_count; i++) {
        if (campaign->workers[i].next <= campaign->workers[i].last) {
            return true;
        }
    }
    return false;
}

static void run_all_seeds(struct campaign *campaign)
{
    bool good = true;
    for (uint32_t i = 0; good && i < campaign->worker_count; i++) {
        good = worker_start(&campaign->workers[i], campaign->profile);
    }
    while (good && isolate_get_stop_signal() == 0) {
        send_seeds_to_workers(campaign);
        report_finished_seeds(campaign);
        const bool enough =
            (campaign->stopping && campaign->options->first) || isolate_get_stop_signal() != 0;
        if (enough || (!has_seeds_left(campaign) &&
                       (campaign->stopping || campaign->next_order == campaign->total))) {
            break;
        }
        good = receive_results(campaign);
        report_finished_seeds(campaign);
    }
    for (uint32_t i = 0; i < campaign->worker_count; i++) {
        worker_end(&campaign->workers[i]);
    }
    if (!good) {
        campaign->status = VERDICT_CRASH;
    }
}

static uint32_t get_job_count(const struct options *options)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const uint32_t jobs = options->jobs > 0 ? options->jobs : online > 0 ? (uint32_t)online : 1;
    return jobs < WORKERS_MAX ? jobs : WORKERS_MAX;
}

int run_generated_scenarios(const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct campaign *campaign = arena_alloc_zeroed(arena, sizeof *campaign);
    campaign->options = options;
    campaign->arena = arena;
    campaign->worker_count = get_job_count(options);
    campaign->total = options->generated_last - options->generated_first + 1;
    campaign->start_ns = worker_get_time_ns();
    campaign->window = arena_alloc_zeroed(arena, WINDOW * sizeof *campaign->window);
    campaign->there = arena_alloc_zeroed(arena, WINDOW * sizeof *campaign->there);
    campaign->workers =
        arena_alloc_zeroed(arena, campaign->worker_count * sizeof *campaign->workers);
    if (options->profile != NULL) {
        campaign->profile = explore_profile_load(arena, options->profile, NULL, 0, stderr);
        campaign->status = campaign->profile != NULL ? VERDICT_PASS : VERDICT_USAGE;
    }
    if (campaign->status == VERDICT_PASS && options->output != NULL) {
        campaign->failures = open_output_file(campaign, FAILURES);
    }
    if (campaign->status == VERDICT_PASS) {
        run_all_seeds(campaign);
        print_summary(campaign);
    }
    if (campaign->failures != NULL) {
        close_output_file(campaign, campaign->failures, FAILURES);
    }
    const int status = campaign->status;
    explore_profile_free(arena, campaign->profile);
    arena_free(arena, campaign->workers, campaign->worker_count * sizeof *campaign->workers);
    arena_free(arena, campaign->there, WINDOW * sizeof *campaign->there);
    arena_free(arena, campaign->window, WINDOW * sizeof *campaign->window);
    arena_free(arena, campaign, sizeof *campaign);
    (void)arena_close(arena);
    return status;
}
