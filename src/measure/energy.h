/*
 * Energy of one run: measured where the machine counts it (RAPL), else after
 * a model, which is marked as one wherever it is shown.
 */
#ifndef MEASURE_ENERGY_H
#define MEASURE_ENERGY_H

#include "measure/cost.h"

#include <stdbool.h>

/*
 * The model: every multiplication with a kept weight, and every byte of the
 * encoded weights fetched from memory once a run. Activations stay in caches
 * and are not counted.
 * Source: Horowitz, "Computing's energy problem", ISSCC 2014: 45 nm, float32
 * multiplication 3.7 pJ and addition 0.9 pJ; 32 bits from DRAM 640 pJ (Han et
 * al. 2015, table 1).
 */
struct energy_price {
    const char *what, *source;
    double picojoules;
};
enum energy_item { ENERGY_MAC, ENERGY_BYTE, ENERGY_ITEM_COUNT };
extern const struct energy_price energy_prices[ENERGY_ITEM_COUNT];

/* Joules of one sample. */
double energy_model(double macs, double bytes);
double energy_of_cost(const struct cost *cost);

/* Counters of all processor packages. */
enum { ENERGY_DOMAINS = 8 };
struct energy_meter {
    char folder[256];
    int count; /* 0: the machine has none, or they cannot be read */
    int domains[ENERGY_DOMAINS];
    double begin_j[ENERGY_DOMAINS], range_j[ENERGY_DOMAINS];
};

/* folder  NULL: /sys/class/powercap */
void energy_meter_begin(struct energy_meter *meter, const char *folder);
/* Joules since then, of everything that ran; NAN: not known. A counter that
 * began anew once is understood. */
double energy_meter_end(const struct energy_meter *meter);

#endif
