/* Sizes of layouts and copies between them. */
#ifndef KERNEL_LAYOUT_H
#define KERNEL_LAYOUT_H

#include "base/cpu.h"
#include "kernel/spec.h"

#include <stddef.h>

/* A float32 tensor's place in memory. Logical (n, c, h, w); tensors of lower
 * rank are padded with ones at the end: (n, features) is (n, features, 1, 1).
 */
struct layout_desc {
    enum layout layout;
    int64_t n, c, h, w;
    int64_t border; /* PLANE only */
};

/* Elements that the layout occupies, padding included (BLOCK16 rounds c,
 * IMAGE16 rounds n up to 16). Vector kernels may read 64 bytes beyond. */
int64_t layout_elements(const struct layout_desc *desc);

/* PLANE: floats before the border's first row, and from plane to plane. */
int64_t layout_plane_lead(int64_t w, int64_t border);
int64_t layout_plane_floats(int64_t h, int64_t w, int64_t border);

bool layout_equal(const struct layout_desc *a, const struct layout_desc *b);
const char *layout_name(enum layout layout);

/* Copies src to dst; padding and borders of dst are zeroed. Same logical
 * shape. isa picks a faster path where there is one. */
void layout_convert(const struct layout_desc *from, const float *src,
                    const struct layout_desc *to, float *dst, enum cpu_isa isa);

#endif
