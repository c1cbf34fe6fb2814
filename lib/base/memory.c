/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 *     MemAvailable of /proc/meminfo
 *     memory.max - memory.current + inactive_file of the control group and
 *         of those above it: what page cache would make room for
 *     RLIMIT_MEMLOCK - VmLck, for who has locked all (--mlockall) and is
 *         not allowed to lock without limit (CAP_IPC_LOCK)
 *
 * A control group's files are read in the unified hierarchy; what is not there
 * does not limit. */

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define CAPABILITY_IPC_LOCK 14

/* The number behind 'key' in a file of lines "KEY NUMBER"; false: none. */
static bool
read_number(const char *path, const char *key, int base, uint64_t *value)
{
    FILE *file = fopen(path, "re");
    size_t n = strlen(key);
    bool found = false;
    char line[256];

    if (!file) {
        return false;
    }
    while (!found && fgets(line, sizeof line, file)) {
        char *end;

        if (!strncmp(line, key, n)) {
            *value = strtoull(line + n, &end, base);
            found = end != line + n;
        }
    }
    fclose(file);
    return found;
}

static void
read_group(const char *path, struct insp_memory *m)
{
    char name[700];
    uint64_t most, used, cache = 0;

    snprintf(name, sizeof name, "/sys/fs/cgroup%s/memory.max", path);
    if (!read_number(name, "", 10, &most)) {
        return;
    }
    snprintf(name, sizeof name, "/sys/fs/cgroup%s/memory.current", path);
    if (!read_number(name, "", 10, &used)) {
        return;
    }
    snprintf(name, sizeof name, "/sys/fs/cgroup%s/memory.stat", path);
    (void) read_number(name, "inactive_file ", 10, &cache);
    used -= INSP_MIN(used, cache);
    most -= INSP_MIN(most, used);
    if (most < m->available) {
        m->available = most;
        m->is_group = true;
    }
}

static void
read_groups(struct insp_memory *m)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[600];

    if (!file) {
        return;
    }
    while (fgets(line, sizeof line, file)) {
        char *path = line + 3;

        if (strncmp(line, "0::/", 4)) {
            continue;
        }
        path[strcspn(path, "\n")] = '\0';
        for (char *end; (end = strrchr(path, '/')); *end = '\0') {
            read_group(path, m);
        }
        read_group("", m);
    }
    fclose(file);
}

static void
read_locks(struct insp_memory *m)
{
    uint64_t kib = 0, capabilities = 0;
    struct rlimit limit;

    (void) read_number("/proc/self/status", "VmLck:", 10, &kib);
    (void) read_number("/proc/self/status", "CapEff:", 16, &capabilities);
    m->locked = kib * 1024;
    m->lockable = UINT64_MAX;
    if (kib && !(capabilities >> CAPABILITY_IPC_LOCK & 1) &&
        !getrlimit(RLIMIT_MEMLOCK, &limit) &&
        limit.rlim_cur != RLIM_INFINITY) {
        m->lockable = limit.rlim_cur - INSP_MIN(limit.rlim_cur, m->locked);
    }
}

void
insp_memory_read(struct insp_memory *m)
{
    uint64_t kib;

    memset(m, 0, sizeof *m);
    m->available =
        (read_number("/proc/meminfo", "MemAvailable:", 10, &kib) ? kib * 1024
                                                                 : UINT64_MAX);
    read_groups(m);
    read_locks(m);
}

bool
insp_memory_allows(const struct insp_memory *m, uint64_t need,
                   uint64_t promised, char *why, size_t size)
{
    char text[INSP_MEMORY_TEXT_SIZE], more[INSP_MEMORY_TEXT_SIZE];
    uint64_t left = m->available - m->available / 16;

    left -= INSP_MIN(left, promised);
    if (need > m->lockable) {
        snprintf(why, size,
                 "of which %s may still be locked in memory "
                 "(--mlockall; RLIMIT_MEMLOCK, LimitMEMLOCK= of the "
                 "service)",
                 insp_memory_text(m->lockable, text));
        return false;
    } else if (need > left) {
        snprintf(why, size,
                 "and %s can be had (%s available%s, a sixteenth "
                 "of it is left alone%s)",
                 insp_memory_text(left, text),
                 insp_memory_text(m->available, more),
                 m->is_group ? " in the control group" : "",
                 promised ? ", and other tables will need theirs" : "");
        return false;
    }
    return true;
}

uint64_t
insp_memory_untouched(const void *map, size_t size)
{
    enum {
        PAGES = 4096
    };
    static const unsigned int bit = 1;
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    unsigned char resident[PAGES];
    uint64_t untouched = 0;

    for (size_t at = 0; at < size; at += PAGES * page) {
        size_t part = INSP_MIN(size - at, PAGES * page);

        if (mincore((uint8_t *) (uintptr_t) map + at, part, resident)) {
            return 0;
        }
        for (size_t i = 0; i < (part + page - 1) / page; i++) {
            untouched += resident[i] & bit ? 0 : page;
        }
    }
    return untouched;
}

const char *
insp_memory_text(uint64_t bytes, char text[INSP_MEMORY_TEXT_SIZE])
{
    if (bytes >= UINT64_C(1) << 30) {
        snprintf(text, INSP_MEMORY_TEXT_SIZE, "%.1f GiB",
                 (double) bytes / (1 << 30));
    } else {
        snprintf(text, INSP_MEMORY_TEXT_SIZE, "%.1f MiB",
                 (double) bytes / (1 << 20));
    }
    return text;
}
