#include "engine/pool.h"

#include "base/cancel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PIECES = 500, WORKERS = 3 };

struct count {
    atomic_int times[PIECES];
    atomic_int fail_at; /* -1: never */
};

static int count_piece(void *context, int worker, int64_t piece,
                       struct error *err)
{
    struct count *count = context;
    if (worker < 0 || worker >= WORKERS)
        return error_set(err, ERROR_RANGE, "worker %d", worker);
    atomic_fetch_add(&count->times[piece], 1);
    if (piece == atomic_load(&count->fail_at))
        return error_set(err, ERROR_SHAPE, "piece %d", (int)piece);
    return 0;
}

static void every_piece_is_run_once(void **state)
{
    (void)state;
    struct pool *pool;
    struct error err = {0};
    assert_int_equal(pool_create(&pool, WORKERS, true, &err), 0);
    assert_int_equal(pool_workers(pool), WORKERS);
    for (int round = 1; round <= 20; round++) {
        struct count count = {.fail_at = -1};
        struct pool_task task = {PIECES, count_piece, &count};
        assert_int_equal(pool_run(pool, &task, &err), 0);
        for (int i = 0; i < PIECES; i++)
            assert_int_equal(count.times[i], 1);
    }
    pool_destroy(pool);
}

static void a_failed_piece_ends_the_task(void **state)
{
    (void)state;
    struct pool *pool;
    struct error err = {0};
    assert_int_equal(pool_create(&pool, WORKERS, true, &err), 0);
    struct count count = {.fail_at = 10};
    struct pool_task task = {PIECES, count_piece, &count};
    assert_int_equal(pool_run(pool, &task, &err), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_string_equal(err.message, "piece 10");
    assert_int_equal(count.times[PIECES - 1], 0);
    /* The next task knows nothing of it. */
    struct count good = {.fail_at = -1};
    task.context = &good;
    assert_int_equal(pool_run(pool, &task, &err), 0);
    assert_int_equal(good.times[PIECES - 1], 1);
    pool_destroy(pool);
}

/* Somebody comes to wait with every seventh piece. */
struct lending {
    struct count count;
    struct cancel awaited;
    int lent, most; /* lending fails at the most-th time, 0: never */
};

static int call_piece(void *context, int worker, int64_t piece,
                      struct error *err)
{
    struct lending *l = context;
    if (piece % 7 == 3)
        cancel_raise(&l->awaited);
    return count_piece(&l->count, worker, piece, err);
}

static int lend(void *context, struct error *err)
{
    struct lending *l = context;
    cancel_reset(&l->awaited);
    return ++l->lent == l->most ? error_set(err, ERROR_CANCELLED, "enough") : 0;
}

static void lending_leaves_no_piece_out(void **state)
{
    (void)state;
    struct pool *pool;
    struct error err = {0};
    assert_int_equal(pool_create(&pool, WORKERS, true, &err), 0);
    struct lending l = {.count.fail_at = -1};
    struct pool_task task = {PIECES, call_piece, &l};
    struct pool_lender lender = {&l.awaited, lend, &l};
    assert_int_equal(pool_run_lending(pool, &task, &lender, &err), 0);
    for (int i = 0; i < PIECES; i++)
        assert_int_equal(l.count.times[i], 1);
    assert_true(l.lent > 0);
    /* Its error ends the task. */
    struct lending ends = {.count.fail_at = -1, .most = 2};
    task.context = &ends;
    lender = (struct pool_lender){&ends.awaited, lend, &ends};
    assert_int_equal(pool_run_lending(pool, &task, &lender, &err), -1);
    assert_string_equal(err.message, "enough");
    assert_int_equal(ends.count.times[PIECES - 1], 0);
    /* So does a piece's. */
    struct lending fails = {.count.fail_at = 100};
    task.context = &fails;
    lender = (struct pool_lender){&fails.awaited, lend, &fails};
    assert_int_equal(pool_run_lending(pool, &task, &lender, &err), -1);
    assert_string_equal(err.message, "piece 100");
    pool_destroy(pool);
}

static int wait_for_flag(void *context, int worker, int64_t piece,
                         struct error *err)
{
    (void)worker;
    struct cancel *flag = context;
    while (piece > 0 && !cancel_raised(flag))
        ;
    (void)err;
    return 0;
}

static void waiting_can_end_at_the_first_piece(void **state)
{
    (void)state;
    struct pool *pool;
    struct error err = {0};
    struct cancel flag = {false};
    assert_int_equal(pool_create(&pool, 2, true, &err), 0);
    struct pool_task task = {2, wait_for_flag, &flag};
    pool_start(pool, &task);
    assert_false(pool_wait(pool, true, -1)); /* one piece is done, one not */
    assert_false(pool_wait(pool, false, 1));
    cancel_raise(&flag);
    assert_true(pool_wait(pool, false, -1));
    assert_int_equal(pool_result(pool, &err), 0);
    pool_destroy(pool);
}

static void a_task_without_pieces_has_ended(void **state)
{
    (void)state;
    struct pool *pool;
    struct error err = {0};
    assert_int_equal(pool_create(&pool, 1, true, &err), 0);
    struct pool_task task = {0, count_piece, NULL};
    assert_int_equal(pool_run(pool, &task, &err), 0);
    pool_destroy(pool);
    pool_destroy(NULL);
}

static void destroying_leaves_pieces_undone(void **state)
{
    (void)state;
    struct pool *pool;
    struct error err = {0};
    struct cancel flag = {true};
    assert_int_equal(pool_create(&pool, 1, true, &err), 0);
    struct pool_task task = {INT64_MAX, wait_for_flag, &flag};
    pool_start(pool, &task);
    assert_false(pool_wait(pool, true, -1));
    pool_destroy(pool); /* would not return if it went on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_run_once),
        cmocka_unit_test(a_failed_piece_ends_the_task),
        cmocka_unit_test(lending_leaves_no_piece_out),
        cmocka_unit_test(waiting_can_end_at_the_first_piece),
        cmocka_unit_test(a_task_without_pieces_has_ended),
        cmocka_unit_test(destroying_leaves_pieces_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
