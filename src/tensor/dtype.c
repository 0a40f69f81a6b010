#include "tensor/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    unsigned char bytes;
    bool integer;
} types[DTYPE_COUNT] = {
    [DTYPE_FLOAT32] = {"float32", 4, false},
    [DTYPE_UINT8] = {"uint8", 1, true},
    [DTYPE_INT8] = {"int8", 1, true},
    [DTYPE_UINT16] = {"uint16", 2, true},
    [DTYPE_INT16] = {"int16", 2, true},
    [DTYPE_INT32] = {"int32", 4, true},
    [DTYPE_INT64] = {"int64", 8, true},
    [DTYPE_STRING] = {"string", 0, false},
    [DTYPE_BOOL] = {"bool", 1, true},
    [DTYPE_FLOAT16] = {"float16", 2, false},
    [DTYPE_FLOAT64] = {"float64", 8, false},
    [DTYPE_UINT32] = {"uint32", 4, true},
    [DTYPE_UINT64] = {"uint64", 8, true},
    [DTYPE_BFLOAT16] = {"bfloat16", 2, false},
};

const char *dtype_name(enum dtype dtype)
{
    if ((unsigned)dtype >= DTYPE_COUNT || !types[dtype].name)
        return "unknown";
    return types[dtype].name;
}

size_t dtype_size(enum dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT ? types[dtype].bytes : 0;
}

bool dtype_is_integer(enum dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT && types[dtype].integer;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float float16_to_float32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 31u, fraction = half & 1023u;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent)
        return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}

uint16_t float32_to_float16(float value)
{
    uint32_t bits = bits_of_float(value);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return sign | 0x7e00u;
    if (magnitude >= 0x477ff000u) /* rounds to 65536 or above */
        return sign | 0x7c00u;
    if (magnitude < 0x38800000u) { /* below the smallest normal half */
        float scaled = float_of_bits(magnitude) + 0.5f;
        return sign | (uint16_t)(bits_of_float(scaled) - 0x3f000000u);
    }
    uint32_t odd = magnitude >> 13 & 1u;
    return sign | (uint16_t)((magnitude - 0x38000000u + 0xfffu + odd) >> 13);
}

float bfloat16_to_float32(uint16_t half)
{
    return float_of_bits((uint32_t)half << 16);
}

uint16_t float32_to_bfloat16(float value)
{
    uint32_t bits = bits_of_float(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
