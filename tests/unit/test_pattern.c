#include "base/array.h"
#include "base/rng.h"
#include "prune/criteria.h"
#include "prune/select.h"
#include "session_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A convolution's weight (rows, inputs, places), as stored. */
static struct layer make_layer(int64_t rows, int64_t inputs, int64_t places)
{
    static char name[] = "conv";
    return (struct layer){
        .name = name,
        .prunable = true,
        .reason = "",
        .weights = rows * inputs * places,
        .matrix = {rows, inputs, places, inputs * places, places, 1, 1},
    };
}

static float *make_scores(const struct layer *layer, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    float *scores = array_create((size_t)layer->weights, sizeof *scores);
    assert_non_null(scores);
    for (int64_t i = 0; i < layer->weights; i++)
        scores[i] = fabsf((float)rng_normal(&rng));
    return scores;
}

static void make_mask(struct bitmask *mask, const char *structure,
                      const struct layer *layer, const float *scores,
                      int64_t remove)
{
    const struct structure *s = structure_find(structure);
    assert_non_null(s);
    assert_int_equal(structure_fits(s, layer, NULL), 0);
    assert_int_equal(s->select(s, layer, scores, remove, mask, NULL), 0);
}

static int64_t removed(const struct bitmask *mask)
{
    return (int64_t)(mask->bits - bitmask_count(mask));
}

/* Most weights that a full group of `of` input channels keeps. */
static int64_t most_kept(const struct bitmask *mask, const struct layer *layer,
                         int64_t of)
{
    const struct layer_matrix *m = &layer->matrix;
    int64_t most = 0;
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t p = 0; p < m->places; p++)
            for (int64_t c = 0; c + of <= m->inputs; c += of) {
                int64_t kept = 0;
                for (int64_t i = 0; i < of; i++)
                    kept += bitmask_get(
                        mask, (size_t)layer_matrix_at(m, r, c + i, p));
                most = kept > most ? kept : most;
            }
    return most;
}

static void nm_keeps_n_of_m_and_most_score(void **state)
{
    (void)state;
    struct layer layer = make_layer(5, 18, 9);
    float *scores = make_scores(&layer, 3);
    for (int of = 1; of <= 16; of++)
        for (int keep = 1; keep <= of; keep++) {
            char name[16];
            snprintf(name, sizeof name, "%d:%d", keep, of);
            const struct structure *s = structure_find(name);
            assert_non_null(s);
            assert_int_equal(s->first, keep);
            int64_t full = s->natural(s, &layer);
            assert_int_equal(full, 5 * 9 * (18 / of) * (of - keep));
            struct bitmask mask;
            make_mask(&mask, name, &layer, scores, full);
            assert_int_equal(removed(&mask), full);
            assert_int_equal(most_kept(&mask, &layer, of), keep);
            /* exchanging a kept for a removed one of its group never helps */
            const struct layer_matrix *m = &layer.matrix;
            for (int64_t i = 0; i < m->rows * m->places; i++)
                for (int64_t c = 0; c < m->inputs / of * of; c++)
                    for (int64_t d = c / of * of; d < (c / of + 1) * of; d++) {
                        int64_t r = i / m->places, p = i % m->places;
                        int64_t a = layer_matrix_at(m, r, c, p);
                        int64_t b = layer_matrix_at(m, r, d, p);
                        if (bitmask_get(&mask, (size_t)a) &&
                            !bitmask_get(&mask, (size_t)b))
                            assert_true(scores[a] >= scores[b]);
                    }
            /* the last channels, fewer than M, stay */
            for (int64_t c = m->inputs / of * of; c < m->inputs; c++)
                assert_true(
                    bitmask_get(&mask, (size_t)layer_matrix_at(m, 2, c, 4)));
            bitmask_release(&mask);
        }
    free(scores);
}

static void nm_of_equal_scores_keeps_the_lowest_index(void **state)
{
    (void)state;
    struct layer layer = make_layer(1, 8, 1);
    const float scores[] = {1, 1, 1, 1, 0, 2, 0, 0};
    const bool kept[] = {true, true, false, false, true, true, false, false};
    struct bitmask mask;
    make_mask(&mask, "2:4", &layer, scores, 4);
    for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
        assert_int_equal(bitmask_get(&mask, i), kept[i]);
    bitmask_release(&mask);
}

