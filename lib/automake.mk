# The inspector: no header of Open vSwitch, one block a room (see lib/LAYERS).
noinst_LIBRARIES += lib/libinsp.a

lib_libinsp_a_SOURCES =

# base
lib_libinsp_a_SOURCES += \
	lib/base/compiler.h \
	lib/base/cursor.h \
	lib/base/epoch.c \
	lib/base/epoch.h \
	lib/base/faults.c \
	lib/base/faults.h \
	lib/base/hash.h \
	lib/base/host-stdio.c \
	lib/base/host.h \
	lib/base/ilist.h \
	lib/base/log.c \
	lib/base/put.h \
	lib/base/ring.c \
	lib/base/ring.h \
	lib/base/stack.h \
	lib/base/wheel.c \
	lib/base/utf8.c \
	lib/base/utf8.h \
	lib/base/wheel.h

# packet
lib_libinsp_a_SOURCES += \
	lib/packet/eth.h \
	lib/packet/ext.c \
	lib/packet/ext.h \
	lib/packet/ip4.h \
	lib/packet/ip6.h \
	lib/packet/l4.h \
	lib/packet/packet.c \
	lib/packet/packet.def \
	lib/packet/packet.h \
	lib/packet/refuse.c \
	lib/packet/refuse.h

# flow
lib_libinsp_a_SOURCES += \
	lib/flow/begin.c \
	lib/flow/control.c \
	lib/flow/count.c \
	lib/flow/end.def \
	lib/flow/flight-control.c \
	lib/flow/flight-pass.c \
	lib/flow/flight-private.h \
	lib/flow/flight.c \
	lib/flow/flight.h \
	lib/flow/evict.c \
	lib/flow/fragment.c \
	lib/flow/fragment.h \
	lib/flow/key.c \
	lib/flow/key.h \
	lib/flow/port.h \
	lib/flow/quota.c \
	lib/flow/quota.h \
	lib/flow/remainder.def \
	lib/flow/report.c \
	lib/flow/table-private.h \
	lib/flow/table.c \
	lib/flow/table.h \
	lib/flow/tcp.c \
	lib/flow/tcp.h

# app
lib_libinsp_a_SOURCES += \
	lib/app/amqp.c \
	lib/app/amqp.def \
	lib/app/app.c \
	lib/app/app.def \
	lib/app/app.h \
	lib/app/assemble.c \
	lib/app/ber.c \
	lib/app/ber.h \
	lib/app/cipher.def \
	lib/app/data.c \
	lib/app/data.h \
	lib/app/dcerpc.c \
	lib/app/dcerpc.def \
	lib/app/detect.c \
	lib/app/dhcp.c \
	lib/app/dhcp.def \
	lib/app/dhcpv6.c \
	lib/app/dhcpv6.def \
	lib/app/dialog-private.h \
	lib/app/dialog.c \
	lib/app/dialog.h \
	lib/app/dialogs.c \
	lib/app/dns-message.c \
	lib/app/dns-message.h \
	lib/app/dns.c \
	lib/app/dns.def \
	lib/app/dtls.c \
	lib/app/event.c \
	lib/app/event.h \
	lib/app/field.def \
	lib/app/first.c \
	lib/app/first.def \
	lib/app/ftp.c \
	lib/app/ftp.def \
	lib/app/geneve.c \
	lib/app/geneve.def \
	lib/app/gre.c \
	lib/app/gre.def \
	lib/app/gss.c \
	lib/app/gss.h \
	lib/app/hello.c \
	lib/app/hello.h \
	lib/app/hpack.c \
	lib/app/hpack.h \
	lib/app/http-text.c \
	lib/app/http.c \
	lib/app/http.def \
	lib/app/http.h \
	lib/app/http2.c \
	lib/app/imap.c \
	lib/app/imap.def \
	lib/app/kafka.c \
	lib/app/kafka.def \
	lib/app/krb5.c \
	lib/app/krb5.def \
	lib/app/ldap.c \
	lib/app/ldap.def \
	lib/app/lend.c \
	lib/app/line.c \
	lib/app/line.h \
	lib/app/little.c \
	lib/app/little.h \
	lib/app/listener.def \
	lib/app/llmnr.c \
	lib/app/mdns.c \
	lib/app/memcached.c \
	lib/app/memcached.def \
	lib/app/mongodb.c \
	lib/app/mongodb.def \
	lib/app/mysql.c \
	lib/app/mysql.def \
	lib/app/names.c \
	lib/app/names.h \
	lib/app/nfs.c \
	lib/app/nfs.def \
	lib/app/ntp.c \
	lib/app/ntp.def \
	lib/app/pgsql.c \
	lib/app/pgsql.def \
	lib/app/pop3.c \
	lib/app/pop3.def \
	lib/app/quic-crypto.c \
	lib/app/quic-crypto.h \
	lib/app/quic.c \
	lib/app/quic.def \
	lib/app/rdp.c \
	lib/app/rdp.def \
	lib/app/reader.def \
	lib/app/redis.c \
	lib/app/redis.def \
	lib/app/share.h \
	lib/app/sip.c \
	lib/app/sip.def \
	lib/app/smb-private.h \
	lib/app/smb.c \
	lib/app/smb.def \
	lib/app/smb1.c \
	lib/app/smtp.c \
	lib/app/smtp.def \
	lib/app/snmp.c \
	lib/app/snmp.def \
	lib/app/socks.c \
	lib/app/socks.def \
	lib/app/ssh.c \
	lib/app/ssh.def \
	lib/app/store.c \
	lib/app/store.h \
	lib/app/stream.c \
	lib/app/stream.h \
	lib/app/syslog.c \
	lib/app/syslog.def \
	lib/app/telnet.c \
	lib/app/telnet.def \
	lib/app/text.h \
	lib/app/tls.c \
	lib/app/tls.def \
	lib/app/tunnel.c \
	lib/app/tunnel.h \
	lib/app/vxlan.c \
	lib/app/vxlan.def \
	lib/app/xmpp.c \
	lib/app/xmpp.def

