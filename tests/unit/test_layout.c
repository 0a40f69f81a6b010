/* Copies between layouts, every pair against an address computed plainly. */
#include "kernel/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

static const int64_t shapes[][4] = {
    {1, 1, 1, 1},   {1, 3, 5, 7},    {1, 64, 7, 7}, {2, 16, 4, 4},
    {16, 3, 5, 2},  {17, 18, 3, 19}, {5, 40, 1, 1}, {64, 10, 1, 1},
    {33, 1, 28, 3}, {3, 1, 1, 33},   {20, 16, 1, 3}};

/* A bordered plane: zeros, the first element, and zeros up to a whole line. */
static int64_t plane_of(const struct layout_desc *d)
{
    int64_t b = d->border, pitch = d->w + 2 * b;
    int64_t before = b * pitch + b, filled = (before + 15) / 16 * 16;
    return (filled - before + (d->h + 2 * b) * pitch + 15) / 16 * 16;
}

/* Where (n, c, h, w) lies, straight from the definitions in spec.h. */
static int64_t address(const struct layout_desc *d, const int64_t i[4])
{
    int64_t n = i[0], c = i[1], h = i[2], w = i[3], b = d->border;
    switch (d->layout) {
    case LAYOUT_NHWC:
        return ((n * d->h + h) * d->w + w) * d->c + c;
    case LAYOUT_BLOCK16: {
        int64_t blocks = (d->c + 15) / 16;
        return (((n * blocks + c / 16) * d->h + h) * d->w + w) * 16 + c % 16;
    }
    case LAYOUT_PLANE:
        /* With a border, element (0, 0) and planes are at multiples of 16. */
        if (b > 0)
            return (n * d->c + c) * plane_of(d) +
                   (b * (d->w + 2 * b) + b + 15) / 16 * 16 +
                   h * (d->w + 2 * b) + w;
        return ((n * d->c + c) * d->h + h) * d->w + w;
    case LAYOUT_IMAGE16:
        return (((n / 16 * d->c + c) * d->h + h) * d->w + w) * 16 + n % 16;
    default:
        return ((n * d->c + c) * d->h + h) * d->w + w;
    }
}

/* Calls visit for every logical index. */
static void each(const struct layout_desc *d,
                 void (*visit)(const struct layout_desc *d, const int64_t i[4],
                               float *data),
                 float *data)
{
    int64_t i[4];
    for (i[0] = 0; i[0] < d->n; i[0]++)
        for (i[1] = 0; i[1] < d->c; i[1]++)
            for (i[2] = 0; i[2] < d->h; i[2]++)
                for (i[3] = 0; i[3] < d->w; i[3]++)
                    visit(d, i, data);
}

static float value_of(const struct layout_desc *d, const int64_t i[4])
{
    return (float)(((i[0] * d->c + i[1]) * d->h + i[2]) * d->w + i[3] + 1);
}

static void put(const struct layout_desc *d, const int64_t i[4], float *data)
{
    data[address(d, i)] = value_of(d, i);
}

static struct layout_desc desc_of(int shape, enum layout layout, int64_t border)
{
    const int64_t *s = shapes[shape];
    return (struct layout_desc){.layout = layout,
                                .n = s[0],
                                .c = s[1],
                                .h = s[2],
                                .w = s[3],
                                .border = border};
}

/* Exactly as many elements as the layout has: a wild write or read is seen by
 * the address sanitizer. */
static float *memory(const struct layout_desc *d, int byte)
{
    size_t bytes = (size_t)layout_elements(d) * sizeof(float);
    float *p = malloc(bytes);
    assert_non_null(p);
    memset(p, byte, bytes);
    return p;
}

static void check(const struct layout_desc *from, const struct layout_desc *to,
                  enum cpu_isa isa)
{
    float *src = memory(from, 0), *dst = memory(to, 0xff);
    float *expected = memory(to, 0);
    each(from, put, src);
    each(to, put, expected);
    layout_convert(from, src, to, dst, isa);
    int64_t count = layout_elements(to);
    for (int64_t k = 0; k < count; k++)
        if (memcmp(&dst[k], &expected[k], sizeof *dst) != 0)
            fail_msg("%s to %s, isa %s, shape %d,%d,%d,%d border %d to %d, "
                     "element %d: %g, expected %g",
                     layout_name(from->layout), layout_name(to->layout),
                     cpu_isa_name(isa), (int)to->n, (int)to->c, (int)to->h,
                     (int)to->w, (int)from->border, (int)to->border, (int)k,
                     (double)dst[k], (double)expected[k]);
    free(src);
    free(dst);
    free(expected);
}

static void every_pair_of_layouts_keeps_every_element(void **state)
{
    (void)state;
    static const int64_t borders[] = {0, 1, 3};
    for (int isa = 0; isa <= (int)cpu_isa_detect(); isa++)
        for (int s = 0; s < COUNT(shapes); s++)
            for (int a = 0; a < LAYOUT_COUNT; a++)
                for (int b = 0; b < LAYOUT_COUNT; b++)
                    for (int k = 0; k < COUNT(borders) * COUNT(borders); k++) {
                        struct layout_desc from = desc_of(
                            s, (enum layout)a, borders[k % COUNT(borders)]);
                        struct layout_desc to = desc_of(
                            s, (enum layout)b, borders[k / COUNT(borders)]);
                        check(&from, &to, (enum cpu_isa)isa);
                    }
}

static void elements_count_padding_and_borders(void **state)
{
    (void)state;
    struct layout_desc d = {LAYOUT_PLAIN, 3, 5, 7, 9, 2};
    assert_int_equal(layout_elements(&d), 3 * 5 * 7 * 9);
    d.layout = LAYOUT_NHWC;
    assert_int_equal(layout_elements(&d), 3 * 5 * 7 * 9);
    d.layout = LAYOUT_BLOCK16;
    assert_int_equal(layout_elements(&d), 3 * 16 * 7 * 9);
    d.layout = LAYOUT_PLANE;
    assert_int_equal(layout_elements(&d), 3 * 5 * 160); /* 4 + 11 * 13 */
    d.layout = LAYOUT_IMAGE16;
    assert_int_equal(layout_elements(&d), 16 * 5 * 7 * 9);
}

static void only_planes_differ_by_border(void **state)
{
    (void)state;
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        struct layout_desc a = {(enum layout)layout, 3, 5, 7, 9, 0};
        struct layout_desc b = a;
        b.border = 1;
        assert_int_equal(layout_equal(&a, &b), layout != LAYOUT_PLANE);
        b.border = 0;
        b.w = 8;
        assert_false(layout_equal(&a, &b));
        assert_string_not_equal(layout_name(a.layout), "?");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_layouts_keeps_every_element),
        cmocka_unit_test(elements_count_padding_and_borders),
        cmocka_unit_test(only_planes_differ_by_border),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
