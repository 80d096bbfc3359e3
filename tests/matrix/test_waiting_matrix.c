/*
 * The matrix of operations that wait, on VIRTIO's wire: for each row of waiting_rows.h the first
 * operation is brought to each moment at which it can stand, then the second begins. What must come
 * out is the row; then all is let go on, in several orders, and the balloon must get to its target
 * and down to nothing, with every page back where it belongs. The fake OS checks after each step
 * that each page has one owner.
 *
 * What differs from row to row is a table; what an operation is, and how it is begun and seen, is a
 * function of waiting_operations.c.
 */
#include "tests/matrix/waiting_operations.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define BALLOON  300u /* pages that are ballooned when the first operation begins */
#define SUSPENDS (BNT_F_SUSPEND)
#define FEATURES (FAKE_ALL | BNT_F_RING_RESET | SUSPENDS | BNT_BALLOON_F_PAGE_REPORTING)

static const struct row rows[] = {WAITING_VIRTIO_MAP(WAITING_ROW)};

/* ---- Setting the scene ---- */

static void scene(struct play *p, uint32_t variant)
{
    const uint64_t ring = variant & 1 ? BNT_F_RING_PACKED : 0;
    const uint64_t features =
        variant & 2 ? (FEATURES | ring) & ~BNT_BALLOON_F_MUST_TELL_HOST : FEATURES | ring;
    memset(p, 0, sizeof *p);
    fake_init(&p->f, &(struct fake_setup){.pages = PAGES,
                                          .offered = features,
                                          .wanted = features,
                                          .sleeping = BNT_GUEST_ON,
                                          .record = variant & 4 ? BNT_GUEST_RECORD_BITS
                                                                : BNT_GUEST_RECORD_LINKS,
                                          .rates.use = variant & 4 ? BNT_GUEST_ON : BNT_GUEST_OFF,
                                          .report_order_set = true,
                                          .report_order = 4,
                                          .report_capacity = 4,
                                          .recover_tries = 5});
    fake_up(&p->f);
    fake_target(&p->f, BALLOON);
    fake_run(&p->f, 20 * FAKE_S);
    ck_assert_uint_eq(p->f.ledger_pfns, BALLOON);
}

/* Whether there is an inflate or a deflate in flight: `way` 0 none, 1 unserved, 2 served. */
static void in_flight(struct play *p, bool inflate, uint32_t way)
{
    if (way > 0) {
        waiting_step_to_target(&p->f, inflate ? BALLOON + MORE : BALLOON - MORE);
        p->f.now_ns = p->f.deadline_ns > p->f.now_ns && p->f.deadline_ns < p->f.now_ns + FAKE_S
                          ? p->f.deadline_ns
                          : p->f.now_ns;
        (void)fake_step(&p->f, 64);
    }
    if (way == 2) {
        (void)fake_serve(&p->f, inflate ? 0 : 1, 1);
    }
}

static uint32_t moments(operation op)
{
    static const uint32_t counts[OP_COUNT] = {
        [OP_SLEEP] = 1,      [OP_MOVE_IN] = 4,    [OP_MOVE_OUT] = 4,  [OP_Q_INFLATE] = 3,
        [OP_Q_DEFLATE] = 3,  [OP_Q_STATS] = 2,    [OP_Q_REPORT] = 2,  [OP_OOM] = 2,
        [OP_RELEASE] = 2,    [OP_SUSPENDING] = 2, [OP_SUSPENDED] = 2, [OP_BROKEN] = 2,
        [OP_RECOVERING] = 2, [OP_STOPPING] = 2,   [OP_LEAVING] = 3};
    return counts[op];
}

/* MOVE_IN is the first half of a move that inflates first, or the second of one that deflates
 * first; bit 0 of the moment says which, bit 1 whether the device served it already. */
static void move_bring(struct play *p, bool in, uint32_t moment)
{
    const bool second = moment & 1;
    ck_assert_int_eq(waiting_begin_move(p, in == second), BNT_OK);
    if (second) {
        ck_assert_uint_eq(fake_serve(&p->f, in ? 1 : 0, 1), 1);
        (void)fake_step(&p->f, 64);
    }
    if (moment & 2) {
        ck_assert_uint_eq(fake_serve(&p->f, in ? 0 : 1, 1), 1);
    }
}

static void broken_bring(struct play *p, uint32_t moment)
{
    in_flight(p, true, moment);
    (void)waiting_begin_break(p);
    ck_assert_int_eq(fake_info(&p->f).state, BNT_GUEST_BROKEN);
}

static void suspended_bring(struct play *p, bool resuming)
{
    p->f.suspend_reads = 0;
    ck_assert_int_eq(bnt_guest_suspend(p->f.guest, p->f.now_ns), BNT_OK);
    if (resuming) {
        p->f.suspend_reads = READS;
        ck_assert_int_eq(bnt_guest_resume(p->f.guest, p->f.now_ns), BNT_E_AGAIN);
    }
}

