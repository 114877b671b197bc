#include "base/memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/watched.h"

#define BLOCKS 10000
#define LAG_MAX (4 * 1024 * 1024) /* bytes: what caches of threads may hide from a look-up */

static void a_gauge_counts_this_threads_blocks_at_once(void **state)
{
    (void)state;
    static void *blocks[BLOCKS];
    struct memory_gauge gauge;
    memory_gauge_init(&gauge);
    size_t before = memory_gauge_read(&gauge);
    void *block = memory_allocate(10000);
    size_t size = memory_usable_size(block);
    assert_int_equal(memory_gauge_read(&gauge), before + size);
    memory_free(block);
    assert_int_equal(memory_gauge_read(&gauge), before);
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = memory_allocate(1000);
        size_t used = memory_gauge_read(&gauge), taken = (size_t)(i + 1) * 1000;
        assert_in_range(used + LAG_MAX, before + taken,
                        before + taken + BLOCKS * 100 + 2 * LAG_MAX);
    }
    for (int i = 0; i < BLOCKS; i++)
        memory_free(blocks[i]);
    assert_in_range(memory_gauge_read(&gauge) + LAG_MAX, before, before + 2 * LAG_MAX);
}

static void *take_much(void *context)
{
    void **block = context;
    *block = memory_allocate(64 * 1024 * 1024);
    return NULL;
}

static void a_gauge_learns_of_other_threads_soon(void **state)
{
    (void)state;
    struct memory_gauge gauge;
    memory_gauge_init(&gauge);
    size_t before = memory_gauge_read(&gauge);
    void *block = NULL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_much, &block), 0);
    pthread_join(thread, NULL);
    for (int moved = 0; moved <= MEMORY_GAUGE_STALE_MAX; moved += 2 * 1000)
        memory_free(memory_allocate(1000));
    assert_true(memory_gauge_read(&gauge) > before + 60 * 1024 * 1024);
    memory_free(block); /* on a thread that did not take it */
    for (int moved = 0; moved <= MEMORY_GAUGE_STALE_MAX; moved += 2 * 1000)
        memory_free(memory_allocate(1000));
    assert_in_range(memory_gauge_read(&gauge), 0, before + LAG_MAX);
}

static void a_block_can_be_resized_and_copied(void **state)
{
    (void)state;
    char *text = memory_copy_string("holdfast");
    text = memory_resize(text, 100000);
    assert_string_equal(text, "holdfast");
    assert_true(memory_usable_size(text) >= 100000);
    memory_free(text);
    memory_free(NULL);
}

static void what_cannot_be_had_is_refused(void **state)
{
    (void)state;
    SKIP_WATCHED(NULL, "what watches reports such a size");
    volatile size_t size = SIZE_MAX / 4; /* not for the compiler to know */
    assert_null(memory_try_allocate(size));
    char *block = memory_allocate(8);
    assert_null(memory_try_resize(block, size));
    memory_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gauge_counts_this_threads_blocks_at_once),
        cmocka_unit_test(a_gauge_learns_of_other_threads_soon),
        cmocka_unit_test(a_block_can_be_resized_and_copied),
        cmocka_unit_test(what_cannot_be_had_is_refused),
    };
    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
