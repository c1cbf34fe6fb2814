/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The ground floor: epoch, stack, ring, index list, wheel, faults, log and the
 * stdio host.  Where threads matter, two really run; the long stress of all
 * of it together is stress-table.c. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/epoch.h"
#include "base/faults.h"
#include "base/hash.h"
#include "base/host.h"
#include "base/ilist.h"
#include "base/memory.h"
#include "base/ring.h"
#include "base/stack.h"
#include "base/wheel.h"
#include "unit.h"

/* Epoch. */

static void
test_epoch_waits_for_who_was_inside(void)
{
    static struct insp_epoch e;
    uint64_t ticket;
    uint64_t second;

    insp_epoch_init(&e);
    ticket = insp_epoch_ticket(&e);
    CU_ASSERT(insp_epoch_passed(&e, ticket)); /* Nobody is inside. */

    insp_epoch_enter(&e, 3);
    CU_ASSERT(insp_epoch_passed(&e, ticket)); /* Went in after it. */
    ticket = insp_epoch_ticket(&e);
    CU_ASSERT_FALSE(insp_epoch_passed(&e, ticket));

    insp_epoch_enter(&e, 127);
    CU_ASSERT_FALSE(insp_epoch_passed(&e, ticket));
    insp_epoch_leave(&e, 3);
    CU_ASSERT(insp_epoch_passed(&e, ticket));

    second = insp_epoch_ticket(&e);
    CU_ASSERT_FALSE(insp_epoch_passed(&e, second));
    CU_ASSERT(insp_epoch_passed(&e, ticket));
    insp_epoch_leave(&e, 127);
    insp_epoch_enter(&e, 127); /* Left and came back. */
    CU_ASSERT(insp_epoch_passed(&e, second));
    insp_epoch_leave(&e, 127);
}

/* A reader must never see a block that the writer has reclaimed. */
struct epoch_race {
    struct insp_epoch epoch;
    _Atomic(uint64_t *) shared;
    _Atomic bool stop;
    _Atomic uint64_t n_bad;
};

static void *
epoch_reader(void *aux)
{
    struct epoch_race *race = aux;

    while (!atomic_load(&race->stop)) {
        insp_epoch_enter(&race->epoch, 0);
        if (*atomic_load_explicit(&race->shared, memory_order_acquire) != 42) {
            atomic_fetch_add(&race->n_bad, 1);
        }
        insp_epoch_leave(&race->epoch, 0);
    }
    return NULL;
}

static void
test_epoch_protects_a_reader(void)
{
    static struct epoch_race race;
    static uint64_t blocks[2] = { 42, 42 };
    pthread_t reader;

    insp_epoch_init(&race.epoch);
    atomic_store(&race.shared, &blocks[0]);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&reader, NULL, epoch_reader, &race),
                          0);
    for (unsigned int i = 1; i < 20000; i++) {
        uint64_t *old = atomic_load(&race.shared);
        uint64_t ticket;

        blocks[i & 1] = 42;
        atomic_store_explicit(&race.shared, &blocks[i & 1],
                              memory_order_release);
        ticket = insp_epoch_ticket(&race.epoch);
        while (!insp_epoch_passed(&race.epoch, ticket)) {
            sched_yield();
        }
        *old = 0;
    }
    atomic_store(&race.stop, true);
    pthread_join(reader, NULL);
    UNIT_EQ(atomic_load(&race.n_bad), 0);
}

/* Stack. */

struct item {
    uint64_t value;
    _Atomic uint32_t link;
};

static void
test_stack_order(void)
{
    struct item items[8];
    struct insp_stack s;
    uint32_t at;

    memset((void *) items, 0, sizeof items);
    insp_stack_init(&s, &items->link, sizeof *items);
    CU_ASSERT(insp_stack_is_empty(&s));
    UNIT_EQ(insp_stack_pop(&s), INSP_STACK_END);
    UNIT_EQ(insp_stack_take_all(&s), INSP_STACK_END);

    insp_stack_push(&s, 0);
    insp_stack_push(&s, 7);
    CU_ASSERT_FALSE(insp_stack_is_empty(&s));
    UNIT_EQ(insp_stack_pop(&s), 7);

    insp_stack_join(&s, 3, 4); /* 3 -> 4 -> 5, on top of 0. */
    insp_stack_join(&s, 4, 5);
    insp_stack_push_chain(&s, 3, 5);
    UNIT_EQ(insp_stack_pop(&s), 3);
    at = insp_stack_take_all(&s);
    UNIT_EQ(at, 4);
    at = insp_stack_below(&s, at);
    UNIT_EQ(at, 5);
    at = insp_stack_below(&s, at);
    UNIT_EQ(at, 0);
    UNIT_EQ(insp_stack_below(&s, at), INSP_STACK_END);
    CU_ASSERT(insp_stack_is_empty(&s));
}

