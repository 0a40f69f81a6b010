/* Oracles of reconstruction on small layers with correlated inputs. */
#include "base/array.h"
#include "base/rng.h"
#include "prune/criteria.h"
#include "prune/fit.h"
#include "prune/obs.h"
#include "prune/sparsegpt.h"
#include "prune/spd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 6, INPUTS = 8, PLACES = 2, COLUMNS = INPUTS * PLACES };
enum { WEIGHTS = ROWS * COLUMNS, VECTORS = 60 };

static struct layer make_layer(void)
{
    static char name[] = "layer";
    return (struct layer){
        .name = name,
        .prunable = true,
        .reason = "",
        .weights = WEIGHTS,
        .matrix = {ROWS, INPUTS, PLACES, COLUMNS, PLACES, 1, 1},
    };
}

struct bench {
    struct layer layer;
    struct hessian hessian; /* without targets */
    float weight[WEIGHTS];
    double x[VECTORS][COLUMNS];
    double second[COLUMNS * COLUMNS], first[COLUMNS];
    struct fit fit;
};

/* Inputs are mixtures, so that columns can stand in for each other. */
static void bench_init(struct bench *b, uint64_t seed, bool identity)
{
    struct rng rng;
    rng_init(&rng, seed);
    *b = (struct bench){.layer = make_layer()};
    double mix[COLUMNS][COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        for (int j = 0; j < COLUMNS; j++)
            mix[i][j] = rng_normal(&rng) * (i == j ? 1 : 0.4);
    for (int v = 0; v < VECTORS; v++)
        for (int j = 0; j < COLUMNS; j++)
            for (int k = 0; k < COLUMNS; k++)
                b->x[v][j] += mix[j][k] * (0.3 + rng_normal(&rng));
    for (int i = 0; i < COLUMNS; i++)
        for (int j = 0; j < COLUMNS; j++)
            for (int v = 0; v < VECTORS; v++)
                b->second[i * COLUMNS + j] += b->x[v][i] * b->x[v][j];
    for (int v = 0; v < VECTORS; v++)
        for (int j = 0; j < COLUMNS; j++)
            b->first[j] += b->x[v][j];
    if (identity)
        for (int i = 0; i < COLUMNS; i++)
            for (int j = 0; j < COLUMNS; j++)
                b->second[i * COLUMNS + j] = i == j ? VECTORS : 0;
    for (int i = 0; i < WEIGHTS; i++)
        b->weight[i] = (float)rng_normal(&rng);
    b->hessian = (struct hessian){
        .groups = 1,
        .columns = COLUMNS,
        .rows = ROWS,
        .count = VECTORS,
        .second = b->second,
        .first = b->first,
    };
    struct fit_options options = {0};
    assert_int_equal(
        fit_init(&b->fit, &b->layer, b->weight, &b->hessian, &options, NULL),
        0);
}

static void bench_release(struct bench *b)
{
    fit_release(&b->fit);
}

/* (v - w) H (v - w)^T over all rows, H as the fit has it (damped). */
static double true_error(const struct bench *b, const float *v)
{
    double sum = 0;
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < COLUMNS; i++)
            for (int j = 0; j < COLUMNS; j++) {
                int at = r * COLUMNS;
                sum += ((double)v[at + i] - (double)b->weight[at + i]) *
                       b->fit.second[i * COLUMNS + j] *
                       ((double)v[at + j] - (double)b->weight[at + j]);
            }
    return sum;
}

static void assert_near(double a, double b, double tolerance)
{
    if (fabs(a - b) > tolerance * (1 + fabs(b)))
        fail_msg("found %.12g, expected %.12g", a, b);
}

static double choose(struct bench *b, const char *structure, int64_t remove,
                     struct bitmask *mask, float *weight)
{
    double error;
    assert_int_equal(fit_trace(&b->fit, structure_find(structure),
                               &parallel_none, NULL, NULL),
                     0);
    assert_int_equal(fit_select(&b->fit, remove, mask, NULL), 0);
    assert_int_equal(
        fit_solve(&b->fit, mask, weight, &error, &parallel_none, NULL, NULL),
        0);
    return error;
}

