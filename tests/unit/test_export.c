#include "onnx_fixture.h"

#include "base/array.h"
#include "base/file.h"
#include "dataset/npz.h"
#include "export/export.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* A session, its current variant's masks, and where to export. */
struct exported {
    struct session *session;
    struct mask_set masks;
    struct export_request request;
    char *path;
};

static struct session *open_session(const char *model, const char *data)
{
    struct session_options options = {
        .model_path = model,
        .data_path = data,
        .samples = data ? 40 : 0,
        .seed = 5,
        .transform = {.scale = 255,
                      .channels = 1,
                      .mean = {0.286},
                      .std = {0.353},
                      .name = "fashion-mnist"},
    };
    struct session *session = NULL;
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

static void execute(struct session *session, const char *line)
{
    struct command_result result = {0};
    struct error err = {0};
    if (session_execute(session, line, &result, &err) < 0)
        fail_msg("%s", err.message);
    command_result_release(&result);
}

static struct exported begin(struct fixture *f, const char *model,
                             const char *data, const char *lines)
{
    struct exported e = {.session = open_session(model, data),
                         .path = path_join(f->folder, "out.onnx")};
    execute(e.session, lines);
    const struct variant *variant = session_current(e.session);
    struct error err = {0};
    if (session_masks(e.session, variant, NULL, NULL, &e.masks, &err) < 0)
        fail_msg("%s", err.message);
    e.request = (struct export_request){.path = e.path, .variant = variant};
    return e;
}

static void end(struct exported *e)
{
    mask_set_release(&e->masks);
    session_close(e->session);
    free(e->path);
}

/* Exports with the masks; they lie in `e`, so this is its last address. */
static void export_good(struct exported *e)
{
    struct error err = {0};
    e->request.masks_set = &e->masks;
    if (export_write(e->session, &e->request, &err) < 0)
        fail_msg("%s", err.message);
}

static char *read_companion(const char *path, const char *suffix)
{
    char *name = export_companion(path, suffix), *text;
    size_t bytes;
    assert_int_equal(file_read(&text, &bytes, name, NULL), 0);
    assert_int_equal(strlen(text), bytes);
    free(name);
    return text;
}

static bool has_companion(const char *path, const char *suffix)
{
    char *name = export_companion(path, suffix);
    bool there = file_exists(name);
    free(name);
    return there;
}

static void what_would_be_replaced_is_named(void **state)
{
    (void)state;
    char folder[] = "/tmp/espalier-there-XXXXXX", path[60], notes[60];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.onnx", folder);
    snprintf(notes, sizeof notes, "%s/a.md", folder);
    struct export_request request = {.path = path, .masks = true};
    struct strbuf names = {0};
    assert_int_equal(export_existing(&request, true, &names), 0);
    assert_int_equal(file_write(notes, "x", 1, NULL), 0);
    assert_int_equal(file_write(path, "x", 1, NULL), 0);
    assert_int_equal(export_existing(&request, false, &names), 0);
    request.report = true;
    assert_int_equal(export_existing(&request, true, &names), 2);
    assert_string_equal(strbuf_text(&names), "a.onnx, .md");
    strbuf_release(&names);
    assert_int_equal(export_existing(&request, false, &names), 1);
    assert_string_equal(strbuf_text(&names), "a.md");
    strbuf_release(&names);
    remove(path);
    remove(notes);
    remove(folder);
}

static int64_t count_zeros(const struct tensor *tensor)
{
    int64_t zeros = 0;
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        zeros += tensor_number(tensor, i) == 0;
    return zeros;
}

static void companions_share_the_stem(void **state)
{
    (void)state;
    static const struct {
        const char *path, *suffix, *expected;
    } cases[] = {
        {"a/b.onnx", ".md", "a/b.md"},
        {"a/b.onnx", ".masks.npz", "a/b.masks.npz"},
        {"b", ".recipe", "b.recipe"},
        {"b.onnx.onnx", ".md", "b.onnx.md"},
        {"a/.onnx", ".md", "a/.onnx.md"},
        {".onnx", ".md", ".onnx.md"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char *name = export_companion(cases[i].path, cases[i].suffix);
        assert_string_equal(name, cases[i].expected);
        free(name);
    }
}

static void dense_model_is_exported_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct exported e = begin(f, "data/mlp.onnx", NULL, "set * 0%");
    char *a, *b;
    size_t m, n;
    for (int with_masks = 0; with_masks < 2; with_masks++) {
        struct error err = {0};
        e.request.masks_set = with_masks ? &e.masks : NULL;
        assert_int_equal(export_write(e.session, &e.request, &err), 0);
        assert_int_equal(file_read(&a, &m, e.path, NULL), 0);
        assert_int_equal(file_read(&b, &n, "data/mlp.onnx", NULL), 0);
        assert_int_equal(m, n);
        assert_memory_equal(a, b, m);
        free(a);
        free(b);
    }
    assert_false(has_companion(e.path, ".md"));
    assert_false(has_companion(e.path, ".recipe"));
    assert_false(has_companion(e.path, ".masks.npz"));
    end(&e);
}

static void exported_model_has_exactly_the_zeros_asked_for(void **state)
{
    struct fixture *f = *state;
    struct exported e =
        begin(f, "data/mlp.onnx", NULL, "set fc1 90% ; set @2 1234");
    export_good(&e);
    struct onnx_model *pruned = open_good(e.path);
    const struct onnx_model *dense = session_model(e.session);
    const char *const names[] = {"fc1.weight", "fc2.weight", "fc3.weight",
                                 "fc1.bias",   "fc2.bias",   "fc3.bias"};
    const int64_t removed[] = {211680, 1234, 0, 0, 0, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const struct tensor *now = &value_of(pruned, names[i])->constant;
        const struct tensor *was = &value_of(dense, names[i])->constant;
        assert_int_equal(count_zeros(was), 0);
        assert_int_equal(count_zeros(now), removed[i]);
        for (int64_t k = 0; k < tensor_elements(now); k++) {
            double x = tensor_number(now, k);
            assert_true(x == 0 || x == tensor_number(was, k));
        }
    }
    onnx_close(pruned);
    end(&e);
}

static void masks_are_named_by_parameter(void **state)
{
    struct fixture *f = *state;
    struct exported e = begin(f, "data/resnet20.onnx", NULL, "set stem 50%");
    const struct layer_table *layers = session_layers(e.session);
    e.request.masks = true;
    export_good(&e);
    char *path = export_companion(e.path, ".masks.npz");
    struct npz npz;
    assert_int_equal(npz_read(&npz, path, NULL), 0);
    assert_int_equal(npz.count, 22); /* dense layers too: all kept */
    struct onnx_model *pruned = open_good(e.path);
    for (size_t i = 0; i < npz.count; i++) {
        const struct layer *layer = &layers->layers[i];
        const struct tensor *mask = &npz.arrays[i].tensor;
        const char *initializer =
            session_graph(e.session)->values[layer->weight].name;
        const struct value *weight = value_of(pruned, initializer);
        char name[64];
        snprintf(name, sizeof name, "%s.weight", layer->name);
        assert_string_equal(npz.arrays[i].name, name);
        assert_int_equal(mask->dtype, DTYPE_BOOL);
        assert_true(shape_equal(&mask->shape, &weight->shape));
        int64_t zeros = count_zeros(mask);
        bool stem = strcmp(name, "stem.weight") == 0;
        assert_int_equal(zeros, stem ? 72 : 0);
        for (int64_t k = 0; k < tensor_elements(mask); k++)
            if (!tensor_integer(mask, k))
                assert_true(tensor_number(&weight->constant, k) == 0);
    }
    onnx_close(pruned);
    npz_release(&npz);
    free(path);
    end(&e);
}

/* PyTorch's exporter transposes the weight of a product and invents a name
 * for it; of a square one the shape does not tell. */
static void masks_lie_as_parameters_do(void **state)
{
    struct fixture *f = *state;
    enum { N = 8 };
    struct onnx_make *make = &f->make;
    make_initializer(make, "onnx::MatMul_9", DTYPE_FLOAT32,
                     (int64_t[]){N, N, 0});
    make_initializer(make, "b.0.att.in_bias", DTYPE_FLOAT32, (int64_t[]){N, 0});
    make_node(make, "MatMul", "/att/MatMul", "f onnx::MatMul_9", "m");
    make_node(make, "Add", "/att/Add", "b.0.att.in_bias m", "a");
    make->graph.node[3]->input[0] = (char[]){"a"};
    make_write(make, f->path);
    struct exported e = begin(f, f->path, NULL, "set b.0.att.in 10");
    e.request.masks = true;
    export_good(&e);
    char *path = export_companion(e.path, ".masks.npz");
    struct npz npz;
    assert_int_equal(npz_read(&npz, path, NULL), 0);
    const struct tensor *mask = NULL;
    for (size_t i = 0; i < npz.count; i++)
        if (!strcmp(npz.arrays[i].name, "b.0.att.in_weight"))
            mask = &npz.arrays[i].tensor;
    assert_non_null(mask);
    struct onnx_model *pruned = open_good(e.path);
    const struct tensor *stored = &value_of(pruned, "onnx::MatMul_9")->constant;
    int moved = 0;
    for (int64_t k = 0; k < (int64_t)N * N; k++) {
        bool kept = tensor_integer(mask, k % N * N + k / N);
        assert_true(kept == (tensor_number(stored, k) != 0));
        moved += kept != tensor_integer(mask, k);
    }
    assert_true(moved > 0); /* as stored it would be another mask */
    onnx_close(pruned);
    npz_release(&npz);
    /* And back: the same weights are masked. */
    struct session_options options = {.model_path = e.path, .masks = path};
    struct session *again = NULL;
    struct mask_set set = {0};
    struct error err = {0};
    if (session_open(&again, &options, &err) < 0 ||
        session_masks(again, session_current(again), NULL, NULL, &set, &err) <
            0)
        fail_msg("%s", err.message);
    assert_int_equal(set.count, e.masks.count);
    for (size_t i = 0; i < set.count; i++)
        assert_true(bitmask_equal(&set.masks[i], &e.masks.masks[i]));
    mask_set_release(&set);
    session_close(again);
    free(path);
    end(&e);
}

static void recipe_leads_to_the_same_variant(void **state)
{
    struct fixture *f = *state;
    struct exported e = begin(f, "data/resnet20.onnx", NULL,
                              "set layers.*.conv1 75% ; set fc 3 ; global 60%;"
                              "set stem 0");
    e.request.recipe = true;
    export_good(&e);
    char *path = export_companion(e.path, ".recipe");
    struct session *again = open_session("data/resnet20.onnx", NULL);
    struct error err = {0};
    if (session_execute_file(again, path, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(session_current(again)->hash == e.request.variant->hash);
    session_close(again);
    free(path);
    end(&e);
}

/* Figures as an evaluation would give them. */
static struct result some_figures(struct layer_result *rows)
{
    struct result result = {
        .metric = METRIC_TOP1,
        .accuracy = {0.875, 0.75, 0.95, 40, 40},
        .top5 = {1, 0.9, 1, 40, 40},
        .difference = {-0.025, -0.1, 0.05, 40, 40},
        .base_only = 2,
        .variant_only = 1,
        .p_value = 1,
        .loss = {.value = 0.5},
        .has_latency = true,
        .latency_ms = {.median = 0.5, .p10 = 0.4, .p90 = 0.6, .count = 30},
        .dense_latency_ms = {.median = 1, .p10 = 0.9, .p90 = 1.1, .count = 30},
        .cost = {.parameters = 1000,
                 .nonzeros = 100,
                 .macs = 5000,
                 .effective_macs = 500,
                 .dense_bytes = 4000,
                 .encoded_bytes = 525},
        .dense_cost = {.parameters = 1000,
                       .nonzeros = 1000,
                       .macs = 5000,
                       .effective_macs = 5000,
                       .dense_bytes = 4000,
                       .encoded_bytes = 4000},
        .layer_count = 3,
        .layers = rows,
    };
    return result;
}

static void report_holds_what_one_needs_to_repeat(void **state)
{
    struct fixture *f = *state;
    struct exported e =
        begin(f, "data/mlp.onnx", "data/fashion-mnist-sample", "set fc1 90%");
    struct layer_result rows[3] = {
        {.ms = 0.125, .kernel = "sparse"}, {.ms = NAN}, {.ms = NAN}};
    struct result figures = some_figures(rows);
    e.request.report = true;
    e.request.result = &figures;
    export_good(&e);
    char *text = read_companion(e.path, ".md");
    static const char *const parts[] = {
        "# Pruned model out.onnx\n",
        "- Model: `data/mlp.onnx`, opset 13, made by pytorch\n",
        "- Data: `data/fashion-mnist-sample` (idx, split test), 40 samples, "
        "seed 5\n",
        "- Pre-processing: fashion-mnist, (x / 255 - 0.286) / 0.353\n",
        "- Top-1 accuracy: 87.50 % (95 % interval 75.00 % to 95.00 %, 40 of 40 "
        "samples)\n",
        "- Mean cross-entropy: 0.5000\n",
        "in points: -2.50 (95 % interval -10.00 to +5.00, 40 of 40 samples)",
        "right on 2, only this one on 1 (McNemar p = 1)\n",
        "median: 0.500 ms (10 % to 90 %: 0.400 to 0.600, 30 runs)",
        "dense 1.000 ms (0.900 to 1.100), 2.00 times as fast\n",
        "| parameters that are not zero | 1000 | 100 | 10.0 % |\n",
        "| 1 | fc1 | Gemm | 300x784 | 235200 | 211680 | 90.0 % | weight, "
        "magnitude | 0.1250 | sparse |\n",
        "| 2 | fc2 | Gemm | 100x300 | 30000 | 0 | 0.0 % | dense | - | - |\n",
        "211680 of 266200 prunable weights removed (79.52 %).\n",
        "    espalier prune data/mlp.onnx data/fashion-mnist-sample --split "
        "test --samples 40 --seed 5 --scale 255 --mean 0.286 --std 0.353 "
        "--recipe ",
        "\nwith these lines in the recipe's file:\n",
        "    set fc1 90%\n",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        if (!strstr(text, parts[i]))
            fail_msg("no '%s' in:\n%s", parts[i], text);
    free(text);
    end(&e);
}

static void report_says_what_was_not_measured(void **state)
{
    struct fixture *f = *state;
    struct exported e = begin(f, "data/mlp.onnx", NULL, "set fc1 90%");
    e.request.report = true;
    export_good(&e);
    char *text = read_companion(e.path, ".md");
    assert_non_null(strstr(text, "- Data: none\n"));
    assert_non_null(strstr(text, "- Accuracy: not evaluated\n"));
    assert_non_null(strstr(text, "- Latency: not measured\n"));
    assert_null(strstr(text, "nan"));
    free(text);
    end(&e);
}

static void report_quotes_what_markdown_and_shells_would_read(void **state)
{
    struct fixture *f = *state;
    f->make.graph.initializer[2]->name = (char[]){"a|b"};
    f->make.graph.node[3]->input[1] = (char[]){"a|b"};
    char *model = path_join(f->folder, "it's.onnx");
    make_write(&f->make, model);
    struct exported e = begin(f, model, NULL, "set @2 50%");
    e.request.report = true;
    export_good(&e);
    char *text = read_companion(e.path, ".md");
    assert_non_null(strstr(text, "| a\\|b | Gemm |"));
    assert_non_null(strstr(text, "/it'\\''s.onnx' --recipe"));
    free(text);
    free(model);
    end(&e);
}

static void unwritable_outputs_are_errors(void **state)
{
    struct fixture *f = *state;
    struct exported e = begin(f, "data/mlp.onnx", NULL, "set fc1 90%");
    e.request.path = "/nowhere/out.onnx";
    e.request.masks_set = &e.masks;
    static const struct {
        bool masks, recipe, report;
        const char *message;
    } cases[] = {
        {false, false, false, "/nowhere/out.onnx: "},
        {true, false, false, "/nowhere/out.masks.npz: "},
        {false, true, false, "/nowhere/out.recipe: "},
        {false, false, true, "/nowhere/out.md: "},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct error err = {0};
        e.request.masks = cases[i].masks;
        e.request.recipe = cases[i].recipe;
        e.request.report = cases[i].report;
        assert_int_equal(export_write(e.session, &e.request, &err), -1);
        assert_int_equal(err.code, ERROR_IO);
        assert_int_equal(
            strncmp(err.message, cases[i].message, strlen(cases[i].message)),
            0);
        assert_null(strstr(err.message + 1, "/nowhere")); /* named once */
    }
    end(&e);
}

/* The model, and data that a companion's name happens to meet. */
static void what_the_session_reads_is_never_overwritten(void **state)
{
    struct fixture *f = *state;
    struct exported e = begin(f, "data/mlp.onnx", NULL, "set fc1 90%");
    struct error err = {0};
    char other[300];
    e.request.masks_set = &e.masks;
    e.request.path = "data/mlp.onnx";
    assert_int_equal(export_check(e.session, e.request.path, &err), -1);
    assert_int_equal(export_write(e.session, &e.request, &err), -1);
    assert_string_equal(err.message, "data/mlp.onnx: is read by this session, "
                                     "expected another file");
    snprintf(other, sizeof other, "%s/link.onnx", f->folder);
    char *model = realpath("data/mlp.onnx", NULL);
    assert_int_equal(symlink(model, other), 0);
    free(model);
    assert_int_equal(export_check(e.session, other, &err), -1);
    snprintf(other, sizeof other, "%s/other.onnx", f->folder);
    assert_int_equal(export_check(e.session, other, &err), 0);
    end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(companions_share_the_stem),
        cmocka_unit_test(what_would_be_replaced_is_named),
        WITH_FOLDER(dense_model_is_exported_as_it_is),
        WITH_FOLDER(what_the_session_reads_is_never_overwritten),
        WITH_FOLDER(exported_model_has_exactly_the_zeros_asked_for),
        WITH_FOLDER(masks_are_named_by_parameter),
        WITH_FOLDER(masks_lie_as_parameters_do),
        WITH_FOLDER(recipe_leads_to_the_same_variant),
        WITH_FOLDER(report_holds_what_one_needs_to_repeat),
        WITH_FOLDER(report_says_what_was_not_measured),
        WITH_FOLDER(report_quotes_what_markdown_and_shells_would_read),
        WITH_FOLDER(unwritable_outputs_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
