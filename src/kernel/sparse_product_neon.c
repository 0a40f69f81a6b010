/* Products of blocks of images on AArch64's vectors of 4 floats. */
#if defined(__aarch64__)
#define SPARSE_NEON

#include "kernel/sparse_product_row.h"
#include "kernel/sparse_quad_run.h"

SPARSE_ALL_PRODUCTS(neon)
SPARSE_BY_QUADS(sparse_product_quad_run_neon)
SPARSE_BY_PIXELS(sparse_conv_image16_chunk_run_neon)
SPARSE_BY_ROW(sparse_product_row_chunk_run_neon)

#endif
