/* espalier compare: two models on the same samples, paired. */
#include "base/array.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/trust.h"
#include "eval/paired.h"

#include <stdio.h>
#include <stdlib.h>

/* One of the two models and its answers. */
struct side {
    struct session *session;
    struct outcome *outcomes; /* owned */
    int64_t samples;
    enum metric metric;
};

static void side_release(struct side *side)
{
    free(side->outcomes);
    session_close(side->session);
}

static int side_init(struct side *side, const struct cli_options *options,
                     const char *model, struct error *err)
{
    *side = (struct side){0};
    if (run_open(&side->session, options, model, options->arguments[2], err) <
        0)
        return -1;
    side->samples = dataset_count(session_dataset(side->session));
    int code = trust_answers(side->session, options, &side->outcomes,
                             &side->metric, err);
    if (code < 0) {
        side_release(side);
        *side = (struct side){0};
    }
    return code;
}

/*
 * The second model sees the pixels of the first. A search of its own would
 * compare a pruned model under a normalisation that neither was trained with,
 * wherever that happens to flatter it.
 */
static int second_init(struct side *b, const struct side *a,
                       const struct cli_options *options, struct error *err)
{
    struct cli_options same = *options;
    same.transform = *session_transform(a->session);
    same.user_pixels = true;
    same.user_scale = true;
    return side_init(b, &same, options->arguments[1], err);
}

/* Without labels the first model's answers are the right ones. */
static int compare(struct paired *paired, const struct side *a,
                   const struct side *b, struct error *err)
{
    const struct dataset *data = session_dataset(a->session);
    size_t count = (size_t)a->samples;
    int64_t *right = array_create(count + 1, sizeof *right);
    if (!right)
        return error_memory(err, count * sizeof *right);
    for (int64_t i = 0; i < a->samples; i++)
        right[i] = a->metric == METRIC_TOP1 ? dataset_label(data, i)
                                            : a->outcomes[i].predicted;
    int code =
        paired_init(paired, a->outcomes, b->outcomes, right, a->samples, err);
    free(right);
    return code;
}

static void add_figures(cJSON *object, const struct paired_counts *c)
{
    double n = (double)c->samples;
    json_number(object, "a_value", (double)(c->both + c->before_only) / n, 6);
    json_number(object, "b_value", (double)(c->both + c->after_only) / n, 6);
    json_number(object, "difference", c->difference.value, 6);
    json_number(object, "low", c->difference.low, 6);
    json_number(object, "high", c->difference.high, 6);
}

/* What became of the samples of each class, in the order of classes; nothing
 * without labels. */
static void add_classes(cJSON *document, const struct side *a,
                        const struct paired *paired)
{
    int64_t classes = dataset_classes(session_dataset(a->session));
    cJSON *list = cJSON_AddArrayToObject(document, "per_class");
    for (int64_t label = 0; label < classes; label++) {
        size_t i = 0;
        while (i < paired->class_count && paired->classes[i].label != label)
            i++;
        if (i == paired->class_count)
            continue;
        const struct paired_counts *c = &paired->classes[i].counts;
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "class", label);
        json_integer(object, "samples", c->samples);
        add_figures(object, c);
        json_probability(object, "p_value", c->p_value);
        cJSON_AddItemToArray(list, object);
    }
}

static int print_json(const struct side *a, const struct side *b,
                      const struct paired *paired,
                      const struct disagreement *found,
                      const struct cli_options *options, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    const struct paired_counts *c = &paired->all;
    json_string(document, "a", onnx_path(session_model(a->session)));
    json_string(document, "b", onnx_path(session_model(b->session)));
    json_string(document, "data", dataset_path(session_dataset(a->session)));
    json_integer(document, "samples", c->samples);
    json_string(document, "metric", metric_name(a->metric));
    add_figures(document, c);
    cJSON *flips = cJSON_AddObjectToObject(document, "flips");
    json_integer(flips, "a_only", c->before_only);
    json_integer(flips, "b_only", c->after_only);
    json_probability(document, "p_value", c->p_value);
    add_classes(document, a, paired);
    trust_flips_json(document, found, options);
    cJSON_AddItemToObject(document, "preprocess",
                          run_transform_json(a->session));
    return json_print(document, err);
}

static int print_text(const struct side *a, const struct side *b,
                      const struct paired *paired,
                      const struct disagreement *found,
                      const struct cli_options *options, struct error *err)
{
    const struct paired_counts *c = &paired->all;
    double n = (double)c->samples;
    char text[400];
    run_transform_text(a->session, text, sizeof text);
    printf("a           %s  %.2f %%\n", onnx_path(session_model(a->session)),
           100 * (double)(c->both + c->before_only) / n);
    printf("b           %s  %.2f %%\n", onnx_path(session_model(b->session)),
           100 * (double)(c->both + c->after_only) / n);
    printf("inputs      %s\n", text);
    printf("samples     %lld\n", (long long)c->samples);
    printf("difference  %+.2f points  [%+.2f, %+.2f] (b - a, 95 %%)\n",
           100 * c->difference.value, 100 * c->difference.low,
           100 * c->difference.high);
    printf("flips       %lld right under a alone, %lld under b alone, p %.3g\n",
           (long long)c->before_only, (long long)c->after_only, c->p_value);
    if (trust_flips_text(found, options, err) < 0)
        return -1;
    return print_finish(err);
}

static int run(const struct cli_options *options, struct error *err)
{
    struct side a = {0}, b = {0};
    int code = side_init(&a, options, options->arguments[0], err);
    if (code == 0)
        code = second_init(&b, &a, options, err);
    struct disagreement found = {0};
    struct paired paired = {0};
    if (code == 0)
        code = compare(&paired, &a, &b, err);
    if (code == 0)
        code = trust_compare(&found, a.session, a.outcomes, b.outcomes, err);
    if (code == 0) {
        code = options->json
                   ? print_json(&a, &b, &paired, &found, options, err)
                   : print_text(&a, &b, &paired, &found, options, err);
        disagreement_release(&found);
    }
    paired_release(&paired);
    side_release(&b);
    side_release(&a);
    return code;
}

const struct cli_command command_compare = {
    .name = "compare",
    .synopsis = "MODEL MODEL DATA",
    .help = "the paired difference of two models on the same samples",
    .least = 3,
    .most = 3,
    .groups = OPTION_COMMON | OPTION_SAMPLES | OPTION_PIXELS | OPTION_ENGINE |
              OPTION_FLIPS | OPTION_PROGRESS,
    .run = run,
};
