/* The scripted hypervisor, and the guest core between it and the fake OS; see the header. */
#include "tests/support/fake_vmware.h"

#include "tests/support/untraced.h"

#include <string.h>

/* ---- The hypervisor ---- */

/* The host says that pages are not locked: its list follows its word. A guest may keep them in its
 * balloon all the same (DEFLATE_STOPS). */
static void disown(struct fvm *f, uint64_t first, uint64_t count)
{
    for (uint64_t k = first; k < first + count; k++) {
        f->disowned_pages += f->locked[k];
        f->locked_pages -= f->locked[k];
        f->disowned[k] |= f->locked[k];
        f->locked[k] = 0;
    }
}

/* The host pops the balloon and says so: what it said of single pages before means nothing either.
 */
static void pop(struct fvm *f)
{
    memset(f->locked, 0, f->pages);
    memset(f->disowned, 0, f->pages);
    f->locked_pages = 0;
    f->disowned_pages = 0;
    f->reset = true; /* and it waits for START */
}

void fvm_host_pops(struct fvm *f)
{
    disown(f, 0, f->pages);
    f->reset = true;
}

static int32_t judge(struct fvm *f, uint64_t pfn, bool lock)
{
    const uint64_t index = FVM_INDEX(f, pfn);
    if (pfn < FVM_FIRST(f) || index >= f->pages) {
        return BNT_VMWARE_PPN_INVALID;
    }
    CHECK(f->owned[index] == 1); /* no page of the OS is ever offered */
    const uint8_t bad = lock ? f->bad[index] : f->bad_back[index];
    if (bad == BNT_VMWARE_RESET) {
        pop(f);
    } else if (bad == BNT_VMWARE_PPN_UNLOCKED && !lock) {
        disown(f, index, 1);
    }
    if (bad != 0) {
        return bad;
    }
    if (lock && f->locked[index]) {
        return BNT_VMWARE_PPN_LOCKED;
    }
    if (!lock && !f->locked[index]) {
        return BNT_VMWARE_PPN_UNLOCKED;
    }
    if (lock && f->locked_pages >= f->target) {
        return BNT_VMWARE_PPN_NOTNEEDED;
    }
    f->locked[index] = lock;
    f->locked_pages += lock ? 1 : UINT64_MAX;
    return BNT_VMWARE_SUCCESS;
}

/* A block: all or nothing, by the first of its pages that is bad. */
static int32_t judge_huge(struct fvm *f, uint64_t pfn, bool lock)
{
    const uint64_t first = FVM_INDEX(f, pfn);
    CHECK(pfn % BNT_VMWARE_2M_PFNS == 0 && first + BNT_VMWARE_2M_PFNS <= f->pages);
    CHECK(f->whole[first] == 1);
    for (uint64_t k = first; k < first + BNT_VMWARE_2M_PFNS; k++) {
        const uint8_t bad = lock ? f->bad[k] : f->bad_back[k];
        if (bad == BNT_VMWARE_RESET) {
            pop(f);
        } else if (bad == BNT_VMWARE_PPN_UNLOCKED && !lock) {
            disown(f, first, BNT_VMWARE_2M_PFNS);
        }
        if (bad != 0) {
            return bad;
        }
        CHECK(f->locked[k] == !lock || f->disowned[k] || f->reset || f->hostile);
        if (f->locked[k] == lock) {
            return lock ? BNT_VMWARE_PPN_LOCKED : BNT_VMWARE_PPN_UNLOCKED;
        }
    }
    if (lock && f->locked_pages >= f->target) {
        return BNT_VMWARE_PPN_NOTNEEDED;
    }
    memset(f->locked + first, lock, BNT_VMWARE_2M_PFNS);
    f->locked_pages += lock ? BNT_VMWARE_2M_PFNS : UINT64_MAX - BNT_VMWARE_2M_PFNS + 1;
    return BNT_VMWARE_SUCCESS;
}

