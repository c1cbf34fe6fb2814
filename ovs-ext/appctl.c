/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Every command is a job: a thread that reads the words, asks the engine,
 * looks up names in the rows, formats the reply, and then wakes the main
 * thread, which hands the finished text over and does nothing else: it polls
 * ports, and a listing of 100,000 connections takes longer than it may be
 * away.  Jobs share nothing but the rows, which do not change.
 *
 *     free  --begin-->  running  --done-->  replied: free again */

#include <config.h>

#include "ovs-ext/appctl.h"

#include <stdatomic.h>

#include "openvswitch/poll-loop.h"
#include "ovs-ext/appctl-command.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seq.h"
#include "unixctl.h"
#include "util.h"

#define DEFAULT_FLOWS 1000 /* Rows without --limit. */
#define MAX_JOBS      16

/* Options that a command takes; all take --json. */
enum {
    TAKES_NAME = 1 << 0,  /* The name of an inspector. */
    TAKES_LIMIT = 1 << 1, /* --limit, --sort. */
    TAKES_WORDS = 1 << 2, /* KEY=VALUE..., behind a name that must
                           * be there. */
};

static const struct command {
    const char *name;
    const char *usage;
    int max_args;
    unsigned int takes;
    ovsext_answer *answer;
} commands[] = {
    { "inspect/show", "[--json] [inspector]", 2, TAKES_NAME,
      ovsext_answer_show },
    { "inspect/stats", "[--json] [inspector]", 2, TAKES_NAME,
      ovsext_answer_stats },
    { "inspect/uplinks", "[--json]", 1, 0, ovsext_answer_uplinks },
    { "inspect/flows", "[--json] [--sort] [--limit=N] [inspector]", 4,
      TAKES_NAME | TAKES_LIMIT, ovsext_answer_flows },
    { "inspect/listeners", "[--json] [inspector]", 2, TAKES_NAME,
      ovsext_answer_listeners },
    { "inspect/coverage", "[--json]", 1, 0, ovsext_answer_coverage },
    { "inspect/flush", "[--json] [inspector]", 2, TAKES_NAME,
      ovsext_answer_flush },
    { "inspect/rules", "[--json] [inspector]", 2, TAKES_NAME,
      ovsext_answer_rules },
    { "inspect/functions", "[--json] [inspector]", 2, TAKES_NAME,
      ovsext_answer_functions },
    { "inspect/explain", "[--json] inspector key=value...", INT_MAX,
      TAKES_NAME | TAKES_WORDS, ovsext_answer_explain },
};

struct job {
    struct unixctl_conn *conn; /* NULL: this place is free. */
    pthread_t thread;
    const struct command *command;
    struct svec words; /* Of the command line. */
    atomic_bool done;

    /* What came of it. */
    char *reply;
    char *error;
};

static struct job jobs[MAX_JOBS];
static struct seq *jobs_seq;
static uint64_t jobs_seen;

/* Reads one word; returns what is wrong with it, or NULL. */
static char *
read_word(const struct command *command, const char *word,
          struct ovsext_question *q)
{
    if (!strcmp(word, "--json")) {
        q->json = true;
    } else if (command->takes & TAKES_LIMIT && !strcmp(word, "--sort")) {
        q->sort = true;
    } else if (command->takes & TAKES_LIMIT && !strncmp(word, "--limit=", 8)) {
        if (!str_to_uint(word + 8, 10, &q->limit) || !q->limit ||
            q->limit > OVSEXT_MAX_FLOWS) {
            return xasprintf("%s: not a number from 1 to %d", word,
                             OVSEXT_MAX_FLOWS);
        }
    } else if (word[0] == '-') {
        return xasprintf("%s: unknown option", word);
    } else if (q->inspector && command->takes & TAKES_WORDS) {
        svec_add(&q->words, word);
    } else if (q->inspector || !(command->takes & TAKES_NAME)) {
        return xasprintf("%s: one word too many", word);
    } else {
        q->inspector = ovsext_rows_inspector(q->rows, word);
        if (!q->inspector) {
            return xasprintf("no inspector is called \"%s\"", word);
        }
        q->id = q->inspector->config.base.id;
    }
    return NULL;
}

