#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares all C files with .clang-format; "--fix" rewrites them.  Versions of
# clang-format differ in what they make of the same style, so it is that of
# Debian 12; with another one the comparison is skipped (exit status 77).
set -e
cd "$(dirname "$0")/.."
tool=${CLANG_FORMAT:-clang-format}
if test "$tool" = no || ! command -v "$tool" >/dev/null; then
    echo "no clang-format: apt-get install clang-format-14"
    exit 77
fi
case $("$tool" --version) in
*'version 14.'*) ;;
*)
    echo "$("$tool" --version): this tree is formatted by version 14"
    exit 77
    ;;
esac
files=$(find lib ovs-ext utilities tests -name '_*' -prune -o \
             \( -name '*.c' -o -name '*.h' \) -print | sort)
if test "$1" = --fix; then
    # shellcheck disable=SC2086
    exec "$tool" -i $files
fi
# shellcheck disable=SC2086
differ=$("$tool" --dry-run $files 2>&1 | sed -n 's/^\([^ :]*\):[0-9].*/\1/p' |
             sort -u)
test -z "$differ" || {
    echo "make format would change:"
    echo "$differ"
    exit 1
}
