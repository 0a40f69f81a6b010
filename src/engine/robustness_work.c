/*
 * Robustness as work: `robustness`, `robustness jpeg,contrast 2000 samples`,
 * `robustness also other/data`. It changes no variant. What the dense model
 * says is kept for the next variant.
 */
#include "engine/robustness_known.h"
#include "engine/state.h"
#include "engine/work.h"

#include "base/array.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALSO = 8, USUAL_SAMPLES = 1000 };

struct wish {
    char *corruptions; /* owned; NULL: all */
    char *also[ALSO];  /* owned */
    size_t also_count;
    unsigned severities;
    int64_t samples;
};

/* --- words --- */

static void free_wish(void *options)
{
    struct wish *wish = options;
    if (!wish)
        return;
    for (size_t i = 0; i < wish->also_count; i++)
        free(wish->also[i]);
    free(wish->corruptions);
    free(wish);
}

static int add_names(struct wish *wish, const char *names, struct error *err)
{
    struct strbuf text = {0};
    if (robustness_check(names, err) < 0)
        return -1;
    if (wish->corruptions)
        strbuf_addf(&text, "%s,", wish->corruptions);
    strbuf_add(&text, names);
    free(wish->corruptions);
    wish->corruptions = strbuf_take(&text);
    strbuf_release(&text);
    return wish->corruptions ? 0 : error_memory(err, strlen(names));
}

static int add_also(struct wish *wish, const char *path, struct error *err)
{
    if (wish->also_count == ALSO)
        return error_set(err, ERROR_USAGE, "more than %d other data sets",
                         ALSO);
    char *copy = string_copy(path);
    if (!copy)
        return error_memory(err, strlen(path));
    wish->also[wish->also_count++] = copy;
    return 0;
}

/* A number of samples: "2000". */
static bool take_number(struct wish *wish, const char *word)
{
    char *end;
    errno = 0;
    long long count = strtoll(word, &end, 10);
    if (end == word || *end || errno || count < 1)
        return false;
    wish->samples = count;
    return true;
}

/* Takes the word at `at`, and the next where it belongs to it; *used words. */
static int take_words(struct wish *wish, size_t left, const char *const *words,
                      size_t *used, struct error *err)
{
    bool also = strcmp(words[0], "also") == 0;
    bool severity = strcmp(words[0], "severity") == 0;
    *used = also || severity ? 2 : 1;
    if (left < *used)
        return error_set(err, ERROR_USAGE, "'%s' wants %s behind it", words[0],
                         also ? "a data set" : "numbers");
    if (also)
        return add_also(wish, words[1], err);
    if (severity)
        return robustness_severities(&wish->severities, words[1], err);
    if (strcmp(words[0], "samples") == 0 || take_number(wish, words[0]))
        return 0;
    return add_names(wish, words[0], err);
}

static int check_data(const struct session *session, const struct wish *wish,
                      struct error *err)
{
    const struct dataset *dataset = session_dataset(session);
    if (!dataset_classes(dataset))
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s has no labels, nothing to be right about",
                         dataset_path(dataset));
    if (!dataset_is_image(dataset) && wish->corruptions)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s has no pictures (bytes) that could be corrupted",
                         dataset_path(dataset));
    return 0;
}

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    struct wish *wish = array_create(1, sizeof *wish);
    int code = wish ? 0 : error_memory(err, sizeof *wish);
    if (code == 0)
        wish->samples = USUAL_SAMPLES;
    for (size_t i = 0, used; i < count && code == 0; i += used)
        code = take_words(wish, count - i, words + i, &used, err);
    if (code == 0 && !wish->corruptions && !wish->also_count)
        code = add_names(wish, "all", err);
    if (code == 0)
        code = check_data(session, wish, err);
    if (code < 0)
        free_wish(wish);
    else
        *options = wish;
    return code;
}

/* --- the run --- */

struct asking {
    struct work *work;
    struct robustness_known known; /* rows are the run's own */
    char stage[WORK_STAGE_BYTES];
    size_t done, total;
};

static void take_progress(void *context, const char *condition, size_t done,
                          size_t total)
{
    struct asking *a = context;
    snprintf(a->stage, sizeof a->stage, "%s", condition);
    a->done = done;
    a->total = total;
    a->known.planned = total + 1; /* "hesitant" comes with the first */
}

