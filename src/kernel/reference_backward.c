/* Every gradient element gathers its terms, as the definitions read. */
#include "kernel/reference_backward.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The output position that input position i reaches through tap k; -1: none. */
static int64_t reached(int64_t i, int64_t pad, int64_t k, int64_t dilation,
                       int64_t stride, int64_t out)
{
    int64_t at = i + pad - k * dilation;
    return at < 0 || at % stride || at / stride >= out ? -1 : at / stride;
}

/* The place that position o of a stride reads through tap k; -1: outside. */
static int64_t read_place(int64_t o, int64_t pad, int64_t k, int64_t dilation,
                          int64_t stride, int64_t in)
{
    int64_t at = o * stride - pad + k * dilation;
    return at < 0 || at >= in ? -1 : at;
}

static double conv_src_at(const struct conv_spec *s, const float *gradient,
                          const float *weight, int64_t y, int64_t x)
{
    int64_t out_group = s->oc / s->groups, in_group = s->ic / s->groups;
    double sum = 0;
    for (int64_t o = 0; o < out_group; o++) {
        for (int64_t k = 0; k < s->kh * s->kw; k++) {
            int64_t oy = reached(y, s->pad_top, k / s->kw, s->dh, s->sh, s->oh);
            int64_t ox =
                reached(x, s->pad_left, k % s->kw, s->dw, s->sw, s->ow);
            if (oy >= 0 && ox >= 0)
                sum += (double)gradient[(o * s->oh + oy) * s->ow + ox] *
                       (double)weight[o * in_group * s->kh * s->kw + k];
        }
    }
    return sum;
}

static void conv_src(const struct conv_spec *s, const float *gradient,
                     float *src_gradient)
{
    int64_t in_group = s->ic / s->groups, out_group = s->oc / s->groups;
    int64_t taps = s->kh * s->kw;
    for (int64_t plane = 0; plane < s->n * s->ic; plane++) {
        int64_t n = plane / s->ic, c = plane % s->ic;
        int64_t first = c / in_group * out_group;
        const float *from = gradient + (n * s->oc + first) * s->oh * s->ow;
        const float *weight =
            s->weight + (first * in_group + c % in_group) * taps;
        for (int64_t i = 0; i < s->ih * s->iw; i++)
            *src_gradient++ =
                (float)conv_src_at(s, from, weight, i / s->iw, i % s->iw);
    }
}

/* The sum over one image of gradient (oh, ow) times what tap k reads. */
static double conv_tap(const struct conv_spec *s, const float *plane,
                       const float *gradient, int64_t k)
{
    double sum = 0;
    for (int64_t o = 0; o < s->oh * s->ow; o++) {
        int64_t y =
            read_place(o / s->ow, s->pad_top, k / s->kw, s->dh, s->sh, s->ih);
        int64_t x =
            read_place(o % s->ow, s->pad_left, k % s->kw, s->dw, s->sw, s->iw);
        if (y >= 0 && x >= 0)
            sum += (double)gradient[o] * (double)plane[y * s->iw + x];
    }
    return sum;
}

static void conv_weight(const struct conv_spec *s, const float *src,
                        const float *gradient, float *weight_gradient)
{
    int64_t in_group = s->ic / s->groups, out_group = s->oc / s->groups;
    int64_t taps = s->kh * s->kw;
    for (int64_t i = 0; i < s->oc * in_group * taps; i++) {
        int64_t o = i / (in_group * taps);
        int64_t c = o / out_group * in_group + i / taps % in_group;
        double sum = 0;
        for (int64_t n = 0; n < s->n; n++)
            sum +=
                conv_tap(s, src + (n * s->ic + c) * s->ih * s->iw,
                         gradient + (n * s->oc + o) * s->oh * s->ow, i % taps);
        weight_gradient[i] = (float)sum;
    }
}

/* The sum of each channel of (n, c, inner). */
static void channel_sums(const float *gradient, int64_t n, int64_t c,
                         int64_t inner, float *sums)
{
    for (int64_t channel = 0; channel < c; channel++) {
        double sum = 0;
        for (int64_t i = 0; i < n * inner; i++)
            sum +=
                (double)gradient[(i / inner * c + channel) * inner + i % inner];
        sums[channel] = (float)sum;
    }
}

void reference_conv_backward(const struct conv_spec *s, const float *src,
                             const float *gradient, float *src_gradient,
                             float *weight_gradient, float *bias_gradient)
{
    if (src_gradient)
        conv_src(s, gradient, src_gradient);
    if (weight_gradient)
        conv_weight(s, src, gradient, weight_gradient);
    if (bias_gradient)
        channel_sums(gradient, s->n, s->oc, s->oh * s->ow, bias_gradient);
}

/* --- transposed: a convolution reads where it wrote --- */

