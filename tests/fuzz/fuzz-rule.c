/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the first byte says what the input is.
 *
 * 't', 's', 'a': the text of a term, of a service, of an address.  What is
 * refused leaves one fault; what is not prints as text that parses to the
 * same, and prints the same.
 *
 * Anything else: bytes from which rules, sets, ports and packets are drawn,
 * as in tests/unit/test-policy.c; the frozen policy and the reference must
 * judge alike. */

#include <string.h>

#include "fuzz.h"
#include "judge-cases.h"
#include "judge-reference.h"

#define N_RULES_MAX 24
#define N_JUDGED    6

static void
check_term(const char *text)
{
    struct insp_faults faults;
    struct insp_term term;
    char printed[INSP_EXTRA_SIZE + 8];
    char again[sizeof printed];
    int n;

    insp_faults_init(&faults);
    if (!insp_term_parse(text, "source", &term, &faults)) {
        FUZZ_PROMISE(faults.n == 1 && faults.text[0] && !term.text);
        return;
    }
    FUZZ_PROMISE(!faults.n);
    n = insp_term_print(&term, printed, sizeof printed);
    FUZZ_PROMISE(n > 0 && (size_t) n < sizeof printed);
    insp_term_uninit(&term);
    FUZZ_PROMISE(insp_term_parse(printed, "source", &term, &faults));
    insp_term_print(&term, again, sizeof again);
    FUZZ_PROMISE(!strcmp(printed, again));
    insp_term_uninit(&term);
}

static void
check_service(const char *text)
{
    struct insp_faults faults;
    struct insp_service s;
    char printed[INSP_EXTRA_SIZE + 8];
    char again[sizeof printed];

    insp_faults_init(&faults);
    if (!insp_service_parse(text, "service", &s, &faults)) {
        FUZZ_PROMISE(faults.n == 1 && faults.text[0] && !s.text);
        return;
    }
    FUZZ_PROMISE(!faults.n && s.first <= s.last);
    FUZZ_PROMISE((s.kind == INSP_SERVICE_SNI) == (s.text != NULL));
    FUZZ_PROMISE((s.kind == INSP_SERVICE_APP) == (s.app != INSP_APP_NONE));
    insp_service_print(&s, printed, sizeof printed);
    insp_service_uninit(&s);
    FUZZ_PROMISE(insp_service_parse(printed, "service", &s, &faults));
    insp_service_print(&s, again, sizeof again);
    FUZZ_PROMISE(!strcmp(printed, again));
    insp_service_uninit(&s);
}

static void
check_address(const char *text)
{
    struct insp_faults faults;
    struct insp_address a;

    insp_faults_init(&faults);
    if (!insp_address_parse(text, "addresses", &a, &faults)) {
        FUZZ_PROMISE(faults.n == 1 && faults.text[0]);
        return;
    }
    FUZZ_PROMISE(a.prefix_length <= 128);
    for (unsigned int bit = a.prefix_length; bit < 128; bit++) {
        FUZZ_PROMISE(!(a.addr[bit / 8] & 0x80 >> bit % 8));
    }
}

static void
compare(struct draw *d, const struct insp_binding *binding,
        const struct reference *r)
{
    struct insp_slot_matches found[INSP_N_SLOTS];
    struct insp_slot_matches expected[INSP_N_SLOTS];
    struct insp_judgement a;
    struct insp_judgement b;
    struct insp_subject s;
    char name[CASES_NAME_SIZE];

    draw_subject(d, &s, name);
    insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &a);
    reference_judge(r, &s, INSP_ALL_SLOTS, &b, NULL);
    FUZZ_PROMISE(a.verdict == b.verdict && a.rule == b.rule);
    FUZZ_PROMISE(a.slots == b.slots && a.as_to_vm == b.as_to_vm);
    FUZZ_PROMISE(a.alert == b.alert);
    insp_policy_explain(binding, &s, found);
    reference_explain(r, &s, expected);
    FUZZ_PROMISE(!memcmp(found, expected, sizeof found));
}

static void
check_policy(const uint8_t *data, size_t size)
{
    struct draw d = { .at = data, .left = size };
    size_t n = draw(&d, N_RULES_MAX);
    struct insp_rule *rules = cases_alloc(n, sizeof *rules);
    struct insp_address_set *sets = cases_alloc(CASES_SETS, sizeof *sets);
    struct insp_port ports[CASES_PORTS];
    struct reference r = { rules, n, sets, CASES_SETS, ports, CASES_PORTS };
    struct insp_binding *binding;
    struct insp_policy *policy;

    for (unsigned int i = 0; i < CASES_SETS; i++) {
        draw_set(&d, &sets[i], i);
    }
    for (unsigned int i = 0; i < CASES_PORTS; i++) {
        draw_port(&d, &ports[i], i);
    }
    for (size_t i = 0; i < n; i++) {
        draw_rule(&d, &rules[i], (uint32_t) i + 1, 1, 11);
    }
    if (!insp_policy_create(rules, n, sets, CASES_SETS, 1, &policy)) {
        if (!insp_binding_create(policy, ports, CASES_PORTS, &binding)) {
            for (int i = 0; d.left && i < N_JUDGED; i++) {
                compare(&d, binding, &r);
            }
            insp_binding_unref(binding);
        }
        insp_policy_unref(policy);
    }
    cases_free(rules, n, sets, CASES_SETS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (!size) {
        return 0;
    }
    if (!strchr("tsa", data[0]) || !data[0]) {
        check_policy(data + 1, size - 1);
        return 0;
    }
    /* An allocation of its size: a sanitizer sees a read behind the end. */
    text = malloc(size);
    FUZZ_PROMISE(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 't') {
        check_term(text);
    } else if (data[0] == 's') {
        check_service(text);
    } else {
        check_address(text);
    }
    free(text);
    return 0;
}
