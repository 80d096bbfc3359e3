/*
 * Assertions: what can only fail by a bug of ours.
 *
 * Never for what a caller passes (that is a status) or what a peer sends (that is a bnt_diag and a
 * latched state). Cheap, and kept in release builds. An embedder may define BNTI_ASSERT_FAILED
 * before any source of the library is compiled; the default needs no library.
 */
#ifndef LIB_BASE_ASSERT_H
#define LIB_BASE_ASSERT_H

#ifndef BNTI_ASSERT_FAILED
#define BNTI_ASSERT_FAILED(text, file, line) __builtin_trap()
#endif

#define BNTI_ASSERT(condition)                                  \
    do {                                                        \
        if (!(condition)) {                                     \
            BNTI_ASSERT_FAILED(#condition, __FILE__, __LINE__); \
        }                                                       \
    } while (0)

/*
 * Asserts that a step which asks to be called again at once has done something. Only in test builds
 * (BNTI_CHECK_PROGRESS): elsewhere such a step costs time and is counted.
 */
#ifdef BNTI_CHECK_PROGRESS
#define BNTI_ASSERT_PROGRESS(condition) BNTI_ASSERT(condition)
#else
#define BNTI_ASSERT_PROGRESS(condition) ((void)0)
#endif

#endif
