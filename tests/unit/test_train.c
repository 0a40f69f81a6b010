/* Losses, rates, steps under masks, changed samples, and whole courses. */
#include "base/array.h"
#include "dataset/dataset.h"
#include "onnx/model.h"
#include "topology.h"
#include "train/evidence.h"
#include "train/tune.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { CLASSES = 5 };

static void good(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

/* --- losses --- */

static void check_loss(const struct loss_options *options, int64_t label,
                       const float *teacher)
{
    float z[CLASSES] = {0.5f, -1.25f, 2, 0.25f, -0.75f};
    float gradient[CLASSES];
    const float step = 1.0f / 128;
    loss_sample(options, CLASSES, z, label, teacher, gradient);
    for (int i = 0; i < CLASSES; i++) {
        float before = z[i];
        z[i] = before + step;
        double above = loss_sample(options, CLASSES, z, label, teacher, NULL);
        z[i] = before - step;
        double below = loss_sample(options, CLASSES, z, label, teacher, NULL);
        z[i] = before;
        double difference = (above - below) / (2 * (double)step);
        assert_true(fabs(difference - (double)gradient[i]) < 1e-4);
    }
}

static void losses_have_their_differences_as_gradients(void **state)
{
    (void)state;
    const float teacher[CLASSES] = {1, -1, 0.5f, 2, 0};
    struct loss_options options = loss_defaults();
    check_loss(&options, 2, NULL);
    options.smoothing = 0.1;
    check_loss(&options, 0, NULL);
    options.distill = 0.5;
    check_loss(&options, 1, teacher);
    check_loss(&options, -1, teacher);
    options.kind = LOSS_SQUARED;
    options.distill = 0;
    check_loss(&options, 3, NULL);
}

/* binary_cross_entropy and its derivative by the probability. */
static void one_number_learns_two_classes(void **state)
{
    (void)state;
    struct loss_options options = loss_defaults();
    const float share = 0.25f, z = -1;
    float gradient;
    options.shares = true;
    assert_true(fabs(loss_sample(&options, 1, &share, 1, NULL, &gradient) +
                     log(0.25)) < 1e-6);
    assert_true(fabs((double)gradient + 4) < 1e-4);
    options.shares = false;
    assert_true(fabs(loss_sample(&options, 1, &z, 0, NULL, &gradient) -
                     log1p(exp(-1))) < 1e-6);
    assert_true(fabs((double)gradient - 1 / (1 + exp(1))) < 1e-6);
}

/* PyTorch 1.13: cross_entropy([[0.5, -1.25, 2, 0.25, -0.75]], [2], and with
 * label_smoothing=0.1); kl_div at temperature 4 times 16. */
static void losses_are_pytorchs(void **state)
{
    (void)state;
    const float z[CLASSES] = {0.5f, -1.25f, 2, 0.25f, -0.75f};
    const float t[CLASSES] = {1, -1, 0.5f, 2, 0};
    struct loss_options options = loss_defaults();
    assert_true(fabs(loss_sample(&options, CLASSES, z, 2, NULL, NULL) -
                     0.405202522) < 1e-6);
    options.smoothing = 0.1;
    assert_true(fabs(loss_sample(&options, CLASSES, z, 2, NULL, NULL) -
                     0.590202522) < 1e-6);
    assert_true(fabs(loss_sample(&options, CLASSES, z, -1, t, NULL) -
                     0.651861320) < 1e-6);
}

/* --- courses --- */

static void rates_begin_and_end_where_they_should(void **state)
{
    (void)state;
    struct rate rate = {RATE_COSINE, 2, 0};
    assert_true(fabs(rate_at(&rate, 0) - 2) < 1e-12);
    assert_true(fabs(rate_at(&rate, 0.5) - 1) < 1e-12);
    assert_true(fabs(rate_at(&rate, 1)) < 1e-12);
    rate.kind = RATE_ONE_CYCLE;
    assert_true(fabs(rate_at(&rate, 0) - 0.08) < 1e-12);
    assert_true(fabs(rate_at(&rate, 0.3) - 2) < 1e-12);
    assert_true(rate_at(&rate, 1) < 1e-4);
    rate.kind = RATE_STEP;
    assert_true(fabs(rate_at(&rate, 0.6) - 0.2) < 1e-12);
    rate = (struct rate){RATE_CONSTANT, 2, 0.5};
    assert_true(fabs(rate_at(&rate, 0.25) - 1) < 1e-12);
    assert_true(fabs(rate_at(&rate, 0.75) - 2) < 1e-12);
    struct error err = {0};
    enum rate_kind kind;
    good(rate_find(&kind, "one-cycle", &err), &err);
    assert_int_equal(kind, RATE_ONE_CYCLE);
    assert_int_equal(rate_find(&kind, "cosign", &err), -1);
    assert_string_equal(err.message, "'cosign' is no learning rate");
}

static void amounts_grow_to_the_target(void **state)
{
    (void)state;
    for (int kind = 0; kind < COURSE_KIND_COUNT; kind++) {
        enum course_kind k = (enum course_kind)kind;
        assert_true(fabs(course_at(k, 0.2, 0.9, 0) - 0.2) < 1e-9);
        assert_true(fabs(course_at(k, 0.2, 0.9, 1) - 0.9) < 1e-6);
        for (int i = 0; i < 20; i++)
            assert_true(course_at(k, 0.2, 0.9, i / 20.0) <=
                        course_at(k, 0.2, 0.9, (i + 1) / 20.0));
    }
    /* Zhu and Gupta: 0.9 - 0.9 * 0.5^3. */
    assert_true(fabs(course_at(COURSE_CUBIC, 0, 0.9, 0.5) - 0.7875) < 1e-12);
}

/* --- whole courses on the bundled sample --- */

struct fixture {
    struct onnx_model *model;
    struct dataset *data;
    struct tune_request request;
};

static void open_fixture(struct fixture *f, const char *path)
{
    struct error err = {0};
    const struct dataset_options options = {.split = "test"};
    good(onnx_open(&f->model, path, &err), &err);
    good(dataset_open(&f->data, "data/fashion-mnist-sample", &options, &err),
         &err);
    f->request = (struct tune_request){
        .options = tune_defaults(),
        .model = onnx_graph(f->model),
        .dataset = f->data,
        .transform = {.scale = 255,
                      .channels = 1,
                      .mean = {0.2860},
                      .std = {0.3530}},
        .samples = 256,
        .isa = cpu_isa_detect(),
    };
    f->request.options.batch = 32;
}

static void close_fixture(struct fixture *f)
{
    dataset_close(f->data);
    onnx_close(f->model);
}

/* Every third weight of every parameter with two dimensions or more. */
static void mask_all(struct tune *tune, const struct graph *graph)
{
    struct error err = {0};
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct tensor *t = &graph->values[i].constant;
        struct bitmask mask;
        if (!t->data || t->dtype != DTYPE_FLOAT32 || t->shape.rank < 2)
            continue;
        size_t count = (size_t)tensor_elements(t);
        assert_int_equal(bitmask_init(&mask, count, true), 0);
        for (size_t j = 0; j < count; j += 3)
            bitmask_set(&mask, j, false);
        good(tune_mask(tune, (int)i, &mask, &err), &err);
        bitmask_release(&mask);
    }
}

