/* What the files of training kernels share. */
#ifndef KERNEL_ONEDNN_TRAIN_INTERNAL_H
#define KERNEL_ONEDNN_TRAIN_INTERNAL_H

#include "kernel/onednn_internal.h"
#include "kernel/onednn_train.h"

/* The primitive descriptors of one problem; NULL where there is no pass. */
struct onednn_passes {
    dnnl_engine_t engine;
    const struct onednn_problem *problem;
    bool by_src;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t descs[TRAIN_PASS_COUNT];
    struct onednn_memory_desc plain; /* the weight as its owner stores it */
};

int onednn_conv_passes(struct onednn_passes *passes);
int onednn_product_passes(struct onednn_passes *passes);
int onednn_pool_passes(struct onednn_passes *passes);

/* As onednn_conv.c and onednn_pool.c see the problem. */
int onednn_conv_weight_desc(struct onednn_memory_desc *out,
                            const struct kernel_spec *spec, bool any);
int64_t onednn_pool_behind(int64_t in, int64_t out, int64_t kernel,
                           int64_t stride, int64_t dilation, int64_t before,
                           int64_t declared);

#endif
