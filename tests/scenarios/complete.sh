#!/bin/sh
# Every scenario that ships tells what it shows, can fail, draws something anew each run, and has a
# budget of events; there are at least 25; none lies outside the folders that are tested.
#
#     complete.sh SOURCE FOLDER...
set -u
source=$1
shift
failed=0

complain()
{
    echo "$*"
    failed=1
}

# check_file FILE: one line for each thing that is missing
check_file()
{
    for key in title shows swarm limits expect; do
        grep -q "^$key:" "$1" || echo "$1: no $key"
    done
    grep -Eq '^limits:.*[{ ]events: [0-9]+|^  events: [0-9]+' "$1" || echo "$1: no limits.events"
    grep -Eq '^  - \{?(finally|always|never|eventually|at): ' "$1" || echo "$1: expects nothing"
}

# The checker itself: an empty scenario lacks everything.
probe=$(mktemp) || exit 1
trap 'rm -f "$probe"' EXIT
echo 'schema: 1' >"$probe"
[ "$(check_file "$probe" | wc -l)" -eq 7 ] || complain "the checker does not see what is missing"

cd "$source/scenarios" || exit 1
count=0
for folder in "$@"; do
    for file in "$folder"/*.yaml; do
        missing=$(check_file "$file")
        [ -z "$missing" ] || complain "$missing"
        count=$((count + 1))
    done
done
[ "$count" -ge 25 ] || complain "only $count scenarios; 25 are needed"
all=$(find . -name '*.yaml' | wc -l)
[ "$all" -eq "$count" ] || complain "$all scenarios lie below scenarios/, $count are tested"
echo "$count scenarios"
exit $failed
