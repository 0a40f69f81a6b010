/*
 * Attention as exporters write it: a product of queries and transposed keys,
 * a scale before or behind it, perhaps a stored choice of scores (causal
 * decoders) and a mask, softmax, a product with values.
 * Transposes that only move rows and heads are read through: the kernel takes
 * strides.
 */
#include "exec/pattern_graph.h"

/* A stack of matrices behind scales and transposes. */
struct stack {
    int value;                /* where its elements lie */
    int64_t strides[4];       /* of the dimensions as the product sees them */
    int nodes[4], node_count; /* read through */
    double scale;
};

static bool is_stack(const struct lowering *l, int value)
{
    const struct value *v = &l->graph->values[value];
    return v->dtype == DTYPE_FLOAT32 &&
           (v->shape.rank == 3 || v->shape.rank == 4);
}

/* The permutation of a transpose of three or four dimensions. */
static bool permutation_of(const struct lowering *l, int node, int perm[4])
{
    const struct node *n = node_at(l, node);
    int rank = shape_of(l, n->outputs[0])->rank;
    if (rank != 3 && rank != 4)
        return false;
    for (size_t i = 0; i < n->attribute_count; i++) {
        const struct attribute *a = &n->attributes[i];
        if (strcmp(a->name, "perm") != 0 || a->count != (size_t)rank)
            continue;
        for (int k = 0; k < rank; k++)
            perm[k] = (int)a->integers[k];
        return true;
    }
    return false;
}

/* Multiplies *scale by the number beside `*value` and steps to that value. */
static bool take_scale(const struct lowering *l, int node, int *value,
                       double *scale)
{
    const int *in = node_at(l, node)->inputs;
    bool divides = strcmp(node_at(l, node)->type, "Div") == 0;
    double number;
    int rest = in[0];
    if (!is_number(l, in[1], &number)) {
        if (divides || !is_number(l, in[0], &number))
            return false;
        rest = in[1];
    }
    if (!(number > 0) || !is_stack(l, rest) ||
        !shape_equal(shape_of(l, rest), shape_of(l, *value)))
        return false;
    *scale *= divides ? 1 / number : number;
    *value = rest;
    return true;
}

static int scale_at(const struct lowering *l, int value)
{
    int node = maker(l, value, "Div", 1);
    return node >= 0 ? node : maker(l, value, "Mul", 1);
}

/* Reads through what computes `value` for the pattern alone. */
static void see_through(const struct lowering *l, int value, struct stack *s)
{
    int order[4] = {0, 1, 2, 3};
    *s = (struct stack){.scale = 1};
    while (s->node_count < 4) {
        int node = scale_at(l, value), turn = maker(l, value, "Transpose", 1);
        int perm[4], seen[4];
        if (node >= 0 && take_scale(l, node, &value, &s->scale)) {
            s->nodes[s->node_count++] = node;
            continue;
        }
        if (turn < 0 || !permutation_of(l, turn, perm))
            break;
        for (int i = 0; i < 4; i++)
            seen[i] = perm[order[i] < shape_of(l, value)->rank ? order[i] : 0];
        memcpy(order, seen, sizeof(order));
        value = node_at(l, turn)->inputs[0];
        s->nodes[s->node_count++] = turn;
    }
    int64_t plain[SHAPE_MAX_RANK];
    const struct shape *shape = shape_of(l, value);
    shape_strides(shape, plain);
    for (int i = 0; i < shape->rank; i++)
        s->strides[i] = plain[order[i]];
    s->value = value;
}

/* The last two of three or four dimensions, `turned`: the other way round. */
static struct attention_strides strides_of(const int64_t *s, int rank,
                                           bool turned)
{
    int64_t row = s[rank - 2], column = s[rank - 1];
    return (struct attention_strides){.outer = rank == 4 ? s[0] : 0,
                                      .inner = s[rank - 3],
                                      .row = turned ? column : row,
                                      .column = turned ? row : column};
}

