#include "engine/robustness.h"

#include "base/array.h"
#include "base/clock.h"
#include "engine/robustness_run.h"
#include "eval/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDES = 2, PIECE_LEAST_NS = 25000000, PIECE_MOST_NS = 50000000 };

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
static int read_names(unsigned *wanted, const char *names, struct error *err)
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
    if (read_names(&wanted, request->corruptions, err) < 0)
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

int robustness_check(const char *names, struct error *err)
{
    unsigned wanted;
    return read_names(&wanted, names, err);
}

int robustness_severities(unsigned *out, const char *text, struct error *err)
{
    *out = 0;
    for (const char *p = text;; p += 2) {
        if (*p < '1' || *p > '0' + CORRUPTION_SEVERITIES ||
            (p[1] && p[1] != ','))
            return error_set(err, ERROR_USAGE,
                             "found '%s', expected numbers from 1 to %d with "
                             "commas",
                             text, CORRUPTION_SEVERITIES);
        *out |= 1u << (*p - '0');
        if (!p[1])
            return 0;
    }
}

static const char *condition_name(const struct condition *condition)
{
    return condition->corruption ? condition->corruption->name
           : condition->path     ? condition->path
                                 : "clean";
}

/* --- running --- */

struct run {
    const struct robustness_request *request;
    const struct condition *condition;
    struct evaluation evaluations[SIDES]; /* variant, dense */
    struct runner *(*runners)[SIDES];     /* per worker */
    struct outcome *outcomes[SIDES];
    int64_t samples, first; /* batch of the first piece */
};

/* Pictures are corrupted where they are evaluated: a part at a time, on all
 * workers. */
static int take_part(const struct run *run, int64_t b, int64_t *first,
                     struct dataset **part, struct error *err)
{
    const struct condition *c = run->condition;
    int64_t batch = plan_instance(run->evaluations[0].plan)->batch;
    *part = NULL;
    *first = b * batch;
    if (!c->corruption)
        return 0;
    int64_t left = run->samples - *first;
    return dataset_corrupt_part(part, run->request->dataset, c->corruption,
                                c->severity, run->request->seed, *first,
                                left < batch ? left : batch, err);
}

