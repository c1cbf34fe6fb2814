#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The source of Open vSwitch as another Debian has it, unpacked and nothing
# installed.

usage() {
    cat <<END
ovs-sources.sh: fetch the source of Open vSwitch as another Debian has it
usage: build-aux/ovs-sources.sh [--dir=DIR] [--mirror=URL] SUITE

SUITE is a release of Debian (trixie, sid).  Its package openvswitch-source is
downloaded by an apt configuration of its own, which knows that release only
and trusts Debian's archive keys only, and is unpacked without being
installed: this system's packages, lists and sources stay as they are.
Prints the folder of the source, ready for configure --with-ovs-source.

  --dir=DIR     where lists, packages and sources go
                (default: _build/ovs-sources); each version has a folder of
                its own and is fetched once
  --mirror=URL  of Debian (default: what this machine's apt uses, else
                http://deb.debian.org/debian)
  -h, --help    this text

Needs no root.  A version that is there serves when the mirror cannot be
reached; without one, that is an error.
END
}

die() {
    echo "ovs-sources.sh: $*" >&2
    exit 1
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$top/_build/ovs-sources
mirror=
suite=
keys=/usr/share/keyrings/debian-archive-keyring.gpg
while test $# -gt 0; do
    case $1 in
    --dir=?*) dir=$(realpath -m "${1#*=}") ;;
    --mirror=?*) mirror=${1#*=} ;;
    -h | --help) usage; exit 0 ;;
    -*) die "$1: no such option; try --help" ;;
    *) test -z "$suite" || die "one release at a time; try --help"
       suite=$1 ;;
    esac
    shift
done
[[ $suite =~ ^[a-z][a-z0-9.-]*$ ]] ||
    die "which release of Debian?  Try --help"
for program in apt-get apt-cache dpkg dpkg-deb; do
    command -v $program >/dev/null ||
        die "no $program: this needs a Debian; elsewhere, get the source of" \
            "Open vSwitch yourself and say configure --with-ovs-source=DIR"
done
test -r $keys || die "no $keys: apt-get install debian-archive-keyring"

# The mirror that this machine's apt takes Debian itself from.
find_mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' \
        2>/dev/null |
        sed -n 's,^\([^ ]*\) Debian Debian$,\1,p' | sed -n '1s,/$,,p'
}
mirror=${mirror:-$(find_mirror)}
mirror=${mirror:-http://deb.debian.org/debian}

# What is there already, newest first.
have() {
    local source
    source=$(readlink -f "$dir/$suite" 2>/dev/null)/usr/src/openvswitch
    test -e "$source/configure.ac" && echo "$source"
}

apt=$dir/apt-$suite
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" ||
    die "$dir: cannot be made"
: >"$apt/status"
cat >"$apt/debian.sources" <<END
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Signed-By: $keys
END
cat >"$apt/apt.conf" <<END
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/debian.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::Trusted "/dev/null";
Dir::Etc::TrustedParts "/dev/null";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::AllowInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "$(id -un)";
APT::Update::Post-Invoke "";
APT::Update::Post-Invoke-Success "";
END
export APT_CONFIG=$apt/apt.conf LC_ALL=C

# An update that cannot reach the mirror or does not trust it is a warning to
# apt, and says so only here.
if ! apt-get -q update >"$apt/update.log" 2>&1 ||
   grep -q '^[EW]:' "$apt/update.log"; then
    if have; then
        echo "ovs-sources.sh: $suite cannot be looked up on $mirror; what" \
            "was fetched before serves (log: $apt/update.log)" >&2
        exit 0
    fi
    grep '^[EW]:' "$apt/update.log" >&2
    die "$suite cannot be looked up on $mirror (log: $apt/update.log)"
fi
version=$(apt-cache policy openvswitch-source |
          sed -n 's/^ *Candidate: //p')
case $version in
'' | '(none)') die "$suite on $mirror has no openvswitch-source" ;;
esac

# Versions have ':' and '~' in them, which a path had better not.
to=$dir/openvswitch-source-$(printf %s "$version" | tr -c 'A-Za-z0-9.+-' _)
if test ! -e "$to/usr/src/openvswitch"; then
    rm -rf "$to.new"
    mkdir -p "$to.new" || die "$to.new: cannot be made"
    (cd "$to.new" && apt-get -q download "openvswitch-source=$version") \
        >"$apt/download.log" 2>&1 || {
        cat "$apt/download.log" >&2
        die "openvswitch-source $version cannot be downloaded"
    }
    dpkg -x "$to.new"/*.deb "$to.new" ||
        die "openvswitch-source $version cannot be unpacked"
    rm -f "$to.new"/*.deb
    # Debian 12 and before have a tarball in there.
    (cd "$to.new/usr/src/openvswitch" && test -e configure.ac ||
     tar -xf openvswitch.tar.gz --strip-components=1) ||
        die "openvswitch-source $version holds no source"
    mv "$to.new" "$to" || die "$to: cannot be made"
fi
ln -sfn "${to##*/}" "$dir/$suite"
have || die "openvswitch-source $version holds no source"