# rule
lib_libinsp_a_SOURCES += \
	lib/rule/address.c \
	lib/rule/address.h \
	lib/rule/binding.c \
	lib/rule/budget.h \
	lib/rule/build.c \
	lib/rule/frozen.h \
	lib/rule/label.c \
	lib/rule/label.h \
	lib/rule/layout.c \
	lib/rule/layout.h \
	lib/rule/learnt.c \
	lib/rule/learnt.h \
	lib/rule/match.c \
	lib/rule/parse.c \
	lib/rule/policy.c \
	lib/rule/policy.h \
	lib/rule/print.c \
	lib/rule/rule.c \
	lib/rule/rule.h \
	lib/rule/service.c \
	lib/rule/service.h \
	lib/rule/subject.c \
	lib/rule/text.h \
	lib/rule/vector.c \
	lib/rule/vector.h

# record
lib_libinsp_a_SOURCES += \
	lib/record/app-fields.c \
	lib/record/app-fields.h \
	lib/record/certificate.c \
	lib/record/certificate.h \
	lib/record/community-id.c \
	lib/record/fields.c \
	lib/record/fields.h \
	lib/record/finish.c \
	lib/record/finish.h \
	lib/record/hello.c \
	lib/record/hello.h \
	lib/record/record.c \
	lib/record/record.def \
	lib/record/record.h \
	lib/record/step.def \
	lib/record/values.c \
	lib/record/values.h

# export
lib_libinsp_a_SOURCES += \
	lib/export/dial.c \
	lib/export/dial.h \
	lib/export/directory.c \
	lib/export/directory.h \
	lib/export/drain.c \
	lib/export/drain.h \
	lib/export/ipfix-app.c \
	lib/export/ipfix-app.h \
	lib/export/ipfix-read.c \
	lib/export/ipfix-read.h \
	lib/export/ipfix.c \
	lib/export/ipfix.h \
	lib/export/json-check.c \
	lib/export/json-check.h \
	lib/export/json.c \
	lib/export/json.h \
	lib/export/queue.c \
	lib/export/queue.h \
	lib/export/tls.c \
	lib/export/tls.h \
	lib/export/uplink.c \
	lib/export/uplink.h

# engine
lib_libinsp_a_SOURCES += \
	lib/engine/aggregate.c \
	lib/engine/aggregate.h \
	lib/engine/apply.c \
	lib/engine/control.c \
	lib/engine/engine.c \
	lib/engine/engine.h \
	lib/engine/event.def \
	lib/engine/exporter.c \
	lib/engine/function.c \
	lib/engine/function.def \
	lib/engine/internal.h \
	lib/engine/inventory.c \
	lib/engine/inventory.def \
	lib/engine/inventory.h \
	lib/engine/judge.c \
	lib/engine/leases.c \
	lib/engine/leases.h \
	lib/engine/path.h \
	lib/engine/port.c \
	lib/engine/probe.c \
	lib/engine/probe.h \
	lib/engine/read.c \
	lib/engine/redirect.c \
	lib/engine/report.c \
	lib/engine/request.c \
	lib/engine/rules.c \
	lib/engine/snapshot.c \
	lib/engine/stage.c \
	lib/engine/stats.c \
	lib/engine/step.c \
	lib/engine/step.h \
	lib/engine/thread.c \
	lib/engine/worker.c

# config
lib_libinsp_a_SOURCES += \
	lib/config/column.c \
	lib/config/column.h \
	lib/config/columns.def \
	lib/config/config.c \
	lib/config/config.h \
	lib/config/target.c

EXTRA_DIST += lib/LAYERS
