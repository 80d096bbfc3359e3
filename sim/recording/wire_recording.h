/*
 * The file format of a wire recording: one JSON object on each line, read into an array of lines.
 *
 * This file checks each line by itself: that it is JSON, its keys, their types and bounds. The
 * player checks whether lines fit each other and the device. Only wire_player.c and tests include
 * this header.
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
#define WIRE_NAME_MAX       256u /**< longest file name in messages; the rest is cut off */

typedef enum wire_kind {
    WIRE_FEATURES,  /**< value: feature bits that the driver accepted */
    WIRE_REGION,    /**< value: first PFN; extra: number of pages */
    WIRE_QUEUE,     /**< value: index of the queue; extra: its size */
    WIRE_TARGET,    /**< value: num_pages */
    WIRE_ACTUAL,    /**< value: pages */
    WIRE_INFLATE,   /**< value: number of pages; pairs: first PFN and count of each run */
    WIRE_DEFLATE,   /**< the same */
    WIRE_STATS,     /**< pairs: each tag with its value */
    WIRE_REPORTING, /**< pairs: first PFN and pages of each extent */
    WIRE_KINDS
} wire_kind;

struct wire_pair {
    uint64_t first;
    uint64_t second;
};

struct wire_line {
    wire_kind kind;
    bool again; /**< this line equals the line above byte for byte */
    uint64_t t_us;
    uint64_t at_us; /**< the largest t_us so far; more than t_us if the line is out of order */
    uint64_t value;
    uint64_t extra;
    uint32_t pair; /**< index of the line's first pair */
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
 * Reads a recording of at least one line. Returns false, with `NAME:LINE: error: ...` in `error`
 * and an empty `recording`, if the bytes are not a recording. The recording keeps no pointer into
 * `bytes`.
 */
bool wire_recording_parse(struct wire_recording *recording, struct arena *arena, const char *name,
                          const char *bytes, size_t length, char *error, size_t error_bytes);

/** Frees the memory of a recording, which is empty afterwards. */
void wire_recording_free(struct wire_recording *recording);

/** Returns "inflate" and so on, as in the file; never NULL. */
const char *wire_get_kind_name(wire_kind kind);

#endif
