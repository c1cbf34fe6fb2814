# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of ovs-appctl: Debian's, which is installed under a name that is
# not looked for, and on top of it the commands of inspectors.
for _ovs_inspect_file in ovs-appctl-bashcomp.bash ovs-inspectctl; do
    # shellcheck disable=SC1090
    . "/usr/share/bash-completion/completions/$_ovs_inspect_file"
done 2>/dev/null
unset _ovs_inspect_file
