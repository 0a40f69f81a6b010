/* Loops as the definitions read; every sum in double. */
#include "kernel/reference.h"

#include <math.h>
#include <stddef.h>

/* Conv: one output element. group offsets are already in src and weight. */
static double conv_at(const struct conv_spec *s, const float *src,
                      const float *weight, int64_t y, int64_t x)
{
    int64_t channels = s->ic / s->groups;
    double sum = 0;
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t ky = 0; ky < s->kh; ky++) {
            int64_t iy = y * s->sh - s->pad_top + ky * s->dh;
            if (iy < 0 || iy >= s->ih)
                continue;
            const float *row = src + (c * s->ih + iy) * s->iw;
            const float *w = weight + (c * s->kh + ky) * s->kw;
            for (int64_t kx = 0; kx < s->kw; kx++) {
                int64_t ix = x * s->sw - s->pad_left + kx * s->dw;
                if (ix >= 0 && ix < s->iw)
                    sum += (double)row[ix] * (double)w[kx];
            }
        }
    }
    return sum;
}

void reference_conv(const struct conv_spec *s, const float *src, float *dst)
{
    int64_t in_group = s->ic / s->groups, out_group = s->oc / s->groups;
    for (int64_t n = 0; n < s->n; n++) {
        for (int64_t o = 0; o < s->oc; o++) {
            int64_t first = o / out_group * in_group;
            const float *image = src + (n * s->ic + first) * s->ih * s->iw;
            const float *weight = s->weight + o * in_group * s->kh * s->kw;
            double bias = s->bias ? (double)s->bias[o] : 0;
            for (int64_t i = 0; i < s->oh * s->ow; i++)
                *dst++ = (float)(bias + conv_at(s, image, weight, i / s->ow,
                                                i % s->ow));
        }
    }
}

/* Deconv: the input positions that reach output (y, x) through each tap. */
static double deconv_at(const struct conv_spec *s, const float *src,
                        const float *weight, int64_t y, int64_t x)
{
    int64_t in_group = s->ic / s->groups, out_group = s->oc / s->groups;
    double sum = 0;
    for (int64_t c = 0; c < in_group; c++) {
        for (int64_t k = 0; k < s->kh * s->kw; k++) {
            int64_t iy = y + s->pad_top - k / s->kw * s->dh;
            int64_t ix = x + s->pad_left - k % s->kw * s->dw;
            if (iy < 0 || ix < 0 || iy % s->sh || ix % s->sw ||
                iy / s->sh >= s->ih || ix / s->sw >= s->iw)
                continue;
            sum += (double)src[(c * s->ih + iy / s->sh) * s->iw + ix / s->sw] *
                   (double)weight[c * out_group * s->kh * s->kw + k];
        }
    }
    return sum;
}

void reference_deconv(const struct conv_spec *s, const float *src, float *dst)
{
    int64_t in_group = s->ic / s->groups, out_group = s->oc / s->groups;
    int64_t taps = s->kh * s->kw;
    for (int64_t n = 0; n < s->n; n++) {
        for (int64_t o = 0; o < s->oc; o++) {
            int64_t first = o / out_group * in_group;
            const float *image = src + (n * s->ic + first) * s->ih * s->iw;
            const float *weight =
                s->weight + (first * out_group + o % out_group) * taps;
            double bias = s->bias ? (double)s->bias[o] : 0;
            for (int64_t i = 0; i < s->oh * s->ow; i++)
                *dst++ = (float)(bias + deconv_at(s, image, weight, i / s->ow,
                                                  i % s->ow));
        }
    }
}

void reference_product(const struct product_spec *s, const float *src,
                       float *dst)
{
    int64_t step = s->transposed ? s->out : 1;
    for (int64_t n = 0; n < s->n; n++) {
        for (int64_t o = 0; o < s->out; o++) {
            const float *w = s->weight + (s->transposed ? o : o * s->in);
            double sum = s->bias ? (double)s->bias[o] : 0;
            for (int64_t i = 0; i < s->in; i++)
                sum += (double)src[n * s->in + i] * (double)w[i * step];
            dst[n * s->out + o] = (float)sum;
        }
    }
}

void reference_matmul(const struct matmul_spec *s, const float *a,
                      const float *b, float *dst)
{
    for (int64_t batch = 0; batch < s->batch; batch++) {
        const float *x = a + (s->broadcast_a ? 0 : batch * s->m * s->k);
        const float *y = b + (s->broadcast_b ? 0 : batch * s->k * s->n);
        for (int64_t m = 0; m < s->m; m++) {
            for (int64_t n = 0; n < s->n; n++) {
                double sum = 0;
                for (int64_t k = 0; k < s->k; k++)
                    sum += (double)x[m * s->k + k] * (double)y[k * s->n + n];
                *dst++ = (float)sum;
            }
        }
    }
}

