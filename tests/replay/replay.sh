#!/bin/sh
# Records runs and replays them: whole, altered with mended hashes, damaged.
#
#     replay.sh COMMAND TRACE_EDIT SOURCE CASE
set -u
command=$1
edit=$2
source=$3
case=$4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trace=$work/trace
failed=0

complain()
{
    echo "$*"
    cat "$work/out" "$work/err" 2>/dev/null
    failed=1
}

# record SCENARIO [OPTION...]: into $trace; keeps the last line and the exit status
record()
{
    (cd "$source" && "$command" run --quiet --trace "$trace" "$@") >"$work/out" 2>"$work/err"
    recorded_status=$?
    recorded_line=$(tail -n 1 "$work/out")
    [ -s "$trace" ] || complain "$1: no trace was written"
}

# replay: from another folder, so that it finds nothing but the trace
replay()
{
    (cd "$work" && "$command" replay "$trace") >"$work/out" 2>"$work/err"
    status=$?
    line=$(tail -n 1 "$work/out")
}

reproduced()
{
    replay
    grep -q "^REPRODUCED $trace: [0-9]* events, [0-9]* choices$" "$work/out" || complain "$1: not reproduced"
    [ $status -eq $recorded_status ] || complain "$1: status $status, recorded was $recorded_status"
    [ "$line" = "$recorded_line" ] || complain "$1: another line; recorded: $recorded_line"
}

# diverged WHAT PATTERN: exit status 4, and the difference is named with both sides
diverged()
{
    replay
    [ $status -eq 4 ] || complain "$1: exit status $status instead of 4"
    grep -Eq "^DIVERGED $trace: $2" "$work/out" || complain "$1: the difference is not named"
    grep -Eq "by this build|the build differs" "$work/out" || complain "$1: the build is not told"
}

# unusable WHAT: exit status 6, one sentence, nothing of a run
unusable()
{
    replay
    [ $status -eq 6 ] || complain "$1: exit status $status instead of 6"
    [ "$(wc -l <"$work/err")" -eq 1 ] || complain "$1: not one sentence"
    grep -q "^ballonet replay: $trace: " "$work/err" || complain "$1: the file is not named"
    [ ! -s "$work/out" ] || complain "$1: something was run"
}

# each FOLDER STATUSES
each()
{
    count=0
    for scenario in $(cd "$source" && find "$1" -name '*.yaml' | sort); do
        record "$scenario"
        case " $2 " in
        *" $recorded_status "*) ;;
        *) complain "$scenario: exit status $recorded_status" ;;
        esac
        reproduced "$scenario"
        count=$((count + 1))
    done
    echo "$count runs recorded and reproduced"
    [ $count -ge 20 ] || complain "only $count"
}

draws=scenarios/faults/lost-kick.yaml # its link draws for each kick
case $case in
scenarios)
    each scenarios 0
    ;;
negative)
    each tests/negative "1 3"
    ;;
seed)
    for scenario in $draws scenarios/seed/refused-pages.yaml scenarios/seed/refusals-up-to-the-bound.yaml; do
        record $scenario --seed 7
        "$edit" "$trace" seed 8 || complain "no seed was altered"
        replay
        grep -q '^REPRODUCED ' "$work/out" || complain "$scenario: the seed was drawn from again"
        [ "$line" = "$(echo "$recorded_line" | sed 's/ seed=7 / seed=8 /')" ] ||
            complain "$scenario: another line; recorded: $recorded_line"
        [ $status -eq 0 ] || complain "$scenario: exit status $status"
    done
    # The other seed itself is another run: else the above showed nothing.
    record $scenario --seed 8
    [ "${recorded_line##*hash=}" != "${line##*hash=}" ] || complain "seeds make no difference"
    ;;
