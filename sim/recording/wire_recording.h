/*
 * The file format of a wire recording: each line is one JSON object. The file is read into an array
 * of lines.
 *
 * This file checks each line separately: that it is JSON, and that its keys, their types and their
 * values are allowed. The player checks whether the lines are consistent with each other and with
 * the device. Only wire_player.c and tests include this header.
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
#define WIRE_PAIRS_MAX      8192u                    /**< most runs, extents or tags in one line */
#define WIRE_TIME_US_MAX    UINT64_C(31536000000000) /**< a year */
#define WIRE_NAME_MAX       256u /**< the most bytes of a file name that a message shows */

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
    bool again; /**< this line has the same bytes as the previous line */
    uint64_t t_us;
    uint64_t at_us; /**< the largest t_us up to this line; it is larger than t_us if the line is out
                         of order */
    uint64_t value;
    uint64_t extra;
    uint32_t pair; /**< index of the first pair of this line */
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
 * Reads a recording of at least one line. If the bytes are not a recording, returns false, writes
 * `NAME:LINE: error: ...` into `error`, and leaves `recording` empty. The recording does not use
 * `bytes` after this call.
 */
bool wire_recording_parse(struct wire_recording *recording, struct arena *arena, const char *name,
                          const char *bytes, size_t length, char *error, size_t error_bytes);

/** Frees the memory of a recording. The recording is empty afterwards. */
void wire_recording_free(struct wire_recording *recording);

/** Returns the name of the kind as the file has it, such as "inflate"; never NULL. */
const char *wire_get_kind_name(wire_kind kind);

#endif