static void factor_solves_and_inverts(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 1, false);
    double factor[COLUMNS * COLUMNS], x[COLUMNS];
    memcpy(factor, b.fit.second, sizeof factor);
    assert_int_equal(spd_factor(factor, COLUMNS), 0);
    for (int i = 0; i < COLUMNS; i++)
        x[i] = i + 1;
    spd_solve(factor, COLUMNS, x);
    for (int i = 0; i < COLUMNS; i++) {
        double sum = 0;
        for (int j = 0; j < COLUMNS; j++)
            sum += b.fit.second[i * COLUMNS + j] * x[j];
        assert_near(sum, i + 1, 1e-10);
        for (int j = 0; j < COLUMNS; j++) {
            double product = 0;
            for (int k = 0; k < COLUMNS; k++)
                product += b.fit.second[i * COLUMNS + k] *
                           b.fit.inverse[k * COLUMNS + j];
            assert_near(product, i == j, 1e-10);
        }
    }
    double indefinite[] = {1, 2, 2, 1};
    assert_int_equal(spd_factor(indefinite, 2), -1);
    bench_release(&b);
}

/* U_ii^2 is the first diagonal element of the inverse of what is left. */
static void factor_of_the_inverse_is_the_sequential_diagonal(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 2, false);
    double u[COLUMNS * COLUMNS];
    memcpy(u, b.fit.inverse, sizeof u);
    assert_int_equal(spd_factor(u, COLUMNS), 0);
    for (int i = 0; i < COLUMNS; i++) {
        int left = COLUMNS - i;
        double tail[COLUMNS * COLUMNS], inverse[COLUMNS * COLUMNS];
        for (int r = 0; r < left; r++)
            for (int c = 0; c < left; c++)
                tail[r * left + c] = b.fit.second[(i + r) * COLUMNS + i + c];
        assert_int_equal(spd_factor(tail, left), 0);
        spd_invert(tail, left, inverse);
        assert_near(u[i * COLUMNS + i] * u[i * COLUMNS + i], inverse[0], 1e-9);
    }
    bench_release(&b);
}

static void trace_increases_add_up_to_the_error_of_the_refit(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 15; seed++) {
        struct bench b;
        bench_init(&b, seed, false);
        for (int64_t k = 0; k <= WEIGHTS; k += 12) {
            struct bitmask mask;
            float weight[WEIGHTS];
            double error = choose(&b, "weight", k, &mask, weight);
            assert_int_equal(bitmask_count(&mask), WEIGHTS - k);
            assert_near(error, true_error(&b, weight), 1e-5);
            double sum = 0; /* what fell of each row is a prefix of its trace */
            for (int r = 0; r < ROWS; r++)
                for (int s = 0; s < COLUMNS; s++) {
                    int column = b.fit.order[r * COLUMNS + s];
                    if (!bitmask_get(&mask, (size_t)(r * COLUMNS + column)))
                        sum += b.fit.increase[r * COLUMNS + s];
                }
            assert_near(sum, error, 1e-5);
            bitmask_release(&mask);
        }
        bench_release(&b);
    }
}

/* Every single removal is the cheapest by trying all of them. */
static void trace_takes_the_cheapest_each_time(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 21, false);
    assert_int_equal(
        fit_trace(&b.fit, &structure_weight, &parallel_none, NULL, NULL), 0);
    for (int steps = 0; steps < COLUMNS; steps++) {
        double least = INFINITY, taken = INFINITY;
        for (int next = steps; next < COLUMNS; next++) {
            struct bitmask mask;
            float weight[WEIGHTS];
            double error;
            assert_int_equal(bitmask_init(&mask, WEIGHTS, true), 0);
            for (int s = 0; s < steps; s++)
                bitmask_set(&mask, (size_t)b.fit.order[s], false);
            bitmask_set(&mask, (size_t)b.fit.order[next], false);
            assert_int_equal(fit_solve(&b.fit, &mask, weight, &error,
                                       &parallel_none, NULL, NULL),
                             0);
            least = fmin(least, error);
            taken = next == steps ? error : taken;
            bitmask_release(&mask);
        }
        assert_near(taken, least, 1e-9);
    }
    bench_release(&b);
}

