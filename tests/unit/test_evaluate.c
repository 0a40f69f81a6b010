/* Evaluation: the bundled models' figures, order, labels, layouts, refusals. */
#include "base/file.h"
#include "base/rng.h"
#include "dataset/npz.h"
#include "dataset_make.h"
#include "eval/evaluate.h"
#include "exec_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct transform fashion = {
    .scale = 255, .channels = 1, .mean = {0.2860}, .std = {0.3530}};

/* A model, data and everything between them. */
struct setup {
    struct dataset *dataset;
    struct graph *instance;
    struct plan *plan;
    struct runner *runner;
    struct evaluation evaluation;
    struct outcome *outcomes;
};

static struct error err;

static void setup_graph(struct setup *s, struct graph *instance,
                        const char *data)
{
    *s = (struct setup){.instance = instance};
    if (dataset_open(&s->dataset, data, NULL, &err) < 0)
        fail_msg("%s", err.message);
    s->plan = exec_plan(s->instance, PLAN_KERNELS_DENSE, NULL, NULL);
    assert_int_equal(runner_create(&s->runner, s->plan, &err), 0);
    s->evaluation = (struct evaluation){.plan = s->plan,
                                        .dataset = s->dataset,
                                        .transform = fashion,
                                        .samples = dataset_count(s->dataset)};
    s->outcomes = calloc((size_t)s->evaluation.samples, sizeof *s->outcomes);
    assert_non_null(s->outcomes);
    for (int64_t i = 0; i < s->evaluation.samples; i++)
        s->outcomes[i].predicted = -1;
}

static void setup_model(struct setup *s, const char *model, const char *data)
{
    setup_graph(s, exec_model(model, 64), data);
}

static void release(struct setup *s)
{
    runner_destroy(s->runner);
    plan_drop(s->plan);
    graph_drop(s->instance);
    dataset_close(s->dataset);
    free(s->outcomes);
}

static int run_all(struct setup *s, struct tally *tally)
{
    const struct evaluation *e = &s->evaluation;
    int64_t seen = 0, count;
    for (int64_t b = 0; b < evaluation_batches(e); b++, seen += count)
        if (evaluation_run(e, s->runner, b, s->outcomes, NULL, &count, NULL,
                           &err) < 0)
            return -1;
    assert_int_equal(seen, e->samples);
    *tally = (struct tally){0};
    for (int64_t i = 0; i < e->samples; i++)
        tally_add(tally, &s->outcomes[e->order ? e->order[i] : i], NULL);
    return 0;
}

static void the_full_test_set_gives_the_reference_accuracy(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int correct;
    } cases[] = {{"mlp", 8976}, {"lenet5", 9165}};
    if (!file_is_folder(SET_FULL)) {
        print_message("%s is not installed\n", SET_FULL);
        skip();
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup s;
        struct tally tally;
        setup_model(&s, cases[i].model, SET_FULL);
        assert_int_equal(run_all(&s, &tally), 0);
        assert_int_equal(tally.samples, 10000);
        assert_int_equal(tally.correct, cases[i].correct);
        release(&s);
    }
}

/* The sample is the first 1,000 test images, whose logits PyTorch gave. */
static void every_answer_on_the_sample_is_pytorchs(void **state)
{
    (void)state;
    static const char *const models[] = {"mlp", "lenet5", "resnet20",
                                         "mobilenet"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct setup s;
        struct tally tally;
        struct npz npz;
        char path[80];
        setup_model(&s, models[i], SET_SAMPLE);
        assert_int_equal(run_all(&s, &tally), 0);
        snprintf(path, sizeof path, "data/%s_reference.npz", models[i]);
        assert_int_equal(npz_read(&npz, path, &err), 0);
        const float *logits = npz_find(&npz, "logits")->data;
        for (int64_t k = 0; k < 1000; k++) {
            struct outcome expected =
                outcome_of(logits + k * 10, 10, dataset_label(s.dataset, k));
            assert_int_equal(s.outcomes[k].predicted, expected.predicted);
            assert_int_equal(s.outcomes[k].correct, expected.correct);
            assert_true(s.outcomes[k].margin - expected.margin < 1e-3f &&
                        expected.margin - s.outcomes[k].margin < 1e-3f);
        }
        npz_release(&npz);
        release(&s);
    }
}

