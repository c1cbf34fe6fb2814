#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make all that a reader of a new protocol needs, so that it compiles.

    build-aux/new-app.py READER WORD PORT[,PORT]... "TEXT"

    READER  name of the file, lib/app/READER.c, and of insp_reader_READER
    WORD    as rules and records name the protocol
    PORT    well-known ones, 0: none
    TEXT    for people

It writes lib/app/READER.c (detects nothing yet) and READER.def (one field),
adds the rows to app.def and field.def, the sources to lib/automake.mk, the
fuzz target to tests/fuzz/apps.mk, a first input in tests/fuzz/corpus and
tests/pcap/app-READER, in which "make check" misses a capture until there is a
dialog.  What there is already stays as it is.
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SOURCE = '''/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Says how {text} is told from everything else, what is read of it, and where
 * that is specified.
 */

#include "app/event.h"

static enum insp_guess
detect(const struct insp_reading *r)
{{
    (void) r;
    return INSP_GUESS_NO;
}}

static size_t
read_bytes(struct insp_reading *r)
{{
    return r->size;
}}

const struct insp_reader insp_reader_{reader} = {{
    .detect = detect,
    .read = read_bytes,
}};
'''

FIELDS = '''/* SPDX-License-Identifier: Apache-2.0 */
/* What records of {text} say; see field.def. */

INSP_APP_FIELD({name}, {name}_VERSION, UINT, 0, 0, "version",
               "version of the protocol")
'''

DIALOGS = '''\
# Seeds of tests/fuzz/corpus/app-{reader}, and how they are sent: dialogs.py.
'''


def path(*parts):
    return os.path.join(TOP, *parts)


def write_new(name, text):
    if not os.path.exists(name):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, 'w') as f:
            f.write(text)
        print('made   ', os.path.relpath(name, TOP))


def edit(name, change):
    with open(name) as f:
        old = f.read()
    new = change(old)
    if new != old:
        with open(name, 'w') as f:
            f.write(new)
        print('changed', os.path.relpath(name, TOP))


def add_before(text, anchor, line):
    return text if line.strip() in text else \
        text.replace(anchor, line + anchor, 1)


def fuzz_block(reader, name):
    program = f'tests/fuzz/fuzz-app-{reader}'
    variable = re.sub(r'\W', '_', program)
    return f'''
fuzz_programs += {program}
EXTRA_PROGRAMS += {program}
{variable}_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
{variable}_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_{name}
{variable}_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
{variable}_LDFLAGS = $(FUZZ_LINK)
'''


def sorted_sources(text, names):
    """The block "# app" of lib/automake.mk with these files in it."""
    begin = text.index('# app\n')
    end = text.index('\n\n', begin)
    block = text[begin:end]
    files = set(re.findall(r'lib/app/\S+', block)) | set(names)
    return (text[:begin] + '# app\nlib_libinsp_a_SOURCES += \\\n\t'
            + ' \\\n\t'.join(sorted(files)) + text[end:])


def make(reader, word, ports, text):
    name = re.sub(r'\W', '_', reader).upper()
    write_new(path('lib/app', reader + '.c'),
              SOURCE.format(reader=reader, text=text))
    write_new(path('lib/app', reader + '.def'),
              FIELDS.format(name=name, text=text))
    edit(path('lib/app/app.def'), lambda t: t if f'({name},' in t
         else add_before(t, '\n#undef INSP_APP\n',
                         f'INSP_APP({name}, "{word}", {reader}, '
                         f'PORTS({ports}), "{text}")\n'))
    edit(path('lib/app/field.def'), lambda t: add_before(
        t, '\n#undef', f'#include "app/{reader}.def"\n'))
    edit(path('lib/automake.mk'), lambda t: sorted_sources(
        t, [f'lib/app/{reader}.c', f'lib/app/{reader}.def']))
    edit(path('tests/fuzz/apps.mk'),
         lambda t: t if f'fuzz-app-{reader}\n' in t
         else t + fuzz_block(reader, name))
    write_new(path('tests/fuzz/corpus', 'app-' + reader, 'empty'), '')
    write_new(path('tests/pcap', 'app-' + reader, 'dialogs'),
              DIALOGS.format(reader=reader))


def main():
    if len(sys.argv) != 5 or not re.fullmatch(r'[a-z][a-z0-9_]*',
                                              sys.argv[1]):
        sys.exit(__doc__.strip())
    make(*sys.argv[1:])


if __name__ == '__main__':
    main()
