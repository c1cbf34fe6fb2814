#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make a database of our tables alone, for ovsdb-doc of Open vSwitch.

    conf-db.py SCHEMA XML DIR

writes DIR/inspect.ovsschema and DIR/inspect.conf.db.xml: what the extension
adds to Open_vSwitch, and no more, as the manual page ovs-inspect.conf.db(5)
describes it.  In ovs-vswitchd.conf.db(5) the same stands among the tables of
Open vSwitch.
"""
import json
import os
import re
import sys

HEAD = '''<?xml version="1.0" encoding="utf-8"?>
<database name="ovs-inspect.conf.db" title="tables of the inspector">
  <p>
    What the extension adds to the database of Open vSwitch, from which
    <code>ovs-vswitchd</code> takes its configuration: a column of the
    <code>Bridge</code> table, and the tables below.  They are described in
    <code>ovs-vswitchd.conf.db</code>(5) as well, together with those of Open
    vSwitch.  <code>ovs-vsctl</code>(8) changes them, and
    <code>ovs-inspectctl</code>(8) does so with less to type.
  </p>

  <p>
    Every row has <code>enabled</code>, which puts it out of force at once,
    and <code>status</code>, which says what has become of it:
    <code>state</code>, and what is wrong with the row as
    <code>error</code>, in the words that caused it.  A fault in one row
    disables that row only.
  </p>

  <table name="Bridge" title="Bridge configuration">
    <p>
      One column is added.
    </p>
'''


def main(schema, xml, to):
    with open(schema) as f:
        ours = json.load(f)
    with open(xml, encoding='utf-8') as f:
        text = f.read()
    tables = dict(ours['tables'])
    tables['Bridge'] = {'columns': ours['columns']['Bridge']}
    database = {'name': 'Open_vSwitch', 'version': '1.0.0',
                'tables': {n: {**t, 'isRoot': True}
                           for n, t in sorted(tables.items())}}
    with open(os.path.join(to, 'inspect.ovsschema'), 'w') as f:
        json.dump(database, f, indent=1)
    bridge = re.search(r'<columns\s+table="Bridge"\s*>(.*?)</columns>', text,
                       re.S).group(1)
    rest = re.findall(r'<table\s+name=".*?</table>', text, re.S)
    with open(os.path.join(to, 'inspect.conf.db.xml'), 'w',
              encoding='utf-8') as f:
        f.write(HEAD + bridge + '  </table>\n\n' + '\n\n'.join(rest)
                + '\n</database>\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
