/*
 * Plays the recording of a real driver as the guest: each line goes through the real split ring
 * into the real device.
 *
 * The world owns time, notifications and the device; the player owns the driver's side of the
 * rings, in the DMA memory that it is given. It judges too: whatever the recording says and the
 * device does not confirm ends the run through ops->fail, once, with the line and what is wrong.
 * What it holds a recording to stands in docs/use/recordings.md.
 *
 *     player = wire_player_create(arena, name, bytes, length, &ops, vm, dma, dma_gpa, dma_bytes,
 * ...); for each line, at its time: wire_player_play_line(player, line); at each interrupt:
 * wire_player_take_used(player, queue); at the end:                 wire_player_is_done(player)
 */
#ifndef SIM_RECORDING_WIRE_PLAYER_H
#define SIM_RECORDING_WIRE_PLAYER_H

#include "sim/engine/arena.h"

#include <ballonet/virtio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_player;

/** The world as the player sees it. All required; `transport` is called with the same opaque. */
struct wire_player_ops {
    struct bnt_drv_transport transport;
    /** The host sets its target, PFNs in the balloon. */
    void (*target)(void *opaque, uint64_t pfns);
    /** The run fails: one sentence that begins with `FILE:LINE: `. Called once at most. */
    void (*fail)(void *opaque, const char *text);
    /** Pages in the device's ledger, PFNs. */
    uint64_t (*ledger)(void *opaque);
    /** Violations that the device counted and survived. */
    uint64_t (*misuses)(void *opaque);
    /** Says what the last of them was. */
    void (*misuse_text)(void *opaque, char *text, size_t bytes);
    /** The VM's memory. */
    uint64_t first_pfn;
    uint64_t pfns;
};

/** DMA memory that a player needs, whatever the recording. Aligned to a PFN at its GPA. */
size_t wire_player_get_dma_bytes(void);

/**
 * Reads a whole recording. `name` is what messages call it, and is copied, as `ops` is; `bytes` are
 * read here only; `dma` stays the caller's. NULL, and a sentence `FILE:LINE: error: ...` in
 * `error`, for what is no recording; what is one but contradicts itself fails when it is played.
 */
struct wire_player *wire_player_create(struct arena *arena, const char *name, const char *bytes,
                                       size_t length, const struct wire_player_ops *ops,
                                       void *opaque, void *dma, uint64_t dma_gpa, size_t dma_bytes,
                                       char *error, size_t error_bytes);

/** Gives its memory back to the arena. NULL is ignored. */
void wire_player_destroy(struct wire_player *player);

/** Lines of the recording. Those of a player are counted from 0, those in messages from 1. */
uint32_t wire_player_count_lines(const struct wire_player *player);

/** When a line is played: ns after the first one. Never before an earlier line's. */
uint64_t wire_player_get_time_ns(const struct wire_player *player, uint32_t line);

/** Plays a line; in order. Does nothing once the run failed. */
void wire_player_play_line(struct wire_player *player, uint32_t line);

/** The device used buffers of a queue: takes them back. Any time. */
void wire_player_take_used(struct wire_player *player, uint16_t queue);

/** Whether every line was played, all requests are answered and nothing failed. */
bool wire_player_is_done(const struct wire_player *player);

/** What was played so far, for accounts. */
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
