/* Channels in another order, under which N:M keeps more. */
#include "session_fixture.h"

#include "base/rng.h"
#include "op/instance.h"
#include "prune/apply.h"
#include "prune/criteria.h"
#include "prune/permute.h"
#include "prune/permute_search.h"
#include "prune/removal.h"
#include "topology.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* --- the search --- */

enum { MOST = 64, VECTORS = 23 };

struct problem {
    float magnitude[MOST * VECTORS];
    int unit[MOST], at[MOST], order[MOST];
    uint64_t kinds[MOST];
    struct permute_reader reader;
    struct permute_search search;
};

static void make_problem(struct problem *p, int columns, int keep, int of,
                         uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (int i = 0; i < columns * VECTORS; i++)
        p->magnitude[i] = (float)fabs(rng_normal(&rng));
    for (int c = 0; c < columns; c++) {
        /* Columns differ in size, as those of trained layers do. */
        float size = (float)exp(rng_normal(&rng));
        for (int v = 0; v < VECTORS; v++)
            p->magnitude[c * VECTORS + v] *= size;
        p->unit[c] = p->at[c] = p->order[c] = c;
        p->kinds[c] = 1;
    }
    p->reader = (struct permute_reader){columns, VECTORS, p->magnitude, keep,
                                        of,      p->unit, p->at};
    p->search =
        (struct permute_search){columns, p->kinds, &p->reader, 1, INT64_MAX};
}

/* What a pattern keeps, written as plainly as it can be. */
static double kept_plainly(const struct permute_reader *r)
{
    double kept = 0;
    for (int first = 0; first < r->columns; first += r->of)
        for (int64_t v = 0; v < r->vectors; v++) {
            bool taken[16] = {false};
            int last = first + r->of <= r->columns ? r->keep : r->of;
            for (int n = 0; n < last; n++) {
                int best = -1;
                for (int c = first; c < first + r->of && c < r->columns; c++)
                    if (!taken[c - first] &&
                        (best < 0 ||
                         r->magnitude[r->at[c] * r->vectors + v] >
                             r->magnitude[r->at[best] * r->vectors + v]))
                        best = c;
                if (best < 0)
                    break;
                taken[best - first] = true;
                kept += (double)r->magnitude[r->at[best] * r->vectors + v];
            }
        }
    return kept;
}

static double search(struct problem *p)
{
    double total;
    assert_int_equal(permute_search(p->order, &p->search, NULL), 0);
    double kept = permute_kept(&p->reader, &total);
    assert_true(fabs(kept - kept_plainly(&p->reader)) < 1e-5 * total);
    bool seen[MOST] = {false};
    for (int c = 0; c < p->reader.columns; c++) {
        assert_int_equal(p->at[c], p->order[c]);
        assert_false(seen[p->at[c]]);
        seen[p->at[c]] = true;
    }
    return kept;
}

/* The best of all ways to divide eight columns into two groups of four. */
static double best_of_eight(const struct problem *p)
{
    double best = 0;
    int at[8];
    struct permute_reader reader = p->reader;
    reader.at = at;
    for (int set = 0; set < 256; set++) {
        if (__builtin_popcount((unsigned)set) != 4 || !(set & 1))
            continue;
        for (int c = 0, in = 0, out = 4; c < 8; c++)
            at[set >> c & 1 ? in++ : out++] = c;
        best = fmax(best, kept_plainly(&reader));
    }
    return best;
}

static void eight_channels_reach_the_best_of_all_orders(void **state)
{
    (void)state;
    double gained = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct problem p;
        make_problem(&p, 8, seed % 2 ? 2 : 1, 4, seed);
        double before = kept_plainly(&p.reader), best = best_of_eight(&p);
        double kept = search(&p);
        if (!(kept >= best * (1 - 4e-5)))
            fail_msg("seed %d: kept %.6f of %.6f", (int)seed, kept, best);
        gained += kept / before - 1;
    }
    assert_true(gained / 60 > 0.01);
}

