/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of databases and message brokers make of bytes. */

#include "talk.h"

/* ------------------------------------------------------------------------ */
/* Dialogs, each a function, so that they can be run cut into segments, broken
 * off after any byte, and with any byte changed. */

#define NEVER SIZE_MAX

static struct {
    size_t n_said;  /* Bytes, of both sides. */
    size_t ends_at; /* Nothing is said from there on. */
    size_t changed_at;
    uint8_t changed_to;
    bool swapped; /* The server is who began. */
} plan;

static void
say(struct talk *t, unsigned int side, const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    size_t room = plan.ends_at > plan.n_said ? plan.ends_at - plan.n_said : 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    memcpy(copy, bytes, size);
    if (plan.changed_at >= plan.n_said &&
        plan.changed_at - plan.n_said < size) {
        copy[plan.changed_at - plan.n_said] = plan.changed_to;
    }
    plan.n_said += size;
    size = size < room ? size : room;
    if (size) {
        talk_say(t, side ^ plan.swapped, copy, size);
    }
    free(copy);
}

#define SAY(T, SIDE, TEXT) say(T, SIDE, TEXT, sizeof(TEXT) - 1)

/* 'head', then a text literal. */
static void
say_behind(struct talk *t, unsigned int side, const void *head,
           size_t head_size, const void *bytes, size_t size)
{
    uint8_t *all = malloc(head_size + size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    memcpy(all, head, head_size);
    memcpy(all + head_size, bytes, size);
    say(t, side, all, head_size + size);
    free(all);
}

typedef void dialog(struct talk *);

static const char *
run(struct talk *t, dialog *d, uint8_t proto, size_t segment)
{
    talk_begin(t, proto, 40000, 1234);
    t->segment = segment;
    plan.n_said = 0;
    d(t);
    return talk_end(t);
}

static void
plan_nothing(void)
{
    memset(&plan, 0, sizeof plan);
    plan.ends_at = plan.changed_at = NEVER;
}

static void
expect(dialog *d, uint8_t proto, enum insp_app app, const char *text)
{
    static const size_t segments[] = { 0, 1, 7 };
    static struct talk t;

    plan_nothing();
    for (size_t i = 0; i < 3; i++) {
        UNIT_STR_EQ(run(&t, d, proto, segments[i]), text);
        UNIT_STR_EQ(insp_app_word(t.app), insp_app_word(app));
    }
}

/* Broken off everywhere, and changed everywhere: what comes out is not looked
 * at, but that nothing is read beyond its end, nor kept. */
static void
torture(dialog *d, uint8_t proto)
{
    static const uint8_t changes[] = { 0x00, 0x7f, 0xff };
    static struct talk t;
    size_t n;

    plan_nothing();
    run(&t, d, proto, 0);
    n = plan.n_said;
    for (size_t i = 0; i < n; i++) {
        plan.ends_at = i;
        run(&t, d, proto, i % 3);
    }
    plan_nothing();
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < sizeof changes; j++) {
            plan.changed_at = i;
            plan.changed_to = changes[j];
            run(&t, d, proto, i % 5);
        }
    }
    plan_nothing();
}

/* ------------------------------------------------------------------------ */
/* MySQL. */

static void
say_mysql(struct talk *t, unsigned int side, uint8_t number, const void *bytes,
          size_t size)
{
    uint8_t head[4] = { (uint8_t) size, (uint8_t) (size >> 8),
                        (uint8_t) (size >> 16), number };

    say_behind(t, side, head, sizeof head, bytes, size);
}

#define MYSQL(T, SIDE, NUMBER, TEXT)                                          \
    say_mysql(T, SIDE, NUMBER, TEXT, sizeof(TEXT) - 1)

#define MYSQL_GREETING(CAPS)                                                  \
    "\x0a"                                                                    \
    "8.0.36\0"                                                                \
    "\x2a\0\0\0"                                                              \
    "abcdefgh\0"                                                              \
    "\xff\xff"                                                                \
    "\xff\x02\0" CAPS "\x15"                                                  \
    "\0\0\0\0\0\0\0\0\0\0"                                                    \
    "ijklmnopqrst\0"                                                          \
    "caching_sha2_password\0"
#define ZEROS_23 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void
mysql_session(struct talk *t)
{
    MYSQL(t, 1, 0, MYSQL_GREETING("\xff\xdf"));
    MYSQL(t, 0, 1,
          "\x08\x82\x38\0"
          "\0\0\0\1"
          "\xff" ZEROS_23 "app\0"
          "\4SECR"
          "shop\0"
          "caching_sha2_password\0"
          "\x28"
          "\x0c"
          "_client_name"
          "\x08"
          "libmysql"
          "\x0c"
          "program_name"
          "\4till");
    MYSQL(t, 1, 2, "\1\3");
    MYSQL(t, 1, 3, "\0\0\0\2\0\0\0");
    MYSQL(t, 0, 0, "\3SELECT name FROM users WHERE id = 4711");
    MYSQL(t, 1, 1, "\1");
    MYSQL(t, 1, 2,
          "\3def\4shop\5users\5users\4name\4name"
          "\x0c\xff\0\0\1\0\0\xfd\0\0\0\0\0");
    MYSQL(t, 1, 3, "\5alice");
    MYSQL(t, 1, 4, "\xfe\0\0\2\0");
    MYSQL(t, 0, 0, "\3 /* from the till */ (delete  from\ntills) 'x'");
    MYSQL(t, 1, 1, "\xff\x7a\4#42S02Table 'shop.tills' doesn't exist");
    MYSQL(t, 0, 0, "\x16INSERT INTO t VALUES (?)");
    MYSQL(t, 1, 1, "\0\1\0\0\0\0\0\1\0\0\0\0");
    MYSQL(t, 0, 0, "\x19\1\0\0\0");
    MYSQL(t, 0, 0, "\2stock");
    MYSQL(t, 1, 1, "\0\0\0\2\0\0\0");
    MYSQL(t, 0, 0, "\1");
}

#define MYSQL_LOGIN                                                           \
    "mysql version=8.0.36 protocol_version=10 connection_id=42 "              \
    "capabilities=3758096383 auth_plugin=caching_sha2_password tls=0 "        \
    "client_capabilities=3703304 user=app database=shop "                     \
    "client_auth_plugin=caching_sha2_password client_name=libmysql "          \
    "program_name=till status=ok\n"

static void
test_mysql(void)
{
    expect(mysql_session, INSP_PROTO_TCP, INSP_APP_MYSQL,
           MYSQL_LOGIN
           "mysql command=query statement=SELECT name FROM users WHERE id "
           "status=result latency_us=1000\n"
           "mysql command=query statement=delete from tills status=error "
           "error_code=1146 sqlstate=42S02 latency_us=1000\n"
           "mysql command=stmt_prepare statement=INSERT INTO t VALUES "
           "status=ok latency_us=1000\n"
           "mysql command=init_db database=stock status=ok latency_us=1000\n"
           "mysql command=quit\n");
    torture(mysql_session, INSP_PROTO_TCP);
}

