#include "base/array.h"
#include "base/rng.h"
#include "prune/criteria.h"
#include "prune/select.h"
#include "prune_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LAYERS = 4 };
static int make_masks(struct mask_set *set, const struct graph *graph,
                      const struct layer_table *layers,
                      const struct decision *decisions,
                      const struct mask_set *previous,
                      const struct decision *previous_decisions,
                      struct error *err)
{
    const struct mask_source source = {
        .graph = graph,
        .layers = layers,
        .decisions = decisions,
        .previous = previous,
        .previous_decisions = previous_decisions,
    };
    return mask_set_init(set, &source, err);
}

static int allocate_rows(struct decision *decisions, const struct graph *graph,
                         const struct layer_table *layers, const size_t *rows,
                         size_t count, const struct criterion *criterion,
                         double share, struct error *err)
{
    const struct mask_source source = {.graph = graph, .layers = layers};
    return allocate_global(decisions, &source, rows, count, criterion, share,
                           err);
}

static const char *const names[LAYERS] = {"conv1", "layers.1.conv1",
                                          "layers.1.conv2", "fc"};
static const int64_t sizes[LAYERS] = {27, 144, 577, 64};

static struct decision magnitude(int64_t remove)
{
    return (struct decision){.structure = &structure_weight,
                             .criterion = &criterion_magnitude,
                             .remove = remove};
}

static size_t zeros(const struct bitmask *mask)
{
    return mask->bits - bitmask_count(mask);
}

/* Mask of one layer with `count` weights. */
static void mask_of(struct bitmask *mask, const float *weights, int64_t count,
                    int64_t remove)
{
    struct layer layer = {.weights = count, .prunable = true};
    float *scores = array_create((size_t)count, sizeof *scores);
    const struct score_input input = {.layer = &layer, .weight = weights};
    assert_int_equal(criterion_magnitude.score(&input, scores, NULL), 0);
    assert_int_equal(structure_weight.select(&structure_weight, &layer, scores,
                                             remove, mask, NULL),
                     0);
    free(scores);
}

static void mask_removes_exactly_what_was_asked(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    float weights[211];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LENGTH(weights); i++)
            weights[i] = round == 0   ? 0.5f /* equal */
                         : round == 1 ? (float)rng_below(&rng, 4) - 2 /* ties */
                                      : (float)rng_normal(&rng);
        for (int64_t k = 0; k <= (int64_t)ARRAY_LENGTH(weights); k++) {
            struct bitmask mask;
            mask_of(&mask, weights, ARRAY_LENGTH(weights), k);
            assert_int_equal(zeros(&mask), k);
            float smallest_kept = INFINITY, largest_removed = 0;
            for (size_t i = 0; i < ARRAY_LENGTH(weights); i++)
                if (bitmask_get(&mask, i))
                    smallest_kept = fminf(smallest_kept, fabsf(weights[i]));
                else
                    largest_removed = fmaxf(largest_removed, fabsf(weights[i]));
            assert_true(largest_removed <= smallest_kept);
            bitmask_release(&mask);
        }
    }
}

static void ties_fall_in_the_order_of_their_index(void **state)
{
    (void)state;
    const float weights[] = {1, -0.0f, 1, 0, -1, 2, 1};
    struct bitmask mask;
    mask_of(&mask, weights, ARRAY_LENGTH(weights), 4);
    const bool kept[] = {false, false, false, false, true, true, true};
    for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
        assert_int_equal(bitmask_get(&mask, i), kept[i]);
    bitmask_release(&mask);
}

static void nan_is_kept_longest(void **state)
{
    (void)state;
    const float weights[] = {NAN, INFINITY, 1, -NAN, 1e-42f};
    struct bitmask mask;
    mask_of(&mask, weights, ARRAY_LENGTH(weights), 3);
    assert_true(bitmask_get(&mask, 0) && bitmask_get(&mask, 3));
    assert_int_equal(zeros(&mask), 3);
    bitmask_release(&mask);
}

static void keys_order_as_scores_do(void **state)
{
    (void)state;
    const float ordered[] = {-INFINITY, -2,     -1e-40f, 0,       1e-45f,
                             1e-40f,    0.999f, 1,       INFINITY};
    for (size_t i = 1; i < ARRAY_LENGTH(ordered); i++)
        assert_true(score_key(ordered[i - 1]) < score_key(ordered[i]));
    assert_int_equal(score_key(-0.0f), score_key(0.0f));
    assert_true(score_key(NAN) > score_key(INFINITY));
}

