/*
 * The main of every program of Check tests. Two ways in which Check succeeds in silence are closed
 * here: a filter (CK_RUN_CASE, CK_RUN_SUITE, tags) that matches nothing, and a test that leaves by
 * exit(0). CK_FORK=no works as always.
 */
#include "tests/support/check_main.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    EXIT_LEFT_HALFWAY = 97
};

static bool inside_a_test;

static void complain_when_inside_a_test(void)
{
    if (inside_a_test) {
        static const char text[] = "a test called exit() half-way\n";

        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(EXIT_LEFT_HALFWAY);
    }
}

static void guard_arm(void)
{
    inside_a_test = true;
}

static void guard_disarm(void)
{
    inside_a_test = false;
}

#undef suite_add_tcase
void bntt_suite_add_tcase(Suite *suite, TCase *tcase)
{
    tcase_add_checked_fixture(tcase, guard_arm, guard_disarm);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    SRunner *runner = srunner_create(test_suite());
    int run;
    int failed;

    if (atexit(complain_when_inside_a_test) != 0) {
        return EXIT_FAILURE;
    }
    srunner_run_all(runner, CK_ENV);
    run = srunner_ntests_run(runner);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (run == 0) {
        fputs("no test ran: the filter matches nothing\n", stderr);
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