static void no_order_keeps_less_than_the_models(void **state)
{
    (void)state;
    static const int patterns[][2] = {{1, 2}, {2, 4}, {1, 4},  {3, 4},
                                      {4, 8}, {1, 8}, {5, 16}, {4, 4}};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct problem p, q;
            int columns = 16 + (int)(seed * 7 % 40); /* a last group as well */
            make_problem(&p, columns, patterns[i][0], patterns[i][1], seed);
            q = p;
            double before = kept_plainly(&p.reader), kept = search(&p);
            assert_true(kept >= before * (1 - 1e-6));
            /* The same once more. */
            q.reader.magnitude = q.magnitude;
            q.reader.unit = q.unit;
            q.reader.at = q.at;
            q.search.kinds = q.kinds;
            q.search.readers = &q.reader;
            search(&q);
            assert_memory_equal(p.order, q.order,
                                (size_t)columns * sizeof *p.order);
            q.search.budget = 1;
            memcpy(q.order, p.unit, sizeof q.order);
            memcpy(q.at, p.unit, sizeof q.at);
            assert_true(search(&q) >= before * (1 - 1e-6));
        }
}

static void what_stays_stays_and_kinds_do_not_mix(void **state)
{
    (void)state;
    struct problem p;
    make_problem(&p, 24, 2, 4, 5);
    for (int c = 0; c < 24; c++)
        p.kinds[c] = c % 3 ? (uint64_t)(c % 3) : 0;
    double before = kept_plainly(&p.reader), kept = search(&p);
    assert_true(kept > before);
    for (int c = 0; c < 24; c++) {
        assert_true(p.kinds[p.order[c]] == p.kinds[c]);
        if (!p.kinds[c])
            assert_int_equal(p.order[c], c);
    }
}

static void several_readers_move_together(void **state)
{
    (void)state;
    struct problem p, q;
    make_problem(&p, 32, 2, 4, 8);
    make_problem(&q, 32, 1, 4, 9);
    /* The other one reads them two columns each, the other way round. */
    for (int c = 0; c < 32; c++)
        q.unit[c] = 15 - c / 2;
    for (int c = 16; c < 32; c++)
        p.unit[c] = -1;
    struct permute_reader readers[] = {p.reader, q.reader};
    p.search.units = 16;
    p.search.readers = readers;
    p.search.count = 2;
    double before = kept_plainly(&p.reader) + kept_plainly(&q.reader);
    assert_int_equal(permute_search(p.order, &p.search, NULL), 0);
    assert_true(kept_plainly(&p.reader) + kept_plainly(&q.reader) > before);
    for (int c = 0; c < 32; c++) {
        assert_int_equal(p.at[c], c < 16 ? p.order[c] : c);
        int unit = p.order[15 - c / 2];
        assert_int_equal(q.at[c], 2 * (15 - unit) + c % 2);
    }
}

/* --- graphs --- */

/* Random swaps among units of one kind; how many moved. */
static int shuffle(int *order, const struct layer_table *layers,
                   const bool *gone, struct rng *rng)
{
    const struct group_table *table = layers->groups;
    int moved = 0;
    for (size_t l = 0; l < table->labels.count; l++)
        order[l] = (int)l;
    for (size_t g = 0; g < table->count; g++) {
        const struct group *group = &table->groups[g];
        for (int64_t i = 0; i < group->unit_count; i++)
            for (int64_t j = i + 1; j < group->unit_count; j++) {
                int a = group->units[i], b = group->units[j];
                if (gone[a] || gone[b] || !table->kinds[a] ||
                    table->kinds[a] != table->kinds[b] ||
                    rng_uniform(rng) < 0.5)
                    continue;
                int label = order[a];
                order[a] = order[b];
                order[b] = label;
            }
        for (int64_t i = 0; i < group->unit_count; i++)
            moved += order[group->units[i]] != group->units[i];
    }
    return moved;
}

/* Another order of channels, and of what is left of them, computes what the
 * model in its own order does. */
static void any_order_gives_equal_outputs(void **state)
{
    (void)state;
    size_t moving = 0;
    for (size_t i = 0; i < topology_count; i++) {
        struct error err = {0};
        struct graph *model = topology_build(&topologies[i]), *instance;
        struct layer_table layers;
        assert_int_equal(op_instantiate(&instance, model, 1, NULL), 0);
        assert_int_equal(layer_table_init(&layers, instance, NULL), 0);
        int moved = 0;
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct removal_draft draft;
            struct rng rng;
            rng_init(&rng, seed);
            assert_int_equal(removal_draft_init(&draft, &layers, NULL), 0);
            for (size_t g = 0; g < layers.groups->count && seed > 2; g++)
                for (int64_t u = 0; u < layers.groups->groups[g].unit_count;
                     u++)
                    if (rng_uniform(&rng) < 0.2)
                        removal_take(&draft, layers.groups->groups[g].units[u]);
            int *order = calloc(layers.groups->labels.count + 1, sizeof *order);
            assert_non_null(order);
            moved += shuffle(order, &layers, draft.labels, &rng);
            struct removal removal = removal_of(&draft);
            removal.order = order;
            if (shrink_verify(instance, &layers, &removal, 2, seed, NULL,
                              &err) < 0)
                fail_msg("%s, seed %d: %s", topologies[i].name, (int)seed,
                         err.message);
            free(order);
            removal_draft_release(&draft);
        }
        moving += moved > 0;
        layer_table_release(&layers);
        graph_drop(instance);
        graph_drop(model);
    }
    printf("%zu of %zu topologies have channels that move\n", moving,
           topology_count);
    assert_true(moving >= topology_count / 2);
}

