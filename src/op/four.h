/*
 * Four numbers at a time, which every processor has: the functions of the
 * common cells. The library's, one number at a time, take most of a small
 * LSTM's time.
 */
#ifndef OP_FOUR_H
#define OP_FOUR_H

#include <stdint.h>
#include <string.h>

typedef float four __attribute__((vector_size(16)));
typedef int32_t four_bits __attribute__((vector_size(16)));

static inline four four_all(float x)
{
    return (four){x, x, x, x};
}

/* The first `left` numbers, zeros behind them. */
static inline four four_load(const float *p, int64_t left)
{
    four x = {0};
    if (left >= 4)
        memcpy(&x, p, sizeof x);
    else
        memcpy(&x, p, (size_t)left * sizeof *p);
    return x;
}

static inline void four_store(float *p, four x, int64_t left)
{
    if (left >= 4)
        memcpy(p, &x, sizeof x);
    else
        memcpy(p, &x, (size_t)left * sizeof *p);
}

/* yes ? a : b for each; yes is all bits or none. */
static inline four four_choose(four_bits yes, four a, four b)
{
    return (four)(((four_bits)a & yes) | ((four_bits)b & ~yes));
}

/* exp(x) to a few units of the last place: 2^n times a polynomial of what is
 * left of x / log(2). |x| counts as 87 at most; what is no number stays so. */
static inline four four_exp(four x)
{
    const four shift = four_all(12582912.0F); /* 1.5 * 2^23: rounds */
    const four most = four_all(87);
    four held = four_choose(x > most, most, x);
    held = four_choose(held < -most, -most, held);
    four t = held * four_all(1.44269504F);
    four rounded = t + shift;
    four f = t - (rounded - shift);
    four p = four_all(1.5403530e-4F);
    p = p * f + four_all(1.3333558e-3F);
    p = p * f + four_all(9.6181291e-3F);
    p = p * f + four_all(5.5504109e-2F);
    p = p * f + four_all(0.24022651F);
    p = p * f + four_all(0.69314718F);
    p = p * f + four_all(1);
    four_bits power = (four_bits)rounded << 23;
    return four_choose(x == x, (four)((four_bits)p + power), x);
}

static inline four four_sigmoid(four x)
{
    return four_all(1) / (four_all(1) + four_exp(-x));
}

static inline four four_tanh(four x)
{
    return four_all(1) - four_all(2) / (four_all(1) + four_exp(x + x));
}

#endif
