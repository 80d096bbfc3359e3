#!/bin/bash
# Fuzzes one target of the preset `fuzz`: tests/fuzz/run.sh TARGET [SECONDS [SEED]]
#
# The same seed comes to the same inputs in the same order, here and in CI: the corpus is the tree's,
# what was found is not read again by the clock, and addresses stay the same, since the fuzzer learns
# from what is compared. They depend on the environment and on the arguments too.
set -u
cd "$(dirname "$0")/../.." || exit 1
target=$1
seconds=${2:-60}
seed=${3:-1}
fixed=(setarch -R)
"${fixed[@]}" true || fixed=() # where it is not allowed, the seed alone has to do

mkdir -p build/fuzz/found
rm -rf "build/fuzz/new/$target"
mkdir -p "build/fuzz/new/$target"
exec env -i PATH=/usr/bin:/bin "${fixed[@]}" "build/fuzz/bin/fuzz_$target" -seed="$seed" -reload=0 \
    -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" \
    "build/fuzz/new/$target" "tests/fuzz/corpus/$target"
