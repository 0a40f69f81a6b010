/* Products by lookup, one step per shuffle and multiply-add. */
#if defined(__x86_64__)
#define SPARSE_AVX512

#include "kernel/sparse_lookup.h"
#include "kernel/sparse_run.h"

/* The sums of one group of rows. Two sums, taken in turn, halve the wait for
 * the previous multiply-add. */
static vec sum_group(const struct lookup_packed *h, const int32_t *starts,
                     const struct lookup_step *steps, const float *src,
                     int64_t in)
{
    vec even = vec_all(0.0F), odd = vec_all(0.0F);
    for (int64_t b = 0; b < h->blocks; b++) {
        const float *from = src + b * LOOKUP_INPUTS;
        int64_t left = in - b * LOOKUP_INPUTS;
        vec low = vec_load_first(from, left);
        vec high = left > LANES ? vec_load_first(from + LANES, left - LANES)
                                : vec_all(0.0F);
        const struct lookup_step *s = steps + starts[b];
        const struct lookup_step *end = steps + starts[b + 1];
        for (; s < end; s++) {
            __m128i bytes =
                _mm_loadu_si128((const __m128i *)(const void *)s->place);
            vec x =
                _mm512_permutex2var_ps(low, _mm512_cvtepu8_epi32(bytes), high);
            vec sum = vec_multiply_add(vec_load(s->weight), x, even);
            even = odd;
            odd = sum;
        }
    }
    return vec_add(even, odd);
}

void sparse_product_lookup_run_avx512(SPARSE_ARGUMENTS);
void sparse_product_lookup_run_avx512(SPARSE_ARGUMENTS)
{
    const struct lookup_packed *h = packed;
    const char *base = packed;
    const float *bias = (const float *)(const void *)(base + h->bias);
    const int32_t *starts = (const int32_t *)(const void *)(base + h->starts);
    const struct lookup_step *steps =
        (const struct lookup_step *)(const void *)(base + h->steps);
    struct run r = {.epilogue = epilogue};
    (void)src_border;
    (void)dst_border;
    (void)scratch;
    set_activation(&r);
    for (int64_t row = part->first; row < part->last;) {
        int64_t group = row / LOOKUP_ROWS, lane = row % LOOKUP_ROWS;
        int64_t end = smaller((group + 1) * LOOKUP_ROWS, part->last);
        vec v = sum_group(h, starts + group * h->blocks, steps, src,
                          spec->product.in);
        v = vec_add(v, vec_load(bias + group * LOOKUP_ROWS));
        float sums[LOOKUP_ROWS + LANES] = {0};
        vec_store(sums, v);
        v = vec_load(sums + lane);
        if (other != NULL)
            v = vec_add(v, vec_load_first(other + row, end - row));
        v = r.slow ? activate_slowly(&r, v)
                   : vec_clamp(v, vec_all(r.low), vec_all(r.high));
        vec_store_first(dst + row, v, end - row);
        row = end;
    }
}

#endif
