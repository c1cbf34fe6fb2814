#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when a commit does not say what it does in the way of this house.

    check-commit.py [REVISION|RANGE]...     default: HEAD
    check-commit.py --message FILE          as git's hook commit-msg calls it
    check-commit.py --install               makes it that hook

The subject is "room: Say what in the imperative": a room that is known, a
capital letter, no full stop; then an empty line and why, in 80 columns.  What the commit adds has no blanks at the end of a line, and tabs
only where make wants them.  A merge is not looked at.
"""
import argparse
import os
import re
import subprocess
import sys

COLUMNS = 80
# Rooms that are no folder; all others are found in the tree.
ROOMS = {'bench', 'build', 'build-aux', 'ci', 'inspectctl', 'lib',
         'packages', 'tests', 'treewide'}
SUBJECT = re.compile(r'(?P<rooms>[a-zA-Z0-9_.-]+(, [a-zA-Z0-9_.-]+)*): '
                     r'(?P<text>.*)$')
# Not the imperative.
FORMS = re.compile(r'(Added|Adds|Adding|Changed|Changes|Changing|Fixed|Fixes|'
                   r'Fixing|Made|Makes|Making|Removed|Removes|Removing|'
                   r'Updated|Updates|Updating|WIP)\b')
# Where a tab is part of the language, or anything goes.
TABS = re.compile(r'(.*\.(mk|am|fc|te|if|at|pcap|8|7|5)|(.*/)?Makefile|'
                  r'debian/.*|tests/fuzz/corpus/.*|tests/pcap/.*|.*\.err)$')


def git(*words):
    return subprocess.run(('git', '-c', 'safe.directory=*') + words,
                          check=True, stdout=subprocess.PIPE,
                          errors='replace', text=True).stdout


def rooms():
    """The folders of the tree, two deep, and the rooms of lib/LAYERS."""
    known = set(ROOMS)
    for path in git('ls-tree', '-d', '-r', '--name-only', 'HEAD').split('\n'):
        if path and path.count('/') < 2:
            known.add(path.split('/')[-1])
    return known


def of_message(text, known):
    lines = text.rstrip('\n').split('\n')
    m = SUBJECT.match(lines[0])
    if not m:
        yield f'"{lines[0]}": not of the form "room: Say what"'
    else:
        for room in m.group('rooms').split(', '):
            if room not in known:
                yield f'"{room}": no such room; there are: ' \
                      + ' '.join(sorted(known))
        if not m.group('text')[:1].isupper():
            yield 'the subject says what with a capital letter'
        if FORMS.match(m.group('text')):
            yield f'"{m.group("text").split()[0]}": say it in the imperative'
        if lines[0].endswith('.'):
            yield 'the subject has no full stop'
    if len(lines) > 1 and lines[1]:
        yield 'the second line is not empty'
    for i, line in enumerate(lines, 1):
        # A word may be longer: an address, a path.
        if len(line) > COLUMNS and ' ' in line.strip():
            yield f'line {i} has {len(line)} columns'
        if line != line.rstrip():
            yield f'line {i} ends with a blank'
        if '\t' in line:
            yield f'line {i} has a tab'


def of_diff(text):
    path, number = '', 0
    for line in text.split('\n'):
        if line.startswith('+++ '):
            path = line[6:]
        elif line.startswith('@@'):
            number = int(re.match(r'@@ -\S+ \+(\d+)', line).group(1)) - 1
        elif line.startswith('+'):
            number += 1
            added = line[1:]
            if not re.match(r'tests/(fuzz/corpus|pcap)/', path) \
                    and added != added.rstrip():
                yield f'{path}:{number}: ends with a blank'
            if '\t' in added and not TABS.match(path):
                yield f'{path}:{number}: has a tab'


def show(what, faults):
    faults = list(faults)
    for fault in faults[:20]:
        print(f'{what}: {fault}')
    if len(faults) > 20:
        print(f'{what}: and {len(faults) - 20} more')
    return len(faults)


def of_commits(revisions):
    bad = 0
    known = rooms()
    for revision in revisions:
        commits = git('rev-list', '--no-merges',
                      *(() if '..' in revision else ('-1',)), revision)
        for commit in commits.split():
            name = git('log', '-1', '--format=%h', commit).strip()
            message = git('log', '-1', '--format=%B', commit)
            diff = git('show', '--format=', '--unified=0', '--no-ext-diff',
                       '--no-renames', commit)
            bad += show(name, of_message(message, known))
            bad += show(name, of_diff(diff))
    return bad


def install():
    """Makes this file the hook commit-msg of the clone that it is in."""
    hook = git('rev-parse', '--git-path', 'hooks/commit-msg').strip()
    if os.path.exists(hook):
        with open(hook) as f:
            if 'check-commit.py' not in f.read():
                print(f'{hook}: there is one already; call '
                      'build-aux/check-commit.py --message "$1" in it',
                      file=sys.stderr)
                return 1
    os.makedirs(os.path.dirname(hook), exist_ok=True)
    with open(hook, 'w') as f:
        f.write('#!/bin/sh\n'
                '# Written by build-aux/check-commit.py --install.\n'
                'exec build-aux/check-commit.py --message "$1"\n')
    os.chmod(hook, 0o755)
    print(f'{hook}: from now on every message is checked')
    return 0


def main():
    parser = argparse.ArgumentParser(
        description='Check messages and white space of commits.')
    parser.add_argument('--message', metavar='FILE',
                        help='a message that is about to be committed')
    parser.add_argument('--install', action='store_true',
                        help='make this the hook commit-msg of this clone')
    parser.add_argument('revision', nargs='*', default=['HEAD'])
    args = parser.parse_args()
    if not os.path.exists('.git'):
        print('not the top of a git tree: no commit was looked at')
        return 0
    try:
        if args.install:
            return install()
        if args.message:
            with open(args.message) as f:
                text = ''.join(x for x in f if not x.startswith('#'))
            if re.match(r'(Merge|Revert|fixup!|squash!) ?', text):
                return 0
            bad = show('message', of_message(text, rooms()))
            bad += show('commit', of_diff(git('diff', '--cached',
                                              '--unified=0', '--no-ext-diff',
                                              '--no-renames')))
        else:
            bad = of_commits(args.revision)
    except (OSError, subprocess.CalledProcessError) as e:
        print(f'check-commit.py: {e}', file=sys.stderr)
        return 2
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
