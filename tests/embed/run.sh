#!/bin/sh
# Embeds Ballonet as another project would: run.sh ROOT
#
# Copies the examples to a folder outside the tree and builds them there, with a plain compiler from
# the list of sources, then with CMake by add_subdirectory; runs them and compares what they print.
# Compiles each public header alone, and all of them in one C++ file. Exits 77 without a compiler or make.
set -u

case $# in
1) root=$(CDPATH='' cd -- "$1" && pwd -P) || exit 1 ;;
*)
    echo "usage: run.sh ROOT" >&2
    exit 2
    ;;
esac
cc=${CC:-cc}
cxx=${CXX:-c++}
for tool in "$cc" make; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: there is no '$tool'"
        exit 77
    fi
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp -R "$root/tests/embed/host" "$root/tests/embed/guest" "$root/tests/embed/pair" "$work/" || exit 1
strict="-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror"
failures=0

fail()
{
    echo "FAIL $*"
    failures=$((failures + 1))
}

# what NAME is to print
expected()
{
    case $1 in
    host) echo 'target 16 pages, balloon 16 pages, 65536 bytes discarded, reached' ;;
    guest) echo 'running, target 16 pages, ballooned 16, free 176' ;;
    pair)
        echo 'inflated: target 64, ledger 64, guest 64, actual 64; refused 2, returned 2; epoch 1'
        echo 'reset: target 0, ledger 0, guest 0, actual 0; refused 2, returned 2; epoch 2'
        ;;
    esac
}

# runs NAME PROGRAM HOW
runs()
{
    if ! "$2" >"$work/out" 2>&1; then
        fail "$1 by $3: its exit status is not 0"
        sed 's/^/    /' "$work/out"
    elif ! expected "$1" | diff - "$work/out"; then
        fail "$1 by $3: it prints something else"
    else
        echo "ok $1 by $3"
    fi
}

# sources LIBRARY: as a project that builds with make gets them
sources()
{
    printf 'include %s/lib/sources.mk\nall:\n\t@echo $(addprefix %s/lib/,$(%s))\n' "$root" "$root" \
        "BNT_$(echo "$1" | tr '[:lower:]' '[:upper:]')_SOURCES" | make -s -f - all
}

# The libraries by a plain compiler, from the list of sources, no build system of ours. One folder of
# objects for each. Inside they include by path from the root; an example gets the public headers only.
compile_libraries()
{
    for directory in base virtio guest host; do
        mkdir -p "$work/lib/$directory"
        # shellcheck disable=SC2046
        (cd "$work/lib/$directory" && "$cc" -std=c11 -O2 -I"$root/lib/include" -I"$root" \
            -c $(sources "$directory")) || fail "lib/$directory does not compile"
    done
}

# by_compiler NAME DIRECTORY...: an example linked with the objects of these folders of lib/
by_compiler()
{
    name=$1
    shift
    objects=
    for directory in "$@"; do
        objects="$objects $work/lib/$directory/*.o"
    done
    # shellcheck disable=SC2086
    if (cd "$work/$name" && "$cc" -std=c11 -O2 $strict -I"$root/lib/include" -c "$name.c" &&
        "$cc" "$name.o" $objects -o "$name") >"$work/log" 2>&1; then
        runs "$name" "$work/$name/$name" "$cc"
    else
        fail "$name by $cc: it does not build"
        cat "$work/log"
    fi
}

# by_cmake NAME: a project of its own with add_subdirectory
by_cmake()
{
    if (cd "$work/$1" && cmake -S . -B build -DBALLONET_DIR="$root" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_C_COMPILER="$cc" && cmake --build build) >"$work/log" 2>&1; then
        runs "$1" "$work/$1/build/$1" cmake
    else
        fail "$1 by cmake: it does not build"
        tail -40 "$work/log"
    fi
    # Our flags are ours: the example is compiled with its own.
    if grep "CMakeFiles/$1.dir/$1\.c" "$work/$1/build/compile_commands.json" |
        grep -qE -e '-Wconversion|-DBNT_'; then
        fail "$1 by cmake: our flags leak into its compilation"
    fi
    # An embedder's build must not get our tests, our command or its libraries.
    if find "$work/$1/build" \( -name 'libsim_*' -o -name 'ballonet' -type f \) | grep -q .; then
        fail "$1 by cmake: the laboratory was built"
    fi
}

