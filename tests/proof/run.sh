#!/bin/sh
# Proves with Frama-C's Eva that no run-time error is reachable on the device side of a queue and in
# the memory map, whatever a guest writes: run.sh SOURCE [control]
#
# Eva raises an alarm where it cannot exclude an error. Each alarm must be a row of alarms.tsv, with
# the argument why it cannot happen; a row whose alarm is gone is out of date and fails too. With
# `control`, checks are taken out of a copy of the sources, and each must bring a new alarm.
# Exit status: 0, 1, or 77 where Frama-C is not installed (Debian: frama-c-base).
set -u
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
source=$1
mode=${2:-}
command -v frama-c >/dev/null 2>&1 || {
    echo "skipped: frama-c is not installed"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
entries="eva_map eva_split eva_split_in_order eva_packed eva_packed_in_order"
splits=bnt_mem_read:full,bnt_mem_write:full,any_read:full,any_write:full,read_walk_desc:full
splits=$splits,bnti_vq_dev_load16:full,bnti_vq_dev_store_pair:full,check_packed_avail:full
splits=$splits,bnti_view_read:full,bnti_view_write:full,bnti_view_load16:full,bnti_view_load_desc:full
splits=$splits,load_packed_desc:full,bnt_mem_contains:full,bnt_vq_dev_pop:full
slevels=any_call:200,bnt_vq_dev_push:100,push_tracked_buffer:100,return_in_flight:100,return_completed_in_order:100
slevels=$slevels,bnti_vq_dev_find_in_flight:50,untrack_in_flight_buffers:20,advance_cursor:100
slevels=$slevels,bnt_vq_chain_read:200,bnt_vq_chain_write:200,any_read:20,any_write:20

# analyse TREE ENTRY: the alarms, one a line as `file<TAB>assertion`
analyse()
(
    cd "$1" || exit 1
    unroll=
    [ "$2" != eva_map ] || unroll="-eva-min-loop-unroll 34"
    # shellcheck disable=SC2086 # options are words
    frama-c -c11 -machdep gcc_x86_64 \
        -cpp-extra-args="-Ilib/include -I. -DBNT_VQ_DEV_INFLIGHT_MAX=4 -include tests/proof/eva_prelude.h" \
        -kernel-warn-key annot:missing-spec=inactive -eva -eva-precision 2 -main "$2" $unroll \
        -eva-split-return-function "$splits" -eva-slevel-function "$slevels" \
        tests/proof/eva_ring.c lib/virtio/queue_device.c lib/virtio/split_device.c \
        lib/virtio/packed_device.c lib/virtio/chain.c lib/virtio/memory.c lib/base/intake.c \
        >"$work/$2.log" 2>&1
    if ! grep -q 'ANALYSIS SUMMARY' "$work/$2.log"; then
        echo "the analysis of $2 did not end:" >&2
        tail -n 5 "$work/$2.log" >&2
        exit 1
    fi
    sed -n 's/.*functions analyzed.*/&/p; s/.*statements reached.*/&/p' "$work/$2.log" | tail -n 2 >&2
    awk '/^\[/ { if (on) print file "\t" text; on = 0 }
         /^\[eva:alarm\]/ { on = 1; text = ""; file = $2; sub(/:.*/, "", file); next }
         on { gsub(/^ +/, ""); text = text (text == "" ? "" : " ") $0 }
         END { if (on) print file "\t" text }' "$work/$2.log" | LC_ALL=C sort -u
)

all_alarms()
{
    for entry in $entries; do
        echo "$entry" >&2
        analyse "$1" "$entry" || return 1
    done
}

# without NAME EDIT FILE: a tree without a check must have an alarm that the present one has not
without()
{
    rm -rf "$work/tree"
    mkdir -p "$work/tree/tests"
    cp -R "$source/lib" "$work/tree/lib"
    cp -R "$source/tests/proof" "$work/tree/tests/proof"
    sed -i "$2" "$work/tree/$3"
    if cmp -s "$source/$3" "$work/tree/$3"; then
        echo "control $1: its edit of $3 does not apply any more"
        return 1
    fi
    analyse "$work/tree" "$4" 2>/dev/null | cut -f 1,2 >"$work/now" || return 1
    cut -f 1,2 "$here/alarms.tsv" | LC_ALL=C sort -u >"$work/known"
    if [ -z "$(LC_ALL=C comm -13 "$work/known" "$work/now")" ]; then
        echo "control $1: nothing was noticed"
        return 1
    fi
    echo "control $1: noticed"
}

if [ "$mode" = control ]; then
    without segments 's/count >= chain->seg_max/false/' lib/virtio/chain.c eva_split || exit 1
    without remembered 's/vq->inflight_count == BNT_VQ_DEV_INFLIGHT_MAX/false/' lib/virtio/queue_device.c \
        eva_packed_in_order || exit 1
    without regions 's/mem->region_count == BNT_MEM_REGIONS_MAX/false/' lib/virtio/memory.c \
        eva_map || exit 1
    exit 0
fi

all_alarms "$source" >"$work/found" || exit 1
LC_ALL=C sort -u "$work/found" >"$work/now"
grep -v '^#' "$here/alarms.tsv" | cut -f 1,2 | LC_ALL=C sort -u >"$work/known"
status=0
LC_ALL=C comm -13 "$work/known" "$work/now" >"$work/new"
LC_ALL=C comm -23 "$work/known" "$work/now" >"$work/gone"
if [ -s "$work/new" ]; then
    echo "alarms without an argument in tests/proof/alarms.tsv:"
    cat "$work/new"
    status=1
fi
if [ -s "$work/gone" ]; then
    echo "rows of tests/proof/alarms.tsv whose alarm is gone:"
    cat "$work/gone"
    status=1
fi
echo "$(wc -l <"$work/now") alarms, each with its argument in tests/proof/alarms.tsv"
exit $status