static void units_round_halves_away_from_zero(void **state)
{
    (void)state;
    assert_int_equal(decision_units(0.5, 1), 1);
    assert_int_equal(decision_units(0.5, 5), 3);
    assert_int_equal(decision_units(0.85, 150), 128);
    assert_int_equal(decision_units(0.85, 640), 544);
    assert_int_equal(decision_units(-0.1, 10), 0);
    assert_int_equal(decision_units(1.7, 10), 10);
    assert_int_equal(decision_units(NAN, 10), 0);
    assert_int_equal(decision_units(0.5, 0), 0);
}

static void tables_find_their_rows(void **state)
{
    (void)state;
    for (size_t i = 0; criteria[i]; i++) {
        assert_ptr_equal(criterion_find(criteria[i]->name), criteria[i]);
        assert_null(structure_find(criteria[i]->name)); /* words differ */
    }
    for (size_t i = 0; structures[i]; i++)
        assert_ptr_equal(structure_find(structures[i]->name), structures[i]);
    assert_null(criterion_find("magnitudes"));
    assert_null(structure_find(""));
}

static void masks_zero_weights_and_nothing_else(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 1);
    struct decision decisions[LAYERS] = {
        magnitude(20), {0}, magnitude(577), magnitude(1)};
    struct mask_set set;
    assert_int_equal(
        make_masks(&set, f.graph, &f.layers, decisions, NULL, NULL, NULL), 0);
    assert_null(set.masks[1].words);
    struct graph *masked;
    assert_int_equal(mask_set_apply(&masked, f.graph, &f.layers, &set, NULL),
                     0);
    for (size_t v = 0; v < f.graph->value_count; v++) {
        const struct tensor *a = &f.graph->values[v].constant;
        const struct tensor *b = &masked->values[v].constant;
        size_t layer = LAYERS;
        for (size_t i = 0; i < LAYERS; i++)
            if (f.layers.layers[i].weight == (int)v)
                layer = i;
        if (!a->data)
            continue;
        if (layer == LAYERS || layer == 1) { /* biases; a dense layer */
            assert_ptr_equal(a->data, b->data);
            continue;
        }
        int64_t cleared = 0;
        const float *x = a->data, *y = b->data;
        for (int64_t i = 0; i < sizes[layer]; i++) {
            cleared += y[i] == 0;
            assert_true(y[i] == 0 || y[i] == x[i]);
        }
        assert_int_equal(cleared, decisions[layer].remove);
        assert_int_equal(set.removed[layer], decisions[layer].remove);
    }
    graph_drop(masked);
    mask_set_release(&set);
    fixture_release(&f);
}

static void float16_weights_are_masked_in_their_type(void **state)
{
    (void)state;
    struct graph *graph;
    assert_int_equal(graph_create(&graph, NULL), 0);
    struct shape shape = {.rank = 1, .dims = {3}};
    struct tensor tensor;
    assert_int_equal(tensor_init(&tensor, DTYPE_FLOAT16, &shape, NULL), 0);
    uint16_t *halves = tensor.data;
    halves[0] = float32_to_float16(3);
    halves[1] = float32_to_float16(-0.25f);
    halves[2] = float32_to_float16(1);
    int id = graph_add_value(graph, "w", NULL);
    assert_int_equal(graph_set_constant(graph, id, &tensor, NULL), 0);
    tensor_release(&tensor);
    struct layer layer = {.weight = id, .weights = 3, .prunable = true};
    char name[] = "w";
    layer.name = name;
    struct layer_table layers = {.layers = &layer, .count = 1};
    struct decision decision = magnitude(1);
    struct mask_set set;
    assert_int_equal(
        make_masks(&set, graph, &layers, &decision, NULL, NULL, NULL), 0);
    struct graph *masked;
    assert_int_equal(mask_set_apply(&masked, graph, &layers, &set, NULL), 0);
    const struct tensor *out = &masked->values[id].constant;
    assert_int_equal(out->dtype, DTYPE_FLOAT16);
    assert_true(tensor_number(out, 0) == 3 && tensor_number(out, 1) == 0 &&
                tensor_number(out, 2) == 1);
    graph_drop(masked);
    mask_set_release(&set);
    graph_drop(graph);
}