static void count_lock(struct fvm *f, uint64_t pages)
{
    f->lock_pages += pages;
    if (f->target_calls > 0 && --f->target_calls == 0) {
        f->target = f->target_after;
    }
}

static int32_t start(struct fvm *f, uint64_t caps, uint64_t *result)
{
    pop(f);
    f->reset = false;
    f->doorbell_rings = false;
    if (f->caps == 0) {
        return caps == BNT_VMWARE_PROTOCOL_2010 || caps == 0 ? BNT_VMWARE_SUCCESS
                                                             : BNT_VMWARE_FAILURE;
    }
    if (caps == 0 || caps == BNT_VMWARE_PROTOCOL_2010) {
        return BNT_VMWARE_SUCCESS;
    }
    *result = (caps & f->caps) | f->caps_more;
    return BNT_VMWARE_SUCCESS_WITH_CAPABILITIES;
}

static int32_t batch(struct fvm *f, uint64_t ppn, uint64_t count, bool lock, bool huge)
{
    CHECK(ppn == f->dma_gpa >> BNT_PFN_SHIFT && count > 0 && count <= BNT_VMWARE_BATCH_MAX);
    struct bnt_vmware_entry *entries = (struct bnt_vmware_entry *)(void *)f->dma;
    if (lock) {
        count_lock(f, huge ? 0 : count);
        f->lock_huge += huge ? count : 0;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t pfn = bnt_vmware_get_entry_pfn(entries[i]);
        CHECK(bnt_vmware_get_entry_status(entries[i]) == 0);
        const int32_t status = huge ? judge_huge(f, pfn, lock) : judge(f, pfn, lock);
        entries[i] = bnt_vmware_make_entry(pfn, (uint32_t)status);
    }
    return BNT_VMWARE_SUCCESS;
}

static int32_t serve(struct fvm *f, uint32_t command, uint64_t arg1, uint64_t arg2,
                     uint64_t *result)
{
    if (f->answer[command] != FVM_BY_HOST && f->answer_left[command] > 0) {
        f->answer_left[command] -= f->answer_left[command] != UINT32_MAX;
        if (command == BNT_VMWARE_CMD_START && f->answer[command] == BNT_VMWARE_SUCCESS) {
            (void)start(f, 0, result);
        }
        return f->answer[command];
    }
    if (command == BNT_VMWARE_CMD_START) {
        return start(f, arg1, result);
    }
    if (f->reset) {
        return BNT_VMWARE_RESET;
    }
    switch (command) {
    case BNT_VMWARE_CMD_GET_TARGET:
        f->limit_told = arg1;
        return BNT_VMWARE_SUCCESS;
    case BNT_VMWARE_CMD_LOCK:
        count_lock(f, 1);
        return judge(f, arg1, true);
    case BNT_VMWARE_CMD_UNLOCK:
        return judge(f, arg1, false);
    case BNT_VMWARE_CMD_BATCHED_LOCK:
    case BNT_VMWARE_CMD_BATCHED_UNLOCK:
        return batch(f, arg1, arg2, command == BNT_VMWARE_CMD_BATCHED_LOCK, false);
    case BNT_VMWARE_CMD_BATCHED_2M_LOCK:
    case BNT_VMWARE_CMD_BATCHED_2M_UNLOCK:
        return batch(f, arg1, arg2, command == BNT_VMWARE_CMD_BATCHED_2M_LOCK, true);
    case BNT_VMWARE_CMD_VMCI_DOORBELL_SET:
        f->doorbell_rings = arg1 == 7 && arg2 == 9;
        return BNT_VMWARE_SUCCESS;
    case BNT_VMWARE_CMD_GUEST_ID:
        return BNT_VMWARE_SUCCESS;
    default:
        return BNT_VMWARE_CMD_INVALID;
    }
}

