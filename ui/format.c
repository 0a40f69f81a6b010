/* Every function fits FORMAT_ROOM for any double. */
#include "format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static char *unknown(char *text)
{
    snprintf(text, FORMAT_ROOM, "…");
    return text;
}

/* Three significant digits without an exponent below 1000. */
static int digits_of(double value)
{
    double size = fabs(value);
    return size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
}

char *format_count(char *text, double count)
{
    static const char units[] = " kMGT";
    int unit = 0;
    if (!isfinite(count))
        return unknown(text);
    double value = count;
    while (fabs(value) >= 999.5 && unit < 4) {
        value /= 1000;
        unit++;
    }
    if (unit == 0)
        snprintf(text, FORMAT_ROOM, "%.0f", value);
    else
        snprintf(text, FORMAT_ROOM, "%.*f%c", digits_of(value), value,
                 units[unit]);
    return text;
}

char *format_grouped(char *text, int64_t count)
{
    char plain[24];
    int length = snprintf(plain, sizeof plain, "%lld", (long long)count);
    char *out = text;
    for (int i = 0; i < length; i++) {
        *out++ = plain[i];
        if (plain[i] != '-' && i + 1 < length && (length - i - 1) % 3 == 0)
            *out++ = ',';
    }
    *out = '\0';
    return text;
}

char *format_bytes(char *text, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int unit = 0;
    if (!isfinite(bytes))
        return unknown(text);
    while (bytes >= 999.5 && unit < 4) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, FORMAT_ROOM, "%.*f %s", unit == 0 ? 0 : digits_of(bytes),
             bytes, units[unit]);
    return text;
}

char *format_ms(char *text, double ms)
{
    if (!isfinite(ms))
        return unknown(text);
    snprintf(text, FORMAT_ROOM, "%.*f", digits_of(ms), ms);
    return text;
}

char *format_joules(char *text, double joules)
{
    static const char *const units[] = {"nJ", "uJ", "mJ", "J"};
    double value = joules * 1e9;
    int unit = 0;
    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    snprintf(text, FORMAT_ROOM, "%.3g %s", value, units[unit]);
    return text;
}

char *format_speed(char *text, double ratio)
{
    if (!isfinite(ratio))
        return unknown(text);
    snprintf(text, FORMAT_ROOM, "%.*fx", ratio >= 9.995 ? 1 : 2, ratio);
    return text;
}

char *format_percent(char *text, double share)
{
    double percent = 100 * share;
    if (!isfinite(percent))
        return unknown(text);
    double whole = round(percent);
    bool edge = (percent > 0 && percent < 1) || (percent > 99 && percent < 100);
    if (edge && fabs(percent - whole) > 0.05)
        snprintf(text, FORMAT_ROOM, "%.1f%%", percent);
    else
        snprintf(text, FORMAT_ROOM, "%.0f%%", whole);
    return text;
}

char *format_whole(char *text, double share)
{
    if (!isfinite(share))
        return unknown(text);
    snprintf(text, FORMAT_ROOM, "%.0f%%", 100 * share);
    return text;
}

char *format_accuracy(char *text, const struct estimate *estimate, int digits)
{
    if (estimate->samples <= 0 || !isfinite(estimate->value))
        return unknown(text);
    snprintf(text, FORMAT_ROOM, "%s%.*f",
             estimate->samples < estimate->total ? "~" : "", digits,
             100 * estimate->value);
    return text;
}

char *format_interval(char *text, const struct estimate *estimate, int digits)
{
    text[0] = '\0';
    if (estimate->samples > 0 && isfinite(estimate->low))
        snprintf(text, FORMAT_ROOM, "[%.*f,%.*f]", digits, 100 * estimate->low,
                 digits, 100 * estimate->high);
    return text;
}

char *format_difference(char *text, const struct estimate *estimate, int digits)
{
    if (estimate->samples <= 0 || !isfinite(estimate->value))
        return unknown(text);
    double points = 100 * estimate->value;
    if (fabs(points) < 0.5 * pow(10, -digits))
        points = 0;
    snprintf(text, FORMAT_ROOM, points == 0 ? "%.*f" : "%+.*f", digits, points);
    return text;
}

char *format_margin(char *text, const struct estimate *estimate)
{
    text[0] = '\0';
    double half = 50 * (estimate->high - estimate->low);
    if (estimate->samples <= 0 || !isfinite(half))
        return text;
    snprintf(text, FORMAT_ROOM, "%.2f", half);
    if (text[0] == '0' && text[1] == '.')
        memmove(text, text + 1, strlen(text));
    return text;
}

int format_significant(const struct estimate *difference)
{
    return difference->samples > 0 &&
           (difference->low > 0 || difference->high < 0);
}

char *format_seconds(char *text, double seconds)
{
    if (!isfinite(seconds) || seconds < 0)
        return unknown(text);
    if (seconds < 99.5)
        snprintf(text, FORMAT_ROOM, "%.0fs", seconds);
    else
        snprintf(text, FORMAT_ROOM, "%.0fm%02.0fs", floor(seconds / 60),
                 floor(fmod(seconds, 60)));
    return text;
}
