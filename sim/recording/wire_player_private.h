/*
 * Private to the wire player: its state, and the functions that its three files share.
 *
 * wire_player.c creates the player, manages its memory and queues, and checks the order of lines.
 * wire_lines.c plays single lines. wire_rules.c compares free page reports and statistics with
 * earlier ones. No other file includes this header.
 */
#ifndef SIM_RECORDING_WIRE_PLAYER_PRIVATE_H
#define SIM_RECORDING_WIRE_PLAYER_PRIVATE_H

#include "sim/recording/wire_player.h"
#include "sim/recording/wire_recording.h"

#include <ballonet/balloon.h>
#include <ballonet/virtqueue.h>

#define WIRE_QUEUES           BNT_BALLOON_QUEUE_COUNT
#define WIRE_QUEUE_SIZE_MAX   1024u
#define WIRE_REQUEST_PFNS_MAX 8192u
#define WIRE_EXTENTS_MAX      1024u
#define WIRE_STATS_GAP_US_MAX 1500000u /**< longest time between two statistics (usually 1 s) */
/** the longest time until `actual` is written; Linux writes it right after the answer */
#define WIRE_ACTUAL_GAP_US_MAX 200000u

/** F_PROTOCOL_FEATURES of vhost-user, which our drivers do not know. */
#define WIRE_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

/** One queue of the driver. At most one of its buffers is in flight. */
struct wire_queue {
    struct bnt_vq_drv vq;
    /** one slot for each descriptor of `vq`; NULL if the recording has no such queue */
    struct bnt_vq_slot *slots;
    uint16_t size;
    bool outstanding;
    uint32_t line; /**< the line that sent the last buffer of this queue */
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
    uint64_t misuses;      /**< number of the device's violations that were handled already */
    bool actual_due;       /**< a request was sent, and `actual` must still be written */
    uint32_t actual_after; /**< ... this line */
    uint64_t stats_us;     /**< time of the last statistics line */
    uint32_t stats_line;   /**< that line */
    uint8_t *reported;     /**< a byte for each PFN (wire_rules.c); NULL before the first report */
    uint32_t report_order; /**< order of the largest reported block */
    struct wire_player_counts counts;
    struct bnt_vq_seg extents[WIRE_EXTENTS_MAX];
};

/* wire_player.c */

/** Ends the run with the message `FILE:LINE: ` and the text. `line` is counted from 0. Only the
 * first call has an effect. */
void wire_report_violation(struct wire_player *player, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Reports that the device still has the buffer of a queue although `line` needs the buffer. */
void wire_report_unanswered_request(struct wire_player *player, uint32_t queue, uint32_t line);
/** Reports that no write of `actual` followed a request. */
void wire_report_missing_actual(struct wire_player *player, uint32_t line);
/** These functions return where the ring and the buffer of a queue are in the DMA memory. */
uint64_t wire_get_ring_offset(uint32_t queue);
uint64_t wire_get_buffer_offset(uint32_t queue);
/** Makes a buffer available to the device. */
void wire_send_buffer(struct wire_player *player, uint32_t queue, uint32_t line,
                      const struct bnt_vq_seg *segs, uint32_t readable, uint32_t writable);

/* wire_lines.c */

/** Sets DRIVER_OK after the last line about a queue. Returns false if the run failed. */
bool wire_start_driver(struct wire_player *player, uint32_t line);
/** Plays one line, whose order was already checked. */
void wire_replay_line(struct wire_player *player, uint32_t line);

/* wire_rules.c */

/** Whether the extents of a free page report can be free blocks that were not reported before. All
 * extents must be in guest memory. */
bool wire_check_report(struct wire_player *player, uint32_t index);
/** Records the pages of an inflate. The blocks that contain these pages may be reported again. */
void wire_mark_inflated_blocks(struct wire_player *player, uint32_t index);
/** Whether these statistics are a possible successor of the previous statistics. */
bool wire_check_stats(struct wire_player *player, uint32_t index);

#endif
