/*
 * Finds what exporters write as several nodes. A pattern is matched at one of
 * its nodes; values inside of it must have no other readers.
 */
#include "base/array.h"
#include "exec/pattern_graph.h"

#include <math.h>
#include <string.h>

static bool is_about(const struct lowering *l, int value, double expected)
{
    double number;
    return is_number(l, value, &number) &&
           fabs(number - expected) < 1e-4 * fabs(expected);
}

/* The input of a node of two beside a constant number about `expected`;
 * GRAPH_NONE: there is no such number. */
static int beside(const struct lowering *l, int node, double expected)
{
    const int *inputs = node_at(l, node)->inputs;
    if (is_about(l, inputs[1], expected))
        return inputs[0];
    return is_about(l, inputs[0], expected) ? inputs[1] : GRAPH_NONE;
}

/* --- layer norm --- */

/* Whether the node takes the mean over the last dimension. */
static bool is_row_mean(const struct lowering *l, int node)
{
    const struct shape *in = shape_of(l, node_at(l, node)->inputs[0]);
    const struct shape *out = shape_of(l, result_of(l, node));
    if (in->rank < 1 || in->rank != out->rank || in->dims[in->rank - 1] < 2)
        return false;
    for (int i = 0; i < in->rank - 1; i++)
        if (in->dims[i] != out->dims[i])
            return false;
    return out->dims[in->rank - 1] == 1;
}

/* The vector of `width` numbers that stands beside `value`; NULL. */
static const float *row_beside(const struct lowering *l, int node, int value,
                               int64_t width)
{
    int other = other_input(l, node, value);
    if (other == GRAPH_NONE)
        return NULL;
    const struct tensor *constant = &l->graph->values[other].constant;
    const struct shape *s = &constant->shape;
    bool fits = constant->data && constant->dtype == DTYPE_FLOAT32 &&
                s->rank > 0 && s->dims[s->rank - 1] == width &&
                tensor_elements(constant) == width &&
                s->rank <= shape_of(l, value)->rank;
    return fits ? constant->data : NULL;
}

/* The node that squares the result of `sub`, whose readers are told. */
static int square_of(const struct lowering *l, int mean, int sub)
{
    int value = node_at(l, mean)->inputs[0], squared = result_of(l, sub);
    int power = maker(l, value, "Pow", 1), product = maker(l, value, "Mul", 1);
    if (power >= 0 && node_at(l, power)->inputs[0] == squared &&
        is_about(l, node_at(l, power)->inputs[1], 2) && l->uses[squared] == 2)
        return power;
    if (product >= 0 && node_at(l, product)->inputs[0] == squared &&
        node_at(l, product)->inputs[1] == squared && l->uses[squared] == 3)
        return product;
    return -1;
}

/* The division of a layer norm: (x - mean) / sqrt(mean((x - mean)^2) + e).
 * epsilon and the nodes up to it are written. */
static bool match_deviation(const struct lowering *l, int node,
                            struct pattern *p, float *epsilon)
{
    const int *in = node_at(l, node)->inputs;
    int root = maker(l, in[1], "Sqrt", 1);
    int sub = l->graph->values[in[0]].producer;
    if (root < 0 || !is_type(l, sub, "Sub"))
        return false;
    int add = maker(l, node_at(l, root)->inputs[0], "Add", 1);
    if (add < 0)
        return false;
    double number;
    const int *terms = node_at(l, add)->inputs;
    int constant = is_number(l, terms[1], &number) ? 1 : 0;
    if (!is_number(l, terms[constant], &number))
        return false;
    int spread = maker(l, terms[1 - constant], "ReduceMean", 1);
    int mean = maker(l, node_at(l, sub)->inputs[1], "ReduceMean", 1);
    int square = spread < 0 ? -1 : square_of(l, spread, sub);
    if (mean < 0 || square < 0 || !is_row_mean(l, mean) ||
        !is_row_mean(l, spread) ||
        node_at(l, mean)->inputs[0] != node_at(l, sub)->inputs[0])
        return false;
    *epsilon = (float)number;
    p->input = node_at(l, sub)->inputs[0];
    const int nodes[] = {mean, sub, square, spread, add, root, node};
    for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++)
        add_node(p, nodes[i]);
    return true;
}

static bool match_norm(const struct lowering *l, int node, struct pattern *p,
                       struct kernel_spec *spec)
{
    float epsilon;
    if (!is_type(l, node, "Div") || !match_deviation(l, node, p, &epsilon) ||
        l->graph->values[p->input].dtype != DTYPE_FLOAT32)
        return false;
    const struct shape *x = shape_of(l, p->input);
    int64_t width = x->dims[x->rank - 1];
    *spec = (struct kernel_spec){
        .kind = KERNEL_NORM,
        .weight_input = -1,
        .norm = {shape_elements(x) / width, width, epsilon, NULL, NULL}};
    int next = follower(l, p->root, "Mul");
    if (next >= 0)
        spec->norm.gamma = row_beside(l, next, result_of(l, p->root), width);
    if (spec->norm.gamma)
        add_node(p, next);
    next = follower(l, p->root, "Add");
    if (next >= 0)
        spec->norm.beta = row_beside(l, next, result_of(l, p->root), width);
    if (spec->norm.beta)
        add_node(p, next);
    return true;
}

