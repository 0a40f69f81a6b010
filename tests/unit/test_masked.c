/* What an edit does not change is taken over, and is what would be made. */
#include "session_fixture.h"

#include "base/array.h"
#include "base/rng.h"
#include "engine/setup.h"
#include "prune/masked.h"
#include "prune/permute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { EDITS = 80, LINE_BYTES = 80, SEED = 5 };

/* --- a walk through a session --- */

static void write_edit(char *line, struct rng *rng, size_t layers)
{
    static const char *const fixed[] = {"+1%", "2:4", "2:4p", "layer", "0%"};
    static const char *const methods[] = {
        "", "", "", "l2", "random", "block:4x1", "kernel", "channel", "fpgm"};
    /* Few amounts: often the same one by another method. */
    size_t at = rng_below(rng, 5 * ARRAY_LENGTH(fixed));
    int row = 1 + (int)rng_below(rng, layers);
    if (at < ARRAY_LENGTH(fixed))
        snprintf(line, LINE_BYTES, "set @%d %s", row, fixed[at]);
    else
        snprintf(line, LINE_BYTES, "set @%d %d%% %s", row,
                 25 + 25 * (int)rng_below(rng, 3),
                 methods[rng_below(rng, ARRAY_LENGTH(methods))]);
}

/* Lines that are refused (a structure that does not apply) change nothing. */
static void step(struct session *session, struct rng *rng)
{
    char line[LINE_BYTES] = "reset";
    struct command_result result = {0};
    int kind = (int)rng_below(rng, 24);
    if (kind == 0)
        snprintf(line, sizeof line, "goto %d",
                 (int)rng_below(rng, (uint64_t)session_variant_count(session)));
    else if (kind == 1)
        snprintf(line, sizeof line, "global %d%%", (int)rng_below(rng, 90));
    else if (kind > 2)
        snprintf(line, sizeof line, "%s", kind < 6 ? "undo" : "redo");
    if (kind > 7)
        write_edit(line, rng, session_layers(session)->count);
    (void)session_execute(session, line, &result, NULL);
    command_result_release(&result);
}

/* Other weights under the masks that a variant has now. */
static struct weights *make_weights(const struct session *session, float factor)
{
    struct error err = {0};
    struct mask_set set;
    struct weights *weights;
    const struct variant *variant = session_current(session);
    const struct layer_table *layers = session_layers(session);
    int id = layers->layers[layers->count / 2].weight;
    const struct tensor *own = &session_graph(session)->values[id].constant;
    struct tensor tensor;
    assert_int_equal(session_masks(session, variant, NULL, NULL, &set, &err),
                     0);
    assert_int_equal(tensor_init(&tensor, own->dtype, &own->shape, &err), 0);
    for (int64_t i = 0; i < tensor_elements(own); i++)
        ((float *)tensor.data)[i] = ((const float *)own->data)[i] * factor;
    const struct weights_parts parts = {.graph = session_graph(session),
                                        .count = 1,
                                        .ids = &id,
                                        .tensors = &tensor,
                                        .layers = layers,
                                        .masks = set.masks,
                                        .decisions = variant->decisions};
    assert_int_equal(weights_create(&weights, &parts, &err), 0);
    tensor_release(&tensor);
    mask_set_release(&set);
    return weights;
}

/* --- comparing --- */

static void assert_same_masks(const struct mask_set *a,
                              const struct mask_set *b)
{
    assert_true(mask_set_same_shape(a, b));
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->removed[i], b->removed[i]);
        assert_int_equal(a->masks[i].words != NULL, b->masks[i].words != NULL);
        if (a->masks[i].words)
            assert_true(bitmask_equal(&a->masks[i], &b->masks[i]));
    }
    assert_int_equal(a->shares != NULL, b->shares != NULL);
    if (a->shares)
        assert_memory_equal(a->shares, b->shares, a->count * sizeof *a->shares);
}

