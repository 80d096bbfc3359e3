#!/bin/sh
# Each scenario here breaks one rule in secret: the run must fail with the message in NAME.expected.
#
#     run.sh COMMAND SOURCE NAME       one scenario
#     run.sh COMMAND SOURCE table      every invariant, by every party that it assumes
#     run.sh COMMAND SOURCE declared   the same faults, declared: they suspend, by name
#     run.sh COMMAND SOURCE checker    this script sees what does not fail as it must
set -u
command=$1
folder=tests/negative
cd "$2" || exit 1

# invariants: name and party of each row of the map
invariants()
{
    sed -n '/define INVARIANT_MAP/,/clang-format on/s/.*X(\([A-Z_]*\), *"\([a-z-]*\)", *\([A-Z]*\),.*/\2 \3/p' \
        sim/oracle/invariants.h
}

# party_of FILE: who breaks the rule
party_of()
{
    sed -n -e 's/.*party: \([a-z]*\),.*hidden_from_oracles: true.*/\1/p' \
        -e 's/.*do: detach,.*hidden_from_oracles: true.*/driver/p' "$1"
}

# invariant_of FILE.expected
invariant_of()
{
    sed -n 's/^invariant \([a-z-]*\) (.*/\1/p' "$1"
}

# fails_as FILE EXPECTED: the run ends with the status and the message that it must
fails_as()
{
    output=$("$command" run --quiet "$1" 2>&1)
    status=$?
    wanted=1
    [ "$(invariant_of "$2")" = converges ] && wanted=3
    [ -s "$2" ] && [ "$(wc -l <"$2")" -eq 1 ] || {
        echo "$2: one line is needed"
        return 1
    }
    if [ $status -ne $wanted ]; then
        echo "$1: exit status $status instead of $wanted"
        echo "$output"
        return 1
    fi
    printf '%s\n' "$output" | grep -qF -- "$(cat "$2")" || {
        echo "$1: wrong message; expected: $(cat "$2")"
        echo "$output"
        return 1
    }
    slow=$(BALLONET_AUDIT_PAGES=1 "$command" run --quiet "$1" 2>&1)
    [ "$slow" = "$output" ] || {
        echo "$1: audits page by page find something else:"
        echo "$slow"
        return 1
    }
}

# expectations FOLDER: those that name an invariant; corrupted recordings are tested elsewhere
expectations()
{
    grep -l '^invariant ' "$1"/*.expected
}

# table FOLDER: scenario by invariant and party; not 0 if one is missing
table()
{
    for expected in $(expectations "$1"); do
        scenario=${expected%.expected}.yaml
        echo "has $(invariant_of "$expected") $(party_of "$scenario") $(basename "$scenario")"
    done | {
        cat
        invariants
    } | awk '
        $1 == "has" { by[$2, $3] = by[$2, $3] " " $4; next }
        { name[++count] = $1; who[count] = $2 }
        function line(invariant, party,   files) {
            files = by[invariant, party]
            printf "%-14s %-7s%s\n", invariant, party, files == "" ? " MISSING" : files
            missing += files == ""
        }
        END {
            for (i = 1; i <= count; i++) {
                if (who[i] == "DRIVER" || who[i] == "BOTH") line(name[i], "driver")
                if (who[i] == "DEVICE" || who[i] == "BOTH" || who[i] == "NOBODY") line(name[i], "device")
            }
            printf "%d invariants, %d missing\n", count, missing
            exit missing > 0 || count < 20
        }'
}

# declare_it FILE: the --set that makes its corruption a declared one
declare_it()
{
    awk '/^script:/ { inside = 1; item = -1; next }
         /^[a-z]/ { inside = 0 }
         inside && /^  - / { item++ }
         inside && /hidden_from_oracles: true/ { print "script." item ".hidden_from_oracles=false" }' "$1"
}

# declared FILE EXPECTED: suspended by name and passed; what assumes nobody fires all the same
declared()
{
    name=$(invariant_of "$2")
    output=$("$command" run "$1" --set "$(declare_it "$1")" 2>&1)
    status=$?
    suspended=$(printf '%s\n' "$output" | sed -n 's/.*a hostile party suspends://p')
    assumes=$(invariants | sed -n "s/^$name //p")
    party=$(party_of "$1" | tr a-z A-Z)
    for row in $(invariants | tr ' ' :); do
        who=${row#*:}
        right=0
        { [ "$who" = "$party" ] || [ "$who" = BOTH ]; } && right=1
        found=0
        case "$suspended," in *" ${row%:*},"*) found=1 ;; esac
        [ $right -eq $found ] || {
            echo "$1, declared: ${row%:*} assumes $who; suspended are:$suspended"
            return 1
        }
    done
    if [ "$assumes" = NOBODY ]; then
        [ $status -eq 1 ] && printf '%s\n' "$output" | grep -qF -- "$(cat "$2")" && return 0
        echo "$1, declared: $name must fire all the same; exit status $status"
        return 1
    fi
    [ $status -eq 0 ] && return 0
    printf '%s\n' "$1, declared: exit status $status" "$output"
    return 1
}

case $3 in
table)
    table $folder
    ;;
declared)
    bad=0
    count=0
    for expected in $(expectations $folder); do
        scenario=${expected%.expected}.yaml
        grep -q 'do: corrupt.*hidden_from_oracles: true' "$scenario" || continue
        declared "$scenario" "$expected" || bad=1
        count=$((count + 1))
    done
    echo "$count declared faults"
    [ $bad -eq 0 ] && [ $count -ge 20 ]
    ;;
checker)
    probe=$(mktemp -d) || exit 1
    trap 'rm -rf "$probe"' EXIT
    echo 'invariant one-place (a page is in one place at a time): never said' >"$probe/a.expected"
    fails_as $folder/one-place.yaml "$probe/a.expected" && echo "another message was not seen" && exit 1
    fails_as scenarios/seed/both-plain.yaml $folder/one-place.expected && echo "a pass was not seen" && exit 1
    echo 'party: driver, hidden_from_oracles: true' >"$probe/a.yaml"
    table "$probe" && echo "missing rows were not seen" && exit 1
    exit 0
    ;;
*)
    fails_as "$folder/$3.yaml" "$folder/$3.expected"
    ;;
esac
