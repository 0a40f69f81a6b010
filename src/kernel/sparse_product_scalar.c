/* Products of blocks of images on portable vectors of four floats. */
#include "kernel/sparse_product_row.h"

SPARSE_ALL_PRODUCTS(scalar)
SPARSE_BY_ROW(sparse_product_row_chunk_run_scalar)
