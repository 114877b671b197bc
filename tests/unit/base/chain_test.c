#include "base/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS_KEPT_MAX 4

struct chain_fixture {
    struct chain_pool *pool;
    struct chain first, second;
    struct chain_shared *shared;
};

static int start(void **state)
{
    static struct chain_fixture fixture;
    fixture.pool = chain_pool_create(BLOCKS_KEPT_MAX);
    chain_init(&fixture.first, fixture.pool);
    chain_init(&fixture.second, fixture.pool);
    fixture.shared = chain_shared_create(100);
    *state = &fixture;
    return 0;
}

static int stop(void **state)
{
    struct chain_fixture *fixture = *state;
    chain_deinit(&fixture->first);
    chain_deinit(&fixture->second);
    int held = fixture->shared->references != 1; /* nobody else's */
    chain_shared_release(fixture->shared);
    chain_pool_destroy(fixture->pool);
    return held;
}

static void share(struct chain *chain, struct chain_shared *shared, const char *text)
{
    size_t position = chain_shared_append(shared, text, strlen(text));
    chain_append_shared(chain, shared, position, strlen(text));
}

static void expect(const struct chain *chain, const char *text)
{
    char bytes[200] = "";
    assert_int_equal(chain->length, strlen(text));
    chain_copy_out(chain, 0, bytes, chain->length);
    assert_string_equal(bytes, text);
    size_t memory = 0;
    for (const struct chain_block *block = chain->head; block != NULL; block = block->next)
        memory += sizeof *block + block->capacity;
    assert_int_equal(chain->memory, memory);
}

static int vector_count(const struct chain *chain)
{
    struct iovec vectors[8];
    return chain_vectors(chain, vectors, 8);
}

static void what_is_appended_comes_out_in_order(void **state)
{
    struct chain_fixture *fixture = *state;
    static char data[3 * CHAIN_BLOCK_SIZE], out[3 * CHAIN_BLOCK_SIZE];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i % 251);
    size_t half = sizeof data / 2;
    chain_append(&fixture->first, data, 10);
    chain_append(&fixture->first, data + 10, half - 10);
    chain_append(&fixture->first, data + half, sizeof data - half);
    chain_copy_out(&fixture->first, 0, out, sizeof out);
    assert_memory_equal(out, data, sizeof data);
    chain_consume(&fixture->first, 20000);
    chain_copy_out(&fixture->first, 0, out, sizeof data - 20000);
    assert_memory_equal(out, data + 20000, sizeof data - 20000);
}

static void many_chains_refer_to_the_same_bytes(void **state)
{
    struct chain_fixture *fixture = *state;
    size_t position = chain_shared_append(fixture->shared, "hello", 5);
    chain_append_shared(&fixture->first, fixture->shared, position, 5);
    chain_append_shared(&fixture->second, fixture->shared, position, 5);
    assert_int_equal(fixture->shared->references, 3);
    assert_ptr_equal(fixture->first.head->data, fixture->second.head->data);
    expect(&fixture->first, "hello");
    chain_consume(&fixture->first, 5);
    assert_int_equal(fixture->shared->references, 2);
    chain_consume(&fixture->second, 3);
    expect(&fixture->second, "lo");
}

static void shared_bytes_that_follow_each_other_are_one_block(void **state)
{
    struct chain_fixture *fixture = *state;
    share(&fixture->first, fixture->shared, "one ");
    share(&fixture->first, fixture->shared, "two ");
    assert_int_equal(vector_count(&fixture->first), 1);
    share(&fixture->second, fixture->shared, "not for the first");
    share(&fixture->first, fixture->shared, "three");
    assert_int_equal(vector_count(&fixture->first), 2);
    chain_consume(&fixture->first, 4);
    expect(&fixture->first, "two three");
}

static void own_bytes_never_land_in_shared_ones(void **state)
{
    struct chain_fixture *fixture = *state;
    share(&fixture->first, fixture->shared, "shared ");
    chain_append(&fixture->first, "own ", 4);
    memcpy(chain_reserve(&fixture->first, 4), "more", 4);
    chain_commit(&fixture->first, 4);
    share(&fixture->first, fixture->shared, " copied");
    share(&fixture->second, fixture->shared, "!");
    expect(&fixture->first, "shared own more copied");
    expect(&fixture->second, "!");
    assert_int_equal(vector_count(&fixture->first), 2);
}

static void a_chain_cut_inside_shared_bytes_goes_on_elsewhere(void **state)
{
    struct chain_fixture *fixture = *state;
    share(&fixture->first, fixture->shared, "kept, dropped");
    chain_truncate(&fixture->first, 4);
    expect(&fixture->first, "kept");
    share(&fixture->first, fixture->shared, " again");
    chain_append(&fixture->first, ".", 1);
    expect(&fixture->first, "kept again.");
    assert_memory_equal(fixture->shared->data, "kept, dropped again", 19);
}

static void a_chain_that_waits_can_let_go_of_what_is_shared(void **state)
{
    struct chain_fixture *fixture = *state;
    share(&fixture->first, fixture->shared, "a");
    chain_append(&fixture->first, "b", 1);
    share(&fixture->second, fixture->shared, "cd");
    chain_splice(&fixture->first, &fixture->second);
    share(&fixture->first, fixture->shared, "e");
    chain_consume(&fixture->first, 1);
    chain_unshare(&fixture->first);
    assert_int_equal(fixture->shared->references, 1);
    expect(&fixture->first, "bcde");
    chain_append(&fixture->first, "f", 1);
    expect(&fixture->first, "bcdef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_appended_comes_out_in_order, start, stop),
        cmocka_unit_test_setup_teardown(many_chains_refer_to_the_same_bytes, start, stop),
        cmocka_unit_test_setup_teardown(shared_bytes_that_follow_each_other_are_one_block, start,
                                        stop),
        cmocka_unit_test_setup_teardown(own_bytes_never_land_in_shared_ones, start, stop),
        cmocka_unit_test_setup_teardown(a_chain_cut_inside_shared_bytes_goes_on_elsewhere, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_chain_that_waits_can_let_go_of_what_is_shared, start,
                                        stop),
    };
    return cmocka_run_group_tests_name("base/chain", tests, NULL, NULL);
}
