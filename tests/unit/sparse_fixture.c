#include "sparse_fixture.h"

#include "kernel/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *allocate(size_t bytes)
{
    void *p = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(p);
    memset(p, 0xff, bytes); /* not a number wherever nothing is written */
    return p;
}

static float *random_floats(struct rng *rng, int64_t count)
{
    float *p = allocate((size_t)count * sizeof *p);
    for (int64_t i = 0; i < count; i++)
        p[i] = (float)(rng_uniform(rng) * 2 - 1);
    return p;
}

static int64_t out_size(int64_t in, int64_t k, int64_t dilation, int64_t stride,
                        int64_t pads)
{
    return (in + pads - (k - 1) * dilation - 1) / stride + 1;
}

static struct conv_spec conv_of(const struct problem_shape *s)
{
    return (struct conv_spec){.n = s->n,
                              .groups = s->groups,
                              .ic = s->ic,
                              .ih = s->ih,
                              .iw = s->iw,
                              .oc = s->oc,
                              .oh = out_size(s->ih, s->kh, s->dilation,
                                             s->stride, s->top + s->bottom),
                              .ow = out_size(s->iw, s->kw, s->dilation,
                                             s->stride, s->left + s->right),
                              .kh = s->kh,
                              .kw = s->kw,
                              .sh = s->stride,
                              .sw = s->stride,
                              .dh = s->dilation,
                              .dw = s->dilation,
                              .pad_top = s->top,
                              .pad_left = s->left,
                              .pad_bottom = s->bottom,
                              .pad_right = s->right};
}

/* Weights of which about `density` are kept; the middle row keeps none. */
static float *sparse_weights(struct rng *rng, int64_t rows, int64_t per_row,
                             bool transposed, double density)
{
    float *w = random_floats(rng, rows * per_row);
    for (int64_t i = 0; i < rows * per_row; i++) {
        int64_t row = transposed ? i % rows : i / per_row;
        if (rng_uniform(rng) >= density || (rows > 1 && row == rows / 2))
            w[i] = 0.0F;
    }
    return w;
}

static void fill_problem(struct problem *p, struct rng *rng,
                         const struct layout_desc *from,
                         const struct layout_desc *to, bool bias)
{
    p->from = *from;
    p->to = *to;
    p->oc = to->c;
    p->bias = bias ? random_floats(rng, p->oc) : NULL;
    p->src = random_floats(rng, layout_elements(from));
    p->other = random_floats(rng, layout_elements(to));
    p->expected = random_floats(rng, layout_elements(to));
}

void conv_problem(struct problem *p, struct rng *rng,
                  const struct problem_shape *shape, double density, bool bias)
{
    struct conv_spec c = conv_of(shape);
    struct layout_desc from = {LAYOUT_PLAIN, c.n, c.ic, c.ih, c.iw, 0};
    struct layout_desc to = {LAYOUT_PLAIN, c.n, c.oc, c.oh, c.ow, 0};
    memset(p, 0, sizeof *p);
    fill_problem(p, rng, &from, &to, bias);
    p->weights = c.oc * (c.ic / c.groups) * c.kh * c.kw;
    p->weight = sparse_weights(rng, c.oc, p->weights / c.oc, false, density);
    c.weight = p->weight;
    c.bias = p->bias;
    p->spec.kind = KERNEL_CONV;
    p->spec.weight_input = 1;
    p->spec.conv = c;
}

void product_problem(struct problem *p, struct rng *rng, const int64_t shape[4],
                     double density, bool bias)
{
    struct layout_desc from = {LAYOUT_PLAIN, shape[0], shape[1], 1, 1, 0};
    struct layout_desc to = {LAYOUT_PLAIN, shape[0], shape[2], 1, 1, 0};
    memset(p, 0, sizeof *p);
    fill_problem(p, rng, &from, &to, bias);
    p->weights = shape[1] * shape[2];
    p->weight = sparse_weights(rng, shape[2], shape[1], shape[3] != 0, density);
    p->spec.kind = KERNEL_PRODUCT;
    p->spec.weight_input = 1;
    p->spec.product = (struct product_spec){.n = shape[0],
                                            .in = shape[1],
                                            .out = shape[2],
                                            .transposed = shape[3] != 0,
                                            .weight = p->weight,
                                            .bias = p->bias};
}

