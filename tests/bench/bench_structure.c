/*
 * What structure of zeros is worth on this processor: for every layer, pattern
 * and batch the fastest kernel on such zeros, of those that the planner would
 * try (kernels for weights anywhere are among them, "+" behind the row where
 * none for the structure was faster), against the fastest one on weights of the
 * same sparsity that do fall anywhere:
 *
 *   case,pattern,sparsity,kernel,us,rival,rival_us,gain,floor_us,pass_us
 *
 * Times are per image, the fastest tenth of runs; all kernels run in turn on
 * one thread, and so do two bounds. floor: what the multiplications of the kept
 * weights take alone (as many of vectors, a load for two of them). pass: what
 * reading the source once and writing the result once takes alone. Where the
 * rival is close to either, nothing beats it by much. Losing rows end in "<".
 *
 * bench_structure [CASE [PATTERN [BATCH]]] runs those whose names contain the
 * words.
 */
#include "kernel_side.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SIDES_MAX = 24, FEWEST = 5, UNTIMED = 2, SUMS = 12, WEIGHTS = 2 };

static const double longest_ns = 400e6; /* of all runs of a row */

/* As many multiply-adds of a vector, into SUMS sums that do not wait for each
 * other: as the kernels, each of WEIGHTS weights with what was loaded once. */
#define MULTIPLY(vec, load, all, multiply_add, store)                          \
    _Alignas(64) float source[SUMS / WEIGHTS][16] = {{0}};                     \
    vec sum[SUMS], weight[WEIGHTS];                                            \
    for (int i = 0; i < SUMS; i++)                                             \
        sum[i] = all(0.0F);                                                    \
    for (int i = 0; i < WEIGHTS; i++)                                          \
        weight[i] = all((float)i);                                             \
    for (; count > 0; count -= SUMS)                                           \
        _Pragma("GCC unroll 12") for (int i = 0; i < SUMS; i++)                \
        {                                                                      \
            const float *from = source[i / WEIGHTS];                           \
            __asm__("" : "+r"(from));                                          \
            sum[i] = multiply_add(weight[i % WEIGHTS], load(from), sum[i]);    \
        }                                                                      \
    for (int i = 1; i < SUMS; i++)                                             \
        sum[0] = multiply_add(sum[i], weight[0], sum[0]);                      \
    store(to, sum[0]);

/* Reads one tensor, writes another; lengths in floats. */
#define PASS(vec, load, all, multiply_add, store)                              \
    enum { STEP = sizeof(vec) / sizeof(float) };                               \
    vec sum[4] = {all(0.0F), all(0.0F), all(0.0F), all(0.0F)};                 \
    for (int64_t i = 0; i + 4 * STEP <= reads; i += 4 * STEP)                  \
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) sum[k] =           \
            multiply_add(sum[k], sum[k], load(src + i + k * STEP));            \
    for (int64_t i = 0; i + STEP <= writes; i += STEP)                         \
        store(dst + i, sum[0]);

#define FAMILY(isa, vec, load, all, multiply_add, store)                       \
    static void multiply_##isa(int64_t count, float *to)                       \
    {                                                                          \
        MULTIPLY(vec, load, all, multiply_add, store)                          \
    }                                                                          \
    static void pass_##isa(const float *src, int64_t reads, float *dst,        \
                           int64_t writes)                                     \
    {                                                                          \
        PASS(vec, load, all, multiply_add, store)                              \
    }

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx512f")
FAMILY(avx512, __m512, _mm512_loadu_ps, _mm512_set1_ps, _mm512_fmadd_ps,
       _mm512_storeu_ps)
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma")
FAMILY(avx2, __m256, _mm256_loadu_ps, _mm256_set1_ps, _mm256_fmadd_ps,
       _mm256_storeu_ps)
#pragma GCC pop_options
#endif

/* Every other family. */
typedef float plain_vec __attribute__((vector_size(16)));

