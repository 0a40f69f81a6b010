/* The registry of our own dense kernels: the rows of dense_list.h. */
#include "kernel/dense.h"

#include "kernel/dense_list.h"

#include <math.h>

#define DECLARE(method, kind, layout, isa, cpu_isa)                            \
    bool dense_##method##_serves(const struct kernel_spec *,                   \
                                 const struct epilogue *);                     \
    size_t dense_##method##_pack_bytes(const struct kernel_spec *);            \
    void dense_##method##_pack(const struct kernel_spec *, void *);            \
    size_t dense_##method##_scratch_bytes(const struct kernel_spec *);         \
    int64_t dense_##method##_units(const struct kernel_spec *);                \
    void dense_##method##_run_##isa(const struct dense_call *call,             \
                                    void *scratch, int64_t first,              \
                                    int64_t last);
DENSE_KERNELS(DECLARE)

#define ROW(method, kind, layout, isa, cpu_isa)                                \
    {"dense_" #method "_" #isa,                                                \
     kind,                                                                     \
     layout,                                                                   \
     cpu_isa,                                                                  \
     dense_##method##_serves,                                                  \
     dense_##method##_pack_bytes,                                              \
     dense_##method##_pack,                                                    \
     dense_##method##_scratch_bytes,                                           \
     dense_##method##_units,                                                   \
     dense_##method##_run_##isa},

const struct dense_kernel dense_kernels[] = {
    DENSE_KERNELS(ROW){.name = NULL},
};

const struct dense_kernel *dense_kernel_find(const struct kernel_spec *spec,
                                             const struct epilogue *epilogue,
                                             enum cpu_isa isa)
{
    const struct dense_kernel *best = NULL;
    for (const struct dense_kernel *k = dense_kernels; k->name != NULL; k++)
        if (k->kind == spec->kind && k->isa <= isa &&
            (best == NULL || k->isa > best->isa) && k->serves(spec, epilogue))
            best = k;
    return best;
}

bool dense_clamps(const struct epilogue *epilogue, float *low, float *high)
{
    const struct eltwise_spec *activation = &epilogue->activation;
    *low = -INFINITY;
    *high = INFINITY;
    if (activation->kind == ELTWISE_RELU && activation->alpha == 0)
        *low = 0;
    else if (activation->kind == ELTWISE_CLIP) {
        *low = activation->alpha;
        *high = activation->beta;
    } else if (activation->kind != ELTWISE_NONE)
        return false;
    return true;
}
