/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: segments in any order, overlapping with other bytes, against a
 * plain model that keeps for each place the byte that came first.  Mutations
 * that make it fail: let the last byte win in fill(); forget absorb() when the
 * front moves; begin a range one byte late; count far segments for ever. */

#include <stdlib.h>

#include "app/stream.h"
#include "unit.h"

#define LENGTH 40000

struct model {
    uint8_t byte[LENGTH + 4096];
    bool has[LENGTH + 4096];
    size_t next; /* Where the reader stands. */
};

static uint64_t state = 88172645463325252u;

static uint32_t
draw(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t) (state >> 11) % n;
}

static void
note(struct model *m, size_t at, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (at + i >= m->next && !m->has[at + i]) {
            m->byte[at + i] = bytes[i];
            m->has[at + i] = true;
        }
    }
}

static size_t
n_in_order(const struct model *m)
{
    size_t n = 0;

    while (m->has[m->next + n]) {
        n++;
    }
    return n;
}

/* Returns false when the stream was lost. */
static bool
run_case(struct insp_store *store, uint32_t first)
{
    static struct model m;
    struct insp_stream s = { .room = UINT16_MAX };
    bool lost = false;

    memset(&m, 0, sizeof m);
    insp_stream_begin(&s, first);
    while (m.next < LENGTH && !lost) {
        size_t behind = draw(4) ? 0 : draw(300),
               ahead = draw(3) ? 0 : draw(2500);
        size_t at = INSP_MIN(m.next + n_in_order(&m) + ahead, LENGTH);
        size_t size = 1 + draw(1500), taken = 0;
        uint8_t bytes[1500];

        at = at > behind ? at - behind : 0;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t) draw(256);
        }
        note(&m, at, bytes, size);
        while (taken < size && !lost) {
            struct insp_stream_view view;
            size_t n, took, want = n_in_order(&m);
            uint64_t pass = 0;

            took = insp_stream_push(&s, store, first + (uint32_t) (at + taken),
                                    bytes + taken, size - taken, size - taken,
                                    &view);
            taken += took;
            /* What was left out the model would have. */
            lost = s.is_lost || s.n_far;
            if (lost) {
                break;
            }
            if (taken == size) {
                UNIT_EQ(view.size, want);
            }
            if (view.size && memcmp(view.bytes, m.byte + m.next, view.size)) {
                CU_FAIL("other bytes");
                lost = true;
            }
            n = view.size ? draw((uint32_t) view.size + 1) : 0;
            if (!draw(3)) {
                n = view.size;
                /* What is left of a segment comes first. */
                pass = draw(4) || taken < size ? 0 : draw(4000);
            }
            insp_stream_done(&s, store, &view, n, pass);
            lost |= s.is_lost;
            m.next += n;
            /* Holes in what is passed do not matter: 'next' says how far it
             * has come. */
            if (pass) {
                size_t stands = (uint32_t) (s.next - first);

                CU_ASSERT(stands >= m.next && stands <= m.next + pass);
                while (s.pass && !lost) {
                    size_t left = (size_t) s.pass;
                    uint8_t filler[1400];

                    memset(filler, 7, sizeof filler);
                    stands = (uint32_t) (s.next - first);
                    left = INSP_MIN(left, sizeof filler);
                    UNIT_EQ(insp_stream_push(&s, store,
                                             first + (uint32_t) stands, filler,
                                             left, left, &view),
                            left);
                    insp_stream_done(&s, store, &view, 0, 0);
                    stands += left;
                }
                m.next = (uint32_t) (s.next - first);
                at = m.next;
                taken = size;
            }
        }
    }
    insp_stream_end(&s, store);
    return !lost;
}

static void
test_random(void)
{
    struct insp_store store;
    unsigned int n_whole = 0;

    CU_ASSERT_EQUAL_FATAL(insp_store_init(&store, 8, 8), 0);
    for (unsigned int i = 0; i < 2000; i++) {
        n_whole += run_case(&store, i % 3 ? draw(UINT32_MAX) : UINT32_MAX - i);
        UNIT_EQ(insp_store_used(&store), 0);
    }
    printf("# %u of 2000 without a loss\n", n_whole);
    CU_ASSERT(n_whole > 100);
    insp_store_uninit(&store);
}

static void
push(struct insp_stream *s, struct insp_store *store, uint32_t seq,
     const char *text, size_t captured, size_t size,
     struct insp_stream_view *view)
{
    UNIT_EQ(insp_stream_push(s, store, seq, (const uint8_t *) text, captured,
                             size, view),
            size);
}

static void
test_first_stays(void)
{
    struct insp_stream s = { .room = UINT16_MAX };
    struct insp_stream_view view;
    struct insp_store store;

    CU_ASSERT_EQUAL_FATAL(insp_store_init(&store, 2, 2), 0);
    insp_stream_begin(&s, UINT32_MAX - 1);
    push(&s, &store, 2, "EFG", 3, 3, &view); /* Behind a hole of 4. */
    UNIT_EQ(view.size, 0);
    insp_stream_done(&s, &store, &view, 0, 0);
    push(&s, &store, UINT32_MAX - 1, "abcdefgh", 8, 8, &view);
    UNIT_EQ(view.size, 8);
    CU_ASSERT(!memcmp(view.bytes, "abcdEFGh", 8));
    insp_stream_done(&s, &store, &view, 8, 0);
    push(&s, &store, UINT32_MAX - 1, "abcdefghij", 10, 10, &view);
    UNIT_EQ(view.size, 2);
    CU_ASSERT(!memcmp(view.bytes, "ij", 2));
    insp_stream_done(&s, &store, &view, 2, 0);
    UNIT_EQ(insp_store_used(&store), 0);
    insp_store_uninit(&store);
}

