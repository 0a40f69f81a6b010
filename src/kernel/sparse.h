/*
 * Our own sparse kernels: convolution and product whose weights are mostly
 * zero. Method: weights are packed once per mask into a list of nonzeros per
 * output channel (offset into the source, value); running broadcasts each
 * kept weight against a vector of contiguous source elements. Layouts:
 *
 *   PLANE    batch by batch; vectors run along flattened bordered rows
 *            (stride 1) or along de-interleaved phases (other strides)
 *   IMAGE16  16 images innermost: one kept weight feeds a full vector
 *            whatever stride, dilation, kernel or border
 *   NHWC     channels innermost: vectors run along output channels, for
 *            weights whose zeros have structure (sparse_lane.h)
 *
 * A product is a 1x1 convolution over 1x1 planes; for batch 1 it is a
 * matrix-vector product over packed rows (PLAIN layout).
 *
 * Kernels never allocate: sizes are asked first, memory is the caller's.
 */
#ifndef KERNEL_SPARSE_H
#define KERNEL_SPARSE_H

#include "base/cpu.h"
#include "kernel/sparse_structure.h"

#include <stddef.h>

/*
 * What one call computes of every image: output channels [first, last) of
 * output rows [top, bottom). Callers split work over threads by parts; images
 * they split themselves (a spec with fewer and pointers to the first). A
 * product has one row.
 */
struct sparse_part {
    int64_t first, last, top, bottom;
};

/* All of it. */
struct sparse_part sparse_whole(const struct kernel_spec *spec);

/* One way to compute: a row of kernel_list.h. */
struct sparse_kernel {
    const char *name;      /* "sparse_conv_plane_avx512" */
    enum kernel_kind kind; /* KERNEL_CONV or KERNEL_PRODUCT */
    enum layout layout;    /* of src and dst */
    enum sparse_form form; /* of the packed weights */
    enum cpu_isa isa;

    /* Whether this kernel computes this spec (CONV: spec->conv, ...). */
    bool (*serves)(const struct kernel_spec *spec);
    /* Bytes of the packed form of the spec's nonzero weights. */
    size_t (*pack_bytes)(const struct kernel_spec *spec);
    /* Packs weights and bias into memory (64-byte aligned). */
    void (*pack)(const struct kernel_spec *spec, void *packed);
    /* Bytes of scratch `run` needs (per thread that runs). */
    size_t (*scratch_bytes)(const struct kernel_spec *spec, int64_t src_border);
    /*
     * Computes. src has border `src_border` (PLANE; at least the padding
     * needed, or the kernel copies through scratch), dst `dst_border`, whose
     * border is written with zeros. other: the tensor to add (layout and
     * border of dst), NULL unless epilogue->add. Thread-safe for distinct
     * parts and scratch.
     */
    void (*run)(const struct kernel_spec *spec, const void *packed,
                const float *src, int64_t src_border, float *dst,
                int64_t dst_border, const struct epilogue *epilogue,
                const float *other, void *scratch,
                const struct sparse_part *part);
};

/* All rows, NULL-terminated by name; the registry tests and benches read. */
extern const struct sparse_kernel sparse_kernels[];

/* The row that serves spec in `layout` with weights of `form` for the best
 * family <= isa; NULL: none. */
const struct sparse_kernel *sparse_kernel_find(const struct kernel_spec *spec,
                                               enum layout layout,
                                               enum sparse_form form,
                                               enum cpu_isa isa);

/* Nonzeros among `count` weights. */
int64_t sparse_nonzeros(const float *weight, int64_t count);

#endif
