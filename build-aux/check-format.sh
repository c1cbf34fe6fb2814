#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares all C files with .clang-format; "--fix" rewrites them.
set -e
cd "$(dirname "$0")/.."
tool=${CLANG_FORMAT:-clang-format}
if test "$tool" = no || ! command -v "$tool" >/dev/null; then
    echo "no clang-format: apt-get install clang-format" >&2
    exit 77
fi
files=$(find lib ovs-ext utilities tests -name '_*' -prune -o \
             \( -name '*.c' -o -name '*.h' \) -print | sort)
if test "$1" = --fix; then
    # shellcheck disable=SC2086
    exec "$tool" -i $files
fi
status=0
for f in $files; do
    if ! "$tool" "$f" | cmp -s - "$f"; then
        echo "$f: run \"make format\""
        status=1
    fi
done
exit $status
