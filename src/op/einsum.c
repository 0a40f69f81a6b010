/*
 * Einsum: every letter is a loop. The letters of the result go outside, the
 * others are summed; an ellipsis is letters for what an operand has beyond
 * those it names.
 */
#include "base/array.h"
#include "op/backward.h"
#include "op/support.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 8, MAX_LETTERS = 64, ELLIPSIS = 1 };

struct einsum_params {
    const char *equation;
};

/* The letters of one operand or of the result, ELLIPSIS among them. */
struct term {
    int count;
    char letters[SHAPE_MAX_RANK + 1];
};

/* A loop: its extent and how far each operand goes in a turn. */
struct loop {
    char letter; /* 2, 3, …: axes of an ellipsis */
    int64_t size, strides[MAX_INPUTS];
};

struct einsum {
    int inputs, outputs, count; /* loops of the result first */
    struct loop loops[MAX_LETTERS];
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"equation", ATTRIBUTE_STRING, offsetof(struct einsum_params, equation),
         0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct einsum_params), err) < 0)
        return -1;
    const struct einsum_params *params = node->params;
    if (!params->equation)
        return error_set(err, ERROR_FORMAT, "equation is missing");
    return 0;
}

/* --- the equation --- */

/* Reads letters up to ',' '-' or the end; NULL when there is anything else. */
static const char *read_term(struct term *term, const char *text)
{
    *term = (struct term){0};
    for (; *text && *text != ',' && *text != '-'; text++) {
        if (*text == ' ')
            continue;
        bool dots = strncmp(text, "...", 3) == 0;
        if (term->count > SHAPE_MAX_RANK ||
            (!dots && !isalpha((unsigned char)*text)))
            return NULL;
        term->letters[term->count++] = dots ? ELLIPSIS : *text;
        text += dots ? 2 : 0;
    }
    return text;
}

static bool has_letter(const struct term *term, char letter)
{
    return term->count &&
           memchr(term->letters, letter, (size_t)term->count) != NULL;
}

/* Without "->" the result has the letters that stand once, in order. */
static void implied_result(struct term *result, const struct term *terms,
                           int inputs)
{
    *result = (struct term){0};
    for (int letter = ELLIPSIS; letter < 128; letter++) {
        int uses = 0;
        for (int i = 0; i < inputs; i++)
            for (int k = 0; k < terms[i].count; k++)
                uses += terms[i].letters[k] == letter;
        if ((uses == 1 || (uses && letter == ELLIPSIS)) &&
            result->count <= SHAPE_MAX_RANK)
            result->letters[result->count++] = (char)letter;
    }
}

static int read_equation(const struct op_call *call, struct term *terms,
                         struct term *result, struct error *err)
{
    const struct einsum_params *params = call->node->params;
    const char *text = params->equation;
    int inputs = call->node->input_count;
    for (int i = 0; i < inputs && text; i++) {
        text = read_term(&terms[i], text);
        if (text && *text == ',' && i + 1 < inputs)
            text++;
        else if (text && i + 1 < inputs)
            text = NULL;
    }
    if (text && strncmp(text, "->", 2) == 0)
        text = read_term(result, text + 2);
    else if (text && !*text)
        implied_result(result, terms, inputs);
    if (text && !*text)
        return 0;
    return error_set(err, ERROR_FORMAT, "equation '%s' does not fit %d inputs",
                     params->equation, inputs);
}

/* --- loops --- */

static struct loop *find_loop(struct einsum *e, char letter, int64_t size)
{
    for (int i = 0; i < e->count; i++)
        if (e->loops[i].letter == letter)
            return &e->loops[i];
    if (e->count == MAX_LETTERS)
        return NULL;
    e->loops[e->count] = (struct loop){.letter = letter, .size = size};
    return &e->loops[e->count++];
}

/* Axis `axis` of operand `input` runs with `letter`; a size of 1 repeats. */
static int join(struct einsum *e, const struct op_call *call, int input,
                int axis, char letter, const int64_t *strides,
                struct error *err)
{
    int64_t size = call->inputs[input]->shape.dims[axis];
    struct loop *loop = find_loop(e, letter, size);
    if (loop && loop->size == 1)
        loop->size = size;
    if (!loop || (size != 1 && size != loop->size))
        return error_set(err, ERROR_SHAPE,
                         "dimension %d of input %d is %lld, others of its "
                         "letter %lld",
                         axis, input + 1, (long long)size,
                         (long long)(loop ? loop->size : 0));
    loop->strides[input] += strides[axis];
    return 0;
}

