/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of HTTP/1, HTTP/2 and SSH make of bytes.
 *
 * Latencies are those of talk.h: a call of it is a millisecond.  Header blocks
 * of HTTP/2 were made by libnghttp2. */

#include "talk.h"

#include "app/hpack.h"

/* What one side says; NULL ends a dialog. */
struct said {
    unsigned int side;
    const char *text; /* "hex:..." are bytes, "FIN" is one. */
};

static void
say_all(struct talk *t, const struct said *said)
{
    for (; said->text; said++) {
        if (!strncmp(said->text, "hex:", 4)) {
            talk_hex(t, said->side, said->text + 4);
        } else if (!strcmp(said->text, "FIN")) {
            talk_fin(t, said->side);
        } else {
            talk_text(t, said->side, said->text);
        }
    }
}

/* The same, whole and in pieces, must be read as the same. */
static void
expect_on(uint16_t port, const struct said *said, enum insp_app app,
          const char *text)
{
    static const size_t segments[] = { 0, 1, 2, 7, 100 };

    for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
        struct talk t;

        talk_begin(&t, INSP_PROTO_TCP, 40000, port);
        t.segment = segments[i];
        say_all(&t, said);
        UNIT_STR_EQ(talk_end(&t), text);
        UNIT_EQ(t.app, app);
        UNIT_STR_EQ(t.name, "");
    }
}

static void
expect(const struct said *said, const char *text)
{
    expect_on(12345, said, INSP_APP_HTTP, text);
}

static void
test_silence(void)
{
    struct talk t;

    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    UNIT_STR_EQ(talk_end(&t), "");
    UNIT_EQ(t.app, INSP_APP_NONE);
}

/* ------------------------------------------------------------------------ */
/* HTTP/1. */

/* Fails when a body's length is not passed exactly: the second request's
 * response would not be found. */
static void
test_transactions(void)
{
    static const struct said said[] = {
        { 0, "GET /a?b=c HTTP/1.1\r\nHost: www.example.org:8080\r\n"
             "User-Agent: Mozilla/5.0 (X)\r\nReferer: http://r.example/\r\n"
             "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n"
             "Content-Type: text/ignored\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nServer: nginx/1.2\r\n"
             "Content-Type: text/html; charset=utf-8\r\n"
             "Location: /not-a-redirect\r\n"
             "Content-Length: 10\r\n\r\n01234" },
        { 1, "56789" },
        { 0, "POST /form HTTP/1.1\r\nhost: www.example.org\r\n"
             "content-length: 7\r\n\r\nab=1234" },
        { 1, "HTTP/1.1 302 Moved Temporarily\r\nLocation: "
             "https://x.example/y\r\nContent-Length: 0\r\n\r\n" },
        { 0, NULL },
    };

    expect(said,
           "http http_method=GET url=/a?b=c protocol=HTTP/1.1 "
           "hostname=www.example.org http_port=8080 "
           "http_user_agent=Mozilla/5.0 (X) http_refer=http://r.example/ "
           "xff=192.0.2.1, 192.0.2.2 latency_us=1000 status=200 reason=OK "
           "server=nginx/1.2 http_content_type=text/html length=10\n"
           "http http_method=POST url=/form protocol=HTTP/1.1 "
           "hostname=www.example.org request_length=7 latency_us=1000 "
           "status=302 reason=Moved Temporarily redirect=https://x.example/y "
           "length=0\n");
}

/* Fails when responses are matched to the newest request. */
static void
test_pipeline(void)
{
    static const struct said said[] = {
        { 0, "GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\n"
             "POST /3 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
             "GET /4 HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
             "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"
             "HTTP/1.1 204 No Content\r\n\r\n"
             "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n" },
        { 0, NULL },
    };

    expect(said,
           "http http_method=GET url=/1 protocol=HTTP/1.1 latency_us=1000 "
           "status=200 reason=OK length=2\n"
           "http http_method=HEAD url=/2 protocol=HTTP/1.1 latency_us=1000 "
           "status=200 reason=OK length=0\n"
           "http http_method=POST url=/3 protocol=HTTP/1.1 request_length=3 "
           "latency_us=1000 status=204 reason=No Content length=0\n"
           "http http_method=GET url=/4 protocol=HTTP/1.1 latency_us=1000 "
           "status=304 reason=Not Modified length=0\n");
}

/* More requests than events may be open: the oldest go out unanswered, the
 * others find their answers. */
static void
test_long_pipeline(void)
{
    struct talk t;
    unsigned int n = 0;

    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    for (int i = 0; i < 100; i++) {
        talk_text(&t, 0,
                  i == 97 ? "HEAD /h HTTP/1.1\r\n\r\n"
                          : "GET /x HTTP/1.1\r\n\r\n");
    }
    for (int i = 0; i < 100; i++) {
        /* Request 97 - 64 was no HEAD; its response has a body that would be
         * taken for one. */
        talk_text(&t, 1,
                  i == 97   ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                  : i == 33 ? "HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n"
                              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                            : "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
                              "x");
    }
    talk_end(&t);
    for (const char *at = t.text; (at = strstr(at, "status=200")); at++) {
        n++;
    }
    UNIT_EQ(n, INSP_EVENTS_OPEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(t.text, "url=/h protocol=HTTP/1.1 "
                                          "latency_us=100000 status=200 "
                                          "reason=OK length=0\n"));
}

static void
test_chunks(void)
{
    static const struct said said[] = {
        { 0, "PUT /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
             "\r\n5\r\nabcde\r\n0\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
             "a;ext=\"x\"\r\n0123456789\r\n" },
        { 1, "3 \nabc\n00\r\nTrailer: x\r\nServer: not-here\r\n\r\n" },
        { 0, "GET /next HTTP/1.0\r\n\r\n" },
        { 1, "HTTP/1.0 404 Not Found\r\nServer: s\r\n\r\nuntil " },
        { 1, "the end" },
        { 1, "FIN" },
        { 0, NULL },
    };

    expect(said,
           "http http_method=PUT url=/up protocol=HTTP/1.1 hostname=a "
           "request_length=5 latency_us=1000 status=200 reason=OK length=13\n"
           "http http_method=GET url=/next protocol=HTTP/1.0 latency_us=1000 "
           "status=404 reason=Not Found server=s length=13\n");
}