/* --- decisions --- */

static void masks_of(const struct session *session, struct mask_set *set)
{
    struct error err = {0};
    if (session_masks(session, session_current(session), NULL, NULL, set,
                      &err) < 0 ||
        mask_set_verify(set, session_graph(session), session_layers(session),
                        NULL, &err) < 0)
        fail_msg("%s", err.message);
}

/* Whether N of M consecutive inputs stay in a layer of the running graph. */
static bool is_nm(const struct session *session, const struct mask_set *set,
                  const char *name, int keep, int of)
{
    const struct layer_table *layers = session_layers(session);
    const struct layer *layer =
        &layers->layers[session_fixture_row(session, name)];
    struct graph *graph;
    bool holds = true;
    assert_int_equal(
        mask_set_apply(&graph, session_graph(session), layers, set, NULL), 0);
    const struct tensor *weight = &graph->values[layer->weight].constant;
    const float *w = weight->data;
    int64_t outs = weight->shape.dims[0], ins = weight->shape.dims[1];
    int64_t places = tensor_elements(weight) / (outs * ins);
    for (int64_t o = 0; o < outs; o++)
        for (int64_t p = 0; p < places; p++)
            for (int64_t i = 0; i + of <= ins; i += of) {
                int kept = 0;
                for (int64_t j = i; j < i + of; j++)
                    kept += w[(o * ins + j) * places + p] != 0;
                holds = holds && kept <= keep;
            }
    graph_drop(graph);
    return holds;
}

static double kept_magnitude(const struct session *session,
                             const struct mask_set *set, const char *name)
{
    size_t row = session_fixture_row(session, name);
    const struct layer *layer = &session_layers(session)->layers[row];
    const float *w =
        session_graph(session)->values[layer->weight].constant.data;
    double kept = 0, all = 0;
    for (int64_t i = 0; i < layer->weights; i++) {
        all += fabs((double)w[i]);
        kept +=
            bitmask_get(&set->masks[row], (size_t)i) ? fabs((double)w[i]) : 0;
    }
    return kept / all;
}

static void an_order_saves_magnitude(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    struct mask_set plain, ordered;
    size_t row = session_fixture_row(session, "layers.7.conv2");
    session_fixture_run(session, "set layers.7.conv2 1:4");
    masks_of(session, &plain);
    assert_null(plain.order);
    session_fixture_run(session, "set layers.7.conv2 1:4p");
    masks_of(session, &ordered);
    assert_non_null(ordered.order);
    assert_true(is_nm(session, &ordered, "layers.7.conv2", 1, 4));
    assert_int_equal(plain.removed[row], ordered.removed[row]);
    double before = kept_magnitude(session, &plain, "layers.7.conv2");
    double after = kept_magnitude(session, &ordered, "layers.7.conv2");
    assert_true(after > before + 0.005);
    const struct permute_share *share = &ordered.shares[row];
    assert_true(fabs(share->before / share->magnitude - before) < 1e-6);
    assert_true(fabs(share->after / share->magnitude - after) < 1e-6);
    mask_set_release(&plain);
    mask_set_release(&ordered);
    session_close(session);
}

/* Layers that read one residual stream take one order; those with a plain
 * pattern follow it. */