/* 1,000 samples in batches of 64: the last holds 40 and is filled up. */
static void order_and_subsets_change_no_answer(void **state)
{
    (void)state;
    enum { ALL = 1000, PART = 333 };
    struct setup s;
    struct tally tally, part;
    int64_t order[ALL];
    struct outcome *straight = malloc(ALL * sizeof *straight);
    struct rng rng;
    assert_non_null(straight);
    setup_model(&s, "mlp", SET_SAMPLE);
    assert_int_equal(evaluation_batches(&s.evaluation), 16);
    assert_int_equal(run_all(&s, &tally), 0);
    memcpy(straight, s.outcomes, ALL * sizeof *straight);
    for (int i = 0; i < ALL; i++)
        s.outcomes[i].predicted = -1;
    rng_init(&rng, 7);
    rng_permutation(&rng, order, ALL);
    s.evaluation.order = order;
    s.evaluation.samples = PART;
    assert_int_equal(run_all(&s, &part), 0);
    assert_int_equal(part.samples, PART);
    int evaluated = 0;
    for (int i = 0; i < ALL; i++) {
        if (s.outcomes[i].predicted < 0)
            continue;
        evaluated++;
        assert_int_equal(s.outcomes[i].predicted, straight[i].predicted);
        assert_true(s.outcomes[i].margin == straight[i].margin);
    }
    assert_int_equal(evaluated, PART);
    free(straight);
    release(&s);
}

/* Fidelity: the dense model agrees with itself, another one rarely. */
static void given_labels_replace_those_of_the_data(void **state)
{
    (void)state;
    enum { ALL = 1000 };
    struct setup s;
    struct tally tally;
    int64_t labels[ALL];
    setup_model(&s, "mlp", SET_SAMPLE);
    assert_int_equal(run_all(&s, &tally), 0);
    assert_true(tally.correct < ALL);
    for (int i = 0; i < ALL; i++)
        labels[i] = s.outcomes[i].predicted;
    s.evaluation.labels = labels;
    assert_int_equal(run_all(&s, &tally), 0);
    assert_int_equal(tally.correct, ALL);
    for (int i = 0; i < ALL; i++)
        labels[i] = (labels[i] + 1) % 10;
    assert_int_equal(run_all(&s, &tally), 0);
    assert_int_equal(tally.correct, 0);
    release(&s);
}

static void a_cached_prefix_changes_no_answer(void **state)
{
    (void)state;
    struct setup s;
    struct tally first, again;
    struct prefix *prefix;
    setup_model(&s, "lenet5", SET_SAMPLE);
    int64_t batches = evaluation_batches(&s.evaluation);
    assert_int_equal(prefix_create(&prefix, 64 << 20, batches, &err), 0);
    prefix_choose(prefix, s.plan, (int)plan_step_count(s.plan) - 1);
    assert_int_equal(run_all(&s, &first), 0);
    s.evaluation.prefix = prefix;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(run_all(&s, &again), 0);
        assert_memory_equal(&again, &first, sizeof first);
    }
    assert_true(prefix_resumes(prefix, s.plan, batches - 1));
    prefix_destroy(prefix);
    release(&s);
}

static void a_raised_cancel_ends_the_run(void **state)
{
    (void)state;
    struct setup s;
    struct cancel cancel;
    int64_t count;
    setup_model(&s, "mlp", SET_SAMPLE);
    cancel_reset(&cancel);
    cancel_raise(&cancel);
    assert_int_equal(evaluation_run(&s.evaluation, s.runner, 0, s.outcomes,
                                    NULL, &count, &cancel, &err),
                     -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    assert_int_equal(s.outcomes[0].predicted, -1);
    release(&s);
}

/* x (batch, dims...) -> Flatten (or Relu) -> y */
static struct graph *plain_graph(const char *type, int rank,
                                 const int64_t *dims)
{
    struct graph *graph = exec_graph();
    exec_node(graph, type, (const char *const[]){"x", NULL}, "y", NULL);
    return exec_finish(graph, "x", rank, dims, "y");
}

static void a_label_beyond_the_classes_is_named(void **state)
{
    (void)state;
    struct setup s;
    struct tally tally;
    set_npz("set.npz", 5, DTYPE_INT64, 5, 4);
    setup_graph(&s, plain_graph("Flatten", 3, (const int64_t[]){2, 2, 2}),
                set_path_of("set.npz"));
    assert_int_equal(run_all(&s, &tally), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_non_null(strstr(err.message, "sample 4 has label 4, expected one "
                                        "below the model's 4 classes"));
    assert_int_equal(
        strncmp(err.message, set_path_of("set.npz"), strlen(set_path)), 0);
    release(&s);
}

static void outputs_that_are_no_classes_are_refused(void **state)
{
    (void)state;
    struct setup s;
    struct tally tally;
    set_npz("set.npz", 5, DTYPE_INT64, 5, 1);
    setup_graph(&s, plain_graph("Relu", 3, (const int64_t[]){2, 2, 2}),
                set_path_of("set.npz"));
    assert_int_equal(run_all(&s, &tally), -1);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "output 'y' is float32 2x2x2, "
                                        "expected float32 2 x classes"));
    release(&s);
}

