#include "train_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *aligned(size_t bytes)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, bytes), 0);
    memset(p, 0xff, bytes);
    return p;
}

float *floats(int64_t count)
{
    return aligned((size_t)count * sizeof(float));
}

void check_floats(const struct compared *compared, const float *found,
                  const float *expected, const float *before, int64_t count)
{
    double largest = 1;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (int64_t i = 0; i < count; i++) {
        double right = (double)expected[i] + (before ? (double)before[i] : 0);
        if (!(fabs((double)found[i] - right) <= compared->tolerance * largest))
            fail_msg("case %d, %s: element %lld is %.7g, expected %.7g",
                     compared->number, compared->what, (long long)i,
                     (double)found[i], right);
    }
}

float *in_layout(enum layout layout, const struct layout_desc *plain,
                 const float *data)
{
    struct layout_desc desc = *plain;
    desc.layout = layout;
    float *p = floats(layout_elements(&desc));
    layout_convert(plain, data, &desc, p, CPU_ISA_SCALAR);
    return p;
}

void check_layout(const struct compared *compared, enum layout layout,
                  const struct layout_desc *plain, const float *found,
                  const float *expected, const float *before)
{
    struct layout_desc desc = *plain;
    desc.layout = layout;
    float *moved = floats(layout_elements(plain));
    layout_convert(&desc, found, plain, moved, CPU_ISA_SCALAR);
    check_floats(compared, moved, expected, before, layout_elements(plain));
    free(moved);
}
