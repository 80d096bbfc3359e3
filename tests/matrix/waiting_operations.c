/* The operations that wait: each is begun and seen by a function of this file. */
#include "tests/matrix/waiting_operations.h"

#include <check.h>

/* ---- They begin ---- */

void waiting_step_to_target(struct fake *f, uint32_t pfns)
{
    fake_target(f, pfns);
    (void)fake_step(f, 64);
}

/* The OS gives nothing without waiting, and the target is above what there is. */
static bnt_status begin_sleep(struct play *p)
{
    p->f.alloc_limit = 0;
    waiting_step_to_target(&p->f, p->f.num_pages + 2 * MORE);
    return BNT_OK;
}

bnt_status waiting_begin_move(struct play *p, bool deflate_first)
{
    struct fake *f = &p->f;
    uint64_t new_page = 0;
    uint64_t old_page = f->first_pfn;
    const uint64_t limit = f->alloc_limit;
    while (old_page < f->first_pfn + PAGES && f->ledger[old_page - f->first_pfn] == 0) {
        old_page++;
    }
    f->alloc_limit = UINT64_MAX;
    ck_assert_uint_eq(fake_pages_alloc(f, &new_page, 1), 1);
    f->alloc_limit = limit;
    const bnt_status status =
        bnt_guest_page_migrate(f->guest, f->now_ns, old_page, new_page, deflate_first);
    if (status == BNT_OK) {
        p->moves++;
    } else { /* the new page is the OS's still */
        f->owned[new_page - f->first_pfn] = 0;
        f->stack[f->free_count++] = (uint32_t)(new_page - f->first_pfn);
    }
    return status;
}

static bnt_status begin_queue_reset(struct play *p, uint32_t role)
{
    p->f.queue_reset_reads = READS;
    return bnt_guest_queue_reset(p->f.guest, p->f.now_ns,
                                 bnt_guest_queue_index_get(p->f.guest, (bnt_balloon_queue)role));
}

bnt_status waiting_begin_oom(struct play *p)
{
    const bnt_status status = bnt_guest_handle_oom(p->f.guest, p->f.now_ns, 50, &p->f.oom_result);
    p->oom_pending = p->oom_pending || p->f.oom_result.pending_pfns > 0;
    return status;
}

bnt_status waiting_begin_release(struct play *p)
{
    fake_host_reset(&p->f);
    (void)fake_step(&p->f, 1);
    return BNT_OK;
}

bnt_status waiting_begin_suspend(struct play *p)
{
    p->f.suspend_reads = READS;
    const bnt_status status = bnt_guest_suspend(p->f.guest, p->f.now_ns);
    return status == BNT_E_AGAIN ? BNT_OK : status;
}

bnt_status waiting_begin_break(struct play *p)
{
    (void)bnt_dev_set_needs_reset(&p->f.dev);
    bnt_guest_config_changed(p->f.guest);
    p->f.suspend_left = 0;
    for (uint32_t i = 0; i < 4 && fake_info(&p->f).state != BNT_GUEST_RUNNING; i++) {
        p->f.now_ns += FAKE_MS; /* the status is looked at again in a while */
        (void)fake_step(&p->f, 1);
    }
    (void)fake_step(&p->f, 1);
    return BNT_OK;
}

bnt_status waiting_begin_detach(struct play *p)
{
    const bool again = fake_info(&p->f).state == BNT_GUEST_STOPPING;
    p->f.reset_reads = READS;
    const bnt_status status = bnt_guest_detach(p->f.guest, p->f.now_ns);
    return status == BNT_E_AGAIN && !again ? BNT_OK : status;
}

/* The first call answers E_AGAIN where it begins; later ones where it is under way. */
bnt_status waiting_begin_leave(struct play *p)
{
    const bool again = p->leaving || fake_info(&p->f).state == BNT_GUEST_STOPPING;
    p->f.reset_reads = READS;
    p->leaving = true;
    const bnt_status status = bnt_guest_detach_orderly(p->f.guest, p->f.now_ns);
    if (status != BNT_E_AGAIN || again) {
        return status;
    }
    (void)fake_step(&p->f, 1);
    return BNT_OK;
}

