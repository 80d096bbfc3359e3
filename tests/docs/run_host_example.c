/*
 * Runs the example of host.h over the memory of tests/embed, without a guest. The build extracts
 * the example into host_example.inc, where each statement that sets `status` is followed by a
 * check.
 */
#include "vmm.h"

static struct vmm machine;
static uint64_t storage[1 << 17];

#define CHECK_STATUS()                                              \
    if (status != BNT_OK) {                                         \
        printf("line %d: %s\n", __LINE__, bnt_status_text(status)); \
        return 1;                                                   \
    }

int main(void)
{
    const struct bnt_host_ops ops = vmm_ops();
    const struct bnt_mem mem = vmm_memory(&machine);
    struct vmm *const vmm = &machine;
    const uint16_t queue = BNT_BALLOON_QUEUE_INFLATE;
    const uint64_t now = 1000;
    const uint64_t pfns = 16;
    const uint64_t timeout_ns = 0;
    const uint32_t budget = 8;
    uint64_t deadline_ns = 0;
    uint64_t id = 0;
    size_t bytes = 0;
    bnt_status status;
#define host machine.host
#include "host_example.inc"
    struct bnt_host_info info = {.size = sizeof info};
    if (bytes > sizeof storage || bnt_host_info_get(host, &info) != BNT_OK) {
        return 1;
    }
    printf("the example of host.h: request %u wants %u pages\n", (unsigned)id,
           (unsigned)info.target.num_pages);
    return id != 0 && info.target.num_pages == pfns && deadline_ns > now ? 0 : 1;
}
