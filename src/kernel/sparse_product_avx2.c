/* Products of blocks of images on vectors of 8 floats. */
#if defined(__x86_64__)
#define SPARSE_AVX2

#include "kernel/sparse_product_run.h"

SPARSE_ALL_PRODUCTS(avx2)

#endif