static int32_t vmware_call(void *opaque, uint32_t command, uint64_t arg1, uint64_t arg2,
                           uint64_t *result)
{
    struct fvm *f = opaque;
    CHECK(command < BNT_VMWARE_CMD_COUNT);
    if (f->before != NULL) {
        f->before(f, command);
    }
    *result = 0;
    int32_t status = serve(f, command, arg1, arg2, result);
    if (status == BNT_VMWARE_SUCCESS && bnt_vmware_does_command_return_target(command)) {
        *result = f->target;
    }
    if (f->lie != NULL) {
        status = f->lie(f, command, arg2, status, result);
    }
    if (status == BNT_VMWARE_RESET && command != BNT_VMWARE_CMD_START) {
        pop(f);
    }
    if (f->log_count == f->log_room && f->log_room < FVM_LOG_MAX) {
        f->log_room *= 2;
        f->log = realloc(f->log, f->log_room * sizeof f->log[0]);
        CHECK(f->log != NULL);
    }
    if (f->log_count < FVM_LOG_MAX) {
        f->log[f->log_count] = (struct fvm_call){command, arg1, arg2, status, f->now_ns};
    }
    f->log_count++;
    f->calls[command]++;
    return status;
}

/* ---- The test's side ---- */

struct fvm *fvm_new(uint64_t pages)
{
    struct fvm *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->pages = pages;
    f->config = (struct bnt_guest_config){.size = sizeof f->config,
                                          .wire = BNT_GUEST_WIRE_VMWARE,
                                          .memory.first_pfn = 1000,
                                          .memory.pfns = pages};
    f->checked = true;
    f->dma_gpa = FVM_DMA_GPA;
    f->caps = FVM_CAPS_ALL;
    f->alloc_limit = UINT64_MAX;
    f->huge_limit = UINT64_MAX;
    f->now_ns = 5 * FVM_S;
    for (uint32_t i = 0; i < BNT_VMWARE_CMD_COUNT; i++) {
        f->answer[i] = FVM_BY_HOST;
        f->answer_left[i] = UINT32_MAX;
    }
    f->log_room = FVM_LOG_MAX / 256;
    f->log = calloc(f->log_room, sizeof f->log[0]);
    f->owned = calloc(pages, 1);
    f->whole = calloc(pages, 1);
    f->clean = calloc(pages, 1);
    f->locked = calloc(pages, 1);
    f->disowned = calloc(pages, 1);
    f->bad = calloc(pages, 1);
    f->bad_back = calloc(pages, 1);
    f->stack = calloc(pages, sizeof f->stack[0]);
    f->links = calloc(pages, sizeof f->links[0]);
    CHECK(f->log && f->owned && f->whole && f->clean && f->locked && f->disowned && f->bad &&
          f->bad_back && f->stack && f->links);
    for (uint64_t i = 0; i < pages; i++) {
        f->stack[i] = (uint32_t)(pages - 1 - i); /* lowest first */
    }
    f->free_count = pages;
    return f;
}

struct fvm *fvm_new_2010(uint64_t pages)
{
    struct fvm *f = fvm_new(pages);
    f->caps = 0;
    bnt_guest_config_set_vmware_2010(&f->config);
    return f;
}

bnt_status fvm_attach(struct fvm *f)
{
    struct bnt_guest_ops ops = fvm_os_ops(f);
    ops.vmware.call = vmware_call;
    if (f->guest == NULL) {
        struct bnt_guest_need need;
        CHECK(bnt_guest_compute_footprint(&f->config, &need) == BNT_OK);
        f->state = calloc(1, need.state_bytes);
        f->dma = aligned_alloc(4096, need.dma_bytes);
        CHECK(f->state != NULL && f->dma != NULL);
        CHECK(bnt_guest_init(f->state, need.state_bytes, f->dma, f->dma_gpa, need.dma_bytes,
                             &f->config, &ops, f, &f->guest) == BNT_OK);
    }
    return bnt_guest_attach(f->guest, f->now_ns);
}

