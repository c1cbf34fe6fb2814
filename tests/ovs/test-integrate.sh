#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What becomes of a source of Open vSwitch that the extension does not fit.
#
#     test-integrate.sh SOURCE [--configure]
#
# The source as it is passes; with one anchor taken out, doubled, or moved to
# another function it is refused, by a sentence that names the file and the
# anchor; so is a version that nobody has tried.  With --configure the same of
# configure, which takes longer.
#
# Mutations that make it fail: let apply() of ovs-ext/integrate take the first
# of several matches; let configure go on when it says no.
home=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$home/../.." && pwd)
source=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# shellcheck source=../tap.sh
. "$home/../tap.sh"
TAP_OUT=$dir/out

integrate() {   # ARGUMENT...
    /usr/bin/python3 -B "$top/ovs-ext/integrate" --source "$dir/tree" "$@" \
        >"$dir/out" 2>&1
}

# refused WHAT TEXT...: status 1, each TEXT is said, and nothing is made.
refused() {
    local what=$1 status=0 text
    shift
    integrate --check
    test $? = 1 || status=1
    for text; do
        grep -qF -- "$text" "$dir/out" || status=1
    done
    result $status "$what"
    integrate --dest "$dir/made"
    test $? = 1 && test ! -e "$dir/made"
    result $? "$what: nothing is made"
}

# with FILE SED-ARGUMENT... -- COMMAND...: FILE changed meanwhile.
with() {
    local file=$dir/tree/$1 arguments=()
    shift
    while test "$1" != --; do
        arguments+=("$1")
        shift
    done
    shift
    cp "$file" "$dir/kept"
    sed -i "${arguments[@]}" "$file"
    if cmp -s "$file" "$dir/kept"; then
        result 1 "$file is changed for the test"
    fi
    "$@"
    cp "$dir/kept" "$file"
}

mkdir "$dir/tree"
if test -d "$source"; then
    cp -r "$source/." "$dir/tree"
else
    tar -xf "$source" -C "$dir/tree" --strip-components=1
fi || exit 1
release=$(sed -n 's/^AC_INIT(openvswitch, \([^,]*\),.*/\1/p' \
          "$dir/tree/configure.ac")

integrate --check
result $? "Open vSwitch $release fits"

ofpacts=lib/ofp-actions.c
with $ofpacts 's/^    NXAST_RAW_NAT,/    NXAST_RAW_NAT_,/' -- \
    refused "an anchor that is gone" \
    "$ofpacts (Open vSwitch $release): anchor 'NXAST_RAW_NAT,' in enum" \
    'matches 0 lines instead of one'
with $ofpacts 's/^    NXAST_RAW_NAT,/&\n&/' -- \
    refused "an anchor that is there twice" \
    "anchor 'NXAST_RAW_NAT,'" 'matches 2 lines instead of one'
with $ofpacts 's/^ofpact_outputs_to_port(/ofpact_outputs_(/' -- \
    refused "a function that is gone" \
    "$ofpacts (Open vSwitch $release): function ofpact_outputs_to_port: not"
with $ofpacts -e 's/^    NXAST_RAW_NAT,/    NXAST_RAW_NAT_,/' \
    -e 's/^ofpact_outputs_to_port(/ofpact_outputs_(/' -- \
    refused "two at once are both named" "anchor 'NXAST_RAW_NAT,'" \
    'function ofpact_outputs_to_port: not found'
with configure.ac 's/^\(AC_INIT(openvswitch, \)[0-9.]*/\19.7.1/' -- \
    refused "a version that nobody has tried" \
    'Open vSwitch 9.7.1 is not supported (supported: 3.1, 3.5, 4.0)'

configure_refuses() {
    local status=0
    mkdir -p "$dir/build"
    (cd "$dir/build" && "$top/configure" --with-ovs-source="$dir/tree") \
        >"$dir/out" 2>&1 && status=1
    grep -q "$release in $dir/tree" "$dir/out" || status=1
    grep -qF "anchor 'NXAST_RAW_NAT,'" "$dir/out" || status=1
    grep -qF 'Documentation/versions.md' "$dir/out" || status=1
    result $status "configure says the version, and which anchor it is"
}
if test "$2" = --configure; then
    with $ofpacts 's/^    NXAST_RAW_NAT,/    NXAST_RAW_NAT_,/' -- \
        configure_refuses
fi
done_testing
