/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Kafka's protocol ("A Guide to the Kafka Protocol" and the message
 * definitions of its source): each message is four bytes of size and
 *
 *     request:  API (16) | version (16) | correlation id (32) | client id
 *     response: correlation id (32) | ...
 *
 * One record a request, ended by the response with its number.  Behind the
 * head, what stands at a place that is easily reached is read: the client's
 * software (ApiVersions), the mechanism (SaslHandshake), topics (Metadata) and
 * the first topic (Produce, Fetch); the error of the three APIs that begin a
 * connection.  Everything else, records above all, is passed.
 *
 * Detected by a request that is plausible in every part of its head.
 */

#include "app/data.h"
#include "app/event.h"

#define HEAD_SIZE      4
#define SHOWN          512
#define SHOWN_RESPONSE 7
#define MESSAGE_MAX    (128u * 1024 * 1024)
#define FIRST_MAX      (2u * 1024 * 1024) /* The first that is seen. */
#define TEXT_MAX       128
#define TOPIC_MAX      249 /* As the broker has it. */
#define TOPICS_MAX     8
#define VERSION_MAX    20
#define CLIENT_MAX     255

enum {
    API_PRODUCE = 0,
    API_FETCH = 1,
    API_METADATA = 3,
    API_SASL_HANDSHAKE = 17,
    API_VERSIONS = 18,
    API_SASL_AUTHENTICATE = 36,
};

static const char *const api_words[] = {
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "LeaderAndIsr",
    "StopReplica",
    "UpdateMetadata",
    "ControlledShutdown",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "SaslHandshake",
    "ApiVersions",
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "InitProducerId",
    "OffsetForLeaderEpoch",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeAcls",
    "CreateAcls",
    "DeleteAcls",
    "DescribeConfigs",
    "AlterConfigs",
    "AlterReplicaLogDirs",
    "DescribeLogDirs",
    "SaslAuthenticate",
    "CreatePartitions",
    "CreateDelegationToken",
    "RenewDelegationToken",
    "ExpireDelegationToken",
    "DescribeDelegationToken",
    "DeleteGroups",
    "ElectLeaders",
    "IncrementalAlterConfigs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "OffsetDelete",
    "DescribeClientQuotas",
    "AlterClientQuotas",
    "DescribeUserScramCredentials",
    "AlterUserScramCredentials",
    "Vote",
    "BeginQuorumEpoch",
    "EndQuorumEpoch",
    "DescribeQuorum",
    "AlterPartition",
    "UpdateFeatures",
    "Envelope",
    "FetchSnapshot",
    "DescribeCluster",
    "DescribeProducers",
    "BrokerRegistration",
    "BrokerHeartbeat",
    "UnregisterBroker",
    "DescribeTransactions",
    "ListTransactions",
    "AllocateProducerIds",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
    "ControllerRegistration",
    "GetTelemetrySubscriptions",
    "PushTelemetry",
    "AssignReplicasToDirs",
    "ListConfigResources",
    "DescribeTopicPartitions",
    "ShareGroupHeartbeat",
    "ShareGroupDescribe",
    "ShareFetch",
    "ShareAcknowledge",
    "AddRaftVoter",
    "RemoveRaftVoter",
    "UpdateRaftVoter",
};

#define ERRORS_MAX 4

/* Requests whose response begins with an error. */
struct expected {
    uint32_t correlation;
    uint8_t offset; /* Where it stands behind that number; 0: the
                     * place is free. */
};

