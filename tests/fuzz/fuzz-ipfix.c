/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the input is what a sensor sends after its handshake, as the
 * collector gets it: a stream of IPFIX messages, or lines of JSON when it
 * begins with '{'.  Every record that is understood must make a valid line of
 * JSON, and what is kept must stay within its bounds. */

#include <string.h>

#include "export/directory.h"
#include "export/ipfix-read.h"
#include "export/json-check.h"
#include "export/json.h"
#include "fuzz.h"

#define IDENTITIES 8

static void
check_record(struct insp_directory *directory, const struct insp_record *r)
{
    const uint32_t *ids = insp_record_port_ids(r);
    const struct insp_port *ports[2] = { NULL, NULL };
    char line[INSP_JSON_LINE_MAX];
    struct insp_put put = insp_put(line, sizeof line);
    struct insp_json_line facts;

    for (unsigned int i = 0; ids && i < 2; i++) {
        struct insp_identity *e = insp_directory_find(directory, ids[i]);

        ports[i] = e ? &e->port : NULL;
    }
    FUZZ_PROMISE(insp_json_put(&put, "s", r, ports));
    FUZZ_PROMISE(insp_put_size(&put) > 1);
    FUZZ_PROMISE(!insp_json_check(line, insp_put_size(&put) - 1, &facts));
    FUZZ_PROMISE(!strcmp(facts.sensor, "s"));
}

/* False: the stream is at an end. */
static bool
read_message(struct insp_ipfix_reader *reader, struct insp_directory *d,
             const uint8_t *data, size_t size)
{
    size_t n_items = 0;

    if (!insp_ipfix_read(reader, data, size)) {
        FUZZ_PROMISE(insp_ipfix_fault(reader)[0]);
        return false;
    }
    for (;;) {
        struct insp_ipfix_item item;

        FUZZ_PROMISE(n_items++ <= size);
        switch (insp_ipfix_next(reader, &item)) {
        case INSP_IPFIX_END: return true;
        case INSP_IPFIX_FAULT:
            FUZZ_PROMISE(insp_ipfix_fault(reader)[0]);
            return false;
        case INSP_IPFIX_RECORD: check_record(d, &item.record); break;
        case INSP_IPFIX_PORT:
            FUZZ_PROMISE(!item.port.name[sizeof item.port.name - 1]);
            FUZZ_PROMISE(!item.port.extra[sizeof item.port.extra - 1]);
            (void) !insp_directory_add(d, &item.port);
            FUZZ_PROMISE(insp_directory_count(d) <= IDENTITIES);
            break;
        case INSP_IPFIX_PORT_GONE:
            insp_directory_gone(d, item.record.port_id);
            (void) insp_directory_reap(d);
            break;
        case INSP_IPFIX_EXPORTER:
            FUZZ_PROMISE(memchr(item.exporter.sensor, '\0',
                                sizeof item.exporter.sensor));
            break;
        }
    }
}

static void
read_lines(const uint8_t *data, size_t size)
{
    while (size) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end ? (size_t) (end - data) : size;
        struct insp_json_line line;
        const char *wrong = insp_json_check((const char *) data, n, &line);

        FUZZ_PROMISE(memchr(line.sensor, '\0', sizeof line.sensor));
        if (wrong) {
            break;
        }
        data += n + (end != NULL);
        size -= n + (end != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct insp_ipfix_reader *reader;
    struct insp_directory *directory;
    size_t n;

    if (size && data[0] == '{') {
        read_lines(data, size);
        return 0;
    }
    if (insp_ipfix_reader_create(&reader)) {
        return 0;
    }
    if (!insp_directory_create(IDENTITIES, &directory)) {
        while (insp_ipfix_frame(data, size, &n) == INSP_IPFIX_WHOLE &&
               read_message(reader, directory, data, n)) {
            data += n;
            size -= n;
        }
        insp_directory_destroy(directory);
    }
    insp_ipfix_reader_destroy(reader);
    return 0;
}
