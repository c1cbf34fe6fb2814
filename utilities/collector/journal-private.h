/* SPDX-License-Identifier: Apache-2.0 */
/* Journal, inside
 * ===============
 *
 * What the files of a journal share: journal.c writes it, journal-recover.c
 * takes it up again.
 *
 * Above:    journal*.c alone.      Below:  journal.h.
 * Threads:  see journal.h.
 * Memory:   see journal.h.
 * Time:     see journal.h.
 * Fails:    see journal.h.
 */

#ifndef COLLECTOR_JOURNAL_PRIVATE_H
#define COLLECTOR_JOURNAL_PRIVATE_H 1

#include "journal.h"

#define COLLECTOR_JOURNAL_BUFFER (2 * 1024 * 1024)
#define COLLECTOR_JOURNAL_PREFIX "journal-"
#define COLLECTOR_JOURNAL_NAME   (sizeof COLLECTOR_JOURNAL_PREFIX + 20)

struct collector_journal {
    char *folder;
    int folder_fd;
    int lock_fd;
    struct collector_streams *streams;

    /* The files. */
    uint64_t oldest;
    uint64_t newest;
    uint64_t needed; /* By who reads; UINT64_MAX: nobody. */
    uint64_t older_bytes;
    uint64_t max_bytes;
    uint64_t file_size; /* At which the next one begins, or later. */
    int fd;             /* Of the newest. */
    uint64_t end;       /* Its durable bytes, */
    uint64_t begun;     /* and how many of them it began with. */
    bool suspect;       /* Its fdatasync() failed. */

    /* In memory. */
    uint8_t *buffer;
    size_t sealed;
    struct collector_block open; /* 'numbers[1]' is 0: none is. */
    size_t open_size;
    uint64_t put;     /* Bytes sealed since the start; */
    uint64_t durable; /* of these on the disk. */

    int64_t now_ms;
    int64_t due;
    char trouble[256];
    uint64_t commits;
    uint64_t cut;
    uint64_t damaged;
};

void collector_journal_say(char *to, size_t size, const char *format, ...)
    INSP_PRINTF(3, 4);

/* The name of a file by its number. */
void collector_journal_name(char name[COLLECTOR_JOURNAL_NAME], uint64_t file);

/* Begins the next file with all that is known, and what is in memory.  Returns
 * an errno; nothing has changed then. */
int collector_journal_begin_file(struct collector_journal *) INSP_MUST_USE;

#endif /* journal-private.h */