struct state {
    uint8_t client; /* 1 + its side; 0: not known. */
    uint8_t at;     /* The next place to take. */
    struct expected errors[ERRORS_MAX];
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Pieces. */

struct head {
    uint32_t size;
    uint16_t api;
    uint16_t version;
    uint32_t correlation;
    int client_size; /* -1: none. */
};

static void
read_head(struct insp_cursor *c, struct head *h)
{
    uint16_t size;

    h->size = insp_cursor_be32(c);
    h->api = insp_cursor_be16(c);
    h->version = insp_cursor_be16(c);
    h->correlation = insp_cursor_be32(c);
    size = insp_cursor_be16(c);
    h->client_size = size == UINT16_MAX ? -1 : size;
}

static bool
is_request(const struct head *h)
{
    return h->size >= 10 && h->size <= MESSAGE_MAX &&
           h->api < INSP_ARRAY_SIZE(api_words) && h->version <= VERSION_MAX &&
           h->client_size <= CLIENT_MAX &&
           (uint32_t) INSP_MAX(h->client_size, 0) <= h->size - 10;
}

/* "Unsigned varint", of at most 32 bits. */
static uint32_t
read_varint(struct insp_cursor *c)
{
    uint32_t n = 0;

    for (unsigned int shift = 0; shift < 35; shift += 7) {
        uint8_t b = insp_cursor_u8(c);

        n |= (uint32_t) (b & 0x7f) << shift;
        if (!(b & 0x80)) {
            return n;
        }
    }
    c->failed = true;
    return 0;
}

/* A text with its size in front: two bytes, or a varint of one more. */
static struct insp_cursor
read_text(struct insp_cursor *c, bool is_compact)
{
    uint32_t size;

    if (is_compact) {
        size = read_varint(c);
        size = size ? size - 1 : 0;
    } else {
        size = insp_cursor_be16(c);
        size = size == UINT16_MAX ? 0 : size;
    }
    return insp_cursor_sub(c, size);
}

static uint32_t
read_count(struct insp_cursor *c, bool is_compact)
{
    uint32_t n = is_compact ? read_varint(c) : insp_cursor_be32(c);

    if (is_compact) {
        return n ? n - 1 : 0;
    }
    return n == UINT32_MAX ? 0 : n;
}

/* "Tagged fields", which nobody uses in front of anything. */
static void
skip_tags(struct insp_cursor *c)
{
    if (read_varint(c)) {
        c->failed = true;
    }
}

static void
put_text(struct insp_event *e, enum insp_app_field field,
         struct insp_cursor text, size_t max)
{
    size_t size = insp_cursor_left(&text);

    if (size && !text.failed && insp_is_printable(text.at, size)) {
        insp_event_bytes(e, field, text.at, INSP_MIN(size, max));
    }
}

/* ------------------------------------------------------------------------ */
/* Detection. */

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size), peek = c;
    struct head h;
    size_t n;

    if (!r->is_stream || !r->size || insp_cursor_u8(&peek) ||
        insp_cursor_u8(&peek) > FIRST_MAX >> 16) {
        return INSP_GUESS_NO;
    }
    read_head(&c, &h);
    if (c.failed) {
        insp_cursor_skip(&peek, 2);
        return insp_cursor_u8(&peek) ? INSP_GUESS_NO : INSP_GUESS_MAYBE;
    }
    if (!is_request(&h)) {
        return INSP_GUESS_NO;
    }
    if (h.client_size <= 0) {
        /* Nothing to tell it by: only what begins a connection, whole. */
        return (h.api == API_VERSIONS || h.api == API_SASL_HANDSHAKE ||
                h.api == API_METADATA) &&
                       h.client_size < 0 && h.size == r->size - HEAD_SIZE
                   ? INSP_GUESS_YES
                   : INSP_GUESS_NO;
    }
    n = INSP_MIN(insp_cursor_left(&c), (size_t) h.client_size);
    if (n && !insp_is_printable(c.at, n)) {
        return INSP_GUESS_NO;
    }
    return n == (size_t) h.client_size ? INSP_GUESS_YES : INSP_GUESS_MAYBE;
}

/* ------------------------------------------------------------------------ */
/* Requests. */

/* The response to it begins with an error: of ApiVersions (whose head never
 * has tags), SaslHandshake, and SaslAuthenticate. */
static void
expect_error(struct state *s, const struct head *h)
{
    bool has_tags = h->api == API_SASL_AUTHENTICATE && h->version >= 2;

    s->errors[s->at % ERRORS_MAX] = (struct expected){
        .correlation = h->correlation,
        .offset = has_tags ? 5 : 4,
    };
    s->at++;
}

static void
put_topic(struct insp_event *e, struct insp_cursor topic)
{
    put_text(e, INSP_FIELD_KAFKA_TOPICS, topic, TOPIC_MAX);
}

/* Versions 9 and above are flexible, 10 and above have ids. */
static void
read_metadata(struct insp_event *e, struct insp_cursor c, unsigned int version)
{
    bool is_compact = version >= 9;
    uint32_t n;

    if (is_compact) {
        skip_tags(&c);
    }
    n = read_count(&c, is_compact);
    for (uint32_t i = 0; i < n && i < TOPICS_MAX && !c.failed; i++) {
        if (version >= 10) {
            insp_cursor_skip(&c, 16);
        }
        put_topic(e, read_text(&c, is_compact));
        if (is_compact) {
            skip_tags(&c);
        }
    }
}

/* Returns false when the producer wants no response.  Versions 13 and above
 * have ids instead of names. */
static bool
read_produce(struct insp_event *e, struct insp_cursor c, unsigned int version)
{
    bool is_compact = version >= 9;
    uint16_t acks;

    if (is_compact) {
        skip_tags(&c);
    }
    if (version >= 3) {
        (void) read_text(&c, is_compact); /* Transaction. */
    }
    acks = insp_cursor_be16(&c);
    if (c.failed) {
        return true;
    }
    insp_cursor_skip(&c, 4);
    if (version < 13 && read_count(&c, is_compact)) {
        put_topic(e, read_text(&c, is_compact));
    }
    return acks != 0;
}

