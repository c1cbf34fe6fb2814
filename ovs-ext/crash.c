/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * A handler for each signal that a bug raises, put in front of those that
 * are there (Open vSwitch has one for SIGSEGV, which sends a backtrace to
 * the monitor).  It uses nothing that is not async-signal-safe: bytes are
 * put together in a buffer on the stack and written by write(); the frame
 * that was being inspected is copied by the kernel (process_vm_readv), which
 * says EFAULT where we would crash again.  Then the old action is put back
 * and the signal raised once more, which is delivered when the handler
 * returns.
 *
 * The first thread that crashes writes.  Another one that crashes meanwhile
 * waits for it, for a second at most, because its own signal would end the
 * process in mid-report.
 *
 * The test, behind OVS_INSPECT_TEST, is a thread of its own with a worker
 * slot, which has the engine inspect a frame that ends, for the reader, at a
 * page that cannot be read: a real crash in a real parser. */

#include <config.h>

#include "ovs-ext/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef HAVE_UNWIND
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#endif

#include "dirs.h"
#include "engine/engine.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/rows.h"
#include "ovs-ext/worker-map.h"
#include "ovs-thread.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_crash);

#define FRAME_BYTES 256 /* Of the packet, in the report. */
#define MAX_CALLS   64  /* Of the backtrace. */
#define READER_LINE "reader at work: "

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };

static struct sigaction old_actions[ARRAY_SIZE(signals)];
static char file_name[512];
static struct insp_engine *_Atomic crash_engine;
static uint64_t crashed_readers; /* Bit by enum insp_app; set at the start. */
static atomic_int reporting;     /* 0: no, 1: one does, 2: it is done. */

/* Text on its way to the file and to stderr. */
struct report {
    int fds[2];
    char line[512];
    size_t length;
};

static void
flush_line(struct report *r)
{
    for (size_t i = 0; i < 2; i++) {
        size_t done = 0;

        while (r->fds[i] >= 0 && done < r->length) {
            ssize_t n = write(r->fds[i], r->line + done, r->length - done);

            if (n <= 0) {
                break;
            }
            done += n;
        }
    }
    r->length = 0;
}

static void
put_char(struct report *r, char c)
{
    if (r->length == sizeof r->line) {
        flush_line(r);
    }
    r->line[r->length++] = c;
}

static void
put_text(struct report *r, const char *text)
{
    while (*text) {
        put_char(r, *text++);
    }
}

static void
put_number(struct report *r, uint64_t number, unsigned int base,
           unsigned int width)
{
    char digits[20];
    unsigned int n = 0;

    do {
        digits[n++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number || n < width);
    while (n) {
        put_char(r, digits[--n]);
    }
}

static const char *
name_of_signal(int signal_number)
{
    switch (signal_number) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGILL: return "SIGILL";
    case SIGFPE: return "SIGFPE";
    case SIGABRT: return "SIGABRT";
    }
    return "signal";
}

static void
put_head(struct report *r, int signal_number, const siginfo_t *info)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    put_text(r, "ovs-vswitchd crashed: ");
    put_text(r, name_of_signal(signal_number));
    if (signal_number != SIGABRT) {
        put_text(r, " at address 0x");
        put_number(r, (uintptr_t) info->si_addr, 16, 1);
    }
    put_text(r, "\npid ");
    put_number(r, getpid(), 10, 1);
    put_text(r, ", seconds since 1970: ");
    put_number(r, now.tv_sec, 10, 1);
    put_text(r, "\n");
}

static void
put_backtrace(struct report *r, void *context)
{
#ifdef HAVE_UNWIND
    unw_cursor_t cursor;
    char function[128];

    put_text(r, "backtrace:\n");
    flush_line(r);
    if (unw_init_local2(&cursor, context, UNW_INIT_SIGNAL_FRAME)) {
        put_text(r, "  cannot be had\n");
        return;
    }
    for (unsigned int i = 0; i < MAX_CALLS; i++) {
        unw_word_t address = 0, offset = 0;

        unw_get_reg(&cursor, UNW_REG_IP, &address);
        put_text(r, "  0x");
        put_number(r, address, 16, 16);
        if (!unw_get_proc_name(&cursor, function, sizeof function, &offset)) {
            put_text(r, " <");
            put_text(r, function);
            put_text(r, "+0x");
            put_number(r, offset, 16, 1);
            put_text(r, ">");
        }
        put_text(r, "\n");
        flush_line(r);
        if (unw_step(&cursor) <= 0) {
            break;
        }
    }
#else
    (void) context;
    put_text(r, "backtrace: this build has no libunwind\n");
#endif
}