static void independent_inputs_make_it_magnitude(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 31, true);
    float scores[WEIGHTS];
    for (int i = 0; i < WEIGHTS; i++)
        scores[i] = fabsf(b.weight[i]);
    for (int64_t k = 0; k <= WEIGHTS; k += 16) {
        struct bitmask expected, mask;
        float weight[WEIGHTS];
        assert_int_equal(structure_weight.select(&structure_weight, &b.layer,
                                                 scores, k, &expected, NULL),
                         0);
        choose(&b, "weight", k, &mask, weight);
        assert_true(bitmask_equal(&mask, &expected));
        for (int i = 0; i < WEIGHTS; i++)
            assert_near((double)weight[i],
                        bitmask_get(&mask, (size_t)i) ? (double)b.weight[i] : 0,
                        1e-6);
        bitmask_release(&mask);

        /* one block of columns here, so SparseGPT chooses the same */
        assert_int_equal(sparsegpt(&b.fit, &structure_weight, k, &mask, weight,
                                   NULL, &parallel_none, NULL, NULL),
                         0);
        assert_true(bitmask_equal(&mask, &expected));
        for (int i = 0; i < WEIGHTS; i++)
            assert_near((double)weight[i],
                        bitmask_get(&mask, (size_t)i) ? (double)b.weight[i] : 0,
                        1e-6);
        bitmask_release(&mask);
        bitmask_release(&expected);
    }
    bench_release(&b);
}

/* The mask of a score, and what is lost without and with a refit. */
static double score_error(struct bench *b, const float *scores, int64_t remove,
                          double *refitted)
{
    struct bitmask mask;
    float masked[WEIGHTS], weight[WEIGHTS];
    assert_int_equal(structure_weight.select(&structure_weight, &b->layer,
                                             scores, remove, &mask, NULL),
                     0);
    for (int i = 0; i < WEIGHTS; i++)
        masked[i] = bitmask_get(&mask, (size_t)i) ? b->weight[i] : 0;
    assert_int_equal(
        fit_solve(&b->fit, &mask, weight, refitted, &parallel_none, NULL, NULL),
        0);
    bitmask_release(&mask);
    return true_error(b, masked);
}

static void methods_are_in_their_order_on_average(void **state)
{
    (void)state;
    enum { LAYERS = 40 };
    double obs = 0, gpt = 0, wanda = 0, magnitude = 0, random = 0;
    for (uint64_t seed = 100; seed < 100 + LAYERS; seed++) {
        struct bench b;
        struct rng rng;
        bench_init(&b, seed, false);
        rng_init(&rng, seed);
        float scores[3][WEIGHTS], weight[WEIGHTS];
        for (int i = 0; i < WEIGHTS; i++) {
            int j = i % COLUMNS;
            double norm = sqrt(b.second[j * COLUMNS + j]);
            scores[0][i] = (float)rng_uniform(&rng);
            scores[1][i] = fabsf(b.weight[i]);
            scores[2][i] = (float)(fabs((double)b.weight[i]) * norm);
        }
        int64_t remove = WEIGHTS * 7 / 10;
        double *const sums[] = {&random, &magnitude, &wanda};
        for (int s = 0; s < 3; s++) {
            double refitted;
            double error = score_error(&b, scores[s], remove, &refitted);
            assert_true(refitted <= error * (1 + 1e-6));
            *sums[s] += error / b.fit.total / LAYERS;
        }
        struct bitmask mask;
        double best = choose(&b, "weight", remove, &mask, weight), error;
        bitmask_release(&mask);
        assert_int_equal(sparsegpt(&b.fit, &structure_weight, remove, &mask,
                                   weight, &error, &parallel_none, NULL, NULL),
                         0);
        assert_int_equal(bitmask_count(&mask), WEIGHTS - remove);
        assert_near(error, true_error(&b, weight), 1e-4);
        assert_true(best <= error * (1 + 1e-6));
        obs += best / b.fit.total / LAYERS;
        gpt += error / b.fit.total / LAYERS;
        bitmask_release(&mask);
        bench_release(&b);
    }
    assert_true(obs < gpt && gpt < wanda && wanda < magnitude &&
                magnitude < random);
}

