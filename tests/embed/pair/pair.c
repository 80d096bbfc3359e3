/*
 * Both libraries in one program: the guest core's transport calls the host core's registers, both
 * see the same memory. Verdicts are negotiated and two pages are refused: the guest holds them,
 * tries others, and gives the two back once the target is reached. Then the host resets the
 * balloon.
 */
#include "../guest/os.h"

#include <ballonet/host.h>

#include <stdlib.h>
#include <string.h>

struct machine {
    struct os os; /* first: the guest's ops see it at the same address */
    struct bnt_host *host;
    uint64_t now_ns;
    bool refused[OS_PAGES];
};

/* ---- From the guest to the host ---- */

static uint64_t features_read(void *opaque)
{
    return bnt_host_features_read(((struct machine *)opaque)->host);
}

static void features_write(void *opaque, uint64_t features)
{
    if (bnt_host_features_write(((struct machine *)opaque)->host, features) != BNT_OK) {
        return; /* a register write has no answer: the driver reads FEATURES_OK back */
    }
}

static uint8_t status_read(void *opaque)
{
    return bnt_host_status_read(((struct machine *)opaque)->host);
}

static void status_write(void *opaque, uint8_t status)
{
    const struct machine *machine = opaque;
    if (bnt_host_status_write(machine->host, machine->now_ns, status) != BNT_OK) {
        return;
    }
}

static uint32_t config_generation(void *opaque)
{
    return bnt_host_config_generation_read(((struct machine *)opaque)->host);
}

static void config_read(void *opaque, uint32_t offset, void *dst, uint32_t bytes)
{
    bnt_host_config_read(((struct machine *)opaque)->host, offset, dst, bytes);
}

static void config_write(void *opaque, uint32_t offset, const void *src, uint32_t bytes)
{
    const struct machine *machine = opaque;
    bnt_host_config_write(machine->host, machine->now_ns, offset, src, bytes);
}

static uint16_t queue_size_max(void *opaque, uint16_t queue)
{
    return bnt_host_queue_size_max_get(((struct machine *)opaque)->host, queue);
}

static void queue_enable(void *opaque, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                         uint64_t avail_gpa, uint64_t used_gpa)
{
    if (bnt_host_queue_enable(((struct machine *)opaque)->host, queue, size, desc_gpa, avail_gpa,
                              used_gpa) != BNT_OK) {
        return; /* the device is broken now and says so in its status */
    }
}

static void notify(void *opaque, uint16_t queue)
{
    bnt_host_handle_kick(((struct machine *)opaque)->host, queue);
}

/* ---- From the host to the guest ---- */

static void interrupt(void *opaque, uint16_t queue)
{
    bnt_guest_handle_interrupt(((struct machine *)opaque)->os.guest, queue);
}

static void config_interrupt(void *opaque)
{
    bnt_guest_config_changed(((struct machine *)opaque)->os.guest);
}

static bnt_verdict refuse(void *opaque, uint64_t pfn, bool inflate)
{
    const struct machine *machine = opaque;
    return inflate && machine->refused[pfn] ? BNT_VERDICT_PINNED : BNT_VERDICT_ACCEPTED;
}

static bnt_status memory_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    memcpy(dst, ((struct machine *)opaque)->os.memory + gpa, bytes);
    return BNT_OK;
}

static bnt_status memory_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    memcpy(((struct machine *)opaque)->os.memory + gpa, src, bytes);
    return BNT_OK;
}

/* ---- The two instances ---- */

static const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;