static char *
read_words(const struct command *command, const struct svec *words,
           struct ovsext_question *q)
{
    char *error = NULL;

    for (size_t i = 0; i < words->n && !error; i++) {
        error = read_word(command, words->names[i], q);
    }
    if (!error && command->takes & TAKES_WORDS && !q->inspector) {
        error = xstrdup("the name of an inspector is missing");
    }
    return error;
}

static bool
asks_for_help(const struct svec *words)
{
    return words->n == 1 && (!strcmp(words->names[0], "--help") ||
                             !strcmp(words->names[0], "-h"));
}

static void
answer(struct job *job)
{
    struct ovsext_question q = { .limit = DEFAULT_FLOWS };
    struct ovsext_out out;

    q.rows = ovsext_rows_ref();
    svec_init(&q.words);
    job->error = read_words(job->command, &job->words, &q);
    if (!job->error) {
        ovsext_out_init(&out, q.json);
        job->error = job->command->answer(&q, &out);
        job->reply = ovsext_out_finish(&out);
    }
    svec_destroy(&q.words);
    ovsext_rows_unref(q.rows);
}

static void *
run_job(void *job_)
{
    struct job *job = job_;

    /* It holds nothing that RCU protects, and it may wait for long. */
    ovsrcu_quiesce_start();
    if (asks_for_help(&job->words)) {
        job->reply = xasprintf("usage: ovs-appctl %s %s\n"
                               "ovs-inspect-appctl(8) says more.\n",
                               job->command->name, job->command->usage);
    } else {
        answer(job);
    }
    atomic_store(&job->done, true);
    seq_change(jobs_seq);
    return NULL;
}

static void
begin_job(struct unixctl_conn *conn, int argc, const char *argv[],
          void *command)
{
    for (size_t i = 0; i < MAX_JOBS; i++) {
        struct job *job = &jobs[i];

        if (!job->conn) {
            job->conn = conn;
            job->command = command;
            svec_init(&job->words);
            for (int j = 1; j < argc; j++) {
                svec_add(&job->words, argv[j]);
            }
            job->reply = job->error = NULL;
            atomic_store(&job->done, false);
            job->thread = ovs_thread_create("inspect_ask", run_job, job);
            return;
        }
    }
    unixctl_command_reply_error(conn, "too many commands at once, try again");
}

/* Frees the place of a job, whose thread has ended. */
static void
end_job(struct job *job)
{
    svec_destroy(&job->words);
    free(job->reply);
    free(job->error);
    job->conn = NULL;
}

void
ovsext_appctl_init(void)
{
    jobs_seq = seq_create();
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];

        unixctl_command_register(c->name, c->usage,
                                 c->takes & TAKES_WORDS ? 1 : 0, c->max_args,
                                 begin_job, CONST_CAST(struct command *, c));
    }
}

void
ovsext_appctl_run(void)
{
    jobs_seen = seq_read(jobs_seq);
    for (size_t i = 0; i < MAX_JOBS; i++) {
        struct job *job = &jobs[i];

        if (job->conn && atomic_load(&job->done)) {
            xpthread_join(job->thread, NULL);
            if (job->error) {
                unixctl_command_reply_error(job->conn, job->error);
            } else {
                unixctl_command_reply(job->conn, job->reply);
            }
            end_job(job);
        }
    }
}

void
ovsext_appctl_wait(void)
{
    for (size_t i = 0; i < MAX_JOBS; i++) {
        if (jobs[i].conn) {
            seq_wait(jobs_seq, jobs_seen);
            return;
        }
    }
}

void
ovsext_appctl_exit(void)
{
    for (size_t i = 0; i < MAX_JOBS; i++) {
        if (jobs[i].conn) {
            xpthread_join(jobs[i].thread, NULL);
            unixctl_command_reply_error(jobs[i].conn,
                                        "ovs-vswitchd is exiting");
            end_job(&jobs[i]);
        }
    }
}
