#include "measure/latency.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_RUNS = 15, RUNS_MAX = 20000 };

struct latency_protocol latency_protocol_bench(void)
{
    return (struct latency_protocol){5, 30, 1000000000, 10000000000};
}

struct latency_protocol latency_protocol_live(void)
{
    return (struct latency_protocol){3, 15, 60000000, 1500000000};
}

void latency_release(struct latency *latency)
{
    free(latency->step_ms);
    *latency = (struct latency){0};
}

/* Standard normal numbers, the same at every measurement; integer inputs
 * (token ids) stay zero, which every vocabulary has. */
static void fill_inputs(struct crew *crew, int64_t parts)
{
    const struct graph *instance = plan_instance(crew_plan(crew));
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < instance->input_count; i++) {
        const struct value *value = &instance->values[instance->inputs[i]];
        int64_t count = shape_elements(&value->shape) * parts;
        void *data = crew_input(crew, i);
        memset(data, 0, (size_t)count * dtype_size(value->dtype));
        float *numbers = data;
        for (int64_t k = 0; value->dtype == DTYPE_FLOAT32 && k < count; k++)
            numbers[k] = (float)rng_normal(&rng);
    }
}

static int time_runs(struct latency *latency, struct crew *crew,
                     const struct latency_protocol *protocol,
                     const struct cancel *cancel, struct error *err)
{
    size_t capacity = 0;
    double *times = NULL;
    int64_t runs = 0, begin = clock_now_ns();
    struct noise_watch watch;
    struct energy_meter meter;
    int result = 0;
    noise_begin(&watch);
    energy_meter_begin(&meter, NULL);
    for (; runs < RUNS_MAX; runs++) {
        int64_t start = clock_now_ns(), spent = start - begin;
        if (runs >= protocol->runs && spent >= protocol->minimum_ns)
            break;
        if (runs > 2 && spent >= protocol->maximum_ns)
            break;
        if (array_reserve(&times, &capacity, (size_t)runs + 1, sizeof *times) <
            0) {
            result = error_memory(err, sizeof *times * (size_t)runs);
            break;
        }
        result = crew_run(crew, cancel, err);
        if (result < 0)
            break;
        times[runs] = (double)(clock_now_ns() - start) * 1e-6;
    }
    if (!result) {
        latency->run_ms = stats_summarise(times, (size_t)runs);
        latency->runs = runs;
        latency->joules = energy_meter_end(&meter) / (double)runs;
        latency->noise = noise_end(&watch, &latency->run_ms);
    }
    free(times);
    return result;
}

static int time_steps(struct latency *latency, struct crew *crew,
                      const struct latency_protocol *protocol,
                      const struct cancel *cancel, struct error *err)
{
    size_t steps = plan_step_count(crew_plan(crew));
    int runs = protocol->runs < STEP_RUNS ? protocol->runs : STEP_RUNS;
    int result = -1;
    int64_t *times = array_create(steps * (size_t)runs, sizeof *times);
    latency->step_ms = array_create(steps, sizeof *latency->step_ms);
    double *column = array_create((size_t)runs, sizeof *column);
    if (!times || !latency->step_ms || !column) {
        error_memory(err, steps * (size_t)runs * sizeof *times);
        goto out;
    }
    int64_t begin = clock_now_ns();
    int done = 0;
    for (; done < runs; done++) {
        if (done > 2 && clock_now_ns() - begin > protocol->maximum_ns)
            break;
        if (crew_time_steps(crew, cancel, times + steps * (size_t)done, err) <
            0)
            goto out;
    }
    latency->steps = steps;
    for (size_t s = 0; s < steps; s++) {
        for (int r = 0; r < done; r++)
            column[r] = (double)times[steps * (size_t)r + s] * 1e-6;
        latency->step_ms[s] = stats_summarise(column, (size_t)done).median;
    }
    result = 0;
out:
    free(column);
    free(times);
    return result;
}

int latency_measure(struct latency *latency, struct crew *crew,
                    const struct latency_protocol *protocol,
                    const struct cancel *cancel, struct error *err)
{
    *latency = (struct latency){0};
    fill_inputs(crew, crew_parts(crew));
    int64_t begin = clock_now_ns();
    for (int i = 0; i < protocol->warmup; i++) {
        if (crew_run(crew, cancel, err) < 0)
            return -1;
        if (clock_now_ns() - begin > protocol->maximum_ns)
            break;
    }
    if (time_runs(latency, crew, protocol, cancel, err) < 0 ||
        time_steps(latency, crew, protocol, cancel, err) < 0) {
        latency_release(latency);
        return -1;
    }
    return 0;
}
