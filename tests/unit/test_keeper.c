#include "base/array.h"
#include "base/file.h"
#include "engine/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char path[] = "build/test-keeper.npz";
enum { LONG = 1 << 22 }; /* floats that take a while to compress */

/* Hands over a copy whose first array holds `number`. */
static int put(struct keeper *keeper, const char *where, double number,
               size_t floats, struct error *err)
{
    struct npz npz = {0};
    size_t capacity = 0;
    float *rest = array_create(floats + 1, sizeof *rest);
    for (size_t i = 0; i < floats; i++)
        rest[i] = (float)(i * 2654435761u % 1000003);
    assert_int_equal(
        npz_add(&npz, &capacity, "number", DTYPE_FLOAT64, 1, &number, err), 0);
    assert_int_equal(
        npz_add(&npz, &capacity, "rest", DTYPE_FLOAT32, floats, rest, err), 0);
    free(rest);
    return keeper_put(keeper, where, &npz, err);
}

static double number_of(const char *where)
{
    struct npz npz;
    assert_int_equal(npz_read(&npz, where, NULL), 0);
    double number = *(const double *)npz_find(&npz, "number")->data;
    npz_release(&npz);
    return number;
}

static void the_newest_copy_is_written(void **state)
{
    struct keeper keeper;
    struct error err;
    (void)state;
    unlink(path);
    keeper_init(&keeper);
    assert_false(keeper_holds(&keeper, path));
    assert_true(keeper_wait(&keeper, 0));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(put(&keeper, path, i, LONG / 4, &err), 0);
        assert_true(keeper_holds(&keeper, path)); /* or will */
    }
    while (!keeper_wait(&keeper, 20))
        ;
    assert_true(keeper_cost_ns(&keeper) > 0);
    assert_true(number_of(path) == 4);
    /* What waits when it ends is written. */
    for (int i = 5; i < 8; i++)
        assert_int_equal(put(&keeper, path, i, LONG / 4, &err), 0);
    keeper_release(&keeper);
    assert_true(number_of(path) == 7);
    unlink(path);
}

static void what_is_forgotten_does_not_come_back(void **state)
{
    struct keeper keeper;
    struct error err;
    (void)state;
    keeper_init(&keeper);
    for (int waits = 0; waits < 2; waits++) {
        for (int i = 0; i <= waits; i++)
            assert_int_equal(put(&keeper, path, i, LONG, &err), 0);
        keeper_forget(&keeper, path);
        assert_false(keeper_holds(&keeper, path));
        while (!keeper_wait(&keeper, 20))
            ;
        assert_false(file_exists(path));
    }
    /* A copy behind a forgotten one stays. */
    assert_int_equal(put(&keeper, path, 1, LONG, &err), 0);
    keeper_forget(&keeper, path);
    assert_int_equal(put(&keeper, path, 2, 1, &err), 0);
    keeper_release(&keeper);
    assert_true(number_of(path) == 2);
    unlink(path);
}

static void count(void *context)
{
    atomic_int *ended = context;
    ++*ended;
}

static void a_write_that_fails_is_told_once(void **state)
{
    struct keeper keeper;
    struct error err = {0};
    (void)state;
    atomic_int ended = 0;
    keeper_init(&keeper);
    keeper.ended = count;
    keeper.context = &ended;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(put(&keeper, "build/no/such/folder.npz", 1, 1, &err),
                         0);
        while (!keeper_wait(&keeper, 20))
            ;
        if (i == 0) /* of no interest any more */
            keeper_forget(&keeper, path);
    }
    assert_int_equal(ended, 2);
    assert_int_equal(put(&keeper, path, 2, 1, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "build/no/such/folder.npz"));
    assert_int_equal(keeper_check(&keeper, &err), 0);
    assert_false(keeper_holds(&keeper, path));
    assert_int_equal(put(&keeper, path, 3, 1, &err), 0);
    keeper_release(&keeper);
    assert_true(number_of(path) == 3);
    unlink(path);
    keeper_init(&keeper);
    error_set(&err, ERROR_MEMORY, "no memory for a copy");
    keeper_fail(&keeper, &err);
    assert_int_equal(keeper_check(&keeper, &err), -1);
    assert_string_equal(err.message, "no memory for a copy");
    keeper_release(&keeper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_copy_is_written),
        cmocka_unit_test(what_is_forgotten_does_not_come_back),
        cmocka_unit_test(a_write_that_fails_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
