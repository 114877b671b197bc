#include "support/failing_memory.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic unsigned calls, fails_at; /* fails_at 0: none fails */
static _Atomic size_t counted_from;      /* bytes */
static _Atomic bool fails_for_good, failed;

void *__real_memory_try_allocate(size_t size);
void *__real_memory_try_resize(void *block, size_t size);
void *__wrap_memory_try_allocate(size_t size);
void *__wrap_memory_try_resize(void *block, size_t size);

void failing_memory_begin(unsigned call, size_t size_min, bool for_good)
{
    calls = 0;
    failed = false;
    counted_from = size_min;
    fails_for_good = for_good;
    fails_at = call;
}

bool failing_memory_end(void)
{
    fails_at = 0;
    return failed;
}

static bool fails(size_t size)
{
    if (fails_at == 0 || size < counted_from)
        return false;
    unsigned call = ++calls;
    bool now = call == fails_at || (call > fails_at && fails_for_good);
    failed = failed || now;
    return now;
}

void *__wrap_memory_try_allocate(size_t size)
{
    return fails(size) ? NULL : __real_memory_try_allocate(size);
}

void *__wrap_memory_try_resize(void *block, size_t size)
{
    return fails(size) ? NULL : __real_memory_try_resize(block, size);
}
