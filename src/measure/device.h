/*
 * A device's profile: what was measured there, in a file that other machines
 * read (espalier-profile(5)).
 */
#ifndef MEASURE_DEVICE_H
#define MEASURE_DEVICE_H

#include "measure/survey.h"

#define DEVICE_FORMAT "espalier-profile"
enum { DEVICE_VERSION = 1, DEVICE_TEXT_BYTES = 128 };

struct costmodel;

struct device_info {
    char name[DEVICE_TEXT_BYTES]; /* "Raspberry Pi 4 Model B" */
    char cpu[DEVICE_TEXT_BYTES], isa[16];
    char dense[32]; /* whose dense kernels: "oneDNN 2.6.3", "own" */
    int cores, threads;
    double bytes_per_s;
};

/* Name, processor and instruction set of this machine. */
void device_info_here(struct device_info *info, enum cpu_isa isa);

/* Errors "PATH: ...". */
int device_write(const char *path, const struct device_info *info,
                 const struct survey *survey, struct error *err);

/* A profile that was read; immutable. */
struct device {
    struct device_info info;
    struct costmodel *model; /* owned, fitted */
};

/*
 * Owned by the caller (device_destroy).
 * Errors: ERROR_IO, ERROR_FORMAT "PATH: what, found, expected", ERROR_MEMORY.
 */
int device_read(struct device **out, const char *path, struct error *err);
void device_destroy(struct device *device);

#endif
