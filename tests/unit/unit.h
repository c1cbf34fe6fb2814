/* SPDX-License-Identifier: Apache-2.0 */
/* Unit
 * ====
 *
 * A list of CUnit tests becomes a program that speaks TAP: "ok 1 - suite:
 * name", "not ok ...", "ok 3 - suite: name # SKIP why", then "1..N".  An
 * argument on the command line runs only the tests whose name contains it.
 *
 *     static void
 *     test_empty(void)
 *     {
 *         UNIT_EQ(thing_count(&thing), 0);
 *         CU_ASSERT_PTR_NULL(thing_first(&thing));
 *     }
 *
 *     UNIT_MAIN("thing",
 *               UNIT_TEST(test_empty),
 *               UNIT_TEST(test_full))
 *
 * Above:    tests/unit/test-*.c.    Below:  CUnit.
 * Threads:  one; a test may start others, which assert nothing themselves.
 * Memory:   CUnit's.
 * Time:     none.
 * Fails:    main() returns 1 when a test failed, 2 when CUnit did.
 */

#ifndef INSP_UNIT_H
#define INSP_UNIT_H 1

#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

#define UNIT_TEST(FUNCTION)                                                   \
    {                                                                         \
#FUNCTION, FUNCTION                                                   \
    }

/* What CUnit's handlers need to know; one program has one list. */
struct unit_state {
    const char *suite;
    char skip[256]; /* Why the running test skips, or "". */
    unsigned int n;
    unsigned int n_failed;
};

static struct unit_state unit_state;

/* Says that the running test cannot be made here; return after it. */
static inline void
unit_skip(const char *why)
{
    snprintf(unit_state.skip, sizeof unit_state.skip, "%s", why);
}

/* Unlike CU_ASSERT_EQUAL, says what the two values were. */
static inline void
unit_eq(long long a, long long b, const char *text, const char *file,
        unsigned int line)
{
    char said[512];

    snprintf(said, sizeof said, "%.300s: %lld (%#llx), not %lld (%#llx)", text,
             a, (unsigned long long) a, b, (unsigned long long) b);
    CU_assertImplementation(a == b, line, said, file, "", CU_FALSE);
}

static inline void
unit_str_eq(const char *a, const char *b, const char *text, const char *file,
            unsigned int line)
{
    char said[1024];

    snprintf(said, sizeof said, "%.300s: \"%.300s\", not \"%.300s\"", text,
             a ? a : "(null)", b ? b : "(null)");
    CU_assertImplementation(a && b && !strcmp(a, b), line, said, file, "",
                            CU_FALSE);
}

#define UNIT_EQ(ACTUAL, EXPECTED)                                             \
    unit_eq((long long) (ACTUAL), (long long) (EXPECTED),                     \
            #ACTUAL " == " #EXPECTED, __FILE__, __LINE__)
#define UNIT_STR_EQ(ACTUAL, EXPECTED)                                         \
    unit_str_eq((ACTUAL), (EXPECTED), #ACTUAL " == " #EXPECTED, __FILE__,     \
                __LINE__)

static inline void
unit_before(const CU_pTest test, const CU_pSuite suite)
{
    (void) test;
    (void) suite;
    unit_state.skip[0] = '\0';
}

static inline void
unit_after(const CU_pTest test, const CU_pSuite suite,
           const CU_pFailureRecord first)
{
    struct unit_state *s = &unit_state;

    (void) suite;
    s->n++;
    s->n_failed += first != NULL;
    printf("%sok %u - %s: %s%s%s\n", first ? "not " : "", s->n, s->suite,
           test->pName, !first && s->skip[0] ? " # SKIP " : "",
           !first ? s->skip : "");
    for (CU_pFailureRecord f = first; f; f = f->pNext) {
        printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber,
               f->strCondition);
    }
    fflush(stdout);
}

static inline int
unit_run(const char *name, const struct unit_test *tests, size_t n_tests,
         const char *wanted)
{
    CU_pSuite suite;

    unit_state.suite = name;
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 2;
    }
    suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; suite && i < n_tests; i++) {
        if (!wanted || strstr(tests[i].name, wanted)) {
            if (!CU_add_test(suite, tests[i].name, tests[i].run)) {
                return 2;
            }
        }
    }
    CU_set_test_start_handler(unit_before);
    CU_set_test_complete_handler(unit_after);
    if (!suite || CU_run_all_tests() != CUE_SUCCESS) {
        return 2;
    }
    printf("1..%u\n", unit_state.n);
    CU_cleanup_registry();
    return unit_state.n_failed ? 1 : 0;
}

#define UNIT_MAIN(NAME, ...)                                                  \
    int main(int argc, char *argv[])                                          \
    {                                                                         \
        static const struct unit_test tests[] = { __VA_ARGS__ };              \
                                                                              \
        return unit_run(NAME, tests, sizeof tests / sizeof tests[0],          \
                        argc > 1 ? argv[1] : NULL);                           \
    }

#endif /* tests/unit/unit.h */
