/*
 * For a check that looks at every page after every call: which way it goes is not what a fuzzer
 * keeps an input for, and noting each comparison would take most of its time.
 */
#ifndef TESTS_SUPPORT_UNTRACED_H
#define TESTS_SUPPORT_UNTRACED_H

#ifdef __clang__
#define UNTRACED __attribute__((no_sanitize("coverage")))
#else
#define UNTRACED
#endif

#endif
