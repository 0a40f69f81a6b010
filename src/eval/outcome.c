#include "eval/outcome.h"

#include <math.h>

struct outcome outcome_of(const float *logits, int64_t classes, int64_t label)
{
    int64_t best = 0, second = -1;
    for (int64_t i = 1; i < classes; i++) {
        if (logits[i] > logits[best]) {
            second = best;
            best = i;
        } else if (second < 0 || logits[i] > logits[second]) {
            second = i;
        }
    }
    struct outcome outcome = {.predicted = (int32_t)best, .loss = NAN};
    int64_t truth = label < 0 || label >= classes ? best : label;
    int64_t rival = truth == best ? second : best;
    outcome.margin = rival < 0 ? INFINITY : logits[truth] - logits[rival];
    if (label < 0 || label >= classes)
        return outcome;
    outcome.correct = best == label;
    int64_t above = 0;
    double sum = 0;
    for (int64_t i = 0; i < classes; i++) {
        sum += exp((double)logits[i] - (double)logits[best]);
        above += logits[i] > logits[label] ||
                 (logits[i] == logits[label] && i < label);
    }
    outcome.top5 = above < 5;
    outcome.loss =
        (float)(log(sum) + (double)logits[best] - (double)logits[label]);
    return outcome;
}
