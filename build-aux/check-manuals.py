#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold the manual pages against the programs, and have them rendered.  TAP.

    check-manuals.py SRCDIR BUILDDIR

* Every option and command of a program's --help is in its page, and every
  option of the page in --help; every command of ovs-appctl is in its page, and
  the other way round.
* The pages of ours have no fault in the eyes of mandoc and man.
* The two pages that are made of the schema have every table and column of it;
  that of Open vSwitch renders as well as theirs did without us.

What is not built, or not installed, is skipped.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

# Those of commands, which --help of the program does not have.
FOREIGN = {'ovs-inspect-collector': {'json'}}
# What troff has to say of Open vSwitch's own text.
THEIRS = 'cannot adjust line'


class Tap:
    n = failed = 0

    def say(self, ok, what, faults=()):
        self.n += 1
        self.failed += not ok
        print(f'{"ok" if ok else "not ok"} {self.n} - {what}')
        for f in faults:
            print(f'# {f}')

    def faults(self, what, faults):
        faults = list(faults)
        self.say(not faults, what, faults)

    def skip(self, what, why):
        self.n += 1
        print(f'ok {self.n} - {what} # SKIP {why}')


def plain(roff):
    """The text of a page, without escapes that matter here."""
    for a, b in ((r'\-', '-'), (r'\(dq', '"'), (r'\e', '\\'), (r'\&', '')):
        roff = roff.replace(a, b)
    roff = re.sub(r'\[char(\d+)\]', lambda m: chr(int(m.group(1))), roff)
    roff = roff.replace('\\.', '.')
    return re.sub(r'\\f(\[[A-Z]*\]|.)', '', roff)


def options(text):
    return set(re.findall(r'(?<![\w-])--([a-z][a-z-]*[a-z])', text))


def letters(text):
    return set(re.findall(r'(?<![\w-])-([A-Za-z])(?=[, ])', text))


def commands(text):
    """Words that begin a line of ovs-inspectctl --help."""
    return set(re.findall(r'^  ([a-z][a-z-]+)(?= |$)', text, re.M))


def programs(tap, top, build):
    for name in ('ovs-inspectctl', 'ovs-inspect-collector',
                 'ovs-inspect-probe'):
        path = os.path.join(build, 'utilities', name)
        if not os.path.exists(path):
            tap.skip(f'{name}: --help and the page', 'it is not built')
            continue
        text = subprocess.run([path, '--help'], stdout=subprocess.PIPE,
                              check=True, text=True).stdout
        with open(f'{top}/Documentation/{name}.8') as f:
            page = plain(f.read())
        says, has = options(text), options(page)
        faults = [f'--{o} of --help is not in the page'
                  for o in sorted(says - has)]
        faults += [f'--{o} of the page is not in --help'
                   for o in sorted(has - says
                                - FOREIGN.get(name, set()))]
        # Beside a long one only; "-n N" and the like have none.
        faults += [f'-{o} of --help is not in the page'
                   for o in sorted(set(re.findall(r'^ +-(\w), --', text,
                                                  re.M)) - letters(page)
                                   - {'v'})]
        tap.faults(f'{name}: --help and the page have the same options',
                   faults)
        if name == 'ovs-inspectctl':
            generic = {'list', 'find', 'get', 'set', 'add', 'remove', 'clear',
                       'create', 'destroy', 'wait-until'}
            bold = set(re.findall(r'^([a-z][a-z-]+)\b', re.sub(
                r'^\.(?:B|BR|BI|TP|TQ) ?', '', page, flags=re.M), re.M))
            tap.faults(f'{name}: every command of --help is in the page',
                       [c for c in sorted(commands(text) - bold - generic)])
            keys = set(re.findall(r'(?<![\w-])([a-z]+_?[a-z_]*)=[A-Za-z]',
                                  text)) - {'key', 'db'}
            tap.faults(f'{name}: every setting of --help is in the page',
                       [k for k in sorted(keys)
                        if not re.search(rf'\b{k}\b', page)])


def appctl(tap, top):
    def source(pattern, room):
        found = set()
        for path in glob.glob(f'{top}/{pattern}'):
            with open(path) as f:
                found |= set(re.findall(rf'"({room}/[a-z-]+)"', f.read()))
        return found

    for page, pattern, room in (
            ('ovs-inspect-appctl', 'ovs-ext/appctl*.c', 'inspect'),
            ('ovs-inspect-collector', 'utilities/collector/*.c',
             'collector')):
        with open(f'{top}/Documentation/{page}.8') as f:
            text = plain(f.read())
        has = set(re.findall(rf'^(?:\.B )?({room}/[a-z-]+)', text, re.M))
        is_there = source(pattern, room)
        tap.faults(f'{page}: every {room}/ command, and no other',
                   [f'{c} is not in the page'
                    for c in sorted(is_there - has)]
                   + [f'{c} does not exist' for c in sorted(has - is_there)])


def man(path):
    """What man has to say of a page."""
    r = subprocess.run(
        ['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', path],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, 'LC_ALL': 'C.UTF-8'})
    return r.stderr.splitlines() + ([] if not r.returncode else
                                    [f'exit status {r.returncode}'])


def lint(tap, top, made):
    pages = sorted(glob.glob(f'{top}/Documentation/*.[1-8]'))
    if shutil.which('mandoc'):
        for p in pages:
            r = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', p],
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
            tap.faults(f'mandoc: {os.path.basename(p)}',
                       r.stdout.splitlines())
    else:
        tap.skip('mandoc', 'no mandoc: apt-get install mandoc')
    if shutil.which('man') and shutil.which('groff'):
        for p in pages + [p for p in made if os.path.exists(p)]:
            tap.faults(f'man: {os.path.basename(p)}',
                       [w for w in man(p) if THEIRS not in w
                        or not p.endswith('vswitchd.conf.db.5')])
    else:
        tap.skip('man', 'no man, or no groff: apt-get install man-db groff')


def schema(tap, top, made):
    with open(f'{top}/ovs-ext/schema/inspect.ovsschema.json') as f:
        ours = json.load(f)
    for path in made:
        name = os.path.basename(path)
        if not os.path.exists(path):
            tap.skip(f'{name}: tables and columns', 'it is not made')
            continue
        with open(path, encoding='utf-8') as f:
            text = plain(f.read())
        faults = []
        for table, body in [*ours['tables'].items(),
                            *ours['columns'].items()]:
            columns = body.get('columns', body)
            start = text.find(f'.SH "{table} TABLE"')
            part = text[start:text.find('.SH "', start + 9)]
            if start < 0:
                faults.append(f'table {table} is not there')
                continue
            for c in columns:
                if not re.search(rf'^\.IP "{c}[ :"]', part, re.M):
                    faults.append(f'column {table}.{c} is not there')
        tap.faults(f'{name}: every table and column of ours', faults)


def main(top, build):
    tap = Tap()
    made = [f'{build}/Documentation/ovs-inspect.conf.db.5',
            f'{build}/ovs/vswitchd/ovs-vswitchd.conf.db.5']
    programs(tap, top, build)
    appctl(tap, top)
    schema(tap, top, made)
    lint(tap, top, made)
    print(f'1..{tap.n}')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:3]))
