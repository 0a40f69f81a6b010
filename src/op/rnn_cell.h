/* One step of a recurrent layer. */
#ifndef OP_RNN_CELL_H
#define OP_RNN_CELL_H

#include <stdbool.h>
#include <stdint.h>

enum { RNN_FUNCTIONS = 3 };

struct rnn_function {
    const char *name;
    float (*apply)(float x);
};

/* NULL when there is none of that name. */
const struct rnn_function *rnn_function_find(const char *name);

/*
 * What a step reads and changes, for one direction.
 *
 * gates   (samples, g * size) products with the input; overwritten
 * bias    (2 * g * size) of input and state, NULL: none
 * hidden, cell, scratch  (samples, size)
 * active  samples that are not active keep their state
 */
struct rnn_state {
    int64_t samples, size;
    float *gates, *hidden, *cell, *scratch;
    const float *recurrence; /* (g * size, size) */
    const float *bias, *peepholes;
    const struct rnn_function *const *functions;
    float clip; /* 0: none */
    bool linear_before_reset;
    bool *active;
};

/* Returns 0, or -1 without memory. */
typedef int rnn_cell(struct rnn_state *state);
rnn_cell rnn_cell_lstm, rnn_cell_gru, rnn_cell_plain;

#endif
