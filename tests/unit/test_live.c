/* The live estimate on synthetic margins, seeded. */
#include "base/array.h"
#include "base/rng.h"
#include "eval/effects.h"
#include "eval/live.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 3000, BATCH = 16, CASES = 60, LABELS = 10 };

struct world {
    struct outcome dense[N], variant[N];
    int64_t labels[N];
    double truth, base, loss, top5;
};

static struct outcome answer(double margin, int rival)
{
    return (struct outcome){
        .predicted = 0,
        .rival = rival,
        .margin = (float)margin,
        .margin5 = (float)(margin + 4),
        .loss = (float)log1p(exp(-margin)),
        .correct = margin > 0,
        .top5 = margin + 4 > 0,
    };
}

/* What the figures of all samples are. */
static void count_up(struct world *w)
{
    w->base = w->truth = w->top5 = w->loss = 0;
    for (int i = 0; i < N; i++) {
        w->base += w->dense[i].correct / (double)N;
        w->truth += w->variant[i].correct / (double)N;
        w->top5 += w->variant[i].top5 / (double)N;
        w->loss += (double)w->variant[i].loss / N;
    }
}

/* A dense model that is right on about 93 %; a variant that shrinks margins,
 * adds noise and dislikes one class. */
static void make_world(struct world *w, struct rng *rng, double harm)
{
    memset(w, 0, sizeof *w);
    for (int i = 0; i < N; i++) {
        double t = 4 + 2.7 * rng_normal(rng);
        int label = (int)rng_below(rng, LABELS);
        int rival = (label + 1 + (int)rng_below(rng, LABELS - 1)) % LABELS;
        double noise = harm * rng_normal(rng) / (0.3 + 0.7 * rng_uniform(rng));
        double u = (1 - harm / 4) * t + noise - (label == 3 ? harm : 0);
        w->labels[i] = label;
        w->dense[i] = answer(t, rival);
        w->variant[i] = answer(u, rival);
    }
    count_up(w);
}

static struct strata *make_strata(const struct world *w, uint64_t seed)
{
    struct strata *strata;
    struct error err = {0};
    assert_int_equal(
        strata_create(&strata, w->dense, w->labels, N, BATCH, seed, &err), 0);
    return strata;
}

static struct live *make_live(const struct strata *strata)
{
    struct live *live;
    struct error err = {0};
    assert_int_equal(live_create(&live, strata, &err), 0);
    return live;
}

static bool holds(const struct estimate *estimate, double value)
{
    return estimate->low <= value && value <= estimate->high;
}

static void strata_hold_every_sample_once(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    rng_init(&rng, 1);
    make_world(w, &rng, 0.5);
    struct strata *s = make_strata(w, 5);
    bool seen[N] = {0};
    int64_t batches = 0;
    double before = -INFINITY;
    for (size_t h = 0; h < s->count; h++) {
        int64_t classes = -1, sorted = s->list[h].first + s->list[h].mixed;
        int64_t end, first = strata_range(s, h, &end);
        double least = INFINITY, most = -INFINITY;
        assert_int_equal(s->list[h].first, batches);
        batches += s->list[h].count;
        for (int64_t i = first; i < end; i++) {
            assert_false(seen[s->order[i]]);
            seen[s->order[i]] = true;
            least = fmin(least, (double)s->margin[i]);
            most = fmax(most, (double)s->margin[i]);
            /* Behind the mixed batches by class. */
            if (i >= sorted * BATCH) {
                assert_true(s->label[i] >= classes);
                classes = s->label[i];
            }
        }
        assert_true(least >= before);
        before = most;
    }
    assert_int_equal(batches, s->batches);
    for (int i = 0; i < N; i++)
        assert_true(seen[i]);
    /* The same seed gives the same order, another one does not. */
    struct strata *same = make_strata(w, 5), *other = make_strata(w, 6);
    assert_memory_equal(s->order, same->order, N * sizeof *s->order);
    assert_memory_not_equal(s->order, other->order, N * sizeof *s->order);
    strata_destroy(s);
    strata_destroy(same);
    strata_destroy(other);
    free(w);
}