static bool same_lead(const struct shape *a, const struct shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank - 2; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

/* Strides of a mask that repeats along dimensions of one. */
static bool mask_strides(const struct shape *mask, const struct shape *scores,
                         struct attention_strides *out)
{
    int64_t plain[SHAPE_MAX_RANK], s[4] = {0};
    int missing = scores->rank - mask->rank;
    if (missing < 0)
        return false;
    shape_strides(mask, plain);
    for (int i = 0; i < mask->rank; i++) {
        if (mask->dims[i] != 1 && mask->dims[i] != scores->dims[missing + i])
            return false;
        s[missing + i] = mask->dims[i] == 1 ? 0 : plain[i];
    }
    *out = strides_of(s, scores->rank, false);
    return true;
}

static bool is_product(const struct lowering *l, int node)
{
    return node >= 0 && l->specs[node].kind == KERNEL_MATMUL &&
           is_type(l, node, "MatMul") &&
           is_stack(l, node_at(l, node)->inputs[0]) &&
           is_stack(l, node_at(l, node)->inputs[1]) &&
           same_lead(shape_of(l, node_at(l, node)->inputs[0]),
                     shape_of(l, node_at(l, node)->inputs[1]));
}

static bool is_scores(const struct lowering *l, int value)
{
    return maker(l, value, "MatMul", 1) >= 0 || scale_at(l, value) >= 0 ||
           maker(l, value, "Where", 1) >= 0;
}

/* Where(choice, scores, fill) or Where(choice, fill, scores) whose choice is
 * stored; steps to the scores. */
static bool take_choice(const struct lowering *l, int node, int *value,
                        struct attention_spec *a)
{
    const int *in = node_at(l, node)->inputs;
    const struct value *choice = &l->graph->values[in[0]];
    double fill;
    int rest = in[1];
    a->chosen = is_number(l, in[2], &fill);
    if (!a->chosen) {
        rest = in[2];
        if (!is_number(l, in[1], &fill))
            return false;
    }
    if (choice->dtype != DTYPE_BOOL || !choice->constant.data ||
        !is_stack(l, rest) ||
        !shape_equal(shape_of(l, rest), shape_of(l, *value)) ||
        !mask_strides(&choice->shape, shape_of(l, rest), &a->choice_at))
        return false;
    a->choice = choice->constant.data;
    a->fill = (float)fill;
    *value = rest;
    return true;
}

/* The product of queries and keys behind the scores, its scale and mask. */
static int find_scores(const struct lowering *l, int scores, struct pattern *p,
                       struct attention_spec *a, int *mask)
{
    int add = maker(l, scores, "Add", 1), value = scores;
    double scale = 1;
    *mask = GRAPH_NONE;
    if (add >= 0) {
        const int *in = node_at(l, add)->inputs;
        int side = is_scores(l, in[0]) ? 0 : 1;
        *mask = in[1 - side];
        if (!mask_strides(shape_of(l, *mask), shape_of(l, scores), &a->mask) ||
            l->graph->values[*mask].dtype != DTYPE_FLOAT32)
            return -1;
        value = in[side];
        add_node(p, add);
    }
    int where = maker(l, value, "Where", 1);
    if (where >= 0) {
        if (!take_choice(l, where, &value, a))
            return -1;
        add_node(p, where);
    }
    for (int node = scale_at(l, value);
         node >= 0 && p->count < 4 && take_scale(l, node, &value, &scale);
         node = scale_at(l, value))
        add_node(p, node);
    int product = maker(l, value, "MatMul", 1);
    a->scale = (float)scale;
    return is_product(l, product) ? product : -1;
}

static void take_stack(struct pattern *p, const struct stack *s)
{
    for (int i = 0; i < s->node_count; i++)
        add_node(p, s->nodes[i]);
}

/* The result, or its transpose where that is all that reads it. */
static void set_result(const struct lowering *l, int product, struct pattern *p,
                       struct attention_spec *a)
{
    const struct shape *shape = shape_of(l, result_of(l, product));
    int turn = follower(l, product, "Transpose"), perm[4];
    int64_t plain[SHAPE_MAX_RANK], s[4];
    shape_strides(shape, plain);
    a->result = strides_of(plain, shape->rank, false);
    add_node(p, product);
    if (turn < 0 || !permutation_of(l, turn, perm) ||
        perm[shape->rank - 1] != shape->rank - 1)
        return;
    shape_strides(shape_of(l, result_of(l, turn)), plain);
    for (int i = 0; i < shape->rank; i++)
        s[perm[i]] = plain[i];
    a->result = strides_of(s, shape->rank, false);
    add_node(p, turn);
}

bool pattern_match_attention(const struct lowering *l, int node,
                             struct pattern *p, struct kernel_spec *spec)
{
    const struct softmax_spec *softmax = &l->specs[node].softmax;
    struct attention_spec a = {0};
    int mask;
    if (!is_type(l, node, "Softmax") || l->specs[node].kind != KERNEL_SOFTMAX ||
        softmax->inner != 1 || softmax->logarithm ||
        !is_stack(l, result_of(l, node)))
        return false;
    int last = follower(l, node, "MatMul");
    const struct shape *scores = shape_of(l, result_of(l, node));
    if (!is_product(l, last) ||
        node_at(l, last)->inputs[0] != result_of(l, node) ||
        softmax->axis != scores->dims[scores->rank - 1])
        return false;
    int first = find_scores(l, node_at(l, node)->inputs[0], p, &a, &mask);
    if (first < 0)
        return false;
    struct stack query, key, value;
    see_through(l, node_at(l, first)->inputs[0], &query);
    see_through(l, node_at(l, first)->inputs[1], &key);
    see_through(l, node_at(l, last)->inputs[1], &value);
    if (value.scale != 1)
        return false;
    int rank = scores->rank;
    a.outer = rank == 4 ? scores->dims[0] : 1;
    a.inner = scores->dims[rank - 3];
    a.m = scores->dims[rank - 2];
    a.n = scores->dims[rank - 1];
    a.k = shape_of(l, node_at(l, first)->inputs[0])->dims[rank - 1];
    a.w = shape_of(l, result_of(l, last))->dims[rank - 1];
    a.scale *= (float)(query.scale * key.scale);
    a.masked = mask != GRAPH_NONE;
    a.query = strides_of(query.strides, rank, false);
    a.key = strides_of(key.strides, rank, true);
    a.value = strides_of(value.strides, rank, false);
    take_stack(p, &query);
    take_stack(p, &key);
    take_stack(p, &value);
    add_node(p, first);
    add_node(p, node);
    set_result(l, last, p, &a);
    p->input = query.value;
    p->more[p->more_count++] = key.value;
    p->more[p->more_count++] = value.value;
    if (a.masked)
        p->more[p->more_count++] = mask;
    *spec = (struct kernel_spec){
        .kind = KERNEL_ATTENTION, .weight_input = -1, .attention = a};
    return true;
}