static void assert_same_result(const struct tune *a, const struct tune *b)
{
    struct tune_result x, y;
    struct error err = {0};
    good(tune_result_init(&x, a, &err), &err);
    good(tune_result_init(&y, b, &err), &err);
    assert_int_equal(x.count, y.count);
    for (size_t i = 0; i < x.count; i++)
        assert_memory_equal(x.tensors[i].data, y.tensors[i].data,
                            tensor_bytes(&x.tensors[i]));
    tune_result_release(&x);
    tune_result_release(&y);
}

static void masks_hold_through_every_step(void **state)
{
    (void)state;
    static const enum optimiser_kind kinds[] = {OPTIMISER_SGD, OPTIMISER_ADAMW};
    for (size_t k = 0; k < ARRAY_LENGTH(kinds); k++) {
        struct fixture f;
        struct tune *tune;
        struct error err = {0};
        open_fixture(&f, "data/lenet5.onnx");
        f.request.options.optimiser = optimiser_defaults(kinds[k]);
        if (kinds[k] == OPTIMISER_ADAMW)
            f.request.options.rate.peak = 1e-3;
        good(tune_create(&tune, &f.request, &err), &err);
        mask_all(tune, onnx_graph(f.model));
        assert_true(tune_masked(tune) > 100000);
        while (tune_done(tune) < tune_steps(tune)) {
            good(tune_step(tune, NULL, NULL, &err), &err);
            assert_int_equal(tune_violations(tune), 0);
        }
        struct tune_result result;
        good(tune_result_init(&result, tune, &err), &err);
        int64_t zeros = 0;
        for (size_t i = 0; i < result.count; i++)
            for (int64_t j = 0; j < tensor_elements(&result.tensors[i]); j++)
                zeros += ((float *)result.tensors[i].data)[j] == 0;
        assert_true(zeros >= tune_masked(tune));
        tune_result_release(&result);
        tune_destroy(tune);
        close_fixture(&f);
    }
}

