#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const isa_names[CPU_ISA_COUNT] = {
    [CPU_ISA_SCALAR] = "scalar",
    [CPU_ISA_AVX2] = "avx2",
    [CPU_ISA_AVX512] = "avx512",
    [CPU_ISA_NEON] = "neon",
};

const char *cpu_isa_name(enum cpu_isa isa)
{
    return isa_names[isa];
}

enum cpu_isa cpu_isa_detect(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return CPU_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return CPU_ISA_AVX2;
#elif defined(__aarch64__)
    return CPU_ISA_NEON;
#endif
    return CPU_ISA_SCALAR;
}

bool cpu_isa_supported(enum cpu_isa isa)
{
    enum cpu_isa best = cpu_isa_detect();
    return isa == CPU_ISA_SCALAR || isa == best ||
           (isa < best && best != CPU_ISA_NEON);
}

int cpu_isa_select(enum cpu_isa *isa, struct error *err)
{
    enum cpu_isa best = cpu_isa_detect();
    const char *wanted = getenv("ESPALIER_ISA");
    *isa = best;
    if (!wanted || !*wanted)
        return 0;
    for (int i = 0; i < CPU_ISA_COUNT; i++) {
        if (strcmp(wanted, isa_names[i]) != 0)
            continue;
        if (!cpu_isa_supported((enum cpu_isa)i))
            return error_set(err, ERROR_USAGE,
                             "ESPALIER_ISA is '%s', but this processor has "
                             "'%s' at most",
                             wanted, isa_names[best]);
        *isa = (enum cpu_isa)i;
        return 0;
    }
    return error_set(
        err, ERROR_USAGE,
        "ESPALIER_ISA is '%s', expected scalar, avx2, avx512 or neon", wanted);
}

int cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

void cpu_model_name(char *text, unsigned long bytes)
{
    text[0] = '\0';
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        return;
    char line[256];
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(text, bytes, "%s", colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    fclose(f);
}
