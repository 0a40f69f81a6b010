/* Hashes, random numbers and order statistics. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Results are kept under content hashes in files: these must never change. */
static void hashes_are_what_they_always_were(void **state)
{
    (void)state;
    assert_true(hash_bytes(0, "", 0) == 0xf1d260aaa2fdfc52ull);
    assert_true(hash_bytes(0, "espalier", 8) == 0x4e20a3d687995520ull);
    assert_true(hash_u64(1, 2) == 0x1a5b07edd52a9a47ull);
}

static void a_hash_ignores_where_bytes_lie(void **state)
{
    (void)state;
    unsigned char room[64 + 8];
    for (size_t length = 0; length <= 64; length++) {
        uint64_t first = 0;
        for (size_t shift = 0; shift < 8; shift++) {
            for (size_t i = 0; i < length; i++)
                room[shift + i] = (unsigned char)(i * 37);
            uint64_t h = hash_bytes(5, room + shift, length);
            first = shift ? first : h;
            assert_true(h == first);
        }
    }
}

/* Every bit of up to 24 bytes, every length, every seed: no two alike. */
static void one_bit_length_or_seed_changes_a_hash(void **state)
{
    (void)state;
    enum { BYTES = 24 };
    unsigned char data[BYTES + 1] = {0};
    for (size_t n = 0; n <= BYTES; n++) {
        uint64_t plain = hash_bytes(0, data, n);
        assert_true(hash_bytes(0, data, n + 1) != plain);
        assert_true(hash_bytes(1, data, n) != plain);
        for (size_t bit = 0; bit < n * 8; bit++) {
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            uint64_t changed = hash_bytes(0, data, n);
            assert_true(changed != plain);
            /* and far: no fewer than 8 of 64 bits */
            assert_true(__builtin_popcountll(changed ^ plain) >= 8);
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static void small_numbers_do_not_collide(void **state)
{
    (void)state;
    enum { SIDE = 300 };
    uint64_t *all = malloc(SIDE * SIDE * sizeof *all);
    assert_non_null(all);
    for (uint64_t i = 0; i < SIDE; i++)
        for (uint64_t k = 0; k < SIDE; k++)
            all[i * SIDE + k] = hash_u64(hash_u64(0, i), k);
    qsort(all, SIDE * SIDE, sizeof *all, compare_u64);
    for (int i = 1; i < SIDE * SIDE; i++)
        assert_true(all[i] != all[i - 1]);
    free(all);
}

/* The generator's published first outputs from state 1, 2, 3, 4. */
static void random_bits_are_those_of_xoshiro(void **state)
{
    (void)state;
    static const uint64_t expected[] = {11520, 0, 1509978240,
                                        1215971899390074240};
    struct rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < 4; i++)
        assert_true(rng_next(&rng) == expected[i]);
    rng_init(&rng, 0); /* splitmix64's first output from 0 */
    assert_true(rng.state[0] == 0xe220a8397b1dcdafull);
}

static void equal_seeds_give_equal_numbers(void **state)
{
    (void)state;
    struct rng a, b, c;
    rng_init(&a, 42);
    rng_init(&b, 42);
    rng_init(&c, 43);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_next(&a);
        assert_true(x == rng_next(&b));
        same += x == rng_next(&c);
    }
    assert_int_equal(same, 0);
}

/* Seed 3; each count is within five standard deviations of its mean. */
static void bounded_numbers_are_uniform(void **state)
{
    (void)state;
    enum { DRAWS = 70000, FACES = 7 };
    struct rng rng;
    int counts[FACES] = {0};
    rng_init(&rng, 3);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t x = rng_below(&rng, FACES);
        assert_true(x < FACES);
        counts[x]++;
    }
    for (int i = 0; i < FACES; i++)
        assert_true(abs(counts[i] - DRAWS / FACES) < 5 * 93);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rng_below(&rng, 1), 0);
    /* A bound above half the range: almost every second draw is refused. */
    uint64_t bound = UINT64_MAX / 2 + 2;
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(&rng, bound) < bound);
}

