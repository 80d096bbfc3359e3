/*
 * The matrix of operations that wait, on VMware's wire, where a request never does: its answer is
 * there when the call returns. As test_waiting_matrix.c otherwise.
 */
#include "tests/matrix/waiting_rows.h"
#include "tests/support/fake_vmware.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES     4000u
#define FIRST_PFN 1000u /* of the fake OS */
#define BALLOON   300u  /* more than a step of budget 1 gives back */
#define MORE      600u

static const struct row rows[] = {WAITING_VMWARE_MAP(WAITING_ROW)};

struct play {
    struct fvm *f;
    bnt_status status;
    uint64_t sleeps; /* when the second operation began */
    uint32_t cancelled;
    uint32_t moves;
    struct bnt_guest_oom_result oom;
    uint64_t bits[PAGES / 64 + 1];
};

/* ---- Operations ---- */

static bnt_guest_state state(const struct play *p)
{
    return fvm_info(p->f).state;
}

static void start_fails(struct play *p, bool fails)
{
    p->f->answer[BNT_VMWARE_CMD_START] = fails ? BNT_VMWARE_FAILURE : FVM_BY_HOST;
    p->f->answer_left[BNT_VMWARE_CMD_START] = UINT32_MAX;
}

/* To the time of the next tick, which begins with a step of this budget. */
static void tick_begin(struct play *p, uint32_t budget)
{
    p->f->now_ns = p->f->deadline_ns != BNT_NEVER && p->f->deadline_ns > p->f->now_ns
                       ? p->f->deadline_ns
                       : p->f->now_ns;
    fvm_step(p->f, budget);
}

static bnt_status sleep_begin(struct play *p)
{
    p->f->alloc_limit = 0;
    p->f->target += MORE;
    tick_begin(p, state(p) == BNT_GUEST_RUNNING ? 64 : 1);
    return BNT_OK;
}

static bnt_status move_begin(struct play *p, bool deflate_first)
{
    struct fvm *f = p->f;
    uint64_t old_page = 0;
    while (old_page < PAGES && f->locked[old_page] == 0) {
        old_page++;
    }
    const uint32_t new_page = f->stack[--f->free_count];
    f->owned[new_page] = 1;
    const bnt_status status =
        bnt_guest_page_migrate(f->guest, f->now_ns, FIRST_PFN + (old_page < PAGES ? old_page : 0),
                               FIRST_PFN + new_page, deflate_first);
    if (status != BNT_OK) { /* the new page is the OS's still */
        f->owned[new_page] = 0;
        f->stack[f->free_count++] = new_page;
    }
    return status;
}

static bnt_status release_begin(struct play *p)
{
    p->f->reset = true;
    tick_begin(p, 1);
    return BNT_OK;
}

static bnt_status begin(struct play *p, operation op, uint32_t variant)
{
    const bool again = state(p) == BNT_GUEST_STOPPING;
    bnt_status status;
    switch (op) {
    case OP_SLEEP:
        return sleep_begin(p);
    case OP_MOVE:
        return move_begin(p, variant != 0);
    case OP_OOM:
        return bnt_guest_handle_oom(p->f->guest, p->f->now_ns, 50, &p->oom);
    case OP_RELEASE:
        return release_begin(p);
    default:
        status = bnt_guest_detach(p->f->guest, p->f->now_ns);
        return status == BNT_E_AGAIN && !again ? BNT_OK : status;
    }
}

static bool active(const struct play *p, operation op)
{
    switch (op) {
    case OP_SLEEP:
        return p->f->sleep_asked > 0;
    case OP_STARTING:
        return state(p) == BNT_GUEST_STARTING;
    case OP_STOPPING:
        return state(p) == BNT_GUEST_STOPPING;
    default:
        return state(p) == BNT_GUEST_RELEASING;
    }
}

static bool begun(const struct play *p, operation op)
{
    switch (op) {
    case OP_SLEEP:
        return fvm_info(p->f).sleeping.started > p->sleeps;
    case OP_MOVE:
        return p->f->events[BNT_GUEST_EVENT_MIGRATED] > p->moves;
    case OP_OOM:
        return p->status == BNT_OK && p->oom.pending_pfns == 0;
    case OP_DETACH:
        return state(p) == BNT_GUEST_DOWN || state(p) == BNT_GUEST_STOPPING;
    default:
        return p->status == BNT_OK;
    }
}

static bool cancelled(const struct play *p, operation op)
{
    return op == OP_SLEEP ? p->f->sleep_cancelled > p->cancelled : !active(p, op);
}

/* ---- One pair ---- */

static void scene(struct play *p)
{
    memset(p, 0, sizeof *p);
    p->f = fvm_new(PAGES);
    p->f->config.record.kind = BNT_GUEST_RECORD_BITS;
    p->f->config.record.bits = p->bits;
    p->f->target = BALLOON;
    fvm_up(p->f);
    fvm_run(p->f, 3 * FVM_S);
    ck_assert_uint_eq(p->f->locked_pages, BALLOON);
}

