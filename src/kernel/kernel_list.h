/*
 * Every sparse kernel there is, one row each: the registry, the tests and the
 * benchmark expand this list, so an untested kernel cannot exist.
 *
 * To add a method: its serves, pack_bytes, pack and scratch_bytes in a file
 * compiled for every processor, sparse_<method>_run_<isa> in the files of the
 * instruction sets, and its rows here.
 *
 * Of two rows that serve alike the first is preferred. The form says whose
 * zeros a row is for (sparse_structure.h); it computes any weight.
 *
 * X(method, kind, layout, form, isa, cpu_isa)
 */
#ifndef KERNEL_KERNEL_LIST_H
#define KERNEL_KERNEL_LIST_H

#define SPARSE_RUN_METHODS(X, isa, cpu_isa)                                    \
    X(conv_plane, CONV, PLANE, ANY, isa, cpu_isa)                              \
    X(conv_plane_rows4, CONV, PLANE, ROWS4, isa, cpu_isa)                      \
    X(conv_rows16, CONV, IMAGE16, ANY, isa, cpu_isa)                           \
    X(conv_image16, CONV, IMAGE16, ANY, isa, cpu_isa)                          \
    X(conv_rows16_rows4, CONV, IMAGE16, ROWS4, isa, cpu_isa)                   \
    X(conv_image16_rows4, CONV, IMAGE16, ROWS4, isa, cpu_isa)                  \
    X(conv_column, CONV, NHWC, ROWS16, isa, cpu_isa)                           \
    X(conv_pick, CONV, NHWC, LANES, isa, cpu_isa)                              \
    X(product_image16, PRODUCT, IMAGE16, ANY, isa, cpu_isa)                    \
    X(product_image16_rows4, PRODUCT, IMAGE16, ROWS4, isa, cpu_isa)            \
    X(product_image16_chunk, PRODUCT, IMAGE16, INPUT16, isa, cpu_isa)          \
    X(product_image16_quartet, PRODUCT, IMAGE16, LANES, isa, cpu_isa)          \
    X(product_quad, PRODUCT, PLAIN, ROWS4, isa, cpu_isa)                       \
    X(product_column, PRODUCT, PLAIN, ROWS16, isa, cpu_isa)                    \
    X(product_pick, PRODUCT, PLAIN, LANES, isa, cpu_isa)                       \
    X(conv_chunk, CONV, NHWC, INPUT16, isa, cpu_isa)                           \
    X(product_chunk, PRODUCT, PLAIN, INPUT16, isa, cpu_isa)

/* Four output channels that share loads: in blocks of images that wants 32
 * registers. Elsewhere it is finding where each entry reads that costs, and
 * 1x16 blocks share that. Sums of one image that wait in memory are stored
 * twice as fast in 32 bytes as in 64: AVX-512 has no product_row_chunk. */
#define SPARSE_QUARTET(X, isa, cpu_isa)                                        \
    X(conv_quartet, CONV, IMAGE16, LANES, isa, cpu_isa)
#define SPARSE_PLANE_QUARTET(X, isa, cpu_isa)                                  \
    X(conv_plane_quartet, CONV, PLANE, LANES, isa, cpu_isa)                    \
    X(conv_plane_quartet_chunk, CONV, PLANE, INPUT16, isa, cpu_isa)
#define SPARSE_CHUNK(X, isa, cpu_isa)                                          \
    X(product_row_chunk, PRODUCT, PLAIN, INPUT16, isa, cpu_isa)                \
    X(conv_rows16_chunk, CONV, IMAGE16, INPUT16, isa, cpu_isa)

/* A product for every pixel; first where it was seen to beat the above. */
#define SPARSE_PIXELS(X, isa, cpu_isa)                                         \
    X(conv_image16_chunk, CONV, IMAGE16, INPUT16, isa, cpu_isa)

/* With 16 registers the vectors of one channel may be worth more than loads
 * that four share, and pixels that share a list more than channels that do;
 * with 32 on short planes (conv_short_chunk). */
#define SPARSE_FEW_REGISTERS(X, isa, cpu_isa)                                  \
    X(conv_plane_chunk, CONV, PLANE, INPUT16, isa, cpu_isa)                    \
    X(conv_plane_few, CONV, PLANE, ROWS4, isa, cpu_isa)                        \
    X(conv_plane_pair, CONV, PLANE, LANES, isa, cpu_isa)                       \
    X(product_image16_pair, PRODUCT, IMAGE16, LANES, isa, cpu_isa)             \
    X(conv_rows16_few, CONV, IMAGE16, ROWS4, isa, cpu_isa)                     \
    X(conv_wide_chunk, CONV, IMAGE16, INPUT16, isa, cpu_isa)

#define SPARSE_PICK(X, isa, cpu_isa)                                           \
    X(conv_rows16_pick, CONV, IMAGE16, LANES, isa, cpu_isa)

#define SPARSE_PORTABLE(X)                                                     \
    SPARSE_RUN_METHODS(X, scalar, SCALAR)                                      \
    SPARSE_PICK(X, scalar, SCALAR)                                             \
    SPARSE_CHUNK(X, scalar, SCALAR)                                            \
    SPARSE_PIXELS(X, scalar, SCALAR)                                           \
    X(product_plain, PRODUCT, PLAIN, ANY, scalar, SCALAR)

#if defined(__x86_64__)
#define SPARSE_KERNELS(X)                                                      \
    SPARSE_PORTABLE(X)                                                         \
    SPARSE_FEW_REGISTERS(X, avx2, AVX2)                                        \
    SPARSE_RUN_METHODS(X, avx2, AVX2)                                          \
    SPARSE_PLANE_QUARTET(X, avx2, AVX2)                                        \
    SPARSE_PICK(X, avx2, AVX2)                                                 \
    SPARSE_CHUNK(X, avx2, AVX2)                                                \
    X(product_plain, PRODUCT, PLAIN, ANY, avx2, AVX2)                          \
    SPARSE_RUN_METHODS(X, avx512, AVX512)                                      \
    SPARSE_QUARTET(X, avx512, AVX512)                                          \
    X(conv_short_chunk, CONV, PLANE, INPUT16, avx512, AVX512)                  \
    SPARSE_PLANE_QUARTET(X, avx512, AVX512)                                    \
    SPARSE_PIXELS(X, avx512, AVX512)                                           \
    X(conv_quartet_chunk, CONV, IMAGE16, INPUT16, avx512, AVX512)              \
    X(product_lookup, PRODUCT, PLAIN, ANY, avx512, AVX512)
#elif defined(__aarch64__)
#define SPARSE_KERNELS(X)                                                      \
    SPARSE_PORTABLE(X)                                                         \
    SPARSE_RUN_METHODS(X, neon, NEON)                                          \
    SPARSE_QUARTET(X, neon, NEON)                                              \
    SPARSE_PLANE_QUARTET(X, neon, NEON)                                        \
    SPARSE_CHUNK(X, neon, NEON)                                                \
    SPARSE_PIXELS(X, neon, NEON)                                               \
    X(product_plain, PRODUCT, PLAIN, ANY, neon, NEON)
#else
#define SPARSE_KERNELS(X) SPARSE_PORTABLE(X)
#endif

#endif