static void expect(struct problem *p, const struct epilogue *e)
{
    if (p->spec.kind == KERNEL_CONV)
        reference_conv(&p->spec.conv, p->src, p->expected);
    else
        reference_product(&p->spec.product, p->src, p->expected);
    reference_epilogue(e, p->expected, e->add ? p->other : NULL,
                       layout_elements(&p->to));
}

void release_problem(struct problem *p)
{
    free(p->weight);
    free(p->bias);
    free(p->src);
    free(p->other);
    free(p->expected);
}

/* A tensor in its layout with nothing but the promised bytes behind it. */
static float *laid_out(const struct layout_desc *plain,
                       const struct layout_desc *desc, const float *data)
{
    size_t bytes = (size_t)layout_elements(desc) * sizeof(float);
    float *p = allocate(bytes + OVERREAD);
    if (data != NULL)
        layout_convert(plain, data, desc, p, CPU_ISA_SCALAR);
    return p;
}

/* A kernel with its weights packed and operands laid out. */
struct call {
    const struct sparse_kernel *kernel;
    const struct problem *problem;
    struct layout_desc from, to;
    float *src, *other;
    void *packed, *scratch;
};

static void init_call(struct call *c, const struct sparse_kernel *kernel,
                      const struct problem *p, int64_t src_border,
                      int64_t dst_border)
{
    c->kernel = kernel;
    c->problem = p;
    c->from = p->from;
    c->to = p->to;
    c->from.layout = c->to.layout = kernel->layout;
    c->from.border = src_border;
    c->to.border = dst_border;
    c->src = laid_out(&p->from, &c->from, p->src);
    c->other = laid_out(&p->to, &c->to, p->other);
    size_t bytes = kernel->pack_bytes(&p->spec);
    c->packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(c->packed);
    kernel->pack(&p->spec, c->packed);
    c->scratch = allocate(kernel->scratch_bytes(&p->spec, src_border));
}

static void release_call(struct call *c)
{
    free(c->src);
    free(c->other);
    free(c->packed);
    free(c->scratch);
}

static void run_part(const struct call *c, const struct epilogue *e, float *dst,
                     const struct sparse_part *part)
{
    c->kernel->run(&c->problem->spec, c->packed, c->src, c->from.border, dst,
                   c->to.border, e, e->add ? c->other : NULL, c->scratch, part);
}

static bool close_to(float a, float b)
{
    return fabs((double)a - b) <= 1e-4 * (1 + fabs((double)b));
}

/* Whether somebody reads element i of the result. */
static bool is_read(const struct problem *p, int64_t i)
{
    const struct conv_spec *c = &p->spec.conv;
    return p->spec.kind != KERNEL_CONV || c->unread == NULL ||
           !c->unread[i / (c->oh * c->ow) % c->oc];
}

static void check_result(const struct call *c, const float *dst,
                         const char *text)
{
    const struct problem *p = c->problem;
    int64_t count = layout_elements(&p->to);
    float *plain = allocate((size_t)count * sizeof *plain);
    layout_convert(&c->to, dst, &p->to, plain, CPU_ISA_SCALAR);
    for (int64_t i = 0; i < count; i++)
        if (is_read(p, i) && !close_to(plain[i], p->expected[i]))
            fail_msg("%s, %s: element %d is %g, expected %g", c->kernel->name,
                     text, (int)i, (double)plain[i], (double)p->expected[i]);
    free(plain);
}

