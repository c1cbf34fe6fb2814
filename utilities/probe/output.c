/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     record --> wanted? --> finish --> JSON or IPFIX --> buffer --> write()
 *                   |
 *                   +--> ring --> drain --> TLS --> collector
 *
 * The drain is the one of the switch.  It wants a clock that goes on while no
 * packet comes, so it has a host of its own; records have their times in them
 * already.  A file can be read faster than any collector takes records: then
 * reading waits, and gives up when the collector takes none for a while. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "export/ipfix.h"
#include "export/json.h"
#include "output.h"
#include "record/finish.h"

#define BUFFER_SIZE (256 * 1024)
#define RING_SIZE   4096
#define PATIENCE_NS UINT64_C(30000000000)
#define CHECK_EVERY 256 /* Records, for the state of the queue. */

/* What --only chooses from: these, and the protocols behind them. */
enum kind {
    KIND_FLOW,
    KIND_ALERT,
    KIND_REMAINDER,
    KIND_STATS,
    KIND_APPS,
    N_KINDS = KIND_APPS + INSP_N_APPS_TOLD,
};

static const char *const kind_words[KIND_APPS] = {
    [KIND_FLOW] = "flow",
    [KIND_ALERT] = "alert",
    [KIND_REMAINDER] = "remainder",
    [KIND_STATS] = "stats",
};

struct probe_output {
    char sensor[INSP_NAME_SIZE];
    const char *name; /* Of the file. */
    int fd;
    enum insp_uplink_format format;
    struct insp_ipfix_writer *ipfix;
    struct insp_finisher *finisher;
    uint64_t wall_ns; /* Of the last record. */
    bool wanted[N_KINDS];
    uint64_t n[N_KINDS];
    struct insp_put put;
    char error[512];

    struct insp_host host;
    struct insp_ring *ring;
    struct insp_drain *drain; /* NULL: no uplink. */
    uint32_t queue_limit;
    bool may_wait;
    unsigned int n_since; /* Records since the last look. */

    uint8_t buffer[BUFFER_SIZE];
};

/* ------------------------------------------------------------------------ */
/* What is wanted. */

static const char *
word_of(size_t kind)
{
    return kind < KIND_APPS ? kind_words[kind]
                            : insp_app_word((enum insp_app)(kind - KIND_APPS));
}

/* Neither "" nor "unknown" has records. */
static bool
is_kind(size_t kind)
{
    return kind < KIND_APPS || kind - KIND_APPS > INSP_APP_UNKNOWN;
}

static size_t
kind_by_word(const char *word)
{
    enum insp_app app;

    for (size_t i = 0; i < KIND_APPS; i++) {
        if (!strcmp(word, kind_words[i])) {
            return i;
        }
    }
    app = insp_app_by_word(word);
    return app < INSP_N_APPS_TOLD && is_kind(KIND_APPS + app) ? KIND_APPS + app
                                                              : N_KINDS;
}

static void
list_words(char *text, size_t size)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < N_KINDS && n < size; i++) {
        if (is_kind(i)) {
            n += (size_t) snprintf(text + n, size - n, "%s%s", i ? ", " : "",
                                   word_of(i));
        }
    }
}

static bool
choose(struct probe_output *o, const char *only, char *error, size_t size)
{
    if (!only) {
        memset(o->wanted, true, sizeof o->wanted);
        return true;
    }
    for (;;) {
        size_t length = strcspn(only, ",");
        char word[32];
        size_t kind;

        snprintf(word, sizeof word, "%.*s", (int) INSP_MIN(length, 31), only);
        kind = kind_by_word(word);
        if (kind == N_KINDS) {
            snprintf(error, size,
                     "--only: there are no records '%s'; there "
                     "are: ",
                     word);
            list_words(error, size);
            return false;
        }
        o->wanted[kind] = true;
        if (!only[length]) {
            return true;
        }
        only += length + 1;
    }
}

