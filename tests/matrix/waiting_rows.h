/*
 * What happens when one of the driver's operations that wait is under way and another begins: the
 * one table of docs/understand/waiting.md and of the matrix that plays each pair.
 *
 * A row is a pair in one order; the other order is a row of its own.
 */
#ifndef TESTS_MATRIX_WAITING_ROWS_H
#define TESTS_MATRIX_WAITING_ROWS_H

#include <ballonet/base.h>

/* clang-format off */
/** Operations, under way or about to begin: name in code, name in the document, when it waits. */
#define WAITING_OPERATION_MAP(X) \
    X(SLEEP,       "sleeping allocation", "asked for, and not ended by bnt_guest_alloc_done") \
    X(MOVE_IN,     "page move, new page", "the half in flight inflates the new page") \
    X(MOVE_OUT,    "page move, old page", "the half in flight deflates the old page") \
    X(Q_INFLATE,   "reset of the inflate queue", "the device has not completed it") \
    X(Q_DEFLATE,   "reset of the deflate queue", "the same") \
    X(Q_STATS,     "reset of the statistics queue", "the same") \
    X(Q_REPORT,    "reset of the report queue", "the same") \
    X(OOM,         "OOM deflate", "its request is with the device") \
    X(RELEASE,     "balloon reset by the host", "RELEASING") \
    X(SUSPENDING,  "suspend or resume", "SUSPENDING or RESUMING") \
    X(SUSPENDED,   "suspended device", "SUSPENDED") \
    X(BROKEN,      "recovery, waiting", "BROKEN") \
    X(RECOVERING,  "recovery, device reset", "RECOVERING") \
    X(STOPPING,    "detach", "STOPPING: the reset of the device, or START, is not done") \
    X(LEAVING,     "orderly detach", "RUNNING or RELEASING: the balloon is not empty yet") \
    X(MOVE,        "page move", "bnt_guest_page_migrate") \
    X(SUSPEND,     "suspend", "bnt_guest_suspend") \
    X(BREAK,       "NEEDS_RESET", "the device asks for a reset") \
    X(DETACH,      "detach", "bnt_guest_detach") \
    X(LEAVE,       "orderly detach", "bnt_guest_detach_orderly") \
    X(STARTING,    "handshake at attach", "STARTING: START fails; VMware's wire") \
    X(RESTARTING,  "handshake after a reset", "RELEASING and empty: START fails; VMware's wire")

/** Outcomes for the operation that begins: name in code, word, meaning. */
#define WAITING_OUTCOME_MAP(X) \
    X(PROCEEDS,      "proceeds", "it begins, and the first goes on") \
    X(WAITS,         "waits", "it is remembered, and begins when the first is over") \
    X(CANCELS,       "cancels", "it begins, and ends the first before its time") \
    X(REFUSED,       "refused", "the call returns this status and changes nothing") \
    X(NOT_POSSIBLE,  "not possible", "nothing can begin it")

