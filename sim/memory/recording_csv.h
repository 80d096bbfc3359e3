/*
 * The memory of a real machine over time, which is read from a CSV file. A recorded workload
 * replays it.
 *
 * The caller provides the bytes of the file, which it read from disk or from a trace. The parser
 * finds columns by their names in the header line, so their order is free, and other columns are
 * ignored. The workload scales the values.
 */
#ifndef SIM_MEMORY_RECORDING_CSV_H
#define SIM_MEMORY_RECORDING_CSV_H

#include "sim/engine/arena.h"

#include <stddef.h>
#include <stdint.h>

#define RECORDING_ROWS_MAX    1000000
#define RECORDING_COLUMNS_MAX 256
#define RECORDING_BYTES_MAX   (256 * 1024 * 1024)

/** One sample in KiB, valid from its time until the time of the next sample. */
struct recording_row {
    uint64_t time_ms;
    uint64_t anon_kib;  /**< anonpages_kib */
    uint64_t slab_kib;  /**< slab_kib (which includes sreclaimable) + pagetables_kib */
    uint64_t cache_kib; /**< cached_kib + buffers_kib */
    uint64_t dirty_kib; /**< dirty_kib, at most cache_kib */
};

struct recording {
    struct arena *arena;
    struct recording_row *rows; /**< at least one row; each time is later than the previous one */
    uint32_t row_count;
    uint32_t rows_max; /**< allocated */
};

/** If the text is not a recording of a machine, returns NULL and writes `NAME:LINE: error: ...`
 * into `error`. */
struct recording *recording_parse(struct arena *arena, const char *name, const char *bytes,
                                  size_t length, char *error, size_t error_bytes);
void recording_free(struct recording *recording);

/** Returns the sample that is valid at a time: the last sample that is not later. If all samples
 * are later, returns the first one.
 */
const struct recording_row *recording_find_row(const struct recording *recording, uint64_t time_ms);

/** Returns the time of the last sample. */
uint64_t recording_get_end_ms(const struct recording *recording);

#endif
