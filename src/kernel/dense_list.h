/*
 * Every dense kernel of our own, one row each.
 *
 * To add a method: its serves, pack_bytes, pack, scratch_bytes and units in a
 * file compiled for every processor, dense_<method>_run_<isa> in the files of
 * the instruction sets, and its rows here.
 *
 * X(method, kind, layout, isa, cpu_isa)
 */
#ifndef KERNEL_DENSE_LIST_H
#define KERNEL_DENSE_LIST_H

#define DENSE_METHODS(X, isa, cpu_isa)                                         \
    X(winograd, KERNEL_CONV, LAYOUT_NHWC, isa, cpu_isa)                        \
    X(depthwise, KERNEL_CONV, LAYOUT_NHWC, isa, cpu_isa)                       \
    X(layer_norm, KERNEL_NORM, LAYOUT_PLAIN, isa, cpu_isa)                     \
    X(attention, KERNEL_ATTENTION, LAYOUT_PLAIN, isa, cpu_isa)

#if defined(__x86_64__)
#define DENSE_KERNELS(X)                                                       \
    DENSE_METHODS(X, scalar, CPU_ISA_SCALAR)                                   \
    DENSE_METHODS(X, avx2, CPU_ISA_AVX2)                                       \
    DENSE_METHODS(X, avx512, CPU_ISA_AVX512)
#else
#define DENSE_KERNELS(X) DENSE_METHODS(X, scalar, CPU_ISA_SCALAR)
#endif

#endif
