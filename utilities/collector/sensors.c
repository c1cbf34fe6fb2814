/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a table by name that only grows.  The names are those of
 * sensors that have proved who they are. */

#include <config.h>

#include "sensors.h"

#include <stdlib.h>

#include "openvswitch/shash.h"
#include "util.h"

static struct shash sensors = SHASH_INITIALIZER(&sensors);

struct collector_sensor *
collector_sensors_find(const char *name)
{
    struct collector_sensor *s = shash_find_data(&sensors, name);

    if (!s && shash_count(&sensors) < COLLECTOR_SENSORS_MAX) {
        s = xzalloc(sizeof *s);
        s->name = xstrdup(name);
        shash_add(&sensors, name, s);
    }
    return s;
}

size_t
collector_sensors_count(void)
{
    return shash_count(&sensors);
}

struct collector_sensor **
collector_sensors_sort(void)
{
    size_t n = shash_count(&sensors);
    const struct shash_node **sorted = shash_sort(&sensors);
    struct collector_sensor **all = xmalloc((n + 1) * sizeof *all);

    for (size_t i = 0; i < n; i++) {
        all[i] = sorted[i]->data;
    }
    free(sorted);
    return all;
}

struct collector_totals
collector_sensors_sum(void)
{
    struct collector_totals t = { 0, 0, 0, 0 };
    struct shash_node *n;

    SHASH_FOR_EACH (n, &sensors) {
        const struct collector_sensor *s = n->data;

        t.records += s->records;
        t.bytes += s->bytes;
        t.lost += s->lost;
        t.connected += s->n_connected > 0;
    }
    return t;
}
