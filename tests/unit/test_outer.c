/* Sums of outer products against double precision, on odd sizes. */
#include "base/rng.h"
#include "kernel/outer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

enum { SEED = 20261126, MOST_PARTS = 9 };

static const struct shape {
    int64_t rows, columns, parts, depth;
} shapes[] = {
    {500, 800, 8, 16},                  /* LeNet-5 */
    {10, 500, 8, 16},  {13, 50, 3, 50}, /* parts cut by blocks */
    {7, 5, 4, 200},                     /* parts longer than a block */
    {1, 1, 1, 1},      {17, 97, 9, 29},
};

static float *random_floats(struct rng *rng, int64_t count)
{
    float *p = malloc((size_t)count * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < count; i++)
        p[i] = (float)(rng_uniform(rng) * 2 - 1);
    return p;
}

static double sum_at(const struct outer *o, int64_t row, int64_t column)
{
    double sum = 0;
    for (int64_t p = 0; p < o->parts; p++)
        for (int64_t k = 0; k < o->depth; k++)
            sum += (double)o->left[p][k * o->rows + row] *
                   (double)o->right[p][k * o->columns + column];
    return sum;
}

static void check(const struct outer *o, int shape, int isa)
{
    for (int64_t c = 0; c < o->columns; c += OUTER_PANEL)
        outer_of((enum cpu_isa)isa)(o, c);
    for (int64_t i = 0; i < o->rows * o->columns; i++) {
        double right = sum_at(o, i / o->columns, i % o->columns);
        if (!(fabs((double)o->result[i] - right) <= 2e-5))
            fail_msg("shape %d, %s: element %lld is %.7g, expected %.7g, "
                     "seed %d",
                     shape, cpu_isa_name((enum cpu_isa)isa), (long long)i,
                     (double)o->result[i], right, SEED);
    }
}

static void sums_are_those_of_the_definition(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < COUNT(shapes); i++) {
        const struct shape *s = &shapes[i];
        float *sides[2 * MOST_PARTS];
        float *result = random_floats(&rng, s->rows * s->columns);
        for (int64_t p = 0; p < s->parts; p++) {
            sides[p] = random_floats(&rng, s->depth * s->rows);
            sides[s->parts + p] = random_floats(&rng, s->depth * s->columns);
        }
        const float *const *all = (const float *const *)sides;
        const struct outer o = {s->rows, s->columns,     s->parts, s->depth,
                                all,     all + s->parts, result};
        for (int isa = 0; isa < CPU_ISA_COUNT; isa++)
            if (cpu_isa_supported((enum cpu_isa)isa))
                check(&o, i, isa);
        for (int64_t p = 0; p < 2 * s->parts; p++)
            free(sides[p]);
        free(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
