/* Products of blocks of images on portable vectors of four floats. */
#include "kernel/sparse_product_row.h"
#include "kernel/sparse_quad_run.h"

SPARSE_ALL_PRODUCTS(scalar)
SPARSE_BY_QUADS(sparse_product_quad_run_scalar)
SPARSE_BY_PIXELS(sparse_conv_image16_chunk_run_scalar)
SPARSE_BY_ROW(sparse_product_row_chunk_run_scalar)
