/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the taken slots are the one bits of two words.  A thread
 * claims the lowest zero bit by compare-and-swap, keeps the number in a
 * thread-local variable, and leaves a pthread key behind whose destructor
 * clears the bit when the thread ends.  PMD threads come and go with every
 * reconfiguration, handler threads with their number, so slots do get
 * reused; claim acquires what release released. */

#include <config.h>

#include "ovs-ext/worker-map.h"

#include <pthread.h>
#include <stdatomic.h>

#include "ovs-thread.h"
#include "util.h"

#define N_WORDS (OVSEXT_MAX_WORKERS / 64)
BUILD_ASSERT_DECL(OVSEXT_MAX_WORKERS % 64 == 0);

static _Atomic uint64_t taken[N_WORDS];
static pthread_key_t release_key;

static __thread unsigned int my_slot = OVSEXT_NO_WORKER;

static void
release_slot(void *slot_)
{
    unsigned int slot = (uintptr_t) slot_ - 1;

    /* A destructor of another key may still send packets by this thread;
     * then it claims a slot anew and this runs again. */
    my_slot = OVSEXT_NO_WORKER;
    atomic_fetch_and_explicit(&taken[slot / 64], ~(UINT64_C(1) << slot % 64),
                              memory_order_release);
}

void
ovsext_worker_map_init(void)
{
    xpthread_key_create(&release_key, release_slot);
}

static unsigned int
claim_slot(void)
{
    for (unsigned int i = 0; i < N_WORDS; i++) {
        uint64_t old = atomic_load_explicit(&taken[i], memory_order_relaxed);

        while (old != UINT64_MAX) {
            unsigned int bit = __builtin_ctzll(~old);

            if (atomic_compare_exchange_weak_explicit(
                    &taken[i], &old, old | UINT64_C(1) << bit,
                    memory_order_acquire, memory_order_relaxed)) {
                return i * 64 + bit;
            }
        }
    }
    return OVSEXT_NO_WORKER;
}

static unsigned int
first_slot(void)
{
    unsigned int slot = claim_slot();

    if (slot != OVSEXT_NO_WORKER) {
        void *slot_ = (void *) (uintptr_t) (slot + 1);

        if (pthread_setspecific(release_key, slot_)) {
            /* Nobody would release it: better no slot than a leak. */
            release_slot(slot_);
            return OVSEXT_NO_WORKER;
        }
        my_slot = slot;
    }
    return slot;
}

unsigned int
ovsext_worker_slot(void)
{
    return OVS_LIKELY(my_slot != OVSEXT_NO_WORKER) ? my_slot : first_slot();
}

unsigned int
ovsext_worker_slot_if_any(void)
{
    return my_slot;
}

unsigned int
ovsext_worker_count(void)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < N_WORDS; i++) {
        n += __builtin_popcountll(
            atomic_load_explicit(&taken[i], memory_order_relaxed));
    }
    return n;
}
