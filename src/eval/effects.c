#include "eval/effects.h"

#include <math.h>
#include <string.h>

/* Deviations before anything was seen, in logits or in spreads of losses: of
 * the stratum at the boundary, from stratum to stratum, of a class. */
static const double FIRST = 0.7, WALK = 0.5, CLASS = 0.5;
/* The most that a deviation of classes is found to be. */
static const double CLASS_MOST = 2;

/* Whether label and rival both have effects. */
static bool is_paired(const struct effects *e, int64_t i)
{
    int32_t label = e->strata->label[i], rival = e->strata->rival[i];
    return label >= 0 && label < e->classes && rival >= 0 && rival < e->classes;
}

/* The commonest pair that has no effect yet gets one; false: none is left. */
static bool add_pair(struct effects *e,
                     int64_t counts[EFFECTS_CLASSES][EFFECTS_CLASSES])
{
    int64_t most = 0;
    int label = 0, rival = 0;
    for (int a = 0; a < e->classes; a++)
        for (int b = 0; b < e->classes; b++)
            if (counts[a][b] > most) {
                most = counts[a][b];
                label = a;
                rival = b;
            }
    if (!most)
        return false;
    counts[label][rival] = 0;
    e->pair[label][rival] = (unsigned char)++e->pairs;
    return true;
}

static void find_pairs(struct effects *e)
{
    int64_t counts[EFFECTS_CLASSES][EFFECTS_CLASSES] = {{0}};
    const struct strata *s = e->strata;
    memset(e->pair, 0, sizeof e->pair);
    e->pairs = 0;
    for (int64_t i = 0; i < s->samples; i++)
        if (is_paired(e, i))
            counts[s->label[i]][s->rival[i]]++;
    while (e->pairs < EFFECTS_PAIRS && add_pair(e, counts))
        ;
}

/* Wrong ones, then right ones from the boundary outwards. */
static void find_zones(struct effects *e)
{
    const struct strata *s = e->strata;
    size_t wrong = 0;
    while (wrong < s->count && !s->list[wrong].right)
        wrong++;
    for (size_t h = 0; h < s->count; h++)
        e->zone[h] = h < wrong ? 0
                               : 1 + (int)((h - wrong) * (EFFECTS_ZONES - 1) /
                                           (s->count - wrong));
}

void effects_init(struct effects *e, const struct strata *strata)
{
    e->strata = strata;
    e->classes = strata->classes <= EFFECTS_CLASSES ? strata->classes : 0;
    find_zones(e);
    find_pairs(e);
    e->size = (int)strata->count + (2 + EFFECTS_ZONES) * e->classes + e->pairs;
    memset(e->value, 0, sizeof e->value);
}

int effects_of(const struct effects *e, size_t h, int64_t i,
               int own[EFFECTS_OWN])
{
    const struct strata *s = e->strata;
    int32_t label = s->label[i], rival = s->rival[i];
    int count = 0, first = (int)s->count;
    own[count++] = (int)h;
    if (label >= 0 && label < e->classes)
        own[count++] = first + label;
    if (rival >= 0 && rival < e->classes)
        own[count++] = first + e->classes + rival;
    if (label >= 0 && label < e->classes)
        own[count++] = first + (2 + e->zone[h]) * e->classes + label;
    if (is_paired(e, i) && e->pair[label][rival])
        own[count++] = first + (2 + EFFECTS_ZONES) * e->classes +
                       e->pair[label][rival] - 1;
    return count;
}

double effects_sum(const struct effects *e, const int *own, int count)
{
    double sum = 0;
    for (int k = 0; k < count; k++)
        sum += e->value[own[k]];
    return sum;
}

/* --- a step --- */

