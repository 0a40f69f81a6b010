/* Masked equals compacted, over all topologies. */
#include "base/rng.h"
#include "onnx/model.h"
#include "op/instance.h"
#include "prune/regrow.h"
#include "prune/removal.h"
#include "topology.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct subject {
    struct graph *model, *instance;
    struct layer_table layers;
    struct removal_draft draft;
};

static void open_subject(struct subject *subject,
                         const struct topology *topology)
{
    struct error err = {0};
    subject->model = topology_build(topology);
    if (op_instantiate(&subject->instance, subject->model, 1, &err) < 0 ||
        layer_table_init(&subject->layers, subject->instance, &err) < 0 ||
        removal_draft_init(&subject->draft, &subject->layers, &err) < 0)
        fail_msg("%s: %s", topology->name, err.message);
}

static void close_subject(struct subject *subject)
{
    removal_draft_release(&subject->draft);
    layer_table_release(&subject->layers);
    graph_drop(subject->instance);
    graph_drop(subject->model);
}

static const struct topology *find(const char *name)
{
    for (size_t i = 0; i < topology_count; i++)
        if (!strcmp(topologies[i].name, name))
            return &topologies[i];
    fail_msg("no topology '%s'", name);
    return NULL;
}

static void verify(const struct subject *subject, const char *name,
                   const char *what)
{
    struct error err = {0};
    struct removal removal = removal_of(&subject->draft);
    if (shrink_verify(subject->instance, &subject->layers, &removal, 2, 7, NULL,
                      &err) < 0)
        fail_msg("%s, %s: %s", name, what, err.message);
}

/* The compacted instance of one sample. */
static struct graph *compact(const struct subject *subject)
{
    struct graph *model, *instance;
    struct error err = {0};
    struct removal removal = removal_of(&subject->draft);
    if (shrink_graph(&model, subject->instance, &subject->layers, &removal,
                     SHRINK_COMPACT, &err) < 0 ||
        op_instantiate(&instance, model, 1, &err) < 0)
        fail_msg("%s", err.message);
    graph_drop(model);
    return instance;
}

static int64_t parameters_of(const struct graph *graph,
                             const struct layer_table *layers)
{
    int64_t count = 0;
    for (size_t i = 0; i < layers->count; i++) {
        const struct tensor *weight =
            &graph->values[layers->layers[i].weight].constant;
        count += weight->data ? tensor_elements(weight) : 0;
    }
    return count;
}

static void nothing_removed_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < topology_count; i++) {
        struct subject subject;
        open_subject(&subject, &topologies[i]);
        struct graph *same = compact(&subject);
        assert_int_equal(same->node_count, subject.instance->node_count);
        for (size_t v = 0; v < subject.instance->value_count; v++) {
            assert_string_equal(same->values[v].name,
                                subject.instance->values[v].name);
            assert_true(shape_equal(&same->values[v].shape,
                                    &subject.instance->values[v].shape));
        }
        graph_drop(same);
        verify(&subject, topologies[i].name, "nothing removed");
        close_subject(&subject);
    }
}

static void random_units_leave_equal_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < topology_count; i++) {
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct subject subject;
            struct rng rng;
            char what[40];
            open_subject(&subject, &topologies[i]);
            rng_init(&rng, seed);
            const struct group_table *groups = subject.layers.groups;
            for (size_t g = 0; g < groups->count; g++)
                for (int64_t u = 0; u < groups->groups[g].unit_count; u++)
                    if (rng_uniform(&rng) < 0.15 * (double)seed)
                        removal_take(&subject.draft,
                                     groups->groups[g].units[u]);
            snprintf(what, sizeof what, "seed %d", (int)seed);
            verify(&subject, topologies[i].name, what);
            close_subject(&subject);
        }
    }
}

/* From the front and from behind, as many as can go. */
static void all_but_one_can_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < topology_count; i++) {
        for (int back = 0; back < 2; back++) {
            struct subject subject;
            open_subject(&subject, &topologies[i]);
            const struct group_table *groups = subject.layers.groups;
            for (size_t g = 0; g < groups->count; g++) {
                const struct group *group = &groups->groups[g];
                for (int64_t u = 0; u < group->unit_count; u++)
                    removal_take(
                        &subject.draft,
                        group->units[back ? group->unit_count - 1 - u : u]);
            }
            verify(&subject, topologies[i].name,
                   back ? "all but the first" : "all but the last");
            if (subject.draft.label_count) {
                struct graph *small = compact(&subject);
                assert_true(parameters_of(small, &subject.layers) <
                            parameters_of(subject.instance, &subject.layers));
                graph_drop(small);
            }
            close_subject(&subject);
        }
    }
}

