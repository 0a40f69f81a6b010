/* Writing single elements of any type; reading is tensor_number's. */
#include "op/support.h"

void op_put_integer(struct tensor *tensor, int64_t i, int64_t integer)
{
    void *data = tensor->data;
    switch (tensor->dtype) {
    case DTYPE_INT64:
    case DTYPE_UINT64:
        ((int64_t *)data)[i] = integer;
        break;
    case DTYPE_INT32:
    case DTYPE_UINT32:
        ((uint32_t *)data)[i] = (uint32_t)integer;
        break;
    case DTYPE_INT16:
    case DTYPE_UINT16:
        ((uint16_t *)data)[i] = (uint16_t)integer;
        break;
    case DTYPE_INT8:
    case DTYPE_UINT8:
        ((uint8_t *)data)[i] = (uint8_t)integer;
        break;
    case DTYPE_BOOL:
        ((uint8_t *)data)[i] = integer != 0;
        break;
    default:
        op_put_number(tensor, i, (double)integer);
        break;
    }
}

/* Toward zero, kept inside int64's range; NaN gives 0. */
static int64_t integer_of(double x)
{
    if (x != x)
        return 0;
    if (x <= -0x1p63)
        return INT64_MIN;
    return x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}

void op_put_number(struct tensor *tensor, int64_t i, double number)
{
    void *data = tensor->data;
    switch (tensor->dtype) {
    case DTYPE_FLOAT32:
        ((float *)data)[i] = (float)number;
        break;
    case DTYPE_FLOAT64:
        ((double *)data)[i] = number;
        break;
    case DTYPE_FLOAT16:
        ((uint16_t *)data)[i] = float32_to_float16((float)number);
        break;
    case DTYPE_BFLOAT16:
        ((uint16_t *)data)[i] = float32_to_bfloat16((float)number);
        break;
    case DTYPE_BOOL:
        ((uint8_t *)data)[i] = number != 0;
        break;
    default:
        op_put_integer(tensor, i, integer_of(number));
        break;
    }
}
