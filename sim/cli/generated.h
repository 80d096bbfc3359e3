/*
 * Private to `run --generated`: the result of one generated scenario, and the processes that run
 * them.
 */
#ifndef SIM_CLI_GENERATED_H
#define SIM_CLI_GENERATED_H

#include "sim/cli/cli.h"
#include "sim/explore/explore.h"

#include <sys/types.h>

#define GENERATED_SIGNATURE_BYTES 192
#define GENERATED_CHUNK           16u /**< seeds that a worker is given at once */

/** The result of one scenario; small enough to be written into a pipe atomically. */
struct generated_record {
    uint64_t seed;
    int32_t verdict;
    uint32_t loads; /**< how often a draft was loaded until it was valid */
    uint64_t events;
    uint64_t hash_word;
    char signature[GENERATED_SIGNATURE_BYTES]; /**< what kind of failure; "" if it passed */
    char text[512];                            /**< what happened */
};

/** Runs one scenario's text twice in this process, and checks it (generated_judge.c). */
void record_check_scenario(const char *text, size_t bytes, struct generated_record *record);
/** Records a failure: its verdict, its text and its signature. */
void record_set_failure(struct generated_record *record, run_verdict verdict, const char *text);

/** A process that runs scenarios, until it dies of one. */
struct worker {
    pid_t pid; /**< 0: none */
    int order; /**< pipe to it: first and last seed */
    int result;
    int errors; /**< a file of its own: what it wrote to stderr */
    uint64_t next;
    uint64_t last;         /**< seeds next .. last are its own; none if next is more */
    uint64_t since_ns;     /**< when it began with `next` */
    uint64_t since_cpu_ns; /**< CPU time that it had used then */
};

/** Starts a process that generates and checks seeds. False if no process could be started. */
bool worker_start(struct worker *worker, const struct explore_profile *profile);
/** Gives seeds to a worker without any. */
void worker_send_seeds(struct worker *worker, uint64_t first, uint64_t last);
/**
 * Takes the next record of a worker, or one about its death, after which worker->pid is 0. False if
 * there is none yet.
 */
bool worker_receive_record(struct worker *worker, struct generated_record *record);
/** Ends the process of a worker. */
void worker_end(struct worker *worker);

/** Checks one text in a process of its own, as a worker would. */
void worker_check_scenario(const char *text, size_t bytes, struct generated_record *record);
/** The text that a worker would generate, made in a process of its own; its text is NULL if that
 * died. */
struct explore_text worker_generate_scenario(struct arena *arena, uint64_t seed,
                                             const struct explore_profile *profile);

/** Monotonic time. */
uint64_t worker_get_time_ns(void);

#endif
