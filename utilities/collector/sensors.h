/* SPDX-License-Identifier: Apache-2.0 */
/* Sensors
 * =======
 *
 * What is known of all connections of each sensor, past ones too.
 *
 * Above:    peer.c, show.c.        Below:  libopenvswitch (shash).
 * Threads:  one.
 * Memory:   at most COLLECTOR_SENSORS_MAX of them; they stay.
 * Time:     a hash's.
 * Fails:    find by NULL: there are too many.
 */

#ifndef COLLECTOR_SENSORS_H
#define COLLECTOR_SENSORS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLLECTOR_SENSORS_MAX 10000

struct collector_sensor {
    char *name;
    unsigned int n_connected;
    uint64_t connects;
    uint64_t records;
    uint64_t duplicates; /* Not written again, not in 'records'. */
    uint64_t bytes;
    uint64_t lost;        /* By sequence numbers of IPFIX. */
    uint64_t last_ms;     /* Wall clock; of the last record. */
    uint64_t cut_off;     /* Connections that we have ended; */
    char last_error[512]; /* why the last one. */
    uint64_t forgotten;   /* Streams, see streams.h. */
};

/* Finds it or begins it. */
struct collector_sensor *collector_sensors_find(const char *name);

size_t collector_sensors_count(void);

/* All of them by name, in an array to be freed. */
struct collector_sensor **collector_sensors_sort(void);

struct collector_totals {
    uint64_t records;
    uint64_t bytes;
    uint64_t lost;
    size_t connected;
};
struct collector_totals collector_sensors_sum(void);

#endif /* sensors.h */
