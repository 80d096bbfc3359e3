/*
 * Bytes as a sequence of calls of the guest core on VMware's wire, of things that its OS does, and
 * of hosts that refuse, reset, forget or lie at any call. Whatever comes, no page is lost or given
 * back twice, a step does a bounded amount, one instant ends, and so does a detach.
 */
#include "tests/support/fake_vmware.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGES 1600 /* two whole pages of 2 MiB, with single ones around them */

/* Milliseconds that a detach may take: START is repeated for half a second. */
#define DETACH_MS 700

/* Steps of one instant: each has a budget of one unit at least. */
#define INSTANT_STEPS (4 * PAGES)

struct input {
    const uint8_t *data;
    size_t left;
};

/* What the host and the OS do at the calls to come; the fake has no room for it. */
static struct {
    uint32_t calls_left; /* until `act`; 0: never */
    uint8_t act;
    uint32_t lies; /* calls that are answered by `status` and `target` */
    int32_t status;
    uint8_t target;
    bool entries; /* the entries of a batch are, instead of the call */
} plan;

static const int32_t statuses[] = {
    BNT_VMWARE_SUCCESS,
    BNT_VMWARE_FAILURE,
    BNT_VMWARE_CMD_INVALID,
    BNT_VMWARE_PPN_INVALID,
    BNT_VMWARE_PPN_LOCKED,
    BNT_VMWARE_PPN_UNLOCKED,
    BNT_VMWARE_PPN_PINNED,
    BNT_VMWARE_PPN_NOTNEEDED,
    BNT_VMWARE_RESET,
    BNT_VMWARE_BUSY,
    BNT_VMWARE_SUCCESS_WITH_CAPABILITIES,
    31,
    9,
    INT32_MAX,
    INT32_MIN + 1,
};

static uint8_t input_byte(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

static uint32_t input_word(struct input *in)
{
    const uint32_t low = input_byte(in);
    return low | (uint32_t)input_byte(in) << 8;
}

static int32_t input_status(struct input *in)
{
    return statuses[input_byte(in) % (sizeof statuses / sizeof statuses[0])];
}

/* At one call, before it is served: what comes in between, and calls that may not. */
static void before(struct fvm *f, uint32_t command)
{
    struct bnt_guest_oom_result result;
    uint64_t deadline_ns = 0;
    (void)command;
    if (plan.calls_left == 0 || --plan.calls_left > 0) {
        return;
    }
    switch (plan.act % 6) {
    case 0:
        fvm_host_pops(f);
        break;
    case 1:
        f->target = f->target == 0 ? PAGES : 0;
        break;
    case 2:
        bnt_guest_config_changed(f->guest);
        break;
    case 3:
        CHECK(bnt_guest_detach(f->guest, f->now_ns) == BNT_E_REENTRANT);
        break;
    case 4:
        CHECK(bnt_guest_handle_oom(f->guest, f->now_ns, 10, &result) == BNT_E_REENTRANT);
        break;
    default:
        CHECK(bnt_guest_step(f->guest, f->now_ns, 1, &deadline_ns) == BNT_E_REENTRANT);
        break;
    }
}

static int32_t lie(struct fvm *f, uint32_t command, uint64_t count, int32_t status,
                   uint64_t *result)
{
    struct bnt_vmware_entry *entries = (struct bnt_vmware_entry *)(void *)f->dma;
    const bool batched =
        command >= BNT_VMWARE_CMD_BATCHED_LOCK && command <= BNT_VMWARE_CMD_BATCHED_2M_UNLOCK;
    if (plan.lies == 0) {
        return status;
    }
    plan.lies--;
    f->hostile = true;
    *result = plan.target & 1 ? (uint64_t)plan.target << (plan.target & 62) : *result;
    if (!plan.entries || !batched || count > BNT_VMWARE_BATCH_MAX) {
        return plan.status;
    }
    for (uint64_t i = plan.target & 3; i < count; i += 1u + (plan.target >> 4)) {
        entries[i].value = bnt_cpu_to_le64((uint64_t)plan.target * UINT64_C(0x0101010101010101) ^
                                           i ^ (uint32_t)plan.status);
    }
    return status;
}

/* One step; how much it may do is bounded by its budget. */
static void step(struct fvm *f, uint32_t budget)
{
    const uint32_t calls = f->log_count;
    const bnt_status status = bnt_guest_step(f->guest, f->now_ns, budget, &f->deadline_ns);
    CHECK(status <= 0 && status != BNT_E_BROKEN);
    CHECK(f->log_count - calls <= (budget + 2) * 256 + 32);
    fvm_audit(f);
}

/* Steps within one instant until nothing is due: that must end. */
static void settle(struct fvm *f, uint32_t budget)
{
    uint32_t steps = 0;
    do {
        CHECK(++steps < INSTANT_STEPS);
        step(f, budget);
    } while (f->deadline_ns <= f->now_ns);
}

/* Whether the fake host does not live up to this answer of the script: that a page is locked, or is
 * not, which it does not look at, or a START with capabilities, which it does not do. */
static bool answer_lies(uint32_t command, int32_t status)
{
    const bool of_pages =
        command == BNT_VMWARE_CMD_LOCK || command == BNT_VMWARE_CMD_UNLOCK ||
        (command >= BNT_VMWARE_CMD_BATCHED_LOCK && command <= BNT_VMWARE_CMD_BATCHED_2M_UNLOCK);
    switch (status) {
    case BNT_VMWARE_SUCCESS:
        return of_pages;
    case BNT_VMWARE_SUCCESS_WITH_CAPABILITIES:
        return of_pages || command == BNT_VMWARE_CMD_START;
    case BNT_VMWARE_PPN_UNLOCKED:
        return command == BNT_VMWARE_CMD_UNLOCK;
    default:
        return false;
    }
}

/* An answer of the script. */
static void answer_script(struct fvm *f, struct input *in)
{
    const uint32_t command = input_byte(in) % BNT_VMWARE_CMD_COUNT;
    const int32_t status = input_status(in);
    const uint8_t times = input_byte(in);
    f->answer[command] = status;
    f->answer_left[command] = times == 255 ? UINT32_MAX : times;
    f->hostile = f->hostile || answer_lies(command, status);
}

/* Pages that the host never takes, or never lets go. */
static void pages_script(struct fvm *f, struct input *in)
{
    const uint32_t first = input_word(in) % PAGES;
    const uint32_t count = 1u + input_byte(in);
    const uint8_t which = input_byte(in);
    const uint8_t status = which & 31;
    memset((which & 32 ? f->bad_back : f->bad) + first, status,
           count < PAGES - first ? count : PAGES - first);
}

static bool page_find(const struct fvm *f, uint32_t from, uint8_t owned, uint64_t *page)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        const uint32_t index = (from + i) % PAGES;
        if (f->owned[index] == owned) {
            *page = f->config.memory.first_pfn + index;
            return true;
        }
    }
    return false;
}