static int step(void *context, struct error *err)
{
    struct asking *a = context;
    return work_step(a->work, a->stage, (int64_t)a->done, (int64_t)a->total,
                     err);
}

/* The screen lacks what does not fit into memory. */
static void take_found(void *context, const struct robustness *found)
{
    struct asking *a = context;
    a->known.found = *found;
    engine_robustness_publish(work_engine(a->work), &a->known, NULL);
}

/* `wanted` samples spread over the data, which may be sorted by class. */
static int take_samples(struct dataset **out, const struct dataset *dataset,
                        int64_t wanted, struct error *err)
{
    int64_t count = dataset_count(dataset);
    int64_t taken = wanted < count ? wanted : count;
    int64_t *order = array_create((size_t)taken, sizeof *order);
    if (!order)
        return error_memory(err, (size_t)taken * sizeof *order);
    for (int64_t i = 0; i < taken; i++)
        order[i] = i * count / taken;
    int code = dataset_take(out, dataset, order, taken, err);
    free(order);
    return code;
}

static void give_summary(struct work *work, const struct robustness *found)
{
    const struct robustness_row *worst = NULL;
    char text[160];
    for (size_t i = 0; i < found->count; i++) {
        const struct robustness_row *row = &found->rows[i];
        if (row->dense.samples &&
            (!worst || row->difference.value < worst->difference.value))
            worst = row;
    }
    if (worst)
        snprintf(text, sizeof text,
                 "robustness: %s %d loses most, %+.2f points [%+.2f, %+.2f]",
                 worst->condition, worst->severity,
                 100 * worst->difference.value, 100 * worst->difference.low,
                 100 * worst->difference.high);
    else
        snprintf(text, sizeof text, "robustness: %zu rows known", found->count);
    work_give_summary(work, text);
}

static int ask(struct asking *a, const struct dataset *dataset,
               const struct plan *variant, const struct plan *dense,
               struct error *err)
{
    struct work *work = a->work;
    const struct wish *wish = work_options(work);
    const struct session *session = work_setup(work)->session;
    const struct transform *transform = session_transform(session);
    const char *also[ALSO];
    for (size_t i = 0; i < wish->also_count; i++)
        also[i] = wish->also[i];
    struct robustness_request request = {
        .variant = {variant, *transform},
        .dense = {dense, *transform},
        .dataset = dataset,
        .corruptions = wish->corruptions,
        .severities = wish->severities,
        .also = also,
        .also_count = wish->also_count,
        .samples = wish->samples,
        .seed = session_options(session)->seed,
        .pool = work_pool(work),
        .cancel = work_cancel(work),
        .progress = take_progress,
        .step = step,
        .found = take_found,
        .context = a,
        .cache = &work_engine(work)->robustness_cache,
    };
    struct robustness found;
    if (robustness_run(&found, &request, err) < 0)
        return -1;
    give_summary(work, &found);
    robustness_release(&found);
    return 0;
}

static int run(struct work *work, struct error *err)
{
    struct engine *engine = work_engine(work);
    const struct setup *setup = work_setup(work);
    const struct variant *variant = work_variant(work);
    const struct cancel *cancel = work_cancel(work);
    const struct wish *wish = work_options(work);
    struct dataset *dataset = NULL;
    struct plan *now = NULL, *dense = NULL;
    struct asking a = {.work = work, .stage = "planning"};
    int code = take_samples(&dataset, session_dataset(setup->session),
                            wish->samples, err);
    if (code == 0)
        code = robustness_plan(&now, setup, variant, cancel, err);
    if (code == 0 && !engine_is_dense(engine, variant))
        code = robustness_plan(&dense, setup, engine->dense, cancel, err);
    if (code == 0) {
        a.known.hash = variant->hash;
        a.known.variant = variant->id;
        a.known.samples = dataset_count(dataset);
        code = ask(&a, dataset, now, dense, err);
    }
    if (code < 0 && cancel_raised(cancel) && a.total)
        error_set(err, ERROR_CANCELLED, "stopped at %zu of %zu", a.done,
                  a.total);
    plan_drop(dense);
    plan_drop(now);
    dataset_close(dataset);
    return code;
}

const struct work_kind work_robustness = {
    .name = "robustness",
    .needs_data = true,
    .rest = WORK_REST_NONE,
    .parse = parse,
    .free_options = free_wish,
    .run = run,
};
