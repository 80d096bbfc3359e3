/*
 * Loads a scenario from a path, or from the copy in a trace. The result is a struct scenario or a
 * list of errors.
 */
#include "sim/scenario/loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Reads a file, but at most one byte more than the size limit; NULL if there was an error. */
static char *read_file(struct loader *loader, const char *path, size_t *bytes)
{
    static const struct yaml_mark start = {0, 1, 1};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        problems_add_message(&loader->problems, start, "cannot open the file: %s", strerror(errno));
        return NULL;
    }
    size_t size = 0;
    size_t used = 0;
    char *text = NULL;
    size_t got = 0;
    do {
        if (used == size) {
            const size_t larger = size == 0 ? 65536 : size * 2;
            text = arena_realloc(loader->arena, text, size, larger);
            size = larger;
        }
        got = fread(text + used, 1, size - used, file);
        used += got;
    } while (got > 0 && used <= SCENARIO_FILE_BYTES_MAX);
    const bool failed = ferror(file) != 0;
    const int reason = errno;
    fclose(file);
    char *exact = NULL;
    if (failed) {
        problems_add_message(&loader->problems, start, "cannot read the file: %s",
                             strerror(reason));
    } else {
        exact = arena_alloc(loader->arena, used + 1);
        memcpy(exact, text, used);
        exact[used] = '\0';
        *bytes = used;
    }
    arena_free(loader->arena, text, size);
    return exact;
}

static bool set_scenario_name(struct loader *loader, const char *path)
{
    static const struct yaml_mark start = {0, 1, 1};
    struct scenario *scenario = loader->scenario;
    size_t bytes = strlen(path);
    if (bytes >= sizeof scenario->path) {
        problems_add_message(&loader->problems, start,
                             "a path of %lu bytes; it must have at most %lu", (unsigned long)bytes,
                             (unsigned long)(sizeof scenario->path - 1));
        return false;
    }
    memcpy(scenario->path, path, bytes);
    if (bytes > 5 && strcmp(path + bytes - 5, ".yaml") == 0) {
        bytes -= 5;
    }
    memcpy(scenario->name, path, bytes);
    return true;
}

/* Stores the bytes of the file in the scenario; false if there was an error. */
static bool set_scenario_text(struct loader *loader, const char *path, const char *text,
                              size_t bytes)
{
    static const struct yaml_mark start = {0, 1, 1};
    char *copy = NULL;
    if (text == NULL) {
        copy = read_file(loader, path, &bytes);
        loader->on_disk = true;
        if (copy == NULL) {
            return false;
        }
    } else {
        if (bytes > SCENARIO_FILE_BYTES_MAX) {
            bytes = SCENARIO_FILE_BYTES_MAX + 1;
        }
        copy = arena_alloc(loader->arena, bytes + 1);
        memcpy(copy, text, bytes);
        copy[bytes] = '\0';
    }
    loader->scenario->text = copy;
    loader->scenario->text_bytes = (uint32_t)bytes;
    if (bytes > SCENARIO_FILE_BYTES_MAX) {
        problems_add_message(&loader->problems, start,
                             "the file has more than 1 MiB; it must have less");
        return false;
    }
    return true;
}

static void load_scenario_tree(struct loader *loader, struct problem_source *sources,
                               const struct scenario_override *overrides, uint32_t override_count)
{
    const char *text = loader->scenario->text;
    size_t bytes = loader->scenario->text_bytes;
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        bytes -= 3;
    }
    sources[0].text = text;
    sources[0].bytes = bytes;
    if (!yaml_check_text(&loader->problems, 0, text, bytes)) {
        return;
    }
    loader->root = yaml_parse_tree(&loader->tree, 0, text, bytes, 1);
    if (loader->root == NULL) {
        return;
    }
    if (loader->root->kind != YAML_MAP) {
        value_report_mistake(&loader->problems, loader->root, "the file",
                             "a mapping that begins with 'schema: 1'");
        return;
    }
    for (uint32_t i = 0; i < override_count; i++) {
        override_set_value(loader, i + 1, overrides[i].text);
    }
    fill_struct_from_map(loader, loader->root, &scenario_keys, loader->scenario);
    resolve_run_defaults(loader);
    checks_check_scenario(loader);
    groups_expand_scenario(loader);
}

struct scenario *scenario_load(struct arena *arena, const char *path, const char *text,
                               size_t text_bytes, const struct scenario_override *overrides,
                               uint32_t override_count, struct scenario_errors *errors)
{
    struct loader *loader = arena_alloc_zeroed(arena, sizeof *loader);
    const size_t sources_bytes = ((size_t)override_count + 1) * sizeof(struct problem_source);
    struct problem_source *sources = arena_alloc_zeroed(arena, sources_bytes);
    sources[0].label = path;
    for (uint32_t i = 0; i < override_count; i++) {
        sources[i + 1].label = "--set";
        sources[i + 1].text = overrides[i].text;
        sources[i + 1].bytes = strlen(overrides[i].text);
    }
    loader->arena = arena;
    loader->problems.arena = arena;
    loader->problems.sources = sources;
    loader->problems.source_count = override_count + 1;
    loader->tree.pool.arena = arena;
    loader->tree.problems = &loader->problems;
    loader->scenario = arena_alloc_zeroed(arena, sizeof *loader->scenario);

    if (set_scenario_name(loader, path) && set_scenario_text(loader, path, text, text_bytes)) {
        load_scenario_tree(loader, sources, overrides, override_count);
    }
    struct scenario *scenario = loader->scenario;
    const bool failed = loader->problems.total > 0;
    problems_move_to_errors(&loader->problems, errors);
    yaml_free_tree(&loader->tree);
    if (failed) {
        scenario_free(arena, scenario);
        scenario = NULL;
    }
    arena_free(arena, sources, sources_bytes);
    arena_free(arena, loader, sizeof *loader);
    return scenario;
}

void scenario_free(struct arena *arena, struct scenario *scenario)
{
    if (scenario == NULL) {
        return;
    }
    arena_free(arena, scenario->vms, scenario->vm_count * sizeof scenario->vms[0]);
    arena_free(arena, scenario->groups, scenario->group_count * sizeof scenario->groups[0]);
    arena_free(arena, scenario->workloads,
               scenario->workload_count * sizeof scenario->workloads[0]);
    arena_free(arena, scenario->actions, scenario->action_count * sizeof scenario->actions[0]);
    arena_free(arena, scenario->swarms, scenario->swarm_count * sizeof scenario->swarms[0]);
    arena_free(arena, scenario->phases, scenario->phase_count * sizeof scenario->phases[0]);
    arena_free(arena, scenario->expects, scenario->expect_count * sizeof scenario->expects[0]);
    if (scenario->text != NULL) {
        char *text = NULL;
        memcpy(&text, &scenario->text, sizeof text);
        arena_free(arena, text, (size_t)scenario->text_bytes + 1);
    }
    arena_free(arena, scenario, sizeof *scenario);
}