static plain_vec plain_load(const float *p)
{
    plain_vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static plain_vec plain_all(float x)
{
    return (plain_vec){x, x, x, x};
}

static plain_vec plain_multiply_add(plain_vec a, plain_vec b, plain_vec c)
{
    return a * b + c;
}

static void plain_store(float *p, plain_vec v)
{
    memcpy(p, &v, sizeof v);
}

FAMILY(plain, plain_vec, plain_load, plain_all, plain_multiply_add, plain_store)

/* How a family multiplies, reads and writes. */
struct family {
    void (*multiply)(int64_t count, float *to);
    void (*pass)(const float *src, int64_t reads, float *dst, int64_t writes);
    int lanes;
};

static struct family family_of(enum cpu_isa isa)
{
#if defined(__x86_64__)
    if (isa == CPU_ISA_AVX512)
        return (struct family){multiply_avx512, pass_avx512, 16};
    if (isa == CPU_ISA_AVX2)
        return (struct family){multiply_avx2, pass_avx2, 8};
#endif
    (void)isa;
    return (struct family){multiply_plain, pass_plain, 4};
}

/* For one vector. */
static double time_multiply(const struct family *f)
{
    enum { COUNT = SUMS * 2000 };
    float to[16];
    int64_t begin = clock_now_ns();
    f->multiply(COUNT, to);
    __asm__("" : : "r"(to) : "memory");
    return (double)(clock_now_ns() - begin) / COUNT;
}

/* Over the tensors of one side. */
static double time_pass(const struct family *f, const struct side *s)
{
    const struct layout_desc from =
        source_of(s->spec, s->kernel->layout, s->border);
    const struct layout_desc to =
        result_of(s->spec, s->kernel->layout, s->border);
    int64_t begin = clock_now_ns();
    for (int64_t i = 0; i < s->repeats; i++) {
        f->pass(s->src, layout_elements(&from), s->dst, layout_elements(&to));
        __asm__("" : : "r"(s->dst) : "memory");
    }
    return (double)(clock_now_ns() - begin) / (double)s->repeats;
}

/* Outputs of one axis for which tap k lies inside the source. */
static int64_t outputs_inside(const struct layer *l, int64_t k)
{
    int64_t inside = 0;
    for (int64_t o = 0; o * l->stride < l->size; o++) {
        int64_t at = o * l->stride + k - l->kernel / 2;
        inside += at >= 0 && at < l->size;
    }
    return inside;
}

/* Multiplications of the kept weights, of all images. */
static double multiplications(const struct layer *l, const float *weight,
                              int64_t batch)
{
    int64_t taps = l->kernel * l->kernel;
    double all = 0;
    for (int64_t tap = 0; tap < taps; tap++) {
        int64_t kept = 0;
        for (int64_t i = tap; i < weights_of(l); i += taps)
            kept += weight[i] != 0.0F;
        int64_t pixels = l->size == 0 ? 1
                                      : outputs_inside(l, tap / l->kernel) *
                                            outputs_inside(l, tap % l->kernel);
        all += (double)kept * (double)pixels;
    }
    return all * (double)batch;
}

/* What one row compares. */
struct contest {
    const struct layer *layer;
    const struct pattern *pattern;
    int64_t batch;
    enum cpu_isa isa;
    float *weight, *anywhere, *bias;
    struct kernel_spec spec, other; /* of weight, of anywhere */
    struct side sides[SIDES_MAX];
    int count;
    double multiply_ns[RUNS], pass_ns[RUNS];
};

/* As the planner: forms that store few zeros, blocks of images for batches. */
static bool is_tried(const struct contest *c, const struct sparse_structure *s,
                     enum sparse_form form, enum layout layout)
{
    static const double fullest = 0.6;
    if (layout == LAYOUT_IMAGE16 && c->batch < 8)
        return false;
    return form == SPARSE_FORM_ANY ||
           (double)s->nonzeros > fullest * (double)s->stored[form];
}

static void open_one(struct contest *c, const struct sparse_kernel *kernel,
                     const struct kernel_spec *spec, struct rng *rng)
{
    const struct side *like = NULL;
    for (int i = 0; i < c->count; i++)
        if (c->sides[i].kernel->layout == kernel->layout)
            like = &c->sides[i];
    open_sparse(&c->sides[c->count++], kernel, spec, like, rng);
}

static void open_sides(struct contest *c, struct rng *rng)
{
    static const enum layout layouts[] = {LAYOUT_PLAIN, LAYOUT_PLANE,
                                          LAYOUT_IMAGE16, LAYOUT_NHWC};
    enum { LAYOUTS = sizeof layouts / sizeof *layouts };
    struct sparse_structure structure;
    sparse_structure_of(&structure, &c->spec);
    c->count = 0;
    for (int i = 0; i < LAYOUTS * SPARSE_FORM_COUNT; i++) {
        enum layout layout = layouts[i % LAYOUTS];
        enum sparse_form form = (enum sparse_form)(i / LAYOUTS);
        for (int rival = 0; rival <= (form == SPARSE_FORM_ANY); rival++) {
            const struct kernel_spec *spec = rival ? &c->other : &c->spec;
            const struct sparse_kernel *kernel =
                sparse_kernel_find(spec, layout, form, c->isa);
            if (kernel != NULL && is_tried(c, &structure, form, layout))
                open_one(c, kernel, spec, rng);
        }
    }
}

/* Of one image. */
static double fast_us(const struct contest *c, double *ns, int rounds)
{
    return stats_summarise(ns, (size_t)rounds).p10 / 1e3 / (double)c->batch;
}

static void report(struct contest *c, int rounds, double lanes)
{
    int64_t count = weights_of(c->layer);
    int best[2] = {-1, -1}; /* on the structure's zeros, anywhere */
    double us[2] = {0, 0};
    for (int i = 0; i < c->count; i++) {
        int rival = c->sides[i].spec == &c->other;
        double t = fast_us(c, c->sides[i].ns, rounds);
        if (best[rival] >= 0 && t >= us[rival])
            continue;
        best[rival] = i;
        us[rival] = t;
    }
    if (best[0] < 0 || best[1] < 0)
        return;
    double floor = fast_us(c, c->multiply_ns, rounds) *
                   multiplications(c->layer, c->weight, c->batch) / lanes;
    printf("%s batch %d,%s,%.2f,%s,%.2f,%s,%.2f,%.2f,%.2f,%.2f%s%s\n",
           c->layer->name, (int)c->batch, c->pattern->name,
           1 - (double)sparse_nonzeros(c->weight, count) / (double)count,
           c->sides[best[0]].kernel->name, us[0],
           c->sides[best[1]].kernel->name, us[1], us[1] / us[0], floor,
           fast_us(c, c->pass_ns, rounds),
           c->sides[best[0]].kernel->form == SPARSE_FORM_ANY ? " +" : "",
           us[0] > us[1] ? " <" : "");
    fflush(stdout);
}

/* Behind runs that are not timed: the first of two sides in one layout would
 * find the tensors of another in the caches, which takes more than one run to
 * get over. For what is left of that, every other round goes backwards. */
static double time_warm(const struct side *s)
{
    for (int i = 0; i < UNTIMED; i++)
        run_once(s);
    return time_side(s);
}

static void run_sides(struct contest *c)
{
    struct family f = family_of(c->isa);
    double round_ns = 0, least_ns = 0;
    int fastest = 0;
    for (int i = 0; i < c->count; i++) {
        warm_up(&c->sides[i]);
        double ns = time_side(&c->sides[i]);
        round_ns += ns * (double)(c->sides[i].repeats + UNTIMED);
        fastest = i == 0 || ns < least_ns ? i : fastest;
        least_ns = i == 0 || ns < least_ns ? ns : least_ns;
    }
    int rounds = RUNS * round_ns < longest_ns ? RUNS
                 : FEWEST * round_ns > longest_ns
                     ? FEWEST
                     : (int)(longest_ns / round_ns);
    for (int k = 0; k < rounds; k++) {
        c->multiply_ns[k] = time_multiply(&f);
        for (int i = 0; i <= UNTIMED; i++)
            c->pass_ns[k] = time_pass(&f, &c->sides[fastest]);
        for (int i = 0; i < c->count; i++) {
            struct side *s = &c->sides[k % 2 == 0 ? i : c->count - 1 - i];
            s->ns[k] = time_warm(s);
        }
    }
    report(c, rounds, f.lanes);
}

/* Exactly `kept` of `count` weights: where these are few, chance would give one
 * side a tenth more. */
static void draw_anywhere(int64_t count, int64_t kept, struct rng *rng,
                          float *weight)
{
    for (int64_t i = 0; i < count; i++) {
        bool keeps = (int64_t)rng_below(rng, (uint64_t)(count - i)) < kept;
        weight[i] = keeps ? 0.01F : 0.0F;
        kept -= keeps;
    }
}

static void compare(const struct layer *layer, const struct pattern *pattern,
                    int64_t batch, enum cpu_isa isa)
{
    static struct contest c; /* large: off the stack */
    int64_t count = weights_of(layer);
    struct rng rng;
    rng_init(&rng, 1);
    c.layer = layer;
    c.pattern = pattern;
    c.batch = batch;
    c.isa = isa;
    c.weight = allocate((size_t)count * sizeof *c.weight);
    c.anywhere = allocate((size_t)count * sizeof *c.anywhere);
    c.bias = allocate((size_t)layer->oc * sizeof *c.bias);
    c.spec = spec_of(layer, batch, c.weight, c.bias);
    c.other = spec_of(layer, batch, c.anywhere, c.bias);
    draw_pattern(layer, pattern, &c.spec, &rng, c.weight);
    draw_anywhere(count, sparse_nonzeros(c.weight, count), &rng, c.anywhere);
    open_sides(&c, &rng);
    run_sides(&c);
    while (c.count > 0)
        close_side(&c.sides[--c.count]);
    free(c.weight);
    free(c.anywhere);
    free(c.bias);
}

static bool is_wanted(const char *name, int argc, char **argv, int at)
{
    return argc <= at || strstr(name, argv[at]) != NULL;
}

int main(int argc, char **argv)
{
    enum cpu_isa isa;
    struct error err = {0};
    int64_t only = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
    if (cpu_isa_select(&isa, &err) != 0) {
        fprintf(stderr, "bench_structure: %s\n", err.message);
        return 1;
    }
    printf("case,pattern,sparsity,kernel,us,rival,rival_us,gain,floor_us,"
           "pass_us\n");
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++)
            for (int64_t batch = 1; batch <= 64; batch *= batch == 1 ? 16 : 4)
                if (patterns[k].form != SPARSE_FORM_ANY &&
                    (only == 0 || only == batch) && layers[i].groups == 1 &&
                    is_wanted(layers[i].name, argc, argv, 1) &&
                    is_wanted(patterns[k].name, argc, argv, 2))
                    compare(&layers[i], &patterns[k], batch, isa);
    return 0;
}
