/* SPDX-License-Identifier: Apache-2.0 */
/* Doctor
 * ======
 *
 * What the parts of "ovs-inspectctl doctor" share.
 *
 *     doctor.c       findings, output, the order of looking
 *     doctor-rows.c  bridges, inspectors, rules, functions, coverage
 *     doctor-uplinks.c  uplinks, certificates, spools
 *     doctor-host.c  schema, programs, processes, clock, huge pages
 *
 * Above:    main.c.                Below:  inspectctl.h.
 * Threads:  one.
 * Memory:   findings live until the end of the process.
 * Time:     that of the asking: a second as a rule.
 * Fails:    never: what cannot be looked at is a finding.
 */

#ifndef INSPECTCTL_DOCTOR_H
#define INSPECTCTL_DOCTOR_H 1

#include "compiler.h"

enum severity {
    SEVERITY_NOTE,    /* Worth knowing; may be meant. */
    SEVERITY_WARNING, /* Will be trouble, or is for a part. */
    SEVERITY_ERROR,   /* Something does not work. */
};

/* Adds a finding of 'check' about 'subject' (may be "").  'advice' is what to
 * do, a sentence or a command. */
void finding(enum severity, const char *check, const char *subject,
             const char *advice, const char *format, ...)
    OVS_PRINTF_FORMAT(5, 6);

void command_doctor(int argc, char *argv[]);

/* Need the database. */
bool examine_schema(void); /* False: nothing else can be read. */
void examine_bridges(void);
void examine_inspectors(void);
void examine_policy(void);
void examine_uplinks(void);
void examine_coverage(void); /* Needs ovs-vswitchd, too. */
void examine_options(void);
void examine_tools(const char *db);

/* Needs nothing; false: ovs-vswitchd cannot be asked. */
bool examine_switch(void);
void examine_clock(void);
void examine_crashes(void);

#endif /* utilities/inspectctl/doctor.h */
