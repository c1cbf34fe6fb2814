/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: dialogs of SMB, DCE/RPC, Kerberos, LDAP, RDP and NFS, and the
 * whole text of the events that come of each, however it is cut into segments.
 * The same dialogs, cut short, with bytes turned over and said to the other
 * readers, show what the readers do with what is not theirs. */

#include "app/ber.h"
#include "app/little.h"
#include "talk.h"
#include "windows.h"

#define PIECE_MAX 16384

struct dialog {
    const char *name;
    const struct said *said;
    enum insp_app app;
    uint8_t proto;
    uint16_t port;
    const char *text;
};

#define TCP INSP_PROTO_TCP
#define UDP INSP_PROTO_UDP

#define SMB_SESSION " session_id=70368744177669"
#define SMB_FILE    " fuid=04030201-0605-0807-090a-0b0c0d0e0f10"
#define SMB_OK      " status=STATUS_SUCCESS status_code=0x0 latency_us=1000\n"
#define SMB_CLIENT  " client_guid=13121110-1514-1716-1819-1a1b1c1d1e1f"
#define SMB_SERVER  " server_guid=a3a2a1a0-a5a4-a7a6-a8a9-aaabacadaeaf"
#define SAMR(VERSION)                                                         \
    " interfaces=uuid=12345778-1234-abcd-ef00-0123456789ac"                   \
    " interfaces=version=" VERSION " interfaces=service=samr"
#define KRB_OFFERS                                                            \
    " encryption_offered=AES256_CTS_HMAC_SHA1_96"                             \
    " encryption_offered=AES128_CTS_HMAC_SHA1_96"                             \
    " encryption_offered=ARCFOUR_HMAC_MD5 encryption_offered=-128"
#define SEARCH(ID)                                                            \
    "ldap request.message_id=" ID " request.operation=search_request"         \
    " request.search_request.base_object=dc=example,dc=org"                   \
    " request.search_request.scope=2"                                         \
    " request.search_request.filter_attributes=uid"                           \
    " request.search_request.filter_attributes=mail"                          \
    " request.search_request.filter_attributes=cn"                            \
    " request.search_request.filter_attributes=ou"                            \
    " request.search_request.attributes=cn"                                   \
    " request.search_request.attributes=memberOf"                             \
    " response.operation=search_result_done"
#define NFS_UNIX                                                              \
    " rpc.auth_type=UNIX rpc.creds.machine_name=client7"                      \
    " rpc.creds.uid=1000 rpc.creds.gid=100"

