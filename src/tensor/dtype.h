/* Element types, numbered as in ONNX's TensorProto.DataType. */
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_NONE = 0,
    DTYPE_FLOAT32 = 1,
    DTYPE_UINT8 = 2,
    DTYPE_INT8 = 3,
    DTYPE_UINT16 = 4,
    DTYPE_INT16 = 5,
    DTYPE_INT32 = 6,
    DTYPE_INT64 = 7,
    DTYPE_STRING = 8,
    DTYPE_BOOL = 9,
    DTYPE_FLOAT16 = 10,
    DTYPE_FLOAT64 = 11,
    DTYPE_UINT32 = 12,
    DTYPE_UINT64 = 13,
    DTYPE_BFLOAT16 = 16,
    DTYPE_COUNT = 17,
};

const char *dtype_name(enum dtype dtype); /* "float32"; "unknown" outside */
size_t dtype_size(enum dtype dtype);      /* bytes; 0 for string and unknown */
bool dtype_is_integer(enum dtype dtype);  /* bool counts */

float float16_to_float32(uint16_t half);
uint16_t float32_to_float16(float value); /* round to nearest even */
float bfloat16_to_float32(uint16_t half);
uint16_t float32_to_bfloat16(float value); /* round to nearest even */

#endif
