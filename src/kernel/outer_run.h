/*
 * One panel of outer.h. Rows of the right side are copied together, so that a
 * panel lies in a first-level cache whatever the number of columns; then
 * tiles of result stay in registers while both sides are walked down.
 */
#ifndef KERNEL_OUTER_RUN_H
#define KERNEL_OUTER_RUN_H

#include "kernel/dense_vector.h"
#include "kernel/outer.h"

#include <stdbool.h>

enum {
    OUTER_DEPTH = 128, /* rows of both sides in a block */
    OUTER_ROWS = LANES == 16 ? 8 : 4,
    OUTER_VECTORS = 3,
    OUTER_WIDE = OUTER_VECTORS * LANES,
};

/* Rows of the left side that follow each other in memory. */
struct outer_run {
    const float *left;
    int64_t depth;
};

struct outer_block {
    struct outer_run runs[OUTER_DEPTH];
    int64_t count;
    bool begins;
    float panel[OUTER_DEPTH * OUTER_PANEL];
};

ALWAYS_INLINE void outer_tile(const struct outer *o,
                              const struct outer_block *block, int64_t row,
                              int64_t column, int64_t in_panel, int rows)
{
    vec sums[OUTER_ROWS][OUTER_VECTORS];
    const float *right = block->panel + in_panel;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < OUTER_VECTORS; v++)
            sums[r][v] = vec_all(0);
    for (int64_t i = 0; i < block->count; i++) {
        const float *left = block->runs[i].left + row;
        for (int64_t k = 0; k < block->runs[i].depth; k++) {
            vec w[OUTER_VECTORS];
#pragma GCC unroll 3
            for (int v = 0; v < OUTER_VECTORS; v++)
                w[v] = vec_load(right + v * LANES);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vec x = vec_all(left[r]);
#pragma GCC unroll 3
                for (int v = 0; v < OUTER_VECTORS; v++)
                    sums[r][v] = vec_multiply_add(x, w[v], sums[r][v]);
            }
            left += o->rows;
            right += OUTER_PANEL;
        }
    }
    int64_t room = o->columns - column;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        float *to = o->result + (row + r) * o->columns + column;
        float last[OUTER_WIDE];
        bool whole = room >= OUTER_WIDE;
        if (!whole && !block->begins)
            memcpy(last, to, (size_t)room * sizeof *to);
        float *at = whole ? to : last;
#pragma GCC unroll 3
        for (int v = 0; v < OUTER_VECTORS; v++) {
            if (!block->begins)
                sums[r][v] = sums[r][v] + vec_load(at + v * LANES);
            vec_store(at + v * LANES, sums[r][v]);
        }
        if (!whole)
            memcpy(to, last, (size_t)room * sizeof *to);
    }
}

/* All rows of up to OUTER_WIDE columns. */
static void outer_columns(const struct outer *o,
                          const struct outer_block *block, int64_t column,
                          int64_t in_panel)
{
    int64_t row = 0;
    for (; row + OUTER_ROWS <= o->rows; row += OUTER_ROWS)
        outer_tile(o, block, row, column, in_panel, OUTER_ROWS);
    for (; row + 2 <= o->rows; row += 2)
        outer_tile(o, block, row, column, in_panel, 2);
    if (row < o->rows)
        outer_tile(o, block, row, column, in_panel, 1);
}

/* Copies rows of the right side, zeros behind its last column. */
static void outer_copy(const struct outer *o, const float *right, int64_t depth,
                       int64_t first, float *panel)
{
    int64_t room = o->columns - first;
    size_t wide = (size_t)(room < OUTER_PANEL ? room : OUTER_PANEL);
    for (int64_t k = 0; k < depth; k++) {
        float *to = panel + k * OUTER_PANEL;
        memcpy(to, right + k * o->columns + first, wide * sizeof *to);
        memset(to + wide, 0, (OUTER_PANEL - wide) * sizeof *to);
    }
}

static void outer_run_panel(const struct outer *o, int64_t first)
{
    struct outer_block block = {.begins = true};
    int64_t filled = 0;
    for (int64_t p = 0; p < o->parts; p++)
        for (int64_t k = 0; k < o->depth;) {
            int64_t room = OUTER_DEPTH - filled;
            int64_t take = o->depth - k < room ? o->depth - k : room;
            outer_copy(o, o->right[p] + k * o->columns, take, first,
                       block.panel + filled * OUTER_PANEL);
            block.runs[block.count++] =
                (struct outer_run){o->left[p] + k * o->rows, take};
            filled += take;
            k += take;
            bool last = p + 1 == o->parts && k == o->depth;
            if (filled < OUTER_DEPTH && !last)
                continue;
            for (int64_t c = 0; c < OUTER_PANEL; c += OUTER_WIDE)
                if (first + c < o->columns)
                    outer_columns(o, &block, first + c, c);
            block.begins = false;
            block.count = filled = 0;
        }
}

#endif
