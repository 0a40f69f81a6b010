/* Hashes of what a kernel is asked: numbers only, never addresses, so that
 * equal problems are recognised across plans. */
#include "base/hash.h"
#include "exec/task.h"
#include "kernel/attention.h"

#include <string.h>

static uint64_t hash_numbers(uint64_t seed, const int64_t *numbers,
                             size_t count)
{
    return hash_bytes(seed, numbers, count * sizeof(*numbers));
}

static uint64_t hash_float(uint64_t seed, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return hash_u64(seed, bits);
}

static uint64_t hash_conv(uint64_t seed, const struct kernel_spec *spec)
{
    const struct conv_spec *c = &spec->conv;
    const int64_t numbers[] = {
        c->n,        c->groups,     c->ic,        c->ih,          c->iw,
        c->oc,       c->oh,         c->ow,        c->kh,          c->kw,
        c->sh,       c->sw,         c->dh,        c->dw,          c->pad_top,
        c->pad_left, c->pad_bottom, c->pad_right, c->bias != NULL};
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_product(uint64_t seed, const struct kernel_spec *spec)
{
    const struct product_spec *p = &spec->product;
    const int64_t numbers[] = {p->n, p->in, p->out, p->transposed,
                               p->bias != NULL};
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_matmul(uint64_t seed, const struct kernel_spec *spec)
{
    const struct matmul_spec *m = &spec->matmul;
    const int64_t numbers[] = {m->batch, m->m,           m->k,
                               m->n,     m->broadcast_a, m->broadcast_b};
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_pool(uint64_t seed, const struct kernel_spec *spec)
{
    const struct pool_spec *p = &spec->pool;
    const int64_t numbers[] = {p->average,    p->count_padding,
                               p->n,          p->c,
                               p->ih,         p->iw,
                               p->oh,         p->ow,
                               p->kh,         p->kw,
                               p->sh,         p->sw,
                               p->dh,         p->dw,
                               p->pad_top,    p->pad_left,
                               p->pad_bottom, p->pad_right};
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_eltwise(uint64_t seed, const struct kernel_spec *spec)
{
    seed = hash_u64(seed, (uint64_t)spec->eltwise.kind);
    seed = hash_float(seed, spec->eltwise.alpha);
    return hash_float(seed, spec->eltwise.beta);
}

static uint64_t hash_binary(uint64_t seed, const struct kernel_spec *spec)
{
    const struct binary_spec *b = &spec->binary;
    const int64_t numbers[] = {(int64_t)b->kind,     b->same_shape,
                               b->constant != NULL,  b->constant_operand,
                               b->constant_channels, b->constant_row};
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_affine(uint64_t seed, const struct kernel_spec *spec)
{
    const struct affine_spec *a = &spec->affine;
    const int64_t numbers[] = {a->n, a->c, a->inner};
    seed = hash_float(seed, a->epsilon);
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_softmax(uint64_t seed, const struct kernel_spec *spec)
{
    const struct softmax_spec *s = &spec->softmax;
    const int64_t numbers[] = {s->outer, s->axis, s->inner, s->logarithm};
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_norm(uint64_t seed, const struct kernel_spec *spec)
{
    const struct norm_spec *n = &spec->norm;
    const int64_t numbers[] = {n->rows, n->width, n->gamma != NULL,
                               n->beta != NULL};
    seed = hash_float(seed, n->epsilon);
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static uint64_t hash_attention(uint64_t seed, const struct kernel_spec *spec)
{
    const struct attention_spec *a = &spec->attention;
    const struct attention_strides *strides[] = {
        &a->query, &a->key, &a->value, &a->mask, &a->result, &a->choice_at};
    const int64_t numbers[] = {a->outer,  a->inner,  a->m,
                               a->n,      a->k,      a->w,
                               a->masked, a->chosen, a->choice != NULL};
    seed = hash_float(hash_float(seed, a->scale), a->fill);
    if (a->choice)
        seed = hash_bytes(seed, a->choice, attention_choice_bytes(a));
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
        seed = hash_bytes(seed, strides[i], sizeof(*strides[i]));
    return hash_numbers(seed, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

uint64_t spec_hash(const struct kernel_spec *spec)
{
    static uint64_t (*const rows[KERNEL_KIND_COUNT])(
        uint64_t, const struct kernel_spec *) = {
        [KERNEL_CONV] = hash_conv,           [KERNEL_DECONV] = hash_conv,
        [KERNEL_PRODUCT] = hash_product,     [KERNEL_MATMUL] = hash_matmul,
        [KERNEL_POOL] = hash_pool,           [KERNEL_ELTWISE] = hash_eltwise,
        [KERNEL_BINARY] = hash_binary,       [KERNEL_AFFINE] = hash_affine,
        [KERNEL_SOFTMAX] = hash_softmax,     [KERNEL_NORM] = hash_norm,
        [KERNEL_ATTENTION] = hash_attention,
    };
    uint64_t seed = hash_u64(0, (uint64_t)spec->kind);
    return rows[spec->kind] ? rows[spec->kind](seed, spec) : seed;
}

uint64_t epilogue_hash(const struct epilogue *epilogue)
{
    uint64_t seed = hash_u64(0, epilogue->add);
    if (epilogue->activation.kind == ELTWISE_NONE)
        return seed;
    seed = hash_u64(seed, (uint64_t)epilogue->activation.kind);
    seed = hash_float(seed, epilogue->activation.alpha);
    return hash_float(seed, epilogue->activation.beta);
}
