#include "support/memory_balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/memory.h"

static struct memory_gauge gauge;
static int64_t balance_before; /* bytes taken and not freed */

static int64_t balance(void)
{
    return gauge.taken == NULL ? 0 : (int64_t)*gauge.taken - (int64_t)*gauge.freed;
}

static void *end_at_once(void *argument)
{
    return argument;
}

int memory_balance_begin(void **state)
{
    (void)state;
    pthread_t thread; /* the C library keeps some of the first one for the next */
    assert_int_equal(pthread_create(&thread, NULL, end_at_once, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    memory_gauge_init(&gauge);
    balance_before = balance();
    return 0;
}

int64_t memory_balance_now(void)
{
    return balance() - balance_before;
}

void all_memory_was_given_back(void **state)
{
    (void)state;
    assert_int_equal(memory_balance_now(), 0);
}