static void everything_seen_is_exact(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    rng_init(&rng, 2);
    make_world(w, &rng, 1);
    struct strata *s = make_strata(w, 5);
    struct live *live = make_live(s);
    bool seen[N] = {0};
    for (int64_t b; (b = live_next(live)) >= 0;) {
        assert_false(seen[b]);
        seen[b] = true;
        live_add(live, b, w->variant);
    }
    struct live_figures f;
    live_estimate(live, &f);
    assert_int_equal(live_samples(live), N);
    assert_int_equal(f.accuracy.samples, N);
    const struct {
        const struct estimate *estimate;
        double value, room;
    } exact[] = {{&f.accuracy, w->truth, 1e-12},
                 {&f.difference, w->truth - w->base, 1e-12},
                 {&f.top5, w->top5, 1e-12},
                 {&f.loss, w->loss, 1e-6}};
    for (size_t i = 0; i < ARRAY_LENGTH(exact); i++) {
        const struct estimate *e = exact[i].estimate;
        assert_true(fabs(e->value - exact[i].value) <= exact[i].room);
        assert_true(e->high - e->low <= 1e-9);
    }
    assert_int_equal(llround(N * (w->base - w->truth)),
                     f.base_only - f.variant_only);
    live_destroy(live);
    strata_destroy(s);
    free(w);
}

/* At one of these a look is taken, at random, and at all of them. */
static const int64_t looks[] = {32, 64, 128, 256, 512, 1024, 2048};
enum { LOOKS = sizeof looks / sizeof *looks };

struct score {
    int at_random, at_all, top5, loss;
    double half_at_256;
};

static void replay(const struct world *w, uint64_t seed, int random_look,
                   struct score *score)
{
    struct strata *s = make_strata(w, seed);
    struct live *live = make_live(s);
    bool all = true;
    for (int k = 0; k < LOOKS; k++) {
        while (live_samples(live) < looks[k])
            live_add(live, live_next(live), w->variant);
        struct live_figures f;
        live_estimate(live, &f);
        bool inside = holds(&f.accuracy, w->truth);
        all = all && inside;
        if (k == random_look) {
            score->at_random += inside;
            score->top5 += holds(&f.top5, w->top5);
            score->loss += holds(&f.loss, w->loss);
        }
        if (looks[k] == 256)
            score->half_at_256 += (f.accuracy.high - f.accuracy.low) / 2;
    }
    score->at_all += all;
    live_destroy(live);
    strata_destroy(s);
}

static void intervals_hold_the_value_of_all_samples(void **state)
{
    (void)state;
    static const double harms[] = {0.1, 0.4, 1, 2.5};
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t h = 0; h < ARRAY_LENGTH(harms); h++) {
        struct score score = {0};
        for (int i = 0; i < CASES; i++) {
            make_world(w, &rng, harms[h]);
            replay(w, (uint64_t)i, (int)rng_below(&rng, LOOKS), &score);
        }
        print_message("harm %.1f: of %d random looks %d hold, all looks %d, "
                      "top-5 %d, loss %d; half width at 256 %.2f points\n",
                      harms[h], CASES, score.at_random, score.at_all,
                      score.top5, score.loss, 100 * score.half_at_256 / CASES);
        /* Of 60 at 95 %, fewer than 53 happen once in 200. */
        assert_true(score.at_random >= 53);
        assert_true(score.at_all >= 53);
        assert_true(score.top5 >= 53);
        assert_true(score.loss >= 53);
    }
    free(w);
}

/* Pruning often breaks one class: samples far from the boundary flip too. Here
 * any of its samples flips with the same chance, which is worse than edits of
 * the example models do: while such flips are rare they are found late, so of
 * all looks together only two in three worlds hold. */