choice)
    record $draws
    replay
    choices=$(sed -n 's/^REPRODUCED .* \([0-9]*\) choices$/\1/p' "$work/out")
    [ "${choices:-0}" -ge 5 ] || complain "only ${choices:-0} choices"
    cp "$trace" "$work/whole"
    for number in 1 2 3 $((choices / 2)) "$choices"; do
        cp "$work/whole" "$trace"
        "$edit" "$trace" choice "$number" >"$work/edit" || { complain "choice $number stays"; continue; }
        diverged "$(cat "$work/edit")" \
            '(event [0-9]+: the [a-z]+ differs; the run: .*; recorded: |choice [0-9]+|the [a-z]+ hash differs)'
        head -n 1 "$work/out" | sed "s|^DIVERGED $trace|$(cat "$work/edit")|"
    done
    ;;
event)
    record $draws
    cp "$trace" "$work/whole"
    for number in 1 2 50; do
        cp "$work/whole" "$trace"
        "$edit" "$trace" event $number || complain "event $number stays"
        diverged "event $number" "event $number: the digest differs; the run: at [0-9]+ ns .*; recorded: at [0-9]+ ns "
    done
    ;;
verdict)
    record $draws
    "$edit" "$trace" verdict 1 || complain "the verdict stays"
    diverged verdict "the verdict differs; the run: 0; recorded: 1"
    ;;
build)
    record $draws
    "$edit" "$trace" build 9 || complain "the build stays"
    reproduced "a trace of another build with the same events"
    "$edit" "$trace" event 3 || complain "event 3 stays"
    diverged "event 3" "event 3: "
    grep -q 'ballonet 9\..*the build differs' "$work/out" || complain "the other build is not told"
    ;;
version)
    record $draws
    "$edit" "$trace" version 2 || complain "the version stays"
    unusable "format version 2"
    grep -q 'version' "$work/err" || complain "the version is not told"
    ;;
truncated)
    record $draws
    cp "$trace" "$work/whole"
    bytes=$(wc -c <"$work/whole")
    step=$((bytes / 60))
    for length in 0 1 7 8 11 12 47 64 $((bytes - 1)) $((bytes - 8)) $(seq $step $step $((bytes - 1))); do
        head -c "$length" "$work/whole" >"$trace"
        unusable "the first $length of $bytes bytes"
    done
    { cat "$work/whole"; echo; } >"$trace"
    unusable "a byte too many"
    rm "$trace"
    unusable "no file"
    mkdir "$trace"
    unusable "a folder"
    ;;
flipped)
    record $draws
    cp "$work/out" "$work/recorded"
    bytes=$(wc -c <"$trace")
    step=$((bytes / 200))
    for offset in $(seq 0 3 120) $(seq 120 $step $((bytes - 1))) $((bytes - 1)); do
        "$edit" "$trace" flip "$offset" || complain "byte $offset stays"
        unusable "a bit of byte $offset"
        "$edit" "$trace" flip "$offset"
    done
    reproduced "all bits flipped back"
    ;;
unwritable)
    # cannot_write WHAT PATH STATUS SCENARIO
    cannot_write()
    {
        (cd "$source" && "$command" run --trace "$2" "$4") >"$work/out" 2>"$work/err"
        status=$?
        [ $status -eq "$3" ] || complain "$1: exit status $status instead of $3"
        [ "$(wc -l <"$work/err")" -eq 1 ] || complain "$1: not one sentence"
        grep -qF "$2" "$work/err" || complain "$1: the path is not named"
    }
    cannot_write "a folder that is not there" "$work/none/trace" 6 $draws
    : >"$work/file"
    cannot_write "a file as a folder" "$work/file/trace" 6 $draws
    mkdir "$work/folder"
    cannot_write "a folder as the file" "$work/folder" 6 $draws
    if [ "$(id -u)" -ne 0 ]; then
        chmod a-w "$work/folder"
        cannot_write "a folder without permission" "$work/folder/trace" 6 $draws
    fi
    if [ -c /dev/full ]; then
        cannot_write "a full disk" /dev/full 6 $draws
        cannot_write "a full disk, and a scenario that fails" /dev/full 1 tests/negative/one-place.yaml
        [ -c /dev/full ] || complain "/dev/full was replaced"
    fi
    left=$(find "$work" -name '*.partial')
    [ -z "$left" ] || complain "left behind: $left"
    ;;
*)
    complain "no such case: $case"
    ;;
esac
exit $failed
