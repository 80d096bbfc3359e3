/*
 * The table of clauses: every row that is watched has a breaker that really makes it violated, so
 * that no row can be added which cannot fail.
 */
#include "tests/conformance/bench.h"
#include "tests/conformance/mutations.h"

#include <check.h>
#include <string.h>

static const struct breaker_table *const tables[] = {
    &breakers_registers, &breakers_rings, &breakers_reports, &breakers_suspend,
    &breakers_hints,     &breakers_pages, &breakers_legacy,  &breakers_moves,
};

enum {
    TABLES = sizeof tables / sizeof tables[0]
};

static const struct {
    clause_id id;
    clause_party party;
} mutated[] = {
#define X(family, number, party, mutation, scenario) {CLAUSE_##family##_##number, CLAUSE_##party},
    CLAUSE_MUTATION_MAP(X)
#undef X
        {CLAUSE_COUNT, CLAUSE_DRIVER},
};

static bool broken_by_mutation(clause_id id, clause_party party)
{
    for (size_t i = 0; i < sizeof mutated / sizeof mutated[0]; i++) {
        if (mutated[i].id == id && mutated[i].party == party) {
            return true;
        }
    }
    return false;
}

static bool broken_by_hand(clause_id id, clause_party party)
{
    for (size_t t = 0; t < TABLES; t++) {
        for (uint32_t i = 0; i < tables[t]->count; i++) {
            if (tables[t]->rows[i].id == id && tables[t]->rows[i].party == party) {
                return true;
            }
        }
    }
    return false;
}

START_TEST(test_every_watched_clause_has_a_breaker)
{
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        const struct clause *row = clause_get_row((clause_id)id);
        for (int party = 0; party < CLAUSE_PARTIES; party++) {
            const bool bound = row->watch == CLAUSE_WATCHED && (row->who >> party & 1u) != 0;
            const bool broken = broken_by_hand((clause_id)id, (clause_party)party) ||
                                broken_by_mutation((clause_id)id, (clause_party)party);
            ck_assert_msg(!bound || broken, "%s has no breaker for the %s", row->name,
                          party == CLAUSE_DRIVER ? "driver" : "device");
            ck_assert_msg(bound || !broken, "%s has a breaker and is not watched", row->name);
        }
    }
}
END_TEST

static void run_breaker(const struct breaker *breaker)
{
    const struct clause *row = clause_get_row(breaker->id);
    struct bench bench;
    bench_open(&bench, BENCH_WANTED);
    breaker->run(&bench);
    if (row->level == CLAUSE_LEVEL_MAY) {
        ck_assert_msg(bench_exercised(&bench, breaker->party, breaker->id) > 0,
                      "%s: its use is not seen", row->name);
    } else {
        ck_assert_msg(bench_violated(&bench, breaker->party, breaker->id) > 0,
                      "%s: its breaker does not make it violated", row->name);
    }
    bench_close(&bench);
}

START_TEST(test_every_breaker_makes_its_clause_violated)
{
    for (size_t t = 0; t < TABLES; t++) {
        for (uint32_t i = 0; i < tables[t]->count; i++) {
            run_breaker(&tables[t]->rows[i]);
        }
    }
}
END_TEST

START_TEST(test_start_without_fault_breaks_nothing)
{
    static const uint64_t features[] = {
        BNT_F_VERSION_1,
        BNT_F_VERSION_1 | BNT_BALLOON_F_MUST_TELL_HOST | BENCH_VERDICTS | BENCH_RESET,
    };
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        struct bench bench;
        bench_open(&bench, BENCH_WANTED);
        bench_attach(&bench, features[i]);
        conformance_observe_run_end(bench.seen, 0, true);
        for (int id = 0; id < CLAUSE_COUNT; id++) {
            for (int party = 0; party < CLAUSE_PARTIES; party++) {
                const struct clause_tally *tally =
                    conformance_get_tally(bench.seen, 0, (clause_party)party, false, (clause_id)id);
                ck_assert_msg(tally->violated == 0, "%s: %s", clause_get_row((clause_id)id)->name,
                              tally->place);
                ck_assert_msg(tally->exercised == 0 ||
                                  clause_get_row((clause_id)id)->level != CLAUSE_LEVEL_MAY,
                              "%s: used by a mere start", clause_get_row((clause_id)id)->name);
            }
        }
        bench_close(&bench);
    }
}
END_TEST

START_TEST(test_scripted_party_is_counted_apart)
{
    struct bench bench;
    bench_open(&bench, BENCH_WANTED);
    conformance_mark_party_scripted(bench.seen, 0, CLAUSE_WHO_DRIVER);
    bench_status(&bench, BNT_DEVICE_STATUS_DRIVER);
    ck_assert_uint_eq(bench_violated(&bench, CLAUSE_DRIVER, CLAUSE_VG_1), 0);
    ck_assert_uint_eq(
        conformance_get_tally(bench.seen, 0, CLAUSE_DRIVER, true, CLAUSE_VG_1)->violated, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_rows_are_complete)
{
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        const struct clause *row = clause_get_row((clause_id)id);
        ck_assert_uint_ge(strlen(row->text), 8);
        ck_assert_msg((row->watch == CLAUSE_NOT_APPLICABLE) == (row->reason[0] != '\0'),
                      "%s: a row has a reason if and only if it is not applicable", row->name);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("conformance_clauses");
    TCase *tcase = tcase_create("clauses");
    tcase_add_test(tcase, test_every_watched_clause_has_a_breaker);
    tcase_add_test(tcase, test_every_breaker_makes_its_clause_violated);
    tcase_add_test(tcase, test_start_without_fault_breaks_nothing);
    tcase_add_test(tcase, test_scripted_party_is_counted_apart);
    tcase_add_test(tcase, test_rows_are_complete);
    suite_add_tcase(suite, tcase);
    return suite;
}
