/* The smallest host: a device over 1 MiB of guest memory that asks the guest for 64 KiB of it. */
#include "vmm.h"

int main(void)
{
    static struct vmm vmm;
    const struct bnt_host_config config = {.size = sizeof config, .memory.pfns = VMM_PFNS};
    const struct bnt_host_ops ops = vmm_ops();
    const struct bnt_mem memory = vmm_memory(&vmm);
    uint64_t now_ns = 0;
    uint64_t deadline_ns = 0;
    size_t bytes = 0;
    bnt_status status = bnt_host_compute_footprint(&config, &bytes);
    void *storage = malloc(bytes);
    if (status == BNT_OK) {
        status = bnt_host_init(storage, bytes, &config, &ops, &vmm, &memory, NULL, &vmm.host);
    }
    if (status == BNT_OK) {
        status = bnt_host_target_set(vmm.host, now_ns, 16, 0, NULL);
    }
    while (status == BNT_OK && vmm_guest_runs(&vmm)) { /* the guest: registers, kicks, its memory */
        now_ns += 1000;
        status = bnt_host_step(vmm.host, now_ns, 8, &deadline_ns);
    }
    return vmm_print(&vmm, status);
}