/* A body that is broken off has the length that came. */
static void
test_broken_off(void)
{
    static const struct said known[] = {
        { 0, "GET / HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789" },
        { 1, "FIN" },
        { 0, NULL },
    };
    static const struct said chunked[] = {
        { 0, "GET / HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nabcde\r\n100\r\n0123456789" },
        { 1, "FIN" },
        { 0, NULL },
    };
    static const struct said silent[] = {
        { 0, "GET / HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789" },
        { 0, NULL },
    };
    struct talk t;

    expect(known, "http http_method=GET url=/ protocol=HTTP/1.1 "
                  "latency_us=1000 status=200 reason=OK length=10\n");
    expect(chunked, "http http_method=GET url=/ protocol=HTTP/1.1 "
                    "latency_us=1000 status=200 reason=OK length=15\n");
    expect(silent, "http http_method=GET url=/ protocol=HTTP/1.1 "
                   "latency_us=1000 status=200 reason=OK\n");

    /* Head, part of the body and FIN in one segment. */
    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    talk_text(&t, 0, known[0].text);
    talk_flags(&t, 1, known[1].text, strlen(known[1].text), INSP_TCP_FIN);
    UNIT_STR_EQ(talk_end(&t),
                "http http_method=GET url=/ protocol=HTTP/1.1 "
                "latency_us=1000 status=200 reason=OK length=10\n");
}

