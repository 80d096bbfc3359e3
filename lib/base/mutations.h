/*
 * The table of mutations: bugs that others had, each brought back into our code by a switch.
 *
 * One row a mutation: the name in code, the name on the command line, the bugs that it stands for
 * (ids of docs/prove/regressions.md, separated by blanks), and what the code does while it is on.
 * Each has a scenario below scenarios/regressions/ that passes without it and fails with it.
 */
#ifndef BALLONET_LIB_BASE_MUTATIONS_H
#define BALLONET_LIB_BASE_MUTATIONS_H

/* clang-format off */
#define BNTI_MUTATION_MAP(X)                                                                         \
    X(VMWARE_NOT_NEEDED_TRIED, "vmware-not-needed-tried", "vmware-B1",                               \
      "a lock that is not needed counts as a refusal of that page alone")                            \
    X(VMWARE_REFUSED_UNBOUNDED, "vmware-refused-unbounded", "vmware-B2",                             \
      "refused pages are put aside without a bound")                                                 \
    X(VMWARE_TARGET_STALE, "vmware-target-stale", "vmware-B4",                                       \
      "only a poll brings the target, not a lock or an unlock")                                      \
    X(VMWARE_UNLOCK_LOCKS, "vmware-unlock-locks", "vmware-B6",                                       \
      "a batched unlock sends the command of a lock")                                                \
    X(VMWARE_FREED_TWICE, "vmware-freed-twice", "vmware-B7",                                         \
      "the last page that was locked by itself is freed once more when the driver goes")             \
    X(VMWARE_STOP_UNTOLD, "vmware-stop-untold", "vmware-B8",                                         \
      "the driver goes without making the host forget its pages")                                    \
    X(VMWARE_CAPS_ASSUMED, "vmware-caps-assumed", "vmware-B9",                                       \
      "what was offered counts as agreed")                                                           \
    X(VMWARE_PFN_SHIFTED, "vmware-pfn-shifted", "vmware-B10",                                        \
      "the address of a page is computed in 32 bits")                                                \
    X(VMWARE_LIMIT_IN_MIB, "vmware-limit-in-mib", "vmware-B12",                                      \
      "the limit is told in MiB")                                                                    \
    X(VMWARE_DOORBELL_BELIEVED, "vmware-doorbell-believed", "vmware-B15",                            \
      "a doorbell counts as set whatever the host said, and nothing is polled")                      \
    X(VMWARE_DOORBELL_ONCE, "vmware-doorbell-once", "vmware-B16",                                    \
      "the doorbell is asked for once, and not again after a START")                                 \
    X(VMWARE_RESET_LOG, "vmware-reset-log", "vmware-B22",                                            \
      "every START that fails is told")                                                              \
    X(VMWARE_STATUS_LEAK, "vmware-status-leak", "vmware-B27",                                        \
      "a page that is refused as busy is neither kept nor given back")                               \
    X(VMWARE_LIMIT_SILENT, "vmware-limit-silent", "vmware-B28",                                      \
      "a limit over 32 bits is not sent, nor is the poll")                                           \
    X(VMWARE_BATCH_PAGE_BEYOND, "vmware-batch-page-beyond", "own-D12",                               \
      "batches are used although no call can name their page")                                       \
    X(UNNAMEABLE_NOT_ASIDE, "unnameable-not-aside", "own-D3",                                        \
      "a page that the wire cannot name goes straight back, and is offered again")                   \
    X(VMWARE_STOP_BELIEVED, "vmware-stop-believed", "own-D4",                                        \
      "a START that failed while the driver goes counts as one that succeeded")                      \
    X(HUGE_OVER_SLACK, "huge-over-slack", "own-D1",                                                  \
      "the last page of 2 MiB may go over the target by more than the slack")                        \
    X(SLACK_NONE_UNSAID, "slack-none-unsaid", "own-D13",                                             \
      "a driver without slack has the default one")                                                  \
    X(VMWARE_RATE_DEAD, "vmware-rate-dead", "vmware-B29",                                            \
      "pages are not counted against the rate of a tick")                                            \
    X(VMWARE_DEFLATE_STOPS, "vmware-deflate-stops", "vmware-I6",                                     \
      "a refused unlock ends the tick, and its page stays the first")                                \
    X(VMWARE_START_BELIEVED, "vmware-start-believed", "vmware-I8",                                   \
      "a START that failed counts as one that succeeded")                                            \
    X(VMWARE_DOORBELL_OUTLIVES, "vmware-doorbell-outlives", "vmware-I9",                             \
      "a reset is answered by a handshake while the driver goes")                                    \
    X(RESUME_WITHOUT_A_LOOK, "resume-without-a-look", "guest-25",                                    \
      "a driver that wakes does not look at the configuration, and has forgotten what it was told")  \
    X(SUSPEND_LOSES_STATISTICS, "suspend-loses-statistics", "guest-26",                              \
      "statistics asked for while the device is suspended are never asked of the driver")            \
    X(USED_LENGTH_TRUSTED, "used-length-trusted", "guest-30",                                        \
      "a used length beyond what the device could write breaks the driver's ring")                   \
    X(PACKED_LENGTH_NEEDS_WRITE, "packed-length-needs-write", "own-G3",                              \
      "the length of a packed used descriptor without WRITE reads 0")                                \
    X(EARLY_BUFFER_REFUSED, "early-buffer-refused", "guest-31",                                      \
      "the statistics queue gets no buffer before DRIVER_OK, and none after it")                     \
    X(ANSWER_AWAITED_FOR_EVER, "answer-awaited-for-ever", "guest-32",                                \
      "the queue of a request without an answer is never reset")                                     \
    X(QUEUE_RESET_UNABATED, "queue-reset-unabated", "own-D9",                                        \
      "a queue whose answers are late is reset again after the same time, for ever")                 \
    X(QUEUE_RESET_BELIEVED, "queue-reset-believed", "own-G4",                                        \
      "the reset of a queue counts as done once it was asked for")                                   \
    X(DEVICE_RESET_UNSEEN, "device-reset-unseen", "own-G9",                                          \
      "a status without DRIVER_OK says nothing to a running driver")                                 \
    X(WRAP_KEPT_OVER_RESET, "wrap-kept-over-reset", "guest-37",                                      \
      "a queue that was reset goes on with the position that it had")                                \
    X(STATISTICS_KICK_IS_A_BUFFER, "statistics-kick-is-a-buffer", "host-B09",                        \
      "a kick of the statistics queue counts as a buffer, also without one")                         \
    X(STATISTICS_KEPT_OVER_RESET, "statistics-kept-over-reset", "host-B10",                          \
      "the statistics buffer counts as held after the device was reset")                             \
    X(TARGET_REPEATED_SILENTLY, "target-repeated-silently", "own-H2",                                \
      "a driver below a target is not told when the same one is set again")                          \
    X(STALL_BY_ANY_CHANGE, "stall-by-any-change", "own-H3",                                          \
      "any change of the ledger counts as progress towards the target")                              \
    X(INACTIVE_GUEST_AWAITED, "inactive-guest-awaited", "host-B46",                                  \
      "a target for a guest that is not live has no end")                                            \
    X(RESUME_FORGETS_KICKS, "resume-forgets-kicks", "host-B48",                                      \
      "a device that wakes has forgotten what it was kicked for")                                    \
    X(LENGTH_UNBOUNDED, "length-unbounded", "host-B57",                                              \
      "a plain request may be of any length")                                                        \
    X(BROKEN_FOR_GOOD, "broken-for-good", "host-B58",                                                \
      "a device that set NEEDS_RESET cannot be reset")                                               \
    X(STATS_FIRST_UNSET, "stats-first-unset", "guest-22",                                     \
      "the first statistics buffer is sent as it lies in memory")                             \
    X(STATS_IN_PAGES, "stats-in-pages", "guest-52",                                           \
      "statistics are sent in pages where bytes are meant")                                   \
    X(STATS_OUTLIVE_SERVICE, "stats-outlive-service", "guest-53",                             \
      "old statistics are sent on when nobody provides any")                                  \
    X(STATS_NOT_AGAIN, "stats-not-again", "guest-54",                                         \
      "no statistics buffer is made available after the driver came back")                    \
    X(STATS_UNPACED, "stats-unpaced", "own-G1",                                               \
      "a statistics buffer that comes straight back is answered at once, every time")         \
    X(STATS_SPIN, "stats-spin", "guest-57",                                                   \
      "the driver looks at its statistics queue without pause")                               \
    X(STATS_NEW_TAGS_FATAL, "stats-new-tags-fatal", "guest-62 host-B14",                      \
      "a statistic of a newer driver loses the whole buffer")                                 \
    X(STATS_POLL_32_BITS, "stats-poll-32-bits", "host-B03",                                   \
      "the interval between statistics is kept in 32 bits")                                   \
    X(STATS_QUERY_BLOCKS, "stats-query-blocks", "host-B07",                                   \
      "the device does nothing else while it waits for statistics")                           \
    X(STATS_ERROR_BEFORE_FIRST, "stats-error-before-first", "host-B08",                       \
      "statistics that never arrived are an error, not unset")                                \
    X(STATS_KEPT_OVER_RESET, "stats-kept-over-reset", "host-B13",                             \
      "statistics of a driver that is gone are shown")                                        \
    X(STATS_LENGTH_TRUSTED, "stats-length-trusted", "host-B35",                               \
      "a statistics buffer is worked through whatever length it claims")                      \
    X(STATS_FIRST_ANSWERS, "stats-first-answers", "host-B47",                                 \
      "the unsolicited first buffer passes for the answer")                                   \
    X(STATS_ASK_UNHELD, "stats-ask-unheld", "host-B67",                                       \
      "the device returns a statistics buffer that it does not have")                         \
    X(STATS_ALL_ONES_COUNT, "stats-all-ones-count", "host-B71",                               \
      "a statistic of all ones is taken for a value")                                         \
    X(REPORT_QUEUE_REQUIRED, "report-queue-required", "guest-45",                             \
      "a reporting queue shorter than a report fails the driver")                             \
    X(LAYOUT_DEFAULT_FIXED, "layout-default-fixed", "own-G6",                                        \
      "a driver that was told nothing looks for its queues by the standard's numbers alone")         \
    X(REPORT_ORDER_MAX_REFUSED, "report-order-max-refused", "guest-33",                       \
      "the largest order counts as one too many, and nothing is reported")                    \
    X(REPORT_ORDER_OF_PAGES, "report-order-of-pages", "guest-34",                             \
      "the default block is so many guest pages, whatever their size: none is so large")      \
    X(REPORT_ORDER_ZERO_UNSET, "report-order-zero-unset", "guest-35",                         \
      "order 0 is taken for no order at all")                                                 \
    X(PFN_RANGE_UNCHECKED, "pfn-range-unchecked", "host-B15",                                 \
      "a PFN that is not memory is dropped wherever it leads to")                             \
    X(REPORT_RANGE_UNCHECKED, "report-range-unchecked", "host-B55",                           \
      "a report beyond the end of memory is dropped")                                         \
    X(REPORT_LENGTH_SUM, "report-length-sum", "host-B60",                                     \
      "a report is returned with the sum of its lengths, dropped or not")                     \
    X(REPORT_AS_PFNS, "report-as-pfns", "host-B49",                                           \
      "a report is read as a list of PFNs")                                                   \
    X(STATS_LOST_ON_RESTORE, "stats-lost-on-restore", "guest-61 host-B43",                             \
      "a restored device has lost the statistics buffer that it held")                        \
    X(WS_QUEUES_SWAPPED, "ws-queues-swapped", "host-B51",                                     \
      "after a driver has gone the two working-set queues change places")                     \
    X(REPORT_WITHOUT_POISON, "report-without-poison", "guest-21",                                    \
      "free pages are reported although the device does not know what they must hold")               \
    X(POISON_TOLD_ONCE, "poison-told-once", "guest-42",                                              \
      "the poison value is written at the first attachment only")                                    \
    X(MOVE_LEAVES_RECORD, "move-leaves-record", "guest-8",                                           \
      "a page that moves can be taken out of the record once more meanwhile")                        \
    X(MOVE_COUNTS_TWICE, "move-counts-twice", "guest-9",                                             \
      "a page that moves is taken off the record's count twice")                                     \
    X(SLEEP_ENDS_IN_A_MOVE, "sleep-ends-in-a-move", "own-D16",                                       \
      "pages of an allocation that ends while a page moves are sent at once")                        \
    X(SLEEP_ENDS_IN_A_RESET, "sleep-ends-in-a-reset", "own-D17",                                     \
      "pages of an allocation that ends while the inflate queue is reset are sent into it")          \
    X(TICK_ENDS_BEFORE_IT_BEGAN, "tick-ends-before-it-began", "own-D7",                              \
      "what a device refuses between two ticks ends the next one before it begins")                  \
    X(MOVE_UNTOLD, "move-untold", "guest-10",                                                        \
      "a page of the balloon moves as any other: its old place is used, the device is not told")     \
    X(REPORT_OUTLIVES_QUEUE, "report-outlives-queue", "guest-27",                                    \
      "a report in flight is not given up when the device is reset")                                 \
    X(UNPLUG_WAITS, "unplug-waits", "guest-48",                                                      \
      "a driver whose device is gone still resets it, and waits for the answer")                     \
    X(HOTPLUG_IGNORED, "hotplug-ignored", "host-B06",                                                \
      "memory that was added does not count")                                                        \
    X(RESTORE_LOSES_STATS, "restore-loses-stats", "host-B11",                                        \
      "a loaded device forgot that it holds a statistics buffer")                                    \
    X(RESTORE_LOSES_TIMER, "restore-loses-timer", "host-B12",                                        \
      "a loaded device does not ask for statistics of itself any more")                              \
    X(RESTORE_STOPS_EARLY, "restore-stops-early", "host-B23",                                        \
      "what follows the queues in a saved state is not loaded")                                      \
    X(FINI_LEAKS_LEAVES, "fini-leaks-leaves", "host-B34",                                            \
      "a device that goes does not give its ledger's leaves back")                                   \
    X(RESTORE_LOSES_KICK, "restore-loses-kick", "host-B44",                                          \
      "a loaded device forgot that it was kicked")                                                   \
    X(RESTORE_LOSES_LEDGER, "restore-loses-ledger", "host-B45",                                      \
      "a loaded device forgot which pages are in the balloon")                                       \
    X(TARGET_LOST_ON_RESET, "target-lost-on-reset", "host-B64",                                      \
      "a device reset clears the target that the host has set")                                      \
    X(HINT_DETACH_LEAK, "hint-detach-leak", "guest-14",                                              \
      "hinted pages are forgotten when the driver is unloaded")                                      \
    X(HINT_ID_REMEMBERED, "hint-id-remembered", "guest-43",                                          \
      "a command id that was served before the device was set up anew is not served again")          \
    X(RECLAIM_DEFLATES, "reclaim-deflates", "guest-12",                                              \
      "reclaim takes pages out of the balloon")                                                      \
    X(HINT_SHRINK_UNITS, "hint-shrink-units", "guest-13",                                            \
      "reclaim asks for PFNs and is given as many pages")                                            \
    X(HINT_START_KEEPS_RUN, "hint-start-keeps-run", "host-B29",                                      \
      "hints of the run before count while the driver has not begun the new one")                    \
    X(HINT_ID_AGAIN_STOPS, "hint-id-again-stops", "own-E2",                                          \
      "a command id that comes again ends the run of hints")                                         \
    X(HINT_RESTORE_DONE, "hint-restore-done", "host-B37",                                            \
      "a device that is restored says that it is done with hinted pages")                            \
    X(HINT_NO_WAIT, "hint-no-wait", "host-H5",                                                       \
      "the driver takes a hinted page back before its buffer was used, in spite of its setting")     \
    X(HINT_POSTCOPY, "hint-postcopy", "host-B28",                                                    \
      "a migration that may go over to postcopy asks for free page hints, and never says done")      \
    X(HINT_CANCEL_NO_DONE, "hint-cancel-no-done", "host-B27",                                        \
      "a migration that is cancelled does not say that hinted pages are free again")                 \
    X(TARGET_BETWEEN_PAGES, "target-between-pages", "guest-1",                                       \
      "a target between two pages of the guest is not rounded; excess is")                           \
    X(PFN_OF_FIRST_PART, "pfn-of-first-part", "guest-2",                                             \
      "each PFN of a large page is that of its first part")                                          \
    X(REQUEST_CUT, "request-cut", "guest-3",                                                         \
      "of a page that has more PFNs than a request of 4 KiB pages the rest is not sent")             \
    X(REQUEST_OVERLONG, "request-overlong", "guest-5",                                               \
      "after a short allocation a request is as long as if it had been full")                        \
    X(OOM_COUNTS_PAGES, "oom-counts-pages", "guest-13",                                              \
      "an OOM deflate takes PFNs for pages")                                                         \
    X(INTERRUPT_ONLY_NAMED, "interrupt-only-named", "guest-17",                                      \
      "only the queue that an interrupt names is looked at")                                         \
    X(POISON_NATIVE, "poison-native", "own-E1",                                                      \
      "the poison value is written in the guest's byte order")                                       \
    X(NATIVE_MODERN, "native-modern", "guest-18",                                                    \
      "values are in the guest's byte order on the modern interface too")                            \
    X(LEGACY_UNDEFINED_TAKEN, "legacy-undefined-taken", "guest-19",                                  \
      "hints, poison and reports are accepted under the legacy interface")                           \
    X(KICK_BY_ROLE, "kick-by-role", "guest-28",                                                      \
      "a queue is kicked by its role's number, not by its index")                                    \
    X(COUNT_32_BITS, "count-32-bits", "guest-51",                                                    \
      "the driver counts the balloon's bytes in 32 bits")                                            \
    X(STATS_32_BITS, "stats-32-bits", "guest-56",                                                    \
      "statistics are cut to 32 bits")                                                               \
    X(ACTUAL_32_BITS, "actual-32-bits", "host-B01",                                                  \
      "the device shifts actual in 32 bits")                                                         \
    X(CONFIG_WRITE_SWAPPED, "config-write-swapped", "host-B05",                                      \
      "configuration that is written is taken in the guest's byte order")                            \
    X(HOST_PAGE_PARTS, "host-page-parts", "host-B17 host-B62",                                       \
      "a part of a host page is dropped by itself")                                                  \
    X(HOST_PAGE_LEFT_COUNTS, "host-page-left-counts", "host-B18",                                    \
      "a part of a host page that left the balloon counts as in it")                                 \
    X(HOST_PAGE_FIRST_PART, "host-page-first-part", "host-B19",                                      \
      "a host page is dropped with its first part")                                                  \
    X(QUEUES_FIXED, "queues-fixed", "host-B50",                                                      \
      "the device's queues have the standard's numbers, whatever it was told")                       \
    X(PFN_32_BITS, "pfn-32-bits", "host-B61",                                                        \
      "the device shifts PFNs in 32 bits")                                                           \
    X(OOM_HOLDOFF_NONE, "oom-holdoff-none", "guest-61 vmware-B21",                                   \
      "inflation goes on at once after an OOM deflate")                                              \
    X(OOM_REENTRANT, "oom-reentrant", "guest-4",                                                     \
      "an OOM deflate from inside an allocation for the balloon is refused")                         \
    X(OOM_ALLOCATING_BLIND, "oom-allocating-blind", "guest-6",                                       \
      "pages that were allocated when an OOM deflate came in between are inflated all the same")     \
    X(RECLAIM_ASKS_BALLOON, "reclaim-asks-balloon", "guest-12",                                      \
      "the kernel asks the balloon when it reclaims, not only when memory runs out")                 \
    X(DEFLATE_EMPTY, "deflate-empty", "guest-23",                                                    \
      "a deflate without any page is sent")                                                          \
    X(RELEASE_UNBOUNDED, "release-unbounded", "guest-24 vmware-B11",                                 \
      "one step gives everything back")                                                              \
    X(ACTUAL_STALE_AFTER_OOM, "actual-stale-after-oom", "guest-44",                                  \
      "an OOM deflate does not write actual")                                                        \
    X(STALL_FOR_EVER, "stall-for-ever", "guest-47 host-B71",                                         \
      "after one answer that was late nothing is sent any more")                                     \
    X(DETACH_WAITS, "detach-waits", "guest-48",                                                      \
      "while it detaches the driver waits for an answer after each batch")                           \
    X(TARGET_AT_ATTACH_LOST, "target-at-attach-lost", "guest-49",                                    \
      "what was told before the driver was ready is not looked at")                                  \
    X(DETACH_UNTOLD, "detach-untold", "own-G5",                                                \
      "an orderly detach resets the device before it is told of any page")                    \
    X(DETACH_KEEPS_IN_FLIGHT, "detach-keeps-in-flight", "guest-55",                                  \
      "pages in flight are not given back when the driver detaches")                                 \
    X(OOM_WITHOUT_FEATURE, "oom-without-feature", "guest-58",                                        \
      "an OOM deflate without DEFLATE_ON_OOM")                                                       \
    X(RETRY_FIXED, "retry-fixed", "guest-59",                                                        \
      "a failed allocation is tried again ten times a second, for ever")                             \
    X(CANCELLED_SPINS, "cancelled-spins", "guest-60",                                                \
      "a driver at its target asks to be called again at once")                                      \
    X(ACTUAL_BELIEVED, "actual-believed", "guest-63 host-B56",                                       \
      "the host judges a target by what the guest wrote")                                            \
    X(OVERSIZED_SKIPPED, "oversized-skipped", "guest-64",                                            \
      "the device skips a request of more than 256 PFNs")                                            \
    X(OVERSIZED_DROPPED, "oversized-dropped", "device-3",                                            \
      "the device never gives a request of more than 256 PFNs back")                                 \
    X(UNLOCK_UNCOUNTED, "unlock-uncounted", "vmware-B5",                                             \
      "an unlock is granted, and the count of the balloon stays")                                    \
    X(DOORBELLS_HOLD_RESET, "doorbells-hold-reset", "vmware-B17",                                    \
      "a reset waits for doorbells of which each after the first is never counted down")             \
    X(REFUSED_TWICE, "refused-twice", "vmware-B18 vmware-B19",                                       \
      "a refused page is given back at once, and with those held")                                   \
    X(RESET_COUNTS_BLOCKS, "reset-counts-blocks", "vmware-I1",                                       \
      "a page of 2 MiB that a reset frees counts as one of 4 KiB")                                   \
    X(RETURNED_BY_LIST, "returned-by-list", "vmware-I5",                                             \
      "refused pages that go back are counted by list, not by page")                                 \
    X(MOVE_LEFT_HALF, "move-left-half", "vmware-B24",                                                \
      "a move whose new page is refused counts as if nothing had moved")                             \
    X(MOVE_DEFLATE_UNCOUNTED, "move-deflate-uncounted", "vmware-B25",                                \
      "the old page of a move is not counted as deflated")                                           \
    X(OOM_IGNORED, "oom-ignored", "guest-65 policy-P08 vmware-B30",                                  \
      "the driver gives nothing back when memory runs out")                                          \
    X(KICKS_MIXED, "kicks-mixed", "host-B39",                                                        \
      "the device takes every kick for one of the inflate queue")                                    \
    X(DISCARD_BELIEVED, "discard-believed", "host-B53 host-B70 policy-P04",                          \
      "the device counts what it asked to be dropped, not what was")                                 \
    X(TARGET_32_BITS, "target-32-bits", "host-B68 policy-P06",                                       \
      "a target is shifted in 32 bits")                                                              \
    X(LEDGER_NEGATIVE, "ledger-negative", "host-B69",                                                \
      "the ledger counts down for a page that it does not hold")                                     \
    X(ACTUAL_KEPT, "actual-kept", "device-4 device-7",                                               \
      "actual outlives a reset of the device")                                                       \
    X(LENT_PAGE_OWNED, "lent-page-owned", "own-D2",                                                  \
      "the oracle lets nobody have a page whose untold deflate is in flight")                        \
    X(SECOND_RESET_BLAMED, "second-reset-blamed", "own-D5",                                          \
      "the oracle takes the second reset of an empty balloon for a repetition")                      \
    X(HIBERNATION_UNTOLD, "hibernation-untold", "own-D6",                                            \
      "the world does not say that a driver which freezes goes down")                                \
    X(DEFLATE_WHOLE_ONLY, "deflate-whole-only", "policy-P15",                                        \
      "less than a whole request is never deflated")                                                 \
    X(STALL_UNTOLD, "stall-untold", "policy-P17",                                                    \
      "a target request without progress never ends")                                                \
    X(TIMEOUT_IGNORED, "timeout-ignored", "policy-P12 policy-P22 host-B77",                          \
      "a target request has no end while there is any progress")                                     \
    X(STALE_UNTOLD, "stale-untold", "policy-P16 policy-P18",                                         \
      "statistics are never called stale")                                                           \
    X(FIRST_BUFFER_ONLY, "first-buffer-only", "host-B59",                                            \
      "the device reads only the first descriptor of a request")                                     \
    X(KEPT_UNCOUNTED, "kept-uncounted", "host-B32 host-B52 device-6",                                \
      "pages that could not be discarded count as discarded")                                        \
    X(HUGE_UNFILLED, "huge-unfilled", "own-D8",                                                \
      "pages of 2 MiB go back to the guest without the poison value")                         \
    X(HUGE_WITHOUT_BATCHES, "huge-without-batches", "vmware-B14",                                    \
      "2 MiB pages are used where the host has no batches")                                          \
    X(HUGE_NOT_SPLIT, "huge-not-split", "vmware-B20",                                                \
      "a 2 MiB page that was refused is never offered in parts")                                     \
    X(HUGE_PHASE_AGAIN, "huge-phase-again", "vmware-I3",                                             \
      "refused 2 MiB pages are released and tried again in the same tick")
/* clang-format on */

#endif
