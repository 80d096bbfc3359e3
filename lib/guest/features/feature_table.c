/*
 * The table of the features, and functions that call a function of every feature. The front calls
 * them.
 */
#include "lib/guest/features/guest_features.h"

static const struct bnti_guest_feature *const rows[BNTI_GUEST_FEATURES] = {
#define BNTI_X(NAME, name) [BNTI_GUEST_FEATURE_##NAME] = &bnti_guest_feature_##name,
    BNTI_GUEST_FEATURE_MAP(BNTI_X)
#undef BNTI_X
};

static uint64_t get_feature_masks(const struct bnt_guest_config *config, uint32_t id)
{
    return bnt_balloon_combine_feature_masks(rows[id]->features, &config->features.binding);
}

/* ---- Configuration and storage ---- */

uint64_t bnti_guest_get_known_features(const struct bnt_guest_config *config)
{
    uint64_t known = 0;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        known |= get_feature_masks(config, id);
    }
    return known;
}

bool bnti_guest_are_features_valid(const struct bnt_guest_config *config)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->is_valid != NULL && !rows[id]->is_valid(config)) {
            return false;
        }
    }
    return true;
}

bool bnti_guest_do_features_have_ops(const struct bnt_guest_config *config,
                                     const struct bnt_guest_ops *ops)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->has_ops != NULL && !rows[id]->has_ops(config, ops)) {
            return false;
        }
    }
    return true;
}

/* Bytes of a feature's state, rounded up so that the next state is aligned. */
static size_t get_rounded_state_bytes(const struct bnt_guest_config *config, uint32_t id)
{
    const size_t bytes = rows[id]->state_bytes != NULL ? rows[id]->state_bytes(config) : 0;
    return (bytes + 7u) & ~(size_t)7u;
}

static size_t get_feature_dma_bytes(const struct bnt_guest_config *config, uint32_t id)
{
    return rows[id]->dma_bytes != NULL ? rows[id]->dma_bytes(config) : 0;
}

size_t bnti_guest_sum_features_state_bytes(const struct bnt_guest_config *config)
{
    size_t bytes = 0;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        bytes += get_rounded_state_bytes(config, id);
    }
    return bytes;
}

size_t bnti_guest_sum_features_dma_bytes(const struct bnt_guest_config *config)
{
    size_t bytes = 0;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        bytes += get_feature_dma_bytes(config, id);
    }
    return bytes;
}

/* Gives each feature its part of the zeroed memory at `state` and of the DMA memory. */
void bnti_guest_init_features(struct bnt_guest *guest, void *state, size_t dma_offset)
{
    uint8_t *at = state;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        guest->feature_state[id] = at;
        guest->feature_dma[id] = dma_offset;
        at += get_rounded_state_bytes(&guest->config, id);
        dma_offset += get_feature_dma_bytes(&guest->config, id);
        for (uint32_t i = 0; i < 2 && rows[id]->queues[i].used != NULL; i++) {
            guest->roles[rows[id]->queues[i].role] = &rows[id]->queues[i];
        }
        if (rows[id]->init != NULL) {
            rows[id]->init(guest);
        }
    }
}

/* ---- Negotiation ---- */

/* Returns `wanted` without the features that the driver cannot use. */
uint64_t bnti_guest_limit_wanted_features(struct bnt_guest *guest, uint64_t wanted,
                                          uint64_t offered)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        const uint64_t masks = get_feature_masks(&guest->config, id);
        if ((wanted & masks) != 0 && rows[id]->wanted != NULL &&
            !rows[id]->wanted(guest, wanted & offered)) {
            wanted &= ~masks;
        }
    }
    return wanted;
}

void bnti_guest_write_features_config(struct bnt_guest *guest)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->write != NULL) {
            rows[id]->write(guest);
        }
    }
}

void bnti_guest_prepare_features(struct bnt_guest *guest)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->prepare != NULL) {
            rows[id]->prepare(guest);
        }
    }
}

void bnti_guest_start_features(struct bnt_guest *guest)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->start != NULL) {
            rows[id]->start(guest);
        }
    }
}

void bnti_guest_kick_feature_queues(struct bnt_guest *guest)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->kick != NULL) {
            rows[id]->kick(guest);
        }
    }
}

/* ---- Called in RUNNING and RELEASING ---- */

bnt_status bnti_guest_read_features_config(struct bnt_guest *guest)
{
    bnt_status status = BNT_OK;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        status = rows[id]->read != NULL ? rows[id]->read(guest) : BNT_OK;
        if (status != BNT_OK) {
            break;
        }
    }
    return status;
}

void bnti_guest_run_features_step(struct bnt_guest *guest)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (guest->state != BNT_GUEST_RUNNING && guest->state != BNT_GUEST_RELEASING) {
            return;
        }
        if (rows[id]->step != NULL) {
            rows[id]->step(guest);
        }
    }
}

uint64_t bnti_guest_get_features_deadline(const struct bnt_guest *guest)
{
    uint64_t due = BNT_NEVER;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->due != NULL) {
            due = bnti_guest_min(due, rows[id]->due(guest));
        }
    }
    return due;
}

void bnti_guest_resume_features(struct bnt_guest *guest, uint64_t slept_ns)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->resume != NULL) {
            rows[id]->resume(guest, slept_ns);
        }
    }
}

void bnti_guest_fill_features_info(const struct bnt_guest *guest, struct bnt_guest_info *info)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->info != NULL) {
            rows[id]->info(guest, info);
        }
    }
}

/* ---- Pages of the OS that features hold ---- */

uint64_t bnti_guest_count_feature_pfns(const struct bnt_guest *guest)
{
    uint64_t pfns = 0;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        pfns += rows[id]->pfns != NULL ? rows[id]->pfns(guest) : 0;
    }
    return pfns;
}

uint64_t bnti_guest_reclaim_feature_pages(struct bnt_guest *guest, uint64_t pfns)
{
    uint64_t done = 0;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->shrink != NULL) {
            done += rows[id]->shrink(guest, pfns - bnti_guest_min(done, pfns));
        }
    }
    return done;
}

uint64_t bnti_guest_give_back_feature_pages(struct bnt_guest *guest)
{
    uint64_t pages = 0;
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        pages += rows[id]->give_back != NULL ? rows[id]->give_back(guest) : 0;
    }
    return pages;
}

void bnti_guest_release_feature_pages(struct bnt_guest *guest)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->release != NULL) {
            rows[id]->release(guest);
        }
    }
}

void bnti_guest_clear_features_state(struct bnt_guest *guest)
{
    for (uint32_t id = 0; id < BNTI_GUEST_FEATURES; id++) {
        if (rows[id]->forget != NULL) {
            rows[id]->forget(guest);
        }
    }
}
