/*
 * Assertions: conditions that only a bug of this library can violate.
 *
 * A wrong argument of a caller fails no assertion, but returns a status. A violation by a peer is
 * reported in a bnt_diag, and in a state that lasts until a reset. Assertions are cheap and stay in
 * release builds. An embedder can define BNTI_ASSERT_FAILED when it compiles the library; the
 * default definition needs no C library.
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
 * Asserts that a step which asks to be called again at once has done something. This assertion is
 * active only in test builds (BNTI_CHECK_PROGRESS). In other builds a step that has done nothing is
 * only counted.
 */
#ifdef BNTI_CHECK_PROGRESS
#define BNTI_ASSERT_PROGRESS(condition) BNTI_ASSERT(condition)
#else
#define BNTI_ASSERT_PROGRESS(condition) ((void)0)
#endif

#endif
