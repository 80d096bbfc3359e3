/*
 * Handles one scenario from its file to its verdict: loads the scenario and the files that it
 * names, creates its world, runs it, and frees everything.
 *
 * Every verb that runs a scenario calls this file, so that all runs are made in the same way.
 */
#include "sim/cli/cli.h"

#include "sim/trace/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The files that the scenario names ---- */

static bool is_named_file_to_load(struct session *session, const char *name)
{
    if (name[0] == '\0') {
        return false;
    }
    for (uint32_t i = 0; i < session->file_count; i++) {
        if (strcmp(session->files[i].name, name) == 0) {
            return false;
        }
    }
    return true;
}

static bool load_named_file(struct session *session, const char *name)
{
    if (!is_named_file_to_load(session, name)) {
        return true;
    }
    if (session->file_count == SESSION_FILES_MAX) {
        (void)snprintf(session->error, sizeof session->error,
                       "the scenario names more than %d recordings", SESSION_FILES_MAX);
        return false;
    }
    char *bytes = NULL;
    size_t length = 0;
    if (!file_read(session->arena, name, &bytes, &length, session->error, sizeof session->error)) {
        return false;
    }
    session->files[session->file_count++] =
        (struct world_file){.name = name, .bytes = bytes, .length = length};
    return true;
}

static bool load_named_files(struct session *session, struct place *place)
{
    const struct scenario *scenario = session->scenario;
    bool good = true;
    for (uint32_t i = 0; good && i < scenario->vm_count; i++) {
        *place = scenario->vms[i].place;
        good = load_named_file(session, scenario->vms[i].recording);
    }
    for (uint32_t i = 0; good && i < scenario->workload_count; i++) {
        *place = scenario->workloads[i].place;
        good = load_named_file(session, scenario->workloads[i].file);
    }
    return good;
}

/** Takes the files that the scenario names from a trace instead of from disk. */
static bool copy_files_from_trace(struct session *session, struct place *place)
{
    session->files = arena_alloc_zeroed(session->arena, SESSION_FILES_MAX * sizeof *session->files);
    if (session->config.files == NULL) {
        return load_named_files(session, place);
    }
    for (uint32_t i = 0; i < session->config.file_count && i < SESSION_FILES_MAX; i++) {
        session->files[session->file_count++] = session->config.files[i];
    }
    return true;
}

static void free_loaded_files(struct session *session)
{
    for (uint32_t i = 0; session->config.files == NULL && i < session->file_count; i++) {
        union {
            const char *is;
            void *was;
        } bytes = {.is = session->files[i].bytes};
        arena_free(session->arena, bytes.was, session->files[i].length + 1);
    }
    if (session->files != NULL) {
        arena_free(session->arena, session->files, SESSION_FILES_MAX * sizeof *session->files);
    }
}

/* ---- Life ---- */

/** Loads the scenario and the files that it names, and checks whether a world can be created from
 * them. */
static bool load_scenario(struct session *session, struct scenario_errors *errors)
{
    const struct session_config *config = &session->config;
    struct place place = {1, 1};
    session->scenario = scenario_load(session->arena, config->path, config->text,
                                      config->text_bytes, config->sets, config->set_count, errors);
    if (session->scenario == NULL) {
        return false;
    }
    session->seed = config->has_seed              ? config->seed
                    : session->scenario->has_seed ? session->scenario->seed
                                                  : 1;
    if (config->watch != NULL) {
        config->watch->seed = session->seed;
    }
    if (copy_files_from_trace(session, &place) &&
        world_can_start(session->scenario, session->arena, session->files, session->file_count,
                        &place, session->error, sizeof session->error)) {
        return true;
    }
    scenario_set_error(errors, session->scenario, place, session->error);
    return false;
}

/** Gives a scenario the same name as the loader does: its path without `.yaml`. */
void session_fill_name(struct session *session, const struct session_config *config)
{
    const size_t bytes = strlen(config->path);
    const bool yaml = bytes > 5 && strcmp(config->path + bytes - 5, ".yaml") == 0;
    *session = (struct session){.config = *config, .seed = config->seed};
    (void)snprintf(session->name, sizeof session->name, "%.*s", (int)(yaml ? bytes - 5 : bytes),
                   config->path);
}

