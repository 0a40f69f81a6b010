/* Smaller graphs in a running engine: plans, cached activations and masks of
 * the variants before must not leak into them. */
#include "engine_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct session *open_session(void)
{
    struct session *session;
    struct error err = {0};
    struct session_options options = {.model_path = "data/resnet20-bn.onnx",
                                      .data_path = "data/fashion-mnist-sample",
                                      .samples = 96,
                                      .transform = transform_identity()};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

static const struct report *show(struct engine *engine,
                                 const struct variant *variant)
{
    const struct report *report = engine_shown(engine, variant);
    if (report->failed)
        fail_msg("%s", report->error.message);
    return report;
}

/* Every line makes a variant that is shown at once, as in the explorer; a
 * fresh engine finds the same figures for each. */
static void figures_do_not_depend_on_what_was_shown_before(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "set layers.6.conv1 50%",           "set layers.6.conv1 25% channel",
        "set layers.6.conv1 +1 channel",    "set stem 4 channel",
        "set layers.7.conv1 layer",         "set layers.8.conv2 60%",
        "set layers.7.conv1 0 layer",       "undo 4",
        "set layers.3.conv2 50% channel/8",
    };
    struct session *session = open_session();
    struct engine *engine = engine_start(session, false);
    double loss = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct variant *variant = engine_edit(session, lines[i]);
        const struct report *report = show(engine, variant);
        struct engine *fresh = engine_start(session, false);
        const struct report *again = show(fresh, variant);
        if (fabs(report->result.loss.value - again->result.loss.value) >
            1e-4 * again->result.loss.value)
            fail_msg("'%s': loss %.9g, on its own %.9g", lines[i],
                     report->result.loss.value, again->result.loss.value);
        assert_true(report->result.accuracy.value ==
                    again->result.accuracy.value);
        assert_int_equal(report->result.cost.nonzeros,
                         again->result.cost.nonzeros);
        assert_true(again->result.loss.value != loss);
        loss = again->result.loss.value;
        report_drop(again);
        engine_destroy(fresh);
        report_drop(report);
    }
    engine_destroy(engine);
    session_close(session);
}

static void a_narrow_model_costs_less(void **state)
{
    (void)state;
    struct session *session = open_session();
    struct engine *engine = engine_start(session, true);
    const struct variant *variant =
        engine_edit(session, "set * 50% channel; set layers.4.conv1 layer");
    const struct report *report = show(engine, variant);
    const struct cost *cost = &report->result.cost;
    const struct cost *dense = &report->result.dense_cost;
    assert_true(report->result.has_latency);
    assert_true(cost->parameters < 0.3 * (double)dense->parameters);
    assert_true(cost->macs < 0.3 * (double)dense->macs);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_do_not_depend_on_what_was_shown_before),
        cmocka_unit_test(a_narrow_model_costs_less),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}
