/*
 * Huge pages: requests whose entries are pages of 2 MiB. balloon/host_huge.c gives their verdicts.
 */
#include "lib/host/features/host_features.h"

static uint64_t huge_bits(const struct bnt_balloon_binding *binding)
{
    return binding->huge_pages;
}

const struct bnti_host_feature bnti_host_feature_huge = {
    .bits = huge_bits,
};
