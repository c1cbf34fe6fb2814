/* SPDX-License-Identifier: Apache-2.0 */
/* lib/export/tls*.c: what is good, and what is done with files.  What is not
 * good is in test-tls-refused.c. */

#include "unit.h"

#include <sys/stat.h>
#include <time.h>

#include "meet.h"

static bool
is_own_name(const struct fixture *f, const struct side *s, const char *name)
{
    struct insp_tls_context *context = context_of(f, s, false);
    bool found = insp_tls_context_is(context, name);

    insp_tls_context_destroy(context);
    return found;
}

static void
test_certificates(void)
{
    static const struct side named = { .pair = "named" };
    struct meeting m = { .keep = false };
    struct fixture f;
    char text[512];

    begin(&f);
    meet(&f, &m, &named, &plain_server);
    CU_ASSERT_FATAL(is_well(&m));
    CU_ASSERT(insp_tls_speaks_13(m.client.tls));
    CU_ASSERT_PTR_NULL(insp_tls_token(m.server.tls));
    UNIT_STR_EQ(insp_tls_identity(m.server.tls),
                "sensor-1, sensor-1.example, urn:uuid:0de7");
    UNIT_STR_EQ(insp_tls_identity(m.client.tls), "collector, localhost");
    CU_ASSERT(insp_tls_peer_is(m.server.tls, "sensor-1"));
    CU_ASSERT(insp_tls_peer_is(m.server.tls, "sensor-1.example"));
    CU_ASSERT(insp_tls_peer_is(m.server.tls, "urn:uuid:0de7"));
    CU_ASSERT(!insp_tls_peer_is(m.server.tls, "sensor-2"));
    CU_ASSERT(!insp_tls_peer_is(m.server.tls, "sensor-1, sensor-1.example"));
    CU_ASSERT(!insp_tls_peer_is(m.server.tls, "192.0.2.1"));
    CU_ASSERT(!insp_tls_peer_is(m.server.tls, ""));
    CU_ASSERT(is_own_name(&f, &named, "sensor-1"));
    CU_ASSERT(is_own_name(&f, &named, "sensor-1.example"));
    CU_ASSERT(!is_own_name(&f, &named, "sensor-2"));
    CU_ASSERT(!is_own_name(&f, &named, ""));
    UNIT_STR_EQ(insp_tls_alpn(m.client.tls), "");
    CU_ASSERT(insp_tls_peer_expiry(m.client.tls) > time(NULL) + 3500);
    CU_ASSERT(insp_tls_peer_expiry(m.client.tls) < time(NULL) + 3700);
    insp_tls_get_peer(m.server.tls, text, sizeof text);
    UNIT_STR_EQ(text, "CN=sensor-1");
    CU_ASSERT(insp_tls_get_chain(m.server.tls, 0, text, sizeof text));
    CU_ASSERT(!strncmp(text,
                       "CN=sensor-1; issued by CN=test authority; valid "
                       "from 20",
                       55));
    CU_ASSERT(strstr(text, "; for sensor-1, sensor-1.example, urn:uuid:0de7, "
                           "192.0.2.1") != NULL);
    CU_ASSERT(insp_tls_get_chain(m.server.tls, 1, text, sizeof text));
    CU_ASSERT(!strncmp(text, "CN=test authority; ", 19));
    CU_ASSERT(!insp_tls_get_chain(m.server.tls, 2, text, sizeof text));
    part(&m);
    end(&f);
}

