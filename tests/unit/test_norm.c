/* A step down a gradient on every instruction set, as PyTorch's SGD has it. */
#include "base/rng.h"
#include "kernel/norm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 20261126, COUNT = 77 };

struct state {
    float gradient[COUNT], v[COUNT], w[COUNT];
};

static void fill(struct state *s)
{
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < COUNT; i++) {
        s->gradient[i] = (float)rng_normal(&rng);
        s->v[i] = (float)rng_normal(&rng);
        s->w[i] = (float)rng_normal(&rng);
    }
}

static void check(enum cpu_isa isa, bool nesterov)
{
    const struct norm_descent d = {.scale = 0.125F,
                                   .decay = 0.01F,
                                   .momentum = 0.75F,
                                   .rate = 0.5F,
                                   .nesterov = nesterov};
    struct state before, after;
    fill(&before);
    after = before;
    norm_kernels_of(isa)->descend(COUNT, &d, after.gradient, after.v, after.w);
    for (int i = 0; i < COUNT; i++) {
        double g = (double)before.gradient[i] * 0.125 +
                   (double)d.decay * (double)before.w[i];
        double v = 0.75 * (double)before.v[i] + g;
        double w = (double)before.w[i] - 0.5 * (nesterov ? g + 0.75 * v : v);
        if (!(fabs((double)after.v[i] - v) < 1e-6 &&
              fabs((double)after.w[i] - w) < 1e-6))
            fail_msg("%s: element %d is %.7g, expected %.7g, seed %d",
                     cpu_isa_name(isa), i, (double)after.w[i], w, SEED);
    }
}

static void descent_is_that_of_the_definition(void **state)
{
    (void)state;
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++)
        for (int nesterov = 0; nesterov < 2; nesterov++)
            if (cpu_isa_supported((enum cpu_isa)isa))
                check((enum cpu_isa)isa, nesterov);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descent_is_that_of_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