/* Axes of an ellipsis have the letters 2, 3, …, counted from the last. */
static int join_operand(struct einsum *e, const struct op_call *call, int input,
                        const struct term *term, struct error *err)
{
    const struct shape *shape = &call->inputs[input]->shape;
    int64_t strides[SHAPE_MAX_RANK];
    bool dots = has_letter(term, ELLIPSIS);
    int more = shape->rank - term->count + dots, axis = 0;
    if (more < 0 || (more > 0 && !dots))
        return error_set(err, ERROR_SHAPE,
                         "input %d has %d dimensions, its letters are %d",
                         input + 1, shape->rank, term->count);
    shape_strides(shape, strides);
    for (int k = 0; k < term->count; k++) {
        bool here = term->letters[k] == ELLIPSIS;
        int axes = here ? more : 1;
        for (int i = 0; i < axes; i++, axis++) {
            char letter = here ? (char)(1 + axes - i) : term->letters[k];
            if (join(e, call, input, axis, letter, strides, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* How many axes the widest ellipsis has. */
static int ellipsis_axes(const struct op_call *call, const struct term *terms)
{
    int most = 0;
    for (int i = 0; i < call->node->input_count; i++) {
        int more = call->inputs[i]->shape.rank - terms[i].count + 1;
        if (has_letter(&terms[i], ELLIPSIS) && more > most)
            most = more;
    }
    return most;
}

/* Puts the result's letters first, with sizes not known yet. */
static int order_loops(struct einsum *e, const struct op_call *call,
                       const struct term *terms, const struct term *result,
                       struct error *err)
{
    int dots = ellipsis_axes(call, terms);
    for (int k = 0; k < result->count; k++) {
        bool here = result->letters[k] == ELLIPSIS;
        for (int i = 0; i < (here ? dots : 1); i++) {
            int before = e->count;
            find_loop(e, here ? (char)(1 + dots - i) : result->letters[k], 1);
            if (e->count == before)
                return error_set(err, ERROR_FORMAT,
                                 "a letter stands twice in the result");
        }
    }
    e->outputs = e->count;
    if (e->outputs > SHAPE_MAX_RANK)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the result has %d dimensions, at most %d are "
                         "supported",
                         e->outputs, SHAPE_MAX_RANK);
    return 0;
}

static int einsum_of(struct einsum *e, const struct op_call *call,
                     struct error *err)
{
    struct term terms[MAX_INPUTS], result;
    *e = (struct einsum){.inputs = call->node->input_count};
    if (read_equation(call, terms, &result, err) < 0 ||
        order_loops(e, call, terms, &result, err) < 0)
        return -1;
    for (int i = 0; i < e->inputs; i++)
        if (join_operand(e, call, i, &terms[i], err) < 0)
            return -1;
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    struct einsum e;
    enum dtype dtype = call->inputs[0]->dtype;
    if (dtype != DTYPE_FLOAT64 && op_want_float(call, 0, "Inputs", err) < 0)
        return -1;
    for (int i = 1; i < call->node->input_count; i++)
        if (op_want_type(call, i, "Inputs", dtype, err) < 0)
            return -1;
    if (einsum_of(&e, call, err) < 0)
        return -1;
    struct shape shape = {.rank = e.outputs};
    for (int i = 0; i < e.outputs; i++)
        shape.dims[i] = e.loops[i].size;
    op_give(call, 0, dtype, &shape);
    return 0;
}

static int64_t turns(const struct einsum *e, int first, int last)
{
    int64_t count = 1;
    for (int i = first; i < last; i++)
        count = op_multiply(count, e->loops[i].size);
    return count;
}

/* Adds turn `turn` of the loops [first, last) to the operands' offsets. */
static void advance(const struct einsum *e, int first, int last, int64_t turn,
                    int64_t *offsets)
{
    for (int l = last - 1; l >= first; l--) {
        int64_t at = turn % e->loops[l].size;
        turn /= e->loops[l].size;
        for (int i = 0; i < e->inputs; i++)
            offsets[i] += at * e->loops[l].strides[i];
    }
}

static double sum_at(const struct einsum *e, const struct op_call *call,
                     const int64_t *start, int64_t inner)
{
    double sum = 0;
    for (int64_t j = 0; j < inner; j++) {
        int64_t offsets[MAX_INPUTS];
        double product = 1;
        memcpy(offsets, start, sizeof offsets);
        advance(e, e->outputs, e->count, j, offsets);
        for (int i = 0; i < e->inputs; i++)
            product *= tensor_number(call->inputs[i], offsets[i]);
        sum += product;
    }
    return sum;
}

static int run(const struct op_call *call, struct error *err)
{
    struct einsum e;
    if (einsum_of(&e, call, err) < 0)
        return -1;
    int64_t outer = turns(&e, 0, e.outputs);
    int64_t inner = turns(&e, e.outputs, e.count);
    for (int64_t i = 0; i < outer; i++) {
        int64_t offsets[MAX_INPUTS] = {0};
        advance(&e, 0, e.outputs, i, offsets);
        op_put_number(call->outputs[0], i, sum_at(&e, call, offsets, inner));
        if (i % 4096 == 0 && cancel_raised(call->cancel))
            return error_set(err, ERROR_CANCELLED, "cancelled");
    }
    return 0;
}

/* One step of all loops; the last runs fastest. */
static void turn_on(const struct einsum *e, int64_t *at, int64_t *offsets)
{
    for (int l = e->count - 1; l >= 0; l--) {
        const struct loop *loop = &e->loops[l];
        bool again = ++at[l] == loop->size;
        for (int i = 0; i < e->inputs; i++)
            offsets[i] +=
                again ? (1 - loop->size) * loop->strides[i] : loop->strides[i];
        if (!again)
            return;
        at[l] = 0;
    }
}

/* Every factor gets the product of the others and of the result's gradient. */
static void sum_gradient(const struct einsum *e, const struct op_call *call,
                         const float *dy, int input, double *sums)
{
    int64_t at[MAX_LETTERS] = {0}, offsets[MAX_INPUTS] = {0};
    int64_t outer = turns(e, 0, e->outputs);
    int64_t inner = turns(e, e->outputs, e->count);
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < inner; j++) {
            double product = dy[i];
            for (int k = 0; k < e->inputs; k++)
                if (k != input)
                    product *=
                        ((const float *)call->inputs[k]->data)[offsets[k]];
            sums[offsets[input]] += product;
            turn_on(e, at, offsets);
        }
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    struct einsum e;
    const float *dy = op_gradient_of(gradient, 0);
    if (einsum_of(&e, call, err) < 0)
        return -1;
    for (int k = 0; k < e.inputs; k++) {
        float *dx = op_gradient_to(gradient, k);
        size_t count = (size_t)tensor_elements(call->inputs[k]);
        double *sums = dx ? array_create(count, sizeof *sums) : NULL;
        if (!dx)
            continue;
        if (!sums)
            return error_memory(err, count * sizeof *sums);
        sum_gradient(&e, call, dy, k, sums);
        for (size_t i = 0; i < count; i++)
            dx[i] = (float)sums[i];
        free(sums);
    }
    return 0;
}

static void cost(const struct op_call *call, struct op_cost *cost)
{
    struct einsum e;
    if (einsum_of(&e, call, NULL) == 0 && e.inputs > 1)
        cost->macs = turns(&e, 0, e.count);
    cost->parameters = op_constant_elements(call, 0);
}

/* Samples may meet unless the first letter of every operand that is computed
 * is the first of the result, and of no other place. */
static bool mixes_samples(const struct op_call *call)
{
    struct term terms[MAX_INPUTS], result;
    if (read_equation(call, terms, &result, NULL) < 0 || !result.count)
        return true;
    char first = result.letters[0];
    for (int i = 0; i < call->node->input_count; i++) {
        int uses = 0;
        for (int k = 0; k < terms[i].count; k++)
            uses += terms[i].letters[k] == first;
        bool leads = terms[i].count && terms[i].letters[0] == first;
        if (first == ELLIPSIS || uses != leads ||
            (!call->inputs[i]->data && !leads))
            return true;
    }
    return false;
}

const struct op op_einsum = {
    .type = "Einsum",
    OP_OPSETS(12, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = MAX_INPUTS,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .run = run,
    .gradient = gradient,
    .mixes_samples = mixes_samples,
};