/* Moves a page, or tries to: it may be in no balloon. */
static bnt_status page_moves(struct fvm *f, struct input *in)
{
    const uint8_t how = input_byte(in);
    uint64_t old_page = 0;
    if (!page_find(f, input_word(in), 1, &old_page) || f->free_count == 0) {
        return BNT_OK;
    }
    const uint32_t index = f->stack[--f->free_count];
    f->owned[index] = 1;
    const bnt_status status =
        bnt_guest_page_migrate(f->guest, f->now_ns, how & 2 ? old_page + (how >> 2) : old_page,
                               f->config.memory.first_pfn + index, how & 1);
    if (status != BNT_OK) { /* it stays the caller's */
        f->owned[index] = 0;
        f->stack[f->free_count++] = index;
    }
    return status;
}

/* The allocation that may wait is over. */
static void sleep_ends(struct fvm *f, uint32_t pages)
{
    pages = pages < f->sleep_asked ? pages : f->sleep_asked;
    pages = pages < f->free_count ? pages : (uint32_t)f->free_count;
    if (f->sleep_asked > 0) {
        (void)fvm_sleep_done(f, pages);
    } else {
        CHECK(bnt_guest_handle_alloc_done(f->guest, f->now_ns, NULL, 0) == BNT_E_STATE);
    }
}

static void knobs_turn(struct fvm *f, struct input *in)
{
    const uint8_t value = input_byte(in);
    switch (input_byte(in) % 9) {
    case 0:
        f->alloc_limit = value & 1 ? UINT64_MAX : value;
        break;
    case 1:
        f->huge_limit = value & 1 ? UINT64_MAX : value & 3;
        break;
    case 2:
        f->oom_in_alloc = value;
        break;
    case 3:
        f->sleep_refused = value & 1;
        f->sleep_cancels = value & 2;
        break;
    case 4:
        f->doorbell_there = value & 1;
        break;
    case 5:
        f->caps = value;
        break;
    case 6:
        f->caps_more = (uint64_t)value << (value & 31);
        break;
    case 7:
        f->target_calls = value;
        f->target_after = input_word(in) % (PAGES + 100);
        break;
    default:
        plan.calls_left = value;
        plan.act = input_byte(in);
        break;
    }
}

static void lies_plan(struct input *in)
{
    plan.lies = 1u + input_byte(in) % 40;
    plan.status = input_status(in);
    plan.target = input_byte(in);
    plan.entries = input_byte(in) & 1;
}

