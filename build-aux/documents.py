#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of the documents: find them, check them, hand them to a test.

    documents.py SRCDIR --check
    documents.py SRCDIR --plan DIR [DOCUMENT]...

Documents are README.md, CONTRIBUTING.md, Documentation/*.md, the manual pages
there, tests/bench/README.md and ovs-ext/schema/inspect.xml.  Commands stand

  * in fences: every ``` has a word behind it; "sh" is a shell script, "console"
    has commands behind "$ " and what they print (a … stands for anything,
    digits for any digits); other words (text, c, json, ...) are no commands;
  * between .EX and .EE of a manual page, and between <pre> and </pre> in the
    schema: shell scripts;
  * in `code` in a line, when it begins with a program of ours or of Open
    vSwitch's and has an argument: run as well, unless a word in capitals, a
    bracket or "..." stands for something else.

A comment above a block (<!-- test: ... -->, in manual pages .\\" test: ...)
says how it is tested:

    test: WORD...            in this order; words are
        before=NAME          functions of tests/system/documents.sh (or
        then=NAME            several, with commas) that run before and after
        background           it goes on for as long as the document is tested
        status=N             how it must exit
    test: by FILE            that test or script runs it; no other does
    test: no, REASON         nothing does

Without one it is run as it is.  --check fails for a block that breaks these
rules, for functions and files that are not there, for commands of
ovs-inspectctl, options of our programs, inspect/... commands and targets of
make that do not exist, for files, functions and keys of the schema that the
text speaks of and that are not there, for figures of performance.md that are
not those of tests/bench/instructions.json, and says how many are run, run elsewhere, and not run
and why.  --plan writes each command into a file of DIR and one line each into
DIR/plan: number, document, line, kind, before, then, status.
"""
import glob
import html
import json
import os
import re
import sys

PROGRAMS = ('ovs-vsctl', 'ovs-ofctl', 'ovs-appctl', 'ovs-dpctl',
            'ovs-inspectctl', 'ovs-inspect-probe', 'ovs-inspect-collector')
SCENES = 'tests/system/documents.sh'
PLACEHOLDER = re.compile(r'(?<![\w%-])[A-Z]{2,}(?![\w=:-])|[A-Z]{3,}$|\[|\.\.\.'
                         r'|…|<|\b[A-Z]=|=[A-Z]+\b|\bN\b')
# Of which the text speaks without what they need.
NEEDS = ('add-rule', 'add-function', 'add-set', 'add-uplink', 'load-rules',
         'inspect/explain', 'explain', 'enable', 'disable', 'uplink-test',
         'token', '-t ovs-inspect-collector')
NOT_COMMANDS = ('text', 'c', 'json', 'yaml', 'ini', 'diff', 'make', 'xml')


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as f:
        return f.read()


class Command:
    def __init__(self, doc, line, kind, text, marker=None):
        self.doc, self.line, self.kind = doc, line, kind
        self.text, self.marker = text, marker
        self.before = self.then = ''
        self.status = '0'
        self.why = self.by = None

    def where(self):
        return f'{self.doc}:{self.line}'


class Documents:
    def __init__(self, top):
        self.top = top
        self.faults = []
        self.commands = []
        self.mentions = []

    def fault(self, where, text):
        self.faults.append(f'{where}: {text}')

    def paths(self):
        found = ['README.md', 'CONTRIBUTING.md', 'tests/bench/README.md',
                 'ovs-ext/schema/inspect.xml']
        for end in ('md', '[1-8]'):
            found += [os.path.relpath(p, self.top) for p in
                      sorted(glob.glob(f'{self.top}/Documentation/*.{end}'))]
        return found

    def read_all(self):
        for path in self.paths():
            text = read(self.top, path)
            if path.endswith('.md'):
                self.read_markdown(path, text)
            elif path.endswith('.xml'):
                self.read_xml(path, text)
            else:
                self.read_roff(path, text)
        for c in self.commands:
            self.understand(c)

    def read_markdown(self, path, text):
        fence = marker = None
        body = []
        for n, line in enumerate(text.split('\n'), 1):
            stripped = line.strip()
            if fence is not None:
                if stripped == '```':
                    if fence in ('sh', 'console'):
                        self.commands.append(Command(
                            path, start, fence, '\n'.join(body) + '\n',
                            marker))
                    elif marker:
                        self.fault(f'{path}:{start}',
                                   f'"{fence}" is no command: it cannot have '
                                   'a "test:"')
                    fence = marker = None
                else:
                    body.append(line)
                continue
            if stripped.startswith('```'):
                fence, start, body = stripped[3:], n, []
                if fence not in ('sh', 'console', *NOT_COMMANDS):
                    self.fault(f'{path}:{n}', 'behind ``` stands sh or '
                               f'console, or one of {NOT_COMMANDS}, not '
                               f'"{fence}"')
                continue
            m = re.match(r'<!-- test: (.*) -->$', stripped)
            if m:
                marker = m.group(1)
                continue
            if marker and stripped:
                self.fault(f'{path}:{n}', 'a "test:" without a block below')
                marker = None
            self.read_spans(path, n, line)
        # Code may be broken over two lines.
        plain = re.sub(r'```.*?\n```', lambda m: '\n' * m.group().count('\n'),
                       text, flags=re.S)
        for m in re.finditer(r'`([^`|]*\n[^`|]*)`', plain):
            n = plain[:m.start()].count('\n') + 1
            self.span(path, n, ' '.join(m.group(1).split()))

    def read_spans(self, path, n, line):
        if line.count('`') % 2 == 0:
            for code in re.findall(r'`([^`]+)`', line):
                self.span(path, n, code.replace('\\|', '|'))
            return

    def span(self, path, n, code):
        first, _, rest = code.partition(' ')
        if first.startswith('/') or not rest:
            return
        if first in PROGRAMS:
            c = Command(path, n, 'span', code + '\n')
            if PLACEHOLDER.search(code) or rest in NEEDS or (
                    rest.startswith('--') and ' ' not in rest):
                self.mentions.append(c)
            else:
                self.commands.append(c)
        elif first in ('make', './check.sh', './quickstart.sh'):
            self.mentions.append(Command(path, n, 'span', code + '\n'))

    def read_roff(self, path, text):
        body = marker = None
        for n, line in enumerate(text.split('\n'), 1):
            if line == '.EX':
                body, start = [], n
            elif line == '.EE' and body is not None:
                self.commands.append(Command(
                    path, start, 'sh', unroff('\n'.join(body)) + '\n',
                    marker))
                body = marker = None
            elif body is not None:
                body.append(line)
            elif line == '.nf':
                self.fault(f'{path}:{n}', 'an example stands between .EX and '
                           '.EE')
            m = re.match(r'\.\\" test: (.*)$', line)
            if m:
                marker = m.group(1)

    def read_xml(self, path, text):
        for m in re.finditer(r'(?:<!-- test: ((?:(?!-->).)*) -->\s*)?'
                             r'<pre[^>]*>(.*?)</pre>', text, re.S):
            body = html.unescape(re.sub(r'<[^>]+>', '', m.group(2)))
            self.commands.append(Command(
                path, text[:m.start(2)].count('\n') + 1, 'sh',
                body.strip('\n') + '\n', m.group(1)))

    def understand(self, c):
        m = c.marker
        if m is None:
            return
        if m.startswith('no, ') and len(m) > 8:
            c.why = m[4:]
            return
        if m.startswith('by '):
            c.by = m[3:]
            if not os.path.exists(os.path.join(self.top, c.by)):
                self.fault(c.where(), f'{c.by} is not there')
            return
        for word in m.split():
            key, _, value = word.partition('=')
            if key in ('before', 'then') and value:
                setattr(c, key, value)
            elif key == 'status' and value.isdigit():
                c.status = value
            elif word == 'background':
                c.kind = 'background'
            else:
                self.fault(c.where(), f'test: "{word}" means nothing')

    def plan(self, where, only):
        n = 0
        with open(os.path.join(where, 'plan'), 'w') as f:
            for c in self.commands:
                if c.why or c.by or only and c.doc not in only:
                    continue
                n += 1
                end = ''
                with open(f'{where}/{n}.sh', 'w') as g:
                    if c.kind == 'console':
                        g.write(console(c.text, f'{where}/{n}.expected'))
                    else:
                        g.write(c.text)
                f.write('\t'.join([str(n), c.doc, str(c.line), c.kind,
                                   c.before or '-', c.then or '-', c.status])
                        + end + '\n')
        print(n)

    def figures(self):
        """Instructions a packet stand in performance.md as they are
        counted."""
        cases = json.loads(read(self.top, 'tests/bench/instructions.json'))
        page = read(self.top, 'Documentation/performance.md')
        table = set(re.findall(r'\| \**([\d,]+)\** \|$', page, re.M))
        for case, n in cases['cases'].items():
            # Rounded either way.
            if not {f'{int(n):,}', f'{int(n + 0.5):,}'} & table:
                if case != 'established-data':
                    self.fault('Documentation/performance.md',
                               f'{case} takes {n} instructions '
                               '(tests/bench/instructions.json): no such '
                               'figure in the table')

    def check(self):
        known = Known(self.top)
        for path in self.paths():
            if path.endswith('.md'):
                for n, what in known.stale(read(self.top, path)):
                    self.fault(f'{path}:{n}', what)
        scenes = set(re.findall(r'^(\w+)\(\)', read(self.top, SCENES), re.M))
        self.figures()
        for c in self.commands:
            for kind in ('before', 'then'):
                for name in filter(None, getattr(c, kind).split(',')):
                    if f'{kind}_{name}' not in scenes:
                        self.fault(c.where(), f'{SCENES} has no '
                                   f'{kind}_{name}()')
        for c in self.commands + self.mentions:
            for what in known.faults(c.text):
                self.fault(c.where(), what)
        run = [c for c in self.commands if not c.why and not c.by]
        by = [c for c in self.commands if c.by]
        no = [c for c in self.commands if c.why]
        print(f'commands: {len(run)} are run by {SCENES}, {len(by)} by other '
              f'tests, {len(self.mentions)} in the text stand for several '
              f'and are read only, {len(no)} are not run:')
        for c in no:
            print(f'  {c.where()}: {c.why}')
        for text in self.faults:
            print(text)
        return 1 if self.faults else 0


class Known:
    """What programs, commands, options and targets there are."""

    def __init__(self, top):
        self.appctl = set()
        for path in glob.glob(f'{top}/ovs-ext/*.c') + \
                glob.glob(f'{top}/utilities/collector/*.c'):
            self.appctl |= set(re.findall(r'"((?:inspect|collector)/[\w-]+)"',
                                          read(path)))
        sources = {p: ''.join(read(f) for f in
                              glob.glob(f'{top}/utilities/{d}/*.c'))
                   for p, d in (('ovs-inspectctl', 'inspectctl'),
                                ('ovs-inspect-probe', 'probe'),
                                ('ovs-inspect-collector', 'collector'))}
        self.words = {p: set(re.findall(r'"([a-z][a-z-]*)"', s))
                      for p, s in sources.items()}
        self.help = {p: set(re.findall(r'--([a-z][a-z-]*)', s))
                     for p, s in sources.items()}
        # Those that all daemons of Open vSwitch have.
        self.help['ovs-inspect-collector'] |= {
            'detach', 'pidfile', 'monitor', 'log-file', 'user', 'no-chdir',
            'overwrite-pidfile', 'unixctl', 'verbose'}
        self.make = set()
        for path in glob.glob(f'{top}/**/automake.mk', recursive=True) + \
                [f'{top}/Makefile.am', f'{top}/tests/fuzz/apps.mk']:
            for line in re.findall(r'^([\w. -]+):(?!=)', read(path), re.M):
                self.make |= set(line.split())
        self.make |= {'install', 'check', 'distcheck', 'dist', 'clean', 'all',
                      'distclean', 'uninstall'}
        self.suites = read(top, 'check.sh')
        self.top = top
        self.names = set()
        for path in glob.glob(f'{top}/lib/**/*.[chd]*', recursive=True) + \
                glob.glob(f'{top}/ovs-ext/*.[ch]'):
            self.names |= set(re.findall(r'\b(?:insp|ovsext|INSP)_\w+',
                                         read(path)))
        self.xml = read(top, 'ovs-ext/schema/inspect.xml')

    # What of the tree code may speak, by the folders it may begin in.
    ROOMS = ('', 'lib', 'Documentation', 'ovs-ext', 'tests', 'lib/packet',
             'lib/engine', 'tests/pcap', 'tests/bench', 'ovs-ext/schema',
             'lib/app', 'lib/rule', 'tests/unit', 'tests/system', 'build-aux',
             'lib/record', 'lib/flow', 'lib/config', 'tests/fuzz',
             'utilities/inspectctl')

    def stale(self, text):
        """Line and text of what a document speaks of and is not there."""
        for n, line in enumerate(text.split('\n'), 1):
            for code in re.findall(r'`([^`]+)`', line):
                m = re.match(r'[\w./*-]+\.(c|h|def|py|sh|md|mk|json|xml|at)$',
                             code)
                if m and not re.search(r'[A-Z]{4}(?!ME|UTI)|^/|^a\.|bgp|soc|'
                                       r'^records\.json|expected', code) \
                        and not any(glob.glob(os.path.join(
                            self.top, room, code.lstrip('./')))
                            for room in self.ROOMS):
                    yield n, f'{code} is not there'
                for name in re.findall(r'\b((?:insp|ovsext)_\w+)\(\)', code):
                    if name not in self.names:
                        yield n, f'{name}() is not there'
                for key in re.findall(r'other_config:([a-z][a-z-]+)', code):
                    if f'key="{key}"' not in self.xml and not key.startswith(
                            ('pmd-', 'hw-', 'dpdk-')):
                        yield n, f'other_config:{key} is not in the schema'
                for key in re.findall(r'(?:^|\s)status:([a-z_]+)', code):
                    if f'key="{key}"' not in self.xml:
                        yield n, f'status:{key} is not in the schema'

    def faults(self, text):
        text = text.replace('\\\n', ' ')
        for name in re.findall(r'(?<![\w/.-])((?:inspect|collector)/[a-z-]+)', text):
            if name not in self.appctl and '.' not in name:
                yield f'there is no command {name}'
        for line in text.split('\n'):
            line = re.sub(r'\s#.*', '', line)
            for part in re.split(r'&&|\|\||[|;]|\$\(', line):
                yield from self.one(part.split())

    def one(self, words):
        while words and ('=' in words[0] or words[0] in
                         ('$', 'ip', 'exec', 'sudo', 'nice')):
            words = words[1:]
        if not words:
            return
        program = os.path.basename(words[0])
        if program == 'make':
            for w in words[1:]:
                if re.match(r'[a-z][a-z-]*[a-z]$', w) and w not in self.make:
                    yield f'make has no target "{w}"'
        elif program == 'check.sh':
            for w in words[1:]:
                if re.match('[a-z]+$', w) and not re.search(
                        rf'\b{w}\b', self.suites):
                    yield f'check.sh has no suite "{w}"'
        elif program in self.help:
            ours = program == 'ovs-inspectctl'
            generic = ours and set(words) & {
                'list', 'find', 'get', 'set', 'add', 'remove', 'clear',
                'create', 'destroy', 'wait-until'}
            for w in words[1:]:
                m = re.match(r'--([a-z][a-z-]*)', w)
                if m and not generic and m.group(1) not in \
                        self.help[program] | self.words[program]:
                    yield f'{program} has no option --{m.group(1)}'
            command = next((w for w in words[1:] if not w.startswith('-')
                            and re.match('[a-z][a-z-]*$', w)), None)
            if ours and command and command not in self.words[program] \
                    and not generic:
                yield f'ovs-inspectctl has no command "{command}"'


def unroff(text):
    for a, b in ((r'\-', '-'), (r'\e', '\\'), (r'\(dq', '"'), (r'\(aq', "'"),
                 (r'\&', ''), (r'\\', '\\'), (r'\(ha', '^'), (r'\(ti', '~')):
        text = text.replace(a, b)
    return text


def console(text, expected):
    """Script of the "$ " lines; what they print, as expressions, beside."""
    script, out = [], []
    for line in text.rstrip('\n').split('\n'):
        if line.startswith('$ '):
            script.append(line[2:])
        elif script and script[-1].endswith('\\'):
            script.append(line)
        elif line.strip():
            e = re.escape(line.strip())
            e = e.replace('…', '.*').replace(r'\.\.\.', '.*')
            out.append(re.sub(r'\d+', '[0-9]+', e.replace(r'\ ', ' +')))
    with open(expected, 'w') as f:
        f.write('\n'.join(out) + '\n')
    return '\n'.join(script) + '\n'


def main():
    top = sys.argv[1]
    d = Documents(top)
    d.read_all()
    if sys.argv[2] == '--check':
        return d.check()
    d.plan(sys.argv[3], set(sys.argv[4:]))
    return 0


if __name__ == '__main__':
    sys.exit(main())
