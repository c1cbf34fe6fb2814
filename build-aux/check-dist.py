#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when a file of the tree is not in the distribution.

    check-dist.py SRCDIR FILE...

FILEs are what automake would distribute.  The tree is what git knows or would
add; without git there is nothing to compare, which is said.
"""
import os
import subprocess
import sys

# Read by git and its hosts only.
NOT_SHIPPED = ('.gitattributes', '.mailmap')


def main(srcdir, *files):
    try:
        if not os.path.exists(os.path.join(srcdir, '.git')):
            raise OSError
        known = subprocess.run(
            ['git', '-c', 'safe.directory=*', 'ls-files', '-z', '--cached',
             '--others', '--exclude-standard'],
            cwd=srcdir, check=True, stdout=subprocess.PIPE, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        print('not a git tree: the distribution was not compared')
        return 0
    shipped = {os.path.normpath(os.path.relpath(f, srcdir)
                                if os.path.isabs(f) else f) for f in files}
    prefix = os.path.normpath(srcdir) + '/'
    shipped |= {os.path.normpath(f)[len(prefix):] for f in files
                if os.path.normpath(f).startswith(prefix)}
    missing = [f for f in known.split('\0')
               if f and f not in shipped and f not in NOT_SHIPPED
               and os.path.exists(os.path.join(srcdir, f))
               and not any(f.startswith(s + '/') for s in shipped)]
    for f in sorted(missing):
        print(f'{f}: in the tree, but in no automake.mk or Makefile.am')
    return 1 if missing else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
