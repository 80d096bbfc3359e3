/*
 * The clauses BD, BV and BL: VIRTIO's rules for balloon drivers, for balloon devices, and for the
 * legacy interface of the balloon. The columns are explained in clauses.h, which includes this
 * file.
 */
#ifndef SIM_CONFORMANCE_CLAUSES_BALLOON_H
#define SIM_CONFORMANCE_CLAUSES_BALLOON_H

/* clang-format off */
#define CLAUSE_BALLOON_MAP(X)                                                                      \
    /* The rules for the driver of a balloon (VIRTIO 1.4, 5.5). */                                 \
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
    /* The rules for a balloon device (VIRTIO 1.4, 5.5). */                                        \
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
    /* The rules for the legacy interface of the balloon (VIRTIO 1.4, 5.5). */                     \
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
      "tests/unit/guest/test_guest_legacy.c tests our driver.")
/* clang-format on */

#endif
