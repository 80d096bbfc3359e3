/*
 * The invariants: one row each, with the party whose good behaviour it assumes.
 *
 * A scripted fault that makes a party hostile suspends the invariants that assume it, by name.
 * Host safety assumes nobody's good behaviour and is never suspended. To add an invariant, add a
 * row, a check in the file of sim/oracle that sees what it is about, and a negative scenario that
 * shows it fire (tests/negative).
 */
#ifndef SIM_ORACLE_INVARIANTS_H
#define SIM_ORACLE_INVARIANTS_H

/** Parties as a set. */
#define ASSUMES_NOBODY 0u
#define ASSUMES_DRIVER 1u
#define ASSUMES_DEVICE 2u
#define ASSUMES_BOTH   3u

/* clang-format off */
/** Name in code, name in messages, the party whose good behaviour it assumes, sentence. */
#define INVARIANT_MAP(X)                                                                           \
    X(ONE_PLACE,      "one-place",      DRIVER, "a page is in one place at a time")                \
    X(GIVEN_UNUSED,   "given-unused",   DRIVER,                                                    \
      "no page is used between its inflate and its deflate")                                       \
    X(IN_FLIGHT,      "in-flight",      DRIVER, "every page in flight is in one request")          \
    X(CONSERVED,      "conserved",      DRIVER, "pages are conserved")                             \
    X(GUEST_COUNT,    "guest-count",    DRIVER, "the driver's counters match its pages")           \
    X(ACTUAL_TRUE,    "actual-true",    DRIVER, "actual tells the balloon's size when written")    \
    X(HELD_BOUND,     "held-bound",     DRIVER, "refused pages held stay within their bound")      \
    X(HELD_RETURNED,  "held-returned",  DRIVER,                                                    \
      "refused pages go back once the target is reached")                                          \
    X(RESET_SILENT,   "reset-silent",   DRIVER,                                                    \
      "after a reset no message about a page is sent before the epoch is acknowledged")            \
    X(RESET_ONCE,     "reset-once",     DRIVER,                                                    \
      "a reset is acknowledged once, with actual = 0 once")                                        \
    X(RESET_EMPTY,    "reset-empty",    DRIVER, "a reset balloon is empty in the promised time")   \
    X(REPORT_FREE,    "report-free",    DRIVER, "a reported page is free, and not in the balloon") \
    X(HINT_FREE,      "hint-free",      DRIVER,                                                    \
      "a hinted page is free, and kept from all other use")                                        \
    X(HINT_TRUSTED,   "hint-trusted",   DRIVER,                                                    \
      "the content of a hinted page is not read before it is written anew")                        \
    X(HINT_CURRENT,   "hint-current",   DEVICE,                                                    \
      "hints count under the current id only, and none after DONE")                                \
    X(ARRIVED,        "arrived",        DEVICE,                                                    \
      "after a migration every page that the guest uses holds what it held before")                \
    X(HOST_SAFETY,    "host-safety",    NOBODY,                                                    \
      "the host discards only pages that a request or report gave it")                             \
    X(LEDGER_COUNT,   "ledger-count",   DEVICE, "the ledger's counters match its pages")           \
    X(STALE_REFUSED,  "stale-refused",  DEVICE,                                                    \
      "a request of a stale epoch is answered RESET and changes nothing")                          \
    X(ONE_OUTCOME,    "one-outcome",    DEVICE, "a target request has exactly one outcome")        \
    X(REQUEST_ENDS,   "request-ends",   DEVICE,                                                    \
      "a target request that comes no nearer to its target ends by the stall bound")               \
    X(DETACH_TOLD,    "detach-told",    DRIVER,                                                    \
      "an orderly detach deflates every page before it resets the device, or its time is over")    \
    X(CALL_ANSWER,    "call-answer",    DEVICE,                                                    \
      "a call is answered RESET until START, and a success carries the target")                    \
    X(TARGET_SLACK,   "target-slack",   DRIVER,                                                    \
      "a balloon ends above its target by its slack at most, and empty at 0")                      \
    X(DRIVER_PROGRESS, "driver-progress", DRIVER,                                                  \
      "the driver's steps in one instant are bounded, and none asks for another without a cause")  \
    X(DEVICE_PROGRESS, "device-progress", DEVICE,                                                  \
      "the device's steps in one instant are bounded, and none asks for another without a cause")  \
    X(VIEWS_AGREE,    "views-agree",    BOTH,                                                      \
      "guest and host agree on the ballooned pages whenever nothing is in flight")                 \
    X(CONTENT_KEPT,   "content-kept",   BOTH, "a page that the guest owns keeps its content")      \
    X(CONTENT_OWN,    "content-own",    BOTH, "a page that comes back holds nobody else's content")\
    X(POISON_KEPT,    "poison-kept",    BOTH,                                                      \
      "a free page holds what its guest expects of free pages")                                    \
    X(DEVICE_INIT,    "device-init",    DEVICE,                                                    \
      "a page that the device calls initialised reads as 0 or the poison value")                   \
    X(CONVERGES,      "converges",      BOTH,                                                      \
      "in the quiet end nothing stays in flight and every request has its outcome")
/* clang-format on */

typedef enum invariant_id {
#define X(name, text, who, sentence) INVARIANT_##name,
    INVARIANT_MAP(X)
#undef X
    INVARIANT_COUNT
} invariant_id;

#endif
