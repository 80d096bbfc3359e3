/*
 * The clauses: one row for each statement of VIRTIO, or of our extension, that a balloon must
 * follow. Numbers and words are ours; the text of the standard is binding.
 *
 * A row names the party that the clause binds, how strongly, and whether a watcher
 * (sim/conformance/ *.c) checks the clause in every scenario. The suite must cover WATCHED rows,
 * which need a breaker in tests/conformance. OPEN rows have no watcher yet. NOT_APPLICABLE rows say
 * why a watcher cannot check the clause. `ballonet conformance` prints the table and writes
 * docs/prove/conformance.md.
 */
#ifndef SIM_CONFORMANCE_CLAUSES_H
#define SIM_CONFORMANCE_CLAUSES_H

/* clang-format off */
/** Columns: family, number, party, level, watch, text, reason (of a NOT_APPLICABLE row). */
#define CLAUSE_MAP(X)                                                                              \
    /* VIRTIO 1.4, 2.1 to 2.5, 3.1 and 6: status, features, reset, configuration. */               \
    X(VG, 1, DRIVER, MUST, WATCHED,                                                                \
      "The driver must set each status bit only when the step of initialisation that the bit "     \
      "stands for is complete.", "")                                                               \
    X(VG, 2, DRIVER, MUST_NOT, WATCHED,                                                            \
      "The driver must not clear a bit of the device status except by a reset of the device.", "") \
    X(VG, 3, DRIVER, MUST, WATCHED,                                                                \
      "After it wrote FAILED, the driver must reset the device before it initialises the device "  \
      "again.", "")                                                                                \
    X(VG, 4, DRIVER, SHOULD_NOT, WATCHED,                                                          \
      "The driver should not rely on requests being completed while the status shows "             \
      "NEEDS_RESET; it recovers by a reset.", "")                                                  \
    X(VG, 5, DEVICE, MUST_NOT, WATCHED,                                                            \
      "The device must not use buffers or send used-buffer interrupts before DRIVER_OK is "        \
      "set.", "")                                                                                  \
    X(VG, 6, DEVICE, SHOULD, WATCHED,                                                              \
      "The device should set NEEDS_RESET when it meets an error from which it cannot "             \
      "continue.", "")                                                                             \
    X(VG, 7, DEVICE, MUST, WATCHED,                                                                \
      "The device must send a configuration interrupt when it sets NEEDS_RESET while DRIVER_OK "   \
      "is set.", "")                                                                               \
    X(VG, 8, DRIVER, MUST_NOT, WATCHED,                                                            \
      "The driver must not accept a feature that was not offered, nor a feature without the "      \
      "features that it depends on.", "")                                                          \
    X(VG, 9, DRIVER, MUST, WATCHED,                                                                \
      "The driver must read the offered features and must not accept a feature that it does not "  \
      "know.", "")                                                                                 \
    X(VG, 10, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should work without a feature that was not offered; if it cannot, it must "      \
      "write FAILED.", "")                                                                         \
    X(VG, 11, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not write FAILED because the device offers a feature that the driver does " \
      "not know.", "")                                                                             \
    X(VG, 12, DEVICE, MUST_NOT, WATCHED,                                                           \
      "The device must not offer a feature that it does not implement, nor a feature without "     \
      "those that it depends on.", "")                                                             \
    X(VG, 13, DEVICE, SHOULD, WATCHED,                                                             \
      "The device should accept any valid subset of the features that it offers, and must refuse " \
      "FEATURES_OK otherwise.", "")                                                                \
    X(VG, 14, DEVICE, SHOULD_NOT, WATCHED,                                                         \
      "After a reset the device should not refuse a set of features that it accepted before.", "") \
    X(VG, 15, DEVICE, MUST, WATCHED,                                                               \
      "After a reset the device must show status 0, and must not use queues or notify until "      \
      "DRIVER_OK is set again.", "")                                                               \
    X(VG, 16, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should treat a device reset as complete when it reads status 0.", "")            \
    X(VG, 17, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not treat a read of several configuration fields as atomic; it should "     \
      "read again until the generation is stable.", "")                                            \
    X(VG, 18, DRIVER, MUST, WATCHED,                                                               \
      "The driver must check that a feature is offered before it accesses a configuration field "  \
      "that exists only with that feature.", "")                                                   \
    X(VG, 19, DRIVER, MUST_NOT, NOT_APPLICABLE,                                                    \
      "The driver must not limit the size of configuration space; it should only check that the "  \
      "space is large enough.",                                                                    \
      "The transport tells the driver nothing about the size of configuration space, so that no "  \
      "driver can limit the size.")                                                                \
    X(VG, 20, DEVICE, MUST, WATCHED,                                                               \
      "Before FEATURES_OK the device must allow the driver to read the configuration fields of "   \
      "all features that it offers.", "")                                                          \
    X(VG, 21, DEVICE, MUST, WATCHED,                                                               \
      "The device must change the configuration generation after it changed a value that the "     \
      "driver had read.", "")                                                                      \
    X(VG, 22, DRIVER, MUST, WATCHED,                                                               \
      "The driver must initialise in this order: reset, ACKNOWLEDGE, DRIVER, features, "           \
      "FEATURES_OK, read status back, queues, DRIVER_OK.", "")                                     \
    X(VG, 23, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not write configuration before FEATURES_OK, must not write features after " \
      "FEATURES_OK, and must not continue when a step failed.", "")                                \
    X(VG, 24, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not kick a queue before DRIVER_OK is set.", "")                             \
    X(VG, 25, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not change or reclaim an available buffer of a live queue; it must reset "  \
      "the device or the queue first.", "")                                                        \
    X(VG, 26, DRIVER, MUST, WATCHED,                                                               \
      "The driver must accept VERSION_1 if the device offers it.", "")                             \
    X(VG, 27, DEVICE, MUST, WATCHED,                                                               \
      "The device must offer VERSION_1.", "")                                                      \
    X(VG, 28, DRIVER, SHOULD, NOT_APPLICABLE,                                                      \
      "The driver should accept ACCESS_PLATFORM; without ACCESS_PLATFORM it must use physical "    \
      "addresses.",                                                                                \
      "PFNs of a balloon are guest-physical and bypass any IOMMU, so that neither side "           \
      "implements ACCESS_PLATFORM (Linux clears it too).")                                         \
    X(VG, 29, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should accept RING_PACKED, ORDER_PLATFORM and NOTIF_CONFIG_DATA if it supports " \
      "them.", "")                                                                                 \
    X(VG, 30, DEVICE, MUST, WATCHED,                                                               \
      "With IN_ORDER the device must use buffers in the order in which they were made "            \
      "available.", "")                                                                            \
    X(VG, 31, DRIVER, MUST, WATCHED,                                                               \
      "With NOTIFICATION_DATA the driver must put into a kick the ring position after its last "   \
      "available descriptor.", "")                                                                 \
    X(VG, 32, BOTH, MUST, WATCHED,                                                                 \
      "Both sides must detect a legacy peer by the absence of VERSION_1; legacy initialisation "   \
      "has no FEATURES_OK, and the device tolerates queues used before DRIVER_OK.", "")            \
    X(VG, 33, BOTH, MUST, WATCHED,                                                                 \
      "Both sides must keep legacy rings in the guest's byte order; ANY_LAYOUT (bit 27) may be "   \
      "offered, bit 30 must not.", "")                                                             \
    X(VG, 34, DRIVER, SHOULD_NOT, WATCHED,                                                         \
      "The driver should not set SUSPEND before SUSPEND was negotiated and DRIVER_OK is set.", "") \
    X(VG, 35, DRIVER, MUST, WATCHED,                                                               \
      "After it set SUSPEND the driver must read the status until it shows SUSPEND set and "       \
      "DRIVER_OK clear.", "")                                                                      \
    X(VG, 36, DRIVER, MUST_NOT, WATCHED,                                                           \
      "While the device is suspended the driver must not add buffers, kick a queue or write "      \
      "configuration.", "")                                                                        \
    X(VG, 37, DRIVER, MUST, WATCHED,                                                               \
      "On resume the driver must wait until the status shows DRIVER_OK set and SUSPEND "           \
      "clear.", "")                                                                                \
    X(VG, 38, DEVICE, MUST, WATCHED,                                                               \
      "The device must ignore SUSPEND before DRIVER_OK is set, and should ignore configuration "   \
      "writes while it is suspended.", "")                                                         \
    X(VG, 39, DEVICE, MUST_NOT, WATCHED,                                                           \
      "A suspended device must not notify, access queues or change configuration; it notifies of " \
      "a pending change when it resumes.", "")                                                     \
    X(VG, 40, DEVICE, MUST, WATCHED,                                                               \
      "When asked to suspend or to resume, the device must either do it or set NEEDS_RESET.", "")  \
    X(VG, 41, DEVICE, SHOULD, WATCHED,                                                             \
      "Before it suspends, the device should stop fetching buffers, use those in flight and "      \
      "notify the driver of them.", "")                                                            \
    X(VG, 42, DEVICE, MUST_NOT, WATCHED,                                                           \
      "After a queue reset the device must not use buffers of that queue or interrupt for "        \
      "it.", "")                                                                                   \
    X(VG, 43, DEVICE, MUST, WATCHED,                                                               \
      "A queue reset must return the queue to the state it has after a device reset.", "")         \
    X(VG, 44, DRIVER, MUST, WATCHED,                                                               \
      "The driver must check that a queue reset is complete before it continues.", "")             \
    X(VG, 45, DRIVER, MAY, WATCHED,                                                                \
      "Once a queue reset is complete, the driver may free the buffers and the rings of that "     \
      "queue.", "")                                                                                \
    X(VG, 46, DEVICE, MUST, WATCHED,                                                               \
      "The device must show a queue's reset as pending until it is complete, and as not pending "  \
      "once the queue is enabled again.", "")                                                      \
    X(VG, 47, BOTH, MUST, WATCHED,                                                                 \
      "After a queue reset both sides must use the size and the addresses that the driver sets "   \
      "when it enables the queue again.", "")                                                      \
    /* VIRTIO 1.4, 2.7: the split ring. */                                                         \
    X(VS, 1, DRIVER, MUST, WATCHED,                                                                \
      "The driver must align the descriptor table to 16 bytes, the available ring to 2 and the "   \
      "used ring to 4; the queue size is a power of two, at most 32768.", "")                      \
    X(VS, 2, DEVICE, MUST_NOT, WATCHED,                                                            \
      "The device must not assume how a buffer is divided into descriptors; it may limit their "   \
      "number.", "")                                                                               \
    X(VS, 3, DRIVER, MUST, WATCHED,                                                                \
      "In a chain the driver must place device-readable descriptors before device-writable "       \
      "descriptors.", "")                                                                          \
    X(VS, 4, DEVICE, MUST_NOT, WATCHED,                                                            \
      "The device must not write to device-readable buffers or to the descriptor table.", "")      \
    X(VS, 5, DRIVER, MUST_NOT, WATCHED,                                                            \
      "The driver must not build a descriptor chain that is longer than 2^32 bytes in total or "   \
      "that loops.", "")                                                                           \
    X(VS, 6, DRIVER, MUST, WATCHED,                                                                \
      "With IN_ORDER the descriptors of a chain must be consecutive in the descriptor table, "     \
      "with wrap-around.", "")                                                                     \
    X(VS, 7, DRIVER, MUST_NOT, WATCHED,                                                            \
      "The driver must not use indirect tables without INDIRECT_DESC, nest indirect tables, "      \
      "combine INDIRECT with NEXT, or build a chain longer than the queue size.", "")              \
    X(VS, 8, DRIVER, MUST, WATCHED,                                                                \
      "With IN_ORDER the descriptors of a chain in an indirect table must be consecutive.", "")    \
    X(VS, 9, DEVICE, MUST, WATCHED,                                                                \
      "The device must ignore WRITE in a descriptor that refers to an indirect table, and must "   \
      "accept direct descriptors before it.", "")                                                  \
    X(VS, 10, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not decrement avail.idx.", "")                                              \
    X(VS, 11, BOTH, MUST, WATCHED,                                                                 \
      "Without EVENT_IDX each side must notify when the peer's flag is 0, and should not notify "  \
      "when the flag is 1.", "")                                                                   \
    X(VS, 12, BOTH, MUST, WATCHED,                                                                 \
      "With EVENT_IDX each side must notify when its index passes the peer's event index, must "   \
      "write 0 to its own flags and must ignore the peer's flags.", "")                            \
    X(VS, 13, BOTH, MUST, WATCHED,                                                                 \
      "Both sides must tolerate spurious notifications.", "")                                      \
    X(VS, 14, DEVICE, MUST, WATCHED,                                                               \
      "The device must write at least `len` bytes into a buffer, and must write `len` before it "  \
      "updates used.idx.", "")                                                                     \
    X(VS, 15, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not use data in a buffer beyond the `len` bytes that the device "           \
      "reported.", "")                                                                             \
    X(VS, 16, DRIVER, MUST, WATCHED,                                                               \
      "The driver must initialise the used ring's flags to 0, and must place memory barriers "     \
      "before its index update and before it reads the flags.", "")                                \
    X(VS, 17, DEVICE, MAY, NOT_APPLICABLE,                                                         \
      "With IN_ORDER the device may report several used buffers by one used entry, which names "   \
      "the last buffer.",                                                                          \
      "The device completes each buffer before it fetches the next, so that it never has several " \
      "buffers to report by one entry.")                                                           \
    /* VIRTIO 1.4, 2.8: the packed ring. */                                                        \
    X(VP, 1, DRIVER, MUST, WATCHED,                                                                \
      "The driver must align the descriptor ring to 16 bytes and the event structures to 4; the "  \
      "queue size is at most 32768 and need not be a power of two; wrap counters start at 1.", "") \
    X(VP, 2, DEVICE, MUST, WATCHED,                                                                \
      "The device must fetch buffers in ring order, and must write used descriptors in the order " \
      "in which it completes buffers.", "")                                                        \
    X(VP, 3, DEVICE, MUST_NOT, WATCHED,                                                            \
      "The device must not read a descriptor before it is available, change a descriptor after "   \
      "it is used, or write to device-readable buffers.", "")                                      \
    X(VP, 4, DRIVER, MUST_NOT, WATCHED,                                                            \
      "The driver must not change a descriptor after it made the descriptor available and before " \
      "the device used it.", "")                                                                   \
    X(VP, 5, DRIVER, MUST_NOT, WATCHED,                                                            \
      "The driver must not build a list longer than the queue or than its free descriptors, make " \
      "the first descriptor available before the others, or place device-writable descriptors "    \
      "first.", "")                                                                                \
    X(VP, 6, DEVICE, MUST, WATCHED,                                                                \
      "The device must read the descriptors of a list in order, write one used descriptor for "    \
      "the list and skip the other descriptors.", "")                                              \
    X(VP, 7, DRIVER, MUST_NOT, WATCHED,                                                            \
      "The driver must not use indirect tables without INDIRECT_DESC, set flags other than WRITE " \
      "in an indirect table, or combine INDIRECT with NEXT.", "")                                  \
    X(VP, 8, DRIVER, MUST, NOT_APPLICABLE,                                                         \
      "The driver must place memory barriers before it writes descriptor flags and before it "     \
      "reads the device's event structure.",                                                       \
      "The simulation does not reorder memory accesses, so that a missing barrier has no effect.") \
    X(VP, 9, BOTH, MUST, WATCHED,                                                                  \
      "Each side must write only 0, 1 or (with EVENT_IDX) 2 as its event flags, and must notify "  \
      "as the peer's event flags ask.", "")                                                        \
    /* VIRTIO 1.4, 5.5: the balloon, driver. */                                                    \
    X(BD, 1, DRIVER, SHOULD, WATCHED,                                                              \
      "The driver should accept MUST_TELL_HOST if the device offers it.", "")                      \
    X(BD, 2, DRIVER, SHOULD, WATCHED,                                                              \
      "The driver should not accept PAGE_POISON unless it fills deflated pages with poison_val "   \
      "immediately.", "")                                                                          \
    X(BD, 3, DRIVER, MUST_NOT, WATCHED,                                                            \
      "A driver that expects free pages to keep a value must not accept PAGE_REPORTING without "   \
      "PAGE_POISON.", "")                                                                          \
    X(BD, 4, DRIVER, SHOULD, WATCHED,                                                              \
      "The driver should inflate while num_pages is greater than actual.", "")                     \
    X(BD, 5, DRIVER, MAY, WATCHED,                                                                 \
      "The driver may deflate while num_pages is less than actual.", "")                           \
    X(BD, 6, DRIVER, MAY, WATCHED,                                                                 \
      "The driver may inflate while num_pages is greater than or equal to actual.", "")            \
    X(BD, 7, DRIVER, MUST_NOT, WATCHED,                                                            \
      "Without DEFLATE_ON_OOM the driver must not deflate while num_pages is greater than or "     \
      "equal to actual.", "")                                                                      \
    X(BD, 8, DRIVER, MAY, WATCHED,                                                                 \
      "With DEFLATE_ON_OOM the driver may deflate while num_pages is greater than or equal to "    \
      "actual if the guest needs memory.", "")                                                     \
    X(BD, 9, DRIVER, MUST, WATCHED,                                                                \
      "The driver must send every page that it takes out of the balloon on the deflate queue, "    \
      "also under memory pressure.", "")                                                           \
    X(BD, 10, DRIVER, MUST_NOT, WATCHED,                                                           \
      "With MUST_TELL_HOST the driver must not use a deflated page before the device completed "   \
      "the deflate.", "")                                                                          \
    X(BD, 11, DRIVER, MAY, WATCHED,                                                                \
      "Without MUST_TELL_HOST the driver may use a deflated page before the device completed the " \
      "deflate.", "")                                                                              \
    X(BD, 12, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not use a page from the moment it submits the page in an inflate until "    \
      "the device completed that inflate.", "")                                                    \
    X(BD, 13, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not submit a deflate of a page before the inflate of that page is "         \
      "completed.", "")                                                                            \
    X(BD, 14, DRIVER, MUST, WATCHED,                                                               \
      "The driver must write actual after the size of the balloon changed.", "")                   \
    X(BD, 15, DRIVER, MAY, WATCHED,                                                                \
      "The driver may write actual once for several changes of the balloon.", "")                  \
    X(BD, 16, DRIVER, MUST, WATCHED,                                                               \
      "The driver must have at most one buffer in the statistics queue.", "")                      \
    X(BD, 17, DRIVER, MUST, WATCHED,                                                               \
      "After initialisation the driver must put a first buffer into the statistics queue.", "")    \
    X(BD, 18, DRIVER, MUST, WATCHED,                                                               \
      "The driver must put a new buffer into the statistics queue after the device used the "      \
      "previous one.", "")                                                                         \
    X(BD, 19, DRIVER, MUST, WATCHED,                                                               \
      "The driver must fill the statistics buffer with an entry for each statistic that it "       \
      "supports.", "")                                                                             \
    X(BD, 20, DRIVER, MUST, WATCHED,                                                               \
      "The size of a statistics buffer must be a multiple of the 10 bytes of an entry.", "")       \
    X(BD, 21, DRIVER, MAY, WATCHED,                                                                \
      "The driver may write the entries of a statistics buffer in any order.", "")                 \
    X(BD, 22, DRIVER, MAY, WATCHED,                                                                \
      "The driver may supply a subset of the defined statistics.", "")                             \
    X(BD, 23, DRIVER, MUST, WATCHED,                                                               \
      "The driver must supply the same set of statistics in every buffer.", "")                    \
    X(BD, 24, DRIVER, MUST, WATCHED,                                                               \
      "The driver must make each output buffer of the hint queue 4 bytes long.", "")               \
    X(BD, 25, DRIVER, MUST, WATCHED,                                                               \
      "The driver must start a round of hinting by an output buffer that holds the current "       \
      "command id.", "")                                                                           \
    X(BD, 26, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not send more than one output buffer with the same command id.", "")        \
    X(BD, 27, DRIVER, SHOULD, WATCHED,                                                             \
      "While the command id is 2 or greater, the driver should send free pages as input "          \
      "buffers.", "")                                                                              \
    X(BD, 28, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should stop sending hints when the command id is STOP or DONE.", "")             \
    X(BD, 29, DRIVER, MUST, WATCHED,                                                               \
      "When it has no more free pages to hint, the driver must end the round by an output buffer " \
      "that holds STOP.", "")                                                                      \
    X(BD, 30, DRIVER, MAY, WATCHED,                                                                \
      "The driver may use hinted pages at any time.", "")                                          \
    X(BD, 31, DRIVER, MUST, WATCHED,                                                               \
      "The driver must treat the content of a hinted page as uninitialised.", "")                  \
    X(BD, 32, DRIVER, MUST, WATCHED,                                                               \
      "Before DONE the driver must write to a hinted page before it uses the page; the write "     \
      "cancels the hint.", "")                                                                     \
    X(BD, 33, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should release all hinted pages once the command id is DONE.", "")               \
    X(BD, 34, DRIVER, MUST, WATCHED,                                                               \
      "With PAGE_POISON the driver must fill deflated pages with poison_val before it uses "       \
      "them.", "")                                                                                 \
    X(BD, 35, DRIVER, MUST, WATCHED,                                                               \
      "With PAGE_POISON the driver must write poison_val before DRIVER_OK.", "")                   \
    X(BD, 36, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not change poison_val while DRIVER_OK is set.", "")                         \
    X(BD, 37, DRIVER, MUST, WATCHED,                                                               \
      "Without PAGE_POISON the driver must treat the content of a reported page as "               \
      "uninitialised.", "")                                                                        \
    X(BD, 38, DRIVER, MUST, WATCHED,                                                               \
      "With PAGE_POISON the driver must fill free pages with poison_val before it reports "        \
      "them.", "")                                                                                 \
    X(BD, 39, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not use a reported page before the device completed the report.", "")       \
    X(BD, 40, DRIVER, MAY, WATCHED,                                                                \
      "The driver may report free pages at any time after DRIVER_OK.", "")                         \
    X(BD, 41, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should report large blocks of free pages in preference to small blocks.", "")    \
    X(BD, 42, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should avoid using reported pages while it has other free pages.", "")           \
    /* VIRTIO 1.4, 5.5: the balloon, device. */                                                    \
    X(BV, 1, DEVICE, MAY, NOT_APPLICABLE,                                                          \
      "The device may refuse FEATURES_OK to a driver that did not accept MUST_TELL_HOST.",         \
      "Our device accepts drivers without MUST_TELL_HOST, as BL-1 requires.")                      \
    X(BV, 2, DEVICE, MAY, WATCHED,                                                                 \
      "The device may change a page between fetching the inflate that names it and completing "    \
      "that inflate.", "")                                                                         \
    X(BV, 3, DEVICE, MAY, WATCHED,                                                                 \
      "With MUST_TELL_HOST the device may change a ballooned page until it completed the deflate " \
      "of that page.", "")                                                                         \
    X(BV, 4, DEVICE, MUST, WATCHED,                                                                \
      "The device must ignore statistics with a tag that it does not know.", "")                   \
    X(BV, 5, DEVICE, MUST, WATCHED,                                                                \
      "The device must accept statistics entries in any order.", "")                               \
    X(BV, 6, DEVICE, SHOULD, WATCHED,                                                              \
      "The device should set the command id to STOP while it cannot use hints.", "")               \
    X(BV, 7, DEVICE, MUST_NOT, WATCHED,                                                            \
      "The device must not use a command id again until the driver has sent a STOP buffer.", "")   \
    X(BV, 8, DEVICE, MUST, WATCHED,                                                                \
      "The device must ignore hinted pages that arrive under a command id other than the current " \
      "one.", "")                                                                                  \
    X(BV, 9, DEVICE, MAY, WATCHED,                                                                 \
      "The device may change a hinted page that the guest did not write to since the current "     \
      "command id was set.", "")                                                                   \
    X(BV, 10, DEVICE, MUST_NOT, WATCHED,                                                           \
      "The device must not change hinted pages after it set the command id to DONE.", "")          \
    X(BV, 11, DEVICE, MUST, WATCHED,                                                               \
      "The device must set the command id to DONE when it no longer needs the hinted pages.", "")  \
    X(BV, 12, DEVICE, MAY, WATCHED,                                                                \
      "The device may treat poison_val as a hint only.", "")                                       \
    X(BV, 13, DEVICE, MAY, WATCHED,                                                                \
      "Without PAGE_POISON the device may change reported pages before it completes the "          \
      "report.", "")                                                                               \
    X(BV, 14, DEVICE, MUST_NOT, WATCHED,                                                           \
      "With PAGE_POISON the device must not change the content of reported pages to anything "     \
      "other than poison_val.", "")                                                                \
    /* VIRTIO 1.4, 5.5: the balloon, legacy interface. */                                          \
    X(BL, 1, DEVICE, MUST, WATCHED,                                                                \
      "A device must work with legacy drivers that did not negotiate MUST_TELL_HOST.", "")         \
    X(BL, 2, DEVICE, SHOULD, WATCHED,                                                              \
      "A device should tolerate that a legacy driver uses ballooned pages before it deflates "     \
      "them.", "")                                                                                 \
    X(BL, 3, BOTH, MUST, WATCHED,                                                                  \
      "Configuration space must be little-endian on the legacy interface as well.", "")            \
    X(BL, 4, DRIVER, SHOULD, WATCHED,                                                              \
      "The driver should ignore the used length that a legacy device reports.", "")                \
    X(BL, 5, DRIVER, MUST, WATCHED,                                                                \
      "A legacy driver must write all 4 bytes of actual in one access.", "")                       \
    X(BL, 6, DEVICE, SHOULD_NOT, NOT_APPLICABLE,                                                   \
      "The device should not use actual before its most significant byte is written.",             \
      "How a device uses actual is not visible on the wire; "                                      \
      "tests/unit/host/test_host_registers.c tests our device.")                                   \
    X(BL, 7, DRIVER, MUST, WATCHED,                                                                \
      "A legacy driver must write statistics in the guest's byte order.", "")                      \
    X(BL, 8, DEVICE, SHOULD, NOT_APPLICABLE,                                                       \
      "The device should ignore the values in the first statistics buffer.",                       \
      "How a device uses statistics is not visible on the wire; "                                  \
      "tests/unit/host/test_host_stats.c tests our device.")                                       \
    X(BL, 9, BOTH, MUST, NOT_APPLICABLE,                                                           \
      "On the legacy interface both sides must use the guest's byte order for command ids in "     \
      "buffers.",                                                                                  \
      "No simulated driver sends hints on the legacy interface; "                                  \
      "tests/unit/guest/test_guest_legacy.c tests our driver.")                                    \
    /* docs/understand/wire-extension.md: refusals and resets. */                                  \
    X(BX, 1, BOTH, MUST_NOT, WATCHED,                                                              \
      "Neither side may offer or accept a feature of the extension on a bit that the standard "    \
      "uses.", "")                                                                                 \
    X(BX, 2, BOTH, MUST_NOT, WATCHED,                                                              \
      "Neither side may offer or accept RESET without VERDICTS.", "")                              \
    X(BX, 3, DEVICE, SHOULD, WATCHED,                                                              \
      "The device should work with a driver that accepts neither VERDICTS nor RESET.", "")         \
    X(BX, 4, BOTH, MUST, WATCHED,                                                                  \
      "The request must precede the response, which has 8 + n bytes for n PFNs; the device must "  \
      "not act on a request with a shorter response.", "")                                         \
    X(BX, 5, DEVICE, MUST, WATCHED,                                                                \
      "The device must write one verdict for each of the n PFNs, in order, and must report a "     \
      "used length of 8 + n.", "")                                                                 \
    X(BX, 6, DRIVER, MUST, WATCHED,                                                                \
      "The driver must treat a page whose verdict is missing, 0 or unknown as possibly "           \
      "ballooned.", "")                                                                            \
    X(BX, 7, DRIVER, MUST, WATCHED,                                                                \
      "The driver must treat a page of several PFNs as accepted if all PFNs are accepted, as "     \
      "refused if none is, and otherwise as BX-6 says.", "")                                       \
    X(BX, 8, DEVICE, MUST, WATCHED,                                                                \
      "Without MUST_TELL_HOST the device must answer a deflate only by ACCEPTED, NOT_LOCKED, "     \
      "INVALID or RESET.", "")                                                                     \
    X(BX, 9, DEVICE, SHOULD, WATCHED,                                                              \
      "The device should answer NOT_NEEDED when the balloon has reached its target.", "")          \
    X(BX, 10, DEVICE, MUST, WATCHED,                                                               \
      "On a reset of the balloon the device must forget all pages, raise the epoch, notify, and "  \
      "answer requests of the old epoch by RESET, in this order.", "")                             \
    X(BX, 11, BOTH, MUST, WATCHED,                                                                 \
      "The driver must acknowledge the epoch before DRIVER_OK and after a reset of the balloon; "  \
      "until then the device must answer all requests by RESET.", "")                              \
    X(BX, 12, DRIVER, SHOULD, WATCHED,                                                             \
      "The driver should hold a refused page and offer another page instead; it must limit how "   \
      "many pages it holds, and must free them later.", "")                                        \
    X(BX, 13, DRIVER, SHOULD, WATCHED,                                                             \
      "When it holds as many refused pages as it may, the driver should end the cycle and back "   \
      "off; it must not retry without a wait.", "")                                                \
    X(BX, 14, DRIVER, SHOULD, WATCHED,                                                             \
      "After NOT_NEEDED the driver should end the cycle and read the target again.", "")           \
    X(BX, 15, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not count held pages in actual.", "")                                       \
    X(BX, 16, DRIVER, MAY, WATCHED,                                                                \
      "The driver may use a page immediately when its deflate is answered by NOT_LOCKED.", "")     \
    X(BX, 17, DRIVER, MUST, WATCHED,                                                               \
      "After a reset of the balloon the driver must free all ballooned pages without deflating "   \
      "them; it frees pages in flight when the device has completed their requests.", "")          \
    X(BX, 18, DRIVER, MUST, WATCHED,                                                               \
      "After it freed all pages, the driver must write epoch_ack and then actual = 0, each "       \
      "once.", "")                                                                                 \
    X(BX, 19, DRIVER, MUST, WATCHED,                                                               \
      "After a reset of the balloon the driver must treat pages that were accepted under a stale " \
      "epoch as its own.", "")                                                                     \
    X(BX, 20, DEVICE, MAY, WATCHED,                                                                \
      "The device may reset the balloon again before the driver acknowledged the previous "        \
      "reset.", "")                                                                                \
    X(BX, 21, BOTH, MUST, WATCHED,                                                                 \
      "On a device reset both sides must treat the balloon as empty.", "")                         \
    X(BX, 22, BOTH, MUST_NOT, WATCHED,                                                             \
      "Neither side may offer or accept HUGE_PAGES without VERDICTS.", "")                         \
    X(BX, 23, DRIVER, MUST_NOT, WATCHED,                                                           \
      "The driver must not set the flag for huge pages without HUGE_PAGES, nor any other "         \
      "flag.", "")                                                                                 \
    X(BX, 24, DRIVER, MUST, WATCHED,                                                               \
      "In a request for huge pages the driver must count huge pages, not PFNs.", "")               \
    X(BX, 25, DEVICE, MUST, WATCHED,                                                               \
      "The device must accept or refuse a huge page as a whole.", "")                              \
    X(BX, 26, DEVICE, MUST, WATCHED,                                                               \
      "The device must answer a huge page by NOT_NEEDED only if the balloon has already reached "  \
      "its target.", "")                                                                           \
    X(BX, 27, DRIVER, MAY, NOT_APPLICABLE,                                                         \
      "The driver may deflate single PFNs of a huge page.",                                        \
      "Our driver deflates a huge page as a whole, so that no run shows a deflate of single "      \
      "PFNs.")                                                                                     \
    X(BX, 28, DRIVER, MUST, WATCHED,                                                               \
      "The driver must write guest_limit between FEATURES_OK and DRIVER_OK, and whenever the "     \
      "limit changes.", "")                                                                        \
    X(BX, 29, DEVICE, SHOULD_NOT, WATCHED,                                                         \
      "The device should not set a target above the guest's limit; guest_limit must read as 0 "    \
      "after a reset.", "")

/** Clauses whose literal text differs from its meaning: family, number, the literal reading. */
#define CLAUSE_LITERAL_MAP(X)                                                                      \
    X(BD, 7,                                                                                       \
      "The text says num_pages \"<=\" actual (virtio-spec #228), which forbids every deflate "     \
      "without DEFLATE_ON_OOM and contradicts BD-5.")                                              \
    X(BD, 8,                                                                                       \
      "The text says num_pages \"<=\" actual, as in BD-7, and so permits only what BD-5 permits "  \
      "already.")                                                                                  \
    X(BD, 20,                                                                                      \
      "The text says a multiple of 6 bytes, although an entry has 10: only 3, 6, 9 ... entries "   \
      "satisfy it.")
/* clang-format on */

typedef enum clause_id {
#define X(family, number, who, level, watch, text, reason) CLAUSE_##family##_##number,
    CLAUSE_MAP(X)
#undef X
    CLAUSE_COUNT
} clause_id;

#endif
