/* SPDX-License-Identifier: Apache-2.0 */
/* Journal
 * =======
 *
 * The folder that records are in before their sensor is told that they are:
 * files of blocks (block.h), written at the end and never changed.
 *
 *     begin, commit: lines --> memory --run: one write, one fdatasync--> disk
 *                                                            |
 *     ticket() of what was put  <=  durable(): may be acknowledged
 *
 * A full disk is a state: what waits in memory goes on waiting, has_room()
 * turns false, and it goes on by itself.
 *
 * Above:    frames.c, records.c, copy.c, main.c.   Below:  block.h,
 *                                                           streams.h, POSIX.
 * Threads:  one; a second process is kept out by a lock.
 * Memory:   one buffer, and the streams.
 * Time:     the caller's, in ms; run() waits for the disk.
 * Fails:    open with a sentence; all else by trouble().
 */

#ifndef COLLECTOR_JOURNAL_H
#define COLLECTOR_JOURNAL_H 1

#include "block.h"
#include "streams.h"

#define COLLECTOR_COMMIT_MS    50
#define COLLECTOR_COMMIT_BYTES (1024 * 1024)
#define COLLECTOR_JOURNAL_MIN  (4 * 1024 * 1024) /* Of --journal-max-bytes. */

struct collector_journal;

/* Opens the folder, makes it if it is not there, cuts off what a crash has
 * left half written, and knows again what is in it.  NULL: the sentence is in
 * 'why'. */
struct collector_journal *collector_journal_open(const char *folder,
                                                 uint64_t max_bytes, char *why,
                                                 size_t why_size);

/* Those of all sensors; what goes into the journal must be told to them. */
struct collector_streams *collector_journal_streams(
    struct collector_journal *);

/* Whether another line, or note, has room; when false, stop reading. */
bool collector_journal_has_room(const struct collector_journal *);

/* Where to write the next line of that sensor: of the record 'number' of
 * 'stream', or, with NULL, of a connection without numbers.  Then say that it
 * has been written; or do not, and nothing has been. */
struct insp_put collector_journal_begin(struct collector_journal *,
                                        const char *sensor,
                                        const struct collector_stream *stream,
                                        uint64_t number);
void collector_journal_commit(struct collector_journal *,
                              const struct insp_put *);

/* Writes down that a run of the stream was lost. */
void collector_journal_note_lost(struct collector_journal *,
                                 const struct collector_stream *,
                                 uint64_t first, uint64_t count);

/* All that was put until now is durable when durable() has reached it. */
uint64_t collector_journal_ticket(struct collector_journal *);
uint64_t collector_journal_durable(const struct collector_journal *);

/* Writes what is due, files of which no reader is behind 'needed' go when
 * there are too many bytes.  run_now() does not wait until it is due. */
void collector_journal_run(struct collector_journal *, int64_t now_ms);
void collector_journal_run_now(struct collector_journal *, int64_t now_ms);

/* When to run it next; INT64_MAX: not before something was put. */
int64_t collector_journal_wait(const struct collector_journal *);

/* A place in the journal: a block, and how much of its lines. */
struct collector_place {
    uint64_t file;
    uint64_t block;
    uint64_t within;
};

/* The files from the oldest to the newest that are there are numbered without
 * gaps.  Opens one to be read: the descriptor is the caller's, '*limit' how
 * much of it is durable.  -1: an errno. */
uint64_t collector_journal_oldest(const struct collector_journal *);
uint64_t collector_journal_newest(const struct collector_journal *);
int collector_journal_open_file(const struct collector_journal *,
                                uint64_t file, uint64_t *limit);

/* How much of the newest file is durable by now. */
uint64_t collector_journal_end(const struct collector_journal *);

/* Files before 'file' are not needed any more; at first, none is. */
void collector_journal_need(struct collector_journal *, uint64_t file);

struct collector_journal_stats {
    const char *folder;
    uint64_t files;
    uint64_t bytes; /* Of all files. */
    uint64_t max_bytes;
    uint64_t waiting; /* Bytes that are not durable yet. */
    uint64_t commits;
    uint64_t cut;        /* Bytes that were half written, at the start. */
    uint64_t damaged;    /* Bytes that were unreadable, at the start. */
    const char *trouble; /* NULL, or why nothing can be written. */
};
void collector_journal_get_stats(const struct collector_journal *,
                                 struct collector_journal_stats *);

/* Writes what waits, as far as that goes now, and frees. */
void collector_journal_close(struct collector_journal *);

#endif /* journal.h */
