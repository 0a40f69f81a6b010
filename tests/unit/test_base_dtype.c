/* Element types: half precisions against a search, conversions. */
#include "base/rng.h"
#include "tensor/tensor.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void names_and_sizes_are_those_of_onnx(void **state)
{
    (void)state;
    static const struct {
        int number;
        const char *name;
        size_t bytes;
        bool integer;
    } cases[] = {
        {1, "float32", 4, false},  {2, "uint8", 1, true},
        {3, "int8", 1, true},      {4, "uint16", 2, true},
        {5, "int16", 2, true},     {6, "int32", 4, true},
        {7, "int64", 8, true},     {8, "string", 0, false},
        {9, "bool", 1, true},      {10, "float16", 2, false},
        {11, "float64", 8, false}, {12, "uint32", 4, true},
        {13, "uint64", 8, true},   {16, "bfloat16", 2, false},
        {0, "unknown", 0, false},  {14, "unknown", 0, false},
        {17, "unknown", 0, false}, {-1, "unknown", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum dtype dtype = (enum dtype)cases[i].number;
        assert_string_equal(dtype_name(dtype), cases[i].name);
        assert_int_equal(dtype_size(dtype), cases[i].bytes);
        assert_int_equal(dtype_is_integer(dtype), cases[i].integer);
    }
}

/* The definition of binary16, in double. */
static double half_value(unsigned bits)
{
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    return exponent ? sign * ldexp(1024 + fraction, exponent - 25)
                    : sign * ldexp(fraction, -24);
}

static void every_half_is_read_and_written_back(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 65536; bits++) {
        float value = float16_to_float32((uint16_t)bits);
        double expected = half_value(bits);
        if (isnan(expected)) {
            assert_true(isnan(value));
            assert_true(isnan(float16_to_float32(float32_to_float16(value))));
            continue;
        }
        assert_true((double)value == expected);
        assert_int_equal(float32_to_float16(value), bits); /* -0 too */
    }
}

/* Between neighbours lo and hi = lo + 1 of one sign, x >= 0. */
static uint16_t nearest_half(double x)
{
    unsigned low = 0, high = 0x7c00;
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (half_value(middle) <= x)
            low = middle;
        else
            high = middle;
    }
    /* The next number after the largest would be 65536. */
    double above = high == 0x7c00 ? 65536 : half_value(high);
    double down = x - half_value(low), up = above - x;
    if (down != up)
        return (uint16_t)(down < up ? low : high);
    return (uint16_t)(low & 1 ? high : low);
}

static void check_half(float x)
{
    uint16_t expected = nearest_half((double)x);
    if (float32_to_float16(x) != expected ||
        float32_to_float16(-x) != (expected | 0x8000))
        fail_msg("%a: %04x, expected %04x", (double)x, float32_to_float16(x),
                 expected);
}

static void floats_round_to_the_nearest_even_half(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (unsigned bits = 0; bits < 0x7bff; bits++) { /* ties and beside them */
        float tie = (float)((half_value(bits) + half_value(bits + 1)) / 2);
        check_half(tie);
        check_half(nextafterf(tie, 0));
        check_half(nextafterf(tie, INFINITY));
    }
    for (int i = 0; i < 200000; i++)
        check_half(float_of((uint32_t)(rng_next(&rng) % 0x7f800000u)));
    check_half(65519.996f);
    check_half(65520);
    check_half(FLT_MAX);
    check_half(0x1p-25f);
    assert_int_equal(float32_to_float16(INFINITY), 0x7c00);
    assert_int_equal(float32_to_float16(-INFINITY), 0xfc00);
}

static void bfloat_is_the_upper_half_of_a_float(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2);
    for (unsigned bits = 0; bits < 65536; bits++) {
        float value = bfloat16_to_float32((uint16_t)bits);
        if (isnan(value))
            assert_true(isnan(bfloat16_to_float32(float32_to_bfloat16(value))));
        else
            assert_int_equal(float32_to_bfloat16(value), bits);
    }
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)(rng_next(&rng) % 0x7f7f0000u);
        if (i % 4 == 0)
            bits = (bits & 0xffff0000u) | 0x8000u; /* a tie */
        uint32_t low = bits & 0xffff0000u, rest = bits & 0xffffu;
        bool up = rest > 0x8000u || (rest == 0x8000u && (low >> 16 & 1));
        assert_int_equal(float32_to_bfloat16(float_of(bits)), (low >> 16) + up);
    }
    /* The only set bits of a NAN must not be cut off. */
    assert_true(
        isnan(bfloat16_to_float32(float32_to_bfloat16(float_of(0x7f800001u)))));
}