static const struct dialog dialogs[] = {
    { "smb3", smb_smb3, INSP_APP_SMB, TCP, 445,
      "smb id=1 command=SMB1_COMMAND_NEGOTIATE_PROTOCOL session_id=0 "
      "tree_id=0 client_dialects=NT LM 0.12 client_dialects=SMB 2.002 "
      "client_dialects=SMB 2.?\?? dialect=2.?\?" SMB_SERVER
      " max_read_size=65536 max_write_size=65536 signing=enabled" SMB_OK
      "smb id=2 command=SMB2_COMMAND_NEGOTIATE_PROTOCOL session_id=0 "
      "tree_id=0" SMB_CLIENT " client_dialects=2.02 client_dialects=2.10 "
      "client_dialects=3.11 dialect=3.11" SMB_SERVER
      " max_read_size=8388608 max_write_size=1048576 signing=required" SMB_OK
      "smb id=3 dialect=3.11 command=SMB2_COMMAND_SESSION_SETUP" SMB_SESSION
      " tree_id=0 status=STATUS_MORE_PROCESSING_REQUIRED "
      "status_code=0xc0000016 latency_us=1000\n"
      "smb id=4 dialect=3.11 command=SMB2_COMMAND_SESSION_SETUP" SMB_SESSION
      " tree_id=0 ntlmssp.domain=EXAMPLE ntlmssp.user=alice "
      "ntlmssp.host=PC7 ntlmssp.version=6.1 build 7601 rev 15" SMB_OK
      "smb id=5 dialect=3.11 command=SMB2_COMMAND_TREE_CONNECT" SMB_SESSION
      " tree_id=7 share=\\\\fs1\\data share_type=FILE" SMB_OK
      "smb id=6 dialect=3.11 command=SMB2_COMMAND_CREATE" SMB_SESSION
      " tree_id=7 filename=a\\\\xc3\\xbc.txt disposition=FILE_OPEN "
      "access=normal size=3000" SMB_FILE SMB_OK
      "smb id=7 dialect=3.11 command=SMB2_COMMAND_CLOSE" SMB_SESSION
      " tree_id=7" SMB_FILE " read_bytes=3000 written_bytes=0" SMB_OK
      "smb id=8 dialect=3.11" SMB_SESSION " encrypted=1\n" },
    { "smb compound", smb_compound, INSP_APP_SMB, TCP, 445,
      "smb id=1 command=SMB2_COMMAND_CREATE" SMB_SESSION
      " tree_id=7 directory=dir disposition=FILE_CREATE access=normal "
      "size=0" SMB_FILE
      " status=STATUS_SUCCESS status_code=0x0 latency_us=2000\n"
      "smb id=2 command=SMB2_COMMAND_SET_INFO" SMB_SESSION
      " tree_id=7 set_info.class=FILE_INFO "
      "set_info.info_level=SMB2_FILE_RENAME_INFO" SMB_FILE
      " rename.to=b.txt status=STATUS_SUCCESS status_code=0x0 "
      "latency_us=2000\n"
      "smb id=3 command=SMB2_COMMAND_CREATE" SMB_SESSION
      " tree_id=7 filename=gone disposition=FILE_OPEN access=normal "
      "status=STATUS_OBJECT_NAME_NOT_FOUND status_code=0xc0000034 "
      "latency_us=1000\n" },
    { "smb1", smb_smb1, INSP_APP_SMB, TCP, 139,
      "smb id=1 command=SMB1_COMMAND_NEGOTIATE_PROTOCOL session_id=0 "
      "tree_id=0 client_dialects=LANMAN1.0 client_dialects=NT LM 0.12 "
      "dialect=NT LM 0.12 signing=enabled" SMB_OK
      "smb id=2 dialect=NT LM 0.12 command=SMB1_COMMAND_SESSION_SETUP_ANDX "
      "session_id=100 tree_id=9 user=bob domain=WORK request.native_os=Unix "
      "request.native_lm=Samba share=\\\\old\\c service.request=????? "
      "response.native_os=Windows 5.1 response.native_lm=LAN Manager" SMB_OK
      "smb id=3 dialect=NT LM 0.12 command=SMB1_COMMAND_NT_CREATE_ANDX "
      "session_id=100 tree_id=9 filename=\\x.doc "
      "disposition=FILE_OVERWRITE_IF access=delete on close size=0 "
      "fuid=4001" SMB_OK
      "smb id=4 dialect=NT LM 0.12 command=SMB1_COMMAND_CLOSE "
      "session_id=100 tree_id=9 fuid=4001 read_bytes=0 "
      "written_bytes=5" SMB_OK
      "smb id=5 dialect=NT LM 0.12 command=SMB1_COMMAND_DELETE "
      "session_id=100 tree_id=9 filename=\\y.doc status=ERRDOS "
      "status_code=0x2 latency_us=1000\n" },
    { "dcerpc samr", dcerpc_samr, INSP_APP_DCERPC, TCP, 49152,
      "dcerpc request=BIND call_id=1 rpc_version=5.0" SAMR("1.0") SAMR(
          "1.1") " interfaces=ack_result=0 interfaces=ack_result=2 response=BINDACK "
                 "latency_us=1000\n"
                 "dcerpc request=AUTH3 call_id=1 rpc_version=5.0 ntlmssp.user=eve "
                 "ntlmssp.domain=EX ntlmssp.host=PC9\n"
                 "dcerpc request=REQUEST call_id=2 rpc_version=5.0 "
                 "req.opnum=64" SAMR(
                     "1.0") " req.frag_cnt=2 req.stub_data_size=160 res.frag_cnt=1 "
                            "res.stub_data_size=40 response=RESPONSE latency_us=1000\n"
                            "dcerpc request=REQUEST call_id=3 rpc_version=5.0 "
                            "req.opnum=5" SAMR(
                                "1.0") " req.frag_cnt=1 req.stub_data_size=8 fault_status=0x1c010002 "
                                       "response=FAULT latency_us=1000\n" },
    { "dcerpc big-endian", dcerpc_big_endian, INSP_APP_DCERPC, TCP, 135,
      "dcerpc request=BIND call_id=9 rpc_version=5.0" SAMR(
          "1.0") " response=BINDNAK latency_us=1000\n"
                 "dcerpc request=BIND call_id=10 rpc_version=5.0" SAMR(
                     "1.0") " interfaces=ack_result=0 response=BINDACK latency_us=1000\n"
                            "dcerpc request=REQUEST call_id=11 rpc_version=5.0 "
                            "req.opnum=7" SAMR(
                                "1.0") " req.frag_cnt=1 req.stub_data_size=8\n" },
    { "krb5 as", krb5_as_tcp, INSP_APP_KRB5, TCP, 88,
      "krb5 cname=alice realm=EXAMPLE.ORG "
      "sname=krbtgt/EXAMPLE.ORG" KRB_OFFERS
      " msg_type=KRB_ERROR failed_request=KRB_AS_REQ "
      "error_code=KDC_ERR_PREAUTH_REQUIRED latency_us=1000\n"
      "krb5 cname=alice realm=EXAMPLE.ORG "
      "sname=krbtgt/EXAMPLE.ORG" KRB_OFFERS
      " msg_type=KRB_AS_REP ticket_encryption=AES256_CTS_HMAC_SHA1_96 "
      "ticket_weak_encryption=0 encryption=AES256_CTS_HMAC_SHA1_96 "
      "weak_encryption=0 latency_us=1000\n" },
    { "krb5 tgs", krb5_tgs_udp, INSP_APP_KRB5, UDP, 88,
      "krb5 realm=EXAMPLE.ORG sname=cifs/fs1.example.org "
      "encryption_offered=ARCFOUR_HMAC_MD5 msg_type=KRB_TGS_REP cname=alice "
      "ticket_encryption=ARCFOUR_HMAC_MD5 ticket_weak_encryption=1 "
      "encryption=AES256_CTS_HMAC_SHA1_96 weak_encryption=0 "
      "latency_us=1000\n"
      "krb5 realm=EXAMPLE.ORG sname=cifs/fs1.example.org "
      "encryption_offered=ARCFOUR_HMAC_MD5 msg_type=KRB_ERROR "
      "failed_request=KRB_TGS_REQ error_code=KDC_ERR_S_PRINCIPAL_UNKNOWN "
      "latency_us=1000\n" },
    { "ldap search", ldap_search, INSP_APP_LDAP, TCP, 389,
      "ldap request.message_id=1 request.operation=bind_request "
      "request.bind_request.version=3 "
      "request.bind_request.name=cn=admin,dc=example,dc=org "
      "request.bind_request.authentication=simple cleartext_login=1 "
      "response.operation=bind_response response.result_code=success "
      "latency_us=1000\n" SEARCH(
          "2") " response.entries=2 response.result_code=success "
               "latency_us=2000\n" SEARCH(
                   "3") " response.entries=1 "
                        "response.result_code=size_limit_exceeded response.message=limit "
                        "latency_us=2000\n"
                        "ldap request.message_id=4 request.operation=modify_request "
                        "request.modify_request.object=dc=example,dc=org "
                        "request.modify_request.attributes=userPassword "
                        "response.operation=modify_response "
                        "response.result_code=insufficient_access_rights latency_us=1000\n"
                        "ldap request.message_id=5 request.operation=del_request "
                        "request.del_request.dn=uid=x,dc=example,dc=org "
                        "response.operation=del_response response.result_code=no_such_object "
                        "latency_us=1000\n"
                        "ldap request.message_id=6 request.operation=mod_dn_request "
                        "request.mod_dn_request.entry=uid=a "
                        "request.mod_dn_request.new_rdn=uid=b "
                        "response.operation=mod_dn_response response.result_code=success "
                        "latency_us=1000\n"
                        "ldap request.message_id=7 request.operation=compare_request "
                        "request.compare_request.entry=dc=example,dc=org "
                        "request.compare_request.attribute_value_assertion.description=o "
                        "response.operation=compare_response "
                        "response.result_code=compare_true latency_us=1000\n" },
    { "ldap sasl", ldap_sasl, INSP_APP_LDAP, TCP, 3268,
      "ldap request.message_id=1 request.operation=bind_request "
      "request.bind_request.version=3 "
      "request.bind_request.authentication=sasl "
      "request.bind_request.sasl.mechanism=GSS-SPNEGO "
      "response.operation=bind_response "
      "response.result_code=sasl_bind_in_progress latency_us=1000\n"
      "ldap request.message_id=2 request.operation=bind_request "
      "request.bind_request.version=3 "
      "request.bind_request.authentication=anonymous "
      "response.operation=bind_response "
      "response.result_code=invalid_credentials response.message=80090308 "
      "latency_us=1000\n" },
    { "ldap udp", ldap_udp, INSP_APP_LDAP, UDP, 389,
      SEARCH("1") " response.entries=1 response.result_code=success "
                  "latency_us=1000\n" },
    { "rdp standard", rdp_standard, INSP_APP_RDP, TCP, 3389,
      "rdp cookie=alice requested_protocols=rdp latency_us=1000 "
      "protocol=rdp client.version=v5 client.desktop_width=1920 "
      "client.desktop_height=1080 client.keyboard_layout=0x407 "
      "client.build=Windows 7 SP1 client.client_name=PC7 "
      "client.id=55274-640 channels=rdpdr channels=cliprdr\n" },
    { "rdp refused", rdp_refused, INSP_APP_RDP, TCP, 10000,
      "rdp requested_protocols=rdp latency_us=1000 error_code=5 "
      "reason=hybrid required by server\n" },
    { "nfs 3", nfs_v3, INSP_APP_NFS, TCP, 2049,
      "nfs program=nfs version=3 procedure=LOOKUP id=1 rpc.xid=1 "
      "rpc.auth_type=UNIX rpc.status=ACCEPTED status=ERR_NOENT "
      "latency_us=1000\n"
      "nfs program=nfs version=3 procedure=RENAME id=2 rpc.xid=2" NFS_UNIX
      " rename.from=old rename.to=new rpc.status=ACCEPTED status=OK "
      "latency_us=1000\n"
      "nfs program=nfs version=3 procedure=MKDIR id=5 rpc.xid=7" NFS_UNIX
      " filename=dir rpc.status=DENIED latency_us=1000\n"
      "nfs program=nfs version=3 procedure=READ id=3 calls=2 bytes=5100\n"
      "nfs program=nfs version=3 procedure=WRITE id=4 calls=1 bytes=2000\n" },
    { "nfs 4", nfs_v4, INSP_APP_NFS, TCP, 2049,
      "nfs program=nfs version=4 procedure=COMPOUND id=1 rpc.xid=1" NFS_UNIX
      " operations=SEQUENCE operations=PUTFH operations=OPEN "
      "filename=notes.txt operations=GETFH operations=GETATTR "
      "rpc.status=ACCEPTED status=ERR_ACCES latency_us=1000\n"
      "nfs program=nfs version=4 procedure=COMPOUND id=3 rpc.xid=4" NFS_UNIX
      " operations=EXCHANGE_ID rpc.status=ACCEPTED status=GARBAGE_ARGS "
      "latency_us=1000\n"
      "nfs program=nfs version=4 procedure=READ id=2 calls=1 bytes=1234\n" },
    { "nfs mount", nfs_mount, INSP_APP_NFS, UDP, 20048,
      "nfs program=portmap version=2 procedure=GETPORT id=1 rpc.xid=1 "
      "rpc.auth_type=NULL rpc.status=ACCEPTED port=20048 latency_us=1000\n"
      "nfs program=mount version=3 procedure=MNT id=2 rpc.xid=2" NFS_UNIX
      " filename=/export/home rpc.status=ACCEPTED status=ERR_ACCES "
      "latency_us=1000\n" },
};

