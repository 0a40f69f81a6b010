/* Threads, cancelling and what the processor can do. */
#include "base/cancel.h"
#include "base/cpu.h"
#include "base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

struct seen {
    struct cancel stop;
    atomic_int rounds;
    bool blocked; /* SIGINT and SIGWINCH, as the thread found them */
};

static void *body(void *argument)
{
    struct seen *seen = argument;
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    seen->blocked = sigismember(&mask, SIGINT) && sigismember(&mask, SIGWINCH);
    do
        atomic_fetch_add(&seen->rounds, 1);
    while (!cancel_raised(&seen->stop));
    return NULL;
}

static void a_thread_runs_until_it_is_cancelled(void **state)
{
    (void)state;
    for (int low = 0; low < 2; low++) {
        struct seen seen = {.blocked = false};
        struct thread thread = {.running = false};
        cancel_reset(&seen.stop);
        assert_int_equal(thread_start(&thread, "test", low, body, &seen, &err),
                         0);
        while (!atomic_load(&seen.rounds))
            ;
        cancel_raise(&seen.stop);
        thread_join(&thread);
        assert_false(thread.running);
        assert_true(seen.blocked);
        thread_join(&thread); /* again is fine */
        sigset_t mask;
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        assert_false(sigismember(&mask, SIGINT)); /* ours is as it was */
    }
}

static void a_flag_is_raised_until_it_is_reset(void **state)
{
    (void)state;
    struct cancel cancel;
    cancel_reset(&cancel);
    assert_false(cancel_raised(&cancel));
    cancel_raise(&cancel);
    assert_true(cancel_raised(&cancel));
    cancel_reset(&cancel);
    assert_false(cancel_raised(&cancel));
    assert_false(cancel_raised(NULL));
}

static void the_best_kernels_are_used_unless_told(void **state)
{
    (void)state;
    enum cpu_isa isa = CPU_ISA_COUNT;
    unsetenv("ESPALIER_ISA");
    assert_int_equal(cpu_isa_select(&isa, &err), 0);
    assert_int_equal(isa, cpu_isa_detect());
    setenv("ESPALIER_ISA", "", 1);
    assert_int_equal(cpu_isa_select(&isa, &err), 0);
    assert_int_equal(isa, cpu_isa_detect());
    for (int i = 0; i < CPU_ISA_COUNT; i++) {
        bool has = cpu_isa_supported((enum cpu_isa)i);
        setenv("ESPALIER_ISA", cpu_isa_name((enum cpu_isa)i), 1);
        assert_int_equal(cpu_isa_select(&isa, &err), has ? 0 : -1);
        if (has)
            assert_int_equal(isa, i);
        else
            assert_int_equal(err.code, ERROR_USAGE);
    }
    setenv("ESPALIER_ISA", "sse9", 1);
    assert_int_equal(cpu_isa_select(&isa, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    assert_string_equal(err.message, "ESPALIER_ISA is 'sse9', expected "
                                     "scalar, avx2, avx512 or neon");
    unsetenv("ESPALIER_ISA");
}

static void there_is_a_processor(void **state)
{
    (void)state;
    char name[128], tiny[4];
    memset(name, 'x', sizeof name);
    assert_true(cpu_count() >= 1);
    cpu_model_name(name, sizeof name);
    assert_non_null(memchr(name, '\0', sizeof name));
    assert_null(strchr(name, '\n'));
    cpu_model_name(tiny, sizeof tiny);
    assert_true(strlen(tiny) < sizeof tiny);
    assert_int_equal(strncmp(name, tiny, strlen(tiny)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_runs_until_it_is_cancelled),
        cmocka_unit_test(a_flag_is_raised_until_it_is_reset),
        cmocka_unit_test(the_best_kernels_are_used_unless_told),
        cmocka_unit_test(there_is_a_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
