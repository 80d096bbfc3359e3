/*
 * The clauses: every statement of VIRTIO, and of our extension, that a balloon must honour, one row
 * each, numbered by us and in our words. The standard's text is what counts.
 *
 * A row names the party that is bound, how strongly, and whether a watcher (sim/conformance/ *.c)
 * looks at it in every scenario. WATCHED rows must be covered by the suite and need a breaker in
 * tests/conformance; OPEN rows wait for a watcher; NOT_APPLICABLE rows say why nothing can be seen.
 * `ballonet conformance` prints the table, docs/prove/conformance.md is made from it.
 */
#ifndef SIM_CONFORMANCE_CLAUSES_H
#define SIM_CONFORMANCE_CLAUSES_H

/* clang-format off */
/** family, number, who, level, watch, text, reason (of NOT_APPLICABLE, else ""). */
#define CLAUSE_MAP(X)                                                                              \
    /* VIRTIO 1.4, 2.1 to 2.5, 3.1 and 6: status, features, reset, configuration. */               \
    X(VG, 1, DRIVER, MUST, WATCHED,                                                                \
      "set each status bit when its step of initialisation is complete", "")                       \
    X(VG, 2, DRIVER, MUST_NOT, WATCHED, "clear a status bit other than by a reset", "")            \
    X(VG, 3, DRIVER, MUST, WATCHED, "reset the device before it starts again after FAILED", "")    \
    X(VG, 4, DRIVER, SHOULD_NOT, WATCHED,                                                          \
      "rely on answers once the device needs a reset; it recovers by a reset", "")                 \
    X(VG, 5, DEVICE, MUST_NOT, WATCHED, "take buffers or interrupt before DRIVER_OK", "")          \
    X(VG, 6, DEVICE, SHOULD, WATCHED, "set NEEDS_RESET when it cannot go on", "")                  \
    X(VG, 7, DEVICE, MUST, WATCHED,                                                                \
      "then tell a driver that is running by a configuration change", "")                          \
    X(VG, 8, DRIVER, MUST_NOT, WATCHED,                                                            \
      "accept a feature that was not offered, or one without what it depends on", "")              \
    X(VG, 9, DRIVER, MUST, WATCHED, "judge the offer, and leave out what it does not know", "")    \
    X(VG, 10, DRIVER, SHOULD, WATCHED,                                                             \
      "go on without a feature that is missing; MUST write FAILED if it cannot", "")               \
    X(VG, 11, DRIVER, MUST_NOT, WATCHED, "fail because an unknown feature is offered", "")         \
    X(VG, 12, DEVICE, MUST_NOT, WATCHED,                                                           \
      "offer a feature without what it depends on, or one that it cannot serve", "")               \
    X(VG, 13, DEVICE, SHOULD, WATCHED,                                                             \
      "accept any valid part of its offer; MUST refuse FEATURES_OK otherwise", "")                 \
    X(VG, 14, DEVICE, SHOULD_NOT, WATCHED, "refuse after a reset what it accepted before", "")     \
    X(VG, 15, DEVICE, MUST, WATCHED,                                                               \
      "read status 0 after a reset, and leave queues and notifications alone until it is live "    \
      "again", "")                                                                                 \
    X(VG, 16, DRIVER, SHOULD, WATCHED, "take a reset as complete when the status reads 0", "")     \
    X(VG, 17, DRIVER, MUST_NOT, WATCHED,                                                           \
      "take a read of several fields as atomic; SHOULD read again until the generation stands",    \
      "")                                                                                          \
    X(VG, 18, DRIVER, MUST, WATCHED,                                                               \
      "see a feature offered before it touches the field of configuration that comes with it", "") \
    X(VG, 19, DRIVER, MUST_NOT, NOT_APPLICABLE,                                                    \
      "limit the size of configuration space; SHOULD only see that it is large enough",            \
      "the driver's transport is never told the size of configuration space, so it cannot limit "  \
      "it")                                                                                        \
    X(VG, 20, DEVICE, MUST, WATCHED,                                                               \
      "let fields of features that it offers be read before FEATURES_OK", "")                      \
    X(VG, 21, DEVICE, MUST, WATCHED,                                                               \
      "change the generation after a value that the driver read changed", "")                      \
    X(VG, 22, DRIVER, MUST, WATCHED,                                                               \
      "start in this order: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK, read back, "        \
      "queues, DRIVER_OK", "")                                                                     \
    X(VG, 23, DRIVER, MUST_NOT, WATCHED,                                                           \
      "write configuration before FEATURES_OK or features after it, or go on after a failure", "") \
    X(VG, 24, DRIVER, MUST_NOT, WATCHED, "kick before DRIVER_OK", "")                              \
    X(VG, 25, DRIVER, MUST_NOT, WATCHED,                                                           \
      "alter or take back an exposed buffer of a live queue; it resets the device or queue "       \
      "first", "")                                                                                 \
    X(VG, 26, DRIVER, MUST, WATCHED, "accept VERSION_1 if it is offered", "")                      \
    X(VG, 27, DEVICE, MUST, WATCHED, "offer VERSION_1", "")                                        \
    X(VG, 28, DRIVER, SHOULD, NOT_APPLICABLE,                                                      \
      "accept ACCESS_PLATFORM; without it MUST give physical addresses",                           \
      "a balloon's PFNs are physical and go past any IOMMU: neither side knows the feature "       \
      "(Linux clears it), so it is never offered")                                                 \
    X(VG, 29, DRIVER, SHOULD, WATCHED,                                                             \
      "accept RING_PACKED, ORDER_PLATFORM and NOTIF_CONFIG_DATA where it can", "")                 \
    X(VG, 30, DEVICE, MUST, WATCHED,                                                               \
      "with IN_ORDER, use buffers in the order in which they were made available", "")             \
    X(VG, 31, DRIVER, MUST, WATCHED,                                                               \
      "with NOTIFICATION_DATA, name in a kick the next descriptor that is not available yet", "")  \
    X(VG, 32, BOTH, MUST, WATCHED,                                                                    \
      "tell a legacy interface by VERSION_1; a legacy start has no FEATURES_OK, and the device "   \
      "bears use before DRIVER_OK", "")                                                            \
    X(VG, 33, BOTH, MUST, WATCHED,                                                                    \
      "keep legacy rings in the guest's own byte order; ANY_LAYOUT may be offered, bit 30 never",  \
      "")                                                                                          \
    X(VG, 34, DRIVER, SHOULD_NOT, WATCHED, "set SUSPEND without the feature and DRIVER_OK", "")    \
    X(VG, 35, DRIVER, MUST, WATCHED,                                                               \
      "read the status again until it shows SUSPEND without DRIVER_OK", "")                        \
    X(VG, 36, DRIVER, MUST_NOT, WATCHED,                                                           \
      "add buffers, kick or write configuration while the device is suspended", "")                \
    X(VG, 37, DRIVER, MUST, WATCHED,                                                               \
      "wait on resume until the status shows DRIVER_OK without SUSPEND", "")                       \
    X(VG, 38, DEVICE, MUST, WATCHED,                                                               \
      "ignore SUSPEND before it is live; SHOULD ignore writes of configuration while suspended",   \
      "")                                                                                          \
    X(VG, 39, DEVICE, MUST_NOT, WATCHED,                                                           \
      "notify, touch queues or change configuration while suspended; it tells of a change at "     \
      "resume", "")                                                                                \
    X(VG, 40, DEVICE, MUST, WATCHED, "suspend or set NEEDS_RESET; the same for a resume", "")      \
    X(VG, 41, DEVICE, SHOULD, WATCHED,                                                             \
      "first stop taking buffers, finish those in flight and tell of them", "")                    \
    X(VG, 42, DEVICE, MUST_NOT, WATCHED, "take buffers of or interrupt for a queue that was reset",\
      "")                                                                                          \
    X(VG, 43, DEVICE, MUST, WATCHED, "put a queue that was reset into its first state", "")        \
    X(VG, 44, DRIVER, MUST, WATCHED, "see that a queue's reset is complete", "")                   \
    X(VG, 45, DRIVER, MAY, WATCHED, "then free what belonged to the queue", "")                    \
    X(VG, 46, DEVICE, MUST, WATCHED,                                                               \
      "show the reset of a queue until it is complete, and none once it is enabled again", "")     \
    X(VG, 47, BOTH, MUST, WATCHED,                                                                 \
      "set a queue up anew after its reset, with whatever size and place it has then", "")         \
    /* VIRTIO 1.4, 2.7: the split ring. */                                                         \
    X(VS, 1, DRIVER, MUST, WATCHED,                                                                \
      "align the parts of a ring to 16, 2 and 4; its size is a power of two, at most 32768", "")   \
    X(VS, 2, DEVICE, MUST_NOT, WATCHED,                                                            \
      "assume how a buffer is split over descriptors; MAY limit how many there are", "")           \
    X(VS, 3, DRIVER, MUST, WATCHED, "put readable descriptors before writable ones", "")           \
    X(VS, 4, DEVICE, MUST_NOT, WATCHED, "write readable buffers or the descriptor table", "")      \
    X(VS, 5, DRIVER, MUST_NOT, WATCHED, "build a chain over 2^32 bytes, or one that loops", "")    \
    X(VS, 6, DRIVER, MUST, WATCHED,                                                                \
      "with IN_ORDER, let the descriptors of a chain follow each other around the table", "")      \
    X(VS, 7, DRIVER, MUST_NOT, WATCHED,                                                            \
      "use tables without the feature, a table in a table, INDIRECT with NEXT, or a chain longer " \
      "than the queue", "")                                                                        \
    X(VS, 8, DRIVER, MUST, WATCHED, "with IN_ORDER, do the same in a table", "")                   \
    X(VS, 9, DEVICE, MUST, WATCHED,                                                                \
      "ignore the WRITE flag of a descriptor that refers to a table, and take direct descriptors " \
      "before it", "")                                                                             \
    X(VS, 10, DRIVER, MUST_NOT, WATCHED, "decrement avail.idx", "")                                \
    X(VS, 11, BOTH, MUST, WATCHED,                                                                 \
      "without EVENT_IDX: notify when the peer's flag is 0, and not when it is 1 (SHOULD NOT)",    \
      "")                                                                                          \
    X(VS, 12, BOTH, MUST, WATCHED,                                                                 \
      "with EVENT_IDX: notify when the index passes the event, leave the flags 0 and ignore the "  \
      "peer's", "")                                                                                \
    X(VS, 13, BOTH, MUST, WATCHED, "bear notifications that mean nothing", "")                     \
    X(VS, 14, DEVICE, MUST, WATCHED, "write at least `len` bytes, and `len` before the index", "") \
    X(VS, 15, DRIVER, MUST_NOT, WATCHED, "trust bytes beyond `len`", "")                           \
    X(VS, 16, DRIVER, MUST, WATCHED,                                                               \
      "clear the used ring's flags; put barriers before the index and before the flags it reads",  \
      "")                                                                                          \
    X(VS, 17, DEVICE, MAY, NOT_APPLICABLE,                                                         \
      "with IN_ORDER, show several buffers as one entry that names the last",                      \
      "the device answers each buffer before it takes the next, so that no batch comes about")     \
    /* VIRTIO 1.4, 2.8: the packed ring. */                                                        \
    X(VP, 1, DRIVER, MUST, WATCHED,                                                                \
      "align the ring to 16 and the event structures to 4; any size up to 32768; wrap counters "   \
      "begin with 1", "")                                                                          \
    X(VP, 2, DEVICE, MUST, WATCHED,                                                                \
      "take buffers in the ring's order, and write used descriptors in the order of completion",   \
      "")                                                                                          \
    X(VP, 3, DEVICE, MUST_NOT, WATCHED,                                                            \
      "read a descriptor before it is available, change it once it is used, or write readable "    \
      "buffers", "")                                                                               \
    X(VP, 4, DRIVER, MUST_NOT, WATCHED,                                                            \
      "change a descriptor between making it available and finding it used", "")                   \
    X(VP, 5, DRIVER, MUST_NOT, WATCHED,                                                            \
      "build a list longer than the queue or than there is room, show its first descriptor before "\
      "the rest, or put writable ones first", "")                                                  \
    X(VP, 6, DEVICE, MUST, WATCHED,                                                                \
      "take a list's descriptors in order, write one used descriptor for it and skip the rest",    \
      "")                                                                                          \
    X(VP, 7, DRIVER, MUST_NOT, WATCHED,                                                            \
      "use tables without the feature, flags other than WRITE in one, or INDIRECT with NEXT", "")  \
    X(VP, 8, DRIVER, MUST, NOT_APPLICABLE,                                                         \
      "put barriers before the flags it writes and before the event structure it reads",           \
      "a simulation reorders no access to memory, so that no barrier can be seen")                 \
    X(VP, 9, BOTH, MUST, WATCHED,                                                                  \
      "write event flags 0, 1 or, with EVENT_IDX, 2, and notify as the peer's say", "")            \
    /* VIRTIO 1.4, 5.5: the balloon, driver. */                                                    \
    X(BD, 1, DRIVER, SHOULD, WATCHED, "accept MUST_TELL_HOST when it is offered", "")              \
    X(BD, 2, DRIVER, SHOULD, WATCHED,                                                                 \
      "not accept PAGE_POISON unless it fills deflated pages with poison_val at once", "")         \
    X(BD, 3, DRIVER, MUST_NOT, WATCHED,                                                               \
      "accept PAGE_REPORTING without PAGE_POISON if it expects free pages to keep a value", "")    \
    X(BD, 4, DRIVER, SHOULD, WATCHED, "give pages while num_pages is above actual", "")            \
    X(BD, 5, DRIVER, MAY, WATCHED, "use balloon pages while num_pages is below actual", "")        \
    X(BD, 6, DRIVER, MAY, WATCHED, "give pages while num_pages is at least actual", "")            \
    X(BD, 7, DRIVER, MUST_NOT, WATCHED,                                                            \
      "without DEFLATE_ON_OOM, use balloon pages while num_pages is at least actual", "")          \
    X(BD, 8, DRIVER, MAY, WATCHED,                                                                 \
      "with DEFLATE_ON_OOM, use balloon pages while num_pages is at least actual, if the system "  \
      "needs them", "")                                                                            \
    X(BD, 9, DRIVER, MUST, WATCHED,                                                                \
      "announce every page that it takes back on the deflate queue, out of memory included", "")   \
    X(BD, 10, DRIVER, MUST_NOT, WATCHED,                                                           \
      "with MUST_TELL_HOST, use a page before its deflate is answered", "")                        \
    X(BD, 11, DRIVER, MAY, WATCHED, "without it, use the page before that answer", "")             \
    X(BD, 12, DRIVER, MUST_NOT, WATCHED,                                                           \
      "use a page between giving it and the answer to that inflate", "")                           \
    X(BD, 13, DRIVER, MUST_NOT, WATCHED, "ask for a page back before its inflate was answered", "")\
    X(BD, 14, DRIVER, MUST, WATCHED, "write actual after the balloon changed", "")                 \
    X(BD, 15, DRIVER, MAY, WATCHED, "write it once for several changes", "")                       \
    X(BD, 16, DRIVER, MUST, WATCHED, "have at most one buffer in the statistics queue", "")           \
    X(BD, 17, DRIVER, MUST, WATCHED, "put a first statistics buffer there after initialisation", "")  \
    X(BD, 18, DRIVER, MUST, WATCHED, "put a new one there for each that comes back", "")              \
    X(BD, 19, DRIVER, MUST, WATCHED, "fill it, an entry for each statistic that it has", "")          \
    X(BD, 20, DRIVER, MUST, WATCHED, "give it a size that is a multiple of an entry's 10 bytes", "")  \
    X(BD, 21, DRIVER, MAY, WATCHED, "put statistics in any order", "")                                \
    X(BD, 22, DRIVER, MAY, WATCHED, "give some of the statistics only", "")                           \
    X(BD, 23, DRIVER, MUST, WATCHED, "give the same statistics every time", "")                       \
    X(BD, 24, DRIVER, MUST, WATCHED, "make every output buffer of the hint queue 4 bytes long", "")   \
    X(BD, 25, DRIVER, MUST, WATCHED,                                                                  \
      "begin a round of hints by an output buffer with the current command id", "")                \
    X(BD, 26, DRIVER, MUST_NOT, WATCHED, "send more than one output buffer with the current id", "")\
    X(BD, 27, DRIVER, SHOULD, WATCHED, "give pages as input buffers while the id is 2 or more", "")\
    X(BD, 28, DRIVER, SHOULD, WATCHED, "stop when the id is STOP or DONE", "")                     \
    X(BD, 29, DRIVER, MUST, WATCHED, "end by an output buffer STOP when it is out of pages", "")   \
    X(BD, 30, DRIVER, MAY, WATCHED, "use hinted pages at any time", "")                            \
    X(BD, 31, DRIVER, MUST, WATCHED, "take the content of hinted pages as uninitialised", "")      \
    X(BD, 32, DRIVER, MUST, WATCHED,                                                               \
      "initialise a hinted page that it uses before DONE: the write is what undoes the hint", "")  \
    X(BD, 33, DRIVER, SHOULD, WATCHED, "release all hinted pages once the id is DONE", "")            \
    X(BD, 34, DRIVER, MUST, WATCHED, "fill deflated pages with poison_val when it uses them", "")     \
    X(BD, 35, DRIVER, MUST, WATCHED, "write poison_val before DRIVER_OK", "")                         \
    X(BD, 36, DRIVER, MUST_NOT, WATCHED, "change poison_val while DRIVER_OK is set", "")              \
    X(BD, 37, DRIVER, MUST, WATCHED, "without PAGE_POISON, take reported pages as uninitialised", "") \
    X(BD, 38, DRIVER, MUST, WATCHED,                                                                  \
      "with PAGE_POISON, fill pages with poison_val before it reports them", "")                   \
    X(BD, 39, DRIVER, MUST_NOT, WATCHED, "use a reported page before the report is answered", "")     \
    X(BD, 40, DRIVER, MAY, WATCHED, "report free pages at any time after DRIVER_OK", "")              \
    X(BD, 41, DRIVER, SHOULD, WATCHED, "prefer large pages in reports", "")                           \
    X(BD, 42, DRIVER, SHOULD, WATCHED, "leave reported pages alone while it has others", "")          \
    /* VIRTIO 1.4, 5.5: the balloon, device. */                                                    \
    X(BV, 1, DEVICE, MAY, NOT_APPLICABLE,                                                          \
      "refuse FEATURES_OK to a driver that declined MUST_TELL_HOST",                               \
      "the device takes such drivers, as BL-1 asks: the permission is not used")                   \
    X(BV, 2, DEVICE, MAY, WATCHED,                                                                 \
      "change a page between seeing it in an inflate and answering that", "")                      \
    X(BV, 3, DEVICE, MAY, WATCHED,                                                                 \
      "with MUST_TELL_HOST, change it until it has seen and answered the deflate", "")             \
    X(BV, 4, DEVICE, MUST, WATCHED, "ignore statistics whose tag it does not know", "")               \
    X(BV, 5, DEVICE, MUST, WATCHED, "take statistics in any order", "")                               \
    X(BV, 6, DEVICE, SHOULD, WATCHED, "set the command id to STOP whenever it cannot use hints", "")  \
    X(BV, 7, DEVICE, MUST_NOT, WATCHED,                                                               \
      "use a command id again until the driver has sent a STOP buffer", "")                        \
    X(BV, 8, DEVICE, MUST, WATCHED, "ignore pages that come under another id than the current", "")\
    X(BV, 9, DEVICE, MAY, WATCHED,                                                                 \
      "change a hinted page that the guest did not change since the id was issued", "")            \
    X(BV, 10, DEVICE, MUST_NOT, WATCHED, "change hinted pages after DONE", "")                        \
    X(BV, 11, DEVICE, MUST, WATCHED, "publish DONE when it needs the hinted pages no longer", "")     \
    X(BV, 12, DEVICE, MAY, WATCHED, "take poison_val as a hint", "")                                  \
    X(BV, 13, DEVICE, MAY, WATCHED,                                                                   \
      "without PAGE_POISON, change reported pages before it answers the report", "")               \
    X(BV, 14, DEVICE, MUST_NOT, WATCHED,                                                              \
      "with PAGE_POISON, change reported pages to anything but poison_val", "")                    \
    /* VIRTIO 1.4, 5.5: the balloon, legacy interface. */                                          \
    X(BL, 1, DEVICE, MUST, WATCHED,                                                                   \
      "bear legacy drivers that did not negotiate MUST_TELL_HOST", "")                             \
    X(BL, 2, DEVICE, SHOULD, WATCHED, "then let the guest use memory before it tells", "")            \
    X(BL, 3, BOTH, MUST, WATCHED,                                                                     \
      "keep configuration little-endian on the legacy interface too", "")                          \
    X(BL, 4, DRIVER, SHOULD, WATCHED, "ignore the used length of a legacy device", "")                \
    X(BL, 5, DRIVER, MUST, WATCHED, "write all 4 bytes of actual at once", "")                        \
    X(BL, 6, DEVICE, SHOULD_NOT, NOT_APPLICABLE,                                                   \
      "use actual until its most significant byte is written",                                     \
      "what a device makes of actual is not seen from outside; tests/unit/host/test_host_registers.c")  \
    X(BL, 7, DRIVER, MUST, WATCHED,                                                                \
      "keep legacy statistics in the guest's own byte order", "")                                  \
    X(BL, 8, DEVICE, SHOULD, NOT_APPLICABLE, "ignore the values of the first statistics buffer",   \
      "what a device makes of statistics is not seen from outside; tests/unit/host/test_host_stats.c")  \
    X(BL, 9, BOTH, MUST, NOT_APPLICABLE,                                                           \
      "keep legacy command ids in buffers in the guest's own byte order",                          \
      "no driver here hints on the legacy interface: tests/unit/guest/test_guest_legacy.c")              \
    /* docs/understand/wire-extension.md: refusals and resets. */                                             \
    X(BX, 1, BOTH, MUST_NOT, WATCHED,                                                              \
      "offer or accept a feature of the extension on a bit that has another meaning", "")          \
    X(BX, 2, BOTH, MUST_NOT, WATCHED, "offer or accept RESET without VERDICTS", "")                \
    X(BX, 3, DEVICE, SHOULD, WATCHED, "work with a driver that accepts neither", "")               \
    X(BX, 4, BOTH, MUST, WATCHED,                                                                  \
      "put the request first and make the response 8 + n bytes long; a shorter one is not acted "  \
      "on", "")                                                                                    \
    X(BX, 5, DEVICE, MUST, WATCHED,                                                                \
      "answer every PFN by one verdict, in order, and set the used length to 8 + n", "")           \
    X(BX, 6, DRIVER, MUST, WATCHED,                                                                \
      "take a page whose verdict is missing, 0 or unknown as possibly ballooned", "")              \
    X(BX, 7, DRIVER, MUST, WATCHED,                                                                \
      "take a page of several PFNs as accepted when all are, refused when none is, else as BX-6",  \
      "")                                                                                          \
    X(BX, 8, DEVICE, MUST, WATCHED,                                                                \
      "without MUST_TELL_HOST, answer a deflate by ACCEPTED, NOT_LOCKED, INVALID or RESET only",   \
      "")                                                                                          \
    X(BX, 9, DEVICE, SHOULD, WATCHED,                                                              \
      "answer NOT_NEEDED when the balloon is where the target wants it", "")                       \
    X(BX, 10, DEVICE, MUST, WATCHED,                                                               \
      "reset in order: forget the pages, raise the epoch, notify, answer the old epoch by RESET",  \
      "")                                                                                          \
    X(BX, 11, BOTH, MUST, WATCHED,                                                                 \
      "acknowledge the epoch before DRIVER_OK and after a reset; until then all is answered RESET",\
      "")                                                                                          \
    X(BX, 12, DRIVER, SHOULD, WATCHED,                                                             \
      "hold a refused page and offer another; MUST bound the held ones and give them back", "")    \
    X(BX, 13, DRIVER, SHOULD, WATCHED, "end the cycle at the bound and back off; MUST NOT spin", "")\
    X(BX, 14, DRIVER, SHOULD, WATCHED, "end the cycle on NOT_NEEDED and read the target again", "")\
    X(BX, 15, DRIVER, MUST_NOT, WATCHED, "count held pages in actual", "")                         \
    X(BX, 16, DRIVER, MAY, WATCHED, "use a page at once whose deflate is answered NOT_LOCKED", "") \
    X(BX, 17, DRIVER, MUST, WATCHED,                                                               \
      "give every page back without a message after a reset; those in flight when the device let " \
      "go", "")                                                                                    \
    X(BX, 18, DRIVER, MUST, WATCHED, "then write epoch_ack and actual = 0, each once", "")         \
    X(BX, 19, DRIVER, MUST, WATCHED,                                                               \
      "take pages accepted under an epoch that is over as its own", "")                            \
    X(BX, 20, DEVICE, MAY, WATCHED, "reset again before the driver acknowledged", "")              \
    X(BX, 21, BOTH, MUST, WATCHED, "empty the balloon at a device reset", "")                      \
    X(BX, 22, BOTH, MUST_NOT, WATCHED, "offer or accept HUGE_PAGES without VERDICTS", "")          \
    X(BX, 23, DRIVER, MUST_NOT, WATCHED,                                                           \
      "set the flag of 2 MiB units without HUGE_PAGES, or any other flag", "")                     \
    X(BX, 24, DRIVER, MUST, WATCHED, "count units where a request has 2 MiB units", "")            \
    X(BX, 25, DEVICE, MUST, WATCHED, "accept all of a unit or refuse all of it", "")               \
    X(BX, 26, DEVICE, MUST, WATCHED,                                                               \
      "answer a unit by NOT_NEEDED only when the balloon holds the target already", "")            \
    X(BX, 27, DRIVER, MAY, NOT_APPLICABLE, "deflate single PFNs of a unit",                        \
      "our driver gives a unit back as a whole and takes single pages anew: the permission is "    \
      "not used")                                                                                  \
    X(BX, 28, DRIVER, MUST, WATCHED,                                                               \
      "write guest_limit after FEATURES_OK and before DRIVER_OK, and whenever it changes", "")     \
    X(BX, 29, DEVICE, SHOULD_NOT, WATCHED,                                                         \
      "expect more than the guest's limit; the field reads 0 after a reset", "")

/** Where the standard's letter differs from what it means: family, number, the literal reading. */
#define CLAUSE_LITERAL_MAP(X)                                                                      \
    X(BD, 7,                                                                                       \
      "says num_pages \"<=\" actual (virtio-spec #228): forbids every deflate without "            \
      "DEFLATE_ON_OOM and contradicts BD-5")                                                       \
    X(BD, 8, "says num_pages \"<=\" actual, as BD-7: permits what BD-5 permits already")           \
    X(BD, 20,                                                                                      \
      "says a multiple of 6 bytes, while an entry has 10: kept only by 3, 6, 9 ... entries")
/* clang-format on */

typedef enum clause_id {
#define X(family, number, who, level, watch, text, reason) CLAUSE_##family##_##number,
    CLAUSE_MAP(X)
#undef X
    CLAUSE_COUNT
} clause_id;

#endif
