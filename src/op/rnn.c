/*
 * LSTM, GRU and RNN: one row each. Per direction, the products with the input
 * are made for many steps at once, those with the state step by step; what is
 * left is a cell of `hidden` numbers per sample.
 */
#include "base/array.h"
#include "kernel/gemm.h"
#include "op/rnn_cell.h"
#include "op/support.h"

#include <stdlib.h>
#include <string.h>

/* Inputs as ONNX orders them; LSTM alone has the last two. */
enum { X, W, R, B, LENGTHS, STATE, CELL, PEEPHOLES };

/* Steps whose input products are made together. */
enum { STEPS_AT_ONCE = 32 };

struct rnn_params {
    const char *direction;
    struct floats alpha, beta;
    const struct rnn_function *functions[2][RNN_FUNCTIONS];
    float clip;
    int64_t hidden, layout, input_forget, linear_before_reset;
};

struct rnn_row {
    int gates, functions;
    rnn_cell *cell;
    const char *const *defaults;
};

/* --- attributes --- */

static const struct attribute *find_activations(const struct node *node)
{
    return graph_attribute(node, "activations");
}

static int directions_of(const struct rnn_params *params)
{
    bool both =
        params->direction && strcmp(params->direction, "bidirectional") == 0;
    return both ? 2 : 1;
}

/* Keras writes what HardSigmoid takes as it is: 0.2 and 0.5. */
static bool usual_numbers(const struct rnn_params *params,
                          const struct attribute *list)
{
    for (size_t i = 0; i < params->alpha.count; i++)
        if (params->alpha.values[i] != 0.2f)
            return false;
    for (size_t i = 0; i < params->beta.count; i++)
        if (params->beta.values[i] != 0.5f)
            return false;
    for (size_t i = 0; list && i < list->count; i++)
        if (strcmp(list->strings[i], "Elu") == 0)
            return false;
    return true;
}

static int read_functions(const struct node *node, struct rnn_params *params,
                          struct error *err)
{
    const struct rnn_row *row = node->op->row;
    const struct attribute *list = find_activations(node);
    size_t wanted = (size_t)(row->functions * directions_of(params));
    if (list && list->count && list->count != wanted)
        return error_set(err, ERROR_FORMAT,
                         "activations has %zu names, expected %zu", list->count,
                         wanted);
    bool numbers = params->alpha.count || params->beta.count;
    if (numbers && !usual_numbers(params, list))
        return error_set(err, ERROR_UNSUPPORTED,
                         "activation_alpha and activation_beta other than 0.2 "
                         "and 0.5 (HardSigmoid) are not supported");
    for (size_t i = 0; i < wanted; i++) {
        size_t at = i % (size_t)row->functions;
        const char *name =
            list && list->count ? list->strings[i] : row->defaults[at];
        const struct rnn_function *function = rnn_function_find(name);
        if (!function)
            return error_set(err, ERROR_UNSUPPORTED,
                             "activation '%s' is not supported", name);
        params->functions[i / (size_t)row->functions][at] = function;
    }
    return 0;
}

