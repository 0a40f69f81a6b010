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

/* The label's logit minus the fifth largest of the others'. */
static float margin_of_five(const float *logits, int64_t classes, int64_t label)
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
    return count < TOP ? INFINITY : logits[label] - best[TOP - 1];
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

struct outcome outcome_of(const float *logits, int64_t classes, int64_t label)
{
    int64_t best = largest(logits, classes, -1);
    /* All logits NAN: an answer must be given, argmax's is the first. */
    int64_t predicted = best < 0 ? 0 : best;
    int64_t self = label < 0 ? predicted : label;
    int64_t other = largest(logits, classes, self);
    struct outcome outcome = {
        .predicted = (int32_t)predicted, .rival = (int32_t)other, .loss = NAN};
    outcome.margin5 = margin_of_five(logits, classes, self);
    outcome.margin = other < 0 ? INFINITY : logits[self] - logits[other];
    if (label < 0)
        return outcome;
    bool number = logits[label] == logits[label];
    outcome.correct = number && predicted == label;
    outcome.top5 = number && rank_of(logits, classes, label) < TOP;
    double maximum = best < 0 ? NAN : (double)logits[best];
    outcome.loss = (float)cross_entropy(logits, classes, label, maximum);
    return outcome;
}
