#!/bin/sh
# The libraries that a kernel links need no C library: freestanding.sh ROOT CC FLAGS...
#
# Builds base, virtio and guest without one into an archive and requires that nothing is left
# undefined but the four mem* functions that every compiler may call. Exits 77 where the compiler
# cannot make code for the machine asked for.
set -u
root=$1
cc=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=c11 -O2 -ffreestanding -nostdlib -fno-stack-protector -fno-pie -Wall -Wextra -Werror"

# foreign DIRECTORY: undefined symbols of its objects that none of them defines and none may call
foreign()
{
    rm -f "$work/all.a"
    ar rcs "$work/all.a" "$1"/*.o || return 1
    nm -g --defined-only "$work/all.a" | awk 'NF == 3 { print $3 }' | sort -u >"$work/defined"
    printf '%s\n' memcmp memcpy memmove memset >>"$work/defined"
    sort -u -o "$work/defined" "$work/defined"
    nm -u "$work/all.a" | awk '$1 == "U" { print $2 }' | sort -u >"$work/undefined"
    comm -23 "$work/undefined" "$work/defined"
}

if ! command -v "$cc" >/dev/null || ! echo 'int x;' | "$cc" "$@" -c -x c - -o "$work/x.o" 2>/dev/null; then
    echo "skipped: $cc $* makes no code here"
    exit 77
fi

# First that the check itself can fail.
mkdir "$work/bad"
echo 'void *malloc(unsigned long); void *f(void); void *f(void) { return malloc(1); }' >"$work/bad.c"
# shellcheck disable=SC2086
"$cc" $flags -fno-builtin "$@" -c "$work/bad.c" -o "$work/bad/bad.o" || exit 1
if [ "$(foreign "$work/bad")" != malloc ]; then
    echo "the check does not see a call of malloc"
    exit 1
fi

# A kernel brings its own string.h, and so does this: no header of a C library is needed either.
mkdir "$work/good" "$work/include"
cat >"$work/include/string.h" <<'EOF'
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);
EOF
count=0
for source in $(grep -oE '^ +(base|virtio|guest)/\S+\.c' "$root/lib/sources.mk"); do
    # shellcheck disable=SC2086
    "$cc" $flags "$@" -I"$work/include" -I"$root/lib/include" -I"$root" -c "$root/lib/$source" \
        -o "$work/good/$(echo "$source" | tr / -).o" || exit 1
    count=$((count + 1))
done
left=$(foreign "$work/good") || exit 1
if [ -n "$left" ]; then
    echo "undefined symbols that a kernel does not have:"
    echo "$left"
    nm -Au "$work/all.a" | grep -F "$left"
    exit 1
fi
echo "$count sources, $cc $*: undefined are only: $(grep '^mem' "$work/undefined" | tr '\n' ' ')"