/* Two arrays: 'x' is found by name, a model input 'z' is not. */
static void inputs_are_matched_by_name(void **state)
{
    (void)state;
    struct dataset *dataset;
    size_t map[1] = {9};
    int64_t right[] = {2, 2, 2}, wrong[] = {2, 3, 2};
    set_npz("set.npz", 5, DTYPE_INT64, 5, 1);
    assert_int_equal(dataset_open(&dataset, set_path_of("set.npz"), NULL, &err),
                     0);
    struct graph *graph = plain_graph("Relu", 3, right);
    assert_int_equal(evaluation_match(graph, dataset, map, &err), 0);
    assert_int_equal(map[0], 0);
    graph_drop(graph);
    graph = plain_graph("Relu", 3, wrong);
    assert_int_equal(evaluation_match(graph, dataset, map, &err), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_non_null(strstr(err.message,
                           "set.npz: model input 'x': has float32 2x2 per "
                           "sample, expected float32 3x2"));
    graph_drop(graph);
    graph = exec_graph();
    exec_node(graph, "Relu", (const char *const[]){"z", NULL}, "y", NULL);
    graph = exec_finish(graph, "z", 3, right, "y");
    assert_int_equal(evaluation_match(graph, dataset, map, &err), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_non_null(strstr(err.message, "model input 'z': no array of that "
                                        "name (found 'x', 'ids')"));
    graph_drop(graph);
    dataset_close(dataset);
}

/* The logits of a model that only flattens are its input. */
static void check_input(const int64_t *dims, bool last)
{
    static const struct transform raw = {.scale = 1, .channels = 1, .std = {1}};
    struct setup s;
    float logits[2 * 18];
    int64_t count;
    setup_graph(&s, plain_graph("Flatten", 4, dims),
                set_path_of("a-images-idx3-ubyte"));
    s.evaluation.transform = raw;
    for (int64_t b = 0; b < 4; b++) {
        memset(logits, 0, sizeof logits);
        assert_int_equal(evaluation_run(&s.evaluation, s.runner, b, s.outcomes,
                                        logits, &count, NULL, &err),
                         0);
        assert_int_equal(count, b < 3 ? 2 : 1);
        for (int n = 0; n < count; n++)
            for (int c = 0; c < 3; c++)
                for (int i = 0; i < 6; i++) {
                    int at = last ? i * 3 + c : c * 6 + i;
                    int byte = (((int)b * 2 + n) * 6 + i) * 3 & 255;
                    assert_true(logits[n * 18 + at] == (float)byte);
                }
        for (int i = (int)count * 18; i < 36; i++)
            assert_true(logits[i] == 0); /* fillers are not copied out */
    }
    release(&s);
}

static void grey_images_reach_colour_models_in_their_layout(void **state)
{
    (void)state;
    set_idx("a-images-idx3-ubyte", 3, set_seven, 0, 0);
    check_input((const int64_t[]){2, 3, 2, 3}, false);
    check_input((const int64_t[]){2, 2, 3, 3}, true);
}

#define IN_FOLDER(test)                                                        \
    cmocka_unit_test_setup_teardown(test, set_folder_begin, set_folder_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_full_test_set_gives_the_reference_accuracy),
        cmocka_unit_test(every_answer_on_the_sample_is_pytorchs),
        cmocka_unit_test(order_and_subsets_change_no_answer),
        cmocka_unit_test(given_labels_replace_those_of_the_data),
        cmocka_unit_test(a_cached_prefix_changes_no_answer),
        cmocka_unit_test(a_raised_cancel_ends_the_run),
        IN_FOLDER(a_label_beyond_the_classes_is_named),
        IN_FOLDER(outputs_that_are_no_classes_are_refused),
        IN_FOLDER(inputs_are_matched_by_name),
        IN_FOLDER(grey_images_reach_colour_models_in_their_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
