/* The sparse kernels on AArch64's vectors of 4 floats. */
#if defined(__aarch64__)
#define SPARSE_NEON

#include "kernel/sparse_chunk_run.h"
#include "kernel/sparse_rows.h"
#include "kernel/sparse_rows16_run.h"

SPARSE_BY_RUNS(sparse_conv_plane_run_neon, LAYOUT_PLANE)
SPARSE_BY_ROWS16(sparse_conv_rows16_run_neon)
SPARSE_BY_ROWS16(sparse_conv_rows16_rows4_run_neon)
SPARSE_BY_ROWS16(sparse_conv_quartet_run_neon)
SPARSE_BY_ROWS16(sparse_conv_rows16_chunk_run_neon)
SPARSE_BY_RUNS(sparse_conv_image16_run_neon, LAYOUT_IMAGE16)
SPARSE_BY_RUNS(sparse_product_image16_run_neon, LAYOUT_IMAGE16)
SPARSE_BY_RUNS(sparse_conv_plane_rows4_run_neon, LAYOUT_PLANE)
SPARSE_BY_RUNS(sparse_conv_plane_quartet_run_neon, LAYOUT_PLANE)
SPARSE_BY_RUNS(sparse_conv_plane_quartet_chunk_run_neon, LAYOUT_PLANE)
SPARSE_BY_RUNS(sparse_conv_image16_rows4_run_neon, LAYOUT_IMAGE16)
SPARSE_BY_RUNS(sparse_product_image16_rows4_run_neon, LAYOUT_IMAGE16)
SPARSE_ALL_LANES(neon)
SPARSE_BY_CHUNKS(sparse_conv_chunk_run_neon)
SPARSE_BY_CHUNKS(sparse_product_chunk_run_neon)
SPARSE_BY_VECTOR(sparse_product_plain_run_neon)

#endif
