/*
 * A device with a wire player on it, and copies of the shipped recording with lines edited.
 *
 * One bench, no world: kicks and interrupts arrive at once. For tests of the player.
 */
#ifndef TESTS_SUPPORT_WIRE_BENCH_H
#define TESTS_SUPPORT_WIRE_BENCH_H

#include "sim/recording/wire_player.h"

#include <ballonet/host.h>

struct bench {
    struct arena *arena;
    struct bnt_host_config config;
    struct bnt_mem mem;
    struct bnt_host *host;
    void *storage;
    size_t storage_bytes;
    uint8_t *dma;
    uint64_t dma_gpa;
    uint64_t now_ns;
    uint64_t first_pfn;
    uint64_t pfns;
    bool deaf; /* the device sees no kick */
    uint32_t interrupts;
    struct wire_player *player;
    char text[1024]; /* of the failure */
    uint32_t failures;
    char error[512];
    uint64_t reported_pfns;
    uint64_t freed;
};

extern struct bench bench;
extern char *original;
extern size_t original_bytes;

struct text {
    char *bytes;
    size_t length;
};

/** Change bench.config, first_pfn and pfns between this and bench_open. */
void bench_init(void);
/** False if it is no recording; why is in bench.error. */
bool bench_open(const char *bytes, size_t length);
/** Plays all lines, the device working before and after each. */
void bench_play(void);
/** Requires that no byte is outstanding. */
void bench_close(void);
struct bnt_host_info bench_info(const struct bench *b);
/** The recording that ships; the working directory is the root of the project. */
void load_original(void);
void free_original(void);
/** Line `number`, from 1, with its line end; not a copy. */
struct text line_of(uint32_t number);
/** Copies of the original, edited; freed by expect_failure or the caller. */
struct text without(uint32_t number);
struct text doubled(uint32_t number);
/** Lines `number` and the next change places, with their times or without. */
struct text swapped(uint32_t number, bool keep_times);
/** The first `old` of a line becomes `new`. */
struct text altered(uint32_t number, const char *old, const char *new);
/** Playing the copy must fail, once, with exactly this text. */
void expect_failure(struct text copy, const char *text);

#endif
