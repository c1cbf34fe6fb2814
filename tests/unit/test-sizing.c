/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: Documentation/sizing.md has what an inspector takes as a
 * table; here each of its rows is made from the functions that say how much
 * memory is about to be taken, and must stand there, letter by letter.  Then
 * the memory is taken: what is promised for nothing must cost nothing. */

#include "app/dialog.h"
#include "base/epoch.h"
#include "flow/flight.h"
#include "flow/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

#define MIB (1024.0 * 1024)

static const uint32_t limits[] = {
    16384, 65536, 262144, 1048576, 4194304, 16777216,
};
static const uint32_t flights[] = { 1024, 16384, 262144, 1000000 };

static char document[65536];

static void
read_document(void)
{
    FILE *f = fopen(SIZING, "r");
    size_t n = f ? fread(document, 1, sizeof document - 1, f) : 0;

    CU_ASSERT_TRUE(n > 0);
    document[n] = '\0';
    if (f) {
        (void) fclose(f);
    }
}

/* "1234567" as "1,234,567". */
static const char *
grouped(uint64_t n, char text[32])
{
    char digits[32];
    size_t size = (size_t) snprintf(digits, sizeof digits, "%llu",
                                    (unsigned long long) n);
    char *to = text;

    for (size_t i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

static void
expect_line(const char *line)
{
    if (!strstr(document, line)) {
        printf("\n" SIZING " must have the line\n%s", line);
        CU_FAIL("a line of the table is not true");
    }
}

static size_t
reading_size(uint32_t limit)
{
    struct insp_dialogs_config config;

    insp_dialogs_config_for(limit, &config);
    return insp_dialogs_size(&config);
}

static void
test_connections(void)
{
    read_document();
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct insp_table_config config = { .flow_limit = limits[i] };
        size_t table = insp_table_size(&config);
        size_t reading = reading_size(limits[i]);
        char line[160], text[32];

        (void) snprintf(line, sizeof line,
                        "| %s | %.0f | %.0f | %.0f | %.0f |\n",
                        grouped(limits[i], text), (double) table / MIB,
                        (double) reading / MIB,
                        (double) (table + reading) / MIB,
                        (double) (table + reading) / limits[i]);
        expect_line(line);
    }
}

static void
test_functions(void)
{
    read_document();
    for (size_t i = 0; i < sizeof flights / sizeof flights[0]; i++) {
        char line[80], text[32];

        (void) snprintf(line, sizeof line, "| %s | %.0f |\n",
                        grouped(flights[i], text),
                        (double) insp_flights_size(flights[i]) / MIB);
        expect_line(line);
    }
}

static size_t
resident_kib(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    size_t kib = 0;
    char line[256];

    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, "VmRSS:", 6)) {
            kib = strtoul(line + 6, NULL, 10);
        }
    }
    if (f) {
        (void) fclose(f);
    }
    return kib;
}

/* "used as they come": a table for a million connections that has none. */
static void
test_taken_as_they_come(void)
{
    static struct insp_epoch epoch;
    struct insp_table_config config = {
        .flow_limit = 1048576,
        .idle_timeout_ns = UINT64_C(60000000000),
        .active_timeout_ns = UINT64_C(60000000000),
    };
    struct insp_table *table;
    size_t before = resident_kib(), size = insp_table_size(&config) / 1024;

    insp_epoch_init(&epoch);
    UNIT_EQ(insp_table_create(&config, &epoch, &table), 0);
    CU_ASSERT_TRUE(resident_kib() - before < size / 4);
    insp_table_destroy(table);
}

UNIT_MAIN("sizing", UNIT_TEST(test_connections), UNIT_TEST(test_functions),
          UNIT_TEST(test_taken_as_they_come))
