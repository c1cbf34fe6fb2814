#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch's testsuite with the extension and without, test by test.

    compare.py --pristine RESULTS --differences FILE [OPTION]... < OUTPUT
    compare.py --save RESULTS [--source ID] < OUTPUT

The first form reads what the testsuite of the extended tree prints, and holds
each test against what the pristine tree made of it.  It prints TAP: a test is
ok when it came to the same on both, or when the extension has turned a failure
into something better; it is skipped when both skip it.  The second form
writes such a file of results from what the testsuite of a pristine tree
prints.

Tests are known by their names, because the extension adds some and so moves
the numbers; the second test of a name is "NAME (2)".  Those that begin with
"inspect - " are the extension's own and need no pendant.

A difference that the extension means stands in FILE, a line each, with why:

    edited | NAME | why       the extension edits what the test expects
                              (THEIR_TESTS of ovs-ext/integrate)
    differs | NAME | WITHOUT | WITH | why

where WITHOUT and WITH are ok, skipped, failed or missing.  A line that
explains nothing is a fault, so that what is mended goes from there.

  --source ID    of the pristine source; results of another one are not
                 compared with, which counts as one skipped test, so that a
                 newer package of Debian is not taken for a fault of the
                 extension
  --optional     RESULTS need not be there; that counts as one skipped test,
                 too, and then each failure is one of the extension
  --at-dir DIR   where the sources of the testsuite are, for why it skipped
  --part         OUTPUT and RESULTS are of the same chosen tests: lines of
                 FILE about others are not asked for
"""
import argparse
import os
import re
import sys

LINE = re.compile(r'\s*(\d+): (.*?)\s+(ok|skipped|FAILED|expected failure|'
                  r'UNEXPECTED PASS)\b\s*(?:\((.*)\))?$')
# Stands below the last test, whatever came of them.
END = '## Test results. ##'
COLOUR = re.compile(r'\x1b\[[0-9;]*m')
WORDS = {'ok': 'ok', 'expected failure': 'ok', 'skipped': 'skipped',
         'FAILED': 'failed', 'UNEXPECTED PASS': 'failed'}
OURS = 'inspect - '


class Fault(Exception):
    pass


def read_output(lines):
    """Yields number, name, word, place, as the testsuite comes to them; what
    failed may come once more, and then the second time counts."""
    n, ended = 0, False
    for line in lines:
        line = COLOUR.sub('', line.rstrip())
        m = LINE.match(line)
        if m:
            n += 1
            yield (int(m.group(1)), m.group(2), WORDS[m.group(3)],
                   m.group(4) or '')
        ended = ended or line == END
    if not n:
        raise Fault('the testsuite has run no test')
    if not ended:
        raise Fault(f'the testsuite has stopped before its end, after {n} '
                    'tests')


def by_name(tests):
    """Number -> (name, word, place) to unique name -> (word, place), in the
    order of the numbers."""
    result, seen = {}, {}
    for _, (name, word, place) in sorted(tests.items()):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f'{name} ({seen[name]})'
        result[name] = word, place
    return result


def read_all(lines):
    tests = {}
    for number, name, word, place in read_output(lines):
        tests[number] = name, word, place
    return by_name(tests)


def save(args):
    results = read_all(sys.stdin)
    with open(args.save + '.new', 'w') as f:
        f.write('# SPDX-License-' 'Identifier: Apache-2.0\n'
                '# What the tests of Open vSwitch come to without the '
                'extension; written by\n# compare.py, and not by hand.\n')
        if args.source:
            f.write(f'source {args.source}\n')
        for name, (word, _) in results.items():
            f.write(f'{word} {name}\n')
    os.replace(args.save + '.new', args.save)
    words = [word for word, _ in results.values()]
    print(f'{args.save}: '
          + ', '.join(f'{words.count(w)} {w}'
                      for w in ('ok', 'failed', 'skipped')))


def read_results(path):
    source, results = None, {}
    with open(path) as f:
        for line in f:
            word, _, name = line.rstrip('\n').partition(' ')
            if word == 'source':
                source = name
            elif word in ('ok', 'failed', 'skipped'):
                results[name] = word
            elif word != '#':
                raise Fault(f'{path}: not a line of results: {line.rstrip()}')
    return source, results


def read_differences(path):
    """Name -> (without, with, why), and the names of edited tests."""
    differences, edited = {}, set()
    with open(path) as f:
        for n, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            fields = [x.strip() for x in line.split(' | ')]
            if fields[0] == 'edited' and len(fields) == 3 and fields[2]:
                edited.add(fields[1])
            elif fields[0] == 'differs' and len(fields) == 5 and fields[4]:
                differences[fields[1]] = tuple(fields[2:])
            else:
                raise Fault(f'{path}:{n}: neither "edited | NAME | why" nor '
                            '"differs | NAME | WITHOUT | WITH | why"')
    return differences, edited


class Skipped:
    """Why a test was skipped: the line of its source that made it."""

    def __init__(self, folder):
        self.folder = folder

    def why(self, place):
        m = re.match(r'([\w.-]+\.at):(\d+)$', place)
        if m and self.folder:
            try:
                with open(os.path.join(self.folder, m.group(1))) as f:
                    line = f.readlines()[int(m.group(2)) - 1].strip()
                return f'{place}: {line}'
            except (OSError, IndexError):
                pass
        return place or 'no reason given'


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def say(self, ok, text, *diags):
        self.n += 1
        self.failed += not ok
        # A '#' would begin a directive.
        print(f'{"ok" if ok else "not ok"} {self.n} - {text}')
        for diag in diags:
            print(f'# {diag}')
        sys.stdout.flush()


class Comparison:
    def __init__(self, args, pristine, differences):
        self.args, self.pristine = args, pristine
        self.differences, self.used = differences, set()
        self.tap, self.skipped = Tap(), Skipped(args.at_dir)

    def test(self, name, ours, place):
        """Says what became of one test; None: compared with nothing."""
        quoted = name.replace('#', '\\#')
        theirs = None
        if self.pristine is not None:
            theirs = self.pristine.get(name, 'missing')
            if theirs == 'missing' and name.startswith(OURS):
                theirs = None
        difference = self.differences.get(name, (None, None, None))
        if ours == 'skipped' and theirs in (None, ours):
            self.tap.say(True, f'{quoted} # SKIP '
                         + ('on both: ' if theirs else '')
                         + self.skipped.why(place))
        elif theirs is None:
            self.tap.say(ours == 'ok', quoted, *([place] if place else []))
        elif ours == theirs:
            self.tap.say(True, quoted
                         + (' (fails on both)' if ours == 'failed' else ''))
        elif difference[:2] == (theirs, ours):
            self.used.add(name)
            self.tap.say(True, f'{quoted} (meant: {difference[2]})')
        elif theirs in ('failed', 'skipped') and ours == 'ok':
            self.tap.say(True, f'{quoted} ({theirs} without the extension '
                         'only)')
        else:
            self.tap.say(False, quoted, f'without the extension: {theirs}, '
                         f'with it: {ours}' + (f' ({place})' if place
                                               else ''))

    def run(self, lines):
        """What is as it should be is said at once, so that something is to be
        seen of an hour's run; the rest when all has come."""
        pristine = self.pristine or {}
        tests, said = {}, set()
        for number, name, word, place in read_output(lines):
            tests[number] = name, word, place
            if (word == 'ok' and pristine.get(name) == 'ok'
                    and f'{name} (2)' not in pristine and name not in said):
                said.add(name)
                self.test(name, word, place)
        with_us = by_name(tests)
        for name, (word, place) in with_us.items():
            if name not in said:
                self.test(name, word, place)
        for name in pristine:
            if name not in with_us:
                self.test(name, 'missing', '')
        return with_us