/** Reasons: name in code, sentence. */
#define WAITING_REASON_MAP(X) \
    X(ONE,             "there is one at a time") \
    X(JOINS,           "the second call joins the first: what is in flight counts for both") \
    X(APART,           "they share neither a request nor a queue") \
    X(LATE,            "pages that come while the request or its queue is taken go straight back, and sizing asks again") \
    X(SIZING,          "sizing sends nothing, and asks for nothing, before the first is over") \
    X(BUSY,            "a request of sizing, or of an OOM deflate, is with the device, or a queue that a move needs is being reset: try again") \
    X(DOUBT,           "nobody knows whether the device took the new page: it is told in a deflate and goes back, the move ends") \
    X(TOLD_AGAIN,      "a deflate that was with the device is told again when the queue is back") \
    X(NEXT_HALF,       "the half in flight goes on; if the queue of the next half is not back by then, the move ends there") \
    X(OOM_FIRST,       "memory is short: what came for the balloon would go back at once; the hold-off follows") \
    X(OWED,            "its pages are owed, and sent for when the queue is back; OOM_DONE tells") \
    X(FORGOTTEN,       "the device has forgotten the balloon: every page goes back in silence") \
    X(IN_PORTIONS,     "pages go back in portions all the while; what is asked for comes first") \
    X(NEWER,           "the newest epoch is the one that is acknowledged") \
    X(HALF_SET_UP,     "a queue that is being reset has to be set up again first") \
    X(STANDS_STILL,    "what is with the device stays there, and its time stands still") \
    X(NOTHING_SENT,    "nothing is sent to a device that is suspended") \
    X(AT_RESUME,       "configuration is read again when the device is live") \
    X(DEVICE_RESET,    "a reset of the device ends all that it had, and every page goes back") \
    X(NO_DEVICE,       "there is no live device") \
    X(UNKNOWN,         "nobody knows what became of pages with a device that broke: none leaves before its reset") \
    X(AFTER_RESET,     "every page comes back when the reset is read back: they are owed, and OOM_DONE tells") \
    X(NEW_START,       "the new start reads it") \
    X(LOOKED_AT_ONCE,  "the status is read until the device answers") \
    X(POLLS,           "the call is a look at the one that is under way") \
    X(AT_ONCE,         "a call of VMware's wire has its answer when it returns: the move is over before anything else") \
    X(START,           "nothing is sent before START succeeded") \
    X(EMPTY,           "the balloon is empty already") \
    X(EMPTIES,         "the target counts as 0: nothing is inflated, and the driver deflates as soon as it can") \
    X(QUICK,           "there is no live device to tell: the same as a detach") \
    X(FORCED,          "the device cannot be told any more: a reset ends it, and every page goes back") \
    X(ENDS,            "a reset of the device is what it ends in") \
    X(FORGETS,         "the host lists the pages still: every page comes back when START succeeded, or was tried often enough; OOM_DONE tells") \
    X(FORGOT,          "the START that is tried forgets the pages, whatever the host wants")

