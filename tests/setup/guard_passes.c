/*
 * A test that passes, and one that fails when GUARD_FAILS is in the environment.
 */
#include <stdlib.h>

START_TEST(test_passes)
{
    ck_assert_int_eq(1, 1);
}
END_TEST

START_TEST(test_fails_when_asked)
{
    ck_assert_ptr_null(getenv("GUARD_FAILS"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guard");
    TCase *tcase = tcase_create("passes");

    tcase_add_test(tcase, test_passes);
    tcase_add_test(tcase, test_fails_when_asked);
    suite_add_tcase(suite, tcase);
    return suite;
}
