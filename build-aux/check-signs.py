#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when a door of the house has no sign.

Every header of ours opens with a comment that has a title, a line of "=" as
long as the title, a sentence, and the words Above, Below, Threads, Memory,
Time and Fails; every .c opens with a comment that says how it works.  A
leftover marker of unfinished work fails as
well: that belongs in an issue.
"""
import os
import re
import sys

ROOMS = ('lib', 'ovs-ext', 'utilities', 'tests')
WORDS = ('Above', 'Below', 'Threads', 'Memory', 'Time', 'Fails')
MARKER = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')
# Of the licence check: a line of its own, above the opening.
LICENCE = re.compile(r'/\* SPDX-License-' r'Identifier: \S+ \*/\n')
TITLE = re.compile(r'/\* (.+)\n \* (=+)\n')


def faults_of(path, text):
    licence = LICENCE.match(text)
    above = text[licence.end():] if licence else text
    opening = above[:above.find('*/')] if above.startswith('/*') else ''
    if not opening:
        yield 'does not open with a comment that says what it is'
    elif path.endswith('.h'):
        title = TITLE.match(above)
        if not title:
            yield 'its sign has no title with a line of "=" below'
        elif len(title.group(1)) != len(title.group(2)):
            yield 'the line below the title is not as long as the title'
        for word in WORDS:
            if not re.search(r'\b' + word + ':', opening):
                yield f'its sign does not say "{word}:"'
    elif len(opening.split()) < 8:
        yield 'its opening comment does not say how it works'
    for i, line in enumerate(text.split('\n'), 1):
        m = MARKER.search(line)
        if m:
            yield f'line {i}: {m.group()}'


def main(top):
    bad = 0
    for room in ROOMS:
        for folder, folders, names in os.walk(os.path.join(top, room)):
            folders[:] = [x for x in folders if not x.startswith(('.', '_'))
                          and not os.path.exists(
                              os.path.join(folder, x, 'config.status'))]
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    path = os.path.join(folder, name)
                    with open(path, errors='replace') as f:
                        text = f.read()
                    for fault in faults_of(path, text):
                        print(f'{os.path.relpath(path, top)}: {fault}')
                        bad += 1
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else '.'))