static size_t
kind_of(const struct insp_record *record)
{
    switch ((enum insp_record_type) record->type) {
    case INSP_RECORD_CONNECTION:
        return record->conn.alert ? KIND_ALERT : KIND_FLOW;
    case INSP_RECORD_REMAINDER: return KIND_REMAINDER;
    case INSP_RECORD_SENSOR: return KIND_STATS;
    case INSP_RECORD_APP:
        return KIND_APPS + (record->app.values ? record->app.values->app : 0);
    case INSP_RECORD_LOSS:
    case INSP_RECORD_PORT:
    case INSP_RECORD_PORT_GONE:
    case INSP_RECORD_RESTART:
    case INSP_N_RECORD_TYPES: break;
    }
    return N_KINDS;
}

/* ------------------------------------------------------------------------ */
/* A file. */

static void
fail(struct probe_output *o, int error)
{
    if (!o->error[0]) {
        snprintf(o->error, sizeof o->error, "%s: cannot be written: %s",
                 o->name, strerror(error));
    }
}

static void
write_buffer(struct probe_output *o)
{
    const uint8_t *at = o->put.start;

    if (o->ipfix) {
        insp_ipfix_finish(o->ipfix, &o->put);
    }
    while (at < o->put.at && !o->error[0]) {
        ssize_t n = write(o->fd, at, (size_t) (o->put.at - at));

        if (n >= 0) {
            at += n;
        } else if (errno != EINTR) {
            fail(o, errno);
        }
    }
    o->put = insp_put(o->buffer, sizeof o->buffer);
}

static bool
encode(struct probe_output *o, const struct insp_record *record)
{
    static const struct insp_port *const ports[2];
    bool ok = o->ipfix ? insp_ipfix_put(o->ipfix, &o->put, record->time_ns,
                                        record, ports)
                       : insp_json_put(&o->put, o->sensor, record, ports);

    o->put.full = false;
    return ok;
}

static void
put_to_file(struct probe_output *o, struct insp_record *record)
{
    insp_record_finish(o->finisher, record);
    if (!encode(o, record)) {
        write_buffer(o);
        if (!encode(o, record) && !o->error[0]) {
            snprintf(o->error, sizeof o->error,
                     "%s: a record is too long to be written", o->name);
        }
    }
    insp_record_uninit(record);
}

/* ------------------------------------------------------------------------ */
/* An uplink. */

static uint64_t
clock_ns(const struct probe_output *o)
{
    return o->host.monotonic_ns(o->host.aux);
}

static struct insp_uplink_status
uplink_status(const struct probe_output *o)
{
    struct insp_uplink_status status = { .queued = 0 };

    (void) insp_drain_get_status(o->drain, &status, 1);
    return status;
}

static uint64_t
waiting(const struct insp_uplink_status *status)
{
    return status->queued + status->unacknowledged;
}

/* Waits until no more than 'n' records are queued or unacknowledged. */
static void
wait_for_uplink(struct probe_output *o, uint64_t n)
{
    struct insp_uplink_status status = uplink_status(o);
    uint64_t until = clock_ns(o) + PATIENCE_NS;
    uint64_t through = status.sent + status.acknowledged;

    while ((waiting(&status) > n || insp_ring_count(o->ring)) &&
           !o->error[0]) {
        insp_drain_turn(o->drain, 50);
        status = uplink_status(o);
        if (status.sent + status.acknowledged != through) {
            through = status.sent + status.acknowledged;
            until = clock_ns(o) + PATIENCE_NS;
        }
        if (clock_ns(o) > until) {
            snprintf(o->error, sizeof o->error,
                     "%s: takes no records (%s%s%s)", status.name,
                     status.state, status.last_error[0] ? ": " : "",
                     status.last_error);
        }
    }
}

static void
put_to_uplink(struct probe_output *o, struct insp_record *record)
{
    struct insp_record *to = insp_ring_reserve(o->ring);

    if (!to || ++o->n_since >= CHECK_EVERY) {
        o->n_since = 0;
        insp_drain_turn(o->drain, 0);
        if (o->may_wait) {
            struct insp_uplink_status status = uplink_status(o);

            if (waiting(&status) > o->queue_limit / 2) {
                wait_for_uplink(o, o->queue_limit / 4);
            }
        }
        to = insp_ring_reserve(o->ring);
    }
    if (to && !o->error[0]) {
        *to = *record;
        insp_ring_commit(o->ring);
    } else {
        insp_record_uninit(record);
    }
}

