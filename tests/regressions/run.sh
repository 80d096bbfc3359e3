#!/bin/sh
# One regression: run.sh COMMAND MUTANT SOURCE SCENARIO SEEDS
#
# Without its mutation the scenario passes under each seed, and the test build runs it to the same
# hash as the ordinary one. With it, it ends under each seed as `regression:` says, and prints the
# text there: it fails for the stated reason and no other.
set -u
command=$1
mutant=$2
cd "$3" || exit 1
scenario=$4
seeds=$5

row=$("$mutant" regressions "$scenario") || exit 1
tab=$(printf '\t')
mutation=$(printf '%s' "$row" | cut -d "$tab" -f 3)
wanted=$(printf '%s' "$row" | cut -d "$tab" -f 4)
text=$(printf '%s' "$row" | cut -d "$tab" -f 5)
failed=0

for seed in $(seq 1 "$seeds"); do
    plain=$("$command" run --quiet --seed "$seed" "$scenario") || {
        echo "without a mutation it must pass:"
        echo "$plain"
        failed=1
    }
    unmutated=$("$mutant" run --quiet --seed "$seed" "$scenario")
    [ "$plain" = "$unmutated" ] || {
        echo "the test build runs it otherwise, with no mutation on:"
        echo "$plain"
        echo "$unmutated"
        failed=1
    }
    output=$("$mutant" run --quiet --seed "$seed" --mutate "$mutation" "$scenario" 2>&1)
    status=$?
    [ $status -eq "$wanted" ] && printf '%s\n' "$output" | grep -qF -- "$text" || {
        echo "with $mutation it must end with $wanted and print: $text"
        echo "it ended with $status and printed:"
        echo "$output"
        failed=1
    }
    [ "$seed" -gt 1 ] || [ "$output" = "$(BALLONET_AUDIT_PAGES=1 "$mutant" run --quiet --seed 1 \
        --mutate "$mutation" "$scenario" 2>&1)" ] || {
        echo "audits page by page find something else than:"
        echo "$output"
        failed=1
    }
done
[ $failed -eq 0 ] && echo "$mutation is caught under $seeds seeds: $text"
exit $failed
