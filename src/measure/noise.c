#include "measure/noise.h"

#include "base/clock.h"
#include "base/cpu.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A clock tick is 10 ms: less than that of somebody else is not seen. */
static const double most_others = 0.1, most_spread = 0.1;

/* What all processors were busy for since the machine started: the first line
 * of /proc/stat is user nice system idle iowait irq softirq steal. */
static int64_t machine_time(void)
{
    long long t[8] = {0};
    FILE *file = fopen("/proc/stat", "r");
    if (!file)
        return -1;
    int found = fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld %lld",
                       &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
    fclose(file);
    long ticks = sysconf(_SC_CLK_TCK);
    if (found < 4 || ticks <= 0)
        return -1;
    return (t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) * (1000000000 / ticks);
}

static int64_t own_time(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void noise_begin(struct noise_watch *watch)
{
    *watch = (struct noise_watch){machine_time(), own_time(), clock_now_ns()};
}

enum noise_kind noise_judge(double others, double spread)
{
    if (others > most_others)
        return NOISE_BUSY;
    return spread > most_spread ? NOISE_UNSTEADY : NOISE_QUIET;
}

struct noise noise_end(const struct noise_watch *watch,
                       const struct stats_summary *runs)
{
    struct noise noise = {.others = NAN};
    int64_t machine = machine_time(), passed = clock_now_ns() - watch->begin_ns;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (machine >= 0 && watch->machine_ns >= 0 && processors > 0 && passed > 0)
        noise.others = fmax(0, (double)(machine - watch->machine_ns -
                                        (own_time() - watch->own_ns)) /
                                   ((double)passed * (double)processors));
    noise.spread = (runs->p90 - runs->p10) / runs->median;
    noise.kind = noise_judge(noise.others, noise.spread);
    return noise;
}

const char *noise_word(enum noise_kind kind)
{
    static const char *const words[] = {"", "quiet", "busy", "unsteady"};
    return words[kind];
}
