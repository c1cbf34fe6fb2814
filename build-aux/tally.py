#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run a program that holds tests, count them, and keep the sum.

    tally.py [OPTION]... SUITE [--name NAME] -- COMMAND [ARGUMENT]...
    tally.py [OPTION]... SUITE --skip WHY [--name NAME]
    tally.py [OPTION]... --sum

understands TAP ("ok 1 - name", "not ok", "# SKIP why"), the lines of an
Autotest suite ("  12: name   ok", "FAILED (f.at:1)", "skipped (f.at:1)") and
CUnit's summary table.  A program that prints none of these is itself one
test, judged by its exit status (77: skipped, its last line says why), unless
--many says that it must print some.  A program that fails without naming a
failed test counts as one more failure: a crash is not overlooked, and nor is
one that is stopped because it ran for --timeout seconds.

Failed and skipped tests are shown as they come, everything else goes to a
log in --logs; --verbose shows all.  Each run appends "SUITE passed failed
skipped" to the --totals file; --sum prints the sums of it by suite and, as
its last line, "N passed, N failed, N skipped".  Exits 1 when anything failed.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time

TAP = re.compile(r'(not )?ok\b(?:\s+\d+)?\s*-?\s*(.*)$')
TAP_SKIP = re.compile(r'(.*?)\s*#\s*skip\b:?\s*(.*)$', re.I)
AUTOTEST = re.compile(r'\s*(\d+): (.*?)\s+(ok|skipped|FAILED|expected failure|'
                      r'UNEXPECTED PASS)\b\s*(?:\((.*)\))?$')
# Total, ran, passed, failed, inactive.
CUNIT = re.compile(r'\s*tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+\d+')
COLOUR = re.compile(r'\x1b\[[0-9;]*m')
SAY_EVERY = 15          # Seconds between two lines of progress.


class Tally:
    """What one program has said so far."""

    def __init__(self, at_dir):
        self.passed = self.failed = self.skipped = 0
        self.at_dir = at_dir
        self.at_failed = set()
        self.last = ''

    @property
    def n(self):
        return self.passed + self.failed + self.skipped

    def take(self, line):
        """Count 'line'; return what of it the user should see, or None."""
        line = COLOUR.sub('', line.rstrip())
        if line.strip():
            self.last = line.strip()
        m = TAP.match(line)
        if m:
            return self.tap(m, line)
        m = AUTOTEST.match(line)
        if m:
            return self.autotest(m, line)
        m = CUNIT.match(line)
        if m:
            passed, failed = int(m.group(3)), int(m.group(4))
            self.passed += passed
            self.failed += failed
            return line if failed else None
        if line.startswith('#') and self.failed:
            return line         # What a failed test says of itself.
        return None

    def tap(self, m, line):
        skip = TAP_SKIP.match(m.group(2))
        if m.group(1):
            self.failed += 1
            return line
        if skip:
            self.skipped += 1
            return f'skipped: {skip.group(1)}: {skip.group(2)}'
        self.passed += 1
        return None

    def autotest(self, m, line):
        number, verdict = m.group(1), m.group(3)
        again = number in self.at_failed
        if again:               # The suite has run what failed once more.
            self.at_failed.remove(number)
            self.failed -= 1
        if again and verdict == 'ok':
            self.passed += 1
            return line + ' the second time'
        if verdict in ('ok', 'expected failure'):
            self.passed += 1
            return None
        if verdict == 'skipped':
            self.skipped += 1
            return f'skipped: {m.group(2)}: {self.at_line(m.group(4))}'
        self.at_failed.add(number)
        self.failed += 1
        return line

    def at_line(self, place):
        """The line of the test's source that made it skip: the reason."""
        m = re.match(r'([\w.-]+\.at):(\d+)$', place or '')
        if m and self.at_dir:
            try:
                with open(os.path.join(self.at_dir, m.group(1))) as f:
                    return f'{place}: {f.readlines()[int(m.group(2)) - 1]}' \
                        .strip()
            except (OSError, IndexError):
                pass
        return place or 'no reason given'


running = None          # What to take along when we are stopped.


