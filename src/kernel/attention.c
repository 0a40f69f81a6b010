/* Attention: where operands lie, and their packing for vectors. */
#include "kernel/attention.h"

#include <string.h>

enum { MOST_LANES = 16 };

bool dense_attention_serves(const struct kernel_spec *spec,
                            const struct epilogue *epilogue);
size_t dense_attention_pack_bytes(const struct kernel_spec *spec);
void dense_attention_pack(const struct kernel_spec *spec, void *packed);
size_t dense_attention_scratch_bytes(const struct kernel_spec *spec);
int64_t dense_attention_units(const struct kernel_spec *spec);

static int64_t round_up(int64_t count)
{
    return (count + MOST_LANES - 1) / MOST_LANES * MOST_LANES;
}

void attention_memory_of(struct attention_memory *memory,
                         const struct attention_spec *a, void *scratch)
{
    int64_t keys = round_up(a->n), values = round_up(a->w);
    *memory =
        (struct attention_memory){.key_pitch = keys, .value_pitch = values};
    int64_t parts[] = {a->k * keys, a->n * values, ATTENTION_ROWS * keys,
                       ATTENTION_ROWS * values};
    float **places[] = {&memory->keys, &memory->values, &memory->scores,
                        &memory->result};
    int64_t at = 0;
    for (int i = 0; i < 4; i++) {
        *places[i] = scratch != NULL ? (float *)scratch + at : NULL;
        at += parts[i];
    }
    memory->bytes = (size_t)at * sizeof(float);
}

static int64_t offset_of(const struct attention_strides *s, int64_t outer,
                         int64_t inner)
{
    return outer * s->outer + inner * s->inner;
}

struct attention_matrices attention_matrices_of(const struct dense_call *call,
                                                int64_t unit)
{
    const struct attention_spec *a = &call->spec->attention;
    int64_t outer = unit / a->inner, inner = unit % a->inner;
    struct attention_matrices m = {
        .query = call->src + offset_of(&a->query, outer, inner),
        .key = call->other + offset_of(&a->key, outer, inner),
        .value = call->more[0] + offset_of(&a->value, outer, inner),
        .result = call->dst + offset_of(&a->result, outer, inner)};
    if (a->choice != NULL)
        m.choice = (const uint8_t *)call->packed +
                   offset_of(&a->choice_at, outer, inner);
    if (a->masked)
        m.mask = call->more[1] + offset_of(&a->mask, outer, inner);
    return m;
}

/* Rows of 16 keys at a time, so that what is read and what is written stays
 * in the first-level cache. */
static void pack_keys(const struct attention_spec *a,
                      const struct attention_memory *memory, const float *key)
{
    for (int64_t first = 0; first < memory->key_pitch; first += MOST_LANES) {
        int64_t count = a->n - first < MOST_LANES ? a->n - first : MOST_LANES;
        const float *from = key + first * a->key.row;
        for (int64_t d = 0; d < a->k; d++) {
            float *to = memory->keys + d * memory->key_pitch + first;
            for (int64_t j = 0; j < count; j++)
                to[j] = from[j * a->key.row + d * a->key.column] * a->scale;
            for (int64_t j = count; j < MOST_LANES; j++)
                to[j] = 0;
        }
    }
}

bool attention_in_place(const struct attention_spec *a)
{
    return a->value.column == 1 && a->value.row == a->w &&
           a->w % MOST_LANES == 0;
}

void attention_pack(const struct attention_spec *a,
                    const struct attention_memory *memory,
                    const struct attention_matrices *x)
{
    pack_keys(a, memory, x->key);
    if (attention_in_place(a))
        return;
    for (int64_t j = 0; j < a->n; j++) {
        const float *from = x->value + j * a->value.row;
        float *to = memory->values + j * memory->value_pitch;
        if (a->value.column == 1)
            memcpy(to, from, (size_t)a->w * sizeof(float));
        for (int64_t i = 0; a->value.column != 1 && i < a->w; i++)
            to[i] = from[i * a->value.column];
        for (int64_t i = a->w; i < memory->value_pitch; i++)
            to[i] = 0;
    }
}

bool dense_attention_serves(const struct kernel_spec *spec,
                            const struct epilogue *epilogue)
{
    const struct attention_spec *a = &spec->attention;
    return a->m > 0 && a->n > 0 && a->k > 0 && a->w > 0 &&
           a->result.column == 1 && !epilogue->add &&
           epilogue->activation.kind == ELTWISE_NONE;
}

size_t attention_choice_bytes(const struct attention_spec *a)
{
    const struct attention_strides *s = &a->choice_at;
    return a->choice == NULL
               ? 0
               : (size_t)((a->outer - 1) * s->outer +
                          (a->inner - 1) * s->inner + (a->m - 1) * s->row +
                          (a->n - 1) * s->column + 1);
}

size_t dense_attention_pack_bytes(const struct kernel_spec *spec)
{
    return attention_choice_bytes(&spec->attention);
}

void dense_attention_pack(const struct kernel_spec *spec, void *packed)
{
    const struct attention_spec *a = &spec->attention;
    uint8_t *stays = packed;
    for (size_t i = 0; i < attention_choice_bytes(a); i++)
        stays[i] = (a->choice[i] != 0) == a->chosen;
}

size_t dense_attention_scratch_bytes(const struct kernel_spec *spec)
{
    struct attention_memory memory;
    attention_memory_of(&memory, &spec->attention, NULL);
    return memory.bytes;
}

int64_t dense_attention_units(const struct kernel_spec *spec)
{
    return spec->attention.outer * spec->attention.inner;
}