def to_compare_with(args):
    """Results, or None and why there are none."""
    if args.optional and not os.path.exists(args.pristine):
        return None, 'there is no such file'
    source, results = read_results(args.pristine)
    if args.source is not None and source != args.source:
        return None, (f'it is of another source of Open vSwitch ({source}, '
                      f'not {args.source})')
    if not results:
        raise Fault(f'{args.pristine} has no results')
    return results, None


def compare(args):
    pristine, why_not = to_compare_with(args)
    differences, edited = read_differences(args.differences)
    comparison = Comparison(args, pristine, differences)
    tap = comparison.tap
    if why_not:
        tap.say(True, f'compared with {args.pristine} # SKIP compared with '
                f'nothing, failures are only counted: {why_not}; "make '
                'ovs-results" writes it')
    with_us = comparison.run(sys.stdin)

    unused = set(differences) - comparison.used | edited - set(with_us)
    for name in sorted(unused) if pristine is not None else ():
        if not args.part or name in with_us:
            tap.say(False, f'{args.differences}: explains nothing: {name}')
    print(f'1..{tap.n}')
    return 1 if tap.failed else 0


def main():
    parser = argparse.ArgumentParser(
        description="Open vSwitch's testsuite with the extension and "
                    'without, test by test; reads the output of one on '
                    'stdin.')
    parser.add_argument('--pristine', metavar='RESULTS')
    parser.add_argument('--differences', metavar='FILE')
    parser.add_argument('--save', metavar='RESULTS')
    parser.add_argument('--source', metavar='ID')
    parser.add_argument('--at-dir', metavar='DIR')
    parser.add_argument('--part', action='store_true')
    parser.add_argument('--optional', action='store_true')
    args = parser.parse_args()
    try:
        if args.save and not args.pristine:
            return save(args)
        if args.pristine and args.differences and not args.save:
            return compare(args)
        parser.error('--pristine and --differences, or --save')
    except (Fault, OSError) as e:
        print(f'not ok - {e}')
        return 1


if __name__ == '__main__':
    sys.exit(main())