/* ------------------------------------------------------------------------ */

/* Returns how many bytes. */
static size_t
bytes_of(const struct said *said, uint8_t bytes[PIECE_MAX])
{
    const char *hex = said->hex;
    unsigned int value;
    size_t n = 0;

    while (*hex) {
        if (*hex == '~') {
            CU_ASSERT_EQUAL_FATAL(sscanf(hex + 1, "%4x", &value), 1);
            CU_ASSERT_FATAL(n + value <= PIECE_MAX);
            memset(bytes + n, 0, value);
            n += value;
            hex += 5;
        } else {
            CU_ASSERT_FATAL(hex[1] && n < PIECE_MAX);
            CU_ASSERT_EQUAL_FATAL(sscanf(hex, "%2x", &value), 1);
            bytes[n++] = (uint8_t) value;
            hex += 2;
        }
    }
    return n;
}

static void
say(struct talk *t, const struct said *said)
{
    static uint8_t bytes[PIECE_MAX];

    talk_say(t, said->side, bytes, bytes_of(said, bytes));
}

static void
test_dialogs(void)
{
    static const size_t segments[] = { 0, 1, 7, 1000 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(dialogs); i++) {
        const struct dialog *d = &dialogs[i];

        for (size_t j = 0; j < INSP_ARRAY_SIZE(segments); j++) {
            static struct talk t;

            talk_begin(&t, d->proto, 40000, d->port);
            t.segment = segments[j];
            for (const struct said *s = d->said; s->hex; s++) {
                say(&t, s);
            }
            UNIT_STR_EQ(talk_end(&t), d->text);
            UNIT_EQ(t.app, d->app);
        }
    }
}