/* The same, from version 13 on; 15 and above have no replica. */
static void
read_fetch(struct insp_event *e, struct insp_cursor c, unsigned int version)
{
    bool is_compact = version >= 12;

    if (version >= 13) {
        return;
    }
    if (is_compact) {
        skip_tags(&c);
    }
    insp_cursor_skip(&c, 4 + 4 + 4);
    insp_cursor_skip(&c, version >= 3 ? 4 : 0);
    insp_cursor_skip(&c, version >= 4 ? 1 : 0);
    insp_cursor_skip(&c, version >= 7 ? 8 : 0);
    if (read_count(&c, is_compact)) {
        put_topic(e, read_text(&c, is_compact));
    }
}

static void
read_versions(struct insp_event *e, struct insp_cursor c, unsigned int version)
{
    if (version >= 3) {
        skip_tags(&c);
        put_text(e, INSP_FIELD_KAFKA_SOFTWARE, read_text(&c, true), TEXT_MAX);
        put_text(e, INSP_FIELD_KAFKA_SOFTWARE_VERSION, read_text(&c, true),
                 TEXT_MAX);
    }
}

static void
read_request(struct insp_reading *r, struct insp_cursor c)
{
    struct insp_event *e;
    struct insp_cursor client;
    struct head h;
    bool is_answered = true;

    read_head(&c, &h);
    if (c.failed || !is_request(&h)) {
        return; /* Of SASL, behind the first version of its handshake. */
    }
    e = insp_event_begin(r, INSP_APP_KAFKA, h.correlation);
    insp_event_text(e, INSP_FIELD_KAFKA_API, api_words[h.api]);
    insp_event_uint(e, INSP_FIELD_KAFKA_API_VERSION, h.version);
    insp_event_uint(e, INSP_FIELD_KAFKA_CORRELATION, h.correlation);
    client = insp_cursor_sub(&c, (size_t) INSP_MAX(h.client_size, 0));
    put_text(e, INSP_FIELD_KAFKA_CLIENT, client, TEXT_MAX);
    switch (h.api) {
    case API_PRODUCE: is_answered = read_produce(e, c, h.version); break;
    case API_FETCH: read_fetch(e, c, h.version); break;
    case API_METADATA: read_metadata(e, c, h.version); break;
    case API_SASL_HANDSHAKE:
        expect_error(r->state, &h);
        put_text(e, INSP_FIELD_KAFKA_MECHANISM, read_text(&c, false),
                 TEXT_MAX);
        break;
    case API_SASL_AUTHENTICATE: expect_error(r->state, &h); break;
    case API_VERSIONS:
        expect_error(r->state, &h);
        read_versions(e, c, h.version);
        break;
    default: break;
    }
    if (!is_answered) {
        insp_event_end(r, e);
    }
}

/* ------------------------------------------------------------------------ */
/* Responses. */

static void
read_response(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_cursor from;
    uint32_t correlation;
    struct insp_event *e;

    insp_cursor_skip(&c, HEAD_SIZE);
    from = c;
    correlation = insp_cursor_be32(&c);
    if (c.failed) {
        return;
    }
    e = insp_event_find(r, INSP_APP_KAFKA, correlation);
    for (size_t i = 0; i < ERRORS_MAX; i++) {
        struct expected *x = &s->errors[i];

        if (x->offset && x->correlation == correlation) {
            insp_cursor_skip(&from, x->offset);
            insp_event_uint(e, INSP_FIELD_KAFKA_ERROR,
                            insp_cursor_be16(&from));
            x->offset = 0;
            break;
        }
    }
    insp_event_uint(e, INSP_FIELD_KAFKA_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_frames f = { .r = r };

    if (!s->client) {
        s->client = (uint8_t) (1 + r->side);
    }
    while (!r->stop) {
        struct insp_cursor c = insp_frames_cursor(&f), body;
        bool is_client = s->client == 1 + r->side;
        uint32_t size = insp_cursor_be32(&c);

        if (c.failed) {
            break;
        }
        if (size > MESSAGE_MAX) {
            insp_reading_stop(r); /* Out of step. */
            break;
        }
        c = insp_frames_cursor(&f);
        if (!insp_frames_take(&f, HEAD_SIZE, size,
                              is_client ? SHOWN : SHOWN_RESPONSE, &body)) {
            break;
        }
        insp_cursor_limit(&c, HEAD_SIZE + insp_cursor_left(&body));
        if (is_client) {
            read_request(r, c);
        } else {
            read_response(r, c);
        }
    }
    return f.at;
}

const struct insp_reader insp_reader_kafka = {
    .detect = detect,
    .read = read_bytes,
};
