/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: writes the IPFIX messages, or the JSON lines, of a few records
 * that are known in advance, as an uplink would send them.  Tests give them to
 * receivers that others wrote, to the collector, and to the fuzzer.
 *
 *     ipfix-sample ipfix|json SENSOR N     N connections and one of the rest
 *     ipfix-sample random SEED N           anything, IPFIX */

#include <errno.h>

#include "export/ipfix.h"
#include "records.h"

#define WALL UINT64_C(1763856000000000000)

static struct insp_ipfix_writer *writer;
static const char *sensor;
static bool json;
static uint8_t buffer[1 << 17];
static struct insp_put put;

static void
flush(void)
{
    insp_ipfix_finish(writer, &put);
    if (fwrite(buffer, 1, insp_put_size(&put), stdout) !=
        insp_put_size(&put)) {
        perror("ipfix-sample");
        exit(1);
    }
    put = insp_put(buffer, sizeof buffer);
}

static void
add(const struct insp_record *r, const struct insp_port *const ports[2])
{
    for (int i = 0; i < 2; i++) {
        if (json ? insp_json_put(&put, sensor, r, ports)
                 : insp_ipfix_put(writer, &put, WALL, r, ports)) {
            return;
        }
        flush();
    }
    abort();
}

/* The identities that test scripts look for. */
static void
known_ports(struct insp_port ports[2])
{
    memset(ports, 0, 2 * sizeof *ports);
    for (unsigned int i = 0; i < 2; i++) {
        struct insp_port *p = &ports[i];

        p->id = i + 1;
        p->bridge_id = 1;
        p->role = INSP_PORT_VM;
        p->vlan = (uint16_t) (i * 12);
        memcpy(p->mac, "\x52\x54\0\0\0", 5);
        p->mac[5] = (uint8_t) (i + 1);
        snprintf(p->name, sizeof p->name, "tap%u", i + 1);
        snprintf(p->bridge, sizeof p->bridge, "br-int");
        snprintf(p->iface_id, sizeof p->iface_id, "iface-%u", i + 1);
        snprintf(p->vm_id, sizeof p->vm_id, "vm-%u", i + 1);
        snprintf(p->extra, sizeof p->extra, "project=blue\n");
    }
}

/* What a client says of itself, some of it in elements of its own. */
static struct insp_values *
known_values(void)
{
    static const struct {
        enum insp_app_field field;
        const char *text;
    } texts[] = {
        { INSP_FIELD_TLS_SNI, "www.example.org" },
        { INSP_FIELD_TLS_VERSION, "TLS 1.3" },
        { INSP_FIELD_TLS_CLIENT_ALPNS, "h2" },
        { INSP_FIELD_TLS_CLIENT_ALPNS, "http/1.1" },
    };
    struct insp_value v = { .field = INSP_FIELD_TLS_CIPHER_NUMBER,
                            .number = 0x1301 };
    uint8_t bytes[256];
    size_t size = insp_value_put(bytes, sizeof bytes, &v);

    for (size_t i = 0; i < INSP_ARRAY_SIZE(texts); i++) {
        v = (struct insp_value){ .field = texts[i].field,
                                 .bytes = (const uint8_t *) texts[i].text,
                                 .size = strlen(texts[i].text) };
        size += insp_value_put(bytes + size, sizeof bytes - size, &v);
    }
    return insp_values_tidy(INSP_APP_TLS, false, bytes, size);
}

static void
known(unsigned int n)
{
    struct insp_port ports[2];
    const struct insp_port *const both[2] = { &ports[0], &ports[1] };
    const struct insp_port *const none[2] = { NULL, NULL };
    struct insp_record r;

    known_ports(ports);
    for (unsigned int i = 0; i < n; i++) {
        some_ordinary(&r, i);
        add(&r, both);
    }
    if (n) {
        r.conn.ip_version = 6;
        memset(r.conn.addr, 0, sizeof r.conn.addr);
        r.conn.addr[0][0] = r.conn.addr[1][0] = 0xfd;
        r.conn.addr[0][15] = 1;
        r.conn.addr[1][15] = 2;
        r.conn.verdict = INSP_VERDICT_DROP;
        add(&r, both);

        some_ordinary(&r, 0);
        r.type = INSP_RECORD_APP;
        r.conn.app = INSP_APP_TLS;
        r.app.values = known_values();
        add(&r, both);
        insp_record_uninit(&r);

        memset(&r, 0, sizeof r);
        r.type = INSP_RECORD_REMAINDER;
        r.inspector = 1;
        r.time_ns = r.remainder.start_ns = r.remainder.end_ns = WALL;
        r.remainder.packets = 3;
        r.remainder.bytes = 180;
        r.remainder.ethertype = 0x0806;
        r.remainder.port_id[0] = 1;
        add(&r, both);

        memset(&r, 0, sizeof r);
        r.type = INSP_RECORD_SENSOR;
        r.inspector = 1;
        r.time_ns = WALL;
        r.sensor.seen_packets = r.sensor.inspected_packets = 12345;
        add(&r, none);

        memset(&r, 0, sizeof r);
        r.type = INSP_RECORD_LOSS;
        r.inspector = 1;
        r.time_ns = r.loss.since_ns = WALL;
        r.loss.records = 77;
        add(&r, none);

        memset(&r, 0, sizeof r);
        r.type = INSP_RECORD_RESTART;
        r.inspector = 1;
        r.time_ns = r.restart.since_ns = r.restart.last_ns = WALL;
        r.restart.lost = 78;
        add(&r, none);
        if (!json) {
            (void) insp_ipfix_gone(writer, &put, WALL, 2);
        }
    } else if (!json && !insp_ipfix_open(writer, &put, WALL, 1)) {
        abort();
    }
}

static void
anything(uint64_t seed, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        struct insp_port ports[2];
        const struct insp_port *const both[2] = { &ports[0], &ports[1] };
        const struct insp_port *const none[2] = { NULL, NULL };
        struct insp_record r;

        some_record(&seed, &r);
        some_port(&seed, &ports[0], 1);
        some_port(&seed, &ports[1], 2);
        add(&r, insp_record_port_ids(&r) ? both : none);
        insp_record_uninit(&r);
    }
}

int
main(int argc, char *argv[])
{
    unsigned int n = argc == 4 ? (unsigned int) strtoul(argv[3], NULL, 10) : 0;

    if (argc != 4) {
        fprintf(stderr, "usage: ipfix-sample ipfix|json SENSOR N\n"
                        "       ipfix-sample random SEED N\n");
        return 2;
    }
    sensor = argv[2];
    json = !strcmp(argv[1], "json");
    put = insp_put(buffer, sizeof buffer);
    if (insp_ipfix_writer_create(sensor, &writer)) {
        perror("ipfix-sample");
        return 1;
    }
    if (!strcmp(argv[1], "random")) {
        anything(strtoull(argv[2], NULL, 10), n);
    } else {
        known(n);
    }
    flush();
    insp_ipfix_writer_destroy(writer);
    return 0;
}