static void bring(struct play *p, operation op)
{
    switch (op) {
    case OP_SLEEP:
        (void)sleep_begin(p);
        break;
    case OP_STARTING:
        ck_assert_int_eq(bnt_guest_detach(p->f->guest, p->f->now_ns), BNT_OK);
        start_fails(p, true);
        ck_assert_int_eq(bnt_guest_attach(p->f->guest, p->f->now_ns), BNT_OK);
        break;
    case OP_STOPPING:
        start_fails(p, true);
        ck_assert_int_eq(bnt_guest_detach(p->f->guest, p->f->now_ns), BNT_E_AGAIN);
        break;
    case OP_RESTARTING:
        start_fails(p, true);
        (void)release_begin(p);
        (void)fvm_settle(p->f, 64);
        ck_assert_uint_eq(fvm_info(p->f).balloon.ballooned_pfns, 0);
        break;
    default:
        (void)release_begin(p);
        ck_assert_uint_gt(fvm_info(p->f).balloon.ballooned_pfns, 0);
        break;
    }
}

static void converge(struct play *p, uint32_t target)
{
    struct fvm *f = p->f;
    start_fails(p, false);
    f->alloc_limit = UINT64_MAX;
    f->target = target;
    for (uint32_t i = 0; i < 20; i++) {
        if (f->sleep_asked > 0) {
            ck_assert_int_eq(fvm_sleep_done(f, f->sleep_asked), BNT_OK);
        }
        if (state(p) == BNT_GUEST_DOWN) {
            ck_assert_int_eq(bnt_guest_attach(f->guest, f->now_ns), BNT_OK);
        }
        fvm_run(f, 10 * FVM_S);
        if (state(p) == BNT_GUEST_RUNNING && f->locked_pages == target && f->sleep_asked == 0) {
            return;
        }
    }
    ck_abort_msg("the balloon has %llu of %u pages, state %s", (unsigned long long)f->locked_pages,
                 (unsigned)target, bnt_guest_state_name(state(p)));
}

static bool outcome_right(const struct play *p, const struct row *row)
{
    const bool first = active(p, row->first);
    const bool second = begun(p, row->second);
    switch (row->outcome) {
    case OUTCOME_REFUSED:
        return p->status == row->status && first;
    case OUTCOME_WAITS:
        return p->status == BNT_OK && (!second || !first);
    case OUTCOME_CANCELS:
        return p->status == BNT_OK && second && cancelled(p, row->first);
    default:
        return p->status == BNT_OK && second &&
               !(row->first == OP_SLEEP && cancelled(p, row->first));
    }
}

/* The end of a sleeping allocation before anything else; or time first. */
static void go_on(struct play *p, uint32_t order)
{
    if (order == 0 && p->f->sleep_asked > 0) {
        ck_assert_int_eq(fvm_sleep_done(p->f, p->f->sleep_asked), BNT_OK);
    } else if (order == 1) {
        fvm_run(p->f, 5 * FVM_S);
    }
    converge(p, BALLOON + MORE);
}

static void play(const struct row *row, uint32_t variant, uint32_t order)
{
    struct play p;
    scene(&p);
    bring(&p, row->first);
    ck_assert_msg(active(&p, row->first), "%s is not under way", names[row->first]);
    p.sleeps = fvm_info(p.f).sleeping.started;
    p.cancelled = p.f->sleep_cancelled;
    p.moves = p.f->events[BNT_GUEST_EVENT_MIGRATED];
    if (row->outcome != OUTCOME_NOT_POSSIBLE) {
        p.status = begin(&p, row->second, variant);
        ck_assert_msg(outcome_right(&p, row),
                      "%s, then %s (variant %u): status %s, the first is %s, the second has %s",
                      names[row->first], names[row->second], (unsigned)variant,
                      bnt_status_name(p.status), active(&p, row->first) ? "under way" : "over",
                      begun(&p, row->second) ? "begun" : "not begun");
    }
    go_on(&p, order);
    if (p.oom.pending_pfns > 0) {
        ck_assert_uint_eq(p.f->events[BNT_GUEST_EVENT_OOM_DONE], 1);
    }
    ck_assert(!p.f->reset); /* a reset that was wanted has been agreed to */
    converge(&p, 0);
    ck_assert_uint_eq(fvm_info(p.f).idle_steps, 0);
    fvm_end(p.f);
}

START_TEST(test_each_pair_ends_as_the_table_says)
{
    for (uint32_t variant = 0; variant < 2; variant++) {
        for (uint32_t order = 0; order < 3; order++) {
            play(&rows[_i], variant, order);
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("waiting_vmware");
    TCase *tc = tcase_create("vmware");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_each_pair_ends_as_the_table_says, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(suite, tc);
    return suite;
}
