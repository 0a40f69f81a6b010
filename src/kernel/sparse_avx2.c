/* The sparse kernels on vectors of 8 floats. */
#if defined(__x86_64__)
#define SPARSE_AVX2

#include "kernel/sparse_chunk_run.h"
#include "kernel/sparse_rows.h"
#include "kernel/sparse_rows16_run.h"

SPARSE_BY_RUNS(sparse_conv_plane_run_avx2, LAYOUT_PLANE)
SPARSE_BY_ROWS16(sparse_conv_rows16_run_avx2)
SPARSE_BY_ROWS16(sparse_conv_rows16_rows4_run_avx2)
SPARSE_BY_ROWS16(sparse_conv_rows16_few_run_avx2)
SPARSE_BY_ROWS16(sparse_conv_rows16_chunk_run_avx2)
SPARSE_BY_ROWS16(sparse_conv_rows16_pick_run_avx2)
SPARSE_BY_RUNS(sparse_conv_image16_run_avx2, LAYOUT_IMAGE16)
SPARSE_BY_RUNS(sparse_product_image16_run_avx2, LAYOUT_IMAGE16)
SPARSE_BY_RUNS(sparse_conv_plane_rows4_run_avx2, LAYOUT_PLANE)
SPARSE_BY_RUNS(sparse_conv_plane_quartet_run_avx2, LAYOUT_PLANE)
SPARSE_BY_RUNS(sparse_conv_plane_quartet_chunk_run_avx2, LAYOUT_PLANE)
SPARSE_BY_RUNS(sparse_conv_plane_chunk_run_avx2, LAYOUT_PLANE)
SPARSE_BY_RUNS(sparse_conv_image16_rows4_run_avx2, LAYOUT_IMAGE16)
SPARSE_BY_RUNS(sparse_product_image16_rows4_run_avx2, LAYOUT_IMAGE16)
SPARSE_ALL_LANES(avx2)
SPARSE_BY_CHUNKS(sparse_conv_chunk_run_avx2)
SPARSE_BY_CHUNKS(sparse_product_chunk_run_avx2)
SPARSE_BY_VECTOR(sparse_product_plain_run_avx2)

#endif
