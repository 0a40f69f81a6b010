/* Variants that are evaluated before anybody asks for them. */
#include "engine_fixture.h"

#include "engine/flipped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct session *session;
static struct engine *engine;

static int start(void **state)
{
    (void)state;
    session = engine_open_session("labelled.npz");
    engine = engine_start(session, false);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    engine_destroy(engine);
    session_close(session);
    return 0;
}

/* Waits until all samples of a variant are known. */
static struct result known(const struct variant *variant)
{
    struct result result;
    const struct timespec pause = {.tv_nsec = 2000000};
    while (!engine_lookup(engine, variant->hash, &result) ||
           result.accuracy.samples < SAMPLES) {
        result_release(&result);
        nanosleep(&pause, NULL);
    }
    return result;
}

static struct variant *preview(const char *line)
{
    struct variant *variant = session_preview(session, line);
    assert_non_null(variant);
    return variant;
}

static void look(const struct variant *a, const struct variant *b)
{
    const struct variant *list[] = {a, b};
    engine_look_ahead(engine, list, b ? 2 : 1, 0);
}

static void preview_is_the_variant_that_the_line_makes(void **state)
{
    (void)state;
    engine_edit(session, "set fc1 50%");
    const struct variant *now = session_current(session);
    int count = session_variant_count(session);
    struct variant *ahead = preview("set @1 +1%");
    assert_int_equal(session_variant_count(session), count);
    assert_ptr_equal(session_current(session), now);
    assert_null(session_preview(session, "set @1 50%")); /* no change */
    assert_null(session_preview(session, "set @9 50%"));
    assert_null(session_preview(session, "export x.onnx"));
    assert_null(session_preview(session, "undo"));
    assert_ptr_equal(session_current(session), now);
    const struct variant *made = engine_edit(session, "set @1 +1%");
    assert_true(made->hash == ahead->hash);
    variant_drop(ahead);
}

static void a_hit_is_complete_at_once(void **state)
{
    (void)state;
    const struct variant *now = engine_edit(session, "set fc1 50%");
    report_drop(engine_shown(engine, now));
    struct variant *up = preview("set fc1 +10%"),
                   *down = preview("set fc1 -10%");
    look(up, down);
    struct result first = known(up), second = known(down);
    const struct report *report = engine_report(engine);
    assert_true(report->hash == now->hash); /* nothing was published */
    assert_false(report->ahead);
    report_drop(report);
    const struct variant *made = engine_edit(session, "set fc1 +10%");
    engine_show(engine, made, 0);
    report = engine_report(engine);
    assert_true(report->hash == made->hash);
    assert_true(report->ahead);
    assert_int_equal(report->result.accuracy.samples, SAMPLES);
    assert_true(report->complete); /* no latency is measured here */
    report_drop(report);
    /* The same figures as without looking ahead. */
    struct engine *other = engine_start(session, false);
    report = engine_shown(other, made);
    assert_true(report->result.accuracy.value == first.accuracy.value);
    assert_int_equal(report->result.base_only, first.base_only);
    assert_false(report->ahead);
    report_drop(report);
    engine_destroy(other);
    result_release(&first);
    result_release(&second);
    variant_drop(up);
    variant_drop(down);
}

static void looking_ahead_is_idleness_and_gives_way(void **state)
{
    (void)state;
    const struct variant *now = engine_edit(session, "set fc1 50%");
    report_drop(engine_shown(engine, now));
    for (int i = 0; i < 30; i++) {
        char line[32];
        snprintf(line, sizeof line, "set fc1 %d%%", 20 + i);
        struct variant *next = preview(line);
        look(next, NULL);
        const struct timespec pause = {.tv_nsec = i % 3 * 80000000L};
        nanosleep(&pause, NULL); /* before, about at and after its beginning */
        assert_true(engine_wait(engine, -1));
        const struct variant *made = engine_edit(session, line);
        const struct report *report = engine_shown(engine, made);
        assert_true(report->complete);
        assert_int_equal(report->result.accuracy.samples, SAMPLES);
        report_drop(report);
        variant_drop(next);
    }
}

static void other_wishes_go_first(void **state)
{
    (void)state;
    const struct variant *now = engine_edit(session, "set fc1 50%");
    report_drop(engine_shown(engine, now));
    struct variant *up = preview("set fc1 60%"), *down = preview("set fc1 40%");
    look(up, down);
    flipped_drop(engine_flipped(engine, now));
    assert_true(engine_wait(engine, -1));
    const struct flipped *flipped = engine_flipped(engine, now);
    assert_non_null(flipped);
    flipped_drop(flipped);
    struct result a = known(up), b = known(down); /* goes on behind it */
    result_release(&a);
    result_release(&b);
    variant_drop(up);
    variant_drop(down);
}

static void pause_and_stop_hold_it(void **state)
{
    (void)state;
    const struct variant *now = engine_edit(session, "set fc1 50%");
    report_drop(engine_shown(engine, now));
    struct variant *up = preview("set fc1 60%");
    struct result result;
    engine_pause(engine, true);
    look(up, NULL);
    const struct timespec pause = {.tv_nsec = 300000000};
    nanosleep(&pause, NULL);
    assert_false(engine_lookup(engine, up->hash, &result));
    engine_pause(engine, false);
    result = known(up);
    result_release(&result);
    struct variant *down = preview("set fc1 40%");
    look(down, NULL);
    engine_cancel(engine);
    nanosleep(&pause, NULL);
    assert_false(engine_lookup(engine, down->hash, &result));
    variant_drop(up);
    variant_drop(down);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(preview_is_the_variant_that_the_line_makes),
        TEST(a_hit_is_complete_at_once),
        TEST(looking_ahead_is_idleness_and_gives_way),
        TEST(other_wishes_go_first),
        TEST(pause_and_stop_hold_it),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}