static bnt_status host_make(struct machine *machine)
{
    const struct bnt_mem_region ram = {.gpa = 0, .bytes = sizeof machine->os.memory};
    const struct bnt_mem_ops copies = {
        .size = sizeof copies, .read = memory_read, .write = memory_write};
    const struct bnt_host_config config = {.size = sizeof config,
                                           .features.offered = binding.verdicts | binding.reset,
                                           .features.binding = binding,
                                           .memory.pfns = OS_PAGES};
    const struct bnt_host_ops ops = {.size = sizeof ops,
                                     .interrupt = interrupt,
                                     .config_interrupt = config_interrupt,
                                     .refusal.refuse = refuse};
    struct bnt_mem memory;
    size_t bytes = 0;
    bnt_status status = bnt_mem_init(&memory, &copies, machine, &ram, 1);
    if (status == BNT_OK) {
        status = bnt_host_compute_footprint(&config, &bytes);
    }
    if (status == BNT_OK) {
        status = bnt_host_init(malloc(bytes), bytes, &config, &ops, machine, &memory, NULL,
                               &machine->host);
    }
    return status;
}

static bnt_status guest_make(struct machine *machine)
{
    static uint64_t state[4096];
    const struct bnt_guest_config config = {.size = sizeof config,
                                            .memory.pfns = OS_PAGES,
                                            .features.wanted = binding.verdicts | binding.reset,
                                            .features.binding = binding};
    const struct bnt_drv_transport transport = {.size = sizeof transport,
                                                .features_read = features_read,
                                                .features_write = features_write,
                                                .status_read = status_read,
                                                .status_write = status_write,
                                                .config_generation = config_generation,
                                                .config_read = config_read,
                                                .config_write = config_write,
                                                .queue_size_max = queue_size_max,
                                                .queue_enable = queue_enable,
                                                .notify = notify};
    const struct bnt_guest_ops ops = os_ops(transport);
    struct os *os = &machine->os;
    bnt_status status = bnt_guest_init(state, sizeof state, os->memory, 0, OS_DMA_BYTES, &config,
                                       &ops, machine, &os->guest);
    if (status == BNT_OK) {
        status = bnt_guest_attach(os->guest, machine->now_ns);
    }
    return status;
}

/* Steps both sides until neither has anything to do now. */
static bnt_status settle(struct machine *machine)
{
    bnt_status status = BNT_OK;
    for (int i = 0; i < 16 && status == BNT_OK; i++) {
        uint64_t deadline_ns = 0;
        machine->now_ns += 1000;
        status = bnt_host_step(machine->host, machine->now_ns, 8, &deadline_ns);
        if (status == BNT_OK) {
            status = bnt_guest_step(machine->os.guest, machine->now_ns, 8, &deadline_ns);
        }
    }
    return status;
}

static int told(const struct machine *machine, const char *when)
{
    struct bnt_host_info host = {.size = sizeof host};
    struct bnt_guest_info guest = {.size = sizeof guest};
    if (bnt_host_info_get(machine->host, &host) != BNT_OK ||
        bnt_guest_info_get(machine->os.guest, &guest) != BNT_OK) {
        return 1;
    }
    printf("%s: target %u, ledger %u, guest %u, actual %u; refused %u, returned %u; epoch %u\n",
           when, (unsigned)host.target.target_pfns, (unsigned)host.ledger.pfns,
           (unsigned)guest.balloon.ballooned_pfns, (unsigned)host.target.actual_pfns,
           (unsigned)guest.refusals.refused_pages, (unsigned)guest.refusals.returned_pages,
           (unsigned)guest.balloon.epoch);
    return host.ledger.pfns == guest.balloon.ballooned_pfns ? 0 : 1;
}

int main(void)
{
    static struct machine machine;
    machine.refused[OS_PAGES - 3] = true;
    machine.refused[OS_PAGES - 7] = true;
    os_start(&machine.os);
    if (host_make(&machine) != BNT_OK || guest_make(&machine) != BNT_OK ||
        bnt_host_target_set(machine.host, machine.now_ns, 64, 0, NULL) != BNT_OK ||
        settle(&machine) != BNT_OK || told(&machine, "inflated") != 0 ||
        bnt_host_target_set(machine.host, machine.now_ns, 0, 0, NULL) != BNT_OK ||
        bnt_host_reset_balloon(machine.host, machine.now_ns) != BNT_OK ||
        settle(&machine) != BNT_OK || told(&machine, "reset") != 0) {
        return 1;
    }
    return machine.os.free_count == OS_FREE ? 0 : 1;
}
