#!/bin/sh
# run.sh ROOT rings|control|sanitizer: builds both sides of the rings with rings.c in a way of its
# own, and runs them in two threads.
#   rings      as embedders build them: every buffer comes back, no wake-up is lost
#   control    without the full barrier: a wake-up must get lost, else the test above proves nothing
#   sanitizer  under ThreadSanitizer, which does not know fences: accesses of 2 bytes are acquire and
#              release instead, all others are plain and must never race
set -eu
root=$1
mode=$2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cc=${CC:-cc}
set -- -DACCESS_LOAD=__ATOMIC_RELAXED -DACCESS_STORE=__ATOMIC_RELAXED
case $mode in
rings) ;;
control)
    if [ "$(getconf _NPROCESSORS_ONLN)" -lt 2 ]; then
        echo "skipped: one processor reorders nothing that it sees itself"
        exit 77
    fi
    set -- "$@" '-DBNTI_FENCE_FULL()=__atomic_signal_fence(__ATOMIC_SEQ_CST)'
    ;;
sanitizer)
    cc=clang
    echo 'int main(void) { return 0; }' >"$out/probe.c"
    if ! clang -fsanitize=thread "$out/probe.c" -o "$out/probe" 2>/dev/null; then
        echo "skipped: clang with ThreadSanitizer is not installed"
        exit 77
    fi
    set -- -fsanitize=thread -DACCESS_LOAD=__ATOMIC_ACQUIRE -DACCESS_STORE=__ATOMIC_RELEASE \
        -DBNTI_RING_LOAD_ORDER=__ATOMIC_ACQUIRE -DBNTI_RING_STORE_ORDER=__ATOMIC_RELEASE
    ;;
*)
    echo "unknown mode $mode" >&2
    exit 2
    ;;
esac
"$cc" -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -g -Wall -Wextra -Werror -pthread "$@" \
    -I"$root" -I"$root/lib/include" "$root/tests/threads/rings.c" \
    "$root"/lib/virtio/*.c "$root"/lib/base/*.c -o "$out/rings"
case $mode in
rings) "$out/rings" 60000 ;;
sanitizer) "$out/rings" 4000 ;;
control)
    # A lost wake-up is a matter of luck, of the processor and of what else runs: it has thirty rounds.
    round=0
    while [ "$round" -lt 30 ]; do
        round=$((round + 1))
        status=0
        "$out/rings" 30000 || status=$?
        if [ "$status" -eq 3 ]; then
            echo "round $round lost a wake-up, as it must"
            exit 0
        fi
        [ "$status" -eq 0 ] || exit 1
    done
    echo "skipped: this machine lost no wake-up without the barrier, so nothing is shown here"
    exit 77
    ;;
esac
