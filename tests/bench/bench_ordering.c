/*
 * What a layer's output loses under each way of choosing its weights, at one
 * sparsity: random, magnitude, Wanda (masks only), SparseGPT and ExactOBS (the
 * others make up). Masks alone take the same share of each output row, since
 * Wanda compares there (over a whole layer of few inputs magnitude is better).
 * Shares of the output's energy on training samples, behind batch norm; a row
 * per layer, then the mean over layers. The mean must fall from left to right;
 * the program fails when it does not.
 *
 * usage: bench_ordering [SPARSITY [DATA [MODEL ...]]]
 */
#include "base/array.h"
#include "base/rng.h"
#include "dataset/dataset.h"
#include "onnx/model.h"
#include "op/instance.h"
#include "prune/batch_norm.h"
#include "prune/criteria.h"
#include "prune/fit.h"
#include "prune/score.h"
#include "prune/sparsegpt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16, BATCHES = 16, METHODS = 5 };

static const struct transform transform = {255, 1, {0.2860}, {0.3530}, ""};
static const char *const names[METHODS] = {"random", "magnitude", "wanda",
                                           "sparsegpt", "obs"};

static void check(int code, const struct error *err)
{
    if (code == 0)
        return;
    fprintf(stderr, "bench_ordering: %s\n", err->message);
    exit(1);
}

static int fill(void *context, size_t input, int64_t b, void *out,
                struct error *err)
{
    (void)err;
    dataset_read(context, input, &transform, DTYPE_FLOAT32, b * BATCH, NULL,
                 BATCH, out);
    return 0;
}

/* (v - w) H (v - w)^T over all rows, with v the weights that a mask leaves. */
static double masked_error(const struct fit *fit, const float *scores,
                           const struct decision *decision, struct error *err)
{
    const struct layer_matrix *m = &fit->layer->matrix;
    size_t n = (size_t)fit->columns;
    struct bitmask mask;
    double sum = 0, *gone = array_create(n, sizeof *gone);
    check(gone ? 0 : error_memory(err, n * sizeof *gone), err);
    check(structure_weight.select(&structure_weight, fit->layer, scores,
                                  decision->remove, &mask, err),
          err);
    for (int r = 0; r < fit->rows; r++) {
        const double *h =
            fit->second + (size_t)(r / (fit->rows / fit->groups)) * n * n;
        double row = 0;
        for (size_t j = 0; j < n; j++) {
            int64_t at = layer_matrix_at(m, r, (int64_t)j / m->places,
                                         (int64_t)j % m->places);
            gone[j] = bitmask_get(&mask, (size_t)at)
                          ? 0
                          : fit->wanted[(size_t)r * n + j];
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n && gone[i] != 0; j++)
                row += gone[i] * h[i * n + j] * gone[j];
        sum += row * fit->scale[r];
    }
    bitmask_release(&mask);
    free(gone);
    return sum;
}

/* A shuffle, |w|, |w| times its input's norm, all ranked inside rows. */
static void score_masks(const struct fit *fit, float *scores[3],
                        struct error *err)
{
    const struct layer_matrix *m = &fit->layer->matrix;
    size_t n = (size_t)fit->columns;
    struct rng rng;
    rng_init(&rng, 1);
    for (int r = 0; r < fit->rows; r++) {
        size_t group = (size_t)(r / (fit->rows / fit->groups));
        for (size_t j = 0; j < n; j++) {
            int64_t at = layer_matrix_at(m, r, (int64_t)j / m->places,
                                         (int64_t)j % m->places);
            double norm = sqrt(fit->second[(group * n + j) * n + j]);
            double w = fabs(fit->wanted[(size_t)r * n + j]);
            scores[0][at] = (float)rng_uniform(&rng);
            scores[1][at] = (float)w;
            scores[2][at] = (float)(w * norm);
        }
    }
    for (int i = 0; i < 3; i++)
        check(score_rank_rows(m, scores[i], err), err);
}

/* As fit_own_outputs, without a bias that could make up: ||WX - VX||^2. */
static void fit_plain(struct fit *fit, const struct trace *trace,
                      const struct layer *layer, struct error *err)
{
    const struct graph *graph = trace->dense;
    struct batch_norm norm;
    struct hessian hessian;
    const float *weight = graph->values[layer->weight].constant.data;
    check(batch_norm_behind(&norm, graph, graph->nodes[layer->node].outputs[0],
                            err),
          err);
    check(hessian_init(&hessian, trace, layer, TRACE_DENSE, NULL, err), err);
    const struct fit_options options = {.row_scale = norm.scale};
    check(fit_init(fit, layer, weight, &hessian, &options, err), err);
    check(fit_trace(fit, &structure_weight, &parallel_none, NULL, err), err);
    hessian_release(&hessian);
    batch_norm_release(&norm);
}

