#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plug a VM's port as OpenStack's compute service does: by os-vif.

    os-vif.py plug|unplug CONFIG BRIDGE PORT IFACE-ID MAC VM-UUID VM-NAME

PORT is an interface of this host (a tap to os-vif); PYTHONPATH leads to os-vif,
whose own code for Open vSwitch makes the bridge, if it is not there, and the
port with its external_ids.  CONFIG says in [os_vif_ovs] where the database is.
"""
import sys

import os_vif
from os_vif.objects import instance_info, network, vif
from oslo_config import cfg
from vif_plug_ovs import privsep

what, config, bridge, port, iface, mac, uuid, name = sys.argv[1:9]
cfg.CONF(args=[], project='os-vif', default_config_files=[config])
os_vif.initialize()
# No helper with privileges: this runs as root.
privsep.vif_plug.set_client_mode(False)
interface = vif.VIFOpenVSwitch(
    id=iface, address=mac, plugin='ovs', vif_name=port,
    network=network.Network(id=iface, bridge=bridge, mtu=1450),
    port_profile=vif.VIFPortProfileOpenVSwitch(
        interface_id=iface, datapath_type='netdev', create_port=True))
getattr(os_vif, what)(interface,
                      instance_info.InstanceInfo(uuid=uuid, name=name))