static void previous_masks_are_taken_over(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 2);
    struct decision before[LAYERS] = {magnitude(5), magnitude(9)};
    struct decision after[LAYERS] = {magnitude(5), magnitude(10), magnitude(3)};
    struct mask_set old, fresh, updated;
    struct error err = {0};
    assert_int_equal(
        make_masks(&old, f.graph, &f.layers, before, NULL, NULL, &err), 0);
    assert_int_equal(
        make_masks(&fresh, f.graph, &f.layers, after, NULL, NULL, &err), 0);
    /* A mark in the old mask shows that it was copied, not computed. */
    bitmask_set(&old.masks[0], 3, !bitmask_get(&old.masks[0], 3));
    assert_int_equal(
        make_masks(&updated, f.graph, &f.layers, after, &old, before, &err), 0);
    assert_true(bitmask_equal(&updated.masks[0], &old.masks[0]));
    for (size_t i = 1; i < LAYERS; i++)
        if (fresh.masks[i].words)
            assert_true(bitmask_equal(&updated.masks[i], &fresh.masks[i]));
    mask_set_release(&old);
    mask_set_release(&fresh);
    mask_set_release(&updated);
    fixture_release(&f);
}

static void too_many_units_are_an_error(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 3);
    struct decision decisions[LAYERS] = {magnitude(28)};
    struct mask_set set;
    struct error err = {0};
    assert_int_equal(
        make_masks(&set, f.graph, &f.layers, decisions, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_RANGE);
    assert_non_null(strstr(err.message, "'conv1' has 27 removable weights"));
    fixture_release(&f);
}

struct ranked {
    float score;
    size_t layer;
    int64_t index;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void check_global(const struct fixture *f, const struct ranked *ranked,
                         int64_t total, double share)
{
    const size_t rows[LAYERS] = {0, 1, 2, 3};
    struct decision decisions[LAYERS] = {{0}};
    struct mask_set set;
    assert_int_equal(allocate_rows(decisions, f->graph, &f->layers, rows,
                                   LAYERS, &criterion_magnitude, share, NULL),
                     0);
    assert_int_equal(
        make_masks(&set, f->graph, &f->layers, decisions, NULL, NULL, NULL), 0);
    int64_t k = decision_units(share, total), removed = 0;
    for (size_t i = 0; i < LAYERS; i++)
        removed += set.removed[i];
    assert_int_equal(removed, k);
    for (int64_t i = 0; i < total; i++) {
        const struct bitmask *mask = &set.masks[ranked[i].layer];
        bool kept = !mask->words || bitmask_get(mask, (size_t)ranked[i].index);
        assert_int_equal(kept, i >= k);
    }
    mask_set_release(&set);
}

static void global_equals_a_full_sort(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct fixture f;
        fixture_init(&f, LAYERS, names, sizes, seed);
        struct ranked ranked[27 + 144 + 577 + 64];
        int64_t total = 0;
        for (size_t i = 0; i < LAYERS; i++) {
            float *w = fixture_weights(&f, i);
            for (int64_t j = 0; j < sizes[i]; j++) {
                if (seed % 2) /* many ties, across layers too */
                    w[j] = roundf(w[j] * 3);
                ranked[total++] = (struct ranked){fabsf(w[j]), i, j};
            }
        }
        qsort(ranked, (size_t)total, sizeof *ranked, compare_ranked);
        const double shares[] = {0, 0.001, 0.1, 0.5, 0.613, 0.9, 0.999, 1};
        for (size_t s = 0; s < ARRAY_LENGTH(shares); s++)
            check_global(&f, ranked, total, shares[s]);
        fixture_release(&f);
    }
}

static void global_leaves_other_rows_alone(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 4);
    f.layers.layers[2].prunable = false;
    const size_t rows[] = {0, 2, 3};
    struct decision decisions[LAYERS] = {{0}, magnitude(77), magnitude(1)};
    assert_int_equal(allocate_rows(decisions, f.graph, &f.layers, rows, 3,
                                   &criterion_magnitude, 0.5, NULL),
                     0);
    assert_int_equal(decisions[1].remove, 77);
    assert_int_equal(decisions[2].remove, 1); /* not prunable: not counted */
    assert_int_equal(decisions[0].remove + decisions[3].remove,
                     decision_units(0.5, 27 + 64));
    fixture_release(&f);
}

