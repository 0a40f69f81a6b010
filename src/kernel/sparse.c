/* The registry of sparse kernels: the rows of kernel_list.h. */
#include "kernel/sparse.h"

#include "kernel/kernel_list.h"
#include "kernel/sparse_chunk.h"
#include "kernel/sparse_lane.h"
#include "kernel/sparse_lookup.h"
#include "kernel/sparse_pack.h"
#include "kernel/sparse_product.h"
#include "kernel/sparse_quad.h"
#include "kernel/sparse_rows16.h"

#define DECLARE(method, kind, layout, form, isa, cpu_isa)                      \
    void sparse_##method##_run_##isa(                                          \
        const struct kernel_spec *spec, const void *packed, const float *src,  \
        int64_t src_border, float *dst, int64_t dst_border,                    \
        const struct epilogue *epilogue, const float *other, void *scratch,    \
        const struct sparse_part *part);
SPARSE_KERNELS(DECLARE)

#define ROW(method, kind, layout, form, isa, cpu_isa)                          \
    {"sparse_" #method "_" #isa,                                               \
     KERNEL_##kind,                                                            \
     LAYOUT_##layout,                                                          \
     SPARSE_FORM_##form,                                                       \
     CPU_ISA_##cpu_isa,                                                        \
     sparse_##method##_serves,                                                 \
     sparse_##method##_pack_bytes,                                             \
     sparse_##method##_pack,                                                   \
     sparse_##method##_scratch_bytes,                                          \
     sparse_##method##_run_##isa},

const struct sparse_kernel sparse_kernels[] = {
    SPARSE_KERNELS(ROW){.name = NULL},
};

struct sparse_part sparse_whole(const struct kernel_spec *spec)
{
    struct sparse_part part = {0, spec->product.out, 0, 1};
    if (spec->kind == KERNEL_CONV)
        part = (struct sparse_part){0, spec->conv.oc, 0, spec->conv.oh};
    return part;
}

const struct sparse_kernel *sparse_kernel_find(const struct kernel_spec *spec,
                                               enum layout layout,
                                               enum sparse_form form,
                                               enum cpu_isa isa)
{
    const struct sparse_kernel *best = NULL;
    for (const struct sparse_kernel *k = sparse_kernels; k->name != NULL; k++)
        if (k->kind == spec->kind && k->layout == layout && k->form == form &&
            k->isa <= isa && (best == NULL || k->isa > best->isa) &&
            k->serves(spec))
            best = k;
    return best;
}