static void
test_not_captured(void)
{
    struct insp_stream s = { .room = UINT16_MAX };
    struct insp_stream_view view;
    struct insp_store store;

    CU_ASSERT_EQUAL_FATAL(insp_store_init(&store, 2, 2), 0);
    insp_stream_begin(&s, 0);
    push(&s, &store, 0, "head", 4, 104, &view);
    UNIT_EQ(view.size, 4);
    insp_stream_done(&s, &store, &view, 4, 100); /* Nobody wants them. */
    CU_ASSERT(!s.is_lost);
    push(&s, &store, 104, "next", 4, 50, &view);
    UNIT_EQ(view.size, 4);
    insp_stream_done(&s, &store, &view, 4, 0); /* These were wanted. */
    CU_ASSERT(s.is_lost);
    CU_ASSERT(!insp_stream_resync(&s, &store));
    push(&s, &store, 154, "again", 5, 5, &view);
    UNIT_EQ(view.size, 5);
    insp_stream_done(&s, &store, &view, 5, 0);
    insp_stream_end(&s, &store);
    UNIT_EQ(insp_store_used(&store), 0);
    insp_store_uninit(&store);
}

static void
test_too_far(void)
{
    struct insp_stream s = { .room = UINT16_MAX };
    struct insp_stream_view view;
    struct insp_store store;

    CU_ASSERT_EQUAL_FATAL(insp_store_init(&store, 2, 2), 0);
    insp_stream_begin(&s, 0);
    for (unsigned int i = 1; i < INSP_STREAM_FAR_MAX; i++) {
        push(&s, &store, INSP_BLOCK_LARGE, "x", 1, 1, &view);
        CU_ASSERT(!s.is_lost);
    }
    push(&s, &store, 0, "a", 1, 1, &view); /* Goes on. */
    UNIT_EQ(view.size, 1);
    insp_stream_done(&s, &store, &view, 1, 0);
    for (unsigned int i = 0; i < INSP_STREAM_FAR_MAX; i++) {
        CU_ASSERT(!s.is_lost);
        (void) insp_stream_push(&s, &store, 1u << 30, (const uint8_t *) "x", 1,
                                1, &view);
    }
    CU_ASSERT(s.is_lost);
    insp_stream_end(&s, &store);

    /* Who can go on behind a gap does not wait for it... */
    s = (struct insp_stream){ .room = UINT16_MAX, .resyncs = true };
    insp_stream_begin(&s, 0);
    push(&s, &store, INSP_STREAM_FAR, "x", 1, 1, &view); /* ... if it is
                                                          * one. */
    CU_ASSERT(!s.is_lost);
    (void) insp_stream_push(&s, &store, INSP_BLOCK_LARGE,
                            (const uint8_t *) "x", 1, 1, &view);
    CU_ASSERT(s.is_lost);
    insp_stream_end(&s, &store);

    /* A full window whose reader wants more takes nothing. */
    s = (struct insp_stream){ .room = INSP_BLOCK_SMALL };
    insp_stream_begin(&s, 0);
    for (uint32_t at = 0; at < INSP_BLOCK_SMALL; at++) {
        push(&s, &store, at, "x", 1, 1, &view);
        insp_stream_done(&s, &store, &view, 0, 0);
    }
    UNIT_EQ(view.size, INSP_BLOCK_SMALL);
    UNIT_EQ(insp_stream_push(&s, &store, INSP_BLOCK_SMALL,
                             (const uint8_t *) "x", 1, 1, &view),
            0);
    CU_ASSERT(!s.is_lost);
    insp_stream_end(&s, &store);
    UNIT_EQ(insp_store_used(&store), 0);

    /* No memory: lost, not stuck. */
    insp_store_uninit(&store);
    CU_ASSERT_EQUAL_FATAL(insp_store_init(&store, 1, 1), 0);
    (void) insp_store_take(&store, 1, 0);
    s = (struct insp_stream){ .room = UINT16_MAX };
    insp_stream_begin(&s, 0);
    (void) insp_stream_push(&s, &store, 5, (const uint8_t *) "x", 1, 1, &view);
    CU_ASSERT(s.is_lost);
    insp_store_uninit(&store);
}

/* One may have half, two a third each; 0 is not held to it. */
static void
test_shares(void)
{
    struct insp_store store;
    uint32_t blocks[30], n[4] = { 0 };

    CU_ASSERT_EQUAL_FATAL(insp_store_init(&store, 30, 1), 0);
    while ((blocks[n[1]] = insp_store_take(&store, 1, 1)) != 0) {
        n[1]++;
    }
    UNIT_EQ(n[1], 15);
    while (insp_store_take(&store, 1, 2)) {
        n[2]++;
    }
    CU_ASSERT(n[2] >= 7);
    CU_ASSERT(insp_store_take(&store, 1, 3) != 0);
    while (n[1]) {
        insp_store_give(&store, blocks[--n[1]]);
    }
    CU_ASSERT(insp_store_take(&store, 1, 2) != 0);
    while (insp_store_take(&store, 1, 0)) {
        n[0]++;
    }
    UNIT_EQ(insp_store_used(&store), 30);
    CU_ASSERT(!insp_share_of(0) && insp_share_of(1) && insp_share_of(7000));
    insp_store_uninit(&store);
}

UNIT_MAIN("stream", UNIT_TEST(test_random), UNIT_TEST(test_first_stays),
          UNIT_TEST(test_not_captured), UNIT_TEST(test_too_far),
          UNIT_TEST(test_shares))