/* Brings the first operation to a moment at which it waits. */
static void bring(struct play *p, operation op, uint32_t moment)
{
    switch (op) {
    case OP_MOVE_IN:
    case OP_MOVE_OUT:
        move_bring(p, op == OP_MOVE_IN, moment);
        break;
    case OP_Q_INFLATE:
    case OP_Q_DEFLATE:
        in_flight(p, op == OP_Q_INFLATE, moment);
        ck_assert_int_eq(waiting_begin(p, op, 0), BNT_OK);
        break;
    case OP_OOM:
        ck_assert_int_eq(waiting_begin_oom(p), BNT_OK);
        (void)fake_serve(&p->f, 1, moment);
        break;
    case OP_RELEASE:
        in_flight(p, moment == 1, moment);
        (void)waiting_begin_release(p);
        break;
    case OP_SUSPENDING:
        if (moment == 0) {
            ck_assert_int_eq(waiting_begin_suspend(p), BNT_OK);
        } else {
            suspended_bring(p, true);
        }
        break;
    case OP_SUSPENDED:
        in_flight(p, true, moment);
        suspended_bring(p, false);
        break;
    case OP_BROKEN:
        broken_bring(p, moment);
        break;
    case OP_RECOVERING:
        broken_bring(p, moment);
        p->f.reset_reads = READS;
        p->f.now_ns = p->f.deadline_ns;
        (void)fake_step(&p->f, 1);
        break;
    case OP_LEAVING: /* an inflate in flight, a deflate of its own, or one that is served */
        in_flight(p, true, moment == 0);
        ck_assert_int_eq(waiting_begin_leave(p), BNT_OK);
        (void)fake_serve(&p->f, 1, moment == 2);
        break;
    case OP_STOPPING:
        in_flight(p, true, moment);
        ck_assert_int_eq(waiting_begin_detach(p), BNT_OK);
        break;
    default:
        ck_assert_int_eq(waiting_begin(p, op, 0), BNT_OK);
        break;
    }
}

/* ---- Letting it go on ---- */

static void once(struct play *p)
{
    struct fake *f = &p->f;
    const bnt_guest_state state = fake_info(f).state;
    f->reset_reads = 0;
    f->suspend_reads = 0;
    f->queue_reset_reads = 0;
    if (f->sleep_asked > 0) {
        fake_sleep_done(f, f->sleep_asked);
    }
    if (state == BNT_GUEST_SUSPENDED) {
        (void)!bnt_guest_resume(f->guest, f->now_ns);
    } else if (state == BNT_GUEST_DOWN) {
        ck_assert_int_eq(bnt_guest_attach(f->guest, f->now_ns), BNT_OK);
    }
    fake_run(f, 10 * FAKE_S);
}

/* The device serves nothing for a while: stalls are told, nothing else. */
static void stand_still(struct play *p)
{
    for (uint32_t i = 0; i < 64; i++) {
        (void)fake_step(&p->f, 64);
        if (p->f.deadline_ns <= p->f.now_ns) {
            continue;
        }
        p->f.now_ns += 100 * FAKE_MS;
    }
}

static void converge(struct play *p, uint32_t target)
{
    struct fake *f = &p->f;
    f->alloc_limit = UINT64_MAX;
    fake_target(f, target);
    for (uint32_t i = 0; i < 20; i++) {
        once(p);
        const struct bnt_guest_info info = fake_info(f);
        if (info.state == BNT_GUEST_RUNNING && f->ledger_pfns == target && f->sleep_asked == 0) {
            return;
        }
    }
    ck_abort_msg("the balloon has %llu of %u PFNs, state %s", (unsigned long long)f->ledger_pfns,
                 (unsigned)target, bnt_guest_state_name(fake_info(f).state));
}

/* In which order things go on: the sleeping allocation first, the device first, deflates before
 * inflates, a device that needs nothing more, or all at once. */
static void go_on(struct play *p, uint32_t order)
{
    if (order == 0 && p->f.sleep_asked > 0) {
        fake_sleep_done(&p->f, p->f.sleep_asked);
    } else if (order == 1) {
        stand_still(p);
    } else if (order == 2) {
        (void)fake_serve(&p->f, 1, 9);
        (void)fake_step(&p->f, 64);
    } else if (order == 3) {
        p->f.not_needed = true;
        fake_run(&p->f, 5 * FAKE_S);
        p->f.not_needed = false;
    }
    converge(p, 2 * BALLOON);
}

/* ---- The test ---- */

static bool outcome_right(const struct play *p, const struct row *row)
{
    const bool first = waiting_is_active(p, row->first);
    const bool second = waiting_has_begun(p, row);
    switch (row->outcome) {
    case OUTCOME_REFUSED:
        return p->status == row->status && first;
    case OUTCOME_WAITS:
        return p->status == BNT_OK && (!second || !first);
    case OUTCOME_CANCELS:
        return p->status == BNT_OK && second;
    default:
        return p->status == BNT_OK && second && !(first && waiting_is_cancelled(p, row->first));
    }
}

