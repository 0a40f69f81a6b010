/*
 * Dense kernels by oneDNN's C API (2.6 and 3.x), hidden behind plain structs.
 *
 * engine -> kernel (immutable, shared between threads) -> binding (one
 * runner's memory) -> run. Memory made here is oneDNN's. Functions return 0,
 * or -1 when oneDNN does not serve the problem or has no memory.
 */
#ifndef KERNEL_ONEDNN_H
#define KERNEL_ONEDNN_H

#include "kernel/layout.h"
#include "kernel/spec.h"

#include <stddef.h>

enum { ONEDNN_MAX_OPERANDS = 6 };

struct onednn_engine {
    void *handle;
};

int onednn_engine_open(struct onednn_engine *engine);
void onednn_engine_close(struct onednn_engine *engine);

/* Holds the calling thread's oneDNN work to `threads` threads: kernels must
 * be created and run under the same number. */
void onednn_set_threads(int threads);

/* "2.6.3": the version of the library that runs. */
void onednn_version(char *text, size_t bytes);

/* What a kernel is made for. */
struct onednn_problem {
    const struct kernel_spec *spec;
    const struct epilogue *epilogue; /* NULL: nothing follows */
    /* The tensor that the epilogue adds lies in dst before the run; else it
     * is an operand of its own in dst's layout. */
    bool add_in_place;
    /* Operands: logical shapes and layouts. PLANE and IMAGE16 serve only
     * where elements are independent (element-wise; pooling in IMAGE16). */
    struct layout_desc src, other, dst;
};

/*
 * The layouts that oneDNN would choose for a convolution's or pool's src and
 * dst; NHWC when its choice has no name here. Returns 0, or -1.
 */
int onednn_preferred(const struct onednn_engine *engine,
                     const struct onednn_problem *problem, enum layout *src,
                     enum layout *dst);

/* Whether oneDNN knows this element-wise function. */
bool onednn_serves_eltwise(const struct eltwise_spec *spec);

struct onednn_kernel {
    void *primitive;
    void *weight, *bias; /* packed operands; NULL: none */
    int weight_argument, bias_argument;
    void *constants[2]; /* batch norm's mean and variance */
    size_t scratch_bytes, packed_bytes;
    bool two_operands; /* src and a second operand */
    bool add_operand;  /* the epilogue's tensor is an operand */
};

/*
 * Makes a kernel and packs its weights (bias and constants copied: nothing
 * of spec is read later).
 */
int onednn_kernel_create(struct onednn_kernel *out,
                         const struct onednn_engine *engine,
                         const struct onednn_problem *problem);
void onednn_kernel_release(struct onednn_kernel *kernel);

/* One runner's operands for a kernel. */
struct onednn_binding {
    const void *primitive;
    void *stream;
    int count;
    int arguments[ONEDNN_MAX_OPERANDS + 2];
    void *memories[ONEDNN_MAX_OPERANDS + 2];
    bool owned[ONEDNN_MAX_OPERANDS + 2];
};

/*
 * src, other (second operand or epilogue's tensor; NULL where there is none),
 * dst, scratch (kernel->scratch_bytes; 64-byte aligned): borrowed, must
 * outlive the binding as must the kernel.
 */
int onednn_binding_create(struct onednn_binding *out,
                          const struct onednn_engine *engine,
                          const struct onednn_kernel *kernel, void *src,
                          void *other, void *dst, void *scratch);
void onednn_binding_release(struct onednn_binding *binding);
int onednn_run(const struct onednn_binding *binding);

/*
 * c = a b + beta c, row-major with leading dimensions; a is (m, k) or with
 * transpose_a (k, m), b is (k, n) or (n, k), c is (m, n).
 */
int onednn_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                int64_t k, const float *a, int64_t lda, const float *b,
                int64_t ldb, float beta, float *c, int64_t ldc);

#endif
