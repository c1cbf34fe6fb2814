#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of tests/fuzz/corpus/rule: texts, and bytes for policies.

    make-corpus-rule.py [FOLDER]

The seeds are committed; run this after adding one.
"""
import os
import random
import sys

TERMS = ['any', '!any', '10.0.0.0/8', '!192.0.2.1', '2001:db8::/32', '::/0',
         '::ffff:10.0.0.1', '02:00:00:00:00:01', 'iface:a', 'vm:1-2',
         'port:tap0', '!set:bad', 'id:project=a', 'id:=', '10.0.0.0/33', '!']
SERVICES = ['any', 'tcp', 'tcp/80', 'udp/5000-5999', 'sctp/36412', 'icmp',
            'icmp/8', 'icmp6/128', 'proto/47', 'arp', 'nd', 'app:tls',
            'sni:*.example.com', 'tcp/70000', 'tcp/9-8', 'tcp/-',
            'app:unknown', 'app:none', 'sni:Www.Example.com.', 'sni:a..b',
            'sni:*.' + 16 * 'a.' + 'a']
ADDRESSES = ['10.0.0.0/8', '192.0.2.1', 'fd00::1/64', '::1', '10.0.0', '/']


def main(folder):
    os.makedirs(folder, exist_ok=True)
    seeds = {}
    for kind, texts in (('t', TERMS), ('s', SERVICES), ('a', ADDRESSES)):
        for i, text in enumerate(texts):
            seeds[f'{kind}-{i:02}'] = (kind + text).encode()
    for i in range(16):
        draw = random.Random(i)
        seeds[f'policy-{i:02}'] = b'p' + bytes(
            draw.randrange(256) for _ in range(200 + 100 * i))
    for name, data in seeds.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)


if __name__ == '__main__':
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), 'corpus', 'rule'))