static void amounts_of_nm_are_exact_and_nested(void **state)
{
    (void)state;
    struct layer layer = make_layer(4, 10, 9);
    float *scores = make_scores(&layer, 11);
    scores[7] = NAN;
    scores[16] = NAN;
    scores[25] = NAN;
    struct bitmask before = {0};
    int64_t full = structure_nm.natural(&structure_nm, &layer);
    for (int64_t k = 0; k <= layer.weights; k += 6) {
        struct bitmask mask;
        make_mask(&mask, "2:4", &layer, scores, k);
        assert_int_equal(removed(&mask), k);
        if (k >= full)
            assert_true(most_kept(&mask, &layer, 4) <= 2);
        for (size_t i = 0; before.words && i < mask.bits; i++)
            assert_true(bitmask_get(&before, i) || !bitmask_get(&mask, i));
        bitmask_release(&before);
        before = mask;
    }
    bitmask_release(&before);
    free(scores);
}

/* A layer is pruned along its inputs wherever the file puts them. */
static void nm_follows_the_inputs_of_a_transposed_weight(void **state)
{
    (void)state;
    struct layer layer = make_layer(6, 8, 1);
    layer.matrix.row_stride = 1; /* MatMul: (inputs, outputs) */
    layer.matrix.input_stride = 6;
    float *scores = make_scores(&layer, 5);
    struct bitmask mask;
    make_mask(&mask, "1:4", &layer, scores, 36);
    assert_int_equal(most_kept(&mask, &layer, 4), 1);
    assert_int_equal(removed(&mask), 36);
    bitmask_release(&mask);
    free(scores);
}

static void blocks_fall_whole_and_least_mean_first(void **state)
{
    (void)state;
    struct layer layer = make_layer(10, 7, 3);
    float *scores = make_scores(&layer, 17);
    const struct structure *s = structure_find("block:4x2");
    int64_t blocks = structure_units(s, &layer);
    assert_int_equal(blocks, 3 * 3 * 4);
    for (int64_t k = 0; k <= blocks; k++) {
        struct bitmask mask;
        make_mask(&mask, "block:4x2", &layer, scores, k);
        double least_kept = INFINITY, most_removed = 0;
        int64_t fallen = 0;
        for (int64_t r = 0; r < 10; r += 4)
            for (int64_t p = 0; p < 3; p++)
                for (int64_t c = 0; c < 7; c += 2) {
                    double sum = 0;
                    int count = 0, kept = 0;
                    for (int64_t i = r; i < r + 4 && i < 10; i++)
                        for (int64_t j = c; j < c + 2 && j < 7; j++) {
                            size_t at =
                                (size_t)layer_matrix_at(&layer.matrix, i, j, p);
                            sum += (double)scores[at];
                            kept += bitmask_get(&mask, at);
                            count++;
                        }
                    assert_true(kept == 0 || kept == count);
                    fallen += !kept;
                    double mean = (float)(sum / count);
                    if (kept)
                        least_kept = fmin(least_kept, mean);
                    else
                        most_removed = fmax(most_removed, mean);
                }
        assert_int_equal(fallen, k);
        assert_true(most_removed <= least_kept);
        bitmask_release(&mask);
    }
    free(scores);
}

static void no_block_spans_two_groups(void **state)
{
    (void)state;
    struct layer layer = make_layer(6, 2, 1); /* two groups of three outputs */
    layer.matrix.groups = 2;
    const float scores[] = {9, 9, 9, 9, 0, 0, 0, 0, 9, 9, 9, 9};
    assert_int_equal(structure_units(structure_find("block:2x2"), &layer), 4);
    struct bitmask mask;
    make_mask(&mask, "block:2x2", &layer, scores, 1);
    for (size_t i = 0; i < 12; i++) /* the edge block of the first group */
        assert_int_equal(bitmask_get(&mask, i), i != 4 && i != 5);
    bitmask_release(&mask);
    struct error err = {0};
    assert_int_equal(structure_fits(structure_find("block:4x1"), &layer, &err),
                     -1);
    assert_string_equal(err.message,
                        "layer 'conv': found 3 outputs by 2 inputs in a group, "
                        "too small for block:4x1");
}

static void kernels_fall_whole(void **state)
{
    (void)state;
    struct layer layer = make_layer(4, 5, 9);
    float *scores = make_scores(&layer, 23);
    struct bitmask mask;
    make_mask(&mask, "kernel", &layer, scores, 7);
    assert_int_equal(removed(&mask), 63);
    for (size_t k = 0; k < 20; k++)
        for (size_t p = 1; p < 9; p++)
            assert_int_equal(bitmask_get(&mask, k * 9 + p),
                             bitmask_get(&mask, k * 9));
    bitmask_release(&mask);
    free(scores);
}

