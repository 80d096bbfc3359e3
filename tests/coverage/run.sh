#!/bin/sh
# How much of lib its tests reach: tests/coverage/run.sh [again|update]
#
# Builds the preset `coverage`, runs the unit tests, the matrices, the fuzz corpora, and every
# scenario under its own seed, then counts with gcovr what was reached in the libraries. judge.py
# tells what is asked for, and compares what is not covered with uncovered.tsv. `again` counts what the last run left; `update` does so and writes
# uncovered.tsv anew.
# Exit status: 0, 1, or 77 where gcovr, or the compiler that the list was made with, is missing.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=build/coverage
list=tests/coverage/uncovered.tsv
command -v gcovr >/dev/null 2>&1 || {
    echo "skipped: gcovr is not installed"
    exit 77
}
# Another compiler counts other branches.
[ "$(gcc -dumpversion 2>/dev/null)" = 12 ] || {
    echo "skipped: the compiler is not gcc 12"
    exit 77
}

# logged COMMAND...: shows the end of its output if it fails
logged()
{
    "$@" >"$build.log" 2>&1 && return 0
    grep -E '(\*\*\*|: error:)' "$build.log"
    tail -n 20 "$build.log"
    echo "failed: $*"
    return 1
}

# A cache of compilers would leave the counters under another name.
build_all()
{
    export CCACHE_DISABLE=1
    unset CMAKE_C_COMPILER_LAUNCHER
    mkdir -p build
    logged cmake --fresh --preset coverage -DCMAKE_C_COMPILER=gcc || return 1
    logged cmake --build --preset coverage --parallel "$(nproc)" --target ballonet || return 1
    for folder in unit matrix conformance fuzz; do
        logged make -C "$build/tests/$folder" -j "$(nproc)" || return 1
    done
}

# Prints the names of tests that fail.
run_all()
{
    find "$build" -name '*.gcda' -delete
    logged ctest --preset coverage --parallel "$(nproc)" -R '^test_|^fuzz\.' || {
        sed -n '/The following tests FAILED/,$p' "$build.log" >&2
        return 1
    }
    "$build/bin/ballonet" run scenarios >"$build.log" 2>&1 || {
        grep -v '^PASS' "$build.log" | tail -n 40
        return 1
    }
    grep -c '^PASS' "$build.log" | sed 's/$/ scenarios passed/'
}

case ${1:-} in
again | update) ;;
*)
    build_all && run_all || exit 1
    ;;
esac
rm -f "$build.json"
gcovr --root . --object-directory "$build" --filter lib/ --json "$build.json" "$build/lib" \
    2>"$build.gcovr" || {
    tail -n 5 "$build.gcovr"
    exit 1
}
if [ "${1:-}" = update ]; then
    python3 -B tests/coverage/judge.py "$build.json" "$list" update
else
    python3 -B tests/coverage/judge.py "$build.json" "$list"
fi
