/* Products of blocks of images on vectors of 16 floats. */
#if defined(__x86_64__)
#define SPARSE_AVX512

#include "kernel/sparse_product_run.h"
#include "kernel/sparse_quad_run.h"

SPARSE_ALL_PRODUCTS(avx512)
SPARSE_BY_QUADS(sparse_product_quad_run_avx512)
SPARSE_BY_PIXELS(sparse_conv_image16_chunk_run_avx512)

#endif
