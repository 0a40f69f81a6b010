/* What flipped, as the engine tells it. */
#include "engine_fixture.h"

#include "engine/flipped.h"
#include "engine/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Asks, waits, and takes what was found; NULL: nothing. */
static const struct flipped *asked(struct engine *engine,
                                   const struct variant *variant)
{
    flipped_drop(engine_flipped(engine, variant));
    assert_true(engine_wait(engine, -1));
    return engine_flipped(engine, variant);
}

static void flips_are_the_answers_that_differ(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *variant = engine_edit(session, "set fc1 90%");
    report_drop(engine_shown(engine, variant));
    const struct flipped *flipped = asked(engine, variant);
    assert_non_null(flipped);
    struct outcome a[SAMPLES], b[SAMPLES];
    struct error err = {0};
    uint64_t dense = session_variant(session, 0)->hash;
    assert_int_equal(engine_outcomes(engine, dense, a, SAMPLES, &err), 0);
    assert_int_equal(engine_outcomes(engine, variant->hash, b, SAMPLES, &err),
                     0);
    size_t different = 0;
    for (int i = 0; i < SAMPLES; i++)
        different += a[i].predicted != b[i].predicted;
    assert_true(different > 0);
    assert_true(flipped->hash == variant->hash);
    assert_int_equal(flipped->answered, SAMPLES);
    assert_true(flipped->labels);
    assert_int_equal(flipped->found.count, different);
    for (size_t i = 0; i < different; i++) {
        const struct flip *flip = &flipped->found.flips[i];
        assert_int_equal(flip->before, a[flip->sample].predicted);
        assert_int_equal(flip->after, b[flip->sample].predicted);
        assert_int_equal(flip->label,
                         dataset_label(session_dataset(session), flip->sample));
    }
    flipped_drop(flipped);
    engine_destroy(engine);
    session_close(session);
}

static void without_labels_every_flip_is_a_loss(void **state)
{
    (void)state;
    struct session *session = engine_open_session("unlabelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *variant = engine_edit(session, "set fc1 90%");
    report_drop(engine_shown(engine, variant));
    const struct flipped *flipped = asked(engine, variant);
    assert_non_null(flipped);
    assert_false(flipped->labels);
    assert_true(flipped->found.count > 0);
    assert_int_equal(flipped->found.lost, flipped->found.count);
    flipped_drop(flipped);
    engine_destroy(engine);
    session_close(session);
}

static void dense_model_has_no_flips(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *dense = session_variant(session, 0);
    report_drop(engine_shown(engine, dense));
    assert_null(asked(engine, dense));
    engine_destroy(engine);
    session_close(session);
}

static void asking_before_the_evaluation_is_answered_by_it(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *variant = engine_edit(session, "set * 70%");
    engine_show(engine, variant, 0);
    const struct flipped *flipped = asked(engine, variant);
    assert_non_null(flipped);
    assert_int_equal(flipped->answered, SAMPLES);
    flipped_drop(flipped);
    engine_destroy(engine);
    session_close(session);
}

static void dropped_answers_are_found_again(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    engine->store.budget_bytes = 0;
    const struct variant *one = engine_edit(session, "set fc1 90%");
    report_drop(engine_shown(engine, one));
    const struct variant *two = engine_edit(session, "set fc1 80%");
    report_drop(engine_shown(engine, two));
    assert_null(store_find(&engine->store, one->hash)->trial);
    report_drop(engine_shown(engine, one));
    const struct flipped *flipped = asked(engine, one);
    assert_non_null(flipped);
    assert_int_equal(flipped->answered, SAMPLES);
    flipped_drop(flipped);
    engine_destroy(engine);
    session_close(session);
}

static void unanswered_samples_do_not_count(void **state)
{
    (void)state;
    struct outcome a[4] = {{.predicted = 1, .correct = true, .margin = 2},
                           {.predicted = -1},
                           {.predicted = 0, .margin = -1},
                           {.predicted = 2, .correct = true, .margin = 3}};
    struct outcome b[4] = {{.predicted = 0, .margin = -2},
                           {.predicted = 2, .margin = 1},
                           {.predicted = -1},
                           {.predicted = 2, .correct = true, .margin = 1}};
    const int64_t right[4] = {1, 2, 1, 2};
    struct flipped *flipped;
    struct error err;
    assert_int_equal(flipped_create(&flipped, a, b, right, 4, &err), 0);
    assert_int_equal(flipped->answered, 2);
    assert_int_equal(flipped->found.count, 1);
    assert_int_equal(flipped->found.flips[0].sample, 0);
    assert_int_equal(flipped->found.class_count, 2);
    flipped_drop(flipped_retain(flipped));
    flipped_drop(flipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_are_the_answers_that_differ),
        cmocka_unit_test(without_labels_every_flip_is_a_loss),
        cmocka_unit_test(dense_model_has_no_flips),
        cmocka_unit_test(asking_before_the_evaluation_is_answered_by_it),
        cmocka_unit_test(dropped_answers_are_found_again),
        cmocka_unit_test(unanswered_samples_do_not_count),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}