/* Both kinds of server; a token of several; another generation. */
static void
test_tokens(void)
{
    static const struct side servers[] = { { .tokens = "both" },
                                           { .tokens = "one" },
                                           { .pair = "server",
                                             .tokens = "both" } };
    struct fixture f;
    char text[512];

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(servers); i++) {
        struct meeting m = { .keep = false };

        meet(&f, &m, &token_client, &servers[i]);
        CU_ASSERT_FATAL(is_well(&m));
        UNIT_STR_EQ(insp_tls_identity(m.server.tls), "sensor-1");
        UNIT_STR_EQ(insp_tls_token(m.server.tls), "sensor-1");
        UNIT_STR_EQ(insp_tls_token(m.client.tls), "sensor-1");
        CU_ASSERT(insp_tls_peer_is(m.server.tls, "sensor-1"));
        CU_ASSERT(!insp_tls_peer_is(m.server.tls, "sensor-2"));
        CU_ASSERT(is_own_name(&f, &token_client, "sensor-1"));
        CU_ASSERT(!is_own_name(&f, &token_client, "sensor-2"));
        insp_tls_get_protocol(m.server.tls, text, sizeof text);
        UNIT_STR_EQ(text, "TLSv1.3 TLS_AES_256_GCM_SHA384");
        insp_tls_get_peer(m.client.tls, text, sizeof text);
        UNIT_STR_EQ(text, "token sensor-1");
        UNIT_EQ(insp_tls_peer_expiry(m.client.tls), 0);
        CU_ASSERT(!insp_tls_get_chain(m.client.tls, 0, text, sizeof text));
        part(&m);
    }
    {
        struct meeting m = { .keep = false };

        meet(&f, &m,
             &(struct side){ .tokens = "both", .identity = "sensor-2" },
             &token_server);
        CU_ASSERT_FATAL(is_well(&m));
        UNIT_STR_EQ(insp_tls_token(m.server.tls), "sensor-2");
        part(&m);
        pki_write(&f.pki, "three", "sensor-1#2:" SECRET_2 "\n");
        pki_write(&f.pki, "generations",
                  "sensor-1:" SECRET_1 "\nsensor-1#2:" SECRET_2 "\n");
        meet(&f, &m, &(struct side){ .tokens = "three" },
             &(struct side){ .tokens = "generations" });
        CU_ASSERT_FATAL(is_well(&m));
        CU_ASSERT(insp_tls_peer_is(m.server.tls, "sensor-1"));
        CU_ASSERT(insp_tls_peer_is(m.server.tls, "sensor-1#2"));
        CU_ASSERT(!insp_tls_peer_is(m.server.tls, "sensor-1#"));
        CU_ASSERT(!insp_tls_peer_is(m.server.tls, "sensor"));
        part(&m);
        meet(&f, &m,
             &(struct side){ .tokens = "generations", .identity = "sensor-1" },
             &(struct side){ .tokens = "generations" });
        CU_ASSERT_FATAL(is_well(&m));
        UNIT_STR_EQ(insp_tls_token(m.client.tls), "sensor-1");
        part(&m);
        pki_write(&f.pki, "later",
                  "sensor-1#3:" SECRET_1 "\nsensor-1#2:" SECRET_2 "\n");
        meet(&f, &m,
             &(struct side){ .tokens = "later", .identity = "sensor-1" },
             &(struct side){ .tokens = "later" });
        CU_ASSERT_FATAL(is_well(&m));
        UNIT_STR_EQ(insp_tls_token(m.client.tls), "sensor-1#3");
        part(&m);
        /* And certificates on the server that has both. */
        meet(&f, &m, &plain_client, &mixed_server);
        CU_ASSERT_FATAL(is_well(&m));
        CU_ASSERT_PTR_NULL(insp_tls_token(m.server.tls));
        UNIT_STR_EQ(insp_tls_identity(m.server.tls), "sensor-1");
        part(&m);
    }
    end(&f);
}

/* Pull: who dials knows the other end by its name and not by where it is, or
 * asks afterwards. */