/* The first capture that is seen begins with the server's bytes. */
static void
test_mysql_swapped(void)
{
    static struct talk t;

    plan_nothing();
    plan.swapped = true;
    CU_ASSERT(!strncmp(run(&t, mysql_session, INSP_PROTO_TCP, 0), MYSQL_LOGIN,
                       strlen(MYSQL_LOGIN)));
}

static void
mysql_tls(struct talk *t)
{
    MYSQL(t, 1, 0, MYSQL_GREETING("\xff\xdf"));
    MYSQL(t, 0, 1,
          "\x05\xae\x3f\x20"
          "\0\0\0\1"
          "\x2d" ZEROS_23);
    SAY(t, 0, "\x2a");
    SAY(t, 1, "\x2a");
}

static void
test_mysql_tls(void)
{
    static struct talk t;

    plan_nothing();
    UNIT_STR_EQ(run(&t, mysql_tls, INSP_PROTO_TCP, 0),
                "mysql version=8.0.36 protocol_version=10 connection_id=42 "
                "capabilities=3758096383 auth_plugin=caching_sha2_password "
                "tls=1 client_capabilities=541044229\n");
    torture(mysql_tls, INSP_PROTO_TCP);
}

static void
mysql_attributes(struct talk *t)
{
    MYSQL(t, 1, 0, MYSQL_GREETING("\xff\xdf"));
    MYSQL(t, 0, 1,
          "\0\x82\0\x08"
          "\0\0\0\1"
          "\xff" ZEROS_23 "app\0\0");
    MYSQL(t, 1, 2, "\xff\x15\4#28000Access denied for user 'app'");
    MYSQL(t, 0, 0, "\3\0\1SELECT now()");
    MYSQL(t, 1, 1, "\1");
    /* Three attributes: one null, a number, a text. */
    MYSQL(t, 0, 0,
          "\3\3\1"
          "\1"
          "\1"
          "\xfd\0\1a"
          "\3\0\1b"
          "\xfd\0\1c"
          "\1\2\3\4"
          "\6SECRET"
          "update x set y = 1");
    MYSQL(t, 1, 1, "\0\0\0\2\0\0\0");
}

static void
test_mysql_attributes(void)
{
    expect(mysql_attributes, INSP_PROTO_TCP, INSP_APP_MYSQL,
           "mysql version=8.0.36 protocol_version=10 connection_id=42 "
           "capabilities=3758096383 auth_plugin=caching_sha2_password tls=0 "
           "client_capabilities=134251008 user=app status=error "
           "error_code=1045 sqlstate=28000\n"
           "mysql command=query statement=SELECT now status=result "
           "latency_us=1000\n"
           "mysql command=query statement=update x set y status=ok "
           "latency_us=1000\n");
    torture(mysql_attributes, INSP_PROTO_TCP);
}

/* A change of the user takes as many packets as a login. */
static void
mysql_change_user(struct talk *t)
{
    MYSQL(t, 0, 0, "\3set names utf8");
    MYSQL(t, 1, 1, "\0\0\0\2\0\0\0");
    MYSQL(t, 0, 0,
          "\x11"
          "bob\0"
          "\4SECR"
          "shop\0\xff\0");
    MYSQL(t, 1, 1, "\xfemysql_native_password\0abcdefghijklmnopqrst\0");
    MYSQL(t, 0, 2, "SECRETSECRETSECRET12");
    MYSQL(t, 1, 3, "\xff\x15\4#28000Access denied for user 'bob'");
    MYSQL(t, 0, 0, "\x12\0\0\0\0");
    MYSQL(t, 1, 1, "\0\0\0\0");
}

static void
test_mysql_change_user(void)
{
    static const char text[] =
        "mysql command=query statement=set names utf8 status=ok "
        "latency_us=1000\n"
        "mysql command=change_user user=bob database=shop status=error "
        "error_code=1045 sqlstate=28000 latency_us=3000\n"
        "mysql command=binlog_dump\n";
    static struct talk t;

    /* Picked up in mid-stream: a query must be there as a whole. */
    plan_nothing();
    UNIT_STR_EQ(run(&t, mysql_change_user, INSP_PROTO_TCP, 0), text);
    UNIT_EQ(t.app, INSP_APP_MYSQL);
    torture(mysql_change_user, INSP_PROTO_TCP);
}

static void
mysql_refusal(struct talk *t)
{
    MYSQL(t, 1, 0, "\xff\x6a\4Host '10.0.0.1' is not allowed to connect");
}

static void
mysql_compressed(struct talk *t)
{
    MYSQL(t, 1, 0, MYSQL_GREETING("\xff\xdf"));
    MYSQL(t, 0, 1,
          "\x20\x82\0\0"
          "\0\0\0\1"
          "\xff" ZEROS_23 "app\0\0");
    MYSQL(t, 1, 2, "\0\0\0\2\0\0\0");
    SAY(t, 0, "\x0d\0\0\0\0\0\0\x09\0\0\0\3SELECT 1");
}

static void
test_mysql_ends(void)
{
    static struct talk t;

    expect(mysql_refusal, INSP_PROTO_TCP, INSP_APP_MYSQL,
           "mysql status=error error_code=1130\n");
    plan_nothing();
    run(&t, mysql_compressed, INSP_PROTO_TCP, 0);
    CU_ASSERT(strstr(t.text, "user=app status=ok\n") != NULL);
    CU_ASSERT(strstr(t.text, "command") == NULL);
}

/* ------------------------------------------------------------------------ */
/* PostgreSQL. */

static void
say_pgsql(struct talk *t, unsigned int side, char type, const void *bytes,
          size_t size)
{
    uint8_t head[5] = { (uint8_t) type, 0, 0, (uint8_t) ((size + 4) >> 8),
                        (uint8_t) (size + 4) };

    say_behind(t, side, head + !type, sizeof head - !type, bytes, size);
}

#define PGSQL(T, SIDE, TYPE, TEXT)                                            \
    say_pgsql(T, SIDE, TYPE, TEXT, sizeof(TEXT) - 1)

#define PGSQL_PARAMETERS                                                      \
    "user\0web\0database\0shop\0application_name\0till 3\0\0"

