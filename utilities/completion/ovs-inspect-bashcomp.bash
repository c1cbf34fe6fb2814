# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion for the programs of the inspector
# ============================================
#
# Installed beside those of Open vSwitch, and read by bash-completion; or
#
#     . ovs-inspect-bashcomp.bash
#
# Options and commands come from what the programs say of themselves (--help,
# list-commands), once a shell; names from the database, each time, with at most
# a second's patience.  What cannot be asked is not completed, in silence.
#
# Bash takes "=" and ":" for ends of words.  Ours are those between blanks: the
# line is split anew, and what stands before the last such sign is taken off
# the answers again.

# Sets words (from the program on), cword and cur.
_ovs_inspect_split() {
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    case $line in
    *[[:space:]]) words+=("") ;;
    esac
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
}

# _ovs_inspect_reply WORD...: those that begin with cur.  A word that ends in
# "=", ":" or "/" gets no blank behind it.
_ovs_inspect_reply() {
    local word head=${cur%"${cur##*[=:]}"}
    for word; do
        if [[ $word == "$cur"* ]]; then
            case $word in
            *[=:/]) compopt -o nospace 2>/dev/null ;;
            esac
            COMPREPLY+=("${word#"$head"}")
        fi
    done
}

# _ovs_inspect_values PREFIX WORD...: WORDs behind PREFIX, of which some may
# already stand there with commas.
_ovs_inspect_values() {
    local prefix=$1 word
    shift
    case ${cur#"$prefix"} in
    *,*) prefix=${cur%,*}, ;;
    esac
    for word; do
        _ovs_inspect_reply "$prefix$word"
    done
}

# Files, behind PREFIX.
_ovs_inspect_files() {
    local file
    compopt -o filenames 2>/dev/null
    while IFS= read -r file; do
        COMPREPLY+=("$file")
    done < <(compgen -f -- "${cur#"$1"}")
}

# What PROGRAM --help says, remembered.
declare -gA _ovs_inspect_help_of
_ovs_inspect_help() {
    if test -z "${_ovs_inspect_help_of[$1]}"; then
        _ovs_inspect_help_of[$1]=$(timeout 3 "$1" --help 2>/dev/null)
    fi
    printf '%s\n' "${_ovs_inspect_help_of[$1]}"
}

# Options of PROGRAM, with "=" where a value must follow.
_ovs_inspect_options() {
    _ovs_inspect_help "$1" |
        grep -oE -- '(^|[[:space:](|])--[a-z][a-z-]*[a-z]=?' |
        tr -d ' \t(|' | sort -u
}

_ovs_inspect_commands() {
    _ovs_inspect_help ovs-inspectctl |
        sed -nE 's/^  ([a-z][a-z-]+)( .*)?$/\1/p' | sort -u
}

# _ovs_inspect_names TABLE: of its rows.
_ovs_inspect_names() {
    timeout 1 ovs-vsctl --timeout=1 --bare --columns=name list "$1" \
        2>/dev/null | grep .
}

_ovs_inspect_ports() {
    timeout 1 ovs-vsctl --timeout=1 --bare --columns=name list Interface \
        2>/dev/null | grep .
}

# _ovs_inspect_key KEY: the words that may be its value.
_ovs_inspect_key() {
    case $1 in
    action) echo allow drop reset redirect alert ;;
    direction) echo both from-vm to-vm ;;
    arms) echo fixed by-direction ;;
    fail_mode) echo open closed ;;
    encap) echo none vlan nsh ;;
    format | --uplink-format) echo ipfix json ;;
    --mode) echo tap inline ;;
    --select) echo vm-to-vm vm all flows ;;
    enabled | symmetric | log | bootstrap_ca_cert) echo true false ;;
    slot) echo 4 5 6 7 8 9 10 11 ;;
    service) echo any tcp/ udp/ sctp/ icmp icmp6 proto/ arp nd app: sni: ;;
    source | destination)
        echo any iface: vm: port: id:
        _ovs_inspect_names Inspect_Address_Set | sed 's/^/set:/'
        ;;
    in | out | input | output | input_port | output_port)
        _ovs_inspect_ports ;;
    --inspector) _ovs_inspect_names Inspector ;;
    target | --uplink) echo ssl: pssl: ;;
    esac
}

