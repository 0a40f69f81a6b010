/* Products of blocks of images on vectors of 8 floats. */
#if defined(__x86_64__)
#define SPARSE_AVX2

#include "kernel/sparse_product_row.h"
#include "kernel/sparse_quad_run.h"

SPARSE_ALL_PRODUCTS(avx2)
SPARSE_BY_QUADS(sparse_product_quad_run_avx2)
SPARSE_BY_PIXELS(sparse_conv_wide_chunk_run_avx2)
SPARSE_BY_ROW(sparse_product_row_chunk_run_avx2)

#endif