/* Half of the steps, saved, read by another: as if it had never stopped. */
static void what_is_saved_goes_on_bit_for_bit(void **state)
{
    (void)state;
    static const char *const models[] = {"data/lenet5.onnx",
                                         "data/resnet20-bn.onnx"};
    for (size_t m = 0; m < ARRAY_LENGTH(models); m++) {
        struct fixture f;
        struct tune *whole, *half, *rest;
        struct tune_state a, b;
        struct error err = {0};
        struct npz npz = {0};
        size_t capacity = 0;
        open_fixture(&f, models[m]);
        if (m == 0) {
            f.request.options.optimiser = optimiser_defaults(OPTIMISER_ADAMW);
            f.request.options.rate.peak = 1e-3;
        }
        f.request.options.augment.shift = 1;
        good(tune_create(&whole, &f.request, &err), &err);
        good(tune_create(&half, &f.request, &err), &err);
        good(tune_create(&rest, &f.request, &err), &err);
        tune_extend(whole);
        tune_extend(half);
        int64_t stop = tune_course_steps(half) - 1;
        while (tune_done(half) < stop)
            good(tune_step(half, NULL, NULL, &err), &err);
        good(tune_remember(half, &err), &err);
        good(tune_save(half, &npz, &capacity, &err), &err);
        good(tune_load(rest, &npz, &err), &err);
        assert_int_equal(tune_done(rest), stop);
        assert_int_equal(tune_steps(rest), tune_steps(whole));
        while (tune_done(whole) < tune_steps(whole))
            good(tune_step(whole, &a, NULL, &err), &err);
        while (tune_done(rest) < tune_steps(rest))
            good(tune_step(rest, &b, NULL, &err), &err);
        assert_memory_equal(&a, &b, sizeof a);
        assert_same_result(whole, rest);
        good(tune_recall(rest, &err), &err);
        assert_same_result(half, rest);
        npz_release(&npz);
        tune_destroy(whole);
        tune_destroy(half);
        tune_destroy(rest);
        close_fixture(&f);
    }
}

/* Somebody who wants the workers all the time, and gives up in the end. */
struct borrower {
    struct cancel awaited;
    int lent, most;
};

static int run_in_turn(void *owner, int64_t pieces,
                       int (*piece)(void *context, int64_t index,
                                    struct error *err),
                       void *context, struct error *err)
{
    (void)owner;
    for (int64_t i = 0; i < pieces; i++)
        if (piece(context, i, err) < 0)
            return -1;
    return 0;
}

static int borrow(void *owner, struct error *err)
{
    struct borrower *b = owner;
    return ++b->lent == b->most ? error_set(err, ERROR_CANCELLED, "cancelled")
                                : 0;
}

/* Stopped after every step of every shard, and now and then given up: the
 * tune that nothing disturbed. */
static void a_step_that_lends_its_workers_is_the_same_step(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int accumulate;
        double distill;
    } rows[] = {{"data/lenet5.onnx", 1, 0.5},
                {"data/resnet20-bn.onnx", 1, 0},
                {"data/resnet20-bn.onnx", 2, 0}};
    for (size_t r = 0; r < ARRAY_LENGTH(rows); r++) {
        struct fixture f;
        struct borrower b = {.most = 5};
        const struct train_workers workers = {.run = run_in_turn,
                                              .awaited = &b.awaited,
                                              .lend = borrow,
                                              .owner = &b};
        struct tune *lent, *left;
        struct tune_state x, y;
        struct error err = {0};
        open_fixture(&f, rows[r].model);
        f.request.options.accumulate = rows[r].accumulate;
        f.request.options.loss.distill = rows[r].distill;
        f.request.options.epochs = 0.5;
        f.request.teacher = f.request.model;
        good(tune_create(&left, &f.request, &err), &err);
        f.request.workers = &workers;
        good(tune_create(&lent, &f.request, &err), &err);
        cancel_raise(&b.awaited);
        int given_up = 0;
        while (tune_done(lent) < tune_steps(lent)) {
            err = (struct error){0};
            given_up += tune_step(lent, &x, NULL, &err) < 0;
            assert_true(!err.code || err.code == ERROR_CANCELLED);
            b.most *= 2;
        }
        while (tune_done(left) < tune_steps(left))
            good(tune_step(left, &y, NULL, &err), &err);
        assert_true(given_up > 0 && b.lent > 50);
        assert_memory_equal(&x, &y, sizeof x);
        assert_same_result(lent, left);
        tune_destroy(lent);
        tune_destroy(left);
        close_fixture(&f);
    }
}