run_verdict session_load(struct session *session, const struct session_config *config,
                         struct scenario_errors *errors)
{
    session_fill_name(session, config);
    session->arena = arena_open(config->fill);
    *errors = (struct scenario_errors){.arena = session->arena};
    return load_scenario(session, errors) ? VERDICT_PASS : VERDICT_USAGE;
}

run_verdict session_open(struct session *session, const struct session_config *config)
{
    struct scenario_errors errors;
    const run_verdict verdict = session_load(session, config, &errors);
    for (uint32_t i = 0; i < errors.count; i++) {
        (void)fprintf(stderr, "%s\n", errors.messages[i]);
    }
    scenario_free_errors(&errors);
    return verdict;
}

/* ---- The trace beside the run ---- */

/** Passes what is observed in a run to two observers: that of the caller and that of the trace. */
static void pass_stream_to_both_observers(void *opaque, uint32_t stream, const char *name)
{
    const struct session *session = opaque;
    for (int i = 0; i < 2; i++) {
        if (session->observers[i].stream != NULL) {
            session->observers[i].stream(session->observers[i].opaque, stream, name);
        }
    }
}

static void pass_choice_to_both_observers(void *opaque, const struct choice_record *choice)
{
    const struct session *session = opaque;
    for (int i = 0; i < 2; i++) {
        if (session->observers[i].choice != NULL) {
            session->observers[i].choice(session->observers[i].opaque, choice);
        }
    }
}

static void pass_event_to_both_observers(void *opaque, const struct engine_record *record)
{
    const struct session *session = opaque;
    for (int i = 0; i < 2; i++) {
        if (session->observers[i].event != NULL) {
            session->observers[i].event(session->observers[i].opaque, record);
        }
    }
}

static struct engine_observer make_engine_observer(struct session *session)
{
    if (session->writer == NULL) {
        return session->config.observer;
    }
    session->observers[0] = session->config.observer;
    session->observers[1] = trace_writer_get_observer(session->writer);
    return (struct engine_observer){.opaque = session,
                                    .stream = pass_stream_to_both_observers,
                                    .choice = pass_choice_to_both_observers,
                                    .event = pass_event_to_both_observers};
}

static bool begin_trace_recording(struct session *session)
{
    struct trace_file files[SESSION_FILES_MAX];
    const char *sets[CLI_SETS_MAX];
    for (uint32_t i = 0; i < session->file_count; i++) {
        files[i] = (struct trace_file){session->files[i].name, session->files[i].bytes,
                                       session->files[i].length};
    }
    for (uint32_t i = 0; i < session->config.set_count; i++) {
        sets[i] = session->config.sets[i].text;
    }
    const struct trace_header header = {
        .name = session->config.path,
        .text = session->scenario->text,
        .text_length = session->scenario->text_bytes,
        .seed = session->seed,
        .sets = sets,
        .set_count = session->config.set_count,
        .files = files,
        .file_count = session->file_count,
    };
    session->writer = trace_writer_open(session->arena, session->config.trace, &header,
                                        session->error, sizeof session->error);
    return session->writer != NULL;
}

/** If the trace could not be written, a run that passed gets status 6 (unusable). */
static void end_trace_recording(struct session *session)
{
    struct world_result *result = &session->result;
    const struct trace_trailer trailer = {
        .hash = result->hash, .hash_word = result->hash_word, .verdict = (uint32_t)result->verdict};
    if (!trace_writer_close(session->writer, &trailer, session->error, sizeof session->error)) {
        (void)fprintf(stderr, "ballonet: %s\n", session->error);
        if (result->verdict == VERDICT_PASS) {
            result->verdict = VERDICT_TRACE;
            (void)snprintf(result->text, sizeof result->text, "the trace could not be written");
        }
    }
    session->writer = NULL;
}

