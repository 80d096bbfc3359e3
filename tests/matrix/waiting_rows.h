/*
 * What happens when an operation of the driver begins while another operation is waiting.
 * docs/understand/waiting.md and the matrix that plays each pair both use this table.
 *
 * Each row is one pair of operations in one order; another row has the opposite order.
 */
#ifndef TESTS_MATRIX_WAITING_ROWS_H
#define TESTS_MATRIX_WAITING_ROWS_H

#include <ballonet/base.h>

/* clang-format off */
/** Operations: name in code, name in the document, when the operation is waiting or how it begins. */
#define WAITING_OPERATION_MAP(X) \
    X(SLEEP,       "sleeping allocation", "the driver asked for pages, and bnt_guest_handle_alloc_done has not ended the allocation") \
    X(MOVE_IN,     "page move, new page", "the inflate of the new page is in flight") \
    X(MOVE_OUT,    "page move, old page", "the deflate of the old page is in flight") \
    X(Q_INFLATE,   "reset of the inflate queue", "the device has not completed the reset of the inflate queue") \
    X(Q_DEFLATE,   "reset of the deflate queue", "the device has not completed the reset of the deflate queue") \
    X(Q_STATS,     "reset of the statistics queue", "the device has not completed the reset of the statistics queue") \
    X(Q_REPORT,    "reset of the report queue", "the device has not completed the reset of the report queue") \
    X(OOM,         "OOM deflate", "the request of the OOM deflate is in flight") \
    X(RELEASE,     "balloon reset by the host", "the driver is in the state RELEASING") \
    X(SUSPENDING,  "suspend or resume", "the driver is in the state SUSPENDING or RESUMING") \
    X(SUSPENDED,   "suspended device", "the driver is in the state SUSPENDED") \
    X(BROKEN,      "recovery, waiting", "the driver is in the state BROKEN") \
    X(RECOVERING,  "recovery, device reset", "the driver is in the state RECOVERING") \
    X(STOPPING,    "detach", "the driver is in the state STOPPING: the reset of the device, or START, is not completed") \
    X(LEAVING,     "orderly detach", "the driver is in the state RUNNING or RELEASING, and the balloon is not empty yet") \
    X(MOVE,        "page move", "bnt_guest_page_migrate") \
    X(SUSPEND,     "suspend", "bnt_guest_suspend") \
    X(BREAK,       "NEEDS_RESET", "the device asks for a reset") \
    X(DETACH,      "detach", "bnt_guest_detach") \
    X(LEAVE,       "orderly detach", "bnt_guest_detach_orderly") \
    X(STARTING,    "handshake at attach", "the driver is in the state STARTING on VMware's wire, because START fails") \
    X(RESTARTING,  "handshake after a reset", "the driver is in the state RELEASING with an empty balloon on VMware's wire, because START fails")

/** Outcomes for the operation that begins: name in code, word, meaning. */
#define WAITING_OUTCOME_MAP(X) \
    X(PROCEEDS,      "proceeds", "the second operation begins, and the first continues") \
    X(WAITS,         "waits", "the driver remembers the second operation, and begins it when the first has ended") \
    X(CANCELS,       "cancels", "the second operation begins, and ends the first early") \
    X(REFUSED,       "refused", "the call of the second operation returns this status and changes nothing") \
    X(NOT_POSSIBLE,  "not possible", "nothing can begin the second operation")

/** Reasons: name in code, sentence. */
#define WAITING_REASON_MAP(X) \
    X(ONE,             "the driver has only one operation of this kind at a time") \
    X(JOINS,           "the second call joins the first: the pages in flight count for both calls") \
    X(APART,           "the two operations share neither a request nor a queue") \
    X(LATE,            "pages that arrive while the request or its queue is in use go back to the guest at once, and sizing asks for pages again") \
    X(SIZING,          "sizing sends no request and asks for no page until the first operation has ended") \
    X(BUSY,            "a request of sizing or of an OOM deflate is in flight, or a queue that a page move needs is being reset; the caller can try again") \
    X(DOUBT,           "the driver does not know whether the device took the new page, so it deflates the new page, returns it to the guest and ends the move") \
    X(TOLD_AGAIN,      "when the queue works again, the driver repeats the deflate that was in flight") \
    X(NEXT_HALF,       "the half of the move that is in flight continues; if the queue of the other half does not work yet when the first half completes, the move ends there") \
    X(OOM_FIRST,       "the guest is out of memory, so pages allocated for the balloon would go back at once; inflation then waits for the hold-off time") \
    X(OWED,            "the driver deflates the pages of the OOM deflate when the queue works again, and the event OOM_DONE reports them") \
    X(FORGOTTEN,       "the device has forgotten the balloon, so every page goes back to the guest without a message") \
    X(IN_PORTIONS,     "the driver releases a bounded number of pages in each step, and releases the pages of an OOM deflate first") \
    X(NEWER,           "the driver acknowledges only the newest epoch") \
    X(HALF_SET_UP,     "before the driver can suspend the device, it must complete the reset of the queue and set up the queue again") \
    X(STANDS_STILL,    "requests in flight stay in flight, and their timeouts are paused") \
    X(NOTHING_SENT,    "the driver sends nothing to a suspended device") \
    X(AT_RESUME,       "the driver reads the configuration again when the device is live") \
    X(DEVICE_RESET,    "a reset of the device ends everything in flight, and every page goes back to the guest") \
    X(NO_DEVICE,       "the driver has no live device") \
    X(UNKNOWN,         "nobody knows what a broken device did with its pages, so no page leaves the balloon before the device's reset") \
    X(AFTER_RESET,     "every page goes back to the guest when the driver reads that the reset is complete; the event OOM_DONE then reports the pages of the OOM deflate") \
    X(NEW_START,       "the driver reads the configuration when it starts again") \
    X(LOOKED_AT_ONCE,  "the driver reads the device's status until the device answers") \
    X(POLLS,           "the call only checks the detach that is already under way") \
    X(AT_ONCE,         "a call on VMware's wire has its answer when it returns, so the move ends before anything else can begin") \
    X(START,           "the driver sends nothing before START has succeeded") \
    X(EMPTY,           "the balloon is already empty") \
    X(EMPTIES,         "the driver takes the target as 0: it inflates nothing, and deflates as soon as it can") \
    X(QUICK,           "the driver has no live device to which it could send deflates, so an orderly detach acts like a detach") \
    X(FORCED,          "the driver can no longer send deflates, so it resets the device and every page goes back to the guest") \
    X(ENDS,            "an orderly detach ends in a reset of the device") \
    X(FORGETS,         "the host still lists the pages, so every page goes back only when START has succeeded or was tried often enough; the event OOM_DONE then reports them") \
    X(FORGOT,          "the driver is already trying a START, which makes the host forget the pages, so the host's reset adds nothing")

/** Pairs on VIRTIO's wire: first operation, second operation, outcome, status, reason. */
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