static void measure(const struct trace *trace, const struct layer *layer,
                    double sparsity, double errors[METHODS])
{
    struct error err = {0};
    struct fit fit;
    struct bitmask mask;
    float *scores[3], *weight;
    size_t count = (size_t)layer->weights;
    const struct decision decision = {
        .structure = &structure_weight,
        .remove = decision_units(sparsity, layer->weights)};
    weight = array_create(count, sizeof *weight);
    for (int i = 0; i < 3; i++)
        scores[i] = array_create(count, sizeof *scores[i]);
    fit_plain(&fit, trace, layer, &err);
    score_masks(&fit, scores, &err);
    for (int i = 0; i < 3; i++)
        errors[i] = masked_error(&fit, scores[i], &decision, &err);
    check(sparsegpt(&fit, &structure_weight, decision.remove, &mask, weight,
                    &errors[3], &parallel_none, NULL, &err),
          &err);
    bitmask_release(&mask);
    check(fit_select(&fit, decision.remove, &mask, &err), &err);
    check(
        fit_solve(&fit, &mask, weight, &errors[4], &parallel_none, NULL, &err),
        &err);
    bitmask_release(&mask);
    for (int i = 0; i < METHODS; i++)
        errors[i] /= fit.total;
    fit_release(&fit);
    for (int i = 0; i < 3; i++)
        free(scores[i]);
    free(weight);
}

static void print_row(const char *model, const char *layer, double sparsity,
                      const double errors[METHODS])
{
    printf("ordering,%s,%s,%.2f", model, layer, sparsity);
    for (int i = 0; i < METHODS; i++)
        printf(",%.5f", errors[i]);
    printf("\n");
    fflush(stdout);
}

/* Whether the means fall from each method to the next. */
static bool run(const char *path, const char *data, double sparsity)
{
    const struct dataset_options train = {.split = "train"};
    struct error err = {0};
    struct onnx_model *model;
    struct dataset *dataset;
    struct graph *graph;
    struct layer_table layers;
    struct trace trace;
    double sums[METHODS] = {0};
    int measured = 0;
    bool falls = true;
    check(onnx_open(&model, path, &err), &err);
    check(dataset_open(&dataset, data, &train, &err), &err);
    check(op_instantiate(&graph, onnx_graph(model), BATCH, &err), &err);
    check(layer_table_init(&layers, graph, &err), &err);
    const struct trace_source source = {BATCHES, fill, dataset};
    check(trace_init(&trace, graph, NULL, &source, &parallel_none, NULL, true,
                     &err),
          &err);
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->folded && graph->folded[i])
            continue;
        for (size_t l = 0; l < layers.count; l++) {
            const struct layer *layer = &layers.layers[l];
            double errors[METHODS];
            if (layer->node != (int)i || !layer->prunable ||
                layer->matrix.inputs * layer->matrix.places > FIT_TRACE_COLUMNS)
                continue;
            measure(&trace, layer, sparsity, errors);
            print_row(path, layer->name, sparsity, errors);
            for (int m = 0; m < METHODS; m++)
                sums[m] += errors[m];
            measured++;
        }
        check(trace_run(&trace, (int)i, TRACE_DENSE, &err), &err);
        trace_pass(&trace, (int)i);
    }
    for (int m = 0; m < METHODS; m++) {
        sums[m] /= measured ? measured : 1;
        falls = falls && (m == 0 || sums[m] <= sums[m - 1]);
    }
    print_row(path, "mean", sparsity, sums);
    trace_release(&trace);
    layer_table_release(&layers);
    graph_drop(graph);
    dataset_close(dataset);
    onnx_close(model);
    return falls;
}

int main(int argc, char **argv)
{
    static const char *const models[] = {"data/resnet20-bn.onnx",
                                         "data/lenet5.onnx"};
    double sparsity = argc > 1 ? strtod(argv[1], NULL) : 0.8;
    const char *data = argc > 2 ? argv[2] : "data/fashion-mnist-sample";
    bool falls = true;
    printf("bench,model,layer,sparsity");
    for (int i = 0; i < METHODS; i++)
        printf(",%s", names[i]);
    printf("\n");
    if (argc > 3)
        for (int i = 3; i < argc; i++)
            falls = run(argv[i], data, sparsity) && falls;
    else
        for (size_t i = 0; i < ARRAY_LENGTH(models); i++)
            falls = run(models[i], data, sparsity) && falls;
    if (!falls)
        fprintf(stderr, "bench_ordering: the order does not hold\n");
    return falls ? 0 : 1;
}