/* Ports play no role, but for the oldest form of RDP. */
static void
test_any_port(void)
{
    for (size_t i = 0; i < INSP_ARRAY_SIZE(dialogs); i++) {
        const struct dialog *d = &dialogs[i];
        static struct talk t;

        talk_begin(&t, d->proto, 40000, 7777);
        for (const struct said *s = d->said; s->hex; s++) {
            say(&t, s);
        }
        UNIT_STR_EQ(talk_end(&t), d->text);
    }
}

/* Only what the server says is seen; of NFS that says nothing. */
static void
test_answers_alone(void)
{
    static const struct {
        const struct said *said;
        enum insp_app app;
        uint8_t proto;
        const char *text;
    } cases[] = {
        { smb_smb3, INSP_APP_SMB, TCP,
          "smb id=1 command=SMB2_COMMAND_NEGOTIATE_PROTOCOL "
          "dialect=2.?\?" SMB_SERVER " max_read_size=65536 "
          "max_write_size=65536 signing=enabled status=STATUS_SUCCESS "
          "status_code=0x0 latency_us=0\n"
          "smb id=2 command=SMB2_COMMAND_NEGOTIATE_PROTOCOL "
          "dialect=3.11" SMB_SERVER " max_read_size=8388608 "
          "max_write_size=1048576 signing=required status=STATUS_SUCCESS "
          "status_code=0x0 latency_us=0\n"
          "smb id=3 dialect=3.11" SMB_SESSION " encrypted=1\n" },
        { dcerpc_samr, INSP_APP_DCERPC, TCP, "" },
        { krb5_as_tcp, INSP_APP_KRB5, TCP,
          "krb5 msg_type=KRB_ERROR failed_request=UNKNOWN "
          "error_code=KDC_ERR_PREAUTH_REQUIRED realm=EXAMPLE.ORG "
          "sname=krbtgt/EXAMPLE.ORG latency_us=0\n"
          "krb5 msg_type=KRB_AS_REP realm=EXAMPLE.ORG cname=alice "
          "ticket_encryption=AES256_CTS_HMAC_SHA1_96 "
          "ticket_weak_encryption=0 sname=krbtgt/EXAMPLE.ORG "
          "encryption=AES256_CTS_HMAC_SHA1_96 weak_encryption=0 "
          "latency_us=0\n" },
        { ldap_search, INSP_APP_LDAP, TCP, "" },
        { rdp_refused, INSP_APP_RDP, TCP,
          "rdp latency_us=0 error_code=5 reason=hybrid required by "
          "server\n" },
        { nfs_mount, INSP_APP_UNKNOWN, UDP, "" },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        static struct talk t;

        talk_begin(&t, cases[i].proto, 40000, 7777);
        for (const struct said *s = cases[i].said; s->hex; s++) {
            if (s->side) {
                say(&t, s);
            }
        }
        UNIT_STR_EQ(talk_end(&t), cases[i].text);
        UNIT_EQ(t.app, cases[i].app);
    }
}

