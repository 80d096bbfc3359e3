/*
 * The list of the features, and of the functions that serve each queue.
 */
#include "lib/host/host_front.h"

const struct bnti_host_feature *const bnti_host_features[BNTI_HOST_FEATURES] = {
#define BNTI_X(NAME, name) [BNTI_HOST_FEATURE_##NAME] = &bnti_host_feature_##name,
    BNTI_HOST_FEATURE_MAP(BNTI_X)
#undef BNTI_X
};

void bnti_host_set_roles(struct bnt_host *host)
{
    host->roles[BNT_BALLOON_QUEUE_INFLATE] = &bnti_host_request_row;
    host->roles[BNT_BALLOON_QUEUE_DEFLATE] = &bnti_host_request_row;
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        const struct bnti_host_feature *feature = bnti_host_features[id];
        for (uint32_t i = 0; i < 2 && feature->queues[i].row != NULL; i++) {
            host->roles[feature->queues[i].role] = feature->queues[i].row;
        }
    }
}

void bnti_host_init_features(struct bnt_host *host)
{
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        if (bnti_host_features[id]->init != NULL) {
            bnti_host_features[id]->init(host);
        }
    }
}

void bnti_host_features_clear(struct bnt_host *host)
{
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        if (bnti_host_features[id]->forget != NULL) {
            bnti_host_features[id]->forget(host);
        }
    }
}

void bnti_host_resume_features(struct bnt_host *host)
{
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        if (bnti_host_features[id]->resume != NULL) {
            bnti_host_features[id]->resume(host);
        }
    }
}

uint64_t bnti_host_features_deadline(struct bnt_host *host)
{
    uint64_t next = BNT_NEVER;

    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        if (bnti_host_features[id]->due != NULL) {
            next = bnti_host_min(next, bnti_host_features[id]->due(host));
        }
    }
    return next;
}

void bnti_host_fill_features_config(const struct bnt_host *host, uint8_t *space)
{
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        if (bnti_host_features[id]->config_read != NULL) {
            bnti_host_features[id]->config_read(host, space);
        }
    }
}

void bnti_host_write_features_config_byte(struct bnt_host *host, uint32_t at, uint8_t value)
{
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        if (bnti_host_features[id]->config_write != NULL) {
            bnti_host_features[id]->config_write(host, at, value);
        }
    }
}

void bnti_host_save_or_load_features(struct bnti_pack *pack, struct bnt_host *host,
                                     bnti_host_saved place)
{
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES && !pack->failed; id++) {
        if (bnti_host_features[id]->saved == place) {
            bnti_host_features[id]->pack(pack, host);
        }
    }
}

void bnti_host_features_fill_info(const struct bnt_host *host, struct bnt_host_info *info)
{
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        if (bnti_host_features[id]->info != NULL) {
            bnti_host_features[id]->info(host, info);
        }
    }
}