/* One of a set that keeps masked weights, one of a set that was made anew. */
static void assert_same_graphs(const struct session *session,
                               const struct graph *instance,
                               const struct weights *weights,
                               const struct mask_set *kept,
                               const struct mask_set *fresh)
{
    const struct layer_table *layers = session_layers(session);
    struct error err = {0};
    struct graph *own, *a, *b;
    assert_int_equal(weights_apply(&own, instance, weights, &err), 0);
    assert_int_equal(mask_set_apply(&a, own, layers, kept, &err), 0);
    assert_int_equal(mask_set_apply(&b, own, layers, fresh, &err), 0);
    for (size_t i = 0; i < a->value_count; i++) {
        const struct value *x = &a->values[i], *y = &b->values[i];
        assert_true(x->content_hash == y->content_hash);
        if (!x->constant.data)
            continue;
        assert_memory_equal(x->constant.data, y->constant.data,
                            tensor_bytes(&x->constant));
        if (tensor_elements(&x->constant) > 0)
            assert_int_equal(value_nonzeros(x), tensor_nonzeros(&y->constant));
    }
    graph_drop(own);
    graph_drop(a);
    graph_drop(b);
}

/* --- tests --- */

static void edits_take_over_what_would_be_made(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    struct weights *overlays[3] = {NULL};
    const struct weights *weights = NULL;
    const struct variant *last = NULL;
    struct mask_set previous = {0};
    struct graph *pair;
    struct error err = {0};
    struct rng rng;
    rng_init(&rng, SEED);
    print_message("seed %d\n", SEED);
    session_fixture_run(session, "set * 50%");
    overlays[1] = make_weights(session, 0.5F);
    session_fixture_run(session, "set layers.4.conv1 25% channel");
    overlays[2] = make_weights(session, -2);
    assert_int_equal(setup_instance(&pair, session, 2, &err), 0);
    for (int i = 0; i < EDITS; i++) {
        struct mask_set kept, fresh;
        step(session, &rng);
        if (rng_below(&rng, 12) == 0)
            weights = overlays[rng_below(&rng, ARRAY_LENGTH(overlays))];
        const struct variant *now = session_current(session);
        const struct variant *variant = variant_create(
            now->id, 0, now->decisions, now->layer_count, weights, "", "");
        if (session_masks(session, variant, &previous, last, &kept, &err) < 0 ||
            session_masks(session, variant, NULL, NULL, &fresh, &err) < 0)
            fail_msg("edit %d: %s", i, err.message);
        struct graph *own;
        assert_int_equal(
            weights_apply(&own, session_graph(session), weights, &err), 0);
        assert_int_equal(
            mask_set_keep(&kept, own, session_layers(session), &err), 0);
        graph_drop(own);
        assert_same_masks(&kept, &fresh);
        assert_same_graphs(session, session_graph(session), weights, &kept,
                           &fresh);
        assert_same_graphs(session, pair, weights, &kept, &fresh);
        mask_set_release(&fresh);
        mask_set_release(&previous);
        previous = kept;
        variant_drop(last);
        last = variant;
    }
    mask_set_release(&previous);
    variant_drop(last);
    weights_drop(overlays[1]);
    weights_drop(overlays[2]);
    graph_drop(pair);
    session_close(session);
}

/* The buffers themselves: nothing of what stays is copied. */
static void masked_weights_are_shared(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    const struct layer_table *layers = session_layers(session);
    struct mask_set before, after;
    struct graph *one, *two;
    struct error err = {0};
    session_fixture_run(session, "set * 50%");
    const struct variant *last = session_current(session);
    assert_int_equal(session_masks(session, last, NULL, NULL, &before, &err),
                     0);
    assert_null(before.masked);
    assert_int_equal(
        mask_set_keep(&before, session_graph(session), layers, &err), 0);
    session_fixture_run(session, "set @3 60%");
    assert_int_equal(session_masks(session, session_current(session), &before,
                                   last, &after, &err),
                     0);
    assert_int_equal(
        mask_set_keep(&after, session_graph(session), layers, &err), 0);
    for (size_t i = 0; i < layers->count; i++)
        assert_int_equal(before.masked[i].weight.data ==
                             after.masked[i].weight.data,
                         i != 2);
    assert_int_equal(setup_instance(&two, session, 2, &err), 0);
    assert_int_equal(mask_set_apply(&one, two, layers, &after, &err), 0);
    int id = layers->layers[2].weight;
    assert_ptr_equal(one->values[id].constant.data,
                     after.masked[2].weight.data);
    graph_drop(one);
    graph_drop(two);
    mask_set_release(&before);
    mask_set_release(&after);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_take_over_what_would_be_made),
        cmocka_unit_test(masked_weights_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
