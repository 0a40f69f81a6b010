/* Products of blocks of images on AArch64's vectors of 4 floats. */
#if defined(__aarch64__)
#define SPARSE_NEON

#include "kernel/sparse_product_run.h"

SPARSE_ALL_PRODUCTS(neon)

#endif