bnt_status waiting_begin(struct play *p, operation op, uint32_t moment)
{
    switch (op) {
    case OP_SLEEP:
        return begin_sleep(p);
    case OP_MOVE:
        return waiting_begin_move(p, moment % 2 != 0);
    case OP_Q_INFLATE:
    case OP_Q_DEFLATE:
    case OP_Q_STATS:
        return begin_queue_reset(p, (uint32_t)op - OP_Q_INFLATE);
    case OP_Q_REPORT:
        return begin_queue_reset(p, BNT_BALLOON_QUEUE_REPORT);
    case OP_OOM:
        return waiting_begin_oom(p);
    case OP_RELEASE:
        return waiting_begin_release(p);
    case OP_SUSPEND:
        return waiting_begin_suspend(p);
    case OP_BREAK:
        return waiting_begin_break(p);
    case OP_LEAVE:
        return waiting_begin_leave(p);
    default:
        return waiting_begin_detach(p);
    }
}

/* ---- They are seen ---- */

static uint32_t get_role(operation op)
{
    return op == OP_Q_REPORT ? BNT_BALLOON_QUEUE_REPORT : (uint32_t)op - OP_Q_INFLATE;
}

bool waiting_is_active(const struct play *p, operation op)
{
    const struct fake *f = &p->f;
    const bnt_guest_state state = fake_info(f).state;
    switch (op) {
    case OP_SLEEP:
        return f->sleep_asked > 0;
    case OP_MOVE:
    case OP_MOVE_IN:
    case OP_MOVE_OUT:
        return p->moves > f->events[BNT_GUEST_EVENT_MIGRATED];
    case OP_Q_INFLATE:
    case OP_Q_DEFLATE:
    case OP_Q_STATS:
    case OP_Q_REPORT:
        return f->vq[get_role(op)].size == 0;
    case OP_OOM:
        return p->oom_pending && f->events[BNT_GUEST_EVENT_OOM_DONE] == p->oom_done;
    case OP_RELEASE:
        return state == BNT_GUEST_RELEASING;
    case OP_SUSPEND:
    case OP_SUSPENDING:
    case OP_SUSPENDED:
        return state >= BNT_GUEST_SUSPENDING && state <= BNT_GUEST_RESUMING;
    case OP_BREAK:
    case OP_BROKEN:
    case OP_RECOVERING:
        return state == BNT_GUEST_BROKEN || state == BNT_GUEST_RECOVERING;
    case OP_LEAVING:
        return fake_info(f).balloon.emptying == 2;
    case OP_LEAVE:
        return fake_info(f).balloon.emptying == 2 || state == BNT_GUEST_STOPPING ||
               state == BNT_GUEST_DOWN;
    default:
        return state == BNT_GUEST_STOPPING || state == BNT_GUEST_DOWN;
    }
}

bool waiting_has_begun(const struct play *p, const struct row *row)
{
    const struct fake *f = &p->f;
    switch (row->second) {
    case OP_SLEEP:
        return fake_info(f).sleeping.started > p->sleeps;
    case OP_RELEASE:
        return f->events[BNT_GUEST_EVENT_RESET] > p->resets;
    case OP_OOM: /* a request of its own, or pages at once; it joins one that is under way */
        if (row->first == OP_OOM) {
            return f->oom_result.freed_pfns + f->oom_result.pending_pfns > 0;
        }
        return f->oom_result.freed_pfns > 0 || f->requests > p->requests;
    case OP_BREAK:
        return f->events[BNT_GUEST_EVENT_BROKEN] > p->breaks;
    default:
        return waiting_is_active(p, row->second);
    }
}

bool waiting_is_cancelled(const struct play *p, operation op)
{
    const struct fake *f = &p->f;
    const bnt_guest_state state = fake_info(f).state;
    const bool ended =
        state != BNT_GUEST_RUNNING && state != BNT_GUEST_RELEASING && state != BNT_GUEST_SUSPENDING;
    switch (op) {
    case OP_SLEEP:
        return f->sleep_cancelled > p->cancelled;
    case OP_MOVE_IN:
    case OP_MOVE_OUT: /* at the latest when the device lets go of its half */
        return f->events[BNT_GUEST_EVENT_MIGRATED] > 0 &&
               f->last[BNT_GUEST_EVENT_MIGRATED].extra != BNT_GUEST_MIGRATED_MOVED;
    case OP_Q_INFLATE:
    case OP_Q_DEFLATE:
    case OP_Q_STATS:
    case OP_Q_REPORT:
    case OP_OOM:
        return ended;
    default:
        return !waiting_is_active(p, op);
    }
}
