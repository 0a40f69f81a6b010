/* espalier compare: two models on the same samples, paired. */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/trust.h"

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

struct comparison {
    int64_t samples, both, a_correct, b_correct, a_only, b_only;
    struct estimate difference;
    double p_value;
};

/* Without labels the first model's answers are the right ones. */
static struct comparison compare(const struct side *a, const struct side *b)
{
    struct comparison c = {.samples = a->samples};
    for (int64_t i = 0; i < c.samples; i++) {
        bool right_a = a->outcomes[i].correct;
        bool right_b = a->metric == METRIC_TOP1 ? b->outcomes[i].correct
                                                : b->outcomes[i].predicted ==
                                                      a->outcomes[i].predicted;
        c.a_correct += right_a;
        c.b_correct += right_b;
        c.both += right_a && right_b;
        c.a_only += right_a && !right_b;
        c.b_only += !right_a && right_b;
    }
    c.difference = estimate_paired(c.both, c.a_only, c.b_only, c.samples, 0.95);
    c.p_value = estimate_mcnemar(c.a_only, c.b_only);
    return c;
}

/* What became of the samples of each class; nothing without labels. */
static void add_classes(cJSON *document, const struct side *a,
                        const struct side *b)
{
    const struct dataset *data = session_dataset(a->session);
    int64_t classes = dataset_classes(data);
    cJSON *list = cJSON_AddArrayToObject(document, "per_class");
    for (int64_t c = 0; c < classes; c++) {
        int64_t both = 0, a_only = 0, b_only = 0, samples = 0;
        for (int64_t i = 0; i < a->samples; i++) {
            if (dataset_label(data, i) != c)
                continue;
            bool right_a = a->outcomes[i].correct;
            bool right_b = b->outcomes[i].correct;
            samples++;
            both += right_a && right_b;
            a_only += right_a && !right_b;
            b_only += !right_a && right_b;
        }
        struct estimate d =
            estimate_paired(both, a_only, b_only, samples, 0.95);
        double n = (double)samples;
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "class", c);
        json_integer(object, "samples", samples);
        json_number(object, "a_value", (double)(both + a_only) / n, 6);
        json_number(object, "b_value", (double)(both + b_only) / n, 6);
        json_number(object, "difference", d.value, 6);
        json_number(object, "low", d.low, 6);
        json_number(object, "high", d.high, 6);
        json_number(object, "p_value", estimate_mcnemar(a_only, b_only), 9);
        cJSON_AddItemToArray(list, object);
    }
}

static int print_json(const struct side *a, const struct side *b,
                      const struct comparison *c,
                      const struct disagreement *found,
                      const struct cli_options *options, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    double n = (double)c->samples;
    json_string(document, "a", onnx_path(session_model(a->session)));
    json_string(document, "b", onnx_path(session_model(b->session)));
    json_string(document, "data", dataset_path(session_dataset(a->session)));
    json_integer(document, "samples", c->samples);
    json_string(document, "metric", metric_name(a->metric));
    json_number(document, "a_value", (double)c->a_correct / n, 6);
    json_number(document, "b_value", (double)c->b_correct / n, 6);
    json_number(document, "difference", c->difference.value, 6);
    json_number(document, "low", c->difference.low, 6);
    json_number(document, "high", c->difference.high, 6);
    cJSON *flips = cJSON_AddObjectToObject(document, "flips");
    json_integer(flips, "a_only", c->a_only);
    json_integer(flips, "b_only", c->b_only);
    json_number(document, "p_value", c->p_value, 9);
    add_classes(document, a, b);
    trust_flips_json(document, found, options);
    cJSON_AddItemToObject(document, "preprocess",
                          run_transform_json(a->session));
    return json_print(document, err);
}

static int print_text(const struct side *a, const struct side *b,
                      const struct comparison *c,
                      const struct disagreement *found,
                      const struct cli_options *options, struct error *err)
{
    double n = (double)c->samples;
    char text[400];
    run_transform_text(a->session, text, sizeof text);
    printf("a           %s  %.2f %%\n", onnx_path(session_model(a->session)),
           100 * (double)c->a_correct / n);
    printf("b           %s  %.2f %%\n", onnx_path(session_model(b->session)),
           100 * (double)c->b_correct / n);
    printf("inputs      %s\n", text);
    printf("samples     %lld\n", (long long)c->samples);
    printf("difference  %+.2f points  [%+.2f, %+.2f] (b - a, 95 %%)\n",
           100 * c->difference.value, 100 * c->difference.low,
           100 * c->difference.high);
    printf("flips       %lld right under a alone, %lld under b alone, p %.3g\n",
           (long long)c->a_only, (long long)c->b_only, c->p_value);
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
    if (code == 0)
        code = trust_compare(&found, a.session, a.outcomes, b.outcomes, err);
    if (code == 0) {
        struct comparison c = compare(&a, &b);
        code = options->json ? print_json(&a, &b, &c, &found, options, err)
                             : print_text(&a, &b, &c, &found, options, err);
        disagreement_release(&found);
    }
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