static void moments_are_those_of_the_distributions(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    struct rng rng;
    double u = 0, n = 0, squares = 0, fourth = 0;
    rng_init(&rng, 11);
    for (int i = 0; i < DRAWS; i++) {
        double x = rng_uniform(&rng), y = rng_normal(&rng);
        assert_true(0 <= x && x < 1 && isfinite(y));
        u += x;
        n += y;
        squares += y * y;
        fourth += y * y * y * y;
    }
    assert_true(fabs(u / DRAWS - 0.5) < 0.004);
    assert_true(fabs(n / DRAWS) < 0.012);
    assert_true(fabs(squares / DRAWS - 1) < 0.016);
    assert_true(fabs(fourth / DRAWS - 3) < 0.11);
}

static void permutations_hold_everything_once(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct rng rng;
    int64_t order[COUNT];
    bool seen[COUNT] = {false};
    rng_init(&rng, 5);
    rng_permutation(&rng, order, COUNT);
    int fixed = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(order[i] >= 0 && order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = true;
        fixed += order[i] == i;
    }
    assert_true(fixed < 10);
    rng_permutation(&rng, order, 0);
    rng_permutation(&rng, order, 1);
    assert_int_equal(order[0], 0);
}

static void every_permutation_is_as_likely(void **state)
{
    (void)state;
    enum { DRAWS = 12000 };
    struct rng rng;
    int counts[27] = {0}, kinds = 0;
    rng_init(&rng, 9);
    for (int i = 0; i < DRAWS; i++) {
        int64_t o[3];
        rng_permutation(&rng, o, 3);
        counts[o[0] * 9 + o[1] * 3 + o[2]]++;
    }
    for (int i = 0; i < 27; i++) {
        kinds += counts[i] > 0;
        assert_true(!counts[i] || abs(counts[i] - 2000) < 5 * 41);
    }
    assert_int_equal(kinds, 6);
}

static void a_summary_sorts_and_interpolates(void **state)
{
    (void)state;
    double values[] = {5, 1, 4, 2, 3, 9, 7, 6, 8, 11, 10};
    struct stats_summary s = stats_summarise(values, 11);
    assert_true(s.median == 6 && s.p10 == 2 && s.p90 == 10);
    assert_true(s.minimum == 1 && s.maximum == 11 && s.mean == 6);
    assert_int_equal(s.count, 11);
    for (int i = 1; i < 11; i++)
        assert_true(values[i - 1] < values[i]);
    double two[] = {4, 2};
    s = stats_summarise(two, 2);
    assert_true(s.median == 3);
    assert_true(fabs(s.p10 - 2.2) < 1e-12 && fabs(s.p90 - 3.8) < 1e-12);
    double one[] = {7};
    s = stats_summarise(one, 1);
    assert_true(s.median == 7 && s.p10 == 7 && s.p90 == 7 && s.mean == 7);
    s = stats_summarise(NULL, 0);
    assert_true(isnan(s.median) && isnan(s.mean) && s.count == 0);
}

static void time_never_goes_back(void **state)
{
    (void)state;
    int64_t last = clock_now_ns();
    assert_true(last > 0);
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_what_they_always_were),
        cmocka_unit_test(a_hash_ignores_where_bytes_lie),
        cmocka_unit_test(one_bit_length_or_seed_changes_a_hash),
        cmocka_unit_test(small_numbers_do_not_collide),
        cmocka_unit_test(random_bits_are_those_of_xoshiro),
        cmocka_unit_test(equal_seeds_give_equal_numbers),
        cmocka_unit_test(bounded_numbers_are_uniform),
        cmocka_unit_test(moments_are_those_of_the_distributions),
        cmocka_unit_test(permutations_hold_everything_once),
        cmocka_unit_test(every_permutation_is_as_likely),
        cmocka_unit_test(a_summary_sorts_and_interpolates),
        cmocka_unit_test(time_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
