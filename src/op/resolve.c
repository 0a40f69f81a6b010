/* The table of operators, and binding a template's nodes to it. */
#include "base/array.h"
#include "base/strbuf.h"
#include "op/fold.h"
#include "op/op_list.h"

#include <stdlib.h>
#include <string.h>

#define DECLARE(symbol) extern const struct op symbol;
OP_LIST(DECLARE)

static const struct op *const operators[] = {
#define ADDRESS(symbol) &symbol,
    OP_LIST(ADDRESS)};

/* ONNX's own domain has two spellings. */
static const char *plain_domain(const char *domain)
{
    return strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

const struct op *op_find(const char *type, const char *domain, int opset)
{
    for (size_t i = 0; i < ARRAY_LENGTH(operators); i++) {
        const struct op *op = operators[i];
        if (strcmp(op->type, type) == 0 &&
            strcmp(op->domain, plain_domain(domain)) == 0 &&
            opset >= op->since && opset <= op->until)
            return op;
    }
    return NULL;
}

size_t op_count(void)
{
    return ARRAY_LENGTH(operators);
}

const struct op *op_at(size_t index)
{
    return operators[index];
}

int op_prefix(const struct graph *graph, int id, struct error *err)
{
    const struct node *node = &graph->nodes[id];
    return error_prefix(err, "node '%.200s' (%.60s, %d of %zu)", node->name,
                        node->type, id + 1, graph->node_count);
}

static bool same_type(const struct node *a, const struct node *b)
{
    return strcmp(a->type, b->type) == 0 && strcmp(a->domain, b->domain) == 0;
}

static bool seen_before(const struct graph *graph, size_t id)
{
    for (size_t i = 0; i < id; i++)
        if (!graph->nodes[i].op &&
            same_type(&graph->nodes[i], &graph->nodes[id]))
            return true;
    return false;
}

/* Operators that are refused for a reason which their name does not tell. */
static const struct {
    const char *type, *reason;
} refusals[] = {
    {"If", "its condition is not constant"},
    {"Loop", "loops are not unrolled"},
    {"Scan", "loops are not unrolled"},
    {"Unique", "its output's shape depends on the data"},
    {"NonMaxSuppression", "its output's shape depends on the data"},
    {"RandomNormal", "answers must not change from run to run"},
    {"RandomNormalLike", "answers must not change from run to run"},
    {"RandomUniform", "answers must not change from run to run"},
    {"RandomUniformLike", "answers must not change from run to run"},
    {"Bernoulli", "answers must not change from run to run"},
    {"Multinomial", "answers must not change from run to run"},
};

/* Why a node has no operator: its domain, its opset, or that it is unknown. */
static const char *reason_of(const struct node *node)
{
    for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++)
        if (strcmp(refusals[i].type, node->type) == 0 && !node->domain[0])
            return refusals[i].reason;
    for (size_t i = 0; i < ARRAY_LENGTH(operators); i++)
        if (strcmp(operators[i]->type, node->type) == 0 &&
            strcmp(operators[i]->domain, plain_domain(node->domain)) == 0)
            return "not in this opset";
    return NULL;
}

static void describe_unsupported(struct strbuf *text, const struct graph *graph,
                                 size_t id)
{
    const struct node *node = &graph->nodes[id];
    size_t count = 0;
    for (size_t i = id; i < graph->node_count; i++)
        count += !graph->nodes[i].op && same_type(node, &graph->nodes[i]);
    const char *reason = reason_of(node);
    strbuf_addf(text, "%s%s%.60s%s (opset %d, %zu node%s, first '%.100s'%s%s)",
                text->length ? ", " : "", node->domain,
                node->domain[0] ? "." : "", node->type, node->opset, count,
                count == 1 ? "" : "s", node->name, reason ? ": " : "",
                reason ? reason : "");
}

/* The list as it fits into a message; what is cut off is counted. */
static int refuse_unsupported(const struct graph *graph, struct error *err)
{
    struct strbuf text = {0};
    size_t left_out = 0, types = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op || seen_before(graph, i))
            continue;
        types++;
        if (text.length < ERROR_MESSAGE_BYTES - 400)
            describe_unsupported(&text, graph, i);
        else
            left_out++;
    }
    if (left_out)
        strbuf_addf(&text, " and %zu more", left_out);
    error_set(err, ERROR_UNSUPPORTED, "%zu unsupported operator%s: %s", types,
              types == 1 ? "" : "s", strbuf_text(&text));
    strbuf_release(&text);
    return -1;
}

static int check_counts(const struct node *node, struct error *err)
{
    const struct op *op = node->op;
    int inputs = node->input_count, outputs = node->output_count;
    while (inputs && node->inputs[inputs - 1] == GRAPH_NONE)
        inputs--;
    while (outputs && node->outputs[outputs - 1] == GRAPH_NONE)
        outputs--;
    if (inputs < op->min_inputs || inputs > op->max_inputs)
        return error_set(err, ERROR_FORMAT,
                         "found %d inputs, expected %d to %d", inputs,
                         op->min_inputs, op->max_inputs);
    for (int i = 0; i < op->min_inputs; i++)
        if (node->inputs[i] == GRAPH_NONE)
            return error_set(err, ERROR_FORMAT, "input %d is missing", i + 1);
    int most = op->max_outputs ? op->max_outputs : 1;
    if (!outputs || outputs > most)
        return error_set(err, ERROR_FORMAT,
                         "found %d outputs, expected 1 to %d", outputs, most);
    if (node->outputs[0] == GRAPH_NONE)
        return error_set(err, ERROR_FORMAT, "the first output has no name");
    if (!op->parse && node->attribute_count)
        return error_set(err, ERROR_UNSUPPORTED,
                         "attribute '%s' is not supported",
                         node->attributes[0].name);
    return 0;
}

static int resolve_node(struct graph *graph, int id, struct error *err)
{
    struct node *node = &graph->nodes[id];
    if (check_counts(node, err) < 0 ||
        (node->op->parse && node->op->parse(node, &graph->arena, err) < 0))
        return -1;
    /* Constants become values of the template: they are stored weights. */
    if (node->input_count == 0 &&
        !graph->values[node->outputs[0]].constant.data)
        return op_fold(graph, id, err);
    return 0;
}

static bool is_half(enum dtype dtype)
{
    return dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16;
}

/* Half precision is storage: everything is computed in float32, so constants
 * are widened (exactly) and inputs are taken as float32. */
static int widen_halves(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->value_count; i++) {
        struct value *value = &graph->values[i];
        if (!is_half(value->dtype))
            continue;
        value->dtype = DTYPE_FLOAT32;
        if (!value->constant.data)
            continue;
        struct tensor wide;
        if (tensor_convert(&wide, &value->constant, DTYPE_FLOAT32, err) < 0)
            return -1;
        int result = graph_set_constant(graph, (int)i, &wide, err);
        tensor_release(&wide);
        if (result < 0)
            return -1;
    }
    return 0;
}

int op_resolve(struct graph *graph, struct error *err)
{
    if (widen_halves(graph, err) < 0)
        return -1;
    bool complete = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        node->op = op_find(node->type, node->domain, node->opset);
        complete = complete && node->op;
    }
    if (!complete)
        return refuse_unsupported(graph, err);
    for (size_t i = 0; i < graph->node_count; i++)
        if (resolve_node(graph, (int)i, err) < 0)
            return op_prefix(graph, (int)i, err);
    return 0;
}