/** VIRTIO's wire: under way, begins, outcome, status of the call, reason. */
#define WAITING_VIRTIO_MAP(X) \
    X(SLEEP,       SLEEP,      NOT_POSSIBLE,  OK,        ONE) \
    X(SLEEP,       MOVE,       PROCEEDS,      OK,        LATE) \
    X(SLEEP,       Q_INFLATE,  PROCEEDS,      OK,        LATE) \
    X(SLEEP,       Q_DEFLATE,  PROCEEDS,      OK,        LATE) \
    X(SLEEP,       Q_STATS,    PROCEEDS,      OK,        APART) \
    X(SLEEP,       Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(SLEEP,       OOM,        CANCELS,       OK,        OOM_FIRST) \
    X(SLEEP,       RELEASE,    CANCELS,       OK,        FORGOTTEN) \
    X(SLEEP,       SUSPEND,    PROCEEDS,      OK,        LATE) \
    X(SLEEP,       BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(SLEEP,       DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(SLEEP,       LEAVE,      CANCELS,       OK,        EMPTIES) \
    X(MOVE_IN,     SLEEP,      WAITS,         OK,        SIZING) \
    X(MOVE_IN,     MOVE,       REFUSED,       E_AGAIN,   ONE) \
    X(MOVE_IN,     Q_INFLATE,  CANCELS,       OK,        DOUBT) \
    X(MOVE_IN,     Q_DEFLATE,  PROCEEDS,      OK,        NEXT_HALF) \
    X(MOVE_IN,     Q_STATS,    PROCEEDS,      OK,        APART) \
    X(MOVE_IN,     Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(MOVE_IN,     OOM,        PROCEEDS,      OK,        APART) \
    X(MOVE_IN,     RELEASE,    CANCELS,       OK,        FORGOTTEN) \
    X(MOVE_IN,     SUSPEND,    PROCEEDS,      OK,        STANDS_STILL) \
    X(MOVE_IN,     BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(MOVE_IN,     DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(MOVE_IN,     LEAVE,      PROCEEDS,      OK,        EMPTIES) \
    X(MOVE_OUT,    SLEEP,      WAITS,         OK,        SIZING) \
    X(MOVE_OUT,    MOVE,       REFUSED,       E_AGAIN,   ONE) \
    X(MOVE_OUT,    Q_INFLATE,  PROCEEDS,      OK,        NEXT_HALF) \
    X(MOVE_OUT,    Q_DEFLATE,  PROCEEDS,      OK,        TOLD_AGAIN) \
    X(MOVE_OUT,    Q_STATS,    PROCEEDS,      OK,        APART) \
    X(MOVE_OUT,    Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(MOVE_OUT,    OOM,        PROCEEDS,      OK,        APART) \
    X(MOVE_OUT,    RELEASE,    CANCELS,       OK,        FORGOTTEN) \
    X(MOVE_OUT,    SUSPEND,    PROCEEDS,      OK,        STANDS_STILL) \
    X(MOVE_OUT,    BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(MOVE_OUT,    DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(MOVE_OUT,    LEAVE,      PROCEEDS,      OK,        EMPTIES) \
    X(Q_INFLATE,   SLEEP,      WAITS,         OK,        SIZING) \
    X(Q_INFLATE,   MOVE,       REFUSED,       E_AGAIN,   BUSY) \
    X(Q_INFLATE,   Q_INFLATE,  REFUSED,       E_AGAIN,   ONE) \
    X(Q_INFLATE,   Q_DEFLATE,  PROCEEDS,      OK,        APART) \
    X(Q_INFLATE,   Q_STATS,    PROCEEDS,      OK,        APART) \
    X(Q_INFLATE,   Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(Q_INFLATE,   OOM,        PROCEEDS,      OK,        APART) \
    X(Q_INFLATE,   RELEASE,    PROCEEDS,      OK,        FORGOTTEN) \
    X(Q_INFLATE,   SUSPEND,    REFUSED,       E_STATE,   HALF_SET_UP) \
    X(Q_INFLATE,   BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(Q_INFLATE,   DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(Q_INFLATE,   LEAVE,      PROCEEDS,      OK,        EMPTIES) \
    X(Q_DEFLATE,   SLEEP,      WAITS,         OK,        SIZING) \
    X(Q_DEFLATE,   MOVE,       REFUSED,       E_AGAIN,   BUSY) \
    X(Q_DEFLATE,   Q_INFLATE,  PROCEEDS,      OK,        APART) \
    X(Q_DEFLATE,   Q_DEFLATE,  REFUSED,       E_AGAIN,   ONE) \
    X(Q_DEFLATE,   Q_STATS,    PROCEEDS,      OK,        APART) \
    X(Q_DEFLATE,   Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(Q_DEFLATE,   OOM,        WAITS,         OK,        OWED) \
    X(Q_DEFLATE,   RELEASE,    PROCEEDS,      OK,        FORGOTTEN) \
    X(Q_DEFLATE,   SUSPEND,    REFUSED,       E_STATE,   HALF_SET_UP) \
    X(Q_DEFLATE,   BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(Q_DEFLATE,   DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(Q_DEFLATE,   LEAVE,      PROCEEDS,      OK,        EMPTIES) \
    X(Q_STATS,     SLEEP,      PROCEEDS,      OK,        APART) \
    X(Q_STATS,     MOVE,       PROCEEDS,      OK,        APART) \
    X(Q_STATS,     Q_INFLATE,  PROCEEDS,      OK,        APART) \
    X(Q_STATS,     Q_DEFLATE,  PROCEEDS,      OK,        APART) \
    X(Q_STATS,     Q_STATS,    REFUSED,       E_AGAIN,   ONE) \
    X(Q_STATS,     Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(Q_STATS,     OOM,        PROCEEDS,      OK,        APART) \
    X(Q_STATS,     RELEASE,    PROCEEDS,      OK,        FORGOTTEN) \
    X(Q_STATS,     SUSPEND,    REFUSED,       E_STATE,   HALF_SET_UP) \
    X(Q_STATS,     BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(Q_STATS,     DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(Q_STATS,     LEAVE,      PROCEEDS,      OK,        APART) \
    X(Q_REPORT,    SLEEP,      PROCEEDS,      OK,        APART) \
    X(Q_REPORT,    MOVE,       PROCEEDS,      OK,        APART) \
    X(Q_REPORT,    Q_INFLATE,  PROCEEDS,      OK,        APART) \
    X(Q_REPORT,    Q_DEFLATE,  PROCEEDS,      OK,        APART) \
    X(Q_REPORT,    Q_STATS,    PROCEEDS,      OK,        APART) \
    X(Q_REPORT,    Q_REPORT,   REFUSED,       E_AGAIN,   ONE) \
    X(Q_REPORT,    OOM,        PROCEEDS,      OK,        APART) \
    X(Q_REPORT,    RELEASE,    PROCEEDS,      OK,        FORGOTTEN) \
    X(Q_REPORT,    SUSPEND,    REFUSED,       E_STATE,   HALF_SET_UP) \
    X(Q_REPORT,    BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(Q_REPORT,    DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(Q_REPORT,    LEAVE,      PROCEEDS,      OK,        APART) \
    X(OOM,         SLEEP,      WAITS,         OK,        OOM_FIRST) \
    X(OOM,         MOVE,       REFUSED,       E_AGAIN,   BUSY) \
    X(OOM,         Q_INFLATE,  PROCEEDS,      OK,        APART) \
    X(OOM,         Q_DEFLATE,  PROCEEDS,      OK,        TOLD_AGAIN) \
    X(OOM,         Q_STATS,    PROCEEDS,      OK,        APART) \
    X(OOM,         Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(OOM,         OOM,        PROCEEDS,      OK,        JOINS) \
    X(OOM,         RELEASE,    PROCEEDS,      OK,        FORGOTTEN) \
    X(OOM,         SUSPEND,    PROCEEDS,      OK,        STANDS_STILL) \
    X(OOM,         BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(OOM,         DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(OOM,         LEAVE,      PROCEEDS,      OK,        EMPTIES) \
    X(RELEASE,     SLEEP,      WAITS,         OK,        SIZING) \
    X(RELEASE,     MOVE,       REFUSED,       E_STATE,   FORGOTTEN) \
    X(RELEASE,     Q_INFLATE,  PROCEEDS,      OK,        FORGOTTEN) \
    X(RELEASE,     Q_DEFLATE,  PROCEEDS,      OK,        FORGOTTEN) \
    X(RELEASE,     Q_STATS,    PROCEEDS,      OK,        APART) \
    X(RELEASE,     Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(RELEASE,     OOM,        PROCEEDS,      OK,        IN_PORTIONS) \
    X(RELEASE,     RELEASE,    PROCEEDS,      OK,        NEWER) \
    X(RELEASE,     SUSPEND,    PROCEEDS,      OK,        STANDS_STILL) \
    X(RELEASE,     BREAK,      CANCELS,       OK,        DEVICE_RESET) \
    X(RELEASE,     DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(RELEASE,     LEAVE,      PROCEEDS,      OK,        FORGOTTEN) \
    X(SUSPENDING,  SLEEP,      WAITS,         OK,        NOTHING_SENT) \
    X(SUSPENDING,  MOVE,       REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDING,  Q_INFLATE,  REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDING,  Q_DEFLATE,  REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDING,  Q_STATS,    REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDING,  Q_REPORT,   REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDING,  OOM,        REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDING,  RELEASE,    WAITS,         OK,        AT_RESUME) \
    X(SUSPENDING,  SUSPEND,    REFUSED,       E_STATE,   ONE) \
    X(SUSPENDING,  BREAK,      CANCELS,       OK,        LOOKED_AT_ONCE) \
    X(SUSPENDING,  DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(SUSPENDING,  LEAVE,      CANCELS,       OK,        QUICK) \
    X(SUSPENDED,   SLEEP,      WAITS,         OK,        NOTHING_SENT) \
    X(SUSPENDED,   MOVE,       REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDED,   Q_INFLATE,  REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDED,   Q_DEFLATE,  REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDED,   Q_STATS,    REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDED,   Q_REPORT,   REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDED,   OOM,        REFUSED,       E_STATE,   NOTHING_SENT) \
    X(SUSPENDED,   RELEASE,    WAITS,         OK,        AT_RESUME) \
    X(SUSPENDED,   SUSPEND,    REFUSED,       E_STATE,   ONE) \
    X(SUSPENDED,   BREAK,      WAITS,         OK,        AT_RESUME) \
    X(SUSPENDED,   DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(SUSPENDED,   LEAVE,      CANCELS,       OK,        QUICK) \
    X(BROKEN,      SLEEP,      WAITS,         OK,        NEW_START) \
    X(BROKEN,      MOVE,       REFUSED,       E_STATE,   UNKNOWN) \
    X(BROKEN,      Q_INFLATE,  REFUSED,       E_STATE,   NO_DEVICE) \
    X(BROKEN,      Q_DEFLATE,  REFUSED,       E_STATE,   NO_DEVICE) \
    X(BROKEN,      Q_STATS,    REFUSED,       E_STATE,   NO_DEVICE) \
    X(BROKEN,      Q_REPORT,   REFUSED,       E_STATE,   NO_DEVICE) \
    X(BROKEN,      OOM,        REFUSED,       E_BROKEN,  UNKNOWN) \
    X(BROKEN,      RELEASE,    WAITS,         OK,        NEW_START) \
    X(BROKEN,      SUSPEND,    REFUSED,       E_STATE,   NO_DEVICE) \
    X(BROKEN,      BREAK,      NOT_POSSIBLE,  OK,        ONE) \
    X(BROKEN,      DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(BROKEN,      LEAVE,      CANCELS,       OK,        QUICK) \
    X(RECOVERING,  SLEEP,      WAITS,         OK,        NEW_START) \
    X(RECOVERING,  MOVE,       REFUSED,       E_STATE,   UNKNOWN) \
    X(RECOVERING,  Q_INFLATE,  REFUSED,       E_STATE,   NO_DEVICE) \
    X(RECOVERING,  Q_DEFLATE,  REFUSED,       E_STATE,   NO_DEVICE) \
    X(RECOVERING,  Q_STATS,    REFUSED,       E_STATE,   NO_DEVICE) \
    X(RECOVERING,  Q_REPORT,   REFUSED,       E_STATE,   NO_DEVICE) \
    X(RECOVERING,  OOM,        WAITS,         OK,        AFTER_RESET) \
    X(RECOVERING,  RELEASE,    WAITS,         OK,        NEW_START) \
    X(RECOVERING,  SUSPEND,    REFUSED,       E_STATE,   NO_DEVICE) \
    X(RECOVERING,  BREAK,      NOT_POSSIBLE,  OK,        ONE) \
    X(RECOVERING,  DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(RECOVERING,  LEAVE,      CANCELS,       OK,        QUICK) \
    X(STOPPING,    SLEEP,      NOT_POSSIBLE,  OK,        NO_DEVICE) \
    X(STOPPING,    MOVE,       REFUSED,       E_STATE,   UNKNOWN) \
    X(STOPPING,    Q_INFLATE,  REFUSED,       E_STATE,   NO_DEVICE) \
    X(STOPPING,    Q_DEFLATE,  REFUSED,       E_STATE,   NO_DEVICE) \
    X(STOPPING,    Q_STATS,    REFUSED,       E_STATE,   NO_DEVICE) \
    X(STOPPING,    Q_REPORT,   REFUSED,       E_STATE,   NO_DEVICE) \
    X(STOPPING,    OOM,        WAITS,         OK,        AFTER_RESET) \
    X(STOPPING,    RELEASE,    NOT_POSSIBLE,  OK,        NO_DEVICE) \
    X(STOPPING,    SUSPEND,    REFUSED,       E_STATE,   NO_DEVICE) \
    X(STOPPING,    BREAK,      NOT_POSSIBLE,  OK,        NO_DEVICE) \
    X(STOPPING,    DETACH,     REFUSED,       E_AGAIN,   POLLS) \
    X(STOPPING,    LEAVE,      REFUSED,       E_AGAIN,   POLLS) \
    X(LEAVING,     SLEEP,      NOT_POSSIBLE,  OK,        EMPTIES) \
    X(LEAVING,     MOVE,       REFUSED,       E_AGAIN,   EMPTIES) \
    X(LEAVING,     Q_INFLATE,  PROCEEDS,      OK,        APART) \
    X(LEAVING,     Q_DEFLATE,  PROCEEDS,      OK,        TOLD_AGAIN) \
    X(LEAVING,     Q_STATS,    PROCEEDS,      OK,        APART) \
    X(LEAVING,     Q_REPORT,   PROCEEDS,      OK,        APART) \
    X(LEAVING,     OOM,        PROCEEDS,      OK,        APART) \
    X(LEAVING,     RELEASE,    PROCEEDS,      OK,        FORGOTTEN) \
    X(LEAVING,     SUSPEND,    REFUSED,       E_STATE,   ENDS) \
    X(LEAVING,     BREAK,      CANCELS,       OK,        FORCED) \
    X(LEAVING,     DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(LEAVING,     LEAVE,      REFUSED,       E_AGAIN,   POLLS)

/** VMware's wire. */
#define WAITING_VMWARE_MAP(X) \
    X(SLEEP,       SLEEP,      NOT_POSSIBLE,  OK,        ONE) \
    X(SLEEP,       MOVE,       PROCEEDS,      OK,        AT_ONCE) \
    X(SLEEP,       OOM,        CANCELS,       OK,        OOM_FIRST) \
    X(SLEEP,       RELEASE,    CANCELS,       OK,        FORGOTTEN) \
    X(SLEEP,       DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(RELEASE,     SLEEP,      WAITS,         OK,        SIZING) \
    X(RELEASE,     MOVE,       REFUSED,       E_STATE,   FORGOTTEN) \
    X(RELEASE,     OOM,        PROCEEDS,      OK,        IN_PORTIONS) \
    X(RELEASE,     RELEASE,    PROCEEDS,      OK,        NEWER) \
    X(RELEASE,     DETACH,     CANCELS,       OK,        DEVICE_RESET) \
    X(STARTING,    SLEEP,      WAITS,         OK,        START) \
    X(STARTING,    MOVE,       REFUSED,       E_STATE,   START) \
    X(STARTING,    OOM,        REFUSED,       E_STATE,   START) \
    X(STARTING,    RELEASE,    PROCEEDS,      OK,        EMPTY) \
    X(STARTING,    DETACH,     CANCELS,       OK,        EMPTY) \
    X(RESTARTING,  SLEEP,      WAITS,         OK,        START) \
    X(RESTARTING,  MOVE,       REFUSED,       E_STATE,   START) \
    X(RESTARTING,  OOM,        PROCEEDS,      OK,        EMPTY) \
    X(RESTARTING,  RELEASE,    PROCEEDS,      OK,        EMPTY) \
    X(RESTARTING,  DETACH,     CANCELS,       OK,        EMPTY) \
    X(STOPPING,    SLEEP,      NOT_POSSIBLE,  OK,        NO_DEVICE) \
    X(STOPPING,    MOVE,       REFUSED,       E_STATE,   UNKNOWN) \
    X(STOPPING,    OOM,        WAITS,         OK,        FORGETS) \
    X(STOPPING,    RELEASE,    PROCEEDS,      OK,        FORGOT) \
    X(STOPPING,    DETACH,     REFUSED,       E_AGAIN,   POLLS)
/* clang-format on */

typedef enum operation {
#define X(name, text, waits) OP_##name,
    WAITING_OPERATION_MAP(X)
#undef X
    OP_COUNT
} operation;

typedef enum outcome {
#define X(name, text, meaning) OUTCOME_##name,
    WAITING_OUTCOME_MAP(X)
#undef X
} outcome;

struct row {
    operation first;
    operation second;
    outcome outcome;
    bnt_status status;
};

#define WAITING_ROW(first, second, outcome, status, reason) \
    {OP_##first, OP_##second, OUTCOME_##outcome, BNT_##status},

static const char *const names[] = {
#define X(name, text, waits) [OP_##name] = (text),
    WAITING_OPERATION_MAP(X)
#undef X
};

#endif
