/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The same sums as the engine's, before anything is taken. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "app/dialog.h"
#include "base/memory.h"
#include "flow/table.h"
#include "inspectctl.h"
#include "util.h"

static uint64_t
memory_for(uint32_t flow_limit)
{
    struct insp_table_config table;
    struct insp_dialogs_config dialogs;

    memset(&table, 0, sizeof table);
    table.flow_limit = flow_limit;
    insp_dialogs_config_for(flow_limit, &dialogs);
    return insp_table_size(&table) + insp_dialogs_size(&dialogs);
}

static uint32_t
default_limit(void)
{
    const struct insp_setting named[] = { { "name", "a" }, { "id", "1" } };
    struct insp_config_inspector config;
    struct insp_faults faults, warnings;

    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    (void) insp_config_inspector_parse(named, ARRAY_SIZE(named), &config,
                                       &faults, &warnings);
    return config.base.flow_limit;
}

static void
print_size(const char *what, uint32_t flow_limit,
           const struct insp_memory *memory)
{
    uint64_t need = memory_for(flow_limit);
    char text[INSP_MEMORY_TEXT_SIZE];
    char why[200];

    printf("%s%sflow_limit %u: %s", what, *what ? ", " : "", flow_limit,
           insp_memory_text(need, text));
    printf(insp_memory_allows(memory, need, 0, why, sizeof why) ? "\n"
                                                                : ", %s\n",
           why);
}

/* size [FLOW_LIMIT]... */
void
command_size(int argc, char *argv[])
{
    struct insp_memory memory;
    char text[INSP_MEMORY_TEXT_SIZE];

    insp_memory_read(&memory);
    for (int i = 1; i < argc; i++) {
        unsigned int n;

        if (!str_to_uint(argv[i], 10, &n) || !n) {
            fail_usage("%s: not a number of connections", argv[i]);
        }
        print_size("", n, &memory);
    }
    if (argc == 1) {
        const struct ovsrec_inspector *inspector;

        db_monitor();
        OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
        {
            print_size(inspector->name,
                       inspector->n_flow_limit ? inspector->flow_limit[0]
                                               : default_limit(),
                       &memory);
        }
        db_close();
    }
    printf("available on this host now%s: %s\n",
           memory.is_group ? " (in this control group)" : "",
           insp_memory_text(memory.available, text));
}
