#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules by the thousand, as one transaction.

    policy.py load SOCKET INSPECTOR RULES ADDRESSES
        RULES rules (prefixes, a set of ADDRESSES addresses, ranges of ports,
        identities; none matches windowed.c's packets) into the inspector, in
        one transaction.  Prints, in seconds since the request was sent, when
        it was committed and when cur_cfg said that it is in force.
    policy.py unload SOCKET INSPECTOR
        All rules and sets gone, the same way.
    policy.py touch SOCKET INSPECTOR JSON-OPERATION...
        These operations and a raised next_cfg as one transaction.

The output: one JSON object, "committed" and "in_force" after "began" (wall
clock).
"""
import json
import random
import socket
import sys
import time


class Database:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.text = ''
        self.decoder = json.JSONDecoder()

    def send(self, method, params, ident):
        self.socket.sendall(json.dumps(
            {'method': method, 'params': params, 'id': ident}).encode())

    def next(self):
        """The next message; the server's echoes are answered on the way."""
        while True:
            self.text = self.text.lstrip()
            try:
                message, end = self.decoder.raw_decode(self.text)
            except ValueError:
                data = self.socket.recv(1 << 16)
                if not data:
                    sys.exit('the database has closed the connection')
                self.text += data.decode()
                continue
            self.text = self.text[end:]
            if message.get('method') == 'echo':
                self.socket.sendall(json.dumps(
                    {'result': message['params'], 'error': None,
                     'id': message['id']}).encode())
                continue
            return message

    def answer(self, ident):
        while True:
            message = self.next()
            if message.get('id') == ident and 'result' in message:
                if message['error']:
                    sys.exit(str(message['error']))
                return message['result']


def random_end(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return [f'172.{rng.randrange(16, 32)}.{rng.randrange(256)}.0/'
                f'{rng.randrange(20, 31)}']
    if kind == 1:
        return [f'2001:db8:{rng.randrange(65536):x}::/48',
                f'172.16.{rng.randrange(256)}.{rng.randrange(256)}']
    if kind == 2:
        return ['set:big', f'!172.20.{rng.randrange(256)}.0/24']
    if kind == 3:
        return [f'vm:5b000000-0000-4000-8000-{rng.randrange(10**12):012}']
    if kind == 4:
        return [f'id:vm-name=vm{rng.randrange(1000)}']
    return ['any']


def random_service(rng):
    low = rng.randrange(20000, 60000)
    proto = rng.choice(('tcp', 'udp'))
    if rng.randrange(2):
        return [f'{proto}/{low}']
    return [f'{proto}/{low}-{low + rng.randrange(1, 500)}']


def operations_load(inspector, n_rules, n_addresses):
    rng = random.Random(1)
    addresses = set()
    while len(addresses) < n_addresses:
        a = rng.randrange(1 << 20)
        addresses.add(f'172.{16 + (a >> 16)}.{a >> 8 & 255}.{a & 255}')
    operations = [{'op': 'insert', 'table': 'Inspect_Address_Set',
                   'row': {'name': 'big',
                           'addresses': ['set', sorted(addresses)]}}]
    for i in range(n_rules):
        operations.append({
            'op': 'insert', 'table': 'Inspect_Rule', 'uuid-name': f'r{i}',
            'row': {'name': f'load-{i}', 'priority': rng.randrange(60000),
                    'slot': 2,
                    'direction': rng.choice(('from-vm', 'to-vm', 'both')),
                    'source': ['set', random_end(rng)],
                    'destination': ['set', random_end(rng)],
                    'service': ['set', random_service(rng)],
                    'action': rng.choice(('allow', 'drop', 'reset'))}})
    operations.append({
        'op': 'mutate', 'table': 'Inspector',
        'where': [['name', '==', inspector]],
        'mutations': [['rules', 'insert',
                       ['set', [['named-uuid', f'r{i}']
                                for i in range(n_rules)]]]]})
    return operations


def operations_unload():
    return [{'op': 'delete', 'table': table, 'where': []}
            for table in ('Inspect_Rule', 'Inspect_Address_Set')]


def apply(path, inspector, operations):
    database = Database(path)
    database.send('monitor', ['Open_vSwitch', None, {'Inspector': {
        'columns': ['name', 'cur_cfg', 'next_cfg']}}], 'm')
    rows = database.answer('m').get('Inspector', {}).values()
    now = max(r['new']['next_cfg'] for r in rows
              if r['new']['name'] == inspector)
    operations = operations + [{
        'op': 'update', 'table': 'Inspector',
        'where': [['name', '==', inspector]], 'row': {'next_cfg': now + 1}}]
    began, wall = time.monotonic(), time.time()
    database.send('transact', ['Open_vSwitch', *operations], 't')
    committed = in_force = None
    while committed is None or in_force is None:
        message = database.next()
        if message.get('id') == 't':
            committed = time.monotonic() - began
            for result in message['result']:
                if result and result.get('error'):
                    sys.exit(str(result))
        elif message.get('method') == 'update':
            for row in message['params'][1].get('Inspector', {}).values():
                new = row.get('new', {})
                if new.get('name') == inspector and \
                   new.get('cur_cfg') == now + 1:
                    in_force = time.monotonic() - began
    print(json.dumps({'began': wall, 'committed': round(committed, 3),
                      'in_force': round(in_force, 3)}))


def main():
    command, path, inspector, *rest = sys.argv[1:]
    if command == 'load':
        operations = operations_load(inspector, *map(int, rest))
    elif command == 'unload':
        operations = operations_unload()
    else:
        operations = [json.loads(o) for o in rest]
    apply(path, inspector, operations)


if __name__ == '__main__':
    main()
