#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Neutron's Open vSwitch agent, without its server.

    neutron-agent.py DIRECTORY DATABASE BRIDGE PORT-JSON...

The code that programs BRIDGE is the package's own: the agent's class of the
integration bridge over OpenFlow (os-ken), and the agent's firewall driver with
connection tracking.  What is ours is the part of the server: which ports there
are, of which network, with which security group; and when to do what, by words
on standard input, each answered by a line:

    setup      the default tables, networks and the firewall of every port
    resync     what the agent does when it starts again: everything anew under
               a new cookie, then flows of any other cookie are deleted
    unfilter   the ports' flows are taken away
    quit

DIRECTORY is where the packages are unpacked.  PORT-JSON: an object with name,
iface (iface-id), mac, ip, vlan (the local one), rules (of its group).
"""
import json
import os
import sys

root, database, bridge = sys.argv[1:4]
ports = [json.loads(a) for a in sys.argv[4:]]
sys.argv = sys.argv[:1]

import eventlet                                         # noqa: E402
eventlet.monkey_patch()

from neutron_lib import constants                       # noqa: E402
from os_ken import cfg as os_ken_cfg                    # noqa: E402
from os_ken.base import app_manager                     # noqa: E402
from os_ken.lib import hub                              # noqa: E402
from oslo_config import cfg                             # noqa: E402
from oslo_privsep import priv_context                   # noqa: E402
from neutron import privileged                          # noqa: E402
from neutron.agent.linux.openvswitch_firewall import firewall   # noqa: E402
from neutron.common import config as common_config      # noqa: E402
from neutron.conf.agent import common as agent_config   # noqa: E402
from neutron.conf.agent import securitygroups_rpc       # noqa: E402
from neutron.plugins.ml2.drivers.openvswitch.agent.common \
    import config                                       # noqa: E402,F401
from neutron.plugins.ml2.drivers.openvswitch.agent.openflow.native \
    import base_oskenapp, br_int                        # noqa: E402

GROUP = '5ec00000-0000-4000-8000-000000000001'


def configure():
    conf = cfg.CONF
    common_config.register_common_config_options()
    agent_config.register_root_helper(conf)
    securitygroups_rpc.register_securitygroups_opts()
    conf(args=[], project='neutron', default_config_files=[])
    conf.set_override('root_helper', 'env', group='AGENT')
    conf.set_override('ovsdb_connection', database, group='OVS')
    conf.set_override('of_listen_address', '127.0.0.1', group='OVS')
    conf.set_override('of_listen_port', 6699, group='OVS')
    # No helper with privileges: this runs as root.
    for context in vars(privileged).values():
        if isinstance(context, priv_context.PrivContext):
            context.set_client_mode(False)
    os_ken_cfg.CONF(project='os_ken', args=[], default_config_files=[])
    os_ken_cfg.CONF.ofp_listen_host = '127.0.0.1'
    os_ken_cfg.CONF.ofp_tcp_listen_port = 6699


class Agent:
    def __init__(self, app):
        self.app = app
        self.begin()

    def begin(self):
        """A process of the agent: a cookie of its own."""
        self.bridge = br_int.OVSIntegrationBridge(bridge, os_ken_app=self.app)
        self.bridge.set_secure_mode()
        self.bridge.setup_controllers(cfg.CONF)

    def setup(self):
        self.bridge.setup_default_table()
        for port in ports:
            vlan = port['vlan']
            self.bridge.set_db_attribute(
                'Port', port['name'], 'other_config',
                {'tag': str(vlan), 'network_type': 'vxlan',
                 'segmentation_id': str(1000 + vlan)})
            self.bridge.set_db_attribute('Port', port['name'], 'tag', vlan)
        self.firewall = firewall.OVSFirewallDriver(self.bridge)
        self.firewall.update_security_group_rules(
            GROUP, [dict(r, security_group_id=GROUP)
                    for r in ports[0]['rules']])
        self.firewall.update_security_group_members(
            GROUP, {constants.IPv4: [(p['ip'], p['mac']) for p in ports],
                    constants.IPv6: []})
        with self.firewall.defer_apply():
            for port in ports:
                self.firewall.prepare_port_filter(self.as_server_says(port))

    @staticmethod
    def as_server_says(port):
        return {
            'device': port['iface'],
            'network_id': 'net-%d' % port['vlan'],
            'mac_address': port['mac'],
            'fixed_ips': [port['ip']],
            'allowed_address_pairs': [],
            'device_owner': 'compute:nova',
            'port_security_enabled': True,
            'security_groups': [GROUP],
            'security_group_rules': port['rules'],
            'security_group_source_groups': [GROUP],
            'lvlan': port['vlan'],
        }

    def resync(self):
        self.begin()
        self.setup()
        self.bridge.cleanup_flows()

    def unfilter(self):
        with self.firewall.defer_apply():
            for port in ports:
                self.firewall.remove_port_filter(self.as_server_says(port))


def words():
    """Of standard input, while everything else goes on."""
    rest = b''
    while True:
        eventlet.hubs.trampoline(0, read=True)
        some = os.read(0, 4096)
        if not some:
            return
        *lines, rest = (rest + some).split(b'\n')
        for line in lines:
            yield line.decode().strip()


def serve(app):
    agent = None
    for word in words():
        if word == 'quit':
            break
        try:
            agent = agent or Agent(app)
            getattr(agent, word)()
            print('done', word, hex(agent.bridge.default_cookie), flush=True)
        except Exception as error:                      # noqa: B902
            import traceback
            traceback.print_exc()
            print('failed', word, repr(error), flush=True)
    os._exit(0)


class App(base_oskenapp.BaseNeutronAgentOSKenApp):
    def start(self):
        super().start()
        return hub.spawn(serve, self, raise_error=True)


if __name__ == '__main__':
    configure()
    # os-ken finds applications by the names of modules: App is in this one.
    app_manager.AppManager.run_apps(['__main__'])
