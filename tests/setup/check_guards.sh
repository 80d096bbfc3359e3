#!/bin/sh
# The guards of check_main.c can fail: check_guards.sh PASSING_PROGRAM EXITING_PROGRAM
passing=$1
exiting=$2
problems=0

# expect WANTED_STATUS TEXT COMMAND...: status (0 or 1) and a text in the output
expect()
{
    wanted=$1 text=$2
    shift 2
    output=$("$@" 2>&1)
    status=$?
    case $output in
    *"$text"*) found=1 ;;
    *) found=0 ;;
    esac
    if [ "$status" -ne "$wanted" ] || [ "$found" -ne 1 ]; then
        echo "wanted status $wanted and '$text', found status $status from: $*"
        echo "$output"
        problems=$((problems + 1))
    fi
}

for fork in yes no; do
    expect 0 '100%' env CK_FORK=$fork "$passing"
    expect 1 'Failures: 1' env CK_FORK=$fork GUARD_FAILS=1 "$passing"
    expect 1 'no test ran' env CK_FORK=$fork CK_RUN_CASE=misspelt "$passing"
done
expect 1 'half-way' env CK_FORK=yes "$exiting"
expect 97 'half-way' env CK_FORK=no "$exiting"
exit "$((problems != 0))"
