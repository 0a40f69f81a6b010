#include "measure/energy.h"

#include <math.h>
#include <stdio.h>

const struct energy_price energy_prices[ENERGY_ITEM_COUNT] = {
    [ENERGY_MAC] = {"float32 multiply-accumulate, 45 nm", "Horowitz 2014", 4.6},
    [ENERGY_BYTE] = {"byte from DRAM", "Horowitz 2014, Han et al. 2015", 160},
};

double energy_model(double macs, double bytes)
{
    return 1e-12 * (macs * energy_prices[ENERGY_MAC].picojoules +
                    bytes * energy_prices[ENERGY_BYTE].picojoules);
}

double energy_of_cost(const struct cost *cost)
{
    return energy_model((double)cost->effective_macs,
                        (double)cost->encoded_bytes);
}

/* A file with one number of microjoules, as joules. */
static bool read_joules(const struct energy_meter *meter, int domain,
                        const char *file, double *joules)
{
    char path[320];
    double microjoules;
    snprintf(path, sizeof path, "%s/intel-rapl:%d/%s", meter->folder, domain,
             file);
    FILE *stream = fopen(path, "r");
    if (!stream)
        return false;
    bool read = fscanf(stream, "%lf", &microjoules) == 1 && microjoules >= 0;
    fclose(stream);
    *joules = microjoules * 1e-6;
    return read;
}

/* AMD's counters have the same names. Domains of parts (intel-rapl:0:0) are
 * in those of their package. */
void energy_meter_begin(struct energy_meter *meter, const char *folder)
{
    *meter = (struct energy_meter){0};
    snprintf(meter->folder, sizeof meter->folder, "%s",
             folder ? folder : "/sys/class/powercap");
    for (int domain = 0; domain < ENERGY_DOMAINS; domain++) {
        int i = meter->count;
        if (!read_joules(meter, domain, "energy_uj", &meter->begin_j[i]))
            continue;
        if (!read_joules(meter, domain, "max_energy_range_uj",
                         &meter->range_j[i]))
            meter->range_j[i] = 0;
        meter->domains[i] = domain;
        meter->count++;
    }
}

double energy_meter_end(const struct energy_meter *meter)
{
    double sum = 0;
    for (int i = 0; i < meter->count; i++) {
        double now;
        if (!read_joules(meter, meter->domains[i], "energy_uj", &now))
            return NAN;
        sum += now - meter->begin_j[i];
        if (now < meter->begin_j[i])
            sum += meter->range_j[i];
    }
    return meter->count ? sum : NAN;
}
