# The sources of the libraries, for a build by make that takes them without ours:
#
#     include $(BALLONET_DIR)/lib/sources.mk
#     sources := $(addprefix $(BALLONET_DIR)/lib/,$(BNT_BASE_SOURCES) $(BNT_VIRTIO_SOURCES) $(BNT_GUEST_SOURCES))
#
# Paths are relative to this folder. See sources.cmake.

BNT_BASE_SOURCES = \
  base/intake.c \
  base/pack.c \
  base/status.c

BNT_VIRTIO_SOURCES = \
  virtio/balloon.c \
  virtio/balloon_queues.c \
  virtio/chain.c \
  virtio/device.c \
  virtio/driver.c \
  virtio/features.c \
  virtio/layout.c \
  virtio/memory.c \
  virtio/packed_device.c \
  virtio/packed_driver.c \
  virtio/queue_device.c \
  virtio/queue_driver.c \
  virtio/queue_state.c \
  virtio/split_device.c \
  virtio/split_driver.c \
  virtio/vmware.c

BNT_GUEST_SOURCES = \
  guest/attach.c \
  guest/balloon/aim.c \
  guest/balloon/doubt.c \
  guest/balloon/huge.c \
  guest/balloon/migrate.c \
  guest/balloon/oom.c \
  guest/balloon/pace.c \
  guest/balloon/record.c \
  guest/balloon/refusal.c \
  guest/balloon/release.c \
  guest/balloon/sizing.c \
  guest/balloon/sleep.c \
  guest/balloon/unusable.c \
  guest/balloon/verdict.c \
  guest/core/backoff.c \
  guest/core/count.c \
  guest/core/give_back.c \
  guest/core/guest_state.c \
  guest/core/guest_target.c \
  guest/core/names.c \
  guest/core/requests.c \
  guest/core/settings.c \
  guest/deflate_all.c \
  guest/features/device_init.c \
  guest/features/feature_table.c \
  guest/features/hint.c \
  guest/features/hint_pages.c \
  guest/features/huge_pages.c \
  guest/features/poison.c \
  guest/features/report.c \
  guest/features/stats.c \
  guest/features/working_set.c \
  guest/follow.c \
  guest/guest.c \
  guest/idle.c \
  guest/pressure.c \
  guest/recover.c \
  guest/suspend.c \
  guest/virtio_session.c \
  guest/vmware_session.c \
  guest/vmware_stop.c \
  guest/wire/config.c \
  guest/wire/queue_reset.c \
  guest/wire/queues.c \
  guest/wire/request.c \
  guest/wire/vmware_calls.c \
  guest/wires.c

BNT_HOST_SOURCES = \
  host/balloon/actual.c \
  host/balloon/host_huge.c \
  host/balloon/host_refusal.c \
  host/balloon/host_request.c \
  host/balloon/host_verdict.c \
  host/balloon/target.c \
  host/calls.c \
  host/core/event.c \
  host/core/frame.c \
  host/core/memory_map.c \
  host/feature_list.c \
  host/features/host_hint.c \
  host/features/host_huge_pages.c \
  host/features/host_poison.c \
  host/features/host_report.c \
  host/features/host_stats.c \
  host/features/host_working_set.c \
  host/host.c \
  host/host_config.c \
  host/host_info.c \
  host/host_reset.c \
  host/host_suspend.c \
  host/ledger/backing.c \
  host/ledger/discard.c \
  host/ledger/extents.c \
  host/ledger/ledger.c \
  host/ledger/ledger_state.c \
  host/registers.c \
  host/state.c \
  host/wire/host_virtio.c \
  host/wire/host_vmware.c \
  host/wire/job.c \
  host/wire/queue.c \
  host/wire/rings.c \
  host/wire/serve.c
