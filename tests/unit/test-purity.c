/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path makes no system call, takes no lock, allocates nothing.
 *
 * A thread of its own runs batches under a seccomp filter that turns every
 * system call into SIGSYS, in a program whose malloc(), free() and locks are
 * replaced by ones that count calls from that thread.  One test shows
 * that each of the three is noticed; the others that the packet path, for
 * new, warm, evicted, fragmented and malformed packets, does none.
 *
 * Mutation: malloc(1), getpid() or a mutex anywhere below
 * insp_worker_run(). */

#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "packet/refuse.h"
#include "rig.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#endif
#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||    \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

static void
test_packet_path(void)
{
    unit_skip("a sanitizer brings its own system calls and allocator");
}

UNIT_MAIN("purity", UNIT_TEST(test_packet_path))

#else

#define FUNCTION 9

static _Thread_local volatile sig_atomic_t watched;
static _Atomic unsigned int n_allocations;
static _Atomic unsigned int n_locks;
static _Atomic unsigned int n_calls;

/* The C library's own, under their second names. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

void *
malloc(size_t size)
{
    n_allocations += watched != 0;
    return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
    n_allocations += watched != 0;
    return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
    n_allocations += watched != 0;
    return __libc_realloc(p, size);
}

void
free(void *p)
{
    n_allocations += watched != 0;
    __libc_free(p);
}

#define COUNTED_LOCK(NAME, TYPE)                                              \
    int NAME(TYPE *lock)                                                      \
    {                                                                         \
        static int (*real)(TYPE *);                                           \
                                                                              \
        n_locks += watched != 0;                                              \
        if (!real) {                                                          \
            *(void **) &real = dlsym(RTLD_NEXT, #NAME);                       \
        }                                                                     \
        return real(lock);                                                    \
    }

COUNTED_LOCK(pthread_mutex_lock, pthread_mutex_t)
COUNTED_LOCK(pthread_mutex_trylock, pthread_mutex_t)
COUNTED_LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
COUNTED_LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
COUNTED_LOCK(pthread_spin_lock, pthread_spinlock_t)
COUNTED_LOCK(pthread_spin_trylock, pthread_spinlock_t)

static void
count_call(int signal_number)
{
    (void) signal_number;
    n_calls += watched != 0;
}

/* What the thread needs to come to its end; everything else traps. */
static int
forbid_calls(void)
{
    static const unsigned int allowed[] = {
        SYS_exit,         SYS_madvise, SYS_munmap, SYS_rt_sigprocmask,
        SYS_rt_sigreturn, SYS_futex,   SYS_rseq,
    };
    struct sock_filter code[2 + 2 * INSP_ARRAY_SIZE(allowed)];
    struct sock_fprog program = { .filter = code };
    unsigned short n = 0;

    code[n++] =
        (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                      offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < INSP_ARRAY_SIZE(allowed); i++) {
        code[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                  allowed[i], 0, 1);
        code[n++] =
            (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    code[n++] =
        (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    program.len = n;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
                   prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)
               ? errno
               : 0;
}

struct job {
    void (*run)(struct job *);
    struct insp_engine *engine;
    uint64_t batch_ns; /* From one to the next. */
    int error;
};

static void *
job_main(void *job_)
{
    struct job *job = job_;
    void *volatile warm = malloc(1);

    free(warm); /* The C library has set this thread up. */
    job->error = forbid_calls();
    if (!job->error) {
        watched = 1;
        job->run(job);
        watched = 0;
    }
    return NULL;
}

/* Returns false when the kernel does not let us forbid system calls. */
static bool
run_watched(struct job *job)
{
    struct sigaction action = { .sa_handler = count_call };
    pthread_t thread;

    n_allocations = n_locks = n_calls = 0;
    sigaction(SIGSYS, &action, NULL);
    pthread_create(&thread, NULL, job_main, job);
    pthread_join(thread, NULL);
    if (job->error) {
        unit_skip("no seccomp filters here");
    }
    return !job->error;
}

static pthread_mutex_t test_mutex = PTHREAD_MUTEX_INITIALIZER;

static void
misbehave(struct job *job)
{
    void *volatile memory;

    (void) job;
    syscall(SYS_getpid);
    memory = malloc(1);
    free(memory);
    pthread_mutex_lock(&test_mutex);
    pthread_mutex_unlock(&test_mutex);
}

static void
test_notices_each(void)
{
    struct job job = { .run = misbehave };

    if (run_watched(&job)) {
        UNIT_EQ(n_calls, 1);
        UNIT_EQ(n_allocations, 2);
        UNIT_EQ(n_locks, 1);
    }
}

/* Everything that a verdict can be: drops, refusals, a trip through a
 * function. */
static struct insp_engine *
start_with_rules(uint32_t flow_limit, enum insp_mode mode,
                 uint32_t cycle_budget_ppm)
{
    static struct insp_function_config function = {
        .name = "f",
        .id = FUNCTION,
        .slot = 4,
        .flight_timeout_ms = 1000,
    };
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine;
    struct rig_rules r = { .n = 0 };

    rig_rule(&r, "trip", 4, INSP_DIRECTION_BOTH, INSP_ACTION_REDIRECT,
             "vm:one !10.0.7.0/24", "set:none 10.0.0.2", "tcp/80 udp/1-90");
    rig_rule(&r, "no", 2, INSP_DIRECTION_BOTH, INSP_ACTION_DROP, "10.0.1.0/24",
             "", "udp");
    rig_rule(&r, "log", 3, INSP_DIRECTION_BOTH, INSP_ACTION_ALERT,
             "10.0.2.0/24", "", "");
    rig_freeze(&r, 1, &inspector);
    inspector.flow_limit = flow_limit;
    inspector.mode = mode;
    inspector.cycle_budget_ppm = cycle_budget_ppm;
    inspector.flight_limit = 1000;
    inspector.functions = &function;
    inspector.n_functions = 1;
    engine = start(&config);
    insp_binding_unref(inspector.binding);
    insp_engine_set_function_port(engine, FUNCTION, INSP_FUNCTION_UP);
    return engine;
}

/* Most of what went to the function comes back, some twice. */
static void
return_some(struct job *job, const struct insp_frame *frames, uint64_t now_ns)
{
    static struct insp_return returned[INSP_BATCH_MAX];
    struct insp_return_context ctx = {
        .inspector = 1,
        .function = FUNCTION,
        .arm = 1,
    };

    insp_worker_return(job->engine, 0, &ctx, frames, INSP_BATCH_MAX - 1,
                       now_ns, returned);
    insp_worker_return(job->engine, 0, &ctx, frames, 3, now_ns, returned);
}

static void
refuse(const struct insp_frame *frame)
{
    uint8_t out[INSP_REFUSE_MAX];
    struct insp_packet packet;

    (void) insp_packet_parse(&packet, frame->data, frame->size,
                             frame->wire_size);
    (void) insp_refuse(&packet, frame->data, INSP_REFUSE_TO_SOURCE, out);
    (void) insp_refuse(&packet, frame->data, INSP_REFUSE_TO_DESTINATION, out);
}

/* Every kind of packet, in batches; clocks of our own, since to read one
 * might be a system call here. */
static void
send_all_kinds(struct job *job)
{
    static struct made frames[INSP_BATCH_MAX];
    struct insp_verdict verdicts[INSP_BATCH_MAX];
    struct insp_frame in[INSP_BATCH_MAX];
    struct insp_context ctx = {
        .inspector = 1,
        .in_port = VM1,
        .out_port = VM2,
        .zone = { .kind = INSP_ZONE_PAIR, .a = VM1, .b = VM2 },
        .ways = &(struct insp_way){ FUNCTION, 0 },
        .n_ways = 1,
        .rest = "deliver",
        .rest_size = 7,
    };
    uint64_t now_ns = 1000000000;

    for (unsigned int batch = 0; batch < 20000; batch++) {
        for (unsigned int i = 0; i < INSP_BATCH_MAX; i++) {
            unsigned int serial = batch * INSP_BATCH_MAX + i;
            size_t wire_size;
            struct spec spec = {
                .src = 0x0a000000 + serial / 8,
                .dst = 0x0a000002,
                .proto = serial & 1 ? INSP_PROTO_TCP : INSP_PROTO_UDP,
                .src_port = (uint16_t) serial,
                .dst_port = 80,
                .tcp_flags = INSP_TCP_SYN,
                .ip_id = (uint16_t) serial,
            };

            if (i % 4 == 1) {
                spec.src = 0x0a000001; /* Warm. */
                spec.src_port = 1000;
            } else if (i % 8 == 2) {
                spec.frag = serial & 8 ? 0x2000 : 5;
                spec.payload_size = 40;
            }
            spec_make(&frames[i], &spec);
            wire_size = frames[i].size;
            if (i % 8 == 3) {
                frames[i].size = serial % 40; /* Cut off. */
            } else if (i % 8 == 7) {
                frames[i].bytes[12] = (uint8_t) serial; /* Ethertype. */
            }
            in[i] = (struct insp_frame){ frames[i].bytes,
                                         (uint32_t) frames[i].size,
                                         (uint32_t) wire_size, NULL };
        }
        ctx.in_port = batch % 100 ? VM1 : 99; /* Now and then a dead one. */
        insp_worker_run(job->engine, 0, &ctx, in, INSP_BATCH_MAX, now_ns,
                        verdicts);
        for (unsigned int i = 0; i < INSP_BATCH_MAX; i++) {
            if (verdicts[i].kind == INSP_VERDICT_REDIRECT && i == 5) {
                insp_worker_cancel(job->engine, 0, 1, &verdicts[i]);
            } else if (verdicts[i].kind == INSP_VERDICT_DROP) {
                refuse(&in[i]);
            }
        }
        return_some(job, in, now_ns);
        now_ns += job->batch_ns;
    }
}

static void
test_packet_path(void)
{
    struct insp_function_row function;
    struct insp_inspector_stats s;
    struct job job = {
        .run = send_all_kinds,
        .batch_ns = 10000,
        .engine = start_with_rules(2000, INSP_MODE_INLINE, 500000),
    };

    if (run_watched(&job)) {
        UNIT_EQ(n_calls, 0);
        UNIT_EQ(n_allocations, 0);
        UNIT_EQ(n_locks, 0);

        /* It did meet what it was to be tested on. */
        memset(&s, 0, sizeof s);
        insp_engine_get_stats(job.engine, &s, 1);
        UNIT_EQ(s.inspected_packets, 20000 * INSP_BATCH_MAX);
        CU_ASSERT(s.facts[INSP_PACKET_FRAGMENT] > 0);
        CU_ASSERT(s.facts[INSP_PACKET_L4_TRUNCATED] > 0);
        CU_ASSERT(s.facts[INSP_PACKET_NON_IP] > 0);
        CU_ASSERT(s.table.begun > 1000);
        CU_ASSERT(s.table.refused[INSP_REMAINDER_TABLE_FULL] +
                      s.table.ended[INSP_END_EVICTED] +
                      s.table.ended[INSP_END_HALF_OPEN] >
                  0);
        CU_ASSERT(s.verdicts[INSP_VERDICT_DROP] > 100);
        CU_ASSERT(s.verdicts[INSP_VERDICT_REDIRECT] > 100);
        UNIT_EQ(insp_engine_functions(job.engine, 1, &function, 1, 5000), 1);
        CU_ASSERT(function.in_packets > 100);
        CU_ASSERT(function.out_packets > 100);
        CU_ASSERT(function.lost[INSP_FLIGHT_LOSS_UNSOLICITED] > 100);
    }
    insp_engine_destroy(job.engine, 100);
}

/* The same with a budget that any packet exceeds. */
static void
test_overloaded(void)
{
    for (int tap = 0; tap < 2; tap++) {
        enum insp_depth deepest = tap ? INSP_DEPTH_PORTS : INSP_DEPTH_KNOWN;
        struct insp_inspector_stats s;
        struct job job = {
            .run = send_all_kinds,
            .batch_ns = 100000,
            .engine = start_with_rules(
                2000, tap ? INSP_MODE_TAP : INSP_MODE_INLINE, 1),
        };

        if (run_watched(&job)) {
            UNIT_EQ(n_calls, 0);
            UNIT_EQ(n_allocations, 0);
            UNIT_EQ(n_locks, 0);
            memset(&s, 0, sizeof s);
            insp_engine_get_stats(job.engine, &s, 1);
            UNIT_EQ(s.inspected_packets, 20000 * INSP_BATCH_MAX);
            UNIT_EQ(s.depth_last, deepest);
            CU_ASSERT(s.packets_at[INSP_DEPTH_CONNECTIONS] > 10000);
            CU_ASSERT(s.packets_at[INSP_DEPTH_KNOWN] > 10000);
            CU_ASSERT(s.packets_at[deepest] > 300000);
        }
        insp_engine_destroy(job.engine, 100);
    }
}

/* What the fuzzers' inputs say (tests/fuzz/fuzz-app.c has their form), to
 * every reader, as packets. */
#define INPUTS_MAX 512

struct input {
    uint8_t *bytes;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t n_inputs;
static struct insp_dialogs *dialogs;
static struct insp_conn input_conn;

static bool
load_inputs(void)
{
    glob_t files;

    if (glob(INPUTS "/app-*/*", 0, NULL, &files)) {
        return false;
    }
    for (size_t i = 0; i < files.gl_pathc && n_inputs < INPUTS_MAX; i++) {
        struct input *input = &inputs[n_inputs];
        FILE *file = fopen(files.gl_pathv[i], "rb");

        input->bytes = malloc(65536);
        input->size = file ? fread(input->bytes, 1, 65536, file) : 0;
        n_inputs += input->size > 3;
        if (file) {
            fclose(file);
        }
    }
    globfree(&files);
    return n_inputs > 0;
}

static void
say_input(const struct input *input, unsigned int flags)
{
    static const uint8_t protos[] = { INSP_PROTO_TCP, INSP_PROTO_UDP,
                                      INSP_PROTO_GRE };
    struct insp_cursor c = insp_cursor(input->bytes, input->size);
    uint32_t seq[2] = { 1, 1 };
    uint64_t now_ns = 1000000000;

    memset((void *) &input_conn, 0, sizeof input_conn);
    input_conn.key.ip_version = 4;
    input_conn.key.proto = protos[insp_cursor_u8(&c) % 3];
    input_conn.key.port[0] = 40000;
    input_conn.key.port[1] = flags & 1 ? 53 : 443;
    input_conn.life = 1;
    while (insp_cursor_left(&c) >= 3) {
        unsigned int side = insp_cursor_u8(&c) & 1;
        size_t size = insp_cursor_be16(&c);
        struct insp_payload p = { .now_ns = now_ns += 1000 };

        size = INSP_MIN(size, insp_cursor_left(&c));
        p.bytes = insp_cursor_take(&c, size);
        p.captured = p.size = size;
        p.tcp_seq = p.expected = seq[side];
        p.has_expected = true;
        if (insp_dialog_wants(&input_conn, side, (uint32_t) size, 0)) {
            insp_dialog_feed(dialogs, &input_conn, side, &p);
        }
        seq[side] += (uint32_t) size;
    }
    insp_dialog_end(dialogs, &input_conn);
}

static void
say_all_inputs(struct job *job)
{
    (void) job;
    for (unsigned int pass = 0; pass < 4; pass++) {
        for (size_t i = 0; i < n_inputs; i++) {
            say_input(&inputs[i], pass);
        }
    }
}

static void
test_readers(void)
{
    static const struct insp_dialogs_config config = { 64, 8192, 256 };
    struct insp_dialogs_stats s;
    struct job job = { .run = say_all_inputs };
    unsigned int n_read = 0;

    if (!load_inputs()) {
        unit_skip("no inputs in " INPUTS);
        return;
    }
    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &dialogs), 0);
    if (run_watched(&job)) {
        UNIT_EQ(n_calls, 0);
        UNIT_EQ(n_allocations, 0);
        UNIT_EQ(n_locks, 0);
        insp_dialogs_get_stats(dialogs, &s);
        for (unsigned int i = INSP_APP_UNKNOWN + 1; i < INSP_N_APPS_READ;
             i++) {
            n_read += s.connections[i] > 0;
        }
        printf("# %u protocols in %zu inputs\n", n_read, n_inputs);
        CU_ASSERT(n_read > 25);
    }
    insp_dialogs_destroy(dialogs);
    for (size_t i = 0; i < n_inputs; i++) {
        free(inputs[i].bytes);
    }
}

UNIT_MAIN("purity", UNIT_TEST(test_readers), UNIT_TEST(test_notices_each),
          UNIT_TEST(test_packet_path), UNIT_TEST(test_overloaded))

#endif