static int check_params(const struct rnn_params *params, struct error *err)
{
    static const char *const names[] = {"forward", "reverse", "bidirectional"};
    bool known = !params->direction;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        known = known || strcmp(params->direction, names[i]) == 0;
    if (!known)
        return error_set(err, ERROR_FORMAT, "direction '%s' is not known",
                         params->direction);
    if (params->input_forget)
        return error_set(err, ERROR_UNSUPPORTED,
                         "input_forget is not supported");
    if (params->layout != 0 && params->layout != 1)
        return error_set(err, ERROR_FORMAT, "layout %lld, expected 0 or 1",
                         (long long)params->layout);
    return 0;
}

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"direction", ATTRIBUTE_STRING, offsetof(struct rnn_params, direction),
         0},
        {"activations", ATTRIBUTE_STRINGS, PARAMETER_IGNORED, 0},
        {"activation_alpha", ATTRIBUTE_FLOATS,
         offsetof(struct rnn_params, alpha), 0},
        {"activation_beta", ATTRIBUTE_FLOATS, offsetof(struct rnn_params, beta),
         0},
        {"clip", ATTRIBUTE_FLOAT, offsetof(struct rnn_params, clip), 0},
        {"hidden_size", ATTRIBUTE_INT, offsetof(struct rnn_params, hidden), 0},
        {"layout", ATTRIBUTE_INT, offsetof(struct rnn_params, layout), 0},
        {"input_forget", ATTRIBUTE_INT,
         offsetof(struct rnn_params, input_forget), 0},
        {"linear_before_reset", ATTRIBUTE_INT,
         offsetof(struct rnn_params, linear_before_reset), 0},
        {"output_sequence", ATTRIBUTE_INT, PARAMETER_IGNORED, 0}, /* opset 6 */
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct rnn_params), err) < 0 ||
        check_params(node->params, err) < 0)
        return -1;
    return read_functions(node, node->params, err);
}

/* --- shapes --- */

/* Sizes, and where sample n of step t lies in X and in the outputs. */
struct rnn_sizes {
    int64_t steps, samples, in, hidden, directions, gates;
    int64_t x_step, x_sample;              /* rows of X */
    int64_t y_step, y_sample, y_direction; /* rows of Y */
    int64_t state_sample, state_direction; /* rows of the states */
};

static void sizes_of(const struct op_call *call, struct rnn_sizes *s)
{
    const struct rnn_params *params = call->node->params;
    const struct rnn_row *row = call->node->op->row;
    const struct shape *x = &call->inputs[X]->shape;
    bool by_sample = params->layout == 1;
    int64_t directions = directions_of(params);
    int64_t steps = x->dims[by_sample ? 1 : 0];
    int64_t samples = x->dims[by_sample ? 0 : 1];
    *s = (struct rnn_sizes){
        .steps = steps,
        .samples = samples,
        .in = x->dims[2],
        .hidden = call->inputs[R]->shape.dims[2],
        .directions = directions,
        .gates = row->gates,
        .x_step = by_sample ? 1 : samples,
        .x_sample = by_sample ? steps : 1,
        .y_step = by_sample ? directions : directions * samples,
        .y_sample = by_sample ? steps * directions : 1,
        .y_direction = by_sample ? 1 : samples,
        .state_sample = by_sample ? directions : 1,
        .state_direction = by_sample ? 1 : samples,
    };
}

static int want_shape(const struct op_call *call, int i, const char *name,
                      struct shape wanted, struct error *err)
{
    const struct tensor *input = op_input(call, i);
    char found[SHAPE_TEXT_BYTES], expected[SHAPE_TEXT_BYTES];
    if (!input || shape_equal(&input->shape, &wanted))
        return 0;
    return error_set(err, ERROR_SHAPE, "input '%s' is %s, expected %s", name,
                     shape_text(&input->shape, found),
                     shape_text(&wanted, expected));
}

static struct shape state_shape(const struct op_call *call,
                                const struct rnn_sizes *s)
{
    const struct rnn_params *params = call->node->params;
    if (params->layout == 1)
        return (struct shape){3, {s->samples, s->directions, s->hidden}};
    return (struct shape){3, {s->directions, s->samples, s->hidden}};
}

