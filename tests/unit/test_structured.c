/* Channels, heads and blocks as decisions of the command language. */
#include "session_fixture.h"

#include "prune/apply.h"
#include "prune/block.h"
#include "prune/group.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct decision *decision_of(const struct session *session,
                                          const char *name)
{
    return &session_current(session)
                ->decisions[session_fixture_row(session, name)];
}

static void refuses(struct session *session, const char *line,
                    const char *message)
{
    struct command_result result = {0};
    struct error err = {0};
    uint64_t before = session_current(session)->hash;
    assert_int_equal(session_execute(session, line, &result, &err), -1);
    if (!strstr(err.message, message))
        fail_msg("'%s': found '%s', expected '%s'", line, err.message, message);
    assert_true(session_current(session)->hash == before);
}

static void masks_of(const struct session *session, struct mask_set *set)
{
    struct error err = {0};
    if (session_masks(session, session_current(session), NULL, NULL, set,
                      &err) < 0)
        fail_msg("%s", err.message);
}

static void a_choice_holds_for_the_whole_group(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    static const char *const group[] = {"stem", "layers.0.conv2",
                                        "layers.1.conv2", "layers.2.conv2"};
    session_fixture_run(session, "set layers.1.conv2 25% channel");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(decision_of(session, group[i])->width.remove, 4);
    assert_int_equal(decision_of(session, "layers.0.conv1")->width.remove, 0);
    /* A step is taken once, however many layers of the group are named. */
    session_fixture_run(session, "set layers.?.conv2 +25% channel");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(decision_of(session, group[i])->width.remove, 8);
    session_fixture_run(session, "set stem channel:3");
    assert_int_equal(decision_of(session, group[3])->width.remove, 3);
    session_fixture_run(session, "reset stem");
    for (size_t i = 0; i < 4; i++)
        assert_true(decision_is_dense(decision_of(session, group[i])));
    session_close(session);
}

static void one_channel_stays_and_multiples_are_kept(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    session_fixture_run(session, "set layers.0.conv1 100% channel");
    assert_int_equal(decision_of(session, "layers.0.conv1")->width.remove, 15);
    refuses(session, "set layers.0.conv1 16 channel",
            "found 16 channels to remove, expected at most 15");
    session_fixture_run(session, "set layers.4.conv1 40% channel/8");
    const struct choice *width = &decision_of(session, "layers.4.conv1")->width;
    assert_int_equal(width->remove, 16);
    assert_string_equal(width->structure->name, "channel");
    session_fixture_run(session, "set layers.4.conv1 99% channel/8");
    assert_int_equal(decision_of(session, "layers.4.conv1")->width.remove, 24);
    refuses(session, "set fc 50% channel", "it is the model's output");
    refuses(session, "set fc 50% head", "it is the model's output");
    refuses(session, "set layers.0.conv1 1 head", "has no heads, but channels");
    refuses(session, "set fc layer", "is in no residual branch");
    refuses(session, "set stem 5% channel/0", "expected a multiple of 1 to");
    session_close(session);
}

/* What is left of a layer's weight, and how much of that is not zero. */
static struct shape small_weight(const struct session *session,
                                 const char *name, int64_t *nonzeros)
{
    struct mask_set set;
    struct graph *small;
    masks_of(session, &set);
    assert_int_equal(mask_set_apply(&small, session_graph(session),
                                    session_layers(session), &set, NULL),
                     0);
    size_t row = session_fixture_row(session, name);
    const struct layer *layer = &session_layers(session)->layers[row];
    const struct tensor *weight = &small->values[layer->weight].constant;
    struct shape shape = weight->shape;
    const float *values = weight->data;
    *nonzeros = 0;
    for (int64_t i = 0; i < tensor_elements(weight); i++)
        *nonzeros += values[i] != 0;
    /* What the set says of the model is what is gone of it. */
    assert_int_equal(layer->weights - set.removed[row], *nonzeros);
    graph_drop(small);
    mask_set_release(&set);
    return shape;
}