/* Behind StartTLS, and behind the choice of TLS in RDP, readers are asked
 * anew: here each time by something else than TLS. */
static void
test_again(void)
{
    static struct talk t;

    talk_begin(&t, TCP, 40000, 389);
    say(&t, &ldap_start_tls[0]);
    say(&t, &ldap_start_tls[1]);
    say(&t, &rdp_refused[0]);
    say(&t, &rdp_refused[1]);
    UNIT_STR_EQ(talk_end(&t),
                "ldap request.message_id=1 "
                "request.operation=extended_request "
                "request.extended_request.name=1.3.6.1.4.1.1466.20037 "
                "response.operation=extended_response "
                "response.result_code=success latency_us=1000\n"
                "rdp requested_protocols=rdp latency_us=1000 error_code=5 "
                "reason=hybrid required by server\n");
    UNIT_EQ(t.app, INSP_APP_RDP);

    talk_begin(&t, TCP, 40000, 3389);
    t.segment = 1;
    say(&t, &rdp_hybrid[0]);
    say(&t, &rdp_hybrid[1]);
    say(&t, &ldap_search[12]);
    say(&t, &ldap_search[13]);
    UNIT_STR_EQ(
        talk_end(&t),
        "rdp cookie=alice flags=restricted_admin_mode_required "
        "requested_protocols=ssl requested_protocols=hybrid "
        "requested_protocols=hybrid_ex latency_us=1000 "
        "server_supports=extended_client_data server_supports=dynvc_gfx "
        "server_supports=restricted_admin "
        "server_supports=redirected_authentication protocol=hybrid_ex\n");
    UNIT_EQ(t.app, INSP_APP_LDAP);
}

/* ------------------------------------------------------------------------ */
/* What is not theirs. */

static enum insp_guess
guess(enum insp_app app, uint8_t proto, const uint8_t *bytes, size_t size)
{
    uint64_t state[INSP_READER_STATE / 8] = { 0 };
    uint8_t *copy = malloc(size ? size : 1);
    struct insp_reading r = {
        .size = size,
        .is_stream = proto == TCP,
        .proto = proto,
        .port = { 40000, 7777 },
        .state = state,
    };
    enum insp_guess g;

    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    memcpy(copy, bytes, size);
    r.bytes = copy;
    g = insp_reader_of(app)->detect(&r);
    free(copy);
    return g;
}

static const enum insp_app ours[] = { INSP_APP_SMB,  INSP_APP_DCERPC,
                                      INSP_APP_RDP,  INSP_APP_KRB5,
                                      INSP_APP_LDAP, INSP_APP_NFS };

