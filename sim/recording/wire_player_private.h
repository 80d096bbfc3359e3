/*
 * Private to the wire player: its state, and what its three rooms call of each other.
 *
 * wire_player.c owns life, memory, queues and the order of lines; wire_lines.c plays single lines;
 * wire_rules.c holds reports and statistics against those before. Nothing else includes this.
 */
#ifndef SIM_RECORDING_WIRE_PLAYER_PRIVATE_H
#define SIM_RECORDING_WIRE_PLAYER_PRIVATE_H

#include "sim/recording/wire_player.h"
#include "sim/recording/wire_recording.h"

#include <ballonet/balloon.h>
#include <ballonet/virtqueue.h>

#define WIRE_QUEUES            BNT_BALLOON_QUEUE_COUNT
#define WIRE_QUEUE_SIZE_MAX    1024u
#define WIRE_REQUEST_PFNS_MAX  8192u
#define WIRE_EXTENTS_MAX       1024u
#define WIRE_STATS_GAP_US_MAX  1500000u /**< the recorder asks every second */
#define WIRE_ACTUAL_GAP_US_MAX 200000u  /**< Linux writes it as soon as it is answered */

/** vhost-user's F_PROTOCOL_FEATURES, which no driver of ours knows. */
#define WIRE_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

/** One queue of the driver; at most one buffer of it is with the device. */
struct wire_queue {
    struct bnt_vq_drv vq;
    struct bnt_vq_slot *slots; /**< vq's size; NULL: the recording has no such queue */
    uint16_t size;
    bool outstanding;
    uint32_t line; /**< that sent what is or was last outstanding */
};

typedef enum wire_phase {
    WIRE_BEGIN,
    WIRE_AGREED,
    WIRE_QUEUES_UP,
    WIRE_RUNNING
} wire_phase;

struct wire_player {
    struct arena *arena;
    char name[WIRE_NAME_MAX];
    struct wire_recording recording;
    struct wire_player_ops ops;
    void *opaque;
    uint8_t *dma;
    uint64_t dma_gpa;
    wire_phase phase;
    bool failed;
    uint32_t next; /**< line */
    struct bnt_drv_status drv;
    uint64_t features;
    uint64_t first_pfn;
    uint64_t pfns;
    struct wire_queue queues[WIRE_QUEUES];
    uint32_t queue_count;
    uint32_t report_queue;
    uint64_t target;
    uint64_t misuses;      /**< of the device that were judged already */
    bool actual_due;       /**< after the request of ... */
    uint32_t actual_after; /**< ... this line */
    uint64_t stats_us;     /**< of the last statistics line */
    uint32_t stats_line;   /**< that line */
    uint8_t *reported;     /**< for each PFN: wire_rules.c; NULL before the first report */
    uint32_t report_order; /**< of the largest block reported */
    struct wire_player_counts counts;
    struct bnt_vq_seg extents[WIRE_EXTENTS_MAX];
};

/* wire_player.c */

/** Ends the run: `FILE:LINE: ` and the text; line counted from 0. The first one only. */
void wire_report_breach(struct wire_player *player, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Says why a queue's buffer is still with the device at `line`. */
void wire_report_unanswered(struct wire_player *player, uint32_t queue, uint32_t line);
/** Says that a request has no actual. */
void wire_report_no_actual(struct wire_player *player, uint32_t line);
/** Queue memory and buffers, as the device sees them. */
uint64_t wire_get_ring_offset(uint32_t queue);
uint64_t wire_get_buffer_offset(uint32_t queue);
/** Hands a buffer to the device. */
void wire_send_buffer(struct wire_player *player, uint32_t queue, uint32_t line,
                      const struct bnt_vq_seg *segs, uint32_t readable, uint32_t writable);

/* wire_lines.c */

/** DRIVER_OK: after the last queue line. False if the run failed. */
bool wire_start_driver(struct wire_player *player, uint32_t line);
/** Plays one line, whose order was checked. */
void wire_play_line(struct wire_player *player, uint32_t line);

/* wire_rules.c */

/** Whether the extents of a free page report, all of them guest memory, can be blocks that are free
 * and were not reported before. */
bool wire_check_report(struct wire_player *player, uint32_t index);
/** Pages of an inflate: the blocks that they lie in may be reported anew. */
void wire_note_inflate(struct wire_player *player, uint32_t index);
/** Whether statistics can be those that follow the last ones. */
bool wire_check_stats(struct wire_player *player, uint32_t index);

#endif