static void weights_go_from_what_channels_leave(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    int64_t nonzeros;
    session_fixture_run(session, "set layers.6.conv1 25% channel");
    session_fixture_run(session, "set layers.6.conv1 80%");
    struct shape shape = small_weight(session, "layers.6.conv1", &nonzeros);
    assert_int_equal(shape.dims[0], 48);
    /* 80 % are 14746 of 18432 weights, the same share of 13824 is 11060. */
    assert_int_equal(nonzeros, 13824 - 11060);
    /* Its reader has fewer inputs and keeps all of them. */
    shape = small_weight(session, "layers.6.conv2", &nonzeros);
    assert_int_equal(shape.dims[1], 48);
    assert_int_equal(nonzeros, 64 * 48 * 9);
    assert_int_equal(
        decision_weights(session_current(session)->decisions,
                         session_layers(session),
                         session_fixture_row(session, "layers.6.conv2")),
        64 * 16 * 9);
    session_close(session);
}

static void patterns_fit_the_smaller_shape(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    struct mask_set set;
    struct graph *small;
    session_fixture_run(session, "set layers.6.conv1 25% channel");
    session_fixture_run(session, "set layers.6.conv2 2:4");
    masks_of(session, &set);
    assert_int_equal(mask_set_apply(&small, session_graph(session),
                                    session_layers(session), &set, NULL),
                     0);
    size_t row = session_fixture_row(session, "layers.6.conv2");
    const struct layer *layer = &session_layers(session)->layers[row];
    const float *w = small->values[layer->weight].constant.data;
    for (int64_t o = 0; o < 64; o++)
        for (int64_t place = 0; place < 9; place++)
            for (int64_t i = 0; i < 48; i += 4) {
                int kept = 0;
                for (int64_t j = i; j < i + 4; j++)
                    kept += w[(o * 48 + j) * 9 + place] != 0;
                assert_int_equal(kept, 2);
            }
    graph_drop(small);
    mask_set_release(&set);
    session_close(session);
}

static void blocks_go_and_come_back(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    uint64_t dense = session_current(session)->hash;
    int64_t nonzeros;
    session_fixture_run(session, "set layers.1.conv1 layer");
    assert_true(decision_of(session, "layers.1.conv2")->skipped);
    struct mask_set set;
    masks_of(session, &set);
    struct error err = {0};
    if (mask_set_verify(&set, session_graph(session), session_layers(session),
                        NULL, &err) < 0)
        fail_msg("%s", err.message);
    size_t row = session_fixture_row(session, "layers.1.conv2");
    assert_int_equal(set.removed[row], 16 * 16 * 9);
    mask_set_release(&set);
    session_fixture_run(session, "set stem 4 channel");
    small_weight(session, "layers.2.conv1", &nonzeros);
    assert_int_equal(nonzeros, 16 * 12 * 9);
    session_fixture_run(session, "reset stem; set layers.1.conv2 0 layer");
    assert_true(session_current(session)->hash == dense);
    session_close(session);
}

