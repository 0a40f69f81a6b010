/*
 * How well is the time of a layer predicted that was never measured? Every
 * step of the example models is measured dense, pruned and narrowed; each
 * problem is then predicted from points of the other problems alone (`layer`),
 * and from the other models alone (`model`).
 *
 * usage: bench_costmodel [MODEL ...]
 */
#include "base/array.h"
#include "engine/setup.h"
#include "exec/workload.h"
#include "measure/costmodel.h"
#include "measure/latency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MODELS = 16, POINTS = 20000 };

static const char *const lines[] = {
    "",
    "set * 50%",
    "set * 70%",
    "set * 80%",
    "set * 90%",
    "set * 95%",
    "set * 50% 2:4",
    "set * 80% block:4x1",
    "set * 25% channel",
    "set * 50% channel",
};

struct sample {
    int model;
    struct workload workload;
    double ns;
};

struct samples {
    struct sample *list;
    size_t count;
};

static void check(int code, const struct error *err)
{
    if (code >= 0)
        return;
    fprintf(stderr, "bench_costmodel: %s\n", err->message);
    exit(1);
}

static void measure(struct samples *out, const struct setup *setup,
                    const struct variant *variant, int model)
{
    struct error err = {0};
    struct mask_set masks = {0};
    struct crew *crew = NULL;
    struct latency latency = {0};
    struct latency_protocol protocol = {5, 30, 200000000, 2000000000};
    check(session_masks(setup->session, variant, NULL, NULL, &masks, &err),
          &err);
    check(setup_crew(setup, &crew, variant, &masks, NULL, NULL, &err), &err);
    check(latency_measure(&latency, crew, &protocol, NULL, &err), &err);
    for (size_t i = 0; i < latency.steps && out->count < POINTS; i++) {
        struct sample *sample = &out->list[out->count++];
        sample->model = model;
        sample->ns = latency.step_ms[i] * 1e6;
        plan_workload(crew_plan(crew), i, &sample->workload);
    }
    latency_release(&latency);
    crew_destroy(crew);
    mask_set_release(&masks);
}

static void measure_model(struct samples *out, const char *path, int model)
{
    struct error err = {0};
    struct session_options open = {.model_path = path};
    struct engine_options options = {0};
    struct session *session;
    struct setup setup;
    check(session_open(&session, &open, &err), &err);
    check(setup_init(&setup, session, &options, &err), &err);
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        struct command_result told = {0};
        struct error refused = {0};
        check(session_execute(session, "reset *", &told, &err), &err);
        command_result_release(&told);
        /* Not every structure suits every model. */
        if (!lines[i][0] ||
            session_execute(session, lines[i], &told, &refused) >= 0)
            measure(out, &setup, session_current(session), model);
        else
            fprintf(stderr, "bench_costmodel: %s\n", refused.message);
        command_result_release(&told);
    }
    setup_release(&setup);
    session_close(session);
}

/* The same problem, at whatever density, with or without an addition. */
static bool same_problem(const struct workload *a, const struct workload *b)
{
    return a->kind == b->kind && a->n == b->n && a->groups == b->groups &&
           a->ic == b->ic && a->oc == b->oc && a->oh == b->oh &&
           a->ow == b->ow && a->window == b->window && a->stride == b->stride &&
           a->result == b->result;
}

static double compare_ways(const struct samples *s, const struct sample *target,
                           bool models)
{
    struct error err = {0};
    struct costmodel *model;
    double ns = NAN;
    check(costmodel_create(&model, &err), &err);
    for (size_t i = 0; i < s->count; i++) {
        const struct sample *p = &s->list[i];
        if (models ? p->model != target->model
                   : !same_problem(&p->workload, &target->workload))
            check(costmodel_add(model, &p->workload, p->ns, &err), &err);
    }
    check(costmodel_fit(model, &err), &err);
    if (!costmodel_predict(model, &target->workload, &ns))
        ns = NAN;
    costmodel_destroy(model);
    return ns;
}

static void summarise(const char *what, double *errors, size_t count,
                      size_t missing)
{
    struct stats_summary e = stats_summarise(errors, count);
    printf("%s,%zu,%zu,%.4f,%.4f\n", what, count, missing, e.median, e.p90);
}

static void held_out(const struct samples *s, bool models)
{
    double *weighted = array_create(s->count + 1, sizeof *weighted);
    double *others = array_create(s->count + 1, sizeof *others);
    size_t counts[2] = {0, 0}, missing[2] = {0, 0};
    for (size_t i = 0; i < s->count && weighted && others; i++) {
        const struct sample *p = &s->list[i];
        bool layer = p->workload.weights > 0;
        double ns = compare_ways(s, p, models);
        double error = fabs(ns / p->ns - 1);
        if (isnan(ns)) {
            missing[layer]++;
            continue;
        }
        (layer ? weighted : others)[counts[layer]++] = error;
        if (getenv("BENCH_COSTMODEL_POINTS")) {
            char name[WORKLOAD_NAME_BYTES];
            workload_class(&p->workload, name);
            printf("# %s: %d %lldx%lld -> %lld, %lldx%lld, %.2f kept: %.0f ns, "
                   "predicted %.0f\n",
                   name, p->model, (long long)p->workload.oh,
                   (long long)p->workload.ow, (long long)p->workload.oc,
                   (long long)p->workload.ic, (long long)p->workload.window,
                   layer ? (double)p->workload.nonzeros /
                               (double)p->workload.weights
                         : 1,
                   p->ns, ns);
        }
    }
    summarise(models ? "model,layers" : "layer,layers", weighted, counts[1],
              missing[1]);
    summarise(models ? "model,others" : "layer,others", others, counts[0],
              missing[0]);
    free(weighted);
    free(others);
}

int main(int argc, char **argv)
{
    const char *usual[] = {"data/mlp.onnx", "data/lenet5.onnx",
                           "data/resnet20-bn.onnx", "data/mobilenet-bn.onnx"};
    struct samples samples = {.list =
                                  array_create(POINTS, sizeof *samples.list)};
    if (!samples.list)
        return 1;
    if (argc > 1)
        for (int i = 1; i < argc; i++)
            measure_model(&samples, argv[i], i);
    else
        for (size_t i = 0; i < ARRAY_LENGTH(usual); i++)
            measure_model(&samples, usual[i], (int)i);
    printf("held_out,steps,count,missing,median_error,p90_error\n");
    held_out(&samples, false);
    held_out(&samples, true);
    free(samples.list);
    return 0;
}