static void single_units_leave_equal_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < topology_count; i++) {
        struct subject subject;
        open_subject(&subject, &topologies[i]);
        const struct group_table *groups = subject.layers.groups;
        for (size_t g = 0; g < groups->count; g++)
            for (int64_t u = 0; u < groups->groups[g].unit_count; u++) {
                int unit = groups->groups[g].units[u];
                if (!removal_take(&subject.draft, unit))
                    continue;
                verify(&subject, topologies[i].name, "one unit");
                removal_return(&subject.draft, unit);
            }
        close_subject(&subject);
    }
}

/* Takes unit `u` of the group of the named layer. */
static void take_of(struct subject *subject, const char *layer, int64_t u)
{
    size_t row;
    assert_int_equal(layer_match(&subject->layers, layer, &row, NULL), 1);
    const struct group *group = subject->layers.layers[row].group;
    assert_true(removal_take(&subject->draft, group->units[u]));
}

static void expect_shape(const struct graph *graph, const char *value,
                         const char *shape)
{
    char text[SHAPE_TEXT_BYTES];
    int id = graph_find_value(graph, value);
    assert_true(id >= 0);
    assert_string_equal(shape_text(&graph->values[id].shape, text), shape);
}

static void shapes_are_those_of_fewer_channels(void **state)
{
    (void)state;
    struct subject subject;
    open_subject(&subject, find("grouped convolution"));
    take_of(&subject, "a", 1);
    take_of(&subject, "g", 0);
    take_of(&subject, "g", 5);
    struct graph *small = compact(&subject);
    expect_shape(small, "a.weight", "6x3x3x3");
    expect_shape(small, "g.weight", "8x3x3x3");
    expect_shape(small, "u", "1x8x6x6");
    graph_drop(small);
    close_subject(&subject);

    open_subject(&subject, find("attention from one product"));
    take_of(&subject, "qkv", 1);
    small = compact(&subject);
    expect_shape(small, "qkv.weight", "4x12");
    expect_shape(small, "s", "1x2x5x5");
    expect_shape(small, "last.weight", "4x4");
    graph_drop(small);
    close_subject(&subject);

    open_subject(&subject, find("flatten"));
    take_of(&subject, "a", 2);
    small = compact(&subject);
    expect_shape(small, "last.weight", "5x27");
    graph_drop(small);
    close_subject(&subject);
}

static void last_channel_stays(void **state)
{
    (void)state;
    struct subject subject;
    open_subject(&subject, find("chain"));
    for (int64_t u = 0; u < 5; u++)
        take_of(&subject, "a", u);
    const struct group *group = subject.layers.layers[0].group;
    assert_false(removal_take(&subject.draft, group->units[5]));
    assert_false(removal_take(&subject.draft, group->units[0]));
    removal_return(&subject.draft, group->units[0]);
    assert_true(removal_take(&subject.draft, group->units[5]));
    close_subject(&subject);
}

/* --- blocks --- */

static void residual_branches_are_passed_over(void **state)
{
    (void)state;
    static const char *const with[] = {"residual", "inverted residual"};
    for (size_t i = 0; i < 2; i++) {
        struct subject subject;
        open_subject(&subject, find(with[i]));
        assert_int_equal(subject.layers.blocks->count, 1);
        subject.draft.blocks[0] = true;
        verify(&subject, with[i], "without its block");
        const struct block *block = &subject.layers.blocks->blocks[0];
        struct graph *small = compact(&subject);
        for (size_t j = 0; j < block->node_count; j++)
            assert_true(small->folded[block->nodes[j]]);
        for (size_t j = 0; j < block->layer_count; j++) {
            int weight = subject.layers.layers[block->layers[j]].weight;
            assert_null(small->values[weight].constant.data);
        }
        graph_drop(small);
        take_of(&subject, i ? "s" : "a", 1);
        verify(&subject, with[i], "without its block and a channel");
        close_subject(&subject);
    }
}

static void other_additions_are_no_blocks(void **state)
{
    (void)state;
    static const char *const without[] = {
        "chain", "projection",  "concat that is added", "product and sum",
        "split", "two outputs", "padded channels"};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        struct subject subject;
        open_subject(&subject, find(without[i]));
        if (subject.layers.blocks->count != (i == 6))
            fail_msg("%s has %zu blocks", without[i],
                     subject.layers.blocks->count);
        close_subject(&subject);
    }
}

