#!/bin/sh
# A feature of the device core is a row and a file: feature_row.sh ROOT
#
# Takes the row of working-set reports and its file out of a copy of the sources. All other sources compile as they are, and
# the device refuses to offer the feature, but no other. Exits 77 without a compiler.
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
header=$work/lib/host/features/host_features.h
grep -v 'X(WORKING_SET, working_set)' "$header" >"$work/header" && ! cmp -s "$work/header" "$header" || {
    echo "FAIL $header has no row of working-set reports"
    exit 1
}
mv "$work/header" "$header"
rm "$work/lib/host/features/host_working_set.c" || exit 1
left=$(grep -rliE 'working.set|ws_report|queue_ws' "$work/lib/host")
[ -z "$left" ] || {
    echo "FAIL these mention working-set reports beside their row and file:" "$left"
    exit 1
}
cat >"$work/main.c" <<'END'
#include <ballonet/host.h>

static bnt_status offer(uint64_t features)
{
    struct bnt_host_config config = {
        .size = sizeof(config), .features = features, .binding = BNT_BALLOON_BINDING_DEFAULT, .memory_pfns = 256};
    size_t bytes = 0;

    return bnt_host_footprint(&config, &bytes);
}

int main(void)
{
    const uint64_t reports = UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING;

    return offer(reports) == BNT_E_FEATURES && offer(BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_PAGE_REPORTING) == BNT_OK ? 0 : 1;
}
END
# shellcheck disable=SC2046
"$cc" -std=c11 -O1 -Wall -Wextra -Werror -I"$work" -I"$work/lib/include" "$work/main.c" \
    $(find "$work/lib/base" "$work/lib/virtio" "$work/lib/host" -name '*.c') -o "$work/main" || {
    echo "FAIL the sources do not build without the row"
    exit 1
}
"$work/main" || {
    echo "FAIL a device without the row offers working-set reports, or nothing at all"
    exit 1
}
echo "ok: one row, one file"
