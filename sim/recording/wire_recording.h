/*
 * The file format of a wire recording: one JSON object a line, made into an array of lines.
 *
 * Only what a line says by itself is checked here: that it is JSON, its keys, their types and
 * bounds. What lines say of each other, and whether it is true, is the player's business. Only
 * wire_player.c and tests come here.
 */
#ifndef SIM_RECORDING_WIRE_RECORDING_H
#define SIM_RECORDING_WIRE_RECORDING_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_BYTES_MAX      (64u * 1024 * 1024) /**< of a recording */
#define WIRE_LINES_MAX      1000000u
#define WIRE_LINE_BYTES_MAX (256u * 1024)
#define WIRE_PAIRS_MAX      8192u                    /**< runs, extents or tags of one line */
#define WIRE_TIME_US_MAX    UINT64_C(31536000000000) /**< a year */
#define WIRE_NAME_MAX       256u /**< bytes of a file's name in messages; the rest is cut off */

typedef enum wire_kind {
    WIRE_FEATURES,  /**< value: bits that the driver accepted */
    WIRE_REGION,    /**< value: first PFN; extra: pages */
    WIRE_QUEUE,     /**< value: index; extra: size */
    WIRE_TARGET,    /**< value: num_pages */
    WIRE_ACTUAL,    /**< value: pages */
    WIRE_INFLATE,   /**< value: pages; pairs: runs of first PFN and count */
    WIRE_DEFLATE,   /**< the same */
    WIRE_STATS,     /**< pairs: tag and value */
    WIRE_REPORTING, /**< pairs: first PFN and pages of an extent */
    WIRE_KINDS
} wire_kind;

struct wire_pair {
    uint64_t first;
    uint64_t second;
};

struct wire_line {
    wire_kind kind;
    bool again; /**< byte for byte the line above */
    uint64_t t_us;
    uint64_t at_us; /**< the latest t_us up to here: more than t_us for a line out of order */
    uint64_t value;
    uint64_t extra;
    uint32_t pair; /**< index of the first one */
    uint32_t pair_count;
};

struct wire_recording {
    struct arena *arena;
    struct wire_line *lines;
    uint32_t line_count;
    uint32_t line_room;
    struct wire_pair *pairs;
    uint32_t pair_count;
    uint32_t pair_room;
};

/**
 * Reads a recording of at least one line. False, and `NAME:LINE: error: ...` in `error`, for what
 * is none; `recording` is then empty. Never keeps a pointer into `bytes`.
 */
bool wire_recording_parse(struct wire_recording *recording, struct arena *arena, const char *name,
                          const char *bytes, size_t length, char *error, size_t error_bytes);

/** Gives its memory back; it is empty then. */
void wire_recording_free(struct wire_recording *recording);

/** "inflate" and so on, as the file says it; never NULL. */
const char *wire_get_kind_name(wire_kind kind);

#endif