/* Rows of the layers of a chain that can go, as a string: "bc". */
static void plain_layers_hand_on_what_they_read(void **state)
{
    (void)state;
    static const struct topology chains[] = {
        {"convolutions",
         "in x ?x3x6x6\nconst a.w 6x3x3x3\nconst b.w 6x6x3x3\nconst b.b 6\n"
         "const c.w 6x2x5x3\nconst s 6\nconst h 6\nconst m 6\npositive v 6\n"
         "const d.w 2x6x1x1\n"
         "t = Conv x a.w | pads=1,1,1,1\nu = Relu t\n"
         "p = Conv u b.w b.b | pads=1,1,1,1\nq = Relu p\n"
         "r = Conv q c.w | pads=4,1,4,1 dilations=2,1 group=3\n"
         "n = BatchNormalization r s h m v\nw = Relu n\n"
         "y = Conv w d.w\nout y\n",
         ""},
        {"products",
         "in x ?x5\nconst a.w 7x5\nconst a.b 7\nconst b.w 7x7\nconst b.b 7\n"
         "const c.w 7x7\nconst c.b 7\nconst d.w 7x7\nconst e.w 7x7\n"
         "t = Gemm x a.w a.b | transB=1\nu = Tanh t\n"
         "p = Gemm u b.w b.b | transB=1\nq = Sigmoid p\n"
         "r = MatMul q c.w\ns = Add r c.b\nz = Relu s\n"
         "k = MatMul z d.w\ny = MatMul k e.w\nout y\n",
         ""}};
    static const char *const can[] = {"0110", "01110"};
    for (size_t i = 0; i < 2; i++) {
        struct subject subject;
        open_subject(&subject, &chains[i]);
        const struct block_table *blocks = subject.layers.blocks;
        for (size_t j = 0; j < subject.layers.count; j++) {
            bool found = subject.layers.layers[j].block != NULL;
            if (found != (can[i][j] == '1'))
                fail_msg("%s: layer %zu: %s", chains[i].name, j,
                         blocks->reasons[j] ? blocks->reasons[j] : "goes");
        }
        for (size_t j = 0; j < blocks->count; j++) {
            subject.draft.blocks[j] = true;
            verify(&subject, chains[i].name, "without one layer");
            struct graph *small = compact(&subject);
            int row = blocks->blocks[j].layers[0];
            int weight = subject.layers.layers[row].weight;
            assert_null(small->values[weight].constant.data);
            graph_drop(small);
            subject.draft.blocks[j] = false;
        }
        for (size_t j = 0; j < blocks->count; j++)
            subject.draft.blocks[j] = true;
        verify(&subject, chains[i].name, "without all that can go");
        close_subject(&subject);
    }
}

/* --- real networks --- */

/* Removes a random 30 % of every group of the model at `path`. */
static void prune_file(const char *path)
{
    struct subject subject = {0};
    struct onnx_model *model;
    struct error err = {0};
    struct rng rng;
    if (onnx_open(&model, path, &err) < 0)
        fail_msg("%s", err.message);
    subject.model = graph_retain(onnx_graph(model));
    int64_t batch = subject.model->declared_batch;
    if (op_instantiate(&subject.instance, subject.model, batch > 0 ? batch : 1,
                       &err) < 0 ||
        layer_table_init(&subject.layers, subject.instance, &err) < 0 ||
        removal_draft_init(&subject.draft, &subject.layers, &err) < 0)
        fail_msg("%s: %s", path, err.message);
    rng_init(&rng, 11);
    const struct group_table *groups = subject.layers.groups;
    size_t locked = 0;
    for (size_t g = 0; g < groups->count; g++) {
        const struct group *group = &groups->groups[g];
        locked += !group->most;
        for (int64_t u = 0; u < group->unit_count; u++)
            if (rng_uniform(&rng) < 0.3)
                removal_take(&subject.draft, group->units[u]);
    }
    printf("%s: %zu groups, %zu locked, %zu blocks, %lld units removed\n", path,
           groups->count, locked, subject.layers.blocks->count,
           (long long)subject.draft.label_count);
    verify(&subject, path, "30 % of every group");
    for (size_t i = 0; i < subject.layers.blocks->count; i += 2)
        subject.draft.blocks[i] = true;
    if (subject.layers.blocks->count)
        verify(&subject, path, "every other block too");
    close_subject(&subject);
    onnx_close(model);
}

/* ESPALIER_ZOO names a folder of models; nothing to do without it. */
static void networks_of_the_zoo_leave_equal_outputs(void **state)
{
    (void)state;
    const char *folder = getenv("ESPALIER_ZOO");
    DIR *directory = folder ? opendir(folder) : NULL;
    if (!directory) {
        skip();
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[4096];
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".onnx"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        prune_file(path);
    }
    closedir(directory);
}

