/* Every public header in one C++ file, and a call into each library with C linkage. */
#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/guest.h>
#include <ballonet/guest_config.h>
#include <ballonet/guest_info.h>
#include <ballonet/guest_ops.h>
#include <ballonet/guest_vmware.h>
#include <ballonet/host.h>
#include <ballonet/host_config.h>
#include <ballonet/host_info.h>
#include <ballonet/host_ops.h>
#include <ballonet/memory.h>
#include <ballonet/personality.h>
#include <ballonet/virtio.h>
#include <ballonet/virtqueue.h>
#include <ballonet/vmware.h>

#include <cstring>

int main()
{
    const bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;
    bnt_guest_config guest = bnt_guest_config();
    bnt_host_config host = bnt_host_config();
    bnt_guest_need need = bnt_guest_need();
    size_t bytes = 0;
    guest.size = sizeof guest;
    guest.memory.pfns = 256;
    guest.features.binding = binding;
    host.size = sizeof host;
    host.memory.pfns = 256;
    host.features.binding = binding;
    const bool ok = bnt_balloon_is_binding_valid(&binding) && bnt_vq_compute_layout(8).bytes != 0 &&
                    bnt_guest_compute_footprint(&guest, &need) == BNT_OK &&
                    bnt_host_compute_footprint(&host, &bytes) == BNT_OK &&
                    std::strcmp(bnt_status_name(BNT_OK), "OK") == 0;
    return ok ? 0 : 1;
}