struct bnt_guest_info fvm_info(const struct fvm *f)
{
    struct bnt_guest_info info = {.size = sizeof info};
    CHECK(bnt_guest_info_get(f->guest, &info) == BNT_OK);
    return info;
}

/* Between two steps nothing is in flight on this wire, so both sides agree to the page. */
UNTRACED void fvm_audit(const struct fvm *f)
{
    const struct bnt_guest_info info = fvm_info(f);
    uint64_t owned = 0;
    for (uint64_t i = 0; i < f->pages; i++) {
        owned += f->owned[i];
    }
    CHECK(owned == info.balloon.ballooned_pfns + info.balloon.stuck_pages +
                       info.balloon.held_pages + info.huge.held_pfns + info.unusable.held_pages);
    CHECK(owned + f->free_count == f->pages);
    CHECK(info.totals.inflated_pfns == info.totals.deflated_pfns + info.totals.reset_pfns +
                                           info.balloon.ballooned_pfns + info.balloon.stuck_pages);
    const bool agrees = info.state == BNT_GUEST_RUNNING && !f->reset && !f->hostile;
    CHECK(!agrees || f->locked_pages + f->disowned_pages ==
                         info.balloon.ballooned_pfns + info.balloon.stuck_pages);
}

void fvm_step(struct fvm *f, uint32_t budget)
{
    CHECK(bnt_guest_step(f->guest, f->now_ns, budget, &f->deadline_ns) == BNT_OK);
    if (f->checked) {
        fvm_audit(f);
    }
}

uint32_t fvm_settle(struct fvm *f, uint32_t budget)
{
    uint32_t steps = 0;
    do {
        fvm_step(f, budget);
        CHECK(++steps < 1000000);
    } while (f->deadline_ns <= f->now_ns);
    return steps;
}

void fvm_up(struct fvm *f)
{
    CHECK(fvm_attach(f) == BNT_OK);
    (void)fvm_settle(f, 64);
}

void fvm_run(struct fvm *f, uint64_t ns)
{
    const uint64_t end = f->now_ns + ns;
    (void)fvm_settle(f, 64);
    while (f->deadline_ns <= end) {
        f->now_ns = f->deadline_ns > f->now_ns ? f->deadline_ns : f->now_ns;
        (void)fvm_settle(f, 64);
    }
    f->now_ns = end;
}

void fvm_tick(struct fvm *f)
{
    (void)fvm_settle(f, 64);
    CHECK(f->deadline_ns != BNT_NEVER);
    f->now_ns = f->deadline_ns;
    (void)fvm_settle(f, 64);
}

void fvm_end(struct fvm *f)
{
    if (f->guest != NULL && fvm_info(f).state != BNT_GUEST_DOWN) {
        bnt_status status = bnt_guest_detach(f->guest, f->now_ns);
        for (uint32_t i = 0; status == BNT_E_AGAIN; i++) {
            CHECK(i < 100000);
            f->now_ns += FVM_MS;
            status = bnt_guest_detach(f->guest, f->now_ns);
        }
        CHECK(status == BNT_OK);
    }
    if (f->guest != NULL && f->sleep_asked > 0) {
        CHECK(fvm_sleep_done(f, f->sleep_asked) == BNT_OK);
    }
    CHECK(f->free_count == f->pages);
    free(f->state);
    free(f->dma);
    free(f->owned);
    free(f->locked);
    free(f->disowned);
    free(f->whole);
    free(f->clean);
    free(f->bad);
    free(f->bad_back);
    free(f->stack);
    free(f->links);
    free(f->log);
    free(f);
}

const struct fvm_call *fvm_last(const struct fvm *f, uint32_t back)
{
    CHECK(f->log_count > back && f->log_count <= FVM_LOG_MAX);
    return &f->log[f->log_count - 1 - back];
}
