/* Shapes, buffers, tensors and bit masks. */
#include "base/rng.h"
#include "tensor/bitmask.h"
#include "tensor/tensor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

/* The address sanitizer, where it is built in, would end the process at an
 * allocation that cannot succeed instead of returning NULL. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void elements_are_the_product(void **state)
{
    (void)state;
    static const struct {
        struct shape shape;
        int64_t elements;
        const char *text;
    } cases[] = {
        {{0, {0}}, 1, "scalar"},
        {{1, {7}}, 7, "7"},
        {{4, {64, 3, 3, 3}}, 1728, "64x3x3x3"},
        {{2, {5, 0}}, 0, "5x0"},
        {{2, {-1, 4}}, -1, "?x4"},
        {{2, {INT64_MAX, 2}}, -1, "9223372036854775807x2"},
        {{3, {1ll << 31, 1ll << 31, 2}}, -1, "2147483648x2147483648x2"},
        {{2, {1ll << 31, 1ll << 31}}, 1ll << 62, "2147483648x2147483648"},
    };
    char text[SHAPE_TEXT_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(shape_elements(&cases[i].shape) == cases[i].elements);
        assert_string_equal(shape_text(&cases[i].shape, text), cases[i].text);
    }
}

static void the_longest_shape_has_room(void **state)
{
    (void)state;
    char text[SHAPE_TEXT_BYTES];
    struct shape shape = {.rank = SHAPE_MAX_RANK};
    for (int i = 0; i < SHAPE_MAX_RANK; i++)
        shape.dims[i] = INT64_MAX;
    assert_int_equal(strlen(shape_text(&shape, text)), 8 * 19 + 7);
}

static void shapes_broadcast_as_in_numpy(void **state)
{
    (void)state;
    static const struct {
        struct shape a, b, out;
        int result;
    } cases[] = {
        {{0, {0}}, {0, {0}}, {0, {0}}, 0},
        {{1, {5}}, {0, {0}}, {1, {5}}, 0},
        {{2, {3, 1}}, {1, {4}}, {2, {3, 4}}, 0},
        {{4, {8, 1, 6, 1}}, {3, {7, 1, 5}}, {4, {8, 7, 6, 5}}, 0},
        {{2, {0, 3}}, {2, {1, 3}}, {2, {0, 3}}, 0},
        {{1, {3}}, {1, {4}}, {0, {0}}, -1},
        {{2, {2, 1}}, {3, {8, 4, 3}}, {0, {0}}, -1},
        {{1, {0}}, {1, {2}}, {0, {0}}, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int swap = 0; swap < 2; swap++) {
            struct shape out = {.rank = 77};
            const struct shape *a = swap ? &cases[i].b : &cases[i].a;
            const struct shape *b = swap ? &cases[i].a : &cases[i].b;
            assert_int_equal(shape_broadcast(&out, a, b), cases[i].result);
            if (cases[i].result == 0)
                assert_true(shape_equal(&out, &cases[i].out));
            else
                assert_int_equal(out.rank, 77);
        }
}

static void broadcast_strides_stay_in_place(void **state)
{
    (void)state;
    int64_t strides[SHAPE_MAX_RANK];
    struct shape shape = {4, {2, 1, 3, 4}};
    static const int64_t expected[] = {12, 0, 4, 1};
    shape_strides(&shape, strides);
    assert_memory_equal(strides, expected, sizeof expected);
}

static void equal_shapes_are_equal_in_rank_and_dimensions(void **state)
{
    (void)state;
    struct shape a = {2, {3, 4, 9}}, b = {2, {3, 4, 8}}, c = {3, {3, 4, 9}};
    struct shape d = {2, {4, 3}};
    assert_true(shape_equal(&a, &b)); /* behind the rank nothing counts */
    assert_false(shape_equal(&a, &c));
    assert_false(shape_equal(&a, &d));
}

static void buffers_are_aligned_zeroed_and_counted(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 300; bytes += 7) {
        struct buffer *buffer = buffer_create(bytes);
        assert_non_null(buffer);
        assert_int_equal((uintptr_t)buffer->data % BUFFER_ALIGN, 0);
        assert_int_equal(buffer->bytes, bytes);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(((unsigned char *)buffer->data)[i], 0);
        assert_ptr_equal(buffer_retain(buffer), buffer);
        buffer_drop(buffer);
        memset(buffer->data, 1, bytes); /* still there */
        buffer_drop(buffer);
    }
    assert_null(buffer_create(SIZE_MAX));
    assert_null(buffer_create(SIZE_MAX - 64));
    assert_null(buffer_retain(NULL));
    buffer_drop(NULL);
}

static void count_release(void *owner)
{
    ++*(int *)owner;
}