static void layers_of_a_chain_go_and_come_back(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    uint64_t dense = session_current(session)->hash;
    struct command_result result;
    struct error err = {0};
    struct mask_set set;
    session_fixture_run(session, "set layers.3.conv2 layer");
    assert_true(decision_of(session, "layers.3.conv2")->skipped);
    assert_false(decision_of(session, "layers.3.conv1")->skipped);
    masks_of(session, &set);
    if (mask_set_verify(&set, session_graph(session), session_layers(session),
                        NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(
        set.removed[session_fixture_row(session, "layers.3.conv2")],
        32 * 32 * 9);
    mask_set_release(&set);
    static const struct {
        const char *line, *message;
    } refused[] = {
        {"set layers.3.conv1 25% channel", "'layers.3.conv2' is passed over"},
        {"set layers.4.conv2 25% channel", "'layers.3.conv2' is passed over"},
        {"set layers.4.conv1 2:4p", "keeps the order of its channels"},
        {"set layers.3.conv1 layer",
         "in no residual branch, and its output has another"},
        {"set layers.3.down.0 layer",
         "in no residual branch, and its output has another"},
        {"set fc layer", "in no residual branch, and its output has another"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(
            session_execute(session, refused[i].line, &result, &err), -1);
        if (!strstr(err.message, refused[i].message))
            fail_msg("%s: %s", refused[i].line, err.message);
    }
    session_fixture_run(session, "set layers.4.conv1 25% channel");
    session_fixture_run(session, "reset");
    assert_true(session_current(session)->hash == dense);
    session_close(session);
}

static void recipes_and_undo_keep_everything(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    session_fixture_run(session, "set layers.*.conv1 30% channel lamp");
    uint64_t first = session_current(session)->hash;
    session_fixture_run(session, "set layers.5.conv1 11 channel");
    session_fixture_run(session, "set layers.8.conv2 layer");
    session_fixture_run(session, "set layers.* 70%; set layers.0.conv1 0%");
    uint64_t last = session_current(session)->hash;
    struct error err = {0};
    char *recipe = session_recipe(session, session_current(session), &err);
    assert_non_null(recipe);
    session_fixture_run(session, "undo 3");
    assert_true(session_current(session)->hash == first);
    session_fixture_run(session, "redo 3");
    assert_true(session_current(session)->hash == last);
    session_close(session);

    session = session_fixture_load("data/resnet20-bn.onnx");
    char *rest = recipe;
    for (char *line; (line = strsep(&rest, "\n"));)
        session_fixture_run(session, line);
    if (session_current(session)->hash != last)
        fail_msg("the recipe gives other decisions");
    free(recipe);
    session_close(session);
}

static void global_ranks_channels_of_all_groups(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    session_fixture_run(session, "global 40% channel");
    const struct group_table *groups = session_layers(session)->groups;
    int64_t units = 0, removed = 0;
    bool equal = true;
    for (size_t g = 0; g < groups->count; g++) {
        const struct group *group = &groups->groups[g];
        if (!group->most)
            continue;
        int64_t gone =
            session_current(session)->decisions[group->layers[0]].width.remove;
        units += group->unit_count;
        removed += gone;
        assert_true(gone <= 0.9 * (double)group->unit_count);
        equal = equal && gone * 10 == group->unit_count * 4;
    }
    assert_int_equal(removed, llround(0.4 * (double)units));
    assert_false(equal);
    refuses(session, "global 40% 2:4", "there is no ranking of");
    session_fixture_run(session, "global 40% channel layers.0.*");
    session_close(session);
}

static void unimportant_channels_go_first(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/lenet5.onnx");
    struct mask_set set;
    session_fixture_run(session, "set fc1 1 channel");
    masks_of(session, &set);
    size_t row = session_fixture_row(session, "fc1"),
           next = session_fixture_row(session, "fc2");
    const struct layer_table *layers = session_layers(session);
    const struct layer *fc1 = &layers->layers[row];
    const struct layer *fc2 = &layers->layers[next];
    const float *w1 = session_graph(session)->values[fc1->weight].constant.data;
    const float *w2 = session_graph(session)->values[fc2->weight].constant.data;
    int64_t outs = fc1->matrix.rows, best = -1;
    double *rows = calloc((size_t)outs, sizeof *rows), total = 0, least = 0;
    double *columns = calloc((size_t)outs, sizeof *columns), other = 0;
    for (int64_t o = 0; o < outs; o++) {
        for (int64_t i = 0; i < fc1->matrix.inputs; i++)
            rows[o] += fabs((double)w1[layer_matrix_at(&fc1->matrix, o, i, 0)]);
        for (int64_t r = 0; r < fc2->matrix.rows; r++)
            columns[o] +=
                fabs((double)w2[layer_matrix_at(&fc2->matrix, r, o, 0)]);
        total += rows[o];
        other += columns[o];
    }
    for (int64_t o = 0; o < outs; o++) {
        double importance = rows[o] / total + columns[o] / other;
        if (best < 0 || importance < least) {
            best = o;
            least = importance;
        }
    }
    for (int64_t o = 0; o < outs; o++)
        assert_int_equal(
            bitmask_get(&set.masks[row],
                        (size_t)layer_matrix_at(&fc1->matrix, o, 0, 0)),
            o != best);
    free(rows);
    free(columns);
    mask_set_release(&set);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_holds_for_the_whole_group),
        cmocka_unit_test(one_channel_stays_and_multiples_are_kept),
        cmocka_unit_test(weights_go_from_what_channels_leave),
        cmocka_unit_test(patterns_fit_the_smaller_shape),
        cmocka_unit_test(blocks_go_and_come_back),
        cmocka_unit_test(layers_of_a_chain_go_and_come_back),
        cmocka_unit_test(recipes_and_undo_keep_everything),
        cmocka_unit_test(global_ranks_channels_of_all_groups),
        cmocka_unit_test(unimportant_channels_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