static int run_piece(void *context, int worker, int64_t piece,
                     struct error *err)
{
    struct run *run = context;
    struct dataset *part;
    int64_t b = run->first + piece, first, count;
    int code = take_part(run, b, &first, &part, err);
    for (int s = 0; s < SIDES && code == 0; s++) {
        struct evaluation evaluation = run->evaluations[s];
        struct runner **runner = &run->runners[worker][s];
        struct outcome *outcomes = run->outcomes[s];
        if (!evaluation.plan)
            continue;
        if (part) {
            evaluation.dataset = part;
            evaluation.samples = dataset_count(part);
            outcomes += first;
        }
        if (!*runner)
            code = runner_create(runner, evaluation.plan, err);
        if (code == 0)
            code = evaluation_run(&evaluation, *runner, part ? 0 : b, outcomes,
                                  NULL, &count, run->request->cancel, err);
    }
    dataset_close(part);
    return code;
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

/* All batches; in pieces of some 50 ms where somebody waits for them. */
static int run_batches(struct run *run, struct error *err)
{
    const struct robustness_request *request = run->request;
    int64_t batches = evaluation_batches(&run->evaluations[0]);
    int64_t least = pool_workers(request->pool), chunk = least;
    for (run->first = 0; run->first < batches;) {
        int64_t left = batches - run->first, start_ns = clock_now_ns();
        struct pool_task task = {left, run_piece, run};
        if (request->step && chunk < left)
            task.count = chunk;
        if (pool_run(request->pool, &task, err) < 0)
            return -1;
        run->first += task.count;
        int64_t took_ns = clock_now_ns() - start_ns;
        if (took_ns < PIECE_LEAST_NS)
            chunk *= 2;
        else if (took_ns > PIECE_MOST_NS && chunk > least)
            chunk /= 2;
        if (request->step && request->step(request->context, err) < 0)
            return -1;
    }
    return 0;
}

/* Without labels the dense model is right. */
static void agree(struct run *run)
{
    for (int64_t i = 0; i < run->samples; i++) {
        int predicted = run->outcomes[1][i].predicted;
        run->outcomes[0][i].correct =
            run->outcomes[0][i].predicted == predicted;
        run->outcomes[1][i].correct = true;
    }
}

static int run_on(struct run *run, const struct dataset *dataset,
                  const bool *known, struct error *err)
{
    const struct robustness_request *request = run->request;
    const struct robustness_side *sides[SIDES] = {&request->variant,
                                                  &request->dense};
    size_t n = (size_t)dataset_count(dataset);
    run->samples = (int64_t)n;
    for (int s = 0; s < SIDES; s++) {
        run->evaluations[s] = (struct evaluation){
            .plan = s > 0 && known ? NULL : sides[s]->plan,
            .dataset = dataset,
            .transform = sides[s]->transform,
            .samples = run->samples,
        };
        free(run->outcomes[s]);
        run->outcomes[s] = array_create(n, sizeof *run->outcomes[s]);
        if (!run->outcomes[s])
            return error_memory(err, n * sizeof *run->outcomes[s]);
    }
    for (size_t i = 0; known && i < n; i++)
        run->outcomes[1][i].correct = known[i];
    if (run_batches(run, err) < 0)
        return -1;
    if (request->agreement)
        agree(run);
    return 0;
}

static int add_rows(struct robustness *out, const struct run *run,
                    const struct dataset *dataset, struct error *err)
{
    const struct condition *condition = run->condition;
    const char *name = condition_name(condition);
    struct robustness_answers answers = {
        dataset, run->samples, run->outcomes[0],
        run->request->dense.plan ? run->outcomes[1] : NULL,
        run->request->agreement};
    if (robustness_add(out, name, condition->severity, &answers, NULL, err) < 0)
        return -1;
    if (condition->corruption || condition->path) {
        robustness_keep(run->request->cache, name, condition->severity,
                        &answers);
        return 0;
    }
    bool *hesitant;
    if (robustness_hesitant(&answers, &hesitant, err) < 0)
        return -1;
    int code = robustness_add(out, "hesitant", 0, &answers, hesitant, err);
    free(hesitant);
    return code;
}

static int run_condition(struct run *run, struct robustness *out,
                         struct error *err)
{
    const struct robustness_request *request = run->request;
    const struct condition *condition = run->condition;
    const struct dataset *dataset = request->dataset;
    struct dataset *own = NULL;
    struct dataset_options options = {.limit = request->samples,
                                      .shape = *dataset_shape(dataset)};
    int code = 0;
    if (condition->path) {
        code = dataset_open(&own, condition->path, &options, err);
        if (code == 0 && !dataset_classes(own))
            code = error_set(err, ERROR_UNSUPPORTED,
                             "%s: has no labels, nothing to be right about",
                             condition->path);
        dataset = own;
    }
    const bool *known = NULL;
    if (code == 0 && request->dense.plan)
        known = robustness_cached(request->cache, condition_name(condition),
                                  condition->severity, dataset_count(dataset));
    if (code == 0)
        code = run_on(run, dataset, known, err);
    if (code == 0)
        code = add_rows(out, run, dataset, err);
    dataset_close(own);
    return code;
}

int robustness_run(struct robustness *out,
                   const struct robustness_request *request, struct error *err)
{
    *out = (struct robustness){.classes = dataset_classes(request->dataset)};
    struct condition *conditions = NULL;
    size_t count = 0, workers = (size_t)pool_workers(request->pool);
    if (request->agreement)
        out->classes = 0;
    else if (!out->classes)
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
        run.condition = &conditions[i];
        if (request->progress)
            request->progress(request->context, condition_name(run.condition),
                              i, count);
        code = run_condition(&run, out, err);
        if (code == 0 && request->found)
            request->found(request->context, out);
    }
    release_run(&run);
    free(conditions);
    if (code < 0)
        robustness_release(out);
    return code;
}