static void members_of_families_are_one_object_each(void **state)
{
    (void)state;
    assert_ptr_equal(structure_find("2:4"), &structure_nm);
    const struct structure *s = structure_find("3:7");
    assert_ptr_equal(structure_find("3:7"), s);
    assert_string_equal(s->name, "3:7");
    assert_ptr_not_equal(structure_find("7:7"), s);
    assert_int_equal(structure_find("block:16x3")->first, 16);
    assert_int_equal(structure_find("block:16x3")->second, 3);
    static const char *const wrong[] = {
        "0:4",  "2:04", "2:4:4", ":4",        "2:",   "block:4",
        "+2:4", "2:x",  "block", "block:0x1", "2 :4", "block:4x1x1"};
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        struct error err = {0};
        assert_int_equal(structure_read(&s, wrong[i], &err), -1);
        assert_int_equal(err.code, ERROR_NAME);
    }
    static const char *const bounds[] = {"4:2", "2:17", "1:99999999999",
                                         "block:65x1"};
    for (size_t i = 0; i < ARRAY_LENGTH(bounds); i++) {
        struct error err = {0};
        assert_int_equal(structure_read(&s, bounds[i], &err), -1);
        assert_int_equal(err.code, ERROR_RANGE);
    }
}

static const char *failure(struct session *session, const char *line)
{
    static struct error err;
    struct command_result result = {0};
    err = (struct error){0};
    assert_int_equal(session_execute(session, line, &result, &err), -1);
    command_result_release(&result);
    return err.message;
}

static void commands_take_patterns_and_say_where_they_do_not_apply(void **state)
{
    (void)state;
    struct session_options options = session_fixture_options(NULL);
    options.model_path = "data/resnet20-bn.onnx";
    struct session *session;
    assert_int_equal(session_open(&session, &options, NULL), 0);
    const struct layer *layers = session_layers(session)->layers;
    session_fixture_run(session, "set layers.*.conv1 75% 2:4");
    const struct decision *d = &session_current(session)->decisions[1];
    assert_ptr_equal(d->structure, &structure_nm);
    assert_int_equal(d->remove, layers[1].weights * 3 / 4);
    session_fixture_run(session, "set layers.*.conv1 4:8 lamp");
    d = &session_current(session)->decisions[1];
    assert_string_equal(d->structure->name, "4:8");
    assert_int_equal(d->remove, layers[1].weights / 2);
    session_fixture_run(session, "set layers.*.conv2 block:8x1:50%");
    session_fixture_run(session, "set layers.4.conv2 25% kernel");

    /* a glob passes over what does not fit, a name says why */
    struct command_result result = {0};
    assert_int_equal(session_execute(session, "set * 50% 2:4", &result, NULL),
                     0);
    assert_non_null(strstr(result.message, "passed over layer 'stem'"));
    command_result_release(&result);
    assert_string_equal(
        failure(session, "set stem 2:4"),
        "set: layer 'stem': found 1 input channel, 2:4 needs 4");
    assert_string_equal(failure(session, "set fc 50% kernel"),
                        "set: layer 'fc': its kernels are single weights, use "
                        "'weight'");
    assert_string_equal(
        failure(session, "set fc 50% 4:2"),
        "set: found 4:2, expected to keep N of M with N <= M <= 16");
    assert_string_equal(
        failure(session, "set fc block:4x1"),
        "set: 'block:4x1' is a structure, expected an amount before "
        "it");

    struct mask_set masks;
    struct mask_source source = {
        .graph = session_graph(session),
        .layers = session_layers(session),
        .decisions = session_current(session)->decisions,
    };
    assert_int_equal(mask_set_init(&masks, &source, NULL), 0);
    for (size_t i = 1; i < session_layers(session)->count; i++)
        assert_int_equal(most_kept(&masks.masks[i], &layers[i], 4), 2);
    mask_set_release(&masks);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nm_keeps_n_of_m_and_most_score),
        cmocka_unit_test(nm_of_equal_scores_keeps_the_lowest_index),
        cmocka_unit_test(amounts_of_nm_are_exact_and_nested),
        cmocka_unit_test(nm_follows_the_inputs_of_a_transposed_weight),
        cmocka_unit_test(blocks_fall_whole_and_least_mean_first),
        cmocka_unit_test(no_block_spans_two_groups),
        cmocka_unit_test(kernels_fall_whole),
        cmocka_unit_test(members_of_families_are_one_object_each),
        cmocka_unit_test_setup_teardown(
            commands_take_patterns_and_say_where_they_do_not_apply,
            session_setup, session_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
