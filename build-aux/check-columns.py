#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when columns.def, the database schema and its manual do not agree.

    check-columns.py [TOP]

lib/config/columns.def says which settings there are, what they range over and
what they default to; ovs-ext/schema/inspect.ovsschema.json what the database
takes; ovs-ext/schema/inspect.xml what the operator reads.  Checked here:

  - the same columns in each, none missing and none more
  - words of an enumeration in the schema are those of the parser, in order
  - keys of other_config that the parser knows are documented, and no others
  - a number's default, and its limits where the text gives them, are the
    parser's
  - what may be left out is optional in the schema, what may not is not
  - a list takes as many values in the schema as in the parser
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as ET

TABLES = {
    'INSPECTOR': 'Inspector',
    'RULE': 'Inspect_Rule',
    'FUNCTION': 'Inspect_Function',
    'SET': 'Inspect_Address_Set',
    'UPLINK': 'Inspect_Uplink',
}


def arguments(text):
    """Splits "a, F(b, c), "d" "e", f" at its outer commas."""
    args, depth, quoted, current = [], 0, False, ''
    for char in text:
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth += (char == '(') - (char == ')')
            if char == ',' and not depth:
                args.append(current.strip())
                current = ''
                continue
        current += char
    return args + [current.strip()]


def unquote(text):
    return ''.join(re.findall(r'"([^"]*)"', text))


def read_def(path):
    """Returns {table: {key: row}} and the words of WORD settings."""
    with open(path) as f:
        text = re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)
    rows = {table: {} for table in TABLES.values()}
    for match in re.finditer(r'^(INSP_\w+)\((.*?)\)\n(?=INSP_|\n|\Z)', text,
                             re.S | re.M):
        args = arguments(match.group(2))
        row = {'macro': match.group(1)}
        if match.group(1) == 'INSP_SETTING':
            row.update(kind=args[2], default=args[4], low=int(args[5]),
                       high=int(args[6]))
        elif match.group(1) == 'INSP_LIST':
            row.update(kind=args[2], default='""', low=0, high=int(args[5]))
        rows[TABLES[args[0]]][unquote(args[1])] = row
    return rows


def read_words(path):
    with open(path) as f:
        text = f.read()
    return {name: re.findall(r'"([^"]*)"', body) for name, body in re.findall(
        r'words_(\w+)\[\] = \{(.*?)\};', text, re.S)}


def plain(element):
    return re.sub(r'\s+', ' ', ''.join(element.itertext())).strip()


def read_xml(path):
    """Returns {table: {column or column:key: text}}."""
    documented = {}
    for table in ET.parse(path).getroot():
        columns = documented.setdefault(table.get('name')
                                        or table.get('table'), {})
        for column in table.iter('column'):
            name = column.get('name')
            if column.get('key'):
                name += ':' + column.get('key')
            columns[name] = plain(column)
    return documented


def with_commas(number):
    return format(number, ',')


class Checker:
    def __init__(self, top):
        self.rows = read_def(os.path.join(top, 'lib/config/columns.def'))
        self.words = read_words(os.path.join(top, 'lib/config/config.c'))
        schema_dir = os.path.join(top, 'ovs-ext/schema')
        with open(os.path.join(schema_dir, 'inspect.ovsschema.json')) as f:
            self.schema = json.load(f)
        self.xml = read_xml(os.path.join(schema_dir, 'inspect.xml'))
        self.bad = []

    def complain(self, *words):
        self.bad.append(' '.join(words))

    def check_names(self, table, rows, columns):
        for key in rows:
            if not key.startswith('other_config:') and key not in columns:
                self.complain(table, key + ': not in the schema')
            if key not in self.xml[table]:
                self.complain(table, key + ': not in the manual')
        for column in columns:
            if column not in rows:
                self.complain(table, column + ': not in columns.def')
        for key in self.xml[table]:
            if key.startswith('other_config:') and key not in rows:
                self.complain(table, key + ': documented, but no setting')

    def check_type(self, table, key, row, column):
        kind = column['type']
        key_type = kind.get('key', kind) if isinstance(kind, dict) else kind
        base = key_type['type'] if isinstance(key_type, dict) else key_type
        wanted = {'BOOL': 'boolean', 'UINT': 'integer', 'LIMIT': 'integer',
                  'SLOT': 'integer'}
        wanted = wanted.get(row['kind'], 'string')
        if base != wanted:
            self.complain(table, key + ': is %s in the schema, not %s'
                          % (base, wanted))
        optional = isinstance(kind, dict) and kind.get('min') == 0
        required = row['default'] == 'NULL' and row['kind'] != 'FILE'
        if optional == required:
            self.complain(table, key + ': must it be set or not?')
        most = kind.get('max', 1) if isinstance(kind, dict) else 1
        if row['macro'] != 'INSP_LIST':
            wanted = 1
        else:
            wanted = row['high'] or 'unlimited'
        if most != wanted:
            self.complain(table, key + ': takes %s values in the schema, not '
                          '%s' % (most, wanted))
        if row['kind'].startswith('WORD'):
            words = self.words[row['kind'][5:-1]]
            if key_type.get('enum', [0, []])[1] != words:
                self.complain(table, key + ': the schema has other words than '
                              + ', '.join(words))

    def check_text(self, table, key, row):
        text = self.xml[table].get(key, '')
        default = unquote(row['default'])
        if row['macro'] == 'INSP_LIST' and row['high'] \
           and 'At most %s' % with_commas(row['high']) not in text:
            self.complain(table, key + ": the manual does not say 'At most %s'"
                          % with_commas(row['high']))
        if row['default'] == 'NULL' or not default:
            return
        if row['kind'] in ('UINT', 'LIMIT'):
            default = with_commas(int(default))
            if row['high'] >= 1000 and row['low'] and 'from' in text:
                limits = 'from %s to %s' % (with_commas(row['low']),
                                            with_commas(row['high']))
                if limits not in text:
                    self.complain(table, key + ": the manual does not say '%s'"
                                  % limits)
        if 'Default: %s' % default not in text \
           and '%s: ' % default not in text \
           and not re.search(r'\b%s\b.{0,80}The default' % re.escape(default),
                             text):
            self.complain(table, key + ": the manual does not say 'Default: %s'"
                          % default)

    def run(self):
        for table, rows in self.rows.items():
            columns = self.schema['tables'][table]['columns']
            self.check_names(table, rows, columns)
            for key, row in rows.items():
                if row['macro'] not in ('INSP_SETTING', 'INSP_LIST'):
                    continue
                if key in columns:
                    self.check_type(table, key, row, columns[key])
                self.check_text(table, key, row)
        for table, columns in self.schema['columns'].items():
            for column in columns:
                if column not in self.xml.get(table, {}):
                    self.complain(table, column + ': not in the manual')
        return self.bad


def main(top):
    checker = Checker(top)
    n = sum(len(rows) for rows in checker.rows.values())
    if n < 80:
        print('columns.def: only %d rows could be read' % n)
        return 1
    bad = checker.run()
    for line in bad:
        print('columns: ' + line)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else '.'))
