#include "onednn_fixture.h"

#include "kernel/layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ALIGN = 64 };

float *onednn_make(int64_t elements)
{
    size_t bytes = ((size_t)elements * sizeof(float) + 2 * ALIGN) / ALIGN;
    float *memory = aligned_alloc(ALIGN, bytes * ALIGN);
    assert_non_null(memory);
    memset(memory, 0, bytes * ALIGN);
    return memory;
}

float *onednn_make_random(struct rng *rng, int64_t elements)
{
    float *memory = onednn_make(elements);
    for (int64_t i = 0; i < elements; i++)
        memory[i] = (float)rng_normal(rng);
    return memory;
}

void onednn_assert_close(const float *a, const float *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(a[i] - b[i]) <= 1e-4f * (1 + fabsf(b[i]))))
            fail_msg("element %lld is %g, expected %g", (long long)i,
                     (double)a[i], (double)b[i]);
}

static float *converted(const struct layout_desc *from, const float *data,
                        const struct layout_desc *to)
{
    float *out = onednn_make(layout_elements(to));
    layout_convert(from, data, to, out, CPU_ISA_SCALAR);
    return out;
}

static struct layout_desc in_layout(struct layout_desc desc, enum layout layout)
{
    desc.layout = layout;
    return desc;
}

/* Runs the problem on plain operands; the caller frees the plain result. */
float *onednn_run_problem(const struct onednn_problem *problem,
                          const float *src, const float *other,
                          const float *before)
{
    struct onednn_engine engine;
    struct onednn_kernel kernel;
    struct onednn_binding binding;
    const struct layout_desc src_plain = in_layout(problem->src, LAYOUT_PLAIN);
    const struct layout_desc other_plain =
        in_layout(problem->other, LAYOUT_PLAIN);
    const struct layout_desc dst_plain = in_layout(problem->dst, LAYOUT_PLAIN);
    assert_int_equal(onednn_engine_open(&engine), 0);
    assert_int_equal(onednn_kernel_create(&kernel, &engine, problem), 0);
    float *x = converted(&src_plain, src, &problem->src);
    float *z = other ? converted(&other_plain, other, &problem->other) : NULL;
    float *y = before ? converted(&dst_plain, before, &problem->dst)
                      : onednn_make(layout_elements(&problem->dst));
    void *scratch = onednn_make((int64_t)kernel.scratch_bytes);
    assert_int_equal(
        onednn_binding_create(&binding, &engine, &kernel, x, z, y, scratch), 0);
    assert_int_equal(onednn_run(&binding), 0);
    float *plain = converted(&problem->dst, y, &dst_plain);
    onednn_binding_release(&binding);
    onednn_kernel_release(&kernel);
    onednn_engine_close(&engine);
    free(scratch);
    free(x);
    free(z);
    free(y);
    return plain;
}
