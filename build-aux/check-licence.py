#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when a file does not say its licence.

    check-licence.py [--fix] [SRCDIR]

Every file of the tree that has a form of comments says its licence in its
first lines, in the words that tools look for (https://spdx.dev/ids).  The
others are named, by pattern and with the reason, in build-aux/licences.txt.
With --fix the line is put where it is missing.  The tree is what git knows or
would add; without git there is nothing to look through, which is said.

How it works: the name of a file, or its first line, tells how a comment
looks in it, and after which first line it may stand.
"""
import argparse
import fnmatch
import os
import subprocess
import sys

LICENCE = 'Apache-2.0'
WORDS = 'SPDX-License-' 'Identifier:'
LOOK = 5        # Lines.

HASH, C, DNL, ROFF, XML = ('# {}', '/* {} */', 'dnl {}', '.\\" {}',
                           '<!-- {} -->')
BY_END = {
    '.ac': HASH, '.am': HASH, '.at': DNL, '.bash': HASH, '.c': C,
    '.cfg': HASH, '.conf': HASH, '.css': C, '.def': C, '.default': HASH,
    '.fc': HASH, '.h': C, '.if': HASH, '.in': HASH, '.js': C,
    '.logrotate': HASH, '.m4': HASH, '.md': XML, '.mk': HASH, '.pl': HASH,
    '.py': HASH, '.service': HASH, '.sh': HASH, '.svg': XML,
    '.sysusers': HASH, '.te': HASH, '.tmpfiles': HASH, '.toml': HASH,
    '.txt': HASH, '.xml': XML, '.yml': HASH, '.5': ROFF, '.7': ROFF,
    '.8': ROFF,
}
BY_NAME = {
    '.clang-format': HASH, '.clang-tidy': HASH, '.editorconfig': HASH,
    '.gitattributes': HASH, '.gitignore': HASH, 'LAYERS': HASH,
}
# First lines that must stay first.
FIRST = ('#!', '<?xml', "'\\\"", '<!DOCTYPE')


def comment_of(path, first):
    """How a comment looks in the file, or None."""
    name = os.path.basename(path)
    if name in BY_NAME:
        return BY_NAME[name]
    if first.startswith('#!'):
        return HASH
    return BY_END.get(os.path.splitext(name)[1])


def listed(path, patterns):
    return any(fnmatch.fnmatchcase(path, p) for p in patterns)


def read_list(path):
    with open(path, encoding='utf-8') as f:
        return [line.split(None, 1)[0] for line in f
                if line.strip() and not line.startswith('#')]


def files_of(top):
    names = subprocess.run(
        ['git', '-c', 'safe.directory=*', 'ls-files', '-z', '--cached',
         '--others', '--exclude-standard'],
        cwd=top, check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted({f for f in names.split('\0')
                   if f and os.path.isfile(os.path.join(top, f))
                   and not os.path.islink(os.path.join(top, f))})


def add(path, text, comment):
    lines = text.split('\n')
    at = 1 if lines[0].startswith(FIRST) else 0
    lines.insert(at, comment.format(f'{WORDS} {LICENCE}'))
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines))


def fault_of(top, path, patterns, fix):
    """What is wrong with the file, or None."""
    full = os.path.join(top, path)
    try:
        with open(full, encoding='utf-8', newline='') as f:
            text = f.read()
    except UnicodeDecodeError:
        return 'has no comments, and is not in build-aux/licences.txt'
    said = [line.split(WORDS, 1)[1].split()[:1]
            for line in text.split('\n', LOOK)[:LOOK] if WORDS in line]
    if said:
        return None if said == [[LICENCE]] else f'says {said}'
    comment = comment_of(path, text.split('\n', 1)[0])
    if comment is None:
        return ('has no comments that are known here, and is not in '
                'build-aux/licences.txt')
    if not fix:
        return 'does not say its licence: run build-aux/check-licence.py --fix'
    add(full, text, comment)
    print(f'{path}: said')
    return None


def main():
    parser = argparse.ArgumentParser(
        description='Fail when a file does not say its licence.')
    parser.add_argument('--fix', action='store_true',
                        help='put the line where it is missing')
    parser.add_argument('srcdir', nargs='?', default='.')
    args = parser.parse_args()
    top = args.srcdir
    if not os.path.exists(os.path.join(top, '.git')):
        print('not a git tree: no file was looked at')
        return 0
    patterns = read_list(os.path.join(top, 'build-aux', 'licences.txt'))
    files = files_of(top)
    bad = 0
    for path in files:
        if listed(path, patterns):
            continue
        fault = fault_of(top, path, patterns, args.fix)
        if fault:
            print(f'{path}: {fault}')
            bad += 1
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
