#include "eval/outcome.h"

#include <math.h>

enum { TOP = 5 };

/* The largest logit but `without` (-1: of all); the lowest class of equals,
 * -1 when there is none. NAN is never the largest. */
static int64_t largest(const float *logits, int64_t classes, int64_t without)
{
    int64_t best = -1;
    for (int64_t c = 0; c < classes; c++)
        if (c != without && logits[c] == logits[c] &&
            (best < 0 || logits[c] > logits[best]))
            best = c;
    return best;
}

/* The fifth largest logit but the label's; -INFINITY: there is none. */
static float fifth_of(const float *logits, int64_t classes, int64_t label)
{
    float best[TOP]; /* descending */
    int count = 0;
    for (int64_t c = 0; c < classes; c++) {
        if (c == label || logits[c] != logits[c] ||
            (count == TOP && logits[c] <= best[TOP - 1]))
            continue;
        int at = count < TOP ? count++ : TOP - 1;
        for (; at > 0 && best[at - 1] < logits[c]; at--)
            best[at] = best[at - 1];
        best[at] = logits[c];
    }
    return count < TOP ? -INFINITY : best[TOP - 1];
}

/* Classes that argsort puts before `label`. */
static int64_t rank_of(const float *logits, int64_t classes, int64_t label)
{
    int64_t before = 0;
    for (int64_t c = 0; c < classes; c++)
        before += logits[c] > logits[label] ||
                  (logits[c] == logits[label] && c < label);
    return before;
}

static double cross_entropy(const float *logits, int64_t classes, int64_t label,
                            double maximum)
{
    double sum = 0;
    for (int64_t c = 0; c < classes; c++)
        sum += exp((double)logits[c] - maximum);
    return log(sum) + (maximum - (double)logits[label]);
}

static double log_share(const float *shares, int64_t classes, int64_t label)
{
    double sum = 0;
    for (int64_t c = 0; c < classes; c++)
        sum += (double)shares[c];
    return (double)op_answer_log(shares[label]) - log(sum);
}

static float margin_between(float a, float b, bool shares)
{
    return shares ? op_answer_log(a) - op_answer_log(b) : a - b;
}

static struct outcome outcome_from(const float *logits, int64_t classes,
                                   int64_t label, bool shares)
{
    int64_t best = largest(logits, classes, -1);
    /* All logits NAN: an answer must be given, argmax's is the first. */
    int64_t predicted = best < 0 ? 0 : best;
    int64_t self = label < 0 ? predicted : label;
    int64_t other = largest(logits, classes, self);
    struct outcome outcome = {
        .predicted = (int32_t)predicted, .rival = (int32_t)other, .loss = NAN};
    float fifth = fifth_of(logits, classes, self);
    outcome.margin5 =
        isinf(fifth) ? INFINITY : margin_between(logits[self], fifth, shares);
    outcome.margin = other < 0
                         ? INFINITY
                         : margin_between(logits[self], logits[other], shares);
    if (label < 0)
        return outcome;
    bool number = logits[label] == logits[label];
    outcome.correct = number && predicted == label;
    outcome.top5 = number && rank_of(logits, classes, label) < TOP;
    double maximum = best < 0 ? NAN : (double)logits[best];
    outcome.loss =
        (float)(shares ? -log_share(logits, classes, label)
                       : cross_entropy(logits, classes, label, maximum));
    return outcome;
}

struct outcome outcome_of(const float *logits, int64_t classes, int64_t label)
{
    return outcome_from(logits, classes, label, false);
}

struct outcome outcome_read(const struct op_answer *answer,
                            const float *numbers, int64_t label)
{
    if (answer->width > 1)
        return outcome_from(numbers, answer->width, label, answer->shares);
    float pair[] = {0, op_answer_logit(answer, numbers[0])};
    return outcome_from(pair, 2, label, false);
}
