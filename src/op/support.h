/* What operators share: attributes, operands, axes, strided copies. */
#ifndef OP_SUPPORT_H
#define OP_SUPPORT_H

#include "op/op.h"

/* An attribute that is a list; `given` tells an empty list from none. */
struct integers {
    const int64_t *values;
    size_t count;
    bool given;
};

struct floats {
    const float *values;
    size_t count;
    bool given;
};

/*
 * One attribute and where it goes in the operator's params struct: FLOAT to a
 * float, INT to an int64_t, STRING to a const char * (NULL when absent),
 * INTS and FLOATS to the structs above, TENSOR to a const struct tensor *.
 */
struct parameter {
    const char *name;
    enum attribute_kind kind;
    size_t offset; /* PARAMETER_IGNORED: no influence on inference */
    double fallback;
};

#define PARAMETER_IGNORED SIZE_MAX

/*
 * Reads the attributes of `node` into new params of `bytes` bytes. An
 * attribute that is not in the table is an error: it could change the result.
 * Errors: ERROR_MEMORY, ERROR_FORMAT (wrong kind), ERROR_UNSUPPORTED.
 */
int op_parameters(struct node *node, struct arena *arena,
                  const struct parameter *table, size_t count, size_t bytes,
                  struct error *err);

/* For `struct op` initialisers of ONNX's own domain. */
#define OP_OPSETS(first, last) .domain = "", .since = (first), .until = (last)

/* Operand i, NULL when omitted or behind the last one. */
const struct tensor *op_input(const struct op_call *call, int i);
struct tensor *op_output(const struct op_call *call, int i);

static inline const float *op_floats(const struct tensor *tensor)
{
    return tensor ? tensor->data : NULL;
}

/* The text of "inference" errors names inputs as ONNX does. `i` may be an
 * omitted input, which is fine. */
int op_want_float(const struct op_call *call, int i, const char *name,
                  struct error *err);
int op_want_type(const struct op_call *call, int i, const char *name,
                 enum dtype dtype, struct error *err);
int op_want_rank(const struct op_call *call, int i, const char *name,
                 int minimum, int maximum, struct error *err);

/* Writes output i's type and shape; nothing when it is not wanted. */
void op_give(const struct op_call *call, int i, enum dtype dtype,
             const struct shape *shape);

/* infer for operators whose output 0 is typed and shaped as input 0. */
int op_infer_same(const struct op_call *call, struct error *err);
int op_infer_same_float(const struct op_call *call, struct error *err);

/* A negative axis counts from the end. Errors: ERROR_RANGE. */
int op_axis(int64_t axis, int rank, int *out, struct error *err);

/* Marks the axes in `set` (rank entries, written). Errors: ERROR_RANGE for
 * an axis outside or repeated. */
int op_axes(const struct integers *axes, int rank, bool *set,
            struct error *err);

/*
 * A constant list of integers from input i (int64 or int32, rank 0 or 1).
 * Errors: ERROR_UNSUPPORTED when it is computed at run time.
 */
int op_constant_integers(const struct op_call *call, int i, const char *name,
                         int64_t *values, size_t room, size_t *count,
                         struct error *err);

/* a * b of counts, INT64_MAX where it does not fit. */
int64_t op_multiply(int64_t a, int64_t b);

/* The product of dims [first, last), as op_multiply. */
int64_t op_product(const struct shape *shape, int first, int last);

/*
 * out[i] = in[offset + i · strides] over the row-major `shape`.
 *
 * strides        in elements, one per dimension; may be 0 or negative
 * element_bytes  1, 2, 4 or 8
 */
void op_copy(const struct shape *shape, void *out, const void *in,
             int64_t offset, const int64_t *strides, size_t element_bytes);

/* Strides of operand `shape` seen as a part of a broadcast to `out`. */
void op_broadcast_strides(const struct shape *shape, const struct shape *out,
                          int64_t strides[SHAPE_MAX_RANK]);

/*
 * `in` as a tensor of `shape`, to which it broadcasts: borrows the data when
 * it has that shape, else copies. tensor_release when done.
 */
int op_broadcast(struct tensor *out, const struct tensor *in,
                 const struct shape *shape, struct error *err);

/* Copies input 0's bytes to output 0: `run` of the aliases. */
int op_run_copy(const struct op_call *call, struct error *err);
void op_lower_alias(const struct op_call *call, struct kernel_spec *spec);

/* Errors: ERROR_UNSUPPORTED for types without a fixed size (strings). */
int op_want_sized(const struct op_call *call, int i, const char *name,
                  struct error *err);

/* Writes element i, converting the number. */
void op_put_number(struct tensor *tensor, int64_t i, double number);
void op_put_integer(struct tensor *tensor, int64_t i, int64_t integer);

/* Constant elements among float inputs [first, input_count). */
int64_t op_constant_elements(const struct op_call *call, int first);

/* Scratch of count floats, NULL with an error set. free it. */
float *op_scratch(int64_t count, struct error *err);

/* (n, c, h, w) of a shape of rank 2, 3 or 4 as kernel/spec.h maps it; -1 for
 * other ranks. */
int op_nchw(const struct shape *shape, int64_t dims[4]);

#endif
