#!/bin/bash
# The launcher on machines that lack something: launcher.sh PATH_OF_LAUNCHER
#
# It runs a copy of the launcher in an empty tree, with a PATH of links to the few real tools that
# the launcher uses and of stubs that stand for the machine. The stubs only say what a machine has
# and log what they are asked; that apt really installs is shown by CI on a fresh machine.
set -u
launcher=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
problems=0

mkdir "$work/tree with space" "$work/tree with space/lib" "$work/tree with space/sim"
cp "$launcher" "$work/tree with space/ballonet"

# A new machine: nothing but a shell's company.
machine()
{
    rm -rf "${work:?}/bin"
    mkdir "$work/bin"
    : >"$work/asked"
    for tool in sh dirname readlink sed mkdir rm mv cat tee touch find tr nproc env chmod; do
        ln -s "$(command -v "$tool")" "$work/bin/$tool"
    done
    stub uname 'echo Linux'
    stub id 'echo 1000'
}

# stub NAME SCRIPT
stub()
{
    printf '#!/bin/sh\necho "%s $*" >>"%s/asked"\n%s\n' "$1" "$work" "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

# All that a build needs, with a CMake of the version given.
complete_machine()
{
    machine
    stub cc 'exit 0'
    stub make 'exit 0'
    stub pkg-config 'exit 0'
    stub cmake "if [ \"\$1\" = --version ]; then echo 'cmake version $1'; else exit \${CMAKE_STATUS-0}; fi"
}

# launch ID [ID_LIKE]: `ballonet run x.yaml`, or what stands in `arguments`
arguments="run x.yaml"
launch()
{
    printf 'ID=%s\nID_LIKE="%s"\n' "$1" "${2-}" >"$work/os-release"
    # shellcheck disable=SC2086 # a list is words by intent
    PATH=$work/bin BALLONET_OS_RELEASE=$work/os-release \
        "$work/tree with space/ballonet" $arguments >"$work/stdout" 2>"$work/stderr"
    status=$?
    [ ! -s "$work/stdout" ] || fail "the launcher wrote to stdout"
}

fail()
{
    echo "FAILED: $case_name: $1"
    sed 's/^/    /' "$work/stderr"
    problems=$((problems + 1))
}

status_is()
{
    [ "$status" -eq "$1" ] || fail "status $status, wanted $1"
}

says()
{
    grep -qF -- "$1" "$work/stderr" || fail "does not say: $1"
}

asked()
{
    grep -qF -- "$1" "$work/asked" || fail "did not ask: $1"
}

never_asked()
{
    ! grep -qF -- "$1" "$work/asked" || fail "asked: $1"
}

case_name="Debian, no root, no sudo: one command to type"
machine
stub apt-get 'exit 0'
launch debian
status_is 2
says "apt-get install -y gcc libc6-dev cmake make pkg-config check libjemalloc-dev libyaml-dev"
[ "$(wc -l <"$work/stderr")" -eq 1 ] || fail "more than one line"
never_asked apt-get

case_name="Ubuntu, sudo that wants a password: not used"
machine
stub apt-get 'exit 0'
stub sudo 'exit 1'
launch ubuntu debian
status_is 2
says "apt-get install -y"
never_asked apt-get

case_name="Debian, sudo without password: installs through it, and tells when that was not enough"
machine
stub apt-get 'exit 0'
stub sudo 'shift; [ "$1" = true ] || exec "$@"'
launch debian
status_is 2
asked "sudo -n apt-get update"
asked "install -y --no-install-recommends gcc libc6-dev cmake"
says "still missing"

case_name="Debian, root: installs, names only what is missing"
complete_machine 3.25.1
rm "$work/bin/make"
stub id 'echo 0'
stub apt-get "case \"\$*\" in *install*) printf '#!/bin/sh\n' >'$work/bin/make'; chmod +x '$work/bin/make' ;; esac"
launch debian
asked "install -y --no-install-recommends make"
asked "cmake --fresh --preset release"

case_name="Debian, root: instructions are counted with valgrind, which nothing else needs"
arguments="bench --count"
complete_machine 3.25.1
stub id 'echo 0'
stub apt-get "case \"\$*\" in *install*) printf '#!/bin/sh\n' >'$work/bin/valgrind'; chmod +x '$work/bin/valgrind' ;; esac"
launch debian
asked "install -y --no-install-recommends valgrind"
arguments="bench --quick"
complete_machine 3.25.1
launch debian
never_asked apt-get
arguments="run x.yaml"

case_name="Debian, root, apt fails"
machine
stub id 'echo 0'
stub apt-get 'exit 100'
launch debian
status_is 2
says "could not install"

for expected in \
    "fedora|dnf install -y gcc cmake make pkgconf-pkg-config check-devel jemalloc-devel libyaml-devel" \
    "arch|pacman -S --needed gcc cmake make pkgconf check jemalloc libyaml" \
    "alpine|apk add gcc musl-dev cmake make pkgconf check-dev jemalloc-dev yaml-dev" \
    "plan9|please install: gcc cmake make pkgconf check jemalloc libyaml"; do
    case_name=${expected%%|*}
    machine
    launch "${expected%%|*}"
    status_is 2
    says "${expected#*|}"
done

case_name="macOS"
machine
stub uname 'echo Darwin'
launch none
status_is 2
says "brew install gcc cmake make pkgconf check jemalloc libyaml"

for version in 3.24.4 3.18.4 2.8.12; do
    case_name="CMake $version is too old"
    complete_machine $version
    launch ubuntu
    status_is 2
    says "CMake $version is installed but 3.25 or newer is needed"
    [ "$(wc -l <"$work/stderr")" -eq 1 ] || fail "more than one line"
    never_asked "cmake --build"
done

for version in 3.25.0 3.31.6 4.0.2; do
    case_name="CMake $version will do; a failed configuration names its log"
    complete_machine $version
    CMAKE_STATUS=1
    export CMAKE_STATUS
    launch ubuntu
    unset CMAKE_STATUS
    status_is 2
    asked "cmake --fresh --preset release"
    says "could not configure; the log is $work/tree with space/build/release.log"
done

case_name="a build, then a start without one"
complete_machine 3.25.1
rm -rf "$work/tree with space/build"
stub cmake "case \$1 in
--version) echo 'cmake version 3.25.1' ;;
--build) mkdir -p '$work/tree with space/build/release/bin'
    printf '#!/bin/sh\nexit 3\n' >'$work/tree with space/build/release/bin/ballonet'
    chmod +x '$work/tree with space/build/release/bin/ballonet' ;;
esac"
touch "$work/tree with space/CMakeLists.txt" "$work/tree with space/CMakePresets.json"
launch debian
status_is 3
asked "cmake --build --preset release"
: >"$work/asked"
launch debian
status_is 3
never_asked cmake
sleep 0.02
touch "$work/tree with space/lib/new.c"
launch debian
asked "cmake --build"

[ "$problems" -eq 0 ] && echo "all cases as expected"
exit "$((problems != 0))"