static void
pgsql_session(struct talk *t)
{
    PGSQL(t, 0, 0, "\4\xd2\x16\x2f");
    SAY(t, 1, "N");
    PGSQL(t, 0, 0, "\0\3\0\0" PGSQL_PARAMETERS);
    PGSQL(t, 1, 'R',
          "\0\0\0\x0a"
          "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
    PGSQL(t, 0, 'p',
          "SCRAM-SHA-256\0\0\0\0\x08"
          "n,,SECRE");
    PGSQL(t, 1, 'R',
          "\0\0\0\x0b"
          "r=SECRET");
    PGSQL(t, 0, 'p', "p=SECRET");
    PGSQL(t, 1, 'R', "\0\0\0\0");
    PGSQL(t, 1, 'S', "client_encoding\0UTF8\0");
    PGSQL(t, 1, 'S',
          "server_version\0"
          "16.4\0");
    PGSQL(t, 1, 'K', "\0\0\4\xd2SECR");
    PGSQL(t, 1, 'Z', "I");
    PGSQL(t, 0, 'Q', "select * from users where mail = 'a@b'\0");
    PGSQL(t, 1, 'T', "\0\1name\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\0\0\0\0\0\0");
    PGSQL(t, 1, 'D', "\0\1\0\0\0\5alice");
    PGSQL(t, 1, 'D', "\0\1\0\0\0\3bob");
    PGSQL(t, 1, 'C', "SELECT 2\0");
    PGSQL(t, 1, 'Z', "I");
    /* Two rounds at once: the second fails. */
    PGSQL(t, 0, 'P', "s1\0UPDATE stock SET n = $1\0\0\0");
    PGSQL(t, 0, 'B', "\0s1\0\0\0\0\1\0\0\0\6SECRET\0\0");
    PGSQL(t, 0, 'E', "\0\0\0\0\0");
    PGSQL(t, 0, 'S', "");
    PGSQL(t, 0, 'B', "\0s2\0\0\0\0\0\0\0");
    PGSQL(t, 0, 'E', "\0\0\0\0\0");
    PGSQL(t, 0, 'S', "");
    PGSQL(t, 1, '1', "");
    PGSQL(t, 1, '2', "");
    PGSQL(t, 1, 'C', "UPDATE 1\0");
    PGSQL(t, 1, 'Z', "I");
    PGSQL(t, 1, 'E', "SERROR\0VERROR\0C26000\0Mprepared statement \"s2\"\0\0");
    PGSQL(t, 1, 'Z', "I");
    PGSQL(t, 0, 'X', "");
}

static void
test_pgsql(void)
{
    expect(pgsql_session, INSP_PROTO_TCP, INSP_APP_PGSQL,
           "pgsql request.message=ssl_request response.ssl_accepted=0 "
           "request.protocol_version=3.0 request.startup_parameters.user=web "
           "request.startup_parameters.database=shop "
           "request.startup_parameters.application_name=till 3 "
           "response.authentication_method=sasl "
           "request.sasl_authentication_mechanism=SCRAM-SHA-256 "
           "response.server_version=16.4 response.process_id=1234 "
           "latency_us=11000\n"
           "pgsql request.message=query "
           "request.simple_query=select * from users where mail "
           "response.command_completed=SELECT 2 response.data_rows=2 "
           "response.data_size=28 latency_us=5000\n"
           "pgsql request.message=parse "
           "request.simple_query=UPDATE stock SET n "
           "response.command_completed=UPDATE 1 latency_us=10000\n"
           "pgsql request.message=bind "
           "response.severity_non_localizable=ERROR response.code=26000 "
           "latency_us=8000\n");
    torture(pgsql_session, INSP_PROTO_TCP);
}

static void
pgsql_failure(struct talk *t)
{
    PGSQL(t, 0, 0, "\0\3\0\0user\0postgres\0\0");
    PGSQL(t, 1, 'R', "\0\0\0\5SALT");
    PGSQL(t, 0, 'p', "md5SECRET\0");
    PGSQL(t, 1, 'E', "SFATAL\0VFATAL\0C28P01\0Mpassword\0\0");
}

static void
pgsql_cancel(struct talk *t)
{
    PGSQL(t, 0, 0, "\4\xd2\x16\x2e\0\0\4\xd2SECR");
}

static void
pgsql_tls(struct talk *t)
{
    PGSQL(t, 0, 0, "\4\xd2\x16\x2f");
    SAY(t, 1, "S");
    SAY(t, 0, "\x16");
}

static void
pgsql_gss(struct talk *t)
{
    PGSQL(t, 0, 0, "\4\xd2\x16\x30");
    SAY(t, 1, "N");
    PGSQL(t, 0, 0, "\4\xd2\x16\x30");
    SAY(t, 1, "G");
    SAY(t, 0, "\0\0\0\4abcd");
}

static void
test_pgsql_ends(void)
{
    static struct talk t;

    expect(pgsql_failure, INSP_PROTO_TCP, INSP_APP_PGSQL,
           "pgsql request.protocol_version=3.0 "
           "request.startup_parameters.user=postgres "
           "response.authentication_method=md5_password "
           "response.severity_non_localizable=FATAL response.code=28P01 "
           "latency_us=3000\n");
    expect(pgsql_cancel, INSP_PROTO_TCP, INSP_APP_PGSQL,
           "pgsql request.message=cancel_request "
           "response.process_id=1234\n");
    plan_nothing();
    UNIT_STR_EQ(run(&t, pgsql_tls, INSP_PROTO_TCP, 0),
                "pgsql request.message=ssl_request "
                "response.ssl_accepted=1\n");
    expect(pgsql_gss, INSP_PROTO_TCP, INSP_APP_PGSQL,
           "pgsql request.message=gssenc_request response.ssl_accepted=1\n");
    torture(pgsql_gss, INSP_PROTO_TCP);
}

/* Rows that are longer than the window are passed; a query is long too. */
static void
pgsql_bulk(struct talk *t)
{
    uint8_t *row = calloc(1, 60000);

    CU_ASSERT_PTR_NOT_NULL_FATAL(row);
    PGSQL(t, 0, 'Q', "COPY big FROM STDIN\0");
    PGSQL(t, 1, 'G', "\0\0\0");
    for (int i = 0; i < 4; i++) {
        say_pgsql(t, 0, 'd', row, 60000);
    }
    PGSQL(t, 0, 'c', "");
    for (int i = 0; i < 4; i++) {
        say_pgsql(t, 1, 'D', row, 60000);
    }
    PGSQL(t, 1, 'C', "COPY 4\0");
    PGSQL(t, 1, 'Z', "I");
    free(row);
}

static void
test_pgsql_bulk(void)
{
    static struct talk t;

    plan_nothing();
    UNIT_STR_EQ(run(&t, pgsql_bulk, INSP_PROTO_TCP, 1400),
                "pgsql request.message=query "
                "request.simple_query=COPY big FROM STDIN "
                "response.command_completed=COPY 4 response.data_rows=4 "
                "response.data_size=240016 latency_us=12000\n");
}

/* ------------------------------------------------------------------------ */
/* Redis. */

static void
redis_session(struct talk *t)
{
    SAY(t, 0, "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$6\r\nSECRET\r\n");
    SAY(t, 1, "-WRONGPASS invalid username-password pair\r\n");
    SAY(t, 0, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
    SAY(t, 1,
        "%2\r\n+server\r\n$5\r\nredis\r\n+modules\r\n"
        "*2\r\n*0\r\n%1\r\n:1\r\n#t\r\n");
    /* Three at once. */
    SAY(t, 0,
        "*3\r\n$3\r\nset\r\n$3\r\nkey\r\n$5\r\nva\r\nl\r\n"
        "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*1\r\n$4\r\nPING\r\n");
    SAY(t, 1,
        "+OK\r\n|1\r\n+ttl\r\n:3600\r\n$5\r\nva\r\nl\r\n"
        ">2\r\n+invalidate\r\n*1\r\n+key\r\n+PONG\r\n");
    SAY(t, 0, "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n");
    SAY(t, 1, "$-1\r\n");
    SAY(t, 0, "*3\r\n$6\r\nLRANGE\r\n$1\r\nx\r\n$0\r\n\r\n");
    SAY(t, 1, "!21\r\nSYNTAX invalid syntax\r\n");
    SAY(t, 0, "dbsize\r\n");
    SAY(t, 1, ":42\r\n");
    SAY(t, 0, "*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n");
    SAY(t, 1, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    SAY(t, 1, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
}

static void
test_redis(void)
{
    expect(redis_session, INSP_PROTO_TCP, INSP_APP_REDIS,
           "redis command=AUTH args=2 reply=error error=WRONGPASS "
           "latency_us=1000\n"
           "redis command=HELLO args=1 reply=map latency_us=1000\n"
           "redis command=SET args=2 reply=string latency_us=1000\n"
           "redis command=GET args=1 reply=bulk latency_us=1000\n"
           "redis command=PING args=0 reply=string latency_us=1000\n"
           "redis command=GET args=1 reply=null latency_us=1000\n"
           "redis command=LRANGE args=2 reply=error error=SYNTAX "
           "latency_us=1000\n"
           "redis command=DBSIZE args=0 reply=integer latency_us=1000\n"
           "redis command=SUBSCRIBE args=1 reply=array latency_us=1000\n");
    torture(redis_session, INSP_PROTO_TCP);
}

static void
redis_bulk(struct talk *t)
{
    uint8_t *value = calloc(1, 100002);

    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    memcpy(value + 100000, "\r\n", 2);
    SAY(t, 0, "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$100000\r\n");
    say(t, 0, value, 100002);
    SAY(t, 1, "+OK\r\n");
    SAY(t, 0, "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n");
    SAY(t, 1, "$100000\r\n");
    say(t, 1, value, 100002);
    SAY(t, 0, "*2\r\n$6\r\nEXISTS\r\n$1\r\nx\r\n");
    SAY(t, 1, ":1\r\n");
    free(value);
}

/* Answers are turned off: what follows is not put down to somebody else. */
static void
redis_silence(struct talk *t)
{
    SAY(t, 0,
        "PING\r\n*3\r\n$6\r\nCLIENT\r\n$5\r\nreply\r\n$3\r\nOFF\r\n"
        "*1\r\n$4\r\nPING\r\n");
    SAY(t, 1, "+PONG\r\n");
    SAY(t, 1, "+PONG\r\n");
}

/* More than there may be open: the oldest go out without an answer. */
static void
redis_pipeline(struct talk *t)
{
    SAY(t, 0,
        "*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n*1\r\n$1\r\nc\r\n"
        "*1\r\n$1\r\nd\r\n*1\r\n$1\r\ne\r\n*1\r\n$1\r\nf\r\n"
        "*1\r\n$1\r\ng\r\n*1\r\n$1\r\nh\r\n*1\r\n$1\r\ni\r\n");
    SAY(t, 1, ":1\r\n:2\r\n-X y\r\n");
}

static void
test_redis_bounds(void)
{
    static struct talk t;

    plan_nothing();
    UNIT_STR_EQ(run(&t, redis_bulk, INSP_PROTO_TCP, 1400),
                "redis command=SET args=2 reply=string latency_us=2000\n"
                "redis command=GET args=1 reply=bulk latency_us=1000\n"
                "redis command=EXISTS args=1 reply=integer "
                "latency_us=1000\n");
    UNIT_STR_EQ(run(&t, redis_silence, INSP_PROTO_TCP, 0),
                "redis command=CLIENT args=2\n"
                "redis command=PING args=0 reply=string latency_us=1000\n");
    UNIT_STR_EQ(run(&t, redis_pipeline, INSP_PROTO_TCP, 0),
                "redis command=A args=0\n"
                "redis command=B args=0 reply=integer latency_us=1000\n"
                "redis command=C args=0 reply=error error=X "
                "latency_us=1000\n"
                "redis command=D args=0\nredis command=E args=0\n"
                "redis command=F args=0\nredis command=G args=0\n"
                "redis command=H args=0\nredis command=I args=0\n");
}

/* Aggregates inside aggregates, deeper than is followed; huge counts. */
static void
redis_deep(struct talk *t)
{
    SAY(t, 0, "*1\r\n$4\r\nPING\r\n");
    SAY(t, 1,
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"
        "+x\r\n");
    SAY(t, 0, "*1\r\n$4\r\nQUIT\r\n");
}

static void
redis_huge(struct talk *t)
{
    SAY(t, 0, "*1048576\r\n$4\r\nMSET\r\n$1\r\na\r\n");
    SAY(t, 1, "*536870912\r\n:1\r\n:2\r\n");
    SAY(t, 1, "*536870913\r\n:1\r\n");
}

static void
test_redis_depth(void)
{
    expect(redis_deep, INSP_PROTO_TCP, INSP_APP_REDIS,
           "redis command=PING args=0 reply=array latency_us=1000\n");
    expect(redis_huge, INSP_PROTO_TCP, INSP_APP_REDIS,
           "redis command=MSET args=1048575 reply=array latency_us=1000\n");
}

/* ------------------------------------------------------------------------ */
/* MongoDB. */

static void
say_mongodb(struct talk *t, unsigned int side, uint8_t request,
            uint8_t answers, uint16_t opcode, const void *bytes, size_t size)
{
    uint8_t head[16] = {
        (uint8_t) (size + 16),
        (uint8_t) ((size + 16) >> 8),
        0,
        0,
        request,
        0,
        0,
        0,
        answers,
        0,
        0,
        0,
        (uint8_t) opcode,
        (uint8_t) (opcode >> 8),
        0,
        0,
    };

    say_behind(t, side, head, sizeof head, bytes, size);
}

#define MONGODB(T, SIDE, REQUEST, ANSWERS, OPCODE, TEXT)                      \
    say_mongodb(T, SIDE, REQUEST, ANSWERS, OPCODE, TEXT, sizeof(TEXT) - 1)

static void
mongodb_session(struct talk *t)
{
    /* OP_QUERY admin.$cmd { isMaster: 1, client: { application: { name:
     * "till" }, driver: { name: "go", version: "1.2" } } } */
    MONGODB(t, 0, 1, 0, 2004,
            "\0\0\0\0"
            "admin.$cmd\0"
            "\0\0\0\0"
            "\xff\xff\xff\xff"
            "\x6c\0\0\0"
            "\x10isMaster\0\1\0\0\0"
            "\3client\0"
            "\x51\0\0\0"
            "\3application\0\x14\0\0\0\2name\0\5\0\0\0till\0\0"
            "\3driver\0\x23\0\0\0\2name\0\3\0\0\0go\0"
            "\2version\0\4\0\0\0"
            "1.2\0\0"
            "\0"
            "\0");
    MONGODB(t, 1, 9, 1, 1,
            "\x08\0\0\0"
            "\0\0\0\0\0\0\0\0"
            "\0\0\0\0"
            "\1\0\0\0"
            "\x25\0\0\0"
            "\x10maxWireVersion\0\x11\0\0\0"
            "\1ok\0\0\0\0\0\0\0\xf0\x3f\0");
    /* { find: "users", filter: { n: 7 }, $db: "shop" } */
    MONGODB(t, 0, 2, 0, 2013,
            "\0\0\0\0\0"
            "\x37\0\0\0"
            "\2find\0\6\0\0\0users\0"
            "\3filter\0\x0c\0\0\0\x10n\0\7\0\0\0\0"
            "\2$db\0\5\0\0\0shop\0\0");
    MONGODB(t, 1, 10, 2, 2013,
            "\0\0\0\0\0"
            "\x1e\0\0\0"
            "\3cursor\0\x05\0\0\0\0"
            "\1ok\0\0\0\0\0\0\0\xf0\x3f\0");
    /* { insert: "users", $db: "shop" } behind documents in a section. */
    MONGODB(t, 0, 3, 0, 2013,
            "\0\0\0\0"
            "\1\x13\0\0\0documents\0\5\0\0\0\0"
            "\0"
            "\x25\0\0\0"
            "\2insert\0\6\0\0\0users\0"
            "\2$db\0\5\0\0\0shop\0\0");
    MONGODB(t, 1, 11, 3, 2013,
            "\0\0\0\0\0"
            "\x65\0\0\0"
            "\1ok\0\0\0\0\0\0\0\0\0"
            "\2errmsg\0\x23\0\0\0E11000 duplicate key { a: \"SECRE\"}\0"
            "\x10"
            "code\0\xf8\x2a\0\0"
            "\2codeName\0\x0d\0\0\0"
            "DuplicateKey\0\0");
    /* { saslStart: 1, mechanism: "PLAIN", payload: 0 "SECR", $db: "x" } */
    MONGODB(t, 0, 4, 0, 2013,
            "\0\0\0\0\0"
            "\x46\0\0\0"
            "\x10saslStart\0\1\0\0\0"
            "\2mechanism\0\6\0\0\0PLAIN\0"
            "\5payload\0\4\0\0\0\0SECR"
            "\2$db\0\2\0\0\0x\0\0");
    /* Without an answer, and compressed. */
    MONGODB(t, 0, 5, 0, 2013,
            "\2\0\0\0\0"
            "\x21\0\0\0"
            "\x10"
            "endSessions\0\1\0\0\0"
            "\2$db\0\2\0\0\0x\0\0");
    MONGODB(t, 0, 6, 0, 2012,
            "\xdd\7\0\0"
            "\x40\0\0\0"
            "\1xyz");
    MONGODB(t, 1, 12, 6, 2012,
            "\xdd\7\0\0"
            "\x40\0\0\0"
            "\1xyz");
}

static void
test_mongodb(void)
{
    expect(mongodb_session, INSP_PROTO_TCP, INSP_APP_MONGODB,
           "mongodb request_id=1 opcode=query database=admin "
           "command=isMaster client.application=till client.driver=go "
           "client.driver_version=1.2 max_wire_version=17 ok=1 "
           "latency_us=1000\n"
           "mongodb request_id=2 opcode=msg command=find collection=users "
           "database=shop ok=1 latency_us=1000\n"
           "mongodb request_id=3 opcode=msg command=insert collection=users "
           "database=shop ok=0 errmsg=E11000 duplicate key code=11000 "
           "code_name=DuplicateKey latency_us=1000\n"
           "mongodb request_id=5 opcode=msg command=endSessions "
           "database=x\n"
           "mongodb request_id=6 opcode=compressed compressor=snappy "
           "latency_us=1000\n"
           "mongodb request_id=4 opcode=msg command=saslStart "
           "mechanism=PLAIN database=x\n");
    torture(mongodb_session, INSP_PROTO_TCP);
}

/* ------------------------------------------------------------------------ */
/* AMQP. */

static void
say_amqp(struct talk *t, unsigned int side, uint8_t type, const void *bytes,
         size_t size)
{
    uint8_t head[7] = {
        type, 0, 0, 0, 0, (uint8_t) (size >> 8), (uint8_t) size
    };
    uint8_t *all = malloc(size + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    memcpy(all, bytes, size);
    all[size] = 0xce;
    say_behind(t, side, head, sizeof head, all, size + 1);
    free(all);
}

#define AMQP(T, SIDE, TEXT) say_amqp(T, SIDE, 1, TEXT, sizeof(TEXT) - 1)

static void
amqp_session(struct talk *t)
{
    SAY(t, 0, "AMQP\0\0\x09\1");
    AMQP(t, 1,
         "\0\x0a\0\x0a"
         "\0\x09"
         "\0\0\0\x42"
         "\x0c"
         "capabilities"
         "F\0\0\0\x08\5abort"
         "t\1"
         "\x07product"
         "S\0\0\0\x08RabbitMQ"
         "\x07version"
         "S\0\0\0\x06"
         "3.12.0"
         "\0\0\0\x0e"
         "PLAIN AMQPLAIN"
         "\0\0\0\5en_US");
    AMQP(t, 0,
         "\0\x0a\0\x0b"
         "\0\0\0\x2a"
         "\x07product"
         "S\0\0\0\4pika"
         "\x0f"
         "connection_name"
         "S\0\0\0\4till"
         "\5PLAIN"
         "\0\0\0\x0b\0bob\0SECRET"
         "\5en_US");
    AMQP(t, 1,
         "\0\x0a\0\x1e"
         "\7\xff"
         "\0\2\0\0"
         "\0\x3c");
    AMQP(t, 0,
         "\0\x0a\0\x1f"
         "\7\xff"
         "\0\2\0\0"
         "\0\x3c");
    AMQP(t, 0,
         "\0\x0a\0\x28"
         "\5/shop"
         "\0\0");
    AMQP(t, 1,
         "\0\x0a\0\x29"
         "\0");
    AMQP(t, 0,
         "\0\x3c\0\x28"
         "\0\0"
         "\6orders"
         "\3new"
         "\0");
    say_amqp(t, 0, 2, "\0\x3c\0\0\0\0\0\0\0\0\0\5\0\0", 14);
    say_amqp(t, 0, 3, "hello", 5);
    AMQP(t, 0,
         "\0\x3c\0\x28"
         "\0\0"
         "\6orders"
         "\3old"
         "\0");
    AMQP(t, 0,
         "\0\x3c\0\x14"
         "\0\0"
         "\5bills"
         "\0"
         "\0"
         "\0\0\0\0");
    AMQP(t, 1,
         "\0\x3c\0\x3c"
         "\1x"
         "\0\0\0\0\0\0\0\1"
         "\0"
         "\0"
         "\0");
    say_amqp(t, 0, 8, "", 0);
    AMQP(t, 0,
         "\0\x0a\0\x32"
         "\0\xc8"
         "\6kthxby"
         "\0\0\0\0");
}

static void
test_amqp(void)
{
    expect(amqp_session, INSP_PROTO_TCP, INSP_APP_AMQP,
           "amqp version=0-9-1 server.product=RabbitMQ "
           "server.version=3.12.0 server.mechanisms=PLAIN AMQPLAIN "
           "client.product=pika client.connection_name=till "
           "mechanism=PLAIN channel_max=2047 frame_max=131072 heartbeat=60 "
           "vhost=/shop\n"
           "amqp published=2 delivered=1 exchanges=orders queues=bills "
           "close_code=200\n");
    torture(amqp_session, INSP_PROTO_TCP);
}

/* A frame of AMQP 1.0 or SASL. */
static void
say_amqp1(struct talk *t, unsigned int side, uint8_t type, const void *bytes,
          size_t size)
{
    uint8_t head[8] = { 0, 0, 0, (uint8_t) (size + 8), 2, type, 0, 0 };

    say_behind(t, side, head, sizeof head, bytes, size);
}

#define AMQP1(T, SIDE, TYPE, TEXT)                                            \
    say_amqp1(T, SIDE, TYPE, TEXT, sizeof(TEXT) - 1)

static void
amqp_1_0(struct talk *t)
{
    SAY(t, 0, "AMQP\3\1\0\0");
    SAY(t, 1, "AMQP\3\1\0\0");
    AMQP1(t, 1, 1,
          "\0\x53\x40\xc0\x13\1"
          "\xe0\x10\2\xa3"
          "\5PLAIN"
          "\7CRAM-MD");
    AMQP1(t, 0, 1,
          "\0\x53\x41\xc0\x11\2"
          "\xa3\5PLAIN"
          "\xa0\7\0SECRET");
    AMQP1(t, 1, 1, "\0\x53\x44\xc0\3\1\x50\0");
    SAY(t, 0, "AMQP\0\1\0\0");
    SAY(t, 1, "AMQP\0\1\0\0");
    AMQP1(t, 0, 0,
          "\0\x53\x10\xc0\x13\2"
          "\xa1\4till"
          "\xa1\x0a"
          "MQ.example");
    AMQP1(t, 1, 0,
          "\0\x53\x10\xc0\x39\x0a"
          "\xa1\6broker"
          "\x40"
          "\x70\0\1\0\0"
          "\x60\0\xff"
          "\x40\x40\x40\x40\x40"
          "\xc1\x20\4"
          "\xa3\7product"
          "\xa1\4qpid"
          "\xa3\7version"
          "\xa1\5"
          "1.2.3");
    AMQP1(t, 0, 0, "\0\x53\x11\x45");
}

static void
test_amqp_1_0(void)
{
    static struct talk t;

    expect(amqp_1_0, INSP_PROTO_TCP, INSP_APP_AMQP,
           "amqp version=1.0 server.mechanisms=PLAIN mechanism=PLAIN "
           "client.container_id=till hostname=MQ.example "
           "server.container_id=broker frame_max=65536 channel_max=255 "
           "server.product=qpid server.version=1.2.3\n");
    plan_nothing();
    run(&t, amqp_1_0, INSP_PROTO_TCP, 0);
    torture(amqp_1_0, INSP_PROTO_TCP);
}

static void
amqp_tls(struct talk *t)
{
    SAY(t, 0, "AMQP\2\1\0\0");
    SAY(t, 1, "AMQP\2\1\0\0");
    SAY(t, 0, "\x16");
}

static void
amqp_refusal(struct talk *t)
{
    SAY(t, 0, "AMQP\0\0\x09\1");
    SAY(t, 1, "AMQP\0\0\x0a\2");
}

static void
test_amqp_ends(void)
{
    static struct talk t;

    plan_nothing();
    UNIT_STR_EQ(run(&t, amqp_tls, INSP_PROTO_TCP, 0), "amqp version=1.0\n");
    expect(amqp_refusal, INSP_PROTO_TCP, INSP_APP_AMQP,
           "amqp version=0-9-1\n");
}

/* ------------------------------------------------------------------------ */
/* Kafka. */

static void
say_kafka(struct talk *t, unsigned int side, const void *bytes, size_t size)
{
    uint8_t head[4] = { 0, 0, (uint8_t) (size >> 8), (uint8_t) size };

    say_behind(t, side, head, sizeof head, bytes, size);
}

#define KAFKA(T, SIDE, TEXT) say_kafka(T, SIDE, TEXT, sizeof(TEXT) - 1)

static void
kafka_session(struct talk *t)
{
    KAFKA(t, 0,
          "\0\x12\0\3"
          "\0\0\0\1"
          "\0\4till"
          "\0"
          "\x0b"
          "librdkafka"
          "\6"
          "2.0.2"
          "\0");
    KAFKA(t, 1,
          "\0\0\0\1"
          "\0\x23"
          "\0\0\0\0");
    KAFKA(t, 0,
          "\0\x11\0\1"
          "\0\0\0\2"
          "\0\4till"
          "\0\5PLAIN");
    KAFKA(t, 1,
          "\0\0\0\2"
          "\0\0"
          "\0\0\0\1"
          "\0\5PLAIN");
    KAFKA(t, 0,
          "\0\x24\0\2"
          "\0\0\0\3"
          "\0\4till"
          "\0"
          "\x0c\0bob\0SECRET"
          "\0");
    KAFKA(t, 1,
          "\0\0\0\3"
          "\0"
          "\0\x3a"
          "\0\0\0\0");
    KAFKA(t, 0,
          "\0\3\0\1"
          "\0\0\0\4"
          "\0\4till"
          "\0\0\0\2"
          "\0\6orders"
          "\0\5bills");
    KAFKA(t, 1,
          "\0\0\0\4"
          "\0\0\0\0");
    /* Two at once, answered the other way round. */
    KAFKA(t, 0,
          "\0\0\0\7"
          "\0\0\0\5"
          "\xff\xff"
          "\xff\xff"
          "\xff\xff"
          "\0\0\3\xe8"
          "\0\0\0\1"
          "\0\6orders"
          "\0\0\0\0");
    KAFKA(t, 0,
          "\0\1\0\x0b"
          "\0\0\0\6"
          "\0\4till"
          "\xff\xff\xff\xff"
          "\0\0\1\xf4"
          "\0\0\0\1"
          "\0\1\0\0"
          "\0"
          "\0\0\0\0\0\0\0\0"
          "\0\0\0\1"
          "\0\5bills");
    KAFKA(t, 1,
          "\0\0\0\6"
          "\0\0\0\0");
    KAFKA(t, 1,
          "\0\0\0\5"
          "\0\0\0\0");
    /* A producer that wants no answer; flexible versions. */
    KAFKA(t, 0,
          "\0\0\0\x09"
          "\0\0\0\7"
          "\0\4till"
          "\0"
          "\0"
          "\0\0"
          "\0\0\3\xe8"
          "\2"
          "\7orders"
          "\0");
    KAFKA(t, 0,
          "\0\3\0\x0c"
          "\0\0\0\x08"
          "\0\4till"
          "\0"
          "\2"
          "0123456789abcdef"
          "\6bills"
          "\0"
          "\1\0\0");
    KAFKA(t, 1,
          "\0\0\0\x08"
          "\0"
          "\0\0\0\0");
}

static void
test_kafka(void)
{
    expect(kafka_session, INSP_PROTO_TCP, INSP_APP_KAFKA,
           "kafka api=ApiVersions api_version=3 correlation_id=1 "
           "client_id=till client_software_name=librdkafka "
           "client_software_version=2.0.2 error_code=35 latency_us=1000\n"
           "kafka api=SaslHandshake api_version=1 correlation_id=2 "
           "client_id=till mechanism=PLAIN error_code=0 latency_us=1000\n"
           "kafka api=SaslAuthenticate api_version=2 correlation_id=3 "
           "client_id=till error_code=58 latency_us=1000\n"
           "kafka api=Metadata api_version=1 correlation_id=4 "
           "client_id=till topics=orders topics=bills latency_us=1000\n"
           "kafka api=Fetch api_version=11 correlation_id=6 client_id=till "
           "topics=bills latency_us=1000\n"
           "kafka api=Produce api_version=7 correlation_id=5 topics=orders "
           "latency_us=3000\n"
           "kafka api=Produce api_version=9 correlation_id=7 "
           "client_id=till topics=orders\n"
           "kafka api=Metadata api_version=12 correlation_id=8 "
           "client_id=till topics=bills latency_us=1000\n");
    torture(kafka_session, INSP_PROTO_TCP);
}

/* ------------------------------------------------------------------------ */
/* Memcached. */

static void
memcached_text(struct talk *t)
{
    SAY(t, 0, "set a 0 60 5\r\nhello\r\n");
    SAY(t, 1, "STORED\r\n");
    SAY(t, 0, "get a b c\r\n");
    SAY(t, 1, "VALUE a 0 5\r\nhello\r\nVALUE c 1 4\r\nEND\n\r\nEND\r\n");
    SAY(t, 0, "get x\r\nincr n 1\r\n");
    SAY(t, 1, "END\r\n42\r\n");
    SAY(t, 0, "delete a noreply\r\ncas a 0 0 2 77\r\nhi\r\n");
    SAY(t, 1, "EXISTS\r\n");
    SAY(t, 0, "stats\r\n");
    SAY(t, 1, "STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n");
    SAY(t, 0, "mg foo v t\r\nms bar 3 T60\r\nabc\r\nmn\r\n");
    SAY(t, 1, "VA 2 t30\r\nhi\r\nHD\r\nMN\r\n");
    SAY(t, 0, "version\r\n");
    SAY(t, 1, "VERSION 1.6.18\r\n");
    SAY(t, 0, "get y\r\nmg q v q\r\nget z\r\n");
    SAY(t, 1, "EN\r\n");
    SAY(t, 1, "EN\r\n");
}

static void
test_memcached(void)
{
    expect(memcached_text, INSP_PROTO_TCP, INSP_APP_MEMCACHED,
           "memcached protocol=text command=set key=a size=5 "
           "status=STORED latency_us=1000\n"
           "memcached protocol=text command=get key=a keys=3 status=END "
           "hits=2 latency_us=1000\n"
           "memcached protocol=text command=get key=x status=END "
           "latency_us=1000\n"
           "memcached protocol=text command=incr key=n status=NUMBER "
           "latency_us=1000\n"
           "memcached protocol=text command=delete key=a\n"
           "memcached protocol=text command=cas key=a size=2 "
           "status=EXISTS latency_us=1000\n"
           "memcached protocol=text command=stats status=END "
           "latency_us=1000\n"
           "memcached protocol=text command=mg key=foo status=VA hits=1 "
           "latency_us=1000\n"
           "memcached protocol=text command=ms key=bar size=3 status=HD "
           "latency_us=1000\n"
           "memcached protocol=text command=mn status=MN latency_us=1000\n"
           "memcached protocol=text command=version status=VERSION "
           "latency_us=1000\n"
           "memcached protocol=text command=mg key=q\n"
           "memcached protocol=text command=get key=y status=EN "
           "latency_us=1000\n");
    torture(memcached_text, INSP_PROTO_TCP);
}

#define MC_HEAD(MAGIC, OP, KEY, EXTRAS, STATUS, BODY, OPAQUE)                 \
    MAGIC OP "\0" KEY EXTRAS "\0\0" STATUS "\0\0\0" BODY "\0\0\0" OPAQUE      \
             "\0\0\0\0\0\0\0\0"

static void
memcached_binary(struct talk *t)
{
    SAY(t, 0,
        MC_HEAD("\x80", "\x21", "\5", "\0", "\0", "\x10",
                "\1") "PLAIN"
                      "\0bob\0SECRET");
    SAY(t, 1, MC_HEAD("\x81", "\x21", "\0", "\0", "\x20", "\4", "\1") "Auth");
    SAY(t, 0,
        MC_HEAD("\x80", "\1", "\3", "\x08", "\0", "\x10",
                "\2") "\0\0\0\0\0\0\0\0"
                      "key"
                      "hello");
    SAY(t, 1, MC_HEAD("\x81", "\1", "\0", "\0", "\0", "\0", "\2"));
    SAY(t, 0,
        MC_HEAD("\x80", "\0", "\3", "\0", "\0", "\3",
                "\3") "key" MC_HEAD("\x80", "\x11", "\1", "\x08", "\0", "\x0a",
                                    "\4") "\0\0\0\0\0\0\0\0"
                                          "q"
                                          "x");
    SAY(t, 1,
        MC_HEAD("\x81", "\0", "\0", "\4", "\0", "\x09", "\3") "\0\0\0\0"
                                                              "hello");
    SAY(t, 0, MC_HEAD("\x80", "\x10", "\0", "\0", "\0", "\0", "\0"));
    SAY(t, 1,
        MC_HEAD("\x81", "\x10", "\3", "\0", "\0", "\4", "\0") "pid1" MC_HEAD(
            "\x81", "\x10", "\0", "\0", "\0", "\0", "\0"));
}

static void
test_memcached_binary(void)
{
    expect(memcached_binary, INSP_PROTO_TCP, INSP_APP_MEMCACHED,
           "memcached protocol=binary command=sasl_auth key=PLAIN "
           "status=AUTH_ERROR latency_us=1000\n"
           "memcached protocol=binary command=set key=key size=5 "
           "status=OK latency_us=1000\n"
           "memcached protocol=binary command=setq key=q size=1\n"
           "memcached protocol=binary command=get key=key status=OK hits=1 "
           "latency_us=1000\n"
           "memcached protocol=binary command=stat status=OK "
           "latency_us=1000\n");
    torture(memcached_binary, INSP_PROTO_TCP);
}

static void
memcached_udp(struct talk *t)
{
    SAY(t, 0,
        "\0\7\0\0\0\1\0\0"
        "get a\r\n");
    SAY(t, 1,
        "\0\7\0\0\0\2\0\0"
        "VALUE a 0 2000\r\nxxx");
    SAY(t, 1,
        "\0\7\0\1\0\2\0\0"
        "xxx\r\nEND\r\n");
    SAY(t, 0,
        "\0\x08\0\0\0\1\0\0"
        "stats\r\n");
    SAY(t, 1,
        "\0\x08\0\0\0\1\0\0"
        "STAT pid 1\r\nEND\r\n");
}

static void
test_memcached_udp(void)
{
    expect(memcached_udp, INSP_PROTO_UDP, INSP_APP_MEMCACHED,
           "memcached protocol=text command=get key=a status=VALUE "
           "latency_us=1000\n"
           "memcached protocol=text command=stats status=STAT "
           "latency_us=1000\n");
    torture(memcached_udp, INSP_PROTO_UDP);
}

/* ------------------------------------------------------------------------ */
/* Others. */

/* Its word; "": it is read elsewhere, or is none. */
static const char *
is_ours(enum insp_app app)
{
    return app >= INSP_APP_MYSQL && app <= INSP_APP_MEMCACHED
               ? insp_app_word(app)
               : "";
}

/* What other protocols say first: none of these readers may take it. */
static void
test_foreign(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } others[] = {
#define OTHER(TEXT) { TEXT, sizeof(TEXT) - 1 }
        OTHER("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        OTHER("SSH-2.0-OpenSSH_9.2\r\n"),
        OTHER("220 mail.example ESMTP\r\n"),
        OTHER("+OK ready\r\n"),
        OTHER("* OK [CAPABILITY IMAP4rev1] ready\r\n"),
        OTHER("\x16\3\1\0\x2f\1\0\0\x2b\3\3"),
        OTHER("\0\0\0\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0"
              "\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        OTHER("\x80\0\0\x28\x01\x02\x03\x04\0\0\0\0\0\0\0\2\0\1\x86\xa3"),
        OTHER("\0\0\0\x40\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0"),
        OTHER("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0"),
        OTHER("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"),
        OTHER("INFO {\"server_id\":\"x\"}\r\n"),
        OTHER("*hello\r\n"),
        OTHER("*1\r\n$4\r\nP\0NG\r\n"),
        OTHER("get\r\n"),
        OTHER("set a b c d\r\n"),
        OTHER("helo x\r\n"),
        OTHER("AMQP\0\0\x0b\1"),
        OTHER("\x4a\0\0\0\x0a"
              "not a version\0xxxxxxxxxxxxxxxxxxxxxxxxxx"),
        OTHER("\0\0\0\x08\4\xd2\x16\x31"),
        OTHER("\0\0\0\x20\0\3\0\0\0user\0"),
        OTHER("\0\0\0\x20\0\x03\0\1\0\0\0\1\0\4a\1bc\0\0\0\0\0\0\0\0\0\0\0"),
        OTHER("\x1a\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\4\0\0\0\0\5\0\0\0\0"),
        OTHER("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
#undef OTHER
    };
    static struct talk t;

    plan_nothing();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (unsigned int side = 0; side < 2; side++) {
            talk_begin(&t, INSP_PROTO_TCP, 40000, 1234);
            say(&t, side, others[i].bytes, others[i].size);
            talk_end(&t);
            UNIT_STR_EQ(is_ours(t.app), "");
        }
    }
}

/* Chance says none of their names. */
static void
test_noise(void)
{
    static struct talk t;
    uint64_t seed = 88172645463325252u;
    uint8_t bytes[64];

    plan_nothing();
    for (int i = 0; i < 20000; i++) {
        for (size_t j = 0; j < sizeof bytes; j++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes[j] = (uint8_t) (seed >> 32);
            if (i & 1 && j < 12) {
                bytes[j] &= 3; /* Many protocols begin with zeros. */
            }
        }
        talk_begin(&t, INSP_PROTO_TCP, 40000, 1234);
        say(&t, 0, bytes, sizeof bytes);
        talk_end(&t);
        UNIT_STR_EQ(is_ours(t.app), "");
    }
}

UNIT_MAIN("app data", UNIT_TEST(test_mysql), UNIT_TEST(test_mysql_swapped),
          UNIT_TEST(test_mysql_tls), UNIT_TEST(test_mysql_attributes),
          UNIT_TEST(test_mysql_change_user), UNIT_TEST(test_mysql_ends),
          UNIT_TEST(test_pgsql), UNIT_TEST(test_pgsql_ends),
          UNIT_TEST(test_pgsql_bulk), UNIT_TEST(test_redis),
          UNIT_TEST(test_redis_bounds), UNIT_TEST(test_redis_depth),
          UNIT_TEST(test_mongodb), UNIT_TEST(test_amqp),
          UNIT_TEST(test_amqp_1_0), UNIT_TEST(test_amqp_ends),
          UNIT_TEST(test_kafka), UNIT_TEST(test_memcached),
          UNIT_TEST(test_memcached_binary), UNIT_TEST(test_memcached_udp),
          UNIT_TEST(test_foreign), UNIT_TEST(test_noise))
