#!/bin/sh
# Generated scenarios as a check: tests/generated/run.sh BALLONET LAST [PROFILE]
#
# Runs the seeds 1 to LAST and fails for any kind of failure that is not a row of known.tsv. The rows
# are open: each is a defect of ours, or a false alarm of a watcher, that a seed shows and that is not
# repaired yet. Seeds are fixed, so that one commit gives one answer; a search is `run --generated`
# with other seeds.
set -u
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$1" run --generated "1..$2" ${3:+--profile "$3"} >"$out" 2>&1
status=$?
tail -n 1 "$out"
if [ "$status" -gt 1 ] && [ "$status" -ne 3 ]; then
    cat "$out"
    echo "exit status $status"
    exit 1
fi
grep -q 'generated scenarios: ' "$out" || exit 1
grep -v '^#' "$here/known.tsv" | cut -f 1 >"$out.known"
sed -n 's/^ *[0-9][0-9]*  first seed [0-9]*  //p' "$out" | grep -vxF -f "$out.known" >"$out.new"
rm -f "$out.known"
if [ -s "$out.new" ]; then
    cat "$out"
    echo "not known yet:"
    cat "$out.new"
    rm -f "$out.new"
    exit 1
fi
rm -f "$out.new"
