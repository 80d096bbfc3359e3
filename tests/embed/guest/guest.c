/* The smallest guest: a driver in an OS of 256 pages that gives 16 away and takes them back. */
#include "device.h"
#include "os.h"

int main(void)
{
    static struct os os;
    static uint64_t state[4096];
    const struct bnt_guest_config config = {.size = sizeof config, .memory.pfns = OS_PAGES};
    const struct bnt_guest_ops ops = os_ops(device_transport());
    uint64_t now_ns = 0;
    uint64_t deadline_ns = 0;
    os_start(&os);
    bnt_status status = bnt_guest_init(state, sizeof state, os.memory, 0, OS_DMA_BYTES, &config,
                                       &ops, &os, &os.guest);
    if (status == BNT_OK) {
        status = bnt_guest_attach(os.guest, now_ns);
    }
    while (status == BNT_OK && device_runs(&os)) { /* the device: a target, answers, interrupts */
        now_ns += 1000;
        status = bnt_guest_step(os.guest, now_ns, 8, &deadline_ns);
    }
    os_print(&os, status);
    return bnt_guest_detach(os.guest, now_ns) == BNT_OK && os.free_count == OS_FREE ? 0 : 1;
}