def interrupted(number, _):
    if running:
        try:
            os.killpg(running.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    sys.exit(128 + number)


def say(text):
    print('  ' + text, flush=True)


def run(args):
    global running
    name = args.name or os.path.basename(args.command[0])
    tally = Tally(args.at_dir)
    start = said = time.monotonic()
    log_name = os.path.join(args.logs or '.', f'{args.suite}-{name}.log')
    if args.logs:
        os.makedirs(args.logs, exist_ok=True)
    log = open(log_name if args.logs else os.devnull, 'w')
    print(f'{args.suite}: {name}', flush=True)
    try:
        p = subprocess.Popen(args.command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors='replace', bufsize=1,
                             start_new_session=True)
    except OSError as e:
        say(f'not ok - {name}: cannot run {args.command[0]}: {e.strerror}')
        return note(args, 0, 1, 0)
    running = p
    late = []

    def stop():
        late.append(True)
        os.killpg(p.pid, signal.SIGKILL)

    timer = threading.Timer(args.timeout, stop)
    timer.start()
    tail = []
    for line in p.stdout:
        log.write(line)
        log.flush()
        tail = tail[-29:] + [line.rstrip()]
        shown = tally.take(line)
        if args.verbose:
            say(line.rstrip())
        elif shown:
            say(shown)
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            say(f'... {tally.n} tests, {said - start:.0f} s')
    status = p.wait()
    timer.cancel()
    running = None
    log.close()
    if late:
        say(f'not ok - {name}: still running after {args.timeout} s')
        tally.failed += 1

    if late:
        pass
    elif not tally.n and not args.many:
        if status == 0:
            tally.passed = 1
        elif status == 77:
            tally.skipped = 1
            why = re.sub(r'^1\.\.0\s*#\s*skip:?\s*', '', tally.last, flags=re.I)
            say(f'skipped: {name}: {why}')
        else:
            tally.failed = 1
            say(f'not ok - {name}')
    elif not tally.n:
        tally.failed = 1
        say(f'not ok - {name}: ran no test')
    elif status and not tally.failed:
        tally.failed = 1
        say(f'not ok - {name}: stopped '
            + (f'by signal {-status}' if status < 0
               else f'with exit status {status}'))
    if tally.failed and not args.verbose:
        for line in tail:
            say('| ' + line)
        if args.logs:
            say(f'all of it: {log_name}')
    say(f'{tally.passed} passed, {tally.failed} failed, {tally.skipped} '
        f'skipped ({time.monotonic() - start:.1f} s)')
    return note(args, tally.passed, tally.failed, tally.skipped)


def note(args, passed, failed, skipped):
    if args.totals:
        os.makedirs(os.path.dirname(args.totals) or '.', exist_ok=True)
        with open(args.totals, 'a') as f:
            f.write(f'{args.suite} {passed} {failed} {skipped}\n')
    return 1 if failed else 0


def skip(args):
    print(f'{args.suite}: {args.name or args.suite}')
    say(f'skipped: {args.skip}')
    return note(args, 0, 0, 1)


def print_sum(args):
    sums = {}
    try:
        with open(args.totals) as f:
            for suite, *counts in (x.split() for x in f if x.strip()):
                sums[suite] = [a + int(b) for a, b in
                               zip(sums.get(suite, [0, 0, 0]), counts)]
    except FileNotFoundError:
        pass
    print()
    print(f'{"suite":<16}{"passed":>8}{"failed":>8}{"skipped":>8}')
    for suite, counts in sums.items():
        print(f'{suite:<16}' + ''.join(f'{n:>8}' for n in counts))
    passed, failed, skipped = (sum(x) for x in zip([0, 0, 0], *sums.values()))
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or not passed else 0


def main():
    words, command = sys.argv[1:], []
    if '--' in words:
        i = words.index('--')
        words, command = words[:i], words[i + 1:]
    parser = argparse.ArgumentParser(
        description='Run a program that holds tests and count them.')
    parser.add_argument('--totals', metavar='FILE')
    parser.add_argument('--logs', metavar='DIR')
    parser.add_argument('--at-dir', metavar='DIR',
                        help='where the sources of an Autotest suite are')
    parser.add_argument('--name', help='of the program, for people')
    parser.add_argument('--many', action='store_true',
                        help='a program that prints no test has failed')
    parser.add_argument('--verbose', action='store_true',
                        default=bool(os.environ.get('V') == '1'))
    parser.add_argument('--timeout', type=float, default=1200,
                        metavar='SECONDS')
    parser.add_argument('--skip', metavar='WHY')
    parser.add_argument('--sum', action='store_true')
    parser.add_argument('suite', nargs='?')
    args = parser.parse_args(words)
    args.command = command
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    if args.sum:
        return print_sum(args)
    if not args.suite or bool(command) == bool(args.skip):
        parser.error('a suite, and a command behind "--" or --skip')
    return skip(args) if args.skip else run(args)


if __name__ == '__main__':
    sys.exit(main())
