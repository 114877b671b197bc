#include "support/failing_memory.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic unsigned calls, fails_at; /* fails_at 0: none fails */
static _Atomic bool fails_for_good, failed;

void *__real_memory_try_allocate(size_t size);
void *__real_memory_try_resize(void *block, size_t size);
void *__wrap_memory_try_allocate(size_t size);
void *__wrap_memory_try_resize(void *block, size_t size);

void failing_memory_begin(unsigned call, bool for_good)
{
    calls = 0;
    failed = false;
    fails_for_good = for_good;
    fails_at = call;
}

bool failing_memory_end(void)
{
    fails_at = 0;
    return failed;
}

static bool fails(void)
{
    if (fails_at == 0)
        return false;
    unsigned call = ++calls;
    bool now = call == fails_at || (call > fails_at && fails_for_good);
    failed = failed || now;
    return now;
}

void *__wrap_memory_try_allocate(size_t size)
{
    return fails() ? NULL : __real_memory_try_allocate(size);
}

void *__wrap_memory_try_resize(void *block, size_t size)
{
    return fails() ? NULL : __real_memory_try_resize(block, size);
}
