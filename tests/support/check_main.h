/*
 * Included ahead of every file of Check tests (bnt_check_test does it): puts a guard around each
 * test, because Check counts a test that calls exit(0) half-way as passed.
 */
#ifndef TESTS_SUPPORT_CHECK_MAIN_H
#define TESTS_SUPPORT_CHECK_MAIN_H

#include <check.h>

/** Supplied by the file of tests. */
Suite *test_suite(void);

/** suite_add_tcase with the guard as the last fixture of the case. */
void bntt_suite_add_tcase(Suite *suite, TCase *tcase);

#define suite_add_tcase(suite, tcase) bntt_suite_add_tcase(suite, tcase)

#endif