static int check_shapes(const struct op_call *call, const struct rnn_sizes *s,
                        struct error *err)
{
    const struct rnn_params *params = call->node->params;
    int64_t rows;
    if (s->hidden < 1 || s->in < 1 ||
        (params->hidden && params->hidden != s->hidden) ||
        __builtin_mul_overflow(s->gates, s->hidden, &rows))
        return error_set(err, ERROR_SHAPE,
                         "hidden_size is %lld, input 'R' says %lld",
                         (long long)params->hidden, (long long)s->hidden);
    struct shape state = state_shape(call, s);
    if (want_shape(call, W, "W",
                   (struct shape){3, {s->directions, rows, s->in}}, err) < 0 ||
        want_shape(call, R, "R",
                   (struct shape){3, {s->directions, rows, s->hidden}},
                   err) < 0 ||
        want_shape(call, B, "B",
                   (struct shape){2, {s->directions, op_multiply(2, rows)}},
                   err) < 0 ||
        want_shape(call, LENGTHS, "sequence_lens",
                   (struct shape){1, {s->samples}}, err) < 0 ||
        want_shape(call, STATE, "initial_h", state, err) < 0 ||
        want_shape(call, CELL, "initial_c", state, err) < 0)
        return -1;
    return want_shape(
        call, PEEPHOLES, "P",
        (struct shape){2, {s->directions, op_multiply(3, s->hidden)}}, err);
}

static int infer(const struct op_call *call, struct error *err)
{
    static const char *const names[] = {"X", "W", "R", "B"};
    struct rnn_sizes s;
    for (int i = X; i <= B; i++)
        if (op_want_float(call, i, names[i], err) < 0 ||
            (i != B && op_want_rank(call, i, names[i], 3, 3, err) < 0))
            return -1;
    if (op_want_type(call, LENGTHS, "sequence_lens", DTYPE_INT32, err) < 0 ||
        op_want_float(call, STATE, "initial_h", err) < 0 ||
        op_want_float(call, CELL, "initial_c", err) < 0 ||
        op_want_float(call, PEEPHOLES, "P", err) < 0)
        return -1;
    sizes_of(call, &s);
    if (check_shapes(call, &s, err) < 0)
        return -1;
    struct shape state = state_shape(call, &s);
    struct shape all = {4, {s.steps, s.directions, s.samples, s.hidden}};
    if (s.x_step == 1 &&
        ((const struct rnn_params *)call->node->params)->layout)
        all = (struct shape){4, {s.samples, s.steps, s.directions, s.hidden}};
    op_give(call, 0, DTYPE_FLOAT32, &all);
    op_give(call, 1, DTYPE_FLOAT32, &state);
    op_give(call, 2, DTYPE_FLOAT32, &state);
    return 0;
}

static void cost(const struct op_call *call, struct op_cost *cost)
{
    struct rnn_sizes s;
    sizes_of(call, &s);
    int64_t rows = op_multiply(s.gates * s.directions, s.hidden);
    int64_t places = op_multiply(s.steps, s.samples);
    cost->macs = op_multiply(op_multiply(places, rows), s.in + s.hidden);
    cost->parameters = op_constant_elements(call, W);
}

/* --- one direction --- */

struct direction {
    const struct op_call *call;
    const struct rnn_sizes *s;
    int64_t index;
    bool backward;
    struct rnn_state state;
    float *packed; /* (STEPS_AT_ONCE * samples, in) */
    float *gates;  /* (STEPS_AT_ONCE * samples, gates * hidden) */
};

static int64_t length_of(const struct direction *d, int64_t sample)
{
    const struct tensor *lengths = op_input(d->call, LENGTHS);
    return lengths ? tensor_integer(lengths, sample) : d->s->steps;
}

/* Which time a step is: the other way round inside a sample's length. */
static int64_t time_of(const struct direction *d, int64_t step, int64_t sample)
{
    int64_t length = length_of(d, sample);
    return d->backward && step < length ? length - 1 - step : step;
}

static void pack_inputs(const struct direction *d, int64_t first, int64_t count)
{
    const struct rnn_sizes *s = d->s;
    const float *x = d->call->inputs[X]->data;
    for (int64_t i = 0; i < count * s->samples; i++) {
        int64_t sample = i % s->samples;
        int64_t time = time_of(d, first + i / s->samples, sample);
        memcpy(d->packed + i * s->in,
               x + (time * s->x_step + sample * s->x_sample) * s->in,
               (size_t)s->in * sizeof *x);
    }
}

