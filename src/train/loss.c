#include "train/loss.h"

#include "op/answer.h"

#include <math.h>
#include <stddef.h>

struct loss_options loss_defaults(void)
{
    return (struct loss_options){LOSS_CROSS_ENTROPY, 0, 0, 4, false};
}

/* log of the sum of exp(z / temperature). */
static double log_sum(int64_t classes, const float *z, double temperature)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < classes; i++)
        largest = fmax(largest, (double)z[i] / temperature);
    for (int64_t i = 0; i < classes; i++)
        sum += exp((double)z[i] / temperature - largest);
    return largest + log(sum);
}

static double entropy_part(const struct loss_options *o, int64_t classes,
                           const float *z, int64_t label, double share,
                           float *gradient)
{
    double normaliser = log_sum(classes, z, 1), loss = 0;
    double even = o->smoothing / (double)classes;
    for (int64_t i = 0; i < classes; i++) {
        double target = even + (i == label ? 1 - o->smoothing : 0);
        double logarithm = (double)z[i] - normaliser;
        loss -= target * logarithm;
        if (gradient)
            gradient[i] += (float)(share * (exp(logarithm) - target));
    }
    return share * loss;
}

static double squared_part(int64_t classes, const float *z, int64_t label,
                           double share, float *gradient)
{
    double loss = 0, each = 1 / (double)classes;
    for (int64_t i = 0; i < classes; i++) {
        double difference = (double)z[i] - (i == label);
        loss += each * difference * difference;
        if (gradient)
            gradient[i] += (float)(share * 2 * each * difference);
    }
    return share * loss;
}

static double teacher_part(const struct loss_options *o, int64_t classes,
                           const float *z, const float *t, double share,
                           float *gradient)
{
    double temperature = o->temperature, loss = 0;
    double mine = log_sum(classes, z, temperature);
    double theirs = log_sum(classes, t, temperature);
    for (int64_t i = 0; i < classes; i++) {
        double a = (double)t[i] / temperature - theirs;
        double b = (double)z[i] / temperature - mine;
        loss += exp(a) * (a - b);
        if (gradient)
            gradient[i] += (float)(share * temperature * (exp(b) - exp(a)));
    }
    return share * temperature * temperature * loss;
}

static double sample_loss(const struct loss_options *options, int64_t classes,
                          const float *logits, int64_t label,
                          const float *teacher, float *gradient)
{
    double taught = !teacher ? 0 : label < 0 ? 1 : options->distill, loss = 0;
    for (int64_t i = 0; gradient && i < classes; i++)
        gradient[i] = 0;
    if (label >= 0 && taught < 1)
        loss += options->kind == LOSS_SQUARED
                    ? squared_part(classes, logits, label, 1 - taught, gradient)
                    : entropy_part(options, classes, logits, label, 1 - taught,
                                   gradient);
    if (taught > 0)
        loss +=
            teacher_part(options, classes, logits, teacher, taught, gradient);
    return loss;
}

/* Of one number: as two logits, the first of which is 0. */
static double loss_of_one(const struct loss_options *options, float number,
                          int64_t label, const float *teacher, float *gradient)
{
    struct op_answer answer = {1, 2, options->shares};
    float pair[2] = {0, op_answer_logit(&answer, number)}, taught[2] = {0};
    float slope[2];
    if (teacher)
        taught[1] = op_answer_logit(&answer, teacher[0]);
    double loss = sample_loss(options, 2, pair, label, teacher ? taught : NULL,
                              gradient ? slope : NULL);
    /* dp/dz is p (1 - p), which the network multiplies with again. */
    float rate = options->shares ? number * (1 - number) : 1;
    if (gradient)
        gradient[0] = slope[1] / fmaxf(rate, 1e-7f);
    return loss;
}

double loss_sample(const struct loss_options *options, int64_t classes,
                   const float *logits, int64_t label, const float *teacher,
                   float *gradient)
{
    return classes == 1
               ? loss_of_one(options, logits[0], label, teacher, gradient)
               : sample_loss(options, classes, logits, label, teacher,
                             gradient);
}
