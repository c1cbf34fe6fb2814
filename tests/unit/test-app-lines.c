/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of protocols that speak in lines of text, and those of
 * Telnet and SOCKS, make of bytes; and what follows when TLS or another
 * protocol begins behind them. */

#include "hellos.h"
#include "talk.h"

/* ------------------------------------------------------------------------ */
/* Dialogs, each run as it is said, cut into segments, with the ends swapped,
 * broken off after any byte, and with any byte changed. */

#define NEVER SIZE_MAX

enum how {
    AS_IT_IS,
    AS_HEX,
};

struct said {
    const char *text;
    size_t size;
    uint8_t side;
    uint8_t how;
};

#define CLIENT(TEXT)                                                          \
    {                                                                         \
        TEXT, sizeof(TEXT) - 1, 0, AS_IT_IS                                   \
    }
#define SERVER(TEXT)                                                          \
    {                                                                         \
        TEXT, sizeof(TEXT) - 1, 1, AS_IT_IS                                   \
    }
#define CLIENT_HEX(TEXT)                                                      \
    {                                                                         \
        TEXT, sizeof(TEXT) - 1, 0, AS_HEX                                     \
    }
#define SERVER_HEX(TEXT)                                                      \
    {                                                                         \
        TEXT, sizeof(TEXT) - 1, 1, AS_HEX                                     \
    }
#define SAID_MAX 24

struct dialog {
    const struct said *said;
    uint16_t port; /* 0: one that no protocol has. */
    bool one_way;  /* Ends cannot be swapped. */
    enum insp_app app;
    const char *text;
};

static struct {
    size_t n_said;  /* Bytes, of both sides. */
    size_t ends_at; /* Nothing is said from there on. */
    size_t changed_at;
    uint8_t changed_to;
    uint8_t swapped;
} plan;

static void
plan_nothing(void)
{
    memset(&plan, 0, sizeof plan);
    plan.ends_at = plan.changed_at = NEVER;
}

static void
say(struct talk *t, const struct said *said)
{
    size_t size = said->size;
    size_t room = plan.ends_at > plan.n_said ? plan.ends_at - plan.n_said : 0;
    uint8_t *copy;

    if (said->how == AS_HEX) {
        talk_hex(t, said->side ^ plan.swapped, said->text);
        return;
    }
    copy = malloc(size + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    memcpy(copy, said->text, size);
    if (plan.changed_at >= plan.n_said &&
        plan.changed_at - plan.n_said < size) {
        copy[plan.changed_at - plan.n_said] = plan.changed_to;
    }
    plan.n_said += size;
    size = size < room ? size : room;
    if (size) {
        talk_say(t, said->side ^ plan.swapped, copy, size);
    }
    free(copy);
}

static const char *
run(struct talk *t, const struct dialog *d, size_t segment)
{
    uint16_t port = d->port ? d->port : 1234;

    talk_begin(t, INSP_PROTO_TCP, plan.swapped ? port : 40000,
               plan.swapped ? 40000 : port);
    t->segment = segment;
    plan.n_said = 0;
    for (size_t i = 0; i < SAID_MAX && d->said[i].text; i++) {
        say(t, &d->said[i]);
    }
    return talk_end(t);
}

static void
expect(const struct dialog *d)
{
    static const size_t segments[] = { 0, 1, 7 };
    static struct talk t;

    plan_nothing();
    for (size_t i = 0; i < 3; i++) {
        for (plan.swapped = 0; plan.swapped < (d->one_way ? 1 : 2);
             plan.swapped++) {
            UNIT_STR_EQ(run(&t, d, segments[i]), d->text);
            UNIT_STR_EQ(insp_app_word(t.app), insp_app_word(d->app));
        }
    }
    plan_nothing();
}

/* No secret is in what comes out, whatever has been changed or is missing. */
static void
torture(const struct dialog *d)
{
    static const uint8_t changes[] = { 0x00, ' ', '\r', '\n', '{', 0xff };
    static struct talk t;
    size_t n;

    plan_nothing();
    run(&t, d, 0);
    n = plan.n_said;
    for (size_t i = 0; i < n; i++) {
        plan.ends_at = i;
        CU_ASSERT_PTR_NULL(strstr(run(&t, d, i % 3), "SECRET"));
    }
    plan_nothing();
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < sizeof changes; j++) {
            plan.changed_at = i;
            plan.changed_to = changes[j];
            run(&t, d, i % 5);
        }
    }
    plan_nothing();
}

static void
expect_all(const struct dialog *dialogs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        expect(&dialogs[i]);
        torture(&dialogs[i]);
    }
}

#define EXPECT_ALL(DIALOGS)                                                   \
    expect_all(DIALOGS, sizeof DIALOGS / sizeof DIALOGS[0])

