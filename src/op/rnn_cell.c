/*
 * The cells as ONNX defines them. Gates stand one after the other per sample:
 * LSTM input, output, forget, cell; GRU update, reset, hidden.
 */
#include "op/rnn_cell.h"
#include "base/array.h"
#include "kernel/gemm.h"
#include "op/four.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

static float relu(float x)
{
    return x < 0 ? 0 : x;
}

static float softsign(float x)
{
    return x / (1 + fabsf(x));
}

static float softplus(float x)
{
    return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

static float hard_sigmoid(float x)
{
    return fminf(fmaxf(0.2f * x + 0.5f, 0), 1);
}

static float elu(float x)
{
    return x > 0 ? x : expm1f(x);
}

const struct rnn_function *rnn_function_find(const char *name)
{
    static const struct rnn_function functions[] = {
        {"Sigmoid", sigmoid},          {"Tanh", tanhf},        {"Relu", relu},
        {"Softsign", softsign},        {"Softplus", softplus}, {"Elu", elu},
        {"HardSigmoid", hard_sigmoid},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

static float clipped(const struct rnn_state *s, float x)
{
    return s->clip > 0 ? fminf(fmaxf(x, -s->clip), s->clip) : x;
}

static float apply(const struct rnn_state *s, int function, float x)
{
    return s->functions[function]->apply(clipped(s, x));
}

/* Gate g's two biases for number i, together. */
static float bias_of(const struct rnn_state *s, int64_t gates, int64_t g,
                     int64_t i)
{
    int64_t at = g * s->size + i;
    return s->bias ? s->bias[at] + s->bias[gates * s->size + at] : 0;
}

/* gates += hidden * recurrence^T for the first `count` gates. */
static int add_recurrence(struct rnn_state *s, int64_t count, int64_t gates)
{
    return gemm_run(s->samples, count * s->size, s->size, s->hidden,
                    s->recurrence, true, true, s->gates, gates * s->size);
}

int rnn_cell_plain(struct rnn_state *s)
{
    if (add_recurrence(s, 1, 1) < 0)
        return -1;
    for (int64_t n = 0; n < s->samples; n++)
        for (int64_t i = 0; i < s->size && s->active[n]; i++) {
            int64_t at = n * s->size + i;
            s->hidden[at] = apply(s, 0, s->gates[at] + bias_of(s, 1, 0, i));
        }
    return 0;
}

static void lstm_at(struct rnn_state *s, int64_t n, int64_t i)
{
    enum { INPUT, OUTPUT, FORGET, CELL, GATES };
    const float *gates = s->gates + n * GATES * s->size + i;
    const float *p = s->peepholes ? s->peepholes + i : NULL;
    float *cell = s->cell + n * s->size + i, before = *cell, x[GATES];
    for (int g = 0; g < GATES; g++)
        x[g] = gates[g * s->size] + bias_of(s, GATES, g, i);
    float in = apply(s, 0, x[INPUT] + (p ? p[0] * before : 0));
    float keep = apply(s, 0, x[FORGET] + (p ? p[2 * s->size] * before : 0));
    *cell = keep * before + in * apply(s, 1, x[CELL]);
    float out = apply(s, 0, x[OUTPUT] + (p ? p[s->size] * *cell : 0));
    s->hidden[n * s->size + i] = out * apply(s, 2, *cell);
}

/* Whether the cell is what everybody has: sigmoid and tanh, nothing more. */
static bool is_common(const struct rnn_state *s, int functions)
{
    bool common = s->functions[0]->apply == sigmoid && s->peepholes == NULL &&
                  !(s->clip > 0);
    for (int i = 1; i < functions; i++)
        common = common && s->functions[i]->apply == tanhf;
    return common;
}

/* Up to four numbers of gate g with its biases. */
static four gate_of(const struct rnn_state *s, int64_t n, int g, int64_t i)
{
    enum { GATES = 4 };
    int64_t left = s->size - i, at = g * s->size + i;
    four x = four_load(s->gates + n * GATES * s->size + at, left);
    if (s->bias)
        x += four_load(s->bias + at, left) +
             four_load(s->bias + GATES * s->size + at, left);
    return x;
}

static void lstm_common(struct rnn_state *s, int64_t n)
{
    enum { INPUT, OUTPUT, FORGET, CELL };
    for (int64_t i = 0; i < s->size; i += 4) {
        int64_t left = s->size - i, at = n * s->size + i;
        four in = four_sigmoid(gate_of(s, n, INPUT, i));
        four out = four_sigmoid(gate_of(s, n, OUTPUT, i));
        four keep = four_sigmoid(gate_of(s, n, FORGET, i));
        four cell = keep * four_load(s->cell + at, left) +
                    in * four_tanh(gate_of(s, n, CELL, i));
        four_store(s->cell + at, cell, left);
        four_store(s->hidden + at, out * four_tanh(cell), left);
    }
}

int rnn_cell_lstm(struct rnn_state *s)
{
    bool common = is_common(s, 3);
    if (add_recurrence(s, 4, 4) < 0)
        return -1;
    for (int64_t n = 0; n < s->samples; n++) {
        if (common && s->active[n])
            lstm_common(s, n);
        for (int64_t i = 0; !common && i < s->size && s->active[n]; i++)
            lstm_at(s, n, i);
    }
    return 0;
}

enum { UPDATE, RESET, HIDDEN, GRU_GATES };

/* The part of the hidden gate that comes from the state: into scratch. */
static int hidden_gate(struct rnn_state *s)
{
    const float *w = s->recurrence + HIDDEN * s->size * s->size;
    const float *b = s->bias ? s->bias + (GRU_GATES + HIDDEN) * s->size : NULL;
    const float *from = s->hidden;
    float *reset = s->gates + RESET * s->size;
    int64_t row = GRU_GATES * s->size;
    if (!s->linear_before_reset) {
        /* A GRU has no cell: the place serves reset * h. */
        for (int64_t n = 0; n < s->samples; n++)
            for (int64_t i = 0; i < s->size; i++)
                s->cell[n * s->size + i] =
                    reset[n * row + i] * s->hidden[n * s->size + i];
        from = s->cell;
    }
    if (gemm_run(s->samples, s->size, s->size, from, w, true, false, s->scratch,
                 s->size) < 0)
        return -1;
    for (int64_t n = 0; n < s->samples; n++)
        for (int64_t i = 0; i < s->size; i++) {
            float *to = s->scratch + n * s->size + i;
            *to += b ? b[i] : 0;
            if (s->linear_before_reset)
                *to *= reset[n * row + i];
        }
    return 0;
}

/* The update and the reset gate of one sample. */
static void gru_gates(struct rnn_state *s, int64_t n, bool common)
{
    float *gates = s->gates + n * GRU_GATES * s->size;
    const float *more = s->bias ? s->bias + GRU_GATES * s->size : NULL;
    for (int64_t i = 0; common && i < 2 * s->size; i += 4) {
        int64_t left = 2 * s->size - i;
        four x = four_load(gates + i, left);
        if (more)
            x += four_load(s->bias + i, left) + four_load(more + i, left);
        four_store(gates + i, four_sigmoid(x), left);
    }
    for (int64_t i = 0; !common && i < 2 * s->size; i++)
        gates[i] = apply(
            s, 0, gates[i] + bias_of(s, GRU_GATES, i / s->size, i % s->size));
}

/* The new state of one sample from its gates. */
static void gru_blend(struct rnn_state *s, int64_t n, bool common)
{
    const float *gates = s->gates + n * GRU_GATES * s->size;
    const float *bias = s->bias ? s->bias + HIDDEN * s->size : NULL;
    float *hidden = s->hidden + n * s->size;
    float *part = s->scratch + n * s->size;
    for (int64_t i = 0; i < s->size; i++)
        part[i] += gates[HIDDEN * s->size + i] + (bias ? bias[i] : 0);
    for (int64_t i = 0; common && i < s->size; i += 4) {
        int64_t left = s->size - i;
        four_store(part + i, four_tanh(four_load(part + i, left)), left);
    }
    for (int64_t i = 0; !common && i < s->size; i++)
        part[i] = apply(s, 1, part[i]);
    for (int64_t i = 0; i < s->size; i++)
        hidden[i] = (1 - gates[i]) * part[i] + gates[i] * hidden[i];
}

int rnn_cell_gru(struct rnn_state *s)
{
    bool common = is_common(s, 2);
    if (add_recurrence(s, 2, GRU_GATES) < 0)
        return -1;
    for (int64_t n = 0; n < s->samples; n++)
        gru_gates(s, n, common);
    if (hidden_gate(s) < 0)
        return -1;
    for (int64_t n = 0; n < s->samples; n++)
        if (s->active[n])
            gru_blend(s, n, common);
    return 0;
}
