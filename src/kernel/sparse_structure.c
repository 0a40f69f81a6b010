/*
 * Finds structure in zeros. Weights are seen in squares of 16 output channels
 * and 16 inputs at one kernel position: one word of bits per channel tells
 * everything, since what channels share is the union of their words.
 */
#include "kernel/sparse_structure.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 16 };

/* Shares of full places from which a pattern counts as meant. */
static const double block_share = 0.95, keep_share = 0.9;

/* A weight as a matrix for each kernel position. */
struct matrix {
    const float *weight;
    int64_t rows, inputs, positions;
    int64_t row_step, input_step; /* floats */
    int64_t group_rows;           /* rows that share their inputs */
};

static struct matrix matrix_of(const struct kernel_spec *spec)
{
    const struct conv_spec *c = &spec->conv;
    const struct product_spec *p = &spec->product;
    struct matrix m;
    if (spec->kind == KERNEL_CONV) {
        int64_t inputs = c->ic / c->groups, positions = c->kh * c->kw;
        m = (struct matrix){.weight = c->weight,
                            .rows = c->oc,
                            .inputs = inputs,
                            .positions = positions,
                            .row_step = inputs * positions,
                            .input_step = positions,
                            .group_rows = c->oc / c->groups};
    } else {
        m = (struct matrix){.weight = p->weight,
                            .rows = p->out,
                            .inputs = p->in,
                            .positions = 1,
                            .row_step = p->transposed ? 1 : p->in,
                            .input_step = p->transposed ? p->out : 1,
                            .group_rows = p->out};
    }
    return m;
}

/* What was counted so far. */
struct count {
    int64_t nonzeros, stored4, stored8, stored16, lanes, input16;
    int most[SIDE + 1]; /* kept of so many inputs: 4, 8, 16 */
};