run_verdict session_run(struct session *session)
{
    const struct session_config *config = &session->config;
    if (config->trace != NULL && !begin_trace_recording(session)) {
        (void)fprintf(stderr, "ballonet: %s\n", session->error);
        session->result.verdict = VERDICT_TRACE;
        return VERDICT_TRACE;
    }
    const struct world_config world = {
        .arena = session->arena,
        .scenario = session->scenario,
        .seed = session->seed,
        .files = session->files,
        .file_count = session->file_count,
        .oracles_off = config->oracles_off,
        .audits_page_by_page = getenv("BALLONET_AUDIT_PAGES") != NULL,
        .hash_off = config->hash_off,
        .clauses = config->clauses,
        .observer = make_engine_observer(session),
        .source = config->source,
        .log = config->log,
        .log_to = config->log_to,
        .watch = config->watch,
    };
    session->world = world_create(&world, session->error, sizeof session->error);
    if (session->world == NULL) {
        (void)fprintf(stderr, "%s\n", session->error);
        if (session->writer != NULL) {
            trace_writer_abandon(session->writer);
        }
        session->result.verdict = VERDICT_USAGE;
        return VERDICT_USAGE;
    }
    world_run(session->world, &session->result);
    if (session->writer != NULL && config->watch != NULL && config->watch->stop) {
        trace_writer_abandon(session->writer);
        session->writer = NULL;
    } else if (session->writer != NULL) {
        end_trace_recording(session);
    }
    return session->result.verdict;
}

run_verdict session_close(struct session *session)
{
    if (session->world != NULL) {
        world_destroy(session->world);
    }
    free_loaded_files(session);
    const bool loaded = session->scenario != NULL;
    if (loaded) {
        scenario_free(session->arena, session->scenario);
    }
    const uint64_t left = arena_close(session->arena);
    if (left != 0) {
        (void)fprintf(stderr, "%s: %" PRIu64 " bytes were not freed at the end of the run\n",
                      session->config.path, left);
        return VERDICT_FAIL;
    }
    return session->world != NULL ? session->result.verdict : loaded ? VERDICT_PASS : VERDICT_USAGE;
}

/* ---- What is printed about a session ---- */

void session_print_repeat_command(const struct session *session, FILE *out, print_text print)
{
    print(out, "ballonet run ");
    print_shell_word(out, print, session->config.path);
    (void)fprintf(out, " --seed %" PRIu64, session->seed);
    for (uint32_t i = 0; i < session->config.set_count; i++) {
        print(out, " --set ");
        print_shell_quoted(out, print, session->config.sets[i].text);
    }
}

void session_print_result_line(const struct session *session, FILE *out, const char *prefix)
{
    const struct world_result *result = &session->result;
    char time[32];
    world_format_time(time, sizeof time, result->time_ns);
    if (result->verdict != VERDICT_PASS) {
        (void)fprintf(out, "%s  event %" PRIu64 " at %s: %s\n%s  again: ", prefix, result->events,
                      time, result->text, prefix);
        session_print_repeat_command(session, out, print_plain_text);
        (void)fputc('\n', out);
    }
    (void)fprintf(out, "%s%s %s seed=%" PRIu64 " events=%" PRIu64 " time=%s hash=%016" PRIx64 "\n",
                  prefix, verdict_get_name(result->verdict), session->name, session->seed,
                  result->events, time, result->hash_word);
}

void session_print_json(const struct session *session, FILE *out)
{
    const struct world_result *result = &session->result;
    (void)fprintf(out, "{\"scenario\":\"");
    print_json_text(out, session->name);
    (void)fprintf(out,
                  "\",\"seed\":%" PRIu64 ",\"verdict\":\"%s\",\"status\":%d,"
                  "\"events\":%" PRIu64 ",\"time_ns\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\","
                  "\"order\":\"%016" PRIx64 "\",\"time\":\"%016" PRIx64
                  "\",\"payload\":\"%016" PRIx64 "\",\"state\":\"%016" PRIx64
                  "\",\"draws\":\"%016" PRIx64 "\",\"reason\":\"",
                  session->seed, verdict_get_name(result->verdict), (int)result->verdict,
                  result->events, result->time_ns, result->hash_word, result->hash.order,
                  result->hash.time, result->hash.payload, result->hash.state, result->hash.draws);
    print_json_text(out, result->text);
    (void)fprintf(out, "\",\"command\":\"");
    session_print_repeat_command(session, out, print_json_text);
    (void)fputs("\"}\n", out);
}

void session_print_result(const struct session *session, bool json)
{
    if (json) {
        session_print_json(session, stdout);
    } else {
        session_print_result_line(session, stdout, "");
    }
}
