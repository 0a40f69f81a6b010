/*
 * Training: one step over 128 samples of each example model, forward, loss,
 * backward and update, on one thread and on two. Prints a row per model and
 * number of threads:
 *
 *   model,batch,threads,ms,p10_ms,p90_ms,images_per_s,epoch_s,bytes
 *
 * epoch_s is for 60,000 samples. bench_train [MODEL] takes data/MODEL.onnx
 * alone. tests/peers has the same step in PyTorch (train.py).
 */
#include "base/clock.h"
#include "base/stats.h"
#include "engine/pool.h"
#include "onnx/model.h"
#include "train/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 128, WARM_UPS = 5, RUNS = 31, EPOCH = 60000 };

static int time_steps(const char *name, const struct tune_request *request,
                      int threads, struct error *err)
{
    struct tune *tune;
    double ms[RUNS];
    if (tune_create(&tune, request, err) < 0)
        return -1;
    int code = 0;
    for (int i = -WARM_UPS; i < RUNS && code == 0; i++) {
        int64_t start = clock_now_ns();
        code = tune_step(tune, NULL, NULL, err);
        if (i >= 0)
            ms[i] = (double)(clock_now_ns() - start) * 1e-6;
    }
    struct stats_summary s = stats_summarise(ms, RUNS);
    if (code == 0)
        printf("%s,%d,%d,%.2f,%.2f,%.2f,%.0f,%.1f,%lld\n", name, BATCH, threads,
               s.median, s.p10, s.p90, BATCH / s.median * 1e3,
               s.median * EPOCH / BATCH * 1e-3, (long long)tune_bytes(tune));
    fflush(stdout);
    tune_destroy(tune);
    return code;
}

static int bench_model(const char *name, const struct dataset *data,
                       int threads, struct error *err)
{
    char path[64];
    struct onnx_model *model;
    struct pool *pool;
    snprintf(path, sizeof path, "data/%s.onnx", name);
    if (onnx_open(&model, path, err) < 0)
        return -1;
    int code = pool_create(&pool, threads, false, err);
    if (code == 0) {
        const struct train_workers workers = {.run = pool_run_pieces,
                                              .owner = pool};
        struct tune_request request = {.options = tune_defaults(),
                                       .model = onnx_graph(model),
                                       .dataset = data,
                                       .transform = {.scale = 255,
                                                     .channels = 1,
                                                     .mean = {0.2860},
                                                     .std = {0.3530}},
                                       .workers = &workers,
                                       .isa = cpu_isa_detect()};
        request.options.epochs = WARM_UPS + RUNS;
        code = time_steps(name, &request, threads, err);
        pool_destroy(pool);
    }
    onnx_close(model);
    return code;
}

int main(int count, char **words)
{
    static const char *const models[] = {"mlp", "lenet5", "resnet20-bn",
                                         "mobilenet-bn"};
    const struct dataset_options options = {.split = "train"};
    struct error err = {0};
    struct dataset *data;
    int code = dataset_open(&data, "data/fashion-mnist-sample", &options, &err);
    if (code == 0)
        printf("model,batch,threads,ms,p10_ms,p90_ms,images_per_s,epoch_s,"
               "bytes\n");
    for (size_t i = 0; i < sizeof models / sizeof *models && code == 0; i++)
        for (int threads = 2; threads >= 1 && code == 0; threads--)
            if (count < 2 || strcmp(words[1], models[i]) == 0)
                code = bench_model(models[i], data, threads, &err);
    if (code < 0) {
        fprintf(stderr, "bench_train: %s\n", err.message);
        return 1;
    }
    dataset_close(data);
    return 0;
}