# Settings of a command, each with "=".
_ovs_inspect_settings() {
    case $1 in
    add-rule)
        echo slot= priority= direction= source= destination= service= \
            action= symmetric log enabled= ;;
    add-function)
        echo slot= input= output= arms= fail_mode= encap= flight_timeout= \
            probe_interval= probe_timeout= enabled= ;;
    add-uplink)
        echo target= format= private_key= certificate= ca_cert= crl_file= \
            bootstrap_ca_cert= token_file= spool_dir= spool_max_bytes= \
            max_backoff= inactivity_probe= enabled= ;;
    explain)
        echo in= out= src= dst= service= proto= sport= dport= icmp_type= \
            src_mac= dst_mac= app= sni= arp nd ;;
    esac
}

# KEY=VALUE or KEY of a command.
_ovs_inspect_setting() {
    local key=${cur%%=*}
    if [[ $cur == *=* ]]; then
        case $key in
        private_key | certificate | ca_cert | crl_file | token_file | \
            spool_dir)
            _ovs_inspect_files "$key="
            ;;
        *)
            # shellcheck disable=SC2046
            _ovs_inspect_values "$key=" $(_ovs_inspect_key "$key")
            ;;
        esac
    else
        # shellcheck disable=SC2046
        _ovs_inspect_reply $(_ovs_inspect_settings "$1")
    fi
}

# --OPTION=VALUE and --OPTION of PROGRAM; fails if cur is no option.
_ovs_inspect_option() {
    local key=${cur%%=*}
    [[ $cur == -* ]] || return 1
    if [[ $cur != *=* ]]; then
        # shellcheck disable=SC2046
        _ovs_inspect_reply $(_ovs_inspect_options "$1")
        return 0
    fi
    case $1:$key in
    *:--private-key | *:--certificate | *:--ca-cert | *:--crl-file | \
        *:--token-file | *:--journal | *:--output | *:--read | *:--write)
        _ovs_inspect_files "$key="
        ;;
    ovs-inspect-probe:--format | *:--uplink-format)
        _ovs_inspect_values "$key=" ipfix json ;;
    ovs-inspect-probe:--only)
        _ovs_inspect_values "$key=" flow alert remainder stats dns tls http \
            ;;
    *:--interface)
        # shellcheck disable=SC2046
        _ovs_inspect_values "$key=" any $(ls /sys/class/net 2>/dev/null) ;;
    *:--listen) _ovs_inspect_values "$key=" pssl:4740 ;;
    *:--connect | *:--uplink) _ovs_inspect_values "$key=" ssl: ;;
    *:--ssl-protocols) _ovs_inspect_values "$key=" TLSv1.2 TLSv1.3 ;;
    *:--format) _ovs_inspect_values "$key=" table list html csv json ;;
    *:--data) _ovs_inspect_values "$key=" string bare json ;;
    *)
        # shellcheck disable=SC2046
        _ovs_inspect_values "$key=" $(_ovs_inspect_key "$key")
        ;;
    esac
}

# Names that a command takes, by what stands before: COMMAND PLACE, where 1 is
# the first word behind it.
_ovs_inspect_argument() {
    local names
    case $1:$2 in
    enable:1 | disable:1)
        names=$(timeout 1 ovs-vsctl --timeout=1 list-br 2>/dev/null) ;;
    add-rule:1 | del-rule:1 | load-rules:1 | add-function:1 | \
        del-function:1 | add-uplink:1 | del-uplink:1 | explain:1 | show:1 | \
        rules:1 | functions:1 | flows:1 | top:1 | stats:1 | listeners:1 | \
        flush:1)
        names=$(_ovs_inspect_names Inspector) ;;
    del-rule:*) names=$(_ovs_inspect_names Inspect_Rule) ;;
    del-function:* | swap-slots:[12])
        names=$(_ovs_inspect_names Inspect_Function) ;;
    del-uplink:* | uplink-test:1)
        names=$(_ovs_inspect_names Inspect_Uplink) ;;
    del-set:1 | add-address:1 | del-address:1 | sets:1)
        names=$(_ovs_inspect_names Inspect_Address_Set) ;;
    load-rules:2 | token:1)
        _ovs_inspect_files ""
        return
        ;;
    add-rule:2 | add-function:2 | add-uplink:2) return ;;
    add-rule:* | add-function:* | add-uplink:* | explain:*)
        _ovs_inspect_setting "$1"
        return
        ;;
    esac
    # shellcheck disable=SC2086
    _ovs_inspect_reply $names
}