static void patterns_hold_and_cost_what_the_refit_loses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t remove;
        int width;
    } cases[] = {
        {"2:4", WEIGHTS / 2, 1}, {"1:4", WEIGHTS * 3 / 4, 1},
        {"2:4", 70, 1},          {"block:2x2", 9, 4},
        {"block:4x1", 11, 4},    {"kernel", 20, PLACES},
    };
    struct bench b;
    bench_init(&b, 41, false);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct bitmask mask;
        float weight[WEIGHTS], chosen[WEIGHTS];
        double error =
            choose(&b, cases[i].name, cases[i].remove, &mask, weight);
        double sum = 0;
        int64_t count;
        double *increases = fit_increases(&b.fit, &count, NULL);
        const struct structure *s = structure_find(cases[i].name);
        assert_int_equal(count, structure_units(s, &b.layer));
        free(increases);
        for (int band = 0; band < b.fit.bands; band++)
            for (int step = 0; step < b.fit.steps; step++) {
                int at = band * b.fit.steps + step;
                int rows = ROWS / b.fit.bands ? ROWS / b.fit.bands : 1;
                int height =
                    s->select == structure_block.select ? s->first : rows;
                int unit = b.fit.order[at], column = unit;
                if (s->select == structure_block.select && s->second > 1)
                    column = unit % (INPUTS / s->second) * s->second * PLACES +
                             unit / (INPUTS / s->second);
                if (s->select == structure_kernel.select)
                    column = unit * PLACES;
                size_t bit = (size_t)(band * height * COLUMNS + column);
                if (!bitmask_get(&mask, bit))
                    sum += b.fit.increase[at];
            }
        assert_near(sum, error, 1e-5);
        /* the same units by score: scores that know the mask */
        float scores[WEIGHTS];
        for (int j = 0; j < WEIGHTS; j++)
            scores[j] = bitmask_get(&mask, (size_t)j);
        struct bitmask by_score;
        assert_int_equal(
            s->select(s, &b.layer, scores, cases[i].remove, &by_score, NULL),
            0);
        assert_true(bitmask_equal(&by_score, &mask));
        bitmask_release(&by_score);
        bitmask_release(&mask);
        if (s->natural && cases[i].remove == s->natural(s, &b.layer)) {
            double other;
            assert_int_equal(sparsegpt(&b.fit, s, cases[i].remove, &mask,
                                       chosen, &other, &parallel_none, NULL,
                                       NULL),
                             0);
            assert_int_equal(bitmask_count(&mask), WEIGHTS - cases[i].remove);
            assert_near(other, true_error(&b, chosen), 1e-4);
            bitmask_release(&mask);
        }
    }
    bench_release(&b);
}

static void scales_of_rows_move_what_falls(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 51, false);
    fit_release(&b.fit);
    const float scale[ROWS] = {10, 1, 1, 1, 1, 1};
    struct fit_options options = {.row_scale = scale};
    assert_int_equal(
        fit_init(&b.fit, &b.layer, b.weight, &b.hessian, &options, NULL), 0);
    struct bitmask mask;
    float weight[WEIGHTS];
    choose(&b, "weight", WEIGHTS / 2, &mask, weight);
    int kept[ROWS] = {0};
    for (int i = 0; i < WEIGHTS; i++)
        kept[i / COLUMNS] += bitmask_get(&mask, (size_t)i);
    for (int r = 1; r < ROWS; r++)
        assert_true(kept[0] > kept[r]);
    bitmask_release(&mask);
    bench_release(&b);
}

