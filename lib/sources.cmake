# The sources of the libraries, for our build and for one that takes them without it:
#
#     include(${BALLONET_DIR}/lib/sources.cmake)
#     list(TRANSFORM BNT_GUEST_SOURCES PREPEND ${BALLONET_DIR}/lib/)
#
# Paths are relative to this folder. `base` and `virtio` belong to `guest` as well as to `host`. To compile them, a compiler
# needs the root of the project and lib/include as folders of includes. The test layers.sources compares both lists, this
# one and sources.mk, with the files that are there.

set(BNT_BASE_SOURCES
  base/intake.c
  base/pack.c
  base/status.c
)

set(BNT_VIRTIO_SOURCES
  virtio/balloon.c
  virtio/balloon_queues.c
  virtio/chain.c
  virtio/device.c
  virtio/driver.c
  virtio/features.c
  virtio/layout.c
  virtio/memory.c
  virtio/packed_device.c
  virtio/packed_driver.c
  virtio/queue_device.c
  virtio/queue_driver.c
  virtio/queue_state.c
  virtio/split_device.c
  virtio/split_driver.c
  virtio/vmware.c
)

set(BNT_GUEST_SOURCES
  guest/attach.c
  guest/config.c
  guest/deflate_all.c
  guest/guest.c
  guest/hint.c
  guest/huge.c
  guest/idle.c
  guest/initialise.c
  guest/migrate.c
  guest/names.c
  guest/oom.c
  guest/pace.c
  guest/queue_reset.c
  guest/queues.c
  guest/record.c
  guest/recover.c
  guest/refusal.c
  guest/report.c
  guest/request.c
  guest/reset.c
  guest/settings.c
  guest/sizing.c
  guest/sleep.c
  guest/stats.c
  guest/suspend.c
  guest/unusable.c
  guest/verdict.c
  guest/vmware.c
  guest/vmware_stop.c
  guest/working_set.c
)

set(BNT_HOST_SOURCES
  host/backing.c
  host/drop.c
  host/event.c
  host/hint.c
  host/host.c
  host/huge.c
  host/job.c
  host/ledger.c
  host/ledger_state.c
  host/names.c
  host/queue.c
  host/refusal.c
  host/registers.c
  host/report.c
  host/request.c
  host/reset.c
  host/state.c
  host/stats.c
  host/suspend.c
  host/target.c
  host/verdict.c
  host/vmware.c
  host/working_set.c
)
