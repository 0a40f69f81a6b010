#include "op_case.h"
#include "base/array.h"
#include "op/support.h"
#include "op_cases.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 32, MAX_OPERANDS = 8, MAX_ATTRIBUTES = 8, TEXT_BYTES = 256 };

#define ROW(...) {__VA_ARGS__},
const struct op_case op_cases[] = {OP_CASES(ROW)};
const size_t op_case_count = ARRAY_LENGTH(op_cases);

/* --- numbers; the rule is also in tests/conformance/op_expectations.py --- */

static int64_t raw_number(int64_t i, int seed)
{
    return (i * 37 + seed * 101 + 17) % 199;
}

static void put_seeded(struct tensor *tensor, char kind, int64_t i, int seed)
{
    int64_t raw = raw_number(i, seed);
    double number = (double)(raw - 99) / 64;
    if (kind == 'f' || kind == 'd')
        op_put_number(tensor, i, number);
    else if (kind == 'p')
        op_put_number(tensor, i, fabs(number) + 0.25);
    else if (kind == 'b')
        op_put_integer(tensor, i, raw % 2);
    else
        op_put_integer(tensor, i, kind == 'u' ? raw : raw % 7 - 3);
}

static enum dtype type_of(char kind)
{
    static const struct {
        char kind;
        enum dtype dtype;
    } kinds[] = {
        {'f', DTYPE_FLOAT32}, {'p', DTYPE_FLOAT32}, {'i', DTYPE_INT64},
        {'b', DTYPE_BOOL},    {'d', DTYPE_FLOAT64}, {'n', DTYPE_INT32},
        {'u', DTYPE_UINT8},   {'s', DTYPE_INT8},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].dtype;
    return DTYPE_NONE;
}

/* Writes the numbers of "1,2,3" to the tensor when it has data; how many. */
static int64_t put_list(struct tensor *tensor, const char *text)
{
    int64_t count = 0;
    while (*text && *text != '@') {
        char *end;
        double number = strtod(text, &end);
        if (tensor->data)
            op_put_number(tensor, count, number);
        count++;
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

static void put_shape(struct shape *shape, const char *text)
{
    char *end;
    *shape = (struct shape){0};
    for (const char *p = text; *p; p = *end ? end + 1 : end)
        shape->dims[shape->rank++] = strtoll(p, &end, 10);
}

/* One operand as the header of op_cases.h describes it. */
static int make_operand(struct tensor *out, const char *text, int seed,
                        struct error *err)
{
    char kind = (char)tolower((unsigned char)text[0]);
    struct shape shape = {0};
    struct tensor probe = {.dtype = type_of(kind)};
    if (text[1] == ':')
        put_shape(&shape, text + 2);
    else if (strchr(text, '@'))
        put_shape(&shape, strchr(text, '@') + 1);
    else if (text[1] == '=')
        shape = (struct shape){1, {put_list(&probe, text + 2)}};
    if (tensor_init(out, probe.dtype, &shape, err) < 0)
        return -1;
    int64_t count = tensor_elements(out);
    if (text[1] != ':')
        put_list(out, text + 2);
    for (int64_t i = 0; i < count && text[1] == ':'; i++)
        put_seeded(out, kind, i, seed);
    return 0;
}

/* Operand number `index` of the list; its text, or NULL behind the last. */
static const char *operand_text(const char *inputs, int index, char *text)
{
    for (const char *p = inputs; *p;) {
        size_t length = strcspn(p, " ");
        if (index-- == 0) {
            snprintf(text, TEXT_BYTES, "%.*s", (int)length, p);
            return text;
        }
        p += length;
        p += strspn(p, " ");
    }
    return NULL;
}

/* --- attributes --- */

struct parsed {
    struct attribute list[MAX_ATTRIBUTES];
    char text[MAX_ATTRIBUTES][TEXT_BYTES];
    int64_t integers[MAX_ATTRIBUTES][MAX_LIST];
    float floats[MAX_ATTRIBUTES][MAX_LIST];
    size_t count;
};

static void parse_list(struct parsed *parsed, size_t at, const char *value)
{
    struct attribute *attribute = &parsed->list[at];
    bool real = strchr(value, '.') != NULL;
    attribute->kind = real ? ATTRIBUTE_FLOATS : ATTRIBUTE_INTS;
    attribute->floats = real ? parsed->floats[at] : NULL;
    attribute->integers = real ? NULL : parsed->integers[at];
    for (const char *p = value + 1; *p && *p != ']';) {
        char *end;
        parsed->floats[at][attribute->count] = strtof(p, &end);
        parsed->integers[at][attribute->count] = strtoll(p, NULL, 10);
        attribute->count++;
        p = *end == ',' ? end + 1 : end;
    }
}

static void parse_attribute(struct parsed *parsed, const char *text, size_t n)
{
    size_t at = parsed->count++;
    struct attribute *attribute = &parsed->list[at];
    char *name = parsed->text[at];
    snprintf(name, TEXT_BYTES, "%.*s", (int)n, text);
    char *value = strchr(name, '=');
    *value++ = '\0';
    attribute->name = name;
    if (*value == '[') {
        parse_list(parsed, at, value);
    } else if (*value == '\'') {
        value[strlen(value) - 1] = '\0';
        attribute->kind = ATTRIBUTE_STRING;
        attribute->string = value + 1;
    } else if (strchr(value, '.')) {
        attribute->kind = ATTRIBUTE_FLOAT;
        attribute->number = strtod(value, NULL);
    } else {
        attribute->kind = ATTRIBUTE_INT;
        attribute->integer = strtoll(value, NULL, 10);
    }
}

static void parse_attributes(struct parsed *parsed, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, " ");
        parse_attribute(parsed, text, length);
        text += length;
        text += strspn(text, " ");
    }
}

