/* What the attention kernels of all instruction sets share. */
#ifndef KERNEL_ATTENTION_H
#define KERNEL_ATTENTION_H

#include "kernel/dense.h"

enum { ATTENTION_ROWS = 6 }; /* queries whose scores are held at a time */

/* Parts of scratch. */
struct attention_memory {
    float *keys;   /* (k, key_pitch), scaled, zeros behind the last key */
    float *values; /* (n, value_pitch) */
    float *scores; /* (ATTENTION_ROWS, key_pitch) */
    float *result; /* (ATTENTION_ROWS, value_pitch) */
    int64_t key_pitch, value_pitch;
    size_t bytes;
};

/* One unit's operands. */
struct attention_matrices {
    const float *query, *key, *value;
    const float *mask;     /* NULL: none */
    const uint8_t *choice; /* packed: 1 where a score stays; NULL: none */
    float *result;
};

/* scratch NULL: only the sizes are wanted. */
void attention_memory_of(struct attention_memory *memory,
                         const struct attention_spec *spec, void *scratch);
/* The bytes of `choice` that strides reach. */
size_t attention_choice_bytes(const struct attention_spec *spec);
/* Whether values are read as they lie: whole vectors, one behind the other;
 * rows far apart would meet in few places of the cache. */
bool attention_in_place(const struct attention_spec *spec);
struct attention_matrices attention_matrices_of(const struct dense_call *call,
                                                int64_t unit);
void attention_pack(const struct attention_spec *spec,
                    const struct attention_memory *memory,
                    const struct attention_matrices *matrices);

#endif