static void
test_not_each_other(void)
{
    static uint8_t bytes[PIECE_MAX];

    for (size_t i = 0; i < INSP_ARRAY_SIZE(dialogs); i++) {
        const struct dialog *d = &dialogs[i];

        for (const struct said *s = d->said; s->hex; s++) {
            size_t size = bytes_of(s, bytes);

            for (size_t j = 0; j < INSP_ARRAY_SIZE(ours); j++) {
                if (ours[j] != d->app) {
                    UNIT_EQ(guess(ours[j], d->proto, bytes, size),
                            INSP_GUESS_NO);
                }
            }
        }
    }
}

static void
test_foreign(void)
{
    static const struct said foreign[] = {
        /* HTTP, SSH, TLS, DNS over TCP. */
        { 0, "474554202f20485454502f312e310d0a486f73743a20610d0a0d0a" },
        { 0, "5353482d322e302d4f70656e5353485f392e30207831320d0a0d0a0d0a" },
        { 0, "1603010200010001fc0303~0020000102030405060708090a0b0c0d0e0f" },
        { 0, "001d12340100000100000000000001610765786d61706c6503636f6d00000100"
             "01" },
        /* SNMP, a certificate, a key. */
        { 0, "302602010004067075626c6963a019020412345678020100020100300b3009"
             "06052b060102010500" },
        { 0, "308203503082023830820103020101300d06092a864886f70d01010b0500" },
        { 0,
          "3082025c02010002818100d5e0000000000000000000000000000000000000" },
        /* MySQL, PostgreSQL, Redis, SOCKS 5, BGP, H.323, S7 (TPKT). */
        { 0, "4a0000000a352e352e352d31302e362e372d4d61726961444200080000" },
        { 0, "000000530003000075736572006100646174616261736500620000~0020" },
        { 0, "2a310d0a24340d0a50494e470d0a2a310d0a24340d0a50494e470d0a" },
        { 0, "050100" },
        { 0, "ffffffffffffffffffffffffffffffff001d0104fde800b40a00000100" },
        { 0, "0300002408020012056a00046c0000000000000000000000000000000000000"
             "00000000000" },
        { 0, "0300001611e00000000100c1020100c2020102c0010a" },
        /* Zeros, ones, RPC of another program, NetBIOS without SMB. */
        { 0, "~0100" },
        { 0, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
        { 0, "8000002c0000000100000000000000020001871100000001000000010000~20"
             "00" },
        { 0, "0000004541424344454647~0040" },
        { 0, "8100004420616263646566676869~0040" },
    };
    static uint8_t bytes[PIECE_MAX];

    for (size_t i = 0; i < INSP_ARRAY_SIZE(foreign); i++) {
        size_t size = bytes_of(&foreign[i], bytes);

        for (size_t j = 0; j < INSP_ARRAY_SIZE(ours); j++) {
            enum insp_guess tcp = guess(ours[j], TCP, bytes, size);

            CU_ASSERT(tcp == INSP_GUESS_NO ||
                      (size < 24 && tcp == INSP_GUESS_MAYBE));
            UNIT_EQ(guess(ours[j], UDP, bytes, size), INSP_GUESS_NO);
        }
    }
}

/* Every beginning of what they say first is NO never, YES at last. */
static void
test_beginnings(void)
{
    static uint8_t bytes[PIECE_MAX];

    for (size_t i = 0; i < INSP_ARRAY_SIZE(dialogs); i++) {
        const struct dialog *d = &dialogs[i];
        size_t size = bytes_of(&d->said[0], bytes);
        bool was_yes = false;

        if (d->proto != TCP) {
            continue;
        }
        for (size_t n = 1; n <= size && n < 512; n++) {
            enum insp_guess g = guess(d->app, TCP, bytes, n);

            CU_ASSERT(g == INSP_GUESS_YES ||
                      (g == INSP_GUESS_MAYBE && !was_yes));
            was_yes |= g == INSP_GUESS_YES;
        }
        CU_ASSERT(was_yes);
    }
}

/* A hole that does not close: both sides go on behind it with the next message
 * that begins a segment. */
static void
test_gap(void)
{
    static uint8_t bytes[PIECE_MAX];
    static struct talk t;

    talk_begin(&t, TCP, 40000, 2049);
    say(&t, &nfs_v3[0]);
    say(&t, &nfs_v3[1]);
    for (unsigned int side = 0; side < 2; side++) {
        t.seq[side] += 100;
        for (int i = 0; i < 3; i++) {
            talk_say(&t, side, bytes, 9000);
        }
    }
    say(&t, &nfs_v3[2]);
    say(&t, &nfs_v3[3]);
    UNIT_STR_EQ(talk_end(&t),
                "nfs program=nfs version=3 procedure=LOOKUP id=1 rpc.xid=1 "
                "rpc.auth_type=UNIX rpc.status=ACCEPTED status=ERR_NOENT "
                "latency_us=1000\n"
                "nfs program=nfs version=3 procedure=RENAME id=2 "
                "rpc.xid=2" NFS_UNIX
                " rename.from=old rename.to=new rpc.status=ACCEPTED "
                "status=OK latency_us=1000\n");
}

/* ------------------------------------------------------------------------ */
/* What is broken. */

/* Cut short at each of the first bytes of each piece, and then closed; nothing
 * is asked but that blocks come back and sanitizers keep quiet. */
static void
test_cut(void)
{
    static uint8_t bytes[PIECE_MAX];

    for (size_t i = 0; i < INSP_ARRAY_SIZE(dialogs); i++) {
        const struct dialog *d = &dialogs[i];

        for (const struct said *s = d->said; s->hex; s++) {
            size_t size = bytes_of(s, bytes);

            for (size_t n = 0; n < size && n < 200; n++) {
                static struct talk t;

                talk_begin(&t, d->proto, 40000, d->port);
                for (const struct said *p = d->said; p < s; p++) {
                    say(&t, p);
                }
                size = bytes_of(s, bytes);
                talk_say(&t, s->side, bytes, n);
                talk_fin(&t, s->side);
                (void) talk_end(&t);
            }
        }
    }
}

/* One byte is another one. */
static void
test_turned(void)
{
    static uint8_t bytes[PIECE_MAX];

    for (size_t i = 0; i < INSP_ARRAY_SIZE(dialogs); i++) {
        const struct dialog *d = &dialogs[i];

        for (const struct said *s = d->said; s->hex; s++) {
            size_t size = bytes_of(s, bytes);

            for (size_t n = 0; n < size && n < 160; n++) {
                static struct talk t;

                talk_begin(&t, d->proto, 40000, d->port);
                for (const struct said *p = d->said; p->hex; p++) {
                    size = bytes_of(p, bytes);
                    if (p == s) {
                        bytes[n] ^= n & 1 ? 0xff : 0x80;
                    }
                    talk_say(&t, p->side, bytes, size);
                }
                (void) talk_end(&t);
                size = bytes_of(s, bytes);
            }
        }
    }
}

/* Counts that are not meant. */
static void
test_counts(void)
{
    static struct talk t;
    static uint8_t filter[4096];
    size_t n = 0;

    /* SMB 2: 65535 dialects of which two are there. */
    talk_begin(&t, TCP, 40000, 445);
    talk_hex(&t, 0,
             "00000068 fe534d42 4000 0100 00000000 0000 0100 00000000 00000000"
             "0100000000000000 fffe0000 00000000 0000000000000000"
             "00000000000000000000000000000000"
             "2400 ffff 0100 0000 00000000 00000000000000000000000000000000"
             "0000000000000000 0202 1002");
    UNIT_STR_EQ(talk_end(&t),
                "smb id=1 command=SMB2_COMMAND_NEGOTIATE_PROTOCOL "
                "session_id=0 tree_id=0 "
                "client_guid=00000000-0000-0000-0000-000000000000 "
                "client_dialects=2.02 client_dialects=2.10\n");

    /* DCE/RPC: 255 contexts of which none is there. */
    talk_begin(&t, TCP, 40000, 135);
    talk_hex(
        &t, 0,
        "05000b03 10000000 1c00 0000 01000000 b810 b810 00000000 ff000000");
    UNIT_STR_EQ(talk_end(&t),
                "dcerpc request=BIND call_id=1 rpc_version=5.0\n");

    /* NFS 4: 2^32 - 1 operations that are all there is. */
    talk_begin(&t, UDP, 40000, 2049);
    talk_hex(&t, 0,
             "00000001 00000000 00000002 000186a3 00000004 00000001"
             "0000000000000000 0000000000000000 00000000 00000001 ffffffff"
             "0000000f 00000001 61000000 0000000f 00000001 62000000");
    UNIT_STR_EQ(talk_end(&t),
                "nfs program=nfs version=4 procedure=COMPOUND id=1 "
                "rpc.xid=1 rpc.auth_type=NULL operations=LOOKUP filename=a "
                "operations=LOOKUP\n");

    /* LDAP: a filter of nothing but NOT. */
    memset(filter, 0, sizeof filter);
    for (size_t depth = 900; depth-- > 0;) {
        filter[n++] = 0xa2;
        filter[n++] = 0x82;
        filter[n++] = (uint8_t) (depth * 4 >> 8);
        filter[n++] = (uint8_t) (depth * 4);
    }
    talk_begin(&t, TCP, 40000, 389);
    talk_hex(&t, 0,
             "30820e2c 020101 63820e25 0400 0a0102 0a0100 020100 020100 "
             "010100");
    talk_say(&t, 0, filter, n);
    talk_hex(&t, 0, "3000");
    UNIT_STR_EQ(talk_end(&t), "ldap request.message_id=1 "
                              "request.operation=search_request "
                              "request.search_request.scope=2\n");
}

/* A frame that is longer than any window is passed, not kept. */
static void
test_bulk(void)
{
    static uint8_t bulk[100000];
    static struct talk t;

    talk_begin(&t, TCP, 40000, 445);
    for (const struct said *s = smb_smb3; s < &smb_smb3[13]; s++) {
        say(&t, s);
    }
    /* SMB2 READ response of 100000 bytes. */
    talk_hex(&t, 1,
             "000186f0 fe534d42 4000 0100 00000000 0800 0100 01000000 00000000"
             "0600000000000000 fffe0000 07000000 0500000000400000"
             "00000000000000000000000000000000"
             "1100 50 00 a0860100 00000000 00000000");
    talk_say(&t, 1, bulk, sizeof bulk);
    say(&t, &smb_smb3[14]);
    say(&t, &smb_smb3[15]);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(talk_end(&t), " read_bytes=100000 written_bytes=0"));
}

