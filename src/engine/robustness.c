#include "engine/robustness.h"

#include "base/array.h"
#include "eval/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIDENCE 0.95

enum { SIDES = 2, HESITANT_SHARE = 10 };

/* --- which conditions --- */

struct condition {
    const struct corruption *corruption; /* NULL: as it is */
    int severity;
    const char *path; /* another data set; NULL: the tested one */
};

static int unknown(const char *name, size_t length, struct error *err)
{
    char list[256];
    size_t at = 0;
    for (const struct corruption *c = corruptions; c->name; c++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s",
                               c == corruptions ? "" : ", ", c->name);
    return error_set(err, ERROR_USAGE,
                     "corruption '%.*s', expected all or some of %s",
                     (int)length, name, list);
}

/* Marks what `names` names in `wanted`, by index of corruptions[]. */
static int read_names(const char *names, unsigned *wanted, struct error *err)
{
    *wanted = 0;
    for (const char *p = names; p && *p;) {
        size_t length = strcspn(p, ",");
        bool all = length == 3 && strncmp(p, "all", 3) == 0, found = all;
        for (size_t i = 0; corruptions[i].name; i++) {
            bool same = strlen(corruptions[i].name) == length &&
                        strncmp(corruptions[i].name, p, length) == 0;
            if (all || same)
                *wanted |= 1u << i;
            found = found || same;
        }
        if (!found)
            return unknown(p, length, err);
        p += length + (p[length] == ',');
    }
    return 0;
}

static int list_conditions(const struct robustness_request *request,
                           struct condition **out, size_t *count,
                           struct error *err)
{
    unsigned wanted;
    if (read_names(request->corruptions, &wanted, err) < 0)
        return -1;
    size_t room = 1 + request->also_count;
    for (size_t i = 0; corruptions[i].name; i++)
        room += CORRUPTION_SEVERITIES;
    struct condition *list = array_create(room, sizeof *list);
    if (!list)
        return error_memory(err, room * sizeof *list);
    *count = 1; /* the first is as it is */
    for (size_t i = 0; corruptions[i].name; i++)
        for (int s = 1; s <= CORRUPTION_SEVERITIES; s++)
            if (wanted & 1u << i &&
                (!request->severities || request->severities & 1u << s))
                list[(*count)++] = (struct condition){
                    .corruption = &corruptions[i], .severity = s};
    for (size_t i = 0; i < request->also_count; i++)
        list[(*count)++] = (struct condition){.path = request->also[i]};
    *out = list;
    return 0;
}

/* --- running --- */

struct run {
    const struct robustness_request *request;
    struct evaluation evaluations[SIDES]; /* variant, dense */
    struct runner *(*runners)[SIDES];     /* per worker */
    struct outcome *outcomes[SIDES];
    int64_t samples;
};

static int run_piece(void *context, int worker, int64_t b, struct error *err)
{
    struct run *run = context;
    for (int s = 0; s < SIDES; s++) {
        const struct evaluation *evaluation = &run->evaluations[s];
        struct runner **runner = &run->runners[worker][s];
        int64_t count;
        if (!evaluation->plan)
            continue;
        if (!*runner && runner_create(runner, evaluation->plan, err) < 0)
            return -1;
        if (evaluation_run(evaluation, *runner, b, run->outcomes[s], NULL,
                           &count, run->request->cancel, err) < 0)
            return -1;
    }
    return 0;
}

static void release_run(struct run *run)
{
    int workers = pool_workers(run->request->pool);
    for (int w = 0; run->runners && w < workers; w++)
        for (int s = 0; s < SIDES; s++)
            runner_destroy(run->runners[w][s]);
    free(run->runners);
    for (int s = 0; s < SIDES; s++)
        free(run->outcomes[s]);
}

static int run_on(struct run *run, const struct dataset *dataset,
                  struct error *err)
{
    const struct robustness_request *request = run->request;
    const struct robustness_side *sides[SIDES] = {&request->variant,
                                                  &request->dense};
    size_t n = (size_t)dataset_count(dataset);
    run->samples = (int64_t)n;
    for (int s = 0; s < SIDES; s++) {
        run->evaluations[s] = (struct evaluation){
            .plan = sides[s]->plan,
            .dataset = dataset,
            .transform = sides[s]->transform,
            .samples = run->samples,
        };
        free(run->outcomes[s]);
        run->outcomes[s] = array_create(n, sizeof *run->outcomes[s]);
        if (!run->outcomes[s])
            return error_memory(err, n * sizeof *run->outcomes[s]);
    }
    struct pool_task task = {evaluation_batches(&run->evaluations[0]),
                             run_piece, run};
    return pool_run(request->pool, &task, err);
}

/* --- counting --- */

static int init_row(struct robustness_row *row, const char *name, int severity,
                    int64_t classes, struct error *err)
{
    size_t n = (size_t)classes;
    row->condition = string_copy(name);
    row->severity = severity;
    row->class_samples = array_create(n, sizeof *row->class_samples);
    row->class_right = array_create(n, sizeof *row->class_right);
    row->class_dense = array_create(n, sizeof *row->class_dense);
    if (row->condition && row->class_samples && row->class_right &&
        row->class_dense)
        return 0;
    return error_memory(err, n * sizeof *row->class_samples);
}

