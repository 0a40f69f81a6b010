/*
 * Our own dense kernels, for problems that oneDNN serves slowly or not at
 * all. One row of dense_list.h each; the registry, the tests against the
 * reference and the bench read the list.
 *
 * Kernels never allocate: sizes are asked first, memory is the caller's.
 */
#ifndef KERNEL_DENSE_H
#define KERNEL_DENSE_H

#include "base/cpu.h"
#include "kernel/spec.h"

#include <stddef.h>

/* One call: everything that `run` reads and writes. */
struct dense_call {
    const struct kernel_spec *spec;
    const struct epilogue *epilogue;
    const void *packed; /* by `pack` */
    const float *src;
    const float *other;   /* the tensor that the epilogue adds, in dst's layout;
                             NULL: none */
    const float *more[2]; /* operands behind src and other; NULL: none */
    float *dst;
};

struct dense_kernel {
    const char *name; /* "dense_winograd_avx512" */
    enum kernel_kind kind;
    enum layout layout; /* of all operands */
    enum cpu_isa isa;

    bool (*serves)(const struct kernel_spec *spec,
                   const struct epilogue *epilogue);
    /* Bytes of the constant operands as the kernel wants them. */
    size_t (*pack_bytes)(const struct kernel_spec *spec);
    /* Packs weights and bias into memory (64-byte aligned). */
    void (*pack)(const struct kernel_spec *spec, void *packed);
    /* Bytes of scratch that `run` needs, for each thread that runs. */
    size_t (*scratch_bytes)(const struct kernel_spec *spec);
    /* Work is split by units that do not depend on each other. */
    int64_t (*units)(const struct kernel_spec *spec);
    /* Computes units [first, last). Thread-safe for distinct units and
     * scratch (64-byte aligned). */
    void (*run)(const struct dense_call *call, void *scratch, int64_t first,
                int64_t last);
};

/* All rows, NULL-terminated by name. */
extern const struct dense_kernel dense_kernels[];

/* The row that serves for the best family <= isa; NULL: none. */
const struct dense_kernel *dense_kernel_find(const struct kernel_spec *spec,
                                             const struct epilogue *epilogue,
                                             enum cpu_isa isa);

/* Whether the activation is none or a clamp: [low, high] is written. */
bool dense_clamps(const struct epilogue *epilogue, float *low, float *high);

#endif
