#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What inspection costs in the switch, as a ratio to plain forwarding.

Started by switch.sh, which makes the host; --help there says the same.  One
PMD thread polls two captures that are read for ever, so no generator needs a
processor.  Every configuration is visited once a round in the same process, in
an order that is another each time, because a visit feels what was there before
it: clear the PMD's own counters, wait, read them.  A visit in which the thread
waited for its processor for over 3 % of the time is void, and made again.
Printed are medians and quartiles of the ratio to "plain" of the
same round; "plain, again" tells what a difference is worth.

What did not take effect fails: a row looks for its own actions in the
datapath flows, which are printed once; an inspector must have counted as many
packets as the PMD thread; whoever samples must have sent something.

A mutation that makes it fail (tried): a row whose flows have no inspect(.
"""
import argparse
import collections
import json
import os
import random
import re
import shlex
import socket
import statistics
import subprocess
import sys
import time

import switch_traffic

HERE = os.path.dirname(os.path.abspath(__file__))
VOID = 0.03
ATTEMPTS = 6
SETTLE = 0.5
BATCH = 64              # A batch of each worker may be on its way.
COLLECTORS = {'sflow': 6343, 'ipfix': 4739}


class Failure(Exception):
    pass


def run(*command, text=None, quiet=False):
    p = subprocess.run(command, input=text, text=True, timeout=300,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       check=False)
    if p.returncode and not quiet:
        raise Failure('%s: %s' % (shlex.join(command)[:300],
                                  p.stdout.strip()[-1000:]))
    return p.stdout


def vsctl(*words):
    return run('ovs-vsctl', '--timeout=60', *words)


def appctl(*words):
    return run('ovs-appctl', '-t', 'ovs-vswitchd', *words)


def say(text=''):
    print('# ' + text if text else '#', flush=True)


def soon(seconds, what, question):
    """Asks until it says yes."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure('not within %d s: %s' % (seconds, what))
        time.sleep(0.05)


# Configurations
# --------------

# 'flows' is the text for ovs-ofctl; 'settings' words for ovs-vsctl beyond
# nothing switched on; 'expect' what every datapath flow's actions match once
# it is in force; 'inspector' whose count must be that of the PMD thread;
# 'collector' who must have been sent something; 'base' the row that its ratio
# is to; 'passes' how often the PMD thread receives a packet.
Row = collections.namedtuple('Row', 'title flows settings expect inspector '
                             'collector base passes')
NOTHING = ['--', 'clear', 'Bridge', 'br0', 'mirrors', '--', 'clear', 'Bridge',
           'br0', 'sflow', '--', 'clear', 'Bridge', 'br0', 'ipfix', '--',
           'set', 'Inspector', 'auto', 'select=flows', '--', '--if-exists',
           'clear', 'Inspector', 'redirect', 'functions', 'rules']
CT = '''priority=9,ip,ct_state=-trk,actions=ct(table=1)
priority=1,in_port=1,actions=output:2
priority=1,in_port=2,actions=output:1
table=1,priority=9,ip,ct_state=+new,in_port=1,actions=ct(commit),output:2
table=1,priority=9,ip,ct_state=+new,in_port=2,actions=ct(commit),output:1
table=1,priority=1,in_port=1,actions=output:2
table=1,priority=1,in_port=2,actions=output:1'''


# Two functions that give back what they get, one a direction.
HOP = '''in_port=1,actions=output:5
in_port=2,actions=output:6
in_port=5,actions=output:2
in_port=6,actions=output:1'''
REDIRECT = shlex.split(
    '-- --id=@f1 get Inspect_Function f1 -- --id=@f2 get Inspect_Function f2 '
    '-- --id=@r1 get Inspect_Rule to-f1 -- --id=@r2 get Inspect_Rule to-f2 '
    '-- set Inspector redirect functions=@f1,@f2 rules=@r1,@r2')


def both(actions=''):
    return '\n'.join('in_port=%d,actions=%soutput:%d' % (a, actions, b)
                     for a, b in ((1, 2), (2, 1)))


def split(n, actions=''):
    """As many megaflows a direction: so much smaller are their batches."""
    return '\n'.join(
        'in_port=%d,tcp,%s=0x%x/0x%x,actions=%soutput:%d'
        % (a, field, i, n - 1, actions, b)
        for a, b, field in ((1, 2, 'tp_src'), (2, 1, 'tp_dst'))
        for i in range(n))


def row(title, flows=None, settings=(), expect=r'(left|right)$',
        inspector=None, collector=None, base='plain', passes=1):
    return Row(title, flows or both(), list(settings), expect, inspector,
               collector, base, passes)


def inspecting(title, inspector, flows=None, **more):
    more = {'expect': r'inspect\(.*(left|right)$', **more}
    return row(title, flows or both('inspect(id=%d),' % INSPECTORS[inspector]),
               inspector=inspector, **more)


def sampler(table, sampling):
    settings = ['--', '--id=@s', 'create', table, 'sampling=%d' % sampling,
                'targets="127.0.0.1:%d"' % COLLECTORS[table.lower()]]
    settings += (['agent=lo', 'header=128', 'polling=0'] if table == 'sFlow'
                 else ['obs_domain_id=1', 'obs_point_id=1'])
    return settings + ['--', 'set', 'Bridge', 'br0',
                       '%s=@s' % table.lower()]


INSPECTORS = {'tap': 1, 'inline': 2, 'rules': 3, 'auto': 4, 'dropper': 5,
              'redirect': 6, 'r10': 10, 'r100': 11, 'r10000': 12}
ROWS = {
    'plain': row('plain'),
    'again': row('plain, again'),
    'tap': inspecting('inspect, tap', 'tap',
                      both('inspect(id=1,tap),')),
    'inline': inspecting('inspect, inline, no rules', 'inline'),
    'rules': inspecting('inspect, inline, 1,000 rules', 'rules'),
    'normal': row('plain, NORMAL', 'actions=NORMAL', base='normal'),
    'auto': inspecting('by itself, NORMAL, 1,000 rules', 'auto',
                       'actions=NORMAL', base='normal',
                       settings=['--', 'set', 'Inspector', 'auto',
                                 'select=vm-to-vm']),
    'ct': row('ct(commit)', CT, expect=r'ct,recirc|ct\(|(left|right)$'),
    'mirror': row('Mirror', settings=[
        '--', '--id=@p', 'get', 'Port', 'mirror', '--', '--id=@m', 'create',
        'Mirror', 'name=m', 'select-all=true', 'output-port=@p', '--', 'set',
        'Bridge', 'br0', 'mirrors=@m'], expect='mirror'),
    'sflow-400': row('sFlow, 1 in 400', settings=sampler('sFlow', 400),
                     expect=r'sample\(sample=0\.2', collector='sflow'),
    'sflow-64': row('sFlow, 1 in 64', settings=sampler('sFlow', 64),
                    expect=r'sample\(sample=1\.', collector='sflow'),
    'ipfix-64': row('IPFIX, 1 in 64', settings=sampler('IPFIX', 64),
                    expect=r'sample\(sample=1\.', collector='ipfix'),
    'ipfix-1': row('IPFIX, every packet', settings=sampler('IPFIX', 1),
                   expect=r'userspace\(.*ipfix', collector='ipfix'),
    'r10': inspecting('inspect, inline, 10 rules', 'r10'),
    'r100': inspecting('inspect, inline, 100 rules', 'r100'),
    'r10000': inspecting('inspect, inline, 10,000 rules', 'r10000'),
    'drop': row('plain, drop', 'actions=drop',
                expect='drop$'),
    'dropper': inspecting('inspect, a rule drops all', 'dropper'),
    'hop': row('plain, through a function', HOP, passes=2, base='hop',
               expect=r'(left|right|f1|f2)$'),
    'redirect': inspecting('inspect, redirect to a function', 'redirect',
                           base='hop', passes=2, expect=r'inspect\(',
                           settings=REDIRECT),
}
for n in 4, 32:
    ROWS['plain-%d' % n] = row('plain, %d megaflows' % n, split(n),
                               base='plain-%d' % n)
    ROWS['rules-%d' % n] = inspecting(
        'inspect, 1,000 rules, %d megaflows' % n, 'rules',
        split(n, 'inspect(id=3),'), base='plain-%d' % n)
MAIN = ['plain', 'again', 'tap', 'inline', 'rules', 'normal', 'auto', 'ct',
        'mirror', 'sflow-400', 'sflow-64', 'ipfix-64', 'ipfix-1']
MAIN_TRAFFIC = ['64-1', '64-10k', 'imix-10k', 'imix-100k', '1514-10k']

# A curve: traffic and rows; the first row is what the others are held against.
CURVES = {
    'rules': (['64-10k'], ['plain', 'again', 'inline', 'r10', 'r100', 'rules',
                           'r10000']),
    'ports': (['macs-1', 'macs-10', 'macs-100', 'macs-1000'],
              ['plain', 'again', 'rules', 'normal', 'auto']),
    'drop': (['64-10k'], ['plain', 'again', 'drop', 'dropper']),
    'redirect': (['64-10k'], ['plain', 'again', 'hop', 'redirect']),
    'ipv6': (['78-10k', '78-10k-ipv6'], ['plain', 'again', 'rules']),
    'batch': (['64-10k'], ['plain', 'again', 'rules', 'plain-4', 'rules-4',
                           'plain-32', 'rules-32']),
    'again': (['1514-10k', '1514-10k-tcp'], ['plain', 'again', 'rules']),
}


# The host
# --------

class Host:
    """Ports, inspectors and collectors, as far as a run needs them."""

    def __init__(self, args, rows):
        self.args = args
        self.folder = os.environ['SANDBOX_DIR']
        self.inspectors = {}
        self.n_vms = 2
        self.ports = []
        self.testpmd = None
        self.settings = None
        self.shown = set()
        self.sockets = {k: udp(port) for k, port in COLLECTORS.items()}
        self.port('mirror', 3, 'type=dpdk',
                  'options:dpdk-devargs="net_null0,no-rx=1"')
        if any(r.passes == 2 for r in rows):
            for i in 1, 2:
                self.port('f%d' % i, 4 + i, 'type=dpdk', 'options:n_rxq=2',
                          'options:dpdk-devargs=net_ring%d' % i)
        for name in {r.inspector for r in rows} - {None} | {'auto'}:
            self.inspector(name)
        self.rules()
        if 'redirect' in self.inspectors:
            self.functions()

    def port(self, name, number, *words):
        vsctl('add-port', 'br0', name, '--', 'set', 'Interface', name,
              'ofport_request=%d' % number, *words)
        try:
            soon(30, '%s is up' % name, lambda: vsctl(
                'get', 'Interface', name, 'link_state').strip() == 'up')
        except Failure as e:
            raise Failure('%s: %s' % (e, vsctl('get', 'Interface', name,
                                               'error'))) from e

    def inspector(self, name):
        mode = 'tap' if name == 'tap' else 'inline'
        self.inspectors[name] = vsctl(
            '--', '--id=@i', 'create', 'Inspector', 'name=' + name,
            'id=%d' % INSPECTORS[name], 'mode=' + mode, 'select=flows',
            'idle_timeout=3600', 'uplinks=' + os.environ['UPLINK'], '--',
            'add', 'Bridge', 'br0', 'inspectors', '@i').strip()

    def rules(self):
        """Rules such as operators have, none about this traffic."""
        if 'dropper' in self.inspectors:
            vsctl('--', '--id=@r', 'create', 'Inspect_Rule', 'name=all',
                  'action=drop', '--', 'set', 'Inspector', 'dropper',
                  'rules=@r')
        if not {'rules', 'auto', 'r10', 'r100', 'r10000'} & set(
                self.inspectors):
            return
        n = 10000 if 'r10000' in self.inspectors else 1000
        main = 'r10000' if n == 10000 else \
            'rules' if 'rules' in self.inspectors else 'auto'
        run(os.path.join(HERE, '..', 'system', 'policy.py'), 'load',
            os.path.join(os.environ['OVS_RUNDIR'], 'db.sock'), main, str(n),
            '1000')
        rows = json.loads(vsctl('--format=json', '--columns=_uuid', 'list',
                                'Inspect_Rule'))['data']
        rows = [r[0][1] for r in rows]
        for name, k in (('rules', 1000), ('auto', 1000), ('r10', 10),
                        ('r100', 100)):
            if name in self.inspectors and name != main:
                vsctl('set', 'Inspector', name,
                      'rules=[%s]' % ','.join(rows[:k]))
        for name in self.inspectors:
            soon(20, '%s is active' % name, lambda name=name: vsctl(
                'get', 'Inspector', name, 'status:state').strip('"\n')
                == 'active')
        say('rules in force: ' + ', '.join(
            '%s %d' % (n, r) for n, r in self.n_rules().items()))

    def functions(self):
        """A DPDK ring is a function with one arm that does nothing."""
        for i, side in (1, 'left'), (2, 'right'):
            vsctl(*shlex.split(
                '-- create Inspect_Function name=f{0} slot={1} '
                'input_port=f{0} output_port=f{0} flight_timeout=500 '
                '-- create Inspect_Rule name=to-f{0} slot={1} '
                'direction=from-vm action=redirect'.format(i, 3 + i)),
                'source="port:%s"' % side)

    def functions_are_up(self):
        return all(vsctl('get', 'Inspect_Function', f, 'status:state').strip(
            '"\n') == 'up' for f in ('f1', 'f2'))

    def n_rules(self):
        shown = json.loads(appctl('inspect/show', '--json'))['inspectors']
        return {r['name']: r['policy']['rules'] for r in shown}

    def vms(self, n):
        """As many VM ports as that: left and right, and ports nobody uses."""
        while self.n_vms < n:
            words = []
            for i in range(self.n_vms, min(n, self.n_vms + 50)):
                words += ['--', 'add-port', 'br0', 'vm%d' % i, '--', 'set',
                          'Interface', 'vm%d' % i, 'type=internal', *identity(
                              i, switch_traffic.vm_mac(i + 1))]
                self.n_vms = i + 1
            vsctl(*words)

    def traffic(self, name):
        """Ports left and right that bring it; how many connections it has."""
        self.no_traffic()
        self.ports = ['left', 'right']
        files = [os.path.join(self.folder, x + '.pcap') for x in self.ports]
        if name == 'captures':
            switch_traffic.make_captured(os.environ['INSP_PCAPS'], *files)
            connections = None
        else:
            connections = switch_traffic.make(name, *files)
            if switch_traffic.KINDS[name].macs > 1:
                self.vms(switch_traffic.KINDS[name].macs + 2)
        run('ovs-ofctl', 'del-flows', 'br0')
        if self.args.vhost:
            self.guest(files)
        for i, (port, file) in enumerate(zip(self.ports, files)):
            device = (['type=dpdkvhostuserclient',
                       'options:vhost-server-path="%s"' % socket_of(file)]
                      if self.args.vhost else
                      ['type=dpdk', 'options:n_rxq=1', 'options:dpdk-devargs='
                       '"%s"' % capture_device(i, file)])
            self.port(port, i + 1, *device, *identity(
                i, (switch_traffic.LEFT_MAC, switch_traffic.RIGHT_MAC)[i]))
        if self.args.vhost:
            soon(20, 'guests send, see out/testpmd', self.guest_sends)
        for file in files:
            os.remove(file)
        return connections

    def no_traffic(self):
        for port in self.ports:
            vsctl('del-port', 'br0', port)
        self.ports = []
        if self.testpmd:
            self.testpmd.kill()
            self.testpmd.wait()
            self.testpmd = None

    def guest(self, files):
        """Two guests in one process: each replays its capture into its virtio
        device, and drops what comes from there."""
        command = ['dpdk-testpmd', '--lcores=0@%s,1@%s' % (
            (os.environ['GUEST_CPU'],) * 2), '--no-pci', '--no-telemetry',
            '--in-memory', '--single-file-segments', '-m', '320']
        for i, file in enumerate(files):
            if os.path.exists(socket_of(file)):
                os.remove(socket_of(file))
            command += ['--vdev=' + capture_device(i, file),
                        '--vdev=net_virtio_user%d,path=%s,server=1,queues=1,'
                        'queue_size=1024' % (i, socket_of(file))]
        command += ['--', '--nb-cores=1', '--forward-mode=io',
                    '--port-topology=paired', '--no-mlockall',
                    '--no-lsc-interrupt', '--total-num-mbufs=98304',
                    '--rxd=1024', '--txd=1024', '--auto-start',
                    '--stats-period=3600']
        with open(os.path.join(self.folder, 'out', 'testpmd'), 'w') as out:
            self.testpmd = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def guest_sends(self):
        with open(os.path.join(self.folder, 'out', 'testpmd')) as f:
            return 'start packet forwarding' in f.read()

    def datapath_flows(self):
        """Match and actions of those that packets of the captures meet."""
        out = []
        for line in appctl('dpctl/dump-flows', '--names').splitlines():
            m = re.match(r'.*?(recirc_id.*?), packets:.*actions:(.*)', line)
            if m and re.search(r'in_port\((left|right|f1|f2)\)', line):
                out.append(m.groups())
        return sorted(out)

    def configure(self, row):
        """Returns when all datapath flows are those of 'row'."""
        run('ovs-ofctl', '--bundle', 'replace-flows', 'br0', '-',
            text=row.flows)
        if self.settings != row.settings:
            vsctl(*NOTHING, *row.settings)
            self.settings = row.settings

        def is_there():
            flows = self.datapath_flows()
            return (any('(left)' in m for m, _ in flows)
                    and any('(right)' in m for m, _ in flows)
                    and all(re.search(row.expect, a) for _, a in flows)
                    and (row.settings != REDIRECT or self.functions_are_up())
                    and (row.inspector or not any('inspect(' in a
                                                  for _, a in flows))
                    and flows)

        appctl('revalidator/purge')
        try:
            flows = soon(20, 'the actions of "%s"' % row.title, is_there)
        except Failure as e:
            raise Failure('%s; there are %s' % (e, self.datapath_flows()[:8]))
        if row.title not in self.shown:
            self.shown.add(row.title)
            say('%s: %d datapath flows, one of them:' % (row.title,
                                                         len(flows)))
            say('    %s actions:%s' % flows[0])


def capture_device(i, file):
    return 'net_pcap%d,rx_pcap=%s,infinite_rx=1' % (i, file)


def socket_of(file):
    return file.replace('.pcap', '.sock')


def udp(port):
    """A collector of the kind that gets UDP: it counts as one when something
    came; what it has no room for is dropped."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', port))
    s.setblocking(False)
    return s


def received(s):
    n = 0
    try:
        while n < 100000:
            s.recv(65536)
            n += 1
    except BlockingIOError:
        pass
    return n


def identity(n, mac):
    return ['external_ids:vm-uuid=5a000000-0000-4000-8000-%012d' % n,
            'external_ids:iface-id=1f000000-0000-4000-8000-%012d' % n,
            'external_ids:attached-mac="%s"' % mac.hex(':')]


# Measuring
# ---------

class Pmd:
    """The PMD thread, as it and its process see it."""

    def __init__(self):
        self.cpu = os.environ['DPDK_CPU']
        with open(os.path.join(os.environ['OVS_RUNDIR'],
                               'ovs-vswitchd.pid')) as f:
            self.pid = f.read().strip()
        self.tid = soon(10, 'a PMD thread', self.find)
        # sched_autogroup makes nice a matter within a session only.
        try:
            with open('/proc/%s/autogroup' % self.pid, 'w') as f:
                f.write('-15')
        except OSError:
            pass            # This kernel has none.
        os.setpriority(os.PRIO_PROCESS, int(self.tid), -15)

    def find(self):
        for tid in os.listdir('/proc/%s/task' % self.pid):
            with open('/proc/%s/task/%s/comm' % (self.pid, tid)) as f:
                if f.read().startswith('pmd-c'):
                    return tid
        return None

    def waited(self):
        """Seconds that it wanted its processor and had it not."""
        with open('/proc/%s/task/%s/schedstat' % (self.pid, self.tid)) as f:
            return int(f.read().split()[1]) / 1e9

    def clear(self):
        appctl('dpif-netdev/pmd-stats-clear')

    def read(self):
        text = appctl('dpif-netdev/pmd-stats-show')
        block = re.search(r'^pmd thread.*?(?=^\S|\Z)', text, re.M | re.S)
        if not block:
            raise Failure('pmd-stats-show knows no PMD thread: ' + text)

        def number(what):
            m = re.search(what + r': (\d+)', block.group())
            return int(m.group(1)) if m else 0
        return {'packets': number('packets received'),
                'cycles': number(r'\bprocessing cycles'),
                'upcalls': number('miss with success upcall')
                + number('miss with failed upcall')}


def counted(inspector):
    """What of its packets it inspected; others must not be there."""
    stats = json.loads(appctl('inspect/stats', '--json', inspector))
    for r in stats['inspectors']:
        if r['name'] == inspector:
            return r
    raise Failure('no inspector %s' % inspector)


def visit(host, pmd, row, seconds):
    """One measurement; None when it is void."""
    host.configure(row)
    time.sleep(SETTLE)
    if row.collector:
        received(host.sockets[row.collector])
    outer = row.inspector and counted(row.inspector)
    pmd.clear()
    inner = row.inspector and counted(row.inspector)
    waited, began = pmd.waited(), time.monotonic()
    time.sleep(seconds)
    share = (pmd.waited() - waited) / (time.monotonic() - began)
    inner_end = row.inspector and counted(row.inspector)
    result = pmd.read()
    if row.inspector:
        compare(row, result['packets'] // row.passes, outer, inner, inner_end,
                counted(row.inspector))
    if row.collector and not received(host.sockets[row.collector]):
        raise Failure('"%s" has sent nothing' % row.title)
    if result['packets'] < 1000:
        raise Failure('"%s": only %d packets' % (row.title,
                                                 result['packets']))
    result['waited'] = share
    result['seconds'] = seconds
    result['cost'] = row.passes * result['cycles'] / result['packets']
    return result if share <= VOID else None


def compare(row, packets, outer, inner, inner_end, outer_end):
    """The PMD thread's packets lie between two counts of the inspector, one
    that begins later and ends earlier, and one that does the opposite."""
    def between(a, b):
        return b['inspected_packets'] - a['inspected_packets']
    if not (between(inner, inner_end) - BATCH <= packets
            <= between(outer, outer_end) + BATCH):
        raise Failure('"%s": the PMD thread had %d packets, the inspector '
                      'from %d to %d' % (row.title, packets,
                                    between(inner, inner_end),
                                    between(outer, outer_end)))
    for what in 'skipped', 'lost':
        if sum(outer_end[what].values()) - sum(outer[what].values()):
            raise Failure('"%s": %s: %s' % (row.title, what, outer_end[what]))


def measure(host, pmd, names, args):
    """Rows of one traffic: name -> visits, one a round and None if void."""
    out = {n: [] for n in names}
    rng = random.Random(11)
    for _ in range(args.rounds):
        for n in rng.sample(names, len(names)):
            result = None
            for _ in range(ATTEMPTS):
                result = visit(host, pmd, ROWS[n], args.seconds)
                if result:
                    break
            out[n].append(result)
    return out


def profile(host, pmd, names, seconds=4):
    """Where the PMD thread's time goes, by perf."""
    for n in names:
        host.configure(ROWS[n])
        time.sleep(SETTLE)
        file = os.path.join(host.folder, 'perf.data')
        run('perf', 'record', '-q', '-e', 'cpu-clock', '-F', '4999', '-t',
            pmd.tid, '-o', file, '--', 'sleep', str(seconds))
        text = run('perf', 'report', '-i', file, '--stdio', '-q',
                   '--sort=symbol', '--percent-limit=0.7', '-g', 'none')
        say()
        say('%s: where the time goes' % ROWS[n].title)
        for line in text.splitlines():
            if line.strip():
                say('  ' + line.strip())


def check_connections(host, names, connections):
    """All that were sent, all established: both directions are seen."""
    for n in names:
        name = ROWS[n].inspector
        if name and name != 'dropper' and connections:
            table = counted(name)['table']
            if table['connections'] != connections or table['half_open']:
                raise Failure('%s: %d connections, %d of them half-open, '
                              'not %d' % (name, table['connections'],
                                          table['half_open'], connections))


def quartiles(values):
    if len(values) < 2:
        return values * 3
    return statistics.quantiles(values, n=4, method='inclusive')


def report(title, names, visits):
    """Prints a table; rows for JSON."""
    rows = []
    say()
    say('%-36s %8s %7s   %-15s %6s %5s' % (title, 'cycles', 'ratio',
                                           'quartiles', 'rounds', 'void'))
    for n in names:
        valid = [v for v in visits[n] if v]
        ratios = [v['cost'] / b['cost']
                  for v, b in zip(visits[n], visits[ROWS[n].base]) if v and b]
        if not ratios:
            say('%-36s every round was void' % ROWS[n].title)
            rows.append({'row': n, 'rounds': 0})
            continue
        low, middle, high = quartiles(ratios)
        cost = statistics.median(v['cost'] for v in valid)
        say('%-36s %8.1f %7.3f   [%.3f, %.3f] %6d %5d' % (
            ROWS[n].title, cost, middle, low, high, len(ratios),
            len(visits[n]) - len(valid)) + (
                '' if ROWS[n].base == 'plain'
                else '  to: ' + ROWS[ROWS[n].base].title))
        rows.append({'row': n, 'cycles': round(cost, 1),
                     'base': ROWS[n].base,
                     'ratio': round(middle, 4), 'low': round(low, 4),
                     'high': round(high, 4), 'rounds': len(ratios),
                     'pps': round(statistics.median(
                         v['packets'] / v['seconds'] for v in valid))})
    return rows


def series(args):
    """What is to be measured: (name, traffic, rows)."""
    out = []
    for name in args.curve:
        traffic, rows = CURVES[name]
        out += [(name, t, rows) for t in traffic]
    if args.traffic or not args.curve:
        rows = args.rows or MAIN
        traffic = args.traffic or (
            ['64-1', '1514-10k'] if args.vhost else MAIN_TRAFFIC
            + ['captures'] * bool(os.environ.get('INSP_PCAPS')))
        out = [('switch', t, rows) for t in traffic] + out
    return out


def title_of(traffic):
    return (switch_traffic.KINDS[traffic].title
            if traffic in switch_traffic.KINDS else 'real captures')


def words(known, what):
    def parse(text):
        out = [x for x in text.split(',') if x]
        for x in out:
            if x not in known:
                raise argparse.ArgumentTypeError(
                    '%s: no such %s; there are %s' % (x, what,
                                                      ', '.join(known)))
        return out
    return parse


def arguments():
    p = argparse.ArgumentParser(
        prog='switch.sh', formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    p.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    p.add_argument('--quick', action='store_true',
                   help='3 rounds of 0.3 s, one traffic: whether it works')
    p.add_argument('--rounds', type=int, default=9)
    p.add_argument('--seconds', type=float, default=0.6,
                   help='of a visit (default: 0.6)')
    p.add_argument('--traffic', default=[], type=words(
        [*switch_traffic.KINDS, 'captures'], 'traffic'),
        help='names with commas between them; default: %s, and captures if '
        'INSP_PCAPS says where some are' % ','.join(MAIN_TRAFFIC))
    p.add_argument('--rows', default=[], type=words(ROWS, 'row'),
                   help='default: ' + ','.join(MAIN))
    p.add_argument('--curve', default=[], type=words(CURVES, 'curve'),
                   help='besides or instead: ' + ','.join(CURVES))
    p.add_argument('--vhost', action='store_true',
                   help='guests (dpdk-testpmd, virtio) send it, on the first '
                   'processor: a confirmation, for a quiet machine; default '
                   'traffic: 64-1,1514-10k')
    p.add_argument('--profile', default=[], type=words(ROWS, 'row'),
                   help='rows whose profile (perf) to print after each table')
    p.add_argument('--json', help='where to write the JSON line, too')
    args = p.parse_args()
    if args.quick:
        args.rounds, args.seconds = 3, 0.3
        args.traffic = args.traffic or ['64-10k']
    for name in [ROWS[n].base for n in args.rows]:
        if name not in args.rows:
            args.rows.insert(0, name)
    if 'captures' in args.traffic and not os.environ.get('INSP_PCAPS'):
        p.error('--traffic=captures: INSP_PCAPS says no folder')
    return args


def main():
    args = arguments()
    if not args.inside:
        sys.exit('switch.py: start switch.sh, it makes the host')
    todo = series(args)
    result = {'bench': 'switch', 'vhost': args.vhost, 'rounds': args.rounds,
              'seconds': args.seconds, 'series': []}
    status = 0
    try:
        host = Host(args, [ROWS[n] for _, _, names in todo
                           for n in [*names, *args.profile]])
        pmd = None
        for name, traffic, names in todo:
            connections = host.traffic(traffic)
            pmd = Pmd()
            visits = measure(host, pmd, names, args)
            check_connections(host, names, connections)
            profile(host, pmd, args.profile)
            rows = report(title_of(traffic), names, visits)
            result['series'].append({'series': name, 'traffic': traffic,
                                     'rows': rows})
        host.no_traffic()
    except Failure as e:
        say('FAILED: %s' % e)
        status = 1
    line = json.dumps(result)
    say(line)
    if os.environ.get('BENCH_JSON'):
        with open(os.environ['BENCH_JSON'], 'w') as f:
            f.write(line + '\n')
    sys.exit(status)


if __name__ == '__main__':
    main()
