/*
 * What the tests of scenarios share: where the files are, reading, loading from text.
 */
#ifndef TESTS_SUPPORT_SCENARIO_FILES_H
#define TESTS_SUPPORT_SCENARIO_FILES_H

#include "sim/scenario/scenario.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BALLONET_SOURCE_DIR
#define BALLONET_SOURCE_DIR "."
#endif

/* A whole file, ending with NUL; the caller frees it. NULL if there is none. */
static inline char *file_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    const size_t room = 4u * 1024u * 1024u;
    char *text = malloc(room);
    ck_assert_ptr_nonnull(text);
    *bytes = fread(text, 1, room - 1, file);
    text[*bytes] = '\0';
    fclose(file);
    return text;
}

#endif
