/*
 * The verb `replay` repeats a recorded run: every choice is taken from the trace, and every event
 * is compared with the trace.
 */
#include "sim/cli/cli.h"

#include "sim/trace/trace.h"
#include "sim/world/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void print_build_versions(const struct trace *trace)
{
    const char *recorded = trace_get_header(trace)->build;
    const uint32_t version = trace_get_version(trace);
    const uint32_t ours = BNT_VERSION_MAJOR << 16 | BNT_VERSION_MINOR << 8 | BNT_VERSION_PATCH;
    if (version == ours && strcmp(recorded, trace_get_build()) == 0) {
        (void)printf("  recorded by this build (%s)\n", recorded);
    } else {
        (void)printf("  recorded by %s (version %u.%u.%u), run by %s: the build differs\n",
                     recorded, version >> 16, version >> 8 & 0xFF, version & 0xFF,
                     trace_get_build());
    }
}

static struct trace_trailer make_trace_trailer(const struct world_result *result)
{
    return (struct trace_trailer){.events = result->events,
                                  .hash = result->hash,
                                  .hash_word = result->hash_word,
                                  .verdict = (uint32_t)result->verdict};
}

static void print_replay_json(const char *path, const struct trace_check *check,
                              const struct session *session, int status)
{
    (void)printf("{\"trace\":\"");
    print_json_text(stdout, path);
    (void)printf("\",\"scenario\":\"");
    print_json_text(stdout, session->scenario->name);
    (void)printf("\",\"result\":\"%s\",\"status\":%d,\"seed\":%" PRIu64 ",\"events\":%" PRIu64
                 ",\"choices\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\",\"difference\":\"",
                 check->differs ? "diverged" : "reproduced", status, session->seed,
                 session->result.events, trace_get_trailer(check->trace)->choices,
                 session->result.hash_word);
    print_json_text(stdout, check->text);
    (void)printf("\",\"build\":\"");
    print_json_text(stdout, trace_get_header(check->trace)->build);
    (void)printf("\"}\n");
}

static void print_replay_result(const char *path, const struct trace_check *check,
                                const struct session *session)
{
    const struct trace *trace = check->trace;
    const struct trace_trailer *recorded = trace_get_trailer(trace);
    if (check->differs) {
        (void)printf("DIVERGED %s: %s\n", path, check->text);
        print_build_versions(trace);
        return;
    }
    (void)printf("REPRODUCED %s: %" PRIu64 " events, %" PRIu64 " choices%s\n", path,
                 recorded->events, recorded->choices,
                 trace_is_unfinished(trace)
                     ? "; the recording has no end, so the run went on without it"
                     : "");
    session_print_result_line(session, stdout, "");
}

/** Runs the scenario that the trace contains; returns the exit status. The choices of an unfinished
 * trace are drawn again, so that the run can go on where the recording stops. */
static int replay_trace(struct trace *trace, const char *path, const struct options *options)
{
    const struct trace_header *header = trace_get_header(trace);
    struct world_file files[TRACE_FILES_MAX];
    struct scenario_override sets[TRACE_SETS_MAX];
    struct trace_check check;
    trace_check_begin(&check, trace, world_get_event_name);
    for (uint32_t i = 0; i < header->file_count; i++) {
        files[i] = (struct world_file){header->files[i].name, header->files[i].bytes,
                                       header->files[i].length};
    }
    for (uint32_t i = 0; i < header->set_count; i++) {
        sets[i].text = header->sets[i];
    }
    const struct session_config config = {
        .path = header->name,
        .text = header->text,
        .text_bytes = header->text_length,
        .files = files,
        .file_count = header->file_count,
        .has_seed = true,
        .seed = header->seed,
        .sets = sets,
        .set_count = header->set_count,
        .fill = SESSION_FILL,
        .log = options->verbose ? LOG_EVENTS : LOG_NONE,
        .log_to = options->json ? stderr : stdout,
        .observer = trace_check_get_observer(&check),
        .source = trace_is_unfinished(trace) ? NULL : &check.source,
    };
    struct session session;
    int status = (int)session_open(&session, &config);
    if (status == VERDICT_PASS) {
        status = (int)session_run(&session);
        const struct trace_trailer trailer = make_trace_trailer(&session.result);
        trace_check_end(&check, &trailer);
        status = check.differs ? VERDICT_NONDETERMINISM : status;
        if (trace_get_failure(trace) != NULL) {
            (void)fprintf(stderr, "ballonet replay: %s\n", trace_get_failure(trace));
            status = VERDICT_TRACE;
        } else if (options->json) {
            print_replay_json(path, &check, &session, status);
        } else {
            print_replay_result(path, &check, &session);
        }
    } else {
        status = VERDICT_TRACE; /* the scenario was valid when the trace was recorded */
    }
    return choose_worse_exit_status(
        status, session_close(&session) == VERDICT_USAGE ? VERDICT_TRACE : VERDICT_PASS);
}

/** Opens a trace. A regular file is read in pieces; a pipe can be read only once, so `bytes` keeps
 * all that came out of it. */
static struct trace *open_trace(struct arena *arena, const char *path, char **bytes, size_t *length,
                                char *error, size_t error_bytes)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        return trace_open_file(arena, path, error, error_bytes);
    }
    return file_read(arena, path, bytes, length, error, error_bytes)
               ? trace_open(arena, path, (const uint8_t *)*bytes, *length, error, error_bytes)
               : NULL;
}

static int replay_file(const char *path, const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    char error[512];
    char *bytes = NULL;
    size_t length = 0;
    int status = VERDICT_TRACE;
    struct trace *trace = open_trace(arena, path, &bytes, &length, error, sizeof error);
    if (trace == NULL) {
        (void)fprintf(stderr, "ballonet replay: %s\n", error);
    } else {
        status = replay_trace(trace, path, options);
        trace_close(trace);
    }
    arena_free(arena, bytes, length + 1);
    (void)arena_close(arena);
    return status;
}

int run_verb_replay(const struct options *options)
{
    int status = VERDICT_PASS;
    for (uint32_t i = 0; i < options->path_count; i++) {
        status = choose_worse_exit_status(status, replay_file(options->paths[i], options));
    }
    return status;
}