/* The outputs of a step; samples that have ended give zeros and stay. */
static void store(const struct direction *d, int64_t step, float *y)
{
    const struct rnn_sizes *s = d->s;
    for (int64_t n = 0; y && n < s->samples; n++) {
        int64_t row = time_of(d, step, n) * s->y_step + n * s->y_sample +
                      d->index * s->y_direction;
        bool ended = step >= length_of(d, n);
        for (int64_t i = 0; i < s->hidden; i++)
            y[row * s->hidden + i] =
                ended ? 0 : d->state.hidden[n * s->hidden + i];
    }
}

static int run_step(struct direction *d, float *gates, int64_t step,
                    struct error *err)
{
    const struct rnn_row *row = d->call->node->op->row;
    const struct tensor *y = op_output(d->call, 0);
    d->state.gates = gates;
    for (int64_t n = 0; n < d->s->samples; n++)
        d->state.active[n] = step < length_of(d, n);
    if (row->cell(&d->state) < 0)
        return error_memory(err, 0);
    store(d, step, y ? y->data : NULL);
    return 0;
}

static int run_steps(struct direction *d, struct error *err)
{
    const struct rnn_sizes *s = d->s;
    int64_t width = s->gates * s->hidden;
    const float *w =
        (const float *)d->call->inputs[W]->data + d->index * width * s->in;
    for (int64_t first = 0; first < s->steps; first += STEPS_AT_ONCE) {
        int64_t count = s->steps - first;
        count = count > STEPS_AT_ONCE ? STEPS_AT_ONCE : count;
        if (cancel_raised(d->call->cancel))
            return error_set(err, ERROR_CANCELLED, "cancelled");
        pack_inputs(d, first, count);
        if (gemm_run(count * s->samples, width, s->in, d->packed, w, true,
                     false, d->gates, width) < 0)
            return error_memory(err, 0);
        for (int64_t i = 0; i < count; i++)
            if (run_step(d, d->gates + i * s->samples * width, first + i, err) <
                0)
                return -1;
    }
    return 0;
}

/* (samples, hidden) of this direction from or to a tensor; NULL: zeros. */
static void load_state(const struct direction *d, const struct tensor *from,
                       float *to)
{
    const struct rnn_sizes *s = d->s;
    for (int64_t n = 0; n < s->samples; n++) {
        int64_t row = n * s->state_sample + d->index * s->state_direction;
        for (int64_t i = 0; i < s->hidden; i++)
            to[n * s->hidden + i] =
                from ? op_floats(from)[row * s->hidden + i] : 0;
    }
}

static void save_state(const struct direction *d, struct tensor *to,
                       const float *from)
{
    const struct rnn_sizes *s = d->s;
    float *out = to ? to->data : NULL;
    for (int64_t n = 0; out && n < s->samples; n++) {
        int64_t row = n * s->state_sample + d->index * s->state_direction;
        memcpy(out + row * s->hidden, from + n * s->hidden,
               (size_t)s->hidden * sizeof *out);
    }
}

static void bind_constants(struct direction *d)
{
    const struct rnn_sizes *s = d->s;
    const struct rnn_params *params = d->call->node->params;
    const struct tensor *b = op_input(d->call, B);
    const struct tensor *p = op_input(d->call, PEEPHOLES);
    int64_t width = s->gates * s->hidden;
    d->state.samples = s->samples;
    d->state.size = s->hidden;
    d->state.recurrence =
        (const float *)d->call->inputs[R]->data + d->index * width * s->hidden;
    d->state.bias = b ? op_floats(b) + d->index * 2 * width : NULL;
    d->state.peepholes = p ? op_floats(p) + d->index * 3 * s->hidden : NULL;
    d->state.functions = params->functions[d->index];
    d->state.clip = params->clip;
    d->state.linear_before_reset = params->linear_before_reset != 0;
}