static void play_mark(struct play *p)
{
    p->sleeps = fake_info(&p->f).sleeping.started;
    p->resets = p->f.events[BNT_GUEST_EVENT_RESET];
    p->cancelled = p->f.sleep_cancelled;
    p->requests = p->f.requests;
    p->breaks = p->f.events[BNT_GUEST_EVENT_BROKEN];
    memset(&p->f.oom_result, 0, sizeof p->f.oom_result);
}

static void play(const struct row *row, uint32_t variant, uint32_t moment, uint32_t order)
{
    struct play p;
    scene(&p, variant);
    bring(&p, row->first, moment);
    if (row->first == OP_OOM && (variant & 2) != 0) {
        /* The pages were the OS's at once: nothing waits. */
    } else if (!waiting_is_active(&p, row->first)) {
        ck_abort_msg("%s, moment %u: it is not under way", names[row->first], (unsigned)moment);
    }
    const bool there = waiting_is_active(&p, row->first);
    if (row->outcome != OUTCOME_NOT_POSSIBLE && there) {
        play_mark(&p);
        p.status = waiting_begin(&p, row->second, moment);
        if (!outcome_right(&p, row)) {
            ck_abort_msg("%s, then %s (variant %u, moment %u): status %s, the first is %s, the "
                         "second has %s",
                         names[row->first], names[row->second], (unsigned)variant, (unsigned)moment,
                         bnt_status_name(p.status),
                         waiting_is_active(&p, row->first) ? "under way" : "over",
                         waiting_has_begun(&p, row) ? "begun" : "not begun");
        }
    }
    go_on(&p, order);
    if (row->outcome == OUTCOME_CANCELS && there && !waiting_is_cancelled(&p, row->first) &&
        (row->first == OP_SLEEP || row->first == OP_MOVE_IN || row->first == OP_MOVE_OUT)) {
        ck_abort_msg("%s, then %s (variant %u, moment %u): the first was not cancelled",
                     names[row->first], names[row->second], (unsigned)variant, (unsigned)moment);
    }
    converge(&p, 0);
    ck_assert_uint_eq(fake_info(&p.f).idle_steps, 0);
    ck_assert_uint_eq(p.moves, p.f.events[BNT_GUEST_EVENT_MIGRATED]);
    ck_assert(!p.oom_pending || p.f.events[BNT_GUEST_EVENT_OOM_DONE] > p.oom_done);
    fake_end(&p.f);
}

#define VARIANTS 8
#define ORDERS   5

START_TEST(test_each_pair_ends_as_the_table_says)
{
    const struct row *row = &rows[_i];
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        for (uint32_t moment = 0; moment < moments(row->first); moment++) {
            for (uint32_t order = 0; order < ORDERS; order++) {
                play(row, variant, moment, order);
            }
        }
    }
}
END_TEST

/* A row is a pair of an operation that waits and of one that begins; each is there once. */
START_TEST(test_table_has_each_pair_once)
{
    bool seen[OP_COUNT][OP_COUNT] = {{false}};
    uint32_t firsts = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert(!seen[rows[i].first][rows[i].second]);
        ck_assert_int_eq(rows[i].status != BNT_OK, rows[i].outcome == OUTCOME_REFUSED);
        seen[rows[i].first][rows[i].second] = true;
    }
    for (uint32_t first = 0; first < OP_COUNT; first++) {
        uint32_t seconds = 0;
        for (uint32_t second = 0; second < OP_COUNT; second++) {
            seconds += seen[first][second];
        }
        ck_assert(seconds == (moments((operation)first) > 0 ? 12 : 0));
        firsts += seconds > 0;
    }
    ck_assert_uint_eq(firsts, 15);
}
END_TEST

/* What the matrix asks for can fail: a row that says something else is noticed. */
START_TEST(test_another_outcome_is_noticed)
{
    static const struct row wrong[] = {
        {OP_MOVE_IN, OP_MOVE, OUTCOME_PROCEEDS, BNT_OK},
        {OP_MOVE_IN, OP_SLEEP, OUTCOME_PROCEEDS, BNT_OK},
        {OP_SLEEP, OP_MOVE, OUTCOME_REFUSED, BNT_E_AGAIN},
        {OP_SUSPENDED, OP_OOM, OUTCOME_REFUSED, BNT_E_AGAIN},
        {OP_Q_INFLATE, OP_OOM, OUTCOME_WAITS, BNT_OK},
    };
    struct play p;
    scene(&p, 0);
    bring(&p, wrong[_i].first, 0);
    play_mark(&p);
    p.status = waiting_begin(&p, wrong[_i].second, 0);
    ck_assert(!outcome_right(&p, &wrong[_i]));
    go_on(&p, 4);
    fake_end(&p.f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("waiting_matrix");
    TCase *tc = tcase_create("virtio");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_table_has_each_pair_once);
    tcase_add_loop_test(tc, test_another_outcome_is_noticed, 0, 5);
    tcase_add_loop_test(tc, test_each_pair_ends_as_the_table_says, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(suite, tc);
    return suite;
}
