/* What the onednn*.c files share; the only header that sees oneDNN's own. */
#ifndef KERNEL_ONEDNN_INTERNAL_H
#define KERNEL_ONEDNN_INTERNAL_H

#include "kernel/onednn.h"

#include <dnnl.h>

/*
 * 2.x has memory descriptors as plain structs and operation descriptors as a
 * step of their own; 3.x has opaque memory descriptors and makes primitive
 * descriptors directly. These names hide the difference.
 */
#if DNNL_VERSION_MAJOR >= 3
#define ONEDNN_MD_REF   const_dnnl_memory_desc_t
#define ONEDNN_MD_OF(m) ((m)->desc)
#else
#define ONEDNN_MD_REF   const dnnl_memory_desc_t *
#define ONEDNN_MD_OF(m) (&(m)->desc)
#endif

struct onednn_memory_desc {
    dnnl_memory_desc_t desc;
};

int onednn_desc_init(struct onednn_memory_desc *out, int rank,
                     const dnnl_dims_t dims, dnnl_format_tag_t tag);
void onednn_desc_release(struct onednn_memory_desc *desc);

/* A whole operand: its logical (n, c, h, w) in its layout, or flat when its
 * elements are independent. any: oneDNN may choose. */
int onednn_desc_of(struct onednn_memory_desc *out,
                   const struct layout_desc *from, bool any);
int onednn_desc_flat(struct onednn_memory_desc *out,
                     const struct layout_desc *from);

/* Post-operations and scratch mode from an epilogue; *out is destroyed by the
 * caller. add is the second operand's descriptor when it is not in place. */
int onednn_attr_create(dnnl_primitive_attr_t *out,
                       const struct onednn_problem *problem, ONEDNN_MD_REF add);

/* oneDNN's name for an element-wise function; -1 when it has none. */
struct onednn_eltwise {
    dnnl_alg_kind_t kind;
    float alpha, beta;
};
int onednn_eltwise_of(struct onednn_eltwise *out,
                      const struct eltwise_spec *spec);

/* One kind of problem: descriptor with given or chosen layouts, and the
 * constants to pack. */
struct onednn_making {
    dnnl_engine_t engine;
    const struct onednn_problem *problem;
    bool any; /* let oneDNN choose src's and dst's layout */
    struct onednn_kernel *out;
    dnnl_primitive_desc_t desc;
};
int onednn_conv_describe(struct onednn_making *making);
int onednn_conv_pack(struct onednn_making *making);
int onednn_product_describe(struct onednn_making *making);
int onednn_product_pack(struct onednn_making *making);
int onednn_matmul_describe(struct onednn_making *making);
int onednn_pool_describe(struct onednn_making *making);
int onednn_eltwise_describe(struct onednn_making *making);
int onednn_binary_describe(struct onednn_making *making);
int onednn_binary_pack(struct onednn_making *making);
int onednn_affine_describe(struct onednn_making *making);
int onednn_affine_pack(struct onednn_making *making);
int onednn_softmax_describe(struct onednn_making *making);

/* Copies `data`, laid out as `from`, into memory of the layout that the
 * descriptor wants for argument `query`. */
int onednn_pack_weight(struct onednn_making *making, const float *data,
                       ONEDNN_MD_REF from);
/* Copies a vector of `count` floats into memory of its own. */
int onednn_copy_vector(struct onednn_making *making, const float *data,
                       dnnl_dim_t count, dnnl_memory_t *out);

#endif