static int make_scratch(struct direction *d, struct error *err)
{
    const struct rnn_sizes *s = d->s;
    int64_t rows = op_multiply(STEPS_AT_ONCE, s->samples);
    int64_t state = op_multiply(s->samples, s->hidden);
    d->packed = op_scratch(op_multiply(rows, s->in), err);
    d->gates =
        op_scratch(op_multiply(rows, op_multiply(s->gates, s->hidden)), err);
    d->state.hidden = op_scratch(state, err);
    d->state.cell = op_scratch(state, err);
    d->state.scratch = op_scratch(state, err);
    d->state.active = array_create((size_t)s->samples + 1, sizeof(bool));
    if (!d->state.active)
        return error_memory(err, (size_t)s->samples);
    return d->packed && d->gates && d->state.hidden && d->state.cell &&
                   d->state.scratch
               ? 0
               : -1;
}

static void free_scratch(struct direction *d)
{
    free(d->packed);
    free(d->gates);
    free(d->state.hidden);
    free(d->state.cell);
    free(d->state.scratch);
    free(d->state.active);
}

static int run_direction(struct direction *d, struct error *err)
{
    int result = make_scratch(d, err);
    if (result == 0) {
        bind_constants(d);
        load_state(d, op_input(d->call, STATE), d->state.hidden);
        load_state(d, op_input(d->call, CELL), d->state.cell);
        result = run_steps(d, err);
    }
    if (result == 0) {
        save_state(d, op_output(d->call, 1), d->state.hidden);
        save_state(d, op_output(d->call, 2), d->state.cell);
    }
    free_scratch(d);
    return result;
}

static int check_lengths(const struct op_call *call, const struct rnn_sizes *s,
                         struct error *err)
{
    const struct tensor *lengths = op_input(call, LENGTHS);
    for (int64_t n = 0; lengths && n < s->samples; n++)
        if (tensor_integer(lengths, n) < 0 ||
            tensor_integer(lengths, n) > s->steps)
            return error_set(err, ERROR_RANGE,
                             "sequence_lens has %lld, there are %lld steps",
                             (long long)tensor_integer(lengths, n),
                             (long long)s->steps);
    return 0;
}

static int run(const struct op_call *call, struct error *err)
{
    const struct rnn_params *params = call->node->params;
    struct rnn_sizes s;
    sizes_of(call, &s);
    if (check_lengths(call, &s, err) < 0)
        return -1;
    for (int64_t i = 0; i < s.directions; i++) {
        bool reverse =
            params->direction && strcmp(params->direction, "reverse") == 0;
        struct direction d = {
            .call = call, .s = &s, .index = i, .backward = reverse || i == 1};
        if (run_direction(&d, err) < 0)
            return -1;
    }
    return 0;
}

static const char *const lstm_defaults[] = {"Sigmoid", "Tanh", "Tanh"};
static const char *const gru_defaults[] = {"Sigmoid", "Tanh"};
static const char *const rnn_defaults[] = {"Tanh"};

static const struct rnn_row lstm_row = {4, 3, rnn_cell_lstm, lstm_defaults};
static const struct rnn_row gru_row = {3, 2, rnn_cell_gru, gru_defaults};
static const struct rnn_row rnn_row = {1, 1, rnn_cell_plain, rnn_defaults};

#define RNN(symbol, name, row_of, inputs, outputs)                             \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(7, OP_OPSET_LAST),                                           \
        .min_inputs = 3,                                                       \
        .max_inputs = inputs,                                                  \
        .max_outputs = outputs,                                                \
        .weight_input = -1,                                                    \
        .row = &(row_of),                                                      \
        .parse = parse,                                                        \
        .infer = infer,                                                        \
        .cost = cost,                                                          \
        .run = run,                                                            \
    }

RNN(op_lstm, "LSTM", lstm_row, 8, 3);
RNN(op_gru, "GRU", gru_row, 6, 2);
RNN(op_rnn, "RNN", rnn_row, 6, 2);