/* Copies what can be read; returns how many bytes. */
static size_t
copy_carefully(void *to, const void *from, size_t size)
{
    uint8_t *p = to;
    size_t done = 0;

    while (done < size) {
        /* The kernel copies all of a piece or none of it. */
        size_t piece = MIN(size - done, 16);
        struct iovec local = { p + done, piece };
        struct iovec remote = { (uint8_t *) from + done, piece };
        ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

        if (n <= 0) {
            break;
        }
        done += n;
    }
    return done;
}

static void
put_frame(struct report *r, const struct insp_frame *at)
{
    uint8_t bytes[FRAME_BYTES];
    struct insp_frame frame;
    size_t n;

    if (copy_carefully(&frame, at, sizeof frame) < sizeof frame) {
        put_text(r, "its description cannot be read\n");
        return;
    }
    n = copy_carefully(bytes, frame.data, MIN(frame.size, sizeof bytes));
    put_text(r, "of ");
    put_number(r, frame.size, 10, 1);
    put_text(r, " bytes, ");
    put_number(r, n, 10, 1);
    put_text(r, " of them here:");
    for (size_t i = 0; i < n; i++) {
        if (i % 16 == 0) {
            put_text(r, "\n  ");
            put_number(r, i, 16, 4);
            put_char(r, ' ');
        }
        put_char(r, ' ');
        put_number(r, bytes[i], 16, 2);
    }
    put_text(r, "\n");
}

static void
put_work(struct report *r)
{
    struct insp_engine *engine = atomic_load(&crash_engine);
    unsigned int slot = ovsext_worker_slot_if_any();
    const struct insp_frame *frame = NULL;
    enum insp_app app;

    if (engine && slot != OVSEXT_NO_WORKER) {
        frame = insp_engine_current_frame(engine, slot);
    }
    if (!frame) {
        put_text(r, "no packet was being inspected by this thread\n");
        return;
    }
    put_text(r, "worker ");
    put_number(r, slot, 10, 1);
    put_text(r, " was inspecting a packet ");
    put_frame(r, frame);
    app = insp_engine_current_app(engine, slot);
    if (app != INSP_APP_NONE) {
        put_text(r, READER_LINE);
        put_text(r, insp_app_word(app));
        put_text(r, "\n");
    }
}

static void
report_crash(int signal_number, const siginfo_t *info, void *context)
{
    struct report r = { .length = 0 };

    r.fds[0] = open(file_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    r.fds[1] = STDERR_FILENO;
    put_head(&r, signal_number, info);
    put_work(&r);
    flush_line(&r);
    put_backtrace(&r, context);
    flush_line(&r);
    if (r.fds[0] >= 0) {
        fsync(r.fds[0]);
        close(r.fds[0]);
    }
}

static void
handle_crash(int signal_number, siginfo_t *info, void *context)
{
    int expected = 0;

    if (atomic_compare_exchange_strong(&reporting, &expected, 1)) {
        report_crash(signal_number, info, context);
        atomic_store(&reporting, 2);
    } else {
        for (int i = 0; i < 100 && atomic_load(&reporting) != 2; i++) {
            nanosleep(&(struct timespec){ 0, 10 * 1000 * 1000 }, NULL);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (signals[i] == signal_number) {
            sigaction(signal_number, &old_actions[i], NULL);
        }
    }
    raise(signal_number);
}

/* The reader that a report names, or NONE. */
static enum insp_app
reader_of_report(const char *name)
{
    enum insp_app app = INSP_APP_NONE;
    FILE *file = fopen(name, "r");
    char line[256];

    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, READER_LINE, strlen(READER_LINE))) {
            line[strcspn(line, "\n")] = '\0';
            app = insp_app_by_word(line + strlen(READER_LINE));
        }
    }
    if (file) {
        fclose(file);
    }
    return app;
}

/* Readers that reports in the log directory name. */
static void
find_crashed_readers(void)
{
    char *pattern = xasprintf("%s/inspect-crash.*.txt", ovs_logdir());
    glob_t reports;

    if (!glob(pattern, 0, NULL, &reports)) {
        for (size_t i = 0; i < reports.gl_pathc; i++) {
            enum insp_app app = reader_of_report(reports.gl_pathv[i]);

            if (insp_reader_of(app)) {
                crashed_readers |= UINT64_C(1) << app;
                VLOG_WARN("%s is not read: its reader was at work in the "
                          "crash that %s tells of; it is on again when that "
                          "file is gone at the next start",
                          insp_app_word(app), reports.gl_pathv[i]);
            }
        }
        globfree(&reports);
    }
    free(pattern);
}

