/* Figures that one process keeps, collected while others wait. */
#include "engine/calibration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct session *open_session(void)
{
    struct session *session;
    struct error err = {0};
    struct session_options options = {.model_path = "data/lenet5.onnx",
                                      .data_path = "data/fashion-mnist-sample",
                                      .samples = 64,
                                      .transform = transform_identity()};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

static const struct calibration *get(struct calibration_store *store,
                                     const struct session *session,
                                     enum calibration_part part)
{
    const struct calibration *found;
    struct error err = {0};
    if (calibration_store_get(store, session, NULL, part, &found, &err) < 0)
        fail_msg("%s", err.message);
    return found;
}

/* Somebody who waits whenever a piece has run, and asks for figures of his
 * own the first time. */
struct waiting {
    struct calibration_store *store;
    const struct session *session;
    struct cancel awaited;
    bool asks; /* now */
    int lent, most;
};

static int lend(void *context, struct error *err)
{
    struct waiting *w = context;
    cancel_reset(&w->awaited);
    if (w->asks) {
        w->asks = false;
        calibration_drop(get(w->store, w->session, CALIBRATION_OUTPUTS));
    }
    if (++w->lent == w->most)
        return error_set(err, ERROR_CANCELLED, "enough");
    return 0;
}

static struct pool_lender lender(void *context)
{
    struct waiting *w = context;
    return (struct pool_lender){w->asks ? &w->awaited : NULL, lend, w};
}

/* Between layers somebody comes to wait. */
static int come(void *context, const char *stage, int64_t done, int64_t total,
                struct error *err)
{
    struct waiting *w = context;
    (void)stage;
    (void)done;
    (void)total;
    (void)err;
    cancel_raise(&w->awaited);
    return 0;
}

static void assert_same(const struct calibration *a,
                        const struct calibration *b,
                        const struct layer_table *layers)
{
    assert_int_equal(a->layer_count, b->layer_count);
    for (size_t i = 0; i < a->layer_count; i++) {
        const struct layer_calibration *x = &a->layers[i], *y = &b->layers[i];
        const struct layer_matrix *m = &layers->layers[i].matrix;
        size_t norms = (size_t)(m->groups * m->inputs * m->places);
        size_t bytes = (size_t)layers->layers[i].weights * sizeof(float);
        assert_string_equal(x->reason, "");
        assert_string_equal(y->reason, "");
        if (a->part == CALIBRATION_INPUTS)
            assert_memory_equal(x->norm, y->norm, norms * sizeof(float));
        else
            assert_memory_equal(x->taylor, y->taylor, bytes);
    }
}

/* Whoever waits is let go first, may collect himself, and changes nothing. */
static void who_waits_goes_first(void **state)
{
    (void)state;
    static const enum calibration_part parts[] = {CALIBRATION_INPUTS,
                                                  CALIBRATION_GRADIENTS};
    struct session *session = open_session();
    struct error err = {0};
    for (size_t i = 0; i < 2; i++) {
        struct calibration_store *alone, *disturbed;
        struct waiting w = {.session = session, .asks = true};
        const struct calibration_watch watch = {
            .progress = come, .lender = lender, .context = &w};
        assert_int_equal(calibration_store_create(&alone, 2, &err), 0);
        assert_int_equal(calibration_store_create(&disturbed, 2, &err), 0);
        calibration_store_watch(disturbed, &watch);
        w.store = disturbed;
        const struct calibration *expected = get(alone, session, parts[i]);
        const struct calibration *found = get(disturbed, session, parts[i]);
        assert_true(w.lent > 0);
        assert_false(w.asks);
        assert_same(found, expected, session_layers(session));
        calibration_drop(found);
        calibration_drop(expected);
        calibration_store_destroy(disturbed);
        calibration_store_destroy(alone);
    }
    session_close(session);
}

static void lending_can_end_it(void **state)
{
    (void)state;
    struct session *session = open_session();
    struct calibration_store *store;
    struct error err = {0};
    const struct calibration *found = NULL;
    struct waiting w = {.session = session, .asks = true, .most = 1};
    const struct calibration_watch watch = {
        .progress = come, .lender = lender, .context = &w};
    assert_int_equal(calibration_store_create(&store, 2, &err), 0);
    calibration_store_watch(store, &watch);
    w.store = store;
    assert_int_equal(calibration_store_get(store, session, NULL,
                                           CALIBRATION_INPUTS, &found, &err),
                     -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    calibration_store_destroy(store);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_goes_first),
        cmocka_unit_test(lending_can_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