static void foreign_bytes_are_released_with_the_last_drop(void **state)
{
    (void)state;
    int released = 0;
    char bytes[16];
    struct buffer *buffer =
        buffer_wrap(bytes, sizeof bytes, count_release, &released);
    assert_non_null(buffer);
    assert_ptr_equal(buffer->data, bytes);
    buffer_retain(buffer);
    buffer_drop(buffer);
    assert_int_equal(released, 0);
    buffer_drop(buffer);
    assert_int_equal(released, 1);
}

static void tensors_share_their_bytes(void **state)
{
    (void)state;
    struct tensor a;
    struct shape shape = {2, {3, 5}};
    assert_int_equal(tensor_init(&a, DTYPE_INT16, &shape, &err), 0);
    assert_int_equal(tensor_elements(&a), 15);
    assert_int_equal(tensor_bytes(&a), 30);
    assert_int_equal(tensor_integer(&a, 14), 0);
    struct tensor b = tensor_share(&a);
    ((int16_t *)a.data)[7] = -9;
    tensor_release(&a);
    assert_null(a.data);
    assert_null(a.buffer);
    assert_int_equal(tensor_integer(&b, 7), -9);
    assert_true(tensor_number(&b, 7) == -9);
    tensor_release(&b);
    tensor_release(&b); /* an empty one is fine */
}

static void tensors_without_a_size_are_refused(void **state)
{
    (void)state;
    struct tensor t;
    struct shape unknown = {2, {-1, 5}}, huge = {1, {1ll << 62}};
    struct shape one = {1, {1}};
    assert_int_equal(tensor_init(&t, DTYPE_FLOAT32, &unknown, &err), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_int_equal(tensor_init(&t, DTYPE_STRING, &one, &err), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_int_equal(tensor_init(&t, DTYPE_FLOAT64, &huge, &err), -1);
    assert_int_equal(err.code, ERROR_MEMORY);
    assert_null(t.data);
    t.shape = unknown;
    assert_int_equal(tensor_elements(&t), -1);
    assert_int_equal(tensor_bytes(&t), 0);
}

static void masks_hold_one_bit_per_weight(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 127, 128, 1000};
    struct rng rng;
    rng_init(&rng, 4);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t bits = sizes[k], expected = 0;
        struct bitmask none, all, copy;
        bool truth[1000];
        assert_int_equal(bitmask_init(&none, bits, false), 0);
        assert_int_equal(bitmask_init(&all, bits, true), 0);
        assert_int_equal(bitmask_count(&none), 0);
        assert_int_equal(bitmask_count(&all), bits);
        assert_int_equal(bitmask_equal(&none, &all), bits == 0);
        for (size_t i = 0; i < bits; i++) {
            truth[i] = rng_below(&rng, 3) == 0;
            expected += truth[i];
            bitmask_set(&none, i, truth[i]);
            bitmask_set(&all, i, truth[i]);
        }
        for (size_t i = 0; i < bits; i++)
            assert_int_equal(bitmask_get(&all, i), truth[i]);
        assert_int_equal(bitmask_count(&all), expected);
        assert_true(bitmask_equal(&none, &all));
        assert_int_equal(bitmask_copy(&copy, &all), 0);
        assert_true(bitmask_equal(&copy, &all));
        if (bits) {
            bitmask_set(&copy, bits - 1, !truth[bits - 1]);
            assert_false(bitmask_equal(&copy, &all));
        }
        bitmask_release(&none);
        bitmask_release(&all);
        bitmask_release(&copy);
        assert_null(copy.words);
    }
}

static void masks_of_other_sizes_differ(void **state)
{
    (void)state;
    struct bitmask a, b;
    assert_int_equal(bitmask_init(&a, 65, false), 0);
    assert_int_equal(bitmask_init(&b, 66, false), 0);
    assert_false(bitmask_equal(&a, &b));
    bitmask_release(&a);
    bitmask_release(&b);
    assert_true(bitmask_equal(&a, &b)); /* no bits at all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_the_product),
        cmocka_unit_test(the_longest_shape_has_room),
        cmocka_unit_test(shapes_broadcast_as_in_numpy),
        cmocka_unit_test(broadcast_strides_stay_in_place),
        cmocka_unit_test(equal_shapes_are_equal_in_rank_and_dimensions),
        cmocka_unit_test(buffers_are_aligned_zeroed_and_counted),
        cmocka_unit_test(foreign_bytes_are_released_with_the_last_drop),
        cmocka_unit_test(tensors_share_their_bytes),
        cmocka_unit_test(tensors_without_a_size_are_refused),
        cmocka_unit_test(masks_hold_one_bit_per_weight),
        cmocka_unit_test(masks_of_other_sizes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
