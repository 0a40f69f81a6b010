/* Criteria side by side against evaluations of the same decisions. */
#include "engine/rivals.h"
#include "engine/work.h"
#include "engine_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct work_status done(struct engine *engine,
                               const struct session *session, const char *line)
{
    struct work_status status;
    struct error err = {0};
    const struct timespec pause = {.tv_nsec = 1000000};
    if (engine_work_start(engine, session_current(session), line, &err) < 0)
        fail_msg("%s: %s", line, err.message);
    while (engine_work_poll(engine, &status) && !status.finished) {
        work_status_release(&status);
        nanosleep(&pause, NULL);
    }
    return status;
}

/* Everything else, a second pruned layer, stays as it is. */
static void each_is_what_the_engine_finds(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    engine_edit(session, "set @2 60%; set @1 85% weight magnitude");
    struct work_status status = done(engine, session, "criteria @1");
    assert_false(status.failed);
    work_status_release(&status);
    struct rivals rivals;
    assert_true(engine_rivals(engine, &rivals));
    assert_int_equal(rivals.row, 0);
    assert_int_equal(rivals.variant, 1);
    assert_true(fabs(rivals.amount - 0.85) < 1e-3);
    assert_string_equal(rivals.items[rivals.current].criterion->name,
                        "magnitude");
    int known = 0;
    for (size_t i = 0; i < rivals.count; i++) {
        const struct rival *one = &rivals.items[i];
        char line[64];
        assert_true(one->known != one->refused);
        assert_true(one->known || one->reason[0]);
        if (!one->known)
            continue;
        known++;
        snprintf(line, sizeof line, "goto 1; set @1 85%% weight %s",
                 one->criterion->name);
        const struct report *report =
            engine_shown(engine, engine_edit(session, line));
        assert_int_equal(one->samples, SAMPLES);
        if (fabs(one->value - report->result.accuracy.value) > 1e-6)
            fail_msg("%s: %g, expected %g", one->criterion->name, one->value,
                     report->result.accuracy.value);
        report_drop(report);
    }
    assert_true(known >= 3);
    engine_destroy(engine);
    session_close(session);
}

static void a_dense_layer_needs_an_amount(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    struct rivals rivals;
    assert_false(engine_rivals(engine, &rivals));
    struct work_status status = done(engine, session, "criteria @1");
    assert_true(status.failed);
    assert_non_null(strstr(status.error.message, "name an amount"));
    work_status_release(&status);
    status = done(engine, session, "criteria @1 50%");
    assert_false(status.failed);
    work_status_release(&status);
    assert_true(engine_rivals(engine, &rivals));
    assert_int_equal(rivals.current, rivals.count); /* none is the variant's */
    engine_destroy(engine);
    session_close(session);
}

static void senseless_lines_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"criteria", "criteria: found 0 words"},
        {"criteria nosuch", "nosuch"},
        {"criteria *", "expected one"},
        {"criteria @1 120%", "120%"},
    };
    struct session *session = engine_open_session("labelled.npz");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        assert_int_equal(engine_work_check(session, cases[i].line, &err), -1);
        if (!strstr(err.message, cases[i].message))
            fail_msg("%s: %s", cases[i].line, err.message);
    }
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_what_the_engine_finds),
        cmocka_unit_test(a_dense_layer_needs_an_amount),
        cmocka_unit_test(senseless_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}
