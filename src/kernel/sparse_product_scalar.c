/* Products of blocks of images on portable vectors of four floats. */
#include "kernel/sparse_product_run.h"

SPARSE_ALL_PRODUCTS(scalar)
