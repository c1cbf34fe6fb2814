#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The checks of commits and licences find what they are for, and nothing else:
# in a repository made here, with a commit for each fault.
#
# Mutations that make it fail: leave FIRST out of check-licence.py; let
# of_diff() look at lines that were taken away, too.
. "$(dirname "$0")/../system/lib.sh"

top=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v git >/dev/null; then
    echo "1..0 # SKIP no git: apt-get install git"
    exit 77
fi
SANDBOX_DIR=$(mktemp -d /tmp/ovs-ext-habits.XXXXXX) || exit 1
trap 'rm -rf "$SANDBOX_DIR"' EXIT
mkdir "$SANDBOX_DIR/out"
repo=$SANDBOX_DIR/repo
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@localhost
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

repository() {
    git init -q -b main "$repo" && cd "$repo" &&
    mkdir -p build-aux lib/app tests/pcap/x &&
    cp "$top"/build-aux/check-commit.py "$top"/build-aux/check-licence.py \
        build-aux/ &&
    printf '%s\n' 'tests/pcap/*.json  no comments' >build-aux/licences.txt &&
    echo 'int a;' >lib/app/a.c && git add . &&
    git commit -qm 'lib: Begin'
}
need "a repository" repository
cd "$repo" || exit 1
licence() { build-aux/check-licence.py "$@"; }
commit() { build-aux/check-commit.py "$@"; }
said() { # STATUS TEXT COMMAND...
    local want=$1 text=$2 out got
    shift 2
    out=$("$@" 2>&1)
    got=$?
    test $got = "$want" && grep -qF -- "$text" <<<"$out" && return
    echo "status $got: $out"
    return 1
}
# commits FILE TEXT MESSAGE
commits() {
    printf '%b' "$2" >"$1" && git add . && git commit -qm "$3"
}

# Licences.
words='SPDX-License-''Identifier: Apache-2.0'
check "a source without its licence" said 1 \
    'lib/app/a.c: does not say its licence' licence
check "--fix says it" said 0 'lib/app/a.c: said' licence --fix
is "as a comment, above all" "$(head -n 1 lib/app/a.c)" "/* $words */"
is "the rest is as it was" "$(tail -n +2 lib/app/a.c)" 'int a;'
is "below the first line of a script" \
    "$(sed -n 2p build-aux/check-commit.py)" "# $words"
printf '#!/bin/sh\nexit\n' >x
printf '<?xml version="1.0"?>\n<a/>\n' >x.xml
printf '.TH x 8\n' >x.8
printf '# x\n' >x.md
printf '{}\n' >x.json
printf '\377\n' >x.bin
printf '/* SPDX-License-''Identifier: MIT */\n' >x.c
printf '{}\n' >tests/pcap/x/expected.json
check "--fix goes on" said 1 'x.md: said' licence --fix
is "of a script" "$(cat x)" $'#!/bin/sh\n'"# $words"$'\nexit'
is "of XML" "$(sed -n 2p x.xml)" "<!-- $words -->"
is "of a manual page" "$(head -n 1 x.8)" ".\\\" $words"
check "another licence" said 1 "x.c: says [['MIT']]" licence
check "a file without comments" said 1 'x.json: has no comments' licence
check "a binary file" said 1 'x.bin: has no comments' licence
unlisted() { licence | grep -q expected.json; }
check "a file of the list" not unlisted
rm x.c x.json x.bin
git add . && git commit -qm 'lib: Say the licence'
check "all is said" licence
check "twice is once" licence --fix
is "and changes nothing" "$(git status --short)" ""

# Commits.
check "a good one" commit
fault() { # TEXT MESSAGE [CONTENTS]
    n=$((n + 1))
    commits lib/app/f.c "int f$n;\n$3" "$2"
    check "$1" said 1 "$1" commit
}
n=0
fault 'not of the form "room: Say what"' 'Say what'
fault '"nowhere": no such room' 'nowhere: Say what'
fault 'with a capital letter' 'app: say what'
fault '"Fixed": say it in the imperative' 'app: Fixed what'
fault 'has no full stop' 'app: Say what.'
fault 'the second line is not empty' $'app: Say what\nwhy'
fault 'line 3 has 90 columns' "app: Say what

$(printf '%030d ' 1 2) $(printf '%027d' 3)"
fault 'ends with a blank' 'app: Say what' 'int b; \n'
fault 'has a tab' 'app: Say what' '\tint b;\n'
commits lib/app/a.mk 'a:\n\tb\n' 'app, lib: Say what'
check "a tab for make, and two rooms" commit
check "a range" said 1 'has a tab' commit main~2..main

# As a hook.
check "--install" build-aux/check-commit.py --install
refused() { ! git commit -q --allow-empty -m "$1"; }
check "the hook refuses" refused 'say what'
check "the hook lets pass" git commit -q --allow-empty -m 'app: Say what'
echo '#!/bin/sh' >.git/hooks/commit-msg
check "another's hook stays" said 1 'there is one already' \
    build-aux/check-commit.py --install
done_testing