/* The same, with TLS behind it. */
static void
expect_tls(const struct said *said, uint16_t port, const char *text)
{
    static const struct said hellos[] = { CLIENT_HEX(HELLO_13_CLIENT),
                                          SERVER_HEX(HELLO_13_SERVER),
                                          { NULL, 0, 0, 0 } };
    const struct dialog tls = { hellos, port, false, INSP_APP_TLS, "" };
    static struct talk t;
    struct said all[SAID_MAX + 1];
    char expected[4096];
    size_t n = 0;
    struct dialog d = { all, port, true, INSP_APP_TLS, expected };

    plan_nothing();
    while (said[n].text) {
        all[n] = said[n];
        n++;
    }
    memcpy(&all[n], hellos, sizeof hellos);
    snprintf(expected, sizeof expected, "%s%s", text, run(&t, &tls, 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(expected, "sni=a.example"));
    expect(&d);
}

/* ------------------------------------------------------------------------ */
/* SMTP. */

static const struct said smtp_mails[] = {
    SERVER("220-mail.example ESMTP Postfix\r\n220 no spam\r\n"),
    CLIENT("EHLO client.example\r\n"),
    SERVER("250-mail.example\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n"),
    CLIENT("MAIL FROM:<a@client.example> SIZE=1000\r\n"
           "RCPT TO:<b@mail.example>\r\nrcpt to: <c d@mail.example>\r\n"
           "RCPT TO:<nobody@mail.example>\r\nDATA\r\n"),
    SERVER("250 ok\r\n250 ok\r\n250 ok\r\n550 5.1.1 nobody\r\n354 go on\r\n"),
    CLIENT("Subject: SECRET\r\n\r\n..\r\nMAIL FROM:<SECRET>\n.\nx\r\n"
           ".x\nRSET\r\n.\r\n"),
    SERVER("250 2.0.0 queued\r\n"),
    CLIENT("MAIL FROM:<>\r\n"),
    SERVER("250 ok\r\n"),
    CLIENT("RCPT TO:<nobody@mail.example>\r\n"),
    SERVER("550 5.1.1 nobody\r\n"),
    CLIENT("RSET\r\n"),
    SERVER("250 ok\r\n"),
    CLIENT("NOOP\r\nQUIT\r\n"),
    SERVER("250 ok\r\n221 bye\r\n"),
    CLIENT("MAIL FROM:<too@late>\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said smtp_login[] = {
    SERVER("220 mail.example ESMTP\r\n"),
    CLIENT("ehlo c\r\n"),
    SERVER("250 AUTH PLAIN LOGIN CRAM-MD5\r\n"),
    /* "\0bob\0SECRET". */
    CLIENT("AUTH PLAIN AGJvYgBTRUNSRVQ=\r\n"),
    SERVER("535 5.7.8 no\r\n"),
    CLIENT("QUIT\r\n"),
    SERVER("221 bye\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said smtp_login_lines[] = {
    SERVER("220 mail.example ESMTP\r\n"),
    CLIENT("EHLO c\r\n"),
    SERVER("250 AUTH LOGIN\r\n"),
    CLIENT("AUTH LOGIN\r\n"),
    SERVER("334 VXNlcm5hbWU6\r\n"),
    CLIENT("Ym9i\r\n"),
    SERVER("334 UGFzc3dvcmQ6\r\n"),
    CLIENT("U0VDUkVU\r\n"),
    SERVER("235 2.7.0 ok\r\n"),
    CLIENT("MAIL FROM:<bob@c>\r\n"),
    SERVER("250 ok\r\n"),
    CLIENT("RCPT TO:<b@d>\r\n"),
    SERVER("250 ok\r\n"),
    CLIENT("BDAT 8\r\nMAIL\r\n\r\nBDAT 5 LAST\r\n.\r\n.\r"),
    SERVER("250 got 8\r\n250 done\r\n"),
    CLIENT("QUIT\r\n"),
    SERVER("221 bye\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said smtp_challenge[] = {
    CLIENT("EHLO c\r\n"),        SERVER("250 AUTH CRAM-MD5\r\n"),
    CLIENT("AUTH CRAM-MD5\r\n"), SERVER("334 PDE+\r\n"),
    CLIENT("Ym9iIDEyMzQ=\r\n"),  SERVER("235 ok\r\n"),
    { NULL, 0, 0, 0 },
};

/* Neither of the greetings says what it is. */
static const struct said smtp_plain[] = {
    SERVER("220 mail.example ready\r\n"),
    CLIENT("HELO c\r\n"),
    SERVER("250 hello\r\n"),
    CLIENT("MAIL FROM:<a@c>\r\n"),
    SERVER("451 later\r\n"),
    CLIENT("MAIL FROM:<b@c>\r\n"),
    SERVER("250 ok\r\n"),
    CLIENT("DATA\r\n"),
    SERVER("503 to whom\r\n"),
    CLIENT("QUIT\r\n"),
    SERVER("221 bye\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said smtp_refused[] = {
    SERVER("554 no SMTP service here\r\n"),
    CLIENT("QUIT\r\n"),
    SERVER("221 bye\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said smtp_tls[] = {
    SERVER("220 mail.example ESMTP\r\n"),
    CLIENT("EHLO c\r\n"),
    SERVER("250-mail.example\r\n250 STARTTLS\r\n"),
    CLIENT("STARTTLS\r\n"),
    SERVER("220 go on\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said smtp_no_tls[] = {
    SERVER("220 mail.example ESMTP\r\n"),
    CLIENT("EHLO c\r\n"),
    SERVER("250 ok\r\n"),
    CLIENT("STARTTLS\r\n"),
    SERVER("454 not now\r\n"),
    CLIENT("QUIT\r\n"),
    SERVER("221 bye\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct dialog smtp[] = {
    { smtp_mails, 0, false, INSP_APP_SMTP,
      "smtp banner=mail.example ESMTP Postfix reply_code=250 "
      "helo=client.example mail_from=<a@client.example> "
      "rcpt_to=<b@mail.example> rcpt_to=<c d@mail.example> "
      "rcpt_to=<nobody@mail.example> size=56\n"
      "smtp helo=client.example mail_from=<> reply_code=250 "
      "rcpt_to=<nobody@mail.example>\n" },
    { smtp_login, 0, false, INSP_APP_SMTP,
      "smtp banner=mail.example ESMTP reply_code=535 helo=c "
      "auth_mechanism=PLAIN user=bob cleartext_login=1\n" },
    { smtp_login_lines, 0, false, INSP_APP_SMTP,
      "smtp banner=mail.example ESMTP reply_code=250 helo=c "
      "auth_mechanism=LOGIN user=bob cleartext_login=1 mail_from=<bob@c> "
      "rcpt_to=<b@d> size=13\n" },
    { smtp_challenge, 0, false, INSP_APP_SMTP,
      "smtp helo=c reply_code=235 auth_mechanism=CRAM-MD5 "
      "cleartext_login=0\n" },
    { smtp_plain, 0, false, INSP_APP_SMTP,
      "smtp helo=c banner=mail.example ready reply_code=451 "
      "mail_from=<a@c>\n"
      "smtp helo=c mail_from=<b@c> reply_code=503\n" },
    { smtp_refused, 0, false, INSP_APP_SMTP,
      "smtp banner=no SMTP service here reply_code=554\n" },
    { smtp_no_tls, 0, false, INSP_APP_SMTP,
      "smtp banner=mail.example ESMTP reply_code=454 helo=c\n" },
};

static void
test_smtp(void)
{
    EXPECT_ALL(smtp);
    expect_tls(smtp_tls, 25,
               "smtp banner=mail.example ESMTP reply_code=220 helo=c "
               "starttls=1\n");
}

/* Many recipients at once, and lines that never end. */
static void
test_smtp_bounds(void)
{
    static struct talk t;
    static char line[5000];

    plan_nothing();
    talk_begin(&t, INSP_PROTO_TCP, 40000, 25);
    talk_text(&t, 1, "220 x ESMTP\r\n");
    talk_text(&t, 0, "EHLO c\r\nMAIL FROM:<a@b>\r\n");
    for (int i = 0; i < 1000; i++) {
        talk_text(&t, 0, "RCPT TO:<a@b>\r\n");
    }
    talk_text(&t, 0, "DATA\r\n");
    talk_text(&t, 1, "250 ok\r\n250 ok\r\n");
    for (int i = 0; i < 1000; i++) {
        talk_text(&t, 1, "250 ok\r\n");
    }
    talk_text(&t, 1, "354 go on\r\n");
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 50; i++) {
        talk_say(&t, 0, line, sizeof line);
    }
    talk_text(&t, 0, "\r\n.\r\n");
    talk_text(&t, 1, "250 done\r\n");
    talk_text(&t, 0, "NOOP ");
    for (int i = 0; i < 50; i++) {
        talk_say(&t, 0, line, sizeof line);
    }
    talk_text(&t, 0, "\r\nMAIL FROM:<next@b>\r\n");
    talk_text(&t, 1, "500 too long\r\n250 ok\r\n");
    talk_end(&t);
    CU_ASSERT_PTR_NOT_NULL(strstr(t.text, "size=250002\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(t.text, "smtp helo=c mail_from=<next@b> reply_code=250\n"));
}

/* Part of a mail is lost, then of the talk: what follows is read. */
static void
test_smtp_gap(void)
{
    static struct talk t;

    talk_begin(&t, INSP_PROTO_TCP, 40000, 25);
    talk_text(&t, 1, "220 x ESMTP\r\n");
    talk_text(&t, 0, "MAIL FROM:<a@b>\r\nDATA\r\n");
    talk_text(&t, 1, "250 ok\r\n354 go on\r\n");
    talk_text(&t, 0, "Subject: x\r\n");
    t.seq[0] += 100000;
    talk_text(&t, 0, "lost\r\n.\r\nMAIL FROM:<c@d>\r\n");
    talk_text(&t, 1, "250 done\r\n250 ok\r\n");
    t.seq[0] += 100000;
    talk_text(&t, 0, "TO:<c@d>\r\nRSET\r\nMAIL FROM:<e@f>\r\n");
    talk_text(&t, 1, "250 reset\r\n250 ok\r\n");
    UNIT_STR_EQ(talk_end(&t),
                "smtp banner=x ESMTP reply_code=250 mail_from=<a@b> "
                "size=18\n"
                "smtp mail_from=<c@d> reply_code=250\n"
                "smtp mail_from=<e@f> reply_code=250\n");
}

/* ------------------------------------------------------------------------ */
/* FTP. */

static const struct said ftp_session[] = {
    SERVER("220 (vsFTPd 3.0.5)\r\n"),
    CLIENT("USER bob\r\n"),
    SERVER("331 Please specify the password.\r\n"),
    CLIENT("PASS SECRET\r\n"),
    SERVER("230-Welcome\r\n  to all\r\n230-of you\r\n230 Logged in\r\n"),
    CLIENT("pasv\r\n"),
    SERVER("227 Entering Passive Mode (10,0,0,2,156,64).\r\n"),
    CLIENT("RETR a file.txt\r\n"),
    SERVER("150 Opening\r\n226 Done\r\n"),
    CLIENT("PORT 10,0,0,1,4,1\r\n"),
    SERVER("200 ok\r\n"),
    CLIENT("EPRT |2|2001:db8::1|5282|\r\n"),
    SERVER("200 ok\r\n"),
    CLIENT("EPSV\r\n"),
    SERVER("229 Entering (|||6446|)\r\n"),
    CLIENT("\xff\xf4\xff\xf2"
           "ABOR\r\n"),
    SERVER("426 broken off\r\n"),
    SERVER("226 unasked\r\n"),
    CLIENT("QUIT\r\n"),
    SERVER("221 Goodbye.\r\n"),
    CLIENT("USER late\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said ftp_refused[] = {
    SERVER("220 ready\r\n"),        CLIENT("USER bob\r\n"),
    SERVER("331 the password\r\n"), CLIENT("PASS SECRET\r\n"),
    SERVER("530 no\r\n"),           { NULL, 0, 0, 0 },
};

static const struct said ftp_tls[] = {
    SERVER("220 FTP server\r\n"),
    CLIENT("AUTH TLS\r\n"),
    SERVER("234 go on\r\n"),
    { NULL, 0, 0, 0 },
};

/* The server's first words were not seen. */
static const struct said ftp_late[] = {
    CLIENT("FEAT\r\n"),
    SERVER("211-Features\r\n UTF8\r\n EPSV\r\n TVFS\r\n MDTM\r\n211 End\r\n"),
    CLIENT("ACCT SECRET\r\n"),
    SERVER("202 not needed\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct dialog ftp[] = {
    { ftp_session, 0, false, INSP_APP_FTP,
      "ftp reply=(vsFTPd 3.0.5) completion_code=220\n"
      "ftp command=USER command_data=bob "
      "reply=Please specify the password. completion_code=331 "
      "latency_us=1000\n"
      "ftp command=PASS reply=Welcome reply=to all reply=of you "
      "reply=Logged in completion_code=230 user=bob cleartext_login=1 "
      "latency_us=1000\n"
      "ftp command=PASV reply=Entering Passive Mode (10,0,0,2,156,64). "
      "completion_code=227 mode=passive dynamic_port=40000 "
      "latency_us=1000\n"
      "ftp command=RETR command_data=a file.txt reply=Opening "
      "completion_code=150 reply=Done completion_code=226 "
      "latency_us=1000\n"
      "ftp command=PORT command_data=10,0,0,1,4,1 mode=active "
      "dynamic_port=1025 reply=ok completion_code=200 latency_us=1000\n"
      "ftp command=EPRT command_data=|2|2001:db8::1|5282| mode=active "
      "dynamic_port=5282 reply=ok completion_code=200 latency_us=1000\n"
      "ftp command=EPSV reply=Entering (|||6446|) completion_code=229 "
      "mode=passive dynamic_port=6446 latency_us=1000\n"
      "ftp command=ABOR reply=broken off completion_code=426 "
      "latency_us=1000\n"
      "ftp reply=unasked completion_code=226\n"
      "ftp command=QUIT reply=Goodbye. completion_code=221 "
      "latency_us=1000\n" },
    { ftp_refused, 0, false, INSP_APP_FTP,
      "ftp reply=ready completion_code=220\n"
      "ftp command=USER command_data=bob reply=the password "
      "completion_code=331\n"
      "ftp command=PASS reply=no completion_code=530 user=bob "
      "latency_us=1000\n" },
    { ftp_late, 0, false, INSP_APP_FTP,
      "ftp command=FEAT reply=Features reply=UTF8 reply=EPSV reply=TVFS "
      "completion_code=211 latency_us=1000\n"
      "ftp command=ACCT reply=not needed completion_code=202 "
      "latency_us=1000\n" },
};

static void
test_ftp(void)
{
    EXPECT_ALL(ftp);
    expect_tls(ftp_tls, 21,
               "ftp reply=FTP server completion_code=220\n"
               "ftp command=AUTH command_data=TLS reply=go on "
               "completion_code=234 latency_us=1000\n");
}

/* An answer is lost, and a command. */
static void
test_ftp_gap(void)
{
    static struct talk t;

    talk_begin(&t, INSP_PROTO_TCP, 40000, 21);
    talk_text(&t, 1, "220 x\r\n");
    talk_text(&t, 0, "CWD a\r\n");
    t.seq[1] += 100000;
    talk_text(&t, 0, "CWD b\r\n");
    talk_text(&t, 1, "250 b\r\n");
    t.seq[0] += 100000;
    talk_text(&t, 1, "250 c\r\n");
    talk_text(&t, 0, "PWD\r\n");
    talk_text(&t, 1, "257 /\r\n");
    UNIT_STR_EQ(talk_end(&t),
                "ftp reply=x completion_code=220\n"
                "ftp command=CWD command_data=b reply=b completion_code=250 "
                "latency_us=1000\n"
                "ftp reply=c completion_code=250\n"
                "ftp command=PWD reply=/ completion_code=257 "
                "latency_us=1000\n"
                "ftp command=CWD command_data=a\n");
}

/* ------------------------------------------------------------------------ */
/* POP3. */

static const struct said pop3_session[] = {
    SERVER("+OK POP3 ready\r\n"),
    CLIENT("CAPA\r\n"),
    SERVER("+OK\r\nUSER\r\n-ERR\r\n.\r\n"),
    CLIENT("USER bob\r\nPASS SECRET\r\n"),
    SERVER("+OK\r\n-ERR no\r\n"),
    CLIENT("USER bob\r\n"),
    SERVER("+OK\r\n"),
    CLIENT("PASS SECRET\r\n"),
    SERVER("+OK 2 messages\r\n"),
    CLIENT("RETR 1\r\n"),
    SERVER("+OK\r\nSubject: SECRET\r\n.\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said pop3_apop[] = {
    SERVER("+OK ready <1896.697170952@mail.example>\r\n"),
    CLIENT("APOP bob c4c9334bac560ecc979e58001b3e22fb\r\n"),
    SERVER("+OK 1 message\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said pop3_plain[] = {
    SERVER("+OK ready\r\n"),
    CLIENT("CAPA\r\n"),
    SERVER("+OK\r\nSASL PLAIN\r\n.\r\n"),
    CLIENT("AUTH PLAIN\r\n"),
    SERVER("+ \r\n"),
    CLIENT("AGJvYgBTRUNSRVQ=\r\n"),
    SERVER("+OK in\r\n"),
    { NULL, 0, 0, 0 },
};

/* Nobody but the server's second answer says that it is POP3. */
static const struct said pop3_refused[] = {
    SERVER("+OK ready\r\n"),   CLIENT("USER bob\r\n"), SERVER("+OK\r\n"),
    CLIENT("PASS SECRET\r\n"), SERVER("-ERR no\r\n"),  { NULL, 0, 0, 0 },
};

static const struct said pop3_quit[] = {
    SERVER("+OK POP3\r\n"),
    CLIENT("QUIT\r\n"),
    SERVER("+OK bye\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said pop3_tls[] = {
    SERVER("+OK POP3 ready\r\n"),
    CLIENT("STLS\r\n"),
    SERVER("+OK go on\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct dialog pop3[] = {
    { pop3_session, 0, false, INSP_APP_POP3,
      "pop3 banner=POP3 ready user=bob request.command=PASS "
      "cleartext_login=1 response.status=ERR\n"
      "pop3 user=bob request.command=PASS cleartext_login=1 "
      "response.status=OK\n" },
    { pop3_apop, 0, false, INSP_APP_POP3,
      "pop3 banner=ready <1896.697170952@mail.example> "
      "request.command=APOP user=bob cleartext_login=0 "
      "response.status=OK\n" },
    /* The greeting was not understood, but kept. */
    { pop3_plain, 0, false, INSP_APP_POP3,
      "pop3 banner=ready request.command=AUTH auth_mechanism=PLAIN user=bob "
      "cleartext_login=1 response.status=OK\n" },
    { pop3_refused, 0, false, INSP_APP_POP3,
      "pop3 banner=ready user=bob request.command=PASS cleartext_login=1 "
      "response.status=ERR\n" },
    { pop3_quit, 0, false, INSP_APP_POP3, "pop3 banner=POP3\n" },
};

static void
test_pop3(void)
{
    EXPECT_ALL(pop3);
    expect_tls(pop3_tls, 110,
               "pop3 banner=POP3 ready request.command=STLS "
               "response.status=OK starttls=1\n");
}

/* ------------------------------------------------------------------------ */
/* IMAP. */

static const struct said imap_login[] = {
    SERVER("* OK [CAPABILITY IMAP4rev1] ready\r\n"),
    CLIENT("a1 CAPABILITY\r\n"),
    SERVER("* CAPABILITY IMAP4rev1\r\na1 OK done\r\n"),
    CLIENT("a2 login \"b\\\"ob\" \"SECRET\"\r\n"),
    SERVER("a2 NO wrong\r\n"),
    CLIENT("a3 LOGIN bob SECRET\r\n"),
    SERVER("* CAPABILITY IMAP4rev1\r\na3 OK in\r\n"),
    CLIENT("a4 SELECT INBOX\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said imap_literals[] = {
    CLIENT("1 LOGIN {3}\r\n"),
    SERVER("+ go on\r\n"),
    CLIENT("bob {6}\r\n"),
    SERVER("+ go on\r\n"),
    CLIENT("SECRET\r\n"),
    SERVER("* 1 X {12}\r\n1 OK SECRET\r\n)\r\n1 OK in\r\n"),
    { NULL, 0, 0, 0 },
};

/* An empty name, and a password that may look like one. */
static const struct said imap_no_name[] = {
    CLIENT("1 LOGIN {0+}\r\n {6+}\r\nSECRET\r\n2 LOGIN \"\" {6+}\r\n"
           "SECRET\r\n"),
    SERVER("1 BAD no\r\n2 NO\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said imap_plain[] = {
    SERVER("* OK ready\r\n"), CLIENT("A1 AUTHENTICATE PLAIN\r\n"),
    SERVER("+ \r\n"),         CLIENT("AGJvYgBTRUNSRVQ=\r\n"),
    SERVER("A1 OK in\r\n"),   { NULL, 0, 0, 0 },
};

static const struct said imap_preauth[] = {
    SERVER("* PREAUTH IMAP4rev1 as bob\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said imap_tls[] = {
    SERVER("* OK IMAP4 ready\r\n"),
    CLIENT("a STARTTLS\r\n"),
    SERVER("a OK go on\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct dialog imap[] = {
    { imap_login, 0, false, INSP_APP_IMAP,
      "imap banner=[CAPABILITY IMAP4rev1] ready command=LOGIN "
      "cleartext_login=1 user=b\\\"ob status=NO\n"
      "imap command=LOGIN cleartext_login=1 user=bob status=OK\n" },
    { imap_literals, 0, false, INSP_APP_IMAP,
      "imap command=LOGIN cleartext_login=1 user=bob status=OK\n" },
    { imap_no_name, 0, false, INSP_APP_IMAP,
      "imap command=LOGIN cleartext_login=1 status=NO\n" },
    { imap_plain, 0, false, INSP_APP_IMAP,
      "imap command=AUTHENTICATE auth_mechanism=PLAIN banner=ready user=bob "
      "cleartext_login=1 status=OK\n" },
    { imap_preauth, 0, false, INSP_APP_IMAP,
      "imap banner=IMAP4rev1 as bob command=PREAUTH\n" },
};

static void
test_imap(void)
{
    EXPECT_ALL(imap);
    expect_tls(imap_tls, 143,
               "imap banner=IMAP4 ready command=STARTTLS starttls=1 "
               "status=OK\n");
}

/* ------------------------------------------------------------------------ */
/* Telnet. */

static const struct said telnet_login[] = {
    SERVER("\xff\xfd\x18\xff\xfd\x20\xff\xfb\x03\xff\xfb\x3e\xff\xfd\xc8"),
    CLIENT("\xff\xfb\x18\xff\xfc\x20\xff\xfd\x03\xff\xfd\x03"),
    SERVER("\xff\xfa\x18\x01\xff\xf0"),
    CLIENT("\xff\xfa\x18\0login:\xff\xf0"),
    SERVER("Debian \xff\xf9\r\nhost LogIn: "),
    CLIENT("bob\r\n"),
    SERVER("Password: "),
    { NULL, 0, 0, 0 },
};

static const struct dialog telnet[] = {
    { telnet_login, 0, true, INSP_APP_TELNET,
      "telnet server.do=terminal-type server.do=terminal-speed "
      "server.will=suppress-go-ahead server.will=62 "
      "client.will=terminal-type client.do=suppress-go-ahead "
      "cleartext_login=1\n" },
};

static void
test_telnet(void)
{
    static struct talk t;

    EXPECT_ALL(telnet);
    talk_begin(&t, INSP_PROTO_TCP, 40000, 23);
    talk_text(&t, 1, "host login: ");
    UNIT_STR_EQ(talk_end(&t), "telnet cleartext_login=1\n");
    /* Nobody asks who is there: it ends all the same. */
    talk_begin(&t, INSP_PROTO_TCP, 40000, 1234);
    talk_say(&t, 1, "\xff\xfb\x01\xff\xfb\x03", 6);
    for (int i = 0; i < 64; i++) {
        talk_text(&t, i & 1, "password");
    }
    UNIT_STR_EQ(t.text, "telnet server.will=echo "
                        "server.will=suppress-go-ahead cleartext_login=0\n");
    talk_end(&t);
}

/* ------------------------------------------------------------------------ */
/* XMPP. */

#define XMPP_OPEN                                                             \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "              \
    "xmlns:stream='http://etherx.jabber.org/streams' to='example.org' "       \
    "from=\"bob@example.org\" version='1.0'>"
#define XMPP_ANSWER                                                           \
    "<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' "            \
    "xmlns:stream='http://etherx.jabber.org/streams' id='4>2' "               \
    "from='example.org' version='1.0'><stream:features><starttls "            \
    "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"

static const struct said xmpp_tls[] = {
    CLIENT(XMPP_OPEN),
    SERVER(XMPP_ANSWER),
    CLIENT("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    SERVER("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    { NULL, 0, 0, 0 },
};

static const struct said xmpp_login[] = {
    CLIENT(XMPP_OPEN),
    SERVER(XMPP_ANSWER),
    CLIENT("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
           "mechanism='PLAIN'>AGJvYgBTRUNSRVQ=</auth>"),
    SERVER("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
    CLIENT("<auth mechanism='SCRAM-SHA-1'>biwsbj1ib2I=</auth>"),
    SERVER("<challenge>cj0x</challenge>"),
    CLIENT("<response>Yz1i</response>"),
    SERVER("<success>dj0x</success>"),
    CLIENT("<message><body>SECRET</body></message>"),
    { NULL, 0, 0, 0 },
};

static const struct said xmpp_old[] = {
    CLIENT("<stream:stream xmlns='jabber:client' to='example.org'>"),
    SERVER("<stream:stream xmlns='jabber:client' from='e.org' id='1'>"),
    CLIENT("<iq type='set'><query xmlns='jabber:iq:auth'><username>bob"
           "</username><password>SECRET</password></query></iq>"),
    SERVER("<iq type='result'/>"),
    { NULL, 0, 0, 0 },
};

#define XMPP_STREAM                                                           \
    "xmpp to=example.org from=bob@example.org namespace=jabber:client "       \
    "server=example.org "

static const struct dialog xmpp[] = {
    { xmpp_login, 0, false, INSP_APP_XMPP,
      XMPP_STREAM
      "auth_mechanism=PLAIN user=bob cleartext_login=1 "
      "status=failure\n"
      "xmpp auth_mechanism=SCRAM-SHA-1 cleartext_login=0 status=success\n" },
    { xmpp_old, 0, false, INSP_APP_XMPP,
      "xmpp to=example.org namespace=jabber:client server=e.org user=bob "
      "cleartext_login=1\n" },
};

static void
test_xmpp(void)
{
    EXPECT_ALL(xmpp);
    expect_tls(xmpp_tls, 5222, XMPP_STREAM "starttls=1\n");
}

/* ------------------------------------------------------------------------ */
/* SOCKS. */

static const struct said socks_name[] = {
    CLIENT("\5\1\0"),
    SERVER("\5\0"),
    CLIENT("\5\1\0\3\x09"
           "b.example\x01\xbb"),
    SERVER("\5\0\0\1\x0a\0\0\2\x10\x00"),
    { NULL, 0, 0, 0 },
};

static const struct said socks_login[] = {
    CLIENT("\5\2\0\2"),
    SERVER("\5\2"),
    CLIENT("\1\3bob\6SECRET"),
    SERVER("\1\0"),
    CLIENT("\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50"),
    SERVER("\5\5\0\1\0\0\0\0\0\0"),
    { NULL, 0, 0, 0 },
};

static const struct said socks_bad_login[] = {
    CLIENT("\5\1\2"), SERVER("\5\2"),    CLIENT("\1\3bob\6SECRET"),
    SERVER("\1\1"),   { NULL, 0, 0, 0 },
};

static const struct said socks_bind[] = {
    CLIENT("\5\1\0"),
    SERVER("\5\0"),
    CLIENT("\5\2\0\1\x0a\0\0\3\0\x15"),
    SERVER("\5\0\0\1\x0a\0\0\2\x10\x00"),
    SERVER("\5\0\0\1\x0a\0\0\3\x20\x00"),
    CLIENT("GET / HTTP/1.1\r\nHost: c.example\r\n\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said socks_4[] = {
    CLIENT("\4\1\0\x50\x0a\0\0\3bob\0"),
    SERVER("\0\x5a\0\0\0\0\0\0"),
    CLIENT("GET / HTTP/1.1\r\nHost: c.example\r\n\r\n"),
    { NULL, 0, 0, 0 },
};

static const struct said socks_4a[] = {
    CLIENT("\4\1\1\xbb\0\0\0\1\0B.example\0"),
    SERVER("\0\x5a\0\0\0\0\0\0"),
    { NULL, 0, 0, 0 },
};

static const struct said socks_refused[] = {
    CLIENT("\4\1\0\x50\x0a\0\0\3\0"),
    SERVER("\0\x5b\0\0\0\0\0\0"),
    { NULL, 0, 0, 0 },
};

static const struct said socks_udp[] = {
    CLIENT("\5\1\0"),
    SERVER("\5\0"),
    CLIENT("\5\3\0\1\0\0\0\0\0\0"),
    SERVER("\5\0\0\1\x0a\0\0\2\x10\x00"),
    CLIENT("GET / HTTP/1.1\r\nHost: c.example\r\n\r\n"),
    { NULL, 0, 0, 0 },
};

/* At its port the first words are enough. */
static const struct said socks_no_method[] = {
    CLIENT("\5\1\1"),
    SERVER("\5\xff"),
    { NULL, 0, 0, 0 },
};

#define SOCKS_HTTP                                                            \
    "http http_method=GET url=/ protocol=HTTP/1.1 hostname=c.example\n"

static const struct dialog socks[] = {
    { socks_login, 0, true, INSP_APP_SOCKS,
      "socks version=5 user=bob cleartext_login=1 command=connect "
      "dest_host=2001:db8::1 dest_port=80 method=password reply_code=5 "
      "status=refused latency_us=1000\n" },
    { socks_login, 1080, true, INSP_APP_SOCKS,
      "socks version=5 method=password user=bob cleartext_login=1 "
      "command=connect dest_host=2001:db8::1 dest_port=80 reply_code=5 "
      "status=refused latency_us=5000\n" },
    { socks_bad_login, 1080, true, INSP_APP_SOCKS,
      "socks version=5 method=password user=bob cleartext_login=1 "
      "status=login_refused latency_us=3000\n" },
    { socks_4, 0, true, INSP_APP_HTTP,
      "socks version=4 user=bob command=connect dest_host=10.0.0.3 "
      "dest_port=80 reply_code=90 status=succeeded "
      "latency_us=1000\n" SOCKS_HTTP },
    { socks_refused, 0, true, INSP_APP_SOCKS,
      "socks version=4 command=connect dest_host=10.0.0.3 dest_port=80 "
      "reply_code=91 status=failed latency_us=1000\n" },
    { socks_no_method, 1080, true, INSP_APP_SOCKS,
      "socks version=5 method=refused latency_us=1000\n" },
};

static void
test_socks(void)
{
    static const struct dialog bind = {
        socks_bind, 1080, true, INSP_APP_HTTP,
        "socks version=5 method=none command=bind dest_host=10.0.0.3 "
        "dest_port=21 reply_code=0 status=succeeded "
        "latency_us=4000\n" SOCKS_HTTP
    };
    static const struct dialog udp = {
        socks_udp, 1080, true, INSP_APP_SOCKS,
        "socks version=5 method=none command=udp_associate "
        "dest_host=0.0.0.0 dest_port=0 reply_code=0 status=succeeded "
        "latency_us=3000\n"
    };
    static struct talk t;

    EXPECT_ALL(socks);
    expect(&bind);
    torture(&bind);
    expect(&udp);
    expect_tls(socks_name, 1080,
               "socks version=5 method=none command=connect "
               "dest_host=b.example dest_port=443 reply_code=0 "
               "status=succeeded latency_us=3000\n");
    expect_tls(socks_4a, 0,
               "socks version=4 command=connect dest_host=B.example "
               "dest_port=443 reply_code=90 status=succeeded "
               "latency_us=1000\n");
    plan_nothing();
    run(&t, &(struct dialog){ socks_4a, 0, true, INSP_APP_SOCKS, "" }, 0);
    UNIT_STR_EQ(t.name, "b.example");
}

/* ------------------------------------------------------------------------ */
/* Detection. */

struct first {
    enum insp_app app;
    uint8_t side;
    uint16_t port;
    const char *text;
    size_t size;
};

#define FIRST(APP, SIDE, TEXT)                                                \
    {                                                                         \
        INSP_APP_##APP, SIDE, 1234, TEXT, sizeof(TEXT) - 1                    \
    }
#define AT_PORT(APP, PORT, SIDE, TEXT)                                        \
    {                                                                         \
        INSP_APP_##APP, SIDE, PORT, TEXT, sizeof(TEXT) - 1                    \
    }

static const struct first firsts[] = {
    FIRST(SMTP, 1, "220 mail.example ESMTP Postfix\r\n"),
    FIRST(SMTP, 0, "ehlo client.example\r\n"),
    FIRST(SMTP, 1, "220 mail.example\r\n250 hello\r\n"),
    AT_PORT(SMTP, 25, 1, "220 mail.example ready\r\n"),
    FIRST(UNKNOWN, 0, "EHLO \x01\r\n"),
    FIRST(UNKNOWN, 0, "EHLO client"),
    FIRST(UNKNOWN, 1, "250 ESMTP\r\n"),
    FIRST(UNKNOWN, 1, "220 ready\r\n"),
    FIRST(UNKNOWN, 1, "220ready ESMTP\r\n"),
    FIRST(FTP, 1, "220 (vsFTPd 3.0.5)\r\n"),
    FIRST(FTP, 1, "220-Welcome\r\nto all\r\n220 ready\r\n331 who\r\n"),
    FIRST(FTP, 0, "USER bob\r\nPASS x\r\nSYST\r\n"),
    AT_PORT(FTP, 21, 1, "220-Welcome\r\n"),
    AT_PORT(FTP, 21, 0, "USER bob\r\n"),
    FIRST(UNKNOWN, 0, "USER bob\r\n"),
    FIRST(UNKNOWN, 0, "USER bob 0 * :Bob\r\nSYST\r\n"),
    FIRST(POP3, 1, "+OK POP3 server ready\r\n"),
    FIRST(POP3, 1, "+OK ready <1896.697170952@mail.example>\r\n"),
    FIRST(POP3, 0, "USER bob\r\nPASS x\r\nSTAT\r\n"),
    FIRST(UNKNOWN, 1, "+OK\r\n"),
    FIRST(UNKNOWN, 1, "+OK ready\r\n"),
    FIRST(UNKNOWN, 1, "+OKAY POP\x01\r\n"),
    FIRST(IMAP, 1, "* OK [CAPABILITY IMAP4rev1] ready\r\n"),
    FIRST(IMAP, 0, "a001 login bob x\r\n"),
    AT_PORT(IMAP, 143, 1, "* OK ready\r\n"),
    FIRST(UNKNOWN, 0, "a001 logon bob x\r\n"),
    FIRST(UNKNOWN, 1, "* OK ready\r\n"),
    FIRST(TELNET, 1, "\xff\xfd\x18\xff\xfd\x20login:"),
    FIRST(TELNET, 1, "\xff\xfd\x18"),
    FIRST(UNKNOWN, 1, "\xff\xfd\x18login:"),
    FIRST(UNKNOWN, 1, "\xff\xfd\x78\xff\xfd\x78"),
    FIRST(UNKNOWN, 1, "login:"),
    FIRST(UNKNOWN, 0, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    FIRST(XMPP, 0,
          "<?xml version='1.0'?><stream:stream to='a' "
          "xmlns='jabber:client'>"),
    FIRST(UNKNOWN, 0, "<?xml version='1.0'?><a/>"),
    FIRST(SOCKS, 0, "\5\1\0\5\1\0\1\x0a\0\0\1\0\x50"),
    FIRST(SOCKS, 0, "\4\1\0\x50\x0a\0\0\3\0"),
    AT_PORT(SOCKS, 1080, 0, "\5\1\0"),
    FIRST(UNKNOWN, 0, "\5\1\0"),
    FIRST(UNKNOWN, 1, "\5\0"),
    AT_PORT(UNKNOWN, 1080, 0, "\5\2\0\0"), /* A method twice. */
    FIRST(UNKNOWN, 0, "\5\1\0\5\4\0\1\x0a\0\0\1\0\x50"),
    FIRST(UNKNOWN, 0, "\5\1\0\5\1\0\3\4a\0bc\0\x50"),
    FIRST(UNKNOWN, 0, "\5\1\0\5\1\0\1\x0a\0\0\1\0\0"),
    FIRST(UNKNOWN, 0, "\5\1\0\5\1\0\1\x0a\0\0\1\0\x50more"),
    FIRST(UNKNOWN, 0, "\4\1\0\0\x0a\0\0\3\0"),
    FIRST(UNKNOWN, 0, "\4\1\0\x50\xe0\0\0\3\0"),
    FIRST(UNKNOWN, 0, "\4\1\0\x50\x0a\0\0\3\0more"),
    FIRST(UNKNOWN, 0, "\4\1\0\x50\0\0\0\1\0a b\0"),
    /* OpenFlow's echo, Cassandra with compression, DCE/RPC. */
    FIRST(UNKNOWN, 0, "\4\2\0\x10\0\0\0\1\0\0\0\0\0\0\0\0"),
    FIRST(UNKNOWN, 0, "\4\1\0\1\1\0\0\0\x16\0\1\0\x0bZQL_VERSION\0\0"),
    FIRST(UNKNOWN, 0, "\5\0\x0b\3\x10\0\0\0\x48\0\0"),
};

static void
test_first(void)
{
    static struct talk t;

    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        const struct first *f = &firsts[i];

        for (size_t segment = 0; segment < 2; segment++) {
            talk_begin(&t, INSP_PROTO_TCP, 40000, f->port);
            t.segment = segment;
            talk_say(&t, f->side, f->text, f->size);
            talk_end(&t);
            if (!segment || f->app != INSP_APP_UNKNOWN) {
                UNIT_STR_EQ(insp_app_word(t.app), insp_app_word(f->app));
            }
        }
    }
}

static bool
is_ours(enum insp_app app)
{
    return app == INSP_APP_SMTP || app == INSP_APP_FTP ||
           app == INSP_APP_POP3 || app == INSP_APP_IMAP ||
           app == INSP_APP_TELNET || app == INSP_APP_XMPP ||
           app == INSP_APP_SOCKS;
}

/* What other protocols say first, also at the ports of these. */
static void
test_foreign(void)
{
    static const struct first others[] = {
        FIRST(NONE, 0, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        FIRST(NONE, 0, "HTTP/1.1 220 EHLO\r\n\r\n"),
        FIRST(NONE, 1, "SSH-2.0-OpenSSH_9.2 FTP SMTP POP3\r\n"),
        FIRST(NONE, 0, "NICK bob\r\nUSER bob 0 * :Bob\r\n"),
        FIRST(NONE, 1, "+PONG\r\n"),
        FIRST(NONE, 1, "INFO {\"server_id\":\"x\"}\r\n"),
        FIRST(NONE, 0, "get a b c\r\n"),
        FIRST(NONE, 0, "\x16\3\1\0\x2f\1\0\0\x2b\3\3"),
        FIRST(NONE, 0, "OPTIONS rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        FIRST(NONE, 0, "\0\0\0\x40\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0"),
        FIRST(NONE, 0, "\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"),
        FIRST(NONE, 0, "\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0"),
        FIRST(NONE, 0, "\4\0\0\0\5\0\0\0\0"),
        FIRST(NONE, 0, "\5\0\x0b\3\x10\0\0\0\x48\0\0\0\1\0\0\0"),
        FIRST(NONE, 0, "<html><body>login: jabber:</body></html>"),
    };
    static const uint16_t ports[] = { 1234, 21,  23,   25,  110,
                                      143,  587, 1080, 5222 };
    static struct talk t;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (size_t j = 0; j < sizeof ports / sizeof ports[0]; j++) {
            talk_begin(&t, INSP_PROTO_TCP, 40000, ports[j]);
            talk_say(&t, others[i].side, others[i].text, others[i].size);
            talk_end(&t);
            CU_ASSERT_FALSE(is_ours(t.app) && ports[j] != 23);
        }
    }
}

static void
test_noise(void)
{
    static struct talk t;
    uint64_t seed = 88172645463325252u;
    uint8_t bytes[40];

    for (int i = 0; i < 20000; i++) {
        for (size_t j = 0; j < sizeof bytes; j++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes[j] = (uint8_t) (seed >> 32);
            if (i & 1 && j < 12) {
                bytes[j] &= 7; /* Many protocols begin with small numbers. */
            }
        }
        talk_begin(&t, INSP_PROTO_TCP, 40000, 1234);
        talk_say(&t, 0, bytes, sizeof bytes);
        talk_end(&t);
        UNIT_STR_EQ(is_ours(t.app) ? t.text : "", "");
    }
}

UNIT_MAIN("app lines", UNIT_TEST(test_smtp), UNIT_TEST(test_smtp_bounds),
          UNIT_TEST(test_smtp_gap), UNIT_TEST(test_ftp),
          UNIT_TEST(test_ftp_gap), UNIT_TEST(test_pop3), UNIT_TEST(test_imap),
          UNIT_TEST(test_telnet), UNIT_TEST(test_xmpp), UNIT_TEST(test_socks),
          UNIT_TEST(test_first), UNIT_TEST(test_foreign),
          UNIT_TEST(test_noise))