static void a_class_that_breaks_is_found(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    struct score score = {0};
    rng_init(&rng, 8);
    for (int i = 0; i < CASES; i++) {
        make_world(w, &rng, 0.3);
        for (int k = 0; k < N; k++) {
            double t = (double)w->dense[k].margin;
            double u = (double)w->variant[k].margin;
            if (w->labels[k] == 5 && rng_uniform(&rng) < 0.2)
                u -= t * 1.5 * rng_uniform(&rng);
            w->variant[k] = answer(u, w->dense[k].rival);
        }
        count_up(w);
        replay(w, (uint64_t)i, (int)rng_below(&rng, LOOKS), &score);
    }
    print_message("of %d worlds with a broken class %d hold at a random look, "
                  "%d at all looks\n",
                  CASES, score.at_random, score.at_all);
    assert_true(score.at_random >= 53);
    assert_true(score.at_all >= 36);
    free(w);
}

/* A broken model often gives one answer to everything: it keeps one class
 * whole, of which the first samples may say nothing. */
static void one_answer_to_everything_keeps_its_class(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    struct score score = {0};
    rng_init(&rng, 11);
    for (int i = 0; i < CASES; i++) {
        make_world(w, &rng, 0.1);
        for (int k = 0; k < N; k++) {
            double size = 3 + rng_normal(&rng);
            w->variant[k] = answer(w->labels[k] == i % LABELS ? size : -size,
                                   w->dense[k].rival);
        }
        count_up(w);
        replay(w, (uint64_t)i, (int)rng_below(&rng, LOOKS), &score);
    }
    print_message("of %d worlds with one answer %d hold at a random look, "
                  "%d at all looks, top-5 %d, loss %d\n",
                  CASES, score.at_random, score.at_all, score.top5, score.loss);
    assert_true(score.at_random >= 53);
    assert_true(score.at_all >= 53);
    free(w);
}

/* Once it has shown that one class suffers, its batches are asked for. */
static void batches_of_the_class_that_suffers_come_first(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    rng_init(&rng, 9);
    make_world(w, &rng, 0.1);
    for (int i = 0; i < N; i++)
        if (w->labels[i] == 5 && rng_uniform(&rng) < 0.5)
            w->variant[i] = answer(-1, w->dense[i].rival);
    struct strata *s = make_strata(w, 1);
    struct live *live = make_live(s);
    int asked = 0, suffering = 0;
    while (live_samples(live) < 768) {
        int64_t b = live_next(live), first;
        int64_t count = strata_batch(s, b, &first);
        for (int64_t i = first; i < first + count; i++) {
            asked += live_samples(live) >= 384;
            suffering += live_samples(live) >= 384 && s->label[i] == 5;
        }
        live_add(live, b, w->variant);
    }
    print_message("%d of %d samples are of the class\n", suffering, asked);
    assert_true(suffering > asked / 5); /* a tenth of all are */
    live_destroy(live);
    strata_destroy(s);
    free(w);
}

/* The effects by their definition: what is added is solved for. */
static void effects_are_what_was_seen_drawn_to_zero(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    rng_init(&rng, 10);
    make_world(w, &rng, 0.5);
    struct strata *s = make_strata(w, 1);
    struct effects *e = calloc(1, sizeof *e);
    effects_init(e, s);
    /* Every sample of label 2 says 1, all others 0. */
    for (int step = 0; step < 2; step++) {
        effects_begin(e);
        for (size_t h = 0; h < s->count; h++) {
            int64_t end, first = strata_range(s, h, &end);
            for (int64_t i = first; i < end; i++) {
                int own[EFFECTS_OWN], count = effects_of(e, h, i, own);
                for (int k = 1; k < count; k++)
                    assert_true(own[k - 1] < own[k] && own[k] < e->size);
                double left = (s->label[i] == 2) - effects_sum(e, own, count);
                effects_add(e, own, count, left, 1);
            }
        }
        double change = effects_take(e, INFINITY);
        /* A linear problem is solved in one step. */
        assert_true(step ? change < 1e-9 : change > 0.1);
    }
    double squares = 0, x[EFFECTS_MOST] = {0}, y[EFFECTS_MOST] = {0};
    for (size_t h = 0; h < s->count; h++) {
        int64_t end, first = strata_range(s, h, &end);
        for (int64_t i = first; i < end; i++) {
            int own[EFFECTS_OWN], count = effects_of(e, h, i, own);
            double off = (s->label[i] == 2) - effects_sum(e, own, count);
            squares += off * off / N;
        }
    }
    assert_true(squares < 0.01); /* of 0.09 */
    x[3] = y[3] = 1;
    effects_solve(e, y);
    double doubt = effects_doubt(e, x);
    assert_true(fabs(doubt - y[3]) < 1e-12 && doubt > 0 && doubt < 0.5);
    free(e);
    strata_destroy(s);
    free(w);
}

