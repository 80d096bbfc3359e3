/*
 * Private to the command: verbs, options, and one session of a scenario.
 */
#ifndef SIM_CLI_CLI_H
#define SIM_CLI_CLI_H

#include "sim/cli/files.h"
#include "sim/run/run.h"

#define CLI_SETS_MAX  64
#define CLI_PATHS_MAX 1024

/** The parsed command line. */
struct options {
    const char *verb;
    unsigned given; /**< OPTION_* */
    const char *paths[CLI_PATHS_MAX];
    uint32_t path_count;
    bool has_seed;
    uint64_t seed;
    uint32_t seeds; /**< run seeds 1 .. seeds */
    struct scenario_override sets[CLI_SETS_MAX];
    uint32_t set_count;
    const char *trace;
    const char *junit;
    const char *profile; /**< of generated scenarios */
    bool has_generated;
    uint64_t generated_first; /**< seeds, both included */
    uint64_t generated_last;
    uint32_t jobs;      /**< 0 stands for the number of processors */
    uint64_t for_ns;    /**< time limit; 0 means that all seeds are run without a limit */
    const char *output; /**< folder for the scenarios that failed */
    bool first;         /**< stop at the first failure */
    bool json;
    bool markdown;
    bool verbose;
    bool quiet;
    bool help;
};

struct verb {
    const char *name;
    const char *usage; /**< arguments */
    const char *does;  /**< one line */
    const char *help;  /**< the whole text that --help prints */
    unsigned allowed;  /**< OPTION_* */
    int (*run)(const struct options *options);
};

enum {
    OPTION_SEED = 1,
    OPTION_SET = 2,
    OPTION_TRACE = 4,
    OPTION_FORMAT = 8,
    OPTION_VERBOSE = 16,
    OPTION_SEEDS = 32,
    OPTION_QUIET = 64,
    OPTION_JUNIT = 128,
    OPTION_PROFILE = 256,
    OPTION_GENERATED = 512
};

int run_verb_run(const struct options *options);
int run_verb_generate(const struct options *options);
int run_verb_check(const struct options *options);
int run_verb_schema(const struct options *options);
int run_verb_replay(const struct options *options);
int run_verb_verify(const struct options *options);
int run_verb_test(const struct options *options);
int run_verb_conformance(const struct options *options);
int run_verb_doctor(const struct options *options);

/** Implements `run --generated A..B`, which generates and checks one scenario for each seed from A
 * to B. */
int run_generated_scenarios(const struct options *options);

/** Runs the verb in a separate process. Returns the exit status of the verb, or VERDICT_CRASH. */
int guard_run_verb(const struct verb *verb, const struct options *options);

/** Finds every scenario file that the arguments name, directly or by a folder. Returns false after
 * printing an error. */
bool options_find_scenarios(const struct options *options, struct path_list *list);

/** The configuration of one run of one scenario. */
struct session_config {
    const char *path;
    const char *text; /**< NULL if the text is read from `path` */
    size_t text_bytes;
    const struct world_file
        *files; /**< NULL if the files that the scenario names are read from disk */
    uint32_t file_count;
    bool has_seed;
    uint64_t seed;
    const struct scenario_override *sets;
    uint32_t set_count;
    uint8_t fill; /**< of fresh memory */
    log_level log;
    FILE *log_to;
    const char *trace;               /**< NULL if no trace is written */
    struct engine_observer observer; /**< beside the trace */
    const struct choice_source *source;
    bool oracles_off;
    bool hash_off;
    bool clauses; /**< world_get_conformance has the counts of clauses; a run takes longer */
    struct world_watch *watch; /**< NULL if no other process watches the run */
};

/** Makes the configuration for a run of `path` from the command line. */
struct session_config options_make_session_config(const struct options *options, const char *path);

/** One scenario: it is loaded, and perhaps it was run already. All memory of a session is in its
 * own arena.
 */
struct session {
    struct arena *arena;
    struct session_config config;
    struct scenario *scenario;
    struct world_file *files;
    uint32_t file_count;
    struct world *world;
    struct trace_writer *writer;
    struct engine_observer observers[2]; /**< the caller's and the trace's */
    struct world_result result;
    uint64_t seed;
    char name[PATH_BYTES_MAX]; /**< the name of the scenario in results */
    char error[1024];
};

#define SESSION_FILL      0xA5
#define SESSION_FILES_MAX 64

/**
 * Loads a scenario and the files that it names, and checks whether it can start. Returns
 * VERDICT_PASS, or VERDICT_USAGE with the errors in `errors`, which must be freed before the
 * session is closed. The session must be closed in both cases.
 */
run_verdict session_load(struct session *session, const struct session_config *config,
                         struct scenario_errors *errors);

/** Like session_load, but prints the errors to stderr. */
run_verdict session_open(struct session *session, const struct session_config *config);

/** Fills in the name and seed of a session for results, without opening it. */
void session_fill_name(struct session *session, const struct session_config *config);

/** Runs the scenario and returns the verdict, which is also stored in session->result. */
run_verdict session_run(struct session *session);

/** Frees the session. Memory that the world did not free turns a PASS into a FAIL. */
run_verdict session_close(struct session *session);

/* ---- Text (print.c) ---- */

typedef void (*print_text)(FILE *out, const char *text);

void print_plain_text(FILE *out, const char *text);
/** Prints a text as the content of a JSON string, without the quotes. */
void print_json_text(FILE *out, const char *text);
/** Prints a word for a shell in single quotes. print_shell_word prints the quotes only if the word
 * needs them.
 */
void print_shell_quoted(FILE *out, print_text print, const char *text);
void print_shell_word(FILE *out, print_text print, const char *text);

/** Prints the command that repeats this run. */
void session_print_repeat_command(const struct session *session, FILE *out, print_text print);

/** Prints the last lines of a run: if the run did not pass, the reason; then `PASS NAME seed=N
 * events=N time=DURATION hash=16HEX`. */
void session_print_result_line(const struct session *session, FILE *out, const char *prefix);

/** Prints the result of a run as one JSON object on one line. */
void session_print_json(const struct session *session, FILE *out);

/** Prints the result of a run to stdout, as text or as JSON. */
void session_print_result(const struct session *session, bool json);

/** Returns the worse of two exit statuses, in the order 5, 4, 1, 3, 6, 7. */
int choose_worse_exit_status(int left, int right);

#endif