/* --- graphs --- */

static int add_operand(struct graph *graph, const char *name, const char *text,
                       int seed, struct error *err)
{
    struct tensor tensor;
    int id = graph_add_value(graph, name, err);
    if (id < 0 || make_operand(&tensor, text, seed, err) < 0)
        return -1;
    int result = 0;
    if (isupper((unsigned char)text[0])) {
        result = graph_set_constant(graph, id, &tensor, err);
    } else {
        graph->values[id].dtype = tensor.dtype;
        graph->values[id].shape = tensor.shape;
        if (!graph->declared_batch && tensor.shape.rank)
            graph->declared_batch = tensor.shape.dims[0];
        result = graph_add_input(graph, id, err);
    }
    tensor_release(&tensor);
    return result;
}

static int fill_graph(struct graph *graph, const struct op_case *row,
                      struct error *err)
{
    char names[MAX_OPERANDS][24], outs[MAX_OPERANDS][16], text[TEXT_BYTES];
    const char *inputs[MAX_OPERANDS], *outputs[MAX_OPERANDS];
    struct parsed parsed = {0};
    size_t count = 0;
    parse_attributes(&parsed, row->attributes);
    for (; operand_text(row->inputs, (int)count, text); count++) {
        snprintf(names[count], sizeof names[count], "x%zu", count);
        inputs[count] = text[0] == '-' ? "" : names[count];
        if (text[0] != '-' && add_operand(graph, names[count], text,
                                          row->seed * 10 + (int)count, err) < 0)
            return -1;
    }
    for (int i = 0; i < row->outputs; i++) {
        snprintf(outs[i], sizeof outs[i], "y%d", i);
        outputs[i] = outs[i];
    }
    if (graph_add_node(graph, row->name, row->type, "", row->opset, count,
                       inputs, (size_t)row->outputs, outputs, parsed.count,
                       parsed.list, err) < 0)
        return -1;
    for (int i = 0; i < row->outputs; i++)
        if (graph_add_output(graph, graph_find_value(graph, outs[i]), err) < 0)
            return -1;
    return graph_finish(graph, err);
}

int op_case_build(struct graph **out, const struct op_case *row,
                  struct error *err)
{
    if (graph_create(out, err) < 0)
        return -1;
    if (fill_graph(*out, row, err) == 0)
        return 0;
    graph_drop(*out);
    *out = NULL;
    return -1;
}

int64_t op_case_batch(const struct graph *graph)
{
    return graph->declared_batch ? graph->declared_batch : 1;
}

int op_case_input(struct tensor *out, const struct op_case *row, size_t input,
                  struct error *err)
{
    char text[TEXT_BYTES];
    for (int i = 0; operand_text(row->inputs, i, text); i++) {
        if (islower((unsigned char)text[0]) && input-- == 0)
            return make_operand(out, text, row->seed * 10 + i, err);
    }
    return error_set(err, ERROR_RANGE, "no such input");
}

void op_figures_add(struct op_figures *figures, const struct tensor *tensor)
{
    int64_t count = tensor_elements(tensor);
    for (int64_t i = 0; i < count; i++) {
        double x = tensor_number(tensor, i);
        double weight = (double)(1 + figures->count++ * 5 % 17);
        figures->sum += x;
        figures->weighted += x * weight;
        figures->magnitude += fabs(x) * weight;
    }
}