/* With targets and a free bias: the least squares of y on x and 1. */
static void targets_are_met_as_least_squares_can(void **state)
{
    (void)state;
    struct bench b;
    struct rng rng;
    bench_init(&b, 61, false);
    fit_release(&b.fit);
    rng_init(&rng, 61);
    double wanted[ROWS], cross[WEIGHTS] = {0}, target[ROWS] = {0};
    double square[ROWS] = {0}, y[VECTORS][ROWS];
    for (int r = 0; r < ROWS; r++)
        wanted[r] = rng_normal(&rng);
    for (int v = 0; v < VECTORS; v++)
        for (int r = 0; r < ROWS; r++) {
            y[v][r] = wanted[r];
            for (int j = 0; j < COLUMNS; j++)
                y[v][r] += b.x[v][j] * (double)b.weight[r * COLUMNS + j] * 2;
            target[r] += y[v][r];
            square[r] += y[v][r] * y[v][r];
            for (int j = 0; j < COLUMNS; j++)
                cross[r * COLUMNS + j] += y[v][r] * b.x[v][j];
        }
    b.hessian.cross = cross;
    b.hessian.target = target;
    b.hessian.square = square;
    struct fit_options options = {.centred = true, .damping = 1e-9};
    assert_int_equal(
        fit_init(&b.fit, &b.layer, b.weight, &b.hessian, &options, NULL), 0);
    struct bitmask mask;
    float weight[WEIGHTS];
    double error, bias[ROWS];
    assert_int_equal(bitmask_init(&mask, WEIGHTS, true), 0);
    assert_int_equal(
        fit_solve(&b.fit, &mask, weight, &error, &parallel_none, NULL, NULL),
        0);
    fit_bias(&b.fit, weight, bias);
    for (int i = 0; i < WEIGHTS; i++)
        assert_near((double)weight[i], 2 * (double)b.weight[i], 1e-5);
    for (int r = 0; r < ROWS; r++)
        assert_near(bias[r], wanted[r], 1e-5);
    bitmask_release(&mask);
    bench_release(&b);
}

static void dead_inputs_fall_first_and_damping_grows_when_it_must(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 71, false);
    fit_release(&b.fit);
    for (int i = 0; i < COLUMNS; i++)
        b.second[3 * COLUMNS + i] = b.second[i * COLUMNS + 3] = 0;
    struct fit_options options = {0};
    assert_int_equal(
        fit_init(&b.fit, &b.layer, b.weight, &b.hessian, &options, NULL), 0);
    struct bitmask mask;
    float weight[WEIGHTS];
    choose(&b, "weight", ROWS, &mask, weight);
    for (int r = 0; r < ROWS; r++)
        assert_false(bitmask_get(&mask, (size_t)(r * COLUMNS + 3)));
    bitmask_release(&mask);
    fit_release(&b.fit);

    for (int i = 0; i < COLUMNS; i++) /* not a matrix of products at all */
        for (int j = 0; j < COLUMNS; j++)
            b.second[i * COLUMNS + j] = i == j ? 1 : 1.05;
    assert_int_equal(
        fit_init(&b.fit, &b.layer, b.weight, &b.hessian, &options, NULL), 0);
    assert_true(b.fit.damping > 0.05);
    fit_release(&b.fit);
    b.second[0] = NAN;
    struct error err = {0};
    assert_int_equal(
        fit_init(&b.fit, &b.layer, b.weight, &b.hessian, &options, &err), -1);
    assert_int_equal(err.code, ERROR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factor_solves_and_inverts),
        cmocka_unit_test(factor_of_the_inverse_is_the_sequential_diagonal),
        cmocka_unit_test(trace_increases_add_up_to_the_error_of_the_refit),
        cmocka_unit_test(trace_takes_the_cheapest_each_time),
        cmocka_unit_test(independent_inputs_make_it_magnitude),
        cmocka_unit_test(methods_are_in_their_order_on_average),
        cmocka_unit_test(patterns_hold_and_cost_what_the_refit_loses),
        cmocka_unit_test(scales_of_rows_move_what_falls),
        cmocka_unit_test(targets_are_met_as_least_squares_can),
        cmocka_unit_test(dead_inputs_fall_first_and_damping_grows_when_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
