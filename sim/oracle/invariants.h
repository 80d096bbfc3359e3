/*
 * The table of invariants. Each row names the party that must be correct for the invariant to hold.
 *
 * If a scripted fault makes a party hostile, the invariants that need this party to be correct are
 * suspended. The invariant host-safety does not assume that any party is correct, and is never
 * suspended. To add an invariant, add a row here, a check in a file of sim/oracle, and a scenario
 * in tests/negative that violates the invariant.
 */
#ifndef SIM_ORACLE_INVARIANTS_H
#define SIM_ORACLE_INVARIANTS_H

/** Parties as a set. */
#define ASSUMES_NOBODY 0u
#define ASSUMES_DRIVER 1u
#define ASSUMES_DEVICE 2u
#define ASSUMES_BOTH   3u

/* clang-format off */
/** Columns: name in code, name in messages, the party that must be correct, the invariant as a
 * sentence.
 */
#define INVARIANT_MAP(X)                                                                           \
    X(ONE_PLACE,      "one-place",      DRIVER, "a page is in one place at a time")                \
    X(GIVEN_UNUSED,   "given-unused",   DRIVER,                                                    \
      "no page is used between its inflate and its deflate")                                       \
    X(IN_FLIGHT,      "in-flight",      DRIVER, "every page in flight is in exactly one request")          \
    X(CONSERVED,      "conserved",      DRIVER, "pages are conserved")                             \
    X(GUEST_COUNT,    "guest-count",    DRIVER, "the driver's counters match its pages")           \
    X(ACTUAL_TRUE,    "actual-true",    DRIVER, "whenever the driver writes actual, it is the size of the balloon")    \
    X(HELD_BOUND,     "held-bound",     DRIVER, "the driver holds at most its bound of refused pages")      \
    X(HELD_RETURNED,  "held-returned",  DRIVER,                                                    \
      "the driver frees refused pages once the target is reached")                                          \
    X(RESET_SILENT,   "reset-silent",   DRIVER,                                                    \
      "after a reset no message about a page is sent before the epoch is acknowledged")            \
    X(RESET_ONCE,     "reset-once",     DRIVER,                                                    \
      "the driver acknowledges a reset once and writes actual = 0 once")                                        \
    X(RESET_EMPTY,    "reset-empty",    DRIVER, "after a reset the driver empties the balloon in the promised time")   \
    X(REPORT_FREE,    "report-free",    DRIVER, "a page in a free page report is free and not ballooned") \
    X(HINT_FREE,      "hint-free",      DRIVER,                                                    \
      "a hinted page is free and is not used for anything else")                                        \
    X(HINT_TRUSTED,   "hint-trusted",   DRIVER,                                                    \
      "the guest does not read a hinted page before it writes to the page again")                        \
    X(HINT_CURRENT,   "hint-current",   DEVICE,                                                    \
      "the device uses hints of the current id only, and none after DONE")                                \
    X(ARRIVED,        "arrived",        DEVICE,                                                    \
      "after a migration every page that the guest uses holds what it held before")                \
    X(HOST_SAFETY,    "host-safety",    NOBODY,                                                    \
      "the host discards only pages that a request or a free page report named")                             \
    X(LEDGER_COUNT,   "ledger-count",   DEVICE, "the ledger's counters match its pages")           \
    X(STALE_REFUSED,  "stale-refused",  DEVICE,                                                    \
      "the device answers a request of a stale epoch with RESET and changes nothing")                          \
    X(ONE_OUTCOME,    "one-outcome",    DEVICE, "a target request has exactly one outcome")        \
    X(REQUEST_ENDS,   "request-ends",   DEVICE,                                                    \
      "a target request that makes no progress gets its outcome within the stall bound")               \
    X(DETACH_TOLD,    "detach-told",    DRIVER,                                                    \
      "an orderly detach deflates every page before it resets the device, unless its time is over")    \
    X(CALL_ANSWER,    "call-answer",    DEVICE,                                                    \
      "the host answers calls with RESET until START, and a successful answer carries the target")                    \
    X(TARGET_SLACK,   "target-slack",   DRIVER,                                                    \
      "a balloon stops at most its slack above the target, and is empty at target 0")                      \
    X(DRIVER_PROGRESS, "driver-progress", DRIVER,                                                  \
      "the driver makes a bounded number of steps in one instant, and no idle step asks for another")  \
    X(DEVICE_PROGRESS, "device-progress", DEVICE,                                                  \
      "the device makes a bounded number of steps in one instant, and no idle step asks for another")  \
    X(VIEWS_AGREE,    "views-agree",    BOTH,                                                      \
      "guest and host agree on which pages are ballooned whenever no request is in flight")                 \
    X(CONTENT_KEPT,   "content-kept",   BOTH, "a page that the guest owns keeps its content")      \
    X(CONTENT_OWN,    "content-own",    BOTH, "a page that comes back to the guest holds no other party's content")\
    X(POISON_KEPT,    "poison-kept",    BOTH,                                                      \
      "a free page holds the value that the guest expects of free pages")                                    \
    X(DEVICE_INIT,    "device-init",    DEVICE,                                                    \
      "a page that the device says is initialised reads as 0 or the poison value")                   \
    X(CONVERGES,      "converges",      BOTH,                                                      \
      "at the end of a quiet run no request is in flight and every target request has its outcome")
/* clang-format on */

typedef enum invariant_id {
#define X(name, text, who, sentence) INVARIANT_##name,
    INVARIANT_MAP(X)
#undef X
    INVARIANT_COUNT
} invariant_id;

#endif
