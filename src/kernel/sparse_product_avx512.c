/* Products of blocks of images on vectors of 16 floats. */
#if defined(__x86_64__)
#define SPARSE_AVX512

#include "kernel/sparse_product_run.h"

SPARSE_ALL_PRODUCTS(avx512)

#endif