/* The whole of a bordered destination: its border must be zero. */
static void check_border(const struct call *c, const float *dst,
                         const char *text)
{
    if (c->to.layout != LAYOUT_PLANE || c->problem->spec.conv.unread != NULL)
        return;
    struct layout_desc plain = c->to;
    plain.layout = LAYOUT_PLAIN;
    float *inner = allocate((size_t)layout_elements(&plain) * sizeof *inner);
    float *again = laid_out(&plain, &c->to, NULL);
    layout_convert(&c->to, dst, &plain, inner, CPU_ISA_SCALAR);
    layout_convert(&plain, inner, &c->to, again, CPU_ISA_SCALAR);
    for (int64_t i = 0; i < layout_elements(&c->to); i++)
        if (!(dst[i] == again[i]))
            fail_msg("%s, %s: place %d holds %g, expected %g", c->kernel->name,
                     text, (int)i, (double)dst[i], (double)again[i]);
    free(inner);
    free(again);
}

static void check_split(const struct call *c, const struct epilogue *e,
                        const float *whole, const char *text)
{
    size_t bytes = (size_t)layout_elements(&c->to) * sizeof(float);
    float *dst = laid_out(&c->to, &c->to, NULL);
    struct sparse_part part = sparse_whole(&c->problem->spec);
    part.first = part.last / 3;
    run_part(c, e, dst, &part);
    part = (struct sparse_part){0, part.first, part.top, part.bottom};
    run_part(c, e, dst, &part);
    if (c->problem->spec.conv.unread == NULL &&
        memcmp(dst, whole, bytes + OVERREAD) != 0)
        fail_msg("%s, %s: channels in two calls differ", c->kernel->name, text);
    free(dst);
}

/* Sums of a shorter run may be taken in another order. */
static void check_split_rows(const struct call *c, const struct epilogue *e,
                             const char *text)
{
    float *dst = laid_out(&c->to, &c->to, NULL);
    struct sparse_part whole = sparse_whole(&c->problem->spec), part = whole;
    part.top = whole.bottom / 3;
    run_part(c, e, dst, &part);
    part.bottom = part.top;
    part.top = 0;
    if (part.bottom > 0)
        run_part(c, e, dst, &part);
    check_result(c, dst, text);
    check_border(c, dst, text);
    free(dst);
}

static void check_kernel(const struct sparse_kernel *kernel,
                         const struct problem *p, const struct epilogue *e,
                         int64_t src_border, int64_t dst_border,
                         const char *text)
{
    struct call c;
    init_call(&c, kernel, p, src_border, dst_border);
    size_t bytes = (size_t)layout_elements(&c.to) * sizeof(float);
    float *dst = laid_out(&c.to, &c.to, NULL);
    struct sparse_part whole = sparse_whole(&p->spec);
    run_part(&c, e, dst, &whole);
    check_result(&c, dst, text);
    check_border(&c, dst, text);
    for (size_t i = 0; i < OVERREAD; i++)
        if (((const unsigned char *)dst)[bytes + i] != 0xff)
            fail_msg("%s, %s: wrote beyond the destination", kernel->name,
                     text);
    check_split(&c, e, dst, text);
    check_split_rows(&c, e, text);
    free(dst);
    release_call(&c);
}

int check_all(struct problem *p, const struct epilogue *e, const char *text)
{
    static const int64_t borders[][2] = {{0, 0}, {1, 1}, {0, 1}, {2, 0},
                                         {1, 3}, {3, 3}, {4, 1}};
    int ran = 0;
    expect(p, e);
    for (const struct sparse_kernel *k = sparse_kernels; k->name; k++) {
        if (k->kind != p->spec.kind || k->isa > cpu_isa_detect() ||
            !k->serves(&p->spec))
            continue;
        int pairs = k->layout == LAYOUT_PLANE ? COUNT(borders) : 1;
        for (int b = 0; b < pairs; b++)
            check_kernel(k, p, e, borders[b][0], borders[b][1], text);
        ran++;
    }
    return ran;
}
