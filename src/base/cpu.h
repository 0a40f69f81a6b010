/* What this processor can do. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include "base/error.h"

#include <stdbool.h>

/* Kernel families, each including those before that the processor has:
 * x86-64 has scalar, avx2, avx512; AArch64 scalar, neon. */
enum cpu_isa {
    CPU_ISA_SCALAR,
    CPU_ISA_AVX2,
    CPU_ISA_AVX512,
    CPU_ISA_NEON,
    CPU_ISA_COUNT,
};

const char *cpu_isa_name(enum cpu_isa isa);

/* Whether this processor and operating system support a family. */
bool cpu_isa_supported(enum cpu_isa isa);

/* The best family that this processor and operating system support. */
enum cpu_isa cpu_isa_detect(void);

/*
 * The family to use: ESPALIER_ISA (scalar, avx2, avx512, neon) when set, else
 * the best. Returns 0, or -1 with ERROR_USAGE for an unknown name or a family
 * that this processor lacks.
 */
int cpu_isa_select(enum cpu_isa *isa, struct error *err);

/* Processors that this process may run on, at least 1. */
int cpu_count(void);

/* The processor's name for reports, e.g. "AMD EPYC ..."; "" when unknown. */
void cpu_model_name(char *text, unsigned long bytes);

#endif
