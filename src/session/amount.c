/* Numbers are read digit by digit: strtod would follow the locale. */
#include "session/amount.h"

#include "prune/decision.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DIGITS = 15, MAX_DECIMALS = 2 }; /* 10^15 is exact in a double */

static const int64_t powers[] = {1, 10, 100};

static int not_amount(const char *text, struct error *err)
{
    return error_set(err, ERROR_USAGE,
                     "'%s' is not an amount, expected a percentage (85%%, "
                     "+1%%) or a whole number",
                     text);
}

/* Digits with at most one point; returns what follows, NULL if none. */
static const char *read_digits(const char *p, int64_t *digits, int *decimals)
{
    int count = 0;
    bool point = false;
    *digits = 0;
    *decimals = 0;
    for (; isdigit((unsigned char)*p) || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        *digits = *digits * 10 + (*p - '0');
        *decimals += point;
        if (++count > MAX_DIGITS)
            return NULL;
    }
    return count ? p : NULL;
}

int amount_parse(struct amount *amount, const char *text, struct error *err)
{
    *amount = (struct amount){0};
    int64_t digits;
    int decimals;
    int sign = *text == '-' ? -1 : 1;
    amount->relative = *text == '+' || *text == '-';
    const char *end = read_digits(text + amount->relative, &digits, &decimals);
    if (!end)
        return not_amount(text, err);
    if (!strcmp(end, "%")) {
        amount->percent = true;
        amount->share = (double)digits / pow(10, decimals + 2);
        if (amount->share > 1)
            return error_set(err, ERROR_RANGE,
                             "found %s, expected 0%% to 100%%", text);
        amount->share *= sign;
        return 0;
    }
    if (*end)
        return not_amount(text, err);
    if (decimals || end[-1] == '.')
        return error_set(err, ERROR_USAGE,
                         "'%s' is not a whole number; a percentage ends in %%",
                         text);
    amount->units = sign * digits;
    return 0;
}

double amount_share(int64_t steps, int decimals)
{
    return (double)steps / (double)(100 * powers[decimals]);
}

bool amount_percentage(int64_t remove, int64_t units, int64_t *steps,
                       int *decimals)
{
    for (int d = 0; units > 0 && d <= MAX_DECIMALS; d++) {
        int64_t nearest =
            llround((double)remove / (double)units * 100 * (double)powers[d]);
        if (decision_units(amount_share(nearest, d), units) == remove) {
            *steps = nearest;
            *decimals = d;
            return true;
        }
    }
    return false;
}

static int64_t clamp(int64_t value, int64_t high)
{
    return value < 0 ? 0 : value > high ? high : value;
}

static int64_t step_share(double step, int64_t present, int64_t units)
{
    int64_t steps;
    int decimals;
    double share = units > 0 ? (double)present / (double)units : 0;
    if (amount_percentage(present, units, &steps, &decimals))
        share = amount_share(steps, decimals);
    /* 0.29 + 0.01 must be 0.3: sums are taken in millionths of a percent. */
    share = round((share + step) * 1e8) / 1e8;
    int64_t remove = decision_units(share, units);
    if (remove == present && step != 0)
        remove += step > 0 ? 1 : -1;
    return clamp(remove, units);
}

int amount_apply(const struct amount *amount, int64_t present, int64_t units,
                 int64_t *remove, struct error *err)
{
    if (amount->percent && amount->relative)
        *remove = step_share(amount->share, present, units);
    else if (amount->percent)
        *remove = decision_units(amount->share, units);
    else if (amount->relative)
        *remove = clamp(present + amount->units, units);
    else if (amount->units > units)
        return error_set(err, ERROR_RANGE, "found %lld, expected at most %lld",
                         (long long)amount->units, (long long)units);
    else
        *remove = amount->units;
    return 0;
}

const char *amount_steps_text(int64_t steps, int decimals, char *text)
{
    while (decimals && steps % 10 == 0) {
        steps /= 10;
        decimals--;
    }
    if (decimals)
        snprintf(text, AMOUNT_TEXT_BYTES, "%lld.%0*lld",
                 (long long)(steps / powers[decimals]), decimals,
                 (long long)(steps % powers[decimals]));
    else
        snprintf(text, AMOUNT_TEXT_BYTES, "%lld", (long long)steps);
    return text;
}

const char *amount_text(int64_t remove, int64_t units, char *text)
{
    int64_t steps;
    int decimals;
    if (amount_percentage(remove, units, &steps, &decimals))
        return amount_steps_text(steps, decimals, text);
    /* More than 10,000 units: two decimals, but never a false 0 or 100. */
    steps = llround((double)remove / (double)units * 1e4);
    steps = steps < 1 ? 1 : steps > 9999 ? 9999 : steps;
    return amount_steps_text(steps, 2, text);
}