static double deconv_src_at(const struct conv_spec *s, const float *gradient,
                            const float *weight, int64_t y, int64_t x)
{
    double sum = 0;
    for (int64_t i = 0; i < s->oc / s->groups * s->kh * s->kw; i++) {
        int64_t k = i % (s->kh * s->kw), o = i / (s->kh * s->kw);
        int64_t oy = read_place(y, s->pad_top, k / s->kw, s->dh, s->sh, s->oh);
        int64_t ox = read_place(x, s->pad_left, k % s->kw, s->dw, s->sw, s->ow);
        if (oy >= 0 && ox >= 0)
            sum += (double)gradient[(o * s->oh + oy) * s->ow + ox] *
                   (double)weight[i];
    }
    return sum;
}

static double deconv_tap(const struct conv_spec *s, const float *plane,
                         const float *gradient, int64_t k)
{
    double sum = 0;
    for (int64_t i = 0; i < s->ih * s->iw; i++) {
        int64_t oy =
            read_place(i / s->iw, s->pad_top, k / s->kw, s->dh, s->sh, s->oh);
        int64_t ox =
            read_place(i % s->iw, s->pad_left, k % s->kw, s->dw, s->sw, s->ow);
        if (oy >= 0 && ox >= 0)
            sum += (double)plane[i] * (double)gradient[oy * s->ow + ox];
    }
    return sum;
}

void reference_deconv_backward(const struct conv_spec *s, const float *src,
                               const float *gradient, float *src_gradient,
                               float *weight_gradient, float *bias_gradient)
{
    int64_t in_group = s->ic / s->groups, out_group = s->oc / s->groups;
    int64_t taps = s->kh * s->kw, in = s->ih * s->iw, out = s->oh * s->ow;
    for (int64_t i = 0; src_gradient && i < s->n * s->ic * in; i++) {
        int64_t n = i / in / s->ic, c = i / in % s->ic;
        int64_t first = c / in_group * out_group;
        src_gradient[i] = (float)deconv_src_at(
            s, gradient + (n * s->oc + first) * out,
            s->weight + c * out_group * taps, i % in / s->iw, i % s->iw);
    }
    for (int64_t i = 0; weight_gradient && i < s->ic * out_group * taps; i++) {
        int64_t c = i / taps / out_group;
        int64_t o = c / in_group * out_group + i / taps % out_group;
        double sum = 0;
        for (int64_t n = 0; n < s->n; n++)
            sum += deconv_tap(s, src + (n * s->ic + c) * in,
                              gradient + (n * s->oc + o) * out, i % taps);
        weight_gradient[i] = (float)sum;
    }
    if (bias_gradient)
        channel_sums(gradient, s->n, s->oc, out, bias_gradient);
}

/* --- pooling --- */

static bool in_window(const struct pool_spec *s, int64_t o, int64_t k,
                      int64_t *place)
{
    int64_t y =
        read_place(o / s->ow, s->pad_top, k / s->kw, s->dh, s->sh, s->ih);
    int64_t x =
        read_place(o % s->ow, s->pad_left, k % s->kw, s->dw, s->sw, s->iw);
    *place = y * s->iw + x;
    return y >= 0 && x >= 0;
}

/* How many taps of the window at o count: those inside the input, or inside
 * the declared padding as well. */
static int64_t counted(const struct pool_spec *s, int64_t o)
{
    int64_t y = o / s->ow * s->sh - s->pad_top;
    int64_t x = o % s->ow * s->sw - s->pad_left, count = 0, place;
    for (int64_t k = 0; k < s->kh * s->kw; k++) {
        bool padded = y + k / s->kw * s->dh < s->ih + s->pad_bottom &&
                      x + k % s->kw * s->dw < s->iw + s->pad_right;
        count += s->count_padding ? padded : in_window(s, o, k, &place);
    }
    return count;
}

static void pool_one(const struct pool_spec *s, const float *src, int64_t o,
                     float gradient, float *src_gradient)
{
    int64_t place, best = -1;
    float share = s->average ? gradient / (float)counted(s, o) : 0;
    for (int64_t k = 0; k < s->kh * s->kw; k++) {
        if (!in_window(s, o, k, &place))
            continue;
        if (s->average)
            src_gradient[place] += share;
        else if (best < 0 || src[place] > src[best])
            best = place;
    }
    if (best >= 0)
        src_gradient[best] += gradient;
}

void reference_pool_backward(const struct pool_spec *s, const float *src,
                             const float *gradient, float *src_gradient)
{
    int64_t in = s->ih * s->iw, out = s->oh * s->ow;
    for (int64_t plane = 0; plane < s->n * s->c; plane++) {
        memset(src_gradient, 0, (size_t)in * sizeof *src_gradient);
        for (int64_t o = 0; o < out; o++)
            pool_one(s, src, o, gradient[o], src_gradient);
        src += in;
        gradient += out;
        src_gradient += in;
    }
}

/* --- batch norm --- */

/* Where element i of channel c lies among (n, c, inner). */
static int64_t channel_place(const struct affine_spec *s, int64_t c, int64_t i)
{
    return (i / s->inner * s->c + c) * s->inner + i % s->inner;
}