static void
test_names(void)
{
    static const char *const good[] = { "sensor-1", "sensor-1.example",
                                        "urn:uuid:0de7", "192.0.2.1" };
    static const char *const bad[] = { "sensor-2", "sensor-1.example.org",
                                       "192.0.2.2", "localhost" };
    const struct side server = { .pair = "named" };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(good); i++) {
        struct meeting m = { .keep = false };

        meet(&f, &m, &(struct side){ .pair = "client", .peer_name = good[i] },
             &server);
        CU_ASSERT(is_well(&m));
        part(&m);
    }
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(bad); i++) {
        char says[256];

        snprintf(says, sizeof says,
                 FAILED "it is not for '%s' but for sensor-1, "
                        "sensor-1.example, urn:uuid:0de7, 192.0.2.1",
                 bad[i]);
        refuse(&f, &(struct side){ .pair = "client", .peer_name = bad[i] },
               &server, says,
               REFUSED "this end's certificate is not for the name that it "
                       "expects");
    }
    {
        struct insp_tls_context *context;
        struct meeting m = { .keep = false };
        int fds[2];

        meet(&f, &m, &(struct side){ .pair = "client", .any_host = true },
             &server);
        CU_ASSERT_FATAL(is_well(&m));
        CU_ASSERT(insp_tls_peer_is(m.client.tls, "sensor-1"));
        part(&m);
        refuse(&f, &(struct side){ .pair = "client", .any_host = true },
               &(struct side){ .pair = "other-server" },
               FAILED "CN=collector is signed by a CA that is not in ca_cert",
               REFUSED "it does not trust the CA");
        /* No name by mistake is not any name. */
        sockets(fds);
        context = context_of(&f, &plain_client, false);
        CU_ASSERT_PTR_NULL(insp_tls_create(context, fds[0], ""));
        insp_tls_context_destroy(context);
        close(fds[1]);
    }
    end(&f);
}

static void
test_alpn(void)
{
    static const struct {
        const char *client, *server, *selected;
    } cases[] = {
        { "ovs-inspect/1", "ovs-inspect/1", "ovs-inspect/1" },
        { "ovs-inspect/2", "ovs-inspect/1", "" },
        { "ovs-inspect/1", NULL, "" },
        { NULL, "ovs-inspect/1", "" },
    };
    static const char *const protocols[] = { "TLSv1.2", "TLSv1.3" };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        for (unsigned int j = 0; j < 3; j++) {
            struct side client = { .alpn = cases[i].client };
            struct side server = { .alpn = cases[i].server };
            struct meeting m = { .keep = false };

            if (j < 2) {
                client.pair = "client";
                server.pair = "server";
                client.protocols = protocols[j];
            } else {
                client.tokens = "one";
                server.tokens = "both";
            }
            meet(&f, &m, &client, &server);
            CU_ASSERT_FATAL(is_well(&m));
            UNIT_STR_EQ(insp_tls_alpn(m.client.tls), cases[i].selected);
            UNIT_STR_EQ(insp_tls_alpn(m.server.tls), cases[i].selected);
            part(&m);
        }
    }
    end(&f);
}

static void
test_faulty_files(void)
{
    static const unsigned int modes[] = { 0640, 0604, 0620, 0602, 0610, 0644 };
    struct fixture f;
    char expected[64];

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(modes); i++) {
        CU_ASSERT(!chmod(pki_path(&f.pki, "one"), modes[i]));
        snprintf(expected, sizeof expected, "others than its owner (mode %o)",
                 modes[i]);
        expect_no_context(&f, &token_client, false, expected);
        expect_no_context(&f, &(struct side){ .tokens = "one" }, true,
                          expected);
    }
    CU_ASSERT(!chmod(pki_path(&f.pki, "one"), 0400));
    insp_tls_context_destroy(context_of(&f, &token_client, false));
    expect_no_context(&f, &(struct side){ .tokens = "absent" }, false,
                      "cannot read token file ");
    expect_no_context(&f, &(struct side){ .tokens = "." }, false,
                      "is not an ordinary file");
    expect_no_context(&f, &(struct side){ .tokens = "none" }, false,
                      "has no token");
    expect_no_context(&f, &(struct side){ .tokens = "both" }, false,
                      "has several tokens, and which to use is not said");
    expect_no_context(
        &f, &(struct side){ .tokens = "both", .identity = "sensor-3" }, false,
        "has no identity 'sensor-3'");
    expect_no_context(&f, &(struct side){ .pair = "client", .tokens = "one" },
                      false,
                      "both a token file and a certificate are configured");
    expect_no_context(&f, &(struct side){ .pair = NULL }, false,
                      "no certificate is configured");
    end(&f);
}