/* --- activations --- */

static void set_eltwise(struct kernel_spec *spec, enum eltwise_kind kind)
{
    *spec = (struct kernel_spec){
        .kind = KERNEL_ELTWISE, .weight_input = -1, .eltwise = {.kind = kind}};
}

/* x / sqrt(2), or as a product. */
static int scaled_input(const struct lowering *l, int node)
{
    if (strcmp(node_at(l, node)->type, "Mul") == 0)
        return beside(l, node, sqrt(0.5));
    return is_about(l, node_at(l, node)->inputs[1], sqrt(2.0))
               ? node_at(l, node)->inputs[0]
               : GRAPH_NONE;
}

/* x * 0.5 * (1 + erf(x / sqrt(2))), its factors in any order. */
static bool match_gelu(const struct lowering *l, int node, struct pattern *p,
                       struct kernel_spec *spec)
{
    if (!is_type(l, node, "Erf"))
        return false;
    int value = node_at(l, node)->inputs[0];
    int scale = maker(l, value, "Div", 1);
    scale = scale < 0 ? maker(l, value, "Mul", 1) : scale;
    int add = follower(l, node, "Add");
    int first = add < 0 ? -1 : follower(l, add, "Mul");
    if (scale < 0 || first < 0 || beside(l, add, 1) != result_of(l, node))
        return false;
    int x = scaled_input(l, scale);
    int factor = other_input(l, first, result_of(l, add));
    int half = maker(l, factor, "Mul", 1), last = follower(l, first, "Mul");
    if (x == GRAPH_NONE)
        return false;
    const int nodes[] = {scale, node, add};
    for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++)
        add_node(p, nodes[i]);
    p->input = x;
    set_eltwise(spec, ELTWISE_GELU);
    if (half >= 0 && beside(l, half, 0.5) == x) {
        add_node(p, half);
        add_node(p, first);
        return true;
    }
    add_node(p, first);
    if (last < 0)
        return false;
    add_node(p, last);
    if (factor == x)
        return beside(l, last, 0.5) == result_of(l, first);
    return is_about(l, factor, 0.5) &&
           other_input(l, last, result_of(l, first)) == x;
}

/* x * hardsigmoid(x) */
static bool match_hard_swish(const struct lowering *l, int node,
                             struct pattern *p, struct kernel_spec *spec)
{
    const struct eltwise_spec *e = &l->specs[node].eltwise;
    if (l->specs[node].kind != KERNEL_ELTWISE ||
        e->kind != ELTWISE_HARDSIGMOID || !is_type(l, node, "HardSigmoid") ||
        fabsf(e->alpha - 1 / 6.0f) > 1e-6f || e->beta != 0.5f)
        return false;
    int last = follower(l, node, "Mul");
    p->input = node_at(l, node)->inputs[0];
    if (last < 0 || other_input(l, last, result_of(l, node)) != p->input)
        return false;
    add_node(p, node);
    add_node(p, last);
    set_eltwise(spec, ELTWISE_HARDSWISH);
    return true;
}

/* --- all --- */

static bool (*const matches[])(const struct lowering *l, int node,
                               struct pattern *p, struct kernel_spec *spec) = {
    match_norm,
    match_gelu,
    match_hard_swish,
    pattern_match_attention,
};

static void read_once(struct lowering *l, int value, int reader)
{
    l->uses[value]++;
    if (l->uses[value] == 1)
        l->reader[value] = reader;
}

/* What was read inside of the pattern is read by its root, once. */
static void swallow(struct lowering *l, const struct pattern *p)
{
    for (int i = 0; i < p->count; i++) {
        const struct node *node = node_at(l, p->nodes[i]);
        l->pattern_of[p->nodes[i]] = (int)l->pattern_count;
        for (int k = 0; k < node->input_count; k++)
            if (node->inputs[k] != GRAPH_NONE)
                l->uses[node->inputs[k]]--;
    }
    read_once(l, p->input, p->root);
    for (int i = 0; i < p->more_count; i++)
        read_once(l, p->more[i], p->root);
    l->patterns[l->pattern_count++] = *p;
}

void patterns_find(struct lowering *l)
{
    const struct graph *g = l->graph;
    for (size_t i = 0; i < g->node_count; i++) {
        for (size_t m = 0; m < ARRAY_LENGTH(matches); m++) {
            struct pattern p = {0};
            struct kernel_spec spec;
            if (!matches[m](l, (int)i, &p, &spec))
                continue;
            l->specs[p.root] = spec;
            swallow(l, &p);
            break;
        }
    }
}
