/*
 * Every sparse kernel there is, one row each: the registry, the tests and the
 * benchmark expand this list, so an untested kernel cannot exist.
 *
 * To add a method: its serves, pack_bytes, pack and scratch_bytes in a file
 * compiled for every processor, sparse_<method>_run_<isa> in the files of the
 * instruction sets, and its rows here.
 *
 * Of two rows that serve alike the first is preferred.
 *
 * X(method, kind, layout, isa, cpu_isa)
 */
#ifndef KERNEL_KERNEL_LIST_H
#define KERNEL_KERNEL_LIST_H

#define SPARSE_RUN_METHODS(X, isa, cpu_isa)                                    \
    X(conv_plane, KERNEL_CONV, LAYOUT_PLANE, isa, cpu_isa)                     \
    X(conv_rows16, KERNEL_CONV, LAYOUT_IMAGE16, isa, cpu_isa)                  \
    X(conv_image16, KERNEL_CONV, LAYOUT_IMAGE16, isa, cpu_isa)                 \
    X(product_image16, KERNEL_PRODUCT, LAYOUT_IMAGE16, isa, cpu_isa)

#define SPARSE_PORTABLE(X)                                                     \
    SPARSE_RUN_METHODS(X, scalar, CPU_ISA_SCALAR)                              \
    X(product_plain, KERNEL_PRODUCT, LAYOUT_PLAIN, scalar, CPU_ISA_SCALAR)

#if defined(__x86_64__)
#define SPARSE_KERNELS(X)                                                      \
    SPARSE_PORTABLE(X)                                                         \
    SPARSE_RUN_METHODS(X, avx2, CPU_ISA_AVX2)                                  \
    X(product_plain, KERNEL_PRODUCT, LAYOUT_PLAIN, avx2, CPU_ISA_AVX2)         \
    SPARSE_RUN_METHODS(X, avx512, CPU_ISA_AVX512)                              \
    X(product_lookup, KERNEL_PRODUCT, LAYOUT_PLAIN, avx512, CPU_ISA_AVX512)
#else
#define SPARSE_KERNELS(X) SPARSE_PORTABLE(X)
#endif

#endif
