# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Unpack
# ======
#
# Debian packages, with all that they need and this machine has not, unpacked
# into a folder: for tests that run programs of others and must not install
# them.
#
#     . build-aux/unpack.sh        # After build.sh.
#     ovsext_unpack DIR NAME...    # NAME: kind unpack-NAME of packages.txt;
#                                  # into DIR/NAME.  1 after saying why not.

ovsext_unpack() {
    local dir=$1 name names
    shift
    for name; do
        names=$(awk -v kind="unpack-$name" '$1 == kind { print $2 }' \
                "$OVSEXT_TOP/build-aux/packages.txt")
        test "$(cat "$dir/$name.unpacked" 2>/dev/null)" = "$names" && continue
        if ! command -v apt-get >/dev/null; then
            ovsext_say "no apt-get to fetch:" "$names" >&2
            return 1
        fi
        mkdir -p "$dir/$name" "$dir/$name.debs" || return 1
        # shellcheck disable=SC2086
        ovsext_run "fetching ${names//$'\n'/ }" "$dir/$name.log" \
            ovsext_unpack_into "$dir/$name" $names || return 1
        rm -rf "$dir/$name.debs"
        echo "$names" >"$dir/$name.unpacked"
    done
}

# What would be installed, and what was asked for, installed or not; but not
# Open vSwitch, which is ours.
ovsext_unpack_list() {
    apt-get install -s --no-install-recommends "$@" 2>/dev/null |
        awk '/^Inst / { print $2 }' | grep -v '^openvswitch-' &&
        printf '%s\n' "$@"
}

ovsext_unpack_into() {
    local dir=$1 list deb
    shift
    if ! list=$(ovsext_unpack_list "$@"); then
        apt-get -q update && list=$(ovsext_unpack_list "$@") || return 1
    fi
    # shellcheck disable=SC2046
    cd "$dir.debs" && apt-get -q download $(sort -u <<<"$list") || return 1
    for deb in *.deb; do
        dpkg -x "$deb" "$dir" || return 1
    done
}
