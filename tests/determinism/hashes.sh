#!/bin/sh
# Builds the command once more, in another way, and compares every hash of every scenario with those
# of the command under test.
#
#     hashes.sh SOURCE COMMAND BUILDS NAME    NAME: gcc-O0 gcc-O3 clang-O0 clang-O3 m32 s390x
#     hashes.sh SOURCE COMMAND BUILDS comparison    shows that a difference is found
#
# BUILDS is a folder for the builds, kept for the next time. Installs nothing: what is missing is
# printed and the exit status is 77. Seeds: BNT_SEEDS, default 3 (1 on an emulated machine).
set -u

source=$1
command=$2
builds=$3
name=$4
build=$builds/$name
seeds=${BNT_SEEDS:-3}
emulator=
unset CC CFLAGS CPPFLAGS LDFLAGS

skip()
{
    echo "skipped: $*"
    exit 77
}

fail()
{
    echo "FAILED: $*"
    exit 1
}

need()
{
    command -v "$1" >/dev/null 2>&1 || skip "$1 is not installed"
}

# hashes COMMAND... : one line a run, in JSON, with the hash by ingredient
hashes()
{
    (cd "$source" && "$@" run scenarios/ tests/negative/ --format json --seeds "$seeds")
}

# compare OURS THEIRS: says which scenarios differ first
compare()
{
    [ -s "$1" ] || fail "the command under test printed nothing"
    lines=$(wc -l <"$1")
    [ "$lines" -ge 25 ] || fail "only $lines runs: too few to show anything"
    cmp -s "$1" "$2" && return 0
    echo "the command under test (<) and $name (>):"
    diff "$1" "$2" | head -n 8
    return 1
}

# carry SCENARIO STATUS: a trace that the command under test recorded is reproduced by the other
carry()
{
    (cd "$source" && "$command" run --quiet --trace "$build.trace" "$1") >"$build.line"
    $emulator "$build/bin/ballonet" replay "$build.trace" >"$build.replay"
    status=$?
    [ $status -eq "$2" ] && [ "$(tail -n 1 "$build.replay")" = "$(tail -n 1 "$build.line")" ] || {
        cat "$build.replay"
        fail "$1: the trace is not reproduced by $name: exit status $status"
    }
}

# configure OPTION...
configure()
{
    if [ ! -f "$build/Makefile" ]; then
        rm -rf "$build"
        cmake -S "$source" -B "$build" -G 'Unix Makefiles' -DBNT_BUILD_TESTS=OFF \
            -DBNT_BUILD_BENCH=OFF "$@" >"$build.log" 2>&1
    fi
}

build()
{
    cmake --build "$build" --target ballonet --parallel 2 >>"$build.log" 2>&1 || {
        tail -n 30 "$build.log"
        fail "$name does not build"
    }
}

configure_or_fail()
{
    configure "$@" || {
        tail -n 30 "$build.log"
        rm -rf "$build"
        fail "$name does not configure"
    }
}

# native COMPILER LEVEL
native()
{
    need "$1"
    configure_or_fail -DCMAKE_C_COMPILER="$1" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="$2"
}

thirty_two()
{
    need gcc
    libyaml=/usr/lib/i386-linux-gnu
    [ -e $libyaml/libyaml.so ] || skip "libyaml-dev:i386 is not installed"
    # gcc-12-multilib lacks the link /usr/include/asm; these headers serve both word sizes.
    flags="-m32 -idirafter /usr/include/x86_64-linux-gnu"
    # shellcheck disable=SC2086
    printf '#include <errno.h>\nint main(void) { return 0; }\n' |
        gcc $flags -x c - -o "$build.probe" 2>/dev/null || skip "gcc has no 32-bit C library"
    rm -f "$build.probe"
    export PKG_CONFIG_LIBDIR=$libyaml/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
    configure_or_fail -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS="$flags" \
        -DBNT_SYSTEM_ALLOCATOR=ON -DCMAKE_LIBRARY_ARCHITECTURE=i386-linux-gnu
}

big_endian()
{
    need qemu-s390x
    libyaml=/usr/lib/s390x-linux-gnu
    [ -e $libyaml/libyaml.so ] || skip "libyaml-dev:s390x is not installed"
    if command -v s390x-linux-gnu-gcc >/dev/null 2>&1; then
        compiler=s390x-linux-gnu-gcc
        target=
    elif command -v clang >/dev/null 2>&1; then
        compiler=clang
        target=-DCMAKE_C_COMPILER_TARGET=s390x-linux-gnu
    else
        skip "there is no compiler for s390x: gcc-s390x-linux-gnu or clang"
    fi
    printf 'int main(void) { return 0; }\n' |
        $compiler ${target:+--target=s390x-linux-gnu} -x c - -o "$build.probe" 2>/dev/null ||
        skip "$compiler has no C library for s390x: libc6-dev-s390x-cross"
    # The emulator finds the libraries where Debian puts those of a foreign architecture.
    qemu-s390x "$build.probe" || skip "the C library for s390x cannot be run: libc6:s390x"
    rm -f "$build.probe"
    export PKG_CONFIG_LIBDIR=$libyaml/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
    configure_or_fail -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=s390x \
        -DCMAKE_C_COMPILER=$compiler $target -DCMAKE_BUILD_TYPE=Release \
        -DBNT_SYSTEM_ALLOCATOR=ON -DCMAKE_LIBRARY_ARCHITECTURE=s390x-linux-gnu
    emulator=qemu-s390x
    seeds=${BNT_SEEDS:-1}
}

mkdir -p "$builds" || exit 1
if [ "$name" = comparison ]; then
    hashes "$command" >"$build.ours"
    sed '3s/"state":"./"state":"x/' "$build.ours" >"$build.theirs"
    compare "$build.ours" "$build.theirs" && fail "an altered hash was not seen"
    compare "$build.ours" "$build.ours" || fail "what is equal differs"
    exit 0
fi
case $name in
gcc-O0) native gcc -O0 ;;
gcc-O3) native gcc -O3 ;;
clang-O0) native clang -O0 ;;
clang-O3) native clang -O3 ;;
m32) thirty_two ;;
s390x) big_endian ;;
*) fail "no such build: $name" ;;
esac
build
hashes "$command" >"$build.ours"
hashes $emulator "$build/bin/ballonet" >"$build.theirs"
compare "$build.ours" "$build.theirs" || exit 1
carry scenarios/seed/refused-pages.yaml 0
carry scenarios/replay/linux-6.1.yaml 0
carry tests/negative/one-place.yaml 1
echo "$name: $(wc -l <"$build.theirs") runs, the same hashes in every ingredient"
