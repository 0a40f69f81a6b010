/* A flag that one thread raises and another polls. */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Written by whoever wants the work to stop, read by the worker per step. */
struct cancel {
    atomic_bool raised;
};

static inline void cancel_raise(struct cancel *cancel)
{
    atomic_store_explicit(&cancel->raised, true, memory_order_release);
}

static inline void cancel_reset(struct cancel *cancel)
{
    atomic_store_explicit(&cancel->raised, false, memory_order_release);
}

/* NULL is never raised. */
static inline bool cancel_raised(const struct cancel *cancel)
{
    return cancel &&
           atomic_load_explicit(&cancel->raised, memory_order_acquire);
}

#endif