static void another_tunes_state_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct tune *tune;
    struct error err = {0};
    struct npz npz = {0};
    size_t capacity = 0;
    open_fixture(&f, "data/lenet5.onnx");
    good(tune_create(&tune, &f.request, &err), &err);
    good(tune_save(tune, &npz, &capacity, &err), &err);
    tune_destroy(tune);
    close_fixture(&f);
    open_fixture(&f, "data/mlp.onnx");
    good(tune_create(&tune, &f.request, &err), &err);
    assert_int_equal(tune_load(tune, &npz, &err), -1);
    assert_non_null(strstr(err.message, "array 'value:0': found 500 elements, "
                                        "expected 235200"));
    tune_destroy(tune);
    npz_release(&npz);
    close_fixture(&f);
}

/* Behind the course an epoch begins at a tenth of the peak. */
static void an_epoch_more_anneals_again(void **state)
{
    (void)state;
    struct fixture f;
    struct tune *tune;
    struct tune_state s;
    struct error err = {0};
    open_fixture(&f, "data/mlp.onnx");
    good(tune_create(&tune, &f.request, &err), &err);
    int64_t course = tune_steps(tune), each = tune_epoch_steps(tune);
    tune_extend(tune);
    assert_int_equal(tune_steps(tune), course + each);
    assert_int_equal(tune_course_steps(tune), course);
    double last = 1;
    while (tune_done(tune) < tune_steps(tune)) {
        int64_t done = tune_done(tune);
        good(tune_step(tune, &s, NULL, &err), &err);
        if (done == course)
            assert_true(fabs(s.rate - f.request.options.rate.peak / 10) <
                        1e-12);
        if (done > course)
            assert_true(s.rate < last);
        last = s.rate;
    }
    tune_destroy(tune);
    close_fixture(&f);
}

static double loss_after(struct fixture *f, struct tune_state *state)
{
    struct tune *tune;
    struct error err = {0};
    good(tune_create(&tune, &f->request, &err), &err);
    while (tune_done(tune) < tune_steps(tune))
        good(tune_step(tune, state, NULL, &err), &err);
    tune_destroy(tune);
    return state->smooth;
}

static void the_loss_falls_and_a_seed_repeats_it(void **state)
{
    (void)state;
    struct fixture f;
    struct tune_state first, again, other, gathered;
    open_fixture(&f, "data/mlp.onnx");
    f.request.options.epochs = 8;
    f.request.options.augment =
        (struct augment){.flip = true, .shift = 2, .cutout = 6, .noise = 0.05};
    double loss = loss_after(&f, &first);
    assert_true(loss_after(&f, &again) == loss);
    f.request.options.seed = 2;
    assert_true(loss_after(&f, &other) != loss);
    f.request.options.augment = (struct augment){0};
    f.request.options.batch = 16;
    f.request.options.accumulate = 2;
    assert_true(loss_after(&f, &gathered) < 0.2);
    close_fixture(&f);
}

static void distillation_needs_a_teacher(void **state)
{
    (void)state;
    struct fixture f;
    struct tune *tune;
    struct tune_state s;
    struct error err = {0};
    open_fixture(&f, "data/mlp.onnx");
    f.request.options.loss.distill = 1;
    f.request.options.rate.peak = 0;
    assert_int_equal(tune_create(&tune, &f.request, &err), -1);
    assert_string_equal(err.message, "no model to distil from");
    f.request.teacher = f.request.model;
    good(tune_create(&tune, &f.request, &err), &err);
    good(tune_step(tune, &s, NULL, &err), &err);
    assert_true(fabs(s.loss) < 1e-4); /* it agrees with itself */
    tune_destroy(tune);
    close_fixture(&f);
}

static void rewinding_brings_the_weights_back_under_the_masks(void **state)
{
    (void)state;
    struct fixture f;
    struct tune *tune;
    struct tune_result result;
    struct error err = {0};
    open_fixture(&f, "data/mlp.onnx");
    good(tune_create(&tune, &f.request, &err), &err);
    mask_all(tune, f.request.model);
    for (int i = 0; i < 3; i++)
        good(tune_step(tune, NULL, NULL, &err), &err);
    good(tune_rewind(tune, f.request.model, &err), &err);
    good(tune_result_init(&result, tune, &err), &err);
    for (size_t i = 0; i < result.count; i++) {
        const struct tensor *was =
            &f.request.model->values[result.ids[i]].constant;
        const float *now = result.tensors[i].data, *before = was->data;
        for (int64_t j = 0; j < tensor_elements(was); j++)
            assert_true(now[j] ==
                        (was->shape.rank >= 2 && j % 3 == 0 ? 0 : before[j]));
    }
    tune_result_release(&result);
    tune_destroy(tune);
    close_fixture(&f);
}

