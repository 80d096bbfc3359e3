/*
 * Plays the recording of a real driver in place of a guest. Each line is sent to our device through
 * a split ring.
 *
 * The world controls time, notifications and the device. The player controls the driver's side of
 * the rings, which are in the DMA memory that the caller provides. The player also checks the
 * device: if the device does not behave as the recording says, the player calls ops->fail with the
 * line and the error, which ends the run. docs/use/recordings.md lists all checks.
 *
 * How to use it: first call wire_player_create. Call wire_player_replay_line for each line, at its
 * time, and wire_player_pop_used_buffers at each interrupt. Call wire_player_is_done at the end.
 */
#ifndef SIM_RECORDING_WIRE_PLAYER_H
#define SIM_RECORDING_WIRE_PLAYER_H

#include "sim/engine/arena.h"

#include <ballonet/virtio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_player;

/** The functions of the world that the player calls. All of them are required. The functions of
 * `transport` receive the same `opaque`. */
struct wire_player_ops {
    struct bnt_drv_transport transport;
    /** The host sets its target, in PFNs. */
    void (*target)(void *opaque, uint64_t pfns);
    /** The run fails: `text` is a message that begins with `FILE:LINE: `. This function is called
     * at most one time.
     */
    void (*fail)(void *opaque, const char *text);
    /** Returns the number of PFNs in the device's ledger. */
    uint64_t (*ledger)(void *opaque);
    /** Returns how many violations the device counted without breaking. */
    uint64_t (*misuses)(void *opaque);
    /** Writes a description of the last violation. */
    void (*misuse_text)(void *opaque, char *text, size_t bytes);
    /** The VM's memory. */
    uint64_t first_pfn;
    uint64_t pfns;
};

/** Returns the size of the DMA memory that a player needs. The GPA of this memory must be a
 * multiple of 4 KiB. */
size_t wire_player_get_dma_bytes(void);

/**
 * Creates a player from a whole recording. Messages show `name` as the name of the file. `name` and
 * `ops` are copied, `bytes` are not used after the call, and `dma` stays the caller's memory. If
 * the bytes are not a recording, returns NULL and writes `FILE:LINE: error: ...` into `error`. If a
 * recording contradicts itself, it fails only when it is played.
 */
struct wire_player *wire_player_create(struct arena *arena, const char *name, const char *bytes,
                                       size_t length, const struct wire_player_ops *ops,
                                       void *opaque, void *dma, uint64_t dma_gpa, size_t dma_bytes,
                                       char *error, size_t error_bytes);

/** Returns the player's memory to the arena. NULL is ignored. */
void wire_player_destroy(struct wire_player *player);

/** Returns the number of lines. The player numbers lines from 0; messages number them from 1. */
uint32_t wire_player_count_lines(const struct wire_player *player);

/** Returns the time at which a line is played, in ns after the first line. It is never smaller than
 * the time of an earlier line. */
uint64_t wire_player_get_time_ns(const struct wire_player *player, uint32_t line);

/** Plays a line; lines must be played in order. After the run has failed, this does nothing. */
void wire_player_replay_line(struct wire_player *player, uint32_t line);

/** Gets the buffers of a queue that the device has used. This may be called at any time. */
void wire_player_pop_used_buffers(struct wire_player *player, uint16_t queue);

/** Whether every line was played, all requests are answered and nothing failed. */
bool wire_player_is_done(const struct wire_player *player);

/** Returns counts of what was played so far, for the account of the run. */
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