/* Sum or maximum of one window, and how many elements of it were inside. */
static double pool_window(const struct pool_spec *s, const float *plane,
                          int64_t y, int64_t x, int64_t *inside)
{
    double result = s->average ? 0 : -INFINITY;
    *inside = 0;
    for (int64_t k = 0; k < s->kh * s->kw; k++) {
        int64_t iy = y + k / s->kw * s->dh, ix = x + k % s->kw * s->dw;
        if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
            continue;
        double value = (double)plane[iy * s->iw + ix];
        if (s->average)
            result += value;
        else if (value > result || isnan(value))
            result = value;
        ++*inside;
    }
    return result;
}

/* How many taps of a window lie inside the input or its declared padding. */
static int64_t padded_taps(int64_t first, int64_t taps, int64_t dilation,
                           int64_t end)
{
    int64_t count = 0;
    for (int64_t k = 0; k < taps; k++)
        count += first + k * dilation < end;
    return count;
}

static float pool_at(const struct pool_spec *s, const float *plane, int64_t oy,
                     int64_t ox)
{
    int64_t y = oy * s->sh - s->pad_top, x = ox * s->sw - s->pad_left;
    int64_t inside;
    double result = pool_window(s, plane, y, x, &inside);
    if (!s->average)
        return (float)result;
    if (s->count_padding)
        inside = padded_taps(y, s->kh, s->dh, s->ih + s->pad_bottom) *
                 padded_taps(x, s->kw, s->dw, s->iw + s->pad_right);
    return (float)(result / (double)inside);
}

void reference_pool(const struct pool_spec *s, const float *src, float *dst)
{
    for (int64_t plane = 0; plane < s->n * s->c; plane++)
        for (int64_t i = 0; i < s->oh * s->ow; i++)
            *dst++ =
                pool_at(s, src + plane * s->ih * s->iw, i / s->ow, i % s->ow);
}

void reference_affine(const struct affine_spec *s, const float *src, float *dst)
{
    for (int64_t plane = 0; plane < s->n * s->c; plane++) {
        int64_t c = plane % s->c;
        double scale = (double)s->gamma[c] /
                       sqrt((double)s->variance[c] + (double)s->epsilon);
        double shift = (double)s->beta[c] - (double)s->mean[c] * scale;
        for (int64_t i = plane * s->inner; i < (plane + 1) * s->inner; i++)
            dst[i] = (float)((double)src[i] * scale + shift);
    }
}

static void softmax_line(const struct softmax_spec *s, const float *src,
                         float *dst)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < s->axis; i++)
        largest = fmax(largest, (double)src[i * s->inner]);
    for (int64_t i = 0; i < s->axis; i++)
        sum += exp((double)src[i * s->inner] - largest);
    for (int64_t i = 0; i < s->axis; i++) {
        double x = (double)src[i * s->inner] - largest;
        dst[i * s->inner] = (float)(s->logarithm ? x - log(sum) : exp(x) / sum);
    }
}

void reference_softmax(const struct softmax_spec *s, const float *src,
                       float *dst)
{
    for (int64_t outer = 0; outer < s->outer; outer++)
        for (int64_t inner = 0; inner < s->inner; inner++) {
            int64_t first = outer * s->axis * s->inner + inner;
            softmax_line(s, src + first, dst + first);
        }
}

/* --- element by element --- */

typedef double eltwise_function(double x, double alpha, double beta);

/* Comparisons are written so that NaN stays NaN. */
static double clamp(double x, double low, double high)
{
    if (x < low)
        x = low;
    return x > high ? high : x;
}

static double do_none(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x;
}

static double do_relu(double x, double alpha, double beta)
{
    (void)beta;
    if (alpha == 0) /* not -inf * 0 */
        return x < 0 ? 0 : x;
    return x < 0 ? alpha * x : x;
}

static double do_sigmoid(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / (1 + exp(-x));
}

static double do_tanh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return tanh(x);
}

static double do_elu(double x, double alpha, double beta)
{
    (void)beta;
    return x > 0 ? x : alpha * expm1(x);
}

static double do_hardsigmoid(double x, double alpha, double beta)
{
    return clamp(alpha * x + beta, 0, 1);
}

static double do_hardswish(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x * clamp(x / 6 + 0.5, 0, 1);
}