/* A pop that slept between reading head and link must not succeed after the
 * same entry came back on top of another one. */
static void
test_stack_tag_defeats_aba(void)
{
    struct item items[3];
    struct insp_stack s;
    uint64_t slept;
    uint64_t stale;

    memset((void *) items, 0, sizeof items);
    insp_stack_init(&s, &items->link, sizeof *items);
    insp_stack_push(&s, 1);
    insp_stack_push(&s, 0);
    slept = atomic_load(&s.head); /* Sees 0 on top of 1. */
    stale = insp_stack_next_tag(slept) | 2;
    UNIT_EQ(insp_stack_pop(&s), 0);
    UNIT_EQ(insp_stack_pop(&s), 1);
    insp_stack_push(&s, 2);
    insp_stack_push(&s, 0); /* 0 on top of 2 now. */
    CU_ASSERT_FALSE(atomic_compare_exchange_strong(&s.head, &slept, stale));
    UNIT_EQ(insp_stack_pop(&s), 0);
    UNIT_EQ(insp_stack_pop(&s), 2);
}

struct stack_race {
    struct insp_stack stack;
    struct item items[16];
    _Atomic uint32_t n_bad;
};

static void *
stack_user(void *aux)
{
    struct stack_race *race = aux;

    for (int i = 0; i < 50000; i++) {
        uint32_t index = insp_stack_pop(&race->stack);

        if (index != INSP_STACK_END) {
            if (race->items[index].value++ != 0) { /* Mine alone. */
                atomic_fetch_add(&race->n_bad, 1);
            }
            race->items[index].value--;
            insp_stack_push(&race->stack, index);
        }
    }
    return NULL;
}

static void
test_stack_by_three_threads(void)
{
    static struct stack_race race;
    pthread_t threads[3];
    int n = 0;

    insp_stack_init(&race.stack, &race.items->link, sizeof *race.items);
    for (uint32_t i = 0; i < 4; i++) {
        insp_stack_push(&race.stack, i);
    }
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, stack_user, &race), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    UNIT_EQ(atomic_load(&race.n_bad), 0);
    while (insp_stack_pop(&race.stack) != INSP_STACK_END) {
        n++;
    }
    UNIT_EQ(n, 4);
}

/* Ring. */

static void
test_ring_edges(void)
{
    struct insp_ring *ring;
    uint32_t *element;

    UNIT_EQ(insp_ring_create(0, 4, &ring), EINVAL);
    CU_ASSERT_PTR_NULL(ring);
    UNIT_EQ(insp_ring_create(4, 0, &ring), EINVAL);
    UNIT_EQ(insp_ring_create(SIZE_MAX, 4, &ring), ENOMEM);
    UNIT_EQ(insp_ring_create(16, SIZE_MAX, &ring), ENOMEM);
    UNIT_EQ(insp_ring_create(SIZE_MAX / 4 - 1, 4, &ring), ENOMEM);
    insp_ring_destroy(NULL);

    UNIT_EQ(insp_ring_create(sizeof *element, 3, &ring), 0);
    UNIT_EQ(insp_ring_capacity(ring), 4);
    UNIT_EQ((uintptr_t) ring->elements % INSP_CACHE_LINE, 0);
    CU_ASSERT_PTR_NULL(insp_ring_peek(ring));

    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < 4; i++) {
            element = insp_ring_reserve(ring);
            CU_ASSERT_PTR_NOT_NULL_FATAL(element);
            CU_ASSERT_PTR_EQUAL(insp_ring_reserve(ring), element);
            *element = round * 10 + i;
            UNIT_EQ(insp_ring_count(ring), i);
            insp_ring_commit(ring);
        }
        CU_ASSERT_PTR_NULL(insp_ring_reserve(ring));
        UNIT_EQ(insp_ring_count(ring), 4);
        for (uint32_t i = 0; i < 4; i++) {
            element = insp_ring_peek(ring);
            CU_ASSERT_PTR_NOT_NULL_FATAL(element);
            UNIT_EQ(*element, round * 10 + i);
            insp_ring_release(ring);
        }
        CU_ASSERT_PTR_NULL(insp_ring_peek(ring));
    }
    UNIT_EQ(insp_ring_head(ring), 20);
    UNIT_EQ(insp_ring_tail(ring), 20);
    insp_ring_destroy(ring);
}

