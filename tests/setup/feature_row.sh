#!/bin/sh
# A feature of a core is a row and a file: feature_row.sh ROOT
#
# Takes the rows of working-set reports and their files out of a copy of the sources. All other sources compile as they are;
# the device refuses to offer the feature, but no other, and the driver needs no memory for it. Exits 77 without a compiler.
set -u
root=$(CDPATH='' cd -- "$1" && pwd -P) || exit 1
cc=${CC:-cc}
command -v "$cc" >/dev/null || {
    echo "skipped: there is no '$cc'"
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp -R "$root/lib" "$work/lib" || exit 1
for files in host/features/host_features.h:host/features/host_working_set.c \
    guest/features/guest_features.h:guest/features/working_set.c; do
    header=$work/lib/${files%:*}
    grep -v 'X(WORKING_SET, working_set)' "$header" >"$work/header" && ! cmp -s "$work/header" "$header" || {
        echo "FAIL $header has no row of working-set reports"
        exit 1
    }
    mv "$work/header" "$header"
    rm "$work/lib/${files#*:}" || exit 1
done
left=$(grep -rliE 'working.set|ws_report|queue_ws' "$work/lib/host" "$work/lib/guest")
[ -z "$left" ] || {
    echo "FAIL these mention working-set reports beside their rows and files:" "$left"
    exit 1
}
cat >"$work/main.c" <<'END'
#include <ballonet/guest.h>
#include <ballonet/host.h>

static bnt_status offer(uint64_t features)
{
    struct bnt_host_config config = {
        .size = sizeof(config), .features = {.offered = features, .binding = BNT_BALLOON_BINDING_DEFAULT}, .memory.pfns = 256};
    size_t bytes = 0;

    return bnt_host_compute_footprint(&config, &bytes);
}

static size_t driver_state(uint64_t features)
{
    struct bnt_guest_config config = {
        .size = sizeof(config), .features = {.wanted = features, .binding = BNT_BALLOON_BINDING_DEFAULT}, .memory.pfns = 256};
    struct bnt_guest_need need = {0};

    return bnt_guest_compute_footprint(&config, &need) == BNT_OK ? need.state_bytes : 0;
}

int main(void)
{
    const uint64_t reports = UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING;
    const uint64_t others = BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_PAGE_REPORTING;

    if (driver_state(0) == 0 || driver_state(others) <= driver_state(0)) {
        return 1;
    }
    return offer(reports) == BNT_E_FEATURES && offer(others) == BNT_OK ? 0 : 1;
}
END
# shellcheck disable=SC2046
"$cc" -std=c11 -O1 -Wall -Wextra -Werror -I"$work" -I"$work/lib/include" "$work/main.c" \
    $(find "$work/lib/base" "$work/lib/virtio" "$work/lib/guest" "$work/lib/host" -name '*.c') -o "$work/main" || {
    echo "FAIL the sources do not build without the row"
    exit 1
}
"$work/main" || {
    echo "FAIL a device without the row offers working-set reports, or a core without it does nothing at all"
    exit 1
}
echo "ok: one row and one file in each core"
