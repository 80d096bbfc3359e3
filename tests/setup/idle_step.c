/*
 * Steps with nothing to do, to be counted by an instruction counter: idle_step CASE STEPS.
 * Cases: split, packed (every queue has buffers with the device), one (a statistics buffer alone),
 * down, suspended, broken, vmware.
 */
#include "lib/guest/front.h"
#include "tests/support/fake_device.h"
#include "tests/support/fake_vmware.h"

#include <string.h>

#define QUEUES                                                                            \
    (BNT_BALLOON_F_PAGE_REPORTING | BNT_BALLOON_F_FREE_PAGE_HINT | BNT_F_RING_EVENT_IDX | \
     FAKE_WS | BNT_F_SUSPEND)

/* The device asks for a report of working sets. */
static void working_set_ask(struct fake *f)
{
    static const uint8_t request[] = {BNT_WS_OP_REQUEST, 0};
    struct bnt_diag diag = {.size = sizeof diag};
    struct bnt_vq_seg segs[4];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = 4};
    struct bnt_vq_dev *vq = &f->vq[BNT_BALLOON_QUEUE_WS_CMD];
    CHECK(bnt_vq_dev_pop(vq, &f->mem, &chain, &diag) == BNT_OK);
    CHECK(bnt_vq_chain_write(&chain, &f->mem, 0, request, sizeof request) == BNT_OK);
    CHECK(bnt_vq_dev_push(vq, &f->mem, chain.head, sizeof request, &diag) == BNT_OK);
}

/* A buffer on each queue, which the device has and keeps. */
static void queues_fill(struct fake *f)
{
    struct bnt_guest_oom_result oom;
    fake_target(f, 100);
    fake_run(f, FAKE_S);
    working_set_ask(f);
    bnt_guest_handle_freed_pages(f->guest);
    fake_hint(f, 7);
    f->now_ns = 10 * FAKE_S;
    fake_target(f, 200);
    CHECK(fake_step(f, 64) == BNT_OK);
    CHECK(bnt_guest_handle_oom(f->guest, f->now_ns, 10, &oom) == BNT_OK);
    f->now_ns = 20 * FAKE_S;
    CHECK(fake_step(f, 64) == BNT_OK);
    for (uint32_t q = 0; q < FAKE_QUEUES; q++) {
        CHECK(f->guest->vq[q].outstanding > 0);
    }
}

static struct bnt_guest *virtio_guest(const char *which)
{
    static struct fake f;
    const uint64_t packed = strcmp(which, "packed") == 0 ? BNT_F_RING_PACKED : 0;
    const bool one = strcmp(which, "one") == 0;
    fake_init(&f, &(struct fake_setup){.pages = 2048,
                                       .offered = one ? FAKE_ALL : FAKE_ALL | QUEUES | packed,
                                       .wanted = one ? FAKE_ALL : FAKE_ALL | QUEUES | packed});
    f.ws_bins = 4;
    if (strcmp(which, "down") == 0) {
        return f.guest;
    }
    fake_up(&f);
    if (one) {
        fake_run(&f, FAKE_S);
        return f.guest;
    }
    if (strcmp(which, "suspended") == 0) {
        CHECK(bnt_guest_suspend(f.guest, f.now_ns) == BNT_OK);
    } else if (strcmp(which, "broken") == 0) {
        (void)bnt_dev_set_needs_reset(&f.dev);
        bnt_guest_config_changed(f.guest);
    } else {
        queues_fill(&f);
    }
    return f.guest;
}

static struct bnt_guest *vmware_guest(uint64_t *now_ns)
{
    struct fvm *f = fvm_new(2048);
    f->target = 100;
    fvm_up(f);
    fvm_run(f, FVM_S / 2);
    *now_ns = f->now_ns;
    return f->guest;
}

int main(int argc, char **argv)
{
    uint64_t now_ns = 0;
    uint64_t deadline_ns = 0;
    bnt_status status = BNT_OK;
    if (argc != 3) {
        fprintf(stderr, "usage: idle_step CASE STEPS\n");
        return 2;
    }
    struct bnt_guest *guest =
        strcmp(argv[1], "vmware") == 0 ? vmware_guest(&now_ns) : virtio_guest(argv[1]);
    const uint32_t steps = (uint32_t)strtoul(argv[2], NULL, 10);
    now_ns = now_ns > 0 ? now_ns : 20 * FAKE_S;
    for (uint32_t i = 0; i < 64; i++) { /* whatever is due; then there is nothing more */
        status = bnt_guest_step(guest, now_ns, 64, &deadline_ns);
    }
    CHECK(deadline_ns > now_ns + steps);
    for (uint32_t i = 0; i < steps; i++) {
        status = bnt_guest_step(guest, now_ns + i, 64, &deadline_ns);
    }
    return status == (strcmp(argv[1], "broken") == 0 ? BNT_E_BROKEN : BNT_OK) ? 0 : 1;
}