static void lamp_scores_share_what_is_left(void **state)
{
    (void)state;
    const float weights[] = {0, -3, 1, 2, -1, NAN, 0};
    /* Squares ascending by (size, index): 0 0 | 1 1 4 9; sums from each to
     * the end: 15 15 | 15 14 13 9. */
    const float expected[] = {0, 1, 1.0f / 15, 4.0f / 13, 1.0f / 14, NAN, 0};
    struct layer layer = {.weights = 7, .prunable = true};
    float scores[7];
    const struct score_input input = {.layer = &layer, .weight = weights};
    assert_int_equal(criterion_lamp.score(&input, scores, NULL), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(scores); i++)
        assert_true(isnan(expected[i]) ? isnan(scores[i])
                                       : scores[i] == expected[i]);
}

static void lamp_equals_its_definition(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 8);
    enum { COUNT = 3000 };
    static float weights[COUNT], scores[COUNT];
    for (int i = 0; i < COUNT; i++)
        weights[i] = (float)rng_normal(&rng) * (i % 3 ? 1 : 1e-3f);
    struct layer layer = {.weights = COUNT, .prunable = true};
    const struct score_input input = {.layer = &layer, .weight = weights};
    assert_int_equal(criterion_lamp.score(&input, scores, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        double square = (double)weights[i] * (double)weights[i], rest = 0;
        for (int j = 0; j < COUNT; j++) {
            double other = (double)weights[j] * (double)weights[j];
            if (other > square || (other == square && j >= i))
                rest += other;
        }
        assert_true(fabs((double)scores[i] - square / rest) <=
                    1e-6 * square / rest);
    }
}

static void lamp_empties_no_layer(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 6);
    const size_t rows[LAYERS] = {0, 1, 2, 3};
    struct decision decisions[LAYERS] = {{0}};
    float *tiny = fixture_weights(&f, 0);
    for (int64_t i = 0; i < sizes[0]; i++)
        tiny[i] *= 1e-4f; /* magnitude would remove all of it first */
    assert_int_equal(allocate_rows(decisions, f.graph, &f.layers, rows, LAYERS,
                                   &criterion_lamp, 0.99, NULL),
                     0);
    for (size_t i = 0; i < LAYERS; i++)
        assert_true(decisions[i].remove > 0 && decisions[i].remove < sizes[i]);
    assert_int_equal(allocate_rows(decisions, f.graph, &f.layers, rows, LAYERS,
                                   &criterion_magnitude, 0.5, NULL),
                     0);
    assert_int_equal(decisions[0].remove, sizes[0]);
    fixture_release(&f);
}

static void random_repeats_and_nests(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 5);
    struct mask_set few, many, again;
    struct decision decisions[LAYERS] = {{.structure = &structure_weight,
                                          .criterion = &criterion_random,
                                          .remove = 9}};
    assert_int_equal(
        make_masks(&few, f.graph, &f.layers, decisions, NULL, NULL, NULL), 0);
    assert_int_equal(
        make_masks(&again, f.graph, &f.layers, decisions, NULL, NULL, NULL), 0);
    decisions[0].remove = 20;
    assert_int_equal(
        make_masks(&many, f.graph, &f.layers, decisions, NULL, NULL, NULL), 0);
    assert_true(bitmask_equal(&few.masks[0], &again.masks[0]));
    assert_int_equal(few.removed[0], 9);
    for (size_t i = 0; i < few.masks[0].bits; i++)
        assert_true(bitmask_get(&few.masks[0], i) ||
                    !bitmask_get(&many.masks[0], i));
    mask_set_release(&few);
    mask_set_release(&many);
    mask_set_release(&again);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_removes_exactly_what_was_asked),
        cmocka_unit_test(ties_fall_in_the_order_of_their_index),
        cmocka_unit_test(nan_is_kept_longest),
        cmocka_unit_test(keys_order_as_scores_do),
        cmocka_unit_test(units_round_halves_away_from_zero),
        cmocka_unit_test(tables_find_their_rows),
        cmocka_unit_test(masks_zero_weights_and_nothing_else),
        cmocka_unit_test(float16_weights_are_masked_in_their_type),
        cmocka_unit_test(previous_masks_are_taken_over),
        cmocka_unit_test(too_many_units_are_an_error),
        cmocka_unit_test(global_equals_a_full_sort),
        cmocka_unit_test(global_leaves_other_rows_alone),
        cmocka_unit_test(lamp_scores_share_what_is_left),
        cmocka_unit_test(lamp_equals_its_definition),
        cmocka_unit_test(lamp_empties_no_layer),
        cmocka_unit_test(random_repeats_and_nests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
