/*
 * The memory of a real machine over time, out of a CSV: what a recorded workload replays.
 *
 * Parses bytes that the caller holds (a file, or a trace's copy of it); columns are found by the
 * names in the header line, so that their order and further columns do not matter. Scaling is the
 * workload's.
 */
#ifndef SIM_MEMORY_RECORDING_CSV_H
#define SIM_MEMORY_RECORDING_CSV_H

#include "sim/engine/arena.h"

#include <stddef.h>
#include <stdint.h>

#define RECORDING_ROWS_MAX    1000000
#define RECORDING_COLUMNS_MAX 256
#define RECORDING_BYTES_MAX   (256 * 1024 * 1024)

/** One sample, in KiB. Holds from its time until the next sample's. */
struct recording_row {
    uint64_t time_ms;
    uint64_t anon_kib;  /**< anonpages_kib */
    uint64_t slab_kib;  /**< slab_kib (which includes sreclaimable) + pagetables_kib */
    uint64_t cache_kib; /**< cached_kib + buffers_kib */
    uint64_t dirty_kib; /**< dirty_kib, at most cache_kib */
};

struct recording {
    struct arena *arena;
    struct recording_row *rows; /**< at least one; times strictly ascend */
    uint32_t row_count;
    uint32_t rows_max; /**< allocated */
};

/** NULL and `NAME:LINE: error: ...` in `error` if the text is not such a recording. */
struct recording *recording_parse(struct arena *arena, const char *name, const char *bytes,
                                  size_t length, char *error, size_t error_bytes);
void recording_free(struct recording *recording);

/** The sample that holds at a time: the last not after it, else the first. */
const struct recording_row *recording_find_row(const struct recording *recording, uint64_t time_ms);

/** Time of the last sample. */
uint64_t recording_get_end_ms(const struct recording *recording);

#endif
