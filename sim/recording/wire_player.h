/*
 * Plays the recording of a real driver as the guest: each line goes through a real split ring to
 * the real device.
 *
 * The world owns time, notifications and the device; the player owns the driver's side of the
 * rings, in the DMA memory that it receives. The player also judges: if the device does not confirm
 * what the recording says, the player ends the run with one call of ops->fail, which names the line
 * and the error. docs/use/recordings.md lists what the player checks.
 *
 * Usage: wire_player_create once; wire_player_replay_line for each line, at its time;
 * wire_player_pop_used_buffers at each interrupt; wire_player_is_done at the end.
 */
#ifndef SIM_RECORDING_WIRE_PLAYER_H
#define SIM_RECORDING_WIRE_PLAYER_H

#include "sim/engine/arena.h"

#include <ballonet/virtio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_player;

/** The functions of the world that the player calls. All are required; `transport` receives the
 * same opaque. */
struct wire_player_ops {
    struct bnt_drv_transport transport;
    /** The host sets its target, in PFNs. */
    void (*target)(void *opaque, uint64_t pfns);
    /** The run fails: `text` is one sentence that begins with `FILE:LINE: `. Called at most once.
     */
    void (*fail)(void *opaque, const char *text);
    /** Returns the number of PFNs in the device's ledger. */
    uint64_t (*ledger)(void *opaque);
    /** Returns how many violations the device counted and survived. */
    uint64_t (*misuses)(void *opaque);
    /** Writes a description of the last violation. */
    void (*misuse_text)(void *opaque, char *text, size_t bytes);
    /** The VM's memory. */
    uint64_t first_pfn;
    uint64_t pfns;
};

/** Returns the DMA memory that any player needs; its GPA must be aligned to a PFN. */
size_t wire_player_get_dma_bytes(void);

/**
 * Creates a player from a whole recording. `name` is the file's name in messages; `name` and `ops`
 * are copied; `bytes` are read only here; the caller keeps `dma`. Returns NULL, with `FILE:LINE:
 * error: ...` in `error`, if the bytes are not a recording. A recording that contradicts itself
 * fails when it is played.
 */
struct wire_player *wire_player_create(struct arena *arena, const char *name, const char *bytes,
                                       size_t length, const struct wire_player_ops *ops,
                                       void *opaque, void *dma, uint64_t dma_gpa, size_t dma_bytes,
                                       char *error, size_t error_bytes);

/** Returns the player's memory to the arena. NULL is ignored. */
void wire_player_destroy(struct wire_player *player);

/** Returns the number of lines. The player counts lines from 0, messages count from 1. */
uint32_t wire_player_count_lines(const struct wire_player *player);

/** Returns when a line is played, in ns after the first line; never before an earlier line. */
uint64_t wire_player_get_time_ns(const struct wire_player *player, uint32_t line);

/** Plays a line; lines must be played in order. After the run has failed, this does nothing. */
void wire_player_replay_line(struct wire_player *player, uint32_t line);

/** Takes back the buffers that the device has used from a queue. This may be called at any time. */
void wire_player_pop_used_buffers(struct wire_player *player, uint16_t queue);

/** Whether every line was played, all requests are answered and nothing failed. */
bool wire_player_is_done(const struct wire_player *player);

/** Counts of what was played so far, for accounts. */
struct wire_player_counts {
    uint32_t requests; /**< inflate and deflate */
    uint32_t actuals;
    uint32_t reports;
    uint32_t stats;
    uint32_t targets;
    uint64_t reported_pfns;
};
struct wire_player_counts wire_player_get_counts(const struct wire_player *player);

#endif