_ovs_inspectctl() {
    local words cword cur i command='' place=0
    COMPREPLY=()
    _ovs_inspect_split
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        -T | -f | -d | -n) i=$((i + 1)) ;;
        -*) ;;
        *) test -n "$command" && place=$((place + 1)) ||
            command=${words[i]} ;;
        esac
    done
    if _ovs_inspect_option ovs-inspectctl; then
        return
    elif test -z "$command"; then
        # shellcheck disable=SC2046
        _ovs_inspect_reply $(_ovs_inspect_commands)
    else
        _ovs_inspect_argument "$command" $((place + 1))
    fi
}

_ovs_inspect_probe() {
    local words cword cur
    COMPREPLY=()
    _ovs_inspect_split
    case ${words[cword - 1]} in
    -r | -w | -p | -C) _ovs_inspect_files "" ;;
    -i)
        # shellcheck disable=SC2046
        _ovs_inspect_reply any $(ls /sys/class/net 2>/dev/null) ;;
    *) _ovs_inspect_option ovs-inspect-probe ;;
    esac
}

_ovs_inspect_collector() {
    local words cword cur
    COMPREPLY=()
    _ovs_inspect_split
    case ${words[cword - 1]} in
    -p | -c | -C | -o) _ovs_inspect_files "" ;;
    *) _ovs_inspect_option ovs-inspect-collector ;;
    esac
}

# ovs-appctl: ours are the inspect/ and collector/ commands; for the rest
# whoever completed it before is asked.
_ovs_inspect_appctl() {
    local words cword cur i command='' place=0 target=ovs-vswitchd
    COMPREPLY=()
    _ovs_inspect_split
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        -t) i=$((i + 1)) target=${words[i]} ;;
        --target=*) target=${words[i]#*=} ;;
        -*) ;;
        *) test -n "$command" && place=$((place + 1)) ||
            command=${words[i]} ;;
        esac
    done
    case $command in
    '')
        if [[ ${words[cword - 1]} != -t && $cur != -* ]]; then
            # shellcheck disable=SC2046
            _ovs_inspect_reply $(timeout 1 ovs-appctl -t "$target" \
                list-commands 2>/dev/null |
                grep -oE '^ *(inspect|collector)/[a-z-]+')
        fi
        ;;
    inspect/* | collector/show)
        if [[ $cur == -* ]]; then
            test "$command" != inspect/flows ||
                _ovs_inspect_reply --sort --limit=
            _ovs_inspect_reply --json
        else
            _ovs_inspect_argument "${command#*/}" $((place + 1))
        fi
        return
        ;;
    esac
    if test -n "$_ovs_inspect_appctl_before" -a ${#COMPREPLY[@]} = 0; then
        "$_ovs_inspect_appctl_before" "$@"
    fi
}

# Read twice, it still knows who that was.
case $(complete -p ovs-appctl 2>/dev/null) in
*' _ovs_inspect_appctl '*) ;;
*)
    _ovs_inspect_appctl_before=$(complete -p ovs-appctl 2>/dev/null |
        sed -n 's/.* -F \([^ ]*\) .*/\1/p')
    ;;
esac

complete -F _ovs_inspectctl ovs-inspectctl
complete -F _ovs_inspect_probe ovs-inspect-probe
complete -F _ovs_inspect_collector ovs-inspect-collector
complete -F _ovs_inspect_appctl ovs-appctl