/* A pair is used when both of it are there; until then, the last one. */
static void
test_rotation(void)
{
    const struct side side = { .pair = "live", .tokens = "tokens" };
    struct insp_tls_context *context = NULL, *before;
    struct insp_tls_config config;
    struct fixture f;
    char why[512] = "";
    uint64_t mark = 0;
    char *paths[5];

    begin(&f);
    pki_issue(&f.pki, "live", "collector", "DNS:localhost");
    pki_issue(&f.pki, "next", "collector", "DNS:localhost");
    pki_write(&f.pki, "tokens", "sensor-1:" SECRET_1 "\n");
    config = config_of(&f, &side, true);
    paths[0] = strdup(config.private_key);
    paths[1] = strdup(config.certificate);
    paths[2] = strdup(config.ca_cert);
    paths[3] = strdup(config.token_file);
    config.private_key = paths[0];
    config.certificate = paths[1];
    config.ca_cert = paths[2];
    config.token_file = paths[3];

    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_RENEWED);
    CU_ASSERT_FATAL(context != NULL);
    CU_ASSERT(insp_tls_context_expiry(context) > time(NULL) + 3500);
    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_SAME);
    before = context;
    CU_ASSERT(!rename(pki_path(&f.pki, "next.key"), paths[0]));
    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_STALE);
    CU_ASSERT(context == before);
    CU_ASSERT(strstr(why, "does not match certificate") != NULL);
    CU_ASSERT(strstr(why, "; what was read before stays in use") != NULL);
    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_SAME);
    CU_ASSERT(!rename(pki_path(&f.pki, "next.pem"), paths[1]));
    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_RENEWED);
    pki_write(&f.pki, "tokens", "sensor-1:" SECRET_1 "\nx");
    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_STALE);
    pki_write(&f.pki, "tokens", "sensor-1:" SECRET_2 "\n");
    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_RENEWED);
    CU_ASSERT(!chmod(paths[3], 0644));
    UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why, sizeof why),
            INSP_TLS_STALE);
    insp_tls_context_destroy(context);
    for (unsigned int i = 0; i < 4; i++) {
        free(paths[i]);
    }
    end(&f);
}

static void
expect_recheck(const struct fixture *f, struct insp_tls *tls,
               const struct side *now, bool server, const char *expected)
{
    struct insp_tls_context *context = context_of(f, now, server);
    char why[512] = "";
    bool good = insp_tls_recheck(tls, context, why, sizeof why);

    UNIT_EQ(good, !expected);
    if (expected || why[0]) {
        UNIT_STR_EQ(why, expected);
    }
    insp_tls_context_destroy(context);
}

/* A session that stands, when its credential is taken back. */
static void
test_recheck(void)
{
    static const char *const protocols[] = { "TLSv1.2", "TLSv1.3" };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < 2; i++) {
        struct meeting m = { .keep = false };

        meet(&f, &m,
             &(struct side){ .pair = "revoked-client",
                             .protocols = protocols[i] },
             &(struct side){ .pair = "revoked-server" });
        CU_ASSERT_FATAL(is_well(&m));
        expect_recheck(&f, m.server.tls, &plain_server, true, NULL);
        expect_recheck(&f, m.client.tls, &plain_client, false, NULL);
        expect_recheck(&f, m.server.tls,
                       &(struct side){ .pair = "server",
                                       .crl = "crl-empty.pem" },
                       true, NULL);
        expect_recheck(&f, m.server.tls,
                       &(struct side){ .pair = "server", .crl = "crl.pem" },
                       true,
                       FAILED "CN=sensor-1 has been revoked by its CA "
                              "(CN=test authority): it needs a new one");
        expect_recheck(&f, m.client.tls,
                       &(struct side){ .pair = "client", .crl = "crl.pem" },
                       false,
                       FAILED "CN=collector has been revoked by its CA "
                              "(CN=test authority): it needs a new one");
        expect_recheck(
            &f, m.server.tls,
            &(struct side){ .pair = "server", .ca = "other-server.pem" }, true,
            FAILED "CN=test authority, a CA, is not in ca_cert");
        expect_recheck(
            &f, m.server.tls,
            &(struct side){ .pair = "server", .peer_name = "sensor-2" }, true,
            FAILED "it is not for 'sensor-2' but for sensor-1");
        expect_recheck(&f, m.server.tls, &token_server, true,
                       "certificates are no longer taken");
        part(&m);
    }
    {
        struct meeting m = { .keep = false };

        meet(&f, &m, &token_client, &token_server);
        CU_ASSERT_FATAL(is_well(&m));
        expect_recheck(&f, m.server.tls, &token_server, true, NULL);
        expect_recheck(&f, m.server.tls, &mixed_server, true, NULL);
        expect_recheck(&f, m.server.tls, &(struct side){ .tokens = "two" },
                       true, "the token 'sensor-1' has been revoked");
        expect_recheck(&f, m.server.tls, &plain_server, true,
                       "the token 'sensor-1' has been revoked");
        expect_recheck(&f, m.server.tls,
                       &(struct side){ .tokens = "one-wrong" }, true,
                       "the token 'sensor-1' has another secret now");
        expect_recheck(&f, m.client.tls,
                       &(struct side){ .tokens = "one-wrong" }, false,
                       "the token 'sensor-1' has another secret now");
        part(&m);
    }
    end(&f);
}

