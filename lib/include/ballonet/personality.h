/*
 * Quirks: how other drivers and devices differ from this library, as bits of a configuration.
 *
 * Quirks are for tests of one side against the quirks of other implementations; no product should
 * use them. A core contains the code of quirks only if it is built with BNT_WITH_QUIRKS, as the
 * cores in the simulator are.
 *
 *     config.quirks = BNT_GUEST_QUIRK_ALL_OR_NOTHING | BNT_GUEST_QUIRK_RETRY_ON_CHANGE;
 *
 * A row has the name in code, the bit, the name in scenarios, the clauses of VIRTIO that the quirk
 * breaks ("" if the standard permits the quirk or does not mention it), and what the driver or
 * device does. docs/use/personalities.md lists the drivers and devices that have each quirk, and
 * how certain that is.
 */
#ifndef BALLONET_PERSONALITY_H
#define BALLONET_PERSONALITY_H

/* clang-format off */
#define BNT_GUEST_QUIRK_MAP(X)                                                                     \
    X(STATS_KICK_EARLY, 0, "stats-kick-early", "VG-24",                                            \
      "kicks the statistics queue before DRIVER_OK")                                               \
    X(FREE_BEFORE_TELL, 1, "free-before-tell", "",                                                 \
      "pages of a deflate are the OS's before the device has seen the request, which BD-11 allows without MUST_TELL_HOST") \
    X(PFNS_OF_64_BITS, 2, "pfns-of-64-bits", "BD-12",                                              \
      "writes PFNs of 8 bytes: every second one that the device reads is PFN 0, which is in use")  \
    X(PROCEED_UNANSWERED, 3, "proceed-unanswered", "BD-13",                                        \
      "counts an inflate as done when its answer takes longer than ack_timeout, and may deflate its pages before the answer") \
    X(ALL_OR_NOTHING, 4, "all-or-nothing", "",                                                     \
      "gives every page of a request back when one cannot be had")                                 \
    X(RETRY_ON_CHANGE, 5, "retry-on-change", "",                                                   \
      "tries again after a failed allocation only when the device tells of a change")              \
    X(INITIAL_TARGET_IGNORED, 6, "initial-target-ignored", "BD-4",                                 \
      "does not look at the target before the first notification of a change")                     \
    X(CONFIG_BY_POLL, 7, "config-by-poll", "",                                                     \
      "takes no notice of configuration change notifications")                                     \
    X(OOM_IGNORED, 8, "oom-ignored", "",                                                           \
      "accepts DEFLATE_ON_OOM and gives nothing back when memory runs out")                        \
    X(OOM_TELL_FIRST, 9, "oom-tell-first", "",                                                     \
      "waits for the device in an OOM deflate with or without MUST_TELL_HOST")                     \
    X(SPLIT_REQUESTS, 10, "split-requests", "",                                                    \
      "splits the PFNs of a request over two descriptors, which is legal (VS-2)")                  \
    X(HINT_ID_REPEATED, 11, "hint-id-repeated", "BD-26",                                           \
      "sends the command id of its run of hints again each time that the device has used the buffer with it")

#define BNT_HOST_QUIRK_MAP(X)                                                                      \
    X(OVERSIZED_DROPPED, 0, "oversized-dropped", "",                                               \
      "never gives back an inflate of more PFNs than its cap")                                     \
    X(OVERSIZED_SKIPPED, 1, "oversized-skipped", "",                                               \
      "gives an inflate of more PFNs than its cap back and takes none of its pages")               \
    X(FIRST_BUFFER_ONLY, 2, "first-buffer-only", "VS-2",                                           \
      "reads only the first descriptor of a request")                                              \
    X(ACTUAL_BY_DEVICE, 3, "actual-by-device", "",                                                 \
      "writes `actual` itself after each request")                                                 \
    X(ACTUAL_SURVIVES_RESET, 4, "actual-survives-reset", "",                                       \
      "keeps `actual` over a reset of the device")                                                 \
    X(REPORT_LENGTH, 5, "report-length", "",                                                       \
      "returns a free page report with the sum of its bytes as used length")                       \
    X(USED_WITHOUT_WRITE, 6, "used-without-write", "",                                             \
      "never sets WRITE in a used descriptor of a packed ring")                                    \
    X(STATS_RETURNED_AT_ONCE, 7, "stats-returned-at-once", "",                                     \
      "gives each statistics buffer straight back once the statistics queue was reset, until the device is") \
    X(QUEUE_RESET_IGNORED, 8, "queue-reset-ignored", "VG-42 BV-3",                                 \
      "offers RING_RESET without its register: a reset of a queue does nothing, and the queue stays enabled") \
    X(REQUEST_LENGTH, 9, "request-length", "VS-14",                                                \
      "returns a plain request with the number of its PFNs as used length, though it only read")
/* clang-format on */

typedef enum bnt_guest_quirk {
#define BNT_X(name, bit, text, clauses, sentence) BNT_GUEST_QUIRK_##name = 1 << (bit),
    BNT_GUEST_QUIRK_MAP(BNT_X)
#undef BNT_X
    BNT_GUEST_QUIRKS_ALL = 0xfff
} bnt_guest_quirk;

typedef enum bnt_host_quirk {
#define BNT_X(name, bit, text, clauses, sentence) BNT_HOST_QUIRK_##name = 1 << (bit),
    BNT_HOST_QUIRK_MAP(BNT_X)
#undef BNT_X
    BNT_HOST_QUIRKS_ALL = 0x3ff
} bnt_host_quirk;

#endif