void reference_norm_statistics(const struct affine_spec *s, const float *src,
                               float *mean, float *variance)
{
    int64_t count = s->n * s->inner;
    for (int64_t c = 0; c < s->c; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < count; i++)
            sum += (double)src[channel_place(s, c, i)];
        double middle = sum / (double)count;
        for (int64_t i = 0; i < count; i++) {
            double d = (double)src[channel_place(s, c, i)] - middle;
            squares += d * d;
        }
        mean[c] = (float)middle;
        variance[c] = (float)(squares / (double)count);
    }
}

/* sum of the gradient, and of it times the normalised input. */
struct norm_sums {
    double plain, normalised;
};

static struct norm_sums norm_sums_of(const struct affine_spec *s, int64_t c,
                                     double inverse, const float *src,
                                     const float *gradient)
{
    struct norm_sums sums = {0, 0};
    for (int64_t i = 0; i < s->n * s->inner; i++) {
        int64_t at = channel_place(s, c, i);
        double x = ((double)src[at] - (double)s->mean[c]) * inverse;
        sums.plain += (double)gradient[at];
        sums.normalised += (double)gradient[at] * x;
    }
    return sums;
}

void reference_norm_backward(const struct affine_spec *s, bool training,
                             const float *src, const float *gradient,
                             float *src_gradient, float *gamma_gradient,
                             float *beta_gradient, float *mean_gradient,
                             float *variance_gradient)
{
    int64_t count = s->n * s->inner;
    for (int64_t c = 0; c < s->c; c++) {
        double gamma = (double)s->gamma[c];
        double inverse = 1 / sqrt((double)s->variance[c] + (double)s->epsilon);
        struct norm_sums sums = norm_sums_of(s, c, inverse, src, gradient);
        for (int64_t i = 0; src_gradient && i < count; i++) {
            int64_t at = channel_place(s, c, i);
            double x = ((double)src[at] - (double)s->mean[c]) * inverse;
            double through =
                training ? (sums.plain + x * sums.normalised) / (double)count
                         : 0;
            src_gradient[at] =
                (float)(gamma * inverse * ((double)gradient[at] - through));
        }
        if (gamma_gradient)
            gamma_gradient[c] = (float)sums.normalised;
        if (beta_gradient)
            beta_gradient[c] = (float)sums.plain;
        if (mean_gradient)
            mean_gradient[c] =
                training ? 0 : (float)(-gamma * inverse * sums.plain);
        if (variance_gradient)
            variance_gradient[c] = training
                                       ? 0
                                       : (float)(-0.5 * gamma * inverse *
                                                 inverse * sums.normalised);
    }
}

/* --- softmax --- */

void reference_softmax_backward(const struct softmax_spec *s, const float *dst,
                                const float *gradient, float *src_gradient)
{
    for (int64_t line = 0; line < s->outer * s->inner; line++) {
        int64_t first = line / s->inner * s->axis * s->inner + line % s->inner;
        const float *y = dst + first, *g = gradient + first;
        float *x = src_gradient + first;
        double sum = 0;
        for (int64_t i = 0; i < s->axis * s->inner; i += s->inner)
            sum += (double)g[i] * (s->logarithm ? 1 : (double)y[i]);
        for (int64_t i = 0; i < s->axis * s->inner; i += s->inner)
            x[i] = (float)(s->logarithm ? (double)g[i] - exp((double)y[i]) * sum
                                        : (double)y[i] * ((double)g[i] - sum));
    }
}

/* --- element by element --- */

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

double reference_eltwise_slope(const struct eltwise_spec *spec, double x)
{
    const double pi = 3.14159265358979323846;
    double alpha = (double)spec->alpha, beta = (double)spec->beta, y;
    switch (spec->kind) {
    case ELTWISE_RELU:
        return x > 0 ? 1 : alpha;
    case ELTWISE_CLIP:
        return x > alpha && x < beta;
    case ELTWISE_SIGMOID:
        return logistic(x) * logistic(-x);
    case ELTWISE_TANH:
        y = tanh(x);
        return 1 - y * y;
    case ELTWISE_ELU:
        return x > 0 ? 1 : alpha * exp(x);
    case ELTWISE_HARDSIGMOID:
        y = alpha * x + beta;
        return y > 0 && y < 1 ? alpha : 0;
    case ELTWISE_HARDSWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case ELTWISE_SOFTPLUS:
        return logistic(x);
    case ELTWISE_ERF:
        return 2 / sqrt(pi) * exp(-x * x);
    case ELTWISE_GELU:
        return 0.5 * (1 + erf(x / sqrt(2))) +
               x * exp(-x * x / 2) / sqrt(2 * pi);
    case ELTWISE_EXP:
        return exp(x);
    case ELTWISE_LOG:
        return 1 / x;
    case ELTWISE_SQRT:
        return 0.5 / sqrt(x);
    case ELTWISE_ABS:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    case ELTWISE_NEG:
        return -1;
    default:
        return 1;
    }
}
