#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write Documentation/records.md from lib/record/record.def and lib/app/*.def.

    gen-records.py SRCDIR            print it
    gen-records.py SRCDIR --check    exit 1 if the file there is another one

Run it after a change of record.def, of the fields of a protocol (lib/app/), or
of flow/end.def, flow/remainder.def, engine/inventory.def, whose words the
manual lists.
tests/system/ipfix-interop.sh compares.
"""
import os
import re
import sys

SECTIONS = [
    ('Connections', ['INSP_HEAD', 'INSP_HEAD4', 'INSP_HEAD6', 'INSP_CONN',
                     'INSP_CONN4', 'INSP_CONN6', 'INSP_TAIL'], 'flow',
     'One a connection and, while it is open, one every `active_timeout`. '
     'Packets and bytes are since the record before. Templates 256 (IPv4) '
     'and 257 (IPv6); biflow as RFC 5103 has it: the forward direction is '
     "the initiator's."),
    ('Packets without a connection', ['INSP_REMAIN'], 'inspect_remainder',
     'ARP, what is not IP, malformed packets, and connections that there was '
     'no room for, for each pair of ports. Template 258.'),
    ('Statistics', ['INSP_SENSOR'], 'inspect_stats',
     'Of one inspector, totals since it began: '
     '`seen = inspected + skipped + lost`. Template 259.'),
    ('Loss', ['INSP_LOSS'], 'inspect_loss',
     'An uplink had to drop records because its queue, and its spool if it '
     'has one, was full. It stands before what was not dropped. To a '
     'collector that acknowledges it is a record like others, with a number; '
     'else it is in none of the counts of the uplink. Template 260.'),
    ('Restart', ['INSP_RESTART'], 'inspect_restart',
     'The first record of an uplink with a spool that was there before: what '
     'the process before had for it, and what of that is lost. After an '
     'orderly end that is 0. Template 266.'),
    ('Identity', ['INSP_PORT'], None,
     'Who is behind a port id; an options record that comes before the first '
     'record that names the id, once a connection and observation domain. A '
     'JSON line carries it itself, under `src_vm` and `dest_vm`. A port id '
     'is never used again: a port that is attached anew, or whose identity '
     'changes, has another one. Template 261.'),
    ('Identity gone', ['INSP_GONE'], None,
     'No later record names the port id: the receiver may forget it. Options '
     'template 262.'),
    ('Exporter', ['INSP_EXPORTER'], None,
     'Which sensor sends; the first options record after the type '
     'information. Our collector refuses a sensor whose certificate is for '
     'another name. Options template 263.'),
]
PROTOCOL = ['INSP_HEAD', 'INSP_HEAD4', 'INSP_HEAD6', 'INSP_PROTOCOL',
            'INSP_TAIL']
PROTOCOL_ABOUT = """\
What a reader has found in a connection: one record a transaction where the
protocol has transactions, else one when its beginning has been read. It counts
no packets; `flow_id` and `community_id` lead to the connection. `event_type`
is the word of the protocol, and an object called like it has what is said
there.