static void readers_of_a_residual_stream_share_an_order(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    struct mask_set set, again;
    session_fixture_run(session, "set layers.1.conv1 2:4p");
    session_fixture_run(session, "set layers.2.conv1 2:4");
    session_fixture_run(session, "set layers.3.conv1 1:4p lamp");
    session_fixture_run(session, "set layers.0.conv2 2:4");
    masks_of(session, &set);
    assert_true(is_nm(session, &set, "layers.1.conv1", 2, 4));
    assert_true(is_nm(session, &set, "layers.2.conv1", 2, 4));
    assert_true(is_nm(session, &set, "layers.3.conv1", 1, 4));
    /* Reads a group of its own, which nobody orders. */
    assert_true(is_nm(session, &set, "layers.0.conv2", 2, 4));
    assert_true(
        set.shares[session_fixture_row(session, "layers.0.conv2")].after == 0);
    double before = 0, after = 0;
    static const char *const readers[] = {"layers.1.conv1", "layers.2.conv1",
                                          "layers.3.conv1"};
    for (size_t i = 0; i < 3; i++) {
        before += set.shares[session_fixture_row(session, readers[i])].before;
        after += set.shares[session_fixture_row(session, readers[i])].after;
    }
    assert_true(after > before);
    /* A later edit elsewhere keeps order and masks. */
    const struct variant *last = session_current(session);
    session_fixture_run(session, "set layers.8.conv2 30%");
    struct error err = {0};
    if (session_masks(session, session_current(session), &set, last, &again,
                      &err) < 0)
        fail_msg("%s", err.message);
    assert_true(mask_set_same_shape(&again, &set));
    for (size_t i = 0; i < set.count; i++)
        if (set.masks[i].words)
            assert_true(set.removed[i] == again.removed[i]);
    mask_set_release(&again);
    mask_set_release(&set);
    session_close(session);
}

static void channels_that_go_leave_an_order_of_the_rest(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    struct mask_set set;
    session_fixture_run(session, "set layers.6.conv1 25% channel");
    session_fixture_run(session, "set layers.6.conv2 2:4p");
    session_fixture_run(session, "set layers.4.conv1 layer");
    session_fixture_run(session, "set layers.5.conv1 2:4p");
    session_fixture_run(session, "set layers.4.conv2 2:4p");
    masks_of(session, &set);
    assert_true(is_nm(session, &set, "layers.6.conv2", 2, 4));
    assert_true(is_nm(session, &set, "layers.5.conv1", 2, 4));
    mask_set_release(&set);
    session_close(session);
}

static void refuses(struct session *session, const char *line,
                    const char *message)
{
    struct command_result result = {0};
    struct error err = {0};
    assert_int_equal(session_execute(session, line, &result, &err), -1);
    if (!strstr(err.message, message))
        fail_msg("'%s': found '%s', expected '%s'", line, err.message, message);
    command_result_release(&result);
}

static void what_keeps_its_order_says_why(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/mlp.onnx");
    refuses(session, "set fc1 2:4p",
            "layer 'fc1': its input channels keep their order: it meets the "
            "model's input");
    refuses(session, "set fc2 5:4p", "found 5:4, expected to keep N of M");
    refuses(session, "set fc2 50% 2:4q", "nearest is '2:4");
    session_fixture_run(session, "set fc2 2:4p");
    session_close(session);
    session = session_fixture_load("data/resnet20-bn.onnx");
    refuses(session, "set stem 2:4p", "found 1 input channel, 2:4p needs 4");
    session_close(session);
}

static void recipes_and_undo_bring_the_order_back(void **state)
{
    (void)state;
    struct session *session = session_fixture_load("data/resnet20-bn.onnx");
    struct mask_set first, then;
    session_fixture_run(session, "set * 2:4p; set layers.1.conv1 60% 1:4p l2");
    uint64_t hash = session_current(session)->hash;
    masks_of(session, &first);
    struct error err = {0};
    char *recipe = session_recipe(session, session_current(session), &err);
    assert_non_null(recipe);
    assert_non_null(strstr(recipe, "2:4p"));
    session_fixture_run(session, "undo; reset *");
    for (char *line = strtok(recipe, "\n"); line; line = strtok(NULL, "\n"))
        if (line[0] != '#')
            session_fixture_run(session, line);
    assert_true(session_current(session)->hash == hash);
    masks_of(session, &then);
    assert_true(mask_set_same_shape(&first, &then));
    mask_set_release(&first);
    mask_set_release(&then);
    free(recipe);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_channels_reach_the_best_of_all_orders),
        cmocka_unit_test(no_order_keeps_less_than_the_models),
        cmocka_unit_test(what_stays_stays_and_kinds_do_not_mix),
        cmocka_unit_test(several_readers_move_together),
        cmocka_unit_test(any_order_gives_equal_outputs),
        cmocka_unit_test(an_order_saves_magnitude),
        cmocka_unit_test(readers_of_a_residual_stream_share_an_order),
        cmocka_unit_test(channels_that_go_leave_an_order_of_the_rest),
        cmocka_unit_test(what_keeps_its_order_says_why),
        cmocka_unit_test(recipes_and_undo_bring_the_order_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
