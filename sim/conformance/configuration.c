/*
 * Checks configuration space: when a driver may access which field, and what driver and device must
 * do so that several reads give consistent values (VIRTIO 1.4, 2.5). The meaning of the balloon's
 * fields is checked by other watchers.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>
#include <string.h>

void configuration_note_generation_read(struct watch *watch, uint32_t generation)
{
    struct watch_configuration *c = &watch->configuration;
    if (c->reading) {
        clause_count_use(watch, DRV, CLAUSE_VG_17);
        c->unsettled = c->generation_known && generation != c->generation;
        c->reading = false;
    }
    c->generation_known = true;
    c->generation = generation;
}

/** The feature that must be negotiated for a configuration field to exist; 0 if the field always
 * exists. */
static uint64_t get_field_feature(const struct watch *watch, uint32_t offset)
{
    for (uint32_t feature = 0; feature < BNT_BALLOON_FEATURE_COUNT; feature++) {
        const struct bnt_balloon_row *row = bnt_balloon_find_feature_row(feature);
        if (offset >= row->config_first && offset - row->config_first < row->config_bytes) {
            return bnt_balloon_get_feature_mask(feature, &watch->config.binding);
        }
    }
    return 0;
}

static void check_field_feature(struct watch *watch, uint32_t offset)
{
    const uint64_t feature = get_field_feature(watch, offset);
    if (feature != 0) {
        clause_require(
            watch, DRV, CLAUSE_VG_18, (watch->registers.offered & feature) != 0,
            "the driver accesses the configuration field at offset %u without its feature", offset);
    }
}

/** If a value changed between two reads, the generation must have changed too. */
static void check_generation_changed(struct watch *watch, uint32_t offset, uint32_t value)
{
    struct watch_configuration *c = &watch->configuration;
    const uint32_t field = offset / 4;
    if (field >= sizeof c->fields / sizeof c->fields[0] || !c->generation_known) {
        return;
    }
    const bool drivers =
        offset == BNT_BALLOON_CONFIG_ACTUAL || offset == BNT_BALLOON_CONFIG_POISON_VAL ||
        offset == BNT_BALLOON_CONFIG_GUEST_LIMIT || offset == BNT_BALLOON_CONFIG_EPOCH_ACK;
    if (!drivers && c->fields[field].known && c->fields[field].value != value) {
        clause_require(watch, DEV, CLAUSE_VG_21, c->fields[field].generation != c->generation,
                       "the device changed configuration at offset %u from %" PRIu32 " to %" PRIu32
                       " without changing the generation",
                       offset, c->fields[field].value, value);
    }
    c->fields[field].known = true;
    c->fields[field].value = value;
    c->fields[field].generation = c->generation;
}

static void observe_config_read(struct watch *watch, uint32_t offset, const void *data,
                                uint32_t bytes)
{
    struct watch_configuration *c = &watch->configuration;
    check_field_feature(watch, offset);
    if (bytes > 4 && !watch->config.foreign) {
        clause_require(watch, DRV, CLAUSE_VG_17, c->generation_known && !c->reading,
                       "the driver reads %u bytes of configuration without reading the generation",
                       bytes);
    }
    if (c->unsettled && offset == c->reading_offset) {
        c->unsettled = false;
        c->rereads++;
    }
    c->reading = true;
    c->reading_offset = offset;
    if (bytes == 4) {
        check_generation_changed(watch, offset, read_le32(data));
    }
}

static void observe_config_write(struct watch *watch, uint32_t offset, const void *data,
                                 uint32_t bytes)
{
    struct watch_configuration *c = &watch->configuration;
    check_field_feature(watch, offset);
    if (offset == BNT_BALLOON_CONFIG_GUEST_LIMIT && bytes == 4) {
        c->limit = read_le32(data);
    }
    if (!watch->legacy) {
        clause_require(watch, DRV, CLAUSE_VG_23,
                       (watch->registers.status & BNT_DEVICE_STATUS_FEATURES_OK) != 0,
                       "the driver writes configuration at offset %u before FEATURES_OK", offset);
    }
}

/** Keeps a copy of the configuration before FEATURES_OK, for a comparison after DRIVER_OK. */
static void observe_early_config(struct watch *watch, const uint8_t *config, uint32_t bytes)
{
    struct watch_configuration *c = &watch->configuration;
    if (bytes >= sizeof c->shown_config) {
        memcpy(c->shown_config, config, sizeof c->shown_config);
        c->shown = true;
    }
}

/** Fields must have the same values before and after FEATURES_OK, unless the driver wrote them
 * (VG-20). */
static void compare_early_config(struct watch *watch, const struct seen_device *device)
{
    struct watch_configuration *c = &watch->configuration;
    const bool comparable = c->shown && watch->live;
    c->shown = false; /* the values can be compared only within one event, since the host can set
                         another target later */
    if (!comparable) {
        return;
    }
    const uint32_t shown = read_le32(c->shown_config + BNT_BALLOON_CONFIG_NUM_PAGES);
    /* The guest's limit is an upper bound of the target (BX-29). */
    const uint32_t expected = c->limit != 0 && c->limit < shown ? c->limit : shown;
    bool same = read_le32(device->config + BNT_BALLOON_CONFIG_NUM_PAGES) == expected;
    if ((watch->registers.offered & watch->config.binding.reset) != 0) {
        same = same && memcmp(c->shown_config + BNT_BALLOON_CONFIG_EPOCH,
                              device->config + BNT_BALLOON_CONFIG_EPOCH, 4) == 0;
    }
    clause_require(watch, DEV, CLAUSE_VG_20, same,
                   "the device shows different configuration before and after FEATURES_OK");
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    struct watch_configuration *c = &watch->configuration;
    compare_early_config(watch, device);
    if (c->unsettled && c->rereads + 1 < BNT_CONFIG_READS_MAX) {
        clause_count_violation(
            watch, DRV, CLAUSE_VG_17,
            "the driver uses the value read at offset %u although the generation changed during the read",
            c->reading_offset);
    }
    c->unsettled = false;
    c->reading = false;
    c->rereads = 0;
}

static void observe_reset(struct watch *watch)
{
    watch->configuration = (struct watch_configuration){.shown = false};
}

const struct watcher watch_configuration_watcher = {
    .reset = observe_reset,
    .config_shown = observe_early_config,
    .config_read = observe_config_read,
    .config_write = observe_config_write,
    .event_end = observe_event_end,
};