In IPFIX every protocol has two templates, over IPv4 and IPv6, which are sent
before its first record: the elements below, and then one for each field that
IANA or somebody else (CERT: `6871/`) has published an element for. A number,
address or text that is not there is 0 or empty, and several texts stand with
commas between them. All other fields, and values that an element cannot say
exactly, are lines in `inspectAppFields`; where a field stands in both, the
line is right."""
KINDS = {'UINT': 'number', 'BOOL': '`true`, or left out', 'TEXT': 'text',
         'LIST': 'list of texts', 'GROUP': 'object of lists',
         'HEX': 'hexadecimal digits', 'IP': 'address',
         'IPS': 'list of addresses', 'MAC': 'MAC address', 'TIME': 'time'}
PENS = {'0': '', 'INSP_PEN': '32473/', 'INSP_PEN_REVERSE': '29305/'}


def read(path):
    with open(path, encoding='utf-8') as f:
        return re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)


def split(text):
    """The arguments of a macro: commas outside of strings and brackets."""
    args, depth, quoted, at = [''], 0, False, 0
    while at < len(text):
        c = text[at]
        if quoted:
            if c == '\\':
                args[-1] += c
                at += 1
                c = text[at]
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in '([':
            depth += 1
        elif c in ')]':
            depth -= 1
        elif c == ',' and not depth:
            args.append('')
            at += 1
            continue
        args[-1] += c
        at += 1
    return [x.strip() for x in args]


def string(text):
    return ''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)) \
        .replace('\\"', '"')


def calls(text, macros):
    """(macro, arguments) of each use, in order."""
    pattern = re.compile(r'^(' + '|'.join(macros) + r')\(', re.M)
    for m in pattern.finditer(text):
        depth, at, quoted = 1, m.end(), False
        while depth:
            c = text[at]
            if c == '"' and text[at - 1] != '\\':
                quoted = not quoted
            elif not quoted:
                depth += {'(': 1, ')': -1}.get(c, 0)
            at += 1
        yield m.group(1), split(text[m.end():at - 1])


def places(srcdir):
    """Object -> its path in a line, from fields.c."""
    text = read(os.path.join(srcdir, 'lib/record/fields.c'))
    found = {}
    for name, key, parent in re.findall(
            r'\[INSP_OBJECT_(\w+)\] = \{ "(\w*)", INSP_OBJECT_(\w+) \}',
            text):
        found[name] = found.get(parent, '') + (key + '.' if key else '')
    return found


def element(args):
    if args[5] == '0':
        return ''
    value = eval(args[5], {}, {})        # "0x4000 | 12".
    return f'{PENS[args[4]]}{value}'


def table(text, macros, where):
    # An identity stands in the record of either end.
    inside = 'src_vm.' if macros == ['INSP_PORT'] else ''
    yield '| JSON | element | number | bytes | meaning |'
    yield '| --- | --- | --- | --- | --- |'
    for macro, a in calls(text, macros):
        key = string(a[9])
        json = f'`{inside}{where[a[8]]}{key}`' if key else ''
        number = element(a)
        length = '' if not number else 'var' if a[6] == 'VAR' else a[6]
        only = {'4': ' (IPv4)', '6': ' (IPv6)'}.get(macro[-1], '')
        when = {'NONZERO': ' Left out when there is none.',
                'TCP': ' TCP only.', 'PORTS': '', 'ICMP': ' ICMP only.',
                }.get(a[10], '') if key else ''
        meaning = string(a[11]).rstrip('.')
        yield (f'| {json} | {a[0] if number else ""} | {number} | {length} '
               f'| {meaning}{only}.{when} |')


def lengths(srcdir):
    """(PEN, number) -> bytes, of elements that have a fixed length."""
    text = read(os.path.join(srcdir, 'lib/record/app-fields.c'))
    found = {}
    for pen, number, length in re.findall(
            r'\{ (\w+), (\d+), INSP_FORM_\w+, (\d+) \}', text):
        found[{'PEN_CERT': '6871'}.get(pen, pen), number] = length
    return found


def protocols(srcdir):
    """(name, word, text, template) of app.def, and name -> rows."""
    app = os.path.join(srcdir, 'lib/app')
    known = [(a[0], string(a[1]), string(a[-1]), 512 + 2 * (i + 2))
             for i, (_, a) in enumerate(
                 calls(read(os.path.join(app, 'app.def')), ['INSP_APP']))]
    # Behind them stands what no reader makes (app.h).
    known.append(('LISTENER', 'listener',
                  'a service that was seen to answer',
                  512 + 2 * (len(known) + 2)))
    rows = {}
    for name in re.findall(r'#include "app/(\w+\.def)"',
                           read(os.path.join(app, 'field.def'))):
        for _, a in calls(read(os.path.join(app, name)), ['INSP_APP_FIELD']):
            rows.setdefault(a[0], []).append(a)
    return known, rows


def borrowed(srcdir):
    """Protocol -> whose fields it has, from app-fields.c."""
    text = read(os.path.join(srcdir, 'lib/record/app-fields.c'))
    found = {}
    for cases, owner in re.findall(
            r'((?:case INSP_APP_\w+:\s+)+)return INSP_APP_(\w+);', text):
        for name in re.findall(r'INSP_APP_(\w+)', cases):
            found[name] = owner
    return found


def field_table(word, rows, fixed):
    yield '| JSON | value | number | bytes | meaning |'
    yield '| --- | --- | --- | --- | --- |'
    seen = set()
    for a in rows:
        key = string(a[5])
        number = length = ''
        if not key:
            continue
        if a[4] != '0' and (a[3], a[4]) not in seen:
            seen.add((a[3], a[4]))
            number = a[4] if a[3] == '0' else f'{a[3]}/{a[4]}'
            length = fixed.get((a[3], a[4]), 'var')
        # Marks for who reads the table in the source.
        meaning = string(a[6]).replace(' (*)', '').rstrip('.')
        meaning = meaning.replace('|', '\\|')
        yield (f'| `{word}.{key}` | {KINDS[a[2]]} | {number} | {length} '
               f'| {meaning} |')


def protocol_sections(srcdir, text, where):
    known, rows = protocols(srcdir)
    owners = borrowed(srcdir)
    fixed = lengths(srcdir)
    words = {name: word for name, word, _, _ in known}
    yield '## Protocols'
    yield ''
    yield PROTOCOL_ABOUT
    yield ''
    yield from table(text, PROTOCOL, where)
    for name, word, title, template in known:
        owner = owners.get(name, name)
        if owner not in rows:
            continue
        yield ''
        yield f'### {word}: {title}'
        yield ''
        about = f'Templates {template} (IPv4) and {template + 1} (IPv6).'
        if owner != name:
            yield f'{about} The fields of `{words[owner]}`.'
            continue
        yield about
        yield ''
        yield from field_table(word, rows[name], fixed)


def words(srcdir, name, macro):
    text = read(os.path.join(srcdir, 'lib', name))
    for _, a in calls(text, [macro]):
        yield f'* `{string(a[1])}`: {string(a[-1])}'


def document(srcdir):
    text = read(os.path.join(srcdir, 'lib/record/record.def'))
    where = places(srcdir)
    yield '<!-- SPDX-License-' 'Identifier: Apache-2.0 -->'
    yield '# Records'
    yield ''
    yield '<!-- Made from lib/record/record.def and lib/app/*.def by ' \
        'build-aux/gen-records.py. Do not edit. -->'
    yield ''
    yield ('What an inspector sends over its uplinks, as IPFIX (RFC 7011) '
           'or as lines of JSON with the names of Suricata\'s EVE. '
           '`ovs-inspect-collector` writes the same lines for both. Numbers '
           'are those of IANA; `29305/` marks the reverse direction '
           '(RFC 5103), `32473/` elements of our own, which every connection '
           'describes itself (RFC 5610). All times are UTC.')
    for title, macros, event, about in SECTIONS:
        yield ''
        yield f'## {title}'
        yield ''
        if event:
            about = f'`event_type` is `{event}`. ' + about
        yield about
        yield ''
        yield from table(text, macros, where)
    yield ''
    yield from protocol_sections(srcdir, text, where)
    yield ''
    yield '## Words'
    yield ''
    yield '`inspect.end`, in this order from 0 in IPFIX:'
    yield ''
    yield from words(srcdir, 'flow/end.def', 'INSP_END')
    yield ''
    yield '`remainder.reason`, likewise; `catch-all` is 255:'
    yield ''
    yield from words(srcdir, 'flow/remainder.def', 'INSP_REMAINDER')
    yield ''
    yield '`listener.weaknesses`:'
    yield ''
    yield from words(srcdir, 'engine/inventory.def', 'INSP_WEAKNESS')


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    srcdir = sys.argv[1]
    text = '\n'.join(document(srcdir)) + '\n'
    if '--check' not in sys.argv:
        sys.stdout.write(text)
        return 0
    path = os.path.join(srcdir, 'Documentation/records.md')
    with open(path, encoding='utf-8') as f:
        if f.read() == text:
            return 0
    print(f'{path} is not what the tables say: run '
          f'build-aux/gen-records.py {srcdir} > {path}')
    return 1


if __name__ == '__main__':
    sys.exit(main())
