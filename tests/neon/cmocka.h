/*
 * As much of cmocka as the kernel tests use, for processors that this machine
 * only imitates: a test's first failure ends the program.
 */
#ifndef TESTS_NEON_CMOCKA_H
#define TESTS_NEON_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
};

#define cmocka_unit_test(function)                                             \
    {                                                                          \
#function, function                                                    \
    }

#define fail_msg(...)                                                          \
    do {                                                                       \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                        \
        fprintf(stderr, __VA_ARGS__);                                          \
        fprintf(stderr, "\n");                                                 \
        exit(1);                                                               \
    } while (0)

#define assert_true(x)                                                         \
    do {                                                                       \
        if (!(x))                                                              \
            fail_msg("'%s' does not hold", #x);                                \
    } while (0)
#define assert_false(x)               assert_true(!(x))
#define assert_null(x)                assert_true((x) == NULL)
#define assert_non_null(x)            assert_true((x) != NULL)
#define assert_int_equal(a, b)        assert_true((long long)(a) == (long long)(b))
#define assert_string_equal(a, b)     assert_true(strcmp(a, b) == 0)
#define assert_string_not_equal(a, b) assert_true(strcmp(a, b) != 0)

#define cmocka_run_group_tests(tests, setup, teardown)                         \
    run_tests(tests, sizeof(tests) / sizeof *(tests))

static inline int run_tests(const struct CMUnitTest *tests, size_t count)
{
    void *state = NULL;
    for (size_t i = 0; i < count; i++) {
        printf("  %s\n", tests[i].name);
        fflush(stdout);
        tests[i].test(&state);
    }
    return 0;
}

#endif
