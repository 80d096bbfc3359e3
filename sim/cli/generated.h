/*
 * Private to `run --generated`: the result of one generated scenario, and the processes that run
 * generated scenarios.
 */
#ifndef SIM_CLI_GENERATED_H
#define SIM_CLI_GENERATED_H

#include "sim/cli/cli.h"
#include "sim/explore/explore.h"

#include <sys/types.h>

#define GENERATED_SIGNATURE_BYTES 192
#define GENERATED_CHUNK           16u /**< number of seeds that a worker gets at a time */

/** The result of one scenario, small enough for one atomic write to a pipe. */
struct generated_record {
    uint64_t seed;
    int32_t verdict;
    uint32_t loads; /**< how many drafts were loaded until one was valid */
    uint64_t events;
    uint64_t hash_word;
    char signature[GENERATED_SIGNATURE_BYTES]; /**< the kind of failure, or "" if the scenario
                                                  passed */
    char text[512];                            /**< what happened */
};

/** Runs the text of one scenario twice in this process, and checks both runs
 * (generated_judge.c). */
void record_check_scenario(const char *text, size_t bytes, struct generated_record *record);
/** Records a failure: its verdict, its text and its signature. */
void record_set_failure(struct generated_record *record, run_verdict verdict, const char *text);

/** A process that runs scenarios; it ends early if a scenario makes it crash. */
struct worker {
    pid_t pid; /**< 0: none */
    int order; /**< pipe to the worker, through which it gets the first and the last seed that it
                    must run */
    int result;
    int errors; /**< a file that holds what the worker wrote to stderr */
    uint64_t next;
    uint64_t
        last; /**< the worker has the seeds from `next` to `last`, or none if `next` is greater */
    uint64_t since_ns;     /**< the time at which the worker began to run the seed `next` */
    uint64_t since_cpu_ns; /**< CPU time that the worker had used at that moment */
};

/** Starts a process that generates and checks seeds. Returns false if no process could be started.
 */
bool worker_start(struct worker *worker, const struct explore_profile *profile);
/** Sends seeds to a worker that has no seeds left to run. */
void worker_send_seeds(struct worker *worker, uint64_t first, uint64_t last);
/**
 * Takes the next record from a worker. If the worker died, the record says so and worker->pid
 * becomes 0. Returns false if there is no record yet.
 */
bool worker_receive_record(struct worker *worker, struct generated_record *record);
/** Ends the process of a worker. */
void worker_end(struct worker *worker);

/** Checks the text of one scenario in a separate process, in the same way as a worker. */
void worker_check_scenario(const char *text, size_t bytes, struct generated_record *record);
/** Generates the scenario of a seed in a separate process; the text is NULL if that process died.
 */
struct explore_text worker_generate_scenario(struct arena *arena, uint64_t seed,
                                             const struct explore_profile *profile);

/** Monotonic time. */
uint64_t worker_get_time_ns(void);

#endif
