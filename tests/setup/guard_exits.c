/*
 * A test that leaves by exit(0): check_guards.sh requires that it is reported as failed.
 */
#include <stdlib.h>

START_TEST(test_leaves_halfway)
{
    exit(EXIT_SUCCESS);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guard");
    TCase *tcase = tcase_create("exits");

    tcase_add_test(tcase, test_leaves_halfway);
    suite_add_tcase(suite, tcase);
    return suite;
}