static int bits_of(uint32_t word)
{
    return __builtin_popcount(word);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static uint32_t row_word(const float *weight, int64_t count, int64_t step)
{
    uint32_t word = 0;
    for (int64_t i = 0; i < count; i++)
        word |= (uint32_t)(weight[i * step] != 0.0F) << i;
    return word;
}

static void count_row(struct count *count, uint32_t word)
{
    count->nonzeros += bits_of(word);
    count->input16 += word != 0 ? SIDE : 0;
    for (int of = 4; of <= SIDE; of *= 2)
        for (int i = 0; i < SIDE; i += of) {
            uint32_t part = word >> i & ((1u << of) - 1);
            count->most[of] = larger(count->most[of], bits_of(part));
        }
}

/* Rows beyond the last hold no bits. */
static void count_square(struct count *count, const uint32_t word[SIDE])
{
    uint32_t all = 0;
    int most = 0;
    for (int half = 0; half < SIDE; half += 8) {
        uint32_t eight = 0;
        for (int quarter = half; quarter < half + 8; quarter += 4) {
            uint32_t four = 0;
            for (int row = quarter; row < quarter + 4; row++) {
                four |= word[row];
                most = larger(most, bits_of(word[row]));
            }
            count->stored4 += 4 * (int64_t)bits_of(four);
            eight |= four;
        }
        count->stored8 += 8 * (int64_t)bits_of(eight);
        all |= eight;
    }
    count->stored16 += SIDE * (int64_t)bits_of(all);
    count->lanes += SIDE * (int64_t)most;
}

static void count_all(struct count *count, const struct matrix *m)
{
    for (int64_t row = 0; row < m->rows; row += SIDE)
        for (int64_t position = 0; position < m->positions; position++)
            for (int64_t input = 0; input < m->inputs; input += SIDE) {
                uint32_t word[SIDE] = {0};
                int64_t left = m->inputs - input;
                for (int k = 0; k < SIDE && row + k < m->rows; k++) {
                    const float *at = m->weight + (row + k) * m->row_step +
                                      input * m->input_step + position;
                    word[k] =
                        row_word(at, left < SIDE ? left : SIDE, m->input_step);
                    count_row(count, word[k]);
                }
                count_square(count, word);
            }
}

static bool full(int64_t nonzeros, int64_t stored)
{
    return stored > 0 && (double)nonzeros >= block_share * (double)stored;
}

static void find_keep(struct sparse_structure *s, const struct count *count)
{
    for (int of = 4; of <= SIDE && s->of == 0; of *= 2) {
        int most = count->most[of];
        double expected = (double)s->weights * most / of;
        if (most == 0 || most == of ||
            (double)s->nonzeros < keep_share * expected)
            continue;
        s->keep = most;
        s->of = of;
    }
}

void sparse_structure_of(struct sparse_structure *out,
                         const struct kernel_spec *spec)
{
    struct matrix m = matrix_of(spec);
    struct count count = {0};
    *out =
        (struct sparse_structure){.weights = m.rows * m.inputs * m.positions};
    count_all(&count, &m);
    out->nonzeros = count.nonzeros;
    for (int form = 0; form < SPARSE_FORM_COUNT; form++)
        out->stored[form] = out->weights;
    out->stored[SPARSE_FORM_ANY] = count.nonzeros;
    /* Rows of several groups have no inputs in common; one input has no
     * neighbours. */
    if (m.inputs == 1 || (m.group_rows != m.rows && m.group_rows % SIDE != 0))
        return;
    out->stored[SPARSE_FORM_ROWS4] = count.stored4;
    out->stored[SPARSE_FORM_ROWS16] = count.stored16;
    out->stored[SPARSE_FORM_LANES] = count.lanes;
    out->stored[SPARSE_FORM_INPUT16] = count.input16;
    if (full(count.nonzeros, count.stored4))
        out->block = 4;
    if (full(count.nonzeros, count.stored8))
        out->block = 8;
    if (full(count.nonzeros, count.stored16))
        out->block = 16;
    if (full(count.nonzeros, count.input16))
        out->inputs = 16;
    find_keep(out, &count);
}

enum sparse_form sparse_structure_form(const struct sparse_structure *s)
{
    if (s->block > 0)
        return s->block == 16 ? SPARSE_FORM_ROWS16 : SPARSE_FORM_ROWS4;
    if (s->inputs > 0)
        return SPARSE_FORM_INPUT16;
    return s->of > 0 ? SPARSE_FORM_LANES : SPARSE_FORM_ANY;
}

/* One of the form's squares; all of its rows and inputs are inside. */
static void draw_square(enum sparse_form form, double density, struct rng *rng,
                        uint32_t word[SIDE])
{
    const int rows[SPARSE_FORM_COUNT] = {1, 4, SIDE, 1, 1};
    for (int row = 0; row < SIDE; row++) {
        word[row] = 0;
        if (row % rows[form] != 0)
            word[row] = word[row - 1];
        else if (form == SPARSE_FORM_INPUT16)
            word[row] = rng_uniform(rng) < density ? 0xffff : 0;
        else if (form == SPARSE_FORM_LANES)
            while (bits_of(word[row]) < (int)(density * SIDE + 0.5))
                word[row] |= 1u << rng_below(rng, SIDE);
        else
            for (int i = 0; i < SIDE; i++)
                word[row] |= (uint32_t)(rng_uniform(rng) < density) << i;
    }
}

void sparse_structure_draw(const struct kernel_spec *spec,
                           enum sparse_form form, double density,
                           struct rng *rng, float *weights)
{
    struct matrix m = matrix_of(spec);
    for (int64_t row = 0; row < m.rows; row += SIDE)
        for (int64_t position = 0; position < m.positions; position++)
            for (int64_t input = 0; input < m.inputs; input += SIDE) {
                uint32_t word[SIDE];
                draw_square(form, density, rng, word);
                for (int k = 0; k < SIDE * SIDE; k++) {
                    int64_t r = row + k / SIDE, i = input + k % SIDE;
                    if (r < m.rows && i < m.inputs)
                        weights[r * m.row_step + i * m.input_step + position] =
                            word[k / SIDE] >> k % SIDE & 1 ? 0.01F : 0.0F;
                }
            }
}

void sparse_structure_name(const struct sparse_structure *s,
                           enum sparse_form form, char *text, size_t bytes)
{
    if ((form == SPARSE_FORM_ROWS4 || form == SPARSE_FORM_ROWS16) &&
        s->block > 0)
        (void)snprintf(text, bytes, "block %dx1", s->block);
    else if (form == SPARSE_FORM_LANES && s->of > 0)
        (void)snprintf(text, bytes, "%d:%d", s->keep, s->of);
    else if (form == SPARSE_FORM_INPUT16 && s->inputs > 0)
        (void)snprintf(text, bytes, "block 1x%d", s->inputs);
    else
        text[0] = '\0';
}