/* ------------------------------------------------------------------------ */
/* What the readers share. */

static void
test_ber(void)
{
    static const uint8_t negative[] = { 2, 1, 0x80, 2, 2, 0x7f, 0xff };
    static const uint8_t widest[] = { 2,    9,    0,    0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff };
    static const uint8_t oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12 };
    static const uint8_t endless[] = { 0x30, 0x80, 0, 0 };
    struct insp_cursor c = insp_cursor(negative, sizeof negative), body;
    struct insp_ber_head head;
    uint64_t u = 0;
    int64_t i = 0;
    char text[32];

    CU_ASSERT(insp_ber_open(&c, INSP_BER_INTEGER, &body));
    CU_ASSERT(insp_ber_number(&body, &i));
    UNIT_EQ(i, -128);
    CU_ASSERT(insp_ber_uint(&c, INSP_BER_INTEGER, &u));
    UNIT_EQ(u, 0x7fff);
    c = insp_cursor(negative, sizeof negative);
    CU_ASSERT(!insp_ber_uint(&c, INSP_BER_INTEGER, &u));
    CU_ASSERT(c.failed);
    c = insp_cursor(widest, sizeof widest);
    CU_ASSERT(insp_ber_uint(&c, INSP_BER_INTEGER, &u));
    CU_ASSERT(u == UINT64_MAX);
    c = insp_cursor(oid, sizeof oid);
    UNIT_EQ(insp_ber_oid_text(&c, text, sizeof text), 14);
    UNIT_STR_EQ(text, "1.2.840.113554");
    UNIT_EQ(insp_ber_oid_text(&c, text, 7), 3);
    c = insp_cursor(endless, sizeof endless);
    UNIT_EQ(insp_ber_look(&c, &head), INSP_BER_BAD);
    c = insp_cursor(endless, 1);
    UNIT_EQ(insp_ber_look(&c, &head), INSP_BER_SHORT);
}

