/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter thread: one turn of the drain after another. */

#include "engine/internal.h"

void *
insp_exporter_main(void *engine_)
{
    struct insp_engine *engine = engine_;

    insp_thread_begin();
    while (!atomic_load(&engine->stop_exporter)) {
        insp_drain_turn(engine->drain, 200);
    }
    return NULL;
}
