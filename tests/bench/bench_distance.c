/*
 * How far the first two processors are from each other now: nanoseconds in
 * which a cache line goes from one thread to another and back. Virtual
 * processors move: of two on one core complex and on two, measured minutes
 * apart on one machine, lines took 50 and 310 ns, and what two threads gain
 * differs by as much. tests/peers/bench.cjs compares only at equal distance.
 *
 * bench_distance
 */
#include "base/clock.h"
#include "base/stats.h"
#include "exec/parallel.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { LINE = 128, TRIPS = 1000, ROUNDS = 101 };

static const int64_t warm_up_ns = 20000000; /* until threads run apart */

static struct {
    _Alignas(LINE) atomic_int ball; /* 1: there, 0: back */
    _Alignas(LINE) atomic_bool over;
} table;

static void return_balls(void)
{
    while (!atomic_load_explicit(&table.over, memory_order_relaxed))
        if (atomic_load_explicit(&table.ball, memory_order_acquire))
            atomic_store_explicit(&table.ball, 0, memory_order_release);
}

/* Nanoseconds of one round trip. */
static double play(void)
{
    int64_t begin = clock_now_ns();
    for (int i = 0; i < TRIPS; i++) {
        atomic_store_explicit(&table.ball, 1, memory_order_release);
        while (atomic_load_explicit(&table.ball, memory_order_acquire))
            ;
    }
    return (double)(clock_now_ns() - begin) / TRIPS;
}

static void measure(void *ns_of_rounds, int thread)
{
    double *ns = ns_of_rounds;
    if (thread == 1) {
        return_balls();
        return;
    }
    for (int64_t begin = clock_now_ns(); clock_now_ns() - begin < warm_up_ns;)
        (void)play();
    for (int i = 0; i < ROUNDS; i++)
        ns[i] = play();
    atomic_store_explicit(&table.over, true, memory_order_relaxed);
}

int main(void)
{
    double ns[ROUNDS];
    threads_run(2, measure, ns);
    printf("%.0f\n", stats_summarise(ns, ROUNDS).median);
    return 0;
}