static void
test_little(void)
{
    /* "A", u umlaut, euro, a pair, half a pair, a zero, "x". */
    static const uint8_t wide[] = { 0x41, 0,    0xfc, 0,    0xac, 0x20,
                                    0x3d, 0xd8, 0,    0xde, 0,    0xd8,
                                    0,    0,    0x78, 0 };
    static const char utf8[] =
        "A\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd";
    char text[64], hex[INSP_HEX_TEXT_SIZE];

    UNIT_EQ(insp_little_text(wide, sizeof wide, text, sizeof text),
            sizeof utf8 - 1);
    UNIT_EQ(memcmp(text, utf8, sizeof utf8 - 1), 0);
    /* No character is cut. */
    UNIT_EQ(insp_little_text(wide, sizeof wide, text, 5), 3);
    UNIT_EQ(insp_little_text(wide, 1, text, sizeof text), 0);
    UNIT_EQ(insp_hex_text(0, hex), 3);
    UNIT_EQ(insp_hex_text(UINT32_MAX, hex), 10);
    UNIT_EQ(memcmp(hex, "0xffffffff", 10), 0);
}

UNIT_MAIN("app windows", UNIT_TEST(test_dialogs), UNIT_TEST(test_any_port),
          UNIT_TEST(test_answers_alone), UNIT_TEST(test_again),
          UNIT_TEST(test_not_each_other), UNIT_TEST(test_foreign),
          UNIT_TEST(test_beginnings), UNIT_TEST(test_gap), UNIT_TEST(test_cut),
          UNIT_TEST(test_turned), UNIT_TEST(test_counts), UNIT_TEST(test_bulk),
          UNIT_TEST(test_ber), UNIT_TEST(test_little))
