# SPDX-License-Identifier: Apache-2.0
# A fuzz target for each reader of lib/app/, all made of fuzz-app.c, which says
# what their input is.  build-aux/new-app.py adds to this file.

fuzz_programs += tests/fuzz/fuzz-app-tls
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-tls
tests_fuzz_fuzz_app_tls_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_tls_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_TLS
tests_fuzz_fuzz_app_tls_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_tls_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-dtls
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-dtls
tests_fuzz_fuzz_app_dtls_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_dtls_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_DTLS
tests_fuzz_fuzz_app_dtls_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_dtls_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-quic
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-quic
tests_fuzz_fuzz_app_quic_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_quic_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_QUIC
tests_fuzz_fuzz_app_quic_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_quic_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-dns
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-dns
tests_fuzz_fuzz_app_dns_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_dns_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_DNS
tests_fuzz_fuzz_app_dns_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_dns_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-mdns
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-mdns
tests_fuzz_fuzz_app_mdns_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_mdns_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_MDNS
tests_fuzz_fuzz_app_mdns_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_mdns_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-llmnr
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-llmnr
tests_fuzz_fuzz_app_llmnr_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_llmnr_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_LLMNR
tests_fuzz_fuzz_app_llmnr_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_llmnr_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-http
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-http
tests_fuzz_fuzz_app_http_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_http_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_HTTP
tests_fuzz_fuzz_app_http_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_http_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-http2
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-http2
tests_fuzz_fuzz_app_http2_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_http2_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_HTTP2
tests_fuzz_fuzz_app_http2_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_http2_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-ssh
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-ssh
tests_fuzz_fuzz_app_ssh_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_ssh_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_SSH
tests_fuzz_fuzz_app_ssh_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_ssh_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-smb
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-smb
tests_fuzz_fuzz_app_smb_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_smb_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_SMB
tests_fuzz_fuzz_app_smb_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_smb_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-dcerpc
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-dcerpc
tests_fuzz_fuzz_app_dcerpc_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_dcerpc_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_DCERPC
tests_fuzz_fuzz_app_dcerpc_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_dcerpc_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-rdp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-rdp
tests_fuzz_fuzz_app_rdp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_rdp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_RDP
tests_fuzz_fuzz_app_rdp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_rdp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-krb5
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-krb5
tests_fuzz_fuzz_app_krb5_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_krb5_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_KRB5
tests_fuzz_fuzz_app_krb5_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_krb5_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-ldap
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-ldap
tests_fuzz_fuzz_app_ldap_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_ldap_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_LDAP
tests_fuzz_fuzz_app_ldap_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_ldap_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-dhcp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-dhcp
tests_fuzz_fuzz_app_dhcp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_dhcp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_DHCP
tests_fuzz_fuzz_app_dhcp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_dhcp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-dhcpv6
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-dhcpv6
tests_fuzz_fuzz_app_dhcpv6_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_dhcpv6_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_DHCPV6
tests_fuzz_fuzz_app_dhcpv6_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_dhcpv6_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-ntp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-ntp
tests_fuzz_fuzz_app_ntp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_ntp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_NTP
tests_fuzz_fuzz_app_ntp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_ntp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-snmp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-snmp
tests_fuzz_fuzz_app_snmp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_snmp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_SNMP
tests_fuzz_fuzz_app_snmp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_snmp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-syslog
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-syslog
tests_fuzz_fuzz_app_syslog_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_syslog_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_SYSLOG
tests_fuzz_fuzz_app_syslog_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_syslog_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-sip
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-sip
tests_fuzz_fuzz_app_sip_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_sip_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_SIP
tests_fuzz_fuzz_app_sip_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_sip_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-mysql
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-mysql
tests_fuzz_fuzz_app_mysql_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_mysql_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_MYSQL
tests_fuzz_fuzz_app_mysql_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_mysql_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-pgsql
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-pgsql
tests_fuzz_fuzz_app_pgsql_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_pgsql_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_PGSQL
tests_fuzz_fuzz_app_pgsql_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_pgsql_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-redis
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-redis
tests_fuzz_fuzz_app_redis_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_redis_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_REDIS
tests_fuzz_fuzz_app_redis_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_redis_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-mongodb
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-mongodb
tests_fuzz_fuzz_app_mongodb_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_mongodb_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_MONGODB
tests_fuzz_fuzz_app_mongodb_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_mongodb_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-amqp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-amqp
tests_fuzz_fuzz_app_amqp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_amqp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_AMQP
tests_fuzz_fuzz_app_amqp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_amqp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-kafka
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-kafka
tests_fuzz_fuzz_app_kafka_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_kafka_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_KAFKA
tests_fuzz_fuzz_app_kafka_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_kafka_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-memcached
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-memcached
tests_fuzz_fuzz_app_memcached_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_memcached_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_MEMCACHED
tests_fuzz_fuzz_app_memcached_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_memcached_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-nfs
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-nfs
tests_fuzz_fuzz_app_nfs_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_nfs_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_NFS
tests_fuzz_fuzz_app_nfs_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_nfs_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-vxlan
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-vxlan
tests_fuzz_fuzz_app_vxlan_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_vxlan_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_VXLAN
tests_fuzz_fuzz_app_vxlan_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_vxlan_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-geneve
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-geneve
tests_fuzz_fuzz_app_geneve_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_geneve_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_GENEVE
tests_fuzz_fuzz_app_geneve_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_geneve_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-gre
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-gre
tests_fuzz_fuzz_app_gre_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_gre_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_GRE
tests_fuzz_fuzz_app_gre_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_gre_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-smtp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-smtp
tests_fuzz_fuzz_app_smtp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_smtp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_SMTP
tests_fuzz_fuzz_app_smtp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_smtp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-ftp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-ftp
tests_fuzz_fuzz_app_ftp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_ftp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_FTP
tests_fuzz_fuzz_app_ftp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_ftp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-pop3
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-pop3
tests_fuzz_fuzz_app_pop3_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_pop3_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_POP3
tests_fuzz_fuzz_app_pop3_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_pop3_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-imap
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-imap
tests_fuzz_fuzz_app_imap_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_imap_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_IMAP
tests_fuzz_fuzz_app_imap_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_imap_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-telnet
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-telnet
tests_fuzz_fuzz_app_telnet_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_telnet_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_TELNET
tests_fuzz_fuzz_app_telnet_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_telnet_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-xmpp
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-xmpp
tests_fuzz_fuzz_app_xmpp_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_xmpp_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_XMPP
tests_fuzz_fuzz_app_xmpp_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_xmpp_LDFLAGS = $(FUZZ_LINK)

fuzz_programs += tests/fuzz/fuzz-app-socks
EXTRA_PROGRAMS += tests/fuzz/fuzz-app-socks
tests_fuzz_fuzz_app_socks_SOURCES = $(FUZZ_MAIN) tests/fuzz/fuzz-app.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_app_socks_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_APP=INSP_APP_SOCKS
tests_fuzz_fuzz_app_socks_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_app_socks_LDFLAGS = $(FUZZ_LINK)
