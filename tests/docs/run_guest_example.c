/*
 * Runs the example of guest.h against the stand-in device of tests/embed. The build extracts the
 * example into guest_example.inc, where each statement that sets `status` is followed by a check.
 */
#include "device.h"
#include "os.h"

static struct os machine;
static uint64_t state[4096];

#define CHECK_STATUS()                                              \
    if (status != BNT_OK) {                                         \
        printf("line %d: %s\n", __LINE__, bnt_status_text(status)); \
        return 1;                                                   \
    }

int main(void)
{
    const struct bnt_guest_ops ops = os_ops(device_transport());
    uint8_t *const dma = machine.memory;
    const uint64_t dma_gpa = 0;
    struct os *const os = &machine;
    const uint64_t now = 1000;
    const uint32_t budget = 8;
    uint64_t deadline_ns = 0;
    struct bnt_guest_need need;
    bnt_status status;
    os_start(&machine);
#define guest   machine.guest
#define running device_runs(&machine)
#include "guest_example.inc"
    const uint32_t actual = bnt_le32_to_cpu(the_device.config[1]);
    printf("the example of guest.h: %u pages were in the balloon, %u are free\n", (unsigned)actual,
           (unsigned)machine.free_count);
    return actual == 16 && machine.free_count == OS_FREE ? 0 : 1;
}
