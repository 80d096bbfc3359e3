/*
 * The operations that wait: what the matrix begins, and how it sees what became of it.
 */
#ifndef TESTS_MATRIX_WAITING_OPERATIONS_H
#define TESTS_MATRIX_WAITING_OPERATIONS_H

#include "tests/matrix/waiting_rows.h"
#include "tests/support/fake_device.h"

#define PAGES 1024u
#define MORE  100u
#define READS 20u /* that a reset of the device or of a queue, or a suspend, takes */

/* One instance, and what was begun in it. */
struct play {
    struct fake f;
    bnt_status status; /* of the call that began the second operation */
    uint32_t moves;    /* begun */
    uint64_t sleeps;   /* the counts at that moment */
    uint32_t resets;
    uint32_t cancelled;
    uint64_t requests;
    uint32_t breaks;
    uint32_t oom_done;
    bool oom_pending;
    bool leaving; /* an orderly detach was begun */
};

/** The device asks for another target, and the driver steps. */
void waiting_step_to_target(struct fake *f, uint32_t pfns);

/* Each begins an operation. */
bnt_status waiting_begin_move(struct play *p, bool deflate_first);
bnt_status waiting_begin_oom(struct play *p);
bnt_status waiting_begin_release(struct play *p);
bnt_status waiting_begin_suspend(struct play *p);
bnt_status waiting_begin_break(struct play *p);
bnt_status waiting_begin_detach(struct play *p);
bnt_status waiting_begin_leave(struct play *p);
bnt_status waiting_begin(struct play *p, operation op, uint32_t moment);

/** Whether it is under way. */
bool waiting_is_active(const struct play *p, operation op);

/** Whether the second operation has begun, since the counts of `play` were taken. */
bool waiting_has_begun(const struct play *p, const struct row *row);

/** Whether the first one was ended before its time by what came then. */
bool waiting_is_cancelled(const struct play *p, operation op);

#endif