static void
test_ring_of_one(void)
{
    struct insp_ring *ring;

    UNIT_EQ(insp_ring_create(100, 1, &ring), 0);
    UNIT_EQ(insp_ring_capacity(ring), 1);
    memset(insp_ring_reserve(ring), 0xaa, 100);
    insp_ring_commit(ring);
    CU_ASSERT_PTR_NULL(insp_ring_reserve(ring));
    CU_ASSERT_PTR_NOT_NULL(insp_ring_peek(ring));
    insp_ring_release(ring);
    CU_ASSERT_PTR_NOT_NULL(insp_ring_reserve(ring));
    insp_ring_destroy(ring);
}

#define N_PASSED UINT64_C(200000)

static void *
ring_producer(void *aux)
{
    struct insp_ring *ring = aux;

    for (uint64_t i = 0; i < N_PASSED;) {
        uint64_t *element = insp_ring_reserve(ring);

        if (element) {
            element[0] = i;
            element[1] = ~i;
            insp_ring_commit(ring);
            i++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void
test_ring_between_threads(void)
{
    struct insp_ring *ring;
    pthread_t producer;
    uint64_t n_bad = 0;

    UNIT_EQ(insp_ring_create(2 * sizeof(uint64_t), 16, &ring), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&producer, NULL, ring_producer, ring),
                          0);
    for (uint64_t i = 0; i < N_PASSED;) {
        const uint64_t *element = insp_ring_peek(ring);

        if (element) {
            n_bad += element[0] != i || element[1] != ~i;
            insp_ring_release(ring);
            i++;
        } else {
            sched_yield();
        }
    }
    pthread_join(producer, NULL);
    UNIT_EQ(n_bad, 0);
    UNIT_EQ(insp_ring_count(ring), 0);
    insp_ring_destroy(ring);
}

/* Index list and wheel. */

static void
test_ilist(void)
{
    struct insp_ilink links[8];

    for (uint32_t i = 0; i < 8; i++) {
        insp_ilist_init(links, i);
    }
    insp_ilist_splice(links, 7, 6); /* Empty onto empty. */
    CU_ASSERT(insp_ilist_is_alone(links, 7));
    insp_ilist_push_back(links, 6, 0);
    insp_ilist_push_back(links, 6, 1);
    insp_ilist_push_back(links, 7, 2);
    insp_ilist_splice(links, 7, 6);
    CU_ASSERT(insp_ilist_is_alone(links, 6));
    UNIT_EQ(links[7].next, 2);
    UNIT_EQ(links[2].next, 0);
    UNIT_EQ(links[0].next, 1);
    UNIT_EQ(links[1].next, 7);
    insp_ilist_remove(links, 0);
    insp_ilist_remove(links, 0); /* Twice: no harm. */
    CU_ASSERT(insp_ilist_is_alone(links, 0));
    UNIT_EQ(links[2].next, 1);
    UNIT_EQ(links[1].prev, 2);
}

#define N_WHEEL 10
#define N_SLOTS 16

static void
wheel_at(struct insp_wheel *w, struct insp_ilink *links, uint64_t *filled,
         uint32_t now)
{
    for (uint32_t i = 0; i < N_WHEEL; i++) {
        insp_ilist_init(links, i);
    }
    insp_wheel_init(w, links, filled, N_WHEEL, N_SLOTS, now);
}

static void
test_wheel_exact(void)
{
    /* Also across the wrap of the tick. */
    static const uint32_t starts[] = { 0, 1000, UINT32_MAX - 3 };

    for (size_t s = 0; s < INSP_ARRAY_SIZE(starts); s++) {
        uint32_t start = starts[s];
        struct insp_ilink links[N_WHEEL + N_SLOTS];
        uint64_t filled[INSP_WHEEL_WORDS(N_SLOTS)];
        struct insp_wheel w;

        wheel_at(&w, links, filled, start);
        UNIT_EQ(insp_wheel_pop(&w, start + 1), INSP_WHEEL_NONE);
        insp_wheel_add(&w, 0, start + 5);
        insp_wheel_add(&w, 1, start + 3);
        insp_wheel_add(&w, 2, start + 5);
        insp_wheel_add(&w, 3, start + 4);
        insp_wheel_remove(&w, 3);
        insp_wheel_remove(&w, 3);
        UNIT_EQ(insp_wheel_pop(&w, start + 2), INSP_WHEEL_NONE);
        UNIT_EQ(insp_wheel_pop(&w, start + 3), 1);
        UNIT_EQ(insp_wheel_pop(&w, start + 4), INSP_WHEEL_NONE);
        UNIT_EQ(insp_wheel_pop(&w, start + 5), 0);
        UNIT_EQ(insp_wheel_pop(&w, start + 5), 2);
        UNIT_EQ(insp_wheel_pop(&w, start + 5), INSP_WHEEL_NONE);

        insp_wheel_add(&w, 4, start + 1); /* Due already. */
        UNIT_EQ(insp_wheel_pop(&w, start + 5), INSP_WHEEL_NONE);
        UNIT_EQ(insp_wheel_pop(&w, start + 6), 4);
    }
}

static void
test_wheel_horizon_and_absence(void)
{
    struct insp_ilink links[N_WHEEL + N_SLOTS];
    uint64_t filled[INSP_WHEEL_WORDS(N_SLOTS)];
    struct insp_wheel w;
    bool seen[N_WHEEL] = { false };
    uint32_t i;

    wheel_at(&w, links, filled, 0);
    insp_wheel_add(&w, 0, 1000); /* Comes early, at 15. */
    UNIT_EQ(insp_wheel_pop(&w, 14), INSP_WHEEL_NONE);
    UNIT_EQ(insp_wheel_pop(&w, 15), 0);

    for (i = 0; i < N_WHEEL; i++) {
        insp_wheel_add(&w, i, 16 + i);
    }
    /* Away for a hundred rounds: each comes once. */
    while ((i = insp_wheel_pop(&w, 1600)) != INSP_WHEEL_NONE) {
        CU_ASSERT_FALSE(seen[i]);
        seen[i] = true;
    }
    for (i = 0; i < N_WHEEL; i++) {
        CU_ASSERT(seen[i]);
    }
    insp_wheel_add(&w, 0, 1601);
    UNIT_EQ(insp_wheel_pop(&w, 1601), 0);
}

#define N_MANY_SLOTS 256
#define N_MANY       40

static uint64_t
some(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return insp_hash_fold(*state, UINT64_C(0xbf58476d1ce4e5b9)) >> 8;
}

/* Against a list of when each is due: steps of all sizes over slots that were
 * never filled, are filled, or are empty again.  Mutations: count_empty() that
 * is one too large at the end of a word; insp_wheel_add() that sets no bit;
 * insp_wheel_calm() that is one more. */
static void
test_wheel_gaps(void)
{
    static struct insp_ilink links[N_MANY + N_MANY_SLOTS];
    uint64_t filled[INSP_WHEEL_WORDS(N_MANY_SLOTS)];
    uint32_t due[N_MANY], now = UINT32_MAX - 500, tick = now;
    uint64_t state = 7, sum = 0;
    bool is_in[N_MANY] = { false };
    struct insp_wheel w;

    for (uint32_t i = 0; i < N_MANY; i++) {
        insp_ilist_init(links, i);
    }
    insp_wheel_init(&w, links, filled, N_MANY, N_MANY_SLOTS, now);
    for (unsigned int round = 0; round < 5000; round++) {
        uint32_t i, calm, n_due = 0;

        for (unsigned int k = 0; k < 3; k++) {
            i = (uint32_t) (some(&state) % N_MANY);
            if (is_in[i]) {
                insp_wheel_remove(&w, i);
            }
            is_in[i] = some(&state) % 4 != 0;
            if (is_in[i]) {
                due[i] = now + 1 + (uint32_t) (some(&state) % 250);
                insp_wheel_add(&w, i, due[i]);
            }
        }
        now += (uint32_t) (some(&state) % (round % 2 ? 5 : 200));
        for (i = 0; i < N_MANY; i++) {
            n_due += is_in[i] && (int32_t) (due[i] - now) <= 0;
        }
        while ((i = insp_wheel_pop(&w, now)) != INSP_WHEEL_NONE) {
            CU_ASSERT_FATAL(is_in[i] && (int32_t) (due[i] - now) <= 0);
            /* In the order in which they are due. */
            CU_ASSERT((int32_t) (due[i] - tick) >= 0);
            tick = due[i];
            is_in[i] = false;
            n_due--;
        }
        UNIT_EQ(n_due, 0);
        tick = now;
        calm = insp_wheel_calm(&w);
        sum += calm;
        for (i = 0; i < N_MANY; i++) {
            CU_ASSERT(!is_in[i] || due[i] - now > calm);
        }
    }
    CU_ASSERT(sum > 5000); /* It says so, too. */
}

/* Faults, log, host. */

static void
test_faults(void)
{
    struct insp_faults faults;
    char expected[sizeof faults.text + 8];

    insp_faults_init(&faults);
    CU_ASSERT_STRING_EQUAL(faults.text, "");
    insp_fault(&faults, "port %d: not in 0..65535", 70000);
    insp_fault(&faults, "zone: unknown");
    UNIT_EQ(faults.n, 2);
    CU_ASSERT_STRING_EQUAL(faults.text,
                           "port 70000: not in 0..65535; zone: unknown");
    UNIT_EQ(faults.length, strlen(faults.text));

    snprintf(expected, sizeof expected, "%s; ...", faults.text);
    insp_fault(&faults, "%2000d", 1);
    CU_ASSERT_STRING_EQUAL(faults.text, expected);
    insp_fault(&faults, "short");
    CU_ASSERT_STRING_EQUAL(faults.text, expected);
    UNIT_EQ(faults.n, 4);
}

static void
test_faults_fill_to_the_brim(void)
{
    for (int size = 1000; size < 1040; size++) {
        struct insp_faults faults;
        bool fits = size <= 1018; /* 1024 less "; ..." and the NUL. */

        insp_faults_init(&faults);
        insp_fault(&faults, "%*d", size, 1);
        UNIT_EQ(faults.length, strlen(faults.text));
        UNIT_EQ(faults.length, fits ? size : 3);
        insp_fault(&faults, "%100d", 2);
        UNIT_EQ(faults.length, strlen(faults.text));
        CU_ASSERT_STRING_EQUAL(faults.text + faults.length - 3, "...");
    }
}

static char logged[2048];
static enum insp_log_level logged_level;

static void
keep_log(void *aux, enum insp_log_level level, const char *message)
{
    (void) aux;
    logged_level = level;
    snprintf(logged, sizeof logged, "%s", message);
}

static void
test_log(void)
{
    struct insp_host host = { .log = keep_log };

    insp_log(&host, INSP_LOG_WARN, "%s=%d", "x", 7);
    CU_ASSERT_STRING_EQUAL(logged, "x=7");
    UNIT_EQ(logged_level, INSP_LOG_WARN);
    insp_log(&host, INSP_LOG_DEBUG, "%3000d", 1);
    UNIT_EQ(strlen(logged), 1023);
}

static void
test_host_stdio(void)
{
    struct insp_host host;
    uint64_t a[4] = { 0 };
    uint64_t b[4] = { 0 };
    uint64_t earlier;

    insp_host_stdio(&host, INSP_LOG_ERROR);
    insp_log(&host, INSP_LOG_DEBUG, "must not be seen");
    earlier = host.monotonic_ns(host.aux);
    CU_ASSERT(earlier > 0);
    CU_ASSERT(host.monotonic_ns(host.aux) >= earlier);
    CU_ASSERT(host.wall_ns(host.aux) > UINT64_C(1600000000) * 1000000000);
    UNIT_EQ(host.random(host.aux, a, sizeof a), 0);
    UNIT_EQ(host.random(host.aux, b, sizeof b), 0);
    CU_ASSERT(memcmp(a, b, sizeof a));
}

static void
test_hash_depends_on_all(void)
{
    struct insp_hash_key key = { { 1, 2, 3, 4 } };
    struct insp_hash_key other = { { 1, 2, 3, 5 } };
    uint64_t words[5] = { 0 };
    uint64_t zeros = insp_hash_words(words, 5, &key);

    CU_ASSERT(insp_hash_words(words, 5, &other) != zeros);
    CU_ASSERT(insp_hash_words(words, 4, &key) != zeros);
    for (int bit = 0; bit < 5 * 64; bit++) {
        words[bit / 64] ^= UINT64_C(1) << (bit % 64);
        CU_ASSERT(insp_hash_words(words, 5, &key) != zeros);
        words[bit / 64] = 0;
    }
}

/* Memory. */

#define MIB (UINT64_C(1) << 20)

static void
test_memory_allows(void)
{
    struct insp_memory m = { .available = 160 * MIB, .lockable = UINT64_MAX };
    char why[200];

    /* A sixteenth is left alone. */
    CU_ASSERT(insp_memory_allows(&m, 150 * MIB, 0, why, sizeof why));
    CU_ASSERT_FALSE(insp_memory_allows(&m, 150 * MIB + 1, 0, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "and 150.0 MiB can be had (160.0 MiB"));
    CU_ASSERT_PTR_NULL(strstr(why, "group"));
    CU_ASSERT_FALSE(
        insp_memory_allows(&m, 50 * MIB, 101 * MIB, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "other tables"));
    CU_ASSERT_FALSE(insp_memory_allows(&m, 1, 200 * MIB, why, sizeof why));

    m.is_group = true;
    CU_ASSERT_FALSE(insp_memory_allows(&m, 999 * MIB, 0, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "in the control group"));

    m.lockable = 8 * MIB;
    CU_ASSERT(insp_memory_allows(&m, 8 * MIB, 0, why, sizeof why));
    CU_ASSERT_FALSE(insp_memory_allows(&m, 9 * MIB, 0, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "8.0 MiB may still be locked"));

    m = (struct insp_memory){ .available = UINT64_MAX,
                              .lockable = UINT64_MAX };
    CU_ASSERT(insp_memory_allows(&m, UINT64_C(1) << 50, 0, why, sizeof why));
}

/* A child that may not lock without limit, and has locked a page: 0 when what
 * it may lock besides is its limit less that page. */
static int
look_with_a_page_locked(void)
{
    long page = sysconf(_SC_PAGESIZE);
    struct insp_memory m;
    struct rlimit limit;
    void *map;

    if (!geteuid() && setuid(65534)) {
        return 2;
    }
    if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur < (rlim_t) page) {
        return 2;
    }
    insp_memory_read(&m);
    if (m.locked || m.lockable != UINT64_MAX) {
        return 1; /* Nothing is locked: nothing limits. */
    }
    map = mmap(NULL, (size_t) page, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mlock(map, (size_t) page)) {
        return 2;
    }
    insp_memory_read(&m);
    return !(m.locked == (uint64_t) page &&
             m.lockable == limit.rlim_cur - (rlim_t) page);
}

static void
test_memory_locked(void)
{
    pid_t child;
    int status;

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    unit_skip("sanitizers make mlock() do nothing");
    return;
#endif
    child = fork();
    if (!child) {
        _exit(look_with_a_page_locked());
    }
    CU_ASSERT_FATAL(child > 0);
    CU_ASSERT_FATAL(waitpid(child, &status, 0) == child);
    CU_ASSERT_FATAL(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) {
        unit_skip("no limit of locked memory here, or no user without it");
        return;
    }
    UNIT_EQ(WEXITSTATUS(status), 0);
}

static void
test_memory_read_and_untouched(void)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t size = 5000 * page; /* More than one look. */
    struct insp_memory m;
    uint8_t *map;

    insp_memory_read(&m);
    CU_ASSERT(m.available > MIB);
    map = mmap(NULL, size, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CU_ASSERT_FATAL(map != MAP_FAILED);
    (void) madvise(map, size, MADV_NOHUGEPAGE);
    UNIT_EQ(insp_memory_untouched(map, size), size);
    map[0] = 1;
    map[4500 * page] = 1;
    UNIT_EQ(insp_memory_untouched(map, size), size - 2 * page);
    memset(map, 1, size);
    UNIT_EQ(insp_memory_untouched(map, size), 0);
    munmap(map, size);
}

UNIT_MAIN("base", UNIT_TEST(test_epoch_waits_for_who_was_inside),
          UNIT_TEST(test_epoch_protects_a_reader), UNIT_TEST(test_stack_order),
          UNIT_TEST(test_stack_tag_defeats_aba),
          UNIT_TEST(test_stack_by_three_threads), UNIT_TEST(test_ring_edges),
          UNIT_TEST(test_ring_of_one), UNIT_TEST(test_ring_between_threads),
          UNIT_TEST(test_ilist), UNIT_TEST(test_wheel_exact),
          UNIT_TEST(test_wheel_horizon_and_absence),
          UNIT_TEST(test_wheel_gaps), UNIT_TEST(test_faults),
          UNIT_TEST(test_faults_fill_to_the_brim), UNIT_TEST(test_log),
          UNIT_TEST(test_host_stdio), UNIT_TEST(test_hash_depends_on_all),
          UNIT_TEST(test_memory_allows), UNIT_TEST(test_memory_locked),
          UNIT_TEST(test_memory_read_and_untouched))
