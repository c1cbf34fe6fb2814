#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure.  Needs autoconf, automake and libtool.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake libtoolize; do
    if ! command -v $tool >/dev/null; then
        echo "boot.sh: no $tool: apt-get install autoconf automake libtool" >&2
        exit 1
    fi
done
mkdir -p build-aux/autotools m4
exec autoreconf --install --force