static double do_softplus(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double do_erf(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return erf(x);
}

static double do_gelu(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 0.5 * x * (1 + erf(x / sqrt(2.0)));
}

static double do_exp(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return exp(x);
}

static double do_log(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return log(x);
}

static double do_sqrt(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return sqrt(x);
}

static double do_abs(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return fabs(x);
}

static double do_neg(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return -x;
}

static eltwise_function *const eltwise_functions[ELTWISE_KIND_COUNT] = {
    [ELTWISE_NONE] = do_none,
    [ELTWISE_RELU] = do_relu,
    [ELTWISE_CLIP] = clamp,
    [ELTWISE_SIGMOID] = do_sigmoid,
    [ELTWISE_TANH] = do_tanh,
    [ELTWISE_ELU] = do_elu,
    [ELTWISE_HARDSIGMOID] = do_hardsigmoid,
    [ELTWISE_HARDSWISH] = do_hardswish,
    [ELTWISE_SOFTPLUS] = do_softplus,
    [ELTWISE_ERF] = do_erf,
    [ELTWISE_GELU] = do_gelu,
    [ELTWISE_EXP] = do_exp,
    [ELTWISE_LOG] = do_log,
    [ELTWISE_SQRT] = do_sqrt,
    [ELTWISE_ABS] = do_abs,
    [ELTWISE_NEG] = do_neg,
};

float reference_eltwise(const struct eltwise_spec *s, float x)
{
    return (float)eltwise_functions[s->kind]((double)x, (double)s->alpha,
                                             (double)s->beta);
}

void reference_norm(const struct norm_spec *spec, const float *src, float *dst)
{
    for (int64_t r = 0; r < spec->rows; r++) {
        const float *in = src + r * spec->width;
        float *out = dst + r * spec->width;
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < spec->width; i++)
            sum += (double)in[i];
        double mean = sum / (double)spec->width;
        for (int64_t i = 0; i < spec->width; i++)
            squares += ((double)in[i] - mean) * ((double)in[i] - mean);
        double deviation =
            sqrt(squares / (double)spec->width + (double)spec->epsilon);
        for (int64_t i = 0; i < spec->width; i++)
            out[i] = (float)(((double)in[i] - mean) / deviation *
                                 (spec->gamma ? (double)spec->gamma[i] : 1) +
                             (spec->beta ? (double)spec->beta[i] : 0));
    }
}

/* choice: the query's bytes, NULL: none. */
static double score_of(const struct attention_spec *s, const float *query,
                       const float *key, const uint8_t *choice, int64_t j)
{
    double sum = 0;
    key += j * s->key.row;
    if (choice && (choice[j * s->choice_at.column] != 0) != s->chosen)
        return (double)s->fill;
    for (int64_t d = 0; d < s->k; d++)
        sum +=
            (double)query[d * s->query.column] * (double)key[d * s->key.column];
    return sum * (double)s->scale;
}

/* One query: largest score, then shares, which `weigh` sums values by. */
static void attend(const struct attention_spec *s, const float *query,
                   const float *key, const float *value, const float *mask,
                   const uint8_t *choice, float *result)
{
    double largest = -(double)INFINITY, total = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = 0; j < s->n; j++) {
            double x = score_of(s, query, key, choice, j);
            x += mask ? (double)mask[j * s->mask.column] : 0;
            if (pass == 0)
                largest = x > largest ? x : largest;
            else
                total += exp(x - largest);
        }
    for (int64_t i = 0; i < s->w; i++) {
        double sum = 0;
        for (int64_t j = 0; j < s->n; j++) {
            double x = score_of(s, query, key, choice, j);
            x += mask ? (double)mask[j * s->mask.column] : 0;
            sum += exp(x - largest) / total *
                   (double)value[j * s->value.row + i * s->value.column];
        }
        result[i * s->result.column] = (float)sum;
    }
}

static int64_t stack_offset(const struct attention_strides *s, int64_t outer,
                            int64_t inner)
{
    return outer * s->outer + inner * s->inner;
}

void reference_attention(const struct attention_spec *s, const float *query,
                         const float *key, const float *value,
                         const float *mask, float *result)
{
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t i = 0; i < s->inner; i++)
            for (int64_t row = 0; row < s->m; row++)
                attend(
                    s,
                    query + stack_offset(&s->query, o, i) + row * s->query.row,
                    key + stack_offset(&s->key, o, i),
                    value + stack_offset(&s->value, o, i),
                    mask ? mask + stack_offset(&s->mask, o, i) +
                               row * s->mask.row
                         : NULL,
                    s->choice ? s->choice + stack_offset(&s->choice_at, o, i) +
                                    row * s->choice_at.row
                              : NULL,
                    result + stack_offset(&s->result, o, i) +
                        row * s->result.row);
}

static float do_add(float a, float b)
{
    return a + b;
}

static float do_sub(float a, float b)
{
    return a - b;
}

static float do_mul(float a, float b)
{
    return a * b;
}

static float do_div(float a, float b)
{
    return a / b;
}

static float do_max(float a, float b)
{
    return isnan(a) || a > b ? a : b;
}

static float do_min(float a, float b)
{
    return isnan(a) || a < b ? a : b;
}

static float (*const binary_functions[BINARY_KIND_COUNT])(float, float) = {
    [BINARY_ADD] = do_add, [BINARY_SUB] = do_sub, [BINARY_MUL] = do_mul,
    [BINARY_DIV] = do_div, [BINARY_MAX] = do_max, [BINARY_MIN] = do_min,
};

float reference_binary(enum binary_kind kind, float a, float b)
{
    return binary_functions[kind](a, b);
}

void reference_epilogue(const struct epilogue *epilogue, float *value,
                        const float *other, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float x = epilogue->add && other ? value[i] + other[i] : value[i];
        value[i] = reference_eltwise(&epilogue->activation, x);
    }
}