uint64_t
ovsext_crash_readers(void)
{
    return crashed_readers;
}

struct test {
    unsigned int inspector;
    bool reader; /* A reader is to crash, not the parser. */
};

static void
inspect_frame(const struct test *test, const void *data, size_t size)
{
    struct insp_context context = {
        .inspector = test->inspector,
    };
    struct insp_frame frame = {
        .data = data,
        .size = size,
        .wire_size = size,
    };
    struct insp_verdict verdict;

    insp_worker_run(atomic_load(&crash_engine), ovsext_worker_slot(), &context,
                    &frame, 1, ovsext_monotonic_ns(), &verdict);
}

/* A question for DNS, three times; it is only the reader of DNS that looks at
 * what this side says after that. */
static void
say_what_dns_reads(const struct test *test, const uint8_t *head,
                   size_t head_size)
{
    static const uint8_t question[] = {
        0x12, 0x34, 0x01, 0,   0,   1,   0,   0, 0, 0, 0, 0,
        1,    'a',  4,    't', 'e', 's', 't', 0, 0, 1, 0, 1,
    };
    uint8_t frame[128];
    uint8_t *ip = frame + 14, *udp = ip + 20;

    ovs_assert(head_size + sizeof question <= sizeof frame);
    memcpy(frame, head, head_size);
    memcpy(frame + head_size, question, sizeof question);
    ip[3] = 20 + 8 + sizeof question;
    udp[5] = 8 + sizeof question;
    for (int i = 0; i < 3; i++) {
        inspect_frame(test, frame, head_size + sizeof question);
    }
}

/* A frame that ends, for whoever reads it, at a page that cannot be read:
 * behind the IP header, or behind that of UDP. */
static void *
crash_on_purpose(void *test_)
{
    static const uint8_t tcp[] = {
        0x02, 0,    0,    0, 0, 0x02, 0x02, 0,    0, 0, 0,  0x01,
        0x08, 0x00, 0x45, 0, 0, 200,  0x12, 0x34, 0, 0, 64, 6,
        0,    0,    192,  0, 2, 1,    192,  0,    2, 2,
    };
    static const uint8_t udp[] = {
        0x02, 0, 0,   0,   0,    0x02, 0x02, 0,    0,  0,  0, 0x01, 0x08, 0x00,
        0x45, 0, 0,   200, 0x12, 0x34, 0,    0,    64, 17, 0, 0,    192,  0,
        2,    1, 192, 0,   2,    2,    0x9c, 0x40, 0,  53, 0, 180,  0,    0,
    };
    const struct test *test = test_;
    const uint8_t *head = test->reader ? udp : tcp;
    size_t head_size = test->reader ? sizeof udp : sizeof tcp;
    size_t page = sysconf(_SC_PAGESIZE);
    uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ovs_assert(pages != MAP_FAILED);
    memcpy(pages + page - head_size, head, head_size);
    mprotect(pages + page, page, PROT_NONE);
    if (test->reader) {
        say_what_dns_reads(test, head, head_size);
    }
    inspect_frame(test, pages + page - head_size, 214);
    VLOG_ERR("the test did not crash: is inspector %u in force, and its "
             "reader on?",
             test->inspector);
    munmap(pages, 2 * page);
    return NULL;
}

static void
test_crash(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    static struct test test;

    test.reader = argc > 2;
    if (!str_to_uint(argv[1], 10, &test.inspector) ||
        !atomic_load(&crash_engine)) {
        unixctl_command_reply_error(conn, "no such inspector");
        return;
    }
    ovs_thread_create("inspect_crash", crash_on_purpose, &test);
    unixctl_command_reply(conn, NULL);
}

void
ovsext_crash_set_engine(struct insp_engine *engine)
{
    atomic_store(&crash_engine, engine);
}

void
ovsext_crash_init(void)
{
    snprintf(file_name, sizeof file_name, "%s/inspect-crash.%ld.txt",
             ovs_logdir(), (long int) getpid());
    find_crashed_readers();
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        struct sigaction action;

        memset(&action, 0, sizeof action);
        action.sa_sigaction = handle_crash;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        if (sigaction(signals[i], &action, &old_actions[i])) {
            VLOG_WARN("no crash report for signal %d: %s", signals[i],
                      ovs_strerror(errno));
        }
    }
    if (getenv("OVS_INSPECT_TEST")) {
        unixctl_command_register("inspect/test-crash", "inspector-id [reader]",
                                 1, 2, test_crash, NULL);
    }
}