/* That effect a (less b, unless -1) is normal with this deviation. */
static void believe(struct effects *e, int a, int b, double deviation)
{
    double weight = 1 / (deviation * deviation);
    double off = e->value[a] - (b < 0 ? 0 : e->value[b]);
    e->information[a][a] += weight;
    e->gradient[a] -= weight * off;
    if (b < 0)
        return;
    e->information[b][b] += weight;
    e->information[a > b ? a : b][a > b ? b : a] -= weight;
    e->gradient[b] += weight * off;
}

/* Classes that were seen to differ more than believed say so of those that
 * were not seen: a broken model keeps some classes whole and loses others. */
static void believe_classes(struct effects *e, int first, int count)
{
    double squares = 0;
    for (int c = first; c < first + count; c++)
        squares += e->value[c] * e->value[c];
    double found = count ? sqrt(squares / (double)count) : 0;
    for (int c = first; c < first + count; c++)
        believe(e, c, -1, fmin(fmax(found, CLASS), CLASS_MOST));
}

void effects_begin(struct effects *e)
{
    int strata = (int)e->strata->count;
    memset(e->gradient, 0, sizeof e->gradient);
    for (int i = 0; i < e->size; i++)
        memset(e->information[i], 0, (size_t)(i + 1) * sizeof(double));
    for (int h = 0; h < strata; h++) {
        bool right = e->strata->list[h].right;
        int inner = right ? h - 1 : h + 1;
        bool edge = inner < 0 || inner == strata ||
                    e->strata->list[inner].right != right;
        believe(e, h, edge ? -1 : inner, edge ? FIRST : WALK);
    }
    for (int family = 0; family < 2 + EFFECTS_ZONES; family++)
        believe_classes(e, strata + family * e->classes, e->classes);
    believe_classes(e, e->size - e->pairs, e->pairs);
}

void effects_add(struct effects *e, const int *own, int count, double gradient,
                 double information)
{
    for (int k = 0; k < count; k++) {
        e->gradient[own[k]] += gradient;
        for (int m = 0; m <= k; m++)
            e->information[own[k]][own[m]] += information;
    }
}

/* Four sums, so that one addition need not wait for the one before. */
static double dot(const double *a, const double *b, int count)
{
    double sums[4] = {0};
    int k = 0;
    for (; k + 4 <= count; k += 4)
        for (int m = 0; m < 4; m++)
            sums[m] += a[k + m] * b[k + m];
    for (; k < count; k++)
        sums[0] += a[k] * b[k];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/* Cholesky's factor in place; the beliefs make it positive. */
static void factor(struct effects *e)
{
    for (int i = 0; i < e->size; i++) {
        double *row = e->information[i];
        for (int j = 0; j <= i; j++) {
            const double *other = e->information[j];
            double x = row[j] - dot(row, other, j);
            row[j] = i == j ? sqrt(fmax(x, 1e-12)) : x / other[j];
        }
    }
}

/* x becomes L^-1 x, whose squares sum to x' information^-1 x. */
static void forward(const struct effects *e, double *x)
{
    for (int i = 0; i < e->size; i++)
        x[i] = (x[i] - dot(e->information[i], x, i)) / e->information[i][i];
}

static void backward(const struct effects *e, double *x)
{
    for (int i = e->size - 1; i >= 0; i--) {
        x[i] /= e->information[i][i];
        for (int k = 0; k < i; k++)
            x[k] -= e->information[i][k] * x[i];
    }
}

double effects_take(struct effects *e, double most)
{
    double largest = 0;
    factor(e);
    effects_solve(e, e->gradient);
    for (int i = 0; i < e->size; i++)
        largest = fmax(largest, fabs(e->gradient[i]));
    double part = largest > most ? most / largest : 1;
    for (int i = 0; i < e->size; i++)
        e->value[i] += part * e->gradient[i];
    return part * largest;
}

void effects_solve(const struct effects *e, double *x)
{
    forward(e, x);
    backward(e, x);
}

double effects_doubt(const struct effects *e, double *x)
{
    double sum = 0;
    forward(e, x);
    for (int i = 0; i < e->size; i++)
        sum += x[i] * x[i];
    return sum;
}
