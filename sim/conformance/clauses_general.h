/*
 * The clauses VG, VS and VP: VIRTIO's rules for every device, and for both ring formats. The
 * columns are explained in clauses.h, which includes this file.
 */
#ifndef SIM_CONFORMANCE_CLAUSES_GENERAL_H
#define SIM_CONFORMANCE_CLAUSES_GENERAL_H

/* clang-format off */
#define CLAUSE_GENERAL_MAP(X)                                                                      \
    /* The rules for status, features, reset, configuration (VIRTIO 1.4, 2.1 to 2.5, 3.1, 6). */   \
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
    /* The rules for the split ring (VIRTIO 1.4, 2.7). */                                          \
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
    /* The rules for the packed ring (VIRTIO 1.4, 2.8). */                                         \
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
      "as the peer's event flags ask.", "")
/* clang-format on */

#endif
