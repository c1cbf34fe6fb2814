#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run fuzz targets up to a number of executions, and remember how many.

    campaign.py --runs N [--add] --ledger FILE --guided DIR --fast DIR
                --corpus DIR [--jobs J] [--slice SECONDS] TARGET...

How it works.  Each target (the part of its program's name behind "fuzz-") is
run until it has had N executions in all; with --add, N more than the ledger
has.  The first --guided-runs of them are in the build in DIR of --guided,
whose coverage guides the search to new inputs, the rest in the one of --fast,
which has lost the dearest part of the instrumentation and runs about twice as
many.  Both share found/TARGET (inputs) and findings/ (what went wrong) in the
folder of --guided.

Time is cut into slices, and targets take turns, so that all come on.  After a
slice what it has executed goes into the ledger, which is replaced in one
step: who interrupts a campaign loses nothing (or, with kill -9, a slice), and
the same command goes on with it.

A target that finds something gets no more slices.  Exits 1 when any did.
"""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import threading
import time

HEAD = '# target guided fast findings last\n'
EXECUTED = re.compile(r'stat::number_of_executed_units:\s*(\d+)')
LAST_SEEN = re.compile(r'^#(\d+)\t', re.M)
# As of many tries: what finds most a second without new coverage.
FAST = ['-entropic=0', '-max_len=512']
ASAN = {True: 'detect_leaks=1',
        False: 'quarantine_size_mb=1:malloc_context_size=0:detect_leaks=0'}
INTERRUPTED = 72        # libFuzzer's exit status after SIGINT.


class Ledger:
    """Executions of each target, in a file."""

    def __init__(self, path):
        self.path = path
        self.rows = {}
        self.lock = threading.Lock()
        try:
            with open(path) as f:
                for line in f:
                    if line.strip() and not line.startswith('#'):
                        name, guided, fast, findings, last = line.split()
                        self.rows[name] = [int(guided), int(fast),
                                           int(findings), last]
        except FileNotFoundError:
            pass
        except ValueError:
            sys.exit(f'{path}: not a ledger: {line.strip()!r}')

    def total(self, name):
        row = self.rows.get(name, [0, 0, 0, '-'])
        return row[0] + row[1]

    def guided(self, name):
        return self.rows.get(name, [0])[0]

    def add(self, name, guided, executed, found):
        with self.lock:
            row = self.rows.setdefault(name, [0, 0, 0, '-'])
            row[0 if guided else 1] += executed
            row[2] += found
            row[3] = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
            with open(self.path + '.new', 'w') as f:
                f.write(HEAD)
                for n, r in sorted(self.rows.items()):
                    f.write(' '.join([n, *map(str, r)]) + '\n')
                f.flush()
                os.fsync(f.fileno())
            os.replace(self.path + '.new', self.path)


class Campaign:
    def __init__(self, args):
        self.args = args
        self.ledger = Ledger(args.ledger)
        self.stop = threading.Event()
        self.failed = set()
        self.children = set()
        self.goal = {t: args.runs + (self.ledger.total(t) if args.add else 0)
                     for t in args.targets}

    def slice(self, target):
        """One slice of 'target'; True when it wants another one."""
        left = self.goal[target] - self.ledger.total(target)
        if left <= 0 or self.stop.is_set() or target in self.failed:
            return False
        guided = self.ledger.guided(target) < min(self.args.guided_runs,
                                                  self.goal[target])
        if guided:
            left = min(left,
                       self.args.guided_runs - self.ledger.guided(target))
        home = self.args.guided if guided else self.args.fast
        found = os.path.join(self.args.guided, 'found', target)
        findings = os.path.join(self.args.guided, 'findings')
        os.makedirs(found, exist_ok=True)
        os.makedirs(findings, exist_ok=True)
        command = [os.path.join(home, 'tests/fuzz', 'fuzz-' + target),
                   f'-runs={left}', f'-max_total_time={self.args.slice}',
                   '-print_final_stats=1', '-timeout=25',
                   f'-artifact_prefix={findings}/{target}-',
                   *([] if guided else FAST), found,
                   os.path.join(self.args.corpus, target)]
        out, status = self.run(command, guided)
        executed = EXECUTED.findall(out) or LAST_SEEN.findall(out) or ['0']
        bad = status not in (0, INTERRUPTED) and not self.stop.is_set()
        # libFuzzer counts what it began with as well: more than was asked.
        self.ledger.add(target, guided, int(executed[-1]), bad)
        print(f'{target}: {self.ledger.total(target):,} of '
              f'{self.goal[target]:,}{"" if guided else " (fast)"}',
              flush=True)
        if bad:
            self.failed.add(target)
            log = os.path.join(findings, target + '.log')
            with open(log, 'w') as f:
                f.write(' '.join(command) + '\n' + out)
            print(f'{target}: FOUND something (exit status {status}): {log}',
                  flush=True)
        elif executed == ['0'] and not self.stop.is_set():
            self.failed.add(target)
            print(f'{target}: executed nothing:\n{out[-2000:]}', flush=True)
        return not self.stop.is_set() and target not in self.failed

    def run(self, command, guided):
        environment = dict(os.environ)
        environment.setdefault('ASAN_OPTIONS', ASAN[guided])
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, env=environment,
                                 stderr=subprocess.STDOUT, text=True,
                                 errors='replace')
        self.children.add(child)
        out = child.communicate()[0]
        self.children.discard(child)
        return out, child.returncode

    def interrupt(self, *_):
        """What is at work says how far it came, and ends."""
        self.stop.set()
        for child in list(self.children):
            child.send_signal(signal.SIGINT)

    def go(self):
        signal.signal(signal.SIGINT, self.interrupt)
        signal.signal(signal.SIGTERM, self.interrupt)
        targets = list(self.args.targets)
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            while targets and not self.stop.is_set():
                wants = list(pool.map(self.slice, targets))
                targets = [t for t, more in zip(targets, wants) if more]
        for t in self.args.targets:
            done = self.ledger.total(t)
            if t in self.failed:
                print(f'not ok - {t}: see {self.args.guided}/findings')
            elif done >= self.goal[t]:
                print(f'ok - {t}: {done:,} executions')
            else:
                print(f'ok - {t}: {done:,} executions # SKIP interrupted')
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--runs', type=int, required=True)
    parser.add_argument('--add', action='store_true')
    parser.add_argument('--ledger', required=True)
    parser.add_argument('--guided', required=True)
    parser.add_argument('--fast', required=True)
    parser.add_argument('--corpus', required=True)
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--slice', type=int, default=120)
    parser.add_argument('--guided-runs', type=int, default=1000000)
    parser.add_argument('targets', nargs='+', metavar='TARGET')
    return Campaign(parser.parse_args()).go()


if __name__ == '__main__':
    sys.exit(main())
