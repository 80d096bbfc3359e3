/*
 * The clauses BX: the rules of our extension for refusals and resets. The columns are explained in
 * clauses.h, which includes this file.
 */
#ifndef SIM_CONFORMANCE_CLAUSES_EXTENSION_H
#define SIM_CONFORMANCE_CLAUSES_EXTENSION_H

/* clang-format off */
#define CLAUSE_EXTENSION_MAP(X)                                                                    \
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
/* clang-format on */

#endif
