/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: each worker has its own, summed by who asks.
 *
 * A worker adds a whole batch at once between two steps of a sequence
 * number; a reader copies until it saw no step.  So the terms of "seen =
 * inspected + skipped + lost" agree in every copy, and a worker never waits
 * for a reader. */

#include "engine/internal.h"

#include <string.h>

void
insp_tally_publish(struct insp_worker_tally *mine,
                   const struct insp_tally *batch, uint64_t changed)
{
    uint32_t sequence = INSP_READ(mine->sequence);
    const uint64_t *words = (const uint64_t *) (const void *) batch;

    atomic_store_explicit(&mine->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (; changed; changed &= changed - 1) {
        int i = __builtin_ctzll(changed);

        INSP_COUNT(mine->words[i], words[i]);
    }
    atomic_store_explicit(&mine->sequence, sequence + 2, memory_order_release);
}

void
insp_tally_read(const struct insp_worker_tally *theirs, struct insp_tally *sum)
{
    uint64_t copy[INSP_TALLY_WORDS];
    uint64_t total[INSP_TALLY_WORDS];
    uint32_t before, after;

    do {
        before = atomic_load_explicit(&theirs->sequence, memory_order_acquire);
        for (size_t i = 0; i < INSP_TALLY_WORDS; i++) {
            copy[i] = INSP_READ(theirs->words[i]);
        }
        atomic_thread_fence(memory_order_acquire);
        after = INSP_READ(theirs->sequence);
    } while (before != after || before & 1);

    memcpy(total, sum, sizeof total);
    for (size_t i = 0; i < INSP_TALLY_WORDS; i++) {
        total[i] += copy[i];
    }
    memcpy(sum, total, sizeof total);
}

void
insp_inspector_sum(const struct insp_inspector *inspector,
                   struct insp_tally *sum)
{
    memset(sum, 0, sizeof *sum);
    for (size_t i = 0; i < INSP_MAX_WORKERS; i++) {
        insp_tally_read(&inspector->tallies[i], sum);
    }
    for (size_t i = 0; i < INSP_N_LOSTS; i++) {
        uint64_t lost = INSP_READ(inspector->lost_shared[i]);

        sum->lost[i] += lost;
        sum->seen_packets += lost;
    }
    sum->seen_bytes += INSP_READ(inspector->lost_shared_bytes);
}

/* All but sizes, which are of one table. */
static void
add_table(struct insp_table_stats *sum, const struct insp_table_stats *t)
{
    sum->connections += t->connections;
    sum->half_open += t->half_open;
    sum->remainders += t->remainders;
    sum->begun += t->begun;
    sum->foreign_packets += t->foreign_packets;
    sum->owner_moves += t->owner_moves;
    sum->misplaced += t->misplaced;
    for (int i = 0; i < INSP_N_ENDS; i++) {
        sum->ended[i] += t->ended[i];
    }
    for (int i = 0; i < INSP_N_REMAINDERS; i++) {
        sum->refused[i] += t->refused[i];
    }
}

static void
add_readers(struct insp_dialogs_stats *sum, const struct insp_dialogs_stats *d)
{
    for (int i = 0; i < INSP_N_READER_FACTS; i++) {
        sum->facts[i] += d->facts[i];
    }
    for (int i = 0; i < INSP_N_APPS; i++) {
        sum->connections[i] += d->connections[i];
    }
}

void
insp_inspector_fold_table(const struct insp_leaving_table *leaving)
{
    struct insp_inspector *inspector = leaving->inspector;
    struct insp_dialogs_stats readers;
    struct insp_table_stats table;

    insp_table_get_stats(leaving->table, &table);
    table.connections = table.half_open = table.remainders = 0;
    add_table(&inspector->past, &table);
    insp_dialogs_get_stats(leaving->dialogs, &readers);
    add_readers(&inspector->past_readers, &readers);
}

uint64_t
insp_inspector_sum_tables(const struct insp_engine *engine,
                          const struct insp_inspector *inspector,
                          struct insp_table_stats *table)
{
    const struct insp_leaving_table *leaving;
    uint64_t evicted_now;

    memset(table, 0, sizeof *table);
    if (inspector->table) {
        insp_table_get_stats(inspector->table, table);
    } else {
        table->flow_limit = inspector->table_config.flow_limit;
    }
    evicted_now =
        table->ended[INSP_END_EVICTED] + table->ended[INSP_END_QUOTA];
    add_table(table, &inspector->past);
    for (leaving = engine->leaving; leaving; leaving = leaving->next) {
        struct insp_table_stats t;

        if (leaving->inspector == inspector) {
            insp_table_get_stats(leaving->table, &t);
            add_table(table, &t);
        }
    }
    return evicted_now;
}

void
insp_inspector_sum_readers(const struct insp_engine *engine,
                           const struct insp_inspector *inspector,
                           struct insp_dialogs_stats *readers)
{
    const struct insp_leaving_table *leaving;

    memset(readers, 0, sizeof *readers);
    if (inspector->table) {
        insp_dialogs_get_stats(inspector->dialogs, readers);
    }
    add_readers(readers, &inspector->past_readers);
    for (leaving = engine->leaving; leaving; leaving = leaving->next) {
        struct insp_dialogs_stats d;

        if (leaving->inspector == inspector) {
            insp_dialogs_get_stats(leaving->dialogs, &d);
            add_readers(readers, &d);
        }
    }
}

void
insp_engine_count_lost(struct insp_engine *engine, uint32_t id,
                       enum insp_lost why, uint64_t packets, uint64_t bytes)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (atomic_load_explicit(&inspector->id, memory_order_acquire) == id) {
            atomic_fetch_add_explicit(&inspector->lost_shared[why], packets,
                                      memory_order_relaxed);
            atomic_fetch_add_explicit(&inspector->lost_shared_bytes, bytes,
                                      memory_order_relaxed);
            return;
        }
    }
    atomic_fetch_add_explicit(&engine->unknown_id, packets,
                              memory_order_relaxed);
}

void
insp_engine_count_undeliverable(struct insp_engine *engine, uint32_t id,
                                uint64_t packets)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (atomic_load_explicit(&inspector->id, memory_order_acquire) == id) {
            atomic_fetch_add_explicit(&inspector->undeliverable, packets,
                                      memory_order_relaxed);
        }
    }
}

uint64_t
insp_engine_unknown_id(const struct insp_engine *engine)
{
    return INSP_READ(engine->unknown_id);
}

static const char *const skip_words[] = {
#define INSP_SKIP(NAME, WORD, TEXT) WORD,
#define INSP_LOST(NAME, WORD, TEXT)
#include "engine/event.def"
#undef INSP_SKIP
#undef INSP_LOST
};

static const char *const lost_words[] = {
#define INSP_SKIP(NAME, WORD, TEXT)
#define INSP_LOST(NAME, WORD, TEXT) WORD,
#include "engine/event.def"
#undef INSP_SKIP
#undef INSP_LOST
};

const char *
insp_skip_word(enum insp_skip skip)
{
    return skip < INSP_N_SKIPS ? skip_words[skip] : "?";
}

const char *
insp_lost_word(enum insp_lost lost)
{
    return lost < INSP_N_LOSTS ? lost_words[lost] : "?";
}