static void
test_interim(void)
{
    static const struct said said[] = {
        { 0, "POST / HTTP/1.1\r\nExpect: 100-continue\r\n"
             "Content-Length: 2\r\n\r\n" },
        { 1, "HTTP/1.1 100 Continue\r\n\r\n" },
        { 0, "ab" },
        { 1, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" },
        { 1, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" },
        { 0, NULL },
    };

    expect(said, "http http_method=POST url=/ protocol=HTTP/1.1 "
                 "latency_us=4000 status=201 request_length=2 reason=Created "
                 "length=0\n");
}

/* Behind CONNECT and an upgrade the protocol that follows is looked for; a
 * websocket is not read. */
static void
test_changes(void)
{
    static const struct said tunnel[] = {
        { 0, "CONNECT db.example:5432 HTTP/1.1\r\nHost: proxy.example\r\n"
             "\r\n" },
        { 1, "HTTP/1.1 200 Connection established\r\n\r\n" },
        { 0, "SSH-2.0-a\r\n" },
        { 1, "SSH-2.0-b\r\n" },
        { 0, NULL },
    };
    static const struct said refused[] = {
        { 0, "CONNECT x:1 HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\nno\n" },
        { 0, "GET / HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n" },
        { 0, NULL },
    };
    static const struct said pathed[] = {
        { 0, "CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n" },
        { 1, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n" },
        { 0, NULL },
    };
    static const struct said websocket[] = {
        { 0, "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\n\r\n" },
        { 1, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
             "\r\n" },
        { 0, "SSH-2.0-not-read\r\n" },
        { 0, NULL },
    };
    static const struct said other[] = {
        { 0, "GET / HTTP/1.1\r\n\r\n" },
        { 1, "SSH-2.0-not_a_web_server\r\n" },
        { 0, NULL },
    };
    static const struct said inside[] = {
        { 0, "CONNECT a:80 HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\n\r\n" },
        { 0, "GET /in HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
        { 0, NULL },
    };

    expect_on(3128, tunnel, INSP_APP_SSH,
              "http http_method=CONNECT url=db.example:5432 "
              "hostname=db.example http_port=5432 protocol=HTTP/1.1 "
              "latency_us=1000 status=200 reason=Connection established\n"
              "ssh client.proto_version=2.0 client.software_version=a "
              "server.proto_version=2.0 server.software_version=b\n");
    expect(refused,
           "http http_method=CONNECT url=x:1 hostname=x http_port=1 "
           "protocol=HTTP/1.1 latency_us=1000 status=407 reason=No length=3\n"
           "http http_method=GET url=/ protocol=HTTP/1.1 latency_us=1000 "
           "status=400 reason=Bad length=0\n");
    /* No authority: the header says it. */
    expect(pathed,
           "http http_method=CONNECT url=/ protocol=HTTP/1.1 hostname=h "
           "latency_us=1000 status=400 reason=Bad length=0\n");
    expect(websocket,
           "http http_method=GET url=/chat protocol=HTTP/1.1 hostname=a "
           "latency_us=1000 status=101 reason=Switching Protocols "
           "upgrade=WebSocket\n");
    expect_on(22, other, INSP_APP_SSH,
              "http http_method=GET url=/ protocol=HTTP/1.1\n"
              "ssh server.proto_version=2.0 "
              "server.software_version=not_a_web_server\n");
    expect(inside,
           "http http_method=CONNECT url=a:80 hostname=a http_port=80 "
           "protocol=HTTP/1.1 latency_us=1000 status=200 reason=OK\n"
           "http http_method=GET url=/in protocol=HTTP/1.1 latency_us=1000 "
           "status=200 reason=OK length=0\n");
}

/* What is not as it should be, and still is read. */
static void
test_odd_text(void)
{
    static const struct said said[] = {
        { 0, "\r\nFROBNICATE http://u:p@h.example:81/p?q=a@b HTTP/1.1\n"
             "Host: other.example\nUser-Agent: folded\r\n  \tonce\n more\r\n"
             "No colon\n: no name\n\n" },
        { 1, "HTTP/1.1 200\nServer : \t spaced \t\n\nx" },
        { 1, "FIN" },
        { 0, NULL },
    };
    static const struct said six[] = {
        { 0, "OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n"
             "Host: second\r\nUser-Agent:\r\n\r\n" },
        { 0, NULL },
    };
    static const struct said lower[] = {
        { 0, "get /low http/1.1\r\nHOST: a:99999\r\n\r\n" },
        { 0, NULL },
    };
    static const struct said simple[] = {
        { 0, "GET /old\r\n" }, { 1, "<html>no header" },
        { 1, "</html>" },      { 1, "FIN" },
        { 0, NULL },
    };

    expect(said, "http http_method=FROBNICATE "
                 "url=http://u:p@h.example:81/p?q=a@b hostname=h.example "
                 "http_port=81 protocol=HTTP/1.1 "
                 "http_user_agent=folded \\x09once more "
                 "latency_us=1000 status=200 server=spaced length=1\n");
    expect(six, "http http_method=OPTIONS url=* protocol=HTTP/1.1 "
                "hostname=[2001:db8::1] http_port=8080\n");
    expect(lower, "http http_method=get url=/low protocol=http/1.1 "
                  "hostname=a\n");
    expect(simple, "http http_method=GET url=/old latency_us=1000 "
                   "length=22\n");
}

static void
expect_ambiguous(const char *fields, const char *body, const char *then)
{
    char text[512], expected[256];
    struct said said[] = {
        { 0, text },
        { 0, "GET /second HTTP/1.1\r\n\r\n" },
        { 0, NULL },
    };

    snprintf(text, sizeof text, "POST / HTTP/1.1\r\n%s\r\n%s", fields, body);
    snprintf(expected, sizeof expected,
             "http http_method=POST url=/ protocol=HTTP/1.1 ambiguous=1%s\n"
             "http http_method=GET url=/second protocol=HTTP/1.1\n",
             then);
    expect(said, expected);
}

/* The ways in which two readers may see different lengths, each read as the
 * top of http.c says. */
static void
test_smuggling(void)
{
    static const struct said fine[] = {
        { 0, "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 003\r\n"
             "\r\nabc" },
        { 0, NULL },
    };
    static const struct said codings[] = {
        { 0, "GET / HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n"
             "Content-Length: 2\r\n\r\nabcdef" },
        { 1, "FIN" },
        { 0, NULL },
    };

    expect(fine, "http http_method=POST url=/ protocol=HTTP/1.1 "
                 "request_length=3\n");
    expect_ambiguous("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
                     "0\r\n\r\n", "");
    expect_ambiguous("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
                     "1\r\nx\r\n0\r\n\r\n", " request_length=1");
    expect_ambiguous("Content-Length: 3\r\nContent-Length: 8\r\n", "abc",
                     " request_length=3");
    expect_ambiguous("Content-Length: +3\r\n", "", "");
    expect_ambiguous("Content-Length: -1\r\n", "", "");
    expect_ambiguous("Content-Length: 3, 3\r\n", "", "");
    expect_ambiguous("Content-Length: 99999999999999999999\r\n", "", "");
    expect_ambiguous("Content-Length:\r\n", "", "");
    expect_ambiguous("Content-Length : 3\r\n", "abc", " request_length=3");
    expect_ambiguous("Transfer-Encoding : chunked\r\n", "0\r\n\r\n", "");
    expect_ambiguous("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n", "");
    expect_ambiguous("Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n",
                     "ab", " request_length=2");
    expect_ambiguous("Transfer-Encoding: chunked\r\n"
                     "Transfer-Encoding: identity\r\n",
                     "", "");
    expect_ambiguous("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n",
                     "");
    expect(codings, "http http_method=GET url=/ protocol=HTTP/1.1 "
                    "latency_us=1000 status=200 reason=OK ambiguous=1 "
                    "length=6\n");
}

/* Chunks that are none: reading goes on at what is a message again. */
static void
test_bad_chunks(void)
{
    static const char *const chunks[] = {
        "zz\r\n",
        "-1\r\n",
        "fffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "5x\r\n",
        "2\r\nabc\r\n",
        "0x5\r\nabcde\r\n",
        "\r\n",
    };

    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        struct talk t;

        talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
        talk_text(&t, 0, "GET /a HTTP/1.1\r\n\r\n");
        talk_text(&t, 1,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                  "\r\n");
        talk_text(&t, 1, chunks[i]);
        talk_text(&t, 1, "garbage");
        talk_text(&t, 0, "GET /b HTTP/1.1\r\n\r\n");
        talk_text(&t, 1, "HTTP/1.1 204 OK\r\n\r\n");
        UNIT_STR_EQ(talk_end(&t),
                    "http http_method=GET url=/a protocol=HTTP/1.1 "
                    "latency_us=1000 status=200 reason=OK ambiguous=1\n"
                    "http http_method=GET url=/b protocol=HTTP/1.1 "
                    "latency_us=1000 status=204 reason=OK length=0\n");
    }
}

/* Lines and headers that are longer than all that is kept. */
static void
test_long_lines(void)
{
    static const size_t segments[] = { 0, 1, 1000, 1460 };
    static char long_text[40000], url[1100];
    char expected[2048];

    memset(long_text, 'u', sizeof long_text - 1);
    memset(url, 'u', 1023);
    snprintf(expected, sizeof expected,
             "http http_method=GET url=/%s protocol=HTTP/1.1 hostname=h "
             "latency_us=400%s status=200 reason=OK length=3\n",
             url, "%u");
    for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
        struct talk t;
        const char *at;

        talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
        t.segment = segments[i];
        /* The version is cut at each place that a line can be cut at. */
        for (int cut = 0; cut < 30; cut++) {
            talk_text(&t, 0, "GET /");
            talk_say(&t, 0, long_text, 4060u + (unsigned int) cut);
            talk_text(&t, 0, " HTTP/1.1\r\nCookie: ");
            talk_text(&t, 0, long_text);
            talk_text(&t, 0, "\r\nHost: h\r\n");
            for (int line = 0; cut == 29 && line < 500; line++) {
                talk_text(&t, 0, "X-Another-Header: with a value of it\r\n");
            }
            talk_text(&t, 0, "\r\n");
            talk_text(&t, 1, "HTTP/1.1 200 OK\r\nX: ");
            talk_text(&t, 1, long_text);
            talk_text(&t, 1, "\r\nContent-Length: 3\r\n\r\nabc");
        }
        talk_end(&t);
        at = t.text;
        for (int cut = 0; cut < 30; cut++) {
            const char *latency = strstr(at, "latency_us="), *end;

            CU_ASSERT_PTR_NOT_NULL_FATAL(latency);
            UNIT_EQ(strncmp(at, expected,
                            (size_t) (strstr(expected, "latency") - expected)),
                    0);
            end = strchr(at, '\n');
            CU_ASSERT_PTR_NOT_NULL_FATAL(end);
            CU_ASSERT_PTR_NOT_NULL(
                strstr(latency, " status=200 reason=OK length=3\n"));
            at = end + 1;
        }
        UNIT_STR_EQ(at, "");
    }
}

/* Responses that nobody asked for, and the wrong way round. */
static void
test_mid_stream(void)
{
    static const struct said said[] = {
        { 1, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" },
        { 0, "GET /b HTTP/1.1\r\n\r\n" },
        { 1, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" },
        { 0, NULL },
    };
    static const struct said turned[] = {
        { 0, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" },
        { 1, "GET /b HTTP/1.1\r\n\r\n" },
        { 0, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" },
        { 0, NULL },
    };
    static const char expected[] =
        "http protocol=HTTP/1.1 status=200 reason=OK length=3\n"
        "http http_method=GET url=/b protocol=HTTP/1.1 latency_us=1000 "
        "status=404 reason=No length=0\n";

    expect(said, expected);
    expect(turned, expected);
}

/* Bytes that were never seen: what follows is matched again. */
static void
test_gap(void)
{
    struct talk t;

    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    talk_text(&t, 0, "GET /a HTTP/1.1\r\n\r\n");
    talk_text(&t, 1, "HTTP/1.1 200 OK\r\nServer: ");
    t.seq[1] += 100000;
    talk_text(&t, 1, "rest of something");
    talk_text(&t, 0, "GET /b HTTP/1.1\r\n\r\n");
    talk_text(&t, 1, "HTTP/1.1 201 OK\r\nContent-Length: 5\r\n\r\n");
    t.seq[1] += 3; /* Of a body nothing is missed. */
    talk_text(&t, 1, "45");
    talk_text(&t, 0, "GET /c HTTP/1.1\r\n\r\n");
    talk_text(&t, 1, "HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n");
    UNIT_STR_EQ(talk_end(&t),
                "http http_method=GET url=/a protocol=HTTP/1.1 "
                "latency_us=1000 status=200 reason=OK\n"
                "http http_method=GET url=/b protocol=HTTP/1.1 "
                "latency_us=1000 status=201 reason=OK length=5\n"
                "http http_method=GET url=/c protocol=HTTP/1.1 "
                "latency_us=1000 status=202 reason=OK length=0\n");

    /* What was kept behind a hole is read when nothing fills it, from the
     * middle of what came. */
    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    talk_text(&t, 0, "GET /a HTTP/1.1\r\n\r\n");
    talk_text(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    talk_text(&t, 0, "GET /b HTTP/1.1\r\nHo");
    t.seq[0] += 100;
    t.seq[1] += 100;
    talk_text(&t, 1,
              "no HTTP/1.1, HTTP/1.1 2HTTP/1.1 201 OK\r\n"
              "Content-Length: 0\r\n\r\n");
    talk_text(&t, 0, "st: x\r\nGET : no\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
    UNIT_STR_EQ(talk_end(&t), "http http_method=GET url=/a protocol=HTTP/1.1 "
                              "latency_us=1000 status=200 reason=OK length=0\n"
                              "http http_method=GET url=/b protocol=HTTP/1.1\n"
                              "http http_method=GET url=/c protocol=HTTP/1.1 "
                              "latency_us=0 status=201 reason=OK length=0\n");

    /* A response that was lost whole is not taken for the next one. */
    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    talk_text(&t, 0, "GET /a HTTP/1.1\r\n\r\n");
    talk_text(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    talk_text(&t, 0, "GET /lost HTTP/1.1\r\n\r\n");
    talk_text(&t, 0, "GET /b HTTP/1.1\r\n\r\n");
    t.seq[1] += 100000;
    talk_text(&t, 1, "tail");
    talk_text(&t, 1, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    UNIT_STR_EQ(talk_end(&t),
                "http http_method=GET url=/a protocol=HTTP/1.1 "
                "latency_us=1000 status=200 reason=OK length=0\n"
                "http http_method=GET url=/lost protocol=HTTP/1.1\n"
                "http http_method=GET url=/b protocol=HTTP/1.1 "
                "latency_us=2000 status=404 reason=No length=0\n");
}

/* ------------------------------------------------------------------------ */
/* HTTP/2. */

#define PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "00030000006400040000ffff"

/* From a conversation in which each direction's blocks follow one another. */
#define REQUEST1                                                              \
    "82048860d5485f3fe7680386418ff1e3c2e5f23a6ba0ab9ec9ae3c07817a8825b650c3"  \
    "abbcf2e153032a2f2a738e9d29aee30c5859572f91d35d0563"
#define REQUEST3_A "8304956272d141fc1eca245f15852a4b631b"
#define REQUEST3_B "87eb1968a0ff86c15f8b1d75d0620d263d4c"
#define REQUEST3_C "4d6564c140027465864d833505b11f"
#define REQUEST5   "420448454144048860d5485f3fe7680386c4c3c1"
#define PROMISE2   "8204876109f54157221186418ff1e3c2e5f23a6ba0ab9ec9ae3c0781"
#define RESPONSE2  "887686aa69d29afcff5f86497ca582211f"
#define RESPONSE1                                                             \
    "48826402c00f1f929d29ad171863c78f0b97c8e9ae82ae7b26635f92497ca589d34d1f"  \
    "6a1271d882a60b532acf7f0f0d0135"
#define RESPONSE3 "885f8b1d75d0620d263d4c4d6564"
#define TRAILER3  "40889acac8b21234da8f013040899acac8b5254207317f8394d517"
#define INTERIM5  "488208196d043c2f783e"
#define RESPONSE5 "88c6c3"

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RESET,
    SETS,
    PROMISE,
    PING,
    AWAY,
    WINDOW,
    MORE
};
enum {
    END = 1,
    HEADERS_END = 4,
    PADDED = 8,
    HAS_PRIORITY = 0x20
};

static void
frame(struct talk *t, unsigned int side, unsigned int type, unsigned int flags,
      unsigned int stream, const char *payload)
{
    char hex[4096];

    snprintf(hex, sizeof hex, "%06x%02x%02x%08x%s",
             (unsigned int) strlen(payload) / 2, type, flags, stream, payload);
    talk_hex(t, side, hex);
}

static void
begin_http2(struct talk *t, size_t segment)
{
    talk_begin(t, INSP_PROTO_TCP, 40000, 50051);
    t->segment = segment;
    talk_text(t, 0, PREFACE);
    frame(t, 0, SETS, 0, 0, SETTINGS);
    frame(t, 1, SETS, 0, 0, "");
    frame(t, 1, SETS, END, 0, "");
}

/* Blocks with entries of both tables, a promise, padding, a block in three
 * frames, trailers, an interim response.  Fails when the table's entries are
 * counted wrongly, or a ring's places are. */
static void
test_http2(void)
{
    static const size_t segments[] = { 0, 1, 7 };

    for (size_t i = 0; i < 3; i++) {
        struct talk t;

        begin_http2(&t, segments[i]);
        frame(&t, 0, HEADERS, END | HEADERS_END, 1, REQUEST1);
        frame(&t, 1, PROMISE, HEADERS_END | PADDED, 1,
              "0300000002" PROMISE2 "000000");
        frame(&t, 1, HEADERS, HEADERS_END, 2, RESPONSE2);
        frame(&t, 1, HEADERS, HEADERS_END | PADDED, 1,
              "05" RESPONSE1 "0000000000");
        frame(&t, 1, DATA, 0, 2, "6162");
        frame(&t, 1, DATA, END, 1, "68656c6c6f");
        frame(&t, 0, HEADERS, HAS_PRIORITY, 3, "000000000f" REQUEST3_A);
        frame(&t, 0, MORE, 0, 3, REQUEST3_B);
        frame(&t, 0, MORE, HEADERS_END, 3, REQUEST3_C);
        frame(&t, 0, DATA, END | PADDED, 3,
              "02"
              "000000000161"
              "0000");
        frame(&t, 1, WINDOW, 0, 0, "00000100");
        frame(&t, 1, HEADERS, HEADERS_END, 3, RESPONSE3);
        frame(&t, 1, DATA, 0, 3, "00000000020a0b");
        frame(&t, 1, HEADERS, END | HEADERS_END, 3, TRAILER3);
        frame(&t, 0, HEADERS, END | HEADERS_END, 5, REQUEST5);
        frame(&t, 1, HEADERS, HEADERS_END, 5, INTERIM5);
        frame(&t, 1, HEADERS, HEADERS_END | END, 5, RESPONSE5);
        frame(&t, 0, RESET, 0, 2, "00000008");
        UNIT_STR_EQ(
            talk_end(&t),
            "http protocol=HTTP/2 http2.stream_id=1 http_method=GET "
            "url=/index?q=1 hostname=www.example.org http_port=8080 "
            "http_user_agent=curl/7.88.1 http_refer=http://ref.example/ "
            "status=302 latency_us=3000 server=nghttpx "
            "redirect=https://www.example.org/ "
            "http_content_type=text/html length=5\n"
            "http protocol=HTTP/2 http2.stream_id=3 http_method=POST "
            "url=/helloworld.Greeter/SayHello hostname=www.example.org "
            "http_port=8080 http_user_agent=curl/7.88.1 status=200 "
            "latency_us=5000 http_content_type=application/grpc "
            "request_length=6 length=7\n"
            "http protocol=HTTP/2 http2.stream_id=5 http_method=HEAD "
            "url=/index?q=1 hostname=www.example.org http_port=8080 "
            "http_user_agent=curl/7.88.1 http_refer=http://ref.example/ "
            "status=200 latency_us=2000 server=nghttpx "
            "http_content_type=text/html length=0\n"
            "http protocol=HTTP/2 http2.stream_id=2 http_method=GET "
            "url=/style.css hostname=www.example.org http_port=8080 "
            "status=200 latency_us=1000 server=nghttpx "
            "http_content_type=text/css length=2\n");
        UNIT_EQ(t.app, INSP_APP_HTTP2);
    }
}

/* Behind an upgrade the server may be the first who speaks; stream 1 answers
 * the request that asked for it (RFC 7540, section 3.2). */
static void
test_http2_upgrade(void)
{
    for (size_t i = 0; i < 3; i++) {
        struct talk t;

        talk_begin(&t, INSP_PROTO_TCP, 40000, 8000);
        t.segment = i;
        talk_text(&t, 0,
                  "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n"
                  "\r\n");
        talk_text(&t, 1,
                  "HTTP/1.1 101 Switching Protocols\r\n"
                  "Upgrade: h2c\r\n\r\n");
        frame(&t, 1, SETS, 0, 0, "");
        frame(&t, 1, WINDOW, 0, 0, "00000100");
        frame(&t, 1, HEADERS, HEADERS_END | END, 1, RESPONSE3);
        talk_text(&t, 0, PREFACE);
        frame(&t, 0, SETS, 0, 0, SETTINGS);
        frame(&t, 0, HEADERS, END | HEADERS_END, 3, REQUEST1);
        UNIT_STR_EQ(talk_end(&t),
                    "http http_method=GET url=/ protocol=HTTP/1.1 hostname=a "
                    "latency_us=1000 status=101 reason=Switching Protocols "
                    "upgrade=h2c\n"
                    "http protocol=HTTP/2 http2.stream_id=1 status=200 "
                    "http_content_type=application/grpc length=0\n"
                    "http protocol=HTTP/2 http2.stream_id=3 http_method=GET "
                    "url=/index?q=1 hostname=www.example.org http_port=8080 "
                    "http_user_agent=curl/7.88.1 "
                    "http_refer=http://ref.example/\n");
        UNIT_EQ(t.app, INSP_APP_HTTP2);
    }
}

/* More streams than are followed: the lowest go out, and late answers to them
 * make no records of their own. */
static void
test_http2_streams(void)
{
    struct talk t;
    unsigned int n = 0, answered = 0;

    begin_http2(&t, 0);
    for (unsigned int i = 0; i < 20; i++) {
        frame(&t, 0, HEADERS, END | HEADERS_END, 2 * i + 1, "828684");
    }
    for (unsigned int i = 0; i < 20; i++) {
        frame(&t, 1, HEADERS, END | HEADERS_END, 2 * i + 1, "88");
        frame(&t, 1, HEADERS, END | HEADERS_END, 2 * i + 1, "88");
        frame(&t, 0, RESET, 0, 2 * i + 1, "00000000");
    }
    talk_end(&t);
    for (const char *at = t.text; (at = strstr(at, "stream_id")); at++) {
        n++;
    }
    for (const char *at = t.text; (at = strstr(at, "status=200")); at++) {
        answered++;
    }
    UNIT_EQ(n, 20);
    UNIT_EQ(answered, INSP_EVENTS_OPEN);
}

/* What must end the reading, and does not end anything else. */
static void
test_http2_bad(void)
{
    static const struct {
        unsigned int type, flags, stream;
        const char *payload;
    } bad[] = {
        { HEADERS, HEADERS_END, 0, "82" },
        { HEADERS, HEADERS_END, 1, "80" }, /* Index 0. */
        { HEADERS, HEADERS_END, 1, "ffffffffffff7f" },
        { HEADERS, HEADERS_END, 1, "828604" },       /* Cut. */
        { HEADERS, HEADERS_END, 1, "0484ffffffff" }, /* EOS. */
        { HEADERS, HEADERS_END | PADDED, 1,
          "05"
          "8282" },
        { HEADERS, HEADERS_END | PADDED, 1, "" },
        { HEADERS, HEADERS_END | HAS_PRIORITY, 1, "0000" },
        { PROMISE, HEADERS_END, 1,
          "00000002"
          "82" },
        { MORE, HEADERS_END, 1, "82" },
        { DATA, PADDED, 1, "" },
        { DATA, PADDED, 1, "0261" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct talk t;

        begin_http2(&t, i % 2);
        frame(&t, 0, bad[i].type, bad[i].flags, bad[i].stream, bad[i].payload);
        frame(&t, 0, HEADERS, HEADERS_END | END, 7, "828684");
        talk_end(&t);
        CU_ASSERT_PTR_NULL(strstr(t.text, "stream_id=7"));
    }
}

/* Indexes that name what is not there, huge values, huge frames. */
static void
test_http2_large(void)
{
    static uint8_t big[30000];
    struct talk t;

    begin_http2(&t, 1460);
    frame(&t, 0, HEADERS, HEADERS_END, 1, "82f0fe84");
    /* A header of 29,000 bytes that nobody wants, then one of 600 that is
     * cut, in one frame that is longer than what is kept. */
    memset(big, 'c', sizeof big);
    talk_hex(&t, 0, "0073ac 01 05 00000003 82 00 01 78 7fc9e101");
    talk_say(&t, 0, big, 29000);
    talk_hex(&t, 0, "04 7fd903");
    talk_say(&t, 0, big, 600);
    frame(&t, 0, HEADERS, HEADERS_END | END, 5, "828684");
    /* Bodies are not looked at. */
    talk_hex(&t, 1, "00ffff 00 00 00000001");
    for (int i = 0; i < 5; i++) {
        talk_say(&t, 1, big, 13107);
    }
    frame(&t, 1, HEADERS, HEADERS_END | END, 5, "88");
    talk_end(&t);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(t.text, "stream_id=5 http_method=GET url=/ status=200 "
                       "latency_us=7000 length=0\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(t.text, "stream_id=1 http_method=GET "
                                          "url=/\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(t.text, "stream_id=3 http_method=GET "
                                          "url=cccc"));
}

/* Every symbol of the Huffman code (RFC 7541, appendix B), by three codes of
 * each end of the table and the sum of all. */
static void
test_huffman(void)
{
    static const struct {
        const char *hex, *path;
    } strings[] = {
        { "0484 1c6490b2", "%02x-" },
        { "048c f1e3c2e5f23a6ba0ab90f4ff", "www.example.com" },
        { "0486 a8eb10649cbf", "no-cache" },
        { "0496 d07abe941054d444a8200595040b8166e082a62d1bff",
          "Mon, 21 Oct 2013 20:13:21 GMT" },
        { "0484 ffffffc7", NULL },
    };

    for (size_t i = 1; i < 4; i++) {
        struct insp_cursor c;
        struct insp_hpack hpack;
        uint8_t value[INSP_HPACK_VALUE_MAX];
        struct insp_hpack_field field;
        uint8_t bytes[64];
        unsigned int byte;
        size_t n = 0;

        for (const char *at = strings[i].hex; *at;
             at += at[0] == ' ' ? 1 : 2) {
            if (at[0] != ' ') {
                CU_ASSERT_EQUAL_FATAL(sscanf(at, "%2x", &byte), 1);
                bytes[n++] = (uint8_t) byte;
            }
        }
        memset(&hpack, 0, sizeof hpack);
        c = insp_cursor(bytes, n);
        UNIT_EQ(insp_hpack_next(&hpack, &c, value, &field), INSP_HPACK_FIELD);
        UNIT_EQ(field.header, INSP_HTTP_PATH);
        UNIT_EQ(field.size, strlen(strings[i].path));
        UNIT_EQ(memcmp(field.value, strings[i].path, field.size), 0);
    }
}

/* ":method: GET", a byte each.  Mutation: in may_want(), never say no. */
static void
test_hpack_work(void)
{
    struct insp_hpack hpack;
    uint8_t value[INSP_HPACK_VALUE_MAX], bytes[1000];
    struct insp_hpack_field field;
    struct insp_cursor c;

    memset(&hpack, 0, sizeof hpack);
    memset(bytes, 0x82, sizeof bytes);
    for (unsigned int block = 0; block < 2; block++) {
        unsigned int n = 0;

        insp_hpack_begin(&hpack);
        c = insp_cursor(bytes, sizeof bytes);
        while (insp_hpack_next(&hpack, &c, value, &field) ==
               INSP_HPACK_FIELD) {
            UNIT_EQ(field.header, INSP_HTTP_METHOD);
            n++;
        }
        UNIT_EQ(n, INSP_HPACK_WANTED_MAX);
        UNIT_EQ(insp_cursor_left(&c), 0);
        CU_ASSERT(insp_hpack_is_whole(&hpack));
    }
}

/* The sender's table is larger than what is kept of it: entries that are too
 * old are left out, none is taken for another. */
static void
test_hpack_memory(void)
{
    struct insp_hpack hpack;
    uint8_t value[INSP_HPACK_VALUE_MAX];
    struct insp_hpack_field field;
    struct insp_cursor c;
    uint8_t bytes[256];

    memset(&hpack, 0, sizeof hpack);
    for (unsigned int i = 0; i < 200; i++) {
        insp_hpack_begin(&hpack);
        /* ":authority: a.example", then 40 bytes of ":path". */
        uint8_t size = 40;

        if (!i) {
            memcpy(bytes,
                   "\x41\x09"
                   "a.example",
                   11);
            c = insp_cursor(bytes, 11);
            UNIT_EQ(insp_hpack_next(&hpack, &c, value, &field),
                    INSP_HPACK_FIELD);
        }
        bytes[0] = 0x44;
        bytes[1] = size;
        /* Such bytes look like sizes when they are taken for some. */
        memset(bytes + 2, (int) (i % 2), size);
        c = insp_cursor(bytes, 2u + size);
        UNIT_EQ(insp_hpack_next(&hpack, &c, value, &field), INSP_HPACK_FIELD);

        /* The authority has moved back by one; its text stays. */
        bytes[0] = 0xff;
        bytes[1] = (uint8_t) (62 + i + 1 - 127);
        if (62 + i + 1 < 127) {
            bytes[0] = (uint8_t) (0x80 | (62 + i + 1));
            c = insp_cursor(bytes, 1);
        } else if (62 + i + 1 - 127 < 128) {
            c = insp_cursor(bytes, 2);
        } else {
            continue;
        }
        UNIT_EQ(insp_hpack_next(&hpack, &c, value, &field), INSP_HPACK_FIELD);
        UNIT_EQ(field.header, INSP_HTTP_HOST);
        UNIT_EQ(field.size, 9);
        UNIT_EQ(memcmp(field.value, "a.example", 9), 0);
        UNIT_EQ(insp_cursor_left(&c), 0);
    }
    /* Of the paths two have room. */
    for (unsigned int i = 0; i < 20; i++) {
        bytes[0] = (uint8_t) (0x80 | (62 + i));
        c = insp_cursor(bytes, 1);
        if (i < INSP_HPACK_PATHS / 44) {
            UNIT_EQ(insp_hpack_next(&hpack, &c, value, &field),
                    INSP_HPACK_FIELD);
            UNIT_EQ(field.size, 40);
            UNIT_EQ(field.value[39], (199 - i) % 2);
        } else {
            UNIT_EQ(insp_hpack_next(&hpack, &c, value, &field),
                    INSP_HPACK_MORE);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* SSH. */

#define CLIENT_LISTS                                                          \
    "curve25519-sha256,ecdh-sha2-nistp256,ext-info-c",                        \
        "ssh-ed25519,rsa-sha2-512", "aes256-gcm@openssh.com,aes128-ctr",      \
        "aes128-ctr,aes192-ctr", "hmac-sha2-256,hmac-sha1", "hmac-md5",       \
        "none,zlib", "zlib", "", ""
#define SERVER_LISTS                                                          \
    "ecdh-sha2-nistp256,kex-strict-s-v00@openssh.com", "rsa-sha2-512",        \
        "aes128-ctr,aes128-cbc", "aes256-ctr", "hmac-sha1,hmac-sha2-256",     \
        "hmac-sha2-512", "zlib,none", "none", "en", ""

static size_t
put_kexinit(uint8_t *to, const char *const *lists, uint8_t padding)
{
    size_t n = 6 + 16, size;

    memset(to, 0xcc, n);
    for (size_t i = 0; i < 10; i++) {
        size = strlen(lists[i]);
        to[n++] = 0;
        to[n++] = 0;
        to[n++] = (uint8_t) (size >> 8);
        to[n++] = (uint8_t) size;
        memcpy(to + n, lists[i], size);
        n += size;
    }
    memset(to + n, 0, 5u + padding);
    n += 5u + padding;
    to[0] = to[1] = 0;
    to[2] = (uint8_t) ((n - 4) >> 8);
    to[3] = (uint8_t) (n - 4);
    to[4] = padding;
    to[5] = 20;
    return n;
}

static void
say_kexinit(struct talk *t, unsigned int side)
{
    static const char *const lists[2][10] = { { CLIENT_LISTS },
                                              { SERVER_LISTS } };
    uint8_t bytes[2048];

    talk_say(t, side, bytes, put_kexinit(bytes, lists[side], 7));
}

static const char ssh_text[] =
    "ssh client.proto_version=2.0 client.software_version=OpenSSH_9.2p1 "
    "%s"
    "kex_alg=ecdh-sha2-nistp256 host_key_alg=rsa-sha2-512 "
    "cipher_alg=aes128-ctr mac_alg=hmac-sha2-256 compression_alg=none\n";
static const char ssh_client[] =
    "client.hassh.string=curve25519-sha256,ecdh-sha2-nistp256,ext-info-c;"
    "aes256-gcm@openssh.com,aes128-ctr;hmac-sha2-256,hmac-sha1;none,zlib ";
static const char ssh_server[] =
    "server.hassh.string=ecdh-sha2-nistp256,kex-strict-s-v00@openssh.com;"
    "aes256-ctr;hmac-sha2-512;none ";
static const char ssh_banner[] =
    "server.proto_version=1.99 server.software_version=dropbear_2022.83 ";

/* In either order of the key exchange.  Fails when the lists of the wrong
 * direction go into a fingerprint, or the server's order is preferred. */
static void
test_ssh(void)
{
    for (size_t segment = 0; segment < 9; segment += 1) {
        for (unsigned int first = 0; first < 2; first++) {
            char middle[1024], expected[2048];
            struct talk t;

            talk_begin(&t, INSP_PROTO_TCP, 40000, first ? 22 : 2222);
            t.segment = segment;
            talk_text(&t, 0, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
            talk_text(&t, 1, "SSH-1.99-dropbear_2022.83\n");
            say_kexinit(&t, first);
            say_kexinit(&t, !first);
            talk_text(&t, 0, "nothing of this is read");
            snprintf(middle, sizeof middle, "%s%s%s", ssh_banner,
                     first ? ssh_server : ssh_client,
                     first ? ssh_client : ssh_server);
            snprintf(expected, sizeof expected, ssh_text, middle);
            UNIT_STR_EQ(talk_end(&t), expected);
            UNIT_EQ(t.app, INSP_APP_SSH);
        }
    }
}

/* A server that speaks first, and lines before its banner. */
static void
test_ssh_lines(void)
{
    static const struct said said[] = {
        { 1, "Welcome to this server.\r\nBehave.\nSSH-2.0-x\r\n" },
        { 0, "SSH-2.0-PuTTY\r\n" },
        { 0, NULL },
    };
    static const struct said old[] = {
        { 1, "SSH-1.5-OpenSSH_1.2\n" },
        { 0, "SSH-1.5-client\n" },
        { 1, "SSH-2.0-not-read\n" },
        { 0, NULL },
    };
    static const struct said bare[] = {
        { 0, "SSH-2.0\r\n" },
        { 0, NULL },
    };

    expect_on(22, said, INSP_APP_SSH,
              "ssh server.proto_version=2.0 server.software_version=x "
              "client.proto_version=2.0 client.software_version=PuTTY\n");
    expect_on(22, old, INSP_APP_SSH,
              "ssh server.proto_version=1.5 "
              "server.software_version=OpenSSH_1.2 "
              "client.proto_version=1.5 client.software_version=client\n");
    expect_on(22, bare, INSP_APP_SSH, "ssh client.proto_version=2.0\n");
}

/* Key exchanges that are not whole, too large, or huge in number. */
static void
test_ssh_bad(void)
{
    static const char *const huge[] = {
        "hex:7fffffff0014",
        "hex:0000000005140000",
        "hex:000000100514000000000000000000000000000000",
        "hex:000000200414cccccccccccccccccccccccccccccccc7fffffff00000000"
        "00000000",
        "hex:0000000c0a05000000000000000000000000",
    };
    static uint8_t bytes[16400];
    struct talk t;
    size_t n = 22;

    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
        struct said said[] = {
            { 0, "SSH-2.0-a\r\n" },
            { 0, huge[i] },
            { 1, "SSH-2.0-b\r\n" },
            { 0, NULL },
        };

        expect_on(22, said, INSP_APP_SSH,
                  "ssh client.proto_version=2.0 client.software_version=a "
                  "server.proto_version=2.0 server.software_version=b\n");
    }

    /* Thousands of names on both sides, none in common. */
    talk_begin(&t, INSP_PROTO_TCP, 40000, 22);
    talk_text(&t, 0, "SSH-2.0-a\r\n");
    talk_text(&t, 1, "SSH-2.0-b\r\n");
    for (unsigned int side = 0; side < 2; side++) {
        memset(bytes, 0, sizeof bytes);
        memset(bytes + 6, 0xcc, 16);
        n = 22;
        bytes[n + 2] = 0x3f;
        n += 4;
        for (size_t i = 0; i < 0x3f00; i++) {
            bytes[n++] = i % 2 ? ',' : (uint8_t) ('a' + side);
        }
        n += 9 * 4 + 5 + 4;
        bytes[2] = (uint8_t) ((n - 4) >> 8);
        bytes[3] = (uint8_t) (n - 4);
        bytes[4] = 4;
        bytes[5] = 20;
        talk_say(&t, side, bytes, n);
    }
    UNIT_STR_EQ(talk_end(&t),
                "ssh client.proto_version=2.0 client.software_version=a "
                "server.proto_version=2.0 server.software_version=b\n");
}

/* ------------------------------------------------------------------------ */
/* What is none of the three. */

static void
test_foreign(void)
{
    static const struct said said[][2] = {
        { { 0, "OPTIONS rtsp://a/b RTSP/1.0\r\n\r\n" }, { 0, NULL } },
        { { 0, "INVITE sip:a@b SIP/2.0\r\n\r\n" }, { 0, NULL } },
        { { 0, "get some_key\r\n" }, { 0, NULL } },
        { { 0, "GET key\r\n" }, { 0, NULL } },
        { { 1, "220 mail.example ESMTP\r\n" }, { 0, NULL } },
        { { 0, "EHLO HTTP/1.1\r\n" }, { 0, NULL } },
        { { 1, "HTTP/1.1 20 OK\r\n" }, { 0, NULL } },
        { { 1, "HTTP/2.0 yes\r\n" }, { 0, NULL } },
        { { 0, "hex:16030100050100000100" }, { 0, NULL } },
        { { 0, "hex:00000000000000000000000000000000" }, { 0, NULL } },
        { { 0, "hex:000000040000000000000000" }, { 0, NULL } },
        { { 0, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" }, { 0, NULL } },
        { { 0, "SSL-2.0-no\r\n" }, { 0, NULL } },
        { { 0, "SSH is what I want\r\n" }, { 0, NULL } },
    };

    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        static const enum insp_app ours[] = { INSP_APP_HTTP, INSP_APP_HTTP2,
                                              INSP_APP_SSH };
        for (size_t segment = 0; segment < 2; segment++) {
            struct talk t;

            talk_begin(&t, INSP_PROTO_TCP, 40000, 22);
            t.segment = segment;
            say_all(&t, said[i]);
            talk_end(&t);
            for (size_t app = 0; app < 3; app++) {
                CU_ASSERT_NOT_EQUAL(t.app, ours[app]);
            }
        }
    }
}

/* The same in datagrams is not HTTP, HTTP/2 or SSH. */
static void
test_datagrams(void)
{
    static const char *const said[] = {
        "M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "SSH-2.0-x\r\n",
        PREFACE,
    };

    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct talk t;

        talk_begin(&t, INSP_PROTO_UDP, 40000, 80);
        talk_text(&t, 0, said[i]);
        UNIT_STR_EQ(talk_end(&t), "");
    }
}

UNIT_MAIN("app web", UNIT_TEST(test_silence), UNIT_TEST(test_transactions),
          UNIT_TEST(test_pipeline), UNIT_TEST(test_long_pipeline),
          UNIT_TEST(test_chunks), UNIT_TEST(test_broken_off),
          UNIT_TEST(test_interim), UNIT_TEST(test_changes),
          UNIT_TEST(test_odd_text), UNIT_TEST(test_smuggling),
          UNIT_TEST(test_bad_chunks), UNIT_TEST(test_long_lines),
          UNIT_TEST(test_mid_stream), UNIT_TEST(test_gap),
          UNIT_TEST(test_http2), UNIT_TEST(test_http2_upgrade),
          UNIT_TEST(test_http2_streams), UNIT_TEST(test_http2_bad),
          UNIT_TEST(test_http2_large), UNIT_TEST(test_huffman),
          UNIT_TEST(test_hpack_memory), UNIT_TEST(test_hpack_work),
          UNIT_TEST(test_ssh), UNIT_TEST(test_ssh_lines),
          UNIT_TEST(test_ssh_bad), UNIT_TEST(test_foreign),
          UNIT_TEST(test_datagrams))
