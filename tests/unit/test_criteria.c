/* Criteria against what their definitions say, computed here from scratch. */
#include "base/array.h"
#include "dataset/dataset.h"
#include "exec_fixture.h"
#include "onnx/model.h"
#include "prune/calibration.h"
#include "prune/criteria.h"
#include "prune/group.h"
#include "prune/importance.h"
#include "prune/score.h"
#include "train/evidence.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 16, BATCHES = 2, SIDE = 28, CLASSES = 10 };
static const struct transform transform = {255, 1, {0.2860}, {0.3530}, ""};

static int fill_images(void *context, size_t input, int64_t b, void *out,
                       struct error *err)
{
    (void)err;
    dataset_read(context, input, &transform, DTYPE_FLOAT32, b * BATCH, NULL,
                 BATCH, out);
    return 0;
}

/* --- without data --- */

static void sizes_are_as_defined(void **state)
{
    (void)state;
    const float weight[] = {1, -3, 0, 2};
    const float squares[] = {1, 9, 0, 4};
    const float shares[] = {1 / 1.5f, 2, 0, 2 / 1.5f};
    struct layer layer = {.weights = 4};
    const struct score_input input = {.layer = &layer, .weight = weight};
    float score[4];
    assert_int_equal(criterion_l2.score(&input, score, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_true(score[i] == squares[i]);
    assert_int_equal(criterion_normalised.score(&input, score, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(score[i] - shares[i]) < 1e-6f);
    assert_ptr_equal(criterion_find("l1"), &criterion_magnitude);
}

static void fpgm_sums_distances_between_filters(void **state)
{
    (void)state;
    /* Filters as points of a plane: a triangle and one inside of it. */
    const float weight[] = {0, 0, 4, 0, 0, 3, 1, 1};
    const double expected[] = {
        4 + 3 + sqrt(2),
        4 + 5 + sqrt(9 + 1),
        3 + 5 + sqrt(1 + 4),
        sqrt(2) + sqrt(10) + sqrt(5),
    };
    struct layer layer = {.weights = 8, .matrix = {4, 2, 1, 2, 1, 0, 1}};
    const struct score_input input = {.layer = &layer, .weight = weight};
    float rows[4];
    assert_int_equal(criterion_fpgm.score_rows(&input, rows, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)rows[i] - expected[i]) < 1e-5);
    assert_true(rows[3] < rows[0] && rows[3] < rows[1] && rows[3] < rows[2]);
}

/* Conv, batch norm, Relu, Conv: two groups, of which only the first goes. */
static struct graph *make_chain(void)
{
    const int64_t in[] = {1, 3, 6, 6}, w1[] = {5, 3, 3, 3}, c[] = {5};
    const int64_t w2[] = {4, 5, 3, 3};
    struct graph *g = exec_graph();
    exec_constant(g, "w1", 1, 0.3f, 4, w1);
    exec_constant(g, "gamma", 2, 1, 1, c);
    exec_constant(g, "beta", 3, 1, 1, c);
    exec_constant(g, "mean", 4, 1, 1, c);
    exec_constant(g, "variance", 5, 0, 1, c);
    exec_constant(g, "w2", 6, 0.3f, 4, w2);
    const char *conv1[] = {"x", "w1", NULL};
    const char *norm[] = {"y", "gamma", "beta", "mean", "variance", NULL};
    const char *relu[] = {"n", NULL}, *conv2[] = {"a", "w2", NULL};
    exec_node(g, "Conv", conv1, "y", NULL);
    exec_node(g, "BatchNormalization", norm, "n", NULL);
    exec_node(g, "Relu", relu, "a", NULL);
    exec_node(g, "Conv", conv2, "z", NULL);
    return exec_finish(g, "x", 4, in, "z");
}

static void batch_norms_scale_is_asked_of_the_producer_alone(void **state)
{
    (void)state;
    struct graph *g = make_chain();
    struct layer_table layers;
    struct error err = {0};
    assert_int_equal(layer_table_init(&layers, g, NULL), 0);
    const struct mask_source source = {.graph = g, .layers = &layers};
    const struct group *group = layers.layers[0].group;
    float *importance =
        group_importance(&source, group, &criterion_bn_scale, &err);
    assert_non_null(importance);
    const float *gamma = NULL;
    for (size_t v = 0; v < g->value_count; v++)
        if (g->values[v].name && !strcmp(g->values[v].name, "gamma"))
            gamma = g->values[v].constant.data;
    float sum = 0;
    for (int i = 0; i < 5; i++)
        sum += fabsf(gamma[i]);
    for (int i = 0; i < 5; i++)
        assert_true(fabsf(importance[i] - 5 * fabsf(gamma[i]) / sum) < 1e-5f);
    free(importance);
    /* No batch norm stands behind the second: nobody knows. */
    assert_null(group_importance(&source, layers.layers[1].group,
                                 &criterion_bn_scale, &err));
    assert_string_equal(err.message, "layer 'w2': criterion 'bn-scale' knows "
                                     "nothing about its outputs");
    layer_table_release(&layers);
    graph_drop(g);
}

static void what_ranks_channels_ranks_no_weights(void **state)
{
    (void)state;
    struct graph *g = make_chain();
    struct layer_table layers;
    struct error err = {0};
    struct decision decisions[2] = {decision_dense(), decision_dense()};
    assert_int_equal(layer_table_init(&layers, g, NULL), 0);
    struct choice choice = {&structure_weight, &criterion_fpgm, 5};
    assert_int_equal(decision_choose(decisions, &layers, 0, &choice, &err), -1);
    assert_string_equal(err.message, "criterion 'fpgm' ranks channels and "
                                     "heads, found structure 'weight'");
    choice = (struct choice){&structure_channel, &criterion_fpgm, 2};
    assert_int_equal(decision_choose(decisions, &layers, 0, &choice, &err), 0);
    const struct mask_source source = {.graph = g, .layers = &layers};
    assert_null(score_layer(&source, 0, &criterion_wanda, &err));
    assert_string_equal(err.message,
                        "layer 'w1': criterion 'wanda' needs samples to "
                        "calibrate on, there are none");
    layer_table_release(&layers);
    graph_drop(g);
}

static void ranks_stay_inside_rows(void **state)
{
    (void)state;
    float scores[] = {5, 1, 3, 10, 20, 20};
    const float expected[] = {2, 0, 1, 0, 1, 2};
    const struct layer_matrix matrix = {2, 3, 1, 3, 1, 0, 1};
    assert_int_equal(score_rank_rows(&matrix, scores, NULL), 0);
    for (int i = 0; i < 6; i++)
        assert_true(scores[i] == expected[i]);
    float masked[] = {-0.5f, 1, 3, 10, 20, 20};
    assert_int_equal(score_rank_rows(&matrix, masked, NULL), 0);
    assert_true(masked[0] == -0.5f && masked[3] == 0);
}

/* --- with data --- */

struct fixture {
    struct graph *graph;
    struct layer_table layers;
    struct dataset *data;
    struct calibration_request request;
    float images[BATCH * BATCHES][SIDE * SIDE];
};

static void fixture_init(struct fixture *f, const char *model)
{
    const struct dataset_options train = {.split = "train"};
    *f = (struct fixture){.graph = exec_model(model, BATCH)};
    assert_int_equal(
        dataset_open(&f->data, "data/fashion-mnist-sample", &train, NULL), 0);
    assert_int_equal(layer_table_init(&f->layers, f->graph, NULL), 0);
    for (int64_t b = 0; b < BATCHES; b++)
        fill_images(f->data, 0, b, f->images[b * BATCH], NULL);
    f->request = (struct calibration_request){
        .instance = f->graph,
        .layers = &f->layers,
        .source = {BATCHES, fill_images, f->data},
        .parallel = parallel_none,
    };
}

static void fixture_release(struct fixture *f)
{
    layer_table_release(&f->layers);
    dataset_close(f->data);
    graph_drop(f->graph);
}

/* Gives what the test has put there. */
static int give(void *context, const struct weights *weights,
                enum calibration_part part, const struct calibration **out,
                struct error *err)
{
    (void)weights;
    (void)err;
    const struct calibration *known = context;
    assert_int_equal(known->part, part);
    *out = calibration_retain(known);
    return 0;
}

static struct calibrator calibrator_of(const struct calibration *known)
{
    struct calibrator calibrator = {.get = give};
    memcpy(&calibrator.context, &known, sizeof known);
    return calibrator;
}

/* Inputs of LeNet-5's first convolution are the images: 5x5, no padding. */
static void wanda_weighs_by_the_norm_of_inputs(void **state)
{
    (void)state;
    enum { KERNEL = 5, OUT = SIDE - KERNEL + 1, COLUMNS = KERNEL * KERNEL };
    struct fixture f;
    const struct calibration *found;
    fixture_init(&f, "lenet5");
    assert_int_equal(
        calibration_collect(&found, CALIBRATION_INPUTS, &f.request, NULL), 0);
    const struct calibrator calibrator = calibrator_of(found);
    struct decision decisions[4] = {{0}, {0}, {0}, {0}};
    for (int i = 0; i < 4; i++)
        decisions[i] = decision_dense();
    decisions[0].criterion = &criterion_wanda;
    decisions[0].remove = 200; /* of 500, rows have 25 */
    const struct mask_source source = {.graph = f.graph,
                                       .layers = &f.layers,
                                       .decisions = decisions,
                                       .calibrator = &calibrator};
    float *scores = score_layer(&source, 0, &criterion_wanda, NULL);
    assert_non_null(scores);
    const float *w = f.graph->values[f.layers.layers[0].weight].constant.data;
    for (int j = 0; j < COLUMNS; j++) {
        double sum = 0;
        for (int n = 0; n < BATCH * BATCHES; n++)
            for (int y = 0; y < OUT; y++)
                for (int x = 0; x < OUT; x++) {
                    double v = (double)f.images[n][(y + j / KERNEL) * SIDE + x +
                                                   j % KERNEL];
                    sum += v * v;
                }
        double norm = sqrt(sum / (BATCH * BATCHES * OUT * OUT));
        for (int r = 0; r < 20; r++) {
            double expected = fabs((double)w[r * COLUMNS + j]) * norm;
            assert_true(fabs((double)scores[r * COLUMNS + j] - expected) <
                        1e-5 * (1 + expected));
        }
    }
    free(scores);
    struct mask_set masks;
    assert_int_equal(mask_set_init(&masks, &source, NULL), 0);
    for (int r = 0; r < 20; r++) {
        int fell = 0;
        for (int j = 0; j < COLUMNS; j++)
            fell += !bitmask_get(&masks.masks[0], (size_t)(r * COLUMNS + j));
        assert_int_equal(fell, 10);
    }
    mask_set_release(&masks);
    calibration_drop(found);
    fixture_release(&f);
}

/* The first convolution of ResNet-20, 3x3 with padding, its batch norm and
 * Relu, from the definition. */
static void activations_are_counted_behind_batch_norm_and_relu(void **state)
{
    (void)state;
    struct fixture f;
    const struct calibration *found;
    fixture_init(&f, "resnet20-bn");
    assert_int_equal(
        calibration_collect(&found, CALIBRATION_OUTPUTS, &f.request, NULL), 0);
    const struct graph *g = f.graph;
    const struct layer *layer = &f.layers.layers[0];
    const float *w = g->values[layer->weight].constant.data;
    int norm;
    assert_int_equal(
        graph_consumers(g, g->nodes[layer->node].outputs[0], &norm, 1), 1);
    const float *v[4];
    for (int i = 0; i < 4; i++)
        v[i] = g->values[g->nodes[norm].inputs[1 + i]].constant.data;
    for (int r = 0; r < 16; r += 5) {
        double mean = 0, active = 0;
        for (int n = 0; n < BATCH * BATCHES; n++)
            for (int y = 0; y < SIDE; y++)
                for (int x = 0; x < SIDE; x++) {
                    double sum = 0;
                    for (int k = 0; k < 9; k++) {
                        int iy = y + k / 3 - 1, ix = x + k % 3 - 1;
                        if (iy >= 0 && iy < SIDE && ix >= 0 && ix < SIDE)
                            sum += (double)w[r * 9 + k] *
                                   (double)f.images[n][iy * SIDE + ix];
                    }
                    double a = (sum - (double)v[2][r]) /
                                   sqrt((double)v[3][r] + 1e-5) *
                                   (double)v[0][r] +
                               (double)v[1][r];
                    mean += a > 0 ? a : 0;
                    active += a > 0;
                }
        double count = BATCH * BATCHES * SIDE * SIDE;
        assert_true(fabs((double)found->layers[0].mean[r] - mean / count) <
                    1e-4);
        assert_true(fabs((double)found->layers[0].active[r] - active / count) <
                    1e-3);
    }
    const struct calibrator calibrator = calibrator_of(found);
    const struct mask_source source = {
        .graph = g, .layers = &f.layers, .calibrator = &calibrator};
    float *rows = score_rows(&source, 0, &criterion_apoz, NULL);
    assert_memory_equal(rows, found->layers[0].active, 16 * sizeof *rows);
    free(rows);
    rows = score_rows(&source, 0, &criterion_mean_activation, NULL);
    assert_memory_equal(rows, found->layers[0].mean, 16 * sizeof *rows);
    free(rows);
    calibration_drop(found);
    fixture_release(&f);
}

/* Mean cross-entropy of the first samples with weight `at` of a layer scaled.
 */
static double loss_with(const struct fixture *f, size_t row, int64_t at,
                        float factor, int64_t first, int64_t count)
{
    const struct value *value = &f->graph->values[f->layers.layers[row].weight];
    struct tensor changed;
    struct graph *g;
    struct runner *runner;
    double sum = 0;
    assert_int_equal(
        tensor_init(&changed, DTYPE_FLOAT32, &value->constant.shape, NULL), 0);
    memcpy(changed.data, value->constant.data, tensor_bytes(&changed));
    ((float *)changed.data)[at] *= factor;
    int id = f->layers.layers[row].weight;
    assert_int_equal(graph_with_constants(&g, f->graph, 1, &id, &changed, NULL),
                     0);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_REFERENCE, NULL, NULL);
    assert_int_equal(runner_create(&runner, plan, NULL), 0);
    fill_images(f->data, 0, 0, runner_input(runner, 0), NULL);
    assert_int_equal(
        runner_run(runner, 0, plan_step_count(plan), NULL, NULL, NULL), 0);
    const float *z = runner_output(runner, 0)->data;
    for (int64_t i = first; i < first + count; i++) {
        double total = 0;
        for (int c = 0; c < CLASSES; c++)
            total += exp((double)z[i * CLASSES + c]);
        sum += log(total) - (double)z[i * CLASSES + dataset_label(f->data, i)];
    }
    runner_destroy(runner);
    plan_drop(plan);
    graph_drop(g);
    tensor_release(&changed);
    return sum / (double)count;
}

/* g w is how the loss changes with the weight's scale. */
static double product_of(const struct fixture *f, size_t row, int64_t at,
                         int64_t first, int64_t count)
{
    const float h = 1.0f / 1024; /* short of the next kink */
    return (loss_with(f, row, at, 1 + h, first, count) -
            loss_with(f, row, at, 1 - h, first, count)) /
           (2 * (double)h);
}

static const struct calibration *gradients(const struct fixture *f,
                                           enum calibration_part part,
                                           int64_t batch)
{
    const struct calibration *found;
    struct onnx_model *model;
    struct evidence_set set;
    struct error err = {0};
    assert_int_equal(onnx_open(&model, "data/lenet5.onnx", NULL), 0);
    const struct evidence_request request = {.model = onnx_graph(model),
                                             .dataset = f->data,
                                             .transform = transform,
                                             .samples = BATCH,
                                             .batch = batch,
                                             .isa = cpu_isa_detect()};
    if (evidence_collect(&set, &request, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(
        calibration_of_gradients(&found, part, &f->layers, &set, NULL), 0);
    evidence_release(&set);
    onnx_close(model);
    return found;
}

/* The weight of a layer that matters most, by its own figures. */
static int64_t largest(const float *list, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (list[i] > list[best])
            best = i;
    return best;
}

static void gradients_are_differences_of_the_loss(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "lenet5");
    const struct calibration *batches =
        gradients(&f, CALIBRATION_GRADIENTS, BATCH / 2);
    const struct calibration *singles = gradients(&f, CALIBRATION_FISHER, 1);
    for (size_t row = 0; row < 4; row += 3) {
        const struct layer_calibration *b = &batches->layers[row];
        const struct layer_calibration *s = &singles->layers[row];
        const struct layer *layer = &f.layers.layers[row];
        const float *w = f.graph->values[layer->weight].constant.data;
        int64_t at = largest(b->taylor, layer->weights);
        double one = product_of(&f, row, at, 0, BATCH / 2);
        double two = product_of(&f, row, at, BATCH / 2, BATCH / 2);
        double taylor = (one * one + two * two) / 2;
        double snip = fabs(one + two) / 2, fisher = 0;
        assert_true(fabs((double)b->taylor[at] - taylor) < 0.02 * taylor);
        assert_true(fabs((double)b->snip[at] - snip) <
                    0.02 * snip + 0.01 * sqrt(taylor));
        at = largest(s->fisher, layer->weights);
        for (int64_t i = 0; i < BATCH; i++) {
            double product = product_of(&f, row, at, i, 1);
            fisher += product * product / BATCH;
        }
        double scored = (double)w[at] * (double)w[at] * (double)s->fisher[at];
        assert_true(fabs(scored - fisher) < 0.03 * fisher);
        const struct score_input input = {f.graph, layer, w, s};
        float *scores = array_create((size_t)layer->weights, sizeof *scores);
        assert_int_equal(criterion_fisher.score(&input, scores, NULL), 0);
        assert_true(fabs((double)scores[at] - scored / 2) < 1e-6 * scored);
        free(scores);
    }
    calibration_drop(batches);
    calibration_drop(singles);
    fixture_release(&f);
}

static int run_backwards(void *owner, int64_t count, parallel_piece *piece,
                         void *context, struct error *err)
{
    (void)owner;
    for (int64_t i = count; i-- > 0;)
        if (piece(context, (int)(i % 3), i, err) < 0)
            return -1;
    return 0;
}

static void figures_do_not_depend_on_who_counts(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "lenet5");
    f.request.source.batches = 5;
    for (enum calibration_part part = CALIBRATION_INPUTS;
         part <= CALIBRATION_ORDER; part++) {
        if (part == CALIBRATION_GRADIENTS || part == CALIBRATION_FISHER)
            continue;
        const struct calibration *a, *b;
        f.layers.count = part == CALIBRATION_ORDER ? 2 : 4;
        f.request.parallel = parallel_none;
        assert_int_equal(calibration_collect(&a, part, &f.request, NULL), 0);
        f.request.parallel = (struct parallel){3, run_backwards, NULL};
        assert_int_equal(calibration_collect(&b, part, &f.request, NULL), 0);
        for (size_t i = 0; i < f.layers.count; i++) {
            const struct layer *layer = &f.layers.layers[i];
            const struct layer_matrix *m = &layer->matrix;
            const struct layer_calibration *x = &a->layers[i];
            const struct layer_calibration *y = &b->layers[i];
            assert_string_equal(x->reason, y->reason);
            size_t columns = (size_t)(m->inputs * m->places * m->groups);
            if (x->norm)
                assert_memory_equal(x->norm, y->norm, columns * sizeof(float));
            if (x->mean)
                assert_memory_equal(x->mean, y->mean,
                                    (size_t)m->rows * sizeof(float));
            if (x->cost)
                assert_memory_equal(x->cost, y->cost,
                                    (size_t)layer->weights * sizeof(float));
        }
        calibration_drop(a);
        calibration_drop(b);
        f.layers.count = 4;
    }
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_as_defined),
        cmocka_unit_test(fpgm_sums_distances_between_filters),
        cmocka_unit_test(batch_norms_scale_is_asked_of_the_producer_alone),
        cmocka_unit_test(what_ranks_channels_ranks_no_weights),
        cmocka_unit_test(ranks_stay_inside_rows),
        cmocka_unit_test(wanda_weighs_by_the_norm_of_inputs),
        cmocka_unit_test(activations_are_counted_behind_batch_norm_and_relu),
        cmocka_unit_test(gradients_are_differences_of_the_loss),
        cmocka_unit_test(figures_do_not_depend_on_who_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