static void
test_bootstrap(void)
{
    const struct side client = { .pair = "client",
                                 .ca = "first.pem",
                                 .bootstrap = true };
    struct meeting m = { .keep = true };
    struct insp_tls_config config;
    struct fixture f;
    struct stat s;

    begin(&f);
    /* Not without its CA, not under another name; nothing is left behind. */
    for (unsigned int i = 0; i < 2; i++) {
        struct meeting n = { .keep = false };

        if (i) {
            meet(&f, &n, &client, &(struct side){ .pair = "elsewhere" });
        } else {
            meet_plain_server(&f, &n, &client,
                              plain_context(&f, "server", true));
        }
        CU_ASSERT(n.client.over && !n.client.done);
        expect_sentence("client", n.client.error,
                        i ? FAILED "it is not for 'localhost' but for "
                                   "elsewhere"
                          : "bootstrap: the other end does not send its CA "
                            "certificate: copy it to ");
        part(&n);
        CU_ASSERT(stat(pki_path(&f.pki, "first.pem"), &s));
    }
    meet(&f, &m, &client, &plain_server);
    CU_ASSERT(insp_tls_has_bootstrapped(m.client.tls));
    CU_ASSERT(!m.client.done);
    expect_sentence("client", m.client.error,
                    "bootstrap: the other end's CA (CN=test authority) is "
                    "trusted from now on, see /tmp/");
    part(&m);
    CU_ASSERT(!stat(pki_path(&f.pki, "first.pem"), &s));
    UNIT_EQ(s.st_mode & 0777, 0600);
    meet(&f, &m, &client, &plain_server);
    CU_ASSERT(is_well(&m));
    part(&m);
    refuse(&f, &client, &(struct side){ .pair = "other-server" },
           FAILED "CN=collector is signed by a CA that is not in ca_cert",
           REFUSED "it does not trust the CA");
    config = config_of(&f, &client, false);
    {
        struct insp_tls_context *context = NULL;
        char why[512];
        uint64_t mark = 0;

        UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why,
                                       sizeof why),
                INSP_TLS_RENEWED);
        unlink(config.ca_cert);
        UNIT_EQ(insp_tls_context_renew(&context, &mark, &config, why,
                                       sizeof why),
                INSP_TLS_STALE);
        CU_ASSERT(!strncmp(why, "cannot read CA certificate ", 27));
        insp_tls_context_destroy(context);
    }
    end(&f);
}

UNIT_MAIN("tls", UNIT_TEST(test_certificates), UNIT_TEST(test_tokens),
          UNIT_TEST(test_names), UNIT_TEST(test_alpn),
          UNIT_TEST(test_faulty_files), UNIT_TEST(test_rotation),
          UNIT_TEST(test_recheck), UNIT_TEST(test_bootstrap))