/* chosen: which samples count; NULL: all. */
static void count_row(struct robustness_row *row, const struct run *run,
                      const struct dataset *dataset, int64_t classes,
                      const bool *chosen)
{
    bool paired = run->evaluations[1].plan != NULL;
    int64_t right = 0, dense = 0, both = 0;
    row->samples = 0;
    for (int64_t i = 0; i < run->samples; i++) {
        int64_t label = dataset_label(dataset, i);
        if (label < 0 || (chosen && !chosen[i]))
            continue;
        bool now = run->outcomes[0][i].correct;
        bool before = paired && run->outcomes[1][i].correct;
        row->samples++;
        right += now;
        dense += before;
        both += now && before;
        if (label >= classes)
            continue;
        row->class_samples[label]++;
        row->class_right[label] += now;
        row->class_dense[label] += before;
    }
    row->value = estimate_wilson(right, row->samples, CONFIDENCE);
    row->p_value = NAN;
    if (!paired)
        return;
    row->dense = estimate_wilson(dense, row->samples, CONFIDENCE);
    row->difference = estimate_paired(both, dense - both, right - both,
                                      row->samples, CONFIDENCE);
    row->p_value = estimate_mcnemar(dense - both, right - both);
}

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Marks the tenth of the samples with the smallest |margin|. */
static int choose_hesitant(const struct run *run, bool **out, struct error *err)
{
    const struct outcome *outcomes =
        run->outcomes[run->evaluations[1].plan != NULL];
    size_t n = (size_t)run->samples;
    double *margins = array_create(n, sizeof *margins);
    bool *chosen = array_create(n, sizeof *chosen);
    if (!margins || !chosen) {
        free(margins);
        free(chosen);
        return error_memory(err, n * sizeof *margins);
    }
    for (size_t i = 0; i < n; i++) {
        double margin = fabs((double)outcomes[i].margin);
        margins[i] = margin == margin ? margin : INFINITY;
    }
    qsort(margins, n, sizeof *margins, compare_doubles);
    double limit = margins[n / HESITANT_SHARE];
    for (size_t i = 0; i < n; i++)
        chosen[i] = fabs((double)outcomes[i].margin) < limit;
    free(margins);
    *out = chosen;
    return 0;
}

static int add_row(struct robustness *out, const struct run *run,
                   const struct condition *condition,
                   const struct dataset *dataset, struct error *err)
{
    const char *name = condition->corruption ? condition->corruption->name
                       : condition->path     ? condition->path
                                             : "clean";
    struct robustness_row *row = &out->rows[out->count];
    out->count++;
    if (init_row(row, name, condition->severity, out->classes, err) < 0)
        return -1;
    count_row(row, run, dataset, out->classes, NULL);
    if (condition->corruption || condition->path)
        return 0;
    bool *hesitant = NULL;
    row = &out->rows[out->count++];
    if (init_row(row, "hesitant", 0, out->classes, err) < 0 ||
        choose_hesitant(run, &hesitant, err) < 0)
        return -1;
    count_row(row, run, dataset, out->classes, hesitant);
    free(hesitant);
    return 0;
}

static int run_condition(struct run *run, const struct condition *condition,
                         struct robustness *out, struct error *err)
{
    const struct robustness_request *request = run->request;
    const struct dataset *dataset = request->dataset;
    struct dataset *own = NULL;
    struct dataset_options options = {.limit = request->samples};
    int code = 0;
    if (condition->path) {
        code = dataset_open(&own, condition->path, &options, err);
        if (code == 0 && !dataset_classes(own))
            code = error_set(err, ERROR_UNSUPPORTED,
                             "%s: has no labels, nothing to be right about",
                             condition->path);
    } else if (condition->corruption) {
        code = dataset_corrupt(&own, dataset, condition->corruption,
                               condition->severity, request->seed, err);
    }
    if (own)
        dataset = own;
    if (code == 0)
        code = run_on(run, dataset, err);
    if (code == 0)
        code = add_row(out, run, condition, dataset, err);
    dataset_close(own);
    return code;
}

int robustness_run(struct robustness *out,
                   const struct robustness_request *request, struct error *err)
{
    *out = (struct robustness){.classes = dataset_classes(request->dataset)};
    struct condition *conditions = NULL;
    size_t count = 0, workers = (size_t)pool_workers(request->pool);
    if (!out->classes)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: has no labels, nothing to be right about",
                         dataset_path(request->dataset));
    if (list_conditions(request, &conditions, &count, err) < 0)
        return -1;
    struct run run = {.request = request};
    run.runners = array_create(workers, sizeof *run.runners);
    out->rows = array_create(count + 1, sizeof *out->rows);
    int code = 0;
    if (!run.runners || !out->rows)
        code = error_memory(err, count * sizeof *out->rows);
    for (size_t i = 0; i < count && code == 0; i++) {
        const struct condition *c = &conditions[i];
        if (request->progress)
            request->progress(request->context,
                              c->corruption ? c->corruption->name
                              : c->path     ? c->path
                                            : "clean",
                              i, count);
        code = run_condition(&run, c, out, err);
    }
    release_run(&run);
    free(conditions);
    if (code < 0)
        robustness_release(out);
    return code;
}

void robustness_release(struct robustness *robustness)
{
    for (size_t i = 0; i < robustness->count; i++) {
        struct robustness_row *row = &robustness->rows[i];
        free(row->condition);
        free(row->class_samples);
        free(row->class_right);
        free(row->class_dense);
    }
    free(robustness->rows);
    *robustness = (struct robustness){0};
}