/* One tensor of four numbers of a type. */
static void convert(struct tensor *out, enum dtype from, const void *data,
                    enum dtype to)
{
    struct tensor in;
    struct shape shape = {2, {2, 2}};
    assert_int_equal(tensor_init(&in, from, &shape, &err), 0);
    memcpy(in.data, data, tensor_bytes(&in));
    if (tensor_convert(out, &in, to, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(out->dtype, to);
    assert_true(shape_equal(&out->shape, &shape));
    assert_ptr_not_equal(out->data, in.data);
    tensor_release(&in);
}

static const enum dtype numbers[] = {
    DTYPE_FLOAT32, DTYPE_FLOAT64, DTYPE_FLOAT16, DTYPE_BFLOAT16,
    DTYPE_UINT8,   DTYPE_INT8,    DTYPE_UINT16,  DTYPE_INT16,
    DTYPE_UINT32,  DTYPE_INT32,   DTYPE_UINT64,  DTYPE_INT64};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void small_numbers_survive_every_pair_of_types(void **state)
{
    (void)state;
    static const float values[] = {0, 1, 7, 100};
    for (int a = 0; a < NUMBERS; a++)
        for (int b = 0; b < NUMBERS; b++) {
            struct tensor first, second;
            convert(&first, DTYPE_FLOAT32, values, numbers[a]);
            assert_int_equal(tensor_convert(&second, &first, numbers[b], &err),
                             0);
            for (int i = 0; i < 4; i++) {
                assert_true(tensor_number(&second, i) == (double)values[i]);
                assert_int_equal(tensor_integer(&second, i), (int)values[i]);
            }
            tensor_release(&first);
            tensor_release(&second);
        }
}

static void signs_survive_signed_types(void **state)
{
    (void)state;
    static const double values[] = {-1, -100, -128, 127};
    for (int a = 0; a < NUMBERS; a++) {
        struct tensor out;
        const char *name = dtype_name(numbers[a]);
        if (name[0] == 'u')
            continue;
        convert(&out, DTYPE_FLOAT64, values, numbers[a]);
        for (int i = 0; i < 4; i++)
            assert_true(tensor_number(&out, i) == values[i]);
        tensor_release(&out);
    }
}

static void fractions_are_cut_toward_zero(void **state)
{
    (void)state;
    static const float values[] = {2.9f, -2.9f, 0.5f, -0.5f};
    struct tensor out;
    convert(&out, DTYPE_FLOAT32, values, DTYPE_INT32);
    static const int32_t expected[] = {2, -2, 0, 0};
    assert_memory_equal(out.data, expected, sizeof expected);
    tensor_release(&out);
}

static void fractions_too_large_for_an_integer_saturate(void **state)
{
    (void)state;
    const float values[] = {300.7f, -300.7f, 1e20f, 12.5f};
    struct tensor out;
    const int64_t bytes[] = {127, -128, 127, 12};
    convert(&out, DTYPE_FLOAT32, values, DTYPE_INT8);
    for (int64_t i = 0; i < 4; i++)
        assert_int_equal(tensor_integer(&out, i), bytes[i]);
    tensor_release(&out);
    const int64_t unsigned_words[] = {300, 0, UINT32_MAX, 12};
    convert(&out, DTYPE_FLOAT32, values, DTYPE_UINT32);
    for (int64_t i = 0; i < 4; i++)
        assert_int_equal(tensor_integer(&out, i), unsigned_words[i]);
    tensor_release(&out);
}

static void what_is_not_zero_is_true(void **state)
{
    (void)state;
    static const float values[] = {0, 0.25f, -3, -0.0f};
    static const uint8_t expected[] = {0, 1, 1, 0};
    struct tensor out, back;
    convert(&out, DTYPE_FLOAT32, values, DTYPE_BOOL);
    assert_memory_equal(out.data, expected, sizeof expected);
    assert_int_equal(tensor_convert(&back, &out, DTYPE_FLOAT32, &err), 0);
    assert_true(tensor_number(&back, 1) == 1 && tensor_number(&back, 3) == 0);
    tensor_release(&out);
    tensor_release(&back);
}

static void large_integers_keep_every_digit(void **state)
{
    (void)state;
    static const int64_t values[] = {INT64_MAX, INT64_MIN, (1ll << 53) + 1, -1};
    struct tensor out;
    convert(&out, DTYPE_INT64, values, DTYPE_INT64);
    for (int i = 0; i < 4; i++)
        assert_true(tensor_integer(&out, i) == values[i]);
    tensor_release(&out);
    convert(&out, DTYPE_INT64, values, DTYPE_UINT64);
    assert_true(tensor_integer(&out, 2) == values[2]);
    tensor_release(&out);
    static const double far[] = {1e300, -1e300, (double)NAN, 4e9};
    convert(&out, DTYPE_FLOAT64, far, DTYPE_INT64);
    assert_true(tensor_integer(&out, 0) == INT64_MAX);
    assert_true(tensor_integer(&out, 1) == INT64_MIN);
    assert_int_equal(tensor_integer(&out, 2), 0);
    assert_true(tensor_integer(&out, 3) == 4000000000);
    tensor_release(&out);
}

static void strings_are_not_converted(void **state)
{
    (void)state;
    struct tensor out, in = {.dtype = DTYPE_STRING, .shape = {1, {1}}};
    assert_int_equal(tensor_convert(&out, &in, DTYPE_FLOAT32, &err), -1);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "cannot convert from string to float32");
    in.dtype = DTYPE_FLOAT32;
    assert_int_equal(tensor_convert(&out, &in, DTYPE_STRING, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_sizes_are_those_of_onnx),
        cmocka_unit_test(every_half_is_read_and_written_back),
        cmocka_unit_test(floats_round_to_the_nearest_even_half),
        cmocka_unit_test(bfloat_is_the_upper_half_of_a_float),
        cmocka_unit_test(small_numbers_survive_every_pair_of_types),
        cmocka_unit_test(signs_survive_signed_types),
        cmocka_unit_test(fractions_are_cut_toward_zero),
        cmocka_unit_test(fractions_too_large_for_an_integer_saturate),
        cmocka_unit_test(what_is_not_zero_is_true),
        cmocka_unit_test(large_integers_keep_every_digit),
        cmocka_unit_test(strings_are_not_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