static void wrong_options_are_one_clear_line(void **state)
{
    (void)state;
    struct fixture f;
    struct tune *tune;
    struct error err = {0};
    open_fixture(&f, "data/mlp.onnx");
    f.request.options.batch = 1000;
    assert_int_equal(tune_create(&tune, &f.request, &err), -1);
    assert_string_equal(err.message,
                        "data/fashion-mnist-sample: 256 samples are fewer than "
                        "a batch of 1000");
    f.request.options.batch = 32;
    f.request.options.loss.smoothing = 2;
    assert_int_equal(tune_create(&tune, &f.request, &err), -1);
    assert_string_equal(err.message, "label smoothing is 2, expected 0 to 1");
    close_fixture(&f);
}

/* --- evidence --- */

/* The mean gradient of single samples is the gradient of their batch. */
/* Said before anything is trained, with the file, the node and its type. */
static void what_hands_no_gradient_back_is_named(void **state)
{
    (void)state;
    static const struct topology topology = {"hard",
                                             "in x ?x1x28x28\n"
                                             "const w 784x5\nconst v 5x5\n"
                                             "f = Flatten x\n"
                                             "a = MatMul f w\n"
                                             "h = Hardmax a\n"
                                             "y = MatMul h v\nout y\n",
                                             NULL};
    struct fixture f;
    struct tune *tune;
    struct error err = {0};
    struct graph *graph = topology_build(&topology);
    open_fixture(&f, "data/mlp.onnx");
    f.request.model = graph;
    f.request.name = "folder/hard.onnx";
    assert_int_equal(tune_create(&tune, &f.request, &err), -1);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_string_equal(
        err.message,
        "folder/hard.onnx: node 'Hardmax_2' (Hardmax, 3 of 4): has no "
        "gradient");
    graph_drop(graph);
    close_fixture(&f);
}

static void evidence_sums_over_batches(void **state)
{
    (void)state;
    struct fixture f;
    struct evidence_set single, whole;
    struct error err = {0};
    open_fixture(&f, "data/mlp.onnx");
    struct evidence_request request = {.model = f.request.model,
                                       .dataset = f.data,
                                       .transform = f.request.transform,
                                       .samples = 8,
                                       .batch = 1,
                                       .isa = cpu_isa_detect()};
    good(evidence_collect(&single, &request, &err), &err);
    request.batch = 8;
    good(evidence_collect(&whole, &request, &err), &err);
    assert_int_equal(single.batches, 8);
    assert_int_equal(whole.batches, 1);
    assert_true(fabs(single.loss - whole.loss) < 1e-5);
    for (size_t i = 0; i < whole.count; i++) {
        const struct evidence *a = &whole.items[i];
        const struct evidence *b = evidence_find(&single, a->id);
        assert_non_null(b);
        for (int64_t j = 0; j < a->count; j++) {
            assert_true(fabs(a->product[j] - b->product[j] / 8) < 1e-6);
            assert_true(fabs(a->product_squared[j] -
                             a->product[j] * a->product[j]) < 1e-12);
            assert_true(b->squared[j] >= 0);
        }
    }
    evidence_release(&single);
    evidence_release(&whole);
    request.samples = 4;
    assert_int_equal(evidence_collect(&whole, &request, &err), -1);
    assert_int_equal(err.code, ERROR_RANGE);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_have_their_differences_as_gradients),
        cmocka_unit_test(one_number_learns_two_classes),
        cmocka_unit_test(losses_are_pytorchs),
        cmocka_unit_test(rates_begin_and_end_where_they_should),
        cmocka_unit_test(amounts_grow_to_the_target),
        cmocka_unit_test(masks_hold_through_every_step),
        cmocka_unit_test(what_is_saved_goes_on_bit_for_bit),
        cmocka_unit_test(a_step_that_lends_its_workers_is_the_same_step),
        cmocka_unit_test(another_tunes_state_is_refused),
        cmocka_unit_test(an_epoch_more_anneals_again),
        cmocka_unit_test(the_loss_falls_and_a_seed_repeats_it),
        cmocka_unit_test(distillation_needs_a_teacher),
        cmocka_unit_test(rewinding_brings_the_weights_back_under_the_masks),
        cmocka_unit_test(wrong_options_are_one_clear_line),
        cmocka_unit_test(what_hands_no_gradient_back_is_named),
        cmocka_unit_test(evidence_sums_over_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