static void small_changes_need_few_samples(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    struct score score = {0};
    rng_init(&rng, 4);
    for (int i = 0; i < CASES; i++) {
        make_world(w, &rng, 0.1);
        assert_true(w->base - w->truth < 0.01);
        replay(w, (uint64_t)i, 0, &score);
    }
    /* A count of 256 answers, 93 % right, knows 3 points. */
    assert_true(score.half_at_256 / CASES < 0.005);
    free(w);
}

static void odd_answers_do_no_harm(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    rng_init(&rng, 5);
    make_world(w, &rng, 1);
    for (int i = 0; i < N; i += 7) {
        w->variant[i] = answer(0, -1);
        w->variant[i].margin = i % 2 ? (float)NAN : INFINITY;
        w->variant[i].margin5 = INFINITY;
        w->dense[i + 1].margin = -INFINITY;
        w->dense[i + 1].correct = false;
        w->dense[i + 2].margin = NAN;
        w->dense[i + 2].correct = false;
        w->labels[i + 3] = -1;
    }
    struct strata *s = make_strata(w, 1);
    struct live *live = make_live(s);
    struct live_figures f;
    for (int64_t b; (b = live_next(live)) >= 0;) {
        live_estimate(live, &f);
        assert_true(isfinite(f.accuracy.value));
        assert_true(f.accuracy.low <= f.accuracy.value);
        assert_true(f.accuracy.value <= f.accuracy.high);
        live_add(live, b, w->variant);
    }
    int64_t right = 0;
    for (int i = 0; i < N; i++)
        right += w->variant[i].correct;
    live_estimate(live, &f);
    assert_true(fabs(f.accuracy.value - (double)right / N) < 1e-12);
    live_destroy(live);
    strata_destroy(s);
    free(w);
}

/* A batch that was known before is not handed out again. */
static void known_batches_are_skipped(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof *w);
    struct rng rng;
    rng_init(&rng, 6);
    make_world(w, &rng, 1);
    struct strata *s = make_strata(w, 1);
    struct live *live = make_live(s);
    for (int64_t b = 0; b < s->batches; b += 2)
        live_add(live, b, w->variant);
    int64_t left = s->batches / 2;
    for (int64_t b; (b = live_next(live)) >= 0; left--)
        assert_int_equal(b % 2, 1);
    assert_int_equal(left, 0);
    live_destroy(live);
    strata_destroy(s);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strata_hold_every_sample_once),
        cmocka_unit_test(everything_seen_is_exact),
        cmocka_unit_test(intervals_hold_the_value_of_all_samples),
        cmocka_unit_test(a_class_that_breaks_is_found),
        cmocka_unit_test(one_answer_to_everything_keeps_its_class),
        cmocka_unit_test(batches_of_the_class_that_suffers_come_first),
        cmocka_unit_test(effects_are_what_was_seen_drawn_to_zero),
        cmocka_unit_test(small_changes_need_few_samples),
        cmocka_unit_test(odd_answers_do_no_harm),
        cmocka_unit_test(known_batches_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
