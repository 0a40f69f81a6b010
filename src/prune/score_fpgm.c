/*
 * FPGM: a filter that lies among the others can be replaced by them, so the one
 * with the least sum of distances to all others of its layer goes first.
 *
 * Source: He et al. 2019, section 3.3. Distances come from a matrix of inner
 * products in double: d^2 = |a|^2 + |b|^2 - 2ab, at least 0.
 */
#include "base/array.h"
#include "prune/criteria.h"

#include <math.h>
#include <stdlib.h>

static double inner(const struct score_input *input, int64_t a, int64_t b)
{
    const struct layer_matrix *m = &input->layer->matrix;
    double sum = 0;
    for (int64_t c = 0; c < m->inputs; c++)
        for (int64_t p = 0; p < m->places; p++)
            sum += (double)input->weight[layer_matrix_at(m, a, c, p)] *
                   (double)input->weight[layer_matrix_at(m, b, c, p)];
    return sum;
}

static int score_rows(const struct score_input *input, float *rows,
                      struct error *err)
{
    int64_t count = input->layer->matrix.rows;
    double *squares = array_create((size_t)count, sizeof *squares);
    double *sums = array_create((size_t)count, sizeof *sums);
    if (squares && sums) {
        for (int64_t a = 0; a < count; a++)
            squares[a] = inner(input, a, a);
        for (int64_t a = 0; a < count; a++)
            for (int64_t b = 0; b < a; b++) {
                double square =
                    squares[a] + squares[b] - 2 * inner(input, a, b);
                double distance = sqrt(square > 0 ? square : 0);
                sums[a] += distance;
                sums[b] += distance;
            }
        for (int64_t a = 0; a < count; a++)
            rows[a] = (float)sums[a];
    }
    int result = squares && sums
                     ? 0
                     : error_memory(err, (size_t)count * 2 * sizeof *sums);
    free(squares);
    free(sums);
    return result;
}

const struct criterion criterion_fpgm = {
    .name = "fpgm",
    .help = "channels nearest to all others of their layer go first",
    .score_rows = score_rows,
};
