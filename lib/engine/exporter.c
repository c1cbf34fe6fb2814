/* The exporter thread: one turn of the drain after another. */

#include "engine/internal.h"

#include <signal.h>

void *
insp_exporter_main(void *engine_)
{
    struct insp_engine *engine = engine_;
    sigset_t all;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!atomic_load(&engine->stop_exporter)) {
        insp_drain_turn(engine->drain, 200);
    }
    return NULL;
}