/* Constants of a smaller graph, changed; returns how many. */
static size_t changed_constants(const struct graph *small,
                                const struct graph *own, int *ids,
                                struct tensor *tensors)
{
    size_t count = 0;
    for (size_t v = 0; v < small->value_count; v++) {
        const struct value *value = &small->values[v];
        if (!value->initializer || value->constant.dtype != DTYPE_FLOAT32 ||
            !strcmp(value->name, "espalier.nothing"))
            continue;
        /* What was not cut must be the model's own. */
        if (v < own->value_count && !own->values[v].constant.data)
            fail_msg("'%s' was no constant", value->name);
        struct tensor *tensor = &tensors[count];
        assert_int_equal(
            tensor_init(tensor, DTYPE_FLOAT32, &value->constant.shape, NULL),
            0);
        const float *from = value->constant.data;
        float *to = tensor->data;
        for (int64_t i = 0; i < tensor_elements(tensor); i++)
            to[i] = from[i] + (float)(i + 1);
        ids[count++] = (int)v;
    }
    return count;
}

/* Puts changed constants back and shrinks again: whether that could be done;
 * then the same constants must come out. */
static bool comes_back(const struct subject *subject, const char *name)
{
    struct error err = {0};
    struct removal removal = removal_of(&subject->draft);
    const struct graph *own = subject->instance;
    struct mask_set set = {.labels = subject->draft.labels,
                           .blocks = subject->draft.blocks};
    struct regrow regrow;
    struct graph *small, *grown, *again;
    struct tensor tensors[64], kept[64];
    int ids[64], first[64];
    if (shrink_graph(&small, own, &subject->layers, &removal, SHRINK_COMPACT,
                     &err) < 0 ||
        regrow_init(&regrow, own, &subject->layers, &set, &err) < 0)
        fail_msg("%s: %s", name, err.message);
    size_t count = changed_constants(small, own, ids, tensors);
    memcpy(first, ids, sizeof first);
    for (size_t i = 0; i < count; i++)
        kept[i] = tensor_share(&tensors[i]);
    bool back = regrow_tensors(&regrow, own, count, ids, tensors, &err) == 0;
    if (!back && !strstr(err.message, "different parts"))
        fail_msg("%s: %s", name, err.message);
    if (back) {
        assert_int_equal(
            graph_with_constants(&grown, own, count, ids, tensors, &err), 0);
        assert_int_equal(shrink_graph(&again, grown, &subject->layers, &removal,
                                      SHRINK_COMPACT, &err),
                         0);
        for (size_t i = 0; i < count; i++) {
            const struct tensor *t = &again->values[first[i]].constant;
            if (!t->data || memcmp(t->data, kept[i].data, tensor_bytes(t)) != 0)
                fail_msg("%s: '%s' came back otherwise", name,
                         again->values[first[i]].name);
        }
        graph_drop(again);
        graph_drop(grown);
    }
    for (size_t i = 0; i < count; i++) {
        tensor_release(&tensors[i]);
        tensor_release(&kept[i]);
    }
    regrow_release(&regrow);
    graph_drop(small);
    return back;
}

static void changed_constants_come_back_in_the_models_shapes(void **state)
{
    (void)state;
    size_t back = 0;
    for (size_t i = 0; i < topology_count; i++) {
        struct subject subject;
        struct rng rng;
        open_subject(&subject, &topologies[i]);
        rng_init(&rng, i + 1);
        const struct group_table *groups = subject.layers.groups;
        for (size_t g = 0; g < groups->count; g++)
            for (int64_t u = 0; u < groups->groups[g].unit_count; u++)
                if (rng_uniform(&rng) < 0.4)
                    removal_take(&subject.draft, groups->groups[g].units[u]);
        back += comes_back(&subject, topologies[i].name);
        close_subject(&subject);
    }
    /* Only constants that layers share and cut differently may refuse. */
    assert_true(back * 10 > topology_count * 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_removed_changes_nothing),
        cmocka_unit_test(random_units_leave_equal_outputs),
        cmocka_unit_test(all_but_one_can_go),
        cmocka_unit_test(single_units_leave_equal_outputs),
        cmocka_unit_test(shapes_are_those_of_fewer_channels),
        cmocka_unit_test(last_channel_stays),
        cmocka_unit_test(residual_branches_are_passed_over),
        cmocka_unit_test(other_additions_are_no_blocks),
        cmocka_unit_test(plain_layers_hand_on_what_they_read),
        cmocka_unit_test(changed_constants_come_back_in_the_models_shapes),
        cmocka_unit_test(networks_of_the_zoo_leave_equal_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