# header_alone COMPILER STANDARD LANGUAGE HEADER
header_alone()
{
    printf '#include <ballonet/%s>\n#include <ballonet/%s>\n' "$4" "$4" >"$work/alone.$3"
    # shellcheck disable=SC2086
    "$1" "-std=$2" $strict -I"$root/lib/include" -fsyntax-only "$work/alone.$3" ||
        fail "$4 does not compile alone as $2"
}

for header in "$root"/lib/include/ballonet/*.h; do
    header_alone "$cc" c11 c "${header##*/}"
done
echo "ok each header alone, C"

if command -v "$cxx" >/dev/null; then
    for header in "$root"/lib/include/ballonet/*.h; do
        header_alone "$cxx" c++11 cpp "${header##*/}"
        grep -q "<ballonet/${header##*/}>" "$root/tests/embed/headers.cpp" ||
            fail "headers.cpp does not include ${header##*/}"
    done
    cp "$root/tests/embed/headers.cpp" "$work/"
    # shellcheck disable=SC2086
    "$cxx" -std=c++11 $strict -I"$root/lib/include" -c "$work/headers.cpp" -o "$work/headers.o" ||
        fail "headers.cpp does not compile"
else
    echo "no compiler '$cxx': C++ is left out"
fi

compile_libraries
by_compiler host base virtio host
by_compiler guest base virtio guest
by_compiler pair base virtio guest host
if [ -e "$work/headers.o" ]; then
    if "$cxx" "$work/headers.o" "$work"/lib/*/*.o -o "$work/headers" 2>"$work/log" &&
        "$work/headers"; then
        echo "ok headers.cpp, linked with the C objects"
    else
        fail "headers.cpp does not link with the C objects, or does not run"
        cat "$work/log"
    fi
fi

# The code of quirks is for the simulator's build: this one has none, and refuses to be asked for any.
cat >"$work/quirks.c" <<'END'
#include <ballonet/guest.h>
#include <ballonet/host.h>

int main(void)
{
    const struct bnt_host_config config = {
        .size = sizeof(config), .memory.pfns = 256, .quirks = BNT_HOST_QUIRK_ACTUAL_SURVIVES_RESET};
    struct bnt_guest_config driver = {
        .size = sizeof(driver), .memory.pfns = 256, .quirks = BNT_GUEST_QUIRK_ALL_OR_NOTHING};
    struct bnt_guest_need need;
    size_t bytes = 0;
    const bnt_status quirk = bnt_guest_compute_footprint(&driver, &need);

    driver.quirks = 0;
    bnt_guest_config_set_vmware_2010(&driver);
    return bnt_host_compute_footprint(&config, &bytes) == BNT_E_ARGUMENT && quirk == BNT_E_ARGUMENT &&
                   bnt_guest_compute_footprint(&driver, &need) == BNT_E_ARGUMENT
               ? 0
               : 1;
}
END
# shellcheck disable=SC2086
if "$cc" -std=c11 $strict -I"$root/lib/include" "$work/quirks.c" "$work"/lib/base/*.o "$work"/lib/virtio/*.o \
    "$work"/lib/host/*.o "$work"/lib/guest/*.o -o "$work/quirks" && "$work/quirks"; then
    echo "ok a device and a driver without quirks"
else
    fail "a device or a driver takes a quirk without BNT_WITH_QUIRKS"
fi

if command -v cmake >/dev/null; then
    by_cmake host
    by_cmake guest
    by_cmake pair
else
    echo "no cmake: its half is left out"
fi

if [ "$failures" -ne 0 ]; then
    echo "$failures failed"
    exit 1
fi