static int
create_uplink(struct probe_output *o, const struct probe_output_config *config)
{
    int error;

    insp_host_stdio(&o->host, INSP_LOG_WARN);
    error = insp_ring_create(sizeof(struct insp_record), RING_SIZE, &o->ring);
    if (!error) {
        error = insp_drain_create(&o->host, o->ring, o->sensor, &o->drain);
    }
    if (!error) {
        o->may_wait = config->may_wait;
        o->queue_limit = config->uplink->queue_limit;
        insp_drain_set_uplinks(o->drain, config->uplink, 1);
        insp_drain_turn(o->drain, 0);
    }
    return error;
}

/* ------------------------------------------------------------------------ */
/* Its life. */

static bool
open_file(struct probe_output *o, const struct probe_output_config *config,
          char *error, size_t size)
{
    bool is_stdout = !config->file || !strcmp(config->file, "-");

    o->name = is_stdout ? "stdout" : config->file;
    o->format = config->format;
    o->put = insp_put(o->buffer, sizeof o->buffer);
    o->fd = is_stdout ? STDOUT_FILENO
                      : open(config->file,
                             O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->fd < 0) {
        snprintf(error, size, "%s: %s", config->file, strerror(errno));
        return false;
    }
    o->finisher = insp_finisher_create();
    if (!o->finisher || (o->format == INSP_UPLINK_IPFIX &&
                         insp_ipfix_writer_create(o->sensor, &o->ipfix))) {
        snprintf(error, size, "%s", strerror(ENOMEM));
        return false;
    }
    return true;
}

static void
destroy(struct probe_output *o)
{
    insp_drain_destroy(o->drain, 0);
    insp_ring_destroy(o->ring);
    insp_ipfix_writer_destroy(o->ipfix);
    insp_finisher_destroy(o->finisher);
    free(o);
}

struct probe_output *
probe_output_create(const struct probe_output_config *config, char *error,
                    size_t size, bool *is_usage)
{
    struct probe_output *o = calloc(1, sizeof *o);
    int failed;

    *is_usage = false;
    if (!o) {
        snprintf(error, size, "%s", strerror(ENOMEM));
        return NULL;
    }
    snprintf(o->sensor, sizeof o->sensor, "%s", config->sensor);
    if (!choose(o, config->only, error, size)) {
        *is_usage = true;
        destroy(o);
        return NULL;
    }
    if (config->uplink) {
        failed = create_uplink(o, config);
        if (failed) {
            snprintf(error, size, "%s", strerror(failed));
            destroy(o);
            return NULL;
        }
    } else if (!open_file(o, config, error, size)) {
        destroy(o);
        return NULL;
    }
    return o;
}

void
probe_output_put(struct probe_output *o, struct insp_record *record)
{
    size_t kind = kind_of(record);

    if (kind != N_KINDS) {
        o->n[kind]++;
    }
    if (kind == N_KINDS || !o->wanted[kind] || o->error[0]) {
        insp_record_uninit(record);
    } else if (o->drain) {
        put_to_uplink(o, record);
    } else {
        put_to_file(o, record);
    }
}

void
probe_output_flush(struct probe_output *o)
{
    if (o->drain) {
        insp_drain_turn(o->drain, 0);
    } else {
        write_buffer(o);
    }
}

const char *
probe_output_error(const struct probe_output *o)
{
    return o->error[0] ? o->error : NULL;
}

bool
probe_output_kind(const struct probe_output *o, size_t i, const char **word,
                  uint64_t *records)
{
    if (i >= N_KINDS) {
        return false;
    }
    *word = is_kind(i) ? word_of(i) : "";
    *records = o->n[i];
    return true;
}

bool
probe_output_close(struct probe_output *o, char *error, size_t size)
{
    bool ok;

    if (o->drain) {
        wait_for_uplink(o, 0);
    } else {
        write_buffer(o);
        if (o->fd != STDOUT_FILENO && close(o->fd)) {
            fail(o, errno);
        }
    }
    ok = !o->error[0];
    if (!ok) {
        snprintf(error, size, "%s", o->error);
    }
    destroy(o);
    return ok;
}