/* What an OS calls seldom. */
static bnt_status rarer_call(struct fvm *f, struct input *in)
{
    const uint64_t value = input_word(in);
    const uint8_t which = input_byte(in);
    switch (which >> 4) {
    case 12:
        return bnt_guest_deflate_all(f->guest, f->now_ns);
    case 13:
        return bnt_guest_target_follow(f->guest, f->now_ns);
    case 14:
        return bnt_guest_detach_orderly(f->guest, f->now_ns);
    case 15:
        bnt_guest_handle_shared_interrupt(f->guest);
        return BNT_OK;
    default:
        return bnt_guest_limit_set(f->guest, value << which % 40);
    }
}

static void one_call(struct fvm *f, struct input *in)
{
    struct bnt_guest_oom_result result;
    bnt_status status = BNT_OK;
    switch (input_byte(in) % 19) {
    case 0:
    case 1:
        step(f, 1u + input_byte(in) % 9);
        break;
    case 2:
        settle(f, 1u + input_byte(in) % 64);
        break;
    case 3:
        f->now_ns += (uint64_t)input_word(in) * FVM_MS;
        break;
    case 4:
        f->now_ns =
            f->deadline_ns != BNT_NEVER && f->deadline_ns > f->now_ns ? f->deadline_ns : f->now_ns;
        settle(f, 8);
        break;
    case 5:
        f->target = input_word(in) % (PAGES + 100);
        break;
    case 6:
        status = bnt_guest_handle_oom(f->guest, f->now_ns, input_word(in) % PAGES, &result);
        break;
    case 7:
        status = bnt_guest_detach(f->guest, f->now_ns);
        break;
    case 8:
        status = fvm_attach(f);
        break;
    case 9:
        bnt_guest_config_changed(f->guest);
        break;
    case 10:
        answer_script(f, in);
        break;
    case 11:
        pages_script(f, in);
        break;
    case 12:
        fvm_host_pops(f);
        break;
    case 13:
        sleep_ends(f, input_word(in));
        break;
    case 14:
        status = rarer_call(f, in);
        break;
    case 15:
        status = page_moves(f, in);
        break;
    case 16: /* the host is gone, and its list with it; another is there at the next attach */
        fvm_host_pops(f);
        status = bnt_guest_handle_unplug(f->guest, f->now_ns);
        break;
    case 17:
        lies_plan(in);
        break;
    default:
        knobs_turn(f, in);
        break;
    }
    CHECK(status <= 0);
    fvm_audit(f);
}

static struct fvm *guest_new(struct input *in)
{
    static const uint64_t firsts[] = {1000, 1024, (UINT64_C(1) << 32) - 1500, UINT64_C(1) << 40};
    const uint8_t shape = input_byte(in);
    const uint8_t more = input_byte(in);
    struct fvm *f = shape & 1 ? fvm_new_2010(PAGES) : fvm_new(PAGES);
    f->config.memory.first_pfn = firsts[shape >> 1 & 3];
    f->config.sizing.sleeping = shape & 8 ? BNT_GUEST_OFF : BNT_GUEST_DEFAULT;
    f->config.sizing.refused_pages_max = shape & 16 ? 3 : 0;
    f->config.sizing.huge_overshoot = shape & 32 ? BNT_GUEST_OFF : BNT_GUEST_DEFAULT;
    f->dma_gpa = shape & 64 ? UINT64_C(1) << 44 : FVM_DMA_GPA;
    f->huge = shape & 128;
    f->caps = input_byte(in);
    f->config.vmware.slack_pfns = more & 1 ? BNT_GUEST_SLACK_NONE : (more & 14u) * 20;
    f->config.vmware.batch_max = more & 16 ? 7 : 0;
    f->config.vmware.quirks ^= more & 32 ? input_byte(in) : 0u;
    f->config.vmware.caps = more & 64 ? input_byte(in) & BNT_VMWARE_CAPS_ALL : 0;
    f->config.rates.alloc_max = more & 128 ? 64 : 0;
    f->config.rates.free_max = more & 128 ? 64 : 0;
    f->config.rates.nosleep_max = more & 128 ? 100 : 0;
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct fvm *f = guest_new(&in);
    memset(&plan, 0, sizeof plan);
    f->before = before;
    f->lie = lie;
    f->checked = false;
    CHECK(fvm_attach(f) <= 0);
    while (in.left > 0) {
        one_call(f, &in);
    }
    bnt_status status = bnt_guest_detach(f->guest, f->now_ns);
    for (uint32_t i = 0; status == BNT_E_AGAIN; i++) {
        CHECK(i < DETACH_MS);
        f->now_ns += FVM_MS;
        status = bnt_guest_detach(f->guest, f->now_ns);
        fvm_audit(f);
    }
    CHECK(status == BNT_OK);
    fvm_end(f);
    return 0;
}
