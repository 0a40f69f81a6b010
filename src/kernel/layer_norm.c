/* Layer norm: its constants. Packed: gamma (width), beta (width). */
#include "kernel/dense.h"

bool dense_layer_norm_serves(const struct kernel_spec *spec,
                             const struct epilogue *epilogue);
size_t dense_layer_norm_pack_bytes(const struct kernel_spec *spec);
void dense_layer_norm_pack(const struct kernel_spec *spec, void *packed);
size_t dense_layer_norm_scratch_bytes(const struct kernel_spec *spec);
int64_t dense_layer_norm_units(const struct kernel_spec *spec);

bool dense_layer_norm_serves(const struct kernel_spec *spec,
                             const struct epilogue *epilogue)
{
    return spec->norm.width > 0 && !epilogue->add &&
           epilogue->activation.kind == ELTWISE_NONE;
}

size_t dense_layer_norm_pack_bytes(const struct kernel_spec *spec)
{
    return 2 * (size_t)spec->norm.width * sizeof(float);
}

void dense_layer_norm_pack(const struct kernel_spec *spec, void *packed)
{
    const struct norm_spec *n = &spec->norm;
    float *gamma = packed, *beta = gamma + n->width;
    for (int64_t i = 0; i < n->width; i++) {
        gamma[i] = n->gamma ? n->gamma[i] : 1;
        beta[i] = n->beta ? n->beta[i] : 0;
    }
}

size_t dense_layer_norm_scratch_bytes(const struct kernel_spec *spec)
{
    (void)spec;
    return 0;
}

int64_t dense_layer_norm_units(const struct kernel_spec *spec)
{
    return spec->norm.rows;
}
